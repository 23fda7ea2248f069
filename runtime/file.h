/* Whole files: bounded reading, atomic and durable writing. Plain POSIX calls
 * that block; not for an event loop's thread. Every failure leaves one sentence
 * with the path and the system's reason in `error[0..error_size)`. */
#ifndef MDL_RUNTIME_FILE_H
#define MDL_RUNTIME_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

/* Read the regular file at `path`, or standard input for "-", of at most
 * `limit` bytes; a larger file is refused before memory is taken for it.
 * On success `*bytes` (never NULL, one NUL follows the data) is the caller's to
 * free(); on failure it is NULL. MDL_ENOENT, MDL_EIO, MDL_ESIZE, MDL_ETYPE (not a
 * regular file), MDL_ENOMEM. */
mdl_err mdl_file_read(const char *path, size_t limit, uint8_t **bytes, size_t *size, char *error, size_t error_size);

/* Replace the file at `path`: after success the new bytes survive a power cut;
 * after a failure or a crash the file holds the old bytes or the new, whole.
 * Writes `path`.tmp first; one writer at a time for each path. MDL_EIO,
 * MDL_ENOENT, MDL_ENOMEM. */
mdl_err mdl_file_write(const char *path, const void *bytes, size_t size, char *error, size_t error_size);

/* The parts of it, for files that are not to be replaced. The first is a new
 * string (NULL: no memory), the others return 0 or the errno. */
char *mdl_parent_of(const char *path); /* the directory that holds `path` */
int mdl_write_and_sync(int fd, const void *bytes, size_t size);
int mdl_sync_folder(const char *path); /* so that new names in it reach the disk */

/* Make the directory and those above it; one that is there is fine. */
mdl_err mdl_make_directories(const char *path, char *error, size_t error_size);

#endif
