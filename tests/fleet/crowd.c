/* crowd ADDRESS#KEY EXPERIMENT.json STUBS SECONDS DIR [LIARS]: a crowd of light workers in one process, each with its
 * own key, session and connection, all computing from one shared model. Where the experiment is verified each commits
 * before it shows. After SECONDS each hands in what it has and says goodbye. Receipts are checked, those of results are
 * kept in DIR as a worker keeps them. Prints latencies; exit status 1 when an answer is missing or is not what the
 * protocol says.
 *
 * The first LIARS stubs (default 0) lie: in each result they turn one bit of the first job, the even ones of its
 * fitness, the odd ones of its segment. They stay until they are banned, whose keys are printed, or fail. Where
 * disputes are taken apart the odd ones have a story: the job's first life went another way from its third window on,
 * and they stand by it when they are asked. */
#include <inttypes.h>
#include <sys/stat.h>

#include "core/life.h"
#include "protocol/chain.h"
#include "protocol/referee.h"
#include "protocol/retrace.h"
#include "protocol/tlog_proof.h"
#include "runtime/file.h"
#include "tests/fleet/stub.h"
#include "worker/model.h"

enum { STORY = 3 }; /* windows of a life after which a liar tells another story */
enum { CALL_MS = 20000, STUBS_MAX = 10000, TIMES_MAX = 1 << 20, OPEN_AT_ONCE = 50, JOBS = 8, LIVES = 64 };

typedef struct member {
    stub s;
    mdl_client *client;
    uv_timer_t again;
    uint64_t sent_ns;
    mdl_message_type asked;
    int entered, left, has_grant, computed, committed, lies, asks; /* asks: `question` is to be answered */
    mdl_msg_question question;
    mdl_retrace wanted;
    mdl_msg_grant grant;
    mdl_msg_result result; /* of the grant; its lists are the two here */
    int64_t fitness[JOBS];
    char segments[JOBS * MDL_SEGMENT_CHARS];
    uint8_t frame[8192]; /* the commitment or result on its way, for its receipt */
    size_t frame_size;
} member;

typedef struct times {
    uint32_t count;
    float ms[TIMES_MAX];
} times;

static uv_loop_t loop;
static uv_timer_t limit;
static member *crowd;
static uint32_t stubs, opened, entered, gone;
static uint8_t coordinator[MDL_KEY_BYTES];
static char url[MDL_URL_MAX];
static const char *directory;
static mdl_model *model;
static mdl_life *life;
static float *genome;
static mdl_log_policy policy;
static int has_policy, leaving, following;
static times taken[MDL_MSG_COUNT];
static uint32_t liars, banned;
static uint64_t moves, receipts, began_ns, full_ns, refused[64];

static void next(member *m);
static void on_again(uv_timer_t *t) { next(t->data); }

static void say(member *m, mdl_message *message) {
    static uint8_t frame[MDL_FRAME_CALL_MAX];
    size_t size = stub_seal(&m->s, message, frame);
    m->asked = message->type;
    m->sent_ns = uv_hrtime();
    if (message->type == MDL_MSG_RESULT || message->type == MDL_MSG_COMMIT) {
        stub_check(size <= sizeof m->frame, "a long result");
        memcpy(m->frame, frame, size);
        m->frame_size = size;
    }
    stub_check(mdl_client_call(m->client, 1, frame, size, CALL_MS) == MDL_OK, "call");
}

static int has_story(const member *m) {
    return m->lies && (m - crowd) % 2 == 1 && model->experiment.verification.dispute > 0;
}

/* The rows of a job as this member tells them. */
static uint32_t rows_of(const member *m, uint32_t job, mdl_life_row *rows, mdl_job_result *out) {
    mdl_job what;
    mdl_evolution_job(model->evolution, job, &what, NULL);
    stub_check(what.episodes <= LIVES, "many lives");
    mdl_unit_job(life, model->evolution, job, genome, rows, out);
    if (has_story(m)) {
        rows[0].end[0] ^= 1;
        mdl_unit_segment(what.generation, job, rows, what.episodes, out);
    }
    return what.episodes;
}

