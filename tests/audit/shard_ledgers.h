/* Ledgers of networks in shards, played in process, to be audited as they are or forged. */
#ifndef MDL_TESTS_AUDIT_SHARD_LEDGERS_H
#define MDL_TESTS_AUDIT_SHARD_LEDGERS_H

#include "tests/audit/support.h"
#include "tests/coordinator/shard_world.h"

static mdl_audit_report report;
static stage world; /* whose ledger is audited */
static uint8_t pae[MDL_PAE_BYTES_MAX];
static uint64_t list[MDL_LIST_MAX];

#define CUT "{\"shards\":3,\"snapshot_windows\":4}"
#define TWICE "{\"shards\":3,\"snapshot_windows\":4,\"replicas\":2}"

static inline void play_world(const char *sharding, const char *verification, uint32_t players, uint32_t liar,
                              lie_kind what, uint32_t after) {
    stage_open_small(&world, sharding, verification, players);
    world.p[liar].lie = what;
    world.p[liar].lie_after = after;
    world.lie_last = 1; /* so that it shows in what the job ends with */
    play(&world, 0, 0, 200000);
    assert_int_equal(world.p[liar].lied, what != LIE_NONE);
}

static inline void message_at(const ledger_play *p, size_t k, mdl_message *m) {
    mdl_envelope e;
    assert_int_equal(mdl_envelope_decode(p->record[k].bytes, p->record[k].size, pae, &e), MDL_OK);
    assert_int_equal(mdl_message_of(&e, (mdl_list_room){list, MDL_LIST_MAX}, m, NULL), MDL_OK);
}

/* The world's records and blobs in the form that stores are made of; nothing is copied but the lists. */
static inline void view(ledger_play *p) {
    mdl_message m;
    memset(p, 0, sizeof *p);
    p->record = calloc(world.s.records, sizeof *p->record);
    p->blob = calloc(world.s.blobs + 1, sizeof *p->blob);
    assert_true(p->record && p->blob);
    for (size_t i = 0; i < world.s.records; i++) {
        p->record[i] = (ledger_record){world.s.record[i].at, world.s.record[i].size, MDL_MSG_GENESIS};
        message_at(p, i, &m);
        p->record[i].type = m.type;
    }
    for (size_t i = 0; i < world.s.blobs; i++) {
        p->blob[i].bytes = world.s.blob[i].at;
        p->blob[i].size = world.s.blob[i].size;
    }
    p->records = world.s.records;
    p->blobs = world.s.blobs;
}

static inline void unview(ledger_play *p) {
    free(p->record);
    free(p->blob);
}

static inline void audit(const ledger_play *p, size_t count, double sample) {
    mdl_audit_source s = source_make(p, p->record, count);
    audit_source(&s, sample, &report);
}

static inline void done(void) { mdl_audit_report_free(&report); }

static inline size_t next_of(const ledger_play *p, mdl_message_type type, size_t from) {
    while (from < p->records && p->record[from].type != type)
        from++;
    return from;
}

static inline fake_bytes seal(const mdl_message *m, const uint8_t secret[MDL_SECRET_BYTES]) {
    static uint8_t work[MDL_SEAL_WORK_BYTES], envelope[MDL_ENVELOPE_BYTES_MAX];
    size_t size = 0;
    assert_int_equal(mdl_message_seal(m, secret, work, envelope, sizeof envelope, &size), MDL_OK);
    return fake_copy(envelope, size);
}

static inline const fake_worker *worker_of(const uint8_t key[MDL_KEY_BYTES]) {
    uint32_t i = 0;
    while (i < world.players && memcmp(world.p[i].w.key, key, MDL_KEY_BYTES) != 0)
        i++;
    assert_true(i < world.players);
    return &world.p[i].w;
}

/* Record k in another form, behind all that came before it; the audit's rules find it at `at` or later. */
static inline const mdl_audit_finding *audit_forged(ledger_play *p, size_t k, const mdl_message *m,
                                                    const uint8_t *secret, double sample) {
    ledger_record before = p->record[k];
    fake_bytes forged = seal(m, secret);
    p->record[k] = (ledger_record){forged.at, forged.size, m->type};
    audit(p, p->records, sample);
    free(forged.at);
    p->record[k] = before;
    assert_true(report.findings > 0);
    assert_true(report.finding[0].record >= k);
    return &report.finding[0];
}

static inline void expect_rule(const mdl_audit_finding *f, int rule, uint64_t record, const uint8_t *culprit) {
    if (f->rule != rule || f->record != record)
        fail_msg("record %llu, rule %s: %s; not record %llu, rule %s", (unsigned long long)f->record,
                 mdl_audit_rule_name(f->rule), f->text, (unsigned long long)record, mdl_audit_rule_name(rule));
    assert_true(f->has_culprit);
    assert_memory_equal(f->culprit, culprit, MDL_KEY_BYTES);
}

/* ---- verdicts on who was honest ---- */

/* A joined job, its last lease, and what it signed of life 0, window 1. */
typedef struct suspect {
    size_t joined;
    uint64_t lease;
    uint32_t generation, job, shard, lives;
    const fake_worker *worker;
    uint8_t commit[MDL_DIGEST_BYTES];
} suspect;

/* Of the first job that was joined at record `from` or later. */
static inline void find_suspect(const ledger_play *p, size_t from, suspect *out) {
    mdl_message m;
    mdl_transcript t;
    mdl_envelope e;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    out->joined = next_of(p, MDL_MSG_JOINED, from);
    message_at(p, out->joined, &m);
    out->generation = m.as.joined.generation;
    out->job = m.as.joined.job;
    uint64_t result = m.as.joined.results.at[m.as.joined.results.count - 1];
    assert_int_equal(fake_get(&world.s, m.as.joined.transcript, &bytes, &size), MDL_OK);
    assert_int_equal(mdl_transcript_read(bytes, size, &t), MDL_OK);
    out->lives = t.lives;
    message_at(p, result, &m);
    out->lease = m.as.shardresult.lease;
    out->shard = m.as.shardresult.shard;
    assert_int_equal(mdl_envelope_decode(p->record[result].bytes, p->record[result].size, pae, &e), MDL_OK);
    out->worker = worker_of(e.key);
    memcpy(out->commit, mdl_transcript_commit(&t, mdl_transcript_place(&t, 0, 1), out->shard), MDL_DIGEST_BYTES);
}

/* The verdict behind it that this window is false; `right` is what it said. */
static inline mdl_message accuse(const ledger_play *p, const suspect *s) {
    mdl_message m;
    message_at(p, s->joined, &m);
    mdl_message v = {.type = MDL_MSG_SHARDVERDICT};
    v.head = m.head;
    v.head.seq = s->joined + 1;
    v.as.shardverdict =
        (mdl_msg_shardverdict){.generation = s->generation, .job = s->job, .lease = s->lease, .life = 0, .window = 1};
    memcpy(v.as.shardverdict.right, s->commit, MDL_DIGEST_BYTES);
    return v;
}

static inline int close_world(void **state) {
    (void)state;
    stage_close(&world);
    return 0;
}

#endif
