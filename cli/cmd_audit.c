/* modulon audit */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "cli/cli.h"
#include "cli/coordinator.h"
#include "cli/vkey.h"
#include "runtime/file.h"
#include "runtime/http_client.h"
#include "runtime/pool.h"
#include "runtime/progress.h"

static const mdl_usage usage = {
    .name = "audit",
    .arguments = "DIR|URL",
    .text = "Re-derive a ledger, from a coordinator's directory or over HTTP (http:// only: what is\n"
            "read is checked, so it needs no TLS): checkpoints and tree, every signature, every rule,\n"
            "every generation, credit and the champion; and compute results again, all or a sample.\n"
            "The log's verifier key must come from elsewhere, or the audit proves little.\n"
            "Tiers: quick, the log only grew; rules, also signatures, rules, states and credit; sample,\n"
            "also a draw of results computed again; full, all of them.\n"
            "Exit status 1 means that something is false.",
    .examples = "  modulon audit runs/fleet --vkey vkey.txt --full\n"
                "  modulon audit http://example.org:8080 --vkey 'modulon/6b86b273ff34fce1+1a2b3c4d+AZ...' --json\n"
                "  modulon audit runs/fleet --vkey vkey.txt --sample 0.1 --checkpoint kept.txt\n"
                "  modulon audit http://example.org:8080 --policy trusted.policy --tier rules\n"
                "  modulon audit runs/fleet --vkey vkey.txt --receipts worker --proofs proofs\n"
                "  modulon audit runs/fleet --vkey vkey.txt --tier rules --dispute 1234",
    .least = 1,
    .most = 1,
};

typedef struct settings {
    const char *vkey, *checkpoint, *tier, *policy, *receipts, *proofs;
    double sample;
    uint64_t seed;
    uint32_t threads;
    uint64_t dispute;
    int quick, full, has_sample, has_seed, has_dispute, json, quiet, first_use;
} settings;

/* ---- progress: a bar for each step ---- */

typedef struct watch {
    mdl_progress bar;
    int open, quiet;
    mdl_audit_step step;
} watch;

static void show(void *ctx, mdl_audit_step step, double fraction, const char *text) {
    watch *w = ctx;
    if (!w->open || w->step != step) {
        mdl_progress_begin(&w->bar, 0, w->quiet);
        w->open = 1;
        w->step = step;
    }
    if (fraction < 1)
        mdl_progress_show(&w->bar, fraction, text);
    else if (w->bar.open)
        mdl_progress_end(&w->bar, fraction, text);
}

/* ---- what the command needs ---- */

static int is_url(const char *text) { return strstr(text, "://") != NULL; }

/* The key from the source itself, loudly. */
static mdl_err first_key(const mdl_audit_source *s, mdl_vkey *key, char *error) {
    char text[MDL_VKEY_TEXT_MAX];
    mdl_err err = s->vkey(s->ctx, text, error, MDL_ERROR_TEXT);
    if (err != MDL_OK)
        return err;
    err = mdl_vkey_parse(mdl_text_of(text), key);
    if (err != MDL_OK) {
        snprintf(error, MDL_ERROR_TEXT, "the verifier key that the ledger names is none: %s", mdl_strerror((int)err));
        return err;
    }
    fprintf(stderr,
            "WARNING: trusting the verifier key that the ledger itself names. Whoever made the ledger could have made\n"
            "WARNING: this key. Compare it with one that you have from elsewhere:\n"
            "WARNING: %s\n",
            text);
    return MDL_OK;
}

static mdl_err open_source(mdl_audit_source *s, const char *where, char *error) {
    return is_url(where) ? mdl_audit_open_http(s, where, error, MDL_ERROR_TEXT)
                         : mdl_audit_open_directory(s, where, error, MDL_ERROR_TEXT);
}

static int print(const mdl_audit_report *r, const settings *s) {
    char *text = s->json ? mdl_audit_json(r) : mdl_audit_text(r);
    if (!text)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "out of memory");
    printf(s->json ? "%s\n" : "%s", text);
    free(text);
    return r->findings == 0 ? MDL_EXIT_OK : MDL_EXIT_FALSE;
}

static int exit_code(mdl_err err) { return err == MDL_ENOMEM ? MDL_EXIT_FAILURE : MDL_EXIT_USAGE; }

