/* modulon ledger show|proof|checkpoint|verify-proof */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/ledger_words.h"
#include "cli/vkey.h"
#include "protocol/tlog_proof.h"
#include "runtime/file.h"
#include "store/store.h"

static const char lines[] = "usage: modulon ledger show DIR [--from N] [--to N] [--json]\n"
                            "       modulon ledger proof DIR INDEX [--out FILE]\n"
                            "       modulon ledger checkpoint DIR\n"
                            "       modulon ledger verify-proof FILE --vkey VKEY [--record FILE]\n\n"
                            "Each has its own --help.";

static int open_store(mdl_store *s, const char *directory) {
    char error[MDL_ERROR_TEXT];
    mdl_err err = mdl_store_open(s, directory, MDL_STORE_READ | MDL_STORE_QUICK, error, sizeof error);
    return mdl_cli_end(err, error);
}

static int has_record(mdl_store *s, const char *directory, uint64_t index) {
    if (index < s->count(s))
        return 1;
    mdl_cli_fail(MDL_EXIT_USAGE, "ledger: %s has %" PRIu64 " records; there is no record %" PRIu64, directory,
                 s->count(s), index);
    return 0;
}

/* ---- show ---- */

static const mdl_usage show_usage = {
    .name = "ledger show",
    .arguments = "DIR",
    .text = "The records of a coordinator's directory in words: index, type, who, what. Signatures\n"
            "and rules are not checked here: modulon audit does that.",
    .examples = "  modulon ledger show runs/fleet --from 100 --to 120\n"
                "  modulon ledger show runs/fleet --json | jq 'select(.type == \"result\")'",
    .least = 1,
    .most = 1,
};

typedef struct showing {
    mdl_words words;
    int json;
} showing;

static mdl_err show_one(void *ctx, uint64_t index, const uint8_t *bytes, size_t size) {
    showing *s = ctx;
    if (s->json)
        return mdl_words_json(&s->words, index, bytes, size);
    char what[512];
    mdl_words_of(&s->words, bytes, size, what, sizeof what);
    printf("%6" PRIu64 "  %s\n", index, what);
    return MDL_OK;
}

static mdl_err learn_one(void *ctx, uint64_t index, const uint8_t *bytes, size_t size) {
    showing *s = ctx;
    char what[512];
    (void)index;
    mdl_words_of(&s->words, bytes, size, what, sizeof what);
    return MDL_OK;
}

static int show(int argc, char **argv) {
    uint64_t from = 0, to = UINT64_MAX;
    showing s = {.json = 0};
    int first;
    const mdl_option options[] = {
        {"from", MDL_OPT_U64, &from, NULL, 0, 0, "N", "first record (0)"},
        {"to", MDL_OPT_U64, &to, NULL, 0, 0, "N", "last record (the newest)"},
        {"json", MDL_OPT_FLAG, &s.json, NULL, 0, 0, NULL, "one JSON object a line, with the payload as it was signed"},
        {0},
    };
    mdl_store store;
    char error[MDL_ERROR_TEXT] = "out of memory";
    int code = mdl_cli_options(&show_usage, options, argc, argv, &first);
    if (code >= 0 || (code = open_store(&store, argv[first])) != MDL_EXIT_OK)
        return code;
    uint64_t count = store.count(&store);
    if (from > to || (from >= count && from > 0)) {
        mdl_store_close(&store);
        return mdl_cli_fail(MDL_EXIT_USAGE, "ledger show: %s has %" PRIu64 " records; there is none from %" PRIu64,
                            argv[first], count, from);
    }
    uint64_t end = to < count ? to + 1 : count;
    mdl_err err = mdl_words_init(&s.words);
    if (err == MDL_OK && from > 0 && !s.json) /* who has which name stands before */
        err = store.range(&store, 0, from, learn_one, &s, error, sizeof error);
    if (err == MDL_OK)
        err = store.range(&store, from, end, show_one, &s, error, sizeof error);
    mdl_words_close(&s.words);
    mdl_store_close(&store);
    return mdl_cli_end(err, error);
}

/* ---- proof ---- */

static const mdl_usage proof_usage = {
    .name = "ledger proof",
    .arguments = "DIR INDEX",
    .text = "Write an offline proof (C2SP tlog-proof) that a record is in the log: the record itself,\n"
            "where it is short enough, its inclusion path and the newest signed checkpoint.",
    .examples = "  modulon ledger proof runs/fleet 17                      # record-17.tlog-proof\n"
                "  modulon ledger verify-proof record-17.tlog-proof --vkey vkey.txt",
    .least = 2,
    .most = 2,
};

