/* One way through the network: time, loss, repeats. Frames overtake each other
 * because each draws its own time. */
#include "sim/internal.h"

enum { SPIKE = 20 /* times the mean, for one frame in two hundred */ };

uint64_t mdl_sim_latency_us(mdl_sim *s, uint32_t worker) {
    double mean = 1000 * s->plan.latency_ms;
    double extra = mdl_sim_exponential(&s->network, mean / 2);
    if (mdl_sim_chance(&s->network, 0.005)) {
        extra += SPIKE * mean;
    }
    return s->worker[worker].latency_us + (uint64_t)extra;
}

static void one_way(mdl_sim *s, uint32_t kind, uint32_t worker, uint64_t token, mdl_sim_bytes *bytes) {
    if (mdl_sim_chance(&s->network, s->plan.loss)) {
        s->report.lost++;
        mdl_sim_bytes_drop(bytes);
        return;
    }
    if (mdl_sim_chance(&s->network, s->plan.repeat)) {
        s->report.repeated++;
        bytes->refs++;
        mdl_sim_at(s, s->now_us + mdl_sim_latency_us(s, worker), kind, worker, token, bytes);
    }
    mdl_sim_at(s, s->now_us + mdl_sim_latency_us(s, worker), kind, worker, token, bytes);
}

void mdl_sim_to_coordinator(mdl_sim *s, uint32_t worker, uint64_t token, mdl_sim_bytes *bytes) {
    one_way(s, MDL_EV_ARRIVE, worker, token, bytes);
}

void mdl_sim_to_worker(mdl_sim *s, uint32_t worker, uint64_t token, mdl_sim_bytes *bytes) {
    one_way(s, MDL_EV_WORKER_REPLY, worker, token, bytes);
}
