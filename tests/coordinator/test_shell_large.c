/* The shell before its logic. Calls longer than 64 KiB: who may say them, and who is told why not, or cut off. A flood:
 * what it costs, and whom. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coordinator/shell_internal.h"
#include "protocol/frame.h"
#include "tests/coordinator/fake_shell.h"

enum { LONG = 200000, PATIENCE_MS = 60000, SHORT_MS = 300 };

typedef struct hall {
    uv_loop_t loop;
    mdl_shell *shell;
    mdl_shell_options options;
    mdl_client *client;
    fake_worker w;
    uv_timer_t patience;
    char kind[64]; /* of the log, that is waited for */
    int told, closed;
    int answered;
    mdl_err status;
    mdl_message_type type;
    mdl_reason reason;
} hall;

static double burst;          /* messages that the next hall takes of an address in a row; 0: as usual */
static const char *directory; /* of this run */
static uint8_t *content;

static void on_log(void *ctx, const char *kind, const char *who, const char *text) {
    hall *h = ctx;
    (void)who;
    (void)text;
    h->told |= strcmp(kind, h->kind) == 0;
}

static void on_failed(void *ctx, const char *text) {
    (void)ctx;
    fail_msg("%s", text);
}

static void on_answer(void *ctx, uint64_t token, mdl_err status, const uint8_t *bytes, size_t size) {
    static uint8_t pae[MDL_PAE_BYTES_MAX];
    hall *h = ctx;
    mdl_frame f;
    mdl_envelope e;
    mdl_message m;
    (void)token;
    h->answered = 1;
    h->status = status;
    if (status != MDL_OK)
        return;
    assert_int_equal(mdl_frame_decode(bytes, size, &f), MDL_OK);
    assert_int_equal(mdl_envelope_decode(f.envelope, f.envelope_size, pae, &e), MDL_OK);
    assert_int_equal(mdl_message_of(&e, (mdl_list_room){NULL, 0}, &m, NULL), MDL_OK);
    h->type = m.type;
    h->reason = m.type == MDL_MSG_REJECT ? m.as.reject.reason : MDL_REASON_NONE;
}

static void on_closed(void *ctx) { ((hall *)ctx)->closed = 1; }

static void lose_patience(uv_timer_t *timer) {
    (void)timer;
    fail_msg("nothing for a minute");
}

/* Any number of turns, until something is so. */
#define UNTIL(h, condition)                                                                                            \
    do {                                                                                                               \
        uv_timer_start(&(h)->patience, lose_patience, PATIENCE_MS, 0);                                                 \
        while (!(condition))                                                                                           \
            uv_run(&(h)->loop, UV_RUN_ONCE);                                                                           \
        uv_timer_stop(&(h)->patience);                                                                                 \
    } while (0)

static void open_hall(hall *h) {
    static const char *const listen[] = {"tcp://127.0.0.1:0"};
    char error[512] = "", url[MDL_URL_MAX], news[MDL_URL_MAX];
    uint8_t key[32];
    int has_key;
    memset(h, 0, sizeof *h);
    uv_loop_init(&h->loop);
    h->options = (mdl_shell_options){.directory = directory,
                                     .document = (const uint8_t *)ledger_experiment,
                                     .document_size = strlen(ledger_experiment),
                                     .listen = listen,
                                     .listen_count = 1,
                                     .quiet = 1,
                                     .peer_burst = burst,
                                     .peer_rate = burst > 0 ? 1e-6 : 0,
                                     .log = on_log,
                                     .failed = on_failed,
                                     .ctx = h};
    h->options.logic.admission = (mdl_admission){MDL_ADMIT_OPEN, 0};
    ledger_key(LEDGER_COORDINATOR, h->options.logic.key, h->options.logic.secret);
    ledger_key(LEDGER_COORDINATOR + 99, key, h->options.log_secret);
    if (mdl_shell_open(&h->loop, &h->options, &h->shell, error, sizeof error) != MDL_OK)
        fail_msg("%s", error);
    h->w.signer = 1;
    ledger_key(1, h->w.key, h->w.secret);
    memcpy(h->w.experiment, mdl_ledger_experiment_id(mdl_coordinator_ledger(mdl_shell_logic(h->shell))), 32);
    fake_new_session(&h->w);
    assert_int_equal(mdl_address_parse(mdl_shell_url(h->shell, 0), url, news, key, &has_key, error, sizeof error),
                     MDL_OK);
    mdl_client_options o = {
        .url = url, .receive_max = MDL_FRAME_REPLY_MAX, .calls_max = 1, .on_reply = on_answer, .ctx = h};
    assert_int_equal(mdl_client_open(&h->loop, &o, &h->client, error, sizeof error), MDL_OK);
    uv_timer_init(&h->loop, &h->patience);
}

