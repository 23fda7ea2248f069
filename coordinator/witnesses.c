#include "coordinator/witnesses.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "protocol/witness.h"
#include "runtime/file.h"
#include "runtime/http_client.h"
#include "store/store.h"

enum { TRIES = 3, ANSWER_MAX = 16384 };

typedef struct witness {
    mdl_vkey key;
    mdl_http_client http;
    uint64_t size; /* what it has cosigned, as far as we know; the thread's */
    uint64_t done; /* size of the newest of ours that it cosigned           */
    char trouble[160];
} witness;

struct mdl_witnesses {
    mdl_witnesses_options o;
    char path[MDL_STORE_PATH_MAX + 32];
    witness *witness; /* [o.count] */
    mdl_log_policy policy;
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t wake;
    int stop, fresh;
    /* Under the lock: what was offered, the same with signatures, the newest with its quorum. */
    char offered[MDL_NOTE_MAX], best[MDL_NOTE_MAX], sealed[MDL_NOTE_MAX];
    size_t offered_size, best_size, sealed_size;
    uint64_t offered_tree, sealed_tree;
    uint64_t shown_tree, shown_ms; /* sealed_tree as it was last shown first, and when */
    /* The thread's. */
    char note[MDL_NOTE_MAX], next[MDL_NOTE_MAX], body[MDL_WITNESS_REQUEST_MAX];
    size_t note_size;
    int missing; /* the last round had no quorum */
};

/* ---- one witness ---- */

static void say(const mdl_witnesses *w, const char *kind, const char *who, const char *text) {
    if (w->o.say)
        w->o.say(w->o.ctx, kind, who, text);
}

/* Remember what is wrong, and say it when it is new. */
static void trouble(mdl_witnesses *w, witness *k, const char *text) {
    uv_mutex_lock(&w->lock);
    int news = strncmp(k->trouble, text, sizeof k->trouble - 1) != 0;
    snprintf(k->trouble, sizeof k->trouble, "%s", text);
    uv_mutex_unlock(&w->lock);
    if (news && *text)
        say(w, "witness", k->key.name, text);
}

/* The size in a 409. */
static int size_of(const uint8_t *bytes, size_t size, uint64_t *out) {
    return size > 1 && bytes[size - 1] == '\n' &&
           mdl_text_decimal((mdl_text){(const char *)bytes, size - 1}, MDL_MERKLE_SIZE_MAX, out) == MDL_OK;
}

static mdl_err prove(mdl_store *store, uint64_t old, uint64_t size, mdl_merkle_proof *out) {
    mdl_merkle_lookup lookup = mdl_store_lookup(store);
    return mdl_merkle_prove_consistency(old, size, &lookup, out);
}

/* 1: done, 0: not now, 2: again with what is known now. */
static int ask_once(mdl_witnesses *w, witness *k, mdl_store *store, uint64_t tree) {
    mdl_witness_request r = {.old = k->size, .checkpoint = {w->note, w->note_size}};
    mdl_text_out body = {w->body, sizeof w->body, 0}, out = {w->next, sizeof w->next, 0};
    char text[160], error[256] = "", type[64];
    uint8_t *answer = NULL;
    size_t size = 0;
    int status = 0, result = 0;
    if (prove(store, k->size, tree, &r.proof) != MDL_OK) {
        trouble(w, k, "the consistency proof could not be made");
        return 0;
    }
    mdl_witness_request_put(&r, &body);
    mdl_err err = mdl_http_post(&k->http, "add-checkpoint", w->body, body.size, ANSWER_MAX, &status, type, &answer,
                                &size, error, sizeof error);
    if (err != MDL_OK) {
        trouble(w, k, error);
    } else if (status == 200) {
        err = mdl_witness_attach((mdl_text){w->note, w->note_size}, (mdl_text){(const char *)answer, size}, &k->key,
                                 &out);
        if (err == MDL_OK) {
            memcpy(w->note, w->next, out.size);
            w->note_size = out.size;
            k->size = tree;
            result = 1;
        } else {
            snprintf(text, sizeof text, "its answer is not its cosignature: %s", mdl_strerror((int)err));
            trouble(w, k, text);
        }
    } else if (status == 409 && strcmp(type, "text/x.tlog.size") == 0 && size_of(answer, size, &r.old)) {
        if (r.old != k->size && r.old <= tree) {
            k->size = r.old;
            result = 2;
        } else if (r.old > tree) {
            snprintf(text, sizeof text,
                     "it has cosigned size %" PRIu64 ", this log has %" PRIu64 ": is this an old copy of the log?",
                     r.old, tree);
            trouble(w, k, text);
        } else {
            trouble(w, k, "it has cosigned another root of this size: the log was forked");
        }
    } else if (status == 422) {
        trouble(w, k, "it has cosigned a log that this one does not continue: the log was rewritten or forked");
    } else {
        snprintf(text, sizeof text, "it answers with status %d%s", status,
                 status == 404   ? ": it does not watch this log"
                 : status == 403 ? ": it does not know this log's key"
                                 : "");
        trouble(w, k, text);
    }
    free(answer);
    return result;
}

