/* How many results a coordinator takes a second: protocol_bench [ROUNDS] [verified] (default 8, not verified), in a
 * directory made here and removed afterwards. The real shell (sockets, decoding, signatures on the pool, logic, group
 * commit, receipts) in this process; its workers are a child process, which has signed and laid out everything
 * beforehand and only sends and counts. In each round a generation of 8192 leases is granted, not measured; then all
 * results but one come at once, measured until the last receipt; then the last one, which closes the generation: work
 * for a generation, not for a message, and measured apart.
 *
 * Right after each round, while the coordinator rests, the child verifies the round's signatures alone, on as many
 * threads as there are CPUs: crypto and nothing else, the envelopes taken apart beforehand. Three ratios come of it,
 * each the median over the rounds: wall  results a second / verifications a second. On few CPUs the senders take part
 * of the same CPUs: a lower bound. steady  the same between the first tenth of a round's receipts and the last: without
 * the beginning, when nothing is verified, and the end, when only the disk is waited for. CPU   CPU seconds of one
 * verification / CPU seconds of the coordinator's process a result, all its threads and its share of the kernel. 1
 * would mean that a result costs nothing but its signature. The goal is held against this one: it leaves out the
 * senders and nothing else. At the end the store's group commit alone, with batches as large as they were.
 *
 * Without `verified` the experiment asks for no verification: a result alone is sent. With it all leases are committed
 * to first, measured apart, and then their results are shown, measured as above: a unit costs both, two signatures.
 * Nothing is drawn, selected or on probation there, for these results are made up and the coordinator would convict
 * their workers; what it computes again itself is computing, not protocol, and not in these figures. */
#define _XOPEN_SOURCE 700 /* nftw */
#define _DEFAULT_SOURCE 1 /* MAP_ANONYMOUS */
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "bench/line.h"
#include "coordinator/shell.h"
#include "protocol/chain.h"
#include "protocol/frame.h"
#include "protocol/messages.h"
#include "protocol/unit.h"
#include "runtime/sha256.h"
#include "store/store.h"

enum {
    WORKERS = 2048,
    EACH = 4,
    RESULTS = WORKERS * EACH,
    MEASURED = RESULTS - 1, /* the last one closes the generation */
    CLIENTS = 64,
    RESULT_BYTES = 2048,
    ERROR = 512,
    ROUNDS_MAX = 64,
    CALL_MS = 60000
};

static const char experiment[] = "{\"name\":\"bench\",\"seed\":\"1\",\"task\":{\"name\":\"tmaze\",\"trials\":4},"
                                 "\"network\":{\"neurons\":2,\"ring\":\"dense\"},\"evolution\":{\"generations\":1000,"
                                 "\"episodes\":1,\"validate_every\":1000,\"validate_episodes\":1,\"islands\":[{"
                                 "\"algorithm\":\"es\",\"population\":8192}]},\"verification\":%s,"
                                 "\"test_episodes\":1}";
static const char nothing_drawn[] = "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":0}";
static char document[1024];
static int verified;
static uint32_t rounds;

typedef struct worker {
    uint8_t secret[MDL_SECRET_BYTES], session[16];
    uint64_t seq;
    mdl_msg_grant grant[EACH];
} worker;

/* An exchange of messages and answers. */
typedef struct took {
    uint64_t ns, cpu_ns; /* until the last answer; the coordinator's */
    double steady;       /* a second, between the first tenth of the answers and the last */
} took;

typedef struct round {
    took commit, result, closing;
    uint64_t verify_ns, verify_cpu_ns; /* the same results' signatures alone */
    uint64_t first, last;              /* records */
} round_times;

/* What the child leaves for its parent. */
typedef struct shared {
    char url[200];
    uint8_t frame[RESULTS][RESULT_BYTES]; /* pre-signed, of the last round */
    size_t frame_size[RESULTS];
    round_times round[ROUNDS_MAX];
    uint32_t rounds; /* done */
} shared;

static shared *common;

static struct {
    line line[CLIENTS];
    worker worker[WORKERS];
    uint8_t experiment[MDL_DIGEST_BYTES];
    uint64_t record[RESULTS];
    uint8_t nonce[RESULTS][MDL_DIGEST_BYTES];
    mdl_message_type said; /* what they have said, all of them */
    uint32_t answers;
    clockid_t clock; /* of the coordinator's process */
} crowd;

static uv_loop_t main_loop;
static mdl_shell *shell;
static uv_async_t over;

static void die(const char *text) {
    fprintf(stderr, "protocol_bench: %s\n", text);
    exit(1);
}

