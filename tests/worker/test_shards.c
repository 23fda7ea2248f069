/* Shards in a worker's hands: one worker has every shard of several jobs, and a conductor
 * without a network leads them. What it hands in must be what the network alone gives. */
#include "core/life.h"
#include "tests/worker/scripted.h"

enum { SHARDS = 3, JOBS = 3, LIVES = 2, WINDOWS_MAX = 600 };

static const char document_hmn[] =
    "{\"name\":\"s\",\"task\":\"cartpole\",\"network\":{\"regions\":5,\"neurons\":10,\"ring\":4,\"sources\":2,"
    "\"listen\":4,\"fan_in\":3,\"window\":3},\"hmn\":{\"mechanisms\":{\"plasticity_gate\":\"off\"}},"
    "\"sharding\":{\"shards\":3,\"snapshot_windows\":4},\"verification\":\"off\","
    "\"evolution\":{\"generations\":3,\"episodes\":2,\"validate_every\":2,\"validate_episodes\":2,"
    "\"islands\":[{\"algorithm\":\"es\",\"population\":4}]}}";
static const char document_neuraxon[] =
    "{\"name\":\"n\",\"model\":\"neuraxon\",\"task\":\"cartpole\",\"network\":{\"regions\":5,\"neurons\":10,\"ring\":4,"
    "\"sources\":2,\"listen\":4,\"fan_in\":3,\"window\":3},"
    "\"sharding\":{\"shards\":3,\"snapshot_windows\":4},\"verification\":\"off\","
    "\"evolution\":{\"generations\":3,\"episodes\":2,\"validate_every\":2,\"validate_episodes\":2,"
    "\"islands\":[{\"algorithm\":\"es\",\"population\":4}]}}";

/* One shard as the conductor sees it. */
typedef struct seat {
    int leased, over;
    uint64_t lease;
    uint32_t first_life, first_window; /* of the lease */
    scripted_call *asks;               /* waits for its next step; NULL: none */
    int is_in;                         /* its output of the present window is here */
    uint8_t *output[LIVES][WINDOWS_MAX], *input[LIVES][WINDOWS_MAX];
    size_t output_size[LIVES][WINDOWS_MAX], input_size[LIVES][WINDOWS_MAX];
    uint8_t commit[LIVES][WINDOWS_MAX][MDL_DIGEST_BYTES];
    uint8_t *chunk, *list; /* of the newest state: one chunk does */
    size_t chunk_size, list_size;
    uint32_t state_life, state_window; /* after so many windows; 0: none */
    uint8_t region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES];
} seat;

typedef struct orchestra {
    mdl_conductor conductor;
    mdl_params params;
    mdl_activity_rule rule;
    float *genome;
    mdl_job what;
    uint32_t number, life, owner[MDL_REGIONS_MAX], windows[LIVES];
    mdl_packed packed[MDL_REGIONS_MAX];
    mdl_life_row row[LIVES];
    int ended;
    seat seat[SHARDS];
} orchestra;

typedef struct hall {
    scripted s;
    orchestra job[JOBS];
    uint64_t leases, draws;
    uint32_t trouble; /* one in so many; 0: none */
    uint32_t replays, agains, loads, states, refusals, silent;
} hall;

static int zeros(const uint8_t digest[MDL_DIGEST_BYTES]) {
    static const uint8_t none[MDL_DIGEST_BYTES];
    return memcmp(digest, none, sizeof none) == 0;
}

static uint32_t draw(hall *h, uint32_t below) {
    h->draws = h->draws * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(h->draws >> 33) % below;
}

/* The inputs of the present window, for each shard. */
static void make_inputs(hall *h, orchestra *o) {
    const mdl_experiment *x = &h->s.model->experiment;
    for (uint32_t i = 0; i < SHARDS; i++) {
        seat *t = &o->seat[i];
        uint32_t w = o->conductor.windows;
        assert_true(w < WINDOWS_MAX);
        t->input[o->life][w] = malloc(mdl_shard_input_max(x, o->owner, i));
        t->input_size[o->life][w] = mdl_shard_input(&o->conductor, o->owner, i, o->packed, t->input[o->life][w]);
        t->is_in = 0;
    }
}

static void begin_life(hall *h, orchestra *o) {
    mdl_place place = mdl_unit_place(&h->s.model->experiment, &o->what, o->life);
    mdl_conductor_begin(&o->conductor, place.key, place.episode, place.part);
    make_inputs(h, o);
}

