/* A bell: no ring is lost, whoever rings and however often. */
#include "runtime/bell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { RINGERS = 4, RINGS = 20000 };

typedef struct tower {
    uv_loop_t loop;
    mdl_bell *bell;
    uv_thread_t ringer[RINGERS];
    uv_mutex_t lock;
    uint32_t done, seen, calls, closed; /* done: under the lock */
} tower;

static void on_closed(void *ctx) { ((tower *)ctx)->closed++; }

/* All are seen when the last ring has been answered, however few the answers. */
static void on_rung(void *ctx) {
    tower *t = ctx;
    uv_mutex_lock(&t->lock);
    t->seen = t->done;
    uv_mutex_unlock(&t->lock);
    t->calls++;
    if (t->seen < RINGERS * RINGS)
        return;
    for (uint32_t i = 0; i < RINGERS; i++) /* one may have yet to ring */
        uv_thread_join(&t->ringer[i]);
    mdl_bell_close(t->bell, on_closed);
}

static void ring(void *ctx) {
    tower *t = ctx;
    for (uint32_t i = 0; i < RINGS; i++) {
        uv_mutex_lock(&t->lock);
        t->done++;
        uv_mutex_unlock(&t->lock);
        mdl_bell_ring(t->bell);
    }
}

static void test_no_ring_is_lost(void **state) {
    tower t = {.done = 0};
    (void)state;
    assert_int_equal(uv_loop_init(&t.loop), 0);
    assert_int_equal(uv_mutex_init(&t.lock), 0);
    assert_int_equal(mdl_bell_open(&t.bell, &t.loop, on_rung, &t), MDL_OK);
    for (uint32_t i = 0; i < RINGERS; i++)
        assert_int_equal(uv_thread_create(&t.ringer[i], ring, &t), 0);
    uv_run(&t.loop, UV_RUN_DEFAULT); /* ends only when all were seen: a lost ring hangs here */
    assert_int_equal(t.seen, RINGERS * RINGS);
    assert_int_equal(t.closed, 1);
    assert_true(t.calls >= 1 && t.calls <= RINGERS * RINGS + 1);
    uv_mutex_destroy(&t.lock);
    assert_int_equal(uv_loop_close(&t.loop), 0);
}

static void count_and_close(void *ctx) {
    tower *t = ctx;
    if (++t->calls == 2)
        mdl_bell_close(t->bell, NULL);
    else
        mdl_bell_ring(t->bell); /* from the answer itself */
}

static void test_many_rings_one_answer(void **state) {
    tower t = {.calls = 0};
    (void)state;
    assert_int_equal(uv_loop_init(&t.loop), 0);
    assert_int_equal(mdl_bell_open(&t.bell, &t.loop, count_and_close, &t), MDL_OK);
    for (uint32_t i = 0; i < 100000; i++) /* more than a pipe holds */
        mdl_bell_ring(t.bell);
    uv_run(&t.loop, UV_RUN_DEFAULT);
    assert_int_equal(t.calls, 2);
    assert_int_equal(uv_loop_close(&t.loop), 0);
}

static void test_closed_without_a_ring(void **state) {
    tower t = {.calls = 0};
    (void)state;
    assert_int_equal(uv_loop_init(&t.loop), 0);
    assert_int_equal(mdl_bell_open(&t.bell, &t.loop, count_and_close, &t), MDL_OK);
    mdl_bell_ring(t.bell);
    mdl_bell_close(t.bell, on_closed); /* nobody hears it any more */
    uv_run(&t.loop, UV_RUN_DEFAULT);
    assert_int_equal(t.calls, 0);
    assert_int_equal(t.closed, 1);
    assert_int_equal(uv_loop_close(&t.loop), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_ring_is_lost),
        cmocka_unit_test(test_many_rings_one_answer),
        cmocka_unit_test(test_closed_without_a_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
