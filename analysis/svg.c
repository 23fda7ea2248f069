#include "analysis/svg.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of one panel, in pixels; the plot inside it has margins. */
enum {
    WIDTH = 460,
    HEIGHT = 330,
    LEFT = 66,
    RIGHT = 16,
    TOP = 34,
    BOTTOM = 48,
    LEGEND_ROW = 15,
    TICKS = 5,
    TICKS_MAX = 24
};
enum { COLOURS = 8 };

typedef struct text {
    char *at;
    size_t used, size;
    int failed;
} text;

static void put(text *t, const char *format, ...) {
    va_list list, again;
    va_start(list, format);
    va_start(again, format);
    int n = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (n >= 0 && !t->failed && t->used + (size_t)n + 1 > t->size) {
        size_t size = 2 * (t->used + (size_t)n + 1);
        char *grown = realloc(t->at, size);
        t->failed = !grown;
        t->at = grown ? grown : t->at;
        t->size = grown ? size : t->size;
    }
    if (n >= 0 && !t->failed) {
        vsnprintf(t->at + t->used, t->size - t->used, format, again);
        t->used += (size_t)n;
    }
    va_end(again);
}

/* Text of the caller, with what XML reserves written out. */
static void put_words(text *t, const char *words) {
    for (; *words; words++) {
        switch (*words) {
        case '<':
            put(t, "&lt;");
            break;
        case '>':
            put(t, "&gt;");
            break;
        case '&':
            put(t, "&amp;");
            break;
        default:
            put(t, "%c", *words);
        }
    }
}

typedef struct axis {
    double lo, hi; /* in decimal logarithms when `log` */
    int log;
    double from, length; /* pixels; a negative length runs upwards */
} axis;

static double scaled(const axis *a, double v) { return a->log ? (v > 0.0 ? log10(v) : NAN) : v; }

static double pixel(const axis *a, double v) { return a->from + (scaled(a, v) - a->lo) / (a->hi - a->lo) * a->length; }

static void widen(axis *a, double v) {
    double s = scaled(a, v);
    if (!isfinite(s))
        return;
    a->lo = s < a->lo ? s : a->lo;
    a->hi = s > a->hi ? s : a->hi;
}

/* Where ticks stand, in the axis's scale; at most TICKS_MAX. Linear: multiples of
 * 1, 2 or 5 times a power of ten. Logarithmic: powers of ten, and twice and five
 * times those where the axis is short. */
static int ticks_of(const axis *a, double at[TICKS_MAX]) {
    int count = 0;
    double span = a->hi - a->lo;
    if (a->log) {
        double step = span > 2.0 * TICKS ? ceil(span / TICKS) : 1.0;
        for (double p = floor(a->lo); p <= a->hi && count + 3 <= TICKS_MAX; p += step)
            for (int i = 0; i < (span < 2.5 ? 3 : 1); i++) {
                double v = p + (i == 0 ? 0.0 : i == 1 ? 0.30103 : 0.69897);
                if (v >= a->lo && v <= a->hi)
                    at[count++] = v;
            }
        return count;
    }
    double raw = span / TICKS, power = pow(10.0, floor(log10(raw))), part = raw / power;
    double step = (part < 1.5 ? 1.0 : part < 3.5 ? 2.0 : part < 7.5 ? 5.0 : 10.0) * power;
    for (double v = ceil(a->lo / step) * step; v <= a->hi + 1e-9 * step && count < TICKS_MAX; v += step)
        at[count++] = v;
    return count;
}

static void settle(axis *a, double margin) {
    if (!(a->hi >= a->lo)) { /* nothing to show */
        a->lo = 0.0;
        a->hi = 1.0;
    }
    double span = a->hi - a->lo;
    if (!(span > 1e-12 * fmax(1.0, fabs(a->hi))))
        span = fabs(a->hi) > 0.0 ? fabs(a->hi) : 1.0;
    a->lo -= margin * span;
    a->hi += margin * span;
}

