/* Two answers that differ, taken apart in the log. PROTOCOL section 11.6. The fold
 * takes the rows and points itself; what has to be run for the last step is told
 * by a judgement, which anyone can run again. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/ledger_internal.h"

/* ---- which there are ---- */

uint32_t mdl_ledger_disputes(const mdl_ledger *l, const mdl_ledger_dispute **at) {
    *at = l->dispute;
    return l->disputes;
}

/* Its place; the number of disputes: none. */
static uint32_t place_of(const mdl_ledger *l, uint32_t job) {
    uint32_t i = 0;
    while (i < l->disputes && l->dispute[i].job != job)
        i++;
    return i;
}

const mdl_ledger_dispute *mdl_ledger_dispute_of(const mdl_ledger *l, uint32_t job) {
    uint32_t i = place_of(l, job);
    return i < l->disputes ? &l->dispute[i] : NULL;
}

static void end(mdl_ledger *l, uint32_t i) {
    mdl_referee_end(&l->dispute[i].referee);
    l->disputes--;
    memmove(&l->dispute[i], &l->dispute[i + 1], (l->disputes - i) * sizeof l->dispute[0]);
}

/* What a lease answered for a job, as long as it stands. */
static const mdl_duty_answer *stands(const mdl_ledger *l, uint32_t job, uint64_t lease) {
    for (uint32_t i = 0; i < mdl_duty_answers(l->duty, job); i++) {
        uint64_t id;
        const mdl_duty_answer *a = mdl_duty_answer_at(l->duty, job, i, &id);
        if (id == lease)
            return a;
    }
    return NULL;
}

void mdl_ledger_prune(mdl_ledger *l) {
    for (uint32_t i = l->disputes; i > 0; i--) {
        const mdl_ledger_dispute *d = &l->dispute[i - 1];
        if (mdl_duty_settled(l->duty, d->job) || !stands(l, d->job, d->lease[0]) || !stands(l, d->job, d->lease[1]))
            end(l, i - 1);
    }
}

void mdl_ledger_no_disputes(mdl_ledger *l) {
    while (l->disputes > 0)
        end(l, l->disputes - 1);
}

/* ---- the beginning ---- */

static int same(const mdl_duty_answer *a, const mdl_duty_answer *b) {
    return a->fitness == b->fitness && a->updates == b->updates &&
           memcmp(a->segment, b->segment, sizeof a->segment) == 0;
}

static mdl_rule check_job(const mdl_ledger *l, mdl_rule rule, uint32_t generation, uint32_t job, mdl_breach *breach) {
    if (!mdl_ledger_verifies(l) || l->experiment.verification.dispute == 0)
        return mdl_ledger_break(breach, rule, "nothing is taken apart in this experiment");
    if (generation != mdl_evolution_generation(l->evolution) || job >= l->jobs)
        return mdl_ledger_break(breach, rule, "job %u of generation %u; open is generation %u with %u jobs",
                                (unsigned)job, (unsigned)generation, (unsigned)mdl_evolution_generation(l->evolution),
                                (unsigned)l->jobs);
    return MDL_RULE_OK;
}

static mdl_job_result as_result(const mdl_duty_answer *a) {
    mdl_job_result r = {.fitness = a->fitness, .updates = a->updates};
    memcpy(r.segment, a->segment, sizeof r.segment);
    return r;
}

