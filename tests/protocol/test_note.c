#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "protocol/note.h"
#include "tests/support/vectors.h"

#define DASH "\xE2\x80\x94 "

typedef struct signer {
    mdl_vkey key;
    uint8_t secret[MDL_NOTE_SECRET_BYTES];
} signer;

static signer make(const char *name, uint8_t type, uint8_t number) {
    signer s;
    uint8_t seed[crypto_sign_SEEDBYTES], public[MDL_NOTE_KEY_BYTES];
    memset(seed, number, sizeof seed);
    crypto_sign_seed_keypair(public, s.secret, seed);
    assert_int_equal(mdl_vkey_make(mdl_text_of(name), type, public, &s.key), MDL_OK);
    return s;
}

static void vkey_case(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 4);
    uint8_t raw[MDL_NOTE_KEY_BYTES];
    char text[MDL_VKEY_TEXT_MAX];
    mdl_vkey made, parsed;
    vectors_hex(field[2], raw, sizeof raw);
    assert_int_equal(mdl_vkey_make(mdl_text_of(field[0]), (uint8_t)vectors_u64(field[1]), raw, &made), MDL_OK);
    mdl_vkey_print(&made, text);
    assert_string_equal(text, field[3]);
    assert_int_equal(mdl_vkey_parse(mdl_text_of(field[3]), &parsed), MDL_OK);
    assert_memory_equal(&made, &parsed, sizeof made);
    /* Any other character anywhere is another key's text or none. */
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        char changed[MDL_VKEY_TEXT_MAX];
        memcpy(changed, text, size + 1);
        changed[i] = (char)(changed[i] ^ 1);
        assert_int_not_equal(mdl_vkey_parse(mdl_text_of(changed), &parsed), MDL_OK);
        assert_int_equal(parsed.name[0], 0);
        assert_int_not_equal(mdl_vkey_parse((mdl_text){text, i}, &parsed), MDL_OK);
    }
    text[size] = '=';
    assert_int_not_equal(mdl_vkey_parse((mdl_text){text, size + 1}, &parsed), MDL_OK);
}

static void weak_case(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 1);
    uint8_t raw[MDL_NOTE_KEY_BYTES];
    mdl_vkey key;
    vectors_hex(field[0], raw, sizeof raw);
    assert_int_equal(mdl_vkey_make(mdl_text_of("weak"), MDL_NOTE_TYPE_ED25519, raw, &key), MDL_ERANGE);
    assert_int_equal(mdl_vkey_make(mdl_text_of("weak"), MDL_NOTE_TYPE_COSIGNATURE, raw, &key), MDL_ERANGE);
    /* As text, with the right id. */
    uint8_t hash[crypto_hash_sha256_BYTES], material[33] = {1}, bytes[38] = "weak\n\x01";
    memcpy(bytes + 6, raw, sizeof raw);
    memcpy(material + 1, raw, sizeof raw);
    crypto_hash_sha256(hash, bytes, sizeof bytes);
    char text[100], hex[9];
    sodium_bin2hex(hex, sizeof hex, hash, 4);
    mdl_text_out out = {text, sizeof text, 0};
    mdl_text_put_string(&out, "weak+");
    mdl_text_put_string(&out, hex);
    mdl_text_put_string(&out, "+");
    mdl_base64_put(&out, material, sizeof material);
    assert_int_equal(mdl_vkey_parse((mdl_text){text, out.size}, &key), MDL_ERANGE);
}

