/* FNV-1a, 64 bits, over 32-bit words taken least significant byte first: golden
 * digests of tests that link nothing but core. */
#ifndef MDL_TESTS_FNV_H
#define MDL_TESTS_FNV_H

#include <stdint.h>

#define FNV_START 0xcbf29ce484222325u

static inline uint64_t fnv_u32(uint64_t h, uint32_t v) {
    for (int i = 0; i < 4; i++)
        h = (h ^ (v >> (8 * i) & 0xffu)) * 0x100000001b3u;
    return h;
}

static inline uint64_t fnv_u64(uint64_t h, uint64_t v) { return fnv_u32(fnv_u32(h, (uint32_t)v), (uint32_t)(v >> 32)); }

#endif
