/* modulon sim */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "core/num.h"
#include "protocol/digest.h"
#include "runtime/progress.h"
#include "sim/beside.h"
#include "sim/sim.h"
#include "sim/statistics.h"

enum { QUICK_WORKERS = 64, FAILURES_SHOWN = 8 };

static const mdl_usage usage = {
    .name = "sim",
    .arguments = "",
    .text = "Simulate fleets: the coordinator's logic, the workers' logic and the ledger's fold\n"
            "in virtual time, from one seed each. Latency, loss, repeats, crashes of everyone;\n"
            "jobs are answered by an oracle, not computed. Some workers may be adversaries:\n"
            "--mix worst (half in a ring that is honest until trusted, the rest one of each\n"
            "kind), all (one of each), or a kind: lazy, flipper, random, ring, turncoat, hider,\n"
            "gambler, dropper, silent, copier, replayer, equivocator, flooder, yesman, whitewasher,\n"
            "withholder.\n"
            "Invariants are checked after every record; a seed that breaks one is named with the\n"
            "command that replays it, and the exit status is 1. BOINC's adaptive replication is\n"
            "simulated beside, with the same adversaries.",
    .examples = "  modulon sim --seeds 1..100\n"
                "  modulon sim --workers 50 --generations 20 --adversaries 0.3 --mix worst --json\n"
                "  modulon sim --workers 20000 --generations 2 --crash 0 --churn 0",
    .least = 0,
    .most = 0,
};

typedef struct request {
    mdl_sim_plan plan;
    const char *seeds, *mix, *signatures;
    uint64_t first, last;
    double late_most;
    int json, quiet;
} request;

typedef struct total {
    mdl_sim_report sum;
    uint64_t seeds, failed, failing[FAILURES_SHOWN];
    char violation[256]; /* of the first failing seed */
    mdl_boinc_report boinc;
    double late, late_squares, late_least, late_most; /* shares done again in later halves, over the seeds */
} total;

/* ---- asking ---- */

static int take_seeds(const char *text, uint64_t *first, uint64_t *last) {
    char *end;
    if (*text < '0' || *text > '9')
        return 0;
    *first = *last = strtoull(text, &end, 10);
    if (strncmp(end, "..", 2) == 0 && end[2] >= '0' && end[2] <= '9')
        *last = strtoull(end + 2, &end, 10);
    return *end == '\0' && *first <= *last;
}

static int take_mix(const char *text, uint32_t *mix) {
    for (uint32_t i = 0; i < MDL_SIM_BEHAVIOURS; i++) {
        if (mdl_sim_is_evil(i) && strcmp(text, mdl_sim_behaviour_name(i)) == 0) {
            *mix = i;
            return 1;
        }
    }
    *mix = strcmp(text, "all") == 0 ? MDL_SIM_MIX_ALL : MDL_SIM_MIX_WORST;
    return *mix == MDL_SIM_MIX_ALL || strcmp(text, "worst") == 0;
}

static int take_signatures(const char *text, mdl_sim_plan *p) {
    p->ed25519 = strcmp(text, "ed25519") == 0 || (strcmp(text, "auto") == 0 && p->workers <= QUICK_WORKERS);
    return p->ed25519 || strcmp(text, "quick") == 0 || strcmp(text, "auto") == 0;
}

/* ---- adding up ---- */

static double share(uint64_t part, uint64_t whole) { return whole ? (double)part / (double)whole : 0; }

static void add_boinc(mdl_boinc_report *t, const mdl_boinc_report *r) {
    t->jobs += r->jobs;
    t->extra += r->extra;
    t->late_jobs += r->late_jobs;
    t->late_extra += r->late_extra;
    t->lied += r->lied;
    t->accepted += r->accepted;
}

/* The standard deviation over the seeds of what is done again in later halves. */
static double late_deviation(const total *t) {
    double n = (double)t->seeds, mean = t->late / n, variance = t->late_squares / n - mean * mean;
    return t->seeds < 2 || variance < 0 ? 0 : mdl_sqrt(variance * n / (n - 1));
}

