#include "audit/verify_proof.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/verify_internal.h"
#include "core/genome.h"
#include "protocol/experiment_json.h"
#include "runtime/memory.h"

void mdl_verify_say(mdl_fraud_finding *out, mdl_fraud_verdict verdict, const char *format, ...) {
    va_list list;
    out->verdict = verdict;
    va_start(list, format);
    vsnprintf(out->text, sizeof out->text, format, list);
    va_end(list);
}

/* ---- a result computed again ---- */

static void let_go(mdl_again *g) {
    free(g->memory);
    free(g->life);
    free(g->prior);
    free(g->genome);
    free(g);
}

mdl_err mdl_verify_message(mdl_again *g, const mdl_fraud *f, mdl_fraud_field field, mdl_message *m) {
    size_t size;
    uint8_t *bytes = mdl_fraud_bytes(f, field, &size);
    const mdl_list_room room = {g->list, MDL_LIST_MAX};
    if (!bytes)
        return MDL_ENOMEM;
    mdl_err err = mdl_envelope_decode(bytes, size, g->pae, &g->envelope);
    if (err == MDL_OK)
        err = mdl_message_of(&g->envelope, room, m, NULL);
    free(bytes);
    return err;
}

/* The experiment whose SHA-256 the result carries, and memory for its evolution and a life. */
static mdl_err take_document(mdl_again *g, const mdl_fraud *f, mdl_fraud_finding *out) {
    size_t size;
    mdl_json_error json;
    mdl_genome_layout layout;
    uint8_t *bytes = mdl_fraud_bytes(f, MDL_FRAUD_DOCUMENT_FIELD, &size);
    if (!bytes)
        return MDL_ENOMEM;
    mdl_err err = mdl_experiment_parse(bytes, size, &g->x, &json);
    free(bytes);
    if (err == MDL_ENOMEM)
        return err;
    if (err != MDL_OK || memcmp(g->x.id, g->m.head.experiment, sizeof g->x.id) != 0) {
        mdl_verify_say(out, MDL_FRAUD_FALSE, "the experiment file in it is not the one that the record names");
        return MDL_ERANGE;
    }
    if (mdl_genome_layout_of(&g->x, &layout) != MDL_OK)
        return MDL_ERANGE;
    g->memory = mdl_aligned(mdl_evolution_bytes(&g->x.evolution, layout.genes));
    g->life = mdl_life_new(&g->x, NULL);
    g->prior = calloc(layout.genes, 2 * sizeof *g->prior);
    g->genome = calloc(layout.genes, sizeof *g->genome);
    if (!g->memory || !g->life || !g->prior || !g->genome)
        return MDL_ENOMEM;
    mdl_gene_prior prior = mdl_genome_search_prior(&g->x, &layout, g->prior);
    g->e = mdl_evolution_init(g->memory, &g->x.evolution, &prior);
    return MDL_OK;
}

/* The state that the log says the result's generation had. */
static mdl_err take_state(mdl_again *g, const mdl_fraud *f, mdl_fraud_finding *out) {
    mdl_message *closing = calloc(1, sizeof *closing);
    uint32_t generation = g->generation;
    size_t size;
    uint8_t *bytes = mdl_fraud_bytes(f, MDL_FRAUD_STATE_FIELD, &size), digest[MDL_DIGEST_BYTES];
    mdl_err err = closing && bytes ? MDL_OK : MDL_ENOMEM;
    if (err == MDL_OK)
        err = mdl_verify_message(g, f, MDL_FRAUD_CLOSE_FIELD, closing);
    if (err == MDL_OK)
        err = mdl_evolution_load(g->e, bytes, size);
    if (err == MDL_OK) {
        mdl_state_digest(g->e, digest);
        if (memcmp(digest, closing->as.close.after, sizeof digest) != 0 || mdl_evolution_generation(g->e) != generation)
            err = MDL_EDIGEST;
    }
    if (err != MDL_OK && err != MDL_ENOMEM)
        mdl_verify_say(out, MDL_FRAUD_FALSE, "the state in it is not the one that the closing names: %s",
                       mdl_strerror((int)err));
    free(bytes);
    free(closing);
    return err;
}

/* What the claim says of its jobs; its lists must not be reused meanwhile. */
typedef struct claim {
    mdl_i64_list fitness;
    mdl_segments segments; /* count 0: not known job by job */
    uint64_t updates;      /* their sum, where has_root     */
    int has_root;
    const uint8_t *root;
} claim;

static void claim_of_one(mdl_again *g, uint32_t generation, uint32_t job, int64_t fitness, uint64_t updates,
                         const uint8_t *segment, claim *out) {
    g->generation = generation;
    g->first = job;
    g->count = 1;
    g->one_fitness = fitness;
    mdl_segments_put(g->one_segment, 0, segment, updates);
    *out = (claim){.fitness = {1, &g->one_fitness}, .segments = {1, g->one_segment}};
}

