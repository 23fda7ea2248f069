/* Foraging: agents in a grid world eat plants, collide, and starve. SPEC 9.12.
 *
 * A plant of a soft kind is eaten by walking onto it, one of a hard kind by biting
 * from the cell before it; the other way is a collision, and the plant is lost.
 * Which kinds are hard is new in every life and changes within it, as do the
 * rocks. Activity is wiped after every contact, so only weights can carry what was
 * learned. Energies are integers. */
#include "core/task_impl.h"

enum { FORWARD, LEFT, RIGHT, BITE };
enum { METABOLISM = 2, EFFORT = 1, MEAL = 40, BLOW = 20, BUMP = 5 }; /* energy: a window, FORWARD or BITE, ... */
enum { HUNGRY = 250 };                                               /* energy below which hunger is salient       */
enum { CONTACTS_AFTER = 10 };                                        /* that count as after a change               */
enum { BODY_CHANNELS = 4 };                                          /* energy, collided, fed, collision trace     */

static mdl_task_out *view_of(mdl_task *t, uint32_t agent) { return agent == 0 ? &t->out : &t->others[agent - 1]; }

static uint32_t kind_channels(const mdl_task_params *p) { return p->kinds + (p->agents > 1 ? 2 : 1); }

static uint32_t forage_channels(const mdl_task_params *p) { return p->view * kind_channels(p) + BODY_CHANNELS; }

/* ---- views ---- */

static void look(const mdl_task *t, const mdl_forage_agent *a, uint8_t *seen) {
    for (uint32_t i = 0; i < t->params.view; i++)
        seen[i] = mdl_forage_see(&t->forage, a, i);
}

static void show_agent(mdl_task *t, const mdl_forage_agent *a, mdl_task_out *out) {
    const uint32_t kinds = t->params.kinds, stride = kind_channels(&t->params);
    for (uint32_t i = 0; i < t->params.view; i++) {
        uint8_t what = mdl_forage_see(&t->forage, a, i);
        float *obs = out->obs + i * stride;
        if (what >= MDL_CELL_PLANT)
            obs[what - MDL_CELL_PLANT] = 1.0f;
        else if (what != MDL_CELL_EMPTY)
            obs[what == MDL_CELL_ROCK ? kinds : kinds + 1] = 1.0f;
    }
    float *body = out->obs + t->params.view * stride;
    int32_t energy = a->energy < 2 * MDL_FORAGE_START ? a->energy : 2 * MDL_FORAGE_START;
    body[0] = (float)(energy - MDL_FORAGE_START) / (float)MDL_FORAGE_START;
    body[1] = a->collided ? 1.0f : 0.0f;
    body[2] = a->fed ? 1.0f : 0.0f;
    body[3] = (float)a->trace / (float)MDL_FORAGE_TRACE_ONE;
}

/* ---- the start ---- */

static void grow_first(mdl_task *t) {
    mdl_forage *f = &t->forage;
    for (uint32_t i = 0; i < t->params.rocks; i++)
        mdl_forage_put(f, MDL_CELL_ROCK, &t->rng);
    for (uint32_t i = 0; i < t->params.food; i++)
        mdl_forage_put(f, (uint8_t)(MDL_CELL_PLANT + i % t->params.kinds), &t->rng);
    f->plants = t->params.food;
}

static void forage_reset(mdl_task *t) {
    mdl_forage *f = &t->forage;
    f->size = t->params.size;
    f->walls = t->params.walls;
    for (uint32_t k = 0; k < t->params.kinds; k++)
        f->hard |= mdl_deal_u32(&t->rng) >> 31 << k;
    mdl_task_draw_reversals(t);
    grow_first(t);
    for (uint32_t i = 0; i < t->params.agents; i++) {
        mdl_forage_agent *a = &f->agent[i];
        a->cell = mdl_forage_put(f, MDL_CELL_AGENT, &t->rng);
        a->heading = mdl_deal_below(&t->rng, 4);
        a->energy = MDL_FORAGE_START;
    }
    for (uint32_t i = 0; i < t->params.agents; i++) { /* now that all are there */
        view_of(t, i)->flags = MDL_OUT_WIPE;
        show_agent(t, &f->agent[i], view_of(t, i));
    }
}

