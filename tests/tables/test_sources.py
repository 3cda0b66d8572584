"""Where tables come from: what names mean, compressed files, and what cannot be read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from tables_read import column, kept_rows, pipe

from gradcli.errors import DataError, ExitStatus, StreamError, UsageError
from gradcli.tables import COMPRESSIONS, FORMATS, SUFFIXES, compression_of, format_of, sources
from gradcli.tables.reading import Options, expand, open_table
from gradcli.tables.sources import Source


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "b.csv",
        "a.tsv",
        "a.csv.gz",
        "c.PARQUET",
        "note.txt",
        ".hidden.csv",
        "deep/d.jsonl",
        ".cache/e.csv",
        "x[1].csv",
        "p.parquet.gz",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n1\n")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_a_directory_means_its_tables(tree: Path) -> None:
    names = ["a.csv.gz", "a.tsv", "b.csv", "c.PARQUET", "deep/d.jsonl", "x[1].csv"]
    assert expand([str(tree)]) == [str(tree / name) for name in names]
    assert expand([f"file://{tree}"]) == [f"file://{tree}/{name}" for name in names]


def test_patterns_mean_what_they_match_in_order(tree: Path) -> None:
    assert expand([f"{tree}/*.csv"]) == [str(tree / "b.csv"), str(tree / "x[1].csv")]
    assert expand([f"{tree}/**/*.[cj]s*"]) == [
        str(tree / name) for name in ("a.csv.gz", "b.csv", "deep/d.jsonl", "x[1].csv")
    ]
    assert expand([f"file://{tree}/*.csv"]) == [f"file://{tree}/b.csv", f"file://{tree}/x[1].csv"]
    assert expand([f"file://{tree}/d*/*.jsonl"]) == [f"file://{tree}/deep/d.jsonl"]
    assert expand([f"{tree}/x[1].csv"]) == [f"{tree}/x[1].csv"], "what exists means itself"


def test_order_and_repetition_are_the_users(tree: Path) -> None:
    b, a = str(tree / "b.csv"), str(tree / "a.tsv")
    assert expand([b, "-", a, b]) == [b, "-", a, b]
    assert expand([str(tree / ".hidden.csv")]) == [str(tree / ".hidden.csv")]


@pytest.mark.parametrize(
    "name",
    [
        "none.csv",
        "*.none",
        "empty",
        "",
        "none/*.csv",
        "file://{}/none.csv",
        "file://{}/*.none",
        "file://{}/empty",
        "nosuch://x/y.csv",
    ],
)
def test_what_means_nothing_is_named(name: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    name = name.format(tree)
    with pytest.raises(StreamError) as caught:
        expand([name])
    assert name in caught.value.message
    assert caught.value.status == ExitStatus.STREAM_FAILED


def test_formats_by_name() -> None:
    for suffix, form in SUFFIXES.items():
        assert format_of(f"dir.x/a{suffix}", None) == form
        assert format_of(f"a{suffix.upper()}", None) == form
        assert format_of("anything", form) == form
        for compression in COMPRESSIONS:
            name = f"a{suffix}{compression}"
            if form in ("csv", "tsv", "ndjson"):
                assert format_of(name, None) == form
                assert compression_of(name) is not None
            else:
                with pytest.raises(UsageError):
                    format_of(name, None)
    assert set(SUFFIXES.values()) | {"tsv"} == set(FORMATS)
    assert format_of("a.csv", "parquet") == "parquet"


@pytest.mark.parametrize(
    ("path", "wanted", "message", "hint"),
    [
        ("a.txt", None, "a.txt does not tell a format", "--to"),
        ("a", None, "does not tell", "parquet"),
        ("a.gz", None, "does not tell", "parquet"),
        ("a.json", None, "does not tell", "--to ndjson"),
        ("-", None, "--to is missing", "csv, tsv, ndjson, parquet, arrow"),
        ("a.csv", "parket", "--to parket: there is no such format", "did you mean parquet"),
        ("a.csv", "xlsx", "--to xlsx", "formats are csv"),
    ],
)
def test_formats_that_are_not_known(path: str, wanted: str | None, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        format_of(path, wanted, "--to")
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def arrow_compressed(kind: str) -> Callable[[bytes], bytes]:
    def compress(content: bytes) -> bytes:
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, kind) as stream:
            stream.write(content)
        return bytes(sink.getvalue())

    return compress


PACKERS = {
    "gz": lambda content: gzip.compress(content[:20]) + gzip.compress(content[20:]),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": arrow_compressed("zstd"),
    "lz4": arrow_compressed("lz4"),
}


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_files(suffix: str, tmp_path: Path) -> None:
    rows = 3000
    texts = {
        "csv": b"x,y\n" + b"".join(b"%d,a\n" % row for row in range(rows)),
        "ndjson": b"".join(b'{"x":%d,"y":"a"}\n' % row for row in range(rows)),
    }
    for form, text in texts.items():
        path = tmp_path / f"a.{form}.{suffix}"
        path.write_bytes(PACKERS[suffix](text))
        found = open_table(str(path), Options(rows=500))
        assert column(found, "x") == [float(row) for row in range(rows)]
        assert found.size == path.stat().st_size
        path.write_bytes(PACKERS[suffix](text)[:-20])
        with pytest.raises(DataError, match=f"{path.name} is not a whole "):
            kept_rows(open_table(str(path), Options()))
        path.write_bytes(b"plain text, not packed at all\n" * 3)
        with pytest.raises(DataError, match=f"{path.name} is not a whole "):
            kept_rows(open_table(str(path), Options()))


@pytest.mark.parametrize("form", FORMATS)
def test_what_cannot_be_opened(form: str, tmp_path: Path) -> None:
    for path in (str(tmp_path / "none"), str(tmp_path), f"file://{tmp_path}/none", "nosuch://x/y"):
        with pytest.raises(StreamError) as caught:
            open_table(path, Options(format=form))
        assert path in caught.value.message


def test_a_pipe_gives_what_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that follow soon are waited for; at the end there is nothing, again and again."""
    monkeypatch.setattr(sources, "PATIENCE", 10.0)

    def write(file: int) -> None:
        for piece in (b"one ", b"two ", b"three"):
            os.write(file, piece)
            time.sleep(0.01)

    with pipe(tmp_path / "pipe", write) as path:
        source = Source(path)
        assert (source.live, source.size) == (True, None)
        assert source.read(1 << 22) == b"one two three"
        assert [source.read(5), source.read(5)] == [b"", b""]
        source.close()


