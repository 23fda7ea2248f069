# The coordinator's directory on a small tmpfs, which fills up. It says so clearly, acknowledges nothing that it
# cannot keep, goes on by itself when there is room, and loses nothing: the champion is the same bytes. Then the same
# with a kill -9 while the disk is full. Needs root and namespaces.
. tests/fleet/lib.bash
cd "$TEST_TMPDIR"
if [ -z "${FLEET_MOUNTS:-}" ]; then
    [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || exit 77
    cd - >/dev/null
    trap - EXIT
    FLEET_MOUNTS=1 exec unshare -m bash "$0"
fi
mkdir small-disk
mount -t tmpfs -o size=32m modulon-test small-disk || exit 77
generations=60
[ "$long" = 1 ] && generations=300
experiment small.json $generations 30
want=$(evolved small.json alone)

# Take what is left on the disk but for $1 kB.
fill() {
    local free
    free=$(df -k --output=avail small-disk | tail -n 1 | tr -d ' ')
    head -c $(((free > $1 ? free - $1 : 0) * 1024)) /dev/zero >small-disk/ballast 2>/dev/null || true # the ledger grows meanwhile
}
said() { for _ in $(seq $((patience * 10))); do grep -aqF "$1" small.out && return; sleep 0.1; done; fail "it never said \"$1\""; }
records() {
    local text
    text=$("$MODULON" status --data small-disk/ledger --json)
    text=${text#*\"durable\":}
    text=${text#\"}
    echo "${text%%[!0-9]*}"
}

start() {
    : >small.out
    "$MODULON" coordinator small.json --data small-disk/ledger --listen "${listen:-tcp://$TEST_HOST:0}" \
        --admission open:0 --lease-ms 50 --once --json >>small.out 2>>small.err &
    pid=$!
    ours+=("$pid")
    said '"event":"listening"'
    address=$(sed -n 's/.*"addresses":\["\([^"]*\)".*/\1/p' small.out | head -n 1)
    vkey=$(field vkey small.out)
    listen=${address%#*}
}
start
worker a "$address" --throttle 10
worker b "$address" --throttle 10
reaches small-disk/ledger 3
fill 64
said '"event":"disk_full"'
grep -a '"event":"disk_full"' small.out | head -n 1
"$MODULON" status --data small-disk/ledger >status.txt
grep -q '^state .*: cannot write' status.txt || fail "status does not say what the trouble is"
before=$(records)
sleep 3
[ "$(records)" = "$before" ] || fail "records without room"
receipts_hold small-disk/ledger a b # what was acknowledged is there now
echo "full with $before records durable, $receipts of them receipts"
held=$receipts
rm small-disk/ballast
said '"event":"store"'
reaches small-disk/ledger 12

# Full again, and killed. Started on the full disk it may refuse; with room it goes on.
: >small.out
fill 32
said '"event":"disk_full"'
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
"$MODULON" coordinator small.json --data small-disk/ledger --listen "$listen" --admission open:0 --once \
    >full.out 2>full.err &
pid=$!
ours+=("$pid")
sleep 2
kill -9 "$pid" 2>/dev/null || true
wait "$pid" 2>/dev/null || true
rm -f small-disk/ballast
start
worker c "$address"
ends "$pid"
[ "$code" -eq 0 ] || fail "the coordinator ended with $code: $(tail -n 3 small.err)"
got=$(digest_of small-disk/ledger/champion.safetensors)
[ "$got" = "$want" ] || fail "champion $got, alone $want"
audited small-disk/ledger "$vkey"
receipts_hold small-disk/ledger a b c
[ "$receipts" -gt "$held" ] || fail "no work after the disk was full"
echo "$receipts receipts, all in the ledger; champion $want"
