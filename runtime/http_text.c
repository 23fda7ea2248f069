#include "runtime/http_text.h"

#include <string.h>

int mdl_http_is_token(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

int mdl_http_is(mdl_http_span s, const char *word) {
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

mdl_http_span mdl_http_trim(mdl_http_span s) {
    while (s.size > 0 && (*s.at == ' ' || *s.at == '\t')) {
        s.at++;
        s.size--;
    }
    while (s.size > 0 && (s.at[s.size - 1] == ' ' || s.at[s.size - 1] == '\t')) {
        s.size--;
    }
    return s;
}

int mdl_http_lists(mdl_http_span s, const char *word) {
    while (s.size > 0) {
        const char *comma = memchr(s.at, ',', s.size);
        size_t n = comma ? (size_t)(comma - s.at) : s.size;
        if (mdl_http_is(mdl_http_trim((mdl_http_span){s.at, n}), word)) {
            return 1;
        }
        n += comma != NULL;
        s.at += n;
        s.size -= n;
    }
    return 0;
}

int mdl_http_take_line(mdl_http_span *rest, mdl_http_span *line) {
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
    *line = (mdl_http_span){rest->at, n - 1};
    rest->at += n + 1;
    rest->size -= n + 1;
    return 1;
}
