/* modulon: one program, its subcommands in one table. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "runtime/champion.h"
#include "runtime/sha256.h"

static const struct {
    const char *name, *text;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "run an experiment as a fleet on this machine, score it, audit it", mdl_cmd_run},
    {"evolve", "evolve an experiment on this machine", mdl_cmd_evolve},
    {"eval", "score a champion on lives it has never seen", mdl_cmd_eval},
    {"simulate", "run a network window by window and show its states", mdl_cmd_simulate},
    {"task", "drive a task by hand", mdl_cmd_task},
    {"ablate", "score a champion with each mechanism taken out", mdl_cmd_ablate},
    {"export", "write or check a champion as safetensors and JSON", mdl_cmd_export},
    {"selftest", "compare this machine's results with the known ones", mdl_cmd_selftest},
    {"coordinator", "lease an experiment's work to workers, keep the ledger", mdl_cmd_coordinator},
    {"status", "what a running coordinator does", mdl_cmd_admin},
    {"workers", "the workers of a running coordinator", mdl_cmd_admin},
    {"pause", "let a running coordinator grant no leases", mdl_cmd_admin},
    {"resume", "let it grant leases again", mdl_cmd_admin},
    {"ban", "ban a worker's key", mdl_cmd_admin},
    {"unban", "let a banned key work again", mdl_cmd_admin},
    {"revoke", "end a worker's key for good", mdl_cmd_admin},
    {"champion", "write the best network of a running coordinator", mdl_cmd_admin},
    {"audit", "re-derive a ledger and name what is false in it", mdl_cmd_audit},
    {"ledger", "show records, make and check offline proofs", mdl_cmd_ledger},
    {"witness", "watch logs: cosign what continues what was cosigned", mdl_cmd_witness},
    {"verify-proof", "check a fraud proof: who is convicted of what", mdl_cmd_verify_proof},
    {"worker", "compute for a coordinator, and show what was earned", mdl_cmd_worker},
    {"keygen", "make a key, seal a backup of it or restore one", mdl_cmd_keygen},
    {"invite", "let one worker's key into an experiment", mdl_cmd_invite},
    {"analyse", "measure activity, gain curves, integration, dose against response", mdl_cmd_analyse},
    {"sim", "simulate fleets, honest and not, and check what must hold", mdl_cmd_sim},
    {"bench", "measure synapse updates per second", mdl_cmd_bench},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void show_commands(FILE *out) {
    fprintf(out, "usage: modulon COMMAND [ARGUMENT...]\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].text);
    fprintf(out, "  %-12s %s\n\n", "help", "modulon help COMMAND shows its options and examples");
    fprintf(out, "--version shows the version. Exit status: 0 success, 1 the thing checked is false,\n"
                 "2 usage or bad input, 3 a failure at run time.\n");
}

static int run(const char *name, int argc, char **argv) {
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(argc, argv);
    return mdl_cli_fail(MDL_EXIT_USAGE, "there is no command %s; modulon --help lists them", name);
}

/* Output that never reached its file must not look like success. */
static int finish(int code) {
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == MDL_EXIT_OK)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "cannot write to standard output");
    return code;
}

int main(int argc, char **argv) {
    if (sodium_init() < 0)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "libsodium cannot be initialised");
    (void)mdl_sha256_start(); /* without it libsodium's goes on */
    if (argc < 2) {
        show_commands(stderr);
        return MDL_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0) {
        printf("modulon %s, results version %s\n", MDL_VERSION, MDL_RESULTS_VERSION);
        return finish(MDL_EXIT_OK);
    }
    int help = strcmp(name, "help") == 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (help && argc == 2)) {
        show_commands(stdout);
        return finish(MDL_EXIT_OK);
    }
    if (help) {
        char *show[] = {argv[2], "--help", NULL};
        return finish(run(argv[2], 2, show));
    }
    return finish(run(name, argc - 1, argv + 1));
}
