/* Cuts of a network into shards: which regions each has, and whose activity
 * crosses. Pure functions of the network and of owner[regions], the number of the
 * shard that has each region. SPEC section 5.6. */
#ifndef MDL_CORE_CUT_H
#define MDL_CORE_CUT_H

#include "core/wiring.h"

/* The cut of the regions into `shards` (1 or more) runs of neighbours whose largest
 * number of synapses is the least possible. None is without a region, but for those
 * that are more than the regions.
 * Regions listen to those after them, so neighbours stay together. */
void mdl_balanced_cut(const mdl_network_spec *network, uint32_t shards, uint32_t *owner);

/* Regions of `shard` that a region of another shard listens to, and regions of
 * others that one of this shard's listens to: ascending numbers in
 * region[MDL_REGIONS_MAX]; returned is their count. */
uint32_t mdl_cut_sends(const mdl_network_spec *network, const uint32_t *owner, uint32_t shard, uint32_t *region);
uint32_t mdl_cut_hears(const mdl_network_spec *network, const uint32_t *owner, uint32_t shard, uint32_t *region);

/* Synapses of a shard, and its neurons, motors included. */
uint64_t mdl_cut_synapses(const mdl_network_spec *network, const uint32_t *owner, uint32_t shard);
uint64_t mdl_cut_neurons(const mdl_network_spec *network, const uint32_t *owner, uint32_t shard);

#endif