static void begin_job(hall *h, uint32_t number) {
    orchestra *o = &h->job[number];
    const mdl_model *m = h->s.model;
    memset(o, 0, sizeof *o);
    o->number = number;
    o->genome = malloc(m->layout.genes * sizeof *o->genome);
    mdl_evolution_job(m->evolution, number, &o->what, o->genome);
    assert_int_equal(o->what.episodes, LIVES);
    mdl_genome_decode(&m->experiment, &m->layout, o->genome, &o->params);
    o->rule = mdl_activity_rule_of(&m->experiment, &o->params);
    mdl_balanced_cut(&m->experiment.network, SHARDS, o->owner);
    mdl_conductor_init(&o->conductor, &m->experiment, &o->params);
    begin_life(h, o);
}

/* All outputs are here. */
static void next_window(hall *h, orchestra *o) {
    const mdl_experiment *x = &h->s.model->experiment;
    mdl_window_out sum;
    uint32_t w = o->conductor.windows;
    memset(&sum, 0, sizeof sum);
    for (uint32_t i = 0; i < SHARDS; i++) {
        mdl_window_out part;
        const seat *t = &o->seat[i];
        assert_int_equal(mdl_shard_output_read(x, &o->rule, o->owner, i, t->output[o->life][w],
                                               t->output_size[o->life][w], &part, o->packed),
                         MDL_OK);
        mdl_window_out_add(x, &sum, &part, o->owner[0] == i);
    }
    if (mdl_conductor_window(&o->conductor, &sum)) {
        make_inputs(h, o);
        return;
    }
    o->windows[o->life] = o->conductor.windows;
    if (o->life + 1 == LIVES) {
        o->ended = 1;
        return;
    }
    mdl_unit_row_of(&o->conductor, NULL, &o->row[o->life]);
    o->life++;
    begin_life(h, o);
}

static void step(hall *h, const seat *t, scripted_call *c, uint32_t what, uint32_t life, uint32_t window) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_STEP;
    m.as.step.lease = t->lease;
    m.as.step.what = what;
    m.as.step.life = life;
    m.as.step.window = window;
    scripted_say(&h->s, c, &m, NULL, 0);
}

static int has_input(const orchestra *o, uint32_t life, uint32_t window) {
    return life < o->life || (life == o->life && !o->ended && window <= o->conductor.windows);
}

/* Run from (life, window) on: what was run before at once, up to the present. */
static void let_run(hall *h, seat *t, scripted_call *c, uint32_t life, uint32_t window) {
    uint32_t last = window;
    while (t->output[life][last] && last + 1 < WINDOWS_MAX && t->input[life][last + 1] && draw(h, 8) > 0) {
        last++;
    }
    size_t size = 0, at = 0;
    for (uint32_t w = window; w <= last; w++)
        size += 4 + t->input_size[life][w];
    uint8_t *blob = malloc(size);
    for (uint32_t w = window; w <= last; w++) {
        for (int b = 0; b < 4; b++)
            blob[at++] = (uint8_t)(t->input_size[life][w] >> (8 * b));
        memcpy(blob + at, t->input[life][w], t->input_size[life][w]);
        at += t->input_size[life][w];
    }
    h->replays += t->output[life][window] != NULL;
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_STEP;
    m.as.step.lease = t->lease;
    m.as.step.what = 1;
    m.as.step.life = life;
    m.as.step.window = window;
    m.as.step.count = last - window + 1;
    m.as.step.keep = (last + 1) % 4 == 0;
    mdl_digest_of(blob, size, m.as.step.blob);
    m.as.step.blob_size = size;
    scripted_say(&h->s, c, &m, blob, size);
    free(blob);
}

static void state_name(const seat *t, uint8_t out[MDL_DIGEST_BYTES]) {
    memset(out, 0, MDL_DIGEST_BYTES);
    if (t->state_window > 0)
        mdl_digest_of(t->list, t->list_size, out);
}

/* Back to the newest state, or the beginning of the life that it is in. */
static void again(hall *h, seat *t, scripted_call *c, uint32_t life, uint32_t window) {
    int from_state = t->state_window > 0 && t->state_life == life && t->state_window <= window && draw(h, 2);
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_STEP;
    m.as.step.lease = t->lease;
    m.as.step.what = 4;
    m.as.step.life = life;
    m.as.step.window = from_state ? t->state_window : 0;
    if (from_state)
        state_name(t, m.as.step.snapshot);
    if (life == t->first_life && m.as.step.window < t->first_window)
        t->first_window = m.as.step.window;
    h->agains++;
    h->loads += (uint32_t)from_state;
    scripted_say(&h->s, c, &m, NULL, 0);
}

