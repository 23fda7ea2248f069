# Workers of shards that lie about one bit: of the activity that others hear, of a partial sum, of a state's digest. Each
# is convicted by a record that an auditor checks and names, and the champion is the right one.
. tests/fleet/lib.bash
. tests/fleet/shards.bash
cd "$TEST_TMPDIR"
generations=4 states=2 neurons=24 trials=6
kinds="boundary"
[ "$long" = 1 ] && kinds="boundary sum digest"
for model in hmn neuraxon; do
    sharded $model.json $model 3 3
    want=$(evolved $model.json alone-$model)
    for kind in $kinds; do
        name=$model-$kind
        coordinator $name $model.json --listen tcp://127.0.0.1:0 --admission open:0 --once
        "$FLEET/shard_liar" "$address" $kind 20 >$name.liar 2>$name-liar.err &
        ours+=($!)
        worker $name-a "$address" --throttle 30
        worker $name-b "$address" --throttle 30
        ends "$pid" 120
        [ "$code" -eq 0 ] || fail "$name: the coordinator ended with $code: $(tail -n 3 $name.err)"
        grep -q '^lied ' $name.liar || fail "$name: it never lied: $(cat $name.liar)"
        for _ in $(seq 100); do
            grep -q '^banned' $name.liar && break
            sleep 0.1
        done
        grep -q '^banned' $name.liar || fail "$name: it was not banned: $(cat $name.liar)"
        [ "$(digest_of $name/champion.safetensors)" = "$want" ] || fail "$name: another champion"
        audited $name "$vkey"
        key=$(sed -n 's/^key //p' $name.liar)
        grep -o '"culprit":"[^"]*"' audit.out | sort -u >culprits.txt
        [ "$(cat culprits.txt)" = "\"culprit\":\"$key\"" ] || fail "$name: the audit names $(cat culprits.txt), not $key"
        echo "$name: $(sed -n 's/^lied //p' $name.liar), convicted; champion ${want:0:16}"
    done
done
