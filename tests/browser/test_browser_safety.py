"""Hostile programs and names: they are shown as text, and nothing of them runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import normalize

import pytest
from hostile import TEXTS, hidden
from pages import columns

from gradcli.api import evaluate
from gradcli.page import PageOptions, page
from gradcli.printable import printable

if TYPE_CHECKING:
    from playwright.sync_api import Page

RUNS = "window.hacked=1"
COMMENTS = {
    "script": f"</script><script>{RUNS}</script>",
    "script-in-comment": f"<!--<script>--><script>{RUNS}</script>",
    "image": f"<img src=x onerror='{RUNS}'><svg onload='{RUNS}'>",
    "title": f"</title><script>{RUNS}</script><!--",
    "marks": f"<!--script--><!--facts--><!--picture--><!--style--><!--policy--><!--trace--><script>{RUNS}</script>",
    "policy": f"\"><meta http-equiv=refresh content='0;url=https://example.org'><script>{RUNS}</script>",
    "template": f"${{{RUNS}}} `+({RUNS})+` \\u003cscript\\u003e{RUNS}",
    "style": "</style><style>*{{display:none}}</style>",
    "data": "]]>\\u0000\"}],\"x\":\"",
    "letters": "e\u0301 漢字 😀 \u2028 a",
}  # fmt: skip
# Names that mean something to JavaScript or to the page.
NAMES = (
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "step",
    "trace",
    "window",
    "value",
    "facts",
    "undefined",
)


def harmless(page: Page, program: str) -> None:
    """Nothing ran, the page works, and the program is shown as it is."""
    assert page.evaluate("() => window.hacked") is None
    assert page.locator("script").count() <= 3
    assert page.locator("img, iframe, object, embed, link:not([rel=icon]), meta[http-equiv=refresh]").count() == 0
    handlers = (
        "() => [...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()).filter(n => /^on/.test(n))"
    )
    assert page.evaluate(handlers) == []
    assert page.locator("#program").text_content() == program
    page.keyboard.press("Home")
    assert page.locator("svg.gradcli-graph .node.active").count() == 1


@pytest.mark.parametrize("name", COMMENTS)
def test_comments_are_text(show: Callable[..., Page], name: str) -> None:
    """As the first line, which is the title, and as the last."""
    program = f"# {COMMENTS[name]}\nq = x*2 # {COMMENTS[name]}\nq + x"
    opened = show(program, {"x": 3.0})
    harmless(opened, "\n".join(map(printable, normalize("NFC", program).split("\n"))))
    assert columns(opened)["values"][-1] == 9.0


def test_names_of_scripts_are_names(show: Callable[..., Page]) -> None:
    """Inputs, stages, what an address holds."""
    program = f"{'; '.join(f's_{name} = 2*{name}' for name in NAMES)}; {' + '.join(f's_{name}' for name in NAMES)}"
    opened = show(program, {name: float(i) for i, name in enumerate(NAMES)}, fragment="#__proto__=100&constructor=50")
    harmless(opened, program)
    assert columns(opened)["values"][-1] == 2 * (sum(range(len(NAMES))) + 100 + 49)


def test_names_that_no_program_could_hold(visit: Callable[..., Page], tmp_path: Path) -> None:
    """Every hostile text as an input, as a stage and in the source; what reorders or hides text is an escape."""
    count = len(TEXTS)
    stages = "; ".join(f"s{i} = abs(x{i})*0.5 + max(x{i}, 0)" for i in range(count))
    trace = evaluate(f"{stages}; {' + '.join(f's{i}' for i in range(count))}", **{f"x{i}": 0 for i in range(count)})
    graph, path = trace.graph, tmp_path / "page.html"
    for text, place in zip(TEXTS.values(), graph.inputs.values(), strict=True):
        graph.literals[place] = text
    for text, place in zip(TEXTS.values(), [*graph.stages], strict=True):
        graph.stages[place] = text
    graph.source = "\n".join(TEXTS.values())
    path.write_text(page(trace, PageOptions()).content, encoding="utf-8")
    opened = visit(path)
    opened.locator("#numbers > summary").click()
    for step in range(0, 2 * len(graph), 97):
        opened.evaluate("step => window.gradcliPage.step(step)", step)
        assert opened.evaluate("() => window.hacked") is None
    assert opened.locator("script").count() <= 3
    assert hidden(opened.locator("body").inner_text()) <= {"\t", "\xa0"}
    found = columns(opened)
    assert found["values"] == [*trace.values]
    assert found["gradients"] == trace.gradients
