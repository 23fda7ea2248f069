# A Neuraxon from experiment file to champion: evolve on one thread and two, eval,
# export, ablate, with switches that are genes and with every mechanism on.
source tests/cli/lib.bash
model='"model": "neuraxon", "modulators": {}, "neuraxon": { "mechanisms": {
    "stdp": "gene", "structure": "gene", "silent": "on", "homeostasis": "on", "balance": "on", "oscillators": "on",
    "modulatory_synapses": "on", "spontaneous": "on", "critic": "gene", "noise": "on" } }, "network"'
small_experiment "$TEST_TMPDIR/hmn.json" 3
text=$(cat "$TEST_TMPDIR/hmn.json")
printf '%s\n' "${text/\"network\"/$model}" >"$TEST_TMPDIR/x.json"
run=$TEST_TMPDIR/run
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$run" --quiet --threads 1
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$TEST_TMPDIR/two" --quiet --threads 2
cmp "$run/champion.safetensors" "$TEST_TMPDIR/two/champion.safetensors"
expect 0 "$MODULON" eval "$run" --json --islands
grep -qF '"policy":"champion"' "$TEST_TMPDIR/out.txt" || fail "no champion in eval"
expect 0 "$MODULON" export --check "$run/champion.safetensors"
for word in meta0 above below tau; do
    grep -qaF "\"$word\"" "$run/champion.safetensors" || fail "no tensor $word"
done
grep -qaF '"cos_phi"' "$run/champion.safetensors" && fail "a tensor of HMN"
for key in trinary stdp structure homeostasis tau_membrane osc_spread; do
    grep -qF "\"$key\"" "$run/champion.json" || fail "champion.json lacks $key"
done
expect 0 "$MODULON" ablate "$run" --quiet --json
for mechanism in trinary meta_weights homeostasis plasticity global_term; do
    grep -qF "{\"without\":\"$mechanism\"" "$TEST_TMPDIR/out.txt" || fail "no $mechanism in ablate"
done

# What belongs to the other model is refused.
printf '{"task": "tmaze", "model": "neuraxon", "hmn": {}}\n' >"$TEST_TMPDIR/bad.json"
expect 2 "$MODULON" evolve "$TEST_TMPDIR/bad.json" --out "$TEST_TMPDIR/bad"
says "hmn"
printf '{"task": "tmaze", "model": "neuraxon", "neuraxon": {"mechanisms": {"phase_gate": "on"}}}\n' >"$TEST_TMPDIR/bad.json"
expect 2 "$MODULON" evolve "$TEST_TMPDIR/bad.json" --out "$TEST_TMPDIR/bad"
says "neuraxon.mechanisms.phase_gate"
