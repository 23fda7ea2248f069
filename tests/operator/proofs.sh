# Proofs of single results, checked by verify-proof and by a few lines of Python; and a worker's statement.
source tests/operator/lib.bash
experiment x.json 8 60
coordinator run x.json --lease-ms 50
worker a "$address"
a=$worker_pid
worker b "$address"
wait_for in_state run ended
ends $a 0
ends "$worker_pid" 0

# ---- a result's proof ----
expect 0 "$MODULON" ledger show run --json
index=$(grep '"type":"result"' out.txt | sed -n '3s/^{"index":\([0-9]*\),.*/\1/p')
expect 0 "$MODULON" ledger proof run "$index"
proof=record-$index.tlog-proof
[ "$(cat out.txt)" = "$proof" ] || fail "another file: $(cat out.txt)"
expect 0 "$MODULON" ledger verify-proof "$proof" --vkey run/log.vkey
grep -q "^record .*result " out.txt || fail "not a result: $(cat out.txt)"
expect 2 "$MODULON" ledger verify-proof "$proof"

# The same by RFC 6962 and C2SP alone; Ed25519 by OpenSSL.
cat >check.py <<'END'
import base64, hashlib, subprocess, sys
head, note = open(sys.argv[1]).read().split("\n\n", 1)
lines = head.split("\n")
assert lines[0] == "c2sp.org/tlog-proof@v1" and lines[1].startswith("extra ") and lines[2].startswith("index ")
record, index = base64.b64decode(lines[1][6:], validate=True), int(lines[2][6:])
text, signatures = note.rsplit("\n\n", 1)
origin, size, root = text.split("\n")
name, _, key = open(sys.argv[2]).read().strip().split("+", 2)
key = base64.b64decode(key, validate=True)
assert name == origin and key[0] == 1
pair = lambda a, b: hashlib.sha256(b"\1" + a + b).digest()
fn, sn, r = index, int(size) - 1, hashlib.sha256(b"\0" + record).digest()
assert fn <= sn
for line in lines[3:]:
    c = base64.b64decode(line, validate=True)
    assert sn > 0
    if fn & 1 or fn == sn:
        r = pair(c, r)
        while fn and not fn & 1: fn, sn = fn >> 1, sn >> 1
    else: r = pair(r, c)
    fn, sn = fn >> 1, sn >> 1
assert sn == 0 and r == base64.b64decode(root), "not in the tree"
dash, signer, signature = signatures.strip().split(" ")
signature = base64.b64decode(signature, validate=True)
assert dash == "\u2014" and signer == origin
assert signature[:4] == hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
open("key.der", "wb").write(bytes.fromhex("302a300506032b6570032100") + key[1:])
open("signature", "wb").write(signature[4:])
open("text", "w").write(text + "\n")
subprocess.run("openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in text -sigfile signature".split(),
               check=True, stdout=subprocess.DEVNULL)
END
command -v openssl >/dev/null && expect 0 python3 check.py "$proof" run/log.vkey

# One flipped byte, anywhere: in the record, its place, the path, the checkpoint, the signature.
size=$(stat -c %s "$proof")
for at in $(seq 3 $((size / 25)) $((size - 2))) $((size - 3)); do
    cp "$proof" flipped
    byte=$(od -An -tu1 -j "$at" -N 1 flipped | tr -d ' ')
    printf "\\$(printf %o $((byte ^ 1)))" | dd of=flipped bs=1 seek="$at" conv=notrunc status=none
    code=0
    "$MODULON" ledger verify-proof flipped --vkey run/log.vkey >out.txt 2>err.txt || code=$?
    [ $code -eq 1 ] || [ $code -eq 2 ] || fail "byte $at flipped: status $code, $(cat out.txt err.txt)"
done
expect 0 "$MODULON" ledger checkpoint run
sed -n 1p out.txt | grep "^modulon/" >/dev/null || fail "no origin"
[ "$(sed -n 2p out.txt)" -eq "$("$MODULON" ledger show run | wc -l)" ] || fail "another size"

# ---- the statement of a worker ----
# Without the ledger nobody knows what is paid; with it, all of it is.
expect 0 "$MODULON" worker statement --data a
results=$(sed -n 's/^pending  *\([0-9]*\) results.*/\1/p' out.txt)
[ "$results" -gt 0 ] || fail "nothing earned: $(cat out.txt)"
grep -q "^paid  *0 results" out.txt || fail "paid, without a ledger: $(cat out.txt)"
expect 0 "$MODULON" worker statement --data a --ledger run
grep -q "^paid  *$results results" out.txt && grep -q "^pending  *0 results" out.txt || fail "$(tail -n 6 out.txt)"
grep -q "^proofs  *$results verify, 0 are missing" out.txt || fail "$(tail -n 6 out.txt)"
paid=0
for w in a b; do
    expect 0 "$MODULON" worker statement --data $w --ledger run --json
    cp out.txt lines.json
    [ "$(grep -c '"state":"paid"' lines.json)" -gt 0 ] || fail "$w was not paid"
    while read -r line; do
        file=$w/$(sed 's/.*"proof":"\([^"]*\)".*/\1/' <<<"$line")
        record=$(sed 's/.*"record":"\([0-9]*\)".*/\1/' <<<"$line")
        expect 0 "$MODULON" ledger verify-proof "$file" --vkey "$vkey" --record "${file%.tlog-proof}.envelope"
        grep -q "^ok  *record $record of " out.txt || fail "$file proves another record: $(cat out.txt)"
    done < <(grep '"state":"paid"' lines.json)
    paid=$((paid + $(grep -o '"paid":{"results":"[0-9]*","updates":"[0-9]*"' lines.json | grep -o '[0-9]*"$' | tr -d '"')))
done
status run generation >/dev/null
[ "$paid" = "$(field credit status.run)" ] || fail "statements say $paid, the ledger $(field credit status.run)"

# A receipt that is gone or changed is found.
lost=$(find a/receipts -name '*.tlog-proof' | sed -n 1p)
mv "$lost" aside
expect 1 "$MODULON" worker statement --data a --ledger run
grep -q "^proofs  *$((results - 1)) verify, 1 are missing" out.txt || fail "$(tail -n 6 out.txt)"
sed 's/^index .*/index 1/' aside >"$lost"
expect 1 "$MODULON" worker statement --data a
cp aside "$lost"
expect 0 "$MODULON" worker statement --data nobody
grep -q "^pending  *0 results" out.txt || fail "somebody earned something in nothing"
kill "$pid"
ends "$pid" 0

# ---- stale and pending: a lease that was taken back; a generation that is not closed ----
experiment y.json 4 2000
coordinator late y.json --lease-ms 100
worker c "$address"
c=$worker_pid
has_lease() { at_least late jobs_leased 1; }
wait_for has_lease
wait_for at_least late results 1
expect 0 "$MODULON" pause --data late
kill "$c"
ends "$c" 0
kill "$pid"
ends "$pid" 0
expect 0 "$MODULON" worker statement --data c --ledger late
pending=$(sed -n 's/^pending  *\([0-9]*\) results.*/\1/p' out.txt)
paid=$(sed -n 's/^paid  *\([0-9]*\) results.*/\1/p' out.txt)
expect 0 "$MODULON" ledger show late --json
grep -q '"type":"close"' out.txt || [ "$paid" -eq 0 ] || fail "paid before a generation closed"
[ $((pending + paid)) -eq "$(grep -c '"type":"result"' out.txt)" ] || fail "$pending pending, $paid paid: $(tail -n 3 out.txt)"
[ "$pending" -gt 0 ] || [ "$paid" -gt 0 ] || fail "nothing is pending"
