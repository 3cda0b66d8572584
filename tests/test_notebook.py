"""The sample notebook runs from top to bottom and shows what it holds.

`pytest --renew tests/test_notebook.py` stores the present outputs.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
import pytest
from nbclient import NotebookClient

import gradcli

NOTEBOOK = Path(__file__).resolve().parent.parent / "samples" / "notebook.ipynb"


def executed() -> Any:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Jupyter's own packages warn of
        if sys.platform == "win32":
            asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
        NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_runs_and_shows_what_it_holds(renew: bool) -> None:
    notebook = executed()
    if renew:
        nbformat.write(notebook, NOTEBOOK)
    stored = nbformat.read(NOTEBOOK, as_version=4)
    now = [cell.get("outputs") for cell in notebook.cells]
    assert now == [cell.get("outputs") for cell in stored.cells]
    shown = [output.data for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/svg+xml" in data for data in shown) == 3
    assert any("-0.19661193324148185" in data["text/plain"] for data in shown)


def test_a_trace_shows_itself() -> None:
    trace = gradcli.evaluate("(x+y)*z", x=2, y=3, z=-4)
    svg = trace._repr_svg_()
    assert svg is not None
    assert svg == trace._repr_html_()
    root = ElementTree.fromstring(svg)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert all(name.startswith("p") and "-" in name for name in ids if name)
    other = gradcli.evaluate("(x+y)*z", x=3, y=3, z=-4)._repr_svg_()
    assert other is not None
    assert set(ids).isdisjoint({element.get("id") for element in ElementTree.fromstring(other).iter()} - {None})


def test_too_many_gates_are_not_drawn_unasked() -> None:
    trace = gradcli.evaluate("+".join(["x"] * 400), x=1)
    assert trace._repr_svg_() is None
    assert trace._repr_html_() is None


def test_pictures_take_options() -> None:
    trace = gradcli.evaluate("q = x + y; q*z", x=2, y=3, z=-4)
    assert trace.to_dot(rankdir="TB").startswith("digraph")
    assert "prefers-color-scheme" in trace.to_svg()
    assert "prefers-color-scheme" not in trace.to_svg(theme="dark")
    assert "local gradient</tspan>" not in trace.to_svg(legend=False)
    assert 'id="g2"' not in trace.to_svg(path="x")
    with pytest.raises(gradcli.UsageError, match="no input or stage"):
        trace.to_svg(path="nothing")
