/* Workers that play shards for real, the real protocol to the coordinator's logic,
 * all in one process. Each test program includes it once. */
#ifndef MDL_TESTS_COORDINATOR_SHARD_WORLD_H
#define MDL_TESTS_COORDINATOR_SHARD_WORLD_H

#include "coordinator/orchestra.h"
#include "protocol/snapshot.h"
#include "protocol/transcript.h"
#include "tests/coordinator/fake_shell.h"

enum { CAST = 4, HELD_MAX = 32 };

typedef enum lie_kind { LIE_NONE, LIE_SUM, LIE_BOUNDARY, LIE_STATE, LIE_END } lie_kind;

typedef struct committed {
    mdl_place_in at;
    uint8_t digest[MDL_DIGEST_BYTES];
} committed;

typedef struct held {
    int used, over;
    mdl_msg_shardgrant grant;
    mdl_job job;
    uint32_t owner[MDL_REGIONS_MAX];
    mdl_player *player;
    mdl_place_in next; /* to ask for */
    committed *commit;
    uint32_t commits;
    /* What is to be said; deliver: the last window's output. */
    int deliver;
    uint8_t *output, *state;
    size_t output_size, state_size, chunk;
    mdl_place_in output_at;
    uint8_t state_digest[MDL_DIGEST_BYTES], digest[MDL_DIGEST_BYTES], silent[MDL_DIGEST_BYTES];
    int keep; /* hand the state in next */
    int lied;
    uint64_t call;
    mdl_message_type asked;
    uint64_t ready_ms; /* computing until then */
} held;

typedef struct player {
    fake_worker w;
    int in_session, gone, banned;
    uint64_t call; /* hello or want under way */
    uint64_t ask_ms, memory;
    uint32_t threads; /* as it says; 0: one */
    held held[HELD_MAX];
    lie_kind lie;
    uint32_t lie_after, lied; /* windows; how often */
    uint64_t slow_ms;         /* a window takes so long */
} player;

typedef struct stage {
    fake_shell s;
    mdl_experiment x;
    const char *json;
    player p[CAST];
    uint32_t players;
    mdl_life *life;
    void *memory;
    float *genome;
    uint64_t rng;
    uint32_t windows, deaths, crashes, again, states, replays, finds, silent;
    int lie_last;     /* in the last life of a job, whose end holds the network's bytes */
    int lie_goes;     /* who has lied is never seen again                               */
    uint32_t refused; /* shards that somebody lost by a rejection */
} stage;

static uint64_t shard_states; /* of the next stage's coordinator, in bytes; 0: as many as usual */

static uint32_t draw(stage *w, uint32_t below) {
    w->rng = w->rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((w->rng >> 33) % below);
}

/* ---- the coordinator's threads: at once ---- */

static mdl_shard_replay pending_replay;
static int replays_wait;      /* no thread for it yet */
static int the_liar_is_right; /* what it said, not what follows from the inputs, is what the job gives */
static int has_replay;
static struct {
    int used;
    uint32_t job;
    uint8_t transcript[MDL_DIGEST_BYTES], region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES];
} pending_find;

static void on_replay(void *ctx, const mdl_shard_replay *r) {
    (void)ctx;
    assert_false(has_replay); /* these tests have one dispute at a time */
    pending_replay = *r;
    has_replay = 1;
}

static void on_find(void *ctx, uint32_t job, const uint8_t transcript[MDL_DIGEST_BYTES],
                    const uint8_t (*region)[MDL_DIGEST_BYTES]) {
    fake_shell *s = ctx;
    assert_false(pending_find.used);
    pending_find.used = 1;
    pending_find.job = job;
    memcpy(pending_find.transcript, transcript, MDL_DIGEST_BYTES);
    memcpy(pending_find.region, region,
           mdl_ledger_experiment(mdl_coordinator_ledger(s->logic))->network.regions * sizeof *region);
}

/* What a liar has committed to in the shard's window. */
static const uint8_t *said_there(const stage *w, const mdl_shard_replay *r) {
    for (uint32_t i = 0; i < w->players; i++)
        for (uint32_t k = 0; w->p[i].lied && k < HELD_MAX; k++) {
            const held *h = &w->p[i].held[k];
            for (uint32_t c = 0; h->used && h->grant.job == r->job && h->grant.shard == r->shard && c < h->commits; c++)
                if (h->commit[c].at.life == r->life && h->commit[c].at.window == r->windows - 1)
                    return h->commit[c].digest;
        }
    fail_msg("no liar there");
    return NULL;
}

