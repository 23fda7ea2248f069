/* The log of long-running programs: one line an event on stderr, for people or as
 * JSON. Rates are limited, so that no peer can fill a disk. For one thread. */
#ifndef MDL_RUNTIME_LOG_H
#define MDL_RUNTIME_LOG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum mdl_log_level { MDL_LOG_ERROR, MDL_LOG_WARN, MDL_LOG_INFO, MDL_LOG_DEBUG } mdl_log_level;

enum {
    MDL_LOG_LINE_MAX = 1024, /* bytes of a text; what is longer is cut        */
    MDL_LOG_SEEN = 1024,     /* (peer, kind) pairs that are remembered        */
    MDL_LOG_MINUTE_MAX = 300 /* lines of mdl_log_once() a minute, of all peers */
};

typedef struct mdl_log {
    FILE *out; /* stderr; NULL: nowhere */
    mdl_log_level level;
    int json;
    /* Private to mdl_log_once(). */
    uint64_t seen[MDL_LOG_SEEN];
    uint64_t minute, lines, unsaid;
} mdl_log;

/* Lines above `level` are left out. */
void mdl_log_init(mdl_log *log, FILE *out, mdl_log_level level, int json);

/* One line:
 *   2026-01-31T12:00:00.123Z warn  kind who: text
 *   {"time":"...","level":"warn","kind":"...","who":"...","text":"..."}
 * `kind` is a short name in the program's own words; `who` an address, a key's
 * first digits, or "". Control characters become "?", so a line stays one line. */
void mdl_log_write(mdl_log *log, mdl_log_level level, const char *kind, const char *who, const char *text);
__attribute__((format(printf, 5, 6))) void mdl_log_format(mdl_log *log, mdl_log_level level, const char *kind,
                                                          const char *who, const char *format, ...);

/* Whether to log an event that peers can cause at will: 1 once for every peer, kind
 * and minute, and for at most MDL_LOG_MINUTE_MAX of them a minute. A port at the end
 * of `who` does not count. `now_ms` is any clock that does not go back. The
 * first call of a minute writes how many were left unsaid in the one before. */
int mdl_log_once(mdl_log *log, const char *kind, const char *who, uint64_t now_ms);

#endif
