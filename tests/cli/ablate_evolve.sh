# ablate --evolve: every variant evolved anew under DIR/ablate, resumable.
source tests/cli/lib.bash
small_experiment "$TEST_TMPDIR/plain.json" 3
sed 's/"network"/"hmn": { "mechanisms": { "phase_gate": "off", "probabilistic": "off", "meta_learning": "off",\
 "local_attention": "off", "global_attention": "off", "uncertainty": "off", "novelty": "off", "noise": "off",\
 "adaptive_bias": "off", "neuron_gain": "off", "critic": "off", "efference_copy": "off", "context_rate": "off",\
 "dropout": "off", "plasticity_gate": "off" } }, "network"/' "$TEST_TMPDIR/plain.json" >"$TEST_TMPDIR/x.json"
run=$TEST_TMPDIR/run
expect 0 "$MODULON" evolve "$TEST_TMPDIR/x.json" --out "$run" --quiet
expect 0 "$MODULON" ablate "$run" --evolve --quiet --json
cp "$TEST_TMPDIR/out.txt" "$TEST_TMPDIR/first.json"
for mechanism in plasticity fast_trace slow_trace local_term global_term baseline; do
    grep -qF "{\"without\":\"$mechanism\"" <(sed 's/.*"evolved"//' "$TEST_TMPDIR/first.json") || fail "no $mechanism"
    grep -qF "\"$mechanism\":	\"off\"" "$run/ablate/$mechanism/champion.json" || fail "$mechanism was not switched off"
done
[ ! -e "$run/ablate/novelty" ] || fail "a mechanism that is off was evolved without"
expect 0 "$MODULON" ablate "$run" --evolve --quiet --json
cmp "$TEST_TMPDIR/first.json" "$TEST_TMPDIR/out.txt"
expect 2 "$MODULON" ablate "$run/champion.safetensors" --evolve
says "directory"
