/* A champion for people: JSON with its genes and what they decode to. */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "core/small_world.h"
#include "runtime/champion.h"

static void add_list(cJSON *o, const char *key, const float *v, int count) {
    cJSON *list = cJSON_AddArrayToObject(o, key);
    for (int i = 0; i < count; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber((double)v[i]));
}

static void add_params(cJSON *o, const mdl_params *p) {
    const struct {
        const char *key;
        float value;
    } rows[] = {
        {"weight_max", p->weight_max},
        {"eta_local", p->eta_local},
        {"eta_global", p->eta_global},
        {"decay_fast", p->decay_fast},
        {"decay_slow", p->decay_slow},
        {"event_theta", p->event_theta},
        {"sigma", p->sigma},
        {"beta_a", p->beta_a},
        {"beta_g", p->beta_g},
        {"beta_p", p->beta_p},
        {"theta_p", p->theta_p},
        {"kappa", p->kappa},
        {"r0", p->r0},
        {"rho_reward", p->rho_reward},
        {"rho_novelty", p->rho_novelty},
        {"critic_rate", p->critic_rate},
        {"discount", p->discount},
        {"bias_rate", p->bias_rate},
        {"bias_target", p->bias_target},
        {"rate_novelty", p->rate_novelty},
        {"rate_uncertainty", p->rate_uncertainty},
        {"drop_base", p->drop_base},
        {"drop_uncertainty", p->drop_uncertainty},
        {"gate_theta", p->gate_theta},
        {"omega_turns", (float)p->omega * 0x1p-32f},
        {"phi0_turns", (float)p->phi0 * 0x1p-32f},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cJSON_AddNumberToObject(o, rows[i].key, (double)rows[i].value);
    add_list(o, "rho_context", p->rho_context, MDL_EMBED);
    add_list(o, "w", p->w, 3);
    add_list(o, "alpha_meta", p->alpha_meta, 2);
    add_list(o, "gate", p->gate, 3);
}

/* Genes of the model alone. */
static uint32_t own_genes(const mdl_champion *c) {
    return c->file.experiment.model == MDL_MODEL_NEURAXON ? MDL_NEURAXON_GENE_COUNT : 0;
}

static void add_gene(cJSON *list, const char *key, float value, const char *decodes) {
    cJSON *gene = cJSON_CreateObject();
    cJSON_AddStringToObject(gene, "key", key);
    cJSON_AddNumberToObject(gene, "gene", (double)value);
    cJSON_AddStringToObject(gene, "decodes", decodes);
    cJSON_AddItemToArray(list, gene);
}

static void add_genes(cJSON *list, const mdl_champion *c) {
    const float *genome = mdl_champion_genome(c, c->island);
    for (uint32_t i = 0; i < MDL_GENE_COUNT; i++)
        add_gene(list, mdl_gene_key(i), genome[c->layout.globals + i], mdl_gene_text(i));
    for (uint32_t i = 0; i < own_genes(c); i++)
        add_gene(list, mdl_neuraxon_gene_key(i), genome[c->layout.neuraxon + i], mdl_neuraxon_gene_text(i));
}

static void add_mechanism(cJSON *o, const char *key, uint8_t choice, uint32_t on) {
    const char *text = on & 1u ? "on" : "off";
    if (choice == MDL_GENE)
        text = on & 1u ? "on, by its gene" : "off, by its gene";
    cJSON_AddStringToObject(o, key, text);
}

static void add_mechanisms(cJSON *o, const mdl_experiment *x, const mdl_params *p) {
    int neuraxon = x->model == MDL_MODEL_NEURAXON;
    for (uint32_t m = 0; m < MDL_MECH_COUNT; m++)
        if (!neuraxon || mdl_neuraxon_shares(m))
            add_mechanism(o, mdl_mechanism_key(m), x->hmn.mechanism[m], p->on >> m);
    for (uint32_t m = 0; neuraxon && m < MDL_NX_COUNT; m++)
        add_mechanism(o, mdl_neuraxon_mechanism_key(m), x->neuraxon.mechanism[m], p->neuraxon.on >> m);
}

/* Above this the measures would take longer than they are worth. */
enum { MEASURED_NEURONS_MAX = 4096 };

static void add_small_world(cJSON *list, const mdl_network_spec *network, uint32_t region) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToArray(list, o);
    cJSON_AddNumberToObject(o, "hidden", network->neurons[region]);
    if (network->neurons[region] > MEASURED_NEURONS_MAX)
        return;
    void *scratch = mdl_aligned(mdl_small_world_bytes(network->neurons[region]));
    if (!scratch)
        return;
    mdl_small_world w;
    mdl_small_world_measure(network, region, scratch, &w);
    cJSON_AddNumberToObject(o, "degree", w.degree);
    cJSON_AddNumberToObject(o, "clustering", w.clustering);
    cJSON_AddNumberToObject(o, "path_length", w.path_length);
    cJSON_AddNumberToObject(o, "clustering_random", w.clustering_random);
    cJSON_AddNumberToObject(o, "path_length_random", w.path_length_random);
    free(scratch);
}

