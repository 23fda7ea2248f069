/* Envelopes and frames: one form, one signature, nothing else gets through. */
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
#include "tests/support/vectors.h"

static uint8_t envelope[MDL_FRAME_CALL_MAX + 16], work[MDL_SEAL_WORK_BYTES];
static uint8_t key[MDL_KEY_BYTES], secret[MDL_SECRET_BYTES];

/* Decodes from and into heap blocks of exactly the promised sizes. 1: it verifies. */
static int opens(const uint8_t *bytes, size_t size, mdl_envelope *e) {
    uint8_t *copy = malloc(size + 1), *buffer = malloc(size + 1);
    assert_non_null(copy);
    assert_non_null(buffer);
    uint8_t *from = copy + 1; /* the end of the block is the end of the bytes */
    memcpy(from, bytes, size);
    mdl_err err = mdl_envelope_decode(from, size, buffer + 1, e);
    int verified = err == MDL_OK && mdl_envelope_verify(e) == MDL_OK;
    free(copy);
    free(buffer);
    return verified;
}

static size_t seal_text(const char *name, const char *payload) {
    size_t size = 0;
    assert_int_equal(mdl_envelope_sign(name, (const uint8_t *)payload, strlen(payload), secret, work, envelope,
                                       sizeof envelope, &size),
                     MDL_OK);
    assert_int_equal(size, mdl_envelope_size(strlen(name), strlen(payload)));
    return size;
}

static void test_round_trip(void **state) {
    (void)state;
    static uint8_t buffer[MDL_ENVELOPE_BYTES_MAX];
    char payload[64];
    for (size_t length = 1; length < sizeof payload; length++) { /* every padding */
        mdl_envelope e;
        memset(payload, 'p', length);
        payload[length] = '\0';
        size_t size = seal_text("abcdefghijklmnop", payload);
        assert_int_equal(mdl_envelope_decode(envelope, size, buffer, &e), MDL_OK);
        assert_string_equal(e.name, "abcdefghijklmnop");
        assert_memory_equal(e.key, key, sizeof key);
        assert_int_equal(e.payload_size, length);
        assert_memory_equal(e.payload, payload, length);
        assert_ptr_equal(e.payload + e.payload_size, e.pae + e.pae_size);
        char pae[160];
        int pae_size =
            snprintf(pae, sizeof pae, "DSSEv1 48 application/vnd.modulon.%s.v1+json %zu %s", e.name, length, payload);
        assert_int_equal(e.pae_size, pae_size);
        assert_memory_equal(e.pae, pae, e.pae_size);
        assert_int_equal(mdl_envelope_verify(&e), MDL_OK);
        if (length == sizeof payload - 1) {
            break;
        }
    }
}

static void test_sign_limits(void **state) {
    (void)state;
    static uint8_t payload[MDL_PAYLOAD_BYTES_MAX + 1], room_for_all[MDL_PAYLOAD_BYTES_MAX + 1 + MDL_PAE_HEAD_MAX],
        buffer[MDL_PAE_BYTES_MAX];
    size_t size;
    mdl_envelope e;
    static const char *const bad_names[] = {"", "Hello", "a1", "a.b", "a b", "abcdefghijklmnopq", "a\"", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof bad_names / sizeof bad_names[0]; i++) {
        assert_int_equal(mdl_envelope_sign(bad_names[i], payload, 1, secret, work, envelope, sizeof envelope, &size),
                         MDL_ERANGE);
    }
    memset(payload, 'x', sizeof payload);
    assert_int_equal(mdl_envelope_sign("abcdefghijklmnop", payload, MDL_PAYLOAD_BYTES_MAX, secret, room_for_all,
                                       envelope, MDL_ENVELOPE_BYTES_MAX, &size),
                     MDL_OK);
    assert_int_equal(mdl_envelope_decode(envelope, size, buffer, &e), MDL_OK);
    assert_int_equal(mdl_envelope_verify(&e), MDL_OK);
    assert_int_equal(mdl_envelope_sign("a", payload, MDL_PAYLOAD_BYTES_MAX + 1, secret, room_for_all, envelope,
                                       sizeof envelope, &size),
                     MDL_ESIZE);
    assert_int_equal(mdl_envelope_sign("a", payload, 0, secret, work, envelope, sizeof envelope, &size), MDL_ESIZE);
    size_t need = mdl_envelope_size(1, 10);
    assert_int_equal(mdl_envelope_sign("a", payload, 10, secret, work, envelope, need - 1, &size), MDL_ESIZE);
    assert_int_equal(mdl_envelope_sign("a", payload, 10, secret, work, envelope, need, &size), MDL_OK);
    assert_int_equal(size, need);
}

