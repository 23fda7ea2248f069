/* Experiment files: every bad file of tests/bad_experiments is refused with its
 * key's path and what is allowed; every good one is read, written and read again. */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/philox.h"
#include "protocol/experiment_json.h"
#include "protocol/experiment_keys.h"

static uint8_t *read_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        fail_msg("cannot open %s", path);
    }
    size_t capacity = 4 << 20;
    uint8_t *bytes = malloc(capacity);
    assert_non_null(bytes);
    *size = fread(bytes, 1, capacity, f);
    assert_true(*size < capacity);
    fclose(f);
    return bytes;
}

static mdl_err parse_text(const char *text, mdl_experiment *x, mdl_json_error *err) {
    return mdl_experiment_parse((const uint8_t *)text, strlen(text), x, err);
}

static const char *error_name(mdl_err code) {
    switch (code) {
#define X(name, value, sentence)                                                                                       \
    case MDL_##name:                                                                                                   \
        return #name;
        MDL_ERR_MAP(X)
#undef X
    }
    return "?";
}

static void assert_same(const mdl_experiment *a, const mdl_experiment *b) {
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->seed, b->seed);
    assert_int_equal(a->test_episodes, b->test_episodes);
    assert_memory_equal(&a->task, &b->task, sizeof a->task);
    assert_memory_equal(&a->network, &b->network, sizeof a->network);
    assert_memory_equal(&a->hmn, &b->hmn, sizeof a->hmn);
    assert_memory_equal(&a->evolution, &b->evolution, sizeof a->evolution);
}

static void assert_round_trip(const mdl_experiment *x) {
    mdl_experiment back;
    mdl_json_error err;
    char *text = mdl_experiment_to_json(x);
    assert_non_null(text);
    if (parse_text(text, &back, &err) != MDL_OK) {
        char sentence[512];
        mdl_json_error_format(&err, "written", sentence, sizeof sentence);
        fail_msg("%s\n%s", sentence, text);
    }
    assert_same(x, &back);
    char *again = mdl_experiment_to_json(&back);
    assert_string_equal(text, again);
    free(again);
    free(text);
}

/* A struct that no parse may leave as it is. */
static void soil(mdl_experiment *x) { memset(x, 0xA5, sizeof *x); }

static void assert_zero(const mdl_experiment *x) {
    const uint8_t *bytes = (const uint8_t *)x;
    for (size_t i = 0; i < sizeof *x; i++) {
        assert_int_equal(bytes[i], 0);
    }
}

static uint32_t check_bad(const char *file, const char *code, const char *path, const char *allowed) {
    char name[512];
    snprintf(name, sizeof name, "tests/bad_experiments/%s", file);
    size_t size;
    uint8_t *bytes = read_file(name, &size), *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size); /* a heap block of exactly its size: reading past it is seen */
    mdl_experiment x;
    mdl_json_error err;
    soil(&x);
    mdl_err e = mdl_experiment_parse(exact, size, &x, &err);
    char sentence[512];
    mdl_json_error_format(&err, file, sentence, sizeof sentence);
    uint32_t failed = 0;
    int same_path = strcmp(path, "*") == 0 || strcmp(err.path, strcmp(path, "-") == 0 ? "" : path) == 0;
    if (strcmp(error_name(e), code) != 0 || !same_path || !strstr(err.allowed, allowed) || err.code != e) {
        failed = 1;
        print_error("%s: expected %s at %s, allowed ...%s...; got %s at \"%s\": %s\n", file, code, path, allowed,
                    error_name(e), err.path, sentence);
    }
    assert_zero(&x);
    assert_true((e == MDL_ESYNTAX) <= (err.line > 0));
    for (const char *c = sentence; *c; c++) {
        assert_true(*c >= 0x20 && *c < 0x7F);
    }
    assert_int_equal(mdl_experiment_parse(exact, size, &x, NULL), e);
    free(exact);
    free(bytes);
    return failed;
}

