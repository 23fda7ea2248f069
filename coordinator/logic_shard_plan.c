/* Sharded jobs: into how many shards, who gets which, and what is done about
 * late ones. PROTOCOL section 12.4. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/logic_shard.h"
#include "core/assert.h"
#include "protocol/grow.h"

enum {
    LATE_MS_MIN = 500,                 /* nobody is late earlier                           */
    LATE_WINDOWS = 6,                  /* nor while others wait for fewer windows          */
    ORPHAN_MS = 2 * MDL_SHARD_POLL_MS, /* a worker that goes on with a shard in a new session has said so by then */
    LACK_MS = 3000,                    /* a job without a player gets one of a younger job's workers after this */
    UNKNOWN_MS = 120000                /* a first window may take this long                */
};

/* ---- how many ---- */

static uint64_t largest_shard(const mdl_experiment *x, uint32_t shards) {
    uint32_t owner[MDL_REGIONS_MAX];
    uint64_t most = 1;
    mdl_balanced_cut(&x->network, shards, owner);
    for (uint32_t s = 0; s < shards; s++) {
        uint64_t bytes = mdl_player_bytes(x, owner, s);
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* Shards of this many bytes that fit into the workers which are here. */
static uint64_t places(const mdl_coordinator *c, uint64_t bytes) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < c->peers; i++) {
        if (c->peer[i].open && !c->peer[i].left) {
            sum += c->peer[i].memory / bytes;
        }
    }
    return sum;
}

/* The fewest shards with which a network fits, and as many as give every thread something to do. */
uint32_t mdl_stage_count(const mdl_coordinator *c, int *whole) {
    const mdl_experiment *x = mdl_stage_experiment(c);
    uint32_t shards = 1, threads = 0, jobs = c->jobs > 0 ? c->jobs : 1;
    *whole = 0;
    if (x->sharding.shards > 0) {
        return x->sharding.shards;
    }
    for (uint32_t i = 0; i < c->peers; i++) {
        threads += c->peer[i].open && !c->peer[i].left ? c->peer[i].threads : 0;
    }
    while (shards < x->network.regions && places(c, largest_shard(x, shards)) < shards) {
        shards++;
    }
    if (threads / jobs > shards) {
        shards = threads / jobs < x->network.regions ? threads / jobs : x->network.regions;
    }
    *whole = shards == 1;
    return shards;
}

/* ---- who ---- */

int mdl_stage_is_late(const mdl_stage *s, const mdl_voice *v, uint64_t now_ms) {
    double late_ms = LATE_MS_MIN + LATE_WINDOWS * s->window_ms;
    if (v->done || !mdl_orchestra_lacks(s->orchestra, v->shard) || s->window_ms <= 0) {
        return v->orphan && now_ms - v->heard_ms >= LATE_MS_MIN;
    }
    uint64_t since = s->moved_ms > v->handed_ms ? s->moved_ms : v->handed_ms;
    return (double)(now_ms - since) >= (v->orphan ? LATE_MS_MIN : late_ms);
}

/* Whether the worker has a part of this shard, or its owner one where owners must differ. */
typedef struct company {
    uint32_t there, owners; /* parts that are not late; their owners */
    int late, mine, same_owner;
} company;

static company look_at(mdl_stage *s, uint32_t shard, uint32_t worker, uint32_t owner, uint64_t now_ms) {
    company k = {0, 0, 0, 0, 0};
    mdl_orchestra *o = s->orchestra;
    for (uint32_t i = 0; i < mdl_orchestra_parts(o); i++) {
        const mdl_voice *v = mdl_orchestra_part(o, i);
        if (v->shard != shard) {
            continue;
        }
        k.mine |= v->worker == worker;
        if (v->orphan && now_ms - v->heard_ms >= LATE_MS_MIN) {
            continue; /* as good as gone */
        }
        k.same_owner |= v->owner == owner;
        if (mdl_stage_is_late(s, v, now_ms)) {
            k.late++;
            continue;
        }
        int seen = 0;
        for (uint32_t j = 0; j < i; j++) {
            const mdl_voice *u = mdl_orchestra_part(o, j);
            seen |= u->shard == shard && u->owner == v->owner && !mdl_stage_is_late(s, u, now_ms);
        }
        k.there++;
        k.owners += !seen;
    }
    return k;
}

