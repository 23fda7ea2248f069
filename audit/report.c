/* The report, as JSON and for people. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "protocol/grow.h"

const char *mdl_audit_tier(const mdl_audit_report *r) {
    return r->quick ? "quick" : r->sample >= 1 ? "full" : r->sample > 0 ? "sample" : "rules";
}

const char *mdl_audit_confidence(const mdl_audit_report *r) {
    return r->quick ? "the log only ever grew, and its tiles are its records'; nothing follows about what they say"
           : r->sample >= 1 ? "certain: every result that was reached was computed again"
           : r->sample > 0
               ? "all that follows from the results follows; a wrong result is missed with probability 1 - sample"
               : "all that follows from the results follows: states, credit, champion; no result was computed again";
}

/* ---- JSON: cJSON returns NULL when out of memory, and takes NULL ---- */

static void add_hex(cJSON *o, const char *name, const uint8_t *bytes, size_t size, int *good) {
    char text[2 * 64 + 1];
    mdl_hex(bytes, size, text);
    *good &= cJSON_AddStringToObject(o, name, text) != NULL;
}

static void add_u64(cJSON *o, const char *name, uint64_t v, int *good) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, v);
    *good &= cJSON_AddStringToObject(o, name, text) != NULL;
}

static void add_count(cJSON *o, const char *name, uint64_t v, int *good) {
    *good &= cJSON_AddNumberToObject(o, name, (double)v) != NULL;
}

static void add_number(cJSON *o, const char *name, double v, int *good) {
    *good &= cJSON_AddNumberToObject(o, name, v) != NULL;
}

static void add_text(cJSON *o, const char *name, const char *v, int *good) {
    *good &= cJSON_AddStringToObject(o, name, v) != NULL;
}

static void add_bool(cJSON *o, const char *name, int v, int *good) {
    *good &= cJSON_AddBoolToObject(o, name, v != 0) != NULL;
}

static void add_finding(cJSON *list, const mdl_audit_finding *f, int *good) {
    cJSON *o = cJSON_CreateObject();
    *good &= o && cJSON_AddItemToArray(list, o);
    if (f->record == MDL_AUDIT_NO_RECORD)
        *good &= cJSON_AddNullToObject(o, "record") != NULL;
    else
        add_count(o, "record", f->record, good);
    add_count(o, "rule_number", (uint64_t)f->rule, good);
    add_text(o, "rule", mdl_audit_rule_name(f->rule), good);
    add_text(o, "sentence", mdl_audit_rule_sentence(f->rule), good);
    if (f->has_culprit)
        add_hex(o, "culprit", f->culprit, sizeof f->culprit, good);
    else
        *good &= cJSON_AddNullToObject(o, "culprit") != NULL;
    add_text(o, "who", f->who, good);
    add_text(o, "text", f->text, good);
}

static void add_champion(cJSON *root, const mdl_audit_report *r, int *good) {
    if (!r->has_champion) {
        *good &= cJSON_AddNullToObject(root, "champion") != NULL;
        return;
    }
    char validation[24];
    cJSON *o = cJSON_AddObjectToObject(root, "champion");
    *good &= o != NULL;
    snprintf(validation, sizeof validation, "%" PRId64, r->champion.validation);
    add_count(o, "island", r->champion.island, good);
    add_count(o, "generation", r->champion.generation, good);
    add_text(o, "validation", validation, good);
    add_hex(o, "genome", r->champion.genome, sizeof r->champion.genome, good);
}

static void add_credits(cJSON *root, const mdl_audit_report *r, int *good) {
    cJSON *list = cJSON_AddArrayToObject(root, "credits");
    *good &= list != NULL;
    for (uint32_t i = 0; i < r->credits && *good; i++) {
        const mdl_audit_credit *c = &r->credit[i];
        cJSON *o = cJSON_CreateObject();
        *good &= o && cJSON_AddItemToArray(list, o);
        add_hex(o, "key", c->key, sizeof c->key, good);
        add_hex(o, "owner", c->owner, sizeof c->owner, good);
        add_text(o, "name", c->name, good);
        add_u64(o, "updates", c->updates, good);
        add_count(o, "leases", c->leases, good);
        add_bool(o, "banned", c->banned != 0, good);
        add_count(o, "convicted", c->convicted, good);
        add_u64(o, "forfeited", c->forfeited, good);
        add_count(o, "reviewed", c->reviewed, good);
        add_count(o, "corrected", c->corrected, good);
    }
}

