#include "protocol/digest.h"

#include <string.h>

#include "core/assert.h"

void mdl_digest_init(mdl_digest *d) {
    int failed = crypto_generichash_init(&d->state, NULL, 0, MDL_DIGEST_BYTES);
    MDL_ASSERT(!failed); /* only for a bad key or length */
}

static void digest_write(void *ctx, const void *bytes, size_t size) {
    mdl_digest *d = ctx;
    crypto_generichash_update(&d->state, bytes, size);
}

mdl_sink mdl_digest_sink(mdl_digest *d) { return (mdl_sink){digest_write, d}; }

void mdl_digest_final(mdl_digest *d, uint8_t out[MDL_DIGEST_BYTES]) {
    int failed = crypto_generichash_final(&d->state, out, MDL_DIGEST_BYTES);
    MDL_ASSERT(!failed); /* only when called twice */
}

void mdl_digest_of(const void *bytes, size_t size, uint8_t out[MDL_DIGEST_BYTES]) {
    crypto_generichash(out, MDL_DIGEST_BYTES, bytes, size, NULL, 0);
}

static void flush(mdl_gather *g) {
    mdl_sink sink = mdl_digest_sink(&g->digest);
    mdl_put_bytes(&sink, g->bytes, g->used);
    g->used = 0;
}

static void gather(void *ctx, const void *bytes, size_t size) {
    mdl_gather *g = ctx;
    const uint8_t *from = bytes;
    while (size > 0) {
        size_t room = sizeof g->bytes - g->used, part = size < room ? size : room;
        memcpy(g->bytes + g->used, from, part);
        g->used += part;
        from += part;
        size -= part;
        if (g->used == sizeof g->bytes)
            flush(g);
    }
}

mdl_sink mdl_gather_begin(mdl_gather *g) {
    mdl_digest_init(&g->digest);
    g->used = 0;
    return (mdl_sink){gather, g};
}

void mdl_gather_end(mdl_gather *g, uint8_t out[MDL_DIGEST_BYTES]) {
    flush(g);
    mdl_digest_final(&g->digest, out);
}

void mdl_hex(const uint8_t *bytes, size_t size, char *out) { sodium_bin2hex(out, 2 * size + 1, bytes, size); }

mdl_err mdl_unhex(const char *text, uint8_t *out, size_t size) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 2 * size; i++) {
        const char *at = text[i] ? strchr(digits, text[i]) : NULL;
        if (!at) {
            return text[i] ? MDL_ESYNTAX : MDL_ESIZE;
        }
        uint8_t nibble = (uint8_t)(at - digits);
        out[i / 2] = (uint8_t)(i % 2 == 0 ? nibble << 4 : out[i / 2] | nibble);
    }
    return text[2 * size] ? MDL_ESIZE : MDL_OK;
}
