# simulate: windows as JSON lines, in the task and driven by a file.
source tests/cli/lib.bash
small_experiment "$TEST_TMPDIR/x.json" 3
expect 0 "$MODULON" simulate "$TEST_TMPDIR/x.json" --windows 12
[ "$(wc -l <"$TEST_TMPDIR/out.txt")" -eq 12 ] || fail "--windows"
for key in window obs reward action motor z e gamma g g_prime eta_local eta_global c_global phase_turns weight_norm; do
    [ "$(grep -cF "\"$key\":" "$TEST_TMPDIR/out.txt")" -eq 12 ] || fail "a line lacks $key"
done
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$TEST_TMPDIR/run" --quiet
expect 0 "$MODULON" simulate "$TEST_TMPDIR/run" --windows 40 --seed 5
cp "$TEST_TMPDIR/out.txt" "$TEST_TMPDIR/task.txt"
expect 0 "$MODULON" simulate "$TEST_TMPDIR/x.json" --genome "$TEST_TMPDIR/run/champion.safetensors" --windows 40 --seed 5
cmp "$TEST_TMPDIR/task.txt" "$TEST_TMPDIR/out.txt"
expect 0 "$MODULON" simulate "$TEST_TMPDIR/run" --windows 40 --seed 6
cmp -s "$TEST_TMPDIR/task.txt" "$TEST_TMPDIR/out.txt" && fail "--seed changed nothing"

# What the task showed, fed back from a file, gives the same lines: the network
# cannot tell where its observations come from. (The last line knows its future: left out.)
sed 's/.*"obs":\(\[[^]]*\]\),"reward":\([^,]*\),"wipe":\([^,]*\),.*/{"obs":\1,"reward":\2,"wipe":\3}/; s/"reward":null,//' \
    "$TEST_TMPDIR/task.txt" >"$TEST_TMPDIR/in.jsonl"
expect 0 "$MODULON" simulate "$TEST_TMPDIR/run" --seed 5 --inputs "$TEST_TMPDIR/in.jsonl"
cmp <(head -n 39 "$TEST_TMPDIR/task.txt") <(head -n 39 "$TEST_TMPDIR/out.txt")

printf '1,0,0,0\n0,0.5,0,-1\n' >"$TEST_TMPDIR/in.csv"
expect 0 "$MODULON" simulate "$TEST_TMPDIR/run" --inputs "$TEST_TMPDIR/in.csv"
[ "$(wc -l <"$TEST_TMPDIR/out.txt")" -eq 2 ] || fail "CSV"
grep -qF '"obs":[0,0.5,0,-1]' "$TEST_TMPDIR/out.txt" || fail "CSV values"
refused() { # LINE WORDS
    printf '%s\n' '1,0,0,0' "$1" >"$TEST_TMPDIR/in.csv"
    expect 2 "$MODULON" simulate "$TEST_TMPDIR/run" --inputs "$TEST_TMPDIR/in.csv"
    says "in.csv: line 2: $2"
}
refused '1,0,0' "the observation"
refused '1,0,0,0,0' "the observation"
refused '1,0,0,nan' "the observation"
refused '1,0,0,1e9' "the observation"
refused '{"obs":[1,0,0,0],"teach":3}' "teach"
refused '{"obs":[1,0,0,0],"rewards":3}' "unknown key"
refused '{"reward":1}' "obs is missing"
refused '{"obs":[1,0,0,0]' "not a JSON object"
