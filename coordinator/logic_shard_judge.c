/* Sharded jobs: shards that differ, and answers that a check contradicts.
 * PROTOCOL section 12.7. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/logic_shard.h"
#include "core/assert.h"

/* ---- two of one shard differ ---- */

void mdl_stage_dispute(mdl_coordinator *c, mdl_stage *s, uint64_t now_ms) {
    mdl_shard_replay r;
    mdl_place_in at;
    uint32_t shard;
    const mdl_claim *claim;
    (void)now_ms;
    if (s->replaying || !c->io.replay || mdl_orchestra_replay(s->orchestra, &r) != MDL_OK) {
        return; /* the next tick tries again */
    }
    mdl_orchestra_claims(s->orchestra, &claim, &at, &shard);
    mdl_coordinator_log(c, "dispute", NULL,
                        "leases %" PRIu64 " and %" PRIu64 " differ: shard %" PRIu32 " of job %" PRIu32 ", life %" PRIu32
                        ", window %" PRIu32,
                        claim[0].lease, claim[1].lease, shard, r.job, at.life, at.window);
    s->replaying = 1;
    c->shards->threads++;
    c->io.replay(c->io.ctx, &r);
}

/* Bans a shard's worker; the record says why. 0: it could not be written. */
static int convict(mdl_coordinator *c, mdl_message *m, uint64_t now_ms) {
    const mdl_ledger_worker *w;
    const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, m->as.shardverdict.lease);
    uint64_t record = mdl_ledger_size(c->ledger);
    uint32_t worker = l->worker;
    if (!mdl_coordinator_record(c, m)) {
        return 0;
    }
    c->verdicts++;
    mdl_ledger_workers(c->ledger, &w);
    mdl_coordinator_log(c, "verdict", w[worker].key,
                        "convicted by record %" PRIu64 ": shard of job %" PRIu32 ", life %" PRIu32 ", window %" PRIu32
                        "; %" PRIu64 " updates are forfeited",
                        record, m->as.shardverdict.job, m->as.shardverdict.life, m->as.shardverdict.window,
                        w[worker].forfeited);
    mdl_verify_leave(c, worker, record, now_ms);
    mdl_stage_follow(c, now_ms);
    c->late_ms = 0; /* jobs may be open again */
    c->voided = 1;
    return 1;
}

static int is_open_to_verdict(const mdl_coordinator *c, uint64_t lease) {
    const mdl_ledger_worker *w;
    const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, lease);
    mdl_ledger_workers(c->ledger, &w);
    return l && w[l->worker].verdict == 0;
}

/* Without the windows of the convict's other leases. Returns how many numbers are left. */
static uint32_t without(const mdl_coordinator *c, uint64_t *spent, uint32_t count, uint64_t convict_lease) {
    const mdl_ledger_worker *w;
    uint32_t kept = 0, convict = mdl_ledger_lease_find(c->ledger, convict_lease)->worker;
    mdl_ledger_workers(c->ledger, &w);
    for (uint32_t i = 0; i + 1 < count; i += 2) {
        const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, spent[i]);
        if (l && l->state == MDL_LEASE_OPEN && w[l->worker].line != w[convict].line) {
            spent[kept++] = spent[i];
            spent[kept++] = spent[i + 1];
        }
    }
    return kept;
}

/* Writes a verdict on each claim that is not right; `spent` goes with the one that was used. None on a claim that is
 * what the job gives, on inputs that were false: it did not follow them, but the inputs are not in the ledger, and
 * whoever plays the job would find the verdict false. */
