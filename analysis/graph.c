#include "analysis/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/stats.h"
#include "core/philox.h"

void mdl_graph_correlation(const double *x, size_t n, size_t steps, double *weight) {
    for (size_t i = 0; i < n; i++) {
        weight[i * n + i] = 0.0;
        for (size_t k = i + 1; k < n; k++) {
            double r = mdl_stat_correlation(x + i * steps, x + k * steps, steps);
            weight[i * n + k] = weight[k * n + i] = r > 0.0 ? r : 0.0;
        }
    }
}

static int descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

mdl_err mdl_graph_keep(double *weight, size_t n, double share) {
    size_t pairs = n * (n - (n > 0)) / 2, count = 0, kept = (size_t)(share * (double)pairs + 0.5);
    double *sorted = malloc((pairs + 1) * sizeof *sorted);
    if (!sorted)
        return MDL_ENOMEM;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++)
            sorted[count++] = weight[i * n + k];
    qsort(sorted, count, sizeof *sorted, descending);
    double least = kept == 0 ? INFINITY : kept <= count ? sorted[kept - 1] : 0.0;
    for (size_t i = 0; i < n * n; i++)
        weight[i] = weight[i] >= least ? weight[i] : 0.0;
    free(sorted);
    return MDL_OK;
}

static double strength_of(const double *weight, size_t n, size_t i) {
    double sum = 0.0;
    for (size_t k = 0; k < n; k++)
        sum += weight[i * n + k];
    return sum;
}

double mdl_modularity(const double *weight, size_t n, const uint32_t *module, double gamma) {
    double total = 0.0, q = 0.0;
    uint32_t last = 0;
    for (size_t i = 0; i < n; i++) {
        total += strength_of(weight, n, i);
        last = module[i] > last ? module[i] : last;
    }
    if (!(total > 0.0))
        return 0.0;
    for (uint32_t m = 0; m <= last; m++) {
        double inside = 0.0, strength = 0.0;
        for (size_t i = 0; i < n; i++) {
            if (module[i] != m)
                continue;
            strength += strength_of(weight, n, i);
            for (size_t k = 0; k < n; k++)
                inside += module[k] == m ? weight[i * n + k] : 0.0;
        }
        q += inside / total - gamma * (strength / total) * (strength / total);
    }
    return q;
}

/* Numbers in order of appearance; returns how many. `map` has room for n. */
static uint32_t renumber(uint32_t *module, size_t n, uint32_t *map) {
    uint32_t count = 0;
    memset(map, 0xff, n * sizeof *map);
    for (size_t i = 0; i < n; i++) {
        if (map[module[i]] == UINT32_MAX)
            map[module[i]] = count++;
        module[i] = map[module[i]];
    }
    return count;
}

typedef struct level {
    double *weight, *strength, *sum, *link; /* w[n*n]; of nodes; of modules; node to modules */
    uint32_t *module, *order, *map;
    size_t n;
    double total, gamma;
} level;

static void shuffle(uint32_t *order, size_t n, mdl_stream *rng) {
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        uint32_t k = mdl_draw_below(rng, (uint32_t)i), t = order[i - 1];
        order[i - 1] = order[k];
        order[k] = t;
    }
}

/* Move nodes to the module that gains most until none moves; nonzero when any did. */
static int move_nodes(level *l, mdl_stream *rng) {
    int any = 0, moved = 1;
    size_t n = l->n;
    for (size_t i = 0; i < n; i++) {
        l->module[i] = (uint32_t)i;
        l->strength[i] = l->sum[i] = strength_of(l->weight, n, i);
    }
    shuffle(l->order, n, rng);
    for (int round = 0; moved && round < 1000; round++) {
        moved = 0;
        for (size_t o = 0; o < n; o++) {
            size_t i = l->order[o];
            uint32_t own = l->module[i];
            memset(l->link, 0, n * sizeof *l->link);
            for (size_t k = 0; k < n; k++)
                if (k != i)
                    l->link[l->module[k]] += l->weight[i * n + k];
            l->sum[own] -= l->strength[i];
            uint32_t best = own;
            double gain = l->link[own] - l->gamma * l->strength[i] * l->sum[own] / l->total;
            for (uint32_t m = 0; m < n; m++) {
                double g = l->link[m] - l->gamma * l->strength[i] * l->sum[m] / l->total;
                if (l->link[m] > 0.0 && g > gain + 1e-12 * l->total) {
                    gain = g;
                    best = m;
                }
            }
            l->sum[best] += l->strength[i];
            l->module[i] = best;
            moved |= best != own;
        }
        any |= moved;
    }
    return any;
}

/* One node for each of `count` modules; what was inside becomes a self-link. */
static void merge(level *l, uint32_t count) {
    double *merged = l->link + l->n; /* the second half of its room: n * n */
    memset(merged, 0, (size_t)count * count * sizeof *merged);
    for (size_t i = 0; i < l->n; i++)
        for (size_t k = 0; k < l->n; k++)
            merged[(size_t)l->module[i] * count + l->module[k]] += l->weight[i * l->n + k];
    memcpy(l->weight, merged, (size_t)count * count * sizeof *merged);
    l->n = count;
}

