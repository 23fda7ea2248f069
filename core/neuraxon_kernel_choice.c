/* The Neuraxon kernel that goes with an HMN kernel. */
#include <string.h>

#include "core/hmn_kernel.h"
#include "core/neuraxon_kernel.h"

extern const mdl_neuraxon_kernel mdl_neuraxon_kernel_portable;
#ifdef MDL_KERNEL_X86
extern const mdl_neuraxon_kernel mdl_neuraxon_kernel_fma, mdl_neuraxon_kernel_v3, mdl_neuraxon_kernel_v4;
#endif
#ifdef MDL_KERNEL_NEON
extern const mdl_neuraxon_kernel mdl_neuraxon_kernel_neon;
#endif

static const mdl_neuraxon_kernel *const kernels[] = {
    &mdl_neuraxon_kernel_portable,
#ifdef MDL_KERNEL_X86
    &mdl_neuraxon_kernel_fma,      &mdl_neuraxon_kernel_v3, &mdl_neuraxon_kernel_v4,
#endif
#ifdef MDL_KERNEL_NEON
    &mdl_neuraxon_kernel_neon,
#endif
};

const mdl_neuraxon_kernel *mdl_neuraxon_kernel_of(const struct mdl_kernel *kernel) {
    for (size_t i = 1; kernel && i < sizeof kernels / sizeof kernels[0]; i++)
        if (strcmp(kernel->name, kernels[i]->name) == 0)
            return kernels[i];
    return kernels[0];
}
