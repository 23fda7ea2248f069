/* modulon coordinator */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/coordinator.h"
#include "coordinator/admin.h"
#include "coordinator/http.h"
#include "coordinator/page.h"
#include "protocol/experiment_json.h"
#include "protocol/grow.h"
#include "protocol/key_change.h"
#include "protocol/note.h"
#include "runtime/file.h"
#include "runtime/progress.h"

enum { LINGER_MS = 3000, SHOW_MS = 500, RATE_MS = 2000 };

static const mdl_usage usage = {
    .name = "coordinator",
    .arguments = "[EXPERIMENT.json]",
    .text = "Coordinate an experiment: lease its work to whoever connects, verify signatures,\n"
            "keep every result in a signed, append-only ledger in a directory, and evolve. Run\n"
            "again on that directory, it goes on where it was. The first lines say the address,\n"
            "with the key that workers must find there, and the ledger's verifier key.\n"
            "`coordinator backup` copies the directory, also while it runs. To move to another\n"
            "host, pause, copy and stop: what the original writes after the copy was made, a copy\n"
            "that goes on contradicts.",
    .examples = "  modulon coordinator examples/tmaze.json --data runs/c1 --listen tcp://0.0.0.0:7000\n"
                "  modulon coordinator --data runs/c1 --listen ipc://runs/c1/work.sock\n"
                "  modulon coordinator examples/tmaze.json --dry-run --workers 100 --speed 200000000\n"
                "  modulon coordinator backup --data runs/c1 --to backups/c1",
    .least = 0,
    .most = 1,
};

typedef struct program {
    const mdl_coordinator_settings *s;
    mdl_experiment_file file;
    mdl_shell_options options;
    uv_loop_t loop;
    mdl_shell *shell;
    mdl_admin *admin;
    mdl_http *http;
    mdl_witnesses *witnesses;
    uv_signal_t interrupt, terminate;
    uv_timer_t show, linger;
    mdl_progress progress;
    double *best, *mean; /* for the page */
    uint64_t updates, updates_ms, windows, windows_ms;
    double windows_per_s;
    double updates_per_s;
    double done, gained, spent_s; /* for the time left: forgotten little by little */
    int stopping, code;
} program;

/* ---- lines ---- */

static void clear_bar(program *p) {
    if (p->progress.terminal && p->progress.open) {
        fputs("\r\033[K", stderr);
    }
}

static void print_event(const char *kind, const char *who, const char *text) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "event", kind);
    cJSON_AddStringToObject(o, "who", who);
    cJSON_AddStringToObject(o, "text", text);
    mdl_cli_print_json(o);
}

static void on_log(void *ctx, const char *kind, const char *who, const char *text) {
    program *p = ctx;
    if (p->s->json) {
        print_event(kind, who, text);
    }
    if (!p->s->quiet) {
        clear_bar(p);
        fprintf(stderr, "%-12s %s%s%s\n", kind, who, *who ? "  " : "", text);
    }
}

static double fraction_done(const mdl_coordinator_info *i) {
    double part = i->jobs > 0 ? (double)i->jobs_done / i->jobs : 0;
    return (i->generation + part) / i->generations;
}

/* How fast the experiment goes, over the last minutes. Time in which nobody may or
 * does work does not count: it says nothing of when the work is done. */
static void count_progress(program *p, double seconds) {
    const double kept = 0.97; /* of what was counted RATE_MS before: half of it after 45 s */
    mdl_coordinator_info i;
    mdl_coordinator_inform(mdl_shell_logic(p->shell), &i);
    double done = fraction_done(&i);
    if (!i.paused && i.active > 0 && (done > p->done || p->gained > 0)) {
        p->gained = p->gained * kept + (done - p->done);
        p->spent_s = p->spent_s * kept + seconds;
    }
    p->done = done;
}