/* Answer who waits for (life, window), if it can be. */
static void answer(hall *h, orchestra *o, seat *t, scripted_call *c, uint32_t life, uint32_t window) {
    if (life < o->life && window >= o->windows[life]) {
        life++;
        window = 0;
    }
    if (h->trouble && draw(h, h->trouble) == 0) {
        switch (draw(h, 4)) {
        case 0:
            step(h, t, c, 2, 0, 0);
            return;
        case 1:
            if (o->ended)
                break;
            again(h, t, c, life, window);
            return;
        case 2: /* somebody else gets it: this worker too, with another lease */
            t->leased = 0;
            step(h, t, c, 5, 0, 0);
            return;
        default:
            h->refusals++;
            scripted_reject(&h->s, c, draw(h, 2) ? MDL_REASON_STALE_SEQUENCE : MDL_REASON_BUSY, "later", 5);
            return;
        }
    }
    if (o->ended && life == o->life && window >= o->windows[life])
        step(h, t, c, 3, 0, 0);
    else if (has_input(o, life, window) || (o->ended && life == o->life))
        let_run(h, t, c, life, window);
    else
        t->asks = c; /* until the others are so far */
}

static seat *seat_of(hall *h, uint64_t lease, orchestra **job) {
    for (uint32_t j = 0; j < JOBS; j++) {
        for (uint32_t i = 0; i < SHARDS; i++) {
            if (h->job[j].seat[i].leased && h->job[j].seat[i].lease == lease) {
                *job = &h->job[j];
                return &h->job[j].seat[i];
            }
        }
    }
    return NULL;
}

static void serve_want(hall *h, scripted_call *c) {
    for (uint32_t j = 0; j < JOBS; j++) {
        for (uint32_t i = 0; i < SHARDS; i++) {
            seat *t = &h->job[j].seat[i];
            if (t->leased || t->over)
                continue;
            orchestra *o = &h->job[j];
            mdl_message m;
            memset(&m, 0, sizeof m);
            m.type = MDL_MSG_SHARDGRANT;
            int from_state = t->state_window > 0;
            t->leased = 1;
            t->lease = m.as.shardgrant.lease = ++h->leases;
            t->first_life = m.as.shardgrant.life = from_state ? t->state_life : o->life;
            t->first_window = m.as.shardgrant.window = from_state ? t->state_window : 0;
            state_name(t, m.as.shardgrant.snapshot);
            m.as.shardgrant.generation = 0;
            m.as.shardgrant.job = j;
            m.as.shardgrant.shard = i;
            m.as.shardgrant.shards = SHARDS;
            m.as.shardgrant.deadline_ms = 60000;
            h->loads += (uint32_t)from_state;
            assert_true(c->m.as.want.memory > 0);
            scripted_say(&h->s, c, &m, NULL, 0);
            return;
        }
    }
    scripted_idle(&h->s, c, MDL_REASON_NOTHING_LEFT, 1000);
}

/* A list or chunk of a state. */
static void serve_blob(hall *h, scripted_call *c) {
    for (uint32_t j = 0; j < JOBS; j++) {
        for (uint32_t i = 0; i < SHARDS; i++) {
            const seat *t = &h->job[j].seat[i];
            uint8_t list[MDL_DIGEST_BYTES], chunk[MDL_DIGEST_BYTES];
            if (t->state_window == 0)
                continue;
            mdl_digest_of(t->list, t->list_size, list);
            mdl_digest_of(t->chunk, t->chunk_size, chunk);
            int is_list = memcmp(c->m.as.fetch.digest, list, sizeof list) == 0;
            if (!is_list && memcmp(c->m.as.fetch.digest, chunk, sizeof chunk) != 0)
                continue;
            mdl_message m;
            memset(&m, 0, sizeof m);
            m.type = MDL_MSG_DOCUMENT;
            memcpy(m.as.document.digest, c->m.as.fetch.digest, MDL_DIGEST_BYTES);
            memcpy(m.as.document.blob, c->m.as.fetch.digest, MDL_DIGEST_BYTES);
            m.as.document.blob_size = is_list ? t->list_size : t->chunk_size;
            scripted_say(&h->s, c, &m, is_list ? t->list : t->chunk, is_list ? t->list_size : t->chunk_size);
            return;
        }
    }
    fail();
}

