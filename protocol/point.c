#include "protocol/point.h"

#include <stdlib.h>
#include <string.h>

static const char domain[16] = "modulon point v1";

/* What the network did so far. */
typedef struct past {
    uint32_t windows, room, agents, motors; /* motors 0: the task reads no readouts */
    uint32_t *action;                       /* [room][agents]                       */
    float *motor;                           /* [room][motors]                       */
} past;

static void past_init(past *p, const mdl_life *life) {
    const mdl_experiment *x = life->experiment;
    *p = (past){.agents = life->conductor.agents, .motors = mdl_task_reads_motors(&x->task) ? x->network.motors : 0};
}

static void past_free(past *p) {
    free(p->action);
    free(p->motor);
}

static int past_room(past *p, uint32_t windows) {
    if (windows <= p->room)
        return 1;
    size_t room = windows + windows / 2 + 64;
    uint32_t *action = realloc(p->action, room * p->agents * sizeof *action);
    if (action)
        p->action = action;
    float *motor = p->motors > 0 ? realloc(p->motor, room * p->motors * sizeof *motor) : NULL;
    if (motor)
        p->motor = motor;
    if (!action || (p->motors > 0 && !motor))
        return 0;
    p->room = (uint32_t)room;
    return 1;
}

/* One window more, noted. Returns as mdl_life_window; -1 when out of memory. */
static int live(mdl_life *life, past *p) {
    if (!past_room(p, p->windows + 1))
        return -1;
    int more = mdl_life_window(life);
    for (uint32_t a = 0; a < p->agents; a++)
        p->action[(size_t)p->windows * p->agents + a] = life->conductor.action[a];
    if (p->motors > 0)
        memcpy(p->motor + (size_t)p->windows * p->motors, life->conductor.out[0].motor, p->motors * sizeof *p->motor);
    p->windows++;
    return more;
}

static void save(const mdl_life *life, const past *p, const mdl_sink *sink) {
    mdl_put_bytes(sink, domain, sizeof domain);
    mdl_put_u32(sink, p->windows);
    for (size_t i = 0; i < (size_t)p->windows * p->agents; i++)
        mdl_put_u8(sink, (uint8_t)p->action[i]);
    mdl_put_f32s(sink, p->motor, (size_t)p->windows * p->motors);
    mdl_life_save(life, sink);
}

static void digest_of(const mdl_life *life, const past *p, uint8_t out[MDL_DIGEST_BYTES]) {
    mdl_digest d;
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    save(life, p, &sink);
    mdl_digest_final(&d, out);
}

mdl_err mdl_point_digests(mdl_life *life, const mdl_place *at, const uint32_t *point, uint32_t count,
                          uint8_t (*digest)[MDL_DIGEST_BYTES]) {
    past p;
    past_init(&p, life);
    mdl_life_begin(life, at->key, at->episode, at->part);
    memset(digest, 0, count * sizeof digest[0]);
    int more = 1;
    for (uint32_t i = 0; i < count && more >= 0; i++) {
        while (more > 0 && p.windows < point[i])
            more = live(life, &p);
        if (more >= 0 && p.windows == point[i])
            digest_of(life, &p, digest[i]);
    }
    past_free(&p);
    return more < 0 ? MDL_ENOMEM : MDL_OK;
}

mdl_err mdl_point_save(mdl_life *life, const mdl_place *at, uint32_t windows, const mdl_sink *sink) {
    past p;
    past_init(&p, life);
    mdl_life_begin(life, at->key, at->episode, at->part);
    int more = 1;
    while (more > 0 && p.windows < windows)
        more = live(life, &p);
    mdl_err err = more < 0 ? MDL_ENOMEM : p.windows < windows ? MDL_ERANGE : MDL_OK;
    if (err == MDL_OK)
        save(life, &p, sink);
    past_free(&p);
    return err;
}

/* Puts the life to a point; the caller frees `p` whatever comes. */
static mdl_err load(mdl_life *life, const mdl_place *at, const uint8_t *bytes, size_t size, past *p) {
    mdl_reader r = {bytes, size, 0};
    char magic[sizeof domain];
    past_init(p, life);
    mdl_get_bytes(&r, magic, sizeof magic);
    uint32_t windows = mdl_get_u32(&r);
    if (r.bad || memcmp(magic, domain, sizeof domain) != 0)
        return MDL_EMAGIC;
    if (windows > r.left / (p->agents + 4 * (size_t)p->motors) || windows >= UINT32_MAX / 2)
        return MDL_ESIZE;
    if (!past_room(p, windows + 1)) /* so that there are lists at birth, too */
        return MDL_ENOMEM;
    for (size_t i = 0; i < (size_t)windows * p->agents; i++)
        p->action[i] = mdl_get_u8(&r);
    mdl_get_f32s(&r, p->motor, (size_t)windows * p->motors);
    p->windows = windows;
    return mdl_life_resume(life, at->key, at->episode, at->part, windows, p->action, p->motors > 0 ? p->motor : NULL,
                           r.at, r.left);
}

static int over(const mdl_life *life) { return (life->conductor.task.out.flags & MDL_OUT_DONE) != 0; }

mdl_err mdl_point_step(mdl_life *life, const mdl_place *at, const uint8_t *bytes, size_t size,
                       uint8_t next[MDL_DIGEST_BYTES]) {
    past p;
    mdl_err err = load(life, at, bytes, size, &p);
    if (err == MDL_OK && over(life))
        err = MDL_EMISMATCH;
    if (err == MDL_OK && live(life, &p) < 0)
        err = MDL_ENOMEM;
    if (err == MDL_OK)
        digest_of(life, &p, next);
    past_free(&p);
    return err;
}

mdl_err mdl_point_row(mdl_life *life, const mdl_place *at, const uint8_t *bytes, size_t size, mdl_life_row *row) {
    past p;
    mdl_err err = load(life, at, bytes, size, &p);
    if (err == MDL_OK && !over(life))
        err = MDL_EMISMATCH;
    if (err == MDL_OK)
        mdl_unit_row(life, at->last, row);
    past_free(&p);
    return err;
}
