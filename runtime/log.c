#include "runtime/log.h"

#include <sodium.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

static const char *const names[] = {"error", "warn", "info", "debug"};

enum { MINUTE_MS = 60000, WAYS = 4 };

void mdl_log_init(mdl_log *log, FILE *out, mdl_log_level level, int json) {
    memset(log, 0, sizeof *log);
    log->out = out;
    log->level = level;
    log->json = json;
}

/* A text of somebody else: bytes from 0x80 on pass in plain lines, as they may be UTF-8. */
static void put_text(FILE *out, const char *text, int json) {
    for (size_t i = 0; text[i] && i < MDL_LOG_LINE_MAX; i++) {
        unsigned char c = (unsigned char)text[i];
        if (json && (c == '"' || c == '\\')) {
            putc('\\', out);
        }
        putc(c < ' ' || c == 127 || (json && c > 127) ? '?' : c, out);
    }
}

void mdl_log_write(mdl_log *log, mdl_log_level level, const char *kind, const char *who, const char *text) {
    if (!log->out || level > log->level) {
        return;
    }
    struct timespec now;
    struct tm utc;
    char when[32] = "1970-01-01T00:00:00";
    clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &utc)) {
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
    }
    FILE *out = log->out;
    int ms = (int)(now.tv_nsec / 1000000);
    if (log->json) {
        fprintf(out, "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"kind\":\"", when, ms, names[level]);
        put_text(out, kind, 1);
        fputs("\",\"who\":\"", out);
        put_text(out, who, 1);
        fputs("\",\"text\":\"", out);
        put_text(out, text, 1);
        fputs("\"}\n", out);
    } else {
        fprintf(out, "%s.%03dZ %-5s ", when, ms, names[level]);
        put_text(out, kind, 0);
        if (*who) {
            putc(' ', out);
            put_text(out, who, 0);
        }
        fputs(": ", out);
        put_text(out, text, 0);
        putc('\n', out);
    }
    fflush(out);
}

void mdl_log_format(mdl_log *log, mdl_log_level level, const char *kind, const char *who, const char *format, ...) {
    char text[MDL_LOG_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mdl_log_write(log, level, kind, who, text);
}

/* Without ":port": an address has one after digits and dots, or after a bracket. */
static size_t without_port(const char *who) {
    size_t size = strlen(who);
    const char *colon = strrchr(who, ':');
    if (colon && colon > who && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1) &&
        (colon[-1] == ']' || memchr(who, ':', (size_t)(colon - who)) == NULL)) {
        size = (size_t)(colon - who);
    }
    return size;
}

int mdl_log_once(mdl_log *log, const char *kind, const char *who, uint64_t now_ms) {
    if (now_ms / MINUTE_MS != log->minute) {
        uint64_t unsaid = log->unsaid;
        log->minute = now_ms / MINUTE_MS;
        log->lines = log->unsaid = 0;
        memset(log->seen, 0, sizeof log->seen);
        if (unsaid > 0) {
            mdl_log_format(log, MDL_LOG_INFO, "log", "", "%llu more events of peers were not written",
                           (unsigned long long)unsaid);
        }
    }
    uint64_t id;
    crypto_generichash_state state;
    uint8_t digest[crypto_generichash_BYTES_MIN];
    crypto_generichash_init(&state, NULL, 0, sizeof digest);
    crypto_generichash_update(&state, (const uint8_t *)kind, strlen(kind) + 1);
    crypto_generichash_update(&state, (const uint8_t *)who, without_port(who));
    crypto_generichash_final(&state, digest, sizeof digest);
    memcpy(&id, digest, sizeof id);
    id |= 1; /* 0 is an empty place */
    size_t set = (size_t)(id >> 32) % (MDL_LOG_SEEN / WAYS) * WAYS;
    for (size_t i = set; i < set + WAYS; i++) {
        if (log->seen[i] == id) {
            log->unsaid++;
            return 0;
        }
        if (log->seen[i] == 0 && log->lines < MDL_LOG_MINUTE_MAX) {
            log->seen[i] = id;
            log->lines++;
            return 1;
        }
    }
    log->unsaid++; /* too many this minute: silence is safer */
    return 0;
}
