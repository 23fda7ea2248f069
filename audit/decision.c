/* One check or verdict looked into: every answer to its job beside what the job
 * computes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "protocol/unit.h"
#include "runtime/memory.h"

static mdl_audit_answer *next_answer(mdl_audit_dispute *d, const mdl_duty_answer *of) {
    mdl_audit_answer *a = &d->answer[d->answers++];
    *a = (mdl_audit_answer){.fitness = of->fitness, .updates = of->updates};
    memcpy(a->segment, of->segment, sizeof a->segment);
    return a;
}

int mdl_decision_note(mdl_audit *a, uint64_t index, const mdl_message *m) {
    mdl_audit_dispute *d = &a->report->dispute;
    mdl_duty_answer own;
    memset(&own, 0, sizeof own);
    if (m->type == MDL_MSG_VERDICT) {
        d->generation = m->as.verdict.generation;
        d->job = m->as.verdict.job;
        own.fitness = m->as.verdict.fitness;
        own.updates = m->as.verdict.updates;
        memcpy(own.segment, m->as.verdict.segment, sizeof own.segment);
    } else if (m->type == MDL_MSG_CHECK) {
        d->generation = m->as.check.generation;
        d->job = m->as.check.job;
        own.fitness = m->as.check.fitness;
        own.updates = m->as.check.updates;
        memcpy(own.segment, m->as.check.segment, sizeof own.segment);
    } else {
        snprintf(a->error, a->error_size, "record %" PRIu64 " is of type %s: neither a verdict nor a check", index,
                 mdl_message_name(m->type));
        return 0;
    }
    d->record = index;
    d->verdict = m->type == MDL_MSG_VERDICT;
    memcpy(next_answer(d, &own)->key, a->report->coordinator, MDL_KEY_BYTES);
    d->answer[0].record = index;
    const mdl_duty *duty = mdl_ledger_duty(a->ledger);
    const mdl_ledger_worker *worker;
    mdl_ledger_workers(a->ledger, &worker);
    uint32_t count = d->job < mdl_ledger_jobs(a->ledger) ? mdl_duty_answers(duty, d->job) : 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t id;
        const mdl_duty_answer *said = mdl_duty_answer_at(duty, d->job, i, &id);
        const mdl_ledger_lease *lease = mdl_ledger_lease_find(a->ledger, id);
        if (!lease) /* the coordinator's own: then the record breaks a rule */
            continue;
        mdl_audit_answer *to = next_answer(d, said);
        to->worker = 1;
        to->record = lease->result;
        memcpy(to->key, worker[lease->worker].key, sizeof to->key);
        memcpy(to->name, worker[lease->worker].name, sizeof to->name);
    }
    return 1;
}

static mdl_err compute(const mdl_audit *a, uint32_t job, mdl_job_result *truth) {
    const mdl_experiment *x = mdl_ledger_experiment(a->ledger);
    mdl_life *life = mdl_life_new(x, NULL);
    float *genome = calloc(mdl_ledger_genes(a->ledger), sizeof *genome);
    if (life && genome)
        mdl_unit_job(life, mdl_ledger_evolution(a->ledger), job, genome, NULL, truth);
    mdl_err err = life && genome ? MDL_OK : MDL_ENOMEM;
    free(life);
    free(genome);
    return err;
}

mdl_err mdl_decision_settle(mdl_audit *a) {
    mdl_audit_dispute *d = &a->report->dispute;
    mdl_job_result truth;
    mdl_err err = compute(a, d->job, &truth);
    if (err != MDL_OK)
        return err;
    d->fitness = truth.fitness;
    d->updates = truth.updates;
    memcpy(d->segment, truth.segment, sizeof d->segment);
    for (uint32_t i = 0; i < d->answers; i++) {
        mdl_audit_answer *said = &d->answer[i];
        const mdl_ledger_worker *w = said->worker ? mdl_ledger_worker_find(a->ledger, said->key) : NULL;
        said->right = said->fitness == truth.fitness && said->updates == truth.updates &&
                      memcmp(said->segment, truth.segment, sizeof said->segment) == 0;
        said->convicted = w && w->verdict == d->record;
    }
    d->settled = 1;
    const mdl_audit_options *o = a->options;
    int again = a->rerun && (d->verdict || mdl_audit_drawn(&a->report->root, o->seed, o->sample, d->record));
    if (!d->answer[0].right && !again) /* else it is computed again anyway, and found there */
        mdl_audit_found(a, d->record, MDL_AUDIT_RECOMPUTE, d->answer[0].key,
                        "job %" PRIu32 " of generation %" PRIu32 ": the coordinator's answer is not what it computes",
                        d->job, d->generation);
    if (!d->answer[0].right && !again)
        mdl_proofs_decision(a, d->record, mdl_ledger_evolution(a->ledger), a->last_close);
    return MDL_OK;
}
