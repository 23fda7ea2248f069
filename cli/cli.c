#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 24, HELP = 1000 };

int mdl_cli_fail(int code, const char *format, ...) {
    va_list list;
    fputs("modulon: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return code;
}

int mdl_cli_code(mdl_err err) {
    return err == MDL_OK ? MDL_EXIT_OK : err == MDL_EIO || err == MDL_ENOMEM ? MDL_EXIT_FAILURE : MDL_EXIT_USAGE;
}

int mdl_cli_end(mdl_err err, const char *error) {
    return err == MDL_OK ? MDL_EXIT_OK : mdl_cli_fail(mdl_cli_code(err), "%s", error);
}

int mdl_cli_print_json(cJSON *json) {
    char *line = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (!line)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "out of memory");
    puts(line);
    fflush(stdout);
    free(line);
    return MDL_EXIT_OK;
}

static void show_help(const mdl_usage *u, const mdl_option *options) {
    printf("usage: modulon %s%s%s [OPTION...]\n\n%s\n\noptions:\n", u->name, *u->arguments ? " " : "", u->arguments,
           u->text);
    for (const mdl_option *o = options; o->name; o++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        printf("  %-24s %s\n", left, o->help);
    }
    printf("  %-24s %s\n\nexamples:\n%s\n", "--help", "this text", u->examples);
}

/* Nonzero: the text is not what the option wants. */
static int take_value(const mdl_option *o, const char *text) {
    char *end = NULL;
    errno = 0;
    switch (o->kind) {
    case MDL_OPT_FLAG:
        *(int *)o->value = 1;
        return 0;
    case MDL_OPT_TEXT:
        *(const char **)o->value = text;
        return 0;
    case MDL_OPT_F64: {
        double v = strtod(text, &end);
        if (end == text || *end || !isfinite(v) || v < o->lo || v > o->hi)
            return 1;
        *(double *)o->value = v;
        return 0;
    }
    default:
        break;
    }
    if (text[0] < '0' || text[0] > '9') /* strtoull takes signs and spaces */
        return 1;
    unsigned long long v = strtoull(text, &end, 0);
    if (*end || errno == ERANGE)
        return 1;
    if (o->kind == MDL_OPT_U64) {
        *(uint64_t *)o->value = v;
        return 0;
    }
    if (v > UINT32_MAX || (double)v < o->lo || (double)v > o->hi)
        return 1;
    *(uint32_t *)o->value = (uint32_t)v;
    return 0;
}

static void allowed(const mdl_option *o, char *out, size_t size) {
    if (o->kind == MDL_OPT_U64)
        snprintf(out, size, "an integer from 0 to 18446744073709551615");
    else
        snprintf(out, size, "%s from %.10g to %.10g", o->kind == MDL_OPT_U32 ? "an integer" : "a number", o->lo, o->hi);
}

int mdl_cli_options(const mdl_usage *usage, const mdl_option *options, int argc, char **argv, int *first) {
    struct option known[OPTIONS_MAX + 2];
    int count = 0;
    for (; options[count].name && count < OPTIONS_MAX; count++)
        known[count] = (struct option){options[count].name, options[count].kind != MDL_OPT_FLAG, NULL, count};
    known[count] = (struct option){"help", 0, NULL, HELP};
    known[count + 1] = (struct option){NULL, 0, NULL, 0};
    opterr = 0;
    optind = 1;
    for (;;) {
        int got = getopt_long(argc, argv, ":h", known, NULL);
        if (got == -1)
            break;
        if (got == HELP || got == 'h') {
            show_help(usage, options);
            return MDL_EXIT_OK;
        }
        if (got == ':')
            return mdl_cli_fail(MDL_EXIT_USAGE, "%s: %s needs a value; see modulon %s --help", usage->name,
                                argv[optind - 1], usage->name);
        if (got == '?')
            return mdl_cli_fail(MDL_EXIT_USAGE, "%s: unknown option %s; see modulon %s --help", usage->name,
                                argv[optind - 1], usage->name);
        const mdl_option *o = &options[got];
        if (take_value(o, optarg)) {
            char range[96];
            allowed(o, range, sizeof range);
            return mdl_cli_fail(MDL_EXIT_USAGE, "%s: --%s is \"%s\"; allowed: %s", usage->name, o->name, optarg, range);
        }
        if (o->given)
            *o->given = 1;
    }
    int arguments = argc - optind;
    if (arguments < usage->least)
        return mdl_cli_fail(MDL_EXIT_USAGE, "%s: an argument is missing; usage: modulon %s %s", usage->name,
                            usage->name, usage->arguments);
    if (arguments > usage->most)
        return mdl_cli_fail(MDL_EXIT_USAGE, "%s: %s is one argument too many; see modulon %s --help", usage->name,
                            argv[optind + usage->most], usage->name);
    *first = optind;
    return -1;
}
