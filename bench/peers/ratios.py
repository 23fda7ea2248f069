#!/usr/bin/python3
"""Rounds of modulon and its peers in turn; medians of the in-round ratios.
ratios.py MODULON EXPERIMENT PLAIN_C PYTHON ROUNDS NEURONS..."""
import json
import os
import statistics
import subprocess
import sys

from keep import keep

modulon, experiment, plain, python, rounds = sys.argv[1:6]
sizes = [int(n) for n in sys.argv[6:]]
here = os.path.dirname(os.path.abspath(__file__))


def modulon_rates(n, seconds):
    out = subprocess.run([modulon, "bench", "--experiment", experiment, "--neurons", str(n), "--seconds", str(seconds),
                          "--json"], check=True, capture_output=True, text=True).stdout
    results = json.loads(out)["results"]
    return {r["kernel"]: r["median"] for r in results if r.get("unit") == "updates/s"}


def peer(command, n, steps):
    out = subprocess.run(command + [str(n), str(steps), "1"], check=True, capture_output=True, text=True).stdout
    return float(out.split()[0])


def waiting(command, n, steps):
    """A peer that is built once; each call of the result is one measurement."""
    process = subprocess.Popen(command + [str(n), str(steps), rounds, "wait"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)

    def once():
        process.stdin.write("\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise SystemExit("%s failed" % command[-1])
        return float(line)

    return once


def has(module):
    return subprocess.run([python, "-c", "import " + module], capture_output=True).returncode == 0


for n in sizes:
    updates = max(2, int(4e6 * min(1, n / 64) / (64 * n)))
    peers = {"plain C": [plain]} if plain else {}
    if has("numpy"):
        peers["NumPy"] = [python, os.path.join(here, "hmn_numpy.py")]
    brian = None
    if os.environ.get("BRIAN", "1") == "1" and has("brian2"):
        peers["Brian 2"] = None
        brian = waiting([python, os.path.join(here, "hmn_brian2.py")], n, updates * 2)
    ratios, rates = {}, {}
    for _ in range(int(rounds)):
        ours = modulon_rates(n, 1 if n >= 256 else 0.2)
        for kernel, rate in ours.items():
            rates.setdefault("modulon " + kernel, []).append(rate)
        for name, command in peers.items():
            rate = peer(command, n, updates * (4 if name == "plain C" else 1)) if command else brian()
            rates.setdefault(name, []).append(rate)
            for kernel in ours:
                ratios.setdefault((kernel, name), []).append(ours[kernel] / rate)
    print("%d neurons, 64 synapses each, every mechanism on; %s rounds" % (n, rounds))
    for name, r in rates.items():
        print("  %-18s %10.2f M updates/s [%.2f, %.2f]" % (name, statistics.median(r) / 1e6, min(r) / 1e6,
                                                          max(r) / 1e6))
    for (kernel, name), r in ratios.items():
        print("  %-8s / %-8s %8.2f [%.2f, %.2f]" % (kernel, name, statistics.median(r), min(r), max(r)))
        keep("hmn %d: %s / %s" % (n, kernel, name), r)
    for name in {"plain C", "NumPy", "Brian 2"} - set(peers):
        print("  %s is not here" % name)
