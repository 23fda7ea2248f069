/* The functions of core/num.h and core/philox.h on 16 lanes, operation by
 * operation. Included by vec16.h. SPEC sections 3 and 4. */
#ifndef MDL_CORE_VEC16_MATH_H
#define MDL_CORE_VEC16_MATH_H

#include <float.h>

#include "core/philox.h"

VEC vf vf_clamp(vf x, float lo, float hi) {
    return lo == -hi ? vf_bound(x, vf_set(hi)) : vf_min(vf_max(x, vf_set(lo)), vf_set(hi));
}

/* mdl_fix of each lane, added to sum[16]. */
VEC void vf_add_fix(int64_t *sum, vf x) { vf_add_fix_within(sum, vf_clamp(x, -0x1p30f, 0x1p30f)); }

/* x, or +0 when |x| < 2^-100; and where it is x. */
VEC vm vf_unflushed(vf x) { return vf_ge(vf_abs(x), vf_set(0x1p-100f)); }
VEC vf vf_flush(vf x) { return vf_keep(vf_unflushed(x), x); }

/* e^x = 2^n e^r in steps, so that several can go side by side: n, the nearest to x / ln 2, and its bits; r; then
 * (e^r - 1 - r) / r^2. */
VEC vf vf_exp_whole(vf x, vu *n_bits) {
    vf t = vf_fma(x, vf_set(0x1.715476p+0f), vf_set(0x1.8p23f));
    *n_bits = vf_bits(t);
    return vf_sub(t, vf_set(0x1.8p23f));
}
VEC vf vf_exp_rest(vf x, vf n) {
    vf r = vf_fma(n, vf_set(-0x1.62e430p-1f), x);
    return vf_fma(n, vf_set(0x1.05c610p-29f), r);
}
VEC vf vf_exp_series(vf r) {
    vf q = vf_fma(vf_set(0x1.6b97a6p-10f), r, vf_set(0x1.122538p-7f));
    q = vf_fma(q, r, vf_set(0x1.5556f6p-5f));
    q = vf_fma(q, r, vf_set(0x1.5554b4p-3f));
    return vf_fma(q, r, vf_set(0x1.fffffep-2f));
}
VEC vf vf_exp_less_1(vf r, vf series) { return vf_fma(vf_mul(r, r), series, r); }
VEC vf vf_expm1r(vf x, vf *n, vu *n_bits) {
    *n = vf_exp_whole(x, n_bits);
    vf r = vf_exp_rest(x, *n);
    return vf_exp_less_1(r, vf_exp_series(r));
}

/* y 2^n for y in 0.5..2 and a normal result, with the bits of n that vf_exp_whole gives. */
VEC vf vf_scale(vf y, vu n_bits) { return vu_float(vu_add(vf_bits(y), vu_shl(n_bits, 23))); }

/* e^x for x within -87..88. */
VEC vf vf_exp_within(vf x) {
    vf n;
    vu n_bits;
    vf y = vf_add(vf_expm1r(x, &n, &n_bits), vf_set(1.0f));
    return vf_scale(y, n_bits);
}
VEC vf vf_exp(vf x) { return vf_exp_within(vf_clamp(x, -87.0f, 88.0f)); }

VEC vf vf_neg(vf x) { return vu_float(vu_xor(vf_bits(x), vu_set(0x80000000u))); }

VEC vf vf_log(vf x) {
    vu b = vu_sub(vf_bits(vf_clamp(x, FLT_MIN, FLT_MAX)), vu_set(0x3f3504f3u));
    vf e = vf_of_int(vu_sar(b, 23));
    vf f = vf_sub(vu_float(vu_add(vu_and(b, vu_set(0x007fffffu)), vu_set(0x3f3504f3u))), vf_set(1.0f));
    vf q = vf_fma(vf_set(0x1.65ff52p-4f), f, vf_set(-0x1.25112ep-3f));
    q = vf_fma(q, f, vf_set(0x1.317f64p-3f));
    q = vf_fma(q, f, vf_set(-0x1.535aaep-3f));
    q = vf_fma(q, f, vf_set(0x1.98d32ap-3f));
    q = vf_fma(q, f, vf_set(-0x1.0004aep-2f));
    q = vf_fma(q, f, vf_set(0x1.5556f2p-2f));
    q = vf_fma(q, f, vf_set(-0x1.fffffap-2f));
    vf low = vf_fma(vf_mul(f, f), q, vf_mul(e, vf_set(-0x1.05c610p-29f)));
    return vf_fma(e, vf_set(0x1.62e430p-1f), vf_add(f, low));
}

VEC vf vf_sigmoid(vf x) {
    vf one = vf_set(1.0f);
    return vf_div(one, vf_add(one, vf_exp(vf_neg(vf_max(x, vf_set(-87.0f))))));
}

VEC vf vf_tanh(vf x) {
    vf a = vf_flush(x), n;
    vu n_bits;
    vf y = vf_min(vf_abs(a), vf_set(10.0f));
    vf p = vf_expm1r(vf_add(y, y), &n, &n_bits);
    vf scale = vu_float(vu_add(vu_shl(n_bits, 23), vu_set(0x3f800000u)));
    vf m = vf_fma(p, scale, vf_sub(scale, vf_set(1.0f)));
    vu sign = vu_and(vf_bits(a), vu_set(0x80000000u));
    return vu_float(vu_or(vf_bits(vf_div(m, vf_add(m, vf_set(2.0f)))), sign));
}

