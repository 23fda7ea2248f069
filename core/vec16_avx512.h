/* vec16.h on AVX-512 F, VL, DQ, BW. */
#ifndef MDL_CORE_VEC16_AVX512_H
#define MDL_CORE_VEC16_AVX512_H

#include <immintrin.h>

typedef __m512 vf;
typedef __m512i vu;
typedef __mmask16 vm;

VEC vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
VEC void vf_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
/* The first n (0..16) of p, zeros behind; nothing further is read or written. */
VEC vf vf_load_n(const float *p, uint32_t n) { return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1u), p); }
VEC void vf_store_n(float *p, uint32_t n, vf a) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1u), a); }
VEC vf vf_set(float x) { return _mm512_set1_ps(x); }
VEC vu vu_set(uint32_t x) { return _mm512_set1_epi32((int)x); }
VEC vu vu_load(const uint32_t *p) { return _mm512_loadu_si512(p); }
/* Sixteen bytes. */
VEC vu vu_load8(const uint8_t *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)); }
VEC void vu_store(uint32_t *p, vu a) { _mm512_storeu_si512(p, a); }
VEC vu vu_count(uint32_t from) {
    return _mm512_add_epi32(vu_set(from), _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

VEC vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
VEC vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
VEC vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
VEC vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
VEC vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
VEC vf vf_sqrt(vf a) { return _mm512_sqrt_ps(a); } /* a >= 0 */
VEC vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
VEC vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
/* |a| no more than `most` (positive), with a's sign. Without optimisation gcc 12 has it as a macro whose mask changes
 * sign. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
VEC vf vf_bound(vf a, vf most) { return _mm512_range_ps(a, most, 2); }
#pragma GCC diagnostic pop
VEC vf vf_abs(vf a) { return _mm512_abs_ps(a); }
VEC vu vf_bits(vf a) { return _mm512_castps_si512(a); }
VEC vf vu_float(vu a) { return _mm512_castsi512_ps(a); }
VEC vf vf_of_int(vu a) { return _mm512_cvtepi32_ps(a); }

VEC vu vu_add(vu a, vu b) { return _mm512_add_epi32(a, b); }
VEC vu vu_sub(vu a, vu b) { return _mm512_sub_epi32(a, b); }
VEC vu vu_and(vu a, vu b) { return _mm512_and_si512(a, b); }
VEC vu vu_or(vu a, vu b) { return _mm512_or_si512(a, b); }
VEC vu vu_xor(vu a, vu b) { return _mm512_xor_si512(a, b); }
#define vu_shl(a, n) _mm512_slli_epi32(a, n)
#define vu_shr(a, n) _mm512_srli_epi32(a, n)
#define vu_sar(a, n) _mm512_srai_epi32(a, n)

VEC vm vf_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
VEC vm vf_ge(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
VEC vm vm_first(uint32_t n) { return (vm)((1u << n) - 1u); } /* lanes 0..n-1, n <= 16 */
VEC vm vm_bits(uint32_t bits) { return (vm)bits; }
VEC vm vu_test(vu a, vu b) { return _mm512_test_epi32_mask(a, b); } /* where a & b is not 0 */
VEC vm vu_equal(vu a, vu b) { return _mm512_cmpeq_epi32_mask(a, b); }
VEC vm vm_and(vm a, vm b) { return (vm)(a & b); }
VEC int vm_any(vm m) { return m != 0; }
VEC vf vf_keep(vm m, vf a) { return _mm512_maskz_mov_ps(m, a); } /* a where m, else +0 */
VEC vf vf_select(vm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }
/* a b where m, +0 elsewhere; w + d where m, w elsewhere: w is not -0. */
VEC vf vf_mul_where(vm m, vf a, vf b) { return _mm512_maskz_mul_ps(m, a, b); }
VEC vf vf_add_where(vm m, vf w, vf d) { return _mm512_mask_add_ps(w, m, w, d); }

VEC float vf_fold(vf a) {
    __m256 b = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    c = _mm_add_ps(c, _mm_movehl_ps(c, c));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_shuffle_ps(c, c, 1)));
}

