"""The registry of formats says all that others know of one."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import typer

import gradcli
from gradcli.cli.app import app
from gradcli.tables import COMPRESSIONS, FORMATS, SUFFIXES, suffix_format
from gradcli.tables.blocks import Options
from gradcli.tables.outputs import Output
from gradcli.tables.reading import open_table
from gradcli.tables.writing import open_writer

PACKAGE = Path(gradcli.__file__).parent
OWN = ("tables/__init__.py", "tables/csv_reader.py", "tables/csv_writer.py")  # they may know formats by their names


def by_name(tree: ast.AST) -> list[int]:
    """The lines that compare with the name of a format, or that list formats by their names."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
            if {*FORMATS} & {*sides}:
                found.append(node.lineno)
        elif isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict):
            parts = node.keys if isinstance(node, ast.Dict) else node.elts
            listed = {getattr(part, "value", None) for part in parts}
            if listed and listed <= {*FORMATS}:
                found.append(node.lineno)
    return found


def test_nobody_asks_for_the_name_of_a_format() -> None:
    """Else a new one would be a change in many places."""
    lines = by_name(ast.parse('a == "csv"\nb in ("csv", "tsv")\nBINARY = ("arrow",)\nc = {"tsv": 1}'))
    assert sorted(lines) == [1, 2, 2, 3, 4]
    for folder in ("tables", "batch", "propagating", "cli"):
        for path in sorted((PACKAGE / folder).glob("*.py")):
            if path.relative_to(PACKAGE).as_posix() not in OWN:
                assert not by_name(ast.parse(path.read_text(encoding="utf-8"))), path


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_line_says_is_so(name: str, tmp_path: Path) -> None:
    format = FORMATS[name]
    path = str(tmp_path / f"rows{format.suffixes[0]}")
    with Output(path) as output:
        kept = pa.record_batch({"n": pa.array([1, 2])})
        writer = open_writer(output.sink, name, kept.schema, ["v"])
        writer.write(kept, {"v": np.array([0.5, 1.5])}, None)
        writer.close()
    content = Path(path).read_bytes()
    assert (b"\0" in content) == format.binary
    reader = open_table(path, Options(keep="columns"))
    assert reader.schema is not None
    assert (reader.schema.field("n").type == pa.string()) == (not format.typed)
    reader.close()
    if format.lines:
        reader = open_table(path, Options(keep="lines"))
        (block,) = reader.blocks((), None)
        assert b"\n".join([*block.kept.lines, b""]) == content  # type: ignore[union-attr]
        reader.close()


def test_suffixes() -> None:
    for name, format in FORMATS.items():
        for suffix in format.suffixes:
            assert SUFFIXES[suffix] == name
            assert {suffix_format(f"a{suffix}{end}") for end in COMPRESSIONS} == {None if format.binary else name}
    assert len(SUFFIXES) == sum(len(format.suffixes) for format in FORMATS.values()), "a suffix tells one format"


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_the_help_names_all_formats(option: str) -> None:
    command = typer.main.get_command(app).get_command(None, "batch")  # type: ignore[attr-defined, arg-type]
    (told,) = [parameter.help for parameter in command.params if option in parameter.opts]
    assert all(name in told for name in FORMATS)
