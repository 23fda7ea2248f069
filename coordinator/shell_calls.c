/* Calls on their way from the wire to the logic: what is cheap is checked on the
 * loop, signatures on the thread pool. What arrives in one turn of the loop goes
 * there together, so that a busy coordinator wakes threads seldom, and one that is not wakes none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/shell_internal.h"
#include "protocol/frame.h"
#include "runtime/pool.h"

enum {
    TOGETHER_MAX = 32,   /* signatures that one thread checks in one go */
    ALONE_BYTES = 65536, /* of a call that is checked where it is      */
    USUAL_BYTES = 2048,
    SPARES_MAX = 1024
};

/* One call; its envelope, PAE and blob lie behind it. */
typedef struct mdl_arrival {
    mdl_call *call;
    struct mdl_arrival *next;
    mdl_envelope envelope;
    mdl_hash leaf; /* of the envelope */
    mdl_err err;
    int usual; /* of USUAL_BYTES */
    int begun; /* its blob has not been read yet */
    size_t size;
    mdl_carried blob;
    uint8_t bytes[]; /* the envelope, room for its PAE, the blob */
} arrival;

typedef struct verification {
    uv_work_t work;
    mdl_shell *s;
    uint32_t count;
    arrival *call[TOGETHER_MAX];
} verification;

/* The peer's address without its port: a new connection makes no new peer. */
static void host_of(const char *peer, char host[128]) {
    size_t size = strnlen(peer, 127);
    memcpy(host, peer, size);
    host[size] = 0;
    char *colon = strrchr(host, ':');
    if (colon) {
        *colon = 0;
    }
}

static uint64_t number_of(mdl_call *call) { return (uint64_t)(uintptr_t)call; }

/* A long call that has only begun is not answered: its connection ends, and the rest is never read. */
static void refuse(mdl_shell *s, mdl_call *call, int begun, const char *peer, mdl_reason reason, const char *detail) {
    char host[128];
    host_of(peer, host);
    if (mdl_shell_may_tell(s, mdl_reason_name(reason), host)) {
        mdl_shell_say(s, mdl_reason_name(reason), peer, "%s", mdl_reason_sentence(reason));
    }
    if (begun) {
        mdl_call_drop(call);
    } else {
        mdl_coordinator_refuse(s->logic, number_of(call), reason, detail, 0);
    }
}

static arrival *new_arrival(mdl_shell *s, size_t size) {
    int usual = sizeof(arrival) + size <= USUAL_BYTES;
    arrival *a = s->spare;
    if (usual && a) {
        s->spare = a->next;
        s->spares--;
    } else {
        a = malloc(usual ? USUAL_BYTES : sizeof *a + size);
    }
    if (a) {
        a->usual = usual;
    }
    return a;
}

static void free_arrival(mdl_shell *s, arrival *a) {
    if (a->usual && s->spares < SPARES_MAX) {
        a->next = s->spare;
        s->spare = a;
        s->spares++;
    } else {
        free(a);
    }
}

/* ---- on the pool and back ---- */

static void check(arrival *a) {
    a->err = mdl_envelope_verify(&a->envelope);
    mdl_merkle_leaf(a->bytes, a->size, &a->leaf);
    if (a->blob.size > 0 && a->err == MDL_OK) {
        mdl_digest_of(a->blob.bytes, a->blob.size, a->blob.digest);
    }
}

static void verify(uv_work_t *work) {
    verification *v = work->data;
    for (uint32_t i = 0; i < v->count; i++) {
        check(v->call[i]);
    }
}

/* Whether the sender of a long call, who has signed it, may say the rest. */
static void judge(mdl_shell *s, const arrival *a) {
    uint64_t size;
    if (mdl_coordinator_carries(s->logic, number_of(a->call), &a->envelope, &size)) {
        mdl_call_admit(a->call, MDL_FRAME_HEAD_BYTES + a->size + (size_t)size);
    }
}

static void hand_over(mdl_shell *s, const arrival *a, int lost) {
    if (lost) {
        mdl_call_drop(a->call);
    } else if (a->err != MDL_OK) {
        s->bad_signatures++;
        if (a->begun) {
            mdl_call_drop(a->call);
        } else {
            mdl_coordinator_refuse(s->logic, number_of(a->call), MDL_REASON_BAD_SIGNATURE, NULL, 0);
        }
    } else if (a->begun) {
        judge(s, a);
    } else {
        if (a->blob.size > 0) {
            mdl_call_used(a->call); /* ours is gone when this returns */
        }
        mdl_coordinator_call(s->logic, number_of(a->call), &a->envelope, a->bytes, a->size, &a->leaf,
                             a->blob.size > 0 ? &a->blob : NULL, mdl_shell_now_ms());
    }
}

