# SIGTERM and SIGINT, idle and busy: status 0 without waiting for the work under way, nothing left running, no result lost.
source tests/operator/lib.bash
experiment x.json 20 200

# ---- idle: a coordinator without workers, a worker of a paused coordinator ----
for signal in TERM INT; do
    coordinator idle x.json --http $TEST_HOST:0
    kill -$signal "$pid"
    ends "$pid" 0
    [ ! -e idle/admin.sock ] || fail "admin.sock is left"
done
coordinator idle x.json
expect 0 "$MODULON" pause --data idle
worker a "$address"
wait_for grep -q "the coordinator is paused" a.err
kill "$worker_pid"
ends "$worker_pid" 0
grep -q "modulon: worker: " a.err || fail "the worker left without a word"
worker a "tcp://127.0.0.1:1#${address#*#}" # nobody there
wait_for grep -q "127.0.0.1:1" a.err
kill "$worker_pid"
ends "$worker_pid" 0
kill "$pid"
ends "$pid" 0

# ---- busy, both; and a job of an hour ----
experiment long.json 2 10000
sed -i 's/"episodes": 2/"episodes": 4000/' long.json
coordinator long long.json
worker b "$address"
wait_for at_least long jobs_leased 1
sleep 0.3
kill "$worker_pid"
ends "$worker_pid" 0
wait_for is long jobs_leased 0
expect 0 "$MODULON" ledger show long
grep -q "expire .*the worker said goodbye" out.txt || fail "its lease ended otherwise: $(grep expire out.txt)"
worker b "$address"
wait_for at_least long jobs_leased 1
kill "$pid"
ends "$pid" 0
kill "$worker_pid"
ends "$worker_pid" 0

# ---- the coordinator goes while the worker computes: the outbox keeps the result over both their ends ----
experiment y.json 2 10000
sed -i 's/"episodes": 2/"episodes": 6/' y.json
coordinator y y.json --once
at=${address%#*}
worker c "$address"
wait_for at_least y jobs_leased 1
kill "$pid"
ends "$pid" 0
kept() { [ -n "$(ls c/outbox)" ]; }
wait_for kept
kill "$worker_pid"
ends "$worker_pid" 0
kept || fail "the outbox is empty"
lease=$(ls c/outbox | sed -n 1p | sed 's/^[0-9a-f]*-\([0-9]*\)-.*/\1/')
expect 0 "$MODULON" ledger show y --json
! grep -q '"type":"result"' out.txt || fail "there was a result already"
coordinator y y.json --listen "$at" --once
worker c "$at#${address#*#}"
wait_for at_least y results 1
kept && fail "the outbox was not delivered"
expect 0 "$MODULON" ledger show y --json
grep '"type":"result"' out.txt | grep "\"lease\":\"$lease\"" >/dev/null || fail "the result of lease $lease is lost"
kill "$worker_pid"
ends "$worker_pid" 0
kill "$pid"
ends "$pid" 0
expect 0 "$MODULON" audit y --vkey "$vkey" --full --quiet

# ---- modulon run: its children end with it ----
"$MODULON" run x.json --out fleet --workers 2 --quiet --no-audit --no-eval >run.out 2>run.err &
run=$!
ours+=($run)
wait_for test -s fleet/ledger/log.vkey
wait_for grep -q accepted fleet/worker-0.log
children=$(cat /proc/$run/task/*/children 2>/dev/null || pgrep -P $run)
[ "$(wc -w <<<"$children")" -eq 3 ] || fail "not three children: $children"
kill $run
ends $run 0
for child in $children; do
    gone "$child" 2>/dev/null || fail "child $child is left: $(tr '\0' ' ' <"/proc/$child/cmdline")"
done
grep -q "stopped; to go on" run.err || fail "it does not say how to go on: $(cat run.err)"
expect 0 "$MODULON" run x.json --out fleet --workers 2 --quiet --no-eval
[ "$(digest_of fleet/ledger/champion.safetensors)" = "$(evolved x.json)" ] || fail "another champion"
