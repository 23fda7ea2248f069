# A worker whose key stays sealed: a session key signs for it, another one ends the first, and so does its key; what is
# earned is the worker's, and the ledger audits clean.
. tests/cli/lib.bash
cd "$TEST_TMPDIR"
small_experiment small.json 4
echo "a long passphrase" >pass.txt
chmod 600 pass.txt
"$MODULON" keygen --out worker.key >worker.pub
"$MODULON" keygen --out worker.key --backup worker.sealed <pass.txt >/dev/null
rm worker.key
export MODULON_PASSPHRASE_FILE=pass.txt
session() { # FILE UNTIL
    expect 0 "$MODULON" keygen --out "$1" --session worker.sealed --experiment small.json --until "$2"
    grep -qE "^session $(cat worker.pub) [A-Za-z0-9+/=]{144}$" out.txt || fail "$(cat out.txt)"
}
session first.session 100
session over.session 0
session second.session 100
expect 2 "$MODULON" keygen --out x.session --session worker.sealed --experiment small.json
says "--until is missing"
start_coordinator coordinator small.json --data run --quiet
work() { # SESSION DATA: one lease
    timeout "$patience" "$MODULON" worker --coordinator "$address" --session-key "$1" --data "$2" --threads 1 --once \
        >worker.out 2>worker.err
}
sessions() { "$MODULON" ledger show run --json | grep -c '"action":"session"' || true; }

# The file: nobody else's, and whole.
cp first.session open.session && chmod 644 open.session
work open.session w && fail "a session key that others may read"
sed 's/v1 ./v1 0/; s/ [0-9a-f]\{64\} \([0-9a-f]\{64\}\) / \1 \1 /' first.session >bad.session && chmod 600 bad.session
work bad.session w && fail "a broken session key"
expect 2 "$MODULON" worker --coordinator "$address" --session-key first.session --key other.key --data w
says "exclude each other"

# It works without the key, and once more with the record that is there.
work first.session w || fail "worker: $(tail -n 5 worker.err)"
grep -q "worker $(cat worker.pub)" worker.err || fail "$(cat worker.err)"
work first.session w || fail "worker: $(tail -n 5 worker.err)"
[ "$(sessions)" = 1 ] || fail "$(sessions) records of session keys"
"$MODULON" ledger show run --json | grep '"action":"session"' | grep -q "$(cat worker.pub)" || fail "no such record"
expect 0 "$MODULON" worker statement --data w --ledger run
# The next one ends it, from the same data directory.
work second.session w || fail "worker: $(tail -n 5 worker.err)"
[ "$(sessions)" = 2 ] || fail "$(sessions) records of session keys"
work first.session w2 && fail "a session key after the next"
grep -q "was there before" worker.err worker.out || fail "no reason: $(cat worker.err)"
# The key says that there is none any more, out of its sealed file.
expect 0 "$MODULON" keygen --session-off worker.sealed --experiment small.json --send "$url"
work second.session w && fail "a session key that was ended"
session third.session 100
timeout "$patience" "$MODULON" worker --coordinator "$address" --session-key third.session --data w --threads 2 \
    >worker.out 2>worker.err || fail "worker: $(tail -n 5 worker.err)"
expect 0 "$MODULON" audit run --vkey "$vkey" --full --receipts w --quiet
expect 0 "$MODULON" worker statement --data w --ledger run
grep -q "paid" out.txt || fail "$(cat out.txt)"
