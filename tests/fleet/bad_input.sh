# A hostile client says everything that may not be said; each gets the named answer, the log is not flooded, and an
# honest worker beside it finishes.
. tests/fleet/lib.bash
cd "$TEST_TMPDIR"
experiment small.json 80 30
want=$(evolved small.json alone)
coordinator ledger small.json --listen tcp://$TEST_HOST:0 --admission open:8 --lease-ms 50 --once
worker honest "$address" --throttle 3
reaches ledger 1
"$FLEET/hostile" "$address" >hostile.out 2>hostile.err &
hostile=$!
ours+=("$hostile")
while kill -0 "$hostile" 2>/dev/null; do # half of the experiment at most: the rest is for afterwards
    [ "$(generation ledger)" -lt 40 ] || kill -STOP "$worker_pid"
    sleep 0.1
done
wait "$hostile" || fail "hostile: $(cat hostile.err)"
[ "$(generation ledger)" -lt 80 ] || fail "the honest worker was not beside it: the experiment is too short"
kill -CONT "$worker_pid"
kill -TERM "$worker_pid"
worker quick "$address"
ends "$pid"
[ "$code" -eq 0 ] || fail "the coordinator ended with $code"
[ "$(digest_of ledger/champion.safetensors)" = "$want" ] || fail "another champion"
audited ledger "$vkey"
receipts_hold ledger honest quick

# What was said three times over, on three connections, within a minute, is logged once: per peer, and once per key.
lines=$(grep -ac '"event":"\(bad_\|unknown\|wrong\|oversize\|rate_\|no_session\)' ledger.out || true)
[ "$lines" -gt 0 ] || fail "refusals are not logged"
grep -a '"event":' ledger.out | grep -av '"event":"\(listening\|admit\|bye\|generation\|equivocation\|expire\)"' |
    sed 's/.*"event":"\([^"]*\)","who":"\([^":]*\)[^"]*".*/\1 \2/' | sort | uniq -c | sort -rn >often.txt
worst=$(head -n 1 often.txt)
[ "${worst%% [a-z]*}" -le $((1 + SECONDS / 60)) ] || fail "logged more than once within a minute: $worst"
echo "$(wc -l <hostile.out) answers as expected, $lines lines in the log; champion $want"
