/* Log lines are one line whatever is in them; rates are bounded; signals arrive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/log.h"
#include "runtime/loop.h"

static mdl_log log_;

static void read_back(FILE *f, char text[8192]) {
    rewind(f);
    text[fread(text, 1, 8191, f)] = 0;
    fclose(f);
}

static void test_lines(void **state) {
    (void)state;
    char text[8192];
    FILE *f = tmpfile();
    assert_non_null(f);
    mdl_log_init(&log_, f, MDL_LOG_INFO, 0);
    mdl_log_write(&log_, MDL_LOG_WARN, "frame", "127.0.0.1:9", "too long\nforged\x1b[2J line");
    mdl_log_write(&log_, MDL_LOG_DEBUG, "frame", "", "left out");
    mdl_log_format(&log_, MDL_LOG_INFO, "start", "", "%d workers", 3);
    read_back(f, text);
    assert_int_equal(text[4], '-');
    assert_int_equal(text[10], 'T');
    assert_memory_equal(text + 23, "Z warn  frame 127.0.0.1:9: too long?forged?[2J line\n", 52);
    assert_non_null(strstr(text, "Z info  start: 3 workers\n"));
    assert_null(strstr(text, "left out"));
    mdl_log_init(&log_, NULL, MDL_LOG_DEBUG, 0);
    mdl_log_write(&log_, MDL_LOG_ERROR, "a", "b", "nowhere to write to");
}

static void test_json(void **state) {
    (void)state;
    char text[8192];
    FILE *f = tmpfile();
    assert_non_null(f);
    mdl_log_init(&log_, f, MDL_LOG_DEBUG, 1);
    mdl_log_write(&log_, MDL_LOG_ERROR, "frame", "a\"b\\c", "x\xff\n\t\"}");
    read_back(f, text);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    cJSON *o = cJSON_Parse(text);
    assert_non_null(o);
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(o, "level")->valuestring, "error");
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(o, "kind")->valuestring, "frame");
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(o, "who")->valuestring, "a\"b\\c");
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(o, "text")->valuestring, "x???\"}");
    cJSON_Delete(o);
}

static void test_once(void **state) {
    (void)state;
    char text[8192];
    FILE *f = tmpfile();
    assert_non_null(f);
    mdl_log_init(&log_, f, MDL_LOG_INFO, 0);
    uint64_t t = 600000;
    assert_int_equal(mdl_log_once(&log_, "frame", "192.0.2.1:1000", t), 1);
    assert_int_equal(mdl_log_once(&log_, "frame", "192.0.2.1:1000", t + 1), 0);
    assert_int_equal(mdl_log_once(&log_, "frame", "192.0.2.1:1001", t + 59999), 0); /* another port is the same peer */
    assert_int_equal(mdl_log_once(&log_, "frame", "192.0.2.2:1000", t), 1);
    assert_int_equal(mdl_log_once(&log_, "shape", "192.0.2.1:1000", t), 1);
    assert_int_equal(mdl_log_once(&log_, "frame", "[2001:db8::1]:1", t), 1);
    assert_int_equal(mdl_log_once(&log_, "frame", "[2001:db8::1]:2", t), 0);
    assert_int_equal(mdl_log_once(&log_, "frame", "2001:db8::1", t), 1); /* no port there */
    assert_int_equal(mdl_log_once(&log_, "frame", "2001:db8::2", t), 1);
    assert_int_equal(mdl_log_once(&log_, "frame", "192.0.2.1:1000", t + 60000), 1);
    /* Many peers: bounded. */
    int said = 0;
    for (int i = 0; i < 100000; i++) {
        char who[32];
        snprintf(who, sizeof who, "198.51.%d.%d:1", i / 256, i % 256);
        said += mdl_log_once(&log_, "frame", who, t + 120000);
    }
    assert_int_equal(said, MDL_LOG_MINUTE_MAX);
    assert_int_equal(mdl_log_once(&log_, "frame", "x", t + 180000), 1);
    read_back(f, text);
    assert_non_null(strstr(text, "log: 3 more events")); /* of the first minute */
    assert_non_null(strstr(text, "log: 99700 more events"));
}

typedef struct stopping {
    int signals[3];
    unsigned times;
    mdl_stopper stopper;
} stopping;

static void on_stop(void *ctx, int number, unsigned times) {
    stopping *s = ctx;
    s->signals[times - 1] = number;
    s->times = times;
    if (times == 1) {
        raise(SIGTERM);
    } else {
        mdl_stopper_close(&s->stopper);
    }
}

static void keep_alive(uv_timer_t *t) { (void)t; }

static void test_signals(void **state) {
    (void)state;
    uv_loop_t loop;
    uv_timer_t timer;
    stopping s = {{0, 0, 0}, 0, {.ctx = NULL}};
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(mdl_stopper_open(&s.stopper, &loop, on_stop, &s), MDL_OK);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0); /* does not keep the loop alive */
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, keep_alive, 1, 1);
    raise(SIGPIPE); /* ignored */
    raise(SIGINT);
    for (int i = 0; i < 5000 && s.times < 2; i++) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_int_equal(s.times, 2);
    assert_int_equal(s.signals[0], SIGINT);
    assert_int_equal(s.signals[1], SIGTERM);
    uv_close((uv_handle_t *)&timer, NULL);
    assert_int_equal(mdl_loop_finish(&loop), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
