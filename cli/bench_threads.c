/* Suite threads: the pool that evolve, workers and audits use, on one thread and on
 * all CPUs, with jobs of a generation and, in the same rounds, with loops that touch
 * no memory. What those lose the machine takes; what jobs lose beyond is ours.
 *
 * Threads are held to a CPU each, and once more left to the scheduler, which may well
 * put those that wake together on one CPU. N threads do N x (share of the time in
 * which they compute) / (CPU time a unit) units a second; the rest of their time is
 * split into waking up, being off the core and waiting for the others' last pieces. */
#ifdef __linux__
#define _GNU_SOURCE /* sched_setaffinity */
#include <sched.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench_limits.h"
#include "cli/bench_units.h"
#include "core/hmn_kernel.h"

static const char small_json[] =
    "{\"name\":\"b\",\"task\":\"tmaze\",\"network\":{\"neurons\":6,\"ring\":\"dense\"},"
    "\"evolution\":{\"generations\":1,\"episodes\":4,\"islands\":[{\"algorithm\":\"es\",\"population\":256}]}}";
static const char large_json[] =
    "{\"name\":\"b\",\"task\":{\"name\":\"tmaze\",\"trials\":3},\"network\":{\"neurons\":256,\"ring\":60,\"sensor_"
    "fan\":3,\"motor_fan\":60},"
    "\"hmn\":{\"encoding\":\"indirect\"},"
    "\"evolution\":{\"generations\":1,\"episodes\":1,\"islands\":[{\"algorithm\":\"es\",\"population\":16}]}}";

enum { REPEATS_MAX = 16, SPIN_PIECES = 16, SPIN_STEPS = 1 << 18, FMA_ROUNDS = 40000, LINE = 128 };

/* Of one thread, far from its neighbours' cache lines. */
typedef union mark {
    struct {
        double first, last; /* wall: a run's first piece begun, its last ended    */
        double begun, cpu;  /* CPU time at the first, and from there to the last  */
        double seen;
        int held; /* tried to */
    };
    char line[LINE];
} mark;

/* Sums over the measured time of one case. */
typedef struct account {
    double units, cpu;
    double time, wake, off, tail; /* wall, times threads; parts of it */
    double steal;
} account;

typedef struct crew crew;
typedef struct work {
    const char *name, *unit;
    void (*piece)(crew *c, uint32_t thread, uint32_t i);
    mdl_bench_units units; /* where the pieces are jobs */
} work;

struct crew {
    work *w;
    mdl_pool *pool;
    uint32_t threads;
    int hold;                 /* each thread to a CPU of its own */
    uint32_t pieces, repeats; /* of one pass; passes of a run, so that its end is a small part of it */
    mark *marks;              /* [threads] */
    account total;
};

static void spin_piece(crew *c, uint32_t thread, uint32_t i) {
    uint64_t x = i + 1;
    for (uint32_t k = 0; k < SPIN_STEPS; k++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    c->marks[thread].seen += (double)(x & 1);
}

static void fma_piece(crew *c, uint32_t thread, uint32_t i) {
    (void)i;
    c->marks[thread].seen += mdl_bench_limits_of(mdl_kernel_best()->name)->fma(FMA_ROUNDS);
}

static void unit_piece(crew *c, uint32_t thread, uint32_t i) { mdl_bench_units_piece(&c->w->units, thread, i); }

/* Pieces of one pass through a work, and what they count for. */
static uint32_t pieces_of(crew *c, double *units) {
    int jobs = c->w->piece == unit_piece;
    uint32_t pieces = jobs ? mdl_bench_units_cut(&c->w->units, c->threads) : SPIN_PIECES;
    *units = jobs ? c->w->units.jobs : SPIN_PIECES;
    return pieces;
}

/* Hold this thread to the n-th CPU of those that the process may use. */
static void hold_to(uint32_t n) {
#ifdef __linux__
    cpu_set_t may, one;
    if (sched_getaffinity(0, sizeof may, &may) != 0)
        return;
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &may) && n-- == 0)
            CPU_SET(cpu, &one);
    if (CPU_COUNT(&one) == 1)
        (void)sched_setaffinity(0, sizeof one, &one); /* where it may not, it shows as time off the core */
#else
    (void)n;
#endif
}

static void timed_piece(void *shared, uint32_t thread, uint32_t i) {
    crew *c = shared;
    mark *m = &c->marks[thread];
    if (c->hold && !m->held) {
        m->held = 1;
        hold_to(thread);
    }
    if (m->first == 0.0) {
        m->first = mdl_bench_wall_s();
        m->begun = mdl_bench_cpu_s();
    }
    c->w->piece(c, thread, i % c->pieces);
    m->cpu = mdl_bench_cpu_s() - m->begun;
    m->last = mdl_bench_wall_s();
}

/* Seconds that the host took from all CPUs since boot; 0 where nobody says. */
static double stolen(void) {
    unsigned long long t[8] = {0};
    FILE *f = fopen("/proc/stat", "r");
    if (!f)
        return 0.0;
    int got = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6],
                     &t[7]);
    fclose(f);
    return got == 8 ? (double)t[7] / 100.0 : 0.0;
}

