# modulon keygen: new keys, backups, what is refused; a worker's usage errors.
. tests/cli/lib.bash
cd "$TEST_TMPDIR"
"$MODULON" keygen --out a.key >a.out || fail "keygen"
[ "$(stat -c %a a.key)" = 600 ] || fail "mode of a.key"
grep -q "$(cat a.out)" a.key || fail "the public key is not the file's"
status=0; "$MODULON" keygen --out a.key >/dev/null 2>err || status=$?
[ $status = 3 ] && grep -q a.key err || fail "a key was replaced"
echo "correct horse battery" | "$MODULON" keygen --out a.key --backup a.sealed >/dev/null || fail "backup"
grep -q "$(cut -d' ' -f2 a.key)" a.sealed && fail "the seed stands in the backup"
status=0; echo "wrong horse battery" | "$MODULON" keygen --out c.key --restore a.sealed >/dev/null 2>err || status=$?
[ $status = 2 ] && [ ! -e c.key ] || fail "a wrong passphrase opens"
status=0; echo short | "$MODULON" keygen --out a.key --backup b.sealed >/dev/null 2>err || status=$?
[ $status = 2 ] && [ ! -e b.sealed ] || fail "a short passphrase seals"
echo "correct horse battery" | "$MODULON" keygen --out b.key --restore a.sealed >/dev/null || fail "restore"
cmp -s a.key b.key || fail "the restored key is another one"
status=0; "$MODULON" worker --key a.key --data w 2>err || status=$?
[ $status = 2 ] && grep -q -- --coordinator err || fail "a worker without a coordinator"
status=0; "$MODULON" worker --coordinator tcp://127.0.0.1:1 --key a.key --data w 2>err || status=$?
[ $status = 2 ] && grep -q '#KEY' err || fail "an address without a key"
"$MODULON" worker statement --data w --json >out || fail "an empty statement"
[ "$(wc -l <out)" = 1 ] || fail "an empty statement has lines"
