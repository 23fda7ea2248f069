#include "protocol/session.h"

#include <string.h>

_Static_assert(sizeof(mdl_session) == 360, "the header states the size");

void mdl_session_open(mdl_session *s, const uint8_t id[MDL_SESSION_BYTES]) {
    memset(s, 0, sizeof *s);
    memcpy(s->id, id, sizeof s->id);
}

static void take(mdl_session *s, uint32_t slot, const uint8_t *digest) {
    memcpy(s->digest[slot], digest, MDL_DIGEST_BYTES);
    s->used |= 1u << slot;
}

/* Slot seq % WINDOW holds a number of (newest - WINDOW, newest]: exactly one of
 * them has that remainder. */
mdl_seq mdl_session_take(mdl_session *s, const uint8_t id[MDL_SESSION_BYTES], uint64_t seq,
                         const uint8_t digest[MDL_DIGEST_BYTES], uint32_t *slot) {
    if (memcmp(s->id, id, sizeof s->id) != 0) {
        return MDL_SEQ_OTHER;
    }
    *slot = (uint32_t)(seq % MDL_SESSION_WINDOW);
    if (s->used == 0 || seq > s->newest) {
        uint64_t ahead = s->used == 0 ? MDL_SESSION_WINDOW : seq - s->newest;
        /* The numbers passed over were not seen: their slots are free. */
        for (uint64_t i = 1; i <= ahead && i <= MDL_SESSION_WINDOW; i++) {
            s->used &= ~(1u << ((s->newest + i) % MDL_SESSION_WINDOW));
        }
        s->newest = seq;
        take(s, *slot, digest);
        return MDL_SEQ_FRESH;
    }
    if (s->newest - seq >= MDL_SESSION_WINDOW) {
        return MDL_SEQ_STALE;
    }
    if (!(s->used & 1u << *slot)) {
        take(s, *slot, digest);
        return MDL_SEQ_FRESH;
    }
    if (memcmp(s->digest[*slot], digest, MDL_DIGEST_BYTES) == 0) {
        return MDL_SEQ_REPEAT;
    }
    if (!s->equivocated) {
        s->equivocated = 1;
        s->equivocal = seq;
        memcpy(s->first, s->digest[*slot], MDL_DIGEST_BYTES);
        memcpy(s->second, digest, MDL_DIGEST_BYTES);
    }
    return MDL_SEQ_EQUIVOCATION;
}
