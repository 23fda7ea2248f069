/* Sharded jobs: each worker its share of the shards, by its threads, their speed
 * and its memory. A shard that another should have is kept for it a while; who has too
 * many gives up those that it has hardly begun. PROTOCOL section 12.4. */
#include <inttypes.h>

#include "coordinator/logic_shard.h"

enum {
    EXPECTED_MS = 1000,  /* who asked for shards so lately asks again                   */
    HUNGRY_MS = 2000,    /* who has had too little for so long gets one that is begun   */
    YOUNG_MS = 60000,    /* only leases of this age are given up: their work is lost    */
    SPEED_FACTOR_MAX = 4 /* what a worker says about itself counts so much, either way */
};

/* ---- what is known ---- */

/* How many shards each worker plays. */
static void count_shards(mdl_coordinator *c) {
    for (uint32_t i = 0; i < c->peers; i++) {
        c->peer[i].shards = 0;
    }
    for (uint32_t i = 0; i < c->shards->stages; i++) {
        mdl_orchestra *o = c->shards->stage[i].orchestra;
        for (uint32_t k = 0; k < mdl_orchestra_parts(o); k++) {
            const mdl_voice *v = mdl_orchestra_part(o, k);
            c->peer[v->worker].shards += !v->done;
        }
    }
}

void mdl_share_asked(mdl_coordinator *c, const mdl_asked *a) {
    mdl_peer *p = &c->peer[a->worker];
    double sum = 0;
    uint32_t known = 0;
    c->shards->anothers = 0;
    p->share_ms = a->now_ms;
    p->share_room = a->message->as.want.memory;
    count_shards(c);
    for (uint32_t i = 0; i < c->peers; i++) {
        sum += c->peer[i].shard_speed;
        known += c->peer[i].shard_speed > 0;
    }
    c->shards->mean_speed = known > 0 ? sum / known : 0;
}

void mdl_share_measured(mdl_coordinator *c, uint32_t worker, uint64_t updates, uint64_t busy_ms) {
    mdl_peer *p = &c->peer[worker];
    double speed = (double)updates / (double)(busy_ms > 0 ? busy_ms : 1);
    p->shard_speed = p->shard_speed > 0 ? 0.8 * p->shard_speed + 0.2 * speed : speed;
}

/* What a worker can do beside the others. */
static double weight(const mdl_coordinator *c, uint32_t worker) {
    const mdl_peer *p = &c->peer[worker];
    double factor = p->shard_speed > 0 && c->shards->mean_speed > 0 ? p->shard_speed / c->shards->mean_speed : 1;
    factor = factor > SPEED_FACTOR_MAX        ? SPEED_FACTOR_MAX
             : factor < 1. / SPEED_FACTOR_MAX ? 1. / SPEED_FACTOR_MAX
                                              : factor;
    return (p->threads > 0 ? p->threads : 1) * factor;
}

/* Whether a worker that asks is as likely to ask again, with room for so much. */
static int is_expected(const mdl_peer *p, uint64_t bytes, uint64_t now_ms) {
    return p->open && !p->left && p->share_ms > 0 && now_ms - p->share_ms < EXPECTED_MS && p->share_room >= bytes;
}

static int plays(mdl_stage *s, uint32_t worker, uint32_t shard) {
    for (uint32_t i = 0; i < mdl_orchestra_parts(s->orchestra); i++) {
        const mdl_voice *v = mdl_orchestra_part(s->orchestra, i);
        if (v->worker == worker && (shard == UINT32_MAX || v->shard == shard)) {
            return 1;
        }
    }
    return 0;
}

static uint64_t bytes_of(const mdl_coordinator *c, const mdl_stage *s, uint32_t shard) {
    return mdl_player_bytes(mdl_stage_experiment(c), mdl_orchestra_owner(s->orchestra), shard);
}

void mdl_share_given(mdl_coordinator *c, const mdl_stage *s, uint32_t shard, uint32_t worker) {
    mdl_peer *p = &c->peer[worker];
    uint64_t bytes = bytes_of(c, s, shard);
    p->share_room -= bytes < p->share_room ? bytes : p->share_room;
    p->hungry_ms = 0;
    p->shards++;
}

/* ---- who ---- */

/* What a worker would have to do with one more, of this job rather one that has none of it. The least is served
 * first, so of all who ask there is always one whose turn it is. */
