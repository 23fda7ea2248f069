# A small fleet, then its ledger audited from the directory and over HTTP, its proofs checked, and what a
# changed ledger says.
. tests/cli/lib.bash
cd "$TEST_TMPDIR"
small_experiment small.json 4

start_coordinator coordinator small.json --data run --quiet
timeout "$patience" "$MODULON" worker --coordinator "$address" --key worker.key --data worker --threads 2 \
    >worker.out 2>worker.err || fail "worker: $(tail -n 5 worker.err)"

# The key is asked for; the one beside the ledger is taken only when told to, and loudly.
expect 2 "$MODULON" audit run
says "--vkey is missing"
expect 2 "$MODULON" audit run --vkey nonsense
says "no verifier key"
expect 2 "$MODULON" audit nowhere --vkey "$vkey"
expect 2 "$MODULON" audit https://localhost --vkey "$vkey"
says "only http://"
expect 2 "$MODULON" audit run --vkey "$vkey" --full --sample 0.1
expect 0 "$MODULON" audit run --trust-first-use --sample 0 --quiet
grep -q WARNING err.txt || fail "no warning"
grep -qF "$vkey" err.txt || fail "the key was not shown"

# While the coordinator still serves: the directory and HTTP say the same.
expect 0 "$MODULON" audit run --vkey run/log.vkey --full --json --quiet
cp out.txt directory.json
expect 0 "$MODULON" audit "$url" --vkey "$vkey" --full --json --quiet
for key in '"ok":true' '"ended":true' '"generations":4,' '"wrong":0' '"findings":\[\]'; do
    grep -q "$key" directory.json || fail "directory: no $key"
    grep -q "$key" out.txt || fail "HTTP: no $key"
done
champion() { sed -n 's/.*"champion":\({[^}]*}\).*/\1/p' "$1"; }
[ -n "$(champion out.txt)" ] && [ "$(champion out.txt)" = "$(champion directory.json)" ] || fail "two champions"
expect 0 "$MODULON" audit "$url" --trust-first-use --sample 0.5 --seed 3
grep -q "nothing false was found" out.txt || fail "no verdict"

# Records in words, and proofs.
expect 0 "$MODULON" ledger show run
grep -q "^     0  genesis" out.txt || fail "no genesis: $(head -n 1 out.txt)"
tail -n 1 out.txt | grep -q "end       after 4 generations" || fail "no end"
records=$(wc -l <out.txt)
grep -q 'NO RECORD' out.txt && fail "records without words: $(grep 'NO RECORD' out.txt | head -n 1)"
check=$(awk '$2 == "check" { print $1; exit }' out.txt)
[ -n "$check" ] || fail "the coordinator has checked nothing"
expect 0 "$MODULON" ledger show run --from 2 --to 3 --json
[ "$(wc -l <out.txt)" -eq 2 ] || fail "not two lines"
expect 2 "$MODULON" ledger show run --from "$records"
expect 0 "$MODULON" audit run --vkey "$vkey" --tier rules --dispute "$check" --json --quiet
grep -q "\"dispute\":{.*\"record\":$check,\"type\":\"check\"" out.txt || fail "no dispute: $(cat out.txt)"
grep -q '"right":false' out.txt && fail "an answer is wrong: $(cat out.txt)"
expect 2 "$MODULON" audit run --vkey "$vkey" --tier rules --dispute 0
says "no verdict or check"
expect 2 "$MODULON" audit run --vkey "$vkey" --tier quick --dispute "$check"
expect 0 "$MODULON" ledger proof run 3 --out three.tlog-proof
expect 0 "$MODULON" ledger verify-proof three.tlog-proof --vkey "$vkey"
expect 1 "$MODULON" ledger verify-proof three.tlog-proof --vkey "$vkey" --record small.json
sed 's/^index 3$/index 4/' three.tlog-proof >four.tlog-proof
expect 1 "$MODULON" ledger verify-proof four.tlog-proof --vkey "$vkey"
expect 2 "$MODULON" ledger verify-proof small.json --vkey "$vkey"
expect 2 "$MODULON" ledger proof run "$records"
expect 0 "$MODULON" ledger checkpoint run
cp out.txt kept.txt
expect 0 "$MODULON" audit run --vkey "$vkey" --checkpoint kept.txt --sample 0 --quiet
expect 2 "$MODULON" ledger
expect 2 "$MODULON" ledger burn run

kill "$pid"
wait "$pid" || fail "the coordinator ended badly: $(cat coordinator.err)"

# Another log's key, a blob that is gone, one that is changed.
expect 2 "$MODULON" audit run --vkey "${vkey%%+*}+00000000+AQ=="
blob=$(find run/blobs -type f | sort | tail -n 1)
cp "$blob" aside
rm "$blob"
expect 1 "$MODULON" audit run --vkey "$vkey" --quiet
grep -q "rule BLOB" out.txt || fail "no rule: $(cat out.txt)"
{ cat aside; echo; } >"$blob"
expect 1 "$MODULON" audit run --vkey "$vkey" --quiet --json
grep -q '"ok":false' out.txt || fail "ok in spite of a changed blob"
cp aside "$blob"
expect 0 "$MODULON" audit run --vkey "$vkey" --quiet

# One flipped bit in the middle of the database.
size=$(stat -c %s run/ledger.db)
cp run/ledger.db whole.db
flipped=0
for k in 2 3 4 5; do
    at=$((size * k / 7))
    byte=$(od -An -tu1 -j $at -N 1 run/ledger.db | tr -d ' ')
    printf "\\$(printf %o $((byte ^ 1)))" | dd of=run/ledger.db bs=1 seek=$at conv=notrunc status=none
    code=0
    "$MODULON" audit run --vkey "$vkey" --sample 0 --quiet >out.txt 2>err.txt || code=$?
    [ "$code" -eq 0 ] || flipped=$((flipped + 1)) # a bit in unused space is nobody's
    [ "$code" -le 2 ] || fail "status $code: $(cat err.txt)"
    cp whole.db run/ledger.db
done
[ "$flipped" -gt 0 ] || fail "no flipped bit was found"
