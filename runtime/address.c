#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/digest.h"
#include "protocol/text_scan.h"
#include "runtime/transport_internal.h"

enum { KEY_BYTES = 32, PORT_MAX = 65535, NEWS_SUFFIX = 5 };

static const struct scheme {
    const char *prefix;
    mdl_scheme scheme;
} schemes[] = {
    {"tcp://", MDL_TCP},
    {"tls+tcp://", MDL_TLS},
    {"ws://", MDL_WS},
    {"ipc://", MDL_IPC},
};

static const struct scheme *scheme_of(const char *url) {
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strncmp(url, schemes[i].prefix, strlen(schemes[i].prefix)) == 0) {
            return &schemes[i];
        }
    }
    return NULL;
}

static int has_port(mdl_scheme s) { return s == MDL_TCP || s == MDL_TLS || s == MDL_WS; }

mdl_scheme mdl_address_scheme(const char *url) { return scheme_of(url)->scheme; }

/* Where host and port stand in a url. 1, or 0 when they cannot be told apart. */
typedef struct authority {
    const char *host, *port, *end; /* host may be in brackets; end of the port */
    size_t host_size;
} authority;

static int split(const char *url, authority *a) {
    const char *at = url + strlen(scheme_of(url)->prefix);
    a->end = at + strcspn(at, "/");
    a->host = at;
    if (*at == '[') {
        const char *close = memchr(at, ']', (size_t)(a->end - at));
        if (!close || close + 1 >= a->end || close[1] != ':') {
            return 0;
        }
        a->port = close + 2;
    } else {
        const char *colon = memchr(at, ':', (size_t)(a->end - at));
        if (!colon) {
            return 0;
        }
        a->port = colon + 1;
    }
    a->host_size = (size_t)(a->port - 1 - at);
    return 1;
}

static mdl_err port_of(const authority *a, uint64_t *port) {
    mdl_text digits = {a->port, (size_t)(a->end - a->port)};
    return mdl_text_decimal(digits, PORT_MAX, port);
}

mdl_err mdl_address_host(const char *url, char *out, size_t out_size) {
    authority a;
    if (!has_port(mdl_address_scheme(url)) || !split(url, &a)) {
        return MDL_ESYNTAX;
    }
    int bracket = *a.host == '[';
    size_t size = a.host_size - (bracket ? 2 : 0);
    if (size >= out_size) {
        return MDL_ESIZE;
    }
    memcpy(out, a.host + bracket, size);
    out[size] = 0;
    return MDL_OK;
}

int32_t mdl_address_port(const char *url) {
    authority a;
    uint64_t port;
    if (!has_port(mdl_address_scheme(url)) || !split(url, &a) || port_of(&a, &port) != MDL_OK) {
        return -1;
    }
    return (int32_t)port;
}

mdl_err mdl_address_with_port(const char *url, uint32_t port, char out[MDL_URL_MAX]) {
    authority a;
    if (!split(url, &a)) {
        return MDL_ESYNTAX;
    }
    int n = snprintf(out, MDL_URL_MAX, "%.*s%u%s", (int)(a.port - url), url, (unsigned)port, a.end);
    return n > 0 && n < MDL_URL_MAX ? MDL_OK : MDL_ESIZE;
}

static int all_in(const char *at, size_t size, const char *extra) {
    for (size_t i = 0; i < size; i++) {
        char c = at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr(extra, c))) {
            return 0;
        }
    }
    return size > 0;
}