/* One base64 group more than the largest payload, and bytes beyond the largest envelope. */
static void test_decode_limits(void **state) {
    (void)state;
    static uint8_t buffer[MDL_PAE_BYTES_MAX + 8];
    static char text[MDL_ENVELOPE_BYTES_MAX + 64];
    mdl_envelope e;
    size_t size = seal_text("ping", "abc");
    char *signatures = strstr((char *)envelope, "\",\"signatures");
    assert_non_null(signatures);
    envelope[size] = '\0';
    static char base64[MDL_PAYLOAD_BYTES_MAX / 3 * 4 + 5];
    memset(base64, 'A', sizeof base64 - 1);
    int length =
        snprintf(text, sizeof text, "{\"payloadType\":\"application/vnd.modulon.ping.v1+json\",\"payload\":\"%s%s",
                 base64, signatures);
    assert_true(length > 0 && length <= MDL_ENVELOPE_BYTES_MAX);
    assert_int_equal(mdl_envelope_decode((const uint8_t *)text, (size_t)length, buffer, &e), MDL_ESIZE);
    assert_int_equal(mdl_envelope_decode((const uint8_t *)text, MDL_ENVELOPE_BYTES_MAX + 1, buffer, &e), MDL_ESIZE);
}

/* Every cut is refused. Every other value of every byte, every dropped and every
 * doubled byte: never verifies. */
static void test_mutations(void **state) {
    (void)state;
    static uint8_t good[1024], bad[1025];
    mdl_envelope e;
    size_t size = seal_text("ping", "{\"experiment\":\"00\"}");
    memcpy(good, envelope, size);
    assert_true(opens(good, size, &e));
    int decoded = 0;
    for (size_t at = 0; at < size; at++) {
        assert_false(opens(good, at, &e));
        memcpy(bad, good, size);
        for (int byte = 0; byte < 256; byte++) {
            static uint8_t buffer[1024];
            bad[at] = (uint8_t)byte;
            if (byte != good[at] && mdl_envelope_decode(bad, size, buffer, &e) == MDL_OK) {
                decoded++;
                assert_int_equal(mdl_envelope_verify(&e), MDL_ESIGNATURE);
            }
        }
        memcpy(bad, good, at + 1);
        memcpy(bad + at + 1, good + at, size - at);
        assert_false(opens(bad, size + 1, &e));
        memcpy(bad + at, good + at + 1, size - at - 1);
        assert_false(opens(bad, size - 1, &e));
    }
    assert_true(decoded > 1000); /* so the signature was what refused them */
}

/* `text` has room for the difference. */
static void replace(char *text, const char *from, const char *to) {
    static char rest[2048];
    char *at = strstr(text, from);
    assert_non_null(at);
    snprintf(rest, sizeof rest, "%s%s", to, at + strlen(from));
    memcpy(at, rest, strlen(rest) + 1);
}

