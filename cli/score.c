#include "cli/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/digits_data.h"
#include "runtime/memory.h"
#include "runtime/policy.h"
#include "runtime/progress.h"

typedef struct worker {
    mdl_life *life;
    const mdl_variant *decoded; /* what `life` has now */
} worker;

typedef struct table {
    const mdl_experiment *experiment;
    const mdl_variant *variant;
    uint64_t seed;
    mdl_lives lives;
    worker *worker;
    const mdl_scores *scores;
    mdl_progress progress;
    uint32_t jobs;
} table;

static void decode(worker *w, const mdl_experiment *x, const mdl_variant *v) {
    mdl_life_genome(w->life, v->genome);
    mdl_genome_decode_without(x, &w->life->layout, v->genome, &v->out, &w->life->params);
    w->decoded = v;
}

static void add_levels(const mdl_life *l, double *sum) {
    for (uint32_t a = 0; a < l->conductor.agents; a++) {
        const mdl_levels *at = &l->conductor.modulation[a].levels;
        for (uint32_t i = 0; i < MDL_MODULATORS && at->used; i++)
            sum[i] += (double)at->level[i];
        sum[MDL_CLAMP_AROUSAL] += at->used ? (double)at->arousal : 0;
    }
}

/* One life, its score and its mean levels. */
static int64_t live(mdl_life *l, uint64_t key, uint32_t episode, double *levels) {
    double sum[MDL_CLAMPS] = {0};
    int going = 1;
    mdl_life_begin(l, key, episode, MDL_PART_TEST);
    while (going) {
        going = mdl_life_window(l);
        add_levels(l, sum);
    }
    for (uint32_t i = 0; levels && i < MDL_CLAMPS; i++)
        levels[i] = sum[i] / ((double)l->conductor.windows * l->conductor.agents);
    return mdl_task_score(&l->conductor.task);
}

static void run_job(void *shared, uint32_t thread, uint32_t index) {
    table *t = shared;
    const mdl_variant *v = &t->variant[index / t->lives.count];
    uint32_t episode = t->lives.first + index % t->lives.count;
    uint64_t key = mdl_life_key(t->seed, MDL_STREAM_TEST, 0, episode);
    int64_t score = 0, after = -1;
    if (v->kind == MDL_VARIANT_NETWORK) {
        worker *w = &t->worker[thread];
        if (w->decoded != v)
            decode(w, t->experiment, v);
        score = live(w->life, key, episode, t->scores->levels ? t->scores->levels + (size_t)index * MDL_CLAMPS : NULL);
        after = mdl_task_score_after(&w->life->conductor.task);
    } else {
        mdl_policy_life(&t->experiment->task, v->kind == MDL_VARIANT_RANDOM ? MDL_POLICY_RANDOM : MDL_POLICY_CONSTANT,
                        v->action, key, episode, MDL_PART_TEST, NULL, &score);
    }
    t->scores->score[index] = (double)score / 1e6;
    if (t->scores->after)
        t->scores->after[index] = (double)after / 1e6;
}

static int watch(void *arg, uint32_t done) {
    table *t = arg;
    char text[48];
    snprintf(text, sizeof text, "%u/%u lives", (unsigned)done, (unsigned)t->jobs);
    mdl_progress_show(&t->progress, (double)done / t->jobs, text);
    return 0;
}

mdl_err mdl_score_variants(const mdl_experiment *x, const mdl_variant *variant, uint32_t variants, uint64_t seed,
                           mdl_lives lives, uint32_t threads, int quiet, const mdl_scores *scores) {
    table t = {.experiment = x, .variant = variant, .seed = seed, .lives = lives, .scores = scores};
    uint64_t jobs = (uint64_t)variants * lives.count;
    mdl_pool *pool = NULL;
    mdl_err err = jobs > UINT32_MAX ? MDL_ERANGE : MDL_OK;
    t.jobs = (uint32_t)jobs;
    threads = threads < t.jobs ? threads : t.jobs; /* more would find no job */
    t.worker = err == MDL_OK ? calloc(threads, sizeof *t.worker) : NULL;
    if (err == MDL_OK && !t.worker)
        err = MDL_ENOMEM;
    for (uint32_t i = 0; err == MDL_OK && i < threads; i++) {
        t.worker[i].life = mdl_life_new(x, t.worker[0].life);
        if (!t.worker[i].life)
            err = MDL_ENOMEM;
    }
    if (err == MDL_OK)
        err = mdl_pool_open(&pool, threads);
    if (err == MDL_OK) {
        mdl_progress_begin(&t.progress, 0, quiet);
        mdl_pool_run(pool, t.jobs, run_job, &t, watch, &t);
        if (t.progress.open)
            mdl_progress_end(&t.progress, 1, "scored");
    }
    mdl_pool_close(pool);
    for (uint32_t i = 0; t.worker && i < threads; i++)
        free(t.worker[i].life);
    free(t.worker);
    return err;
}

