# Killed at any instant and started again: the same champion bytes as undisturbed.
source tests/cli/lib.bash
RANDOM=20
small_experiment "$TEST_TMPDIR/x.json" 400
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$TEST_TMPDIR/whole" --threads 2 --quiet

run=$TEST_TMPDIR/killed
kills=0
for attempt in 1 2 3 4 5 6 7 8 9 10 11 12; do
    "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$run" --threads 2 --save-every 0.02 --quiet >"$TEST_TMPDIR/killed.txt" 2>&1 &
    child=$!
    # Instants from 0 to 0.5 s; stop early by a signal that saves at every third.
    sleep "0.$(printf '%03d' $((RANDOM % 500)))"
    if [ $((attempt % 3)) -eq 0 ]; then
        kill -TERM "$child" 2>/dev/null || true
    elif kill -KILL "$child" 2>/dev/null; then
        kills=$((kills + 1))
    fi
    wait "$child" 2>/dev/null || true
done
[ "$kills" -gt 0 ] || fail "nothing was killed"
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$run" --threads 1 --quiet
for file in champion.safetensors champion.json state.bin; do
    cmp "$TEST_TMPDIR/whole/$file" "$run/$file"
done
[ "$(wc -l <"$run/log.jsonl")" -eq 400 ] || fail "log.jsonl has not a line for each generation"
echo "$kills kills"
