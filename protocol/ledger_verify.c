/* What is done again: the coordinator's own answers, whom they convict, who is
 * trusted, and the replay with the element that a closing reveals. PROTOCOL
 * section 10. */
#include <string.h>

#include "core/assert.h"
#include "protocol/chain.h"
#include "protocol/ledger_internal.h"

int mdl_ledger_verifies(const mdl_ledger *l) { return l->begun && l->experiment.verification.used; }

int mdl_ledger_trusted(const mdl_ledger *l, uint32_t worker) {
    MDL_ASSERT(worker < l->workers);
    return !mdl_ledger_verifies(l) || l->worker[worker].verified >= l->experiment.verification.probation;
}

const mdl_duty *mdl_ledger_duty(const mdl_ledger *l) { return l->duty; }

uint32_t mdl_ledger_selected(mdl_ledger *l, uint32_t from) { return mdl_duty_selected(l->duty, from); }

uint64_t mdl_ledger_published(const mdl_ledger *l) {
    return mdl_ledger_verifies(l) && l->jobs > 0 ? l->published : l->size;
}

/* ---- the generation's duty ---- */

void mdl_ledger_begin_duty(mdl_ledger *l) {
    uint8_t element[MDL_DIGEST_BYTES];
    uint32_t generation = mdl_evolution_generation(l->evolution), generations = l->experiment.evolution.generations;
    l->jobs = mdl_evolution_job_count(l->evolution);
    MDL_ASSERT(l->jobs <= l->jobs_max);
    memset(l->check, 0, l->jobs_max * sizeof *l->check);
    l->shown = 0;
    memset(l->joined, 0, l->jobs_max * sizeof *l->joined);
    int known = l->secret && generation < generations;
    if (known)
        mdl_chain_element(l->seed, generations, generation, element);
    mdl_duty_begin(l->duty, &l->rules, &l->experiment.evolution, generation, l->jobs, known ? element : NULL);
}

mdl_err mdl_ledger_know(mdl_ledger *l, const uint8_t seed[MDL_DIGEST_BYTES]) {
    uint8_t element[MDL_DIGEST_BYTES];
    char fault[160];
    uint32_t generations = l->experiment.evolution.generations;
    MDL_ASSERT(mdl_ledger_verifies(l));
    mdl_chain_head(seed, generations, element);
    if (memcmp(element, l->genesis.chain, sizeof element) != 0)
        return MDL_EMISMATCH;
    uint32_t generation = mdl_evolution_generation(l->evolution);
    if (generation < generations) {
        mdl_chain_element(seed, generations, generation, element);
        mdl_err err = mdl_duty_replay(l->duty, l->scratch, element, fault, sizeof fault);
        if (err != MDL_OK && err != MDL_ENOENT) /* what is missing is still to come */
            return err;
        mdl_duty *known = l->scratch;
        l->scratch = l->duty;
        l->duty = known;
    }
    memcpy(l->seed, seed, sizeof l->seed);
    l->secret = 1;
    return MDL_OK;
}

mdl_rule mdl_ledger_replay(mdl_ledger *l, const uint8_t element[MDL_DIGEST_BYTES], mdl_breach *breach) {
    uint8_t before[MDL_DIGEST_BYTES];
    char fault[160];
    if (!mdl_ledger_verifies(l))
        return mdl_ledger_all_zero(element, MDL_DIGEST_BYTES)
                   ? MDL_RULE_OK
                   : mdl_ledger_break(breach, MDL_RULE_BEACON, "an element where verification is off");
    mdl_chain_next(element, before);
    if (memcmp(before, l->element, sizeof before) != 0)
        return mdl_ledger_break(breach, MDL_RULE_BEACON, "the element is not the chain's next one");
    mdl_err err = mdl_duty_replay(l->duty, l->scratch, element, fault, sizeof fault);
    if (err == MDL_ENOMEM)
        return mdl_ledger_no_memory(breach);
    if (err != MDL_OK)
        return mdl_ledger_break(breach, err == MDL_ENOENT ? MDL_RULE_CONFIRMATION : MDL_RULE_ASSIGNMENT, "%s", fault);
    return MDL_RULE_OK;
}

/* ---- answers ---- */

static int same(const mdl_duty_answer *a, const mdl_duty_answer *b) {
    return a->fitness == b->fitness && a->updates == b->updates &&
           memcmp(a->segment, b->segment, sizeof a->segment) == 0;
}

uint64_t mdl_ledger_record_of(const mdl_ledger *l, uint32_t job) {
    const mdl_duty_answer *counts = mdl_duty_answer_of(l->duty, job);
    for (uint32_t i = 0; i < mdl_duty_answers(l->duty, job); i++) {
        uint64_t id;
        const mdl_duty_answer *answer = mdl_duty_answer_at(l->duty, job, i, &id);
        if (id != MDL_DUTY_OF_COORDINATOR && same(answer, counts))
            return id == MDL_DUTY_OF_SHARDS ? l->joined[job].record : mdl_ledger_lease_at(l, id)->result;
    }
    return l->check[job];
}

