#include "coordinator/admin_request.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/digest.h"

static int is_one_of(const char *action, const char *const *names) {
    while (*names && strcmp(*names, action) != 0) {
        names++;
    }
    return *names != NULL;
}

static const char *take(const cJSON *request, mdl_admin_request *out) {
    static const char *const asks[] = {"status", "workers", "export", NULL}, *const keyless[] = {"pause", "resume",
                                                                                                 NULL};
    const cJSON *what = cJSON_GetObjectItemCaseSensitive(request, "do");
    const cJSON *key = cJSON_GetObjectItemCaseSensitive(request, "key");
    const cJSON *reason = cJSON_GetObjectItemCaseSensitive(request, "reason");
    if (!cJSON_IsString(what) || what->valuestring[0] == 0) {
        return "one JSON object with the key \"do\", please";
    }
    if (strlen(what->valuestring) >= sizeof out->action) {
        return "there is no such action";
    }
    snprintf(out->action, sizeof out->action, "%s", what->valuestring);
    if (is_one_of(out->action, asks)) {
        return NULL;
    }
    if (key && !(cJSON_IsString(key) && mdl_unhex(key->valuestring, out->key, sizeof out->key) == MDL_OK)) {
        return "a key is 64 hexadecimal digits";
    }
    out->has_key = key != NULL;
    if (!key && !is_one_of(out->action, keyless)) {
        return "whose key?";
    }
    if (cJSON_IsString(reason)) { /* no longer than the line: an escape is longer than what it stands for */
        MDL_ASSERT(strlen(reason->valuestring) < sizeof out->reason);
        snprintf(out->reason, sizeof out->reason, "%s", reason->valuestring);
    }
    return NULL;
}

const char *mdl_admin_request_parse(const char *line, size_t size, mdl_admin_request *out) {
    memset(out, 0, sizeof *out);
    cJSON *request = cJSON_ParseWithLength(line, size);
    const char *why = take(request, out);
    cJSON_Delete(request);
    return why;
}
