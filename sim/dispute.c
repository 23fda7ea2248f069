/* Disputes in virtual time: what sides show of their jobs' one life, and the last
 * step. A point is a few bytes that stand for a state; a liar with a story has
 * states of its own from some window on, another one has nothing to show. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/grow.h"
#include "protocol/referee.h"
#include "protocol/retrace.h"
#include "sim/internal.h"

/* ---- stories ---- */

static mdl_sim_lie *lie_about(const mdl_sim_worker *w, uint32_t generation, uint32_t job) {
    for (uint32_t i = 0; w->lie && i < MDL_SIM_LIES; i++) {
        if (w->lie[i].seed != 0 && w->lie[i].generation == generation && w->lie[i].job == job) {
            return &w->lie[i];
        }
    }
    return NULL;
}

static mdl_life_row row_of(const mdl_sim *s, const mdl_sim_lie *lie) {
    mdl_life_row row;
    mdl_sim_row(s, lie->generation, lie->job, &row);
    row.fitness = lie->fitness;
    mdl_digest_of(&lie->seed, sizeof lie->seed, row.end);
    return row;
}

void mdl_sim_invent(mdl_sim *s, mdl_sim_worker *w, uint32_t generation, uint32_t job, uint64_t seed, int64_t fitness,
                    mdl_job_result *out) {
    mdl_sim_lie lie = {.seed = seed | 1, .fitness = fitness, .generation = generation, .job = job};
    lie.story = seed >> 1 & 1;
    mdl_life_row row = row_of(s, &lie);
    mdl_unit_segment(generation, job, &row, 1, out);
    if (!lie.story) {
        mdl_digest_of(&seed, sizeof seed, out->segment); /* of no rows at all */
    }
    if (!w->lie) {
        w->lie = calloc(MDL_SIM_LIES, sizeof *w->lie);
        if (!w->lie) {
            mdl_sim_fail(s, MDL_ENOMEM);
            return;
        }
    }
    w->lie[w->lies++ % MDL_SIM_LIES] = lie;
}

/* ---- points ---- */

/* After so many windows; `lie` NULL: as it is right. */
static void point_bytes(uint32_t generation, uint32_t job, uint32_t windows, const mdl_sim_lie *lie,
                        const mdl_sink *sink) {
    int false_one = lie && windows > lie->seed % MDL_SIM_WINDOWS;
    mdl_put_bytes(sink, "point of the sim", 16);
    mdl_put_u32(sink, generation);
    mdl_put_u32(sink, job);
    mdl_put_u32(sink, windows);
    mdl_put_u64(sink, false_one ? lie->seed : 0);
}

static void point_digest(uint32_t generation, uint32_t job, uint32_t windows, const mdl_sim_lie *lie,
                         uint8_t out[MDL_DIGEST_BYTES]) {
    mdl_digest d;
    memset(out, 0, MDL_DIGEST_BYTES);
    if (windows > MDL_SIM_WINDOWS) {
        return; /* the life is over before */
    }
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    point_bytes(generation, job, windows, lie, &sink);
    mdl_digest_final(&d, out);
}

/* ---- a side ---- */

/* Windows that a move takes. */
static uint32_t windows_of(const mdl_retrace *r) {
    uint32_t last = r->kind == MDL_MOVE_ROWS ? MDL_SIM_WINDOWS : r->point[r->count - 1];
    return last < MDL_SIM_WINDOWS ? last : MDL_SIM_WINDOWS;
}

void mdl_sim_asked(mdl_sim *s, uint32_t worker, mdl_shard_work *work) {
    mdl_sim_worker *w = &s->worker[worker];
    MDL_ASSERT(!w->move && work->retrace);
    w->move = work;
    uint64_t updates = mdl_sim_truth(s, mdl_model_generation(work->model), work->retrace->job, NULL) *
                       windows_of(work->retrace) / MDL_SIM_WINDOWS;
    w->worked += updates;
    s->report.updates_extra += updates;
    s->open_extra += updates;
    mdl_sim_at(s, s->now_us + 1000 + (uint64_t)(1000 * (double)updates / w->speed), MDL_EV_WORKER_MOVE, worker,
               w->process, NULL);
}