static void close_hall(hall *h) {
    mdl_client_close(h->client, NULL, NULL);
    uv_close((uv_handle_t *)&h->patience, NULL);
    mdl_shell_close(h->shell, on_closed, h);
    uv_run(&h->loop, UV_RUN_DEFAULT);
    assert_int_equal(h->closed, 1);
    assert_int_equal(uv_loop_close(&h->loop), 0);
    fake_worker_close(&h->w);
}

/* The envelope and so many bytes behind it, as one call. */
static void send_sealed(hall *h, size_t blob_size, uint32_t wait_ms) {
    size_t size = h->w.last.size;
    uint8_t *frame = malloc(MDL_FRAME_HEAD_BYTES + size + blob_size);
    assert_non_null(frame);
    for (int i = 0; i < MDL_FRAME_HEAD_BYTES; i++)
        frame[i] = (uint8_t)(size >> (8 * i));
    memcpy(frame + MDL_FRAME_HEAD_BYTES, h->w.last.at, size);
    memcpy(frame + MDL_FRAME_HEAD_BYTES + size, content, blob_size);
    h->answered = 0;
    h->status = MDL_OK;
    assert_int_equal(mdl_client_call(h->client, 1, frame, MDL_FRAME_HEAD_BYTES + size + blob_size, wait_ms), MDL_OK);
    free(frame);
}

static void say(hall *h, mdl_message *m, size_t blob_size, uint32_t wait_ms) {
    fake_seal(&h->w, m);
    send_sealed(h, blob_size, wait_ms);
}

static mdl_message window_of(size_t blob_size) {
    mdl_message m = fake_message(MDL_MSG_WINDOW);
    m.as.window.lease = 12345;
    memset(m.as.window.commit, 1, sizeof m.as.window.commit);
    mdl_digest_of(content, blob_size, m.as.window.blob);
    m.as.window.blob_size = blob_size;
    return m;
}

/* Told why not, and the connection goes on. */
static void expect_reject(hall *h, mdl_reason reason) {
    UNTIL(h, h->answered);
    assert_int_equal(h->status, MDL_OK);
    assert_int_equal(h->type, MDL_MSG_REJECT);
    assert_int_equal(h->reason, reason);
}

/* Its connection is cut: the log says why, and there is never an answer. */
static void expect_cut(hall *h, const char *kind) {
    snprintf(h->kind, sizeof h->kind, "%s", kind);
    h->told = 0;
    UNTIL(h, h->told && h->answered);
    assert_int_not_equal(h->status, MDL_OK);
}

/* An ordinary call is answered as ever. */
static void expect_peace(hall *h) {
    mdl_message m = fake_message(MDL_MSG_PING);
    say(h, &m, 0, PATIENCE_MS);
    UNTIL(h, h->answered);
    assert_int_equal(h->status, MDL_OK);
    assert_int_equal(h->type, MDL_MSG_PONG);
}

static void greet(hall *h) {
    mdl_message m = fake_hello();
    say(h, &m, 0, PATIENCE_MS);
    UNTIL(h, h->answered);
    assert_int_equal(h->type, MDL_MSG_WELCOME);
}

static void long_calls_are_judged(void **state) {
    (void)state;
    hall h;
    mdl_message m;
    mdl_shell_info info;
    open_hall(&h);
    /* Nobody knows its key. */
    m = window_of(LONG);
    snprintf(h.kind, sizeof h.kind, "%s", mdl_reason_name(MDL_REASON_NO_SESSION));
    say(&h, &m, LONG, SHORT_MS);
    expect_cut(&h, mdl_reason_name(MDL_REASON_NO_SESSION));
    greet(&h);
    /* Of a lease that it has not. What comes behind the envelope is read and thrown away. */
    m = window_of(LONG);
    say(&h, &m, LONG, PATIENCE_MS);
    expect_reject(&h, MDL_REASON_NO_LEASE);
    expect_peace(&h);
    /* Such a call has no blob, or none of that length. */
    m = fake_want(1);
    say(&h, &m, LONG, SHORT_MS);
    expect_cut(&h, mdl_reason_name(MDL_REASON_BAD_BLOB));
    expect_peace(&h);
    /* Not its signature: cut off, and counted. */
    mdl_shell_inform(h.shell, &info);
    uint64_t before = info.bad_signatures;
    m = window_of(LONG);
    fake_seal(&h.w, &m);
    uint8_t *sig = h.w.last.at;
    while (memcmp(sig, "\"sig\":\"", 7) != 0)
        sig++;
    sig[20] = sig[20] == 'A' ? 'B' : 'A';
    send_sealed(&h, LONG, SHORT_MS);
    UNTIL(&h, h.answered && (mdl_shell_inform(h.shell, &info), info.bad_signatures > before));
    assert_int_not_equal(h.status, MDL_OK);
    expect_peace(&h);
    close_hall(&h);
}