def test_a_pipe_gives_no_more_than_is_asked_for(tmp_path: Path) -> None:
    with pipe(tmp_path / "pipe", lambda file: os.write(file, b"x" * 3000) and None) as path:
        source = Source(path)
        pieces = []
        while piece := source.read(1000):
            pieces.append(piece)
        source.close()
    assert all(len(piece) <= 1000 for piece in pieces)
    assert b"".join(pieces) == b"x" * 3000


def test_standard_input_stays_open() -> None:
    program = """
import os
from gradcli.tables.reading import Options, open_table
table = open_table("-", Options(format="csv"))
print([block.numbers("x").values.tolist() for block in table.blocks(["x"], None)], table.size)
table.close()
os.fstat(0)
"""
    done = subprocess.run([sys.executable, "-c", program], input=b"x\n1\n2\n", capture_output=True, check=True)
    assert done.stdout == b"[[1.0, 2.0]] None\n"


def test_nothing_is_imported_for_the_names_alone() -> None:
    program = """
import sys
from gradcli.tables import format_of
from gradcli.tables.reading import Options, expand
expand(["-"]), format_of("a.csv", None), Options()
print([name for name in ("numpy", "pyarrow", "orjson") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"[]\n"


@pytest.mark.parametrize(("name", "missing"), [("a.csv", "pyarrow"), ("a.ndjson", "orjson"), ("a.parquet", "pyarrow")])
def test_an_extra_that_is_not_installed(name: str, missing: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("x\n1\n")
    program = f"""
import sys
sys.modules[{missing!r}] = None
from gradcli.errors import MissingError
from gradcli.tables.reading import Options, open_table
try:
    open_table({str(tmp_path / name)!r}, Options())
except MissingError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    form = name.partition(".")[2]
    assert done.stdout == f'reading {form} needs the extra data\nhint: pip install "gradcli[data]"\n'
