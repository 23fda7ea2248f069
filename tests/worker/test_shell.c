/* The whole worker against the whole coordinator, in one process over ipc:
 * real jobs, real files, stops and starts, the statement against the ledger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/shell.h"
#include "runtime/file.h"
#include "runtime/loop.h"
#include "worker/shell.h"
#include "worker/statement.h"

static const char document[] = "{\"name\":\"s\",\"task\":\"cartpole\",\"network\":{\"neurons\":4,\"ring\":\"dense\"},"
                               "\"hmn\":{\"mechanisms\":{\"plasticity_gate\":\"off\"}},"
                               "\"evolution\":{\"generations\":4,\"episodes\":1,\"validate_every\":2,"
                               "\"validate_episodes\":2,\"islands\":[{\"algorithm\":\"es\",\"population\":16}]}}";

typedef struct fleet {
    uv_loop_t loop;
    char directory[600], ledger[700], data[700], address[800];
    uint8_t key[32];
    mdl_shell *coordinator;
    mdl_worker_shell *worker;
    int stopped, closed;
    mdl_stop_code code;
    char text[300];
    uv_timer_t guard, poll;
    uint64_t stop_at; /* accepted results after which the worker is stopped; 0: never */
    uint64_t accepted;
} fleet;

static void seed_key(uint8_t byte, uint8_t *key, uint8_t *secret) {
    uint8_t seed[32];
    memset(seed, byte, sizeof seed);
    crypto_sign_seed_keypair(key, secret, seed);
}

static void on_log(void *ctx, const char *kind, const char *who, const char *text) {
    (void)ctx;
    (void)kind;
    (void)who;
    (void)text;
}

static void on_failed(void *ctx, const char *text) {
    (void)ctx;
    fail_msg("%s", text);
}

static void close_timer(uv_timer_t *t) {
    if (!uv_is_closing((uv_handle_t *)t))
        uv_close((uv_handle_t *)t, NULL);
}

static void on_closed(void *ctx) { ((fleet *)ctx)->closed = 1; }

static void on_stopped(void *ctx, mdl_stop_code code, const char *text) {
    fleet *f = ctx;
    f->stopped = 1;
    f->code = code;
    snprintf(f->text, sizeof f->text, "%s", text);
    close_timer(&f->guard);
    close_timer(&f->poll);
    mdl_shell_close(f->coordinator, on_closed, f);
}

static void too_long(uv_timer_t *t) {
    (void)t;
    fail_msg("no end after a minute");
}

static void look(uv_timer_t *t) {
    fleet *f = t->data;
    mdl_worker_info info;
    mdl_worker_shell_inform(f->worker, &info);
    f->accepted = info.accepted;
    if (f->stop_at > 0 && info.accepted >= f->stop_at) {
        f->stop_at = 0;
        mdl_worker_shell_stop(f->worker);
    }
}

/* One life of a coordinator and a worker, until the worker stops. */
static void live(fleet *f, uint8_t worker, uint32_t threads, uint64_t stop_at) {
    char error[2000] = "";
    char name[700];
    snprintf(name, sizeof name, "ipc://%s/socket", f->directory);
    const char *listen = name;
    mdl_shell_options c = {.directory = f->ledger,
                           .document = (const uint8_t *)document,
                           .document_size = sizeof document - 1,
                           .listen = &listen,
                           .listen_count = 1,
                           .quiet = 1,
                           .log = on_log,
                           .failed = on_failed,
                           .ctx = f};
    seed_key(1, c.logic.key, c.logic.secret);
    uint8_t log_key[32];
    seed_key(2, log_key, c.log_secret);
    c.logic.lease_ms = 20;
    c.logic.admission.how = MDL_ADMIT_OPEN;
    c.logic.admission.bits = 6;
    f->stopped = f->closed = 0;
    f->stop_at = stop_at;
    assert_int_equal(uv_loop_init(&f->loop), 0);
    if (mdl_shell_open(&f->loop, &c, &f->coordinator, error, sizeof error) != MDL_OK)
        fail_msg("%s", error);
    char hex[65];
    mdl_hex(c.logic.key, 32, hex);
    snprintf(f->address, sizeof f->address, "%s#%s", name, hex);
    const char *address = f->address;
    mdl_worker_options w = {.coordinator = &address,
                            .coordinators = 1,
                            .program = "test",
                            .data = f->data,
                            .threads = threads,
                            .throttle = 100,
                            .status_s = 60,
                            .quiet = 1,
                            .stopped = on_stopped,
                            .ctx = f};
    seed_key(worker, w.key, w.secret);
    if (mdl_worker_shell_open(&f->worker, &f->loop, &w, error, sizeof error) != MDL_OK)
        fail_msg("%s", error);
    uv_timer_init(&f->loop, &f->guard);
    uv_timer_init(&f->loop, &f->poll);
    f->poll.data = f;
    uv_timer_start(&f->guard, too_long, 60000, 0);
    uv_timer_start(&f->poll, look, 2, 2);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_true(f->stopped && f->closed);
    assert_true(mdl_worker_shell_free(f->worker));
    assert_true(mdl_loop_finish(&f->loop));
}

static void open_fleet(fleet *f) {
    const char *base = getenv("TMPDIR"); /* set by ctest or the user; else here */
    memset(f, 0, sizeof *f);
    snprintf(f->directory, sizeof f->directory, "%.400s/modulon-worker-XXXXXX", base ? base : ".");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->ledger, sizeof f->ledger, "%s/c", f->directory);
    snprintf(f->data, sizeof f->data, "%s/w", f->directory);
}

static void close_fleet(fleet *f) {
    char command[800];
    snprintf(command, sizeof command, "rm -r '%s'", f->directory);
    assert_int_equal(system(command), 0);
}

