"""erf and erfc for array libraries that lack them, or are not exact in the tail.

Leaves: source. Source of the formulas: W. J. Cody, "Rational Chebyshev approximations for the error function",
Mathematics of Computation 23 (1969), whose coefficients these are, from the highest power down.
"""

from __future__ import annotations

from gradcli.codegen.target import Helper, wrapped

_NEAR = (  # erf(x)/x by powers of x², |x| ≤ 0.46875
    (0.185777706184603153, 3.1611237438705656, 113.864154151050156, 377.485237685302021, 3209.37758913846947),
    (1.0, 23.6012909523441209, 244.024637934444173, 1282.61652607737228, 2844.23683343917062),
)
_MIDDLE = (  # erfc(x)*exp(x²) by powers of x, x ≤ 4
    (2.15311535474403846e-8, 0.564188496988670089, 8.88314979438837594, 66.1191906371416295, 298.635138197400131,
     881.95222124176909, 1712.04761263407058, 2051.07837782607147, 1230.33935479799725),
    (1.0, 15.7449261107098347, 117.693950891312499, 537.181101862009858, 1621.38957456669019, 3290.79923573345963,
     4362.61909014324716, 3439.36767414372164, 1230.33935480374942),
)  # fmt: skip
_FAR = (  # 1/sqrt(π) - x*erfc(x)*exp(x²), divided by x², by powers of 1/x²
    (0.0163153871373020978, 0.305326634961232344, 0.360344899949804439, 0.125781726111229246, 0.0160837851487422766,
     6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346047, 0.527905102951428412, 0.0605183413124413191,
     2.33520497626869185e-3),
)  # fmt: skip


def _call(x: str, ratio: tuple[tuple[float, ...], tuple[float, ...]]) -> str:
    """A call of `ratio`, with both lists of coefficients on lines of their own."""
    lists = [f"        [{', '.join(map(repr, coefficients))}]," for coefficients in ratio]
    return "\n".join(["ratio(", f"        {x},", *(line for one in lists for line in wrapped(one)), "    )"])


def helpers(alias: str, erf: Helper | None = None) -> dict[str, Helper]:
    """erf and erfc, and what they share.

    Args:
        erf: another error function of the name `erf`.
    """
    return {
        "ratio": Helper(_RATIO),
        "erfc_tail": Helper(
            f'''def exp_minus_square(x):
    """exp(-x*x) with x*x split in two, so that nothing of it is rounded away."""
    high = {alias}.trunc(x * 16.0) / 16.0
    return {alias}.exp(-high * high) * {alias}.exp(-(x - high) * (x + high))


def erfc_tail(x):
    """erfc(x) for x > 0.46875: W. J. Cody, Mathematics of Computation 23 (1969)."""
    middle = {_call("x", _MIDDLE)}
    y = 1.0 / (x * x)
    series = {_call("y", _FAR)}
    far = (0.5641895835477563 - y * series) / x
    return {alias}.where(x > 27.0, 0.0, exp_minus_square(x) * {alias}.where(x <= 4.0, middle, far))
''',
            ("ratio",),
        ),
        "erf": erf
        or Helper(
            f'''def erf(x):
    """The error function."""
    near = x * {_call("x * x", _NEAR)}
    size = {alias}.abs(x)
    return {alias}.where(size <= 0.46875, near, {alias}.sign(x) * (1.0 - erfc_tail(size)))
''',
            ("ratio", "erfc_tail"),
        ),
        "erfc": Helper(
            f'''def erfc(x):
    """1 - erf(x), exact in the right tail."""
    return {alias}.where(x > 0.46875, erfc_tail(x), 1.0 - erf(x))
''',
            ("erfc_tail", "erf"),
        ),
    }


_RATIO = '''def polynomial(x, coefficients):
    """Coefficients from the highest power down."""
    value = coefficients[0]
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value


def ratio(x, numerator, denominator):
    """A rational function."""
    return polynomial(x, numerator) / polynomial(x, denominator)
'''
