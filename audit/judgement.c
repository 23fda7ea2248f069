/* The last step of a dispute, run again: PROTOCOL section 11.6. The moves before
 * it are the fold's. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "runtime/memory.h"

static mdl_err run(const mdl_audit *a, uint32_t job, const mdl_case *c, const uint8_t *state, size_t size,
                   mdl_judged *out) {
    const mdl_experiment *x = mdl_ledger_experiment(a->ledger);
    mdl_life *life = mdl_life_new(x, NULL);
    float *genome = calloc(mdl_ledger_genes(a->ledger), sizeof *genome);
    mdl_err err = MDL_ENOMEM;
    if (life && genome) {
        mdl_job ignored;
        mdl_evolution_job(mdl_ledger_evolution(a->ledger), job, &ignored, genome);
        mdl_life_genome(life, genome);
        err = mdl_case_judge(c, life, state, size, out);
    }
    free(life);
    free(genome);
    return err;
}

int mdl_judgement_says(const mdl_msg_judgement *m, const mdl_judged *j) {
    return m->fault == (uint32_t)j->fault && m->wrong == j->wrong && memcmp(m->truth, j->truth, sizeof m->truth) == 0 &&
           m->windows == j->row.windows && m->fitness == j->row.fitness && m->updates == j->row.updates &&
           memcmp(m->end, j->row.end, sizeof m->end) == 0;
}

mdl_err mdl_audit_judgement(mdl_audit *a, uint64_t index, const uint8_t key[MDL_KEY_BYTES],
                            const mdl_msg_judgement *m) {
    const mdl_ledger_dispute *d = mdl_ledger_dispute_of(a->ledger, m->job);
    const uint8_t *state = NULL;
    size_t size = 0;
    mdl_case c;
    mdl_judged judged;
    a->report->judgements++;
    if (!a->rerun || !d || mdl_ledger_judgeable(d, &c) != 2) /* the fold says it all */
        return MDL_OK;
    mdl_err err = d->has_state ? a->blobs->get(a->blobs->ctx, d->state, &state, &size) : MDL_OK;
    if (err == MDL_OK)
        err = run(a, m->job, &c, state, size, &judged);
    if (err != MDL_OK) /* the fold has read the state when it was shown */
        return err == MDL_ENOMEM ? err : MDL_EIO;
    if (!mdl_judgement_says(m, &judged)) {
        mdl_audit_found(a, index, MDL_AUDIT_RECOMPUTE, key,
                        "the judgement of job %" PRIu32 " of generation %" PRIu32
                        ": the last step gives something else than it says; sides wrong by it: %" PRIu32
                        ", by the step: %" PRIu32,
                        m->job, m->generation, m->wrong, judged.wrong);
        a->report->wrong++;
        mdl_proofs_judgement(a, index, d);
    }
    return MDL_OK;
}
