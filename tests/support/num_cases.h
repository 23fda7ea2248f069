/* The binary32 functions of core/num.h beside a binary64 reference, for the
 * sampled test (tests/core/test_num.c) and the complete one
 * (tests/nightly/sweep_num.c). Inputs are 32-bit words: a float's bits, or a
 * phase. A function with two outputs is two cases. */
#ifndef MDL_TESTS_NUM_CASES_H
#define MDL_TESTS_NUM_CASES_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "core/num.h"

typedef struct num_case {
    const char *name;
    void (*block)(const uint32_t *in, float *out, size_t count);
    double (*reference)(uint32_t in);
    double ulp_max;    /* asserted; SPEC section 3 states it */
    uint64_t sampled;  /* golden digests: of test_num's sample, */
    uint64_t complete; /* and of all 2^32 inputs               */
} num_case;

/* Error in units of the last place of `exact` as a normal binary32. An exact
 * zero must be met exactly. */
static inline double num_ulp(float got, double exact) {
    int exponent;
    if (exact == 0.0)
        return got == 0.0f ? 0.0 : INFINITY;
    frexp(exact, &exponent);
    return fabs((double)got - exact) / ldexp(1.0, (exponent < -125 ? -125 : exponent) - 24);
}

static inline double num_within(uint32_t in, double lo, double hi) {
    double x = (double)mdl_bits_float(in);
    return isnan(x) || x < lo ? lo : x > hi ? hi : x;
}

static inline double num_exp(uint32_t in) { return exp(num_within(in, -87.0, 88.0)); }
static inline double num_log(uint32_t in) { return log(num_within(in, (double)FLT_MIN, (double)FLT_MAX)); }
static inline double num_sigmoid(uint32_t in) { return 1.0 / (1.0 + exp(-num_within(in, -87.0, INFINITY))); }

static inline double num_tanh(uint32_t in) {
    double x = (double)mdl_bits_float(in);
    return fabs(x) >= 0x1p-100 ? tanh(x) : 0.0;
}

static inline double num_sqrt(uint32_t in) {
    double x = (double)mdl_bits_float(in);
    return x > 0.0 ? sqrt(x) : 0.0;
}

/* sin((phase / 2^32 + quarters / 4) turns), reduced exactly to an eighth of a turn first. */
static inline double num_sin_turn(uint32_t phase, uint32_t quarters) {
    uint32_t p = phase + (quarters << 30), quadrant = (p + 0x20000000u) >> 30;
    double angle = (double)(int32_t)(p - (quadrant << 30)) * (0x1.921fb54442d18p+2 * 0x1p-32);
    double s = (quadrant & 1u) ? cos(angle) : sin(angle);
    return (quadrant & 2u) ? -s : s;
}

static inline double num_sin(uint32_t in) { return num_sin_turn(in, 0); }
static inline double num_cos(uint32_t in) { return num_sin_turn(in, 1); }

#define NUM_BLOCK(name, function)                                                                                      \
    static inline void name(const uint32_t *in, float *out, size_t count) {                                            \
        for (size_t i = 0; i < count; i++)                                                                             \
            out[i] = function(mdl_bits_float(in[i]));                                                                  \
    }

NUM_BLOCK(num_block_exp, mdl_expf)
NUM_BLOCK(num_block_log, mdl_logf)
NUM_BLOCK(num_block_sigmoid, mdl_sigmoidf)
NUM_BLOCK(num_block_tanh, mdl_tanhf)
NUM_BLOCK(num_block_sqrt, mdl_sqrtf)

static inline void num_block_sin(const uint32_t *in, float *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float cosine;
        mdl_sincos_turn(in[i], &out[i], &cosine);
    }
}

static inline void num_block_cos(const uint32_t *in, float *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float sine;
        mdl_sincos_turn(in[i], &sine, &out[i]);
    }
}

enum { NUM_CASES = 7 };

static const num_case num_cases[NUM_CASES] = {
    {"exp", num_block_exp, num_exp, 1.04, 0x12fd6a6d2813e3feu, 0x46a352ba79246e6du},
    {"log", num_block_log, num_log, 1.20, 0xf00379562a8300d2u, 0x2952e84ebe7934a7u},
    {"sigmoid", num_block_sigmoid, num_sigmoid, 2.49, 0xe1680b48a0413633u, 0xc167d486ba7f9a6bu},
    {"tanh", num_block_tanh, num_tanh, 2.57, 0x879750e432c45fc5u, 0x6e3f83eaad78f555u},
    {"sqrt", num_block_sqrt, num_sqrt, 0.50, 0xcb5027f917c10dcfu, 0x4b3676c3dd779369u},
    {"sin", num_block_sin, num_sin, 1.36, 0x85eb8dd0638cb5a8u, 0x7b2b4b06690311cdu},
    {"cos", num_block_cos, num_cos, 1.36, 0x7eb8eabfabf6b031u, 0xd10ff08b289c775du},
};

#endif
