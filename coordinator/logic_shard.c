/* Sharded jobs: what workers ask and hand in. PROTOCOL section 12.4. */
#include "coordinator/logic_shard.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/grow.h"

/* ---- stages ---- */

mdl_stage *mdl_stage_of(mdl_coordinator *c, uint32_t job) {
    for (uint32_t i = 0; c->shards && i < c->shards->stages; i++) {
        if (mdl_orchestra_job(c->shards->stage[i].orchestra) == job) {
            return &c->shards->stage[i];
        }
    }
    return NULL;
}

void mdl_stage_close(mdl_coordinator *c, mdl_stage *s) {
    struct mdl_shards *all = c->shards;
    uint32_t at = (uint32_t)(s - all->stage);
    mdl_orchestra_free(s->orchestra);
    memmove(s, s + 1, (--all->stages - at) * sizeof *s);
}

int mdl_stage_begin(mdl_coordinator *c, uint64_t now_ms) {
    const mdl_ledger_lease *l;
    if (!mdl_stage_experiment(c)->sharding.used || mdl_ledger_ended(c->ledger)) {
        return 1;
    }
    if (!c->shards) {
        c->shards = calloc(1, sizeof *c->shards);
        if (!c->shards) {
            return 0;
        }
        c->shards->states = c->config.shard_states > 0 ? c->config.shard_states : MDL_SHARD_STATES_DEFAULT;
    }
    while (c->shards->stages > 0) { /* of the generation before */
        mdl_stage_close(c, &c->shards->stage[c->shards->stages - 1]);
    }
    mdl_stage_flush(c, now_ms);
    /* After a crash: what was played is lost, and begins again. */
    uint32_t generation = mdl_evolution_generation(mdl_ledger_evolution(c->ledger));
    uint32_t count = mdl_ledger_leases(c->ledger, &l);
    for (uint32_t i = 0; i < count && !c->failed; i++) {
        mdl_ledger_leases(c->ledger, &l);
        if (l[i].shards == 0 || l[i].generation != generation || l[i].joined || l[i].state == MDL_LEASE_EXPIRED) {
            continue;
        }
        mdl_message m;
        memset(&m, 0, sizeof m);
        m.type = MDL_MSG_EXPIRE;
        m.as.expire.lease = l[i].id;
        m.as.expire.reason = MDL_REASON_OVERTAKEN;
        mdl_coordinator_record(c, &m);
    }
    return !c->failed;
}

void mdl_stage_inform(const mdl_coordinator *c, mdl_coordinator_info *out) {
    if (!c->shards) {
        return;
    }
    out->stages = c->shards->stages;
    out->windows = c->shards->windows;
    out->played = c->shards->played;
    out->shard_busy = c->shards->held_ms > 0 ? (double)c->shards->busy_ms / (double)c->shards->held_ms : 0;
    for (uint32_t i = 0; i < c->shards->stages; i++) {
        const mdl_orchestra *o = c->shards->stage[i].orchestra;
        out->shards += mdl_orchestra_shards(o);
        out->players += mdl_orchestra_parts(o);
        out->windows += mdl_orchestra_windows(o);
        out->windows_open += mdl_orchestra_windows(o);
    }
}

void mdl_stage_free(mdl_coordinator *c) {
    if (!c->shards) {
        return;
    }
    while (c->shards->stages > 0) {
        mdl_stage_close(c, &c->shards->stage[c->shards->stages - 1]);
    }
    free(c->shards->stage);
    free(c->shards->parked);
    free(c->shards);
    c->shards = NULL;
}

int mdl_stage_busy(const mdl_coordinator *c) { return c->shards && c->shards->threads > 0; }

/* ---- answers ---- */

static void say_step(mdl_coordinator *c, const mdl_asked *a, uint64_t lease, mdl_step *step) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_STEP;
    m.as.step.lease = lease;
    m.as.step.what = (uint32_t)step->what;
    m.as.step.life = step->at.life;
    m.as.step.window = step->at.window;
    m.as.step.count = step->count;
    m.as.step.keep = step->keep;
    memcpy(m.as.step.snapshot, step->snapshot, sizeof m.as.step.snapshot);
    if (step->blob_size > 0) {
        mdl_digest_of(step->blob, step->blob_size, m.as.step.blob);
        m.as.step.blob_size = step->blob_size;
    }
    mdl_coordinator_say(c, a, &m, 0, step->blob, step->blob_size);
    free(step->blob);
    step->blob = NULL;
}

