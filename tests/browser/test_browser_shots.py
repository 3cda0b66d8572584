"""The pictures of pages in README and docs: `pytest --renew -n0 tests/browser/test_browser_shots.py` takes them anew.

Letters look a little different wherever they are drawn, so bytes are not compared; that there is a page behind every
picture is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pages import sample, settled

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
PRODUCT = ("q = x + y; q*z", {"x": 2, "y": 3, "z": -4})


@pytest.mark.parametrize(
    ("name", "program", "backward", "height"),
    [("page", PRODUCT, 1, 700), ("page-network", sample("network"), 9, 800)],
)
def test_a_picture_of_a_page(
    name: str, program: tuple[str, dict[str, Any]], backward: int, height: int,
    show: Callable[..., Any], renew: bool, tmp_path: Path,
) -> None:  # fmt: skip
    """At a step of the backward pass, where sentence, program and picture tell of one gate."""
    page = show(*program, viewport={"width": 1280, "height": height}, color_scheme="light")
    steps = page.evaluate("window.gradcliPage.steps()")
    first = next(place for place, step in enumerate(steps) if step["pass"] == "backward")
    page.evaluate("place => window.gradcliPage.step(place)", first + backward)
    settled(page)
    assert page.locator("svg .active").count()
    assert page.locator("#story").inner_text().strip()
    place = (IMAGES if renew else tmp_path) / f"{name}.png"
    page.screenshot(path=place, animations="disabled")
    assert (IMAGES / f"{name}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
