#include "coordinator/admin.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "coordinator/admin_request.h"
#include "coordinator/shell_internal.h"
#include "core/assert.h"

enum { VISITORS_MAX = 16, PATIENCE_MS = 10000 };

struct mdl_admin {
    uv_pipe_t listener;
    mdl_shell *shell;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    struct visitor *first;
    uint32_t visitors;
    int closing;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

typedef struct visitor {
    mdl_admin *admin;
    struct visitor *next;
    uv_pipe_t pipe;
    uv_timer_t patience;
    uv_write_t write;
    int handles, waiting, gone; /* waiting: for a record to be durable */
    size_t used;
    char line[MDL_ADMIN_LINE_MAX];
    char *answer;
} visitor;

static void maybe_gone(mdl_admin *a) {
    if (a->closing && a->visitors == 0 && a->listener.data == NULL) {
        void (*closed)(void *ctx) = a->closed;
        void *ctx = a->closed_ctx;
        free(a);
        if (closed) {
            closed(ctx);
        }
    }
}

/* ---- answers ---- */

static char *print_and_delete(cJSON *o) {
    char *text = cJSON_PrintUnformatted(o);
    cJSON_Delete(o);
    return text;
}

static char *refusal(const char *error) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddBoolToObject(o, "ok", 0);
    cJSON_AddStringToObject(o, "error", error);
    return print_and_delete(o);
}

/* 64-bit numbers are strings, as everywhere. */
static void add_u64(cJSON *o, const char *name, uint64_t v) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, v);
    cJSON_AddStringToObject(o, name, text);
}

static void add_hex(cJSON *o, const char *name, const uint8_t *bytes) {
    char text[65];
    mdl_hex(bytes, 32, text);
    cJSON_AddStringToObject(o, name, text);
}

char *mdl_admin_status(mdl_shell *shell) {
    mdl_coordinator_info i;
    mdl_shell_info s;
    const mdl_ledger *l = mdl_coordinator_ledger(mdl_shell_logic(shell));
    const mdl_experiment *x = mdl_ledger_experiment(l);
    mdl_coordinator_inform(mdl_shell_logic(shell), &i);
    mdl_shell_inform(shell, &s);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddBoolToObject(o, "ok", 1);
    cJSON_AddStringToObject(o, "experiment", x->name);
    add_hex(o, "experiment_id", x->id);
    cJSON_AddStringToObject(o, "state", i.ended ? "ended" : i.paused ? "paused" : i.storage_ok ? "running" : "no room");
    cJSON_AddNumberToObject(o, "generation", i.generation);
    cJSON_AddNumberToObject(o, "generations", i.generations);
    cJSON_AddNumberToObject(o, "jobs", i.jobs);
    cJSON_AddNumberToObject(o, "jobs_done", i.jobs_done);
    cJSON_AddNumberToObject(o, "jobs_leased", i.jobs_leased);
    cJSON_AddNumberToObject(o, "best", (double)i.best / 1e6);
    cJSON_AddNumberToObject(o, "workers", i.workers);
    cJSON_AddNumberToObject(o, "sessions", i.sessions);
    cJSON_AddNumberToObject(o, "active", i.active);
    cJSON_AddNumberToObject(o, "banned", i.banned);
    add_u64(o, "records", i.records);
    add_u64(o, "durable", i.durable);
    add_u64(o, "results", i.results);
    add_u64(o, "checks", i.checks);
    add_u64(o, "verdicts", i.verdicts);
    add_u64(o, "reviewed", i.reviewed);
    add_u64(o, "corrected", i.corrected);
    add_u64(o, "expired", i.expired);
    add_u64(o, "duplicates", i.duplicates);
    add_u64(o, "rejected", i.rejected);
    add_u64(o, "credit", i.credit);
    cJSON_AddNumberToObject(o, "sharded_jobs", i.stages);
    cJSON_AddNumberToObject(o, "shards", i.shards);
    cJSON_AddNumberToObject(o, "players", i.players);
    add_u64(o, "windows", i.windows);
    add_u64(o, "windows_open", i.windows_open);
    add_u64(o, "windows_replayed", i.played);
    cJSON_AddNumberToObject(o, "shards_busy", i.shard_busy);
    add_u64(o, "calls", s.calls);
    add_u64(o, "dropped", s.dropped);
    add_u64(o, "bad_signatures", s.bad_signatures);
    add_u64(o, "batches", s.batches);
    cJSON_AddNumberToObject(o, "commit_ms", s.commit_ms);
    cJSON_AddStringToObject(o, "trouble", s.trouble);
    cJSON_AddStringToObject(o, "vkey", mdl_shell_vkey(shell));
    cJSON_AddStringToObject(o, "checkpoint", s.checkpoint);
    return print_and_delete(o);
}

