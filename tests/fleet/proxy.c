/* proxy TARGET_PORT FAULT SEED: a bad network on loopback, in front of a coordinator's two ports (calls, news).
 * Prints "port N", its own first port, and runs until it is told to stop; then prints what it did.
 *
 *   drop      30 % of the connections and the first to each port are cut within 4 kB, a third of those at once; the
 *             others after up to 200 kB, so that new ones come
 *   delay     everything takes 2 s each way; delay=MS: so many milliseconds
 *   halfopen  the first connection to each port, and every third after it, falls silent after 1 to 4 kB, and stays open
 *   repeat    requests come twice, in another order, and old ones come again
 *
 * Draws are seeded; what they meet is not. */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { HOLD_MS = 60, HELLO = 8, OLD_MAX = 8, CHUNK = 65536, TRIES = 200, FRAME_MAX = 1 << 20 };

typedef enum fault { DROP, DELAY, HALFOPEN, REPEAT } fault;

typedef struct pair pair;

/* One direction. */
typedef struct side {
    uv_tcp_t tcp;
    pair *p;
    struct side *other;
    uv_timer_t late; /* delay: for the first of those on their way to it */
    struct packet *first, **last;
} side;

struct pair {
    side a, b;    /* the client's, and ours to the target */
    int64_t left; /* bytes until the fault comes; -1: never */
    int silent, closing, open;
    uint8_t *held; /* repeat: what the client has sent and we have not */
    size_t held_size, hello_left;
    uint8_t *old[OLD_MAX]; /* requests that were passed on */
    size_t old_size[OLD_MAX];
    uint8_t *later; /* a request that waits for the next one to overtake it */
    size_t later_size;
    uv_timer_t timer;
};

typedef struct packet {
    uv_write_t write;
    struct packet *next;
    uint64_t due_ms;
    side *to;
    size_t size;
    uint8_t bytes[];
} packet;

static uv_loop_t loop;
static uv_tcp_t listener[2];
static uv_signal_t stop[2];
static struct sockaddr_in target[2];
static fault kind;
static uint64_t delay_ms = 2000;
static uint64_t seed, connections, faults, bytes_passed, arrived[2]; /* arrived: connections to each port */

