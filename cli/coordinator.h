/* What the parts of `modulon coordinator` share. */
#ifndef MDL_CLI_COORDINATOR_H
#define MDL_CLI_COORDINATOR_H

#include "coordinator/shell.h"
#include "coordinator/witnesses.h"
#include "protocol/checkpoint.h"
#include "runtime/runner.h"

/* Options after parsing. */
typedef struct mdl_coordinator_settings {
    const char *data, *http, *admission, *tls_cert, *tls_key, *to;
    const char *shards; /* NULL: as the experiment says */
    const char *listen[8];
    uint32_t listen_count;
    const char *witness[MDL_WITNESSES_MAX];
    uint32_t witnesses, quorum;
    int has_quorum, require_quorum;
    uint32_t lease_ms, workers;
    uint64_t speed;
    int json, once, quiet, dry_run, take_over;
} mdl_coordinator_settings;

/* What the operator's option --admission says: open[:BITS], list:FILE,
 * invite[:KEY,...]. Fills in the config; its arrays are to be freed. MDL_ESYNTAX,
 * MDL_ERANGE, MDL_ENOENT, MDL_EIO, MDL_ENOMEM, with a sentence. */
mdl_err mdl_cli_admission(const char *text, mdl_coordinator_config *config, char *error, size_t error_size);

/* Keys of the directory: coordinator.key signs messages, log.key checkpoints.
 * Made when they are not there. */
mdl_err mdl_cli_coordinator_keys(const char *directory, mdl_coordinator_config *config,
                                 uint8_t log_secret[MDL_SECRET_BYTES], char *error, size_t error_size);

/* The values of an option that may be given several times; the rest is left out. Returns how many. */
uint32_t mdl_cli_collect(const char *option, int argc, char **argv, const char **out, uint32_t most);

/* ---- coordinator_witnesses.c; NULL: there are no witnesses ---- */
mdl_err mdl_cli_witnesses_open(const mdl_coordinator_settings *s, mdl_shell *shell, mdl_witnesses **out, char *error,
                               size_t error_size);
/* The published checkpoint to the witnesses. */
void mdl_cli_witnesses_offer(mdl_witnesses *w, mdl_shell *shell);
/* The checkpoint to serve, as mdl_shell_read() gives it. */
mdl_err mdl_cli_witnesses_get(mdl_witnesses *w, mdl_shell *shell, uint8_t **bytes, size_t *size);

/* The experiment with its networks cut as --shards says ("auto" or a number): another file, the same
 * results. MDL_ERANGE and what mdl_experiment_file_of() returns, with a sentence; `file` is unchanged then. */
mdl_err mdl_cli_coordinator_cut(mdl_experiment_file *file, const char *shards, char *error, size_t error_size);

/* --dry-run: what the experiment costs. Exit code. */
int mdl_cli_coordinator_plan(const mdl_experiment_file *file, const mdl_coordinator_settings *s);
/* `modulon coordinator backup`. Exit code. */
int mdl_cli_coordinator_backup(const mdl_coordinator_settings *s);
/* Whether this directory is a copy that nobody has confirmed. */
int mdl_cli_coordinator_is_copy(const char *directory);
mdl_err mdl_cli_coordinator_take_over(const char *directory, char *error, size_t error_size);

#endif
