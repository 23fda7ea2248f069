/* modulon run: a coordinator and workers on this machine, as separate processes
 * over the real protocol, then the champion's score and an audit. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "cli/cli.h"
#include "protocol/digest.h"
#include "runtime/children.h"
#include "runtime/file.h"
#include "runtime/pool.h"
#include "runtime/runner.h"

enum { WORKERS_MAX = 64, ADDRESS_MAX = 640, PATH_MAX_BYTES = 1024, RESTARTS_MAX = 20, RESTART_MS = 1000 };

static const mdl_usage usage = {
    .name = "run",
    .arguments = "EXPERIMENT.json",
    .text = "Run an experiment on this machine as a fleet: a coordinator and workers as separate\n"
            "processes on loopback TCP. At the end the champion is scored on unseen lives and the\n"
            "ledger is audited. Interrupted or killed, run again goes on. A process that dies is\n"
            "started again. The champion is that of `modulon evolve`, byte for byte.",
    .examples = "  modulon run examples/tmaze-quick.json\n"
                "  modulon run examples/cue.json --workers 4 --threads 1 --full\n"
                "  modulon run examples/tmaze.json --out runs/fleet --no-audit\n"
                "  modulon run big.json --shards 4 --workers 4",
    .least = 1,
    .most = 1,
};

typedef struct settings {
    const char *out, *listen, *shards;
    uint32_t workers, threads, lease_ms;
    int json, quiet, no_audit, no_eval, full;
} settings;

typedef struct run run;

typedef struct member { /* a worker */
    run *r;
    uint32_t number, restarts;
    mdl_child *child;
    uv_timer_t again;
    char key[PATH_MAX_BYTES], data[PATH_MAX_BYTES], log[PATH_MAX_BYTES];
} member;

struct run {
    const settings *s;
    const char *experiment;
    uv_loop_t loop;
    uv_signal_t interrupt, terminate;
    uv_timer_t again;
    mdl_child *coordinator;
    uint32_t restarts;
    char directory[PATH_MAX_BYTES], ledger[PATH_MAX_BYTES];
    char url[ADDRESS_MAX], address[ADDRESS_MAX], vkey[300]; /* empty until it listens */
    member worker[WORKERS_MAX];
    int stopping, finished, code;
};

static int alive(const run *r) {
    uint32_t n = r->coordinator != NULL;
    for (uint32_t i = 0; i < r->s->workers; i++)
        n += r->worker[i].child != NULL;
    return n > 0;
}

/* Everything that is ours on the loop, when no child is left to watch. */
static void close_when_empty(run *r) {
    if (alive(r) || uv_is_closing((uv_handle_t *)&r->interrupt))
        return;
    uv_close((uv_handle_t *)&r->interrupt, NULL);
    uv_close((uv_handle_t *)&r->terminate, NULL);
    uv_close((uv_handle_t *)&r->again, NULL);
    for (uint32_t i = 0; i < r->s->workers; i++)
        uv_close((uv_handle_t *)&r->worker[i].again, NULL);
}

static void stop(run *r, int number) {
    r->stopping = 1;
    uv_timer_stop(&r->again);
    for (uint32_t i = 0; i < r->s->workers; i++) {
        uv_timer_stop(&r->worker[i].again);
        if (r->worker[i].child)
            mdl_child_signal(r->worker[i].child, number);
    }
    if (r->coordinator)
        mdl_child_signal(r->coordinator, number);
    close_when_empty(r);
}

static void give_up(run *r, const char *text) {
    if (r->code == MDL_EXIT_OK)
        r->code = mdl_cli_fail(MDL_EXIT_FAILURE, "run: %s", text);
    stop(r, SIGTERM);
}

/* ---- workers ---- */

static void on_worker_ended(void *ctx, int status);

static void start_worker(member *m) {
    run *r = m->r;
    char threads[16], memory[24], error[MDL_ERROR_TEXT];
    snprintf(threads, sizeof threads, "%" PRIu32, r->s->threads);
    /* Half of the machine's, for all of them. */
    snprintf(memory, sizeof memory, "%" PRIu64, (uv_get_total_memory() >> 21) / r->s->workers);
    const char *arguments[] = {"worker", "--coordinator", r->address, "--threads", threads,    "--key", m->key,
                               "--data", m->data,         "--status", "10",        "--memory", memory,  NULL};
    mdl_child_options o = {.arguments = arguments, .log = m->log, .ended = on_worker_ended, .ctx = m};
    if (mdl_child_start(&r->loop, &o, &m->child, error, sizeof error) != MDL_OK)
        give_up(r, error);
}

static void on_again_worker(uv_timer_t *timer) {
    member *m = timer->data;
    if (!m->child && !m->r->stopping && !m->r->finished)
        start_worker(m);
}