/* Negative: unknown. */
static double seconds_left(const program *p, const mdl_coordinator_info *i) {
    if (i->ended) {
        return 0;
    }
    if (i->paused || i->active == 0 || !(p->gained > 0)) {
        return -1;
    }
    return (1 - fraction_done(i)) * p->spent_s / p->gained;
}

/* All updates of verified results, and how many a second. */
static void count_updates(program *p) {
    const mdl_ledger_worker *w;
    uint32_t count = mdl_ledger_workers(mdl_coordinator_ledger(mdl_shell_logic(p->shell)), &w);
    uint64_t now_ms = mdl_shell_now_ms(), updates = 0;
    for (uint32_t i = 0; i < count; i++) {
        updates += w[i].credit + w[i].pending;
    }
    if (p->updates_ms == 0) {
        p->updates_ms = now_ms;
        p->updates = updates;
    } else if (now_ms - p->updates_ms >= RATE_MS) {
        count_progress(p, (double)(now_ms - p->updates_ms) / 1000);
        p->updates_per_s = (double)(updates - p->updates) * 1000 / (double)(now_ms - p->updates_ms);
        p->updates_ms = now_ms;
        p->updates = updates;
    }
}

/* Append how the shards do: players, windows a second since the last time, and which share of the time that workers
 * had them went by without computing. */
static void tell_shards(program *p, const mdl_coordinator_info *i, char *text, size_t size) {
    size_t used = strlen(text);
    uint64_t now = mdl_shell_now_ms();
    if (now - p->windows_ms >= RATE_MS) {
        p->windows_per_s = p->windows_ms > 0 && i->windows >= p->windows
                               ? 1000 * (double)(i->windows - p->windows) / (double)(now - p->windows_ms)
                               : 0;
        p->windows = i->windows;
        p->windows_ms = now;
    }
    snprintf(text + used, size - used, " shards %" PRIu32 " %.3g windows/s %.0f %% waiting", i->players,
             p->windows_per_s, 100 * (1 - i->shard_busy));
}

static void on_show(uv_timer_t *timer) {
    program *p = timer->data;
    mdl_cli_witnesses_offer(p->witnesses, p->shell);
    mdl_coordinator_info i;
    char text[240];
    double best = 0, mean = 0;
    count_updates(p);
    mdl_coordinator_inform(mdl_shell_logic(p->shell), &i);
    if (i.generation > 0) {
        mdl_coordinator_curve(mdl_shell_logic(p->shell), i.generation - 1, &best, &mean);
    }
    snprintf(text, sizeof text,
             "generation %" PRIu32 "/%" PRIu32 " best %.4g mean %.4g workers %" PRIu32 " %.3g updates/s", i.generation,
             i.generations, best, mean, i.active, p->updates_per_s);
    if (i.players > 0) {
        tell_shards(p, &i, text, sizeof text);
    }
    mdl_progress_show(&p->progress, fraction_done(&i), text);
}

static void tell_addresses(program *p) {
    char key[65];
    mdl_hex(p->options.logic.key, MDL_KEY_BYTES, key);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "event", "listening");
    cJSON *list = cJSON_AddArrayToObject(o, "addresses");
    for (uint32_t i = 0; i < p->s->listen_count; i++) {
        char address[MDL_URL_MAX + 80];
        snprintf(address, sizeof address, "%s#%s", mdl_shell_url(p->shell, i), key);
        cJSON_AddItemToArray(list, cJSON_CreateString(address));
        if (!p->s->json) {
            printf("address  %s\n", address);
        }
    }
    cJSON_AddStringToObject(o, "vkey", mdl_shell_vkey(p->shell));
    cJSON_AddStringToObject(o, "http", p->http ? mdl_http_url(p->http) : "");
    if (p->s->json) {
        mdl_cli_print_json(o);
        return;
    }
    cJSON_Delete(o);
    printf("vkey     %s\n", mdl_shell_vkey(p->shell));
    if (p->http) {
        printf("http     %s\n", mdl_http_url(p->http));
    }
    fflush(stdout);
}

/* ---- the audit server ---- */