static double load_with(const mdl_coordinator *c, mdl_stage *s, uint32_t worker) {
    return (c->peer[worker].shards + (s && plays(s, worker, UINT32_MAX) ? 1.5 : 1)) / weight(c, worker);
}

int mdl_share_is_for(mdl_coordinator *c, mdl_stage *s, uint32_t shard, uint64_t bytes, uint32_t worker,
                     uint64_t now_ms) {
    double mine = load_with(c, s, worker);
    for (uint32_t i = 0; i < c->peers; i++) {
        if (i != worker && is_expected(&c->peer[i], bytes, now_ms) && !(s && plays(s, i, shard)) &&
            load_with(c, s, i) < mine) {
            c->shards->anothers = 1;
            return 0;
        }
    }
    return 1;
}

/* Whether the part could be another's, who has less. */
static int is_movable(mdl_coordinator *c, mdl_stage *s, const mdl_voice *v, uint32_t to, uint64_t now_ms) {
    const mdl_peer *p = &c->peer[v->worker], *q = &c->peer[to];
    uint8_t ignored[MDL_DIGEST_BYTES];
    if (to == v->worker || v->done || p->shards == 0 || now_ms - v->begun_ms >= YOUNG_MS ||
        mdl_orchestra_disputed(s->orchestra) || !is_expected(q, bytes_of(c, s, v->shard), now_ms) ||
        (p->shards - 1) * weight(c, to) < (q->shards + 1) * weight(c, v->worker)) {
        return 0;
    }
    for (uint32_t i = 0; i < mdl_orchestra_parts(s->orchestra); i++) {
        const mdl_voice *u = mdl_orchestra_part(s->orchestra, i);
        if (u != v && u->shard == v->shard) {
            return 0; /* two at it already */
        }
    }
    mdl_place_in from = mdl_orchestra_begin(s->orchestra, v->shard, ignored);
    return !mdl_place_before(from, v->next) && !mdl_place_before(v->next, from);
}

static void give_up(mdl_coordinator *c, mdl_stage *s, const mdl_voice *v, uint32_t to, uint64_t now_ms) {
    const mdl_ledger_worker *w;
    mdl_ledger_workers(c->ledger, &w);
    mdl_coordinator_log(c, "move", w[to].key,
                        "shard %" PRIu32 " of job %" PRIu32 " goes to a worker that has less to do", v->shard,
                        mdl_orchestra_job(s->orchestra));
    c->peer[v->worker].shards--; /* it was counted: this part is one of them */
    c->peer[to].hungry_ms = 0;   /* one at a time */
    mdl_stage_end(c, s, v->lease, MDL_REASON_OVERTAKEN, now_ms);
}

int mdl_share_moves(mdl_coordinator *c, mdl_stage *s, const mdl_voice *v, uint64_t now_ms) {
    uint32_t to = c->shards->hungry;
    if (to >= c->peers || c->peer[to].hungry_ms == 0 || now_ms - c->peer[to].hungry_ms < HUNGRY_MS ||
        !is_movable(c, s, v, to, now_ms)) {
        return 0;
    }
    give_up(c, s, v, to, now_ms);
    return 1;
}

int mdl_share_empty_handed(mdl_coordinator *c, uint32_t worker, uint64_t now_ms) {
    mdl_stage *from = NULL;
    uint64_t lease = 0;
    double most = 0;
    if (c->peer[worker].hungry_ms == 0) {
        c->peer[worker].hungry_ms = now_ms;
    }
    c->shards->hungry = worker;
    for (uint32_t i = 0; i < c->shards->stages; i++) {
        mdl_stage *s = &c->shards->stage[i];
        for (uint32_t k = 0; k < mdl_orchestra_parts(s->orchestra); k++) {
            const mdl_voice *v = mdl_orchestra_part(s->orchestra, k);
            double load = c->peer[v->worker].shards / weight(c, v->worker);
            load += plays(s, worker, UINT32_MAX) ? 0 : 0.25; /* rather of a job that it has nothing of yet */
            if (v->windows == 0 && load > most && is_movable(c, s, v, worker, now_ms)) {
                most = load;
                from = s;
                lease = v->lease;
            }
        }
    }
    if (!from) {
        return 0;
    }
    give_up(c, from, mdl_orchestra_find(from->orchestra, lease), worker, now_ms);
    return 1;
}