mdl_err mdl_louvain(const double *weight, size_t n, double gamma, uint64_t seed, uint32_t *module, uint32_t *modules) {
    double *room = malloc((2 * n * n + 3 * n + 1) * sizeof *room);
    uint32_t *integers = malloc((3 * n + 1) * sizeof *integers);
    if (!room || !integers) {
        free(room);
        free(integers);
        return MDL_ENOMEM;
    }
    level l = {.weight = room, .n = n, .gamma = gamma};
    l.strength = room + n * n;
    l.sum = l.strength + n;
    l.link = l.sum + n;
    l.module = integers;
    l.order = integers + n;
    l.map = integers + 2 * n;
    memcpy(l.weight, weight, n * n * sizeof *weight);
    for (size_t i = 0; i < n; i++) {
        module[i] = (uint32_t)i;
        l.total += strength_of(weight, n, i);
    }
    mdl_stream rng = {seed, 0};
    while (l.total > 0.0 && move_nodes(&l, &rng)) {
        uint32_t count = renumber(l.module, l.n, l.map);
        for (size_t i = 0; i < n; i++)
            module[i] = l.module[module[i]];
        merge(&l, count);
    }
    *modules = renumber(module, n, l.map);
    free(room);
    free(integers);
    return MDL_OK;
}

double mdl_participation(const double *weight, size_t n, const uint32_t *module, uint32_t modules, double *out) {
    double mean = 0.0;
    for (size_t i = 0; i < n; i++) {
        double strength = strength_of(weight, n, i), squares = 0.0;
        for (uint32_t m = 0; m < modules; m++) {
            double into = 0.0;
            for (size_t k = 0; k < n; k++)
                into += module[k] == m ? weight[i * n + k] : 0.0;
            squares += into * into;
        }
        double p = strength > 0.0 ? 1.0 - squares / (strength * strength) : 0.0;
        if (out)
            out[i] = p;
        mean += p;
    }
    return n > 0 ? mean / (double)n : 0.0;
}

/* Mean clustering and mean shortest path of the links `on`; `queue`, `far`: [n]. */
static void small_world(const uint8_t *on, size_t n, uint32_t *queue, uint32_t *far, double *clustering, double *path) {
    double steps = 0.0, pairs = 0.0, sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        size_t degree = 0, linked = 0, head = 0, tail = 0;
        memset(far, 0xff, n * sizeof *far);
        far[i] = 0;
        queue[tail++] = (uint32_t)i;
        while (head < tail) {
            size_t from = queue[head++];
            for (size_t to = 0; to < n; to++)
                if (on[from * n + to] && far[to] == UINT32_MAX) {
                    far[to] = far[from] + 1;
                    steps += far[to];
                    pairs += 1.0;
                    queue[tail++] = (uint32_t)to;
                }
        }
        for (size_t a = 0; a < n; a++) {
            degree += on[i * n + a];
            for (size_t b = a + 1; on[i * n + a] && b < n; b++)
                linked += on[i * n + b] && on[a * n + b];
        }
        sum += degree < 2 ? 0.0 : 2.0 * (double)linked / ((double)degree * (double)(degree - 1));
    }
    *clustering = n > 0 ? sum / (double)n : 0.0;
    *path = pairs > 0.0 ? steps / pairs : 0.0;
}

/* Swap ends of pairs of edges: a-b, c-d become a-d, c-b where neither is there yet. */
static void swap_edges(uint8_t *on, size_t n, uint32_t *edge, size_t edges, mdl_stream *rng) {
    for (size_t i = 0; i < 10 * edges; i++) {
        uint32_t *e = edge + (size_t)2 * mdl_draw_below(rng, (uint32_t)edges);
        uint32_t *f = edge + (size_t)2 * mdl_draw_below(rng, (uint32_t)edges);
        uint32_t side = mdl_draw_u32(rng) & 1u, a = e[0], b = e[1], c = f[side], d = f[1 - side];
        if (a == d || c == b || a == c || b == d || on[a * n + d] || on[c * n + b])
            continue;
        on[a * n + b] = on[b * n + a] = on[c * n + d] = on[d * n + c] = 0;
        on[a * n + d] = on[d * n + a] = on[c * n + b] = on[b * n + c] = 1;
        e[1] = d;
        f[0] = c;
        f[1] = b;
    }
}

mdl_err mdl_small_world_index_of(const double *weight, size_t n, uint32_t samples, uint64_t seed,
                                 mdl_small_world_index *out) {
    uint8_t *on = malloc(n * n + 1);
    uint32_t *queue = malloc((2 * n + n * n + 2) * sizeof *queue);
    if (!on || !queue) {
        free(on);
        free(queue);
        return MDL_ENOMEM;
    }
    uint32_t *far = queue + n, *edge = far + n;
    size_t edges = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            on[i * n + k] = i != k && weight[i * n + k] > 0.0;
            if (i < k && on[i * n + k]) {
                edge[2 * edges] = (uint32_t)i;
                edge[2 * edges++ + 1] = (uint32_t)k;
            }
        }
    memset(out, 0, sizeof *out);
    out->degree = n > 0 ? 2.0 * (double)edges / (double)n : 0.0;
    small_world(on, n, queue, far, &out->clustering, &out->path);
    mdl_stream rng = {seed, 0};
    for (uint32_t s = 0; s < samples; s++) {
        double c, p;
        swap_edges(on, n, edge, edges, &rng);
        small_world(on, n, queue, far, &c, &p);
        out->clustering_random += c / samples;
        out->path_random += p / samples;
    }
    if (out->clustering_random > 0.0 && out->path > 0.0)
        out->sigma = out->clustering / out->clustering_random * out->path_random / out->path;
    free(on);
    free(queue);
    return MDL_OK;
}
