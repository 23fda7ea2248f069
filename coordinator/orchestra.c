#include <stdlib.h>
#include <string.h>

#include "coordinator/orchestra_internal.h"
#include "core/assert.h"
#include "protocol/grow.h"
#include "protocol/merkle.h"

enum { STEP_BYTES_MAX = 4 << 20 }; /* of one step with several windows */

/* ---- birth and death ---- */

mdl_orchestra *mdl_orchestra_new(const mdl_experiment *x, const mdl_evolution *evolution, uint32_t job,
                                 uint32_t shards) {
    mdl_genome_layout layout;
    int bad = mdl_genome_layout_of(x, &layout);
    MDL_ASSERT(!bad && shards >= 1 && shards <= x->network.regions);
    mdl_orchestra *o = calloc(1, sizeof *o);
    float *genome = malloc(layout.genes * sizeof *genome);
    if (!o || !genome) {
        free(o);
        free(genome);
        return NULL;
    }
    o->experiment = x;
    o->job = job;
    o->shards = shards;
    mdl_evolution_job(evolution, job, &o->info, genome);
    mdl_genome_decode(x, &layout, genome, &o->params);
    free(genome);
    o->lives = o->info.episodes;
    o->rule = mdl_activity_rule_of(x, &o->params);
    mdl_balanced_cut(&x->network, shards, o->owner);
    mdl_conductor_init(&o->conductor, x, &o->params);
    o->log = calloc(o->lives, sizeof *o->log);
    o->kept = calloc(shards, sizeof *o->kept);
    o->coming = calloc(shards, sizeof *o->coming);
    if (!o->log || !o->kept || !o->coming || mdl_orchestra_open_life(o) != MDL_OK) {
        mdl_orchestra_free(o);
        return NULL;
    }
    return o;
}

static void free_window(mdl_orchestra *o, window_log *w) {
    for (uint32_t s = 0; w->shard && s < o->shards; s++) {
        free(w->shard[s].output);
        free(w->shard[s].envelope);
    }
    free(w->head);
    free(w->shard);
    free(w->packed);
    memset(w, 0, sizeof *w);
}

void mdl_orchestra_free_windows(mdl_orchestra *o, life_log *log, uint32_t from) {
    for (uint32_t i = from; log->window && i < log->windows; i++)
        free_window(o, &log->window[i]);
    if (from < log->windows)
        log->windows = from;
}

void mdl_orchestra_free(mdl_orchestra *o) {
    if (!o)
        return;
    for (uint32_t i = 0; o->log && i < o->lives; i++) {
        mdl_orchestra_free_windows(o, &o->log[i], 0);
        free(o->log[i].window);
        free(o->log[i].commits);
    }
    for (uint32_t s = 0; s < o->shards && o->kept && o->coming; s++) {
        mdl_orchestra_forget_state(&o->kept[s]);
        mdl_orchestra_forget_state(&o->coming[s]);
    }
    mdl_orchestra_drop_claims(o);
    free(o->log);
    free(o->kept);
    free(o->coming);
    free(o->part);
    free(o);
}

/* ---- what it knows ---- */

uint32_t mdl_orchestra_job(const mdl_orchestra *o) { return o->job; }
uint32_t mdl_orchestra_shards(const mdl_orchestra *o) { return o->shards; }
const uint32_t *mdl_orchestra_owner(const mdl_orchestra *o) { return o->owner; }
int mdl_orchestra_over(const mdl_orchestra *o) { return o->life == o->lives; }
uint32_t mdl_orchestra_lives(const mdl_orchestra *o) { return o->lives; }
uint32_t mdl_orchestra_parts(const mdl_orchestra *o) { return o->parts; }
mdl_voice *mdl_orchestra_part(mdl_orchestra *o, uint32_t i) { return &o->part[i]; }

mdl_place_in mdl_orchestra_now(const mdl_orchestra *o) {
    return (mdl_place_in){o->life, mdl_orchestra_over(o) ? 0 : o->conductor.windows};
}

uint64_t mdl_orchestra_windows(const mdl_orchestra *o) {
    uint64_t sum = mdl_orchestra_over(o) ? 0 : o->conductor.windows;
    for (uint32_t i = 0; i < o->life; i++)
        sum += o->log[i].row.windows;
    return sum;
}