static int audit(const char *where, const settings *s, mdl_audit_options *o, mdl_audit_report *r) {
    char error[MDL_ERROR_TEXT] = "";
    mdl_audit_source source;
    watch w = {.quiet = s->quiet};
    mdl_err err = open_source(&source, where, error);
    if (err == MDL_EDIGEST || err == MDL_EMISMATCH) { /* it contradicts itself */
        memset(r, 0, sizeof *r);
        snprintf(r->origin, sizeof r->origin, "%s", o->log.name);
        r->sample = o->sample;
        mdl_audit_add(r, MDL_AUDIT_NO_RECORD, MDL_AUDIT_MISSING, error);
        return print(r, s);
    }
    if (err == MDL_OK && s->first_use)
        err = first_key(&source, &o->log, error);
    if (err == MDL_OK) {
        o->progress = show;
        o->progress_ctx = &w;
        err = mdl_audit_run(&source, o, r, error, sizeof error);
    }
    int code = err == MDL_OK ? print(r, s) : mdl_cli_fail(exit_code(err), "%s", error);
    mdl_audit_source_close(&source);
    mdl_audit_report_free(r);
    return code;
}

/* What --tier asks for. 0: there is no such tier, or it contradicts --full or --sample. */
static int take_tier(settings *s) {
    if (!s->tier)
        return 1;
    s->quick = strcmp(s->tier, "quick") == 0;
    if (strcmp(s->tier, "sample") == 0)
        return !s->full;
    if (s->has_sample)
        return 0;
    if (strcmp(s->tier, "full") == 0) {
        s->full = 1;
        return 1;
    }
    s->sample = 0;
    return !s->full && (s->quick || strcmp(s->tier, "rules") == 0);
}

/* A policy of one log names its key too. */
static mdl_err take_policy(const settings *s, mdl_tlog_policy *policy, mdl_audit_options *o, char *error,
                           size_t error_size) {
    uint8_t *bytes;
    size_t size;
    uint32_t line, log = 0;
    char why[256];
    mdl_err err = mdl_file_read(s->policy, MDL_POLICY_BYTES_MAX, &bytes, &size, error, error_size);
    if (err != MDL_OK)
        return err;
    err = mdl_tlog_policy_parse((mdl_text){(const char *)bytes, size}, policy, &line, why, sizeof why);
    free(bytes);
    if (err != MDL_OK) {
        snprintf(error, error_size, "%s: %s", s->policy, why);
        return err;
    }
    if (!s->vkey && !s->first_use && policy->logs == 1) {
        o->log = policy->log[0];
    } else if (s->vkey) {
        while (log < policy->logs && memcmp(&policy->log[log], &o->log, sizeof o->log) != 0)
            log++;
        if (log == policy->logs) {
            snprintf(error, error_size, "%s: it does not name the log of --vkey", s->policy);
            return MDL_EKEY;
        }
    } else {
        snprintf(error, error_size, "%s: it names %u logs; say which with --vkey", s->policy, (unsigned)policy->logs);
        return MDL_EKEY;
    }
    o->policy = policy;
    return MDL_OK;
}

/* A note from a file, or from http://HOST/.../NAME: a coordinator's checkpoint, a witness's. */
static mdl_err take_checkpoint(const char *where, mdl_text *out, char *error, size_t error_size) {
    char prefix[MDL_HTTP_URL_MAX];
    const char *last = strrchr(where, '/');
    uint8_t *bytes = NULL;
    mdl_http_client c;
    mdl_err err;
    if (!is_url(where)) {
        err = mdl_file_read(where, MDL_NOTE_MAX, &bytes, &out->size, error, error_size);
    } else {
        snprintf(prefix, sizeof prefix, "%.*s", (int)(last - where), where);
        err = mdl_http_client_init(&c, prefix, error, error_size);
        if (err == MDL_OK) {
            err = mdl_http_get(&c, last + 1, MDL_NOTE_MAX, &bytes, &out->size, error, error_size);
            mdl_http_client_close(&c);
        }
    }
    out->at = (const char *)bytes;
    return err;
}

static void free_others(mdl_audit_options *o) {
    for (uint32_t i = 0; i < o->others; i++)
        free((void *)o->other[i].at);
}

