/* Judgements of disputes: an audit runs their last step, and notes the convict's results. */
#include "tests/audit/support.h"

#include "protocol/grow.h"
#include "protocol/retrace.h"

static mdl_audit_report report;

enum { HONEST = 1, LIAR = 2, JOB = 1, FROM = 3 /* window of the lie */ };

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
        if (r.point[i] >= FROM && memcmp(b.bytes + 32 * (size_t)i, over, sizeof over) != 0)
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
    assert_int_equal(last.dispute.hi, FROM);
    const uint8_t *state = NULL;
    size_t size = 0;
    assert_true(d->has_state && p->source.get(p->source.ctx, d->state, &state, &size) == MDL_OK);
    mdl_evolution_job(mdl_ledger_evolution(p->ledger), JOB, &job, p->genome);
    mdl_life_genome(p->life, p->genome);
    assert_int_equal(mdl_case_judge(&last, p->life, state, size, &judged), MDL_OK);
    assert_int_equal(judged.wrong, 2); /* side 1 */
    return judged;
}

static void audit(const ledger_play *p) {
    char error[ERROR] = "";
    mdl_audit_source s = source_make(p, p->record, p->records);
    mdl_audit_options o = options_make(1);
    if (mdl_audit_run(&s, &o, &report, error, sizeof error) != MDL_OK)
        fail_msg("%s", error);
    mdl_audit_source_close(&s);
}

static void a_right_judgement(void **state) {
    (void)state;
    ledger_play p;
    mdl_message m;
    mdl_judged judged = play(&p);
    assert_int_equal(mdl_ledger_make_judgement(p.ledger, JOB, &judged, &m), MDL_OK);
    m.head = ledger_play_message(&p, m.type).head;
    LEDGER_SPOILT(&p, m, LEDGER_COORDINATOR, MDL_RULE_JUDGEMENT, msg.as.judgement.wrong = 1);
    LEDGER_SPOILT(&p, m, LEDGER_COORDINATOR, MDL_RULE_JUDGEMENT, msg.as.judgement.fault = MDL_FAULT_END);
    LEDGER_SPOILT(&p, m, LEDGER_COORDINATOR, MDL_RULE_JUDGEMENT, msg.as.judgement.job = 0);
    LEDGER_SPOILT(&p, m, LEDGER_COORDINATOR, MDL_RULE_JUDGEMENT, msg.as.judgement.updates = 1);
    append(&p, m);
    assert_int_equal(mdl_ledger_worker_find(p.ledger, p.key[LIAR])->verdict, p.records - 1);
    assert_int_equal(mdl_ledger_worker_find(p.ledger, p.key[HONEST])->verdict, 0);
    assert_null(mdl_ledger_dispute_of(p.ledger, JOB));
    assert_int_equal(mdl_duty_answers(mdl_ledger_duty(p.ledger), JOB), 1);
    audit(&p);
    assert_true(report.findings == 0 && report.notes == 1 && report.judgements == 1);
    mdl_audit_report_free(&report);
    ledger_play_close(&p);
}

/* A last step that gives what the liar said convicts the honest worker, and the coordinator in an audit. */
static void a_false_judgement(void **state) {
    (void)state;
    ledger_play p;
    mdl_message m;
    mdl_case last;
    mdl_judged judged = play(&p);
    assert_int_equal(mdl_ledger_judgeable(mdl_ledger_dispute_of(p.ledger, JOB), &last), 2);
    memcpy(judged.truth, last.dispute.claim[1], sizeof judged.truth);
    assert_int_equal(mdl_ledger_make_judgement(p.ledger, JOB, &judged, &m), MDL_OK);
    assert_int_equal(m.as.judgement.wrong, 1);
    m.head = ledger_play_message(&p, m.type).head;
    append(&p, m);
    assert_true(mdl_ledger_worker_find(p.ledger, p.key[HONEST])->verdict > 0);
    audit(&p);
    int found = 0;
    for (uint32_t i = 0; i < report.findings; i++)
        found |= report.finding[i].record == p.records - 1 && report.finding[i].rule == MDL_AUDIT_RECOMPUTE &&
                 memcmp(report.finding[i].culprit, p.key[LEDGER_COORDINATOR], MDL_KEY_BYTES) == 0;
    assert_true(found);
    mdl_audit_report_free(&report);
    ledger_play_close(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_judgement),
        cmocka_unit_test(a_false_judgement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
