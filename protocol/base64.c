#include "protocol/base64.h"

/* libsodium's coder wants room for its terminator and cannot count without
 * decoding; these few lines can do both on views. */
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void mdl_base64_put(mdl_text_out *out, const void *bytes, size_t size) {
    const uint8_t *b = bytes;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t v = (uint32_t)b[i] << 16;
        v |= left > 1 ? (uint32_t)b[i + 1] << 8 : 0;
        v |= left > 2 ? b[i + 2] : 0;
        char c[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63], left > 1 ? alphabet[v >> 6 & 63] : '=',
                     left > 2 ? alphabet[v & 63] : '='};
        mdl_text_put(out, c, sizeof c);
    }
}

/* 0..63, or 64. */
static uint32_t value(char c) {
    if (c >= 'A' && c <= 'Z') {
        return (uint32_t)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (uint32_t)(c - 'a') + 26;
    }
    if (c >= '0' && c <= '9') {
        return (uint32_t)(c - '0') + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

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
    for (size_t i = 0; i < text.size; i += 4) {
        uint32_t v = 0;
        size_t blank = i + 4 == text.size ? pad : 0;
        for (size_t k = 0; k < 4; k++) {
            uint32_t digit = k >= 4 - blank ? 0 : value(text.at[i + k]);
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
