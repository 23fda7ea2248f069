# Sourced by the scripts here: an experiment, coordinators and workers as processes of our own, and checks.
source tests/cli/lib.bash
: "${FLEET:?the folder of the helper programs}"
long=${MODULON_NIGHTLY:-0}

fail() {
    echo "FAILED: $*" >&2
    tail -n 3 "$TEST_TMPDIR"/*.err >&2 || true
    echo "FAILED: $*" >&2
    exit 1
}

# experiment FILE [GENERATIONS] [TRIALS]: two islands on a T-maze.
experiment() {
    cat >"$1" <<END
{
    "name": "fleet", "seed": "7",
    "task": { "name": "tmaze", "trials": ${3:-20} },
    "network": { "neurons": 4, "ring": "dense" },
    "evolution": {
        "generations": ${2:-6}, "episodes": 2, "validate_every": 3, "validate_episodes": 4, "migrate_every": 1,
        "islands": [ { "algorithm": "es", "population": 8 }, { "algorithm": "cma", "population": 8 } ]
    },
    "test_episodes": 20
}
END
}

# evolved FILE DIR: evolve on this machine alone; prints the champion's digest.
evolved() {
    "$MODULON" evolve "$1" --out "$2" --json --quiet >"$2.json" || fail "evolve"
    field digest "$2.json"
}

digest_of() { field digest "$1"; } # of a champion's file

# coordinator NAME FILE ARGUMENT...: start one on NAME/, wait for its address. Sets pid, address, vkey, url.
coordinator() {
    local name=$1 file=$2
    shift 2
    : >"$name.out"
    "$MODULON" coordinator "$file" --data "$name" --json "$@" >"$name.out" 2>>"$name.err" &
    pid=$!
    listens "$pid" "$name"
    url=${address%#*}
}

# worker NAME ADDRESS ARGUMENT...: start one with key and data of that name. Sets worker_pid.
worker() {
    local name=$1 at=$2
    shift 2
    "$MODULON" worker --coordinator "$at" --key "$name.key" --data "$name" --threads 1 --status 10 "$@" \
        >>"$name.log" 2>>"$name.err" &
    worker_pid=$!
    ours+=("$worker_pid")
}

# ends PID: wait for a process; its exit status is `code`.
ends() {
    local i
    for ((i = 0; i < patience * 20; i++)); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.05
    done
    kill -0 "$1" 2>/dev/null && fail "process $1 has not ended after $patience s"
    code=0
    wait "$1" || code=$?
}

# Programs write to files, not into pipes: with pipefail, a reader that stops early would be a failure.
generation() {
    local text
    text=$("$MODULON" status --data "$1" --json) || return 1
    text=${text#*\"generation\":}
    echo "${text%%[!0-9]*}"
}

# certificate NAME: NAME.pem and NAME.pem.key for localhost. 1 without openssl.
certificate() {
    openssl version >/dev/null 2>&1 || return 1
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.pem.key" -out "$1.pem" \
        -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>openssl.err ||
        fail "openssl: $(cat openssl.err)"
}

# reaches NAME GENERATION
reaches() {
    local i
    for ((i = 0; i < patience * 10; i++)); do
        [ "$(generation "$1" 2>/dev/null || echo -1)" -ge "$2" ] && return
        sleep 0.1
    done
    fail "generation $2 was not reached within $patience s: $("$MODULON" status --data "$1" 2>&1)"
}

# audited DIR VKEY: all of it, every result computed again.
audited() {
    "$MODULON" audit "$1" --vkey "$2" --full --quiet --json >audit.out 2>audit.err || fail "audit: $(cat audit.out)"
    grep -q '"ok":true' audit.out && grep -q '"ended":true' audit.out || fail "audit: $(cat audit.out)"
}

# receipts_hold LEDGER WORKER...: every receipt of these workers is in the ledger, at its place. Sets receipts.
receipts_hold() {
    local ledger=$1 w
    shift
    for w in "$@"; do find "$w/receipts" -name '*.tlog-proof'; done >held.txt
    receipts=$("$FLEET/receipts" "$ledger" held.txt 2>receipts.err) || fail "$(cat receipts.err)"
    [ "$receipts" -gt 0 ] || fail "no worker holds a receipt"
}

# logged NAME TEXT: a coordinator's or worker's output holds TEXT.
logged() { grep -aqsF -- "$2" "$1.out" "$1.err" "$1.log"; }
