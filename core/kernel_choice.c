/* Which kernels this build has and this CPU can run. */
#include "core/hmn_kernel.h"

extern const mdl_kernel mdl_kernel_portable;
#ifdef MDL_KERNEL_X86
extern const mdl_kernel mdl_kernel_fma, mdl_kernel_v3, mdl_kernel_v4;
#endif
#ifdef MDL_KERNEL_NEON
extern const mdl_kernel mdl_kernel_neon;
#endif

/* In order of speed, with what each asks for. */
static const struct {
    const mdl_kernel *kernel;
    uint32_t needs;
} kernels[] = {
    {&mdl_kernel_portable, 0},
#ifdef MDL_KERNEL_X86
    {&mdl_kernel_fma, MDL_CPU_FMA},
    {&mdl_kernel_v3, MDL_CPU_AVX2 | MDL_CPU_FMA},
    {&mdl_kernel_v4, MDL_CPU_AVX2 | MDL_CPU_FMA | MDL_CPU_AVX512},
#endif
#ifdef MDL_KERNEL_NEON
    {&mdl_kernel_neon, MDL_CPU_NEON},
#endif
};
enum { KERNELS = sizeof kernels / sizeof kernels[0] };

uint32_t mdl_cpu_features(void) {
    uint32_t found = 0;
#ifdef MDL_KERNEL_X86
    /* The compiler may use all of x86-64-v3 and -v4 in those builds. */
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2"))
        found |= MDL_CPU_AVX2;
    if (__builtin_cpu_supports("fma"))
        found |= MDL_CPU_FMA;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd"))
        found |= MDL_CPU_AVX512;
#endif
#ifdef MDL_KERNEL_NEON
    found |= MDL_CPU_NEON;
#endif
    return found;
}

static const char *const feature_names[] = {"avx2", "fma", "avx512", "neon"};

const char *mdl_cpu_feature_name(uint32_t i) {
    return i < sizeof feature_names / sizeof feature_names[0] ? feature_names[i] : NULL;
}

const mdl_kernel *mdl_kernel_with(uint32_t features) {
    features &= mdl_cpu_features();
    uint32_t best = 0;
    for (uint32_t i = 0; i < KERNELS; i++)
        if ((kernels[i].needs & ~features) == 0)
            best = i;
    return kernels[best].kernel;
}

uint32_t mdl_kernel_count(void) {
    uint32_t n = 0, features = mdl_cpu_features();
    while (n < KERNELS && (kernels[n].needs & ~features) == 0)
        n++;
    return n;
}

const mdl_kernel *mdl_kernel_get(uint32_t i) { return i < mdl_kernel_count() ? kernels[i].kernel : NULL; }

const mdl_kernel *mdl_kernel_best(void) { return mdl_kernel_with(UINT32_MAX); }
