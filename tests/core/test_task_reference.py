#!/usr/bin/env python3
"""An independent reference of SPEC chapter 9: prints the chapter's test vectors.

Plain Python in binary64 with the platform's sine and cosine; written from the
chapter and the public references' equations, not from core/. Run from the root
of the repository; compare its output with the blocks in docs/SPEC.md.
"""
import math
import random
import struct

MASK = 0xFFFFFFFF


class Stream:
    """Sequential draws, SPEC section 4."""

    def __init__(self, key):
        self.key, self.next = key, 0

    def u32(self):
        c, k = [self.next >> 2, 0, 0, 0x64726177], [self.key & MASK, self.key >> 32]
        for _ in range(10):
            p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK]
            k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
        self.next += 1
        return c[self.next - 1 & 3]

    def below(self, n):
        return self.u32() * n >> 32

    def unit64(self):
        hi = self.u32()
        return ((hi << 32 | self.u32()) >> 11) * 2.0**-53

    def uniform(self, lo, width):
        return lo + width * self.unit64()


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


# ---- tasks with dynamics: step(state, action) -> (state, reward, done) ----


def cartpole(s, a):
    x, v, th, w = s
    f = 10.0 if a == 1 else -10.0
    c, sn = math.cos(th), math.sin(th)
    total, ml = 0.1 + 1.0, 0.1 * 0.5
    temp = (f + ml * (w * w) * sn) / total
    tha = (9.8 * sn - c * temp) / (0.5 * (4.0 / 3.0 - 0.1 * (c * c) / total))
    xa = temp - ml * tha * c / total
    s = [x + 0.02 * v, v + 0.02 * xa, th + 0.02 * w, w + 0.02 * tha]
    lim = 12 * 2 * math.pi / 360
    return s, 1.0, abs(s[0]) > 2.4 or abs(s[2]) > lim


def mountaincar(s, a):
    x, v = s
    v = min(max(v + ((a - 1) * 0.001 + math.cos(3 * x) * -0.0025), -0.07), 0.07)
    x = min(max(x + v, -1.2), 0.6)
    if x == -1.2 and v < 0:
        v = 0.0
    return [x, v], -1.0, x >= 0.5 and v >= 0


def rk4(f, y, h):
    def add(k, m):
        return [p + m * q for p, q in zip(y, k)]

    k1 = f(y)
    k2 = f(add(k1, h / 2))
    k3 = f(add(k2, h / 2))
    k4 = f(add(k3, h))
    return [p + h / 6.0 * (a + 2 * b + 2 * c + d) for p, a, b, c, d in zip(y, k1, k2, k3, k4)]


def acrobot(s, a):
    def dsdt(y):
        t1, t2, w1, w2 = y
        d1 = 0.25 + (1.25 + math.cos(t2)) + 2
        d2 = 0.25 + 0.5 * math.cos(t2) + 1
        phi2 = 0.5 * 9.8 * math.cos(t1 + t2 - math.pi / 2)
        phi1 = (
            -0.5 * w2**2 * math.sin(t2)
            - w2 * w1 * math.sin(t2)
            + 1.5 * 9.8 * math.cos(t1 - math.pi / 2)
            + phi2
        )
        a2 = (a - 1 + d2 / d1 * phi1 - 0.5 * w1**2 * math.sin(t2) - phi2) / (1.25 - d2**2 / d1)
        return [w1, w2, -(d2 * a2 + phi1) / d1, a2]

    s = rk4(dsdt, s, 0.2)
    for i in (0, 1):
        while s[i] > math.pi:
            s[i] -= 2 * math.pi
        while s[i] < -math.pi:
            s[i] += 2 * math.pi
    for i, m in ((2, 4 * math.pi), (3, 9 * math.pi)):
        s[i] = min(max(s[i], -m), m)
    done = -math.cos(s[0]) - math.cos(s[1] + s[0]) > 1
    return s, 0.0 if done else -1.0, done