/* ---- an agent's action ---- */

static void collide(mdl_forage_agent *a, int32_t cost) {
    a->collided = 1;
    a->energy -= cost;
    a->trace += (MDL_FORAGE_TRACE_ONE - a->trace) / 2;
}

/* The agent has to do with the plant before it; either way it is gone. */
static void touch_plant(mdl_task *t, mdl_forage_agent *a, uint32_t at, uint32_t action) {
    mdl_forage *f = &t->forage;
    uint32_t hard = f->hard >> (f->cell[at] - MDL_CELL_PLANT) & 1u;
    uint32_t right = (action == BITE) == hard, reliable = mdl_deal_below(&t->rng, 1000000) < t->params.reward_ppm;
    f->cell[at] = MDL_CELL_EMPTY;
    f->plants--;
    a->swallowing = 1;
    if (f->changed && a->since < CONTACTS_AFTER) {
        a->since++;
        t->count_after++;
        t->hits_after += right;
    }
    if (right == reliable) {
        a->fed = 1;
        a->meals++;
        a->energy += MEAL;
        a->trace /= 2;
    } else {
        collide(a, BLOW);
    }
}

static void move(mdl_forage *f, mdl_forage_agent *a, uint32_t to) {
    f->cell[a->cell] = MDL_CELL_EMPTY;
    f->cell[to] = MDL_CELL_AGENT;
    a->cell = to;
}

static void act(mdl_task *t, mdl_forage_agent *a, uint32_t action) {
    mdl_forage *f = &t->forage;
    uint32_t ahead = mdl_forage_at(f, a, 1, 0);
    uint8_t what = ahead == UINT32_MAX ? (uint8_t)MDL_CELL_ROCK : f->cell[ahead];
    a->energy -= METABOLISM;
    a->trace -= a->trace / 32;
    a->collided = a->fed = 0;
    if (a->swallowing) { /* whatever it does */
        a->swallowing = 0;
        return;
    }
    if (action == LEFT || action == RIGHT) {
        a->heading = (a->heading + (action == LEFT ? 3u : 1u)) & 3u;
        return;
    }
    a->energy -= EFFORT;
    if (what >= MDL_CELL_PLANT)
        touch_plant(t, a, ahead, action);
    if (action == FORWARD && (a->fed || what == MDL_CELL_EMPTY))
        move(f, a, ahead);
    else if (action == FORWARD && what < MDL_CELL_PLANT)
        collide(a, BUMP);
}

/* ---- the world's own step ---- */

static void change(mdl_task *t) {
    mdl_forage *f = &t->forage;
    f->hard ^= (1u << t->params.kinds) - 1u;
    f->changed = 1;
    for (uint32_t i = 0; i < f->size * f->size; i++)
        if (f->cell[i] == MDL_CELL_ROCK)
            f->cell[i] = MDL_CELL_EMPTY;
    for (uint32_t i = 0; i < t->params.rocks; i++)
        mdl_forage_put(f, MDL_CELL_ROCK, &t->rng);
    for (uint32_t i = 0; i < t->params.agents; i++)
        f->agent[i].since = 0;
}

/* One seed falls; it grows on an empty cell while plants are wanting. */
static void grow(mdl_task *t) {
    mdl_forage *f = &t->forage;
    uint32_t at = mdl_deal_below(&t->rng, f->size * f->size), kind = mdl_deal_below(&t->rng, t->params.kinds);
    if (f->plants < t->params.food && f->cell[at] == MDL_CELL_EMPTY) {
        f->cell[at] = (uint8_t)(MDL_CELL_PLANT + kind);
        f->plants++;
    }
}

/* ---- a window ---- */

