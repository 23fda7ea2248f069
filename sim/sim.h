/* A simulated fleet: the coordinator's logic, the workers' logic and the ledger's
 * fold, the very objects that production runs, in virtual time from one seed.
 *
 * Stood in for: sockets (latency, loss, repeats, another order), disk (memory;
 * what is not committed is lost in a crash), clocks, and the work itself: an
 * oracle tells each job's fitness, updates and digest, so no genome is run.
 * Everything else is real: messages, signatures, sessions, leases, receipts,
 * duty, verdicts, credit.
 *
 * After every record and every acknowledgement invariants are checked. A run is
 * a pure function of its plan: equal plans give equal ledgers, byte by byte. One
 * thread; sodium_init() must have been called. */
#ifndef MDL_SIM_SIM_H
#define MDL_SIM_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/digest.h"

/* What a worker does. X(NAME, name, evil, text) */
#define MDL_SIM_BEHAVIOUR_MAP(X)                                                                                       \
    X(HONEST, honest, 0, "computes and tells")                                                                         \
    X(SLOW, slow, 0, "honest, a twentieth of the speed")                                                               \
    X(CRASHER, crasher, 0, "honest, dies every few seconds")                                                           \
    X(LAZY, lazy, 1, "skips the last tenth of each job and guesses")                                                   \
    X(FLIPPER, flipper, 1, "flips one bit of one job in eight")                                                        \
    X(RANDOM, random, 1, "computes nothing, makes results up")                                                         \
    X(RING, ring, 1, "with its ring's keys: agrees on wrong results, good enough to be selected")                      \
    X(TURNCOAT, turncoat, 1, "its ring is honest until trusted, then agrees on wrong results that look usual")         \
    X(HIDER, hider, 1, "tells a low fitness where a job's is high")                                                    \
    X(GAMBLER, gambler, 1, "honest until trusted, then one made-up job in each unit")                                  \
    X(DROPPER, dropper, 1, "hands in only units whose best job is good")                                               \
    X(SILENT, silent, 1, "takes leases and answers half of them")                                                      \
    X(COPIER, copier, 1, "computes nothing, copies what it overhears, signs it itself")                                \
    X(REPLAYER, replayer, 1, "honest, and sends recorded frames of everyone again")                                    \
    X(EQUIVOCATOR, equivocator, 1, "sends a second, other result under the same number")                               \
    X(FLOODER, flooder, 1, "honest, and sends bursts of frames, most of them bad")                                     \
    X(YESMAN, yesman, 1, "honest, but agrees with what it overheard instead of computing a job again")                 \
    X(WHITEWASHER, whitewasher, 1, "makes results up once it is trusted; banned, it comes back under a new key")       \
    X(WITHHOLDER, withholder, 1, "commits, and shows only units whose best job is good")

typedef enum mdl_sim_behaviour {
#define X(NAME, name, evil, text) MDL_SIM_##NAME,
    MDL_SIM_BEHAVIOUR_MAP(X)
#undef X
        MDL_SIM_BEHAVIOURS
} mdl_sim_behaviour;

const char *mdl_sim_behaviour_name(uint32_t b); /* never NULL */
int mdl_sim_is_evil(uint32_t b);

/* Who the adversaries are. A behaviour's number, or: */
enum {
    MDL_SIM_MIX_WORST = 100, /* half turncoats in one ring with an owner each, the rest one of each */
    MDL_SIM_MIX_ALL = 101    /* one of each */
};

struct mdl_sim_store;

