# An invitation lets its worker in, and no other.
. "$(dirname "$0")/lib.bash"
cd "$TEST_TMPDIR"
repo=$OLDPWD
"$MODULON" keygen --out in.key >in.txt 2>&1 || fail "keygen"
"$MODULON" keygen --out out.key >out.txt 2>&1 || fail "keygen"
key() { awk '{ print $3 }' "$1"; }
"$MODULON" coordinator "$repo/examples/tmaze-quick.json" --data c --listen ipc://c.sock --admission invite --quiet \
    >c.out 2>&1 &
coordinator=$!
trap 'kill $coordinator 2>/dev/null' EXIT
wait_for grep -q '^address' c.out
address=$(awk '/^address/ { print $2 }' c.out)
"$MODULON" invite "$(key in.key)" --data c --name first --days 1 >in.invite || fail "invite"
[ "$("$MODULON" invite nonsense --data c 2>&1 >/dev/null | grep -c 'WORKER_KEY is nonsense; allowed')" = 1 ] ||
    fail "a bad key is not named"
timeout "$patience" "$MODULON" worker --coordinator "$address" --key in.key --data in --invite in.invite --threads 1 --once \
    >worker.out 2>&1 || { cat worker.out; fail "the invited worker failed"; }
grep -q accepted worker.out || fail "nothing was accepted"
timeout "$patience" "$MODULON" worker --coordinator "$address" --key out.key --data out --invite in.invite --threads 1 --once \
    >refused.out 2>&1 && fail "another key came in with it"
grep -q "invitation" refused.out || { cat refused.out; fail "the reason is not named"; }
