/* What a coordinator signed of a dispute, of a shard, of what shards add up to, beside what the job gives. PROTOCOL
 * section 9.7. An honest one says what is computed here, whatever the workers did: that is what makes a proof of it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "audit/verify_internal.h"
#include "protocol/referee.h"
#include "protocol/transcript.h"

static int is_job(const mdl_again *g, uint32_t job, mdl_fraud_finding *out) {
    if (job < mdl_evolution_job_count(g->e))
        return 1;
    mdl_verify_say(out, MDL_FRAUD_FALSE, "the %s is not for a job of its generation", mdl_message_name(g->m.type));
    return 0;
}

/* ---- a dispute's last step ---- */

static mdl_err last_step(mdl_again *g, const mdl_job *job, const uint8_t *moves, size_t size, mdl_judged *out) {
    const uint8_t *state = NULL;
    size_t state_size = 0;
    mdl_case last;
    mdl_referee r;
    mdl_referee_begin(&r, NULL, job, g->m.as.judgement.job, NULL, NULL);
    mdl_err err = mdl_referee_lead(&r, moves, size, &state, &state_size);
    if (err == MDL_OK) {
        mdl_referee_case(&r, &last);
        err = mdl_case_judge(&last, g->life, state, state_size, out);
    }
    mdl_referee_end(&r);
    return err;
}

mdl_err mdl_verify_judgement(mdl_again *g, const mdl_fraud *f, mdl_fraud_finding *out) {
    const mdl_msg_judgement *m = &g->m.as.judgement;
    mdl_job job;
    mdl_judged judged;
    size_t size;
    if (!is_job(g, m->job, out))
        return MDL_OK;
    uint8_t *moves = mdl_fraud_bytes(f, MDL_FRAUD_TRANSCRIPT_FIELD, &size);
    if (!moves)
        return MDL_ENOMEM;
    mdl_evolution_job(g->e, m->job, &job, g->genome);
    mdl_life_genome(g->life, g->genome);
    mdl_err err = last_step(g, &job, moves, size, &judged);
    free(moves);
    if (err == MDL_ENOMEM)
        return err;
    if (err != MDL_OK) /* sums and lengths follow without a step; other moves are the fold's to refuse */
        mdl_verify_say(out, MDL_FRAUD_FALSE, "its moves do not lead to a last step: %s", mdl_strerror((int)err));
    else if (mdl_judgement_says(m, &judged))
        mdl_verify_say(out, MDL_FRAUD_FALSE, "the judgement of record %" PRIu64 " is right", out->record);
    else
        mdl_verify_say(out, MDL_FRAUD_PROVEN,
                       "this key signed record %" PRIu64 ", a judgement: sides wrong %" PRIu32 ", fault %" PRIu32
                       ", in job %" PRIu32 " of generation %" PRIu32
                       "; the last step run again finds sides wrong %" PRIu32 ", fault %d, or another end of that step",
                       out->record, m->wrong, m->fault, m->job, g->generation, judged.wrong, (int)judged.fault);
    return MDL_OK;
}

/* ---- shards ---- */

static int is_cut(const mdl_again *g, uint32_t shard, uint32_t shards, mdl_fraud_finding *out) {
    const mdl_experiment *x = &g->x;
    if (x->sharding.used && shards > 0 && shards <= x->network.regions && shard < shards)
        return 1;
    mdl_verify_say(out, MDL_FRAUD_FALSE, "the experiment's network is not cut into %" PRIu32 " shards", shards);
    return 0;
}

mdl_err mdl_verify_shardverdict(mdl_again *g, const mdl_fraud *f, mdl_fraud_finding *out) {
    const mdl_msg_shardverdict m = g->m.as.shardverdict; /* but for its list */
    mdl_message other;
    int evidence = f->field[MDL_FRAUD_EVIDENCE_FIELD].size > 0;
    mdl_err err = mdl_verify_message(g, f, MDL_FRAUD_LEASE_FIELD, &other);
    if (err != MDL_OK)
        return err;
    const mdl_msg_shardlease lease = other.as.shardlease;
    if (evidence)
        err = mdl_verify_message(g, f, MDL_FRAUD_EVIDENCE_FIELD, &other);
    if (err != MDL_OK || !is_job(g, m.job, out) || !is_cut(g, lease.shard, lease.shards, out))
        return err;
    mdl_transcript_fault truth = {.life = m.life, .window = m.window, .shard = lease.shard};
    err = mdl_transcript_right(&g->x, g->e, m.job, lease.shards, &truth);
    if (err != MDL_OK)
        return err;
    if (evidence && truth.found && memcmp(other.as.window.commit, truth.right, sizeof truth.right) == 0)
        mdl_verify_say(out, MDL_FRAUD_PROVEN,
                       "this key signed record %" PRIu64 ", which convicts the worker of lease %" PRIu64
                       " for shard %" PRIu32 " of job %" PRIu32 " of generation %" PRIu32 ", life %" PRIu32
                       ", window %" PRIu32 "; computed again its digest is the one that this worker signed",
                       out->record, m.lease, lease.shard, m.job, g->generation, m.life, m.window);
    else if (!evidence && (!truth.found || memcmp(m.right, truth.right, sizeof truth.right) != 0))
        mdl_verify_say(out, MDL_FRAUD_PROVEN,
                       "this key signed record %" PRIu64 ", which says what is right of shard %" PRIu32
                       " of job %" PRIu32 " of generation %" PRIu32 ", life %" PRIu32 ", window %" PRIu32
                       "; computed again %s",
                       out->record, lease.shard, m.job, g->generation, m.life, m.window,
                       truth.found ? "its digest is another" : "there is no such window");
    else
        mdl_verify_say(out, MDL_FRAUD_FALSE, "nothing shows that the shardverdict of record %" PRIu64 " is false",
                       out->record);
    return MDL_OK;
}

mdl_err mdl_verify_joined(mdl_again *g, const mdl_fraud *f, mdl_fraud_finding *out) {
    const mdl_msg_joined *m = &g->m.as.joined;
    mdl_transcript said;
    mdl_transcript_fault fault;
    mdl_job job;
    size_t size;
    uint32_t life = 0;
    if (!is_job(g, m->job, out))
        return MDL_OK;
    uint8_t *bytes = mdl_fraud_bytes(f, MDL_FRAUD_TRANSCRIPT_FIELD, &size);
    if (!bytes)
        return MDL_ENOMEM;
    mdl_err err = mdl_transcript_read(bytes, size, &said);
    int cut = err == MDL_OK && is_cut(g, 0, said.shards, out);
    if (cut)
        err = mdl_transcript_told(&g->x, g->e, m->job, &said, &fault, &life);
    free(bytes);
    if (err != MDL_OK || !cut)
        return err;
    mdl_evolution_job(g->e, m->job, &job, NULL);
    if (fault.found && !fault.missing)
        mdl_verify_say(out, MDL_FRAUD_FALSE,
                       "a shard was false in life %" PRIu32 ", window %" PRIu32 ": what follows is not its doing",
                       fault.life, fault.window);
    else if (life == job.episodes)
        mdl_verify_say(out, MDL_FRAUD_FALSE, "what the joined job of record %" PRIu64 " says of its lives is right",
                       out->record);
    else
        mdl_verify_say(out, MDL_FRAUD_PROVEN,
                       "this key signed record %" PRIu64 ", job %" PRIu32 " of generation %" PRIu32
                       " joined: its windows are right up to where it ends life %" PRIu32
                       ", and that life comes to something else than it says",
                       out->record, m->job, g->generation, life);
    return MDL_OK;
}