typedef struct mdl_sim_plan {
    uint64_t seed;
    uint32_t workers;     /* 1..1000000                                            */
    uint32_t generations; /* 1..10000                                              */
    uint32_t population;  /* candidates a generation, 12..524288; 0: four a worker */
    double adversaries;   /* share of the workers, 0..0.9                          */
    uint32_t mix;
    double latency_ms;   /* mean of one way                                       */
    double loss, repeat; /* share of frames that are lost, that come twice        */
    double crash_s;      /* mean time between the coordinator's crashes; 0: none  */
    double churn_s;      /* mean time between a worker's crashes; 0: none         */
    uint32_t fold_every; /* closings between whole folds; 0: at the end alone     */
    /* the experiment's "verification" */
    int unverified; /* 1: off */
    uint32_t floor_ppm, plant_ppm, probation, window;
    int shared;        /* 1: the workers' nonces are in the draws */
    uint32_t dispute;  /* jobs of so many 10^3 updates and more are taken apart where answers differ; 0: none */
    uint32_t checkers; /* jobs that the coordinator does at once, 1..64 */
    int ed25519;       /* 0: keyed BLAKE2b in its place                         */
    /* given the whole ledger at the end, for those who want to lie about it; NULL: nobody */
    void (*keep)(void *ctx, const struct mdl_sim_store *store, const uint8_t key[32], const uint8_t secret[64]);
    /* told after each closing; NULL: nobody */
    void (*progress)(void *ctx, uint32_t generation, uint32_t generations);
    void *ctx;
} mdl_sim_plan;

/* The behaviour of worker `worker` where the plan makes it an adversary; else MDL_SIM_HONEST. */
uint32_t mdl_sim_adversary(const mdl_sim_plan *p, uint32_t worker);

/* A small fleet: 12 workers, 6 generations, everything unpleasant switched on. */
void mdl_sim_plan_init(mdl_sim_plan *p);

typedef struct mdl_sim_kind {
    uint32_t workers, banned;
    uint64_t jobs;        /* jobs in recorded results           */
    uint64_t wrong;       /* of those, wrong                    */
    uint64_t slipped;     /* wrong and used in a closed generation */
    uint64_t paid;        /* updates credited                   */
    uint64_t worked;      /* updates really computed            */
    uint64_t forfeited;   /* updates accepted, and lost by a conviction */
    uint64_t units_wrong; /* recorded results with a wrong job  */
    double conviction_s;  /* from the first wrong record to the ban, summed over the banned */
} mdl_sim_kind;

typedef struct mdl_sim_report {
    mdl_sim_kind kind[MDL_SIM_BEHAVIOURS];
    uint32_t closed; /* generations                                      */
    int ended;       /* the experiment came to its end                   */
    double virtual_s;
    uint64_t events, calls, records, results, receipts, expired, verdicts, checks;
    uint64_t disputes, moves, judgements, judged_wrong; /* the last: sides that judgements found wrong */
    uint64_t crashes, kills, lost, repeated, refused, folds;
    uint64_t drawn, draws;            /* units of trusted workers that the beacon drew, of how many */
    uint64_t drawn_wrong, drawn_free; /* of the drawn jobs, wrong; and confirmed by a ring  */
    /* Each unit of a trusted worker is drawn with the floor's probability, and the job that is looked at is one of its
     * wrong ones with theirs: the sum of these, and of their variances, is what drawn_wrong should be. */
    double drawn_wrong_expected, drawn_wrong_variance;
    uint64_t forfeited;               /* updates that convicts lost                       */
    uint64_t jobs_closed;             /* jobs of closed generations                       */
    uint64_t updates_closed;          /* their updates                                    */
    uint64_t updates_extra;           /* done again: by workers, and by the coordinator   */
    uint64_t late_closed, late_extra; /* the same of the later half of the generations */
    uint64_t wrong_selected;          /* elites, validation scores, champions             */
    double call_ms_p50, call_ms_p99;  /* an honest call, from arrival to the logic */
    uint64_t violations;              /* broken invariants                                */
    char violation[256];              /* the first one                                    */
    uint8_t root[MDL_DIGEST_BYTES];   /* of the whole ledger's tree                */
} mdl_sim_report;

/* MDL_OK also when invariants broke: see report.violations. MDL_ERANGE: the plan;
 * MDL_ENOMEM. */
mdl_err mdl_sim_run(const mdl_sim_plan *plan, mdl_sim_report *out);

#endif
