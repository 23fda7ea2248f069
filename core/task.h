/* Tasks: small deterministic environments behind one interface. SPEC section 9.
 *
 * A life is a sequence of windows. At the start of a window the task shows
 * `mdl_task_out`; at its end the network's action is given to `step`, which
 * makes the next one. Dynamics run in binary64, as the public references do;
 * observations are handed over in binary32. Pure: no clock, no I/O, no memory
 * beyond the struct, which may be copied to save and restore a life. */
#ifndef MDL_CORE_TASK_H
#define MDL_CORE_TASK_H

#include "core/err.h"
#include "core/forage.h"
#include "core/philox.h"

enum {
    MDL_OBS_MAX = 64,        /* observation channels                          */
    MDL_ACTION_MAX = 10,     /* actions, or motor values                      */
    MDL_TASK_STATE_MAX = 6,  /* continuous state variables                    */
    MDL_REVERSALS_MAX = 8,   /* reversals in a life                           */
    MDL_CUES_MAX = 8,        /* cues of the delayed cue task                  */
    MDL_PIXELS = 64,         /* of a digit                                    */
    MDL_DIGIT_TESTS = 150,   /* digits_life: test windows of a training life  */
    MDL_DAMPING_WINDOW = 100 /* steps of the double pole's damping fitness    */
};

enum {
    MDL_OUT_REWARD = 1, /* a reward event: `reward` counts (it may be 0)          */
    MDL_OUT_WIPE = 2,   /* a trial starts: activations, traces, delay lines to 0   */
    MDL_OUT_FROZEN = 4, /* no plasticity for the steps of this window              */
    MDL_OUT_TEACH = 8,  /* the action of this window is forced to `teach`          */
    MDL_OUT_DONE = 16   /* the life is over; no window follows                     */
};

typedef struct mdl_task_out {
    float obs[MDL_OBS_MAX]; /* scaled to about [-1, 1]; unused channels are 0 */
    float reward;           /* of the transition that led here                */
    uint32_t flags;         /* MDL_OUT_*                                      */
    uint32_t teach;         /* action index, valid with MDL_OUT_TEACH          */
    float salience[2];      /* external and internal, of that transition: 0..1; what drives
                             * arousal (SPEC 12). 0 in tasks without such signals; not part of
                             * their digests */
} mdl_task_out;

typedef enum mdl_task_id {
    MDL_TASK_CARTPOLE = 0,
    MDL_TASK_MOUNTAINCAR = 1,
    MDL_TASK_ACROBOT = 2,
    MDL_TASK_TMAZE = 3,
    MDL_TASK_BANDIT = 4,
    MDL_TASK_CUE = 5,
    MDL_TASK_DIGITS = 6,      /* evolved weights                     */
    MDL_TASK_DIGITS_LIFE = 7, /* learned in life                     */
    MDL_TASK_DOUBLEPOLE = 8,  /* without velocities                  */
    MDL_TASK_FORAGE = 9,      /* one or more agents in a grid world  */
    MDL_TASK_COUNT = 10
} mdl_task_id;

/* Parameters of a life. Each task reads its own and has 0 in the others;
 * mdl_task_defaults() fills the published values, ranges are in
 * mdl_task_params_check(). */
typedef struct mdl_task_params {
    mdl_task_id id;
    uint32_t trials;      /* tmaze 60, bandit 100 (pulls), cue 80, forage 400 (windows)  1..10000 */
    uint32_t reversals;   /* tmaze 1, cue 1, forage 3 (changes of the world) 0..8       */
    uint32_t delay_min;   /* cue 3 (windows between cue and reward)         0..1000    */
    uint32_t delay_max;   /* cue 8; tmaze 0 and 0: windows before the reward  delay_min..1000 */
    uint32_t cues;        /* cue 2                                           1..8       */
    uint32_t distractors; /* cue 2                                           0..32      */
    uint32_t samples;     /* digits 256 (a minibatch), digits_life 400       1..10000   */
    uint32_t hazard_ppm;  /* bandit 40000: reversal probability a pull       0..1000000 */
    uint32_t reward_ppm;  /* bandit 800000: the better arm's reward rate; forage 900000:
                             how often the world keeps its rule              0..1000000 */
    uint32_t shaping;     /* mountaincar 1: training bonus on failure        0..1       */
    uint32_t size;        /* forage 12: cells along the grid's side          4..32      */
    uint32_t walls;       /* forage 0: 1 closes the grid                     0..1       */
    uint32_t kinds;       /* forage 2: kinds of plants                       1..4       */
    uint32_t food;        /* forage 28: plants that the world keeps          1..size^2 / 4 */
    uint32_t rocks;       /* forage 10                                       0..size^2 / 4 */
    uint32_t view;        /* forage 3: cells that an agent sees              1..8       */
    uint32_t agents;      /* forage 1: copies of the network in one world    1..8, at most size^2 / 8 */
} mdl_task_params;