static void on_worker_ended(void *ctx, int status) {
    member *m = ctx;
    run *r = m->r;
    m->child = NULL;
    if (!r->stopping && !r->finished && status != 0) {
        char text[PATH_MAX_BYTES + 100];
        snprintf(text, sizeof text, "worker %" PRIu32 " fails again and again (status %d): see %s", m->number, status,
                 m->log);
        if (++m->restarts > RESTARTS_MAX)
            give_up(r, text);
        else
            uv_timer_start(&m->again, on_again_worker, RESTART_MS, 0);
    }
    close_when_empty(r);
}

/* ---- the coordinator ---- */

static void start_coordinator(run *r);

static void on_line(void *ctx, const char *text) {
    run *r = ctx;
    cJSON *o = cJSON_Parse(text);
    const cJSON *event = cJSON_GetObjectItemCaseSensitive(o, "event");
    if (r->s->json) {
        printf("%s\n", text);
        fflush(stdout);
    }
    if (cJSON_IsString(event) && strcmp(event->valuestring, "listening") == 0) {
        const cJSON *address = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(o, "addresses"), 0);
        const cJSON *vkey = cJSON_GetObjectItemCaseSensitive(o, "vkey");
        if (cJSON_IsString(address) && cJSON_IsString(vkey)) {
            snprintf(r->address, sizeof r->address, "%s", address->valuestring);
            snprintf(r->vkey, sizeof r->vkey, "%s", vkey->valuestring);
            snprintf(r->url, sizeof r->url, "%s", address->valuestring);
            r->url[strcspn(r->url, "#")] = '\0'; /* started again, it listens where its workers look */
            for (uint32_t i = 0; i < r->s->workers && !r->stopping; i++)
                if (!r->worker[i].child)
                    start_worker(&r->worker[i]);
        }
    }
    cJSON_Delete(o);
}

static void on_again(uv_timer_t *timer) {
    run *r = timer->data;
    if (!r->stopping)
        start_coordinator(r);
}

static void on_coordinator_ended(void *ctx, int status) {
    run *r = ctx;
    r->coordinator = NULL;
    if (r->stopping) {
        close_when_empty(r);
        return;
    }
    if (status == 0) { /* --once: the experiment has ended */
        r->finished = 1;
        for (uint32_t i = 0; i < r->s->workers; i++)
            if (r->worker[i].child) /* those that heard of the end are leaving; the others may */
                mdl_child_signal(r->worker[i].child, SIGTERM);
        close_when_empty(r);
    } else if (status == MDL_EXIT_USAGE || !r->url[0] || ++r->restarts > RESTARTS_MAX) {
        r->code = status > 0 ? status : MDL_EXIT_FAILURE;
        stop(r, SIGTERM);
    } else {
        fprintf(stderr, "modulon: run: the coordinator died (status %d): starting it again\n", status);
        uv_timer_start(&r->again, on_again, RESTART_MS, 0);
    }
}

static void start_coordinator(run *r) {
    char lease[16], error[MDL_ERROR_TEXT];
    const char *arguments[24] = {
        "coordinator", r->experiment, "--data", r->ledger, "--listen", r->url[0] ? r->url : r->s->listen,
        "--admission", "open:0",      "--once", "--json"};
    size_t n = 10;
    if (r->s->lease_ms) {
        snprintf(lease, sizeof lease, "%" PRIu32, r->s->lease_ms);
        arguments[n++] = "--lease-ms";
        arguments[n++] = lease;
    }
    if (r->s->shards) {
        arguments[n++] = "--shards";
        arguments[n++] = r->s->shards;
    }
    if (r->s->quiet)
        arguments[n++] = "--quiet";
    mdl_child_options o = {.arguments = arguments, .line = on_line, .ended = on_coordinator_ended, .ctx = r};
    if (mdl_child_start(&r->loop, &o, &r->coordinator, error, sizeof error) != MDL_OK)
        give_up(r, error);
}

/* On a terminal the children have had the same signal; a second one does no harm. */
static void on_signal(uv_signal_t *handle, int number) {
    (void)number;
    stop(handle->data, SIGTERM);
}

static int fleet(run *r) {
    uv_loop_init(&r->loop);
    uv_signal_init(&r->loop, &r->interrupt);
    uv_signal_init(&r->loop, &r->terminate);
    uv_timer_init(&r->loop, &r->again);
    r->interrupt.data = r->terminate.data = r->again.data = r;
    for (uint32_t i = 0; i < r->s->workers; i++) {
        member *m = &r->worker[i];
        m->r = r;
        m->number = i;
        snprintf(m->data, sizeof m->data, "%.900s/worker-%" PRIu32, r->directory, i);
        snprintf(m->key, sizeof m->key, "%.900s/worker-%" PRIu32 ".key", r->directory, i);
        snprintf(m->log, sizeof m->log, "%.900s/worker-%" PRIu32 ".log", r->directory, i);
        uv_timer_init(&r->loop, &m->again);
        m->again.data = m;
    }
    uv_signal_start(&r->interrupt, on_signal, SIGINT);
    uv_signal_start(&r->terminate, on_signal, SIGTERM);
    start_coordinator(r);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    uv_loop_close(&r->loop);
    return r->code;
}

/* ---- afterwards ---- */

static void on_after(void *ctx, int status) { *(int *)ctx = status; }

