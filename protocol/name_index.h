/* From names of 32 bytes (keys, sessions, digests) to numbers: open addressing,
 * so that finding one does not depend on how many there are.
 *
 * Names come from strangers. A table with a salt that they do not know cannot be
 * filled with names that collide; without one they cost time, nothing else.
 * What it answers never depends on the salt. Pure but for malloc. */
#ifndef MDL_PROTOCOL_NAME_INDEX_H
#define MDL_PROTOCOL_NAME_INDEX_H

#include <stddef.h>
#include <stdint.h>

enum { MDL_NAME_BYTES = 32, MDL_NAME_SALT_BYTES = 16 };
#define MDL_NAME_NONE UINT32_MAX

typedef struct mdl_name_place {
    uint8_t name[MDL_NAME_BYTES];
    uint32_t number; /* MDL_NAME_NONE: free */
} mdl_name_place;

/* All zero is an empty one. */
typedef struct mdl_name_index {
    mdl_name_place *at;
    size_t count, room; /* room: a power of two, or 0 */
    uint8_t salt[MDL_NAME_SALT_BYTES];
} mdl_name_index;

/* Room for one name more, so that the next put cannot fail. 0: out of memory. */
int mdl_name_index_reserve(mdl_name_index *n);
/* `number` below MDL_NAME_NONE; a name that is there gets the new one. 0: out of memory, nothing changed. */
int mdl_name_index_put(mdl_name_index *n, const uint8_t name[MDL_NAME_BYTES], uint32_t number);
/* MDL_NAME_NONE: not there. */
uint32_t mdl_name_index_get(const mdl_name_index *n, const uint8_t name[MDL_NAME_BYTES]);
void mdl_name_index_drop(mdl_name_index *n, const uint8_t name[MDL_NAME_BYTES]); /* harmless if not there */
void mdl_name_index_clear(mdl_name_index *n);                                    /* empty; keeps its room */
void mdl_name_index_close(mdl_name_index *n);

#endif
