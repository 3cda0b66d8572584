"""A first look at files, jobs and tallies, without the command line."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from gradcli.batch.columns import Source
from gradcli.batch.job import Feed, frozen, thawed
from gradcli.batch.looking import look
from gradcli.batch.planning import Asked, feeds, planned, shapes
from gradcli.batch.tally import Tally, together
from gradcli.graph.lower import lower
from gradcli.kernels import choose_engine
from gradcli.language.parser import parse
from gradcli.tables.blocks import Options

ASKED = Asked(None, None, "", None, "columns", False, "fail", "auto", None, (), None, "csv", 10_000)


def test_rows_are_counted_or_estimated(tmp_path: Path) -> None:
    """Parquet knows; of text a sample tells, the same for the same file; of a compressed file nobody knows."""
    csv, packed, exact = tmp_path / "a.csv", tmp_path / "a.csv.gz", tmp_path / "a.parquet"
    csv.write_text("x\n" + "1.25\n" * 100_000)
    packed.write_bytes(gzip.compress(csv.read_bytes()))
    parquet.write_table(pa.table({"x": [1.0, 2.0]}), exact)
    estimates = {look([str(csv)], Options()).rows() for _ in range(3)}
    assert len(estimates) == 1
    assert estimates.pop() == pytest.approx(100_000, rel=0.01)
    assert look([str(exact), str(exact)], Options()).rows() == 4
    assert look([str(exact), str(packed)], Options()).rows() is None


def test_groups_of_rows_are_counted(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"x": list(range(10))}), tmp_path / "a.parquet", row_group_size=3)
    parquet.write_table(pa.table({"x": pa.array([], pa.float64())}), tmp_path / "b.parquet")
    data = look([str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")], Options())
    assert [table.groups for table in data.tables] == [4, 1]


def test_what_binds_the_elements_of_an_array() -> None:
    sources = {"x": Source(("a",)), "w": Source(("b", "c"), (2,)), "v": Source(("d",))}
    shaped = shapes(sources, {"d": 2})
    assert shaped == {"x": (), "w": (2,), "v": (2,)}
    found = [feed for name, source in sources.items() for feed in feeds(name, source, shaped[name])]
    assert found == [
        Feed("x", "a"), Feed("w[0]", "b"), Feed("w[1]", "c"), Feed("v[0]", "d", 0), Feed("v[1]", "d", 1),
    ]  # fmt: skip


def test_a_job_is_plain_and_decides_the_engine() -> None:
    """Its engine follows from the program and the number of rows alone."""
    graph = lower(parse("x*y + c"), {"c": 2.0})
    sources = {name: Source((name,)) for name in "xy"}
    for rows, engine in ((10, "numpy"), (None, "numpy"), (10**9, choose_engine("auto", graph, 10**9))):
        job = planned(graph, {"c": 2.0}, sources, shapes(sources, {}), ["x", "y"], rows, ASKED).job
        assert job.engine == engine
    assert hash(job) == hash(job._replace())
    assert job.wrt == ("x", "y", "c")
    assert job.needed == {"x": None, "y": None}


def test_values_come_back_as_they_were() -> None:
    values = {"x": 2.0, "W": np.array([[1.0, np.nan], [np.inf, -0.0]])}
    back = thawed({name: frozen(value) for name, value in values.items()})
    assert back["x"] == 2.0
    assert back["W"].tobytes() == values["W"].tobytes()  # type: ignore[attr-defined]


def test_tallies_add_up_in_any_order() -> None:
    one = Tally(10, 9, 1, 2, 1, 3, 3, (((0, 1), 2), ((2, 3), 1)))
    other = Tally(5, 5, 0, 0, 0, 1, 1, (((2, 3), 1),))
    assert together([one, other]) == together([other, one])
    assert together([one, other]) == Tally(15, 14, 1, 2, 1, 4, 4, (((0, 1), 2), ((2, 3), 2)))
    assert together([]) == Tally()
