#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/duty_internal.h"
#include "protocol/messages_table.h" /* MDL_UNIT_JOBS_MAX */

/* Places of the waiting list that a lease looks at for a job that it may
 * confirm, so that choosing stays cheap however long the list is. */
enum { PROBES = 64 };

/* ---- draws ---- */

mdl_duty_words mdl_duty_draw(const mdl_duty *d, const char tag[8], uint64_t lease, const uint8_t a[32],
                             const uint8_t b[32]) {
    static const char domain[16] = "modulon draw v1";
    mdl_digest digest;
    uint8_t out[MDL_DIGEST_BYTES];
    mdl_duty_words words;
    mdl_digest_init(&digest);
    mdl_sink sink = mdl_digest_sink(&digest);
    mdl_put_bytes(&sink, domain, sizeof domain);
    mdl_put_bytes(&sink, tag, 8);
    mdl_put_bytes(&sink, d->element, sizeof d->element);
    mdl_put_u64(&sink, lease);
    mdl_put_bytes(&sink, a, 32);
    if (b)
        mdl_put_bytes(&sink, b, 32);
    mdl_digest_final(&digest, out);
    mdl_reader reader = {out, sizeof out, 0};
    for (int i = 0; i < 4; i++)
        words.w[i] = mdl_get_u64(&reader);
    return words;
}

/* ---- choosing ---- */

/* A job that the coordinator settled and this owner has not answered, from a
 * place that the draw names. */
static uint32_t planted_job(const mdl_duty *d, uint64_t word, uint32_t owner) {
    for (uint32_t i = 0; i < PROBES && i < d->jobs; i++) {
        uint32_t job = (uint32_t)((word + i) % d->jobs);
        if (mdl_duty_settled(d, job) && d->job[job].confirms == 0 && mdl_duty_may_confirm(d, job, owner) &&
            d->job[job].answers < MDL_DUTY_ANSWERS)
            return job;
    }
    return MDL_DUTY_NONE;
}

static uint32_t waiting_job(const mdl_duty *d, uint64_t word, uint32_t owner) {
    for (uint32_t i = 0; i < PROBES && i < d->waits; i++) {
        uint32_t job = d->waiting[(word + i) % d->waits];
        if (mdl_duty_may_confirm(d, job, owner))
            return job;
    }
    return MDL_DUTY_NONE;
}

mdl_duty_choice mdl_duty_first_fresh(const mdl_duty *d) {
    if (d->fresh == 0)
        return (mdl_duty_choice){MDL_DUTY_NOTHING, 0, 0};
    uint32_t first = d->fresh_from, most = 1;
    while (most < MDL_UNIT_JOBS_MAX && first + most < d->jobs && mdl_duty_is_fresh(&d->job[first + most]))
        most++;
    return (mdl_duty_choice){MDL_DUTY_FRESH, first, most};
}

mdl_duty_choice mdl_duty_choose(const mdl_duty *d, uint64_t lease, const uint8_t worker[32], uint32_t owner,
                                int trusted) {
    MDL_ASSERT(d->secret);
    mdl_duty_choice none = {MDL_DUTY_NOTHING, 0, 0};
    mdl_duty_words x = mdl_duty_draw(d, "lease\0\0", lease, worker, NULL);
    if (d->jobs == 0)
        return none;
    if (mdl_duty_falls(x.w[0], d->rules.plant_ppm)) {
        uint32_t job = planted_job(d, x.w[1], owner);
        if (job != MDL_DUTY_NONE)
            return (mdl_duty_choice){MDL_DUTY_PLANTED, job, 1};
    }
    if (trusted && d->waits > 0 && x.w[2] % ((uint64_t)d->waits + d->fresh) < d->waits) {
        uint32_t job = waiting_job(d, x.w[1], owner), most = 1;
        if (job != MDL_DUTY_NONE) {
            uint32_t source = d->job[job].by[0];
            while (most < MDL_UNIT_JOBS_MAX && job + most < d->jobs && (d->job[job + most].flags & WAITS) &&
                   d->job[job + most].by[0] == source && d->job[job + most].answers == d->job[job].answers &&
                   mdl_duty_may_confirm(d, job + most, owner))
                most++;
            return (mdl_duty_choice){MDL_DUTY_CONFIRM, job, most};
        }
    }
    return mdl_duty_first_fresh(d);
}

/* ---- what is selected ---- */

