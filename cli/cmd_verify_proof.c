/* modulon verify-proof */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/verify_proof.h"
#include "cli/cli.h"
#include "cli/vkey.h"
#include "runtime/file.h"

static const mdl_usage usage = {
    .name = "verify-proof",
    .arguments = "FILE",
    .text = "Check a fraud proof, as modulon audit --proofs writes it, and say who is convicted of\n"
            "what. The file is enough, except where a record breaks a rule that depends on those\n"
            "before it, or a blob is withheld: then --ledger shows the ledger itself. What jobs give\n"
            "is computed again. Exit status 0: proven; 1: it proves nothing, or not without a ledger.",
    .examples = "  modulon verify-proof proofs/result-812.fraud --vkey vkey.txt\n"
                "  modulon verify-proof proofs/rule-40.fraud --vkey vkey.txt --ledger http://example.org:8080",
    .least = 1,
    .most = 1,
};

static int print(const mdl_fraud *f, const mdl_fraud_finding *v, int json) {
    char key[2 * MDL_KEY_BYTES + 1] = "";
    const char *verdict = v->verdict == MDL_FRAUD_PROVEN   ? "proven"
                          : v->verdict == MDL_FRAUD_LEDGER ? "needs the ledger"
                                                           : "not proven";
    if (v->has_culprit)
        mdl_hex(v->culprit, sizeof v->culprit, key);
    if (json) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "kind", mdl_fraud_name(f->kind));
        cJSON_AddStringToObject(o, "verdict", verdict);
        if (v->has_culprit)
            cJSON_AddStringToObject(o, "culprit", key);
        else
            cJSON_AddNullToObject(o, "culprit");
        cJSON_AddStringToObject(o, "text", v->text);
        mdl_cli_print_json(o);
    } else {
        printf("%-12s%s: %s\n", verdict, mdl_fraud_name(f->kind), v->text);
        if (v->verdict == MDL_FRAUD_PROVEN)
            printf("convicts    %s\n", v->has_culprit ? key : "nobody: it is not known who signed it");
    }
    return v->verdict == MDL_FRAUD_PROVEN ? MDL_EXIT_OK : MDL_EXIT_FALSE;
}

static mdl_err open_ledger(mdl_audit_source *s, const char *where, char *error) {
    return strstr(where, "://") ? mdl_audit_open_http(s, where, error, MDL_ERROR_TEXT)
                                : mdl_audit_open_directory(s, where, error, MDL_ERROR_TEXT);
}

int mdl_cmd_verify_proof(int argc, char **argv) {
    const char *vkey = NULL, *ledger = NULL;
    int json = 0, first;
    const mdl_option options[] = {
        {"vkey", MDL_OPT_TEXT, &vkey, NULL, 0, 0, "VKEY",
         "the log's verifier key, or a file with it (else the file's own)"},
        {"ledger", MDL_OPT_TEXT, &ledger, NULL, 0, 0, "DIR|URL", "the ledger, where the file is not enough"},
        {"json", MDL_OPT_FLAG, &json, NULL, 0, 0, NULL, "one JSON object on stdout"},
        {0},
    };
    char error[MDL_ERROR_TEXT] = "";
    uint8_t *bytes = NULL;
    size_t size;
    mdl_vkey key;
    mdl_fraud f;
    mdl_fraud_finding verdict;
    mdl_audit_source source = {0};
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    mdl_err err = vkey ? mdl_cli_vkey(vkey, &key, error, sizeof error) : MDL_OK;
    if (err == MDL_OK)
        err = mdl_file_read(argv[first], MDL_FRAUD_BYTES_MAX, &bytes, &size, error, sizeof error);
    if (err == MDL_OK) {
        err = mdl_fraud_parse((mdl_text){(const char *)bytes, size}, &f);
        snprintf(error, sizeof error, "%s is no fraud proof: %s", argv[first], mdl_strerror((int)err));
    }
    if (err == MDL_OK && ledger)
        err = open_ledger(&source, ledger, error);
    if (err == MDL_OK)
        err = mdl_verify_proof(&f, vkey ? &key : NULL, ledger ? &source : NULL, &verdict, error, sizeof error);
    if (err == MDL_OK && !vkey && f.kind != MDL_FRAUD_EQUIVOCATION)
        fprintf(stderr, "note: the log's key is the one in the file, %.*s\n", (int)f.field[MDL_FRAUD_LOG_FIELD].size,
                f.field[MDL_FRAUD_LOG_FIELD].at);
    code = err == MDL_OK ? print(&f, &verdict, json) : mdl_cli_fail(mdl_cli_code(err), "verify-proof: %s", error);
    mdl_audit_source_close(&source);
    free(bytes);
    return code;
}