static uint64_t draw(uint64_t below) {
    seed += 0x9e3779b97f4a7c15u;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

/* Memory of a pair stays: packets on their way still know it, and there are few. */
static void on_pair_closed(uv_handle_t *h) { (void)h; }

static void cut(pair *p) {
    if (p->closing)
        return;
    p->closing = 1;
    uv_close((uv_handle_t *)&p->a.tcp, on_pair_closed);
    uv_close((uv_handle_t *)&p->b.tcp, on_pair_closed);
    uv_close((uv_handle_t *)&p->timer, on_pair_closed);
    uv_close((uv_handle_t *)&p->a.late, on_pair_closed);
    uv_close((uv_handle_t *)&p->b.late, on_pair_closed);
}

static void on_sent(uv_write_t *w, int status) {
    packet *k = w->data;
    if (status != 0)
        cut(k->to->p);
    free(k);
}

static void send_now(packet *k) {
    uv_buf_t buffer = uv_buf_init((char *)k->bytes, (unsigned)k->size);
    k->write.data = k;
    if (k->to->p->closing || uv_write(&k->write, (uv_stream_t *)&k->to->tcp, &buffer, 1, on_sent) != 0)
        free(k);
}

static void on_late(uv_timer_t *t) {
    side *s = t->data;
    uint64_t now = uv_now(&loop);
    while (s->first && s->first->due_ms <= now) {
        packet *k = s->first;
        s->first = k->next;
        s->last = s->first ? s->last : &s->first;
        send_now(k);
    }
    if (s->first && !s->p->closing)
        uv_timer_start(t, on_late, s->first->due_ms - now, 0);
}

static void pass(side *to, const uint8_t *bytes, size_t size) {
    packet *k = malloc(sizeof *k + size);
    if (!k)
        abort();
    k->to = to;
    k->size = size;
    memcpy(k->bytes, bytes, size);
    bytes_passed += size;
    if (kind == DELAY && !to->p->closing) {
        faults++;
        k->next = NULL;
        k->due_ms = uv_now(&loop) + delay_ms;
        *to->last = k;
        to->last = &k->next;
        if (to->first == k)
            uv_timer_start(&to->late, on_late, delay_ms, 0);
    } else {
        send_now(k);
    }
}

/* ---- requests: 8 bytes of length, big-endian, and so many bytes ---- */

static void let_later_go(pair *p) {
    if (p->later) {
        pass(&p->b, p->later, p->later_size);
        free(p->later);
        p->later = NULL;
    }
}

static void on_hold(uv_timer_t *t) { let_later_go(t->data); }

static void request(pair *p, const uint8_t *bytes, size_t size) {
    uint64_t luck = draw(6);
    if (luck == 0 && !p->later) { /* wait to be overtaken */
        p->later = malloc(size);
        if (!p->later)
            abort();
        memcpy(p->later, bytes, size);
        p->later_size = size;
        uv_timer_start(&p->timer, on_hold, HOLD_MS, 0);
        faults++;
        return;
    }
    pass(&p->b, bytes, size);
    let_later_go(p);
    if (luck <= 2) {
        pass(&p->b, bytes, size);
        faults++;
    }
    uint64_t place = draw(OLD_MAX);
    if (luck == 3 && p->old[place]) {
        pass(&p->b, p->old[place], p->old_size[place]);
        faults++;
    }
    free(p->old[place]);
    p->old[place] = malloc(size);
    if (!p->old[place])
        abort();
    memcpy(p->old[place], bytes, size);
    p->old_size[place] = size;
}

static void requests(pair *p, const uint8_t *bytes, size_t size) {
    size_t at = 0;
    p->held = realloc(p->held, p->held_size + size);
    if (!p->held)
        abort();
    memcpy(p->held + p->held_size, bytes, size);
    p->held_size += size;
    if (p->hello_left > 0) {
        if (p->held_size < HELLO)
            return;
        pass(&p->b, p->held, HELLO);
        p->hello_left = 0;
        at = HELLO;
    }
    while (p->held_size - at >= 8) {
        uint64_t length = 0;
        for (int i = 0; i < 8; i++)
            length = length << 8 | p->held[at + (size_t)i];
        if (length > FRAME_MAX) {
            cut(p);
            return;
        }
        if (p->held_size - at < 8 + length)
            break;
        request(p, p->held + at, (size_t)(8 + length));
        at += (size_t)(8 + length);
    }
    memmove(p->held, p->held + at, p->held_size - at);
    p->held_size -= at;
}

/* ---- connections ---- */

static void on_room(uv_handle_t *h, size_t wish, uv_buf_t *out) {
    static char room[CHUNK]; /* used up before the next read */
    (void)h;
    (void)wish;
    *out = uv_buf_init(room, sizeof room);
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *b) {
    side *s = stream->data;
    pair *p = s->p;
    if (n < 0) {
        if (!p->silent)
            cut(p);
        else
            uv_read_stop(stream);
        return;
    }
    if (p->silent || p->closing)
        return;
    if (p->left >= 0 && (p->left -= n) < 0) {
        faults++;
        if (kind == DROP)
            cut(p);
        else
            p->silent = 1; /* it is read, and goes nowhere */
        return;
    }
    if (kind == REPEAT && s == &p->a)
        requests(p, (const uint8_t *)b->base, (size_t)n);
    else
        pass(s->other, (const uint8_t *)b->base, (size_t)n);
}

static void on_target(uv_connect_t *c, int status) {
    pair *p = c->data;
    free(c);
    if (p->closing)
        return;
    if (status != 0) {
        cut(p);
        return;
    }
    uv_read_start((uv_stream_t *)&p->a.tcp, on_room, on_bytes);
    uv_read_start((uv_stream_t *)&p->b.tcp, on_room, on_bytes);
}

static void on_connection(uv_stream_t *server, int status) {
    if (status != 0)
        return;
    pair *p = calloc(1, sizeof *p);
    uv_connect_t *c = malloc(sizeof *c);
    if (!p || !c)
        abort();
    p->a.p = p->b.p = p;
    p->a.other = &p->b;
    p->b.other = &p->a;
    p->left = -1;
    p->hello_left = HELLO;
    uv_tcp_init(&loop, &p->a.tcp);
    uv_tcp_init(&loop, &p->b.tcp);
    uv_timer_init(&loop, &p->timer);
    uv_timer_init(&loop, &p->a.late);
    uv_timer_init(&loop, &p->b.late);
    p->timer.data = p;
    p->a.late.data = &p->a;
    p->b.late.data = &p->b;
    p->a.last = &p->a.first;
    p->b.last = &p->b.first;
    p->a.tcp.data = &p->a;
    p->b.tcp.data = &p->b;
    connections++;
    const int port = server == (uv_stream_t *)&listener[1];
    const uint64_t before = arrived[port]++;
    if (kind == DROP)
        p->left = before > 0 && draw(10) >= 3 ? (int64_t)draw(200000) : draw(3) == 0 ? 0 : (int64_t)draw(4000);
    if (kind == HALFOPEN && before % 3 == 0)
        p->left = 1000 + (int64_t)draw(3000);
    uv_accept(server, (uv_stream_t *)&p->a.tcp);
    uv_tcp_nodelay(&p->a.tcp, 1);
    uv_tcp_nodelay(&p->b.tcp, 1);
    c->data = p;
    if (uv_tcp_connect(c, &p->b.tcp, (const struct sockaddr *)&target[port], on_target) != 0) {
        free(c);
        cut(p);
    }
}

static void on_stop(uv_signal_t *s, int number) {
    (void)s;
    (void)number;
    printf("%" PRIu64 " connections, %" PRIu64 " faults, %" PRIu64 " bytes\n", connections, faults, bytes_passed);
    fflush(stdout);
    _Exit(0);
}

/* Two ports side by side. */
static int listen_on(int port) {
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in at;
        uv_ip4_addr("127.0.0.1", port + i, &at);
        uv_tcp_init(&loop, &listener[i]);
        if (uv_tcp_bind(&listener[i], (const struct sockaddr *)&at, 0) != 0 ||
            uv_listen((uv_stream_t *)&listener[i], 128, on_connection) != 0) {
            for (int k = 0; k <= i; k++)
                uv_close((uv_handle_t *)&listener[k], NULL);
            uv_run(&loop, UV_RUN_NOWAIT);
            return 0;
        }
    }
    return 1;
}