/* ---- all of them, for one checkpoint ---- */

static void keep_sealed(mdl_witnesses *w) {
    char error[256];
    if (mdl_file_write(w->path, w->note, w->note_size, error, sizeof error) != MDL_OK)
        say(w, "witness", "", error);
}

/* Share what the thread has. */
static void publish(mdl_witnesses *w, uint64_t tree, uint32_t cosigned) {
    uv_mutex_lock(&w->lock);
    if (tree == w->offered_tree) {
        memcpy(w->best, w->note, w->note_size);
        w->best_size = w->note_size;
    }
    int reached = cosigned >= w->o.quorum;
    if (reached) {
        memcpy(w->sealed, w->note, w->note_size);
        w->sealed_size = w->note_size;
        w->sealed_tree = tree;
    }
    uv_mutex_unlock(&w->lock);
    if (reached)
        keep_sealed(w);
}

static int stopping(mdl_witnesses *w) {
    uv_mutex_lock(&w->lock);
    int stop = w->stop;
    uv_mutex_unlock(&w->lock);
    return stop;
}

/* Say when the quorum is lost, and when it is there again. */
static void tell_quorum(mdl_witnesses *w, uint64_t tree, uint32_t cosigned) {
    char text[200];
    int missing = cosigned < w->o.quorum;
    if (missing == w->missing)
        return;
    w->missing = missing;
    snprintf(text, sizeof text, "%" PRIu32 " of %" PRIu32 " witnesses have cosigned size %" PRIu64 "%s", cosigned,
             w->o.count, tree,
             !missing        ? ": the quorum is there again"
             : w->o.required ? ": no quorum, so the last checkpoint with one is served"
                             : ": no quorum; it is served without one after a while");
    say(w, "witnesses", "", text);
}

/* Returns how many have cosigned. */
static uint32_t round_of(mdl_witnesses *w, uint64_t tree) {
    mdl_store store;
    char error[256];
    uint32_t cosigned = 0;
    mdl_err err = mdl_store_open(&store, w->o.directory, MDL_STORE_READ | MDL_STORE_QUICK, error, sizeof error);
    if (err != MDL_OK) {
        say(w, "witness", "", error);
        return 0;
    }
    for (uint32_t i = 0; i < w->o.count && !stopping(w); i++) {
        witness *k = &w->witness[i];
        int got = k->done == tree ? 1 : 2;
        for (int n = 0; n < TRIES && got == 2; n++)
            got = ask_once(w, k, &store, tree);
        if (got == 1) {
            cosigned++;
            if (k->done != tree) {
                trouble(w, k, "");
                uv_mutex_lock(&w->lock);
                k->done = tree;
                uv_mutex_unlock(&w->lock);
                publish(w, tree, cosigned);
            }
        }
    }
    mdl_store_close(&store);
    return cosigned;
}

static int parse_tree(const char *note, size_t size, mdl_checkpoint *c) {
    mdl_note parsed;
    return mdl_note_parse((mdl_text){note, size}, &parsed) == MDL_OK && mdl_checkpoint_parse(parsed.text, c) == MDL_OK;
}

