"""C functions that the native engine calls: choices, angles, remainders, powers. slopes.py has the others.

Leaves: source by name. Invariant: no branches, every choice is a selection between numbers that are both there, so that
a loop over rows becomes vector instructions; the formulas are those of gradcli/numeric, and nan, infinities and signed
zeros come out the same. What can't be written so is done row by row, and only in the rows that need it (rare.py).
"""

from __future__ import annotations

from gradcli.codegen.target import Helper
from gradcli.kernels.native.rare import guarded, rare

_CHOICES = {
    "choose": Helper("INLINE double choose(whole c, double a, double b) { return c ? a : b; }\n"),
    "both": Helper("INLINE whole both(whole a, whole b) { return a & b; }\n"),
    "either": Helper("INLINE whole either(whole a, whole b) { return a | b; }\n"),
    "where": Helper(
        """INLINE double where(double c, double a, double b)
{
    const double chosen = c == 0.0 ? b : a;
    return c != c ? NAN : chosen;
}
"""
    ),
    "maximum": Helper("INLINE double maximum(double a, double b) { return (b > a) | (b != b) ? b : a; }\n"),
    "minimum": Helper("INLINE double minimum(double a, double b) { return (b < a) | (b != b) ? b : a; }\n"),
    "chain": Helper(
        """INLINE double chain(double gradient, double slope)
{
    const double product = gradient * slope;
    return gradient == 0.0 ? 0.0 : product;
}
"""
    ),
}


# Beside a multiple of a quarter turn the result is what is left of x, of which libraries keep too few digits: there a
# wider type has them. Below 1 there is no such multiple but 0 itself.
def _of_angle(name: str, called: str) -> dict[str, Helper]:
    near = "(y < 1e-15) & (y > -1e-15) & ((x > 1.0) | (x < -1.0))"
    edge = f"({near}) | (y > 1e15) | (y < -1e15)" if name == "tan" else near
    once = rare(f"{name}_at_edge", ("x",), f"    return (double){name}l((long double)x);\n")
    return {called: Helper(f"{once}\n{guarded(name, called, edge)}", (f"v_{name}", f"m_{name}l"))}


_ANGLES = _of_angle("sin", "sine") | _of_angle("cos", "cosine") | _of_angle("tan", "tangent")

_REMAINDER = {
    "rest_of": Helper(
        rare("rest_of", ("a", "b"), "    return fmod(a, b);\n"),
        ("m_fmod",),
    ),
    "modulo": Helper(
        """INLINE double with_sign(double rest, double b)
{
    const double moved = (rest != 0.0) & ((rest < 0.0) != (b < 0.0)) ? rest + b : rest;
    return moved == 0.0 ? __builtin_copysign(0.0, b) : moved;
}

/* The rest of a division below 2^52 is exact with one fused multiplication. */
INLINE double modulo(double a, double b)
{
#ifdef __FMA__
    const double quotient = a / b;
    const whole small = (__builtin_fabs(quotient) < 4503599627370496.0) & (__builtin_fabs(b) < INFINITY);
    const double quick = __builtin_fma(-__builtin_floor(quotient), b, a);
    const double slow = rest_of(a, b, small ? 0.0 : 1.0);
    return with_sign(small ? quick : slow, b);
#else
    return with_sign(rest_of(a, b, 1.0), b);
#endif
}
""",
        ("rest_of",),
    ),
}

