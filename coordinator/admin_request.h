/* One line of the admin socket taken apart: who may write it may do anything, but a
 * slip must not. PROTOCOL section 7.6. Pure. */
#ifndef MDL_COORDINATOR_ADMIN_REQUEST_H
#define MDL_COORDINATOR_ADMIN_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "coordinator/admin.h"
#include "protocol/envelope.h"

typedef struct mdl_admin_request {
    char action[33]; /* what "do" says: status, workers, export, or an action of the coordinator's logic, which knows
                        them */
    int has_key;
    uint8_t key[MDL_KEY_BYTES];
    char reason[MDL_ADMIN_LINE_MAX + 1]; /* empty: none */
} mdl_admin_request;

/* NULL, or the sentence to refuse it with; then *out is undefined. Only pause, resume and what asks for something go
 * without a key. The line has at most MDL_ADMIN_LINE_MAX bytes. */
const char *mdl_admin_request_parse(const char *line, size_t size, mdl_admin_request *out);

#endif
