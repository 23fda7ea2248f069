#include "core/num.h"

double mdl_sqrt(double x) { return __builtin_sqrt(x > 0.0 ? x : 0.0); }

/* Double-double: the unevaluated sum hi + lo, |lo| <= ulp(hi) / 2. Sine and
 * cosine need it so that nearly every result is the correctly rounded one, which
 * is what the reference environments' libm gives. */
typedef struct dd {
    double hi, lo;
} dd;

/* |a| >= |b| or a = 0. */
static dd quick_two_sum(double a, double b) {
    double s = a + b;
    return (dd){s, b - (s - a)};
}

static dd two_sum(double a, double b) {
    double s = a + b, v = s - a;
    return (dd){s, (a - (s - v)) + (b - v)};
}

/* a * b exactly (Dekker): halves of 26 bits by Veltkamp's splitting. */
static dd two_product(double a, double b) {
    double p = a * b;
    double ta = a * 0x1.000002p27, tb = b * 0x1.000002p27; /* 2^27 + 1 */
    double ah = ta - (ta - a), bh = tb - (tb - b);
    double al = a - ah, bl = b - bh;
    return (dd){p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

static dd dd_add(dd a, dd b) {
    dd s = two_sum(a.hi, b.hi);
    return quick_two_sum(s.hi, s.lo + (a.lo + b.lo));
}

static dd dd_mul(dd a, dd b) {
    dd p = two_product(a.hi, b.hi);
    return quick_two_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

/* x = n pi/2 + r, |r| <= pi/4. pi/2 is cut into three parts of 33 bits, whose
 * products with n < 2^20 are exact, and a rest. The first difference is exact
 * too (Sterbenz). Returns n. */
static int32_t reduce(double x, dd *r) {
    double n = x * 0x1.45f306dc9c883p-1 + 0x1.8p52 - 0x1.8p52;
    double first = x - n * 0x1.921fb544p+0;
    dd s = two_sum(first, n * -0x1.0b4611a6p-34);
    dd t = two_sum(s.hi, n * -0x1.3198a2ep-69);
    *r = quick_two_sum(t.hi, t.lo + (s.lo + n * -0x1.b839a252049c1p-104));
    return (int32_t)n;
}

/* Taylor's series: the terms that reach the result's last bits in double-double,
 * the others in double. */
static double sin_reduced(dd r) {
    dd z = dd_mul(r, r);
    double p = -1.0 / 121645100408832000.0; /* 19! */
    p = p * z.hi + 1.0 / 355687428096000.0;
    p = p * z.hi - 1.0 / 1307674368000.0;
    p = p * z.hi + 1.0 / 6227020800.0;
    p = p * z.hi - 1.0 / 39916800.0;
    p = p * z.hi + 1.0 / 362880.0;
    p = p * z.hi - 1.0 / 5040.0;
    dd s = dd_mul(z, (dd){p, 0.0});
    s = dd_add((dd){0x1.1111111111111p-7, 0x1.1111111111111p-63}, s);
    s = dd_add((dd){-0x1.5555555555555p-3, -0x1.5555555555555p-57}, dd_mul(z, s));
    s = dd_add(r, dd_mul(r, dd_mul(z, s)));
    return s.hi;
}

static double cos_reduced(dd r) {
    dd z = dd_mul(r, r);
    double p = 1.0 / 2432902008176640000.0; /* 20! */
    p = p * z.hi - 1.0 / 6402373705728000.0;
    p = p * z.hi + 1.0 / 20922789888000.0;
    p = p * z.hi - 1.0 / 87178291200.0;
    p = p * z.hi + 1.0 / 479001600.0;
    p = p * z.hi - 1.0 / 3628800.0;
    p = p * z.hi + 1.0 / 40320.0;
    p = p * z.hi - 1.0 / 720.0;
    dd s = dd_mul(z, (dd){p, 0.0});
    s = dd_add((dd){0x1.5555555555555p-5, 0x1.5555555555555p-59}, s);
    s = dd_add((dd){-0.5, 0.0}, dd_mul(z, s));
    s = dd_add((dd){1.0, 0.0}, dd_mul(z, s));
    return s.hi;
}

static double clamp(double x, double lo, double hi) {
    double y = x > lo ? x : lo;
    return y < hi ? y : hi;
}

double mdl_sin(double x) {
    double y = clamp(x, -0x1p20, 0x1p20);
    if (y > -0x1p-26 && y < 0x1p-26)
        return y; /* sin y rounds to y; keeps -0 */
    dd r;
    int32_t n = reduce(y, &r);
    double s = (n & 1) ? cos_reduced(r) : sin_reduced(r);
    return (n & 2) ? -s : s;
}

double mdl_cos(double x) {
    dd r;
    int32_t n = reduce(clamp(x, -0x1p20, 0x1p20), &r);
    double s = (n & 1) ? sin_reduced(r) : cos_reduced(r);
    return ((n + 1) & 2) ? -s : s;
}

double mdl_exp(double x) {
    double y = clamp(x, -708.0, 709.0);
    double n = y * 0x1.71547652b82fep+0 + 0x1.8p52 - 0x1.8p52;
    double hi = y - n * 0x1.62e42fefa38p-1; /* exact: 42 bits times 11 */
    double lo = n * -0x1.ef35793c7673p-45;
    double r = hi + lo;
    double rest = (hi - r) + lo;
    double p = 1.0 / 87178291200.0; /* Taylor, 14! to 2! */
    p = p * r + 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    double e = 1.0 + (r + (r * r * p + rest));
    return mdl_bits_double(mdl_double_bits(e) + ((uint64_t)(int64_t)n << 52));
}

double mdl_log(double x) {
    uint64_t bits = mdl_double_bits(clamp(x, DBL_MIN, DBL_MAX)) - 0x3fe6a09e667f3bcdu; /* sqrt(1/2) */
    double k = (double)((int64_t)bits >> 52);
    double f = mdl_bits_double((bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0; /* exact */
    /* log(1 + f) = f - f^2/2 + s (f^2/2 + z (2/3 + 2/5 z + ...)), s = f / (2 + f), z = s^2 */
    double s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    double p = 2.0 / 23.0;
    p = p * z + 2.0 / 21.0;
    p = p * z + 2.0 / 19.0;
    p = p * z + 2.0 / 17.0;
    p = p * z + 2.0 / 15.0;
    p = p * z + 2.0 / 13.0;
    p = p * z + 2.0 / 11.0;
    p = p * z + 2.0 / 9.0;
    p = p * z + 2.0 / 7.0;
    p = p * z + 2.0 / 5.0;
    p = p * z + 2.0 / 3.0;
    double tail = s * (half + z * p) + k * 0x1.ef35793c7673p-45;
    return k * 0x1.62e42fefa38p-1 - ((half - tail) - f);
}
