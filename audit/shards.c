/* What shards answered together, played again, and verdicts on shards: whom the
 * first false window convicts, and whether who is convicted was false. PROTOCOL
 * sections 9.2 and 12.7. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "core/assert.h"
#include "core/cut.h"
#include "protocol/grow.h"
#include "protocol/shard_window.h"

/* ---- a joined job ---- */

void mdl_played_free(mdl_played *p) {
    if (p)
        free(p->bytes);
    free(p);
}

mdl_err mdl_played_new(mdl_audit *a, uint32_t job, uint64_t record, mdl_played **out) {
    const mdl_ledger *l = a->ledger;
    const mdl_experiment *x = mdl_ledger_experiment(l);
    uint8_t digest[MDL_DIGEST_BYTES];
    uint32_t owner[MDL_REGIONS_MAX], count;
    const uint8_t *bytes;
    size_t size;
    *out = NULL;
    if (mdl_ledger_joined(l, job, digest) != record)
        return MDL_OK; /* void: a worker of its shards was convicted, and nothing rests on it */
    mdl_err err = a->blobs->get(a->blobs->ctx, digest, &bytes, &size);
    if (err != MDL_OK)
        return err;
    mdl_played *p = calloc(1, sizeof *p);
    if (!p || !(p->bytes = malloc(size))) {
        free(p);
        return MDL_ENOMEM;
    }
    memcpy(p->bytes, bytes, size);
    memcpy(p->transcript, digest, sizeof digest);
    err = mdl_transcript_read(p->bytes, size, &p->said);
    MDL_ASSERT(err == MDL_OK); /* the fold has read it */
    const uint64_t *party = mdl_duty_party(mdl_ledger_duty(l), job, &count);
    for (uint32_t i = 0; i < count; i++) {
        const mdl_ledger_lease *of = mdl_ledger_lease_find(l, party[i]);
        mdl_balanced_cut(&x->network, of->shards, owner);
        for (uint32_t r = 0, n = 0; r < x->network.regions; r++)
            if (owner[r] == of->shard)
                memcpy(p->region[r], of->regions[n++], MDL_DIGEST_BYTES);
    }
    *out = p;
    return MDL_OK;
}

mdl_err mdl_played_run(mdl_played *p, const mdl_experiment *x, const mdl_evolution *of, uint32_t job,
                       mdl_job_result *out) {
    return mdl_transcript_find(x, of, job, &p->said, (const uint8_t(*)[MDL_DIGEST_BYTES])p->region, &p->fault, out);
}

const mdl_ledger_lease *mdl_played_culprit(const mdl_audit *a, uint32_t job, const mdl_played *p) {
    uint32_t count;
    const uint64_t *party = mdl_duty_party(mdl_ledger_duty(a->ledger), job, &count);
    for (uint32_t i = 0; i < count; i++) {
        const mdl_ledger_lease *of = mdl_ledger_lease_find(a->ledger, party[i]);
        if (of->shard == p->fault.shard &&
            mdl_ledger_has_window(a->ledger, of->id, job, p->fault.life, p->fault.window))
            return of;
    }
    return NULL;
}

/* ---- verdicts on shards ---- */

/* One of the open generation. */
typedef struct accusation {
    uint64_t record, lease; /* lease: the record that gave it */
    uint8_t key[MDL_KEY_BYTES], worker[MDL_KEY_BYTES];
    uint32_t job, shards;
    uint8_t evidence[MDL_DIGEST_BYTES];
    int by_envelope;
    uint8_t said[MDL_DIGEST_BYTES];
    mdl_transcript_fault claim; /* found: not used */
} accusation;

struct mdl_accusations {
    accusation *at;
    size_t count;
    uint32_t room, joined_room;
    /* Transcripts of the open generation's jobs: a verdict makes an answer void, and its transcript is asked for
     * behind it. */
    struct joined {
        uint32_t job;
        uint8_t transcript[MDL_DIGEST_BYTES];
    } * joined;
    size_t joined_count;
};

mdl_accusations *mdl_accusations_new(void) { return calloc(1, sizeof(mdl_accusations)); }

void mdl_accusations_free(mdl_accusations *c) {
    if (c) {
        free(c->at);
        free(c->joined);
    }
    free(c);
}

mdl_err mdl_accusations_joined(mdl_accusations *c, const mdl_msg_joined *m) {
    if (!mdl_list_grow(&c->joined, &c->joined_room, c->joined_count + 1, sizeof *c->joined))
        return MDL_ENOMEM;
    struct joined *j = &c->joined[c->joined_count++];
    j->job = m->job;
    memcpy(j->transcript, m->transcript, sizeof j->transcript);
    return MDL_OK;
}

/* What the worker signed of a window: in an envelope. */
static mdl_err read_envelope(mdl_audit *a, const mdl_msg_shardverdict *m, uint8_t said[MDL_DIGEST_BYTES]) {
    const uint8_t *bytes;
    size_t size;
    mdl_envelope e;
    mdl_message w;
    uint8_t *pae = malloc(MDL_PAE_BYTES_MAX);
    mdl_err err = pae ? a->blobs->get(a->blobs->ctx, m->evidence, &bytes, &size) : MDL_ENOMEM;
    if (err == MDL_OK)
        err = mdl_envelope_decode(bytes, size, pae, &e);
    if (err == MDL_OK)
        err = mdl_message_of(&e, (mdl_list_room){NULL, 0}, &w, NULL);
    if (err == MDL_OK)
        memcpy(said, w.as.window.commit, MDL_DIGEST_BYTES);
    free(pae);
    return err;
}