static void add(total *t, const mdl_sim_report *r, uint64_t seed) {
    mdl_sim_report *s = &t->sum;
    for (int k = 0; k < MDL_SIM_BEHAVIOURS; k++) {
        const mdl_sim_kind *from = &r->kind[k];
        mdl_sim_kind *to = &s->kind[k];
        to->workers += from->workers;
        to->banned += from->banned;
        to->jobs += from->jobs;
        to->wrong += from->wrong;
        to->slipped += from->slipped;
        to->paid += from->paid;
        to->worked += from->worked;
        to->forfeited += from->forfeited;
        to->units_wrong += from->units_wrong;
        to->conviction_s += from->conviction_s;
    }
#define ADD(field) s->field += r->field
    ADD(closed), ADD(virtual_s), ADD(events), ADD(calls), ADD(records), ADD(results), ADD(receipts), ADD(expired);
    ADD(verdicts), ADD(checks), ADD(crashes), ADD(kills), ADD(lost), ADD(repeated), ADD(refused), ADD(folds);
    ADD(jobs_closed), ADD(updates_closed), ADD(updates_extra), ADD(late_closed), ADD(late_extra);
    ADD(wrong_selected), ADD(violations), ADD(drawn), ADD(draws), ADD(drawn_wrong), ADD(drawn_free), ADD(forfeited);
    ADD(disputes), ADD(moves), ADD(judgements), ADD(judged_wrong), ADD(drawn_wrong_expected), ADD(drawn_wrong_variance);
#undef ADD
    s->ended += r->ended;
    s->call_ms_p50 = r->call_ms_p50 > s->call_ms_p50 ? r->call_ms_p50 : s->call_ms_p50;
    s->call_ms_p99 = r->call_ms_p99 > s->call_ms_p99 ? r->call_ms_p99 : s->call_ms_p99;
    memcpy(s->root, r->root, sizeof s->root);
    double late = share(r->late_extra, r->late_closed);
    t->late += late;
    t->late_squares += late * late;
    t->late_least = t->seeds == 0 || late < t->late_least ? late : t->late_least;
    t->late_most = late > t->late_most ? late : t->late_most;
    t->seeds++;
    if (r->violations > 0) {
        if (t->failed == 0)
            snprintf(t->violation, sizeof t->violation, "%s", r->violation);
        if (t->failed < FAILURES_SHOWN)
            t->failing[t->failed] = seed;
        t->failed++;
    }
}

/* Units with a wrong result that a worker who is honest at first hands in before it is banned. */
static double slips_of(const total *t) {
    const mdl_sim_kind *a = &t->sum.kind[MDL_SIM_TURNCOAT], *b = &t->sum.kind[MDL_SIM_GAMBLER];
    uint32_t banned = a->banned + b->banned;
    return banned ? (double)(a->units_wrong + b->units_wrong) / banned : 0;
}

/* ---- telling ---- */

/* The command that replays one seed. */
static void replay_of(const request *q, uint64_t seed, char *out, size_t size) {
    const mdl_sim_plan *p = &q->plan;
    snprintf(out, size,
             "modulon sim --seeds %" PRIu64 " --workers %u --generations %u --population %u --adversaries %g --mix %s "
             "--latency %g --loss %g --repeat %g --crash %g --churn %g --floor %u --probation %u --window %u "
             "--checkers %u --dispute %u%s%s "
             "--signatures %s",
             seed, (unsigned)p->workers, (unsigned)p->generations, (unsigned)p->population, p->adversaries, q->mix,
             p->latency_ms, p->loss, p->repeat, p->crash_s, p->churn_s, (unsigned)p->floor_ppm, (unsigned)p->probation,
             (unsigned)p->window, (unsigned)p->checkers, (unsigned)p->dispute, p->shared ? " --shared" : "",
             p->unverified ? " --unverified" : "", p->ed25519 ? "ed25519" : "quick");
}

static const char *signatures_of(const request *q) {
    return q->plan.ed25519 ? "Ed25519" : "keyed BLAKE2b in place of Ed25519";
}

/* Credit beyond the work done, for a worker, as a share of what an honest one earned. */
static double gain_of(const total *t, const mdl_sim_kind *k) {
    const mdl_sim_kind *h = &t->sum.kind[MDL_SIM_HONEST];
    double honest = h->workers ? (double)h->paid / h->workers : 0;
    double mine = k->workers ? ((double)k->paid - (double)k->worked) / k->workers : 0;
    return honest > 0 ? mine / honest : 0;
}

