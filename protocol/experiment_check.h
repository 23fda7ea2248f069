/* Rules between the keys of an experiment: what no single key's range can say.
 * Each call returns MDL_OK, or MDL_EMISMATCH / MDL_ERANGE with `err` filled. */
#ifndef MDL_PROTOCOL_EXPERIMENT_CHECK_H
#define MDL_PROTOCOL_EXPERIMENT_CHECK_H

#include "core/experiment.h"
#include "protocol/json_scan.h"

enum { MDL_SYNAPSES_MAX = 1 << 28 }; /* of a network */

/* `path` is the island's: "evolution.islands[2]". */
mdl_err mdl_island_check(const mdl_island_spec *island, const char *path, mdl_json_error *err);
mdl_err mdl_task_check(const mdl_task_params *task, mdl_json_error *err);
/* Wants every value in its own range, network.sensors and .motors set. */
mdl_err mdl_network_check(const mdl_experiment *x, mdl_json_error *err);
/* After that one. */
mdl_err mdl_sharding_check(const mdl_experiment *x, mdl_json_error *err);

#endif
