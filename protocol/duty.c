#include "protocol/duty.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/duty_internal.h"
#include "protocol/grow.h"

mdl_duty *mdl_duty_new(uint32_t jobs_max) {
    mdl_duty *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->jobs_max = jobs_max;
    d->job = calloc(jobs_max, sizeof *d->job);
    d->waiting = calloc(jobs_max, sizeof *d->waiting);
    d->order = calloc(jobs_max, 2 * sizeof *d->order);
    d->chosen = calloc(jobs_max, sizeof *d->chosen);
    if (d->job && d->waiting && d->order && d->chosen)
        return d;
    mdl_duty_free(d);
    return NULL;
}

static void forget(mdl_duty *d) {
    for (uint32_t i = 0; i < d->leases; i++) {
        free(d->lease[i].answer);
        free(d->lease[i].party);
    }
    d->leases = d->events = d->numbers = 0;
    d->joined = d->joined_last = MDL_DUTY_NONE;
    mdl_name_index_clear(&d->workers);
}

void mdl_duty_free(mdl_duty *d) {
    if (!d)
        return;
    forget(d);
    free(d->job);
    free(d->waiting);
    free(d->order);
    free(d->chosen);
    mdl_name_index_close(&d->workers);
    free(d->lease);
    free(d->number);
    free(d->event);
    free(d);
}

void mdl_duty_begin(mdl_duty *d, const mdl_duty_rules *rules, const mdl_evolution_spec *spec, uint32_t generation,
                    uint32_t jobs, const uint8_t element[MDL_DIGEST_BYTES]) {
    MDL_ASSERT(jobs <= d->jobs_max);
    forget(d);
    d->rules = *rules;
    d->spec = spec;
    d->generation = generation;
    d->jobs = jobs;
    d->candidates = 0;
    for (uint32_t k = 0; k < spec->islands; k++)
        d->candidates += spec->island[k].population;
    MDL_ASSERT(jobs == 0 || d->candidates <= jobs);
    d->secret = element != NULL;
    if (element)
        memcpy(d->element, element, sizeof d->element);
    for (uint32_t i = 0; i < jobs; i++)
        d->job[i] = (duty_job){.newest = MDL_DUTY_NONE};
    d->drawn = 0;
    d->waits = d->answered = d->disputes = d->lacks = d->fresh_from = d->open = d->choices = 0;
    d->fresh = jobs;
    d->ranked = 0;
}

/* ---- jobs ---- */

static const mdl_duty_answer *answer_by(const mdl_duty *d, uint32_t lease, uint32_t job) {
    return &d->lease[lease].answer[job - d->lease[lease].first];
}

static int same(const mdl_duty_answer *a, const mdl_duty_answer *b) {
    return a->fitness == b->fitness && a->updates == b->updates &&
           memcmp(a->segment, b->segment, sizeof a->segment) == 0;
}

static int settled(const duty_job *j) { return (j->flags & SETTLED) != 0; }

/* The lease whose answer counts. */
static uint32_t value_of(const mdl_duty *d, const duty_job *j) {
    if (j->answers == 0)
        return MDL_DUTY_NONE;
    for (uint32_t i = 0; i < j->answers; i++)
        if (d->lease[j->by[i]].owner == MDL_DUTY_COORDINATOR)
            return j->by[i];
    return j->by[0];
}

static int confirmed(const mdl_duty *d, uint32_t job) {
    const duty_job *j = &d->job[job];
    if (settled(j))
        return 1;
    for (uint32_t i = 0; i < j->answers; i++)
        if (d->lease[j->by[i]].replicated)
            return 1;
    for (uint32_t i = 1; i < j->answers; i++)
        if (d->lease[j->by[i]].owner != d->lease[j->by[0]].owner &&
            same(answer_by(d, j->by[i], job), answer_by(d, j->by[0], job)))
            return 1;
    return 0;
}

/* Numbers of leases are consecutive; the coordinator's own answers have none. */
static uint32_t lease_index(const mdl_duty *d, uint64_t id) {
    return id - d->first_id < d->numbers ? d->number[id - d->first_id] : MDL_DUTY_NONE;
}

