"""`gradcli batch`: what is said where values hide columns, lists are not there, or another command is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from outcomes import Cli, Refused
from processes import process
from pyarrow import parquet

from gradcli.batch.tally import Tally
from gradcli.cli.batch_summary import summary

UNTOLD = "column w holds no list, in the first rows at least"


@pytest.fixture
def elements(tmp_path: Path) -> str:
    """A table with columns x[0], x[1], target."""
    (tmp_path / "in.csv").write_text("x[0],x [ 1 ],target\n1,2,3\n")
    return str(tmp_path / "in.csv")


def test_values_that_hide_columns_of_an_array_are_told(elements: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "vars.json").write_text('{"x": [1, 2]}')
    for given in (("--x", "[1, 2]"), ("--vars", str(tmp_path / "vars.json"))):
        outcome = cli("batch", "sum(x)*target", elements, *given, "--only")
        assert outcome.out == "value,grad_target\n9.0,3.0\n"
        assert "note: given as a value, so the columns are not used: x[0], x [ 1 ]\n" in outcome.err


def test_values_that_leave_no_column(elements: str, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "vars.json").write_text('{"x": [1, 2], "target": 3}')
    told = refused("batch", "sum(x)*target", elements, "--vars", str(tmp_path / "vars.json"))
    assert "no column is used: --vars gives x, target, and values come before columns\n" in told
    (tmp_path / "vars.json").write_text('{"x": [1, 2]}')
    told = refused("batch", "sum(x)*target", elements, "--vars", str(tmp_path / "vars.json"), "--target", "3")
    assert "no column is used: --vars gives x, --target is given, and values come before columns\n" in told
    assert "no input of the program is a column" in refused("batch", "a*2", elements, "--a", "3")


def lists(path: Path, rows: list[Any], kind: Any = None) -> str:
    """A file with a column w."""
    if path.suffix == ".ndjson":
        path.write_text("".join(f'{{"w":{"null" if row is None else row}}}\n' for row in rows))
    else:
        parquet.write_table(pa.table({"w": pa.array(rows, kind or pa.list_(pa.float64()))}), path)
    return str(path)


@pytest.mark.parametrize("kind", ["parquet", "ndjson"])
@pytest.mark.parametrize("nulls", [1, 3000])
def test_lists_after_nulls(nulls: int, kind: str, cli: Cli, tmp_path: Path) -> None:
    """In a file as in a pipe, and in a file after one that has nulls alone."""
    path = lists(tmp_path / f"in.{kind}", [None] * nulls + [[1, 2]])
    how = ("--from", kind, "--only", "--to", "csv", "-q")
    assert cli("batch", "w@w", path, "--to", "csv", "-q").out.splitlines()[-1].endswith(",5.0,2.0,4.0")
    wanted = "value,grad_w[0],grad_w[1]\n" + ",,\n" * nulls + "5.0,2.0,4.0\n"
    assert cli("batch", "w@w", path, *how).out == wanted
    assert process("batch", "w@w", "-", *how, stdin=Path(path).read_bytes()).stdout.decode() == wanted
    empty = lists(tmp_path / f"empty.{kind}", [None])
    assert cli("batch", "w@w", empty, path, *how).out == wanted.replace("\n", "\n,,\n", 1)


@pytest.mark.parametrize("kind", ["parquet", "ndjson"])
@pytest.mark.parametrize("rows", [[None] * 3, []])
def test_a_column_of_nulls_alone(rows: list[Any], kind: str, refused: Refused, cli: Cli, tmp_path: Path) -> None:
    """As a number its results are null; how long its lists would be, nobody can know."""
    path = lists(tmp_path / f"in.{kind}", rows)
    if rows or kind == "parquet":
        assert UNTOLD in refused("batch", "w@w", path, "--to", "csv")
    if rows:
        content = Path(path).read_bytes()
        done = process("batch", "w@w", "-", "--from", kind, "--to", "csv", stdin=content)
        assert (done.returncode, UNTOLD in done.stderr.decode()) == (2, True)
    fixed = lists(tmp_path / "fixed.parquet", rows, pa.list_(pa.float64(), 2))
    assert cli("batch", "w@w", fixed, "--to", "csv", "--only").status == (0 if rows else 2)
    numbers = lists(tmp_path / "numbers.parquet", rows, pa.null())
    assert cli("batch", "2*w", numbers, "--to", "csv", "--only").out == "value,grad_w\n" + ",\n" * len(rows)


def test_numbers_where_lists_are_needed(elements: str, refused: Refused) -> None:
    """There is no --shapes here."""
    told = refused("batch", "target@target", elements)
    assert "hint: target is a column of numbers; lists make it an array, or --map target=a,b,c\n" in told
    told = refused("batch", "x@y", elements, "--y", "3")
    assert "hint: y is a number here; give it an array as its value\n" in told


@pytest.mark.parametrize("row", [2, 70_000])
@pytest.mark.parametrize("out", ["-", "out.ndjson", "out/"])
def test_a_later_line_with_a_key_like_a_result(out: str, row: int, refused: Refused, tmp_path: Path) -> None:
    """No line has a key twice."""
    path = tmp_path / "in.ndjson"
    path.write_text('{"x":2}\n' * (row - 1) + '{"x":2,"grad_x":"mine"}\n{"x":3}\n')
    how = ("-o", str(tmp_path / out) + "/" * out.endswith("/")) if out != "-" else ("-o", str(tmp_path / "b.ndjson"))
    told = refused("batch", "x^2", str(path), *how)
    assert f"in.ndjson, row {row:,}: grad_x is a key of the data already\nhint: write --prefix d_" in told
    assert [one.name for one in tmp_path.rglob("*.ndjson")] == ["in.ndjson"]


def test_keys_that_are_no_clash(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "in.ndjson"
    path.write_text('{"x":2}\n{"x":2,"a":{"value":1},"b":"value"}\n{"x":2,"value":1}\n')
    outcome = cli("batch", "x^2", str(path), "--prefix", "d_", "-q")
    assert outcome.out.count("d_value") == 3
    assert cli("batch", "x^2", str(path), "--only").status == 0
    path.write_text('{"x":2}\n{"x":2,"a":{"value":1},"b":"value"}\n')
    assert cli("batch", "x^2", str(path), "-q").out.endswith('"b":"value","value":4.0,"grad_x":4.0}\n')


def test_what_belongs_to_other_commands(elements: str, refused: Refused) -> None:
    told = refused("batch", "target*y", elements, "--y", "2..3")
    assert "the value of y is a range: 2..3\nhint: ranges are for `gradcli sweep`" in told
    assert "hint: ranges are for `gradcli sweep`" in refused("batch", "target*y", elements, "--set", "y=0..1:5")
    told = refused("batch", "target", elements, "--format", "json")
    assert "this command has no option --format\nhint: --to is the format of the output" in told


def test_an_input_may_be_called_format(elements: str, cli: Cli) -> None:
    outcome = cli("batch", "target*format", elements, "--format", "2", "--only")
    assert outcome.out == "value,grad_target,grad_format\n6.0,2.0,3.0\n"


def test_a_misspelt_file(refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "points.csv").write_text("x\n1\n")
    path = str(tmp_path / "pionts.csv")
    told = refused("batch", "x", str(tmp_path / "points.csv"), path, status=74)
    assert told.endswith(f"pionts.csv: No such file or directory\nhint: did you mean {tmp_path}/points.csv?\n")
    monkeypatch.chdir(tmp_path)
    assert "hint: did you mean points.csv?\n" in refused("batch", "x", "pionts.csv", status=74)
    assert "hint" not in refused("batch", "x", "other.parquet", status=74)
    assert "hint" not in refused("batch", "x", "nowhere/points.csv", status=74)


def test_a_short_run_has_no_rate() -> None:
    assert summary(Tally(2, 2), 0.49, "numpy", "fail", "x") == "2 rows (numpy engine)"
    assert summary(Tally(1, 1), 0.0, "native", "fail", "x") == "1 row (native engine)"
    assert (
        summary(Tally(1000, 1000), 0.5, "numpy", "fail", "x") == "1,000 rows in 0.50 s (2,000 per second, numpy engine)"
    )