mdl_voice *mdl_orchestra_find(mdl_orchestra *o, uint64_t lease) {
    for (uint32_t i = 0; i < o->parts; i++)
        if (o->part[i].lease == lease)
            return &o->part[i];
    return NULL;
}

mdl_place_in mdl_orchestra_after(const mdl_orchestra *o, mdl_place_in at) {
    if (at.life < o->lives && o->log[at.life].ended && at.window + 1 == o->log[at.life].row.windows)
        return (mdl_place_in){at.life + 1, 0};
    return (mdl_place_in){at.life, at.window + 1};
}

int mdl_orchestra_lacks(const mdl_orchestra *o, uint32_t shard) {
    return !mdl_orchestra_over(o) && !o->log[o->life].window[o->conductor.windows].shard[shard].output;
}

/* ---- the windows of a life ---- */

mdl_err mdl_orchestra_open_window(mdl_orchestra *o) {
    life_log *log = &o->log[o->life];
    const mdl_network_spec *network = &o->experiment->network;
    uint32_t number = o->conductor.windows;
    MDL_ASSERT(number == log->windows && !mdl_conductor_over(&o->conductor));
    if (!mdl_list_grow_zeroed(&log->window, &log->room, number + 1, sizeof *log->window))
        return MDL_ENOMEM;
    window_log *w = &log->window[number];
    w->head = malloc(MDL_TRANSCRIPT_MODULATION_MAX + 4 * (size_t)network->sensors);
    w->shard = calloc(o->shards, sizeof *w->shard);
    w->packed = calloc(network->regions, sizeof *w->packed);
    if (!w->head || !w->shard || !w->packed) {
        free_window(o, w);
        return MDL_ENOMEM;
    }
    uint8_t *at = w->head;
    mdl_sink sink = {mdl_put_forward, &at};
    mdl_modulation_save(&o->conductor.modulation[0], &sink);
    w->modulation_size = (uint32_t)(at - w->head);
    MDL_ASSERT(w->modulation_size <= MDL_TRANSCRIPT_MODULATION_MAX);
    mdl_put_f32s(&sink, mdl_conductor_view(&o->conductor, 0)->obs, network->sensors);
    w->head_size = (uint32_t)(at - w->head);
    w->count = 0;
    log->windows++;
    return MDL_OK;
}

mdl_err mdl_orchestra_open_life(mdl_orchestra *o) {
    mdl_place at = mdl_unit_place(o->experiment, &o->info, o->life);
    mdl_conductor_begin(&o->conductor, at.key, at.episode, at.part);
    o->log[o->life].key = at.key;
    return mdl_orchestra_open_window(o);
}

/* All shards have given the window at hand: what they committed to is noted for good. */
static mdl_err note_commits(mdl_orchestra *o) {
    life_log *log = &o->log[o->life];
    const window_log *w = &log->window[o->conductor.windows];
    size_t each = (size_t)o->shards * MDL_DIGEST_BYTES;
    MDL_ASSERT(each > 0);
    if (!mdl_list_grow(&log->commits, &log->commits_room, o->conductor.windows + 1, each))
        return MDL_ENOMEM;
    for (uint32_t s = 0; s < o->shards; s++)
        memcpy(log->commits + o->conductor.windows * each + s * MDL_DIGEST_BYTES, w->shard[s].commit, MDL_DIGEST_BYTES);
    return MDL_OK;
}

mdl_err mdl_orchestra_advance(mdl_orchestra *o) {
    while (!mdl_orchestra_over(o) && !o->disputed) {
        life_log *log = &o->log[o->life];
        mdl_window_out sum;
        if (log->windows == o->conductor.windows) { /* memory ran out when it was to be opened */
            mdl_err err = mdl_orchestra_open_window(o);
            if (err != MDL_OK)
                return err;
        }
        const window_log *w = &log->window[o->conductor.windows];
        if (w->count < o->shards)
            return MDL_OK;
        if (note_commits(o) != MDL_OK)
            return MDL_ENOMEM;
        memset(&sum, 0, sizeof sum);
        for (uint32_t s = 0; s < o->shards; s++)
            mdl_window_out_add(o->experiment, &sum, &w->shard[s].out, o->owner[0] == s);
        mdl_err err = MDL_OK;
        if (mdl_conductor_window(&o->conductor, &sum)) {
            err = mdl_orchestra_open_window(o);
        } else {
            mdl_unit_row_of(&o->conductor, NULL, &log->row);
            log->ended = 1;
            o->life++;
            if (!mdl_orchestra_over(o))
                err = mdl_orchestra_open_life(o);
        }
        if (err != MDL_OK)
            return err;
    }
    return MDL_OK;
}

