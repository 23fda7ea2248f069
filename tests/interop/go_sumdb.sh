#!/usr/bin/env bash
# Go's checksum database code (golang.org/x/mod/sumdb) checks the log vectors of
# the protocol document, which our own tests reproduce byte for byte: notes,
# checkpoints, inclusion and consistency proofs, tile paths, offline proofs.
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
go build -o "$work/check" "$work/program/main.go"
"$work/check" docs/PROTOCOL.md
