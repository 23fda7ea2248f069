/* A champion as safetensors: genomes, and the network that one decodes to. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/hmn_region.h"
#include "core/neuraxon_region.h"
#include "protocol/grow.h"
#include "protocol/safetensors.h"
#include "runtime/champion.h"
#include "runtime/memory.h"

enum { TENSORS_MAX = 20, SHAPE = 4 };

/* The decoded network, copied out of a life. */
typedef struct network {
    int32_t *shape, *row, *source;
    uint8_t *delay;
    float *w0, *cos_phi, *sin_phi, *gain, *embedding; /* HMN; w0 of both models */
    float *meta0, *above, *below, *tau;               /* Neuraxon                */
    size_t regions, neurons, synapses, sources;
} network;

static void close_network(network *n) {
    free(n->shape);
    free(n->row);
    free(n->source);
    free(n->delay);
    free(n->w0);
    free(n->cos_phi);
    free(n->sin_phi);
    free(n->gain);
    free(n->embedding);
    free(n->meta0);
    free(n->above);
    free(n->below);
    free(n->tau);
}

/* Never of size 0, so that NULL always means out of memory. */
static void *items(size_t count, size_t size) { return calloc(count + 1, size); }

static mdl_err open_network(network *n, const mdl_life *l) {
    const mdl_network_spec *spec = &l->experiment->network;
    memset(n, 0, sizeof *n);
    n->regions = spec->regions;
    n->neurons = l->conductor.neurons;
    n->synapses = l->conductor.synapses;
    for (uint32_t r = 0; r < spec->regions; r++) {
        mdl_region_view view;
        mdl_shard_view(&l->shard[0], r, &view);
        n->sources += view.shape->sources;
    }
    n->shape = items(n->regions * SHAPE, sizeof *n->shape);
    n->row = items(n->neurons + 1, sizeof *n->row);
    n->source = items(n->synapses, sizeof *n->source);
    n->delay = items(n->synapses, sizeof *n->delay);
    n->w0 = items(n->synapses, sizeof *n->w0);
    int shared = n->shape && n->row && n->source && n->delay && n->w0;
    if (l->experiment->model == MDL_MODEL_NEURAXON) {
        n->meta0 = items(n->synapses, sizeof *n->meta0);
        n->above = items(n->neurons, sizeof *n->above);
        n->below = items(n->neurons, sizeof *n->below);
        n->tau = items(n->neurons, sizeof *n->tau);
        return shared && n->meta0 && n->above && n->below && n->tau ? MDL_OK : MDL_ENOMEM;
    }
    const mdl_hmn_region *first = mdl_shard_region(&l->shard[0], 0);
    n->gain = items(n->neurons, sizeof *n->gain);
    n->cos_phi = first->cos_phi ? items(n->synapses, sizeof *n->cos_phi) : NULL;
    n->sin_phi = first->sin_phi ? items(n->synapses, sizeof *n->sin_phi) : NULL;
    n->embedding = first->embed ? items(n->sources * 4, sizeof *n->embedding) : NULL;
    int whole = shared && n->gain && (n->cos_phi || !first->cos_phi) && (n->sin_phi || !first->sin_phi) &&
                (n->embedding || !first->embed);
    return whole ? MDL_OK : MDL_ENOMEM;
}

/* Sources and delays of a region's rows, and what else there is a number of for each synapse: `from` has cells. */
static void copy_rows(network *n, const mdl_network_spec *spec, const mdl_shape *s, size_t neuron, size_t synapse,
                      const float *const *from, float *const *to, int parts) {
    for (uint32_t j = 0; j < s->neurons; j++) {
        uint32_t source[MDL_FAN_IN_MAX], fan = mdl_row_fan(s, j);
        mdl_wire_row(spec, s, j, source, n->delay + synapse);
        n->row[neuron + j] = (int32_t)synapse;
        for (uint32_t k = 0; k < fan; k++)
            n->source[synapse + k] = (int32_t)source[k];
        for (int i = 0; i < parts; i++)
            if (to[i])
                memcpy(to[i] + synapse, from[i] + mdl_row(s, j), fan * sizeof(float));
        synapse += fan;
    }
}

static void copy_neuraxon(network *n, const mdl_network_spec *spec, const mdl_neuraxon_region *r, size_t neuron,
                          size_t synapse) {
    const float *const cells[] = {r->w0, r->meta0}, *const neurons[] = {r->above, r->below, r->tau};
    float *const to_cells[] = {n->w0, n->meta0}, *const to_neurons[] = {n->above, n->below, n->tau};
    copy_rows(n, spec, &r->shape, neuron, synapse, cells, to_cells, 2);
    for (int i = 0; i < 3; i++)
        memcpy(to_neurons[i] + neuron, neurons[i], r->shape.neurons * sizeof(float));
}

