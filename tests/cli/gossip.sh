# A coordinator that shows two workers two ledgers: their operators let each other read the newest checkpoint, and one of
# them comes home with a file that convicts it. With one ledger nothing is found.
. tests/cli/lib.bash
cd "$TEST_TMPDIR"
small_experiment small.json 3000
work() { # KEY DATA OPTIONS...
    timeout "$patience" "$MODULON" worker --coordinator "$address" --key "$1" --data "$2" --threads 1 "${@:3}" \
        >worker.out 2>worker.err
}
shown() { ls "$1"/receipts/*/checkpoint; }

# One coordinator; its directory is copied, and the copy goes on with the same keys.
start_coordinator one small.json --data c1 --quiet
"$MODULON" keygen --out a.key >/dev/null
"$MODULON" keygen --out b.key >/dev/null
kill -TERM "$pid" && wait "$pid" || true
cp -r c1 c2
start_coordinator one small.json --data c1 --quiet
work a.key a --once || fail "worker a: $(tail -n 3 worker.err)"
# A worker of the same ledger, which hears of that: nothing is found, whatever else lies in the directory.
mkdir notes && cp "$(shown a)" notes/a && echo nonsense >notes/nonsense
"$MODULON" worker --coordinator "$address" --key b.key --data b --threads 1 --gossip notes --gossip-every 1 \
    >worker.out 2>worker.err &
listener=$!
ours+=("$listener")
wait_for grep -q "of the same history as ours" worker.err
kill -TERM "$listener" && wait "$listener" || true
[ -z "$(ls b/receipts/*/*.fraud 2>/dev/null)" ] || fail "an honest ledger is accused"
[ -s "$(ls b/receipts/*/checkpoint-held)" ] || fail "nothing is held"
kill -TERM "$pid" && wait "$pid" || true

# The other ledger, to another worker, which hears of what the first was shown.
start_coordinator two small.json --data c2 --quiet
code=0
work b.key d --gossip "$(shown a)" --gossip-every 1 || code=$?
[ "$code" = 1 ] || fail "it ended with $code: $(tail -n 3 worker.err)"
grep -q "has two histories" worker.err || fail "no reason: $(tail -n 3 worker.err)"
proof=$(ls d/receipts/*/fork-*.fraud)
expect 0 "$MODULON" verify-proof "$proof" --vkey "$vkey"
# And the worker of the first one, from its own directory, by what it held.
code=0
work a.key a --gossip-every 1 || code=$?
[ "$code" = 1 ] || fail "it ended with $code: $(tail -n 3 worker.err)"
grep -qE "two histories|has fewer|does not show" worker.err || fail "no reason: $(tail -n 3 worker.err)"
