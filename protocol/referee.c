#include "protocol/referee.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/grow.h"
#include "protocol/point.h"

enum { MOVE_ROWS = 1, MOVE_POINTS, MOVE_JUDGE, MOVE_SILENT };

const char *mdl_fault_sentence(int fault) {
    switch (fault) {
    case MDL_FAULT_NONE:
        return "nothing was found";
    case MDL_FAULT_SUMS:
        return "its rows add up to another fitness or number of updates than it answered";
    case MDL_FAULT_LENGTH:
        return "it says that a life has no windows";
    case MDL_FAULT_WINDOW:
        return "one window from the agreed state gives another state than it says";
    case MDL_FAULT_END:
        return "the agreed end of the life gives another row than it says";
    case MDL_FAULT_STATE:
        return "it agreed to a state that no life has";
    case MDL_FAULT_SILENT:
        return "it did not answer in time";
    default:
        return "unknown";
    }
}

void mdl_referee_begin(mdl_referee *r, mdl_life *life, const mdl_job *job, uint32_t index,
                       const mdl_job_result answer[MDL_DISPUTE_SIDES], const mdl_sink *log) {
    memset(r, 0, sizeof *r);
    r->life = life;
    r->job = *job;
    r->index = index;
    r->any = answer == NULL;
    if (answer)
        memcpy(r->answer, answer, sizeof r->answer);
    if (log)
        r->log = *log;
}

void mdl_referee_end(mdl_referee *r) {
    for (uint32_t s = 0; s < MDL_DISPUTE_SIDES; s++) {
        free(r->rows[s]);
        r->rows[s] = NULL;
    }
}

int mdl_referee_waits(const mdl_referee *r, uint32_t side) {
    MDL_ASSERT(side < MDL_DISPUTE_SIDES);
    switch (r->stage) {
    case MDL_REFEREE_ROWS:
        return r->rows[side] == NULL;
    case MDL_REFEREE_POINTS:
        return !r->dispute.answered[side];
    case MDL_REFEREE_JUDGE:
        return r->dispute.lo > 0 && !r->silent[side];
    default:
        return 0;
    }
}

int mdl_referee_state(const mdl_referee *r, uint32_t *windows, uint8_t digest[MDL_DIGEST_BYTES]) {
    MDL_ASSERT(r->stage == MDL_REFEREE_JUDGE);
    *windows = r->dispute.lo;
    memcpy(digest, r->dispute.agreed, MDL_DIGEST_BYTES);
    return r->dispute.lo > 0;
}

static void note(const mdl_referee *r, uint8_t kind, uint32_t side, const void *bytes, size_t size) {
    if (!r->log.write)
        return;
    mdl_put_u8(&r->log, kind);
    mdl_put_u8(&r->log, (uint8_t)side);
    mdl_put_u32(&r->log, (uint32_t)size);
    mdl_put_bytes(&r->log, bytes, size);
}

/* ---- rows ---- */

void mdl_row_put(const mdl_life_row *row, const mdl_sink *sink) {
    mdl_put_u32(sink, row->windows);
    mdl_put_u64(sink, (uint64_t)row->fitness);
    mdl_put_u64(sink, row->updates);
    mdl_put_bytes(sink, row->end, sizeof row->end);
}

static int same_row(const mdl_life_row *a, const mdl_life_row *b) {
    return a->windows == b->windows && a->fitness == b->fitness && a->updates == b->updates &&
           memcmp(a->end, b->end, sizeof a->end) == 0;
}

/* Their sums fit, so that they can be added. */
static mdl_err read_rows(mdl_life_row *rows, uint32_t lives, const uint8_t *bytes, size_t size) {
    mdl_reader in = {bytes, size, 0};
    int64_t fitness = 0;
    uint64_t updates = 0;
    for (uint32_t i = 0; i < lives; i++) {
        mdl_life_row *row = &rows[i];
        row->windows = mdl_get_u32(&in);
        row->fitness = (int64_t)mdl_get_u64(&in);
        row->updates = mdl_get_u64(&in);
        mdl_get_bytes(&in, row->end, sizeof row->end);
        int beyond = row->fitness > 0 ? fitness > INT64_MAX - row->fitness : fitness < INT64_MIN - row->fitness;
        if (beyond || updates > UINT64_MAX - row->updates)
            return MDL_ERANGE;
        fitness += row->fitness;
        updates += row->updates;
    }
    MDL_ASSERT(!in.bad && in.left == 0);
    return MDL_OK;
}

/* Both have shown rows, each that of its segment and answer: a life differs. */
static void find_life(mdl_referee *r) {
    r->which = 0;
    while (r->which < r->job.episodes && same_row(&r->rows[0][r->which], &r->rows[1][r->which]))
        r->which++;
    MDL_ASSERT(r->which < r->job.episodes); /* the answers differ */
    for (uint32_t s = 0; s < MDL_DISPUTE_SIDES; s++)
        if (r->rows[s][r->which].windows == 0) {
            r->fault[s] = MDL_FAULT_LENGTH;
            r->stage = MDL_REFEREE_OVER;
        }
    if (r->stage == MDL_REFEREE_OVER)
        return;
    r->stage = MDL_REFEREE_POINTS;
    mdl_dispute_begin(&r->dispute, r->rows[0][r->which].windows, r->rows[1][r->which].windows);
}

