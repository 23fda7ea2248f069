#include "runtime/websocket.h"

#include <mbedtls/sha1.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/base64.h"
#include "runtime/http_text.h"

enum { SHORT_MAX = 125, TWO_BYTES = 126, EIGHT_BYTES = 127, RANDOM = 16 };

/* ---- frames ---- */

int mdl_ws_frame_read(const uint8_t *bytes, size_t size, mdl_ws_frame *out) {
    if (size < 1) {
        return 0;
    }
    unsigned opcode = bytes[0] & 15u, control = opcode & 8u;
    out->opcode = (mdl_ws_opcode)opcode;
    out->final = bytes[0] >> 7;
    if ((bytes[0] & 0x70) || (control ? opcode > MDL_WS_PONG || !out->final : opcode != 0 && opcode != MDL_WS_BINARY)) {
        return -1;
    }
    if (size < 2) {
        return 0;
    }
    unsigned length = bytes[1] & 127u;
    out->masked = bytes[1] >> 7;
    if (control && length > SHORT_MAX) {
        return -1;
    }
    size_t extra = length == EIGHT_BYTES ? 8 : length == TWO_BYTES ? 2 : 0;
    out->head = 2 + extra + (out->masked ? 4 : 0);
    if (size < out->head) {
        return 0;
    }
    out->size = extra == 0 ? length : 0;
    for (size_t i = 0; i < extra; i++) {
        out->size = out->size << 8 | bytes[2 + i];
    }
    if ((extra == 2 && out->size <= SHORT_MAX) || (extra == 8 && (out->size <= UINT16_MAX || out->size >> 63))) {
        return -1;
    }
    memset(out->mask, 0, sizeof out->mask);
    if (out->masked) {
        memcpy(out->mask, bytes + 2 + extra, sizeof out->mask);
    }
    return 1;
}

size_t mdl_ws_frame_write(uint8_t out[MDL_WS_HEAD_MAX], const mdl_ws_frame *frame) {
    size_t extra = frame->size > UINT16_MAX ? 8 : frame->size > SHORT_MAX ? 2 : 0;
    uint8_t length = extra == 8 ? EIGHT_BYTES : extra == 2 ? TWO_BYTES : (uint8_t)frame->size;
    out[0] = (uint8_t)(frame->opcode | (frame->final ? 0x80 : 0));
    out[1] = (uint8_t)(length | (frame->masked ? 0x80 : 0));
    for (size_t i = 0; i < extra; i++) {
        out[2 + i] = (uint8_t)(frame->size >> (8 * (extra - 1 - i)));
    }
    if (frame->masked) {
        memcpy(out + 2 + extra, frame->mask, sizeof frame->mask);
    }
    return 2 + extra + (frame->masked ? sizeof frame->mask : 0);
}

void mdl_ws_mask(uint8_t *bytes, size_t size, const uint8_t mask[4], uint64_t offset) {
    uint8_t turned[4];
    for (size_t i = 0; i < 4; i++) {
        turned[i] = mask[(offset + i) & 3];
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= turned[i & 3];
    }
}

/* ---- keys ---- */

void mdl_ws_key(const uint8_t random[RANDOM], char key[MDL_WS_KEY_CHARS + 1]) {
    mdl_text_out out = {key, MDL_WS_KEY_CHARS, 0};
    mdl_base64_put(&out, random, RANDOM);
    key[MDL_WS_KEY_CHARS] = 0;
}

void mdl_ws_accept(const char key[MDL_WS_KEY_CHARS], char accept[MDL_WS_ACCEPT_CHARS + 1]) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, section 1.3 */
    uint8_t text[MDL_WS_KEY_CHARS + sizeof guid - 1], digest[20];
    memcpy(text, key, MDL_WS_KEY_CHARS);
    memcpy(text + MDL_WS_KEY_CHARS, guid, sizeof guid - 1);
    MDL_ASSERT(mbedtls_sha1_ret(text, sizeof text, digest) == 0);
    mdl_text_out out = {accept, MDL_WS_ACCEPT_CHARS, 0};
    mdl_base64_put(&out, digest, sizeof digest);
    accept[MDL_WS_ACCEPT_CHARS] = 0;
}

/* ---- HTTP ---- */

/* The headers that decide; a list counts once its word was found. */
typedef struct headers {
    mdl_http_span key, accept, protocol, version;
    uint32_t hosts, keys, accepts, protocols, versions;
    int upgrade, connection, offered, extensions;
} headers;

static int is_exactly(mdl_http_span s, const char *text) {
    return s.size == strlen(text) && memcmp(s.at, text, s.size) == 0;
}

/* One header line. 0 when it is not well formed or announces a body. */
static int header_line(mdl_http_span line, const char *protocol, headers *h) {
    const char *colon = memchr(line.at, ':', line.size);
    if (!colon || colon == line.at) {
        return 0;
    }
    mdl_http_span name = {line.at, (size_t)(colon - line.at)};
    for (size_t i = 0; i < name.size; i++) {
        if (!mdl_http_is_token(name.at[i])) { /* a folded line begins with a blank */
            return 0;
        }
    }
    mdl_http_span value = mdl_http_trim((mdl_http_span){colon + 1, line.size - name.size - 1});
    for (size_t i = 0; i < value.size; i++) {
        if (((unsigned char)value.at[i] < ' ' && value.at[i] != '\t') || value.at[i] == 127) {
            return 0;
        }
    }
    if (mdl_http_is(name, "host")) {
        h->hosts++;
    } else if (mdl_http_is(name, "upgrade")) {
        h->upgrade |= mdl_http_lists(value, "websocket");
    } else if (mdl_http_is(name, "connection")) {
        h->connection |= mdl_http_lists(value, "upgrade");
    } else if (mdl_http_is(name, "sec-websocket-key")) {
        h->keys++;
        h->key = value;
    } else if (mdl_http_is(name, "sec-websocket-accept")) {
        h->accepts++;
        h->accept = value;
    } else if (mdl_http_is(name, "sec-websocket-version")) {
        h->versions++;
        h->version = value;
    } else if (mdl_http_is(name, "sec-websocket-protocol")) {
        h->protocols++;
        h->protocol = value;
        h->offered |= mdl_http_lists(value, protocol);
    } else if (mdl_http_is(name, "sec-websocket-extensions")) {
        h->extensions = 1;
    } else if (mdl_http_is(name, "transfer-encoding") ||
               (mdl_http_is(name, "content-length") && !mdl_http_is(value, "0"))) {
        return 0;
    }
    return 1;
}