static void test_bad_files(void **state) {
    (void)state;
    FILE *list = fopen("tests/bad_experiments/expected.txt", "r");
    assert_non_null(list);
    char line[512];
    uint32_t listed = 0, present = 0, failed = 0;
    while (fgets(line, sizeof line, list)) {
        char file[128], code[32], path[160];
        int used = 0;
        line[strcspn(line, "\n")] = 0;
        if (line[0] == '#' || line[0] == 0) {
            continue;
        }
        if (sscanf(line, "%127s %31s %159s %n", file, code, path, &used) != 3) {
            fail_msg("bad line: %s", line);
        }
        failed += check_bad(file, code, path, line + used);
        listed++;
    }
    fclose(list);
    DIR *directory = opendir("tests/bad_experiments");
    assert_non_null(directory);
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        present += strstr(entry->d_name, ".json") != NULL;
    }
    closedir(directory);
    assert_int_equal(failed, 0);
    assert_true(listed >= 70);
    assert_int_equal(listed, present);
}

static void test_size_limit(void **state) {
    (void)state;
    size_t huge = (size_t)100 << 20;
    static const char text[] = "{\"task\": \"tmaze\"}";
    uint8_t *bytes = malloc(huge);
    mdl_experiment x;
    mdl_json_error err;
    assert_non_null(bytes);
    memset(bytes, ' ', huge);
    memcpy(bytes, text, sizeof text - 1);
    assert_int_equal(mdl_experiment_parse(bytes, huge, &x, &err), MDL_ESIZE);
    assert_string_equal(err.value, "104857600 bytes");
    assert_string_equal(err.allowed, "at most 1048576 bytes");
    assert_int_equal(mdl_experiment_parse(bytes, MDL_EXPERIMENT_BYTES_MAX + 1, &x, &err), MDL_ESIZE);
    assert_int_equal(mdl_experiment_parse(bytes, MDL_EXPERIMENT_BYTES_MAX, &x, &err), MDL_OK);
    free(bytes);
}

static void test_examples(void **state) {
    (void)state;
    DIR *directory = opendir("examples");
    assert_non_null(directory);
    uint32_t count = 0;
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".json") != 0) {
            continue;
        }
        char name[512], sentence[512];
        snprintf(name, sizeof name, "examples/%s", entry->d_name);
        size_t size;
        uint8_t *bytes = read_file(name, &size), id[32];
        mdl_experiment x;
        mdl_json_error err;
        if (mdl_experiment_parse(bytes, size, &x, &err) != MDL_OK) {
            mdl_json_error_format(&err, name, sentence, sizeof sentence);
            fail_msg("%s", sentence);
        }
        crypto_hash_sha256(id, bytes, size);
        assert_memory_equal(x.id, id, sizeof id);
        assert_round_trip(&x);
        free(bytes);
        count++;
    }
    closedir(directory);
    assert_true(count >= 1);
}

/* SHA-256 of {"task": "tmaze"} by an independent program. */
static void test_minimal(void **state) {
    (void)state;
    mdl_experiment x;
    assert_int_equal(parse_text("{\"task\": \"tmaze\"}", &x, NULL), MDL_OK);
    assert_string_equal(x.name, "tmaze");
    assert_int_equal(x.seed, 1);
    assert_int_equal(x.task.id, MDL_TASK_TMAZE);
    assert_int_equal(x.task.trials, 60);
    assert_int_equal(x.network.regions, 1);
    assert_int_equal(x.network.neurons[0], 6);
    assert_int_equal(x.network.neurons[1], 0);
    assert_int_equal(x.network.ring, 0);
    assert_true(x.network.rewire == 0.1f);
    assert_int_equal(x.network.listen, 8);
    assert_int_equal(x.network.fan_in, 4);
    assert_int_equal(x.network.delay_between[1], 1);
    assert_int_equal(x.network.window, 1);
    assert_int_equal(x.network.sensors, mdl_task_obs_count(&x.task));
    assert_int_equal(x.network.motors, mdl_task_action_count(&x.task));
    assert_int_equal(x.network.seed, mdl_key(1, MDL_STREAM_WIRING, 0, 0, 0));
    assert_int_equal(x.evolution.seed, mdl_key(1, MDL_STREAM_GENOME, 0, 0, 0));
    assert_int_equal(x.hmn.mechanism[MDL_MECH_CRITIC], MDL_ON);
    assert_true(x.hmn.weight_max == 4.0f && x.hmn.init_sd == 0.3f);
    assert_int_equal(x.evolution.generations, 100);
    assert_int_equal(x.evolution.islands, 1);
    assert_int_equal(x.evolution.island[0].algorithm, MDL_ES);
    assert_int_equal(x.evolution.island[0].population, 64);
    assert_int_equal(x.evolution.island[0].elite, 8);
    assert_true(x.evolution.island[0].sigma == 0.15f && x.evolution.island[0].beta2 == 0.99f);
    assert_int_equal(x.test_episodes, 200);
    static const uint8_t id[32] = {0x08, 0x24, 0xbf, 0x43, 0xa6, 0x9b, 0x63, 0x3f, 0xab, 0x0a, 0x73,
                                   0x42, 0x9d, 0xd9, 0x32, 0x6b, 0x54, 0x82, 0x9d, 0x0b, 0x24, 0x62,
                                   0xd6, 0x6a, 0xde, 0x66, 0xbc, 0x43, 0x07, 0x64, 0xca, 0x75};
    assert_memory_equal(x.id, id, sizeof id);
}

