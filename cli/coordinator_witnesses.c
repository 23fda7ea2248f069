/* The coordinator's witnesses: from its options, to what its HTTP server shows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/coordinator.h"

/* The values of an option that may be given several times; the rest is left out. */
uint32_t mdl_cli_collect(const char *option, int argc, char **argv, const char **out, uint32_t most) {
    size_t n = strlen(option);
    uint32_t count = 0;
    for (int i = 1; i < argc && count < most; i++) {
        if (strcmp(argv[i], option) == 0 && i + 1 < argc) {
            out[count++] = argv[++i];
        } else if (strncmp(argv[i], option, n) == 0 && argv[i][n] == '=') {
            out[count++] = argv[i] + n + 1;
        }
    }
    return count;
}

/* From the witnesses' thread. */
static void on_witness(void *ctx, const char *kind, const char *who, const char *text) {
    const mdl_coordinator_settings *s = ctx;
    if (!s->quiet) {
        fprintf(stderr, "%-12s %s%s%s\n", kind, who, *who ? "  " : "", text);
    }
}

mdl_err mdl_cli_witnesses_open(const mdl_coordinator_settings *s, mdl_shell *shell, mdl_witnesses **out, char *error,
                               size_t error_size) {
    mdl_witnesses_options o = {.directory = s->data,
                               .witness = s->witness,
                               .count = s->witnesses,
                               .quorum = s->has_quorum ? s->quorum : s->witnesses,
                               .required = s->require_quorum,
                               .say = on_witness,
                               .ctx = (void *)s};
    mdl_err err = mdl_vkey_parse(mdl_text_of(mdl_shell_vkey(shell)), &o.log);
    return err == MDL_OK ? mdl_witnesses_open(&o, out, error, error_size) : err;
}

void mdl_cli_witnesses_offer(mdl_witnesses *w, mdl_shell *shell) {
    uint8_t *note;
    size_t size;
    if (w && mdl_shell_read(shell, "checkpoint", &note, &size) == MDL_OK) {
        mdl_witnesses_offer(w, (const char *)note, size);
        free(note);
    }
}

mdl_err mdl_cli_witnesses_get(mdl_witnesses *w, mdl_shell *shell, uint8_t **bytes, size_t *size) {
    uint8_t *published;
    size_t published_size;
    mdl_err err = mdl_shell_read(shell, "checkpoint", &published, &published_size);
    if (err != MDL_OK || !w) {
        *bytes = err == MDL_OK ? published : NULL;
        *size = published_size;
        return err;
    }
    *bytes = malloc(MDL_NOTE_MAX);
    err = *bytes
              ? mdl_witnesses_show(w, mdl_shell_now_ms(), (const char *)published, published_size, (char *)*bytes, size)
              : MDL_ENOMEM;
    free(published);
    if (err != MDL_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    return err;
}
