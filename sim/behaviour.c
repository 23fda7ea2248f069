/* What workers answer, and what frames they send beside. */
#include <stdlib.h>
#include <string.h>

#include "protocol/unit.h"
#include "sim/internal.h"

static const struct {
    const char *name;
    int evil;
} behaviour[] = {
#define X(NAME, name, evil, text) {#name, evil},
    MDL_SIM_BEHAVIOUR_MAP(X)
#undef X
};

const char *mdl_sim_behaviour_name(uint32_t b) { return b < MDL_SIM_BEHAVIOURS ? behaviour[b].name : "unknown"; }

int mdl_sim_is_evil(uint32_t b) { return b < MDL_SIM_BEHAVIOURS && behaviour[b].evil; }

static uint64_t draw(mdl_sim_worker *w) { return mdl_sim_stream(w->random ^ UINT64_C(0x5bd1e995), ++w->turns); }

/* ---- answers ---- */

enum { GOOD = 150000000, USUAL = 120000000, RING_UNITS = 10 };

/* A fitness of nobody's, equal for equal `seed`. */
static int64_t any_fitness(uint64_t seed, int64_t most) { return (int64_t)(mdl_sim_mix(seed) % (uint64_t)most); }

/* A behaviour that waits until it is trusted. */
static int is_trusted(const mdl_sim *s, const mdl_sim_worker *w) {
    const mdl_ledger *l = s->logic ? mdl_coordinator_ledger(s->logic) : NULL;
    const mdl_ledger_worker *known = l ? mdl_ledger_worker_find(l, w->key) : NULL;
    const mdl_ledger_worker *all;
    if (!known) {
        return 0;
    }
    mdl_ledger_workers(l, &all);
    return mdl_ledger_verifies(l) ? mdl_ledger_trusted(l, (uint32_t)(known - all)) : known->accepted >= RING_UNITS;
}

/* What all members of a ring tell for a job, so that they agree. */
static uint64_t ring_seed(const mdl_sim *s, uint32_t behaviour_number, uint32_t generation, uint32_t job) {
    return mdl_sim_stream(s->oracle + behaviour_number, (uint64_t)generation << 32 | job);
}

double mdl_sim_effort(const mdl_sim *s, const mdl_sim_worker *w) {
    switch (w->behaviour) {
    case MDL_SIM_LAZY:
        return 0.9;
    case MDL_SIM_RANDOM:
    case MDL_SIM_COPIER:
    case MDL_SIM_RING:
        return 0.02;
    case MDL_SIM_TURNCOAT:
    case MDL_SIM_WHITEWASHER:
        return is_trusted(s, w) ? 0.02 : 1;
    default:
        return 1;
    }
}

/* The frame of somebody's result that covers a job, if one was overheard. */
static int overheard(mdl_sim *s, uint32_t generation, uint32_t job, int64_t *fitness) {
    for (uint32_t i = 0; i < MDL_SIM_TAPPED; i++) {
        mdl_frame frame;
        mdl_envelope e;
        mdl_message m;
        if (!s->tapped[i] || mdl_frame_decode(s->tapped[i]->at, s->tapped[i]->size, &frame) != MDL_OK ||
            mdl_envelope_decode(frame.envelope, frame.envelope_size, s->pae, &e) != MDL_OK ||
            mdl_message_of(&e, (mdl_list_room){s->list, MDL_LIST_MAX}, &m, NULL) != MDL_OK ||
            m.type != MDL_MSG_RESULT || m.as.result.generation != generation) {
            continue;
        }
        const mdl_msg_result *r = &m.as.result;
        if (job >= r->first && job < r->first + r->count && r->fitness.count == r->count) {
            *fitness = r->fitness.at[job - r->first];
            return 1;
        }
    }
    return 0;
}

static int best_of(const mdl_job_result *r, uint32_t count, int64_t least) {
    for (uint32_t i = 0; i < count; i++) {
        if (r[i].fitness >= least) {
            return 1;
        }
    }
    return 0;
}

