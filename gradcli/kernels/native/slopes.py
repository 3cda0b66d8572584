"""C functions that the native engine calls: the refined formulas of slopes, and the normal distribution.

Leaves: source by name. Invariant: as in formulas.py; the formulas are those of gradcli/numeric/refined.py and
gaussian.py. Sources: Dekker 1971 (the error of a product), Knuth (the error of a sum), Abramowitz and Stegun 26.2.12.
"""

from __future__ import annotations

from gradcli.codegen.target import Helper
from gradcli.numeric.refined import SINC_SERIES


def _horner(terms: tuple[float, ...], x: str) -> str:
    """A polynomial, its coefficients from the highest power down."""
    text = repr(terms[0])
    for term in terms[1:]:
        text = f"({term!r} + {x} * {text})"
    return text


_SLOPES = {
    "defined": Helper("INLINE double defined(whole c, double x) { return c ? x : NAN; }\n"),
    "unsigned_zero": Helper("INLINE double unsigned_zero(double x) { return x + 0.0; }\n"),
    "exp_times": Helper(
        """INLINE double exp_times(double x, double factor)
{
    const double e = v_exp(x), root = v_exp(0.5 * x), plain = factor * e, small = factor * root * root;
    return e < 1e-300 ? small : plain;
}
""",
        ("v_exp",),
    ),
    "cbrt_slope": Helper(
        """INLINE double cbrt_slope(double x, double y)
{
    const double size = __builtin_fabs(x), inside = y / x / 3.0, far = 1.0 / (y * y);
    const double outside = x == 0.0 ? INFINITY : far;
    return (0.0 < size) & (size < INFINITY) ? inside : outside;
}
"""
    ),
    "atan_slope": Helper(
        """INLINE double atan_slope(double x)
{
    const double near = 1.0 / (1.0 + x * x), far = 1.0 / x / x;
    return __builtin_fabs(x) < 1e100 ? near : far;
}
"""
    ),
    "hypot_slope": Helper(
        """INLINE double hypot_slope(double x, double y, double r)
{
    const whole large = (r == INFINITY) & (__builtin_fabs(x) < INFINITY) & (__builtin_fabs(y) < INFINITY);
    const double half = v_hypot(0.5 * x, 0.5 * y), ratio = (large ? 0.5 * x : x) / (large ? half : r);
    return r == 0.0 ? 0.0 : ratio;
}
""",
        ("v_hypot",),
    ),
    "atan2_slope": Helper(
        """INLINE double atan2_slope(double numerator, double y, double x)
{
    const double r = v_hypot(x, y), half = v_hypot(0.5 * x, 0.5 * y);
    const whole large = (r == INFINITY) & (__builtin_fabs(x) < INFINITY) & (__builtin_fabs(y) < INFINITY);
    const double divisor = large ? half : r, ratio = (large ? 0.25 * numerator : numerator) / divisor / divisor;
    return r == 0.0 ? 0.0 : ratio;
}
""",
        ("v_hypot",),
    ),
    "sech_squared": Helper(
        """INLINE double sech_squared(double x)
{
    const double e = v_exp(-2.0 * __builtin_fabs(x));
    return 4.0 * e / (1.0 + e * (2.0 + e));
}
""",
        ("v_exp",),
    ),
    "sigmoid_slope": Helper(
        """INLINE double sigmoid_slope(double x)
{
    const double e = v_exp(-__builtin_fabs(x));
    return e / (1.0 + e * (2.0 + e));
}
""",
        ("v_exp",),
    ),
    "sigmoid_of_difference": Helper(
        """INLINE double sigmoid_of_difference(double a, double b)
{
    const double d = a - b, e = v_exp(-__builtin_fabs(d)), upper = 1.0 / (1.0 + e), lower = e / (1.0 + e);
    const double sigma = d >= 0.0 ? upper : lower, rest = d >= 0.0 ? lower : upper;
    const double part = a - d, error = (a - (d + part)) + (part - b), corrected = sigma + sigma * rest * error;
    return __builtin_fabs(d) < 800.0 ? corrected : sigma;
}
""",
        ("v_exp",),
    ),
    "logaddexp": Helper(
        """INLINE double logaddexp(double a, double b)
{
    const double d = a - b, larger = maximum(a, b), e = v_exp(-__builtin_fabs(d));
    const double part = a - d, error = (a - (d + part)) + (part - b);
    const double near = larger + (v_log1p(e) - __builtin_copysign(e / (1.0 + e), d) * error);
    const double found = __builtin_fabs(d) < 800.0 ? near : d != d ? d : larger;
    return a == b ? a + 0.6931471805599453 : found;
}
""",
        ("maximum", "v_exp", "v_log1p"),
    ),
    "silu": Helper(
        """INLINE double silu(double x)
{
    const double e = v_exp(-__builtin_fabs(x)), plain = x * ((x < 0.0 ? e : 1.0) / (1.0 + e));
    const double root = v_exp(0.5 * x), small = x * root * root;
    return x < -700.0 ? small : plain;
}
""",
        ("v_exp",),
    ),
    "silu_slope": Helper(
        """INLINE double silu_slope(double x)
{
    const double e = v_exp(-__builtin_fabs(x)), root = v_exp(0.5 * x), small = (1.0 + x) * root * root;
    const double over = x > 0.0 ? 1.0 + e * (1.0 + x) : e * ((1.0 + x) + e);
    const double near = over / (1.0 + e * (2.0 + e)), left = x < -700.0 ? small : near;
    const double flat = x > 0.0 ? 1.0 : 0.0;
    return __builtin_fabs(x) > 800.0 ? flat : left;
}
""",
        ("v_exp",),
    ),
    "mish": Helper(
        """INLINE double mish(double x)
{
    const double e = v_exp(-__builtin_fabs(x)), n = e * (e + 2.0);
    const double right = (1.0 + 2.0 * e) / (1.0 + 2.0 * e * (1.0 + e)), left = n / (n + 2.0);
    const double root = v_exp(0.5 * x), small = x * root * root, plain = x * (x > 0.0 ? right : left);
    return x < -700.0 ? small : plain;
}
""",
        ("v_exp",),
    ),
    "mish_slope": Helper(
        """INLINE double mish_slope(double x)
{
    const double e = v_exp(-__builtin_fabs(x)), n = x > 0.0 ? 1.0 + 2.0 * e : e * (e + 2.0);
    const double d = 1.0 + 2.0 * e * (1.0 + e), root = v_exp(0.5 * x), small = (1.0 + x) * root * root;
    const double right = (n * d + 4.0 * x * e * e * (1.0 + e)) / (d * d);
    const double left = e * (4.0 * (1.0 + x) + e * (6.0 + 4.0 * x + e * (4.0 + e))) / (4.0 + n * (4.0 + n));
    const double near = x > 0.0 ? right : left, inside = x < -700.0 ? small : near, flat = x > 0.0 ? 1.0 : 0.0;
    return __builtin_fabs(x) > 800.0 ? flat : inside;
}
""",
        ("v_exp",),
    ),
    "sinc_slope": Helper(
        f"""INLINE double sinc_slope(double x)
{{
    const double square = x * x, series = {_horner(SINC_SERIES, "square")};
    const double far = (cosine(x) - sine(x) / x) / x, near = x * series;
    return __builtin_fabs(x) < 1.0 ? near : __builtin_fabs(x) == INFINITY ? NAN : far;
}}
""",
        ("cosine", "sine"),
    ),
}

