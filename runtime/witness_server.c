#include "runtime/witness_server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/assert.h"
#include "protocol/digest.h"
#include "runtime/file.h"
#include "runtime/http_server.h"

enum { CONNECTIONS_MAX = 64, PATH_ROOM = 4096, ORIGIN_HEX = 2 * MDL_HASH_BYTES };

typedef struct witnessed {
    mdl_vkey key;
    mdl_witness_state state;
    char hex[ORIGIN_HEX + 1];
    char *note; /* newest, as it is shown; NULL: none yet */
    size_t note_size;
} witnessed;

struct mdl_witness_server {
    mdl_witness_options o;
    mdl_http_server *http;
    int lock;
    char directory[PATH_ROOM - 128];
    uint32_t logs;
    witnessed log[MDL_WITNESS_LOGS_MAX];
};

void mdl_witness_origin_hex(const char *origin, char out[2 * MDL_HASH_BYTES + 1]) {
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const uint8_t *)origin, strlen(origin));
    mdl_hex(hash, sizeof hash, out);
}

/* ---- what is kept ---- */

static void path_of(const mdl_witness_server *w, const witnessed *l, char out[PATH_ROOM]) {
    snprintf(out, PATH_ROOM, "%s/%s.witness", w->directory, l->hex);
}

/* Take over a kept note, which must carry the log's signature and ours. */
static mdl_err take_kept(const mdl_witness_server *w, witnessed *l, mdl_text bytes) {
    mdl_witness_kept k;
    mdl_checkpoint c;
    mdl_log_policy policy = {.log = l->key, .quorum = 1, .witness_count = 1, .witness = {w->o.key}};
    mdl_err err = mdl_witness_kept_parse(bytes, &k);
    if (err == MDL_OK)
        err = mdl_checkpoint_verify(k.note, &policy, &c, NULL);
    if (err != MDL_OK)
        return err == MDL_ENOENT ? MDL_ESIGNATURE : err;
    l->note = malloc(k.note.size);
    if (!l->note)
        return MDL_ENOMEM;
    memcpy(l->note, k.note.at, k.note.size);
    l->note_size = k.note.size;
    l->state = (mdl_witness_state){c.size, c.root};
    return MDL_OK;
}

static mdl_err load(mdl_witness_server *w, witnessed *l, char *error, size_t error_size) {
    char path[PATH_ROOM];
    uint8_t *bytes;
    size_t size;
    mdl_witness_begin(&l->state);
    path_of(w, l, path);
    mdl_err err = mdl_file_read(path, MDL_WITNESS_STATE_MAX, &bytes, &size, error, error_size);
    if (err == MDL_ENOENT)
        return MDL_OK;
    if (err != MDL_OK)
        return err;
    err = take_kept(w, l, (mdl_text){(const char *)bytes, size});
    if (err != MDL_OK)
        snprintf(error, error_size,
                 "%s: %s. It says what was cosigned for %s; without it this witness could be made to sign a fork", path,
                 mdl_strerror((int)err), l->key.name);
    free(bytes);
    return err;
}

/* The note without the lines of others, our line at its end. The caller free()s it. */
static char *note_with(const witnessed *l, mdl_text received, mdl_text line, size_t *size) {
    mdl_note note;
    uint32_t kept = 0;
    if (mdl_note_parse(received, &note) != MDL_OK)
        return NULL;
    for (uint32_t i = 0; i < note.count; i++)
        if (memcmp(note.signature[i].id, l->key.id, sizeof l->key.id) == 0 &&
            mdl_text_equal(note.signature[i].name, mdl_text_of(l->key.name)) && kept == 0)
            note.signature[kept++] = note.signature[i];
    note.count = kept;
    mdl_text_out out = {malloc(received.size + line.size), received.size + line.size, 0};
    if (out.at) {
        mdl_note_put(&note, &out);
        mdl_text_put(&out, line.at, line.size);
        *size = out.size;
    }
    return out.at;
}

