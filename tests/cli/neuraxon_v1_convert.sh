# Files of the public Neuraxon v1 into our model and back.
source tests/cli/lib.bash
for name in c1_tiny_no_silent c2_default_params c3_branches; do
    file=$TEST_TMPDIR/$name
    expect 0 "$MODULON" export examples/forage.json --from-neuraxon-v1 "tests/vectors/neuraxon_v1/$name.json" --out "$file.safetensors"
    expect 0 "$MODULON" export --check "$file.safetensors"
    grep -qF '"model":	"neuraxon"' "$file.json" || fail "$name: no Neuraxon"
    expect 0 "$MODULON" simulate "$file.safetensors" --windows 3
    expect 0 "$MODULON" eval "$file.safetensors" --episodes 2 --quiet
    # Back: v1's simulator loads it and steps it; the constant input stays on without events.
    expect 0 "$MODULON" export "$file.safetensors" --neuraxon-v1 "$file-back.json"
    expect 0 "$MODULON" simulate --model neuraxon-v1 --network "$file-back.json" --steps 500
    grep -q '^{"step":499,"states":"+' "$TEST_TMPDIR/out.txt" || fail "$name: the constant input died"
done
# An evolved network.
small_experiment "$TEST_TMPDIR/x.json" 2
sed 's/"network"/"model": "neuraxon", "network"/' "$TEST_TMPDIR/x.json" >"$TEST_TMPDIR/n.json"
expect 0 "$MODULON" evolve "$TEST_TMPDIR/n.json" --out "$TEST_TMPDIR/run" --quiet
expect 0 "$MODULON" export "$TEST_TMPDIR/run" --island 1 --neuraxon-v1 "$TEST_TMPDIR/run.json"
expect 0 "$MODULON" simulate --model neuraxon-v1 --network "$TEST_TMPDIR/run.json" --steps 10

# Refused.
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$TEST_TMPDIR/hmn" --quiet
expect 2 "$MODULON" export "$TEST_TMPDIR/hmn" --neuraxon-v1 "$TEST_TMPDIR/no.json"
says "only a Neuraxon with trinary states"
[ ! -e "$TEST_TMPDIR/no.json" ] || fail "a file was written"
expect 2 "$MODULON" export examples/tmaze.json --from-neuraxon-v1 tests/vectors/neuraxon_v1/c2_default_params.json --out "$TEST_TMPDIR/no.safetensors"
says "5 inputs"
expect 2 "$MODULON" export examples/forage.json --from-neuraxon-v1 examples/forage.json --out "$TEST_TMPDIR/no.safetensors"
says "unknown key"
expect 2 "$MODULON" export examples/forage.json --check --from-neuraxon-v1 tests/vectors/neuraxon_v1/c2_default_params.json
says "nothing else"
