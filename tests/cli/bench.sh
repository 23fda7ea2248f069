# Suites, comparison, the chosen kernel; and that the peers' scripts run.
set -euo pipefail
fail() {
    echo "$*" >&2
    exit 1
}
out=$TEST_TMPDIR/out.json
"$MODULON" bench --suite crypto --seconds 0.4 --json >"$out"
grep -q '"suite":"crypto","case":"Ed25519 verify, 256 bytes"' "$out" || fail "no verification rate"
! grep -q '"median":0[,}]' "$out" || fail "a rate is 0"
"$MODULON" bench --suite crypto --seconds 0.4 --compare "$out" | grep -q 'Ed25519 sign.* of the old' || fail "--compare"
for suite in unit threads ledger protocol; do
    "$MODULON" bench --suite $suite --seconds 0.4 --json >"$TEST_TMPDIR/$suite.json"
    grep -q "\"suite\":\"$suite\"" "$TEST_TMPDIR/$suite.json" || fail "suite $suite"
done
best=$("$MODULON" bench --cpu | sed -n 's/^kernel //p')
"$MODULON" bench --cpu --json | grep -q "^{\"kernel\":\"$best\",\"features\":\[" || fail "--cpu --json"
"$MODULON" bench --cpu | grep -q "^$best: chosen" || fail "--cpu says not why"
"$MODULON" bench --experiment bench/hmn_pinned.json --seconds 0.3 --json >"$out"
grep -q '"case":"pinned","kernel":"portable"' "$out" || fail "the pinned experiment"
if [ "$best" != portable ]; then
    grep -q "\"roofline\":\"pinned\",\"kernel\":\"$best\"" "$out" || fail "no roofline"
fi
for wrong in "--suite none" "--compare bench/hmn_pinned.json" "--compare $TEST_TMPDIR/none" "--experiment README.md"; do
    status=0
    # shellcheck disable=SC2086
    "$MODULON" bench $wrong --seconds 0.1 >"$TEST_TMPDIR/wrong.txt" 2>&1 || status=$?
    [ "$status" -ne 0 ] && [ "$status" -lt 100 ] || fail "bench $wrong: status $status"
done
# The peers, where they are installed; Brian 2 builds for half a minute, so not here.
python=/usr/bin/python3
if command -v cc >/dev/null && [ -x $python ]; then
    BRIAN=0 ROUNDS=2 MODULON=$MODULON bench/peers/run.sh 96 >"$TEST_TMPDIR/peers.txt"
    grep -q 'plain C  *[0-9.]* M updates/s' "$TEST_TMPDIR/peers.txt" || fail "no plain C"
    grep -q "$best  */ plain C  *[0-9.]* \[" "$TEST_TMPDIR/peers.txt" || fail "no ratio"
    if $python -c 'import numpy' 2>/dev/null; then
        grep -q "$best  */ NumPy  *[0-9.]* \[" "$TEST_TMPDIR/peers.txt" || fail "no ratio to NumPy"
    fi
    sed -n '1,$p' "$TEST_TMPDIR/peers.txt"
    # The table of goals finds what suites and peers say.
    export KEEP=$TEST_TMPDIR/kept PYTHONDONTWRITEBYTECODE=1
    $python bench/goals.py suite <"$TEST_TMPDIR/unit.json"
    $python bench/goals.py suite <"$TEST_TMPDIR/threads.json"
    echo '{"goal":"hmn 256: v4 / NumPy","ratios":[30,20,26]}' >>"$KEEP"
    echo '{"goal":"neuraxon: v4 / Python","ratios":[1999]}' >>"$KEEP"
    bench/goals.sh table >"$TEST_TMPDIR/goals.txt"
    grep -q "^HMN, 256 neurons: v4 / NumPy  *26  \[20, 30\]  *25  met$" "$TEST_TMPDIR/goals.txt" || fail "the table"
    grep -q "^Neuraxon: v4 / Python .* missed$" "$TEST_TMPDIR/goals.txt" || fail "the table: missed"
    grep -q "^digests' share of a unit, 6 neurons  *-*[0-9]" "$TEST_TMPDIR/goals.txt" || fail "no digests' share"
    grep -q "^all threads / as many times 1, wall  *[0-9]" "$TEST_TMPDIR/goals.txt" || fail "no threads"
    grep -q "^Neuraxon: v4 / plain C .*not measured" "$TEST_TMPDIR/goals.txt" || fail "the table: not measured"
fi
