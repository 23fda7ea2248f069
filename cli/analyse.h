/* What the parts of modulon analyse share: a network or neural mass under
 * control, sweeps over seeds, and output. */
#ifndef MDL_CLI_ANALYSE_H
#define MDL_CLI_ANALYSE_H

#include <cjson/cJSON.h>

#include "analysis/stats.h"
#include "analysis/svg.h"
#include "cli/cli.h"
#include "core/life.h"
#include "core/neural_mass.h"
#include "runtime/champion.h"

/* An experiment, or a champion with its genome. */
typedef struct mdl_subject {
    mdl_experiment x;
    float *genome; /* NULL: none evolved */
    uint8_t digest[MDL_DIGEST_BYTES];
} mdl_subject;
/* Says what is wrong and returns an exit code, or -1. */
int mdl_subject_read(mdl_subject *s, const char *path);
void mdl_subject_close(mdl_subject *s);

/* Where each lever stands: the sum x of binding x effect, before the factors'
 * exp (core/lever.h). All 0: nothing binds. */
typedef struct mdl_setting {
    float x[MDL_LEVER_COUNT];
} mdl_setting;
mdl_levers mdl_setting_levers(const mdl_setting *s);

/* Weights of an assay: every neuron's synapses from a class sum to `own` or
 * `between` on average, with normal deviations of s.d. sd / sqrt(synapses); the
 * first observation reaches every hidden neuron with weight 1, the others none. */
typedef struct mdl_assay {
    double own, between, sd;
} mdl_assay;

/* A network that runs step by step (window 1) without its task. */
typedef struct mdl_probe {
    mdl_experiment x;
    mdl_life *life;
    float *genome;
    mdl_task_out shown;
    uint32_t *source; /* [cells of all regions] */
} mdl_probe;
/* `genome` NULL: the assay's weights and otherwise drawn genes (`seed`). Modulators
 * are put in use, with nothing bound. Learning, dropout and adaptive biases are
 * off unless `plastic`. MDL_ENOMEM, MDL_ERANGE (genome too long). */
mdl_err mdl_probe_open(mdl_probe *p, const mdl_experiment *x, const float *genome, const mdl_assay *assay,
                       uint64_t seed, int plastic);
void mdl_probe_close(mdl_probe *p);
/* Hold every lever of every region at `s`. */
void mdl_probe_hold(mdl_probe *p, const mdl_setting *s);
/* Hold one modulator at `level` and the others at 0, on the genome's receptors. */
void mdl_probe_clamp(mdl_probe *p, uint32_t modulator, float level);
void mdl_probe_noise(mdl_probe *p, float sigma);
void mdl_probe_birth(mdl_probe *p, uint64_t seed);
/* One step with `input` on the first observation. */
void mdl_probe_step(mdl_probe *p, float input);
/* Mean output of a region's hidden neurons (0 where there are none); of all of them. */
double mdl_probe_region(const mdl_probe *p, uint32_t region);
double mdl_probe_mean(const mdl_probe *p);
/* Sum of |output| over hidden neurons. */
double mdl_probe_active(const mdl_probe *p);
/* Mean positive and negative (>= 0) contributions of own synapses to a neuron. */
void mdl_probe_balance(mdl_probe *p, double *excitation, double *inhibition);

/* A neural mass in memory of its own; MDL_ENOMEM. */
mdl_err mdl_mass_open(mdl_mass *m, const mdl_network_spec *network, const mdl_mass_params *params);
void mdl_mass_close(mdl_mass *m);

/* {"mean": m, "lo": l, "hi": h, "n": n} of values over seeds. */
cJSON *mdl_interval_json(const double *values, size_t n);
/* "m [lo, hi]" into out. */
const char *mdl_interval_text(const double *values, size_t n, char *out, size_t size);
/* Write DIR/NAME.svg, making the folder; nothing when `directory` is NULL. The exit code or -1. */
int mdl_write_plot(const char *directory, const char *name, const mdl_svg_panel *panel, size_t panels, size_t columns);

int mdl_analyse_activity(int argc, char **argv);
int mdl_analyse_gain(int argc, char **argv);
int mdl_analyse_integration(int argc, char **argv);
int mdl_analyse_dose(int argc, char **argv);

#endif
