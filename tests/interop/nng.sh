#!/usr/bin/env bash
# nng's sockets and ours, each on either side, over tcp, ipc, tls+tcp and ws. Exit 77: built without nng.
set -euo pipefail
program=${INTEROP:?the folder of the helper programs}/nng
if [ ! -x "$program" ]; then
    echo "no nng"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
TMPDIR=$work "$program"
