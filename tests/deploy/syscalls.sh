# Every system call that coordinator and worker make in a small run is one that their units allow, and every socket
# is of an allowed family. As another user than root, as under systemd.
source tests/deploy/lib.bash
need strace systemd-analyze
as=()
if [ "$(id -u)" -eq 0 ]; then
    need setpriv
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs)
    chown 65534:65534 "$TEST_TMPDIR"
    # The build folder may be root's own.
    cp "$MODULON" "$TEST_TMPDIR/modulon"
    MODULON=$TEST_TMPDIR/modulon
fi
"${as[@]}" strace -f -o /dev/null true 2>/dev/null || skip "strace may not trace here"
cat >"$TEST_TMPDIR/small.json" <<'JSON'
{
    "name": "small", "seed": "11", "task": { "name": "tmaze", "trials": 20 },
    "network": { "neurons": 4, "ring": "dense" },
    "evolution": { "generations": 4, "episodes": 2, "islands": [ { "algorithm": "es", "population": 8 } ] },
    "test_episodes": 20
}
JSON
chmod 644 "$TEST_TMPDIR/small.json"
port=$(free_port)
cd "$TEST_TMPDIR"
"${as[@]}" timeout 60 strace -f -qq -o coordinator.trace "$MODULON" coordinator small.json --data c \
    --listen "tcp://127.0.0.1:$port" --http "localhost:$((port + 2))" --admission open:4 --once >c.out 2>c.err &
coordinator=$!
wait_for c.out '^vkey '
key=$(sed -n 's/^address .*#//p' c.out)
"${as[@]}" "$MODULON" status --data c >/dev/null
# A name, not a number, so that the resolver is used as well.
"${as[@]}" timeout 60 strace -f -qq -o worker.trace "$MODULON" worker --coordinator "tcp://localhost:$port#$key" \
    --nice 5 --threads 2 --throttle 90 --key w.key --data w >w.out 2>w.err || { cat w.err >&2; fail "the worker"; }
wait "$coordinator" || { cat c.err >&2; fail "the coordinator"; }
cd - >/dev/null

# calls SET: the names in one of systemd's sets, sets in it taken apart.
calls() {
    local name
    for name in $(systemd-analyze syscall-filter "$1" | sed -e 1d -e '/#/d'); do
        case $name in @*) calls "$name" ;; *) echo "$name" ;; esac
    done
}

for kind in coordinator worker; do
    unit=deploy/systemd/modulon-$kind@.service.in
    : >"$TEST_TMPDIR/allowed"
    while read -r filter; do
        for word in ${filter#\~}; do
            case $word in @*) calls "$word" ;; *) echo "$word" ;; esac
        done | sort -u >"$TEST_TMPDIR/named"
        case $filter in
        \~*) # the sign holds for the whole line
            sort -u "$TEST_TMPDIR/allowed" | comm -23 - "$TEST_TMPDIR/named" >"$TEST_TMPDIR/next" ;;
        *) sort -u "$TEST_TMPDIR/allowed" "$TEST_TMPDIR/named" >"$TEST_TMPDIR/next" ;;
        esac
        mv "$TEST_TMPDIR/next" "$TEST_TMPDIR/allowed"
    done < <(sed -n 's/^SystemCallFilter=//p' "$unit")
    sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$TEST_TMPDIR/$kind.trace" | sort -u >"$TEST_TMPDIR/used"
    [ "$(wc -l <"$TEST_TMPDIR/used")" -gt 30 ] || fail "the trace of the $kind is too short"
    refused=$(comm -23 "$TEST_TMPDIR/used" "$TEST_TMPDIR/allowed")
    [ -z "$refused" ] || fail "modulon-$kind@ does not allow: $refused"
    for family in $(sed -nE 's/.*socket(pair)?\((A[FP]_[A-Z0-9]+).*/\2/p' "$TEST_TMPDIR/$kind.trace" | sort -u); do
        grep '^RestrictAddressFamilies=' "$unit" | grep -qw "$family" || fail "modulon-$kind@ refuses $family"
    done
    ! grep -E '(mmap|mprotect)\(.*PROT_WRITE\|PROT_EXEC' "$TEST_TMPDIR/$kind.trace" ||
        fail "the $kind wants memory that it can write and execute"
    echo "$kind: $(wc -l <"$TEST_TMPDIR/used") system calls, all allowed"
done
