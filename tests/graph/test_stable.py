"""The table of stable rewrites: each is the same function, never worse in floats, and better somewhere."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator

import pytest
from exactly import assert_same, numbers
from oracle import scale, ulps

from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.rewriting.stable import STABLE, fusable, fusing, stable
from gradcli.language.parser import parse
from gradcli.passes import forward

_SIZES = (
    1e-300, 1e-160, 1e-20, 1e-9, 1e-4, 0.3, 0.7, 1.0, 1.5, 3.0, 9.7, 20.0, 36.9, 100.0, 700.0, 710.0, 720.0, 1e5,
    2.0**29, 1e160,
)  # fmt: skip
_EDGES = (0.0, *_SIZES, *(-size for size in _SIZES))
_TOLERANCE = 4.0  # units in the last place, as for the rows


def _points(names: list[str], pattern: str) -> Iterator[dict[str, float]]:
    """Where things happen, and anywhere."""
    for point in itertools.product(_EDGES if len(names) == 1 else _EDGES[::2], repeat=len(names)):
        yield dict(zip(names, point, strict=True))
    r = random.Random(pattern)
    for _ in range(100):
        yield {name: r.choice((-1.0, 1.0)) * 10.0 ** r.uniform(-12.0, 2.5) for name in names}
    for k in range(1, 80):  # nearly equal operands, and nearly 1
        yield {name: 0.1 * k * (1.0 + 1e-9 * place) for place, name in enumerate(names)}
        yield dict.fromkeys(names, 1.0 + 10.0 ** (-0.2 * k))


def _value(graph: Graph, point: dict[str, float]) -> float:
    value: float = forward(graph, point)[graph.output]
    return value


@pytest.fixture(params=STABLE, ids=lambda pair: pair[0])
def sides(request: pytest.FixtureRequest) -> tuple[Graph, Graph]:
    """The graphs of a pattern and of its replacement, with the same inputs."""
    pattern, replacement = (lower(parse(text)) for text in request.param)
    assert list(pattern.inputs) == list(replacement.inputs)
    return pattern, replacement


def test_both_sides_are_one_function(sides: tuple[Graph, Graph]) -> None:
    """Value and gradients in multiprecision, wherever the written form has finite ones; it has them at many points."""
    r = random.Random(sides[0].source)
    finite = 0
    for _ in range(40):
        point = {name: r.choice((r.uniform(-3.0, 3.0), r.uniform(-40.0, 40.0))) for name in sides[0].inputs}
        finite += all(math.isfinite(x) for x in numbers(sides[0], point))
        assert_same(*sides, point)
    assert finite > 5


def test_the_replacement_is_never_worse_and_somewhere_better(sides: tuple[Graph, Graph]) -> None:
    """Measured against the replacement in 60 digits: the written form would need some 40,000 at 1e5."""
    pattern, replacement = sides
    gain = 0.0
    for point in _points(list(pattern.inputs), pattern.source):
        exact = numbers(replacement, point, 60)[0]
        if math.isnan(numbers(pattern, point, 60)[0]):
            assert math.isnan(exact) or 0.0 in point.values()  # 0*log(0) and sin(0)/0 have a limit
        row = replacement.rows[replacement.codes[replacement.output]]
        size = scale(row, 0, tuple(point.values())) if row.terms is not None else 0
        written, better = (ulps(_value(graph, point), exact, size) for graph in sides)
        assert better <= max(written, _TOLERANCE), point
        gain = max(gain, written - better)
    assert gain >= 1.0


def test_every_pattern_is_found_in_itself() -> None:
    """No pattern of the table is written in a way in which it could not match."""
    from gradcli.graph.rewriting import suggestions

    for pattern, replacement in STABLE:
        graph = lower(parse(pattern))
        found = [suggestion for suggestion in suggestions(graph, graph.output) if suggestion.gate == graph.output]
        wanted = lower(parse(replacement))
        assert any(list(one.graph.codes) == list(wanted.codes) for one in found), pattern


def test_the_rules_cover_the_table_and_the_composed_functions() -> None:
    assert sum(map(len, stable().values())) == len(STABLE)
    single = [rule for rules in stable().values() for rule in rules if rule.gate is not None]
    assert sum(map(len, fusing().values())) == len(single) + len(fusable())


def test_functions_with_a_kink_are_not_recognised_by_their_definition() -> None:
    names = {row.name for row in fusable()}
    assert {"sigmoid", "softplus", "gelu", "xlogy", "log_base"} <= names
    assert names.isdisjoint({"relu", "clamp", "elu", "sign", "leaky_relu"})
