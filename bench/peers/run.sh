#!/bin/bash
# modulon beside its peers on the pinned experiment: bench/peers/run.sh [NEURONS...]
# (256 4096). Environment: MODULON (build/release/modulon), ROUNDS (5), CC (cc),
# PYTHON (/usr/bin/python3, which sees Debian's python3-numpy and python3-brian),
# BRIAN=0 to leave Brian 2 out: it builds for half a minute. GeNN is not in Debian,
# so it is not compared.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
modulon=${MODULON:-$root/build/release/modulon}
sizes=("$@")
[ $# -gt 0 ] || sizes=(256 4096)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
[ -x "$modulon" ] || {
    echo "$modulon is not built: ./dev build, or set MODULON" >&2
    exit 2
}
${CC:-cc} -std=c17 -O2 -o "$temporary/plain" "$here/hmn_plain.c" -lm
export TMPDIR="$temporary" PYTHONDONTWRITEBYTECODE=1
"${PYTHON:-/usr/bin/python3}" "$here/ratios.py" "$modulon" "$root/bench/hmn_pinned.json" "$temporary/plain" \
    "${PYTHON:-/usr/bin/python3}" "${ROUNDS:-5}" "${sizes[@]}"