static void run_threads(stage *w) {
    const mdl_ledger *l = mdl_coordinator_ledger(w->s.logic);
    if (has_replay && !replays_wait) {
        mdl_shard_replay r = pending_replay;
        has_replay = 0;
        assert_int_equal(mdl_shard_replay_run(&w->x, mdl_ledger_evolution(l), &r), MDL_OK);
        assert_memory_equal(r.truth, r.right, MDL_DIGEST_BYTES); /* nobody was false before */
        if (the_liar_is_right)
            memcpy(r.truth, said_there(w, &r), sizeof r.truth);
        free(r.inputs);
        w->replays++;
        mdl_coordinator_replayed(w->s.logic, &r, w->s.now_ms);
    }
    if (pending_find.used) {
        const uint8_t *bytes = NULL;
        size_t size = 0;
        mdl_transcript t;
        mdl_transcript_fault fault;
        mdl_job_result r;
        pending_find.used = 0;
        assert_int_equal(fake_get(&w->s, pending_find.transcript, &bytes, &size), MDL_OK);
        assert_int_equal(mdl_transcript_read(bytes, size, &t), MDL_OK);
        assert_int_equal(mdl_transcript_find(&w->x, mdl_ledger_evolution(l), pending_find.job, &t,
                                             (const uint8_t(*)[MDL_DIGEST_BYTES])pending_find.region, &fault, &r),
                         MDL_OK);
        w->finds++;
        mdl_duty_answer answer = {.fitness = r.fitness, .updates = r.updates};
        memcpy(answer.segment, r.segment, sizeof answer.segment);
        mdl_coordinator_found(w->s.logic, pending_find.job, &answer, &fault, w->s.now_ms);
    }
    while (fake_check(&w->s, w->life, w->genome)) {
    }
}

/* ---- one shard of a worker ---- */

static void drop_held(held *h) {
    free(h->player);
    free(h->commit);
    free(h->output);
    free(h->state);
    memset(h, 0, sizeof *h);
}

static void born(stage *w, held *h, uint32_t life) {
    mdl_player_begin(h->player, mdl_unit_place(&w->x, &h->job, life).key);
}

/* List and chunks, one call after the other. 0: they are not there any more. */
static int fetch(stage *w, player *p, const uint8_t digest[MDL_DIGEST_BYTES], fake_bytes *out) {
    mdl_message m = fake_message(MDL_MSG_FETCH);
    memcpy(m.as.fetch.digest, digest, MDL_DIGEST_BYTES);
    fake_answer a = fake_ask(&w->s, &p->w, m);
    while (a.m.type == MDL_MSG_REJECT && a.m.as.reject.reason == MDL_REASON_RATE_LIMITED) {
        w->s.now_ms += a.m.as.reject.retry_ms;
        a = fake_ask(&w->s, &p->w, m);
    }
    *out = a.blob;
    if (a.m.type == MDL_MSG_DOCUMENT) {
        return 1;
    }
    free(a.blob.at);
    return 0;
}

static int take_up_state(stage *w, player *p, held *h, mdl_place_in at, const uint8_t list_digest[MDL_DIGEST_BYTES]) {
    fake_bytes list, chunk;
    mdl_snapshot s;
    uint64_t size = mdl_player_state_bytes(&w->x, h->owner, h->grant.shard);
    if (!fetch(w, p, list_digest, &list)) {
        return 0;
    }
    assert_int_equal(mdl_snapshot_read(list.at, list.size, size, &s), MDL_OK);
    assert_true(s.life == at.life && s.windows == at.window && s.shard == h->grant.shard);
    uint8_t *bytes = malloc(size);
    int there = 1;
    for (uint32_t i = 0; there && i < s.chunks; i++) {
        there = fetch(w, p, s.digest + (size_t)i * MDL_DIGEST_BYTES, &chunk);
        if (there) {
            assert_int_equal(mdl_snapshot_chunk(&s, i, chunk.at, chunk.size), MDL_OK);
            memcpy(bytes + (size_t)i * MDL_CHUNK_BYTES, chunk.at, chunk.size);
            free(chunk.at);
        }
    }
    if (there) {
        assert_int_equal(mdl_player_load(h->player, mdl_unit_place(&w->x, &h->job, at.life).key, bytes, size), MDL_OK);
        w->states++;
    }
    free(bytes);
    free(list.at);
    return there;
}

