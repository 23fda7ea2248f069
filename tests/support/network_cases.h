/* What must hold of any network, whatever its model: no cut or kernel changes a
 * byte, saved states survive, hostile ones do no harm. SPEC sections 5 and 6.1. */
#ifndef MDL_TESTS_SUPPORT_NETWORK_CASES_H
#define MDL_TESTS_SUPPORT_NETWORK_CASES_H

#include "tests/support/hmn_fixture.h"

/* Lives in 1, 2, 3 shards and one a region, and with every kernel: the same bytes
 * after every window. In the scripted world, or with script 0 in the experiment's
 * own task, where a life may be over sooner. Returns the windows run. */
static inline uint32_t check_cuts_and_kernels(const mdl_experiment *x, const float *genome, uint64_t script,
                                              uint64_t key, uint32_t windows) {
    enum { CUTS = 4, LIVES = 12 };
    const uint32_t cut[CUTS] = {1, 2, 3, x->network.regions}, lives = CUTS + mdl_kernel_count();
    mdl_life *life[LIVES];
    void *memory[LIVES];
    bytebuf whole = {0}, part = {0};
    assert_in_range(lives, CUTS + 1, LIVES);
    for (uint32_t i = 0; i < lives; i++) {
        uint32_t shards = i < CUTS ? cut[i] : 1;
        shards = shards < x->network.regions ? shards : x->network.regions;
        life[i] = hmn_life(x, shards, i < CUTS ? NULL : mdl_kernel_get(i - CUTS), &memory[i]);
        mdl_life_genome(life[i], genome);
        if (script)
            hmn_scripted_begin(life[i], script, key);
        else
            mdl_life_begin(life[i], key, 0, MDL_PART_TRAIN);
    }
    uint32_t k = 0;
    for (int going = 1; going && k < windows; k++) {
        for (uint32_t i = 0; i < lives; i++) {
            int goes = 1;
            if (script)
                hmn_scripted_window(life[i], script);
            else
                goes = mdl_life_window(life[i]);
            assert_true(i == 0 || goes == going);
            going = goes;
            hmn_save(life[i], i ? &part : &whole);
            if (i == 0)
                continue;
            assert_same_bytes(&whole, &part);
            if (!script)
                assert_memory_equal(&life[0]->conductor.task, &life[i]->conductor.task, sizeof(mdl_task));
        }
    }
    for (uint32_t i = 0; i < lives; i++)
        free(memory[i]);
    free(whole.at);
    free(part.at);
    return k;
}

/* Saved after `windows` windows in one shard, loaded into `shards`, and run on. */
static inline void check_save_and_load(const mdl_experiment *x, const float *genome, uint32_t shards, uint64_t key,
                                       uint32_t episode, uint32_t windows) {
    void *memory[2];
    mdl_life *one = hmn_life(x, 1, NULL, &memory[0]), *two = hmn_life(x, shards, NULL, &memory[1]);
    bytebuf a = {0}, b = {0};
    mdl_life_genome(one, genome);
    mdl_life_genome(two, genome);
    mdl_life_begin(one, key, episode, MDL_PART_TEST);
    mdl_life_begin(two, key, episode, MDL_PART_TEST);
    for (uint32_t k = 0; k < windows; k++)
        assert_true(mdl_life_window(one));
    for (uint32_t k = 0; k < windows / 3; k++) /* a used life is as good as a new one */
        assert_true(mdl_life_window(two));
    hmn_save(one, &a);
    assert_int_equal(mdl_life_load(two, a.at, a.size), MDL_OK);
    two->conductor.task = one->conductor.task;
    hmn_save(two, &b);
    assert_same_bytes(&a, &b);
    assert_int_equal(one->conductor.windows, two->conductor.windows);
    for (uint32_t k = 0; k < 20; k++) {
        assert_true(mdl_life_window(one));
        assert_true(mdl_life_window(two));
        hmn_save(one, &a);
        hmn_save(two, &b);
        assert_same_bytes(&a, &b);
    }
    mdl_life_begin(one, key, episode, MDL_PART_TEST); /* and birth forgets all of it */
    mdl_life_begin(two, key, episode, MDL_PART_TEST);
    hmn_save(one, &a);
    hmn_save(two, &b);
    assert_same_bytes(&a, &b);
    free(a.at);
    free(b.at);
    free(memory[0]);
    free(memory[1]);
}

/* Cut short anywhere: refused. One bit flipped, of the first 1,600 and every
 * `stride` after them: refused, or a state that saves to the same bytes and runs
 * on. A byte too many: refused. */
static inline void check_damaged_states(const mdl_experiment *x, const float *genome, uint64_t key, uint32_t windows,
                                        uint32_t stride) {
    void *memory;
    mdl_life *l = hmn_life(x, 1, NULL, &memory);
    bytebuf a = {0}, b = {0};
    mdl_life_genome(l, genome);
    mdl_life_begin(l, key, 0, MDL_PART_TRAIN);
    for (uint32_t k = 0; k < windows; k++)
        mdl_life_window(l);
    mdl_task task = l->conductor.task;
    hmn_save(l, &a);
    for (size_t size = 0; size < a.size; size += 1 + size / 64) {
        uint8_t *cut = malloc(size ? size : 1); /* its exact size, for the address sanitizer */
        assert_non_null(cut);
        memcpy(cut, a.at, size);
        assert_int_not_equal(mdl_life_load(l, cut, size), MDL_OK);
        free(cut);
    }
    uint32_t accepted = 0, refused = 0;
    for (size_t bit = 0; bit < 8 * a.size; bit += bit < 8 * 200 ? 1 : stride) {
        a.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        mdl_life_begin(l, key, 0, MDL_PART_TRAIN);
        if (mdl_life_load(l, a.at, a.size) == MDL_OK) {
            accepted++;
            hmn_save(l, &b);
            assert_same_bytes(&a, &b);
            l->conductor.task = task;
            for (uint32_t k = 0; k < 3; k++)
                mdl_life_window(l);
            hmn_save(l, &b);
            assert_int_equal(mdl_life_load(l, b.at, b.size), MDL_OK);
        } else {
            refused++;
        }
        a.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(accepted > 100 && refused > 100);
    bytebuf_write(&a, "", 1);
    assert_int_equal(mdl_life_load(l, a.at, a.size), MDL_ESIZE);
    a.at[0] ^= 1;
    assert_int_equal(mdl_life_load(l, a.at, a.size - 1), MDL_EMAGIC);
    free(a.at);
    free(b.at);
    free(memory);
}

/* Genes at the ends of their range: random signs, all at the upper end for the
 * sixth network, and for the fifth far beyond it (clamped before use). */
static inline void extreme_genome(float *genome, uint32_t genes, uint32_t i) {
    mdl_stream s = {i, 0};
    for (uint32_t g = 0; g < genes; g++) {
        genome[g] = i == 5 ? 64.0f : mdl_draw_below(&s, 2) ? 64.0f : -64.0f;
        if (i == 4)
            genome[g] *= 0x1p120f;
    }
}

#endif
