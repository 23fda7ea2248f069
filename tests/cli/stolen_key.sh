# A worker's key is stolen and revoked: by the key itself out of its sealed backup, by an owner, by the operator. The
# thief gets no more leases, no unban and no successor; the ledger says so and audits clean. Sealed keys serve directly.
. tests/cli/lib.bash
cd "$TEST_TMPDIR"
small_experiment small.json 4
"$MODULON" keygen --out worker.key >worker.pub
echo "a long passphrase" | "$MODULON" keygen --out worker.key --backup worker.sealed >/dev/null
start_coordinator coordinator small.json --data run --quiet
work() { # KEY DATA: one lease
    timeout "$patience" "$MODULON" worker --coordinator "$address" --key "$1" --data "$2" --threads 1 --once >worker.out 2>worker.err
}
work worker.key w1 || fail "worker: $(tail -n 5 worker.err)"
results() { "$MODULON" ledger show run | grep -c '  result' || true; }
before=$(results)
[ "$before" -ge 1 ] || fail "no result"

# Statements that prove nothing.
"$MODULON" keygen --out other.key >other.pub
expect 1 "$MODULON" keygen --revoke other.key --worker "$(cat worker.pub)" --experiment small.json --send "$url"
says "status 403"
expect 1 "$MODULON" keygen --revoke other.key --experiment small.json --send "$url"
says "status 404"
expect 2 "$MODULON" keygen --revoke other.key
says "--experiment is missing"
post() { curl -sS -o answer.txt -w '%{http_code}' --data-binary "$1" "$url/${2:-key-change}"; }
if command -v curl >/dev/null; then
    [ "$(post "revoke me")" = 400 ] || fail "$(cat answer.txt)"
    [ "$(post "revoke $(cat worker.pub) stolen")" = 400 ] || fail "the operator's words by anybody: $(cat answer.txt)"
    [ "$(post "x" elsewhere)" = 404 ] || fail "$(cat answer.txt)"
    [ "$(post "$(printf 'x%.0s' {1..600})")" = 413 ] || fail "$(cat answer.txt)"
fi

# Out of the sealed backup, the key's file being gone or stolen.
expect 2 env MODULON_PASSPHRASE_FILE=nowhere "$MODULON" keygen --revoke worker.sealed --experiment small.json
echo "a wrong passphrase" | expect 2 "$MODULON" keygen --revoke worker.sealed --experiment small.json
echo "a long passphrase" | expect 0 "$MODULON" keygen --revoke worker.sealed --experiment small.json --send "$url"
grep -qE "^revoke [0-9a-f]{64} [A-Za-z0-9+/=]{128}$" out.txt || fail "$(cat out.txt)"

# The thief.
work worker.key thief && fail "a revoked key works"
grep -qi "banned" worker.err worker.out || fail "no reason: $(cat worker.err)"
[ "$(results)" -eq "$before" ] || fail "a result of a revoked key"
expect 2 "$MODULON" unban --data run "$(cat worker.pub)"
says "has ended"
expect 1 "$MODULON" keygen --rotate worker.key --out thief.key --experiment small.json --send "$url"
says "status 403"

# Another worker, out of a sealed file; it names a successor; the operator ends the successor.
echo "a long passphrase" >pass.txt
chmod 600 pass.txt
"$MODULON" keygen --out second.key >second.pub
"$MODULON" keygen --out second.key --backup second.sealed <pass.txt >/dev/null
MODULON_PASSPHRASE_FILE=pass.txt work second.sealed w2 || fail "a sealed key does not work: $(tail -n 3 worker.err)"
grep -q "$(cat second.pub)" worker.err || fail "another key"
expect 0 env MODULON_PASSPHRASE_FILE=pass.txt "$MODULON" keygen --rotate second.sealed --out third.key \
    --experiment small.json --send "$url"
MODULON_PASSPHRASE_FILE=pass.txt work second.sealed w2 && fail "a key with a successor works"
work third.key w3 || fail "the successor does not work: $(tail -n 3 worker.err)"
third=$("$MODULON" ledger show run --json | sed -n 's/.*"action":"rotate".*"target":"\([0-9a-f]*\)".*/\1/p')
[ "$third" = "$(cat second.pub)" ] || fail "no such record: $third"
"$MODULON" keygen --out fourth.key >fourth.pub
work fourth.key w4 || fail "worker: $(tail -n 3 worker.err)"
expect 0 "$MODULON" revoke --data run "$(cat fourth.pub)" "laptop lost"
work fourth.key w4 && fail "a key that the operator revoked works"

# Honest workers end it; the ledger is clean.
timeout "$patience" "$MODULON" worker --coordinator "$address" --key last.key --data last --threads 2 >worker.out 2>worker.err ||
    fail "worker: $(tail -n 5 worker.err)"
expect 0 "$MODULON" audit run --vkey "$vkey" --full --quiet
