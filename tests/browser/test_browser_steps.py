"""Stepping through both passes: the lit gate, its edges, its sentence; there and back; by button, key and slider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pages import Numbers, evaluated, put, sample
from shown import Sentences, bare, begins, explained

if TYPE_CHECKING:
    from playwright.sync_api import Page

Show = Callable[..., "Page"]
PROGRAMS = {
    "product": ("q = x + y; q*z", {"x": 2.0, "y": 3.0, "z": -4.0}),
    "kinks": ("a = relu(x)*2; b = max(a, y, 0); k = 3; b^2 + k*x*x", {"x": 0.0, "y": -1.5}),
    "arrays": sample("network-4-2-1"),
    "lost": ("log(x)/y + x", {"x": 0.0, "y": 0.0}),
}

LIT = """() => {
    const ids = selector => [...document.querySelectorAll("svg.gradcli-graph " + selector)].map(one => one.id).sort();
    const story = document.querySelector("#story .lines");
    return {gates: ids(".node.active"), forward: ids(".edge.flow-forward"), backward: ids(".edge.flow-backward"),
            story: story.textContent, spoken: document.getElementById("spoken").textContent,
            step: Number(document.getElementById("scrub").value)};
}"""


def steps(trace: Numbers) -> list[tuple[str, int]]:
    """Forward over all gates in order, then back over all that are active."""
    active = [i for i, gate in enumerate(trace["gates"]) if gate["global_gradient"] is not None]
    return [*(("forward", i) for i in range(len(trace["gates"]))), *(("backward", i) for i in reversed(active))]


def wrong(lit: dict[str, Any], step: tuple[str, int], trace: Numbers, told: Sentences) -> Iterator[str]:
    """What a page lights and tells in a step, where that is not what happens in it."""
    name, index = step
    gate = trace["gates"][index]
    edges = sorted(
        f"g{index}-{k}" for k, edge in enumerate(gate["operands"])
        if name == "forward" or edge["contribution"] is not None
    )  # fmt: skip
    if lit["gates"] != [f"g{index}"]:
        yield f"{step}: {lit['gates']} is lit"
    if lit[name] != edges:
        yield f"{step}: the edges {lit[name]} are lit, not {edges}"
    if lit["backward" if name == "forward" else "forward"]:
        yield f"{step}: edges of the other pass are lit"
    if not begins(bare(lit["story"]), told.get(step, "")):
        yield f"{step}: told is {bare(lit['story'])!r}, not {told.get(step)!r}"


def opened(show: Show, folder: Path, name: str) -> tuple[Page, Numbers, Sentences]:
    program, values = PROGRAMS[name]
    trace = evaluated(folder, program, values)
    return show(program, values), trace, explained(folder, trace, program, values)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("by", ["button", "key"])
def test_every_step_there_and_back(show: Show, tmp_path: Path, name: str, by: str) -> None:
    """From the first gate forward to the end, and back to the first gate."""
    page, trace, told = opened(show, tmp_path, name)
    keys = {"first": "Home", "back": "ArrowLeft", "forward": "ArrowRight", "last": "End"}

    def go(where: str) -> dict[str, Any]:
        if by == "button":
            page.locator(f"[data-go={where}]").click()
        else:
            page.keyboard.press(keys[where])
        found: dict[str, Any] = page.evaluate(LIT)
        return found

    walk = steps(trace)
    found = [go("first" if not i else "forward") for i in range(len(walk))]
    assert [one["step"] for one in found] == [*range(len(walk))]
    assert [line for lit, step in zip(found, walk, strict=True) for line in wrong(lit, step, trace, told)] == []
    end = go("forward")
    assert (end["step"], end["gates"]) == (len(walk), [])
    again = [go("back") for _ in walk]
    assert again == found[::-1], "a step is the same from both sides"
    assert go("last") == end


def test_the_slider_goes_to_any_step(show: Show, tmp_path: Path) -> None:
    """By the mouse and by its own keys."""
    page, trace, told = opened(show, tmp_path, "kinks")
    walk, scrub = steps(trace), page.locator("#scrub")
    for index in (5, 0, len(walk) - 1, 3):
        scrub.fill(str(index))
        assert [*wrong(page.evaluate(LIT), walk[index], trace, told)] == []
    scrub.focus()
    page.keyboard.press("ArrowRight")
    assert [*wrong(page.evaluate(LIT), walk[4], trace, told)] == []
    box = scrub.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    middle = page.evaluate(LIT)["step"]
    assert abs(middle - len(walk) / 2) <= 1
    assert [*wrong(page.evaluate(LIT), walk[middle], trace, told)] == []


def test_playing_runs_to_the_end_and_pauses(show: Show, tmp_path: Path) -> None:
    """Every step is passed, in order, by a clock that the test moves; a pause holds."""
    program, values = PROGRAMS["product"]
    trace = evaluated(tmp_path, program, values)
    page = show(program, values)
    page.clock.install()
    page.reload()
    page.keyboard.press("Home")
    button, seen = page.locator("[data-go=play]"), [0]
    page.locator("#speed").select_option("4")
    button.click()
    assert button.get_attribute("aria-label") == "Pause"
    for _ in range(40):
        page.clock.run_for(100)
        step = page.evaluate(LIT)["step"]
        if step != seen[-1]:
            seen.append(step)
        if step == 4:
            break
    button.click()
    page.clock.run_for(20_000)
    assert page.evaluate(LIT)["step"] == 4
    button.click()
    page.clock.run_for(60_000)
    assert page.evaluate(LIT)["step"] == len(steps(trace))
    assert seen == [0, 1, 2, 3, 4]
    assert button.get_attribute("aria-label") == "Play"


def test_sentences_follow_the_inputs(show: Show, tmp_path: Path) -> None:
    """The sentence of a step is the one that `explain` has for the values now."""
    program, values = PROGRAMS["kinks"]
    page, moved = show(program, values), {"x": 1.25, "y": 0.5}
    page.keyboard.press("Home")
    put(page, moved)
    trace = evaluated(tmp_path, program, moved)
    told = explained(tmp_path, trace, program, moved)
    for step in steps(trace):
        assert [*wrong(page.evaluate(LIT), step, trace, told)] == []
        page.keyboard.press("ArrowRight")