typedef struct moved {
    uint8_t at[1 << 17];
    size_t size;
} moved;

static void collect(void *ctx, const void *bytes, size_t size) {
    moved *b = ctx;
    stub_check(size <= sizeof b->at - b->size, "a long move");
    memcpy(b->at + b->size, bytes, size);
    b->size += size;
}

/* What the question asks for: the liar's points differ from its story's beginning on. */
static void answer(member *m) {
    static moved b;
    static uint8_t envelope[MDL_FRAME_CALL_MAX], frame[MDL_FRAME_CALL_MAX + sizeof b.at];
    static const uint8_t over[MDL_DIGEST_BYTES];
    mdl_life_row rows[LIVES];
    mdl_job_result ignored;
    mdl_sink sink = {collect, &b};
    b.size = 0;
    if (m->wanted.kind == MDL_MOVE_ROWS) {
        uint32_t lives = rows_of(m, m->wanted.job, rows, &ignored);
        for (uint32_t i = 0; i < lives; i++)
            mdl_row_put(&rows[i], &sink);
    } else {
        stub_check(mdl_retrace_run(&m->wanted, model->evolution, life, genome, &sink) == MDL_OK, "retrace");
    }
    for (uint32_t i = 0; has_story(m) && m->wanted.kind == MDL_MOVE_POINTS && i < m->wanted.count; i++)
        if (m->wanted.point[i] >= STORY && memcmp(b.at + 32 * (size_t)i, over, sizeof over) != 0)
            b.at[32 * (size_t)i] ^= 1;
    mdl_message message = stub_message(MDL_MSG_MOVE);
    message.as.move.lease = m->question.lease;
    message.as.move.generation = m->question.generation;
    message.as.move.job = m->question.job;
    message.as.move.kind = m->question.kind;
    message.as.move.blob_size = b.size;
    mdl_digest_of(b.at, b.size, message.as.move.blob);
    size_t size = stub_seal(&m->s, &message, envelope);
    mdl_frame f = {envelope + MDL_FRAME_HEAD_BYTES, size - MDL_FRAME_HEAD_BYTES, b.at, b.size};
    stub_check(mdl_frame_encode(&f, frame, sizeof frame, &size) == MDL_OK, "frame");
    m->asked = MDL_MSG_MOVE;
    m->asks = 0;
    m->sent_ns = uv_hrtime();
    stub_check(mdl_client_call(m->client, 1, frame, size, CALL_MS) == MDL_OK, "call");
}

static void compute(member *m) {
    mdl_life_row rows[LIVES];
    mdl_job_result job[JOBS];
    mdl_msg_result *r = &m->result;
    uint64_t start = uv_hrtime();
    stub_check(m->grant.count <= JOBS, "more jobs than wanted");
    memset(r, 0, sizeof *r);
    for (uint32_t i = 0; i < m->grant.count; i++) {
        if (has_story(m))
            rows_of(m, m->grant.first + i, rows, &job[i]);
        else
            mdl_unit_job(life, model->evolution, m->grant.first + i, genome, NULL, &job[i]);
        if (i == 0 && m->lies && (m - crowd) % 2 == 0)
            job[i].fitness ^= 1;
        if (i == 0 && m->lies && (m - crowd) % 2 == 1 && !has_story(m))
            job[i].segment[0] ^= 1;
        m->fitness[i] = job[i].fitness;
        r->updates += job[i].updates;
    }
    mdl_unit_root(job, m->grant.count, r->root);
    r->lease = m->grant.lease;
    r->generation = m->grant.generation;
    r->first = m->grant.first;
    r->count = m->grant.count;
    r->fitness = (mdl_i64_list){m->grant.count, m->fitness};
    r->segments = mdl_unit_segments(job, m->grant.count, m->segments);
    if (model->experiment.verification.used)
        randombytes_buf(r->nonce, sizeof r->nonce);
    r->busy_ms = (uv_hrtime() - start) / 1000000;
    m->computed = 1;
    m->committed = !model->experiment.verification.used;
}

