#include "worker/shell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/loop.h"
#include "runtime/transport.h"
#include "worker/compute.h"
#include "worker/hearsay.h"
#include "worker/keep.h"
#include "worker/status.h"

enum { CALLS_MAX = 16 + MDL_WORKER_SHARDS_MAX, UNSENT_MAX = CALLS_MAX, COMPUTE_PATIENCE_MS = 300 };

typedef struct place {
    mdl_worker_shell *shell;
    uint32_t index;
    char url[MDL_URL_MAX], news[MDL_URL_MAX];
    mdl_client *client; /* NULL: not open */
} place;

struct mdl_worker_shell {
    mdl_worker_options o;
    uv_loop_t *loop;
    mdl_worker *logic;
    mdl_compute *compute;
    mdl_hearsay *hearsay; /* NULL: nobody is listened to */
    mdl_keep keep;
    mdl_speed speed;
    mdl_status status;
    place place[MDL_WORKER_PLACES_MAX];
    uv_timer_t timer, tick, soon;
    mdl_stopper stopper;
    uint64_t unsent[UNSENT_MAX]; /* tokens of calls that could not even begin */
    uint32_t unsent_count;
    uint32_t ticks;
    int compute_failed, over, abandoned, disk_told;
};

static uint64_t now_ms(void) { return uv_hrtime() / 1000000; }

static mdl_moment moment(void) {
    mdl_moment m;
    m.now_ms = now_ms();
    randombytes_buf(m.random, sizeof m.random);
    return m;
}

static uint64_t wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- stopping ---- */

