#include "protocol/unit.h"

#include <string.h>

#include "core/assert.h"
#include "protocol/merkle.h"

/* core's writers push a few bytes at a time; hashing is quicker by the block. */
typedef struct gathered {
    mdl_digest digest;
    size_t used;
    uint8_t bytes[8192];
} gathered;

static void flush(gathered *g) {
    mdl_sink sink = mdl_digest_sink(&g->digest);
    mdl_put_bytes(&sink, g->bytes, g->used);
    g->used = 0;
}

static void gather(void *ctx, const void *bytes, size_t size) {
    gathered *g = ctx;
    const uint8_t *from = bytes;
    while (size > 0) {
        size_t room = sizeof g->bytes - g->used, part = size < room ? size : room;
        memcpy(g->bytes + g->used, from, part);
        g->used += part;
        from += part;
        size -= part;
        if (g->used == sizeof g->bytes)
            flush(g);
    }
}

static mdl_sink gathered_begin(gathered *g) {
    mdl_digest_init(&g->digest);
    g->used = 0;
    return (mdl_sink){gather, g};
}

static void gathered_end(gathered *g, uint8_t out[MDL_DIGEST_BYTES]) {
    flush(g);
    mdl_digest_final(&g->digest, out);
}

void mdl_unit_job(mdl_life *life, const mdl_evolution *e, uint32_t index, float *genome, mdl_job_result *out) {
    static const char domain[] = "modulon segment v1";
    gathered g;
    mdl_sink sink = gathered_begin(&g);
    mdl_job job;
    mdl_evolution_job(e, index, &job, genome);
    int train = job.kind == MDL_JOB_TRAIN;
    mdl_stream_id kind = train ? MDL_STREAM_TRAIN : MDL_STREAM_VALIDATE;
    mdl_part part = train ? MDL_PART_TRAIN : MDL_PART_VALIDATE;

    mdl_put_bytes(&sink, domain, sizeof domain - 1);
    mdl_put_u32(&sink, job.generation);
    mdl_put_u32(&sink, index);
    out->fitness = 0;
    out->updates = 0;
    mdl_life_genome(life, genome);
    for (uint32_t i = 0; i < job.episodes; i++) {
        uint64_t key = mdl_life_key(life->experiment->seed, kind, train ? job.generation : 0, i);
        mdl_life_run(life, key, i, part, &out->fitness, NULL, &out->updates);
        mdl_modulation_save(&life->modulation, &sink);
    }
    mdl_life_save(life, &sink);
    mdl_put_i64(&sink, out->fitness);
    mdl_put_u64(&sink, out->updates);
    gathered_end(&g, out->segment);
}

void mdl_unit_root(const mdl_job_result *jobs, uint32_t count, uint8_t root[MDL_DIGEST_BYTES]) {
    mdl_merkle_edge edge;
    MDL_ASSERT(count >= 1 && count <= MDL_UNIT_JOBS_MAX);
    memset(&edge, 0, sizeof edge);
    for (uint32_t i = 0; i < count; i++) {
        mdl_hash leaf;
        mdl_merkle_leaf(jobs[i].segment, sizeof jobs[i].segment, &leaf);
        mdl_err err = mdl_merkle_append(&edge, &leaf, 1, NULL, NULL);
        MDL_ASSERT(err == MDL_OK); /* far below the limit of leaves */
    }
    mdl_hash top;
    mdl_merkle_edge_root(&edge, &top);
    memcpy(root, top.bytes, MDL_DIGEST_BYTES);
}

void mdl_state_digest(const mdl_evolution *e, uint8_t digest[MDL_DIGEST_BYTES]) {
    gathered g;
    mdl_sink sink = gathered_begin(&g);
    mdl_evolution_save(e, &sink);
    gathered_end(&g, digest);
}
