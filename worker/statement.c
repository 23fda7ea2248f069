#include "worker/statement.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/digest.h"
#include "protocol/grow.h"
#include "protocol/tlog_proof.h"
#include "runtime/file.h"
#include "worker/statement_internal.h"

enum { LOG_MAX = 1 << 30, PATH_CHARS = 4096 };

const char *mdl_earned_name(mdl_earned state) {
    static const char *const name[] = {"pending", "paid", "stale", "rejected", "taken_back"};
    return name[state];
}

/* ---- lines ---- */

mdl_statement_line *mdl_statement_new_line(mdl_statement *s) {
    if (!mdl_list_grow(&s->line, &s->room, s->count + 1, sizeof *s->line))
        return NULL;
    mdl_statement_line *l = &s->line[s->count++];
    memset(l, 0, sizeof *l);
    return l;
}

int mdl_statement_compare(const void *a, const void *b) {
    const mdl_statement_line *x = a, *y = b;
    int order = memcmp(x->experiment, y->experiment, sizeof x->experiment);
    if (order == 0)
        order = memcmp(x->coordinator, y->coordinator, sizeof x->coordinator);
    if (order == 0)
        order = x->lease < y->lease ? -1 : x->lease > y->lease;
    return order;
}

/* A result may have been told twice: a receipt beats what came before. */
static int compare_settled(const void *a, const void *b) {
    const mdl_statement_line *x = a, *y = b;
    int order = mdl_statement_compare(a, b);
    if (order == 0)
        order = y->recorded - x->recorded;
    return order != 0 ? order : x->time_ms < y->time_ms ? -1 : x->time_ms > y->time_ms;
}

static void drop_repeats(mdl_statement *s) {
    size_t kept = 0;
    if (s->count == 0)
        return;
    qsort(s->line, s->count, sizeof *s->line, compare_settled);
    for (size_t i = 1; i < s->count; i++) {
        if (mdl_statement_compare(&s->line[kept], &s->line[i]) != 0)
            s->line[++kept] = s->line[i];
    }
    s->count = kept + 1;
}

/* ---- the log ---- */

static int take_hex(const cJSON *o, const char *name, uint8_t out[32]) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(v) && strlen(v->valuestring) == 64 && mdl_unhex(v->valuestring, out, 32) == MDL_OK;
}

static int take_u64(const cJSON *o, const char *name, uint64_t *out) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(v) && mdl_text_decimal(mdl_text_of(v->valuestring), UINT64_MAX, out) == MDL_OK;
}

static int take_u32(const cJSON *o, const char *name, uint32_t *out) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0 && v->valuedouble <= UINT32_MAX))
        return 0;
    *out = (uint32_t)v->valuedouble;
    return 1;
}

static int take_line(const cJSON *o, mdl_statement_line *l) {
    const cJSON *state = cJSON_GetObjectItemCaseSensitive(o, "state");
    const cJSON *reason = cJSON_GetObjectItemCaseSensitive(o, "reason");
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(o, "text");
    if (!take_hex(o, "experiment", l->experiment) || !take_hex(o, "coordinator", l->coordinator) ||
        !take_u64(o, "time_ms", &l->time_ms) || !take_u64(o, "lease", &l->lease) ||
        !take_u64(o, "updates", &l->updates) || !take_u32(o, "generation", &l->generation) ||
        !take_u32(o, "first", &l->first) || !take_u32(o, "jobs", &l->jobs) || !cJSON_IsString(state))
        return 0;
    if (strcmp(state->valuestring, "accepted") == 0) {
        l->state = MDL_EARNED_PENDING;
        l->recorded = 1;
        return take_u64(o, "record", &l->record);
    }
    l->state = strcmp(state->valuestring, "stale") == 0 ? MDL_EARNED_STALE : MDL_EARNED_REJECTED;
    snprintf(l->why, sizeof l->why, "%s: %s", cJSON_IsString(reason) ? reason->valuestring : "",
             cJSON_IsString(text) ? text->valuestring : "");
    return 1;
}

static mdl_err take_log(mdl_statement *s, const char *text, size_t size) {
    const char *end = text + size;
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((stop ? stop : end) - text);
        if (length > 0) {
            cJSON *o = cJSON_ParseWithLength(text, length);
            mdl_statement_line l;
            memset(&l, 0, sizeof l);
            if (o && take_line(o, &l)) {
                mdl_statement_line *place = mdl_statement_new_line(s);
                if (!place) {
                    cJSON_Delete(o);
                    return MDL_ENOMEM;
                }
                *place = l;
            } else {
                s->damaged++;
            }
            cJSON_Delete(o);
        }
        text += length + 1;
    }
    return MDL_OK;
}

mdl_err mdl_statement_parse(mdl_statement *s, const char *log, size_t size) {
    memset(s, 0, sizeof *s);
    mdl_err err = take_log(s, log, size);
    if (err == MDL_OK)
        drop_repeats(s);
    return err;
}

