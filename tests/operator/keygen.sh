# Keys: 0600, never replaced; sealed copies that open with the passphrase alone.
source tests/operator/lib.bash

expect 0 "$MODULON" keygen --out a.key
key=$(cat out.txt)
[[ $key =~ ^[0-9a-f]{64}$ ]] || fail "no key: $key"
[ "$(stat -c %a a.key)" = 600 ] || fail "mode $(stat -c %a a.key)"
cp a.key kept
expect 3 "$MODULON" keygen --out a.key
says "a.key"
cmp a.key kept || fail "the key was replaced"
expect 2 "$MODULON" keygen
says "--out is missing"
expect 0 "$MODULON" keygen --out b.key
[ "$(cat out.txt)" != "$key" ] || fail "twice the same key"
(umask 0 && expect 0 "$MODULON" keygen --out c.key)
[ "$(stat -c %a c.key)" = 600 ] || fail "mode $(stat -c %a c.key) under umask 0"

# A sealed copy, with the passphrase on the first line of standard input.
expect 0 "$MODULON" keygen --out a.key --backup a.sealed < <(echo "open sesame")
[ "$(cat out.txt)" = "$key" ] || fail "another key was sealed"
[ "$(stat -c %a a.sealed)" = 600 ] || fail "mode $(stat -c %a a.sealed)"
! grep -qaF "$(head -c 40 a.key)" a.sealed || fail "the secret is readable in the copy"
cp a.sealed kept.sealed
expect 3 "$MODULON" keygen --out a.key --backup a.sealed < <(echo "other words")
cmp a.sealed kept.sealed || fail "the copy was replaced"
expect 0 "$MODULON" keygen --out new.key --restore a.sealed < <(printf 'open sesame\nmore\n')
[ "$(cat out.txt)" = "$key" ] || fail "another key came back"
cmp a.key new.key || fail "the key differs after restoring"
[ "$(stat -c %a new.key)" = 600 ] || fail "mode $(stat -c %a new.key) after restoring"
expect 3 "$MODULON" keygen --out new.key --restore a.sealed < <(echo "open sesame")
says "new.key"

# A wrong passphrase, none, a changed copy, one cut short: refused, and nothing is left behind.
refused() {
    rm -f no.key
    "$MODULON" keygen --out no.key "$@" >out.txt 2>err.txt && fail "a key came out of it"
    [ "$(wc -l <err.txt)" -eq 1 ] || fail "not one line: $(cat err.txt)"
    [ ! -e no.key ] || fail "a key was written all the same"
}
refused --restore a.sealed < <(echo "open sesam")
refused --restore a.sealed < <(echo)
refused --restore a.sealed </dev/null
size=$(stat -c %s a.sealed)
for at in 0 $((size / 2)); do
    cp a.sealed broken
    byte=$(od -An -tu1 -j $at -N 1 broken | tr -d ' ')
    printf "\\$(printf %o $((byte ^ 1)))" | dd of=broken bs=1 seek=$at conv=notrunc status=none
    refused --restore broken < <(echo "open sesame")
done
head -c $((size / 2)) a.sealed >broken
refused --restore broken < <(echo "open sesame")
refused --restore nothing < <(echo "open sesame")
refused --restore a.sealed --backup x < <(echo "open sesame")

expect 2 "$MODULON" keygen --out a.key --backup x.sealed < <(echo "short")
says "8 to 1024 bytes"
[ ! -e x.sealed ] || fail "sealed with a short passphrase"

# --backup makes the key when there is none; a worker takes a restored key for its own.
expect 0 "$MODULON" keygen --out d.key --backup d.sealed < <(echo "a longer one")
[ -s d.key ] && [ -s d.sealed ] || fail "no key or no copy"
experiment x.json 2
coordinator run x.json --once
worker new "$address"
ends "$worker_pid" 0
grep -q "modulon: worker $key, key in new.key" new.err || fail "the worker has another key: $(cat new.err)"
ends "$pid" 0
