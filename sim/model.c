/* Every worker follows the evolution. In one process the first one computes a
 * step, and the others load the bytes that it came to. */
#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"

/* The fitnesses name the past only together with where it began: the digest covers both. */
static void name_of(const mdl_model *m, const uint8_t *fitness, size_t size, uint8_t out[MDL_DIGEST_BYTES]) {
    mdl_digest d;
    uint8_t before[MDL_DIGEST_BYTES];
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    mdl_state_digest(m->evolution, before);
    mdl_put_bytes(&sink, before, sizeof before);
    mdl_put_bytes(&sink, fitness, size);
    mdl_digest_final(&d, out);
}

static void gather(void *ctx, const void *bytes, size_t size) {
    mdl_sim_state *t = ctx;
    if (t->bytes && t->size + size > t->room) {
        t->room = 2 * (t->size + size);
        uint8_t *more = realloc(t->bytes, t->room);
        if (!more) {
            free(t->bytes);
        }
        t->bytes = more;
    }
    if (t->bytes) {
        memcpy(t->bytes + t->size, bytes, size);
        t->size += size;
    }
}

mdl_err mdl_sim_follow(void *ctx, mdl_model *m, const uint8_t *fitness, size_t size, uint32_t to) {
    mdl_sim *s = ctx;
    mdl_sim_state t = {.from = mdl_model_generation(m), .to = to, .room = 4096};
    name_of(m, fitness, size, t.digest);
    for (uint32_t i = s->states; i > 0; i--) {
        const mdl_sim_state *known = &s->state[i - 1];
        if (known->from == t.from && known->to == to && memcmp(known->digest, t.digest, sizeof t.digest) == 0) {
            return mdl_evolution_load(m->evolution, known->bytes, known->size);
        }
    }
    mdl_err err = mdl_model_compute(m, fitness, size, to);
    if (err != MDL_OK) {
        return err;
    }
    t.bytes = malloc(t.room);
    mdl_sink sink = {gather, &t};
    mdl_evolution_save(m->evolution, &sink);
    if (!t.bytes || !mdl_sim_grow((void **)&s->state, &s->states_room, s->states + 1, sizeof *s->state)) {
        free(t.bytes);
        return MDL_OK; /* the next one computes it again */
    }
    s->state[s->states++] = t;
    return MDL_OK;
}

void mdl_sim_model_close(mdl_sim *s) {
    for (uint32_t i = 0; i < s->states; i++) {
        free(s->state[i].bytes);
    }
    free(s->state);
}
