/* modulon task */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "core/task.h"

enum { ACTIONS_MAX = 1 << 20 };

static const mdl_usage usage = {
    .name = "task",
    .arguments = "[NAME]",
    .text = "Drive a task by hand: from a given state, by scripted actions, one JSON line after\n"
            "each action with the state, the reference's own observation, reward and done.\n"
            "Actions are numbers from 0; for doublepole they are the motor's readout (force\n"
            "10 tanh). It stops when the episode is done.",
    .examples = "  modulon task --list\n"
                "  modulon task cartpole --state 0.01,0,-0.02,0 --actions 0,1,1,0 --json\n"
                "  modulon task tmaze --actions 0,0,0,1 --seed 3 --episode 1 --verbose",
    .least = 0,
    .most = 1,
};

static int list_tasks(int json) {
    for (uint32_t id = 0; id < MDL_TASK_COUNT; id++) {
        const mdl_task_info *info = mdl_task_info_get(id);
        mdl_task_params params;
        mdl_task_defaults((mdl_task_id)id, &params);
        uint32_t channels = mdl_task_obs_count(&params), actions = mdl_task_action_count(&params);
        if (json)
            printf("{\"name\":\"%s\",\"title\":\"%s\",\"channels\":%" PRIu32 ",\"%s\":%" PRIu32
                   ",\"states\":\"%s\",\"score\":\"%s\"}\n",
                   info->name, info->title, channels, info->continuous ? "motors" : "actions", actions,
                   info->state_names, info->score);
        else
            printf("%-12s %-53s %2" PRIu32 " channels, %2" PRIu32 " %s, score: %s\n", info->name, info->title, channels,
                   actions, info->continuous ? "motors " : "actions", info->score);
    }
    return MDL_EXIT_OK;
}

/* Numbers split by commas; the count, or -1. */
static int read_numbers(const char *text, double *out, int most) {
    int count = 0;
    for (;;) {
        char *end;
        if (count == most || *text == ' ')
            return -1;
        double v = strtod(text, &end);
        if (end == text || !isfinite(v) || (*end && *end != ','))
            return -1;
        out[count++] = v;
        if (!*end)
            return count;
        text = end + 1;
    }
}

static void print_numbers(const char *key, const double *v, uint32_t count) {
    printf("\"%s\":[", key);
    for (uint32_t i = 0; i < count; i++)
        printf("%s%.17g", i ? "," : "", v[i]);
    printf("]");
}

/* The foraging world's rows: # rocks, ^ > v < the agent, plants a, b... (hard: A, B...). */
static void print_world(const mdl_task *t) {
    char row[MDL_FORAGE_SIZE_MAX + 1];
    for (uint32_t y = 0; y < t->forage.size; y++) {
        mdl_forage_row(&t->forage, mdl_task_agent_count(&t->params), y, row);
        printf("%s\"%s\"%s", y ? "," : ",\"world\":[", row, y + 1 == t->forage.size ? "]" : "");
    }
}

static void print_step(const mdl_task *t, int verbose) {
    double obs[MDL_OBS_MAX];
    uint32_t count;
    mdl_task_native_obs(t, obs, &count);
    printf("{");
    print_numbers("state", t->s, mdl_task_info_get((uint32_t)t->params.id)->states);
    printf(",");
    print_numbers("obs", obs, count);
    printf(",\"reward\":%.17g,\"done\":%s", (double)t->out.reward, t->out.flags & MDL_OUT_DONE ? "true" : "false");
    if (verbose) {
        printf(",\"score\":%.6f,\"fitness\":%.6f,\"rewarded\":%s,\"wipe\":%s,\"frozen\":%s,\"teach\":%" PRId32,
               (double)mdl_task_score(t) / 1e6, (double)mdl_task_fitness(t) / 1e6,
               t->out.flags & MDL_OUT_REWARD ? "true" : "false", t->out.flags & MDL_OUT_WIPE ? "true" : "false",
               t->out.flags & MDL_OUT_FROZEN ? "true" : "false",
               t->out.flags & MDL_OUT_TEACH ? (int32_t)t->out.teach : -1);
        print_world(t);
    }
    printf("}\n");
}

