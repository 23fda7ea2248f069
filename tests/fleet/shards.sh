# Networks cut into shards and played by workers over the real protocol: the champion is that of one process, whatever
# the cut, the window and the number of workers, and an audit computes every result again. States are digested in every
# window. Promise P2. Nightly: networks of 1,000,000 synapses and more, 1, 2, 4 and 8 shards, 1 to 4 workers, windows of
# 1, 8 and 32 steps, both models.
. tests/fleet/lib.bash
. tests/fleet/shards.bash
cd "$TEST_TMPDIR"

# play NAME FILE WORKERS SECONDS WANT
play() {
    local i
    coordinator "$1" "$2" --listen tcp://$TEST_HOST:0 --admission open:0 --once --quiet
    for ((i = 0; i < $3; i++)); do worker "$1-w$i" "$address"; done
    ends "$pid" "$4"
    [ "$code" -eq 0 ] || fail "$1: the coordinator ended with $code: $(tail -n 3 "$1.err")"
    [ "$(digest_of "$1/champion.safetensors")" = "$5" ] || fail "$1: another champion"
    joined "$1"
    for ((i = 0; i < $3; i++)); do
        ! logged "$1-w$i" "] rejected" || fail "$1: a result was refused: $(tail -n 3 "$1-w$i.err")"
    done
}

# cuts MODEL SHARDS WINDOW WORKERS SECONDS: one process does it once for all cuts of a network.
cuts() {
    local name=$1-$2-$3-$4
    sharded "$name.json" "$1" "$2" "$3" "${verification:-}"
    local alone=alone-$1-$3
    [ -d "$alone" ] || evolved "$name.json" "$alone" >"$alone.digest"
    local began=$SECONDS
    play "$name" "$name.json" "$4" "$5" "$(cat "$alone.digest")"
    audited "$name" "$vkey"
    echo "$1: $2 shards, windows of $3, $4 workers: $jobs jobs," \
        "champion $(head -c 16 "$alone.digest"), $((SECONDS - began)) s"
    [ "$long" != 1 ] || rm -rf "$name" "$name"-w*
}

cuts hmn 3 3 2 60
cuts neuraxon 8 1 3 60
if [ "$long" = 1 ]; then
    # Each number of shards meets each number of workers.
    verification='"verification": "off",' neurons=2048 ring=64 listen=256 fan_in=2 generations=1 episodes=1 tests=1
    population=4
    rm -rf alone-*
    at=0
    for model in hmn neuraxon; do
        [ "$model" = hmn ] && encoding='"hmn": { "encoding": "indirect" },' || encoding=
        for window in 1 8 32; do
            [ "$window" = 1 ] && trials=4 || trials=2
            for shards in 1 2 4 8; do
                cuts "$model" "$shards" "$window" $((1 + at % 4)) 900
                at=$((at + 1))
            done
            at=$((at + 1))
        done
    done
    echo "24 cuts of networks of 1,000,000 synapses and more"
fi
