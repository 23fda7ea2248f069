/* What a fraud proof shows by itself. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/fraud.h"
#include "protocol/messages.h"
#include "protocol/tlog_proof.h"

typedef struct checking {
    const mdl_fraud *f;
    mdl_fraud_finding *out;
    mdl_log_policy policy;
    uint8_t *bytes[MDL_FRAUD_FIELDS]; /* decoded; NULL: not there */
    size_t size[MDL_FRAUD_FIELDS];
    /* Room for two envelopes and their lists. */
    uint8_t pae[2][MDL_PAE_BYTES_MAX];
    uint64_t list[2][MDL_LIST_MAX];
    mdl_message message[2];
} checking;

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static void
say(checking *c, mdl_fraud_verdict verdict, const char *format, ...) {
    va_list list;
    c->out->verdict = verdict;
    va_start(list, format);
    vsnprintf(c->out->text, sizeof c->out->text, format, list);
    va_end(list);
}

static void convict(checking *c, const uint8_t key[MDL_KEY_BYTES]) {
    c->out->has_culprit = 1;
    memcpy(c->out->culprit, key, MDL_KEY_BYTES);
}

static mdl_text text_of(const checking *c, mdl_fraud_field field) {
    return (mdl_text){(const char *)c->bytes[field], c->size[field]};
}

static int checkpoint(checking *c, mdl_fraud_field field, mdl_checkpoint *out) {
    mdl_err e = mdl_checkpoint_verify(text_of(c, field), &c->policy, out, NULL);
    if (e != MDL_OK) {
        say(c, e == MDL_ENOMEM ? MDL_FRAUD_NOMEM : MDL_FRAUD_FALSE, "a checkpoint in it is not one that %s signed: %s",
            c->policy.log.name, mdl_strerror((int)e));
    }
    return e == MDL_OK;
}

/* The log signed a tree with `leaf` at the proof's index. */
static int included(checking *c, mdl_fraud_field field, const mdl_hash *leaf, uint64_t *index, mdl_checkpoint *at) {
    mdl_tlog_proof p;
    mdl_err e = mdl_tlog_proof_parse(text_of(c, field), &p);
    if (e == MDL_OK) {
        e = mdl_tlog_proof_verify(&p, leaf, &c->policy, at, NULL);
    }
    if (e != MDL_OK) {
        say(c, e == MDL_ENOMEM ? MDL_FRAUD_NOMEM : MDL_FRAUD_FALSE,
            "an inclusion proof in it does not hold under %s: %s", c->policy.log.name, mdl_strerror((int)e));
        return 0;
    }
    *index = p.index;
    return 1;
}

/* The envelope of a field, its signature good. */
static int envelope(checking *c, mdl_fraud_field field, int which, mdl_envelope *e) {
    const mdl_list_room room = {c->list[which], MDL_LIST_MAX};
    mdl_err err = mdl_envelope_decode(c->bytes[field], c->size[field], c->pae[which], e);
    if (err == MDL_OK) {
        err = mdl_envelope_verify(e);
    }
    if (err == MDL_OK) {
        err = mdl_message_of(e, room, &c->message[which], NULL);
    }
    if (err != MDL_OK) {
        say(c, MDL_FRAUD_FALSE, "a record in it is no signed message: %s", mdl_strerror((int)err));
    }
    return err == MDL_OK;
}

/* ---- the kinds ---- */

static void fork(checking *c) {
    mdl_checkpoint first, second;
    mdl_hash root, path[MDL_MERKLE_PROOF_MAX];
    if (!checkpoint(c, MDL_FRAUD_FIRST_FIELD, &first) || !checkpoint(c, MDL_FRAUD_SECOND_FIELD, &second)) {
        return;
    }
    if (first.size > second.size) {
        say(c, MDL_FRAUD_FALSE, "the first checkpoint is the larger one");
        return;
    }
    size_t count = c->size[MDL_FRAUD_HASH_FIELD] / MDL_HASH_BYTES;
    if (first.size == second.size) {
        root = second.root;
    } else if (c->size[MDL_FRAUD_ROOT_FIELD] != MDL_HASH_BYTES || count > MDL_MERKLE_PROOF_MAX ||
               c->size[MDL_FRAUD_HASH_FIELD] % MDL_HASH_BYTES != 0) {
        say(c, MDL_FRAUD_FALSE, "the sizes differ, and what connects them is missing");
        return;
    } else {
        memcpy(root.bytes, c->bytes[MDL_FRAUD_ROOT_FIELD], MDL_HASH_BYTES);
        if (count > 0) {
            memcpy(path, c->bytes[MDL_FRAUD_HASH_FIELD], count * MDL_HASH_BYTES);
        }
        /* What the second tree has as the root of the first size: the proof determines it. */
        mdl_err e = first.size == 0
                        ? MDL_ERANGE
                        : mdl_merkle_verify_consistency(first.size, second.size, &root, &second.root, path, count);
        if (e != MDL_OK) {
            say(c, MDL_FRAUD_FALSE, "what should connect the two sizes does not hold: %s", mdl_strerror((int)e));
            return;
        }
    }
    if (mdl_hash_equal(&first.root, &root)) {
        say(c, MDL_FRAUD_FALSE, "the two checkpoints agree");
        return;
    }
    convict(c, c->policy.log.key);
    say(c, MDL_FRAUD_PROVEN,
        "the log %s signed two histories: a checkpoint of %" PRIu64 " records and one of %" PRIu64
        " in which the first %" PRIu64 " records are others",
        c->policy.log.name, first.size, second.size, first.size);
}

