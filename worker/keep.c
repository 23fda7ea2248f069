#include "worker/keep.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/grow.h"
#include "protocol/note.h"
#include "runtime/file.h"

enum { NAME_MAX_CHARS = 160, PATH_CHARS = MDL_KEEP_PATH_MAX + 400 };

static mdl_err fail(const char *doing, const char *path, char *error, size_t error_size) {
    snprintf(error, error_size, "cannot %s %s: %s", doing, path, strerror(errno));
    return MDL_EIO;
}

mdl_err mdl_keep_open(mdl_keep *k, const char *directory, char *error, size_t error_size) {
    char path[PATH_CHARS];
    k->lock = -1;
    if ((size_t)snprintf(k->directory, sizeof k->directory, "%s", directory) >= sizeof k->directory) {
        snprintf(error, error_size, "the data directory's path is too long");
        return MDL_ESIZE;
    }
    snprintf(path, sizeof path, "%s/outbox", k->directory);
    mdl_err err = mdl_make_directories(path, error, error_size);
    snprintf(path, sizeof path, "%s/receipts", k->directory);
    if (err == MDL_OK)
        err = mdl_make_directories(path, error, error_size);
    if (err != MDL_OK)
        return err;
    snprintf(path, sizeof path, "%s/lock", k->directory);
    k->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (k->lock < 0)
        return fail("open", path, error, error_size);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(k->lock, F_SETLK, &lock) != 0) {
        mdl_keep_close(k);
        snprintf(error, error_size, "another worker uses %s: give each its own --data", k->directory);
        return MDL_EMISMATCH;
    }
    return MDL_OK;
}

void mdl_keep_close(mdl_keep *k) {
    if (k->lock >= 0)
        close(k->lock);
    k->lock = -1;
}

/* Write beside it, then rename. */
static mdl_err put(const char *path, const void *bytes, size_t size, char *error, size_t error_size) {
    char beside[PATH_CHARS + 4];
    snprintf(beside, sizeof beside, "%s.tmp", path);
    FILE *f = fopen(beside, "wb");
    if (!f)
        return fail("write", beside, error, error_size);
    size_t wrote = fwrite(bytes, 1, size, f);
    if (fclose(f) != 0 || wrote != size || rename(beside, path) != 0) {
        mdl_err err = fail("write", path, error, error_size);
        remove(beside);
        return err;
    }
    return MDL_OK;
}

static void outbox_path(const mdl_keep *k, const uint8_t *coordinator, uint64_t lease, uint32_t version,
                        char out[PATH_CHARS]) {
    char hex[2 * MDL_KEY_BYTES + 1];
    mdl_hex(coordinator, MDL_KEY_BYTES, hex);
    snprintf(out, PATH_CHARS, "%s/outbox/%s-%" PRIu64 "-%" PRIu32 ".envelope", k->directory, hex, lease, version);
}

mdl_err mdl_keep_result(const mdl_keep *k, const uint8_t coordinator[MDL_KEY_BYTES], uint64_t lease, uint32_t version,
                        const uint8_t *envelope, size_t size, char *error, size_t error_size) {
    char path[PATH_CHARS];
    outbox_path(k, coordinator, lease, version, path);
    return put(path, envelope, size, error, error_size);
}

/* ---- what is over ---- */

static char *log_line(const mdl_settled *s, uint64_t wall_ms, const char *coordinator, const char *experiment) {
    char text[24];
    cJSON *o = cJSON_CreateObject();
    snprintf(text, sizeof text, "%" PRIu64, wall_ms);
    cJSON_AddStringToObject(o, "time_ms", text);
    cJSON_AddStringToObject(o, "experiment", experiment);
    cJSON_AddStringToObject(o, "coordinator", coordinator);
    snprintf(text, sizeof text, "%" PRIu64, s->lease);
    cJSON_AddStringToObject(o, "lease", text);
    cJSON_AddNumberToObject(o, "generation", s->generation);
    cJSON_AddNumberToObject(o, "first", s->first);
    cJSON_AddNumberToObject(o, "jobs", s->count);
    snprintf(text, sizeof text, "%" PRIu64, s->updates);
    cJSON_AddStringToObject(o, "updates", text);
    cJSON_AddStringToObject(o, "state", mdl_notice_name((int)s->state));
    if (s->state == MDL_NOTICE_ACCEPTED) {
        snprintf(text, sizeof text, "%" PRIu64, s->record);
        cJSON_AddStringToObject(o, "record", text);
    } else {
        cJSON_AddStringToObject(o, "reason", mdl_reason_name(s->reason));
        cJSON_AddStringToObject(o, "text", s->text);
    }
    char *line = cJSON_PrintUnformatted(o);
    cJSON_Delete(o);
    return line;
}