static void tick_words(const axis *a, double at, char *out, size_t size) {
    double v = a->log ? pow(10.0, at) : fabs(at) < 1e-9 * (a->hi - a->lo) ? 0.0 : at;
    snprintf(out, size, a->log ? "%.2g" : "%.4g", v);
}

static void put_axes(text *t, const axis *x, const axis *y, const mdl_svg_panel *p) {
    double right = x->from + x->length, top = y->from + y->length;
    char words[32];
    double tick[TICKS_MAX];
    int ticks = ticks_of(x, tick);
    for (int i = 0; i < ticks; i++) {
        double v = tick[i], at = x->from + (v - x->lo) / (x->hi - x->lo) * x->length;
        tick_words(x, v, words, sizeof words);
        put(t, "<path class=\"g\" d=\"M%.1f %.1fV%.1f\"/>", at, y->from, top);
        put(t, "<text class=\"t\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n", at, y->from + 15, words);
    }
    ticks = ticks_of(y, tick);
    for (int i = 0; i < ticks; i++) {
        double v = tick[i], at = y->from + (v - y->lo) / (y->hi - y->lo) * y->length;
        tick_words(y, v, words, sizeof words);
        put(t, "<path class=\"g\" d=\"M%.1f %.1fH%.1f\"/>", x->from, at, right);
        put(t, "<text class=\"t\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", x->from - 6, at + 4, words);
    }
    put(t, "<path class=\"a\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n", x->from, top, y->from, right);
    double middle = x->from + x->length / 2, centre = y->from + y->length / 2;
    put(t, "<text class=\"h\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", middle, top - 14);
    put_words(t, p->title);
    put(t, "</text>\n<text class=\"l\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", middle, y->from + 34);
    put_words(t, p->x_label);
    put(t, "</text>\n<text class=\"l\" transform=\"translate(%.1f %.1f)rotate(-90)\" text-anchor=\"middle\">",
        x->from - 50, centre);
    put_words(t, p->y_label);
    put(t, "</text>\n");
}

/* The corners of a band: there along `hi`, back along `lo`. */
static void put_band(text *t, const axis *x, const axis *y, const mdl_svg_series *s, size_t colour) {
    const char *between = "M";
    put(t, "<path class=\"b%zu\" d=\"", colour);
    for (size_t i = 0; i < 2 * s->n; i++) {
        size_t k = i < s->n ? i : 2 * s->n - 1 - i;
        double px = pixel(x, s->x[k]), py = pixel(y, i < s->n ? s->hi[k] : s->lo[k]);
        if (isfinite(px) && isfinite(py)) {
            put(t, "%s%.1f %.1f", between, px, py);
            between = "L";
        }
    }
    put(t, "%s\"/>\n", *between == 'L' ? "Z" : "");
}

static void put_series(text *t, const axis *x, const axis *y, const mdl_svg_series *s, size_t colour) {
    int drawing = 0;
    if (s->lo && s->hi)
        put_band(t, x, y, s, colour);
    if (s->mark != MDL_SVG_POINTS) {
        put(t, "<path class=\"s%zu\"%s d=\"", colour, s->dashed ? " stroke-dasharray=\"5 4\"" : "");
        for (size_t i = 0; i < s->n; i++) {
            double px = pixel(x, s->x[i]), py = pixel(y, s->y[i]);
            if (isfinite(px) && isfinite(py))
                put(t, "%c%.1f %.1f", drawing ? 'L' : 'M', px, py);
            drawing = isfinite(px) && isfinite(py);
        }
        put(t, "\"/>\n");
    }
    for (size_t i = 0; s->mark != MDL_SVG_LINE && i < s->n; i++) {
        double px = pixel(x, s->x[i]), py = pixel(y, s->y[i]);
        if (isfinite(px) && isfinite(py))
            put(t, "<circle class=\"p%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\"/>", colour, px, py);
    }
}

static size_t named(const mdl_svg_panel *p) {
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++)
        count += p->series[i].name != NULL;
    return count;
}

