# The champion is the same bytes whoever computes it: one machine alone; fleets of 1, 2 and 4 workers; short and
# long leases; workers that come, go and die in the middle. Promises P1 and P5.
. tests/fleet/lib.bash
cd "$TEST_TMPDIR"
experiment small.json 6 20
want=$(evolved small.json alone)
[ ${#want} -eq 64 ] || fail "no digest"

# Whole runs, side by side: most of their time they wait.
pids=() names=()
for workers in 1 2 4; do
    for lease in 50 2000; do
        [ "$workers" = 2 ] && [ "$lease" = 2000 ] && [ "$long" = 0 ] && continue
        name=run-$workers-$lease
        "$MODULON" run small.json --out "$name" --workers $workers --lease-ms $lease --full --no-eval --json --quiet \
            >"$name.out" 2>"$name.err" &
        pids+=($!) names+=("$name")
        ours+=($!)
    done
done
for i in "${!pids[@]}"; do
    ends "${pids[i]}"
    [ "$code" -eq 0 ] || fail "${names[i]} ended with $code: $(tail -n 3 "${names[i]}.out")"
    grep -q '"ok":true' "${names[i]}.out" || fail "${names[i]}: no clean audit"
    got=$(digest_of "${names[i]}/ledger/champion.safetensors")
    [ "$got" = "$want" ] || fail "${names[i]}: champion $got, alone $want"
    cmp -s alone/champion.safetensors "${names[i]}/ledger/champion.safetensors" || fail "${names[i]}: another file"
done

# Workers join and leave. Each one is slowed down, so that it lasts.
generations=24
[ "$long" = 1 ] && generations=200
experiment longer.json $generations 60
want=$(evolved longer.json longer-alone)
coordinator ledger longer.json --listen tcp://$TEST_HOST:0 --admission open:0 --lease-ms 50 --once
throttle=12
worker a "$address" --throttle $throttle
a=$worker_pid
worker b "$address" --throttle $throttle
b=$worker_pid
reaches ledger $((generations / 6))
kill -9 "$a"
worker c "$address" --throttle $throttle
reaches ledger $((generations / 3))
kill -TERM "$b"
ends "$b"
[ "$code" -eq 0 ] || fail "a worker asked to leave ended with $code"
worker d "$address" --throttle $throttle
worker a "$address" --throttle $throttle # again, with the key that died
a=$worker_pid
reaches ledger $((generations / 2))
kill -STOP "$a" # it does not answer, and nobody knows why
worker e "$address"
ends "$pid"
[ "$code" -eq 0 ] || fail "the coordinator ended with $code"
kill -CONT "$a"
got=$(digest_of ledger/champion.safetensors)
[ "$got" = "$want" ] || fail "workers came and went: champion $got, alone $want"
audited ledger "$vkey"
receipts_hold ledger a b c d e
echo "same champion $want; workers that came and went hold $receipts receipts, all in the ledger"