/* What it did not hand in was what it had handed in before. */
static void check_silent(hall *h, const seat *t, const mdl_msg_window *a) {
    uint8_t digest[MDL_DIGEST_BYTES];
    uint32_t from = a->window;
    if (zeros(a->silent))
        return;
    while (from > 0) { /* the step began at one of them */
        mdl_digest d;
        mdl_digest_init(&d);
        mdl_sink sink = mdl_digest_sink(&d);
        from--;
        for (uint32_t w = from; w < a->window; w++)
            mdl_put_bytes(&sink, t->commit[a->life][w], MDL_DIGEST_BYTES);
        mdl_digest_final(&d, digest);
        if (memcmp(digest, a->silent, sizeof digest) == 0) {
            h->silent++;
            return;
        }
    }
    fail_msg("life %u, window %u: other windows before it", (unsigned)a->life, (unsigned)a->window);
}

static void serve_window(hall *h, scripted_call *c) {
    const mdl_msg_window *a = &c->m.as.window;
    orchestra *o = NULL;
    seat *t = seat_of(h, a->lease, &o);
    assert_non_null(t);
    uint32_t life = a->life, window = a->window, shard = (uint32_t)(t - o->seat);
    assert_true(life <= o->life && t->input[life][window]);
    mdl_window_commit w = {.life = life, .window = window, .shard = shard, .shards = SHARDS};
    memcpy(w.output, a->blob, MDL_DIGEST_BYTES);
    memcpy(w.state, a->state, MDL_DIGEST_BYTES);
    uint8_t digest[MDL_DIGEST_BYTES];
    mdl_window_commit_digest(&w, digest);
    assert_memory_equal(digest, a->commit, MDL_DIGEST_BYTES);
    assert_int_equal(zeros(a->state), (window + 1) % 4 != 0);
    check_silent(h, t, a);
    if (t->output[life][window]) { /* once more: the same */
        assert_int_equal(t->output_size[life][window], c->blob_size);
        assert_memory_equal(t->output[life][window], c->blob, c->blob_size);
        assert_memory_equal(t->commit[life][window], a->commit, MDL_DIGEST_BYTES);
    } else {
        t->output[life][window] = malloc(c->blob_size);
        memcpy(t->output[life][window], c->blob, c->blob_size);
        t->output_size[life][window] = c->blob_size;
        memcpy(t->commit[life][window], a->commit, MDL_DIGEST_BYTES);
        if (life == o->life && !o->ended && window == o->conductor.windows)
            t->is_in = 1;
    }
    uint32_t in = 0;
    for (uint32_t i = 0; i < SHARDS; i++)
        in += (uint32_t)o->seat[i].is_in;
    if (in == SHARDS) {
        next_window(h, o);
        for (uint32_t i = 0; i < SHARDS; i++) {
            seat *other = &o->seat[i];
            scripted_call *waits = other->asks;
            other->is_in = 0;
            other->asks = NULL;
            if (waits) {
                const mdl_msg_window *b = &waits->m.as.window;
                int pulls = waits->m.type == MDL_MSG_PULL;
                answer(h, o, other, waits, pulls ? waits->m.as.pull.life : b->life,
                       pulls ? waits->m.as.pull.window : b->window + 1);
            }
        }
    }
    answer(h, o, t, c, life, window + 1);
}

static void serve_snapshot(hall *h, scripted_call *c) {
    const mdl_msg_snapshot *a = &c->m.as.snapshot;
    orchestra *o = NULL;
    seat *t = seat_of(h, a->lease, &o);
    mdl_message m;
    assert_non_null(t);
    assert_int_equal(a->chunks, 1);
    uint8_t **at = a->chunk == 1 ? &t->list : &t->chunk;
    *(a->chunk == 1 ? &t->list_size : &t->chunk_size) = c->blob_size;
    free(*at);
    *at = malloc(c->blob_size);
    memcpy(*at, c->blob, c->blob_size);
    t->state_window = 0; /* not whole */
    if (a->chunk == 1) {
        t->state_life = a->life;
        t->state_window = a->window + 1;
        h->states++;
    }
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_PONG;
    scripted_say(&h->s, c, &m, NULL, 0);
}