/* The answer is this owner's, or a shard of it. */
static int is_of(const mdl_duty *d, const duty_lease *l, uint32_t owner) {
    for (uint32_t i = 0; i < l->parties; i++)
        if (d->lease[lease_index(d, l->party[i])].owner == owner)
            return 1;
    return l->owner == owner;
}

static int has_owner(const mdl_duty *d, const duty_job *j, uint32_t owner) {
    for (uint32_t i = 0; i < j->answers; i++)
        if (is_of(d, &d->lease[j->by[i]], owner))
            return 1;
    return 0;
}

int mdl_duty_may_confirm(const mdl_duty *d, uint32_t job, uint32_t owner) { return !has_owner(d, &d->job[job], owner); }

/* Puts a job on the waiting list or takes it off, as its state asks for. */
static void place(mdl_duty *d, uint32_t job) {
    duty_job *j = &d->job[job];
    int lacks = (j->flags & NEEDS) && !confirmed(d, job);
    int waits = lacks && j->answers > 0 && j->confirms == 0 && !(j->flags & DISPUTED);
    if (lacks != ((j->flags & LACKS) != 0)) {
        j->flags ^= LACKS;
        d->lacks = lacks ? d->lacks + 1 : d->lacks - 1;
    }
    if (waits == ((j->flags & WAITS) != 0))
        return;
    j->flags ^= WAITS;
    if (waits) {
        j->where = d->waits;
        d->waiting[d->waits++] = job;
        return;
    }
    uint32_t moved = d->waiting[--d->waits];
    d->waiting[j->where] = moved;
    d->job[moved].where = j->where;
}

/* Of a settled job only what came later than the coordinator's answer: a verdict has decided about the others. */
static void judge(mdl_duty *d, uint32_t job) {
    duty_job *j = &d->job[job];
    const mdl_duty_answer *counts = j->answers > 0 ? answer_by(d, settled(j) ? value_of(d, j) : j->by[0], job) : NULL;
    int differ = 0;
    for (uint32_t i = 0; counts && i < j->answers; i++)
        differ |= (!settled(j) || d->lease[j->by[i]].against) && !same(answer_by(d, j->by[i], job), counts);
    if (differ != ((j->flags & DISPUTED) != 0)) {
        j->flags ^= DISPUTED;
        d->disputes = differ ? d->disputes + 1 : d->disputes - 1;
    }
}

static void count_fresh(mdl_duty *d, uint32_t job, int before) {
    int after = mdl_duty_is_fresh(&d->job[job]);
    if (after && !before) {
        d->fresh++;
        if (d->fresh == 1 || job < d->fresh_from)
            d->fresh_from = job;
    } else if (before && !after) {
        d->fresh--;
        while (d->fresh > 0 && !mdl_duty_is_fresh(&d->job[d->fresh_from]))
            d->fresh_from++;
    }
}

/* What is chosen follows from the fitnesses that count: `counted` gave the job's before. */
static void rank_again(mdl_duty *d, uint32_t job, uint32_t counted) {
    uint32_t counts = value_of(d, &d->job[job]);
    if (counted == MDL_DUTY_NONE || counts == MDL_DUTY_NONE ||
        answer_by(d, counted, job)->fitness != answer_by(d, counts, job)->fitness)
        d->ranked = 0;
}

static void add_answer(mdl_duty *d, uint32_t job, uint32_t lease) {
    duty_job *j = &d->job[job];
    if (j->answers == MDL_DUTY_ANSWERS) {
        if (d->lease[lease].owner != MDL_DUTY_COORDINATOR)
            return;
        j->answers--;
    }
    int before = mdl_duty_is_fresh(j);
    uint32_t counted = value_of(d, j);
    d->answered += j->answers == 0;
    j->by[j->answers++] = lease;
    count_fresh(d, job, before);
    rank_again(d, job, counted);
}