mdl_err mdl_referee_rows(mdl_referee *r, uint32_t side, const uint8_t *bytes, size_t size) {
    mdl_job_result found;
    uint32_t lives = r->job.episodes;
    if (r->stage != MDL_REFEREE_ROWS || !mdl_referee_waits(r, side))
        return MDL_EMISMATCH;
    if (size != (size_t)lives * MDL_ROW_BYTES)
        return MDL_ESIZE;
    mdl_life_row *rows = malloc(lives * sizeof *rows);
    if (!rows)
        return MDL_ENOMEM;
    mdl_err err = read_rows(rows, lives, bytes, size);
    if (err == MDL_OK) {
        mdl_unit_segment(r->job.generation, r->index, rows, lives, &found);
        const mdl_job_result *said = &r->answer[r->any ? 1 - side : side];
        int same = memcmp(found.segment, said->segment, sizeof found.segment) == 0;
        if (r->any ? same : !same)
            err = MDL_EMISMATCH;
    }
    if (err != MDL_OK) {
        free(rows);
        return err;
    }
    note(r, MOVE_ROWS, side, bytes, size);
    r->rows[side] = rows;
    if (r->any)
        r->answer[side] = found;
    for (uint32_t s = 0; s < MDL_DISPUTE_SIDES; s++) { /* one segment: one set of rows */
        const mdl_job_result *said = &r->answer[s];
        if (memcmp(found.segment, said->segment, sizeof found.segment) == 0 &&
            (found.fitness != said->fitness || found.updates != said->updates)) {
            r->fault[s] = MDL_FAULT_SUMS;
            r->stage = MDL_REFEREE_OVER;
        }
    }
    if (r->stage == MDL_REFEREE_ROWS && r->rows[1 - side])
        find_life(r);
    return MDL_OK;
}

/* ---- points ---- */

mdl_err mdl_referee_points(mdl_referee *r, uint32_t side, const uint8_t (*digest)[MDL_DIGEST_BYTES], uint32_t count) {
    if (r->stage != MDL_REFEREE_POINTS)
        return MDL_EMISMATCH;
    mdl_err err = mdl_dispute_answer(&r->dispute, side, digest, count);
    if (err != MDL_OK)
        return err;
    note(r, MOVE_POINTS, side, digest, count * sizeof digest[0]);
    if (r->dispute.stage != MDL_DISPUTE_ASK)
        r->stage = MDL_REFEREE_JUDGE;
    return MDL_OK;
}

/* ---- the judgement ---- */

/* The digest one window after the birth, which nobody need show. */
static mdl_err step_from_birth(mdl_life *life, const mdl_place *at, uint8_t next[MDL_DIGEST_BYTES]) {
    mdl_buffer b = {0};
    mdl_sink sink = mdl_buffer_sink(&b);
    mdl_err err = mdl_point_save(life, at, 0, &sink);
    if (err == MDL_OK && b.failed)
        err = MDL_ENOMEM;
    if (err == MDL_OK)
        err = mdl_point_step(life, at, b.bytes, b.size, next);
    free(b.bytes);
    return err;
}

static uint32_t both_wrong(void) { return (1u << MDL_DISPUTE_SIDES) - 1; }

uint32_t mdl_case_wrong(const mdl_case *c, const mdl_judged *truth) {
    uint32_t wrong = 0;
    if (truth->fault == MDL_FAULT_STATE) /* they agreed to what is none */
        return both_wrong();
    if (truth->fault == MDL_FAULT_WINDOW)
        return mdl_dispute_judge(&c->dispute, truth->truth);
    for (uint32_t s = 0; s < MDL_DISPUTE_SIDES; s++)
        if (!same_row(&c->row[s], &truth->row))
            wrong |= 1u << s;
    return wrong;
}

void mdl_referee_case(const mdl_referee *r, mdl_case *out) {
    MDL_ASSERT(r->stage == MDL_REFEREE_JUDGE);
    *out = (mdl_case){.job = r->job, .which = r->which, .dispute = r->dispute};
    for (uint32_t s = 0; s < MDL_DISPUTE_SIDES; s++)
        out->row[s] = r->rows[s][r->which];
}

mdl_err mdl_case_judge(const mdl_case *c, mdl_life *life, const uint8_t *bytes, size_t size, mdl_judged *out) {
    const mdl_dispute *d = &c->dispute;
    uint8_t digest[MDL_DIGEST_BYTES];
    mdl_place at = mdl_unit_place(life->experiment, &c->job, c->which);
    mdl_err err;
    memset(out, 0, sizeof *out);
    if (d->lo > 0) {
        mdl_digest_of(bytes, size, digest);
        if (memcmp(digest, d->agreed, sizeof digest) != 0)
            return MDL_EMISMATCH;
    } else if (size > 0) {
        return MDL_EMISMATCH;
    }
    if (d->stage == MDL_DISPUTE_SAME) {
        out->fault = MDL_FAULT_END;
        err = mdl_point_row(life, &at, bytes, size, &out->row);
    } else {
        out->fault = MDL_FAULT_WINDOW;
        err = d->lo == 0 ? step_from_birth(life, &at, out->truth) : mdl_point_step(life, &at, bytes, size, out->truth);
    }
    if (err == MDL_ENOMEM)
        return err;
    if (err == MDL_EMISMATCH) { /* over already; no end at all */
        memset(out->truth, 0, sizeof out->truth);
        memset(&out->row, 0, sizeof out->row);
    } else if (err != MDL_OK) {
        memset(out, 0, sizeof *out);
        out->fault = MDL_FAULT_STATE;
    }
    out->wrong = mdl_case_wrong(c, out);
    return MDL_OK;
}

