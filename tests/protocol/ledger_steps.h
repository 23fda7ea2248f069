/* Steps of the coordinator that the tests of the ledger's rules share. */
#ifndef MDL_TESTS_PROTOCOL_LEDGER_STEPS_H
#define MDL_TESTS_PROTOCOL_LEDGER_STEPS_H

#include "tests/support/ledger_fixture.h"

enum { COORDINATOR = LEDGER_COORDINATOR };

static inline void append(ledger_play *p, mdl_message m) { ledger_play_append(p, &m, COORDINATOR); }

/* Workers 1..workers. */
static inline void admit(ledger_play *p, uint32_t workers) {
    for (uint32_t i = 1; i <= workers; i++)
        append(p, ledger_play_admit(p, i));
}

/* Returns the lease's number. */
static inline uint64_t lease(ledger_play *p, uint32_t worker, uint32_t first, uint32_t count) {
    mdl_message m = ledger_play_lease(p, worker, first, count);
    append(p, m);
    return m.as.lease.lease;
}

/* A ledger that admits everybody, with workers 1..workers; fitnesses are made up. */
static inline void open_play(ledger_play *p, uint32_t workers) {
    ledger_play_open(p, NULL, "open 0", 1);
    admit(p, workers);
}

#endif
