/* How many results a coordinator takes a second: protocol_bench [ROUNDS] (default 8), in a directory made here and
 * removed afterwards. The real shell (sockets, decoding, signatures on the pool, logic, group commit, receipts) in
 * this process; its workers are a thread that has signed everything beforehand and only sends and counts. In each
 * round a generation of 2048 leases is granted, not measured, and then all results come at once, measured until the
 * last receipt; the closing of the generation is in it.
 *
 * Beside it, on the same bytes and in the same run: Ed25519 verification alone on all CPUs, and the store's group
 * commit alone, with batches as large as they were. The ratio is to the tighter of the two. */
#define _XOPEN_SOURCE 700 /* nftw */
#include <ftw.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "coordinator/shell.h"
#include "protocol/frame.h"
#include "protocol/messages.h"
#include "protocol/unit.h"
#include "store/store.h"

enum {
    WORKERS = 512,
    EACH = 4,
    RESULTS = WORKERS * EACH,
    CLIENTS = 64,
    RESULT_BYTES = 2048,
    ERROR = 512,
    ROUNDS_MAX = 64,
    CALL_MS = 60000
};

static const char document[] = "{\"name\":\"bench\",\"seed\":\"1\",\"task\":{\"name\":\"tmaze\",\"trials\":4},"
                               "\"network\":{\"neurons\":2,\"ring\":\"dense\"},\"evolution\":{\"generations\":1000,"
                               "\"episodes\":1,\"validate_every\":1000,\"validate_episodes\":1,\"islands\":[{"
                               "\"algorithm\":\"es\",\"population\":2048}]},\"test_episodes\":1}";

typedef enum step { HELLO, WANT, RESULT } step;

typedef struct worker {
    uint8_t secret[MDL_SECRET_BYTES], session[16];
    uint64_t seq;
    mdl_msg_grant grant[EACH];
} worker;

static struct {
    uv_loop_t loop;
    uv_thread_t thread;
    mdl_client *client[CLIENTS];
    worker worker[WORKERS];
    uint8_t experiment[MDL_DIGEST_BYTES];
    uint8_t frame[RESULTS][RESULT_BYTES]; /* pre-signed */
    size_t frame_size[RESULTS];
    uint64_t record[RESULTS];
    step step;
    uint32_t answers, round, rounds;
    uint64_t start_ns, took_ns[ROUNDS_MAX], first[ROUNDS_MAX], last[ROUNDS_MAX];
    const char *url;
} crowd;

static uv_loop_t main_loop;
static mdl_shell *shell;
static uv_async_t over;

static void die(const char *text) {
    fprintf(stderr, "protocol_bench: %s\n", text);
    exit(1);
}

static double rate(double count, uint64_t ns) { return count / ((double)ns / 1e9); }

/* ---- the workers' thread ---- */

static void seal(worker *w, mdl_message *m, uint8_t *out, size_t capacity, size_t *size) {
    static uint8_t work[MDL_SEAL_WORK_BYTES], envelope[MDL_ENVELOPE_BYTES_MAX];
    mdl_frame f = {envelope, 0, NULL, 0};
    memcpy(m->head.experiment, crowd.experiment, sizeof crowd.experiment);
    memcpy(m->head.session, w->session, sizeof w->session);
    m->head.seq = w->seq++;
    if (mdl_message_seal(m, w->secret, work, envelope, sizeof envelope, &f.envelope_size) != MDL_OK ||
        mdl_frame_encode(&f, out, capacity, size) != MDL_OK)
        die("a message could not be sealed");
}

static void send_one(uint32_t i, const uint8_t *frame, size_t size) {
    if (mdl_client_call(crowd.client[i % CLIENTS], i, frame, size, CALL_MS) != MDL_OK)
        die("a call could not be made");
}

static void say(uint32_t i, mdl_message_type type) {
    static uint8_t frame[MDL_FRAME_CALL_MAX];
    size_t size;
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = type;
    if (type == MDL_MSG_HELLO) {
        m.as.hello = (mdl_msg_hello){.version = MDL_PROTOCOL_VERSION, .results = MDL_RESULTS, .threads = 1};
    } else {
        m.as.want.jobs = 1;
    }
    seal(&crowd.worker[i / EACH], &m, frame, sizeof frame, &size);
    send_one(i, frame, size);
}

