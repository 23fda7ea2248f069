/* Step 4: results computed again, from the evolution state of their generation. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "protocol/grow.h"
#include "runtime/memory.h"
#include "runtime/progress.h"

typedef struct unit {
    uint64_t record, updates;
    uint32_t first, count;
    size_t at; /* its jobs in the lists below */
    uint8_t key[MDL_KEY_BYTES], root[MDL_DIGEST_BYTES];
    int result;         /* of a worker */
    int joined;         /* of shards together */
    mdl_played *played; /* NULL: not joined, or void */
} unit;

struct mdl_rerun {
    mdl_audit *a;
    uint32_t threads;
    mdl_life **life;              /* [threads] */
    float **genome;               /* [threads][together x genes] */
    uint32_t together;            /* jobs done at once */
    uint32_t *piece, pieces_room; /* [more than jobs] where pieces of those to do start */
    unit *unit;
    size_t units;
    uint32_t units_room;
    /* Jobs of all queued units; [jobs_room] each. */
    uint32_t *job;
    int64_t *claimed;
    mdl_job_result *result;
    mdl_played **played;
    size_t jobs;
    uint32_t jobs_room;
    atomic_int failed;       /* out of memory in a thread */
    const mdl_evolution *of; /* the state whose jobs are run */
    uint64_t behind, upto;   /* records before the first queued one, and before the closing */
};

mdl_rerun *mdl_rerun_new(mdl_audit *a) {
    mdl_rerun *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    const mdl_experiment *x = mdl_ledger_experiment(a->ledger);
    uint32_t genes = mdl_ledger_genes(a->ledger);
    r->a = a;
    r->threads = mdl_pool_threads(a->pool);
    r->life = calloc(r->threads, sizeof(mdl_life *));
    r->genome = calloc(r->threads, sizeof *r->genome);
    int good = r->life && r->genome;
    for (uint32_t i = 0; i < r->threads && good; i++) {
        r->life[i] = mdl_life_new(x, r->life[0]);
        good = r->life[i] != NULL;
        if (!good)
            break;
        r->together = mdl_unit_together(r->life[i]);
        r->genome[i] = calloc((size_t)r->together * genes, sizeof **r->genome);
        good = r->genome[i] != NULL;
    }
    if (!good) {
        mdl_rerun_free(r);
        return NULL;
    }
    return r;
}

void mdl_rerun_free(mdl_rerun *r) {
    if (!r)
        return;
    for (uint32_t i = 0; i < r->threads; i++) {
        if (r->life)
            free(r->life[i]);
        if (r->genome)
            free(r->genome[i]);
    }
    free(r->life);
    free(r->genome);
    free(r->piece);
    free(r->unit);
    free(r->job);
    free(r->claimed);
    free(r->result);
    free(r->played);
    free(r);
}

static int room_for_jobs(mdl_rerun *r, size_t count) {
    size_t wanted = r->jobs + count;
    uint32_t job = r->jobs_room, claimed = r->jobs_room, played = r->jobs_room;
    return mdl_list_grow(&r->job, &job, wanted, sizeof *r->job) &&
           mdl_list_grow(&r->claimed, &claimed, wanted, sizeof *r->claimed) &&
           mdl_list_grow(&r->played, &played, wanted, sizeof(mdl_played *)) &&
           mdl_list_grow(&r->piece, &r->pieces_room, wanted + 1, sizeof *r->piece) &&
           mdl_list_grow(&r->result, &r->jobs_room, wanted, sizeof *r->result);
}

mdl_err mdl_rerun_add(mdl_rerun *r, uint64_t record, const uint8_t key[MDL_KEY_BYTES], const mdl_msg_result *m) {
    if (!mdl_list_grow(&r->unit, &r->units_room, r->units + 1, sizeof *r->unit) || !room_for_jobs(r, m->count))
        return MDL_ENOMEM;
    unit *u = &r->unit[r->units++];
    *u = (unit){.record = record, .updates = m->updates, .first = m->first, .count = m->count, .at = r->jobs};
    u->result = m->segments.count > 0; /* not a check or a verdict */
    memcpy(u->key, key, sizeof u->key);
    memcpy(u->root, m->root, sizeof u->root);
    for (uint32_t i = 0; i < m->count; i++) {
        r->job[r->jobs] = m->first + i;
        r->claimed[r->jobs++] = m->fitness.at[i];
    }
    return MDL_OK;
}

