#!/usr/bin/env bash
# Shards over the wire against one process, with injected latency: a coordinator and two workers of one thread each, as
# processes, beside `modulon evolve --threads 2` on the same experiment. docs/SCALING.md says what the columns mean and
# has the model behind `predicted`.
#
#   bench/shard_fleet.sh            windows of 1, 8, 32 steps; 0, 10, 50 ms each way: about four minutes on two idle cores
#   bench/shard_fleet.sh --quick    1 and 32 steps; 0 and 10 ms: under a minute
#
# MODULON and PROXY: the programs (default build/release/modulon, build/release/tests/fleet/proxy). SHARDS (2), MODEL
# (hmn), NEURONS (1024) of each of 4 regions, SECONDS_A_CELL (8; --quick 3) aimed at, STATES (0): windows between states
# that are uploaded, WINDOWS, DELAYS: lists, CANDIDATES: in flight, instead of what the model asks for.
# Loopback only; every run ends by itself or after a minute and a half.
set -euo pipefail
cd "$(dirname "$0")/.."
MODULON=$(realpath "${MODULON:-build/release/modulon}") PROXY=$(realpath "${PROXY:-build/release/tests/fleet/proxy}")
seconds=8 windows='1 8 32' delays='0 10 50'
case ${1:-} in
--quick) seconds=3 windows='1 32' delays='0 10' ;;
'') ;;
*)
    sed -n '2,13s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
seconds=${SECONDS_A_CELL:-$seconds} windows=${WINDOWS:-$windows} delays=${DELAYS:-$delays}
model=${MODEL:-hmn} shards=${SHARDS:-2} neurons=${NEURONS:-1024} states=${STATES:-0}
workers=2 most=$((48 * workers / shards)) patience=90 # a worker holds 48 shards
root=$(mktemp -d)
cd "$root"
ours=()
# shellcheck disable=SC2317 # the trap calls it
clean() {
    for p in "${ours[@]}"; do kill -9 "$p" || true; done
    wait || true
    cd / && rm -rf "$root"
}
trap 'clean 2>/dev/null' EXIT
ticks=$(getconf CLK_TCK)
TIMEFORMAT='%R %U %S'

calc() { awk "BEGIN { $1 }"; }

# experiment FILE WINDOW POPULATION PULLS [ISLANDS]: a pull takes two windows; one validation job an island.
experiment() {
    local encoding=
    [ "$model" = neuraxon ] || encoding='"hmn": { "encoding": "indirect" },'
    cat >"$1" <<END
{
    "name": "shard-fleet", "seed": "11", "model": "$model",
    "task": { "name": "bandit", "trials": $4 },
    "network": { "regions": 4, "neurons": $neurons, "ring": 64, "sources": 2, "listen": 128, "fan_in": 2,
                 "motor_fan": 4, "window": $2 },
    $encoding
    "sharding": { "shards": $shards, "snapshot_windows": $states },
    "verification": "off",
    "evolution": { "generations": 1, "episodes": 1, "validate_every": 1, "validate_episodes": 1,
                   "islands": [ { "algorithm": "es", "population": $3, "count": ${5:-1} } ] },
    "test_episodes": 1
}
END
}

# alone WINDOW PULLS: 10 jobs in one process. Prints wall and CPU seconds.
alone() {
    rm -rf alone
    experiment alone.json "$1" 4 "$2" 2
    { time "$MODULON" evolve alone.json --out alone --threads $workers --quiet >alone.out 2>alone.err; } 2>alone.time
    awk '{ print $1, $2 + $3 }' alone.time
}

# one_process WINDOW. Sets whole_cpu and whole_wall, ms of a window of a whole network (wall: of one thread).
# Births, self-tests and files are in both runs; their difference is windows.
one_process() {
    local short=4 long=24 wall cpu
    read -r wall0 cpu0 < <(alone "$1" $short)
    read -r wall cpu < <(alone "$1" $long)
    if [ "$(calc "print ($cpu - $cpu0 < 2)")" = 1 ]; then # two seconds of windows at least, as far as lives go
        long=$(calc "d = ($cpu - $cpu0) / ($long - $short); n = $short + (d > 0.001 ? 2.5 / d : 2500); print int(n)")
        read -r wall cpu < <(alone "$1" "$long")
    fi
    whole_cpu=$(calc "print 1000 * ($cpu - $cpu0) / (10 * 2 * ($long - $short))")
    whole_wall=$(calc "print 1000 * $workers * ($wall - $wall0) / (10 * 2 * ($long - $short))")
}

