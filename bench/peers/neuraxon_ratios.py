"""Rounds of modulon and its Neuraxon peers in turn; medians of the in-round ratios.
neuraxon_ratios.py MODULON EXPERIMENT PLAIN_C ROUNDS"""
import json
import os
import statistics
import subprocess
import sys

from keep import keep

modulon, experiment, plain, rounds = sys.argv[1:]
program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "neuraxon_v1.py")
NEURONS = "2000"


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def ours():
    results = json.loads(output(modulon, "bench", "--experiment", experiment, "--seconds", "1", "--json"))["results"]
    return {r["kernel"]: r["median"] for r in results if r.get("unit") == "updates/s"}


peers = {"Python": [sys.executable, program, NEURONS, "20"], "plain C": [plain, NEURONS, "100"]}
rates, ratios = {}, {}
for _ in range(int(rounds)):
    kernels = ours()
    for kernel, rate in kernels.items():
        rates.setdefault("modulon " + kernel, []).append(rate)
    for name, command in peers.items():
        rate = float(output(*command))
        rates.setdefault(name, []).append(rate)
        for kernel, own in kernels.items():
            ratios.setdefault((kernel, name), []).append(own / rate)
print("%s neurons, 16 synapses each; %s rounds" % (NEURONS, rounds))
for name, r in rates.items():
    print("  %-18s %10.3f M updates/s [%.3f, %.3f]" % (name, statistics.median(r) / 1e6, min(r) / 1e6, max(r) / 1e6))
for (kernel, name), r in ratios.items():
    print("  %-8s / %-8s %8.1f [%.1f, %.1f]" % (kernel, name, statistics.median(r), min(r), max(r)))
    keep("neuraxon: %s / %s" % (kernel, name), r)
