/* Ends of generations: closing, champion, end; ledger_credit.c has the credit. What the rules ask for is
 * what the make functions make, so each rule is a comparison. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/chain.h"
#include "protocol/ledger_internal.h"
#include "protocol/unit.h"

static void put_u64(uint8_t *out, uint64_t v) {
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

static int differs(const uint8_t *a, const uint8_t *b) { return memcmp(a, b, MDL_DIGEST_BYTES) != 0; }

/* ---- closing ---- */

/* Records of the results used, in order of their first job: those of each lease
 * lie side by side. Calls `put` for each; returns their number. */
static uint32_t each_result(const mdl_ledger *l, void (*put)(mdl_ledger *l, uint32_t i, uint64_t record),
                            mdl_ledger *out) {
    uint32_t count = 0;
    uint64_t last = 0;
    for (uint32_t i = 0; i < l->jobs; i++) {
        uint64_t record = mdl_ledger_record_of(l, i);
        if (i == 0 || record != last) {
            if (put)
                put(out, count, record);
            count++;
        }
        last = record;
    }
    return count;
}

static void put_in_message(mdl_ledger *l, uint32_t i, uint64_t record) { l->made_list[i] = record; }

static void put_in_blob(mdl_ledger *l, uint32_t i, uint64_t record) {
    put_u64(l->made_results.at + 8 * (size_t)i, record);
}

static int64_t best_of_training(const mdl_ledger *l) {
    const mdl_evolution_spec *s = &l->experiment.evolution;
    uint32_t candidates = 0;
    for (uint32_t k = 0; k < s->islands; k++)
        candidates += s->island[k].population;
    int64_t best = l->fitness[0];
    for (uint32_t i = 1; i < candidates; i++)
        if (l->fitness[i] > best)
            best = l->fitness[i];
    return best;
}

/* Advances the second run; the first follows when the closing is applied. */
static void foresee(mdl_ledger *l) {
    if (l->foreseen)
        return;
    mdl_err err = mdl_evolution_advance(l->ahead, l->fitness, l->jobs);
    MDL_ASSERT(err == MDL_OK); /* sums are within the limits of the messages */
    mdl_state_digest(l->ahead, l->after);
    l->foreseen = 1;
}

static int close_is_due(mdl_ledger *l) {
    return l->jobs > 0 && !l->credit_due && l->owed == 0 && mdl_duty_done(l->duty);
}

int mdl_ledger_settled(mdl_ledger *l) { return close_is_due(l); }

/* Where the duty stands still: what a closing lacks. */
static mdl_rule not_due(mdl_ledger *l, mdl_breach *breach) {
    uint32_t job;
    if (l->jobs == 0 || mdl_duty_answered(l->duty) < l->jobs)
        return mdl_ledger_break(breach, MDL_RULE_CLOSE, "%u of %u jobs have a result",
                                (unsigned)mdl_ledger_jobs_done(l), (unsigned)l->jobs);
    if (mdl_duty_showing(l->duty))
        return mdl_ledger_break(breach, MDL_RULE_NONCE, "nothing was drawn with the nonces of the workers");
    if ((job = mdl_duty_disputed(l->duty, 0)) != MDL_DUTY_NONE)
        return mdl_ledger_break(breach, MDL_RULE_CONFIRMATION, "answers of job %u differ, and there is no verdict",
                                (unsigned)job);
    if ((job = mdl_duty_selected(l->duty, 0)) != MDL_DUTY_NONE)
        return mdl_ledger_break(breach, MDL_RULE_CONFIRMATION, "job %u is selected, and there is no check",
                                (unsigned)job);
    if (mdl_duty_done(l->duty))
        return mdl_ledger_break(breach, MDL_RULE_CORRECTION, "%llu units of convicts are still to be done again",
                                (unsigned long long)l->owed);
    return mdl_ledger_break(breach, MDL_RULE_CONFIRMATION,
                            "answers of workers on probation wait for another owner's or a check");
}

