#!/bin/bash
# modulon's Neuraxon beside Neuraxon v1's rules in Python and in C: bench/peers/neuraxon.sh
# Environment: MODULON (build/release/modulon), ROUNDS (5), CC (cc), PYTHON (python3).
# The two peers step the same network to the same bits, which is checked first. Their
# rules are v1's (docs/SPEC.md, chapter 11), modulon's those of chapter 13: the same
# kind of work a synapse, not the same equations.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
modulon=${MODULON:-$root/build/release/modulon}
python=${PYTHON:-python3}
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
[ -x "$modulon" ] || {
    echo "$modulon is not built: ./dev build, or set MODULON" >&2
    exit 2
}
${CC:-cc} -std=c17 -O2 -ffp-contract=off -I "$root" -o "$temporary/plain" "$here/neuraxon_plain.c" \
    "$root/core/neuraxon_v1.c"
export PYTHONDONTWRITEBYTECODE=1
[ "$("$temporary/plain" 300 60 check)" = "$("$python" "$here/neuraxon_v1.py" 300 60 check)" ] || {
    echo "the peers differ" >&2
    exit 1
}
"$python" "$here/neuraxon_ratios.py" "$modulon" "$root/bench/neuraxon_pinned.json" "$temporary/plain" "${ROUNDS:-5}"
