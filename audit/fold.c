/* Steps 2 and 3: signatures in parallel, then the fold, record by record. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "protocol/grow.h"
#include "protocol/unit.h"

enum { BATCH = 256 }; /* records whose signatures are checked side by side */

typedef struct entry {
    size_t at, size; /* in the batch's bytes */
    int verified, result, closing, judgement;
} entry;

typedef struct fold {
    mdl_audit *a;
    mdl_blobs blobs;
    uint8_t *blob; /* the last one given out */
    mdl_err blob_err;
    uint8_t blob_missing[MDL_DIGEST_BYTES]; /* the digest of blob_err */
    mdl_buffer bytes;
    mdl_sink sink;
    entry entry[BATCH];
    uint32_t count;
    uint64_t first; /* record of entry 0 */
    uint8_t *pae;   /* [threads][MDL_PAE_BYTES_MAX] */
    uint64_t list[MDL_LIST_MAX];
    int stopped; /* at a breach */
    int refused; /* options->dispute is no record to look into */
} fold;

static mdl_err get_blob(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size) {
    fold *f = ctx;
    const mdl_audit *a = f->a;
    free(f->blob);
    f->blob = NULL;
    mdl_err err = a->source->blob(a->source->ctx, digest, &f->blob, size, a->error, a->error_size);
    *bytes = f->blob;
    if (err == MDL_OK) {
        a->report->blobs++;
        a->report->blob_bytes += *size;
    } else {
        f->blob = NULL;
        f->blob_err = err;
        memcpy(f->blob_missing, digest, sizeof f->blob_missing);
    }
    return err;
}

/* ---- a batch ---- */

static void verify(void *shared, uint32_t thread, uint32_t index) {
    fold *f = shared;
    entry *e = &f->entry[index];
    mdl_envelope envelope;
    if (mdl_envelope_decode(f->bytes.bytes + e->at, e->size, f->pae + (size_t)thread * MDL_PAE_BYTES_MAX, &envelope) !=
        MDL_OK)
        return;
    e->verified = mdl_envelope_verify(&envelope) == MDL_OK;
    e->result = strcmp(envelope.name, mdl_message_name(MDL_MSG_RESULT)) == 0;
    e->closing = strcmp(envelope.name, mdl_message_name(MDL_MSG_CLOSE)) == 0;
    e->judgement = strcmp(envelope.name, mdl_message_name(MDL_MSG_JUDGEMENT)) == 0;
}

/* Envelope and message of a record that the fold has accepted, or of the genesis before it does. */
static mdl_err message_of(fold *f, const entry *e, mdl_envelope *envelope, mdl_message *m) {
    mdl_err err = mdl_envelope_decode(f->bytes.bytes + e->at, e->size, f->pae, envelope);
    return err == MDL_OK ? mdl_message_of(envelope, (mdl_list_room){f->list, MDL_LIST_MAX}, m, NULL) : err;
}

static mdl_err wrong_version(const mdl_audit *a, const char *what, uint32_t theirs, int ours) {
    snprintf(a->error, a->error_size,
             "the ledger is of %s version %" PRIu32 ", this program knows %d: audit it with the release that does",
             what, theirs, ours);
    return MDL_EMAGIC;
}

/* Record 0 says who the coordinator is; the log's signature vouches for that. */
static mdl_err begin(fold *f) {
    mdl_audit *a = f->a;
    mdl_envelope envelope;
    mdl_message m;
    if (message_of(f, &f->entry[0], &envelope, &m) == MDL_OK && m.type == MDL_MSG_GENESIS) {
        const mdl_msg_genesis *g = &m.as.genesis;
        if (g->version != MDL_PROTOCOL_VERSION)
            return wrong_version(a, "protocol", g->version, MDL_PROTOCOL_VERSION);
        if (g->results != MDL_RESULTS)
            return wrong_version(a, "Results", g->results, MDL_RESULTS);
        memcpy(a->report->coordinator, g->coordinator, sizeof a->report->coordinator);
        if (strcmp(g->origin, a->report->origin) != 0)
            mdl_audit_found(a, 0, MDL_AUDIT_ORIGIN, envelope.key, "the genesis names \"%s\", the log is \"%s\"",
                            g->origin, a->report->origin);
    }
    a->ledger = mdl_ledger_new(a->report->coordinator, &f->blobs);
    return a->ledger ? MDL_OK : MDL_ENOMEM;
}