static void take_shard(stage *w, player *p, const mdl_msg_shardgrant *g) {
    const mdl_evolution *e = mdl_ledger_evolution(mdl_coordinator_ledger(w->s.logic));
    if (mdl_evolution_generation(e) != g->generation) {
        return; /* too late: it will be told */
    }
    held *h = p->held;
    while (h->used) {
        h++;
        assert_true(h < p->held + HELD_MAX);
    }
    memset(h, 0, sizeof *h);
    h->used = 1;
    h->grant = *g;
    h->next = (mdl_place_in){g->life, g->window};
    mdl_balanced_cut(&w->x.network, g->shards, h->owner);
    size_t size = mdl_player_bytes(&w->x, h->owner, g->shard);
    h->player = mdl_player_init(aligned_alloc(64, (size + 63) / 64 * 64), &w->x, h->owner, g->shard, NULL);
    float *genome = malloc(h->player->layout.genes * sizeof *genome);
    mdl_evolution_job(e, g->job, &h->job, genome);
    mdl_player_genome(h->player, genome);
    free(genome);
    born(w, h, g->life);
    if (g->window > 0 && !take_up_state(w, p, h, h->next, g->snapshot)) {
        h->next.window = 0; /* it asks from there, and is told */
        born(w, h, g->life);
    }
}

/* What this worker makes of its last output, where it lies. */
static void lie(stage *w, player *p, held *h, mdl_window_commit *c) {
    int here = !w->lie_last || c->life + 1 == h->job.episodes;
    if (p->lie == LIE_NONE || p->lie == LIE_END || p->lied > 0 || !here || p->lie_after > 0) {
        p->lie_after -= here && p->lie_after > 0;
        return;
    }
    if (p->lie == LIE_SUM) {
        h->output[10] ^= 0x80; /* the sum of values, by 2^-9 */
    } else if (p->lie == LIE_BOUNDARY) {
        assert_true(h->player->sends > 0);
        if (h->output[h->output_size - 1] == 0) {
            return; /* silence: wait */
        }
        h->output[h->output_size - 2] ^= 0x20; /* a bit of the last f32 */
    } else if (p->lie == LIE_STATE) {
        static const uint8_t zero[MDL_DIGEST_BYTES];
        if (memcmp(c->state, zero, sizeof zero) == 0) {
            return; /* wait for a window with one */
        }
        c->state[7] ^= 16;
        memcpy(h->state_digest, c->state, sizeof c->state);
    }
    p->lied++;
    h->lied = 1;
}

static void run_one(stage *w, player *p, held *h, uint32_t life, const uint8_t *input, size_t size, int last) {
    uint32_t every = w->x.sharding.snapshot_windows;
    if (h->player->windows == 0 || h->next.life != life) {
        born(w, h, life);
    }
    h->next.life = life;
    mdl_window_commit c = {
        .life = life, .window = h->player->windows, .shard = h->grant.shard, .shards = h->grant.shards};
    assert_int_equal(mdl_shard_input_run(h->player, input, size), MDL_OK);
    free(h->output);
    h->output = malloc(mdl_shard_output_max(&w->x, h->owner, h->grant.shard));
    h->output_size = mdl_shard_output(h->player, h->output);
    memset(h->state_digest, 0, sizeof h->state_digest);
    if (every > 0 && h->player->windows % every == 0) {
        mdl_player_state_digest(h->player, NULL, c.state);
        memcpy(h->state_digest, c.state, sizeof c.state);
    }
    if (last) {
        lie(w, p, h, &c);
    }
    mdl_digest_of(h->output, h->output_size, c.output);
    h->commit = fake_more(h->commit, h->commits, sizeof *h->commit);
    committed *k = &h->commit[h->commits++];
    k->at = (mdl_place_in){life, c.window};
    mdl_window_commit_digest(&c, k->digest);
    memcpy(h->digest, k->digest, sizeof h->digest);
    h->output_at = k->at;
    h->next.window = c.window + 1;
    w->windows++;
}

static void save(void *ctx, const void *bytes, size_t size) {
    held *h = ctx;
    memcpy(h->state + h->state_size, bytes, size);
    h->state_size += size;
}

