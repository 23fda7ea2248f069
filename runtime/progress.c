#include "runtime/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const double terminal_every_s = 0.2, plain_every_s = 5.0;

double mdl_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void mdl_progress_begin(mdl_progress *p, double first, int quiet) {
    *p = (mdl_progress){.terminal = isatty(STDERR_FILENO), .quiet = quiet, .began_s = mdl_seconds(), .first = first};
    p->shown_s = p->began_s;
}

static void format_time(double s, char out[32]) {
    if (s >= 3600e3)
        snprintf(out, 32, "long");
    else if (s >= 3600)
        snprintf(out, 32, "%dh%02dm", (int)(s / 3600), (int)(s / 60) % 60);
    else if (s >= 60)
        snprintf(out, 32, "%dm%02ds", (int)(s / 60), (int)s % 60);
    else
        snprintf(out, 32, "%.0fs", s);
}

static void show(mdl_progress *p, double fraction, const char *text, double now) {
    double spent = now - p->began_s, gained = fraction - p->first;
    char left[32] = "?";
    if (gained > 0)
        format_time(spent * (1 - fraction) / gained, left);
    p->shown_s = now;
    if (!p->terminal) {
        fprintf(stderr, "%3.0f%%  %s  left %s\n", 100 * fraction, text, left);
        return;
    }
    enum { WIDTH = 24 };
    char bar[WIDTH + 1];
    for (int i = 0; i < WIDTH; i++)
        bar[i] = (i + 1) <= (int)(fraction * WIDTH + 0.5) ? '#' : '.';
    bar[WIDTH] = 0;
    fprintf(stderr, "\r\033[K[%s] %3.0f%%  %s  left %s", bar, 100 * fraction, text, left);
    fflush(stderr);
    p->open = 1;
}

void mdl_progress_show(mdl_progress *p, double fraction, const char *text) {
    double now = mdl_seconds();
    if (!p->quiet && now - p->shown_s >= (p->terminal ? terminal_every_s : plain_every_s))
        show(p, fraction, text, now);
}

void mdl_progress_end(mdl_progress *p, double fraction, const char *text) {
    if (p->quiet)
        return;
    show(p, fraction, text, mdl_seconds());
    if (p->open)
        fputc('\n', stderr);
    p->open = 0;
}
