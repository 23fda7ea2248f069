# The Dockerfile's steps, one by one, on bare Debian roots made by mmdebstrap, each in a mount, PID and IPC
# namespace of its own; then the image's program proves itself as the image's user. Takes minutes and wants root
# and Debian's mirror: nightly. With MODULON_DOCKERFILE another file is run.
source tests/deploy/lib.bash
need mmdebstrap unshare chroot tar
[ "$(id -u)" -eq 0 ] || skip "not root"
unshare --mount --pid --ipc --fork true 2>/dev/null || skip "no namespaces here"
dockerfile=${MODULON_DOCKERFILE:-Dockerfile}

# What debian:12-slim leaves out, as its own dpkg settings say it.
mmdebstrap --quiet --variant=minbase --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' bookworm "$TEST_TMPDIR/base.tar" 2>"$TEST_TMPDIR/err.txt" ||
    { cat "$TEST_TMPDIR/err.txt" >&2; skip "mmdebstrap made no root"; }

# inside ROOT USER FOLDER COMMAND: as a RUN step.
inside() {
    unshare --mount --pid --ipc --fork bash -euc '
        mount --make-rprivate /
        mount -t proc proc "$0/proc"
        mount -t tmpfs tmpfs "$0/tmp"
        for device in null zero full random urandom; do
            touch "$0/dev/$device"
            mount --bind "/dev/$device" "$0/dev/$device"
        done
        touch "$0/etc/resolv.conf"
        mount --bind /etc/resolv.conf "$0/etc/resolv.conf"
        exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            chroot --userspec="$1" "$0" /bin/sh -c "mkdir -p \"$2\" && cd \"$2\" && $3"' "$1" "$2" "$3" "$4"
}

# One line a step: continued lines joined, comments gone.
sed -e '/^#/d' -e '/^$/d' "$dockerfile" | sed -e ':a' -e '/\\$/N' -e 's/\\\n */ /' -e 'ta' >"$TEST_TMPDIR/steps"
stages=0 root='' user=root folder=/
declare -A stage_of
while read -r word rest; do
    echo "$word $rest"
    case $word in
    FROM)
        case $rest in
        "debian:12-slim" | "debian:12-slim AS "*) ;;
        *) fail "FROM $rest is not what the test's root is" ;;
        esac
        stages=$((stages + 1)) user=root folder=/
        root=$TEST_TMPDIR/root$stages
        stage_of[${rest#* AS }]=$root
        mkdir "$root"
        tar -xf "$TEST_TMPDIR/base.tar" -C "$root"
        ;;
    WORKDIR)
        folder=$rest
        mkdir -p "$root$folder"
        ;;
    USER) user=$rest ;;
    COPY)
        case $rest in
        ". .") sed -e 's,^,./,' .dockerignore >"$TEST_TMPDIR/ignored"
            tar -c --exclude-from="$TEST_TMPDIR/ignored" . | tar -x --no-same-owner -C "$root$folder" ;;
        --from=*)
            read -r from source target <<<"$rest"
            mkdir -p "$root$target"
            cp -a "${stage_of[${from#--from=}]}$source/." "$root$target" ;;
        *) fail "COPY $rest: the test does not know this form" ;;
        esac
        ;;
    RUN)
        inside "$root" "$user" "$folder" "$rest" </dev/null >"$TEST_TMPDIR/out.txt" 2>&1 ||
            { tail -n 40 "$TEST_TMPDIR/out.txt" >&2; fail "RUN $rest"; }
        ;;
    VOLUME | STOPSIGNAL | ENTRYPOINT) ;;
    *) fail "$word: the test does not know this step" ;;
    esac
done <"$TEST_TMPDIR/steps"
[ "$stages" -eq 2 ] || fail "$stages stages"

# The image: its entry point, as its user, in its folder.
[ "$user" != root ] || fail "the image runs as root"
grep -q '^ENTRYPOINT \["modulon"\]$' "$dockerfile" || fail "the entry point is not modulon"
version=$(inside "$root" "$user" "$folder" "modulon --version")
want=$(sed -n 's/^project(modulon VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
[[ $version == "modulon $want, results version "* ]] || fail "the image says: $version"
[ "$(inside "$root" "$user" "$folder" "modulon selftest" | tail -n 1)" = ok ] || fail "selftest in the image"
inside "$root" "$user" "$folder" "modulon keygen --out worker.key" | grep -qx '[0-9a-f]\{64\}' || fail "keygen in the image"
[ -z "$(find "$root" -xdev \( -name gcc -o -name cmake \) -type f -path '*/bin/*')" ] || fail "the image has compilers"
echo "image: $(du -sm "$root" | cut -f1) MiB unpacked"
