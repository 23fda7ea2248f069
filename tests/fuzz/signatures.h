/* Signatures that cost next to nothing, under libsodium's names, for targets that would spend their time on them: a
 * BLAKE2b of key and bytes. Nobody guesses one, so what was not signed is still refused. That Ed25519 is used rightly
 * is the part of fuzz_envelope and fuzz_note. Included once by a program. */
#ifndef MDL_TESTS_FUZZ_SIGNATURES_H
#define MDL_TESTS_FUZZ_SIGNATURES_H

#include <sodium.h>
#include <string.h>

static void quick_signature(uint8_t out[crypto_sign_BYTES], const uint8_t *bytes, size_t size, const uint8_t *key) {
    crypto_generichash(out, crypto_sign_BYTES, bytes, size, key, crypto_sign_PUBLICKEYBYTES);
}

int crypto_sign_seed_keypair(unsigned char *pk, unsigned char *sk, const unsigned char *seed) {
    crypto_generichash(pk, crypto_sign_PUBLICKEYBYTES, seed, crypto_sign_SEEDBYTES, NULL, 0);
    memcpy(sk, seed, crypto_sign_SEEDBYTES);
    memcpy(sk + crypto_sign_SEEDBYTES, pk, crypto_sign_PUBLICKEYBYTES);
    return 0;
}

/* The second half of a secret key is its public key. */
int crypto_sign_detached(unsigned char *sig, unsigned long long *siglen_p, const unsigned char *m,
                         unsigned long long mlen, const unsigned char *sk) {
    quick_signature(sig, m, (size_t)mlen, sk + crypto_sign_SEEDBYTES);
    if (siglen_p)
        *siglen_p = crypto_sign_BYTES;
    return 0;
}

int crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *m, unsigned long long mlen,
                                const unsigned char *pk) {
    uint8_t own[crypto_sign_BYTES];
    quick_signature(own, m, (size_t)mlen, pk);
    return memcmp(own, sig, sizeof own) == 0 ? 0 : -1;
}

/* Some are refused. */
int crypto_core_ed25519_is_valid_point(const unsigned char *p) { return p[31] != 0x7F; }

#endif
