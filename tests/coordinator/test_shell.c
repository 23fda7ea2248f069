/* The shell over real transports on this machine: two workers in this process,
 * every receipt verified, a stop in the middle, and a store that is read again. */
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "coordinator/shell_internal.h"
#include "protocol/frame.h"
#include "protocol/tlog_proof.h"
#include "runtime/file.h"
#include "store/store.h"
#include "tests/coordinator/fake_shell.h"

enum { WORKERS = 2 };

typedef struct hand {
    struct stage *stage;
    fake_worker w;
    mdl_client *client;
    uv_timer_t again;
    mdl_message_type asked;
    int in_session, has_result, finished;
    mdl_message result;
    int64_t fitness[MDL_UNIT_JOBS_MAX];
    uint32_t receipts, news;
} hand;

typedef struct stage {
    uv_loop_t loop;
    mdl_shell *shell;
    mdl_shell_options options;
    hand hand[WORKERS];
    mdl_life *life;
    void *memory;
    float *genome;
    mdl_log_policy policy;
    uv_timer_t limit, room;
    uint32_t full_after; /* receipts until the disk is full for a while; 0: never */
    int was_full;
    uint32_t receipts, stop_after; /* 0: run to the end */
    int ended, closed, stopping, left;
    mdl_reason bad[8]; /* what strange() was told */
    uint32_t bads;
} stage;

static void say_next(hand *h);

static void on_again(uv_timer_t *timer) { say_next(timer->data); }

static void say_next(hand *h) {
    static uint8_t frame[MDL_FRAME_CALL_MAX];
    size_t size;
    if (h->stage->stopping) {
        return;
    }
    mdl_message m = h->in_session ? fake_want(3) : fake_hello();
    if (h->in_session && h->has_result) {
        m = h->result;
        m.as.result.fitness.at = h->fitness;
    }
    h->asked = m.type;
    fake_seal(&h->w, &m);
    mdl_frame f = {h->w.last.at, h->w.last.size, NULL, 0};
    assert_int_equal(mdl_frame_encode(&f, frame, sizeof frame, &size), MDL_OK);
    assert_int_equal(mdl_client_call(h->client, 1, frame, size, 10000), MDL_OK);
}

static void check_receipt(hand *h, const mdl_frame *f) {
    mdl_tlog_proof proof;
    mdl_hash leaf;
    mdl_text text = {(const char *)f->blob, f->blob_size};
    assert_int_equal(mdl_tlog_proof_parse(text, &proof), MDL_OK);
    mdl_merkle_leaf(h->w.last.at, h->w.last.size, &leaf);
    assert_int_equal(mdl_tlog_proof_verify(&proof, &leaf, &h->stage->policy, NULL, NULL), MDL_OK);
    h->receipts++;
}

static void stop_stage(stage *s);

static void on_message(hand *h, const mdl_message *m) {
    const mdl_evolution *e = mdl_ledger_evolution(mdl_coordinator_ledger(mdl_shell_logic(h->stage->shell)));
    uint64_t wait_ms = 0;
    switch (m->type) {
    case MDL_MSG_WELCOME:
        h->in_session = 1;
        break;
    case MDL_MSG_GRANT:
        if (mdl_evolution_generation(e) == m->as.grant.generation) {
            h->result = fake_compute(e, h->stage->life, h->stage->genome, &m->as.grant, h->fitness);
            h->has_result = 1;
        }
        break;
    case MDL_MSG_IDLE:
        h->finished = m->as.idle.reason == MDL_REASON_IDLE_FINISHED;
        wait_ms = m->as.idle.retry_ms;
        break;
    case MDL_MSG_REJECT: /* the result waits for room */
        assert_int_equal(m->as.reject.reason, MDL_REASON_DISK_FULL);
        wait_ms = m->as.reject.retry_ms;
        break;
    default:
        fail_msg("unexpected %s", mdl_message_name(m->type));
    }
    if (h->finished) {
        h->stage->left--;
        if (h->stage->left == 0 && h->stage->ended) {
            stop_stage(h->stage);
        }
        return;
    }
    uv_timer_start(&h->again, on_again, wait_ms, 0);
}

