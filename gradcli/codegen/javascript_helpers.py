"""JavaScript's functions that `Math` lacks, or answers otherwise than IEEE 754, for generated files.

Source of erf and erfc: W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of
Computation 23 (1969), whose coefficients these are. Invariant: they are right to 1e-15 relative; a test holds that.
"""

from __future__ import annotations

from gradcli.codegen.target import Helper

_ERROR_FUNCTION = """// exp(-x*x) with x*x split in two, so that nothing of it is rounded away.
function expMinusSquare(x) {
    const high = Math.trunc(x * 16) / 16;
    return Math.exp(-high * high) * Math.exp(-(x - high) * (x + high));
}

// Numerator and denominator of a rational function; coefficients from the highest power down.
function ratio(x, numerator, denominator) {
    const value = (coefficients) => coefficients.reduce((sum, c) => sum * x + c, 0);
    return value(numerator) / value(denominator);
}

// erfc(x) for x > 0.46875: W. J. Cody, Mathematics of Computation 23 (1969).
function erfcTail(x) {
    if (x > 27) return 0;
    if (x <= 4) {
        const numerator = [
            2.15311535474403846e-8, 0.564188496988670089, 8.88314979438837594, 66.1191906371416295,
            298.635138197400131, 881.95222124176909, 1712.04761263407058, 2051.07837782607147,
            1230.33935479799725,
        ];
        const denominator = [
            1, 15.7449261107098347, 117.693950891312499, 537.181101862009858, 1621.38957456669019,
            3290.79923573345963, 4362.61909014324716, 3439.36767414372164, 1230.33935480374942,
        ];
        return expMinusSquare(x) * ratio(x, numerator, denominator);
    }
    const numerator = [
        0.0163153871373020978, 0.305326634961232344, 0.360344899949804439, 0.125781726111229246,
        0.0160837851487422766, 6.58749161529837803e-4,
    ];
    const denominator = [
        1, 2.56852019228982242, 1.87295284992346047, 0.527905102951428412, 0.0605183413124413191,
        2.33520497626869185e-3,
    ];
    const series = ratio(1 / (x * x), numerator, denominator) / (x * x);
    return expMinusSquare(x) * (0.564189583547756287 - series) / x;
}
"""

HELPERS: dict[str, Helper] = {
    "power": Helper(
        """// x to the a as IEEE 754 has it: 1 to any power is 1, which JavaScript makes NaN for some.
function power(x, a) {
    return x === 1 || (x === -1 && Math.abs(a) === Infinity) ? 1 : x ** a;
}
"""
    ),
    "where": Helper(
        """// a, or b where c is 0; NaN where c is NaN.
function where(c, a, b) {
    return c === 0 ? b : Number.isNaN(c) ? NaN : a;
}
"""
    ),
    "chain": Helper(
        """// gradient * slope, and 0 where the gradient is exactly 0, even if the slope is infinite.
function chain(gradient, slope) {
    return gradient === 0 ? 0 : gradient * slope;
}
"""
    ),
    "roundHalfEven": Helper(
        """// The nearest integer, halves to the even one.
function roundHalfEven(x) {
    const up = Math.round(x);
    return up - x === 0.5 && up % 2 !== 0 ? up - 1 : up;
}
"""
    ),
    "modulo": Helper(
        """// a - b*floor(a/b), with the sign of b.
function modulo(a, b) {
    const rest = a % b;
    return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}
"""
    ),
    "errorFunction": Helper(_ERROR_FUNCTION),
    "erf": Helper(
        """// The error function.
function erf(x) {
    if (Math.abs(x) > 0.46875) return Math.sign(x) * (1 - erfcTail(Math.abs(x)));
    const numerator = [
        0.185777706184603153, 3.1611237438705656, 113.864154151050156, 377.485237685302021,
        3209.37758913846947,
    ];
    const denominator = [
        1, 23.6012909523441209, 244.024637934444173, 1282.61652607737228, 2844.23683343917062,
    ];
    return x * ratio(x * x, numerator, denominator);
}
""",
        ("errorFunction",),
    ),
    "erfc": Helper(
        """// 1 - erf(x), exact in the right tail.
function erfc(x) {
    return x > 0.46875 ? erfcTail(x) : 1 - erf(x);
}
""",
        ("errorFunction", "erf"),
    ),
    "agrees": Helper(
        """// Whether two numbers are the same but for rounding; NaN agrees with NaN.
function agrees(found, expected, tolerance) {
    if (found === expected || Object.is(found, expected)) return true;
    return Math.abs(found - expected) <= tolerance;
}
"""
    ),
}

ALL_AGREE = Helper(  # for programs with arrays alone
    """// Whether two numbers agree, or all numbers of arrays of arrays.
function allAgree(found, expected, tolerance) {
    if (!Array.isArray(expected)) return agrees(found, expected, tolerance);
    if (found.length !== expected.length) return false;
    return expected.every((x, k) => allAgree(found[k], x, tolerance));
}
""",
    ("agrees",),
)