int main(int argc, char **argv) {
    static const char *const names[] = {"drop", "delay", "halfopen", "repeat"};
    if (argc != 4) {
        fputs("usage: proxy TARGET_PORT FAULT SEED\n", stderr);
        return 2;
    }
    if (strncmp(argv[2], "delay=", 6) == 0) {
        delay_ms = strtoull(argv[2] + 6, NULL, 10);
        argv[2][5] = 0;
    }
    while (kind <= REPEAT && strcmp(argv[2], names[kind]) != 0)
        kind++;
    if (kind > REPEAT)
        return 2;
    int port = (int)strtol(argv[1], NULL, 10);
    seed = strtoull(argv[3], NULL, 10);
    uv_loop_init(&loop);
    for (int i = 0; i < 2; i++) {
        uv_ip4_addr("127.0.0.1", port + i, &target[i]);
        uv_signal_init(&loop, &stop[i]);
        uv_signal_start(&stop[i], on_stop, i ? SIGINT : SIGTERM);
    }
    int mine = 0;
    uint64_t places = uv_hrtime() / 1000;
    for (int i = 0; i < TRIES && !mine; i++) {
        mine = 20000 + (int)((places + (uint64_t)i * 7919) % 12000);
        if (!listen_on(mine))
            mine = 0;
    }
    if (!mine)
        return 3;
    printf("port %d\n", mine);
    fflush(stdout);
    return uv_run(&loop, UV_RUN_DEFAULT);
}
