"""The HTML file: facts, the generated function, the picture, the page's own scripts and styles, in one text.

Enters: a Trace. Leaves: `Page`. Invariant: nothing of the user's reaches HTML or a script unescaped, a policy in the
file forbids every request and every script but its own, and the same trace makes the same bytes.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

from gradcli.diagnose import warnings
from gradcli.numeric.elements import elements
from gradcli.page.computing import computing
from gradcli.page.facts import facts, plain
from gradcli.page.ranges import usual_range
from gradcli.page.styles import graph_style, palette_style
from gradcli.printable import printable, shorten
from gradcli.render.explain.flows import with_named_output
from gradcli.render.picture import Drawn, Options, draw
from gradcli.render.picture.sizes import ROOM
from gradcli.traces import Trace

# The page's own scripts, in their order; those behind a fact are left out where it is false.
SCRIPTS: tuple[tuple[str, str], ...] = (
    ("numbers", ""), ("sentences", ""), ("warnings", ""), ("warnings_of_arrays", "arrays"), ("drawing", ""),
    ("heat", "arrays"), ("zoom", ""), ("folding", "frames"), ("clusters", "frames"), ("source", ""), ("inputs", ""),
    ("table", ""), ("player", ""), ("story", ""), ("permalink", ""), ("tools", ""), ("main", ""),
)  # fmt: skip
_COMMENT = re.compile(r"/\*[^*]*\*/")
_TITLE = 80  # characters of the program in the title


class PageOptions(NamedTuple):
    """How a page looks.

    Attributes:
        picture: how the graph is drawn; what it collapses is folded to begin with.
        ranges: of sliders, by the input's name; others get a usual one.
        theme: auto follows the reader's system; light, dark.
    """

    picture: Options = Options()
    ranges: Mapping[str, tuple[float, float]] = {}
    theme: str = "auto"


class Page(NamedTuple):
    """The text of the file, and what is to be said about it."""

    content: str
    note: str


def page(trace: Trace, options: PageOptions | None = None) -> Page:
    """The page of a trace.

    Raises:
        UsageError: an option of the picture names nothing in the graph.
        LimitError: the layout takes too long.
    """
    asked = options or PageOptions()
    named = with_named_output(trace)  # as the sentences call it
    drawn = draw(named.graph, [named], "svg", asked.picture._replace(page=True))
    generated = _generated(trace)
    known = facts(trace, _ranges(trace, asked.ranges)) | _more_facts(trace, drawn, generated is not None)
    script = f'(() => {{\n"use strict";\n{_code(known)}\n}})();\n'
    scripts = [script] if generated is None else [generated, script]
    marks = {
        "theme": asked.theme,
        "title": escape(_title(trace)),
        "policy": _policy(scripts),
        "style": palette_style() + graph_style() + _squeezed(asset("picture.css") + asset("page.css")),
        "picture": str(drawn.content).strip(),
        "facts": _json(known),
        "trace": "" if generated is None else f"<script>{generated}</script>",
        "script": script,
    }
    content = re.sub("<!--([a-z]+)-->", lambda found: marks[found[1]], asset("page.html"))
    return Page(content, drawn.note)


def _title(trace: Trace) -> str:
    """The program's first line that is not empty."""
    lines = trace.graph.source.split("\n")
    return shorten(printable(next((line.strip() for line in lines if line.strip()), "gradcli")), _TITLE)


def _ranges(trace: Trace, given: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """The range of every slider."""
    usual = {name: usual_range(elements(trace.values[index])) for name, index in trace.graph.inputs.items()}
    return {**usual, **given}


def _more_facts(trace: Trace, drawn: Drawn, live: bool) -> dict[str, Any]:
    """What is known of the picture, and the numbers where the page can't compute them."""
    shown = drawn.picture
    frames = () if shown is None else shown.frames
    return {
        "frames": [
            {"id": frame.id, "caption": frame.caption, "gates": [frame.first, frame.last], "parent": frame.parent}
            for frame in frames
        ],
        "folded": [] if shown is None else [*shown.folded],
        "room": ROOM,
        # Nobody can give options to a page.
        "note": "; ".join(part for part in drawn.note.split("; ") if "--" not in part),
        "live": live,
        **({} if live else _still(trace)),
    }


def _still(trace: Trace) -> dict[str, Any]:
    """What a page that can't compute shows: the numbers of the trace, and its warnings."""
    told = [{"kind": one.kind, "gate": int(one.gate[1:]), "message": printable(one.message)} for one in warnings(trace)]
    return {"columns": columns(trace), "warnings": told}


def columns(trace: Trace) -> dict[str, Any]:
    """The numbers of the trace, as the generated function gives them."""
    edges = [[*trace.edges(index)] for index in range(len(trace.graph))]
    return {
        "value": plain(trace.value),
        "gradients": {printable(name): plain(gradient) for name, gradient in trace.gradients.items()},
        "values": [plain(x) for x in trace.values],
        "global_gradients": [plain(x) for x in trace.adjoints],
        "local_gradients": [[plain(edge.local_gradient) for edge in one] for one in edges],
        "contributions": [[plain(edge.contribution) for edge in one] for one in edges],
    }


def _generated(trace: Trace) -> str | None:
    """The script that computes all columns from the inputs; None for a program that is too large for it."""
    made = computing(trace)
    # A string or a comment may hold what ends or reopens a script element; in either an escape is harmless.
    return None if made is None else re.sub("<(?=/script|script|!--)", r"\\x3c", made, flags=re.IGNORECASE)


def asset(name: str) -> str:
    """One of the page's own files."""
    return (files("gradcli.page") / "assets" / name).read_text(encoding="utf-8")


def _code(known: Mapping[str, Any]) -> str:
    """The page's own scripts as one, those that it needs."""
    return _squeezed("\n".join(asset(f"{name}.js") for name, fact in SCRIPTS if not fact or known[fact]))


def _squeezed(code: str) -> str:
    """Scripts or styles without indentation and lines of comment: a sixth less."""
    lines = (line.strip() for line in code.split("\n"))
    return "\n".join(line for line in lines if line and not line.startswith("//") and not _COMMENT.fullmatch(line))


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _policy(scripts: list[str]) -> str:
    allowed = " ".join(f"'{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    """Of a script's text as a browser reads it."""
    return "sha256-" + b64encode(sha256(script.encode()).digest()).decode()
