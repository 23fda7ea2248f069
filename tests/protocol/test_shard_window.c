/* Shards over the bytes that they exchange: no cut, no window size, no loss of a
 * player shows in any window's digest or in the fitness; what no shard can have
 * said is refused. PROTOCOL chapter 12. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/num.h"
#include "tests/support/neuraxon_fixture.h"
#include "tests/support/shards.h"
#include "tests/support/vectors.h"

enum { REGIONS = 8, KEY = 77 };

static mdl_experiment experiment_of(mdl_model_id model, mdl_task_id task, uint32_t window) {
    mdl_experiment x = model == MDL_MODEL_HMN ? hmn_experiment(REGIONS, 5, window) : nx_experiment(REGIONS, 5, window);
    mdl_task_defaults(task, &x.task);
    x.network.sensors = mdl_task_obs_count(&x.task);
    x.network.motors = mdl_task_action_count(&x.task);
    if (task % 2 == 0)
        mdl_modulator_spec_defaults(&x.modulators);
    return x;
}

static float *genome_of(const mdl_experiment *x, uint64_t seed) {
    return x->model == MDL_MODEL_HMN ? hmn_genome(x, seed) : nx_genome(x, seed);
}

/* What a window leaves, by the life and by the shards: the modulatory state and each region's digest. */
static void same_moment(const mdl_life *life, const shards_play *o) {
    uint8_t region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES], mine[MDL_DIGEST_BYTES], theirs[MDL_DIGEST_BYTES];
    mdl_life_row row;
    shards_regions(o, region);
    mdl_unit_row(life, 1, &row);
    memcpy(mine, row.end, sizeof mine);
    mdl_unit_end(&o->conductor, (const uint8_t(*)[MDL_DIGEST_BYTES])region, theirs);
    assert_memory_equal(mine, theirs, sizeof mine);
    assert_int_equal(life->conductor.windows, o->conductor.windows);
    assert_int_equal(life->conductor.action[0], o->conductor.action[0]);
}

/* A life of at most `windows` windows; a seat is lost after every `loss`-th, if that is not 0, and every `keep`-th
 * window snapshots are taken. Returns the windows that were run again. */
static uint32_t same_life(const mdl_experiment *x, uint32_t shards, uint32_t windows, uint32_t loss, uint32_t keep) {
    void *memory;
    float *genome = genome_of(x, 3);
    mdl_life *life = hmn_life(x, 1, NULL, &memory);
    static shards_play o;
    mdl_stream s = {shards + 31 * windows, 0};
    int more = 1;
    mdl_life_genome(life, genome);
    mdl_life_begin(life, KEY, 2, MDL_PART_TRAIN);
    shards_open(&o, x, genome, shards);
    shards_begin(&o, KEY, 2, MDL_PART_TRAIN);
    for (uint32_t w = 0; more && w < windows; w++) {
        more = mdl_life_window(life);
        assert_int_equal(shards_window(&o), more);
        same_moment(life, &o);
        for (uint32_t i = 0; i < shards && keep > 0; i++)
            if ((w + i) % keep == 0) /* not all at once */
                shards_snapshot(&o, i);
        if (loss > 0 && w % loss == loss - 1)
            assert_true(shards_replace(&o, mdl_draw_below(&s, shards)));
        same_moment(life, &o);
    }
    assert_int_equal(mdl_task_fitness(&life->conductor.task), mdl_task_fitness(&o.conductor.task));
    assert_int_equal(mdl_task_score(&life->conductor.task), mdl_task_score(&o.conductor.task));
    assert_int_equal(mdl_conductor_updates(&life->conductor), mdl_conductor_updates(&o.conductor));
    shards_close(&o);
    free(memory);
    free(genome);
    return o.replayed;
}

static void no_cut_shows(void **state) {
    static const uint32_t window[] = {1, 8, 32}, shards[] = {1, 2, 4, 8};
    (void)state;
    for (uint32_t model = 0; model < MDL_MODEL_COUNT; model++)
        for (uint32_t task = 0; task < MDL_TASK_COUNT; task++)
            for (uint32_t w = 0; w < 3; w++) {
                mdl_experiment x = experiment_of((mdl_model_id)model, (mdl_task_id)task, window[w]);
                for (uint32_t c = 0; c < 4; c++)
                    same_life(&x, shards[c], w == 0 ? 12 : 6, 0, 0);
            }
}