static void add_dispute(cJSON *root, const mdl_audit_dispute *d, int *good) {
    char fitness[24];
    cJSON *o = cJSON_AddObjectToObject(root, "dispute");
    cJSON *list = cJSON_AddArrayToObject(o, "answers");
    *good &= o && list;
    snprintf(fitness, sizeof fitness, "%" PRId64, d->fitness);
    add_count(o, "record", d->record, good);
    add_text(o, "type", d->verdict ? "verdict" : "check", good);
    add_count(o, "generation", d->generation, good);
    add_count(o, "job", d->job, good);
    add_text(o, "fitness", fitness, good);
    add_u64(o, "updates", d->updates, good);
    add_hex(o, "segment", d->segment, sizeof d->segment, good);
    for (uint32_t i = 0; i < d->answers && *good; i++) {
        const mdl_audit_answer *a = &d->answer[i];
        cJSON *said = cJSON_CreateObject();
        *good &= said && cJSON_AddItemToArray(list, said);
        snprintf(fitness, sizeof fitness, "%" PRId64, a->fitness);
        add_bool(said, "right", a->right, good);
        add_bool(said, "convicted", a->convicted, good);
        add_count(said, "record", a->record, good);
        add_text(said, "who", a->worker ? "worker" : "coordinator", good);
        add_hex(said, "key", a->key, sizeof a->key, good);
        add_text(said, "name", a->name, good);
        add_text(said, "fitness", fitness, good);
        add_u64(said, "updates", a->updates, good);
        add_hex(said, "segment", a->segment, sizeof a->segment, good);
    }
}

char *mdl_audit_json(const mdl_audit_report *r) {
    int good = 1;
    cJSON *root = cJSON_CreateObject();
    good &= root != NULL;
    add_bool(root, "ok", r->findings == 0, &good);
    cJSON *o = cJSON_AddObjectToObject(root, "checkpoint");
    add_text(o, "origin", r->origin, &good);
    add_count(o, "size", r->size, &good);
    add_hex(o, "root", r->root.bytes, sizeof r->root.bytes, &good);
    add_count(o, "compared", r->checkpoints, &good);
    add_count(o, "tiles", r->tiles, &good);
    add_number(o, "seconds", r->seconds[MDL_AUDIT_TREE_STEP], &good);
    o = cJSON_AddObjectToObject(root, "experiment");
    add_text(o, "name", r->experiment, &good);
    add_hex(o, "id", r->experiment_id, sizeof r->experiment_id, &good);
    add_hex(root, "coordinator", r->coordinator, sizeof r->coordinator, &good);
    add_count(root, "records", r->applied, &good);
    add_count(root, "signatures", r->signatures, &good);
    add_count(root, "results", r->results, &good);
    add_count(root, "checks", r->checks, &good);
    add_count(root, "verdicts", r->verdicts, &good);
    add_count(root, "judgements", r->judgements, &good);
    add_count(root, "corrections", r->corrections, &good);
    add_count(root, "corrected", r->corrected, &good);
    add_count(root, "blobs", r->blobs, &good);
    add_u64(root, "blob_bytes", r->blob_bytes, &good);
    add_count(root, "generations", r->generations, &good);
    add_count(root, "generations_all", r->generations_all, &good);
    add_bool(root, "ended", r->ended, &good);
    add_number(root, "seconds", r->seconds[MDL_AUDIT_FOLD_STEP] - r->rerun_seconds, &good);
    add_champion(root, r, &good);
    add_credits(root, r, &good);
    add_u64(root, "credit_updates", r->credit_updates, &good);
    o = cJSON_AddObjectToObject(root, "reexecuted");
    add_count(o, "units", r->units, &good);
    add_count(o, "jobs", r->jobs, &good);
    add_u64(o, "updates", r->updates, &good);
    add_count(o, "wrong", r->wrong, &good);
    add_number(o, "seconds", r->rerun_seconds, &good);
    if (r->has_policy) {
        o = cJSON_AddObjectToObject(root, "witnesses");
        add_count(o, "of", r->witnesses, &good);
        add_count(o, "cosigned", r->cosigned, &good);
        add_count(o, "size", r->witnessed_size, &good);
        add_bool(o, "quorum", r->quorum, &good);
    }
    o = cJSON_AddObjectToObject(root, "receipts");
    add_count(o, "checked", r->receipts, &good);
    add_count(o, "not_published_yet", r->receipts_ahead, &good);
    add_count(o, "of_other_logs", r->receipts_other, &good);
    add_count(root, "checkpoints_ahead", r->ahead, &good);
    add_count(root, "proofs", r->proofs, &good);
    if (r->dispute.settled)
        add_dispute(root, &r->dispute, &good);
    add_text(root, "tier", mdl_audit_tier(r), &good);
    o = cJSON_AddObjectToObject(root, "confidence");
    add_text(o, "text", mdl_audit_confidence(r), &good);
    add_number(o, "sample", r->sample, &good);
    add_u64(o, "seed", r->seed, &good);
    add_count(o, "wrong_results_found_with_99_percent", r->confident, &good);
    cJSON *list = cJSON_AddArrayToObject(root, "findings");
    good &= list != NULL;
    for (uint32_t i = 0; i < r->findings && good; i++)
        add_finding(list, &r->finding[i], &good);
    add_count(root, "more_findings", r->more, &good);
    list = cJSON_AddArrayToObject(root, "notes");
    good &= list != NULL;
    for (uint32_t i = 0; i < r->notes && good; i++)
        add_finding(list, &r->note[i], &good);
    add_count(root, "more_notes", r->more_notes, &good);
    char *text = good ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    return text;
}

