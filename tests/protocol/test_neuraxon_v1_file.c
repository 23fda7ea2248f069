/* Neuraxon v1's files: whole runs of tests/vectors/neuraxon_v1 bit for bit, and
 * what is refused, with its path. */
#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/num.h"
#include "protocol/neuraxon_v1_file.h"

enum { FILE_MAX = 1 << 18 };

static uint8_t *read_case(const char *name, size_t *size) {
    char path[128];
    snprintf(path, sizeof path, "tests/vectors/neuraxon_v1/%s.json", name);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    uint8_t *bytes = malloc(FILE_MAX);
    assert_non_null(bytes);
    *size = fread(bytes, 1, FILE_MAX, f);
    assert_true(*size < FILE_MAX);
    fclose(f);
    return bytes;
}

/* Compare a row of numbers, `count` of them. */
static void assert_row(const cJSON *row, const double *got, int count) {
    assert_int_equal(cJSON_GetArraySize(row), count);
    int i = 0;
    for (const cJSON *x = row->child; x; x = x->next, i++) {
        assert_true(cJSON_IsNumber(x));
        if (mdl_double_bits(x->valuedouble) != mdl_double_bits(got[i]))
            fail_msg("value %d: %.17g, not %.17g", i, got[i], x->valuedouble);
    }
}

static void assert_final(const cJSON *final, const mdl_neuraxon_v1 *n) {
    const cJSON *neurons = cJSON_GetObjectItemCaseSensitive(final, "neurons");
    const cJSON *synapses = cJSON_GetObjectItemCaseSensitive(final, "synapses");
    const cJSON *levels = cJSON_GetObjectItemCaseSensitive(final, "neuromodulators");
    assert_int_equal(cJSON_GetArraySize(neurons), n->neuron_count);
    assert_int_equal(cJSON_GetArraySize(synapses), n->synapse_count);
    const mdl_neuraxon_v1_neuron *u = n->neuron;
    for (const cJSON *row = neurons->child; row; row = row->next, u++)
        assert_row(row, (double[]){u->membrane, u->state, u->adaptation, u->autoreceptor, u->health}, 5);
    const mdl_neuraxon_v1_synapse *s = n->synapse;
    for (const cJSON *row = synapses->child; row; row = row->next, s++)
        assert_row(row,
                   (double[]){s->pre, s->post, s->w_fast, s->w_slow, s->w_meta, s->integrity, s->silent, s->pre_trace,
                              s->post_trace},
                   9);
    for (int i = 0; i < MDL_NEURAXON_V1_MODULATORS; i++) {
        const cJSON *level = cJSON_GetObjectItemCaseSensitive(levels, mdl_neuraxon_v1_modulator[i]);
        assert_int_equal(mdl_double_bits(level->valuedouble), mdl_double_bits(n->level[i]));
    }
    assert_true(cJSON_GetObjectItemCaseSensitive(final, "time")->valuedouble == n->time);
    assert_true(cJSON_GetObjectItemCaseSensitive(final, "step_count")->valuedouble == (double)n->step_count);
}

static void replay(const char *name, uint64_t draws) {
    size_t size;
    uint8_t *bytes = read_case(name, &size);
    mdl_neuraxon_v1 n;
    mdl_neuraxon_v1_events events;
    mdl_json_error err;
    assert_int_equal(mdl_neuraxon_v1_parse(bytes, size, &n, &err), MDL_OK);
    assert_int_equal(mdl_neuraxon_v1_events_parse(bytes, size, &n, &events, &err), MDL_OK);
    cJSON *root = cJSON_ParseWithLength((const char *)bytes, size);
    const cJSON *states = cJSON_GetObjectItemCaseSensitive(root, "states")->child;
    const cJSON *synapses = cJSON_GetObjectItemCaseSensitive(root, "synapse_count")->child;
    double steps = cJSON_GetObjectItemCaseSensitive(root, "steps")->valuedouble;
    assert_true(steps >= 60 && events.steps == (uint32_t)steps);
    for (uint32_t t = 0; t < events.steps; t++, states = states->next, synapses = synapses->next) {
        mdl_neuraxon_v1_apply(&n, &events, t);
        mdl_neuraxon_v1_step(&n);
        assert_int_equal(strlen(states->valuestring), n.neuron_count);
        for (uint32_t i = 0; i < n.neuron_count; i++)
            if (states->valuestring[i] != "-0+"[n.neuron[i].state + 1])
                fail_msg("%s: step %u, neuron %u", name, t, i);
        assert_int_equal(synapses->valueint, n.synapse_count);
    }
    assert_null(states);
    assert_final(cJSON_GetObjectItemCaseSensitive(root, "final"), &n);
    assert_int_equal(n.unsilence_draws + n.death_draws, draws);
    cJSON_Delete(root);
    mdl_neuraxon_v1_events_close(&events);
    mdl_neuraxon_v1_close(&n);
    assert_null(n.neuron);
    free(bytes);
}

