/* Numbers: binary32 functions that give the same bytes everywhere. SPEC section 3. */
#ifndef MDL_CORE_NUM_H
#define MDL_CORE_NUM_H
#include <stdint.h>
#include <string.h>
#include "core/assert.h"
/* Contract (implementation to follow, all static inline, branch-free so that loops over
 * lanes vectorise):
 *   float    mdl_fmaf(float a, float b, float c);      exact fused multiply-add
 *   float    mdl_minf(a,b), mdl_maxf(a,b), mdl_clampf(x, lo, hi);   `x < hi ? x : hi` semantics
 *   float    mdl_absf(x)
 *   float    mdl_flushf(float x);                      |x| < 2^-100 -> +0
 *   float    mdl_sqrtf(float x);
 *   float    mdl_expf(float x), mdl_logf(float x), mdl_sigmoidf(float x), mdl_tanhf(float x);
 *   void     mdl_sincos_turn(uint32_t phase, float *sin, float *cos);   phase / 2^32 of a turn
 *   void     mdl_gauss(uint32_t a, uint32_t b, float *g0, float *g1);   Box-Muller from two words
 *   int64_t  mdl_fix(float x);          to 32 fractional bits, exact when |x| < 2^24.., saturating
 *   float    mdl_fix_to_f(int64_t x);   nearest even
 *   double   mdl_sin(double), mdl_cos(double)  (num.c; |x| <= 2^20; for task dynamics)
 *   uint32_t mdl_float_bits(float), float mdl_bits_float(uint32_t), 
 *   float    mdl_fold16(const float lane[16]); 8,4,2,1 tree: lane l += lane l+8, then +4, +2, +1
 */
#endif
