# The champion's bytes depend neither on the number of threads nor on the directory.
source tests/cli/lib.bash
small_experiment "$TEST_TMPDIR/x.json"
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$TEST_TMPDIR/one" --threads 1 --quiet
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$TEST_TMPDIR/two" --threads 2 --quiet --json
grep -q '"done":true' "$TEST_TMPDIR/out.txt" || fail "no JSON result"
for file in champion.safetensors champion.json state.bin experiment.json; do
    cmp "$TEST_TMPDIR/one/$file" "$TEST_TMPDIR/two/$file"
done
cmp "$TEST_TMPDIR/x.json" "$TEST_TMPDIR/one/experiment.json"
[ "$(wc -l <"$TEST_TMPDIR/one/log.jsonl")" -eq 8 ] || fail "log.jsonl has not a line for each generation"

# Stopped on purpose and gone on with, on other threads: the same.
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$TEST_TMPDIR/three" --threads 2 --stop-after 2 --quiet
[ ! -e "$TEST_TMPDIR/three/champion.safetensors" ] || fail "a champion before any validation"
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$TEST_TMPDIR/three" --threads 1 --stop-after 5 --quiet
# The log may be ahead of the state, its last line torn, after a kill.
head -n 1 "$TEST_TMPDIR/three/log.jsonl" | sed 's/"generation":0/"generation":5/' >>"$TEST_TMPDIR/three/log.jsonl"
printf '{"generation":6,"isl' >>"$TEST_TMPDIR/three/log.jsonl"
expect 0 "$MODULON" evolve "$TEST_TMPDIR/three/experiment.json" --out "$TEST_TMPDIR/three" --quiet
cmp "$TEST_TMPDIR/one/champion.safetensors" "$TEST_TMPDIR/three/champion.safetensors"
without_seconds() { sed 's/,"seconds":.*//' "$1"; }
cmp <(without_seconds "$TEST_TMPDIR/one/log.jsonl") <(without_seconds "$TEST_TMPDIR/three/log.jsonl")

# Another seed is another experiment with another champion, also under --seed.
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$TEST_TMPDIR/seed" --seed 12 --generations 3 --quiet
cmp -s "$TEST_TMPDIR/one/champion.safetensors" "$TEST_TMPDIR/seed/champion.safetensors" && fail "the seed changed nothing"
[ "$(wc -l <"$TEST_TMPDIR/seed/log.jsonl")" -eq 3 ] || fail "--generations changed nothing"
expect 2 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$TEST_TMPDIR/seed" --quiet
says "is another experiment"
