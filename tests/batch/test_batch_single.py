"""Many tables into one output, without the command line."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

from gradcli.batch import single
from gradcli.batch.columns import Source
from gradcli.batch.job import compiled
from gradcli.batch.looking import look
from gradcli.batch.planning import Asked, planned
from gradcli.errors import UsageError
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.tables.blocks import Options

ASKED = Asked(None, None, "", (), "nothing", False, "fail", "numpy", None, (), None, "csv", 10_000)


def test_a_table_that_has_been_read_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers have buffers: only those of the table at hand, and of the one before it, may be there."""
    paths = [tmp_path / f"{place:02}.csv" for place in range(30)]
    for place, path in enumerate(paths):
        path.write_text(f"x\n{place}\n", encoding="utf-8")
    readers: list[weakref.ref[Any]] = []
    alive: list[int] = []
    opening = single.open_table

    def watched(*arguments: Any) -> Any:
        if len(readers) == len(paths) - 1:
            gc.collect()
            alive.append(sum(reader() is not None for reader in readers))
        readers.append(weakref.ref(reader := opening(*arguments)))
        return reader

    data = look([*map(str, paths)], Options(keep="nothing"))
    plan = planned(lower(parse("2*x")), {}, {"x": Source(("x",))}, {"x": ()}, ["x"], 30, ASKED)
    monkeypatch.setattr(single, "open_table", watched)
    out = tmp_path / "out.csv"
    tally = single.run_all(plan.job, compiled(*plan), data, str(out))
    assert tally.rows == len(readers) == 30
    assert alive[0] <= 1
    assert out.read_text(encoding="utf-8").split() == ["value,grad_x", *(f"{2.0 * place},2.0" for place in range(30))]


def test_results_are_called_as_a_job_is_told() -> None:
    """By names that are given, where they are not those of the value and the gradients."""
    sources, asked = {"x": Source(("x",))}, ASKED._replace(kept=None, prefix="d_")
    plan = planned(lower(parse("2*x")), {}, sources, {"x": ()}, ["x"], 1, asked)
    assert plan.job.names == ("d_value", "d_grad_x")
    named = planned(lower(parse("2*x")), {}, sources, {"x": ()}, ["x"], 1, asked, ["a", "b"])
    assert named.job.names == ("a", "b")
    assert named.job._replace(names=()) == plan.job._replace(names=())
    with pytest.raises(UsageError, match="x is a column of the data already"):
        planned(lower(parse("2*x")), {}, sources, {"x": ()}, ["x"], 1, asked, ["a", "x"])
