# Sourced by the scripts here: a small experiment and a few checks.
set -euo pipefail
: "${MODULON:?the path of the program}" "${TEST_TMPDIR:?an empty directory}"

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