static void test_everything_given(void **state) {
    (void)state;
    mdl_experiment x;
    assert_int_equal(
        parse_text(
            "{\"name\": \"A-1_b.c\", \"seed\": \"18446744073709551615\", \"model\": \"hmn\","
            "\"task\": {\"trials\": 80, \"name\": \"cue\", \"cues\": 3, \"delay_max\": 9},"
            "\"network\": {\"window\": 3, \"regions\": 2, \"neurons\": [20, 30], \"ring\": 4, \"rewire\": 1e-320,"
            "  \"sensor_fan\": 2, \"motor_fan\": 5, \"sources\": 1, \"listen\": 8, \"fan_in\": 2,"
            "  \"delay\": [1, 2]},"
            "\"hmn\": {\"activation\": \"relu\", \"trace\": \"event\", \"similarity\": \"dot\","
            "  \"meta_method\": \"finite\", \"meta_period\": 7, \"encoding\": \"indirect\", \"init_sd\": -0,"
            "  \"mechanisms\": {\"noise\": false, \"critic\": true, \"dropout\": \"gene\"}},"
            "\"modulators\": {\"mechanisms\": {\"phasic\": false, \"serotonin\": \"gene\"},"
            "  \"clamp\": {\"arousal\": 0.7, \"dopamine\": 0}},"
            "\"evolution\": {\"migrate_every\": 2, \"islands\": [{\"algorithm\": \"ga\", \"population\": 6,"
            "  \"count\": 2}, {\"algorithm\": \"cma\", \"sigma_min\": 0.2}]}, \"test_episodes\": 1,"
            "\"sharding\": {\"shards\": 2, \"snapshot_windows\": 0}}",
            &x, NULL),
        MDL_OK);
    assert_int_equal(x.seed, UINT64_MAX);
    assert_int_equal(x.task.cues, 3);
    assert_int_equal(x.task.delay_max, 9);
    assert_int_equal(x.network.neurons[1], 30);
    assert_int_equal(x.network.delay_between[0], 3); /* follows the window */
    float zero = 0.0f;
    assert_memory_equal(&x.network.rewire, &zero, 4); /* below 2^-100 */
    assert_memory_equal(&x.hmn.init_sd, &zero, 4);    /* never -0 */
    assert_int_equal(x.hmn.activation, MDL_RELU);
    assert_int_equal(x.hmn.meta_method, MDL_META_FINITE);
    assert_int_equal(x.hmn.mechanism[MDL_MECH_NOISE], MDL_OFF);
    assert_int_equal(x.hmn.mechanism[MDL_MECH_CRITIC], MDL_ON);
    assert_int_equal(x.hmn.mechanism[MDL_MECH_DROPOUT], MDL_GENE);
    assert_int_equal(x.modulators.used, 1);
    assert_int_equal(x.modulators.mechanism[MDL_MOD_PHASIC], MDL_OFF);
    assert_int_equal(x.modulators.mechanism[MDL_MOD_SEROTONIN], MDL_GENE);
    assert_int_equal(x.modulators.mechanism[MDL_MOD_TONIC], MDL_ON);
    assert_int_equal(x.modulators.clamped, 1u << MDL_CLAMP_AROUSAL | 1u << MDL_DOPAMINE);
    assert_true(x.modulators.clamp[MDL_CLAMP_AROUSAL] == 0.7f && x.modulators.clamp[MDL_DOPAMINE] == 0.0f);
    assert_int_equal(x.evolution.islands, 3);
    assert_int_equal(x.evolution.island[1].algorithm, MDL_GA);
    assert_int_equal(x.evolution.island[1].elite, 1); /* 6 / 8, at least 1 */
    assert_true(x.evolution.island[2].sigma_min == 0.2f);
    assert_int_equal(x.sharding.used, 1);
    assert_int_equal(x.sharding.shards, 2);
    assert_int_equal(x.sharding.replicas, 1);
    assert_int_equal(x.sharding.snapshot_windows, 0);
    assert_round_trip(&x);
}

