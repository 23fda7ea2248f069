/* A champion for people: JSON with its genes and what they decode to. */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "core/mechanism.h"
#include "core/model.h"
#include "core/small_world.h"
#include "runtime/champion.h"
#include "runtime/memory.h"

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

/* Parameters of a Neuraxon, and of the modulators: what their genes decode to. */
static void add_neuraxon(cJSON *o, const mdl_neuraxon_params *p) {
    const struct {
        const char *key;
        float value;
    } rows[] = {
        {"decay_e", p->decay_e},
        {"decay_fast", p->decay_fast},
        {"consolidate", p->consolidate},
        {"relax", p->relax},
        {"set_point", p->set_point},
        {"meta_relax", p->meta_relax},
        {"meta_change", p->meta_change},
        {"meta_serotonin", p->meta_serotonin},
        {"arousal_form", p->arousal},
        {"decay_pre", p->decay_pre},
        {"decay_post", p->decay_post},
        {"depression", p->depression},
        {"adapt_rate", p->adapt_rate},
        {"adapt_size", p->adapt_size},
        {"auto_rate", p->auto_rate},
        {"auto_size", p->auto_size},
        {"spontaneous", p->spontaneous},
        {"kick", p->kick},
        {"osc_size", p->osc_size},
        {"osc_coupling", p->osc_coupling},
        {"osc_spread", p->osc_spread},
        {"osc_slow_turns", (float)p->omega[0] * 0x1p-32f},
        {"osc_middle_turns", (float)p->omega[1] * 0x1p-32f},
        {"osc_fast_turns", (float)p->omega[2] * 0x1p-32f},
        {"homeo_rate", p->homeo_rate},
        {"balance_rate", p->balance_rate},
        {"wake", p->wake},
        {"prune", p->prune},
        {"form", p->form},
        {"modulatory", p->modulatory},
        {"novelty_shift", p->novelty_shift},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cJSON_AddNumberToObject(o, rows[i].key, (double)rows[i].value);
}

static void add_modulators(cJSON *o, const mdl_modulator_params *p, const mdl_receptors *r, uint32_t regions) {
    cJSON_AddNumberToObject(o, "arousal_decay", (double)p->arousal_decay);
    add_list(o, "arousal_from", p->arousal_from, 3);
    cJSON_AddNumberToObject(o, "arousal_rate", (double)p->arousal_rate);
    cJSON_AddNumberToObject(o, "horizon", (double)p->horizon);
    cJSON_AddNumberToObject(o, "rho_fast", (double)p->rho_fast);
    cJSON_AddNumberToObject(o, "rho_slow", (double)p->rho_slow);
    cJSON_AddNumberToObject(o, "rho_novelty", (double)p->rho_novelty);
    for (uint32_t m = 0; m < MDL_MODULATORS; m++) {
        cJSON *one = cJSON_AddObjectToObject(o, mdl_modulator_key(m));
        cJSON_AddNumberToObject(one, "base", (double)p->base[m]);
        cJSON_AddNumberToObject(one, "decay", (double)p->decay[m]);
        cJSON_AddNumberToObject(one, "rate", (double)p->rate[m]);
        cJSON *from = cJSON_AddObjectToObject(one, "coupling");
        for (uint32_t i = 0; i < MDL_SIGNALS; i++)
            cJSON_AddNumberToObject(from, mdl_signal_key(i), (double)p->coupling[m][i]);
        static const char *const affinity[] = {"high_affinity", "low_affinity"};
        for (uint32_t i = 0; i < 2; i++) {
            uint32_t c = 2 * m + i;
            cJSON *receptor = cJSON_AddObjectToObject(one, affinity[i]);
            cJSON_AddNumberToObject(receptor, "ln_k", (double)r->ln_k[c]);
            cJSON_AddNumberToObject(receptor, "n", (double)r->n[c]);
            cJSON *effects = cJSON_AddObjectToObject(receptor, "effect");
            for (uint32_t k = 0; k < MDL_LEVER_COUNT; k++)
                cJSON_AddNumberToObject(effects, mdl_lever_key(k), (double)r->effect[c][k]);
            cJSON *density = cJSON_AddArrayToObject(receptor, "density");
            for (uint32_t k = 0; k < regions; k++)
                cJSON_AddItemToArray(density, cJSON_CreateNumber((double)r->density[k][c]));
        }
    }
}

/* One section of genes. Returns how many there are. */
static int add_genes(cJSON *list, const float *genome, const char *(*key)(uint32_t), const char *(*text)(uint32_t)) {
    int count = 0;
    for (; key((uint32_t)count); count++) {
        cJSON *gene = cJSON_CreateObject();
        cJSON_AddStringToObject(gene, "key", key((uint32_t)count));
        cJSON_AddNumberToObject(gene, "gene", (double)genome[count]);
        cJSON_AddStringToObject(gene, "decodes", text((uint32_t)count));
        cJSON_AddItemToArray(list, gene);
    }
    return count;
}

static void add_mechanisms(cJSON *o, const mdl_experiment *x, const mdl_params *p) {
    for (uint32_t m = 0; m < MDL_ANY_COUNT; m++) {
        if (!mdl_any_read(x, m))
            continue;
        int on = mdl_any_on(x, p, m);
        const char *text = on ? "on" : "off";
        if (mdl_any_switch(x, m) == MDL_GENE)
            text = on ? "on, by its gene" : "off, by its gene";
        cJSON_AddStringToObject(o, mdl_any_key(m), text);
    }
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
    cJSON_AddStringToObject(o, "model", mdl_network_model_of(x)->name);
    add_mechanisms(cJSON_AddObjectToObject(o, "mechanisms"), x, &params);
    cJSON *decoded = cJSON_AddObjectToObject(o, "parameters");
    add_params(decoded, &params);
    if (x->model == MDL_MODEL_NEURAXON)
        add_neuraxon(cJSON_AddObjectToObject(decoded, "neuraxon"), &params.neuraxon);
    if (x->modulators.used)
        add_modulators(cJSON_AddObjectToObject(decoded, "modulators"), &params.modulators, &params.receptors,
                       x->network.regions);
    const float *genome = mdl_champion_genome(c, c->island);
    int whole = add_genes(cJSON_AddArrayToObject(o, "global_genes"), genome + c->layout.globals, mdl_gene_key,
                          mdl_gene_text) == MDL_GENE_COUNT;
    if (x->model == MDL_MODEL_NEURAXON)
        add_genes(cJSON_AddArrayToObject(o, "neuraxon_genes"), genome + c->layout.neuraxon, mdl_neuraxon_gene_key,
                  mdl_neuraxon_gene_text);
    if (x->modulators.used)
        add_genes(cJSON_AddArrayToObject(o, "modulator_genes"), genome + c->layout.modulators, mdl_modulator_gene_key,
                  mdl_modulator_gene_text);
    char *text = whole ? cJSON_Print(o) : NULL;
    cJSON_Delete(o);
    return text;
}