static void put_metric(const mdl_sink *out, const char *name, const char *kind, const char *help, double value) {
    char text[512];
    int size = snprintf(text, sizeof text, "# HELP modulon_%s %s\n# TYPE modulon_%s %s\nmodulon_%s %.17g\n", name, help,
                        name, kind, name, value);
    mdl_put_bytes(out, text, (size_t)size);
}

static void put_metrics(program *p, const mdl_sink *out) {
    mdl_coordinator_info i;
    mdl_shell_info s;
    mdl_coordinator_inform(mdl_shell_logic(p->shell), &i);
    mdl_shell_inform(p->shell, &s);
    put_metric(out, "generation", "gauge", "open generation", i.generation);
    put_metric(out, "jobs", "gauge", "jobs of the open generation", i.jobs);
    put_metric(out, "jobs_done", "gauge", "of them with a result", i.jobs_done);
    put_metric(out, "workers", "gauge", "workers admitted", i.workers);
    put_metric(out, "workers_active", "gauge", "workers heard of within a minute", i.active);
    put_metric(out, "records_total", "counter", "records of the ledger", (double)i.records);
    put_metric(out, "results_total", "counter", "results taken since the start", (double)i.results);
    put_metric(out, "leases_expired_total", "counter", "leases without a result since the start", (double)i.expired);
    put_metric(out, "refused_total", "counter", "messages refused since the start", (double)i.rejected);
    put_metric(out, "calls_total", "counter", "calls since the start", (double)s.calls);
    put_metric(out, "calls_dropped_total", "counter", "calls dropped unread", (double)s.dropped);
    put_metric(out, "bad_signatures_total", "counter", "signatures that did not verify", (double)s.bad_signatures);
    put_metric(out, "credit_total", "counter", "synapse updates credited", (double)i.credit);
    put_metric(out, "commit_ms", "gauge", "time of a group commit, smoothed", s.commit_ms);
    put_metric(out, "storage_ok", "gauge", "1 while results can be stored", i.storage_ok);
    put_metric(out, "paused", "gauge", "1 while no leases are granted", i.paused);
    put_metric(out, "best_fitness", "gauge", "best of the last closed generation, summed over its lives",
               (double)i.best / 1e6);
    if (p->witnesses) {
        mdl_witnesses_info w;
        mdl_witnesses_inform(p->witnesses, &w);
        put_metric(out, "witnessed_size", "gauge", "newest checkpoint with its quorum of witnesses",
                   (double)w.cosigned_size);
        put_metric(out, "published_size", "gauge", "newest checkpoint sent to witnesses", (double)w.offered_size);
    }
}

static void put_page(program *p, const mdl_sink *out) {
    mdl_coordinator_info i;
    char id[65];
    const mdl_coordinator *logic = mdl_shell_logic(p->shell);
    mdl_coordinator_inform(logic, &i);
    mdl_hex(p->file.experiment.id, 32, id);
    for (uint32_t k = 0; k < i.generation; k++) {
        mdl_coordinator_curve(logic, k, &p->best[k], &p->mean[k]);
    }
    mdl_page page = {.name = p->file.experiment.name,
                     .experiment_id = id,
                     .state = i.ended         ? "finished"
                              : i.paused      ? "paused"
                              : !i.storage_ok ? "no room"
                                              : "running",
                     .vkey = mdl_shell_vkey(p->shell),
                     .generation = i.generation,
                     .generations = i.generations,
                     .points = i.generation,
                     .best = p->best,
                     .mean = p->mean,
                     .workers = i.active,
                     .updates_per_s = p->updates_per_s,
                     .seconds_left = seconds_left(p, &i),
                     .updates = p->updates,
                     .records = i.records,
                     .refresh_s = i.ended ? 0 : 5};
    mdl_page_html(&page, out);
}

