/* The ledger's rules: for each, records that break exactly it. That the state is
 * untouched then is checked by ledger_play_refused(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "protocol/invite.h"
#include "protocol/ticket.h"
#include "protocol/unit.h"
#include "runtime/champion.h"
#include "tests/protocol/ledger_steps.h"

static const uint8_t nobody[MDL_KEY_BYTES];

/* ---- the record itself ---- */

static void names(void **state) {
    (void)state;
    assert_string_equal(mdl_rule_name(MDL_RULE_CLOSE), "CLOSE");
    assert_string_equal(mdl_rule_name(-1), "UNKNOWN");
    assert_string_equal(mdl_rule_name(33), "UNKNOWN");
    for (int i = 0; i < 33; i++) {
        assert_string_not_equal(mdl_rule_name(i), "UNKNOWN");
        assert_string_not_equal(mdl_rule_sentence(i), mdl_rule_sentence(33));
    }
    assert_int_equal(strtol(MDL_RESULTS_VERSION, NULL, 10), MDL_RESULTS);
}

static void form(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 1);
    mdl_breach b;
    static const uint8_t garbage[] = "{\"payloadType\":\"application/vnd.modulon.admit.v1+json\"}";
    assert_int_equal(mdl_ledger_apply(p.ledger, garbage, sizeof garbage - 1, 0, &b), MDL_RULE_FORM);
    assert_int_equal(b.index, 2);
    assert_memory_equal(b.culprit, nobody, sizeof nobody);
    assert_int_equal(mdl_ledger_apply(p.ledger, NULL, 0, 0, NULL), MDL_RULE_FORM);

    /* Sound signatures over what is no record: a call, an unknown type, another form of a right payload. */
    mdl_message m = ledger_play_message(&p, MDL_MSG_PING);
    b = ledger_play_refused(&p, &m, 1);
    assert_int_equal(b.rule, MDL_RULE_FORM);
    assert_memory_equal(b.culprit, nobody, sizeof nobody);
    m = ledger_play_admin(&p, "pause", 0);
    static uint8_t payload[MDL_PAYLOAD_BYTES_MAX + 1], work[MDL_SEAL_WORK_BYTES], out[MDL_ENVELOPE_BYTES_MAX];
    size_t size, out_size;
    assert_int_equal(mdl_message_encode(&m, payload, sizeof payload, &size, NULL), MDL_OK);
    for (int i = 0; i < 3; i++) {
        payload[size] = ' ';
        assert_int_equal(mdl_envelope_sign(i == 1 ? "deed" : "admin", payload, size + (i == 0), p.secret[COORDINATOR],
                                           work, out, sizeof out, &out_size),
                         MDL_OK);
        mdl_rule rule = mdl_ledger_apply(p.ledger, out, out_size, 0, &b);
        assert_int_equal(rule, i == 2 ? MDL_RULE_OK : MDL_RULE_FORM);
    }
    assert_int_equal(mdl_ledger_paused(p.ledger), 1);
    ledger_play_close(&p);
}

static void signatures(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 2);
    mdl_message m = ledger_play_admin(&p, "pause", 0), other = ledger_play_admin(&p, "resume", 0);
    ledger_record r = ledger_play_seal(&p, &m, COORDINATOR), s = ledger_play_seal(&p, &other, COORDINATOR);
    mdl_breach b;
    /* The end, `","sig":"` and 88 letters and `"}]}`, of the other record. */
    memcpy(r.bytes + r.size - 92, s.bytes + s.size - 92, 92);
    assert_int_equal(mdl_ledger_apply(p.ledger, r.bytes, r.size, 0, &b), MDL_RULE_SIGNATURE);
    assert_memory_equal(b.culprit, nobody, sizeof nobody);
    assert_int_equal(mdl_ledger_apply(p.ledger, r.bytes, r.size, 1, &b), MDL_RULE_OK); /* the caller's word */
    free(r.bytes);
    free(s.bytes);
    ledger_play_close(&p);
}

static void signers(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 2);
    mdl_message m = ledger_play_admin(&p, "pause", 0);
    ledger_play_breaks(&p, &m, 1, MDL_RULE_SIGNER);
    m = ledger_play_unit(&p, lease(&p, 1, 0, 2));
    ledger_play_breaks(&p, &m, 2, MDL_RULE_SIGNER);
    ledger_play_breaks(&p, &m, 3, MDL_RULE_SIGNER); /* not admitted at all */
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_SIGNER);
    ledger_play_append(&p, &m, 1);
    ledger_play_close(&p);
}