static char *list_workers(mdl_shell *shell) {
    mdl_coordinator_info i;
    const mdl_coordinator *logic = mdl_shell_logic(shell);
    const mdl_ledger *ledger = mdl_coordinator_ledger(logic);
    int verifies = mdl_ledger_size(ledger) > 0 && mdl_ledger_verifies(ledger);
    uint64_t now_ms = mdl_shell_now_ms();
    mdl_coordinator_inform(logic, &i);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddBoolToObject(o, "ok", 1);
    uint32_t shown = i.workers < MDL_ADMIN_WORKERS_MAX ? i.workers : MDL_ADMIN_WORKERS_MAX;
    cJSON_AddNumberToObject(o, "not_shown", i.workers - shown);
    cJSON *list = cJSON_AddArrayToObject(o, "workers");
    for (uint32_t k = 0; k < shown; k++) {
        mdl_coordinator_worker_info w;
        mdl_coordinator_worker(logic, k, &w);
        cJSON *item = cJSON_CreateObject();
        add_hex(item, "key", w.worker->key);
        add_hex(item, "owner", w.worker->owner);
        cJSON_AddStringToObject(item, "name", w.worker->name);
        cJSON_AddBoolToObject(item, "session", w.session);
        cJSON_AddBoolToObject(item, "banned", w.worker->banned != 0);
        cJSON_AddNumberToObject(item, "leases", w.leases);
        cJSON_AddNumberToObject(item, "lives_per_s", w.lives);
        cJSON_AddNumberToObject(item, "silent_s", w.heard_ms ? (double)(now_ms - w.heard_ms) / 1000 : -1);
        add_u64(item, "accepted", w.worker->accepted);
        add_u64(item, "expired", w.worker->expired);
        add_u64(item, "credit", w.worker->credit);
        add_u64(item, "pending", w.worker->pending);
        add_u64(item, "waiting", w.worker->waiting);
        add_u64(item, "forfeited", w.worker->forfeited);
        add_u64(item, "convicted", w.worker->verdict);
        cJSON_AddNumberToObject(item, "reviewed", w.worker->reviewed);
        cJSON_AddNumberToObject(item, "corrected", w.worker->corrected);
        cJSON_AddNumberToObject(item, "verified", w.worker->verified);
        cJSON_AddBoolToObject(item, "probation", verifies && !mdl_ledger_trusted(ledger, k));
        cJSON_AddItemToArray(list, item);
    }
    return print_and_delete(o);
}

static char *export_now(mdl_shell *shell) {
    char error[512];
    if (mdl_shell_export(shell, error, sizeof error) != MDL_OK) {
        return refusal(error);
    }
    cJSON *o = cJSON_CreateObject();
    char path[4096];
    snprintf(path, sizeof path, "%s/champion.safetensors", shell->options.directory);
    cJSON_AddBoolToObject(o, "ok", 1);
    cJSON_AddStringToObject(o, "file", path);
    return print_and_delete(o);
}

/* ---- visitors ---- */

static void visitor_handle_gone(uv_handle_t *handle) {
    visitor *v = handle->data;
    if (--v->handles > 0) {
        return;
    }
    mdl_admin *a = v->admin;
    visitor **at = &a->first;
    while (*at != v) {
        at = &(*at)->next;
    }
    *at = v->next;
    a->visitors--;
    free(v->answer);
    free(v);
    maybe_gone(a);
}

static void dismiss(visitor *v) {
    if (v->gone) {
        return;
    }
    v->gone = 1;
    uv_close((uv_handle_t *)&v->pipe, visitor_handle_gone);
    uv_close((uv_handle_t *)&v->patience, visitor_handle_gone);
}

static void written(uv_write_t *write, int status) {
    (void)status;
    dismiss(write->data);
}

/* Takes the text. */
static void answer(visitor *v, char *text) {
    v->answer = text;
    if (v->gone || !text) {
        dismiss(v);
        return;
    }
    size_t size = strlen(text);
    text[size] = '\n'; /* in place of the terminator */
    uv_buf_t buffer = uv_buf_init(text, (unsigned)size + 1);
    v->write.data = v;
    uv_read_stop((uv_stream_t *)&v->pipe);
    if (uv_write(&v->write, (uv_stream_t *)&v->pipe, &buffer, 1, written) != 0) {
        dismiss(v);
    }
}

static void on_durable(void *ctx) {
    visitor *v = ctx;
    v->waiting = 0;
    MDL_ASSERT(!v->gone);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddBoolToObject(o, "ok", 1);
    answer(v, print_and_delete(o));
}

