"""Sums over rows by the native engine: what the rows add up to, the same bits however they are computed."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from programs import Case, programs

from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.kernels import native
from gradcli.kernels.derived import derived
from gradcli.kernels.native import NativeError, totals
from gradcli.kernels.native.totals import LANES
from gradcli.language.parser import parse

LOGISTIC = "z = b + w1*x1 + w2*x2\nsoftplus(z) - y*z"
WEIGHTS = ("b", "w1", "w2")
NUMBERS = (0.25, -1.5, 2.0)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def engine(text: str, varying: Sequence[str], threads: int = 1) -> Any:
    """With all inputs but the varying ones as columns, and the gradients by the varying ones."""
    return engine_of(lower(parse(text)), varying, varying, threads)


def engine_of(graph: Graph, varying: Sequence[str], wrt: Sequence[str], threads: int = 1) -> Any:
    columns = [name for name in graph.inputs if name not in varying]
    found = derived(graph, dict.fromkeys(varying, 0.0), wrt)
    return native.compiled(found, columns, {}, wrt, varying, threads)


def linear(count: int) -> tuple[str, list[str]]:
    """A program of so many weights, and these."""
    terms = " + ".join(f"w{k}*x{k}" for k in range(count))
    return f"({terms} - y)^2", [f"w{k}" for k in range(count)]


def some(columns: int, rows: int, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).normal(0.0, 1.0, (columns, rows)))


def rows_of(made: Any, columns: Sequence[Any], numbers: Sequence[float], results: int) -> list[np.ndarray]:
    found = [np.empty(len(columns[0])) for _ in range(results)]
    made.run(columns, numbers, found)
    return found


def check_sums(sums: Sequence[float], results: Sequence[np.ndarray]) -> None:
    """Each is the exact sum of its column but for roundings that do not grow with the rows."""
    assert len(sums) == len(results)
    for found, column in zip(sums, results, strict=True):
        listed = column.tolist()
        assert abs(found - math.fsum(listed)) <= 32 * 2**-53 * math.fsum(map(abs, listed))


def around(number: int) -> set[int]:
    return {number - 1, number, number + 1, number + LANES // 2}


def borders(sizes: totals.Sizes) -> list[int]:
    """Rows around the ends of lanes, blocks, chunks and parts."""
    places = (1, 8, LANES, 2 * LANES, sizes.chunk * LANES, sizes.part * LANES, 2 * sizes.part * LANES)
    return sorted({count for place in places for count in around(place)})


@pytest.mark.parametrize("text", [LOGISTIC, "(b + w1*x1 + w2*x2 - y)^2"], ids=["functions", "products"])
def test_sums_of_any_number_of_rows(text: str) -> None:
    """Around blocks, chunks and parts every row counts once, and rows that fill up a block do not count."""
    made = engine(text, WEIGHTS)
    for count in borders(made._sums._sizes):
        columns = some(3, count, seed=count)
        check_sums(made.totals(columns, NUMBERS, count), rows_of(made, columns, NUMBERS, 4))


def test_no_rows_are_zeros() -> None:
    found = engine(LOGISTIC, WEIGHTS).totals([np.empty(0)] * 3, NUMBERS, 0)
    assert found.tolist() == [0.0] * 4


def test_sums_of_equal_numbers_are_products() -> None:
    """Exact where every partial sum is: no row is lost and none counted twice, over many parts."""
    made = engine("k*x", ["k"])
    for count in (1_000_003, 300_000, 5):
        assert made.totals([np.full(count, 3.0)], [2.0], count).tolist() == [6.0 * count, 3.0 * count]


@settings(max_examples=10)
@given(programs(gradients=True))
def test_sums_of_any_program(case: Case) -> None:
    """The sums of the columns that run gives, as far as these are finite."""
    graph = lower(parse(case.text), case.values)
    names, count = list(graph.inputs), 2 * LANES + 5
    columns = some(len(names), count, seed=1)
    made = engine_of(graph, (), names)
    results = [np.empty(count) for _ in range(1 + len(names))]
    made.run(columns, (), results)
    for sum_of_column, column in zip(made.totals(columns, (), count).tolist(), results, strict=True):
        if np.isfinite(column).all() and np.abs(column).max() < 1e300:
            check_sums([sum_of_column], [column])
        elif not np.isfinite(column).all():
            assert not math.isfinite(sum_of_column)


@pytest.mark.parametrize("count", [70, 40_961, 1_000_003])
def test_threads_give_the_same_bits(count: int) -> None:
    """Also with more threads than cores, which take parts in any order."""
    columns = some(3, count)
    wanted = engine(LOGISTIC, WEIGHTS).totals(columns, NUMBERS, count).tobytes()
    for threads in (2, 3, 8):
        made = engine(LOGISTIC, WEIGHTS, threads=threads)
        for _ in range(5):
            assert made.totals(columns, NUMBERS, count).tobytes() == wanted


@pytest.mark.parametrize("text", [LOGISTIC, "(b + w1*x1 + w2*x2 - y)^2"], ids=["functions", "products"])
def test_alignment_does_not_matter(text: str) -> None:
    count = 5_003
    made = engine(text, WEIGHTS)
    columns = some(3, count)
    wanted = made.totals(columns, NUMBERS, count).tobytes()
    for shifts in [(1, 1, 1), (0, 3, 5), (7, 2, 4), (6, 6, 0)]:
        moved = []
        for column, shift in zip(columns, shifts, strict=True):
            moved.append(np.empty(count + 8)[shift : shift + count])
            moved[-1][:] = column
        assert made.totals(moved, NUMBERS, count).tobytes() == wanted


def test_sums_of_parts_in_several_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few parts' sums are kept at once, the sums are the same bits."""
    count = 300_001
    columns = some(3, count)
    wanted = engine(LOGISTIC, WEIGHTS, threads=2).totals(columns, NUMBERS, count).tobytes()
    for kept in (1, 4 * 2, 4 * 7):
        monkeypatch.setattr(totals, "_PARTIAL", kept)
        made = engine(LOGISTIC, WEIGHTS, threads=2)
        assert made.totals(columns, NUMBERS, count).tobytes() == wanted
        assert len(made._sums._kept["partial"]) <= kept + 4


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_reach_the_sums(odd: float) -> None:
    """Wherever they stand, also after the last whole block; and only the sums whose columns they are in."""
    made, count = engine("u*x + v*y", ["u", "v"]), 3 * LANES + 9
    for place in (0, LANES - 1, 2 * LANES, 3 * LANES, count - 1):
        columns = some(2, count)
        columns[0][place] = odd
        value, by_u, by_v = made.totals(columns, [1.0, 1.0], count).tolist()
        assert repr(value) == repr(by_u) == repr(odd)
        assert math.isclose(by_v, math.fsum(columns[1].tolist()), rel_tol=1e-12, abs_tol=1e-12)