static double rate(double count, uint64_t ns) { return count / ((double)ns / 1e9); }

static uint64_t cpu_ns(clockid_t clock) {
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        die("a clock does not tell");
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- signatures alone ---- */

static uint32_t threads;
static mdl_envelope envelope[RESULTS];
static uint8_t pae[RESULTS][RESULT_BYTES];

typedef struct verifier {
    uv_thread_t thread;
    uint32_t from;
    uint64_t cpu_ns;
} verifier;

/* Every thread-th envelope. */
static void verify_some(void *argument) {
    verifier *v = argument;
    uint64_t start = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    for (uint32_t i = v->from; i < RESULTS; i += threads)
        if (mdl_envelope_verify(&envelope[i]) != MDL_OK)
            die("a signature does not verify");
    v->cpu_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - start;
}

static void verify_all(round_times *r) {
    static verifier v[64];
    threads = uv_available_parallelism() < 64 ? uv_available_parallelism() : 64;
    for (uint32_t i = 0; i < RESULTS; i++) {
        mdl_frame f;
        if (mdl_frame_decode(common->frame[i], common->frame_size[i], &f) != MDL_OK ||
            mdl_envelope_decode(f.envelope, f.envelope_size, pae[i], &envelope[i]) != MDL_OK)
            die("a result cannot be read");
    }
    uint64_t start = uv_hrtime();
    for (uint32_t i = 0; i < threads; i++) {
        v[i].from = i;
        if (uv_thread_create(&v[i].thread, verify_some, &v[i]) != 0)
            die("no thread");
    }
    for (uint32_t i = 0; i < threads; i++) {
        uv_thread_join(&v[i].thread);
        r->verify_cpu_ns += v[i].cpu_ns;
    }
    r->verify_ns = uv_hrtime() - start;
}

/* ---- the workers' process ---- */

static void sign(uint32_t i, mdl_message *m) {
    static uint8_t work[MDL_SEAL_WORK_BYTES], sealed[MDL_ENVELOPE_BYTES_MAX];
    worker *w = &crowd.worker[i / EACH];
    mdl_frame f = {sealed, 0, NULL, 0};
    memcpy(m->head.experiment, crowd.experiment, sizeof crowd.experiment);
    memcpy(m->head.session, w->session, sizeof w->session);
    m->head.seq = w->seq++;
    if (mdl_message_seal(m, w->secret, work, sealed, sizeof sealed, &f.envelope_size) != MDL_OK ||
        mdl_frame_encode(&f, common->frame[i], RESULT_BYTES, &common->frame_size[i]) != MDL_OK)
        die("a message could not be sealed");
}

static void sign_hello_or_want(uint32_t i, mdl_message_type type) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = type;
    if (type == MDL_MSG_HELLO)
        m.as.hello = (mdl_msg_hello){.version = MDL_PROTOCOL_VERSION, .results = MDL_RESULTS, .threads = 1};
    else
        m.as.want.jobs = 1;
    sign(i, &m);
}

/* A lease's result, made up, as a worker sends it. Its lists stay until the next one. */
static void make_result(uint32_t i, mdl_message *m) {
    static int64_t fitness;
    static char segments[MDL_SEGMENT_CHARS];
    const mdl_msg_grant *g = &crowd.worker[i / EACH].grant[i % EACH];
    mdl_job_result job = {.fitness = (int64_t)(g->first % 1000), .updates = 1000};
    if (g->count != 1)
        die("a lease of more than one job");
    memcpy(job.segment, &g->first, sizeof g->first);
    fitness = job.fitness;
    memset(m, 0, sizeof *m);
    m->type = MDL_MSG_RESULT;
    m->as.result = (mdl_msg_result){
        .lease = g->lease, .generation = g->generation, .first = g->first, .count = 1, .updates = job.updates};
    m->as.result.fitness = (mdl_i64_list){1, &fitness};
    m->as.result.segments = mdl_unit_segments(&job, 1, segments);
    mdl_unit_root(&job, 1, m->as.result.root);
    memcpy(m->as.result.nonce, crowd.nonce[i], MDL_DIGEST_BYTES); /* zeros when not verified */
}

static void sign_result(uint32_t i) {
    mdl_message m;
    make_result(i, &m);
    sign(i, &m);
}