static void say_what(mdl_coordinator *c, const mdl_asked *a, uint64_t lease, mdl_step_what what) {
    mdl_step step;
    memset(&step, 0, sizeof step);
    step.what = what;
    say_step(c, a, lease, &step);
}

/* As if it were asked now. */
static void answer_parked(mdl_coordinator *c, uint32_t at, mdl_step *step, uint64_t now_ms) {
    struct mdl_shards *all = c->shards;
    mdl_parked p = all->parked[at];
    mdl_message m;
    all->parked[at] = all->parked[--all->parked_count];
    memset(&m, 0, sizeof m);
    memcpy(m.head.session, p.session, sizeof p.session);
    m.head.seq = p.seq;
    mdl_asked a = {.call = p.call, .now_ms = now_ms, .message = &m, .worker = p.worker};
    say_step(c, &a, p.lease, step);
}

static void note_handed(mdl_voice *v, const mdl_step *step, uint64_t now_ms) {
    if (step->what == MDL_STEP_RUN) {
        v->handed_ms = now_ms;
    }
}

/* Answer a question about a part's next windows now, or when there is something to say. */
static void answer(mdl_coordinator *c, const mdl_asked *a, mdl_stage *s, mdl_voice *v, mdl_place_in at) {
    struct mdl_shards *all = c->shards;
    mdl_step step;
    uint64_t lease = v->lease;
    if (mdl_share_moves(c, s, v, a->now_ms)) {
        say_what(c, a, lease, MDL_STEP_GONE);
        return;
    }
    if (mdl_orchestra_step(s->orchestra, v, at, &step) != MDL_OK) {
        mdl_coordinator_reject(c, a, MDL_REASON_INTERNAL, 1000, 0, NULL);
        return;
    }
    note_handed(v, &step, a->now_ms);
    for (uint32_t i = 0; i < all->parked_count; i++) {
        if (all->parked[i].lease == v->lease) { /* it asks again: the older question is not waited for any more */
            mdl_step not_yet = {.what = MDL_STEP_NOT_YET, .at = all->parked[i].at};
            answer_parked(c, i, &not_yet, a->now_ms);
            break;
        }
    }
    if (step.what != MDL_STEP_NOT_YET ||
        !mdl_list_grow_zeroed(&all->parked, &all->parked_room, all->parked_count + 1, sizeof *all->parked)) {
        say_step(c, a, v->lease, &step);
        return;
    }
    mdl_parked *p = &all->parked[all->parked_count++];
    *p = (mdl_parked){.call = a->call,
                      .seq = a->message->head.seq,
                      .since_ms = a->now_ms,
                      .lease = v->lease,
                      .worker = a->worker,
                      .at = at};
    memcpy(p->session, a->message->head.session, sizeof p->session);
}

void mdl_stage_wake(mdl_coordinator *c, mdl_stage *s, uint64_t now_ms) {
    struct mdl_shards *all = c->shards;
    for (uint32_t i = 0; i < all->parked_count;) {
        mdl_voice *v = mdl_orchestra_find(s->orchestra, all->parked[i].lease);
        mdl_step step;
        if (v && mdl_share_moves(c, s, v, now_ms)) {
            continue; /* its question was answered, and another is in its place */
        }
        if (!v || mdl_orchestra_step(s->orchestra, v, all->parked[i].at, &step) != MDL_OK ||
            step.what == MDL_STEP_NOT_YET) {
            i++;
            continue;
        }
        note_handed(v, &step, now_ms);
        answer_parked(c, i, &step, now_ms);
    }
}

void mdl_stage_flush(mdl_coordinator *c, uint64_t now_ms) {
    while (c->shards && c->shards->parked_count > 0) {
        mdl_step gone = {.what = MDL_STEP_GONE, .at = c->shards->parked[0].at};
        answer_parked(c, 0, &gone, now_ms);
    }
}

void mdl_stage_poll(mdl_coordinator *c, uint64_t now_ms) {
    for (uint32_t i = 0; i < c->shards->parked_count;) {
        if (now_ms - c->shards->parked[i].since_ms < MDL_SHARD_POLL_MS) {
            i++;
            continue;
        }
        mdl_step not_yet = {.what = MDL_STEP_NOT_YET, .at = c->shards->parked[i].at};
        const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, c->shards->parked[i].lease);
        mdl_stage *s = l ? mdl_stage_of(c, l->first) : NULL;
        mdl_voice *v = s ? mdl_orchestra_find(s->orchestra, c->shards->parked[i].lease) : NULL;
        if (v) {
            v->pulled = 0;
        }
        answer_parked(c, i, &not_yet, now_ms);
    }
}

/* ---- leases that end ---- */

