#include "core/vec16.h"

#include "cli/bench_limits.h"

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define STRING2(a) #a
#define STRING(a) STRING2(a)

enum { CHAINS = 12 };

static double fma_rounds(uint32_t rounds) {
    vf a[CHAINS], m = vf_set(0.75f);
    VEC_UNROLL for (int k = 0; k < CHAINS; k++) a[k] = vf_set((float)k);
    for (uint32_t i = 0; i < rounds; i++)
        VEC_UNROLL for (int k = 0; k < CHAINS; k++) a[k] = vf_fma(a[k], m, m);
    for (int k = 1; k < CHAINS; k++)
        a[0] = vf_add(a[0], a[k]);
    float all = vf_fold(a[0]);
    /* Never true, but the compiler cannot know. */
    return all > 1e30f ? 0.0 : 16.0 * CHAINS * rounds;
}

static void stream(mdl_hmn_region *r, int gate) {
    vf one = vf_set(r->gain[0] > 1e30f ? 2.0f : 1.0f), seen = vf_set(0.0f);
    vu index = vu_set(0);
    size_t step = r->index16 ? 32 : 16;
    for (size_t at = 0; at + 32 <= r->shape.cells; at += 32) {
        VEC_UNROLL for (size_t h = 0; h < 32; h += 16) {
            vf_store(r->w + at + h, vf_mul(vf_load(r->w + at + h), one));
            vf_store(r->fast + at + h, vf_mul(vf_load(r->fast + at + h), one));
            vf_store(r->slow + at + h, vf_mul(vf_load(r->slow + at + h), one));
            if (gate)
                seen = vf_add(seen, vf_add(vf_load(r->cos_phi + at + h), vf_load(r->sin_phi + at + h)));
        }
        uint32_t words[32];
        memcpy(words, r->index16 ? (const void *)(r->index16 + at) : (const void *)(r->index32 + at),
               r->index16 ? 64 : 128);
        for (size_t h = 0; h < 32; h += step)
            index = vu_add(index, vu_load(words + h / (step / 16)));
    }
    vf_store(r->a, vf_select(vf_lt(vf_set(1e30f), vf_add(seen, vf_of_int(index))), seen, vf_load(r->a)));
}

#define AT(k) index_[k]
static float gather(const mdl_hmn_region *r) {
    const float *base = mdl_line_at(r, 0);
    vf sum = vf_set(0.0f), in[4] = {sum, sum, sum, sum};
    for (size_t at = 0; at + 16 <= r->shape.cells; at += 16) {
        if (r->index16) {
            const uint16_t *index_ = r->index16 + at;
            if (r->record == 4)
                VEC_RECORDS4(base, AT, in);
            else
                VEC_RECORDS2(base, AT, in);
        } else {
            const uint32_t *index_ = r->index32 + at;
            if (r->record == 4)
                VEC_RECORDS4(base, AT, in);
            else
                VEC_RECORDS2(base, AT, in);
        }
        sum = vf_add(sum, vf_add(in[0], in[1]));
        if (r->record == 4)
            sum = vf_add(sum, vf_add(in[2], in[3]));
    }
    return vf_fold(sum);
}

extern const mdl_bench_limits JOIN(mdl_bench_limits_, MDL_KERNEL);
const mdl_bench_limits JOIN(mdl_bench_limits_, MDL_KERNEL) = {STRING(MDL_KERNEL), fma_rounds, stream, gather};
