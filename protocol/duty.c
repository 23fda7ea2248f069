#include "protocol/duty.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

/* Places of the waiting list that a lease looks at for a job that it may
 * confirm, so that choosing stays cheap however long the list is. */
enum { PROBES = 64 };

typedef enum lease_state { OPEN = 0, ANSWERED, EXPIRED } lease_state;

typedef struct duty_lease {
    uint64_t id;
    uint8_t worker[32];
    uint32_t owner, first, count;
    int trusted;
    lease_state state;
    mdl_duty_kind kind; /* FRESH (copies too), CONFIRM (planted ones too) */
    uint8_t nonce[32], root[32];
    mdl_duty_answer *answer; /* [count] once answered */
} duty_lease;

enum { NEEDS = 1, SETTLED = 2, DISPUTED = 4, WAITS = 8, CHOSEN = 16 };

typedef struct duty_job {
    uint32_t by[MDL_DUTY_ANSWERS]; /* indices of leases, in order of their reveals */
    uint32_t open;                 /* open leases over it                          */
    uint8_t answers, flags;
} duty_job;

typedef enum event_type { GIVEN, REVEALED, ENDED, DECIDED, CONVICTED } event_type;

typedef struct duty_event {
    event_type type;
    uint32_t lease; /* index; CONVICTED: a lease of the worker */
} duty_event;

struct mdl_duty {
    mdl_duty_rules rules;
    const mdl_evolution_spec *spec;
    uint32_t generation, jobs, jobs_max, candidates;
    int secret;
    uint8_t element[MDL_DIGEST_BYTES];

    duty_job *job;     /* [jobs_max] */
    uint32_t *waiting; /* [jobs_max], jobs; no order but that of the events */
    uint32_t *order;   /* [2 jobs_max] scratch of ranking */
    uint32_t waits;    /* jobs in `waiting` */
    uint32_t answered, fresh, fresh_from, disputes;
    uint32_t open; /* leases */
    int ranked;    /* CHOSEN flags hold for the answers as they are */

    duty_lease *lease;
    uint32_t leases, leases_room;
    uint64_t first_id;
    uint32_t *number; /* index of lease first_id + i */
    uint32_t numbers, numbers_room;
    duty_event *event;
    uint32_t events, events_room;
};

mdl_duty *mdl_duty_new(uint32_t jobs_max) {
    mdl_duty *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->jobs_max = jobs_max;
    d->job = calloc(jobs_max, sizeof *d->job);
    d->waiting = calloc(jobs_max, sizeof *d->waiting);
    d->order = calloc(jobs_max, 2 * sizeof *d->order);
    if (d->job && d->waiting && d->order)
        return d;
    mdl_duty_free(d);
    return NULL;
}

static void forget(mdl_duty *d) {
    for (uint32_t i = 0; i < d->leases; i++)
        free(d->lease[i].answer);
    d->leases = d->events = d->numbers = 0;
}

void mdl_duty_free(mdl_duty *d) {
    if (!d)
        return;
    forget(d);
    free(d->job);
    free(d->waiting);
    free(d->order);
    free(d->lease);
    free(d->number);
    free(d->event);
    free(d);
}

void mdl_duty_begin(mdl_duty *d, const mdl_duty_rules *rules, const mdl_evolution_spec *spec, uint32_t generation,
                    uint32_t jobs, const uint8_t element[MDL_DIGEST_BYTES]) {
    MDL_ASSERT(jobs <= d->jobs_max);
    forget(d);
    d->rules = *rules;
    d->spec = spec;
    d->generation = generation;
    d->jobs = jobs;
    d->candidates = 0;
    for (uint32_t k = 0; k < spec->islands; k++)
        d->candidates += spec->island[k].population;
    MDL_ASSERT(jobs == 0 || d->candidates <= jobs);
    d->secret = element != NULL;
    if (element)
        memcpy(d->element, element, sizeof d->element);
    memset(d->job, 0, jobs * sizeof *d->job);
    d->waits = d->answered = d->disputes = d->fresh_from = d->open = 0;
    d->fresh = jobs;
    d->ranked = 0;
}