/* By the transcript whose root its result has, or by the regions of that result. */
static mdl_err read_transcript(mdl_audit *a, const mdl_accusations *c, const mdl_msg_shardverdict *m,
                               const mdl_ledger_lease *lease, uint8_t said[MDL_DIGEST_BYTES]) {
    const mdl_experiment *x = mdl_ledger_experiment(a->ledger);
    const uint8_t *bytes;
    size_t size, at = c->joined_count;
    mdl_transcript t;
    while (at > 0 && c->joined[at - 1].job != m->job)
        at--;
    mdl_err err = at > 0 ? a->blobs->get(a->blobs->ctx, c->joined[at - 1].transcript, &bytes, &size) : MDL_ENOENT;
    if (err == MDL_OK)
        err = mdl_transcript_read(bytes, size, &t);
    if (err != MDL_OK)
        return err;
    if (m->life < t.lives) {
        uint64_t place = mdl_transcript_place(&t, m->life, m->window);
        MDL_ASSERT(place != UINT64_MAX); /* the fold has looked */
        memcpy(said, mdl_transcript_commit(&t, place, lease->shard), MDL_DIGEST_BYTES);
        return MDL_OK;
    }
    uint32_t owner[MDL_REGIONS_MAX], count = 0;
    mdl_balanced_cut(&x->network, lease->shards, owner);
    for (uint32_t r = 0; r < x->network.regions; r++)
        count += owner[r] == lease->shard;
    mdl_shard_state_digest((const uint8_t(*)[MDL_DIGEST_BYTES])lease->regions, count, said);
    return MDL_OK;
}

mdl_err mdl_accusations_add(mdl_audit *a, uint64_t record, const uint8_t key[MDL_KEY_BYTES],
                            const mdl_msg_shardverdict *m) {
    static const uint8_t none[MDL_DIGEST_BYTES];
    mdl_accusations *c = a->accusations;
    const mdl_ledger_worker *w;
    const mdl_ledger_lease *lease = mdl_ledger_lease_find(a->ledger, m->lease);
    MDL_ASSERT(lease); /* the fold has accepted the record */
    if (!mdl_list_grow(&c->at, &c->room, c->count + 1, sizeof *c->at))
        return MDL_ENOMEM;
    accusation *of = &c->at[c->count];
    *of = (accusation){.record = record, .lease = lease->record, .job = m->job, .shards = lease->shards};
    memcpy(of->evidence, m->evidence, sizeof of->evidence);
    of->claim = (mdl_transcript_fault){.life = m->life, .window = m->window, .shard = lease->shard};
    of->by_envelope = memcmp(m->evidence, none, sizeof none) != 0;
    memcpy(of->claim.right, m->right, sizeof m->right);
    memcpy(of->key, key, sizeof of->key);
    mdl_ledger_workers(a->ledger, &w);
    memcpy(of->worker, w[lease->worker].key, sizeof of->worker);
    mdl_err err = of->by_envelope ? read_envelope(a, m, of->said) : read_transcript(a, c, m, lease, of->said);
    c->count += err == MDL_OK;
    return err == MDL_ENOENT ? MDL_OK : err; /* missing blobs are the fold's to find */
}

/* Whoever signed what is right must not be convicted. A wrong word against a wrong one is the coordinator's only where
 * all before it was right: where the transcript has its first fault. Elsewhere the inputs, which the ledger does not
 * have, may have been false. */
static void judge(mdl_audit *a, const accusation *of, const mdl_transcript_fault *truth) {
    char who[2 * MDL_KEY_BYTES + 1];
    for (int i = 0; i < MDL_KEY_BYTES; i++)
        snprintf(who + 2 * i, 3, "%02x", of->worker[i]);
    if (truth->found && memcmp(of->said, truth->right, sizeof of->said) == 0) {
        a->report->wrong++;
        mdl_audit_found(a, of->record, MDL_AUDIT_RECOMPUTE, of->key,
                        "convicts worker %s for shard %" PRIu32 " of job %" PRIu32 ", life %" PRIu32 ", window %" PRIu32
                        ", which is what the job computes",
                        who, of->claim.shard, of->job, of->claim.life, of->claim.window);
        mdl_proofs_shardverdict(a, of->record, of->lease, of->evidence);
    } else if (!of->by_envelope && (!truth->found || memcmp(of->claim.right, truth->right, sizeof truth->right) != 0)) {
        a->report->wrong++;
        mdl_audit_found(a, of->record, MDL_AUDIT_RECOMPUTE, of->key,
                        "shard %" PRIu32 " of job %" PRIu32 ", life %" PRIu32 ", window %" PRIu32
                        ": what it says is right is not what the job computes",
                        of->claim.shard, of->job, of->claim.life, of->claim.window);
        mdl_proofs_shardverdict(a, of->record, of->lease, of->evidence);
    } else if (!truth->found || memcmp(of->claim.right, truth->right, sizeof truth->right) != 0) {
        mdl_audit_noted(a, of->record, MDL_AUDIT_RECOMPUTE, of->key,
                        "shard %" PRIu32 " of job %" PRIu32 ", life %" PRIu32 ", window %" PRIu32
                        ": neither worker %s nor the verdict says what the job computes; another shard was false "
                        "before it, or both are",
                        of->claim.shard, of->job, of->claim.life, of->claim.window, who);
    }
}

mdl_err mdl_accusations_go(mdl_audit *a, const mdl_evolution *of) {
    mdl_accusations *c = a->accusations;
    mdl_err err = MDL_OK;
    for (size_t i = 0; i < c->count && err == MDL_OK; i++) {
        mdl_transcript_fault truth = c->at[i].claim;
        err = mdl_transcript_right(mdl_ledger_experiment(a->ledger), of, c->at[i].job, c->at[i].shards, &truth);
        if (err == MDL_OK)
            judge(a, &c->at[i], &truth);
    }
    c->count = c->joined_count = 0;
    return err;
}
