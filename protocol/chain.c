#include "protocol/chain.h"

#include <string.h>

#include "core/assert.h"

void mdl_chain_next(const uint8_t x[MDL_DIGEST_BYTES], uint8_t out[MDL_DIGEST_BYTES]) {
    static const char domain[] = "modulon chain v1";
    mdl_digest d;
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    mdl_put_bytes(&sink, domain, sizeof domain - 1);
    mdl_put_bytes(&sink, x, MDL_DIGEST_BYTES);
    mdl_digest_final(&d, out);
}

static void repeat(const uint8_t seed[MDL_DIGEST_BYTES], uint32_t times, uint8_t out[MDL_DIGEST_BYTES]) {
    memcpy(out, seed, MDL_DIGEST_BYTES);
    for (uint32_t i = 0; i < times; i++)
        mdl_chain_next(out, out);
}

void mdl_chain_element(const uint8_t seed[MDL_DIGEST_BYTES], uint32_t generations, uint32_t g,
                       uint8_t out[MDL_DIGEST_BYTES]) {
    MDL_ASSERT(g < generations);
    repeat(seed, generations + 1 - g, out);
}

void mdl_chain_head(const uint8_t seed[MDL_DIGEST_BYTES], uint32_t generations, uint8_t out[MDL_DIGEST_BYTES]) {
    repeat(seed, generations + 2, out);
}

void mdl_pledge_digest(const mdl_pledge *p, uint8_t out[MDL_DIGEST_BYTES]) {
    static const char domain[] = "modulon commit v1";
    mdl_digest d;
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    mdl_put_bytes(&sink, domain, sizeof domain - 1);
    mdl_put_bytes(&sink, p->experiment, 32);
    mdl_put_u64(&sink, p->lease);
    mdl_put_u32(&sink, p->generation);
    mdl_put_u32(&sink, p->first);
    mdl_put_u32(&sink, p->count);
    mdl_put_bytes(&sink, p->worker, 32);
    mdl_put_bytes(&sink, p->nonce, 32);
    mdl_put_bytes(&sink, p->root, 32);
    mdl_digest_final(&d, out);
}

void mdl_round_digest(const uint8_t experiment[32], const uint8_t worker[32], uint32_t generation,
                      const uint8_t nonce[32], uint8_t out[MDL_DIGEST_BYTES]) {
    static const char domain[] = "modulon round v1";
    mdl_digest d;
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    mdl_put_bytes(&sink, domain, sizeof domain - 1);
    mdl_put_bytes(&sink, experiment, 32);
    mdl_put_bytes(&sink, worker, 32);
    mdl_put_u32(&sink, generation);
    mdl_put_bytes(&sink, nonce, 32);
    mdl_digest_final(&d, out);
}
