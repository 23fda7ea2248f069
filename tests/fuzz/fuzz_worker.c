/* What a coordinator says to a worker: any bytes as a conversation with its logic. Each step takes a byte: an honest
 * answer to the oldest call, or one with a field or a byte of it spoilt and signed again, or the rest of the input, or
 * none at all; a refusal; news and checkpoints of others; a computation that ends; a generation that is closed.
 * The script's coordinator (tests/worker/scripted.h) checks every call and command of the worker's on the way. Here:
 *   an honest coordinator is never left for a lie, and nothing is said to speak against it;
 *   a result counts only with a receipt of the log: one of ours that was not spoilt. */
#include "tests/fuzz/signatures.h"
#include "tests/fuzz/spoil.h"
#include "worker/logic.h"

/* In place of the worker's reply(), for the script. */
static void spoiling(mdl_worker *w, const mdl_moment *at, uint64_t token, mdl_err status, const uint8_t *bytes,
                     size_t size);
#define mdl_worker_reply spoiling
#include "tests/worker/scripted.h"
#undef mdl_worker_reply

#include "core/assert.h"
#include "tests/fuzz/known_experiments.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 24, LEASES_KNOWN = SCRIPTED_LEAVES - 1 };

/* Without verification, and with it. */
static const char *const documents[2] = {SCRIPTED_DOCUMENT("\"off\""), SCRIPTED_DOCUMENT("{}")};

static struct {
    input in;
    scripted s;
    int spoil;  /* the next answer: 1 a field, 2 a byte */
    int other;  /* the last answer is not what the script said */
    int honest; /* so far */
    uint32_t receipts;
} it;

/* Another frame of the same message; returns its size, or 0: it cannot be encoded. */
static size_t spoil_frame(const mdl_frame *frame, uint8_t *out, size_t room) {
    static uint8_t pae[MDL_PAE_BYTES_MAX], work[MDL_SEAL_WORK_BYTES], sealed[MDL_ENVELOPE_BYTES_MAX];
    static uint64_t list[MDL_LIST_MAX];
    mdl_envelope e;
    mdl_message m;
    size_t size;
    mdl_err err = mdl_envelope_decode(frame->envelope, frame->envelope_size, pae, &e);
    MDL_ASSERT(err == MDL_OK && mdl_message_of(&e, (mdl_list_room){list, MDL_LIST_MAX}, &m, NULL) == MDL_OK);
    spoil(&it.in, &m, 0);
    if (mdl_message_seal(&m, it.s.secret, work, sealed, sizeof sealed, &size) != MDL_OK)
        return 0;
    mdl_frame other = {sealed, size, frame->blob, frame->blob_size};
    return mdl_frame_encode(&other, out, room, &size) == MDL_OK ? size : 0;
}

static void spoiling(mdl_worker *w, const mdl_moment *at, uint64_t token, mdl_err status, const uint8_t *bytes,
                     size_t size) {
    int how = it.spoil;
    mdl_frame frame;
    it.spoil = 0;
    if (how == 0 || status != MDL_OK) {
        mdl_worker_reply(w, at, token, status, bytes, size);
        return;
    }
    it.honest = 0;
    size_t room = size + MDL_ENVELOPE_BYTES_MAX;
    uint8_t *copy = malloc(room);
    MDL_ASSERT(copy && mdl_frame_decode(bytes, size, &frame) == MDL_OK);
    size_t length = how == 1 && frame.envelope_size > 0 ? spoil_frame(&frame, copy, room) : 0;
    if (length == 0) {
        memcpy(copy, bytes, size);
        length = size;
        size_t place = (size_t)take(&it.in) << 8;
        place |= take(&it.in);
        copy[place % size] ^= take(&it.in);
    }
    it.other = length != size || memcmp(copy, bytes, size) != 0;
    mdl_worker_reply(w, at, token, MDL_OK, copy, length);
    free(copy);
}

/* ---- what the script's coordinator can answer, though it has said other things ---- */

static int answerable(scripted *s, const scripted_call *c) {
    uint32_t now = mdl_model_generation(s->model);
    const mdl_msg_result *r = &c->m.as.result;
    switch (c->m.type) {
    case MDL_MSG_FETCH:
        return memcmp(c->m.as.fetch.digest, s->document, MDL_DIGEST_BYTES) == 0;
    case MDL_MSG_SYNC:
        return c->m.as.sync.generation <= now;
    case MDL_MSG_WANT:
        return s->leases < LEASES_KNOWN;
    case MDL_MSG_COMMIT:
        return c->m.as.commit.lease < s->leases && s->leaves < SCRIPTED_LEAVES &&
               (it.honest || !s->commit_of[c->m.as.commit.lease]);
    case MDL_MSG_RESULT: /* after a spoilt grant it may be of other jobs than the script believes */
        return r->lease < s->leases && s->leaves < SCRIPTED_LEAVES && r->first + r->count <= SCRIPTED_JOBS &&
               (it.honest || !s->model->experiment.verification.used || scripted_is_committed(s, r));
    case MDL_MSG_PROVE:
        return s->leaves > 0 && c->m.as.prove.from > 0 && c->m.as.prove.from <= s->leaves &&
               c->m.as.prove.to <= s->leaves && (c->m.as.prove.to == 0 || c->m.as.prove.from <= c->m.as.prove.to);
    default:
        return 1;
    }
}