static void serve_result(hall *h, scripted_call *c) {
    const mdl_msg_shardresult *a = &c->m.as.shardresult;
    const mdl_experiment *x = &h->s.model->experiment;
    orchestra *o = NULL;
    seat *t = seat_of(h, a->lease, &o);
    assert_non_null(t);
    assert_int_equal(a->job, o->number);
    assert_int_equal(a->shard, t - o->seat);
    mdl_merkle_edge edge;
    mdl_hash leaf, root;
    uint32_t windows = 0, own = 0;
    memset(&edge, 0, sizeof edge);
    for (uint32_t life = t->first_life; life < LIVES; life++) {
        for (uint32_t w = life == t->first_life ? t->first_window : 0; w < o->windows[life]; w++, windows++) {
            mdl_merkle_leaf(t->commit[life][w], MDL_DIGEST_BYTES, &leaf);
            assert_int_equal(mdl_merkle_append(&edge, &leaf, 1, NULL, NULL), MDL_OK);
        }
    }
    mdl_merkle_edge_root(&edge, &root);
    assert_int_equal(a->windows, windows);
    assert_memory_equal(a->root, root.bytes, MDL_DIGEST_BYTES);
    uint64_t updates = 0;
    for (uint32_t r = 0; r < x->network.regions; r++) {
        if (o->owner[r] == a->shard) {
            uint64_t some;
            mdl_segments_get(a->regions, own++, t->region[r], &some);
            updates += some;
        }
    }
    assert_int_equal(own, a->regions.count);
    assert_int_equal(updates, a->updates);
    assert_int_equal(updates, mdl_cut_synapses(&x->network, o->owner, a->shard) * x->network.window * windows);
    t->over = 1;
    t->leased = 0;
    uint8_t bytes[MDL_RECEIPT_BYTES_MAX];
    mdl_merkle_leaf(c->envelope, c->size, &h->s.leaf[h->s.leaves++]);
    size_t size = scripted_receipt_bytes(&h->s, h->s.leaves - 1, &h->s.vkey, h->s.log_secret, bytes, sizeof bytes);
    scripted_reply(&h->s, c, bytes, size);
}

static void serve(hall *h, scripted_call *c) {
    orchestra *o = NULL;
    seat *t;
    switch (c->m.type) {
    case MDL_MSG_WANT:
        serve_want(h, c);
        return;
    case MDL_MSG_FETCH:
        if (memcmp(c->m.as.fetch.digest, h->s.document, MDL_DIGEST_BYTES) == 0)
            scripted_serve(&h->s, c);
        else
            serve_blob(h, c);
        return;
    case MDL_MSG_PULL:
        t = seat_of(h, c->m.as.pull.lease, &o);
        assert_non_null(t);
        answer(h, o, t, c, c->m.as.pull.life, c->m.as.pull.window);
        return;
    case MDL_MSG_WINDOW:
        serve_window(h, c);
        return;
    case MDL_MSG_SNAPSHOT:
        serve_snapshot(h, c);
        return;
    case MDL_MSG_SHARDRESULT:
        serve_result(h, c);
        return;
    default:
        scripted_serve(&h->s, c);
    }
}

/* A call that nobody holds back. */
static scripted_call *heard(hall *h) {
    for (uint32_t i = 0; i < h->s.calls; i++) {
        int held = 0;
        for (uint32_t j = 0; j < JOBS; j++) {
            for (uint32_t k = 0; k < SHARDS; k++)
                held |= h->job[j].seat[k].asks == h->s.call[i];
        }
        if (!held)
            return h->s.call[i];
    }
    return NULL;
}

static int run_order(hall *h) {
    for (uint32_t i = 0, first = draw(h, MDL_WORKER_SHARDS_MAX); i < MDL_WORKER_SHARDS_MAX && h->s.orders > 0; i++) {
        uint32_t slot = (first + i) % MDL_WORKER_SHARDS_MAX;
        mdl_shard_work *work = h->s.order[slot];
        if (work) {
            h->s.order[slot] = NULL;
            h->s.orders--;
            mdl_shard_work_run(work);
            mdl_moment at = scripted_moment(&h->s);
            mdl_worker_sharded(h->s.w, &at, slot, 1000);
            return 1;
        }
    }
    return 0;
}

static int all_over(const hall *h) {
    uint32_t over = 0;
    for (uint32_t j = 0; j < JOBS; j++) {
        for (uint32_t i = 0; i < SHARDS; i++)
            over += (uint32_t)h->job[j].seat[i].over;
    }
    return over == JOBS * SHARDS;
}