typedef struct opening {
    mdl_stage *stage;
    uint32_t shard;
} opening;

/* The first shard that this worker may have: of the oldest job that somebody is missing for and that is not another's,
 * then one whose players are late, then one that has too few replicas. */
static int find_opening(mdl_coordinator *c, const mdl_asked *a, opening *out) {
    const mdl_experiment *x = mdl_stage_experiment(c);
    const mdl_ledger_worker *w;
    mdl_ledger_workers(c->ledger, &w);
    uint32_t owner = w[a->worker].owner_number;
    uint64_t memory = a->message->as.want.memory;
    for (int pass = 0; pass < 3; pass++) {
        for (uint32_t i = 0; i < c->shards->stages; i++) {
            mdl_stage *s = &c->shards->stage[i];
            mdl_orchestra *o = s->orchestra;
            for (uint32_t shard = 0; shard < mdl_orchestra_shards(o); shard++) {
                company k = look_at(s, shard, a->worker, owner, a->now_ms);
                int wanted = pass == 0   ? k.there == 0 && k.late == 0
                             : pass == 1 ? k.there == 0 && k.late == 1
                                         : k.owners < x->sharding.replicas && !k.same_owner && k.late == 0;
                uint64_t bytes = wanted && !k.mine ? mdl_player_bytes(x, mdl_orchestra_owner(o), shard) : UINT64_MAX;
                int fair = k.there > 0 || k.late > 0 || mdl_share_is_for(c, s, shard, bytes, a->worker, a->now_ms);
                if (bytes <= memory && fair) {
                    *out = (opening){s, shard};
                    return 1;
                }
            }
        }
    }
    return 0;
}

/* Whether every shard of every job has a player: else no other job is begun. */
static int all_played(mdl_coordinator *c) {
    for (uint32_t i = 0; i < c->shards->stages; i++) {
        mdl_orchestra *o = c->shards->stage[i].orchestra;
        for (uint32_t shard = 0; shard < mdl_orchestra_shards(o); shard++) {
            int any = 0;
            for (uint32_t k = 0; k < mdl_orchestra_parts(o); k++) {
                any |= mdl_orchestra_part(o, k)->shard == shard;
            }
            if (!any) {
                return 0;
            }
        }
    }
    return 1;
}

static mdl_stage *open_stage(mdl_coordinator *c, uint32_t shards, uint32_t worker, uint64_t now_ms) {
    struct mdl_shards *all = c->shards;
    mdl_duty_choice fresh = mdl_duty_first_fresh(mdl_ledger_duty(c->ledger));
    if (fresh.most == 0 || all->stages == MDL_STAGES_MAX || !all_played(c) ||
        !mdl_share_is_for(c, NULL, 0, largest_shard(mdl_stage_experiment(c), shards), worker, now_ms) ||
        !mdl_list_grow_zeroed(&all->stage, &all->stages_room, all->stages + 1, sizeof *all->stage)) {
        return NULL;
    }
    mdl_orchestra *o = mdl_orchestra_new(mdl_stage_experiment(c), mdl_ledger_evolution(c->ledger), fresh.first, shards);
    if (!o) {
        return NULL;
    }
    uint64_t kept = 0;
    for (uint32_t i = 0; i < all->stages; i++) {
        kept += mdl_orchestra_kept(all->stage[i].orchestra);
    }
    mdl_orchestra_keep_most(o, all->states > kept ? all->states - kept : 0);
    mdl_stage *s = &all->stage[all->stages++];
    *s = (mdl_stage){.orchestra = o, .opened_ms = now_ms, .moved_ms = now_ms};
    return s;
}

