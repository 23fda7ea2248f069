#include "runtime/http_request.h"

#include <string.h>

typedef struct span {
    const char *at;
    size_t size;
} span;

/* RFC 9110, section 5.6.2. */
static int is_token(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/* `word` is in lower case. */
static int is(span s, const char *word) {
    if (s.size != strlen(word)) {
        return 0;
    }
    for (size_t i = 0; i < s.size; i++) {
        if (lower(s.at[i]) != word[i]) {
            return 0;
        }
    }
    return 1;
}

static span trim(span s) {
    while (s.size > 0 && (*s.at == ' ' || *s.at == '\t')) {
        s.at++;
        s.size--;
    }
    while (s.size > 0 && (s.at[s.size - 1] == ' ' || s.at[s.size - 1] == '\t')) {
        s.size--;
    }
    return s;
}

/* Does a comma-separated list hold the word? */
static int lists(span s, const char *word) {
    while (s.size > 0) {
        const char *comma = memchr(s.at, ',', s.size);
        size_t n = comma ? (size_t)(comma - s.at) : s.size;
        if (is(trim((span){s.at, n}), word)) {
            return 1;
        }
        n += comma != NULL;
        s.at += n;
        s.size -= n;
    }
    return 0;
}

/* Take a line off `rest`. 1; 0: not whole yet; -1: a bare CR, LF or NUL in it. */
static int take_line(span *rest, span *line) {
    const char *lf = memchr(rest->at, '\n', rest->size);
    size_t n = lf ? (size_t)(lf - rest->at) : rest->size;
    if (memchr(rest->at, 0, n)) {
        return -1;
    }
    const char *cr = memchr(rest->at, '\r', n);
    if (!lf) {
        return cr && cr + 1 != rest->at + n ? -1 : 0;
    }
    if (!cr || cr + 1 != lf) {
        return -1;
    }
    *line = (span){rest->at, n - 1};
    rest->at += n + 1;
    rest->size -= n + 1;
    return 1;
}

static int request_line(span line, size_t body_max, mdl_http_request *out) {
    const char *blank = memchr(line.at, ' ', line.size);
    if (!blank || blank == line.at) {
        return 400;
    }
    span method = {line.at, (size_t)(blank - line.at)};
    for (size_t i = 0; i < method.size; i++) {
        if (!is_token(method.at[i])) {
            return 400;
        }
    }
    span target = {blank + 1, line.size - method.size - 1};
    blank = memchr(target.at, ' ', target.size);
    if (!blank) {
        return 400;
    }
    span version = {blank + 1, target.size - (size_t)(blank - target.at) - 1};
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
static int length_line(span value, headers *h, mdl_http_request *out) {
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
static int header_line(span line, headers *h, mdl_http_request *out) {
    const char *colon = memchr(line.at, ':', line.size);
    if (!colon || colon == line.at) {
        return 400;
    }
    span name = {line.at, (size_t)(colon - line.at)};
    for (size_t i = 0; i < name.size; i++) {
        if (!is_token(name.at[i])) { /* a folded line begins with a blank */
            return 400;
        }
    }
    span value = trim((span){colon + 1, line.size - name.size - 1});
    for (size_t i = 0; i < value.size; i++) {
        if (((unsigned char)value.at[i] < ' ' && value.at[i] != '\t') || value.at[i] == 127) {
            return 400;
        }
    }
    if (is(name, "host")) {
        h->hosts++;
    } else if (is(name, "transfer-encoding")) {
        return 400;
    } else if (is(name, "content-length")) {
        return length_line(value, h, out);
    } else if (is(name, "connection")) {
        if (lists(value, "close")) {
            out->keep_alive = 0;
        }
    }
    return 200;
}

int mdl_http_parse(const uint8_t *bytes, size_t size, size_t body_max, mdl_http_request *out) {
    span rest = {(const char *)bytes, size < MDL_HTTP_HEAD_MAX ? size : MDL_HTTP_HEAD_MAX}, line;
    int whole = take_line(&rest, &line);
    uint32_t count = 0;
    headers h = {0, 0, body_max};
    int status = 200;
    out->body_size = 0;
    if (whole > 0) {
        status = request_line(line, body_max, out);
        int needs_host = out->keep_alive;
        while (status == 200 && (whole = take_line(&rest, &line)) > 0 && line.size > 0) {
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