/* Longer than any call may be: cut off before more than its beginning was read. */
static void longer_than_any(void **state) {
    (void)state;
    hall h;
    open_hall(&h);
    greet(&h);
    mdl_message m = window_of(MDL_FRAME_BLOB_MAX);
    say(&h, &m, MDL_FRAME_BLOB_MAX + 70000, 500);
    UNTIL(&h, h.answered);
    assert_int_not_equal(h.status, MDL_OK);
    expect_peace(&h);
    /* The longest that there is, of a lease that it has not. */
    m = window_of(MDL_FRAME_BLOB_MAX);
    say(&h, &m, MDL_FRAME_BLOB_MAX, PATIENCE_MS);
    expect_reject(&h, MDL_REASON_NO_LEASE);
    expect_peace(&h);
    close_hall(&h);
}

/* ---- a flood ---- */

enum { BURST = 300, FLOOD = 50000, FLOOD_SIZE = 4096 };

/* From another address of this machine, greeted as a client; -1: it has none. */
static int connect_from(const char *address, const char *url) {
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    inet_pton(AF_INET, address, &from.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    to.sin_port = htons((uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10));
    if (bind(fd, (const struct sockaddr *)&from, sizeof from) != 0) {
        close(fd);
        return -1;
    }
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, "\0SP\0\0\x30\0\0", 8, MSG_NOSIGNAL), 8);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

/* A ping of the honest worker whose signature is not its own, as bytes of a connection. */
static size_t bad_call(hall *h, uint8_t out[FLOOD_SIZE]) {
    mdl_message m = fake_message(MDL_MSG_PING);
    size_t size;
    fake_seal(&h->w, &m);
    uint8_t *sig = h->w.last.at;
    while (memcmp(sig, "\"sig\":\"", 7) != 0)
        sig++;
    sig[20] = sig[20] == 'A' ? 'B' : 'A';
    const mdl_frame f = {h->w.last.at, h->w.last.size, NULL, 0};
    memset(out, 0, 12);
    assert_int_equal(mdl_frame_encode(&f, out + 12, FLOOD_SIZE - 12, &size), MDL_OK);
    out[6] = (uint8_t)((size + 4) >> 8);
    out[7] = (uint8_t)(size + 4);
    out[8] = 0x80; /* the first and last request */
    return size + 12;
}

/* Fifty thousand calls with a bad signature from one address cost as many signatures as it has tokens. Others, and the
 * worker whose name it uses, are answered all the while. */
static void a_flood_costs_its_tokens(void **state) {
    (void)state;
    hall h;
    mdl_shell_info info;
    uint8_t call[FLOOD_SIZE], ignored[4096];
    burst = BURST;
    open_hall(&h);
    burst = 0;
    greet(&h);
    size_t size = bad_call(&h, call), sent = 0, at = 0;
    h.w.seq--; /* it has not said that */
    int fd = connect_from("127.0.0.2", mdl_shell_url(h.shell, 0));
    if (fd < 0) {
        close_hall(&h);
        skip(); /* one address is all that this machine has */
    }
    uint32_t pings = 0;
    while (sent < FLOOD) {
        ssize_t n = send(fd, call + at, size - at, MSG_NOSIGNAL);
        if (n < 0) {
            assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
            uv_run(&h.loop, UV_RUN_NOWAIT);
            while (recv(fd, ignored, sizeof ignored, 0) > 0) {
            }
        } else {
            at += (size_t)n;
            sent += at == size;
            at = at == size ? 0 : at;
        }
        if (at == 0 && sent == (pings + 1) * (FLOOD / 20)) {
            expect_peace(&h);
            pings++;
        }
    }
    UNTIL(&h, (mdl_shell_inform(h.shell, &info), info.calls >= FLOOD + pings));
    assert_int_equal(pings, 20);
    assert_true(info.bad_signatures > 0 && info.bad_signatures <= BURST);
    assert_true(info.dropped >= FLOOD - BURST);
    expect_peace(&h);
    close(fd);
    close_hall(&h);
}

static int begin(void **state) {
    static char path[300];
    const char *root = getenv("TMPDIR");
    (void)state;
    snprintf(path, sizeof path, "%s/modulon-test-XXXXXX", root && root[0] ? root : ".");
    directory = mkdtemp(path);
    return directory ? 0 : -1;
}

static int end(void **state) {
    char command[320];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command);
}

int main(void) {
    content = calloc(1, MDL_FRAME_BLOB_MAX + 70000);
    if (sodium_init() < 0 || !content)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(long_calls_are_judged, begin, end),
        cmocka_unit_test_setup_teardown(longer_than_any, begin, end),
        cmocka_unit_test_setup_teardown(a_flood_costs_its_tokens, begin, end),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(content);
    return failed;
}
