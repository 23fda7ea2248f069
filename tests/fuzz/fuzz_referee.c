/* Disputes about a job of two small lives, between who did it right and who says something else of the second one.
 *
 * Input: a byte that picks what the liar answered, a byte for the window from which it tells other states; then moves:
 * a byte for kind and side, a byte for how it is spoilt (0: not; else a byte of it, place and XOR following). The moves
 * are those that are asked for; every fourth kind is bytes of the input instead. What is left at the end changes the
 * transcript, three bytes each: place u16, XOR.
 *   Nobody is found wrong before it is over, somebody is then; the honest side only after it was silent or spoilt.
 *   The transcript, played again, comes to the same end; changed, it is refused somewhere, or it is another one that
 *   comes to an end. Where it ends in a step, its moves lead to that step without the answers, too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/experiment_json.h"
#include "protocol/point.h"
#include "protocol/referee.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIVES = 2, JOB = 1, TAKEN_MAX = 1 << 14, WINDOWS_MAX = 128, STATE_MAX = 4096, MOVES_MAX = 24, LIES = 5 };
enum { HONEST = 0, LIAR = 1 };

static const char document[] =
    "{\"name\":\"referee\",\"seed\":\"3\",\"task\":{\"name\":\"bandit\",\"trials\":30},"
    "\"network\":{\"neurons\":4,\"ring\":\"dense\"},"
    "\"verification\":\"off\",\"test_episodes\":1,\"evolution\":{\"generations\":1,\"episodes\":2,\"validate_every\":1,"
    "\"validate_episodes\":1,\"islands\":[{\"algorithm\":\"es\",\"population\":4}]}}";

typedef struct log {
    uint8_t at[TAKEN_MAX];
    size_t size;
} log;

static struct {
    mdl_experiment experiment;
    mdl_life *life;
    mdl_job job;
    mdl_life_row rows[1 + LIES][LIVES]; /* the truth, then each liar's */
    mdl_job_result answer[1 + LIES];
    uint32_t windows;                                  /* of the second life            */
    uint8_t digest[WINDOWS_MAX + 1][MDL_DIGEST_BYTES]; /* of its points, by windows      */
    log state[WINDOWS_MAX + 1];
} it;

static void append(void *ctx, const void *bytes, size_t size) {
    log *l = ctx;
    MDL_ASSERT(size <= TAKEN_MAX - l->size);
    if (size > 0)
        memcpy(l->at + l->size, bytes, size);
    l->size += size;
}

static void *taken(size_t size) {
    void *at = aligned_alloc(64, (size + 63) / 64 * 64);
    MDL_ASSERT(at);
    return at;
}

/* What each liar says of the second life. */
static void prepare_lies(void) {
    for (uint32_t k = 1; k <= LIES; k++) {
        memcpy(it.rows[k], it.rows[0], sizeof it.rows[0]);
        mdl_life_row *row = &it.rows[k][1];
        row->end[3] ^= k == 1;
        row->windows -= k == 2;
        row->windows += k == 3 ? 20 : 0;
        row->fitness += k == 4;
        mdl_unit_segment(it.job.generation, JOB, it.rows[k], LIVES, &it.answer[k]);
        it.answer[k].updates += k == 5; /* true rows that do not add up to it */
    }
}

static void prepare(void) {
    mdl_json_error error;
    mdl_genome_layout layout;
    uint32_t point[WINDOWS_MAX + 1];
    mdl_err err = mdl_experiment_parse((const uint8_t *)document, strlen(document), &it.experiment, &error);
    MDL_ASSERT(err == MDL_OK);
    int bad = mdl_genome_layout_of(&it.experiment, &layout);
    MDL_ASSERT(bad == 0);
    float *prior = taken(2 * layout.genes * sizeof *prior), *genome = taken(layout.genes * sizeof *genome);
    mdl_gene_prior search = mdl_genome_search_prior(&it.experiment, &layout, prior);
    void *memory = taken(mdl_evolution_bytes(&it.experiment.evolution, layout.genes));
    mdl_evolution *e = mdl_evolution_init(memory, &it.experiment.evolution, &search);
    it.life = mdl_life_init(taken(mdl_life_bytes(&it.experiment, 1)), &it.experiment, 1, NULL);
    mdl_unit_job(it.life, e, JOB, genome, it.rows[0], &it.answer[0]);
    mdl_evolution_job(e, JOB, &it.job, genome);
    it.windows = it.rows[0][1].windows;
    MDL_ASSERT(it.job.episodes == LIVES && it.windows <= WINDOWS_MAX);
    mdl_place at = mdl_unit_place(&it.experiment, &it.job, 1);
    for (uint32_t i = 0; i <= it.windows; i++) {
        point[i] = i;
        err = mdl_point_save(it.life, &at, i, &(mdl_sink){append, &it.state[i]});
        MDL_ASSERT(err == MDL_OK && it.state[i].size <= STATE_MAX);
    }
    err = mdl_point_digests(it.life, &at, point, it.windows + 1, it.digest);
    MDL_ASSERT(err == MDL_OK);
    prepare_lies();
    free(prior);
    free(genome);
    free(memory);
}

