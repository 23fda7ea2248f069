# eval, export and ablate on a champion.
source tests/cli/lib.bash
small_experiment "$TEST_TMPDIR/x.json" 4
run=$TEST_TMPDIR/run
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$run" --quiet

# One JSON object, the same on any number of threads; controls beside the champion.
expect 0 "$MODULON" eval "$run" --json --islands --threads 1
cp "$TEST_TMPDIR/out.txt" "$TEST_TMPDIR/eval.json"
expect 0 "$MODULON" eval "$run/champion.safetensors" --json --islands --threads 2
cmp "$TEST_TMPDIR/eval.json" "$TEST_TMPDIR/out.txt"
[ "$(wc -l <"$TEST_TMPDIR/eval.json")" -eq 1 ] || fail "not one line"
for policy in champion fixed "no G'" random "constant 2" "island 1"; do
    grep -qF "{\"policy\":\"$policy\",\"mean\":" "$TEST_TMPDIR/eval.json" || fail "no $policy in eval --json"
done
grep -qF '"n":20' "$TEST_TMPDIR/eval.json" || fail "test_episodes is not what was run"
if command -v python3 >/dev/null; then
    python3 -c '
import json, sys
o = json.load(open(sys.argv[1]))
p = {x["policy"]: x for x in o["policies"]}
assert p["constant 0"]["mean"] == 0, p  # never reaches an arm
assert all(x["lo"] <= x["mean"] <= x["hi"] for x in o["policies"] + o["islands"])
chosen = o["islands"][o["island"]]
assert chosen["mean"] == p["champion"]["mean"]
assert chosen["validation"] == max(x["validation"] for x in o["islands"])
' "$TEST_TMPDIR/eval.json"
fi
expect 0 "$MODULON" eval "$run" --json --test-seed 5 --episodes 7
cmp -s "$TEST_TMPDIR/eval.json" "$TEST_TMPDIR/out.txt" && fail "--test-seed changed nothing"
expect 0 "$MODULON" eval "$run"
grep -q '95% CI' "$TEST_TMPDIR/out.txt" || fail "no interval"

# Exported, and loaded again bit for bit.
expect 0 "$MODULON" export --check "$run/champion.safetensors"
expect 0 "$MODULON" export "$run" --out "$TEST_TMPDIR/copy.safetensors"
cmp "$run/champion.safetensors" "$TEST_TMPDIR/copy.safetensors"
cmp "$run/champion.json" "$TEST_TMPDIR/copy.json"
for k in 0 1; do
    expect 0 "$MODULON" export "$run" --island $k --out "$TEST_TMPDIR/island$k.safetensors"
    expect 0 "$MODULON" export --check "$TEST_TMPDIR/island$k.safetensors"
done
cmp -s "$TEST_TMPDIR/island0.safetensors" "$TEST_TMPDIR/island1.safetensors" && fail "--island changed nothing"
expect 2 "$MODULON" export "$run" --island 2 --out "$TEST_TMPDIR/no.safetensors"
says "allowed: 0 to 1"

# Every single damaged byte is found: by the loader (2) or by the comparison (1).
size=$(wc -c <"$run/champion.safetensors")
for at in 0 9 200 $((size / 3)) $((size / 2)) $((size - 1)); do
    cp "$run/champion.safetensors" "$TEST_TMPDIR/bad.safetensors"
    byte=$(od -An -tu1 -j "$at" -N 1 "$TEST_TMPDIR/bad.safetensors")
    printf "$(printf '\\%03o' $((byte ^ 1)))" | dd of="$TEST_TMPDIR/bad.safetensors" bs=1 seek="$at" conv=notrunc status=none
    status=0
    "$MODULON" export --check "$TEST_TMPDIR/bad.safetensors" >"$TEST_TMPDIR/out.txt" 2>"$TEST_TMPDIR/err.txt" || status=$?
    [ "$status" -eq 1 ] || [ "$status" -eq 2 ] || fail "a changed byte $at passed with status $status"
    says "bad.safetensors"
done
expect 2 "$MODULON" eval "$TEST_TMPDIR"
says "no champion.safetensors"

# Row "nothing" is the champion itself; taking plasticity out is eval's "fixed".
expect 0 "$MODULON" ablate "$run" --json
grep -qF '{"without":"nothing","mean":' "$TEST_TMPDIR/out.txt" || fail "no base row"
grep -qF '"difference_mean":0,"difference_sd":0' "$TEST_TMPDIR/out.txt" || fail "the base row differs from itself"
mean() { # of {"KEY":"NAME" in FILE
    grep -oF "{\"$1\":\"$2\",\"mean\":" -m 1 "$3" >/dev/null || fail "no $2 in $3"
    sed "s/.*{\"$1\":\"$2\",\"mean\":\([^,]*\),.*/\1/" "$3"
}
[ "$(mean without plasticity "$TEST_TMPDIR/out.txt")" = "$(mean policy fixed "$TEST_TMPDIR/eval.json")" ] ||
    fail "ablate and eval disagree on the network without plasticity"
