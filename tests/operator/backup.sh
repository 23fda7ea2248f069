# Copies of a coordinator's directory: of a paused one, of a busy one, of a finished one.
source tests/operator/lib.bash
experiment x.json 10 200
champion=$(evolved x.json)

# ---- moving house: pause, copy, stop, go on elsewhere ----
coordinator home x.json --lease-ms 100
first_key=$vkey
worker a "$address" --throttle 40
a=$worker_pid
wait_for at_least home generation 3
expect 0 "$MODULON" coordinator backup --data home --to busy # for later
expect 0 "$MODULON" pause --data home "moving house"
wait_for is home jobs_leased 0
expect 0 "$MODULON" coordinator backup --data home --to moved
grep -q "moved is a copy of home" out.txt || fail "it says: $(cat out.txt)"
for key in coordinator.key log.key; do
    cmp home/$key moved/$key || fail "another $key"
    [ "$(stat -c %a moved/$key)" = 600 ] || fail "$key is $(stat -c %a moved/$key)"
done
expect 0 "$MODULON" ledger checkpoint moved
cp out.txt moved.checkpoint
cmp moved.checkpoint <("$MODULON" ledger checkpoint home) || fail "another checkpoint"
expect 0 "$MODULON" audit moved --vkey "$first_key" --quiet
expect 2 "$MODULON" coordinator backup --data home
expect 2 "$MODULON" coordinator backup --data nowhere --to x
[ ! -e x/coordinator.key ] || fail "keys of nothing were copied"

expect 2 timeout "$patience" "$MODULON" coordinator --data moved --listen tcp://$TEST_HOST:0
says "the log would fork"
says "--take-over"
cmp moved.checkpoint <("$MODULON" ledger checkpoint moved) || fail "a refused start has changed the copy"
kill "$pid"
ends "$pid" 0
kill "$a"
ends "$a" 0
coordinator moved x.json --take-over --http $TEST_HOST:0 --admission open:0
[ "$vkey" = "$first_key" ] || fail "another log"
in_state moved paused || fail "the pause was forgotten"
expect 0 "$MODULON" resume --data moved
worker a "$address"
wait_for in_state moved ended
ends "$worker_pid" 0
wait_for test -s moved/champion.safetensors
[ "$(digest_of moved/champion.safetensors)" = "$champion" ] || fail "another champion"
expect 0 "$MODULON" audit moved --vkey "$first_key" --checkpoint moved.checkpoint --sample 0.2 --quiet
expect 0 "$MODULON" ledger checkpoint home
cp out.txt home.checkpoint
expect 0 "$MODULON" audit "$url" --vkey "$first_key" --checkpoint home.checkpoint --sample 0 --quiet
expect 0 "$MODULON" worker statement --data a --ledger moved
kill "$pid"
ends "$pid" 0
coordinator moved x.json # once taken over it is an original
kill "$pid"
ends "$pid" 0

# ---- a copy of a busy one is sound; going on from it after the original went on forks the log, and it shows ----
expect 0 "$MODULON" audit busy --vkey "$first_key" --sample 0.2 --quiet
expect 0 "$MODULON" ledger checkpoint busy
cp out.txt busy.checkpoint
expect 0 "$MODULON" audit moved --vkey "$first_key" --checkpoint busy.checkpoint --sample 0 --quiet
expect 1 "$MODULON" audit busy --vkey "$first_key" --checkpoint home.checkpoint --sample 0 --quiet
coordinator busy x.json --take-over --lease-ms 100
worker b "$address"
wait_for in_state busy ended
ends "$worker_pid" 0
wait_for test -s busy/champion.safetensors
kill "$pid"
ends "$pid" 0
[ "$(digest_of busy/champion.safetensors)" = "$champion" ] || fail "another champion"
expect 0 "$MODULON" audit busy --vkey "$first_key" --checkpoint busy.checkpoint --sample 0 --quiet
expect 1 "$MODULON" audit busy --vkey "$first_key" --checkpoint home.checkpoint --sample 0 --quiet
grep -qi "fork\|checkpoint" out.txt || fail "the fork is not named: $(cat out.txt)"

# ---- a finished one ----
expect 0 "$MODULON" coordinator backup --data moved --to finished
expect 0 "$MODULON" audit finished --vkey "$first_key" --checkpoint home.checkpoint --sample 0.1 --quiet --json
grep -q '"ended":true' out.txt || fail "the copy has not ended"
cmp <("$MODULON" ledger checkpoint finished) <("$MODULON" ledger checkpoint moved) || fail "another checkpoint"
# Onto another log's directory: refused, and that one is untouched.
expect 0 "$MODULON" ledger checkpoint busy
cp out.txt before
"$MODULON" coordinator backup --data moved --to busy >out.txt 2>err.txt && fail "a copy over another log"
cmp before <("$MODULON" ledger checkpoint busy) || fail "another log was overwritten"
[ ! -e busy/COPY ] || fail "the refused copy has marked an original as a copy"