/* The coordinator's own answers are claims like any other: checks are drawn as results are, verdicts always are. */
static mdl_err note_decision(fold *f, uint64_t index, const mdl_envelope *envelope, const mdl_message *m) {
    mdl_audit *a = f->a;
    mdl_msg_result claim;
    const uint8_t *segment;
    int64_t fitness;
    memset(&claim, 0, sizeof claim);
    claim.count = 1;
    if (m->type == MDL_MSG_JOINED) {
        a->report->results++;
        mdl_err err = a->rerun ? mdl_accusations_joined(a->accusations, &m->as.joined) : MDL_OK;
        if (err != MDL_OK || !a->rerun ||
            !mdl_audit_drawn(&a->report->root, a->options->seed, a->options->sample, index))
            return err;
        return mdl_rerun_add_joined(a->rerun, index, envelope->key, &m->as.joined);
    }
    if (m->type == MDL_MSG_SHARDVERDICT) {
        a->report->verdicts++;
        return a->rerun ? mdl_accusations_add(a, index, envelope->key, &m->as.shardverdict) : MDL_OK;
    }
    if (m->type == MDL_MSG_CHECK) {
        a->report->checks++;
        if (!a->rerun || !mdl_audit_drawn(&a->report->root, a->options->seed, a->options->sample, index))
            return MDL_OK;
        claim.first = m->as.check.job;
        claim.updates = m->as.check.updates;
        fitness = m->as.check.fitness;
        segment = m->as.check.segment;
    } else if (m->type == MDL_MSG_VERDICT) {
        a->report->verdicts++;
        if (!a->rerun)
            return MDL_OK;
        claim.first = m->as.verdict.job;
        claim.updates = m->as.verdict.updates;
        fitness = m->as.verdict.fitness;
        segment = m->as.verdict.segment;
    } else {
        return MDL_OK;
    }
    mdl_job_result job = {.fitness = fitness, .updates = claim.updates};
    memcpy(job.segment, segment, sizeof job.segment);
    mdl_unit_root(&job, 1, claim.root);
    claim.fitness = (mdl_i64_list){1, &fitness};
    return mdl_rerun_add(a->rerun, index, envelope->key, &claim);
}

static mdl_err note_closed(mdl_audit *a, uint64_t index, const mdl_envelope *envelope, const mdl_message *m) {
    if (m->type == MDL_MSG_CLOSE)
        return mdl_false_results_closed(a, index, &m->as.close);
    return m->type == MDL_MSG_CORRECTION ? mdl_false_results_corrected(a, index, envelope->key, &m->as.correction)
                                         : MDL_OK;
}

/* What the auditor notes of an accepted record. */
static mdl_err note_record(fold *f, const entry *e, uint64_t index) {
    mdl_audit *a = f->a;
    mdl_envelope envelope;
    mdl_message m;
    if (index == 0)
        a->report->unverified = !mdl_ledger_verifies(a->ledger);
    if (index == 0 && a->options->sample > 0) {
        a->rerun = mdl_rerun_new(a);
        return a->rerun ? MDL_OK : MDL_ENOMEM;
    }
    if (e->result) {
        a->report->results++;
        if (!mdl_audit_drawn(&a->report->root, a->options->seed, a->options->sample, index) || !a->rerun)
            return MDL_OK;
        mdl_err err = message_of(f, e, &envelope, &m);
        return err == MDL_OK ? mdl_rerun_add(a->rerun, index, envelope.key, &m.as.result) : err;
    }
    if (message_of(f, e, &envelope, &m) != MDL_OK)
        return MDL_OK;
    if (m.type == MDL_MSG_CHAMPION) {
        a->report->has_champion = 1;
        a->report->champion = m.as.champion;
    }
    mdl_err err = note_closed(a, index, &envelope, &m);
    return err == MDL_OK ? note_decision(f, index, &envelope, &m) : err;
}

