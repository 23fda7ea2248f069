/* Connections that end at every byte of a handshake and of a message, by a relay in
 * between: everybody else goes on, every call is answered, all memory comes back. */
#include "tests/support/transport_peer.h"

enum { BATCH = 32, CALL_SIZE = 40, SETTLE_MS = 100, CYCLES = 1000 };

typedef struct hop hop;

/* Stands between one client and the server. */
typedef struct relay {
    uv_tcp_t listener;
    struct sockaddr_in server;
    int armed, by_reset;
    int way;     /* the one that is counted: 0 to the server, 1 to the client */
    size_t left; /* bytes that still pass                                     */
    uint32_t cuts;
    hop *links;
} relay;

struct hop {
    uv_tcp_t end[2]; /* 0: the client's, 1: the server's */
    uv_connect_t connect;
    relay *relay;
    hop *next;
    int closing, handles;
};

typedef struct dialler {
    peer *p;
    relay relay;
    mdl_client *client;
    int linked, closed;
    uint32_t replies, failures;
} dialler;

static void end_closed(uv_handle_t *h) {
    hop *l = h->data;
    if (--l->handles > 0) {
        return;
    }
    hop **at = &l->relay->links;
    while (*at != l) {
        at = &(*at)->next;
    }
    *at = l->next;
    free(l);
}

static void close_link(hop *l, int reset) {
    for (int i = 0; i < 2 && !l->closing; i++) {
        if (!reset || uv_tcp_close_reset(&l->end[i], end_closed) != 0) {
            uv_close((uv_handle_t *)&l->end[i], end_closed);
        }
    }
    l->closing = 1;
}

static void allocate(uv_handle_t *h, size_t suggested, uv_buf_t *out) {
    static char room[65536];
    (void)h;
    (void)suggested;
    *out = uv_buf_init(room, sizeof room);
}

static void pass(uv_stream_t *from, ssize_t got, const uv_buf_t *buffer) {
    hop *l = from->data;
    relay *r = l->relay;
    int way = from == (uv_stream_t *)&l->end[1];
    if (l->closing || got == 0) {
        return;
    }
    if (got < 0) {
        close_link(l, 0);
        return;
    }
    size_t n = (size_t)got;
    int cut = r->armed && way == r->way && n >= r->left;
    if (cut) {
        n = r->left;
    } else if (r->armed && way == r->way) {
        r->left -= n;
    }
    uv_buf_t out = uv_buf_init(buffer->base, (unsigned)n);
    if (n > 0) {
        int rv = uv_try_write((uv_stream_t *)&l->end[!way], &out, 1);
        assert_true(rv == (int)n || rv < 0); /* the other end may be gone */
    }
    if (cut) {
        r->armed = 0;
        r->cuts++;
        close_link(l, r->by_reset);
    }
}

static void reached(uv_connect_t *c, int status) {
    hop *l = c->handle->data;
    if (status != 0) {
        close_link(l, 0);
    } else if (!l->closing) {
        uv_read_start((uv_stream_t *)&l->end[0], allocate, pass);
        uv_read_start((uv_stream_t *)&l->end[1], allocate, pass);
    }
}

static void knock(uv_stream_t *listener, int status) {
    relay *r = listener->data;
    assert_int_equal(status, 0);
    hop *l = calloc(1, sizeof *l);
    assert_non_null(l);
    l->relay = r;
    l->next = r->links;
    r->links = l;
    l->handles = 2;
    for (int i = 0; i < 2; i++) {
        uv_tcp_init(listener->loop, &l->end[i]);
        l->end[i].data = l;
    }
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&l->end[0]), 0);
    assert_int_equal(uv_tcp_connect(&l->connect, &l->end[1], (struct sockaddr *)&r->server, reached), 0);
}

static void client_linked(void *ctx, int connected) { ((dialler *)ctx)->linked = connected; }