static mdl_err on_get(void *ctx, const char *path, uint8_t **bytes, size_t *size) {
    program *p = ctx;
    mdl_buffer b = {0};
    mdl_sink sink = mdl_buffer_sink(&b);
    if (strcmp(path, "") == 0) {
        put_page(p, &sink);
    } else if (strcmp(path, "metrics") == 0) {
        put_metrics(p, &sink);
    } else if (strcmp(path, "status.json") == 0) {
        char *text = mdl_admin_status(p->shell);
        if (!text) {
            return MDL_ENOMEM;
        }
        mdl_put_bytes(&sink, text, strlen(text));
        free(text);
    } else if (p->witnesses && strcmp(path, "checkpoint") == 0) {
        return mdl_cli_witnesses_get(p->witnesses, p->shell, bytes, size);
    } else {
        return mdl_shell_read(p->shell, path, bytes, size);
    }
    if (b.failed) {
        free(b.bytes);
        return MDL_ENOMEM;
    }
    *bytes = b.bytes;
    *size = b.size;
    return MDL_OK;
}

/* "rotate|revoke|session KEY STATEMENT": whoever can sign it may post it. */
static int on_key_change(void *ctx, const char *line, char *text, size_t text_size) {
    program *p = ctx;
    char action[8], hex[2 * MDL_KEY_BYTES + 1], statement[MDL_KEY_STATEMENT_MAX + 1], end;
    uint8_t key[MDL_KEY_BYTES];
    if (sscanf(line, "%7[a-z] %64[0-9a-f] %216[A-Za-z0-9+/=]%c", action, hex, statement, &end) != 4 || end != '\n' ||
        mdl_unhex(hex, key, sizeof key) != MDL_OK || !mdl_key_change_is(mdl_key_change_of(action), statement)) {
        snprintf(text, text_size, "write: rotate, revoke or session, the key, the statement");
        return 400;
    }
    mdl_err err =
        mdl_coordinator_admin(mdl_shell_logic(p->shell), action, key, statement, mdl_shell_now_ms(), text, text_size);
    return err == MDL_OK ? 200 : err == MDL_EIO ? 503 : err == MDL_ENOENT ? 404 : 403;
}

/* ---- life ---- */

static void stop(program *p) {
    if (p->stopping) {
        return;
    }
    p->stopping = 1;
    mdl_coordinator_info i;
    mdl_coordinator_inform(mdl_shell_logic(p->shell), &i);
    mdl_progress_end(&p->progress, fraction_done(&i),
                     i.ended ? "the experiment has ended" : "stopped; run again to go on");
    uv_close((uv_handle_t *)&p->interrupt, NULL);
    uv_close((uv_handle_t *)&p->terminate, NULL);
    uv_close((uv_handle_t *)&p->show, NULL);
    uv_close((uv_handle_t *)&p->linger, NULL);
    if (p->http) {
        mdl_http_close(p->http, NULL, NULL);
    }
    if (p->admin) {
        mdl_admin_close(p->admin, NULL, NULL);
    }
    mdl_shell_close(p->shell, NULL, NULL);
    mdl_witnesses_close(p->witnesses);
    p->witnesses = NULL;
}

static void on_signal(uv_signal_t *handle, int number) {
    (void)number;
    stop(handle->data);
}

static void on_linger(uv_timer_t *timer) { stop(timer->data); }

static void on_ended(void *ctx) {
    program *p = ctx;
    if (p->s->once && !p->stopping) {
        uv_timer_start(&p->linger, on_linger, LINGER_MS, 0); /* workers ask once more, and hear it */
    }
}

static void on_failed_later(uv_timer_t *timer) { stop(timer->data); }

static void on_failed(void *ctx, const char *text) {
    program *p = ctx;
    (void)text;
    p->code = MDL_EXIT_FAILURE;
    if (p->shell && !p->stopping) {
        uv_timer_start(&p->linger, on_failed_later, 0, 0); /* not from inside the shell */
    }
}

