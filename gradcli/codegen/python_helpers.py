"""Python's functions with IEEE 754's answers, for generated files: `math` and the operators raise where IEEE does not.

Invariant: the answers are those of gradcli/numeric/ieee.py.
"""

from __future__ import annotations

from gradcli.codegen.target import Helper


def _finite_only(name: str) -> Helper:
    return Helper(
        f'''def {name}(x):
    """math.{name}, and nan at an infinity, where it would raise."""
    return math.{name}(x) if math.isfinite(x) else math.nan
''',
        ("math",),
    )


def _overflowing(name: str, overflow: str) -> Helper:
    return Helper(
        f'''def {name}(x):
    """math.{name}, and infinity where it would raise."""
    try:
        return math.{name}(x)
    except OverflowError:
        return {overflow}
''',
        ("math",),
    )


def _logarithm(name: str, above: str) -> Helper:
    return Helper(
        f'''def {name}(x):
    """math.{name}, and -inf at {above.removesuffix(".0")}, nan below, where it would raise."""
    return math.{name}(x) if x > {above} else -math.inf if x == {above} else math.nan
''',
        ("math",),
    )


def _inside(name: str, condition: str) -> Helper:
    return Helper(
        f'''def {name}(x):
    """math.{name}, and nan outside its domain, where it would raise."""
    return math.{name}(x) if {condition} else math.nan
''',
        ("math",),
    )


HELPERS: dict[str, Helper] = {
    "math": Helper(""),
    "divide": Helper(
        '''def divide(a, b):
    """a / b, and infinity or nan where b is 0."""
    if b != 0.0:
        return a / b
    return math.nan if a == 0.0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)
''',
        ("math",),
    ),
    "power": Helper(
        '''def power(x, a):
    """x to the a as IEEE 754 has it: neither exceptions nor complex numbers."""
    try:
        return math.pow(x, a)
    except OverflowError:
        return -math.inf if x < 0.0 and math.fmod(a, 2.0) in (-1.0, 1.0) else math.inf
    except ValueError:  # a zero to a negative power, or a negative number to a fraction
        if x != 0.0:
            return math.nan
        return math.copysign(math.inf, x) if math.fmod(a, 2.0) in (-1.0, 1.0) else math.inf
''',
        ("math",),
    ),
    "where": Helper(
        '''def where(c, a, b):
    """a, or b where c is 0; nan where c is nan."""
    return b if c == 0.0 else a if c == c else math.nan
''',
        ("math",),
    ),
    "maximum": Helper(
        '''def maximum(*xs):
    """The largest number; nan if there is one."""
    largest = xs[0]
    for x in xs:
        if x > largest or x != x:
            largest = x
    return largest
'''
    ),
    "minimum": Helper(
        '''def minimum(*xs):
    """The smallest number; nan if there is one."""
    smallest = xs[0]
    for x in xs:
        if x < smallest or x != x:
            smallest = x
    return smallest
'''
    ),
    "chain": Helper(
        '''def chain(gradient, slope):
    """gradient * slope, and 0 where the gradient is exactly 0, even if the slope is infinite."""
    return 0.0 if gradient == 0.0 else gradient * slope
'''
    ),
    "exp": _overflowing("exp", "math.inf"),
    "expm1": _overflowing("expm1", "math.inf"),
    "sinh": _overflowing("sinh", "math.copysign(math.inf, x)"),
    "cosh": _overflowing("cosh", "math.inf"),
    "log": _logarithm("log", "0.0"),
    "log2": _logarithm("log2", "0.0"),
    "log10": _logarithm("log10", "0.0"),
    "log1p": _logarithm("log1p", "-1.0"),
    "sqrt": _inside("sqrt", "x >= 0.0"),
    "sin": _finite_only("sin"),
    "cos": _finite_only("cos"),
    "tan": _finite_only("tan"),
    "asin": _inside("asin", "-1.0 <= x <= 1.0"),
    "acos": _inside("acos", "-1.0 <= x <= 1.0"),
    "acosh": _inside("acosh", "x >= 1.0"),
    "atanh": Helper(
        '''def atanh(x):
    """math.atanh, and infinity at its ends, nan outside, where it would raise."""
    if -1.0 < x < 1.0:
        return math.atanh(x)
    return math.copysign(math.inf, x) if abs(x) == 1.0 else math.nan
''',
        ("math",),
    ),
    "floor": Helper(
        '''def floor(x):
    """The largest integer not above x, as a float."""
    return math.copysign(math.floor(x), x) if math.isfinite(x) else x
''',
        ("math",),
    ),
    "round_half_even": Helper(
        '''def round_half_even(x):
    """The nearest integer, halves to the even one, as a float."""
    return math.copysign(round(x), x) if math.isfinite(x) else x
''',
        ("math",),
    ),
    "modulo": Helper(
        '''def modulo(a, b):
    """a - b*floor(a/b), with the sign of b; nan where b is 0."""
    return a % b if b != 0.0 else math.nan
''',
        ("math",),
    ),
    "agrees": Helper(
        '''def agrees(found, expected, tolerance):
    """Whether two numbers are the same but for rounding; nan agrees with nan."""
    if found == expected or (found != found and expected != expected):
        return True
    return abs(found - expected) <= tolerance
'''
    ),
}

ALL_AGREE = Helper(  # for programs with arrays alone
    '''def all_agree(found, expected, tolerance):
    """Whether two numbers agree, or all numbers of lists in lists."""
    if not isinstance(expected, list):
        return agrees(found, expected, tolerance)
    pairs = zip(found, expected)
    return len(found) == len(expected) and all(all_agree(*pair, tolerance) for pair in pairs)
''',
    ("agrees",),
)