static void sign_commitment(uint32_t i) {
    const worker *w = &crowd.worker[i / EACH];
    mdl_message m, commit;
    randombytes_buf(crowd.nonce[i], MDL_DIGEST_BYTES);
    make_result(i, &m);
    const mdl_msg_result *r = &m.as.result;
    mdl_pledge pledge = {.experiment = crowd.experiment,
                         .worker = w->secret + MDL_SECRET_BYTES - MDL_KEY_BYTES,
                         .lease = r->lease,
                         .generation = r->generation,
                         .first = r->first,
                         .count = r->count,
                         .nonce = r->nonce,
                         .root = r->root};
    memset(&commit, 0, sizeof commit);
    commit.type = MDL_MSG_COMMIT;
    commit.as.commit.lease = r->lease;
    mdl_pledge_digest(&pledge, commit.as.commit.commitment);
    sign(i, &commit);
}

/* ---- its connections: bytes made beforehand out, answers counted ---- */

static void take_answer(uint32_t i, const uint8_t *bytes, size_t size) {
    static const char before[] = "c2sp.org/tlog-proof@v1\nindex ";
    static uint8_t buffer[MDL_PAE_BYTES_MAX];
    static mdl_message m;
    mdl_frame f;
    mdl_envelope e;
    if (mdl_frame_decode(bytes, size, &f) != MDL_OK || i >= RESULTS)
        die("an answer cannot be read");
    crowd.answers++;
    if (f.envelope_size == 0 && (crowd.said == MDL_MSG_COMMIT || crowd.said == MDL_MSG_RESULT)) {
        size_t at = sizeof before - 1;
        if (f.blob_size <= at || memcmp(f.blob, before, at) != 0)
            die("a receipt cannot be read");
        for (crowd.record[i] = 0; at < f.blob_size && f.blob[at] != '\n'; at++)
            crowd.record[i] = 10 * crowd.record[i] + (uint64_t)(f.blob[at] - '0');
        return;
    }
    if (mdl_envelope_decode(f.envelope, f.envelope_size, buffer, &e) != MDL_OK ||
        mdl_message_of(&e, (mdl_list_room){NULL, 0}, &m, NULL) != MDL_OK)
        die("an answer cannot be read");
    if (crowd.said == MDL_MSG_WANT && m.type == MDL_MSG_GRANT)
        crowd.worker[i / EACH].grant[i % EACH] = m.as.grant;
    else if (crowd.said != MDL_MSG_HELLO || m.type != MDL_MSG_WELCOME)
        die(m.type == MDL_MSG_IDLE     ? m.as.idle.text
            : m.type == MDL_MSG_REJECT ? m.as.reject.text
                                       : "another answer than expected");
}

/* Every step-th of the messages [from, to) all at once, until all have their answers. */
static void exchange(mdl_message_type type, uint32_t from, uint32_t to, uint32_t step, took *t) {
    struct pollfd ready[CLIENTS];
    uint32_t count = 0, seen[2] = {0, 0};
    uint64_t seen_ns[2] = {0, 0};
    for (uint32_t i = 0; i < CLIENTS; i++) {
        ready[i] = (struct pollfd){.fd = crowd.line[i].socket, .events = POLLIN};
        crowd.line[i].out_size = 0;
    }
    for (uint32_t i = from; i < to; i += step, count++)
        if (!line_call(&crowd.line[count % CLIENTS], i, common->frame[i], common->frame_size[i]))
            die("a connection has no room");
    crowd.said = type;
    crowd.answers = 0;
    uint64_t cpu_before = cpu_ns(crowd.clock), before = uv_hrtime();
    for (uint32_t i = 0; i < CLIENTS; i++)
        if (!line_put_all(crowd.line[i].socket, crowd.line[i].out, crowd.line[i].out_size))
            die("a connection broke");
    while (crowd.answers < count) {
        if (poll(ready, CLIENTS, CALL_MS) <= 0)
            die("a call had no answer");
        for (uint32_t i = 0; i < CLIENTS; i++)
            if (ready[i].revents != 0 && !line_read(&crowd.line[i], take_answer))
                die("a connection broke");
        for (int k = 0; k < 2; k++)
            if (seen[k] == 0 && crowd.answers >= (k == 0 ? count / 10 : count - count / 10)) {
                seen[k] = crowd.answers;
                seen_ns[k] = uv_hrtime();
            }
    }
    t->steady = seen[1] > seen[0] ? rate(seen[1] - seen[0], seen_ns[1] - seen_ns[0]) : 0;
    t->ns = uv_hrtime() - before;
    t->cpu_ns = cpu_ns(crowd.clock) - cpu_before;
}

