# Sourced by the scripts here and by those of other folders: a small experiment, a few checks, processes of our own.
set -euo pipefail
: "${MODULON:?the path of the program}" "${TEST_TMPDIR:?an empty directory}"
: "${TEST_HOST:?an address of the loopback where nobody else listens}"
patience=120 # seconds that we wait for anything: only what fails takes as long
[ "${MODULON_NIGHTLY:-0}" = 0 ] || patience=1800

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# small_experiment FILE [GENERATIONS]: two islands on a short T-maze; a second or so.
small_experiment() {
    cat >"$1" <<END
{
    "name": "small", "seed": "11",
    "task": { "name": "tmaze", "trials": 20 },
    "network": { "neurons": 4, "ring": "dense" },
    "evolution": {
        "generations": ${2:-8}, "episodes": 2, "validate_every": 3, "validate_episodes": 4, "migrate_every": 1,
        "islands": [ { "algorithm": "es", "population": 8 }, { "algorithm": "cma", "population": 8 } ]
    },
    "test_episodes": 20
}
END
}

# expect STATUS COMMAND...: run it, its output in out.txt and err.txt, and check the exit status.
expect() {
    local want=$1 got=0
    shift
    "$@" >"$TEST_TMPDIR/out.txt" 2>"$TEST_TMPDIR/err.txt" || got=$?
    if [ "$got" -ne "$want" ]; then
        cat "$TEST_TMPDIR/out.txt" "$TEST_TMPDIR/err.txt" >&2
        fail "$* ended with $got, not $want"
    fi
}

# says TEXT: stderr of the last expect holds TEXT, and is one line.
says() {
    grep -qF -- "$1" "$TEST_TMPDIR/err.txt" || fail "stderr lacks \"$1\": $(cat "$TEST_TMPDIR/err.txt")"
    [ "$(wc -l <"$TEST_TMPDIR/err.txt")" -eq 1 ] || fail "stderr is not one line: $(cat "$TEST_TMPDIR/err.txt")"
}

ours=() # every process that we started in the background

end_ours() {
    for p in "${ours[@]}"; do kill -9 "$p" || true; done
    wait || true
}
trap 'end_ours 2>/dev/null' EXIT

# wait_for COMMAND...: until it succeeds.
wait_for() {
    local n=$((patience * 20))
    until "$@" >/dev/null 2>&1; do
        n=$((n - 1))
        [ "$n" -gt 0 ] || fail "waited in vain for: $*; $(tail -n 3 ./*.err)"
        sleep 0.05
    done
}

# field NAME FILE: the text of the first "NAME":"..." in FILE.
field() { grep -ao -m 1 "\"$1\":\"[^\"]*\"" "$2" | sed -n '1s/.*:"\(.*\)"/\1/p'; }

# listens PID NAME: wait until this coordinator, which writes to NAME.out, listens. Sets address, vkey, url.
listens() {
    ours+=("$1")
    local n=$((patience * 20))
    until grep -q '"event":"listening"' "$2.out"; do
        kill -0 "$1" 2>/dev/null && [ "$((n -= 1))" -gt 0 ] || fail "the coordinator did not start: $(tail -n 3 "$2.err")"
        sleep 0.05
    done
    address=$(sed -n 's/.*"addresses":\["\([^"]*\)".*/\1/p' "$2.out" | sed -n 1p)
    vkey=$(field vkey "$2.out")
    url=$(field http "$2.out")
    [ -n "$address" ] && [ -n "$vkey" ] || fail "no address: $(cat "$2.out" "$2.err")"
}

# start_coordinator NAME ARGUMENT...: start one on the loopback, open to all. Sets pid, address, vkey, url.
start_coordinator() {
    local name=$1
    shift
    : >"$name.out"
    "$MODULON" coordinator --listen tcp://$TEST_HOST:0 --http $TEST_HOST:0 --admission open:1 --json "$@" \
        >"$name.out" 2>"$name.err" &
    pid=$!
    listens "$pid" "$name"
}
