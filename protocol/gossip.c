#include "protocol/gossip.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/fraud.h"

void mdl_gossip_begin(mdl_gossip *g, const mdl_vkey *log) {
    memset(g, 0, sizeof *g);
    g->log = *log;
}

/* Verified, or an error with `out` empty. */
static mdl_err read(const mdl_gossip *g, mdl_text bytes, mdl_gossip_note *out) {
    mdl_log_policy policy;
    mdl_checkpoint c;
    memset(&policy, 0, sizeof policy);
    policy.log = g->log;
    mdl_text_out put = {out->note, sizeof out->note, 0};
    mdl_err err = mdl_checkpoint_bare(bytes, &put);
    out->note_size = put.size;
    if (err == MDL_OK)
        err = mdl_checkpoint_verify((mdl_text){out->note, out->note_size}, &policy, &c, NULL);
    if (err == MDL_OK && c.size == 0)
        err = MDL_ERANGE;
    out->size = err == MDL_OK ? c.size : 0;
    if (err == MDL_OK)
        out->root = c.root;
    return err;
}

static mdl_text text_of(const mdl_gossip_note *n) { return (mdl_text){n->note, n->note_size}; }

mdl_err mdl_gossip_restore(mdl_gossip *g, mdl_text note, int proven) {
    mdl_gossip_note n;
    mdl_err err = read(g, note, &n);
    if (err != MDL_OK)
        return err;
    if (proven)
        g->held = n;
    else
        g->seen = n;
    g->look = 1;
    return MDL_OK;
}

/* ---- what convicts ---- */

/* `root`: of the first size, in the second tree; NULL: the sizes are equal. */
static mdl_gossip_verdict convict(const mdl_gossip *g, const mdl_gossip_note *first, const mdl_gossip_note *second,
                                  const mdl_hash *root, const mdl_hash *hash, size_t count, mdl_gossip_proof *proof) {
    char vkey[MDL_VKEY_TEXT_MAX];
    mdl_vkey_print(&g->log, vkey);
    proof->text = mdl_fraud_fork(vkey, text_of(first), text_of(second), root, hash, count, &proof->size);
    proof->first = first->size;
    proof->second = second->size;
    return proof->text ? MDL_GOSSIP_FORK : MDL_GOSSIP_NOMEM;
}

/* Two of one size. */
static mdl_gossip_verdict compare(const mdl_gossip *g, const mdl_gossip_note *a, const mdl_gossip_note *b,
                                  mdl_gossip_proof *proof) {
    return mdl_hash_equal(&a->root, &b->root) ? MDL_GOSSIP_AGREES : convict(g, a, b, NULL, NULL, 0, proof);
}

/* ---- what comes ---- */

static void hear(mdl_gossip *g, const mdl_gossip_note *n) {
    for (uint32_t i = 0; i < g->pasts && i < MDL_GOSSIP_HEARD_MAX; i++)
        if (g->past[i].size == n->size && mdl_hash_equal(&g->past[i].root, &n->root))
            return;
    for (uint32_t i = 0; i < g->heard_count; i++)
        if (g->heard[i].size == n->size && mdl_hash_equal(&g->heard[i].root, &n->root))
            return;
    if (g->heard_count == MDL_GOSSIP_HEARD_MAX) /* the oldest goes */
        memmove(g->heard, g->heard + 1, --g->heard_count * sizeof *g->heard);
    g->heard[g->heard_count++] = *n;
}

mdl_gossip_verdict mdl_gossip_take(mdl_gossip *g, mdl_text note, int own, mdl_gossip_proof *proof) {
    mdl_gossip_note n;
    memset(proof, 0, sizeof *proof);
    mdl_err err = read(g, note, &n);
    if (err != MDL_OK)
        return err == MDL_ENOMEM ? MDL_GOSSIP_NOMEM : MDL_GOSSIP_OTHER;
    if (own && g->held.size == 0)
        g->held = n; /* there is nothing to compare the first one with */
    if (n.size == g->held.size)
        return compare(g, &g->held, &n, proof);
    if (n.size == g->seen.size)
        return compare(g, &g->seen, &n, proof);
    for (uint32_t i = 0; i < g->heard_count; i++)
        if (n.size == g->heard[i].size && !mdl_hash_equal(&n.root, &g->heard[i].root))
            return compare(g, &g->heard[i], &n, proof);
    if (own && n.size > g->seen.size && n.size > g->held.size)
        g->seen = n;
    else
        hear(g, &n);
    return MDL_GOSSIP_AGREES;
}

