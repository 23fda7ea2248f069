/* Cuts of a network: balanced, no shard without a region, and whose activity
 * crosses, each against a search through all possibilities. SPEC section 5.6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/cut.h"
#include "core/philox.h"

static mdl_network_spec network_of(mdl_stream *s, uint32_t regions) {
    mdl_network_spec n;
    memset(&n, 0, sizeof n);
    n.regions = regions;
    for (uint32_t r = 0; r < regions; r++)
        n.neurons[r] = 4 + mdl_draw_below(s, mdl_draw_below(s, 4) ? 6 : 60);
    n.ring = 2;
    n.sources = mdl_draw_below(s, regions);
    n.listen = 1 + mdl_draw_below(s, 2);
    n.fan_in = n.sources > 0 ? 2 : 0;
    n.delay[0] = n.delay[1] = n.delay_between[0] = n.delay_between[1] = n.window = 1;
    n.sensors = n.motors = 2;
    return n;
}

/* The least largest load of any cut of the regions from `from` on into `shards` runs. */
static uint64_t least(const mdl_network_spec *n, uint32_t from, uint32_t shards) {
    uint64_t load = 0, best = UINT64_MAX;
    for (uint32_t r = from; r < n->regions; r++) {
        mdl_shape s;
        mdl_shape_of(n, r, &s);
        load += s.synapses;
        if (shards == 1 && r + 1 < n->regions)
            continue;
        if (shards > 1 && n->regions - r - 1 < shards - 1)
            break;
        uint64_t rest = shards > 1 ? least(n, r + 1, shards - 1) : 0, most = load > rest ? load : rest;
        best = most < best ? most : best;
    }
    return best;
}

static void cuts_are_balanced(void **state) {
    (void)state;
    mdl_stream s = {1, 0};
    for (uint32_t round = 0; round < 200; round++) {
        mdl_network_spec n = network_of(&s, 1 + mdl_draw_below(&s, 9));
        for (uint32_t shards = 1; shards <= n.regions; shards++) {
            uint32_t owner[MDL_REGIONS_MAX];
            uint64_t most = 0, synapses = 0, neurons = 0;
            mdl_balanced_cut(&n, shards, owner);
            assert_int_equal(owner[0], 0);
            assert_int_equal(owner[n.regions - 1], shards - 1);
            for (uint32_t r = 1; r < n.regions; r++)
                assert_true(owner[r] == owner[r - 1] || owner[r] == owner[r - 1] + 1);
            for (uint32_t i = 0; i < shards; i++) {
                uint64_t load = mdl_cut_synapses(&n, owner, i);
                assert_true(load > 0);
                most = load > most ? load : most;
                synapses += load;
                neurons += mdl_cut_neurons(&n, owner, i);
            }
            assert_int_equal(synapses, mdl_synapse_count(&n));
            assert_int_equal(most, least(&n, 0, shards));
            for (uint32_t r = 0; r < n.regions; r++)
                neurons -= n.neurons[r];
            assert_int_equal(neurons, n.motors);
        }
        uint32_t each[MDL_REGIONS_MAX], more[MDL_REGIONS_MAX]; /* more shards than regions: some have none */
        mdl_balanced_cut(&n, n.regions, each);
        mdl_balanced_cut(&n, n.regions + 3, more);
        assert_memory_equal(each, more, n.regions * sizeof *each);
    }
}

static int listed(const uint32_t *list, uint32_t count, uint32_t value) {
    int found = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(i == 0 || list[i] > list[i - 1]);
        found += list[i] == value;
    }
    return found;
}

static void what_crosses(void **state) {
    (void)state;
    mdl_stream s = {2, 0};
    for (uint32_t round = 0; round < 300; round++) {
        mdl_network_spec n = network_of(&s, 1 + mdl_draw_below(&s, 9));
        uint32_t shards = 1 + mdl_draw_below(&s, 4), owner[MDL_REGIONS_MAX];
        for (uint32_t r = 0; r < n.regions; r++) /* any owners, and shards with none */
            owner[r] = mdl_draw_below(&s, shards);
        for (uint32_t i = 0; i < shards; i++) {
            uint32_t send[MDL_REGIONS_MAX], hear[MDL_REGIONS_MAX];
            uint32_t sends = mdl_cut_sends(&n, owner, i, send), hears = mdl_cut_hears(&n, owner, i, hear);
            for (uint32_t r = 0; r < n.regions; r++) {
                int out = 0, in = 0;
                for (uint32_t by = 0; by < n.regions; by++)
                    for (uint32_t k = 0; k < n.sources; k++)
                        if (mdl_source_region(&n, by, k) == r) {
                            out |= owner[r] == i && owner[by] != i;
                            in |= owner[r] != i && owner[by] == i;
                        }
                assert_int_equal(listed(send, sends, r), out);
                assert_int_equal(listed(hear, hears, r), in);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_are_balanced),
        cmocka_unit_test(what_crosses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