/* ---- parts ---- */

/* A state is there, of this life, and not of its end, from where nothing is left to play. */
static int may_begin_at(const mdl_orchestra *o, const kept_state *k, uint32_t life) {
    return k->used && k->at.life == life && !(o->log[life].ended && k->at.window == o->log[life].row.windows);
}

mdl_place_in mdl_orchestra_begin(const mdl_orchestra *o, uint32_t shard, uint8_t snapshot[MDL_DIGEST_BYTES]) {
    uint32_t life = mdl_orchestra_over(o) ? o->lives - 1 : o->life;
    const kept_state *k = &o->kept[shard];
    memset(snapshot, 0, MDL_DIGEST_BYTES);
    if (!may_begin_at(o, k, life))
        return (mdl_place_in){life, 0};
    memcpy(snapshot, k->digest, MDL_DIGEST_BYTES);
    return k->at;
}

mdl_err mdl_orchestra_add(mdl_orchestra *o, uint64_t lease, uint32_t shard, uint32_t worker, uint32_t owner) {
    uint8_t ignored[MDL_DIGEST_BYTES];
    if (!mdl_list_grow(&o->part, &o->parts_room, o->parts + 1, sizeof *o->part))
        return MDL_ENOMEM;
    mdl_voice *p = &o->part[o->parts++];
    *p = (mdl_voice){.lease = lease, .shard = shard, .worker = worker, .owner = owner};
    p->next = p->from = p->handed = mdl_orchestra_begin(o, shard, ignored);
    return MDL_OK;
}

void mdl_orchestra_remove(mdl_orchestra *o, uint64_t lease) {
    for (uint32_t i = 0; i < o->parts; i++)
        if (o->part[i].lease == lease) {
            memmove(&o->part[i], &o->part[i + 1], (--o->parts - i) * sizeof *o->part);
            break;
        }
    for (uint32_t s = 0; s < o->shards; s++)
        if (o->coming[s].used && o->coming[s].lease == lease)
            mdl_orchestra_forget_state(&o->coming[s]);
    mdl_orchestra_trim(o);
}

void mdl_orchestra_trim(mdl_orchestra *o) {
    /* The life at hand, or the last one, is always kept: a part may have to begin there. */
    uint32_t first = mdl_orchestra_over(o) ? o->lives - 1 : o->life;
    for (uint32_t i = 0; i < o->parts; i++)
        if (o->part[i].next.life < first)
            first = o->part[i].next.life;
    if (o->disputed && o->disputed_at.life < first)
        first = o->disputed_at.life;
    for (uint32_t i = 0; i < first; i++) {
        mdl_orchestra_free_windows(o, &o->log[i], 0);
        free(o->log[i].window);
        o->log[i].window = NULL;
        o->log[i].room = 0;
    }
}

/* ---- steps ---- */

size_t mdl_orchestra_input(const mdl_orchestra *o, uint32_t life, uint32_t window, uint32_t shard, uint8_t *at) {
    const life_log *log = &o->log[life];
    const window_log *w = &log->window[window];
    uint32_t region[MDL_REGIONS_MAX], hears = mdl_cut_hears(&o->experiment->network, o->owner, shard, region);
    size_t head = o->owner[0] == shard ? w->head_size : w->modulation_size, size = head;
    const mdl_packed *before = window > 0 ? log->window[window - 1].packed : NULL;
    for (uint32_t i = 0; before && i < hears; i++)
        size += before[region[i]].size;
    if (!at)
        return 4 + size;
    for (int i = 0; i < 4; i++)
        *at++ = (uint8_t)(size >> (8 * i));
    memcpy(at, w->head, head);
    at += head;
    for (uint32_t i = 0; before && i < hears; i++) {
        memcpy(at, before[region[i]].at, before[region[i]].size);
        at += before[region[i]].size;
    }
    return 4 + size;
}

