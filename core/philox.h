/* Counter-based randomness: Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011).
 * No generator state, so the order of draws never matters. SPEC section 4. */
#ifndef MDL_CORE_PHILOX_H
#define MDL_CORE_PHILOX_H

#include <stdint.h>

#define MDL_PHILOX_M0 0xD2511F53u
#define MDL_PHILOX_M1 0xCD9E8D57u
#define MDL_PHILOX_W0 0x9E3779B9u
#define MDL_PHILOX_W1 0xBB67AE85u

/* One block: 128 counter bits and 64 key bits in, 128 random bits out.
 * `out` may be `ctr`. */
static inline void mdl_philox(const uint32_t ctr[4], uint64_t key, uint32_t out[4]) {
    uint32_t c0 = ctr[0], c1 = ctr[1], c2 = ctr[2], c3 = ctr[3];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)MDL_PHILOX_M0 * c0, p1 = (uint64_t)MDL_PHILOX_M1 * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += MDL_PHILOX_W0;
        k1 += MDL_PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* What a key is for. Values are part of the spec. */
typedef enum mdl_stream_id {
    MDL_STREAM_WIRING = 1,   /* topology: generation, candidate, episode = 0 */
    MDL_STREAM_GENOME = 2,   /* initial genomes and search noise             */
    MDL_STREAM_TRAIN = 3,    /* training episodes: generation, episode       */
    MDL_STREAM_VALIDATE = 4, /* validation episodes: episode                 */
    MDL_STREAM_TEST = 5,     /* final test episodes: episode                 */
    MDL_STREAM_NOISE = 6,    /* a network's noise, derived from an episode's key */
    MDL_STREAM_POLICY = 7    /* the random baseline policy                   */
} mdl_stream_id;

/* A 64-bit key from (seed, stream, generation, candidate, episode): two Philox
 * blocks, the second keyed by the first. */
static inline uint64_t mdl_key(uint64_t seed, uint32_t stream, uint32_t generation, uint32_t candidate,
                               uint32_t episode) {
    uint32_t a[4] = {stream, generation, candidate, episode};
    mdl_philox(a, seed, a);
    uint32_t b[4] = {a[2], a[3], stream, 0x6d6f6475u}; /* "modu" */
    mdl_philox(b, (uint64_t)a[1] << 32 | a[0], b);
    return (uint64_t)b[1] << 32 | b[0];
}

/* A stream of draws for sequential users (tasks, wiring): draw n is word n mod 4
 * of the block with counter n / 4. Saved as its two integers. */
typedef struct mdl_stream {
    uint64_t key;
    uint64_t next;
} mdl_stream;

static inline uint32_t mdl_draw_u32(mdl_stream *s) {
    uint64_t block = s->next >> 2;
    uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), 0, 0x64726177u}; /* "draw" */
    mdl_philox(c, s->key, c);
    return c[s->next++ & 3u];
}

/* Uniform in 0..n-1 by multiply and shift (bias below n / 2^32). n >= 1. */
static inline uint32_t mdl_draw_below(mdl_stream *s, uint32_t n) {
    return (uint32_t)((uint64_t)mdl_draw_u32(s) * n >> 32);
}

/* Uniform in [0, 1), a multiple of 2^-24. */
static inline float mdl_draw_unit(mdl_stream *s) { return (float)(mdl_draw_u32(s) >> 8) * 0x1p-24f; }

/* Uniform in [0, 1), a multiple of 2^-53; two draws, high word first. */
static inline double mdl_draw_unit_f64(mdl_stream *s) {
    uint64_t hi = mdl_draw_u32(s), lo = mdl_draw_u32(s);
    return (double)((hi << 32 | lo) >> 11) * 0x1p-53;
}

/* The same draws for users who take a few at a time, as tasks do: a block is worked
 * out once for its four words. Zero but for the key at the start. */
typedef struct mdl_dealer {
    uint64_t key;
    uint64_t next;
    uint64_t held; /* number of the block in `word`, plus 1 */
    uint32_t word[4];
} mdl_dealer;

static inline uint32_t mdl_deal_u32(mdl_dealer *s) {
    uint64_t block = s->next >> 2;
    if (s->held != block + 1) {
        uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), 0, 0x64726177u}; /* "draw" */
        mdl_philox(c, s->key, s->word);
        s->held = block + 1;
    }
    return s->word[s->next++ & 3u];
}

static inline uint32_t mdl_deal_below(mdl_dealer *s, uint32_t n) {
    return (uint32_t)((uint64_t)mdl_deal_u32(s) * n >> 32);
}

static inline double mdl_deal_unit_f64(mdl_dealer *s) {
    uint64_t hi = mdl_deal_u32(s), lo = mdl_deal_u32(s);
    return (double)((hi << 32 | lo) >> 11) * 0x1p-53;
}

#endif