static void lie(mdl_sim *s, mdl_sim_worker *w, uint32_t generation, uint32_t first, uint32_t count,
                mdl_job_result *out) {
    uint64_t seed = draw(w);
#define INVENT(from, fitness) mdl_sim_invent(s, w, generation, first + i, from, fitness, r)
    for (uint32_t i = 0; i < count; i++) {
        mdl_job_result *r = &out[i];
        uint64_t shared = ring_seed(s, w->behaviour, generation, first + i);
        uint64_t mine = mdl_sim_mix(seed + i);
        switch (w->behaviour) {
        case MDL_SIM_LAZY:
            INVENT(mine, r->fitness / 10 * 9 + (int64_t)(mine % USUAL) / 10);
            break;
        case MDL_SIM_FLIPPER:
            if (mine % 8 == 0) {
                r->fitness ^= (int64_t)1 << (mine / 8 % 27);
            }
            break;
        case MDL_SIM_RANDOM:
            INVENT(mine, any_fitness(mine, USUAL));
            break;
        case MDL_SIM_RING:
            INVENT(shared, GOOD + any_fitness(shared, GOOD / 2));
            break;
        case MDL_SIM_TURNCOAT:
            if (is_trusted(s, w)) {
                INVENT(shared, any_fitness(shared, USUAL));
            }
            break;
        case MDL_SIM_HIDER:
            if (r->fitness > GOOD) {
                r->fitness /= 4;
            }
            break;
        case MDL_SIM_GAMBLER:
            if (i == seed % count && is_trusted(s, w)) {
                INVENT(mine, any_fitness(mine, USUAL));
            }
            break;
        case MDL_SIM_COPIER: {
            int64_t fitness = 0;
            int heard = overheard(s, generation, first + i, &fitness);
            /* the digest was not overheard in time: it is bound to another's commitment */
            INVENT(mine, heard ? fitness : any_fitness(mine, USUAL));
            break;
        }
        case MDL_SIM_YESMAN: {
            int64_t fitness;
            if (overheard(s, generation, first + i, &fitness)) { /* somebody has answered it: this is a check */
                INVENT(mine, fitness);
            }
            break;
        }
        case MDL_SIM_WHITEWASHER:
            if (is_trusted(s, w)) {
                INVENT(mine, any_fitness(mine, USUAL));
            }
            break;
        default:
            break;
        }
    }
#undef INVENT
}

int mdl_sim_answer(mdl_sim *s, mdl_sim_worker *w, uint32_t generation, uint32_t first, uint32_t count,
                   mdl_job_result *out) {
    uint64_t updates = 0;
    for (uint32_t i = 0; i < count; i++) {
        updates += mdl_sim_truth(s, generation, first + i, &out[i]);
    }
    w->worked += (uint64_t)((double)updates * mdl_sim_effort(s, w));
    if ((w->behaviour == MDL_SIM_SILENT && draw(w) % 2) ||
        (w->behaviour == MDL_SIM_DROPPER && !best_of(out, count, GOOD))) {
        return 0;
    }
    if (mdl_sim_is_evil(w->behaviour)) {
        lie(s, w, generation, first, count, out);
    }
    return 1;
}

/* ---- frames ---- */

static void inject(mdl_sim *s, uint32_t worker, const uint8_t *frame, size_t size) {
    mdl_sim_bytes *b = mdl_sim_bytes_of(frame, size);
    if (!b) {
        mdl_sim_fail(s, MDL_ENOMEM);
        return;
    }
    mdl_sim_to_coordinator(s, worker, 0, b);
}

static int is_type(const uint8_t *frame, size_t size, const char *name) {
    static const char before[] = "{\"payloadType\":\"application/vnd.modulon.";
    size_t at = MDL_FRAME_HEAD_BYTES + sizeof before - 1, length = strlen(name);
    return size > at + length && memcmp(frame + at, name, length) == 0 && frame[at + length] == '.';
}

/* The same number, the same lease, another content, soundly signed. */
static void equivocate(mdl_sim *s, uint32_t worker, const uint8_t *frame, size_t size) {
    mdl_frame f;
    mdl_envelope e;
    mdl_message m;
    if (mdl_frame_decode(frame, size, &f) != MDL_OK ||
        mdl_envelope_decode(f.envelope, f.envelope_size, s->pae, &e) != MDL_OK ||
        mdl_message_of(&e, (mdl_list_room){s->list, MDL_LIST_MAX}, &m, NULL) != MDL_OK || m.type != MDL_MSG_RESULT) {
        return;
    }
    m.as.result.busy_ms++;
    size_t sealed;
    if (mdl_message_seal(&m, s->worker[worker].secret, s->work, s->sealed, sizeof s->sealed, &sealed) == MDL_OK) {
        const mdl_frame other = {s->sealed, sealed, NULL, 0};
        if (mdl_frame_encode(&other, s->frame, sizeof s->frame, &sealed) == MDL_OK) {
            inject(s, worker, s->frame, sealed);
        }
    }
}