/* ---- draws ---- */

typedef struct draw_words {
    uint64_t w[4];
} draw_words;

/* BLAKE2b-256 of tag, element and what it is about, as four words. */
static draw_words draw(const mdl_duty *d, const char tag[8], uint64_t lease, const uint8_t a[32], const uint8_t b[32]) {
    static const char domain[16] = "modulon draw v1";
    mdl_digest digest;
    uint8_t out[MDL_DIGEST_BYTES];
    draw_words words;
    mdl_digest_init(&digest);
    mdl_sink sink = mdl_digest_sink(&digest);
    mdl_put_bytes(&sink, domain, sizeof domain);
    mdl_put_bytes(&sink, tag, 8);
    mdl_put_bytes(&sink, d->element, sizeof d->element);
    mdl_put_u64(&sink, lease);
    mdl_put_bytes(&sink, a, 32);
    if (b)
        mdl_put_bytes(&sink, b, 32);
    mdl_digest_final(&digest, out);
    mdl_reader reader = {out, sizeof out, 0};
    for (int i = 0; i < 4; i++)
        words.w[i] = mdl_get_u64(&reader);
    return words;
}

/* Whether a draw falls under a rate in millionths. */
static int falls(uint64_t word, uint32_t ppm) { return (word >> 32) * 1000000 < (uint64_t)ppm << 32; }

/* ---- jobs ---- */

static const mdl_duty_answer *answer_by(const mdl_duty *d, uint32_t lease, uint32_t job) {
    return &d->lease[lease].answer[job - d->lease[lease].first];
}

static int same(const mdl_duty_answer *a, const mdl_duty_answer *b) {
    return a->fitness == b->fitness && a->updates == b->updates &&
           memcmp(a->segment, b->segment, sizeof a->segment) == 0;
}

static int settled(const duty_job *j) { return (j->flags & SETTLED) != 0; }

/* The lease whose answer counts. */
static uint32_t value_of(const mdl_duty *d, const duty_job *j) {
    if (j->answers == 0)
        return MDL_DUTY_NONE;
    for (uint32_t i = 0; i < j->answers; i++)
        if (d->lease[j->by[i]].owner == MDL_DUTY_COORDINATOR)
            return j->by[i];
    return j->by[0];
}

static int confirmed(const mdl_duty *d, uint32_t job) {
    const duty_job *j = &d->job[job];
    if (settled(j))
        return 1;
    for (uint32_t i = 1; i < j->answers; i++)
        if (d->lease[j->by[i]].owner != d->lease[j->by[0]].owner &&
            same(answer_by(d, j->by[i], job), answer_by(d, j->by[0], job)))
            return 1;
    return 0;
}

static int has_owner(const mdl_duty *d, const duty_job *j, uint32_t owner) {
    for (uint32_t i = 0; i < j->answers; i++)
        if (d->lease[j->by[i]].owner == owner)
            return 1;
    return 0;
}

/* Puts a job on the waiting list or takes it off, as its state asks for. */
static void place(mdl_duty *d, uint32_t job) {
    duty_job *j = &d->job[job];
    int waits = (j->flags & NEEDS) && j->answers > 0 && j->open == 0 && !(j->flags & DISPUTED) && !confirmed(d, job);
    if (waits == ((j->flags & WAITS) != 0))
        return;
    j->flags ^= WAITS;
    if (waits) {
        d->waiting[d->waits++] = job;
        return;
    }
    uint32_t at = 0;
    while (d->waiting[at] != job)
        at++;
    d->waiting[at] = d->waiting[--d->waits];
}

static void judge(mdl_duty *d, uint32_t job) {
    duty_job *j = &d->job[job];
    int differ = 0;
    for (uint32_t i = 1; i < j->answers && !settled(j); i++)
        differ |= !same(answer_by(d, j->by[i], job), answer_by(d, j->by[0], job));
    if (differ != ((j->flags & DISPUTED) != 0)) {
        j->flags ^= DISPUTED;
        d->disputes = differ ? d->disputes + 1 : d->disputes - 1;
    }
    d->ranked = 0;
}