static void copy_hmn(network *n, const mdl_network_spec *spec, const mdl_hmn_region *r, size_t neuron, size_t synapse,
                     size_t source) {
    const float *const cells[] = {r->w0, r->cos_phi, r->sin_phi};
    float *const to[] = {n->w0, n->cos_phi, n->sin_phi};
    copy_rows(n, spec, &r->shape, neuron, synapse, cells, to, 3);
    memcpy(n->gain + neuron, r->gain, r->shape.neurons * sizeof(float));
    if (n->embedding)
        memcpy(n->embedding + 4 * source, r->embed, 4 * (size_t)r->shape.sources * sizeof(float));
}

static void copy_network(network *n, const mdl_life *l) {
    const mdl_network_spec *spec = &l->experiment->network;
    size_t neuron = 0, synapse = 0, source = 0;
    for (uint32_t i = 0; i < n->regions; i++) {
        const void *r = mdl_shard_region(&l->shard[0], i);
        mdl_region_view view;
        mdl_shard_view(&l->shard[0], i, &view);
        const mdl_shape *s = view.shape;
        const int32_t shape[SHAPE] = {(int32_t)s->hidden, (int32_t)s->motors, (int32_t)s->sources,
                                      (int32_t)s->synapses};
        memcpy(n->shape + SHAPE * i, shape, sizeof shape);
        if (l->experiment->model == MDL_MODEL_NEURAXON)
            copy_neuraxon(n, spec, r, neuron, synapse);
        else
            copy_hmn(n, spec, r, neuron, synapse, source);
        neuron += s->neurons;
        synapse += s->synapses;
        source += s->sources;
    }
    n->row[neuron] = (int32_t)synapse;
}

static mdl_err write_tensors(const mdl_champion *c, const network *n, mdl_buffer *out) {
    char id[65], digest[MDL_DIGEST_HEX], island[16];
    mdl_hex(c->file.experiment.id, 32, id);
    mdl_hex(c->digest, sizeof c->digest, digest);
    snprintf(island, sizeof island, "%" PRIu32, c->island);
    const mdl_metadata metadata[] = {
        {"format", MDL_CHAMPION_FORMAT},
        {"results", MDL_RESULTS_VERSION},
        {"experiment_id", id},
        {"digest", digest},
        {"island", island},
        {"experiment", (const char *)c->file.bytes},
    };
    uint64_t genes = c->layout.genes, islands = c->islands;
    const mdl_tensor all[] = {
        {"genome", MDL_F32, 1, {genes}, mdl_champion_genome(c, c->island), NULL, 0},
        {"island_genomes", MDL_F32, 2, {islands, genes}, c->genomes, NULL, 0},
        {"island_validation", MDL_I64, 1, {islands}, c->validation, NULL, 0},
        {"island_generation", MDL_I32, 1, {islands}, c->generation, NULL, 0},
        {"region_shape", MDL_I32, 2, {n->regions, SHAPE}, n->shape, NULL, 0},
        {"row", MDL_I32, 1, {n->neurons + 1}, n->row, NULL, 0},
        {"source", MDL_I32, 1, {n->synapses}, n->source, NULL, 0},
        {"delay", MDL_U8, 1, {n->synapses}, n->delay, NULL, 0},
        {"w0", MDL_F32, 1, {n->synapses}, n->w0, NULL, 0},
        {"gain", MDL_F32, 1, {n->neurons}, n->gain, NULL, 0},
        {"cos_phi", MDL_F32, 1, {n->synapses}, n->cos_phi, NULL, 0},
        {"sin_phi", MDL_F32, 1, {n->synapses}, n->sin_phi, NULL, 0},
        {"embedding", MDL_F32, 2, {n->sources, 4}, n->embedding, NULL, 0},
        {"meta0", MDL_F32, 1, {n->synapses}, n->meta0, NULL, 0},
        {"above", MDL_F32, 1, {n->neurons}, n->above, NULL, 0},
        {"below", MDL_F32, 1, {n->neurons}, n->below, NULL, 0},
        {"tau", MDL_F32, 1, {n->neurons}, n->tau, NULL, 0},
    };
    mdl_tensor tensor[TENSORS_MAX];
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].values)
            tensor[count++] = all[i];
    mdl_sink sink = mdl_buffer_sink(out);
    mdl_err err = mdl_safetensors_write(tensor, count, metadata, sizeof metadata / sizeof metadata[0], &sink);
    return err == MDL_OK && out->failed ? MDL_ENOMEM : err;
}

mdl_err mdl_champion_bytes(const mdl_champion *c, mdl_buffer *out) {
    const mdl_experiment *x = &c->file.experiment;
    mdl_life *life = mdl_life_new(x, NULL);
    if (!life)
        return MDL_ENOMEM;
    mdl_life_genome(life, mdl_champion_genome(c, c->island));
    network n;
    mdl_err err = open_network(&n, life);
    if (err == MDL_OK) {
        copy_network(&n, life);
        err = write_tensors(c, &n, out);
    }
    close_network(&n);
    free(life);
    return err;
}
