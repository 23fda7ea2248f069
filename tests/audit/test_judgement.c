/* Judgements of disputes: an audit runs their last step, and notes the convict's results. */
#include "tests/audit/support.h"

#include "protocol/grow.h"
#include "protocol/retrace.h"

static mdl_audit_report report;

#include "tests/audit/proofs.h"

enum { HONEST = 1, LIAR = 2, JOB = 1 };

static uint32_t from = 3; /* window of the lie; 1: the birth is what both agree on; UINT32_MAX: only the end is false */

static void append(ledger_play *p, mdl_message m) { ledger_play_append(p, &m, LEDGER_COORDINATOR); }

/* The liar's first life of job 1 ends in another state. */
static void lie(ledger_play *p, mdl_message *result) {
    mdl_life_row rows[8];
    mdl_job_result job[2];
    for (uint32_t i = 0; i < 2; i++)
        mdl_unit_job(p->life, mdl_ledger_evolution(p->ledger), i, p->genome, i == JOB ? rows : NULL, &job[i]);
    rows[0].end[0] ^= 1;
    mdl_unit_segment(0, JOB, rows, p->experiment.evolution.episodes, &job[JOB]);
    mdl_unit_segments(job, 2, p->segments);
    mdl_unit_root(job, 2, result->as.result.root);
}

/* The move that is asked of this lease; 0: none. */
static int move(ledger_play *p, uint32_t worker, uint64_t lease) {
    static const uint8_t over[MDL_DIGEST_BYTES];
    uint64_t points[MDL_DISPUTE_POINTS];
    mdl_retrace r;
    mdl_message q;
    mdl_buffer b = {0};
    mdl_sink sink = mdl_buffer_sink(&b);
    if (mdl_ledger_make_question(p->ledger, lease, points, &q) != MDL_OK)
        return 0;
    const mdl_evolution *e = mdl_ledger_evolution(p->ledger);
    assert_int_equal(mdl_retrace_of(&q.as.question, e, &r), MDL_OK);
    assert_int_equal(mdl_retrace_run(&r, e, p->life, p->genome, &sink), MDL_OK);
    if (worker == LIAR && r.kind == MDL_MOVE_ROWS)
        b.bytes[20] ^= 1; /* the first row's end */
    for (uint32_t i = 0; worker == LIAR && r.kind == MDL_MOVE_POINTS && i < r.count; i++)
        if (r.point[i] >= from && memcmp(b.bytes + 32 * (size_t)i, over, sizeof over) != 0)
            b.bytes[32 * (size_t)i] ^= 1;
    mdl_message m = ledger_play_message(p, MDL_MSG_MOVE);
    memset(m.head.session, (int)worker, sizeof m.head.session);
    m.head.seq = p->seq[worker]++;
    m.as.move = (mdl_msg_move){.lease = lease, .generation = 0, .job = JOB, .kind = r.kind, .blob_size = b.size};
    ledger_play_store(p, b.bytes, b.size, m.as.move.blob);
    free(b.bytes);
    LEDGER_SPOILT(p, m, worker, MDL_RULE_MOVE, msg.as.move.kind = r.kind % 3 + 1);
    LEDGER_SPOILT(p, m, worker, MDL_RULE_MOVE, msg.as.move.lease += 100);
    LEDGER_SPOILT(p, m, 3 - worker, MDL_RULE_SIGNER, (void)msg);
    LEDGER_SPOILT(p, m, worker, MDL_RULE_MOVE, msg.as.move.blob_size++);
    LEDGER_SPOILT(p, m, worker, MDL_RULE_BLOB, msg.as.move.blob[0] ^= 1);
    ledger_play_append(p, &m, worker);
    return 1;
}

