#!/usr/bin/env bash
# Go's checksum database code (golang.org/x/mod/sumdb) checks the log vectors of
# the protocol document, which our own tests reproduce byte for byte: notes,
# checkpoints, inclusion and consistency proofs, tile paths, offline proofs. Then a
# small fleet's ledger: over HTTP every record against its tiles, bundles, consistency
# between many sizes, the cosignatures of two witnesses; from the directory its
# checkpoint, offline proofs and the worker's receipts.
# Needs Go and its x/mod sources; never downloads. Exit 77: not installed.
set -euo pipefail
gopath=${MODULON_GOPATH:-/usr/share/gocode}
if ! command -v go >/dev/null || [ ! -d "$gopath/src/golang.org/x/mod/sumdb/tlog" ]; then
    echo "no Go with golang.org/x/mod"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GO111MODULE=off GOPATH="$gopath" GOCACHE="$work/cache" GOFLAGS=-p=2 CGO_ENABLED=0
mkdir "$work/program"
cp tests/interop/go_sumdb.go.txt "$work/program/main.go"
cp tests/interop/go_ledger.go.txt "$work/program/ledger.go"
go build -o "$work/check" "$work/program/main.go" "$work/program/ledger.go"
"$work/check" docs/PROTOCOL.md

export TEST_TMPDIR=$work
. tests/cli/lib.bash
cd "$work"
small_experiment small.json 60
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
field() { sed -n "s/.*\"$2\":\"\([^\"]*\)\".*/\1/p" "$1" | head -n 1; }
start() { # NAME COMMAND...
    local name=$1
    shift
    "$@" >"$name.out" 2>"$name.err" &
    pids+=($!)
    wait_for test -s "$name.out"
}
coordinate=("$MODULON" coordinator --data run --listen tcp://$TEST_HOST:0 --http $TEST_HOST:0 --admission open:1 --json)
start first "${coordinate[@]}" small.json
kill "${pids[0]}" && wait "${pids[0]}" || fail "the coordinator ended badly: $(cat first.err)"
for name in one two; do
    start $name "$MODULON" witness --origin-vkey run/log.vkey --listen $TEST_HOST:0 --data $name --json
done
start second "${coordinate[@]}" --witness "$(field one.out http)#$(field one.out vkey)" \
    --witness "$(field two.out http)#$(field two.out vkey)" --require-quorum
address=$(sed -n 's/.*"addresses":\["\([^"]*\)".*/\1/p' second.out | head -n 1)
timeout "$patience" "$MODULON" worker --coordinator "$address" --key worker.key --data worker --threads 2 \
    >worker.out 2>worker.err || fail "worker: $(tail -n 5 worker.err)"
url=$(field second.out http)
vkeys=$(cat run/log.vkey),$(field one.out vkey),$(field two.out vkey)
printf 'log %s\nwitness one %s\nwitness two %s\ngroup both all one two\nquorum both\n' ${vkeys//,/ } >both.policy
# Until the last checkpoint is cosigned.
cosigned() {
    "$MODULON" audit "$url" --policy both.policy --tier rules --quiet --json >audit.out 2>&1
    grep -q '"ended":true' audit.out
}
wait_for cosigned
"$MODULON" ledger checkpoint run >kept.txt
"$MODULON" ledger proof run 0 --out zero.tlog-proof >/dev/null
"$MODULON" ledger proof run 20 --out twenty.tlog-proof >/dev/null
"$work/check" ledger "${url#http://}" "$vkeys" kept.txt zero.tlog-proof twenty.tlog-proof worker/receipts/*/*.tlog-proof