static void add_topology(cJSON *o, const mdl_champion *c) {
    const mdl_network_spec *network = &c->file.experiment.network;
    mdl_shape first;
    mdl_shape_of(network, 0, &first);
    cJSON_AddNumberToObject(o, "regions", network->regions);
    cJSON_AddNumberToObject(o, "neurons", c->layout.neurons);
    cJSON_AddNumberToObject(o, "synapses", c->layout.synapses);
    cJSON_AddNumberToObject(o, "sensors", network->sensors);
    cJSON_AddNumberToObject(o, "motors", network->motors);
    cJSON_AddNumberToObject(o, "window_steps", network->window);
    cJSON_AddNumberToObject(o, "delay_max_steps", first.delay_max);
    cJSON *list = cJSON_AddArrayToObject(o, "graph");
    for (uint32_t r = 0; r < network->regions; r++)
        add_small_world(list, network, r);
}

char *mdl_champion_json(const mdl_champion *c) {
    const mdl_experiment *x = &c->file.experiment;
    char id[65], digest[MDL_DIGEST_HEX];
    mdl_hex(x->id, 32, id);
    mdl_hex(c->digest, sizeof c->digest, digest);
    mdl_params params;
    mdl_genome_decode(x, &c->layout, mdl_champion_genome(c, c->island), &params);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "format", MDL_CHAMPION_FORMAT);
    cJSON_AddStringToObject(o, "results", MDL_RESULTS_VERSION);
    cJSON_AddStringToObject(o, "name", x->name);
    cJSON_AddStringToObject(o, "experiment_id", id);
    cJSON_AddStringToObject(o, "digest", digest);
    cJSON_AddStringToObject(o, "task", mdl_task_info_get((uint32_t)x->task.id)->name);
    cJSON_AddNumberToObject(o, "island", c->island);
    cJSON_AddNumberToObject(o, "generation", c->generation[c->island]);
    cJSON_AddNumberToObject(o, "validation", (double)c->validation[c->island] / (1e6 * x->evolution.validate_episodes));
    cJSON_AddNumberToObject(o, "genes", c->layout.genes);
    add_topology(cJSON_AddObjectToObject(o, "topology"), c);
    add_mechanisms(cJSON_AddObjectToObject(o, "mechanisms"), x, &params);
    add_params(cJSON_AddObjectToObject(o, "parameters"), &params);
    cJSON *genes = cJSON_AddArrayToObject(o, "global_genes");
    add_genes(genes, c);
    int whole = (uint32_t)cJSON_GetArraySize(genes) == MDL_GENE_COUNT + own_genes(c);
    char *text = whole ? cJSON_Print(o) : NULL;
    cJSON_Delete(o);
    return text;
}