/* Add a line; one that a crash has cut is ended first, so that only it is lost. */
static mdl_err append(const char *path, const char *line, char *error, size_t error_size) {
    FILE *f = fopen(path, "a+b");
    if (!f)
        return fail("open", path, error, error_size);
    int cut = fseek(f, -1, SEEK_END) == 0 && fgetc(f) != '\n';
    fseek(f, 0, SEEK_END);
    int bad = fprintf(f, "%s%s\n", cut ? "\n" : "", line) < 0;
    if (fclose(f) != 0 || bad)
        return fail("write", path, error, error_size);
    return MDL_OK;
}

/* receipts/EXPERIMENT-COORDINATOR, made if it is not there. */
static mdl_err folder_of(const mdl_keep *k, const uint8_t *coordinator, const uint8_t *experiment,
                         char folder[PATH_CHARS], char *error, size_t error_size) {
    char whose[2 * MDL_KEY_BYTES + 1], what[MDL_DIGEST_HEX];
    mdl_hex(coordinator, MDL_KEY_BYTES, whose);
    mdl_hex(experiment, MDL_DIGEST_BYTES, what);
    snprintf(folder, PATH_CHARS, "%s/receipts/%s-%s", k->directory, what, whose);
    return mkdir(folder, 0777) != 0 && errno != EEXIST ? fail("make", folder, error, error_size) : MDL_OK;
}

/* The ledger's verifier key, once. */
static mdl_err put_vkey(const char *folder, const char *vkey, char *error, size_t error_size) {
    char path[PATH_CHARS + 40], line[300];
    snprintf(path, sizeof path, "%s/vkey", folder);
    if (access(path, F_OK) == 0)
        return MDL_OK;
    snprintf(line, sizeof line, "%s\n", vkey);
    return put(path, line, strlen(line), error, error_size);
}

static const char *checkpoint_name(int proven) { return proven ? "checkpoint-held" : "checkpoint"; }

mdl_err mdl_keep_checkpoint(const mdl_keep *k, const uint8_t coordinator[MDL_KEY_BYTES],
                            const uint8_t experiment[MDL_DIGEST_BYTES], const char *vkey, int proven, const char *note,
                            size_t size, char *error, size_t error_size) {
    char folder[PATH_CHARS], path[PATH_CHARS + 40];
    mdl_err err = folder_of(k, coordinator, experiment, folder, error, error_size);
    if (err == MDL_OK)
        err = put_vkey(folder, vkey, error, error_size);
    snprintf(path, sizeof path, "%s/%s", folder, checkpoint_name(proven));
    return err == MDL_OK ? put(path, note, size, error, error_size) : err;
}

size_t mdl_keep_kept(const mdl_keep *k, const uint8_t coordinator[MDL_KEY_BYTES],
                     const uint8_t experiment[MDL_DIGEST_BYTES], int proven, char *note, size_t room) {
    char folder[PATH_CHARS], path[PATH_CHARS + 40], error[PATH_CHARS + 100];
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (folder_of(k, coordinator, experiment, folder, error, sizeof error) != MDL_OK)
        return 0;
    snprintf(path, sizeof path, "%s/%s", folder, checkpoint_name(proven));
    if (mdl_file_read(path, MDL_NOTE_MAX, &bytes, &size, error, sizeof error) != MDL_OK)
        return 0;
    if (size <= room)
        memcpy(note, bytes, size);
    free(bytes);
    return size;
}

mdl_err mdl_keep_fraud(const mdl_keep *k, const uint8_t coordinator[MDL_KEY_BYTES],
                       const uint8_t experiment[MDL_DIGEST_BYTES], uint64_t records, const char *proof, size_t size,
                       char path[MDL_KEEP_PATH_MAX + 400], char *error, size_t error_size) {
    char folder[PATH_CHARS];
    mdl_err err = folder_of(k, coordinator, experiment, folder, error, error_size);
    snprintf(path, MDL_KEEP_PATH_MAX + 400, "%.*s/fork-%" PRIu64 ".fraud", MDL_KEEP_PATH_MAX + 360, folder, records);
    return err == MDL_OK ? put(path, proof, size, error, error_size) : err;
}

