/* vec16.h on AVX2 and FMA. */
#ifndef MDL_CORE_VEC16_AVX2_H
#define MDL_CORE_VEC16_AVX2_H

#include <immintrin.h>

typedef struct vf {
    __m256 a, b;
} vf;
typedef struct vu {
    __m256i a, b;
} vu;
typedef struct vm {
    __m256 a, b;
} vm;

#define VEC_F2(name, op)                                                                                               \
    VEC vf name(vf x, vf y) { return (vf){op(x.a, y.a), op(x.b, y.b)}; }
#define VEC_U2(name, op)                                                                                               \
    VEC vu name(vu x, vu y) { return (vu){op(x.a, y.a), op(x.b, y.b)}; }

VEC vf vf_load(const float *p) { return (vf){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
VEC void vf_store(float *p, vf v) {
    _mm256_storeu_ps(p, v.a);
    _mm256_storeu_ps(p + 8, v.b);
}
VEC vf vf_set(float x) { return (vf){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
VEC vu vu_set(uint32_t x) { return (vu){_mm256_set1_epi32((int)x), _mm256_set1_epi32((int)x)}; }
VEC vu vu_load(const uint32_t *p) {
    return (vu){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 8))};
}
/* Sixteen bytes. */
VEC vu vu_load8(const uint8_t *p) {
    return (vu){_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)),
                _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8)))};
}
VEC void vu_store(uint32_t *p, vu v) {
    _mm256_storeu_si256((__m256i *)p, v.a);
    _mm256_storeu_si256((__m256i *)(p + 8), v.b);
}
VEC_U2(vu_add, _mm256_add_epi32)
VEC_U2(vu_sub, _mm256_sub_epi32)
VEC_U2(vu_and, _mm256_and_si256)
VEC_U2(vu_or, _mm256_or_si256)
VEC_U2(vu_xor, _mm256_xor_si256)
VEC vu vu_count(uint32_t from) {
    return vu_add(vu_set(from),
                  (vu){_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)});
}
#define vu_shl(x, n) ((vu){_mm256_slli_epi32((x).a, n), _mm256_slli_epi32((x).b, n)})
#define vu_shr(x, n) ((vu){_mm256_srli_epi32((x).a, n), _mm256_srli_epi32((x).b, n)})
#define vu_sar(x, n) ((vu){_mm256_srai_epi32((x).a, n), _mm256_srai_epi32((x).b, n)})