/* Back on the loop; `lost`: never checked. */
static void verified(verification *v, int lost) {
    mdl_shell *s = v->s;
    s->verifying -= v->count;
    for (uint32_t i = 0; i < v->count; i++) {
        if (!s->closing && !s->failed) {
            hand_over(s, v->call[i], lost);
        }
        free_arrival(s, v->call[i]);
    }
    free(v);
    if (!s->closing && !s->failed) {
        mdl_shell_after_logic(s);
    }
}

static void worked(uv_work_t *work, int status) { verified(work->data, status != 0); }

/* The next `count` of those that wait, to the pool. */
static void queue(mdl_shell *s, uint32_t count) {
    verification *v = malloc(sizeof *v);
    for (uint32_t i = 0; i < count; i++) {
        arrival *a = s->arrived;
        s->arrived = a->next;
        s->arrived_count--;
        if (v) {
            v->call[i] = a;
        } else {
            mdl_call_drop(a->call);
            free_arrival(s, a);
        }
    }
    s->arrived_last = s->arrived ? s->arrived_last : &s->arrived;
    if (!v) {
        s->verifying -= count;
        return;
    }
    v->s = s;
    v->count = count;
    v->work.data = v;
    if (uv_queue_work(s->loop, &v->work, verify, worked) != 0) {
        verified(v, 1);
    }
}

/* A call that comes alone is checked where it is: to wake a thread, and to be woken by it, takes longer. */
static int take_alone(mdl_shell *s) {
    arrival *a = s->arrived;
    if (s->arrived_count != 1 || s->verifying != 1 || a->size + a->blob.size > ALONE_BYTES) {
        return 0;
    }
    s->arrived = NULL;
    s->arrived_last = &s->arrived;
    s->arrived_count = 0;
    s->verifying = 0;
    check(a);
    if (!s->closing && !s->failed) {
        hand_over(s, a, 0);
    }
    free_arrival(s, a);
    if (!s->closing && !s->failed) {
        mdl_shell_after_logic(s);
    }
    return 1;
}

void mdl_shell_flush_calls(mdl_shell *s) {
    /* Few are shared out among the CPUs, many go in full loads. */
    uint32_t share = (s->arrived_count + s->cpus - 1) / s->cpus;
    uint32_t together = share < 1 ? 1 : share > TOGETHER_MAX ? TOGETHER_MAX : share;
    while (s->arrived_count > 0) {
        queue(s, s->arrived_count < together ? s->arrived_count : together);
    }
}

/* What came in this turn. Answers that are given now are sent before the loop waits again. */
static void on_read(uv_check_t *check) {
    while (take_alone(check->data)) { /* which may have let the rest of a long one in */
    }
    mdl_shell_flush_calls(check->data);
}

/* Before the loop waits: what did not come from the network. */
static void on_turn(uv_prepare_t *prepare) { mdl_shell_flush_calls(prepare->data); }

/* libuv's pool has four threads unless it is told before its first work. One a CPU: more of them only take turns. Two
 * at least, for libuv keeps half of them free of work that waits for others, as looking up a name does. */
static void use_all_cpus(uint32_t cpus) {
    char have[16], threads[16];
    size_t size = sizeof have;
    if (uv_os_getenv("UV_THREADPOOL_SIZE", have, &size) == 0)
        return;
    snprintf(threads, sizeof threads, "%u", cpus < 2 ? 2u : (unsigned)cpus);
    uv_os_setenv("UV_THREADPOOL_SIZE", threads);
}

void mdl_shell_start_calls(mdl_shell *s) {
    s->cpus = mdl_cpu_count();
    use_all_cpus(s->cpus);
    s->arrived_last = &s->arrived;
    uv_check_init(s->loop, &s->read);
    uv_prepare_init(s->loop, &s->arrivals);
    s->read.data = s->arrivals.data = s;
    uv_check_start(&s->read, on_read);
    uv_prepare_start(&s->arrivals, on_turn);
}

void mdl_shell_end_calls(mdl_shell *s) {
    for (arrival *a = s->spare, *next; a; a = next) {
        next = a->next;
        free(a);
    }
}

/* ---- from the wire ---- */