static void put_panel(text *t, const mdl_svg_panel *p, double left, double top) {
    axis x = {INFINITY, -INFINITY, p->log_x, left + LEFT, WIDTH - LEFT - RIGHT};
    axis y = {INFINITY, -INFINITY, p->log_y, top + HEIGHT - BOTTOM, -(double)(HEIGHT - BOTTOM - TOP)};
    for (size_t i = 0; i < p->count; i++)
        for (size_t k = 0; k < p->series[i].n; k++) {
            const mdl_svg_series *s = &p->series[i];
            if (!isfinite(scaled(&x, s->x[k])) || !isfinite(scaled(&y, s->y[k])))
                continue;
            widen(&x, s->x[k]);
            widen(&y, s->y[k]);
            if (s->lo && s->hi) {
                widen(&y, s->lo[k]);
                widen(&y, s->hi[k]);
            }
        }
    settle(&x, 0.02);
    settle(&y, 0.05);
    put_axes(t, &x, &y, p);
    double at = top + HEIGHT + 4;
    for (size_t i = 0; i < p->count; i++) {
        const mdl_svg_series *s = &p->series[i];
        put_series(t, &x, &y, s, i % COLOURS);
        if (!s->name)
            continue;
        put(t, "<path class=\"s%zu\"%s d=\"M%.1f %.1fh22\"/>", i % COLOURS,
            s->dashed ? " stroke-dasharray=\"5 4\"" : "", x.from, at);
        put(t, "<text class=\"t\" x=\"%.1f\" y=\"%.1f\">", x.from + 28, at + 4);
        put_words(t, s->name);
        put(t, "</text>\n");
        at += LEGEND_ROW;
    }
}

/* Colours that people with any colour vision tell apart (after Okabe and Ito). */
static void put_style(text *t) {
    static const char *const light[COLOURS] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                               "#b8860b", "#56b4e9", "#7f3c8d", "#555555"};
    static const char *const dark[COLOURS] = {"#5db4ec", "#ff9248", "#3fd0a4", "#eba6cb",
                                              "#e8c04c", "#9ad6ff", "#c792ea", "#bbbbbb"};
    put(t, "<style>svg{background:#fff}text{font-family:system-ui,sans-serif;fill:#222}.h{font-size:14px;"
           "font-weight:600}.l{font-size:12px}.t{font-size:11px}.a{fill:none;stroke:#444}.g{stroke:#e4e4e4}\n");
    for (int i = 0; i < COLOURS; i++)
        put(t, ".s%d{fill:none;stroke:%s;stroke-width:1.8}.p%d{fill:%s}.b%d{fill:%s;opacity:.2}\n", i, light[i], i,
            light[i], i, light[i]);
    put(t,
        "@media(prefers-color-scheme:dark){svg{background:#14171c}text{fill:#dde}.a{stroke:#99a}.g{stroke:#2b3038}\n");
    for (int i = 0; i < COLOURS; i++)
        put(t, ".s%d{stroke:%s}.p%d{fill:%s}.b%d{fill:%s}\n", i, dark[i], i, dark[i], i, dark[i]);
    put(t, "}</style>\n");
}

char *mdl_svg_plot(const mdl_svg_panel *panel, size_t panels, size_t columns) {
    text t = {NULL, 0, 0, 0};
    size_t across = panels < columns ? panels : columns, most = 0;
    across = across > 0 ? across : 1;
    for (size_t i = 0; i < panels; i++)
        most = named(&panel[i]) > most ? named(&panel[i]) : most;
    double legend = (double)(most * LEGEND_ROW) + 12, height = HEIGHT + legend;
    size_t rows = (panels + across - 1) / across;
    put(&t, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%.0f\" viewBox=\"0 0 %zu %.0f\">\n",
        across * WIDTH, (double)rows * height, across * WIDTH, (double)rows * height);
    put_style(&t);
    for (size_t i = 0; i < panels; i++) {
        size_t row = i / across;
        put_panel(&t, &panel[i], (double)(i % across * WIDTH), (double)row * height);
    }
    put(&t, "</svg>\n");
    if (t.failed) {
        free(t.at);
        return NULL;
    }
    return t.at;
}
