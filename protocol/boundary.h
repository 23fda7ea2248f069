/* Packed boundary activity: what one region sends in one window, window x listen
 * binary32 values, step by step. PROTOCOL section 12.1.
 *
 *   form u8, then
 *   0  nothing: every value is +0
 *   1  bits: a bitmap of what is not 0, then a bit for each of those, 1 where it
 *      is -1; for values -1, +0 and 1 alone. Never more than 2 bits a value.
 *   2  sparse: the bitmap, then those values, f32 each
 *   3  dense: every value, f32
 * Bits fill bytes from the lowest; the bits after the last are 0. Of the forms that
 * can say it the lowest number is used, but dense where sparse is not shorter. So
 * equal activity has equal bytes. */
#ifndef MDL_PROTOCOL_BOUNDARY_H
#define MDL_PROTOCOL_BOUNDARY_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/player.h"

enum { MDL_BOUNDARY_NOTHING = 0, MDL_BOUNDARY_BITS = 1, MDL_BOUNDARY_SPARSE = 2, MDL_BOUNDARY_DENSE = 3 };

/* The most that `count` values can take. */
static inline size_t mdl_boundary_max(size_t count) { return 1 + 4 * count; }

/* Pack value[count], finite, to out[mdl_boundary_max(count)]. Returns the bytes used. */
size_t mdl_boundary_pack(const float *value, size_t count, uint8_t *out);

/* Unpack from the start of bytes[size] to out[count]; `out` NULL only checks.
 * *used: the bytes taken. MDL_ESIZE when they are too few, MDL_ESYNTAX for a form
 * that is not the one to use or set bits after the last, MDL_ERANGE for what the
 * rule does not allow, NaN and infinity included; then `out` is undefined. */
mdl_err mdl_boundary_unpack(const uint8_t *bytes, size_t size, size_t count, const mdl_activity_rule *rule, float *out,
                            size_t *used);

#endif