_POWERS = {
    "square": Helper("INLINE double square(double x) { return x * x; }\n"),
    "cube": Helper("INLINE double cube(double x) { return x * x * x; }\n"),
    "fourth": Helper("INLINE double fourth(double x) { const double s = x * x; return s * s; }\n"),
    "inverse": Helper("INLINE double inverse(double x) { return 1.0 / x; }\n"),
    "inverse_square": Helper("INLINE double inverse_square(double x) { const double r = 1.0 / x; return r * r; }\n"),
    "power_half": Helper(
        """INLINE double power_half(double x)
{
    const double root = __builtin_sqrt(x) + 0.0;
    return x == -INFINITY ? INFINITY : root;
}
"""
    ),
    "power_minus_half": Helper(
        "INLINE double power_minus_half(double x) { return 1.0 / power_half(x); }\n", ("power_half",)
    ),
    "power_three_halves": Helper(
        "INLINE double power_three_halves(double x) { return __builtin_fabs(x) * power_half(x); }\n", ("power_half",)
    ),
    "pow_slope_at_edge": Helper(
        rare(
            "pow_slope_at_edge",
            ("x", "a"),
            """    if (a == 0.0 && (x == 0.0 || x != x))
        return 0.0;
    const double t = a - 1.0, back = t - a, rounding = (a - (t - back)) + (-1.0 - back);
    double power = pow(x, t);
    const int rounds = (t + 1.0 != a || t - a != -1.0) && fabs(a) < INFINITY;
    if (x < 0.0 && rounds)
        power = fabs(a) >= 9007199254740992.0 ? -fabs(power) : NAN;
    if (1e-290 < fabs(power) && fabs(power) < 1e290 && x != 0.0)
        return a * (rounds ? power + power * rounding * log(fabs(x)) : power);
    const double root = pow(fabs(x), 0.5 * t);
    if (x == 0.0 || power != power || !(0.0 < root && root < INFINITY))
        return a * power;
    return copysign(a, a * power) * root * (root + root * rounding * log(fabs(x)));
""",
        ),
        ("m_pow", "m_log", "m_fabs", "m_copysign"),
    ),
    "exact_pow_slope": Helper(
        """/* For an exponent whose difference from 1 is exact. */
INLINE double exact_pow_slope(double x, double a)
{
    const double power = v_pow(x, a - 1.0), size = __builtin_fabs(power);
    const whole edge = !((1e-290 < size) & (size < 1e290)) | (x == 0.0);
    const double rare = pow_slope_at_edge(x, a, edge ? 1.0 : 0.0), plain = a * power;
    return edge ? rare : plain;
}
""",
        ("v_pow", "pow_slope_at_edge"),
    ),
    "pow_slope": Helper(
        """INLINE double pow_slope(double x, double a)
{
    const double t = a - 1.0, power = v_pow(x, t), size = __builtin_fabs(power);
    const double back = t - a, rounding = (a - (t - back)) + (-1.0 - back);
    const whole rounds = ((t + 1.0 != a) | (t - a != -1.0)) & (__builtin_fabs(a) < INFINITY);
    const whole edge = !((1e-290 < size) & (size < 1e290)) | (x == 0.0) | (rounds & (x < 0.0));
    const double corrected = power + power * rounding * v_log(__builtin_fabs(x));
    const double plain = a * (rounds ? corrected : power);
    const double rare = pow_slope_at_edge(x, a, edge ? 1.0 : 0.0);
    return edge ? rare : plain;
}
""",
        ("v_pow", "v_log", "pow_slope_at_edge"),
    ),
    "exponent_slope_at_edge": Helper(
        rare(
            "exponent_slope_at_edge",
            ("x", "a"),
            "    const double root = pow(x, 0.5 * a);\n    return root * log(x) * root;\n",
        ),
        ("m_pow", "m_log"),
    ),
    "pow_exponent_slope": Helper(
        """INLINE double pow_exponent_slope(double x, double a, double y)
{
    const whole edge = !((1e-290 < y) & (y < 1e290)) & (0.0 < x) & (x < INFINITY) & (__builtin_fabs(a) < INFINITY);
    const double plain = y * v_log(x), rare = exponent_slope_at_edge(x, a, edge ? 1.0 : 0.0);
    const double found = edge ? rare : plain;
    return (x == 0.0) & (a >= 0.0) ? 0.0 : found;
}
""",
        ("v_log", "exponent_slope_at_edge"),
    ),
}

FORMULAS: dict[str, Helper] = {**_CHOICES, **_ANGLES, **_REMAINDER, **_POWERS}
