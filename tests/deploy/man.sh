# The manual page: every command and every option that the program names, and no others; nothing that groff minds.
source tests/deploy/lib.bash
page=deploy/man/modulon.1
"$MODULON" --help >"$TEST_TMPDIR/help.txt"
mapfile -t commands < <(sed -n 's/^  \([a-z-]*\)  *[a-z].*/\1/p' "$TEST_TMPDIR/help.txt" | grep -vx help)
[ "${#commands[@]}" -ge 20 ] || fail "--help lists ${#commands[@]} commands"
commands+=("analyse activity" "analyse gain" "analyse integration" "analyse dose"
    "worker statement" "ledger show" "ledger proof" "ledger checkpoint" "ledger verify-proof")
for command in "${commands[@]}"; do
    name=${command//-/\\\\-}
    sed -n "/^\.SS $name\$/,/^\.S[SH]/p" "$page" | tr -d '\\' >"$TEST_TMPDIR/section.txt"
    [ -s "$TEST_TMPDIR/section.txt" ] || fail "the manual has no section $command"
    read -ra words <<<"$command"
    "$MODULON" "${words[@]}" --help >"$TEST_TMPDIR/out.txt"
    grep -o '^  --[a-z-]*' "$TEST_TMPDIR/out.txt" | tr -d ' ' | grep -vx -- --help | sort >"$TEST_TMPDIR/want.txt" || true
    sed -nE 's/^\.(BI|B) "?(--[a-z-]+).*/\2/p' "$TEST_TMPDIR/section.txt" | sort >"$TEST_TMPDIR/have.txt"
    diff "$TEST_TMPDIR/want.txt" "$TEST_TMPDIR/have.txt" >&2 || fail "the manual's options of $command"
done
# A section for each command, none for another.
sed -n 's/^\.SS //p' "$page" | tr -d '\\' | sort >"$TEST_TMPDIR/have.txt"
printf '%s\n' "${commands[@]}" | sort | diff - "$TEST_TMPDIR/have.txt" >&2 || fail "the manual's sections"
need groff
groff -man -Tutf8 -ww "$page" 2>"$TEST_TMPDIR/err.txt" >/dev/null
[ ! -s "$TEST_TMPDIR/err.txt" ] || fail "groff: $(cat "$TEST_TMPDIR/err.txt")"