static void read_statement(const fleet *f, mdl_statement *s, mdl_statement_totals *t, int ledger) {
    char error[5000] = "";
    if (mdl_statement_read(s, f->data, error, sizeof error) != MDL_OK ||
        (ledger && mdl_statement_ledger(s, f->ledger, error, sizeof error) != MDL_OK))
        fail_msg("%s", error);
    mdl_statement_add(s, t);
}

/* Stopped in the middle and started again, coordinator and worker both. */
static void test_run(void **state) {
    (void)state;
    fleet f;
    mdl_statement s;
    mdl_statement_totals t;
    open_fleet(&f);
    live(&f, 3, 2, 2);
    assert_int_equal(f.code, MDL_STOP_ASKED);
    live(&f, 3, 1, 0);
    assert_int_equal(f.code, MDL_STOP_FINISHED);

    read_statement(&f, &s, &t, 0);
    assert_true(t.results[MDL_EARNED_PENDING] >= 4);
    assert_int_equal(t.results[MDL_EARNED_PAID], 0);
    assert_int_equal(t.unproved, 0);
    uint64_t earned = t.updates[MDL_EARNED_PENDING];
    mdl_statement_close(&s);
    read_statement(&f, &s, &t, 1);
    /* 4 generations of 16 jobs and 2 validations, all by this one worker. */
    uint64_t jobs = 0;
    for (size_t i = 0; i < s.count; i++)
        jobs += s.line[i].state == MDL_EARNED_PAID ? s.line[i].jobs : 0;
    assert_int_equal(jobs, 4 * 16 + 2);
    assert_int_equal(t.results[MDL_EARNED_PENDING] + t.results[MDL_EARNED_TAKEN_BACK], 0);
    assert_int_equal(t.updates[MDL_EARNED_PAID], earned);
    assert_int_equal(t.unproved, 0);
    mdl_statement_close(&s);

    /* A proof that is damaged, and a line that a crash has cut. */
    char path[1500], error[2000] = "";
    uint8_t *bytes;
    size_t size;
    snprintf(path, sizeof path, "%s/receipts/log.jsonl", f.data);
    FILE *log = fopen(path, "ab");
    assert_non_null(log);
    fputs("{\"time_ms\":\"1\",\"experiment\":", log);
    assert_int_equal(fclose(log), 0);
    read_statement(&f, &s, &t, 0);
    assert_int_equal(s.damaged, 1);
    assert_true(s.count > 1 && s.line[0].proved && s.line[1].proved);
    snprintf(path, sizeof path, "%s/%s", f.data, s.line[0].proof);
    assert_int_equal(mdl_file_read(path, 65536, &bytes, &size, error, sizeof error), MDL_OK);
    bytes[size - 4] ^= 1;
    assert_int_equal(mdl_file_write(path, bytes, size, error, sizeof error), MDL_OK);
    free(bytes);
    mdl_statement_close(&s);
    read_statement(&f, &s, &t, 1);
    assert_int_equal(t.unproved, 1);
    assert_false(s.line[0].proved);
    assert_true(s.line[1].proved);
    mdl_statement_close(&s);
    close_fleet(&f);
}

/* The coordinator begins another log with the same keys: what the first one
 * gave receipts for is gone, and the proofs say who did it. */
static void test_fork(void **state) {
    (void)state;
    fleet f;
    mdl_statement s;
    mdl_statement_totals t;
    open_fleet(&f);
    live(&f, 3, 1, 2);
    uint64_t accepted = f.accepted;
    assert_true(accepted >= 2);
    char first[700];
    memcpy(first, f.data, sizeof first);
    snprintf(f.ledger, sizeof f.ledger, "%s/c2", f.directory);
    snprintf(f.data, sizeof f.data, "%s/w2", f.directory);
    live(&f, 4, 1, 0);
    memcpy(f.data, first, sizeof first);
    read_statement(&f, &s, &t, 1);
    assert_true(t.results[MDL_EARNED_TAKEN_BACK] >= accepted);
    assert_int_equal(t.results[MDL_EARNED_PAID] + t.results[MDL_EARNED_PENDING], 0);
    for (size_t i = 0; i < s.count; i++) {
        if (s.line[i].state == MDL_EARNED_TAKEN_BACK)
            assert_non_null(strstr(s.line[i].why, "convicts"));
    }
    mdl_statement_close(&s);
    close_fleet(&f);
}

/* Two workers must not share a directory; addresses without a key are refused. */
static void test_refused(void **state) {
    (void)state;
    fleet f;
    char error[2000] = "";
    mdl_worker_shell *shell;
    open_fleet(&f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    const char *address = "tcp://127.0.0.1:1";
    mdl_worker_options w = {.coordinator = &address,
                            .coordinators = 1,
                            .program = "test",
                            .data = f.data,
                            .threads = 1,
                            .throttle = 100,
                            .status_s = 60,
                            .quiet = 1};
    seed_key(3, w.key, w.secret);
    assert_int_equal(mdl_worker_shell_open(&shell, &f.loop, &w, error, sizeof error), MDL_EKEY);
    assert_null(shell);
    assert_non_null(strstr(error, "#KEY"));
    address = "tcp://127.0.0.1:1#0100000000000000000000000000000000000000000000000000000000000000";
    assert_int_equal(mdl_worker_shell_open(&shell, &f.loop, &w, error, sizeof error), MDL_EWEAKKEY);
    address = "nonsense#00";
    assert_int_equal(mdl_worker_shell_open(&shell, &f.loop, &w, error, sizeof error), MDL_ESYNTAX);
    assert_true(mdl_loop_finish(&f.loop));
    close_fleet(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_refused),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
