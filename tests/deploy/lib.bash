# Sourced by the scripts here. They start at the repository root; MODULON is the program, MODULON_BUILD its build
# folder, TEST_TMPDIR an empty folder.
set -euo pipefail
: "${MODULON:?the path of the program}" "${TEST_TMPDIR:?an empty directory}"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

skip() {
    echo "skipped: $*" >&2
    exit 77
}

need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "no $tool"
    done
}

# free_port: one that nobody listens on; the next one is free as well. Below those that outgoing connections get.
free_port() {
    local port try
    for try in $(seq 50); do
        port=$((12000 + 2 * (RANDOM % 4000)))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null &&
            ! (exec 3<>"/dev/tcp/127.0.0.1/$((port + 1))") 2>/dev/null; then
            echo "$port"
            return 0
        fi
    done
    fail "no free port after $try tries"
}

# wait_for FILE PATTERN: until a line of the file matches; only what fails takes two minutes.
wait_for() {
    local try
    for try in $(seq 1200); do
        if grep -q -- "$2" "$1" 2>/dev/null; then
            return 0
        fi
        sleep 0.1
    done
    cat "$1" >&2 || true
    fail "no \"$2\" in $1 after $((try / 10)) s"
}