static void numbers(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 1);
    LEDGER_SPOILT(&p, ledger_play_admin(&p, "pause", 0), COORDINATOR, MDL_RULE_NUMBER, msg.head.seq++);
    LEDGER_SPOILT(&p, ledger_play_admin(&p, "pause", 0), COORDINATOR, MDL_RULE_NUMBER, msg.head.seq--);
    LEDGER_SPOILT(&p, ledger_play_admin(&p, "pause", 0), COORDINATOR, MDL_RULE_NUMBER, msg.head.session[15] = 1);
    ledger_play_close(&p);
}

/* ---- the beginning ---- */

static void genesis(void **state) {
    (void)state;
    ledger_play p;
    mdl_message right;
    ledger_play_begin(&p, NULL, "list", 1, &right);
    assert_null(mdl_ledger_genesis(p.ledger));
    assert_int_equal(mdl_ledger_jobs(p.ledger), 0);
    mdl_message first = ledger_play_admit(&p, 1);
    ledger_play_breaks(&p, &first, COORDINATOR, MDL_RULE_GENESIS);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_GENESIS, msg.as.genesis.version++);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_GENESIS, msg.as.genesis.results++);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_GENESIS, msg.as.genesis.coordinator[0] ^= 1);
    static const char *const bad[] = {"open",    "open ",   "open 41", "open 01", "open +1",   "open -1",
                                      "open 1 ", "open 1x", "list ",   "lists",   "open 4294", "invite x",
                                      "Open 1",  "open  1", "nobody",  " list"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_GENESIS, strcpy(msg.as.genesis.admission, bad[i]));
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_NUMBER, msg.head.seq = 1);
    LEDGER_SPOILT(&p, right, 1, MDL_RULE_SIGNER, (void)msg);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_BLOB, msg.as.genesis.document[0] ^= 1);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_BLOB, memset(msg.as.genesis.document, 0, 32));
    append(&p, right);
    assert_string_equal(mdl_ledger_genesis(p.ledger)->origin, "example.org/ledger");
    assert_memory_equal(mdl_ledger_experiment_id(p.ledger), right.head.experiment, 32);
    assert_int_equal(mdl_ledger_jobs(p.ledger), 8);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_GENESIS, msg.head.seq = 1);
    ledger_play_close(&p);
}

static void admission_texts(void **state) {
    (void)state;
    mdl_admission a;
    assert_int_equal(mdl_admission_parse("open 0", &a), MDL_OK);
    assert_true(a.how == MDL_ADMIT_OPEN && a.bits == 0);
    assert_int_equal(mdl_admission_parse("open 40", &a), MDL_OK);
    assert_true(a.how == MDL_ADMIT_OPEN && a.bits == 40);
    assert_int_equal(mdl_admission_parse("list", &a), MDL_OK);
    assert_true(a.how == MDL_ADMIT_LIST);
    assert_int_equal(mdl_admission_parse("invite", &a), MDL_OK);
    assert_true(a.how == MDL_ADMIT_INVITE);
}

static void documents(void **state) {
    (void)state;
    static const char broken[] = "{\"name\":\"ledger\",\"task\":\"no such task\"}";
    ledger_play p;
    mdl_message right;
    ledger_play_begin(&p, NULL, "open 0", 1, &right);
    uint8_t digest[MDL_DIGEST_BYTES];
    ledger_play_store(&p, broken, sizeof broken - 1, digest);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_DOCUMENT, memcpy(msg.as.genesis.document, digest, sizeof digest));
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_DOCUMENT, msg.head.experiment[31] ^= 0x80);
    append(&p, right);
    LEDGER_SPOILT(&p, ledger_play_admit(&p, 1), COORDINATOR, MDL_RULE_DOCUMENT, msg.head.experiment[31] ^= 0x80);
    append(&p, ledger_play_admit(&p, 1));
    LEDGER_SPOILT(&p, ledger_play_unit(&p, lease(&p, 1, 0, 1)), 1, MDL_RULE_DOCUMENT, msg.head.experiment[0] ^= 1);
    ledger_play_close(&p);
}

/* ---- admission ---- */

