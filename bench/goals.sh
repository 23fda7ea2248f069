#!/bin/bash
# Every goal for speed in one table: measured ratio, range, floor, met or missed.
#   bench/goals.sh [PIECE...]     hmn256 hmn4096 neuraxon kernel unit threads workers coordinator (all, about seven minutes)
# Each piece takes less than two minutes. With KEEP=FILE what is measured is added to FILE, and the table is of all
# that FILE holds: so pieces can be run one at a time, when the machine is quiet. `bench/goals.sh table` only prints.
# Environment: MODULON (build/release/modulon), PROTOCOL_BENCH (beside it), ROUNDS (5), and bench/peers/run.sh's.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
export MODULON=${MODULON:-$root/build/release/modulon} ROUNDS=${ROUNDS:-5} PYTHONDONTWRITEBYTECODE=1
protocol=${PROTOCOL_BENCH:-$(dirname "$MODULON")/bench/protocol_bench}
[ -x "$MODULON" ] || {
    echo "$MODULON is not built: ./dev build, or set MODULON" >&2
    exit 2
}
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
export KEEP=${KEEP:-$temporary/kept}
[ ! -d "$KEEP" ] || {
    echo "KEEP=$KEEP is a folder: name a file" >&2
    exit 2
}
pieces=("$@")
[ $# -gt 0 ] || pieces=(hmn256 hmn4096 neuraxon kernel unit threads workers coordinator)
for piece in "${pieces[@]}"; do
    case $piece in
    hmn256) "$here/peers/run.sh" 256 ;;
    hmn4096) "$here/peers/run.sh" 4096 ;;
    neuraxon) "$here/peers/neuraxon.sh" ;;
    kernel) "$MODULON" bench --suite kernel --seconds 40 --json | "$here/goals.py" suite ;;
    unit) "$MODULON" bench --suite unit --seconds 16 --json | "$here/goals.py" suite ;;
    threads) "$MODULON" bench --suite threads --seconds 60 --json | "$here/goals.py" suite ;;
    workers) "$here/goals.py" workers "$MODULON" "$temporary" ;;
    coordinator) "$protocol" 16 | tee "$temporary/protocol" && "$here/goals.py" protocol <"$temporary/protocol" ;;
    table) ;;
    *)
        echo "no piece $piece" >&2
        exit 2
        ;;
    esac
done
"$here/goals.py" table
