/* Small files that a user or a disk gives to a reader that takes a path. The first byte picks the reader; where the
 * second is odd, the rest are changes of a true file (place u16 and what is XORed there), else the file itself behind
 * the beginning that every such file has.
 *   A key or session file that is taken is the one line that says the same.
 *   A ledger's head is that of the newer whole slot.
 *   Observations that are taken are in their range, and end.
 *   A champion that is taken is written, read again and written as the same bytes.
 * Whatever is refused has a sentence. Argon2 is left out: a hash stands for it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include <math.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/inputs.h"
#include "cli/session_file.h"
#include "core/assert.h"
#include "protocol/digest.h"
#include "runtime/champion.h"
#include "runtime/keyfile.h"
#include "store/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KINDS = 6, SLOT_STRIDE = 4096, SLOT = 80, TRUE_MAX = 16384, SENSORS = 2, MOTORS = 3 };
enum { HEAD, KEY, SEALED, SESSION, INPUTS, CHAMPION };

static const char passphrase[] = "correct horse";
static const char document[] =
    "{\"name\":\"files\",\"task\":\"bandit\",\"network\":{\"neurons\":2,\"ring\":\"dense\"},\"verification\":\"off\","
    "\"test_episodes\":1,\"evolution\":{\"generations\":1,\"episodes\":1,\"validate_every\":1,\"validate_episodes\":1,"
    "\"islands\":[{\"algorithm\":\"es\",\"population\":4}]}}";

/* For 64 MiB and 60 ms. */
int crypto_pwhash_argon2id(unsigned char *const out, unsigned long long outlen, const char *const passwd,
                           unsigned long long passwdlen, const unsigned char *const salt, unsigned long long opslimit,
                           size_t memlimit, int alg) {
    (void)opslimit;
    (void)memlimit;
    (void)alg;
    return crypto_generichash(out, (size_t)outlen, (const unsigned char *)passwd, passwdlen, salt, 16);
}

typedef struct bytes {
    uint8_t at[TRUE_MAX];
    size_t size;
} bytes;

static struct {
    int file;
    char path[32];
    bytes right[KINDS]; /* true files */
} it;

static void put_text(bytes *b, const char *text) {
    MDL_ASSERT(strlen(text) < TRUE_MAX - b->size);
    memcpy(b->at + b->size, text, strlen(text));
    b->size += strlen(text);
}

static void put_hex(bytes *b, const uint8_t *from, size_t size, char end) {
    char hex[2 * 64 + 2];
    MDL_ASSERT(size <= 64);
    mdl_hex(from, size, hex);
    hex[2 * size] = end;
    hex[2 * size + 1] = 0;
    put_text(b, hex);
}

static void put_slot(uint8_t *at, uint64_t size, uint8_t root) {
    memset(at, root, SLOT);
    memcpy(at, "MDLHEAD1", 8);
    for (int i = 0; i < 8; i++)
        at[8 + i] = (uint8_t)(size >> (8 * i));
    mdl_digest_of(at, SLOT - MDL_DIGEST_BYTES, at + SLOT - MDL_DIGEST_BYTES);
}

static void prepare_champion(bytes *b) {
    char error[256];
    mdl_experiment_file f;
    mdl_champion c;
    mdl_genome_layout layout;
    mdl_buffer made = {0};
    mdl_err err = mdl_experiment_file_parse(&f, "", document, strlen(document), error, sizeof error);
    MDL_ASSERT(err == MDL_OK && mdl_genome_layout_of(&f.experiment, &layout) == 0);
    float *genome = calloc(layout.genes, sizeof *genome);
    MDL_ASSERT(genome && mdl_champion_of_genome(&c, &f, genome) == MDL_OK);
    err = mdl_champion_bytes(&c, &made);
    MDL_ASSERT(err == MDL_OK && made.size <= TRUE_MAX);
    memcpy(b->at, made.bytes, made.size);
    b->size = made.size;
    free(made.bytes);
    free(genome);
    mdl_champion_close(&c);
    mdl_experiment_file_close(&f);
}