/* How long a part may say nothing. */
static uint64_t silent_ms(const mdl_stage *s) {
    double most = s->window_ms > 0 ? 20 * s->window_ms : UNKNOWN_MS;
    uint64_t ms = most > 1e9 ? 1000000000 : (uint64_t)most;
    return ms > MDL_SHARD_SILENT_MS ? ms : MDL_SHARD_SILENT_MS;
}

/* The lease, its record and the reply. 0: it could not be. */
static int give(mdl_coordinator *c, const mdl_asked *a, mdl_stage *s, uint32_t shard) {
    const mdl_ledger_worker *w;
    mdl_message m;
    mdl_orchestra *o = s->orchestra;
    uint8_t snapshot[MDL_DIGEST_BYTES];
    mdl_place_in at = mdl_orchestra_begin(o, shard, snapshot);
    uint64_t lease = mdl_ledger_next_lease(c->ledger);
    uint32_t generation = mdl_evolution_generation(mdl_ledger_evolution(c->ledger));
    mdl_ledger_workers(c->ledger, &w);
    if (mdl_orchestra_add(o, lease, shard, a->worker, w[a->worker].owner_number) != MDL_OK) {
        return 0;
    }
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_SHARDLEASE;
    m.as.shardlease = (mdl_msg_shardlease){.lease = lease,
                                           .generation = generation,
                                           .job = mdl_orchestra_job(o),
                                           .shard = shard,
                                           .shards = mdl_orchestra_shards(o),
                                           .life = at.life,
                                           .window = at.window};
    memcpy(m.as.shardlease.worker, w[a->worker].key, MDL_KEY_BYTES);
    if (!mdl_coordinator_record(c, &m) || !mdl_work_note_shard(c, a->now_ms)) {
        mdl_orchestra_remove(o, lease);
        return 0;
    }
    mdl_voice *v = mdl_orchestra_find(o, lease);
    mdl_share_given(c, s, shard, a->worker);
    v->begun_ms = v->heard_ms = v->handed_ms = a->now_ms;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_SHARDGRANT;
    m.as.shardgrant = (mdl_msg_shardgrant){.lease = lease,
                                           .generation = generation,
                                           .job = mdl_orchestra_job(o),
                                           .shard = shard,
                                           .shards = mdl_orchestra_shards(o),
                                           .life = at.life,
                                           .window = at.window,
                                           .deadline_ms = silent_ms(s)};
    memcpy(m.as.shardgrant.snapshot, snapshot, sizeof snapshot);
    mdl_coordinator_say(c, a, &m, 1, NULL, 0);
    return 1;
}

int mdl_stage_whole(const mdl_coordinator *c) {
    int whole = 1;
    if (c->shards) {
        mdl_stage_count(c, &whole);
    }
    return whole;
}

/* An opening for this worker, of a job that is begun now if there is no other. */
static int find_or_open(mdl_coordinator *c, const mdl_asked *a, int whole, uint32_t shards, opening *at) {
    if (a->message->as.want.memory == 0) {
        return 0;
    }
    if (find_opening(c, a, at)) {
        return 1;
    }
    mdl_stage *s = whole ? NULL : open_stage(c, shards, a->worker, a->now_ms);
    if (!s) {
        return 0;
    }
    if (!find_opening(c, a, at)) { /* too large for this worker */
        mdl_stage_abandon(c, s, MDL_REASON_OVERTAKEN, a->now_ms);
        return 0;
    }
    return 1;
}

