/* A job done again with all its shards, beside its transcript. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/shard_window.h"
#include "protocol/transcript.h"

typedef struct troupe {
    const mdl_experiment *experiment;
    uint32_t shards, owner[MDL_REGIONS_MAX];
    mdl_conductor conductor;
    mdl_player **player; /* [shards] */
    uint8_t **output;    /* [2 x shards]: of this window and the one before */
    uint8_t *input;
    size_t input_max;
    float *genome;
} troupe;

static void dismiss(troupe *t) {
    for (uint32_t s = 0; s < t->shards; s++) {
        if (t->player)
            free(t->player[s]);
        for (int i = 0; t->output && i < 2; i++)
            free(t->output[2 * s + (uint32_t)i]);
    }
    free(t->player);
    free(t->output);
    free(t->input);
    free(t->genome);
    free(t);
}

static mdl_err gather(troupe *t) {
    const mdl_experiment *x = t->experiment;
    t->player = calloc(t->shards, sizeof(mdl_player *));
    t->output = calloc(t->shards, 2 * sizeof(uint8_t *));
    if (!t->player || !t->output)
        return MDL_ENOMEM;
    for (uint32_t s = 0; s < t->shards; s++) {
        size_t size = mdl_player_bytes(x, t->owner, s), max = mdl_shard_input_max(x, t->owner, s);
        void *memory = aligned_alloc(MDL_ALIGN, (size + MDL_ALIGN - 1) / MDL_ALIGN * MDL_ALIGN);
        if (!memory)
            return MDL_ENOMEM;
        t->player[s] = mdl_player_init(memory, x, t->owner, s, NULL);
        MDL_ASSERT((void *)t->player[s] == memory);
        for (uint32_t i = 0; i < 2; i++)
            if (!(t->output[2 * s + i] = malloc(mdl_shard_output_max(x, t->owner, s))))
                return MDL_ENOMEM;
        t->input_max = max > t->input_max ? max : t->input_max;
    }
    t->input = malloc(t->input_max);
    t->genome = malloc(t->player[0]->layout.genes * sizeof *t->genome);
    return t->input && t->genome ? MDL_OK : MDL_ENOMEM;
}

/* The digest of the player's last window, whose output is here. */
static void commit_of(const troupe *t, uint32_t s, uint32_t life, const uint8_t *output, size_t size,
                      uint8_t out[MDL_DIGEST_BYTES]) {
    const mdl_player *p = t->player[s];
    uint32_t every = t->experiment->sharding.snapshot_windows;
    mdl_window_commit c = {.life = life, .window = p->windows - 1, .shard = s, .shards = t->shards};
    mdl_digest_of(output, size, c.output);
    if (every > 0 && p->windows % every == 0)
        mdl_player_state_digest(p, NULL, c.state);
    mdl_window_commit_digest(&c, out);
}

/* One window of all; found when a digest is not the transcript's. */
static int play_window(troupe *t, const mdl_transcript *said, uint32_t life, mdl_packed *packed,
                       mdl_transcript_fault *out) {
    mdl_activity_rule rule = mdl_activity_rule_of(t->experiment, &t->player[0]->params);
    uint32_t window = t->conductor.windows;
    uint64_t place = mdl_transcript_place(said, life, window);
    mdl_packed next[MDL_REGIONS_MAX];
    mdl_window_out sum, part;
    memset(&sum, 0, sizeof sum);
    memset(next, 0, sizeof next);
    for (uint32_t s = 0; s < t->shards; s++) {
        uint8_t *output = t->output[2 * s + window % 2];
        size_t size = mdl_shard_input(&t->conductor, t->owner, s, packed, t->input);
        mdl_err err = mdl_shard_input_run(t->player[s], t->input, size);
        MDL_ASSERT(err == MDL_OK); /* it is our own */
        size = mdl_shard_output(t->player[s], output);
        err = mdl_shard_output_read(t->experiment, &rule, t->owner, s, output, size, &part, next);
        MDL_ASSERT(err == MDL_OK);
        mdl_window_out_add(t->experiment, &sum, &part, t->owner[0] == s);
        commit_of(t, s, life, output, size, out->right);
        if (place == UINT64_MAX || memcmp(out->right, mdl_transcript_commit(said, place, s), sizeof out->right) != 0) {
            out->found = 1;
            out->life = life;
            out->window = window;
            out->shard = s;
            return 0;
        }
    }
    memcpy(packed, next, sizeof next);
    return mdl_conductor_window(&t->conductor, &sum);
}

static void compare_ends(const troupe *t, const mdl_transcript *said, const uint8_t (*region)[MDL_DIGEST_BYTES],
                         mdl_transcript_fault *out) {
    for (uint32_t s = 0; s < t->shards && !out->found; s++) {
        uint8_t right[MDL_REGIONS_MAX][MDL_DIGEST_BYTES];
        mdl_player_state_digest(t->player[s], right, out->right);
        for (uint32_t i = 0; i < t->player[s]->shard.count && !out->found; i++)
            if (memcmp(right[i], region[t->player[s]->region[i]], MDL_DIGEST_BYTES) != 0) {
                out->found = 1;
                out->life = said->lives;
                out->window = 0;
                out->shard = s;
            }
    }
}

mdl_err mdl_transcript_find(const mdl_experiment *x, const mdl_evolution *evolution, uint32_t job,
                            const mdl_transcript *said, const uint8_t (*region)[MDL_DIGEST_BYTES],
                            mdl_transcript_fault *out) {
    mdl_job info;
    mdl_packed packed[MDL_REGIONS_MAX];
    memset(out, 0, sizeof *out);
    troupe *t = calloc(1, sizeof *t);
    if (!t)
        return MDL_ENOMEM;
    t->experiment = x;
    t->shards = said->shards;
    mdl_balanced_cut(&x->network, t->shards, t->owner);
    mdl_err err = gather(t);
    if (err == MDL_OK) {
        mdl_evolution_job(evolution, job, &info, t->genome);
        for (uint32_t s = 0; s < t->shards; s++)
            mdl_player_genome(t->player[s], t->genome);
        mdl_conductor_init(&t->conductor, x, &t->player[0]->params);
        for (uint32_t life = 0; life < info.episodes && !out->found; life++) {
            mdl_place at = mdl_unit_place(x, &info, life);
            mdl_conductor_begin(&t->conductor, at.key, at.episode, at.part);
            for (uint32_t s = 0; s < t->shards; s++)
                mdl_player_begin(t->player[s], at.key);
            memset(packed, 0, sizeof packed);
            while (play_window(t, said, life, packed, out)) {
            }
        }
        if (!out->found)
            compare_ends(t, said, region, out);
    }
    dismiss(t);
    return err;
}
