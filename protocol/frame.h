/* Frames, what one message of the transport holds. PROTOCOL section 1.1.
 *
 *   4 bytes   length of the envelope, little-endian, up to 65,535
 *   envelope
 *   blob      the rest, maybe empty
 *
 * A blob belongs to its envelope: the signed payload names its BLAKE2b-256 and
 * size. A length of 0 is an unsigned reply whose blob is a receipt, the offline
 * proof that the ledger has the record that was sent: its checkpoint is signed. */
#ifndef MDL_PROTOCOL_FRAME_H
#define MDL_PROTOCOL_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/digest.h"
#include "protocol/envelope.h"

enum {
    MDL_FRAME_HEAD_BYTES = 4,
    MDL_RECEIPT_BYTES_MAX = 16384,
    MDL_FRAME_BLOB_MAX = 16 << 20,
    /* A call that is no longer is read whole; of a longer one so much, before its sender may say the rest. */
    MDL_FRAME_CALL_MAX = MDL_FRAME_HEAD_BYTES + MDL_ENVELOPE_BYTES_MAX,
    MDL_FRAME_REPLY_MAX = MDL_FRAME_CALL_MAX + MDL_FRAME_BLOB_MAX,
    MDL_FRAME_MAX = MDL_FRAME_REPLY_MAX
};

/* Views into the frame's bytes. */
typedef struct mdl_frame {
    const uint8_t *envelope;
    size_t envelope_size; /* 0: a receipt */
    const uint8_t *blob;
    size_t blob_size;
} mdl_frame;

/* Returns MDL_OK or MDL_ESIZE: shorter than its head or its envelope, an envelope
 * or blob over its limit, a receipt that is empty or over MDL_RECEIPT_BYTES_MAX. */
mdl_err mdl_frame_decode(const uint8_t *bytes, size_t size, mdl_frame *out);

/* The envelope of a frame whose first `size` bytes are here; out->blob is NULL. MDL_OK, or
 * MDL_ESIZE: they do not hold the envelope, or it is a receipt. */
mdl_err mdl_frame_decode_begin(const uint8_t *bytes, size_t size, mdl_frame *out);

/* Put a frame together; the parts must not overlap `out`. Returns MDL_OK, or
 * MDL_ESIZE as above or when `capacity` is too small. */
mdl_err mdl_frame_encode(const mdl_frame *frame, uint8_t *out, size_t capacity, size_t *out_size);

/* Whether the frame's blob is the one that the payload names. No blob is size 0
 * and a digest of zeros. Returns MDL_OK, MDL_ESIZE or MDL_EDIGEST. */
mdl_err mdl_frame_check_blob(const mdl_frame *frame, const uint8_t digest[MDL_DIGEST_BYTES], uint64_t blob_size);

#endif
