/* modulon worker statement */
#include "cli/worker_statement.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "protocol/digest.h"
#include "worker/statement.h"
#include "worker/status.h"

static const mdl_usage usage = {
    .name = "worker statement",
    .arguments = "",
    .text = "What this machine's worker has earned: every result with its state (pending, paid,\n"
            "stale, rejected, taken_back), the ledger's record and the file that proves it.\n"
            "Without --ledger nobody knows what was paid: what has a receipt is pending. With it\n"
            "the ledger's rules are replayed. Exit status 1 when something was taken back, or a\n"
            "receipt is not proved by its files.",
    .examples = "  modulon worker statement\n"
                "  modulon worker statement --data w1 --ledger runs/c1 --json",
    .least = 0,
    .most = 0,
};

static void add_u64(cJSON *o, const char *name, uint64_t v) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, v);
    cJSON_AddStringToObject(o, name, text);
}

static void line_json(const mdl_statement_line *l) {
    char hex[MDL_DIGEST_HEX];
    cJSON *o = cJSON_CreateObject();
    mdl_hex(l->experiment, 32, hex);
    cJSON_AddStringToObject(o, "experiment", hex);
    mdl_hex(l->coordinator, 32, hex);
    cJSON_AddStringToObject(o, "coordinator", hex);
    add_u64(o, "lease", l->lease);
    cJSON_AddNumberToObject(o, "generation", l->generation);
    cJSON_AddNumberToObject(o, "first", l->first);
    cJSON_AddNumberToObject(o, "jobs", l->jobs);
    add_u64(o, "updates", l->updates);
    cJSON_AddStringToObject(o, "state", mdl_earned_name(l->state));
    if (l->recorded) {
        add_u64(o, "record", l->record);
        cJSON_AddBoolToObject(o, "proved", l->proved);
        cJSON_AddStringToObject(o, "proof", l->proof);
    }
    cJSON_AddStringToObject(o, "why", l->why);
    mdl_cli_print_json(o);
}

static void line_text(const mdl_statement_line *l) {
    char updates[24], record[40] = "-", hex[MDL_DIGEST_HEX];
    mdl_status_count((double)l->updates, updates);
    mdl_hex(l->experiment, 32, hex);
    if (l->recorded)
        snprintf(record, sizeof record, "%" PRIu64 "%s", l->record, l->proved ? "" : " (not proved)");
    printf("%.16s generation %-6" PRIu32 " jobs %" PRIu32 "-%" PRIu32 " updates %-8s %-10s record %s%s%s%s%s\n", hex,
           l->generation, l->first, l->first + l->jobs - 1, updates, mdl_earned_name(l->state), record,
           l->proved ? " " : "", l->proved ? l->proof : "", l->why[0] ? " : " : "", l->why);
}

static void totals_text(const mdl_statement_totals *t, size_t damaged) {
    for (int i = 0; i <= MDL_EARNED_TAKEN_BACK; i++) {
        char updates[24];
        mdl_status_count((double)t->updates[i], updates);
        printf("%-10s %" PRIu64 " results, %s updates\n", mdl_earned_name((mdl_earned)i), t->results[i], updates);
    }
    printf("proofs     %" PRIu64 " verify, %" PRIu64 " are missing or do not\n", t->proved, t->unproved);
    if (damaged > 0)
        printf("damaged    %zu lines of the log cannot be read\n", damaged);
}

static void totals_json(const mdl_statement_totals *t, size_t damaged) {
    cJSON *o = cJSON_CreateObject(), *states = cJSON_AddObjectToObject(o, "totals");
    for (int i = 0; i <= MDL_EARNED_TAKEN_BACK; i++) {
        cJSON *state = cJSON_AddObjectToObject(states, mdl_earned_name((mdl_earned)i));
        add_u64(state, "results", t->results[i]);
        add_u64(state, "updates", t->updates[i]);
    }
    add_u64(o, "proved", t->proved);
    add_u64(o, "unproved", t->unproved);
    add_u64(o, "damaged", damaged);
    mdl_cli_print_json(o);
}

int mdl_worker_statement(int argc, char **argv) {
    const char *data = NULL, *ledger = "none";
    char path[MDL_ERROR_TEXT], error[MDL_ERROR_TEXT] = "";
    int json = 0, first;
    const mdl_option options[] = {
        {"data", MDL_OPT_TEXT, &data, NULL, 0, 0, "DIR", "the worker's; ~/.local/share/modulon/worker"},
        {"ledger", MDL_OPT_TEXT, &ledger, NULL, 0, 0, "DIR|none", "a coordinator's data directory, or a copy; none"},
        {"json", MDL_OPT_FLAG, &json, NULL, 0, 0, NULL, "one JSON object a line on stdout"},
        {0},
    };
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (!data && mdl_user_path("XDG_DATA_HOME", ".local/share", "worker", path, sizeof path))
        data = path;
    if (!data)
        return mdl_cli_fail(MDL_EXIT_USAGE, "worker statement: there is no home directory: give --data");
    mdl_statement s;
    mdl_err err = mdl_statement_read(&s, data, error, sizeof error);
    if (err == MDL_OK && strcmp(ledger, "none") != 0)
        err = mdl_statement_ledger(&s, ledger, error, sizeof error);
    if (err != MDL_OK) {
        mdl_statement_close(&s);
        return mdl_cli_fail(err == MDL_EMISMATCH ? MDL_EXIT_FALSE : mdl_cli_code(err), "worker statement: %s", error);
    }
    mdl_statement_totals totals;
    mdl_statement_add(&s, &totals);
    for (size_t i = 0; i < s.count; i++) {
        if (json)
            line_json(&s.line[i]);
        else
            line_text(&s.line[i]);
    }
    if (json)
        totals_json(&totals, s.damaged);
    else
        totals_text(&totals, s.damaged);
    mdl_statement_close(&s);
    return totals.results[MDL_EARNED_TAKEN_BACK] > 0 || totals.unproved > 0 ? MDL_EXIT_FALSE : MDL_EXIT_OK;
}
