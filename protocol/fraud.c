#include "protocol/fraud.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base64.h"

static const char head[] = "modulon fraud proof v1\n";

/* A record that the log proves; and what convicts with it by a rerun. */
#define PROVEN [MDL_FRAUD_LOG_FIELD] = 1, [MDL_FRAUD_RECORD_FIELD] = 1, [MDL_FRAUD_PROOF_FIELD] = 1
#define RERUN                                                                                                          \
    PROVEN, [MDL_FRAUD_CLOSE_FIELD] = 2, [MDL_FRAUD_CLOSE_PROOF_FIELD] = 2, [MDL_FRAUD_DOCUMENT_FIELD] = 1,            \
            [MDL_FRAUD_STATE_FIELD] = 2

/* Fields of each kind: 1 wanted, 2 may be missing. */
static const uint8_t wants[MDL_FRAUD_KINDS][MDL_FRAUD_FIELDS] = {
    [MDL_FRAUD_FORK] = {[MDL_FRAUD_LOG_FIELD] = 1,
                        [MDL_FRAUD_FIRST_FIELD] = 1,
                        [MDL_FRAUD_SECOND_FIELD] = 1,
                        [MDL_FRAUD_ROOT_FIELD] = 2,
                        [MDL_FRAUD_HASH_FIELD] = 2},
    [MDL_FRAUD_DROPPED] =
        {PROVEN, [MDL_FRAUD_LEAF_FIELD] = 1, [MDL_FRAUD_OTHER_FIELD] = 2, [MDL_FRAUD_SHOWN_FIELD] = 1},
    [MDL_FRAUD_EQUIVOCATION] = {[MDL_FRAUD_FIRST_FIELD] = 1, [MDL_FRAUD_SECOND_FIELD] = 1},
    [MDL_FRAUD_RESULT] = {RERUN},
    [MDL_FRAUD_DECISION] = {RERUN},
    [MDL_FRAUD_JUDGEMENT] = {RERUN, [MDL_FRAUD_TRANSCRIPT_FIELD] = 1},
    [MDL_FRAUD_SHARDVERDICT] =
        {RERUN, [MDL_FRAUD_LEASE_FIELD] = 1, [MDL_FRAUD_LEASE_PROOF_FIELD] = 1, [MDL_FRAUD_EVIDENCE_FIELD] = 2},
    [MDL_FRAUD_JOINED] = {RERUN, [MDL_FRAUD_TRANSCRIPT_FIELD] = 1},
    [MDL_FRAUD_RULE] = {PROVEN, [MDL_FRAUD_NUMBER_FIELD] = 1},
    [MDL_FRAUD_WITHHELD] = {PROVEN, [MDL_FRAUD_BLOB_FIELD] = 1},
};

static const char *const names[MDL_FRAUD_FIELDS] = {
#define X(NAME, name) name,
    MDL_FRAUD_FIELD_MAP(X)
#undef X
};

const char *mdl_fraud_name(mdl_fraud_kind kind) {
    static const char *const words[] = {
#define X(NAME, name, sentence) #name,
        MDL_FRAUD_KIND_MAP(X)
#undef X
    };
    return words[kind];
}

static int is_text(mdl_fraud_field field) { return field == MDL_FRAUD_LOG_FIELD || field == MDL_FRAUD_NUMBER_FIELD; }

static mdl_err check_value(mdl_fraud_field field, mdl_text value) {
    size_t size;
    uint64_t number;
    if (value.size == 0) {
        return MDL_ESYNTAX;
    }
    if (field == MDL_FRAUD_NUMBER_FIELD) {
        return mdl_text_decimal(value, 999, &number);
    }
    if (field == MDL_FRAUD_LOG_FIELD) {
        for (size_t i = 0; i < value.size; i++) {
            if ((unsigned char)value.at[i] < ' ') {
                return MDL_ESYNTAX;
            }
        }
        return MDL_OK;
    }
    return mdl_base64_decode(value, NULL, SIZE_MAX, &size);
}