/* All lines after the first. 1: whole; 0: more; -1: bad; -2: too many. */
static int read_headers(mdl_http_span *rest, const char *protocol, headers *h) {
    mdl_http_span line;
    uint32_t lines = 0;
    int whole;
    memset(h, 0, sizeof *h);
    while ((whole = mdl_http_take_line(rest, &line)) > 0 && line.size > 0) {
        if (++lines > MDL_WS_LINES_MAX) {
            return -2;
        }
        if (!header_line(line, protocol, h)) {
            return -1;
        }
    }
    return whole;
}

/* GET path HTTP/1.1 */
static int request_line(mdl_http_span line, const char *path) {
    static const char version[] = " HTTP/1.1", get[] = "GET ";
    const char *blank = memchr(line.at, ' ', line.size);
    if (!blank || blank == line.at) {
        return 400;
    }
    for (const char *c = line.at; c < blank; c++) {
        if (!mdl_http_is_token(*c)) {
            return 400;
        }
    }
    if (line.size < sizeof version - 1 + (size_t)(blank + 1 - line.at)) {
        return 400;
    }
    const char *end = line.at + line.size - (sizeof version - 1);
    if (memcmp(end, version, sizeof version - 1) != 0) {
        return memcmp(end, version, strlen(" HTTP/")) == 0 ? 505 : 400;
    }
    if ((size_t)(blank + 1 - line.at) != sizeof get - 1 || memcmp(line.at, get, sizeof get - 1) != 0) {
        return 405;
    }
    mdl_http_span target = {blank + 1, (size_t)(end - blank - 1)};
    for (size_t i = 0; i < target.size; i++) {
        if (target.at[i] <= ' ' || target.at[i] > '~') {
            return 400;
        }
    }
    /* nng leaves the root out. */
    return is_exactly(target.size > 0 ? target : (mdl_http_span){"/", 1}, path) ? 101 : 404;
}

int mdl_ws_request_read(const uint8_t *bytes, size_t size, const char *path, const char *protocol,
                        char key[MDL_WS_KEY_CHARS + 1], size_t *used) {
    mdl_http_span rest = {(const char *)bytes, size < MDL_WS_HTTP_MAX ? size : MDL_WS_HTTP_MAX}, line;
    headers h;
    int whole = mdl_http_take_line(&rest, &line), status = 101;
    if (whole > 0) {
        status = request_line(line, path);
        whole = status == 101 ? read_headers(&rest, protocol, &h) : 1;
    }
    if (whole < 0) {
        return whole == -2 ? 431 : 400;
    }
    if (status != 101) {
        return status;
    }
    if (whole == 0) {
        return size >= MDL_WS_HTTP_MAX ? 431 : 0;
    }
    if (!h.upgrade || !h.connection || h.versions != 1 || !mdl_http_is(h.version, "13")) {
        return 426;
    }
    uint8_t random[RANDOM];
    if (h.hosts != 1 || h.keys != 1 || !h.offered || h.key.size != MDL_WS_KEY_CHARS ||
        mdl_base64_exact((mdl_text){h.key.at, h.key.size}, random, sizeof random) != MDL_OK) {
        return 400;
    }
    memcpy(key, h.key.at, MDL_WS_KEY_CHARS);
    key[MDL_WS_KEY_CHARS] = 0;
    *used = (size_t)(rest.at - (const char *)bytes);
    return 101;
}

int mdl_ws_answer_read(const uint8_t *bytes, size_t size, const char *accept, const char *protocol, size_t *used) {
    static const char version[] = "HTTP/1.";
    mdl_http_span rest = {(const char *)bytes, size < MDL_WS_HTTP_MAX ? size : MDL_WS_HTTP_MAX}, line;
    headers h;
    int whole = mdl_http_take_line(&rest, &line), status = 0;
    if (whole > 0) { /* HTTP/1.1 101 reason */
        const char *l = line.at;
        if (line.size < 12 || memcmp(l, version, sizeof version - 1) != 0 || l[7] < '0' || l[7] > '9' || l[8] != ' ' ||
            (line.size > 12 && l[12] != ' ')) {
            return -1;
        }
        for (size_t i = 9; i < 12; i++) {
            if (l[i] < '0' || l[i] > '9') {
                return -1;
            }
            status = status * 10 + (l[i] - '0');
        }
        if (status < 100) {
            return -1;
        }
        if (status != 101) {
            return status;
        }
        whole = read_headers(&rest, protocol, &h);
    }
    if (whole <= 0) {
        return whole < 0 || size >= MDL_WS_HTTP_MAX ? -1 : 0;
    }
    if (!h.upgrade || !h.connection || h.accepts != 1 || !is_exactly(h.accept, accept) || h.protocols != 1 ||
        !is_exactly(h.protocol, protocol) || h.extensions) {
        return -1;
    }
    *used = (size_t)(rest.at - (const char *)bytes);
    return 101;
}
