/* receipts LEDGER LIST: whether the ledger in a directory keeps what was acknowledged. LIST has one path of a
 * receipt (*.tlog-proof) a line; the record lies beside it (*.envelope). Each receipt must be signed by the log
 * and the ledger must hold exactly this record at its index. Prints their number; exit status 1 for a falsehood. */
#include <inttypes.h>

#include "protocol/tlog_proof.h"
#include "runtime/file.h"
#include "store/store.h"
#include "tests/fleet/stub.h"

static uint8_t *slurp(const char *path, size_t *size) {
    char error[512];
    uint8_t *bytes;
    stub_check(mdl_file_read(path, MDL_TLOG_PROOF_MAX, &bytes, size, error, sizeof error) == MDL_OK, path);
    return bytes;
}

static void check(mdl_store *store, const mdl_log_policy *policy, const char *path) {
    static uint8_t kept[MDL_STORE_RECORD_MAX];
    char record_path[4096], error[512];
    size_t size, record_size, kept_size;
    mdl_tlog_proof proof;
    mdl_hash leaf;
    int stem = (int)(strlen(path) - strlen(".tlog-proof"));
    snprintf(record_path, sizeof record_path, "%.*s.envelope", stem, path);
    uint8_t *bytes = slurp(path, &size), *record = slurp(record_path, &record_size);
    stub_check(mdl_tlog_proof_parse((mdl_text){(const char *)bytes, size}, &proof) == MDL_OK, path);
    mdl_merkle_leaf(record, record_size, &leaf);
    stub_check(mdl_tlog_proof_verify(&proof, &leaf, policy, NULL, NULL) == MDL_OK, path);
    if (store->read(store, proof.index, kept, &kept_size, error, sizeof error) != MDL_OK || kept_size != record_size ||
        memcmp(kept, record, record_size) != 0) {
        fprintf(stderr, "record %" PRIu64 " was acknowledged, and is not in the ledger\n", proof.index);
        stub_check(0, path);
    }
    free(bytes);
    free(record);
}

int main(int argc, char **argv) {
    char error[512], path[4096];
    mdl_store store;
    size_t size;
    uint64_t count = 0;
    stub_check(argc == 3 && sodium_init() >= 0, "usage: receipts LEDGER LIST");
    snprintf(path, sizeof path, "%.4000s/log.vkey", argv[1]);
    char *vkey = (char *)slurp(path, &size);
    mdl_log_policy policy;
    memset(&policy, 0, sizeof policy);
    stub_check(mdl_vkey_parse((mdl_text){vkey, strcspn(vkey, "\n")}, &policy.log) == MDL_OK, "log.vkey");
    stub_check(mdl_store_open(&store, argv[1], MDL_STORE_READ, error, sizeof error) == MDL_OK, error);
    FILE *list = fopen(argv[2], "r");
    stub_check(list != NULL, argv[2]);
    while (fgets(path, sizeof path, list)) {
        path[strcspn(path, "\n")] = '\0';
        check(&store, &policy, path);
        count++;
    }
    fclose(list);
    mdl_store_close(&store);
    free(vkey);
    printf("%" PRIu64 "\n", count);
    return 0;
}