/* mdl_fix of 16 lanes within its bounds, added to sum[16]. */
VEC void vf_add_fix_within(int64_t *sum, vf a) {
    const __m512d one = _mm512_set1_pd(0x1p32);
    __m512i lo = _mm512_cvttpd_epi64(_mm512_mul_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(a)), one));
    __m512i hi = _mm512_cvttpd_epi64(_mm512_mul_pd(_mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)), one));
    _mm512_storeu_si512(sum, _mm512_add_epi64(_mm512_loadu_si512(sum), lo));
    _mm512_storeu_si512(sum + 8, _mm512_add_epi64(_mm512_loadu_si512(sum + 8), hi));
}

/* Lane i of the result: the fold of lanes[16 i .. 16 i + 15]. */
VEC vf vf_fold_rows(const float *lanes) {
    vf pair[2];
    VEC_UNROLL for (int h = 0; h < 2; h++) {
        vf four[2];
        VEC_UNROLL for (int q = 0; q < 2; q++) { /* rows e, e + 4, e + 8, e + 12 */
            const float *row = lanes + 16 * (2 * h + q);
            vf a = vf_load(row), b = vf_load(row + 64), c = vf_load(row + 128), d = vf_load(row + 192);
            vf u = vf_add(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
            vf v = vf_add(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
            four[q] = vf_add(_mm512_shuffle_f32x4(u, v, 0x88), _mm512_shuffle_f32x4(u, v, 0xdd));
        }
        pair[h] = vf_add(_mm512_shuffle_ps(four[0], four[1], 0x44), _mm512_shuffle_ps(four[0], four[1], 0xee));
    }
    return vf_add(_mm512_shuffle_ps(pair[0], pair[1], 0x88), _mm512_shuffle_ps(pair[0], pair[1], 0xdd));
}

/* Four vectors whose 128-bit lane k holds four records k, 4 + k, ..: the i-th of
 * record 4 L + k to element 4 L + k of out[i]. Its own inverse. */
VEC void vf_transpose4(const vf in[4], vf out[4]) {
    vf a = _mm512_unpacklo_ps(in[0], in[1]), b = _mm512_unpackhi_ps(in[0], in[1]);
    vf c = _mm512_unpacklo_ps(in[2], in[3]), d = _mm512_unpackhi_ps(in[2], in[3]);
    out[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(c)));
    out[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(c)));
    out[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(b), _mm512_castps_pd(d)));
    out[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(b), _mm512_castps_pd(d)));
}

/* Records of four floats base[4 i] .. at the 16 indices AT(l), element by element. */
#define VEC_RECORDS4(base, AT, out)                                                                                    \
    do {                                                                                                               \
        vf in_[4];                                                                                                     \
        VEC_UNROLL for (int k_ = 0; k_ < 4; k_++) {                                                                    \
            in_[k_] = _mm512_castps128_ps512(_mm_load_ps((base) + 4 * (size_t)AT(k_)));                                \
            in_[k_] = _mm512_insertf32x4(in_[k_], _mm_load_ps((base) + 4 * (size_t)AT(4 + k_)), 1);                    \
            in_[k_] = _mm512_insertf32x4(in_[k_], _mm_load_ps((base) + 4 * (size_t)AT(8 + k_)), 2);                    \
            in_[k_] = _mm512_insertf32x4(in_[k_], _mm_load_ps((base) + 4 * (size_t)AT(12 + k_)), 3);                   \
        }                                                                                                              \
        vf_transpose4(in_, out);                                                                                       \
    } while (0)