void mdl_sim_move(mdl_sim *s, mdl_sim_worker *w) {
    mdl_shard_work *work = w->move;
    const mdl_retrace *r = work->retrace;
    uint32_t generation = mdl_model_generation(work->model);
    const mdl_sim_lie *lie = lie_about(w, generation, r->job);
    mdl_buffer out = {0};
    mdl_sink sink = mdl_buffer_sink(&out);
    w->move = NULL;
    work->err = lie && !lie->story ? MDL_ERANGE : MDL_OK; /* a lie without a story: it has nothing to say */
    if (r->kind == MDL_MOVE_ROWS) {
        mdl_life_row row;
        mdl_sim_row(s, generation, r->job, &row);
        if (lie) {
            row = row_of(s, lie);
        }
        mdl_row_put(&row, &sink);
    } else if (r->kind == MDL_MOVE_STATE) {
        work->err = r->point[0] > MDL_SIM_WINDOWS ? MDL_ERANGE : work->err;
        point_bytes(generation, r->job, r->point[0], lie, &sink);
    }
    for (uint32_t i = 0; r->kind == MDL_MOVE_POINTS && i < r->count; i++) {
        uint8_t digest[MDL_DIGEST_BYTES];
        point_digest(generation, r->job, r->point[i], lie, digest);
        mdl_put_bytes(&sink, digest, sizeof digest);
    }
    work->saved = out.bytes;
    work->saved_size = out.size;
    work->err = out.failed ? MDL_ENOMEM : work->err;
}

/* ---- the last step ---- */

static mdl_judged judge(const mdl_sim *s, uint32_t generation, uint32_t job, const mdl_case *last) {
    const mdl_dispute *d = &last->dispute;
    mdl_judged out;
    uint8_t right[MDL_DIGEST_BYTES];
    memset(&out, 0, sizeof out);
    point_digest(generation, job, d->lo, NULL, right);
    if (d->lo > 0 && memcmp(right, d->agreed, sizeof right) != 0) {
        out.fault = MDL_FAULT_STATE; /* they agree on a state that is none */
    } else if (d->stage == MDL_DISPUTE_SAME) {
        out.fault = MDL_FAULT_END;
        if (d->lo == MDL_SIM_WINDOWS) {
            mdl_sim_row(s, generation, job, &out.row);
        }
    } else {
        out.fault = MDL_FAULT_WINDOW;
        point_digest(generation, job, d->lo + 1, NULL, out.truth);
    }
    out.wrong = mdl_case_wrong(last, &out);
    return out;
}

void mdl_sim_judge(mdl_sim *s, const mdl_evolution *of, uint32_t job, const mdl_case *last) {
    uint32_t generation = mdl_evolution_generation(of);
    uint64_t updates = mdl_sim_truth(s, generation, job, NULL) / MDL_SIM_WINDOWS;
    MDL_ASSERT(s->judgings < MDL_CHECKERS_MAX);
    s->judging[s->judgings++] = (mdl_sim_judging){generation, job, judge(s, generation, job, last)};
    s->report.updates_extra += updates;
    s->open_extra += updates;
    mdl_sim_at(s, s->now_us + 1000, MDL_EV_JUDGED, (uint32_t)s->incarnation, (uint64_t)generation << 32 | job, NULL);
}

void mdl_sim_judged(mdl_sim *s, uint32_t generation, uint32_t job) {
    uint32_t i = 0;
    while (i < s->judgings && (s->judging[i].generation != generation || s->judging[i].job != job)) {
        i++;
    }
    MDL_ASSERT(i < s->judgings);
    mdl_judged judged = s->judging[i].judged;
    s->judging[i] = s->judging[--s->judgings];
    mdl_coordinator_judged(s->logic, generation, job, &judged, mdl_sim_ms(s));
}

/* ---- the watch ---- */

static uint32_t worker_of(mdl_sim *s, uint64_t lease) {
    const mdl_ledger *l = mdl_coordinator_ledger(s->logic);
    const mdl_ledger_lease *found = mdl_ledger_lease_find(l, lease);
    const mdl_ledger_worker *all;
    mdl_ledger_workers(l, &all);
    return found ? mdl_sim_find(s, all[found->worker].key) : UINT32_MAX;
}

void mdl_sim_watch_dispute(mdl_sim *s, const mdl_msg_dispute *m) {
    s->report.disputes++;
    if (m->job < s->jobs_room) {
        s->job[m->job].side[0] = worker_of(s, m->first);
        s->job[m->job].side[1] = worker_of(s, m->second);
    }
}

/* Whoever is found wrong did answer wrongly, by the oracle. */
void mdl_sim_watch_judgement(mdl_sim *s, const mdl_msg_judgement *m) {
    s->report.judgements++;
    for (uint32_t side = 0; side < MDL_DISPUTE_SIDES; side++) {
        uint32_t worker = m->job < s->jobs_room ? s->job[m->job].side[side] : UINT32_MAX;
        int wrong = 0;
        for (uint32_t k = 0; m->job < s->jobs_room && k < s->job[m->job].count; k++) {
            wrong |= s->job[m->job].by[k] == worker && s->job[m->job].bad[k];
        }
        if ((m->wrong >> side & 1) == 0) {
            continue;
        }
        if (worker == UINT32_MAX || !wrong) {
            mdl_sim_violated(s, "the judgement about job %u finds worker %u wrong, whose answer is right",
                             (unsigned)m->job, (unsigned)worker);
            continue;
        }
        s->report.judged_wrong++;
        mdl_sim_look_for_ban(s, worker);
    }
}
