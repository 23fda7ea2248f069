# The units, as systemd reads them: no word about them, and little exposure. Their options are the program's.
source tests/deploy/lib.bash
need cmake systemd-analyze
: "${MODULON_BUILD:?the build folder}"
cmake --install "$MODULON_BUILD" --prefix "$TEST_TMPDIR/usr" >/dev/null
mkdir "$TEST_TMPDIR/units"

# verify UNIT: what systemd-analyze says about this file.
verify() {
    systemd-analyze --man=no verify "$1" 2>&1 | grep -F -e "${1##*/}" -e modulon || true
}

for kind in worker coordinator; do
    unit=$TEST_TMPDIR/units/modulon-$kind@tmaze.service
    cp "$TEST_TMPDIR/usr/lib/systemd/system/modulon-$kind@.service" "$unit"
    systemd-analyze --man=no verify "$unit" >"$TEST_TMPDIR/out.txt" 2>&1 ||
        { cat "$TEST_TMPDIR/out.txt" >&2; fail "systemd-analyze verify $unit"; }
    [ -z "$(verify "$unit")" ] || fail "$(verify "$unit")"
    # It would have seen a mistake.
    broken=$TEST_TMPDIR/units/broken-$kind@tmaze.service
    sed 's/^NoNewPrivileges=/NoNewPrivilegs=/' "$unit" >"$broken"
    verify "$broken" | grep -q NoNewPrivilegs || fail "systemd-analyze does not see a wrong key"
    sed "s,^ExecStart=[^ ]*,ExecStart=$TEST_TMPDIR/nowhere/modulon," "$unit" >"$broken"
    verify "$broken" | grep -q nowhere || fail "systemd-analyze does not see a missing program"
    # 0.0 is locked away, 10.0 open to all; the threshold is in tenths.
    systemd-analyze security --offline=yes --no-pager --threshold=15 "$unit" >"$TEST_TMPDIR/out.txt" 2>&1 ||
        { cat "$TEST_TMPDIR/out.txt" >&2; fail "the exposure of modulon-$kind is over 1.5"; }
    tail -n 1 "$TEST_TMPDIR/out.txt"
    # The options in unit and example settings are options of the command.
    "$MODULON" "$kind" --help >"$TEST_TMPDIR/help.txt"
    for option in $(grep -ohE -- ' --[a-z-]+|=--[a-z-]+' "$unit" "deploy/systemd/$kind.env" | tr -d ' ='); do
        grep -q -- "^  $option " "$TEST_TMPDIR/help.txt" || fail "modulon $kind has no $option"
    done
    for name in $(grep -oE '\$\{?MODULON_[A-Z]+' "$unit" | tr -d '${'); do
        grep -q "^$name=" "deploy/systemd/$kind.env" || fail "$kind.env does not set $name"
    done
done