static void dropped(checking *c) {
    mdl_envelope e;
    mdl_hash leaf, other;
    mdl_checkpoint promised, shown;
    uint64_t index, there;
    if (!envelope(c, MDL_FRAUD_RECORD_FIELD, 0, &e)) {
        return;
    }
    mdl_merkle_leaf(c->bytes[MDL_FRAUD_RECORD_FIELD], c->size[MDL_FRAUD_RECORD_FIELD], &leaf);
    if (c->size[MDL_FRAUD_LEAF_FIELD] != MDL_HASH_BYTES) {
        say(c, MDL_FRAUD_FALSE, "its leaf hash is none");
        return;
    }
    memcpy(other.bytes, c->bytes[MDL_FRAUD_LEAF_FIELD], MDL_HASH_BYTES);
    if (c->bytes[MDL_FRAUD_OTHER_FIELD]) {
        mdl_hash again;
        mdl_merkle_leaf(c->bytes[MDL_FRAUD_OTHER_FIELD], c->size[MDL_FRAUD_OTHER_FIELD], &again);
        if (!mdl_hash_equal(&again, &other)) {
            say(c, MDL_FRAUD_FALSE, "the other record does not have the leaf hash");
            return;
        }
    }
    if (!included(c, MDL_FRAUD_PROOF_FIELD, &leaf, &index, &promised) ||
        !included(c, MDL_FRAUD_SHOWN_FIELD, &other, &there, &shown)) {
        return;
    }
    if (index != there || mdl_hash_equal(&leaf, &other)) {
        say(c, MDL_FRAUD_FALSE, "what was promised and what is shown agree");
        return;
    }
    convict(c, c->policy.log.key);
    c->out->record = index;
    say(c, MDL_FRAUD_PROVEN,
        "the log %s promised this %s as record %" PRIu64 " under a checkpoint of %" PRIu64
        " records, and signed one of %" PRIu64 " in which record %" PRIu64 " is another: it was dropped or changed",
        c->policy.log.name, e.name, index, promised.size, shown.size, index);
}

/* Of one lease of one experiment, whatever their numbers. */
static int two_commits(const checking *c) {
    const mdl_message *a = &c->message[0], *b = &c->message[1];
    return a->type == MDL_MSG_COMMIT && b->type == MDL_MSG_COMMIT && a->as.commit.lease == b->as.commit.lease &&
           memcmp(a->head.experiment, b->head.experiment, sizeof a->head.experiment) == 0 &&
           memcmp(a->as.commit.commitment, b->as.commit.commitment, sizeof a->as.commit.commitment) != 0;
}

