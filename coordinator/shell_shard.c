/* What the logic wants run again of sharded jobs, on the pool's threads. */
#include <stdlib.h>

#include "coordinator/logic_shard.h"
#include "coordinator/shell_internal.h"

typedef struct errand {
    uv_work_t work;
    mdl_shell *s;
    const mdl_experiment *experiment;
    const mdl_evolution *evolution;
    mdl_shard_replay replay;
} errand;

static void run(uv_work_t *work) {
    errand *e = work->data;
    (void)mdl_shard_replay_run(e->experiment, e->evolution, &e->replay); /* without an answer `right` is zeros */
}

static void done(uv_work_t *work, int status) {
    errand *e = work->data;
    mdl_shell *s = e->s;
    (void)status; /* not run: no answer */
    s->verifying--;
    if (!s->closing && !s->failed) {
        mdl_coordinator_replayed(s->logic, &e->replay, mdl_shell_now_ms());
        mdl_shell_after_logic(s);
    }
    free(e->replay.inputs);
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
