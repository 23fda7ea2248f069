/* Points of a life: its whole state between two windows, as bytes that anyone can
 * take the life up from. PROTOCOL section 11.2.
 *
 * The bytes of a point are
 *   "modulon point v1", windows u32,
 *   the actions of all agents, u8 each, window by window,
 *   the motors' readouts, f32 each, window by window (tasks that read them),
 *   the network's canonical bytes (SPEC 5.7)
 * and its digest is their BLAKE2b-256, so that a blob store finds them by it. */
#ifndef MDL_PROTOCOL_POINT_H
#define MDL_PROTOCOL_POINT_H

#include "protocol/unit.h"

/* `life` has its genome; it is begun and run by each of these. */

/* Digests of the points after point[i] windows, rising; zeros after the life's
 * end. MDL_ENOMEM. */
mdl_err mdl_point_digests(mdl_life *life, const mdl_place *at, const uint32_t *point, uint32_t count,
                          uint8_t (*digest)[MDL_DIGEST_BYTES]);

/* The bytes of the point after `windows` windows, at most those of the life.
 * MDL_ERANGE when the life ends before, MDL_ENOMEM. */
mdl_err mdl_point_save(mdl_life *life, const mdl_place *at, uint32_t windows, const mdl_sink *sink);

/* The digest of the point one window later. MDL_EMAGIC, MDL_ESIZE, MDL_ERANGE for
 * bytes that no life has, MDL_EMISMATCH when the life is over there, MDL_ENOMEM. */
mdl_err mdl_point_step(mdl_life *life, const mdl_place *at, const uint8_t *bytes, size_t size,
                       uint8_t next[MDL_DIGEST_BYTES]);

/* The row of a life that is over at this point. Errors as above, MDL_EMISMATCH
 * when it goes on. */
mdl_err mdl_point_row(mdl_life *life, const mdl_place *at, const uint8_t *bytes, size_t size, mdl_life_row *row);

#endif
