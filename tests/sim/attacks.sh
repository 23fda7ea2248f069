#!/bin/bash
# docs/SECURITY.md names the tests that mount each attack: every one of them must exist. In the third column of the
# tables `folder/test_x: function` is a function of tests/folder/test_x.c, a function alone one of the program named
# before it, `folder/x.sh` a script; `sim.seeds_*` are the fleets of cmake/tests.cmake. A row without a test says why.
set -eu
document=${1:-docs/SECURITY.md}
rows=0 named=0 bad=0
fail() {
    echo "$document: $1" >&2
    bad=$((bad + 1))
}
while IFS= read -r row; do
    rows=$((rows + 1))
    attack=$(cut -d'|' -f2 <<<"$row" | sed 's/^ *//; s/ *$//')
    column=$(cut -d'|' -f4 <<<"$row")
    file= found=0
    while IFS= read -r name; do
        case $name in
        sim.seeds_\*)
            grep -q 'sim.seeds_' cmake/tests.cmake || fail "$attack: there are no $name"
            ;;
        tests/*)
            [ -d "$name" ] || fail "$attack: there is no folder $name"
            ;;
        */*.sh)
            [ -f "tests/$name" ] || fail "$attack: there is no script tests/$name"
            ;;
        */test_*)
            file=tests/${name%%:*}.c
            [ -f "$file" ] || fail "$attack: there is no program $file"
            function=${name#*: }
            if [ "$function" != "$name" ] && ! grep -qE "(cmocka_unit_test[a-z_]*|SCENE)\($function[),]" "$file"; then
                fail "$attack: $file runs no test $function"
            fi
            ;;
        *)
            if [ -z "$file" ] || ! grep -qE "(cmocka_unit_test[a-z_]*|SCENE)\($name[),]" "$file"; then
                fail "$attack: ${file:-no program} runs no test $name"
            fi
            ;;
        esac
        found=$((found + 1))
    done < <(grep -o '`[^`]*`' <<<"$column" | tr -d '`')
    if [ "$found" = 0 ] && ! grep -q 'out of scope' <<<"$row"; then
        fail "$attack: no test, and no reason why"
    fi
    named=$((named + found))
done < <(sed -n '/^## Attacks/,/^## [^A]/p' "$document" | grep '^| ' | grep -v '^| attack \|^| falsehood ')
echo "$rows attacks, $named tests named, $bad wrong"
[ "$rows" -ge 30 ] && [ "$bad" = 0 ] || exit 1
[ $# = 0 ] || exit 0

# It finds what is wrong: a test, a function and a reason that are not there.
spoilt=$(mktemp)
trap 'rm -f "$spoilt"' EXIT
for change in 's/test_each_kind/test_no_kind/' 's/kill_coordinator.sh/kill_nobody.sh/' 's/out of scope: a fitness/a fitness/' \
    's|protocol/test_session:|protocol/test_nothing:|'; do
    sed "$change" "$document" >"$spoilt"
    ! cmp -s "$document" "$spoilt" || { echo "nothing to spoil by $change" >&2; exit 1; }
    if bash "$0" "$spoilt" >/dev/null 2>&1; then
        echo "not found: $change" >&2
        exit 1
    fi
done