static void reference_runs_are_equal_bit_for_bit(void **state) {
    (void)state;
    replay("c1_tiny_no_silent", 0);
    replay("c2_default_params", 0);
    replay("c3_branches", 2);
}

static const char good[] =
    "{\"parameters\":{\"num_input_neurons\":1,\"num_hidden_neurons\":0,\"num_output_neurons\":1,\"dt\":0.5},"
    "\"neurons\":{\"input\":[{\"id\":0,\"type\":\"input\",\"membrane_potential\":0.25,\"trinary_state\":-1,"
    "\"adaptation\":0.5,\"health\":0.75,\"is_active\":true}],\"hidden\":[],"
    "\"output\":[{\"id\":1,\"membrane_potential\":0,\"trinary_state\":0,\"health\":1,\"is_active\":false}]},"
    "\"synapses\":[{\"pre_id\":0,\"post_id\":1,\"w_fast\":0.125,\"w_slow\":0.5,\"w_meta\":-0.25,"
    "\"is_silent\":false,\"is_modulatory\":true,\"integrity\":1.0,\"synapse_type\":\"metabotropic\"}],"
    "\"neuromodulators\":{\"dopamine\":0.1,\"serotonin\":0.2,\"acetylcholine\":0.3,\"norepinephrine\":0.4},"
    "\"time\":12.5,\"step_count\":25}";

static mdl_err parse(const char *text, mdl_neuraxon_v1 *n, mdl_json_error *err) {
    return mdl_neuraxon_v1_parse((const uint8_t *)text, strlen(text), n, err);
}

static void a_file_is_read_as_v1_reads_it(void **state) {
    (void)state;
    mdl_neuraxon_v1 n;
    assert_int_equal(parse(good, &n, NULL), MDL_OK);
    assert_int_equal(n.neuron_count, 2);
    assert_int_equal(n.synapse_count, 1);
    assert_true(n.params.dt == 0.5 && n.params.tau_meta == 1000.0 && n.params.spontaneous_firing_rate == 0.01);
    assert_true(n.neuron[0].membrane == 0.25 && n.neuron[0].health == 0.75 && n.neuron[0].state == -1);
    assert_true(n.neuron[0].adaptation == 0.0); /* saved by v1, not read back */
    assert_int_equal(n.neuron[0].active, 1);
    assert_int_equal(n.neuron[1].active, 0);
    assert_true(n.synapse[0].w_meta == -0.25 && n.synapse[0].modulatory == 1 && n.synapse[0].silent == 0);
    assert_true(n.level[MDL_NEURAXON_V1_NOREPINEPHRINE] == 0.4 && n.time == 12.5 && n.step_count == 25);
    mdl_neuraxon_v1_close(&n);
}

/* `good` with the first `from` replaced. */
static char *changed(const char *from, const char *to) {
    const char *at = strstr(good, from);
    if (!at)
        fail_msg("no %s in the good file", from);
    size_t before = (size_t)(at - good), size = sizeof good + strlen(to);
    char *text = malloc(size);
    assert_non_null(text);
    snprintf(text, size, "%.*s%s%s", (int)before, good, to, at + strlen(from));
    return text;
}

