/* Handwritten digits, with evolved weights and learned in life. SPEC 9.9, 9.10. */
#include "core/digits_data.h"
#include "core/task_impl.h"

enum { CLASSES = 10 };
enum { PREDICT, TEACH_RIGHT, TEACH_WRONG, EXAM }; /* digits_life: the window shown */
static const float log_likelihood_min = -100.0f;

_Static_assert(MDL_DIGITS_TRAIN + MDL_DIGITS_VALIDATE + MDL_DIGITS_TEST == MDL_DIGITS_COUNT,
               "the split covers the data");

/* Samples looked at: all of a held-out part once, or `training` drawn ones. */
static uint32_t samples_of(const mdl_task *t, uint32_t training) {
    return t->part == MDL_PART_TEST       ? (uint32_t)MDL_DIGITS_TEST
           : t->part == MDL_PART_VALIDATE ? (uint32_t)MDL_DIGITS_VALIDATE
                                          : training;
}

/* The k-th of them. */
static uint32_t sample_at(mdl_task *t, uint32_t k) {
    return t->part == MDL_PART_TEST       ? MDL_DIGITS_TRAIN + MDL_DIGITS_VALIDATE + k
           : t->part == MDL_PART_VALIDATE ? MDL_DIGITS_TRAIN + k
                                          : mdl_deal_below(&t->rng, MDL_DIGITS_TRAIN);
}

/* ---- evolved weights ---- */

static void show_sample(mdl_task *t) {
    t->sample = sample_at(t, t->trial);
    mdl_task_blank(t, MDL_OUT_WIPE | MDL_OUT_FROZEN);
    for (uint32_t p = 0; p < MDL_PIXELS; p++)
        t->out.obs[p] = (float)mdl_digit_pixel(t->sample, p) * 0.0625f;
}

static uint32_t digits_parts(const mdl_task *t) { return samples_of(t, t->params.samples); }

/* Log of the softmax of `motor` at `label`. */
static float log_likelihood(const float *motor, uint32_t label) {
    float top = motor[0], sum = 0.0f;
    for (uint32_t c = 1; c < CLASSES; c++)
        top = motor[c] > top ? motor[c] : top;
    for (uint32_t c = 0; c < CLASSES; c++)
        sum += mdl_expf(motor[c] - top);
    float value = motor[label] - top - mdl_logf(sum);
    return value > log_likelihood_min ? value : log_likelihood_min;
}

static void digits_step(mdl_task *t, uint32_t action, const float *motor) {
    uint32_t label = mdl_digit_label(t->sample);
    t->step++;
    t->chosen = action;
    t->correct = action == label;
    t->hits += t->correct;
    t->fitness += mdl_millionths((double)log_likelihood(motor, label));
    t->score += t->correct ? MDL_MILLION : 0;
    if (++t->trial == digits_parts(t))
        mdl_task_blank(t, MDL_OUT_DONE);
    else
        show_sample(t);
}

const mdl_task_ops mdl_task_digits = {
    .info = {MDL_TASK_DIGITS, "digits", "Handwritten digits, evolved weights", "fraction correct", 0, 0,
             MDL_DIGITS_TEST, ""},
    .defaults = {.id = MDL_TASK_DIGITS, .samples = 256},
    .uses = MDL_USES_SAMPLES,
    .obs = MDL_PIXELS,
    .actions = CLASSES,
    .reset = show_sample,
    .step = digits_step,
    .parts = digits_parts,
};

/* ---- learned in life ---- */

static void shuffle(mdl_task *t, uint8_t *order, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        order[i] = (uint8_t)i;
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t j = mdl_deal_below(&t->rng, i + 1);
        uint8_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

static uint32_t life_label(const mdl_task *t) { return t->label_order[mdl_digit_label(t->sample)]; }

static void show_life(mdl_task *t, uint32_t phase, uint32_t flags) {
    t->phase = phase;
    mdl_task_blank(t, MDL_OUT_WIPE | flags);
    for (uint32_t p = 0; p < MDL_PIXELS; p++)
        t->out.obs[p] = (float)mdl_digit_pixel(t->sample, t->pixel_order[p]) * 0.0625f;
}

static void show_taught(mdl_task *t, uint32_t phase, uint32_t action, float reward) {
    show_life(t, phase, MDL_OUT_TEACH | MDL_OUT_REWARD);
    t->out.teach = action;
    t->out.reward = reward;
}

static uint32_t life_parts(const mdl_task *t) { return samples_of(t, MDL_DIGIT_TESTS); }

/* `trial` counts the lessons, then the exam's samples. */
static void show_next(mdl_task *t) {
    uint32_t lessons = t->params.samples;
    if (t->trial < lessons) {
        t->sample = mdl_deal_below(&t->rng, MDL_DIGITS_TRAIN);
        show_life(t, PREDICT, MDL_OUT_FROZEN);
    } else if (t->trial < lessons + life_parts(t)) {
        t->sample = sample_at(t, t->trial - lessons);
        show_life(t, EXAM, MDL_OUT_FROZEN);
    } else {
        mdl_task_blank(t, MDL_OUT_DONE);
    }
}

static void life_reset(mdl_task *t) {
    shuffle(t, t->pixel_order, MDL_PIXELS);
    shuffle(t, t->label_order, CLASSES);
    show_next(t);
}

static void life_step(mdl_task *t, uint32_t action, const float *motor) {
    (void)motor;
    t->step++;
    switch (t->phase) {
    case PREDICT:
        t->chosen = action;
        t->correct = action == life_label(t);
        show_taught(t, TEACH_RIGHT, life_label(t), 1.0f);
        return;
    case TEACH_RIGHT:
        if (!t->correct) {
            show_taught(t, TEACH_WRONG, t->chosen, -1.0f);
            return;
        }
        break;
    case TEACH_WRONG:
        break;
    default:
        t->chosen = action;
        t->correct = action == life_label(t);
        t->hits += t->correct;
        t->fitness += t->correct ? MDL_MILLION : 0;
        t->score += t->correct ? MDL_MILLION : 0;
    }
    t->trial++;
    show_next(t);
}

const mdl_task_ops mdl_task_digits_life = {
    .info = {MDL_TASK_DIGITS_LIFE, "digits_life", "Handwritten digits learned within a life", "fraction correct", 0, 0,
             400 * 3 + MDL_DIGITS_TEST, ""},
    .defaults = {.id = MDL_TASK_DIGITS_LIFE, .samples = 400},
    .uses = MDL_USES_SAMPLES,
    .obs = MDL_PIXELS,
    .actions = CLASSES,
    .reset = life_reset,
    .step = life_step,
    .parts = life_parts,
};