static void forget_part(mdl_coordinator *c, mdl_stage *s, uint64_t lease, uint64_t now_ms) {
    mdl_orchestra_remove(s->orchestra, lease);
    for (uint32_t i = 0; i < c->shards->parked_count; i++) {
        if (c->shards->parked[i].lease == lease) {
            mdl_step gone = {.what = MDL_STEP_GONE, .at = c->shards->parked[i].at};
            answer_parked(c, i, &gone, now_ms);
            break;
        }
    }
}

void mdl_stage_end(mdl_coordinator *c, mdl_stage *s, uint64_t lease, mdl_reason reason, uint64_t now_ms) {
    const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, lease);
    const mdl_ledger_worker *w;
    mdl_message m;
    if (l && !l->joined && l->state != MDL_LEASE_EXPIRED) {
        mdl_ledger_workers(c->ledger, &w);
        mdl_coordinator_log(c, "expire", w[l->worker].key,
                            "lease %" PRIu64 " of shard %" PRIu32 " of job %" PRIu32 ": %s", lease, l->shard, l->first,
                            mdl_reason_sentence(reason));
        memset(&m, 0, sizeof m);
        m.type = MDL_MSG_EXPIRE;
        m.as.expire.lease = lease;
        m.as.expire.reason = (uint32_t)(l->state == MDL_LEASE_DONE ? MDL_REASON_OVERTAKEN : reason);
        mdl_coordinator_record(c, &m);
        c->expired++;
    }
    forget_part(c, s, lease, now_ms);
}

void mdl_stage_abandon(mdl_coordinator *c, mdl_stage *s, mdl_reason reason, uint64_t now_ms) {
    while (mdl_orchestra_parts(s->orchestra) > 0 && !c->failed) {
        mdl_stage_end(c, s, mdl_orchestra_part(s->orchestra, 0)->lease, reason, now_ms);
    }
    mdl_stage_close(c, s);
}

void mdl_stage_revoke(mdl_coordinator *c, uint32_t worker, mdl_reason reason) {
    for (uint32_t i = 0; c->shards && i < c->shards->stages; i++) {
        mdl_stage *s = &c->shards->stage[i];
        for (uint32_t k = 0; k < mdl_orchestra_parts(s->orchestra) && !c->failed;) {
            const mdl_voice *v = mdl_orchestra_part(s->orchestra, k);
            if (v->worker == worker && !v->done) {
                mdl_stage_end(c, s, v->lease, reason, 0);
            } else {
                k++;
            }
        }
    }
}

void mdl_stage_orphan(mdl_coordinator *c, uint32_t worker) {
    for (uint32_t i = 0; c->shards && i < c->shards->stages; i++) {
        mdl_orchestra *o = c->shards->stage[i].orchestra;
        for (uint32_t k = 0; k < mdl_orchestra_parts(o); k++) {
            mdl_voice *v = mdl_orchestra_part(o, k);
            v->orphan |= v->worker == worker;
        }
    }
}

void mdl_stage_follow(mdl_coordinator *c, uint64_t now_ms) {
    for (uint32_t i = 0; c->shards && i < c->shards->stages; i++) {
        mdl_stage *s = &c->shards->stage[i];
        for (uint32_t k = 0; k < mdl_orchestra_parts(s->orchestra);) {
            uint64_t lease = mdl_orchestra_part(s->orchestra, k)->lease;
            const mdl_ledger_worker *w;
            const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, lease);
            mdl_ledger_workers(c->ledger, &w);
            if (!l || l->state == MDL_LEASE_EXPIRED) {
                forget_part(c, s, lease, now_ms);
            } else if (w[l->worker].verdict != 0) { /* its result counts for nothing */
                mdl_stage_end(c, s, lease, MDL_REASON_REVOKED, now_ms);
            } else {
                k++;
            }
        }
    }
}

/* ---- calls ---- */

/* The part that a call is about. NULL: there is none, and the call was answered. */
static mdl_voice *find_part(mdl_coordinator *c, const mdl_asked *a, uint64_t lease, mdl_stage **stage) {
    const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, lease);
    if (!l || l->worker != a->worker || l->shards == 0) {
        if (lease < mdl_ledger_next_lease(c->ledger) && !l) {
            say_what(c, a, lease, MDL_STEP_GONE); /* of a generation long closed */
        } else {
            mdl_coordinator_reject(c, a, MDL_REASON_NO_LEASE, 0, 0, NULL);
        }
        return NULL;
    }
    *stage = mdl_stage_of(c, l->first);
    mdl_voice *v = *stage ? mdl_orchestra_find((*stage)->orchestra, lease) : NULL;
    if (!v) {
        say_what(c, a, lease, MDL_STEP_GONE);
        return NULL;
    }
    v->heard_ms = a->now_ms;
    v->orphan = 0;
    return v;
}