/* Whether the state after the last of these windows is to be kept. */
static int wants_state(mdl_orchestra *o, const mdl_voice *p, mdl_place_in last) {
    uint32_t every = o->experiment->sharding.snapshot_windows;
    kept_state *k = &o->coming[p->shard];
    if (every == 0 || (last.window + 1) % every != 0)
        return 0;
    if (k->used && k->at.life == last.life) /* one after the other */
        return k->lease == p->lease && k->at.window == last.window + 1;
    uint64_t size = mdl_player_state_bytes(o->experiment, o->owner, p->shard);
    mdl_orchestra_forget_state(k);
    if (mdl_orchestra_kept(o) + size > o->keep_most)
        return 0;
    k->used = 1;
    k->at = (mdl_place_in){last.life, last.window + 1};
    k->lease = p->lease;
    k->size = size;
    return 1;
}

static mdl_err hand_out(mdl_orchestra *o, mdl_voice *p, mdl_step *out) {
    const life_log *log = &o->log[p->next.life];
    size_t size = 0;
    /* Where shards are played twice every output is compared, those of windows played again too: what one shard lies
     * to the others shows in none of its own later windows. */
    uint32_t count = 0, most = p->careful || o->experiment->sharding.replicas > 1 ? 1 : MDL_SHARD_STEPS_MAX;
    while (p->next.window + count < log->windows && count < most) {
        size_t more = mdl_orchestra_input(o, p->next.life, p->next.window + count, p->shard, NULL);
        if (count > 0 && size + more > STEP_BYTES_MAX)
            break;
        size += more;
        count++;
    }
    out->blob = malloc(size);
    if (!out->blob)
        return MDL_ENOMEM;
    uint8_t *at = out->blob;
    for (uint32_t i = 0; i < count; i++)
        at += mdl_orchestra_input(o, p->next.life, p->next.window + i, p->shard, at);
    out->blob_size = size;
    out->what = MDL_STEP_RUN;
    out->count = count;
    mdl_place_in last = {p->next.life, p->next.window + count - 1};
    out->keep = (uint32_t)wants_state(o, p, last);
    last.window++;
    if (mdl_place_before(p->handed, last))
        p->handed = last;
    return MDL_OK;
}

mdl_err mdl_orchestra_step(mdl_orchestra *o, mdl_voice *p, mdl_place_in at, mdl_step *out) {
    memset(out, 0, sizeof *out);
    if (at.life < o->lives && o->log[at.life].ended && at.window == o->log[at.life].row.windows)
        at = (mdl_place_in){at.life + 1, 0};
    out->at = p->next;
    if (at.life != p->next.life || at.window != p->next.window) {
        out->what = MDL_STEP_AGAIN;
        const kept_state *k = &o->kept[p->shard];
        if (p->next.window == 0)
            return MDL_OK;
        if (k->used && k->at.life == p->next.life && k->at.window == p->next.window) {
            memcpy(out->snapshot, k->digest, sizeof out->snapshot);
            return MDL_OK;
        }
        /* It has lost its place: back to where a part of this shard can begin in its life. What it has not played it
         * must not leap over. */
        if (may_begin_at(o, k, p->next.life) && !mdl_place_before(p->next, k->at)) {
            p->next = k->at;
            memcpy(out->snapshot, k->digest, sizeof out->snapshot);
        } else {
            p->next.window = 0;
        }
        if (mdl_place_before(p->next, p->from))
            p->from = p->next;
        out->at = p->next;
        return MDL_OK;
    }
    if (p->next.life == o->lives)
        out->what = MDL_STEP_OVER;
    else if (o->disputed || p->next.life > o->life || p->next.window >= o->log[p->next.life].windows)
        out->what = MDL_STEP_NOT_YET;
    else
        return hand_out(o, p, out);
    return MDL_OK;
}

/* ---- outputs ---- */

mdl_err mdl_orchestra_take(mdl_orchestra *o, mdl_place_in at, uint32_t shard, uint64_t lease, const uint8_t *output,
                           size_t size, const uint8_t *commit, const uint8_t *state) {
    window_log *w = &o->log[at.life].window[at.window];
    given *g = &w->shard[shard];
    MDL_ASSERT(!g->output);
    uint8_t *copy = malloc(size);
    if (!copy)
        return MDL_ENOMEM;
    memcpy(copy, output, size);
    mdl_err err = mdl_shard_output_read(o->experiment, &o->rule, o->owner, shard, copy, size, &g->out, w->packed);
    MDL_ASSERT(err == MDL_OK); /* it was read before */
    g->output = copy;
    g->output_size = (uint32_t)size;
    g->lease = lease;
    memcpy(g->commit, commit, MDL_DIGEST_BYTES);
    memcpy(g->state, state, MDL_DIGEST_BYTES);
    w->count++;
    return MDL_OK;
}

