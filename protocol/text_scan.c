#include "protocol/text_scan.h"

#include <string.h>

mdl_text mdl_text_of(const char *terminated) { return (mdl_text){terminated, strlen(terminated)}; }

int mdl_text_equal(mdl_text a, mdl_text b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

int mdl_text_line(mdl_text *rest, mdl_text *line) {
    const char *end = rest->size > 0 ? memchr(rest->at, '\n', rest->size) : NULL;
    if (!end) {
        return 0;
    }
    size_t size = (size_t)(end - rest->at);
    *line = (mdl_text){rest->at, size};
    *rest = (mdl_text){end + 1, rest->size - size - 1};
    return 1;
}

int mdl_text_skip(mdl_text *t, const char *prefix) {
    size_t size = strlen(prefix);
    if (t->size < size || memcmp(t->at, prefix, size) != 0) {
        return 0;
    }
    *t = (mdl_text){t->at + size, t->size - size};
    return 1;
}

int mdl_text_rune(mdl_text *t, uint32_t *rune) {
    static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};
    uint8_t first = (uint8_t)t->at[0];
    size_t more = first < 0x80 ? 0 : (first >> 5) == 6 ? 1 : (first >> 4) == 14 ? 2 : (first >> 3) == 30 ? 3 : 4;
    if (more == 4 || t->size <= more) {
        return 0;
    }
    uint32_t v = more == 0 ? first : first & (0x3Fu >> more);
    for (size_t i = 1; i <= more; i++) {
        uint8_t next = (uint8_t)t->at[i];
        if ((next & 0xC0) != 0x80) {
            return 0;
        }
        v = v << 6 | (next & 0x3Fu);
    }
    if (v < least[more] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF)) {
        return 0;
    }
    *t = (mdl_text){t->at + more + 1, t->size - more - 1};
    *rune = v;
    return 1;
}

mdl_err mdl_text_decimal(mdl_text t, uint64_t max, uint64_t *out) {
    if (t.size == 0 || (t.size > 1 && t.at[0] == '0')) {
        return MDL_ESYNTAX;
    }
    uint64_t v = 0;
    int over = 0;
    for (size_t i = 0; i < t.size; i++) {
        if (t.at[i] < '0' || t.at[i] > '9') {
            return MDL_ESYNTAX;
        }
        uint64_t digit = (uint64_t)(t.at[i] - '0');
        over |= digit > max || v > (max - digit) / 10;
        v = over ? 0 : v * 10 + digit;
    }
    if (over) {
        return MDL_ERANGE;
    }
    *out = v;
    return MDL_OK;
}

void mdl_text_put(mdl_text_out *out, const void *bytes, size_t size) {
    if (size > 0 && out->size <= out->capacity && size <= out->capacity - out->size) {
        memcpy(out->at + out->size, bytes, size);
    }
    out->size = size > SIZE_MAX - out->size ? SIZE_MAX : out->size + size;
}

void mdl_text_put_string(mdl_text_out *out, const char *terminated) {
    mdl_text_put(out, terminated, strlen(terminated));
}

void mdl_text_put_decimal(mdl_text_out *out, uint64_t v) {
    char digit[20];
    size_t at = sizeof digit;
    do {
        digit[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    mdl_text_put(out, digit + at, sizeof digit - at);
}

mdl_err mdl_text_end(const mdl_text_out *out, size_t *size) {
    if (out->size > out->capacity) {
        return MDL_ESIZE;
    }
    *size = out->size;
    return MDL_OK;
}