/* To the end of lives, fitness included, with losses and snapshots now and then. */
static void no_loss_shows(void **state) {
    (void)state;
    for (uint32_t model = 0; model < MDL_MODEL_COUNT; model++)
        for (uint32_t keep = 0; keep < 8; keep += 3) {
            mdl_experiment x = experiment_of((mdl_model_id)model, MDL_TASK_CUE, 4);
            x.task.trials = 5;
            assert_true(same_life(&x, 4, 400, 6, keep) > 0);
        }
}

/* An indirect genome; no connections between regions; two regions. */
static void other_networks(void **state) {
    (void)state;
    mdl_experiment x = experiment_of(MDL_MODEL_HMN, MDL_TASK_TMAZE, 4);
    x.hmn.encoding = MDL_INDIRECT;
    same_life(&x, 3, 12, 3, 4);
    x = experiment_of(MDL_MODEL_HMN, MDL_TASK_TMAZE, 4);
    x.network.sources = x.network.fan_in = 0;
    same_life(&x, 5, 12, 3, 4);
    x = experiment_of(MDL_MODEL_NEURAXON, MDL_TASK_TMAZE, 2);
    x.network.regions = 2;
    x.network.sources = 1;
    same_life(&x, 2, 12, 3, 4);
}

/* A network of a million synapses: 128 regions; nightly all, else a window of each. */
static void a_large_network(void **state) {
    static const uint32_t window[] = {1, 8, 32}, shards[] = {1, 2, 4, 8};
    (void)state;
    const char *nightly = getenv("MODULON_NIGHTLY");
    int all = nightly && strcmp(nightly, "1") == 0;
    for (uint32_t model = 0; model < MDL_MODEL_COUNT; model++)
        for (uint32_t w = 0; w < 3; w++)
            for (uint32_t c = 0; c < 4; c++) {
                if (!all && (w != 1 || c != 2))
                    continue;
                mdl_experiment x = experiment_of((mdl_model_id)model, MDL_TASK_TMAZE, window[w]);
                for (uint32_t r = 0; r < REGIONS; r++)
                    x.network.neurons[r] = all ? 2048 : 256;
                x.network.ring = 48;
                x.network.fan_in = 16;
                x.network.listen = 64;
                x.network.motor_fan = 64;
                x.hmn.encoding = x.neuraxon.encoding = MDL_INDIRECT;
                assert_true(!all || mdl_synapse_count(&x.network) >= 1000000);
                same_life(&x, shards[c], all ? 12 : 3, all ? 4 : 1, 2);
            }
}

static void what_memory_a_shard_takes(void **state) {
    (void)state;
    mdl_experiment x = experiment_of(MDL_MODEL_HMN, MDL_TASK_TMAZE, 8);
    uint32_t owner[MDL_REGIONS_MAX];
    for (uint32_t r = 0; r < REGIONS; r++)
        x.network.neurons[r] = 500;
    mdl_balanced_cut(&x.network, 4, owner);
    size_t whole = mdl_life_bytes(&x, 1), sum = 0;
    for (uint32_t i = 0; i < 4; i++)
        sum += mdl_player_bytes(&x, owner, i);
    assert_true(sum >= whole / 4 * 4 - 4096 && sum < whole + 4 * (sizeof(mdl_player) + 65536));
}

/* ---- what is refused ---- */

typedef struct stage {
    mdl_experiment x;
    float *genome;
    shards_play o;
    uint8_t input[2][16384];
    size_t input_size[2];
} stage;

/* Two shards after three windows; `input` is what the fourth takes in. */
static stage *stage_open(mdl_model_id model) {
    stage *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->x = experiment_of(model, MDL_TASK_TMAZE, 4);
    t->genome = genome_of(&t->x, 3);
    shards_open(&t->o, &t->x, t->genome, 2);
    shards_begin(&t->o, KEY, 0, MDL_PART_TRAIN);
    for (int w = 0; w < 3; w++)
        assert_true(shards_window(&t->o));
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(mdl_shard_input_max(&t->x, t->o.owner, i) <= sizeof t->input[i]);
        t->input_size[i] = mdl_shard_input(&t->o.conductor, t->o.owner, i, t->o.packed, t->input[i]);
    }
    return t;
}

static void stage_close(stage *t) {
    shards_close(&t->o);
    free(t->genome);
    free(t);
}