static void run(void *argument) {
    mdl_witnesses *w = argument;
    int again = 0;
    uv_mutex_lock(&w->lock);
    while (!w->stop) {
        if (!w->fresh) {
            if (again)
                uv_cond_timedwait(&w->wake, &w->lock, UINT64_C(1000000) * MDL_WITNESS_RETRY_MS);
            else
                uv_cond_wait(&w->wake, &w->lock);
        }
        if (w->stop || (!w->fresh && !again))
            continue;
        w->fresh = 0;
        /* A later round for the same tree goes on from the signatures it has. */
        const char *from = w->best_size > 0 ? w->best : w->offered;
        w->note_size = w->best_size > 0 ? w->best_size : w->offered_size;
        memcpy(w->note, from, w->note_size);
        uint64_t tree = w->offered_tree;
        uv_mutex_unlock(&w->lock);
        uint32_t cosigned = round_of(w, tree);
        again = cosigned < w->o.count;
        if (!stopping(w))
            tell_quorum(w, tree, cosigned);
        uv_mutex_lock(&w->lock);
    }
    uv_mutex_unlock(&w->lock);
}

/* ---- opening ---- */

static mdl_err take_witness(mdl_witnesses *w, uint32_t i, char *error, size_t error_size) {
    const char *text = w->o.witness[i], *hash = strchr(text, '#');
    char url[MDL_HTTP_URL_MAX];
    if (!hash || (size_t)(hash - text) >= sizeof url) {
        snprintf(error, error_size, "\"%.200s\" is no witness: write URL#VKEY", text);
        return MDL_ESYNTAX;
    }
    snprintf(url, sizeof url, "%.*s", (int)(hash - text), text);
    mdl_err err = mdl_vkey_parse(mdl_text_of(hash + 1), &w->witness[i].key);
    if (err == MDL_OK && w->witness[i].key.type != MDL_NOTE_TYPE_COSIGNATURE)
        err = MDL_ETYPE;
    if (err != MDL_OK) {
        snprintf(error, error_size, "\"%.200s\" is no verifier key of a witness: %s", hash + 1, mdl_strerror((int)err));
        return err;
    }
    err = mdl_http_client_init(&w->witness[i].http, url, error, error_size);
    w->witness[i].http.answer_ms = MDL_WITNESS_ANSWER_MS;
    w->policy.witness[w->policy.witness_count++] = w->witness[i].key;
    return err;
}

/* The checkpoint that had its quorum before a restart, if it is ours. */
static void load_sealed(mdl_witnesses *w) {
    char error[256];
    uint8_t *bytes;
    size_t size;
    mdl_checkpoint c;
    if (mdl_file_read(w->path, MDL_NOTE_MAX, &bytes, &size, error, sizeof error) != MDL_OK)
        return;
    if (mdl_checkpoint_verify((mdl_text){(const char *)bytes, size}, &w->policy, &c, NULL) == MDL_OK) {
        memcpy(w->sealed, bytes, size);
        w->sealed_size = size;
        w->sealed_tree = c.size;
    }
    free(bytes);
}