static void answer(mdl_task *t, const mdl_forage_agent *a, const uint8_t *before, uint32_t wiped, mdl_task_out *out) {
    uint8_t seen[MDL_FORAGE_VIEW_MAX];
    uint32_t differ = 0;
    memset(out, 0, sizeof *out);
    out->flags = wiped ? (uint32_t)MDL_OUT_WIPE : 0u;
    if (a->fed || a->collided) {
        out->flags |= MDL_OUT_REWARD;
        out->reward = a->fed ? 1.0f : a->swallowing ? -1.0f : -0.25f;
    }
    show_agent(t, a, out);
    look(t, a, seen);
    for (uint32_t i = 0; i < t->params.view; i++)
        differ += seen[i] != before[i];
    out->salience[0] = (float)differ / (float)t->params.view;
    float hunger = a->energy < HUNGRY ? (float)(HUNGRY - a->energy) / (float)(2 * HUNGRY) : 0.0f;
    uint32_t half = MDL_FORAGE_TRACE_ONE / 2;
    float repeated = a->collided && a->trace > half ? (float)(a->trace - half) / (float)half : 0.0f;
    out->salience[1] = repeated > hunger ? repeated : hunger;
}

/* Dead: nothing is seen and nothing learned any more. */
static void bury(mdl_forage *f, mdl_forage_agent *a, mdl_task_out *out) {
    if (a->energy < 0)
        a->energy = 0;
    if (f->cell[a->cell] == MDL_CELL_AGENT)
        f->cell[a->cell] = MDL_CELL_EMPTY;
    memset(out, 0, sizeof *out);
    out->flags = MDL_OUT_FROZEN;
}

/* What an agent's life was worth so far, in millionths: energy over that at
 * birth, or, dead, minus the part of the life that it missed. */
static int64_t worth(const mdl_task *t, const mdl_forage_agent *a) {
    if (a->energy > 0)
        return (int64_t)a->energy * (MDL_MILLION / MDL_FORAGE_START);
    return (int64_t)a->lived * MDL_MILLION / (int64_t)t->params.trials - MDL_MILLION;
}

static void forage_step_all(mdl_task *t, const uint32_t *action) {
    mdl_forage *f = &t->forage;
    uint8_t before[MDL_AGENTS_MAX][MDL_FORAGE_VIEW_MAX] = {{0}};
    uint32_t wiped[MDL_AGENTS_MAX], agents = t->params.agents, living = 0;
    for (uint32_t k = 0; k < agents; k++) { /* who is first rotates */
        uint32_t i = (t->step + k) % agents;
        mdl_forage_agent *a = &f->agent[i];
        wiped[i] = a->swallowing;
        if (a->energy == 0)
            continue;
        act(t, a, action[i]);
        a->lived++;
        if (a->energy <= 0)
            bury(f, a, view_of(t, i));
    }
    for (uint32_t i = 0; i < agents; i++)
        look(t, &f->agent[i], before[i]);
    t->trial = ++t->step;
    if (mdl_task_reverses_now(t))
        change(t);
    grow(t);
    t->fitness = t->score = 0;
    for (uint32_t i = 0; i < agents; i++) {
        mdl_forage_agent *a = &f->agent[i];
        if (a->energy > 0)
            answer(t, a, before[i], wiped[i], view_of(t, i));
        living += a->energy > 0;
        t->fitness += worth(t, a);
        t->score += (int64_t)a->meals * MDL_MILLION;
    }
    if (living == 0 || t->step == t->params.trials)
        for (uint32_t i = 0; i < agents; i++)
            view_of(t, i)->flags |= MDL_OUT_DONE;
}

static void forage_step(mdl_task *t, uint32_t action, const float *motor) {
    (void)motor;
    forage_step_all(t, &action);
}

static uint32_t forage_parts(const mdl_task *t) { return t->params.agents; }

const mdl_task_ops mdl_task_forage = {
    .info = {MDL_TASK_FORAGE, "forage", "grid world: eat, collide, starve; its rules change", "meals", 0, 0, 400, ""},
    .defaults = {.id = MDL_TASK_FORAGE,
                 .trials = 400,
                 .reversals = 3,
                 .reward_ppm = 900000,
                 .size = 12,
                 .kinds = 2,
                 .food = 28,
                 .rocks = 10,
                 .view = 3,
                 .agents = 1},
    .uses = MDL_USES_TRIALS | MDL_USES_REVERSALS | MDL_USES_REWARD | MDL_USES_WORLD,
    .actions = 4,
    .channels = forage_channels,
    .reset = forage_reset,
    .step = forage_step,
    .step_all = forage_step_all,
    .parts = forage_parts,
};
