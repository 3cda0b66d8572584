"""What the tests of the page share: files made by the command line, the numbers of `eval --json`, what a page shows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcli.cli.app import run

if TYPE_CHECKING:
    from playwright.sync_api import Page

SAMPLES = Path(__file__).parent.parent.parent / "samples"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.grad"))
Numbers = dict[str, Any]  # a trace, as JSON has it


# Files and numbers


def sample(name: str) -> tuple[str, dict[str, Any]]:
    """A sample's program and values."""
    text = (SAMPLES / f"{name}.grad").read_text(encoding="utf-8")
    return text, json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def plain(x: Any) -> Any:
    """A value as JSON has it: what is not finite as a string."""
    if isinstance(x, list):
        return [plain(one) for one in x]
    return x if math.isfinite(x) else "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"


def number(x: Any) -> Any:
    """The numbers of JSON, of any nesting, as floats; null stays."""
    if isinstance(x, list):
        return [number(one) for one in x]
    return None if x is None else float(x)


def command(folder: Path, name: str, output: Path, program: str, values: Mapping[str, Any], *options: str) -> None:
    """Run a command on a program with values, its result into a file."""
    text, given = folder / "program.grad", folder / "values.json"
    text.write_text(program, encoding="utf-8")
    given.write_text(json.dumps({name: plain(value) for name, value in values.items()}), encoding="utf-8")
    status = run([name, f"@{text}", "--vars", str(given), "-o", str(output), *options])
    assert status == 0, name


def made(folder: Path, program: str, values: Mapping[str, Any], *options: str) -> Path:
    """The page of a program."""
    path = folder / f"page{len([*folder.glob('page*.html')])}.html"
    command(folder, "view", path, program, values, *options)
    return path


def evaluated(folder: Path, program: str, values: Mapping[str, Any], *options: str) -> Numbers:
    """What `eval --json` says."""
    path = folder / "trace.json"
    command(folder, "eval", path, program, values, "--json", *options)
    trace: Numbers = json.loads(path.read_text(encoding="utf-8"))
    return trace


# Comparing


def flat(x: Any) -> list[Any]:
    """The elements of nested lists."""
    return [one for part in x for one in flat(part)] if isinstance(x, list) else [x]


def largest(*terms: Any) -> float:
    """The largest size among finite numbers of any nesting."""
    return max((abs(x) for x in flat(list(terms)) if x is not None and math.isfinite(x)), default=0.0)


def same(found: Any, wanted: Any, scale: float) -> bool:
    """Whether numbers of any nesting agree to 1e-9 of the largest term."""
    if isinstance(found, list) != isinstance(wanted, list):
        return False
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(same(a, b, scale) for a, b in zip(found, wanted, strict=True))
    if found is None or wanted is None or not math.isfinite(wanted):
        return found == wanted or (found is not None and wanted is not None and found != found and wanted != wanted)
    return math.isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-9 * scale)


def differences(columns: Mapping[str, Any], trace: Numbers) -> Iterator[str]:
    """Where the numbers of a page are not those of a trace. The largest term: of operands, or of contributions."""
    gates = trace["gates"]
    values = [number(gate["value"]) for gate in gates]
    arriving: list[list[Any]] = [[] for _ in gates]
    for gate in gates:
        for edge in gate["operands"]:
            arriving[int(edge["id"][1:])].append(number(edge["contribution"]))
    for index, gate in enumerate(gates):
        operands = [int(edge["id"][1:]) for edge in gate["operands"]]
        terms = largest(values[index], *(values[i] for i in operands))
        gradient = number(gate["global_gradient"])
        rows = [
            ("value", columns["values"][index], values[index], terms),
            ("global gradient", columns["global_gradients"][index], gradient, largest(gradient, *arriving[index])),
        ]
        for k, edge in enumerate(gate["operands"]):
            local, flow = number(edge["local_gradient"]), number(edge["contribution"])
            rows.append((f"local {k}", columns["local_gradients"][index][k], local, largest(local)))
            rows.append((f"flow {k}", columns["contributions"][index][k], flow, largest(flow, *arriving[operands[k]])))
        for what, found, wanted, scale in rows:
            if not same(found, wanted, scale):
                yield f"{gate['id']} {gate['text']}: {what} is {found}, not {wanted}"


def written(x: float) -> str:
    """A number in full, as Python writes it."""
    return repr(float(x))


# What a page shows


def settled(page: Page) -> None:
    """Wait until what was put off to the next frame is done."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def put(page: Page, values: Mapping[str, Any]) -> None:
    """Set inputs."""
    page.evaluate(
        "values => { for (const [name, value] of values) window.gradcliPage.set(name, value) }", [*values.items()]
    )


def columns(page: Page) -> dict[str, Any]:
    """The numbers that a page has computed, as floats."""
    found: dict[str, Any] = page.evaluate("() => window.gradcliPage.columns()")
    return {name: _floats(column) for name, column in found.items()}


def _floats(x: Any) -> Any:
    if isinstance(x, list):
        return [_floats(one) for one in x]
    if isinstance(x, dict):
        return {name: _floats(one) for name, one in x.items()}
    return float(x) if isinstance(x, int | float | str) else x


def boxes(page: Page, selector: str) -> list[dict[str, Any]]:
    """Text and rectangle of every visible element of a selector."""
    script = """selector => [...document.querySelectorAll(selector)].map(element => {
        const box = element.getBoundingClientRect(), style = getComputedStyle(element);
        const seen = box.width > 0 && box.height > 0 && style.visibility !== "hidden" && style.opacity !== "0";
        return {text: element.textContent, seen, left: box.left, top: box.top, right: box.right, bottom: box.bottom,
                group: (element.closest("[id], [data-edge], [data-frame]") || {}).id || ""};
    }).filter(one => one.seen && one.text.trim())"""
    found: list[dict[str, Any]] = page.evaluate(script, selector)
    return found


def overlaps(found: Sequence[Mapping[str, Any]], slack: float = 1.0) -> list[tuple[str, str]]:
    """Pairs of texts whose rectangles share more than a hair's breadth."""
    ordered = sorted(found, key=lambda one: one["left"])
    pairs = []
    for i, one in enumerate(ordered):
        for other in ordered[i + 1 :]:
            if other["left"] >= one["right"] - slack:
                break
            if min(one["bottom"], other["bottom"]) - max(one["top"], other["top"]) > slack:
                pairs.append((one["text"], other["text"]))
    return pairs