_GAUSSIAN = {
    "product_error": Helper(
        """INLINE double product_error(double a, double b, double product)
{
#ifdef __FMA__
    return __builtin_fma(a, b, -product);
#else
    const double a_far = a * 134217729.0, b_far = b * 134217729.0;
    const double a_high = a_far - (a_far - a), b_high = b_far - (b_far - b), a_low = a - a_high, b_low = b - b_high;
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
#endif
}
"""
    ),
    "exp_minus_square": Helper(
        """INLINE double exp_minus_square(double x)
{
    const double square = x * x, e = v_exp(-square), near = e - e * product_error(x, x, square);
    const double far = x != x ? x : 0.0;
    return __builtin_fabs(x) < 40.0 ? near : far;
}
""",
        ("v_exp", "product_error"),
    ),
    "normal_pdf": Helper(
        """INLINE double normal_pdf(double x)
{
    const double square = x * x, e = v_exp(-0.5 * square);
    const double near = 0.3989422804014327 * (e - e * (0.5 * product_error(x, x, square)));
    const double far = x != x ? x : 0.0;
    return __builtin_fabs(x) < 50.0 ? near : far;
}
""",
        ("v_exp", "product_error"),
    ),
    "normal_cdf": Helper(
        """INLINE double normal_cdf(double x)
{
    const double t = x * 0.7071067811865476;
    const double error = product_error(x, 0.7071067811865476, t) + x * -4.833646656726457e-17;
    const double near = 0.5 * v_erfc(-t) + 0.5641895835477563 * exp_minus_square(t) * error;
    const double side = x < 0.0 ? 0.0 : 1.0, far = x != x ? x : side;
    return __builtin_fabs(x) < 40.0 ? near : far;
}
""",
        ("v_erfc", "product_error", "exp_minus_square"),
    ),
    "normal_tail": Helper(
        """/* |x| times the normal distribution function over its density, far to the left. */
INLINE double mills(double x)
{
    const double u = 1.0 / (x * x);
    return 1.0 - u * (1.0 - 3.0 * u * (1.0 - 5.0 * u * (1.0 - 7.0 * u * (1.0 - 9.0 * u * (1.0 - 11.0 * u)))));
}

/* factor times the density there, which may be subnormal. */
INLINE double normal_tail(double x, double factor)
{
    const double square = x * x, e = v_exp(64.0 - 0.5 * square);
    return 6.398279740081261e-29 * factor * (e - e * (0.5 * product_error(x, x, square)));
}
""",
        ("v_exp", "product_error"),
    ),
    "gelu": Helper(
        """INLINE double gelu(double x)
{
    const double tail = -normal_tail(x, mills(x)), plain = x * normal_cdf(x);
    return (-40.0 < x) & (x < -37.0) ? tail : plain;
}
""",
        ("normal_tail", "normal_cdf"),
    ),
    "gelu_slope": Helper(
        """INLINE double gelu_slope(double x)
{
    const double tail = normal_tail(x, x - mills(x) / x), plain = normal_cdf(x) + x * normal_pdf(x);
    return (-40.0 < x) & (x < -37.0) ? tail : plain;
}
""",
        ("normal_tail", "normal_cdf", "normal_pdf"),
    ),
}

SLOPES: dict[str, Helper] = {**_SLOPES, **_GAUSSIAN}
