/* hostile ADDRESS#KEY: everything that may not be said to a coordinator, and what it must answer. The coordinator
 * asks for a ticket of 8 bits or more. Prints one line a case; exit status 1 when an answer is another one.
 * Everything is said on a new connection three times over. */
#include <inttypes.h>

#include "protocol/session.h"
#include "protocol/ticket.h"
#include "tests/fleet/stub.h"

/* The flood is side by side: it must be faster than the tokens come back, on any machine. */
enum { WAIT_MS = 60000, CUT_MS = 500, ROUNDS = 3, FLOOD = 1000, ABREAST = MDL_SESSION_WINDOW, LONG = 1 << 20 };

typedef struct line {
    uv_loop_t loop;
    char url[MDL_URL_MAX];
    mdl_client *client;
    uint8_t coordinator[MDL_KEY_BYTES];
    int answered, links, lost;
    uint32_t pongs, limited; /* of a flood */
    mdl_err status;
    uint8_t reply[MDL_FRAME_CALL_MAX];
    size_t reply_size;
    int receipt;
    mdl_message message;
} line;

static uint8_t frame[MDL_FRAME_CALL_MAX + LONG];

static void on_reply(void *ctx, uint64_t token, mdl_err status, const uint8_t *bytes, size_t size) {
    line *l = ctx;
    mdl_frame f;
    (void)token;
    l->answered = 1;
    l->status = status;
    if (status != MDL_OK)
        return;
    stub_check(size <= sizeof l->reply, "a long reply");
    memcpy(l->reply, bytes, size);
    l->reply_size = size;
    l->receipt = stub_read(bytes, size, l->coordinator, &f, &l->message);
}

static void on_flood(void *ctx, uint64_t token, mdl_err status, const uint8_t *bytes, size_t size) {
    line *l = ctx;
    on_reply(l, token, status, bytes, size);
    stub_check(l->status == MDL_OK && !l->receipt, "a flood is not answered");
    if (l->message.type == MDL_MSG_PONG) {
        l->pongs++;
        return;
    }
    stub_check(l->message.type == MDL_MSG_REJECT && l->message.as.reject.reason == MDL_REASON_RATE_LIMITED,
               "a flood is refused otherwise");
    stub_check(l->message.as.reject.retry_ms > 0, "when may one speak again?");
    l->limited++;
}

static void on_link(void *ctx, int connected) {
    line *l = ctx;
    l->links += connected;
    l->lost += !connected;
}

static mdl_client *dial(line *l,
                        void (*answer)(void *ctx, uint64_t token, mdl_err status, const uint8_t *bytes, size_t size)) {
    char error[512];
    mdl_client *client;
    mdl_client_options o = {.url = l->url, .receive_max = MDL_FRAME_REPLY_MAX, .calls_max = ABREAST};
    o.on_reply = answer;
    o.on_link = on_link;
    o.ctx = l;
    stub_check(mdl_client_open(&l->loop, &o, &client, error, sizeof error) == MDL_OK, error);
    return client;
}

static void say_for(line *l, size_t size, uint32_t wait_ms) {
    l->answered = 0;
    stub_check(mdl_client_call(l->client, 1, frame, size, wait_ms) == MDL_OK, "call");
    while (!l->answered)
        uv_run(&l->loop, UV_RUN_ONCE);
}

static void say(line *l, size_t size) { say_for(l, size, WAIT_MS); }

/* Say what lies in `frame`; the answer must be a refusal for this reason. */
static void refused(line *l, const char *what, size_t size, mdl_reason reason) {
    say(l, size);
    if (l->status != MDL_OK || l->receipt || l->message.type != MDL_MSG_REJECT ||
        l->message.as.reject.reason != (uint32_t)reason ||
        strcmp(l->message.as.reject.name, mdl_reason_name(reason)) != 0) {
        fprintf(stderr, "FAILED: %s: %s %s, not %s\n", what,
                l->status != MDL_OK ? "no answer"
                : l->receipt        ? "a receipt"
                                    : mdl_message_name(l->message.type),
                l->status == MDL_OK && !l->receipt && l->message.type == MDL_MSG_REJECT ? l->message.as.reject.name
                                                                                        : "",
                mdl_reason_name(reason));
        exit(1);
    }
    printf("%-44s %s\n", what, mdl_reason_name(reason));
}

static void answered(line *l, const char *what, size_t size, mdl_message_type type) {
    say(l, size);
    stub_check(l->status == MDL_OK && !l->receipt && l->message.type == type, what);
    printf("%-44s %s\n", what, mdl_message_name(type));
}

