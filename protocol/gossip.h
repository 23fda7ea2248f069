/* Checkpoints of one log, compared: what a worker holds against what it is shown
 * next and against what others were shown. PROTOCOL section 4.8. Pure: the caller
 * carries questions to the log, and keeps notes and proofs.
 *
 * `held` is the newest checkpoint known to continue everything held before; the
 * first one is taken as it comes. `seen` is the newest one that the log showed.
 * Questions name sizes alone, so a log that shows two histories cannot tell which
 * answer convicts it. sodium_init() must have been called. */
#ifndef MDL_PROTOCOL_GOSSIP_H
#define MDL_PROTOCOL_GOSSIP_H

#include "protocol/checkpoint.h"
#include "protocol/messages_table.h"

enum { MDL_GOSSIP_HEARD_MAX = 8 };

/* A checkpoint with the log's own signature alone; size 0: none. */
typedef struct mdl_gossip_note {
    uint64_t size;
    mdl_hash root;
    size_t note_size;
    char note[MDL_GOSSIP_NOTE_MAX];
} mdl_gossip_note;

typedef struct mdl_gossip_past {
    uint64_t size;
    mdl_hash root;
} mdl_gossip_past;

typedef struct mdl_gossip_question {
    uint64_t from, to; /* sizes; to = 0: the log's newest */
    mdl_text note;     /* of `held`, to be shown with the question; empty: not to be shown */
} mdl_gossip_question;

typedef struct mdl_gossip {
    mdl_vkey log;
    mdl_gossip_note held, seen;
    mdl_gossip_note heard[MDL_GOSSIP_HEARD_MAX]; /* of others, not compared yet */
    uint32_t heard_count;
    mdl_gossip_past past[MDL_GOSSIP_HEARD_MAX]; /* of others, found to agree: not asked about again */
    uint32_t pasts;                             /* so many so far                                   */
    int turn;   /* of what was heard: a log that grows all the time must not outrun it */
    int look;   /* ask for the newest one, though nothing waits */
    int asking; /* a question is under way; the next two hold   */
    mdl_gossip_note first, second;
    uint64_t from, to;
} mdl_gossip;

typedef enum mdl_gossip_verdict {
    MDL_GOSSIP_AGREES, /* nothing speaks against the log                                       */
    MDL_GOSSIP_FORK,   /* it signed two histories: *proof is a fraud proof                      */
    MDL_GOSSIP_BROKEN, /* what it answered connects nothing: it lies or hides, but that is no proof */
    MDL_GOSSIP_OTHER,  /* no checkpoint of this log, or too long: nothing is changed             */
    MDL_GOSSIP_NOMEM
} mdl_gossip_verdict;

typedef struct mdl_gossip_proof {
    char *text; /* the caller's to free(); NULL but with MDL_GOSSIP_FORK */
    size_t size;
    uint64_t first, second; /* sizes of the two checkpoints */
} mdl_gossip_proof;

/* Nothing is held. `log` is of MDL_NOTE_TYPE_ED25519. */
void mdl_gossip_begin(mdl_gossip *g, const mdl_vkey *log);
/* What was held, from where the caller kept it; it is verified again. MDL_OK or
 * what mdl_checkpoint_verify() returns, or MDL_ESIZE. `proven` as in held, else seen. */
mdl_err mdl_gossip_restore(mdl_gossip *g, mdl_text note, int proven);

/* A checkpoint that the log itself showed us (`own`), or that others were shown. */
mdl_gossip_verdict mdl_gossip_take(mdl_gossip *g, mdl_text note, int own, mdl_gossip_proof *proof);

/* What to ask the log next. 1, or 0 when nothing is open. The note points into `g`. */
int mdl_gossip_ask(mdl_gossip *g, mdl_gossip_question *q);
/* Its answer: the root of the smaller tree, and `count` hashes.
 *   newest  where `to` was 0: the checkpoint's note; else not read
 * Without a question under way: MDL_GOSSIP_OTHER. */
mdl_gossip_verdict mdl_gossip_answer(mdl_gossip *g, uint64_t from, uint64_t to, const mdl_hash *root,
                                     const mdl_hash *hash, size_t count, mdl_text newest, mdl_gossip_proof *proof);
/* It was not answered: to be asked again. */
void mdl_gossip_unanswered(mdl_gossip *g);

#endif