static void prepare(void) {
    static const uint8_t salt[16] = {1}, nonce[24] = {2}, experiment[32] = {3};
    uint8_t seed[32] = {4}, public[32], secret[64], key[32], box[48];
    char statement[MDL_KEY_SESSION_TEXT + 1];
    MDL_ASSERT(sodium_init() >= 0);
    it.file = memfd_create("fuzz", 0);
    MDL_ASSERT(it.file >= 0 && fchmod(it.file, 0600) == 0);
    snprintf(it.path, sizeof it.path, "/proc/self/fd/%d", it.file);
    crypto_sign_seed_keypair(public, secret, seed);
    put_slot(it.right[HEAD].at, 7, 1);
    put_slot(it.right[HEAD].at + SLOT_STRIDE, 8, 2);
    it.right[HEAD].size = SLOT_STRIDE + SLOT;
    put_text(&it.right[KEY], "modulon-key-v1 ");
    put_hex(&it.right[KEY], seed, sizeof seed, ' ');
    put_hex(&it.right[KEY], public, sizeof public, '\n');
    int full = crypto_pwhash_argon2id(key, sizeof key, passphrase, strlen(passphrase), salt, 2, 64 << 20, 2);
    MDL_ASSERT(!full);
    crypto_secretbox_easy(box, seed, sizeof seed, nonce, key);
    put_text(&it.right[SEALED], "modulon-sealed-key-v1 ");
    put_hex(&it.right[SEALED], salt, sizeof salt, ' ');
    put_hex(&it.right[SEALED], nonce, sizeof nonce, ' ');
    put_hex(&it.right[SEALED], box, sizeof box, ' ');
    put_hex(&it.right[SEALED], public, sizeof public, '\n');
    const mdl_session_key terms = {.number = 1, .until = 9};
    mdl_session_key own = terms;
    memcpy(own.key, public, sizeof own.key);
    mdl_session_key_make(experiment, public, &own, secret, statement);
    put_text(&it.right[SESSION], "modulon-session-key-v1 ");
    put_hex(&it.right[SESSION], experiment, sizeof experiment, ' ');
    put_hex(&it.right[SESSION], public, sizeof public, ' ');
    put_hex(&it.right[SESSION], seed, sizeof seed, ' ');
    put_text(&it.right[SESSION], statement);
    put_text(&it.right[SESSION], "\n");
    put_text(&it.right[INPUTS], "1,0.5\n\n{\"obs\":[0,-1e2],\"reward\":1,\"wipe\":true}\r\n"
                                "{\"obs\":[1,2],\"teach\":2,\"frozen\":false}\n-1000,1e-3");
    prepare_champion(&it.right[CHAMPION]);
}

/* The file's bytes; returns how many. */
static size_t fill(uint8_t kind, int change, const uint8_t *data, size_t size, uint8_t *out) {
    static const size_t head[KINDS] = {
        [KEY] = 15, [SEALED] = 22, [SESSION] = 23}; /* what tells one kind of line from others */
    const bytes *right = &it.right[kind];
    if (kind == HEAD && !change && size == 2 * (SLOT - MDL_DIGEST_BYTES)) { /* two bodies, their digests right */
        memset(out, 0, right->size);
        for (int slot = 0; slot < 2; slot++) {
            uint8_t *at = out + (size_t)slot * SLOT_STRIDE;
            memcpy(at, data + (size_t)slot * (SLOT - MDL_DIGEST_BYTES), SLOT - MDL_DIGEST_BYTES);
            mdl_digest_of(at, SLOT - MDL_DIGEST_BYTES, at + SLOT - MDL_DIGEST_BYTES);
        }
        return right->size;
    }
    if (change) {
        memcpy(out, right->at, right->size);
        for (size_t i = 0; i + 2 < size; i += 3)
            out[(data[i] | (size_t)data[i + 1] << 8) % right->size] ^= data[i + 2];
        return right->size;
    }
    size = size < TRUE_MAX - head[kind] ? size : TRUE_MAX - head[kind];
    memcpy(out, right->at, head[kind]);
    if (size > 0)
        memcpy(out + head[kind], data, size);
    return head[kind] + size;
}

/* Whether a slot is whole, and then the records that it counts. */
static int whole(const uint8_t *file, size_t size, int slot, uint64_t *records) {
    uint8_t digest[MDL_DIGEST_BYTES];
    const uint8_t *at = file + (size_t)slot * SLOT_STRIDE;
    if (size < (size_t)slot * SLOT_STRIDE + SLOT)
        return 0;
    mdl_digest_of(at, SLOT - sizeof digest, digest);
    *records = 0;
    for (int i = 7; i >= 0; i--)
        *records = *records << 8 | at[8 + i];
    return memcmp(at, "MDLHEAD1", 8) == 0 && memcmp(digest, at + SLOT - sizeof digest, sizeof digest) == 0;
}

static mdl_err read_head(const uint8_t *at, size_t size, char *error, size_t error_size) {
    mdl_head h;
    uint64_t records[2];
    mdl_err err = mdl_head_read(&h, it.path, error, error_size);
    int first = whole(at, size, 0, &records[0]), second = whole(at, size, 1, &records[1]);
    MDL_ASSERT((err == MDL_OK) == (first || second));
    if (err == MDL_OK) {
        int newer = first && second ? records[1] > records[0] : second;
        MDL_ASSERT(h.slot == newer && h.size == records[newer]);
        MDL_ASSERT(memcmp(h.root.bytes, at + newer * SLOT_STRIDE + 16, sizeof h.root.bytes) == 0);
    }
    return err;
}

