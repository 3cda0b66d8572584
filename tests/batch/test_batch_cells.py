"""What the message about a row says that has a cell which is no number, or no cells."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from gradcli.batch.cells import bad_cell, broken_row, cells
from gradcli.batch.job import Feed
from gradcli.errors import GradcliError
from gradcli.tables.reading import Options, open_table

GENERAL = "--on-error null writes such rows without results, --on-error skip leaves them out"

X = Feed("x", "x")


def refusal(path: Path, text: str, feed: Feed = X, keep: str = "lines") -> GradcliError:
    """The error about the first bad cell of a table."""
    path.write_text(text)
    with closing(open_table(str(path), Options(keep=keep))) as table:
        [block] = table.blocks(["x"], [])
    position, column = next(iter(cells(block, [feed]).bad.items()))
    return bad_cell(block, position, column, [feed], "DATA")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('"2"', 'text, not a number: "2"'),
        ('"inf"', 'text, not a number: "inf"'),
        ('"two"', 'not a number: "two"'),
        ("true", 'not a number: "true"'),
    ],
)
def test_digits_in_quotation_marks_are_text(value: str, message: str, tmp_path: Path) -> None:
    error = refusal(tmp_path / "a.ndjson", f'{{"x":{value}}}')
    assert error.message == f"DATA, row 1, column x: {message}"
    assert ("quotation marks" in (error.hint or "")) == message.startswith("text")
    assert (error.hint or "").endswith(GENERAL)


@pytest.mark.parametrize(
    ("value", "what"),
    [("-1", "negative"), ("1e999", "not finite"), ('"NaN"', "not finite"), ('"2"', "text, not a number")],
)
def test_a_number_that_is_too_small(value: str, what: str, tmp_path: Path) -> None:
    error = refusal(tmp_path / "a.ndjson", f'{{"x":{value}}}', Feed("x", "x", least=0.0))
    assert error.message.startswith(f"DATA, row 1, column x: {what}: ")


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ('"1013,25"', "write 1013.25 with a decimal point"),
        ('" -12,5"', "write -12.5 with a decimal point"),
        ('"1,234"', "write 1.234 with a decimal point or 1234 without commas"),
        ('"1,234,567.5"', "write 1234567.5 without commas"),
        ("NA", "--null NA takes such cells as empty"),
        ("N/A", "--null N/A takes such cells as empty"),
        ("null", "--null null takes such cells as empty"),
        ("None", "--null None takes such cells as empty"),
        ("-", "--null - takes such cells as empty"),
        ('"1,a"', ""),
        ("oops", ""),
        ("--", ""),
    ],
)
def test_what_a_cell_may_mean(cell: str, hint: str, tmp_path: Path) -> None:
    error = refusal(tmp_path / "a.csv", f"x,y\n{cell},2\n", keep="columns")
    assert error.hint == (f"{hint}; {GENERAL}" if hint else GENERAL)


@pytest.mark.parametrize("text", ['[{"x":1},{"x":2}]', '[\n{"x":1},\n{"x":2}\n]', '{\n  "x": 1\n}\n', "[\n  {\n"])
@pytest.mark.parametrize("on_error", ["fail", "null"])
def test_json_that_is_not_a_row_per_line(text: str, on_error: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text(text)
    with closing(open_table(str(path), Options(keep="lines"))) as table:
        block = next(iter(table.blocks(["x"], [])))
    assert "one object per line, as `jq -c '.[]'` writes them" in (
        broken_row(*block.broken[0], "DATA", on_error).hint or ""
    )


def test_a_line_that_is_cut_off_is_a_broken_row() -> None:
    error = broken_row(7, '{"x":1', "not JSON: it ends", "DATA", "fail")
    assert error.message == 'DATA, row 7: not JSON: it ends: {"x":1'
    assert error.hint == "--on-error skip leaves such rows out"
