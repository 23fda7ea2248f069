/* BOINC's adaptive replication, as its scheduler does it, in a model of its own
 * beside ours: hosts, jobs, adversaries, no messages.
 *
 * A host whose last CV results were confirmed in a row has a job replicated
 * always while CV <= 10, else with probability 1/CV, drawn once a request. Two
 * results that agree are accepted, and both hosts' CV rises; where they differ a
 * third host decides, and whoever is alone loses its CV. Nobody is banned. */
#ifndef MDL_SIM_BOINC_H
#define MDL_SIM_BOINC_H

#include <stdint.h>

/* What one host tells. */
typedef struct mdl_boinc_habit {
    double wrong;      /* share of its results, 0..1                     */
    uint32_t patience; /* it is honest for so many of its jobs           */
    int ring;          /* its wrong results are those of all in the ring */
} mdl_boinc_habit;

typedef struct mdl_boinc_plan {
    uint64_t seed;
    uint32_t hosts;               /* 3..                                             */
    uint32_t jobs;                /* each host's turns                               */
    uint32_t batch;               /* jobs a request, 1..                             */
    double adversaries;           /* share                                           */
    uint32_t patience;            /* an adversary is honest for so many of its jobs  */
    int ring;                     /* adversaries agree on wrong results              */
    const mdl_boinc_habit *habit; /* [hosts] in place of the last three; NULL: all adversaries are alike */
} mdl_boinc_plan;

typedef struct mdl_boinc_report {
    uint64_t jobs, extra;           /* accepted jobs; results computed beyond one each  */
    uint64_t late_jobs, late_extra; /* the same of the last tenth of the turns     */
    uint64_t lied, accepted;        /* wrong results told; wrong results accepted       */
    uint64_t slips, slippers;       /* wrong results before a host's first being caught; hosts caught */
} mdl_boinc_report;

/* 0: out of memory. */
int mdl_boinc_run(const mdl_boinc_plan *plan, mdl_boinc_report *out);

/* VERIFICATION d.3: CV of an honest host after k jobs. */
double mdl_boinc_cv(double k);

#endif