static mdl_err read_output(const stage *t, uint32_t i, const uint8_t *bytes, size_t size) {
    mdl_window_out out;
    mdl_packed packed[MDL_REGIONS_MAX];
    uint8_t *exact = malloc(size ? size : 1); /* so that a sanitizer sees what is read beyond */
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    mdl_err err = mdl_shard_output_read(&t->x, &t->o.rule, t->o.owner, i, exact, size, &out, packed);
    free(exact);
    return err;
}

static void put_f32_at(uint8_t *at, float value) {
    uint32_t bits = mdl_float_bits(value);
    for (int k = 0; k < 4; k++)
        at[k] = (uint8_t)(bits >> (8 * k));
}

static void outputs_that_no_shard_has(void **state) {
    (void)state;
    stage *t = stage_open(MDL_MODEL_HMN);
    const shards_seat *s = t->o.seat;
    uint8_t bytes[16384];
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(read_output(t, i, s[i].output, s[i].output_size), MDL_OK);
        for (size_t size = 0; size < s[i].output_size; size++)
            assert_int_equal(read_output(t, i, s[i].output, size), MDL_ESIZE);
        memcpy(bytes, s[i].output, s[i].output_size);
        bytes[s[i].output_size] = 0;
        assert_int_equal(read_output(t, i, bytes, s[i].output_size + 1), MDL_ESIZE);
    }
    memcpy(bytes, s[0].output, s[0].output_size);
    static const float wrong[] = {0x1p35f, -0x1p35f};
    for (uint32_t k = 0; k < 2; k++) {
        put_f32_at(bytes + 24, wrong[k]);
        assert_int_equal(read_output(t, 0, bytes, s[0].output_size), MDL_ERANGE);
    }
    bytes[26] = 0xc0, bytes[27] = 0x7f; /* NaN */
    assert_int_equal(read_output(t, 0, bytes, s[0].output_size), MDL_ERANGE);
    memcpy(bytes, s[0].output, s[0].output_size);
    bytes[23] |= 0x80; /* a negative novelty */
    assert_int_equal(read_output(t, 0, bytes, s[0].output_size), MDL_ERANGE);
    memcpy(bytes, s[1].output, s[1].output_size);
    bytes[16] = 1; /* novelty without sensors */
    assert_int_equal(read_output(t, 1, bytes, s[1].output_size), MDL_ERANGE);
    bytes[16] = 0;
    bytes[7] = 0x40; /* more activity than its neurons can have */
    assert_int_equal(read_output(t, 1, bytes, s[1].output_size), MDL_ERANGE);
    stage_close(t);
}

static void inputs_that_no_conductor_gives(void **state) {
    (void)state;
    stage *t = stage_open(MDL_MODEL_NEURAXON);
    for (uint32_t i = 0; i < 2; i++) {
        mdl_player *p = t->o.seat[i].player;
        uint8_t before[MDL_DIGEST_BYTES], after[MDL_DIGEST_BYTES];
        mdl_player_state_digest(p, NULL, before);
        for (size_t size = 0; size < t->input_size[i]; size++) {
            uint8_t *exact = malloc(size ? size : 1);
            assert_non_null(exact);
            memcpy(exact, t->input[i], size);
            assert_int_equal(mdl_shard_input_run(p, exact, size), MDL_ESIZE);
            free(exact);
        }
        t->input[i][t->input_size[i]] = 0;
        assert_int_equal(mdl_shard_input_run(p, t->input[i], t->input_size[i] + 1), MDL_ESIZE);
        t->input[i][0]++; /* another window */
        assert_int_equal(mdl_shard_input_run(p, t->input[i], t->input_size[i]), MDL_EMISMATCH);
        t->input[i][0]--;
        mdl_player_state_digest(p, NULL, after);
        assert_memory_equal(before, after, sizeof before);
        assert_int_equal(p->windows, 3);
        assert_int_equal(mdl_shard_input_run(p, t->input[i], t->input_size[i]), MDL_OK);
        assert_int_equal(mdl_shard_input_run(p, t->input[i], t->input_size[i]), MDL_EMISMATCH); /* done already */
    }
    stage_close(t);
}

