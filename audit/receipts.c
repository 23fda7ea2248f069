/* Receipts that a worker kept, against the log: PROTOCOL section 9.8. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/audit_internal.h"
#include "protocol/grow.h"
#include "protocol/tile.h"
#include "protocol/tlog_proof.h"
#include "runtime/file.h"

enum { DEPTH_MAX = 3, PATH_ROOM = 4096 };
static const char suffix[] = ".tlog-proof";

typedef struct receipt {
    char *proof; /* as the coordinator sent it */
    uint8_t *record;
    size_t proof_size, record_size;
    uint64_t index;
    mdl_hash leaf;
} receipt;

struct mdl_receipts {
    receipt *at;
    size_t count;
    uint32_t room;
};

/* One receipt: `path` of the proof, the record beside it. What is no receipt of this log is counted. */
static mdl_err take(mdl_audit *a, mdl_receipts *r, const char *path, mdl_receipt_tree tree, void *ctx) {
    char other[PATH_ROOM], error[512];
    receipt got = {0};
    mdl_tlog_proof p;
    mdl_checkpoint c;
    mdl_log_policy policy = {.log = a->options->log};
    uint8_t *proof = NULL;
    snprintf(other, sizeof other, "%.*s.envelope", (int)(strlen(path) - (sizeof suffix - 1)), path);
    mdl_err err = mdl_file_read(path, MDL_TLOG_PROOF_MAX, &proof, &got.proof_size, error, sizeof error);
    if (err == MDL_OK)
        err = mdl_file_read(other, MDL_RECORD_MAX, &got.record, &got.record_size, error, sizeof error);
    got.proof = (char *)proof;
    if (err == MDL_OK)
        err = mdl_tlog_proof_parse((mdl_text){got.proof, got.proof_size}, &p);
    if (err == MDL_OK) {
        mdl_merkle_leaf(got.record, got.record_size, &got.leaf);
        err = mdl_tlog_proof_verify(&p, &got.leaf, &policy, &c, NULL);
    }
    if (err == MDL_OK && !mdl_list_grow(&r->at, &r->room, r->count + 1, sizeof *r->at))
        err = MDL_ENOMEM;
    if (err == MDL_OK) {
        got.index = p.index;
        r->at[r->count++] = got;
        a->report->receipts++;
        return tree(ctx, &c, p.checkpoint);
    }
    free(got.proof);
    free(got.record);
    if (err == MDL_ENOMEM || err == MDL_EIO)
        return err;
    a->report->receipts_other++;
    return MDL_OK;
}

static mdl_err walk(mdl_audit *a, mdl_receipts *r, const char *folder, int depth, mdl_receipt_tree tree, void *ctx) {
    DIR *d = opendir(folder);
    mdl_err err = MDL_OK;
    if (!d) {
        snprintf(a->error, a->error_size, "%s cannot be read", folder);
        return MDL_EIO;
    }
    for (struct dirent *e = readdir(d); e && err == MDL_OK; e = readdir(d)) {
        char path[PATH_ROOM];
        struct stat s;
        size_t n = strlen(e->d_name);
        if (e->d_name[0] == '.' || (size_t)snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >= sizeof path ||
            stat(path, &s) != 0)
            continue;
        if (S_ISDIR(s.st_mode) && depth < DEPTH_MAX)
            err = walk(a, r, path, depth + 1, tree, ctx);
        else if (S_ISREG(s.st_mode) && n > sizeof suffix - 1 &&
                 strcmp(e->d_name + n - (sizeof suffix - 1), suffix) == 0)
            err = take(a, r, path, tree, ctx);
    }
    closedir(d);
    return err;
}

mdl_err mdl_receipts_read(mdl_audit *a, mdl_receipts **out, mdl_receipt_tree tree, void *ctx) {
    *out = calloc(1, sizeof **out);
    if (!*out)
        return MDL_ENOMEM;
    return walk(a, *out, a->options->receipts, 0, tree, ctx);
}

void mdl_receipts_compare(mdl_audit *a, const mdl_receipts *r) {
    for (size_t i = 0; i < r->count; i++) {
        const receipt *k = &r->at[i];
        if (k->index >= a->records) {
            a->report->receipts_ahead++;
        } else if (!mdl_hash_equal(&k->leaf, &a->leaf[k->index])) {
            mdl_audit_found(a, k->index, MDL_AUDIT_RECEIPT, a->options->log.key,
                            "a worker holds a signed receipt that record %" PRIu64
                            " is its result; the log has another record there",
                            k->index);
            mdl_proofs_dropped(a, k->record, k->record_size, k->proof, k->proof_size, k->index);
        }
    }
}

void mdl_receipts_free(mdl_receipts *r) {
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++) {
        free(r->at[i].proof);
        free(r->at[i].record);
    }
    free(r->at);
    free(r);
}
