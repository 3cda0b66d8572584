"""Options that commands over rows share: each refuses the same, in the same words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from outcomes import Cli, Refused
from processes import fails, shell

from gradcli.cli.row_options import same
from gradcli.kernels import ENGINES

TABLES = ("batch", "propagate")
PREFIXES = ("=1+", "@x", "-", "1st", "a b", "a\nb", "\u200b", "\x1b[31m", "\udcff")


@pytest.fixture
def data(tmp_path: Path) -> str:
    path = tmp_path / "in.csv"
    path.write_text("x,x_err\n1,0.1\n2,many\n", encoding="utf-8")
    return str(path)


def begun(command: str, data: str) -> list[str]:
    """A call of a command over rows, without options."""
    return [command, "2*x", *(["--x", "0..1:3"] if command == "sweep" else [data])]


@pytest.mark.parametrize("command", [*TABLES, "sweep"])
def test_a_prefix_begins_a_name(command: str, data: str, refused: Refused) -> None:
    """It goes into files that spreadsheets read, where =1+value is a formula."""
    for prefix in PREFIXES:
        assert "does not begin a name\nhint: write letters" in refused(*begun(command, data), f"--prefix={prefix}")


@pytest.mark.parametrize("command", [*TABLES, "sweep"])
@pytest.mark.parametrize("prefix", ["d_", "_", "Δ", "a.b-c_"])
def test_prefixes_that_begin_names(command: str, prefix: str, data: str, cli: Cli) -> None:
    skipping = [] if command == "sweep" else ["--on-error", "skip"]
    outcome = cli(*begun(command, data), "--only", "--prefix", prefix, *skipping)
    assert outcome.status == 0, outcome.err
    assert outcome.out.startswith(f"{prefix}value,{prefix}")


@pytest.mark.parametrize("command", [*TABLES, "sweep"])
def test_engines_are_those_of_kernels(command: str, data: str, refused: Refused) -> None:
    told = refused(*begun(command, data), "--engine", "gpu")
    assert f"there is no engine gpu\nhint: the engines are auto, {', '.join(ENGINES)}\n" in told


@pytest.mark.parametrize("command", [*TABLES, "sweep"])
def test_bytes_are_not_for_a_terminal(command: str, data: str, cli: Cli) -> None:
    outcome = cli(*begun(command, data), "--to", "parquet", terminal=True)
    assert (outcome.status, outcome.out) == (2, "")
    assert "parquet is not for a terminal\nhint: write -o FILE, or --to ndjson\n" in outcome.err


@pytest.mark.parametrize("command", TABLES)
def test_rejects_do_not_take_the_place_of_results(
    command: str, data: str, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the file is called: by another path, or by a link."""
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out.csv"
    out.write_text("before\n", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to(out)
    for name in ("out.csv", "./out.csv", str(out), os.path.join("..", tmp_path.name, "out.csv"), "link.csv"):
        told = refused(*begun(command, data), "-o", "out.csv", "--on-error", "skip", "--rejects", name)
        assert "--rejects and the results would go to the same file" in told
    assert "same file" in refused(*begun(command, data), "--on-error", "skip", "--rejects", "-")
    assert out.read_text(encoding="utf-8") == "before\n"


def test_a_file_that_is_called_like_standard_output_is_a_file() -> None:
    assert same("-", "-")
    assert not same("-", "./-")


@pytest.mark.parametrize("command", TABLES)
def test_what_null_can_not_be(command: str, data: str, refused: Refused) -> None:
    """Bytes that are not UTF-8 are no text, and no cell is them."""
    for text in ("\udcff", "a\udcffb"):
        assert "is no text" in refused(*begun(command, data), "--null", "NA", "--null", text)


@pytest.mark.parametrize("command", [*TABLES, "sweep"])
def test_closed_standard_streams(command: str, data: str) -> None:
    words = [*begun(command, data), "--to", "csv"]
    fails(shell('"$@" >&-', *words), 74, "standard output is closed")
    if command in TABLES:
        fails(shell('"$@" <&-', command, "x", "-", "--from", "csv"), 74, "standard input is closed")
