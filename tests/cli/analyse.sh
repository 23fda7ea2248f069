# modulon analyse: every part runs, says what its measures must say, writes its plots; bad input is refused.
source tests/cli/lib.bash
small=$TEST_TMPDIR/small.json
cat >"$small" <<'END'
{"name": "small", "task": "tmaze", "network": {"regions": 6, "neurons": 12, "ring": 4, "rewire": 0.1, "motor_fan": 4,
 "sources": 2, "listen": 4, "fan_in": 2, "delay": [2, 2], "delay_between": [5, 5], "window": 4}}
END
plots=$TEST_TMPDIR/plots

"$MODULON" analyse activity "$small" --steps 2048 --seeds 2 --noise 0.2 --json --svg "$plots" >"$TEST_TMPDIR/a.json"
"$MODULON" analyse activity "$small" --steps 2048 --seeds 2 --noise 0.2 --json >"$TEST_TMPDIR/b.json"
cmp "$TEST_TMPDIR/a.json" "$TEST_TMPDIR/b.json"
"$MODULON" analyse integration "$small" --steps 600 --seeds 1 --json --svg "$plots" >"$TEST_TMPDIR/integration.json"
"$MODULON" analyse gain "$small" --seeds 1 --json --svg "$plots" >"$TEST_TMPDIR/gain.json"
command -v python3 >/dev/null || exit 77
python3 - "$TEST_TMPDIR" <<'END'
import json, sys
folder = sys.argv[1]
load = lambda name: json.load(open(f"{folder}/{name}.json"))
a = load("a")
assert a["seeds"] == 2 and 0 < a["activity"]["mean"] < 1 and a["excitation"]["mean"] > 0, a
assert 0 < a["pac_p"]["mean"] <= 1 and a["modules"]["mean"] >= 1, a
mean = lambda r, key: r[key]["mean"]
for model in "network", "mass":
    levers = load("gain")[model]["levers"]
    slope = [mean(r, "slope") for r in levers["slope"]]
    assert slope[0] < slope[1] < slope[2], (model, slope)
    threshold = [mean(r, "threshold") for r in levers["threshold"]]
    assert threshold[0] < threshold[1] < threshold[2], (model, threshold)
    rest = [mean(r, "threshold") for r in levers["rest"]]
    assert rest[0] > rest[1] > rest[2], (model, rest)
    width = [mean(r, "width") for r in levers["spread"]]
    assert width[0] < width[1] < width[2], (model, width)
    excite = [mean(r, "slope") for r in levers["excite"]]
    assert excite[0] < excite[1] < excite[2], (model, excite)
    time = [mean(r, "time") for r in levers["slow"]]
    assert time[0] + 1 < time[1] and time[1] + 1 < time[2], (model, time)
    level = [mean(r, "slope") for r in load("gain")[model]["noradrenaline"]]
    top = level.index(max(level))
    assert 0 < top < 8 and level[top] > 1.1 * level[0] and level[top] > 1.2 * level[-1], (model, level)
gains = load("integration")["mass"]["gains"]
assert mean(gains[-1], "synchrony") > mean(gains[0], "synchrony") + 0.3, gains
END
for plot in activity integration levers gain-noradrenaline; do
    python3 -c 'import sys, xml.dom.minidom as x; assert x.parse(sys.argv[1]).documentElement.tagName == "svg"' \
        "$plots/$plot.svg" || fail "$plot.svg is not well formed"
    if grep -qiE 'nan|inf[^o]' "$plots/$plot.svg"; then fail "$plot.svg holds a number that is none"; fi
done

refuses() { # refuses CODE WORDS ARGUMENT...
    local code=$1 words=$2
    shift 2
    expect "$code" "$MODULON" analyse "$@"
    says "$words"
}
refuses 2 "say activity"
refuses 2 "say activity" everything
refuses 2 "argument is missing" gain
refuses 2 "modulator is" gain "$small" --modulator caffeine
refuses 2 "modulator is" dose "$small" --modulator caffeine
refuses 2 "champion is needed" dose "$small"
refuses 2 "low end" activity "$small" --slow-lo 0.1 --slow-hi 0.05
refuses 2 "steps" activity "$small" --steps 10
refuses 2 "nothing-here" activity "$TEST_TMPDIR/nothing-here.json"
sed 's/"regions": 6/"regions": 2/; s/"sources": 2/"sources": 1/' "$small" >"$TEST_TMPDIR/two.json"
refuses 2 "3 are needed" integration "$TEST_TMPDIR/two.json"
touch "$TEST_TMPDIR/file"
refuses 3 "file" activity "$small" --steps 1024 --seeds 1 --svg "$TEST_TMPDIR/file"
