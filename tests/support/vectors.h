/* Test vectors live in the specification, so that a stranger and our tests read
 * the same ones: fenced blocks whose info string is "vectors <name>", one case
 * per line, fields separated by blanks, '#' starts a comment. */
#ifndef MDL_TESTS_VECTORS_H
#define MDL_TESTS_VECTORS_H

#include <stddef.h>
#include <stdint.h>

enum { VECTORS_FIELDS_MAX = 256, VECTORS_LINE_MAX = 8192 };

/* One case. `field` and its strings are the reader's; they may be changed during
 * the call and are gone after it. */
typedef void (*vectors_case)(void *ctx, size_t count, char **field);

/* Call `each` for every case of block `name`, in order. Looks in docs/SPEC.md,
 * then in docs/PROTOCOL.md. The test fails when the block is missing, empty,
 * unterminated or there twice. Returns the cases. */
size_t vectors_load(const char *name, vectors_case each, void *ctx);

/* A field as a number: decimal, 0x hexadecimal or (f32, f64) hexadecimal float.
 * The test fails when it is not one, entirely and in range. */
uint64_t vectors_u64(const char *field);
int64_t vectors_i64(const char *field);
float vectors_f32(const char *field);
double vectors_f64(const char *field);
/* Exactly 2 * size hexadecimal digits as bytes. */
void vectors_hex(const char *field, uint8_t *out, size_t size);

#endif