/* What came back of an update that was computed. */
static double return_of(const mdl_sim_kind *k) { return share(k->paid, k->worked); }

static void show_kind(const total *t, int b) {
    const mdl_sim_kind *k = &t->sum.kind[b];
    if (k->workers == 0)
        return;
    printf("%-12s %7u %7u %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9.1f %9.3f %7.2f\n",
           mdl_sim_behaviour_name((uint32_t)b), (unsigned)k->workers, (unsigned)k->banned, k->jobs, k->wrong,
           k->slipped, k->banned ? k->conviction_s / k->banned : 0, gain_of(t, k), return_of(k));
}

static void show(const request *q, const total *t) {
    const mdl_sim_report *s = &t->sum;
    char line[512], root[MDL_DIGEST_HEX];
    printf("%" PRIu64 " fleets of %u workers, %u generations; signatures: %s\n", t->seeds, (unsigned)q->plan.workers,
           (unsigned)q->plan.generations, signatures_of(q));
    printf("%.0f s of virtual time, %" PRIu64 " events, %" PRIu64 " records, %" PRIu64 " receipts, %" PRIu64
           " coordinator crashes, %" PRIu64 " worker crashes, %" PRIu64 " frames lost, %" PRIu64 " repeated\n\n",
           s->virtual_s, s->events, s->records, s->receipts, s->crashes, s->kills, s->lost, s->repeated);
    printf("%-12s %7s %7s %9s %9s %9s %9s %9s %7s\n", "workers", "number", "banned", "jobs", "wrong", "slipped",
           "s to ban", "gain", "return");
    for (int b = 0; b < MDL_SIM_BEHAVIOURS; b++)
        show_kind(t, b);
    printf(
        "\nslipped: wrong and used in a closed generation. gain: credit beyond the work done, as a share of what an\n"
        "honest worker earned; doing nothing gives 0. return: credit for an update of its work; 1 if all of it was "
        "paid.\n");
    printf("%" PRIu64 " wrong among what was selected (elites, validation, champions)\n", s->wrong_selected);
    printf("work done again: %.2f %% of all, %.2f %% in the later half of the generations\n",
           100 * share(s->updates_extra, s->updates_closed), 100 * share(s->late_extra, s->late_closed));
    if (t->seeds > 1)
        printf("the later half, fleet by fleet: mean %.2f %%, standard deviation %.2f %%, from %.2f %% to %.2f %%\n",
               100 * t->late / (double)t->seeds, 100 * late_deviation(t), 100 * t->late_least, 100 * t->late_most);
    if (s->draws > 0) {
        double lo, hi;
        mdl_sim_interval(s->drawn, s->draws, 1.96, &lo, &hi);
        printf("drawn: %" PRIu64 " of %" PRIu64
               " units of trusted workers, %.2f %% (95 %%: %.2f to %.2f); the floor is "
               "%.2f %%\n",
               s->drawn, s->draws, 100 * share(s->drawn, s->draws), 100 * lo, 100 * hi, q->plan.floor_ppm / 1e4);
        printf("of the drawn jobs %" PRIu64 " were wrong, by the formula %.1f (standard deviation %.1f); %" PRIu64
               " of those were confirmed by their own ring\n",
               s->drawn_wrong, s->drawn_wrong_expected, mdl_sqrt(s->drawn_wrong_variance), s->drawn_free);
        printf("units with a wrong result of turncoats and gamblers for each one banned: %.1f; 1 / floor is %.0f\n",
               slips_of(t), q->plan.floor_ppm ? 1e6 / q->plan.floor_ppm : 0);
    }
    printf("disputes: %" PRIu64 ", moves in them: %" PRIu64 ", judgements: %" PRIu64 ", sides found wrong: %" PRIu64
           "\n",
           s->disputes, s->moves, s->judgements, s->judged_wrong);
    printf("an honest call waited %.2f ms (p50), %.2f ms (p99), in the worst fleet\n", s->call_ms_p50, s->call_ms_p99);
    printf(
        "BOINC's adaptive replication beside: %.2f %% done again, %.2f %% in the last tenth; %.3f %% of the accepted "
        "results wrong\n",
        100 * share(t->boinc.extra, t->boinc.jobs), 100 * share(t->boinc.late_extra, t->boinc.late_jobs),
        100 * share(t->boinc.accepted, t->boinc.jobs));
    if (t->seeds == 1) {
        mdl_hex(s->root, sizeof s->root, root);
        printf("root of the ledger: %s\n", root);
    }
    if (t->failed == 0) {
        printf("\nno invariant was broken\n");
        return;
    }
    printf("\n%" PRIu64 " fleets broke an invariant. The first: %s\n", t->failed, t->violation);
    for (uint64_t i = 0; i < t->failed && i < FAILURES_SHOWN; i++) {
        replay_of(q, t->failing[i], line, sizeof line);
        printf("  %s\n", line);
    }
}

