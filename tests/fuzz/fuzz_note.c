/* Notes, checkpoints and verifier keys: what parses, prints to the same bytes,
 * and no invented signature verifies. */
#include <stdint.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/checkpoint.h"
#include "protocol/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(mdl_text text, const mdl_text_out *out) {
    MDL_ASSERT(out->size == text.size && memcmp(out->at, text.at, text.size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char room[MDL_NOTE_MAX];
    mdl_text text = {(const char *)data, size};
    mdl_vkey key, again;
    if (mdl_vkey_parse(text, &key) == MDL_OK) {
        char printed[MDL_VKEY_TEXT_MAX];
        mdl_vkey_print(&key, printed);
        MDL_ASSERT(strlen(printed) == size && memcmp(printed, data, size) == 0);
    }
    mdl_note note;
    if (mdl_note_parse(text, &note) != MDL_OK) {
        return 0;
    }
    mdl_text_out out = {room, sizeof room, 0};
    mdl_note_put(&note, &out);
    same(text, &out);
    /* The first line's name and id with a key that nobody has the secret of. */
    const uint8_t base[32] = {0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                              0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                              0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66};
    mdl_note_seal seal;
    MDL_ASSERT(mdl_vkey_make(note.signature[0].name, data[0] & 1 ? 1 : 4, base, &again) == MDL_OK);
    memcpy(again.id, note.signature[0].id, sizeof again.id);
    mdl_err e = mdl_note_verify(&note, &again, 1, &seal);
    MDL_ASSERT(e == MDL_ESIGNATURE && !seal.signed_by);
    mdl_checkpoint c;
    if (mdl_checkpoint_parse(note.text, &c) == MDL_OK) {
        out.size = 0;
        mdl_checkpoint_put(&c, &out);
        same(note.text, &out);
        MDL_ASSERT(c.size <= MDL_MERKLE_SIZE_MAX && c.origin.size > 0);
    }
    return 0;
}
