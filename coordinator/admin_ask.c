/* The operator's end of the admin socket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "coordinator/admin.h"
#include "protocol/grow.h"

static mdl_err fail(const char *path, char *error, size_t error_size) {
    int none = errno == ENOENT || errno == ECONNREFUSED;
    snprintf(error, error_size, none ? "%s: no coordinator is at work there (%s)" : "%s: %s", path, strerror(errno));
    return none ? MDL_ENOENT : MDL_EIO;
}

static int write_all(int fd, const char *text, size_t size) {
    while (size > 0) {
        ssize_t done = send(fd, text, size, MSG_NOSIGNAL);
        if (done < 0 && errno != EINTR) {
            return -1;
        }
        if (done > 0) {
            text += done;
            size -= (size_t)done;
        }
    }
    return 0;
}

/* Up to the end of the line or of the answer. */
static mdl_err read_line(int fd, char **answer, const char *path, char *error, size_t error_size) {
    mdl_buffer b = {0};
    mdl_sink sink = mdl_buffer_sink(&b);
    char part[16384];
    for (;;) {
        ssize_t got = recv(fd, part, sizeof part, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            free(b.bytes);
            return fail(path, error, error_size);
        }
        if (got > 0) {
            mdl_put_bytes(&sink, part, (size_t)got);
        }
        if (b.failed || b.size > MDL_ADMIN_REPLY_MAX) {
            free(b.bytes);
            snprintf(error, error_size, "%s: the answer does not fit", path);
            return MDL_ESIZE;
        }
        if (got == 0 || memchr(part, '\n', (size_t)got)) {
            break;
        }
    }
    static const char end = 0;
    mdl_put_bytes(&sink, &end, 1);
    if (b.failed || b.size < 2) {
        free(b.bytes);
        snprintf(error, error_size, "%s: no answer", path);
        return MDL_EIO;
    }
    *answer = (char *)b.bytes;
    (*answer)[strcspn(*answer, "\n")] = 0;
    return MDL_OK;
}

mdl_err mdl_admin_ask(const char *directory, const char *line, char **answer, char *error, size_t error_size) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 60};
    *answer = NULL;
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/admin.sock", directory);
    if (length < 0 || (size_t)length >= sizeof address.sun_path) {
        snprintf(error, error_size, "%s/admin.sock is too long for a socket's path", directory);
        return MDL_ESIZE;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) {
        return fail(address.sun_path, error, error_size);
    }
    mdl_err err = MDL_OK;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 || write_all(fd, line, strlen(line)) != 0 ||
        write_all(fd, "\n", 1) != 0) {
        err = fail(address.sun_path, error, error_size);
    }
    if (err == MDL_OK) {
        err = read_line(fd, answer, address.sun_path, error, error_size);
    }
    close(fd);
    return err;
}
