/* Requests of HTTP: whatever is accepted names a path, took no more bytes than there
 * were, and is the same without what follows it; any beginning of it only asks for
 * more. */
#include <stdint.h>
#include <string.h>

#include "core/assert.h"
#include "runtime/http_request.h"

enum { BODY_MAX = 65536 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mdl_http_request whole, again;
    if (mdl_http_parse(data, size, BODY_MAX, &whole) != 200) {
        return 0;
    }
    MDL_ASSERT(whole.size > 0 && whole.size <= size && whole.size <= MDL_HTTP_HEAD_MAX);
    MDL_ASSERT(whole.path[0] == '/' && memchr(whole.path, '\0', sizeof whole.path) != NULL);
    MDL_ASSERT(mdl_http_parse(data, whole.size, BODY_MAX, &again) == 200);
    MDL_ASSERT(again.size == whole.size && again.head == whole.head && again.keep_alive == whole.keep_alive);
    MDL_ASSERT(strcmp(again.path, whole.path) == 0);
    MDL_ASSERT(whole.body_size <= (whole.post ? BODY_MAX : 0) && again.body_size == whole.body_size);
    for (size_t cut = whole.size - 1; cut > 0; cut /= 2) {
        MDL_ASSERT(mdl_http_parse(data, cut, BODY_MAX, &again) == 0);
    }
    return 0;
}
