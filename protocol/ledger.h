/* The ledger's rules: a fold over its records. PROTOCOL section 6.
 *
 * Coordinator, worker statements and auditor share this one fold, so that what
 * the coordinator believes is what anyone derives from its log. A record is an
 * envelope; applying it either changes the state by exactly what the rules say
 * or names the rule that it breaks and changes nothing. */
#ifndef MDL_PROTOCOL_LEDGER_H
#define MDL_PROTOCOL_LEDGER_H

#include "core/experiment.h"
#include "core/life.h"
#include "protocol/duty.h"
#include "protocol/envelope.h"
#include "protocol/merkle.h"
#include "protocol/messages.h"
#include "protocol/referee.h"

/* Rules, numbered for reports. X(NAME, number, sentence) */
#define MDL_RULE_MAP(X)                                                                                                \
    X(OK, 0, "the record follows the rules")                                                                           \
    X(FORM, 1, "a record is an envelope in its one form, with a known type and a valid payload")                       \
    X(SIGNATURE, 2, "a record is signed by the key that it names")                                                     \
    X(SIGNER, 3, "results are signed by the lease's worker, everything else by the coordinator")                       \
    X(GENESIS, 4, "the first record, and no other, is the genesis, and names the coordinator")                         \
    X(DOCUMENT, 5, "the genesis names a stored experiment file that is valid, whose id every record carries")          \
    X(ADMIT, 6, "a worker is admitted once, with a sound key and the ticket or invitation that admission asks for")    \
    X(LEASE, 7,                                                                                                        \
      "a lease has the next number, goes to an admitted worker who is not banned, and covers "                         \
      "jobs of the current generation: without a result and in no other open lease but one "                           \
      "of just them, or all with results, none of its owner's")                                                        \
    X(RESULT, 8,                                                                                                       \
      "a result answers an open lease of its worker, for exactly its jobs, with sums in "                              \
      "range, and its segments have its root and its sum of updates")                                                  \
    X(EXPIRE, 9, "only an open lease expires, for a reason that ends leases; a closing expires silently what is open") \
    X(CLOSE, 10, "a generation closes when every job has a result, with their list and the state that follows")        \
    X(CREDIT, 11,                                                                                                      \
      "credit follows a closing at once, and is, worker by worker, the updates of accepted "                           \
      "results whose time of waiting is over")                                                                         \
    X(CHAMPION, 12,                                                                                                    \
      "the champion comes once, after the last credit, and is the genome that the evolution's state names")            \
    X(ADMIN, 13,                                                                                                       \
      "an action of the operator is one of pause, resume, ban, unban, rotate, revoke, session, with a "                \
      "target where it needs one, and the statement of whose key it is; a convict stays banned")                       \
    X(END, 14, "nothing follows the end, and it names the champion")                                                   \
    X(BLOB, 15, "a blob that a record names is stored and has its digest")                                             \
    X(NUMBER, 16, "a record of the coordinator belongs to no session and has its own index as its number")             \
    X(NOMEM, 17, "no breach: memory ran out before the record could be judged; try again with more")                   \
    X(COMMIT, 18, "a commitment comes once for an open lease, and its result is the one that was committed")           \
    X(BEACON, 19, "a closing reveals the next element of the hash chain whose head is in the genesis")                 \
    X(ASSIGNMENT, 20, "every lease is the one that the beacon gives to its number and its worker")                     \
    X(CONFIRMATION, 21, "what probation, the draws and selection ask for was done again before the closing")           \
    X(CHECK, 22, "a check is of an answered job that has none, and agrees with all its answers")                       \
    X(VERDICT, 23, "a verdict is of an answered job without a check, and differs from one of its answers at least")    \
    X(CORRECTION, 24,                                                                                                  \
      "a correction is of a convict's unit that is owed one, for exactly its jobs; no generation closes before all "   \
      "that are owed")                                                                                                 \
    X(SHARD, 25,                                                                                                       \
      "shards are leased where the experiment cuts networks, of jobs without an answer and of one cut, and their "     \
      "results are for them")                                                                                          \
    X(JOINED, 26,                                                                                                      \
      "shards are joined once each has a result, and answer, transcript and roots follow from one another")            \
    X(SHARD_VERDICT, 27, "a shard's worker is convicted by a window that it signed and that is not the right one")     \
    X(DISPUTE, 28, "a dispute is of two answers of an open job that differ, one at a time")                            \
    X(MOVE, 29, "a move in a dispute is the one that is asked of its worker, and has the form that it must have")      \
    X(JUDGEMENT, 30, "a judgement follows the last move that is needed, and finds wrong who is wrong by it")           \
    X(EQUIVOCATION, 31,                                                                                                \
      "an equivocation is a message of the worker under the number and session of a commit or result of its, or "      \
      "another commitment to its lease")                                                                               \
    X(NONCE, 32,                                                                                                       \
      "a round's nonce is shown once, when all jobs have answers and nothing is drawn, by a worker that "              \
      "committed to it before anybody showed one; the draw is with all that were shown")

