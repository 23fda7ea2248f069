/* A light worker for tests: a key, a session, calls that are sealed and answered.
 * What is wrong here ends the program: it is a bug of the test or of the other side. */
#ifndef MDL_TESTS_FLEET_STUB_H
#define MDL_TESTS_FLEET_STUB_H

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/err.h"
#include "protocol/frame.h"
#include "protocol/messages.h"
#include "protocol/reason.h"
#include "protocol/unit.h"
#include "runtime/transport.h"

enum { STUB_SESSION = 16 };

typedef struct stub {
    uint8_t secret[MDL_SECRET_BYTES]; /* its second half is the key */
    uint8_t experiment[MDL_DIGEST_BYTES], session[STUB_SESSION];
    uint64_t seq; /* of the next call */
} stub;

static inline void stub_check(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "FAILED: %s\n", what);
        exit(1);
    }
}

static inline const uint8_t *stub_key(const stub *s) { return s->secret + MDL_SECRET_BYTES - MDL_KEY_BYTES; }

/* The key follows from `number`; the session is new each time. */
static inline void stub_init(stub *s, uint64_t number) {
    uint8_t seed[MDL_SEED_BYTES] = "fleet test", key[MDL_KEY_BYTES];
    memset(s, 0, sizeof *s);
    memcpy(seed + MDL_SEED_BYTES - sizeof number, &number, sizeof number);
    crypto_sign_seed_keypair(key, s->secret, seed);
    randombytes_buf(s->session, sizeof s->session);
}

static inline mdl_message stub_message(mdl_message_type type) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = type;
    if (type == MDL_MSG_HELLO) {
        m.as.hello.version = MDL_PROTOCOL_VERSION;
        m.as.hello.results = MDL_RESULTS;
        m.as.hello.threads = 1;
        snprintf(m.as.hello.program, sizeof m.as.hello.program, "stub");
    }
    return m;
}

/* Head and seal: the frame of the stub's next call. */
static inline size_t stub_seal(stub *s, mdl_message *m, uint8_t frame[MDL_FRAME_CALL_MAX]) {
    static uint8_t work[MDL_SEAL_WORK_BYTES], envelope[MDL_ENVELOPE_BYTES_MAX];
    mdl_frame f = {envelope, 0, NULL, 0};
    size_t size;
    memcpy(m->head.experiment, s->experiment, MDL_DIGEST_BYTES);
    memcpy(m->head.session, s->session, STUB_SESSION);
    m->head.seq = s->seq++;
    stub_check(mdl_message_seal(m, s->secret, work, envelope, sizeof envelope, &f.envelope_size) == MDL_OK, "seal");
    stub_check(mdl_frame_encode(&f, frame, MDL_FRAME_CALL_MAX, &size) == MDL_OK, "frame");
    return size;
}

/* A frame of any payload of any type, honestly signed. */
static inline size_t stub_seal_text(const stub *s, const char *type, const char *payload, size_t payload_size,
                                    uint8_t frame[MDL_FRAME_CALL_MAX]) {
    static uint8_t work[MDL_PAE_BYTES_MAX], envelope[MDL_ENVELOPE_BYTES_MAX];
    mdl_frame f = {envelope, 0, NULL, 0};
    size_t size;
    stub_check(mdl_envelope_sign(type, (const uint8_t *)payload, payload_size, s->secret, work, envelope,
                                 sizeof envelope, &f.envelope_size) == MDL_OK,
               "sign");
    stub_check(mdl_frame_encode(&f, frame, MDL_FRAME_CALL_MAX, &size) == MDL_OK, "frame");
    return size;
}

/* A reply, its signature checked against `coordinator`. 1: a receipt, *f has it; 0: `m` is the message, which
 * is valid until the next call. */
static inline int stub_read(const uint8_t *bytes, size_t size, const uint8_t coordinator[MDL_KEY_BYTES], mdl_frame *f,
                            mdl_message *m) {
    static uint8_t pae[MDL_PAE_BYTES_MAX];
    static uint64_t list[16];
    mdl_envelope e;
    stub_check(mdl_frame_decode(bytes, size, f) == MDL_OK, "a reply is no frame");
    if (f->envelope_size == 0)
        return 1;
    stub_check(mdl_envelope_decode(f->envelope, f->envelope_size, pae, &e) == MDL_OK, "a reply is no envelope");
    stub_check(memcmp(e.key, coordinator, MDL_KEY_BYTES) == 0 && mdl_envelope_verify(&e) == MDL_OK,
               "a reply is not the coordinator's");
    stub_check(mdl_message_of(&e, (mdl_list_room){list, 16}, m, NULL) == MDL_OK, "a reply is no message");
    return 0;
}

#endif