static void client_replied(void *ctx, uint64_t token, mdl_err status, const uint8_t *bytes, size_t size) {
    dialler *d = ctx;
    (void)token;
    (void)bytes;
    d->replies += status == MDL_OK && size == CALL_SIZE + 1;
    d->failures += status != MDL_OK;
}

static void client_closed(void *ctx) { ((dialler *)ctx)->closed = 1; }

static void open_dialler(dialler *d, peer *p) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int size = sizeof a;
    char url[MDL_URL_MAX];
    const char *server = mdl_server_url(p->server, 0);
    memset(d, 0, sizeof *d);
    d->p = p;
    d->relay.server = a;
    d->relay.server.sin_port = htons((uint16_t)strtoul(strrchr(server, ':') + 1, NULL, 10));
    uv_tcp_init(&p->loop, &d->relay.listener);
    d->relay.listener.data = &d->relay;
    assert_int_equal(uv_tcp_bind(&d->relay.listener, (struct sockaddr *)&a, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&d->relay.listener, 8, knock), 0);
    assert_int_equal(uv_tcp_getsockname(&d->relay.listener, (struct sockaddr *)&a, &size), 0);
    const char *path = strchr(strrchr(server, ':'), '/');
    snprintf(url, sizeof url, "%.*s:%u%s", (int)(strrchr(server, ':') - server), server, ntohs(a.sin_port),
             path ? path : "");
    const mdl_tls_files *tls = tls_for(url, 0);
    mdl_client_options o = {.url = url,
                            .receive_max = LIMIT,
                            .calls_max = 1,
                            .on_reply = client_replied,
                            .on_link = client_linked,
                            .ctx = d};
    if (tls) {
        o.tls = *tls;
    }
    assert_int_equal(mdl_client_open(&p->loop, &o, &d->client, p->error, sizeof p->error), MDL_OK);
}

static void call_once(dialler *d) {
    static const uint8_t text[CALL_SIZE];
    assert_int_equal(mdl_client_call(d->client, 1, text, sizeof text, PATIENCE_MS), MDL_OK);
}

static uint32_t count(const dialler *d, size_t n, uint32_t (*of)(const dialler *)) {
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += of(&d[i]);
    }
    return sum;
}

static uint32_t is_linked(const dialler *d) { return (uint32_t)d->linked; }
static uint32_t is_answered(const dialler *d) { return d->replies; }
static uint32_t is_closed(const dialler *d) { return (uint32_t)d->closed; }
static uint32_t has_failed(const dialler *d) { return d->failures; }
static uint32_t was_cut(const dialler *d) { return d->relay.cuts; }

static void close_all(peer *p, dialler *d, size_t n) {
    for (size_t i = 0; i < n; i++) {
        mdl_client_close(d[i].client, client_closed, &d[i]);
        uv_close((uv_handle_t *)&d[i].relay.listener, NULL);
    }
    UNTIL(p, count(d, n, is_closed) == n);
    for (size_t i = 0; i < n; i++) {
        UNTIL(p, d[i].relay.links == NULL);
    }
}

static dialler all[BATCH];

/* Bytes of a call and of its reply on the wire, measured. */
static void measure(peer *p, size_t bytes[2]) {
    for (int way = 0; way < 2; way++) {
        open_dialler(all, p);
        UNTIL(p, all[0].linked);
        run_ms(p, SETTLE_MS);
        all[0].relay.way = way;
        all[0].relay.left = LIMIT;
        all[0].relay.armed = 1;
        call_once(&all[0]);
        UNTIL(p, all[0].replies == 1);
        bytes[way] = LIMIT - all[0].relay.left;
        close_all(p, all, 1);
    }
}

/* Clients `first` and following of `count` are cut after i * step / kinds bytes that go one
 * way; all get their answers. `linked`: the counting begins when they are connected. */
typedef struct plan {
    size_t count, step, kinds;
    int way, linked;
} plan;

