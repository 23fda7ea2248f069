# What evolve refuses names the file, or the key with its path, in one line.
source tests/cli/lib.bash
small_experiment "$TEST_TMPDIR/x.json" 4
bad=$TEST_TMPDIR/bad.json
expect 2 "$MODULON" evolve "$TEST_TMPDIR/none.json"
says "none.json"
expect 2 "$MODULON" evolve
says "an argument is missing"
expect 2 "$MODULON" evolve "$TEST_TMPDIR/x.json" --nonsense
says "--nonsense"
expect 2 "$MODULON" evolve "$TEST_TMPDIR/x.json" --threads 0
says "allowed: an integer from 1"
expect 2 "$MODULON" evolve "$TEST_TMPDIR"
says "not a regular file"
expect 2 "$MODULON" nonsense
says "nonsense"
sed 's/"population": 8 } ]/"population": 7 } ]/' "$TEST_TMPDIR/x.json" >"$bad"
expect 2 "$MODULON" evolve "$bad" --out "$TEST_TMPDIR/bad"
says "bad.json: evolution.islands[1].population is 7"
sed 's/"seed"/"sede"/' "$TEST_TMPDIR/x.json" >"$bad"
expect 2 "$MODULON" evolve "$bad" --out "$TEST_TMPDIR/bad"
says "sede"
head -c 100 "$TEST_TMPDIR/x.json" >"$bad"
expect 2 "$MODULON" evolve "$bad" --out "$TEST_TMPDIR/bad"
says "bad.json"
[ ! -e "$TEST_TMPDIR/bad" ] || fail "a refused experiment left a directory"

# A state with a changed bit, or cut off, is refused and named, and left as it is.
run=$TEST_TMPDIR/run
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$run" --stop-after 2 --quiet
cp "$run/state.bin" "$TEST_TMPDIR/state.bin"
size=$(wc -c <"$run/state.bin")
for at in 0 20 70 $((size / 2)) $((size - 1)); do
    cp "$TEST_TMPDIR/state.bin" "$run/state.bin"
    byte=$(od -An -tu1 -j "$at" -N 1 "$run/state.bin")
    printf "$(printf '\\%03o' $((byte ^ 4)))" | dd of="$run/state.bin" bs=1 seek="$at" conv=notrunc status=none
    expect 2 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$run" --quiet
    says "state.bin"
done
head -c $((size / 2)) "$TEST_TMPDIR/state.bin" >"$run/state.bin"
expect 2 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$run" --quiet
says "state.bin"
cp "$TEST_TMPDIR/state.bin" "$run/state.bin"
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$run" --quiet

# Two at once on one directory: the second is refused.
small_experiment "$TEST_TMPDIR/long.json" 100000
"$MODULON" evolve "$TEST_TMPDIR/long.json" --out "$TEST_TMPDIR/busy" --threads 1 --quiet >"$TEST_TMPDIR/long.txt" 2>&1 &
child=$!
wait_for test -s "$TEST_TMPDIR/busy/log.jsonl"
expect 2 "$MODULON" evolve "$TEST_TMPDIR/long.json" --out "$TEST_TMPDIR/busy" --quiet
says "in use"
kill -INT "$child" || true
kill -TERM "$child" || true
wait "$child" || true