static void admit_open(void **state) {
    (void)state;
    ledger_play p;
    ledger_play_open(&p, NULL, "open 6", 1);
    mdl_message right = ledger_play_admit(&p, 1);
    uint64_t nonce = 0, low = 0;
    assert_int_equal(mdl_ticket_find(p.experiment.id, p.key[1], 6, 100000, &nonce), MDL_OK);
    while (mdl_ticket_bits(p.experiment.id, p.key[1], low) != 5)
        low++;
    right.as.admit.ticket = nonce;
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, msg.as.admit.ticket = low);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, msg.as.admit.how = MDL_ADMIT_LIST);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, msg.as.admit.owner[0] ^= 1);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, strcpy(msg.as.admit.invite, "x"));
    append(&p, right);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, msg.head.seq++); /* twice */
    assert_int_equal(mdl_ledger_worker_find(p.ledger, p.key[1])->admitted, 1);
    ledger_play_close(&p);

    ledger_play_open(&p, NULL, "open 0", 1);
    right = ledger_play_admit(&p, 1);
    static const uint8_t identity[MDL_KEY_BYTES] = {1};
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT,
                  (memcpy(msg.as.admit.worker, identity, 32), memcpy(msg.as.admit.owner, identity, 32)));
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT,
                  (memcpy(msg.as.admit.worker, p.key[0], 32), memcpy(msg.as.admit.owner, p.key[0], 32)));
    ledger_play_close(&p);
}

static void admit_list(void **state) {
    (void)state;
    ledger_play p;
    ledger_play_open(&p, NULL, "list", 1);
    mdl_message right = ledger_play_admit(&p, 1);
    right.as.admit.how = MDL_ADMIT_LIST;
    memcpy(right.as.admit.owner, p.key[9], MDL_KEY_BYTES);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, msg.as.admit.how = MDL_ADMIT_INVITE);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, msg.as.admit.ticket = 1);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, strcpy(msg.as.admit.invite, "x"));
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, memset(msg.as.admit.owner, 0, 32));
    append(&p, right);
    assert_memory_equal(mdl_ledger_worker_find(p.ledger, p.key[1])->owner, p.key[9], MDL_KEY_BYTES);
    assert_null(mdl_ledger_worker_find(p.ledger, p.key[9]));
    ledger_play_close(&p);
}

/* An admission of `worker` by an invitation of `signer` in the name of `owner`. */
static mdl_message invited(const ledger_play *p, uint32_t worker, uint32_t owner, uint32_t signer, uint64_t expires) {
    mdl_message m = ledger_play_admit(p, worker);
    mdl_msg_invite terms;
    memset(&terms, 0, sizeof terms);
    memcpy(terms.worker, p->key[worker], MDL_KEY_BYTES);
    memcpy(terms.owner, p->key[owner], MDL_KEY_BYTES);
    memcpy(terms.name, m.as.admit.name, sizeof terms.name);
    terms.expires = expires;
    char text[MDL_INVITE_BYTES_MAX + 1];
    assert_int_equal(mdl_invite_sign(p->experiment.id, &terms, p->secret[signer], text), MDL_OK);
    strcpy(m.as.admit.invite, text);
    m.as.admit.how = MDL_ADMIT_INVITE;
    memcpy(m.as.admit.owner, p->key[owner], MDL_KEY_BYTES);
    return m;
}

static void admit_invite(void **state) {
    (void)state;
    ledger_play p;
    ledger_play_open(&p, NULL, "invite", 1);
    mdl_message right = invited(&p, 1, 9, COORDINATOR, 0), other = invited(&p, 2, 9, COORDINATOR, 0);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, msg.as.admit.how = MDL_ADMIT_OPEN);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, msg.as.admit.ticket = 1);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, msg.as.admit.invite[0] = 0);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, strcpy(msg.as.admit.invite, other.as.admit.invite));
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, memcpy(msg.as.admit.owner, p.key[8], 32));
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_ADMIT, msg.as.admit.name[0] ^= 1);
    LEDGER_SPOILT(&p, invited(&p, 1, 9, 8, 0), COORDINATOR, MDL_RULE_ADMIT, (void)msg); /* a stranger for owner 9 */
    append(&p, right);
    /* An owner for itself. The fold has no clock: that it was in time is the coordinator's word. */
    append(&p, invited(&p, 2, 9, 9, 1));
    assert_int_equal(mdl_ledger_worker_find(p.ledger, p.key[2])->how, MDL_ADMIT_INVITE);
    ledger_play_close(&p);
}

/* ---- leases and results ---- */

