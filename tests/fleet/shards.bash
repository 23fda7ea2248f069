# Sourced after lib.bash by the scripts about shards: experiments whose networks are cut.

# sharded FILE MODEL SHARDS WINDOW [KEYS]: regions on a T-maze; KEYS are more members of the experiment.
sharded() {
    cat >"$1" <<END
{
    "name": "sharded", "seed": "11", "model": "$2",
    "task": { "name": "tmaze", "trials": ${trials:-3} },
    "network": { "regions": ${regions:-8}, "neurons": ${neurons:-12}, "ring": ${ring:-4}, "sources": 2,
                 "listen": ${listen:-4}, "fan_in": ${fan_in:-3}, "motor_fan": 4, "window": $4 },
    ${encoding:-}
    "sharding": { "shards": $3, "snapshot_windows": ${states:-1}, "replicas": ${replicas:-1} },
    ${5:-}
    "evolution": { "generations": ${generations:-2}, "episodes": ${episodes:-2}, "validate_every": 2,
                   "validate_episodes": 2, "islands": [ { "algorithm": "es", "population": ${population:-4} } ] },
    "test_episodes": ${tests:-20}
}
END
}

# joined LEDGER: shards have played its jobs. Sets jobs.
joined() {
    "$MODULON" ledger show "$1" --json >shown.txt || fail "ledger show"
    jobs=$(grep -c '"type":"joined"' shown.txt || true)
    [ "$jobs" -gt 0 ] || fail "$1: no job was played by shards"
}
