#include "protocol/name_index.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

_Static_assert(MDL_NAME_SALT_BYTES == crypto_shorthash_KEYBYTES, "the salt is SipHash's key");

static size_t home_of(const mdl_name_index *n, const uint8_t *name) {
    uint8_t hash[crypto_shorthash_BYTES];
    uint64_t word = 0;
    crypto_shorthash(hash, name, MDL_NAME_BYTES, n->salt);
    for (size_t i = 0; i < 8; i++)
        word |= (uint64_t)hash[i] << (8 * i);
    return (size_t)word & (n->room - 1);
}

/* Where the name is, or the free place where it would be. */
static size_t place_of(const mdl_name_index *n, const uint8_t *name) {
    size_t at = home_of(n, name);
    while (n->at[at].number != MDL_NAME_NONE && memcmp(n->at[at].name, name, MDL_NAME_BYTES) != 0)
        at = (at + 1) & (n->room - 1);
    return at;
}

int mdl_name_index_reserve(mdl_name_index *n) {
    if (2 * (n->count + 1) <= n->room)
        return 1;
    mdl_name_index wider = *n;
    wider.room = n->room ? 2 * n->room : 64;
    wider.at = malloc(wider.room * sizeof *wider.at);
    if (!wider.at)
        return 0;
    for (size_t i = 0; i < wider.room; i++)
        wider.at[i].number = MDL_NAME_NONE;
    for (size_t i = 0; i < n->room; i++)
        if (n->at[i].number != MDL_NAME_NONE)
            wider.at[place_of(&wider, n->at[i].name)] = n->at[i];
    free(n->at);
    *n = wider;
    return 1;
}

int mdl_name_index_put(mdl_name_index *n, const uint8_t name[MDL_NAME_BYTES], uint32_t number) {
    MDL_ASSERT(number != MDL_NAME_NONE);
    if (!mdl_name_index_reserve(n))
        return 0;
    mdl_name_place *p = &n->at[place_of(n, name)];
    n->count += p->number == MDL_NAME_NONE;
    memcpy(p->name, name, MDL_NAME_BYTES);
    p->number = number;
    return 1;
}

uint32_t mdl_name_index_get(const mdl_name_index *n, const uint8_t name[MDL_NAME_BYTES]) {
    return n->room ? n->at[place_of(n, name)].number : MDL_NAME_NONE;
}

/* What follows in the same run moves up, so that nothing is cut off from its home. */
void mdl_name_index_drop(mdl_name_index *n, const uint8_t name[MDL_NAME_BYTES]) {
    size_t mask = n->room - 1, hole = n->room ? place_of(n, name) : 0;
    if (n->room == 0 || n->at[hole].number == MDL_NAME_NONE)
        return;
    for (size_t at = (hole + 1) & mask; n->at[at].number != MDL_NAME_NONE; at = (at + 1) & mask) {
        size_t home = home_of(n, n->at[at].name);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            n->at[hole] = n->at[at];
            hole = at;
        }
    }
    n->at[hole].number = MDL_NAME_NONE;
    n->count--;
}

void mdl_name_index_clear(mdl_name_index *n) {
    for (size_t i = 0; n->count > 0 && i < n->room; i++)
        n->at[i].number = MDL_NAME_NONE;
    n->count = 0;
}

void mdl_name_index_close(mdl_name_index *n) {
    free(n->at);
    memset(n, 0, sizeof *n);
}
