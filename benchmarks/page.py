"""The page of `gradcli view`: how large it is, when its first numbers stand, and what a moved input costs.

Needs Chromium at /usr/bin/chromium and the extra `browser`. What counts is the page's own JavaScript, from the input to
all numbers on the page; what the browser then spends on styles and layout is measured beside it.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from measure import gradcli_command, machine, note, run, table, verdict
from playwright.sync_api import Browser, sync_playwright

MOVES = 200
LOADS = 5
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
TARGET_MOVE, TARGET_SIZE = 16.0, 300.0  # milliseconds at 500 gates, kilobytes at 100

# From the input to all numbers, then the styles and the layout that these want, each forced to happen at once.
MOVE = """value => {
    const start = performance.now();
    window.gradcliPage.set("x", value);
    const told = performance.now();
    document.querySelector("svg.gradcli-graph").getBoundingClientRect();
    document.body.offsetHeight;
    return {own: told - start, layout: performance.now() - told};
}"""
FIRST = """() => new Promise(done => {
    const ready = () => window.gradcliPage && window.gradcliPage.columns()
        ? requestAnimationFrame(() => done(performance.now())) : setTimeout(ready, 1);
    ready();
})"""


def tangle(gates: int) -> str:
    """A program of so many gates, inputs among them: each stage is two, of the stage before and of an earlier one."""
    choice = random.Random(7)
    stages = ["s0 = x*y"] if gates % 2 else ["s0 = x*y", "s1 = s0 + y"]
    for i in range(len(stages), len(stages) + (gates - 2 - len(stages)) // 2):
        stages.append(f"s{i} = sin(s{i - 1}) + s{choice.randrange(max(0, i - 50), i)}")
    return "; ".join([*stages, f"s{len(stages) - 1}"])


def moves(browser: Browser, path: Path) -> list[dict[str, float]]:
    """What each of so many moves of one input took, in milliseconds."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(path.as_uri())
    page.evaluate(FIRST)
    took = [page.evaluate(MOVE, -2 + 4 * move / MOVES) for move in range(20 + MOVES)][20:]
    page.close()
    return took


def first_numbers(browser: Browser, path: Path) -> float:
    """Milliseconds from the start of loading to the first frame with numbers."""
    found = []
    for _ in range(LOADS):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(path.as_uri(), wait_until="commit")
        found.append(float(page.evaluate(FIRST)))
        page.close()
    return median(found)


def row(browser: Browser, folder: Path, gates: int) -> list[str]:
    """A line of the table."""
    program, path = folder / "program.grad", folder / f"{gates}.html"
    program.write_text(tangle(gates))
    made = run([*gradcli_command(), "view", f"@{program}", "--x", "0.5", "--y", "0.25", "-o", str(path)])
    kilobytes = path.stat().st_size / 1e3
    took = moves(browser, path)
    own, layout = ([one[part] for one in took] for part in ("own", "layout"))
    late = quantiles(own, n=20)[-1]
    return [
        f"{gates}",
        f"{made.seconds:.2f} s",
        verdict(kilobytes, TARGET_SIZE, "kB") if gates == 100 else f"{kilobytes:.0f} kB",
        f"{first_numbers(browser, path):.0f} ms",
        verdict(median(own), TARGET_MOVE, "ms") if gates == 500 else f"{median(own):.2f} ms",
        verdict(late, TARGET_MOVE, "ms") if gates == 500 else f"{late:.2f} ms",
        f"{median(layout):.2f} ms",
        f"{quantiles(layout, n=20)[-1]:.2f} ms",
    ]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser: Any = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        rows = [row(browser, Path(name), gates) for gates in (5, 100, 500)]
        version = browser.version
        browser.close()
    header = ["gates", "gradcli view", "file", "first numbers", "a move", "95th percentile", "its layout", "95th"]
    table("The page", header, rows)
    note(f"{MOVES} moves of one input. Chromium {version}; {machine()}.")


if __name__ == "__main__":
    main()
