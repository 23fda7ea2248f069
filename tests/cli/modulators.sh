# Neuraxon, and both models with modulators, through every command that takes a champion.
source tests/cli/lib.bash

# three FILE NAME MODEL-KEYS: three regions, two agents, modulators; switches of every kind are genes.
three() {
    cat >"$1" <<END
{
    "name": "$2", "seed": "5", $3
    "task": { "name": "forage", "trials": 60, "agents": 2 },
    "network": { "regions": 3, "neurons": 12, "ring": 4, "sources": 2, "listen": 4, "fan_in": 3, "window": 2,
        "delay": [1, 3], "delay_between": [2, 5] },
    "modulators": { "mechanisms": { "arousal": "gene" } },
    "evolution": { "generations": 2, "episodes": 1, "validate_every": 1, "validate_episodes": 2,
        "islands": [ { "algorithm": "es", "population": 4 }, { "algorithm": "cma", "population": 4 } ] },
    "test_episodes": 10
}
END
}
every='"mechanisms": { "novelty": "gene", "critic": "on", "metaplasticity": "on", "stdp": "gene", "autoreceptor": "on",
    "spontaneous": "on", "oscillators": "on", "homeostasis": "on", "balance": "on", "silent": "on", "structure": "on",
    "modulatory_synapses": "gene" }'
three "$TEST_TMPDIR/direct.json" direct "\"model\": \"neuraxon\", \"neuraxon\": { $every },"
three "$TEST_TMPDIR/indirect.json" indirect "\"model\": \"neuraxon\", \"neuraxon\": { \"encoding\": \"indirect\", $every },"
three "$TEST_TMPDIR/hmn.json" hmn '"hmn": { "mechanisms": { "noise": "gene" } },'

for name in direct indirect hmn; do
    run=$TEST_TMPDIR/$name
    expect 0 "$MODULON" evolve "$run.json" --out "$run" --quiet --threads 1
    expect 0 "$MODULON" evolve "$run.json" --out "$run-2" --quiet --threads 2
    cmp "$run/champion.safetensors" "$run-2/champion.safetensors"
    cmp "$run/champion.json" "$run-2/champion.json"
    expect 0 "$MODULON" export --check "$run/champion.safetensors"
    expect 0 "$MODULON" export "$run" --island 1 --out "$run-island.safetensors"
    expect 0 "$MODULON" export --check "$run-island.safetensors"
    expect 0 "$MODULON" simulate "$run" --windows 5
    grep -q '"levels":{"dopamine":' "$TEST_TMPDIR/out.txt" || fail "$name: no levels"
    [ "$(wc -l <"$TEST_TMPDIR/out.txt")" -eq 5 ] || fail "$name: not five windows"

    # Every mechanism that is on has its row, switches that are genes included; levels can be held.
    expect 0 "$MODULON" ablate "$run" --json --quiet --clamp dopamine=mean,arousal=0.5
    cp "$TEST_TMPDIR/out.txt" "$run-ablate.json"
    rows=$(grep -o '"without":' "$run-ablate.json" | wc -l)
    on=$(sed -n '/"mechanisms"/,/}/p' "$run/champion.json" | grep -c '"on' || true)
    [ "$rows" -eq $((on + 2)) ] || fail "$name: $rows rows for $on mechanisms"
    for row in nothing plasticity receptors noradrenaline dopamine=mean,arousal=0.5; do
        grep -qF "{\"without\":\"$row\",\"mean\":" "$run-ablate.json" || fail "$name: no row $row"
    done

    # A level held where it is anyway changes nothing; eval and ablate hold the same.
    expect 0 "$MODULON" eval "$run" --json --quiet --clamp dopamine=mean,arousal=0.5 --against "$run"
    grep -q '"policy":"against".*"difference":{"mean":0,"sd":0' "$TEST_TMPDIR/out.txt" ||
        fail "$name: a champion differs from itself"
    held=$(sed 's/.*{"policy":"dopamine=mean,arousal=0.5","mean":\([^,]*\),.*/\1/' "$TEST_TMPDIR/out.txt")
    grep -qF "{\"without\":\"dopamine=mean,arousal=0.5\",\"mean\":$held," "$run-ablate.json" ||
        fail "$name: eval and ablate hold differently"
    fixed=$(sed 's/.*{"policy":"fixed","mean":\([^,]*\),.*/\1/' "$TEST_TMPDIR/out.txt")
    grep -qF "{\"without\":\"plasticity\",\"mean\":$fixed," "$run-ablate.json" || fail "$name: fixed is not plasticity"
    expect 0 "$MODULON" eval "$run" --json --quiet --clamp dopamine=mean,arousal=0.5 --threads 1
    cp "$TEST_TMPDIR/out.txt" "$run-1.json"
    expect 0 "$MODULON" eval "$run" --json --quiet --clamp dopamine=mean,arousal=0.5 --threads 3
    cmp "$run-1.json" "$TEST_TMPDIR/out.txt"
done
# What only one model has.
for word in meta0 above below tau; do
    grep -aqF "\"$word\":{\"dtype\"" "$TEST_TMPDIR/direct/champion.safetensors" || fail "no tensor $word"
    grep -aqF "\"$word\":{\"dtype\"" "$TEST_TMPDIR/hmn/champion.safetensors" && fail "a tensor $word of HMN"
done
grep -q '"neuraxon_genes"' "$TEST_TMPDIR/direct/champion.json" || fail "no genes of Neuraxon"
grep -q '"neuraxon_genes"' "$TEST_TMPDIR/hmn/champion.json" && fail "genes of Neuraxon in HMN"
grep -q '"modulator_genes"' "$TEST_TMPDIR/hmn/champion.json" || fail "no genes of the modulators"

# Refused.
small_experiment "$TEST_TMPDIR/plain.json" 1
expect 0 "$MODULON" evolve "$TEST_TMPDIR/plain.json" --out "$TEST_TMPDIR/plain" --quiet
expect 2 "$MODULON" eval "$TEST_TMPDIR/plain" --clamp arousal=0
says "no modulators"
for bad in arousal arousal= arousal=5 arousal=-1 arousal=nan meta=1 arousal=1,arousal=1 arousal=1, ,arousal=1 =1 "arousal=1 "; do
    expect 2 "$MODULON" ablate "$TEST_TMPDIR/hmn" --clamp "$bad"
    says "--clamp is \"$bad\"; allowed: MODULATOR=LEVEL"
done
expect 2 "$MODULON" eval "$TEST_TMPDIR/plain" --against "$TEST_TMPDIR/hmn"
says "its task is not the same"
