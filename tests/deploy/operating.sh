# docs/OPERATING.md: its commands are run, in order, in one shell, on a smaller experiment and on free ports; and it
# names every reason with its sentence.
source tests/deploy/lib.bash
need openssl curl
guide=docs/OPERATING.md
rows=0
while IFS=$'\t' read -r name value sentence; do
    grep -qF "| \`$name\` ($value) | $sentence |" "$guide" || fail "$guide lacks $name: $sentence"
    rows=$((rows + 1))
done < <(tr -d '\\\n' <protocol/reason.h | grep -oE 'X\([A-Z_]+, [a-z_]+, [0-9]+, *"[^"]*"\)' |
    sed -E 's/X\([A-Z_]+, ([a-z_]+), ([0-9]+), *"([^"]*)"\)/\1\t\2\t\3/')
[ "$rows" -ge 40 ] && [ "$rows" -eq "$(grep -cE '^\| `[a-z_]+` \([0-9]+\) \|' "$guide")" ] || fail "$rows reasons"

mkdir -p "$TEST_TMPDIR/examples" "$TEST_TMPDIR/bin"
ln -s "$MODULON" "$TEST_TMPDIR/bin/modulon"
cat >"$TEST_TMPDIR/examples/tmaze-quick.json" <<'JSON'
{
    "name": "small", "seed": "11", "task": { "name": "tmaze", "trials": 20 },
    "network": { "neurons": 4, "ring": "dense" },
    "evolution": { "generations": 4, "episodes": 2, "islands": [ { "algorithm": "es", "population": 8 } ] },
    "test_episodes": 20
}
JSON
first=$(free_port) second=$(free_port) third=$(free_port)
{
    echo 'set -euo pipefail'
    # "! command" says that it is refused; the shell alone would not mind if it were not.
    echo "trap 'jobs -p | xargs -r kill 2>/dev/null || true' EXIT"
    sed -n '/^```sh$/,/^```$/{/^```/!p}' "$guide" |
        sed -e "s/:7400/:$first/g" -e "s/:7410/:$second/g" -e "s/:7480/:$third/g" \
            -e 's/^! \(.*\)$/if \1; then echo "not refused: line $LINENO" >\&2; exit 1; fi/'
} >"$TEST_TMPDIR/guide.sh"
[ "$(wc -l <"$TEST_TMPDIR/guide.sh")" -gt 40 ] || fail "too few commands in $guide"
cd "$TEST_TMPDIR"
status=0
PATH=$TEST_TMPDIR/bin:$PATH HOME=$TEST_TMPDIR timeout 150 bash -x guide.sh >guide.out 2>guide.err || status=$?
if [ "$status" -ne 0 ]; then
    tail -n 100 guide.out guide.err c?.log >&2
    fail "the commands of $guide end with $status"
fi
# What the guide says that they say.
for text in 'looking for a ticket of 12 bits' 'this key is not on the list, or brought no invitation' \
    'is a copy: if the original still runs'; do
    grep -qF -- "$text" guide.out guide.err c1.log c2.log || fail "nobody said: $text"
done
cat guide.out