/* Equal content in another form. */
static void test_other_forms(void **state) {
    (void)state;
    static const char *const change[][2] = {
        {"{\"payloadType", "{ \"payloadType"},
        {"\":\"application", "\": \"application"},
        {"\"payloadType\"", "\"payloadtype\""},
        {"application/", "application\\/"},
        {"vnd.modulon", "vnd.modulus"},
        {".ping.", ".Ping."},
        {".ping.", ".."},
        {".ping.", ".abcdefghijklmnopq."},
        {".v1+json", ".v2+json"},
        {"YWI=", "YWI"},
        {"YWI=", "YWI=="},
        {"YWI=", "YWJ="}, /* stray bits */
        {"YWI=", "YW I="},
        {"YWI=", "YWI\\n="},
        {"YWI=", ""},
        {"YWI=", "\xbaWI="}, /* libsodium 1.0.18 takes it */
        {"YWI=", "===="},
        {"YWI=", "Y==="},
        {"YWI=", "YWI=YWI="},
        {"\"signatures\":[", "\"signatures\":["
                             "{\"keyid\":\"\",\"sig\":\"\"},"},
        {"\"keyid\"", "\"keyID\""},
        {"}]}", "}]}\n"},
        {"}]}", "}],\"x\":1}"},
        {"}]}", "},{}]}"},
        {"}]}", ",\"x\":\"y\"}]}"},
        {"\",\"payload\"", "\" ,\"payload\""},
    };
    char text[2048];
    mdl_envelope e;
    size_t size = seal_text("ping", "ab");
    envelope[size] = '\0';
    assert_true(opens(envelope, size, &e));
    for (size_t i = 0; i < sizeof change / sizeof change[0]; i++) {
        uint8_t buffer[2048];
        memcpy(text, envelope, size + 1);
        replace(text, change[i][0], change[i][1]);
        if (mdl_envelope_decode((uint8_t *)text, strlen(text), buffer, &e) == MDL_OK) {
            fail_msg("taken: %s", text);
        }
    }
    /* No byte stands for another in the signature's base64 either. */
    size_t sig = (size_t)(strstr((char *)envelope, "\"sig\":\"") - (char *)envelope) + 7;
    for (int byte = 0x80; byte < 0x100; byte++) {
        uint8_t buffer[2048];
        memcpy(text, envelope, size + 1);
        text[sig + (size_t)byte % 80] = (char)byte;
        assert_int_equal(mdl_envelope_decode((uint8_t *)text, size, buffer, &e), MDL_ESYNTAX);
    }
    /* Upper-case hexadecimal of the key. */
    memcpy(text, envelope, size + 1);
    char *at = strstr(text, "\"keyid\":\"") + 9;
    at += strcspn(at, "abcdef");
    *at = (char)(*at - 32);
    uint8_t buffer[2048];
    assert_int_equal(mdl_envelope_decode((uint8_t *)text, size, buffer, &e), MDL_ESYNTAX);
}

/* A signature of one type does not pass for another; nor another key's. */
static void test_bound(void **state) {
    (void)state;
    char text[2048];
    mdl_envelope e;
    uint8_t buffer[2048], other_key[MDL_KEY_BYTES], other_secret[MDL_SECRET_BYTES];
    char hex[2][2 * MDL_KEY_BYTES + 1];
    size_t size = seal_text("ping", "ab");
    envelope[size] = '\0';
    memcpy(text, envelope, size + 1);
    replace(text, ".ping.", ".want.");
    assert_int_equal(mdl_envelope_decode((uint8_t *)text, size, buffer, &e), MDL_OK);
    assert_int_equal(mdl_envelope_verify(&e), MDL_ESIGNATURE);
    fixture_key(9, other_key, other_secret);
    mdl_hex(key, sizeof key, hex[0]);
    mdl_hex(other_key, sizeof other_key, hex[1]);
    memcpy(text, envelope, size + 1);
    replace(text, hex[0], hex[1]);
    assert_int_equal(mdl_envelope_decode((uint8_t *)text, size, buffer, &e), MDL_OK);
    assert_int_equal(mdl_envelope_verify(&e), MDL_ESIGNATURE);
}

static void check_weak(void *ctx, size_t count, char **field) {
    (void)ctx;
    uint8_t weak[MDL_KEY_BYTES];
    assert_int_equal(count, 1);
    vectors_hex(field[0], weak, sizeof weak);
    assert_int_equal(mdl_key_check(weak), MDL_EWEAKKEY);
    /* The signature that verifies anything with some libraries: R = B, S = 1,
     * and R = identity, S = 0. */
    uint8_t buffer[64] = "DSSEv1";
    mdl_envelope e = {.pae = buffer, .pae_size = 6, .payload = buffer + 6};
    memcpy(e.key, weak, sizeof weak);
    memset(e.signature, 0x66, 32);
    e.signature[0] = 0x58;
    e.signature[32] = 1;
    assert_int_equal(mdl_envelope_verify(&e), MDL_ESIGNATURE);
    memset(e.signature, 0, sizeof e.signature);
    e.signature[0] = 1;
    assert_int_equal(mdl_envelope_verify(&e), MDL_ESIGNATURE);
}

static void test_weak_keys(void **state) {
    (void)state;
    assert_int_equal(vectors_load("keys-weak", check_weak, NULL), 8);
    assert_int_equal(mdl_key_check(key), MDL_OK);
    /* Any byte changed in a good key: never a crash, often not a point. */
    uint8_t other[MDL_KEY_BYTES];
    int refused = 0;
    for (size_t i = 0; i < sizeof other; i++) {
        memcpy(other, key, sizeof other);
        other[i] ^= 1;
        refused += mdl_key_check(other) != MDL_OK;
    }
    assert_true(refused > 0);
}

