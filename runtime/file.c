#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "runtime/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* errno as it was at the failure, before any clean-up. */
static mdl_err fail(const char *doing, const char *path, int code, char *error, size_t error_size) {
    char reason[128];
    if (strerror_r(code, reason, sizeof reason) != 0) {
        snprintf(reason, sizeof reason, "error %d", code);
    }
    snprintf(error, error_size, "cannot %s %s: %s", doing, path, reason);
    return code == ENOENT ? MDL_ENOENT : code == ENOMEM ? MDL_ENOMEM : MDL_EIO;
}

static ssize_t read_some(int fd, uint8_t *to, size_t size) {
    ssize_t got;
    do {
        got = read(fd, to, size);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* Read to the end. `expect` is only a hint: a file may grow or shrink meanwhile. */
static mdl_err read_all(int fd, const char *path, size_t limit, size_t expect, uint8_t **bytes, size_t *size,
                        char *error, size_t error_size) {
    size_t capacity = expect + 2, used = 0; /* a byte to see the end with, and a NUL */
    uint8_t *buffer = malloc(capacity);
    for (;;) {
        if (!buffer) {
            return fail("read", path, ENOMEM, error, error_size);
        }
        ssize_t got = read_some(fd, buffer + used, capacity - 1 - used);
        if (got < 0) {
            int code = errno;
            free(buffer);
            return fail("read", path, code, error, error_size);
        }
        if (got == 0) {
            break;
        }
        used += (size_t)got;
        if (used > limit) {
            free(buffer);
            snprintf(error, error_size, "%s holds more than the %zu bytes allowed", path, limit);
            return MDL_ESIZE;
        }
        if (used == capacity - 1) {
            capacity = capacity < (limit + 2) / 2 ? capacity * 2 : limit + 2;
            uint8_t *larger = realloc(buffer, capacity);
            if (!larger) {
                free(buffer);
            }
            buffer = larger;
        }
    }
    buffer[used] = 0;
    *bytes = buffer;
    *size = used;
    return MDL_OK;
}

mdl_err mdl_file_read(const char *path, size_t limit, uint8_t **bytes, size_t *size, char *error, size_t error_size) {
    *bytes = NULL;
    *size = 0;
    if (strcmp(path, "-") == 0) {
        size_t first = limit < 65536 ? limit : 65536;
        return read_all(STDIN_FILENO, "standard input", limit, first, bytes, size, error, error_size);
    }
    /* Non-blocking, so that opening a FIFO returns and is then refused. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return fail("open", path, errno, error, error_size);
    }
    struct stat status;
    mdl_err e;
    if (fstat(fd, &status) != 0) {
        e = fail("read", path, errno, error, error_size);
    } else if (!S_ISREG(status.st_mode)) {
        snprintf(error, error_size, "%s is not a regular file", path);
        e = MDL_ETYPE;
    } else if (status.st_size < 0 || (uintmax_t)status.st_size > limit) {
        snprintf(error, error_size, "%s holds %lld bytes, more than the %zu allowed", path, (long long)status.st_size,
                 limit);
        e = MDL_ESIZE;
    } else {
        e = read_all(fd, path, limit, (size_t)status.st_size, bytes, size, error, error_size);
    }
    close(fd);
    return e;
}

char *mdl_parent_of(const char *path) {
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + (slash == path) : 1;
    char *parent = malloc(n + 1);
    if (parent) {
        memcpy(parent, slash ? path : ".", n);
        parent[n] = 0;
    }
    return parent;
}

int mdl_write_and_sync(int fd, const void *bytes, size_t size) {
    const uint8_t *at = bytes;
    while (size > 0) {
        ssize_t put = write(fd, at, size);
        if (put < 0 && errno != EINTR) {
            return errno;
        }
        if (put > 0) {
            at += put;
            size -= (size_t)put;
        }
    }
    return fsync(fd) == 0 ? 0 : errno;
}

int mdl_sync_folder(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int code = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return code == EINVAL ? 0 : code; /* some file systems cannot sync a directory */
}

static int write_new(const char *path, const void *bytes, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) {
        return errno;
    }
    int code = mdl_write_and_sync(fd, bytes, size);
    if (close(fd) != 0 && code == 0) {
        code = errno;
    }
    if (code != 0) {
        unlink(path);
    }
    return code;
}

mdl_err mdl_file_write(const char *path, const void *bytes, size_t size, char *error, size_t error_size) {
    size_t n = strlen(path);
    char *temporary = malloc(n + sizeof ".tmp"), *parent = mdl_parent_of(path);
    int code = ENOMEM;
    if (temporary && parent) {
        memcpy(temporary, path, n);
        memcpy(temporary + n, ".tmp", sizeof ".tmp");
        code = write_new(temporary, bytes, size);
        if (code == 0 && rename(temporary, path) != 0) {
            code = errno;
            unlink(temporary);
        }
        code = code ? code : mdl_sync_folder(parent);
    }
    free(temporary);
    free(parent);
    return code ? fail("write", path, code, error, error_size) : MDL_OK;
}

mdl_err mdl_make_directories(const char *path, char *error, size_t error_size) {
    size_t n = strlen(path);
    char *part = malloc(n + 1);
    if (!part) {
        return fail("make directory", path, ENOMEM, error, error_size);
    }
    int code = 0;
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n && code == 0; i++) {
        if (path[i] != '/' && path[i] != 0) {
            continue;
        }
        part[i] = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            code = errno;
        }
        part[i] = path[i];
    }
    struct stat status;
    if (code == 0 && stat(path, &status) != 0) {
        code = errno;
    } else if (code == 0 && !S_ISDIR(status.st_mode)) {
        code = ENOTDIR; /* "exists" meant a file */
    }
    free(part);
    return code ? fail("make directory", path, code, error, error_size) : MDL_OK;
}
