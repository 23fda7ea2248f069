# kill -9 of workers and of the coordinator while shards play: the champion stays the same, the audit is clean, and the
# windows that had to be played again are told: those that whoever took a shard over played silently, and those of jobs
# that were not over when the coordinator was killed. 3 kills of workers and 1 of the coordinator; nightly 36 and 12.
. tests/fleet/lib.bash
. tests/fleet/shards.bash
cd "$TEST_TMPDIR"
kills=4
[ "$long" = 1 ] && kills=48
RANDOM=${FLEET_SEED:-20261122}
generations=$((2 * kills)) population=4 trials=40 states=8 neurons=40
sharded long.json hmn 4 4
want=$(evolved long.json alone)
coordinator ledger long.json --listen tcp://$TEST_HOST:0 --admission open:0 --once --quiet
listen=$url
for w in 0 1 2; do
    worker w$w "$address" --throttle 10
    worker_pids[w]=$worker_pid
done
shards=4 played=0 lost=0
number() { sed -n 's/.*"'"$1"'":"\{0,1\}\([0-9]*\).*/\1/p' <<<"$text"; }
# count: windows of the present coordinator that one shard played again, and whole ones of jobs that are not over.
count() {
    local text
    text=$("$MODULON" status --data ledger --json 2>/dev/null) || return 0
    now_played=$(number windows_replayed)
    now_open=$(number windows_open)
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
        played=$((played + ${now_played:-0})) lost=$((lost + ${now_open:-0})) now_played=0
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
ends "$pid"
[ "$code" -eq 0 ] || fail "the coordinator ended with $code: $(tail -n 3 ledger.err)"
[ "$(digest_of ledger/champion.safetensors)" = "$want" ] || fail "another champion"
joined ledger
audited ledger "$vkey"
played=$((played + ${now_played:-0}))
[ "$k" -gt "$kills" ] || fail "only $k of $kills kills came before the end: the experiment is too short"
# A window of a shard is as many updates wherever it is played: whole windows follow from them.
updates=$(sed -n 's/.*"type":"joined".*"updates":"\([0-9]*\)".*/\1/p' shown.txt | awk '{ sum += $1 } END { printf "%.0f", sum }')
window=$(sed -n 's/.*"type":"shardresult".*"shard":\([0-9]*\),"windows":\([0-9]*\),.*"updates":"\([0-9]*\)".*/\1 \2 \3/p' \
    shown.txt | awk '{ of[$1] = $3 / $2 } END { for (s in of) sum += of[s]; printf "%.0f", sum }')
windows=$((updates / window))
again=$((played + lost * shards)) all=$((windows * shards))
echo "$kills kills; $jobs jobs of $windows windows in $shards shards; played again: $played windows of shards by who" \
    "took them over, $lost whole ones with the coordinator: $((1000 * again / all)) in 1000; champion $want"