/* Its answers are those that count. */
static int all_confirmed(const mdl_ledger *l, const mdl_ledger_lease *lease) {
    const mdl_duty_answer *said = lease->shards > 0 ? NULL : mdl_duty_said(l->duty, lease->id);
    for (uint32_t i = 0; i < lease->count; i++)
        if (!mdl_duty_confirmed(l->duty, lease->first + i) ||
            (said && !same(&said[i], mdl_duty_answer_of(l->duty, lease->first + i))))
            return 0;
    return 1;
}

static void confirm(mdl_ledger *l, mdl_ledger_lease *lease) {
    if (lease->verified || lease->state != MDL_LEASE_DONE || !all_confirmed(l, lease))
        return;
    lease->verified = 1;
    l->worker[mdl_ledger_heir(l, &l->worker[lease->worker]) - l->worker].verified++;
}

void mdl_ledger_verify(mdl_ledger *l, uint32_t first, uint32_t count) {
    uint64_t last = MDL_DUTY_OF_COORDINATOR, id;
    if (!mdl_ledger_verifies(l))
        return;
    for (uint32_t i = first; i < first + count; i++) {
        for (uint32_t k = 0; mdl_duty_confirmed(l->duty, i) && k < mdl_duty_answers(l->duty, i); k++) {
            mdl_duty_answer_at(l->duty, i, k, &id);
            if (id == MDL_DUTY_OF_SHARDS) {
                uint32_t shards;
                const uint64_t *party = mdl_duty_party(l->duty, i, &shards);
                for (uint32_t s = 0; s < shards; s++)
                    confirm(l, mdl_ledger_lease_at(l, party[s]));
            } else if (id != MDL_DUTY_OF_COORDINATOR && (id != last || i == first)) {
                last = id;
                confirm(l, mdl_ledger_lease_at(l, id));
            }
        }
    }
}

/* ---- checks and verdicts ---- */

/* The job may have this answer of the coordinator's, or one more verdict by the one that it has; *differ: how many
 * others differ from it. */
static mdl_rule judge(const mdl_ledger *l, mdl_rule rule, uint32_t generation, uint32_t job, const mdl_duty_answer *a,
                      uint32_t *differ, mdl_breach *breach) {
    *differ = 0;
    if (!mdl_ledger_verifies(l))
        return mdl_ledger_break(breach, rule, "nothing is verified in this experiment");
    if (generation != mdl_evolution_generation(l->evolution) || job >= l->jobs)
        return mdl_ledger_break(breach, rule, "job %u of generation %u; open is generation %u with %u jobs",
                                (unsigned)job, (unsigned)generation, (unsigned)mdl_evolution_generation(l->evolution),
                                (unsigned)l->jobs);
    if (mdl_duty_answers(l->duty, job) == 0)
        return mdl_ledger_break(breach, rule, "job %u has no answer", (unsigned)job);
    if (mdl_duty_settled(l->duty, job) &&
        (rule == MDL_RULE_CHECK || !mdl_duty_is_disputed(l->duty, job) || !same(mdl_duty_answer_of(l->duty, job), a)))
        return mdl_ledger_break(breach, rule, "job %u was settled by record %llu", (unsigned)job,
                                (unsigned long long)l->check[job]);
    for (uint32_t i = 0; i < mdl_duty_answers(l->duty, job); i++)
        *differ += !same(mdl_duty_answer_at(l->duty, job, i, NULL), a);
    return MDL_RULE_OK;
}

mdl_rule mdl_ledger_on_check(mdl_ledger *l, const mdl_msg_check *m, mdl_breach *breach) {
    mdl_duty_answer a = {.fitness = m->fitness, .updates = m->updates};
    uint32_t differ;
    memcpy(a.segment, m->segment, sizeof a.segment);
    mdl_rule rule = judge(l, MDL_RULE_CHECK, m->generation, m->job, &a, &differ, breach);
    if (rule == MDL_RULE_OK && differ > 0)
        return mdl_ledger_break(breach, MDL_RULE_CHECK, "%u answers of job %u differ from the check", (unsigned)differ,
                                (unsigned)m->job);
    if (rule != MDL_RULE_OK)
        return rule;
    if (mdl_duty_settle(l->duty, m->job, &a) != MDL_OK)
        return mdl_ledger_no_memory(breach);
    l->check[m->job] = l->size;
    mdl_ledger_prune(l);
    mdl_ledger_verify(l, m->job, 1);
    return MDL_RULE_OK;
}

