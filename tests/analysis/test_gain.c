/* analysis/gain.h: curves fitted back, and time scales of filters; analysis/svg.h: well-formed text. */
#include "tests/analysis/signals.h"

#include <stdio.h>
#include <string.h>

#include "analysis/gain.h"
#include "analysis/svg.h"

enum { N = 41 };

static void test_fit(void **state) {
    (void)state;
    mdl_stream rng = {3, 0};
    for (int i = 0; i < 200; i++) {
        mdl_gain_curve want = {.base = draw_normal(&rng),
                               .amplitude = 0.2 + 3 * mdl_draw_unit_f64(&rng),
                               .threshold = 2 * mdl_draw_unit_f64(&rng) - 1,
                               .width = 0.1 + 0.5 * mdl_draw_unit_f64(&rng)};
        double x[N], y[N];
        for (int k = 0; k < N; k++) {
            x[k] = -4 + 8.0 * k / (N - 1);
            y[k] = mdl_gain_at(&want, x[k]);
        }
        mdl_gain_curve got;
        assert_int_equal(mdl_gain_fit(x, y, N, &got), MDL_OK);
        assert_close(got.base, want.base, 1e-5);
        assert_close(got.amplitude, want.amplitude, 1e-5);
        assert_close(got.threshold, want.threshold, 1e-5);
        assert_close(got.width, want.width, 1e-5);
        assert_close(got.slope, want.amplitude / (4 * want.width), 1e-4);
        assert_true(got.rms < 1e-6);
        for (int k = 0; k < N; k++)
            y[k] += 0.02 * draw_normal(&rng);
        assert_int_equal(mdl_gain_fit(x, y, N, &got), MDL_OK);
        assert_close(got.threshold, want.threshold, 0.3);
        assert_between(got.rms, 0.008, 0.03);
    }
    double x[N] = {0}, y[N] = {0};
    mdl_gain_curve g;
    assert_int_equal(mdl_gain_fit(x, y, 4, &g), MDL_ESIZE);
    assert_int_equal(mdl_gain_fit(x, y, N, &g), MDL_ERANGE);
}

static void test_time(void **state) {
    (void)state;
    double y[1000], a = 0, b = 0;
    for (int t = 0; t < 1000; t++) { /* two filters of 8 and 3 steps */
        y[t] = 2 - 3 * b;
        a += (1 - a) / 8;
        b += (a - b) / 3;
    }
    /* y(0) counts whole; the second filter reads the first one's new value: 8 + 3 - 1. */
    assert_close(mdl_response_time(y, 1000), 10, 1e-6);
    for (int t = 0; t < 1000; t++)
        y[t] = 5;
    assert_close(mdl_response_time(y, 1000), 0, 0);
}

static size_t count(const char *text, const char *part) {
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

static void test_svg(void **state) {
    (void)state;
    const double x[] = {1, 10, 100, 1000}, y[] = {1, 4, NAN, 2}, lo[] = {0.5, 3, 2, 1}, hi[] = {2, 5, 6, 3};
    const mdl_svg_series series[] = {{.name = "a < b & c", .x = x, .y = y, .lo = lo, .hi = hi, .n = 4},
                                     {.x = x, .y = hi, .n = 4, .mark = MDL_SVG_BOTH, .dashed = 1}};
    const mdl_svg_panel panel[] = {
        {.title = "T", .x_label = "x", .y_label = "y", .log_x = 1, .series = series, .count = 2},
        {.title = "none", .x_label = "x", .y_label = "y", .series = NULL, .count = 0},
        {.title = "flat", .x_label = "x", .y_label = "y", .log_y = 1, .series = series, .count = 1}};
    char *svg = mdl_svg_plot(panel, 3, 2);
    assert_non_null(svg);
    assert_int_equal(strncmp(svg, "<svg xmlns=", 11), 0);
    assert_non_null(strstr(svg, "a &lt; b &amp; c"));
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
    assert_non_null(strstr(svg, "prefers-color-scheme:dark"));
    assert_int_equal(count(svg, "<circle"), 4);
    assert_int_equal(count(svg, "<text"), count(svg, "</text>"));
    assert_int_equal(count(svg, "stroke-dasharray"), 1);
    /* A line broken by the point that is not finite begins twice. */
    const char *line = strstr(svg, "class=\"s0\"");
    assert_non_null(line);
    char one[400];
    snprintf(one, sizeof one, "%.*s", (int)(strchr(line, '>') - line), line);
    assert_int_equal(count(one, "M"), 2);
    free(svg);
    svg = mdl_svg_plot(NULL, 0, 1);
    assert_non_null(svg);
    free(svg);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_svg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
