#include "protocol/tlog_policy.h"

#include <stdio.h>
#include <string.h>

typedef struct reading {
    mdl_tlog_policy *p;
    uint32_t line;
    int has_quorum;
    char *error;
    size_t error_size;
} reading;

static mdl_err bad(const reading *r, mdl_err err, const char *what, mdl_text word) {
    int shown = word.size > 80 ? 80 : (int)word.size;
    snprintf(r->error, r->error_size, "line %u: %s%s%.*s%s", (unsigned)r->line, what, word.size ? " \"" : "", shown,
             word.size ? word.at : "", word.size ? "\"" : "");
    return err;
}

/* The next word of a line; empty at its end. */
static mdl_text word_of(mdl_text *line) {
    while (line->size > 0 && (*line->at == ' ' || *line->at == '\t')) {
        line->at++;
        line->size--;
    }
    mdl_text word = {line->at, 0};
    while (line->size > 0 && *line->at != ' ' && *line->at != '\t') {
        line->at++;
        line->size--;
        word.size++;
    }
    return word;
}

static const mdl_text nothing = {"", 0};

/* A member's number, or -1. */
static int find(const mdl_tlog_policy *p, mdl_text name) {
    for (uint32_t i = 0; i < p->witnesses; i++) {
        if (mdl_text_equal(name, mdl_text_of(p->witness_name[i]))) {
            return (int)i;
        }
    }
    for (uint32_t i = 0; i < p->groups; i++) {
        if (mdl_text_equal(name, mdl_text_of(p->group[i].name))) {
            return (int)(MDL_WITNESSES_MAX + i);
        }
    }
    return -1;
}

static int has_key(const mdl_tlog_policy *p, const mdl_vkey *key) {
    for (uint32_t i = 0; i < p->logs; i++) {
        if (memcmp(p->log[i].key, key->key, sizeof key->key) == 0) {
            return 1;
        }
    }
    for (uint32_t i = 0; i < p->witnesses; i++) {
        if (memcmp(p->witness[i].key, key->key, sizeof key->key) == 0) {
            return 1;
        }
    }
    return 0;
}

static mdl_err take_key(const reading *r, mdl_text word, uint8_t type, mdl_vkey *out) {
    mdl_err e = mdl_vkey_parse(word, out);
    if (e != MDL_OK) {
        return bad(r, e == MDL_ENOENT ? MDL_ETYPE : e, mdl_strerror((int)e), word);
    }
    if (out->type != type) {
        return bad(r, MDL_ETYPE,
                   type == MDL_NOTE_TYPE_ED25519 ? "not a key of a log:" : "not a key of a witness:", word);
    }
    return has_key(r->p, out) ? bad(r, MDL_EKEY, "this public key stands above already:", word) : MDL_OK;
}

static mdl_err take_name(const reading *r, mdl_text word, char out[MDL_POLICY_NAME_MAX + 1]) {
    if (word.size == 0 || word.size > MDL_POLICY_NAME_MAX || mdl_text_equal(word, mdl_text_of("none"))) {
        return bad(r, MDL_ESYNTAX, "this cannot be a name:", word);
    }
    if (find(r->p, word) >= 0) {
        return bad(r, MDL_EKEY, "this name is taken:", word);
    }
    memcpy(out, word.at, word.size);
    out[word.size] = 0;
    return MDL_OK;
}

/* At most a URL may follow, which is for those who call. */
static mdl_err at_end(const reading *r, mdl_text *rest, int url) {
    mdl_text word = word_of(rest);
    if (url && (mdl_text_skip(&(mdl_text){word.at, word.size}, "http://") ||
                mdl_text_skip(&(mdl_text){word.at, word.size}, "https://"))) {
        word = word_of(rest);
    }
    return word.size == 0 ? MDL_OK : bad(r, MDL_ESYNTAX, "one word too many:", word);
}

static mdl_err log_line(reading *r, mdl_text rest) {
    if (r->p->logs == MDL_POLICY_LOGS_MAX) {
        return bad(r, MDL_ESIZE, "too many logs", nothing);
    }
    mdl_err e = take_key(r, word_of(&rest), MDL_NOTE_TYPE_ED25519, &r->p->log[r->p->logs]);
    if (e == MDL_OK) {
        r->p->logs++;
        e = at_end(r, &rest, 1);
    }
    return e;
}

