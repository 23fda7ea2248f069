/* A side whose answers are the input, against an honest one.
 *   The first eight bytes are the two lives' lengths; then a byte for each answer
 *   that is asked for: 0 says the truth, 255 what is refused, others a lie.
 *   A refused answer changes nothing. Questions rise, lie inside what is open and
 *   end within the rounds that a life of this length takes.
 *   Whatever is said, the honest side is never the one who is wrong. */
#include <stdint.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/dispute.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HONEST = 0, LIAR = 1 };

typedef struct input {
    const uint8_t *at;
    size_t left;
} input;

static uint8_t take(input *in) {
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

static uint32_t take_u32(input *in) {
    uint32_t x = 0;
    for (int i = 0; i < 4; i++)
        x |= (uint32_t)take(in) << (8 * i);
    return x;
}

/* The point after k windows of a life of `windows`; `lie` 0: the true one. */
static void say(uint32_t k, uint32_t windows, uint8_t lie, uint8_t out[MDL_DIGEST_BYTES]) {
    memset(out, 0, MDL_DIGEST_BYTES);
    if (k > windows)
        return;
    out[0] = 1;
    out[1] = lie;
    memcpy(out + 2, &k, sizeof k);
}

static void check_question(const mdl_dispute *d) {
    if (d->stage == MDL_DISPUTE_SAME) {
        MDL_ASSERT(d->lo == d->hi && d->windows[HONEST] == d->windows[LIAR]);
        return;
    }
    MDL_ASSERT(d->lo < d->hi);
    if (d->stage == MDL_DISPUTE_STEP) {
        MDL_ASSERT(d->hi == d->lo + 1);
        return;
    }
    MDL_ASSERT(d->count >= 1 && d->count <= MDL_DISPUTE_POINTS);
    for (uint32_t i = 0; i < d->count; i++)
        MDL_ASSERT(d->point[i] > (i > 0 ? d->point[i - 1] : d->lo) && d->point[i] <= d->hi);
    MDL_ASSERT((d->point[d->count - 1] == d->hi) == (d->rounds == 0));
}

static void check_refused(mdl_dispute *d, uint32_t side, const uint8_t (*digest)[MDL_DIGEST_BYTES], uint32_t count) {
    mdl_dispute before;
    memcpy(&before, d, sizeof before);
    MDL_ASSERT(mdl_dispute_answer(d, side, digest, count) != MDL_OK);
    MDL_ASSERT(memcmp(&before, d, sizeof before) == 0);
}

/* The liar's answer; 1 when it is one that must be refused. */
static int lie(const mdl_dispute *d, input *in, uint8_t (*digest)[MDL_DIGEST_BYTES]) {
    int bad = 0;
    for (uint32_t i = 0; i < d->count; i++) {
        uint8_t how = take(in);
        say(d->point[i], d->windows[LIAR], how == 255 ? 0 : how, digest[i]);
        if (how == 255) {
            digest[i][31] = (uint8_t)(d->point[i] > d->windows[LIAR]); /* a state after the end, or none before it */
            if (!digest[i][31])
                memset(digest[i], 0, sizeof digest[i]);
            bad = 1;
        }
    }
    return bad;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mdl_dispute d;
    input in = {data, size};
    uint32_t a = take_u32(&in), b = take_u32(&in);
    uint8_t honest[MDL_DISPUTE_POINTS][MDL_DIGEST_BYTES], liar[MDL_DISPUTE_POINTS][MDL_DIGEST_BYTES];
    a += a == 0;
    b += b == 0;
    uint32_t rounds = mdl_dispute_rounds(a > b ? a : b), played = 0;
    mdl_dispute_begin(&d, a, b);
    check_question(&d);
    while (d.stage == MDL_DISPUTE_ASK) {
        MDL_ASSERT(played++ < rounds);
        for (uint32_t i = 0; i < d.count; i++)
            say(d.point[i], a, 0, honest[i]);
        if (lie(&d, &in, liar)) {
            check_refused(&d, LIAR, (const uint8_t(*)[MDL_DIGEST_BYTES])liar, d.count);
            for (uint32_t i = 0; i < d.count; i++)
                say(d.point[i], b, 1, liar[i]);
        }
        uint32_t first = take(&in) % 2;
        check_refused(&d, LIAR, (const uint8_t(*)[MDL_DIGEST_BYTES])liar, d.count - 1);
        for (uint32_t k = 0; k < MDL_DISPUTE_SIDES; k++) {
            uint32_t side = k ^ first;
            mdl_err err = mdl_dispute_answer(
                &d, side, (const uint8_t(*)[MDL_DIGEST_BYTES])(side == LIAR ? liar : honest), d.count);
            MDL_ASSERT(err == MDL_OK);
            if (k == 0)
                check_refused(&d, side, (const uint8_t(*)[MDL_DIGEST_BYTES])honest, d.count);
        }
        MDL_ASSERT(d.rounds == played);
        check_question(&d);
    }
    uint8_t truth[MDL_DIGEST_BYTES];
    if (d.stage == MDL_DISPUTE_STEP) {
        say(d.hi, a, 0, truth);
        MDL_ASSERT(mdl_dispute_judge(&d, truth) == 1u << LIAR);
        say(d.lo, a, 0, truth);
        MDL_ASSERT(d.lo == 0 || memcmp(truth, d.agreed, sizeof truth) == 0);
    }
    return 0;
}