static void hear_step(stage *w, player *p, held *h, const mdl_msg_step *s, fake_bytes blob) {
    mdl_place_in at = {s->life, s->window};
    switch ((mdl_step_what)s->what) {
    case MDL_STEP_RUN: {
        const uint8_t *from = blob.at;
        size_t left = blob.size;
        if (at.life != h->next.life) {
            assert_true(at.life == h->next.life + 1 && at.window == 0);
        } else {
            assert_int_equal(at.window, h->next.window);
        }
        for (uint32_t i = 0; i < s->count; i++) {
            assert_true(left >= 4);
            uint32_t size = (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16;
            assert_true(size <= left - 4);
            if (i == 0 && at.window == 0) {
                born(w, h, at.life);
            }
            run_one(w, p, h, at.life, from + 4, size, i + 1 == s->count);
            from += 4 + size;
            left -= 4 + size;
        }
        assert_int_equal(left, 0);
        w->silent += s->count - 1;
        memset(h->silent, 0, sizeof h->silent);
        if (s->count > 1) {
            mdl_digest d;
            mdl_digest_init(&d);
            mdl_sink sink = mdl_digest_sink(&d);
            for (uint32_t i = h->commits - s->count; i + 1 < h->commits; i++) {
                mdl_put_bytes(&sink, h->commit[i].digest, MDL_DIGEST_BYTES);
            }
            mdl_digest_final(&d, h->silent);
        }
        h->deliver = 1;
        h->ready_ms = w->s.now_ms + p->slow_ms;
        h->keep = s->keep != 0;
        if (h->keep) {
            free(h->state);
            h->state = malloc(mdl_player_state_bytes(&w->x, h->owner, h->grant.shard));
            h->state_size = 0;
            mdl_player_save(h->player, &(mdl_sink){save, h});
            assert_int_equal(h->state_size, mdl_player_state_bytes(&w->x, h->owner, h->grant.shard));
            h->chunk = 0;
        }
        break;
    }
    case MDL_STEP_NOT_YET:
        break;
    case MDL_STEP_OVER:
        h->over = 1;
        break;
    case MDL_STEP_AGAIN:
        w->again++;
        while (h->commits > 0 && !mdl_place_before(h->commit[h->commits - 1].at, at)) {
            h->commits--;
        }
        h->deliver = h->keep = 0;
        h->next = at;
        if (at.window == 0) {
            born(w, h, at.life);
        } else if (!take_up_state(w, p, h, at, s->snapshot)) {
            h->next.window = 0; /* it asks from there, and is told */
            born(w, h, at.life);
        }
        break;
    case MDL_STEP_GONE:
        drop_held(h);
        break;
    }
}

static uint64_t send_blob(stage *w, player *p, mdl_message *m, const uint8_t *blob, size_t size) {
    fake_seal(&p->w, m);
    return fake_send_with(&w->s, p->w.last.at, p->w.last.size, blob, size);
}

static void say_result(stage *w, player *p, held *h) {
    static char text[MDL_SHARDS_MAX * MDL_SEGMENT_CHARS];
    uint8_t region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES], ignored[MDL_DIGEST_BYTES];
    mdl_message m = fake_message(MDL_MSG_SHARDRESULT);
    mdl_msg_shardresult *r = &m.as.shardresult;
    mdl_merkle_edge edge;
    mdl_hash leaf, top;
    memset(&edge, 0, sizeof edge);
    for (uint32_t i = 0; i < h->commits; i++) {
        mdl_merkle_leaf(h->commit[i].digest, MDL_DIGEST_BYTES, &leaf);
        assert_int_equal(mdl_merkle_append(&edge, &leaf, 1, NULL, NULL), MDL_OK);
    }
    mdl_merkle_edge_root(&edge, &top);
    r->lease = h->grant.lease;
    r->generation = h->grant.generation;
    r->job = h->grant.job;
    r->shard = h->grant.shard;
    r->windows = h->commits;
    memcpy(r->root, top.bytes, MDL_DIGEST_BYTES);
    mdl_player_state_digest(h->player, region, ignored);
    if (p->lie == LIE_END && p->lied == 0) {
        region[0][0] ^= 1;
        p->lied++;
    }
    for (uint32_t i = 0; i < h->player->shard.count; i++) {
        mdl_shape shape;
        mdl_shape_of(&w->x.network, h->player->region[i], &shape);
        uint64_t updates = (uint64_t)h->commits * w->x.network.window * shape.synapses;
        mdl_segments_put(text, i, region[i], updates);
        r->updates += updates;
    }
    r->regions = (mdl_segments){h->player->shard.count, text};
    r->busy_ms = 1;
    h->asked = m.type;
    h->call = fake_call(&w->s, &p->w, &m);
}

