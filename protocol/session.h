/* Sequence numbers of one peer's session: what is new, what is a repeat, what
 * is a lie. PROTOCOL section 1.4. Pure; 360 bytes a session. */
#ifndef MDL_PROTOCOL_SESSION_H
#define MDL_PROTOCOL_SESSION_H

#include <stdint.h>

#include "protocol/digest.h"

/* So many of the newest numbers are remembered: a peer may have this many calls
 * under way, in any order. */
enum { MDL_SESSION_BYTES = 16, MDL_SESSION_WINDOW = 8 };

typedef enum mdl_seq {
    MDL_SEQ_FRESH,        /* not seen: act on it                             */
    MDL_SEQ_REPEAT,       /* the same bytes again: answer as before          */
    MDL_SEQ_EQUIVOCATION, /* this number came before with other bytes        */
    MDL_SEQ_STALE,        /* below the window                                */
    MDL_SEQ_OTHER         /* names another session than this                 */
} mdl_seq;

typedef struct mdl_session {
    uint8_t id[MDL_SESSION_BYTES];
    uint64_t newest;                                           /* largest number taken; holds if used != 0 */
    uint32_t used;                                             /* bit i: slot i holds a digest */
    uint32_t equivocated;                                      /* 1: the next three hold */
    uint64_t equivocal;                                        /* number of the first equivocation */
    uint8_t first[MDL_DIGEST_BYTES], second[MDL_DIGEST_BYTES]; /* and its two digests, as they came */
    uint8_t digest[MDL_SESSION_WINDOW][MDL_DIGEST_BYTES];
} mdl_session;

void mdl_session_open(mdl_session *s, const uint8_t id[MDL_SESSION_BYTES]);

/* What a message is, and take it when it is fresh. Call it after the signature
 * was verified: the window believes what it is told.
 *   digest  a collision-resistant hash of the envelope's bytes as received: always the same one
 *   slot    out, for FRESH and REPEAT: 0..MDL_SESSION_WINDOW-1. The caller keeps
 *           the reply there; a FRESH message replaces the slot's older reply. A
 *           REPEAT may come before the reply is ready.
 * Numbers may be left out: one that was never seen is FRESH as long as it lies
 * in the window. Only FRESH and the first EQUIVOCATION change `s`. */
mdl_seq mdl_session_take(mdl_session *s, const uint8_t id[MDL_SESSION_BYTES], uint64_t seq,
                         const uint8_t digest[MDL_DIGEST_BYTES], uint32_t *slot);

#endif