VEC_F2(vf_add, _mm256_add_ps)
VEC_F2(vf_sub, _mm256_sub_ps)
VEC_F2(vf_mul, _mm256_mul_ps)
VEC_F2(vf_div, _mm256_div_ps)
VEC_F2(vf_min, _mm256_min_ps)
VEC_F2(vf_max, _mm256_max_ps)
VEC vf vf_fma(vf x, vf y, vf z) { return (vf){_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
VEC vf vf_bound(vf x, vf most) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return vf_min(vf_max(x, (vf){_mm256_xor_ps(most.a, sign), _mm256_xor_ps(most.b, sign)}), most);
}
VEC vf vf_sqrt(vf x) { return (vf){_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)}; }
VEC vu vf_bits(vf x) { return (vu){_mm256_castps_si256(x.a), _mm256_castps_si256(x.b)}; }
VEC vf vu_float(vu x) { return (vf){_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)}; }
VEC vf vf_abs(vf x) { return vu_float(vu_and(vf_bits(x), vu_set(0x7fffffffu))); }
VEC vf vf_of_int(vu x) { return (vf){_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }

VEC vm vf_lt(vf x, vf y) { return (vm){_mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ), _mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ)}; }
VEC vm vf_ge(vf x, vf y) { return (vm){_mm256_cmp_ps(x.a, y.a, _CMP_GE_OQ), _mm256_cmp_ps(x.b, y.b, _CMP_GE_OQ)}; }
VEC vm vm_first(uint32_t n) {
    vu lane = vu_count(0);
    __m256i last = _mm256_set1_epi32((int)n);
    return (vm){_mm256_castsi256_ps(_mm256_cmpgt_epi32(last, lane.a)),
                _mm256_castsi256_ps(_mm256_cmpgt_epi32(last, lane.b))};
}
VEC vm vm_bits(uint32_t bits) {
    const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128), b = _mm256_set1_epi32((int)bits);
    __m256i hi = _mm256_slli_epi32(bit, 8);
    return (vm){_mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(b, bit), bit)),
                _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(b, hi), hi))};
}
VEC vm vu_test(vu x, vu y) {
    __m256i a = _mm256_and_si256(x.a, y.a), b = _mm256_and_si256(x.b, y.b), no = _mm256_setzero_si256();
    __m256i all = _mm256_set1_epi32(-1);
    return (vm){_mm256_castsi256_ps(_mm256_xor_si256(_mm256_cmpeq_epi32(a, no), all)),
                _mm256_castsi256_ps(_mm256_xor_si256(_mm256_cmpeq_epi32(b, no), all))};
}
VEC vm vu_equal(vu x, vu y) {
    return (vm){_mm256_castsi256_ps(_mm256_cmpeq_epi32(x.a, y.a)), _mm256_castsi256_ps(_mm256_cmpeq_epi32(x.b, y.b))};
}
VEC vm vm_and(vm x, vm y) { return (vm){_mm256_and_ps(x.a, y.a), _mm256_and_ps(x.b, y.b)}; }
VEC int vm_any(vm m) { return _mm256_movemask_ps(_mm256_or_ps(m.a, m.b)) != 0; }
VEC vf vf_keep(vm m, vf x) { return (vf){_mm256_and_ps(m.a, x.a), _mm256_and_ps(m.b, x.b)}; }
VEC vf vf_select(vm m, vf x, vf y) { return (vf){_mm256_blendv_ps(y.a, x.a, m.a), _mm256_blendv_ps(y.b, x.b, m.b)}; }
VEC vf vf_mul_where(vm m, vf a, vf b) { return vf_keep(m, vf_mul(a, b)); }
VEC vf vf_add_where(vm m, vf w, vf d) { return vf_add(w, vf_keep(m, d)); } /* w is never -0 */
VEC vf vf_load_n(const float *p, uint32_t n) {
    vm m = vm_first(n);
    return (vf){_mm256_maskload_ps(p, _mm256_castps_si256(m.a)), _mm256_maskload_ps(p + 8, _mm256_castps_si256(m.b))};
}
VEC void vf_store_n(float *p, uint32_t n, vf x) {
    vm m = vm_first(n);
    _mm256_maskstore_ps(p, _mm256_castps_si256(m.a), x.a);
    _mm256_maskstore_ps(p + 8, _mm256_castps_si256(m.b), x.b);
}

VEC float vf_fold(vf v) {
    __m256 a = _mm256_add_ps(v.a, v.b);
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_shuffle_ps(b, b, 1)));
}

/* mdl_fix of 16 lanes within its bounds, added to sum[16]: whole part, then rest. */
VEC void vf_add_fix_within(int64_t *sum, vf x) {
    const __m256d one = _mm256_set1_pd(0x1p32), magic = _mm256_set1_pd(0x1.8p52);
    VEC_UNROLL for (int i = 0; i < 4; i++) {
        __m128 part = i % 2 ? _mm256_extractf128_ps(i / 2 ? x.b : x.a, 1) : _mm256_castps256_ps128(i / 2 ? x.b : x.a);
        __m128i whole = _mm_cvttps_epi32(part);
        __m256d rest = _mm256_mul_pd(_mm256_cvtps_pd(_mm_sub_ps(part, _mm_cvtepi32_ps(whole))), one);
        rest = _mm256_add_pd(_mm256_round_pd(rest, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC), magic);
        __m256i low = _mm256_sub_epi64(_mm256_castpd_si256(rest), _mm256_castpd_si256(magic));
        __m256i fixed = _mm256_add_epi64(_mm256_slli_epi64(_mm256_cvtepi32_epi64(whole), 32), low);
        __m256i *to = (__m256i *)(sum + 4 * i);
        _mm256_storeu_si256(to, _mm256_add_epi64(_mm256_loadu_si256(to), fixed));
    }
}