/* From now on no file grows; two and a half seconds later it is over. */
static void set_room(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void on_room(uv_timer_t *timer) {
    stage *s = timer->data;
    mdl_shell_info shell;
    mdl_coordinator_info logic;
    mdl_shell_inform(s->shell, &shell);
    mdl_coordinator_inform(mdl_shell_logic(s->shell), &logic);
    s->was_full = !logic.storage_ok && shell.trouble[0];
    set_room(0);
}

static void on_answer(void *ctx, uint64_t token, mdl_err status, const uint8_t *bytes, size_t size) {
    static uint8_t pae[MDL_PAE_BYTES_MAX];
    hand *h = ctx;
    mdl_frame f;
    mdl_envelope e;
    mdl_message m;
    (void)token;
    if (h->stage->stopping) {
        return;
    }
    assert_int_equal(status, MDL_OK);
    assert_int_equal(mdl_frame_decode(bytes, size, &f), MDL_OK);
    if (f.envelope_size == 0) {
        assert_int_equal(h->asked, MDL_MSG_RESULT);
        check_receipt(h, &f);
        h->has_result = 0;
        if (h->stage->receipts + 1 == h->stage->full_after) {
            set_room(1);
            uv_timer_start(&h->stage->room, on_room, 2500, 0);
        }
        if (++h->stage->receipts == h->stage->stop_after) {
            stop_stage(h->stage);
            return;
        }
        uv_timer_start(&h->again, on_again, 0, 0);
        return;
    }
    assert_int_equal(mdl_envelope_decode(f.envelope, f.envelope_size, pae, &e), MDL_OK);
    assert_int_equal(mdl_envelope_verify(&e), MDL_OK);
    assert_int_equal(mdl_message_of(&e, (mdl_list_room){NULL, 0}, &m, NULL), MDL_OK);
    on_message(h, &m);
}

static void on_news(void *ctx, const uint8_t *bytes, size_t size) {
    mdl_frame f;
    assert_int_equal(mdl_frame_decode(bytes, size, &f), MDL_OK);
    ((hand *)ctx)->news++;
}

/* ---- the stage ---- */

static void on_closed(void *ctx) { ((stage *)ctx)->closed++; }

static void stop_stage(stage *s) {
    s->stopping = 1;
    for (uint32_t i = 0; i < WORKERS; i++) {
        mdl_client_close(s->hand[i].client, NULL, NULL);
        uv_close((uv_handle_t *)&s->hand[i].again, NULL);
    }
    uv_close((uv_handle_t *)&s->limit, NULL);
    uv_close((uv_handle_t *)&s->room, NULL);
    mdl_shell_close(s->shell, on_closed, s);
}

static void on_ended(void *ctx) {
    stage *s = ctx;
    s->ended = 1;
    if (s->left == 0) {
        stop_stage(s);
    }
}

static void on_failed(void *ctx, const char *text) {
    (void)ctx;
    fail_msg("%s", text);
}

static void too_long(uv_timer_t *timer) {
    (void)timer;
    fail_msg("the run takes longer than a minute");
}

static void on_log(void *ctx, const char *kind, const char *who, const char *text) {
    (void)ctx;
    if (getenv("FAKE_SHELL_LOG")) {
        fprintf(stderr, "%s %s %s\n", kind, who, text);
    }
}

/* Many jobs may end at once: blobs that no record names yet are all kept, however many. */
static void hold_many(mdl_shell *shell) {
    mdl_blobs blobs = mdl_shell_blobs(shell);
    for (uint32_t i = 0; i < 5 * MDL_RECENT_MAX; i++) {
        uint8_t digest[MDL_DIGEST_BYTES] = {0xb1, (uint8_t)i};
        mdl_shell_remember(shell, digest, digest, sizeof digest);
    }
    for (uint32_t i = 0; i < 5 * MDL_RECENT_MAX; i++) {
        uint8_t digest[MDL_DIGEST_BYTES] = {0xb1, (uint8_t)i};
        const uint8_t *bytes;
        size_t size;
        assert_int_equal(blobs.get(blobs.ctx, digest, &bytes, &size), MDL_OK);
        assert_int_equal(size, sizeof digest);
        assert_memory_equal(bytes, digest, size);
    }
}

/* Run until the end, or until so many receipts have come. */
static void play_full(stage *s, const char *directory, const char *address, uint32_t stop_after, uint32_t full_after) {
    char error[512] = "", url[MDL_URL_MAX], news[MDL_URL_MAX];
    uint8_t key[32];
    int has_key;
    memset(s, 0, sizeof *s);
    s->stop_after = stop_after;
    s->full_after = full_after;
    s->left = WORKERS;
    uv_loop_init(&s->loop);
    s->options = (mdl_shell_options){.directory = directory,
                                     .document = (const uint8_t *)ledger_experiment,
                                     .document_size = strlen(ledger_experiment),
                                     .listen = &address,
                                     .listen_count = 1,
                                     .quiet = 1,
                                     .log = on_log,
                                     .ended = on_ended,
                                     .failed = on_failed,
                                     .ctx = s};
    s->options.logic.admission = (mdl_admission){MDL_ADMIT_OPEN, 0};
    ledger_key(LEDGER_COORDINATOR, s->options.logic.key, s->options.logic.secret);
    ledger_key(LEDGER_COORDINATOR + 99, key, s->options.log_secret);
    mdl_err err = mdl_shell_open(&s->loop, &s->options, &s->shell, error, sizeof error);
    if (err != MDL_OK) {
        fail_msg("%s", error);
    }
    hold_many(s->shell);
    assert_int_equal(mdl_vkey_parse(mdl_text_of(mdl_shell_vkey(s->shell)), &s->policy.log), MDL_OK);
    const mdl_experiment *x = mdl_ledger_experiment(mdl_coordinator_ledger(mdl_shell_logic(s->shell)));
    s->memory = aligned_alloc(64, (mdl_life_bytes(x, 1) + 63) / 64 * 64);
    s->life = mdl_life_init(s->memory, x, 1, NULL);
    s->genome = calloc(s->life->layout.genes, sizeof *s->genome);
    assert_int_equal(mdl_address_parse(mdl_shell_url(s->shell, 0), url, news, key, &has_key, error, sizeof error),
                     MDL_OK);
    for (uint32_t i = 0; i < WORKERS; i++) {
        hand *h = &s->hand[i];
        h->stage = s;
        h->w.signer = i + 1;
        h->w.sessions = (uint64_t)(uintptr_t)s->memory + stop_after; /* another session in every play */
        ledger_key(i + 1, h->w.key, h->w.secret);
        memcpy(h->w.experiment, x->id, 32);
        fake_new_session(&h->w);
        mdl_client_options o = {.url = url,
                                .news = news,
                                .receive_max = MDL_FRAME_REPLY_MAX,
                                .calls_max = 4,
                                .on_reply = on_answer,
                                .on_news = on_news,
                                .ctx = h};
        assert_int_equal(mdl_client_open(&s->loop, &o, &h->client, error, sizeof error), MDL_OK);
        uv_timer_init(&s->loop, &h->again);
        h->again.data = h;
        uv_timer_start(&h->again, on_again, 0, 0);
    }
    uv_timer_init(&s->loop, &s->limit);
    uv_timer_init(&s->loop, &s->room);
    s->room.data = s;
    uv_timer_start(&s->limit, too_long, 60000, 0);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(s->closed, 1);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    for (uint32_t i = 0; i < WORKERS; i++) {
        fake_worker_close(&s->hand[i].w);
    }
    free(s->memory);
    free(s->genome);
}

static void play(stage *s, const char *directory, const char *address, uint32_t stop_after) {
    play_full(s, directory, address, stop_after, 0);
}

/* ---- a directory of its own for each test ---- */

static void remove_all(const char *path) {
    char below[1024];
    DIR *d = opendir(path);
    struct dirent *entry;
    while (d && (entry = readdir(d)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
            remove_all(below);
        }
    }
    if (d) {
        closedir(d);
    }
    remove(path);
}

static void make_directory(char *out, size_t size) {
    const char *base = getenv("TMPDIR"); /* set by ctest or the user; else here */
    snprintf(out, size, "%s/modulon-shell-XXXXXX", base ? base : ".");
    assert_non_null(mkdtemp(out));
}

/* The ledger in `directory` folds, signatures included, and has ended. Returns its champion. */
static mdl_err find_blob(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size) {
    static uint8_t *kept;
    char error[256];
    mdl_store *store = ctx;
    free(kept);
    kept = NULL;
    if (!digest) {
        return MDL_OK;
    }
    mdl_err err = store->blob_get(store, digest, MDL_STORE_BLOB_MAX, &kept, size, error, sizeof error);
    *bytes = kept;
    return err;
}

static void check_ledger(const char *directory, uint8_t champion[MDL_DIGEST_BYTES]) {
    static uint8_t record[MDL_STORE_RECORD_MAX], pae[MDL_PAE_BYTES_MAX];
    char error[256] = "";
    uint8_t key[MDL_KEY_BYTES], secret[MDL_SECRET_BYTES];
    size_t size = 0;
    mdl_store store;
    mdl_breach breach;
    mdl_envelope e;
    mdl_message m;
    ledger_key(LEDGER_COORDINATOR, key, secret);
    assert_int_equal(mdl_store_open(&store, directory, MDL_STORE_READ, error, sizeof error), MDL_OK);
    mdl_blobs blobs = {find_blob, &store};
    mdl_ledger *l = mdl_ledger_new(key, &blobs);
    for (uint64_t i = 0; i < store.count(&store); i++) {
        assert_int_equal(store.read(&store, i, record, &size, error, sizeof error), MDL_OK);
        mdl_rule rule = mdl_ledger_apply(l, record, size, 0, &breach);
        if (rule != MDL_RULE_OK) {
            fail_msg("record %llu: %s", (unsigned long long)i, breach.text);
        }
    }
    assert_true(mdl_ledger_ended(l));
    assert_int_equal(mdl_envelope_decode(record, size, pae, &e), MDL_OK);
    assert_int_equal(mdl_message_of(&e, (mdl_list_room){NULL, 0}, &m, NULL), MDL_OK);
    memcpy(champion, m.as.end.champion, MDL_DIGEST_BYTES);
    mdl_ledger_free(l);
    find_blob(NULL, NULL, NULL, NULL);
    mdl_store_close(&store);
}

static void run_over(const char *address, uint8_t champion[MDL_DIGEST_BYTES]) {
    char directory[256], path[300], error[256];
    uint8_t *bytes;
    size_t size;
    stage *s = malloc(sizeof *s);
    assert_non_null(s);
    make_directory(directory, sizeof directory);
    play(s, directory, address, 0);
    assert_true(s->receipts >= 10);
    check_ledger(directory, champion);
    snprintf(path, sizeof path, "%s/champion.safetensors", directory);
    assert_int_equal(mdl_file_read(path, 1 << 24, &bytes, &size, error, sizeof error), MDL_OK);
    free(bytes);
    remove_all(directory);
    free(s);
}

static void transports_give_the_same_champion(void **state) {
    (void)state;
    uint8_t first[MDL_DIGEST_BYTES], second[MDL_DIGEST_BYTES];
    char path[256], address[300];
    run_over("tcp://127.0.0.1:0", first);
    make_directory(path, sizeof path);
    snprintf(address, sizeof address, "ipc://%s/socket", path);
    run_over(address, second);
    assert_memory_equal(first, second, sizeof first);
    remove_all(path);
    run_over("tcp://127.0.0.1:0", second);
    assert_memory_equal(first, second, sizeof first);
}

/* Stopped after every few receipts and begun again, the run ends as if undisturbed. */
static void stops_change_nothing(void **state) {
    (void)state;
    char directory[256];
    uint8_t first[MDL_DIGEST_BYTES], second[MDL_DIGEST_BYTES];
    stage *s = malloc(sizeof *s);
    assert_non_null(s);
    run_over("tcp://127.0.0.1:0", first);
    make_directory(directory, sizeof directory);
    for (uint32_t i = 1; i <= 3; i++) {
        play(s, directory, "tcp://127.0.0.1:0", i);
        assert_int_equal(s->receipts, i);
    }
    play(s, directory, "tcp://127.0.0.1:0", 0);
    check_ledger(directory, second);
    assert_memory_equal(first, second, sizeof first);
    /* Over: a new start only says so. */
    play(s, directory, "tcp://127.0.0.1:0", 0);
    assert_int_equal(s->receipts, 0);
    remove_all(directory);
    free(s);
}

/* No room in the middle of a run: nothing acknowledged is lost, and it goes on. */
static void a_full_disk_is_waited_for(void **state) {
    (void)state;
    char directory[256];
    uint8_t first[MDL_DIGEST_BYTES], second[MDL_DIGEST_BYTES];
    stage *s = malloc(sizeof *s);
    assert_non_null(s);
    run_over("tcp://127.0.0.1:0", first);
    signal(SIGXFSZ, SIG_IGN);
    make_directory(directory, sizeof directory);
    play_full(s, directory, "tcp://127.0.0.1:0", 0, 3);
    assert_true(s->was_full);
    check_ledger(directory, second); /* every record that was answered for, and the same end */
    assert_memory_equal(first, second, sizeof first);
    remove_all(directory);
    free(s);
}

/* Another experiment, admission or key does not go on with this ledger. */
static void strange_ledgers_are_refused(void **state) {
    (void)state;
    char directory[256], error[512] = "";
    uv_loop_t loop;
    mdl_shell *shell;
    stage *s = malloc(sizeof *s);
    assert_non_null(s);
    make_directory(directory, sizeof directory);
    play(s, directory, "tcp://127.0.0.1:0", 1);
    uv_loop_init(&loop);
    mdl_shell_options o = s->options;
    o.logic.admission.bits = 5;
    assert_int_equal(mdl_shell_open(&loop, &o, &shell, error, sizeof error), MDL_EMISMATCH);
    assert_non_null(strstr(error, "admission"));
    o = s->options;
    ledger_key(50, o.logic.key, o.logic.secret);
    assert_int_equal(mdl_shell_open(&loop, &o, &shell, error, sizeof error), MDL_EMISMATCH);
    assert_non_null(strstr(error, "record 0"));
    o = s->options;
    ledger_key(51, (uint8_t[MDL_KEY_BYTES]){0}, o.log_secret);
    assert_int_not_equal(mdl_shell_open(&loop, &o, &shell, error, sizeof error), MDL_OK);
    assert_non_null(strstr(error, "checkpoint"));
    o = s->options;
    o.document = (const uint8_t *)"{}";
    o.document_size = 2;
    assert_int_not_equal(mdl_shell_open(&loop, &o, &shell, error, sizeof error), MDL_OK);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    remove_all(directory);
    free(s);
}

int main(void) {
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transports_give_the_same_champion),
        cmocka_unit_test(stops_change_nothing),
        cmocka_unit_test(a_full_disk_is_waited_for),
        cmocka_unit_test(strange_ledgers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