/* The job's result follows from what the shards handed in, and is that of the whole network. */
static void check_job(hall *h, orchestra *o) {
    const mdl_model *m = h->s.model;
    uint8_t region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES];
    for (uint32_t r = 0; r < m->experiment.network.regions; r++)
        memcpy(region[r], o->seat[o->owner[r]].region[r], MDL_DIGEST_BYTES);
    mdl_unit_row_of(&o->conductor, (const uint8_t(*)[MDL_DIGEST_BYTES])region, &o->row[LIVES - 1]);
    mdl_job_result joined, whole;
    mdl_unit_segment(0, o->number, o->row, LIVES, &joined);
    void *memory = aligned_alloc(64, (mdl_life_bytes(&m->experiment, 1) + 63) / 64 * 64);
    mdl_life *life = mdl_life_init(memory, &m->experiment, 1, NULL);
    mdl_unit_job(life, m->evolution, o->number, o->genome, NULL, &whole);
    assert_int_equal(joined.fitness, whole.fitness);
    assert_int_equal(joined.updates, whole.updates);
    assert_memory_equal(joined.segment, whole.segment, MDL_DIGEST_BYTES);
    free(memory);
}

static void close_job(orchestra *o) {
    free(o->genome);
    for (uint32_t i = 0; i < SHARDS; i++) {
        seat *t = &o->seat[i];
        free(t->chunk);
        free(t->list);
        for (uint32_t l = 0; l < LIVES; l++) {
            for (uint32_t w = 0; w < WINDOWS_MAX; w++) {
                free(t->input[l][w]);
                free(t->output[l][w]);
            }
        }
    }
}

static void open_hall(hall *h, const char *document, uint64_t memory, uint64_t seed, uint32_t trouble) {
    memset(h, 0, sizeof *h);
    scripted_document = document;
    scripted_open(&h->s, 1);
    mdl_worker_free(h->s.w);
    h->s.config.memory = memory;
    scripted_worker(&h->s);
    h->draws = seed;
    h->trouble = trouble;
    for (uint32_t j = 0; j < JOBS; j++)
        begin_job(h, j);
    scripted_start(&h->s);
}

static void close_hall(hall *h) {
    for (uint32_t j = 0; j < JOBS; j++)
        close_job(&h->job[j]);
    while (run_order(h)) { /* a thread gives back what it has */
    }
    scripted_close(&h->s);
}

static void play(hall *h) {
    uint32_t most = 0;
    while (!all_over(h) && !h->s.stopped) {
        mdl_worker_info info;
        mdl_worker_inform(h->s.w, h->s.now_ms, &info);
        most = info.shards > most ? info.shards : most;
        assert_true(info.memory <= h->s.config.memory);
        scripted_call *c = heard(h);
        if (c && draw(h, 3) > 0)
            serve(h, c);
        else if (!run_order(h) && !c)
            scripted_timer(&h->s);
    }
    assert_false(h->s.stopped);
    mdl_worker_info info;
    mdl_worker_inform(h->s.w, h->s.now_ms, &info);
    assert_int_equal(info.accepted, JOBS * SHARDS);
    assert_true(h->s.checkpoints[0] > 0); /* receipts of shards show the log, too */
    assert_int_equal(info.rejected, 0);
    assert_true(info.windows > 0 && info.shard_ns > 0);
    assert_int_equal(h->s.notices[MDL_NOTICE_ERROR], 0);
    assert_true(most > 1);
    for (uint32_t j = 0; j < JOBS; j++)
        check_job(h, &h->job[j]);
}

static void test_plain(void **state) {
    (void)state;
    static hall h;
    const char *const documents[] = {document_hmn, document_neuraxon};
    for (int i = 0; i < 2; i++) {
        open_hall(&h, documents[i], UINT64_C(1) << 30, 1, 0);
        play(&h);
        assert_int_equal(h.leases, JOBS * SHARDS);
        assert_true(h.states > 0);
        assert_int_equal(h.s.notices[MDL_NOTICE_STALE], 0);
        close_hall(&h);
    }
}

/* Leases that end, states taken up again, windows run twice, answers that come late or not. */
static void test_troubled(void **state) {
    (void)state;
    static hall h;
    uint32_t replays = 0, agains = 0, loads = 0, refusals = 0, silent = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        open_hall(&h, seed % 2 ? document_hmn : document_neuraxon, UINT64_C(1) << 30, seed, 12);
        play(&h);
        replays += h.replays;
        agains += h.agains;
        loads += h.loads;
        refusals += h.refusals;
        silent += h.silent;
        close_hall(&h);
    }
    assert_true(replays > 0 && agains > 0 && loads > 0 && refusals > 0 && silent > 0);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_troubled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