static mdl_err witness_line(reading *r, mdl_text rest) {
    mdl_tlog_policy *p = r->p;
    if (p->witnesses == MDL_WITNESSES_MAX) {
        return bad(r, MDL_ESIZE, "too many witnesses", nothing);
    }
    mdl_err e = take_name(r, word_of(&rest), p->witness_name[p->witnesses]);
    if (e == MDL_OK) {
        e = take_key(r, word_of(&rest), MDL_NOTE_TYPE_COSIGNATURE, &p->witness[p->witnesses]);
    }
    if (e == MDL_OK) {
        p->witnesses++;
        e = at_end(r, &rest, 1);
    }
    return e;
}

static mdl_err group_line(reading *r, mdl_text rest) {
    mdl_tlog_policy *p = r->p;
    if (p->groups == MDL_POLICY_GROUPS_MAX) {
        return bad(r, MDL_ESIZE, "too many groups", nothing);
    }
    mdl_policy_group *g = &p->group[p->groups];
    mdl_err e = take_name(r, word_of(&rest), g->name);
    if (e != MDL_OK) {
        return e;
    }
    mdl_text needed = word_of(&rest);
    for (mdl_text word = word_of(&rest); word.size > 0; word = word_of(&rest)) {
        int member = find(p, word);
        if (member < 0) {
            return bad(r, MDL_EKEY, "no witness or group above has this name:", word);
        }
        for (uint32_t i = 0; i < g->count; i++) {
            if (g->member[i] == member) {
                return bad(r, MDL_EKEY, "a member twice:", word);
            }
        }
        if (g->count == MDL_POLICY_MEMBERS_MAX) {
            return bad(r, MDL_ESIZE, "too many members", nothing);
        }
        g->member[g->count++] = (uint8_t)member;
    }
    uint64_t k = 0;
    if (mdl_text_equal(needed, mdl_text_of("any"))) {
        k = 1;
    } else if (mdl_text_equal(needed, mdl_text_of("all"))) {
        k = g->count;
    } else if (mdl_text_decimal(needed, MDL_POLICY_MEMBERS_MAX, &k) == MDL_ESYNTAX) {
        return bad(r, MDL_ESYNTAX, "a number, any or all should stand here:", needed);
    }
    if (k < 1 || k > g->count) {
        return bad(r, MDL_ERANGE, "the group has not so many members:", needed);
    }
    g->needed = (uint32_t)k;
    p->groups++;
    return MDL_OK;
}

static mdl_err quorum_line(reading *r, mdl_text rest) {
    mdl_text name = word_of(&rest);
    if (r->has_quorum) {
        return bad(r, MDL_ESYNTAX, "there is a quorum already", nothing);
    }
    r->has_quorum = 1;
    r->p->quorum = mdl_text_equal(name, mdl_text_of("none")) ? -1 : find(r->p, name);
    if (r->p->quorum < 0 && !mdl_text_equal(name, mdl_text_of("none"))) {
        return bad(r, MDL_EKEY, "no witness or group above has this name:", name);
    }
    return at_end(r, &rest, 0);
}

static mdl_err parse(reading *r, mdl_text bytes) {
    static const struct {
        const char *word;
        mdl_err (*take)(reading *r, mdl_text rest);
    } kinds[] = {{"log", log_line}, {"witness", witness_line}, {"group", group_line}, {"quorum", quorum_line}};
    mdl_text line;
    if (bytes.size > MDL_POLICY_BYTES_MAX) {
        return bad(r, MDL_ESIZE, "the file is too large", nothing);
    }
    while (mdl_text_line(&bytes, &line)) {
        r->line++;
        for (size_t i = 0; i < line.size; i++) {
            if (((unsigned char)line.at[i] < ' ' && line.at[i] != '\t') || line.at[i] == 127) {
                return bad(r, MDL_ESYNTAX, "a control character", nothing);
            }
        }
        mdl_text kind = word_of(&line);
        if (kind.size == 0 || *kind.at == '#') {
            continue;
        }
        mdl_err e = bad(r, MDL_ESYNTAX, "log, witness, group or quorum should stand here:", kind);
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            if (mdl_text_equal(kind, mdl_text_of(kinds[i].word))) {
                e = kinds[i].take(r, line);
            }
        }
        if (e != MDL_OK) {
            return e;
        }
    }
    r->line = 0;
    if (bytes.size > 0) {
        return bad(r, MDL_ESYNTAX, "the last line does not end with a newline", nothing);
    }
    if (r->p->logs == 0 || !r->has_quorum) {
        return bad(r, MDL_ESYNTAX, r->p->logs ? "there is no quorum" : "there is no log", nothing);
    }
    return MDL_OK;
}

