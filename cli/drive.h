/* A network driven by observations from outside instead of a task. */
#ifndef MDL_CLI_DRIVE_H
#define MDL_CLI_DRIVE_H

#include "core/life.h"

/* Bring the life's network (one shard) to birth with randomness `key`, showing
 * `out` in its first window. */
void mdl_drive_begin(mdl_life *l, uint64_t key, const mdl_task_out *out);
/* One window in which `now` is shown; `next` is what comes after it. Sets
 * the first agent's out, action and modulation of l->conductor, and its windows. */
void mdl_drive_window(mdl_life *l, const mdl_task_out *now, const mdl_task_out *next);

#endif
