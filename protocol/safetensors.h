/* The safetensors format: named arrays in one file, readable by the public
 * tools. u64 little-endian header length; a JSON header that maps each name to
 * dtype, shape and data_offsets [begin, end) and "__metadata__" to strings; then
 * the little-endian values, row-major, without gaps.
 *
 * Pure: bytes in, bytes out. Names and metadata are UTF-8. */
#ifndef MDL_PROTOCOL_SAFETENSORS_H
#define MDL_PROTOCOL_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"

enum {
    MDL_SAFETENSORS_HEADER_MAX = 1 << 20, /* bytes of JSON              */
    MDL_SAFETENSORS_MAX = 1024,           /* tensors                    */
    MDL_SAFETENSORS_METADATA_MAX = 256,   /* strings in __metadata__    */
    MDL_TENSOR_RANK_MAX = 8               /* a dimension is at most 2^49 */
};

typedef enum mdl_dtype { MDL_F32 = 0, MDL_F64 = 1, MDL_I64 = 2, MDL_I32 = 3, MDL_U8 = 4 } mdl_dtype;

typedef struct mdl_tensor {
    const char *name; /* not empty, not "__metadata__"                                   */
    mdl_dtype dtype;
    uint32_t rank;                       /* 0: a scalar                                   */
    uint64_t shape[MDL_TENSOR_RANK_MAX]; /* row-major; a 0 makes it empty                 */
    const void *values;                  /* to write: the machine's own values; the reader sets NULL     */
    const uint8_t *bytes;                /* read: little-endian, any alignment; ignored by the writer    */
    uint64_t size_bytes;                 /* of the data; set by the reader, ignored by the writer        */
} mdl_tensor;

typedef struct mdl_metadata {
    const char *key, *value;
} mdl_metadata;

/* Write a file: equal inputs give equal bytes. Wider types come first and the
 * header is padded with spaces to 8 bytes, so that every array is aligned in a
 * mapped file. Returns MDL_OK, or, with nothing written,
 *   MDL_EKEY     a name is empty, reserved or given twice
 *   MDL_ESYNTAX  a name or metadata string is not UTF-8
 *   MDL_ERANGE   a rank, dtype or shape is out of range
 *   MDL_ESIZE    over a limit above
 *   MDL_ENOMEM */
mdl_err mdl_safetensors_write(const mdl_tensor *tensor, uint32_t count, const mdl_metadata *metadata,
                              uint32_t metadata_count, const mdl_sink *sink);

/* A file that was read: views into the caller's bytes, and strings that live
 * until mdl_safetensors_close(). */
typedef struct mdl_safetensors {
    mdl_tensor *tensor; /* in the order of the header */
    uint32_t count;
    mdl_metadata *metadata;
    uint32_t metadata_count;
    void *header; /* private */
} mdl_safetensors;

/* Read `bytes[0..size)`, which must outlive `out`. Offsets, shapes and sizes
 * are checked against each other and the file before any use. On failure `out`
 * is empty: closing it is harmless. Returns MDL_OK, MDL_ESIZE (cut off, trailing
 * bytes, over a limit), MDL_ESYNTAX, MDL_ETYPE, MDL_EKEY, MDL_ENOENT (a dtype not
 * listed above), MDL_ERANGE, MDL_EMISMATCH (offsets against shape, gaps,
 * overlaps), MDL_ENOMEM. */
mdl_err mdl_safetensors_read(const uint8_t *bytes, size_t size, mdl_safetensors *out);
void mdl_safetensors_close(mdl_safetensors *s);

/* NULL when there is none. */
const mdl_tensor *mdl_safetensors_find(const mdl_safetensors *s, const char *name);
const char *mdl_safetensors_metadata(const mdl_safetensors *s, const char *key);

uint32_t mdl_dtype_bytes(mdl_dtype dtype);
/* "F32", ...; NULL for a value out of range. */
const char *mdl_dtype_name(mdl_dtype dtype);
/* Elements of a shape; 0 with MDL_ERANGE in the return when they, or a dimension, pass 2^49. */
mdl_err mdl_tensor_count(const mdl_tensor *t, uint64_t *count);
/* The values of a tensor that was read, in the machine's own byte order.
 * `out` holds t->size_bytes, aligned for the type. */
void mdl_tensor_values(const mdl_tensor *t, void *out);

#endif
