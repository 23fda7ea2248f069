/* Plain C: one loop a neuron, libm, one random generator, written as the equations
 * read. hmn_plain NEURONS STEPS REPEATS prints synapse updates per second of CPU
 * time, a line a repeat. The same model as hmn_numpy.py. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { K = 64, SLOTS = 16 };
#define DECAY_FAST 0.5f
#define DECAY_SLOW 0.880797f
#define SIGMA 0.05f
#define BETA_A 1.0f
#define ETA_LOCAL 0.002f
#define ETA_GLOBAL 0.1f
#define BETA_G 1.0f
#define OMEGA 0.3f
#define BETA_P 20.0f
#define THETA_P 0.0f
#define WEIGHT_MAX 4.0f
#define KAPPA 0.880797f
#define RHO_R 0.119203f
#define DISCOUNT 0.880797f
#define CRITIC 0.09f
#define BIAS_RATE 0.01f
#define MEAN_RATE 0.01f
#define DROP 0.02f
#define RHO_NOVELTY 0.119203f
#define ALPHA 0.09f
static const float rho[2] = {0.268941f, 0.047426f};

typedef struct synapse {
    uint32_t pre, delay;
    float w, fast, slow, phi;
} synapse;
typedef struct neuron {
    float z, bias, mean, value, feature, c[2], gain;
} neuron;

static uint64_t random_state = 88172645463325252u;

static float uniform(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (float)(random_state >> 40) * 0x1p-24f;
}

static float normal(void) { return sqrtf(-2.0f * logf(uniform() + 0x1p-25f)) * cosf(6.2831853f * uniform()); }

static float clamp(float x, float lo, float hi) { return x < lo ? lo : x > hi ? hi : x; }

static void unit(float h[2]) {
    float n = sqrtf(h[0] * h[0] + h[1] * h[1]);
    h[0] = n > 0x1p-30f ? h[0] / n : 0.0f;
    h[1] = n > 0x1p-30f ? h[1] / n : 0.0f;
}

static uint32_t n;
static synapse *s;
static neuron *net;
static float *line, *head, *embed; /* [SLOTS][n + 4], [..][2], [n + 4][4] */
static float sensor_mean[3], v_before, reward_mean, variance, u[2], d[2] = {0.2f, 0.2f}, base, sum;
static int count;

static void put(uint32_t t, uint32_t i, float x) {
    size_t at = (size_t)(t % SLOTS) * (n + 4) + i;
    line[at] = x;
    for (int k = 0; k < 2; k++)
        head[2 * at + k] = embed[4 * i + k] * x + embed[4 * i + 2 + k];
    unit(head + 2 * at);
}

/* Eqs. (6), (7), (10), (11): the rate of all updates. */
static float signals(float reward, float novelty, float *td) {
    float error = reward - KAPPA * reward_mean, v = 0.0f, active = 0.0f;
    reward_mean += RHO_R * (reward - reward_mean);
    for (uint32_t j = 0; j < n; j++) {
        v += net[j].value * net[j].z;
        active += net[j].z;
    }
    v = clamp(v, -16.0f, 16.0f);
    error += DISCOUNT * v - v_before;
    v_before = v;
    variance += RHO_R * (error * error - variance);
    float e[3] = {error, variance, novelty}, score[3], total = 0.0f, w[3] = {1.0f, 0.0f, 0.0f}, g = 0.0f;
    for (int k = 0; k < 3; k++)
        total += score[k] = expf(clamp(BETA_G * e[k] * active / (float)n, -20.0f, 20.0f));
    for (int k = 0; k < 3; k++)
        g += 3.0f * score[k] / total * w[k] * e[k];
    sum += reward;
    if (++count == 4) {
        float advantage = -sum / 4.0f - base;
        base += 0.3f * advantage;
        for (int k = 0; k < 2; k++) {
            u[k] = clamp(u[k] - ALPHA * (d[k] > 0.0f ? advantage : -advantage), -2.0f, 2.0f);
            d[k] = uniform() < 0.5f ? 0.2f : -0.2f;
        }
        sum = 0.0f;
        count = 0;
    }
    *td = error;
    return ETA_LOCAL * expf(u[0] + d[0]) + ETA_GLOBAL * expf(u[1] + d[1]) * g;
}

