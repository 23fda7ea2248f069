/* Reading JSON objects by tables of fields, with the place of what is wrong.
 * Private to neuraxon_v1_file.c and neuraxon_v1_events.c. */
#ifndef MDL_PROTOCOL_NEURAXON_V1_READ_H
#define MDL_PROTOCOL_NEURAXON_V1_READ_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/json_scan.h"

typedef enum mdl_field_kind {
    MDL_FIELD_NUMBER,    /* double; finite                                  */
    MDL_FIELD_PARAMETER, /* double; -1e15..1e15                             */
    MDL_FIELD_DIVISOR,   /* double; the same, not 0                         */
    MDL_FIELD_COUNT,     /* uint32_t; 0..2^32-1                             */
    MDL_FIELD_STEPS,     /* uint64_t; 0..2^53                               */
    MDL_FIELD_TRIT,      /* int8_t; -1, 0 or 1                              */
    MDL_FIELD_FLAG,      /* uint8_t; true or false                          */
    MDL_FIELD_TEXT,      /* a string that nobody reads                      */
    MDL_FIELD_UNREAD,    /* a finite number that nobody reads               */
    MDL_FIELD_ITEM       /* const cJSON *; any value                        */
} mdl_field_kind;

typedef struct mdl_field {
    const char *name;
    mdl_field_kind kind;
    int required;
    size_t offset; /* in the struct that it goes to */
} mdl_field;

/* Where an object or value stands: "network.", "synapses", 12 is network.synapses[12]. */
typedef struct mdl_place {
    const char *prefix, *name;
    long index; /* below 0: none */
} mdl_place;

/* Check size and text and build the tree. On success *root is the caller's to cJSON_Delete(). */
mdl_err mdl_read_open(const uint8_t *bytes, size_t size, size_t limit, cJSON **root, mdl_json_error *err);

/* `item`, or NULL for one that is missing, stands at `place` (key: below it, may be NULL) and is wrong. */
mdl_err mdl_read_fail(mdl_json_error *err, mdl_err code, mdl_place place, const char *key, const cJSON *item,
                      const char *allowed);

/* The value of `key` at the top of a file that may hold other keys; *item is NULL
 * when `root` is no object or lacks it. MDL_EKEY when it is there twice. */
mdl_err mdl_read_key(mdl_json_error *err, const cJSON *root, const char *key, const cJSON **item);

/* The value of one field into `out` (of its kind's type). */
mdl_err mdl_read_value(mdl_json_error *err, mdl_place place, const char *key, mdl_field_kind kind, const cJSON *item,
                       void *out);

/* An object with the keys of `field[0..count)`, count <= 64, into the struct
 * `out`. What is not required and missing is left as it was. */
mdl_err mdl_read_object(mdl_json_error *err, mdl_place place, const cJSON *object, const mdl_field *field, size_t count,
                        void *out);

#endif
