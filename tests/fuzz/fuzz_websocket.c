/* WebSocket: the first byte says what the rest is. Requests and answers that are
 * accepted took no more bytes than there were, and are the same without what follows;
 * any beginning of them asks for more. Frames that are accepted are written again as
 * the same bytes; unmasking in pieces is unmasking at once. */
#include <stdint.h>
#include <string.h>

#include "core/assert.h"
#include "runtime/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char path[] = "/work", protocol[] = "rep.sp.nanomsg.org";

static void request(const uint8_t *data, size_t size) {
    char key[MDL_WS_KEY_CHARS + 1], again[MDL_WS_KEY_CHARS + 1];
    size_t used, same;
    if (mdl_ws_request_read(data, size, path, protocol, key, &used) != 101) {
        return;
    }
    MDL_ASSERT(used > 0 && used <= size && used <= MDL_WS_HTTP_MAX && strlen(key) == MDL_WS_KEY_CHARS);
    MDL_ASSERT(mdl_ws_request_read(data, used, path, protocol, again, &same) == 101);
    MDL_ASSERT(same == used && strcmp(key, again) == 0);
    for (size_t cut = used - 1; cut > 0; cut /= 2) {
        MDL_ASSERT(mdl_ws_request_read(data, cut, path, protocol, again, &same) == 0);
    }
}

static void answer(const uint8_t *data, size_t size) {
    static const char accept[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    size_t used, same;
    if (mdl_ws_answer_read(data, size, accept, protocol, &used) != 101) {
        return;
    }
    MDL_ASSERT(used > 0 && used <= size && used <= MDL_WS_HTTP_MAX);
    MDL_ASSERT(mdl_ws_answer_read(data, used, accept, protocol, &same) == 101 && same == used);
    for (size_t cut = used - 1; cut > 0; cut /= 2) {
        MDL_ASSERT(mdl_ws_answer_read(data, cut, accept, protocol, &same) == 0);
    }
}

static void frames(const uint8_t *data, size_t size) {
    uint8_t head[MDL_WS_HEAD_MAX], at_once[256], in_parts[256];
    mdl_ws_frame f, again;
    for (size_t at = 0; at < size && mdl_ws_frame_read(data + at, size - at, &f) == 1;) {
        MDL_ASSERT(f.head <= MDL_WS_HEAD_MAX && f.head <= size - at);
        MDL_ASSERT(mdl_ws_frame_write(head, &f) == f.head && memcmp(head, data + at, f.head) == 0);
        for (size_t cut = 0; cut < f.head; cut++) {
            MDL_ASSERT(mdl_ws_frame_read(data + at, cut, &again) == 0);
        }
        at += f.head;
        if (f.size > size - at) {
            break;
        }
        size_t n = f.size < sizeof at_once ? (size_t)f.size : sizeof at_once, half = n / 3;
        memcpy(at_once, data + at, n);
        memcpy(in_parts, data + at, n);
        mdl_ws_mask(at_once, n, f.mask, 0);
        mdl_ws_mask(in_parts, half, f.mask, 0);
        mdl_ws_mask(in_parts + half, n - half, f.mask, half);
        MDL_ASSERT(memcmp(at_once, in_parts, n) == 0);
        at += (size_t)f.size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0) {
        (data[0] % 3 == 0 ? request : data[0] % 3 == 1 ? answer : frames)(data + 1, size - 1);
    }
    return 0;
}