static void play_round(round_times *r) {
    took ignored;
    for (uint32_t i = 0; i < RESULTS; i++)
        sign_hello_or_want(i, MDL_MSG_WANT);
    exchange(MDL_MSG_WANT, 0, RESULTS, 1, &ignored);
    if (verified) {
        for (uint32_t i = 0; i < RESULTS; i++)
            sign_commitment(i);
        exchange(MDL_MSG_COMMIT, 0, RESULTS, 1, &r->commit);
    }
    for (uint32_t i = 0; i < RESULTS; i++)
        sign_result(i);
    exchange(MDL_MSG_RESULT, 0, MEASURED, 1, &r->result);
    exchange(MDL_MSG_RESULT, MEASURED, RESULTS, 1, &r->closing);
    r->first = UINT64_MAX;
    for (uint32_t i = 0; i < RESULTS; i++) {
        r->first = crowd.record[i] < r->first ? crowd.record[i] : r->first;
        r->last = crowd.record[i] > r->last ? crowd.record[i] : r->last;
    }
    verify_all(r);
}

/* From a process without threads. `go` ends when the coordinator listens. */
static int work(int go) {
    char byte;
    uint8_t key[32];
    took ignored;
    if (read(go, &byte, 1) != 1)
        return 1;
    if (clock_getcpuclockid(getppid(), &crowd.clock) != 0)
        die("the coordinator's CPU time cannot be read");
    for (uint32_t i = 0; i < WORKERS; i++) {
        crypto_sign_keypair(key, crowd.worker[i].secret);
        randombytes_buf(crowd.worker[i].session, sizeof crowd.worker[i].session);
    }
    crypto_hash_sha256(crowd.experiment, (const uint8_t *)document, strlen(document));
    for (uint32_t i = 0; i < CLIENTS; i++)
        if (!line_open(&crowd.line[i], common->url + strlen("ipc://")))
            die("no connection");
    for (uint32_t i = 0; i < RESULTS; i += EACH)
        sign_hello_or_want(i, MDL_MSG_HELLO);
    exchange(MDL_MSG_HELLO, 0, RESULTS, EACH, &ignored);
    for (uint32_t r = 0; r < rounds; r++, common->rounds++)
        play_round(&common->round[r]);
    return 0;
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

static void wait_for(void *argument) {
    int status;
    if (waitpid(*(pid_t *)argument, &status, 0) < 0 || status != 0)
        die("the workers failed");
    uv_async_send(&over);
}

static void pipeline(const char *directory, pid_t child, int go) {
    static char url[200];
    uv_thread_t thread;
    char error[ERROR];
    uint8_t key[32];
    const char *listen = url;
    mdl_shell_options o = {.directory = directory, .document = (const uint8_t *)document, .listen = &listen};
    snprintf(url, sizeof url, "ipc://%s.sock", directory);
    o.document_size = strlen(document);
    o.listen_count = 1;
    o.peer_rate = o.peer_burst = 1e9;
    o.quiet = 1;
    o.failed = on_failed;
    o.logic.admission = (mdl_admission){MDL_ADMIT_OPEN, 0};
    o.logic.rate = o.logic.burst = 1e6; /* a round lasts a fraction of a second */
    crypto_sign_keypair(o.logic.key, o.logic.secret);
    crypto_sign_keypair(key, o.log_secret);
    uv_loop_init(&main_loop);
    if (mdl_shell_open(&main_loop, &o, &shell, error, sizeof error) != MDL_OK)
        die(error);
    snprintf(common->url, sizeof common->url, "%s", mdl_shell_url(shell, 0));
    uv_async_init(&main_loop, &over, on_over);
    if (uv_thread_create(&thread, wait_for, &child) != 0 || write(go, "", 1) != 1)
        die("no thread");
    uv_run(&main_loop, UV_RUN_DEFAULT);
    uv_thread_join(&thread);
}

/* ---- the store alone ---- */

typedef struct counting {
    uint64_t batches;
} counting;

/* Checkpoints whose last record is a result of a measured round, or closes one. */
static mdl_err count_one(void *ctx, uint64_t size, const uint8_t *bytes, size_t bytes_size) {
    counting *c = ctx;
    (void)bytes;
    (void)bytes_size;
    for (uint32_t r = 0; r < common->rounds; r++)
        c->batches += size > common->round[r].first && size <= common->round[r].last + 8;
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
static double commit_rate(const char *directory, uint32_t batch, double *cpu_us) {
    static mdl_store_record record[RESULTS];
    static mdl_hash leaf[RESULTS];
    char error[ERROR], note[512], text[64];
    mdl_store s;
    mdl_merkle_edge edge = {0};
    uint64_t ns = 0, count = 0, cpu_before;
    if (mdl_store_open(&s, directory, 0, error, sizeof error) != MDL_OK)
        die(error);
    cpu_before = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (uint32_t r = 0; r < common->rounds; r++) {
        for (uint32_t first = 0; first < RESULTS; first += batch) {
            uint32_t n = RESULTS - first < batch ? RESULTS - first : batch;
            uint64_t start = uv_hrtime();
            mdl_hash root;
            for (uint32_t i = 0; i < n; i++) {
                record[i] = (mdl_store_record){common->frame[first + i] + MDL_FRAME_HEAD_BYTES,
                                               common->frame_size[first + i] - MDL_FRAME_HEAD_BYTES, &leaf[i]};
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
    *cpu_us = (double)(cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_before) / (double)count / 1e3;
    mdl_store_close(&s);
    return rate((double)count, ns);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median; the values get sorted. */
static double median(double *v, uint32_t n) {
    qsort(v, n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

int main(int argc, char **argv) {
    char directory[] = "bench-XXXXXX", ledger[64], alone[64];
    int go[2];
    rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 8;
    verified = argc > 2 && strcmp(argv[2], "verified") == 0;
    snprintf(document, sizeof document, experiment, verified ? nothing_drawn : "\"off\"");
    if (rounds < 1 || rounds > ROUNDS_MAX || sodium_init() < 0 || !mkdtemp(directory))
        die("ROUNDS is 1..64; the directory must be writable");
    if (!mdl_sha256_start())
        die("SHA-256 differs");
    common = mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (common == MAP_FAILED || pipe(go) != 0)
        die("no memory to share");
    pid_t child = fork();
    if (child < 0)
        die("no process");
    if (child == 0) {
        close(go[1]);
        return work(go[0]);
    }
    close(go[0]);
    snprintf(ledger, sizeof ledger, "%s/ledger", directory);
    snprintf(alone, sizeof alone, "%s/alone", directory);
    pipeline(ledger, child, go[1]);

    static double v[11][ROUNDS_MAX];
    uint32_t n = common->rounds;
    uint64_t batches = batches_of(ledger), bytes = 0;
    uint32_t batch = (uint32_t)((uint64_t)RESULTS * n / (batches ? batches : 1));
    batch = batch < 1 ? 1 : batch > RESULTS ? RESULTS : batch;
    for (uint32_t i = 0; i < RESULTS; i++)
        bytes += common->frame_size[i];
    for (uint32_t r = 0; r < n; r++) {
        const round_times *t = &common->round[r];
        v[0][r] = rate(MEASURED, t->result.ns);
        v[1][r] = rate(RESULTS, t->verify_ns);
        v[2][r] = (double)t->result.cpu_ns / MEASURED / 1e3;
        v[3][r] = (double)t->verify_cpu_ns / RESULTS / 1e3;
        v[4][r] = v[0][r] / v[1][r];
        v[5][r] = v[3][r] / v[2][r];
        v[6][r] = (double)t->closing.cpu_ns / 1e6;
        v[7][r] = verified ? rate(RESULTS, t->commit.ns) : 0;
        v[8][r] = (double)t->commit.cpu_ns / RESULTS / 1e3;
        v[9][r] = t->result.steady;
        v[10][r] = t->result.steady / v[1][r];
    }
    double commit_us, commit = commit_rate(alone, batch, &commit_us), whole = median(v[0], n), verify = median(v[1], n);
    printf("pipeline      %8.0f results/s, %.1f us of the coordinator's CPUs each (%" PRIu32 " results of %" PRIu64
           " bytes, batches of %" PRIu32 ")\n",
           whole, median(v[2], n), RESULTS * n, bytes / RESULTS, batch);
    if (verified)
        printf("commitments   %8.0f /s, %.1f us of the coordinator's CPUs each; with it a result costs %.1f us\n",
               median(v[7], n), median(v[8], n), median(v[8], n) + median(v[2], n));
    printf("Ed25519 alone %8.0f verified/s, %.1f us each, as many threads as CPUs\n", verify, median(v[3], n));
    printf("closing       %8.1f ms of the coordinator's CPUs a generation of %d\n", median(v[6], n), (int)RESULTS);
    printf("commit alone  %8.0f records/s, %.1f us each, in batches of %" PRIu32 "\n", commit, commit_us, batch);
    printf("steady        %8.0f results/s\n", median(v[9], n));
    printf("ratio         wall %.2f, steady %.2f, CPU %.2f of Ed25519; wall %.2f of the commit\n", median(v[4], n),
           median(v[10], n), median(v[5], n), whole / commit);
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
