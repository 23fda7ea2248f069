/* shard_liar ADDRESS#KEY LIE AFTER: a worker of shards that is honest but for one window, the first one it can lie
 * about after AFTER windows. Prints its key, what it lied about, and at the end "banned" or how else it ended.
 *
 *   boundary  one bit of the activity that other shards hear
 *   sum       one bit of a partial sum
 *   digest    one bit of the digest of its state */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/transport.h"
#include "worker/logic.h"

enum { EARLY = 6, CALLS_MAX = 64, MEMORY = 1 << 30 };

static uv_loop_t loop;
static uv_timer_t timer, later;
static mdl_client *client;
static mdl_worker *worker;
static char url[MDL_URL_MAX], news[MDL_URL_MAX];
static const char *lie;
static uint64_t after, windows;
static int lied, computing;
static struct {
    int used;
    uint64_t busy_ns;
} carried_out[MDL_WORKER_SHARDS_MAX];

static mdl_moment moment(void) {
    mdl_moment m = {.now_ms = uv_hrtime() / 1000000};
    randombytes_buf(m.random, sizeof m.random);
    return m;
}

/* ---- the lie ---- */

/* The commitment to what is in the order's answer now. */
static void commit_again(mdl_shard_work *w) {
    mdl_window_commit c = {.life = w->life, .window = w->player->windows - 1, .shard = w->shard, .shards = w->shards};
    mdl_digest_of(w->output, w->output_size, c.output);
    memcpy(c.state, w->state, sizeof c.state);
    mdl_window_commit_digest(&c, w->commit + (size_t)(w->count - 1) * MDL_DIGEST_BYTES);
}

/* A bit of the last region's activity that may be another one. 0: all of it is nothing. */
static int turn_boundary(mdl_shard_work *w) {
    const mdl_player *p = w->player;
    mdl_activity_rule rule = mdl_activity_rule_of(p->experiment, &p->params);
    mdl_packed packed[MDL_REGIONS_MAX];
    mdl_window_out out;
    if (p->sends == 0 || mdl_shard_output_read(p->experiment, &rule, w->owner, w->shard, w->output, w->output_size,
                                               &out, packed) != MDL_OK)
        return 0;
    const mdl_packed *last = &packed[p->send[p->sends - 1]];
    switch (last->at[0]) {
    case MDL_BOUNDARY_NOTHING:
        return 0;
    case MDL_BOUNDARY_BITS: /* the last byte holds signs */
        w->output[w->output_size - 1] ^= 1;
        return 1;
    default: /* one that matters, of the last value, if it is still one that can be */
        for (uint8_t bit = 0x40; bit >= 0x10; bit /= 2) {
            w->output[w->output_size - 2] ^= bit;
            if (mdl_shard_output_read(p->experiment, &rule, w->owner, w->shard, w->output, w->output_size, &out,
                                      packed) == MDL_OK)
                return 1;
            w->output[w->output_size - 2] ^= bit;
        }
        return 0;
    }
}

static int zeros(const uint8_t digest[MDL_DIGEST_BYTES]) {
    static const uint8_t none[MDL_DIGEST_BYTES];
    return memcmp(digest, none, sizeof none) == 0;
}

static void maybe_lie(mdl_shard_work *w) {
    windows += w->count;
    /* Early in the last life, so that it shows in what the job ends with. */
    if (lied || w->err != MDL_OK || w->count == 0 || windows <= after || w->life + 1 < w->what.episodes ||
        w->player->windows > EARLY)
        return;
    if (strcmp(lie, "boundary") == 0) {
        lied = turn_boundary(w);
    } else if (strcmp(lie, "sum") == 0) {
        w->output[0] ^= 1; /* activity, in 2^-32 */
        lied = 1;
    } else if (!zeros(w->state)) {
        w->state[0] ^= 1;
        lied = 1;
    }
    if (lied) {
        commit_again(w);
        printf("lied job %" PRIu32 " shard %" PRIu32 " life %" PRIu32 " window %" PRIu32 "\n", w->job, w->shard,
               w->life, w->player->windows - 1);
        fflush(stdout);
    }
}

/* ---- commands ---- */

static void on_later(uv_timer_t *t) {
    (void)t;
    mdl_moment m = moment();
    if (computing) {
        computing = 0;
        mdl_worker_computed(worker, &m, NULL, 0); /* whole networks are not its business */
    }
    for (uint32_t i = 0; i < MDL_WORKER_SHARDS_MAX; i++) {
        if (carried_out[i].used) {
            carried_out[i].used = 0;
            m = moment();
            mdl_worker_sharded(worker, &m, i, carried_out[i].busy_ns);
        }
    }
}

static void do_shard(void *ctx, uint32_t slot, mdl_shard_work *work) {
    (void)ctx;
    uint64_t began = uv_hrtime();
    mdl_shard_work_run(work);
    maybe_lie(work);
    carried_out[slot].used = 1;
    carried_out[slot].busy_ns = uv_hrtime() - began;
    uv_timer_start(&later, on_later, 0, 0);
}

static void do_compute(void *ctx, const mdl_model *model, uint32_t first, uint32_t count) {
    (void)ctx;
    (void)model;
    (void)first;
    (void)count;
    computing = 1;
    uv_timer_start(&later, on_later, 0, 0);
}