/* Admitted and in session. */
static void enter(line *l, stub *s) {
    mdl_message m = stub_message(MDL_MSG_HELLO);
    mdl_message probe = m;
    stub first = *s;
    say(l, stub_seal(&first, &probe, frame)); /* an empty ticket: welcome again, or the experiment's name */
    stub_check(l->status == MDL_OK, "hello");
    memcpy(s->experiment, l->message.head.experiment, MDL_DIGEST_BYTES);
    if (l->message.type != MDL_MSG_WELCOME) {
        stub_check(l->message.type == MDL_MSG_REJECT && l->message.as.reject.reason == MDL_REASON_BAD_TICKET, "ticket");
        stub_check(strstr(l->message.as.reject.text, "8 bits") != NULL, "bad_ticket does not say how many bits");
        stub_check(mdl_ticket_find(s->experiment, stub_key(s), 8, UINT64_MAX, &m.as.hello.ticket) == MDL_OK, "ticket");
        answered(l, "hello with a ticket", stub_seal(s, &m, frame), MDL_MSG_WELCOME);
    } else {
        *s = first;
        memcpy(s->experiment, l->message.head.experiment, MDL_DIGEST_BYTES);
    }
}

/* A call over the length of an envelope: its sender is cut off, and nothing answers. */
static void cut_off(line *l, const char *what, size_t size) {
    mdl_client *usual = l->client;
    l->client = dial(l, on_reply); /* of its own: one that is cut off dials more and more seldom */
    int lost = l->lost;
    for (int ms = 0; ms < WAIT_MS && l->lost == lost; ms += CUT_MS) {
        say_for(l, size, CUT_MS);
        stub_check(l->status != MDL_OK, what);
    }
    stub_check(l->lost > lost, what);
    mdl_client_close(l->client, NULL, NULL);
    l->client = usual;
    printf("%-44s %s\n", what, "the connection is closed");
}

static void long_call(line *l, const char *what, const stub *s, mdl_message_type type, size_t rest) {
    stub t = *s;
    mdl_message m = stub_message(type);
    size_t size = stub_seal(&t, &m, frame);
    memset(frame + size, 'x', sizeof frame - size);
    cut_off(l, what, MDL_FRAME_CALL_MAX + rest);
}

/* ---- before a session ---- */

static void bad_bytes(line *l, const stub *s) {
    stub t = *s;
    mdl_message m = stub_message(MDL_MSG_HELLO);
    memcpy(frame, "\1", 1);
    refused(l, "one byte", 1, MDL_REASON_BAD_FRAME);
    memset(frame, 0, 4);
    refused(l, "an empty envelope", 4, MDL_REASON_BAD_FRAME);
    memcpy(frame, "\5\0\0\0hello", 9);
    refused(l, "not JSON", 9, MDL_REASON_BAD_ENVELOPE);
    memcpy(frame, "\7\0\0\0{\"a\":1}", 11);
    refused(l, "JSON, but no envelope", 11, MDL_REASON_BAD_ENVELOPE);
    memset(frame, 'x', 70000 < sizeof frame ? 70000 : sizeof frame);
    memcpy(frame, "\0\0\0\0", 4);
    frame[0] = frame[1] = 0xff;
    cut_off(l, "oversize", MDL_FRAME_CALL_MAX + 2000);

    size_t size = stub_seal(&t, &m, frame);
    frame[size] = 0;
    refused(l, "a call with a blob", size + 1, MDL_REASON_BAD_BLOB);
    size = stub_seal(&t, &m, frame);
    char *signature = strstr((char *)frame + MDL_FRAME_HEAD_BYTES, "\"sig\":\"");
    stub_check(signature != NULL, "no signature");
    signature[7] = signature[7] == 'A' ? 'B' : 'A';
    refused(l, "a changed signature", size, MDL_REASON_BAD_SIGNATURE);
    size = stub_seal(&t, &m, frame);
    char *keyid = strstr((char *)frame + MDL_FRAME_HEAD_BYTES, "\"keyid\":\"");
    stub_check(keyid != NULL, "no key");
    stub other;
    char hex[2 * MDL_KEY_BYTES + 1];
    stub_init(&other, 999);
    mdl_hex(stub_key(&other), MDL_KEY_BYTES, hex);
    memcpy(keyid + 9, hex, sizeof hex - 1);
    refused(l, "wrong key: signed by another one", size, MDL_REASON_BAD_SIGNATURE);
    size = stub_seal(&t, &m, frame);
    keyid = strstr((char *)frame + MDL_FRAME_HEAD_BYTES, "\"keyid\":\"");
    memset(keyid + 9, '0', 2 * MDL_KEY_BYTES);
    keyid[10] = '1';
    refused(l, "a weak key", size, MDL_REASON_BAD_SIGNATURE);
    refused(l, "unknown type", stub_seal_text(s, "gibberish", "{}", 2, frame), MDL_REASON_UNKNOWN_TYPE);
    refused(l, "a type that only coordinators send", stub_seal_text(s, "welcome", "{}", 2, frame),
            MDL_REASON_UNKNOWN_TYPE);
    refused(l, "a payload that is not JSON", stub_seal_text(s, "hello", "hello", 5, frame), MDL_REASON_BAD_PAYLOAD);
    refused(l, "JSON of the wrong shape", stub_seal_text(s, "hello", "{\"a\":1}", 7, frame), MDL_REASON_BAD_PAYLOAD);
    char deep[4000];
    memset(deep, '[', sizeof deep);
    refused(l, "4000 brackets", stub_seal_text(s, "hello", deep, sizeof deep, frame), MDL_REASON_BAD_PAYLOAD);
    stub stranger;
    stub_init(&stranger, 54321);
    long_call(l, "a long call of a stranger", &stranger, MDL_MSG_HELLO, LONG);
    long_call(l, "one byte too many for a call without a blob", s, MDL_MSG_PING, 64);
    memset(frame, 0, 4);
    cut_off(l, "a long receipt", MDL_FRAME_CALL_MAX + LONG);
}