VEC __m256 vec_fold8_(const float *lanes) {
    __m256 four[4], pair[2];
    VEC_UNROLL for (int e = 0; e < 4; e++) { /* rows e and e + 4 */
        vf x = vf_load(lanes + 16 * e), y = vf_load(lanes + 16 * (e + 4));
        __m256 u = _mm256_add_ps(x.a, x.b), v = _mm256_add_ps(y.a, y.b);
        four[e] = _mm256_add_ps(_mm256_permute2f128_ps(u, v, 0x20), _mm256_permute2f128_ps(u, v, 0x31));
    }
    VEC_UNROLL for (int h = 0; h < 2; h++) pair[h] = _mm256_add_ps(
        _mm256_shuffle_ps(four[2 * h], four[2 * h + 1], 0x44), _mm256_shuffle_ps(four[2 * h], four[2 * h + 1], 0xee));
    return _mm256_add_ps(_mm256_shuffle_ps(pair[0], pair[1], 0x88), _mm256_shuffle_ps(pair[0], pair[1], 0xdd));
}
VEC vf vf_fold_rows(const float *lanes) { return (vf){vec_fold8_(lanes), vec_fold8_(lanes + 128)}; }

VEC void vec_transpose4_(const __m256 in[4], __m256 out[4]) {
    __m256 a = _mm256_unpacklo_ps(in[0], in[1]), b = _mm256_unpackhi_ps(in[0], in[1]);
    __m256 c = _mm256_unpacklo_ps(in[2], in[3]), d = _mm256_unpackhi_ps(in[2], in[3]);
    out[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd(a), _mm256_castps_pd(c)));
    out[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd(a), _mm256_castps_pd(c)));
    out[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd(b), _mm256_castps_pd(d)));
    out[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd(b), _mm256_castps_pd(d)));
}
VEC void vf_transpose4(const vf in[4], vf out[4]) {
    __m256 lo[4], hi[4];
    VEC_UNROLL for (int i = 0; i < 4; i++) {
        lo[i] = in[i].a;
        hi[i] = in[i].b;
    }
    vec_transpose4_(lo, lo);
    vec_transpose4_(hi, hi);
    VEC_UNROLL for (int i = 0; i < 4; i++) out[i] = (vf){lo[i], hi[i]};
}

VEC __m256 vec_two_(const float *x, const float *y) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_load_ps(x)), _mm_load_ps(y), 1);
}
#define VEC_RECORDS4(base, AT, out)                                                                                    \
    do {                                                                                                               \
        __m256 lo_[4], hi_[4];                                                                                         \
        VEC_UNROLL for (int k_ = 0; k_ < 4; k_++) {                                                                    \
            lo_[k_] = vec_two_((base) + 4 * (size_t)AT(k_), (base) + 4 * (size_t)AT(4 + k_));                          \
            hi_[k_] = vec_two_((base) + 4 * (size_t)AT(8 + k_), (base) + 4 * (size_t)AT(12 + k_));                     \
        }                                                                                                              \
        vec_transpose4_(lo_, lo_);                                                                                     \
        vec_transpose4_(hi_, hi_);                                                                                     \
        VEC_UNROLL for (int k_ = 0; k_ < 4; k_++)(out)[k_] = (vf){lo_[k_], hi_[k_]};                                   \
    } while (0)

VEC __m256 vec_records2_(const float *base, size_t a, size_t b, size_t c, size_t d) {
    __m128 lo = _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)(base + 2 * a)));
    __m128 hi = _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)(base + 2 * c)));
    lo = _mm_loadh_pi(lo, (const __m64 *)(base + 2 * b));
    hi = _mm_loadh_pi(hi, (const __m64 *)(base + 2 * d));
    return _mm256_insertf128_ps(_mm256_castps128_ps256(lo), hi, 1);
}
#define VEC_RECORDS2(base, AT, out)                                                                                    \
    do {                                                                                                               \
        __m256 a_ = vec_records2_(base, AT(0), AT(1), AT(4), AT(5));                                                   \
        __m256 b_ = vec_records2_(base, AT(2), AT(3), AT(6), AT(7));                                                   \
        __m256 c_ = vec_records2_(base, AT(8), AT(9), AT(12), AT(13));                                                 \
        __m256 d_ = vec_records2_(base, AT(10), AT(11), AT(14), AT(15));                                               \
        (out)[0] = (vf){_mm256_shuffle_ps(a_, b_, 0x88), _mm256_shuffle_ps(c_, d_, 0x88)};                             \
        (out)[1] = (vf){_mm256_shuffle_ps(a_, b_, 0xdd), _mm256_shuffle_ps(c_, d_, 0xdd)};                             \
    } while (0)

