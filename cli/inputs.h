/* Observations from a file, one window a line: CSV (the sensors) or JSON lines
 * with the keys obs, reward, wipe, frozen, teach. */
#ifndef MDL_CLI_INPUTS_H
#define MDL_CLI_INPUTS_H

#include <stddef.h>

#include "core/task.h"

typedef struct mdl_inputs {
    mdl_task_out *out; /* [count], the first with MDL_OUT_WIPE, the last one more: MDL_OUT_DONE */
    uint32_t count;    /* windows */
} mdl_inputs;

/* `error` names the file, line and key. On failure `in` is empty. */
mdl_err mdl_inputs_read(mdl_inputs *in, const char *path, uint32_t sensors, uint32_t motors, char *error,
                        size_t error_size);
void mdl_inputs_close(mdl_inputs *in);

#endif
