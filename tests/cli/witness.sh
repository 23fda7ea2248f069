# Two witnesses and a coordinator: cosigned checkpoints, a policy that asks for them, a witness that is away, one
# that is restarted, a ledger that is rolled back, a fork.
. tests/cli/lib.bash
cd "$TEST_TMPDIR"
small_experiment small.json 3
stop() { kill "$1" && wait "$1" || fail "$2 ended badly"; }
start_witness() { # NAME LISTEN
    rm -f "$1.out"
    "$MODULON" witness --origin-vkey run/log.vkey --listen "$2" --data "$1" --json >"$1.out" 2>>"$1.err" &
    witness=$!
    ours+=("$witness")
    wait_for test -s "$1.out"
}

# The log's key is there once the coordinator has run.
start_coordinator first --data run small.json
vkey=$(field vkey first.out)
stop $pid coordinator
cp -r run early

start_witness w1 $TEST_HOST:0
w1=$witness url1=$(field http w1.out) vkey1=$(field vkey w1.out)
start_witness w2 $TEST_HOST:0
w2=$witness url2=$(field http w2.out) vkey2=$(field vkey w2.out)

# What is asked for wrongly.
expect 2 "$MODULON" witness --listen $TEST_HOST:0 --data w3
says "--origin-vkey is missing"
expect 2 "$MODULON" witness --origin-vkey run/log.vkey --listen $TEST_HOST:0 --data w1
says "another witness"
expect 2 "$MODULON" witness --origin-vkey run/log.vkey --origin-vkey run/log.vkey --listen $TEST_HOST:0 --data w3
says "named twice"
refused=("$MODULON" coordinator --data run --listen tcp://$TEST_HOST:0 --http $TEST_HOST:0 --admission open:1 --quiet)
expect 2 "${refused[@]}" --witness "$url1"
says "no witness"
expect 2 "${refused[@]}" --witness "$url1#$vkey"
says "verifier key of a witness"
expect 2 "${refused[@]}" --witness "$url1#$vkey1" \
    --witness "$url2#$vkey1"
expect 2 "${refused[@]}" --witness "$url1#$vkey1" \
    --quorum 2
says "a quorum of 2"

cat >both.policy <<END
# the log, and both witnesses
log $vkey
witness one $vkey1 $url1
witness two $vkey2 $url2
group both all one two
quorum both
END
sed 's/all one/any one/' both.policy >any.policy

# A fleet with both.
start_coordinator second --data run --witness "$url1#$vkey1" --witness "$url2#$vkey2"
timeout "$patience" "$MODULON" worker --coordinator "$address" --key worker.key --data worker --threads 2 \
    >worker.out 2>worker.err || fail "worker: $(tail -n 5 worker.err)"
sealed() { "$MODULON" audit "$url" --policy "$1" --tier quick --quiet --json >sealed.out 2>&1; }
whole() { sealed both.policy && grep -q '"compared"' sealed.out; }
wait_for whole
expect 0 "$MODULON" audit "$url" --policy both.policy --full --quiet --json --receipts worker
grep -q '"tier":"full"' out.txt && grep -q '"witnesses":{"of":2,"cosigned":2' out.txt || fail "$(cat out.txt)"
grep -q '"receipts":{"checked":[1-9]' out.txt || fail "no receipts: $(cat out.txt)"
# What the witness and the worker were shown lies on its line.
hex=$(printf %s "${vkey%%+*}" | sha256sum | cut -d' ' -f1)
expect 0 "$MODULON" audit "$url" --vkey "$vkey" --tier quick --quiet --json \
    --checkpoint "$url1/$hex/checkpoint" --checkpoint "$url/checkpoint" --checkpoint worker/receipts/*/checkpoint
grep -q '"compared":4' out.txt || fail "not all compared: $(cat out.txt)"
expect 2 "$MODULON" audit "$url" --vkey "$vkey" --tier quick --quiet --checkpoint "$url2/$hex/nothing"
# The directory keeps the cosigned one.
expect 0 "$MODULON" audit run --policy both.policy --tier rules --quiet
grep -q "witnesses   2 of 2 cosigned" out.txt || fail "$(cat out.txt)"
expect 0 "$MODULON" audit run --vkey "$vkey" --tier quick --quiet
grep -q "nothing follows about what they say" out.txt || fail "$(cat out.txt)"
expect 2 "$MODULON" audit run --vkey "$vkey" --tier slow
says "allowed are quick"
expect 2 "$MODULON" audit run --vkey "$vkey" --tier quick --full
printf 'log %s\nquorum all\n' "$vkey" >bad.policy
expect 2 "$MODULON" audit run --policy bad.policy
says "line 2"
stop $pid coordinator

# The other one's monitor shows what was cosigned; a witness that comes back goes on.
stop $w2 witness
start_witness w2 "${url2#http://}"
w2=$witness
[ "$(field vkey w2.out)" = "$vkey2" ] || fail "the witness has another key"

# The ledger as it was before: the witness has seen more. Its checkpoint has no quorum, and required is required.
start_coordinator third --data early --witness "$url1#$vkey1" --witness "$url2#$vkey2" --require-quorum
wait_for grep -q "old copy of the log" third.err
wait_for grep -q "0 of 2 witnesses have cosigned" third.err
expect 2 "$MODULON" audit "$url" --policy both.policy --tier quick --quiet
# It goes on, to a fork of the log: another worker, other records.
timeout "$patience" "$MODULON" worker --coordinator "$address" --key other.key --data other --threads 1 \
    >worker.out 2>worker.err || fail "worker: $(tail -n 5 worker.err)"
wait_for grep -q "forked" third.err
stop $pid coordinator
expect 0 "$MODULON" audit early --vkey "$vkey" --tier rules --quiet # alone it looks honest
# Both of its sides convict it: the witnesses' checkpoint, the first worker's receipts.
expect 1 "$MODULON" audit early --vkey "$vkey" --tier rules --quiet --checkpoint run/witnessed.checkpoint --proofs forked
grep -q "rule FORK\|rule MISSING" out.txt || fail "$(cat out.txt)"
expect 1 "$MODULON" audit early --vkey "$vkey" --tier rules --quiet --receipts worker --proofs proofs
grep -q "rule RECEIPT" out.txt || fail "no receipt was missed: $(cat out.txt)"
for proof in proofs/*.fraud; do
    expect 0 "$MODULON" verify-proof "$proof" --vkey "$vkey" --json
    grep -q '"verdict":"proven"' out.txt || fail "$proof: $(cat out.txt)"
done
ls proofs/dropped-*.fraud proofs/fork-*.fraud >/dev/null || fail "no proof of both kinds: $(ls proofs)"

# One witness away: with K = 1 it is enough, and said; a policy that asks for both is not met.
stop $w2 witness
start_coordinator fourth --data run --witness "$url1#$vkey1" --witness "$url2#$vkey2" --quorum 1
wait_for sealed any.policy
wait_for grep -q "witness .*modulon-witness" fourth.err
stop $pid coordinator
stop $w1 witness

# A damaged state is refused, not overwritten.
state=$(ls w1/*.witness)
sed -i 's/modulon witness v1/modulon witness v2/' "$state"
expect 2 "$MODULON" witness --origin-vkey run/log.vkey --listen $TEST_HOST:0 --data w1
says "made to sign a fork"