mdl_err mdl_ledger_make_close(mdl_ledger *l, mdl_msg_close *close, const uint8_t **fitness, size_t *fitness_size) {
    if (!close_is_due(l))
        return MDL_EMISMATCH;
    uint32_t results = each_result(l, NULL, l);
    if (mdl_ledger_room(&l->made, 8 * (size_t)l->jobs) != MDL_OK ||
        mdl_ledger_room(&l->made_results, results > MDL_LIST_MAX ? 8 * (size_t)results : 0) != MDL_OK)
        return MDL_ENOMEM;
    memset(close, 0, sizeof *close);
    if (results > MDL_LIST_MAX) {
        each_result(l, put_in_blob, l);
        mdl_digest_of(l->made_results.at, l->made_results.size, close->results_blob);
    } else {
        each_result(l, put_in_message, l);
        close->results = (mdl_u64_list){results, l->made_list};
    }
    for (uint32_t i = 0; i < l->jobs; i++)
        l->fitness[i] = mdl_duty_answer_of(l->duty, i)->fitness;
    for (uint32_t i = 0; i < l->jobs; i++)
        put_u64(l->made.at + 8 * (size_t)i, (uint64_t)l->fitness[i]);
    foresee(l);
    close->generation = mdl_evolution_generation(l->evolution);
    mdl_digest_of(l->made.at, l->made.size, close->fitness);
    close->jobs = l->jobs;
    memcpy(close->before, l->before, sizeof close->before);
    memcpy(close->after, l->after, sizeof close->after);
    close->best = best_of_training(l);
    if (l->secret)
        mdl_chain_element(l->seed, l->experiment.evolution.generations, close->generation, close->element);
    *fitness = l->made.at;
    *fitness_size = l->made.size;
    return MDL_OK;
}

mdl_err mdl_ledger_make_close_results(mdl_ledger *l, const uint8_t **results, size_t *size) {
    mdl_msg_close close;
    const uint8_t *fitness;
    size_t fitness_size;
    mdl_err err = mdl_ledger_make_close(l, &close, &fitness, &fitness_size);
    if (err == MDL_OK) {
        *results = l->made_results.at;
        *size = l->made_results.size;
    }
    return err;
}

static const char *first_difference(const mdl_msg_close *m, const mdl_msg_close *right) {
    if (m->generation != right->generation)
        return "generation";
    if (m->jobs != right->jobs)
        return "number of jobs";
    if (differs(m->fitness, right->fitness))
        return "list of fitnesses";
    if (m->results.count != right->results.count || differs(m->results_blob, right->results_blob) ||
        (m->results.count > 0 &&
         memcmp(m->results.at, right->results.at, m->results.count * sizeof *m->results.at) != 0))
        return "list of results";
    if (differs(m->before, right->before))
        return "state before";
    if (differs(m->after, right->after))
        return "state after";
    if (m->best != right->best)
        return "best fitness";
    return NULL;
}

/* Forget what is older than the generation that closes now, and end what is open. */
static void turn_leases(mdl_ledger *l) {
    for (uint32_t i = l->leases_old; i < l->leases; i++)
        if (l->lease[i].state == MDL_LEASE_OPEN)
            mdl_ledger_end_lease(l, &l->lease[i], MDL_LEASE_EXPIRED);
    for (uint32_t i = 0; i < l->leases_old; i++)
        free(l->lease[i].regions);
    uint32_t kept = l->leases - l->leases_old;
    if (kept > 0)
        memmove(l->lease, l->lease + l->leases_old, kept * sizeof *l->lease);
    l->leases = l->leases_old = kept;
}

