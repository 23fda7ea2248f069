/* Step 4: results computed again, from the evolution state of their generation. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "core/cut.h"
#include "protocol/grow.h"
#include "protocol/transcript.h"
#include "protocol/unit.h"
#include "runtime/memory.h"
#include "runtime/progress.h"

typedef struct unit {
    uint64_t record, updates;
    uint32_t first, count;
    size_t at; /* its jobs in the lists below */
    uint8_t key[MDL_KEY_BYTES], root[MDL_DIGEST_BYTES];
    int result; /* of a worker */
    int joined; /* of shards together */
} unit;

struct mdl_rerun {
    mdl_audit *a;
    uint32_t threads;
    void **life;                  /* [threads] */
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
    size_t jobs;
    uint32_t jobs_room;
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
    r->life = calloc(r->threads, sizeof *r->life);
    r->genome = calloc(r->threads, sizeof *r->genome);
    int good = r->life && r->genome;
    for (uint32_t i = 0; i < r->threads && good; i++) {
        r->life[i] = mdl_aligned(mdl_life_bytes(x, 1));
        good = r->life[i] != NULL;
        if (!good)
            break;
        r->life[i] = mdl_life_init(r->life[i], x, 1, NULL); /* the first thing in its block */
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
    free(r);
}

static int room_for_jobs(mdl_rerun *r, size_t count) {
    size_t wanted = r->jobs + count;
    uint32_t job = r->jobs_room, claimed = r->jobs_room;
    return mdl_list_grow(&r->job, &job, wanted, sizeof *r->job) &&
           mdl_list_grow(&r->claimed, &claimed, wanted, sizeof *r->claimed) &&
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
    uint32_t at = r->piece[piece];
    mdl_unit_jobs(r->life[thread], r->of, r->job + at, r->piece[piece + 1] - at, r->genome[thread], r->result + at);
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

/* A joined job's answer is void once a worker of its shards is convicted: nothing rests on it. */
static int is_void(const mdl_rerun *r, const unit *u) {
    uint8_t digest[MDL_DIGEST_BYTES];
    return mdl_ledger_joined(r->a->ledger, u->first, digest) != u->record;
}

/* The first false window of a joined job whose answer stands, and the lease that has it. */
static int find_fault(mdl_rerun *r, const unit *u, mdl_transcript_fault *fault, const mdl_ledger_lease **lease) {
    const mdl_ledger *l = r->a->ledger;
    const mdl_experiment *x = mdl_ledger_experiment(l);
    uint8_t digest[MDL_DIGEST_BYTES], region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES];
    uint32_t owner[MDL_REGIONS_MAX], count;
    const uint8_t *bytes;
    size_t size;
    mdl_transcript t;
    *lease = NULL;
    mdl_ledger_joined(l, u->first, digest);
    const uint64_t *party = mdl_duty_party(mdl_ledger_duty(l), u->first, &count);
    for (uint32_t i = 0; i < count; i++) {
        const mdl_ledger_lease *of = mdl_ledger_lease_find(l, party[i]);
        mdl_balanced_cut(&x->network, of->shards, owner);
        for (uint32_t k = 0, n = 0; k < x->network.regions; k++)
            if (owner[k] == of->shard)
                memcpy(region[k], of->regions[n++], MDL_DIGEST_BYTES);
    }
    mdl_err err = r->a->blobs->get(r->a->blobs->ctx, digest, &bytes, &size);
    err = err == MDL_OK ? mdl_transcript_read(bytes, size, &t) : err;
    if (err != MDL_OK ||
        mdl_transcript_find(x, r->of, u->first, &t, (const uint8_t(*)[MDL_DIGEST_BYTES])region, fault) != MDL_OK ||
        !fault->found)
        return 0;
    for (uint32_t i = 0; i < count && !*lease; i++) {
        const mdl_ledger_lease *of = mdl_ledger_lease_find(l, party[i]);
        if (of->shard == fault->shard && mdl_ledger_has_window(l, of->id, u->first, fault->life, fault->window))
            *lease = of;
    }
    return 1;
}

/* A false window is its worker's, whatever it did to the answer; a false answer of right windows is the coordinator's.
 */
static int compare_joined(mdl_rerun *r, const unit *u, const char *difference) {
    const mdl_ledger_worker *w;
    const mdl_ledger_lease *lease;
    mdl_transcript_fault fault;
    char text[MDL_AUDIT_TEXT];
    if (!find_fault(r, u, &fault, &lease))
        return 0;
    mdl_ledger_workers(r->a->ledger, &w);
    snprintf(text, sizeof text,
             "job %" PRIu32 ", life %" PRIu32 ", window %" PRIu32 ": shard %" PRIu32 " is not what it computes%s%.300s",
             u->first, fault.life, fault.window, fault.shard, *difference ? "; " : "", difference);
    r->a->report->wrong++;
    if (lease)
        mdl_false_results_add(r->a, lease->result, w[lease->worker].key, has_entered(r, u), text);
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
    int withdrawn = u->joined && is_void(r, u);
    if (u->joined && !withdrawn && compare_joined(r, u, text))
        return;
    if (text[0] == 0)
        return;
    report->wrong++;
    if (withdrawn) {
        mdl_audit_noted(r->a, u->record, MDL_AUDIT_RECOMPUTE, u->key, "%s; its answer is void", text);
        return;
    }
    if (u->result) {
        mdl_false_results_add(r->a, u->record, u->key, has_entered(r, u), text);
        mdl_proofs_result(r->a, u->record);
    } else {
        mdl_audit_found(r->a, u->record, MDL_AUDIT_RECOMPUTE, u->key, "%s", text);
        if (!u->joined)
            mdl_proofs_decision(r->a, u->record, r->of, r->a->last_close);
    }
}

void mdl_rerun_go(mdl_rerun *r, uint64_t upto) {
    double began = mdl_seconds();
    r->upto = upto;
    r->of = mdl_ledger_evolution(r->a->ledger);
    if (r->units > 0) {
        uint32_t pieces = mdl_pool_cut(r->piece, (uint32_t)r->jobs, 0, r->together, r->threads);
        mdl_pool_run(r->a->pool, pieces, run_piece, r, show, r);
        for (size_t i = 0; i < r->units; i++)
            compare(r, &r->unit[i]);
    }
    r->units = r->jobs = 0;
    r->behind = upto;
    r->a->report->rerun_seconds += mdl_seconds() - began;
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
