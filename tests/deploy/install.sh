# cmake --install: what goes where, under two prefixes and into a DESTDIR.
source tests/deploy/lib.bash
need cmake
: "${MODULON_BUILD:?the build folder}"
for prefix in /usr /usr/local; do
    stage=$TEST_TMPDIR/stage${prefix//\//-}
    DESTDIR=$stage cmake --install "$MODULON_BUILD" --prefix "$prefix" >"$TEST_TMPDIR/log.txt" 2>&1 ||
        { cat "$TEST_TMPDIR/log.txt" >&2; fail "cmake --install"; }
    for file in bin/modulon share/man/man1/modulon.1 lib/systemd/system/modulon-worker@.service \
        lib/systemd/system/modulon-coordinator@.service share/doc/modulon/README.md share/doc/modulon/LICENSE \
        share/doc/modulon/SPEC.md share/doc/modulon/OPERATING.md share/doc/modulon/examples/tmaze.json \
        share/doc/modulon/examples/controls/tmaze-fixed.json share/doc/modulon/examples/systemd/worker.env \
        share/doc/modulon/examples/systemd/coordinator.env share/doc/modulon/examples/systemd/coordinator-tls.conf; do
        [ -s "$stage$prefix/$file" ] || fail "$prefix/$file is missing"
    done
    cmp deploy/man/modulon.1 "$stage$prefix/share/man/man1/modulon.1"
    cmp <("$stage$prefix/bin/modulon" --version) <("$MODULON" --version)
    # Nothing lies elsewhere, and no file names this machine.
    [ -z "$(find "$stage" -type f -not -path "$stage$prefix/bin/modulon" -not -path "$stage$prefix/share/man/*" \
        -not -path "$stage$prefix/share/doc/modulon/*" -not -path "$stage$prefix/lib/systemd/system/*")" ] ||
        fail "files outside the layout: $(find "$stage" -type f)"
    ! grep -rIlF -e "$MODULON_BUILD" -e "$stage" "$stage" || fail "these files name the build folder"
    # The units start this prefix's program and are else the same.
    for unit in modulon-worker@ modulon-coordinator@; do
        cmp <(sed "s,@MODULON_BINDIR@,$prefix/bin,g" "deploy/systemd/$unit.service.in") \
            "$stage$prefix/lib/systemd/system/$unit.service"
        grep -q "^ExecStart=$prefix/bin/modulon " "$stage$prefix/lib/systemd/system/$unit.service" ||
            fail "$unit does not start $prefix/bin/modulon"
    done
    # All of it may be read by everybody.
    [ -z "$(find "$stage" -type f -not -perm -0444)" ] || fail "files that not everybody may read"
done