/* Two answers, the dispute, and every move but the judgement. Returns what the last step gives. */
static mdl_judged play(ledger_play *p) {
    char json[1024];
    uint64_t lease[3];
    ledger_verified_experiment("{\"probation\":0,\"dispute\":1,\"selected\":0}", json, sizeof json);
    ledger_play_open(p, json, "open 0", 0);
    log_key_make("example.org/ledger");
    for (uint32_t i = HONEST; i <= LIAR; i++)
        append(p, ledger_play_admit(p, i));
    for (uint32_t i = HONEST; i <= LIAR; i++) {
        mdl_message m = ledger_play_lease(p, i, 0, 2);
        append(p, m);
        lease[i] = m.as.lease.lease;
        m = ledger_play_unit(p, lease[i]);
        if (i == LIAR)
            lie(p, &m);
        mdl_message commit = ledger_play_commit(p, &m, i);
        ledger_play_append(p, &commit, i);
        ledger_play_append(p, &m, i);
    }
    mdl_message m;
    assert_int_equal(mdl_ledger_make_dispute(p->ledger, 0, &m), MDL_EMISMATCH); /* they agree about job 0 */
    assert_int_equal(mdl_ledger_make_dispute(p->ledger, JOB, &m), MDL_OK);
    m.head = ledger_play_message(p, m.type).head;
    LEDGER_SPOILT(p, m, LEDGER_COORDINATOR, MDL_RULE_DISPUTE, msg.as.dispute.job = 0);
    LEDGER_SPOILT(p, m, LEDGER_COORDINATOR, MDL_RULE_DISPUTE, msg.as.dispute.generation = 1);
    LEDGER_SPOILT(p, m, LEDGER_COORDINATOR, MDL_RULE_DISPUTE, msg.as.dispute.second = msg.as.dispute.first);
    append(p, m);
    m.head.seq++;
    ledger_play_breaks(p, &m, LEDGER_COORDINATOR, MDL_RULE_DISPUTE); /* twice */
    assert_int_equal(mdl_ledger_make_judgement(p->ledger, JOB, NULL, &m), MDL_EMISMATCH);
    while (move(p, LIAR, lease[LIAR]) | move(p, HONEST, lease[HONEST]))
        ;
    mdl_case last;
    mdl_judged judged;
    mdl_job job;
    const mdl_ledger_dispute *d = mdl_ledger_dispute_of(p->ledger, JOB);
    assert_int_equal(mdl_ledger_judgeable(d, &last), 2);
    assert_int_equal(last.dispute.stage, from == UINT32_MAX ? MDL_DISPUTE_SAME : MDL_DISPUTE_STEP);
    assert_true(from == UINT32_MAX || last.dispute.hi == from);
    const uint8_t *state = NULL;
    size_t size = 0;
    assert_int_equal(d->has_state, from > 1);
    assert_true(!d->has_state || p->source.get(p->source.ctx, d->state, &state, &size) == MDL_OK);
    mdl_evolution_job(mdl_ledger_evolution(p->ledger), JOB, &job, p->genome);
    mdl_life_genome(p->life, p->genome);
    assert_int_equal(mdl_case_judge(&last, p->life, state, size, &judged), MDL_OK);
    assert_int_equal(judged.wrong, 2); /* side 1 */
    return judged;
}

static void audit(const ledger_play *p, const char *proofs) {
    mdl_audit_source s = source_make(p, p->record, p->records);
    audit_with(&s, 1, NULL, proofs);
}

static mdl_buffer moves_of(const ledger_play *p) {
    mdl_buffer moves = {0};
    mdl_sink sink = mdl_buffer_sink(&moves);
    assert_int_equal(mdl_ledger_transcript(p->ledger, mdl_ledger_dispute_of(p->ledger, JOB), &sink), MDL_OK);
    return moves;
}

/* A proof by somebody who would have the right judgement false; with the moves, or some of them. */
static void accuse(const ledger_play *p, const uint8_t *moves, size_t size) {
    const uint8_t *document;
    size_t document_size;
    assert_int_equal(p->source.get(p->source.ctx, p->document, &document, &document_size), MDL_OK);
    made_begin(MDL_FRAUD_JUDGEMENT, p->record, p->records - 1);
    made_put(MDL_FRAUD_DOCUMENT_FIELD, document, document_size);
    made_put(MDL_FRAUD_TRANSCRIPT_FIELD, moves, size);
    verify(NULL);
    assert_int_equal(verdict.verdict, MDL_FRAUD_FALSE);
    assert_false(verdict.has_culprit);
}

