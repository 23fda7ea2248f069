#include "protocol/scan.h"

#include <string.h>

int mdl_scan_literal(mdl_scan *s, const char *text) {
    size_t length = strlen(text);
    if ((size_t)(s->end - s->at) < length || memcmp(s->at, text, length) != 0) {
        return 0;
    }
    s->at += length;
    return 1;
}

static int is_digit(int byte) { return byte >= '0' && byte <= '9'; }

int mdl_scan_u64(mdl_scan *s, uint64_t *out) {
    const uint8_t *start = s->at;
    uint64_t v = 0;
    while (is_digit(mdl_scan_peek(s))) {
        uint64_t digit = (uint64_t)(*s->at++ - '0');
        if (v > (UINT64_MAX - digit) / 10) {
            return 0;
        }
        v = v * 10 + digit;
    }
    *out = v;
    return s->at > start && (*start != '0' || s->at == start + 1);
}

int mdl_scan_i64(mdl_scan *s, int64_t *out) {
    int negative = mdl_scan_char(s, '-');
    uint64_t v, magnitude_max = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    if (!mdl_scan_u64(s, &v) || v > magnitude_max || (negative && v == 0)) {
        return 0;
    }
    *out = (int64_t)(negative ? 0 - v : v);
    return 1;
}

/* 0..15, or 16 where the byte is no lower-case digit. */
static const uint8_t nibble[256] = {
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 10, 11, 12, 13, 14, 15, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
};

int mdl_scan_hex(mdl_scan *s, uint8_t *out, size_t size) {
    if ((size_t)(s->end - s->at) / 2 < size) {
        return 0;
    }
    uint32_t all = 0;
    for (size_t i = 0; i < size; i++) {
        uint32_t high = nibble[s->at[2 * i]], low = nibble[s->at[2 * i + 1]];
        all |= high | low;
        out[i] = (uint8_t)(high << 4 | low);
    }
    s->at += 2 * size;
    return all <= 15;
}

/* Length of the well-formed UTF-8 character at `at`, which is no control
 * character (C0, DEL, C1); 0: none. RFC 3629: shortest form, no surrogates. */
static size_t character(const uint8_t *at, const uint8_t *end) {
    static const uint32_t smallest[5] = {0, 0, 0xa0, 0x800, 0x10000};
    if (*at < 0x80) {
        return *at >= 0x20 && *at != 0x7f;
    }
    size_t length = *at < 0xc0 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : *at < 0xf8 ? 4 : 0;
    if (length == 0 || (size_t)(end - at) < length) {
        return 0;
    }
    uint32_t code = *at & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (at[i] & 0x3fu);
    }
    return code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : length;
}

long mdl_scan_text(mdl_scan *s, char *out, size_t max, int note) {
    size_t size = 0;
    for (;;) {
        int byte = mdl_scan_peek(s);
        if (byte < 0 || (!note && byte >= 0x7f)) {
            return -1;
        }
        if (byte == '"') {
            s->at++;
            out[size] = '\0';
            return (long)size;
        }
        const uint8_t *from = s->at;
        size_t length;
        static const uint8_t newline = '\n';
        if (byte == '\\') {
            if (s->end - s->at < 2) {
                return -1;
            }
            uint8_t escaped = s->at[1];
            from = escaped == '"' || escaped == '\\' ? s->at + 1 : note && escaped == 'n' ? &newline : NULL;
            if (!from) {
                return -1;
            }
            s->at += 2;
            length = 1;
        } else {
            length = character(s->at, s->end);
            if (length == 0) {
                return -1;
            }
            s->at += length;
        }
        if (length > max - size) {
            return -2;
        }
        memcpy(out + size, from, length);
        size += length;
    }
}

void mdl_print_bytes(mdl_print *p, const void *bytes, size_t size) {
    if (p->full || (size_t)(p->end - p->at) < size) {
        p->full = 1;
        return;
    }
    if (size > 0) {
        memcpy(p->at, bytes, size);
        p->at += size;
    }
}

void mdl_print_literal(mdl_print *p, const char *text) { mdl_print_bytes(p, text, strlen(text)); }

void mdl_print_u64(mdl_print *p, uint64_t v) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    mdl_print_bytes(p, digits + at, sizeof digits - at);
}

void mdl_print_i64(mdl_print *p, int64_t v) {
    if (v < 0) {
        mdl_print_literal(p, "-");
    }
    mdl_print_u64(p, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void mdl_print_hex(mdl_print *p, const uint8_t *bytes, size_t size) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        char pair[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
        mdl_print_bytes(p, pair, sizeof pair);
    }
}

int mdl_print_text(mdl_print *p, const char *text, int note) {
    const uint8_t *at = (const uint8_t *)text, *end = at + strlen(text);
    mdl_print_literal(p, "\"");
    while (at < end) {
        size_t length = 1;
        if (*at == '\n' && note) {
            mdl_print_literal(p, "\\n");
        } else if (*at == '"' || *at == '\\') {
            char pair[2] = {'\\', (char)*at};
            mdl_print_bytes(p, pair, sizeof pair);
        } else {
            length = note || *at < 0x7f ? character(at, end) : 0;
            if (length == 0) {
                return 0;
            }
            mdl_print_bytes(p, at, length);
        }
        at += length;
    }
    mdl_print_literal(p, "\"");
    return 1;
}
