/* What the two files of mdl_duty share. duty.c: jobs, leases, answers;
 * duty_choose.c: draws, what a lease must be, what is selected, the replay. */
#ifndef MDL_PROTOCOL_DUTY_INTERNAL_H
#define MDL_PROTOCOL_DUTY_INTERNAL_H

#include "protocol/duty.h"
#include "protocol/name_index.h"

typedef enum lease_state { OPEN = 0, ANSWERED, EXPIRED } lease_state;

typedef struct duty_lease {
    uint64_t id;
    uint8_t worker[32];
    uint32_t owner, first, count;
    uint32_t before; /* the newest lease before it that begins at `first`; MDL_DUTY_NONE */
    uint32_t later;  /* the next lease of this worker, or that was joined; MDL_DUTY_NONE  */
    uint32_t last;   /* of the first lease of a worker: its newest one                   */
    int trusted;
    lease_state state;
    mdl_duty_kind kind; /* FRESH (copies too), CONFIRM (planted ones too) */
    uint8_t nonce[32], root[32];
    int silent;              /* its worker did not show the round's nonce */
    mdl_duty_answer *answer; /* [count] once answered */
    int against;             /* one of them contradicts the coordinator's, which stood when they came */
    uint64_t *party;         /* [parties] leases of shards that answered together, else NULL */
    uint32_t parties;
    int replicated;
} duty_lease;

enum { NEEDS = 1, SETTLED = 2, DISPUTED = 4, WAITS = 8, LACKS = 16 /* needs, and is not confirmed */ };

typedef struct duty_job {
    uint32_t by[MDL_DUTY_ANSWERS]; /* indices of leases, in order of their reveals */
    uint32_t open;                 /* open leases over it                          */
    uint32_t confirms;             /* of them those that confirm; fresh work that was answered counts no more */
    uint32_t newest;               /* lease that begins here; MDL_DUTY_NONE */
    uint32_t where;                /* place in `waiting`, while it WAITS    */
    uint8_t answers, flags;
} duty_job;

typedef enum event_type { GIVEN, REVEALED, ENDED, DECIDED, CONVICTED, DRAWN, JOINED } event_type;

typedef struct duty_event {
    event_type type;
    uint32_t lease; /* index; CONVICTED: a lease of the worker */
} duty_event;

struct mdl_duty {
    mdl_duty_rules rules;
    const mdl_evolution_spec *spec;
    uint32_t generation, jobs, jobs_max, candidates;
    int secret, drawn; /* drawn: with these, where they are shared */
    uint8_t nonces[MDL_DIGEST_BYTES];
    uint8_t element[MDL_DIGEST_BYTES];

    duty_job *job;     /* [jobs_max] */
    uint32_t *waiting; /* [jobs_max], jobs; no order but that of the events */
    uint32_t *order;   /* [2 jobs_max] scratch of ranking */
    uint32_t *chosen;  /* [jobs_max] validation jobs and elites, rising, while `ranked` */
    uint32_t waits;    /* jobs in `waiting` */
    uint32_t answered, fresh, fresh_from, disputes, lacks;
    uint32_t open; /* leases */
    uint32_t choices;
    int ranked; /* `chosen` holds for the answers as they are */

    duty_lease *lease;
    uint32_t leases, leases_room;
    uint64_t first_id;
    uint32_t *number; /* index of lease first_id + i */
    uint32_t numbers, numbers_room;
    mdl_name_index workers;       /* first lease of each */
    uint32_t joined, joined_last; /* leases of shards that answered together; MDL_DUTY_NONE */
    duty_event *event;
    uint32_t events, events_room;
};

typedef struct mdl_duty_words {
    uint64_t w[4];
} mdl_duty_words;

/* BLAKE2b-256 of tag, element and what it is about, as four words. */
/* mdl_duty_draw_units() where it is known who is silent. */
void mdl_duty_draw_all(mdl_duty *d, const uint8_t nonces[MDL_DIGEST_BYTES]);

mdl_duty_words mdl_duty_draw(const mdl_duty *d, const char tag[8], uint64_t lease, const uint8_t a[32],
                             const uint8_t b[32]);
/* Whether a draw falls under a rate in millionths. */
static inline int mdl_duty_falls(uint64_t word, uint32_t ppm) { return (word >> 32) * 1000000 < (uint64_t)ppm << 32; }

static inline int mdl_duty_is_fresh(const duty_job *j) { return j->answers == 0 && j->open == 0; }
/* No answer of this owner. */
int mdl_duty_may_confirm(const mdl_duty *d, uint32_t job, uint32_t owner);
/* An open lease of exactly these jobs that can still be answered. */
uint32_t mdl_duty_twin(const mdl_duty *d, uint32_t first, uint32_t count);

#endif