static void judge_claims(mdl_coordinator *c, mdl_stage *s, const mdl_shard_replay *r, uint64_t now_ms) {
    static const uint8_t zero[MDL_DIGEST_BYTES];
    mdl_orchestra *o = s->orchestra;
    uint64_t spent[MDL_LIST_MAX];
    const mdl_claim *claim;
    mdl_place_in at;
    const uint8_t *right = r->right;
    uint32_t job = mdl_orchestra_job(o), claims = mdl_orchestra_claims(o, &claim, &at, NULL);
    int verifies = memcmp(right, zero, sizeof zero) != 0;
    /* Room for them all: replicas and copies of each shard are few. */
    uint32_t count = 2 * mdl_orchestra_parts(o) <= MDL_LIST_MAX ? mdl_orchestra_spent(o, right, spent) : 0;
    for (uint32_t i = 0; i < claims && !c->failed; i++) {
        mdl_message m;
        if (memcmp(claim[i].commit, right, MDL_DIGEST_BYTES) == 0) {
            continue;
        }
        int is_truth = memcmp(claim[i].commit, r->truth, MDL_DIGEST_BYTES) == 0;
        if (!verifies || is_truth || !claim[i].envelope || !is_open_to_verdict(c, claim[i].lease)) {
            mdl_stage_end(c, s, claim[i].lease, MDL_REASON_REVOKED, now_ms);
            continue;
        }
        memset(&m, 0, sizeof m);
        count = without(c, spent, count, claim[i].lease);
        m.type = MDL_MSG_SHARDVERDICT;
        m.as.shardverdict =
            (mdl_msg_shardverdict){.generation = mdl_evolution_generation(mdl_ledger_evolution(c->ledger)),
                                   .job = job,
                                   .lease = claim[i].lease,
                                   .life = at.life,
                                   .window = at.window,
                                   .spent = {i == 0 ? count : 0, spent}};
        memcpy(m.as.shardverdict.right, right, MDL_DIGEST_BYTES);
        mdl_digest_of(claim[i].envelope, claim[i].envelope_size, m.as.shardverdict.evidence);
        c->io.put_blob(c->io.ctx, m.as.shardverdict.evidence, claim[i].envelope, claim[i].envelope_size);
        convict(c, &m, now_ms);
    }
}

/* Results that rest on what was false are given up. */
static void give_up_results(mdl_coordinator *c, mdl_stage *s, uint64_t now_ms) {
    for (uint32_t i = 0; i < mdl_orchestra_parts(s->orchestra) && !c->failed;) {
        const mdl_voice *v = mdl_orchestra_part(s->orchestra, i);
        if (v->done) {
            mdl_stage_end(c, s, v->lease, MDL_REASON_OVERTAKEN, now_ms);
        } else {
            i++;
        }
    }
}

void mdl_coordinator_replayed(mdl_coordinator *c, const mdl_shard_replay *r, uint64_t now_ms) {
    const mdl_claim *claim = NULL;
    mdl_place_in at = {0, 0};
    uint32_t disputed = 0, job = r->job;
    MDL_ASSERT(c->shards && c->shards->threads > 0);
    c->shards->threads--;
    mdl_stage *s = mdl_stage_of(c, job);
    if (s && s->replaying && mdl_orchestra_disputed(s->orchestra)) {
        mdl_orchestra_claims(s->orchestra, &claim, &at, &disputed);
    }
    if (!s || !s->replaying || !mdl_orchestra_disputed(s->orchestra) || at.life != r->life || disputed != r->shard ||
        c->failed) {
        return; /* the job was given up meanwhile */
    }
    s->replaying = 0;
    if (!c->storage_ok) {
        return; /* a tick asks again */
    }
    MDL_ASSERT(claim); /* a dispute is between claims */
    int used_is_right = memcmp(claim[0].commit, r->right, MDL_DIGEST_BYTES) == 0;
    judge_claims(c, s, r, now_ms);
    if (c->failed) {
        return;
    }
    if (!used_is_right) {
        give_up_results(c, s, now_ms);
        s->over_ms = 0;
    }
    if (mdl_orchestra_settle(s->orchestra, r->right) != MDL_OK) {
        mdl_coordinator_log(c, "memory", NULL, "job %" PRIu32 " is begun again: out of memory", job);
        mdl_stage_abandon(c, s, MDL_REASON_OVERTAKEN, now_ms);
        return;
    }
    s->moved_ms = now_ms;
    if (mdl_orchestra_over(s->orchestra)) {
        s->over_ms = s->over_ms > 0 ? s->over_ms : now_ms;
    }
    mdl_stage_wake(c, s, now_ms);
    mdl_stage_join(c, s, now_ms);
    mdl_coordinator_advance(c, now_ms);
}