mdl_shard_given mdl_stage_want(mdl_coordinator *c, const mdl_asked *a) {
    opening at;
    int whole = 1;
    if (!c->shards) {
        return MDL_SHARD_ORDINARY;
    }
    uint32_t shards = mdl_stage_count(c, &whole), copies = 0;
    if (c->peer[a->worker].memory > 0 && a->message->as.want.memory >= c->peer[a->worker].memory) {
        mdl_stage_revoke(c, a->worker, MDL_REASON_LEFT); /* it holds nothing: it was killed, and has begun again */
    }
    mdl_share_asked(c, a);
    int found = find_or_open(c, a, whole, shards, &at);
    if (!found && !whole && a->message->as.want.memory > 0 && mdl_share_empty_handed(c, a->worker, a->now_ms)) {
        found = find_or_open(c, a, whole, shards, &at);
    }
    if (!found) {
        return whole ? MDL_SHARD_ORDINARY : c->shards->anothers ? MDL_SHARD_SOON : MDL_SHARD_NOTHING;
    }
    for (uint32_t i = 0; i < mdl_orchestra_parts(at.stage->orchestra); i++) {
        copies += mdl_orchestra_part(at.stage->orchestra, i)->shard == at.shard;
    }
    if (copies > 0) {
        mdl_coordinator_log(c, "copy", a->envelope->key, "shard %" PRIu32 " of job %" PRIu32 " is given out again",
                            at.shard, mdl_orchestra_job(at.stage->orchestra));
    }
    if (!give(c, a, at.stage, at.shard)) {
        mdl_coordinator_reject(c, a, MDL_REASON_INTERNAL, 1000, 0, NULL);
    }
    return MDL_SHARD_GIVEN;
}

/* ---- time ---- */

static void end_silent(mdl_coordinator *c, mdl_stage *s, uint64_t now_ms) {
    for (uint32_t i = 0; i < mdl_orchestra_parts(s->orchestra) && !c->failed;) {
        const mdl_voice *v = mdl_orchestra_part(s->orchestra, i);
        if (!v->done && now_ms - v->heard_ms >= (v->orphan ? ORPHAN_MS : silent_ms(s))) {
            mdl_stage_end(c, s, v->lease, MDL_REASON_DEADLINE, now_ms);
        } else {
            i++;
        }
    }
}

/* Whether a shard of the job has nobody. */
static int lacks_player(mdl_stage *s) {
    mdl_orchestra *o = s->orchestra;
    for (uint32_t shard = 0; shard < mdl_orchestra_shards(o); shard++) {
        int any = 0;
        for (uint32_t k = 0; k < mdl_orchestra_parts(o); k++) {
            any |= mdl_orchestra_part(o, k)->shard == shard;
        }
        if (!any) {
            return 1;
        }
    }
    return 0;
}

void mdl_stage_tick(mdl_coordinator *c, uint64_t now_ms) {
    struct mdl_shards *all = c->shards;
    if (!all) {
        return;
    }
    mdl_stage_poll(c, now_ms);
    int starves = 0;
    for (uint32_t i = 0; i < all->stages && !c->failed;) {
        mdl_stage *s = &all->stage[i];
        uint32_t stages = all->stages;
        end_silent(c, s, now_ms);
        if (mdl_orchestra_disputed(s->orchestra)) {
            mdl_stage_dispute(c, s, now_ms);
        }
        if (s->over_ms > 0) {
            mdl_stage_join(c, s, now_ms); /* may close it, and the generation */
        }
        if (all->stages == stages) {
            s = &all->stage[i];
            s->lacked_ms = !lacks_player(s) ? 0 : s->lacked_ms ? s->lacked_ms : now_ms;
            starves |= i + 1 < all->stages && s->lacked_ms > 0 && now_ms - s->lacked_ms >= LACK_MS;
            i++;
        }
    }
    if (starves && all->stages > 1 && !c->failed) { /* the youngest makes room */
        mdl_stage *s = &all->stage[all->stages - 1];
        mdl_coordinator_log(c, "abandon", NULL, "job %" PRIu32 " is given up for older ones that lack a worker",
                            mdl_orchestra_job(s->orchestra));
        mdl_stage_abandon(c, s, MDL_REASON_OVERTAKEN, now_ms);
    }
}
