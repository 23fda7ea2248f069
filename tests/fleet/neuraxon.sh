# A fleet evolves a Neuraxon with modulators, in a world of two agents, to the champion of one machine.
. tests/fleet/lib.bash
cd "$TEST_TMPDIR"
cat >neuraxon.json <<'END'
{
    "name": "neuraxon-fleet", "seed": "5", "model": "neuraxon",
    "task": { "name": "forage", "trials": 60, "agents": 2 },
    "network": { "regions": 3, "neurons": 12, "ring": 4, "sources": 2, "listen": 4, "fan_in": 3, "window": 2,
        "delay": [1, 3], "delay_between": [2, 5] },
    "neuraxon": { "mechanisms": { "stdp": "gene", "silent": "on", "structure": "on", "homeostasis": "on",
        "oscillators": "on", "spontaneous": "on", "modulatory_synapses": "on", "metaplasticity": "on" } },
    "modulators": { "mechanisms": { "arousal": "gene" } },
    "evolution": { "generations": 4, "episodes": 2, "validate_every": 2, "validate_episodes": 4,
        "islands": [ { "algorithm": "es", "population": 8 }, { "algorithm": "cma", "population": 8 } ] },
    "test_episodes": 10
}
END
want=$(evolved neuraxon.json alone)
[ ${#want} -eq 64 ] || fail "no digest"
"$MODULON" run neuraxon.json --out fleet --workers 3 --lease-ms 50 --full --no-eval --json --quiet >fleet.out 2>fleet.err ||
    fail "the fleet: $(tail -n 3 fleet.out)"
grep -q '"ok":true' fleet.out || fail "no clean audit"
cmp alone/champion.safetensors fleet/ledger/champion.safetensors
echo "same champion $want"