static void test_keys(void **state) {
    (void)state;
    assert_true(vectors_load("vkeys", vkey_case, NULL) >= 7);
    assert_true(vectors_load("weak-keys", weak_case, NULL) >= 17);
    static const char *const bad[] = {"",      "a b",         "a+b",           "a\tb",         "a\nb",
                                      "a\x01", "a\xC2\xA0",   "\xE2\x80\x83x", "\xE3\x80\x80", "a\xC2\x85",
                                      "\xFF",  "\xE1\x9A\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(mdl_note_name_ok(mdl_text_of(bad[i])));
    }
    char name[MDL_NOTE_NAME_MAX + 1];
    memset(name, 'n', sizeof name);
    assert_true(mdl_note_name_ok((mdl_text){name, MDL_NOTE_NAME_MAX}));
    assert_false(mdl_note_name_ok((mdl_text){name, MDL_NOTE_NAME_MAX + 1}));
    mdl_vkey key;
    signer s = make("n", MDL_NOTE_TYPE_ED25519, 1);
    assert_int_equal(mdl_vkey_make(mdl_text_of("n"), 6, s.key.key, &key), MDL_ENOENT);
    assert_int_equal(mdl_vkey_make(mdl_text_of("n "), 1, s.key.key, &key), MDL_ESYNTAX);
    /* The longest name prints and parses. */
    char text[MDL_VKEY_TEXT_MAX];
    assert_int_equal(mdl_vkey_make((mdl_text){name, MDL_NOTE_NAME_MAX}, 1, s.key.key, &key), MDL_OK);
    mdl_vkey_print(&key, text);
    assert_int_equal(strlen(text), MDL_VKEY_TEXT_MAX - 1);
    assert_int_equal(mdl_vkey_parse(mdl_text_of(text), &key), MDL_OK);
}

/* The trap: this key and this signature fit every message in some libraries. */
static void test_universal_signature(void **state) {
    (void)state;
    uint8_t key[32] = {1}, signature[64];
    memset(signature, 0x66, 32);
    signature[0] = 0x58;
    memset(signature + 32, 0, 32);
    signature[32] = 1;
    assert_int_not_equal(crypto_sign_verify_detached(signature, (const uint8_t *)"any", 3, key), 0);
    mdl_vkey v;
    assert_int_equal(mdl_vkey_make(mdl_text_of("log"), 1, key, &v), MDL_ERANGE);
}

static void note_case(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 2);
    mdl_vkey key;
    mdl_note note;
    mdl_note_seal seal;
    uint8_t bytes[2048];
    char back[2048];
    size_t size = strlen(field[1]) / 2;
    vectors_hex(field[1], bytes, size);
    assert_int_equal(mdl_vkey_parse(mdl_text_of(field[0]), &key), MDL_OK);
    mdl_text text = {(const char *)bytes, size};
    assert_int_equal(mdl_note_parse(text, &note), MDL_OK);
    assert_int_equal(mdl_note_verify(&note, &key, 1, &seal), MDL_OK);
    assert_int_equal(seal.signed_by, 1);
    mdl_text_out out = {back, sizeof back, 0};
    mdl_note_put(&note, &out);
    assert_true(mdl_text_equal((mdl_text){back, out.size}, text));
    /* Any bit of the text or of this key's line changed: never verified. */
    size_t own = 0;
    for (uint32_t i = 0; i < note.count; i++) {
        if (mdl_text_equal(note.signature[i].name, mdl_text_of(key.name))) {
            own = (size_t)(note.signature[i].name.at - text.at);
        }
    }
    size_t end = own + strlen(key.name) + 1 + MDL_BASE64_CHARS(68);
    for (size_t i = 0; i < size; i++) {
        if (i >= note.text.size && (i < own || i >= end)) {
            continue;
        }
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1 << bit);
            mdl_note changed;
            if (mdl_note_parse(text, &changed) == MDL_OK) {
                assert_int_not_equal(mdl_note_verify(&changed, &key, 1, &seal), MDL_OK);
                assert_int_equal(seal.signed_by, 0);
            }
            bytes[i] ^= (uint8_t)(1 << bit);
        }
    }
    for (size_t cut = 0; cut < size; cut++) { /* no beginning is this note, unless it lost later lines only */
        mdl_note changed;
        if (mdl_note_parse((mdl_text){text.at, cut}, &changed) == MDL_OK &&
            mdl_note_verify(&changed, &key, 1, &seal) == MDL_OK) {
            assert_true(cut > end && changed.count < note.count);
        }
    }
}

