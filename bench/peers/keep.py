"""Ratios for bench/goals.sh: with KEEP=FILE each goes there as a line of JSON."""
import json
import os


def keep(goal, ratios):
    """goal: its name in bench/goals.py; ratios: one a round, or a single number."""
    path = os.environ.get("KEEP")
    if path:
        with open(path, "a", encoding="utf-8") as f:
            f.write(json.dumps({"goal": goal, "ratios": ratios if isinstance(ratios, list) else [ratios]}) + "\n")