static void claim_of(mdl_again *g, claim *out) {
    memset(out, 0, sizeof *out);
    switch ((int)g->m.type) {
    case MDL_MSG_CHECK: {
        const mdl_msg_check *m = &g->m.as.check;
        claim_of_one(g, m->generation, m->job, m->fitness, m->updates, m->segment, out);
        return;
    }
    case MDL_MSG_VERDICT: {
        const mdl_msg_verdict *m = &g->m.as.verdict;
        claim_of_one(g, m->generation, m->job, m->fitness, m->updates, m->segment, out);
        return;
    }
    case MDL_MSG_CORRECTION: {
        const mdl_msg_correction *m = &g->m.as.correction;
        g->generation = m->generation;
        g->first = m->first;
        g->count = m->count;
        *out = (claim){.fitness = m->fitness, .segments = m->segments};
        return;
    }
    case MDL_MSG_JUDGEMENT:
        g->generation = g->m.as.judgement.generation;
        return;
    case MDL_MSG_SHARDVERDICT:
        g->generation = g->m.as.shardverdict.generation;
        return;
    case MDL_MSG_JOINED:
        g->generation = g->m.as.joined.generation;
        return;
    default: { /* a result: mdl_fraud_verify() has looked */
        const mdl_msg_result *m = &g->m.as.result;
        g->generation = m->generation;
        g->first = m->first;
        g->count = m->count;
        *out = (claim){.fitness = m->fitness, .updates = m->updates, .has_root = 1, .root = m->root};
        return;
    }
    }
}

static void compute_jobs(mdl_again *g, const claim *c, uint64_t record, mdl_fraud_finding *out) {
    const char *what = mdl_message_name(g->m.type);
    uint8_t root[MDL_DIGEST_BYTES];
    uint64_t updates = 0;
    uint32_t jobs = mdl_evolution_job_count(g->e);
    if (g->count > MDL_UNIT_JOBS_MAX || g->first >= jobs || g->count > jobs - g->first) {
        mdl_verify_say(out, MDL_FRAUD_FALSE, "the %s is not for jobs of its generation", what);
        return;
    }
    for (uint32_t i = 0; i < g->count; i++) {
        mdl_unit_job(g->life, g->e, g->first + i, g->genome, NULL, &g->job[i]);
        updates += g->job[i].updates;
    }
    mdl_unit_root(g->job, g->count, root);
    for (uint32_t i = 0; i < g->count; i++)
        if (g->job[i].fitness != c->fitness.at[i]) {
            mdl_verify_say(out, MDL_FRAUD_PROVEN,
                           "this key signed record %" PRIu64 ", a %s: fitness %" PRId64 " for job %" PRIu32
                           " of generation %" PRIu32 "; computed again it is %" PRId64,
                           record, what, c->fitness.at[i], g->first + i, g->generation, g->job[i].fitness);
            return;
        }
    for (uint32_t i = 0; i < c->segments.count; i++) {
        uint8_t segment[MDL_DIGEST_BYTES];
        uint64_t said;
        mdl_segments_get(c->segments, i, segment, &said);
        if (said != g->job[i].updates || memcmp(segment, g->job[i].segment, sizeof segment) != 0) {
            mdl_verify_say(out, MDL_FRAUD_PROVEN,
                           "this key signed record %" PRIu64 ", a %s: %" PRIu64
                           " updates and a segment for job %" PRIu32 " of generation %" PRIu32
                           "; computed again it has %" PRIu64 " updates, and another segment or number",
                           record, what, said, g->first + i, g->generation, g->job[i].updates);
            return;
        }
    }
    if (c->has_root && updates != c->updates)
        mdl_verify_say(out, MDL_FRAUD_PROVEN,
                       "this key signed record %" PRIu64 ": %" PRIu64 " updates; computed again they are %" PRIu64,
                       record, c->updates, updates);
    else if (c->has_root && memcmp(root, c->root, sizeof root) != 0)
        mdl_verify_say(out, MDL_FRAUD_PROVEN,
                       "this key signed record %" PRIu64 ", whose root is not that of its jobs computed again", record);
    else
        mdl_verify_say(out, MDL_FRAUD_FALSE, "the %s of record %" PRIu64 " is right", what, record);
}

static mdl_err compute(mdl_again *g, const mdl_fraud *f, const claim *c, mdl_fraud_finding *out) {
    switch ((int)f->kind) {
    case MDL_FRAUD_JUDGEMENT:
        return mdl_verify_judgement(g, f, out);
    case MDL_FRAUD_SHARDVERDICT:
        return mdl_verify_shardverdict(g, f, out);
    case MDL_FRAUD_JOINED:
        return mdl_verify_joined(g, f, out);
    default:
        compute_jobs(g, c, out->record, out);
        return MDL_OK;
    }
}

/* The claim as it is in the file; its lists are the message's. */
static mdl_err take_claim(mdl_again *g, const mdl_fraud *f, claim *out) {
    mdl_err err = mdl_verify_message(g, f, MDL_FRAUD_RECORD_FIELD, &g->m);
    if (err == MDL_OK && mdl_message_shape(&g->m) != MDL_OK)
        err = MDL_EMISMATCH;
    if (err == MDL_OK)
        claim_of(g, out);
    return err;
}

