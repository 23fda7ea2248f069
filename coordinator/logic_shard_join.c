/* Sharded jobs: the end of one. Whose results are taken, and what they add up to. PROTOCOL sections 12.5 and 12.7. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/logic_shard.h"

/* Leases that are done, in order of shard and number: of each shard as many as there are replicas, of different owners.
 * *owners: how many each shard has, at least. */
static uint32_t gather(mdl_stage *s, uint32_t replicas, uint64_t *lease, uint32_t *owners) {
    mdl_orchestra *o = s->orchestra;
    uint32_t count = 0;
    *owners = UINT32_MAX;
    for (uint32_t shard = 0; shard < mdl_orchestra_shards(o); shard++) {
        uint32_t from = count, owner[MDL_REPLICAS_MAX];
        for (uint32_t i = 0; i < mdl_orchestra_parts(o) && count - from < replicas; i++) {
            const mdl_voice *v = mdl_orchestra_part(o, i);
            int seen = v->shard != shard || !v->done;
            for (uint32_t k = 0; k < count - from; k++) {
                seen |= owner[k] == v->owner;
            }
            if (seen) {
                continue;
            }
            owner[count - from] = v->owner;
            uint32_t at = count++; /* parts are in the order of their leases but for those that were removed */
            for (; at > from && lease[at - 1] > v->lease; at--) {
                lease[at] = lease[at - 1];
            }
            lease[at] = v->lease;
        }
        *owners = count - from < *owners ? count - from : *owners;
    }
    return count;
}

/* Of shards whose results end differently only those that end as the first does. */
static uint32_t agree(const mdl_coordinator *c, mdl_stage *s, uint64_t *lease, uint32_t count) {
    const mdl_ledger_lease *first = NULL;
    const uint32_t *owner = mdl_orchestra_owner(s->orchestra);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, lease[i]);
        uint32_t regions = 0;
        for (uint32_t r = 0; r < mdl_stage_experiment(c)->network.regions; r++) {
            regions += owner[r] == l->shard;
        }
        if (!first || first->shard != l->shard) {
            first = l;
        } else if (memcmp(first->regions, l->regions, regions * sizeof *l->regions) != 0) {
            continue;
        }
        lease[kept++] = lease[i];
    }
    return kept;
}

/* Digests of all regions at the end, of the first result of each shard. */
static void ends(const mdl_coordinator *c, mdl_stage *s, const uint64_t *lease, uint32_t count,
                 uint8_t (*region)[MDL_DIGEST_BYTES]) {
    const uint32_t *owner = mdl_orchestra_owner(s->orchestra);
    for (uint32_t i = count; i > 0; i--) {
        const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, lease[i - 1]);
        for (uint32_t r = 0, k = 0; r < mdl_stage_experiment(c)->network.regions; r++) {
            if (owner[r] == l->shard) {
                memcpy(region[r], l->regions[k++], MDL_DIGEST_BYTES);
            }
        }
    }
}

static void write_joined(mdl_coordinator *c, mdl_stage *s, const uint64_t *lease, uint32_t count) {
    uint8_t region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES], digest[MDL_DIGEST_BYTES];
    mdl_message m;
    mdl_breach breach;
    size_t size;
    uint32_t job = mdl_orchestra_job(s->orchestra);
    ends(c, s, lease, count, region);
    uint8_t *transcript = mdl_orchestra_transcript(s->orchestra, (const uint8_t(*)[MDL_DIGEST_BYTES])region, &size);
    if (!transcript) {
        c->failed = 1;
        return;
    }
    mdl_digest_of(transcript, size, digest);
    c->io.put_blob(c->io.ctx, digest, transcript, size);
    free(transcript);
    mdl_err err = mdl_ledger_make_joined(c->ledger, job, lease, count, digest, &m, &breach);
    if (err != MDL_OK) {
        c->failed = 1;
        mdl_coordinator_log(c, "bug", NULL, "shards of job %" PRIu32 " do not join: %s", job,
                            err == MDL_ENOMEM ? "out of memory" : breach.text);
        return;
    }
    if (mdl_coordinator_record(c, &m)) {
        c->shards->windows += mdl_orchestra_windows(s->orchestra);
        mdl_coordinator_log(c, "joined", NULL, "job %" PRIu32 " of %" PRIu32 " shards, %" PRIu64 " windows", job,
                            mdl_orchestra_shards(s->orchestra), mdl_orchestra_windows(s->orchestra));
    }
}

void mdl_stage_join(mdl_coordinator *c, mdl_stage *s, uint64_t now_ms) {
    uint64_t lease[MDL_SHARDS_MAX * MDL_REPLICAS_MAX];
    uint32_t owners, count;
    if (s->over_ms == 0 || mdl_orchestra_disputed(s->orchestra) || !c->storage_ok || c->failed) {
        return;
    }
    uint32_t replicas = mdl_stage_experiment(c)->sharding.replicas;
    count = gather(s, replicas, lease, &owners);
    int late = now_ms - s->over_ms >= 2 * c->config.lease_ms;
    if (owners == 0 || (owners < replicas && !late)) {
        return;
    }
    count = agree(c, s, lease, count);
    write_joined(c, s, lease, count);
    /* Who is not done is not waited for. */
    for (uint32_t i = 0; i < mdl_orchestra_parts(s->orchestra) && !c->failed;) {
        const mdl_voice *v = mdl_orchestra_part(s->orchestra, i);
        const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, v->lease);
        if (l && !l->joined) {
            mdl_stage_end(c, s, v->lease, MDL_REASON_OVERTAKEN, now_ms);
        } else {
            i++;
        }
    }
    mdl_stage_close(c, s);
    mdl_coordinator_advance(c, now_ms);
    mdl_verify_drive(c, now_ms);
}
