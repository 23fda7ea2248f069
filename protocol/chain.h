/* The beacon: a hash chain that the coordinator commits to in the genesis and
 * whose elements its closings reveal one by one; and what binds a result before
 * it is shown. PROTOCOL sections 10.2 and 10.3.
 *
 * With H(x) = BLAKE2b-256("modulon chain v1" || x) and G generations the head is
 * H^(G+2)(seed), and generation g's element is H^(G+1-g)(seed): each one is the H
 * of the next, and nobody who knows elements can make a later one. */
#ifndef MDL_PROTOCOL_CHAIN_H
#define MDL_PROTOCOL_CHAIN_H

#include "protocol/digest.h"

/* H of an element. `out` may be `x`. */
void mdl_chain_next(const uint8_t x[MDL_DIGEST_BYTES], uint8_t out[MDL_DIGEST_BYTES]);
/* Generation g < generations; up to `generations` hashes. */
void mdl_chain_element(const uint8_t seed[MDL_DIGEST_BYTES], uint32_t generations, uint32_t g,
                       uint8_t out[MDL_DIGEST_BYTES]);
void mdl_chain_head(const uint8_t seed[MDL_DIGEST_BYTES], uint32_t generations, uint8_t out[MDL_DIGEST_BYTES]);

/* What a commitment binds. */
typedef struct mdl_pledge {
    const uint8_t *experiment, *worker; /* 32 bytes each */
    uint64_t lease;
    uint32_t generation, first, count;
    const uint8_t *nonce, *root; /* 32 bytes each */
} mdl_pledge;

/* What a commitment says of the worker's nonce of a generation: BLAKE2b-256("modulon round
 * v1", experiment, worker, generation u32, nonce). */
void mdl_round_digest(const uint8_t experiment[32], const uint8_t worker[32], uint32_t generation,
                      const uint8_t nonce[32], uint8_t out[MDL_DIGEST_BYTES]);

/* BLAKE2b-256("modulon commit v1", experiment, lease u64, generation u32, first u32,
 * count u32, worker, nonce, root). */
void mdl_pledge_digest(const mdl_pledge *p, uint8_t out[MDL_DIGEST_BYTES]);

#endif