/* A token of the peer's host. */
static int take_token(mdl_shell *s, const char *host) {
    uint64_t who = mdl_shell_hash(MDL_HASH_START, host), now_ms = mdl_shell_now_ms();
    mdl_bucket *b = &s->bucket[who % MDL_BUCKETS];
    if (b->who != who) {
        *b = (mdl_bucket){who, now_ms, s->options.peer_burst};
    }
    b->tokens += (double)(now_ms - b->at_ms) * s->options.peer_rate / 1000;
    b->tokens = b->tokens > s->options.peer_burst ? s->options.peer_burst : b->tokens;
    b->at_ms = now_ms;
    if (b->tokens < 1) {
        return 0;
    }
    b->tokens -= 1;
    return 1;
}

/* The largest blob that such an envelope may have. */
static uint64_t blob_max(const mdl_envelope *e) {
    mdl_message_type type;
    return mdl_message_type_of(e->name, &type) == MDL_OK ? mdl_message_blob_max(type) : 0;
}

/* Take the envelope apart and let it wait for the pool. */
static void take(mdl_shell *s, mdl_call *call, const mdl_frame *frame, int begun, const char *peer) {
    size_t pae = frame->envelope_size < MDL_PAE_BYTES_MAX ? frame->envelope_size : MDL_PAE_BYTES_MAX;
    arrival *a = new_arrival(s, frame->envelope_size + pae + frame->blob_size);
    if (!a) {
        mdl_call_drop(call);
        return;
    }
    a->call = call;
    a->next = NULL;
    a->begun = begun;
    a->size = frame->envelope_size;
    a->blob.bytes = a->bytes + a->size + pae;
    a->blob.size = frame->blob_size;
    memcpy(a->bytes, frame->envelope, a->size);
    if (frame->blob_size > 0) {
        memcpy(a->bytes + a->size + pae, frame->blob, frame->blob_size);
    }
    mdl_reason reason = MDL_REASON_BAD_ENVELOPE;
    if (mdl_envelope_decode(a->bytes, a->size, a->bytes + a->size, &a->envelope) == MDL_OK) {
        reason = mdl_coordinator_worth(s->logic, &a->envelope);
        if (reason == MDL_REASON_NONE && (begun || frame->blob_size > 0) &&
            (blob_max(&a->envelope) == 0 || frame->blob_size > blob_max(&a->envelope))) {
            reason = MDL_REASON_BAD_BLOB;
        }
    }
    if (reason != MDL_REASON_NONE) {
        refuse(s, call, begun, peer, reason, NULL);
        free_arrival(s, a);
        return;
    }
    s->verifying++;
    *s->arrived_last = a;
    s->arrived_last = &a->next;
    s->arrived_count++;
    if (s->arrived_count >= s->cpus * TOGETHER_MAX) {
        mdl_shell_flush_calls(s); /* the pool need not wait for the rest */
    }
}

/* 0: dropped, too much comes from there. */
static int may_come(mdl_shell *s, mdl_call *call, const char *peer) {
    char host[128];
    s->calls++;
    host_of(peer, host);
    if (!s->failed && take_token(s, host) && s->verifying < MDL_CALLS_MAX) {
        return 1;
    }
    s->dropped++;
    if (mdl_shell_may_tell(s, "rate_limited", host)) {
        mdl_shell_say(s, "rate_limited", peer, "more calls than are taken from one address");
    }
    mdl_call_drop(call);
    return 0;
}

void mdl_shell_on_call(void *ctx, mdl_call *call, const uint8_t *bytes, size_t size, const char *peer) {
    mdl_shell *s = ctx;
    mdl_frame frame;
    if (!may_come(s, call, peer)) {
        return;
    }
    mdl_err err = size > MDL_FRAME_MAX ? MDL_ESIZE : mdl_frame_decode(bytes, size, &frame);
    if (err != MDL_OK) {
        refuse(s, call, 0, peer, size > MDL_FRAME_MAX ? MDL_REASON_OVERSIZE : MDL_REASON_BAD_FRAME, NULL);
    } else if (frame.envelope_size == 0) {
        refuse(s, call, 0, peer, MDL_REASON_BAD_FRAME, "a receipt is no call");
    } else {
        take(s, call, &frame, 0, peer);
    }
}

void mdl_shell_on_large(void *ctx, mdl_call *call, const uint8_t *bytes, size_t size, const char *peer) {
    mdl_shell *s = ctx;
    mdl_frame frame;
    if (!may_come(s, call, peer)) {
        return;
    }
    if (mdl_frame_decode_begin(bytes, size, &frame) != MDL_OK) {
        refuse(s, call, 1, peer, MDL_REASON_BAD_FRAME, NULL);
    } else {
        take(s, call, &frame, 1, peer);
    }
}
