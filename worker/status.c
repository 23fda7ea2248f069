#include "worker/status.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- speed ---- */

void mdl_speed_sample(mdl_speed *s, uint64_t total) {
    s->total[s->seconds % (MDL_SPEED_SECONDS + 1)] = total;
    s->seconds++;
    double mean = mdl_speed_mean(s, 10);
    s->max = mean > s->max ? mean : s->max;
}

double mdl_speed_mean(const mdl_speed *s, uint32_t seconds) {
    if (s->seconds <= seconds)
        return -1;
    uint64_t last = s->seconds - 1;
    uint64_t now = s->total[last % (MDL_SPEED_SECONDS + 1)];
    return (double)(now - s->total[(last - seconds) % (MDL_SPEED_SECONDS + 1)]) / (double)seconds;
}

/* ---- text ---- */

void mdl_status_count(double value, char out[24]) {
    static const char *const unit[] = {"", " k", " M", " G", " T", " P", " E"};
    size_t i = 0;
    while (value >= 999.5 && i + 1 < sizeof unit / sizeof unit[0]) {
        value /= 1000;
        i++;
    }
    snprintf(out, 24, i > 0 && value < 9.95 ? "%.1f%s" : "%.0f%s", value, unit[i]);
}

static void now_text(char out[32]) {
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    size_t n = strftime(out, 24, "%Y-%m-%d %H:%M:%S", &local);
    snprintf(out + n, 32 - n, ".%03d", (int)(now.tv_nsec / 1000000));
}

static void line(const char *kind, const char *text) {
    char when[32];
    now_text(when);
    fprintf(stderr, "[%s] %-10s %s\n", when, kind, text);
}

/* ---- JSON ---- */

static cJSON *object(const char *kind) {
    char when[32];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(when + n, sizeof when - n, ".%03dZ", (int)(now.tv_nsec / 1000000));
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "time", when);
    cJSON_AddStringToObject(o, "kind", kind);
    return o;
}

static void add_u64(cJSON *o, const char *name, uint64_t v) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, v);
    cJSON_AddStringToObject(o, name, text);
}

static void print(cJSON *o) {
    char *text = cJSON_PrintUnformatted(o);
    if (text) {
        puts(text);
        fflush(stdout);
    }
    cJSON_free(text);
    cJSON_Delete(o);
}

static void add_counts(cJSON *o, const mdl_worker_info *i) {
    add_u64(o, "accepted", i->accepted);
    add_u64(o, "stale", i->stale);
    add_u64(o, "rejected", i->rejected);
}

static void notice_json(const mdl_notice *n, const mdl_worker_info *info) {
    cJSON *o = object(mdl_notice_name((int)n->kind));
    cJSON_AddStringToObject(o, "text", n->text);
    if (n->reason)
        cJSON_AddStringToObject(o, "reason", mdl_reason_name(n->reason));
    if (n->kind == MDL_NOTICE_GENERATION || n->kind == MDL_NOTICE_CONNECTED)
        cJSON_AddNumberToObject(o, "generation", n->generation);
    if (n->count > 0) {
        add_u64(o, "lease", n->lease);
        cJSON_AddNumberToObject(o, "generation", n->generation);
        cJSON_AddNumberToObject(o, "first", n->first);
        cJSON_AddNumberToObject(o, "jobs", n->count);
        add_u64(o, "updates", n->updates);
        cJSON_AddNumberToObject(o, "seconds", (double)n->took_ms / 1000);
        if (n->kind == MDL_NOTICE_ACCEPTED)
            add_u64(o, "record", n->record);
        add_counts(o, info);
    }
    print(o);
}

/* ---- lines ---- */

void mdl_status_notice(const mdl_status *s, const mdl_notice *n, const mdl_worker_info *info) {
    char text[600];
    if (s->json) {
        notice_json(n, info);
        return;
    }
    if (n->kind == MDL_NOTICE_ACCEPTED)
        snprintf(text, sizeof text,
                 "(%" PRIu64 "/%" PRIu64 " stale/%" PRIu64 " rejected) %" PRIu32 " jobs in %.2f s, record %" PRIu64,
                 info->accepted, info->stale, info->rejected, n->count, (double)n->took_ms / 1000, n->record);
    else if (n->kind == MDL_NOTICE_STALE || n->kind == MDL_NOTICE_REJECTED)
        snprintf(text, sizeof text, "(%" PRIu64 "/%" PRIu64 " stale/%" PRIu64 " rejected) %" PRIu32 " jobs: %s",
                 info->accepted, info->stale, info->rejected, n->count, n->text);
    else
        snprintf(text, sizeof text, "%s", n->text);
    line(mdl_notice_name((int)n->kind), text);
}