static void sign_results(void) {
    for (uint32_t i = 0; i < RESULTS; i++) {
        const mdl_msg_grant *g = &crowd.worker[i / EACH].grant[i % EACH];
        int64_t fitness = (int64_t)(g->first % 1000);
        mdl_message m;
        memset(&m, 0, sizeof m);
        m.type = MDL_MSG_RESULT;
        m.as.result = (mdl_msg_result){
            .lease = g->lease, .generation = g->generation, .first = g->first, .count = g->count, .updates = 1000};
        if (g->count != 1)
            die("a lease of more than one job");
        m.as.result.fitness.at = &fitness;
        m.as.result.fitness.count = 1;
        seal(&crowd.worker[i / EACH], &m, crowd.frame[i], RESULT_BYTES, &crowd.frame_size[i]);
    }
}

static void begin(step s) {
    crowd.step = s;
    crowd.answers = 0;
    if (s == RESULT) {
        sign_results();
        crowd.start_ns = uv_hrtime();
        for (uint32_t i = 0; i < RESULTS; i++)
            send_one(i, crowd.frame[i], crowd.frame_size[i]);
        return;
    }
    for (uint32_t i = 0; i < RESULTS; i += s == HELLO ? EACH : 1)
        say(i, s == HELLO ? MDL_MSG_HELLO : MDL_MSG_WANT);
}

static void round_over(void) {
    uint32_t r = crowd.round++;
    crowd.took_ns[r] = uv_hrtime() - crowd.start_ns;
    crowd.first[r] = UINT64_MAX;
    for (uint32_t i = 0; i < RESULTS; i++) {
        crowd.first[r] = crowd.record[i] < crowd.first[r] ? crowd.record[i] : crowd.first[r];
        crowd.last[r] = crowd.record[i] > crowd.last[r] ? crowd.record[i] : crowd.last[r];
    }
    if (crowd.round < crowd.rounds) {
        begin(WANT);
        return;
    }
    for (uint32_t i = 0; i < CLIENTS; i++)
        mdl_client_close(crowd.client[i], NULL, NULL);
}

static void on_reply(void *ctx, uint64_t token, mdl_err status, const uint8_t *bytes, size_t size) {
    static uint8_t pae[MDL_PAE_BYTES_MAX];
    static mdl_message m;
    mdl_frame f;
    mdl_envelope e;
    (void)ctx;
    if (status != MDL_OK || mdl_frame_decode(bytes, size, &f) != MDL_OK)
        die("a call had no answer");
    if (crowd.step == RESULT) {
        char head[80] = "";
        snprintf(head, sizeof head, "%.*s", (int)(f.blob_size < 79 ? f.blob_size : 79), (const char *)f.blob);
        if (f.envelope_size != 0 || sscanf(head, "c2sp.org/tlog-proof@v1\nindex %" SCNu64, &crowd.record[token]) != 1)
            die("a result was refused");
        if (++crowd.answers == RESULTS)
            round_over();
        return;
    }
    if (mdl_envelope_decode(f.envelope, f.envelope_size, pae, &e) != MDL_OK ||
        mdl_message_of(&e, (mdl_list_room){NULL, 0}, &m, NULL) != MDL_OK)
        die("a reply cannot be read");
    if (crowd.step == HELLO && m.type == MDL_MSG_WELCOME) {
        if (++crowd.answers == WORKERS)
            begin(WANT);
    } else if (crowd.step == WANT && m.type == MDL_MSG_GRANT) {
        crowd.worker[token / EACH].grant[token % EACH] = m.as.grant;
        if (++crowd.answers == RESULTS)
            begin(RESULT);
    } else {
        die(m.type == MDL_MSG_IDLE     ? m.as.idle.text
            : m.type == MDL_MSG_REJECT ? m.as.reject.text
                                       : "another answer than expected");
    }
}

