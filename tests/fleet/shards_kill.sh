# kill -9 of workers and of the coordinator while shards play: the champion stays the same, the audit is clean, and the
# windows that had to be played again are told. 3 kills of workers and 1 of the coordinator; nightly 40 and 8.
. tests/fleet/lib.bash
. tests/fleet/shards.bash
cd "$TEST_TMPDIR"
kills=4
[ "$long" = 1 ] && kills=48
RANDOM=${FLEET_SEED:-20261122}
generations=$((2 * kills)) population=4 trials=40 states=8 neurons=40
sharded long.json hmn 4 4
want=$(evolved long.json alone)
coordinator ledger long.json --listen tcp://127.0.0.1:0 --admission open:0 --once --quiet
listen=$url
for w in 0 1 2; do
    worker w$w "$address" --throttle 10
    worker_pids[w]=$worker_pid
done
played=0 windows=0
# count: windows of the present coordinator so far, and those played again.
count() {
    local text
    text=$("$MODULON" status --data ledger --json 2>/dev/null) || return 0
    now_played=$(sed -n 's/.*"windows_replayed":"\{0,1\}\([0-9]*\).*/\1/p' <<<"$text")
    now_windows=$(sed -n 's/.*"windows":"\{0,1\}\([0-9]*\).*/\1/p' <<<"$text")
}
for ((k = 1; k <= kills; k++)); do
    # Each kill comes in a generation of its own, and in the middle of it.
    for _ in $(seq 600); do
        [ "$(generation ledger || echo 0)" -ge $((2 * k - 2)) ] && break
        sleep 0.1
    done
    sleep "0.$((RANDOM % 10))"
    kill -0 "$pid" 2>/dev/null || break
    count
    if [ $((k % 4)) -eq 0 ]; then
        played=$((played + ${now_played:-0})) windows=$((windows + ${now_windows:-0}))
        kill -9 "$pid"
        wait "$pid" 2>/dev/null || true
        coordinator ledger long.json --listen "$listen" --admission open:0 --once --quiet
        [ "$url" = "$listen" ] || fail "it listens elsewhere: $url"
    else
        w=$((RANDOM % 3))
        kill -9 "${worker_pids[w]}" 2>/dev/null || true
        wait "${worker_pids[w]}" 2>/dev/null || true
        worker w$w "$address" --throttle 10
        worker_pids[w]=$worker_pid
    fi
done
worker helper "$address"
for _ in $(seq $((60 + 10 * kills))); do
    kill -0 "$pid" 2>/dev/null || break
    count
    sleep 0.5
done
ends "$pid" 60
[ "$code" -eq 0 ] || fail "the coordinator ended with $code: $(tail -n 3 ledger.err)"
[ "$(digest_of ledger/champion.safetensors)" = "$want" ] || fail "another champion"
joined ledger
audited ledger "$vkey"
played=$((played + ${now_played:-0})) windows=$((windows + ${now_windows:-0}))
[ "$k" -gt "$kills" ] || fail "only $k of $kills kills came before the end: the experiment is too short"
echo "$kills kills; $jobs jobs; $played of $windows windows played again; champion $want"