static void put_mean(double mean, char out[16]) {
    if (mean < 0)
        snprintf(out, 16, "n/a");
    else
        snprintf(out, 16, "%.1f", mean / 1e6);
}

/* Since the last summary: windows a second, and the share of time that shards waited, -1: not known. */
static void measure_shards(mdl_status *s, const mdl_worker_info *info, uint64_t now_ns, double *rate, double *waited) {
    double ns = (double)(now_ns - s->at_ns);
    *rate = *waited = -1;
    if (s->at_ns > 0 && ns > 0) {
        *rate = (double)(info->windows - s->windows) * 1e9 / ns;
        *waited = 1 - (double)(info->shard_ns - s->shard_ns) / (ns * (double)s->threads);
        *waited = *waited < 0 ? 0 : *waited;
    }
    s->at_ns = now_ns;
    s->windows = info->windows;
    s->shard_ns = info->shard_ns;
}

void mdl_status_summary(mdl_status *s, const mdl_worker_info *info, uint64_t now_ns) {
    double rate, waited;
    measure_shards(s, info, now_ns, &rate, &waited);
    double m10 = mdl_speed_mean(s->speed, 10), m60 = mdl_speed_mean(s->speed, 60), m900 = mdl_speed_mean(s->speed, 900);
    if (s->json) {
        cJSON *o = object("status");
        cJSON_AddItemToObject(o, "speed_10s", m10 < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(m10));
        cJSON_AddItemToObject(o, "speed_60s", m60 < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(m60));
        cJSON_AddItemToObject(o, "speed_15m", m900 < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(m900));
        cJSON_AddNumberToObject(o, "speed_max", s->speed->max);
        add_counts(o, info);
        add_u64(o, "credit", info->credit);
        cJSON_AddNumberToObject(o, "generation", info->generation);
        cJSON_AddNumberToObject(o, "generations", info->generations);
        cJSON_AddBoolToObject(o, "session", info->session);
        cJSON_AddNumberToObject(o, "leases", info->leases);
        cJSON_AddNumberToObject(o, "undelivered", info->undelivered);
        cJSON_AddNumberToObject(o, "shards", info->shards);
        add_u64(o, "shard_memory", info->memory);
        add_u64(o, "windows", info->windows);
        cJSON_AddItemToObject(o, "windows_per_second", rate < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(rate));
        cJSON_AddItemToObject(o, "shards_waited", waited < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(waited));
        cJSON_AddNumberToObject(o, "idle_seconds", (double)info->idle_ms / 1000);
        cJSON_AddStringToObject(o, "idle", info->idle_text);
        print(o);
        return;
    }
    char a[16], b[16], c[16], most[16], credit[24], text[600];
    put_mean(m10, a);
    put_mean(m60, b);
    put_mean(m900, c);
    put_mean(s->speed->max > 0 ? s->speed->max : -1, most);
    mdl_status_count((double)info->credit, credit);
    snprintf(text, sizeof text, "10s/60s/15m %s %s %s M updates/s max %s", a, b, c, most);
    line("speed", text);
    int n = snprintf(text, sizeof text, "%s updates, generation %" PRIu32 " of %" PRIu32, credit, info->generation,
                     info->generations);
    if (info->undelivered > 0 && n > 0)
        snprintf(text + n, sizeof text - (size_t)n, ", %" PRIu32 " results not delivered yet", info->undelivered);
    line("credit", text);
    if (info->shards > 0 && rate >= 0) {
        char memory[24];
        mdl_status_count((double)info->memory, memory);
        snprintf(text, sizeof text,
                 "%" PRIu32 " held, %sB, %.1f windows/s, %.0f %% of the time waiting for the network", info->shards,
                 memory, rate, 100 * waited);
        line("shards", text);
    }
    if (info->idle_ms >= 1000) {
        snprintf(text, sizeof text, "for %.0f s: %s", (double)info->idle_ms / 1000, info->idle_text);
        line("idle", text);
    }
}

void mdl_status_say(const mdl_status *s, const char *kind, const char *format, ...) {
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (s->json) {
        cJSON *o = object(kind);
        cJSON_AddStringToObject(o, "text", text);
        print(o);
    } else {
        line(kind, text);
    }
}
