# What --dry-run says an experiment will cost is what it costs: jobs and lives exactly, updates within a fifth.
source tests/operator/lib.bash

# near A B PERCENT
near() { awk -v a="$1" -v b="$2" -v p="$3" 'BEGIN { d = a - b; exit !(b > 0 && (d < 0 ? -d : d) * 100 <= p * b) }'; }

experiment short.json 6
# Too long to be run whole: its first lives stand for the others.
sed 's/"tmaze", "trials": 20/"cue"/; s/"neurons": 4/"neurons": 8/; s/"episodes": 2/"episodes": 4/' short.json >long.json
for x in short long; do
    expect 0 "$MODULON" coordinator $x.json --dry-run --json --workers 2
    [ "$(wc -l <out.txt)" -eq 1 ] || fail "not one line"
    cp out.txt plan.json
    expect 0 "$MODULON" evolve $x.json --out alone-$x --json --quiet
    planned=$(number updates plan.json)
    spent=$(number updates out.txt)
    near "$planned" "$spent" 20 || fail "$x: $planned updates were announced, $spent were spent"
done

# A real fleet of two: jobs, leases, bytes.
expect 0 "$MODULON" coordinator short.json --dry-run --json --workers 2
cp out.txt plan.json
coordinator run short.json --once
worker a "$address"
first=$worker_pid
worker b "$address"
ends "$first" 0
ends "$worker_pid" 0
ends "$pid" 0
expect 0 "$MODULON" ledger show run --json
[ "$(number generations plan.json)" -eq 6 ] || fail "not 6 generations"
jobs=$(grep '"type":"close"' out.txt | grep -o '"jobs":[0-9]*' | cut -d: -f2 | awk '{ n += $1 } END { print n }')
[ "$(number jobs plan.json)" = "$jobs" ] || fail "$(number jobs plan.json) jobs announced, $jobs run"
credit=$(grep '"type":"credit"' out.txt | grep -o '"updates":"[0-9]*"' | cut -d'"' -f4 | awk '{ n += $1 } END { print n }')
near "$(number updates plan.json)" "$credit" 20 || fail "credited $credit: $(cat plan.json)"
near "$(number ledger_bytes plan.json)" "$(grep -o '"bytes":[0-9]*' out.txt | cut -d: -f2 | awk '{ n += $1 } END { print n }')" 50 ||
    fail "the ledger's size: $(cat plan.json)"

# For people the same; it leaves nothing behind and needs neither --data nor --listen.
expect 0 "$MODULON" coordinator short.json --dry-run --workers 100 --speed 1000000
grep -q "^experiment .*: 6 generations, $jobs jobs" out.txt || fail "no jobs: $(cat out.txt)"
grep -q "^fleet .*100 workers of 1e+06 updates/s" out.txt || fail "no fleet: $(cat out.txt)"
for line in work "this machine" wire ledger; do grep -q "^$line " out.txt || fail "no line $line"; done
expect 0 "$MODULON" coordinator short.json --dry-run --data never
[ ! -e never ] || fail "a dry run made a directory"
expect 2 "$MODULON" coordinator nothing.json --dry-run
says nothing.json