/* ---- for people ---- */

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
say(mdl_buffer *b, const char *format, ...) {
    char line[1600];
    mdl_sink sink = mdl_buffer_sink(b);
    va_list list;
    va_start(list, format);
    int n = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (n > 0)
        mdl_put_bytes(&sink, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static void say_steps(mdl_buffer *b, const mdl_audit_report *r) {
    char root[2 * MDL_HASH_BYTES + 1];
    mdl_hex(r->root.bytes, sizeof r->root.bytes, root);
    say(b, "log         %s, %" PRIu64 " records\nroot        %s\n", r->origin, r->size, root);
    say(b, "tree        %" PRIu64 " records hashed, %" PRIu64 " checkpoints and %" PRIu64 " tiles compared, %.2f s\n",
        r->records, r->checkpoints, r->tiles, r->seconds[MDL_AUDIT_TREE_STEP]);
    if (r->has_policy)
        say(b, "witnesses   %" PRIu32 " of %" PRIu32 " cosigned size %" PRIu64 ": %s\n", r->cosigned, r->witnesses,
            r->witnessed_size, r->quorum ? "the policy's quorum" : "NO quorum");
    if (r->ahead > 0)
        say(b,
            "ahead       %" PRIu32 " checkpoints from elsewhere are of more records than are shown: ask again later\n",
            r->ahead);
    if (r->receipts + r->receipts_other > 0)
        say(b, "receipts    %" PRIu64 " of this log, %" PRIu64 " of them not published yet; %" PRIu64 " of others\n",
            r->receipts, r->receipts_ahead, r->receipts_other);
    if (r->proofs + r->proofs_failed > 0)
        say(b, "proofs      %" PRIu32 " written, %" PRIu32 " could not be\n", r->proofs, r->proofs_failed);
    if (r->quick) {
        say(b, "confidence  %s\n", mdl_audit_confidence(r));
        return;
    }
    say(b, "records     %" PRIu64 " signatures good, %" PRIu64 " records follow the rules, %.2f s\n", r->signatures,
        r->applied, r->seconds[MDL_AUDIT_FOLD_STEP] - r->rerun_seconds);
    say(b, "derived     %" PRIu32 " of %" PRIu32 " generations, %" PRIu64 " blobs of %" PRIu64 " bytes, %s\n",
        r->generations, r->generations_all, r->blobs, r->blob_bytes,
        r->ended ? "ended" : "not ended: more records may follow");
    if (r->unverified)
        say(b, "unverified  the experiment asks for NO VERIFICATION: results were believed as they came\n");
    else
        say(b,
            "verified    %" PRIu64 " checks and %" PRIu64 " verdicts of the coordinator; %" PRIu64
            " units of convicts done again, %" PRIu64 " of them wrong\n",
            r->checks, r->verdicts, r->corrections, r->corrected);
    say(b, "recomputed  %" PRIu64 " of %" PRIu64 " results, %" PRIu64 " jobs, %" PRIu64 " synapse updates, %.2f s\n",
        r->units, r->results, r->jobs, r->updates, r->rerun_seconds);
    if (r->sample > 0 && r->sample < 1)
        say(b,
            "confidence  each result was drawn with probability %g (seed %" PRIu64 "): of w wrong ones all are missed "
            "with (1 - %g)^w, below 1 %% from w = %" PRIu64 "\n",
            r->sample, r->seed, r->sample, r->confident);
    else
        say(b, "confidence  %s\n", mdl_audit_confidence(r));
}

static void say_dispute(mdl_buffer *b, const mdl_audit_dispute *d) {
    char hex[MDL_DIGEST_HEX];
    mdl_hex(d->segment, sizeof d->segment, hex);
    say(b, "dispute     record %" PRIu64 ": %s on job %" PRIu32 " of generation %" PRIu32 "\n", d->record,
        d->verdict ? "verdict" : "check", d->job, d->generation);
    say(b, "            computed again: fitness %" PRId64 ", %" PRIu64 " updates, segment %.16s\n", d->fitness,
        d->updates, hex);
    for (uint32_t i = 0; i < d->answers; i++) {
        const mdl_audit_answer *a = &d->answer[i];
        char who[96] = "the coordinator", key[2 * MDL_KEY_BYTES + 1];
        mdl_hex(a->segment, sizeof a->segment, hex);
        mdl_hex(a->key, sizeof a->key, key);
        if (a->worker)
            snprintf(who, sizeof who, "worker %.16s %s", key, a->name);
        say(b, "            %s: fitness %" PRId64 ", %" PRIu64 " updates, segment %.16s, record %" PRIu64 ", %s%s\n",
            a->right ? "right" : "WRONG", a->fitness, a->updates, hex, a->record, who,
            a->convicted ? ", convicted" : "");
    }
}

static void say_findings(mdl_buffer *b, const mdl_audit_report *r) {
    for (uint32_t i = 0; i < r->findings; i++) {
        const mdl_audit_finding *f = &r->finding[i];
        char place[48] = "", key[2 * MDL_KEY_BYTES + 1];
        if (f->record != MDL_AUDIT_NO_RECORD)
            snprintf(place, sizeof place, "record %" PRIu64 ", ", f->record);
        say(b, "FALSE       %srule %s: %s\n            the rule: %s\n", place, mdl_audit_rule_name(f->rule), f->text,
            mdl_audit_rule_sentence(f->rule));
        if (f->has_culprit) {
            mdl_hex(f->culprit, sizeof f->culprit, key);
            say(b, "            signed by %s, key %s\n", f->who, key);
        }
    }
    if (r->more > 0)
        say(b, "FALSE       and %" PRIu32 " more\n", r->more);
}

static void say_notes(mdl_buffer *b, const mdl_audit_report *r) {
    for (uint32_t i = 0; i < r->notes; i++) {
        const mdl_audit_finding *f = &r->note[i];
        char key[2 * MDL_KEY_BYTES + 1];
        mdl_hex(f->culprit, sizeof f->culprit, key);
        say(b, "note        record %" PRIu64 ", %s\n            signed by %s, key %s\n", f->record, f->text, f->who,
            key);
    }
    if (r->more_notes > 0)
        say(b, "note        and %" PRIu32 " more\n", r->more_notes);
}

char *mdl_audit_text(const mdl_audit_report *r) {
    mdl_buffer b = {0};
    char key[2 * MDL_KEY_BYTES + 1], genome[MDL_DIGEST_HEX];
    say_steps(&b, r);
    if (r->has_champion) {
        mdl_hex(r->champion.genome, sizeof r->champion.genome, genome);
        say(&b, "champion    island %" PRIu32 " of generation %" PRIu32 ", validation %" PRId64 ", genome %s\n",
            r->champion.island, r->champion.generation, r->champion.validation, genome);
    }
    for (uint32_t i = 0; i < r->credits; i++) {
        const mdl_audit_credit *c = &r->credit[i];
        mdl_hex(c->key, sizeof c->key, key);
        say(&b, "credit      %20" PRIu64 " updates, %" PRIu64 " leases, %.16s %s%s\n", c->updates, c->leases, key,
            c->name,
            c->convicted ? ""
            : c->banned  ? " (banned)"
                         : "");
        if (c->convicted)
            say(&b, "convicted   %.16s by record %" PRIu64 "; %" PRIu64 " updates forfeited\n", key, c->convicted,
                c->forfeited);
    }
    if (r->dispute.settled)
        say_dispute(&b, &r->dispute);
    say_notes(&b, r);
    say_findings(&b, r);
    if (r->findings == 0)
        say(&b, "ok          nothing false was found\n");
    else
        say(&b, "NOT OK      %" PRIu32 " falsehoods\n", r->findings + r->more);
    mdl_sink sink = mdl_buffer_sink(&b);
    mdl_put_u8(&sink, 0);
    if (b.failed) {
        free(b.bytes);
        return NULL;
    }
    return (char *)b.bytes;
}