mdl_err mdl_keep_settled(const mdl_keep *k, const mdl_settled *s, uint64_t wall_ms, char *error, size_t error_size) {
    char coordinator[2 * MDL_KEY_BYTES + 1], experiment[MDL_DIGEST_HEX], folder[PATH_CHARS], path[PATH_CHARS + 40];
    mdl_hex(s->coordinator, MDL_KEY_BYTES, coordinator);
    mdl_hex(s->experiment, MDL_DIGEST_BYTES, experiment);
    mdl_err err = folder_of(k, s->coordinator, s->experiment, folder, error, error_size);
    if (err == MDL_OK && s->envelope) {
        snprintf(path, sizeof path, "%s/%" PRIu64 ".envelope", folder, s->lease);
        err = put(path, s->envelope, s->envelope_size, error, error_size);
    }
    if (err == MDL_OK && s->state == MDL_NOTICE_ACCEPTED) {
        snprintf(path, sizeof path, "%s/%" PRIu64 ".tlog-proof", folder, s->lease);
        err = put(path, s->proof, s->proof_size, error, error_size);
    }
    if (err == MDL_OK)
        err = put_vkey(folder, s->vkey, error, error_size);
    if (err != MDL_OK)
        return err;
    char *line = log_line(s, wall_ms, coordinator, experiment);
    if (!line) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    snprintf(path, sizeof path, "%s/receipts/log.jsonl", k->directory);
    err = append(path, line, error, error_size);
    cJSON_free(line);
    for (uint32_t v = 0; err == MDL_OK && v < MDL_WORKER_KEPT_MAX; v++) {
        outbox_path(k, s->coordinator, s->lease, v, folder);
        if (remove(folder) != 0 && errno != ENOENT)
            return fail("remove", folder, error, error_size);
    }
    return err;
}

/* ---- the outbox after a restart ---- */

static int compare(const void *a, const void *b) { return strcmp(a, b); }

/* KEY-LEASE-V.envelope; the lease stands in the envelope too. */
static int read_name(const char *name, uint8_t key[MDL_KEY_BYTES], uint32_t *version) {
    char hex[2 * MDL_KEY_BYTES + 1];
    uint64_t lease;
    int used = 0;
    if (strlen(name) <= 2 * MDL_KEY_BYTES)
        return 0;
    memcpy(hex, name, 2 * MDL_KEY_BYTES);
    hex[2 * MDL_KEY_BYTES] = '\0';
    return mdl_unhex(hex, key, MDL_KEY_BYTES) == MDL_OK &&
           sscanf(name + 2 * MDL_KEY_BYTES, "-%20" SCNu64 "-%1" SCNu32 ".envelope%n", &lease, version, &used) == 2 &&
           used > 0 && name[2 * MDL_KEY_BYTES + used] == '\0';
}

uint32_t mdl_keep_restore(const mdl_keep *k, mdl_worker *w,
                          void (*skipped)(void *ctx, const char *name, const char *why), void *ctx) {
    char path[PATH_CHARS], error[PATH_CHARS + 100];
    snprintf(path, sizeof path, "%s/outbox", k->directory);
    DIR *d = opendir(path);
    if (!d)
        return 0;
    char(*name)[NAME_MAX_CHARS] = NULL;
    uint32_t count = 0, room = 0, restored = 0;
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (length >= NAME_MAX_CHARS || entry->d_name[0] == '.')
            continue;
        if (!mdl_list_grow(&name, &room, count + 1, sizeof *name))
            break;
        memcpy(name[count++], entry->d_name, length + 1);
    }
    closedir(d);
    if (count > 0)
        qsort(name, count, sizeof *name, compare);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t key[MDL_KEY_BYTES], *bytes = NULL;
        uint32_t version;
        size_t size;
        if (!read_name(name[i], key, &version)) {
            skipped(ctx, name[i], "not a name of the outbox");
            continue;
        }
        snprintf(path, sizeof path, "%s/outbox/%s", k->directory, name[i]);
        if (mdl_file_read(path, MDL_ENVELOPE_BYTES_MAX, &bytes, &size, error, sizeof error) != MDL_OK) {
            skipped(ctx, name[i], error);
            continue;
        }
        mdl_err err = mdl_worker_restore(w, key, version, bytes, size);
        free(bytes);
        if (err != MDL_OK)
            skipped(ctx, name[i], mdl_strerror((int)err));
        else
            restored++;
    }
    free(name);
    return restored;
}