static int is_fresh(const duty_job *j) { return j->answers == 0 && j->open == 0; }

static void count_fresh(mdl_duty *d, uint32_t job, int before) {
    int after = is_fresh(&d->job[job]);
    if (after && !before) {
        d->fresh++;
        if (d->fresh == 1 || job < d->fresh_from)
            d->fresh_from = job;
    } else if (before && !after) {
        d->fresh--;
        while (d->fresh > 0 && !is_fresh(&d->job[d->fresh_from]))
            d->fresh_from++;
    }
}

static void add_answer(mdl_duty *d, uint32_t job, uint32_t lease) {
    duty_job *j = &d->job[job];
    if (j->answers == MDL_DUTY_ANSWERS) {
        if (d->lease[lease].owner != MDL_DUTY_COORDINATOR)
            return;
        j->answers--;
    }
    int before = is_fresh(j);
    d->answered += j->answers == 0;
    j->by[j->answers++] = lease;
    count_fresh(d, job, before);
}

static void drop_answer(mdl_duty *d, uint32_t job, uint32_t lease) {
    duty_job *j = &d->job[job];
    int before = is_fresh(j);
    for (uint32_t i = 0; i < j->answers; i++)
        if (j->by[i] == lease) {
            j->answers--;
            memmove(j->by + i, j->by + i + 1, (j->answers - i) * sizeof *j->by);
            d->answered -= j->answers == 0;
            break;
        }
    count_fresh(d, job, before);
}

/* ---- leases ---- */

/* Numbers of leases are consecutive; the coordinator's own answers have none. */
static uint32_t lease_index(const mdl_duty *d, uint64_t id) {
    return id - d->first_id < d->numbers ? d->number[id - d->first_id] : MDL_DUTY_NONE;
}

/* ---- memory ---- */

/* Room for one more event beside those that end the open leases, which must not fail. */
static int event_room(mdl_duty *d, uint32_t more) {
    uint32_t needed = d->events + d->open + more;
    if (needed <= d->events_room)
        return 1;
    uint32_t room = needed + needed / 2 + 64;
    duty_event *at = realloc(d->event, room * sizeof *at);
    if (!at)
        return 0;
    d->event = at;
    d->events_room = room;
    return 1;
}

static void note(mdl_duty *d, event_type type, uint32_t lease) {
    MDL_ASSERT(d->events < d->events_room);
    d->event[d->events++] = (duty_event){type, lease};
}

/* A lease at the end of the list, with room for its answers and its events. */
static duty_lease *new_lease(mdl_duty *d, uint32_t first, uint32_t count) {
    if (d->leases == d->leases_room) {
        uint32_t room = d->leases_room ? 2 * d->leases_room : 64;
        duty_lease *at = realloc(d->lease, room * sizeof *at);
        if (!at)
            return NULL;
        d->lease = at;
        d->leases_room = room;
    }
    mdl_duty_answer *answer = event_room(d, 2) ? malloc(count * sizeof *answer) : NULL;
    if (!answer)
        return NULL;
    duty_lease *l = &d->lease[d->leases++];
    *l = (duty_lease){.first = first, .count = count, .answer = answer};
    return l;
}

/* ---- choosing ---- */

static int may_confirm(const mdl_duty *d, uint32_t job, uint32_t owner) { return !has_owner(d, &d->job[job], owner); }

/* A job that the coordinator settled and this owner has not answered, from a
 * place that the draw names. */
static uint32_t planted_job(const mdl_duty *d, uint64_t word, uint32_t owner) {
    for (uint32_t i = 0; i < PROBES && i < d->jobs; i++) {
        uint32_t job = (uint32_t)((word + i) % d->jobs);
        if (settled(&d->job[job]) && d->job[job].open == 0 && may_confirm(d, job, owner) &&
            d->job[job].answers < MDL_DUTY_ANSWERS)
            return job;
    }
    return MDL_DUTY_NONE;
}

