#include "protocol/frame.h"

#include <string.h>

static mdl_err check_sizes(size_t envelope_size, size_t blob_size) {
    if (envelope_size == 0) {
        return blob_size < 1 || blob_size > MDL_RECEIPT_BYTES_MAX ? MDL_ESIZE : MDL_OK;
    }
    return envelope_size > MDL_ENVELOPE_BYTES_MAX || blob_size > MDL_FRAME_BLOB_MAX ? MDL_ESIZE : MDL_OK;
}

mdl_err mdl_frame_decode(const uint8_t *bytes, size_t size, mdl_frame *out) {
    if (size < MDL_FRAME_HEAD_BYTES) {
        return MDL_ESIZE;
    }
    size_t envelope_size = bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
    size_t left = size - MDL_FRAME_HEAD_BYTES;
    if (envelope_size > left) {
        return MDL_ESIZE;
    }
    out->envelope = bytes + MDL_FRAME_HEAD_BYTES;
    out->envelope_size = envelope_size;
    out->blob = out->envelope + envelope_size;
    out->blob_size = left - envelope_size;
    return check_sizes(out->envelope_size, out->blob_size);
}

mdl_err mdl_frame_decode_begin(const uint8_t *bytes, size_t size, mdl_frame *out) {
    /* What lies behind the envelope looks like its blob, and is within the limit of one. */
    mdl_err err = size > MDL_FRAME_MAX ? MDL_ESIZE : mdl_frame_decode(bytes, size, out);
    out->blob = NULL;
    out->blob_size = 0;
    return err == MDL_OK && out->envelope_size == 0 ? MDL_ESIZE : err;
}

mdl_err mdl_frame_encode(const mdl_frame *frame, uint8_t *out, size_t capacity, size_t *out_size) {
    mdl_err err = check_sizes(frame->envelope_size, frame->blob_size);
    if (err != MDL_OK) {
        return err;
    }
    size_t size = MDL_FRAME_HEAD_BYTES + frame->envelope_size + frame->blob_size;
    if (size > capacity) {
        return MDL_ESIZE;
    }
    for (int i = 0; i < MDL_FRAME_HEAD_BYTES; i++) {
        out[i] = (uint8_t)(frame->envelope_size >> (8 * i));
    }
    out += MDL_FRAME_HEAD_BYTES;
    if (frame->envelope_size > 0) {
        memcpy(out, frame->envelope, frame->envelope_size);
    }
    if (frame->blob_size > 0) {
        memcpy(out + frame->envelope_size, frame->blob, frame->blob_size);
    }
    *out_size = size;
    return MDL_OK;
}

mdl_err mdl_frame_check_blob(const mdl_frame *frame, const uint8_t digest[MDL_DIGEST_BYTES], uint64_t blob_size) {
    uint8_t actual[MDL_DIGEST_BYTES] = {0};
    if (frame->blob_size != blob_size) {
        return MDL_ESIZE;
    }
    if (blob_size > 0) {
        mdl_digest_of(frame->blob, frame->blob_size, actual);
    }
    return memcmp(actual, digest, sizeof actual) == 0 ? MDL_OK : MDL_EDIGEST;
}