static mdl_err apply(fold *f, const entry *e, uint64_t index) {
    mdl_audit *a = f->a;
    mdl_breach breach;
    static const uint8_t nobody[MDL_KEY_BYTES];
    int disputed = a->options->has_dispute && a->options->dispute == index && index > 0;
    mdl_envelope envelope;
    mdl_message m;
    if (disputed && message_of(f, e, &envelope, &m) == MDL_OK && !mdl_decision_note(a, index, &m)) {
        f->refused = 1;
        return MDL_ERANGE;
    }
    if (a->rerun && e->closing) {
        mdl_err err = mdl_rerun_go(a->rerun, index); /* closing moves the state on */
        if (err != MDL_OK)
            return err;
    }
    if (e->judgement && index > 0 && message_of(f, e, &envelope, &m) == MDL_OK) {
        mdl_err err = mdl_audit_judgement(a, index, envelope.key, &m.as.judgement);
        if (err != MDL_OK)
            return err;
    }
    f->blob_err = MDL_OK;
    mdl_rule rule = mdl_ledger_apply(a->ledger, f->bytes.bytes + e->at, e->size, e->verified, &breach);
    if (rule == MDL_RULE_NOMEM || f->blob_err == MDL_ENOMEM)
        return MDL_ENOMEM;
    if (mdl_audit_unreadable(f->blob_err))
        return f->blob_err;
    if (rule != MDL_RULE_OK) {
        f->stopped = 1;
        mdl_audit_found(a, index, (int)rule, memcmp(breach.culprit, nobody, sizeof nobody) ? breach.culprit : NULL,
                        "%s", breach.text);
        if (f->blob_err != MDL_OK)
            mdl_proofs_withheld(a, index, f->blob_missing);
        else
            mdl_proofs_rule(a, index, (int)rule);
        return MDL_OK;
    }
    a->report->applied++;
    if (e->closing)
        a->last_close = index;
    mdl_err err = note_record(f, e, index);
    return err == MDL_OK && disputed ? mdl_decision_settle(a) : err;
}

static mdl_err flush(fold *f) {
    mdl_audit *a = f->a;
    mdl_err err = MDL_OK;
    mdl_pool_run(a->pool, f->count, verify, f, NULL, NULL);
    if (f->first == 0 && f->count > 0)
        err = begin(f);
    for (uint32_t i = 0; i < f->count && err == MDL_OK && !f->stopped; i++) {
        a->report->signatures += (uint64_t)f->entry[i].verified;
        err = apply(f, &f->entry[i], f->first + i);
        if (!a->rerun)
            mdl_audit_progress(a, MDL_AUDIT_FOLD_STEP, (double)(f->first + i) / (double)a->records, "records applied");
    }
    f->first += f->count;
    f->count = 0;
    f->bytes.size = 0;
    return err;
}

/* ---- all records ---- */

static mdl_err on_record(void *ctx, uint64_t number, const uint8_t *bytes, size_t size) {
    fold *f = ctx;
    mdl_audit *a = f->a;
    mdl_hash leaf;
    mdl_merkle_leaf(bytes, size, &leaf);
    if (!mdl_hash_equal(&leaf, &a->leaf[number])) {
        snprintf(a->error, a->error_size, "record %" PRIu64 " was other bytes a moment ago", number);
        return MDL_EIO;
    }
    f->entry[f->count++] = (entry){.at = f->bytes.size, .size = size};
    mdl_put_bytes(&f->sink, bytes, size);
    if (f->bytes.failed)
        return MDL_ENOMEM;
    mdl_err err = f->count == BATCH ? flush(f) : MDL_OK;
    return err == MDL_OK && f->stopped ? MDL_ERANGE : err; /* ends the walk */
}