def doublepole(s, a):
    force = 10.0 * (a - 1)

    def dsdt(y):
        g, mu, length, mass = -9.8, 2e-6, (0.5, 0.05), (0.1, 0.01)
        push, load = 0.0, 0.0
        for i in (0, 1):
            th, w = y[2 + 2 * i], y[3 + 2 * i]
            push += mass[i] * length[i] * w * w * math.sin(th)
            push += 0.75 * mass[i] * math.cos(th) * (mu * w / (mass[i] * length[i]) + g * math.sin(th))
            load += mass[i] * (1 - 0.75 * math.cos(th) ** 2)
        xa = (force + push) / (1 + load)
        out = [y[1], xa]
        for i in (0, 1):
            th, w = y[2 + 2 * i], y[3 + 2 * i]
            out += [w, -0.75 * (xa * math.cos(th) + g * math.sin(th) + mu * w / (mass[i] * length[i])) / length[i]]
        return out

    s = rk4(dsdt, rk4(dsdt, s, 0.01), 0.01)
    lim = 36 * math.pi / 180
    return s, 1.0, abs(s[0]) > 2.4 or abs(s[2]) > lim or abs(s[4]) > lim


DYNAMICS = {
    "cartpole": (cartpole, 2, 500),
    "mountaincar": (mountaincar, 3, 200),
    "acrobot": (acrobot, 3, 500),
    "doublepole": (doublepole, 3, 1000),
}


def run(name, start, policy, steps):
    step, _, limit = DYNAMICS[name]
    s, actions, total, done = list(start), "", 0.0, False
    while len(actions) < steps and not done:
        a = policy(len(actions), s)
        s, r, done = step(s, a)
        actions += str(a)
        total += r
        done = done or len(actions) == limit
    print(
        name, ",".join(map(repr, start)), actions, ",".join(map(repr, s)), total, int(done)
    )


def dynamics():
    rng = random.Random(9)
    print("```vectors task-dynamics")
    print("# task start actions end sum-of-rewards done")

    def scripted(n):
        return lambda t, s: rng.randrange(n)

    def always(a):
        return lambda t, s: a

    run("cartpole", [0.0, 0.0, 0.0, 0.0], always(1), 1)
    run("cartpole", [0.1, -0.2, 0.05, 0.3], always(0), 1)
    run("cartpole", [0.01, -0.02, 0.03, -0.04], always(1), 500)
    run("cartpole", [-0.03, 0.02, 0.01, 0.05], lambda t, s: int(s[2] + 0.5 * s[3] > 0), 200)
    run("cartpole", [2.39, 1.0, 0.0, 0.0], always(0), 500)
    run("mountaincar", [-0.5, 0.0], always(2), 1)
    run("mountaincar", [-1.19, -0.05], always(0), 2)
    run("mountaincar", [0.49, 0.03], always(1), 3)
    run("mountaincar", [-0.45, 0.0], lambda t, s: 2 if s[1] >= 0 else 0, 200)
    run("mountaincar", [-0.55, 0.01], scripted(3), 200)
    run("acrobot", [0.0, 0.0, 0.0, 0.0], always(2), 1)
    run("acrobot", [1.0, -2.0, 3.0, -4.0], always(0), 1)
    run("acrobot", [3.1, 3.0, 12.0, 28.0], always(1), 3)
    run("acrobot", [0.05, -0.03, 0.02, 0.08], scripted(3), 50)
    run("acrobot", [0.05, -0.03, 0.02, 0.08], lambda t, s: 2 if s[3] > 0 else 0, 500)
    run("doublepole", [0.0, 0.0, 4 * math.pi / 180, 0.0, 0.0, 0.0], always(1), 1)
    run("doublepole", [0.5, -0.3, 0.1, 0.2, -0.05, 0.4], always(2), 1)
    run("doublepole", [0.0, 0.0, 4 * math.pi / 180, 0.0, 0.0, 0.0], scripted(3), 1000)
    print("```\n")


