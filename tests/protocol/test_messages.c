/* Messages: every field's limits, every refusal of another form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/messages.h"
#include "tests/support/message_fixture.h"

static uint64_t list_in[MDL_LIST_MAX], list_out[MDL_LIST_MAX];
static const mdl_list_room room = {list_out, MDL_LIST_MAX};

/* Re-encodes what decoded and demands the same bytes. */
static void assert_same(const mdl_message *m, const uint8_t *payload, size_t size) {
    static uint8_t again[MDL_PAYLOAD_BYTES_MAX];
    size_t again_size = 0;
    assert_int_equal(mdl_message_encode(m, again, sizeof again, &again_size, NULL), MDL_OK);
    assert_int_equal(again_size, size);
    assert_memory_equal(again, payload, size);
}

static void test_round_trip(void **state) {
    (void)state;
    static uint8_t payload[MDL_PAYLOAD_BYTES_MAX];
    static mdl_message m, back;
    for (int type = 0; type < MDL_MSG_COUNT; type++) {
        for (int size = FIXTURE_SMALLEST; size <= FIXTURE_LARGEST; size++) {
            size_t bytes = 0, less = 0;
            fixture_message(&m, (mdl_message_type)type, (fixture_size)size, list_in);
            assert_int_equal(mdl_message_encode(&m, payload, sizeof payload, &bytes, NULL), MDL_OK);
            assert_true(bytes <= mdl_message_size_max((mdl_message_type)type));
            assert_int_equal(mdl_message_decode((mdl_message_type)type, payload, bytes, room, &back, NULL), MDL_OK);
            assert_same(&back, payload, bytes);
            assert_int_equal(mdl_message_encode(&m, payload, bytes, &less, NULL), MDL_OK);
            assert_int_equal(mdl_message_encode(&m, payload, bytes - 1, &less, NULL), MDL_ESIZE);
        }
    }
}

/* Seeds of the fuzz target are messages: they rot when a field is added, and the fuzzer then refuses all day. */
static void test_seeds(void **state) {
    (void)state;
    static uint8_t bytes[MDL_PAYLOAD_BYTES_MAX];
    static mdl_message m;
    for (int type = 0; type < MDL_MSG_COUNT; type++) {
        for (int size = FIXTURE_SMALLEST; size <= FIXTURE_MIDDLE; size++) {
            char path[128];
            const char *name = mdl_message_name((unsigned)type);
            snprintf(path, sizeof path, "tests/fuzz/corpus/fuzz_message/%s%s", name,
                     size == FIXTURE_SMALLEST ? "_smallest" : "");
            FILE *f = fopen(path, "rb");
            assert_non_null(f);
            size_t got = fread(bytes, 1, sizeof bytes, f), skip = strlen(name);
            fclose(f);
            assert_true(got > skip && memcmp(bytes, name, skip) == 0);
            assert_int_equal(mdl_message_decode((mdl_message_type)type, bytes + skip, got - skip, room, &m, NULL),
                             MDL_OK);
        }
    }
}

/* The largest message of each type fits, whatever its values. */
static void test_fits(void **state) {
    (void)state;
    for (int type = 0; type < MDL_MSG_COUNT; type++) {
        assert_true(mdl_message_size_max((mdl_message_type)type) <= MDL_PAYLOAD_BYTES_MAX);
        assert_true(strlen(mdl_message_name((unsigned)type)) <= MDL_TYPE_NAME_MAX);
    }
    assert_true(mdl_envelope_size(6, mdl_message_size_max(MDL_MSG_INVITE)) <= MDL_INVITE_BYTES_MAX);
}

/* Every cut of a payload is refused; every changed, added or dropped byte is
 * refused or is another message's one form. */