typedef enum mdl_rule {
#define X(name, number, sentence) MDL_RULE_##name = number,
    MDL_RULE_MAP(X)
#undef X
} mdl_rule;

const char *mdl_rule_name(int rule);     /* never NULL */
const char *mdl_rule_sentence(int rule); /* never NULL */

/* What broke which rule. */
typedef struct mdl_breach {
    mdl_rule rule;
    uint64_t index; /* of the record                             */
    uint8_t
        culprit[MDL_KEY_BYTES]; /* who signed it; zeros before the signature is known to be sound (FORM, SIGNATURE) */
    char text[256];             /* what was found, what the rule asks        */
} mdl_breach;

/* Blobs by digest. `get` gives bytes that stay valid until the next get, checks
 * nothing; MDL_ENOENT when there is none. A record is applied after its blobs
 * are stored. */
typedef struct mdl_blobs {
    mdl_err (*get)(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size);
    void *ctx;
} mdl_blobs;

/* A unit of a closed generation of which an answer counted that nobody had confirmed. */
typedef struct mdl_ledger_unit {
    uint64_t record;                   /* of its result   */
    uint32_t generation, first, count; /* jobs            */
    uint8_t claim[MDL_DIGEST_BYTES];   /* of its answers  */
} mdl_ledger_unit;

typedef struct mdl_ledger_worker {
    uint8_t key[MDL_KEY_BYTES], owner[MDL_KEY_BYTES];
    char name[65];
    uint64_t admitted; /* record                                        */
    uint32_t banned, how;
    uint64_t revoked;                 /* record that ended its key for good; 0: none   */
    uint8_t successor[MDL_KEY_BYTES]; /* key that it named; zeros: none                */
    uint32_t line;                    /* index of the first key of those that followed each other here */
    uint8_t session[MDL_KEY_BYTES];   /* its session key; its own key: none any more                    */
    uint64_t session_number;          /* of the newest statement; 0: none yet                           */
    uint32_t session_until;           /* last generation                                                */
    uint8_t round[MDL_DIGEST_BYTES], shown[MDL_DIGEST_BYTES]; /* digest of its round nonce; the nonce */
    uint32_t round_at, shown_at;                              /* generation + 1 of these two; 0: none */
    uint32_t round_late;        /* the digest came, or was changed, when others had shown theirs */
    uint32_t open;              /* leases                                        */
    uint64_t accepted, expired; /* leases; `expired` includes those that a closing ended */
    uint64_t credit, pending;   /* synapse updates: paid; of the current generation */
    uint64_t waiting;           /* of closed generations, not paid yet           */
    uint64_t forfeited;         /* lost by a conviction                          */
    uint64_t verdict;           /* record that convicted it; 0: none             */
    mdl_ledger_unit *past;      /* newest such units, up to `review`, rising; of a convict: owed */
    uint32_t pasts;
    uint32_t reviewed, corrected;                     /* units done again after its conviction; of them wrong */
    uint32_t verified;                                /* leases all of whose answers were confirmed    */
    uint32_t owner_number;                            /* equal for equal owners                        */
    uint64_t escrow[MDL_VERIFY_WINDOW_MAX + 1], held; /* `waiting` by generation mod window + 1; on probation */
} mdl_ledger_worker;

typedef enum mdl_lease_state { MDL_LEASE_OPEN = 0, MDL_LEASE_DONE = 1, MDL_LEASE_EXPIRED = 2 } mdl_lease_state;

/* Where a record of a lease stood in its worker's session, and what it said. */
typedef struct mdl_ledger_said {
    uint8_t session[16]; /* zeros: nothing yet */
    uint64_t seq;
    mdl_hash digest; /* of name and payload */
} mdl_ledger_said;