mdl_rule mdl_ledger_on_close(mdl_ledger *l, const mdl_msg_close *m, mdl_breach *breach) {
    mdl_msg_close right;
    const uint8_t *bytes;
    size_t size;
    if (!close_is_due(l))
        return not_due(l, breach);
    mdl_rule rule = mdl_ledger_replay(l, m->element, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    if (mdl_ledger_make_close(l, &right, &bytes, &size) != MDL_OK)
        return mdl_ledger_no_memory(breach);
    const char *difference = first_difference(m, &right);
    if (difference)
        return mdl_ledger_break(breach, MDL_RULE_CLOSE, "generation %u closes with another %s than follows",
                                (unsigned)right.generation, difference);
    rule = mdl_ledger_blob(l, "fitness", m->fitness, &bytes, &size, breach);
    if (rule == MDL_RULE_OK && l->made_results.size > 0)
        rule = mdl_ledger_blob(l, "results", m->results_blob, &bytes, &size, breach);
    if (rule == MDL_RULE_OK)
        rule = mdl_ledger_keep_room(l, breach);
    if (rule != MDL_RULE_OK)
        return rule;

    mdl_ledger_keep(l);
    mdl_ledger_no_disputes(l);
    turn_leases(l);
    mdl_err err = mdl_evolution_advance(l->evolution, l->fitness, l->jobs);
    MDL_ASSERT(err == MDL_OK); /* it was for the other run */
    l->foreseen = 0;
    memcpy(l->before, l->after, sizeof l->before);
    memcpy(l->element, m->element, sizeof l->element);
    mdl_ledger_turn_credit(l, m->generation);
    mdl_ledger_begin_duty(l);
    l->credit_due = 1;
    return MDL_RULE_OK;
}

/* ---- champion and end ---- */

static int champion_is_due(const mdl_ledger *l) {
    return l->begun && mdl_evolution_done(l->evolution) && !l->credit_due && !l->crowned;
}

static void put_genome(void *ctx, const void *bytes, size_t size) {
    mdl_ledger_bytes *b = ctx;
    memcpy(b->at + b->size, bytes, size);
    b->size += size;
}

/* The champion's genome into l->made. */
static mdl_err champion_bytes(mdl_ledger *l, mdl_msg_champion *champion) {
    float *genome = calloc(l->genes, sizeof *genome);
    if (!genome || mdl_ledger_room(&l->made, 4 * (size_t)l->genes) != MDL_OK) {
        free(genome);
        return MDL_ENOMEM;
    }
    memset(champion, 0, sizeof *champion);
    mdl_err err = mdl_evolution_champion(l->evolution, UINT32_MAX, genome, &champion->island, &champion->generation,
                                         &champion->validation);
    MDL_ASSERT(err == MDL_OK); /* the last generation validates */
    mdl_sink sink = {put_genome, &l->made};
    l->made.size = 0;
    mdl_put_f32s(&sink, genome, l->genes);
    MDL_ASSERT(l->made.size == 4 * (size_t)l->genes);
    mdl_digest_of(l->made.at, l->made.size, champion->genome);
    free(genome);
    return MDL_OK;
}

mdl_err mdl_ledger_make_champion(mdl_ledger *l, mdl_msg_champion *champion, const uint8_t **genome,
                                 size_t *genome_size) {
    mdl_err err = champion_is_due(l) ? champion_bytes(l, champion) : MDL_EMISMATCH;
    if (err == MDL_OK) {
        *genome = l->made.at;
        *genome_size = l->made.size;
    }
    return err;
}

mdl_rule mdl_ledger_on_champion(mdl_ledger *l, const mdl_msg_champion *m, mdl_breach *breach) {
    mdl_msg_champion right;
    const uint8_t *bytes;
    size_t size;
    if (!champion_is_due(l))
        return mdl_ledger_break(breach, MDL_RULE_CHAMPION, "%s",
                                l->crowned ? "there is a champion already" : "generations are still to be closed");
    if (champion_bytes(l, &right) != MDL_OK)
        return mdl_ledger_no_memory(breach);
    if (m->generation != right.generation || m->island != right.island || m->validation != right.validation)
        return mdl_ledger_break(breach, MDL_RULE_CHAMPION,
                                "island %u of generation %u with %lld; it is island %u of generation %u with %lld",
                                (unsigned)m->island, (unsigned)m->generation, (long long)m->validation,
                                (unsigned)right.island, (unsigned)right.generation, (long long)right.validation);
    if (differs(m->genome, right.genome))
        return mdl_ledger_break(breach, MDL_RULE_CHAMPION, "the genome is not the one of the evolution's state");
    mdl_rule rule = mdl_ledger_blob(l, "genome", m->genome, &bytes, &size, breach);
    if (rule == MDL_RULE_OK)
        l->crowned = 1;
    return rule;
}

mdl_err mdl_ledger_make_end(mdl_ledger *l, mdl_msg_end *end) {
    mdl_msg_champion champion;
    if (!l->crowned || l->ended)
        return MDL_EMISMATCH;
    mdl_err err = champion_bytes(l, &champion);
    if (err != MDL_OK)
        return err;
    memset(end, 0, sizeof *end);
    end->generation = mdl_evolution_generation(l->evolution);
    memcpy(end->champion, champion.genome, sizeof end->champion);
    return MDL_OK;
}

mdl_rule mdl_ledger_on_end(mdl_ledger *l, const mdl_msg_end *m, mdl_breach *breach) {
    mdl_msg_end right;
    if (!l->crowned)
        return mdl_ledger_break(breach, MDL_RULE_END, "the end comes before the champion");
    if (mdl_ledger_make_end(l, &right) != MDL_OK)
        return mdl_ledger_no_memory(breach);
    if (m->generation != right.generation || differs(m->champion, right.champion))
        return mdl_ledger_break(breach, MDL_RULE_END, "the end names another champion or number of generations");
    l->ended = 1;
    return MDL_RULE_OK;
}
