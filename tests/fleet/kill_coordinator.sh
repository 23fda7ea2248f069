# kill -9 of the coordinator at random instants (seeded), and now and then of a worker, until the experiment ends.
# Whatever a worker has a receipt for is in the final ledger, at its place; the champion is the same bytes; the
# audit is clean. Promise P3. 10 kills, nightly 200.
. tests/fleet/lib.bash
cd "$TEST_TMPDIR"
kills=${FLEET_KILLS:-10}
[ "$long" = 1 ] && kills=${FLEET_KILLS:-200}
RANDOM=${FLEET_SEED:-20260701}
each=12 # generations a kill
generations=$((kills * each))
experiment long.json $generations 40
want=$(evolved long.json alone)

coordinator ledger long.json --listen tcp://$TEST_HOST:0 --admission open:0 --lease-ms 50 --once --quiet
listen=$url
# Slow enough to be there for every kill.
for w in 0 1 2; do
    worker w$w "$address" --throttle 4
    worker_pids[w]=$worker_pid
done
done=0 during=0
while [ $done -lt $kills ]; do
    # From the first record on, or in the middle of the work, at once when a fast machine is ahead of the kills; workers
    # come back within about a second.
    wait_ms=$((RANDOM % 2 * 1000 + RANDOM % 1000))
    sleep "$(printf '0.%03d' $((wait_ms % 50)))"
    for ((; wait_ms >= 50; wait_ms -= 50)); do
        [ "$(generation ledger || echo 0)" -lt $(((done + 1) * each - 3)) ] || break
        sleep 0.05
    done
    kill -0 "$pid" 2>/dev/null || break
    before=$(generation ledger || echo 0)
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || true
    done=$((done + 1))
    [ "$before" -lt "$generations" ] && during=$((during + 1))
    if [ $((RANDOM % 3)) -eq 0 ]; then
        w=$((RANDOM % 3))
        kill -9 "${worker_pids[w]}" 2>/dev/null || true
        wait "${worker_pids[w]}" 2>/dev/null || true
        worker w$w "$address" --throttle 4
        worker_pids[w]=$worker_pid
    fi
    coordinator ledger long.json --listen "$listen" --lease-ms 50 --once --quiet --admission open:0
    [ "$url" = "$listen" ] || fail "it listens elsewhere: $url"
done
[ $during -ge $((kills * 8 / 10)) ] || fail "only $during of $kills kills came before the end: the experiment is too short"
worker helper "$address" # without a brake, to the end
ends "$pid"
[ "$code" -eq 0 ] || fail "the coordinator ended with $code: $(tail -n 3 ledger.err)"
for w in 0 1 2; do
    kill -TERM "${worker_pids[w]}" 2>/dev/null || true
    ends "${worker_pids[w]}"
    [ "$code" -ne 1 ] || fail "worker $w says that the coordinator lied: $(tail -n 2 w$w.err)"
done
got=$(digest_of ledger/champion.safetensors)
[ "$got" = "$want" ] || fail "after $done kills: champion $got, alone $want"
audited ledger "$vkey"
receipts_hold ledger w0 w1 w2 helper
echo "$done kills, $during of them during the work; $receipts receipts, all in the ledger; champion $want"