static void do_cancel(void *ctx) { (void)ctx; }

static void on_reply(void *ctx, uint64_t token, mdl_err status, const uint8_t *bytes, size_t size) {
    (void)ctx;
    mdl_moment m = moment();
    mdl_worker_reply(worker, &m, token, status, bytes, size);
}

static void on_news(void *ctx, const uint8_t *bytes, size_t size) {
    (void)ctx;
    mdl_moment m = moment();
    mdl_worker_news(worker, &m, 0, bytes, size);
}

static void do_call(void *ctx, uint32_t place, uint64_t token, const uint8_t *frame, size_t size, uint32_t timeout_ms) {
    (void)ctx;
    (void)place;
    if (mdl_client_call(client, token, frame, size, timeout_ms) != MDL_OK)
        abort();
}

static void do_leave(void *ctx, uint32_t place) {
    (void)ctx;
    (void)place;
}

static void on_timer(uv_timer_t *t) {
    (void)t;
    mdl_moment m = moment();
    mdl_worker_timer(worker, &m);
}

static void do_timer(void *ctx, uint64_t at_ms) {
    (void)ctx;
    uint64_t now = uv_hrtime() / 1000000;
    uv_timer_stop(&timer);
    uv_update_time(&loop);
    if (at_ms != UINT64_MAX)
        uv_timer_start(&timer, on_timer, at_ms > now ? at_ms - now : 0, 0);
}

static void do_keep(void *ctx, const uint8_t *coordinator, uint64_t lease, uint32_t version, const uint8_t *envelope,
                    size_t size) {
    (void)ctx;
    (void)coordinator;
    (void)lease;
    (void)version;
    (void)envelope;
    (void)size;
}

static void do_settled(void *ctx, const mdl_settled *s) {
    (void)ctx;
    (void)s;
}

static void do_checkpoint(void *ctx, const uint8_t *coordinator, const uint8_t *experiment, const char *vkey,
                          int proven, const char *note, size_t size) {
    (void)ctx;
    (void)coordinator;
    (void)experiment;
    (void)vkey;
    (void)proven;
    (void)note;
    (void)size;
}

static size_t do_kept(void *ctx, const uint8_t *coordinator, const uint8_t *experiment, int proven, char *note,
                      size_t room) {
    (void)ctx;
    (void)coordinator;
    (void)experiment;
    (void)proven;
    (void)note;
    (void)room;
    return 0;
}

static void do_fraud(void *ctx, const uint8_t *coordinator, const uint8_t *experiment, uint64_t records,
                     const char *proof, size_t size) {
    (void)ctx;
    (void)coordinator;
    (void)experiment;
    (void)records;
    (void)proof;
    (void)size;
}

static void do_notice(void *ctx, const mdl_notice *n) {
    (void)ctx;
    fprintf(stderr, "%s: %s\n", mdl_notice_name((int)n->kind), n->text);
}

static void do_stop(void *ctx, mdl_stop_code code, const char *text) {
    (void)ctx;
    printf("%s: %s\n", code == MDL_STOP_REFUSED ? "banned" : "ended", text);
    fflush(stdout);
    exit(0);
}

int main(int argc, char **argv) {
    static mdl_worker_config config;
    char error[512], hex[2 * MDL_KEY_BYTES + 1];
    int has_key;
    if (argc != 4 || sodium_init() < 0 ||
        mdl_address_parse(argv[1], url, news, config.place[0].key, &has_key, error, sizeof error) != MDL_OK ||
        !has_key) {
        fputs("usage: shard_liar ADDRESS#KEY boundary|sum|digest AFTER\n", stderr);
        return 2;
    }
    lie = argv[2];
    after = strtoull(argv[3], NULL, 10);
    crypto_sign_keypair(config.key, config.secret);
    mdl_hex(config.key, MDL_KEY_BYTES, hex);
    printf("key %s\n", hex);
    fflush(stdout);
    config.places = 1;
    config.threads = 1;
    config.memory = MEMORY;
    snprintf(config.program, sizeof config.program, "shard_liar");
    snprintf(config.place[0].name, sizeof config.place[0].name, "coordinator");
    const mdl_worker_io io = {NULL,       do_call,       do_leave, do_compute, do_cancel, do_timer, do_keep,
                              do_settled, do_checkpoint, do_kept,  do_fraud,   do_notice, do_stop,  do_shard};
    uv_loop_init(&loop);
    uv_timer_init(&loop, &timer);
    uv_timer_init(&loop, &later);
    mdl_client_options o = {.url = url,
                            .news = news,
                            .receive_max = MDL_FRAME_REPLY_MAX,
                            .calls_max = CALLS_MAX,
                            .on_reply = on_reply,
                            .on_news = on_news};
    if (mdl_client_open(&loop, &o, &client, error, sizeof error) != MDL_OK) {
        fprintf(stderr, "%s\n", error);
        return 3;
    }
    worker = mdl_worker_new(&config, &io);
    if (!worker)
        return 3;
    mdl_moment m = moment();
    mdl_worker_start(worker, &m);
    return uv_run(&loop, UV_RUN_DEFAULT);
}