static void test_mutations(void **state) {
    (void)state;
    static uint8_t payload[MDL_PAYLOAD_BYTES_MAX], other[MDL_PAYLOAD_BYTES_MAX + 1];
    static const uint8_t bytes[] = " \t\n\"\\,:{}[]0159-+.eEaAfFg/u\x7f\x80\xc3\xff";
    static mdl_message m;
    for (int type = 0; type < MDL_MSG_COUNT; type++) {
        size_t size = 0;
        fixture_message(&m, (mdl_message_type)type, FIXTURE_MIDDLE, list_in);
        assert_int_equal(mdl_message_encode(&m, payload, sizeof payload, &size, NULL), MDL_OK);
        for (size_t at = 0; at < size; at++) {
            uint8_t *cut = malloc(at + 1); /* its exact size, for the sanitizer */
            assert_non_null(cut);
            memcpy(cut, payload, at);
            assert_int_not_equal(mdl_message_decode((mdl_message_type)type, cut, at, room, &m, NULL), MDL_OK);
            free(cut);
            for (size_t i = 0; i < sizeof bytes; i++) {
                memcpy(other, payload, size);
                other[at] = bytes[i];
                if (mdl_message_decode((mdl_message_type)type, other, size, room, &m, NULL) == MDL_OK) {
                    assert_same(&m, other, size);
                }
                memcpy(other + at + 1, payload + at, size - at);
                if (mdl_message_decode((mdl_message_type)type, other, size + 1, room, &m, NULL) == MDL_OK) {
                    assert_same(&m, other, size + 1);
                }
            }
            memcpy(other, payload, size);
            memmove(other + at, other + at + 1, size - at - 1);
            if (mdl_message_decode((mdl_message_type)type, other, size - 1, room, &m, NULL) == MDL_OK) {
                assert_same(&m, other, size - 1);
            }
        }
    }
}

/* A field's value replaced by other text: decode the whole payload. */
static mdl_err decode_with(mdl_message_type type, const char *payload, const mdl_field *f, const char *value,
                           const mdl_field **fault, const char **whole) {
    static char text[MDL_PAYLOAD_BYTES_MAX * 2];
    static mdl_message m;
    char key[48];
    snprintf(key, sizeof key, "\"%s\":", f->name);
    const char *from = strstr(payload, key);
    assert_non_null(from);
    from += strlen(key);
    const char *end = from;
    for (int quoted = 0, nested = 0; quoted || nested || (*end != ',' && *end != '}'); end++) {
        quoted ^= *end == '"';
        nested += *end == '[' ? 1 : *end == ']' ? -1 : 0;
    }
    snprintf(text, sizeof text, "%.*s%s%s", (int)(from - payload), payload, value, end);
    *whole = text;
    mdl_err err = mdl_message_decode(type, (const uint8_t *)text, strlen(text), room, &m, fault);
    if (err == MDL_OK) {
        assert_same(&m, (const uint8_t *)text, strlen(text));
    }
    return err;
}

static const char *const bad_numbers[] = {"",
                                          "01",
                                          "+1",
                                          "-1",
                                          "-0",
                                          "1.0",
                                          "1e0",
                                          "1E0",
                                          " 1",
                                          "1 ",
                                          "\"1\"",
                                          "0x1",
                                          "null",
                                          "true",
                                          "[1]",
                                          "{}",
                                          "1_0",
                                          "\t1",
                                          "4294967296",
                                          "18446744073709551616",
                                          "99999999999999999999999999",
                                          NULL};
static const char *const bad_strings[] = {"1",
                                          "\"\"",
                                          "\"01\"",
                                          "\"00\"",
                                          "\"+1\"",
                                          "\"-0\"",
                                          "\" 1\"",
                                          "\"1 \"",
                                          "\"1.0\"",
                                          "\"1e3\"",
                                          "\"0x1\"",
                                          "\"a\"",
                                          "null",
                                          "\"1",
                                          "1\"",
                                          "[\"1\"]",
                                          "\"-01\"",
                                          "\"--1\"",
                                          "\"\\u0031\"",
                                          "\"-\"",
                                          "\"18446744073709551616\"",
                                          "\"-9223372036854775809\"",
                                          "\"99999999999999999999\"",
                                          NULL};
