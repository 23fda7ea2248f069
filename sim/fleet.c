/* A fleet's birth, its loop and its report. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/experiment_json.h"
#include "sim/internal.h"

enum { POPULATION_MOST = 524288, OWNER_MOST = 3, KEYS_EACH = 3 };
#define VIRTUAL_US_MAX UINT64_C(30000000000000) /* a year: nothing that works takes so long */

void mdl_sim_plan_init(mdl_sim_plan *p) {
    *p = (mdl_sim_plan){.seed = 1,
                        .workers = 12,
                        .generations = 6,
                        .mix = MDL_SIM_MIX_WORST,
                        .latency_ms = 40,
                        .loss = 0.01,
                        .repeat = 0.01,
                        .crash_s = 20,
                        .churn_s = 60,
                        .fold_every = 2,
                        .floor_ppm = 20000,
                        .plant_ppm = 5000,
                        .probation = 10,
                        .window = 3,
                        .dispute = 400,
                        .checkers = 2,
                        .ed25519 = 1};
}

/* ---- small things ---- */

void mdl_sim_fail(mdl_sim *s, mdl_err err) {
    if (s->failed == MDL_OK) {
        s->failed = err;
    }
}

void mdl_sim_at(mdl_sim *s, uint64_t at_us, uint32_t kind, uint32_t worker, uint64_t token, mdl_sim_bytes *bytes) {
    if (!mdl_sim_put(&s->queue, (mdl_sim_event){at_us, 0, kind, worker, token, bytes})) {
        mdl_sim_fail(s, MDL_ENOMEM);
    }
}

static uint32_t place_of(const mdl_sim *s, const uint8_t key[MDL_KEY_BYTES]) {
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    uint32_t at = (uint32_t)(hash % s->by_key_room);
    while (s->by_key[at] && memcmp(s->worker[s->by_key[at] - 1].key, key, MDL_KEY_BYTES) != 0) {
        at = (at + 1) % s->by_key_room;
    }
    return at;
}

uint32_t mdl_sim_find(const mdl_sim *s, const uint8_t key[MDL_KEY_BYTES]) {
    uint32_t found = s->by_key[place_of(s, key)];
    return found ? found - 1 : UINT32_MAX;
}

/* ---- signatures without curves ---- */

/* Anybody could make these; the simulation's adversaries do not, for they could not make real ones. */
static void quick_sign(uint8_t signature[MDL_SIGNATURE_BYTES], const uint8_t *bytes, size_t size,
                       const uint8_t secret[MDL_SECRET_BYTES]) {
    crypto_generichash(signature, MDL_SIGNATURE_BYTES, bytes, size, secret + MDL_SEED_BYTES, MDL_KEY_BYTES);
}

static int quick_good(const uint8_t signature[MDL_SIGNATURE_BYTES], const uint8_t *bytes, size_t size,
                      const uint8_t key[MDL_KEY_BYTES]) {
    uint8_t right[MDL_SIGNATURE_BYTES];
    crypto_generichash(right, sizeof right, bytes, size, key, MDL_KEY_BYTES);
    return memcmp(right, signature, sizeof right) == 0;
}

/* ---- birth ---- */

