# The admin socket while a real run goes on: status, workers, pause, resume, ban, unban, champion, and nonsense.
source tests/operator/lib.bash
experiment x.json 30 700
coordinator run x.json --lease-ms 200 --once
[ "$(stat -c %a run/admin.sock)" = 600 ] || fail "admin.sock is $(stat -c %a run/admin.sock)"
expect 2 "$MODULON" status --data nowhere
says "no coordinator is at work there"
in_state run running || fail "it does not run"

# ---- nonsense does no harm ----
# say TEXT: what comes back for one line.
say() {
    python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(5)
s.connect("run/admin.sock")
s.sendall(os.fsencode(sys.argv[1]) + b"\n")
print(s.makefile().readline().strip())' "$1"
}
deep=$(printf '[%.0s' {1..2000})
for line in '' ' ' 'status' '{' '[]' '"do"' '{"do":7}' '{"Do":"status"}' '{"do":""}' '{"do":"burn"}' '{"do":"ban"}' \
    '{"do":"ban","key":"00"}' '{"do":"ban","key":7}' '{"do":"unban","key":"xyz"}' "$deep" $'\xff\xfe' \
    "{\"do\":\"ban\",\"key\":\"$(printf '%064d' 0)\"}" \
    "{\"do\":\"pause\",\"reason\":\"$(printf '%0300d' 0)\"}" '{"do":"pause","reason":"a\u0007b"}'; do
    answer=$(say "$line")
    [[ $answer == '{"ok":false,"error":"'?* ]] || fail "to ${line:0:60} it says: $answer"
done
[[ $(say "$(printf '%05000d' 0)") == *"too long"* ]] || fail "5000 bytes were not too long"
[[ $(say '{"do":"status"}') == '{"ok":true,'* ]] || fail "no status after nonsense"
python3 -c '
import socket
s = [socket.socket(socket.AF_UNIX) for i in range(40)]
for one in s:
    one.connect("run/admin.sock")  # and nothing more
s[3].send(b"{\"do\":")'
in_state run running || fail "silent visitors closed the door"

# ---- two workers, one of them to be banned ----
worker good "$address"
good=$worker_pid
worker bad "$address"
bad=$worker_pid
wait_for at_least run workers 2
wait_for at_least run generation 3 # the first validation: there is a champion
good_key=$(sed -n 's/^modulon: worker \([0-9a-f]\{64\}\),.*/\1/p' good.err)
bad_key=$(sed -n 's/^modulon: worker \([0-9a-f]\{64\}\),.*/\1/p' bad.err)
expect 0 "$MODULON" workers --data run
grep -q "^${good_key:0:16} .* here " out.txt && grep -q "^${bad_key:0:16} .* here " out.txt || fail "$(cat out.txt)"
expect 0 "$MODULON" workers --data run --json
grep -q "\"key\":\"$bad_key\"" out.txt || fail "no key: $(cat out.txt)"
expect 0 "$MODULON" status --data run
for line in experiment state generation workers ledger credit vkey; do grep -q "^$line " out.txt || fail "no $line"; done

# ---- pause: nothing is granted, and the workers are told why they idle ----
expect 0 "$MODULON" pause --data run "moving house"
in_state run paused || fail "it is not paused"
expect 2 "$MODULON" pause --data run
says "so already"
wait_for is run jobs_leased 0
wait_for grep -q "the coordinator is paused" good.err
# What it had begun to check itself is still written down; then nothing comes.
quiet() {
    at_least run jobs_leased 0
    local records
    records=$(field records status.run)
    sleep 1
    at_least run jobs_leased 0
    [ "$(field records status.run)" = "$records" ]
}
wait_for quiet # or records came while it was paused
kill -0 $good && kill -0 $bad || fail "a worker left because of a pause"
expect 0 "$MODULON" champion --data run
[ "$(cat out.txt)" = run/champion.safetensors ] || fail "champion: $(cat out.txt)"
expect 0 "$MODULON" export --check run/champion.safetensors
expect 0 "$MODULON" resume --data run
wait_for at_least run jobs_leased 1

# ---- ban: its leases are taken back, its results refused; it stops and says why ----
holds_lease() { "$MODULON" workers --data run --json | grep -q "\"key\":\"$bad_key\"[^}]*\"leases\":[1-9]"; }
# Stopped in the middle of its work, so that the ban finds it with a lease whatever the machine's speed.
caught() {
    kill -STOP $bad
    sleep 0.1 # what was on its way is in
    holds_lease && return
    kill -CONT $bad
    return 1
}
wait_for caught
expect 0 "$MODULON" ban --data run "$bad_key" "wrong results"
kill -CONT $bad
ends $bad 3
grep -q "refused: this key is banned" bad.err || fail "the banned worker says: $(tail -n 3 bad.err)"
expect 2 "$MODULON" ban --data run "$bad_key"
says "so already"
is run banned 1 || fail "nobody is banned"
expect 0 "$MODULON" workers --data run
grep -q "^${bad_key:0:16} .* banned " out.txt || fail "not shown as banned"
worker bad "$address"
ends "$worker_pid" 3 # nor may it come again
expect 0 "$MODULON" ledger show run --json
grep '"type":"admin"' out.txt | grep "\"action\":\"ban\".*\"wrong results\"" >/dev/null || fail "no record of the ban"
banned_at=$(grep '"action":"ban"' out.txt | grep -o '"index":[0-9]*' | cut -d: -f2)
awk -v at="$banned_at" -F'[:,]' '$2 > at' out.txt >after.txt
! grep -q "\"type\":\"result\",\"key\":\"$bad_key\"" after.txt || fail "a result of a banned worker was taken"
expect 0 "$MODULON" ledger show run
grep -q "expire .*the operator or a ban took the lease back" out.txt || fail "its lease was not taken back"
[ "$(field rejected status.run)" -gt 0 ] || fail "nothing of it was refused"

# ---- unban: it works again, and the run ends as if nothing had been ----
expect 0 "$MODULON" unban --data run "$bad_key" "it was the memory"
worker bad "$address"
bad=$worker_pid
ends $good 0
ends $bad 0
ends "$pid" 0
[ ! -e run/admin.sock ] || fail "admin.sock is left"
[ "$(digest_of run/champion.safetensors)" = "$(evolved x.json)" ] || fail "another champion"
expect 0 "$MODULON" audit run --vkey "$vkey" --sample 0.2 --quiet
expect 0 "$MODULON" ledger show run --json
expected="pause resume ban unban"
[ "$(grep -o '"action":"[a-z]*"' out.txt | cut -d'"' -f4 | tr '\n' ' ')" = "$expected " ] || fail "not $expected"