static void check_frame_vector(void *ctx, size_t count, char **field) {
    (void)ctx;
    static uint8_t bytes[4096], pae[2048], again[4096], buffer[4096];
    mdl_frame f;
    mdl_envelope e;
    mdl_message m;
    uint8_t digest[MDL_DIGEST_BYTES];
    uint64_t blob_size;
    size_t again_size = 0;
    assert_int_equal(count, 3);
    size_t pae_size = strlen(field[1]) / 2, size = strlen(field[2]) / 2;
    assert_true(pae_size <= sizeof pae && size <= sizeof bytes);
    vectors_hex(field[1], pae, pae_size);
    vectors_hex(field[2], bytes, size);
    assert_int_equal(mdl_frame_decode(bytes, size, &f), MDL_OK);
    assert_int_equal(mdl_envelope_decode(f.envelope, f.envelope_size, buffer, &e), MDL_OK);
    assert_string_equal(e.name, field[0]);
    assert_int_equal(e.pae_size, pae_size);
    assert_memory_equal(e.pae, pae, pae_size);
    assert_int_equal(mdl_envelope_verify(&e), MDL_OK);
    assert_int_equal(mdl_message_of(&e, (mdl_list_room){NULL, 0}, &m, NULL), MDL_OK);
    mdl_message_blob(&m, digest, &blob_size);
    assert_int_equal(mdl_frame_check_blob(&f, digest, blob_size), MDL_OK);
    assert_int_equal(mdl_frame_encode(&f, again, sizeof again, &again_size), MDL_OK);
    assert_int_equal(again_size, size);
    assert_memory_equal(again, bytes, size);

    /* Every other value of a byte of the blob, and of a byte here and there of
     * the rest: refused somewhere on the way. */
    for (size_t at = 0; at < size; at++) {
        uint8_t was = bytes[at];
        bytes[at] ^= (uint8_t)(1u << at % 8);
        int passed = mdl_frame_decode(bytes, size, &f) == MDL_OK && f.envelope_size > 0 &&
                     mdl_envelope_decode(f.envelope, f.envelope_size, buffer, &e) == MDL_OK &&
                     mdl_envelope_verify(&e) == MDL_OK &&
                     mdl_message_of(&e, (mdl_list_room){NULL, 0}, &m, NULL) == MDL_OK;
        if (passed) {
            mdl_message_blob(&m, digest, &blob_size);
            passed = mdl_frame_check_blob(&f, digest, blob_size) == MDL_OK;
        }
        assert_false(passed);
        bytes[at] = was;
    }
}

static void test_frame_vectors(void **state) {
    (void)state;
    assert_int_equal(vectors_load("frames", check_frame_vector, NULL), 3);
}

static void check_key(void *ctx, size_t count, char **field) {
    (void)ctx;
    uint8_t seed[MDL_SEED_BYTES], public[MDL_KEY_BYTES], made[MDL_KEY_BYTES], made_secret[MDL_SECRET_BYTES];
    assert_int_equal(count, 2);
    vectors_hex(field[0], seed, sizeof seed);
    vectors_hex(field[1], public, sizeof public);
    crypto_sign_seed_keypair(made, made_secret, seed);
    assert_memory_equal(made, public, sizeof public);
    assert_memory_equal(made_secret + MDL_SEED_BYTES, public, sizeof public); /* as envelope.h takes it */
}

static void test_key_vector(void **state) {
    (void)state;
    assert_int_equal(vectors_load("key", check_key, NULL), 1);
}