static void show_json_kinds(const total *t) {
    int any = 0;
    printf("\"workers\":{");
    for (int b = 0; b < MDL_SIM_BEHAVIOURS; b++) {
        const mdl_sim_kind *k = &t->sum.kind[b];
        if (k->workers == 0)
            continue;
        printf("%s\"%s\":{\"number\":%u,\"banned\":%u,\"jobs\":%" PRIu64 ",\"wrong\":%" PRIu64 ",\"slipped\":%" PRIu64
               ",\"paid\":%" PRIu64 ",\"worked\":%" PRIu64 ",\"forfeited\":%" PRIu64 ",\"units_wrong\":%" PRIu64
               ",\"seconds_to_ban\":%.3f,\"gain\":%.6f,\"return\":%.6f}",
               any++ ? "," : "", mdl_sim_behaviour_name((uint32_t)b), (unsigned)k->workers, (unsigned)k->banned,
               k->jobs, k->wrong, k->slipped, k->paid, k->worked, k->forfeited, k->units_wrong,
               k->banned ? k->conviction_s / k->banned : 0, gain_of(t, k), return_of(k));
    }
    printf("},");
}

static void show_json(const request *q, const total *t) {
    const mdl_sim_report *s = &t->sum;
    char line[512], root[MDL_DIGEST_HEX];
    printf("{\"seeds\":%" PRIu64 ",\"first\":\"%" PRIu64 "\",\"last\":\"%" PRIu64
           "\",\"fleet\":%u,\"generations\":%u,\"signatures\":\"%s\",",
           t->seeds, q->first, q->last, (unsigned)q->plan.workers, (unsigned)q->plan.generations,
           q->plan.ed25519 ? "ed25519" : "quick");
    printf("\"ended\":%d,\"closed\":%u,\"virtual_s\":%.3f,\"events\":%" PRIu64 ",\"calls\":%" PRIu64
           ",\"records\":%" PRIu64 ",\"results\":%" PRIu64 ",\"receipts\":%" PRIu64 ",\"expired\":%" PRIu64
           ",\"verdicts\":%" PRIu64 ",\"checks\":%" PRIu64 ",",
           s->ended, (unsigned)s->closed, s->virtual_s, s->events, s->calls, s->records, s->results, s->receipts,
           s->expired, s->verdicts, s->checks);
    printf("\"crashes\":%" PRIu64 ",\"kills\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"repeated\":%" PRIu64
           ",\"refused\":%" PRIu64 ",\"folds\":%" PRIu64 ",",
           s->crashes, s->kills, s->lost, s->repeated, s->refused, s->folds);
    show_json_kinds(t);
    double lo, hi;
    mdl_sim_interval(s->drawn, s->draws, 1.96, &lo, &hi);
    printf("\"draws\":%" PRIu64 ",\"drawn\":%" PRIu64
           ",\"drawn_share\":[%.6f,%.6f],\"floor\":%.6f,\"drawn_wrong\":%" PRIu64 ",\"drawn_free\":%" PRIu64
           ",\"drawn_wrong_expected\":%.3f,\"drawn_wrong_deviation\":%.3f,\"units_wrong_to_ban\":%.3f,"
           "\"forfeited\":%" PRIu64 ",",
           s->draws, s->drawn, lo, hi, q->plan.floor_ppm / 1e6, s->drawn_wrong, s->drawn_free, s->drawn_wrong_expected,
           mdl_sqrt(s->drawn_wrong_variance), slips_of(t), s->forfeited);
    printf("\"disputes\":%" PRIu64 ",\"moves\":%" PRIu64 ",\"judgements\":%" PRIu64 ",\"judged_wrong\":%" PRIu64 ",",
           s->disputes, s->moves, s->judgements, s->judged_wrong);
    printf("\"late\":{\"mean\":%.6f,\"deviation\":%.6f,\"least\":%.6f,\"most\":%.6f},", t->late / (double)t->seeds,
           late_deviation(t), t->late_least, t->late_most);
    printf("\"jobs_closed\":%" PRIu64 ",\"wrong_selected\":%" PRIu64
           ",\"overhead\":%.6f,\"overhead_late\":%.6f,\"call_ms_p50\":%.3f,\"call_ms_p99\":%.3f,",
           s->jobs_closed, s->wrong_selected, share(s->updates_extra, s->updates_closed),
           share(s->late_extra, s->late_closed), s->call_ms_p50, s->call_ms_p99);
    printf("\"boinc\":{\"overhead\":%.6f,\"overhead_late\":%.6f,\"wrong_accepted\":%.6f},",
           share(t->boinc.extra, t->boinc.jobs), share(t->boinc.late_extra, t->boinc.late_jobs),
           share(t->boinc.accepted, t->boinc.jobs));
    mdl_hex(s->root, sizeof s->root, root);
    printf("\"root\":\"%s\",\"failed\":%" PRIu64 ",\"violation\":\"%s\",\"replay\":[", root, t->failed, t->violation);
    for (uint64_t i = 0; i < t->failed && i < FAILURES_SHOWN; i++) {
        replay_of(q, t->failing[i], line, sizeof line);
        printf("%s\"%s\"", i ? "," : "", line);
    }
    printf("]}\n");
}

