/* What the subcommands share: option parsing, help and exit codes. */
#ifndef MDL_CLI_CLI_H
#define MDL_CLI_CLI_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define MDL_VERSION "0.1.0"

enum { MDL_EXIT_OK = 0, MDL_EXIT_FALSE = 1, MDL_EXIT_USAGE = 2, MDL_EXIT_FAILURE = 3 };
enum { MDL_ERROR_TEXT = 1024 };

typedef enum mdl_option_kind { MDL_OPT_FLAG, MDL_OPT_U32, MDL_OPT_U64, MDL_OPT_F64, MDL_OPT_TEXT } mdl_option_kind;

typedef struct mdl_option {
    const char *name;     /* without "--"                                       */
    mdl_option_kind kind; /* a FLAG takes no value                              */
    void *value;          /* int, uint32_t, uint64_t, double or const char *    */
    int *given;           /* set to 1 when it was given; may be NULL            */
    double lo, hi;        /* U32, F64: allowed, both ends included              */
    const char *argument; /* its name in help                                   */
    const char *help;
} mdl_option;

typedef struct mdl_usage {
    const char *name;      /* of the subcommand                */
    const char *arguments; /* after the name, without options  */
    const char *text;      /* a paragraph                      */
    const char *examples;  /* lines                            */
    int least, most;       /* arguments                        */
} mdl_usage;

/* Parse argv[1..]; options end with one whose name is NULL. Returns -1 to go on,
 * with *first the index of the first argument, or the exit code (help shown, or one sentence of what is
 * wrong). */
int mdl_cli_options(const mdl_usage *usage, const mdl_option *options, int argc, char **argv, int *first);

/* One sentence on stderr, "modulon: " before it; returns `code`. */
int mdl_cli_fail(int code, const char *format, ...);
/* The exit code of an error value: 0, 3 for what the system refused, else 2. */
int mdl_cli_code(mdl_err err);
/* That code; on failure after the sentence. */
int mdl_cli_end(mdl_err err, const char *error);
/* `json` on one line of stdout, which ends its life. Returns an exit code. */
int mdl_cli_print_json(cJSON *json);

/* Subcommands: argv[0] is the subcommand's name. */
int mdl_cmd_evolve(int argc, char **argv);
int mdl_cmd_eval(int argc, char **argv);
int mdl_cmd_export(int argc, char **argv);
int mdl_cmd_task(int argc, char **argv);
int mdl_cmd_simulate(int argc, char **argv);
int mdl_cmd_ablate(int argc, char **argv);
int mdl_cmd_analyse(int argc, char **argv); /* activity, gain, integration, dose */
int mdl_cmd_bench(int argc, char **argv);
int mdl_cmd_sim(int argc, char **argv);
int mdl_cmd_selftest(int argc, char **argv);
int mdl_cmd_run(int argc, char **argv);
int mdl_cmd_audit(int argc, char **argv);
int mdl_cmd_ledger(int argc, char **argv);
int mdl_cmd_coordinator(int argc, char **argv);
int mdl_cmd_worker(int argc, char **argv);
int mdl_cmd_witness(int argc, char **argv);
int mdl_cmd_verify_proof(int argc, char **argv);
int mdl_cmd_keygen(int argc, char **argv);
int mdl_cmd_invite(int argc, char **argv);
int mdl_cmd_admin(int argc, char **argv); /* status, workers, pause, resume, ban, unban, champion */

#endif
