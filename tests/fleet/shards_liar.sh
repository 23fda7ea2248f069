# Workers of shards that lie about one bit: of the activity that others hear, of a partial sum, of a state's digest. Each
# is convicted by a record that an auditor checks and names, and the champion is the right one.
. tests/fleet/lib.bash
. tests/fleet/shards.bash
cd "$TEST_TMPDIR"
generations=4 states=2 neurons=24 trials=6
kinds="boundary/1"
[ "$long" = 1 ] && kinds="boundary/1 boundary/2 sum/2 digest/2" # kind / players of each shard
for model in hmn neuraxon; do
    for kind in $kinds; do
        replicas=${kind#*/} kind=${kind%/*}
        name=$model-$kind-$replicas
        sharded $name.json $model 3 3
        want=$(evolved $name.json alone-$name)
        coordinator $name $name.json --listen tcp://$TEST_HOST:0 --admission open:0 --once
        "$FLEET/shard_liar" "$address" $kind 20 >$name.liar 2>$name-liar.err &
        ours+=($!)
        worker $name-a "$address" --throttle 30
        worker $name-b "$address" --throttle 30
        ends "$pid"
        [ "$code" -eq 0 ] || fail "$name: the coordinator ended with $code: $(tail -n 3 $name.err)"
        grep -q '^lied ' $name.liar || fail "$name: it never lied: $(cat $name.liar)"
        wait_for grep -q '^banned' $name.liar
        [ "$(digest_of $name/champion.safetensors)" = "$want" ] || fail "$name: another champion"
        audited $name "$vkey"
        key=$(sed -n 's/^key //p' $name.liar)
        grep -o '{"key":"[^}]*"convicted":[1-9][^}]*}' audit.out >convicts.txt || fail "$name: the audit convicts nobody"
        [ "$(wc -l <convicts.txt)" -eq 1 ] || fail "$name: $(cat convicts.txt)"
        grep -q "\"key\":\"$key\".*\"updates\":\"0\"" convicts.txt || fail "$name: $(cat convicts.txt), not $key"
        # The record names the window that was lied about, or the first that shows it.
        "$MODULON" ledger show $name --json | grep '"type":"shardverdict"' >verdicts.txt || fail "$name: no verdict"
        [ "$(wc -l <verdicts.txt)" -eq 1 ] || fail "$name: $(cat verdicts.txt)"
        if [ "$kind" = boundary ]; then
            read -r _ _ job _ _ _ life _ window <<<"$(grep '^lied' $name.liar)"
            grep -q "\"job\":$job,.*\"life\":$life,\"window\":$window," verdicts.txt || fail "$name: $(cat verdicts.txt)"
        fi
        echo "$name: $(sed -n 's/^lied //p' $name.liar), convicted; champion ${want:0:16}"
    done
done