static void convict(mdl_ledger *l, uint32_t worker) {
    mdl_ledger_worker *w = &l->worker[worker];
    w->banned = 1;
    w->verdict = l->size;
    for (uint64_t id = mdl_duty_lease_of(l->duty, w->key, UINT64_MAX); id != UINT64_MAX;
         id = mdl_duty_lease_of(l->duty, w->key, id)) {
        mdl_ledger_lease *lease = mdl_ledger_lease_at(l, id);
        if (lease->state == MDL_LEASE_OPEN)
            mdl_ledger_end_lease(l, lease, MDL_LEASE_EXPIRED);
        else if (lease->state == MDL_LEASE_DONE && lease->shards > 0 && !lease->joined) {
            lease->state = MDL_LEASE_EXPIRED; /* its result has counted for nothing so far */
            w->accepted--;
            w->expired++;
        }
    }
    mdl_ledger_forfeit(l, w);
    mdl_ledger_owe(l, w);
    mdl_err err = mdl_duty_convict(l->duty, w->key);
    MDL_ASSERT(err == MDL_OK);
    mdl_ledger_prune(l);
}

/* Keys that followed each other are one worker. */
void mdl_ledger_convict(mdl_ledger *l, uint32_t worker) {
    if (mdl_ledger_alone(l, worker)) {
        convict(l, worker);
        return;
    }
    for (uint32_t i = 0; i < l->workers; i++)
        if (l->worker[i].line == l->worker[worker].line && l->worker[i].verdict == 0)
            convict(l, i);
}

mdl_rule mdl_ledger_on_verdict(mdl_ledger *l, const mdl_msg_verdict *m, mdl_breach *breach) {
    mdl_duty_answer a = {.fitness = m->fitness, .updates = m->updates};
    uint32_t differ, losers = 0, loser[MDL_DUTY_ANSWERS], keys = 0;
    memcpy(a.segment, m->segment, sizeof a.segment);
    mdl_rule rule = judge(l, MDL_RULE_VERDICT, m->generation, m->job, &a, &differ, breach);
    if (rule == MDL_RULE_OK && differ == 0)
        return mdl_ledger_break(breach, MDL_RULE_VERDICT, "all answers of job %u are those of the verdict",
                                (unsigned)m->job);
    if (rule != MDL_RULE_OK)
        return rule;
    for (uint32_t i = 0; i < mdl_duty_answers(l->duty, m->job); i++) {
        uint64_t id;
        /* Which of the shards was false, a verdict of its own says. */
        if (!same(mdl_duty_answer_at(l->duty, m->job, i, &id), &a) && id != MDL_DUTY_OF_SHARDS)
            loser[losers++] = mdl_ledger_lease_at(l, id)->worker;
    }
    for (uint32_t i = 0; i < losers; i++)
        keys += mdl_ledger_line(l, loser[i]);
    int again = mdl_duty_settled(l->duty, m->job);
    if (mdl_duty_reserve(l->duty, keys) != MDL_OK || (!again && mdl_duty_settle(l->duty, m->job, &a) != MDL_OK))
        return mdl_ledger_no_memory(breach);
    l->check[m->job] = again ? l->check[m->job] : l->size;
    for (uint32_t i = 0; i < losers; i++)
        if (l->worker[loser[i]].verdict == 0)
            mdl_ledger_convict(l, loser[i]);
    mdl_ledger_prune(l);
    mdl_ledger_verify(l, m->job, 1);
    return MDL_RULE_OK;
}

mdl_err mdl_ledger_make_check(const mdl_ledger *l, uint32_t job, const mdl_duty_answer *answer, mdl_message *m) {
    mdl_breach ignored;
    uint32_t differ, generation = mdl_evolution_generation(l->evolution);
    mdl_rule rule = job < l->jobs && mdl_duty_settled(l->duty, job) ? MDL_RULE_VERDICT : MDL_RULE_CHECK;
    if (judge(l, rule, generation, job, answer, &differ, &ignored) != MDL_RULE_OK)
        return MDL_EMISMATCH;
    memset(m, 0, sizeof *m);
    if (differ == 0) {
        m->type = MDL_MSG_CHECK;
        m->as.check = (mdl_msg_check){
            .generation = generation, .job = job, .fitness = answer->fitness, .updates = answer->updates};
        memcpy(m->as.check.segment, answer->segment, sizeof answer->segment);
    } else {
        m->type = MDL_MSG_VERDICT;
        m->as.verdict = (mdl_msg_verdict){
            .generation = generation, .job = job, .fitness = answer->fitness, .updates = answer->updates};
        memcpy(m->as.verdict.segment, answer->segment, sizeof answer->segment);
    }
    return MDL_OK;
}