static void commit(member *m) {
    const mdl_msg_result *r = &m->result;
    mdl_message message = stub_message(MDL_MSG_COMMIT);
    mdl_pledge pledge = {m->s.experiment, stub_key(&m->s), r->lease, r->generation,
                         r->first,        r->count,        r->nonce, r->root};
    message.as.commit.lease = r->lease;
    mdl_pledge_digest(&pledge, message.as.commit.commitment);
    say(m, &message);
}

static void result(member *m) {
    mdl_message message = stub_message(MDL_MSG_RESULT);
    if (!m->computed)
        compute(m);
    if (!m->committed) {
        commit(m);
        return;
    }
    message.as.result = m->result;
    say(m, &message);
}

static void forget(member *m) { m->has_grant = m->computed = m->committed = 0; }

/* What the member says now. */
static void next(member *m) {
    mdl_message message;
    if (m->left)
        return;
    if (m->asks) {
        answer(m);
        return;
    }
    if (!m->entered) {
        message = stub_message(MDL_MSG_HELLO);
    } else if (m->has_grant && m->grant.generation == mdl_model_generation(model)) {
        result(m);
        return;
    } else if (m->has_grant && m->grant.generation < mdl_model_generation(model)) {
        forget(m); /* the others were faster */
        next(m);
        return;
    } else if (m->has_grant && following) {
        uv_timer_start(&m->again, on_again, 5, 0);
        return;
    } else if (m->has_grant) {
        following = 1;
        message = stub_message(MDL_MSG_SYNC);
        message.as.sync.generation = mdl_model_generation(model);
    } else if (leaving && !m->lies) {
        message = stub_message(MDL_MSG_BYE);
    } else {
        message = stub_message(MDL_MSG_WANT);
        message.as.want.jobs = JOBS;
    }
    say(m, &message);
}

static void take_receipt(member *m, const mdl_frame *f) {
    char path[4096];
    mdl_tlog_proof proof;
    mdl_hash leaf;
    const uint8_t *record = m->frame + MDL_FRAME_HEAD_BYTES;
    size_t size = m->frame_size - MDL_FRAME_HEAD_BYTES;
    mdl_text text = {(const char *)f->blob, f->blob_size};
    if (m->asked == MDL_MSG_MOVE) {
        moves++;
        return;
    }
    stub_check(m->asked == MDL_MSG_RESULT || m->asked == MDL_MSG_COMMIT, "a receipt for nothing");
    stub_check(mdl_tlog_proof_parse(text, &proof) == MDL_OK, "a receipt is no proof");
    mdl_merkle_leaf(record, size, &leaf);
    stub_check(mdl_tlog_proof_verify(&proof, &leaf, &policy, NULL, NULL) == MDL_OK, "a receipt proves nothing");
    if (m->asked == MDL_MSG_COMMIT) {
        m->committed = 1;
        return;
    }
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/receipts/%" PRIu64 ".%s", directory, proof.index,
                 i ? "tlog-proof" : "envelope");
        FILE *out = fopen(path, "wb");
        stub_check(out != NULL, path);
        size_t put = i ? fwrite(f->blob, 1, f->blob_size, out) : fwrite(record, 1, size, out);
        stub_check(put == (i ? f->blob_size : size) && fclose(out) == 0, path);
    }
    receipts++;
    forget(m);
}

static void leave(member *m) {
    m->left = 1;
    mdl_client_close(m->client, NULL, NULL);
    uv_close((uv_handle_t *)&m->again, NULL);
    if (++gone == stubs)
        uv_close((uv_handle_t *)&limit, NULL);
}

static void open_more(uint32_t count);

