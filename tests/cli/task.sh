# Scripted tasks: exact keys, exact numbers, and clear refusals.
source tests/cli/lib.bash
expect 0 "$MODULON" task cartpole --state 0.01,0,-0.02,0 --actions 0,1,1 --json
# Worked by hand from the published equations (Gymnasium, Euler): force -10 from this state.
want='{"state":[0.01,-0.19482949686643772,-0.02,0.28630619039102573],"obs":[0.01,-0.19482949686643772,-0.02,0.28630619039102573],"reward":1,"done":false}'
[ "$(head -n 1 "$TEST_TMPDIR/out.txt")" = "$want" ] || fail "cartpole's first step: $(head -n 1 "$TEST_TMPDIR/out.txt")"
[ "$(wc -l <"$TEST_TMPDIR/out.txt")" -eq 3 ] || fail "not a line for each action"
grep -vqE '^\{"state":\[[^]]*\],"obs":\[[^]]*\],"reward":[^,]*,"done":(true|false)\}$' "$TEST_TMPDIR/out.txt" &&
    fail "other keys than state, obs, reward, done"
# It stops when done, whatever the script says.
expect 0 "$MODULON" task cartpole --state 2.39,1,0,0 --actions 1,1,1,1,1
[ "$(wc -l <"$TEST_TMPDIR/out.txt")" -eq 1 ] || fail "went on after the end"
grep -qF '"done":true' "$TEST_TMPDIR/out.txt" || fail "not done"
expect 0 "$MODULON" task mountaincar --state -0.5,0 --actions 2,0
grep -qF '"reward":-1,"done":false' "$TEST_TMPDIR/out.txt" || fail "mountaincar's reward"
expect 0 "$MODULON" task acrobot --state 0.1,-0.1,0,0 --actions 2
[ "$(grep -o '"obs":\[[^]]*\]' "$TEST_TMPDIR/out.txt" | tr -cd , | wc -c)" -eq 5 ] || fail "acrobot's observation has six numbers"
expect 0 "$MODULON" task doublepole --state 0,0,0.07,0,0,0 --actions 0.5,-1
[ "$(wc -l <"$TEST_TMPDIR/out.txt")" -eq 2 ] || fail "doublepole"
expect 0 "$MODULON" task tmaze --actions 0,0,0,1 --seed 3
grep -qF '{"state":[],"obs":[' "$TEST_TMPDIR/out.txt" || fail "tmaze has no state"
cp "$TEST_TMPDIR/out.txt" "$TEST_TMPDIR/first.txt"
expect 0 "$MODULON" task tmaze --actions 0,0,0,1 --seed 3 --verbose
grep -qF '"score":' "$TEST_TMPDIR/out.txt" || fail "--verbose"
expect 0 "$MODULON" task forage --actions 0,1,0,3 --seed 3 --verbose
[ "$(wc -l <"$TEST_TMPDIR/out.txt")" -eq 4 ] || fail "forage"
head -n 1 "$TEST_TMPDIR/out.txt" | grep -qE '"world":\["[^"]{12}"(,"[^"]{12}"){11}\]' || fail "forage shows no world"
[ "$(head -n 1 "$TEST_TMPDIR/out.txt" | grep -o '"world":.*' | tr -cd '^><v' | tr -d 'worl' | wc -c)" -eq 1 ] || fail "one agent"
expect 0 "$MODULON" task --list
[ "$(wc -l <"$TEST_TMPDIR/out.txt")" -eq 10 ] || fail "--list"
expect 2 "$MODULON" task tmaze --state 1 --actions 0
says "no continuous state"
expect 2 "$MODULON" task cartpole --state 1,2,3 --actions 0
says "allowed: 4 numbers"
expect 2 "$MODULON" task cartpole --state 1,2,3,nan --actions 0
says "allowed: 4 numbers"
expect 2 "$MODULON" task cartpole --actions 0,2
says "allowed: 0 to 1"
expect 2 "$MODULON" task cartpole --actions 0,,1
says "allowed: numbers"
expect 2 "$MODULON" task cartpole
says "--actions is missing"
expect 2 "$MODULON" task pendulum --actions 0
says "no task pendulum"