/* ---- questions ---- */

static int ask(mdl_gossip *g, mdl_gossip_question *q, const mdl_gossip_note *first, const mdl_gossip_note *second) {
    g->asking = 1;
    g->first = *first;
    memset(&g->second, 0, sizeof g->second);
    if (second)
        g->second = *second;
    g->from = q->from = first->size;
    g->to = q->to = g->second.size;
    q->note = (mdl_text){NULL, 0};
    if (mdl_hash_equal(&first->root, &g->held.root) && first->size == g->held.size)
        q->note = text_of(&g->held);
    return 1;
}

int mdl_gossip_ask(mdl_gossip *g, mdl_gossip_question *q) {
    int ahead = 0;
    if (g->held.size == 0)
        return 0;
    int grown = g->seen.size > g->held.size;
    for (uint32_t i = 0; i < g->heard_count && (g->turn || !grown); i++) {
        if (g->heard[i].size < g->held.size) {
            g->turn = 0;
            return ask(g, q, &g->heard[i], &g->held);
        }
        ahead = 1;
    }
    g->turn = 1;
    if (grown)
        return ask(g, q, &g->held, &g->seen);
    return ahead || g->look ? ask(g, q, &g->held, NULL) : 0;
}

void mdl_gossip_unanswered(mdl_gossip *g) { g->asking = 0; }

/* `held` has moved on, or the question was about others: what is settled goes. */
static void settle(mdl_gossip *g, const mdl_gossip_note *done) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < g->heard_count; i++) {
        if (g->heard[i].size != done->size || !mdl_hash_equal(&g->heard[i].root, &done->root))
            g->heard[kept++] = g->heard[i];
        else
            g->past[g->pasts++ % MDL_GOSSIP_HEARD_MAX] = (mdl_gossip_past){done->size, done->root};
    }
    g->heard_count = kept;
}

mdl_gossip_verdict mdl_gossip_answer(mdl_gossip *g, uint64_t from, uint64_t to, const mdl_hash *root,
                                     const mdl_hash *hash, size_t count, mdl_text newest, mdl_gossip_proof *proof) {
    memset(proof, 0, sizeof *proof);
    if (!g->asking)
        return MDL_GOSSIP_OTHER;
    g->asking = 0;
    if (from != g->from || (g->to != 0 && to != g->to))
        return MDL_GOSSIP_BROKEN;
    if (g->to == 0) {
        mdl_err err = read(g, newest, &g->second);
        if (err != MDL_OK)
            return err == MDL_ENOMEM ? MDL_GOSSIP_NOMEM : MDL_GOSSIP_BROKEN;
        if (g->second.size != to || to < from)
            return MDL_GOSSIP_BROKEN;
    }
    if (mdl_merkle_verify_consistency(from, to, root, &g->second.root, hash, count) != MDL_OK)
        return MDL_GOSSIP_BROKEN;
    if (!mdl_hash_equal(root, &g->first.root))
        return convict(g, &g->first, &g->second, from == to ? NULL : root, hash, count, proof);
    settle(g, &g->first);
    if (g->to == 0)
        g->look = 0;
    /* The larger one continues what was held, so now it is held. */
    if (g->second.size > g->held.size)
        g->held = g->second;
    settle(g, &g->held);
    for (uint32_t i = 0; i < g->heard_count; i++)
        if (g->heard[i].size == g->held.size)
            return compare(g, &g->heard[i], &g->held, proof);
    return MDL_GOSSIP_AGREES;
}
