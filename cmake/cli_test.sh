#!/bin/sh
# Run one test script of the program: cli_test.sh SCRIPT, with MODULON set to
# the program's path. The script starts at the repository root and gets an
# empty directory of its own in TEST_TMPDIR (and TMPDIR), removed afterwards,
# and a host of its own on the loopback in TEST_HOST: what listens there can stop
# and listen on the same port again. On 127.0.0.1 anybody's outgoing connection
# could have taken it.
set -eu
TEST_TMPDIR=$(mktemp -d)
export TEST_TMPDIR TMPDIR="$TEST_TMPDIR"
export TEST_HOST=127.$((64 + $$ / 65536 % 64)).$(($$ / 256 % 256)).$(($$ % 256))
trap 'rm -rf "$TEST_TMPDIR"' EXIT
trap 'exit 1' HUP INT TERM
status=0
bash "$1" || status=$?
exit "$status"
