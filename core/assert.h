/* Asserts that stay on in release builds, outside hot loops. They fire only on
 * our own bugs. The failure path traps: core has no I/O to report with. */
#ifndef MDL_CORE_ASSERT_H
#define MDL_CORE_ASSERT_H

#include <float.h>
#include <limits.h>
#include <stdint.h>

#define MDL_ASSERT(cond) ((cond) ? (void)0 : __builtin_trap())

_Static_assert(CHAR_BIT == 8, "bytes have eight bits");
_Static_assert(sizeof(float) == 4 && FLT_MANT_DIG == 24 && FLT_MAX_EXP == 128, "float is binary32");
_Static_assert(sizeof(double) == 8 && DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024, "double is binary64");
_Static_assert(FLT_EVAL_METHOD == 0, "expressions are evaluated in their own type");
_Static_assert((-1 >> 1) == -1, "right shift of a negative integer is arithmetic");
_Static_assert((int32_t)(uint32_t)0x80000000u == INT32_MIN, "conversion to signed wraps");

#endif
