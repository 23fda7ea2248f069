/* Plots as SVG text: axes with ticks, lines, points, error bands, a legend.
 * Colours follow the reader's light or dark scheme. Pure: the caller writes the
 * text to a file. */
#ifndef MDL_ANALYSIS_SVG_H
#define MDL_ANALYSIS_SVG_H

#include <stddef.h>

typedef enum mdl_svg_mark { MDL_SVG_LINE = 0, MDL_SVG_POINTS = 1, MDL_SVG_BOTH = 2 } mdl_svg_mark;

typedef struct mdl_svg_series {
    const char *name;      /* for the legend; NULL: none                  */
    const double *x, *y;   /* [n]; a point that is not finite breaks the line */
    const double *lo, *hi; /* band around y, or NULL                      */
    size_t n;
    mdl_svg_mark mark;
    int dashed;
} mdl_svg_series;

typedef struct mdl_svg_panel {
    const char *title, *x_label, *y_label;
    int log_x, log_y; /* decimal; points that are not above 0 are left out */
    const mdl_svg_series *series;
    size_t count; /* the first eight have colours of their own */
} mdl_svg_panel;

/* `panels` plots in rows of `columns` (at least 1). A text to free(); NULL when out of memory. */
char *mdl_svg_plot(const mdl_svg_panel *panel, size_t panels, size_t columns);

#endif
