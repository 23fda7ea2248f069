/* Every mechanism by one number, whichever map it stands in: those that both
 * models share, Neuraxon's, the modulators'. For whoever lists them. */
#ifndef MDL_CORE_MECHANISM_H
#define MDL_CORE_MECHANISM_H

#include "core/genome.h"

enum { MDL_ANY_COUNT = MDL_MECH_COUNT + MDL_NX_COUNT + MDL_MOD_COUNT };

const char *mdl_any_key(uint32_t mechanism); /* unique; NULL past the last */
/* Whether networks of `x` read it. */
int mdl_any_read(const mdl_experiment *x, uint32_t mechanism);
/* Its switch in `x`: MDL_OFF where it is not read. */
mdl_switch mdl_any_switch(const mdl_experiment *x, uint32_t mechanism);
/* Switch off one that is read. */
void mdl_any_off(mdl_experiment *x, uint32_t mechanism);
/* Whether it is on in a network of `x` decoded to `p`. */
int mdl_any_on(const mdl_experiment *x, const mdl_params *p, uint32_t mechanism);
/* Take it out too. */
void mdl_knockout_add(mdl_knockout *out, uint32_t mechanism);

#endif