static void bad_hello(line *l, const stub *s) {
    stub t = *s;
    mdl_message m = stub_message(MDL_MSG_HELLO);
    memset(t.experiment, 7, sizeof t.experiment);
    refused(l, "wrong experiment", stub_seal(&t, &m, frame), MDL_REASON_WRONG_EXPERIMENT);
    t = *s;
    m = stub_message(MDL_MSG_HELLO);
    m.as.hello.version = MDL_PROTOCOL_VERSION + 1;
    refused(l, "new version", stub_seal(&t, &m, frame), MDL_REASON_NEW_VERSION);
    /* There is nothing older than version 1, and 0 is none: the payload is refused. */
    static const char old[] = "{\"experiment\":\"0000000000000000000000000000000000000000000000000000000000000000\","
                              "\"session\":\"00000000000000000000000000000001\",\"seq\":\"0\",\"version\":0,"
                              "\"program\":\"stub\",\"results\":1,\"threads\":1,\"speed\":\"0\",\"ticket\":\"0\","
                              "\"invite\":\"\",\"memory\":\"0\"}";
    refused(l, "old version", stub_seal_text(s, "hello", old, sizeof old - 1, frame), MDL_REASON_BAD_PAYLOAD);
    m = stub_message(MDL_MSG_HELLO);
    m.as.hello.results = MDL_RESULTS + 1;
    refused(l, "other results", stub_seal(&t, &m, frame), MDL_REASON_WRONG_RESULTS);
    m = stub_message(MDL_MSG_PING);
    stub stranger;
    stub_init(&stranger, 12345);
    refused(l, "a key that nobody knows", stub_seal(&stranger, &m, frame), MDL_REASON_NO_SESSION);
}

/* ---- in a session ---- */

static mdl_segments made_up_segments(uint32_t count) {
    static char text[2 * MDL_SEGMENT_CHARS];
    static const uint8_t segment[MDL_DIGEST_BYTES] = {7};
    for (uint32_t i = 0; i < count; i++)
        mdl_segments_put(text, i, segment, 1);
    return (mdl_segments){count, text};
}

static mdl_message made_up_result(uint64_t lease, int64_t *fitness) {
    mdl_message m = stub_message(MDL_MSG_RESULT);
    m.as.result.lease = lease;
    m.as.result.count = 1;
    m.as.result.fitness.at = fitness;
    m.as.result.fitness.count = 1;
    m.as.result.segments = made_up_segments(1);
    return m;
}

/* More than one key may say at once. What is refused has not used its number up, but later ones are: the session goes
 * on. */
static void flood(line *l, stub *a) {
    mdl_client *client = dial(l, on_flood);
    l->pongs = l->limited = 0;
    for (uint32_t said = 0; l->pongs + l->limited < FLOOD;) {
        while (said < FLOOD && said - l->pongs - l->limited < ABREAST) {
            mdl_message m = stub_message(MDL_MSG_PING);
            size_t size = stub_seal(a, &m, frame);
            stub_check(mdl_client_call(client, 1, frame, size, WAIT_MS) == MDL_OK, "call");
            said++;
        }
        uv_run(&l->loop, UV_RUN_ONCE);
    }
    mdl_client_close(client, NULL, NULL);
    stub_check(l->limited > 0, "a flood is not limited");
    stub_check(l->pongs > 0, "nothing of a flood is heard");
    printf("%-44s rate_limited\n", "a flood");
}

