/* Ledger records in words. */
#ifndef MDL_CLI_LEDGER_WORDS_H
#define MDL_CLI_LEDGER_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/messages.h"

/* Names of admitted workers, as records pass by. */
typedef struct mdl_words {
    uint8_t *pae; /* [MDL_PAE_BYTES_MAX] */
    uint64_t *list;
    struct mdl_words_name *name;
    size_t names;
    uint32_t room;
} mdl_words;

/* MDL_OK or MDL_ENOMEM; close in both cases. */
mdl_err mdl_words_init(mdl_words *w);
void mdl_words_close(mdl_words *w);

/* Type, who and what of a record in one line, terminated. Never fails: what is no
 * record is said to be none. Learns names from admissions. */
void mdl_words_of(mdl_words *w, const uint8_t *record, size_t size, char *out, size_t out_size);
/* One line of JSON on stdout: index, type, key, payload as it was signed; a record
 * that is none has "type":null. MDL_OK. */
mdl_err mdl_words_json(mdl_words *w, uint64_t index, const uint8_t *record, size_t size);

#endif
