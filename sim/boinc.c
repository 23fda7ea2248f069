#include "sim/boinc.h"

#include <stdlib.h>
#include <string.h>

#include "sim/random.h"

enum { ALWAYS = 10 };

typedef struct host {
    uint64_t cv, done, slips;
    int evil, caught;
} host;

typedef struct field {
    const mdl_boinc_plan *plan;
    mdl_boinc_report *report;
    host *host;
    uint64_t random;
} field;

double mdl_boinc_cv(double k) { return k <= ALWAYS ? k : mdl_sqrt(100 + 2 * (k - ALWAYS)); }

static int lies(const field *f, const host *h) { return h->evil && h->done >= f->plan->patience; }

static host *another(field *f, const host *a, const host *b) {
    for (;;) {
        host *h = &f->host[mdl_sim_below(&f->random, f->plan->hosts)];
        if (h != a && h != b) {
            return h;
        }
    }
}

static void lose(field *f, host *h) {
    if (h->evil && !h->caught) {
        h->caught = 1;
        f->report->slippers++;
        f->report->slips += h->slips;
    }
    h->cv = 0;
}

/* One job of host a. */
static void job(field *f, host *a, int replicate) {
    mdl_boinc_report *r = f->report;
    int wrong = lies(f, a);
    r->jobs++;
    r->lied += (uint64_t)wrong;
    a->done++;
    if (!replicate) {
        r->accepted += (uint64_t)wrong;
        a->slips += (uint64_t)wrong;
        return;
    }
    host *b = another(f, a, a);
    int other = lies(f, b);
    r->extra++;
    r->lied += (uint64_t)other;
    int agree = wrong == other && (!wrong || f->plan->ring);
    if (agree) {
        r->accepted += (uint64_t)wrong;
        a->slips += (uint64_t)wrong;
        a->cv++;
        b->cv++;
        return;
    }
    host *c = another(f, a, b);
    int third = lies(f, c);
    r->extra++;
    r->lied += (uint64_t)third;
    /* Right results agree; wrong ones only within a ring. Without two alike nothing is accepted. */
    int right = !wrong + !other + !third, ring = f->plan->ring && wrong + other + third >= 2;
    host *all[3] = {a, b, c};
    int told[3] = {wrong, other, third};
    r->accepted += (uint64_t)ring;
    for (int i = 0; i < 3; i++) {
        int alike = told[i] ? ring : right >= 2;
        if (alike) {
            all[i]->cv++;
        } else {
            lose(f, all[i]);
        }
    }
}

int mdl_boinc_run(const mdl_boinc_plan *plan, mdl_boinc_report *out) {
    memset(out, 0, sizeof *out);
    host *hosts = calloc(plan->hosts, sizeof *hosts);
    if (!hosts) {
        return 0;
    }
    field f = {plan, out, hosts, mdl_sim_stream(plan->seed, 21)};
    uint32_t evils = (uint32_t)((double)plan->hosts * plan->adversaries + 0.5);
    for (uint32_t i = 0; i < evils; i++) {
        hosts[i].evil = 1;
    }
    uint32_t turns = (plan->jobs + plan->batch - 1) / plan->batch;
    mdl_boinc_report before = *out;
    for (uint32_t turn = 0; turn < turns; turn++) {
        if (turn == turns - turns / 10) {
            before = *out;
        }
        for (uint32_t i = 0; i < plan->hosts; i++) {
            host *a = &hosts[i];
            int replicate = a->cv <= ALWAYS || mdl_sim_below(&f.random, a->cv) == 0; /* once a request */
            for (uint32_t k = 0; k < plan->batch; k++) {
                job(&f, a, replicate);
            }
        }
    }
    out->late_jobs = out->jobs - before.jobs;
    out->late_extra = out->extra - before.extra;
    free(hosts);
    return 1;
}