static uint32_t waiting_job(const mdl_duty *d, uint64_t word, uint32_t owner) {
    for (uint32_t i = 0; i < PROBES && i < d->waits; i++) {
        uint32_t job = d->waiting[(word + i) % d->waits];
        if (may_confirm(d, job, owner))
            return job;
    }
    return MDL_DUTY_NONE;
}

mdl_duty_choice mdl_duty_choose(const mdl_duty *d, uint64_t lease, const uint8_t worker[32], uint32_t owner,
                                int trusted) {
    MDL_ASSERT(d->secret);
    mdl_duty_choice none = {MDL_DUTY_NOTHING, 0, 0};
    draw_words x = draw(d, "lease\0\0", lease, worker, NULL);
    if (d->jobs == 0)
        return none;
    if (falls(x.w[0], d->rules.plant_ppm)) {
        uint32_t job = planted_job(d, x.w[1], owner);
        if (job != MDL_DUTY_NONE)
            return (mdl_duty_choice){MDL_DUTY_PLANTED, job, 1};
    }
    if (trusted && d->waits > 0 && x.w[2] % ((uint64_t)d->waits + d->fresh) < d->waits) {
        uint32_t job = waiting_job(d, x.w[1], owner), most = 1;
        if (job != MDL_DUTY_NONE) {
            uint32_t source = d->job[job].by[0];
            while (job + most < d->jobs && (d->job[job + most].flags & WAITS) && d->job[job + most].by[0] == source &&
                   d->job[job + most].answers == d->job[job].answers && may_confirm(d, job + most, owner))
                most++;
            return (mdl_duty_choice){MDL_DUTY_CONFIRM, job, most};
        }
    }
    if (d->fresh == 0)
        return none;
    uint32_t first = d->fresh_from, most = 1;
    while (first + most < d->jobs && is_fresh(&d->job[first + most]))
        most++;
    return (mdl_duty_choice){MDL_DUTY_FRESH, first, most};
}

/* ---- events ---- */

static int covers(const duty_lease *l, uint32_t first, uint32_t count) {
    return l->first == first && l->count == count;
}

/* An open lease of exactly these jobs. */
static uint32_t twin(const mdl_duty *d, uint32_t first, uint32_t count) {
    for (uint32_t i = d->leases; i > 0; i--)
        if (d->lease[i - 1].state == OPEN && covers(&d->lease[i - 1], first, count))
            return i - 1;
    return MDL_DUTY_NONE;
}

int mdl_duty_may_lease(const mdl_duty *d, uint32_t owner, uint32_t first, uint32_t count) {
    uint32_t open = 0, answered = 0;
    MDL_ASSERT(count > 0 && first < d->jobs && count <= d->jobs - first);
    for (uint32_t i = first; i < first + count; i++) {
        open += d->job[i].open > 0;
        answered += d->job[i].answers > 0;
        if (d->job[i].answers == MDL_DUTY_ANSWERS || !may_confirm(d, i, owner))
            return 0;
    }
    if (answered != 0 && answered != count)
        return 0;
    return open == 0 || (open == count && twin(d, first, count) != MDL_DUTY_NONE);
}

mdl_err mdl_duty_lease(mdl_duty *d, uint64_t lease, const uint8_t worker[32], uint32_t owner, int trusted,
                       uint32_t first, uint32_t count) {
    MDL_ASSERT(mdl_duty_may_lease(d, owner, first, count) && owner != MDL_DUTY_COORDINATOR);
    MDL_ASSERT(d->numbers == 0 || lease == d->first_id + d->numbers);
    if (d->numbers == d->numbers_room) {
        uint32_t room = d->numbers_room ? 2 * d->numbers_room : 64;
        uint32_t *at = realloc(d->number, room * sizeof *at);
        if (!at)
            return MDL_ENOMEM;
        d->number = at;
        d->numbers_room = room;
    }
    duty_lease *l = new_lease(d, first, count);
    if (!l)
        return MDL_ENOMEM;
    if (d->numbers == 0)
        d->first_id = lease;
    d->number[d->numbers++] = d->leases - 1;
    l->id = lease;
    memcpy(l->worker, worker, sizeof l->worker);
    l->owner = owner;
    l->trusted = trusted;
    l->kind = d->job[first].answers > 0 ? MDL_DUTY_CONFIRM : MDL_DUTY_FRESH;
    note(d, GIVEN, d->leases - 1);
    d->open++;
    for (uint32_t i = first; i < first + count; i++) {
        int before = is_fresh(&d->job[i]);
        d->job[i].open++;
        count_fresh(d, i, before);
        place(d, i);
    }
    return MDL_OK;
}

