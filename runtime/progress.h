/* Progress for people, on stderr: a bar with the time left on a terminal, a plain
 * line every few seconds elsewhere, nothing when quiet. */
#ifndef MDL_RUNTIME_PROGRESS_H
#define MDL_RUNTIME_PROGRESS_H

typedef struct mdl_progress {
    int terminal, quiet;
    double began_s, shown_s; /* monotonic clock; shown_s 0: nothing shown yet */
    double first;            /* the fraction that was done at the start        */
    int open;                /* a bar stands on the terminal's line            */
} mdl_progress;

/* Seconds of a clock that never goes back. */
double mdl_seconds(void);

/* `first`: fraction already done (a resumed run), for the time left. */
void mdl_progress_begin(mdl_progress *p, double first, int quiet);
/* Cheap to call often: most calls show nothing. `text` follows the bar. */
void mdl_progress_show(mdl_progress *p, double fraction, const char *text);
/* Show the last state and leave the line. */
void mdl_progress_end(mdl_progress *p, double fraction, const char *text);

#endif
