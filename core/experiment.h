/* An experiment as plain data: validated, complete, every default filled in.
 * protocol/experiment_json.h makes it from a file. */
#ifndef MDL_CORE_EXPERIMENT_H
#define MDL_CORE_EXPERIMENT_H

#include "core/evolution.h"
#include "core/hmn_spec.h"
#include "core/modulator_spec.h"
#include "core/network_spec.h"
#include "core/neuraxon_spec.h"
#include "core/task.h"

typedef enum mdl_model_id { MDL_MODEL_HMN = 0, MDL_MODEL_NEURAXON = 1, MDL_MODEL_COUNT = 2 } mdl_model_id;

/* How results are verified: not core's, but the experiment's. PROTOCOL section 10. */
typedef struct mdl_verification_spec {
    uint32_t used;      /* 0: "off", and the rest is not read                             */
    uint32_t floor_ppm; /* trusted units of which one job is done again                   */
    uint32_t plant_ppm; /* leases that are planted                                        */
    uint32_t probation; /* confirmed leases after which a worker is trusted               */
    uint32_t window;    /* generations that credit waits, 0..MDL_VERIFY_WINDOW_MAX        */
    uint32_t selected;  /* 0 or 1: elites and validation are done again by the coordinator */
    uint32_t shared;    /* 0 or 1: draws depend on nonces of the workers, too                   */
    uint32_t dispute;   /* thousands of updates of a job from which on a dispute is taken apart; 0: never */
    uint32_t review;    /* units of a convict in closed generations that are done again, 0..MDL_VERIFY_REVIEW_MAX */
} mdl_verification_spec;

enum { MDL_VERIFY_WINDOW_MAX = 16, MDL_VERIFY_REVIEW_MAX = 64 };

/* How a fleet cuts networks: it changes no result. PROTOCOL section 12. */
typedef struct mdl_sharding_spec {
    uint32_t used;             /* 0: "off", networks are run whole                         */
    uint32_t shards;           /* of each network, 1..regions; 0: as workers and jobs are  */
    uint32_t replicas;         /* workers of different owners that run each shard          */
    uint32_t snapshot_windows; /* between states that the coordinator keeps, 0: none       */
} mdl_sharding_spec;

enum { MDL_REPLICAS_MAX = 3 };

typedef struct mdl_experiment {
    char name[64];
    mdl_model_id model;
    uint64_t seed; /* of everything: wiring, search, lives                      */
    mdl_task_params task;
    mdl_network_spec network;
    mdl_hmn_spec hmn; /* of a Neuraxon only `mechanism`, `meta_method` and `meta_period` are read */
    mdl_neuraxon_spec neuraxon;
    mdl_modulator_spec modulators; /* of both models                           */
    mdl_evolution_spec evolution;
    mdl_verification_spec verification;
    mdl_sharding_spec sharding;
    uint32_t test_episodes; /* held-out lives for reported scores, 1..65536, 200 */
    uint8_t id[32];         /* SHA-256 of the file's bytes                       */
} mdl_experiment;

#endif
