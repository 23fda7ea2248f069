# The installed units under a systemd of their own: a Debian root made by mmdebstrap, booted by systemd-nspawn without
# a network. TLS with the drop-in, the coordinator killed once, both stopped in order. Minutes, root, a mirror: nightly.
source tests/deploy/lib.bash
need cmake mmdebstrap systemd-nspawn openssl
: "${MODULON_BUILD:?the build folder}"
[ "$(id -u)" -eq 0 ] || skip "not root"
grep -q 'VERSION_CODENAME=bookworm' /etc/os-release || skip "the program is not built for the root's libraries"
root=$TEST_TMPDIR/root
mmdebstrap --quiet --variant=minbase --include=systemd,dbus,libsodium23,libcjson1,libuv1,libnettle8,libsqlite3-0,libfftw3-double3,libmbedtls14 \
    bookworm "$root" 2>"$TEST_TMPDIR/err.txt" || { cat "$TEST_TMPDIR/err.txt" >&2; skip "mmdebstrap made no root"; }
DESTDIR=$root cmake --install "$MODULON_BUILD" --prefix /usr >/dev/null

etc=$root/etc/modulon
mkdir -p "$etc" "$root/etc/systemd/system/modulon-coordinator@t.service.d"
cp deploy/systemd/coordinator-tls.conf "$root/etc/systemd/system/modulon-coordinator@t.service.d/tls.conf"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
    -keyout "$etc/tls-key.pem" -out "$etc/tls-cert.pem" 2>/dev/null
chmod 600 "$etc/tls-key.pem"
chmod 644 "$etc/tls-cert.pem"
cat >"$etc/experiment.json" <<'JSON'
{
    "name": "small", "seed": "11", "task": { "name": "tmaze", "trials": 20 },
    "network": { "neurons": 4, "ring": "dense" },
    "evolution": { "generations": 60, "episodes": 2, "islands": [ { "algorithm": "es", "population": 8 } ] },
    "test_episodes": 20
}
JSON
# The example's own TLS line, with the instance's name in it.
sed -n -e '/^MODULON_EXPERIMENT=/p' -e '/tls+tcp/s/^#//p' deploy/systemd/coordinator.env |
    sed -e 's/NAME/t/' -e 's/0\.0\.0\.0/127.0.0.1/' -e 's/$/ --admission open:4/' -e '/^MODULON_EXP/s/ .*//' \
        >"$etc/coordinator-t.env"
cat >"$root/usr/local/bin/probe" <<'PROBE'
#!/bin/bash
exec >/probe.log 2>&1
trap 'systemctl poweroff --force' EXIT
set -e
log() { journalctl -o cat -u "modulon-$1@t"; }
until_log() { for _ in $(seq 100); do log "$1" | grep -q -- "$2" && return; sleep 0.2; done; log "$1"; return 1; }
systemctl start modulon-coordinator@t
until_log coordinator '^vkey'
printf 'MODULON_COORDINATOR=%s\nMODULON_OPTIONS=--threads 1 --nice 5 --tls-ca /etc/modulon/tls-cert.pem\n' \
    "$(log coordinator | sed -n 's/^address  //p' | head -n 1)" >/etc/modulon/worker-t.env
systemctl start modulon-worker@t
until_log coordinator 'generation 5 of'
systemctl kill -s KILL modulon-coordinator@t
until_log worker 'the experiment has ended'
echo "restarts $(systemctl show -p NRestarts --value modulon-coordinator@t)"
modulon status --data /var/lib/modulon/coordinator-t | grep '^state'
systemctl stop modulon-coordinator@t
echo "coordinator $(systemctl show -p Result -p ExecMainStatus --value modulon-coordinator@t | paste -sd ' ')"
echo "worker $(systemctl show -p Result -p ExecMainStatus --value modulon-worker@t | paste -sd ' ')"
modulon audit /var/lib/modulon/coordinator-t --vkey /var/lib/modulon/coordinator-t/log.vkey --full --quiet | tail -n 1
modulon worker statement --data /var/lib/modulon/worker-t/data --ledger /var/lib/modulon/coordinator-t | grep '^proofs'
find /var/lib/private/modulon \( -perm /077 -o -user root \) -mindepth 2 | sed 's/^/not its own: /'
echo END
PROBE
chmod 755 "$root/usr/local/bin/probe"
printf '[Service]\nType=exec\nExecStart=/usr/local/bin/probe\n[Unit]\nAfter=basic.target\n' \
    >"$root/etc/systemd/system/probe.service"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../probe.service "$root/etc/systemd/system/multi-user.target.wants/probe.service"
timeout -k 5 120 systemd-nspawn --register=no --keep-unit --quiet --directory="$root" --private-network --boot \
    >"$TEST_TMPDIR/boot.txt" 2>&1 || true
[ -e "$root/probe.log" ] || { cat "$TEST_TMPDIR/boot.txt" >&2; skip "systemd does not boot in a container here"; }
cat "$root/probe.log"
for line in 'restarts 1' 'state       ended' 'coordinator success 0' 'worker success 0' 'ok          nothing false was found' \
    'proofs     [1-9][0-9]* verify, 0 are missing or do not' END; do
    grep -q "^$line" "$root/probe.log" || fail "no \"$line\""
done
! grep 'not its own' "$root/probe.log" || fail "files that the service does not have for itself"