static void drop_answer(mdl_duty *d, uint32_t job, uint32_t lease) {
    duty_job *j = &d->job[job];
    int before = mdl_duty_is_fresh(j);
    uint32_t counted = value_of(d, j);
    for (uint32_t i = 0; i < j->answers; i++)
        if (j->by[i] == lease) {
            j->answers--;
            memmove(j->by + i, j->by + i + 1, (j->answers - i) * sizeof *j->by);
            d->answered -= j->answers == 0;
            break;
        }
    count_fresh(d, job, before);
    rank_again(d, job, counted);
}

/* ---- memory ---- */

/* Room for one more event beside those that end the open leases, which must not fail. */
static int event_room(mdl_duty *d, uint32_t more) {
    return mdl_list_grow(&d->event, &d->events_room, d->events + d->open + more, sizeof *d->event);
}

static void note(mdl_duty *d, event_type type, uint32_t lease) {
    MDL_ASSERT(d->events < d->events_room);
    d->event[d->events++] = (duty_event){type, lease};
}

/* A lease at the end of the list, with room for its answers and its events. */
static duty_lease *new_lease(mdl_duty *d, uint32_t first, uint32_t count) {
    if (!mdl_list_grow(&d->lease, &d->leases_room, d->leases + 1, sizeof *d->lease))
        return NULL;
    mdl_duty_answer *answer = event_room(d, 2) ? malloc(count * sizeof *answer) : NULL;
    if (!answer)
        return NULL;
    duty_lease *l = &d->lease[d->leases++];
    *l = (duty_lease){.first = first, .count = count, .answer = answer};
    l->before = l->later = MDL_DUTY_NONE;
    return l;
}

/* ---- events ---- */

uint32_t mdl_duty_twin(const mdl_duty *d, uint32_t first, uint32_t count) {
    mdl_duty_kind kind = d->job[first].answers > 0 ? MDL_DUTY_CONFIRM : MDL_DUTY_FRESH;
    uint32_t i = d->job[first].newest;
    while (i != MDL_DUTY_NONE && (d->lease[i].state != OPEN || d->lease[i].kind != kind || d->lease[i].count != count))
        i = d->lease[i].before;
    return i;
}

int mdl_duty_may_lease(const mdl_duty *d, uint32_t owner, uint32_t first, uint32_t count) {
    uint32_t open = 0, answered = 0;
    MDL_ASSERT(count > 0 && first < d->jobs && count <= d->jobs - first);
    for (uint32_t i = first; i < first + count; i++) {
        open += (d->job[i].answers > 0 ? d->job[i].confirms : d->job[i].open) > 0;
        answered += d->job[i].answers > 0;
        if (d->job[i].answers == MDL_DUTY_ANSWERS || !mdl_duty_may_confirm(d, i, owner))
            return 0;
    }
    if (answered != 0 && answered != count)
        return 0;
    return open == 0 || (open == count && mdl_duty_twin(d, first, count) != MDL_DUTY_NONE);
}

/* The newest lease joins those of its first job and those of its worker; there is room for one name. */
static void link_lease(mdl_duty *d, duty_lease *l) {
    uint32_t at = (uint32_t)(l - d->lease), own = mdl_name_index_get(&d->workers, l->worker);
    l->before = d->job[l->first].newest;
    d->job[l->first].newest = at;
    if (own == MDL_NAME_NONE) {
        int put = mdl_name_index_put(&d->workers, l->worker, at);
        MDL_ASSERT(put);
        own = at;
    } else {
        d->lease[d->lease[own].last].later = at;
    }
    d->lease[own].last = at;
}

uint64_t mdl_duty_lease_of(const mdl_duty *d, const uint8_t worker[32], uint64_t lease) {
    uint32_t at = lease == UINT64_MAX ? mdl_name_index_get(&d->workers, worker) : lease_index(d, lease);
    if (lease != UINT64_MAX && at != MDL_DUTY_NONE)
        at = d->lease[at].later;
    return at == MDL_DUTY_NONE ? UINT64_MAX : d->lease[at].id;
}

