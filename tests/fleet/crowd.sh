# A crowd of connected workers that speak the real protocol, commitments too: 100 for 5 s, nightly 1,000 for 60 s. Every call is
# answered, every receipt is in the ledger, every result computed again; the latencies are printed.
. tests/fleet/lib.bash
cd "$TEST_TMPDIR"
stubs=${FLEET_STUBS:-100} seconds=${FLEET_SECONDS:-5} population=512
[ "$long" = 1 ] && stubs=${FLEET_STUBS:-1000} seconds=${FLEET_SECONDS:-60}
[ "$stubs" -ge 500 ] && population=4096
ulimit -n "$(ulimit -H -n)"
cat >crowd.json <<END
{
    "name": "crowd", "seed": "3",
    "task": { "name": "tmaze", "trials": 4 },
    "network": { "neurons": 4, "ring": "dense" },
    "evolution": {
        "generations": 100000, "episodes": 1, "validate_every": 1000, "validate_episodes": 1,
        "islands": [ { "algorithm": "es", "population": $population } ]
    },
    "test_episodes": 1
}
END
coordinator ledger crowd.json --listen tcp://$TEST_HOST:0 --admission open:0 --lease-ms 20 --quiet
"$FLEET/crowd" "$address" crowd.json "$stubs" "$seconds" crowd >crowd.txt 2>crowd.err || fail "$(cat crowd.err)"
cat crowd.txt
grep -aq '"event":"\(bug\|fatal\|equivocation\)"' ledger.out && fail "$(grep -a '"event":"\(bug\|fatal\|equ\)' ledger.out)"
"$MODULON" status --data ledger
grep '^VmHWM' "/proc/$pid/status" || true
kill -TERM "$pid"
ends "$pid"
[ "$code" -eq 0 ] || fail "the coordinator ended with $code"
receipts_hold ledger crowd
"$MODULON" audit ledger --vkey "$vkey" --full --quiet --json >audit.out || fail "audit: $(cat audit.out)"
echo "$receipts receipts, all in the ledger; audited in full: $(grep -o '"results":[0-9]*' audit.out | head -n 1)"
