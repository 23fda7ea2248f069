/* Record 0: the experiment, and the state that it begins with. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/experiment_json.h"
#include "protocol/ledger_internal.h"
#include "protocol/ticket.h"
#include "protocol/unit.h"

mdl_err mdl_admission_parse(const char *text, mdl_admission *out) {
    static const char open[] = "open ";
    *out = (mdl_admission){MDL_ADMIT_OPEN, 0};
    if (strcmp(text, "list") == 0) {
        out->how = MDL_ADMIT_LIST;
        return MDL_OK;
    }
    if (strcmp(text, "invite") == 0) {
        out->how = MDL_ADMIT_INVITE;
        return MDL_OK;
    }
    if (strncmp(text, open, sizeof open - 1) != 0)
        return MDL_ESYNTAX;
    const char *digit = text + sizeof open - 1;
    size_t count = strlen(digit);
    if (count < 1 || count > 2 || (digit[0] == '0' && count > 1))
        return MDL_ESYNTAX;
    for (size_t i = 0; i < count; i++) {
        if (digit[i] < '0' || digit[i] > '9')
            return MDL_ESYNTAX;
        out->bits = out->bits * 10 + (uint32_t)(digit[i] - '0');
    }
    return out->bits <= MDL_TICKET_BITS_MAX ? MDL_OK : MDL_ESYNTAX;
}

static void *aligned(size_t size) { return size > SIZE_MAX - 64 ? NULL : aligned_alloc(64, (size + 63) / 64 * 64); }

static void drop(mdl_ledger *l) {
    free(l->prior);
    free(l->memory[0]);
    free(l->memory[1]);
    mdl_duty_free(l->duty);
    mdl_duty_free(l->scratch);
    free(l->check);
    free(l->fitness);
    l->prior = NULL;
    l->memory[0] = l->memory[1] = NULL;
    l->duty = l->scratch = NULL;
    l->check = NULL;
    l->fitness = NULL;
}

/* Memory for the experiment `x`. MDL_OK, or MDL_ENOMEM with nothing taken. */
static mdl_err take_memory(mdl_ledger *l, const mdl_experiment *x, uint32_t genes, uint32_t jobs_max) {
    size_t size = mdl_evolution_bytes(&x->evolution, genes);
    MDL_ASSERT(genes > 0 && jobs_max > 0); /* an experiment has an island at least */
    l->prior = calloc(genes, 2 * sizeof *l->prior);
    l->memory[0] = aligned(size);
    l->memory[1] = aligned(size);
    l->duty = mdl_duty_new(jobs_max);
    l->scratch = mdl_duty_new(jobs_max);
    l->check = calloc(jobs_max, sizeof *l->check);
    l->joined = calloc(jobs_max, sizeof *l->joined);
    l->fitness = calloc(jobs_max, sizeof *l->fitness);
    if (l->prior && l->memory[0] && l->memory[1] && l->duty && l->scratch && l->check && l->joined && l->fitness)
        return MDL_OK;
    drop(l);
    return MDL_ENOMEM;
}

mdl_rule mdl_ledger_on_genesis(mdl_ledger *l, const mdl_message *message, mdl_breach *breach) {
    const mdl_msg_genesis *m = &message->as.genesis;
    mdl_admission admission;
    if (m->version != MDL_PROTOCOL_VERSION)
        return mdl_ledger_break(breach, MDL_RULE_GENESIS, "protocol version %u; this program knows %d",
                                (unsigned)m->version, (int)MDL_PROTOCOL_VERSION);
    if (m->results != MDL_RESULTS)
        return mdl_ledger_break(breach, MDL_RULE_GENESIS, "Results version %u; this program computes %d",
                                (unsigned)m->results, (int)MDL_RESULTS);
    if (memcmp(m->coordinator, l->coordinator, sizeof m->coordinator) != 0)
        return mdl_ledger_break(breach, MDL_RULE_GENESIS, "the coordinator that it names did not sign it");
    if (mdl_admission_parse(m->admission, &admission) != MDL_OK)
        return mdl_ledger_break(breach, MDL_RULE_GENESIS,
                                "admission is \"%s\"; allowed are \"open <bits>\", \"list\" and \"invite\"",
                                m->admission);

    const uint8_t *document;
    size_t size;
    mdl_rule rule = mdl_ledger_blob(l, "document", m->document, &document, &size, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    mdl_json_error error;
    mdl_experiment x;
    mdl_err err = mdl_experiment_parse(document, size, &x, &error);
    if (err == MDL_ENOMEM)
        return mdl_ledger_no_memory(breach);
    if (err != MDL_OK)
        return mdl_ledger_break(breach, MDL_RULE_DOCUMENT, "the experiment file: %s", mdl_strerror((int)err));
    if (memcmp(x.id, message->head.experiment, sizeof x.id) != 0)
        return mdl_ledger_break(breach, MDL_RULE_DOCUMENT, "the record's experiment is not the SHA-256 of its file");
    if ((int)x.verification.used == mdl_ledger_all_zero(m->chain, sizeof m->chain))
        return mdl_ledger_break(breach, MDL_RULE_GENESIS, "%s",
                                x.verification.used ? "there is no hash chain, but the experiment asks for verification"
                                                    : "a hash chain where verification is off");

    mdl_genome_layout layout;
    int bad = mdl_genome_layout_of(&x, &layout);
    MDL_ASSERT(bad == MDL_OK); /* checked with the experiment */
    uint32_t jobs_max = x.evolution.islands;
    for (uint32_t i = 0; i < x.evolution.islands; i++)
        jobs_max += x.evolution.island[i].population;
    if (take_memory(l, &x, layout.genes, jobs_max) != MDL_OK)
        return mdl_ledger_no_memory(breach);

    l->begun = 1;
    l->genesis = *m;
    l->admission = admission;
    l->experiment = x;
    l->genes = layout.genes;
    l->jobs_max = jobs_max;
    mdl_gene_prior prior = mdl_genome_search_prior(&l->experiment, &layout, l->prior);
    l->evolution = mdl_evolution_init(l->memory[0], &l->experiment.evolution, &prior);
    l->ahead = mdl_evolution_init(l->memory[1], &l->experiment.evolution, &prior);
    mdl_state_digest(l->evolution, l->before);
    const mdl_verification_spec *v = &l->experiment.verification;
    if (v->used)
        l->rules = (mdl_duty_rules){v->floor_ppm, v->plant_ppm, v->selected, v->shared};
    memcpy(l->element, m->chain, sizeof l->element);
    l->published = 1;
    mdl_ledger_begin_duty(l);
    return MDL_RULE_OK;
}
