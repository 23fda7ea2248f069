/* What the logic wants run again of sharded jobs, on the pool's threads. */
#include <stdlib.h>
#include <string.h>

#include "coordinator/logic_shard.h"
#include "coordinator/shell_internal.h"

typedef struct errand {
    uv_work_t work;
    mdl_shell *s;
    const mdl_experiment *experiment;
    const mdl_evolution *evolution;
    mdl_shard_replay replay; /* where it has inputs: run again; else a search */
    uint32_t job;
    uint8_t *transcript;
    size_t size;
    uint8_t region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES];
    mdl_transcript_fault fault;
} errand;

static void run(uv_work_t *work) {
    errand *e = work->data;
    mdl_transcript t;
    if (e->replay.inputs) {
        (void)mdl_shard_replay_run(e->experiment, e->evolution, &e->replay); /* without an answer `right` is zeros */
    } else if (mdl_transcript_read(e->transcript, e->size, &t) == MDL_OK) {
        (void)mdl_transcript_find(e->experiment, e->evolution, e->job, &t,
                                  (const uint8_t(*)[MDL_DIGEST_BYTES])e->region, &e->fault);
    }
}

static void done(uv_work_t *work, int status) {
    errand *e = work->data;
    mdl_shell *s = e->s;
    (void)status; /* not run: no answer */
    s->verifying--;
    if (!s->closing && !s->failed) {
        if (e->replay.inputs) {
            mdl_coordinator_replayed(s->logic, e->replay.job, e->replay.life, e->replay.shard, e->replay.right,
                                     mdl_shell_now_ms());
        } else {
            mdl_coordinator_found(s->logic, e->job, &e->fault, mdl_shell_now_ms());
        }
        mdl_shell_after_logic(s);
    }
    free(e->replay.inputs);
    free(e->transcript);
    free(e);
}

static errand *begin(mdl_shell *s) {
    const mdl_ledger *l = mdl_coordinator_ledger(s->logic);
    errand *e = calloc(1, sizeof *e);
    if (e) {
        e->work.data = e;
        e->s = s;
        e->experiment = mdl_ledger_experiment(l);
        e->evolution = mdl_ledger_evolution(l);
    }
    return e;
}

static void queue(errand *e) {
    if (uv_queue_work(e->s->loop, &e->work, run, done) != 0) {
        mdl_shell_fail(e->s, "no thread to run a shard again");
        free(e->replay.inputs);
        free(e->transcript);
        free(e);
        return;
    }
    e->s->verifying++;
}

void mdl_shell_replay(void *ctx, const mdl_shard_replay *r) {
    errand *e = begin(ctx);
    if (!e) {
        free(r->inputs);
        mdl_shell_fail(ctx, "no memory to run a shard again");
        return;
    }
    e->replay = *r;
    queue(e);
}

void mdl_shell_find(void *ctx, uint32_t job, const uint8_t transcript[MDL_DIGEST_BYTES],
                    const uint8_t (*region)[MDL_DIGEST_BYTES]) {
    mdl_shell *s = ctx;
    errand *e = begin(s);
    const uint8_t *bytes;
    mdl_blobs blobs = mdl_shell_blobs(s);
    size_t size = 0;
    if (e && blobs.get(blobs.ctx, transcript, &bytes, &size) == MDL_OK) {
        e->transcript = malloc(size + 1);
    }
    if (!e || !e->transcript) {
        free(e);
        mdl_shell_fail(s, "no memory to search a transcript, or it is not there");
        return;
    }
    memcpy(e->transcript, bytes, size);
    memcpy(e->region, region,
           mdl_ledger_experiment(mdl_coordinator_ledger(s->logic))->network.regions * sizeof *region);
    e->size = size;
    e->job = job;
    queue(e);
}
