#!/usr/bin/python3
"""What bench/goals.sh calls: takes ratios out of the suites' JSON, measures workers, prints the table.
goals.py suite <JSON | workers MODULON DIRECTORY | protocol <TEXT | table"""
import json
import os
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
from keep import keep  # noqa: E402

# (name in KEEP, in words, goal, least: the ratio is to be at least that; else at most)
GOALS = [
    ("hmn 256: v4 / NumPy", "HMN, 256 neurons: v4 / NumPy", 25, True),
    ("hmn 4096: v4 / NumPy", "HMN, 4,096 neurons: v4 / NumPy", 20, True),
    ("hmn 256: v4 / plain C", "HMN, 256 neurons: v4 / plain C", 30, True),
    ("hmn 4096: v4 / plain C", "HMN, 4,096 neurons: v4 / plain C", 20, True),
    ("hmn 4096: v4 / Brian 2", "HMN, 4,096 neurons: v4 / Brian 2", 40, True),
    ("hmn 256: v3 / NumPy", "HMN, 256 neurons: v3 / NumPy", 12, True),
    ("hmn 256: fma / plain C", "C without intrinsics, FMA / plain C", 1.5, True),
    ("hmn 256: portable / plain C", "the same without FMA / plain C", 1.5, True),
    ("neuraxon: v4 / Python", "Neuraxon: v4 / Python", 2000, True),
    ("neuraxon: v4 / plain C", "Neuraxon: v4 / plain C", 20, True),
    ("lanes", "lives side by side / one by one, 6 neurons", 1.4, True),
    ("of_stream", "share of the stream, 4,096 neurons", 0.65, True),
    ("of_both", "share of stream and fetch in turn, 65,536 neurons", 0.80, True),
    ("digests small", "digests' share of a unit, 6 neurons", 0.03, False),
    ("digests large", "digests' share of a unit, 256 neurons", 0.03, False),
    ("threads wall", "all threads / as many times 1, wall", 0.95, True),
    ("threads spin", "the same, of what a spin reaches", 0.95, True),
    ("threads cpu", "CPU time a job, all threads / 1", 1.05, False),
    ("workers wall", "2 workers / 1 worker, wall", 1.85, True),
    ("workers cpu", "the same by CPU time", 1.85, True),
    ("coordinator", "coordinator's results / verifications, by CPU", 0.6, True),
]


def suite():
    for r in json.load(sys.stdin)["results"]:
        case, unit = r.get("case", ""), r.get("unit", "")
        size = "large" if "256" in case else "small"
        if r.get("roofline") == "L3, all":
            keep("of_stream", r["of_stream"])
        elif r.get("roofline") == "memory, all":
            keep("of_both", r["of_both"])
        elif unit == "side by side / one by one" and r.get("kernel") == "v4":
            keep("lanes", r["median"])
        elif unit == "digests' share":
            keep("digests " + size, r["median"])
        elif case == "T-maze, 256 neurons" and unit == "of as many times":
            keep("threads wall", r["median"])
        elif case == "T-maze, 256 neurons" and unit == "of the spin's":
            keep("threads spin", [r["lowest"], r["median"], r["highest"]])
        elif case == "T-maze, 256 neurons" and unit == "CPU a unit, all / 1":
            keep("threads cpu", r["median"])


EXPERIMENT = {
    "name": "workers", "seed": "1", "task": "tmaze",
    "network": {"neurons": 128, "ring": 60, "sensor_fan": 3, "motor_fan": 60},
    "hmn": {"encoding": "indirect"}, "verification": "off", "test_episodes": 1,
    "evolution": {"generations": 6, "episodes": 4, "validate_every": 1000, "validate_episodes": 1,
                  "islands": [{"algorithm": "es", "population": 96}]},
}


def fleet(modulon, directory, experiment, workers):
    """Generations a second of wall time, and of the workers' and coordinator's CPU time a worker, the first left out:
    in it the fleet meets."""
    out = os.path.join(directory, "run-%d-%f" % (workers, time.monotonic()))
    before = os.times()
    process = subprocess.Popen([modulon, "run", experiment, "--workers", str(workers), "--out", out, "--no-eval",
                                "--no-audit", "--json", "--quiet"], stdout=subprocess.PIPE, text=True)
    closed = [time.monotonic() for line in process.stdout if '"event":"generation"' in line]
    if process.wait() != 0 or len(closed) < 3:
        raise SystemExit("modulon run failed")
    after = os.times()
    cpu = (after.children_user + after.children_system) - (before.children_user + before.children_system)
    return (len(closed) - 1) / (closed[-1] - closed[0]), workers * len(closed) / cpu


def workers(modulon, directory):
    path = os.path.join(directory, "workers.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(EXPERIMENT, f)
    wall, cpu = [], []
    for _ in range(int(os.environ.get("ROUNDS", "5"))):
        one, two = fleet(modulon, directory, path, 1), fleet(modulon, directory, path, 2)
        wall.append(two[0] / one[0])
        cpu.append(two[1] / one[1])
    keep("workers wall", wall)
    keep("workers cpu", cpu)


def protocol():
    found = re.search(r"CPU ([0-9.]+) of Ed25519", sys.stdin.read())
    if found:
        keep("coordinator", float(found.group(1)))


def table():
    kept = {}
    if os.path.exists(os.environ["KEEP"]):
        with open(os.environ["KEEP"], encoding="utf-8") as f:
            for line in f:
                r = json.loads(line)
                kept.setdefault(r["goal"], []).extend(r["ratios"])
    print("%-52s %9s  %-18s %7s" % ("", "measured", "range", "goal"))
    for goal, words, floor, least in GOALS:
        r = kept.get(goal)
        if not r:
            print("%-52s %9s  %-18s %7g" % (words, "-", "not measured", floor))
            continue
        median = statistics.median(r)
        met = median >= floor if least else median <= floor
        print("%-52s %9.4g  %-18s %7g  %s" % (words, median, "[%.4g, %.4g]" % (min(r), max(r)), floor,
                                             "met" if met else "missed"))


if __name__ == "__main__":
    {"suite": suite, "workers": workers, "protocol": protocol, "table": table}[sys.argv[1]](*sys.argv[2:])