VEC void vf_put_records4(float *to, uint32_t n, const vf in[4]) {
    vf r[4];
    vf_transpose4(in, r);
    VEC_UNROLL for (uint32_t i = 0; i < 16; i++) {
        if (i >= n)
            break;
        __m256 half = i < 8 ? r[i % 4].a : r[i % 4].b;
        _mm_store_ps(to + 4 * i, i / 4 % 2 ? _mm256_extractf128_ps(half, 1) : _mm256_castps256_ps128(half));
    }
}

VEC void vf_put_records2(float *to, uint32_t n, vf x, vf y) {
    float t[32];
    VEC_UNROLL for (int h = 0; h < 2; h++) {
        __m256 lo = _mm256_unpacklo_ps(h ? x.b : x.a, h ? y.b : y.a),
               hi = _mm256_unpackhi_ps(h ? x.b : x.a, h ? y.b : y.a);
        float *at = n == 16 ? to : t;
        _mm256_storeu_ps(at + 16 * h, _mm256_permute2f128_ps(lo, hi, 0x20));
        _mm256_storeu_ps(at + 16 * h + 8, _mm256_permute2f128_ps(lo, hi, 0x31));
    }
    if (n < 16)
        memcpy(to, t, 2 * n * sizeof *t);
}
VEC vf vf_first_of_records2(const float *p) {
    vf r;
    VEC_UNROLL for (int h = 0; h < 2; h++) {
        __m256 lo = _mm256_loadu_ps(p + 16 * h), hi = _mm256_loadu_ps(p + 16 * h + 8);
        __m256 even =
            _mm256_shuffle_ps(_mm256_permute2f128_ps(lo, hi, 0x20), _mm256_permute2f128_ps(lo, hi, 0x31), 0x88);
        *(h ? &r.b : &r.a) = even;
    }
    return r;
}

/* Philox state: even and odd lanes of each half, in 64-bit elements. */
typedef struct vw {
    __m256i v[4]; /* even and odd lanes of 0..7, then of 8..15 */
} vw;
#define VEC_W(expression)                                                                                              \
    vw r;                                                                                                              \
    VEC_UNROLL for (int i = 0; i < 4; i++) r.v[i] = expression;                                                        \
    return r
VEC vw vw_of(vu x) { return (vw){{x.a, _mm256_srli_epi64(x.a, 32), x.b, _mm256_srli_epi64(x.b, 32)}}; }
VEC vw vw_count(uint32_t from) { return vw_of(vu_count(from)); }
VEC vw vw_mul(vw x, uint32_t m) { VEC_W(_mm256_mul_epu32(x.v[i], _mm256_set1_epi64x(m))); }
VEC vw vw_high(vw x) { VEC_W(_mm256_srli_epi64(x.v[i], 32)); }
VEC vw vw_xor1(vw x, uint32_t k) { VEC_W(_mm256_xor_si256(x.v[i], _mm256_set1_epi32((int)k))); }
VEC vw vw_xor3(vw x, vw y, uint32_t k) {
    VEC_W(_mm256_xor_si256(_mm256_xor_si256(x.v[i], y.v[i]), _mm256_set1_epi32((int)k)));
}
VEC vw vw_xor3v(vw x, vw y, vw k) { VEC_W(_mm256_xor_si256(_mm256_xor_si256(x.v[i], y.v[i]), k.v[i])); }
VEC vw vw_add1(vw x, uint32_t k) { VEC_W(_mm256_add_epi32(x.v[i], _mm256_set1_epi32((int)k))); }
VEC vu vw_words(vw x) {
    return (vu){_mm256_blend_epi32(x.v[0], _mm256_slli_epi64(x.v[1], 32), 0xaa),
                _mm256_blend_epi32(x.v[2], _mm256_slli_epi64(x.v[3], 32), 0xaa)};
}

#endif
