#include "protocol/json_scan.h"

#include <stdio.h>
#include <string.h>

#include "core/assert.h"

/* Where the scanner stands: the open objects and lists, and what may come next. */
typedef struct level {
    const uint8_t *key; /* of the member being read; NULL in a list */
    size_t key_size;
    uint32_t index; /* of the element being read, in a list */
    int is_list;
} level;

typedef enum expect { VALUE, VALUE_OR_CLOSE, KEY, KEY_OR_CLOSE, COLON, COMMA_OR_CLOSE, END } expect;

typedef struct scanner {
    const uint8_t *text;
    size_t size, at;
    level stack[MDL_JSON_DEPTH_MAX];
    uint32_t depth;
    mdl_json_error *err;
} scanner;

void mdl_json_printable(char *out, size_t capacity, const void *text, size_t size) {
    MDL_ASSERT(capacity >= 8);
    const uint8_t *bytes = text;
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        if ((bytes[i] & 0xC0u) == 0x80u) {
            continue; /* the character is already shown as one '?' */
        }
        if (n + 1 == capacity) {
            memcpy(out + n - 3, "...", 3);
            break;
        }
        out[n++] = bytes[i] >= 0x20 && bytes[i] < 0x7F ? (char)bytes[i] : '?';
    }
    out[n] = 0;
}

mdl_err mdl_json_fail(mdl_json_error *err, mdl_err code, const char *path, const char *value, const char *allowed) {
    if (err) {
        memset(err, 0, sizeof *err);
        err->code = code;
        mdl_json_printable(err->path, sizeof err->path, path, strlen(path));
        mdl_json_printable(err->value, sizeof err->value, value, strlen(value));
        mdl_json_printable(err->allowed, sizeof err->allowed, allowed, strlen(allowed));
    }
    return code;
}

void mdl_json_error_format(const mdl_json_error *err, const char *file, char *out, size_t size) {
    const char *open = err->path[0] ? " (" : "", *close = err->path[0] ? ")" : "";
    if (err->line > 0) {
        snprintf(out, size, "%s: line %u, column %u%s%s%s: found %s; allowed: %s", file, err->line, err->column, open,
                 err->path, close, err->value, err->allowed);
    } else {
        snprintf(out, size, "%s: %s is %s; allowed: %s", file, err->path[0] ? err->path : "the file", err->value,
                 err->allowed);
    }
}

static void append(char *out, size_t capacity, size_t *n, const char *text, size_t size) {
    if (*n + 8 < capacity) {
        mdl_json_printable(out + *n, capacity - *n, text, size);
        *n += strlen(out + *n);
    }
}

static void path_here(const scanner *s, char *out, size_t capacity) {
    size_t n = 0;
    out[0] = 0;
    for (uint32_t d = 0; d < s->depth; d++) {
        const level *l = &s->stack[d];
        if (l->is_list) {
            char number[16];
            int len = snprintf(number, sizeof number, "[%u]", l->index);
            append(out, capacity, &n, number, (size_t)len);
        } else if (l->key) {
            append(out, capacity, &n, ".", n > 0 ? 1 : 0);
            append(out, capacity, &n, (const char *)l->key, l->key_size);
        }
    }
}

static int is_word(uint8_t c) {
    uint8_t lower = c | 32u;
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || memchr("+-._", c, 4) != NULL;
}

/* Report what stands at `s->at`: a word, a character, or the end. */
static mdl_err fail(scanner *s, mdl_err code, const char *allowed) {
    char path[128] = "", value[64] = "the end of the file";
    path_here(s, path, sizeof path);
    if (s->at < s->size) {
        size_t end = s->at;
        while (end < s->size && end - s->at < 32 && is_word(s->text[end])) {
            end++;
        }
        if (end > s->at) {
            mdl_json_printable(value, sizeof value, s->text + s->at, end - s->at);
        } else if (s->text[s->at] > 0x20 && s->text[s->at] < 0x7F) {
            snprintf(value, sizeof value, "'%c'", s->text[s->at]);
        } else {
            snprintf(value, sizeof value, "byte 0x%02X", s->text[s->at]);
        }
    }
    mdl_json_fail(s->err, code, path, value, allowed);
    s->err->line = s->err->column = 1;
    for (size_t i = 0; i < s->at; i++) {
        if (s->text[i] == '\n') {
            s->err->line++;
            s->err->column = 1;
        } else if ((s->text[i] & 0xC0u) != 0x80u) {
            s->err->column++;
        }
    }
    return code;
}