/* A lease that may be: room is taken, and it is noted. */
static mdl_err give(mdl_duty *d, uint64_t lease, const uint8_t worker[32], uint32_t owner, int trusted, uint32_t first,
                    uint32_t count, mdl_duty_kind kind) {
    MDL_ASSERT(owner != MDL_DUTY_COORDINATOR && owner != MDL_DUTY_JOINED);
    MDL_ASSERT(d->numbers == 0 || lease == d->first_id + d->numbers);
    if (!mdl_list_grow(&d->number, &d->numbers_room, d->numbers + 1, sizeof *d->number))
        return MDL_ENOMEM;
    duty_lease *l = mdl_name_index_reserve(&d->workers) ? new_lease(d, first, count) : NULL;
    if (!l)
        return MDL_ENOMEM;
    if (d->numbers == 0)
        d->first_id = lease;
    d->number[d->numbers++] = d->leases - 1;
    l->id = lease;
    memcpy(l->worker, worker, sizeof l->worker);
    l->owner = owner;
    l->trusted = trusted;
    l->kind = kind;
    note(d, GIVEN, d->leases - 1);
    link_lease(d, l);
    d->open++;
    for (uint32_t i = first; i < first + count; i++) {
        int before = mdl_duty_is_fresh(&d->job[i]);
        d->job[i].open++;
        d->job[i].confirms += l->kind == MDL_DUTY_CONFIRM;
        count_fresh(d, i, before);
        place(d, i);
    }
    return MDL_OK;
}

mdl_err mdl_duty_lease(mdl_duty *d, uint64_t lease, const uint8_t worker[32], uint32_t owner, int trusted,
                       uint32_t first, uint32_t count) {
    MDL_ASSERT(mdl_duty_may_lease(d, owner, first, count));
    return give(d, lease, worker, owner, trusted, first, count,
                d->job[first].answers > 0 ? MDL_DUTY_CONFIRM : MDL_DUTY_FRESH);
}

static void close_lease(mdl_duty *d, duty_lease *l, lease_state state) {
    MDL_ASSERT(l->state == OPEN);
    l->state = state;
    d->open--;
    for (uint32_t i = l->first; i < l->first + l->count; i++) {
        int before = mdl_duty_is_fresh(&d->job[i]);
        d->job[i].open--;
        d->job[i].confirms -= l->kind == MDL_DUTY_CONFIRM;
        count_fresh(d, i, before);
    }
}

int mdl_duty_may_reveal(const mdl_duty *d, uint64_t lease) {
    uint32_t at = lease_index(d, lease);
    if (at == MDL_DUTY_NONE || d->lease[at].state != OPEN || d->lease[at].kind == MDL_DUTY_SHARD)
        return 0;
    const duty_lease *l = &d->lease[at];
    for (uint32_t i = l->first; i < l->first + l->count; i++)
        if (l->kind == MDL_DUTY_FRESH ? d->job[i].answers > 0
                                      : d->job[i].answers == MDL_DUTY_ANSWERS || has_owner(d, &d->job[i], l->owner))
            return 0;
    return 1;
}

/* The job of a unit that the draw names. */
static uint32_t drawn_job(const mdl_duty *d, const duty_lease *l, const uint8_t nonce[32]) {
    if (!d->secret || l->kind != MDL_DUTY_FRESH || !l->trusted)
        return MDL_DUTY_NONE;
    mdl_duty_words x = mdl_duty_draw(d, "check\0\0", l->id, nonce, l->root);
    return mdl_duty_falls(x.w[0], d->rules.floor_ppm) ? l->first + (uint32_t)(x.w[1] % l->count) : MDL_DUTY_NONE;
}

/* A unit that is drawn when the round is over. */
static int is_unit(const duty_lease *l) {
    return l->state == ANSWERED && l->kind == MDL_DUTY_FRESH && l->trusted && l->owner != MDL_DUTY_COORDINATOR &&
           l->owner != MDL_DUTY_JOINED;
}

int mdl_duty_showing(const mdl_duty *d) {
    return d->rules.shared && !d->drawn && d->jobs > 0 && d->answered == d->jobs;
}

