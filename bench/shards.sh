#!/usr/bin/env bash
# bench/shards.sh BUILD [SECONDS]: how well shards hide latency. A coordinator, one worker with one thread that holds all
# shards, and a network between them that takes 0, 10 or 50 ms each way (tests/fleet/proxy.c); windows of 1, 8 and 32
# steps. Columns: shards held; windows of a shard a second; wall time of one; the share of the thread's time in which one
# was run, and what docs/SCALING.md predicts; CPU time a window of the whole worker and of the coordinator; the same
# windows' CPU time in one process; their ratio times the share: the efficiency. SECONDS (15) for each row. More in the environment: SHARDS (4), CANDIDATES (12), LATENCIES, WINDOWS,
# MODEL (hmn), NEURONS a region (2048), RING (64): 8 regions.
set -euo pipefail
build=$(cd "${1:?usage: bench/shards.sh BUILD [SECONDS]}" && pwd)
seconds=${2:-15}
modulon=$build/modulon proxy=$build/tests/fleet/proxy
shards=${SHARDS:-4} candidates=${CANDIDATES:-12} model=${MODEL:-hmn} neurons=${NEURONS:-2048} ring=${RING:-64}
work=$(mktemp -d)
ours=()
finish() {
    for p in "${ours[@]}"; do kill "$p" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
[ -n "${KEEP:-}" ] || trap finish EXIT
cd "$work"

# experiment FILE WINDOW TRIALS SHARDING
experiment() {
    local encoding=
    [ "$model" = hmn ] && encoding='"hmn": { "encoding": "indirect" },'
    cat >"$1" <<END
{ "name": "latency", "seed": "5", "model": "$model", "task": { "name": "tmaze", "trials": $3 },
  "network": { "regions": 8, "neurons": $neurons, "ring": $ring, "sources": 2, "listen": 256, "fan_in": 2,
               "window": $2 },
  $encoding "sharding": $4, "verification": "off",
  "evolution": { "generations": 1, "episodes": 1, "islands": [ { "algorithm": "es", "population": $candidates } ] } }
END
}

number() { grep -o "\"$1\":\"\{0,1\}[0-9.e+-]*" "$2" | tail -n "${3:-1}" | head -n 1 | sed 's/.*[:"]//'; }

# cpu PID: clock ticks that a process has used.
cpu() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }
tick=$(getconf CLK_TCK)

# alone WINDOW: CPU milliseconds of one process for a window of one shard: the difference of two runs, so without wiring.
alone() {
    local t u=() c=() TIMEFORMAT=%U
    for t in 1 4; do
        experiment "alone.json" "$1" $t '"off"'
        rm -rf alone
        c+=("$({ time "$modulon" evolve alone.json --out alone --threads 1 --json --quiet >alone.out; } 2>&1)")
        u+=("$(number updates alone.out)")
    done
    awk -v u1="${u[0]}" -v u2="${u[1]}" -v c1="${c[0]}" -v c2="${c[1]}" -v w="$1" -v s="$shards" -v n="$neurons" -v r="$ring" \
        'BEGIN { printf "%.4g", 1000 * (c2 - c1) / (u2 - u1) * w * 8 * n * r / s }'
}

printf '%s, %s neurons in 8 regions, %s shards, %s candidates, one thread\n' "$model" $((8 * neurons)) "$shards" "$candidates"
printf '%6s %8s %5s %10s %9s %6s %9s %7s %6s %6s %10s\n' window 'each way' held 'windows/s' 'wall ms' busy predicted 'worker' 'coord' 'alone' efficiency
for window in ${WINDOWS:-1 8 32}; do
    one=$(alone "$window")
    for latency in ${LATENCIES:-0 10 50}; do
        name=$window-$latency
        experiment "$name.json" "$window" 10000 "{ \"shards\": $shards, \"snapshot_windows\": 0 }"
        "$modulon" coordinator "$name.json" --data "$name" --listen tcp://127.0.0.1:0 --admission open:0 --json --quiet \
            >"$name.out" 2>"$name.err" &
        coordinator=$!
        ours+=("$coordinator")
        for _ in $(seq 200); do grep -q listening "$name.out" && break || sleep 0.1; done
        address=$(sed -n 's/.*"addresses":\["\([^"]*\)".*/\1/p' "$name.out")
        url=${address%#*}
        "$proxy" "${url##*:}" "delay=$latency" 1 >"$name.proxy" &
        ours+=("$!")
        for _ in $(seq 100); do [ -s "$name.proxy" ] && break || sleep 0.05; done
        "$modulon" worker --coordinator "tcp://127.0.0.1:$(sed -n 's/^port //p' "$name.proxy")#${address#*#}" --threads 1 \
            --key "$name.key" --data "$name.worker" --status 1 --json >"$name.log" 2>"$name.log.err" &
        worker=$!
        ours+=("$worker")
        for _ in $(seq 600); do # until it holds all that there is
            held=$(number shards "$name.log" 2>/dev/null || echo 0)
            [ "${held:-0}" -ge $((shards * candidates < 48 ? shards * candidates : 48)) ] && break || sleep 0.2
        done
        sleep 3
        cpu_before=$(cpu "$worker") && cpu_coordinator=$(cpu "$coordinator") && windows_before=$(number windows "$name.log")
        before_lines=$(grep -c '"kind":"status"' "$name.log" || true)
        sleep "$seconds"
        cpu_after=$(cpu "$worker") && cpu_coordinator=$(($(cpu "$coordinator") - cpu_coordinator))
        windows=$(($(number windows "$name.log") - windows_before))
        grep '"kind":"status"' "$name.log" | tail -n +$((before_lines + 1)) >"$name.rows"
        kill "$worker" "$coordinator" 2>/dev/null || true
        wait "$worker" "$coordinator" 2>/dev/null || true
        awk -v w="$window" -v l="$latency" -v held="${held:-0}" -v cw=$((cpu_after - cpu_before)) -v cc=$cpu_coordinator \
            -v done=$windows -v tick="$tick" -v one="$one" '
            match($0, /"windows_per_second":[0-9.e+-]+/) { r += substr($0, RSTART + 21, RLENGTH - 21); n++ }
            match($0, /"shards_waited":[0-9.e+-]+/) { x += substr($0, RSTART + 16, RLENGTH - 16) }
            END { if (n == 0) { print "no measurement"; exit }
                  rate = r / n; busy = 1 - x / n; t = busy / rate
                  over = 0.004; need = (t + 2 * l / 1000 + over) / t; p = held / need; if (p > 1) p = 1
                  cw = 1000 * cw / tick / done; cc = 1000 * cc / tick / done
                  printf "%6d %5d ms %5d %10.1f %9.2f %5.0f%% %8.0f%% %7.2f %6.2f %6.2f %9.0f%%\n", w, l, held, rate,
                         1000 * t, 100 * busy, 100 * p, cw, cc, one, 100 * busy * one / cw }' "$name.rows"
    done
done
