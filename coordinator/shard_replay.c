/* A shard's life run again with its logged inputs. */
#include <stdlib.h>
#include <string.h>

#include "coordinator/orchestra.h"
#include "protocol/transcript.h"
#include "runtime/memory.h"

static uint32_t get_u32(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The digest of the player's last window. */
static void commit_of(const mdl_player *p, const mdl_shard_replay *r, uint8_t *output, uint8_t out[MDL_DIGEST_BYTES]) {
    uint32_t every = p->experiment->sharding.snapshot_windows;
    mdl_window_commit c = {.life = r->life, .window = p->windows - 1, .shard = r->shard, .shards = r->shards};
    size_t size = mdl_shard_output(p, output);
    mdl_digest_of(output, size, c.output);
    if (every > 0 && p->windows % every == 0)
        mdl_player_state_digest(p, NULL, c.state);
    mdl_window_commit_digest(&c, out);
}

static mdl_err find_truth(const mdl_experiment *x, const mdl_evolution *evolution, mdl_shard_replay *r) {
    mdl_transcript_fault what = {.life = r->life, .window = r->windows - 1, .shard = r->shard};
    mdl_err err = mdl_transcript_right(x, evolution, r->job, r->shards, &what);
    if (err == MDL_OK && what.found)
        memcpy(r->truth, what.right, sizeof r->truth);
    return err;
}

mdl_err mdl_shard_replay_run(const mdl_experiment *x, const mdl_evolution *evolution, mdl_shard_replay *r) {
    uint32_t owner[MDL_REGIONS_MAX];
    mdl_job job;
    mdl_balanced_cut(&x->network, r->shards, owner);
    void *memory = mdl_aligned(mdl_player_bytes(x, owner, r->shard));
    mdl_player *p = memory ? mdl_player_init(memory, x, owner, r->shard, NULL) : NULL;
    float *genome = p ? malloc(p->layout.genes * sizeof *genome) : NULL;
    uint8_t *output = malloc(mdl_shard_output_max(x, owner, r->shard));
    mdl_err err = genome && output ? MDL_OK : MDL_ENOMEM;
    memset(r->right, 0, sizeof r->right);
    memset(r->truth, 0, sizeof r->truth);
    if (err == MDL_OK) {
        mdl_evolution_job(evolution, r->job, &job, genome);
        mdl_player_genome(p, genome);
        mdl_player_begin(p, mdl_unit_place(x, &job, r->life).key);
        const uint8_t *at = r->inputs;
        size_t left = r->inputs_size;
        for (uint32_t i = 0; i < r->windows && err == MDL_OK; i++) {
            uint32_t size = left >= 4 ? get_u32(at) : UINT32_MAX;
            if (left < 4 || size > left - 4)
                err = MDL_ESIZE;
            else
                err = mdl_shard_input_run(p, at + 4, size);
            if (err == MDL_OK) {
                at += 4 + (size_t)size;
                left -= 4 + (size_t)size;
            }
        }
        if (err == MDL_OK)
            commit_of(p, r, output, r->right);
        else
            err = MDL_EMISMATCH;
    }
    free(memory);
    free(genome);
    free(output);
    if (err == MDL_OK)
        err = find_truth(x, evolution, r);
    if (err != MDL_OK)
        memset(r->right, 0, sizeof r->right);
    return err;
}
