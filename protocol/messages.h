/* The messages as structs, and payloads to and from them. PROTOCOL chapter 2.
 *
 * messages_table.h has a row for each field; struct mdl_msg_<name> has a member
 * for each row: U32 uint32_t, U64 uint64_t, I64 int64_t, HEX, BLOB and CARRIED
 * uint8_t[n], TEXT and NOTE char[hi + 1] (terminated), lists {count, at}. */
#ifndef MDL_PROTOCOL_MESSAGES_H
#define MDL_PROTOCOL_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/envelope.h"
#include "protocol/frame.h"
#include "protocol/messages_table.h"
#include "protocol/schema.h"

enum { MDL_PROTOCOL_VERSION = 3, MDL_LIST_MAX = 2048 };

/* `what` of a step: what the shard's worker does now. */
typedef enum mdl_step_what {
    MDL_STEP_RUN = 1,     /* run these windows                                          */
    MDL_STEP_NOT_YET = 2, /* ask again: others are not so far                           */
    MDL_STEP_OVER = 3,    /* the job is over: hand in the shard's result                */
    MDL_STEP_AGAIN = 4,   /* a window before was false: take up that state, ask from there */
    MDL_STEP_GONE = 5     /* the lease is over: forget the shard                        */
} mdl_step_what;

typedef enum mdl_role {
    MDL_ROLE_CALL,   /* worker to coordinator                          */
    MDL_ROLE_REPLY,  /* coordinator to worker                          */
    MDL_ROLE_NEWS,   /* coordinator to everyone                        */
    MDL_ROLE_RECORD, /* in the ledger, signed by the coordinator       */
    MDL_ROLE_GRANT   /* signed by the coordinator or an owner, carried */
} mdl_role;

/* MDL_MSG_HELLO, ... Not on the wire: names are. */
typedef enum mdl_message_type {
#define M(name, NAME, role, text) MDL_MSG_##NAME,
    MDL_MESSAGES(M)
#undef M
        MDL_MSG_COUNT
} mdl_message_type;

#define MDL_MEMBER_U32(name, hi) uint32_t name;
#define MDL_MEMBER_U64(name, hi) uint64_t name;
#define MDL_MEMBER_I64(name, hi) int64_t name;
#define MDL_MEMBER_HEX(name, hi) uint8_t name[hi];
#define MDL_MEMBER_BLOB(name, hi) uint8_t name[hi];
#define MDL_MEMBER_CARRIED(name, hi) uint8_t name[hi];
#define MDL_MEMBER_TEXT(name, hi) char name[(hi) + 1];
#define MDL_MEMBER_NOTE(name, hi) char name[(hi) + 1];
#define MDL_MEMBER_FITNESSES(name, hi) mdl_i64_list name;
#define MDL_MEMBER_INDICES(name, hi) mdl_u64_list name;
#define MDL_MEMBER_SEGMENTS(name, hi) mdl_segments name;
#define MDL_MEMBER(kind, name, lo, hi, text) MDL_MEMBER_##kind(name, hi)

/* mdl_msg_hello, mdl_msg_want, ... ping has no fields of its own; C wants a member. */
#define MDL_STRUCT(name, NAME, role, text)                                                                             \
    typedef struct mdl_msg_##name {                                                                                    \
        MDL_FIELDS_##NAME(MDL_MEMBER) char end_of_fields;                                                              \
    } mdl_msg_##name;
MDL_MESSAGES(MDL_STRUCT)
#undef MDL_STRUCT

typedef struct mdl_head {
    MDL_FIELDS_HEAD(MDL_MEMBER)
} mdl_head;

typedef struct mdl_message {
    mdl_message_type type;
    mdl_head head;
    union {
#define M(name, NAME, role, text) mdl_msg_##name name;
        MDL_MESSAGES(M)
#undef M
    } as;
} mdl_message;

/* "hello"; NULL for other numbers. */
const char *mdl_message_name(unsigned type);
mdl_role mdl_message_role(mdl_message_type type);
/* MDL_OK, or MDL_ENOENT when no message has this name. */
mdl_err mdl_message_type_of(const char *name, mdl_message_type *out);

/* The payload of `m`, not terminated, in `capacity` bytes (MDL_PAYLOAD_BYTES_MAX
 * always suffices). Returns MDL_OK, MDL_ERANGE (a field outside its limits; our
 * own bug unless the value came from outside) or MDL_ESIZE (does not fit).
 * `fault` may be NULL, as in schema.h. */
mdl_err mdl_message_encode(const mdl_message *m, uint8_t *out, size_t capacity, size_t *out_size,
                           const mdl_field **fault);

/* A payload of a known type. Lists go to `room`, whose memory must outlive
 * `out`. Returns the errors of mdl_fields_decode(); `out` is undefined then. */
mdl_err mdl_message_decode(mdl_message_type type, const uint8_t *payload, size_t size, mdl_list_room room,
                           mdl_message *out, const mdl_field **fault);

/* Type and payload of an envelope, verified or not. MDL_ENOENT: no such type. */
mdl_err mdl_message_of(const mdl_envelope *e, mdl_list_room room, mdl_message *out, const mdl_field **fault);

/* Rules between fields, which the table cannot say: a result has as many
 * fitnesses as jobs, ranges do not wrap, of two optional things there is one.
 * Call it for what decoded. MDL_OK or MDL_EMISMATCH. PROTOCOL section 2.4. */
mdl_err mdl_message_shape(const mdl_message *m);

/* The digest and size of the blob that must come in the same frame; zeros when
 * the type has none. Give it to mdl_frame_check_blob(). */
void mdl_message_blob(const mdl_message *m, uint8_t digest[MDL_DIGEST_BYTES], uint64_t *size);

/* The largest blob that a message of this type carries; 0: none. */
uint64_t mdl_message_blob_max(mdl_message_type type);

/* Encode and sign.
 *   work  MDL_SEAL_WORK_BYTES of scratch
 *   out   the envelope; MDL_ENVELOPE_BYTES_MAX bytes always suffice
 * Returns the errors of mdl_message_encode() and mdl_envelope_sign(). */
enum { MDL_SEAL_WORK_BYTES = MDL_PAYLOAD_BYTES_MAX + MDL_PAE_BYTES_MAX };
mdl_err mdl_message_seal(const mdl_message *m, const uint8_t secret[MDL_SECRET_BYTES], uint8_t *work, uint8_t *out,
                         size_t capacity, size_t *out_size);

/* The fields of a type after the head's, for those who walk them. */
const mdl_field *mdl_message_fields(mdl_message_type type, size_t *count);
const mdl_field *mdl_head_fields(size_t *count);
/* The struct that the offsets of these fields refer to. */
const void *mdl_message_body(const mdl_message *m);

/* The longest payload of a type; never over MDL_PAYLOAD_BYTES_MAX. */
size_t mdl_message_size_max(mdl_message_type type);
/* Tables of all messages and of the reasons, as Markdown. */
void mdl_messages_write_reference(const mdl_sink *sink);

#endif
