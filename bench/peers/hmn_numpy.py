#!/usr/bin/python3
"""NumPy, binary32, one thread: hmn_numpy.py NEURONS STEPS REPEATS
One line a repeat: synapse updates per second of CPU time."""
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np
from model import K, P, arguments

N, STEPS, REPEATS = arguments()
f4 = np.float32
p = {k: f4(v) for k, v in P.items()}
rng = np.random.Generator(np.random.SFC64(1))
SOURCES, SLOTS, one, zero = N + 4, 9, f4(1), f4(0)
pre = np.concatenate([rng.integers(0, N, (N, K - 4)), np.tile(np.arange(N, N + 4), (N, 1))], axis=1)
delay = np.concatenate([rng.integers(1, 9, (N, K - 4)), np.zeros((N, 4), int)], axis=1)
w = (rng.standard_normal((N, K), f4) * f4(0.25)).astype(f4)
phi = rng.random((N, K), f4) * f4(2 * np.pi)
embed = (rng.standard_normal((SOURCES, 4), f4) * f4(0.3)).astype(f4)
gain = np.ones((N, 1), f4)
fast, slow = np.zeros((N, K), f4), np.zeros((N, K), f4)
line = np.zeros((SLOTS, SOURCES), f4)
heads = np.zeros((SLOTS, SOURCES, 2), f4)
z, bias, mean, value, feature = (np.zeros(N, f4) for _ in range(5))
context = np.zeros((N, 2), f4)
rho = np.array([p["rho0"], p["rho1"]], f4)
sensor_mean = np.zeros(3, f4)
state = {"v": zero, "reward_mean": zero, "variance": zero, "u": np.zeros(2, f4), "d": np.full(2, 0.2, f4),
         "base": zero, "sum": zero, "count": 0}


def unit(h):
    n = np.sqrt((h * h).sum(-1, keepdims=True))
    return np.divide(h, n, out=np.zeros_like(h), where=n > f4(2.0 ** -30))


def put(t, x):
    line[t % SLOTS] = x
    heads[t % SLOTS] = unit(embed[:, :2] * x[:, None] + embed[:, 2:])


def signals(reward, novelty):
    """E_k, eqs. (6), (7), (10), (11): returns the rate of all updates."""
    s = state
    error = reward - p["kappa"] * s["reward_mean"]
    s["reward_mean"] += p["rho_r"] * (reward - s["reward_mean"])
    v = np.clip((value * z).sum(), f4(-16), f4(16))
    error, s["v"] = error + p["discount"] * v - s["v"], v
    s["variance"] += p["rho_r"] * (error * error - s["variance"])
    e = np.array([error, s["variance"], novelty], f4)
    c_global = z.mean()
    score = np.exp(np.clip(p["beta_g"] * e * c_global, f4(-20), f4(20)))
    weights = np.array([p["w_reward"], 0, 0], f4)
    g_prime = (f4(3) * score / score.sum() * weights * e).sum()
    s["sum"] += reward
    s["count"] += 1
    if s["count"] == 4:
        advantage = -s["sum"] / f4(4) - s["base"]
        s["base"] += f4(0.3) * advantage
        s["u"] = np.clip(s["u"] - p["alpha"] * np.where(s["d"] > 0, advantage, -advantage), f4(-2), f4(2))
        s["d"] = np.where(rng.random(2) < 0.5, f4(0.2), f4(-0.2)).astype(f4)
        s["sum"], s["count"] = zero, 0
    factor = np.exp(s["u"] + s["d"])
    return p["eta_local"] * factor[0] + p["eta_global"] * factor[1] * g_prime, error


def step(t):
    global w, fast, slow, z, context, bias, mean, value, feature, sensor_mean
    obs = np.array([1.0, 0.0, 0.3], f4)
    deviation = obs - sensor_mean
    sensor_mean += p["rho_novelty"] * deviation
    rate, error = signals(one, np.sqrt((deviation * deviation).mean()))
    # Completion of the step before: contexts, biases, critic, eqs. (2)-(5), (8), (9).
    context += rho * (z[:, None] - context)
    mean += p["mean_rate"] * (z - mean)
    bias = np.clip(bias + p["bias_rate"] * (p["target"] - mean), f4(-4), f4(4))
    value = np.clip(value + p["critic"] / f4(N) * error * feature, f4(-8), f4(8))
    feature = z.copy()
    slot = (t - 1 - delay) % SLOTS
    x = line[slot, pre]
    q = x * z[:, None]
    fast = p["decay_fast"] * fast + q
    slow = p["decay_slow"] * slow + q
    c, h = unit(context), heads[slot, pre]
    score = np.exp(np.clip(p["beta_a"] * (c[:, None, 0] * h[..., 0] + c[:, None, 1] * h[..., 1]), f4(-20), f4(20)))
    attended = (fast + slow) * (score * (f4(K) / score.sum(1, keepdims=True)))
    d = rate * gain * attended * np.maximum(zero, np.cos(f4((0.3 * (t - 1)) % (2 * np.pi)) - phi))
    apply = rng.random((N, K), f4) * (one + np.exp(-p["beta_p"] * (np.abs(d) - p["theta_p"]))) < one
    w = np.clip(w + np.where(apply, d, zero), -p["weight_max"], p["weight_max"])
    # Eq. (1).
    source = np.concatenate([np.zeros(N, f4), np.array([1.0], f4), obs])
    line[t % SLOTS, N:] = source[N:]
    x = line[(t - delay) % SLOTS, pre]
    a = (w * x).sum(1) + bias + p["sigma"] * rng.standard_normal(N, f4)
    z = np.tanh(a)
    z[rng.random(N, f4) < p["drop"]] = zero
    source[:N] = z
    put(t, source)


def main():
    for t in range(1, 3):
        step(t)
    t = 3
    for _ in range(REPEATS):
        began = time.thread_time()
        for _ in range(STEPS):
            step(t)
            t += 1
        print("%.6g" % (N * K * STEPS / (time.thread_time() - began)))
    assert np.isfinite(w).all() and np.abs(w).max() <= P["weight_max"] and fast.any()


main()