static void bad_networks_are_refused_with_their_path(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        mdl_err code;
        const char *path;
    } bad[] = {
        {"\"dt\":0.5", "\"dt\":\"x\"", MDL_ETYPE, "parameters.dt"},
        {"\"dt\":0.5", "\"dt\":1e16", MDL_ERANGE, "parameters.dt"},
        {"\"dt\":0.5", "\"dt\":NaN", MDL_ESYNTAX, "parameters.dt"},
        {"\"dt\":0.5", "\"tau_fast\":0", MDL_ERANGE, "parameters.tau_fast"},
        {"\"dt\":0.5", "\"stdp_window\":-0.0", MDL_ERANGE, "parameters.stdp_window"},
        {"\"dt\":0.5", "\"dt\":1,\"dt\":1", MDL_EKEY, "parameters.dt"},
        {"\"dt\":0.5", "\"delta\":1", MDL_EKEY, "parameters.delta"},
        {"\"dt\":0.5", "\"network_name\":5", MDL_ETYPE, "parameters.network_name"},
        {"\"num_input_neurons\":1", "\"num_input_neurons\":2", MDL_EMISMATCH, "neurons.input"},
        {"\"num_input_neurons\":1", "\"num_input_neurons\":-1", MDL_ERANGE, "parameters.num_input_neurons"},
        {"\"num_input_neurons\":1", "\"num_input_neurons\":1.5", MDL_ERANGE, "parameters.num_input_neurons"},
        {"\"hidden\":[]", "\"hidden\":{}", MDL_ETYPE, "neurons.hidden"},
        {"\"hidden\":[],", "", MDL_EKEY, "neurons.hidden"},
        {"\"id\":1", "\"id\":2", MDL_EMISMATCH, "neurons.output[0].id"},
        {"\"trinary_state\":-1", "\"trinary_state\":2", MDL_ERANGE, "neurons.input[0].trinary_state"},
        {"\"is_active\":true", "\"is_active\":1", MDL_ETYPE, "neurons.input[0].is_active"},
        {"\"health\":0.75", "\"health\":1e999", MDL_ERANGE, "neurons.input[0].health"},
        {"\"adaptation\":0.5", "\"adaptation\":[]", MDL_ETYPE, "neurons.input[0].adaptation"},
        {"\"pre_id\":0", "\"pre_id\":2", MDL_ERANGE, "synapses[0].pre_id"},
        {"\"post_id\":1", "\"post_id\":4294967295", MDL_ERANGE, "synapses[0].post_id"},
        {"\"w_fast\":0.125,", "", MDL_EKEY, "synapses[0].w_fast"},
        {"\"synapses\":[{", "\"synapses\":[7,{", MDL_ETYPE, "synapses[0]"},
        {"\"serotonin\"", "\"oxytocin\"", MDL_EKEY, "neuromodulators.oxytocin"},
        {"\"time\":12.5", "\"time\":null", MDL_ETYPE, "time"},
        {"\"step_count\":25", "\"step_count\":1e300", MDL_ERANGE, "step_count"},
        {"\"time\":12.5,", "", MDL_EKEY, "time"},
        {"{\"parameters\"", "{\"network\":3,\"parameters\"", MDL_ETYPE, "network"},
        {"{\"parameters\"", "{\"network\":{\"x\":1},\"parameters\"", MDL_EKEY, "network.x"},
        {"{\"parameters\"", "{\"network\":{},\"network\":{},\"parameters\"", MDL_EKEY, "network"},
        {"{\"parameters\"", "{\"network\":{},\"unsilence_probability\":0.01,\"parameters\"", MDL_ERANGE,
         "unsilence_probability"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mdl_neuraxon_v1 n;
        mdl_json_error err;
        char *text = changed(bad[i].from, bad[i].to);
        mdl_err code = parse(text, &n, &err);
        if (code != bad[i].code || err.code != code || strcmp(err.path, bad[i].path) != 0 || !err.allowed[0])
            fail_msg("%s: %d at %s", bad[i].to, (int)code, err.path);
        assert_null(n.neuron);
        assert_null(n.synapse);
        assert_int_equal(parse(text, &n, NULL), code);
        free(text);
    }
    for (size_t size = 0; size < sizeof good - 1; size++) { /* cut anywhere */
        mdl_neuraxon_v1 n;
        assert_int_equal(mdl_neuraxon_v1_parse((const uint8_t *)good, size, &n, NULL), MDL_ESYNTAX);
    }
}

static mdl_err parse_events(const char *text, mdl_neuraxon_v1_events *events, mdl_json_error *err) {
    mdl_neuraxon_v1 n;
    assert_int_equal(parse(good, &n, NULL), MDL_OK);
    mdl_err code = mdl_neuraxon_v1_events_parse((const uint8_t *)text, strlen(text), &n, events, err);
    mdl_neuraxon_v1_close(&n);
    return code;
}