typedef struct mdl_ledger_lease {
    uint64_t id;
    uint32_t worker;                   /* index into workers                     */
    uint32_t generation, first, count; /* jobs                                   */
    mdl_lease_state state;
    uint64_t record, result; /* records; result is valid when done     */
    uint64_t commit;         /* record of its commitment; 0: none      */
    uint8_t commitment[MDL_DIGEST_BYTES];
    mdl_ledger_said said[2];   /* its commit; its result */
    uint8_t trusted, verified; /* its worker was trusted when it got it; all its answers were confirmed */
    /* Of a shard of job `first`: section 12. */
    uint32_t shard, shards;               /* 0 shards: ordinary work                         */
    uint32_t life, window;                /* where it begins                                 */
    uint32_t windows;                     /* done: run from its beginning to the job's end    */
    uint64_t spent;                       /* windows run on what was false                   */
    uint8_t root[MDL_DIGEST_BYTES];       /* done: over their digests                 */
    uint8_t joined;                       /* done: and its job has an answer                 */
    uint8_t (*regions)[MDL_DIGEST_BYTES]; /* done: of its regions in order; the fold's */
} mdl_ledger_lease;

/* What the genesis asks of workers: "open <bits>" (bits 0..MDL_TICKET_BITS_MAX,
 * decimal without leading zeros), "list" or "invite". */
typedef enum mdl_admission_how { MDL_ADMIT_OPEN = 1, MDL_ADMIT_LIST = 2, MDL_ADMIT_INVITE = 3 } mdl_admission_how;

typedef struct mdl_admission {
    mdl_admission_how how; /* `how` of the admissions */
    uint32_t bits;         /* open: of the ticket     */
} mdl_admission;

/* MDL_OK or MDL_ESYNTAX. */
mdl_err mdl_admission_parse(const char *text, mdl_admission *out);

typedef struct mdl_ledger mdl_ledger;

/* A fold at its beginning. `coordinator`: the key that must have signed; the
 * blob source is kept by reference. NULL when out of memory. */
mdl_ledger *mdl_ledger_new(const uint8_t coordinator[MDL_KEY_BYTES], const mdl_blobs *blobs);
void mdl_ledger_free(mdl_ledger *l);

/* Apply record number mdl_ledger_size(). With `verified` the signature has been
 * checked already (coordinator: on its thread pool, or its own). On a breach the
 * state is unchanged and *breach (may be NULL) says why. MDL_RULE_NOMEM leaves
 * the state unchanged too, and accuses nobody. */
mdl_rule mdl_ledger_apply(mdl_ledger *l, const uint8_t *record, size_t size, int verified, mdl_breach *breach);
/* The same for a record that the caller has taken apart, mdl_envelope_decode() and
 * mdl_message_of(), and whose signature it has verified. */
mdl_rule mdl_ledger_apply_message(mdl_ledger *l, const mdl_envelope *e, const mdl_message *m, mdl_breach *breach);