static void leases(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 3);
    append(&p, ledger_play_admin(&p, "ban", 3));
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 1, 0, 2), COORDINATOR, MDL_RULE_LEASE, msg.as.lease.lease++);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 4, 0, 2), COORDINATOR, MDL_RULE_LEASE, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 3, 0, 2), COORDINATOR, MDL_RULE_LEASE, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 1, 0, 2), COORDINATOR, MDL_RULE_LEASE, msg.as.lease.generation++);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 1, 7, 2), COORDINATOR, MDL_RULE_LEASE, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 1, 8, 1), COORDINATOR, MDL_RULE_LEASE, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 1, UINT32_MAX, 2), COORDINATOR, MDL_RULE_LEASE, (void)msg);
    append(&p, ledger_play_admin(&p, "pause", 0));
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 1, 0, 2), COORDINATOR, MDL_RULE_LEASE, (void)msg);
    append(&p, ledger_play_admin(&p, "resume", 0));

    assert_int_equal(lease(&p, 1, 2, 3), 0);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 2, 2, 2), COORDINATOR, MDL_RULE_LEASE, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 2, 4, 2), COORDINATOR, MDL_RULE_LEASE, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 2, 0, 8), COORDINATOR, MDL_RULE_LEASE, (void)msg);
    assert_int_equal(lease(&p, 2, 2, 3), 1); /* a copy: exactly the same jobs */
    append(&p, ledger_play_expire(&p, 0));
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 1, 2, 2), COORDINATOR, MDL_RULE_LEASE, (void)msg); /* the copy is open */
    append(&p, ledger_play_expire(&p, 1));
    assert_int_equal(lease(&p, 2, 2, 2), 2); /* now free */
    mdl_message m = ledger_play_unit(&p, 2);
    ledger_play_append(&p, &m, 2);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 1, 3, 2), COORDINATOR, MDL_RULE_LEASE,
                  (void)msg); /* job 3 has its result */
    const mdl_ledger_worker *w = mdl_ledger_worker_find(p.ledger, p.key[2]);
    assert_true(w->open == 0 && w->accepted == 1 && w->expired == 1 && w->pending == 3 + 4 && w->credit == 0);
    ledger_play_close(&p);
}

static void expiries(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 2);
    uint64_t a = lease(&p, 1, 0, 1), b = lease(&p, 1, 1, 1);
    LEDGER_SPOILT(&p, ledger_play_expire(&p, 2), COORDINATOR, MDL_RULE_EXPIRE, (void)msg); /* none */
    static const uint32_t bad[] = {1, 100, 199, 203, 65535};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        LEDGER_SPOILT(&p, ledger_play_expire(&p, a), COORDINATOR, MDL_RULE_EXPIRE, msg.as.expire.reason = bad[i]);
    mdl_message m = ledger_play_unit(&p, a);
    ledger_play_append(&p, &m, 1);
    LEDGER_SPOILT(&p, ledger_play_expire(&p, a), COORDINATOR, MDL_RULE_EXPIRE, (void)msg); /* done */
    append(&p, ledger_play_expire(&p, b));
    LEDGER_SPOILT(&p, ledger_play_expire(&p, b), COORDINATOR, MDL_RULE_EXPIRE, (void)msg); /* expired */
    LEDGER_SPOILT(&p, ledger_play_unit(&p, b), 1, MDL_RULE_RESULT, (void)msg);
    ledger_play_close(&p);
}

static void results(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 2);
    uint64_t id = lease(&p, 1, 2, 3);
    LEDGER_SPOILT(&p, ledger_play_unit(&p, id), 1, MDL_RULE_RESULT, msg.as.result.lease++);
    LEDGER_SPOILT(&p, ledger_play_unit(&p, id), 1, MDL_RULE_RESULT, msg.as.result.generation++);
    LEDGER_SPOILT(&p, ledger_play_unit(&p, id), 1, MDL_RULE_RESULT, msg.as.result.first--);
    LEDGER_SPOILT(&p, ledger_play_unit(&p, id), 1, MDL_RULE_RESULT,
                  (msg.as.result.count--, msg.as.result.fitness.count--));
    LEDGER_SPOILT(&p, ledger_play_unit(&p, id), 1, MDL_RULE_RESULT, msg.as.result.fitness.count--);
    append(&p, ledger_play_admin(&p, "ban", 1));
    LEDGER_SPOILT(&p, ledger_play_unit(&p, id), 1, MDL_RULE_RESULT, (void)msg);
    append(&p, ledger_play_admin(&p, "unban", 1));

    uint64_t copy = lease(&p, 2, 2, 3);
    mdl_message m = ledger_play_unit(&p, copy);
    uint64_t record = ledger_play_append(&p, &m, 2), found;
    int64_t fitness;
    assert_int_equal(mdl_ledger_job_result(p.ledger, 4, &fitness, &found), 1);
    assert_true(found == record && fitness == p.fitness[2]);
    assert_int_equal(mdl_ledger_job_result(p.ledger, 5, &fitness, &found), 0);
    assert_int_equal(mdl_ledger_job_result(p.ledger, 8, &fitness, &found), 0);
    assert_int_equal(mdl_ledger_lease_find(p.ledger, copy)->result, record);
    LEDGER_SPOILT(&p, ledger_play_unit(&p, id), 1, MDL_RULE_RESULT, (void)msg);   /* the copy came first */
    LEDGER_SPOILT(&p, ledger_play_unit(&p, copy), 2, MDL_RULE_RESULT, (void)msg); /* once */

    /* 3 + 4 + 5 updates are pending; the sum of all may reach 2^64 - 1, not more. */
    id = lease(&p, 1, 0, 1);
    LEDGER_SPOILT(&p, ledger_play_unit(&p, id), 1, MDL_RULE_RESULT, ledger_play_claim(&p, &msg, UINT64_MAX - 11));
    LEDGER_SPOILT(&p, ledger_play_unit(&p, id), 1, MDL_RULE_RESULT, msg.as.result.updates++); /* not their sum */
    LEDGER_SPOILT(&p, ledger_play_unit(&p, id), 1, MDL_RULE_RESULT, msg.as.result.root[0] ^= 1);
    LEDGER_SPOILT(&p, ledger_play_unit(&p, id), 1, MDL_RULE_COMMIT, msg.as.result.nonce[0] ^= 1);
    m = ledger_play_unit(&p, id);
    ledger_play_claim(&p, &m, UINT64_MAX - 12);
    ledger_play_append(&p, &m, 1);
    LEDGER_SPOILT(&p, ledger_play_unit(&p, lease(&p, 2, 1, 1)), 2, MDL_RULE_RESULT, (void)msg);
    ledger_play_close(&p);
}

