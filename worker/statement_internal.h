/* What the parts of the statement share. Not for others. */
#ifndef MDL_WORKER_STATEMENT_INTERNAL_H
#define MDL_WORKER_STATEMENT_INTERNAL_H

#include "worker/statement.h"

/* A zeroed line at the end; NULL when out of memory. Moves the others. */
mdl_statement_line *mdl_statement_new_line(mdl_statement *s);
/* By experiment, coordinator and lease, for qsort and bsearch. */
int mdl_statement_compare(const void *a, const void *b);

#endif
