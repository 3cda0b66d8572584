"""What a page shows against what it has computed, and against what `explain` tells."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pages import command, flat, written

from gradcli.render.picture import short

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOM, BESIDE = 10, 9  # characters of a number on a picture, and beside an input
Sentences = dict[tuple[str, int], str]  # of a pass and a gate, without blanks


# The picture


def fitted(x: float, room: int = ROOM) -> str:
    """A number as a picture has it: with fewer digits where it would not fit."""
    return next(
        (text for text in (short.short(x, digits) for digits in (4, 3, 2)) if len(text) <= room), short.short(x, 1)
    )


def of_array(line: str, x: Any) -> str:
    """An array as a picture has it."""
    write = {"value": short.brief, "gradient": short.size, "local": short.slope, "contribution": short.flow}[line]
    return write(np.array(x))


def picture_texts(page: Page) -> dict[str, dict[str, str]]:
    """The texts that change, by the gate or edge that they belong to."""
    script = """() => Object.fromEntries([...document.querySelectorAll(
        "svg.gradcli-graph .node[id], svg.gradcli-graph .edge-label[data-edge]")].map(group => [
            group.dataset.edge || group.id,
            Object.fromEntries([...group.querySelectorAll("text[data-line]")].map(
                text => [text.dataset.line, text.textContent]))]))"""
    found: dict[str, dict[str, str]] = page.evaluate(script)
    return found


def misdrawn(page: Page, columns: Mapping[str, Any]) -> Iterator[str]:
    """Texts of the picture that are not its short numbers."""
    for group, lines in picture_texts(page).items():
        index, _, position = group.removeprefix("g").partition("-")
        if not index.isdecimal():
            continue
        for line, text in lines.items():
            name = {"value": "values", "gradient": "global_gradients", "local": "local_gradients",
                    "contribution": "contributions"}.get(line)  # fmt: skip
            if name is None:
                continue
            x = columns[name][int(index)]
            x = x[int(position)] if position else x
            if x is None:
                continue
            wanted = of_array(line, x) if isinstance(x, list) else fitted(x)
            number = re.sub(r"^[∂←↑]\s", "", text)
            cut = isinstance(x, list) and number.endswith("…") and wanted.startswith(number[:-1].rstrip())
            # A slope that is the same for all elements is a number to `explain` and `dot`, and here.
            constant = line == "local" and len({*flat(x)}) == 1 and number == fitted(flat(x)[0])
            if number != wanted and not cut and not constant:
                yield f"picture: {line} of {group} is {text!r}, not {wanted!r}"


# The table, the header, the inputs


def nested(x: Any) -> str:
    """A number or an array in full."""
    return f"[{', '.join(map(nested, x))}]" if isinstance(x, list) else written(x)


def table_texts(page: Page) -> list[tuple[str, str, str]]:
    """Every number of the table: of what, which, its text. Long arrays are opened."""
    script = """async () => {
        document.getElementById("numbers").open = true;
        const turn = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
        await turn();
        for (const long of document.querySelectorAll("#table td details")) long.open = true;
        await turn();
        return [...document.querySelectorAll("#table td[data-number]")].map(cell => {
            const {gate, edge, number} = cell.dataset;
            return [gate || edge, number, (cell.querySelector(".all") || cell).textContent];
        });
    }"""
    found: list[tuple[str, str, str]] = page.evaluate(script)
    return found


def mistabled(page: Page, columns: Mapping[str, Any]) -> Iterator[str]:
    """Cells of the table that are not the numbers in full, and numbers that have no cell."""
    wanted = {}
    for index, x in enumerate(columns["values"]):
        wanted[f"g{index}", "value"] = x
        wanted[f"g{index}", "global_gradient"] = columns["global_gradients"][index]
        for k, flow in enumerate(columns["contributions"][index] or ()):
            if flow is not None:  # a constant gets none
                wanted[f"g{index}-{k}", "local_gradient"] = columns["local_gradients"][index][k]
                wanted[f"g{index}-{k}", "contribution"] = flow
    for where, kind, text in table_texts(page):
        x = wanted.pop((where, kind))
        if text != ("" if x is None else nested(x)):
            yield f"table: {kind} of {where} is {text!r}, not {x}"
    yield from (f"table: no {kind} of {where}" for where, kind in wanted)


def misled(page: Page, columns: Mapping[str, Any]) -> Iterator[str]:
    """What stands in the header and beside the inputs, where it is not the output and the gradients."""
    facts = page.evaluate("() => JSON.parse(document.getElementById('facts').textContent)")
    value = columns["values"][facts["output"]]
    result = page.locator("#result").text_content() or ""
    if not isinstance(value, list) and not result.endswith((written(value), fitted(value))):
        yield f"header: {result!r} is not {value}"
    for at, given in enumerate(facts["inputs"]):
        x, slope = columns["values"][given["gate"]], columns["global_gradients"][given["gate"]]
        panel = page.locator("#inputs [data-input]").nth(at)
        shown = panel.locator(".gradient").first.text_content() or ""
        wanted = ""
        if slope is not None:
            wanted = short.size(np.array(slope)) if isinstance(slope, list) else fitted(slope, BESIDE)
        if re.sub(r"^←\s", "", shown) != wanted:
            yield f"input {given['name']}: gradient is {shown!r}, not {wanted!r}"
        if not isinstance(x, list) and panel.locator("input[type=text]").input_value() != written(x):
            yield f"input {given['name']}: {panel.locator('input[type=text]').input_value()!r} is not {x}"


def misshown(page: Page, columns: Mapping[str, Any]) -> Iterator[str]:
    """All that a page shows, where it is not what it has computed."""
    yield from misdrawn(page, columns)
    yield from mistabled(page, columns)
    yield from misled(page, columns)


def told(page: Page) -> list[tuple[str, int, str]]:
    """The warnings: kind, gate, message. They are listed, and their gates are marked."""
    found = [(one["kind"], one["gate"], one["message"]) for one in page.evaluate("() => window.gradcliPage.warnings()")]
    listed = page.locator("#warning-list").text_content() or ""
    marked = page.locator("svg.gradcli-graph .node.warn, svg.gradcli-graph .node.bad").evaluate_all(
        "all => all.map(e => e.id)"
    )
    drawn = page.locator("svg.gradcli-graph .node[id]").evaluate_all("all => all.map(e => e.id)")
    assert {*marked} == {f"g{gate}" for _, gate, _ in found} & {*drawn}
    assert all(message in listed for _, _, message in found)
    return found


# Sentences


def bare(text: str) -> str:
    """Without blanks and signs of warning."""
    return re.sub(r"[\s⚠]", "", text)


_NUMBER = re.compile(r"\d+\.\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+")


def begins(text: str, wanted: str) -> bool:
    """Whether a text begins with another one, but for the last digits of numbers."""
    found, numbers = _NUMBER.sub("#", text), map(float, _NUMBER.findall(text))
    pairs = zip(numbers, map(float, _NUMBER.findall(wanted)), strict=False)
    return found.startswith(_NUMBER.sub("#", wanted)) and all(math.isclose(a, b, rel_tol=1e-9) for a, b in pairs)


def explained(folder: Path, trace: Mapping[str, Any], program: str, values: Mapping[str, Any]) -> Sentences:
    """What `explain` tells of every gate in every pass."""
    path = folder / "told.txt"
    command(folder, "explain", path, program, values, "--all")
    told = path.read_text(encoding="utf-8")
    forward, _, rest = told.partition("\nBackward pass\n")
    backward, _, results = rest.partition("\nThe gradients\n")
    gates = trace["gates"]
    inputs = [i for i, gate in enumerate(gates) if gate["op"] == "input"]
    active = [i for i, gate in enumerate(gates) if gate["global_gradient"] is not None]
    order = [
        ("forward", forward, [i for i, gate in enumerate(gates) if gate["op"] != "constant" or gate["name"]]),
        ("backward", backward, [i for i in reversed(active) if gates[i]["operands"]]),
        ("backward", results, [i for i in inputs if i in active]),
    ]
    found: Sentences = {}
    for name, text, indices in order:
        parts = re.split(r"^ {2}(?=\S)", text, flags=re.MULTILINE)[1:]
        if text is backward:  # without the gate's formula, which is the title of the step
            parts = [part.partition("\n    ∂")[2] and part[part.index("\n    ∂") :] for part in parts]
        found |= {(name, index): bare(part) for index, part in zip(indices, parts, strict=True)}
    return found
