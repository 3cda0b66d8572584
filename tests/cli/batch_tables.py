"""Tables for the tests of `gradcli batch`, in every format, and the results that they must have."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv, feather, parquet

import gradcli
from gradcli.graph.names import resolve
from gradcli.language.parser import parse

FORMATS = ("csv", "tsv", "ndjson", "parquet", "arrow")
Rows = list[dict[str, Any]]


def write(path: Path, rows: Sequence[Mapping[str, Any]], names: Sequence[str] = (), **options: Any) -> str:
    """Write rows to a file of the format that its suffix names. names: of the columns, where there is no row."""
    names = list(rows[0]) if rows else list(names)
    kind = path.suffix[1:]
    if kind == "ndjson":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif kind in ("csv", "tsv"):
        separator = "," if kind == "csv" else "\t"
        lines = [separator.join(names), *(separator.join(_cell(row[name]) for name in names) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        types = None if rows else pa.schema([(name, pa.float64()) for name in names])
        table = pa.Table.from_pylist(list(rows), schema=types)
        if kind == "parquet":
            parquet.write_table(table, path, **options)
        else:
            feather.write_feather(table, str(path), compression="uncompressed")
    return str(path)


def _cell(value: Any) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def read(path: Path) -> Rows:
    """The rows of a file, cells of text as numbers where they are some."""
    kind = path.suffix[1:]
    if kind == "ndjson":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    elif kind in ("csv", "tsv"):
        parse = csv.ParseOptions(delimiter="," if kind == "csv" else "\t", newlines_in_values=True)
        convert = csv.ConvertOptions(strings_can_be_null=False, default_column_type=pa.string())
        rows = csv.read_csv(path, parse_options=parse, convert_options=convert).to_pylist()
    elif kind == "parquet":
        rows = parquet.read_table(path).to_pylist()
    else:
        rows = pa.ipc.open_file(path).read_all().to_pylist()
    return [{name: number(value) for name, value in row.items()} for row in rows]


def number(cell: Any) -> Any:
    """What a cell says: a float, None, or its text."""
    if cell is None or cell == "":
        return None
    try:
        return float(cell)
    except (TypeError, ValueError):
        return cell


def same(found: Any, wanted: Any) -> bool:
    """Whether a number is what it should be: the operations are the same, their order nearly."""
    if wanted is None or isinstance(wanted, str) or found is None:
        return bool(found == wanted)
    if math.isnan(wanted):
        return math.isnan(found)
    return bool(found == wanted or math.isclose(found, wanted, rel_tol=1e-13))


def expected(program: str, row: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    """Value and gradients of one row, by the passes."""
    trace = gradcli.evaluate(program, **{**row, **values})
    return {"value": trace.value, **{f"grad_{name}": gradient for name, gradient in trace.gradients.items()}}


def check(found: Rows, rows: Sequence[Mapping[str, Any]], program: str, **values: Any) -> None:
    """Every row of the output is its row of the input, and what the passes give for it."""
    assert len(found) == len(rows)
    for got, row in zip(found, rows, strict=True):
        wanted = {**row, **expected(program, {name: row[name] for name in _inputs(program, row)}, **values)}
        assert list(got) == list(wanted)
        for name, cell in wanted.items():
            assert same(got[name], number(cell)), (name, got, wanted)


def _inputs(program: str, row: Mapping[str, Any]) -> list[str]:
    return [name for name in resolve(parse(program)).inputs if name in row]
