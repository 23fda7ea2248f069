/* Every worker follows the evolution. In one process they share it: the first one
 * that takes a step computes it, the others are given the model that it came to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/grow.h"
#include "sim/internal.h"

static mdl_model *keep(mdl_sim *s, mdl_sim_model m) {
    if (!m.model || (m.size > 0 && !m.fitness) ||
        !mdl_list_grow_zeroed(&s->model, &s->models_room, s->models + 1, sizeof *s->model)) {
        mdl_model_free(m.model);
        free(m.fitness);
        return NULL;
    }
    m.model->serial = 1; /* all are of one experiment */
    s->model[s->models++] = m;
    return m.model;
}

static mdl_model *open_model(void *ctx, const uint8_t *document, size_t size, char *error, size_t error_size) {
    mdl_sim *s = ctx;
    if (size != s->document_size || memcmp(document, s->document, size) != 0) {
        snprintf(error, error_size, "another experiment than the fleet's");
        return NULL;
    }
    if (s->models == 0) {
        return keep(s, (mdl_sim_model){.model = mdl_model_new(document, size, error, error_size)});
    }
    return s->model[0].model;
}

static mdl_err copy_of(mdl_sim *s, const mdl_model *m, mdl_model **out) {
    char error[256];
    mdl_buffer b = {0};
    mdl_sink sink = mdl_buffer_sink(&b);
    mdl_evolution_save(m->evolution, &sink);
    *out = !b.failed ? mdl_model_new((const uint8_t *)s->document, s->document_size, error, sizeof error) : NULL;
    mdl_err err = *out ? mdl_evolution_load((*out)->evolution, b.bytes, b.size) : MDL_ENOMEM;
    if (err != MDL_OK) {
        mdl_model_free(*out);
        *out = NULL;
    }
    free(b.bytes);
    return err;
}

static mdl_err move_model(void *ctx, mdl_model **m, const uint8_t *fitness, size_t size, uint32_t to) {
    mdl_sim *s = ctx;
    mdl_sim_model next = {.to = to, .at = *m, .size = size};
    for (uint32_t i = s->models; i > 0; i--) {
        const mdl_sim_model *known = &s->model[i - 1];
        if (known->at == *m && known->to == to && known->size == size && memcmp(known->fitness, fitness, size) == 0) {
            *m = known->model;
            return MDL_OK;
        }
    }
    mdl_err err = copy_of(s, *m, &next.model);
    err = err == MDL_OK ? mdl_model_follow(next.model, fitness, size, to) : err;
    if (err != MDL_OK) {
        mdl_model_free(next.model);
        return err;
    }
    next.fitness = malloc(size + 1);
    if (next.fitness) {
        memcpy(next.fitness, fitness, size);
    }
    next.model = keep(s, next);
    *m = next.model ? next.model : *m;
    return next.model ? MDL_OK : MDL_ENOMEM;
}

/* They stay until the end: others may come to a generation late. */
static void close_model(void *ctx, mdl_model *m) {
    (void)ctx;
    (void)m;
}

/* Thousands are sent the same history: it is hashed once, and compared then. */
static int digest_is(void *ctx, const uint8_t *bytes, size_t size, const uint8_t digest[MDL_DIGEST_BYTES]) {
    mdl_sim *s = ctx;
    uint8_t own[MDL_DIGEST_BYTES];
    if (s->hashed && s->hashed->size == size && memcmp(s->hashed->at, bytes, size) == 0) {
        return memcmp(s->hashed_to, digest, MDL_DIGEST_BYTES) == 0;
    }
    mdl_digest_of(bytes, size, own);
    mdl_sim_bytes_drop(s->hashed);
    s->hashed = mdl_sim_bytes_of(bytes, size);
    memcpy(s->hashed_to, own, sizeof own);
    return memcmp(own, digest, sizeof own) == 0;
}

void mdl_sim_models_begin(mdl_sim *s) {
    s->source = (mdl_model_source){s, open_model, move_model, close_model, digest_is};
}

void mdl_sim_models_close(mdl_sim *s) {
    for (uint32_t i = 0; i < s->models; i++) {
        mdl_model_free(s->model[i].model);
        free(s->model[i].fitness);
    }
    free(s->model);
    mdl_sim_bytes_drop(s->hashed);
}
