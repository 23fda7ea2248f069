/* A shard: any set of whole regions of one network, run window by window. A
 * network on one machine is one shard with all regions; cutting it into more
 * changes no byte (promise P2). SPEC section 5.4. */
#ifndef MDL_CORE_SHARD_H
#define MDL_CORE_SHARD_H

#include "core/cut.h"
#include "core/model.h"

typedef struct mdl_shard {
    const mdl_experiment *experiment;
    const mdl_network_model *model;
    uint32_t count;            /* regions owned                              */
    uint8_t *region;           /* [count] of the model's struct, ascending region numbers */
    mdl_region_offset *offset; /* [count] where their genes start            */
} mdl_shard;

/* owner[regions] names the shard of each region; NULL: all belong to this one.
 * The experiment is kept by reference. Counting arenas as in core/arena.h. `like`, if
 * not NULL: the same shard of another network of the experiment, whose wiring this one
 * uses too: it outlives this one, and may run on another thread. */
void mdl_shard_init(mdl_shard *s, mdl_arena *arena, const mdl_experiment *x, const uint32_t *owner, uint32_t shard,
                    const struct mdl_kernel *kernel, const mdl_shard *like);
void mdl_shard_genome(mdl_shard *s, const mdl_genome_layout *layout, const float *genome);
void mdl_shard_birth(mdl_shard *s, const mdl_params *p, uint64_t noise_key);
/* One window; `obs` is read by the owner of region 0 only. */
void mdl_shard_window(mdl_shard *s, const mdl_params *p, const mdl_modulation *m, const float *obs);
/* Added to `sum`. */
void mdl_shard_partials(const mdl_shard *s, const mdl_params *p, mdl_partials *sum);
/* Boundary activity of owned regions: activity[region][window][listen] of the
 * whole network; other regions' parts are left alone. */
void mdl_shard_export(const mdl_shard *s, uint32_t last, float *activity);
/* Boundary activity of all regions, taken in by those that listen. */
void mdl_shard_import(mdl_shard *s, const mdl_params *p, uint32_t last, const float *activity);
/* The same, part[r] being region r's [window][listen]; read for those that owned
 * regions listen to. */
void mdl_shard_import_parts(mdl_shard *s, const mdl_params *p, uint32_t last, const float *const part[MDL_REGIONS_MAX]);
/* The i-th region owned: the model's struct. */
static inline void *mdl_shard_at(const mdl_shard *s, uint32_t i) { return s->region + i * s->model->region_size; }
/* Region by number: the model's struct; NULL when another shard owns it. */
void *mdl_shard_region(const mdl_shard *s, uint32_t region);
/* What every model shows of it; 0, `view` untouched, when another shard owns it. */
int mdl_shard_view(const mdl_shard *s, uint32_t region, mdl_region_view *view);

#endif