mdl_err mdl_rerun_add_joined(mdl_rerun *r, uint64_t record, const uint8_t key[MDL_KEY_BYTES], const mdl_msg_joined *m) {
    mdl_msg_result claim;
    memset(&claim, 0, sizeof claim);
    claim.first = m->job;
    claim.count = 1;
    claim.updates = m->updates;
    claim.fitness = (mdl_i64_list){1, &m->fitness};
    mdl_job_result job = {.fitness = m->fitness, .updates = m->updates};
    memcpy(job.segment, m->segment, sizeof job.segment);
    mdl_unit_root(&job, 1, claim.root);
    mdl_err err = mdl_rerun_add(r, record, key, &claim);
    if (err == MDL_OK)
        r->unit[r->units - 1].joined = 1;
    return err;
}

static void run_piece(void *shared, uint32_t thread, uint32_t piece) {
    mdl_rerun *r = shared;
    const mdl_experiment *x = mdl_ledger_experiment(r->a->ledger);
    uint32_t at = r->piece[piece], end = r->piece[piece + 1];
    while (at < end) { /* what shards did is played beside what they said, the others side by side */
        uint32_t alone = at;
        while (alone < end && !r->played[alone])
            alone++;
        if (alone > at)
            mdl_unit_jobs(r->life[thread], r->of, r->job + at, alone - at, r->genome[thread], r->result + at);
        else if (mdl_played_run(r->played[at], x, r->of, r->job[at], &r->result[at]) != MDL_OK)
            atomic_store(&r->failed, 1);
        at = alone > at ? alone : at + 1;
    }
}

static int show(void *watcher, uint32_t pieces) {
    const mdl_rerun *r = watcher;
    uint32_t done = r->piece[pieces];
    char text[64];
    double part = (double)(r->upto - r->behind) * done / (double)r->jobs;
    snprintf(text, sizeof text, "generation %" PRIu32 ", %" PRIu64 " jobs computed again",
             mdl_evolution_generation(mdl_ledger_evolution(r->a->ledger)), r->a->report->jobs + done);
    mdl_audit_progress(r->a, MDL_AUDIT_FOLD_STEP, ((double)r->behind + part) / (double)r->a->records, text);
    return 0;
}

/* Whether an answer to one of its jobs counts that is not what the job computes. */
static int has_entered(const mdl_rerun *r, const unit *u) {
    const mdl_duty *duty = mdl_ledger_duty(r->a->ledger);
    for (uint32_t i = 0; i < u->count; i++) {
        const mdl_job_result *truth = &r->result[u->at + i];
        const mdl_duty_answer *counts = mdl_duty_answer_of(duty, u->first + i);
        if (counts && (counts->fitness != truth->fitness || counts->updates != truth->updates ||
                       memcmp(counts->segment, truth->segment, sizeof counts->segment) != 0))
            return 1;
    }
    return 0;
}

/* A false window is its worker's, whatever it did to the answer; a false answer of right windows is the coordinator's.
 */
static int compare_joined(mdl_rerun *r, const unit *u, const char *difference) {
    const mdl_ledger_worker *w;
    char text[MDL_AUDIT_TEXT];
    if (!u->played || !u->played->fault.found || u->played->fault.missing)
        return 0;
    const mdl_transcript_fault *fault = &u->played->fault;
    const mdl_ledger_lease *lease = mdl_played_culprit(r->a, u->first, u->played);
    mdl_ledger_workers(r->a->ledger, &w);
    snprintf(text, sizeof text,
             "job %" PRIu32 ", life %" PRIu32 ", window %" PRIu32 ": shard %" PRIu32 " is not what it computes%s%.300s",
             u->first, fault->life, fault->window, fault->shard, *difference ? "; " : "", difference);
    r->a->report->wrong++;
    if (lease)
        mdl_false_results_add(r->a, lease->result, u->record, w[lease->worker].key, has_entered(r, u), text);
    else /* whose window that was did not stay to sign it */
        mdl_audit_noted(r->a, u->record, MDL_AUDIT_RECOMPUTE, u->key, "%s; nobody signed it", text);
    return 1;
}