static mdl_err write_document(mdl_sim *s) {
    enum { ROOM = 2048 };
    uint32_t n = s->candidates;
    const mdl_sim_plan *p = &s->plan;
    char islands[256], verification[192] = "\"off\"";
    s->document = malloc(ROOM);
    if (!s->document) {
        return MDL_ENOMEM;
    }
    if (n <= 4096) {
        snprintf(islands, sizeof islands,
                 "{\"algorithm\":\"es\",\"population\":%u},{\"algorithm\":\"ga\",\"population\":%u},"
                 "{\"algorithm\":\"cma\",\"population\":%u}",
                 (unsigned)n / 2, (unsigned)n / 4, (unsigned)n / 4);
    } else {
        snprintf(islands, sizeof islands,
                 "{\"algorithm\":\"es\",\"population\":%u,\"count\":4},"
                 "{\"algorithm\":\"ga\",\"population\":%u,\"count\":2,\"elite\":8},"
                 "{\"algorithm\":\"cma\",\"population\":%u,\"count\":2}",
                 (unsigned)n / 8, (unsigned)n / 8, (unsigned)n / 8);
    }
    if (!p->unverified) {
        snprintf(verification, sizeof verification,
                 "{\"floor_ppm\":%u,\"plant_ppm\":%u,\"probation\":%u,\"window\":%u,\"shared\":%d,\"dispute\":%u}",
                 (unsigned)p->floor_ppm, (unsigned)p->plant_ppm, (unsigned)p->probation, (unsigned)p->window,
                 p->shared != 0, (unsigned)p->dispute);
    }
    int size = snprintf(s->document, ROOM,
                        "{\"name\":\"sim\",\"seed\":\"%llu\",\"task\":\"cartpole\","
                        "\"network\":{\"neurons\":4,\"ring\":\"dense\"},"
                        "\"hmn\":{\"mechanisms\":{\"phase_gate\":\"off\",\"probabilistic\":\"off\","
                        "\"local_attention\":\"off\",\"meta_learning\":\"off\",\"global_attention\":\"off\","
                        "\"adaptive_bias\":\"off\",\"context_rate\":\"off\",\"dropout\":\"off\","
                        "\"plasticity_gate\":\"off\",\"critic\":\"off\"}},"
                        "\"evolution\":{\"generations\":%u,\"episodes\":1,\"validate_every\":2,"
                        "\"validate_episodes\":1,\"islands\":[%s]},\"verification\":%s}",
                        (unsigned long long)p->seed, (unsigned)p->generations, islands, verification);
    if (size < 0 || size >= ROOM) {
        return MDL_ESIZE;
    }
    s->document_size = (size_t)size;
    return MDL_OK;
}

static uint32_t candidates_of(const mdl_sim_plan *p) {
    uint64_t n = p->population ? p->population : 4 * (uint64_t)p->workers;
    n = n < 16 ? 16 : n > POPULATION_MOST ? POPULATION_MOST : n;
    return n <= 4096 ? (uint32_t)(n + 7) / 8 * 8 : (uint32_t)(n + 15) / 16 * 16;
}

static uint32_t behaviour_of(const mdl_sim_plan *p, uint32_t which, uint32_t evils) {
    static const uint32_t each[] = {MDL_SIM_LAZY,     MDL_SIM_FLIPPER,     MDL_SIM_RANDOM,      MDL_SIM_RING,
                                    MDL_SIM_TURNCOAT, MDL_SIM_GAMBLER,     MDL_SIM_HIDER,       MDL_SIM_DROPPER,
                                    MDL_SIM_SILENT,   MDL_SIM_EQUIVOCATOR, MDL_SIM_COPIER,      MDL_SIM_REPLAYER,
                                    MDL_SIM_FLOODER,  MDL_SIM_YESMAN,      MDL_SIM_WHITEWASHER, MDL_SIM_WITHHOLDER};
    enum { EACH = sizeof each / sizeof each[0] };
    if (p->mix < MDL_SIM_BEHAVIOURS) {
        return p->mix;
    }
    /* Small fleets meet all of them over the seeds. */
    uint32_t turn = (uint32_t)(mdl_sim_stream(p->seed, 17) % EACH);
    if (p->mix == MDL_SIM_MIX_WORST && which < (evils + 1) / 2) {
        return which % 4 == 3 ? MDL_SIM_RING : MDL_SIM_TURNCOAT;
    }
    return each[(which + turn) % EACH];
}

static uint32_t evils_of(const mdl_sim_plan *p) { return (uint32_t)((double)p->workers * p->adversaries + 0.5); }

uint32_t mdl_sim_adversary(const mdl_sim_plan *p, uint32_t worker) {
    uint32_t evils = evils_of(p);
    return worker < evils ? behaviour_of(p, worker, evils) : (uint32_t)MDL_SIM_HONEST;
}

