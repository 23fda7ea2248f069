/* Lines of JSON that the program reads back. The first byte picks the reader, the rest is what it reads:
 *
 * - 0: a line of the operator's socket. What is taken, printed anew, is the same request.
 * - 1: a worker's receipts/log.jsonl. Each line is a result or counted as damaged, no result comes twice, and the log
 * in two halves, cut at a line's end, is no other.
 * - 2: a line of an evolution's log.jsonl, whose generation is the second byte: seconds that can be added up. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/admin_request.h"
#include "core/assert.h"
#include "protocol/digest.h"
#include "runtime/runner.h"
#include "worker/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KINDS = 3, LOG_MAX = 1 << 16 };

static void read_request(const char *line, size_t size) {
    static mdl_admin_request r, again;
    char hex[2 * MDL_KEY_BYTES + 1];
    const char *why = mdl_admin_request_parse(line, size, &r);
    if (why) {
        MDL_ASSERT(why[0] != 0);
        return;
    }
    MDL_ASSERT(r.action[0] != 0 && memchr(r.action, 0, sizeof r.action) && memchr(r.reason, 0, sizeof r.reason));
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "do", r.action);
    if (r.has_key) {
        mdl_hex(r.key, sizeof r.key, hex);
        cJSON_AddStringToObject(o, "key", hex);
    }
    cJSON_AddStringToObject(o, "reason", r.reason);
    char *text = cJSON_PrintUnformatted(o);
    cJSON_Delete(o);
    MDL_ASSERT(text);
    why = mdl_admin_request_parse(text, strlen(text), &again);
    MDL_ASSERT(!why && strcmp(again.action, r.action) == 0 && again.has_key == r.has_key);
    MDL_ASSERT(memcmp(again.key, r.key, sizeof r.key) == 0 && strcmp(again.reason, r.reason) == 0);
    free(text);
}

static size_t lines_of(const char *text, size_t size) {
    size_t lines = 0, length = 0;
    for (size_t i = 0; i < size; i++) {
        lines += text[i] == '\n' && length > 0;
        length = text[i] == '\n' ? 0 : length + 1;
    }
    return lines + (length > 0);
}

static int same_result(const mdl_statement_line *a, const mdl_statement_line *b) {
    return a->lease == b->lease && memcmp(a->experiment, b->experiment, sizeof a->experiment) == 0 &&
           memcmp(a->coordinator, b->coordinator, sizeof a->coordinator) == 0;
}

static void check_statement(const mdl_statement *s, size_t lines) {
    mdl_statement_totals sum;
    mdl_statement_add(s, &sum);
    uint64_t results = 0;
    for (int i = 0; i <= MDL_EARNED_TAKEN_BACK; i++)
        results += sum.results[i];
    MDL_ASSERT(results == s->count && s->count + s->damaged <= lines && (s->count > 0 || s->damaged == lines));
    for (size_t i = 0; i < s->count; i++) {
        const mdl_statement_line *l = &s->line[i];
        MDL_ASSERT((l->state == MDL_EARNED_PENDING) == l->recorded && !l->proved && memchr(l->why, 0, sizeof l->why));
        for (size_t k = 0; k < i; k++)
            MDL_ASSERT(!same_result(l, &s->line[k]));
    }
}

static void read_log(const char *text, size_t size) {
    mdl_statement all, part;
    mdl_err err = mdl_statement_parse(&all, text, size);
    MDL_ASSERT(err == MDL_OK);
    check_statement(&all, lines_of(text, size));
    const char *cut = memchr(text + size / 2, '\n', size - size / 2);
    size_t head = cut ? (size_t)(cut - text) + 1 : size, damaged = 0, most = 0;
    err = mdl_statement_parse(&part, text, head);
    MDL_ASSERT(err == MDL_OK);
    damaged += part.damaged;
    most += part.count;
    mdl_statement_close(&part);
    err = mdl_statement_parse(&part, text + head, size - head);
    MDL_ASSERT(err == MDL_OK);
    damaged += part.damaged;
    most += part.count;
    mdl_statement_close(&part);
    MDL_ASSERT(damaged == all.damaged && most >= all.count);
    mdl_statement_close(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > LOG_MAX)
        return 0;
    char *text = malloc(size - 1); /* of its own, so that a byte too far is seen */
    MDL_ASSERT(text);
    memcpy(text, data + 1, size - 1);
    if (data[0] % KINDS == 0 && size - 1 <= MDL_ADMIN_LINE_MAX)
        read_request(text, size - 1);
    if (data[0] % KINDS == 1)
        read_log(text, size - 1);
    if (data[0] % KINDS == 2) {
        double seconds = mdl_runner_line_seconds(text + 1, size - 2, data[1]);
        MDL_ASSERT(isfinite(seconds) && (seconds >= 0 || seconds == -1));
    }
    free(text);
    return 0;
}