static void credit_of_all_stays_in_range(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 2);
    mdl_message m = ledger_play_unit(&p, lease(&p, 1, 0, 8));
    ledger_play_claim(&p, &m, UINT64_MAX);
    ledger_play_append(&p, &m, 1);
    append(&p, ledger_play_closing(&p));
    append(&p, ledger_play_credit(&p));
    assert_int_equal(mdl_ledger_worker_find(p.ledger, p.key[1])->credit, UINT64_MAX);
    uint64_t id = lease(&p, 1, 0, 1);
    LEDGER_SPOILT(&p, ledger_play_unit(&p, id), 1, MDL_RULE_RESULT, (void)msg);
    append(&p, ledger_play_expire(&p, id));
    LEDGER_SPOILT(&p, ledger_play_unit(&p, lease(&p, 2, 0, 1)), 2, MDL_RULE_RESULT, (void)msg);
    ledger_play_close(&p);
}

static void operator(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 1);
    static const char *const bad[] = {"stop", "Pause", "pause ", "bann"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        LEDGER_SPOILT(&p, ledger_play_admin(&p, bad[i], 0), COORDINATOR, MDL_RULE_ADMIN, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_admin(&p, "pause", 1), COORDINATOR, MDL_RULE_ADMIN, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_admin(&p, "resume", 0), COORDINATOR, MDL_RULE_ADMIN, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_admin(&p, "ban", 0), COORDINATOR, MDL_RULE_ADMIN, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_admin(&p, "ban", 2), COORDINATOR, MDL_RULE_ADMIN, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_admin(&p, "unban", 1), COORDINATOR, MDL_RULE_ADMIN, (void)msg);
    append(&p, ledger_play_admin(&p, "pause", 0));
    LEDGER_SPOILT(&p, ledger_play_admin(&p, "pause", 0), COORDINATOR, MDL_RULE_ADMIN, (void)msg);
    append(&p, ledger_play_admin(&p, "ban", 1));
    LEDGER_SPOILT(&p, ledger_play_admin(&p, "ban", 1), COORDINATOR, MDL_RULE_ADMIN, (void)msg);
    append(&p, ledger_play_admin(&p, "unban", 1));
    append(&p, ledger_play_admin(&p, "resume", 0));
    assert_int_equal(mdl_ledger_paused(p.ledger), 0);
    ledger_play_close(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(form),
        cmocka_unit_test(signatures),
        cmocka_unit_test(signers),
        cmocka_unit_test(numbers),
        cmocka_unit_test(genesis),
        cmocka_unit_test(admission_texts),
        cmocka_unit_test(documents),
        cmocka_unit_test(admit_open),
        cmocka_unit_test(admit_list),
        cmocka_unit_test(admit_invite),
        cmocka_unit_test(leases),
        cmocka_unit_test(expiries),
        cmocka_unit_test(results),
        cmocka_unit_test(credit_of_all_stays_in_range),
        cmocka_unit_test(operator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