/* ---- a check contradicts what shards add up to ---- */

/* The digests that the results of a joined job end with, by region. */
static int ends_of(const mdl_coordinator *c, uint32_t job, uint8_t (*region)[MDL_DIGEST_BYTES]) {
    const mdl_experiment *x = mdl_stage_experiment(c);
    uint32_t owner[MDL_REGIONS_MAX], count;
    const uint64_t *party = mdl_duty_party(mdl_ledger_duty(c->ledger), job, &count);
    for (uint32_t i = 0; i < count; i++) {
        const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, party[i]);
        mdl_balanced_cut(&x->network, l->shards, owner);
        for (uint32_t r = 0, k = 0; r < x->network.regions; r++) {
            if (owner[r] == l->shard) {
                memcpy(region[r], l->regions[k++], MDL_DIGEST_BYTES);
            }
        }
    }
    return count > 0;
}

int mdl_stage_search(mdl_coordinator *c, uint32_t job, uint8_t transcript[MDL_DIGEST_BYTES]) {
    uint8_t region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES];
    if (!c->io.find || mdl_ledger_joined(c->ledger, job, transcript) == 0 || !ends_of(c, job, region)) {
        return 0;
    }
    c->io.find(c->io.ctx, job, transcript, (const uint8_t(*)[MDL_DIGEST_BYTES])region);
    return 1;
}

void mdl_stage_accuse(mdl_coordinator *c, uint32_t job, const uint8_t transcript[MDL_DIGEST_BYTES],
                      const mdl_transcript_fault *fault, uint64_t now_ms) {
    uint32_t count, accused = 0, generation = mdl_evolution_generation(mdl_ledger_evolution(c->ledger));
    uint64_t leases[MDL_LIST_MAX];
    uint8_t present[MDL_DIGEST_BYTES];
    if (!fault->found || c->failed || !c->storage_ok || mdl_ledger_joined(c->ledger, job, present) == 0 ||
        memcmp(present, transcript, sizeof present) != 0) {
        return; /* nothing, or the job was played again meanwhile */
    }
    const uint64_t *party = mdl_duty_party(mdl_ledger_duty(c->ledger), job, &count);
    count = count < MDL_LIST_MAX ? count : MDL_LIST_MAX;
    memcpy(leases, party, count * sizeof *leases); /* verdicts change the duty */
    for (uint32_t i = 0; i < count && !c->failed; i++) {
        const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, leases[i]);
        mdl_message m;
        /* The window may be another's, whose lease ended without a result. */
        if (!l || l->shard != fault->shard || !is_open_to_verdict(c, leases[i]) ||
            !mdl_ledger_has_window(c->ledger, leases[i], job, fault->life, fault->window)) {
            continue;
        }
        memset(&m, 0, sizeof m);
        m.type = MDL_MSG_SHARDVERDICT;
        m.as.shardverdict = (mdl_msg_shardverdict){
            .generation = generation, .job = job, .lease = leases[i], .life = fault->life, .window = fault->window};
        memcpy(m.as.shardverdict.right, fault->right, MDL_DIGEST_BYTES);
        accused += (uint32_t)convict(c, &m, now_ms);
    }
    if (accused == 0) {
        mdl_coordinator_log(c, "verdict", NULL,
                            "shard %" PRIu32 " of job %" PRIu32 ", life %" PRIu32 ", window %" PRIu32
                            " was false; who ran it has no result to answer for",
                            fault->shard, job, fault->life, fault->window);
    }
}
