"""A gate and its place in the program: each marks the other, when pointed at and in focus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pages import evaluated

if TYPE_CHECKING:
    from playwright.sync_api import Page

PROGRAMS = {
    "one line": ("(x + y)*z", ["x", "y", "z"]),
    "emoji": ("# 😀👩\u200d🔬 é\nq = x + y # 🎉 漢字\nq*z", ["x", "y", "z"]),
    "combining": ("# e\u0301\u20dd e\u0301\nα₁ = x²  # ¨ u\u0308\nα₁ + y*z", ["x", "y", "z"]),
    "lines": ("q = (x\n  + y)\nr = max(\n    q, # first\n    z\n)\nr*q", ["x", "y", "z"]),
}
PLACE = """one => {
    const box = [...one.getClientRects()].find(box => box.width > 4);
    return [box.left + 2, box.top + box.height / 2];
}"""
MARKED = """kind => [...document.querySelectorAll("#program ." + kind)].map(span => span.textContent).join("")"""


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("by", ["pointer", "focus"])
def test_a_gate_marks_its_text(show: Callable[..., Page], tmp_path: Path, name: str, by: str) -> None:
    program, inputs = PROGRAMS[name]
    values = dict.fromkeys(inputs, 1.5)
    trace, page = evaluated(tmp_path, program, values), show(program, values)
    for gate in trace["gates"]:
        if gate["op"] == "constant":
            continue
        node = page.locator(f"#{gate['id']}")
        if by == "pointer":
            node.hover()
        else:
            node.focus()
        wanted = "".join([*trace["expression"]][gate["start"] : gate["end"]])
        assert page.evaluate(MARKED, "hovered") == wanted, gate["id"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_text_marks_its_gate(show: Callable[..., Page], name: str) -> None:
    """Each piece of the program, the gate with the shortest text that has it."""
    program, inputs = PROGRAMS[name]
    page = show(program, dict.fromkeys(inputs, 1.5))
    facts = page.evaluate("() => JSON.parse(document.getElementById('facts').textContent)")
    at, seen = 0, set()
    for piece in page.locator("#program > span").all():
        text = piece.text_content() or ""
        here = [gate for gate in facts["gates"] if gate["start"] <= at < gate["end"]]
        at += len([*text])
        if "comment" in (piece.get_attribute("class") or ""):
            continue
        assert bool(here) == (piece.get_attribute("data-owner") is not None), text
        if not here:
            continue
        page.mouse.move(*piece.evaluate(PLACE))
        shortest = min(here, key=lambda gate: gate["end"] - gate["start"])
        marked = page.locator("svg.gradcli-graph .node.hovered").evaluate_all("all => all.map(one => one.id)")
        assert marked == [f"g{facts['gates'].index(shortest)}"], text
        seen.add(marked[0])
    assert at == len(facts["program"])
    assert seen >= {f"g{one['gate']}" for one in facts["inputs"]}
    assert f"g{facts['output']}" in seen


def test_nothing_stays_marked(show: Callable[..., Page]) -> None:
    page = show("(x + y)*z", {"x": 1.0, "y": 2.0, "z": 3.0})
    page.locator("#g3").hover()
    assert page.evaluate(MARKED, "hovered") == "x + y"
    page.mouse.move(1, 1)
    assert page.evaluate(MARKED, "hovered") == ""
    assert page.locator(".node.hovered").count() == 0


def test_an_input_is_marked_wherever_it_is_used(show: Callable[..., Page]) -> None:
    """And each of its places in the text leads to it."""
    page = show("x^2*sin(y) + x/y", {"x": 1.5, "y": 0.7})
    page.locator("#g0").hover()
    assert page.evaluate("[...document.querySelectorAll('#program .hovered')].map(one => one.textContent)") == [
        "x",
        "x",
    ]
    page.locator("#program span", has_text="x").last.click()
    page.locator("#program span[data-owner='0']").last.click()
    assert page.locator("svg #g0.active").count() == 1