int mdl_stage_holds(const mdl_coordinator *c, uint32_t worker, uint64_t lease) {
    const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, lease);
    return l && l->worker == worker && l->shards > 0 && l->state == MDL_LEASE_OPEN;
}

size_t mdl_stage_window_max(const mdl_coordinator *c, uint64_t lease) {
    const mdl_experiment *x = mdl_stage_experiment(c);
    const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, lease);
    uint32_t owner[MDL_REGIONS_MAX];
    mdl_balanced_cut(&x->network, l->shards, owner);
    return mdl_shard_output_max(x, owner, l->shard);
}

int mdl_stage_is_due(mdl_coordinator *c, const mdl_asked *a) {
    const mdl_message *m = a->message;
    uint64_t lease = m->type == MDL_MSG_PULL       ? m->as.pull.lease
                     : m->type == MDL_MSG_WINDOW   ? m->as.window.lease
                     : m->type == MDL_MSG_SNAPSHOT ? m->as.snapshot.lease
                                                   : UINT64_MAX;
    if (lease == UINT64_MAX || !mdl_stage_holds(c, a->worker, lease)) {
        return 0;
    }
    mdl_stage *s = mdl_stage_of(c, mdl_ledger_lease_find(c->ledger, lease)->first);
    const mdl_voice *v = s ? mdl_orchestra_find(s->orchestra, lease) : NULL;
    if (!v) {
        return 0;
    }
    if (m->type == MDL_MSG_PULL) {
        return !v->pulled;
    }
    if (m->type == MDL_MSG_WINDOW) {
        return m->as.window.life == v->next.life && m->as.window.window >= v->next.window;
    }
    return mdl_orchestra_wants(s->orchestra, v, &m->as.snapshot);
}

void mdl_stage_pull(mdl_coordinator *c, const mdl_asked *a) {
    const mdl_msg_pull *m = &a->message->as.pull;
    mdl_stage *s;
    mdl_voice *v = find_part(c, a, m->lease, &s);
    if (v) {
        v->pulled = 1;
        answer(c, a, s, v, (mdl_place_in){m->life, m->window});
    }
}

/* The window at hand has ended, or all of them. */
static void on_moved(mdl_coordinator *c, mdl_stage *s, uint64_t now_ms) {
    s->moved_ms = now_ms;
    if (mdl_orchestra_over(s->orchestra) && s->over_ms == 0) {
        s->over_ms = now_ms;
    } else if (!mdl_orchestra_over(s->orchestra)) {
        s->over_ms = 0;
    }
    mdl_stage_wake(c, s, now_ms);
}

static void measure_window(mdl_stage *s, const mdl_voice *v, uint32_t windows, uint64_t now_ms) {
    double took = (double)(now_ms > v->handed_ms ? now_ms - v->handed_ms : 1) / (windows > 0 ? windows : 1);
    s->window_ms = s->window_ms > 0 ? 0.9 * s->window_ms + 0.1 * took : took;
}

void mdl_stage_window(mdl_coordinator *c, const mdl_asked *a) {
    const mdl_msg_window *m = &a->message->as.window;
    mdl_stage *s;
    int moved = 0;
    mdl_voice *v = find_part(c, a, m->lease, &s);
    if (!v) {
        return;
    }
    MDL_ASSERT(a->blob); /* the message has its shape */
    uint64_t before = v->windows;
    mdl_err err = mdl_orchestra_deliver(s->orchestra, v, m, a->blob->bytes, a->blob->size, a->raw, a->raw_size, &moved);
    if (err == MDL_ENOMEM) {
        mdl_coordinator_reject(c, a, MDL_REASON_INTERNAL, 1000, 0, NULL);
        return;
    }
    if (err == MDL_ERANGE) {
        mdl_coordinator_reject(c, a, MDL_REASON_OUT_OF_RANGE, 0, 0, "no output that this shard can have");
        mdl_stage_end(c, s, m->lease, MDL_REASON_REVOKED, a->now_ms);
        return;
    }
    if (v->windows > before) {
        v->pulled = 0;
        measure_window(s, v, (uint32_t)(v->windows - before), a->now_ms);
    }
    answer(c, a, s, v, mdl_orchestra_after(s->orchestra, (mdl_place_in){m->life, m->window}));
    if (mdl_orchestra_disputed(s->orchestra) && !s->replaying) {
        mdl_stage_dispute(c, s, a->now_ms);
    } else if (moved) {
        on_moved(c, s, a->now_ms);
    }
}

