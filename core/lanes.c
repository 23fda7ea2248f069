#include "core/lanes.h"

#include <string.h>

#include "core/life.h"

#define EACH_LANE for (uint32_t i = 0; i < MDL_LANES; i++)

struct mdl_lanes {
    void *net;
    mdl_task task[MDL_LANES];
    mdl_lane_modulation modulation;
    mdl_lanes_answer answer;
    mdl_lane_params params;
    uint64_t noise_key[MDL_LANES];
    uint32_t genome[MDL_LANES]; /* whose the lane is */
    uint32_t life[MDL_LANES], windows[MDL_LANES];
    uint32_t busy; /* bit per lane */
    mdl_lanes_window window;
    float obs[MDL_OBS_MAX][MDL_LANES];
    mdl_params other; /* of a genome that is only looked at */
};

mdl_lanes *mdl_lanes_layout(mdl_arena *arena, const mdl_experiment *x) {
    const mdl_lanes_model *model = mdl_network_model_of(x)->lanes;
    if (!model || !model->fits(x))
        return NULL;
    mdl_lanes *a = mdl_arena_take(arena, 1, sizeof *a);
    void *net = model->layout(arena, x);
    if (a)
        a->net = net;
    return a;
}

/* What the lives of one call share. */
typedef struct run {
    mdl_life *l;
    mdl_lanes *a;
    const mdl_lanes_model *model;
    const mdl_lanes_kernel *kernel;
    void *region;
    const mdl_life_list *lives;
    const float *genomes; /* [..][layout.genes], or NULL: the one that the life has */
    uint32_t taken;       /* that the life and its region have                     */
    uint32_t next, end;   /* lives to begin                                        */
} run;

static void take(run *r, uint32_t genome) {
    if (r->taken == genome)
        return;
    mdl_life_genome(r->l, r->genomes + (size_t)genome * r->l->layout.genes);
    mdl_shard_birth(&r->l->shard[0], &r->l->params, 0);
    r->taken = genome;
}

static void begin(run *r, uint32_t lane) {
    const mdl_life *l = r->l;
    mdl_lanes *a = r->a;
    mdl_lot lot = r->lives->lot(r->lives->ctx, r->next);
    take(r, r->genomes ? r->next / r->lives->count : 0);
    if (a->genome[lane] != r->taken) {
        mdl_lane_params_set(&a->params, lane, &l->params);
        r->model->genome(a->net, r->region, lane, 1);
        a->genome[lane] = r->taken;
    }
    mdl_task_reset(&a->task[lane], &l->experiment->task, lot.key, lot.episode, lot.part);
    a->noise_key[lane] = mdl_key(lot.key, MDL_STREAM_NOISE, 0, 0, 0);
    r->model->birth(a->net, r->region, &l->params, lane, a->noise_key[lane]);
    mdl_modulation m;
    mdl_modulation_init(&m, &l->params, a->noise_key[lane], &a->task[lane].out);
    mdl_lane_pack(&a->modulation, lane, &m);
    a->windows[lane] = 0;
    a->life[lane] = r->next++;
    a->busy |= 1u << lane;
}

/* Lives for lanes that have none, not too far ahead of the oldest. */
static void fill(run *r) {
    mdl_lanes *a = r->a;
    uint32_t oldest = r->next;
    EACH_LANE
    if (a->busy >> i & 1u && a->life[i] < oldest)
        oldest = a->life[i];
    for (uint32_t i = 0; i < MDL_LANES && r->next < r->end && r->next - oldest < MDL_LIVES_AHEAD; i++)
        if (!(a->busy >> i & 1u))
            begin(r, i);
}

/* The life as it would be had it been run alone; the network of a genome's last alone. */
static void end(run *r, uint32_t lane) {
    mdl_conductor *c = &r->l->conductor;
    mdl_lanes *a = r->a;
    c->task = a->task[lane];
    c->windows = a->windows[lane];
    c->noise_key[0] = a->noise_key[lane];
    mdl_lane_unpack(&a->modulation, lane, &c->modulation[0]);
    c->out[0].partials = a->window.partials[lane];
    c->action[0] = a->window.action[lane];
    for (uint32_t i = 0; i < r->l->experiment->network.motors; i++)
        c->out[0].motor[i] = a->window.readout[i][lane];
    if ((a->life[lane] + 1) % r->lives->count == 0) {
        /* Of the genome that is taken, whichever the lane's: its constants stay in force. */
        mdl_shard_birth(&r->l->shard[0], &r->l->params, c->noise_key[0]);
        r->model->put_back(a->net, &r->l->params, lane, c->modulation[0].step - 1, r->region);
    }
    a->busy &= ~(1u << lane);
    r->lives->over(r->lives->ctx, a->life[lane], r->l);
}