VEC void vf_sincos_turn(vu phase, vf *sin, vf *cos) {
    vu quadrant = vu_shr(vu_add(phase, vu_set(0x20000000u)), 30);
    vf t = vf_mul(vf_of_int(vu_sub(phase, vu_shl(quadrant, 30))), vf_set(0x1p-32f));
    vf z = vf_mul(t, t);
    vf s = vf_fma(vf_set(-0x1.2db5c2p+6f), z, vf_set(0x1.465facp+6f));
    s = vf_fma(s, z, vf_set(-0x1.4abbbep+5f));
    s = vf_fma(s, z, vf_set(-0x1.777a5cp-23f));
    s = vf_fma(t, vf_set(0x1.921fb6p+2f), vf_mul(t, s));
    vf c = vf_fma(vf_set(0x1.d4f446p+5f), z, vf_set(-0x1.55b2b2p+6f));
    c = vf_fma(c, z, vf_set(0x1.03c1b0p+6f));
    c = vf_fma(c, z, vf_set(-0x1.3bd3ccp+4f));
    c = vf_fma(c, z, vf_set(1.0f));
    vu sb = vf_bits(s), cb = vf_bits(c);
    vu odd = vu_sub(vu_set(0), vu_and(quadrant, vu_set(1)));
    vu swap = vu_and(vu_xor(sb, cb), odd);
    *sin = vu_float(vu_xor(vu_xor(sb, swap), vu_shl(vu_shr(quadrant, 1), 31)));
    *cos = vu_float(vu_xor(vu_xor(cb, swap), vu_shl(vu_shr(vu_add(quadrant, vu_set(1)), 1), 31)));
}

/* The first normal of mdl_gauss. */
VEC vf vf_gauss(vu a, vu b) {
    vf u = vf_mul(vf_of_int(vu_add(vu_shr(a, 8), vu_set(1))), vf_set(0x1p-24f));
    vf r = vf_sqrt(vf_max(vf_mul(vf_set(-2.0f), vf_log(u)), vf_set(0.0f))), s, c;
    vf_sincos_turn(b, &s, &c);
    return vf_mul(r, c);
}

/* Philox of 16 counters (c0 per lane, c1, c2, c3). What does not depend on c0
 * and c3 is worked out once. */
typedef struct vphilox {
    uint32_t k1, b, a_high, a_low; /* of rounds 1 and 2 */
    uint32_t key[10][2];           /* of rounds 3 to 10 */
} vphilox;
VEC vphilox vphilox_of(uint64_t key, uint32_t c1, uint32_t c2) {
    vphilox p;
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (uint32_t i = 0; i < 10; i++) {
        p.key[i][0] = k0 + i * MDL_PHILOX_W0;
        p.key[i][1] = k1 + i * MDL_PHILOX_W1;
    }
    uint64_t p1 = (uint64_t)MDL_PHILOX_M1 * c2;
    uint64_t p0 = (uint64_t)MDL_PHILOX_M0 * ((uint32_t)(p1 >> 32) ^ c1 ^ k0);
    p.k1 = k1;
    p.b = (uint32_t)p1 ^ p.key[1][0];
    p.a_high = (uint32_t)(p0 >> 32) ^ p.key[1][1];
    p.a_low = (uint32_t)p0 ^ p.key[2][1];
    return p;
}
/* A block of draws under way, so that other work can stand between its rounds. */
typedef struct vdraws {
    vw a, b, c, d;
} vdraws;
/* Rounds 1 to 3. */
VEC vdraws vphilox_begin(const vphilox *p, vw c0, uint32_t c3) {
    vw p0 = vw_mul(c0, MDL_PHILOX_M0);
    vw p1 = vw_mul(vw_xor1(vw_high(p0), c3 ^ p->k1), MDL_PHILOX_M1);
    vw a = vw_xor1(vw_high(p1), p->b), b = p1, c = vw_xor1(p0, p->a_high);
    p0 = vw_mul(a, MDL_PHILOX_M0); /* round 3: the fourth word is the same in all lanes */
    p1 = vw_mul(c, MDL_PHILOX_M1);
    return (vdraws){.a = vw_xor3(vw_high(p1), b, p->key[2][0]), .b = p1, .c = vw_xor1(vw_high(p0), p->a_low), .d = p0};
}
/* Round `round` + 1, 3..9. */
VEC void vphilox_round(const vphilox *p, int round, vdraws *s) {
    vw p0 = vw_mul(s->a, MDL_PHILOX_M0);
    vw p1 = vw_mul(s->c, MDL_PHILOX_M1);
    s->a = vw_xor3(vw_high(p1), s->b, p->key[round][0]);
    s->b = p1;
    s->c = vw_xor3(vw_high(p0), s->d, p->key[round][1]);
    s->d = p0;
}
VEC void vphilox_end(const vdraws *s, vu out[4]) {
    out[0] = vw_words(s->a);
    out[1] = vw_words(s->b);
    out[2] = vw_words(s->c);
    out[3] = vw_words(s->d);
}
VEC void vphilox_run(const vphilox *p, vw c0, uint32_t c3, vu out[4]) {
    vdraws s = vphilox_begin(p, c0, c3);
    VEC_UNROLL for (int round = 3; round < 10; round++) vphilox_round(p, round, &s);
    vphilox_end(&s, out);
}

#endif