static const char *const bad_texts[] = {"x",
                                        "\"",
                                        "\"a",
                                        "null",
                                        "\"\\u0041\"",
                                        "\"\\/\"",
                                        "\"\\t\"",
                                        "\"\\b\"",
                                        "\"a\tb\"",
                                        "\"a\nb\"",
                                        "\"\x7f\"",
                                        "\"\x01\"",
                                        "\"\xff\"",
                                        "\"\x80\"",
                                        "\"\xc0\x80\"",
                                        "\"\xc1\xbf\"",
                                        "\"\xc2\x9b\"",
                                        "\"\xe0\x80\xaf\"",
                                        "\"\xed\xa0\x80\"",
                                        "\"\xf0\x80\x80\xaf\"",
                                        "\"\xf4\x90\x80\x80\"",
                                        "\"\xe2\x80\"",
                                        "\"\xf8\x88\x80\x80\x80\"",
                                        "\"\\\"",
                                        "[\"a\"]",
                                        "{}",
                                        NULL};
static const char *const bad_lists[] = {"\"1\"",
                                        "[1]",
                                        "[\"1\",]",
                                        "[,\"1\"]",
                                        "[\"1\"\"2\"]",
                                        "[\"01\"]",
                                        "[ \"1\"]",
                                        "[\"1\", \"2\"]",
                                        "[[\"1\"]]",
                                        "[\"1\"",
                                        "{}",
                                        "null",
                                        "[\"4611686018427387904\"]",
                                        "[\"-4503599627370497\"]",
                                        "[\"\"]",
                                        "[null]",
                                        NULL};

static void refuse_all(mdl_message_type type, const char *payload, const mdl_field *f, const char *const *value) {
    for (; *value; value++) {
        const mdl_field *fault = NULL;
        const char *whole;
        if (decode_with(type, payload, f, *value, &fault, &whole) == MDL_OK) {
            fail_msg("%s accepted: %s", mdl_message_name(type), whole);
        }
    }
}

static void refuse_value(mdl_message_type type, const char *payload, const mdl_field *f, const char *value,
                         mdl_err expected) {
    const mdl_field *fault = NULL;
    const char *whole;
    mdl_err err = decode_with(type, payload, f, value, &fault, &whole);
    if (err != expected || fault != f) {
        fail_msg("%s: error %d, expected %d at %s", whole, err, expected, f->name);
    }
}

/* lo and hi are taken; one below and one above are ERANGE at this field. */
static void check_integer(mdl_message_type type, const char *payload, const mdl_field *f) {
    char value[64];
    const char *whole, *quote = f->kind == MDL_KIND_U32 ? "" : "\"";
    for (int side = 0; side < 2; side++) {
        uint64_t edge = side ? f->hi : f->lo, past = side ? edge + 1 : edge - 1;
        if (f->kind == MDL_KIND_I64) {
            snprintf(value, sizeof value, "\"%lld\"", (long long)(int64_t)edge);
            assert_int_equal(decode_with(type, payload, f, value, NULL, &whole), MDL_OK);
            if (edge != (uint64_t)(side ? INT64_MAX : INT64_MIN)) {
                snprintf(value, sizeof value, "\"%lld\"", (long long)(int64_t)past);
                refuse_value(type, payload, f, value, MDL_ERANGE);
            }
            continue;
        }
        snprintf(value, sizeof value, "%s%llu%s", quote, (unsigned long long)edge, quote);
        assert_int_equal(decode_with(type, payload, f, value, NULL, &whole), MDL_OK);
        if (edge != (side ? UINT64_MAX : 0)) {
            snprintf(value, sizeof value, "%s%llu%s", quote, (unsigned long long)past, quote);
            refuse_value(type, payload, f, value, MDL_ERANGE);
        }
    }
    refuse_all(type, payload, f, f->kind == MDL_KIND_U32 ? bad_numbers : bad_strings);
    if (f->kind == MDL_KIND_U64) {
        refuse_value(type, payload, f, "\"-1\"", MDL_ESYNTAX);
    }
    refuse_value(type, payload, f, f->kind == MDL_KIND_U32 ? "\"1\"" : "1", MDL_ETYPE);
}