/* `lives` is one life of all held-out digits. */
static int is_digits(const mdl_experiment *x, uint32_t lives) { return x->task.id == MDL_TASK_DIGITS && lives == 1; }

static mdl_score interval(double mean, double variance, uint32_t n) {
    double half = 1.96 * sqrt(variance / n);
    return (mdl_score){mean, sqrt(variance), mean - half, mean + half, n};
}

mdl_score mdl_score_of(const double *scores, uint32_t lives) {
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < lives; i++)
        sum += scores[i];
    double mean = sum / lives;
    for (uint32_t i = 0; i < lives; i++)
        squares += (scores[i] - mean) * (scores[i] - mean);
    return interval(mean, lives > 1 ? squares / (lives - 1) : 0, lives);
}

mdl_score mdl_score_of_known(const double *scores, uint32_t lives) {
    double sum = 0, squares = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < lives; i++) {
        sum += scores[i] >= 0 ? scores[i] : 0;
        n += scores[i] >= 0;
    }
    if (n == 0)
        return (mdl_score){0};
    for (uint32_t i = 0; i < lives; i++)
        squares += scores[i] >= 0 ? (scores[i] - sum / n) * (scores[i] - sum / n) : 0;
    return interval(sum / n, n > 1 ? squares / (n - 1) : 0, n);
}

mdl_score mdl_score_lives(const mdl_experiment *x, const double *scores, uint32_t lives) {
    if (is_digits(x, lives))
        return interval(scores[0], scores[0] * (1 - scores[0]), MDL_DIGITS_TEST);
    return mdl_score_of(scores, lives);
}

mdl_score mdl_score_difference(const mdl_experiment *x, const double *scores, const double *base, uint32_t lives) {
    if (is_digits(x, lives))
        return interval(scores[0] - base[0], scores[0] * (1 - scores[0]) + base[0] * (1 - base[0]), MDL_DIGITS_TEST);
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < lives; i++)
        sum += scores[i] - base[i];
    double mean = sum / lives;
    for (uint32_t i = 0; i < lives; i++)
        squares += (scores[i] - base[i] - mean) * (scores[i] - base[i] - mean);
    return interval(mean, lives > 1 ? squares / (lives - 1) : 0, lives);
}

mdl_score mdl_score_difference_known(const double *scores, const double *base, uint32_t lives) {
    double sum = 0, squares = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < lives; i++)
        if (scores[i] >= 0 && base[i] >= 0) {
            sum += scores[i] - base[i];
            n++;
        }
    if (n == 0)
        return (mdl_score){0};
    for (uint32_t i = 0; i < lives; i++)
        if (scores[i] >= 0 && base[i] >= 0)
            squares += (scores[i] - base[i] - sum / n) * (scores[i] - base[i] - sum / n);
    return interval(sum / n, n > 1 ? squares / (n - 1) : 0, n);
}

mdl_lives mdl_test_lives(const mdl_experiment *x, uint32_t wanted) {
    enum { DOUBLEPOLE_STARTS = 625 };
    if (x->task.id == MDL_TASK_DOUBLEPOLE)
        return (mdl_lives){1, wanted ? wanted : DOUBLEPOLE_STARTS};
    if (x->task.id == MDL_TASK_DIGITS)
        return (mdl_lives){0, wanted ? wanted : 1};
    return (mdl_lives){0, wanted ? wanted : x->test_episodes};
}

uint64_t mdl_test_seed(const uint8_t digest[32]) {
    uint64_t seed = 0;
    for (int i = 7; i >= 0; i--)
        seed = seed << 8 | digest[i];
    return seed;
}