int mdl_cmd_audit(int argc, char **argv) {
    settings s = {.sample = 0.05, .threads = 0};
    const mdl_option options[] = {
        {"vkey", MDL_OPT_TEXT, &s.vkey, NULL, 0, 0, "VKEY", "the log's verifier key, or a file with it"},
        {"trust-first-use", MDL_OPT_FLAG, &s.first_use, NULL, 0, 0, NULL,
         "take the key from the ledger itself: proves only that it agrees with itself"},
        {"policy", MDL_OPT_TEXT, &s.policy, NULL, 0, 0, "FILE", "C2SP tlog-policy: the log and its witnesses' quorum"},
        {"tier", MDL_OPT_TEXT, &s.tier, NULL, 0, 0, "TIER", "quick, rules, sample or full (sample)"},
        {"full", MDL_OPT_FLAG, &s.full, NULL, 0, 0, NULL, "compute every result again"},
        {"sample", MDL_OPT_F64, &s.sample, &s.has_sample, 0, 1, "P", "each result with probability P (0.05)"},
        {"seed", MDL_OPT_U64, &s.seed, &s.has_seed, 0, 0, "N", "of the sample, to repeat an audit (random)"},
        {"checkpoint", MDL_OPT_TEXT, &s.checkpoint, NULL, 0, 0, "FILE",
         "a checkpoint from elsewhere, a file or http:// address: finds forks; several times"},
        {"receipts", MDL_OPT_TEXT, &s.receipts, NULL, 0, 0, "DIR", "a worker's data: its receipts against the log"},
        {"proofs", MDL_OPT_TEXT, &s.proofs, NULL, 0, 0, "DIR", "write a fraud proof for each finding"},
        {"dispute", MDL_OPT_U64, &s.dispute, &s.has_dispute, 0, 0, "N",
         "look into record N, a verdict or a check: every answer beside what is computed"},
        {"threads", MDL_OPT_U32, &s.threads, NULL, 1, MDL_THREADS_MAX, "N", "threads (all CPUs)"},
        {"quiet", MDL_OPT_FLAG, &s.quiet, NULL, 0, 0, NULL, "no progress on stderr"},
        {"json", MDL_OPT_FLAG, &s.json, NULL, 0, 0, NULL, "the report as one JSON object on stdout"},
        {0},
    };
    char error[MDL_ERROR_TEXT];
    const char *named[MDL_AUDIT_OTHERS_MAX];
    int first;
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (s.full && s.has_sample)
        return mdl_cli_fail(MDL_EXIT_USAGE, "audit: --full and --sample exclude each other");
    if (s.has_dispute && s.tier && strcmp(s.tier, "quick") == 0)
        return mdl_cli_fail(MDL_EXIT_USAGE, "audit: --dispute needs the records, which --tier quick does not read");
    if (!take_tier(&s))
        return mdl_cli_fail(MDL_EXIT_USAGE,
                            "audit: --tier %s: allowed are quick, rules, sample and full, and --full or "
                            "--sample only where they say the same",
                            s.tier);
    if ((s.vkey != NULL || s.policy != NULL) == (s.first_use != 0))
        return mdl_cli_fail(MDL_EXIT_USAGE,
                            s.first_use
                                ? "audit: --vkey or --policy and --trust-first-use exclude each other"
                                : "audit: --vkey is missing: ask the operator, or somebody who has audited before, for "
                                  "the log's verifier key (or, knowing what it means, give --trust-first-use)");
    mdl_audit_options o = {.sample = s.full ? 1 : s.sample, .seed = s.seed};
    o.threads = s.threads ? s.threads : mdl_cpu_count();
    if (!s.has_seed) /* nobody who made the ledger may know the draws */
        randombytes_buf(&o.seed, sizeof o.seed);
    o.quick = s.quick;
    o.receipts = s.receipts;
    o.proofs = s.proofs;
    o.has_dispute = s.has_dispute;
    o.dispute = s.dispute;
    static mdl_tlog_policy policy;
    mdl_err err = s.vkey ? mdl_cli_vkey(s.vkey, &o.log, error, sizeof error) : MDL_OK;
    if (err == MDL_OK && s.policy)
        err = take_policy(&s, &policy, &o, error, sizeof error);
    o.others = mdl_cli_collect("--checkpoint", argc, argv, named, MDL_AUDIT_OTHERS_MAX);
    for (uint32_t i = 0; i < o.others && err == MDL_OK; i++)
        err = take_checkpoint(named[i], &o.other[i], error, sizeof error);
    if (err != MDL_OK) {
        free_others(&o);
        return mdl_cli_fail(exit_code(err), "%s", error);
    }
    mdl_audit_report *report = calloc(1, sizeof *report);
    code = report ? audit(argv[first], &s, &o, report) : mdl_cli_fail(MDL_EXIT_FAILURE, "out of memory");
    free(report);
    free_others(&o);
    return code;
}