static void compare(mdl_rerun *r, const unit *u) {
    const mdl_job_result *job = r->result + u->at;
    uint8_t root[MDL_DIGEST_BYTES];
    uint64_t updates = 0;
    uint32_t wrong = 0, first = 0;
    for (uint32_t i = 0; i < u->count; i++) {
        updates += job[i].updates;
        if (job[i].fitness != r->claimed[u->at + i] && wrong++ == 0)
            first = i;
    }
    mdl_unit_root(job, u->count, root);
    mdl_audit_report *report = r->a->report;
    report->units += (uint64_t)(u->result || u->joined); /* checks and verdicts are no results */
    report->jobs += u->count;
    report->updates += updates;
    unsigned generation = mdl_evolution_generation(mdl_ledger_evolution(r->a->ledger));
    char text[MDL_AUDIT_TEXT];
    if (wrong > 0)
        snprintf(text, sizeof text,
                 "job %" PRIu32 " of generation %u: fitness %" PRId64 " is claimed, %" PRId64 " is computed; %" PRIu32
                 " of its %" PRIu32 " jobs are wrong",
                 u->first + first, generation, r->claimed[u->at + first], job[first].fitness, wrong, u->count);
    else if (updates != u->updates)
        snprintf(text, sizeof text,
                 "jobs %" PRIu32 " to %" PRIu32 " of generation %u: %" PRIu64 " updates are claimed, %" PRIu64
                 " are computed",
                 u->first, u->first + u->count - 1, generation, u->updates, updates);
    else if (memcmp(root, u->root, sizeof root) != 0)
        snprintf(text, sizeof text,
                 "jobs %" PRIu32 " to %" PRIu32 " of generation %u: the root of their segments is another", u->first,
                 u->first + u->count - 1, generation);
    else
        text[0] = 0;
    int withdrawn = u->joined && !u->played; /* nothing rests on it */
    if (compare_joined(r, u, text))
        return;
    if (text[0] == 0)
        return;
    report->wrong++;
    if (withdrawn) {
        mdl_audit_noted(r->a, u->record, MDL_AUDIT_RECOMPUTE, u->key, "%s; its answer is void", text);
        return;
    }
    if (u->result) {
        mdl_false_results_add(r->a, u->record, u->record, u->key, has_entered(r, u), text);
        mdl_proofs_result(r->a, u->record);
    } else {
        mdl_audit_found(r->a, u->record, MDL_AUDIT_RECOMPUTE, u->key, "%s", text);
        if (u->joined)
            mdl_proofs_joined(r->a, u->record, u->played->transcript);
        else
            mdl_proofs_decision(r->a, u->record, r->of, r->a->last_close);
    }
}

/* Before the threads begin: what they read is read here. */
static mdl_err read_played(mdl_rerun *r) {
    mdl_err err = MDL_OK;
    for (size_t i = 0; i < r->jobs; i++)
        r->played[i] = NULL;
    for (size_t i = 0; i < r->units && err == MDL_OK; i++) {
        unit *u = &r->unit[i];
        if (u->joined)
            err = mdl_played_new(r->a, u->first, u->record, &u->played);
        r->played[u->at] = u->played;
    }
    return err;
}

mdl_err mdl_rerun_go(mdl_rerun *r, uint64_t upto) {
    double began = mdl_seconds();
    mdl_err err = MDL_OK;
    r->upto = upto;
    r->of = mdl_ledger_evolution(r->a->ledger);
    if (r->units > 0) {
        uint32_t pieces = mdl_pool_cut(r->piece, (uint32_t)r->jobs, 0, r->together, r->threads);
        err = read_played(r);
        if (err == MDL_OK)
            mdl_pool_run(r->a->pool, pieces, run_piece, r, show, r);
        if (err == MDL_OK && r->failed)
            err = MDL_ENOMEM;
        for (size_t i = 0; i < r->units; i++) {
            if (err == MDL_OK)
                compare(r, &r->unit[i]);
            mdl_played_free(r->unit[i].played);
        }
    }
    if (err == MDL_OK)
        err = mdl_accusations_go(r->a, r->of);
    r->units = r->jobs = 0;
    r->behind = upto;
    r->a->report->rerun_seconds += mdl_seconds() - began;
    return err;
}

typedef struct some {
    mdl_rerun *r;
    const mdl_evolution *of;
    uint32_t first;
    mdl_job_result *out;
} some;

static void run_some(void *shared, uint32_t thread, uint32_t index) {
    const some *s = shared;
    mdl_unit_job(s->r->life[thread], s->of, s->first + index, s->r->genome[thread], NULL, &s->out[index]);
}

void mdl_rerun_jobs(mdl_rerun *r, const mdl_evolution *of, uint32_t first, uint32_t count, mdl_job_result *out) {
    double began = mdl_seconds();
    some s = {r, of, first, out};
    mdl_pool_run(r->a->pool, count, run_some, &s, NULL, NULL);
    r->a->report->rerun_seconds += mdl_seconds() - began;
    r->a->report->jobs += count;
    for (uint32_t i = 0; i < count; i++)
        r->a->report->updates += out[i].updates;
}
