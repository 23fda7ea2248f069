# Two liars among two honest workers, all trusted from the beginning, and every unit drawn: answers that differ are taken
# apart over the wire. One liar tells a story from some window of a life on and stands by it, the other one's rows do not
# add up to what it answered. Both are convicted, by judgements or where nobody answered in time by verdicts, and an audit
# that does everything again, the last steps too, agrees. What each lie is judged to be: test_logic_dispute.
. tests/fleet/lib.bash
cd "$TEST_TMPDIR"
experiment small.json 6 20
sed -i 's|^    "test_episodes"|    "verification": {"floor_ppm": 1000000, "plant_ppm": 0, "probation": 0, "selected": 0, "dispute": 1},\n    "test_episodes"|' small.json
coordinator ledger small.json --listen tcp://$TEST_HOST:0 --admission open:0 --lease-ms 3000 --once
worker slow "$address" --throttle 50
worker steady "$address" --throttle 50
"$FLEET/crowd" "$address" small.json 2 60 liars 2 >liars.txt 2>liars.err || fail "liars: $(cat liars.err)"
[ "$(grep -c '^banned ' liars.txt)" -eq 2 ] || fail "not both were banned: $(cat liars.txt)"
ends "$pid"
[ "$code" -eq 0 ] || fail "the coordinator ended with $code"
judged=$(grep -ac '"event":"judgement"' ledger.out) || fail "no judgement: $(grep -a dispute ledger.out)"
code=0
"$MODULON" audit ledger --vkey "$vkey" --full --quiet --json >audit.out || code=$?
grep -q "\"judgements\":$judged," audit.out || fail "$judged judgements; the audit saw $(grep -o '"judgements":[0-9]*' audit.out)"
while read -r _ key; do
    grep -o "{\"key\":\"$key\"[^}]*}" audit.out | grep -q '"convicted":[1-9]' || fail "$key is not convicted"
done < <(grep '^banned ' liars.txt)
[ "$(grep -o '"convicted":0[,}]' audit.out | wc -l)" -eq 2 ] || fail "somebody honest was convicted"
# What the liars slipped in before is corrected, or named by the audit; nothing else is false.
grep -o '"culprit":"[^"]*"' audit.out | sed 's/.*:"\(.*\)"/banned \1/' | sort -u >culprits.txt
grep '^banned ' liars.txt | sort | cmp -s - culprits.txt || fail "the audit names $(cat culprits.txt), exit $code"
echo "$judged judgements; $(grep 'moves in disputes' liars.txt); two liars convicted"