/* DIR/log.vkey, for the operator to hand out and for auditors that trust the first key they see. */
static mdl_err keep_vkey(program *p, char *error, size_t error_size) {
    char line[MDL_VKEY_TEXT_MAX + 1], *path = mdl_path_join(p->s->data, "log.vkey");
    int size = snprintf(line, sizeof line, "%s\n", mdl_shell_vkey(p->shell));
    mdl_err err = path ? mdl_file_write(path, line, (size_t)size, error, error_size) : MDL_ENOMEM;
    free(path);
    return err;
}

static mdl_err open_all(program *p, char *error, size_t error_size) {
    uv_timer_init(&p->loop, &p->linger);
    p->linger.data = p;
    mdl_err err = mdl_shell_open(&p->loop, &p->options, &p->shell, error, error_size);
    if (err == MDL_OK) {
        err = keep_vkey(p, error, error_size);
    }
    if (err == MDL_OK && p->s->http) {
        mdl_http_options o = {
            .listen = p->s->http, .connections_max = 256, .get = on_get, .key_change = on_key_change, .ctx = p};
        err = mdl_http_open(&p->loop, &o, &p->http, error, error_size);
    }
    if (err == MDL_OK && p->s->witnesses > 0) {
        err = mdl_cli_witnesses_open(p->s, p->shell, &p->witnesses, error, error_size);
    }
    if (err == MDL_OK) {
        err = mdl_admin_open(&p->loop, p->shell, p->s->data, &p->admin, error, error_size);
    }
    return err;
}

static int run(program *p) {
    char error[MDL_ERROR_TEXT] = "";
    mdl_coordinator_info i;
    uv_loop_init(&p->loop);
    mdl_err err = open_all(p, error, sizeof error);
    if (err != MDL_OK && !p->shell) {
        uv_close((uv_handle_t *)&p->linger, NULL);
        uv_run(&p->loop, UV_RUN_DEFAULT);
        uv_loop_close(&p->loop);
        return mdl_cli_end(err, error);
    }
    uv_signal_init(&p->loop, &p->interrupt);
    uv_signal_init(&p->loop, &p->terminate);
    uv_timer_init(&p->loop, &p->show);
    p->interrupt.data = p->terminate.data = p->show.data = p;
    mdl_coordinator_inform(mdl_shell_logic(p->shell), &i);
    p->done = fraction_done(&i);
    mdl_progress_begin(&p->progress, p->done, p->s->quiet);
    if (err != MDL_OK) {
        p->code = mdl_cli_end(err, error);
        stop(p);
    } else {
        uv_signal_start(&p->interrupt, on_signal, SIGINT);
        uv_signal_start(&p->terminate, on_signal, SIGTERM);
        uv_timer_start(&p->show, on_show, SHOW_MS, SHOW_MS);
        tell_addresses(p);
    }
    uv_run(&p->loop, UV_RUN_DEFAULT);
    uv_loop_close(&p->loop);
    return p->code;
}

/* ---- start ---- */

/* The experiment of the argument, or the one that the directory keeps. */
static mdl_err read_experiment(program *p, const char *path, char *error, size_t error_size) {
    char *kept = p->s->data ? mdl_path_join(p->s->data, "experiment.json") : NULL;
    mdl_err err = mdl_experiment_file_read(&p->file, path ? path : kept, error, error_size);
    free(kept);
    return err == MDL_OK && p->s->shards ? mdl_cli_coordinator_cut(&p->file, p->s->shards, error, error_size) : err;
}

static mdl_err keep_experiment(program *p, char *error, size_t error_size) {
    char *kept = mdl_path_join(p->s->data, "experiment.json");
    uint8_t *there = NULL;
    size_t size;
    mdl_err err = kept ? mdl_file_read(kept, MDL_EXPERIMENT_BYTES_MAX, &there, &size, error, error_size) : MDL_ENOMEM;
    if (err == MDL_OK && (size != p->file.size || memcmp(there, p->file.bytes, size) != 0)) {
        snprintf(error, error_size, "%s is another experiment's: take another directory", p->s->data);
        err = MDL_EMISMATCH;
    } else if (err == MDL_ENOENT) {
        err = mdl_file_write(kept, p->file.bytes, p->file.size, error, error_size);
    }
    free(there);
    free(kept);
    return err;
}

