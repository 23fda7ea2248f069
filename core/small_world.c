#include "core/small_world.h"

#include <string.h>

#include "core/num.h"

/* The graph as a matrix of bits, row by row. */
typedef struct graph {
    uint32_t n, words; /* words of 64 bits in a row */
    uint64_t *bit;
} graph;

/* Not the builtin: without a machine instruction it calls the compiler's library. */
static uint32_t count_bits(uint64_t x) {
    uint32_t n = 0;
    for (; x; x &= x - 1)
        n++;
    return n;
}

static uint32_t row_words(uint32_t n) { return (n + 63) / 64; }

static int linked(const graph *g, uint32_t a, uint32_t b) {
    return (int)(g->bit[(size_t)a * g->words + b / 64] >> b % 64 & 1u);
}

static void join(graph *g, uint32_t a, uint32_t b) {
    g->bit[(size_t)a * g->words + b / 64] |= (uint64_t)1 << b % 64;
    g->bit[(size_t)b * g->words + a / 64] |= (uint64_t)1 << a % 64;
}

/* Matrix, then the queue and the distances of breadth-first search. */
size_t mdl_small_world_bytes(uint32_t hidden) {
    return (size_t)hidden * row_words(hidden) * sizeof(uint64_t) + 2 * (size_t)hidden * sizeof(uint32_t);
}

static uint32_t degree_of(const graph *g, uint32_t a) {
    uint32_t k = 0;
    for (uint32_t w = 0; w < g->words; w++)
        k += count_bits(g->bit[(size_t)a * g->words + w]);
    return k;
}

/* Share of the pairs of a's neighbours that are linked; 0 with fewer than two. */
static double clustering_of(const graph *g, uint32_t a) {
    const uint64_t *mine = g->bit + (size_t)a * g->words;
    uint64_t links = 0, k = degree_of(g, a); /* each link is counted from both ends */
    for (uint32_t b = 0; b < g->n; b++)
        for (uint32_t w = 0; linked(g, a, b) && w < g->words; w++)
            links += count_bits(mine[w] & g->bit[(size_t)b * g->words + w]);
    return k < 2 ? 0.0 : (double)links / ((double)k * (double)(k - 1));
}

/* Breadth-first search from `a`: adds the distances of the neurons reached to
 * *sum and returns how many there are, `a` excluded. */
static uint32_t distances_from(const graph *g, uint32_t a, uint32_t *queue, uint32_t *distance, uint64_t *sum) {
    uint32_t head = 0, tail = 0;
    memset(distance, 0xff, g->n * sizeof *distance);
    distance[a] = 0;
    queue[tail++] = a;
    while (head < tail) {
        uint32_t from = queue[head++];
        for (uint32_t w = 0; w < g->words; w++)
            for (uint64_t bits = g->bit[(size_t)from * g->words + w]; bits; bits &= bits - 1) {
                uint32_t to = 64 * w + (uint32_t)__builtin_ctzll(bits);
                if (distance[to] != UINT32_MAX)
                    continue;
                distance[to] = distance[from] + 1;
                *sum += distance[to];
                queue[tail++] = to;
            }
    }
    return tail - 1;
}

void mdl_small_world_measure(const mdl_network_spec *spec, uint32_t region, void *scratch, mdl_small_world *out) {
    mdl_shape s;
    mdl_shape_of(spec, region, &s);
    graph g = {s.hidden, row_words(s.hidden), scratch};
    uint32_t *queue = (uint32_t *)(g.bit + (size_t)g.n * g.words), *distance = queue + g.n;
    memset(g.bit, 0, (size_t)g.n * g.words * sizeof *g.bit);
    for (uint32_t j = 0; j < s.hidden; j++) {
        uint32_t source[MDL_FAN_IN_MAX];
        uint8_t delay[MDL_FAN_IN_MAX];
        mdl_wire_row(spec, &s, j, source, delay);
        for (uint32_t k = s.fan_sensor; k < s.fan_sensor + s.fan_local; k++) {
            uint32_t other = source[k] - 1 - s.sensors;
            if (other != j) /* a dense region's neurons listen to themselves too */
                join(&g, j, other);
        }
    }
    uint64_t edges = 0, sum = 0, reached = 0;
    double clustering = 0.0;
    for (uint32_t a = 0; a < g.n; a++) {
        edges += degree_of(&g, a);
        clustering += clustering_of(&g, a);
        reached += distances_from(&g, a, queue, distance, &sum);
    }
    double n = g.n > 0 ? (double)g.n : 1.0;
    out->neurons = g.n;
    out->degree = (double)edges / n;
    out->clustering = clustering / n;
    out->path_length = reached > 0 ? (double)sum / (double)reached : 0.0;
    out->unconnected = (uint64_t)g.n * (g.n > 0 ? g.n - 1 : 0) - reached;
    out->clustering_random = out->degree / n;
    out->path_length_random = out->degree > 1.0 ? mdl_log(n) / mdl_log(out->degree) : 0.0;
}
