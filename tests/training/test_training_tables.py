"""The tables of optimisers, starts and schedules, and those who tell of them: help and docs follow from the rows."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from gradcli.cli.app import run
from gradcli.training.specs import signature
from gradcli.training.starts import STARTS
from gradcli.training.steps.optimisers import OPTIMISERS
from gradcli.training.steps.schedules import SCHEDULES

DOCUMENT = Path(__file__).parents[2] / "docs" / "train.md"


@pytest.fixture(name="rows")
def rows_of_the_document() -> dict[str, str]:
    """Lines of tables that begin with code, by the name in it."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    return {found[1]: line for line in lines if (found := re.match(r"\| `(\w+)", line))}


def source(text: str) -> str:
    return f" ({text})" if text else ""


@pytest.mark.parametrize("name", STARTS)
def test_starts_are_told_as_they_are(name: str, rows: dict[str, str]) -> None:
    row = STARTS[name]
    shaped = signature(name, row.settings).replace("(", "(shape, ") if row.settings else f"{name}(shape)"
    assert rows[name] == f"| `{shaped}` | {row.doc}{source(row.source)} |"


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_told_as_they_are(name: str, rows: dict[str, str]) -> None:
    row = SCHEDULES[name]
    assert rows[name] == f"| `{signature(name, row.settings)}` | {row.doc}{source(row.source)} |"


def option(text: str, name: str) -> str:
    """What help says of an option, in a line."""
    found = re.search(rf"^  {re.escape(name)}\b.*?(?=^  -|\Z)", text, re.M | re.S)
    assert found is not None, name
    return " ".join(found[0].split())


def test_help_names_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr("sys.stdout", written)
    assert run(["train", "--help"]) == 0
    text = written.buffer.getvalue().decode()  # type: ignore[attr-defined]
    told = {
        "--optimizer": [*OPTIMISERS],
        "--param": [*STARTS],
        "--schedule": [signature(name, row.settings) for name, row in SCHEDULES.items()],
    }
    for name, wanted in told.items():
        said = option(text, name)
        for one in wanted:
            assert re.search(rf"(?<!\w){re.escape(one)}(?!\w)", said), f"{name} does not tell of {one}: {said}"
