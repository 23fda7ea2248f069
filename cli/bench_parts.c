/* Suites crypto, ledger and protocol: what a worker and a coordinator do around the
 * kernel. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cli/bench.h"
#include "core/assert.h"
#include "protocol/digest.h"
#include "protocol/envelope.h"
#include "protocol/merkle.h"

enum { BLOCK = 1 << 16, PAYLOAD = 400, LEAVES = 256 };

typedef struct bytes {
    uint8_t block[BLOCK], digest[MDL_DIGEST_BYTES];
    uint8_t public[MDL_KEY_BYTES], secret[MDL_SECRET_BYTES], signature[MDL_SIGNATURE_BYTES];
    uint8_t work[BLOCK], envelope[BLOCK], buffer[MDL_PAE_BYTES_MAX];
    size_t envelope_size;
    mdl_hash leaf[LEAVES];
    mdl_merkle_edge edge;
} bytes;

static double run_blake2b(void *ctx) {
    bytes *c = ctx;
    mdl_digest_of(c->block, BLOCK, c->digest);
    c->block[0] ^= c->digest[0];
    return BLOCK;
}

static double run_leaf(void *ctx) {
    bytes *c = ctx;
    mdl_merkle_leaf(c->block, BLOCK, &c->leaf[0]);
    return BLOCK;
}

static double run_sign(void *ctx) {
    bytes *c = ctx;
    c->work[0]++;
    crypto_sign_detached(c->signature, NULL, c->work, 256, c->secret);
    return 1.0;
}

static double run_verify(void *ctx) {
    bytes *c = ctx;
    return crypto_sign_verify_detached(c->signature, c->work, 256, c->public) == 0 ? 1.0 : 0.0;
}

void mdl_bench_crypto(mdl_bench *b) {
    bytes *c = calloc(1, sizeof *c);
    if (!c || sodium_init() < 0) {
        b->err = MDL_ENOMEM;
        free(c);
        return;
    }
    crypto_sign_keypair(c->public, c->secret);
    run_sign(c);
    mdl_bench_case list[] = {{.run = run_blake2b, .ctx = c, .clock = mdl_bench_cpu_s},
                             {.run = run_leaf, .ctx = c, .clock = mdl_bench_cpu_s},
                             {.run = run_verify, .ctx = c, .clock = mdl_bench_cpu_s}};
    mdl_bench_case sign = {.run = run_sign, .ctx = c, .clock = mdl_bench_cpu_s};
    mdl_bench_run(b, list, 3);
    mdl_bench_run(b, &sign, 1);
    mdl_bench_show(b, "BLAKE2b-256, 64 KiB", NULL, "bytes/s", &list[0].rates);
    mdl_bench_show(b, "SHA-256 leaf, 64 KiB", NULL, "bytes/s", &list[1].rates);
    mdl_bench_show(b, "Ed25519 verify, 256 bytes", NULL, "1/s", &list[2].rates);
    mdl_bench_show(b, "Ed25519 sign, 256 bytes", NULL, "1/s", &sign.rates);
    free(c);
}

static double run_append(void *ctx) {
    bytes *c = ctx;
    for (uint32_t i = 0; i < LEAVES; i++)
        mdl_merkle_leaf(c->block + i, 683, &c->leaf[i]);
    if (mdl_merkle_append(&c->edge, c->leaf, LEAVES, NULL, NULL) != MDL_OK)
        memset(&c->edge, 0, sizeof c->edge);
    mdl_hash root;
    mdl_merkle_edge_root(&c->edge, &root);
    c->block[0] ^= root.bytes[0];
    return LEAVES;
}

void mdl_bench_ledger(mdl_bench *b) {
    bytes *c = calloc(1, sizeof *c);
    if (!c) {
        b->err = MDL_ENOMEM;
        return;
    }
    mdl_bench_case list = {.run = run_append, .ctx = c, .clock = mdl_bench_cpu_s};
    mdl_bench_run(b, &list, 1);
    mdl_bench_show(b, "records of 683 bytes appended", NULL, "records/s", &list.rates);
    free(c);
}

static double run_seal(void *ctx) {
    bytes *c = ctx;
    c->block[0] = (uint8_t)('a' + (c->block[0] + 1) % 16);
    mdl_err err = mdl_envelope_sign("bench", c->block, PAYLOAD, c->secret, c->work, c->envelope, sizeof c->envelope,
                                    &c->envelope_size);
    MDL_ASSERT(err == MDL_OK);
    return 1.0;
}

static double run_open(void *ctx) {
    bytes *c = ctx;
    mdl_envelope e;
    mdl_err err = mdl_envelope_decode(c->envelope, c->envelope_size, c->buffer, &e);
    MDL_ASSERT(err == MDL_OK);
    return 1.0;
}

static double run_check(void *ctx) {
    bytes *c = ctx;
    mdl_envelope e;
    mdl_err err = mdl_envelope_decode(c->envelope, c->envelope_size, c->buffer, &e);
    MDL_ASSERT(err == MDL_OK && mdl_envelope_verify(&e) == MDL_OK);
    return 1.0;
}

void mdl_bench_protocol(mdl_bench *b) {
    bytes *c = calloc(1, sizeof *c);
    if (!c || sodium_init() < 0) {
        b->err = MDL_ENOMEM;
        free(c);
        return;
    }
    memset(c->block, '1', sizeof c->block);
    crypto_sign_keypair(c->public, c->secret);
    run_seal(c);
    mdl_bench_case open[] = {{.run = run_open, .ctx = c, .clock = mdl_bench_cpu_s},
                             {.run = run_check, .ctx = c, .clock = mdl_bench_cpu_s}};
    mdl_bench_case seal = {.run = run_seal, .ctx = c, .clock = mdl_bench_cpu_s};
    mdl_bench_run(b, open, 2);
    mdl_bench_run(b, &seal, 1);
    mdl_bench_show(b, "envelopes decoded", NULL, "1/s", &open[0].rates);
    mdl_bench_show(b, "envelopes verified", NULL, "1/s", &open[1].rates);
    mdl_bench_show(b, "envelopes signed", NULL, "1/s", &seal.rates);
    free(c);
}