static void say_next(stage *w, player *p, held *h) {
    mdl_message m;
    if (h->deliver) {
        m = fake_message(MDL_MSG_WINDOW);
        m.as.window.lease = h->grant.lease;
        m.as.window.life = h->output_at.life;
        m.as.window.window = h->output_at.window;
        memcpy(m.as.window.state, h->state_digest, MDL_DIGEST_BYTES);
        memcpy(m.as.window.commit, h->digest, MDL_DIGEST_BYTES);
        memcpy(m.as.window.silent, h->silent, MDL_DIGEST_BYTES);
        mdl_digest_of(h->output, h->output_size, m.as.window.blob);
        m.as.window.blob_size = h->output_size;
        h->asked = m.type;
        h->call = send_blob(w, p, &m, h->output, h->output_size);
    } else if (h->over) {
        say_result(w, p, h);
    } else if (h->keep == 2) { /* chunks, then the list */
        uint64_t chunks = (h->state_size + MDL_CHUNK_BYTES - 1) / MDL_CHUNK_BYTES;
        uint8_t *list = NULL;
        const uint8_t *bytes = h->state + h->chunk * MDL_CHUNK_BYTES;
        size_t left = h->state_size - h->chunk * MDL_CHUNK_BYTES,
               size = left < MDL_CHUNK_BYTES ? left : MDL_CHUNK_BYTES;
        if (h->chunk == chunks) {
            size = mdl_snapshot_list_bytes(h->state_size);
            bytes = list = malloc(size);
            mdl_snapshot_list(h->output_at.life, h->output_at.window + 1, h->grant.shard, h->grant.shards, h->state,
                              h->state_size, list);
        }
        m = fake_message(MDL_MSG_SNAPSHOT);
        m.as.snapshot.lease = h->grant.lease;
        m.as.snapshot.life = h->output_at.life;
        m.as.snapshot.window = h->output_at.window;
        m.as.snapshot.chunk = (uint32_t)h->chunk;
        m.as.snapshot.chunks = (uint32_t)chunks;
        mdl_digest_of(bytes, size, m.as.snapshot.blob);
        m.as.snapshot.blob_size = size;
        h->asked = m.type;
        h->call = send_blob(w, p, &m, bytes, size);
        free(list);
    } else {
        m = fake_message(MDL_MSG_PULL);
        m.as.pull.lease = h->grant.lease;
        m.as.pull.life = h->next.life;
        m.as.pull.window = h->next.window;
        h->asked = m.type;
        h->call = fake_call(&w->s, &p->w, &m);
    }
}

/* Whether the answer to this call may leave. */
static int is_answered(const stage *w, uint64_t call) {
    for (size_t i = 0; i < w->s.waiting_count; i++) {
        if (w->s.waiting[i].call == call) {
            return w->s.waiting[i].after <= w->s.durable;
        }
    }
    return 0;
}

static void lose_session(player *p) {
    p->in_session = 0;
    p->call = 0;
    for (int i = 0; i < HELD_MAX; i++) {
        p->held[i].call = 0;
    }
    fake_new_session(&p->w);
}

static void hear_held(stage *w, player *p, held *h) {
    fake_answer a;
    assert_true(fake_take(&w->s, h->call, &a));
    h->call = 0;
    if (a.receipt) {
        assert_int_equal(h->asked, MDL_MSG_SHARDRESULT);
        drop_held(h);
    } else if (a.m.type == MDL_MSG_STEP) {
        int delivered = h->asked == MDL_MSG_WINDOW;
        if (delivered) {
            h->deliver = 0;
            p->gone |= w->lie_goes && h->lied;
        }
        if (delivered && h->keep == 1 && a.m.as.step.what != MDL_STEP_GONE && a.m.as.step.what != MDL_STEP_AGAIN) {
            h->keep = 2; /* what comes next is asked for again */
        } else {
            hear_step(w, p, h, &a.m.as.step, a.blob);
        }
    } else if (a.m.type == MDL_MSG_PONG) {
        h->keep = h->chunk++ < (h->state_size + MDL_CHUNK_BYTES - 1) / MDL_CHUNK_BYTES ? 2 : 0;
    } else if (a.m.type == MDL_MSG_REJECT) {
        uint32_t reason = a.m.as.reject.reason;
        if (reason == MDL_REASON_NO_SESSION || reason == MDL_REASON_STALE_SESSION) {
            lose_session(p);
        } else if (reason == MDL_REASON_BANNED) {
            p->banned = 1;
        } else if (h->asked == MDL_MSG_SNAPSHOT) {
            h->keep = 0;
        } else if (reason == MDL_REASON_RATE_LIMITED) {
            h->ready_ms = w->s.now_ms + a.m.as.reject.retry_ms;
        } else {
            w->refused += reason != MDL_REASON_NO_LEASE && reason != MDL_REASON_LEASE_EXPIRED;
            drop_held(h);
        }
    } else {
        fail_msg("a %s as answer to a %s", mdl_message_name(a.m.type), mdl_message_name(h->asked));
    }
    free(a.blob.at);
}

