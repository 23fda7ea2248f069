# The HTTP server of a coordinator: an audit of a running and of a finished one, metrics, status, the page.
source tests/operator/lib.bash
command -v curl >/dev/null || exit 77
experiment x.json 30 150
coordinator run x.json --http $TEST_HOST:0 --lease-ms 200
get() { curl -sS --max-time 10 -o "$2" -w '%{http_code}' "$url/$1"; }

# ---- before any work: no page says more than is known ----
[ "$(get '' page.html)" = 200 ] || fail "no page"
grep -q "No generation is closed yet" page.html || fail "$(cat page.html)"
grep -q "<td>time left</td><td>unknown</td>" page.html || fail "time left is known before it began"
expect 0 "$MODULON" audit "$url" --vkey "$vkey" --quiet # of the experiment alone

# ---- while it runs ----
worker a "$address" --throttle 50
wait_for at_least run generation 3
expect 0 "$MODULON" audit "$url" --vkey "$vkey" --sample 0.1 --quiet --json
grep -q '"ok":true' out.txt && grep -q '"ended":false' out.txt || fail "audit while running: $(cat out.txt)"
time_known() { get '' page.html >/dev/null && grep -Eq "<td>time left</td><td>[0-9]+ (min|h|d) [0-9]+ (s|min|h)</td>" page.html; }
wait_for time_known
[ "$(get status.json status.json)" = 200 ] && grep -q '"state":"running"' status.json || fail "status.json"
python3 -c 'import json, sys; s = json.load(open("status.json")); assert s["experiment"] == "small" and s["vkey"] == sys.argv[1]' "$vkey"
expect 0 "$MODULON" pause --data run
get '' page.html >/dev/null
grep -q "<p>paused, generation" page.html && grep -q "<td>time left</td><td>unknown</td>" page.html || fail "not paused on the page"
expect 0 "$MODULON" resume --data run
ends "$worker_pid" 0

# ---- finished, and still there ----
expect 0 "$MODULON" audit "$url" --vkey "$vkey" --full --quiet --json
grep -q '"ok":true' out.txt && grep -q '"ended":true' out.txt || fail "audit of a finished one: $(cat out.txt)"
get '' page.html >/dev/null
grep -q "<p>finished, generation 30 of 30</p>" page.html || fail "not finished on the page"
! grep -q 'http-equiv="refresh"' page.html || fail "a finished page renews itself"
python3 - <<'END'
import html.parser, re, urllib.request

class Page(html.parser.HTMLParser):
    void = {"meta", "rect", "polyline"}
    def __init__(self):
        super().__init__()
        self.open, self.lines, self.tags = [], [], set()
    def handle_startendtag(self, tag, attributes): self.see(tag, dict(attributes))
    def handle_starttag(self, tag, attributes):
        self.see(tag, dict(attributes))
        if tag not in self.void: self.open.append(tag)
    def handle_endtag(self, tag): assert self.open.pop() == tag, tag
    def see(self, tag, a):
        self.tags.add(tag)
        assert tag not in ("script", "link", "img", "iframe"), tag
        assert not any("//" in (v or "") for v in a.values()), a
        if tag == "polyline": self.lines.append([tuple(map(float, p.split(","))) for p in a["points"].split()])

page = Page()
page.feed(open("page.html").read())
assert page.open == [], page.open
assert {"svg", "table", "progress", "h1"} <= page.tags
assert len(page.lines) == 2 and all(len(l) == 30 for l in page.lines)
for l in page.lines:
    assert all(0 <= x <= 800 and 0 <= y <= 240 for x, y in l) and l == sorted(l, key=lambda p: p[0])
mean, best = page.lines
assert all(b[1] <= m[1] for m, b in zip(mean, best)), "the mean is above the best"
END

# ---- metrics, as Prometheus reads them ----
[ "$(get metrics metrics.txt)" = 200 ] || fail "no metrics"
python3 - <<'END'
import re
seen, kinds, helps = {}, {}, set()
for line in open("metrics.txt").read().split("\n")[:-1]:
    if m := re.fullmatch(r"# HELP (modulon_[a-z_]+) [^\n]+", line): helps.add(m[1])
    elif m := re.fullmatch(r"# TYPE (modulon_[a-z_]+) (gauge|counter)", line): kinds[m[1]] = m[2]
    else:
        m = re.fullmatch(r"(modulon_[a-z_]+) (\S+)", line)
        assert m and m[1] in kinds and m[1] in helps and m[1] not in seen, line
        seen[m[1]] = float(m[2])
assert seen["modulon_generation"] == 30 and seen["modulon_paused"] == 0 and seen["modulon_storage_ok"] == 1
assert seen["modulon_results_total"] > 30 and seen["modulon_credit_total"] > 0 and seen["modulon_workers"] == 1
assert all(k.endswith("_total") == (kinds[k] == "counter") for k in seen), kinds
END

# ---- what is not there ----
for path in nothing blob/00 "blob/$(printf '%064d' 0)" tile/0/999 tile/x ../log.key %2e%2e/log.key checkpoint/ ; do
    code=$(curl -sS --max-time 10 --path-as-is -o /dev/null -w '%{http_code}' "$url/$path")
    [ "$code" = 404 ] || [ "$code" = 400 ] || fail "$path: $code"
done
code=$(curl -sS --max-time 10 -X POST -d x -o /dev/null -w '%{http_code}' "$url/") # one path alone takes it
[ "$code" = 404 ] || [ "$code" = 405 ] || fail "POST was taken: $code"
[ "$(curl -sS --max-time 10 "$url/checkpoint")" = "$("$MODULON" ledger checkpoint run)" ] || fail "another checkpoint"
kill "$pid"
ends "$pid" 0