static void step(uint32_t t) {
    static const float obs[3] = {1.0f, 0.0f, 0.3f};
    float novelty = 0.0f, td;
    for (int i = 0; i < 3; i++) {
        float away = obs[i] - sensor_mean[i];
        novelty += away * away;
        sensor_mean[i] += RHO_NOVELTY * away;
    }
    float rate = signals(1.0f, sqrtf(novelty / 3.0f), &td), phase = OMEGA * (float)(t - 1);
    for (uint32_t j = 0; j < n; j++) { /* the completion of the step before */
        neuron *q = net + j;
        float e[K], score[K], total = 0.0f, c[2];
        for (int k = 0; k < 2; k++)
            c[k] = q->c[k] += rho[k] * (q->z - q->c[k]);
        unit(c);
        q->mean += MEAN_RATE * (q->z - q->mean);
        q->bias = clamp(q->bias - BIAS_RATE * q->mean, -4.0f, 4.0f);
        q->value = clamp(q->value + CRITIC / (float)n * td * q->feature, -8.0f, 8.0f);
        q->feature = q->z;
        for (uint32_t k = 0; k < K; k++) {
            synapse *y = s + (size_t)j * K + k;
            size_t at = (size_t)((t - 1 - y->delay) % SLOTS) * (n + 4) + y->pre;
            float xz = line[at] * q->z;
            y->fast = DECAY_FAST * y->fast + xz;
            y->slow = DECAY_SLOW * y->slow + xz;
            e[k] = y->fast + y->slow;
            score[k] = expf(clamp(BETA_A * (c[0] * head[2 * at] + c[1] * head[2 * at + 1]), -20.0f, 20.0f));
            total += score[k];
        }
        for (uint32_t k = 0; k < K; k++) {
            synapse *y = s + (size_t)j * K + k;
            float change = rate * q->gain * e[k] * score[k] * (float)K / total * fmaxf(cosf(phase - y->phi), 0.0f);
            if (uniform() < 1.0f / (1.0f + expf(-BETA_P * (fabsf(change) - THETA_P))))
                y->w = clamp(y->w + change, -WEIGHT_MAX, WEIGHT_MAX);
        }
    }
    put(t, n, 1.0f);
    for (uint32_t i = 0; i < 3; i++)
        put(t, n + 1 + i, obs[i]);
    for (uint32_t j = 0; j < n; j++) {
        float a = net[j].bias + SIGMA * normal();
        for (uint32_t k = 0; k < K; k++) {
            synapse *y = s + (size_t)j * K + k;
            a += y->w * line[(size_t)((t - y->delay) % SLOTS) * (n + 4) + y->pre];
        }
        net[j].z = uniform() < DROP ? 0.0f : tanhf(a);
    }
    for (uint32_t j = 0; j < n; j++)
        put(t, j, net[j].z);
}

static double cpu_s(void) { return (double)clock() / CLOCKS_PER_SEC; }

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    n = (uint32_t)atoi(argv[1]);
    uint32_t steps = (uint32_t)atoi(argv[2]), repeats = (uint32_t)atoi(argv[3]), t = SLOTS;
    s = calloc((size_t)n * K, sizeof *s);
    net = calloc(n, sizeof *net);
    line = calloc((size_t)SLOTS * (n + 4), sizeof *line);
    head = calloc((size_t)SLOTS * (n + 4) * 2, sizeof *head);
    embed = calloc((size_t)(n + 4) * 4, sizeof *embed);
    if (!s || !net || !line || !head || !embed)
        return 3;
    for (uint32_t i = 0; i < 4 * (n + 4); i++)
        embed[i] = 0.3f * normal();
    for (uint32_t j = 0; j < n; j++) {
        net[j].gain = 1.0f;
        for (uint32_t k = 0; k < K; k++)
            s[(size_t)j * K + k] = (synapse){k < 60 ? (uint32_t)(uniform() * (float)n) % n : n + k - 60,
                                             k < 60 ? 1 + (uint32_t)(uniform() * 8.0f) : 0,
                                             0.25f * normal(),
                                             0.0f,
                                             0.0f,
                                             6.2831853f * uniform()};
    }
    for (int i = 0; i < 2; i++)
        step(t++);
    for (uint32_t r = 0; r < repeats; r++) {
        double began = cpu_s();
        for (uint32_t i = 0; i < steps; i++)
            step(t++);
        printf("%.6g\n", (double)n * K * steps / (cpu_s() - began));
    }
    for (size_t i = 0; i < (size_t)n * K; i++)
        if (!(fabsf(s[i].w) <= WEIGHT_MAX))
            return 1;
    return 0;
}
