"""The page writes numbers as Python does, sign by sign, and reads what a person types as the language does."""

from __future__ import annotations

import math
import random
import struct
from typing import Any

import numpy as np
import pytest
from node_page import run

from gradcli.errors import GradcliError
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.passes import forward
from gradcli.render.picture import short

SPECIAL = (
    0.0, -0.0, 1.0, 2.0, -1.0, 0.5, 0.7 * 0.8, 0.1 + 0.2, 9999.5, 9998.5, 99995.0, 999999.5, 999999.0, 1e6, 1e6 + 0.5,
    -1e6, 1e15, 1e16, 1e17, 123456789012345678.0, 1e-4, 1e-5, 0.00012345, 1e21, 1e22, 1e23, 5e-324, -5e-324,
    2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, math.inf, -math.inf, math.nan, 1 / 3,
    12344.5, 12345.5, 2.5, 0.25, 0.125, 0.0009995, 0.001, 9.9995, 0.99995, 99.995,
)  # fmt: skip


def doubles(count: int) -> list[float]:
    """Doubles of all magnitudes, short decimals, integers, ties, and all their neighbours' kinds."""
    draw = random.Random(7)
    found = list(SPECIAL)
    for _ in range(count):
        found += [
            struct.unpack("<d", draw.randbytes(8))[0],
            math.ldexp(draw.randint(1, 2**52), -1074) * draw.choice((1, -1)),
            draw.gauss(0, 1) * 10.0 ** draw.randint(-12, 12),
            draw.randint(-(10**5), 10**5) / 10 ** draw.randint(0, 8),
            draw.randint(-(10**7), 10**7) / 2 ** draw.randint(0, 12),
            float(draw.randint(-(10**18), 10**18)),
        ]
    return found


def test_numbers_are_written_as_by_python() -> None:
    """`full` is repr; `short` with any number of digits is the picture's."""
    numbers = doubles(8000)
    written = run(
        ["numbers"], "given.map(plainNumber).map((x) => [full(x), ...[4, 3, 2].map((n) => short(x, n))])", numbers
    )
    for x, texts in zip(numbers, written, strict=True):
        assert texts == [repr(x), short.short(x), short.short(x, 3), short.short(x, 2)]


def test_a_fitted_number_fits_and_is_the_number_rounded() -> None:
    """Whatever the double, 8 characters suffice; what is written is short with some number of digits."""
    numbers = doubles(2000)
    rooms = range(8, 13)
    expression = "given[0].map(plainNumber).map((x) => given[1].map((room) => fitted(x, room)))"
    for x, texts in zip(numbers, run(["numbers"], expression, [numbers, [*rooms]]), strict=True):
        for room, text in zip(rooms, texts, strict=True):
            wanted = next(t for digits in (4, 3, 2, 1) if len(t := short.short(x, digits)) <= room or digits == 1)
            assert text == wanted
            assert len(text) <= room
            if math.isfinite(x) and abs(x) < 1.7e308:
                assert math.isclose(float(text.replace("−", "-")), x, rel_tol=0.5, abs_tol=5e-324)


def arrays() -> list[Any]:
    draw = np.random.default_rng(5)
    found: list[Any] = [np.zeros((0,)), np.zeros((2, 0)), np.ones((5,)), np.array([1.0, math.nan, 2.0, math.inf, 0.5])]
    for shape in [(1,), (2,), (3,), (4,), (5,), (2, 2), (1, 4), (4, 1), (3, 3), (2, 2, 2), (1, 1, 1), (40, 30)]:
        for size in (1.0, 1e-6, 1e200, 1e-310):
            found += [draw.normal(size=shape) * size, draw.integers(-3, 4, shape) * 1.0]
    found.append(np.where(draw.random((50, 40)) < 0.6, math.nan, 1.0))
    return [*found, 2.5, -1e-9, math.nan, math.inf]


def test_arrays_are_written_as_on_pictures() -> None:
    """Values, local gradients, gradients and contributions, small and large ones, with or without odd elements."""
    given = [[x.tolist(), list(x.shape)] if hasattr(x, "shape") else [x, []] for x in arrays()]
    expression = (
        "given.map(([x, shape]) => [plainNumber(x), shape]).map((a) => [brief, slopeText, sizeText, flowText]"
        ".map((write) => write(...a)))"
    )
    written = run(["numbers"], expression, given)
    for x, texts in zip(arrays(), written, strict=True):
        assert texts == [short.brief(x), short.slope(x), short.size(x), short.flow(x)]


TYPED = (
    "1", "-1", "+1", "−1", " 2 ", "\t2\n", "1_000", "1_0.5", ".5", "5.", "1e-3", "1E+3", "1.e3", "1_0e1_0", "1e-400",
    "inf", "-inf", "nan", "-nan", "pi", "π", "-pi", "e", "tau", "τ", "−tau", "pi/2", "2*pi", "2·pi", "-pi/4", "1/3",
    "2 * 3", "- 5", "0x", "1__0", "_1", "1_", "1e", "e5", "1,5", "", " ", "-", "+", "--1", "1e5.5", "1..2", ".", "x",
    "pi pi", "2pi/", "/2", "alert(1)", "1;2", "constructor", "__proto__", "toString", "[1]", "1/2/3", "Infinity", "NaN",
    "0b1", "1n", "∞", "1\n2",
)  # fmt: skip


LANGUAGE_ALONE = ("--1", "pi pi", "1;2", "1/2/3", "1\n2")


@pytest.fixture(scope="module")
def read() -> dict[str, str | None]:
    found = run(["numbers"], "given.map(readNumber).map((x) => (x === null ? null : full(x)))", TYPED)
    return dict(zip(TYPED, found, strict=True))


@pytest.mark.parametrize("text", TYPED)
def test_typed_numbers_mean_what_they_mean_in_a_program(text: str, read: dict[str, str | None]) -> None:
    """What is read is the language's number; what the language has no number for is not read."""
    assert read[text] == language(text)


def language(text: str) -> str | None:
    """The value of a constant program in the language; None where it is none. A plus in front is the page's own."""
    try:
        graph = lower(parse(text.strip().removeprefix("+") if text.strip() != "+" else "+"))
    except GradcliError:
        return None
    if graph.inputs or graph.shapes or text in LANGUAGE_ALONE:
        return None
    return repr(forward(graph, {})[graph.output])
