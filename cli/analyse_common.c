/* Input and output of modulon analyse. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/analyse.h"
#include "cli/files.h"
#include "runtime/file.h"

int mdl_subject_read(mdl_subject *s, const char *path) {
    memset(s, 0, sizeof *s);
    if (mdl_cli_is_champion(path)) {
        mdl_champion c;
        int code = mdl_cli_champion(&c, path);
        if (code >= 0)
            return code;
        s->x = c.file.experiment;
        memcpy(s->digest, c.digest, sizeof s->digest);
        s->genome = malloc(c.layout.genes * sizeof *s->genome);
        if (s->genome)
            memcpy(s->genome, mdl_champion_genome(&c, c.island), c.layout.genes * sizeof *s->genome);
        mdl_champion_close(&c);
        return s->genome ? -1 : mdl_cli_fail(MDL_EXIT_FAILURE, "analyse: out of memory");
    }
    char error[MDL_ERROR_TEXT];
    mdl_experiment_file file;
    mdl_err err = mdl_experiment_file_read(&file, path, error, sizeof error);
    if (err != MDL_OK)
        return mdl_cli_end(err, error);
    s->x = file.experiment;
    mdl_experiment_file_close(&file);
    return -1;
}

void mdl_subject_close(mdl_subject *s) { free(s->genome); }

cJSON *mdl_interval_json(const double *values, size_t n) {
    mdl_interval v = mdl_stat_interval(values, n);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "mean", v.mean);
    cJSON_AddNumberToObject(o, "lo", v.lo);
    cJSON_AddNumberToObject(o, "hi", v.hi);
    cJSON_AddNumberToObject(o, "n", (double)n);
    return o;
}

const char *mdl_interval_text(const double *values, size_t n, char *out, size_t size) {
    mdl_interval v = mdl_stat_interval(values, n);
    if (n > 1)
        snprintf(out, size, "%.4g [%.4g, %.4g]", v.mean, v.lo, v.hi);
    else
        snprintf(out, size, "%.4g", v.mean);
    return out;
}

int mdl_write_plot(const char *directory, const char *name, const mdl_svg_panel *panel, size_t panels, size_t columns) {
    if (!directory)
        return -1;
    char path[4096], error[MDL_ERROR_TEXT];
    if (snprintf(path, sizeof path, "%s/%s.svg", directory, name) >= (int)sizeof path)
        return mdl_cli_fail(MDL_EXIT_USAGE, "analyse: the name of the folder %s is too long", directory);
    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "cannot make the folder %s: %s", directory, strerror(errno));
    char *text = mdl_svg_plot(panel, panels, columns);
    if (!text)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "analyse: out of memory");
    mdl_err err = mdl_file_write(path, text, strlen(text), error, sizeof error);
    free(text);
    return err == MDL_OK ? -1 : mdl_cli_end(err, error);
}
