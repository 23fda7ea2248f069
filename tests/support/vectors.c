#include "tests/support/vectors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct block {
    const char *name;
    vectors_case each;
    void *ctx;
    size_t cases, blocks;
} block;

static const char blanks[] = " \t\r\n";

/* Whether the line opens the block we look for: ```vectors NAME */
static int opens(const block *b, const char *line) {
    size_t fence = strspn(line, "`");
    if (fence < 3)
        return 0;
    char word[2][64] = {"", ""}, rest[2];
    return sscanf(line + fence, " %63s %63s %1s", word[0], word[1], rest) == 2 && strcmp(word[0], "vectors") == 0 &&
           strcmp(word[1], b->name) == 0;
}

static void read_case(block *b, char *line) {
    char *field[VECTORS_FIELDS_MAX];
    size_t count = 0;
    line[strcspn(line, "#")] = '\0';
    for (char *at = line + strspn(line, blanks); *at != '\0'; at += strspn(at, blanks)) {
        if (count == VECTORS_FIELDS_MAX)
            fail_msg("vectors %s: more than %d fields in a line", b->name, VECTORS_FIELDS_MAX);
        field[count++] = at;
        at += strcspn(at, blanks);
        if (*at != '\0')
            *at++ = '\0';
    }
    if (count == 0)
        return;
    b->cases++;
    b->each(b->ctx, count, field);
}

static void read_file(block *b, const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return;
    char line[VECTORS_LINE_MAX];
    int inside = 0, fenced = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (inside && strchr(line, '\n') == NULL && !feof(file))
            fail_msg("%s: a line of vectors %s is longer than %d", path, b->name, VECTORS_LINE_MAX - 2);
        if (strncmp(line, "```", 3) == 0) {
            int opening = !inside && !fenced;
            fenced = opening;
            inside = opening && opens(b, line);
            if (inside && b->blocks++ > 0)
                fail_msg("%s: vectors %s are there twice", path, b->name);
        } else if (inside) {
            read_case(b, line);
        }
    }
    fclose(file);
    if (inside)
        fail_msg("%s: vectors %s do not end", path, b->name);
}

size_t vectors_load(const char *name, vectors_case each, void *ctx) {
    block b = {.name = name, .each = each, .ctx = ctx};
    read_file(&b, "docs/SPEC.md");
    if (b.blocks == 0)
        read_file(&b, "docs/PROTOCOL.md");
    if (b.blocks == 0)
        fail_msg("no block \"vectors %s\" in docs/SPEC.md or docs/PROTOCOL.md (is the working directory the root?)",
                 name);
    if (b.cases == 0)
        fail_msg("the block \"vectors %s\" is empty", name);
    return b.cases;
}

static void whole(const char *field, const char *end, int in_range) {
    if (end == field || *end != '\0' || !in_range)
        fail_msg("not a number of this kind: \"%s\"", field);
}

uint64_t vectors_u64(const char *field) {
    char *end;
    errno = 0;
    unsigned long long v = strtoull(field, &end, 0);
    whole(field, end, errno == 0 && field[0] != '-');
    return v;
}

int64_t vectors_i64(const char *field) {
    char *end;
    errno = 0;
    long long v = strtoll(field, &end, 0);
    whole(field, end, errno == 0);
    return v;
}

/* strtof and strtod report a subnormal as ERANGE: only overflow is refused. */
float vectors_f32(const char *field) {
    char *end;
    float v = strtof(field, &end);
    whole(field, end, v - v == 0.0f);
    return v;
}

double vectors_f64(const char *field) {
    char *end;
    double v = strtod(field, &end);
    whole(field, end, v - v == 0.0);
    return v;
}

void vectors_hex(const char *field, uint8_t *out, size_t size) {
    static const char digits[] = "0123456789abcdef";
    if (strlen(field) != 2 * size || strspn(field, digits) != 2 * size)
        fail_msg("not %zu bytes in lower-case hexadecimal: \"%s\"", size, field);
    for (size_t i = 0; i < size; i++) {
        long hi = strchr(digits, field[2 * i]) - digits, lo = strchr(digits, field[2 * i + 1]) - digits;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
}
