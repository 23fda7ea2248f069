/* Answers of an HTTP server, over a socket. The first byte says how: which request, the limit of the body, and whether
 * the rest stands behind a right first line.
 *   What is taken has the bytes that its head promised, or all up to the end of the connection; never more than the
 *   limit; and a NUL behind them.
 *   What is refused leaves nothing, and a sentence. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/assert.h"
#include "runtime/http_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1 << 15 };

static const char line[] = "HTTP/1.1 200 OK\r\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t sent[ROOM + sizeof line];
    mdl_http_client c = {.host = "127.0.0.1", .port = "1", .authority = "a", .fd = -1};
    char error[1024] = "", type[64] = "";
    uint8_t *bytes = NULL;
    size_t got = 0, length = 0, limit;
    int pair[2], status = 0;
    if (size == 0)
        return 0;
    limit = data[0] & 4 ? 64 : ROOM;
    if (data[0] & 1) {
        length = sizeof line - 1;
        memcpy(sent, line, length);
    }
    size = size - 1 < ROOM ? size - 1 : ROOM;
    if (size > 0)
        memcpy(sent + length, data + 1, size);
    length += size;
    /* An answer that holds nothing, or is put off, would be asked for again: once is enough. */
    MDL_ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    MDL_ASSERT(send(pair[1], sent, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length || length == 0);
    MDL_ASSERT(shutdown(pair[1], SHUT_WR) == 0);
    c.fd = pair[0];
    c.answer_ms = 10000;
    mdl_err err = mdl_http_post(&c, "x", "b", 1, limit, &status, type, &bytes, &got, error, sizeof error);
    if (err == MDL_OK) {
        const uint8_t *end = NULL;
        for (size_t i = 0; i + 4 <= length && !end; i++)
            end = memcmp(sent + i, "\r\n\r\n", 4) == 0 ? sent + i + 4 : NULL;
        MDL_ASSERT(end && bytes && got <= limit && bytes[got] == 0 && status >= 0 && status <= 999);
        MDL_ASSERT(got <= (size_t)(sent + length - end) && memcmp(bytes, end, got) == 0);
        MDL_ASSERT(memchr(type, 0, sizeof type) != NULL);
    } else {
        MDL_ASSERT(!bytes && error[0] != 0 && memchr(error, 0, sizeof error) != NULL);
    }
    free(bytes);
    mdl_http_client_close(&c);
    close(pair[1]);
    return 0;
}