# used PID: seconds of CPU so far.
used() { awk -v t="$ticks" '{ sub(/.*\) /, ""); print ($12 + $13) / t }' "/proc/$1/stat" 2>/dev/null || echo 0; }

# Windows run so far by both workers, with the time of their last status lines: "windows seconds".
played() {
    local w
    for ((w = 0; w < workers; w++)); do grep '"kind":"status".*"windows":".*}$' "w$w.out" 2>/dev/null | tail -n 1; done |
        sed 's/.*T\(..\):\(..\):\([0-9.]*\)Z.*"windows":"\([0-9]*\)".*/\1 \2 \3 \4/' |
        awk '{ n += $4; t += ($1 * 60 + $2) * 60 + $3 } END { print n + 0, NR ? t / NR : 0 }'
}

# fleet WINDOW DELAY CANDIDATES PULLS: one generation over the wire. Sets, in the middle of the run: rate (windows of
# whole networks a second), worker_cpu and home_cpu and between (ms of CPU of the workers, the coordinator and the proxy a window), bytes (a window, both ways),
# copies (of late shards, and jobs begun again: 0 where nobody else uses the machine).
fleet() {
    local w i p0 p1 n0 n1 t0 t1 home0 home1 work0 work1 between0 between1 address url proxy home worker=()
    rm -rf home home.* proxy.out w? w?.*
    experiment fleet.json "$1" $(($3 - 1)) "$4"
    "$MODULON" coordinator fleet.json --data home --listen tcp://127.0.0.1:0 --admission open:0 --once --json \
        >home.out 2>home.err &
    home=$!
    ours=("$home")
    until grep -qs '"event":"listening"' home.out; do
        kill -0 "$home" && sleep 0.05
    done
    address=$(sed -n 's/.*"addresses":\["\([^"]*\)".*/\1/p' home.out | head -n 1) url=${address%#*}
    "$PROXY" "${url##*:}" "delay=$2" 1 >proxy.out &
    proxy=$!
    ours+=("$proxy")
    until grep -qs '^port' proxy.out; do
        kill -0 "$proxy" && sleep 0.05
    done
    local mib=$((($3 * shards + 4) * share * 4 / 3145728 + 1)) # no worker lacks any: their shares are the coordinator's
    for ((w = 0; w < workers; w++)); do
        "$MODULON" worker --coordinator "tcp://127.0.0.1:$(sed -n 's/^port //p' proxy.out)#${address#*#}" --json \
            --status 1 --key "w$w.key" --data "w$w" --threads 1 --memory "$mib" >"w$w.out" 2>"w$w.err" &
        worker+=($!)
        ours+=($!)
    done
    local all=$(($3 * $4 * 2 * shards)) state=before n t
    for ((i = 0; i < patience * 10; i++)); do
        kill -0 "$home" 2>/dev/null || break
        sleep 0.1
        read -r n t < <(played)
        if [ $state = before ] && [ "$n" -gt $((all / 8)) ]; then
            state=within n0=$n t0=$t p0=$EPOCHREALTIME home0=$(used "$home") between0=$(used "$proxy")
            work0=$(calc "print $(used "${worker[0]}") + $(used "${worker[1]}")")
        elif [ $state = within ] && [ "$n" -gt "$n0" ] && [ "$n" -lt $((all * 7 / 8)) ]; then
            n1=$n t1=$t p1=$EPOCHREALTIME home1=$(used "$home") between1=$(used "$proxy")
            work1=$(calc "print $(used "${worker[0]}") + $(used "${worker[1]}")")
        fi
    done
    local code=0
    if kill -0 "$home" 2>/dev/null; then
        echo "windows of $1, $2 ms: not done after $patience s" >&2
    else
        wait "$home" || code=$?
        [ $code = 0 ] || echo "windows of $1, $2 ms: the coordinator ended with $code: $(tail -n 2 home.out home.err w?.err)" >&2
    fi
    copies=$(grep -cE '"event":"(copy|abandon|expire)"' home.out || true)
    kill "$proxy"
    for i in "${worker[@]}"; do kill "$i" 2>/dev/null || true; done
    wait || true
    ours=()
    read -r n t < <(played)
    bytes=$(calc "print $(sed -n 's/.* faults, \([0-9]*\) bytes.*/\1/p' proxy.out) * $shards / ($n > 0 ? $n : 1)")
    if [ -z "${n1:-}" ]; then
        echo "windows of $1, $2 ms: over too soon, $n of $all windows were seen: more SECONDS_A_CELL" >&2
        tail -n 2 w?.out w?.err >&2
        rate=0 worker_cpu=0 home_cpu=0 between=0
        return
    fi
    rate=$(calc "print ($n1 - $n0) / $shards / ($t1 - $t0)")
    between=$(calc "print 1000 * ($between1 - $between0) / ($p1 - $p0) / $rate")
    worker_cpu=$(calc "print 1000 * ($work1 - $work0) / ($p1 - $p0) / $rate")
    home_cpu=$(calc "print 1000 * ($home1 - $home0) / ($p1 - $p0) / $rate")
}

# costs WINDOW: what a window takes at 0 ms, with few candidates. Sets whole_*, cost_* (ms a window) and share (bytes of a
# shard in a worker).
costs() {
    one_process "$1"
    share=$((64 * 1048576))
    local pulls
    pulls=$(calc "n = 1000 * ($seconds / 4 + 3) * $workers / 10 / ($whole_cpu + 0.5); print int(n < 40 ? 40 : n > 2000 ? 2000 : n)")
    fleet "$1" 0 9 "$pulls"
    share=$(sed -n 's/.*"shards":\([1-9][0-9]*\),"shard_memory":"\([0-9]*\)".*/\1 \2/p' w?.out | awk '{ s = $2 / $1; m = s > m ? s : m } END { print int(m) }')
    cost_worker=$worker_cpu cost_home=$home_cpu cost_between=$between
    [ -z "${VERBOSE:-}" ] || echo "window $1: alone $whole_cpu ms of CPU, $whole_wall of a thread; workers $cost_worker, home $cost_home, between $cost_between; $share bytes a shard; $rate/s, $bytes bytes" >&2
}

# model_of DELAY: docs/SCALING.md. Sets most_rate (windows a second that the processors do), cycle (ms of one candidate's
# window when all is idle) and candidates: those that get 95 % of that, as far as workers hold them.
model_of() {
    read -r most_rate cycle candidates < <(awk -v b="$cost_worker" -v c="$cost_home" -v p="$cost_between" -v n=$workers \
        -v cores="$(nproc)" -v s="$shards" -v d="$1" -v most="$most" 'BEGIN {
            rate = 1000 * n / b
            if (c > 0 && 1000 / c < rate) rate = 1000 / c
            if (1000 * cores / (b + c + p) < rate) rate = 1000 * cores / (b + c + p)
            t = (b + c + p) / s + 2 * d
            j = int(19 * (t * rate / 1000 - 1)) + 1
            j += 1 - j % 2
            j = j < 9 ? 9 : j > most ? most - 1 + most % 2 : j
            print rate, t, j
        }')
    candidates=${CANDIDATES:-$candidates}
}

echo "$model, 4 regions of $neurons neurons, 64 synapses each; $shards shards, $workers workers of 1 thread beside evolve with" \
    "$workers threads; $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
row='%6s %5s %5s %9s %9s %6s %6s %9s %8s %8s %8s %8s %6s\n'
# shellcheck disable=SC2059
printf "$row" window delay cand. windows/s predicted eff. pred. bytes/win 'ms alone' workers home 'CPU eff.' copies
for w in $windows; do
    costs "$w"
    for d in $delays; do
        model_of "$d"
        predicted=$(calc "r = $candidates / ($cycle / 1000 + ($candidates - 1) / $most_rate); print (r < $most_rate ? r : $most_rate)")
        pulls=$(calc "n = $seconds * $predicted / $candidates / 2; print int(n < 16 ? 16 : n > 9000 ? 9000 : n)")
        fleet "$w" "$d" "$candidates" "$pulls"
        # shellcheck disable=SC2059
        printf "$row" "$w" "$d" "$candidates" "$(calc "printf \"%.1f\", $rate")" "$(calc "printf \"%.1f\", $predicted")" \
            "$(calc "printf \"%.2f\", $rate * $whole_wall / 1000 / $workers")" \
            "$(calc "printf \"%.2f\", $predicted * $whole_wall / 1000 / $workers")" "$(calc "printf \"%.0f\", $bytes")" \
            "$(calc "printf \"%.2f\", $whole_cpu")" "$(calc "printf \"%.2f\", $worker_cpu")" \
            "$(calc "printf \"%.2f\", $home_cpu")" \
            "$(calc "t = $worker_cpu + $home_cpu; printf \"%.2f\", (t > 0 ? $whole_cpu / t : 0)")" "$copies"
    done
done