static mdl_err read_key(const uint8_t *at, size_t size, int sealed, char *error, size_t error_size) {
    uint8_t secret[MDL_KEYFILE_SECRET];
    mdl_err err = sealed ? mdl_keyfile_unseal(it.path, passphrase, strlen(passphrase), secret, error, error_size)
                         : mdl_keyfile_read(it.path, secret, error, error_size);
    if (err != MDL_OK) {
        MDL_ASSERT(sodium_is_zero(secret, sizeof secret));
        return err;
    }
    static bytes again;
    again.size = 0;
    if (!sealed) {
        put_text(&again, "modulon-key-v1 ");
        put_hex(&again, secret, 32, ' ');
    }
    put_hex(&again, secret + 32, 32, '\n');
    MDL_ASSERT(size >= again.size && memcmp(at + size - again.size, again.at, again.size) == 0);
    MDL_ASSERT(sealed || size == again.size);
    return err;
}

static mdl_err read_session(const uint8_t *at, size_t size, char *error, size_t error_size) {
    mdl_session_file f;
    mdl_err err = mdl_session_file_read(it.path, &f, error, error_size);
    if (err != MDL_OK)
        return err;
    static bytes again;
    again.size = 0;
    put_text(&again, "modulon-session-key-v1 ");
    put_hex(&again, f.experiment, sizeof f.experiment, ' ');
    put_hex(&again, f.worker, sizeof f.worker, ' ');
    put_hex(&again, f.secret, 32, ' ');
    put_text(&again, f.statement);
    put_text(&again, "\n");
    MDL_ASSERT(again.size == size && memcmp(again.at, at, size) == 0);
    return err;
}

static mdl_err read_inputs(char *error, size_t error_size) {
    mdl_inputs in;
    mdl_err err = mdl_inputs_read(&in, it.path, SENSORS, MOTORS, error, error_size);
    MDL_ASSERT((err == MDL_OK) == (in.count > 0) && (in.count > 0) == (in.out != NULL));
    for (uint32_t i = 0; i < in.count; i++) {
        const mdl_task_out *o = &in.out[i];
        for (int k = 0; k < SENSORS; k++)
            MDL_ASSERT(fabsf(o->obs[k]) <= 1000.0f);
        MDL_ASSERT(fabsf(o->reward) <= 1000.0f && o->teach < MOTORS && !(o->flags & MDL_OUT_DONE));
    }
    MDL_ASSERT(err != MDL_OK || in.out[in.count].flags == MDL_OUT_DONE);
    mdl_inputs_close(&in);
    return err;
}

static void fill_file(const uint8_t *at, size_t size) {
    MDL_ASSERT(ftruncate(it.file, (off_t)size) == 0 && pwrite(it.file, at, size, 0) == (ssize_t)size);
}

static mdl_err read_champion(char *error, size_t error_size) {
    mdl_champion c;
    mdl_buffer first = {0}, second = {0};
    mdl_err err = mdl_champion_read(&c, it.path, error, error_size);
    if (err != MDL_OK)
        return err;
    MDL_ASSERT(mdl_champion_bytes(&c, &first) == MDL_OK);
    mdl_champion_close(&c);
    fill_file(first.bytes, first.size);
    MDL_ASSERT(mdl_champion_read(&c, it.path, error, error_size) == MDL_OK);
    MDL_ASSERT(mdl_champion_bytes(&c, &second) == MDL_OK);
    MDL_ASSERT(first.size == second.size && memcmp(first.bytes, second.bytes, first.size) == 0);
    mdl_champion_close(&c);
    free(first.bytes);
    free(second.bytes);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t at[TRUE_MAX];
    char error[1024] = "";
    mdl_err err = MDL_OK;
    if (it.path[0] == 0)
        prepare();
    if (size < 2)
        return 0;
    uint8_t kind = data[0] % KINDS;
    size_t length = fill(kind, data[1] % 2, data + 2, size - 2, at);
    fill_file(at, length);
    switch (kind) {
    case HEAD:
        err = read_head(at, length, error, sizeof error);
        break;
    case KEY:
    case SEALED:
        err = read_key(at, length, kind == SEALED, error, sizeof error);
        break;
    case SESSION:
        err = read_session(at, length, error, sizeof error);
        break;
    case INPUTS:
        err = read_inputs(error, sizeof error);
        break;
    default:
        err = read_champion(error, sizeof error);
    }
    MDL_ASSERT(err == MDL_OK || (error[0] != 0 && memchr(error, 0, sizeof error) != NULL));
    return 0;
}
