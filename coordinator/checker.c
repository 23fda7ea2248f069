#include "coordinator/checker.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/logic.h"
#include "core/assert.h"
#include "protocol/unit.h"
#include "runtime/memory.h"

typedef struct checker_thread {
    mdl_checker *owner;
    uv_thread_t id;
    mdl_life *life;
    float *genome;
} checker_thread;

/* The last step of a dispute. */
typedef struct last_step {
    mdl_case what;
    mdl_judged judged;
    size_t size;
    uint8_t state[];
} last_step;

/* What shards said of a job. */
typedef struct search {
    uint8_t region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES];
    mdl_transcript_fault fault;
    size_t size;
    uint8_t transcript[];
} search;

typedef struct wanted {
    const mdl_evolution *evolution;
    uint32_t job;
    last_step *step; /* NULL: the whole job                      */
    search *beside;  /* NULL: alone, not beside what shards said */
} wanted;

typedef struct checked {
    uint32_t generation, job;
    mdl_duty_answer answer;
    last_step *step;
    search *beside;
} checked;

struct mdl_checker {
    mdl_checker_options o;
    uv_async_t ready;
    uv_mutex_t lock; /* guards all below but `thread` */
    uv_cond_t work;
    wanted wanted[MDL_CHECKERS_MAX];
    uint32_t wanted_count;
    checked done[MDL_CHECKERS_MAX];
    uint32_t done_count;
    int quit;
    uint32_t threads;
    checker_thread *thread;
    uv_close_cb closed;
};

static void judge(mdl_life *life, const wanted *w, float *genome) {
    mdl_job job;
    last_step *s = w->step;
    mdl_evolution_job(w->evolution, w->job, &job, genome);
    mdl_life_genome(life, genome);
    if (mdl_case_judge(&s->what, life, s->state, s->size, &s->judged) != MDL_OK)
        memset(&s->judged, 0, sizeof s->judged);
}

/* 0: there is no transcript, or no memory for the shards. */
static int compare(const mdl_experiment *x, const wanted *w, mdl_job_result *result) {
    mdl_transcript t;
    search *s = w->beside;
    return s && mdl_transcript_read(s->transcript, s->size, &t) == MDL_OK &&
           mdl_transcript_find(x, w->evolution, w->job, &t, (const uint8_t(*)[MDL_DIGEST_BYTES])s->region, &s->fault,
                               result) == MDL_OK;
}

static void run(void *arg) {
    checker_thread *t = arg;
    mdl_checker *c = t->owner;
    mdl_life *life = t->life;
    uv_mutex_lock(&c->lock);
    for (;;) {
        while (!c->quit && c->wanted_count == 0)
            uv_cond_wait(&c->work, &c->lock);
        if (c->quit)
            break;
        wanted w = c->wanted[0];
        memmove(c->wanted, c->wanted + 1, --c->wanted_count * sizeof *c->wanted);
        uv_mutex_unlock(&c->lock);
        mdl_job_result result = {0};
        if (w.step)
            judge(life, &w, t->genome);
        else if (!compare(c->o.experiment, &w, &result))
            mdl_unit_job(life, w.evolution, w.job, t->genome, NULL, &result);
        uv_mutex_lock(&c->lock);
        MDL_ASSERT(c->done_count < MDL_CHECKERS_MAX);
        checked *done = &c->done[c->done_count++];
        done->generation = mdl_evolution_generation(w.evolution);
        done->job = w.job;
        done->step = w.step;
        done->beside = w.beside;
        done->answer = (mdl_duty_answer){.fitness = result.fitness, .updates = result.updates};
        memcpy(done->answer.segment, result.segment, sizeof result.segment);
        uv_async_send(&c->ready);
    }
    uv_mutex_unlock(&c->lock);
}

static void on_ready(uv_async_t *handle) {
    mdl_checker *c = handle->data;
    checked done[MDL_CHECKERS_MAX];
    uv_mutex_lock(&c->lock);
    uint32_t count = c->quit ? 0 : c->done_count;
    memcpy(done, c->done, count * sizeof *done);
    c->done_count = 0;
    uv_mutex_unlock(&c->lock);
    for (uint32_t i = 0; i < count; i++) {
        if (done[i].step)
            c->o.judged(c->o.ctx, done[i].generation, done[i].job, &done[i].step->judged);
        else if (done[i].beside)
            c->o.found(c->o.ctx, done[i].job, &done[i].answer, &done[i].beside->fault);
        else
            c->o.done(c->o.ctx, done[i].generation, done[i].job, &done[i].answer);
        free(done[i].step);
        free(done[i].beside);
    }
}