static void act(visitor *v, const mdl_admin_request *r) {
    mdl_shell *shell = v->admin->shell;
    char error[256];
    mdl_err err = mdl_coordinator_admin(mdl_shell_logic(shell), r->action, r->has_key ? r->key : NULL, r->reason,
                                        mdl_shell_now_ms(), error, sizeof error);
    if (err != MDL_OK) {
        answer(v, refusal(error));
        return;
    }
    v->waiting = 1;
    if (!mdl_shell_when_durable(shell, on_durable, v)) {
        v->waiting = 0;
        answer(v, refusal("out of memory; it is being written all the same"));
    }
}

static void serve(visitor *v, size_t size) {
    mdl_admin_request r;
    const char *why = mdl_admin_request_parse(v->line, size, &r);
    if (why) {
        answer(v, refusal(why));
    } else if (strcmp(r.action, "status") == 0) {
        answer(v, mdl_admin_status(v->admin->shell));
    } else if (strcmp(r.action, "workers") == 0) {
        answer(v, list_workers(v->admin->shell));
    } else if (strcmp(r.action, "export") == 0) {
        answer(v, export_now(v->admin->shell));
    } else {
        act(v, &r);
    }
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer) {
    visitor *v = handle->data;
    (void)wanted;
    *buffer = uv_buf_init(v->line + v->used, (unsigned)(MDL_ADMIN_LINE_MAX - v->used));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
    visitor *v = stream->data;
    (void)buffer;
    if (size < 0) {
        if (!v->waiting) {
            dismiss(v);
        }
        return;
    }
    v->used += (size_t)size;
    const char *end = memchr(v->line, '\n', v->used);
    if (end) {
        uv_read_stop(stream);
        serve(v, (size_t)(end - v->line));
    } else if (v->used == MDL_ADMIN_LINE_MAX) {
        answer(v, refusal("the line is too long"));
    }
}

static void on_patience(uv_timer_t *timer) {
    visitor *v = timer->data;
    if (!v->waiting) {
        dismiss(v);
    }
}

static void on_visitor(uv_stream_t *listener, int status) {
    mdl_admin *a = listener->data;
    visitor *v = status == 0 ? calloc(1, sizeof *v) : NULL;
    if (!v) {
        return;
    }
    v->admin = a;
    v->handles = 2;
    v->next = a->first;
    a->first = v;
    a->visitors++;
    uv_pipe_init(listener->loop, &v->pipe, 0);
    uv_timer_init(listener->loop, &v->patience);
    v->pipe.data = v->patience.data = v;
    if (uv_accept(listener, (uv_stream_t *)&v->pipe) != 0 || a->visitors > VISITORS_MAX ||
        uv_read_start((uv_stream_t *)&v->pipe, on_room, on_read) != 0) {
        dismiss(v);
        return;
    }
    uv_timer_start(&v->patience, on_patience, PATIENCE_MS, 0);
}

/* ---- life ---- */

static mdl_err socket_path(const char *directory, char *out, size_t size, char *error, size_t error_size) {
    int length = snprintf(out, size, "%s/admin.sock", directory);
    if (length < 0 || (size_t)length >= size) {
        snprintf(error, error_size, "%s/admin.sock is too long for a socket's path", directory);
        return MDL_ESIZE;
    }
    return MDL_OK;
}

static void listener_gone(uv_handle_t *handle) {
    mdl_admin *a = handle->data;
    a->listener.data = NULL;
    maybe_gone(a);
}

mdl_err mdl_admin_open(uv_loop_t *loop, mdl_shell *shell, const char *directory, mdl_admin **out, char *error,
                       size_t error_size) {
    *out = NULL;
    mdl_admin *a = calloc(1, sizeof *a);
    if (!a) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    mdl_err err = socket_path(directory, a->path, sizeof a->path, error, error_size);
    if (err != MDL_OK) {
        free(a);
        return err;
    }
    a->shell = shell;
    uv_pipe_init(loop, &a->listener, 0);
    a->listener.data = a;
    unlink(a->path);
    mode_t before = umask(0177);
    int status = uv_pipe_bind(&a->listener, a->path);
    umask(before);
    if (status == 0) {
        status = uv_listen((uv_stream_t *)&a->listener, VISITORS_MAX, on_visitor);
    }
    if (status != 0) {
        snprintf(error, error_size, "%s: %s", a->path, uv_strerror(status));
        a->closing = 1;
        uv_close((uv_handle_t *)&a->listener, listener_gone);
        return MDL_EIO;
    }
    *out = a;
    return MDL_OK;
}

void mdl_admin_close(mdl_admin *a, void (*closed)(void *ctx), void *ctx) {
    a->closing = 1;
    a->closed = closed;
    a->closed_ctx = ctx;
    for (visitor *v = a->first; v; v = v->next) {
        dismiss(v);
    }
    uv_close((uv_handle_t *)&a->listener, listener_gone); /* removes the socket's file */
}