/* Any one bit of an input changes what is committed to, or the input is refused. */
static void one_bit_of_activity_shows(void **state) {
    (void)state;
    stage *t = stage_open(MDL_MODEL_NEURAXON);
    mdl_player *p = t->o.seat[1].player;
    bytebuf at = {0};
    mdl_player_save(p, &(mdl_sink){bytebuf_write, &at});
    uint8_t truth[MDL_DIGEST_BYTES], found[MDL_DIGEST_BYTES];
    assert_int_equal(mdl_shard_input_run(p, t->input[1], t->input_size[1]), MDL_OK);
    mdl_player_state_digest(p, NULL, truth);
    size_t activity = t->input_size[1];
    for (uint32_t i = 0; i < p->hears; i++)
        activity -= t->o.packed[p->hear[i]].size;
    uint32_t taken = 0;
    for (size_t bit = 8 * activity; bit < 8 * t->input_size[1]; bit++) {
        t->input[1][bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(mdl_player_load(p, KEY, at.at, at.size), MDL_OK);
        mdl_err err = mdl_shard_input_run(p, t->input[1], t->input_size[1]);
        if (err == MDL_OK) {
            mdl_player_state_digest(p, NULL, found);
            assert_memory_not_equal(found, truth, sizeof truth);
            taken++;
        }
        t->input[1][bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_true(taken > 0);
    free(at.at);
    stage_close(t);
}

static void states_that_no_shard_has(void **state) {
    (void)state;
    stage *t = stage_open(MDL_MODEL_HMN);
    mdl_player *p = t->o.seat[1].player;
    bytebuf b = {0};
    mdl_player_save(p, &(mdl_sink){bytebuf_write, &b});
    assert_int_equal(mdl_player_load(p, KEY, b.at, b.size), MDL_OK);
    assert_int_equal(mdl_player_load(p, KEY, b.at, 7), MDL_EMAGIC);
    assert_int_equal(mdl_player_load(p, KEY, b.at, 8), MDL_ESIZE);
    assert_int_equal(mdl_player_load(p, KEY, b.at, b.size - 1), MDL_ESIZE);
    bytebuf_write(&b, "", 1);
    assert_int_equal(mdl_player_load(p, KEY, b.at, b.size), MDL_ESIZE);
    b.size--;
    b.at[12]++; /* regions */
    assert_int_equal(mdl_player_load(p, KEY, b.at, b.size), MDL_ERANGE);
    b.at[12]--;
    b.at[16]++; /* the first region's number */
    assert_int_equal(mdl_player_load(p, KEY, b.at, b.size), MDL_ERANGE);
    b.at[16]--;
    b.at[0]++;
    assert_int_equal(mdl_player_load(p, KEY, b.at, b.size), MDL_EMAGIC);
    b.at[0]--;
    assert_int_equal(mdl_player_load(p, KEY, b.at, b.size), MDL_OK);
    assert_int_equal(mdl_shard_input_run(p, t->input[1], t->input_size[1]), MDL_OK);
    free(b.at);
    stage_close(t);
}

/* ---- vectors of the document ---- */

static void check_commit(void *ctx, size_t count, char **field) {
    mdl_window_commit c = {.life = (uint32_t)vectors_u64(field[0]),
                           .window = (uint32_t)vectors_u64(field[1]),
                           .shard = (uint32_t)vectors_u64(field[2]),
                           .shards = (uint32_t)vectors_u64(field[3])};
    uint8_t want[MDL_DIGEST_BYTES], digest[MDL_DIGEST_BYTES];
    (void)ctx;
    assert_int_equal(count, 7);
    vectors_hex(field[4], c.output, sizeof c.output);
    vectors_hex(field[5], c.state, sizeof c.state);
    vectors_hex(field[6], want, sizeof want);
    mdl_window_commit_digest(&c, digest);
    assert_memory_equal(digest, want, sizeof want);
}

static void vectors_of_the_document(void **state) {
    (void)state;
    assert_true(vectors_load("window-commits", check_commit, NULL) >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_cut_shows),
        cmocka_unit_test(no_loss_shows),
        cmocka_unit_test(other_networks),
        cmocka_unit_test(a_large_network),
        cmocka_unit_test(what_memory_a_shard_takes),
        cmocka_unit_test(outputs_that_no_shard_has),
        cmocka_unit_test(inputs_that_no_conductor_gives),
        cmocka_unit_test(one_bit_of_activity_shows),
        cmocka_unit_test(states_that_no_shard_has),
        cmocka_unit_test(vectors_of_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
