#include "runtime/sha256.h"

#include <nettle/sha2.h>
#include <string.h>

#include "protocol/merkle.h"

static void nettle_hash(uint8_t first, const void *bytes, size_t size, mdl_hash *out) {
    struct sha256_ctx c;
    sha256_init(&c);
    sha256_update(&c, 1, &first);
    if (size > 0) {
        sha256_update(&c, size, bytes);
    }
    sha256_digest(&c, sizeof out->bytes, out->bytes);
}

int mdl_sha256_start(void) {
    uint8_t text[300];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i * 37 + 1);
    }
    mdl_merkle_hash_with(NULL);
    for (size_t size = 0; size <= sizeof text; size++) {
        mdl_hash theirs, ours;
        mdl_merkle_leaf(text, size, &theirs);
        nettle_hash(0, text, size, &ours);
        if (!mdl_hash_equal(&theirs, &ours)) {
            return 0;
        }
    }
    mdl_merkle_hash_with(nettle_hash);
    return 1;
}