static mdl_err prepare(program *p, char *error, size_t error_size) {
    const mdl_coordinator_settings *s = p->s;
    mdl_shell_options *o = &p->options;
    if (mdl_cli_coordinator_is_copy(s->data)) {
        if (!s->take_over) {
            snprintf(error, error_size,
                     "%s is a copy: if the original still runs, the log would fork. When it never will again, "
                     "start with --take-over",
                     s->data);
            return MDL_EMISMATCH;
        }
        mdl_err err = mdl_cli_coordinator_take_over(s->data, error, error_size);
        if (err != MDL_OK) {
            return err;
        }
    }
    mdl_err err = mdl_make_directories(s->data, error, error_size);
    if (err == MDL_OK) {
        err = keep_experiment(p, error, error_size);
    }
    if (err == MDL_OK) {
        err = mdl_cli_admission(s->admission, &o->logic, error, error_size);
    }
    if (err == MDL_OK) {
        err = mdl_cli_coordinator_keys(s->data, &o->logic, o->log_secret, error, error_size);
    }
    uint32_t generations = p->file.experiment.evolution.generations;
    p->best = calloc(generations, sizeof *p->best);
    p->mean = calloc(generations, sizeof *p->mean);
    if (err == MDL_OK && (!p->best || !p->mean)) {
        snprintf(error, error_size, "out of memory");
        err = MDL_ENOMEM;
    }
    o->directory = s->data;
    o->document = p->file.bytes;
    o->document_size = p->file.size;
    o->listen = s->listen;
    o->listen_count = s->listen_count;
    o->tls = (mdl_tls_files){NULL, s->tls_cert, s->tls_key};
    o->logic.lease_ms = s->lease_ms;
    o->quiet = s->quiet;
    o->log = on_log;
    o->ended = on_ended;
    o->failed = on_failed;
    o->ctx = p;
    return err;
}

static int start(const mdl_coordinator_settings *s, const char *experiment) {
    char error[MDL_ERROR_TEXT] = "";
    program *p = calloc(1, sizeof *p);
    if (!p) {
        return mdl_cli_fail(MDL_EXIT_FAILURE, "out of memory");
    }
    p->s = s;
    int code;
    mdl_err err = read_experiment(p, experiment, error, sizeof error);
    if (err == MDL_OK && s->dry_run) {
        code = mdl_cli_coordinator_plan(&p->file, s);
    } else {
        if (err == MDL_OK) {
            err = prepare(p, error, sizeof error);
        }
        code = err == MDL_OK ? run(p) : mdl_cli_end(err, error);
    }
    free((void *)p->options.logic.listed);
    free((void *)p->options.logic.owners);
    free(p->best);
    free(p->mean);
    mdl_experiment_file_close(&p->file);
    sodium_memzero(p, sizeof *p);
    free(p);
    return code;
}

