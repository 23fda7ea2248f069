/* modulon status, pause, resume, workers, ban, unban and the coordinator's export:
 * one line to the admin socket, one line back. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "coordinator/admin.h"

typedef struct order {
    const char *action, *key, *reason;
} order;

static char *line_of(const order *o) {
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "do", o->action);
    if (o->key) {
        cJSON_AddStringToObject(request, "key", o->key);
    }
    if (o->reason) {
        cJSON_AddStringToObject(request, "reason", o->reason);
    }
    char *line = cJSON_PrintUnformatted(request);
    cJSON_Delete(request);
    return line;
}

static const char *text_of(const cJSON *o, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static double number_of(const cJSON *o, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static void show_workers(const cJSON *answer) {
    const cJSON *w, *list = cJSON_GetObjectItemCaseSensitive(answer, "workers");
    printf("%-16s  %-16s  %-9s  %6s  %10s  %8s  %8s  %9s  %14s  %14s\n", "key", "name", "state", "leases", "lives/s",
           "accepted", "expired", "verified", "waiting", "credit");
    cJSON_ArrayForEach(w, list) {
        int banned = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(w, "banned"));
        int session = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(w, "session"));
        int convicted = strcmp(text_of(w, "convicted"), "0") != 0;
        int probation = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(w, "probation"));
        printf("%.16s  %-16.16s  %-9s  %6.0f  %10.4g  %8s  %8s  %8.0f%c  %14s  %14s\n", text_of(w, "key"),
               text_of(w, "name"),
               convicted ? "convicted"
               : banned  ? "banned"
               : session ? "here"
                         : "away",
               number_of(w, "leases"), number_of(w, "lives_per_s"), text_of(w, "accepted"), text_of(w, "expired"),
               number_of(w, "verified"), probation ? '?' : ' ', text_of(w, "waiting"), text_of(w, "credit"));
    }
    if (number_of(answer, "not_shown") > 0) {
        printf("and %.0f more\n", number_of(answer, "not_shown"));
    }
}

static void show_status(const cJSON *a) {
    printf("experiment  %s %s\n", text_of(a, "experiment"), text_of(a, "experiment_id"));
    printf("state       %s%s%s\n", text_of(a, "state"), *text_of(a, "trouble") ? ": " : "", text_of(a, "trouble"));
    printf("generation  %.0f of %.0f; jobs %.0f, done %.0f, leased %.0f; best before %.6g\n",
           number_of(a, "generation"), number_of(a, "generations"), number_of(a, "jobs"), number_of(a, "jobs_done"),
           number_of(a, "jobs_leased"), number_of(a, "best"));
    printf("workers     %.0f admitted, %.0f with a session, %.0f active, %.0f banned\n", number_of(a, "workers"),
           number_of(a, "sessions"), number_of(a, "active"), number_of(a, "banned"));
    printf("ledger      %s records, %s durable; %s batches, %.3g ms each\n", text_of(a, "records"),
           text_of(a, "durable"), text_of(a, "batches"), number_of(a, "commit_ms"));
    printf("since start %s results, %s leases expired, %s duplicates, %s refused, %s bad signatures\n",
           text_of(a, "results"), text_of(a, "expired"), text_of(a, "duplicates"), text_of(a, "rejected"),
           text_of(a, "bad_signatures"));
    printf("credit      %s synapse updates\n", text_of(a, "credit"));
    printf("vkey        %s\n", text_of(a, "vkey"));
}

static int show(const order *o, const char *text, int json) {
    cJSON *answer = cJSON_Parse(text);
    if (!answer) {
        return mdl_cli_fail(MDL_EXIT_FAILURE, "the coordinator's answer is no JSON");
    }
    int ok = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok"));
    int code = MDL_EXIT_OK;
    if (json) {
        printf("%s\n", text);
        code = ok ? MDL_EXIT_OK : MDL_EXIT_USAGE;
    } else if (!ok) {
        code = mdl_cli_fail(MDL_EXIT_USAGE, "%s: %s", o->action, text_of(answer, "error"));
    } else if (strcmp(o->action, "status") == 0) {
        show_status(answer);
    } else if (strcmp(o->action, "workers") == 0) {
        show_workers(answer);
    } else if (strcmp(o->action, "export") == 0) {
        printf("%s\n", text_of(answer, "file"));
    } else {
        printf("%s: done, and in the ledger\n", o->action);
    }
    cJSON_Delete(answer);
    return code;
}

static const mdl_usage usages[] = {
    {"status", "", "What a running coordinator does, asked over the socket in its directory.",
     "  modulon status --data runs/c1\n  modulon status --data runs/c1 --json", 0, 0},
    {"workers", "", "The workers of a running coordinator: sessions, leases, speed, verification and credit.",
     "  modulon workers --data runs/c1", 0, 0},
    {"pause", "[REASON]", "Grant no new leases. Results of open ones are taken. It goes into the ledger.",
     "  modulon pause --data runs/c1 \"moving house\"", 0, 1},
    {"resume", "[REASON]", "Grant leases again.", "  modulon resume --data runs/c1", 0, 1},
    {"ban", "KEY [REASON]", "Take a worker's leases back and nothing more from its key. It goes into the ledger.",
     "  modulon ban --data runs/c1 <64 hexadecimal digits> \"wrong results\"", 1, 2},
    {"unban", "KEY [REASON]", "Let a banned key work again.", "  modulon unban --data runs/c1 <64 hexadecimal digits>",
     1, 2},
    {"revoke", "KEY [REASON]", "End a worker's key for good: no unban. For one that was stolen or lost.",
     "  modulon revoke --data runs/c1 <64 hexadecimal digits> \"laptop stolen\"", 1, 2},
    {"champion", "", "Write the best network so far of a running coordinator to DIR/champion.safetensors.",
     "  modulon champion --data runs/c1", 0, 0},
};

int mdl_cmd_admin(int argc, char **argv) {
    const char *directory = NULL;
    int json = 0, first = 0;
    const mdl_usage *usage = NULL;
    for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++) {
        if (strcmp(usages[i].name, argv[0]) == 0) {
            usage = &usages[i];
        }
    }
    if (!usage) {
        return mdl_cli_fail(MDL_EXIT_USAGE, "there is no command %s", argv[0]);
    }
    const mdl_option options[] = {
        {"data", MDL_OPT_TEXT, &directory, NULL, 0, 0, "DIR", "the coordinator's directory"},
        {"json", MDL_OPT_FLAG, &json, NULL, 0, 0, NULL, "the answer as one JSON object"},
        {NULL, MDL_OPT_FLAG, NULL, NULL, 0, 0, NULL, NULL},
    };
    int code = mdl_cli_options(usage, options, argc, argv, &first);
    if (code >= 0) {
        return code;
    }
    if (!directory) {
        return mdl_cli_fail(MDL_EXIT_USAGE, "%s: --data is missing", usage->name);
    }
    order o = {strcmp(usage->name, "champion") == 0 ? "export" : usage->name, NULL, NULL};
    o.key = usage->least == 1 ? argv[first++] : NULL;
    o.reason = first < argc ? argv[first] : NULL;
    char error[MDL_ERROR_TEXT], *answer, *line = line_of(&o);
    if (!line) {
        return mdl_cli_fail(MDL_EXIT_FAILURE, "out of memory");
    }
    mdl_err err = mdl_admin_ask(directory, line, &answer, error, sizeof error);
    free(line);
    if (err != MDL_OK) {
        return mdl_cli_end(err, error);
    }
    code = show(&o, answer, json);
    free(answer);
    return code;
}
