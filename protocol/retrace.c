#include "protocol/retrace.h"

#include <stdlib.h>

#include "protocol/point.h"
#include "protocol/referee.h"

mdl_err mdl_retrace_of(const mdl_msg_question *q, const mdl_evolution *e, mdl_retrace *out) {
    mdl_job job;
    if (q->generation != mdl_evolution_generation(e) || q->job >= mdl_evolution_job_count(e))
        return MDL_ERANGE;
    mdl_evolution_job(e, q->job, &job, NULL);
    uint32_t wanted = q->kind == MDL_MOVE_ROWS ? 0 : q->kind == MDL_MOVE_STATE ? 1 : q->points.count;
    if (q->life >= job.episodes || q->points.count != wanted || (q->kind == MDL_MOVE_POINTS && wanted == 0))
        return MDL_ERANGE;
    *out = (mdl_retrace){.job = q->job, .kind = q->kind, .life = q->life, .count = wanted};
    for (uint32_t i = 0; i < wanted; i++) {
        if (q->points.at[i] == 0 || q->points.at[i] > UINT32_MAX / 2 ||
            (i > 0 && q->points.at[i] <= q->points.at[i - 1]))
            return MDL_ERANGE;
        out->point[i] = (uint32_t)q->points.at[i];
    }
    return MDL_OK;
}

static mdl_err put_rows(const mdl_retrace *r, const mdl_evolution *e, mdl_life *life, float *genome, uint32_t lives,
                        const mdl_sink *sink) {
    mdl_job_result ignored;
    mdl_life_row *rows = malloc(lives * sizeof *rows);
    if (!rows)
        return MDL_ENOMEM;
    mdl_unit_job(life, e, r->job, genome, rows, &ignored);
    for (uint32_t i = 0; i < lives; i++)
        mdl_row_put(&rows[i], sink);
    free(rows);
    return MDL_OK;
}

mdl_err mdl_retrace_run(const mdl_retrace *r, const mdl_evolution *e, mdl_life *life, float *genome,
                        const mdl_sink *sink) {
    uint8_t digest[MDL_DISPUTE_POINTS][MDL_DIGEST_BYTES];
    mdl_job job;
    mdl_evolution_job(e, r->job, &job, genome);
    if (r->kind == MDL_MOVE_ROWS)
        return put_rows(r, e, life, genome, job.episodes, sink);
    mdl_life_genome(life, genome);
    mdl_place at = mdl_unit_place(life->experiment, &job, r->life);
    if (r->kind == MDL_MOVE_STATE)
        return mdl_point_save(life, &at, r->point[0], sink);
    mdl_err err = mdl_point_digests(life, &at, r->point, r->count, digest);
    if (err == MDL_OK)
        mdl_put_bytes(sink, digest, r->count * sizeof digest[0]);
    return err;
}