/* Run one more subcommand, with our standard streams; its exit status. */
static int after(const char *const *arguments) {
    uv_loop_t loop;
    mdl_child *child;
    char error[MDL_ERROR_TEXT];
    int status = MDL_EXIT_FAILURE;
    fflush(stdout);
    uv_loop_init(&loop);
    mdl_child_options o = {.arguments = arguments, .ended = on_after, .ctx = &status};
    if (mdl_child_start(&loop, &o, &child, error, sizeof error) != MDL_OK)
        mdl_cli_fail(MDL_EXIT_FAILURE, "run: %s", error);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return status < 0 ? MDL_EXIT_FAILURE : status;
}

static int score_and_audit(const run *r) {
    char champion[PATH_MAX_BYTES + 32];
    snprintf(champion, sizeof champion, "%s/champion.safetensors", r->ledger);
    const settings *s = r->s;
    const char *eval[] = {"eval", champion, s->json ? "--json" : NULL, NULL};
    const char *audit[10] = {"audit", r->ledger, "--vkey", r->vkey};
    size_t n = 4;
    if (s->full)
        audit[n++] = "--full";
    if (s->json)
        audit[n++] = "--json";
    if (s->quiet)
        audit[n++] = "--quiet";
    if (!s->json)
        printf("champion    %s\n", champion);
    int code = s->no_eval ? MDL_EXIT_OK : after(eval);
    if (code != MDL_EXIT_OK || s->no_audit)
        return code;
    if (!s->json)
        printf("\naudit       modulon audit %s --vkey %s\n", r->ledger, r->vkey);
    return after(audit);
}

static mdl_err place(run *r, char *error, size_t error_size) {
    mdl_experiment_file file;
    mdl_err err = mdl_experiment_file_read(&file, r->experiment, error, error_size);
    if (err != MDL_OK)
        return err;
    char id[65];
    mdl_hex(file.experiment.id, 32, id);
    if (r->s->out)
        snprintf(r->directory, sizeof r->directory, "%.900s", r->s->out);
    else
        snprintf(r->directory, sizeof r->directory, "runs/%s-%.8s-fleet%s%.8s", file.experiment.name, id,
                 r->s->shards ? "-shards-" : "", r->s->shards ? r->s->shards : "");
    snprintf(r->ledger, sizeof r->ledger, "%.900s/ledger", r->directory);
    mdl_experiment_file_close(&file);
    return mdl_make_directories(r->directory, error, error_size);
}

int mdl_cmd_run(int argc, char **argv) {
    settings s = {.listen = "tcp://127.0.0.1:0", .threads = 1};
    const mdl_option options[] = {
        {"out", MDL_OPT_TEXT, &s.out, NULL, 0, 0, "DIR", "ledger, workers' keys and logs (runs/NAME-ID-fleet)"},
        {"workers", MDL_OPT_U32, &s.workers, NULL, 1, WORKERS_MAX, "N", "worker processes (all CPUs)"},
        {"threads", MDL_OPT_U32, &s.threads, NULL, 1, MDL_THREADS_MAX, "N", "threads of each worker (1)"},
        {"listen", MDL_OPT_TEXT, &s.listen, NULL, 0, 0, "ADDR", "where the coordinator listens (tcp://127.0.0.1:0)"},
        {"shards", MDL_OPT_TEXT, &s.shards, NULL, 0, 0, "S",
         "cut each network into S shards, or auto (as the experiment says)"},
        {"lease-ms", MDL_OPT_U32, &s.lease_ms, NULL, 1, 600000, "N", "what a lease should keep a worker busy (2000)"},
        {"full", MDL_OPT_FLAG, &s.full, NULL, 0, 0, NULL, "audit: compute every result again"},
        {"no-audit", MDL_OPT_FLAG, &s.no_audit, NULL, 0, 0, NULL, "no audit at the end"},
        {"no-eval", MDL_OPT_FLAG, &s.no_eval, NULL, 0, 0, NULL, "no score of the champion"},
        {"quiet", MDL_OPT_FLAG, &s.quiet, NULL, 0, 0, NULL, "no progress"},
        {"json", MDL_OPT_FLAG, &s.json, NULL, 0, 0, NULL, "one JSON object a line on stdout"},
        {0},
    };
    char error[MDL_ERROR_TEXT];
    int first;
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (s.workers == 0)
        s.workers = mdl_cpu_count() < WORKERS_MAX ? mdl_cpu_count() : WORKERS_MAX;
    run *r = calloc(1, sizeof *r);
    if (!r)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "out of memory");
    r->s = &s;
    r->experiment = argv[first];
    mdl_err err = place(r, error, sizeof error);
    if (err != MDL_OK) {
        code = mdl_cli_end(err, error);
    } else {
        code = fleet(r);
        if (code == MDL_EXIT_OK && r->finished)
            code = score_and_audit(r);
        else if (code == MDL_EXIT_OK)
            fprintf(stderr, "modulon: run: stopped; to go on: modulon run %s --out %s\n", r->experiment, r->directory);
    }
    free(r);
    return code;
}