/* The proof's text into out[0..MDL_TLOG_PROOF_MAX). */
static mdl_err make_proof(mdl_store *s, uint64_t index, char *out, size_t *size, char *error) {
    char *note = malloc(MDL_STORE_NOTE_MAX), *extra = malloc(MDL_TLOG_EXTRA_MAX);
    uint8_t *record = malloc(MDL_STORE_RECORD_MAX);
    size_t note_size = 0, record_size = 0;
    mdl_merkle_proof path;
    mdl_tlog_proof proof = {.index = index};
    mdl_err err = note && extra && record ? MDL_OK : MDL_ENOMEM;
    snprintf(error, MDL_ERROR_TEXT, "out of memory");
    if (err == MDL_OK)
        err = s->checkpoint(s, note, &note_size, error, MDL_ERROR_TEXT);
    if (err == MDL_OK)
        err = s->read(s, index, record, &record_size, error, MDL_ERROR_TEXT);
    if (err == MDL_OK) {
        mdl_merkle_lookup lookup = mdl_store_lookup(s);
        err = mdl_merkle_prove_inclusion(index, s->count(s), &lookup, &path);
        snprintf(error, MDL_ERROR_TEXT, "the hashes beside the records: %s", mdl_strerror((int)err));
    }
    if (err == MDL_OK) {
        mdl_text_out text = {extra, MDL_TLOG_EXTRA_MAX, 0}, all = {out, MDL_TLOG_PROOF_MAX, 0};
        mdl_base64_put(&text, record, record_size);
        if (text.size <= MDL_TLOG_EXTRA_MAX) /* longer ones are left out */
            proof.extra = (mdl_text){extra, text.size};
        proof.count = path.count;
        memcpy(proof.hash, path.hash, path.count * sizeof *path.hash);
        proof.checkpoint = (mdl_text){note, note_size};
        mdl_tlog_proof_put(&proof, &all);
        err = mdl_text_end(&all, size);
    }
    free(note);
    free(extra);
    free(record);
    return err;
}

static int proof(int argc, char **argv) {
    const char *out = NULL;
    const mdl_option options[] = {
        {"out", MDL_OPT_TEXT, &out, NULL, 0, 0, "FILE", "the file (record-INDEX.tlog-proof)"},
        {0},
    };
    mdl_store store;
    int first;
    int code = mdl_cli_options(&proof_usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    uint64_t index;
    if (mdl_text_decimal(mdl_text_of(argv[first + 1]), MDL_STORE_COUNT_MAX, &index) != MDL_OK)
        return mdl_cli_fail(MDL_EXIT_USAGE, "ledger proof: \"%s\" is no record's index", argv[first + 1]);
    code = open_store(&store, argv[first]);
    if (code != MDL_EXIT_OK)
        return code;
    char error[MDL_ERROR_TEXT], path[64], *text = malloc(MDL_TLOG_PROOF_MAX);
    size_t size = 0;
    snprintf(path, sizeof path, "record-%" PRIu64 ".tlog-proof", index);
    if (!out)
        out = path;
    if (!text)
        code = mdl_cli_fail(MDL_EXIT_FAILURE, "out of memory");
    else if (!has_record(&store, argv[first], index))
        code = MDL_EXIT_USAGE;
    else {
        mdl_err err = make_proof(&store, index, text, &size, error);
        if (err == MDL_OK)
            err = mdl_file_write(out, text, size, error, sizeof error);
        code = mdl_cli_end(err, error);
        if (code == MDL_EXIT_OK)
            printf("%s\n", out);
    }
    free(text);
    mdl_store_close(&store);
    return code;
}

/* ---- checkpoint ---- */

static const mdl_usage checkpoint_usage = {
    .name = "ledger checkpoint",
    .arguments = "DIR",
    .text = "The newest signed checkpoint, as it stands. Keep it: with modulon audit --checkpoint it\n"
            "shows later that the log was never rewritten.",
    .examples = "  modulon ledger checkpoint runs/fleet > kept.txt",
    .least = 1,
    .most = 1,
};

static int checkpoint(int argc, char **argv) {
    const mdl_option options[] = {{0}};
    static char note[MDL_STORE_NOTE_MAX];
    char error[MDL_ERROR_TEXT];
    mdl_store store;
    size_t size;
    int first;
    int code = mdl_cli_options(&checkpoint_usage, options, argc, argv, &first);
    if (code >= 0 || (code = open_store(&store, argv[first])) != MDL_EXIT_OK)
        return code;
    mdl_err err = store.checkpoint(&store, note, &size, error, sizeof error);
    if (err == MDL_OK)
        fwrite(note, 1, size, stdout);
    mdl_store_close(&store);
    return mdl_cli_end(err, error);
}

/* ---- verify-proof ---- */

static const mdl_usage verify_usage = {
    .name = "ledger verify-proof",
    .arguments = "FILE",
    .text = "Check an offline proof: the log signed a checkpoint that has the record. The record is the\n"
            "one in the proof, or --record. A receipt of a coordinator is such a proof of a result.",
    .examples = "  modulon ledger verify-proof record-17.tlog-proof --vkey vkey.txt\n"
                "  modulon ledger verify-proof receipt.tlog-proof --vkey vkey.txt --record result.json",
    .least = 1,
    .most = 1,
};

/* The record to check: from the file, else out of the proof. */
static int find_record(const char *path, const mdl_tlog_proof *p, uint8_t **record, size_t *size) {
    char error[MDL_ERROR_TEXT];
    if (path) {
        mdl_err err = mdl_file_read(path, MDL_STORE_RECORD_MAX, record, size, error, sizeof error);
        return mdl_cli_end(err, error);
    }
    if (p->extra.size == 0)
        return mdl_cli_fail(MDL_EXIT_USAGE,
                            "ledger verify-proof: the proof does not carry its record; give --record FILE");
    *record = malloc(p->extra.size);
    if (!*record)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "out of memory");
    if (mdl_base64_decode(p->extra, *record, p->extra.size, size) != MDL_OK)
        return mdl_cli_fail(MDL_EXIT_USAGE, "ledger verify-proof: what the proof carries is not base64");
    return MDL_EXIT_OK;
}

