/* Questions of disputes in a worker's hands: PROTOCOL section 11.6. */
#include "protocol/grow.h"
#include "protocol/retrace.h"
#include "runtime/memory.h"
#include "tests/worker/scripted.h"

/* Asks for this instead of granting. */
static void ask(scripted *s, uint32_t generation, uint32_t kind, uint32_t count, uint64_t *points) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_QUESTION;
    m.as.question =
        (mdl_msg_question){.lease = 3, .generation = generation, .job = 1, .kind = kind, .points = {count, points}};
    scripted_say(s, scripted_await(s, MDL_MSG_WANT), &m, NULL, 0);
}

static mdl_shard_work *order_of(const scripted *s) { return s->order[MDL_WORKER_SHARDS_MAX]; }

/* What an honest side says. */
static mdl_buffer truth(const scripted *s, const mdl_retrace *r) {
    mdl_buffer out = {0};
    mdl_sink sink = mdl_buffer_sink(&out);
    void *memory = mdl_aligned(mdl_life_bytes(&s->model->experiment, 1));
    float *genome = calloc(s->model->layout.genes, sizeof *genome);
    assert_true(memory && genome);
    mdl_life *life = mdl_life_init(memory, &s->model->experiment, 1, NULL);
    assert_int_equal(mdl_retrace_run(r, s->model->evolution, life, genome, &sink), MDL_OK);
    free(memory);
    free(genome);
    return out;
}

static void carry_out(scripted *s) {
    mdl_shard_work *work = order_of(s);
    assert_non_null(work);
    mdl_shard_work_run(work);
    s->order[MDL_WORKER_SHARDS_MAX] = NULL;
    mdl_moment at = scripted_moment(s);
    mdl_worker_sharded(s->w, &at, MDL_WORKER_SHARDS_MAX, 1000);
}

static void questions_are_answered(void **state) {
    (void)state;
    static uint64_t points[3] = {1, 2, 5};
    scripted s;
    scripted_open(&s, 1);
    scripted_to_work(&s); /* it computes, and asks for more beside */
    for (uint32_t kind = MDL_MOVE_ROWS; kind <= MDL_MOVE_STATE; kind++) {
        uint32_t count = kind == MDL_MOVE_ROWS ? 0 : kind == MDL_MOVE_POINTS ? 3 : 1;
        ask(&s, 0, kind, count, points);
        assert_null(scripted_find(&s, MDL_MSG_MOVE));
        carry_out(&s);
        scripted_call *c = scripted_await(&s, MDL_MSG_MOVE);
        assert_true(c->m.as.move.lease == 3 && c->m.as.move.job == 1 && c->m.as.move.kind == kind);
        mdl_retrace r = {.job = 1, .kind = kind, .count = count, .point = {1, 2, 5}};
        mdl_buffer right = truth(&s, &r);
        assert_int_equal(c->blob_size, right.size);
        assert_memory_equal(c->blob, right.bytes, right.size);
        free(right.bytes);
        if (kind == MDL_MOVE_POINTS)
            scripted_reject(&s, c, MDL_REASON_NOT_ASKED, "", 0); /* the dispute went on */
        else
            scripted_reply(&s, c, (const uint8_t[]){0, 0, 0, 0, 'p'}, 5);
        assert_false(s.stopped);
    }
    assert_non_null(scripted_await(&s, MDL_MSG_WANT));
    scripted_close(&s);
}

/* Of another generation, a job that is none, points that go back, a state that no life has: no harm, and work goes on.
 */
static void strange_questions_do_no_harm(void **state) {
    (void)state;
    static uint64_t back[2] = {5, 5}, far[1] = {UINT32_MAX}, never[1] = {100000000};
    scripted s;
    scripted_open(&s, 1);
    scripted_to_work(&s);
    ask(&s, 0, MDL_MOVE_POINTS, 2, back);
    assert_null(order_of(&s));
    ask(&s, 0, MDL_MOVE_POINTS, 0, back);
    assert_null(order_of(&s));
    ask(&s, 0, MDL_MOVE_STATE, 1, far);
    assert_null(order_of(&s));
    ask(&s, 0, MDL_MOVE_STATE, 1, never);
    carry_out(&s);
    assert_null(scripted_find(&s, MDL_MSG_MOVE));
    assert_non_null(scripted_await(&s, MDL_MSG_WANT));
    assert_false(s.stopped);
    scripted_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_are_answered),
        cmocka_unit_test(strange_questions_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