static void test_notes(void **state) {
    (void)state;
    assert_true(vectors_load("notes", note_case, NULL) >= 5);
}

static void test_malformed(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "\n",
                                      "\n\n",
                                      "a",
                                      "a\n",
                                      "a\n\n",
                                      "a\n\n\n",
                                      "a\n" DASH "n AAAAAAA=\n",
                                      "a\n\n" DASH "n AAAAAAA=",
                                      "a\n\n" DASH "n AAAA\n",
                                      "a\n\n" DASH "n AAAAAA==\n",
                                      "a\n\n" DASH "n \n",
                                      "a\n\n" DASH "n\n",
                                      "a\n\n" DASH " AAAAAAA=\n",
                                      "a\n\n- n AAAAAAA=\n",
                                      "a\n\n\xE2\x80\x94n AAAAAAA=\n",
                                      "a\n\n\xE2\x80\x93 n AAAAAAA=\n",
                                      "a\n\n" DASH "n+m AAAAAAA=\n",
                                      "a\n\n" DASH "n AAAAAAA= \n",
                                      "a\n\n" DASH "n  AAAAAAA=\n",
                                      "a\n\n" DASH "n AAAAAAB=\n",
                                      "a\n\n" DASH "n AAAAAAA=\r\n",
                                      "a\r\n\n" DASH "n AAAAAAA=\n",
                                      "a\t\n\n" DASH "n AAAAAAA=\n",
                                      "a\xFF\n\n" DASH "n AAAAAAA=\n",
                                      "a\n\n" DASH "n AAAAAAA=\njunk\n",
                                      "a\n\njunk\n" DASH "n AAAAAAA=\n",
                                      "\n" DASH "n AAAAAAA=\n",
                                      "a\n\n" DASH "n\xC2\xA0m AAAAAAA=\n"};
    mdl_note note;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(mdl_note_parse(mdl_text_of(bad[i]), &note), MDL_ESYNTAX);
        assert_int_equal(note.count, 0);
    }
    assert_int_equal(mdl_note_parse((mdl_text){"a\0\n\n" DASH "n AAAAAAA=\n", 20}, &note), MDL_ESYNTAX);
    static const char *const good[] = {"a\n\n" DASH "n AAAAAAA=\n", "\n\n" DASH "n AAAAAAA=\n",
                                       "a\n\nb\n\n\n\n" DASH "n AAAAAAA=\n" DASH "\xC3\xA9 AAAAAAAA\n"};
    static const size_t text_size[] = {2, 1, 7};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(mdl_note_parse(mdl_text_of(good[i]), &note), MDL_OK);
        assert_int_equal(note.text.size, text_size[i]);
    }
}

/* Text and lines as one note. */
static mdl_text join(char *room, size_t capacity, const char *text, const signer *s, size_t count) {
    mdl_text_out out = {room, capacity, 0};
    mdl_text_put_string(&out, text);
    mdl_text_put_string(&out, "\n");
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(mdl_note_sign(mdl_text_of(text), &s[i].key, s[i].secret,
                                       s[i].key.type == MDL_NOTE_TYPE_COSIGNATURE ? 1000 + i : 0, &out),
                         MDL_OK);
    }
    return (mdl_text){room, out.size};
}

