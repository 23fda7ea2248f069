#!/usr/bin/env python3
"""An independent reading of SPEC chapter 12: computes the vectors of 12.7 bit by bit from the
document's own tables, with the numbers of test_network_reference.py. Run from the root of the repository.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_network_reference import H, bits, clamp, decay, exp, f32, flush, fma, from_bits, log, mul, sigmoid, sqrt, sub, add

TEXT = open("docs/SPEC.md").read()
RANGE = [(-2, 2)] * 4 + [(0, 1), (-2, 2), (-2, 2), (-2, 2), (0, 2)]
FACTOR = [True] * 4 + [False, False, True, False, False]


def block(name):
    lines = re.search(r"```vectors %s\n(.*?)```" % name, TEXT, re.S).group(1).splitlines()
    return [line.split("#")[0].split() for line in lines if line.split("#")[0].split()]


def rows(name):
    return [[f32(float(x)) for x in row[1:]] for row in block(name)]


def occupancy(level, ln_k, n):
    if level <= 2.0**-40:
        return 0.0
    return sigmoid(clamp(mul(n, sub(log(level), ln_k)), -80.0, 80.0))


def levers(level, receptor):
    """12.3 with density 1; receptor: rows of K, n and the effects, as genes."""
    x = [0.0] * 9
    for c, g in enumerate(receptor):
        middle = H("-0x1.34379p+0") if c % 2 == 0 else H("0x1.9f323ep-2")
        ln_k, n = add(middle, clamp(g[0], -4.0, 4.0)), mul(2.0, exp(clamp(g[1], -1.5, 1.5)))
        bound = mul(1.0, occupancy(level[c // 2], ln_k, n))
        x = [fma(g[2 + i], bound, x[i]) for i in range(9)]
    x = [clamp(x[i], *map(float, RANGE[i])) for i in range(9)]
    return [exp(x[i]) if FACTOR[i] else flush(x[i]) for i in range(9)]


class Levels:
    """12.2"""

    def __init__(self):
        g = {row[1]: f32(float(row[2])) for row in block("modulator-genes")}
        self.decay_a = decay(add(2.0, g["arousal_decay"]))
        self.q = [abs(g["arousal_" + k]) for k in ("novelty", "external", "internal")]
        self.rho = [sub(1.0, decay(add(c, g[k]))) for c, k in
                    ((2.0, "reward_fast"), (4.0, "reward_slow"), (3.0, "novelty_mean"))]
        self.one = rows("modulator-couplings")
        self.base = [clamp(r[0], 0.0, 4.0) for r in self.one]
        self.tonic, self.phasic = list(self.base), [0.0] * 4
        self.arousal = self.fast = self.slow = self.novelty = 0.0

    def next(self, error, before, after, novelty, reward, activity, external, internal):
        signal = [error, after, fma(-2.0, before, abs(error))]
        signal[2] = signal[2] if signal[2] > 0.0 else 0.0
        new = sub(novelty, self.novelty)
        signal.append(new if new > 0.0 else 0.0)
        self.novelty = flush(fma(self.rho[2], sub(novelty, self.novelty), self.novelty))
        self.fast = flush(fma(self.rho[0], sub(reward, self.fast), self.fast))
        self.slow = flush(fma(self.rho[1], sub(reward, self.slow), self.slow))
        signal += [clamp(sub(self.slow, self.fast), -4.0, 4.0), clamp(external, 0.0, 1.0), clamp(internal, 0.0, 1.0),
                   activity]
        for m, g in enumerate(self.one):
            drive = 0.0
            for a, s in zip(g[3:], signal):
                drive = fma(a, s, drive)
            drive = clamp(drive, -4.0, 4.0)
            self.phasic[m] = flush(clamp(fma(decay(g[1]), self.phasic[m], drive), -4.0, 4.0))
            step = sub(add(self.base[m], drive), self.tonic[m])
            self.tonic[m] = flush(clamp(fma(decay(sub(g[2], 4.0)), step, self.tonic[m]), 0.0, 4.0))
        x = mul(self.decay_a, self.arousal)
        for q, s in zip(self.q, (signal[3], signal[5], signal[6])):
            x = fma(q, s, x)
        self.arousal = flush(min(x, 4.0))
        both = [value for m in range(4) for value in (self.tonic[m], self.phasic[m])]
        return both + [self.arousal]


def main():
    lines = wrong = 0

    def check(what, got, want):
        nonlocal lines, wrong
        lines += 1
        if [bits(x) for x in got] != [int(w, 16) for w in want]:
            wrong += 1
            print(what, want, "\n   computed", " ".join("0x%08x" % bits(x) for x in got))

    for row in block("occupancy"):
        level, ln_k, n = (from_bits(int(w, 16)) for w in row[:3])
        check("occupancy", [occupancy(level, ln_k, n)], row[3:])
    receptor = rows("receptor-effects")
    for row in block("levers"):
        check("levers", levers([f32(float(x)) for x in row[:4]], receptor), row[4:])
    state = Levels()
    for row in block("levels"):
        check("levels", state.next(*(f32(float(x)) for x in row[:8])), row[8:])
    print("%d lines, %d wrong" % (lines, wrong))
    return 1 if wrong or lines < 25 else 0


if __name__ == "__main__":
    sys.exit(main())