static int rising(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Lists validation jobs and the elite of each island: the GA's parents, and the
 * best candidate of the others. Ties go to the lower index, as in SPEC 8.3. */
static void choose_elite(mdl_duty *d) {
    uint32_t first = 0;
    d->choices = 0;
    for (uint32_t k = 0; k < d->spec->islands; k++) {
        const mdl_island_spec *island = &d->spec->island[k];
        uint32_t elite = island->algorithm == MDL_GA ? island->elite : 1;
        /* The elite in `order`, best first: insertion, for it is small beside the population. */
        uint32_t kept = 0;
        for (uint32_t i = first; i < first + island->population; i++) {
            int64_t fitness = mdl_duty_answer_of(d, i)->fitness;
            uint32_t at = kept;
            while (at > 0 && mdl_duty_answer_of(d, d->order[at - 1])->fitness < fitness)
                at--;
            if (at >= elite)
                continue;
            uint32_t moved = kept < elite ? kept - at : kept - 1 - at;
            memmove(d->order + at + 1, d->order + at, moved * sizeof *d->order);
            d->order[at] = i;
            kept += kept < elite;
        }
        memcpy(d->chosen + d->choices, d->order, kept * sizeof *d->order);
        d->choices += kept;
        first += island->population;
    }
    qsort(d->chosen, d->choices, sizeof *d->chosen, rising);
    for (uint32_t i = d->candidates; i < d->jobs; i++)
        d->chosen[d->choices++] = i;
    d->ranked = 1;
}

uint32_t mdl_duty_selected(mdl_duty *d, uint32_t from) {
    if (!d->rules.selected || d->answered < d->jobs || d->disputes > 0)
        return MDL_DUTY_NONE;
    if (!d->ranked)
        choose_elite(d);
    for (uint32_t i = 0; i < d->choices; i++)
        if (d->chosen[i] >= from && !mdl_duty_settled(d, d->chosen[i]))
            return d->chosen[i];
    return MDL_DUTY_NONE;
}

/* The first job that an answer waits for, whether a lease covers it or not. */
static uint32_t unconfirmed(const mdl_duty *d) {
    for (uint32_t i = 0; d->lacks > 0 && i < d->jobs; i++)
        if (d->job[i].flags & LACKS)
            return i;
    return MDL_DUTY_NONE;
}

int mdl_duty_done(mdl_duty *d) {
    return d->answered == d->jobs && d->disputes == 0 && (!d->rules.shared || d->drawn) && d->lacks == 0 &&
           mdl_duty_selected(d, 0) == MDL_DUTY_NONE;
}

/* ---- replay ---- */

static const char *const kinds[] = {"fresh work", "a confirmation", "a planted job", "a shard", "nothing"};

static mdl_err replay_lease(mdl_duty *d, const duty_lease *l, char *fault, size_t size) {
    if (l->kind == MDL_DUTY_SHARD) { /* shards are the coordinator's to give */
        MDL_ASSERT(mdl_duty_may_shard(d, l->first));
        return mdl_duty_shard(d, l->id, l->worker, l->owner, l->trusted, l->first);
    }
    mdl_duty_choice c = mdl_duty_choose(d, l->id, l->worker, l->owner, l->trusted);
    uint32_t twin = c.kind == MDL_DUTY_NOTHING ? mdl_duty_twin(d, l->first, l->count) : MDL_DUTY_NONE;
    int copies = twin != MDL_DUTY_NONE && (l->trusted || d->lease[twin].kind == MDL_DUTY_FRESH);
    int right = c.kind == MDL_DUTY_NOTHING ? copies : l->first == c.first && l->count <= c.most;
    if (right && mdl_duty_may_lease(d, l->owner, l->first, l->count))
        return mdl_duty_lease(d, l->id, l->worker, l->owner, l->trusted, l->first, l->count);
    snprintf(fault, size, "lease %llu has %u jobs from %u; the beacon gives %s from %u", (unsigned long long)l->id,
             (unsigned)l->count, (unsigned)l->first, kinds[c.kind], (unsigned)c.first);
    return MDL_EMISMATCH;
}

mdl_err mdl_duty_replay(const mdl_duty *seen, mdl_duty *scratch, const uint8_t element[MDL_DIGEST_BYTES], char *fault,
                        size_t size) {
    mdl_duty_begin(scratch, &seen->rules, seen->spec, seen->generation, seen->jobs, element);
    for (uint32_t i = 0; i < seen->events; i++) {
        const duty_event *e = &seen->event[i];
        const duty_lease *l = &seen->lease[e->lease];
        mdl_err err = MDL_OK;
        switch (e->type) {
        case GIVEN:
            err = replay_lease(scratch, l, fault, size);
            break;
        case REVEALED:
            mdl_duty_reveal(scratch, l->id, l->nonce, l->root, l->answer);
            break;
        case ENDED:
            mdl_duty_expire(scratch, l->id);
            break;
        case DECIDED:
            err = mdl_duty_settle(scratch, l->first, l->answer);
            break;
        case JOINED:
            err = mdl_duty_join(scratch, l->first, l->party, l->parties, l->replicated, l->root, l->answer);
            break;
        case CONVICTED:
            err = mdl_duty_convict(scratch, l->worker);
            break;
        case DRAWN:
            for (uint32_t k = 0; k < scratch->leases; k++) /* the same ones, in the same order */
                scratch->lease[k].silent = seen->lease[k].silent;
            err = mdl_duty_reserve(scratch, 1);
            if (err == MDL_OK)
                mdl_duty_draw_all(scratch, seen->nonces);
            break;
        }
        if (err != MDL_OK)
            return err;
    }
    if (mdl_duty_done(scratch))
        return MDL_OK;
    if (mdl_duty_showing(scratch)) {
        snprintf(fault, size, "the round's nonces were not drawn with");
        return MDL_ENOENT;
    }
    uint32_t job = unconfirmed(scratch);
    if (job == MDL_DUTY_NONE)
        job = mdl_duty_selected(scratch, 0);
    if (job == MDL_DUTY_NONE) {
        snprintf(fault, size, "jobs are without an answer, or in dispute");
        return MDL_ENOENT;
    }
    snprintf(fault, size, "job %u has to be confirmed and is not", (unsigned)job);
    return MDL_ENOENT;
}
