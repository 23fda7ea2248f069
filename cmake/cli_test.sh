#!/bin/sh
# Run one test script of the program: cli_test.sh SCRIPT, with MODULON set to
# the program's path. The script starts at the repository root and gets an
# empty directory of its own in TEST_TMPDIR (and TMPDIR), removed afterwards.
set -eu
TEST_TMPDIR=$(mktemp -d)
export TEST_TMPDIR TMPDIR="$TEST_TMPDIR"
trap 'rm -rf "$TEST_TMPDIR"' EXIT
trap 'exit 1' HUP INT TERM
status=0
bash "$1" || status=$?
exit "$status"
