/* Between networks of the public Neuraxon v1 and Neuraxon networks of this
 * project. SPEC 11.6 says what each side cannot carry. */
#ifndef MDL_PROTOCOL_NEURAXON_CONVERT_H
#define MDL_PROTOCOL_NEURAXON_CONVERT_H

#include "core/life.h"
#include "core/neuraxon_v1.h"

/* What a conversion could not carry as it was. */
typedef struct mdl_convert_note {
    uint32_t clamped;   /* weights and thresholds brought into range                     */
    uint32_t dropped;   /* synapses that have no counterpart                             */
    uint32_t delays;    /* synapses slower than one step, now one step                   */
    uint32_t constants; /* membranes' time constants that are now the mean               */
} mdl_convert_note;

/* Make `x` (its task, search and lives stay) an experiment whose network holds
 * `n`: inputs are sensors after the constant one, hidden and output neurons are
 * the hidden neurons of one dense region, motor m listens to output m alone.
 * MDL_ERANGE: more neurons or inputs than such a network can have; `x` is then
 * untouched. */
mdl_err mdl_neuraxon_from_v1(const mdl_neuraxon_v1 *n, mdl_experiment *x);
/* Its genome: layout.genes values, of that experiment's layout. */
void mdl_neuraxon_genome_from_v1(const mdl_neuraxon_v1 *n, const mdl_experiment *x, const mdl_genome_layout *layout,
                                 float *genome, mdl_convert_note *note);

/* The network that `life` (one shard, its genome given) is born with, as v1
 * would save it: sensors are inputs, the constant one first; motors are outputs.
 * Weights do not fade and nothing is drawn. `out` is the caller's, to be given
 * back with mdl_neuraxon_v1_close(). The life is at birth afterwards.
 * MDL_ETYPE: no Neuraxon, or its states are not trinary. MDL_ERANGE: too many
 * neurons. MDL_ENOMEM. On failure `out` is zeroed. */
mdl_err mdl_neuraxon_to_v1(mdl_life *life, mdl_neuraxon_v1 *out, mdl_convert_note *note);

/* The JSON that v1 writes and loads, numbers as the shortest decimals that read
 * back. `name` is plain text without quotes. Every value must be finite. */
void mdl_neuraxon_v1_write(const mdl_neuraxon_v1 *n, const char *name, const mdl_sink *sink);

#endif