static void work(void *argument) {
    char error[ERROR];
    (void)argument;
    uv_loop_init(&crowd.loop);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        mdl_client_options o = {.url = crowd.url, .receive_max = MDL_FRAME_REPLY_MAX, .calls_max = 64};
        o.on_reply = on_reply;
        if (mdl_client_open(&crowd.loop, &o, &crowd.client[i], error, sizeof error) != MDL_OK)
            die(error);
    }
    begin(HELLO);
    uv_run(&crowd.loop, UV_RUN_DEFAULT);
    uv_async_send(&over);
}

/* ---- the coordinator ---- */

static void on_over(uv_async_t *async) {
    uv_close((uv_handle_t *)async, NULL);
    mdl_shell_close(shell, NULL, NULL);
}

static void on_failed(void *ctx, const char *text) {
    (void)ctx;
    die(text);
}

static void pipeline(const char *directory) {
    static char url[200];
    char error[ERROR];
    const char *listen = url;
    mdl_shell_options o = {.directory = directory, .document = (const uint8_t *)document, .listen = &listen};
    uint8_t key[32];
    snprintf(url, sizeof url, "ipc://%s.sock", directory);
    o.document_size = sizeof document - 1;
    o.listen_count = 1;
    o.peer_rate = o.peer_burst = 1e9;
    o.quiet = 1;
    o.failed = on_failed;
    o.logic.admission = (mdl_admission){MDL_ADMIT_OPEN, 0};
    o.logic.rate = o.logic.burst = 1e6; /* a round lasts a fraction of a second */
    crypto_sign_keypair(o.logic.key, o.logic.secret);
    crypto_sign_keypair(key, o.log_secret);
    crypto_hash_sha256(crowd.experiment, (const uint8_t *)document, sizeof document - 1);
    for (uint32_t i = 0; i < WORKERS; i++) {
        crypto_sign_keypair(key, crowd.worker[i].secret);
        randombytes_buf(crowd.worker[i].session, sizeof crowd.worker[i].session);
    }
    uv_loop_init(&main_loop);
    if (mdl_shell_open(&main_loop, &o, &shell, error, sizeof error) != MDL_OK)
        die(error);
    crowd.url = mdl_shell_url(shell, 0);
    uv_async_init(&main_loop, &over, on_over);
    if (uv_thread_create(&crowd.thread, work, NULL) != 0)
        die("no thread");
    uv_run(&main_loop, UV_RUN_DEFAULT);
    uv_thread_join(&crowd.thread);
}

/* ---- the limits ---- */

static uint32_t threads;

/* Every thread-th envelope of the last round. */
static void verify_some(void *argument) {
    int good = 1;
    uint8_t *pae = malloc(MDL_PAE_BYTES_MAX);
    uint32_t from = *(uint32_t *)argument;
    for (uint32_t i = from; i < RESULTS && pae; i += threads) {
        mdl_frame f;
        mdl_envelope e;
        if (mdl_frame_decode(crowd.frame[i], crowd.frame_size[i], &f) != MDL_OK ||
            mdl_envelope_decode(f.envelope, f.envelope_size, pae, &e) != MDL_OK || mdl_envelope_verify(&e) != MDL_OK)
            good = 0;
    }
    if (!pae || !good)
        die("a signature does not verify");
    free(pae);
}

static double verify_rate(void) {
    uv_thread_t thread[64];
    uint32_t from[64];
    uint64_t start = uv_hrtime();
    threads = uv_available_parallelism() < 64 ? uv_available_parallelism() : 64;
    for (uint32_t i = 0; i < threads; i++) {
        from[i] = i;
        if (uv_thread_create(&thread[i], verify_some, &from[i]) != 0)
            die("no thread");
    }
    for (uint32_t i = 0; i < threads; i++)
        uv_thread_join(&thread[i]);
    return rate(RESULTS, uv_hrtime() - start);
}

typedef struct counting {
    uint64_t batches;
} counting;

/* Checkpoints whose last record is a result of a measured round, or closes one. */
static mdl_err count_one(void *ctx, uint64_t size, const uint8_t *bytes, size_t bytes_size) {
    counting *c = ctx;
    (void)bytes;
    (void)bytes_size;
    for (uint32_t r = 0; r < crowd.rounds; r++)
        c->batches += size > crowd.first[r] && size <= crowd.last[r] + 8;
    return MDL_OK;
}

