/* modulon analyse activity|gain|integration|dose */
#include <stdio.h>
#include <string.h>

#include "cli/analyse.h"

static const char lines[] = "usage: modulon analyse activity EXPERIMENT.json|CHAMPION [OPTION...]\n"
                            "       modulon analyse gain EXPERIMENT.json [OPTION...]\n"
                            "       modulon analyse integration EXPERIMENT.json [OPTION...]\n"
                            "       modulon analyse dose CHAMPION [OPTION...]\n\n"
                            "activity     criticality, spectrum, coupling, balance and networks of running activity\n"
                            "gain         activation functions of network and neural mass against levers, modulators\n"
                            "integration  participation and synchrony of regions as the gain rises\n"
                            "dose         performance of a champion against the held level of a modulator\n\n"
                            "Each has its own --help. All write plots with --svg and numbers with --json.";

int mdl_cmd_analyse(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } parts[] = {
        {"activity", mdl_analyse_activity},
        {"gain", mdl_analyse_gain},
        {"integration", mdl_analyse_integration},
        {"dose", mdl_analyse_dose},
    };
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        puts(lines);
        return MDL_EXIT_OK;
    }
    for (size_t i = 0; argc >= 2 && i < sizeof parts / sizeof parts[0]; i++)
        if (strcmp(argv[1], parts[i].name) == 0)
            return parts[i].run(argc - 1, argv + 1);
    return mdl_cli_fail(MDL_EXIT_USAGE,
                        "analyse %s: say activity, gain, integration or dose; see modulon analyse --help",
                        argc < 2 ? "" : argv[1]);
}
