#include "protocol/experiment_check.h"

#include <stdio.h>
#include <string.h>

#include "core/genome.h"
#include "core/wiring.h"

/* The key `path` holds the integer `value`; `rule` says what it must be, with one number in it. */
static mdl_err mismatch(mdl_json_error *err, const char *path, uint64_t value, const char *rule, uint64_t bound) {
    char number[32], allowed[160];
    snprintf(number, sizeof number, "%llu", (unsigned long long)value);
    snprintf(allowed, sizeof allowed, "%s (%llu)", rule, (unsigned long long)bound);
    return mdl_json_fail(err, MDL_EMISMATCH, path, number, allowed);
}

mdl_err mdl_island_check(const mdl_island_spec *island, const char *path, mdl_json_error *err) {
    char inner[128];
    if (island->population % 2 != 0) {
        snprintf(inner, sizeof inner, "%s.population", path);
        return mismatch(err, inner, island->population, "an even integer, 4 to 65536; the next one",
                        (uint64_t)island->population + 1);
    }
    if (island->elite > island->population / 2) {
        snprintf(inner, sizeof inner, "%s.elite", path);
        return mismatch(err, inner, island->elite, "at most half of the population", island->population / 2);
    }
    return MDL_OK;
}

mdl_err mdl_task_check(const mdl_task_params *task, mdl_json_error *err) {
    const char *field = "", *range = "";
    if (mdl_task_params_check(task, &field, &range) != MDL_OK) {
        char path[64];
        snprintf(path, sizeof path, "task.%s", field);
        return mdl_json_fail(err, MDL_ERANGE, path, "out of range for this task", range);
    }
    return MDL_OK;
}

static mdl_err check_region(const mdl_network_spec *n, uint32_t r, mdl_json_error *err) {
    char path[64];
    snprintf(path, sizeof path, "network.neurons[%u]", r);
    if (n->ring > 0 && n->ring >= n->neurons[r]) {
        return mismatch(err, "network.ring", n->ring, "\"dense\", or below the neurons of every region", n->neurons[r]);
    }
    if (n->sources > 0 && n->listen > n->neurons[r]) {
        return mismatch(err, "network.listen", n->listen, "at most the neurons of every region", n->neurons[r]);
    }
    mdl_shape shape;
    mdl_shape_of(n, r, &shape);
    static const char rule[] = "so few that no neuron has more than 4096 synapses; it would have";
    if (shape.fan[0] > MDL_FAN_IN_MAX) {
        const char *key = n->ring == 0 ? path : "network.ring";
        return mismatch(err, key, n->ring == 0 ? n->neurons[r] : n->ring, rule, shape.fan[0]);
    }
    if (shape.motors > 0 && shape.fan[1] > MDL_FAN_IN_MAX) {
        return mismatch(err, "network.motor_fan", shape.fan_motor, rule, shape.fan[1]);
    }
    return MDL_OK;
}

mdl_err mdl_network_check(const mdl_experiment *x, mdl_json_error *err) {
    const mdl_network_spec *n = &x->network;
    uint64_t synapses = 0;
    if (n->ring % 2 != 0) {
        return mismatch(err, "network.ring", n->ring, "\"dense\" or an even integer; the next one",
                        (uint64_t)n->ring + 1);
    }
    if (n->sources >= n->regions) {
        return mismatch(err, "network.sources", n->sources, "below network.regions", n->regions);
    }
    if (n->delay_between[0] < n->window) {
        return mismatch(err, "network.delay_between", n->delay_between[0], "at least network.window", n->window);
    }
    if (n->sensor_fan > n->sensors) {
        return mismatch(err, "network.sensor_fan", n->sensor_fan, "\"all\", or at most the task's channels",
                        n->sensors);
    }
    if (n->motor_fan > n->neurons[0]) {
        return mismatch(err, "network.motor_fan", n->motor_fan, "\"all\", or at most the neurons of region 0",
                        n->neurons[0]);
    }
    if (n->sources > 0 && n->fan_in > (uint64_t)n->sources * n->listen) {
        return mismatch(err, "network.fan_in", n->fan_in, "at most sources x listen", (uint64_t)n->sources * n->listen);
    }
    for (uint32_t r = 0; r < n->regions; r++) {
        mdl_err e = check_region(n, r, err);
        if (e) {
            return e;
        }
        mdl_shape shape;
        mdl_shape_of(n, r, &shape);
        synapses += (uint64_t)shape.hidden * shape.fan[0] + (uint64_t)shape.motors * shape.fan[1];
    }
    if (synapses > MDL_SYNAPSES_MAX) {
        return mismatch(err, "network.neurons", synapses, "so few that the network's synapses are at most",
                        MDL_SYNAPSES_MAX);
    }
    mdl_genome_layout layout;
    if (mdl_genome_layout_of(x, &layout) != MDL_OK) {
        return mismatch(err, "hmn.encoding", synapses, "\"indirect\" for so many synapses: genes are at most",
                        MDL_GENES_MAX);
    }
    return MDL_OK;
}

mdl_err mdl_sharding_check(const mdl_experiment *x, mdl_json_error *err) {
    if (!x->sharding.used) {
        return MDL_OK;
    }
    if (x->sharding.shards > x->network.regions) {
        return mismatch(err, "sharding.shards", x->sharding.shards, "at most network.regions", x->network.regions);
    }
    if (mdl_task_agent_count(&x->task) > 1) {
        return mdl_json_fail(
            err, MDL_EMISMATCH, "sharding", "on with task.agents above 1",
            "\"off\" there: agents of one world act on each other in every window, and shards are of one "
            "network");
    }
    return MDL_OK;
}
