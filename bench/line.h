/* A connection of a benchmark's over ipc, as nng's req speaks it, for bytes made beforehand: as light as it can
 * be, for it shares the CPUs with what is measured. All calls block; they return 0 when the connection broke. */
#ifndef MDL_BENCH_LINE_H
#define MDL_BENCH_LINE_H

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_HEAD = 9, LINE_NUMBER = 4, LINE_OUT = 512 * 1024, LINE_IN = 256 * 1024 };

typedef struct line {
    int socket;
    size_t out_size, in_size;
    uint8_t out[LINE_OUT], in[LINE_IN];
} line;

static inline int line_put_all(int socket, const uint8_t *bytes, size_t size) {
    while (size > 0) {
        ssize_t put = write(socket, bytes, size);
        if (put < 0)
            return 0;
        bytes += put;
        size -= (size_t)put;
    }
    return 1;
}

static inline int line_open(line *l, const char *path) {
    static const uint8_t ours[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    uint8_t theirs[8];
    if (strlen(path) >= sizeof at.sun_path)
        return 0;
    memcpy(at.sun_path, path, strlen(path) + 1);
    l->socket = socket(AF_UNIX, SOCK_STREAM, 0);
    return l->socket >= 0 && connect(l->socket, (const struct sockaddr *)&at, sizeof at) == 0 &&
           line_put_all(l->socket, ours, sizeof ours) &&
           recv(l->socket, theirs, sizeof theirs, MSG_WAITALL) == (ssize_t)sizeof theirs;
}

/* Lay out a call as it stands on the wire: byte 1, the length, the number with the highest bit set, the frame. 0: no
 * room. */
static inline int line_call(line *l, uint32_t number, const uint8_t *frame, size_t frame_size) {
    uint64_t size = LINE_NUMBER + frame_size;
    uint8_t *at = l->out + l->out_size;
    if (LINE_HEAD + size > sizeof l->out - l->out_size)
        return 0;
    at[0] = 1;
    for (int k = 0; k < 8; k++)
        at[1 + k] = (uint8_t)(size >> (56 - 8 * k));
    for (int k = 0; k < LINE_NUMBER; k++)
        at[LINE_HEAD + k] = (uint8_t)((number | UINT32_C(1) << 31) >> (24 - 8 * k));
    memcpy(at + LINE_HEAD + LINE_NUMBER, frame, frame_size);
    l->out_size += LINE_HEAD + (size_t)size;
    return 1;
}

/* Read once what is there; every whole answer goes to `take`. */
static inline int line_read(line *l, void (*take)(uint32_t number, const uint8_t *frame, size_t size)) {
    ssize_t got = read(l->socket, l->in + l->in_size, sizeof l->in - l->in_size);
    size_t at = 0;
    if (got <= 0)
        return 0;
    l->in_size += (size_t)got;
    while (l->in_size - at >= LINE_HEAD) {
        const uint8_t *bytes = l->in + at + LINE_HEAD;
        uint64_t size = 0;
        for (int k = 1; k < LINE_HEAD; k++)
            size = size << 8 | l->in[at + (size_t)k];
        if (size < LINE_NUMBER || size > sizeof l->in - LINE_HEAD)
            return 0;
        if (l->in_size - at - LINE_HEAD < size)
            break;
        take((uint32_t)(bytes[0] & 0x7f) << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3],
             bytes + LINE_NUMBER, (size_t)size - LINE_NUMBER);
        at += LINE_HEAD + (size_t)size;
    }
    l->in_size -= at;
    memmove(l->in, l->in + at, l->in_size);
    return 1;
}

#endif