static void equivocation(checking *c) {
    mdl_envelope e[2];
    if (!envelope(c, MDL_FRAUD_FIRST_FIELD, 0, &e[0]) || !envelope(c, MDL_FRAUD_SECOND_FIELD, 1, &e[1])) {
        return;
    }
    const mdl_head *a = &c->message[0].head, *b = &c->message[1].head;
    static const uint8_t none[sizeof a->session];
    if (memcmp(e[0].key, e[1].key, sizeof e[0].key) != 0) {
        say(c, MDL_FRAUD_FALSE, "the two are signed by different keys");
    } else if (mdl_message_role(c->message[0].type) != MDL_ROLE_CALL ||
               mdl_message_role(c->message[1].type) != MDL_ROLE_CALL || memcmp(a->session, none, sizeof none) == 0) {
        say(c, MDL_FRAUD_FALSE, "these are not two calls of a session");
    } else if (two_commits(c)) {
        convict(c, e[0].key);
        say(c, MDL_FRAUD_PROVEN, "this key committed to two results of lease %" PRIu64, c->message[0].as.commit.lease);
    } else if (memcmp(a->session, b->session, sizeof a->session) != 0 || a->seq != b->seq ||
               memcmp(a->experiment, b->experiment, sizeof a->experiment) != 0) {
        say(c, MDL_FRAUD_FALSE, "the two have different numbers, sessions or experiments");
    } else if (c->size[MDL_FRAUD_FIRST_FIELD] == c->size[MDL_FRAUD_SECOND_FIELD] &&
               memcmp(c->bytes[MDL_FRAUD_FIRST_FIELD], c->bytes[MDL_FRAUD_SECOND_FIELD],
                      c->size[MDL_FRAUD_FIRST_FIELD]) == 0) {
        say(c, MDL_FRAUD_FALSE, "the two are the same message");
    } else {
        convict(c, e[0].key);
        say(c, MDL_FRAUD_PROVEN, "this key signed a %s and a different %s as call %" PRIu64 " of one session",
            e[0].name, e[1].name, a->seq);
    }
}

/* The generation whose jobs a message claims to have computed; 0: a proof of this kind is not about such a message. */
static int claims(const mdl_message *m, mdl_fraud_kind kind, uint32_t *generation) {
    switch ((int)m->type) {
    case MDL_MSG_RESULT:
        *generation = m->as.result.generation;
        return kind == MDL_FRAUD_RESULT;
    case MDL_MSG_CHECK:
        *generation = m->as.check.generation;
        return kind == MDL_FRAUD_DECISION;
    case MDL_MSG_VERDICT:
        *generation = m->as.verdict.generation;
        return kind == MDL_FRAUD_DECISION;
    case MDL_MSG_CORRECTION:
        *generation = m->as.correction.generation;
        return kind == MDL_FRAUD_DECISION;
    case MDL_MSG_JUDGEMENT:
        *generation = m->as.judgement.generation;
        return kind == MDL_FRAUD_JUDGEMENT;
    case MDL_MSG_SHARDVERDICT:
        *generation = m->as.shardverdict.generation;
        return kind == MDL_FRAUD_SHARDVERDICT;
    case MDL_MSG_JOINED:
        *generation = m->as.joined.generation;
        return kind == MDL_FRAUD_JOINED;
    default:
        return 0;
    }
}

/* The bytes of a field are those that the record names. */
static int has_digest(checking *c, mdl_fraud_field field, const uint8_t digest[MDL_DIGEST_BYTES], const char *what) {
    uint8_t found[MDL_DIGEST_BYTES];
    mdl_digest_of(c->bytes[field], c->size[field], found);
    if (memcmp(found, digest, sizeof found) != 0) {
        say(c, MDL_FRAUD_FALSE, "the %s in it is not the one that the record names", what);
        return 0;
    }
    return 1;
}

/* The lease of a shardverdict in the log, and the window that convicts where it is not in a transcript. */
static int shard(checking *c, const mdl_envelope *e) {
    static const uint8_t none[MDL_DIGEST_BYTES];
    const mdl_msg_shardverdict *m = &c->message[0].as.shardverdict;
    const mdl_message *other = &c->message[1];
    mdl_envelope lease, window;
    mdl_checkpoint at;
    mdl_hash leaf;
    uint64_t index;
    mdl_merkle_leaf(c->bytes[MDL_FRAUD_LEASE_FIELD], c->size[MDL_FRAUD_LEASE_FIELD], &leaf);
    if (!envelope(c, MDL_FRAUD_LEASE_FIELD, 1, &lease) ||
        !included(c, MDL_FRAUD_LEASE_PROOF_FIELD, &leaf, &index, &at)) {
        return 0;
    }
    if (other->type != MDL_MSG_SHARDLEASE || other->as.shardlease.lease != m->lease ||
        other->as.shardlease.generation != m->generation || other->as.shardlease.job != m->job ||
        memcmp(lease.key, e->key, sizeof lease.key) != 0 ||
        memcmp(other->head.experiment, c->message[0].head.experiment, 32) != 0) {
        say(c, MDL_FRAUD_FALSE, "its lease is not the one that the record names");
        return 0;
    }
    if ((memcmp(m->evidence, none, sizeof none) != 0) != (c->bytes[MDL_FRAUD_EVIDENCE_FIELD] != NULL)) {
        say(c, MDL_FRAUD_FALSE, "the record has evidence and the file has none, or the other way round");
        return 0;
    }
    if (!c->bytes[MDL_FRAUD_EVIDENCE_FIELD]) {
        return 1;
    }
    if (!has_digest(c, MDL_FRAUD_EVIDENCE_FIELD, m->evidence, "evidence") ||
        !envelope(c, MDL_FRAUD_EVIDENCE_FIELD, 1, &window)) {
        return 0;
    }
    if (other->type != MDL_MSG_WINDOW || other->as.window.lease != m->lease || other->as.window.life != m->life ||
        other->as.window.window != m->window) {
        say(c, MDL_FRAUD_FALSE, "its evidence is not of the record's window");
        return 0;
    }
    return 1;
}

