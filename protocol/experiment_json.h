/* Experiment files: JSON bytes to mdl_experiment and back. SPEC section 7;
 * docs/EXPERIMENT.md is the reference for people. */
#ifndef MDL_PROTOCOL_EXPERIMENT_JSON_H
#define MDL_PROTOCOL_EXPERIMENT_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"
#include "core/experiment.h"
#include "protocol/json_scan.h"

enum { MDL_EXPERIMENT_BYTES_MAX = 1 << 20 };

/* Read and check a whole experiment file; fills in every default.
 *   bytes  the file; its SHA-256 becomes out->id
 *   out    on failure zeroed
 *   err    may be NULL; on failure the key's path, the value, what is allowed
 * Returns MDL_OK, or
 *   MDL_ESIZE    over MDL_EXPERIMENT_BYTES_MAX (checked before anything else), nested too deep
 *   MDL_ESYNTAX  not JSON (RFC 8259) in UTF-8; err has line and column
 *   MDL_EKEY     a key is unknown here, missing or given twice
 *   MDL_ETYPE    wrong JSON type
 *   MDL_ERANGE   outside the allowed range
 *   MDL_ENOENT   no task, algorithm or other choice of this name
 *   MDL_EMISMATCH  two keys contradict each other
 *   MDL_ENOMEM */
mdl_err mdl_experiment_parse(const uint8_t *bytes, size_t size, mdl_experiment *out, mdl_json_error *err);

/* The canonical file of a parsed experiment: every key, defaults included, in
 * the table's order. Parsing it gives `x` again, but for the id. Returns a
 * terminated string that the caller free()s, NULL when out of memory. */
char *mdl_experiment_to_json(const mdl_experiment *x);

/* The key tables of docs/EXPERIMENT.md, as Markdown. */
void mdl_experiment_write_reference(const mdl_sink *sink);

#endif
