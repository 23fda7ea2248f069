/* Which kernels this build has and this CPU can run. */
#include "core/hmn_kernel.h"

extern const mdl_kernel mdl_kernel_portable;
#ifdef MDL_KERNEL_X86
extern const mdl_kernel mdl_kernel_v3, mdl_kernel_v4;
#endif

uint32_t mdl_kernel_count(void) {
    uint32_t n = 1;
#ifdef MDL_KERNEL_X86
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        n = 2;
    if (n == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd"))
        n = 3;
#endif
    return n;
}

const mdl_kernel *mdl_kernel_get(uint32_t i) {
    if (i >= mdl_kernel_count())
        return NULL;
#ifdef MDL_KERNEL_X86
    static const mdl_kernel *const kernels[] = {&mdl_kernel_portable, &mdl_kernel_v3, &mdl_kernel_v4};
    return kernels[i];
#else
    return &mdl_kernel_portable;
#endif
}

const mdl_kernel *mdl_kernel_best(void) { return mdl_kernel_get(mdl_kernel_count() - 1); }
