/* modulon simulate --model neuraxon-v1 */
#ifndef MDL_CLI_SIMULATE_V1_H
#define MDL_CLI_SIMULATE_V1_H

#include <stdint.h>

/* Step the network of one file under the events of the other and print one JSON
 * line a step and the final state; SPEC 11.4. Runs `steps` steps, or with
 * `has_steps` 0 as many as there are events. Returns an exit code. */
int mdl_simulate_v1(const char *network_path, const char *events_path, uint32_t steps, int has_steps);

#endif
