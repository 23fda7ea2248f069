/* The pool runs every job once, on as many threads as asked, and stops when told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/grow.h"
#include "runtime/memory.h"
#include "runtime/pool.h"

enum { JOBS = 20000, THREADS = 4 };

typedef struct job_log {
    uint8_t *times;           /* [JOBS] each job ran */
    atomic_int busy[THREADS]; /* jobs at this moment */
    atomic_int clash;
    uint32_t stop_at;
} job_log;

static void count_job(void *shared, uint32_t thread, uint32_t index) {
    job_log *l = shared;
    if (atomic_fetch_add(&l->busy[thread], 1) != 0)
        atomic_store(&l->clash, 1);
    l->times[index]++; /* a job is one thread's: no lock */
    atomic_fetch_sub(&l->busy[thread], 1);
}

static void slow_job(void *shared, uint32_t thread, uint32_t index) {
    count_job(shared, thread, index);
    struct timespec t = {0, 2000000};
    nanosleep(&t, NULL);
}

static int stop_after(void *watcher, uint32_t done) { return done >= ((job_log *)watcher)->stop_at; }

static void every_job_once(void **state) {
    (void)state;
    for (uint32_t threads = 1; threads <= THREADS; threads++) {
        job_log l = {.times = calloc(JOBS, 1)};
        assert_non_null(l.times);
        mdl_pool *pool;
        assert_int_equal(mdl_pool_open(&pool, threads), MDL_OK);
        assert_int_equal(mdl_pool_threads(pool), threads);
        for (int run = 1; run <= 3; run++) { /* runs may follow each other at once */
            assert_int_equal(mdl_pool_run(pool, JOBS, count_job, &l, NULL, NULL), 1);
            for (uint32_t i = 0; i < JOBS; i++)
                assert_int_equal(l.times[i], run);
        }
        assert_int_equal(mdl_pool_run(pool, 0, count_job, &l, NULL, NULL), 1);
        assert_int_equal(l.clash, 0);
        mdl_pool_close(pool);
        free(l.times);
    }
}

static void many_short_runs(void **state) {
    (void)state;
    job_log l = {.times = calloc(JOBS, 1)};
    mdl_pool *pool;
    assert_non_null(l.times);
    assert_int_equal(mdl_pool_open(&pool, THREADS), MDL_OK);
    for (int run = 0; run < 200; run++)
        assert_int_equal(mdl_pool_run(pool, 3, count_job, &l, NULL, NULL), 1);
    assert_int_equal(l.times[0], 200);
    assert_int_equal(l.times[2], 200);
    assert_int_equal(l.times[3], 0);
    mdl_pool_close(pool);
    free(l.times);
}

static void stops_when_watched(void **state) {
    (void)state;
    job_log l = {.times = calloc(JOBS, 1), .stop_at = 10};
    mdl_pool *pool;
    assert_non_null(l.times);
    assert_int_equal(mdl_pool_open(&pool, 2), MDL_OK);
    assert_int_equal(mdl_pool_run(pool, JOBS, slow_job, &l, stop_after, &l), 0);
    uint32_t ran = 0;
    for (uint32_t i = 0; i < JOBS; i++) {
        ran += l.times[i];
        assert_true(l.times[i] <= 1);
    }
    assert_true(ran >= 10 && ran < JOBS / 2); /* 20 s of work; the watcher looks ten times a second */
    /* What was begun is whole, in order, and the pool is good for another run. */
    for (uint32_t i = 0; i < ran; i++)
        assert_int_equal(l.times[i], 1);
    assert_int_equal(mdl_pool_run(pool, 5, count_job, &l, stop_after, &l), 1);
    mdl_pool_close(pool);
    free(l.times);
}

/* Every job is in one piece, in order; none is larger than asked; the last pieces are small. */
static void cut_into_pieces(void **state) {
    (void)state;
    static uint32_t start[1001];
    for (uint32_t count = 1; count <= 1000; count += 1 + count / 3)
        for (uint32_t most = 1; most <= 16; most += 5)
            for (uint32_t threads = 1; threads <= 64; threads *= 4) {
                uint32_t alone = count / 7, pieces = mdl_pool_cut(start, count, alone, most, threads);
                assert_int_equal(start[0], 0);
                assert_int_equal(start[pieces], count);
                for (uint32_t i = 0; i < pieces; i++) {
                    assert_in_range(start[i + 1], start[i] + 1, start[i] + most);
                    if (start[i] < alone)
                        assert_int_equal(start[i + 1], start[i] + 1);
                    /* Never more than a thread's share of what is left, rounded up. */
                    assert_in_range(start[i + 1] - start[i], 1, (count - start[i] + threads - 1) / threads);
                }
                if (most == 1)
                    assert_int_equal(pieces, count);
            }
}

static void refuses(void **state) {
    (void)state;
    mdl_pool *pool;
    assert_int_equal(mdl_pool_open(&pool, 0), MDL_ERANGE);
    assert_null(pool);
    assert_int_equal(mdl_pool_open(&pool, MDL_THREADS_MAX + 1), MDL_ERANGE);
    mdl_pool_close(NULL);
    assert_true(mdl_cpu_count() >= 1);
}

static void buffer_gathers(void **state) {
    (void)state;
    mdl_buffer b = {0};
    mdl_sink sink = mdl_buffer_sink(&b);
    uint8_t bytes[300];
    for (int i = 0; i < 300; i++)
        bytes[i] = (uint8_t)i;
    size_t total = 0;
    for (size_t n = 0; n < 300; n++) {
        mdl_put_bytes(&sink, bytes, n);
        total += n;
    }
    assert_int_equal(b.failed, 0);
    assert_int_equal(b.size, total);
    assert_memory_equal(b.bytes + total - 299, bytes, 299);
    free(b.bytes);
    void *aligned = mdl_aligned(1);
    assert_int_equal((uintptr_t)aligned % 64, 0);
    free(aligned);
    assert_null(mdl_aligned(SIZE_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_once), cmocka_unit_test(many_short_runs), cmocka_unit_test(stops_when_watched),
        cmocka_unit_test(refuses),        cmocka_unit_test(cut_into_pieces), cmocka_unit_test(buffer_gathers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