/* Records of two floats. */
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
        vf u_ = _mm512_insertf32x8(_mm512_castps256_ps512(a_), c_, 1);                                                 \
        vf v_ = _mm512_insertf32x8(_mm512_castps256_ps512(b_), d_, 1);                                                 \
        (out)[0] = _mm512_shuffle_ps(u_, v_, 0x88);                                                                    \
        (out)[1] = _mm512_shuffle_ps(u_, v_, 0xdd);                                                                    \
    } while (0)

/* out[4 i ..] = record i, for i < n; `to` strides 4 floats. */
VEC void vf_put_records4(float *to, uint32_t n, const vf in[4]) {
    vf r[4];
    vf_transpose4(in, r); /* r[k]'s 128-bit lane L: record 4 L + k */
    VEC_UNROLL for (uint32_t i = 0; i < 16; i++) {
        if (i >= n)
            break;
        __m128 x = i / 4 == 0   ? _mm512_castps512_ps128(r[i % 4])
                   : i / 4 == 1 ? _mm512_extractf32x4_ps(r[i % 4], 1)
                   : i / 4 == 2 ? _mm512_extractf32x4_ps(r[i % 4], 2)
                                : _mm512_extractf32x4_ps(r[i % 4], 3);
        _mm_store_ps(to + 4 * i, x);
    }
}

/* Record i of two floats: a[i], b[i]; n of them. And the first floats of 16 records. */
VEC void vf_put_records2(float *to, uint32_t n, vf a, vf b) {
    const __m512i lo = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i hi = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    uint32_t most = n < 8 ? n : 8, rest = n - most;
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << 2 * most) - 1u), _mm512_permutex2var_ps(a, lo, b));
    _mm512_mask_storeu_ps(to + 16, (__mmask16)((1u << 2 * rest) - 1u), _mm512_permutex2var_ps(a, hi, b));
}
VEC vf vf_first_of_records2(const float *p) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(vf_load(p), even, vf_load(p + 16));
}

/* Philox state: the even and the odd lanes, in the low halves of 64-bit elements. */
typedef struct vw {
    __m512i e, o;
} vw;
VEC vw vw_count(uint32_t from) {
    const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    return (vw){_mm512_add_epi64(_mm512_set1_epi64(from), even),
                _mm512_add_epi64(_mm512_set1_epi64((long long)from + 1), even)};
}
VEC vw vw_of(vu a) { return (vw){a, _mm512_srli_epi64(a, 32)}; }
VEC vw vw_mul(vw a, uint32_t m) {
    const __m512i f = _mm512_set1_epi64(m);
    return (vw){_mm512_mul_epu32(a.e, f), _mm512_mul_epu32(a.o, f)};
}
VEC vw vw_high(vw a) { return (vw){_mm512_shuffle_epi32(a.e, 0xf5), _mm512_shuffle_epi32(a.o, 0xf5)}; }
VEC vw vw_xor1(vw a, uint32_t k) {
    const __m512i s = _mm512_set1_epi32((int)k);
    return (vw){_mm512_xor_si512(a.e, s), _mm512_xor_si512(a.o, s)};
}
VEC vw vw_xor3(vw a, vw b, uint32_t k) {
    const __m512i s = _mm512_set1_epi32((int)k);
    return (vw){_mm512_ternarylogic_epi32(a.e, b.e, s, 0x96), _mm512_ternarylogic_epi32(a.o, b.o, s, 0x96)};
}
VEC vw vw_xor3v(vw a, vw b, vw k) {
    return (vw){_mm512_ternarylogic_epi32(a.e, b.e, k.e, 0x96), _mm512_ternarylogic_epi32(a.o, b.o, k.o, 0x96)};
}
VEC vw vw_add1(vw a, uint32_t k) {
    const __m512i s = _mm512_set1_epi32((int)k);
    return (vw){_mm512_add_epi32(a.e, s), _mm512_add_epi32(a.o, s)};
}
VEC vu vw_words(vw a) { return _mm512_mask_shuffle_epi32(a.e, 0xaaaa, a.o, 0xa0); }

#endif
