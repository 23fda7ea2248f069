/* Requests to a witness and what it keeps: what parses, prints to the same bytes; deciding survives, and a witness
 * whose log has a key that nobody has the secret of cosigns nothing. */
#include <stdint.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char room[MDL_WITNESS_STATE_MAX + MDL_WITNESS_REQUEST_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mdl_text text = {(const char *)data, size};
    mdl_text_out out = {room, sizeof room, 0};
    mdl_witness_kept kept;
    mdl_witness_request r;
    if (mdl_witness_kept_parse(text, &kept) == MDL_OK) {
        mdl_witness_kept_put(&kept, &out);
        MDL_ASSERT(out.size == size && memcmp(room, data, size) == 0);
        out.size = 0;
    }
    if (mdl_witness_request_parse(text, &r) != MDL_OK) {
        return 0;
    }
    mdl_witness_request_put(&r, &out);
    MDL_ASSERT(out.size == size && memcmp(room, data, size) == 0);
    uint8_t base[32];
    memset(base, 0x66, sizeof base);
    base[0] = 0x58;
    mdl_note note;
    mdl_checkpoint c;
    mdl_vkey log;
    mdl_witness_state state = {.size = r.old}, next;
    MDL_ASSERT(mdl_note_parse(r.checkpoint, &note) == MDL_OK && mdl_checkpoint_parse(note.text, &c) == MDL_OK);
    if (mdl_vkey_make(c.origin, MDL_NOTE_TYPE_ED25519, base, &log) == MDL_OK) {
        MDL_ASSERT(mdl_witness_decide(&state, &log, text, &next, &c) == 403);
    }
    return 0;
}
