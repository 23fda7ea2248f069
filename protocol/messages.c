#include "protocol/messages.h"

#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/reason.h"

/* Each message has a function with its table; `this_message` is its struct. The
 * empty last row makes a table of ping, which has no fields. */
#define ROW(kind, name, lo, hi, text) {#name, MDL_KIND_##kind, offsetof(this_message, name), lo, hi, text},
#define M(name, NAME, role, text)                                                                                      \
    static const mdl_field *name##_fields(size_t *count) {                                                             \
        typedef mdl_msg_##name this_message;                                                                           \
        static const mdl_field rows[] = {MDL_FIELDS_##NAME(ROW){0}};                                                   \
        (void)sizeof(this_message); /* a use where there are no rows */                                                \
        *count = sizeof rows / sizeof rows[0] - 1;                                                                     \
        return rows;                                                                                                   \
    }
MDL_MESSAGES(M)
#undef M

const mdl_field *mdl_head_fields(size_t *count) {
    typedef mdl_head this_message;
    static const mdl_field rows[] = {MDL_FIELDS_HEAD(ROW)};
    *count = sizeof rows / sizeof rows[0];
    return rows;
}

typedef struct message_row {
    const char *name, *text;
    mdl_role role;
    const mdl_field *(*fields)(size_t *count);
} message_row;

static const message_row messages[MDL_MSG_COUNT] = {
#define M(name, NAME, role, text) {#name, text, MDL_ROLE_##role, name##_fields},
    MDL_MESSAGES(M)
#undef M
};

const char *mdl_message_name(unsigned type) { return type < MDL_MSG_COUNT ? messages[type].name : NULL; }

mdl_role mdl_message_role(mdl_message_type type) {
    MDL_ASSERT((unsigned)type < MDL_MSG_COUNT);
    return messages[type].role;
}

mdl_err mdl_message_type_of(const char *name, mdl_message_type *out) {
    for (unsigned i = 0; i < MDL_MSG_COUNT; i++) {
        if (strcmp(name, messages[i].name) == 0) {
            *out = (mdl_message_type)i;
            return MDL_OK;
        }
    }
    return MDL_ENOENT;
}

const mdl_field *mdl_message_fields(mdl_message_type type, size_t *count) {
    MDL_ASSERT((unsigned)type < MDL_MSG_COUNT);
    return messages[type].fields(count);
}

const void *mdl_message_body(const mdl_message *m) { return &m->as; }

mdl_err mdl_message_encode(const mdl_message *m, uint8_t *out, size_t capacity, size_t *out_size,
                           const mdl_field **fault) {
    mdl_print p = {out, out + capacity, 0};
    size_t count;
    const mdl_field *rows = mdl_head_fields(&count);
    mdl_print_literal(&p, "{");
    mdl_err err = mdl_fields_encode(rows, count, &m->head, &p, fault);
    rows = mdl_message_fields(m->type, &count);
    if (err == MDL_OK && count > 0) {
        mdl_print_literal(&p, ",");
        err = mdl_fields_encode(rows, count, mdl_message_body(m), &p, fault);
    }
    mdl_print_literal(&p, "}");
    if (err != MDL_OK) {
        return err;
    }
    *out_size = (size_t)(p.at - out);
    return p.full ? MDL_ESIZE : MDL_OK;
}

mdl_err mdl_message_decode(mdl_message_type type, const uint8_t *payload, size_t size, mdl_list_room room,
                           mdl_message *out, const mdl_field **fault) {
    mdl_scan in = {payload, payload + size};
    size_t count;
    const mdl_field *rows = mdl_head_fields(&count);
    if (fault) {
        *fault = NULL;
    }
    memset(out, 0, sizeof *out);
    out->type = type;
    if (!mdl_scan_char(&in, '{')) {
        return MDL_ESYNTAX;
    }
    mdl_err err = mdl_fields_decode(rows, count, &in, &out->head, room, fault);
    rows = mdl_message_fields(type, &count);
    if (err == MDL_OK && count > 0) {
        if (!mdl_scan_char(&in, ',')) {
            return MDL_ESYNTAX;
        }
        err = mdl_fields_decode(rows, count, &in, &out->as, room, fault);
    }
    if (err != MDL_OK) {
        return err;
    }
    if (mdl_scan_peek(&in) == ',') {
        return MDL_EKEY;
    }
    return mdl_scan_char(&in, '}') && in.at == in.end ? MDL_OK : MDL_ESYNTAX;
}