static void close_lease(mdl_duty *d, duty_lease *l, lease_state state) {
    MDL_ASSERT(l->state == OPEN);
    l->state = state;
    d->open--;
    for (uint32_t i = l->first; i < l->first + l->count; i++) {
        int before = is_fresh(&d->job[i]);
        d->job[i].open--;
        count_fresh(d, i, before);
    }
}

int mdl_duty_may_reveal(const mdl_duty *d, uint64_t lease) {
    uint32_t at = lease_index(d, lease);
    if (at == MDL_DUTY_NONE || d->lease[at].state != OPEN)
        return 0;
    const duty_lease *l = &d->lease[at];
    for (uint32_t i = l->first; l->kind == MDL_DUTY_FRESH && i < l->first + l->count; i++)
        if (d->job[i].answers > 0)
            return 0;
    return 1;
}

void mdl_duty_reveal(mdl_duty *d, uint64_t lease, const uint8_t nonce[32], const uint8_t root[32],
                     const mdl_duty_answer *answer) {
    MDL_ASSERT(mdl_duty_may_reveal(d, lease));
    uint32_t at = lease_index(d, lease);
    duty_lease *l = &d->lease[at];
    memcpy(l->nonce, nonce, sizeof l->nonce);
    memcpy(l->root, root, sizeof l->root);
    memcpy(l->answer, answer, l->count * sizeof *answer);
    close_lease(d, l, ANSWERED);
    note(d, REVEALED, at);
    uint32_t drawn = MDL_DUTY_NONE;
    if (d->secret && l->kind == MDL_DUTY_FRESH && l->trusted) {
        draw_words x = draw(d, "check\0\0", l->id, nonce, root);
        if (falls(x.w[0], d->rules.floor_ppm))
            drawn = l->first + (uint32_t)(x.w[1] % l->count);
    }
    for (uint32_t i = l->first; i < l->first + l->count; i++) {
        add_answer(d, i, at);
        if (!l->trusted || i == drawn)
            d->job[i].flags |= NEEDS;
        judge(d, i);
        place(d, i);
    }
}

void mdl_duty_expire(mdl_duty *d, uint64_t lease) {
    uint32_t at = lease_index(d, lease);
    MDL_ASSERT(at != MDL_DUTY_NONE);
    close_lease(d, &d->lease[at], EXPIRED);
    note(d, ENDED, at);
    for (uint32_t i = d->lease[at].first; i < d->lease[at].first + d->lease[at].count; i++)
        place(d, i);
}

mdl_err mdl_duty_settle(mdl_duty *d, uint32_t job, const mdl_duty_answer *answer) {
    MDL_ASSERT(job < d->jobs && d->job[job].answers > 0 && !settled(&d->job[job]));
    duty_lease *l = new_lease(d, job, 1);
    if (!l)
        return MDL_ENOMEM;
    l->id = UINT64_MAX;
    l->owner = MDL_DUTY_COORDINATOR;
    l->state = ANSWERED;
    l->kind = MDL_DUTY_CONFIRM;
    *l->answer = *answer;
    note(d, DECIDED, d->leases - 1);
    add_answer(d, job, d->leases - 1);
    d->job[job].flags |= SETTLED;
    judge(d, job);
    place(d, job);
    return MDL_OK;
}

