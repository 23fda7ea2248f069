#include "core/cut.h"

#include "core/assert.h"

static uint64_t synapses_of(const mdl_network_spec *network, uint32_t region) {
    mdl_shape s;
    mdl_shape_of(network, region, &s);
    return s.synapses;
}

/* Runs of regions, each filled as far as `most` allows and so that no later one
 * stays empty; returns how many it takes. */
static uint32_t fill(const mdl_network_spec *network, uint32_t shards, uint64_t most, uint32_t *owner) {
    uint32_t shard = 0;
    uint64_t load = 0;
    for (uint32_t r = 0; r < network->regions; r++) {
        uint64_t synapses = synapses_of(network, r);
        int last_chance = network->regions - r < shards - shard; /* a region for each of those to come */
        if (r > 0 && (load + synapses > most || last_chance)) {
            shard++;
            load = 0;
        }
        load += synapses;
        if (owner)
            owner[r] = shard;
    }
    return shard + 1;
}

void mdl_balanced_cut(const mdl_network_spec *network, uint32_t shards, uint32_t *owner) {
    MDL_ASSERT(shards >= 1);
    shards = shards < network->regions ? shards : network->regions;
    uint64_t low = 0, high = 0; /* the least possible largest load is in low..high */
    for (uint32_t r = 0; r < network->regions; r++) {
        uint64_t synapses = synapses_of(network, r);
        low = synapses > low ? synapses : low;
        high += synapses;
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (fill(network, shards, middle, NULL) <= shards)
            high = middle;
        else
            low = middle + 1;
    }
    fill(network, shards, low, owner);
}

/* Whether a region of `shard` (or, `inside` 0, of another one) listens to `region`. */
static int heard(const mdl_network_spec *network, const uint32_t *owner, uint32_t shard, int inside, uint32_t region) {
    for (uint32_t k = 0; k < network->sources; k++) { /* who listens to it: the regions before it */
        uint32_t by = (region + network->regions - 1 - k) % network->regions;
        if ((owner[by] == shard) == inside)
            return 1;
    }
    return 0;
}

uint32_t mdl_cut_sends(const mdl_network_spec *network, const uint32_t *owner, uint32_t shard, uint32_t *region) {
    uint32_t count = 0;
    for (uint32_t r = 0; r < network->regions; r++)
        if (owner[r] == shard && heard(network, owner, shard, 0, r))
            region[count++] = r;
    return count;
}

uint32_t mdl_cut_hears(const mdl_network_spec *network, const uint32_t *owner, uint32_t shard, uint32_t *region) {
    uint32_t count = 0;
    for (uint32_t r = 0; r < network->regions; r++)
        if (owner[r] != shard && heard(network, owner, shard, 1, r))
            region[count++] = r;
    return count;
}

uint64_t mdl_cut_synapses(const mdl_network_spec *network, const uint32_t *owner, uint32_t shard) {
    uint64_t sum = 0;
    for (uint32_t r = 0; r < network->regions; r++)
        sum += owner[r] == shard ? synapses_of(network, r) : 0;
    return sum;
}

uint64_t mdl_cut_neurons(const mdl_network_spec *network, const uint32_t *owner, uint32_t shard) {
    uint64_t sum = 0;
    for (uint32_t r = 0; r < network->regions; r++)
        if (owner[r] == shard)
            sum += network->neurons[r] + (r == 0 ? network->motors : 0);
    return sum;
}
