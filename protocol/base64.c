#include "protocol/base64.h"

/* libsodium's coder wants room for its terminator and cannot count without
 * decoding; these few lines can do both on views. */
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void mdl_base64_put(mdl_text_out *out, const void *bytes, size_t size) {
    enum { AT_ONCE = 48 };
    const uint8_t *b = bytes;
    while (size > 0) {
        char c[MDL_BASE64_CHARS(AT_ONCE)];
        size_t take = size < AT_ONCE ? size : AT_ONCE, used = 0, i = 0;
        for (; i + 3 <= take; i += 3, used += 4) {
            uint32_t v = (uint32_t)b[i] << 16 | (uint32_t)b[i + 1] << 8 | b[i + 2];
            c[used] = alphabet[v >> 18];
            c[used + 1] = alphabet[v >> 12 & 63];
            c[used + 2] = alphabet[v >> 6 & 63];
            c[used + 3] = alphabet[v & 63];
        }
        if (i < take) { /* one or two bytes, the last ones */
            uint32_t v = (uint32_t)b[i] << 16 | (i + 1 < take ? (uint32_t)b[i + 1] << 8 : 0);
            c[used] = alphabet[v >> 18];
            c[used + 1] = alphabet[v >> 12 & 63];
            c[used + 2] = i + 1 < take ? alphabet[v >> 6 & 63] : '=';
            c[used + 3] = '=';
            used += 4;
        }
        mdl_text_put(out, c, used);
        b += take;
        size -= take;
    }
}

/* 0..63, or 64 where the byte is no character of the alphabet. */
static const uint8_t value[256] = {
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 64, 64, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61,
    64, 64, 64, 64, 64, 64, 64, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 64, 64, 64, 64, 64, 64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44,
    45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
};

mdl_err mdl_base64_decode(mdl_text text, uint8_t *out, size_t capacity, size_t *size) {
    if (text.size % 4 != 0) {
        return MDL_ESYNTAX;
    }
    size_t pad = 0;
    while (pad < 2 && pad < text.size && text.at[text.size - 1 - pad] == '=') {
        pad++;
    }
    size_t bytes = text.size / 4 * 3 - pad, written = 0;
    if (bytes > capacity) {
        return MDL_ESIZE;
    }
    const uint8_t *from = (const uint8_t *)text.at;
    /* All but the last four, which may be padded. */
    size_t whole = text.size >= 4 ? text.size - 4 : 0;
    uint32_t all = 0; /* over 63: some character is none */
    for (size_t i = 0; i < whole; i += 4, written += 3) {
        uint32_t a = value[from[i]], b = value[from[i + 1]], c = value[from[i + 2]], d = value[from[i + 3]];
        all |= a | b | c | d;
        if (out) {
            out[written] = (uint8_t)(a << 2 | b >> 4);
            out[written + 1] = (uint8_t)(b << 4 | c >> 2);
            out[written + 2] = (uint8_t)(c << 6 | d);
        }
    }
    if (all > 63) {
        return MDL_ESYNTAX;
    }
    for (size_t i = whole; i < text.size; i += 4) {
        uint32_t v = 0;
        size_t blank = pad;
        for (size_t k = 0; k < 4; k++) {
            uint32_t digit = k >= 4 - blank ? 0 : value[from[i + k]];
            if (digit > 63) {
                return MDL_ESYNTAX;
            }
            v = v << 6 | digit;
        }
        if ((v & ((1u << 8 * blank) - 1)) != 0) {
            return MDL_ESYNTAX; /* spare bits */
        }
        for (size_t k = 0; k < 3 - blank; k++, written++) {
            if (out) {
                out[written] = (uint8_t)(v >> (16 - 8 * k));
            }
        }
    }
    *size = bytes;
    return MDL_OK;
}

mdl_err mdl_base64_exact(mdl_text text, uint8_t *out, size_t size) {
    size_t got;
    if (text.size != MDL_BASE64_CHARS(size)) {
        return MDL_ESIZE;
    }
    mdl_err e = mdl_base64_decode(text, out, size, &got);
    return e != MDL_OK ? e : got == size ? MDL_OK : MDL_ESIZE;
}