/* Whole state of a life in a task. Treat as opaque outside core/task*. */
typedef struct mdl_task {
    mdl_task_params params;
    mdl_dealer rng;
    double s[MDL_TASK_STATE_MAX];       /* continuous state, the reference's order    */
    double best;                        /* mountaincar: farthest position             */
    double history[MDL_DAMPING_WINDOW]; /* doublepole: |x|+|v|+|theta|+|omega|  */
    uint32_t step;                      /* windows so far in this life (tasks with dynamics) */
    uint32_t trial, phase, wait;        /* trial tasks: where in the life and trial   */
    uint32_t side;                      /* the better arm; cue: map bits              */
    uint32_t cue;
    uint32_t reversal_at[MDL_REVERSALS_MAX];
    uint32_t chosen, correct; /* this trial's action, and whether it was right */
    uint32_t reward_code;     /* tmaze: which of its three rewards this trial earned */
    uint32_t part;            /* mdl_part                                   */
    uint32_t episode;
    uint8_t pixel_order[MDL_PIXELS], label_order[MDL_ACTION_MAX]; /* digits_life */
    uint32_t sample;                                              /* digits: index of the sample shown          */
    int64_t fitness, score;                                       /* running totals, see below                  */
    int64_t hits, hits_after;                                     /* trial tasks: right choices, and after a reversal */
    int64_t count_after;
    mdl_task_out out;
    mdl_task_out others[MDL_AGENTS_MAX - 1]; /* views of agents 1 and up */
    mdl_forage forage;
} mdl_task;

/* A task's fixed facts. `continuous`: the task reads the motors' readouts (it
 * applies tanh itself) and ignores the action. */
typedef struct mdl_task_info {
    mdl_task_id id;
    const char *name;  /* as in experiment files and `modulon task`        */
    const char *title; /* one line for people                              */
    const char *score; /* what `score` means: "steps", "fraction correct"… */
    uint32_t states;   /* continuous state variables, 0 where there are none */
    uint32_t continuous;
    uint32_t window_max;     /* most windows in a life with default parameters, held out or not */
    const char *state_names; /* of the states, in order, split by ','; "" where there are none */
} mdl_task_info;

/* NULL for an id out of range. */
const mdl_task_info *mdl_task_info_get(uint32_t id);
/* MDL_ENOENT, `*id` untouched, when no task has this name. */
mdl_err mdl_task_find(const char *name, mdl_task_id *id);
/* The published parameters of a task. */
void mdl_task_defaults(mdl_task_id id, mdl_task_params *params);
/* MDL_ERANGE, with `*field` naming the first parameter out of range and
 * `*range` its allowed range as text. */
mdl_err mdl_task_params_check(const mdl_task_params *params, const char **field, const char **range);
/* Observation channels and motors with these parameters. */
uint32_t mdl_task_obs_count(const mdl_task_params *params);
uint32_t mdl_task_action_count(const mdl_task_params *params);
/* Agents in a life: 1, or the parameter of a task that has it. */
uint32_t mdl_task_agent_count(const mdl_task_params *params);

/* Whether the task looks at the motors' readouts, not at the action alone. */
int mdl_task_reads_motors(const mdl_task_params *params);

/* What a life is for. Training-only bonuses count in training alone; digits are
 * split into three disjoint parts; the double pole's test is the published one. */
typedef enum mdl_part { MDL_PART_TRAIN = 0, MDL_PART_VALIDATE = 1, MDL_PART_TEST = 2 } mdl_part;

/* Begin life `episode` (its index balances sides) with randomness `key`.
 * `t->out` is the first window's view (it always has MDL_OUT_WIPE). */
void mdl_task_reset(mdl_task *t, const mdl_task_params *params, uint64_t key, uint32_t episode, mdl_part part);
/* Right after a reset: put the continuous state of a dynamics task to
 * s[0..states) (`modulon task`); `t->out` shows it. Acrobot's order is theta1,
 * theta2, their velocities (state_names). MDL_ERANGE, `t` untouched, for tasks
 * without one, another count, or a value that is not finite or beyond +-100
 * (so that one step stays inside the domain of mdl_sin). */
mdl_err mdl_task_set_state(mdl_task *t, const double *s, uint32_t count);
/* The public reference's own observation of the state shown, unscaled, to
 * obs[0..*count): cartpole its state; mountaincar position and velocity; acrobot
 * cos and sin of theta1, then of theta2, then the velocities. Every other task:
 * the channels of `t->out`. `obs` has room for MDL_OBS_MAX. */
void mdl_task_native_obs(const mdl_task *t, double *obs, uint32_t *count);
/* End a window with `action` (argmax of `motor`, or the taught one; 0 for a
 * continuous task) and the motors' readouts `motor[0..action_count)`, finite;
 * makes `t->out`. Only digits and doublepole read `motor`: it may be NULL for
 * the others. Must not be called after MDL_OUT_DONE. The view that carries
 * MDL_OUT_DONE also carries the last transition's observation and reward in
 * tasks with dynamics; tasks made of trials show nothing there. */
void mdl_task_step(mdl_task *t, uint32_t action, const float *motor);
/* The same in a world of several agents: an action for each of them
 * (mdl_task_agent_count). What a dead agent does is ignored. mdl_task_step is
 * for lives of one agent, and equal to this one there. */
void mdl_task_step_agents(mdl_task *t, const uint32_t *action, const float *motor);
/* What agent `agent` sees; of agent 0, `t->out`. MDL_OUT_DONE comes to all at
 * once. A dead agent's view is empty and has MDL_OUT_FROZEN. */
const mdl_task_out *mdl_task_view(const mdl_task *t, uint32_t agent);
/* Training objective and reported score of the life so far, in millionths.
 * What is a mean over trials or samples is divided by their number in the whole
 * life, so both are complete with MDL_OUT_DONE. */
int64_t mdl_task_fitness(const mdl_task *t);
int64_t mdl_task_score(const mdl_task *t);
/* Fraction correct, in millionths, of the trials well after a reversal (tmaze: 3
 * trials or more, cue: 3 times the cues), or of forage's first 10 contacts after
 * each change (how fast the agents adapt); -1 when there was none. */
int64_t mdl_task_score_after(const mdl_task *t);

#endif