/* One run of the pool. */
static double run(void *ctx) {
    crew *c = ctx;
    double units;
    c->pieces = pieces_of(c, &units);
    for (uint32_t t = 0; t < c->threads; t++)
        c->marks[t].first = 0.0;
    double steal = stolen(), began = mdl_bench_wall_s();
    mdl_pool_run(c->pool, c->pieces * c->repeats, timed_piece, c, NULL, NULL);
    double ended = mdl_bench_wall_s();
    account *a = &c->total;
    a->time += (ended - began) * c->threads;
    a->steal += stolen() - steal;
    for (uint32_t t = 0; t < c->threads; t++) {
        const mark *m = &c->marks[t];
        int idle = m->first == 0.0; /* the others were done before it woke */
        a->wake += (idle ? ended : m->first) - began;
        a->tail += idle ? 0.0 : ended - m->last;
        a->off += idle ? 0.0 : m->last - m->first - m->cpu;
        a->cpu += idle ? 0.0 : m->cpu;
    }
    a->units += units * c->repeats;
    return units * c->repeats;
}

static void show_shares(mdl_bench *b, const char *name, const crew *one, const crew *all) {
    const account *x = &one->total, *y = &all->total;
    mdl_bench_number(b, name, NULL, "CPU a unit, all / 1", y->cpu / y->units / (x->cpu / x->units));
    mdl_bench_number(b, name, NULL, "share waking", y->wake / y->time);
    mdl_bench_number(b, name, NULL, "share off core", y->off / y->time);
    mdl_bench_number(b, name, NULL, "share in tail", y->tail / y->time);
    mdl_bench_number(b, name, NULL, "share stolen", y->steal / y->time);
}

/* How crews differ: one thread, all threads, and these left to the scheduler. */
enum { ONE, ALL, FREE, CREWS, WORKS_MAX = 4 };

static void show(mdl_bench *b, const char *name, const crew *crews, const mdl_bench_case *cases,
                 const mdl_bench_case *spin) {
    const mdl_bench_rates *one = &cases[ONE].rates;
    char text[64];
    snprintf(text, sizeof text, "%s, 1 thread", name);
    mdl_bench_show(b, text, NULL, crews->w->unit, one);
    for (int k = ALL; k < CREWS; k++) {
        mdl_bench_rates ratio = mdl_bench_ratios(&cases[k].rates, one);
        snprintf(text, sizeof text, "%s%s", name, k == FREE ? ", free" : "");
        mdl_bench_show(b, text, NULL, "threads / 1", &ratio);
        mdl_bench_number(b, text, NULL, "of as many times", ratio.median / crews[k].threads);
        if (cases != spin) {
            mdl_bench_rates spun = mdl_bench_ratios(&spin[k].rates, &spin[ONE].rates);
            mdl_bench_rates beside = mdl_bench_ratios(&ratio, &spun);
            mdl_bench_show(b, text, NULL, "of the spin's", &beside);
        }
        show_shares(b, text, &crews[ONE], &crews[k]);
    }
}

/* All works with all crews, in turn. */
static void measure(mdl_bench *b, work *works, uint32_t count, mdl_pool *const pool[CREWS], mark *marks) {
    crew crews[CREWS * WORKS_MAX];
    mdl_bench_case cases[CREWS * WORKS_MAX];
    uint32_t most = mdl_pool_threads(pool[ALL]),
             repeats = b->seconds < REPEATS_MAX ? (uint32_t)b->seconds + 1 : REPEATS_MAX;
    MDL_ASSERT(count <= WORKS_MAX);
    for (uint32_t i = 0; i < CREWS * count; i++) {
        uint32_t kind = i % CREWS;
        crews[i] = (crew){.w = &works[i / CREWS],
                          .pool = pool[kind],
                          .threads = mdl_pool_threads(pool[kind]),
                          .hold = kind != FREE,
                          .repeats = repeats,
                          .marks = marks + (size_t)kind * most};
        cases[i] = (mdl_bench_case){.run = run, .ctx = &crews[i], .clock = mdl_bench_wall_s};
    }
    mdl_bench_run(b, cases, CREWS * (size_t)count);
    for (uint32_t i = 0; i < count; i++)
        show(b, works[i].name, &crews[CREWS * i], &cases[CREWS * i], cases);
}

void mdl_bench_threads(mdl_bench *b) {
    uint32_t threads = mdl_cpu_count(), count = 0;
    work works[WORKS_MAX] = {{.name = "spin", .unit = "pieces/s", .piece = spin_piece}};
    count++;
    if (mdl_bench_limits_of(mdl_kernel_best()->name))
        works[count++] = (work){.name = "spin of vectors", .unit = "pieces/s", .piece = fma_piece};
    uint32_t first = count;
    works[count++] = (work){.name = "T-maze, 6 neurons", .unit = "jobs/s", .piece = unit_piece};
    works[count++] = (work){.name = "T-maze, 256 neurons", .unit = "jobs/s", .piece = unit_piece};
    mdl_pool *pool[CREWS] = {NULL};
    mark *marks = calloc(CREWS * (size_t)threads, sizeof *marks);
    b->err = mdl_bench_units_open(&works[first].units, small_json, threads);
    mdl_err err = mdl_bench_units_open(&works[first + 1].units, large_json, threads);
    if (b->err == MDL_OK)
        b->err = err;
    for (int k = 0; k < CREWS; k++)
        if (!marks || mdl_pool_open(&pool[k], k == ONE ? 1 : threads) != MDL_OK)
            b->err = MDL_ENOMEM;
    if (b->err == MDL_OK) {
        mdl_bench_number(b, "threads", NULL, "of all CPUs", threads);
        measure(b, works, count, pool, marks);
    }
    for (int k = 0; k < CREWS; k++)
        mdl_pool_close(pool[k]);
    mdl_bench_units_close(&works[first].units);
    mdl_bench_units_close(&works[first + 1].units);
    free(marks);
}
