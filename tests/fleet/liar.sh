# Two liars among two honest workers: one turns one bit of a fitness in each result, the other one bit of a segment.
# Both are convicted in the ledger, forfeit what they had, and are named by an audit; the honest are paid, and the
# champion is the one that evolves on one machine alone.
. tests/fleet/lib.bash
cd "$TEST_TMPDIR"
experiment small.json 10 20
want=$(evolved small.json alone)
coordinator ledger small.json --listen tcp://$TEST_HOST:0 --admission open:0 --lease-ms 500 --once
worker slow "$address" --throttle 10
worker steady "$address" --throttle 10
"$FLEET/crowd" "$address" small.json 2 60 liars 2 >liars.txt 2>liars.err || fail "liars: $(cat liars.err)"
[ "$(grep -c '^banned ' liars.txt)" -eq 2 ] || fail "not both were banned: $(cat liars.txt)"
"$MODULON" workers --data ledger --json >workers.out || fail "no list of workers"
ends "$pid"
[ "$code" -eq 0 ] || fail "the coordinator ended with $code"
[ "$(digest_of ledger/champion.safetensors)" = "$want" ] || fail "another champion"

# The rules hold, verdicts and credit among them; who computes everything again notes the two, and only them, and finds
# nothing that the ledger does not say itself.
"$MODULON" audit ledger --vkey "$vkey" --tier rules --quiet --json >rules.out || fail "audit: $(cat rules.out)"
code=0
"$MODULON" audit ledger --vkey "$vkey" --full --quiet --json >audit.out || code=$?
[ "$code" -eq 0 ] || fail "audit: $code, $(cat audit.out)"
grep -q '"findings":\[\]' audit.out || fail "findings: $(cat audit.out)"
grep -o '"culprit":"[^"]*"' audit.out | sed 's/.*:"\(.*\)"/banned \1/' | sort -u >culprits.txt
grep '^banned ' liars.txt | sort | cmp -s - culprits.txt || fail "the audit names $(cat culprits.txt)"

# worker_of FILE KEY: the object of that key in a list of workers or credits.
worker_of() { grep -o "{\"key\":\"$2\"[^}]*}" "$1" || fail "$2 is not in $1"; }
while read -r _ key; do
    credit=$(worker_of audit.out "$key")
    [[ $credit == *'"updates":"0"'* ]] || fail "a liar is paid: $credit"
    [[ $credit =~ \"convicted\":[1-9] ]] || fail "the audit does not convict: $credit"
    [[ $(worker_of workers.out "$key") =~ \"convicted\":\"[1-9] ]] || fail "workers: $(worker_of workers.out "$key")"
    grep -aq "\"event\":\"verdict\".*${key:0:8}" ledger.out || fail "the log does not name $key"
done < <(grep '^banned ' liars.txt)
honest=0
for credit in $(grep -o '{"key":"[^}]*"convicted":0[,}]' audit.out); do
    [[ $credit == *'"updates":"0"'* ]] && fail "an honest worker is not paid: $credit"
    honest=$((honest + 1))
done
[ "$honest" -eq 2 ] || fail "$honest honest workers"
receipts_hold ledger slow steady
echo "two liars convicted, two workers paid; champion $want"
