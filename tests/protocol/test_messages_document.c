/* Chapter 2 of the protocol: its vectors, and its tables, which are the program's.
 * "test_messages_document --write" writes the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/messages.h"
#include "tests/support/vectors.h"

static uint64_t list_out[MDL_LIST_MAX];
static const mdl_list_room room = {list_out, MDL_LIST_MAX};

/* Re-encodes what decoded and demands the same bytes. */
static void assert_same(const mdl_message *m, const uint8_t *payload, size_t size) {
    static uint8_t again[MDL_PAYLOAD_BYTES_MAX];
    size_t again_size = 0;
    assert_int_equal(mdl_message_encode(m, again, sizeof again, &again_size, NULL), MDL_OK);
    assert_int_equal(again_size, size);
    assert_memory_equal(again, payload, size);
}

/* name, payload, signature, BLAKE2b-256 of the frame */
static void check_vector(void *ctx, size_t count, char **field) {
    uint64_t *seen = ctx;
    static uint8_t work[MDL_SEAL_WORK_BYTES], envelope[MDL_ENVELOPE_BYTES_MAX], buffer[MDL_ENVELOPE_BYTES_MAX],
        frame[MDL_FRAME_CALL_MAX + 64];
    static mdl_message m;
    uint8_t key[MDL_KEY_BYTES], secret[MDL_SECRET_BYTES], seed[MDL_SEED_BYTES], signature[MDL_SIGNATURE_BYTES],
        digest[MDL_DIGEST_BYTES], expected[MDL_DIGEST_BYTES];
    static const uint8_t fitnesses[16] = {0x40, 0x42, 0x0f, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255};
    mdl_message_type type;
    mdl_envelope e;
    size_t size, frame_size;
    assert_int_equal(count, 4);
    assert_int_equal(mdl_message_type_of(field[0], &type), MDL_OK);
    *seen |= UINT64_C(1) << type;
    vectors_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed, sizeof seed);
    crypto_sign_seed_keypair(key, secret, seed);
    vectors_hex(field[2], signature, sizeof signature);
    vectors_hex(field[3], expected, sizeof expected);
    const uint8_t *payload = (const uint8_t *)field[1];
    if (mdl_message_decode(type, payload, strlen(field[1]), room, &m, NULL) != MDL_OK) {
        fail_msg("refused: %s", field[1]);
    }
    assert_same(&m, payload, strlen(field[1]));
    assert_int_equal(mdl_message_shape(&m), MDL_OK);
    assert_int_equal(mdl_message_seal(&m, secret, work, envelope, sizeof envelope, &size), MDL_OK);
    assert_int_equal(mdl_envelope_decode(envelope, size, buffer, &e), MDL_OK);
    assert_memory_equal(e.signature, signature, sizeof signature);
    assert_int_equal(mdl_envelope_verify(&e), MDL_OK);
    mdl_frame f = {envelope, size, NULL, 0};
    uint64_t blob_size;
    mdl_message_blob(&m, digest, &blob_size);
    if (blob_size == sizeof fitnesses) {
        f.blob = fitnesses;
        f.blob_size = sizeof fitnesses;
    } else if (type == MDL_MSG_DOCUMENT) {
        f.blob = (const uint8_t *)"{}\n";
        f.blob_size = 3;
    } else if (type == MDL_MSG_PROOF) {
        f.blob = (const uint8_t *)"0123456789abcdef0123456789abcdef";
        f.blob_size = 32;
    }
    assert_int_equal(mdl_frame_check_blob(&f, digest, blob_size), MDL_OK);
    assert_int_equal(mdl_frame_encode(&f, frame, sizeof frame, &frame_size), MDL_OK);
    mdl_digest_of(frame, frame_size, digest);
    assert_memory_equal(digest, expected, sizeof digest);
}

static void test_vectors(void **state) {
    (void)state;
    uint64_t seen = 0;
    vectors_load("messages", check_vector, &seen);
    assert_true(seen == (UINT64_C(1) << MDL_MSG_COUNT) - 1); /* each type */
}

/* what is wrong, type, payload in hex */
static void check_refused(void *ctx, size_t count, char **field) {
    (void)ctx;
    static mdl_message m;
    static uint8_t payload[2048];
    mdl_message_type type;
    assert_int_equal(count, 3);
    size_t size = strlen(field[2]) / 2;
    assert_true(size <= sizeof payload);
    vectors_hex(field[2], payload, size);
    assert_int_equal(mdl_message_type_of(field[1], &type), MDL_OK);
    if (mdl_message_decode(type, payload, size, room, &m, NULL) == MDL_OK) {
        fail_msg("%s was not refused", field[0]);
    }
}

static void test_refused_vectors(void **state) {
    (void)state;
    assert_true(vectors_load("messages-refused", check_refused, NULL) >= 20);
}

/* The tables in the document. */
typedef struct text {
    char bytes[1 << 16];
    size_t size;
} text;

static void text_write(void *ctx, const void *bytes, size_t size) {
    text *t = ctx;
    assert_true(size < sizeof t->bytes - t->size);
    memcpy(t->bytes + t->size, bytes, size);
    t->size += size;
    t->bytes[t->size] = '\0';
}

static const char table_begin[] = "<!-- tables: written by test_messages_document --write, do not edit -->\n";
static const char table_end[] = "<!-- end of tables -->\n";
static char document[1 << 19];

static const char path[] = "docs/PROTOCOL.md";

/* Whether the document is there and has the tables. */
static int read_document(void) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        return 0;
    }
    size_t size = fread(document, 1, sizeof document - 1, file);
    fclose(file);
    document[size] = '\0';
    return size < sizeof document - 1 && strstr(document, table_begin) && strstr(document, table_end);
}

static void test_reference(void **state) {
    (void)state;
    static text reference;
    mdl_messages_write_reference(&(mdl_sink){text_write, &reference});
    assert_true(read_document());
    const char *from = strstr(document, table_begin) + strlen(table_begin), *end = strstr(document, table_end);
    if ((size_t)(end - from) != reference.size || memcmp(from, reference.bytes, reference.size) != 0) {
        fail_msg("the tables of the document are not those of the program: test_messages_document --write");
    }
}

static int write_reference(void) {
    static text reference;
    mdl_messages_write_reference(&(mdl_sink){text_write, &reference});
    FILE *file = read_document() ? fopen(path, "wb") : NULL;
    if (!file) {
        fputs("no document with tables\n", stderr);
        return 1;
    }
    const char *from = strstr(document, table_begin) + strlen(table_begin);
    fprintf(file, "%.*s%s%s", (int)(from - document), document, reference.bytes, strstr(document, table_end));
    return fclose(file) != 0;
}

int main(int argc, char **argv) {
    if (sodium_init() < 0) {
        return 1;
    }
    if (argc == 2 && strcmp(argv[1], "--write") == 0) {
        return write_reference();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_refused_vectors),
        cmocka_unit_test(test_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
