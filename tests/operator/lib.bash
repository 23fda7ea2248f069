# Sourced by the scripts here: coordinators and workers as processes of our own, on loopback, and what they say.
source tests/cli/lib.bash
cd "$TEST_TMPDIR"

# experiment FILE [GENERATIONS] [TRIALS]: two islands on a T-maze. 20 trials: milliseconds a generation; 2000: a second.
experiment() {
    small_experiment "$1" "${2:-6}"
    sed -i "s/\"trials\": 20/\"trials\": ${3:-20}/" "$1"
}

# coordinator DIR FILE ARGUMENT...: start one, wait for its address. Sets pid, address, vkey, url.
coordinator() {
    local name=$1 file=$2
    shift 2
    : >"$name.out"
    "$MODULON" coordinator "$file" --data "$name" --json --quiet --listen tcp://$TEST_HOST:0 --admission open:0 \
        "$@" >"$name.out" 2>>"$name.err" &
    pid=$!
    listens "$pid" "$name"
}

# worker DIR ADDRESS ARGUMENT...: start one with key and data of that name. Sets worker_pid.
worker() {
    local name=$1 at=$2
    shift 2
    "$MODULON" worker --coordinator "$at" --key "$name.key" --data "$name" --threads 1 --status 1 "$@" \
        >>"$name.out" 2>>"$name.err" &
    worker_pid=$!
    ours+=("$worker_pid")
}

gone() { ! kill -0 "$1"; }

# ends PID STATUS: it ends, with that status.
ends() {
    local code=0
    wait_for gone "$1"
    wait "$1" || code=$?
    [ "$code" -eq "$2" ] || fail "process $1 ended with $code, not $2; $(tail -n 3 ./*.err)"
}

number() { grep -ao "\"$1\":\"\?[-0-9.e+]*" "$2" | sed -n 1p | cut -d: -f2 | tr -d '"'; } # the same; 64-bit ones are texts
status() { "$MODULON" status --data "$1" --json >"status.$1" && number "$2" "status.$1"; }
state() { "$MODULON" status --data "$1" --json >"status.$1" && field state "status.$1"; }
at_least() { [ "$(status "$1" "$2")" -ge "$3" ]; }
is() { [ "$(status "$1" "$2")" -eq "$3" ]; }
in_state() { [ "$(state "$1")" = "$2" ]; }

# The digest of a champion's file; of the champion that evolving FILE alone gives.
digest_of() { field digest "$1"; }
evolved() {
    "$MODULON" evolve "$1" --out alone --json --quiet >alone.json || fail "evolve"
    field digest alone.json
}