/* ---- running ---- */

typedef struct watcher {
    mdl_progress bar;
    uint64_t done, seeds;
} watcher;

static void on_progress(void *ctx, uint32_t generation, uint32_t generations) {
    watcher *w = ctx;
    char text[64];
    double fraction = ((double)w->done + (double)generation / generations) / (double)w->seeds;
    snprintf(text, sizeof text, "fleet %" PRIu64 " of %" PRIu64, w->done + 1, w->seeds);
    mdl_progress_show(&w->bar, fraction, text);
}

static int simulate(request *q, total *t) {
    watcher w = {.seeds = q->last - q->first + 1};
    mdl_sim_report report;
    q->plan.progress = on_progress;
    q->plan.ctx = &w;
    mdl_progress_begin(&w.bar, 0, q->quiet);
    for (uint64_t seed = q->first;; seed++) {
        memset(&report, 0, sizeof report);
        q->plan.seed = seed;
        mdl_err err = mdl_sim_run(&q->plan, &report);
        if (err != MDL_OK) {
            mdl_progress_end(&w.bar, 1, "");
            return mdl_cli_fail(mdl_cli_code(err), "sim: seed %" PRIu64 ": %s", seed, mdl_strerror((int)err));
        }
        add(t, &report, seed);
        mdl_boinc_report beside;
        if (!mdl_sim_beside(&q->plan, &beside)) {
            mdl_progress_end(&w.bar, 1, "");
            return mdl_cli_fail(MDL_EXIT_FAILURE, "sim: out of memory");
        }
        add_boinc(&t->boinc, &beside);
        w.done++;
        if (seed == q->last)
            break;
    }
    mdl_progress_end(&w.bar, 1, "done");
    return -1;
}

