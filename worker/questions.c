/* Disputes, seen from a side: a question comes with the answer to a want, a thread
 * runs the job again as far as it asks, and the move goes out. PROTOCOL 11.6. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "worker/logic_internal.h"

enum { AGAIN_MS = 2000 }; /* pause after a question that cannot be answered now */

void mdl_questions_drop(mdl_worker *w) {
    if (w->question.stage != MDL_QUESTION_RUNS)
        mdl_shard_work_free(w->question.work);
    else
        return; /* a thread has it */
    memset(&w->question, 0, sizeof w->question);
}

void mdl_questions_took(mdl_worker *w, const mdl_msg_question *q) {
    mdl_question *mine = &w->question;
    mdl_retrace order;
    if (q->generation > w->target) {
        w->target = q->generation;
        w->target_known = 0;
    }
    w->want_at_ms = w->at.now_ms + AGAIN_MS;
    if (mine->stage == MDL_QUESTION_RUNS || !w->io.shard || !w->model || w->drop_model ||
        mdl_retrace_of(q, w->model->evolution, &order) != MDL_OK)
        return;
    mdl_questions_drop(w);
    mine->work = mdl_shard_work_retrace(w->model, &order);
    if (!mine->work)
        return;
    mine->lease = q->lease;
    mine->generation = q->generation;
    mine->order = order;
    mine->stage = MDL_QUESTION_RUNS;
    w->sharding++; /* the model stays */
    w->io.shard(w->io.ctx, MDL_WORKER_SHARDS_MAX, mine->work);
}

void mdl_questions_done(mdl_worker *w) {
    mdl_question *mine = &w->question;
    MDL_ASSERT(mine->stage == MDL_QUESTION_RUNS);
    w->sharding--;
    mine->stage = MDL_QUESTION_READY;
    if (mine->work->err != MDL_OK || w->drop_model || mine->generation != mdl_model_generation(w->model))
        mdl_questions_drop(w); /* no such point: the other side's life is longer; it is asked again in vain */
}

int mdl_questions_answer(mdl_worker *w) {
    mdl_question *mine = &w->question;
    mdl_message m;
    if (mine->stage != MDL_QUESTION_READY)
        return 0;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_MOVE;
    m.as.move.lease = mine->lease;
    m.as.move.generation = mine->generation;
    m.as.move.job = mine->order.job;
    m.as.move.kind = mine->order.kind;
    m.as.move.blob_size = mine->work->saved_size;
    mdl_digest_of(mine->work->saved, mine->work->saved_size, m.as.move.blob);
    mdl_worker_send_blob(w, MDL_WAY_CONTROL, w->place, NULL, &m, mine->work->saved, mine->work->saved_size);
    return 1;
}

void mdl_questions_over(mdl_worker *w, int taken) {
    if (w->question.stage == MDL_QUESTION_READY)
        mdl_questions_drop(w);
    w->want_at_ms = taken ? w->at.now_ms : w->at.now_ms + AGAIN_MS;
}