static mdl_err sum_up(mdl_audit *a) {
    mdl_audit_report *r = a->report;
    const mdl_ledger_worker *worker;
    if (!mdl_ledger_genesis(a->ledger))
        return MDL_OK;
    const mdl_experiment *x = mdl_ledger_experiment(a->ledger);
    snprintf(r->experiment, sizeof r->experiment, "%s", x->name);
    memcpy(r->experiment_id, x->id, sizeof r->experiment_id);
    r->generations = mdl_evolution_generation(mdl_ledger_evolution(a->ledger));
    r->generations_all = x->evolution.generations;
    r->ended = mdl_ledger_ended(a->ledger);
    r->confident = mdl_audit_confident(r->sample);
    uint32_t count = mdl_ledger_workers(a->ledger, &worker);
    r->credit = calloc(count ? count : 1, sizeof *r->credit);
    if (!r->credit)
        return MDL_ENOMEM;
    r->credits = count;
    for (uint32_t i = 0; i < count; i++) {
        mdl_audit_credit *c = &r->credit[i];
        *c = (mdl_audit_credit){.banned = worker[i].banned,
                                .convicted = worker[i].verdict,
                                .forfeited = worker[i].forfeited,
                                .reviewed = worker[i].reviewed,
                                .corrected = worker[i].corrected,
                                .updates = worker[i].credit,
                                .leases = worker[i].accepted};
        memcpy(c->key, worker[i].key, sizeof c->key);
        memcpy(c->owner, worker[i].owner, sizeof c->owner);
        memcpy(c->name, worker[i].name, sizeof c->name);
        r->credit_updates += worker[i].credit;
        r->corrected += worker[i].corrected;
    }
    return MDL_OK;
}

mdl_err mdl_audit_fold(mdl_audit *a) {
    fold *f = calloc(1, sizeof *f);
    if (!f)
        return MDL_ENOMEM;
    f->a = a;
    f->blobs = (mdl_blobs){get_blob, f};
    a->blobs = &f->blobs;
    a->lies = mdl_false_results_new();
    a->accusations = mdl_accusations_new();
    f->sink = mdl_buffer_sink(&f->bytes);
    f->pae = malloc((size_t)mdl_pool_threads(a->pool) * MDL_PAE_BYTES_MAX);
    mdl_err err = f->pae && a->lies && a->accusations ? MDL_OK : MDL_ENOMEM;
    if (err == MDL_OK)
        err = a->source->records(a->source->ctx, a->report->size, 0, a->records, on_record, f, a->error, a->error_size);
    if (f->stopped && err == MDL_ERANGE)
        err = MDL_OK;
    else if (err != MDL_OK && err != MDL_ENOMEM && err != MDL_EMAGIC && !f->refused)
        err = MDL_EIO; /* step 1 could read it */
    if (err == MDL_OK && f->count > 0)
        err = flush(f);
    if (err == MDL_OK && a->options->has_dispute && !a->report->dispute.settled && !f->stopped) {
        snprintf(a->error, a->error_size, "there is no verdict or check at record %" PRIu64 " of %" PRIu64,
                 a->options->dispute, a->records);
        err = MDL_ERANGE;
    }
    if (err == MDL_OK && a->rerun)
        err = mdl_rerun_go(a->rerun, a->records); /* of a generation that is open, or that broke a rule */
    if (err == MDL_OK && a->ledger)
        err = mdl_false_results_judge(a);
    if (err == MDL_OK)
        err = sum_up(a);
    mdl_audit_progress(a, MDL_AUDIT_FOLD_STEP, 1, "records applied");
    mdl_false_results_free(a->lies);
    a->lies = NULL;
    mdl_accusations_free(a->accusations);
    a->accusations = NULL;
    free(f->blob);
    free(f->pae);
    free(f->bytes.bytes);
    free(f);
    return err;
}
