# A fleet over ipc://, ws:// and tls+tcp:// with a pinned certificate, and every rule of admission: who may, works;
# who may not, is told why.
. tests/fleet/lib.bash
cd "$TEST_TMPDIR"
experiment small.json
want=$(evolved small.json alone)
id=$(sha256sum small.json | cut -d' ' -f1)

# finish NAME: the coordinator ends by itself, with the right champion and a clean audit.
finish() {
    ends "$pid"
    [ "$code" -eq 0 ] || fail "$1: the coordinator ended with $code"
    [ "$(digest_of "$1/champion.safetensors")" = "$want" ] || fail "$1: another champion"
    audited "$1" "$vkey"
}
# turned_away NAME REASON: the worker that was just started ends with status 3 and this reason.
turned_away() {
    ends "$worker_pid"
    [ "$code" -eq 3 ] || fail "$1 ended with $code, not 3"
    logged "$1" "$2" || fail "$1 was not told \"$2\""
}
key_of() { cut -d' ' -f3 "$1"; } # the public key in a key file
new_key() { "$MODULON" keygen --out "$1" >/dev/null 2>&1 || fail "keygen"; }

# ---- transports ----

coordinator ipc small.json --listen "ipc://$PWD/work.sock" --admission open:0 --once
worker by-ipc "$address"
finish ipc

coordinator ws small.json --listen ws://127.0.0.1:0/work --admission open:0 --once
worker by-ws "$address"
finish ws

if certificate ours && certificate theirs; then
    coordinator tls small.json --listen tls+tcp://127.0.0.1:0 --tls-cert ours.pem --tls-key ours.pem.key \
        --admission open:0 --once
    at=${address/127.0.0.1/localhost}
    worker by-tls-theirs "$at" --tls-ca theirs.pem # another certificate is pinned: it never gets in
    worker by-plain-tcp "tcp${at#tls+tcp}"         # nor without TLS
    sleep 2
    "$MODULON" status --data tls --json >status.txt
    grep -q '"workers":0' status.txt || fail "somebody came in without the certificate"
    worker by-tls "$at" --tls-ca ours.pem
    finish tls
    echo "ipc, ws, tls: same champion"
else
    echo "ipc, ws: same champion; tls not tried: no openssl"
fi

# ---- admission ----

# A ticket of 12 bits: the worker finds it by itself.
coordinator open small.json --listen tcp://127.0.0.1:0 --admission open:12 --once
worker by-ticket "$address"
finish open

# An allow-list.
new_key listed.key
new_key owner.key
printf '%s %s %s\n' "$(key_of listed.key)" "$(key_of owner.key)" "a listed worker" >list.txt
coordinator listed-ledger small.json --listen tcp://127.0.0.1:0 --admission list:list.txt --once
worker stranger "$address"
turned_away stranger 'not on the list'
worker listed "$address"
finish listed-ledger
"$MODULON" ledger show listed-ledger --json >shown.txt
grep -q "\"owner\":\"$(key_of owner.key)\"" shown.txt || fail "the owner is not kept"

# Invitations of an owner: bound to a key, until a time.
new_key guest.key
new_key late.key
new_key other-owner.key
"$FLEET/invite" owner.key "$id" "$(key_of guest.key)" >guest.invite
"$FLEET/invite" owner.key "$id" "$(key_of late.key)" 1000 >late.invite
"$FLEET/invite" other-owner.key "$id" "$(key_of late.key)" >forged.invite
coordinator invited small.json --listen tcp://127.0.0.1:0 --admission "invite:$(key_of owner.key)" --once
worker uninvited "$address"
turned_away uninvited 'brought no invitation'
worker thief "$address" --invite guest.invite
turned_away thief 'the invitation is not valid'
worker late "$address" --invite late.invite
turned_away late 'the invitation is not valid'
worker late "$address" --invite forged.invite
turned_away late 'the invitation is not valid'
worker guest "$address" --invite guest.invite
finish invited

# A ban in the middle.
experiment longer.json 60 40
coordinator banned longer.json --listen tcp://127.0.0.1:0 --admission open:0
worker rogue "$address" --throttle 2
reaches banned 1
"$MODULON" ban --data banned "$(key_of rogue.key)" "a test" >/dev/null || fail "ban"
turned_away rogue 'this key is banned'
worker rogue "$address"
turned_away rogue 'this key is banned'
kill -TERM "$pid"
ends "$pid"
echo "ticket, list, invitation, ban: each as it should be"