mdl_err mdl_referee_judge(mdl_referee *r, const uint8_t *bytes, size_t size) {
    mdl_case c;
    mdl_judged judged;
    if (r->stage != MDL_REFEREE_JUDGE)
        return MDL_EMISMATCH;
    mdl_referee_case(r, &c);
    mdl_err err = mdl_case_judge(&c, r->life, bytes, size, &judged);
    if (err != MDL_OK)
        return err;
    note(r, MOVE_JUDGE, 0, bytes, size);
    for (uint32_t s = 0; s < MDL_DISPUTE_SIDES; s++)
        r->fault[s] = judged.wrong >> s & 1 ? judged.fault : MDL_FAULT_NONE;
    r->stage = MDL_REFEREE_OVER;
    return MDL_OK;
}

mdl_err mdl_referee_silent(mdl_referee *r, uint32_t side) {
    if (!mdl_referee_waits(r, side))
        return MDL_EMISMATCH;
    note(r, MOVE_SILENT, side, NULL, 0);
    r->silent[side] = 1;
    if (r->stage == MDL_REFEREE_JUDGE && !r->silent[1 - side])
        return MDL_OK;
    for (uint32_t s = 0; s < MDL_DISPUTE_SIDES; s++)
        if (r->silent[s])
            r->fault[s] = MDL_FAULT_SILENT;
    r->stage = MDL_REFEREE_OVER;
    return MDL_OK;
}

/* ---- transcripts ---- */

static mdl_err move(mdl_referee *r, uint8_t kind, uint32_t side, const uint8_t *bytes, uint32_t size) {
    uint8_t digest[MDL_DISPUTE_POINTS][MDL_DIGEST_BYTES];
    if (side >= MDL_DISPUTE_SIDES)
        return MDL_ERANGE;
    switch (kind) {
    case MOVE_ROWS:
        return mdl_referee_rows(r, side, bytes, size);
    case MOVE_POINTS:
        if (size > sizeof digest || size % MDL_DIGEST_BYTES != 0)
            return MDL_ESIZE;
        memcpy(digest, bytes, size);
        return mdl_referee_points(r, side, (const uint8_t(*)[MDL_DIGEST_BYTES])digest, size / MDL_DIGEST_BYTES);
    case MOVE_JUDGE:
        return side == 0 ? mdl_referee_judge(r, bytes, size) : MDL_ERANGE;
    case MOVE_SILENT:
        return size == 0 ? mdl_referee_silent(r, side) : MDL_ESIZE;
    default:
        return MDL_ERANGE;
    }
}

/* The next move; `in` stands behind it. */
static mdl_err next_move(mdl_reader *in, uint8_t *kind, uint8_t *side, const uint8_t **bytes, uint32_t *size) {
    *kind = mdl_get_u8(in);
    *side = mdl_get_u8(in);
    *size = mdl_get_u32(in);
    if (in->bad || *size > in->left)
        return MDL_ESIZE;
    *bytes = in->at;
    in->at += *size;
    in->left -= *size;
    return MDL_OK;
}

mdl_err mdl_referee_replay(mdl_referee *r, const uint8_t *bytes, size_t size) {
    mdl_reader in = {bytes, size, 0};
    while (in.left > 0) {
        uint8_t kind, side;
        uint32_t length;
        const uint8_t *at;
        mdl_err err = next_move(&in, &kind, &side, &at, &length);
        if (err == MDL_OK)
            err = move(r, kind, side, at, length);
        if (err != MDL_OK)
            return err;
    }
    return r->stage == MDL_REFEREE_OVER ? MDL_OK : MDL_EMISMATCH;
}

mdl_err mdl_referee_lead(mdl_referee *r, const uint8_t *bytes, size_t size, const uint8_t **state, size_t *state_size) {
    mdl_reader in = {bytes, size, 0};
    while (in.left > 0) {
        uint8_t kind, side;
        uint32_t length;
        mdl_err err = next_move(&in, &kind, &side, state, &length);
        if (err != MDL_OK)
            return err;
        *state_size = length;
        if (kind == MOVE_JUDGE)
            return in.left == 0 && side == 0 && r->stage == MDL_REFEREE_JUDGE ? MDL_OK : MDL_EMISMATCH;
        err = move(r, kind, side, *state, length);
        if (err != MDL_OK)
            return err;
    }
    return MDL_EMISMATCH;
}