static void compute_ends(scripted *s) {
    if (s->computing && s->count <= SCRIPTED_JOBS)
        scripted_computed(s);
}

/* Answer the oldest call; without one, let something else happen. */
static void go_on(scripted *s, int spoil_it) {
    if (s->calls == 0) {
        if (s->computing)
            compute_ends(s);
        else if (s->timer_ms != UINT64_MAX)
            scripted_timer(s);
        return;
    }
    scripted_call *c = s->call[0];
    if (!answerable(s, c)) {
        scripted_reply(s, c, NULL, 0);
        return;
    }
    int result = c->m.type == MDL_MSG_RESULT;
    it.spoil = spoil_it;
    it.other = 0;
    scripted_serve(s, c);
    it.spoil = 0;
    it.receipts += result && !it.other;
}

/* A checkpoint that somebody else was shown. */
static void hear(scripted *s) {
    char note[1024];
    uint8_t how = take(&it.in);
    if (s->leaves == 0)
        return;
    size_t size = scripted_note(s, 1 + how % s->leaves, note);
    if (how >= 128) {
        note[take(&it.in) % size] ^= (char)take(&it.in);
        it.honest = 0;
    }
    mdl_moment at = scripted_moment(s);
    mdl_worker_heard(s->w, &at, note, size);
}

static void step(scripted *s) {
    static const mdl_reason reasons[] = {
#define X(NAME, name, value, sentence) MDL_REASON_##NAME,
        MDL_REASON_MAP(X)
#undef X
    };
    uint8_t op = take(&it.in);
    mdl_moment at;
    switch (op % 12) {
    case 5:
    case 6:
        go_on(s, op % 12 == 5 ? 1 : 2);
        break;
    case 7: /* no answer, or what is left of the input */
        if (s->calls > 0 && op >= 128) {
            it.honest = 0;
            scripted_reply(s, s->call[0], it.in.at, it.in.left);
            it.in.left = 0;
        } else if (s->calls > 0) {
            scripted_reply(s, s->call[0], NULL, 0);
        }
        break;
    case 8:
        if (s->calls > 0) {
            it.honest = 0;
            mdl_reason reason = reasons[take(&it.in) % (sizeof reasons / sizeof *reasons)];
            scripted_reject(s, s->call[0], reason, op >= 128 ? "needs 4 bits" : "", take(&it.in));
        }
        break;
    case 9:
        if (mdl_model_generation(s->model) < 3)
            scripted_advance(s, take(&it.in));
        if (!s->stopped)
            scripted_news(s);
        break;
    case 10:
        hear(s);
        break;
    case 11:
        at = scripted_moment(s);
        if (op >= 128)
            mdl_worker_link(s->w, &at, 0, op & 1);
        else if (s->timer_ms != UINT64_MAX)
            scripted_timer(s);
        break;
    default:
        if (op >= 128)
            compute_ends(s);
        else
            go_on(s, 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    if (!scripted_scratch) {
        MDL_ASSERT(sodium_init() >= 0);
        scripted_scratch = mdl_worker_scratch_new();
        MDL_ASSERT(scripted_scratch);
        know_experiment(documents[0]);
        know_experiment(documents[1]);
    }
    scripted *s = &it.s;
    it.in = (input){data + 1, size - 1};
    it.spoil = 0;
    it.honest = 1;
    it.receipts = 0;
    scripted_document = documents[data[0] & 1];
    scripted_open(s, 1 + data[0] / 2 % 2);
    scripted_start(s);
    for (uint32_t i = 0; i < STEPS_MAX && it.in.left > 0 && !s->stopped; i++)
        step(s);
    MDL_ASSERT(!it.honest || !s->stopped || s->code == MDL_STOP_FINISHED);
    MDL_ASSERT(!it.honest || s->frauds == 0);
    MDL_ASSERT(s->frauds == 0); /* no note of another history was ever signed */
    mdl_worker_info info;
    mdl_worker_inform(s->w, s->now_ms, &info);
    MDL_ASSERT(info.accepted <= it.receipts);
    scripted_close(s);
    return 0;
}
