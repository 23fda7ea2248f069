/* False results wait until all records are read: the log may name them itself.
 * PROTOCOL section 9.2. A worker that is convicted signed them all the same; what
 * is asked is whether anything wrong stands in the ledger that nobody says. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "protocol/grow.h"
#include "protocol/past.h"

typedef struct lie {
    uint64_t record, unit, correction; /* correction 0: none */
    uint8_t key[MDL_KEY_BYTES];
    int entered;
    char text[MDL_AUDIT_TEXT];
} lie;

struct mdl_false_results {
    lie *lie; /* records rising within a generation */
    size_t count;
    uint32_t room;
    struct closing {
        uint8_t fitness[MDL_DIGEST_BYTES]; /* blob */
        uint64_t record;
    } * closed; /* by generation */
    uint32_t generations, generations_room;
    mdl_past *past;
    int failed; /* out of memory */
    mdl_job_result job[MDL_UNIT_JOBS_MAX];
};

mdl_false_results *mdl_false_results_new(void) { return calloc(1, sizeof(mdl_false_results)); }

void mdl_false_results_free(mdl_false_results *f) {
    if (!f)
        return;
    free(f->lie);
    free(f->closed);
    mdl_past_free(f->past);
    free(f);
}

void mdl_false_results_add(mdl_audit *a, uint64_t record, uint64_t unit, const uint8_t key[MDL_KEY_BYTES], int entered,
                           const char *text) {
    mdl_false_results *f = a->lies;
    if (!mdl_list_grow(&f->lie, &f->room, f->count + 1, sizeof *f->lie)) {
        f->failed = 1;
        return;
    }
    lie *l = &f->lie[f->count++];
    *l = (lie){.record = record, .unit = unit, .entered = entered};
    memcpy(l->key, key, sizeof l->key);
    snprintf(l->text, sizeof l->text, "%s", text);
}

mdl_err mdl_false_results_closed(mdl_audit *a, uint64_t index, const mdl_msg_close *m) {
    mdl_false_results *f = a->lies;
    if (!mdl_list_grow(&f->closed, &f->generations_room, f->generations + 1, sizeof *f->closed))
        return MDL_ENOMEM;
    f->closed[f->generations].record = index;
    memcpy(f->closed[f->generations++].fitness, m->fitness, MDL_DIGEST_BYTES);
    return f->failed ? MDL_ENOMEM : MDL_OK;
}

static const uint8_t *fitness_of(const void *ctx, uint32_t generation) {
    const mdl_false_results *f = ctx;
    return f->closed[generation].fitness;
}

/* The first job that the correction has otherwise than it computes; its number of jobs: none. */
static uint32_t first_wrong(const mdl_false_results *f, const mdl_msg_correction *m) {
    uint32_t i = 0;
    for (; i < m->count; i++) {
        uint8_t segment[MDL_DIGEST_BYTES];
        uint64_t updates;
        mdl_segments_get(m->segments, i, segment, &updates);
        if (m->fitness.at[i] != f->job[i].fitness || updates != f->job[i].updates ||
            memcmp(segment, f->job[i].segment, sizeof segment) != 0)
            break;
    }
    return i;
}

mdl_err mdl_false_results_corrected(mdl_audit *a, uint64_t index, const uint8_t key[MDL_KEY_BYTES],
                                    const mdl_msg_correction *m) {
    mdl_false_results *f = a->lies;
    mdl_past_source source = {fitness_of, f, a->blobs};
    a->report->corrections++;
    if (!a->rerun)
        return MDL_OK;
    if (!f->past)
        f->past = mdl_past_new(mdl_ledger_experiment(a->ledger));
    mdl_err err = f->past ? mdl_past_seek(f->past, m->generation, UINT32_MAX, &source) : MDL_ENOMEM;
    if (err != MDL_OK) /* the fold has just seen these blobs */
        return err == MDL_ENOMEM ? err : MDL_EIO;
    mdl_rerun_jobs(a->rerun, mdl_past_evolution(f->past), m->first, m->count, f->job);
    uint32_t wrong = first_wrong(f, m);
    if (wrong < m->count) {
        mdl_audit_found(a, index, MDL_AUDIT_RECOMPUTE, key,
                        "the correction of record %" PRIu64 ": job %" PRIu32 " of generation %" PRIu32
                        " does not compute what it says; fitness %" PRId64 " is claimed, %" PRId64 " is computed",
                        m->result, m->first + wrong, m->generation, m->fitness.at[wrong], f->job[wrong].fitness);
        a->report->wrong++;
        mdl_proofs_decision(a, index, mdl_past_evolution(f->past),
                            m->generation > 0 ? f->closed[m->generation - 1].record : 0);
        return MDL_OK;
    }
    for (size_t i = 0; i < f->count; i++)
        if (f->lie[i].unit == m->result)
            f->lie[i].correction = index;
    return MDL_OK;
}

mdl_err mdl_false_results_judge(mdl_audit *a) {
    mdl_false_results *f = a->lies;
    for (size_t i = 0; i < f->count; i++) {
        const lie *l = &f->lie[i];
        const mdl_ledger_worker *w = mdl_ledger_signer(a->ledger, l->key);
        if (!w || w->verdict == 0 || (l->entered && l->correction == 0))
            mdl_audit_found(a, l->record, MDL_AUDIT_RECOMPUTE, l->key, "%s", l->text);
        else if (l->correction > 0)
            mdl_audit_noted(a, l->record, MDL_AUDIT_RECOMPUTE, l->key,
                            "%s; record %" PRIu64 " convicts its worker, record %" PRIu64 " corrects it", l->text,
                            w->verdict, l->correction);
        else
            mdl_audit_noted(a, l->record, MDL_AUDIT_RECOMPUTE, l->key,
                            "%s; record %" PRIu64 " convicts its worker, and nothing rests on it", l->text, w->verdict);
    }
    return f->failed ? MDL_ENOMEM : MDL_OK;
}