static void check_hex(mdl_message_type type, const char *payload, const mdl_field *f) {
    char value[160];
    int digits = (int)(2 * f->hi);
    const char *whole;
    snprintf(value, sizeof value, "\"%0*d\"", digits, 7);
    assert_int_equal(decode_with(type, payload, f, value, NULL, &whole), MDL_OK);
    static const char others[] = "AFgG /\\\"\x80";
    for (size_t i = 0; i < sizeof others - 1; i++) {
        value[5] = others[i];
        refuse_value(type, payload, f, value, MDL_ESYNTAX);
    }
    snprintf(value, sizeof value, "\"%0*d\"", digits - 1, 7);
    refuse_value(type, payload, f, value, MDL_ESYNTAX);
    snprintf(value, sizeof value, "\"%0*d\"", digits + 1, 7);
    refuse_value(type, payload, f, value, MDL_ESYNTAX);
    snprintf(value, sizeof value, "%0*d", digits, 7);
    refuse_value(type, payload, f, value, MDL_ETYPE);
    refuse_value(type, payload, f, "\"\"", MDL_ESYNTAX);
}

static void check_text(mdl_message_type type, const char *payload, const mdl_field *f) {
    static char value[4096];
    const char *whole;
    for (uint64_t size = f->lo; size <= f->hi + 1; size = size == f->lo ? f->hi : size + 1) {
        for (int escaped = 0; escaped < 2; escaped++) {
            size_t at = 0;
            value[at++] = '"';
            for (uint64_t i = 0; i < size; i++) {
                if (escaped) {
                    value[at++] = '\\';
                }
                value[at++] = escaped ? '\\' : '~';
            }
            memcpy(value + at, "\"", 2);
            if (size <= f->hi) {
                assert_int_equal(decode_with(type, payload, f, value, NULL, &whole), MDL_OK);
            } else {
                refuse_value(type, payload, f, value, MDL_ERANGE);
            }
        }
    }
    if (f->lo > 0) {
        refuse_value(type, payload, f, "\"\"", MDL_ERANGE);
    }
    refuse_all(type, payload, f, bad_texts);
    static const char *const notes[] = {"\"a\\nb\"", "\"\xe2\x80\x94\"", "\"\xc3\xa9\xf0\x9f\x98\x80\"", NULL};
    for (const char *const *note = notes; *note; note++) {
        if (f->kind == MDL_KIND_NOTE) {
            assert_int_equal(decode_with(type, payload, f, *note, NULL, &whole), MDL_OK);
        } else {
            refuse_value(type, payload, f, *note, MDL_ESYNTAX);
        }
    }
}

static void check_segments(mdl_message_type type, const char *payload, const mdl_field *f) {
    static char value[MDL_PAYLOAD_BYTES_MAX];
    const char *whole;
    uint8_t segment[32];
    memset(segment, 0xa7, sizeof segment);
    for (uint64_t count = f->lo; count <= f->hi + 1; count = count == f->lo ? f->hi : count + 1) {
        value[0] = '"';
        for (uint32_t i = 0; i < count; i++) {
            mdl_segments_put(value + 1, i, segment, UINT64_MAX - i);
        }
        memcpy(value + 1 + MDL_SEGMENT_CHARS * count, "\"", 2);
        if (count <= f->hi) {
            assert_int_equal(decode_with(type, payload, f, value, NULL, &whole), MDL_OK);
        } else {
            refuse_value(type, payload, f, value, MDL_ERANGE);
        }
    }
    memcpy(value + 1 + MDL_SEGMENT_CHARS, "\"", 2);
    refuse_value(type, payload, f, "\"\"", MDL_ERANGE);
    refuse_value(type, payload, f, "7", MDL_ETYPE);
    refuse_value(type, payload, f, "[]", MDL_ETYPE);
    for (size_t i = 1; i <= MDL_SEGMENT_CHARS; i++) { /* any character that base64 does not have there */
        char kept = value[i];
        value[i] = i > MDL_SEGMENT_CHARS - 2 ? 'A' : '.';
        refuse_value(type, payload, f, value, MDL_ESYNTAX);
        value[i] = kept;
    }
    memcpy(value + MDL_SEGMENT_CHARS, "\"", 2); /* one is missing */
    refuse_value(type, payload, f, value, MDL_ESYNTAX);
}