/* What the record of a kind needs beside its state. */
static int carries(checking *c, const mdl_envelope *e) {
    switch ((int)c->f->kind) {
    case MDL_FRAUD_JUDGEMENT:
        return has_digest(c, MDL_FRAUD_TRANSCRIPT_FIELD, c->message[0].as.judgement.transcript, "transcript");
    case MDL_FRAUD_JOINED:
        return has_digest(c, MDL_FRAUD_TRANSCRIPT_FIELD, c->message[0].as.joined.transcript, "transcript");
    case MDL_FRAUD_SHARDVERDICT:
        return shard(c, e);
    default:
        return 1;
    }
}

/* Who claims to have computed something signed it, and it is in the log. */
static void computed(checking *c) {
    mdl_envelope e, closing;
    mdl_hash leaf;
    mdl_checkpoint at;
    uint64_t close_index;
    uint32_t generation;
    if (!envelope(c, MDL_FRAUD_RECORD_FIELD, 0, &e)) {
        return;
    }
    if (!claims(&c->message[0], c->f->kind, &generation)) {
        say(c, MDL_FRAUD_FALSE, "its record is no %s",
            c->f->kind == MDL_FRAUD_DECISION ? "check, verdict or correction" : mdl_fraud_name(c->f->kind));
        return;
    }
    mdl_merkle_leaf(c->bytes[MDL_FRAUD_RECORD_FIELD], c->size[MDL_FRAUD_RECORD_FIELD], &leaf);
    if (!included(c, MDL_FRAUD_PROOF_FIELD, &leaf, &c->out->record, &at)) {
        return;
    }
    if (generation > 0) {
        if (!c->bytes[MDL_FRAUD_CLOSE_FIELD] || !c->bytes[MDL_FRAUD_CLOSE_PROOF_FIELD] ||
            !c->bytes[MDL_FRAUD_STATE_FIELD]) {
            say(c, MDL_FRAUD_FALSE, "the closing before, or the state after it, is missing");
            return;
        }
        mdl_merkle_leaf(c->bytes[MDL_FRAUD_CLOSE_FIELD], c->size[MDL_FRAUD_CLOSE_FIELD], &leaf);
        if (!envelope(c, MDL_FRAUD_CLOSE_FIELD, 1, &closing) ||
            !included(c, MDL_FRAUD_CLOSE_PROOF_FIELD, &leaf, &close_index, &at)) {
            return;
        }
        if (c->message[1].type != MDL_MSG_CLOSE || c->message[1].as.close.generation != generation - 1 ||
            memcmp(c->message[1].head.experiment, c->message[0].head.experiment, 32) != 0) {
            say(c, MDL_FRAUD_FALSE, "its closing is not the one before the %s's generation", e.name);
            return;
        }
    }
    if (!carries(c, &e)) {
        return;
    }
    convict(c, e.key);
    say(c, MDL_FRAUD_COMPUTE, "record %" PRIu64 " of %s is a %s of this key for generation %" PRIu32, c->out->record,
        c->policy.log.name, e.name, generation);
}