def test_infinities_of_both_signs_are_nan() -> None:
    columns = some(1, 500)
    columns[0][[3, 450]] = np.inf, -np.inf
    assert np.isnan(engine("k*x", ["k"]).totals(columns, [1.0], 500)).all()


def test_many_outputs() -> None:
    """300 weights: few rows at once, many sums."""
    text, weights = linear(300)
    numbers = np.linspace(-1.0, 1.0, 300)
    one, two = engine(text, weights), engine(text, weights, threads=2)
    sizes = one._sums._sizes
    assert sizes.chunk < totals.sizes(3, 4, 3).chunk
    assert sizes.part < totals.sizes(3, 4, 3).part
    for count in (1, 63, 64, sizes.part * LANES + 1, 5_003):
        columns = some(301, count)
        found = one.totals(columns, numbers, count)
        check_sums(found, rows_of(one, columns, numbers, 301))
        assert two.totals(columns, numbers, count).tobytes() == found.tobytes()


def test_memory_is_bounded() -> None:
    """Sums of parts that wait, and a thread's own memory, for any number of rows."""
    for results in (1, 2, 40, 300, 5_000, 200_000):
        sizes = totals.sizes(10, results, results)
        assert sizes.together * results <= max(totals._PARTIAL, results)
        assert sizes.scratch * 8 <= max(1 << 20, 8 * results * (LANES + 20))
        assert sizes.part % sizes.chunk == 0
        assert sizes.apart // 8 % 2 == 1


def test_numbers_differ_from_run_to_run() -> None:
    """They stand after the values that never change; arrays and lists of floats are the same."""
    graph = lower(parse("x*exp(k) + c*m"))
    found = derived(graph, dict.fromkeys("ckm", 0.0), ["k", "m", "c"])
    made = native.compiled(found, ["x"], {"c": 3.0}, ["k", "m", "c"], ["m", "k"], 1)
    column = some(1, 100)[0]
    for m, k in ((0.5, 1.0), (-2.0, 0.0), (math.inf, 1.0), (0.0, -1.0)):
        results = [np.empty(100) for _ in range(4)]
        made.run([column], [m, k], results)
        expected = column * math.exp(k)
        for result, wanted in zip(results, (expected + 3.0 * m, expected, 3.0, m), strict=True):
            assert np.allclose(result, wanted, rtol=1e-14, atol=0.0)
        if math.isfinite(m):
            check_sums(made.totals([column], np.array([m, k]), 100), results)


def test_as_many_numbers_as_there_are_inputs() -> None:
    made, columns = engine(LOGISTIC, WEIGHTS), some(3, 70)
    for wrong in ((), (1.0,), (1.0,) * 4):
        with pytest.raises(ValueError, match="numbers for 3 inputs"):
            made.totals(columns, wrong, 70)
        with pytest.raises(ValueError, match="numbers for 3 inputs"):
            made.run(columns, wrong, some(4, 70))


def test_no_columns() -> None:
    """A row may depend on no column: it counts all the same."""
    made = engine("k^2", ["k"])
    for count in (1, 64, 70, 10_000):
        assert made.totals([], [3.0], count).tolist() == [9.0 * count, 6.0 * count]