/* Modulators, then inputs, then currents, however the keys stand in the file. */
static void events_act_in_their_order(void **state) {
    (void)state;
    mdl_neuraxon_v1_events e;
    assert_int_equal(parse_events("[{},{\"external\":[[1,-2.5],[0,3]],\"set_inputs\":[-1,1,0],"
                                  "\"modulate\":[[\"serotonin\",2],[\"serotonin\",0.5]]},{\"set_inputs\":[]}]",
                                  &e, NULL),
                     MDL_OK);
    assert_int_equal(e.steps, 3);
    assert_int_equal(e.first[1], 0);
    assert_int_equal(e.first[2], 5);
    assert_int_equal(e.first[3], 5);
    const mdl_neuraxon_v1_action wanted[] = {
        {MDL_NEURAXON_V1_MODULATE, MDL_NEURAXON_V1_SEROTONIN, 2},
        {MDL_NEURAXON_V1_MODULATE, MDL_NEURAXON_V1_SEROTONIN, 0.5},
        {MDL_NEURAXON_V1_INPUT, 0, -1}, /* there is one input; v1 ignores the rest */
        {MDL_NEURAXON_V1_EXTERNAL, 1, -2.5},
        {MDL_NEURAXON_V1_EXTERNAL, 0, 3},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_int_equal(e.action[i].kind, wanted[i].kind);
        assert_int_equal(e.action[i].index, wanted[i].index);
        assert_true(e.action[i].value == wanted[i].value);
    }
    mdl_neuraxon_v1 n;
    assert_int_equal(parse(good, &n, NULL), MDL_OK);
    mdl_neuraxon_v1_apply(&n, &e, 1);
    assert_true(n.level[MDL_NEURAXON_V1_SEROTONIN] == 0.5);
    assert_true(n.neuron[0].state == -1 && n.neuron[0].membrane == -1.0 && n.neuron[1].external == -2.5);
    mdl_neuraxon_v1_apply(&n, &e, 3); /* past the end: nothing */
    mdl_neuraxon_v1_close(&n);
    mdl_neuraxon_v1_events_close(&e);
}

static void bad_events_are_refused_with_their_path(void **state) {
    (void)state;
    static const struct {
        const char *text;
        mdl_err code;
        const char *path;
    } bad[] = {
        {"{}", MDL_ETYPE, "events"},
        {"5", MDL_ETYPE, ""},
        {"{\"events\":3}", MDL_ETYPE, "events"},
        {"{\"events\":[],\"events\":[]}", MDL_EKEY, "events"},
        {"[3]", MDL_ETYPE, "[0]"},
        {"{\"events\":[{},{\"input\":[]}]}", MDL_EKEY, "events[1].input"},
        {"[{\"modulate\":{}}]", MDL_ETYPE, "[0].modulate"},
        {"[{\"modulate\":[[\"dopamine\"]]}]", MDL_ETYPE, "[0].modulate[0]"},
        {"[{\"modulate\":[[\"dopamine\",0.5],[\"adrenaline\",1]]}]", MDL_ENOENT, "[0].modulate[1]"},
        {"[{\"modulate\":[[\"dopamine\",1e999]]}]", MDL_ERANGE, "[0].modulate[0][1]"},
        {"[{\"set_inputs\":[2]}]", MDL_ERANGE, "[0].set_inputs[0]"},
        {"[{\"set_inputs\":[0.5]}]", MDL_ERANGE, "[0].set_inputs[0]"},
        {"[{\"set_inputs\":[true]}]", MDL_ETYPE, "[0].set_inputs[0]"},
        {"[{\"external\":[[2,1]]}]", MDL_ERANGE, "[0].external[0][0]"},
        {"[{\"external\":[[1,1],[1,1]]}]", MDL_EKEY, "[0].external[1][0]"},
        {"[{\"external\":[[1,1,1]]}]", MDL_ETYPE, "[0].external[0]"},
        {"[{\"external\":[[1,\"1\"]]}]", MDL_ETYPE, "[0].external[0][1]"},
        {"[{\"external\":[[-1,1]]}]", MDL_ERANGE, "[0].external[0][0]"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mdl_neuraxon_v1_events e;
        mdl_json_error err;
        mdl_err code = parse_events(bad[i].text, &e, &err);
        if (code != bad[i].code || err.code != code || strcmp(err.path, bad[i].path) != 0 || !err.allowed[0])
            fail_msg("%s: %d at %s", bad[i].text, (int)code, err.path);
        assert_null(e.first);
        assert_null(e.action);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_runs_are_equal_bit_for_bit),     cmocka_unit_test(a_file_is_read_as_v1_reads_it),
        cmocka_unit_test(bad_networks_are_refused_with_their_path), cmocka_unit_test(events_act_in_their_order),
        cmocka_unit_test(bad_events_are_refused_with_their_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
