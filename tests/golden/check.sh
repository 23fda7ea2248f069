#!/bin/bash
# check.sh [--print] COMPILER [FLAG...]
# Compiles core and golden.c with COMPILER and FLAGs and compares the BLAKE2b-256
# digest of each case's bytes with digests.txt (lines: case digest; # comments).
# --print prints such lines instead, to make a new digests.txt:
#
#     tests/golden/check.sh --print gcc -O2 >tests/golden/digests.txt
#
# With TESTS="NAME..." it runs tests/core/NAME.c in place of the cases, against a stand-in for cmocka: how kernels of a
# machine without cmocka are compared with the portable one.
#
# RUNNER, if set, runs a foreign program, e.g. RUNNER=qemu-s390x.
# Exit status 77: the compiler or the runner is not installed.
set -euo pipefail
print=
if [ "${1-}" = --print ]; then
    print=yes
    shift
fi
if [ $# -lt 1 ]; then
    sed -n '2,14s/^# \{0,1\}//p' "$0"
    exit 2
fi
compiler=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
for tool in "$compiler" ${RUNNER-}; do
    if ! command -v "$tool" >/dev/null; then
        echo "$tool is not installed: skipped"
        exit 77
    fi
done
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# The same flags as cmake/flags.cmake; the level and the machine come from the caller.
flags=(-std=c17 -ffp-contract=off -fno-math-errno -fno-trapping-math
    -Wall -Wextra -Wconversion -Wshadow -Werror -I "$root" "$@")
machine=$("$compiler" -dumpmachine)
case $machine in
s390x-*) flags+=(-fexcess-precision=fast) ;; # as in cmake/flags.cmake
esac
sources=()
for source in "$root"/core/*.c; do
    case ${source##*/} in
    *_vec.c) ;; # once per instruction set, below
    *) sources+=("$source") ;;
    esac
done
cd "$temporary"
# kernel NAME SUFFIX FLAG..., as in cmake/layers.cmake
kernel() {
    "$compiler" "${flags[@]}" "${@:3}" -DMDL_KERNEL="$2" -c "$root/core/$1.c" -o "$1_$2.o"
}
case $machine in
x86_64-*)
    flags+=(-DMDL_KERNEL_X86)
    for name in hmn_kernel_vec hmn_lanes_vec lanes_vec neuraxon_kernel_vec neuraxon_lanes_vec; do
        kernel $name v3 -march=x86-64-v3
        kernel $name v4 -march=x86-64-v4 -mprefer-vector-width=512
    done
    for name in hmn_kernel neuraxon_kernel; do
        kernel $name fma -mavx -mfma
    done
    ;;
aarch64-*)
    flags+=(-DMDL_KERNEL_NEON)
    for name in hmn_kernel_vec hmn_lanes_vec lanes_vec neuraxon_kernel_vec neuraxon_lanes_vec; do
        kernel $name neon
    done
    ;;
esac
"$compiler" "${flags[@]}" -c "${sources[@]}"
if [ "${TESTS-}" ]; then
    for name in $TESTS; do
        "$compiler" "${flags[@]}" -I "$here/stand_in" "$root/tests/core/$name.c" ./*.o -o "$name"
        ${RUNNER-} "./$name"
    done
    exit 0
fi
"$compiler" "${flags[@]}" -c "$here/golden.c"
# No -lm: a libm call in core or golden.c does not link.
"$compiler" "$@" ./*.o -o golden

digests() {
    local name digest
    ${RUNNER-} ./golden --list >cases
    while read -r name; do
        digest=$(${RUNNER-} ./golden "$name" | b2sum -l 256)
        echo "$name ${digest%% *}"
    done <cases
}
digests >got
if [ "$print" ]; then
    cat got
    exit 0
fi
sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$here/digests.txt" | sort >want
if [ ! -s want ]; then
    echo "$here/digests.txt holds no case" >&2
    exit 1
fi
sort got | diff -u want - || {
    echo "$compiler $*: digests differ (- expected, + got)" >&2
    exit 1
}
echo "$compiler $*: $(wc -l <got) digests equal"