typedef struct play {
    const uint8_t *at; /* input left */
    size_t left;
    mdl_referee r;
    uint32_t lie, from; /* the liar: which, and the first window of which it says another state */
    int clean;          /* the honest side has said and done all as it should */
} play;

static uint8_t next(play *p) {
    if (p->left == 0)
        return 0;
    p->left--;
    return *p->at++;
}

/* A side's state after `windows`; zeros after its life's end. */
static void say(const play *p, uint32_t side, uint32_t windows, uint8_t out[MDL_DIGEST_BYTES]) {
    uint32_t end = it.rows[side == HONEST ? 0 : p->lie][1].windows;
    memset(out, windows <= it.windows ? 0 : 0x77, MDL_DIGEST_BYTES);
    if (windows <= it.windows)
        memcpy(out, it.digest[windows], MDL_DIGEST_BYTES);
    if (side == LIAR && windows >= p->from)
        out[5] ^= 1;
    if (windows > end)
        memset(out, 0, MDL_DIGEST_BYTES);
}

/* The bytes of the move that is asked for; how many. */
static size_t right_move(const play *p, uint32_t side, uint8_t out[STATE_MAX]) {
    log rows = {.size = 0};
    uint8_t digest[MDL_DIGEST_BYTES];
    uint32_t windows;
    size_t size = 0;
    switch (p->r.stage) {
    case MDL_REFEREE_ROWS:
        for (uint32_t i = 0; i < LIVES; i++)
            mdl_row_put(&it.rows[side == HONEST ? 0 : p->lie][i], &(mdl_sink){append, &rows});
        memcpy(out, rows.at, rows.size);
        return rows.size;
    case MDL_REFEREE_POINTS:
        for (uint32_t i = 0; i < p->r.dispute.count; i++, size += MDL_DIGEST_BYTES)
            say(p, side, p->r.dispute.point[i], out + size);
        return size;
    case MDL_REFEREE_JUDGE:
        if (!mdl_referee_state(&p->r, &windows, digest) || windows > it.windows)
            return 0;
        memcpy(out, it.state[windows].at, it.state[windows].size);
        return it.state[windows].size;
    default:
        return 0;
    }
}

/* Spoilt, or something else; 1: it is not what it was. */
static int spoil(play *p, uint8_t *bytes, size_t *size) {
    uint8_t how = next(p);
    if (how == 0 || *size == 0)
        return 0;
    if (how > 250) {
        *size -= how - 250u < *size ? how - 250u : *size;
        return 1;
    }
    size_t place = ((size_t)how << 4 | next(p)) % *size;
    uint8_t by = next(p);
    bytes[place] ^= by;
    return by != 0;
}

static void move(play *p) {
    static uint8_t bytes[STATE_MAX];
    uint8_t op = next(p), digest[MDL_DISPUTE_POINTS][MDL_DIGEST_BYTES];
    uint32_t side = op & 1;
    mdl_referee_stage stage = p->r.stage;
    if (op >= 240) {
        int due = mdl_referee_waits(&p->r, side);
        MDL_ASSERT(mdl_referee_silent(&p->r, side) == (due ? MDL_OK : MDL_EMISMATCH));
        p->clean &= side != HONEST || !due;
        return;
    }
    size_t size = right_move(p, side, bytes);
    int other = spoil(p, bytes, &size);
    mdl_err err = MDL_EMISMATCH;
    /* Mostly the move that is asked for. */
    switch (op / 2 % 8 == 7 ? op / 16 % 3 : (uint32_t)stage) {
    case MDL_REFEREE_ROWS:
        err = mdl_referee_rows(&p->r, side, bytes, size);
        break;
    case MDL_REFEREE_POINTS:
        size = size < sizeof digest ? size / MDL_DIGEST_BYTES : MDL_DISPUTE_POINTS;
        memcpy(digest, bytes, size * MDL_DIGEST_BYTES);
        err = mdl_referee_points(&p->r, side, (const uint8_t(*)[MDL_DIGEST_BYTES])digest, (uint32_t)size);
        break;
    default:
        err = mdl_referee_judge(&p->r, bytes, size);
    }
    if (err == MDL_OK && side == HONEST && other)
        p->clean = 0;
}

