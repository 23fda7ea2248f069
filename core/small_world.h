/* Small-world measures of a region's wiring: the undirected graph of its hidden
 * neurons, an edge where either listens to the other. SPEC 5.3. Pure; scratch
 * memory comes from the caller. Not part of any step. */
#ifndef MDL_CORE_SMALL_WORLD_H
#define MDL_CORE_SMALL_WORLD_H

#include <stddef.h>

#include "core/wiring.h"

typedef struct mdl_small_world {
    uint32_t neurons;     /* hidden neurons n                                       */
    double degree;        /* mean number of neighbours k                            */
    double clustering;    /* C: mean over neurons of linked pairs / pairs of neighbours */
    double path_length;   /* L: mean steps between the pairs that are connected     */
    uint64_t unconnected; /* ordered pairs that no path joins                       */
    /* Of a random graph of the same n and k (Watts and Strogatz 1998): */
    double clustering_random;  /* k / n          */
    double path_length_random; /* ln n / ln k; 0 when k <= 1 */
} mdl_small_world;

/* Bytes of scratch for a region with `hidden` neurons: about hidden^2 / 8. */
size_t mdl_small_world_bytes(uint32_t hidden);
/* Measure `region`. `scratch` is aligned to 8 and mdl_small_world_bytes() of its
 * hidden neurons long. Time grows with hidden x edges. */
void mdl_small_world_measure(const mdl_network_spec *spec, uint32_t region, void *scratch, mdl_small_world *out);

#endif