mdl_rule mdl_ledger_on_dispute(mdl_ledger *l, const mdl_msg_dispute *m, mdl_breach *breach) {
    mdl_rule rule = check_job(l, MDL_RULE_DISPUTE, m->generation, m->job, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    if (place_of(l, m->job) < l->disputes || l->disputes == MDL_LEDGER_DISPUTES_MAX)
        return mdl_ledger_break(breach, MDL_RULE_DISPUTE, "job %u is taken apart already, or %d others are",
                                (unsigned)m->job, MDL_LEDGER_DISPUTES_MAX);
    const mdl_duty_answer *a = stands(l, m->job, m->first), *b = stands(l, m->job, m->second);
    const mdl_ledger_lease *first = mdl_ledger_lease_at(l, m->first), *second = mdl_ledger_lease_at(l, m->second);
    if (!a || !b || !first || !second || same(a, b) || mdl_duty_settled(l->duty, m->job))
        return mdl_ledger_break(breach, MDL_RULE_DISPUTE,
                                "leases %llu and %llu have not two answers to job %u that differ and await a verdict",
                                (unsigned long long)m->first, (unsigned long long)m->second, (unsigned)m->job);
    if (!l->dispute)
        l->dispute = calloc(MDL_LEDGER_DISPUTES_MAX, sizeof *l->dispute);
    if (!l->dispute)
        return mdl_ledger_no_memory(breach);
    mdl_ledger_dispute *d = &l->dispute[l->disputes++];
    memset(d, 0, sizeof *d);
    d->job = m->job;
    d->opened = l->size;
    d->lease[0] = m->first;
    d->lease[1] = m->second;
    d->worker[0] = first->worker;
    d->worker[1] = second->worker;
    mdl_job job;
    mdl_job_result answer[MDL_DISPUTE_SIDES] = {as_result(a), as_result(b)};
    mdl_evolution_job(l->evolution, m->job, &job, NULL);
    mdl_referee_begin(&d->referee, NULL, &job, m->job, answer, NULL);
    return MDL_RULE_OK;
}

mdl_err mdl_ledger_make_dispute(const mdl_ledger *l, uint32_t job, mdl_message *m) {
    uint64_t first, second;
    if (l->disputes == MDL_LEDGER_DISPUTES_MAX || mdl_ledger_dispute_of(l, job) || job >= l->jobs ||
        mdl_duty_settled(l->duty, job) || mdl_duty_answers(l->duty, job) < 2 || l->experiment.verification.dispute == 0)
        return MDL_EMISMATCH;
    const mdl_duty_answer *a = mdl_duty_answer_at(l->duty, job, 0, &first);
    for (uint32_t i = 1; i < mdl_duty_answers(l->duty, job); i++) {
        if (same(mdl_duty_answer_at(l->duty, job, i, &second), a))
            continue;
        if (!mdl_ledger_lease_at(l, first) || !mdl_ledger_lease_at(l, second)) /* shards' */
            return MDL_EMISMATCH;
        memset(m, 0, sizeof *m);
        m->type = MDL_MSG_DISPUTE;
        m->as.dispute = (mdl_msg_dispute){
            .generation = mdl_evolution_generation(l->evolution), .job = job, .first = first, .second = second};
        return MDL_OK;
    }
    return MDL_EMISMATCH;
}

/* ---- questions and moves ---- */

enum { NOTHING, ROWS, POINTS, STATE };

/* What is asked of a side. */
static uint32_t asked(const mdl_ledger_dispute *d, uint32_t side) {
    const mdl_referee *r = &d->referee;
    if (!mdl_referee_waits(r, side))
        return NOTHING;
    return r->stage == MDL_REFEREE_ROWS     ? ROWS
           : r->stage == MDL_REFEREE_POINTS ? POINTS
           : d->has_state                   ? NOTHING
                                            : STATE;
}

static int side_of(const mdl_ledger_dispute *d, uint64_t lease, uint32_t *side) {
    *side = d->lease[1] == lease;
    return d->lease[*side] == lease;
}

mdl_err mdl_ledger_make_question(const mdl_ledger *l, uint64_t lease, uint64_t *points, mdl_message *m) {
    uint32_t i = 0, side = 0;
    while (i < l->disputes && !(side_of(&l->dispute[i], lease, &side) && asked(&l->dispute[i], side) != NOTHING))
        i++;
    if (i == l->disputes)
        return MDL_EMISMATCH;
    const mdl_ledger_dispute *d = &l->dispute[i];
    const mdl_dispute *bounds = &d->referee.dispute;
    uint32_t kind = asked(d, side), count = kind == POINTS ? bounds->count : kind == STATE;
    for (uint32_t k = 0; k < count; k++)
        points[k] = kind == POINTS ? bounds->point[k] : bounds->lo;
    memset(m, 0, sizeof *m);
    m->type = MDL_MSG_QUESTION;
    m->as.question = (mdl_msg_question){.lease = lease,
                                        .generation = mdl_evolution_generation(l->evolution),
                                        .job = d->job,
                                        .kind = kind,
                                        .life = kind == ROWS ? 0 : d->referee.which,
                                        .points = {count, points}};
    return MDL_OK;
}

static mdl_err take(mdl_ledger_dispute *d, uint32_t side, const mdl_msg_move *m, const uint8_t *bytes, size_t size) {
    uint8_t digest[MDL_DISPUTE_POINTS][MDL_DIGEST_BYTES];
    switch (m->kind) {
    case ROWS:
        return mdl_referee_rows(&d->referee, side, bytes, size);
    case POINTS:
        if (size > sizeof digest || size % MDL_DIGEST_BYTES != 0)
            return MDL_ESIZE;
        memcpy(digest, bytes, size);
        return mdl_referee_points(&d->referee, side, (const uint8_t(*)[MDL_DIGEST_BYTES])digest,
                                  (uint32_t)(size / MDL_DIGEST_BYTES));
    default:
        if (memcmp(m->blob, d->referee.dispute.agreed, sizeof m->blob) != 0)
            return MDL_EMISMATCH;
        memcpy(d->state, m->blob, sizeof d->state);
        d->has_state = 1;
        return MDL_OK;
    }
}

mdl_rule mdl_ledger_on_move(mdl_ledger *l, const mdl_msg_move *m, const uint8_t *key, mdl_breach *breach) {
    const uint8_t *bytes;
    size_t size;
    uint32_t side = 0;
    mdl_rule rule = check_job(l, MDL_RULE_MOVE, m->generation, m->job, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    uint32_t at = place_of(l, m->job);
    if (at == l->disputes || !side_of(&l->dispute[at], m->lease, &side))
        return mdl_ledger_break(breach, MDL_RULE_MOVE, "lease %llu has no dispute about job %u",
                                (unsigned long long)m->lease, (unsigned)m->job);
    mdl_ledger_dispute *d = &l->dispute[at];
    const mdl_ledger_worker *w = &l->worker[d->worker[side]];
    if (!mdl_ledger_speaks(l, w, key))
        return mdl_ledger_break(breach, MDL_RULE_SIGNER, "the move of lease %llu is not signed by its worker",
                                (unsigned long long)m->lease);
    if (w->banned)
        return mdl_ledger_break(breach, MDL_RULE_MOVE, "the worker is banned");
    if (asked(d, side) != m->kind)
        return mdl_ledger_break(breach, MDL_RULE_MOVE, "a move of kind %u; asked for is %u", (unsigned)m->kind,
                                (unsigned)asked(d, side));
    rule = mdl_ledger_blob(l, "the move", m->blob, &bytes, &size, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    if (size != m->blob_size)
        return mdl_ledger_break(breach, MDL_RULE_MOVE, "its blob has %zu bytes, it says %llu", size,
                                (unsigned long long)m->blob_size);
    mdl_err err = take(d, side, m, bytes, size);
    if (err == MDL_ENOMEM)
        return mdl_ledger_no_memory(breach);
    if (err != MDL_OK)
        return mdl_ledger_break(breach, MDL_RULE_MOVE, "it is no such move: %s", mdl_strerror((int)err));
    MDL_ASSERT(d->moves < MDL_LEDGER_MOVES_MAX);
    struct mdl_ledger_move *taken = &d->move[d->moves++];
    taken->kind = (uint8_t)m->kind;
    taken->side = (uint8_t)(m->kind == STATE ? 0 : side); /* it is agreed: either side's */
    memcpy(taken->blob, m->blob, sizeof taken->blob);
    return MDL_RULE_OK;
}

/* ---- the judgement ---- */

int mdl_ledger_judgeable(const mdl_ledger_dispute *d, mdl_case *c) {
    if (d->referee.stage == MDL_REFEREE_OVER)
        return 1;
    if (d->referee.stage != MDL_REFEREE_JUDGE || (d->referee.dispute.lo > 0 && !d->has_state))
        return 0;
    if (c)
        mdl_referee_case(&d->referee, c);
    return 2;
}

static void put_move(const mdl_sink *sink, const struct mdl_ledger_move *m, const uint8_t *bytes, size_t size) {
    mdl_put_u8(sink, m->kind);
    mdl_put_u8(sink, m->side);
    mdl_put_u32(sink, (uint32_t)size);
    mdl_put_bytes(sink, bytes, size);
}

mdl_err mdl_ledger_transcript(const mdl_ledger *l, const mdl_ledger_dispute *d, const mdl_sink *sink) {
    int how = mdl_ledger_judgeable(d, NULL);
    mdl_err err = how > 0 ? MDL_OK : MDL_EMISMATCH;
    for (uint32_t i = 0; i < d->moves && err == MDL_OK; i++) {
        const struct mdl_ledger_move *m = &d->move[i];
        uint8_t found[MDL_DIGEST_BYTES];
        const uint8_t *bytes;
        size_t size;
        err = l->blobs->get(l->blobs->ctx, m->blob, &bytes, &size);
        if (err != MDL_OK)
            break;
        mdl_digest_of(bytes, size, found);
        err = memcmp(found, m->blob, sizeof found) == 0 ? MDL_OK : MDL_EDIGEST;
        if (err == MDL_OK)
            put_move(sink, m, bytes, size);
    }
    if (err == MDL_OK && how == 2 && !d->has_state)
        put_move(sink, &(struct mdl_ledger_move){.kind = STATE}, NULL, 0); /* the birth */
    return err;
}

static mdl_err transcript_digest(const mdl_ledger *l, const mdl_ledger_dispute *d, uint8_t out[MDL_DIGEST_BYTES]) {
    mdl_digest digest;
    mdl_digest_init(&digest);
    mdl_sink sink = mdl_digest_sink(&digest);
    mdl_err err = mdl_ledger_transcript(l, d, &sink);
    mdl_digest_final(&digest, out);
    return err;
}

/* What follows; `wrong` is made. MDL_EMISMATCH: not due, or no such fault. */
static mdl_err judge(const mdl_ledger_dispute *d, mdl_judged *judged) {
    mdl_case c;
    const mdl_referee *r = &d->referee;
    int how = mdl_ledger_judgeable(d, &c);
    if (how == 0)
        return MDL_EMISMATCH;
    if (how == 1) {
        memset(judged, 0, sizeof *judged);
        for (uint32_t s = 0; s < MDL_DISPUTE_SIDES; s++) {
            judged->wrong |= (uint32_t)(r->fault[s] != MDL_FAULT_NONE) << s;
            judged->fault = r->fault[s] != MDL_FAULT_NONE ? r->fault[s] : judged->fault;
        }
        return MDL_OK;
    }
    mdl_fault right = c.dispute.stage == MDL_DISPUTE_SAME ? MDL_FAULT_END : MDL_FAULT_WINDOW;
    if (judged->fault != right && (judged->fault != MDL_FAULT_STATE || c.dispute.lo == 0))
        return MDL_EMISMATCH;
    judged->wrong = mdl_case_wrong(&c, judged);
    return judged->wrong ? MDL_OK : MDL_EMISMATCH;
}

static mdl_judged judged_of(const mdl_msg_judgement *m) {
    mdl_judged j;
    memset(&j, 0, sizeof j);
    j.fault = (mdl_fault)m->fault;
    memcpy(j.truth, m->truth, sizeof j.truth);
    j.row = (mdl_life_row){.windows = m->windows, .fitness = m->fitness, .updates = m->updates};
    memcpy(j.row.end, m->end, sizeof j.row.end);
    return j;
}

static void put_judged(mdl_msg_judgement *m, const mdl_judged *j) {
    m->wrong = j->wrong;
    m->fault = (uint32_t)j->fault;
    memcpy(m->truth, j->truth, sizeof m->truth);
    m->windows = j->row.windows;
    m->fitness = j->row.fitness;
    m->updates = j->row.updates;
    memcpy(m->end, j->row.end, sizeof m->end);
}

/* What the fault says nothing about is zero. */
static int is_bare(const mdl_msg_judgement *m) {
    int row = m->windows == 0 && m->fitness == 0 && m->updates == 0 && mdl_ledger_all_zero(m->end, sizeof m->end);
    int truth = mdl_ledger_all_zero(m->truth, sizeof m->truth);
    return m->fault == MDL_FAULT_WINDOW ? row : m->fault == MDL_FAULT_END ? truth : row && truth;
}

mdl_rule mdl_ledger_on_judgement(mdl_ledger *l, const mdl_msg_judgement *m, mdl_breach *breach) {
    mdl_rule rule = check_job(l, MDL_RULE_JUDGEMENT, m->generation, m->job, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    const mdl_ledger_dispute *d = mdl_ledger_dispute_of(l, m->job);
    if (!d)
        return mdl_ledger_break(breach, MDL_RULE_JUDGEMENT, "job %u is not taken apart", (unsigned)m->job);
    mdl_judged j = judged_of(m);
    if (judge(d, &j) != MDL_OK)
        return mdl_ledger_break(breach, MDL_RULE_JUDGEMENT, "the moves of job %u do not lead to such a judgement",
                                (unsigned)m->job);
    if (j.wrong != m->wrong || (uint32_t)j.fault != m->fault || !is_bare(m))
        return mdl_ledger_break(breach, MDL_RULE_JUDGEMENT,
                                "it finds %u wrong with fault %u, or says more than that; it follows %u with fault %u",
                                (unsigned)m->wrong, (unsigned)m->fault, (unsigned)j.wrong, (unsigned)j.fault);
    uint8_t transcript[MDL_DIGEST_BYTES];
    mdl_err err = transcript_digest(l, d, transcript);
    if (err == MDL_ENOMEM)
        return mdl_ledger_no_memory(breach);
    if (err != MDL_OK)
        return mdl_ledger_break(breach, MDL_RULE_BLOB, "a move of job %u is there no more: %s", (unsigned)m->job,
                                mdl_strerror((int)err));
    if (memcmp(transcript, m->transcript, sizeof transcript) != 0)
        return mdl_ledger_break(breach, MDL_RULE_JUDGEMENT, "the moves of job %u have another digest",
                                (unsigned)m->job);
    uint32_t worker[MDL_DISPUTE_SIDES] = {d->worker[0], d->worker[1]}, job = m->job;
    uint32_t keys = mdl_ledger_line(l, worker[0]) + mdl_ledger_line(l, worker[1]);
    if (mdl_duty_reserve(l->duty, keys) != MDL_OK)
        return mdl_ledger_no_memory(breach);
    for (uint32_t s = 0; s < MDL_DISPUTE_SIDES; s++)
        if ((j.wrong >> s & 1) && l->worker[worker[s]].verdict == 0)
            mdl_ledger_convict(l, worker[s]); /* ends the dispute, too */
    mdl_ledger_verify(l, job, 1);
    return MDL_RULE_OK;
}

mdl_err mdl_ledger_make_judgement(const mdl_ledger *l, uint32_t job, const mdl_judged *judged, mdl_message *m) {
    const mdl_ledger_dispute *d = mdl_ledger_dispute_of(l, job);
    mdl_judged j;
    memset(&j, 0, sizeof j);
    if (judged)
        j = *judged;
    if (!d || judge(d, &j) != MDL_OK)
        return MDL_EMISMATCH;
    memset(m, 0, sizeof *m);
    m->type = MDL_MSG_JUDGEMENT;
    m->as.judgement.generation = mdl_evolution_generation(l->evolution);
    m->as.judgement.job = job;
    put_judged(&m->as.judgement, &j);
    return transcript_digest(l, d, m->as.judgement.transcript);
}