static void close_handle(void *handle) {
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void finish(mdl_worker_shell *s, mdl_stop_code code, const char *text) {
    if (s->over)
        return;
    s->over = 1;
    for (uint32_t i = 0; i < s->o.coordinators; i++) {
        if (s->place[i].client)
            mdl_client_close(s->place[i].client, NULL, NULL);
        s->place[i].client = NULL;
    }
    close_handle(&s->timer);
    close_handle(&s->tick);
    close_handle(&s->soon);
    mdl_stopper_close(&s->stopper);
    s->abandoned = !mdl_compute_close(s->compute, COMPUTE_PATIENCE_MS);
    s->abandoned |= !mdl_hearsay_close(s->hearsay);
    s->hearsay = NULL;
    s->compute = NULL;
    mdl_keep_close(&s->keep);
    if (s->o.stopped)
        s->o.stopped(s->o.ctx, code, text);
    if (s->abandoned)
        uv_stop(s->loop); /* a thread that computes keeps its handle open */
}

/* ---- commands ---- */

static void on_soon(uv_timer_t *timer) {
    mdl_worker_shell *s = timer->data;
    if (s->compute_failed) {
        finish(s, MDL_STOP_FAILED, "out of memory: as many networks as threads do not fit; try fewer --threads");
        return;
    }
    while (s->unsent_count > 0 && !s->over) {
        mdl_moment m = moment();
        mdl_worker_reply(s->logic, &m, s->unsent[--s->unsent_count], MDL_EIO, NULL, 0);
    }
}

static void on_reply(void *ctx, uint64_t token, mdl_err status, const uint8_t *bytes, size_t size) {
    const place *p = ctx;
    mdl_moment m = moment();
    if (!p->shell->over)
        mdl_worker_reply(p->shell->logic, &m, token, status, bytes, size);
}

static void on_news(void *ctx, const uint8_t *bytes, size_t size) {
    const place *p = ctx;
    mdl_moment m = moment();
    if (!p->shell->over)
        mdl_worker_news(p->shell->logic, &m, p->index, bytes, size);
}

static void on_link(void *ctx, int connected) {
    const place *p = ctx;
    mdl_moment m = moment();
    if (!p->shell->over)
        mdl_worker_link(p->shell->logic, &m, p->index, connected);
}

static int open_client(place *p) {
    char error[600];
    mdl_client_options o = {.url = p->url,
                            .news = p->news,
                            .tls = {p->shell->o.tls_ca, NULL, NULL},
                            .receive_max = MDL_FRAME_REPLY_MAX,
                            .calls_max = CALLS_MAX,
                            .on_reply = on_reply,
                            .on_news = on_news,
                            .on_link = on_link,
                            .ctx = p};
    if (p->client)
        return 1;
    if (mdl_client_open(p->shell->loop, &o, &p->client, error, sizeof error) == MDL_OK)
        return 1;
    mdl_status_say(&p->shell->status, "error", "%s", error);
    return 0;
}

static void do_call(void *ctx, uint32_t index, uint64_t token, const uint8_t *frame, size_t size, uint32_t timeout_ms) {
    mdl_worker_shell *s = ctx;
    place *p = &s->place[index];
    if (open_client(p) && mdl_client_call(p->client, token, frame, size, timeout_ms) == MDL_OK)
        return;
    if (s->unsent_count < UNSENT_MAX)
        s->unsent[s->unsent_count++] = token;
    uv_timer_start(&s->soon, on_soon, 0, 0);
}

static void do_leave(void *ctx, uint32_t index) {
    mdl_worker_shell *s = ctx;
    if (s->place[index].client)
        mdl_client_close(s->place[index].client, NULL, NULL);
    s->place[index].client = NULL;
}

static void do_compute(void *ctx, const mdl_model *model, uint32_t first, uint32_t count) {
    mdl_worker_shell *s = ctx;
    if (mdl_compute_begin(s->compute, model, first, count) != MDL_OK) {
        s->compute_failed = 1;
        uv_timer_start(&s->soon, on_soon, 0, 0);
    }
}

_Static_assert((int)MDL_WORKER_SHARDS_MAX <= (int)MDL_COMPUTE_SHARDS, "every slot may have an order");

static void do_shard(void *ctx, uint32_t slot, mdl_shard_work *work) {
    mdl_worker_shell *s = ctx;
    mdl_compute_shard(s->compute, slot, work);
}

static void do_cancel(void *ctx) {
    mdl_worker_shell *s = ctx;
    mdl_compute_cancel(s->compute);
}

static void on_timer(uv_timer_t *timer) {
    mdl_worker_shell *s = timer->data;
    mdl_moment m = moment();
    mdl_worker_timer(s->logic, &m);
}

static void do_timer(void *ctx, uint64_t at_ms) {
    mdl_worker_shell *s = ctx;
    uint64_t now = now_ms();
    uv_timer_stop(&s->timer);
    if (at_ms == UINT64_MAX)
        return;
    uv_update_time(s->loop);
    uv_timer_start(&s->timer, on_timer, at_ms > now ? at_ms - now : 0, 0);
}

static void tell_disk(mdl_worker_shell *s, mdl_err err, const char *error) {
    if (err != MDL_OK && !s->disk_told)
        mdl_status_say(&s->status, "error", "%s; work goes on", error);
    s->disk_told = err != MDL_OK;
}

static void do_keep(void *ctx, const uint8_t *coordinator, uint64_t lease, uint32_t version, const uint8_t *envelope,
                    size_t size) {
    mdl_worker_shell *s = ctx;
    char error[MDL_KEEP_PATH_MAX + 600];
    tell_disk(s, mdl_keep_result(&s->keep, coordinator, lease, version, envelope, size, error, sizeof error), error);
}

static void do_settled(void *ctx, const mdl_settled *over) {
    mdl_worker_shell *s = ctx;
    char error[MDL_KEEP_PATH_MAX + 600];
    tell_disk(s, mdl_keep_settled(&s->keep, over, wall_ms(), error, sizeof error), error);
}

static void do_checkpoint(void *ctx, const uint8_t *coordinator, const uint8_t *experiment, const char *vkey,
                          int proven, const char *note, size_t size) {
    mdl_worker_shell *s = ctx;
    char error[MDL_KEEP_PATH_MAX + 600];
    tell_disk(s, mdl_keep_checkpoint(&s->keep, coordinator, experiment, vkey, proven, note, size, error, sizeof error),
              error);
}

static size_t do_kept(void *ctx, const uint8_t *coordinator, const uint8_t *experiment, int proven, char *note,
                      size_t room) {
    mdl_worker_shell *s = ctx;
    return mdl_keep_kept(&s->keep, coordinator, experiment, proven, note, room);
}

static void do_fraud(void *ctx, const uint8_t *coordinator, const uint8_t *experiment, uint64_t records,
                     const char *proof, size_t size) {
    mdl_worker_shell *s = ctx;
    char path[MDL_KEEP_PATH_MAX + 400], error[MDL_KEEP_PATH_MAX + 600];
    mdl_err err = mdl_keep_fraud(&s->keep, coordinator, experiment, records, proof, size, path, error, sizeof error);
    tell_disk(s, err, error);
    if (err == MDL_OK)
        mdl_status_say(&s->status, "fork", "%s proves that the ledger has two histories", path);
}

static void do_notice(void *ctx, const mdl_notice *n) {
    mdl_worker_shell *s = ctx;
    mdl_worker_info info;
    if (s->o.quiet)
        return;
    mdl_worker_inform(s->logic, now_ms(), &info);
    mdl_status_notice(&s->status, n, &info);
    const place *p = &s->place[info.place];
    const char *trouble = n->kind == MDL_NOTICE_ABSENT && p->client ? mdl_client_trouble(p->client) : "";
    if (trouble[0])
        mdl_status_say(&s->status, "trouble", "%s", trouble);
}

static void do_stop(void *ctx, mdl_stop_code code, const char *text) { finish(ctx, code, text); }

/* ---- events of its own ---- */

static void on_computed(void *ctx, const mdl_job_result *jobs, uint64_t busy_ms) {
    mdl_worker_shell *s = ctx;
    mdl_moment m = moment();
    if (!s->over)
        mdl_worker_computed(s->logic, &m, jobs, busy_ms);
}

static void on_sharded(void *ctx, uint32_t slot, uint64_t busy_ns) {
    mdl_worker_shell *s = ctx;
    mdl_moment m = moment();
    if (!s->over)
        mdl_worker_sharded(s->logic, &m, slot, busy_ns);
}

static void on_tick(uv_timer_t *timer) {
    mdl_worker_shell *s = timer->data;
    mdl_worker_info info;
    mdl_speed_sample(&s->speed, mdl_compute_updates(s->compute));
    ++s->ticks;
    if (s->hearsay && s->ticks % s->o.gossip_s == 0)
        mdl_hearsay_look(s->hearsay);
    if (s->ticks % s->o.status_s != 0 || s->o.quiet)
        return;
    mdl_worker_inform(s->logic, now_ms(), &info);
    mdl_status_summary(&s->status, &info, uv_hrtime());
}

static void on_signal(void *ctx, int number, unsigned times) {
    (void)number;
    if (times > 1)
        finish(ctx, MDL_STOP_ASKED, "asked twice to stop");
    else
        mdl_worker_shell_stop(ctx);
}

void mdl_worker_shell_stop(mdl_worker_shell *s) {
    mdl_moment m = moment();
    if (!s->over)
        mdl_worker_stop(s->logic, &m);
}

void mdl_worker_shell_inform(const mdl_worker_shell *s, mdl_worker_info *out) {
    mdl_worker_inform(s->logic, now_ms(), out);
}

static void on_heard(void *ctx, const char *note, size_t size) {
    mdl_worker_shell *s = ctx;
    mdl_moment m = moment();
    if (!s->over)
        mdl_worker_heard(s->logic, &m, note, size);
}

static void on_trouble(void *ctx, const char *text) {
    const mdl_worker_shell *s = ctx;
    mdl_status_say(&s->status, "gossip", "%s", text);
}

/* ---- starting ---- */

static mdl_err take_addresses(mdl_worker_shell *s, mdl_worker_config *config, char *error, size_t error_size) {
    if (s->o.coordinators < 1 || s->o.coordinators > MDL_WORKER_PLACES_MAX) {
        snprintf(error, error_size, "from 1 to %d coordinators are allowed", (int)MDL_WORKER_PLACES_MAX);
        return MDL_ESIZE;
    }
    for (uint32_t i = 0; i < s->o.coordinators; i++) {
        place *p = &s->place[i];
        int has_key;
        p->shell = s;
        p->index = i;
        mdl_err err =
            mdl_address_parse(s->o.coordinator[i], p->url, p->news, config->place[i].key, &has_key, error, error_size);
        if (err == MDL_OK && !has_key) {
            snprintf(error, error_size, "%s names no coordinator: its address ends in #KEY", s->o.coordinator[i]);
            err = MDL_EKEY;
        }
        if (err == MDL_OK && mdl_key_check(config->place[i].key) != MDL_OK) {
            snprintf(error, error_size, "%s: the key after # is weak and cannot be trusted", s->o.coordinator[i]);
            err = MDL_EWEAKKEY;
        }
        if (err != MDL_OK)
            return err;
        snprintf(config->place[i].name, sizeof config->place[i].name, "%.120s", p->url);
    }
    config->places = s->o.coordinators;
    return MDL_OK;
}

static void tell_skipped(void *ctx, const char *name, const char *why) {
    const mdl_worker_shell *s = ctx;
    mdl_status_say(&s->status, "error", "outbox/%s is not used: %s", name, why);
}

static mdl_err make_parts(mdl_worker_shell *s, const mdl_worker_config *config, char *error, size_t error_size) {
    static const mdl_worker_io table = {NULL,       do_call,       do_leave, do_compute, do_cancel, do_timer, do_keep,
                                        do_settled, do_checkpoint, do_kept,  do_fraud,   do_notice, do_stop,  do_shard};
    mdl_worker_io io = table;
    io.ctx = s;
    mdl_err err = mdl_keep_open(&s->keep, s->o.data, error, error_size);
    if (err != MDL_OK)
        return err;
    s->logic = mdl_worker_new(config, &io);
    mdl_compute_options o = {s->o.threads, s->o.nice, s->o.throttle, on_computed, on_sharded, s};
    err = s->logic ? mdl_compute_open(&s->compute, s->loop, &o) : MDL_ENOMEM;
    if (err == MDL_OK && s->o.gossips > 0) {
        const mdl_hearsay_options listen = {s->o.gossip, s->o.gossips, on_heard, on_trouble, s};
        s->hearsay = mdl_hearsay_open(s->loop, &listen);
    }
    if (err != MDL_OK) {
        snprintf(error, error_size, "%u compute threads cannot be started: %s", (unsigned)s->o.threads,
                 mdl_strerror((int)err));
        mdl_worker_free(s->logic);
        mdl_keep_close(&s->keep);
    }
    return err;
}

mdl_err mdl_worker_shell_open(mdl_worker_shell **out, uv_loop_t *loop, const mdl_worker_options *options, char *error,
                              size_t error_size) {
    mdl_worker_config config;
    *out = NULL;
    mdl_worker_shell *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    s->o = *options;
    s->loop = loop;
    s->status = (mdl_status){.json = options->json, .speed = &s->speed, .threads = options->threads};
    s->keep.lock = -1;
    memset(&config, 0, sizeof config);
    memcpy(config.key, options->key, sizeof config.key);
    memcpy(config.secret, options->secret, sizeof config.secret);
    snprintf(config.statement, sizeof config.statement, "%s", options->statement ? options->statement : "");
    config.threads = options->threads;
    config.leases = options->leases;
    config.memory = options->memory / 4 * 3; /* the rest is for genomes, messages and states on their way */
    config.once = options->once;
    s->o.gossip_s = s->o.gossip_s > 0 ? s->o.gossip_s : MDL_WORKER_GOSSIP_MS / 1000;
    config.gossip_ms = 1000 * (uint64_t)s->o.gossip_s;
    snprintf(config.program, sizeof config.program, "%s", options->program);
    snprintf(config.invite, sizeof config.invite, "%s", options->invite ? options->invite : "");
    mdl_err err = take_addresses(s, &config, error, error_size);
    if (err == MDL_OK)
        err = make_parts(s, &config, error, error_size);
    if (err == MDL_OK && (err = mdl_stopper_open(&s->stopper, loop, on_signal, s)) != MDL_OK) {
        snprintf(error, error_size, "signals cannot be caught");
        mdl_compute_close(s->compute, UINT32_MAX);
        mdl_worker_free(s->logic);
        mdl_keep_close(&s->keep);
    }
    sodium_memzero(config.secret, sizeof config.secret);
    if (err != MDL_OK) {
        free(s);
        return err;
    }
    uv_timer_init(loop, &s->timer);
    uv_timer_init(loop, &s->tick);
    uv_timer_init(loop, &s->soon);
    s->timer.data = s->tick.data = s->soon.data = s;
    uv_timer_start(&s->tick, on_tick, 1000, 1000);
    uint32_t restored = mdl_keep_restore(&s->keep, s->logic, tell_skipped, s);
    if (restored > 0 && !s->o.quiet)
        mdl_status_say(&s->status, "outbox", "%" PRIu32 " envelopes of results that have no receipt yet", restored);
    *out = s;
    mdl_moment m = moment();
    mdl_worker_start(s->logic, &m);
    return MDL_OK;
}

int mdl_worker_shell_free(mdl_worker_shell *s) {
    sodium_memzero(s->o.secret, sizeof s->o.secret);
    if (s->abandoned)
        return 0;
    mdl_worker_free(s->logic);
    free(s);
    return 1;
}
