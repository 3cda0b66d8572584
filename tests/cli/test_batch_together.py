"""Results and rejects appear both, or neither does."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from outcomes import Cli, Refused

from gradcli.tables.blocks import Options
from gradcli.tables.reading import open_table

COMMANDS = {
    "batch": (("batch", "x^2"), "out.csv", "bad.csv"),
    "batch, in parts": (("batch", "x^2"), "out/in-00000.csv", "bad/in-00000.csv"),
    "propagate": (("propagate", "x^2"), "out.csv", "bad.csv"),
}


def arguments(command: str, folder: Path) -> tuple[list[str], Path, Path]:
    """A command with rows to reject, and the two files that it makes."""
    (folder / "in.csv").write_text("x,x_err\n1,0.5\noops,0.5\n")
    words, results, rejects = COMMANDS[command]
    given = [f"{folder}/{name.partition('/')[0] + '/' if '/' in name else name}" for name in (results, rejects)]
    options = ["--on-error", "skip", "-o", given[0], "--rejects", given[1]]
    return [*words, str(folder / "in.csv"), *options], folder / results, folder / rejects


@pytest.mark.parametrize("command", COMMANDS)
def test_both(command: str, cli: Cli, tmp_path: Path) -> None:
    words, results, rejects = arguments(command, tmp_path)
    assert cli(*words).status == 0
    assert results.read_text().count("\n") == 2
    assert rejects.read_text().splitlines()[1].split(",")[1:4] == ["2", "x", "oops"]


@pytest.mark.parametrize("failing", ["results", "rejects"])
@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("command", COMMANDS)
def test_neither(
    command: str, call: str, failing: str, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the system refuses at the end, and for whichever of them."""
    words, results, rejects = arguments(command, tmp_path)
    real, wanted = getattr(os, call), results if failing == "results" else rejects

    def refusing(*given: Any) -> None:
        if call == "replace":
            fails = str(given[1]) == str(wanted)
        else:
            fails = os.readlink(f"/proc/self/fd/{given[0]}").startswith(f"{wanted.parent}/.{wanted.name}.")
        if fails:
            raise OSError(5, "Input/output error")
        real(*given)

    monkeypatch.setattr(os, call, refusing)
    assert "Input/output error" in refused(*words, status=74)
    there = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in there} - {"_gradcli.json"} == {"in.csv"}


@pytest.mark.parametrize("end", ["csv", "ndjson", "parquet"])
def test_cells_stay_as_they_were_in_rejects_of_typed_outputs(end: str, cli: Cli, tmp_path: Path) -> None:
    """Text becomes numbers on the way from CSV to Parquet; what is rejected is text that is none."""
    words, _, _ = arguments("batch", tmp_path)
    words[-3:] = [f"{tmp_path}/out.parquet", "--rejects", f"{tmp_path}/bad.{end}"]
    outcome = cli(*words)
    assert outcome.status == 0, outcome.err
    with closing(open_table(f"{tmp_path}/bad.{end}", Options(keep="nothing"))) as reader:
        (block,) = reader.blocks(["content"], ())
        assert block.content("content", 0) == "oops"