static uint64_t on_message(member *m, const mdl_message *message, const mdl_frame *f) {
    switch (message->type) {
    case MDL_MSG_WELCOME:
        stub_check(m->asked == MDL_MSG_HELLO, "welcome");
        memcpy(m->s.experiment, message->head.experiment, MDL_DIGEST_BYTES);
        if (!has_policy)
            stub_check(mdl_vkey_parse(mdl_text_of(message->as.welcome.vkey), &policy.log) == MDL_OK, "vkey");
        has_policy = 1;
        m->entered = 1;
        if (++entered == stubs)
            full_ns = uv_hrtime();
        open_more(1);
        return 0;
    case MDL_MSG_GRANT:
        forget(m);
        m->grant = message->as.grant;
        m->has_grant = 1;
        return 0;
    case MDL_MSG_QUESTION:
        stub_check(m->asked == MDL_MSG_WANT, "question");
        m->question = message->as.question;
        if (mdl_retrace_of(&m->question, model->evolution, &m->wanted) != MDL_OK)
            return 5; /* of another generation than ours: soon */
        m->asks = 1;
        return 0;
    case MDL_MSG_IDLE:
        stub_check(message->as.idle.reason == MDL_REASON_WAITING_FOR_GENERATION ||
                       message->as.idle.reason == MDL_REASON_VERIFYING ||
                       message->as.idle.reason == MDL_REASON_IDLE_FINISHED,
                   message->as.idle.text);
        return message->as.idle.retry_ms + 1;
    case MDL_MSG_HISTORY:
        if (message->as.history.to > mdl_model_generation(model))
            stub_check(mdl_model_follow(model, f->blob, f->blob_size, message->as.history.to) == MDL_OK, "history");
        following = 0;
        return 0;
    case MDL_MSG_PONG:
        stub_check(m->asked == MDL_MSG_BYE, "pong");
        leave(m);
        return 0;
    default:
        break;
    }
    stub_check(message->type == MDL_MSG_REJECT, mdl_message_name(message->type));
    uint32_t reason = message->as.reject.reason;
    if (reason == MDL_REASON_BANNED && m->lies) {
        char hex[2 * MDL_KEY_BYTES + 1];
        printf("banned %s\n", sodium_bin2hex(hex, sizeof hex, stub_key(&m->s), MDL_KEY_BYTES));
        banned++;
        leave(m);
        return 0;
    }
    if (m->asked == MDL_MSG_MOVE)
        return 100; /* the dispute went on without it */
    stub_check(reason == MDL_REASON_DUPLICATE || reason == MDL_REASON_LEASE_EXPIRED ||
                   reason == MDL_REASON_RATE_LIMITED,
               message->as.reject.text);
    refused[reason % 64]++;
    if ((m->asked == MDL_MSG_RESULT || m->asked == MDL_MSG_COMMIT) && reason != MDL_REASON_RATE_LIMITED)
        forget(m);
    if (m->asked == MDL_MSG_SYNC)
        following = 0;
    return message->as.reject.retry_ms;
}

static void on_reply(void *ctx, uint64_t token, mdl_err status, const uint8_t *bytes, size_t size) {
    static mdl_message message;
    member *m = ctx;
    mdl_frame f;
    (void)token;
    stub_check(status == MDL_OK, "a call had no answer");
    times *t = &taken[m->asked];
    if (t->count < TIMES_MAX)
        t->ms[t->count++] = (float)((double)(uv_hrtime() - m->sent_ns) / 1e6);
    uint64_t wait_ms = 0;
    if (stub_read(bytes, size, coordinator, &f, &message)) {
        take_receipt(m, &f);
    } else {
        wait_ms = on_message(m, &message, &f);
    }
    if (!m->left)
        uv_timer_start(&m->again, on_again, wait_ms, 0);
}

static void open_more(uint32_t count) {
    char error[512];
    for (; count > 0 && opened < stubs; count--, opened++) {
        member *m = &crowd[opened];
        mdl_client_options o = {.url = url, .receive_max = MDL_FRAME_REPLY_MAX, .calls_max = 1};
        o.on_reply = on_reply;
        o.ctx = m;
        m->lies = opened < liars;
        stub_init(&m->s, 100000 + opened);
        uv_timer_init(&loop, &m->again);
        m->again.data = m;
        stub_check(mdl_client_open(&loop, &o, &m->client, error, sizeof error) == MDL_OK, error);
        next(m);
    }
}

