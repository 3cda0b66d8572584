"""Sine and cosine from the tangent, which NumPy computes several times faster where it has vector code for it.

Enters: columns of x and tan(x). Leaves: cos(x) = ±1/sqrt(1 + tan²x) and sin(x) = tan(x)*cos(x), neither of which
magnifies an error of the tangent. Invariant: within 4 units in the last place; elements for which this is not meant go
to the functions of one float.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any

import numpy as np

from gradcli.numeric import ieee

Column = Any


def _has_vector_tangent() -> bool:
    """Whether NumPy's tangent runs on wide registers here, by what it says of itself."""
    try:
        from numpy.lib import introspect

        target = introspect.opt_func_info(func_name="^tan$")["tan"]["dd"]["current"]
    except (ImportError, AttributeError, KeyError):
        return False
    return not str(target).startswith("baseline")


FAST_TANGENT = _has_vector_tangent()

_FAR = 1e6  # beyond, the number of half turns is not known from x/π
_ROUNDING = 1.5 * 2.0**52  # added to a number it leaves the nearest integer in the last bits
_STEEP = 1e6  # so near to a pole that side may be misjudged


def _patch(out: Column, odd: Column, x: Column, function: Callable[[float], float]) -> None:
    out[odd] = list(map(function, x[odd].tolist()))


def cosine_of_tangent(t: Column, x: Column, sign: Column, out: Column) -> None:
    """The sign is that of (-1)^k for the nearest k to x/π, which stands in the last bits of a sum with a large number.

    Args:
        sign: scratch.
        out: none of the others.
    """
    np.multiply(x, 1.0 / pi, sign)
    np.add(sign, _ROUNDING, sign)
    bits = sign.view(np.int64)
    np.left_shift(bits, 63, bits)
    np.multiply(t, t, out)
    np.add(out, 1.0, out)
    steep = out.max()
    np.sqrt(out, out)
    np.divide(1.0, out, out)
    result = out.view(np.int64)
    np.bitwise_xor(result, bits, result)
    if not (steep < _STEEP * _STEEP and x.max() < _FAR and x.min() > -_FAR):
        _patch(out, (np.abs(t) >= _STEEP) | (np.abs(x) >= _FAR), x, ieee.cos)


def sine_of_tangent(t: Column, c: Column, x: Column, out: Column) -> None:
    """The tangent times the cosine.

    Args:
        c: the cosine.
        out: none of the others.
    """
    np.multiply(t, c, out)
    if not (x.max() < _FAR and x.min() > -_FAR):
        _patch(out, np.abs(x) >= _FAR, x, ieee.sin)