static void test_sharding(void **state) {
    (void)state;
    mdl_experiment x;
    assert_int_equal(parse_text("{\"task\": \"tmaze\", \"sharding\": \"off\"}", &x, NULL), MDL_OK);
    assert_int_equal(x.sharding.used, 0);
    assert_round_trip(&x);
    assert_int_equal(parse_text("{\"task\": \"tmaze\", \"sharding\": {}}", &x, NULL), MDL_OK);
    assert_int_equal(x.sharding.used, 1);
    assert_int_equal(x.sharding.shards, 0);
    assert_int_equal(x.sharding.snapshot_windows, 64);
    assert_round_trip(&x);
    assert_int_equal(parse_text("{\"task\": \"tmaze\", \"sharding\": {\"shards\": \"auto\"}}", &x, NULL), MDL_OK);
    assert_int_equal(x.sharding.shards, 0);
}

static void test_every_task(void **state) {
    (void)state;
    for (uint32_t i = 0; i < MDL_TASK_COUNT; i++) {
        char text[128];
        mdl_experiment x;
        snprintf(text, sizeof text, "{\"task\": {\"name\": \"%s\"}}", mdl_task_info_get(i)->name);
        assert_int_equal(parse_text(text, &x, NULL), MDL_OK);
        assert_int_equal(x.task.id, i);
        assert_round_trip(&x);
    }
}

static void test_sentences(void **state) {
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"{\"task\": \"tmaze\", \"evolution\": {\"islands\": [{}, {}, {\"sigma\": 40}]}}",
         "f: evolution.islands[2].sigma is 40; allowed: a number from 0.0001 to 10"},
        {"{\"task\": \"tmaze\", \"hmn\": {\"init_sd\": 0.1e400}}",
         "f: hmn.init_sd is inf; allowed: a number from 0 to 4"},
        {"{\"task\": \"tmaze\", \"sharding\": \"on\"}", "f: sharding is \"on\"; allowed: \"off\", or an object"},
        {"{\"task\": \"tmaze\", \"sharding\": {\"shards\": 0}}",
         "f: sharding.shards is 0; allowed: \"auto\", or an integer from 1 to 256"},
        {"{\"task\": \"tmaze\", \"sharding\": {\"replicas\": 4}}",
         "f: sharding.replicas is 4; allowed: an integer from 1 to 3"},
        {"{\"task\": \"tmaze\", \"sharding\": {\"shards\": 2}}",
         "f: sharding.shards is 2; allowed: at most network.regions (1)"},
        {"{\"task\": {\"name\": \"forage\", \"agents\": 2}, \"sharding\": {}}",
         "f: sharding is on with task.agents above 1; allowed: \"off\" there: agents of one world act on each "
         "other in every window, and shards are of one network"},
        {"{\"task\": \"tmaze\",\n \"seed\":\tNaN}",
         "f: line 2, column 10 (seed): found NaN; allowed: a value: object, list, string, number, true, false or null"},
        {"{\"task\": \"\xC3\xA4\xC3\xB6\" x", "f: line 1, column 15 (task): found x; allowed: a comma or }"},
        {"{\"task\": \"tmaze\", \"seed\": 1, \"seed\": 2}", "f: seed is given twice; allowed: each key once"},
        {"[]", "f: the file is a list; allowed: an object"},
        {"", "f: line 1, column 1: found the end of the file; allowed: a JSON object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mdl_experiment x;
        mdl_json_error err;
        char sentence[512];
        assert_int_not_equal(parse_text(cases[i].text, &x, &err), MDL_OK);
        mdl_json_error_format(&err, "f", sentence, sizeof sentence);
        assert_string_equal(sentence, cases[i].sentence);
    }
}