def starts():
    print("```vectors task-starts")
    print("# task key part episode state")
    for key in (1, 0x0123456789ABCDEF):
        r = Stream(key)
        print("cartpole", key, 0, 5, *[r.uniform(-0.05, 0.1) for _ in range(4)])
        print("mountaincar", key, 0, 5, Stream(key).uniform(-0.6, 0.2), 0.0)
        r = Stream(key)
        print("acrobot", key, 0, 5, *[f32(r.uniform(-0.1, 0.2)) for _ in range(4)])
        r = Stream(key)
        box = ((4.32, 2.16), (2.70, 1.35), (0.12566304, 0.06283152), (0.30019504, 0.15009752))
        print("doublepole", key, 1, 5, *[r.uniform(0.05, 0.9) * a - b for a, b in box], 0.0, 0.0)
    print("doublepole", 1, 0, 5, 0.0, 0.0, 4.0 * math.pi / 180.0, 0.0, 0.0, 0.0)
    print("```\n")


# ---- tasks made of trials: generators that yield a window and get its action ----

WIPE, FROZEN, REWARD, TEACH = 2, 4, 1, 8


def window(flags, obs, reward=0.0, teach=0):
    return flags, teach, reward, obs


def reversals(p, r):
    n, trials = p["reversals"], p["trials"]
    return [max(0, (k + 1) * trials // (n + 1) + r.below(11) - 5) for k in range(n)]


def tmaze(p, r, episode, part):
    side, flips, fit, hits = episode & 1, reversals(p, r), 0, 0
    for trial in range(p["trials"]):
        side ^= flips.count(trial) & 1
        length, flags, crash = 1 + r.below(3), WIPE, False
        for _ in range(length):
            a = yield window(flags, [1, 0, 0, 0])
            flags = 0
            if a != 0:
                crash = True
                break
        if not crash:
            a = yield window(0, [0, 1, 0, 0])
            crash = a == 0
        reward = -0.4 if crash else 1.0 if a - 1 == side else 0.2
        for _ in range(p["delay_min"] + r.below(p["delay_max"] - p["delay_min"] + 1)):
            yield window(0, [0, 0, 0.3, r.u32() >> 31])
        yield window(REWARD, [0, 0, 1, reward], reward)
        fit += round(reward * 1000000)
        hits += reward == 1.0
    return int(fit / p["trials"]), hits * 1000000 // p["trials"]


def bandit(p, r, episode, part):
    good, hits = episode & 1, 0
    for trial in range(p["trials"]):
        if trial and r.below(1000000) < p["hazard_ppm"]:
            good ^= 1
        a = yield window(WIPE, [1, 0])
        rate = p["reward_ppm"] if a == good else 1000000 - p["reward_ppm"]
        reward = 1.0 if r.below(1000000) < rate else -1.0
        yield window(REWARD, [0, reward], reward)
        hits += a == good
    score = hits * 1000000 // p["trials"]
    return score, score


def cue(p, r, episode, part):
    n, d, hits = p["cues"], p["distractors"], 0
    rule = [r.u32() >> 31 for _ in range(n)]
    flips = reversals(p, r)
    for trial in range(p["trials"]):
        if flips.count(trial) & 1:
            rule = [1 - v for v in rule]
        c = r.below(n)
        a = yield window(WIPE, [int(i == c) for i in range(n + d + 1)])
        reward = 1.0 if a == rule[c] else -1.0
        for _ in range(p["delay_min"] + r.below(p["delay_max"] - p["delay_min"] + 1)):
            yield window(0, [0] * n + [int(r.below(1000000) < 300000) for _ in range(d)] + [0])
        yield window(REWARD, [0] * (n + d) + [reward], reward)
        hits += reward > 0
    score = hits * 1000000 // p["trials"]
    return score, score


def load_digits():
    with open("data/digits.bin", "rb") as f:
        data = f.read()
    order, r = list(range(1797)), Stream(4242)
    for i in range(1796, 0, -1):
        j = r.below(i + 1)
        order[i], order[j] = order[j], order[i]
    return [(data[65 * i : 65 * i + 64], data[65 * i + 64]) for i in order]


DIGITS = load_digits()


def sample(part, k, r):
    return DIGITS[(1200 + k, 1437 + k)[part - 1] if part else r.below(1200)]


def digits(p, r, episode, part):
    n, hits = (p["samples"], 237, 360)[part], 0
    for k in range(n):
        pixels, label = sample(part, k, r)
        a = yield window(WIPE | FROZEN, [v / 16 for v in pixels])
        hits += a == label
    return -2302585, hits * 1000000 // n  # readouts are all 0: log(1/10) a sample


def permutation(n, r):
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        j = r.below(i + 1)
        order[i], order[j] = order[j], order[i]
    return order


def digits_life(p, r, episode, part):
    pixel, name = permutation(64, r), permutation(10, r)
    for _ in range(p["samples"]):
        pixels, label = DIGITS[r.below(1200)]
        obs, label = [pixels[q] / 16 for q in pixel], name[label]
        a = yield window(WIPE | FROZEN, obs)
        yield window(WIPE | TEACH | REWARD, obs, 1.0, label)
        if a != label:
            yield window(WIPE | TEACH | REWARD, obs, -1.0, a)
    n, hits = (150, 237, 360)[part], 0
    for k in range(n):
        pixels, label = sample(part, k, r)
        a = yield window(WIPE | FROZEN, [pixels[q] / 16 for q in pixel])
        hits += a == name[label]
    return hits * 1000000 // n, hits * 1000000 // n


TRIALS = {
    "tmaze": (tmaze, 3, dict(trials=60, reversals=1, delay_min=0, delay_max=0)),
    "bandit": (bandit, 2, dict(trials=100, hazard_ppm=40000, reward_ppm=800000)),
    "cue": (cue, 2, dict(trials=80, reversals=1, delay_min=3, delay_max=8, cues=2, distractors=2)),
    "digits": (digits, 10, dict(samples=256)),
    "digits_life": (digits_life, 10, dict(samples=400)),
}


def fnv(h, data):
    for b in data:
        h = (h ^ b) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h


def life(name, key, episode, part, **overrides):
    make, actions, p = TRIALS[name]
    p = dict(p, **overrides)
    policy, h, windows = Stream(key + 1), 0xCBF29CE484222325, 0
    g = make(p, Stream(key), episode, part)
    try:
        flags, teach, reward, obs = next(g)
        while True:
            h = fnv(h, struct.pack("<IIf", flags, teach, reward) + struct.pack(f"<{len(obs)}f", *obs))
            windows += 1
            a = policy.below(actions)
            flags, teach, reward, obs = g.send(teach if flags & TEACH else a)
    except StopIteration as end:
        fitness, score = end.value
    text = ",".join(f"{k}={v}" for k, v in overrides.items()) or "-"
    print(name, text, key, episode, part, windows, fitness, score, f"{h:016x}")


def lives():
    print("```vectors task-lives")
    print("# task parameters key episode part windows fitness score digest")
    life("tmaze", 11, 0, 0)
    life("tmaze", 11, 1, 0)
    life("tmaze", 12, 0, 1, trials=40, reversals=3, delay_min=2, delay_max=5)
    life("bandit", 13, 0, 0)
    life("bandit", 13, 3, 1, hazard_ppm=200000, reward_ppm=950000)
    life("cue", 14, 0, 0)
    life("cue", 15, 1, 1, trials=50, reversals=2, delay_min=0, delay_max=16, cues=4, distractors=5)
    life("digits", 16, 0, 0)
    life("digits", 16, 0, 1)
    life("digits", 16, 0, 2)
    life("digits_life", 17, 0, 0)
    life("digits_life", 18, 0, 1, samples=40)
    life("digits_life", 18, 0, 2, samples=40)
    print("```")

# ---- foraging: a world of sets and dictionaries, all agents at once ----

FORAGE = dict(trials=400, reversals=3, reward_ppm=900000, size=12, walls=0, kinds=2, food=28, rocks=10, view=3, agents=1)
HEADINGS = [(0, -1), (1, 0), (0, 1), (-1, 0)]
PLACES = [(1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (2, 0), (-1, 0), (3, 0)]


class Animal:
    def __init__(self, place, heading):
        self.place, self.heading, self.energy = place, heading, 1000
        self.trace = self.meals = self.lived = self.contacts = 0
        self.hit = self.fed = self.swallows = self.wipe = False

    def alive(self):
        return self.energy > 0


class World:
    def __init__(self, p, r):
        self.p, self.r, self.n = p, r, p["size"]
        self.rocks, self.plants, self.animals, self.time, self.changes = set(), {}, [], 0, 0
        self.right = self.counted = 0
        self.hard = [r.u32() >> 31 for _ in range(p["kinds"])]
        self.flips = reversals(p, r)
        for _ in range(p["rocks"]):
            self.rocks.add(self.free())
        for i in range(p["food"]):
            self.plants[self.free()] = i % p["kinds"]
        for _ in range(p["agents"]):
            place = self.free()
            self.animals.append(Animal(place, r.below(4)))

    def taken(self, q):
        return q in self.rocks or q in self.plants or any(a.alive() and a.place == q for a in self.animals)

    def free(self):
        i = self.r.below(self.n * self.n)
        while self.taken((i % self.n, i // self.n)):
            i = (i + 1) % (self.n * self.n)
        return i % self.n, i // self.n

    def relative(self, a, ahead, right):
        (ax, ay), (rx, ry) = HEADINGS[a.heading], HEADINGS[(a.heading + 1) % 4]
        x, y = a.place[0] + ahead * ax + right * rx, a.place[1] + ahead * ay + right * ry
        if self.p["walls"] and not (0 <= x < self.n and 0 <= y < self.n):
            return None
        return x % self.n, y % self.n

    def what(self, q):
        if q is None or q in self.rocks:
            return "rock"
        if q in self.plants:
            return self.plants[q]
        return "agent" if self.taken(q) else None

    def sees(self, a):
        return [self.what(self.relative(a, *place)) for place in PLACES[: self.p["view"]]]

    def blow(self, a, cost):
        a.hit, a.energy, a.trace = True, a.energy - cost, a.trace + (1024 - a.trace) // 2

    def act(self, a, action):
        a.wipe, a.hit, a.fed = a.swallows, False, False
        a.energy -= 2
        a.trace -= a.trace // 32
        if a.swallows:
            a.swallows = False
        elif action in (1, 2):
            a.heading = (a.heading + (3 if action == 1 else 1)) % 4
        else:
            a.energy -= 1
            q = self.relative(a, 1, 0)
            before = self.what(q)
            if isinstance(before, int):
                right = self.hard[before] == (action == 3)
                if self.changes and a.contacts < 10:
                    a.contacts += 1
                    self.counted += 1
                    self.right += right
                keeps = self.r.below(1000000) < self.p["reward_ppm"]
                del self.plants[q]
                a.swallows = True
                if right == keeps:
                    a.fed, a.energy, a.meals, a.trace = True, a.energy + 40, a.meals + 1, a.trace // 2
                    if action == 0:
                        a.place = q
                else:
                    self.blow(a, 20)
            elif action == 0 and before is None:
                a.place = q
            elif action == 0:
                self.blow(a, 5)
        a.lived += 1
        a.energy = max(a.energy, 0)

    def step(self, actions):
        n = len(self.animals)
        for k in range(n):
            i = (self.time + k) % n
            if self.animals[i].alive():
                self.act(self.animals[i], actions[i])
        seen = [self.sees(a) for a in self.animals]
        self.time += 1
        if self.flips.count(self.time) % 2:
            self.changes += 1
            self.hard = [1 - v for v in self.hard]
            self.rocks = set()
            for _ in range(self.p["rocks"]):
                self.rocks.add(self.free())
            for a in self.animals:
                a.contacts = 0
        i, kind = self.r.below(self.n * self.n), self.r.below(self.p["kinds"])
        q = (i % self.n, i // self.n)
        if len(self.plants) < self.p["food"] and not self.taken(q):
            self.plants[q] = kind
        return [self.view(a, s) for a, s in zip(self.animals, seen)]

    def view(self, a, before=None):
        if not a.alive():
            return FROZEN, 0.0, [0, 0], None
        now = self.sees(a)
        marks = list(range(self.p["kinds"])) + ["rock"] + (["agent"] if self.p["agents"] > 1 else [])
        obs = [int(seen == mark and seen is not None) for seen in now for mark in marks]
        obs += [(min(a.energy, 2000) - 1000) / 1000, int(a.hit), int(a.fed), a.trace / 1024]
        if before is None:
            return WIPE, 0.0, [0, 0], obs
        flags = (WIPE if a.wipe else 0) | (REWARD if a.hit or a.fed else 0)
        reward = 1.0 if a.fed else 0.0 if not a.hit else -1.0 if a.swallows else -0.25
        repeated = (a.trace - 512) / 512 if a.hit and a.trace > 512 else 0
        hunger = (250 - a.energy) / 500 if a.energy < 250 else 0
        changed = sum(x != y for x, y in zip(before, now)) / len(now)
        return flags, reward, [changed, max(repeated, hunger)], obs

    def worth(self, a):
        return a.energy * 1000 if a.alive() else a.lived * 1000000 // self.p["trials"] - 1000000


def forage(key, episode, part, **overrides):
    p = dict(FORAGE, **overrides)
    world, policy, h = World(p, Stream(key)), Stream(key + 1), 0xCBF29CE484222325
    channels = p["view"] * (p["kinds"] + 1 + (p["agents"] > 1)) + 4
    views = [world.view(a) for a in world.animals]
    while True:
        for flags, reward, salience, obs in views:
            h = fnv(h, struct.pack("<Ifff", flags, reward, *salience))
            h = fnv(h, struct.pack(f"<{channels}f", *(obs or [0] * channels)))
        if world.time == p["trials"] or not any(a.alive() for a in world.animals):
            break
        views = world.step([policy.below(4) for _ in world.animals])
    n = p["agents"]
    fitness = sum(world.worth(a) for a in world.animals)
    meals = 1000000 * sum(a.meals for a in world.animals) // n
    after = world.right * 1000000 // world.counted if world.counted else -1
    text = ",".join(f"{k}={v}" for k, v in overrides.items()) or "-"
    print(text, key, episode, part, world.time, int(fitness / n), meals, after, f"{h:016x}")


def forage_lives():
    print("```vectors forage-lives")
    print("# parameters key episode part windows fitness score after digest")
    forage(21, 0, 0)
    forage(22, 1, 2)
    forage(23, 0, 0, size=4, walls=1, food=4, rocks=0, view=8, trials=300)
    forage(24, 0, 0, kinds=4, view=8, rocks=36, food=36, reversals=8, trials=500)
    forage(25, 0, 1, agents=2, reward_ppm=500000)
    forage(26, 0, 0, agents=8, size=8, food=16, rocks=16, walls=1, view=5, trials=600)
    forage(27, 0, 0, agents=3, kinds=1, size=32, food=256, rocks=256, reward_ppm=1000000, trials=150)
    print("```")


if __name__ == "__main__":
    dynamics()
    starts()
    lives()
    forage_lives()
