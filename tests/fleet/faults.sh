# Bad networks between workers and coordinator (tests/fleet/proxy.c): connections dropped, 2 s of delay each way,
# half-open sockets, requests doubled, reordered and sent again later; dropped and half-open over TLS as well. Each kind of network has a coordinator and
# two workers of its own; a worker with a good connection comes late and brings the slow ones to an end. The champion
# is the same bytes, nothing acknowledged is lost, nobody is taken for a liar.
. tests/fleet/lib.bash
cd "$TEST_TMPDIR"
unhelped_s=30 generations=12
[ "$long" = 1 ] && unhelped_s=600 generations=60
seed=${FLEET_SEED:-1}
experiment small.json $generations 40
want=$(evolved small.json alone)
faults=(drop delay halfopen repeat)
tls=
if certificate ours; then
    faults+=(drop-tls halfopen-tls)
else
    tls="; TLS not tried: no openssl"
fi
declare -A coordinator_pid proxy_pid key_of home
for fault in "${faults[@]}"; do
    scheme=tcp listen=() dial=()
    if [[ $fault == *-tls ]]; then
        scheme=tls+tcp listen=(--tls-cert ours.pem --tls-key ours.pem.key) dial=(--tls-ca ours.pem)
    fi
    coordinator $fault-ledger small.json --listen $scheme://127.0.0.1:0 "${listen[@]}" --admission open:4 --lease-ms 50 \
        --once
    coordinator_pid[$fault]=$pid key_of[$fault]=$vkey home[$fault]=$address
    "$FLEET/proxy" "${url##*:}" "${fault%-tls}" $seed >$fault.proxy &
    proxy_pid[$fault]=$!
    ours+=($!)
    wait_for test -s $fault.proxy
    for i in 1 2; do
        worker $fault-$i "$scheme://127.0.0.1:$(sed -n 's/^port //p' $fault.proxy)#${address#*#}" --throttle 20 \
            "${dial[@]}"
    done
done
for ((i = 0; i < unhelped_s * 10; i++)); do
    running=0
    for fault in "${faults[@]}"; do kill -0 "${coordinator_pid[$fault]}" 2>/dev/null && running=1; done
    [ $running = 1 ] || break
    sleep 0.1
done
for fault in "${faults[@]}"; do
    helped=
    if kill -0 "${coordinator_pid[$fault]}" 2>/dev/null; then
        helped=", helped from generation $(generation $fault-ledger)"
        dial=()
        [[ $fault == *-tls ]] && dial=(--tls-ca ours.pem)
        worker $fault-helper "${home[$fault]}" "${dial[@]}"
    fi
    ends "${coordinator_pid[$fault]}"
    [ "$code" -eq 0 ] || fail "$fault: the coordinator ended with $code"
    kill -TERM "${proxy_pid[$fault]}"
    wait "${proxy_pid[$fault]}" || true
    got=$(digest_of $fault-ledger/champion.safetensors)
    [ "$got" = "$want" ] || fail "$fault: champion $got, alone $want"
    audited $fault-ledger "${key_of[$fault]}"
    logged $fault-ledger '"event":"equivocation"' && fail "$fault: a repeated request was taken for a lie"
    logged $fault-1 contradict || logged $fault-2 contradict && fail "$fault: the coordinator was taken for a liar"
    receipts_hold $fault-ledger $fault-1 $fault-2
    [ "$(sed -n 's/.*connections, \([0-9]*\) faults.*/\1/p' $fault.proxy)" -gt 0 ] || fail "$fault: no fault came"
    echo "$fault: $(tail -n 1 $fault.proxy), $receipts receipts$helped"
done
echo "same champion $want$tls"