static mdl_err store(const mdl_witness_server *w, const witnessed *l, mdl_text note, char *error, size_t error_size) {
    char path[PATH_ROOM];
    mdl_witness_kept k = {mdl_text_of(l->key.name), note};
    mdl_text_out out = {malloc(MDL_WITNESS_STATE_MAX), MDL_WITNESS_STATE_MAX, 0};
    if (!out.at) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    mdl_witness_kept_put(&k, &out);
    path_of(w, l, path);
    mdl_err err = mdl_file_write(path, out.at, out.size, error, error_size);
    free(out.at);
    return err;
}

/* ---- calls ---- */

static void reply_text(mdl_http_reply *out, int status, const char *text, size_t size) {
    out->body = malloc(size + 1);
    out->status = out->body ? status : 503;
    if (out->body) {
        memcpy(out->body, text, size);
        out->size = size;
    }
}

/* Cosign, store, and only then answer. */
static int cosign(mdl_witness_server *w, witnessed *l, mdl_text body, const mdl_witness_state *next,
                  mdl_http_reply *out, char *error, size_t error_size) {
    mdl_witness_request r;
    mdl_note note;
    char line[MDL_NOTE_LINE_MAX];
    mdl_text_out text = {line, sizeof line, 0};
    size_t size = 0;
    if (mdl_witness_request_parse(body, &r) != MDL_OK || mdl_note_parse(r.checkpoint, &note) != MDL_OK ||
        mdl_checkpoint_cosign(note.text, &w->o.key, w->o.secret, w->o.now_s(w->o.ctx), &text) != MDL_OK)
        return 503;
    char *kept = note_with(l, r.checkpoint, (mdl_text){line, text.size}, &size);
    if (!kept || store(w, l, (mdl_text){kept, size}, error, error_size) != MDL_OK) {
        free(kept);
        return 503;
    }
    l->state = *next;
    free(l->note);
    l->note = kept;
    l->note_size = size;
    reply_text(out, 200, line, text.size);
    return out->status;
}

/* The log that a request names; NULL with the status: 400 for its form, 404 for another log. */
static witnessed *log_of(mdl_witness_server *w, mdl_text body, int *status) {
    mdl_witness_request r;
    mdl_note note;
    mdl_checkpoint c;
    *status = 400;
    if (mdl_witness_request_parse(body, &r) != MDL_OK || mdl_note_parse(r.checkpoint, &note) != MDL_OK ||
        mdl_checkpoint_parse(note.text, &c) != MDL_OK)
        return NULL;
    *status = 404;
    for (uint32_t i = 0; i < w->logs; i++)
        if (mdl_text_equal(c.origin, mdl_text_of(w->log[i].key.name)))
            return &w->log[i];
    return NULL;
}

static void tell(const mdl_witness_server *w, const witnessed *l, int status, const char *trouble) {
    if (w->o.told)
        w->o.told(w->o.ctx, l ? l->key.name : "", status, l ? l->state.size : 0, trouble);
}

static void add_checkpoint(mdl_witness_server *w, mdl_text body, mdl_http_reply *out) {
    mdl_witness_state next;
    mdl_checkpoint c;
    char error[512] = "";
    witnessed *l = log_of(w, body, &out->status);
    if (!l) {
        tell(w, NULL, out->status, "");
        return;
    }
    out->status = mdl_witness_decide(&l->state, &l->key, body, &next, &c);
    if (out->status == 200) {
        out->status = cosign(w, l, body, &next, out, error, sizeof error);
    } else if (out->status == 409) {
        char size[32];
        int n = snprintf(size, sizeof size, "%" PRIu64 "\n", l->state.size);
        out->type = "text/x.tlog.size";
        reply_text(out, 409, size, (size_t)n);
    }
    tell(w, l, out->status, error);
}

static void serve(void *ctx, const mdl_http_request *r, const uint8_t *body, mdl_http_reply *out) {
    mdl_witness_server *w = ctx;
    if (r->post) {
        if (strcmp(r->path, "/add-checkpoint") == 0)
            add_checkpoint(w, (mdl_text){(const char *)body, r->body_size}, out);
        return;
    }
    for (uint32_t i = 0; i < w->logs; i++) {
        const witnessed *l = &w->log[i];
        if (l->note && strncmp(r->path + 1, l->hex, ORIGIN_HEX) == 0 &&
            strcmp(r->path + 1 + ORIGIN_HEX, "/checkpoint") == 0)
            reply_text(out, 200, l->note, l->note_size);
    }
}

