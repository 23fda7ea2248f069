/* Synapses that wake, die and form. The capacity is fixed: a slot keeps its
 * place in the row, its delay and its genes, and changes its partner. */
#include "core/hmn_kernel.h"
#include "core/neuraxon_region.h"
#include "core/num.h"

/* Below this a synapse is as good as none, and its integrity falls. */
#define WEAK 0.02f
#define INTEGRITY_RATE 0.02f
#define INTEGRITY_MIN 0.1f
#define WAKE_PROBABILITY 0.25f
/* |w_slow| of a synapse just formed. */
#define FORMED_WEIGHT 0.1f

typedef struct turn {
    mdl_neuraxon_region *r;
    const mdl_neuraxon_params *p;
    uint32_t step;
    float form; /* probability in this window */
} turn;

/* Block of slot k of neuron j; `purpose` MDL_DRAW_SYNAPSE or MDL_NX_DRAW_FORM. */
static void draw(const turn *w, uint32_t j, uint32_t k, uint32_t purpose, uint32_t out[4]) {
    uint32_t c[4] = {j << 4 | (k & 15), w->r->shape.region, w->step, purpose + k / 64};
    mdl_philox(c, w->r->key, out);
}

static int chance(const turn *w, uint32_t j, uint32_t k, float probability) {
    uint32_t word[4];
    if (probability <= 0.0f)
        return 0;
    draw(w, j, k, MDL_DRAW_SYNAPSE, word);
    return (float)(int32_t)(word[k / 16 & 3] >> 8) * 0x1p-24f < probability;
}

/* Whether a living slot of the row already listens to `source`. */
static int taken(const mdl_neuraxon_region *r, uint32_t j, uint32_t source) {
    size_t first = mdl_row(&r->shape, j);
    for (uint32_t k = 0; k < mdl_row_fan(&r->shape, j); k++)
        if (mdl_neuraxon_source(r, first + k) == source && !(r->flags[first + k] & MDL_CELL_DEAD))
            return 1;
    return 0;
}

static void form(const turn *w, uint32_t j, uint32_t k, size_t cell) {
    mdl_neuraxon_region *r = w->r;
    const mdl_shape *s = &r->shape;
    uint32_t own = 1 + s->sensors, inbound = own + s->hidden;
    int outside = mdl_neuraxon_source(r, cell) >= inbound;
    uint32_t base = outside ? inbound : own, count = outside ? s->inbound : s->hidden;
    uint32_t word[4], self = outside || j >= s->hidden ? UINT32_MAX : j;
    draw(w, j, k, MDL_NX_DRAW_FORM, word);
    uint32_t start = (uint32_t)((uint64_t)word[0] * count >> 32);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t partner = (start + i) % count;
        if (partner == self || taken(r, j, base + partner))
            continue;
        r->index[cell] = r->index[cell] - mdl_neuraxon_source(r, cell) + base + partner;
        r->flags[cell] = (r->flags[cell] & (MDL_CELL_MODULATORY | MDL_CELL_LATENT)) | MDL_CELL_FORMED |
                         mdl_neuraxon_direction(r, base + partner) |
                         (mdl_nx_on(w->p, MDL_NX_SILENT) ? MDL_CELL_SILENT : 0);
        r->fast[cell] = r->e[cell] = 0.0f;
        r->slow[cell] = r->w[cell] = word[1] >> 31 ? FORMED_WEIGHT : -FORMED_WEIGHT;
        r->meta[cell] = r->meta0[cell];
        r->integrity[cell] = 1.0f;
        return;
    }
}

static void die(mdl_neuraxon_region *r, size_t cell) {
    r->flags[cell] = (r->flags[cell] & ~(uint32_t)MDL_CELL_SAVED) | MDL_CELL_DEAD;
    r->fast[cell] = r->slow[cell] = r->w[cell] = r->meta[cell] = r->e[cell] = r->integrity[cell] = 0.0f;
}

static void change(const turn *w, uint32_t j, uint32_t k, size_t cell) {
    mdl_neuraxon_region *r = w->r;
    uint32_t flags = r->flags[cell];
    if (mdl_nx_on(w->p, MDL_NX_STRUCTURE)) {
        if (flags & MDL_CELL_DEAD) {
            if (chance(w, j, k, w->form))
                form(w, j, k, cell);
            return;
        }
        float firm = mdl_absf(r->w[cell]) > WEAK ? 1.0f : 0.0f, now = r->integrity[cell];
        r->integrity[cell] = mdl_flushf(mdl_fmaf(INTEGRITY_RATE, firm - now, now));
        if (r->integrity[cell] < INTEGRITY_MIN && chance(w, j, k, w->p->prune)) {
            die(r, cell);
            return;
        }
    }
    if (flags & MDL_CELL_SILENT && mdl_absf(r->e[cell]) > w->p->wake && chance(w, j, k, WAKE_PROBABILITY))
        r->flags[cell] = flags & ~(uint32_t)MDL_CELL_SILENT;
}

void mdl_neuraxon_restructure(mdl_neuraxon_region *r, const mdl_params *params, uint32_t t, float arousal) {
    const mdl_neuraxon_params *p = &params->neuraxon;
    turn w = {r, p, t, mdl_minf(p->form * mdl_fmaf(p->arousal, arousal, 1.0f), 1.0f)};
    for (uint32_t j = 0; j < r->shape.neurons; j++)
        for (uint32_t k = 0; k < mdl_row_fan(&r->shape, j); k++)
            if (r->flags[mdl_row(&r->shape, j) + k] & MDL_CELL_RECURRENT)
                change(&w, j, k, mdl_row(&r->shape, j) + k);
}