mdl_err mdl_duty_convict(mdl_duty *d, const uint8_t worker[32]) {
    uint32_t any = MDL_DUTY_NONE;
    if (!event_room(d, 1))
        return MDL_ENOMEM;
    for (uint32_t k = 0; k < d->leases; k++) {
        duty_lease *l = &d->lease[k];
        if (l->owner == MDL_DUTY_COORDINATOR || memcmp(l->worker, worker, sizeof l->worker) != 0)
            continue;
        any = k;
        lease_state was = l->state;
        if (was == OPEN)
            close_lease(d, l, EXPIRED);
        for (uint32_t i = l->first; i < l->first + l->count; i++) {
            if (was == ANSWERED && !confirmed(d, i))
                drop_answer(d, i, k);
            else if (was == ANSWERED && settled(&d->job[i]) &&
                     !same(answer_by(d, k, i), answer_by(d, value_of(d, &d->job[i]), i)))
                drop_answer(d, i, k);
            judge(d, i);
            place(d, i);
        }
    }
    if (any != MDL_DUTY_NONE)
        note(d, CONVICTED, any);
    return MDL_OK;
}

/* ---- what follows ---- */

uint32_t mdl_duty_answered(const mdl_duty *d) { return d->answered; }

uint32_t mdl_duty_fresh(const mdl_duty *d) { return d->fresh; }

const mdl_duty_answer *mdl_duty_answer_of(const mdl_duty *d, uint32_t job) {
    uint32_t by = value_of(d, &d->job[job]);
    return by == MDL_DUTY_NONE ? NULL : answer_by(d, by, job);
}

uint32_t mdl_duty_answers(const mdl_duty *d, uint32_t job) { return d->job[job].answers; }

const mdl_duty_answer *mdl_duty_answer_at(const mdl_duty *d, uint32_t job, uint32_t i, uint64_t *lease) {
    uint32_t by = d->job[job].by[i];
    if (lease)
        *lease = d->lease[by].id;
    return answer_by(d, by, job);
}

int mdl_duty_settled(const mdl_duty *d, uint32_t job) { return settled(&d->job[job]); }

int mdl_duty_confirmed(const mdl_duty *d, uint32_t job) { return d->job[job].answers > 0 && confirmed(d, job); }

mdl_duty_kind mdl_duty_kind_of(const mdl_duty *d, uint64_t lease) {
    uint32_t at = lease_index(d, lease);
    return at == MDL_DUTY_NONE ? MDL_DUTY_NOTHING : d->lease[at].kind;
}

uint32_t mdl_duty_disputed(const mdl_duty *d, uint32_t from) {
    for (uint32_t i = from; d->disputes > 0 && i < d->jobs; i++)
        if (d->job[i].flags & DISPUTED)
            return i;
    return MDL_DUTY_NONE;
}

uint32_t mdl_duty_waiting(const mdl_duty *d, uint32_t from) {
    for (uint32_t i = from; d->waits > 0 && i < d->jobs; i++)
        if (d->job[i].flags & WAITS)
            return i;
    return MDL_DUTY_NONE;
}

/* Marks validation jobs and the elite of each island: the GA's parents, and the
 * best candidate of the others. Ties go to the lower index, as in SPEC 8.3. */
static void choose_elite(mdl_duty *d) {
    for (uint32_t i = 0; i < d->jobs; i++) {
        d->job[i].flags &= (uint8_t)~CHOSEN;
        if (i >= d->candidates)
            d->job[i].flags |= CHOSEN;
    }
    uint32_t first = 0;
    for (uint32_t k = 0; k < d->spec->islands; k++) {
        const mdl_island_spec *island = &d->spec->island[k];
        uint32_t elite = island->algorithm == MDL_GA ? island->elite : 1;
        /* The elite in `order`, best first: insertion, for it is small beside the population. */
        uint32_t kept = 0;
        for (uint32_t i = first; i < first + island->population; i++) {
            int64_t fitness = mdl_duty_answer_of(d, i)->fitness;
            uint32_t at = kept;
            while (at > 0 && mdl_duty_answer_of(d, d->order[at - 1])->fitness < fitness)
                at--;
            if (at >= elite)
                continue;
            uint32_t moved = kept < elite ? kept - at : kept - 1 - at;
            memmove(d->order + at + 1, d->order + at, moved * sizeof *d->order);
            d->order[at] = i;
            kept += kept < elite;
        }
        for (uint32_t i = 0; i < kept; i++)
            d->job[d->order[i]].flags |= CHOSEN;
        first += island->population;
    }
    d->ranked = 1;
}

