/* Sixteen binary32 lanes with the same bits on every instruction set, and the
 * functions of core/num.h on them. For the sources of kernels alone: include it
 * in a file that is compiled once per instruction set (modulon_kernel in
 * cmake/layers.cmake gives the flags and the name in MDL_KERNEL), and export
 * nothing from there but one table of functions.
 *
 *     MDL_VEC16 512   x86-64-v4: one 512-bit register
 *     MDL_VEC16 256   x86-64-v3: two of 256
 *     MDL_VEC16 128   aarch64:   four of 128
 *     MDL_VEC16 0     none: the file must hold nothing then
 *
 * vf, vu and vm are 16 floats, 16 words and 16 truth values. Every operation is
 * one IEEE-754 operation per lane, rounded to nearest even; vf_min and vf_max are
 * mdl_minf and mdl_maxf to the sign of zero. vf_fold and vf_fold_rows are
 * mdl_fold16. Loads and stores need no alignment, except records (16 or 8 bytes).
 * A kernel that uses only this header gives the bytes of the same steps written
 * with core/num.h. */
#ifndef MDL_CORE_VEC16_H
#define MDL_CORE_VEC16_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512DQ__) && defined(__AVX512BW__)
#define MDL_VEC16 512
#elif defined(__AVX2__) && defined(__FMA__)
#define MDL_VEC16 256
#elif defined(__aarch64__) && defined(__ARM_NEON)
#define MDL_VEC16 128
#else
#define MDL_VEC16 0
#endif

#define VEC static inline __attribute__((always_inline))
/* Loops over the registers of one vector, written out by every compiler. */
#define VEC_UNROLL _Pragma("GCC unroll 16")

#if MDL_VEC16 == 512
#include "core/vec16_avx512.h"
#elif MDL_VEC16 == 256
#include "core/vec16_avx2.h"
#elif MDL_VEC16 == 128
#include "core/vec16_neon.h"
#endif

#if MDL_VEC16
#include "core/vec16_math.h"
#endif

#endif
