"""What pictures begin with, and a graph to draw."""

from __future__ import annotations

from pathlib import Path

PRODUCT = ("dot", "(x+y)*z", "--x", "2", "--y", "3", "--z", "-4")
STARTS = {"dot": b"digraph gradcli {", "svg": b"<svg ", "png": b"\x89PNG\r\n", "mermaid": b"flowchart "}
STARTS |= {"tikz": b"% \\usepackage{tikz}", "graphml": b"<?xml "}


def kind_of(content: bytes) -> str:
    return next((name for name, start in STARTS.items() if content.startswith(start)), f"unknown: {content[:20]!r}")


def only(folder: Path, *names: str) -> None:
    assert {path.name for path in folder.iterdir()} == set(names)
