"""One number of two programs: the same exactly? And to how many digits in floats?

Enters: two multiprecision numbers, two floats. Leaves: yes or no, digits. Invariant: what is undefined in both agrees,
and so do infinities of one sign; a float that stands for an exact 0 may be the rounding of the terms that cancel.
"""

from __future__ import annotations

import math
from typing import Any

from gradcli.checking.precision import FULL, SMALLEST, correct_digits, gradient_sizes, noise
from gradcli.graph import ops
from gradcli.traces import Trace

DIGITS = 30  # that exact numbers have to agree in
_BEYOND = (2**54 - 1) * 2**970  # from here on the nearest double is infinite
_SUBNORMAL = 4 * SMALLEST
_ADD, _SUB, _NEG, _MUL, _DIV = (ops.CODES[name] for name in ("add", "sub", "neg", "mul", "div"))


def same(a: Any, b: Any) -> bool:
    """Whether two exact numbers of one context are the same."""
    if a == b or (a != a and b != b):
        return True
    if a - a != 0 or b - b != 0:
        return False
    return bool(abs(a - b) <= max(abs(a), abs(b)) / 10**DIGITS)


def agreed_digits(a: float, b: float, noise: float = 0.0) -> float:
    """To how many digits two floats agree, from 0 to 16.

    Args:
        noise: how far they may be apart although they agree.
    """
    if a == b or (a != a and b != b):
        return FULL
    if not (math.isfinite(a) and math.isfinite(b)):
        return 0.0
    apart, size = abs(a / 2 - b / 2), max(abs(a), abs(b)) / 2
    if abs(a - b) <= max(noise, _SUBNORMAL):
        return FULL
    return min(FULL, max(0.0, -math.log10(apart / size))) if size and apart < size else 0.0


def kept_digits(found: float, true: Any, noise: float = 0.0) -> float:
    """The correct digits of a float; all of them where no double is nearer to the exact number."""
    if math.isinf(found) and abs(true) >= _BEYOND and (found > 0) == (true > 0):
        return FULL
    if true == 0 and abs(found) <= noise:
        return FULL
    return correct_digits(found, true)


def value_noise(trace: Trace, true: Trace) -> float:
    """What rounding may leave of an output that is exactly 0, by the largest term of the sum that it is."""
    graph, values = trace.graph, trace.values
    largest, seen, waiting = 0.0, {graph.output}, [(graph.output, 1.0)]
    while waiting:
        index, factor = waiting.pop()
        code, operands = graph.codes[index], graph.operands[index]
        if code in (_ADD, _SUB, _NEG):
            terms = [(operand, factor) for operand in operands]
        elif code in (_MUL, _DIV) and true.values[index] == 0:
            terms = _scaled(trace, true, index, factor)
        else:
            terms = []
            if index != graph.output:
                largest = max(largest, factor * abs(values[index]))
        waiting += [term for term in terms if term[0] not in seen]
        seen.update(operand for operand, _ in terms)
    return noise(largest)


def _scaled(trace: Trace, true: Trace, index: int, factor: float) -> list[tuple[int, float]]:
    """The factor of a product that is exactly 0, and what it is multiplied by."""
    a, b = trace.graph.operands[index]
    if trace.graph.codes[index] == _DIV:
        return [(a, factor / abs(trace.values[b]))] if trace.values[b] else []
    if true.values[a] == 0:
        return [(a, factor * abs(trace.values[b]))]
    return [(b, factor * abs(trace.values[a]))]


def gradient_noise(trace: Trace) -> dict[str, float]:
    """The same of every gradient, by the largest product of local gradients on a path to the input."""
    sizes = gradient_sizes(trace)
    return {name: noise(sizes[index]) for name, index in trace.graph.inputs.items()}