static mdl_err check_computed(const mdl_fraud *f, mdl_fraud_finding *out) {
    claim c;
    mdl_again *g = calloc(1, sizeof *g);
    if (!g)
        return MDL_ENOMEM;
    mdl_err err = take_claim(g, f, &c);
    if (err == MDL_OK)
        err = take_document(g, f, out);
    if (err == MDL_OK && g->generation > 0) {
        err = take_state(g, f, out);
        if (err == MDL_OK) /* the closing has reused the lists */
            err = take_claim(g, f, &c);
    }
    if (err == MDL_OK)
        err = compute(g, f, &c, out);
    if (err != MDL_OK && err != MDL_ENOMEM && out->verdict == MDL_FRAUD_COMPUTE)
        mdl_verify_say(out, MDL_FRAUD_FALSE, "what it carries cannot be computed: %s", mdl_strerror((int)err));
    if (out->verdict != MDL_FRAUD_PROVEN)
        out->has_culprit = 0;
    let_go(g);
    return err == MDL_ENOMEM ? err : MDL_OK;
}

/* ---- what the ledger says ---- */

static mdl_err check_rule(const mdl_fraud *f, const mdl_vkey *log, const mdl_audit_source *source,
                          mdl_fraud_finding *out, char *error, size_t error_size) {
    mdl_audit_options o = {.log = *log, .threads = 1};
    mdl_audit_report *r = calloc(1, sizeof *r);
    uint64_t number = 0;
    if (!r)
        return MDL_ENOMEM;
    (void)mdl_text_decimal(f->field[MDL_FRAUD_NUMBER_FIELD], 999, &number);
    mdl_err err = mdl_audit_run(source, &o, r, error, error_size);
    if (err == MDL_OK) {
        mdl_verify_say(out, MDL_FRAUD_FALSE, "in the ledger record %" PRIu64 " does not break rule %" PRIu64,
                       out->record, number);
        for (uint32_t i = 0; i < r->findings; i++) {
            const mdl_audit_finding *k = &r->finding[i];
            if (k->record != out->record || k->rule != (int)number)
                continue;
            mdl_verify_say(out, MDL_FRAUD_PROVEN, "record %" PRIu64 " breaks rule %s: %s", out->record,
                           mdl_audit_rule_name(k->rule), k->text);
            out->has_culprit = k->has_culprit;
            memcpy(out->culprit, k->culprit, sizeof out->culprit);
        }
    }
    mdl_audit_report_free(r);
    free(r);
    return err;
}

static mdl_err check_withheld(const mdl_fraud *f, const mdl_vkey *log, const mdl_audit_source *source,
                              mdl_fraud_finding *out, char *error, size_t error_size) {
    uint8_t *blob = NULL, found[MDL_DIGEST_BYTES];
    size_t size, digest_size;
    uint8_t *digest = mdl_fraud_bytes(f, MDL_FRAUD_BLOB_FIELD, &digest_size);
    if (!digest)
        return MDL_ENOMEM;
    mdl_err err = source->blob(source->ctx, digest, &blob, &size, error, error_size);
    if (err == MDL_OK) {
        mdl_digest_of(blob, size, found);
        err = memcmp(found, digest, sizeof found) == 0 ? MDL_OK : MDL_EDIGEST;
    }
    free(blob);
    free(digest);
    if (err == MDL_EIO || err == MDL_ENOMEM)
        return err;
    if (err == MDL_OK) {
        mdl_verify_say(out, MDL_FRAUD_FALSE, "the blob is there, %zu bytes with this digest", size);
    } else {
        out->has_culprit = 1;
        memcpy(out->culprit, log->key, sizeof out->culprit);
        mdl_verify_say(out, MDL_FRAUD_PROVEN,
                       "the log %s signed for record %" PRIu64 " and does not give out the blob it names", log->name,
                       out->record);
    }
    return MDL_OK;
}

mdl_err mdl_verify_proof(const mdl_fraud *f, const mdl_vkey *log, const mdl_audit_source *source,
                         mdl_fraud_finding *out, char *error, size_t error_size) {
    mdl_vkey own;
    mdl_fraud_verify(f, log, out);
    if (out->verdict == MDL_FRAUD_NOMEM) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    if (out->verdict == MDL_FRAUD_COMPUTE)
        return check_computed(f, out);
    if (out->verdict != MDL_FRAUD_LEDGER || !source)
        return MDL_OK;
    mdl_err err = mdl_vkey_parse(f->field[MDL_FRAUD_LOG_FIELD], &own);
    if (err != MDL_OK)
        return err;
    return f->kind == MDL_FRAUD_RULE ? check_rule(f, &own, source, out, error, error_size)
                                     : check_withheld(f, &own, source, out, error, error_size);
}