static mdl_err parse(mdl_text rest, mdl_fraud *out) {
    mdl_text line;
    if (!mdl_text_skip(&rest, head)) {
        return MDL_EMAGIC;
    }
    if (!mdl_text_line(&rest, &line) || !mdl_text_skip(&line, "kind ")) {
        return MDL_ESYNTAX;
    }
    for (out->kind = 0; out->kind < MDL_FRAUD_KINDS; out->kind++) {
        if (mdl_text_equal(line, mdl_text_of(mdl_fraud_name(out->kind)))) {
            break;
        }
    }
    if (out->kind == MDL_FRAUD_KINDS) {
        return MDL_EMAGIC;
    }
    for (mdl_fraud_field i = 0; i < MDL_FRAUD_FIELDS; i++) {
        mdl_text here = rest;
        if (!wants[out->kind][i]) {
            continue;
        }
        if (mdl_text_line(&here, &line) && mdl_text_skip(&line, names[i]) && mdl_text_skip(&line, " ")) {
            mdl_err e = check_value(i, line);
            if (e != MDL_OK) {
                return e;
            }
            out->field[i] = line;
            rest = here;
        } else if (wants[out->kind][i] == 1) {
            return MDL_EKEY;
        }
    }
    return rest.size == 0 ? MDL_OK : mdl_text_line(&rest, &line) ? MDL_EKEY : MDL_ESYNTAX;
}

mdl_err mdl_fraud_parse(mdl_text bytes, mdl_fraud *out) {
    memset(out, 0, sizeof *out);
    mdl_err e = bytes.size > MDL_FRAUD_BYTES_MAX ? MDL_ESIZE : parse(bytes, out);
    if (e != MDL_OK) {
        memset(out, 0, sizeof *out);
    }
    return e;
}

void mdl_fraud_put(const mdl_fraud *f, mdl_text_out *out) {
    mdl_text_put_string(out, head);
    mdl_text_put_string(out, "kind ");
    mdl_text_put_string(out, mdl_fraud_name(f->kind));
    mdl_text_put_string(out, "\n");
    for (mdl_fraud_field i = 0; i < MDL_FRAUD_FIELDS; i++) {
        if (f->field[i].size > 0) {
            mdl_text_put_string(out, names[i]);
            mdl_text_put_string(out, " ");
            mdl_text_put(out, f->field[i].at, f->field[i].size);
            mdl_text_put_string(out, "\n");
        }
    }
}

char *mdl_fraud_fork(const char *vkey, mdl_text first, mdl_text second, const mdl_hash *root, const mdl_hash *hash,
                     size_t count, size_t *size) {
    static const mdl_fraud_field field[] = {MDL_FRAUD_FIRST_FIELD, MDL_FRAUD_SECOND_FIELD, MDL_FRAUD_ROOT_FIELD,
                                            MDL_FRAUD_HASH_FIELD};
    const mdl_text bytes[] = {first,
                              second,
                              {(const char *)root, root ? MDL_HASH_BYTES : 0},
                              {(const char *)hash, root ? count * MDL_HASH_BYTES : 0}};
    mdl_fraud f = {.kind = MDL_FRAUD_FORK};
    mdl_text_out length = {NULL, 0, 0};
    size_t room = 0;
    f.field[MDL_FRAUD_LOG_FIELD] = mdl_text_of(vkey);
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        room += MDL_BASE64_CHARS(bytes[i].size);
    }
    char *values = malloc(room), *all = NULL;
    mdl_text_out out = {values, room, 0};
    for (size_t i = 0; values && i < sizeof bytes / sizeof *bytes; i++) {
        const size_t begin = out.size;
        if (bytes[i].size > 0) {
            mdl_base64_put(&out, bytes[i].at, bytes[i].size);
        }
        f.field[field[i]] = (mdl_text){values + begin, out.size - begin};
    }
    if (values) {
        mdl_fraud_put(&f, &length);
        all = malloc(length.size);
    }
    if (all) {
        mdl_text_out whole = {all, length.size, 0};
        mdl_fraud_put(&f, &whole);
        *size = whole.size;
    }
    free(values);
    return all;
}

uint8_t *mdl_fraud_bytes(const mdl_fraud *f, mdl_fraud_field field, size_t *size) {
    mdl_text value = f->field[field];
    *size = 0;
    uint8_t *bytes = value.size > 0 ? malloc(value.size + 1) : NULL;
    if (!bytes) {
        return NULL;
    }
    if (is_text(field)) {
        memcpy(bytes, value.at, value.size);
        *size = value.size;
    } else if (mdl_base64_decode(value, bytes, value.size, size) != MDL_OK) {
        free(bytes);
        return NULL;
    }
    bytes[*size] = 0;
    return bytes;
}