void mdl_duty_draw_all(mdl_duty *d, const uint8_t nonces[MDL_DIGEST_BYTES]) {
    note(d, DRAWN, 0);
    d->drawn = 1;
    memcpy(d->nonces, nonces, sizeof d->nonces);
    for (uint32_t at = 0; at < d->leases; at++) {
        const duty_lease *l = &d->lease[at];
        if (!is_unit(l))
            continue;
        uint32_t drawn = drawn_job(d, l, nonces);
        for (uint32_t i = l->first; i < l->first + l->count; i++)
            if (l->silent || i == drawn) {
                d->job[i].flags |= NEEDS;
                place(d, i);
            }
    }
}

mdl_err mdl_duty_draw_units(mdl_duty *d, const uint8_t nonces[MDL_DIGEST_BYTES],
                            int (*silent)(const void *ctx, const uint8_t worker[32]), const void *ctx) {
    MDL_ASSERT(mdl_duty_showing(d));
    if (!event_room(d, 1))
        return MDL_ENOMEM;
    for (uint32_t at = 0; at < d->leases; at++)
        if (is_unit(&d->lease[at]))
            d->lease[at].silent = silent(ctx, d->lease[at].worker);
    mdl_duty_draw_all(d, nonces);
    return MDL_OK;
}

void mdl_duty_reveal(mdl_duty *d, uint64_t lease, const uint8_t nonce[32], const uint8_t root[32],
                     const mdl_duty_answer *answer) {
    MDL_ASSERT(mdl_duty_may_reveal(d, lease));
    uint32_t at = lease_index(d, lease);
    duty_lease *l = &d->lease[at];
    memcpy(l->nonce, nonce, sizeof l->nonce);
    memcpy(l->root, root, sizeof l->root);
    memcpy(l->answer, answer, l->count * sizeof *answer);
    close_lease(d, l, ANSWERED);
    note(d, REVEALED, at);
    int late = d->drawn && l->kind == MDL_DUTY_FRESH; /* it may have known what would be drawn */
    uint32_t drawn = d->rules.shared ? MDL_DUTY_NONE : drawn_job(d, l, nonce);
    for (uint32_t i = l->first; i < l->first + l->count; i++) {
        add_answer(d, i, at);
        l->against |= settled(&d->job[i]) && !same(answer_by(d, at, i), answer_by(d, value_of(d, &d->job[i]), i));
        if (!l->trusted || late || i == drawn)
            d->job[i].flags |= NEEDS;
        judge(d, i);
        place(d, i);
    }
}

void mdl_duty_expire(mdl_duty *d, uint64_t lease) {
    uint32_t at = lease_index(d, lease);
    MDL_ASSERT(at != MDL_DUTY_NONE);
    close_lease(d, &d->lease[at], EXPIRED);
    note(d, ENDED, at);
    for (uint32_t i = d->lease[at].first; i < d->lease[at].first + d->lease[at].count; i++)
        place(d, i);
}

mdl_err mdl_duty_settle(mdl_duty *d, uint32_t job, const mdl_duty_answer *answer) {
    MDL_ASSERT(job < d->jobs && d->job[job].answers > 0 && !settled(&d->job[job]));
    duty_lease *l = new_lease(d, job, 1);
    if (!l)
        return MDL_ENOMEM;
    l->id = MDL_DUTY_OF_COORDINATOR;
    l->owner = MDL_DUTY_COORDINATOR;
    l->state = ANSWERED;
    l->kind = MDL_DUTY_CONFIRM;
    *l->answer = *answer;
    note(d, DECIDED, d->leases - 1);
    add_answer(d, job, d->leases - 1);
    d->job[job].flags |= SETTLED;
    judge(d, job);
    place(d, job);
    return MDL_OK;
}

mdl_err mdl_duty_reserve(mdl_duty *d, uint32_t convictions) {
    return event_room(d, 2 + convictions) ? MDL_OK : MDL_ENOMEM;
}

