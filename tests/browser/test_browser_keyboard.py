"""Without a mouse: the Tab key reaches everything and is caught nowhere, the focus is seen, and keys do it all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from pages import sample

if TYPE_CHECKING:
    from playwright.sync_api import Page

PROGRAMS = {
    "product": ("q = x + y; q*z", {"x": 2.0, "y": 3.0, "z": -4.0}),
    "network": sample("network"),
    "arrays": sample("network-4-2-1"),
}
PATH = """element => {
    const path = [];
    for (let at = element; at && at !== document.body; at = at.parentElement) {
        path.unshift([...at.parentElement.children].indexOf(at));
    }
    return path.join(".");
}"""
FOCUSED = f"""() => {{
    const element = document.activeElement, box = element.getBoundingClientRect(), style = getComputedStyle(element);
    return {{
        name: element.id || element.getAttribute("aria-label") || element.textContent.trim().slice(0, 40),
        id: element.id, path: ({PATH})(element), body: element === document.body,
        outline: style.outlineStyle + " " + style.boxShadow, stroke: [...element.querySelectorAll(".box, .plate")].map(
            shape => getComputedStyle(shape).strokeWidth).sort().at(-1) || "",
        seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    }};
}}"""
CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex]"
REACHABLE = f"""all => all.filter(
    element => element.tabIndex >= 0 && !element.disabled && element.checkVisibility({{visibilityProperty: true}})
        && !element.closest("dialog:not([open])")
).map({PATH})"""


def tabbed(page: Page, key: str, most: int = 400) -> list[dict[str, Any]]:
    """Everything that has the focus, one Tab after the other, once around."""
    found: list[dict[str, Any]] = []
    for _ in range(most):
        page.keyboard.press(key)
        now = page.evaluate(FOCUSED)
        if now["body"] or (found and now["path"] == found[0]["path"]):
            return found
        found.append(now)
    raise AssertionError(f"caught at {found[-1]}")


@pytest.mark.parametrize("name", PROGRAMS)
def test_tab_reaches_everything_and_is_seen(show: Callable[..., Page], name: str) -> None:
    page = show(*PROGRAMS[name])
    found = tabbed(page, "Tab")
    paths = {one["path"] for one in found}
    assert len(paths) == len(found)
    assert {*page.locator(CONTROLS).evaluate_all(REACHABLE)} <= paths
    assert [one["name"] for one in found if not one["seen"]] == []
    unmarked = [one["name"] for one in found if one["outline"] == "none none" and float(one["stroke"][:-2] or 0) < 2]
    assert unmarked == [], "the focus is not to be seen"
    back = tabbed(page, "Shift+Tab")
    assert len(back) == len(found)
    ids = {one["id"] for one in found}
    wanted = {"theme", "scrub", "speed", *(["fold", "unfold"] if page.locator("#folds").is_visible() else [])}
    assert wanted <= ids


def test_a_walk_by_keys_alone(show: Callable[..., Page]) -> None:
    """Help, steps, play, the graph, an input, a cluster: all by keys."""
    page = show(*PROGRAMS["network"])
    scrub = page.locator("#scrub")
    last = scrub.get_attribute("max")
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()
    for key, step in (("Home", "0"), ("ArrowRight", "1"), ("ArrowRight", "2"), ("ArrowLeft", "1"), ("End", last)):
        page.keyboard.press(key)
        assert scrub.input_value() == step, key
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    assert page.locator("[data-go=play]").get_attribute("aria-label") == "Pause"
    page.keyboard.press(" ")
    assert page.locator("[data-go=play]").get_attribute("aria-label") == "Play"


def test_clusters_fold_by_keys(show: Callable[..., Page]) -> None:
    page = show(*PROGRAMS["network"])
    caption = page.locator("svg.gradcli-graph [data-frame][role=button]").first
    name = caption.get_attribute("data-frame")
    caption.focus()
    page.keyboard.press("Enter")
    box = page.locator(f"svg.gradcli-graph [data-box='{name}']")
    assert box.is_visible()
    assert page.evaluate("() => document.activeElement.dataset.box") == name, "the focus stays where it was"
    page.keyboard.press(" ")
    assert not box.is_visible()
    assert page.evaluate("() => document.activeElement.dataset.frame") == name


def test_gates_are_reached_by_arrow_keys_or_tab(show: Callable[..., Page]) -> None:
    """Every gate can have the focus, has a name, and Enter chooses it."""
    page = show(*PROGRAMS["product"])
    nodes = page.locator("svg.gradcli-graph .node[id]")
    for node in nodes.all():
        node.focus()
        assert page.evaluate("() => document.activeElement.id") == node.get_attribute("id")
        assert node.get_attribute("aria-label"), "a gate without a name"
    page.locator("#g3").focus()
    page.keyboard.press("Enter")
    assert "x + y" in (page.locator("#story").text_content() or "")
