/* What the lanes of both models share (core/lanes.h): for the sources of kernels
 * alone, after core/vec16.h. */
#ifndef MDL_CORE_LANES_VEC_H
#define MDL_CORE_LANES_VEC_H

#include "core/lanes.h"
#include "core/num.h"
#include "core/vec16.h"

/* The name of an instruction set's table of functions. */
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)

#define EACH_LANE for (uint32_t l = 0; l < MDL_LANES; l++)
#define ROW(base, i) ((base) + (size_t)(i)*MDL_LANES)

/* Bits of the lanes whose word has one of `bits`. */
VEC uint32_t lanes_with(const uint32_t *words, uint32_t bits) {
    uint32_t found = 0;
    EACH_LANE found |= (words[l] & bits ? 1u : 0u) << l;
    return found;
}

/* Philox with a key and a step for each lane; what does not depend on the first
 * and the fourth counter is worked out once a step. */
typedef struct lane_keys {
    vw round[10][2];
} lane_keys;
typedef struct lane_philox {
    vw k1;        /* of round 1 */
    vw b;         /* of round 2, its key included */
    vw high, low; /* of round 2; of round 3, its key included */
    const lane_keys *keys;
} lane_philox;

VEC void lane_keys_of(lane_keys *keys, const uint32_t key[2][MDL_LANES]) {
    vw k0 = vw_of(vu_load(key[0])), k1 = vw_of(vu_load(key[1]));
    VEC_UNROLL for (uint32_t i = 0; i < 10; i++) {
        keys->round[i][0] = vw_add1(k0, i * MDL_PHILOX_W0);
        keys->round[i][1] = vw_add1(k1, i * MDL_PHILOX_W1);
    }
}

/* Second counter c1, third counter the lanes' steps. */
VEC lane_philox lane_philox_of(const lane_keys *keys, uint32_t c1, vu step) {
    lane_philox p;
    vw p1 = vw_mul(vw_of(step), MDL_PHILOX_M1);
    vw a = vw_xor3v(vw_high(p1), vw_of(vu_set(c1)), keys->round[0][0]);
    vw p0 = vw_mul(a, MDL_PHILOX_M0);
    vw nothing = vw_of(vu_set(0));
    p.k1 = keys->round[0][1];
    p.b = vw_xor3v(p1, nothing, keys->round[1][0]);
    p.high = vw_xor3v(vw_high(p0), nothing, keys->round[1][1]);
    p.low = vw_xor3v(p0, nothing, keys->round[2][1]);
    p.keys = keys;
    return p;
}

/* Blocks with counters (c0, c1, step of the lane, c3). */
VEC void lane_philox_run(const lane_philox *p, uint32_t c0, uint32_t c3, vu out[4]) {
    uint64_t first = (uint64_t)MDL_PHILOX_M0 * c0;
    vw p1 = vw_mul(vw_xor1(p->k1, (uint32_t)(first >> 32) ^ c3), MDL_PHILOX_M1), p0;
    vw nothing = vw_of(vu_set(0));
    vw a = vw_xor3v(vw_high(p1), p->b, nothing), b = p1, c = vw_xor1(p->high, (uint32_t)first), d;
    p0 = vw_mul(a, MDL_PHILOX_M0);
    p1 = vw_mul(c, MDL_PHILOX_M1);
    a = vw_xor3v(vw_high(p1), b, p->keys->round[2][0]);
    b = p1;
    c = vw_xor3v(vw_high(p0), p->low, nothing);
    d = p0;
    VEC_UNROLL for (int round = 3; round < 10; round++) {
        p0 = vw_mul(a, MDL_PHILOX_M0);
        p1 = vw_mul(c, MDL_PHILOX_M1);
        a = vw_xor3v(vw_high(p1), b, p->keys->round[round][0]);
        b = p1;
        c = vw_xor3v(vw_high(p0), d, p->keys->round[round][1]);
        d = p0;
    }
    out[0] = vw_words(a);
    out[1] = vw_words(b);
    out[2] = vw_words(c);
    out[3] = vw_words(d);
}

/* mdl_fold16 of the sums of `fan` terms, slot k adding to lane k mod 16 from +0 on,
 * in registers: TERM(k, sum) is what slot k makes of its lane's sum. One sum after
 * the other, in the order in which the tree wants them. */
#define LANE_LANE_(TERM, q, out)                                                                                       \
    do {                                                                                                               \
        (out) = vf_set(0.0f);                                                                                          \
        for (uint32_t k_ = (q); k_ < fan_; k_ += MDL_LANES)                                                            \
            (out) = TERM(k_, out);                                                                                     \
    } while (0)
#define LANE_QUAD_(TERM, q, out)                                                                                       \
    do {                                                                                                               \
        vf a_, b_, c_, d_;                                                                                             \
        LANE_LANE_(TERM, q, a_);                                                                                       \
        LANE_LANE_(TERM, (q) + 8, b_);                                                                                 \
        LANE_LANE_(TERM, (q) + 4, c_);                                                                                 \
        LANE_LANE_(TERM, (q) + 12, d_);                                                                                \
        (out) = vf_add(vf_add(a_, b_), vf_add(c_, d_));                                                                \
    } while (0)
#define LANE_FOLD(TERM, fan, out)                                                                                      \
    do {                                                                                                               \
        const uint32_t fan_ = (fan);                                                                                   \
        vf e_, f_, g_, h_;                                                                                             \
        LANE_QUAD_(TERM, 0, e_);                                                                                       \
        LANE_QUAD_(TERM, 2, f_);                                                                                       \
        LANE_QUAD_(TERM, 1, g_);                                                                                       \
        LANE_QUAD_(TERM, 3, h_);                                                                                       \
        (out) = vf_add(vf_add(e_, f_), vf_add(g_, h_));                                                                \
    } while (0)

/* Unit vectors of h, or h itself for the dot product. */
VEC void lane_unit(int cosine, vf h[2]) {
    if (!cosine)
        return;
    vf norm = vf_fma(h[0], h[0], vf_mul(h[1], h[1])), least = vf_set(0x1p-60f);
    vf scale = vf_keep(vf_lt(least, norm), vf_div(vf_set(1.0f), vf_sqrt(vf_max(norm, least))));
    h[0] = vf_mul(h[0], scale);
    h[1] = vf_mul(h[1], scale);
}

/* Lane by lane the first of the largest of `count` rows. */
VEC void lane_choose(const float *readout, uint32_t count, uint32_t action[MDL_LANES]) {
    vf best = vf_load(readout), chosen = vf_set(0.0f);
    for (uint32_t i = 1; i < count; i++) {
        vf x = vf_load(readout + (size_t)i * MDL_LANES);
        vm more = vf_lt(best, x);
        best = vf_select(more, x, best);
        chosen = vf_select(more, vu_float(vu_set(i)), chosen);
    }
    vu_store(action, vf_bits(chosen));
}

#endif