static void release(mdl_checker *c) {
    for (uint32_t i = 0; i < c->o.threads; i++) {
        free(c->thread[i].life);
        free(c->thread[i].genome);
    }
    for (uint32_t i = 0; i < c->wanted_count; i++) {
        free(c->wanted[i].step);
        free(c->wanted[i].beside);
    }
    for (uint32_t i = 0; i < c->done_count; i++) {
        free(c->done[i].step);
        free(c->done[i].beside);
    }
    free(c->thread);
    free(c);
}

static void gone(uv_handle_t *handle) {
    mdl_checker *c = handle->data;
    uv_close_cb closed = c->closed;
    handle->data = c->o.ctx;
    if (closed)
        closed(handle);
    uv_cond_destroy(&c->work);
    uv_mutex_destroy(&c->lock);
    release(c);
}

mdl_err mdl_checker_open(mdl_checker **out, uv_loop_t *loop, const mdl_checker_options *options) {
    mdl_genome_layout layout;
    *out = NULL;
    mdl_checker *c = calloc(1, sizeof *c);
    checker_thread *thread = calloc(options->threads, sizeof *thread);
    if (!c || !thread) {
        free(c);
        free(thread);
        return MDL_ENOMEM;
    }
    c->o = *options;
    c->thread = thread;
    int bad = mdl_genome_layout_of(options->experiment, &layout);
    MDL_ASSERT(bad == MDL_OK);
    for (uint32_t i = 0; i < options->threads; i++) {
        thread[i].owner = c;
        thread[i].life = mdl_life_new(options->experiment, thread[0].life);
        thread[i].genome = malloc(layout.genes * sizeof *thread[i].genome);
        if (!thread[i].life || !thread[i].genome) {
            release(c);
            return MDL_ENOMEM;
        }
    }
    if (uv_mutex_init(&c->lock) != 0 || uv_cond_init(&c->work) != 0 || uv_async_init(loop, &c->ready, on_ready) != 0) {
        release(c); /* out of memory or descriptors: the process ends */
        return MDL_EIO;
    }
    c->ready.data = c;
    while (c->threads < options->threads && uv_thread_create(&thread[c->threads].id, run, &thread[c->threads]) == 0)
        c->threads++;
    if (c->threads == 0) {
        mdl_checker_close(c, NULL, NULL);
        return MDL_EIO;
    }
    *out = c;
    return MDL_OK;
}

static void give(mdl_checker *c, wanted w) {
    uv_mutex_lock(&c->lock);
    MDL_ASSERT(c->wanted_count < MDL_CHECKERS_MAX);
    c->wanted[c->wanted_count++] = w;
    uv_cond_signal(&c->work);
    uv_mutex_unlock(&c->lock);
}

void mdl_checker_give(mdl_checker *c, const mdl_evolution *evolution, uint32_t job) {
    give(c, (wanted){.evolution = evolution, .job = job});
}

int mdl_checker_find(mdl_checker *c, const mdl_evolution *evolution, uint32_t job, const uint8_t *transcript,
                     size_t size, const uint8_t (*region)[MDL_DIGEST_BYTES]) {
    search *s = calloc(1, sizeof *s + size);
    if (!s)
        return 0;
    memcpy(s->region, region, c->o.experiment->network.regions * sizeof *region);
    memcpy(s->transcript, transcript, size);
    s->size = size;
    give(c, (wanted){.evolution = evolution, .job = job, .beside = s});
    return 1;
}

int mdl_checker_judge(mdl_checker *c, const mdl_evolution *evolution, uint32_t job, const mdl_case *last,
                      const uint8_t *state, size_t size) {
    last_step *s = calloc(1, sizeof *s + size);
    if (!s)
        return 0;
    s->what = *last;
    s->size = size;
    if (size > 0)
        memcpy(s->state, state, size);
    give(c, (wanted){.evolution = evolution, .job = job, .step = s});
    return 1;
}

void mdl_checker_close(mdl_checker *c, uv_close_cb closed, void *data) {
    uv_mutex_lock(&c->lock);
    c->quit = 1;
    uv_cond_broadcast(&c->work);
    uv_mutex_unlock(&c->lock);
    for (uint32_t i = 0; i < c->threads; i++)
        uv_thread_join(&c->thread[i].id);
    c->closed = closed;
    c->o.ctx = data;
    uv_close((uv_handle_t *)&c->ready, gone);
}
