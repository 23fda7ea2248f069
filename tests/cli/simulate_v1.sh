# simulate --model neuraxon-v1: the reference's own text, and what is refused.
source tests/cli/lib.bash
cases=tests/vectors/neuraxon_v1
v1() { expect "$1" "$MODULON" simulate --model neuraxon-v1 --json "${@:2}"; }

# The final line is, byte for byte, what Python wrote into the case; so are the states.
for name in c1_tiny_no_silent c2_default_params c3_branches; do
    file=$cases/$name.json
    v1 0 --network $file --events $file
    tail -n 1 "$TEST_TMPDIR/out.txt" | sed 's/^{//; s/}$//' >"$TEST_TMPDIR/final.txt"
    grep -qF -f "$TEST_TMPDIR/final.txt" $file || fail "$name: final"
    states=$(sed -n 's/.*"states":\("[-0+]*"\).*/\1/p' "$TEST_TMPDIR/out.txt" | paste -sd,)
    grep -qF "\"states\":[$states]" $file || fail "$name: states"
    counts=$(sed -n 's/.*"synapses":\([0-9]*\)}/\1/p' "$TEST_TMPDIR/out.txt" | paste -sd,)
    grep -qF "\"synapse_count\":[$counts]" $file || fail "$name: synapses"
done
says "v1 would have drawn 2 times to wake a silent synapse"

# Fewer steps, more steps, no events, and a list of events by itself.
file=$cases/c1_tiny_no_silent.json
v1 0 --network $file --events $file --steps 3
[ "$(wc -l <"$TEST_TMPDIR/out.txt")" -eq 4 ] || fail "--steps 3"
grep -qF '"step_count":3}}' "$TEST_TMPDIR/out.txt" || fail "step_count"
v1 0 --network $file --events $file --steps 250
[ "$(wc -l <"$TEST_TMPDIR/out.txt")" -eq 251 ] || fail "--steps 250"
v1 0 --network $file --steps 0
[ "$(wc -l <"$TEST_TMPDIR/out.txt")" -eq 1 ] || fail "--steps 0"
echo '[{"external":[[3,30]]},{}]' >"$TEST_TMPDIR/events.json"
v1 0 --network $file --events "$TEST_TMPDIR/events.json"
[ "$(wc -l <"$TEST_TMPDIR/out.txt")" -eq 3 ] || fail "a list of two"
[ "$(sed -n 's/.*"states":"\(.\{4\}\).*/\1/p' "$TEST_TMPDIR/out.txt" | head -n 1)" = "000+" ] || fail "external"

refused() { # SED-SCRIPT WORDS
    sed "$1" $file >"$TEST_TMPDIR/net.json"
    cmp -s $file "$TEST_TMPDIR/net.json" && fail "$1 changed nothing"
    v1 2 --network "$TEST_TMPDIR/net.json" --events $file
    says "$2"
}
refused 's/"spontaneous_firing_rate":0.0/"spontaneous_firing_rate":0.25/' "parameters.spontaneous_firing_rate is 0.25; allowed: 0"
refused 's/"synapse_formation_prob":0.0/"synapse_formation_prob":0.5/' "parameters.synapse_formation_prob is 0.5; allowed: 0"
refused 's/"synapse_formation_prob":0.0,//' "parameters.synapse_formation_prob is 0.05"
refused 's/"neuron_death_threshold":0.0/"neuron_death_threshold":0.9995/' "parameters.neuron_death_threshold is 0.9995; allowed: 0 or less"
refused 's/"unsilence_probability":0.0/"unsilence_probability":0.01/' "unsilence_probability is 0.01"
refused 's/"tau_fast":10.0/"tau_fast":0/' "network.parameters.tau_fast is 0; allowed:"
refused 's/"w_fast":-0.6104910089317266/"w_fast":NaN/' "found NaN"
# Below every health the draw never comes, and the run is the same.
sed 's/"neuron_death_threshold":0.0/"neuron_death_threshold":0.1/' $file >"$TEST_TMPDIR/net.json"
v1 0 --network "$TEST_TMPDIR/net.json" --events $file

echo '[{"external":[[9,1]]}]' >"$TEST_TMPDIR/events.json"
v1 2 --network $file --events "$TEST_TMPDIR/events.json"
says "[0].external[0][0] is 9; allowed: the id of a neuron"
v1 2 --network $file
says "needs --events or --steps"
v1 2 --steps 3
says "takes --network FILE"
v1 2 --network "$TEST_TMPDIR/absent.json" --steps 3
says "absent.json"
expect 2 "$MODULON" simulate --model neuraxon --network $file --steps 3
says "allowed: neuraxon-v1"
expect 2 "$MODULON" simulate --network $file --steps 3
says "need --model neuraxon-v1"
expect 2 "$MODULON" simulate
says "an argument is missing"