static void check_faults(const mdl_referee *r) {
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < MDL_DISPUTE_SIDES; i++)
        wrong += r->fault[i] != MDL_FAULT_NONE;
    MDL_ASSERT((r->stage == MDL_REFEREE_OVER) == (wrong > 0));
}

/* Bytes as a transcript, of what the same two answered. Its error; what was taken goes to `again`. */
static mdl_err replay(const mdl_job_result *answer, const uint8_t *bytes, size_t size, log *again, mdl_referee *out) {
    again->size = 0;
    mdl_referee_begin(out, it.life, &it.job, JOB, answer, &(mdl_sink){append, again});
    mdl_err err = mdl_referee_replay(out, bytes, size);
    check_faults(out);
    MDL_ASSERT(again->size <= size && (again->size == 0 || memcmp(again->at, bytes, again->size) == 0));
    MDL_ASSERT(err != MDL_OK || (out->stage == MDL_REFEREE_OVER && again->size == size));
    mdl_referee_end(out);
    return err;
}

/* As a fraud proof has it: without answers. `of`: what the same bytes came to with them; NULL: they are others. */
static void lead(const uint8_t *bytes, size_t size, const mdl_referee *of) {
    mdl_referee r;
    const uint8_t *state;
    size_t state_size;
    mdl_case last;
    mdl_judged judged;
    mdl_referee_begin(&r, NULL, &it.job, JOB, NULL, NULL);
    if (mdl_referee_lead(&r, bytes, size, &state, &state_size) == MDL_OK) {
        mdl_referee_case(&r, &last);
        mdl_err err = mdl_case_judge(&last, it.life, state, state_size, &judged);
        for (uint32_t i = 0; of && i < MDL_DISPUTE_SIDES; i++)
            MDL_ASSERT(err == MDL_OK && (judged.wrong >> i & 1) == (of->fault[i] != MDL_FAULT_NONE));
    }
    mdl_referee_end(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static log first, again;
    static play p;
    mdl_referee s;
    if (!it.life)
        prepare();
    memset(&p, 0, sizeof p);
    p.at = data;
    p.left = size;
    p.clean = 1;
    p.lie = 1 + next(&p) % LIES;
    p.from = next(&p);
    first.size = 0;
    const mdl_job_result answer[MDL_DISPUTE_SIDES] = {it.answer[0], it.answer[p.lie]};
    mdl_referee_begin(&p.r, it.life, &it.job, JOB, answer, &(mdl_sink){append, &first});
    for (int i = 0; i < MOVES_MAX && p.left > 0 && p.r.stage != MDL_REFEREE_OVER; i++)
        move(&p);
    check_faults(&p.r);
    MDL_ASSERT(!p.clean || p.r.fault[HONEST] == MDL_FAULT_NONE);
    mdl_err err = replay(answer, first.at, first.size, &again, &s);
    MDL_ASSERT((err == MDL_OK) == (p.r.stage == MDL_REFEREE_OVER));
    MDL_ASSERT(again.size == first.size && s.stage == p.r.stage && s.which == p.r.which);
    MDL_ASSERT(memcmp(s.fault, p.r.fault, sizeof s.fault) == 0);
    lead(first.at, first.size, &p.r);
    mdl_referee_end(&p.r);
    if (p.left >= 3 && first.size > 0) {
        for (; p.left >= 3; p.left -= 3, p.at += 3)
            first.at[(p.at[0] | (size_t)p.at[1] << 8) % first.size] ^= p.at[2];
        replay(answer, first.at, first.size, &again, &s);
        lead(first.at, first.size, NULL);
    }
    return 0;
}