mdl_err mdl_witnesses_open(const mdl_witnesses_options *o, mdl_witnesses **out, char *error, size_t error_size) {
    *out = NULL;
    if (o->count < 1 || o->count > MDL_WITNESSES_MAX || o->quorum > o->count) {
        snprintf(error, error_size, "1 to %d witnesses, and a quorum of at most all of them", MDL_WITNESSES_MAX);
        return MDL_ERANGE;
    }
    mdl_witnesses *w = calloc(1, sizeof *w);
    witness *list = calloc(o->count, sizeof *list);
    if (!w || !list) {
        free(w);
        free(list);
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    w->o = *o;
    w->witness = list;
    w->policy.log = o->log;
    w->policy.quorum = o->quorum;
    snprintf(w->path, sizeof w->path, "%s/witnessed.checkpoint", o->directory);
    mdl_err err = MDL_OK;
    for (uint32_t i = 0; i < o->count && err == MDL_OK; i++)
        err = take_witness(w, i, error, error_size);
    if (err == MDL_OK) {
        err = mdl_log_policy_check(&w->policy);
        snprintf(error, error_size, "two witnesses are one key, or it is the log's");
    }
    if (err == MDL_OK) {
        load_sealed(w);
        uv_mutex_init(&w->lock);
        uv_cond_init(&w->wake);
        if (uv_thread_create(&w->thread, run, w) != 0) {
            snprintf(error, error_size, "cannot start a thread");
            err = MDL_EIO;
        }
    }
    if (err != MDL_OK) {
        free(list);
        free(w);
        return err;
    }
    *out = w;
    return MDL_OK;
}

void mdl_witnesses_close(mdl_witnesses *w) {
    if (!w)
        return;
    uv_mutex_lock(&w->lock);
    w->stop = 1;
    uv_cond_signal(&w->wake);
    uv_mutex_unlock(&w->lock);
    uv_thread_join(&w->thread);
    uv_mutex_destroy(&w->lock);
    uv_cond_destroy(&w->wake);
    for (uint32_t i = 0; i < w->o.count; i++)
        mdl_http_client_close(&w->witness[i].http);
    free(w->witness);
    free(w);
}

/* ---- the caller's side ---- */

void mdl_witnesses_offer(mdl_witnesses *w, const char *note, size_t size) {
    mdl_checkpoint c;
    if (size > sizeof w->offered || !parse_tree(note, size, &c))
        return;
    uv_mutex_lock(&w->lock);
    if (c.size > w->offered_tree || w->offered_size == 0) {
        memcpy(w->offered, note, size);
        w->offered_size = size;
        w->offered_tree = c.size;
        w->best_size = 0;
        w->fresh = 1;
        uv_cond_signal(&w->wake);
    }
    uv_mutex_unlock(&w->lock);
}

mdl_err mdl_witnesses_show(mdl_witnesses *w, uint64_t now_ms, const char *published, size_t published_size,
                           char note[MDL_NOTE_MAX], size_t *size) {
    mdl_checkpoint c = {.size = 0};
    const char *from = published;
    size_t from_size = published_size;
    mdl_err err = MDL_OK;
    if (published_size > MDL_NOTE_MAX || !parse_tree(published, published_size, &c))
        return MDL_ENOENT;
    uv_mutex_lock(&w->lock);
    int sealed = w->sealed_size > 0 && w->sealed_tree == c.size;
    if (sealed || w->sealed_tree != w->shown_tree || w->shown_ms == 0) {
        w->shown_tree = w->sealed_tree;
        w->shown_ms = now_ms;
    }
    int patient = w->shown_ms + MDL_WITNESS_PATIENCE_MS > now_ms;
    if (w->sealed_size > 0 && w->sealed_tree <= c.size && (sealed || w->o.required || patient)) {
        from = w->sealed;
        from_size = w->sealed_size;
    } else if (w->o.required) {
        err = MDL_ENOENT;
    } else if (w->best_size > 0 && w->offered_tree == c.size) {
        from = w->best;
        from_size = w->best_size;
    }
    if (err == MDL_OK) {
        memcpy(note, from, from_size);
        *size = from_size;
    }
    uv_mutex_unlock(&w->lock);
    return err;
}

void mdl_witnesses_inform(mdl_witnesses *w, mdl_witnesses_info *out) {
    memset(out, 0, sizeof *out);
    uv_mutex_lock(&w->lock);
    out->count = w->o.count;
    out->quorum = w->o.quorum;
    out->cosigned_size = w->sealed_tree;
    out->offered_size = w->offered_tree;
    for (uint32_t i = 0; i < w->o.count; i++) {
        const witness *k = &w->witness[i];
        snprintf(out->witness[i].name, sizeof out->witness[i].name, "%s", k->key.name);
        snprintf(out->witness[i].trouble, sizeof out->witness[i].trouble, "%s", k->trouble);
        out->witness[i].size = k->done;
    }
    uv_mutex_unlock(&w->lock);
}