static void test_many_signatures(void **state) {
    (void)state;
    static signer s[MDL_NOTE_SIGNATURES_MAX + 1];
    static char room[MDL_NOTE_MAX];
    static mdl_vkey key[MDL_NOTE_SIGNATURES_MAX];
    mdl_note_seal seal[MDL_NOTE_SIGNATURES_MAX];
    mdl_note note;
    for (size_t i = 0; i <= MDL_NOTE_SIGNATURES_MAX; i++) {
        s[i] = make("same.name", i % 2 ? MDL_NOTE_TYPE_COSIGNATURE : MDL_NOTE_TYPE_ED25519, (uint8_t)i);
        if (i < MDL_NOTE_SIGNATURES_MAX) {
            key[i] = s[i].key;
        }
    }
    mdl_text text = join(room, sizeof room, "text\n", s, MDL_NOTE_SIGNATURES_MAX);
    assert_int_equal(mdl_note_parse(text, &note), MDL_OK);
    assert_int_equal(note.count, MDL_NOTE_SIGNATURES_MAX);
    assert_int_equal(mdl_note_verify(&note, key, MDL_NOTE_SIGNATURES_MAX, seal), MDL_OK);
    for (uint64_t i = 0; i < MDL_NOTE_SIGNATURES_MAX; i++) {
        assert_int_equal(seal[i].signed_by, 1);
        assert_true(seal[i].time_s == (i % 2 ? 1000 + i : 0));
    }
    text = join(room, sizeof room, "text\n", s, MDL_NOTE_SIGNATURES_MAX + 1);
    assert_int_equal(mdl_note_parse(text, &note), MDL_ESIZE);
    assert_int_equal(mdl_note_parse((mdl_text){room, MDL_NOTE_MAX + 1}, &note), MDL_ESIZE);
}

static void test_known_and_unknown(void **state) {
    (void)state;
    char room[4096];
    mdl_note note;
    mdl_note_seal seal[2];
    signer s[3] = {make("a", MDL_NOTE_TYPE_ED25519, 1), make("b", MDL_NOTE_TYPE_COSIGNATURE, 2),
                   make("a", MDL_NOTE_TYPE_COSIGNATURE, 3)};
    mdl_text text = join(room, sizeof room, "text\n", s, 3);
    mdl_vkey keys[2] = {s[0].key, s[1].key};
    assert_int_equal(mdl_note_parse(text, &note), MDL_OK);
    assert_int_equal(mdl_note_verify(&note, keys, 2, seal), MDL_OK);
    assert_true(seal[0].signed_by && seal[1].signed_by && seal[1].time_s == 1001);
    /* A stranger's line spoiled: ignored. A known key's: all is condemned. */
    for (uint32_t i = 0; i < 3; i++) {
        char *at = room + (note.signature[i].base64.at - room) + 60;
        char was = *at;
        *at = was == 'A' ? 'B' : 'A';
        assert_int_equal(mdl_note_verify(&note, keys, 2, seal), i == 2 ? MDL_OK : MDL_ESIGNATURE);
        assert_int_equal(seal[0].signed_by, i == 2);
        assert_int_equal(mdl_note_verify(&note, keys, 1, seal), i == 0 ? MDL_ESIGNATURE : MDL_OK);
        *at = was;
    }
    /* Known name or id alone is a stranger. */
    signer d = make("d", MDL_NOTE_TYPE_ED25519, 1), other = make("a", MDL_NOTE_TYPE_ED25519, 9);
    keys[0] = d.key;
    keys[1] = other.key;
    assert_int_equal(mdl_note_verify(&note, keys, 2, seal), MDL_ENOENT);
    assert_int_equal(mdl_note_verify(&note, keys, 0, seal), MDL_ENOENT);
    /* The same name and id with another key: its line is then a bad signature. */
    memcpy(keys[1].id, s[0].key.id, 4);
    assert_int_equal(mdl_note_verify(&note, keys, 2, seal), MDL_ESIGNATURE);
    keys[0] = keys[1];
    assert_int_equal(mdl_note_verify(&note, keys, 2, seal), MDL_EKEY);
    /* A line too short or too long for a known key. */
    char short_note[400];
    mdl_text_out out = {short_note, sizeof short_note, 0};
    mdl_text_put_string(&out, "text\n\n" DASH "a ");
    uint8_t bytes[100] = {0};
    memcpy(bytes, s[0].key.id, 4);
    for (size_t size = 5; size < 100; size++) {
        out.size = strlen("text\n\n" DASH "a ");
        mdl_base64_put(&out, bytes, size);
        mdl_text_put_string(&out, "\n");
        assert_int_equal(mdl_note_parse((mdl_text){short_note, out.size}, &note), MDL_OK);
        assert_int_equal(mdl_note_verify(&note, &s[0].key, 1, seal), MDL_ESIGNATURE);
        assert_int_equal(mdl_note_verify(&note, &s[1].key, 1, seal), MDL_ENOENT);
    }
}

