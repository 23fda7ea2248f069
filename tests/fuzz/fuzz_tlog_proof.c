/* Offline proofs: what parses, prints to the same bytes; verifying it survives. */
#include <stdint.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/tlog_proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char room[MDL_TLOG_PROOF_MAX];
    static mdl_log_policy policy;
    mdl_text text = {(const char *)data, size};
    mdl_tlog_proof proof;
    if (mdl_tlog_proof_parse(text, &proof) != MDL_OK) {
        return 0;
    }
    mdl_text_out out = {room, sizeof room, 0};
    mdl_tlog_proof_put(&proof, &out);
    MDL_ASSERT(out.size == size && memcmp(room, data, size) == 0);
    /* A log with the origin as its name and a key that nobody has the secret of. */
    uint8_t base[32];
    memset(base, 0x66, sizeof base);
    base[0] = 0x58;
    mdl_note note;
    mdl_checkpoint c;
    MDL_ASSERT(mdl_note_parse(proof.checkpoint, &note) == MDL_OK && mdl_checkpoint_parse(note.text, &c) == MDL_OK);
    mdl_hash leaf;
    mdl_merkle_leaf(data, size, &leaf);
    MDL_ASSERT(mdl_merkle_verify_inclusion(proof.index, c.size, &leaf, proof.hash, proof.count, &c.root) != MDL_OK);
    if (mdl_vkey_make(c.origin, MDL_NOTE_TYPE_ED25519, base, &policy.log) == MDL_OK) {
        MDL_ASSERT(mdl_tlog_proof_verify(&proof, &leaf, &policy, NULL, NULL) != MDL_OK);
    }
    return 0;
}