uint32_t mdl_duty_selected(mdl_duty *d, uint32_t from) {
    if (!d->rules.selected || d->answered < d->jobs || d->disputes > 0)
        return MDL_DUTY_NONE;
    if (!d->ranked)
        choose_elite(d);
    for (uint32_t i = from; i < d->jobs; i++)
        if ((d->job[i].flags & CHOSEN) && !settled(&d->job[i]))
            return i;
    return MDL_DUTY_NONE;
}

/* The first job that an answer waits for, whether a lease covers it or not. */
static uint32_t unconfirmed(const mdl_duty *d) {
    for (uint32_t i = 0; i < d->jobs; i++)
        if ((d->job[i].flags & NEEDS) && !confirmed(d, i))
            return i;
    return MDL_DUTY_NONE;
}

int mdl_duty_done(mdl_duty *d) {
    return d->answered == d->jobs && d->disputes == 0 && mdl_duty_selected(d, 0) == MDL_DUTY_NONE &&
           unconfirmed(d) == MDL_DUTY_NONE;
}

/* ---- replay ---- */

static const char *const kinds[] = {"fresh work", "a confirmation", "a planted job", "nothing"};

static mdl_err replay_lease(mdl_duty *d, const duty_lease *l, char *fault, size_t size) {
    mdl_duty_choice c = mdl_duty_choose(d, l->id, l->worker, l->owner, l->trusted);
    int right = c.kind == MDL_DUTY_NOTHING ? twin(d, l->first, l->count) != MDL_DUTY_NONE
                                           : l->first == c.first && l->count <= c.most;
    if (right && mdl_duty_may_lease(d, l->owner, l->first, l->count))
        return mdl_duty_lease(d, l->id, l->worker, l->owner, l->trusted, l->first, l->count);
    snprintf(fault, size, "lease %llu has %u jobs from %u; the beacon gives %s from %u", (unsigned long long)l->id,
             (unsigned)l->count, (unsigned)l->first, kinds[c.kind], (unsigned)c.first);
    return MDL_EMISMATCH;
}

mdl_err mdl_duty_replay(const mdl_duty *seen, mdl_duty *scratch, const uint8_t element[MDL_DIGEST_BYTES], char *fault,
                        size_t size) {
    mdl_duty_begin(scratch, &seen->rules, seen->spec, seen->generation, seen->jobs, element);
    for (uint32_t i = 0; i < seen->events; i++) {
        const duty_event *e = &seen->event[i];
        const duty_lease *l = &seen->lease[e->lease];
        mdl_err err = MDL_OK;
        switch (e->type) {
        case GIVEN:
            err = replay_lease(scratch, l, fault, size);
            break;
        case REVEALED:
            mdl_duty_reveal(scratch, l->id, l->nonce, l->root, l->answer);
            break;
        case ENDED:
            mdl_duty_expire(scratch, l->id);
            break;
        case DECIDED:
            err = mdl_duty_settle(scratch, l->first, l->answer);
            break;
        case CONVICTED:
            err = mdl_duty_convict(scratch, l->worker);
            break;
        }
        if (err != MDL_OK)
            return err;
    }
    if (mdl_duty_done(scratch))
        return MDL_OK;
    uint32_t job = unconfirmed(scratch);
    if (job == MDL_DUTY_NONE)
        job = mdl_duty_selected(scratch, 0);
    snprintf(fault, size, "job %u has to be confirmed and is not", (unsigned)job);
    return MDL_EMISMATCH;
}
