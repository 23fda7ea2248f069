#include "worker/hearsay.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/note.h"
#include "runtime/file.h"
#include "runtime/http_client.h"

enum { ANSWER_MS = 5000, PATH_CHARS = 4096, ERROR_CHARS = PATH_CHARS + 200 };

typedef struct note {
    char *at;
    size_t size;
} note;

struct mdl_hearsay {
    uv_work_t work;
    uv_loop_t *loop;
    mdl_hearsay_options o;
    int busy, telling, closed;           /* busy: on a thread; telling: calls of ours may close it */
    int silent[MDL_HEARSAY_SOURCES_MAX]; /* it was told that it cannot be read */
    char *trouble[MDL_HEARSAY_SOURCES_MAX];
    note found[MDL_HEARSAY_NOTES_MAX];
    uint32_t count;
};

mdl_hearsay *mdl_hearsay_open(uv_loop_t *loop, const mdl_hearsay_options *options) {
    mdl_hearsay *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->loop = loop;
    h->o = *options;
    h->work.data = h;
    return h;
}

static void clear(mdl_hearsay *h) {
    for (uint32_t i = 0; i < h->count; i++)
        free(h->found[i].at);
    h->count = 0;
    for (uint32_t i = 0; i < h->o.sources; i++) {
        free(h->trouble[i]);
        h->trouble[i] = NULL;
    }
}

/* ---- on a thread of the pool ---- */

static void keep(mdl_hearsay *h, uint8_t *bytes, size_t size) {
    if (h->count < MDL_HEARSAY_NOTES_MAX)
        h->found[h->count++] = (note){(char *)bytes, size};
    else
        free(bytes);
}

static mdl_err read_file(mdl_hearsay *h, const char *path, char *error) {
    uint8_t *bytes;
    size_t size;
    mdl_err err = mdl_file_read(path, MDL_NOTE_MAX, &bytes, &size, error, ERROR_CHARS);
    if (err == MDL_OK)
        keep(h, bytes, size);
    return err;
}

/* What is in it that is no note will be found out later. */
static mdl_err read_directory(mdl_hearsay *h, const char *path, char *error) {
    DIR *d = opendir(path);
    if (!d) {
        snprintf(error, ERROR_CHARS, "cannot read %s", path);
        return MDL_EIO;
    }
    for (struct dirent *entry; (entry = readdir(d)) != NULL && h->count < MDL_HEARSAY_NOTES_MAX;) {
        char name[PATH_CHARS];
        struct stat s;
        if (entry->d_name[0] == '.' || (size_t)snprintf(name, sizeof name, "%s/%s", path, entry->d_name) >= sizeof name)
            continue;
        if (stat(name, &s) == 0 && S_ISREG(s.st_mode))
            read_file(h, name, error);
    }
    closedir(d);
    return MDL_OK;
}

static mdl_err read_url(mdl_hearsay *h, const char *url, char *error) {
    char base[MDL_HTTP_URL_MAX + 1];
    const char *slash = strrchr(url, '/');
    mdl_http_client client;
    uint8_t *bytes;
    size_t size;
    if (strlen(url) >= sizeof base || slash < url + strlen("http://")) {
        snprintf(error, ERROR_CHARS, "%.200s is no address of a checkpoint: http://HOST/.../checkpoint", url);
        return MDL_ESYNTAX;
    }
    snprintf(base, sizeof base, "%.*s", (int)(slash - url), url);
    mdl_err err = mdl_http_client_init(&client, base, error, ERROR_CHARS);
    if (err != MDL_OK)
        return err;
    client.answer_ms = ANSWER_MS;
    err = mdl_http_get(&client, slash + 1, MDL_NOTE_MAX, &bytes, &size, error, ERROR_CHARS);
    mdl_http_client_close(&client);
    if (err == MDL_OK)
        keep(h, bytes, size);
    return err;
}

static void look(uv_work_t *work) {
    mdl_hearsay *h = work->data;
    char error[ERROR_CHARS];
    for (uint32_t i = 0; i < h->o.sources; i++) {
        const char *where = h->o.source[i];
        struct stat s;
        error[0] = '\0';
        mdl_err err = strncmp(where, "http://", 7) == 0            ? read_url(h, where, error)
                      : stat(where, &s) == 0 && S_ISDIR(s.st_mode) ? read_directory(h, where, error)
                                                                   : read_file(h, where, error);
        if (err != MDL_OK)
            h->trouble[i] = strdup(error);
    }
}

/* ---- on the loop ---- */

static void looked(uv_work_t *work, int status) {
    mdl_hearsay *h = work->data;
    (void)status;
    h->busy = 0;
    h->telling = 1;
    for (uint32_t i = 0; i < h->o.sources && !h->closed; i++) {
        if (h->trouble[i] && !h->silent[i])
            h->o.trouble(h->o.ctx, h->trouble[i]);
        h->silent[i] = h->trouble[i] != NULL;
    }
    for (uint32_t i = 0; i < h->count && !h->closed; i++)
        h->o.heard(h->o.ctx, h->found[i].at, h->found[i].size);
    clear(h);
    h->telling = 0;
    if (h->closed)
        free(h);
}

void mdl_hearsay_look(mdl_hearsay *h) {
    if (h->busy || h->closed)
        return;
    h->busy = uv_queue_work(h->loop, &h->work, look, looked) == 0;
}

int mdl_hearsay_close(mdl_hearsay *h) {
    if (!h)
        return 1;
    h->closed = 1;
    if (h->telling)
        return 1; /* looked() frees it */
    if (h->busy)
        return uv_cancel((uv_req_t *)&h->work) == 0; /* then looked() frees it */
    free(h);
    return 1;
}
