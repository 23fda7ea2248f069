/* What every store checks before it takes a batch. Pure. */
#ifndef MDL_STORE_BATCH_H
#define MDL_STORE_BATCH_H

#include "store/store.h"

/* Size and root of a checkpoint note's text; signatures are not looked at.
 * MDL_ESYNTAX: not of the form `origin \n size \n base64 root \n ...`. */
mdl_err mdl_note_tree(const char *note, size_t note_size, uint64_t *size, mdl_hash *root);

/* The limits of mdl_store.append(), and that the note's size is count + n. `root`
 * gets the note's root. MDL_ESIZE, MDL_ESYNTAX, MDL_EMISMATCH, with a sentence. */
mdl_err mdl_batch_check(const mdl_store_record *records, size_t n, const char *note, size_t note_size, uint64_t count,
                        mdl_hash *root, char *error, size_t error_size);

/* Name and size of a value. MDL_ESYNTAX, MDL_ESIZE, with a sentence. */
mdl_err mdl_value_check(const char *name, size_t size, char *error, size_t error_size);

#endif
