#include "coordinator/page.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/assert.h"

enum { WIDTH = 800, HEIGHT = 240, MARGIN = 8, PIECE_MAX = 512 };

__attribute__((format(printf, 2, 3))) static void put(const mdl_sink *out, const char *format, ...) {
    char piece[PIECE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    MDL_ASSERT(n >= 0 && n < PIECE_MAX);
    mdl_put_bytes(out, piece, (size_t)n);
}

static void put_text(const mdl_sink *out, const char *text) { mdl_put_bytes(out, text, strlen(text)); }

/* Markup is escaped; bytes that are not ASCII stay what they are, shown as "?". */
static void put_escaped(const mdl_sink *out, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '<':
            put_text(out, "&lt;");
            break;
        case '>':
            put_text(out, "&gt;");
            break;
        case '&':
            put_text(out, "&amp;");
            break;
        case '"':
            put_text(out, "&quot;");
            break;
        default:
            mdl_put_u8(out, (uint8_t)(*text >= ' ' && *text <= '~' ? *text : '?'));
        }
    }
}

static void put_curve(const mdl_sink *out, const mdl_page *p, const double *value, double low, double high,
                      const char *color) {
    put(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", color);
    uint32_t shown = p->points < MDL_PAGE_POINTS ? p->points : MDL_PAGE_POINTS;
    for (uint32_t i = 0; i < shown; i++) {
        uint32_t at = shown > 1 ? (uint32_t)((uint64_t)i * (p->points - 1) / (shown - 1)) : 0;
        double x = MARGIN + (WIDTH - 2.0 * MARGIN) * (p->points > 1 ? (double)at / (p->points - 1) : 0.5);
        double y = HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * (value[at] - low) / (high - low);
        put(out, "%s%.1f,%.1f", i ? " " : "", x, y);
    }
    put_text(out, "\"/>");
}

static void put_chart(const mdl_sink *out, const mdl_page *p) {
    if (p->points == 0) {
        put_text(out, "<p>No generation is closed yet.</p>\n");
        return;
    }
    double low = p->mean[0], high = p->best[0];
    for (uint32_t i = 0; i < p->points; i++) {
        const double both[2] = {p->best[i], p->mean[i]};
        for (int k = 0; k < 2; k++) {
            low = both[k] < low ? both[k] : low;
            high = both[k] > high ? both[k] : high;
        }
    }
    double top = high > low ? high : low + 1; /* a flat curve has no range of its own */
    put(out,
        "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"best and mean fitness by generation\">"
        "<rect width=\"%d\" height=\"%d\" fill=\"#8881\"/>",
        WIDTH, HEIGHT, WIDTH, HEIGHT);
    put_curve(out, p, p->mean, low, top, "#e08020");
    put_curve(out, p, p->best, low, top, "#2070c0");
    put(out,
        "</svg>\n<p><b style=\"color:#2070c0\">best</b> %.6g, <b style=\"color:#e08020\">mean</b> %.6g; "
        "the picture goes from %.6g to %.6g</p>\n",
        p->best[p->points - 1], p->mean[p->points - 1], low, high);
}

static void put_time(const mdl_sink *out, double seconds) {
    if (!(seconds >= 0 && seconds < 1e9)) {
        put_text(out, "unknown");
        return;
    }
    unsigned long s = (unsigned long)(seconds + 0.5);
    if (s >= 86400) {
        put(out, "%lu d %lu h", s / 86400, s % 86400 / 3600);
    } else if (s >= 3600) {
        put(out, "%lu h %lu min", s / 3600, s % 3600 / 60);
    } else {
        put(out, "%lu min %lu s", s / 60, s % 60);
    }
}

void mdl_page_html(const mdl_page *p, const mdl_sink *out) {
    put_text(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                  "<meta name=\"viewport\" content=\"width=device-width\">");
    if (p->refresh_s > 0) {
        put(out, "<meta http-equiv=\"refresh\" content=\"%" PRIu32 "\">", p->refresh_s);
    }
    put_text(out, "<title>");
    put_escaped(out, p->name);
    put_text(out, " - modulon</title><style>:root{color-scheme:light dark}body{font:16px/1.5 sans-serif;"
                  "max-width:52rem;margin:2rem auto;padding:0 1rem}svg{width:100%}td{padding:0 1.5rem 0 0}"
                  "code{overflow-wrap:anywhere}</style></head>\n<body><h1>");
    put_escaped(out, p->name);
    put_text(out, "</h1>\n<p>");
    put_escaped(out, p->state);
    put(out, ", generation %" PRIu32 " of %" PRIu32 "</p>\n", p->generation, p->generations);
    put(out, "<p><progress max=\"%" PRIu32 "\" value=\"%" PRIu32 "\" style=\"width:100%%\"></progress></p>\n",
        p->generations > 0 ? p->generations : 1, p->generation);
    put_chart(out, p);
    put(out, "<table><tr><td>workers</td><td>%" PRIu32 "</td></tr>\n", p->workers);
    put(out, "<tr><td>synapse updates a second</td><td>%.4g</td></tr>\n", p->updates_per_s);
    put(out, "<tr><td>verified synapse updates</td><td>%" PRIu64 "</td></tr>\n", p->updates);
    put(out, "<tr><td>records in the ledger</td><td>%" PRIu64 "</td></tr>\n", p->records);
    put_text(out, "<tr><td>time left</td><td>");
    put_time(out, p->seconds_left);
    put_text(out, "</td></tr>\n<tr><td>experiment</td><td><code>");
    put_escaped(out, p->experiment_id);
    put_text(out, "</code></td></tr>\n<tr><td>verifier key of the log</td><td><code>");
    put_escaped(out, p->vkey);
    put_text(out, "</code></td></tr></table>\n<p><a href=\"/status.json\">status.json</a>, "
                  "<a href=\"/metrics\">metrics</a>, <a href=\"/checkpoint\">checkpoint</a>. "
                  "Check all of it: <code>modulon audit</code> with this address.</p>\n</body></html>\n");
}
