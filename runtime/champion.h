/* What a run leaves behind: the best validated genome of every island, the one
 * chosen among them, and the experiment they are for. A safetensors file whose
 * bytes depend on the experiment and the genomes alone.
 *
 *   genome            F32 [genes]           the chosen one
 *   island_genomes    F32 [islands, genes]
 *   island_validation I64 [islands]         millionths, summed over the validation lives
 *   island_generation I32 [islands]
 * and the network that the chosen genome decodes to, all regions one after the
 * other (core/wiring.h says what a source is; motors are a region's last neurons):
 *   region_shape I32 [regions, 4]  hidden neurons, motors, sources, synapses
 *   row       I32 [neurons + 1]    first synapse of each neuron, and the end
 *   source    I32 [synapses]       within the neuron's region
 *   delay     U8  [synapses]       steps
 *   w0        F32 [synapses]       weights at birth
 * and of HMN
 *   cos_phi   F32 [synapses]       phase_gate only, like sin_phi
 *   gain      F32 [neurons]
 *   embedding F32 [sources, 4]     u0 u1 v0 v1, local_attention only
 * or of Neuraxon
 *   meta0     F32 [synapses]       w_meta at birth
 *   above     F32 [neurons]        thresholds, like below
 *   tau       F32 [neurons]        gene of the membrane's time constant
 * Metadata, strings: format, results, experiment_id, digest, island, experiment. */
#ifndef MDL_RUNTIME_CHAMPION_H
#define MDL_RUNTIME_CHAMPION_H

#include "protocol/digest.h"
#include "protocol/grow.h"
#include "runtime/runner.h"

#define MDL_CHAMPION_FORMAT "modulon-champion-1"
/* Raised whenever equal inputs no longer give equal results. */
#define MDL_RESULTS_VERSION "1"

typedef struct mdl_champion {
    mdl_experiment_file file;
    mdl_genome_layout layout;
    uint32_t islands, island;         /* how many, and the chosen one */
    float *genomes;                   /* [islands][genes]             */
    int64_t *validation;              /* [islands]                    */
    uint32_t *generation;             /* [islands]                    */
    uint8_t digest[MDL_DIGEST_BYTES]; /* of the chosen genome    */
} mdl_champion;

/* BLAKE2b-256 of a genome's little-endian bytes. */
void mdl_genome_digest(const float *genome, uint32_t genes, uint8_t digest[MDL_DIGEST_BYTES]);

/* From a run. MDL_ENOENT before its first validation. */
mdl_err mdl_champion_of_run(mdl_champion *c, const mdl_runner *r, char *error, size_t error_size);
/* From one genome, which every island gets; nothing was validated. The file is
 * copied. MDL_ENOMEM. */
mdl_err mdl_champion_of_genome(mdl_champion *c, const mdl_experiment_file *file, const float *genome);
/* From a file, or from champion.safetensors in a directory. Everything is
 * checked: the experiment against its id, the genome against its digest, every
 * tensor against the others. MDL_E* with a sentence; `c` then closed. */
mdl_err mdl_champion_read(mdl_champion *c, const char *path, char *error, size_t error_size);
/* Choose another island. */
void mdl_champion_choose(mdl_champion *c, uint32_t island);
static inline const float *mdl_champion_genome(const mdl_champion *c, uint32_t island) {
    return c->genomes + (size_t)island * c->layout.genes;
}
/* The safetensors file's bytes, added to an empty buffer, which the caller frees. */
mdl_err mdl_champion_bytes(const mdl_champion *c, mdl_buffer *out);
/* Write them. */
mdl_err mdl_champion_write(const mdl_champion *c, const char *path, char *error, size_t error_size);
/* What a person wants to know of it: the genes with their meaning, the decoded
 * parameters, mechanisms, size. A JSON text to free(); NULL when out of memory. */
char *mdl_champion_json(const mdl_champion *c);
void mdl_champion_close(mdl_champion *c);

#endif
