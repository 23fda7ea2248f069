/* modulon invite */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/keys.h"
#include "protocol/digest.h"
#include "protocol/invite.h"
#include "runtime/file.h"
#include "runtime/runner.h"

enum { DAY_MS = 86400000, DAYS_MAX = 36500 };

static const mdl_usage usage = {
    .name = "invite",
    .arguments = "WORKER_KEY",
    .text = "Write an invitation for one worker's key to one experiment, on standard output: what\n"
            "`modulon worker --invite FILE` shows to a coordinator with --admission invite. It is\n"
            "signed with the coordinator's key, which may name any owner, or with an owner's own,\n"
            "which the coordinator must have been told of.",
    .examples = "  modulon invite WORKER_KEY --data runs/c1 --name anna-1 > anna.invite\n"
                "  modulon invite WORKER_KEY --data runs/c1 --owner OWNER_KEY --days 30 > anna.invite\n"
                "  modulon invite WORKER_KEY --key owner.key --experiment ID > anna.invite",
    .least = 1,
    .most = 1,
};

typedef struct settings {
    const char *data, *key, *experiment, *owner, *name;
    uint32_t days;
} settings;

/* 32 bytes from 64 digits that somebody typed. */
static int read_hex(const char *what, const char *text, uint8_t out[32]) {
    if (mdl_unhex(text, out, 32) == MDL_OK)
        return MDL_EXIT_OK;
    return mdl_cli_fail(MDL_EXIT_USAGE, "invite: %s is %.80s; allowed: 64 lower-case hexadecimal digits", what, text);
}

/* The signer's key and the experiment's id: of a coordinator's directory, or as given. */
static int read_signer(const settings *s, uint8_t secret[MDL_SECRET_BYTES], uint8_t experiment[32]) {
    char error[MDL_ERROR_TEXT] = "";
    char *key = s->data ? mdl_path_join(s->data, "coordinator.key") : NULL;
    char *file = s->data ? mdl_path_join(s->data, "experiment.json") : NULL;
    mdl_experiment_file x;
    int code = MDL_EXIT_OK;
    mdl_err err = mdl_cli_key(s->data ? key : s->key, 0, secret, NULL, error, sizeof error);
    if (err == MDL_OK && s->data) {
        err = mdl_experiment_file_read(&x, file, error, sizeof error);
        if (err == MDL_OK) {
            memcpy(experiment, x.experiment.id, 32);
            mdl_experiment_file_close(&x);
        }
    } else if (err == MDL_OK) {
        code = read_hex("--experiment", s->experiment, experiment);
    }
    free(key);
    free(file);
    return err == MDL_OK ? code : mdl_cli_fail(mdl_cli_code(err), "invite: %s", error);
}

int mdl_cmd_invite(int argc, char **argv) {
    settings s = {.name = ""};
    const mdl_option options[] = {
        {"data", MDL_OPT_TEXT, &s.data, NULL, 0, 0, "DIR", "the coordinator's directory: its key, its experiment"},
        {"key", MDL_OPT_TEXT, &s.key, NULL, 0, 0, "FILE", "an owner's key file, instead of --data"},
        {"experiment", MDL_OPT_TEXT, &s.experiment, NULL, 0, 0, "ID", "with --key: the experiment's id"},
        {"owner", MDL_OPT_TEXT, &s.owner, NULL, 0, 0, "KEY", "with --data: the worker's owner (the coordinator)"},
        {"name", MDL_OPT_TEXT, &s.name, NULL, 0, 0, "TEXT", "what the owner calls the worker, up to 64 characters"},
        {"days", MDL_OPT_U32, &s.days, NULL, 1, DAYS_MAX, "N", "how long it holds (for ever)"},
        {0},
    };
    uint8_t secret[MDL_SECRET_BYTES], experiment[32];
    char text[MDL_INVITE_BYTES_MAX + 1];
    mdl_msg_invite terms;
    int first;
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    if ((s.data != NULL) == (s.key != NULL) || (s.key != NULL) != (s.experiment != NULL) || (s.owner && s.key))
        return mdl_cli_fail(MDL_EXIT_USAGE, "invite: give either --data, or --key with --experiment");
    memset(&terms, 0, sizeof terms);
    code = read_hex("WORKER_KEY", argv[first], terms.worker);
    if (code == MDL_EXIT_OK && mdl_key_check(terms.worker) != MDL_OK)
        code = mdl_cli_fail(MDL_EXIT_USAGE, "invite: %.80s is not a sound public key", argv[first]);
    if (code == MDL_EXIT_OK && s.owner)
        code = read_hex("--owner", s.owner, terms.owner);
    if (code == MDL_EXIT_OK && strlen(s.name) >= sizeof terms.name)
        code = mdl_cli_fail(MDL_EXIT_USAGE, "invite: --name has more than 64 characters");
    if (code == MDL_EXIT_OK)
        code = read_signer(&s, secret, experiment);
    if (code != MDL_EXIT_OK)
        return code;
    if (!s.owner)
        memcpy(terms.owner, secret + MDL_SECRET_BYTES - MDL_KEY_BYTES, MDL_KEY_BYTES);
    snprintf(terms.name, sizeof terms.name, "%s", s.name);
    if (s.days > 0)
        terms.expires = ((uint64_t)time(NULL) * 1000) + (uint64_t)s.days * DAY_MS;
    mdl_err err = mdl_invite_sign(experiment, &terms, secret, text);
    sodium_memzero(secret, sizeof secret);
    if (err != MDL_OK)
        return mdl_cli_fail(MDL_EXIT_USAGE, "invite: --name %.64s: allowed are printable ASCII characters", s.name);
    puts(text);
    return MDL_EXIT_OK;
}
