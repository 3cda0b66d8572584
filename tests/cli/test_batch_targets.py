"""`gradcli batch` never writes over its data, nor among them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from outcomes import Cli, Refused
from processes import fails, shell

from gradcli.cli.batch_targets import check_apart
from gradcli.errors import UsageError

TEXT = "x\n1\nq\n"
WAYS = ("in.csv", "./in.csv", "PLACE/in.csv", "d/../in.csv", "link.csv", "hard.csv", "file://PLACE/in.csv")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with in.csv, d/in.csv and links; it is the one where we are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    for path in (tmp_path / "in.csv", tmp_path / "d" / "in.csv"):
        path.write_text(TEXT)
    (tmp_path / "link.csv").symlink_to("in.csv")
    os.link(tmp_path / "in.csv", tmp_path / "hard.csv")
    return tmp_path


def files(place: Path) -> list[tuple[str, str]]:
    return sorted((str(path), path.read_text()) for path in place.rglob("*") if path.is_file())


@pytest.mark.parametrize("more", [(), ("--only",)])
@pytest.mark.parametrize("way", WAYS)
def test_an_output_that_is_the_data(way: str, more: tuple[str, ...], place: Path, refused: Refused) -> None:
    """By any path, link or address, on either side."""
    before, other = files(place), way.replace("PLACE", str(place))
    for data, out in (("in.csv", other), (other, "in.csv")):
        command = ("batch", "x", data, "--on-error", "skip", *more)
        told = refused(*command, "-o", out)
        assert told.endswith("hint: give the results another name\n"), told
        told = refused(*command, "-o", "out.csv", "--rejects", out)
        assert told.endswith("hint: give the rejects another name\n"), told
    assert files(place) == before


@pytest.mark.parametrize("data", ["*.csv", "file://PLACE/*.csv", "d/*.csv"])
def test_one_of_several_files(data: str, place: Path, refused: Refused) -> None:
    out = "d/in.csv" if data.startswith("d") else "in.csv"
    (place / "a.csv").write_text(TEXT)
    given = ("a.csv", data.replace("PLACE", str(place)))
    assert "give the results another name" in refused("batch", "x", *given, "--on-error", "skip", "-o", out)


@pytest.mark.parametrize(
    ("data", "out", "beside"),
    [
        ("d", "d/out.csv", "-o out.csv"),
        ("d/", "d/in.csv", None),
        ("d", "d/out/", "-o out/"),
        ("d", "d/", "-o results/"),
        ("d", "d", "-o results/"),
        ("PLACE/d", "d/sub/out.csv", "-o PLACE/out.csv"),
        ("file://PLACE/d", "d/out.csv", None),
        (".", "out.csv", None),
        ("d", "file://PLACE/d/out.csv", "-o out.csv"),
    ],
)
def test_an_output_inside_a_directory_of_data(
    data: str, out: str, beside: str | None, place: Path, refused: Refused
) -> None:
    """Its next run would read it, and a run of parts could never be resumed."""
    before = files(place)
    data, out = data.replace("PLACE", str(place)), out.replace("PLACE", str(place))
    told = refused("batch", "x", data, "--on-error", "skip", "-o", out)
    assert f"-o {out} is inside {data}, which is data\n" in told
    hint = "the next run would read the results too; write to a place beside it"
    such = f", such as {beside.replace('PLACE', str(place))}" if beside else ""
    assert told.endswith(f"hint: {hint}{such}\n"), told
    assert "--rejects d/bad.csv is inside d" in refused(
        "batch", "x", "d", "--on-error", "skip", "-o", "o.csv", "--rejects", "d/bad.csv"
    )
    assert files(place) == before


def test_what_a_link_leads_to_counts(place: Path, refused: Refused) -> None:
    (place / "way").symlink_to("d")
    (place / "out.csv").symlink_to("d/out.csv")
    for out in ("way/out.csv", "out.csv"):
        assert "is inside d, which is data" in refused("batch", "x", "d", "--on-error", "skip", "-o", out)


def test_outputs_beside_the_data(place: Path, cli: Cli) -> None:
    """Also a hidden one: these are no data."""
    for out in ("out.csv", "d/.out.csv", "e.csv"):
        assert cli("batch", "x", "d", "--on-error", "skip", "-o", out).status == 0
    assert cli("batch", "x", "d", "--on-error", "skip", "-o", "/dev/null", "--to", "csv").status == 0


def test_addresses_elsewhere() -> None:
    """They are compared as they are written: nobody is asked."""
    check_apart(["s3://b/in", "s3://b/a.csv"], ["s3://b/in/c.csv", "s3://b/a.csv"], {"-o": ["s3://b/input.csv"]})
    for out, words in (("s3://b/a.csv", "is the data itself"), ("s3://b/in/out.csv", "is inside s3://b/in")):
        with pytest.raises(UsageError, match=words):
            check_apart(["s3://b/in", "s3://b/a.csv"], ["s3://b/in/c.csv", "s3://b/a.csv"], {"-o": [out]})


def test_a_name_that_no_file_can_have(place: Path, refused: Refused) -> None:
    refused("batch", "x", "d", "--on-error", "skip", "-o", "a\0.csv", status=74)


def test_rejects_of_parts_that_are_data(place: Path, refused: Refused) -> None:
    """A part's name may be that of a file of the data."""
    (place / "in-00000.csv").write_text(TEXT)
    how = ("--on-error", "skip", "-o", "out/", "--rejects")
    told = refused("batch", "x", "in.csv", "in-00000.csv", *how, f"{place}/")
    assert f"--rejects {place}/in-00000.csv and the data in-00000.csv are one file" in told
    assert (place / "in-00000.csv").read_text() == TEXT


def test_standard_streams_that_are_the_data(place: Path) -> None:
    fails(shell('"$@" >> in.csv', "batch", "x", "in.csv", "--only"), 2, "standard output and the data in.csv are one")
    command = ("batch", "x", "-", "--from", "csv", "--on-error", "skip", "-o", "in.csv")
    fails(shell('"$@" < in.csv', *command), 2, "-o in.csv and the data standard input are one file")
    assert (place / "in.csv").read_text() == TEXT


@pytest.mark.parametrize("given", ["d", "file://PLACE/d"])
def test_a_directory_is_read_without_pipes_in_it(given: str, place: Path) -> None:
    """Nobody may ever write to a named pipe that lies there."""
    os.mkfifo(place / "d" / "f.csv")
    done = shell('timeout 20 "$@"', "batch", "x", given.replace("PLACE", str(place)), "--on-error", "skip", "-q")
    assert (done.returncode, done.stdout) == (0, b"x,value,grad_x\n1,1.0,1.0\n"), done.stderr
