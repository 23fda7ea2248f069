/* Every binary32 function of core/num.h over all 2^32 inputs: the largest error
 * against a binary64 reference, no NaN, infinity or subnormal (sqrt of +infinity
 * apart), and the golden digest of all outputs. Minutes a function; arguments
 * choose functions, so that several processes can share the work. Exit status 1
 * when a bound or digest does not hold. */
#include <stdio.h>
#include <string.h>

#include "tests/support/fnv.h"
#include "tests/support/num_cases.h"

enum { BLOCK = 4096, CHUNK_BITS = 24, CHUNKS = 1 << (32 - CHUNK_BITS) };

static int sweep(const num_case *c) {
    static uint32_t in[BLOCK];
    static float out[BLOCK];
    uint64_t all = FNV_START;
    uint32_t worst_in = 0;
    double worst = 0.0;
    int bad = 0;
    for (uint32_t chunk = 0; chunk < CHUNKS; chunk++) {
        uint64_t digest = FNV_START;
        for (uint32_t at = 0; at < 1u << CHUNK_BITS; at += BLOCK) {
            for (uint32_t i = 0; i < BLOCK; i++)
                in[i] = (chunk << CHUNK_BITS) + at + i;
            c->block(in, out, BLOCK);
            for (uint32_t i = 0; i < BLOCK; i++) {
                double exact = c->reference(in[i]);
                digest = fnv_u32(digest, mdl_float_bits(out[i]));
                if (isinf(exact) && (double)out[i] == exact)
                    continue;
                double error = num_ulp(out[i], exact);
                if (!(error <= worst)) {
                    worst = error;
                    worst_in = in[i];
                }
                bad |= out[i] != 0.0f && !isnormal(out[i]);
            }
        }
        all = fnv_u64(all, digest);
        if (chunk % 16 == 15)
            fprintf(stderr, "%s: %u %%\n", c->name, (chunk + 1) * 100 / CHUNKS);
    }
    int ok = worst <= c->ulp_max && all == c->complete && !bad;
    printf("%s %s: max %.4f ulp at input 0x%08x (bound %.2f), digest 0x%016llx (expected 0x%016llx)%s\n",
           ok ? "ok  " : "FAIL", c->name, worst, (unsigned)worst_in, c->ulp_max, (unsigned long long)all,
           (unsigned long long)c->complete, bad ? ", an output is not finite and normal" : "");
    fflush(stdout);
    return ok;
}

int main(int argc, char **argv) {
    int ok = 1, known = 0;
    for (int i = 0; i < NUM_CASES; i++) {
        int chosen = argc == 1;
        for (int a = 1; a < argc; a++)
            chosen |= strcmp(argv[a], num_cases[i].name) == 0;
        known += chosen;
        if (chosen && !sweep(&num_cases[i]))
            ok = 0;
    }
    if (known == 0 || (argc > 1 && known != argc - 1)) {
        fprintf(stderr, "usage: sweep_num [exp log sigmoid tanh sqrt sin cos]\n");
        return 2;
    }
    return ok ? 0 : 1;
}