/* Rules that need nothing but the record. */
static void rule(checking *c) {
    mdl_hash leaf;
    mdl_checkpoint at;
    mdl_envelope e;
    uint64_t number;
    const uint8_t *record = c->bytes[MDL_FRAUD_RECORD_FIELD];
    size_t size = c->size[MDL_FRAUD_RECORD_FIELD];
    mdl_merkle_leaf(record, size, &leaf);
    if (!included(c, MDL_FRAUD_PROOF_FIELD, &leaf, &c->out->record, &at) ||
        mdl_text_decimal(c->f->field[MDL_FRAUD_NUMBER_FIELD], 999, &number) != MDL_OK) {
        return;
    }
    mdl_err err = mdl_envelope_decode(record, size, c->pae[0], &e);
    if (err != MDL_OK || mdl_envelope_verify(&e) != MDL_OK) {
        /* The log's signature covers it, the record's own does not. */
        convict(c, c->policy.log.key);
        say(c, MDL_FRAUD_PROVEN, "the log %s signed for record %" PRIu64 ", which %s", c->policy.log.name,
            c->out->record, err != MDL_OK ? "is no envelope" : "nobody signed: its own signature does not verify");
        return;
    }
    say(c, MDL_FRAUD_LEDGER,
        "record %" PRIu64 " of %s is said to break rule %" PRIu64 "; that depends on the records before it",
        c->out->record, c->policy.log.name, number);
}

static void withheld(checking *c) {
    mdl_hash leaf;
    mdl_checkpoint at;
    mdl_envelope e;
    char hex[2 * MDL_DIGEST_BYTES + 1];
    mdl_merkle_leaf(c->bytes[MDL_FRAUD_RECORD_FIELD], c->size[MDL_FRAUD_RECORD_FIELD], &leaf);
    if (!envelope(c, MDL_FRAUD_RECORD_FIELD, 0, &e) ||
        !included(c, MDL_FRAUD_PROOF_FIELD, &leaf, &c->out->record, &at)) {
        return;
    }
    if (c->size[MDL_FRAUD_BLOB_FIELD] != MDL_DIGEST_BYTES) {
        say(c, MDL_FRAUD_FALSE, "its blob is no digest");
        return;
    }
    /* Digests stand in payloads as hexadecimal. */
    mdl_hex(c->bytes[MDL_FRAUD_BLOB_FIELD], MDL_DIGEST_BYTES, hex);
    for (size_t i = 0; i + sizeof hex - 1 <= e.payload_size; i++) {
        if (memcmp(e.payload + i, hex, sizeof hex - 1) == 0) {
            say(c, MDL_FRAUD_LEDGER,
                "record %" PRIu64 " of %s, a %s, names the blob %s; whoever shows these bytes refutes this file",
                c->out->record, c->policy.log.name, e.name, hex);
            return;
        }
    }
    say(c, MDL_FRAUD_FALSE, "the record names no such blob");
}

void mdl_fraud_verify(const mdl_fraud *f, const mdl_vkey *log, mdl_fraud_finding *out) {
    static void (*const check[MDL_FRAUD_KINDS])(checking * c) = {
        [MDL_FRAUD_FORK] = fork,
        [MDL_FRAUD_DROPPED] = dropped,
        [MDL_FRAUD_EQUIVOCATION] = equivocation,
        [MDL_FRAUD_RESULT] = computed,
        [MDL_FRAUD_DECISION] = computed,
        [MDL_FRAUD_JUDGEMENT] = computed,
        [MDL_FRAUD_SHARDVERDICT] = computed,
        [MDL_FRAUD_JOINED] = computed,
        [MDL_FRAUD_RULE] = rule,
        [MDL_FRAUD_WITHHELD] = withheld,
    };
    memset(out, 0, sizeof *out);
    checking *c = calloc(1, sizeof *c);
    if (!c) {
        out->verdict = MDL_FRAUD_NOMEM;
        return;
    }
    c->f = f;
    c->out = out;
    int good = 1;
    for (mdl_fraud_field i = 0; i < MDL_FRAUD_FIELDS && good; i++) {
        if (f->field[i].size > 0) {
            c->bytes[i] = mdl_fraud_bytes(f, i, &c->size[i]);
            good = c->bytes[i] != NULL;
        }
    }
    if (!good) {
        out->verdict = MDL_FRAUD_NOMEM;
    } else if (f->kind != MDL_FRAUD_EQUIVOCATION &&
               (mdl_vkey_parse(f->field[MDL_FRAUD_LOG_FIELD], &c->policy.log) != MDL_OK ||
                c->policy.log.type != MDL_NOTE_TYPE_ED25519)) {
        say(c, MDL_FRAUD_FALSE, "the log's verifier key in it is none");
    } else if (f->kind != MDL_FRAUD_EQUIVOCATION && log && memcmp(log, &c->policy.log, sizeof *log) != 0) {
        say(c, MDL_FRAUD_FALSE, "it is about another log, %s", c->policy.log.name);
    } else {
        check[f->kind](c);
    }
    for (mdl_fraud_field i = 0; i < MDL_FRAUD_FIELDS; i++) {
        free(c->bytes[i]);
    }
    free(c);
}
