#include "protocol/ticket.h"

#include <string.h>

static const char domain[] = "modulon ticket v1";

enum { DOMAIN_BYTES = sizeof domain - 1, NONCE_AT = DOMAIN_BYTES + MDL_DIGEST_BYTES + MDL_KEY_BYTES };

typedef struct preimage {
    uint8_t bytes[NONCE_AT + 8];
} preimage;

static void set_key(preimage *p, const uint8_t *experiment, const uint8_t *key) {
    memcpy(p->bytes, domain, DOMAIN_BYTES);
    memcpy(p->bytes + DOMAIN_BYTES, experiment, MDL_DIGEST_BYTES);
    memcpy(p->bytes + DOMAIN_BYTES + MDL_DIGEST_BYTES, key, MDL_KEY_BYTES);
}

static uint32_t leading_zeros(preimage *p, uint64_t nonce) {
    for (int i = 0; i < 8; i++) {
        p->bytes[NONCE_AT + i] = (uint8_t)(nonce >> (8 * i));
    }
    uint8_t hash[MDL_DIGEST_BYTES];
    mdl_digest_of(p->bytes, sizeof p->bytes, hash);
    uint32_t bits = 0;
    while (bits < 8 * sizeof hash && !(hash[bits / 8] & 0x80 >> bits % 8)) {
        bits++;
    }
    return bits;
}

uint32_t mdl_ticket_bits(const uint8_t experiment[MDL_DIGEST_BYTES], const uint8_t key[MDL_KEY_BYTES], uint64_t nonce) {
    preimage p;
    set_key(&p, experiment, key);
    return leading_zeros(&p, nonce);
}

mdl_err mdl_ticket_find(const uint8_t experiment[MDL_DIGEST_BYTES], const uint8_t key[MDL_KEY_BYTES], uint32_t bits,
                        uint64_t tries, uint64_t *nonce) {
    if (bits > MDL_TICKET_BITS_MAX) {
        return MDL_ERANGE;
    }
    preimage p;
    set_key(&p, experiment, key);
    for (uint64_t i = 0; i < tries; i++, (*nonce)++) {
        if (leading_zeros(&p, *nonce) >= bits) {
            return MDL_OK;
        }
    }
    return MDL_ENOENT;
}
