"""Clusters fold and unfold where they stand; the numbers stay right, and nothing folded is the drawing as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pages import boxes, columns, differences, evaluated, overlaps, put, sample

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ("network", "black-scholes", "rnn", "attention", "stages")
DRAWING = """() => {
    const names = ["d", "points", "x", "y", "width", "height", "cx", "cy", "r", "rx", "ry", "transform", "viewBox"];
    const seen = element => {
        for (let at = element; at; at = at.parentElement) if (getComputedStyle(at).display === "none") return false;
        return true;
    };
    return [...document.querySelectorAll("svg.gradcli-graph, svg.gradcli-graph *")].filter(seen).map(element => {
        const written = names.map(name => element.getAttribute(name));
        return [element.tagName, element.closest("[id]").id, ...written].join("|");
    });
}"""


@pytest.mark.parametrize("name", NAMES)
def test_unfolding_gives_the_same_drawing(show: Callable[..., Page], name: str) -> None:
    """All folded, all unfolded, twice: every coordinate as it was, to the last digit."""
    page = show(*sample(name))
    if not page.locator("#folds").is_visible():
        assert page.evaluate("() => JSON.parse(document.getElementById('facts').textContent).frames.length") == 0
        return
    page.locator("#unfold").click()
    before = page.evaluate(DRAWING)
    for _ in range(2):
        page.locator("#fold").click()
        folded = page.evaluate(DRAWING)
        assert folded != before
        assert overlaps(boxes(page, "svg.gradcli-graph text"), 1.5) == []
        page.locator("#unfold").click()
        assert page.evaluate(DRAWING) == before


def test_numbers_move_while_folded(show: Callable[..., Page], tmp_path: Path) -> None:
    program, values = sample("network")
    page = show(program, values)
    page.locator("#fold").click()
    moved = {**values, "x₁": -0.75, "c": 2.5}
    put(page, moved)
    page.locator("#unfold").click()
    assert [*differences(columns(page), evaluated(tmp_path, program, moved))] == []


def test_a_step_in_a_folded_cluster_lights_its_box(show: Callable[..., Page]) -> None:
    page = show(*sample("network"))
    page.locator("#fold").click()
    page.keyboard.press("Home")
    last = int(page.locator("#scrub").get_attribute("max") or 0)
    for step in range(last):
        assert page.locator("svg.gradcli-graph .active:visible").count() >= 1, step
        page.keyboard.press("ArrowRight")
