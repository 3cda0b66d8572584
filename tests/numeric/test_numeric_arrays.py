"""Arrays as numbers: element by element what the functions of numbers give, and functions of whole arrays."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable
from functools import partial
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from gradcli.graph import ops
from gradcli.graph.emitting import Emitter
from gradcli.graph.graph import Graph
from gradcli.graph.ops import ELEMENTWISE, STRUCTURAL, Op
from gradcli.graph.ops.layout import Layout, canonical
from gradcli.numeric import arrays
from gradcli.numeric.decimals import Decimals
from gradcli.passes import FLOATS

ARRAYS = arrays.over(FLOATS)
DECIMALS = Decimals(40)
EXACT = ops.on(DECIMALS.primitives)
EXACT_ARRAYS = arrays.over(EXACT)

ODD = (
    0.0, -0.0, inf, -inf, nan, 1e300, -1e300, 1e-300, -1e-300, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, -2.5, -750.0, 750.0,
    5e-324, 0.1, 1e16, 22.0, -1e-9, 4.0, 1e200, 1.7976931348623157e308, math.pi,
)  # fmt: skip

Point = tuple[float, ...]


def _same(x: float, wanted: float, least: float = 0.0) -> bool:
    """Equal within 4 units in the last place, of `least` if that is larger; exactly, where one is 0 or not finite."""
    if x == wanted or (x != x and wanted != wanted):
        return True
    if 0.0 in (x, wanted) or not (math.isfinite(x) and math.isfinite(wanted)):
        return False
    return abs(x - wanted) <= 4.0 * math.ulp(max(abs(x), abs(wanted), least))


def _exact(x: Any) -> Any:
    """An array of multiprecision numbers."""
    numbers = [DECIMALS.context.mpf(float(one)) for one in np.ravel(x)]
    return arrays.shaped(numbers, x.shape, exact=True) if isinstance(x, np.ndarray) else numbers[0]


def _rounded(x: Any) -> Any:
    return np.array([float(one) for one in x.ravel()]).reshape(x.shape) if arrays.is_array(x) else float(x)


def _points(row: Op) -> list[Point]:
    count = 2 if row.variadic else len(row.parameters)
    odd = list(itertools.product(ODD if count < 3 else ODD[:10], repeat=count))
    generator = np.random.default_rng(7)
    sizes = 10.0 ** generator.integers(-3, 4, size=(200, count))
    ordinary = [tuple(map(float, row)) for row in generator.normal(size=(200, count)) * sizes]
    return [*odd, *(sample for sample in row.samples if len(sample) == count), *ordinary]


def _largest_term(row: Op, point: Point) -> float:
    """Where the slope of gelu crosses 0, its accuracy is that of Φ(x) and x*φ(x), which cancel."""
    return 0.2 if row.name == "gelu" and -1.0 < point[0] < -0.5 else 0.0


def _check_elements(
    of_arrays: Callable[..., Any],
    of_numbers: Callable[..., Any],
    points: list[Point],
    least: Callable[[Point], float] = lambda point: 0.0,
) -> None:
    """A function of arrays gives what the function of numbers gives, also where some operands are numbers."""
    for fixed in (None, *range(len(points[0]) if len(points[0]) > 1 else 0)):
        groups = (
            {repr(point[fixed]): point[fixed] for point in points[: len(ODD) ** 2]} if fixed is not None else {"": 0.0}
        )
        for text, number in groups.items():
            some = [point for point in points if fixed is None or repr(point[fixed]) == text]
            columns: list[Any] = [np.array(column) for column in zip(*some, strict=True)]
            if fixed is not None:
                columns[fixed] = number
            with arrays.quiet():
                found = of_arrays(*columns)
            found = found if isinstance(found, tuple) else (found,)
            rows = np.array([np.broadcast_to(one, (len(some),)) for one in found]).T.tolist()
            for point, row in zip(some, rows, strict=True):
                wanted = of_numbers(*point)
                for x, y in zip(row, wanted if isinstance(wanted, tuple) else (wanted,), strict=True):
                    assert _same(x, y, least(point)), f"at {point}: {x!r}, and one by one {y!r}"
                    assert x != 0.0 or math.copysign(1.0, x) == math.copysign(1.0, y), f"at {point}: {x!r}, not {y!r}"


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda row: row.name)
def test_elements_are_what_numbers_give(row: Op) -> None:
    name = ops.attribute(row.name)
    of_arrays, of_numbers = getattr(ARRAYS, name), getattr(FLOATS, name)
    _check_elements(of_arrays, of_numbers, _points(row))


_PARTIALS = [
    (row, rule) for row in ELEMENTWISE for rule in row.partials if not isinstance(rule, float)
]  # fmt: skip


@pytest.mark.parametrize(("row", "rule"), _PARTIALS, ids=lambda part: part.name if isinstance(part, Op) else "")
def test_local_gradients_are_what_numbers_give(row: Op, rule: Any) -> None:
    name = ops.attribute(row.name)
    of_arrays, of_numbers = getattr(ARRAYS, name), getattr(FLOATS, name)
    _check_elements(
        lambda *xs: rule(ARRAYS, of_arrays(*xs), *xs),
        lambda *xs: rule(FLOATS, of_numbers(*xs), *xs),
        _points(row),
        partial(_largest_term, row),
    )


def test_no_branch_that_is_not_chosen_contributes() -> None:
    row = ops.ROWS[ops.CODES["where"]]
    for rule in row.vjps or ():
        _check_elements(
            lambda *xs, rule=rule: rule(ARRAYS, 2.0, *xs), lambda *xs, rule=rule: rule(FLOATS, 2.0, *xs), _points(row)
        )


@pytest.mark.parametrize("row", [row for row in ELEMENTWISE if not row.variadic], ids=lambda row: row.name)
def test_arrays_of_decimals_are_decimals_one_by_one(row: Op) -> None:
    name, points = ops.attribute(row.name), [sample for sample in row.samples if len(sample) == len(row.parameters)]
    columns = [_exact(np.array(column)) for column in zip(*points, strict=True)]
    found = getattr(EXACT_ARRAYS, name)(*columns).tolist()
    wanted = [getattr(EXACT, name)(*map(DECIMALS.context.mpf, point)) for point in points]
    assert all(map(DECIMALS.context.almosteq, found, wanted))


# Functions of whole arrays


@pytest.mark.parametrize("system", [ARRAYS, EXACT_ARRAYS, arrays.over(Emitter(Graph()).system)])
def test_every_row_is_there(system: Any) -> None:
    for row in ELEMENTWISE:
        assert callable(getattr(system, ops.attribute(row.name)))
    for row in STRUCTURAL:
        assert callable(getattr(system, row.name))
    assert system.shape_of(1.0) == ()


_TRIALS = [(row, shapes, given) for row in STRUCTURAL for shapes, given in row.trials]


@pytest.mark.parametrize(("row", "shapes", "given"), _TRIALS, ids=lambda part: getattr(part, "name", str(part)))
def test_whole_arrays_agree_with_decimals(row: Op, shapes: Any, given: Any) -> None:
    """Floats by NumPy, decimals by a loop: the same number; and a number is a number, never an array."""
    generator = np.random.default_rng(5)
    settings = canonical(row.settings, given, shapes)
    xs = [generator.normal(size=shape) if shape else float(generator.normal()) for shape in shapes]
    if row.name in ("cross_entropy", "one_hot"):
        xs[-1] = np.ones(shapes[-1]) if shapes[-1] else 1.0
    layout = Layout(shapes, settings)
    assert row.shape is not None
    wanted = row.shape(layout)
    found = getattr(ARRAYS, row.name)(*xs, **dict(settings))
    exact = getattr(EXACT_ARRAYS, row.name)(*map(_exact, xs), **dict(settings))
    assert arrays.shape_of(found) == arrays.shape_of(exact) == wanted
    assert wanted or type(found) is float
    assert np.allclose(found, _rounded(exact), rtol=1e-13, atol=1e-14)


ROWS_OF_NUMBERS = (
    [0.0, -40.0], [1000.0, 1000.0], [-1e308, 1e308], [inf, 1.0], [inf, inf, 1.0], [-inf, -inf], [-inf, 3.0], [nan, 1.0],
    [nan, inf], [1.0], [-inf], [inf], [1e10, 1e10 - 1.0], [800.0, 0.0, -800.0], [0.3, -1.2, 2.0],
)  # fmt: skip


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "logsoftmax", "norm", "amax", "amin"])
@pytest.mark.parametrize("row", ROWS_OF_NUMBERS, ids=str)
def test_odd_rows_are_what_decimals_give(name: str, row: list[float]) -> None:
    x = np.array([row, row])
    with arrays.quiet():
        found, exact = (getattr(system, name)(y, axis=1) for system, y in ((ARRAYS, x), (EXACT_ARRAYS, _exact(x))))
    for one, wanted in zip(np.ravel(found[0]).tolist(), np.ravel(_rounded(exact[0])).tolist(), strict=True):
        assert _same(one, wanted), f"{found}, exactly {exact}"


def test_logsumexp_keeps_what_the_small_ones_add() -> None:
    assert ARRAYS.logsumexp(np.array([0.0, -40.0])) == pytest.approx(math.exp(-40), rel=1e-15)


def test_norms_neither_overflow_nor_vanish() -> None:
    assert ARRAYS.norm(np.array([3e200, -4e200])) == pytest.approx(5e200, rel=1e-15)
    assert ARRAYS.norm(np.array([3e-200, 4e-200])) == pytest.approx(5e-200, rel=1e-15)
    rows = np.array([[3e200, 4e200], [3.0, 4.0], [0.0, 0.0]])
    assert ARRAYS.norm(rows, axis=1) == pytest.approx([5e200, 5.0, 0.0], rel=1e-15)
    assert ARRAYS.norm(np.array([inf, nan])) == inf


def test_a_product_of_repeated_elements_is_that_of_copies() -> None:
    """Arrays without contiguous rows take another way through NumPy."""
    generator = np.random.default_rng(1)
    a, b = np.broadcast_to(generator.normal(size=3), (4, 3)), generator.normal(size=(3, 5))[:, ::-1]
    assert np.allclose(ARRAYS.matmul(a, b), np.einsum("ik,kj->ij", a, b), rtol=1e-14)
    stretched = generator.normal(size=(4, 3, 2))[:, :, 0]
    assert np.allclose(ARRAYS.matmul(stretched, b), np.einsum("ik,kj->ij", stretched, b), rtol=1e-14)


@pytest.mark.parametrize("system", [ARRAYS, EXACT_ARRAYS])
def test_a_flow_of_0_stays_0_in_a_product_of_matrices(system: Any) -> None:
    make = _exact if system is EXACT_ARRAYS else np.asarray
    flow, other = np.array([[0.0, 2.0], [1.0, 0.0]]), np.array([[inf, nan], [3.0, 4.0]])
    with arrays.quiet():
        left = _rounded(system.matmul_chained(make(flow), make(other), flow=0))
        right = _rounded(system.matmul_chained(make(other.T), make(flow.T), flow=1))
    assert left[0].tolist() == [6.0, 8.0]
    assert left[1, 0] == inf
    assert math.isnan(left[1, 1])
    assert np.array_equal(left, right.T, equal_nan=True)


@pytest.mark.parametrize(
    ("left", "right"), [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 2, 3), (3, 2)), ((2, 3), (2, 3, 2))]
)
def test_guarded_products_of_all_ranks(left: Any, right: Any) -> None:
    """A nan anywhere has the product done in steps; the other elements stay."""
    generator = np.random.default_rng(2)
    a, b = generator.normal(size=left), generator.normal(size=right)
    b[(0,) * b.ndim] = nan
    a[..., 0] = 0.0
    found = ARRAYS.matmul_chained(a, b, flow=0)
    assert np.allclose(found, np.matmul(a, np.nan_to_num(b)), rtol=1e-13)


def test_chain_is_a_product_but_for_zeros() -> None:
    with arrays.quiet():
        found = ARRAYS.chain(np.array([0.0, 0.0, 2.0, 2.0]), np.array([inf, nan, 3.0, inf]))
    assert found.tolist() == [0.0, 0.0, 6.0, inf]


# Arrays of gates: running forward on them unrolls


def _unrolled(name: str, shape: tuple[int, ...], **settings: Any) -> list[str]:
    """The rows of the gates that a function of whole arrays becomes."""
    graph = Graph()
    places = [graph.append(ops.INPUT, (), f"x{k}", -1, -1) for k in range(math.prod(shape))]
    emitter = Emitter(graph)
    x = arrays.shaped([emitter.number(place) for place in places], shape, exact=True)
    getattr(arrays.over(emitter.system), name)(x, **settings)
    return [gate.op.name for gate in graph if gate.operands]


def test_unrolling_makes_no_kinks() -> None:
    assert _unrolled("sum", (4,)) == ["add"] * 3
    assert _unrolled("logsumexp", (3,)) == ["logaddexp"] * 2
    assert _unrolled("norm", (3,)) == ["hypot"] * 2
    assert _unrolled("norm", (1,)) == ["abs"]
    assert _unrolled("amax", (3,)) == ["max"]
    assert _unrolled("mean", (2, 2)) == ["add", "add", "add", "div"]
    assert {*_unrolled("softmax", (3,), axis=0)} <= {"logaddexp", "sub", "exp", "add", "div"}


def test_elementwise_functions_of_gates_stay_one_gate_each() -> None:
    graph = Graph()
    places = [graph.append(ops.INPUT, (), name, -1, -1) for name in "abc"]
    emitter = Emitter(graph)
    a, b, c = map(emitter.number, places)
    system = arrays.over(emitter.system)
    x = arrays.shaped([a, b], (2,), exact=True)
    assert [graph[one.index].op.name for one in system.sigmoid(x)] == ["sigmoid"] * 2
    assert [graph[one.index].operands for one in system.max(x, c)] == [(0, 2), (1, 2)]
    assert graph[system.matmul(x, x).index].op.name == "add"


# Making arrays


def test_arrays_are_copies_that_nobody_can_change() -> None:
    own = np.array([[1, 2], [3, 4]])
    found = arrays.asarray(own)
    own[0, 0] = 9
    assert found.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 5.0


def test_what_has_no_axes_is_a_number() -> None:
    for value in (3, 3.0, np.float64(3.0), np.array(3)):
        found = arrays.asarray(value)
        assert (found, type(found)) == (3.0, float)
    assert type(ARRAYS.sum(np.ones(3))) is float
    assert type(ARRAYS.index(np.ones(3), slots=(1,))) is float
    assert type(ARRAYS.reshape(np.ones(1), shape=())) is float


@pytest.mark.parametrize("nested", [[[1], [2, 3]], ["1"], [[1, "2"]], [None], [1j], [1, [2]], [10**400], [object]])
def test_what_is_no_array(nested: Any) -> None:
    with pytest.raises(ValueError, match=r"real numbers|equally long"):
        arrays.asarray(nested)


def test_literals_are_read_by_the_system_of_the_numbers() -> None:
    text = "[[1, 0.1], [-pi, -2e-3]]"
    assert arrays.read(text, (2, 2), lambda word: math.pi if word == "pi" else float(word), FLOATS).tolist() == [
        [1.0, 0.1], [-math.pi, -0.002],
    ]  # fmt: skip
    exact = arrays.read(text, (2, 2), DECIMALS.literal, EXACT)
    assert exact[0, 1] * 10 == 1  # not the double nearest to 0.1
    assert exact[1, 0] == -DECIMALS.context.pi


def test_files_of_objects_are_refused() -> None:
    file = io.BytesIO()
    np.save(file, np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        arrays.load_npy(file.getvalue())
    file = io.BytesIO()
    np.save(file, np.array([[1, 2]], dtype=np.int8))
    assert arrays.load_npy(file.getvalue()).tolist() == [[1.0, 2.0]]
    with pytest.raises(ValueError, match=r"."):
        arrays.load_npy(b"no such file")


def test_units_and_zeros() -> None:
    assert [unit.tolist() for unit in arrays.units((2,), FLOATS)] == [[1.0, 0.0], [0.0, 1.0]]
    assert list(arrays.units((), FLOATS)) == [1.0]
    assert arrays.zeros((2, 1), FLOATS).tolist() == [[0.0], [0.0]]
