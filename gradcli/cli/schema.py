"""gradcli schema: the JSON Schemas of what other tools read."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated

import typer

from gradcli.cli import streams
from gradcli.errors import UsageError
from gradcli.printable import shorten

SCHEMAS = {
    "trace": "trace-1.json",
    "training": "training-1.json",
    "check": "check-1.json",
    "comparison": "comparison-1.json",
    "contributions": "contributions-1.json",
    "derivative": "derivative-1.json",
    "matrix": "matrix-1.json",
    "statistics": "statistics-1.json",
    "uncertainty": "uncertainty-1.json",
}


def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(SCHEMAS)}.")] = "trace",
) -> None:
    """Print the JSON Schema of what --json writes.

    \b
      gradcli schema > trace.schema.json
      gradcli schema training
    """
    if name not in SCHEMAS:
        raise UsageError(f"there is no schema {shorten(name)}", hint=f"the schemas are {', '.join(SCHEMAS)}")
    streams.emit([(files("gradcli") / "schemas" / SCHEMAS[name]).read_text(encoding="utf-8")])