static int verify(const mdl_tlog_proof *p, const mdl_vkey *key, const uint8_t *record, size_t size) {
    mdl_log_policy policy = {.log = *key};
    mdl_checkpoint c;
    mdl_hash leaf;
    mdl_merkle_leaf(record, size, &leaf);
    mdl_err err = mdl_tlog_proof_verify(p, &leaf, &policy, &c, NULL);
    if (err == MDL_ENOMEM)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "out of memory");
    if (err != MDL_OK) {
        printf("FALSE       not a record %" PRIu64 " that %s signed for: %s\n", p->index, key->name,
               err == MDL_ENOENT ? "the log's key has not signed the checkpoint" : mdl_strerror((int)err));
        return MDL_EXIT_FALSE;
    }
    char what[512];
    mdl_words words;
    printf("ok          record %" PRIu64 " of %" PRIu64 " in %s\n", p->index, c.size, key->name);
    if (mdl_words_init(&words) == MDL_OK) {
        mdl_words_of(&words, record, size, what, sizeof what);
        printf("record      %s\n", what);
    }
    mdl_words_close(&words);
    return MDL_EXIT_OK;
}

static int verify_proof(int argc, char **argv) {
    const char *vkey = NULL, *from = NULL;
    const mdl_option options[] = {
        {"vkey", MDL_OPT_TEXT, &vkey, NULL, 0, 0, "VKEY", "the log's verifier key, or a file with it"},
        {"record", MDL_OPT_TEXT, &from, NULL, 0, 0, "FILE", "the record"},
        {0},
    };
    char error[MDL_ERROR_TEXT];
    uint8_t *bytes = NULL, *record = NULL;
    size_t size, record_size = 0;
    mdl_vkey key;
    mdl_tlog_proof p;
    int first;
    int code = mdl_cli_options(&verify_usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (!vkey)
        return mdl_cli_fail(MDL_EXIT_USAGE, "ledger verify-proof: --vkey is missing");
    mdl_err err = mdl_cli_vkey(vkey, &key, error, sizeof error);
    if (err == MDL_OK)
        err = mdl_file_read(argv[first], MDL_TLOG_PROOF_MAX, &bytes, &size, error, sizeof error);
    if (err != MDL_OK)
        return mdl_cli_end(err, error);
    err = mdl_tlog_proof_parse((mdl_text){(const char *)bytes, size}, &p);
    if (err != MDL_OK)
        code = mdl_cli_fail(MDL_EXIT_USAGE, "%s is no tlog-proof: %s", argv[first], mdl_strerror((int)err));
    else
        code = find_record(from, &p, &record, &record_size);
    if (code == MDL_EXIT_OK)
        code = verify(&p, &key, record, record_size);
    free(bytes);
    free(record);
    return code;
}

int mdl_cmd_ledger(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } parts[] = {{"show", show}, {"proof", proof}, {"checkpoint", checkpoint}, {"verify-proof", verify_proof}};
    if (argc < 2)
        return mdl_cli_fail(MDL_EXIT_USAGE,
                            "ledger: what? show, proof, checkpoint or verify-proof; see modulon ledger --help");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        puts(lines);
        return MDL_EXIT_OK;
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strcmp(argv[1], parts[i].name) == 0)
            return parts[i].run(argc - 1, argv + 1);
    return mdl_cli_fail(MDL_EXIT_USAGE, "ledger: there is no ledger %s; see modulon ledger --help", argv[1]);
}