void mdl_stage_snapshot(mdl_coordinator *c, const mdl_asked *a) {
    const mdl_msg_snapshot *m = &a->message->as.snapshot;
    mdl_stage *s;
    mdl_voice *v = find_part(c, a, m->lease, &s);
    if (!v) {
        return;
    }
    MDL_ASSERT(a->blob);
    v->pulled = 0;
    mdl_err err = mdl_orchestra_snapshot(s->orchestra, v, m, a->blob->bytes, a->blob->size);
    if (err == MDL_ENOMEM) {
        mdl_coordinator_reject(c, a, MDL_REASON_BUSY, 1000, 0, "no room for a state");
    } else if (err != MDL_OK && m->life >= mdl_orchestra_now(s->orchestra).life) {
        mdl_coordinator_reject(c, a, MDL_REASON_OUT_OF_RANGE, 0, 0, "no state that was asked for");
    } else if (err == MDL_OK && mdl_share_moves(c, s, v, a->now_ms)) {
        mdl_coordinator_reject(c, a, MDL_REASON_LEASE_EXPIRED, 0, 1, NULL);
    } else {
        mdl_serve_ping(c, a);
    }
}

int mdl_stage_blob(const mdl_coordinator *c, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes,
                   size_t *size) {
    for (uint32_t i = 0; c->shards && i < c->shards->stages; i++) {
        if (mdl_orchestra_blob(c->shards->stage[i].orchestra, digest, bytes, size)) {
            return 1;
        }
    }
    return 0;
}

/* ---- results ---- */

void mdl_stage_result(mdl_coordinator *c, const mdl_asked *a) {
    const mdl_msg_shardresult *m = &a->message->as.shardresult;
    const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, m->lease);
    uint8_t root[MDL_DIGEST_BYTES];
    mdl_breach breach;
    if (!l || l->worker != a->worker || l->shards == 0) {
        mdl_coordinator_reject(c, a, MDL_REASON_NO_LEASE, 0, 0, NULL);
        return;
    }
    if (l->state == MDL_LEASE_DONE) {
        mdl_coordinator_give_receipt(c, a, l->result); /* its receipt was lost */
        return;
    }
    mdl_stage *s = mdl_stage_of(c, l->first);
    mdl_voice *v = s ? mdl_orchestra_find(s->orchestra, m->lease) : NULL;
    if (!v || l->state != MDL_LEASE_OPEN) {
        mdl_coordinator_reject(c, a, MDL_REASON_LEASE_EXPIRED, 0, 1, NULL);
        return;
    }
    v->heard_ms = a->now_ms;
    if (!mdl_orchestra_over(s->orchestra) || v->next.life != mdl_orchestra_lives(s->orchestra)) {
        mdl_coordinator_reject(c, a, MDL_REASON_LEASE_MISMATCH, 0, 0, "the job is not over");
        return;
    }
    if (!c->storage_ok) {
        mdl_coordinator_reject(c, a, MDL_REASON_DISK_FULL, 1000, 0, NULL);
        return;
    }
    uint32_t windows = mdl_orchestra_root(s->orchestra, v, root);
    uint64_t record = mdl_ledger_size(c->ledger);
    if (m->windows != windows || memcmp(m->root, root, sizeof root) != 0) {
        mdl_coordinator_reject(c, a, MDL_REASON_BAD_COMMIT, 0, 0, "the root is not that of its windows");
        mdl_stage_end(c, s, m->lease, MDL_REASON_REVOKED, a->now_ms);
        return;
    }
    mdl_rule rule = mdl_coordinator_append(c, a, &breach);
    if (rule != MDL_RULE_OK) {
        mdl_coordinator_reject(c, a, rule == MDL_RULE_NOMEM ? MDL_REASON_INTERNAL : MDL_REASON_OUT_OF_RANGE,
                               rule == MDL_RULE_NOMEM ? 1000 : 0, 0, breach.text);
        if (rule != MDL_RULE_NOMEM) {
            mdl_stage_end(c, s, m->lease, MDL_REASON_REVOKED, a->now_ms);
        }
        return;
    }
    v->done = 1;
    c->results++;
    mdl_share_measured(c, a->worker, m->updates, m->busy_ms);
    c->shards->busy_ms += m->busy_ms;
    c->shards->held_ms += a->now_ms - s->opened_ms;
    c->shards->played += v->played;
    mdl_coordinator_give_receipt(c, a, record);
    mdl_stage_join(c, s, a->now_ms);
}