mdl_err mdl_message_of(const mdl_envelope *e, mdl_list_room room, mdl_message *out, const mdl_field **fault) {
    mdl_message_type type;
    if (fault) {
        *fault = NULL;
    }
    mdl_err err = mdl_message_type_of(e->name, &type);
    return err == MDL_OK ? mdl_message_decode(type, e->payload, e->payload_size, room, out, fault) : err;
}

static int is_zero(const uint8_t digest[MDL_DIGEST_BYTES]) {
    static const uint8_t zero[MDL_DIGEST_BYTES];
    return memcmp(digest, zero, sizeof zero) == 0;
}

/* Jobs first .. first + count - 1 have numbers of 32 bits. */
static int is_range(uint32_t first, uint32_t count) { return count - 1 <= UINT32_MAX - first; }

/* Only "run" carries steps and asks for a state; only "begin again" names one. */
static int is_step(const mdl_msg_step *s) {
    int run = s->what == MDL_STEP_RUN;
    return (s->count > 0) == run && (s->blob_size > 0) == run && is_zero(s->blob) == !run && (run || s->keep == 0) &&
           (s->what == MDL_STEP_AGAIN ? is_zero(s->snapshot) == (s->window == 0) : is_zero(s->snapshot));
}

static int has_shape(const mdl_message *m) {
    switch ((int)m->type) {
    case MDL_MSG_RESULT:
        return m->as.result.fitness.count == m->as.result.count && m->as.result.segments.count == m->as.result.count &&
               is_range(m->as.result.first, m->as.result.count);
    case MDL_MSG_CORRECTION:
        return m->as.correction.fitness.count == m->as.correction.count &&
               m->as.correction.segments.count == m->as.correction.count &&
               is_range(m->as.correction.first, m->as.correction.count);
    case MDL_MSG_SHARDRESULT:
        return m->as.shardresult.regions.count <= MDL_SHARDS_MAX;
    case MDL_MSG_SHARDGRANT:
        return m->as.shardgrant.shard < m->as.shardgrant.shards &&
               is_zero(m->as.shardgrant.snapshot) == (m->as.shardgrant.window == 0);
    case MDL_MSG_SHARDLEASE:
        return m->as.shardlease.shard < m->as.shardlease.shards;
    case MDL_MSG_WINDOW:
        return !is_zero(m->as.window.blob);
    case MDL_MSG_SNAPSHOT:
        return m->as.snapshot.chunk <= m->as.snapshot.chunks && !is_zero(m->as.snapshot.blob);
    case MDL_MSG_STEP:
        return is_step(&m->as.step);
    case MDL_MSG_SHARDVERDICT:
        return m->as.shardverdict.spent.count % 2 == 0;
    case MDL_MSG_GRANT:
        return is_range(m->as.grant.first, m->as.grant.count);
    case MDL_MSG_LEASE:
        return is_range(m->as.lease.first, m->as.lease.count);
    case MDL_MSG_HISTORY:
        return m->as.history.from <= m->as.history.to && m->as.history.blob_size % 8 == 0 &&
               (m->as.history.from == m->as.history.to) == (m->as.history.blob_size == 0) &&
               is_zero(m->as.history.blob) == (m->as.history.blob_size == 0);
    case MDL_MSG_DOCUMENT:
        return m->as.document.blob_size > 0 &&
               memcmp(m->as.document.digest, m->as.document.blob, MDL_DIGEST_BYTES) == 0;
    case MDL_MSG_PROOF:
        return m->as.proof.from <= m->as.proof.to && m->as.proof.blob_size % 32 == 0 &&
               is_zero(m->as.proof.blob) == (m->as.proof.blob_size == 0);
    case MDL_MSG_ADMIT:
        return m->as.admit.how != 1 || memcmp(m->as.admit.owner, m->as.admit.worker, MDL_KEY_BYTES) == 0;
    case MDL_MSG_CLOSE:
        return (m->as.close.results.count > 0) == is_zero(m->as.close.results_blob);
    default:
        return 1;
    }
}