static void check_list(mdl_message_type type, const char *payload, const mdl_field *f) {
    static char value[MDL_PAYLOAD_BYTES_MAX];
    const char *whole;
    for (uint64_t count = f->lo; count <= f->hi + 1; count = count == f->lo ? f->hi : count + 1) {
        size_t at = 0;
        value[at++] = '[';
        for (uint64_t i = 0; i < count; i++) {
            at += (size_t)snprintf(value + at, sizeof value - at, "%s\"7\"", i > 0 ? "," : "");
        }
        memcpy(value + at, "]", 2);
        if (count <= f->hi) {
            assert_int_equal(decode_with(type, payload, f, value, NULL, &whole), MDL_OK);
        } else {
            refuse_value(type, payload, f, value, MDL_ERANGE);
        }
    }
    if (f->lo > 0) {
        refuse_value(type, payload, f, "[]", MDL_ERANGE);
    }
    const char *const largest = f->kind == MDL_KIND_INDICES ? "[\"4611686018427387903\"]" : "[\"-4503599627370496\"]";
    assert_int_equal(decode_with(type, payload, f, largest, NULL, &whole), MDL_OK);
    refuse_all(type, payload, f, bad_lists);
    /* Less room than elements. */
    static mdl_message m;
    mdl_list_room little = {list_out, 1};
    const mdl_field *fault = NULL;
    assert_int_equal(mdl_message_decode(type, (const uint8_t *)payload, strlen(payload), little, &m, &fault),
                     MDL_ESIZE);
    assert_ptr_equal(fault, f);
}

static void test_fields(void **state) {
    (void)state;
    static uint8_t payload[MDL_PAYLOAD_BYTES_MAX + 1];
    static mdl_message m;
    for (int type = 0; type < MDL_MSG_COUNT; type++) {
        size_t size = 0, counts[2];
        const mdl_field *tables[2] = {mdl_head_fields(&counts[0]),
                                      mdl_message_fields((mdl_message_type)type, &counts[1])};
        fixture_message(&m, (mdl_message_type)type, FIXTURE_MIDDLE, list_in);
        assert_int_equal(mdl_message_encode(&m, payload, sizeof payload - 1, &size, NULL), MDL_OK);
        payload[size] = '\0';
        for (int table = 0; table < 2; table++) {
            for (size_t i = 0; i < counts[table]; i++) {
                const mdl_field *f = &tables[table][i];
                void (*check)(mdl_message_type, const char *, const mdl_field *) =
                    f->kind <= MDL_KIND_I64        ? check_integer
                    : f->kind <= MDL_KIND_CARRIED  ? check_hex
                    : f->kind <= MDL_KIND_NOTE     ? check_text
                    : f->kind == MDL_KIND_SEGMENTS ? check_segments
                                                   : check_list;
                check((mdl_message_type)type, (const char *)payload, f);
            }
        }
    }
}