static void in_session(line *l, stub *a, stub *b) {
    int64_t fitness[2] = {1, 2};
    mdl_message m = stub_message(MDL_MSG_PING);
    stub t = *a;
    memcpy(t.session, b->session, STUB_SESSION);
    refused(l, "someone else's session", stub_seal(&t, &m, frame), MDL_REASON_SOMEONE_ELSES_SESSION);
    t = *a;
    randombytes_buf(t.session, STUB_SESSION);
    refused(l, "a session that was never opened", stub_seal(&t, &m, frame), MDL_REASON_NO_SESSION);
    t = *a;
    memset(t.experiment, 9, sizeof t.experiment);
    refused(l, "wrong experiment in a session", stub_seal(&t, &m, frame), MDL_REASON_WRONG_EXPERIMENT);

    /* The same bytes again: the same bytes back. Other bytes with that number: two faces. */
    static uint8_t once[MDL_FRAME_CALL_MAX];
    t = *a;
    m = stub_message(MDL_MSG_PING);
    size_t size = stub_seal(a, &m, frame);
    answered(l, "ping", size, MDL_MSG_PONG);
    size_t once_size = l->reply_size;
    memcpy(once, l->reply, once_size);
    answered(l, "a replayed frame", size, MDL_MSG_PONG);
    stub_check(once_size == l->reply_size && memcmp(once, l->reply, once_size) == 0, "another answer to a replay");
    m = stub_message(MDL_MSG_WANT);
    m.as.want.jobs = 1;
    refused(l, "equivocation", stub_seal(&t, &m, frame), MDL_REASON_REPLAY_MISMATCH);
    t = *a;
    a->seq += 20;
    m = stub_message(MDL_MSG_PING);
    answered(l, "ping, numbers left out", stub_seal(a, &m, frame), MDL_MSG_PONG);
    refused(l, "a number passed long ago", stub_seal(&t, &m, frame), MDL_REASON_STALE_SEQUENCE);

    m = made_up_result(UINT64_C(1) << 60, fitness);
    refused(l, "a result for a lease that never was", stub_seal(a, &m, frame), MDL_REASON_NO_LEASE);
    m = stub_message(MDL_MSG_WANT);
    m.as.want.jobs = 1;
    say(l, stub_seal(b, &m, frame));
    stub_check(l->status == MDL_OK && !l->receipt, "want");
    if (l->message.type == MDL_MSG_GRANT) {
        m = made_up_result(l->message.as.grant.lease, fitness);
        m.as.result.generation = l->message.as.grant.generation;
        m.as.result.first = l->message.as.grant.first;
        m.as.result.count = l->message.as.grant.count;
        m.as.result.fitness.count = m.as.result.count;
        m.as.result.segments = made_up_segments(m.as.result.count);
        stub_check(m.as.result.count <= 2, "a long lease for a new worker");
        refused(l, "a result for another worker's lease", stub_seal(a, &m, frame), MDL_REASON_NO_LEASE);
    }
    m = stub_message(MDL_MSG_BYE);
    answered(l, "bye", stub_seal(b, &m, frame), MDL_MSG_PONG);
    m = stub_message(MDL_MSG_FETCH);
    memset(m.as.fetch.digest, 5, MDL_DIGEST_BYTES);
    say(l, stub_seal(a, &m, frame));
    stub_check(l->status == MDL_OK && l->message.type == MDL_MSG_REJECT, "a blob that is not there");
    printf("%-44s %s\n", "a blob that is not there", l->message.as.reject.name);

    flood(l, a);
}

int main(int argc, char **argv) {
    static line l;
    char news[MDL_URL_MAX], error[512];
    int has_key;
    stub_check(argc == 2 && sodium_init() >= 0, "usage: hostile ADDRESS#KEY");
    stub_check(mdl_address_parse(argv[1], l.url, news, l.coordinator, &has_key, error, sizeof error) == MDL_OK, error);
    stub_check(has_key, "the address has no key");
    uv_loop_init(&l.loop);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        l.lost = 0;
        l.client = dial(&l, on_reply);
        stub a, b;
        stub_init(&a, 1000 + round);
        stub_init(&b, 2000 + round);
        bad_hello(&l, &a);
        enter(&l, &a);
        enter(&l, &b);
        in_session(&l, &a, &b);
        stub old = a, again;
        stub_init(&again, 1000 + round);
        uv_sleep(200); /* for a few tokens after the flood */
        enter(&l, &again);
        mdl_message m = stub_message(MDL_MSG_PING);
        refused(&l, "a session that was replaced", stub_seal(&old, &m, frame), MDL_REASON_STALE_SESSION);
        m = stub_message(MDL_MSG_BYE);
        answered(&l, "bye", stub_seal(&again, &m, frame), MDL_MSG_PONG);
        bad_bytes(&l, &a);
        mdl_client_close(l.client, NULL, NULL);
        uv_run(&l.loop, UV_RUN_DEFAULT);
    }
    return uv_loop_close(&l.loop) == 0 ? 0 : 1;
}