/* The first with a shard of this worker among the joined ones from `at` on. */
static uint32_t next_joined(const mdl_duty *d, uint32_t at, const uint8_t worker[32]) {
    for (; at != MDL_DUTY_NONE; at = d->lease[at].later) {
        const duty_lease *l = &d->lease[at];
        for (uint32_t i = 0; i < l->parties; i++)
            if (memcmp(d->lease[lease_index(d, l->party[i])].worker, worker, sizeof l->worker) == 0)
                return at;
    }
    return at;
}

mdl_err mdl_duty_convict(mdl_duty *d, const uint8_t worker[32]) {
    uint32_t any = MDL_DUTY_NONE;
    if (!event_room(d, 1))
        return MDL_ENOMEM;
    uint32_t own = mdl_name_index_get(&d->workers, worker), joined = next_joined(d, d->joined, worker);
    while (own != MDL_DUTY_NONE || joined != MDL_DUTY_NONE) { /* rising: MDL_DUTY_NONE is the largest number */
        uint32_t k = own < joined ? own : joined;
        duty_lease *l = &d->lease[k];
        if (k == own)
            own = l->later;
        else
            joined = next_joined(d, l->later, worker);
        any = l->owner == MDL_DUTY_JOINED ? any : k;
        l->against = 0; /* that is over */
        lease_state was = l->kind == MDL_DUTY_SHARD && l->state == ANSWERED ? EXPIRED : l->state;
        if (was == OPEN)
            close_lease(d, l, EXPIRED);
        for (uint32_t i = l->first; i < l->first + l->count; i++) {
            /* What nobody confirmed is lost, what the coordinator found otherwise, and what others contradict, though
             * friends have confirmed it. */
            if (was == ANSWERED &&
                (!confirmed(d, i) || (d->job[i].flags & DISPUTED) ||
                 (settled(&d->job[i]) && !same(answer_by(d, k, i), answer_by(d, value_of(d, &d->job[i]), i)))))
                drop_answer(d, i, k);
            judge(d, i);
            place(d, i);
        }
    }
    if (any != MDL_DUTY_NONE)
        note(d, CONVICTED, any);
    return MDL_OK;
}

/* ---- shards ---- */

int mdl_duty_may_shard(const mdl_duty *d, uint32_t job) {
    MDL_ASSERT(job < d->jobs);
    if (d->job[job].answers > 0)
        return 0;
    uint32_t others = d->job[job].open;
    for (uint32_t i = d->job[job].newest; i != MDL_DUTY_NONE; i = d->lease[i].before)
        others -= d->lease[i].state == OPEN && d->lease[i].kind == MDL_DUTY_SHARD;
    return others == 0;
}

mdl_err mdl_duty_shard(mdl_duty *d, uint64_t lease, const uint8_t worker[32], uint32_t owner, int trusted,
                       uint32_t job) {
    MDL_ASSERT(mdl_duty_may_shard(d, job));
    return give(d, lease, worker, owner, trusted, job, 1, MDL_DUTY_SHARD);
}

/* Untrusted when one of them is; their leases end. */
static int end_party(mdl_duty *d, const uint64_t *lease, uint32_t count) {
    int trusted = 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = lease_index(d, lease[i]);
        MDL_ASSERT(at != MDL_DUTY_NONE && d->lease[at].kind == MDL_DUTY_SHARD);
        trusted &= d->lease[at].trusted;
        close_lease(d, &d->lease[at], ANSWERED);
    }
    return trusted;
}