static mdl_err make_workers(mdl_sim *s) {
    const mdl_sim_plan *p = &s->plan;
    uint64_t random = mdl_sim_stream(p->seed, 3);
    uint32_t evils = evils_of(p), group = 0, washer = 0, washers = 0;
    s->workers = p->workers;
    s->worker = calloc(p->workers, sizeof *s->worker);
    s->listed = calloc(p->workers, sizeof *s->listed);
    s->by_key_room = 2 * p->workers + 1;
    s->by_key = calloc(s->by_key_room, sizeof *s->by_key);
    s->scratch = mdl_worker_scratch_new();
    if (!s->worker || !s->listed || !s->by_key || !s->scratch) {
        return MDL_ENOMEM;
    }
    for (uint32_t i = 0; i < p->workers; i++) {
        mdl_sim_worker *w = &s->worker[i];
        uint8_t seed[32];
        w->random = mdl_sim_next(&random);
        for (uint32_t k = 0; k < sizeof seed; k += 8) {
            uint64_t word = mdl_sim_stream(w->random, 100 + k);
            memcpy(seed + k, &word, sizeof word);
        }
        crypto_sign_seed_keypair(w->key, w->secret, seed);
        s->by_key[place_of(s, w->key)] = i + 1;
        uint32_t honest = mdl_sim_below(&random, 12) == 0   ? MDL_SIM_SLOW
                          : mdl_sim_below(&random, 24) == 0 ? MDL_SIM_CRASHER
                                                            : MDL_SIM_HONEST;
        w->behaviour = i < evils ? behaviour_of(p, i, evils) : honest;
        w->threads = 1 + (uint32_t)mdl_sim_below(&random, 8);
        /* 200 to 3,200 updates a millisecond, evenly in its logarithm */
        w->speed = 200 * mdl_exp(2.772588722239781 * mdl_sim_unit(&random));
        w->speed = w->behaviour == MDL_SIM_SLOW ? w->speed / 20 : w->speed;
        w->latency_us = 1000 + (uint64_t)mdl_sim_exponential(&random, 500 * p->latency_ms);
        /* An honest owner has one to three workers; each Sybil has an owner of its own. */
        if (i < evils || group == 0) {
            memcpy(w->owner, w->key, MDL_KEY_BYTES);
            group = i < evils ? 0 : (uint32_t)mdl_sim_below(&random, OWNER_MOST);
        } else {
            memcpy(w->owner, s->worker[i - 1].owner, MDL_KEY_BYTES);
            group--;
        }
        memcpy(s->listed[i].key, w->key, MDL_KEY_BYTES);
        memcpy(s->listed[i].owner, w->owner, MDL_KEY_BYTES);
        uint64_t begins_us = mdl_sim_below(&random, 2000000);
        /* Keys of whitewashers: one begins, the others wait for their turn. */
        if (w->behaviour == MDL_SIM_WHITEWASHER && washer > 0 && washers % KEYS_EACH != 0) {
            s->worker[washer - 1].heir = i + 1;
        } else {
            mdl_sim_at(s, begins_us, MDL_EV_WORKER_BEGIN, i, 0, NULL);
        }
        washer = w->behaviour == MDL_SIM_WHITEWASHER ? i + 1 : washer;
        washers += w->behaviour == MDL_SIM_WHITEWASHER;
    }
    return MDL_OK;
}

static mdl_err open_fleet(mdl_sim *s) {
    uint8_t seed[32];
    memset(seed, 0, sizeof seed);
    memcpy(seed, &s->plan.seed, sizeof s->plan.seed);
    s->network = mdl_sim_stream(s->plan.seed, 1);
    s->oracle = mdl_sim_stream(s->plan.seed, 2);
    s->churn = mdl_sim_stream(s->plan.seed, 4);
    s->candidates = candidates_of(&s->plan);
    seed[31] = 1;
    crypto_sign_seed_keypair(s->config.key, s->config.secret, seed);
    seed[31] = 2;
    mdl_err err = mdl_sim_store_open(&s->store, "modulon/sim", seed);
    char vkey[MDL_VKEY_TEXT_MAX];
    mdl_vkey_print(&s->store.vkey, vkey);
    snprintf(s->config.origin, sizeof s->config.origin, "modulon/sim");
    snprintf(s->config.vkey, sizeof s->config.vkey, "%.256s", vkey);
    err = err == MDL_OK ? write_document(s) : err;
    err = err == MDL_OK ? make_workers(s) : err;
    s->config.admission.how = MDL_ADMIT_LIST;
    s->config.listed = s->listed;
    s->config.listed_count = s->workers;
    s->config.checkers = s->plan.checkers;
    memset(s->config.chain, 7, sizeof s->config.chain);
    memcpy(s->config.chain, &s->plan.seed, sizeof s->plan.seed);
    return err;
}

static void close_fleet(mdl_sim *s) {
    for (uint32_t i = 0; s->worker && i < s->workers; i++) {
        mdl_sim_worker_close(s, &s->worker[i]);
    }
    mdl_sim_coordinator_close(s);
    for (uint32_t i = 0; i < MDL_SIM_TAPPED; i++) {
        mdl_sim_bytes_drop(s->tapped[i]);
    }
    mdl_sim_models_close(s);
    free(s->scratch);
    mdl_sim_queue_close(&s->queue);
    mdl_sim_store_close(&s->store);
    free(s->worker);
    free(s->listed);
    free(s->by_key);
    free(s->job);
    free(s->unit);
    free(s->wrong);
    free(s->document);
    free(s);
}

