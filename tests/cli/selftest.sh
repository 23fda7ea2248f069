# The known digests, on every kernel of this CPU; help, version, bench.
source tests/cli/lib.bash
expect 0 "$MODULON" selftest
grep -q '^tmaze  *portable  *ok$' "$TEST_TMPDIR/out.txt" || fail "no portable kernel"
[ "$(tail -n 1 "$TEST_TMPDIR/out.txt")" = ok ] || fail "no last word"
expect 0 "$MODULON" selftest --json
grep -q '"ok":true}$' "$TEST_TMPDIR/out.txt" || fail "selftest --json"
expect 0 "$MODULON" selftest --print
cmp "$TEST_TMPDIR/out.txt" cli/selftest_digests.h

expect 0 "$MODULON" --version
grep -q '^modulon [0-9]*\.[0-9]*\.[0-9]*, results version [0-9]*$' "$TEST_TMPDIR/out.txt" || fail "--version"
expect 2 "$MODULON"
expect 0 "$MODULON" --help
cp "$TEST_TMPDIR/out.txt" "$TEST_TMPDIR/help.txt"
for command in evolve eval simulate task ablate export selftest bench; do
    grep -q "^  $command " "$TEST_TMPDIR/help.txt" || fail "--help lacks $command"
    expect 0 "$MODULON" help "$command"
    cp "$TEST_TMPDIR/out.txt" "$TEST_TMPDIR/help-command.txt"
    expect 0 "$MODULON" "$command" --help
    cmp "$TEST_TMPDIR/help-command.txt" "$TEST_TMPDIR/out.txt"
    grep -q '^examples:' "$TEST_TMPDIR/out.txt" || fail "$command --help has no examples"
    # The manual names every option.
    for option in $(grep -o '^  --[a-z-]*' "$TEST_TMPDIR/out.txt"); do
        sed -n "/^\.SS $command\$/,/^\.S[SH]/p" deploy/man/modulon.1 | tr -d '\\' | grep -qF -- "$option" ||
            [ "$option" = --help ] || fail "the manual lacks $command $option"
    done
done
expect 0 "$MODULON" bench --seconds 1 --json
for word in '"kernel":"portable"' '"case":"cache, all"' '"case":"memory, lean"' '"unit":"updates/s"' '"unit":"lives/s"'; do
    grep -qF "$word" "$TEST_TMPDIR/out.txt" || fail "bench --json lacks $word"
done
# Output that cannot be written is a failure.
if [ -e /dev/full ]; then
    status=0
    "$MODULON" task --list >/dev/full 2>"$TEST_TMPDIR/err.txt" || status=$?
    [ "$status" -eq 3 ] || fail "a full disk went unnoticed: status $status"
fi