mdl_err mdl_duty_join(mdl_duty *d, uint32_t job, const uint64_t *lease, uint32_t count, int replicated,
                      const uint8_t transcript[32], const mdl_duty_answer *answer) {
    MDL_ASSERT(count > 0 && mdl_duty_may_shard(d, job));
    uint64_t *party = malloc(count * sizeof *party);
    duty_lease *l = party ? new_lease(d, job, 1) : NULL;
    if (!l) {
        free(party);
        return MDL_ENOMEM;
    }
    uint32_t at = d->leases - 1;
    memcpy(party, lease, count * sizeof *party);
    l->id = MDL_DUTY_OF_SHARDS;
    l->owner = MDL_DUTY_JOINED;
    l->state = ANSWERED;
    l->kind = MDL_DUTY_FRESH;
    l->party = party;
    l->parties = count;
    l->replicated = replicated;
    memcpy(l->root, transcript, sizeof l->root);
    *l->answer = *answer;
    note(d, JOINED, at);
    *(d->joined == MDL_DUTY_NONE ? &d->joined : &d->lease[d->joined_last].later) = at;
    d->joined_last = at;
    int trusted = end_party(d, lease, count);
    mdl_duty_words x = {{0}};
    if (d->secret && trusted)
        x = mdl_duty_draw(d, "join\0\0\0", job, answer->segment, transcript);
    if (!trusted || (d->secret && mdl_duty_falls(x.w[0], d->rules.floor_ppm)))
        d->job[job].flags |= NEEDS;
    add_answer(d, job, at);
    judge(d, job);
    place(d, job);
    return MDL_OK;
}

const uint64_t *mdl_duty_party(const mdl_duty *d, uint32_t job, uint32_t *count) {
    const duty_job *j = &d->job[job];
    for (uint32_t i = 0; i < j->answers; i++)
        if (d->lease[j->by[i]].owner == MDL_DUTY_JOINED) {
            *count = d->lease[j->by[i]].parties;
            return d->lease[j->by[i]].party;
        }
    *count = 0;
    return NULL;
}

/* ---- what follows ---- */

uint32_t mdl_duty_answered(const mdl_duty *d) { return d->answered; }

uint32_t mdl_duty_fresh(const mdl_duty *d) { return d->fresh; }

const mdl_duty_answer *mdl_duty_answer_of(const mdl_duty *d, uint32_t job) {
    uint32_t by = value_of(d, &d->job[job]);
    return by == MDL_DUTY_NONE ? NULL : answer_by(d, by, job);
}

uint32_t mdl_duty_answers(const mdl_duty *d, uint32_t job) { return d->job[job].answers; }

const mdl_duty_answer *mdl_duty_answer_at(const mdl_duty *d, uint32_t job, uint32_t i, uint64_t *lease) {
    uint32_t by = d->job[job].by[i];
    if (lease)
        *lease = d->lease[by].id;
    return answer_by(d, by, job);
}

const mdl_duty_answer *mdl_duty_said(const mdl_duty *d, uint64_t lease) {
    uint32_t at = lease_index(d, lease);
    return at == MDL_DUTY_NONE || d->lease[at].state != ANSWERED ? NULL : d->lease[at].answer;
}

int mdl_duty_settled(const mdl_duty *d, uint32_t job) { return settled(&d->job[job]); }

int mdl_duty_confirmed(const mdl_duty *d, uint32_t job) { return d->job[job].answers > 0 && confirmed(d, job); }

mdl_duty_kind mdl_duty_kind_of(const mdl_duty *d, uint64_t lease) {
    uint32_t at = lease_index(d, lease);
    return at == MDL_DUTY_NONE ? MDL_DUTY_NOTHING : d->lease[at].kind;
}

uint32_t mdl_duty_disputed(const mdl_duty *d, uint32_t from) {
    for (uint32_t i = from; d->disputes > 0 && i < d->jobs; i++)
        if (d->job[i].flags & DISPUTED)
            return i;
    return MDL_DUTY_NONE;
}

int mdl_duty_is_disputed(const mdl_duty *d, uint32_t job) { return (d->job[job].flags & DISPUTED) != 0; }

int mdl_duty_lacks(const mdl_duty *d, uint32_t job) {
    const duty_job *j = &d->job[job];
    return (j->flags & LACKS) && j->answers > 0 && !(j->flags & DISPUTED);
}

uint32_t mdl_duty_waiting(const mdl_duty *d, uint32_t from) {
    for (uint32_t i = from; d->waits > 0 && i < d->jobs; i++)
        if (d->job[i].flags & WAITS)
            return i;
    return MDL_DUTY_NONE;
}