/* Length of the UTF-8 sequence at `at`, 0 if ill formed (Unicode table 3-7:
 * no overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t utf8_length(const uint8_t *t, size_t left) {
    uint8_t b = t[0], low = 0x80, high = 0xBF;
    size_t n;
    if (b < 0x80) {
        return 1;
    }
    if (b >= 0xC2 && b <= 0xDF) {
        n = 2;
    } else if (b >= 0xE0 && b <= 0xEF) {
        n = 3;
        low = b == 0xE0 ? 0xA0 : 0x80;
        high = b == 0xED ? 0x9F : 0xBF;
    } else if (b >= 0xF0 && b <= 0xF4) {
        n = 4;
        low = b == 0xF0 ? 0x90 : 0x80;
        high = b == 0xF4 ? 0x8F : 0xBF;
    } else {
        return 0;
    }
    if (left < n || t[1] < low || t[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if ((t[i] & 0xC0u) != 0x80u) {
            return 0;
        }
    }
    return n;
}

/* Four hexadecimal digits at `s->at`, or -1. */
static int32_t hex4(const scanner *s) {
    if (s->size - s->at < 4) {
        return -1;
    }
    int32_t v = 0;
    for (size_t i = 0; i < 4; i++) {
        uint8_t c = s->text[s->at + i];
        int32_t digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0) {
            return -1;
        }
        v = v * 16 + digit;
    }
    return v;
}

/* After the 'u' of an escape. Surrogates only in pairs, and no NUL: a C string
 * could not hold it. */
static mdl_err scan_unicode_escape(scanner *s) {
    int32_t high = hex4(s);
    if (high <= 0 || (high >= 0xDC00 && high <= 0xDFFF)) {
        return fail(s, MDL_ESYNTAX, "four hexadecimal digits, not 0000 and not half a surrogate pair");
    }
    s->at += 4;
    if (high >= 0xD800 && high <= 0xDBFF) {
        int32_t low = -1;
        if (s->size - s->at >= 6 && s->text[s->at] == '\\' && s->text[s->at + 1] == 'u') {
            s->at += 2;
            low = hex4(s);
        }
        if (low < 0xDC00 || low > 0xDFFF) {
            return fail(s, MDL_ESYNTAX, "the second half of a surrogate pair");
        }
        s->at += 4;
    }
    return MDL_OK;
}

/* A string, from its opening quote. */
static mdl_err scan_string(scanner *s) {
    s->at++;
    while (s->at < s->size && s->text[s->at] != '"') {
        uint8_t c = s->text[s->at];
        if (c < 0x20) {
            return fail(s, MDL_ESYNTAX, "no control character inside a string");
        }
        if (c != '\\') {
            s->at++;
            continue;
        }
        s->at++;
        if (s->at < s->size && s->text[s->at] == 'u') {
            s->at++;
            mdl_err e = scan_unicode_escape(s);
            if (e) {
                return e;
            }
        } else if (s->at < s->size && memchr("\"\\/bfnrt", s->text[s->at], 8)) {
            s->at++;
        } else {
            return fail(s, MDL_ESYNTAX, "an escape: one of \" \\ / b f n r t u");
        }
    }
    if (s->at == s->size) {
        return fail(s, MDL_ESYNTAX, "a closing quote");
    }
    s->at++;
    return MDL_OK;
}

static size_t scan_digits(const scanner *s, size_t at) {
    while (at < s->size && s->text[at] >= '0' && s->text[at] <= '9') {
        at++;
    }
    return at;
}

static mdl_err scan_number(scanner *s) {
    size_t start = s->at, at = s->at + (s->text[s->at] == '-'), digits = at;
    at = scan_digits(s, at);
    int ok = at > digits && (s->text[digits] != '0' || at == digits + 1);
    if (ok && at < s->size && s->text[at] == '.') {
        digits = ++at;
        at = scan_digits(s, at);
        ok = at > digits;
    }
    if (ok && at < s->size && (s->text[at] | 32) == 'e') {
        at++;
        at += at < s->size && (s->text[at] == '+' || s->text[at] == '-');
        digits = at;
        at = scan_digits(s, at);
        ok = at > digits;
    }
    if (!ok) {
        return fail(s, MDL_ESYNTAX,
                    "a JSON number: digits without leading zeros, then .digits and e+digits if need be");
    }
    if (at - start > MDL_JSON_NUMBER_MAX) {
        return fail(s, MDL_ESIZE, "a number of at most 63 characters");
    }
    s->at = at;
    return MDL_OK;
}