/* Long strings, keys and lists of strange bytes stay inside the error's fields. */
static void test_long_values(void **state) {
    (void)state;
    char text[8192], longest[2048];
    mdl_experiment x;
    mdl_json_error err;
    memset(longest, 'k', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    snprintf(text, sizeof text, "{\"task\": \"tmaze\", \"%s\": 1}", longest);
    assert_int_equal(parse_text(text, &x, &err), MDL_EKEY);
    assert_true(strlen(err.path) >= 100 && strlen(err.path) < sizeof err.path);
    snprintf(text, sizeof text, "{\"task\": \"%s\"}", longest);
    assert_int_equal(parse_text(text, &x, &err), MDL_ENOENT);
    assert_non_null(strstr(err.value, "..."));
    snprintf(text, sizeof text, "{\"%s\": {\"%s\": x}}", longest, longest);
    assert_int_equal(parse_text(text, &x, &err), MDL_ESYNTAX);
    assert_true(strlen(err.path) < sizeof err.path);
}

/* Cut anywhere, or with any byte changed, a file is refused or read; what is read survives a round trip. */
static void test_damage(void **state) {
    (void)state;
    static const char text[] =
        "{\"task\": {\"name\": \"cue\", \"cues\": 2}, \"seed\": \"12\", \"name\": \"\\u0061b\","
        "\"network\": {\"rewire\": 2.5e-1, \"delay\": [1, 2]}, \"hmn\": {\"mechanisms\": {\"noise\": true}},"
        "\"evolution\": {\"islands\": [{\"algorithm\": \"ga\", \"elite\": 3}]}}";
    size_t size = sizeof text - 1;
    mdl_experiment x;
    for (size_t n = 0; n < size; n++) {
        uint8_t *cut = malloc(n ? n : 1);
        assert_non_null(cut);
        memcpy(cut, text, n);
        assert_int_equal(mdl_experiment_parse(cut, n, &x, NULL), MDL_ESYNTAX);
        free(cut);
    }
    mdl_stream rng = {7, 0};
    uint32_t accepted = 0;
    uint8_t *changed = malloc(size);
    assert_non_null(changed);
    for (uint32_t i = 0; i < 20000; i++) {
        memcpy(changed, text, size);
        uint32_t changes = 1 + mdl_draw_below(&rng, 3);
        for (uint32_t c = 0; c < changes; c++) {
            changed[mdl_draw_below(&rng, (uint32_t)size)] = (uint8_t)(32 + mdl_draw_below(&rng, 96));
        }
        if (mdl_experiment_parse(changed, size, &x, NULL) == MDL_OK) {
            assert_round_trip(&x);
            accepted++;
        }
    }
    free(changed);
    assert_true(accepted > 100); /* or the round trip was hardly tried */
}

/* Defaults lie in their ranges, and ranges as the file says them are the ranges enforced: both ends
 * pass, the next value out does not. */
static void test_table(void **state) {
    (void)state;
    for (uint32_t i = 0; i < mdl_key_count; i++) {
        const mdl_key_row *row = &mdl_key_table[i];
        char allowed[160];
        assert_true(strlen(row->text) > 0);
        mdl_key_allowed(row, allowed, sizeof allowed);
        assert_true(strlen(allowed) > 0 && strlen(allowed) < sizeof allowed - 1);
        if ((row->kind == MDL_KEY_U32 || row->kind == MDL_KEY_F32) && row->section != MDL_SEC_TASK) {
            assert_true(row->initial >= row->lo && row->initial <= row->hi);
        }
        if (row->kind != MDL_KEY_F32) {
            continue;
        }
        for (int side = 0; side < 2; side++) {
            double inside = side ? row->hi : row->lo, outside = side ? row->hi * 1.000001 : row->lo - 1e-9;
            for (int out = 0; out < 2; out++) {
                char text[256];
                mdl_experiment x;
                double v = out ? outside : inside;
                if (row->section == MDL_SEC_ISLAND) {
                    snprintf(
                        text, sizeof text,
                        "{\"task\": \"tmaze\", \"evolution\": {\"islands\": [{\"algorithm\": \"%s\", \"%s\": %.17g}]}}",
                        row->readers == 1u << MDL_CMA ? "cma" : "es", row->key, v);
                } else {
                    const char *model = row->section == MDL_SEC_NEURAXON ? "neuraxon" : "hmn";
                    snprintf(text, sizeof text, "{\"task\": \"tmaze\", \"model\": \"%s\", \"%s\": {\"%s\": %.17g}}",
                             model, mdl_section_path(row->section), row->key, v);
                }
                mdl_err e = parse_text(text, &x, NULL);
                if (e != (out ? MDL_ERANGE : MDL_OK)) {
                    fail_msg("%s gives %s", text, error_name(e));
                }
                if (!out) {
                    assert_round_trip(&x);
                }
            }
        }
    }
}

/* The examples that people copy. */
static void test_documented_examples(void **state) {
    (void)state;
    static const char fence[] = "\n```json\n";
    size_t size;
    uint8_t *bytes = read_file("docs/EXPERIMENT.md", &size);
    uint32_t count = 0;
    bytes[size] = 0;
    for (char *at = strstr((char *)bytes, fence); at; at = strstr(at, fence)) {
        at += sizeof fence - 1;
        char *end = strstr(at, "\n```\n");
        assert_non_null(end);
        mdl_experiment x;
        assert_int_equal(mdl_experiment_parse((uint8_t *)at, (size_t)(end - at), &x, NULL), MDL_OK);
        assert_round_trip(&x);
        at = end + 1;
        count++;
    }
    free(bytes);
    assert_int_equal(count, 2);
}

static uint32_t allocations_left;

static void *failing_malloc(size_t size) { return allocations_left > 0 ? (allocations_left--, malloc(size)) : NULL; }

/* Out of memory at any allocation: an error or NULL, never half an experiment. */
static void test_out_of_memory(void **state) {
    (void)state;
    cJSON_Hooks hooks = {failing_malloc, free};
    size_t size;
    uint8_t *bytes = read_file("examples/tmaze-quick.json", &size);
    mdl_experiment whole, x;
    assert_int_equal(mdl_experiment_parse(bytes, size, &whole, NULL), MDL_OK);
    char *text = mdl_experiment_to_json(&whole);
    uint32_t parse_failures = 0, write_failures = 0;
    cJSON_InitHooks(&hooks);
    for (uint32_t n = 0; n < 400; n++) {
        mdl_json_error err;
        allocations_left = n;
        mdl_err e = mdl_experiment_parse(bytes, size, &x, &err);
        assert_true(e == MDL_OK || e == MDL_ENOMEM);
        assert_int_equal(e, err.code);
        parse_failures += e == MDL_ENOMEM;
        allocations_left = n;
        char *again = mdl_experiment_to_json(&whole);
        if (again) {
            assert_string_equal(again, text);
        }
        write_failures += !again;
        free(again);
    }
    cJSON_InitHooks(NULL);
    free(text);
    free(bytes);
    assert_true(parse_failures > 20 && parse_failures < 400 && write_failures > 60 && write_failures < 400);
}

static void append(void *ctx, const void *bytes, size_t size) {
    char *text = ctx;
    size_t used = strlen(text);
    assert_true(used + size < 32768);
    memcpy(text + used, bytes, size);
    text[used + size] = 0;
}

static void test_reference_is_in_step(void **state) {
    (void)state;
    static char reference[32768];
    reference[0] = 0;
    mdl_sink sink = {append, reference};
    mdl_experiment_write_reference(&sink);
    assert_true(strlen(reference) > 1000);
    size_t size;
    uint8_t *bytes = read_file("docs/EXPERIMENT.md", &size);
    bytes[size] = 0;
    if (!strstr((char *)bytes, reference)) {
        fail_msg("docs/EXPERIMENT.md is not in step with the key table; its tables must be\n%s", reference);
    }
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_minimal),
        cmocka_unit_test(test_everything_given),
        cmocka_unit_test(test_sharding),
        cmocka_unit_test(test_every_task),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_reference_is_in_step),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_documented_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