static int is_zero(const uint8_t *bytes) {
    static const uint8_t zero[MDL_DIGEST_BYTES];
    return memcmp(bytes, zero, sizeof zero) == 0;
}

/* Whether the digest is that of the output, and states and silent windows are there where they are due. */
static int is_its_commit(const mdl_orchestra *o, const mdl_voice *p, const mdl_msg_window *m, const uint8_t *output,
                         size_t size) {
    uint32_t every = o->experiment->sharding.snapshot_windows;
    uint8_t commit[MDL_DIGEST_BYTES];
    mdl_window_commit c = {.life = m->life, .window = m->window, .shard = p->shard, .shards = o->shards};
    mdl_digest_of(output, size, c.output);
    memcpy(c.state, m->state, sizeof c.state);
    mdl_window_commit_digest(&c, commit);
    return memcmp(commit, m->commit, sizeof commit) == 0 &&
           is_zero(m->state) == (every == 0 || (m->window + 1) % every != 0) &&
           (m->window > p->next.window || is_zero(m->silent));
}

/* Whether the windows that it has run without handing them in have the digests of those that are used. */
static int is_silent_right(const mdl_orchestra *o, const mdl_voice *p, const mdl_msg_window *m) {
    uint8_t right[MDL_DIGEST_BYTES];
    mdl_digest d;
    if (m->window == p->next.window)
        return 1;
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    for (uint32_t w = p->next.window; w < m->window; w++)
        mdl_put_bytes(&sink, o->log[m->life].window[w].shard[p->shard].commit, MDL_DIGEST_BYTES);
    mdl_digest_final(&d, right);
    return memcmp(right, m->silent, sizeof right) == 0;
}

static mdl_err copy_bytes(uint8_t **to, const uint8_t *from, size_t size) {
    *to = malloc(size);
    if (!*to)
        return MDL_ENOMEM;
    memcpy(*to, from, size);
    return MDL_OK;
}

/* The part says otherwise than the one whose output is used. */
static mdl_err begin_dispute(mdl_orchestra *o, mdl_place_in at, const mdl_voice *p, const mdl_msg_window *m,
                             const uint8_t *output, size_t output_size, const uint8_t *envelope, size_t envelope_size) {
    const given *g = &o->log[at.life].window[at.window].shard[p->shard];
    mdl_claim first = {.lease = g->lease, .output_size = g->output_size, .envelope_size = g->envelope_size};
    mdl_claim second = {.lease = p->lease, .output_size = output_size, .envelope_size = envelope_size};
    memcpy(first.commit, g->commit, sizeof first.commit);
    memcpy(second.commit, m->commit, sizeof second.commit);
    memcpy(second.state, m->state, sizeof second.state);
    mdl_err err = copy_bytes(&first.output, g->output, g->output_size);
    if (err == MDL_OK && g->envelope)
        err = copy_bytes(&first.envelope, g->envelope, g->envelope_size);
    if (err == MDL_OK)
        err = copy_bytes(&second.output, output, output_size);
    if (err == MDL_OK)
        err = copy_bytes(&second.envelope, envelope, envelope_size);
    if (err != MDL_OK) {
        free(first.output);
        free(first.envelope);
        free(second.output);
        free(second.envelope);
        return err;
    }
    o->disputed = 1;
    o->disputed_at = at;
    o->disputed_shard = p->shard;
    o->claim[0] = first;
    o->claim[1] = second;
    o->claims = 2;
    return MDL_OK;
}