static void test_sign(void **state) {
    (void)state;
    /* The documented example, signed again: Ed25519 is deterministic. */
    static const char peter[] = "If you think cryptography is the answer to your problem,\n"
                                "then you don't know what your problem is.\n";
    static const char line[] =
        DASH "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6"
             "RyyBwJnAM=\n";
    uint8_t skey[33];
    signer s;
    assert_int_equal(mdl_base64_exact(mdl_text_of("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"), skey, sizeof skey),
                     MDL_OK);
    uint8_t public[32];
    crypto_sign_seed_keypair(public, s.secret, skey + 1);
    assert_int_equal(mdl_vkey_make(mdl_text_of("PeterNeumann"), skey[0], public, &s.key), MDL_OK);
    char room[MDL_NOTE_LINE_MAX];
    mdl_text_out out = {room, sizeof room, 0};
    assert_int_equal(mdl_note_sign(mdl_text_of(peter), &s.key, s.secret, 0, &out), MDL_OK);
    assert_true(mdl_text_equal((mdl_text){room, out.size}, mdl_text_of(line)));

    static const char *const bad[] = {"", "a", "a\nb", "a\r\n", "\xFF\n", "\x01\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(mdl_note_sign(mdl_text_of(bad[i]), &s.key, s.secret, 0, &out), MDL_ESYNTAX);
    }
    assert_int_equal(mdl_note_sign(mdl_text_of(peter), &s.key, s.secret, 1, &out), MDL_ERANGE);
    signer w = make("w", MDL_NOTE_TYPE_COSIGNATURE, 4);
    out.size = 0;
    assert_int_equal(mdl_note_sign(mdl_text_of(peter), &w.key, w.secret, MDL_NOTE_TIME_MAX + 1, &out), MDL_ERANGE);
    assert_int_equal(mdl_note_sign(mdl_text_of(peter), &w.key, s.secret, 5, &out), MDL_EMISMATCH);
    /* Public key in place, seed of another: would leak the secret. */
    uint8_t mixed[64];
    memcpy(mixed, s.secret, 32);
    memcpy(mixed + 32, w.secret + 32, 32);
    assert_int_equal(mdl_note_sign(mdl_text_of(peter), &w.key, mixed, 5, &out), MDL_EMISMATCH);
    assert_int_equal(out.size, 0);
    out.capacity = 50;
    assert_int_equal(mdl_note_sign(mdl_text_of(peter), &w.key, w.secret, 5, &out), MDL_ESIZE);
    /* The longest line fits its constant. */
    char name[MDL_NOTE_NAME_MAX];
    memset(name, 'n', sizeof name);
    assert_int_equal(mdl_vkey_make((mdl_text){name, sizeof name}, MDL_NOTE_TYPE_COSIGNATURE, w.key.key, &w.key),
                     MDL_OK);
    out = (mdl_text_out){room, sizeof room, 0};
    assert_int_equal(mdl_note_sign(mdl_text_of(peter), &w.key, w.secret, MDL_NOTE_TIME_MAX, &out), MDL_OK);
    assert_int_equal(out.size, MDL_NOTE_LINE_MAX);
}

static int setup(void **state) {
    (void)state;
    return sodium_init() < 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_universal_signature),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_many_signatures),
        cmocka_unit_test(test_known_and_unknown),
        cmocka_unit_test(test_sign),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
