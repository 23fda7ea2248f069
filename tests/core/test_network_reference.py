#!/usr/bin/env python3
"""An independent reading of SPEC chapters 3 to 6 and 10: computes the vectors of
6.5 bit by bit and compares them with the document.

Plain Python without packages, written from the text and not from core/; slow and
only as general as those vectors need (direct encoding, tanh, differential traces,
cosine, REINFORCE, all mechanisms on). Run from the root of the repository.
"""
import math
import re
import struct
import sys

M32, M64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
H = float.fromhex


def bits(x):
    return struct.unpack("<I", struct.pack("<f", x))[0]


def from_bits(b):
    return struct.unpack("<f", struct.pack("<I", b & M32))[0]


def bits64(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def f32(x):
    """Rounds a binary64 to binary32. One rounding of an exact sum, product, quotient or root of two binary32
    to binary64 before it does no harm: 53 >= 2 * 24 + 2."""
    return struct.unpack("<f", struct.pack("<f", x))[0]


def add(a, b):
    return f32(a + b)


def sub(a, b):
    return f32(a - b)


def mul(a, b):
    return f32(a * b)


def div(a, b):
    return f32(a / b)


def fma(a, b, c):  # 3.2
    p = a * b
    s = p + c
    v = s - p
    e = (p - (s - v)) + (c - v)
    if e != 0.0 and bits64(s) & 1 == 0:
        same = (e < 0.0) == (s < 0.0)
        s = struct.unpack("<d", struct.pack("<Q", bits64(s) + (1 if same else -1)))[0]
    return f32(s)


def flush(x):
    return x if abs(x) >= 2.0**-100 else 0.0


def clamp(x, lo, hi):
    y = x if x > lo else lo
    return y if y < hi else hi


def sqrt(x):
    return f32(math.sqrt(x if x > 0.0 else 0.0))


def fix(x):
    return int(clamp(x, -(2.0**30), 2.0**30) * 2.0**32)


def unfix(n):
    """int64 to binary32, to nearest even; exact through binary64 for the small sums here."""
    assert abs(n) < 2**53
    return f32(float(n)) * 2.0**-32


def fold(lane):
    while len(lane) > 1:
        half = len(lane) // 2
        lane = [add(lane[i], lane[i + half]) for i in range(half)]
    return lane[0]


def expm1r(x):
    t = fma(x, H("0x1.715476p+0"), H("0x1.8p+23"))
    n = sub(t, H("0x1.8p+23"))
    r = fma(n, H("-0x1.62e43p-1"), x)
    r = fma(n, H("0x1.05c61p-29"), r)
    q = H("0x1.6b97a6p-10")
    for c in ("0x1.122538p-7", "0x1.5556f6p-5", "0x1.5554b4p-3", "0x1.fffffep-2"):
        q = fma(q, r, H(c))
    return fma(mul(r, r), q, r), bits(t)


def exp(x):
    p, n = expm1r(clamp(x, -87.0, 88.0))
    return from_bits(bits(add(p, 1.0)) + (n << 23))


def sigmoid(x):
    return div(1.0, add(1.0, exp(-(x if x > -87.0 else -87.0))))


def tanh(x):
    a = flush(x)
    y = min(abs(a), 10.0)
    p, n = expm1r(add(y, y))
    s = from_bits((n << 23) + 0x3F800000)
    m = fma(p, s, sub(s, 1.0))
    return math.copysign(div(m, add(m, 2.0)), a)


def log(x):
    b = (bits(clamp(x, 2.0**-126, H("0x1.fffffep+127"))) - 0x3F3504F3) & M32
    e = float((b - 2**32 if b >> 31 else b) >> 23)
    f = sub(from_bits((b & 0x007FFFFF) + 0x3F3504F3), 1.0)
    q = H("0x1.65ff52p-4")
    for c in ("-0x1.25112ep-3", "0x1.317f64p-3", "-0x1.535aaep-3", "0x1.98d32ap-3", "-0x1.0004aep-2",
              "0x1.5556f2p-2", "-0x1.fffffap-2"):
        q = fma(q, f, H(c))
    return fma(e, H("0x1.62e43p-1"), add(f, fma(mul(f, f), q, mul(e, H("-0x1.05c61p-29")))))


def sincos(phase):
    k = ((phase + 2**29) & M32) >> 30
    t = (phase - (k << 30)) & M32
    t = f32(float(t - 2**32 if t >> 31 else t)) * 2.0**-32
    z = mul(t, t)
    s = H("-0x1.2db5c2p+6")
    for c in ("0x1.465facp+6", "-0x1.4abbbep+5", "-0x1.777a5cp-23"):
        s = fma(s, z, H(c))
    s = fma(t, H("0x1.921fb6p+2"), mul(t, s))
    c = H("0x1.d4f446p+5")
    for d in ("-0x1.55b2b2p+6", "0x1.03c1b0p+6", "-0x1.3bd3ccp+4", "0x1p+0"):
        c = fma(c, z, H(d))
    return ((s, c), (c, -s), (-s, -c), (-c, s))[k]


def philox(c, key):
    c, k0, k1 = list(c), key & M32, key >> 32
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [p1 >> 32 ^ c[1] ^ k0, p1 & M32, p0 >> 32 ^ c[3] ^ k1, p0 & M32]
        k0, k1 = (k0 + 0x9E3779B9) & M32, (k1 + 0xBB67AE85) & M32
    return c


def key_of(seed, stream, generation, candidate, episode):
    a = philox((stream, generation, candidate, episode), seed)
    b = philox((a[2], a[3], stream, 0x6D6F6475), a[1] << 32 | a[0])
    return b[1] << 32 | b[0]


class Stream:
    def __init__(self, key):
        self.key, self.n = key, 0

    def below(self, m):
        w = philox((self.n >> 2 & M32, self.n >> 34, 0, 0x64726177), self.key)[self.n & 3]
        self.n += 1
        return w * m >> 32


def gauss0(a, b):
    u = ((a >> 8) + 1) * 2.0**-24
    return mul(sqrt(mul(-2.0, log(u))), sincos(b)[1])


HIDDEN, W, S, MOTORS, SEED, K, WEIGHT_MAX = (2, 1), 2, 2, 2, 1, 1, 4.0
VIEWS = (((0.5, -0.25), 0.0, 2, 0), ((-0.75, 1.0), 1.0, 1, 0), ((0.25, 0.125), -0.5, 9, 1), ((0.0, 0.0), 0.0, 0, 0))


def export_set(r):
    return [Stream(key_of(SEED, 1, r, 0, 1)).below(HIDDEN[r])]


def wire(r, j):
    """(kind, number, delay, source) of each slot: dense rows, one inbound source."""
    rng, rows, s = Stream(key_of(SEED, 1, r, j, 0)), [], S + 1 if r == 0 else 0
    rows += [("sensor", i, 0, 1 + i) for i in range(s)]
    rows += [("own", (r, i), 1 + rng.below(2), s + 1 + i) for i in range(HIDDEN[r])]
    if j < HIDDEN[r]:
        rng.below(1)
        rows.append(("own", (1 - r, export_set(1 - r)[0]), 2 + rng.below(2), s + HIDDEN[r] + 1))
    return rows


def read_genes(document):
    block = re.search(r"```vectors genes\n(.*?)```", document, re.S).group(1)
    return [(line.split()[1], f32(float(line.split()[2]))) for line in block.splitlines()]


def decay(x):
    return sigmoid(clamp(x, -6.0, 6.0))


def phase_of(g):
    return (fix(clamp(g, -64.0, 64.0)) & M64) >> 1 & M32


class Params:
    """10.3"""

    def __init__(self, g):
        self.eta = mul(H("0x1.47ae14p-6"), g["eta_local"]), mul(H("0x1.99999ap-4"), g["eta_global"])
        self.decay = decay(g["tau_fast"]), decay(add(2.0, g["tau_slow"]))
        tenth, third = H("0x1.99999ap-4"), H("0x1.333334p-2")
        self.sigma = mul(tenth, abs(g["noise"]))
        self.beta_a = mul(2.0, g["beta_a"])
        self.rho = sub(1.0, decay(add(1.0, g["tau_c0"]))), sub(1.0, decay(add(3.0, g["tau_c1"])))
        self.beta_g = mul(2.0, g["beta_g"])
        self.w = g["w_reward"], g["w_uncertainty"], g["w_novelty"]
        self.omega = fix(mul(g["omega"], H("0x1.8723a2p-5"))) & M32
        self.phi0 = phase_of(g["phi0"])
        self.beta_p = mul(20.0, exp(clamp(g["beta_p"], -4.0, 4.0)))
        self.theta_p = mul(H("0x1.47ae14p-6"), g["theta_p"])
        self.alpha = mul(third, abs(g["alpha_meta_1"])), mul(third, abs(g["alpha_meta_2"]))
        self.kappa = sigmoid(clamp(add(2.0, g["kappa"]), -20.0, 20.0))
        self.rho_r = sub(1.0, decay(add(2.0, g["tau_reward"])))
        self.r0 = mul(third, g["r0"])
        self.rho_novelty = sigmoid(clamp(sub(g["rho_novelty"], 2.0), -6.0, 6.0))
        self.alpha_v = mul(third, abs(g["critic_rate"]))
        self.discount = decay(add(2.0, g["discount"]))
        self.eta_b = mul(tenth, abs(g["bias_rate"]))
        self.target = tanh(g["bias_target"])
        self.a = g["rate_novelty"], g["rate_uncertainty"]
        self.p = mul(tenth, abs(g["drop_base"])), mul(tenth, g["drop_uncertainty"])
        self.m = g["gate_reward"], g["gate_uncertainty"], g["gate_novelty"]
        self.theta_m = mul(tenth, g["gate_theta"])


class Network:
    def __init__(self, document):
        genes = read_genes(document)
        self.neuron = [(r, j) for r in (0, 1) for j in range(HIDDEN[r] + (MOTORS if r == 0 else 0))]
        self.rows = {n: wire(*n) for n in self.neuron}
        synapses = sum(len(row) for row in self.rows.values())
        sources = (S + 1 + HIDDEN[0] + 1, HIDDEN[1] + 1)
        start = 2 * synapses + len(self.neuron) + 4 * sum(sources)
        f = [(37 * i % 64) / 64.0 - 0.5 for i in range(start + len(genes))]
        self.p = Params({k: add(f[start + i], v) for i, (k, v) in enumerate(genes)})
        self.w, self.phi, self.gain, self.embed, at = {}, {}, {}, {}, 0
        for i, n in enumerate(self.neuron):
            fan = len(self.rows[n])
            self.w[n] = [flush(x) for x in f[at:at + fan]]
            self.phi[n] = [sincos(phase_of(x)) for x in f[synapses + at:synapses + at + fan]]
            self.gain[n] = f[2 * synapses + i]
            at += fan
        at = 2 * synapses + len(self.neuron)
        for r in (0, 1):
            for i in range(sources[r]):
                self.embed[r, 1 + i] = f[at:at + 4]
                at += 4
        zero = {n: 0.0 for n in self.neuron}
        self.a, self.z, self.b, self.mean = dict(zero), dict(zero), dict(zero), dict(zero)
        self.v, self.feature, self.c = dict(zero), dict(zero), (dict(zero), dict(zero))
        self.trace = {n: [[0.0] * len(self.rows[n]) for _ in (0, 1)] for n in self.neuron}
        self.past, self.wiped = {}, 0
        self.sensor_mean, self.novelty = [0.0] * S, 0
        self.start()

    def x(self, synapse, t):
        t -= synapse[2]
        return self.past[synapse[0], synapse[1], t] if t >= self.wiped else 0.0

    # 6.3
    def start(self):
        _, self.reward, self.flags, _ = VIEWS[0]
        self.k = self.step = self.action = self.count = self.stage = 0
        self.before = 4
        self.e, self.value, self.reward_mean, self.variance, self.c_global = [0.0] * 3, 0.0, 0.0, 0.0, 0.0
        self.u, self.meta_sum, self.meta_base, self.meta_first = [0.0, 0.0], 0.0, 0.0, 0.0
        self.perturb()
        self.integrate()

    def perturb(self):
        words = philox((self.k, 0, 0, 0x6D657461), K)
        self.d = [H("0x1.99999ap-3") * (1.0 if words[i] >> 31 else -1.0) for i in (0, 1)]

    def integrate(self):
        p = self.p
        score = [exp(clamp(mul(p.beta_g, mul(e, self.c_global)), -20.0, 20.0)) for e in self.e]
        total = add(add(score[0], score[1]), score[2])
        self.gamma = [div(mul(3.0, s), total) for s in score]
        self.g = self.g_prime = gate = 0.0
        for k in range(3):
            q = mul(p.w[k], self.e[k])
            self.g = add(self.g, q)
            self.g_prime = fma(self.gamma[k], q, self.g_prime)
            gate = fma(p.m[k], abs(self.e[k]), gate)
        self.permit = 1.0 if gate > p.theta_m else 0.0
        self.drop = clamp(fma(p.p[1], self.e[1], p.p[0]), 0.0, f32(0.9))
        context = fma(p.a[1], self.e[1], fma(p.a[0], self.e[2], 1.0))
        context = clamp(context, 0.0, 4.0)
        self.eta = [mul(mul(p.eta[i], exp(add(self.u[i], self.d[i]))), context) for i in (0, 1)]

    def next(self, view, action):
        p, rewarded, error = self.p, self.flags & 1, 0.0
        if rewarded:
            error = fma(-p.kappa, self.reward_mean, sub(self.reward, p.r0))
            self.reward_mean = flush(fma(p.rho_r, sub(self.reward, self.reward_mean), self.reward_mean))
        total = sum(fix(mul(self.v[n], self.z[n])) for n in self.neuron)
        value = 0.0 if view[2] & 18 else clamp(unfix(total), -16.0, 16.0)
        error = fma(p.discount, value, error)
        if not self.flags & 2:
            error = sub(error, self.value)
        self.value = value
        e = clamp(error, -16.0, 16.0)
        self.variance = flush(clamp(fma(p.rho_r, sub(mul(e, e), self.variance), self.variance), 0.0, 256.0))
        self.e = [e, min(self.variance, 16.0), clamp(sqrt(div(unfix(self.novelty), float(S))), 0.0, 16.0)]
        self.c_global = div(unfix(sum(fix(z) for z in self.z.values())), float(len(self.neuron)))
        self.k += 1
        self.step += W
        if rewarded:
            self.meta_sum = add(self.meta_sum, self.reward)
            self.count += 1
            if self.count == 2:
                loss = div(-self.meta_sum, 2.0)
                advantage = sub(loss, self.meta_base)
                self.meta_base = fma(f32(0.3), advantage, self.meta_base)
                for i in (0, 1):
                    grad = advantage if self.d[i] > 0.0 else -advantage
                    self.u[i] = clamp(fma(-p.alpha[i], grad, self.u[i]), -2.0, 2.0)
                self.meta_sum, self.count = 0.0, 0
                self.perturb()
        self.integrate()
        self.before, self.action, self.flags, self.reward = self.flags, action, view[2], view[1]

    def state(self):
        words = [self.k, self.step, self.flags, self.before, self.action, self.count, self.stage]
        floats = [self.reward, *self.e, *self.gamma, self.g, self.g_prime, self.c_global, *self.eta, self.permit,
                  self.drop, self.value, self.reward_mean, self.variance, *self.u, *self.d, self.meta_sum,
                  self.meta_base, self.meta_first]
        return words + [bits(x) for x in floats]

    # 6.2
    def unit(self, h):
        n = fma(h[0], h[0], mul(h[1], h[1]))
        scale = div(1.0, sqrt(n)) if n > 2.0**-60 else 0.0
        return mul(h[0], scale), mul(h[1], scale)

    def complete(self, t, last):
        p = self.p
        sin_phase, cos_phase = sincos((p.omega * t + p.phi0) & M32)
        eta = mul(self.permit, fma(self.eta[1], self.g_prime, self.eta[0]))
        for n in self.neuron:
            r, j = n
            motor = j >= HIDDEN[r]
            post = (1.0 if j - HIDDEN[0] == self.action else 0.0) if motor and last else self.z[n]
            for d in (0, 1):
                self.c[d][n] = flush(fma(p.rho[d], sub(post, self.c[d][n]), self.c[d][n]))
            if not motor:
                self.mean[n] = flush(fma(f32(0.01), sub(self.z[n], self.mean[n]), self.mean[n]))
                self.b[n] = clamp(fma(p.eta_b, sub(p.target, self.mean[n]), self.b[n]), -4.0, 4.0)
            context, e, score, lane = self.unit((self.c[0][n], self.c[1][n])), [], [], [0.0] * 16
            for k, synapse in enumerate(self.rows[n]):
                x = self.x(synapse, t)
                for i in (0, 1):
                    self.trace[n][i][k] = flush(fma(p.decay[i], self.trace[n][i][k], mul(x, post)))
                e.append(add(self.trace[n][0][k], self.trace[n][1][k]))
                u0, u1, v0, v1 = self.embed[r, synapse[3]]
                h = self.unit((fma(u0, x, v0), fma(u1, x, v1)))
                s = fma(context[0], h[0], mul(context[1], h[1]))
                score.append(exp(clamp(mul(p.beta_a, s), -20.0, 20.0)))
                lane[k % 16] = add(lane[k % 16], score[k])
            rate = mul(eta, self.gain[n])
            if rate == 0.0:
                continue
            attended = div(float(len(e)), fold(lane))
            for k in range(len(e)):
                d = mul(rate, mul(e[k], mul(score[k], attended)))
                sin_phi, cos_phi = self.phi[n][k]
                gate = fma(cos_phase, cos_phi, mul(sin_phase, sin_phi))
                d = mul(d, gate if gate > 0.0 else 0.0)
                word = philox((16 * j + k % 16, r, t, 16 + k // 64), K)[k // 16 % 4]
                u = (word >> 8) * 2.0**-24
                odds = exp(mul(-p.beta_p, sub(abs(d), p.theta_p)))
                d = d if fma(u, odds, u) < 1.0 else 0.0
                self.w[n][k] = clamp(add(self.w[n][k], d), -WEIGHT_MAX, WEIGHT_MAX)

    def open_window(self, view):
        p = self.p
        for n in self.neuron:
            count = HIDDEN[n[0]] + (MOTORS if n[0] == 0 else 0)
            step = mul(mul(div(1.0, float(count)), p.alpha_v), self.e[0])
            self.v[n] = clamp(fma(step, self.feature[n], self.v[n]), -8.0, 8.0)
            self.feature[n] = self.z[n]
        if view[2] & 2:
            self.wiped = self.step
            for n in self.neuron:
                self.c[0][n] = self.c[1][n] = self.feature[n] = 0.0
                self.trace[n] = [[0.0] * len(row) for row in self.trace[n]]
        self.novelty = 0
        for i in range(S):
            d = sub(view[0][i], self.sensor_mean[i])
            self.novelty += fix(mul(d, d))
            self.sensor_mean[i] = flush(fma(p.rho_novelty, d, self.sensor_mean[i]))

    def activate(self, view, t):
        for i, x in enumerate((1.0,) + view[0]):
            self.past["sensor", i, t] = x
        for n in self.neuron:
            r, j = n
            lane = [0.0] * 16
            for k, synapse in enumerate(self.rows[n]):
                lane[k % 16] = fma(self.w[n][k], self.x(synapse, t), lane[k % 16])
            words = philox((j, r, t, 1), K)
            self.a[n] = fma(self.p.sigma, gauss0(words[0], words[1]), add(fold(lane), self.b[n]))
            z = flush(tanh(self.a[n]))
            if self.drop > 0.0 and j < HIDDEN[r] and (words[2] >> 8) * 2.0**-24 < self.drop:
                z = 0.0
            self.z[n] = z
        for n in self.neuron:
            self.past["own", n, t] = self.z[n]

    def window(self, k):
        view = VIEWS[k]
        for i in range(W):
            t = self.step + i
            if not (self.before if i == 0 else self.flags) & 4:
                self.complete(t - 1, i == 0)
            if i == 0:
                self.open_window(view)
            self.activate(view, t)
        action = view[3] if view[2] & 8 else int(self.a[0, HIDDEN[0] + 1] > self.a[0, HIDDEN[0]])
        self.next(VIEWS[k + 1], action)


def main():
    text = open("docs/SPEC.md").read()
    block = re.search(r"```vectors hmn-network\n(.*?)```", text, re.S).group(1)
    network, done, wrong = Network(text), 0, 0
    for line in block.splitlines():
        kind, *field = line.split()
        k = int(field[0])
        while done <= k:
            network.window(done)
            done += 1
        if kind == "m":
            got, want = network.state(), field[1:]
        elif kind == "z":
            got, want = [bits(network.z[n]) for n in network.neuron if n[0] == int(field[1])], field[2:]
        else:
            got, want = [bits(w) for w in network.w[int(field[1]), int(field[2])]], field[3:]
        if got != [int(word, 16) for word in want]:
            wrong += 1
            print(line, "\n   computed", " ".join("%08x" % w for w in got))
    print("%d lines, %d wrong" % (len(block.splitlines()), wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
