/* Error values of the whole project. Values are pinned: they reach logs and
 * the wire. What a peer, disk or user can cause is one of these; what only our
 * own bug can cause is an MDL_ASSERT (core/assert.h). */
#ifndef MDL_CORE_ERR_H
#define MDL_CORE_ERR_H

/* X(name, value, sentence) */
#define MDL_ERR_MAP(X)                                                                                                 \
    X(OK, 0, "success")                                                                                                \
    X(ERANGE, 1, "a value lies outside its allowed range")                                                             \
    X(ETYPE, 2, "a value has the wrong type")                                                                          \
    X(EKEY, 3, "a key is unknown, missing or given twice")                                                             \
    X(ESYNTAX, 4, "the text is not well formed")                                                                       \
    X(ESIZE, 5, "the data is longer or shorter than its format allows")                                                \
    X(EMAGIC, 6, "the data is not of this format or version")                                                          \
    X(EDIGEST, 7, "a digest does not match the bytes it covers")                                                       \
    X(ENOMEM, 8, "out of memory")                                                                                      \
    X(EIO, 9, "reading or writing failed")                                                                             \
    X(ENOENT, 10, "no such file, task, mechanism or name")                                                             \
    X(EMISMATCH, 11, "two things that must belong together do not")                                                    \
    X(ESIGNATURE, 12, "a signature does not verify")                                                                   \
    X(EWEAKKEY, 13, "a public key is weak and cannot be trusted")

typedef enum mdl_err {
#define X(name, value, sentence) MDL_##name = value,
    MDL_ERR_MAP(X)
#undef X
} mdl_err;

/* The sentence for any integer; never NULL. */
const char *mdl_strerror(int err);

#endif
