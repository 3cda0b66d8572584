"""A program too large to be computed in the page: its numbers stand, the steps go, and the page says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pages import columns, differences, evaluated
from shown import misshown

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZE = 24
PROGRAM = "A = W @ W; B = A @ W; C = B @ B; sum(C*C) / 100"
VALUES = {"W": [[((7 * i + 3 * j) % 11 - 5) / 16 for j in range(SIZE)] for i in range(SIZE)]}


def test_a_page_that_stands_still(show: Callable[..., Page], tmp_path: Path) -> None:
    page = show(PROGRAM, VALUES)
    facts = page.evaluate("() => JSON.parse(document.getElementById('facts').textContent)")
    assert facts["live"] is False
    found = columns(page)
    assert [*differences(found, evaluated(tmp_path, PROGRAM, VALUES))] == []
    assert [*misshown(page, found)] == []
    assert (page.locator("#inputs .hint").text_content() or "").strip()
    assert page.locator("#inputs input:is([type=range], [type=text]):enabled").count() == 0
    page.keyboard.press("Home")
    for index in range(len(facts["gates"])):
        assert page.locator("svg.gradcli-graph .node.active").get_attribute("id") == f"g{index}"
        page.keyboard.press("ArrowRight")