/* ---- the loop ---- */

static int is_over(const mdl_sim *s) { return s->report.ended && s->store.durable == s->store.records; }

/* One event; the only place where time passes. */
static int step(mdl_sim *s) {
    mdl_sim_event e;
    if (!mdl_sim_take(&s->queue, &e)) {
        return 0;
    }
    s->now_us = e.at_us;
    s->report.events++;
    if (e.kind >= MDL_EV_ARRIVE) {
        mdl_sim_coordinator_event(s, &e);
    } else {
        mdl_sim_worker_event(s, &e);
    }
    mdl_sim_bytes_drop(e.bytes);
    return 1;
}

/* ---- the report ---- */

static double percentile(const mdl_sim *s, double share) {
    uint64_t all = 0, below = 0;
    for (uint32_t i = 0; i < MDL_SIM_HISTOGRAM; i++) {
        all += s->histogram[i];
    }
    for (uint32_t i = 0; all > 0 && i < MDL_SIM_HISTOGRAM; i++) {
        below += s->histogram[i];
        if ((double)below >= share * (double)all) {
            return mdl_exp(0.5 * 0.6931471805599453 * (i + 1)) / 1000;
        }
    }
    return 0;
}

static void report(mdl_sim *s) {
    mdl_sim_report *r = &s->report;
    for (uint32_t i = 0; i < s->workers; i++) {
        const mdl_sim_worker *w = &s->worker[i];
        mdl_sim_kind *k = &r->kind[w->behaviour];
        k->workers++;
        k->jobs += w->jobs;
        k->wrong += w->wrong;
        k->slipped += w->slipped;
        k->paid += w->paid;
        k->worked += w->worked;
        k->forfeited += w->forfeited;
        k->units_wrong += w->units_wrong;
        if (w->banned_us != 0) {
            k->banned++;
            k->conviction_s += w->first_wrong_us ? (double)(w->banned_us - w->first_wrong_us) / 1e6 : 0;
        }
    }
    r->virtual_s = (double)s->now_us / 1e6;
    r->call_ms_p50 = percentile(s, 0.5);
    r->call_ms_p99 = percentile(s, 0.99);
}

static int sound(const mdl_sim_plan *p) {
    return p->workers >= 1 && p->workers <= 1000000 && p->generations >= 1 && p->generations <= 10000 &&
           p->adversaries >= 0 && p->adversaries <= 0.9 && p->latency_ms >= 0 && p->loss >= 0 && p->loss <= 0.5 &&
           p->repeat >= 0 && p->repeat <= 0.5 && p->crash_s >= 0 && p->churn_s >= 0 && p->floor_ppm <= 1000000 &&
           p->checkers >= 1 && p->checkers <= MDL_CHECKERS_MAX && p->plant_ppm <= 1000000 && p->probation <= 1000000 &&
           p->window <= MDL_VERIFY_WINDOW_MAX &&
           (p->mix < MDL_SIM_BEHAVIOURS || p->mix == MDL_SIM_MIX_WORST || p->mix == MDL_SIM_MIX_ALL);
}

mdl_err mdl_sim_run(const mdl_sim_plan *plan, mdl_sim_report *out) {
    static const mdl_signature_scheme quick = {quick_sign, quick_good};
    if (!sound(plan)) {
        return MDL_ERANGE;
    }
    mdl_sim *s = calloc(1, sizeof *s);
    if (!s) {
        return MDL_ENOMEM;
    }
    s->plan = *plan;
    mdl_signature_use(plan->ed25519 ? NULL : &quick);
    mdl_sim_models_begin(s);
    mdl_err err = open_fleet(s);
    if (err == MDL_OK) {
        mdl_sim_at(s, 0, MDL_EV_RESTART, 0, 0, NULL);
        while (!is_over(s) && s->failed == MDL_OK && s->now_us < VIRTUAL_US_MAX && step(s)) {
        }
        err = s->failed == MDL_EMISMATCH ? MDL_OK : s->failed; /* a violation has said it */
        if (err == MDL_OK) {
            mdl_sim_watch_end(s);
            report(s);
            *out = s->report;
            if (plan->keep) {
                plan->keep(plan->ctx, &s->store, s->config.key, s->config.secret);
            }
        }
    }
    mdl_signature_use(NULL);
    close_fleet(s);
    return err;
}