/* 1: a result whose best job is good, or no result. */
static int shows(mdl_sim *s, const uint8_t *frame, size_t size) {
    mdl_frame f;
    mdl_envelope e;
    mdl_message m;
    if (mdl_frame_decode(frame, size, &f) != MDL_OK ||
        mdl_envelope_decode(f.envelope, f.envelope_size, s->pae, &e) != MDL_OK ||
        mdl_message_of(&e, (mdl_list_room){s->list, MDL_LIST_MAX}, &m, NULL) != MDL_OK || m.type != MDL_MSG_RESULT) {
        return 1;
    }
    for (uint32_t i = 0; i < m.as.result.fitness.count; i++) {
        if (m.as.result.fitness.at[i] >= GOOD) {
            return 1;
        }
    }
    return 0;
}

int mdl_sim_sends(mdl_sim *s, uint32_t worker, const uint8_t *frame, size_t size) {
    mdl_sim_worker *w = &s->worker[worker];
    int result = is_type(frame, size, "result");
    if (s->plan.adversaries <= 0) {
        return 1;
    }
    if (result || draw(w) % 8 == 0) {
        uint32_t at = s->taps++ % MDL_SIM_TAPPED;
        mdl_sim_bytes_drop(s->tapped[at]);
        s->tapped[at] = mdl_sim_bytes_of(frame, size);
    }
    if (w->behaviour == MDL_SIM_EQUIVOCATOR && result) {
        equivocate(s, worker, frame, size);
    }
    if (w->behaviour == MDL_SIM_FLOODER) {
        mdl_sim_bytes_drop(w->frame);
        w->frame = mdl_sim_bytes_of(frame, size);
    }
    return w->behaviour != MDL_SIM_WITHHOLDER || !result || shows(s, frame, size);
}

void mdl_sim_succeed(mdl_sim *s, uint32_t worker) {
    uint32_t heir = s->worker[worker].heir;
    if (heir > 0) {
        mdl_sim_at(s, s->now_us + 1000000, MDL_EV_WORKER_BEGIN, heir - 1, 0, NULL);
    }
}

uint64_t mdl_sim_mischief_us(mdl_sim *s, const mdl_sim_worker *w) {
    if (w->behaviour == MDL_SIM_REPLAYER) {
        return 1 + (uint64_t)mdl_sim_exponential(&s->churn, 300000);
    }
    return w->behaviour == MDL_SIM_FLOODER ? 1 + (uint64_t)mdl_sim_exponential(&s->churn, 3e6) : 0;
}

/* Noise, frames cut short, spoilt signatures, repeats. */
static void flood(mdl_sim *s, uint32_t worker) {
    mdl_sim_worker *w = &s->worker[worker];
    const mdl_sim_bytes *own = w->frame;
    for (int i = 0; i < 60; i++) {
        uint64_t word = draw(w);
        if (!own || own->size > sizeof s->frame || i % 4 == 0) {
            for (uint32_t k = 0; k < 64; k++) {
                s->frame[k] = (uint8_t)mdl_sim_mix(word + k);
            }
            inject(s, worker, s->frame, 64);
            continue;
        }
        memcpy(s->frame, own->at, own->size);
        if (i % 4 == 1) {
            inject(s, worker, s->frame, word % own->size);
        } else {
            if (i % 4 == 2) {
                s->frame[own->size - 20] = s->frame[own->size - 20] == 'A' ? 'B' : 'A'; /* in the signature */
            }
            inject(s, worker, s->frame, own->size);
        }
    }
}

void mdl_sim_mischief(mdl_sim *s, uint32_t worker) {
    mdl_sim_worker *w = &s->worker[worker];
    if (w->behaviour == MDL_SIM_FLOODER) {
        flood(s, worker);
        return;
    }
    const mdl_sim_bytes *old = s->tapped[draw(w) % MDL_SIM_TAPPED];
    if (old) {
        inject(s, worker, old->at, old->size);
    }
}
