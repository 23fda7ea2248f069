#include "cli/hold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char shape[] = "MODULATOR=LEVEL, more after commas; a level is a number from 0 to 4 or the word mean";

static mdl_err refuse(const char *text, const char *why, char *error, size_t error_size) {
    snprintf(error, error_size, "--clamp is \"%s\"; %s", text, why);
    return MDL_ERANGE;
}

/* One "dopamine=0.5" of `size` characters at `at`. */
static int take(mdl_hold *hold, const char *at, size_t size) {
    const char *equals = memchr(at, '=', size);
    char value[32];
    if (!equals || (size_t)(at + size - equals) > sizeof value)
        return 0;
    size_t name = (size_t)(equals - at), digits = size - name - 1;
    memcpy(value, equals + 1, digits);
    value[digits] = '\0';
    uint32_t i = 0;
    while (i < MDL_CLAMPS && (strlen(mdl_clamp_key(i)) != name || memcmp(mdl_clamp_key(i), at, name) != 0))
        i++;
    if (i == MDL_CLAMPS || hold->held >> i & 1u || digits == 0)
        return 0;
    hold->held |= 1u << i;
    if (strcmp(value, "mean") == 0) {
        hold->mean |= 1u << i;
        return 1;
    }
    char *end;
    double level = strtod(value, &end);
    hold->level[i] = (float)level;
    return *end == '\0' && level >= 0 && level <= (double)MDL_LEVEL_MAX;
}

mdl_err mdl_hold_parse(mdl_hold *hold, const char *text, const mdl_experiment *x, char *error, size_t error_size) {
    memset(hold, 0, sizeof *hold);
    if (!x->modulators.used)
        return refuse(text, "this experiment has no modulators", error, error_size);
    if (strlen(text) >= sizeof hold->name)
        return refuse(text, "it is too long", error, error_size);
    strcpy(hold->name, text); /* NOLINT: its length has just been checked */
    for (const char *at = text;; at++) {
        size_t size = strcspn(at, ",");
        char allowed[160];
        snprintf(allowed, sizeof allowed, "allowed: %s", shape);
        if (!take(hold, at, size))
            return refuse(text, allowed, error, error_size);
        at += size;
        if (!*at)
            return MDL_OK;
    }
}

mdl_variant mdl_hold_variant(const mdl_hold *hold, const mdl_variant *champion, const double *levels, uint32_t lives) {
    mdl_variant v = *champion;
    v.name = hold->name;
    v.out.clamped = hold->held;
    for (uint32_t i = 0; i < MDL_CLAMPS; i++) {
        double sum = 0;
        for (uint32_t life = 0; hold->mean >> i & 1u && life < lives; life++)
            sum += levels[(size_t)life * MDL_CLAMPS + i];
        v.out.clamp[i] = hold->mean >> i & 1u ? (float)(sum / lives) : hold->level[i];
    }
    return v;
}
