/* SHA-256 of the ledger's tree by nettle, which uses the CPU's instructions for it
 * (four to five times libsodium 1.0.18 on x86-64 with them). */
#ifndef MDL_RUNTIME_SHA256_H
#define MDL_RUNTIME_SHA256_H

/* Hand nettle's to protocol/merkle.h, if it agrees with libsodium's over a few
 * hundred lengths: 1, else 0 and everything stays as it is. At the start of a
 * program, after sodium_init() and before other threads hash. */
int mdl_sha256_start(void);

#endif