/* ---- what the fold knows ---- */
uint64_t mdl_ledger_size(const mdl_ledger *l);                  /* records applied           */
const mdl_msg_genesis *mdl_ledger_genesis(const mdl_ledger *l); /* NULL before it    */
const uint8_t *mdl_ledger_experiment_id(const mdl_ledger *l);   /* 32 bytes          */
const mdl_experiment *mdl_ledger_experiment(const mdl_ledger *l);
const mdl_evolution *mdl_ledger_evolution(const mdl_ledger *l); /* current generation */
uint32_t mdl_ledger_genes(const mdl_ledger *l);
uint32_t mdl_ledger_jobs(const mdl_ledger *l); /* of the current generation */
uint32_t mdl_ledger_jobs_done(const mdl_ledger *l);
/* The result of job `index` of the current generation: 0 while there is none. */
int mdl_ledger_job_result(const mdl_ledger *l, uint32_t index, int64_t *fitness, uint64_t *record);
/* Leases of the current and the last generation, ascending by id. */
uint32_t mdl_ledger_leases(const mdl_ledger *l, const mdl_ledger_lease **at);
const mdl_ledger_lease *mdl_ledger_lease_find(const mdl_ledger *l, uint64_t id); /* NULL: none */
uint64_t mdl_ledger_next_lease(const mdl_ledger *l);
uint32_t mdl_ledger_workers(const mdl_ledger *l, const mdl_ledger_worker **at);
const mdl_ledger_worker *mdl_ledger_worker_find(const mdl_ledger *l, const uint8_t key[MDL_KEY_BYTES]);
/* Whose key this is: a worker's own, or a session key that it has or ever had. NULL: nobody's. */
const mdl_ledger_worker *mdl_ledger_signer(const mdl_ledger *l, const uint8_t key[MDL_KEY_BYTES]);
/* Whether a key may sign for this worker now: its own, or its session key until that ends. */
int mdl_ledger_speaks(const mdl_ledger *l, const mdl_ledger_worker *w, const uint8_t key[MDL_KEY_BYTES]);
/* Whether its session key's last generation has closed. */
int mdl_ledger_session_over(const mdl_ledger *l, const mdl_ledger_worker *w);
/* Under which key it goes on: itself, or its last successor. */
const mdl_ledger_worker *mdl_ledger_heir(const mdl_ledger *l, const mdl_ledger_worker *w);
int mdl_ledger_paused(const mdl_ledger *l);
/* Whether the experiment asks for verification; if not, nothing is committed or done again. */
int mdl_ledger_verifies(const mdl_ledger *l);
/* Whether a worker, by its index, has passed probation. */
int mdl_ledger_trusted(const mdl_ledger *l, uint32_t worker);
/* Whether no other key came before or after this worker's: a conviction reaches the whole line. */
int mdl_ledger_alone(const mdl_ledger *l, uint32_t worker);
/* Answers, leases and what is to be done again, of the open generation. Not before the genesis. */
const mdl_duty *mdl_ledger_duty(const mdl_ledger *l);
/* mdl_duty_selected() of it. */
uint32_t mdl_ledger_selected(mdl_ledger *l, uint32_t from);
/* Whether the generation may close: as mdl_duty_done(). */
int mdl_ledger_settled(mdl_ledger *l);
/* The transcript's digest and the record of the shards that answered a job of the open generation: 0 where none did. */
uint64_t mdl_ledger_joined(const mdl_ledger *l, uint32_t job, uint8_t transcript[MDL_DIGEST_BYTES]);
/* Units of convicts in closed generations that are owed a correction. While there are any no generation closes. */
uint64_t mdl_ledger_owed(const mdl_ledger *l);
/* One of them, of the lowest generation; *worker: its index. NULL: none. Walks over the workers. */
const mdl_ledger_unit *mdl_ledger_owed_first(const mdl_ledger *l, uint32_t *worker);
/* Two answers that are taken apart: PROTOCOL 11.6. */
enum { MDL_LEDGER_MOVES_MAX = 19 }; /* of a dispute: two sides' rows, eight rounds of two, one state */
typedef struct mdl_ledger_dispute {
    uint32_t job;
    uint64_t opened;                 /* record                                      */
    uint64_t lease[2];               /* of the sides                                */
    uint32_t worker[2];              /* their indices                               */
    mdl_referee referee;             /* without a life: it takes rows and points    */
    int has_state;                   /* the state that is needed was shown          */
    uint8_t state[MDL_DIGEST_BYTES]; /* then its blob                         */
    struct mdl_ledger_move {
        uint8_t kind, side, blob[MDL_DIGEST_BYTES];
    } move[MDL_LEDGER_MOVES_MAX]; /* that were accepted, in order */
    uint32_t moves;
} mdl_ledger_dispute;
enum { MDL_LEDGER_DISPUTES_MAX = 64 };
/* Those that are open, by their number. */
uint32_t mdl_ledger_disputes(const mdl_ledger *l, const mdl_ledger_dispute **at);
const mdl_ledger_dispute *mdl_ledger_dispute_of(const mdl_ledger *l, uint32_t job); /* NULL: none */
/* Whether the moves suffice for a judgement; `c` (may be NULL) is what has to be run for it: then 2. 1: nothing. */
int mdl_ledger_judgeable(const mdl_ledger_dispute *d, mdl_case *c);
/* The transcript (PROTOCOL 11.5) of one that is judgeable, read from the blobs of its moves, into `sink`. MDL_OK,
 * MDL_EMISMATCH (not judgeable), MDL_EDIGEST (a blob is another), or what reading one gives. */
mdl_err mdl_ledger_transcript(const mdl_ledger *l, const mdl_ledger_dispute *d, const mdl_sink *sink);
/* Whether the root that a joined lease of this job signed has this window; or, with life the number of the job's lives
 * and window 0, whether it is joined. */
int mdl_ledger_has_window(const mdl_ledger *l, uint64_t id, uint32_t job, uint32_t life, uint32_t window);
/* How many records may be shown: those up to the last credit, for until a
 * generation closes nobody may see the results of others. All of them where
 * nothing is verified, and after the last closing. */
uint64_t mdl_ledger_published(const mdl_ledger *l);
/* What accepted results add up to: paid, pending or waiting, forfeited. */
typedef struct mdl_ledger_sums {
    uint64_t accepted, paid, waiting, forfeited;
} mdl_ledger_sums;
mdl_ledger_sums mdl_ledger_sum(const mdl_ledger *l);

/* For the coordinator, after the genesis: the seed of the hash chain. From now on
 * the duty of the open generation knows its element, so that it can choose. MDL_OK,
 * MDL_EMISMATCH (not the seed of this chain, or the open generation was led by another), MDL_ENOMEM. */