/* ---- proofs ---- */

static int read_small(const char *path, size_t limit, uint8_t **bytes, size_t *size) {
    char ignored[PATH_CHARS + 200];
    return mdl_file_read(path, limit, bytes, size, ignored, sizeof ignored) == MDL_OK;
}

static int read_vkey(const char *folder, mdl_vkey *vkey) {
    char path[PATH_CHARS];
    uint8_t *bytes = NULL;
    size_t size;
    if ((size_t)snprintf(path, sizeof path, "%s/vkey", folder) >= sizeof path ||
        !read_small(path, MDL_VKEY_TEXT_MAX, &bytes, &size))
        return 0;
    int good =
        size > 0 && bytes[size - 1] == '\n' && mdl_vkey_parse((mdl_text){(char *)bytes, size - 1}, vkey) == MDL_OK;
    free(bytes);
    return good;
}

/* Who signed the envelope, and its leaf hash. */
static int read_envelope(mdl_statement_line *l, const char *path) {
    uint8_t *bytes = NULL, *buffer;
    size_t size;
    mdl_envelope e;
    if (!read_small(path, MDL_ENVELOPE_BYTES_MAX, &bytes, &size))
        return 0;
    buffer = malloc(size + 1);
    int good = buffer && mdl_envelope_decode(bytes, size, buffer, &e) == MDL_OK && mdl_envelope_verify(&e) == MDL_OK;
    if (good) {
        memcpy(l->worker, e.key, sizeof l->worker);
        mdl_merkle_leaf(bytes, size, &l->leaf);
    }
    free(buffer);
    free(bytes);
    return good;
}

static void prove(mdl_statement_line *l, const char *data) {
    char experiment[65], coordinator[65], path[PATH_CHARS];
    uint8_t *bytes = NULL;
    size_t size;
    mdl_log_policy policy;
    mdl_tlog_proof proof;
    memset(&policy, 0, sizeof policy);
    mdl_hex(l->experiment, 32, experiment);
    mdl_hex(l->coordinator, 32, coordinator);
    snprintf(path, sizeof path, "%s/receipts/%s-%s", data, experiment, coordinator);
    int has_vkey = read_vkey(path, &policy.log);
    snprintf(path, sizeof path, "%s/receipts/%s-%s/%" PRIu64 ".envelope", data, experiment, coordinator, l->lease);
    int has_envelope = read_envelope(l, path);
    if (!l->recorded)
        return;
    snprintf(l->proof, sizeof l->proof, "receipts/%s-%s/%" PRIu64 ".tlog-proof", experiment, coordinator, l->lease);
    snprintf(path, sizeof path, "%s/%s", data, l->proof);
    if (has_vkey && has_envelope && read_small(path, MDL_TLOG_PROOF_MAX, &bytes, &size)) {
        l->proved = mdl_tlog_proof_parse((mdl_text){(char *)bytes, size}, &proof) == MDL_OK &&
                    proof.index == l->record && mdl_tlog_proof_verify(&proof, &l->leaf, &policy, NULL, NULL) == MDL_OK;
        free(bytes);
    }
    if (!l->proved)
        snprintf(l->why, sizeof l->why, "the proof is missing or does not verify");
}

mdl_err mdl_statement_read(mdl_statement *s, const char *data, char *error, size_t error_size) {
    char path[PATH_CHARS];
    uint8_t *bytes = NULL;
    size_t size;
    memset(s, 0, sizeof *s);
    if ((size_t)snprintf(path, sizeof path, "%s/receipts/log.jsonl", data) >= sizeof path - 200) {
        snprintf(error, error_size, "the data directory's path is too long");
        return MDL_ESIZE;
    }
    mdl_err err = mdl_file_read(path, LOG_MAX, &bytes, &size, error, error_size);
    if (err == MDL_ENOENT)
        return MDL_OK;
    if (err != MDL_OK)
        return err;
    err = mdl_statement_parse(s, (const char *)bytes, size);
    free(bytes);
    if (err != MDL_OK) {
        snprintf(error, error_size, "out of memory");
        mdl_statement_close(s);
        return err;
    }
    for (size_t i = 0; i < s->count; i++)
        prove(&s->line[i], data);
    return MDL_OK;
}

void mdl_statement_close(mdl_statement *s) {
    free(s->line);
    memset(s, 0, sizeof *s);
}

void mdl_statement_add(const mdl_statement *s, mdl_statement_totals *out) {
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < s->count; i++) {
        const mdl_statement_line *l = &s->line[i];
        out->results[l->state]++;
        out->updates[l->state] += l->updates;
        out->proved += (uint64_t)(l->recorded && l->proved);
        out->unproved += (uint64_t)(l->recorded && !l->proved);
    }
}