mdl_err mdl_orchestra_deliver(mdl_orchestra *o, mdl_voice *p, const mdl_msg_window *m, const uint8_t *output,
                              size_t output_size, const uint8_t *envelope, size_t envelope_size, int *moved) {
    mdl_place_in at = {m->life, m->window};
    mdl_packed packed[MDL_REGIONS_MAX];
    mdl_window_out out;
    *moved = 0;
    if (at.life != p->next.life || at.window < p->next.window || !mdl_place_before(at, p->handed))
        return MDL_EMISMATCH; /* given before, or it is elsewhere */
    if (!is_its_commit(o, p, m, output, output_size) ||
        mdl_shard_output_read(o->experiment, &o->rule, o->owner, p->shard, output, output_size, &out, packed) != MDL_OK)
        return MDL_ERANGE;
    given *g = &o->log[at.life].window[at.window].shard[p->shard];
    mdl_err err = MDL_OK;
    if (!is_silent_right(o, p, m)) {
        p->careful = 1;
        p->handed = p->next;
        return MDL_EMISMATCH;
    }
    if (!g->output) {
        err = mdl_orchestra_take(o, at, p->shard, p->lease, output, output_size, m->commit, m->state);
        if (err == MDL_OK && copy_bytes(&g->envelope, envelope, envelope_size) == MDL_OK)
            g->envelope_size = (uint32_t)envelope_size;
    } else if (memcmp(g->commit, m->commit, sizeof g->commit) != 0) {
        if (o->disputed)
            return MDL_EMISMATCH; /* one at a time: it begins again, and comes here again */
        *moved = 1;
        return begin_dispute(o, at, p, m, output, output_size, envelope, envelope_size);
    }
    if (err != MDL_OK)
        return err;
    uint32_t fresh = at.window + 1 - p->next.window;
    p->windows += fresh;
    p->played += fresh - 1;
    mdl_place_in before = mdl_orchestra_now(o);
    p->next = (mdl_place_in){at.life, at.window + 1};
    err = mdl_orchestra_advance(o);
    p->next = mdl_orchestra_after(o, at);
    mdl_place_in now = mdl_orchestra_now(o);
    *moved = mdl_place_before(before, now);
    /* Others that had given a life's last window before it was known to be. */
    for (uint32_t i = 0; *moved && i < o->parts; i++) {
        mdl_voice *q = &o->part[i];
        if (q->next.life < o->life && o->log[q->next.life].ended && q->next.window == o->log[q->next.life].row.windows)
            q->next = (mdl_place_in){q->next.life + 1, 0};
    }
    if (now.life != before.life)
        mdl_orchestra_trim(o);
    return err;
}

/* ---- the end ---- */

uint32_t mdl_orchestra_root(const mdl_orchestra *o, const mdl_voice *p, uint8_t root[MDL_DIGEST_BYTES]) {
    mdl_merkle_edge edge;
    mdl_hash leaf, top;
    uint32_t count = 0;
    MDL_ASSERT(mdl_orchestra_over(o));
    memset(&edge, 0, sizeof edge);
    for (uint32_t life = p->from.life; life < o->lives; life++)
        for (uint32_t w = life == p->from.life ? p->from.window : 0; w < o->log[life].row.windows; w++, count++) {
            mdl_merkle_leaf(o->log[life].commits + ((size_t)w * o->shards + p->shard) * MDL_DIGEST_BYTES,
                            MDL_DIGEST_BYTES, &leaf);
            mdl_err err = mdl_merkle_append(&edge, &leaf, 1, NULL, NULL);
            MDL_ASSERT(err == MDL_OK);
        }
    mdl_merkle_edge_root(&edge, &top);
    memcpy(root, top.bytes, MDL_DIGEST_BYTES);
    return count;
}

uint8_t *mdl_orchestra_transcript(const mdl_orchestra *o, const uint8_t (*region)[MDL_DIGEST_BYTES], size_t *size) {
    uint8_t modulation[MDL_TRANSCRIPT_MODULATION_MAX];
    uint8_t *end = modulation;
    mdl_sink sink = {mdl_put_forward, &end};
    uint64_t windows = mdl_orchestra_windows(o);
    size_t each = (size_t)o->shards * MDL_DIGEST_BYTES;
    mdl_life_row *rows = malloc(o->lives * sizeof *rows);
    uint8_t *commits = malloc((size_t)windows * each);
    mdl_modulation_save(&o->conductor.modulation[0], &sink);
    const size_t modulation_size = (size_t)(end - modulation);
    MDL_ASSERT(mdl_orchestra_over(o) && modulation_size <= sizeof modulation);
    *size = mdl_transcript_bytes(o->lives, windows, o->shards, modulation_size);
    uint8_t *out = rows && commits ? malloc(*size) : NULL;
    if (out) {
        uint8_t *at = commits;
        for (uint32_t i = 0; i < o->lives; i++) {
            rows[i] = o->log[i].row;
            memcpy(at, o->log[i].commits, rows[i].windows * each);
            at += rows[i].windows * each;
        }
        mdl_unit_end(&o->conductor, region, rows[o->lives - 1].end);
        mdl_transcript_write(rows, o->lives, o->shards, modulation, modulation_size, commits, windows, out);
    }
    free(rows);
    free(commits);
    return out;
}
