"""Moving inputs by hand: the slider by mouse and keys, the field by typing, elements of arrays; links; reset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pages import columns, differences, evaluated, flat, put, sample, settled
from shown import misshown

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

Show = Callable[..., "Page"]
PROGRAM, VALUES = "q = x*y + exp(x/4); q*z - tanh(q)", {"x": 2.0, "y": 3.0, "z": -4.0}


def panel(page: Page, name: str) -> tuple[Locator, Locator]:
    """The slider and the field of an input."""
    part = page.locator(f"#inputs [data-input='{name}']")
    return part.locator("input[type=range]"), part.locator("input[type=text]")


def held(page: Page, folder: Path, program: str, values: dict[str, Any]) -> None:
    """All numbers are those of `eval --json` with what stands in the fields."""
    settled(page)
    found = columns(page)
    assert [*differences(found, evaluated(folder, program, values))] == []
    assert [*misshown(page, found)] == []


def test_a_slider_is_dragged(show: Show, tmp_path: Path) -> None:
    """While it is dragged and when it is let go."""
    page, values = show(PROGRAM, VALUES), dict(VALUES)
    for name in VALUES:
        slider, field = panel(page, name)
        box = slider.bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] / 2, middle)
        page.mouse.down()
        seen = set()
        for share in (0.6, 0.85, 0.3):
            page.mouse.move(box["x"] + share * box["width"], middle, steps=4)
            values[name] = float(field.input_value())
            seen.add(values[name])
            held(page, tmp_path, PROGRAM, values)
        page.mouse.up()
        assert len(seen) == 3
        held(page, tmp_path, PROGRAM, values)


def test_a_slider_has_keys(show: Show, tmp_path: Path) -> None:
    """Arrows, ends, pages; these keys do not step through the passes meanwhile."""
    page, values = show(PROGRAM, VALUES), dict(VALUES)
    slider, field = panel(page, "y")
    step = page.locator("#scrub").input_value()
    slider.focus()
    seen = [values["y"]]
    for key in ("ArrowRight", "ArrowLeft", "PageUp", "Home", "End"):
        page.keyboard.press(key)
        values["y"] = float(field.input_value())
        held(page, tmp_path, PROGRAM, values)
        seen.append(values["y"])
    assert seen[1] > seen[0]
    assert seen[4] < min(seen[:4])
    assert seen[5] > max(seen[:5])
    assert page.locator("#scrub").input_value() == step


TYPED = {
    "1": 1.0, "-2.5": -2.5, "−2.5": -2.5, "1e-3": 0.001, "1_000": 1000.0, ".5": 0.5, "pi": 3.141592653589793,
    "0.1": 0.1, "1e308": 1e308, "5e-324": 5e-324, "inf": float("inf"), "-inf": float("-inf"), "nan": float("nan"),
}  # fmt: skip


def test_a_number_is_typed(show: Show, tmp_path: Path) -> None:
    """As the language writes numbers; everything follows at once."""
    page, values = show(PROGRAM, VALUES), dict(VALUES)
    _, field = panel(page, "x")
    for text, x in TYPED.items():
        field.fill(text)
        values["x"] = x
        settled(page)
        found = columns(page)
        assert [*differences(found, evaluated(tmp_path, PROGRAM, values))] == [], text
        field.press("Enter")
        assert [*misshown(page, found)] == [], text


def test_what_is_no_number_changes_nothing_and_is_told(show: Show, tmp_path: Path) -> None:
    page = show(PROGRAM, VALUES)
    _, field = panel(page, "x")
    for text in ("", "two", "1..2", "alert(1)", "1e", "0x10", "<b>", "1,5"):
        field.fill(text)
        assert field.get_attribute("aria-invalid") == "true", text
        settled(page)
        assert [*differences(columns(page), evaluated(tmp_path, PROGRAM, VALUES))] == []
    field.fill("2")
    assert field.get_attribute("aria-invalid") != "true"
    field.press("Enter")
    held(page, tmp_path, PROGRAM, VALUES)


def test_reset(show: Show, tmp_path: Path) -> None:
    page = show(PROGRAM, VALUES)
    panel(page, "x")[1].fill("7")
    put(page, {"z": 0.125})
    page.locator("#reset").click()
    held(page, tmp_path, PROGRAM, VALUES)


# Arrays


@pytest.mark.parametrize("name", ["network-4-2-1", "attention"])
def test_one_element_moves_everything(show: Show, tmp_path: Path, name: str) -> None:
    program, values = sample(name)
    page = show(program, values)
    for input, value in values.items():
        if not isinstance(value, list):
            continue
        part = page.locator(f"#inputs [data-input='{input}']")
        part.locator("[data-at='1']").click()
        part.locator("input[type=text]").fill("0.8125")
        row = value
        while isinstance(row[0], list):
            row = row[0]
        row[1] = 0.8125
        held(page, tmp_path, program, values)
    last = part.locator("[data-at]").count()
    part.locator("[aria-pressed=true]").focus()
    page.keyboard.press("End")
    assert part.locator("[aria-pressed=true]").get_attribute("data-at") == str(last - 1)


MAPS = """() => [...document.querySelectorAll("svg.gradcli-graph g.heat[data-map]")].map(map => ({
    gate: Number(map.closest("g.node").id.slice(1)), kind: map.dataset.map,
    cells: [...map.querySelectorAll("path")].map(path => [
        path.className.baseVal.split(/[ -]/)[1], (path.getAttribute("d").match(/M/g) || []).length])}))"""


@pytest.mark.parametrize("name", ["network-4-2-1", "attention"])
def test_maps_in_the_picture_have_a_cell_for_every_number(show: Show, name: str) -> None:
    """Of every array that has one: as many cells as numbers, by sign as the numbers are."""
    program, values = sample(name)
    page = show(program, values)
    for moved in (False, True):
        if moved:
            put(page, {input: negated(value) for input, value in values.items()})
        found, maps = columns(page), page.evaluate(MAPS)
        assert len(maps) > 5
        for one in maps:
            numbers = flat(found[{"value": "values", "gradient": "global_gradients"}[one["kind"]]][one["gate"]])
            signs = {"plus": 0, "minus": 0, "zero": 0, "lost": 0}
            for key, count in one["cells"]:
                signs[key] = signs.get(key, 0) + count
            wanted = [sum(x > 0 for x in numbers), sum(x < 0 for x in numbers), sum(x == 0 for x in numbers), 0]
            assert [signs[key] for key in ("plus", "minus", "zero", "lost")] == wanted, one


def negated(x: Any) -> Any:
    return [negated(one) for one in x] if isinstance(x, list) else -x


def test_large_maps_say_their_numbers(show: Show, tmp_path: Path) -> None:
    """A map in the story of a step: a name, cells that say their numbers by pointer and by keys."""
    program, values = sample("network-4-2-1")
    trace, page = evaluated(tmp_path, program, values), show(program, values)
    first = next(i for i, gate in enumerate(trace["gates"]) if gate["op"] == "matmul")
    page.evaluate("step => window.gradcliPage.step(step)", first)
    story, x = page.locator("#story"), trace["gates"][first]["value"]
    map, readout = story.locator("svg.heat-cells").first, story.locator("output.heat-readout").first
    assert "least" in (map.get_attribute("aria-label") or "")
    map.focus()
    page.keyboard.press("Home")
    assert readout.text_content() == f"[0] = {x[0]!r}"
    page.keyboard.press("End")
    assert readout.text_content() == f"[{len(x) - 1}] = {x[-1]!r}"
    assert page.locator("#scrub").input_value() == str(first), "its keys do not step"
    box = map.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
    assert readout.text_content() == f"[1] = {x[1]!r}"


# The link


def test_a_link_brings_the_same_numbers(show: Show, visit: Callable[..., Page], tmp_path: Path) -> None:
    page = show(PROGRAM, VALUES)
    moved = {"x": 0.1 + 0.2, "y": -1e-300, "z": float("inf")}
    put(page, moved)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(400)
    url = page.url
    assert "#" in url
    other = visit(tmp_path / "page0.html", "#" + url.partition("#")[2])
    assert repr(columns(other)) == repr(columns(page))
    assert other.locator("#scrub").input_value() == "1"
    other.evaluate("() => { location.hash = '#x=2&y=3&z=-4' }")
    other.wait_for_timeout(100)
    assert [*differences(columns(other), evaluated(tmp_path, PROGRAM, VALUES))] == []


@pytest.mark.parametrize(
    "fragment", ["#x=two", "#nothing=1", "#x[0]=1", "#step=-1", "#%E0%A4%A", "#x", "#=", "#x=<img src=x>"]
)
def test_a_broken_link_is_told(show: Show, tmp_path: Path, fragment: str) -> None:
    page = show(PROGRAM, VALUES, fragment=fragment)
    assert (page.locator("#notice").text_content() or "").strip()
    held(page, tmp_path, PROGRAM, VALUES)


def test_a_link_to_an_element(show: Show) -> None:
    program, values = sample("network-4-2-1")
    page = show(program, values, fragment="#W1[1,2]=9.5&b2=-1")
    facts = page.evaluate("() => JSON.parse(document.getElementById('facts').textContent)")
    gates = {one["name"]: one["gate"] for one in facts["inputs"]}
    found = columns(page)["values"]
    assert found[gates["W1"]][1][2] == 9.5
    assert found[gates["b2"]] == -1.0
