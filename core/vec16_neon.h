/* vec16.h on NEON of aarch64. */
#ifndef MDL_CORE_VEC16_NEON_H
#define MDL_CORE_VEC16_NEON_H

#include <arm_neon.h>

typedef struct vf {
    float32x4_t v[4];
} vf;
typedef struct vu {
    uint32x4_t v[4];
} vu;
typedef vu vm; /* all ones or all zeros */

#define VEC_EACH VEC_UNROLL for (int i = 0; i < 4; i++)
#define VEC_F(expression)                                                                                              \
    vf r;                                                                                                              \
    VEC_EACH r.v[i] = expression;                                                                                      \
    return r
#define VEC_U(expression)                                                                                              \
    vu r;                                                                                                              \
    VEC_EACH r.v[i] = expression;                                                                                      \
    return r

VEC vf vf_load(const float *p) { VEC_F(vld1q_f32(p + 4 * i)); }
VEC void vf_store(float *p, vf a) { VEC_EACH vst1q_f32(p + 4 * i, a.v[i]); }
VEC vf vf_load_n(const float *p, uint32_t n) {
    float t[16] = {0.0f};
    memcpy(t, p, n * sizeof *t);
    return vf_load(t);
}
VEC void vf_store_n(float *p, uint32_t n, vf a) {
    float t[16];
    vf_store(t, a);
    memcpy(p, t, n * sizeof *t);
}
VEC vf vf_set(float x) { VEC_F(vdupq_n_f32(x)); }
VEC vu vu_set(uint32_t x) { VEC_U(vdupq_n_u32(x)); }
VEC vu vu_load(const uint32_t *p) { VEC_U(vld1q_u32(p + 4 * i)); }
/* Sixteen bytes. */
VEC vu vu_load8(const uint8_t *p) {
    uint8x16_t b = vld1q_u8(p);
    uint16x8_t lo = vmovl_u8(vget_low_u8(b)), hi = vmovl_u8(vget_high_u8(b));
    return (vu){{vmovl_u16(vget_low_u16(lo)), vmovl_u16(vget_high_u16(lo)), vmovl_u16(vget_low_u16(hi)),
                 vmovl_u16(vget_high_u16(hi))}};
}
VEC void vu_store(uint32_t *p, vu a) { VEC_EACH vst1q_u32(p + 4 * i, a.v[i]); }
VEC vu vu_count(uint32_t from) {
    static const uint32_t count[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    VEC_U(vaddq_u32(vdupq_n_u32(from), vld1q_u32(count + 4 * i)));
}

VEC vf vf_add(vf a, vf b) { VEC_F(vaddq_f32(a.v[i], b.v[i])); }
VEC vf vf_sub(vf a, vf b) { VEC_F(vsubq_f32(a.v[i], b.v[i])); }
VEC vf vf_mul(vf a, vf b) { VEC_F(vmulq_f32(a.v[i], b.v[i])); }
VEC vf vf_div(vf a, vf b) { VEC_F(vdivq_f32(a.v[i], b.v[i])); }
VEC vf vf_fma(vf a, vf b, vf c) { VEC_F(vfmaq_f32(c.v[i], a.v[i], b.v[i])); }
VEC vf vf_sqrt(vf a) { VEC_F(vsqrtq_f32(a.v[i])); }
/* Not vminq and vmaxq: those order -0 before +0. */
VEC vf vf_min(vf a, vf b) { VEC_F(vbslq_f32(vcltq_f32(a.v[i], b.v[i]), a.v[i], b.v[i])); }
VEC vf vf_max(vf a, vf b) { VEC_F(vbslq_f32(vcgtq_f32(a.v[i], b.v[i]), a.v[i], b.v[i])); }
VEC vf vf_bound(vf a, vf most) {
    vf least;
    VEC_EACH least.v[i] = vnegq_f32(most.v[i]);
    return vf_min(vf_max(a, least), most);
}
VEC vf vf_abs(vf a) { VEC_F(vabsq_f32(a.v[i])); }
VEC vu vf_bits(vf a) { VEC_U(vreinterpretq_u32_f32(a.v[i])); }
VEC vf vu_float(vu a) { VEC_F(vreinterpretq_f32_u32(a.v[i])); }
VEC vf vf_of_int(vu a) { VEC_F(vcvtq_f32_s32(vreinterpretq_s32_u32(a.v[i]))); }

VEC vu vu_add(vu a, vu b) { VEC_U(vaddq_u32(a.v[i], b.v[i])); }
VEC vu vu_sub(vu a, vu b) { VEC_U(vsubq_u32(a.v[i], b.v[i])); }
VEC vu vu_and(vu a, vu b) { VEC_U(vandq_u32(a.v[i], b.v[i])); }
VEC vu vu_or(vu a, vu b) { VEC_U(vorrq_u32(a.v[i], b.v[i])); }
VEC vu vu_xor(vu a, vu b) { VEC_U(veorq_u32(a.v[i], b.v[i])); }
VEC vu vec_shift_(vu a, int n) { VEC_U(vshlq_u32(a.v[i], vdupq_n_s32(n))); }
VEC vu vec_shift_signed_(vu a, int n) {
    VEC_U(vreinterpretq_u32_s32(vshlq_s32(vreinterpretq_s32_u32(a.v[i]), vdupq_n_s32(n))));
}
#define vu_shl(a, n) vec_shift_(a, n)
#define vu_shr(a, n) vec_shift_(a, -(n))
#define vu_sar(a, n) vec_shift_signed_(a, -(n))

VEC vm vf_lt(vf a, vf b) { VEC_U(vcltq_f32(a.v[i], b.v[i])); }
VEC vm vf_ge(vf a, vf b) { VEC_U(vcgeq_f32(a.v[i], b.v[i])); }
VEC vm vm_first(uint32_t n) {
    vu lane = vu_count(0);
    VEC_U(vcltq_u32(lane.v[i], vdupq_n_u32(n)));
}
VEC vm vm_bits(uint32_t bits) {
    static const uint32_t bit[4] = {1, 2, 4, 8};
    VEC_U(vtstq_u32(vdupq_n_u32(bits >> (4 * i)), vld1q_u32(bit)));
}
VEC vm vu_test(vu a, vu b) { VEC_U(vtstq_u32(a.v[i], b.v[i])); }
VEC vm vu_equal(vu a, vu b) { VEC_U(vceqq_u32(a.v[i], b.v[i])); }
VEC vm vm_and(vm a, vm b) { return vu_and(a, b); }
VEC int vm_any(vm m) { return vmaxvq_u32(vorrq_u32(vorrq_u32(m.v[0], m.v[1]), vorrq_u32(m.v[2], m.v[3]))) != 0; }
VEC vf vf_keep(vm m, vf a) { return vu_float(vu_and(m, vf_bits(a))); }
VEC vf vf_select(vm m, vf a, vf b) { VEC_F(vbslq_f32(m.v[i], a.v[i], b.v[i])); }
VEC vf vf_mul_where(vm m, vf a, vf b) { return vf_keep(m, vf_mul(a, b)); }
VEC vf vf_add_where(vm m, vf w, vf d) { return vf_add(w, vf_keep(m, d)); }

VEC float vf_fold(vf a) {
    float32x4_t s = vaddq_f32(vaddq_f32(a.v[0], a.v[2]), vaddq_f32(a.v[1], a.v[3]));
    float32x2_t t = vadd_f32(vget_low_f32(s), vget_high_f32(s));
    return vget_lane_f32(t, 0) + vget_lane_f32(t, 1);
}
/* mdl_fix of 16 lanes within its bounds, added to sum[16]. */
VEC void vf_add_fix_within(int64_t *sum, vf a) {
    const float64x2_t one = vdupq_n_f64(0x1p32);
    VEC_EACH {
        int64x2_t lo = vcvtq_s64_f64(vmulq_f64(vcvt_f64_f32(vget_low_f32(a.v[i])), one));
        int64x2_t hi = vcvtq_s64_f64(vmulq_f64(vcvt_high_f64_f32(a.v[i]), one));
        vst1q_s64(sum + 4 * i, vaddq_s64(vld1q_s64(sum + 4 * i), lo));
        vst1q_s64(sum + 4 * i + 2, vaddq_s64(vld1q_s64(sum + 4 * i + 2), hi));
    }
}

VEC vf vf_fold_rows(const float *lanes) {
    float t[16];
    for (int i = 0; i < 16; i++)
        t[i] = vf_fold(vf_load(lanes + 16 * i));
    return vf_load(t);
}

VEC void vf_transpose4(const vf in[4], vf out[4]) {
    vf t[4];
    VEC_EACH {
        float32x4_t a = vzip1q_f32(in[0].v[i], in[2].v[i]), b = vzip1q_f32(in[1].v[i], in[3].v[i]);
        float32x4_t c = vzip2q_f32(in[0].v[i], in[2].v[i]), d = vzip2q_f32(in[1].v[i], in[3].v[i]);
        t[0].v[i] = vzip1q_f32(a, b);
        t[1].v[i] = vzip2q_f32(a, b);
        t[2].v[i] = vzip1q_f32(c, d);
        t[3].v[i] = vzip2q_f32(c, d);
    }
    VEC_EACH out[i] = t[i];
}
#define VEC_RECORDS4(base, AT, out)                                                                                    \
    do {                                                                                                               \
        vf in_[4];                                                                                                     \
        VEC_UNROLL for (int k_ = 0; k_ < 4; k_++) VEC_UNROLL for (int q_ = 0; q_ < 4; q_++) in_[k_].v[q_] =            \
            vld1q_f32((base) + 4 * (size_t)AT(4 * q_ + k_));                                                           \
        vf_transpose4(in_, out);                                                                                       \
    } while (0)
#define VEC_RECORDS2(base, AT, out)                                                                                    \
    do {                                                                                                               \
        VEC_UNROLL for (int q_ = 0; q_ < 4; q_++) {                                                                    \
            float32x4_t a_ = vcombine_f32(vld1_f32((base) + 2 * (size_t)AT(4 * q_)),                                   \
                                          vld1_f32((base) + 2 * (size_t)AT(4 * q_ + 1)));                              \
            float32x4_t b_ = vcombine_f32(vld1_f32((base) + 2 * (size_t)AT(4 * q_ + 2)),                               \
                                          vld1_f32((base) + 2 * (size_t)AT(4 * q_ + 3)));                              \
            (out)[0].v[q_] = vuzp1q_f32(a_, b_);                                                                       \
            (out)[1].v[q_] = vuzp2q_f32(a_, b_);                                                                       \
        }                                                                                                              \
    } while (0)
VEC void vf_put_records4(float *to, uint32_t n, const vf in[4]) {
    vf r[4];
    vf_transpose4(in, r);
    for (uint32_t i = 0; i < n; i++)
        vst1q_f32(to + 4 * i, r[i % 4].v[i / 4]);
}

VEC void vf_put_records2(float *to, uint32_t n, vf a, vf b) {
    float t[32];
    VEC_EACH vst2q_f32(t + 8 * i, ((float32x4x2_t){{a.v[i], b.v[i]}}));
    memcpy(to, t, 2 * n * sizeof *t);
}
VEC vf vf_first_of_records2(const float *p) { VEC_F(vld2q_f32(p + 8 * i).val[0]); }

/* Philox state: products in two halves of 64-bit elements, in order of lanes. */
typedef struct vw {
    uint64x2_t v[8];
} vw;
#define VEC_W(expression)                                                                                              \
    vw r;                                                                                                              \
    VEC_UNROLL for (int i = 0; i < 8; i++) r.v[i] = expression;                                                        \
    return r
VEC vw vw_of(vu a) { VEC_W(vmovl_u32(i % 2 ? vget_high_u32(a.v[i / 2]) : vget_low_u32(a.v[i / 2]))); }
VEC vw vw_count(uint32_t from) { return vw_of(vu_count(from)); }
VEC vw vw_mul(vw a, uint32_t m) { VEC_W(vmull_u32(vmovn_u64(a.v[i]), vdup_n_u32(m))); }
VEC vw vw_high(vw a) { VEC_W(vshrq_n_u64(a.v[i], 32)); }
VEC vw vw_xor1(vw a, uint32_t k) { VEC_W(veorq_u64(a.v[i], vdupq_n_u64(k))); }
VEC vw vw_xor3(vw a, vw b, uint32_t k) { VEC_W(veorq_u64(veorq_u64(a.v[i], b.v[i]), vdupq_n_u64(k))); }
VEC vw vw_xor3v(vw a, vw b, vw k) { VEC_W(veorq_u64(veorq_u64(a.v[i], b.v[i]), k.v[i])); }
VEC vw vw_add1(vw a, uint32_t k) { VEC_W(vaddq_u64(a.v[i], vdupq_n_u64(k))); }
VEC vu vw_words(vw a) { VEC_U(vcombine_u32(vmovn_u64(a.v[2 * i]), vmovn_u64(a.v[2 * i + 1]))); }

#endif