static void test_frame_limits(void **state) {
    (void)state;
    static uint8_t bytes[MDL_FRAME_CALL_MAX + 32], out[MDL_FRAME_CALL_MAX + 32];
    mdl_frame f;
    size_t size;
    for (size_t length = 0; length <= 4; length++) { /* 4 zeros: a receipt of nothing */
        assert_int_equal(mdl_frame_decode(bytes, length, &f), MDL_ESIZE);
    }
    static const struct {
        size_t size;
        uint32_t envelope_size;
        mdl_err err;
    } cases[] = {
        {5, 0, MDL_OK},
        {4 + MDL_RECEIPT_BYTES_MAX, 0, MDL_OK},
        {5 + MDL_RECEIPT_BYTES_MAX, 0, MDL_ESIZE},
        {5, 1, MDL_OK},
        {4, 1, MDL_ESIZE},
        {5, 2, MDL_ESIZE},
        {120, 100, MDL_OK},
        {4 + 65535, 65535, MDL_OK},
        {3 + 65535, 65535, MDL_ESIZE},
        {4 + 65536, 65536, MDL_ESIZE},
        {100, 0x01000001, MDL_ESIZE},
        {sizeof bytes, UINT32_MAX, MDL_ESIZE},
        {sizeof bytes, 0x80000000u, MDL_ESIZE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int byte = 0; byte < 4; byte++) {
            bytes[byte] = (uint8_t)(cases[i].envelope_size >> (8 * byte));
        }
        assert_int_equal(mdl_frame_decode(bytes, cases[i].size, &f), cases[i].err);
        if (cases[i].err == MDL_OK) {
            assert_int_equal(f.envelope_size, cases[i].envelope_size);
            assert_int_equal(f.blob_size, cases[i].size - 4 - cases[i].envelope_size);
            assert_int_equal(mdl_frame_encode(&f, out, cases[i].size, &size), MDL_OK);
            assert_int_equal(size, cases[i].size);
            assert_memory_equal(out, bytes, size);
            assert_int_equal(mdl_frame_encode(&f, out, cases[i].size - 1, &size), MDL_ESIZE);
        }
        /* Only its beginning is here: the same, but for the blob and receipts. */
        int begins = cases[i].err == MDL_OK && cases[i].envelope_size > 0;
        assert_int_equal(mdl_frame_decode_begin(bytes, cases[i].size, &f), begins ? MDL_OK : MDL_ESIZE);
        if (begins) {
            assert_ptr_equal(f.envelope, bytes + 4);
            assert_int_equal(f.envelope_size, cases[i].envelope_size);
            assert_null(f.blob);
            assert_int_equal(f.blob_size, 0);
        }
    }
    /* Sizes alone decide, before anything is read. */
    f = (mdl_frame){bytes, 1, bytes, MDL_FRAME_BLOB_MAX + 1};
    assert_int_equal(mdl_frame_encode(&f, out, SIZE_MAX, &size), MDL_ESIZE);
    f = (mdl_frame){NULL, 0, NULL, 0};
    assert_int_equal(mdl_frame_encode(&f, out, sizeof out, &size), MDL_ESIZE);
}

static void test_blob(void **state) {
    (void)state;
    static const uint8_t blob[] = "abc";
    uint8_t digest[MDL_DIGEST_BYTES], zero[MDL_DIGEST_BYTES] = {0};
    mdl_digest_of(blob, 3, digest);
    mdl_frame f = {blob, 1, blob, 3}, none = {blob, 1, blob, 0};
    assert_int_equal(mdl_frame_check_blob(&f, digest, 3), MDL_OK);
    assert_int_equal(mdl_frame_check_blob(&f, digest, 2), MDL_ESIZE);
    assert_int_equal(mdl_frame_check_blob(&f, digest, (UINT64_C(1) << 32) + 3), MDL_ESIZE);
    assert_int_equal(mdl_frame_check_blob(&f, zero, 3), MDL_EDIGEST);
    assert_int_equal(mdl_frame_check_blob(&none, zero, 0), MDL_OK);
    assert_int_equal(mdl_frame_check_blob(&none, digest, 0), MDL_EDIGEST);
    assert_int_equal(mdl_frame_check_blob(&none, digest, 3), MDL_ESIZE);
    mdl_digest_of(blob, 0, digest); /* the digest of nothing is not "no blob" */
    assert_int_equal(mdl_frame_check_blob(&none, digest, 0), MDL_EDIGEST);
}

int main(void) {
    if (sodium_init() < 0) {
        return 1;
    }
    fixture_key(7, key, secret);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_sign_limits),   cmocka_unit_test(test_decode_limits),
        cmocka_unit_test(test_mutations),    cmocka_unit_test(test_other_forms),   cmocka_unit_test(test_bound),
        cmocka_unit_test(test_weak_keys),    cmocka_unit_test(test_frame_vectors), cmocka_unit_test(test_key_vector),
        cmocka_unit_test(test_frame_limits), cmocka_unit_test(test_blob),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
