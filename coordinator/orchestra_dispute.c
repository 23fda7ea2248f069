/* Two parts of one shard that differ: what settles it, and how all go back. */
#include <stdlib.h>
#include <string.h>

#include "coordinator/orchestra_internal.h"
#include "core/assert.h"

int mdl_orchestra_disputed(const mdl_orchestra *o) { return o->disputed; }

void mdl_orchestra_drop_claims(mdl_orchestra *o) {
    for (uint32_t i = 0; i < o->claims; i++) {
        free(o->claim[i].envelope);
        free(o->claim[i].output);
    }
    memset(o->claim, 0, sizeof o->claim);
    o->claims = 0;
    o->disputed = 0;
}

uint32_t mdl_orchestra_claims(const mdl_orchestra *o, const mdl_claim **at, mdl_place_in *place, uint32_t *shard) {
    *at = o->claim;
    if (place)
        *place = o->disputed_at;
    if (shard)
        *shard = o->disputed_shard;
    return o->claims;
}

mdl_err mdl_orchestra_replay(const mdl_orchestra *o, mdl_shard_replay *r) {
    size_t size = 0;
    MDL_ASSERT(o->disputed);
    memset(r, 0, sizeof *r);
    r->job = o->job;
    r->life = o->disputed_at.life;
    r->shard = o->disputed_shard;
    r->shards = o->shards;
    r->windows = o->disputed_at.window + 1;
    for (uint32_t i = 0; i < r->windows; i++)
        size += mdl_orchestra_input(o, r->life, i, r->shard, NULL);
    MDL_ASSERT(size > 0); /* a window takes in its modulatory state at least */
    r->inputs = malloc(size);
    if (!r->inputs)
        return MDL_ENOMEM;
    r->inputs_size = size;
    uint8_t *at = r->inputs;
    for (uint32_t i = 0; i < r->windows; i++)
        at += mdl_orchestra_input(o, r->life, i, r->shard, at);
    return MDL_OK;
}

static int is_right(const mdl_claim *c, const uint8_t right[MDL_DIGEST_BYTES]) {
    return memcmp(c->commit, right, MDL_DIGEST_BYTES) == 0;
}

/* The claim of this lease that is false. */
static int lied(const mdl_orchestra *o, uint64_t lease, const uint8_t right[MDL_DIGEST_BYTES]) {
    for (uint32_t i = 0; i < o->claims; i++)
        if (o->claim[i].lease == lease && !is_right(&o->claim[i], right))
            return 1;
    return 0;
}

/* Windows that a part has played after the one in dispute. */
static uint64_t played_after(const mdl_orchestra *o, const mdl_voice *p) {
    mdl_place_in at = {o->disputed_at.life, o->disputed_at.window + 1};
    uint64_t sum = 0;
    for (; at.life < p->next.life; at.life++, at.window = 0)
        sum += o->log[at.life].row.windows - at.window;
    return p->next.window > at.window ? sum + p->next.window - at.window : sum;
}

uint32_t mdl_orchestra_spent(const mdl_orchestra *o, const uint8_t right[MDL_DIGEST_BYTES], uint64_t *spent) {
    uint32_t count = 0;
    if (is_right(&o->claim[0], right)) /* what was used is right */
        return 0;
    for (uint32_t i = 0; i < o->parts; i++) {
        const mdl_voice *p = &o->part[i];
        uint64_t windows =
            p->done || mdl_place_before(p->next, o->disputed_at) || lied(o, p->lease, right) ? 0 : played_after(o, p);
        if (windows == 0)
            continue;
        uint32_t place = count;
        for (; place > 0 && spent[place - 2] > p->lease; place -= 2) {
            spent[place] = spent[place - 2];
            spent[place + 1] = spent[place - 1];
        }
        spent[place] = p->lease;
        spent[place + 1] = windows;
        count += 2;
    }
    return count;
}

/* All parts that went on with what was false begin again before it. */
static void send_back(mdl_orchestra *o) {
    mdl_place_in next = {o->disputed_at.life, o->disputed_at.window + 1};
    for (uint32_t i = 0; i < o->parts; i++) {
        mdl_voice *p = &o->part[i];
        int fine = p->shard == o->disputed_shard ? !mdl_place_before(o->disputed_at, p->next)
                                                 : !mdl_place_before(next, p->handed);
        if (fine) {
            p->handed = mdl_place_before(next, p->handed) ? next : p->handed;
            continue;
        }
        const kept_state *k = &o->kept[p->shard];
        p->next = k->used && k->at.life == o->disputed_at.life ? k->at : (mdl_place_in){o->disputed_at.life, 0};
        p->handed = p->next;
        p->done = 0;
        if (mdl_place_before(p->next, p->from))
            p->from = p->next;
    }
}

/* The life up to the window in dispute as it was, with what the others gave there. */
static void wind_back(mdl_orchestra *o) {
    mdl_place_in to = o->disputed_at;
    for (uint32_t life = to.life + 1; life < o->lives; life++) {
        mdl_orchestra_free_windows(o, &o->log[life], 0);
        o->log[life].windows = 0;
        o->log[life].ended = 0;
    }
    life_log *log = &o->log[to.life];
    mdl_orchestra_free_windows(o, log, to.window + 1);
    log->ended = 0;
    given *g = &log->window[to.window].shard[o->disputed_shard];
    free(g->output);
    free(g->envelope);
    memset(g, 0, sizeof *g);
    log->window[to.window].count--;
    o->life = to.life;
    mdl_place at = mdl_unit_place(o->experiment, &o->info, to.life);
    mdl_conductor_begin(&o->conductor, at.key, at.episode, at.part);
    for (uint32_t w = 0; w < to.window; w++) {
        mdl_window_out sum;
        memset(&sum, 0, sizeof sum);
        for (uint32_t s = 0; s < o->shards; s++)
            mdl_window_out_add(o->experiment, &sum, &log->window[w].shard[s].out, o->owner[0] == s);
        int goes_on = mdl_conductor_window(&o->conductor, &sum);
        MDL_ASSERT(goes_on);
    }
}

mdl_err mdl_orchestra_settle(mdl_orchestra *o, const uint8_t right[MDL_DIGEST_BYTES]) {
    mdl_err err = MDL_OK;
    MDL_ASSERT(o->disputed);
    if (!is_right(&o->claim[0], right)) {
        mdl_place_in at = o->disputed_at;
        uint32_t shard = o->disputed_shard;
        wind_back(o);
        mdl_orchestra_forget_after(o, at, shard);
        send_back(o);
        for (uint32_t i = 1; i < o->claims; i++) {
            mdl_voice *p = mdl_orchestra_find(o, o->claim[i].lease);
            if (!p || !is_right(&o->claim[i], right))
                continue;
            if (!o->log[at.life].window[at.window].shard[shard].output)
                err = mdl_orchestra_take(o, at, shard, p->lease, o->claim[i].output, o->claim[i].output_size, right,
                                         o->claim[i].state);
            if (err != MDL_OK)
                break;
            p->next = (mdl_place_in){at.life, at.window + 1};
        }
    }
    mdl_orchestra_drop_claims(o);
    if (err == MDL_OK)
        err = mdl_orchestra_advance(o);
    mdl_orchestra_trim(o);
    return err;
}