/* The encoder refuses what the decoder would. */
static void test_encoder_limits(void **state) {
    (void)state;
    static uint8_t payload[MDL_PAYLOAD_BYTES_MAX];
    static mdl_message m;
    const mdl_field *fault = NULL;
    size_t size;
#define REFUSED(type_, member, value)                                                                                  \
    do {                                                                                                               \
        fixture_message(&m, type_, FIXTURE_MIDDLE, list_in);                                                           \
        m.as.member = value;                                                                                           \
        fault = NULL;                                                                                                  \
        assert_int_equal(mdl_message_encode(&m, payload, sizeof payload, &size, &fault), MDL_ERANGE);                  \
        assert_non_null(fault);                                                                                        \
        assert_non_null(strstr(#member, fault->name));                                                                 \
    } while (0)
    REFUSED(MDL_MSG_HELLO, hello.version, 0);
    REFUSED(MDL_MSG_HELLO, hello.version, 65536);
    REFUSED(MDL_MSG_HELLO, hello.program[3], '\t');
    REFUSED(MDL_MSG_HELLO, hello.program[3], (char)0xc3);
    REFUSED(MDL_MSG_NEWS, news.best, MDL_FITNESS_ABS_MAX + 1);
    REFUSED(MDL_MSG_NEWS, news.best, -MDL_FITNESS_ABS_MAX - 1);
    REFUSED(MDL_MSG_HISTORY, history.blob_size, (uint64_t)MDL_FRAME_BLOB_MAX + 1);
    REFUSED(MDL_MSG_PONG, pong.checkpoint[0], (char)0x80);
    REFUSED(MDL_MSG_RESULT, result.fitness.count, 0);
    REFUSED(MDL_MSG_RESULT, result.fitness.count, MDL_UNIT_JOBS_MAX + 1);
    REFUSED(MDL_MSG_CLOSE, close.results.count, MDL_LIST_MAX + 1);
    REFUSED(MDL_MSG_WELCOME, welcome.origin[0], '\0');
#undef REFUSED
    fixture_message(&m, MDL_MSG_BYE, FIXTURE_MIDDLE, list_in);
    memset(m.as.bye.reason, 'x', sizeof m.as.bye.reason); /* no terminator */
    assert_int_equal(mdl_message_encode(&m, payload, sizeof payload, &size, &fault), MDL_ERANGE);
    fixture_message(&m, MDL_MSG_RESULT, FIXTURE_MIDDLE, list_in);
    list_in[1] = (uint64_t)(MDL_FITNESS_ABS_MAX + 1);
    assert_int_equal(mdl_message_encode(&m, payload, sizeof payload, &size, &fault), MDL_ERANGE);
    fixture_message(&m, MDL_MSG_CLOSE, FIXTURE_MIDDLE, list_in);
    list_in[1] = MDL_RECORD_INDEX_MAX + 1;
    assert_int_equal(mdl_message_encode(&m, payload, sizeof payload, &size, &fault), MDL_ERANGE);
}

static void test_shape(void **state) {
    (void)state;
    static mdl_message m;
#define SHAPE(expected, type_, ...)                                                                                    \
    do {                                                                                                               \
        memset(&m, 0, sizeof m);                                                                                       \
        m.type = type_;                                                                                                \
        __VA_ARGS__;                                                                                                   \
        assert_int_equal(mdl_message_shape(&m), expected);                                                             \
    } while (0)
    SHAPE(MDL_OK, MDL_MSG_RESULT, m.as.result.count = m.as.result.fitness.count = m.as.result.segments.count = 2);
    SHAPE(MDL_EMISMATCH, MDL_MSG_RESULT, m.as.result.count = m.as.result.fitness.count = 2;
          m.as.result.segments.count = 3);
    SHAPE(MDL_EMISMATCH, MDL_MSG_RESULT, m.as.result.count = m.as.result.segments.count = 2;
          m.as.result.fitness.count = 1);
    SHAPE(MDL_EMISMATCH, MDL_MSG_RESULT, m.as.result.count = m.as.result.fitness.count = 2;
          m.as.result.segments.count = 2; m.as.result.first = UINT32_MAX);
    SHAPE(MDL_OK, MDL_MSG_GRANT, m.as.grant.count = 1; m.as.grant.first = UINT32_MAX);
    SHAPE(MDL_EMISMATCH, MDL_MSG_GRANT, m.as.grant.count = 2; m.as.grant.first = UINT32_MAX);
    SHAPE(MDL_EMISMATCH, MDL_MSG_LEASE, m.as.lease.count = 3; m.as.lease.first = UINT32_MAX - 1);
    SHAPE(MDL_OK, MDL_MSG_LEASE, m.as.lease.count = 2; m.as.lease.first = UINT32_MAX - 1);
    SHAPE(MDL_OK, MDL_MSG_HISTORY, m.as.history.from = m.as.history.to = 3);
    SHAPE(MDL_EMISMATCH, MDL_MSG_HISTORY, m.as.history.from = 4; m.as.history.to = 3);
    SHAPE(MDL_EMISMATCH, MDL_MSG_HISTORY, m.as.history.to = 3);
    SHAPE(MDL_OK, MDL_MSG_HISTORY, m.as.history.to = 3; m.as.history.blob_size = 8; m.as.history.blob[0] = 1);
    SHAPE(MDL_EMISMATCH, MDL_MSG_HISTORY, m.as.history.to = 3; m.as.history.blob_size = 8);
    SHAPE(MDL_EMISMATCH, MDL_MSG_HISTORY, m.as.history.to = 3; m.as.history.blob_size = 9; m.as.history.blob[0] = 1);
    SHAPE(MDL_OK, MDL_MSG_DOCUMENT, m.as.document.blob_size = 1);
    SHAPE(MDL_EMISMATCH, MDL_MSG_DOCUMENT, m.as.document.blob_size = 0);
    SHAPE(MDL_EMISMATCH, MDL_MSG_DOCUMENT, m.as.document.blob_size = 1; m.as.document.digest[31] = 1);
    SHAPE(MDL_OK, MDL_MSG_ADMIT, m.as.admit.how = 1);
    SHAPE(MDL_EMISMATCH, MDL_MSG_ADMIT, m.as.admit.how = 1; m.as.admit.owner[0] = 1);
    SHAPE(MDL_OK, MDL_MSG_ADMIT, m.as.admit.how = 3; m.as.admit.owner[0] = 1);
    SHAPE(MDL_EMISMATCH, MDL_MSG_CLOSE, (void)0);
    SHAPE(MDL_OK, MDL_MSG_CLOSE, m.as.close.results.count = 1);
    SHAPE(MDL_OK, MDL_MSG_CLOSE, m.as.close.results_blob[9] = 1);
    SHAPE(MDL_EMISMATCH, MDL_MSG_CLOSE, m.as.close.results_blob[9] = 1; m.as.close.results.count = 1);
    SHAPE(MDL_OK, MDL_MSG_PING, (void)0);
#undef SHAPE
}

static void test_names(void **state) {
    (void)state;
    mdl_message_type type;
    for (unsigned i = 0; i < MDL_MSG_COUNT; i++) {
        assert_int_equal(mdl_message_type_of(mdl_message_name(i), &type), MDL_OK);
        assert_int_equal(type, i);
    }
    assert_null(mdl_message_name(MDL_MSG_COUNT));
    assert_null(mdl_message_name(UINT32_MAX));
    assert_int_equal(mdl_message_type_of("hell", &type), MDL_ENOENT);
    assert_int_equal(mdl_message_type_of("helloo", &type), MDL_ENOENT);
    assert_int_equal(mdl_message_type_of("", &type), MDL_ENOENT);
    assert_int_equal(mdl_message_role(MDL_MSG_RESULT), MDL_ROLE_CALL);
    assert_int_equal(mdl_message_role(MDL_MSG_INVITE), MDL_ROLE_GRANT);
    assert_int_equal(mdl_message_role(MDL_MSG_END), MDL_ROLE_RECORD);
}

int main(void) {
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_seeds),  cmocka_unit_test(test_fits),
        cmocka_unit_test(test_mutations),  cmocka_unit_test(test_fields), cmocka_unit_test(test_encoder_limits),
        cmocka_unit_test(test_shape),      cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
