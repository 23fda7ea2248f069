#include "runtime/http_request.h"

#include <string.h>

#include "runtime/http_text.h"

static int request_line(mdl_http_span line, size_t body_max, mdl_http_request *out) {
    const char *blank = memchr(line.at, ' ', line.size);
    if (!blank || blank == line.at) {
        return 400;
    }
    mdl_http_span method = {line.at, (size_t)(blank - line.at)};
    for (size_t i = 0; i < method.size; i++) {
        if (!mdl_http_is_token(method.at[i])) {
            return 400;
        }
    }
    mdl_http_span target = {blank + 1, line.size - method.size - 1};
    blank = memchr(target.at, ' ', target.size);
    if (!blank) {
        return 400;
    }
    mdl_http_span version = {blank + 1, target.size - (size_t)(blank - target.at) - 1};
    target.size = (size_t)(blank - target.at);
    if (version.size != 8 || memcmp(version.at, "HTTP/", 5) != 0 || version.at[5] < '0' || version.at[5] > '9' ||
        version.at[6] != '.' || version.at[7] < '0' || version.at[7] > '9') {
        return 400;
    }
    if (version.at[5] != '1') {
        return 505;
    }
    out->keep_alive = version.at[7] != '0';
    out->head = method.size == 4 && memcmp(method.at, "HEAD", 4) == 0;
    out->post = body_max > 0 && method.size == 4 && memcmp(method.at, "POST", 4) == 0;
    if (!out->head && !out->post && (method.size != 3 || memcmp(method.at, "GET", 3) != 0)) {
        return 405;
    }
    if (target.size == 0 || *target.at != '/') {
        return 400;
    }
    if (target.size >= MDL_HTTP_PATH_MAX) {
        return 414;
    }
    for (size_t i = 0; i < target.size; i++) {
        if (target.at[i] <= ' ' || target.at[i] > '~') {
            return 400;
        }
    }
    memcpy(out->path, target.at, target.size);
    out->path[target.size] = 0;
    return 200;
}

typedef struct headers {
    uint32_t hosts, lengths;
    size_t body_max;
} headers;

/* The length of a body. Digits alone, and one such line. */
static int length_line(mdl_http_span value, headers *h, mdl_http_request *out) {
    if (value.size == 0 || value.size > 18 || h->lengths++ > 0) {
        return 400;
    }
    out->body_size = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (value.at[i] < '0' || value.at[i] > '9') {
            return 400;
        }
        out->body_size = 10 * out->body_size + (size_t)(value.at[i] - '0');
    }
    if (!out->post) {
        return out->body_size == 0 ? 200 : 400;
    }
    return out->body_size <= h->body_max ? 200 : 413;
}

/* One header line. */
static int header_line(mdl_http_span line, headers *h, mdl_http_request *out) {
    const char *colon = memchr(line.at, ':', line.size);
    if (!colon || colon == line.at) {
        return 400;
    }
    mdl_http_span name = {line.at, (size_t)(colon - line.at)};
    for (size_t i = 0; i < name.size; i++) {
        if (!mdl_http_is_token(name.at[i])) { /* a folded line begins with a blank */
            return 400;
        }
    }
    mdl_http_span value = mdl_http_trim((mdl_http_span){colon + 1, line.size - name.size - 1});
    for (size_t i = 0; i < value.size; i++) {
        if (((unsigned char)value.at[i] < ' ' && value.at[i] != '\t') || value.at[i] == 127) {
            return 400;
        }
    }
    if (mdl_http_is(name, "host")) {
        h->hosts++;
    } else if (mdl_http_is(name, "transfer-encoding")) {
        return 400;
    } else if (mdl_http_is(name, "content-length")) {
        return length_line(value, h, out);
    } else if (mdl_http_is(name, "connection")) {
        if (mdl_http_lists(value, "close")) {
            out->keep_alive = 0;
        }
    }
    return 200;
}

int mdl_http_parse(const uint8_t *bytes, size_t size, size_t body_max, mdl_http_request *out) {
    mdl_http_span rest = {(const char *)bytes, size < MDL_HTTP_HEAD_MAX ? size : MDL_HTTP_HEAD_MAX}, line;
    int whole = mdl_http_take_line(&rest, &line);
    uint32_t count = 0;
    headers h = {0, 0, body_max};
    int status = 200;
    out->body_size = 0;
    if (whole > 0) {
        status = request_line(line, body_max, out);
        int needs_host = out->keep_alive;
        while (status == 200 && (whole = mdl_http_take_line(&rest, &line)) > 0 && line.size > 0) {
            status = ++count > MDL_HTTP_HEADERS_MAX ? 431 : header_line(line, &h, out);
        }
        if (status == 200 && whole > 0 && (h.hosts > 1 || (needs_host && h.hosts == 0))) {
            status = 400;
        }
        if (status == 200 && whole > 0 && out->post && h.lengths == 0) {
            status = 411;
        }
    }
    if (status != 200 || whole < 0) {
        return status != 200 ? status : 400;
    }
    if (whole == 0) {
        return size >= MDL_HTTP_HEAD_MAX ? 431 : 0;
    }
    out->size = (size_t)(rest.at - (const char *)bytes);
    return 200;
}
