#include "protocol/dispute.h"

#include <string.h>

#include "core/assert.h"

/* Asks for what cuts [lo, hi] into 16 parts, or into single windows; the end too
 * while it is not known that the sides differ there. */
static void ask(mdl_dispute *d) {
    uint32_t span = d->hi - d->lo, parts = span < MDL_DISPUTE_POINTS ? span : MDL_DISPUTE_POINTS;
    d->count = 0;
    for (uint32_t i = 1; i < parts; i++)
        d->point[d->count++] = d->lo + (uint32_t)((uint64_t)span * i / parts);
    if (d->rounds == 0)
        d->point[d->count++] = d->hi;
    d->answered[0] = d->answered[1] = 0;
    d->stage = d->count > 0 ? MDL_DISPUTE_ASK : MDL_DISPUTE_STEP;
}

void mdl_dispute_begin(mdl_dispute *d, uint32_t a, uint32_t b) {
    MDL_ASSERT(a > 0 && b > 0);
    memset(d, 0, sizeof *d);
    d->windows[0] = a;
    d->windows[1] = b;
    d->hi = a > b ? a : b;
    ask(d);
}

static void next(mdl_dispute *d) {
    uint32_t i = 0;
    while (i < d->count && memcmp(d->said[0][i], d->said[1][i], MDL_DIGEST_BYTES) == 0)
        i++;
    int first = d->rounds++ == 0;
    if (i == d->count && first) {
        d->stage = MDL_DISPUTE_SAME;
        d->lo = d->hi;
        memcpy(d->agreed, d->said[0][d->count - 1], MDL_DIGEST_BYTES);
        return;
    }
    if (i > 0) {
        d->lo = d->point[i - 1];
        memcpy(d->agreed, d->said[0][i - 1], MDL_DIGEST_BYTES);
    }
    if (i < d->count) {
        d->hi = d->point[i];
        memcpy(d->claim[0], d->said[0][i], MDL_DIGEST_BYTES);
        memcpy(d->claim[1], d->said[1][i], MDL_DIGEST_BYTES);
    }
    ask(d);
}

mdl_err mdl_dispute_answer(mdl_dispute *d, uint32_t side, const uint8_t (*digest)[MDL_DIGEST_BYTES], uint32_t count) {
    static const uint8_t over[MDL_DIGEST_BYTES];
    MDL_ASSERT(side < MDL_DISPUTE_SIDES);
    if (d->stage != MDL_DISPUTE_ASK || d->answered[side])
        return MDL_EMISMATCH;
    if (count != d->count)
        return MDL_ESIZE;
    for (uint32_t i = 0; i < count; i++)
        if ((d->point[i] > d->windows[side]) != (memcmp(digest[i], over, sizeof over) == 0))
            return MDL_EMISMATCH;
    memcpy(d->said[side], digest, count * sizeof digest[0]);
    d->answered[side] = 1;
    if (d->answered[1 - side])
        next(d);
    return MDL_OK;
}

uint32_t mdl_dispute_judge(const mdl_dispute *d, const uint8_t truth[MDL_DIGEST_BYTES]) {
    uint32_t wrong = 0;
    MDL_ASSERT(d->stage == MDL_DISPUTE_STEP);
    for (uint32_t s = 0; s < MDL_DISPUTE_SIDES; s++)
        if (memcmp(d->claim[s], truth, MDL_DIGEST_BYTES) != 0)
            wrong |= 1u << s;
    return wrong;
}

uint32_t mdl_dispute_rounds(uint32_t windows) {
    uint32_t rounds = 0;
    for (uint64_t reach = 1; reach < windows; reach *= MDL_DISPUTE_POINTS)
        rounds++;
    return rounds > 0 ? rounds : 1;
}