int mdl_cmd_sim(int argc, char **argv) {
    request q = {.seeds = "1", .mix = "worst", .signatures = "auto", .late_most = 1000};
    total *t = NULL;
    int first;
    mdl_sim_plan_init(&q.plan);
    const mdl_option options[] = {
        {"workers", MDL_OPT_U32, &q.plan.workers, NULL, 1, 1000000, "N", "of a fleet (12)"},
        {"generations", MDL_OPT_U32, &q.plan.generations, NULL, 1, 10000, "G", "until the experiment ends (6)"},
        {"population", MDL_OPT_U32, &q.plan.population, NULL, 0, 524288, "N",
         "candidates of a generation (four a worker)"},
        {"seeds", MDL_OPT_TEXT, &q.seeds, NULL, 0, 0, "A..B", "one fleet each (1)"},
        {"adversaries", MDL_OPT_F64, &q.plan.adversaries, NULL, 0, 0.9, "SHARE", "of the workers (0)"},
        {"mix", MDL_OPT_TEXT, &q.mix, NULL, 0, 0, "NAME", "of adversaries: worst (default), all, or one kind"},
        {"latency", MDL_OPT_F64, &q.plan.latency_ms, NULL, 0, 10000, "MS", "mean of one way (40)"},
        {"loss", MDL_OPT_F64, &q.plan.loss, NULL, 0, 0.5, "SHARE", "of frames that are lost (0.01)"},
        {"repeat", MDL_OPT_F64, &q.plan.repeat, NULL, 0, 0.5, "SHARE", "of frames that come twice (0.01)"},
        {"crash", MDL_OPT_F64, &q.plan.crash_s, NULL, 0, 1e6, "S",
         "mean time between crashes of the coordinator; 0: none (20)"},
        {"churn", MDL_OPT_F64, &q.plan.churn_s, NULL, 0, 1e6, "S", "and of a worker (60)"},
        {"floor", MDL_OPT_U32, &q.plan.floor_ppm, NULL, 0, 1000000, "PPM",
         "of trusted units of which a job is done again (20000)"},
        {"probation", MDL_OPT_U32, &q.plan.probation, NULL, 0, 1000000, "N", "confirmed leases until trust (10)"},
        {"window", MDL_OPT_U32, &q.plan.window, NULL, 0, 16, "G", "generations that credit waits (3)"},
        {"checkers", MDL_OPT_U32, &q.plan.checkers, NULL, 1, 64, "N", "jobs that the coordinator does at once (2)"},
        {"dispute", MDL_OPT_U32, &q.plan.dispute, NULL, 0, 1000000000, "K",
         "jobs of K thousand updates and more are taken apart where answers differ; 0: none (400)"},
        {"shared", MDL_OPT_FLAG, &q.plan.shared, NULL, 0, 0, NULL, "with the workers' nonces in the draws"},
        {"unverified", MDL_OPT_FLAG, &q.plan.unverified, NULL, 0, 0, NULL, "with verification off"},
        {"signatures", MDL_OPT_TEXT, &q.signatures, NULL, 0, 0, "HOW",
         "ed25519, quick (keyed BLAKE2b) or auto: quick above 64 workers"},
        {"overhead-most", MDL_OPT_F64, &q.late_most, NULL, 0, 1000, "SHARE",
         "exit 1 if more work is done again in the later half of the generations, on average"},
        {"json", MDL_OPT_FLAG, &q.json, NULL, 0, 0, NULL, "one JSON object on stdout"},
        {"quiet", MDL_OPT_FLAG, &q.quiet, NULL, 0, 0, NULL, "no progress"},
        {NULL, MDL_OPT_FLAG, NULL, NULL, 0, 0, NULL, NULL},
    };
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (!take_seeds(q.seeds, &q.first, &q.last))
        return mdl_cli_fail(MDL_EXIT_USAGE, "sim: --seeds takes A or A..B with A not above B, not %s", q.seeds);
    if (!take_mix(q.mix, &q.plan.mix))
        return mdl_cli_fail(MDL_EXIT_USAGE, "sim: there is no mix %s; see modulon sim --help", q.mix);
    if (!take_signatures(q.signatures, &q.plan))
        return mdl_cli_fail(MDL_EXIT_USAGE, "sim: --signatures is ed25519, quick or auto, not %s", q.signatures);
    t = calloc(1, sizeof *t);
    if (!t)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "sim: out of memory");
    code = simulate(&q, t);
    if (code < 0) {
        if (q.json)
            show_json(&q, t);
        else
            show(&q, t);
        code = t->failed || t->late / (double)t->seeds > q.late_most ? MDL_EXIT_FALSE : MDL_EXIT_OK;
    }
    free(t);
    return code;
}