/* Host, port and path of a tcp, tls+tcp or ws address. */
static mdl_err check_authority(const char *text, const char *url, mdl_scheme scheme, char *error, size_t error_size) {
    authority a;
    if (!split(url, &a)) {
        snprintf(error, error_size, "%s has no port: write host:port, an IPv6 address in brackets", text);
        return MDL_ESYNTAX;
    }
    int bracket = *a.host == '[';
    int any = a.host_size == 1 && *a.host == '*';
    if (bracket ? !all_in(a.host + 1, a.host_size - 2, ":.") : !any && !all_in(a.host, a.host_size, "-._")) {
        snprintf(error, error_size, "%s has no valid host: a name, an IPv4 address, an IPv6 address in brackets or *",
                 text);
        return MDL_ESYNTAX;
    }
    uint64_t port;
    if (port_of(&a, &port) != MDL_OK || port == PORT_MAX) {
        snprintf(error, error_size, "%s: the port is a number from 0 to %d (news use the one after it)", text,
                 PORT_MAX - 1);
        return MDL_ESYNTAX;
    }
    if (scheme != MDL_WS && *a.end) {
        snprintf(error, error_size, "%s: nothing follows the port but #key", text);
        return MDL_ESYNTAX;
    }
    if (scheme == MDL_WS && *a.end && !all_in(a.end, strlen(a.end), "/-._~")) {
        snprintf(error, error_size, "%s: the path is made of letters, digits and / - . _ ~", text);
        return MDL_ESYNTAX;
    }
    return MDL_OK;
}

static mdl_err take_key(const char *text, const char *hash, uint8_t key[KEY_BYTES], char *error, size_t error_size) {
    if (mdl_unhex(hash + 1, key, KEY_BYTES) != MDL_OK) {
        memset(key, 0, KEY_BYTES);
        snprintf(error, error_size, "%s: the key after # is 64 hexadecimal digits, in lower case", text);
        return MDL_ESYNTAX;
    }
    return MDL_OK;
}

/* Addresses of sentences are cut: they may be long, and are somebody's input. */
static void shorten(const char *text, char out[96]) {
    size_t size = strnlen(text, 92), i;
    for (i = 0; i < size; i++) {
        out[i] = text[i] > ' ' && text[i] < 127 ? text[i] : '?';
    }
    memcpy(out + i, text[i] ? "..." : "", text[i] ? 4 : 1);
    if (i == 0) {
        memcpy(out, "\"\"", 3);
    }
}

mdl_err mdl_address_parse(const char *text, char url[MDL_URL_MAX], char news[MDL_URL_MAX], uint8_t key[32],
                          int *has_key, char *error, size_t error_size) {
    char shown[96];
    shorten(text, shown);
    memset(key, 0, KEY_BYTES);
    *has_key = 0;
    url[0] = news[0] = 0;
    const char *hash = strchr(text, '#');
    size_t size = hash ? (size_t)(hash - text) : strnlen(text, MDL_URL_MAX);
    if (size + NEWS_SUFFIX >= MDL_URL_MAX) {
        snprintf(error, error_size, "%s is too long: an address has at most %d characters", shown,
                 MDL_URL_MAX - NEWS_SUFFIX - 1);
        return MDL_ESYNTAX;
    }
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 127) {
            snprintf(error, error_size, "%s: an address has no blanks and no control characters", shown);
            return MDL_ESYNTAX;
        }
    }
    const struct scheme *scheme = scheme_of(text);
    if (!scheme) {
        snprintf(error, error_size,
                 "%s is no address: write tcp://host:port, tls+tcp://host:port, ws://host:port/path or ipc://path",
                 shown);
        return MDL_ESYNTAX;
    }
    char plain[MDL_URL_MAX];
    memcpy(plain, text, size);
    plain[size] = 0;
    mdl_err e = MDL_OK;
    if (has_port(scheme->scheme)) {
        e = check_authority(shown, plain, scheme->scheme, error, error_size);
    } else if (plain[strlen(scheme->prefix)] == 0) {
        snprintf(error, error_size, "%s: a path follows %s", shown, scheme->prefix);
        e = MDL_ESYNTAX;
    }
    if (e == MDL_OK && hash) {
        e = take_key(shown, hash, key, error, error_size);
    }
    if (e != MDL_OK) {
        return e;
    }
    memcpy(url, plain, size + 1);
    if (has_port(scheme->scheme)) {
        /* Port 0 lets the system choose, for both. */
        int32_t port = mdl_address_port(url);
        e = mdl_address_with_port(url, port == 0 ? 0 : (uint32_t)port + 1, news);
    } else {
        memcpy(news, plain, size);
        memcpy(news + size, ".news", NEWS_SUFFIX + 1);
    }
    *has_key = hash != NULL;
    return e;
}