/* ---- opening and closing ---- */

static mdl_err take_lock(mdl_witness_server *w, char *error, size_t error_size) {
    char path[PATH_ROOM];
    struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    snprintf(path, sizeof path, "%s/lock", w->directory);
    w->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (w->lock < 0) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        return MDL_EIO;
    }
    if (fcntl(w->lock, F_SETLK, &f) != 0) {
        snprintf(error, error_size, "%s is another witness's: it is running", w->directory);
        return MDL_EMISMATCH;
    }
    return MDL_OK;
}

static mdl_err take_logs(mdl_witness_server *w, const mdl_witness_options *o, char *error, size_t error_size) {
    if (o->logs < 1 || o->logs > MDL_WITNESS_LOGS_MAX) {
        snprintf(error, error_size, "a witness watches 1 to %d logs", MDL_WITNESS_LOGS_MAX);
        return MDL_ERANGE;
    }
    MDL_ASSERT(o->log);
    for (uint32_t i = 0; i < o->logs; i++) {
        witnessed *l = &w->log[i];
        l->key = o->log[i];
        mdl_witness_origin_hex(l->key.name, l->hex);
        mdl_err err = l->key.type == MDL_NOTE_TYPE_ED25519 ? MDL_OK : MDL_ETYPE;
        if (memcmp(l->key.key, o->key.key, sizeof l->key.key) == 0)
            err = MDL_EKEY;
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(w->log[k].key.name, l->key.name) == 0)
                err = MDL_EKEY;
        if (err != MDL_OK) {
            snprintf(error, error_size, "the log %s: %s", l->key.name,
                     err == MDL_EKEY ? "named twice, or it has the witness's own key" : "this is no key of a log");
            return err;
        }
        w->logs = i + 1;
        err = load(w, l, error, error_size);
        if (err != MDL_OK)
            return err;
    }
    return MDL_OK;
}

static void release(void *ctx) {
    mdl_witness_server *w = ctx;
    for (uint32_t i = 0; i < w->logs; i++)
        free(w->log[i].note);
    if (w->lock >= 0)
        close(w->lock);
    sodium_memzero(w->o.secret, sizeof w->o.secret);
    free(w);
}

mdl_err mdl_witness_server_open(uv_loop_t *loop, const mdl_witness_options *options, mdl_witness_server **out,
                                char *error, size_t error_size) {
    mdl_witness_server *w = calloc(1, sizeof *w);
    *out = NULL;
    if (!w) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    w->o = *options;
    w->o.log = NULL; /* the caller's */
    w->lock = -1;
    mdl_http_server_options h = {.listen = options->listen,
                                 .connections_max = CONNECTIONS_MAX,
                                 .body_max = MDL_WITNESS_REQUEST_MAX,
                                 .serve = serve,
                                 .ctx = w};
    mdl_err err = MDL_OK;
    if ((size_t)snprintf(w->directory, sizeof w->directory, "%s", options->directory) >= sizeof w->directory) {
        snprintf(error, error_size, "the directory's path is too long");
        err = MDL_ESIZE;
    }
    if (err == MDL_OK)
        err = mdl_make_directories(w->directory, error, error_size);
    if (err == MDL_OK)
        err = take_lock(w, error, error_size);
    if (err == MDL_OK)
        err = take_logs(w, options, error, error_size);
    if (err == MDL_OK)
        err = mdl_http_server_open(loop, &h, &w->http, error, error_size);
    if (err != MDL_OK) {
        release(w);
        return err;
    }
    *out = w;
    return MDL_OK;
}

const char *mdl_witness_server_url(const mdl_witness_server *w) { return mdl_http_server_url(w->http); }

void mdl_witness_server_close(mdl_witness_server *w) { mdl_http_server_close(w->http, release, w); }