static uint64_t memory_free(const stage *w, const player *p) {
    uint64_t used = 0;
    for (int i = 0; i < HELD_MAX; i++) {
        used += p->held[i].used ? mdl_player_bytes(&w->x, p->held[i].owner, p->held[i].grant.shard) : 0;
    }
    return p->memory > used ? p->memory - used : 0;
}

static void hear_worker(stage *w, player *p) {
    fake_answer a;
    assert_true(fake_take(&w->s, p->call, &a));
    p->call = 0;
    if (a.m.type == MDL_MSG_WELCOME) {
        p->in_session = 1;
    } else if (a.m.type == MDL_MSG_SHARDGRANT) {
        take_shard(w, p, &a.m.as.shardgrant);
    } else if (a.m.type == MDL_MSG_IDLE) {
        p->ask_ms = w->s.now_ms + a.m.as.idle.retry_ms;
    } else if (a.m.type == MDL_MSG_REJECT) {
        uint32_t reason = a.m.as.reject.reason;
        if (reason == MDL_REASON_BANNED) {
            p->banned = 1;
        } else if (reason == MDL_REASON_RATE_LIMITED) {
            p->ask_ms = w->s.now_ms + a.m.as.reject.retry_ms;
        } else {
            lose_session(p);
        }
    } else {
        fail_msg("a %s as answer to a worker", mdl_message_name(a.m.type));
    }
    free(a.blob.at);
}

/* One thing that a worker does. */
static void act(stage *w, player *p) {
    if (p->banned || p->gone) {
        return;
    }
    if (p->call != 0) {
        if (is_answered(w, p->call)) {
            hear_worker(w, p);
        }
    } else if (!p->in_session) {
        mdl_message m = fake_hello();
        m.as.hello.memory = p->memory;
        m.as.hello.threads = p->threads > 0 ? p->threads : 1;
        p->call = fake_call(&w->s, &p->w, &m);
    } else if (w->s.now_ms >= p->ask_ms && memory_free(w, p) > 0) {
        int places = 0;
        for (int i = 0; i < HELD_MAX; i++) {
            places += !p->held[i].used;
        }
        if (places > 0) {
            mdl_message m = fake_want(1);
            m.as.want.memory = memory_free(w, p);
            p->call = fake_call(&w->s, &p->w, &m);
        }
    }
    for (int i = 0; i < HELD_MAX && p->in_session && !p->banned; i++) {
        held *h = &p->held[i];
        if (h->used && h->call != 0 && is_answered(w, h->call)) {
            hear_held(w, p, h);
        } else if (h->used && h->call == 0 && w->s.now_ms >= h->ready_ms) {
            say_next(w, p, h);
        }
    }
}

/* A worker's process is killed and started again: all that it held is lost. */
static void kill_player(stage *w, player *p) {
    for (int i = 0; i < HELD_MAX; i++) {
        if (p->held[i].used) {
            drop_held(&p->held[i]);
        }
    }
    lose_session(p);
    w->deaths++;
}

static void crash_coordinator(stage *w) {
    if (has_replay) {
        free(pending_replay.inputs);
    }
    has_replay = 0;
    pending_find.used = 0;
    fake_crash(&w->s, w->json);
    for (uint32_t i = 0; i < w->players; i++) {
        player *p = &w->p[i];
        p->call = 0;
        p->in_session = 0;
        fake_new_session(&p->w);
        for (int k = 0; k < HELD_MAX; k++) {
            p->held[k].call = 0;
        }
    }
    w->crashes++;
}