static int set_state(mdl_task *t, const char *text) {
    const mdl_task_info *info = mdl_task_info_get((uint32_t)t->params.id);
    double s[MDL_TASK_STATE_MAX];
    if (info->states == 0)
        return mdl_cli_fail(MDL_EXIT_USAGE, "task: %s has no continuous state to set", info->name);
    int count = read_numbers(text, s, MDL_TASK_STATE_MAX);
    if (count < 0 || mdl_task_set_state(t, s, (uint32_t)count) != MDL_OK)
        return mdl_cli_fail(MDL_EXIT_USAGE,
                            "task: --state is \"%.200s\"; allowed: %" PRIu32
                            " numbers from -100 to 100 (%s), split by commas",
                            text, info->states, info->state_names);
    return -1;
}

static int drive(mdl_task *t, const double *action, int count, int verbose) {
    const mdl_task_info *info = mdl_task_info_get((uint32_t)t->params.id);
    uint32_t actions = mdl_task_action_count(&t->params);
    for (int i = 0; i < count && !info->continuous; i++)
        if (action[i] < 0 || action[i] >= actions || action[i] != floor(action[i]))
            return mdl_cli_fail(MDL_EXIT_USAGE, "task: action %d is %g; allowed: 0 to %" PRIu32, i + 1, action[i],
                                actions - 1);
    for (int i = 0; i < count && !(t->out.flags & MDL_OUT_DONE); i++) {
        float motor[MDL_ACTION_MAX] = {0};
        uint32_t chosen = 0;
        if (info->continuous) {
            motor[0] = (float)(action[i] < -64 ? -64 : action[i] > 64 ? 64 : action[i]);
        } else {
            chosen = (uint32_t)action[i];
            motor[chosen] = 1.0f; /* for tasks that grade the readouts */
        }
        mdl_task_step(t, chosen, motor);
        print_step(t, verbose);
    }
    return MDL_EXIT_OK;
}

int mdl_cmd_task(int argc, char **argv) {
    const char *state = NULL, *script = NULL;
    uint64_t seed = 1;
    uint32_t episode = 0;
    int list = 0, json = 0, verbose = 0;
    const mdl_option options[] = {
        {"list", MDL_OPT_FLAG, &list, NULL, 0, 0, NULL, "the tasks"},
        {"state", MDL_OPT_TEXT, &state, NULL, 0, 0, "A,B,...", "start here (tasks with a continuous state)"},
        {"actions", MDL_OPT_TEXT, &script, NULL, 0, 0, "0,1,1,...", "what to do"},
        {"seed", MDL_OPT_U64, &seed, NULL, 0, 0, "S", "of the episode's randomness (1)"},
        {"episode", MDL_OPT_U32, &episode, NULL, 0, 1000000, "E", "index of the episode (0)"},
        {"verbose", MDL_OPT_FLAG, &verbose, NULL, 0, 0, NULL, "more keys a line"},
        {"json", MDL_OPT_FLAG, &json, NULL, 0, 0, NULL, "JSON lines (steps always are)"},
        {0},
    };
    int first;
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (list)
        return list_tasks(json);
    mdl_task_id id;
    if (first >= argc)
        return mdl_cli_fail(MDL_EXIT_USAGE, "task: which one? modulon task --list shows them");
    if (mdl_task_find(argv[first], &id) != MDL_OK)
        return mdl_cli_fail(MDL_EXIT_USAGE, "task: there is no task %s; modulon task --list shows them", argv[first]);
    if (!script)
        return mdl_cli_fail(MDL_EXIT_USAGE, "task: --actions is missing");
    mdl_task_params params;
    mdl_task task;
    mdl_task_defaults(id, &params);
    mdl_task_reset(&task, &params, mdl_key(seed, MDL_STREAM_TRAIN, 0, 0, episode), episode, MDL_PART_TRAIN);
    if (state && (code = set_state(&task, state)) >= 0)
        return code;
    double *action = malloc((strlen(script) + 1) * sizeof *action);
    if (!action)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "task: out of memory");
    int count = read_numbers(script, action, ACTIONS_MAX);
    if (count < 0)
        code = mdl_cli_fail(MDL_EXIT_USAGE, "task: --actions is \"%.60s\"; allowed: numbers split by commas", script);
    else
        code = drive(&task, action, count, verbose);
    free(action);
    return code;
}
