/* Files of the public Neuraxon v1: what its save_network() writes, and the
 * events that drive a run. SPEC chapter 11. A case file (an object with the keys
 * "network" and "events" among others) is taken for both. */
#ifndef MDL_PROTOCOL_NEURAXON_V1_FILE_H
#define MDL_PROTOCOL_NEURAXON_V1_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/neuraxon_v1.h"
#include "protocol/json_scan.h"

enum { MDL_NEURAXON_V1_BYTES_MAX = 1 << 28 };

/* Read a network as v1's load_network() does: adaptation, autoreceptors and
 * traces start at 0, whatever the file says of adaptation; a missing parameter
 * has v1's default.
 *   out  on success out->neuron and out->synapse are the caller's, to be
 *        given back with mdl_neuraxon_v1_close(); on failure zeroed
 *   err  may be NULL; on failure the path, the value, what is allowed
 * Returns MDL_OK, or
 *   MDL_ESIZE      over MDL_NEURAXON_V1_BYTES_MAX, or nested too deep
 *   MDL_ESYNTAX    not JSON (RFC 8259) in UTF-8; so are NaN and Infinity
 *   MDL_EKEY       a key is unknown, missing or given twice
 *   MDL_ETYPE      wrong JSON type
 *   MDL_ERANGE     outside the allowed range
 *   MDL_EMISMATCH  neurons and parameters contradict each other
 *   MDL_ENOMEM */
mdl_err mdl_neuraxon_v1_parse(const uint8_t *bytes, size_t size, mdl_neuraxon_v1 *out, mdl_json_error *err);
void mdl_neuraxon_v1_close(mdl_neuraxon_v1 *network);

typedef enum mdl_neuraxon_v1_kind {
    MDL_NEURAXON_V1_MODULATE, /* index: the modulator; value: its level       */
    MDL_NEURAXON_V1_INPUT,    /* index: the input; value: -1, 0 or 1          */
    MDL_NEURAXON_V1_EXTERNAL  /* index: the neuron; value: current of a step  */
} mdl_neuraxon_v1_kind;

typedef struct mdl_neuraxon_v1_action {
    mdl_neuraxon_v1_kind kind;
    uint32_t index;
    double value;
} mdl_neuraxon_v1_action;

/* What happens before each step. */
typedef struct mdl_neuraxon_v1_events {
    uint32_t steps;                 /* entries of the list                              */
    size_t *first;                  /* [steps + 1] actions of step t: first[t]..first[t + 1] */
    mdl_neuraxon_v1_action *action; /* in the order in which they act                   */
} mdl_neuraxon_v1_events;

/* Read the events of a run of `network`; errors and `err` as above. As in v1,
 * set_inputs may be shorter than the inputs, and what is longer is ignored.
 * On success `out` is given back with mdl_neuraxon_v1_events_close(). */
mdl_err mdl_neuraxon_v1_events_parse(const uint8_t *bytes, size_t size, const mdl_neuraxon_v1 *network,
                                     mdl_neuraxon_v1_events *out, mdl_json_error *err);
void mdl_neuraxon_v1_events_close(mdl_neuraxon_v1_events *events);

/* Do what stands before step `t`; nothing past the end of the list. */
void mdl_neuraxon_v1_apply(mdl_neuraxon_v1 *network, const mdl_neuraxon_v1_events *events, uint64_t t);

#endif