mdl_err mdl_message_shape(const mdl_message *m) { return has_shape(m) ? MDL_OK : MDL_EMISMATCH; }

void mdl_message_blob(const mdl_message *m, uint8_t digest[MDL_DIGEST_BYTES], uint64_t *size) {
    size_t count;
    const mdl_field *rows = mdl_message_fields(m->type, &count);
    const uint8_t *body = mdl_message_body(m);
    memset(digest, 0, MDL_DIGEST_BYTES);
    *size = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        if (rows[i].kind == MDL_KIND_CARRIED) {
            memcpy(digest, body + rows[i].offset, MDL_DIGEST_BYTES);
            memcpy(size, body + rows[i + 1].offset, sizeof *size);
        }
    }
}

uint64_t mdl_message_blob_max(mdl_message_type type) {
    size_t count;
    const mdl_field *rows = mdl_message_fields(type, &count);
    for (size_t i = 0; i + 1 < count; i++) {
        if (rows[i].kind == MDL_KIND_CARRIED) {
            return rows[i + 1].hi;
        }
    }
    return 0;
}

mdl_err mdl_message_seal(const mdl_message *m, const uint8_t secret[MDL_SECRET_BYTES], uint8_t *work, uint8_t *out,
                         size_t capacity, size_t *out_size) {
    size_t size;
    mdl_err err = mdl_message_encode(m, work, MDL_PAYLOAD_BYTES_MAX, &size, NULL);
    if (err != MDL_OK) {
        return err;
    }
    return mdl_envelope_sign(mdl_message_name(m->type), work, size, secret, work + MDL_PAYLOAD_BYTES_MAX, out, capacity,
                             out_size);
}

size_t mdl_message_size_max(mdl_message_type type) {
    size_t head_count, count;
    const mdl_field *head = mdl_head_fields(&head_count), *rows = mdl_message_fields(type, &count);
    return 2 + mdl_fields_size_max(head, head_count) + mdl_fields_size_max(rows, count);
}

static void write_text(const mdl_sink *sink, const char *text) { mdl_put_bytes(sink, text, strlen(text)); }

static void write_fields(const mdl_sink *sink, const mdl_field *rows, size_t count) {
    write_text(sink, "\n| field | kind | limits | meaning |\n|---|---|---|---|\n");
    mdl_fields_write_reference(rows, count, sink);
}

void mdl_messages_write_reference(const mdl_sink *sink) {
    static const char *const roles[] = {
        [MDL_ROLE_CALL] = "call",     [MDL_ROLE_REPLY] = "reply", [MDL_ROLE_NEWS] = "news",
        [MDL_ROLE_RECORD] = "record", [MDL_ROLE_GRANT] = "grant",
    };
    char line[512];
    size_t count;
    const mdl_field *rows = mdl_head_fields(&count);
    write_text(sink, "#### Every payload starts with\n");
    write_fields(sink, rows, count);
    for (unsigned i = 0; i < MDL_MSG_COUNT; i++) {
        snprintf(line, sizeof line, "\n#### `%s` (%s): %s\n", messages[i].name, roles[messages[i].role],
                 messages[i].text);
        write_text(sink, line);
        rows = messages[i].fields(&count);
        if (count > 0) {
            write_fields(sink, rows, count);
        }
    }
    write_text(sink, "\n### 2.5 Reasons\n\n| value | name | meaning |\n|---|---|---|\n");
#define X(NAME, name, value, sentence) "| " #value " | `" #name "` | " sentence " |\n"
    write_text(sink, MDL_REASON_MAP(X));
#undef X
}