mdl_err mdl_tlog_policy_parse(mdl_text bytes, mdl_tlog_policy *out, uint32_t *line, char *error, size_t error_size) {
    reading r = {.p = out, .error = error, .error_size = error_size};
    memset(out, 0, sizeof *out);
    mdl_err e = parse(&r, bytes);
    *line = r.line;
    if (e != MDL_OK) {
        memset(out, 0, sizeof *out);
    } else if (error_size > 0) {
        *error = 0;
    }
    return e;
}

void mdl_tlog_policy_of(const mdl_log_policy *simple, mdl_tlog_policy *out) {
    memset(out, 0, sizeof *out);
    out->log[out->logs++] = simple->log;
    out->witnesses = simple->witness_count;
    memcpy(out->witness, simple->witness, simple->witness_count * sizeof *out->witness);
    out->quorum = -1;
    if (simple->quorum > 0) {
        mdl_policy_group *g = &out->group[out->groups++];
        g->needed = simple->quorum;
        g->count = simple->witness_count;
        for (uint32_t i = 0; i < simple->witness_count; i++) {
            g->member[i] = (uint8_t)i;
        }
        out->quorum = MDL_WITNESSES_MAX;
    }
}

int mdl_tlog_policy_reached(const mdl_tlog_policy *p, const mdl_note_seal signed_by[MDL_WITNESSES_MAX]) {
    int reached[MDL_WITNESSES_MAX + MDL_POLICY_GROUPS_MAX] = {0};
    if (p->quorum < 0) {
        return 1;
    }
    for (uint32_t i = 0; i < p->witnesses; i++) {
        reached[i] = signed_by[i].signed_by;
    }
    for (uint32_t i = 0; i < p->groups; i++) { /* members stand before their group */
        uint32_t got = 0;
        for (uint32_t k = 0; k < p->group[i].count; k++) {
            got += reached[p->group[i].member[k]] ? 1 : 0;
        }
        reached[MDL_WITNESSES_MAX + i] = got >= p->group[i].needed;
    }
    return reached[p->quorum];
}

static mdl_err verify(mdl_text bytes, const mdl_tlog_policy *p, uint32_t *log, mdl_checkpoint *out,
                      mdl_checkpoint_seal *seal) {
    mdl_note note;
    mdl_vkey key[1 + MDL_WITNESSES_MAX];
    mdl_note_seal found[1 + MDL_WITNESSES_MAX];
    mdl_err e = mdl_note_parse(bytes, &note);
    if (e == MDL_OK) {
        e = mdl_checkpoint_parse(note.text, out);
    }
    if (e != MDL_OK) {
        return e;
    }
    uint32_t of = 0;
    while (of < p->logs && !mdl_text_equal(out->origin, mdl_text_of(p->log[of].name))) {
        of++;
    }
    if (of == p->logs) {
        return MDL_EMISMATCH;
    }
    key[0] = p->log[of];
    memcpy(key + 1, p->witness, p->witnesses * sizeof *key);
    e = mdl_note_verify(&note, key, 1 + p->witnesses, found);
    if (e != MDL_OK) {
        return e;
    }
    if (!found[0].signed_by) {
        return MDL_ENOENT;
    }
    *log = of;
    for (uint32_t i = 0; i < p->witnesses; i++) {
        seal->witness[i] = found[1 + i];
        seal->cosigned += found[1 + i].signed_by ? 1 : 0;
    }
    return MDL_OK;
}

mdl_err mdl_tlog_policy_verify(mdl_text note, const mdl_tlog_policy *policy, uint32_t *log, mdl_checkpoint *out,
                               mdl_checkpoint_seal *seal) {
    mdl_checkpoint_seal own;
    uint32_t of = 0;
    seal = seal ? seal : &own;
    memset(seal, 0, sizeof *seal);
    memset(out, 0, sizeof *out);
    mdl_err e = verify(note, policy, &of, out, seal);
    if (e != MDL_OK) {
        memset(seal, 0, sizeof *seal);
        memset(out, 0, sizeof *out);
        return e;
    }
    if (log) {
        *log = of;
    }
    return mdl_tlog_policy_reached(policy, seal->witness) ? MDL_OK : MDL_ENOENT;
}
