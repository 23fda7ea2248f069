/* Policies: whatever is taken refers to what there is, and all witnesses together reach every quorum. */
#include <stdint.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/tlog_policy.h"
#include "tests/fuzz/signatures.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static mdl_tlog_policy p;
    char error[128];
    uint32_t line;
    mdl_note_seal all[MDL_WITNESSES_MAX];
    mdl_err err = mdl_tlog_policy_parse((mdl_text){(const char *)data, size}, &p, &line, error, sizeof error);
    MDL_ASSERT((err == MDL_OK) == (error[0] == 0));
    if (err != MDL_OK) {
        MDL_ASSERT(p.logs == 0 && p.witnesses == 0 && strlen(error) < sizeof error);
        return 0;
    }
    MDL_ASSERT(p.logs >= 1 && p.logs <= MDL_POLICY_LOGS_MAX && p.witnesses <= MDL_WITNESSES_MAX);
    for (uint32_t i = 0; i < p.groups; i++) {
        MDL_ASSERT(p.group[i].needed >= 1 && p.group[i].needed <= p.group[i].count);
    }
    for (uint32_t i = 0; i < MDL_WITNESSES_MAX; i++) {
        all[i] = (mdl_note_seal){i < p.witnesses, 0};
    }
    MDL_ASSERT(mdl_tlog_policy_reached(&p, all));
    memset(all, 0, sizeof all);
    MDL_ASSERT(mdl_tlog_policy_reached(&p, all) == (p.quorum < 0));
    return 0;
}