static mdl_err scan_word(scanner *s, const char *word) {
    size_t n = strlen(word);
    if (s->size - s->at < n || memcmp(s->text + s->at, word, n) != 0) {
        return fail(s, MDL_ESYNTAX, "a value: object, list, string, number, true, false or null");
    }
    s->at += n;
    return MDL_OK;
}

/* A value's first character; opens a level or reads a scalar. */
static mdl_err scan_value(scanner *s, expect *next) {
    uint8_t c = s->text[s->at];
    *next = COMMA_OR_CLOSE;
    switch (c) {
    case '{':
    case '[':
        if (s->depth == MDL_JSON_DEPTH_MAX) {
            return fail(s, MDL_ESIZE, "at most 16 nested objects and lists");
        }
        s->stack[s->depth++] = (level){.is_list = c == '['};
        *next = c == '[' ? VALUE_OR_CLOSE : KEY_OR_CLOSE;
        s->at++;
        return MDL_OK;
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        if (c == '-' || (c >= '0' && c <= '9')) {
            return scan_number(s);
        }
        return scan_word(s, "true"); /* reports */
    }
}

static mdl_err scan_token(scanner *s, expect *next) {
    uint8_t c = s->text[s->at];
    level *top = s->depth > 0 ? &s->stack[s->depth - 1] : NULL;
    int closes = *next == VALUE_OR_CLOSE || *next == KEY_OR_CLOSE || *next == COMMA_OR_CLOSE;
    if (closes && top && c == (top->is_list ? ']' : '}')) {
        s->depth--;
        s->at++;
        *next = COMMA_OR_CLOSE;
        return MDL_OK;
    }
    switch (*next) {
    case VALUE:
    case VALUE_OR_CLOSE:
        return scan_value(s, next);
    case KEY:
    case KEY_OR_CLOSE: {
        if (c != '"') {
            return fail(s, MDL_ESYNTAX, *next == KEY ? "a key in quotes" : "a key in quotes, or }");
        }
        size_t start = s->at + 1;
        mdl_err e = scan_string(s);
        if (e) {
            return e;
        }
        top->key = s->text + start;
        top->key_size = s->at - 1 - start;
        *next = COLON;
        return MDL_OK;
    }
    case COLON:
        if (c != ':') {
            return fail(s, MDL_ESYNTAX, "a colon");
        }
        *next = VALUE;
        break;
    case COMMA_OR_CLOSE:
        if (c != ',') {
            return fail(s, MDL_ESYNTAX, top->is_list ? "a comma or ]" : "a comma or }");
        }
        *next = top->is_list ? VALUE : KEY;
        top->index++;
        top->key = NULL; /* what comes next is not the last member's fault */
        break;
    case END:
        return fail(s, MDL_ESYNTAX, "nothing but white space after the value");
    }
    s->at++;
    return MDL_OK;
}

mdl_err mdl_json_scan(const uint8_t *bytes, size_t size, mdl_json_error *err) {
    scanner s = {.text = bytes, .size = size, .err = err};
    while (s.at < size) {
        size_t n = utf8_length(bytes + s.at, size - s.at);
        if (n == 0 || bytes[s.at] == 0) {
            return fail(&s, MDL_ESYNTAX, n ? "no NUL character" : "well-formed UTF-8");
        }
        s.at += n;
    }
    s.at = 0;
    expect next = VALUE;
    for (;;) {
        while (s.at < size && memchr(" \t\r\n", bytes[s.at], 4)) {
            s.at++;
        }
        if (next == COMMA_OR_CLOSE && s.depth == 0) {
            next = END;
        }
        if (s.at == size) {
            break;
        }
        mdl_err e = scan_token(&s, &next);
        if (e) {
            return e;
        }
    }
    if (next == END) {
        return MDL_OK;
    }
    return fail(&s, MDL_ESYNTAX, s.depth > 0 ? "the rest of the JSON text (it is cut off)" : "a JSON object");
}
