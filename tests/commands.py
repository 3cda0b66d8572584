"""The commands of the registry, and what each can be run with, so that a new one is tested by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from gradcli.cli.app import app

PROGRAM = ["x*y", "--x", "2", "--y", "3"]
ROWS = str(Path(__file__).parent / "rows.csv")  # with columns x and y
MODEL = str(Path(__file__).parent / "model.json")  # a line through these rows, as `fit` writes it


def parameters(command: str) -> list[Any]:
    built: Any = typer.main.get_command(app).get_command(None, command)  # type: ignore[attr-defined, arg-type]
    return list(built.params)


def takes_program(command: str) -> bool:
    return any(parameter.name == "expression" for parameter in parameters(command))


def arguments(command: str, *program: str) -> list[str]:
    """A command line that succeeds."""
    expression, *values = program or PROGRAM
    names = [parameter.name for parameter in parameters(command)]
    if command == "batch":  # its inputs are columns
        return [command, expression, ROWS, "--to", "csv", "--quiet"]
    if command == "train":  # one of its inputs is what is learnt
        return [command, expression, "--param", "x=1", "--y", "3", "--epochs", "3", "--quiet"]
    if command == "fit":
        return [command, expression, "--data", ROWS, "--target", "y", "--param", "x=1", "--quiet"]
    if command == "predict":
        return [command, MODEL, ROWS, "--quiet"]
    if command == "propagate" and not program:  # notes that nothing is uncertain
        values = ["--x", "2 ± 0.1", "--y", "3"]
    return [
        command,
        *(["--to", "python"] if command == "code" else []),
        *(["bash"] if command == "completion" else []),
        *(expression for name in ("expression", "other") if name in names),
        *(values if takes_program(command) else []),
    ]