mdl_err mdl_ledger_know(mdl_ledger *l, const uint8_t seed[MDL_DIGEST_BYTES]);
int mdl_ledger_ended(const mdl_ledger *l);

/* Whether workers may show their nonces of the open generation; whether this one, by its
 * index, still has to; how many have to. PROTOCOL section 10.8. */
int mdl_ledger_showing(const mdl_ledger *l);
int mdl_ledger_unshown(const mdl_ledger *l, uint32_t worker);
uint32_t mdl_ledger_unshowns(const mdl_ledger *l);

/* ---- what the coordinator must write next: made from the same state, so that
 * the rules and their maker cannot part ---- */
/* Whether a message, its signature verified, contradicts a record of its worker: *lease is the record's. */
int mdl_ledger_equivocates(const mdl_ledger *l, const mdl_envelope *e, const mdl_message *m, uint64_t *lease);
/* The coordinator's own answer of an answered job that is not settled: a check,
 * or a verdict where any answer differs. MDL_EMISMATCH when there is no such. */
mdl_err mdl_ledger_make_check(const mdl_ledger *l, uint32_t job, const mdl_duty_answer *answer, mdl_message *m);
/* The shards of a job of the open generation are done, all by leases that have their results, lease[count] in order
 * of shard: what they add up to, with the records of the results; the list belongs to the ledger until its next
 * change. The transcript's blob must be stored. MDL_EMISMATCH when the record would break a rule, which `breach` (may
 * be NULL) names; MDL_ENOMEM. */
mdl_err mdl_ledger_make_joined(mdl_ledger *l, uint32_t job, const uint64_t *lease, uint32_t count,
                               const uint8_t transcript[MDL_DIGEST_BYTES], mdl_message *m, mdl_breach *breach);
/* A dispute of this job's first answer and the first one that differs from it. MDL_EMISMATCH: there is none to begin.
 */
mdl_err mdl_ledger_make_dispute(const mdl_ledger *l, uint32_t job, mdl_message *m);
/* What a move of this lease is due in its dispute; MDL_EMISMATCH: none. `points` (16) stands behind the message. */
mdl_err mdl_ledger_make_question(const mdl_ledger *l, uint64_t lease, uint64_t *points, mdl_message *m);
/* The judgement; `judged` as mdl_case_judge() has it, or NULL where nothing has to be run. MDL_EMISMATCH: not due. */
mdl_err mdl_ledger_make_judgement(const mdl_ledger *l, uint32_t job, const mdl_judged *judged, mdl_message *m);
/* What the jobs of a unit that is owed compute. `fitness` [unit->count] and `text` (MDL_SEGMENT_CHARS a job) are
 * filled in and stand behind the message. MDL_EMISMATCH when it is not owed. */
mdl_err mdl_ledger_make_correction(const mdl_ledger *l, uint32_t worker, uint64_t result, const mdl_duty_answer *jobs,
                                   int64_t *fitness, char *text, mdl_message *m);
/* The draw, when the nonces are shown. MDL_EMISMATCH when it is not due. */
mdl_err mdl_ledger_make_beacon(const mdl_ledger *l, mdl_msg_beacon *beacon);
/* When every job has its result, and those that must be are confirmed: the message and its blobs (int64 little-endian
 * fitnesses; credit list: key 32, updates u64 LE, ascending by key). The buffers,
 * and the message's list, belong to the ledger until its next change. The lead of
 * the record (experiment, no session, seq = mdl_ledger_size()) is the caller's.
 * MDL_EMISMATCH when not due, MDL_ENOMEM. */
mdl_err mdl_ledger_make_close(mdl_ledger *l, mdl_msg_close *close, const uint8_t **fitness, size_t *fitness_size);
/* The same close's list of results as a blob, `results_blob` of the message;
 * *size 0 when the list stands in the message (up to MDL_LIST_MAX results). */
mdl_err mdl_ledger_make_close_results(mdl_ledger *l, const uint8_t **results, size_t *size);
/* Right after a close is applied. *list_size 0: nobody earned, no blob. */
mdl_err mdl_ledger_make_credit(mdl_ledger *l, mdl_msg_credit *credit, const uint8_t **list, size_t *list_size);
/* After the last generation's credit: the champion's genome as canonical bytes. */
mdl_err mdl_ledger_make_champion(mdl_ledger *l, mdl_msg_champion *champion, const uint8_t **genome,
                                 size_t *genome_size);
mdl_err mdl_ledger_make_end(mdl_ledger *l, mdl_msg_end *end);

#endif
