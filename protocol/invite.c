#include "protocol/invite.h"

#include <string.h>

#include "core/assert.h"

enum { PAYLOAD_MAX = 1024 };

mdl_err mdl_invite_sign(const uint8_t experiment[MDL_DIGEST_BYTES], const mdl_msg_invite *terms,
                        const uint8_t secret[MDL_SECRET_BYTES], char *out) {
    mdl_message m = {.type = MDL_MSG_INVITE};
    uint8_t payload[PAYLOAD_MAX], work[PAYLOAD_MAX + MDL_PAE_HEAD_MAX];
    size_t size;
    memcpy(m.head.experiment, experiment, sizeof m.head.experiment);
    m.as.invite = *terms;
    mdl_err err = mdl_message_encode(&m, payload, sizeof payload, &size, NULL);
    if (err != MDL_OK) {
        return err;
    }
    err = mdl_envelope_sign("invite", payload, size, secret, work, (uint8_t *)out, MDL_INVITE_BYTES_MAX, &size);
    MDL_ASSERT(err == MDL_OK); /* a test holds the sizes against each other */
    out[size] = '\0';
    return MDL_OK;
}

static const char *check_terms(const mdl_envelope *e, const mdl_message *m, const uint8_t *experiment,
                               const uint8_t *worker, const uint8_t *coordinator,
                               const uint8_t (*owners)[MDL_KEY_BYTES], size_t owner_count, uint64_t now_ms) {
    int by_coordinator = memcmp(e->key, coordinator, MDL_KEY_BYTES) == 0, by_owner = 0;
    for (size_t i = 0; i < owner_count; i++) {
        by_owner |= memcmp(e->key, owners[i], MDL_KEY_BYTES) == 0;
    }
    if (!by_coordinator && !by_owner) {
        return "signed by a key that may not invite";
    }
    if (!by_coordinator && memcmp(m->as.invite.owner, e->key, MDL_KEY_BYTES) != 0) {
        return "an owner may only invite in its own name";
    }
    if (memcmp(m->head.experiment, experiment, MDL_DIGEST_BYTES) != 0) {
        return "for another experiment";
    }
    if (memcmp(m->as.invite.worker, worker, MDL_KEY_BYTES) != 0) {
        return "for another worker's key";
    }
    return m->as.invite.expires != 0 && now_ms >= m->as.invite.expires ? "expired" : NULL;
}

mdl_reason mdl_invite_check(const char *text, const uint8_t experiment[MDL_DIGEST_BYTES],
                            const uint8_t worker[MDL_KEY_BYTES], const uint8_t coordinator[MDL_KEY_BYTES],
                            const uint8_t (*owners)[MDL_KEY_BYTES], size_t owner_count, uint64_t now_ms,
                            mdl_msg_invite *out, const char **why) {
    mdl_envelope e;
    mdl_message m;
    uint8_t buffer[MDL_INVITE_BYTES_MAX];
    size_t size = strlen(text);
    const char *fault;
    if (size > sizeof buffer || mdl_envelope_decode((const uint8_t *)text, size, buffer, &e) != MDL_OK ||
        mdl_message_of(&e, (mdl_list_room){NULL, 0}, &m, NULL) != MDL_OK || m.type != MDL_MSG_INVITE) {
        fault = "not the form of an invitation";
    } else {
        /* The signature comes last: it is the costly part. */
        fault = check_terms(&e, &m, experiment, worker, coordinator, owners, owner_count, now_ms);
        if (!fault && mdl_envelope_verify(&e) != MDL_OK) {
            fault = "the signature does not verify";
        }
    }
    if (fault) {
        if (why) {
            *why = fault;
        }
        return MDL_REASON_BAD_INVITE;
    }
    *out = m.as.invite;
    return MDL_REASON_NONE;
}