static void a_right_judgement(void **state) {
    (void)state;
    static const uint32_t lies[] = {1, 3, UINT32_MAX};
    for (int i = 0; i < 3; i++) {
        ledger_play p;
        mdl_message m;
        char folder[512];
        from = lies[i];
        mdl_judged judged = play(&p);
        mdl_buffer moves = moves_of(&p);
        assert_int_equal(mdl_ledger_make_judgement(p.ledger, JOB, &judged, &m), MDL_OK);
        m.head = ledger_play_message(&p, m.type).head;
        uint32_t other = m.as.judgement.fault == MDL_FAULT_END ? MDL_FAULT_WINDOW : MDL_FAULT_END;
        LEDGER_SPOILT(&p, m, LEDGER_COORDINATOR, MDL_RULE_JUDGEMENT, msg.as.judgement.wrong = 1);
        LEDGER_SPOILT(&p, m, LEDGER_COORDINATOR, MDL_RULE_JUDGEMENT, msg.as.judgement.fault = other);
        LEDGER_SPOILT(&p, m, LEDGER_COORDINATOR, MDL_RULE_JUDGEMENT, msg.as.judgement.job = 0);
        LEDGER_SPOILT(&p, m, LEDGER_COORDINATOR, MDL_RULE_JUDGEMENT, msg.as.judgement.updates++);
        LEDGER_SPOILT(&p, m, LEDGER_COORDINATOR, MDL_RULE_JUDGEMENT, msg.as.judgement.transcript[31] ^= 1);
        append(&p, m);
        assert_int_equal(mdl_ledger_worker_find(p.ledger, p.key[LIAR])->verdict, p.records - 1);
        assert_int_equal(mdl_ledger_worker_find(p.ledger, p.key[HONEST])->verdict, 0);
        assert_null(mdl_ledger_dispute_of(p.ledger, JOB));
        assert_int_equal(mdl_duty_answers(mdl_ledger_duty(p.ledger), JOB), 1);
        audit(&p, in_directory(folder, "right"));
        assert_true(report.findings == 0 && report.notes == 1 && report.judgements == 1);
        assert_true(report.wrong == 1 && report.proofs == 1); /* of the liar's result */
        mdl_audit_report_free(&report);
        accuse(&p, moves.bytes, moves.size);
        assert_non_null(strstr(verdict.text, "is right"));
        accuse(&p, moves.bytes, moves.size - 6); /* the last head, the whole of it or a part */
        assert_non_null(strstr(verdict.text, "not the one that the record names"));
        free(moves.bytes);
        ledger_play_close(&p);
    }
}

/* A last step that gives what the liar said convicts the honest worker, and the coordinator in an audit. What that
 * writes convicts it alone. */
static void a_false_judgement(void **state) {
    (void)state;
    static const uint32_t lies[] = {1, 3, UINT32_MAX};
    for (int i = 0; i < 3; i++) {
        ledger_play p;
        mdl_message m;
        mdl_case last;
        char folder[512], name[32], path[600], error[ERROR];
        from = lies[i];
        mdl_judged judged = play(&p);
        assert_int_equal(mdl_ledger_judgeable(mdl_ledger_dispute_of(p.ledger, JOB), &last), 2);
        if (from == UINT32_MAX)
            judged.row = last.row[1];
        else
            memcpy(judged.truth, last.dispute.claim[1], sizeof judged.truth);
        assert_int_equal(mdl_ledger_make_judgement(p.ledger, JOB, &judged, &m), MDL_OK);
        assert_int_equal(m.as.judgement.wrong, 1);
        m.head = ledger_play_message(&p, m.type).head;
        append(&p, m);
        assert_true(mdl_ledger_worker_find(p.ledger, p.key[HONEST])->verdict > 0);
        snprintf(name, sizeof name, "false%d", i);
        audit(&p, in_directory(folder, name));
        int found = 0;
        for (uint32_t k = 0; k < report.findings; k++)
            found |= report.finding[k].record == p.records - 1 && report.finding[k].rule == MDL_AUDIT_RECOMPUTE &&
                     memcmp(report.finding[k].culprit, p.key[LEDGER_COORDINATOR], MDL_KEY_BYTES) == 0;
        assert_true(found && report.proofs_failed == 0);
        mdl_audit_report_free(&report);
        snprintf(path, sizeof path, "%s/judgement-%zu.fraud", folder, p.records - 1);
        free(proof_bytes);
        assert_int_equal(mdl_file_read(path, 1 << 24, &proof_bytes, &proof_size, error, sizeof error), MDL_OK);
        parse();
        verify(NULL);
        assert_int_equal(verdict.verdict, MDL_FRAUD_PROVEN);
        assert_true(verdict.has_culprit && verdict.record == p.records - 1);
        assert_memory_equal(verdict.culprit, p.key[LEDGER_COORDINATOR], MDL_KEY_BYTES);
        spoil_all(i == 1 ? SIZE_MAX : 50);
        ledger_play_close(&p);
    }
    free(proof_bytes);
    made_free();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_judgement),
        cmocka_unit_test(a_false_judgement),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