int mdl_cmd_coordinator(int argc, char **argv) {
    mdl_coordinator_settings s = {.admission = "open:16", .lease_ms = MDL_LEASE_MS_DEFAULT, .workers = 4};
    const char *listen = NULL, *witness = NULL;
    int first = 0;
    const mdl_option options[] = {
        {"data", MDL_OPT_TEXT, &s.data, NULL, 0, 0, "DIR", "the ledger, blobs, keys, champion"},
        {"listen", MDL_OPT_TEXT, &listen, NULL, 0, 0, "ADDR", "tcp://, tls+tcp://, ws://, ipc://; several times"},
        {"http", MDL_OPT_TEXT, &s.http, NULL, 0, 0, "HOST:PORT", "serve auditors, metrics and a page"},
        {"witness", MDL_OPT_TEXT, &witness, NULL, 0, 0, "URL#VKEY", "have checkpoints cosigned there; several times"},
        {"quorum", MDL_OPT_U32, &s.quorum, &s.has_quorum, 0, MDL_WITNESSES_MAX, "K",
         "so many cosignatures make a checkpoint good (all)"},
        {"require-quorum", MDL_OPT_FLAG, &s.require_quorum, NULL, 0, 0, NULL, "serve no checkpoint without them"},
        {"admission", MDL_OPT_TEXT, &s.admission, NULL, 0, 0, "HOW",
         "open[:BITS], list:FILE, invite[:KEY,...] (open:16)"},
        {"lease-ms", MDL_OPT_U32, &s.lease_ms, NULL, 10, 3600000, "N", "what a lease should keep a worker busy (2000)"},
        {"shards", MDL_OPT_TEXT, &s.shards, NULL, 0, 0, "S",
         "cut each network into S shards, or auto (as the experiment says)"},
        {"tls-cert", MDL_OPT_TEXT, &s.tls_cert, NULL, 0, 0, "FILE", "certificate for tls+tcp://"},
        {"tls-key", MDL_OPT_TEXT, &s.tls_key, NULL, 0, 0, "FILE", "its key"},
        {"once", MDL_OPT_FLAG, &s.once, NULL, 0, 0, NULL, "exit when the experiment has ended"},
        {"take-over", MDL_OPT_FLAG, &s.take_over, NULL, 0, 0, NULL, "the directory is a copy; its original never runs"},
        {"dry-run", MDL_OPT_FLAG, &s.dry_run, NULL, 0, 0, NULL, "say what it would cost"},
        {"workers", MDL_OPT_U32, &s.workers, NULL, 1, 10000000, "N", "dry run: size of the fleet (4)"},
        {"speed", MDL_OPT_U64, &s.speed, NULL, 0, 0, "S", "dry run: updates a second of each (as this machine)"},
        {"to", MDL_OPT_TEXT, &s.to, NULL, 0, 0, "DIR", "backup: where to"},
        {"json", MDL_OPT_FLAG, &s.json, NULL, 0, 0, NULL, "one JSON object a line on standard output"},
        {"quiet", MDL_OPT_FLAG, &s.quiet, NULL, 0, 0, NULL, "no progress and no log"},
        {NULL, MDL_OPT_FLAG, NULL, NULL, 0, 0, NULL, NULL},
    };
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0) {
        return code;
    }
    const char *argument = first < argc ? argv[first] : NULL;
    if (argument && strcmp(argument, "backup") == 0) {
        return mdl_cli_coordinator_backup(&s);
    }
    s.listen_count = mdl_cli_collect("--listen", argc, argv, s.listen, sizeof s.listen / sizeof s.listen[0]);
    s.witnesses = mdl_cli_collect("--witness", argc, argv, s.witness, MDL_WITNESSES_MAX);
    if ((s.has_quorum || s.require_quorum) && (s.witnesses == 0 || s.quorum > s.witnesses)) {
        return mdl_cli_fail(MDL_EXIT_USAGE, "coordinator: a quorum of %u with %u --witness", (unsigned)s.quorum,
                            (unsigned)s.witnesses);
    }
    if (s.witnesses > 0 && !s.http && !s.dry_run) {
        return mdl_cli_fail(MDL_EXIT_USAGE,
                            "coordinator: --witness needs --http, where cosigned checkpoints are served");
    }
    if (!s.data && !s.dry_run) {
        return mdl_cli_fail(MDL_EXIT_USAGE, "coordinator: --data is missing; see modulon coordinator --help");
    }
    if (!argument && !s.data) {
        return mdl_cli_fail(MDL_EXIT_USAGE, "coordinator: which experiment? see modulon coordinator --help");
    }
    if (s.listen_count == 0 && !s.dry_run) {
        return mdl_cli_fail(MDL_EXIT_USAGE, "coordinator: --listen is missing; see modulon coordinator --help");
    }
    return start(&s, argument);
}