static void stage_open(stage *w, const char *json, uint32_t players, uint64_t memory, uint64_t seed) {
    memset(w, 0, sizeof *w);
    w->rng = seed;
    w->json = json;
    w->players = players;
    has_replay = pending_find.used = 0;
    memset(&w->s, 0, sizeof w->s);
    fake_open(&w->s, json, (mdl_admission){MDL_ADMIT_OPEN, 0});
    w->s.io.replay = on_replay;
    w->s.io.find = on_find;
    w->s.config.shard_states = shard_states;
    mdl_coordinator_free(w->s.logic); /* again, with those two */
    for (size_t i = 0; i < w->s.records; i++) {
        free(w->s.record[i].at);
    }
    w->s.records = 0;
    fake_start(&w->s, json);
    assert_int_equal(mdl_experiment_parse((const uint8_t *)json, strlen(json), &w->x, NULL), MDL_OK);
    size_t size = mdl_life_bytes(&w->x, 1);
    w->memory = aligned_alloc(64, (size + 63) / 64 * 64);
    w->life = mdl_life_init(w->memory, &w->x, 1, NULL);
    w->genome = calloc(w->life->layout.genes, sizeof *w->genome);
    for (uint32_t i = 0; i < players; i++) {
        fake_worker_open(&w->p[i].w, i + 1, &w->s);
        w->p[i].memory = memory;
    }
}

/* Two generations of four small networks; `sharding` and `verification` as the experiment says them. */
static inline void stage_open_small(stage *w, const char *sharding, const char *verification, uint32_t players) {
    static char json[1024];
    snprintf(json, sizeof json,
             "{\"name\":\"shards\",\"seed\":\"5\",\"model\":\"hmn\",\"task\":{\"name\":\"bandit\",\"trials\":4},"
             "\"network\":{\"regions\":4,\"neurons\":12,\"ring\":4,\"sources\":2,\"listen\":4,\"fan_in\":3,"
             "\"window\":2},"
             "\"evolution\":{\"generations\":2,\"episodes\":2,\"validate_every\":2,\"validate_episodes\":1,"
             "\"islands\":[{\"algorithm\":\"ga\",\"population\":4}]},"
             "\"verification\":%s,\"sharding\":%s,\"test_episodes\":2}\n",
             verification, sharding);
    stage_open(w, json, players, UINT64_MAX / 64, 7);
}

static void stage_close(stage *w) {
    for (uint32_t i = 0; i < w->players; i++) {
        for (int k = 0; k < HELD_MAX; k++) {
            if (w->p[i].held[k].used) {
                drop_held(&w->p[i].held[k]);
            }
        }
        fake_worker_close(&w->p[i].w);
    }
    if (has_replay) {
        free(pending_replay.inputs);
        has_replay = 0;
    }
    free(w->memory);
    free(w->genome);
    fake_close(&w->s);
}

/* A turn of everybody. `deaths`, `crashes`: one in so many turns; 0: none. */
static void turn(stage *w, uint32_t deaths, uint32_t crashes) {
    for (uint32_t i = 0; i < w->players; i++) {
        act(w, &w->p[(i + draw(w, CAST)) % w->players]);
    }
    run_threads(w);
    if (draw(w, 2) == 0) {
        fake_commit(&w->s);
    }
    w->s.now_ms += draw(w, 20);
    if (draw(w, 5) == 0) {
        mdl_coordinator_tick(w->s.logic, w->s.now_ms, w->s.wall_ms);
    }
    if (deaths > 0 && draw(w, deaths) == 0) {
        kill_player(w, &w->p[draw(w, w->players)]);
    }
    if (crashes > 0 && draw(w, crashes) == 0) {
        crash_coordinator(w);
    }
}

static uint32_t play(stage *w, uint32_t deaths, uint32_t crashes, uint32_t turns) {
    uint32_t count = 0;
    while (!mdl_ledger_ended(mdl_coordinator_ledger(w->s.logic))) {
        turn(w, deaths, crashes);
        if (++count > turns) {
            mdl_coordinator_info info;
            mdl_coordinator_inform(w->s.logic, &info);
            fail_msg("not over after %u turns: generation %u, %u of %u jobs, %u stages with %u players", count,
                     info.generation, info.jobs_done, info.jobs, info.stages, info.players);
        }
    }
    fake_commit(&w->s);
    return count;
}

#endif