static void live(run *r) {
    mdl_lanes *a = r->a;
    const mdl_experiment *x = r->l->experiment;
    const mdl_network_spec *network = &x->network;
    mdl_lanes_window *w = &a->window;
    int reads = mdl_task_reads_motors(&x->task);
    EACH_LANE
    for (uint32_t k = 0; k < network->sensors; k++)
        a->obs[k][i] = a->task[i].out.obs[k];
    w->q = &a->params;
    w->m = &a->modulation;
    w->obs = (const float(*)[MDL_LANES])a->obs;
    r->model->window(a->net, r->kernel, w);
    mdl_lanes_answer *answer = &a->answer;
    uint32_t done = 0;
    for (uint32_t i = 0; i < MDL_LANES; i++) {
        if (!(a->busy >> i & 1u))
            continue;
        float motor[MDL_ACTION_MAX];
        mdl_task *t = &a->task[i];
        if (t->out.flags & MDL_OUT_TEACH)
            w->action[i] = t->out.teach;
        for (uint32_t k = 0; reads && k < network->motors; k++)
            motor[k] = w->readout[k][i];
        mdl_task_step(t, w->action[i], reads ? motor : NULL);
        answer->action[i] = w->action[i];
        answer->flags[i] = t->out.flags;
        answer->reward[i] = t->out.reward;
        answer->salience[i][0] = t->out.salience[0];
        answer->salience[i][1] = t->out.salience[1];
        done |= (t->out.flags & MDL_OUT_DONE ? 1u : 0u) << i;
    }
    r->kernel->next(&a->modulation, &a->params, a->noise_key, network->window, w->partials, r->l->conductor.neurons,
                    network->sensors, answer);
    EACH_LANE {
        a->windows[i]++;
        if (done >> i & 1u)
            end(r, i);
    }
}

static void side_by_side(run *r) {
    mdl_lanes *a = r->a;
    a->busy = 0;
    memset(&a->modulation, 0, sizeof a->modulation);
    memset(&a->answer, 0, sizeof a->answer);
    mdl_shard_birth(&r->l->shard[0], &r->l->params, 0);
    r->model->clear(a->net, r->region);
    r->model->genome(a->net, r->region, 0, MDL_LANES); /* lanes without a life compute too */
    EACH_LANE {
        memset(a->task[i].out.obs, 0, sizeof a->task[i].out.obs);
        mdl_lane_params_set(&a->params, i, &r->l->params);
        a->genome[i] = r->taken;
    }
    for (fill(r); a->busy; fill(r))
        live(r);
}

static void one_by_one(run *r) {
    for (; r->next < r->end; r->next++) {
        take(r, r->genomes ? r->next / r->lives->count : 0);
        mdl_lot lot = r->lives->lot(r->lives->ctx, r->next);
        mdl_life_run(r->l, lot.key, lot.episode, lot.part, NULL, NULL, NULL);
        r->lives->over(r->lives->ctx, r->next, r->l);
    }
}

/* Region 0's kernel of lanes, or NULL. */
static const mdl_lanes_kernel *kernel_of(const mdl_life *l) {
    if (!l->lanes)
        return NULL;
    return mdl_network_model_of(l->experiment)->lanes->ready(mdl_shard_region(&l->shard[0], 0));
}

static run run_of(mdl_life *l, const float *genomes, const mdl_life_list *lives) {
    return (run){.l = l,
                 .a = l->lanes,
                 .model = mdl_network_model_of(l->experiment)->lanes,
                 .kernel = kernel_of(l),
                 .region = l->lanes ? mdl_shard_region(&l->shard[0], 0) : NULL,
                 .lives = lives,
                 .genomes = genomes};
}

static void go(run *r) {
    if (r->kernel && r->end - r->next >= MDL_LANES_WORTH)
        side_by_side(r);
    else
        one_by_one(r);
}

void mdl_life_each(mdl_life *l, const mdl_life_list *lives) {
    run r = run_of(l, NULL, lives);
    r.end = lives->count;
    go(&r);
}

/* How many genomes from `first` on have the switches of the one that is taken. */
static uint32_t agreeing(const run *r, uint32_t first, uint32_t genomes) {
    const mdl_life *l = r->l;
    uint32_t g = first + 1;
    if (l->layout.switches == l->layout.genes) /* no switch is a gene */
        return genomes - first;
    for (; g < genomes; g++) {
        mdl_genome_decode(l->experiment, &l->layout, r->genomes + (size_t)g * l->layout.genes, &r->a->other);
        if (!mdl_lane_params_agree(&l->params, &r->a->other))
            break;
    }
    return g - first;
}

void mdl_life_many(mdl_life *l, const float *genomes, uint32_t count, const mdl_life_list *lives) {
    run r = run_of(l, genomes, lives);
    r.taken = UINT32_MAX;
    for (uint32_t g = 0; g < count;) {
        take(&r, g);
        g += r.kernel ? agreeing(&r, g, count) : 1;
        r.end = g * lives->count;
        go(&r);
    }
}

uint32_t mdl_life_together(const mdl_life *l, uint32_t lives) {
    if (!kernel_of(l) || lives == 0 || lives >= MDL_TOGETHER_LIVES)
        return 1;
    uint32_t jobs = MDL_TOGETHER_LIVES / lives;
    return jobs < MDL_TOGETHER_MAX ? jobs : MDL_TOGETHER_MAX;
}