static uint64_t batches_of(const char *directory) {
    char error[ERROR];
    mdl_store s;
    counting c = {0};
    if (mdl_store_open(&s, directory, MDL_STORE_READ | MDL_STORE_QUICK, error, sizeof error) != MDL_OK ||
        s.checkpoints(&s, 0, count_one, &c, error, sizeof error) != MDL_OK)
        die(error);
    mdl_store_close(&s);
    return c.batches;
}

/* The same records to a store of their own, `batch` at a time. */
static double commit_rate(const char *directory, uint32_t batch) {
    static mdl_store_record record[RESULTS];
    static mdl_hash leaf[RESULTS];
    char error[ERROR], note[512], text[64];
    mdl_store s;
    mdl_merkle_edge edge = {0};
    uint64_t ns = 0, count = 0;
    if (mdl_store_open(&s, directory, 0, error, sizeof error) != MDL_OK)
        die(error);
    for (uint32_t r = 0; r < crowd.rounds; r++) {
        for (uint32_t first = 0; first < RESULTS; first += batch) {
            uint32_t n = RESULTS - first < batch ? RESULTS - first : batch;
            uint64_t start = uv_hrtime();
            mdl_hash root;
            for (uint32_t i = 0; i < n; i++) {
                record[i] = (mdl_store_record){crowd.frame[first + i] + MDL_FRAME_HEAD_BYTES,
                                               crowd.frame_size[first + i] - MDL_FRAME_HEAD_BYTES};
                mdl_merkle_leaf(record[i].bytes, record[i].size, &leaf[i]);
            }
            mdl_merkle_append(&edge, leaf, n, NULL, NULL);
            mdl_merkle_edge_root(&edge, &root);
            sodium_bin2base64(text, sizeof text, root.bytes, sizeof root.bytes, sodium_base64_VARIANT_ORIGINAL);
            int size = snprintf(note, sizeof note, "bench.example/ledger\n%" PRIu64 "\n%s\n\n%0110d\n", edge.size, text,
                                0); /* as long as with a signature */
            if (s.append(&s, record, n, note, (size_t)size, error, sizeof error) != MDL_OK)
                die(error);
            ns += uv_hrtime() - start;
            count += n;
        }
    }
    mdl_store_close(&s);
    return rate((double)count, ns);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

int main(int argc, char **argv) {
    char directory[] = "bench-XXXXXX", ledger[64], alone[64];
    crowd.rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 8;
    if (crowd.rounds < 1 || crowd.rounds > ROUNDS_MAX || sodium_init() < 0 || !mkdtemp(directory))
        die("ROUNDS is 1..64; the directory must be writable");
    snprintf(ledger, sizeof ledger, "%s/ledger", directory);
    snprintf(alone, sizeof alone, "%s/alone", directory);
    pipeline(ledger);
    uint64_t ns = 0, batches = batches_of(ledger);
    for (uint32_t r = 0; r < crowd.rounds; r++)
        ns += crowd.took_ns[r];
    double whole = rate((double)RESULTS * crowd.rounds, ns);
    uint32_t batch = (uint32_t)((uint64_t)RESULTS * crowd.rounds / (batches ? batches : 1));
    batch = batch < 1 ? 1 : batch > RESULTS ? RESULTS : batch;
    double verify = 0;
    for (uint32_t r = 0; r < crowd.rounds; r++)
        verify += verify_rate() / crowd.rounds;
    double commit = commit_rate(alone, batch), tighter = verify < commit ? verify : commit;
    printf("pipeline      %8.0f results/s (%" PRIu32 " results, %" PRIu64 " batches of %" PRIu32 ")\n", whole,
           RESULTS * crowd.rounds, batches, batch);
    printf("Ed25519 alone %8.0f verified/s on %" PRIu32 " threads: the pipeline reaches %.2f of it\n", verify, threads,
           whole / verify);
    printf("commit alone  %8.0f records/s in batches of %" PRIu32 ": the pipeline reaches %.2f of it\n", commit, batch,
           whole / commit);
    /* Both at once on the same CPUs: the time that a message needs is the sum. */
    printf("ratio         %.2f of the tighter one; %.2f of both, one after the other\n", whole / tighter,
           whole * (1 / verify + 1 / commit));
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