static void arm(const plan *what, size_t first, size_t n) {
    for (size_t k = 0; k < n; k++) {
        size_t i = first + k;
        all[k].relay.way = what->way;
        all[k].relay.left = i / what->kinds * what->step;
        all[k].relay.by_reset = (int)(i & 1);
        all[k].relay.armed = 1;
        call_once(&all[k]);
    }
}

static void cut(peer *p, const plan *what) {
    for (size_t first = 0; first < what->count; first += BATCH) {
        size_t n = what->count - first < BATCH ? what->count - first : BATCH;
        for (size_t k = 0; k < n; k++) {
            open_dialler(&all[k], p);
        }
        if (what->linked) {
            UNTIL(p, count(all, n, is_linked) == n);
            run_ms(p, SETTLE_MS); /* greetings have arrived */
        }
        arm(what, first, n);
        UNTIL(p, count(all, n, is_answered) == n);
        assert_int_equal(count(all, n, has_failed), 0);
        assert_int_equal(count(all, n, was_cut), n);
        close_all(p, all, n);
    }
}

/* Cut at each byte of a call, and of its reply, by a reset or by an end; the long version by both. */
static void test_cut_messages(void **state) {
    (void)state;
    const char *nightly = getenv("MODULON_NIGHTLY");
    const size_t kinds = nightly && *nightly == '1' ? 2 : 1;
    static const char *const address[] = {"tcp://127.0.0.1:0", "tls+tcp://127.0.0.1:0", "ws://127.0.0.1:0/x"};
    for (size_t k = 0; k < sizeof address / sizeof address[0]; k++) {
        peer p;
        size_t bytes[2];
        peer_init(&p);
        assert_int_equal(serve(&p, address[k], tls_for(address[k], 1), 0), MDL_OK);
        measure(&p, bytes);
        for (int way = 0; way < 2; way++) {
            assert_in_range(bytes[way], CALL_SIZE, 3 * CALL_SIZE);
            cut(&p, &(plan){.count = kinds * (bytes[way] + 1), .step = 1, .kinds = kinds, .way = way, .linked = 1});
        }
        peer_close(&p);
    }
}

/* Cut everywhere in what comes before the first message, greeting and handshake. */
static void test_cut_handshakes(void **state) {
    (void)state;
    static const struct {
        const char *address;
        size_t most[2], step; /* bytes each way */
    } cases[] = {{"tcp://127.0.0.1:0", {8, 8}, 1},
                 {"ws://127.0.0.1:0/x", {190, 150}, 3},
                 {"tls+tcp://127.0.0.1:0", {322, 602}, 7}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        peer p;
        peer_init(&p);
        assert_int_equal(serve(&p, cases[k].address, tls_for(cases[k].address, 1), 0), MDL_OK);
        for (int way = 0; way < 2; way++) {
            cut(&p,
                &(plan){.count = cases[k].most[way] / cases[k].step, .step = cases[k].step, .kinds = 1, .way = way});
        }
        peer_close(&p);
    }
}

/* Clients that come, call and go; under AddressSanitizer a leak fails the program. */
static void test_cycles(void **state) {
    (void)state;
    const char *address;
    uint32_t kinds = 0;
    while (each_address(kinds)) {
        kinds++;
    }
    for (uint32_t k = 0; (address = each_address(k)) != NULL; k++) {
        peer p;
        peer_init(&p);
        assert_int_equal(serve(&p, address, tls_for(address, 1), 0), MDL_OK);
        for (uint32_t i = 0; i < CYCLES / kinds; i++) {
            assert_int_equal(dial(&p, mdl_server_url(p.server, 0), tls_for(address, 0), 1), MDL_OK);
            if (i % 4 != 0) { /* else it goes before it is connected */
                p.replies = 0;
                assert_int_equal(call_text(&p, 1, "x", PATIENCE_MS), MDL_OK);
                UNTIL(&p, p.replies == 1);
            }
            p.linked = 0;
            close_client(&p);
        }
        peer_close(&p);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_messages),
        cmocka_unit_test(test_cut_handshakes),
        cmocka_unit_test(test_cycles),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
