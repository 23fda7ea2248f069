#include "cli/inputs.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/file.h"

enum { FILE_MAX = 1 << 28 };
static const double value_max = 1000; /* squares of 64 deviations stay inside the fixed point */

/* What is being read, for messages. */
typedef struct place {
    const char *path;
    uint32_t line, sensors, motors;
    char *error;
    size_t error_size;
} place;

static mdl_err refuse(const place *p, const char *what) {
    snprintf(p->error, p->error_size, "%s: line %" PRIu32 ": %s", p->path, p->line, what);
    return MDL_ESYNTAX;
}

static mdl_err refuse_obs(const place *p) {
    char what[96];
    snprintf(what, sizeof what, "the observation must be %" PRIu32 " numbers from -1000 to 1000", p->sensors);
    return refuse(p, what);
}

static mdl_err read_csv(const place *p, const char *text, mdl_task_out *out) {
    for (uint32_t i = 0; i < p->sensors; i++) {
        char *end;
        double v = strtod(text, &end);
        if (end == text || !(fabs(v) <= value_max) || *end != (i + 1 < p->sensors ? ',' : '\0'))
            return refuse_obs(p);
        out->obs[i] = (float)v;
        text = end + 1;
    }
    return MDL_OK;
}

static mdl_err read_flag(const place *p, const cJSON *item, uint32_t flag, mdl_task_out *out) {
    if (!cJSON_IsBool(item))
        return refuse(p, "wipe and frozen must be true or false");
    out->flags |= cJSON_IsTrue(item) ? flag : 0;
    return MDL_OK;
}

static mdl_err read_obs(const place *p, const cJSON *list, mdl_task_out *out) {
    if (!cJSON_IsArray(list) || (uint32_t)cJSON_GetArraySize(list) != p->sensors)
        return refuse_obs(p);
    uint32_t i = 0;
    for (const cJSON *v = list->child; v; v = v->next) {
        if (!cJSON_IsNumber(v) || !(fabs(v->valuedouble) <= value_max))
            return refuse_obs(p);
        out->obs[i++] = (float)v->valuedouble;
    }
    return MDL_OK;
}

static mdl_err read_key(const place *p, const cJSON *item, mdl_task_out *out) {
    if (strcmp(item->string, "obs") == 0)
        return read_obs(p, item, out);
    if (strcmp(item->string, "wipe") == 0)
        return read_flag(p, item, MDL_OUT_WIPE, out);
    if (strcmp(item->string, "frozen") == 0)
        return read_flag(p, item, MDL_OUT_FROZEN, out);
    if (strcmp(item->string, "reward") == 0) {
        if (!cJSON_IsNumber(item) || !(fabs(item->valuedouble) <= value_max))
            return refuse(p, "reward must be a number from -1000 to 1000");
        out->reward = (float)item->valuedouble;
        out->flags |= MDL_OUT_REWARD;
        return MDL_OK;
    }
    if (strcmp(item->string, "teach") == 0) {
        double v = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (!(v >= 0 && v < p->motors && v == floor(v)))
            return refuse(p, "teach must be the number of an action");
        out->teach = (uint32_t)v;
        out->flags |= MDL_OUT_TEACH;
        return MDL_OK;
    }
    return refuse(p, "unknown key; allowed: obs, reward, wipe, frozen, teach");
}

static mdl_err read_json(const place *p, const char *text, mdl_task_out *out) {
    cJSON *object = cJSON_Parse(text);
    mdl_err err = cJSON_IsObject(object) ? MDL_OK : refuse(p, "not a JSON object");
    if (err == MDL_OK && !cJSON_GetObjectItemCaseSensitive(object, "obs"))
        err = refuse(p, "obs is missing");
    for (const cJSON *item = err == MDL_OK ? object->child : NULL; item && err == MDL_OK; item = item->next)
        err = read_key(p, item, out);
    cJSON_Delete(object);
    return err;
}

static mdl_err read_lines(mdl_inputs *in, place *p, char *text) {
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        char *next = end ? end + 1 : line + strlen(line);
        if (end)
            *end = 0;
        size_t size = strlen(line);
        if (size > 0 && line[size - 1] == '\r')
            line[size - 1] = 0;
        p->line++;
        if (*line) {
            mdl_task_out *out = &in->out[in->count];
            out->flags = in->count == 0 ? MDL_OUT_WIPE : 0;
            mdl_err err = *line == '{' ? read_json(p, line, out) : read_csv(p, line, out);
            if (err != MDL_OK)
                return err;
            in->count++;
        }
        line = next;
    }
    return in->count > 0 ? MDL_OK : refuse(p, "the file holds no window");
}

mdl_err mdl_inputs_read(mdl_inputs *in, const char *path, uint32_t sensors, uint32_t motors, char *error,
                        size_t error_size) {
    place p = {path, 0, sensors, motors, error, error_size};
    uint8_t *bytes;
    size_t size, lines = 2;
    memset(in, 0, sizeof *in);
    mdl_err err = mdl_file_read(path, FILE_MAX, &bytes, &size, error, error_size);
    if (err != MDL_OK)
        return err;
    for (size_t i = 0; i < size; i++)
        lines += bytes[i] == '\n';
    in->out = calloc(lines, sizeof *in->out);
    if (!in->out) {
        snprintf(error, error_size, "%s: out of memory", path);
        err = MDL_ENOMEM;
    } else if (memchr(bytes, 0, size)) {
        snprintf(error, error_size, "%s holds a NUL byte: not a text", path);
        err = MDL_ESYNTAX;
    } else {
        err = read_lines(in, &p, (char *)bytes);
    }
    free(bytes);
    if (err == MDL_OK)
        in->out[in->count].flags = MDL_OUT_DONE;
    else
        mdl_inputs_close(in);
    return err;
}

void mdl_inputs_close(mdl_inputs *in) {
    free(in->out);
    memset(in, 0, sizeof *in);
}
