/* Numbers: functions that give the same bits on every machine. SPEC section 3,
 * which states every constant, step and error bound.
 *
 * Everything here is a fixed sequence of IEEE-754 operations (+ - * / sqrt,
 * comparisons, fused multiply-add where written) and integer operations, with
 * selects instead of branches, so that loops over 16 lanes vectorise. No input
 * gives a NaN, an infinity or a subnormal out of exp, log, sigmoid, tanh,
 * sincos or gauss. Pure; none fails. */
#ifndef MDL_CORE_NUM_H
#define MDL_CORE_NUM_H

#include <float.h>
#include <stdint.h>
#include <string.h>

#include "core/assert.h"

/* Targets whose instruction set has a fused multiply-add, so that the builtin
 * becomes one instruction at every optimisation level and never a libm call.
 * MDL_FMA_EMULATE forces the emulation, for tests. */
#if !defined(MDL_FMA_EMULATE) && (defined(__FMA__) || defined(__aarch64__) || defined(__s390x__) ||                    \
                                  defined(__powerpc64__) || (defined(__riscv_flen) && __riscv_flen >= 32))
#define MDL_FMA_NATIVE 1
#else
#define MDL_FMA_NATIVE 0
#endif

static inline uint32_t mdl_float_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float mdl_bits_float(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint64_t mdl_double_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double mdl_bits_double(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* a * b + c rounded once, through binary64. The product of two binary32 is exact
 * there; the sum is rounded to odd (its last bit set whenever something was lost),
 * which keeps 53 >= 24 + 2 bits enough for the final rounding, subnormal results
 * and signed zeros included. Infinities and NaN come out as IEEE-754 asks, apart
 * from a NaN's payload. */
static inline float mdl_fmaf_emulated(float a, float b, float c) {
    double p = (double)a * (double)b, d = (double)c;
    double s = p + d;
    double v = s - p;
    double lost = (p - (s - v)) + (d - v); /* exact: s + lost = p + d */
    uint64_t bits = mdl_double_bits(s);
    /* Towards zero, then the last bit on: an odd pattern stays, an even one moves
     * to its neighbour on the side of what was lost. NaN compares false. */
    uint64_t down = (bits ^ mdl_double_bits(lost)) >> 63;
    uint64_t odd = (bits - down) | 1;
    double inexact = lost * lost; /* never underflows: |lost| >= 2^-298 */
    return (float)mdl_bits_double(inexact > 0.0 ? odd : bits);
}

/* a * b + c with one rounding. */
static inline float mdl_fmaf(float a, float b, float c) {
#if MDL_FMA_NATIVE
    return __builtin_fmaf(a, b, c);
#else
    return mdl_fmaf_emulated(a, b, c);
#endif
}

/* a < b ? a : b, and a > b ? a : b: of a NaN operand or two equal ones, b. */
static inline float mdl_minf(float a, float b) { return a < b ? a : b; }

static inline float mdl_maxf(float a, float b) { return a > b ? a : b; }

/* x within lo..hi, lo <= hi; a NaN gives lo. */
static inline float mdl_clampf(float x, float lo, float hi) { return mdl_minf(mdl_maxf(x, lo), hi); }

static inline float mdl_absf(float x) { return mdl_bits_float(mdl_float_bits(x) & 0x7fffffffu); }

/* x, or +0 when |x| < 2^-100 (-0 gives +0) or x is a NaN. */
static inline float mdl_flushf(float x) { return mdl_absf(x) >= 0x1p-100f ? x : 0.0f; }

/* Square root, correctly rounded; +0 for x <= 0 and NaN. */
static inline float mdl_sqrtf(float x) { return __builtin_sqrtf(mdl_maxf(x, 0.0f)); }

/* What exp and tanh share: x = n ln 2 + r with |r| <= 0.3466. Writes n as a
 * float and as an integer in the low bits (times 2^23 it is an exponent field),
 * returns e^r - 1. |x| <= 128. */
static inline float mdl_expm1_reduced(float x, float *n, uint32_t *n_bits) {
    float t = mdl_fmaf(x, 0x1.715476p+0f, 0x1.8p23f);
    *n_bits = mdl_float_bits(t);
    *n = t - 0x1.8p23f;
    float r = mdl_fmaf(*n, -0x1.62e430p-1f, x);
    r = mdl_fmaf(*n, 0x1.05c610p-29f, r);
    float q = 0x1.6b97a6p-10f;
    q = mdl_fmaf(q, r, 0x1.122538p-7f);
    q = mdl_fmaf(q, r, 0x1.5556f6p-5f);
    q = mdl_fmaf(q, r, 0x1.5554b4p-3f);
    q = mdl_fmaf(q, r, 0x1.fffffep-2f);
    return mdl_fmaf(r * r, q, r);
}

/* e^x for x clamped to -87..88, so 1.6e-38..1.7e38. NaN as -87. */
static inline float mdl_expf(float x) {
    float n;
    uint32_t n_bits;
    float y = mdl_expm1_reduced(mdl_clampf(x, -87.0f, 88.0f), &n, &n_bits) + 1.0f;
    return mdl_bits_float(mdl_float_bits(y) + (n_bits << 23));
}

/* Natural logarithm of x clamped to 2^-126..FLT_MAX: so zero, negative numbers,
 * subnormals and NaN give -87.33655, +infinity 88.72284. */
static inline float mdl_logf(float x) {
    uint32_t bits = mdl_float_bits(mdl_clampf(x, FLT_MIN, FLT_MAX)) - 0x3f3504f3u; /* sqrt(1/2) */
    float e = (float)((int32_t)bits >> 23);
    float f = mdl_bits_float((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f; /* exact */
    float q = 0x1.65ff52p-4f;
    q = mdl_fmaf(q, f, -0x1.25112ep-3f);
    q = mdl_fmaf(q, f, 0x1.317f64p-3f);
    q = mdl_fmaf(q, f, -0x1.535aaep-3f);
    q = mdl_fmaf(q, f, 0x1.98d32ap-3f);
    q = mdl_fmaf(q, f, -0x1.0004aep-2f);
    q = mdl_fmaf(q, f, 0x1.5556f2p-2f);
    q = mdl_fmaf(q, f, -0x1.fffffap-2f);
    return mdl_fmaf(e, 0x1.62e430p-1f, f + mdl_fmaf(f * f, q, e * -0x1.05c610p-29f));
}

/* 1 / (1 + e^-x) for x at least -87 (NaN: as -87): from 1.6e-38 to 1. */
static inline float mdl_sigmoidf(float x) { return 1.0f / (1.0f + mdl_expf(-mdl_maxf(x, -87.0f))); }

/* tanh x = m / (m + 2) with m = e^(2|x|) - 1, and the sign of x. |x| < 2^-100
 * and NaN give +0; from about 9.01 on it is 1. */
static inline float mdl_tanhf(float x) {
    float a = mdl_flushf(x), n;
    uint32_t n_bits;
    float y = mdl_minf(mdl_absf(a), 10.0f);
    float p = mdl_expm1_reduced(y + y, &n, &n_bits);
    float scale = mdl_bits_float((n_bits << 23) + 0x3f800000u); /* 2^n */
    float m = mdl_fmaf(p, scale, scale - 1.0f);
    return mdl_bits_float(mdl_float_bits(m / (m + 2.0f)) | (mdl_float_bits(a) & 0x80000000u));
}

/* Sine and cosine of phase / 2^32 of a turn. */
static inline void mdl_sincos_turn(uint32_t phase, float *sin, float *cos) {
    uint32_t quadrant = (phase + 0x20000000u) >> 30;
    float t = (float)(int32_t)(phase - (quadrant << 30)) * 0x1p-32f; /* -1/8..1/8 of a turn */
    float z = t * t;
    float s = -0x1.2db5c2p+6f;
    s = mdl_fmaf(s, z, 0x1.465facp+6f);
    s = mdl_fmaf(s, z, -0x1.4abbbep+5f);
    s = mdl_fmaf(s, z, -0x1.777a5cp-23f);
    s = mdl_fmaf(t, 0x1.921fb6p+2f, t * s);
    float c = 0x1.d4f446p+5f;
    c = mdl_fmaf(c, z, -0x1.55b2b2p+6f);
    c = mdl_fmaf(c, z, 0x1.03c1b0p+6f);
    c = mdl_fmaf(c, z, -0x1.3bd3ccp+4f);
    c = mdl_fmaf(c, z, 1.0f);
    uint32_t sb = mdl_float_bits(s), cb = mdl_float_bits(c);
    uint32_t swap = (sb ^ cb) & (0u - (quadrant & 1u));
    *sin = mdl_bits_float(sb ^ swap ^ (quadrant >> 1 << 31));
    *cos = mdl_bits_float(cb ^ swap ^ ((quadrant + 1u) >> 1 << 31));
}

/* Two independent N(0, 1) from two random words (Box-Muller): u = (a / 2^8 + 1)
 * / 2^24 in (0, 1], r = sqrt(-2 log u) <= 5.768, angle b / 2^32 of a turn. */
static inline void mdl_gauss(uint32_t a, uint32_t b, float *g0, float *g1) {
    float u = (float)(int32_t)((a >> 8) + 1u) * 0x1p-24f;
    float r = mdl_sqrtf(-2.0f * mdl_logf(u));
    float s, c;
    mdl_sincos_turn(b, &s, &c);
    *g0 = r * c;
    *g1 = r * s;
}

/* x in units of 2^-32, truncated towards zero, within -2^62..2^62 (NaN: -2^62).
 * Exact when |x| is 0 or from 2^-9 to 2^30. */
static inline int64_t mdl_fix(float x) {
    float y = mdl_clampf(x, -0x1p30f, 0x1p30f);
    return (int64_t)((double)y * 0x1p32);
}

/* x / 2^32, to nearest even. */
static inline float mdl_fix_to_f(int64_t x) { return (float)x * 0x1p-32f; }

/* Sum of 16 lanes as a tree: lane l += lane l + 8, then + 4, + 2, + 1. */
static inline float mdl_fold16(const float lane[16]) {
    float t[8];
    for (int l = 0; l < 8; l++)
        t[l] = lane[l] + lane[l + 8];
    for (int l = 0; l < 4; l++)
        t[l] += t[l + 4];
    return (t[0] + t[2]) + (t[1] + t[3]);
}

/* Binary64 functions for task dynamics and evolution, off the hot path. */

/* Square root, correctly rounded; +0 for x <= 0 and NaN. */
double mdl_sqrt(double x);
/* Sine and cosine of x radians clamped to |x| <= 2^20 (NaN: as -2^20). */
double mdl_sin(double x);
double mdl_cos(double x);
/* e^x for x clamped to -708..709 (NaN: as -708). */
double mdl_exp(double x);
/* Natural logarithm of x clamped to DBL_MIN..DBL_MAX (NaN: as DBL_MIN). */
double mdl_log(double x);

#endif
