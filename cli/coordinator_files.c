/* The files of a coordinator's directory: keys, allow-lists, backups. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/coordinator.h"
#include "cli/keys.h"
#include "protocol/grow.h"
#include "protocol/ticket.h"
#include "runtime/file.h"
#include "store/store.h"

static const char copy_name[] = "COPY";

/* ---- admission ---- */

static int take_hex(const char **text, uint8_t key[MDL_KEY_BYTES]) {
    char digits[2 * MDL_KEY_BYTES + 1];
    if (strlen(*text) < sizeof digits - 1) {
        return 0;
    }
    memcpy(digits, *text, sizeof digits - 1);
    digits[sizeof digits - 1] = 0;
    if (mdl_unhex(digits, key, MDL_KEY_BYTES) != MDL_OK) {
        return 0;
    }
    *text += sizeof digits - 1;
    return 1;
}

/* KEY [OWNER] [NAME], blanks between. */
static int take_listed(const char *line, mdl_listed *out) {
    memset(out, 0, sizeof *out);
    if (!take_hex(&line, out->key) || (*line && *line != ' ')) {
        return 0;
    }
    line += strspn(line, " ");
    memcpy(out->owner, out->key, MDL_KEY_BYTES);
    const char *rest = line;
    uint8_t owner[MDL_KEY_BYTES];
    if (take_hex(&rest, owner) && (*rest == 0 || *rest == ' ')) {
        memcpy(out->owner, owner, MDL_KEY_BYTES);
        line = rest + strspn(rest, " ");
    }
    for (const char *p = line; *p; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            return 0;
        }
    }
    return snprintf(out->name, sizeof out->name, "%s", line) < (int)sizeof out->name;
}

static mdl_err read_list(const char *path, mdl_coordinator_config *config, char *error, size_t error_size) {
    enum { LIST_BYTES_MAX = 64 << 20 };
    uint8_t *bytes;
    size_t size, count = 0;
    mdl_listed *list = NULL;
    uint32_t number = 0, room = 0;
    mdl_err err = mdl_file_read(path, LIST_BYTES_MAX, &bytes, &size, error, error_size);
    char *at = (char *)bytes;
    while (err == MDL_OK && at && *at) {
        char *end = at + strcspn(at, "\r\n"), *next = *end ? end + 1 : end;
        *end = 0;
        number++;
        if (*at && *at != '#') {
            if (!mdl_list_grow(&list, &room, count + 1, sizeof *list)) {
                err = MDL_ENOMEM;
                snprintf(error, error_size, "%s: out of memory", path);
            } else if (!take_listed(at, &list[count++])) {
                snprintf(error, error_size, "%s, line %u: not KEY [OWNER] [NAME], keys of 64 hexadecimal digits", path,
                         (unsigned)number);
                err = MDL_ESYNTAX;
            }
        }
        at = next;
    }
    free(bytes);
    if (err != MDL_OK) {
        free(list);
        return err;
    }
    config->listed = list;
    config->listed_count = count;
    return MDL_OK;
}

static mdl_err read_owners(const char *text, mdl_coordinator_config *config, char *error, size_t error_size) {
    size_t most = strlen(text) / (2 * MDL_KEY_BYTES) + 1, count = 0;
    uint8_t(*owners)[MDL_KEY_BYTES] = calloc(most, sizeof *owners);
    if (!owners) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    while (take_hex(&text, owners[count])) {
        count++;
        if (*text != ',') {
            break;
        }
        text++;
    }
    if (*text || count == 0) {
        snprintf(error, error_size, "--admission: owners are keys of 64 hexadecimal digits with commas between");
        free(owners);
        return MDL_ESYNTAX;
    }
    config->owners = (const uint8_t(*)[MDL_KEY_BYTES])owners;
    config->owner_count = count;
    return MDL_OK;
}

mdl_err mdl_cli_admission(const char *text, mdl_coordinator_config *config, char *error, size_t error_size) {
    if (strncmp(text, "list:", 5) == 0) {
        config->admission = (mdl_admission){MDL_ADMIT_LIST, 0};
        return read_list(text + 5, config, error, error_size);
    }
    if (strcmp(text, "invite") == 0 || strncmp(text, "invite:", 7) == 0) {
        config->admission = (mdl_admission){MDL_ADMIT_INVITE, 0};
        return text[6] ? read_owners(text + 7, config, error, error_size) : MDL_OK;
    }
    char in_genesis[32];
    const char *bits = strcmp(text, "open") == 0 ? "0" : strncmp(text, "open:", 5) == 0 ? text + 5 : "no";
    snprintf(in_genesis, sizeof in_genesis, "open %.16s", bits);
    if (mdl_admission_parse(in_genesis, &config->admission) != MDL_OK) {
        snprintf(error, error_size,
                 "--admission is \"%s\"; allowed: open[:BITS] with 0 to %d, list:FILE, invite[:KEY,...]", text,
                 (int)MDL_TICKET_BITS_MAX);
        return MDL_ESYNTAX;
    }
    return MDL_OK;
}

/* ---- keys ---- */

static mdl_err open_key(const char *directory, const char *name, uint8_t secret[MDL_SECRET_BYTES], char *error,
                        size_t error_size) {
    char *path = mdl_path_join(directory, name);
    mdl_err err = path ? mdl_cli_key(path, 1, secret, NULL, error, error_size) : MDL_ENOMEM;
    if (!path) {
        snprintf(error, error_size, "out of memory");
    }
    free(path);
    return err;
}

