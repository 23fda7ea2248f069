#include "sim/boinc.h"

#include <stdlib.h>
#include <string.h>

#include "sim/random.h"

enum { ALWAYS = 10 };

typedef struct host {
    uint64_t cv, done, slips;
    mdl_boinc_habit habit;
    int caught;
} host;

typedef struct field {
    const mdl_boinc_plan *plan;
    mdl_boinc_report *report;
    host *host;
    uint64_t random, lies;
} field;

enum { RIGHT = 0, RINGS = 1 }; /* what is told; larger: a wrong result like no other */

double mdl_boinc_cv(double k) { return k <= ALWAYS ? k : mdl_sqrt(100 + 2 * (k - ALWAYS)); }

static uint64_t tell(field *f, const host *h) {
    if (h->habit.wrong <= 0 || h->done < h->habit.patience ||
        (h->habit.wrong < 1 && !mdl_sim_chance(&f->random, h->habit.wrong))) {
        return RIGHT;
    }
    f->report->lied++;
    return h->habit.ring ? RINGS : ++f->lies + RINGS;
}

static host *another(field *f, const host *a, const host *b) {
    for (;;) {
        host *h = &f->host[mdl_sim_below(&f->random, f->plan->hosts)];
        if (h != a && h != b) {
            return h;
        }
    }
}

static void lose(field *f, host *h) {
    if (h->habit.wrong > 0 && !h->caught) {
        h->caught = 1;
        f->report->slippers++;
        f->report->slips += h->slips;
    }
    h->cv = 0;
}

/* One job of host a. */
static void job(field *f, host *a, int replicate) {
    mdl_boinc_report *r = f->report;
    uint64_t told[3] = {tell(f, a), 0, 0};
    r->jobs++;
    a->done++;
    if (!replicate) {
        r->accepted += told[0] != RIGHT;
        a->slips += told[0] != RIGHT;
        return;
    }
    host *b = another(f, a, a);
    told[1] = tell(f, b);
    r->extra++;
    if (told[0] == told[1]) {
        r->accepted += told[0] != RIGHT;
        a->slips += told[0] != RIGHT;
        a->cv++;
        b->cv++;
        return;
    }
    host *c = another(f, a, b);
    told[2] = tell(f, c);
    r->extra++;
    /* Right results agree; wrong ones only within a ring. Without two alike nothing is accepted. */
    host *all[3] = {a, b, c};
    r->accepted += told[2] == RINGS && (told[0] == RINGS || told[1] == RINGS);
    for (int i = 0; i < 3; i++) {
        if (told[i] == told[(i + 1) % 3] || told[i] == told[(i + 2) % 3]) {
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
    field f = {plan, out, hosts, mdl_sim_stream(plan->seed, 21), 0};
    uint32_t evils = (uint32_t)((double)plan->hosts * plan->adversaries + 0.5);
    for (uint32_t i = 0; i < plan->hosts; i++) {
        hosts[i].habit = plan->habit ? plan->habit[i]
                         : i < evils ? (mdl_boinc_habit){1, plan->patience, plan->ring}
                                     : (mdl_boinc_habit){0, 0, 0};
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