def test_columns_must_fit() -> None:
    """Also after calls with columns that did."""
    made, columns = engine(LOGISTIC, WEIGHTS), some(3, 70)
    wanted = made.totals(columns, NUMBERS, 70).tolist()
    for wrong in (np.zeros(140)[::2], np.zeros(70, dtype=np.float32), np.zeros(70, dtype=np.int64)):
        with pytest.raises(ValueError, match="contiguous"):
            made.totals([*columns[:2], wrong], NUMBERS, 70)
    for short, count in ((columns[:2], 70), (columns, 71), ([*columns[:2], np.zeros(69)], 70)):
        with pytest.raises(ValueError, match="not 3 columns"):
            made.totals(short, NUMBERS, count)
    assert made.totals(columns, NUMBERS, 70).tolist() == wanted


# The same columns again and again


def test_what_is_in_a_column_is_read_every_time() -> None:
    made, columns = engine(LOGISTIC, WEIGHTS), some(3, 100)
    first = made.totals(columns, NUMBERS, 100)
    columns[1][:] = some(1, 100, seed=5)[0]
    second = made.totals(columns, NUMBERS, 100)
    assert second.tobytes() == engine(LOGISTIC, WEIGHTS).totals(columns, NUMBERS, 100).tobytes()
    assert first.tobytes() != second.tobytes()


def test_a_column_that_is_gone_is_not_read() -> None:
    """New arrays at the addresses of old ones, of other lengths, read-only, in another order: none is mistaken."""
    made = engine("k*x + y", ["k"])
    for turn in range(300):
        count = 64 + turn % 3
        x, y = some(2, count, seed=turn)
        if turn % 5 == 0:
            x.flags.writeable = False
        for first, second in ((x, y), (y, x), (y, x), (x, x)):
            value, by_k = made.totals([first, second], [2.0], count).tolist()
            assert math.isclose(by_k, math.fsum(first.tolist()), rel_tol=1e-10, abs_tol=1e-12)
            wanted = math.fsum((2.0 * first + second).tolist())
            assert math.isclose(value, wanted, rel_tol=1e-10, abs_tol=1e-12)


def test_the_memory_of_a_known_column_stays_where_it_is() -> None:
    """NumPy refuses to move it while the engine knows the array, even if told not to look who uses it."""
    made, column = engine("k*x", ["k"]), np.ones(100)
    made.totals([column], [1.0], 100)
    with pytest.raises(ValueError, match="cannot resize"):
        column.resize(100_000, refcheck=False)
    assert made.totals([column], [1.0], 100).tolist() == [100.0, 100.0]


def test_a_known_column_is_not_kept_alive() -> None:
    freed: list[int] = []

    class Column(np.ndarray):  # type: ignore[type-arg]
        def __del__(self) -> None:
            freed.append(len(self))

    made, column = engine("k*x", ["k"]), np.ones(100).view(Column)
    made.totals([column], [1.0], 100)
    del column
    assert freed == [100]


AT_THE_END = """
import mmap, os, sys
import numpy as np
from gradcli.graph.lower import lower
from gradcli.kernels import kernel
from gradcli.language.parser import parse
page = mmap.PAGESIZE
with open(sys.argv[1], "w+b") as file:
    file.truncate(2 * page)
    mapped = mmap.mmap(file.fileno(), 2 * page)
    os.ftruncate(file.fileno(), page)  # reading the second page ends the process
    column = np.frombuffer(mapped)[page // 8 - 70 : page // 8]
    made = kernel(lower(parse("k*x + 1")), {}, ["k"], varying=["k"], engine="native")
    print(made.totals({"x": column}, [2.0]).value)
"""


def test_nothing_after_a_column_is_read(tmp_path: Path) -> None:
    words = [sys.executable, "-c", AT_THE_END, str(tmp_path / "column")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("70.0\n", 0), done.stderr


def test_sums_are_the_callers_own() -> None:
    made, columns = engine(LOGISTIC, WEIGHTS), some(3, 100)
    first = made.totals(columns, NUMBERS, 100)
    kept = first.copy()
    made.totals(columns, (1.0, 1.0, 1.0), 100)
    assert first.tobytes() == kept.tobytes()


def test_rows_and_sums_are_one_library() -> None:
    """A call of one does not disturb the other."""
    made, columns = engine(LOGISTIC, WEIGHTS), some(3, 1_000)
    before, other = made.totals(columns, NUMBERS, 1_000), some(3, 200, seed=9)
    results = rows_of(made, other, (0.0, 1.0, 2.0), 4)
    assert made.totals(columns, NUMBERS, 1_000).tobytes() == before.tobytes()
    assert [one.tobytes() for one in rows_of(made, other, (0.0, 1.0, 2.0), 4)] == [one.tobytes() for one in results]


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes before anything is summed."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(NativeError, match="needs a C compiler"):
        engine(LOGISTIC, WEIGHTS)