static void on_limit(uv_timer_t *t) {
    if (leaving) {
        fprintf(stderr, "FAILED: %" PRIu32 " of %" PRIu32 " stubs are stuck\n", stubs - gone, stubs);
        exit(1);
    }
    leaving = 1;
    uv_timer_start(t, on_limit, CALL_MS + 10000, 0);
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void report(mdl_message_type type) {
    times *t = &taken[type];
    if (t->count == 0)
        return;
    qsort(t->ms, t->count, sizeof *t->ms, compare);
    printf("%-7s %8" PRIu32 " calls   p50 %8.2f ms   p99 %8.2f ms   most %8.2f ms\n", mdl_message_name(type), t->count,
           (double)t->ms[t->count / 2], (double)t->ms[t->count - 1 - t->count / 100], (double)t->ms[t->count - 1]);
}

int main(int argc, char **argv) {
    static uint8_t memory[1 << 26];
    char news[MDL_URL_MAX], error[512], path[4096];
    int has_key;
    uint8_t *document;
    size_t size;
    stub_check((argc == 6 || argc == 7) && sodium_init() >= 0,
               "usage: crowd ADDRESS#KEY EXPERIMENT.json STUBS SECONDS DIR [LIARS]");
    stub_check(mdl_address_parse(argv[1], url, news, coordinator, &has_key, error, sizeof error) == MDL_OK, error);
    stub_check(mdl_file_read(argv[2], 1 << 20, &document, &size, error, sizeof error) == MDL_OK, error);
    model = mdl_model_new(document, size, error, sizeof error);
    stub_check(model != NULL, error);
    stubs = (uint32_t)strtoul(argv[3], NULL, 10);
    stub_check(stubs > 0 && stubs <= STUBS_MAX, "STUBS is not 1..10000");
    liars = argc == 7 ? (uint32_t)strtoul(argv[6], NULL, 10) : 0;
    directory = argv[5];
    snprintf(path, sizeof path, "%s/receipts", directory);
    mkdir(directory, 0777);
    stub_check(mkdir(path, 0777) == 0, path);
    uint8_t *aligned = memory + (64 - (uintptr_t)memory % 64) % 64;
    stub_check(mdl_life_bytes(&model->experiment, 1) < sizeof memory - 64, "a large network");
    life = mdl_life_init(aligned, &model->experiment, 1, NULL);
    genome = calloc(model->layout.genes, sizeof *genome);
    crowd = calloc(stubs, sizeof *crowd);
    stub_check(life && genome && crowd, "memory");
    uv_loop_init(&loop);
    uv_timer_init(&loop, &limit);
    uv_timer_start(&limit, on_limit, strtoull(argv[4], NULL, 10) * 1000, 0);
    began_ns = uv_hrtime();
    open_more(OPEN_AT_ONCE);
    uv_run(&loop, UV_RUN_DEFAULT);
    double seconds = (double)(uv_hrtime() - began_ns) / 1e9;
    stub_check(entered == stubs, "not all stubs came in");
    stub_check(banned == liars, "a liar was not banned");
    printf("%" PRIu32 " stubs, all in after %.1f s; %.1f s in all\n", stubs, (double)(full_ns - began_ns) / 1e9,
           seconds);
    uint64_t calls = 0;
    for (int type = 0; type < MDL_MSG_COUNT; type++) {
        report((mdl_message_type)type);
        calls += taken[type].count;
    }
    printf("%" PRIu64 " moves in disputes\n", moves);
    printf("%" PRIu64 " calls, %.0f a second, all answered; %" PRIu64 " receipts, %" PRIu64
           " results too late, %" PRIu64 " calls put off\n",
           calls, (double)calls / seconds, receipts, refused[MDL_REASON_DUPLICATE] + refused[MDL_REASON_LEASE_EXPIRED],
           refused[MDL_REASON_RATE_LIMITED]);
    uv_loop_close(&loop);
    mdl_model_free(model);
    free(document);
    free(genome);
    free(crowd);
    return 0;
}