mdl_err mdl_cli_coordinator_keys(const char *directory, mdl_coordinator_config *config,
                                 uint8_t log_secret[MDL_SECRET_BYTES], char *error, size_t error_size) {
    mdl_err err = open_key(directory, "coordinator.key", config->secret, error, error_size);
    if (err != MDL_OK) {
        return err;
    }
    /* libsodium's secret ends with the public key. */
    memcpy(config->key, config->secret + MDL_SEED_BYTES, MDL_KEY_BYTES);
    if (err == MDL_OK) {
        err = open_key(directory, "log.key", log_secret, error, error_size);
    }
    if (err != MDL_OK) {
        return err;
    }
    uint8_t chain[MDL_SECRET_BYTES];
    err = open_key(directory, "chain.key", chain, error, error_size);
    memcpy(config->chain, chain, sizeof config->chain);
    sodium_memzero(chain, sizeof chain);
    return err;
}

/* ---- backups ---- */

static mdl_err copy_file(const char *from, const char *to, const char *name, mode_t mode, char *error,
                         size_t error_size) {
    char *source = mdl_path_join(from, name), *target = mdl_path_join(to, name);
    uint8_t *bytes = NULL;
    size_t size = 0;
    mdl_err err = source && target ? mdl_file_read(source, 1 << 20, &bytes, &size, error, error_size) : MDL_ENOMEM;
    mode_t before = umask((mode_t)(0777 & ~mode));
    if (err == MDL_OK) {
        err = mdl_file_write(target, bytes, size, error, error_size);
    }
    umask(before);
    if (bytes) {
        sodium_memzero(bytes, size);
    }
    free(bytes);
    free(source);
    free(target);
    return err;
}

/* Nothing of another coordinator is replaced, nor is its directory marked as a copy. */
static mdl_err check_empty(const char *directory, char *error, size_t error_size) {
    static const char *const names[] = {"ledger.db", "coordinator.key", "log.key", "chain.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = mdl_path_join(directory, names[i]);
        int there = !path || access(path, F_OK) == 0;
        free(path);
        if (there) {
            snprintf(error, error_size, "cannot copy to %s: %s is there; take another directory", directory, names[i]);
            return MDL_EMISMATCH;
        }
    }
    return MDL_OK;
}

int mdl_cli_coordinator_backup(const mdl_coordinator_settings *s) {
    static const char note[] = "This is a copy of a coordinator's directory, keys included. If the original goes on\n"
                               "while this one does, the log forks, and anyone can prove it. When the original will\n"
                               "never run again, start with --take-over, which removes this file.\n";
    char error[MDL_ERROR_TEXT];
    mdl_store store;
    if (!s->data || !s->to) {
        return mdl_cli_fail(MDL_EXIT_USAGE, "coordinator backup: --data and --to are needed");
    }
    mdl_err err = mdl_store_open(&store, s->data, MDL_STORE_READ | MDL_STORE_QUICK, error, sizeof error);
    if (err == MDL_OK) {
        err = check_empty(s->to, error, sizeof error);
    }
    if (err == MDL_OK) {
        err = mdl_make_directories(s->to, error, sizeof error);
    }
    /* The warning first: a copy broken off has it as well. */
    char *path = mdl_path_join(s->to, copy_name);
    if (err == MDL_OK) {
        err = path ? mdl_file_write(path, note, sizeof note - 1, error, sizeof error) : MDL_ENOMEM;
    }
    free(path);
    if (err == MDL_OK) {
        err = store.backup(&store, s->to, error, sizeof error);
    }
    mdl_store_close(&store);
    if (err == MDL_OK) {
        err = copy_file(s->data, s->to, "coordinator.key", 0600, error, sizeof error);
    }
    if (err == MDL_OK) {
        err = copy_file(s->data, s->to, "log.key", 0600, error, sizeof error);
    }
    if (err == MDL_OK) {
        err = copy_file(s->data, s->to, "chain.key", 0600, error, sizeof error);
    }
    if (err == MDL_OK) {
        err = copy_file(s->data, s->to, "experiment.json", 0644, error, sizeof error);
    }
    if (err != MDL_OK) {
        return mdl_cli_end(err, error);
    }
    printf("%s is a copy of %s, with its keys: keep it as you keep those\n", s->to, s->data);
    return MDL_EXIT_OK;
}

int mdl_cli_coordinator_is_copy(const char *directory) {
    char *path = mdl_path_join(directory, copy_name);
    int found = path && access(path, F_OK) == 0;
    free(path);
    return found;
}

mdl_err mdl_cli_coordinator_take_over(const char *directory, char *error, size_t error_size) {
    char *path = mdl_path_join(directory, copy_name);
    mdl_err err = path && unlink(path) == 0 ? MDL_OK : MDL_EIO;
    if (err != MDL_OK) {
        snprintf(error, error_size, "%s/%s cannot be removed", directory, copy_name);
    }
    free(path);
    return err;
}

mdl_err mdl_cli_coordinator_cut(mdl_experiment_file *file, const char *shards, char *error, size_t error_size) {
    mdl_experiment x = file->experiment;
    char *end;
    unsigned long count = strtoul(shards, &end, 10);
    if (strcmp(shards, "auto") == 0) {
        count = 0;
    } else if (*end || count < 1 || count > x.network.regions) {
        snprintf(error, error_size, "--shards %s: auto, or a number from 1 to the network's %u regions", shards,
                 (unsigned)x.network.regions);
        return MDL_ERANGE;
    }
    if (x.sharding.used && x.sharding.shards == count) {
        return MDL_OK;
    }
    if (!x.sharding.used) {
        x.sharding = (mdl_sharding_spec){.used = 1, .replicas = 1, .snapshot_windows = 64};
    }
    x.sharding.shards = (uint32_t)count;
    mdl_experiment_file changed;
    mdl_err err = mdl_experiment_file_of(&changed, &x, error, error_size);
    if (err == MDL_OK) {
        mdl_experiment_file_close(file);
        *file = changed;
    }
    return err;
}
