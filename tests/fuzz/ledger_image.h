/* A fold of records as bytes, to see whether anything in it has changed. */
#ifndef MDL_TESTS_FUZZ_LEDGER_IMAGE_H
#define MDL_TESTS_FUZZ_LEDGER_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/ledger_internal.h" /* every byte of it */

enum { IMAGE_MAX = 1 << 16 };

/* A fold as bytes: all that it holds but its scratch. `ahead`, a run that the fold may advance at any time, stands
 * behind `size`; up to there, two images of one fold are equal when it is as it was. */
typedef struct image {
    size_t size, end;
    uint8_t at[IMAGE_MAX];
} image;

static inline void add(image *i, const void *bytes, size_t size) {
    MDL_ASSERT(size <= sizeof i->at - i->end);
    if (size > 0)
        memcpy(i->at + i->end, bytes, size);
    i->end += size;
}

static inline size_t evolution_size(const mdl_ledger *l) {
    return l->begun ? mdl_evolution_bytes(&l->experiment.evolution, l->genes) : 0;
}

static inline void take_image(const mdl_ledger *l, image *i) {
    i->end = 0;
    add(i, l, offsetof(mdl_ledger, pae));
    memset(i->at + offsetof(mdl_ledger, worker), 0, sizeof(void *)); /* where they lie does not matter */
    memset(i->at + offsetof(mdl_ledger, by_key), 0, sizeof(void *));
    memset(i->at + offsetof(mdl_ledger, by_owner), 0, sizeof(void *));
    memset(i->at + offsetof(mdl_ledger, session), 0, sizeof(void *));
    memset(i->at + offsetof(mdl_ledger, dispute), 0, sizeof(void *));
    memset(i->at + offsetof(mdl_ledger, lease), 0, sizeof(void *));
    memset(i->at + offsetof(mdl_ledger, leases_room), 0, sizeof l->leases_room); /* nor how much room there is */
    add(i, l->memory[0], evolution_size(l));
    for (uint32_t k = 0; k < l->jobs; k++) {
        uint32_t answers = mdl_duty_answers(l->duty, k);
        add(i, &answers, sizeof answers);
        for (uint32_t n = 0; n < answers; n++)
            add(i, mdl_duty_answer_at(l->duty, k, n, NULL), sizeof(mdl_duty_answer));
    }
    uint32_t fresh = l->begun ? mdl_duty_fresh(l->duty) : 0;
    add(i, &fresh, sizeof fresh);
    add(i, l->check, l->jobs_max * sizeof *l->check);
    add(i, l->worker, l->workers * sizeof *l->worker);
    add(i, l->by_key, l->workers * sizeof *l->by_key);
    add(i, l->session, l->sessions * sizeof *l->session);
    add(i, l->lease, l->leases * sizeof *l->lease);
    add(i, l->dispute, l->disputes * sizeof *l->dispute);
    for (uint32_t k = 0; k < l->workers; k++)
        add(i, l->worker[k].past, l->worker[k].pasts * sizeof *l->worker[k].past);
    i->size = i->end;
    add(i, l->memory[1], evolution_size(l));
}

/* Whether the fold is as it was; what a closing would lead to may have been computed since. */
static inline int unchanged(const mdl_ledger *l, const image *was) {
    static image is;
    static const size_t foreseen = offsetof(mdl_ledger, foreseen), after = offsetof(mdl_ledger, after);
    take_image(l, &is);
    memcpy(is.at + foreseen, was->at + foreseen, sizeof l->foreseen);
    memcpy(is.at + after, was->at + after, sizeof l->after);
    return is.size == was->size && memcmp(is.at, was->at, is.size) == 0;
}

#endif
