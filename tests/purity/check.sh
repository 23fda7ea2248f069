#!/bin/bash
# check.sh LIBRARY: the archive of core is pure. It
#   1. needs from outside only what a compiler may call on its own, and
#   2. has no writable global: nothing in .data, .bss, thread-local or common.
# So no malloc, libm, I/O, clock or hidden state can be reached from core, and
# hence none from the step loop. To show that the check can fail, it first has
# to refuse canary.c. CC and NM name the tools.
set -eu
library=$1
here=$(dirname "$0")
CC=${CC:-cc}
NM=${NM:-nm}
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# The mem functions (clang turns memcmp into bcmp where only equality counts) and
# strings' two; distribution compilers add the stack
# protector; __cpu_* is libgcc's table behind __builtin_cpu_supports;
# _GLOBAL_OFFSET_TABLE_ is the linker's.
allowed='memcpy memmove memset memcmp bcmp strcmp strlen __stack_chk_fail
__cpu_model __cpu_indicator_init __cpu_features2 _GLOBAL_OFFSET_TABLE_'

# Prints one line for each broken rule; nothing if the archive is pure.
violations() {
    "$NM" --defined-only --extern-only "$1" | awk 'NF == 3 { print $3 }' | sort -u >"$temporary/defined"
    printf '%s\n' $allowed | sort -u >"$temporary/allowed"
    "$NM" --undefined-only "$1" | awk 'NF == 2 { print $2 }' | sort -u |
        comm -23 - "$temporary/defined" | comm -23 - "$temporary/allowed" | sed 's/^/core needs from outside: /'
    # The sysv format names the section, the only way to tell .data from the
    # read-only-after-relocation .data.rel.ro of constant tables of pointers.
    "$NM" --defined-only --format=sysv "$1" | awk -F '|' '
        NF == 7 {
            gsub(/ /, "", $1); gsub(/ /, "", $3); gsub(/ /, "", $7)
            if ($3 == "C" || $7 == "*COM*" ||
                ($7 ~ /^\.(data|bss|tdata|tbss|ldata|lbss|sdata|sbss)(\.|$)/ && $7 !~ /^\.data\.rel\.ro/))
                print "core has a writable global: " $1 " in " $7
        }'
}

"$CC" -std=c17 -O2 -fPIC -c "$here/canary.c" -o "$temporary/canary.o"
ar rcs "$temporary/canary.a" "$temporary/canary.o"
violations "$temporary/canary.a" >"$temporary/found"
for symbol in malloc canary_counter canary_zero canary_pointer canary_local; do
    if ! grep -q "$symbol" "$temporary/found"; then
        echo "the check does not see $symbol in canary.c" >&2
        exit 1
    fi
done
if grep -q canary_table "$temporary/found"; then
    echo "the check takes a constant table for a writable global" >&2
    exit 1
fi

violations "$library" >"$temporary/found"
if [ -s "$temporary/found" ]; then
    cat "$temporary/found"
    exit 1
fi
echo "$library: pure ($("$NM" --defined-only --extern-only "$library" | awk 'NF == 3' | wc -l) symbols)"
