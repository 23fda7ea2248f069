/* Reads a fenced vector block of SPEC chapter 9 for the task tests. */
#ifndef MDL_TESTS_CORE_TEST_TASK_VECTORS_H
#define MDL_TESTS_CORE_TEST_TASK_VECTORS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct task_vectors {
    FILE *file;
    char line[2048];
} task_vectors;

/* Opens block `name` of the specification. Returns 0 when there is none. */
static inline int task_vectors_open(task_vectors *v, const char *name) {
    char fence[64];
    snprintf(fence, sizeof fence, "```vectors %s\n", name);
    v->file = fopen("docs/SPEC.md", "r");
    while (v->file && fgets(v->line, sizeof v->line, v->file))
        if (strcmp(v->line, fence) == 0)
            return 1;
    if (v->file)
        fclose(v->file);
    v->file = NULL;
    return 0;
}

/* The next case, without its newline; NULL, and closed, at the block's end. */
static inline char *task_vectors_next(task_vectors *v) {
    while (fgets(v->line, sizeof v->line, v->file)) {
        if (strncmp(v->line, "```", 3) == 0)
            break;
        v->line[strcspn(v->line, "\n")] = '\0';
        if (v->line[0] != '#' && v->line[0] != '\0')
            return v->line;
    }
    fclose(v->file);
    v->file = NULL;
    return NULL;
}

/* Numbers split by `separator`; returns how many. */
static inline uint32_t task_vectors_numbers(const char *text, char separator, double *out, uint32_t max) {
    uint32_t n = 0;
    while (n < max) {
        char *end;
        out[n] = strtod(text, &end);
        if (end == text)
            break;
        n++;
        if (*end != separator)
            break;
        text = end + 1;
    }
    return n;
}

#endif
