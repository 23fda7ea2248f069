/* A convict's units of closed generations, done again: PROTOCOL section 10.5.
 * The state of such a generation is led there from the first one, a few closings
 * at a time, so that nobody waits for it; the jobs go to the threads that check. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/logic_internal.h"
#include "core/assert.h"

enum { STEPS = 8 }; /* closings at a time */

static const uint8_t *fitness_of(const void *ctx, uint32_t generation) {
    const mdl_coordinator *c = ctx;
    MDL_ASSERT(generation < c->closed_count);
    return c->closed[generation].fitness;
}

/* The generation is there: its jobs can be given. */
static int lead(mdl_coordinator *c) {
    mdl_past_source source = {fitness_of, c, &c->io.blobs};
    if (!c->past) {
        c->past = mdl_past_new(mdl_ledger_experiment(c->ledger));
    }
    mdl_err err = c->past ? mdl_past_seek(c->past, c->review.unit.generation, STEPS, &source) : MDL_ENOMEM;
    if (err != MDL_OK && err != MDL_ERANGE) {
        c->failed = 1;
        mdl_coordinator_log(c, "bug", NULL, "the state of generation %" PRIu32 " cannot be made again: %s",
                            c->review.unit.generation, mdl_strerror((int)err));
    }
    return err == MDL_OK;
}

int mdl_review_next(mdl_coordinator *c, const mdl_evolution **of, uint32_t *job) {
    mdl_review *r = &c->review;
    if (!r->begun) {
        const mdl_ledger_unit *unit = mdl_ledger_owed_first(c->ledger, &r->worker);
        if (!unit) {
            return 0;
        }
        r->unit = *unit;
        r->given = r->done = 0;
        r->begun = 1;
    }
    if (r->given == r->unit.count || !lead(c)) {
        return 0;
    }
    *of = mdl_past_evolution(c->past);
    *job = r->unit.first + r->given++;
    return 1;
}

static void write_down(mdl_coordinator *c) {
    mdl_review *r = &c->review;
    const mdl_ledger_worker *w;
    mdl_message m;
    mdl_ledger_workers(c->ledger, &w);
    w += r->worker;
    uint32_t before = w->corrected;
    mdl_err err =
        mdl_ledger_make_correction(c->ledger, r->worker, r->unit.record, r->answer, r->fitness, r->segments, &m);
    MDL_ASSERT(err == MDL_OK); /* nothing but this pays what is owed */
    if (!mdl_coordinator_record(c, &m)) {
        return;
    }
    c->reviewed++;
    c->corrected += w->corrected - before;
    mdl_coordinator_log(
        c, "correction", w->key,
        "record %" PRIu64 ", generation %" PRIu32 ", %" PRIu32 " jobs from %" PRIu32 ", was done again: %s",
        r->unit.record, r->unit.generation, r->unit.count, r->unit.first,
        w->corrected > before ? "it was wrong, and stays in the generations that followed from it" : "it was right");
}

void mdl_review_computed(mdl_coordinator *c, uint32_t generation, uint32_t job, const mdl_duty_answer *answer) {
    mdl_review *r = &c->review;
    MDL_ASSERT(r->begun && generation == r->unit.generation && job - r->unit.first < r->unit.count);
    r->answer[job - r->unit.first] = *answer;
    if (++r->done < r->unit.count) {
        return;
    }
    if (!c->failed && c->storage_ok) { /* else again, when there is room */
        write_down(c);
    }
    r->begun = 0;
    if (mdl_ledger_owed(c->ledger) == 0) {
        mdl_past_free(c->past);
        c->past = NULL;
    }
}
