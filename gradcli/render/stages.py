"""Statistics of a network's stages: a table, Markdown, CSV, or JSON of the schema gradcli.statistics/1.

Enters: `Statistics`, and the trace they are of. Leaves: text. Invariant: the bar beside a gradient's norm is
logarithmic, so that a gradient that vanishes is a slope one sees; every number it stands for is there as well.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap

from gradcli.diagnose.stages import Stage, Statistics
from gradcli.graph.ops.layout import shown
from gradcli.printable import printable
from gradcli.render import Look
from gradcli.render.json_trace import number
from gradcli.traces import Trace

SCHEMA = "gradcli.statistics/1"
_HEADS = "stage", "shape", "gradient norm", "", "÷ next", "saturated", "dead"
_BAR = 12  # columns
_WIDTH = 78  # of a sentence, where there is no screen
_DECADES_AT_LEAST = 3.0  # that a full bar stands for: a factor of two is no slope


def _share(count: int, of: int) -> str:
    return f"{count}/{of}" if of else ""


def _cells(stages: Sequence[Stage]) -> list[list[str]]:
    bars = _bars([stage.norm for stage in stages])
    return [
        [
            printable(stage.name),
            shown(stage.shape) if stage.shape else "",
            f"{stage.norm:.3g}",
            bar,
            "" if stage.ratio is None else f"{stage.ratio:.3g}",
            _share(stage.saturated, stage.units - stage.rectified if stage.units > stage.rectified else 0),
            _share(stage.dead, stage.rectified),
        ]
        for stage, bar in zip(stages, bars, strict=True)
    ]


def _bars(norms: Sequence[float]) -> list[str]:
    """A bar per norm: full for the largest, shorter by the decades that one is below it."""
    logs = [math.log10(x) for x in norms if 0.0 < x < math.inf]
    if not logs:
        return [""] * len(norms)
    top, span = max(logs), max(_DECADES_AT_LEAST, max(logs) - min(logs))
    found = []
    for x in norms:
        usable = 0.0 < x < math.inf
        found.append("█" * max(1, round(_BAR * (1 - (top - math.log10(x)) / span))) if usable else "")
    return found


def _table(statistics: Statistics, look: Look) -> Iterator[str]:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from gradcli.render.screen import draw

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="")
    for position, head in enumerate(_HEADS):
        right = position in (2, 4, 5, 6)
        table.add_column(Text(look.signs(head), "bold"), justify="right" if right else "left", no_wrap=True)
    styles = "bold", "dim", "red", "red", "", "yellow", "yellow"
    cells = _cells(statistics.stages)
    for row in cells:
        table.add_row(*(Text(cell, style) for cell, style in zip(row, styles, strict=True)))
    sizes = [max(len(head), *(len(row[k]) for row in cells), 0) for k, head in enumerate(_HEADS)]
    width = max(sum(sizes) + 3 * len(sizes), look.width or 0)
    said = (f"{kind}: {message}" for kind, message in statistics.findings)
    lines = (line for text in said for line in wrap(text, look.width or _WIDTH, subsequent_indent="  "))
    yield draw([table, *(Text(line, "yellow") for line in lines)], look, width)


def _markdown(statistics: Statistics, look: Look) -> Iterator[str]:
    yield "| " + " | ".join(_HEADS) + " |\n|" + " :--- |" * 2 + " ---: | :--- |" + " ---: |" * 3 + "\n"
    for row in _cells(statistics.stages):
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |\n"
    for kind, message in statistics.findings:
        yield f"\n**{kind}**: {message}\n"


def _csv(statistics: Statistics, look: Look) -> Iterator[str]:
    from gradcli.render.csv_rows import inert

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["stage", "gate", "gradient_norm", "next", "ratio", "units", "saturated", "rectified", "dead"])
    for stage in statistics.stages:
        ratio = "" if stage.ratio is None else repr(stage.ratio)
        facts = [inert(stage.name), f"g{stage.gate}", repr(stage.norm), inert(stage.next), ratio]
        writer.writerow([*facts, stage.units, stage.saturated, stage.rectified, stage.dead])
    yield buffer.getvalue()


def _json(statistics: Statistics, trace: Trace) -> Iterator[str]:
    value, source = number(trace.value), json.dumps(trace.graph.source)
    yield f'{{"schema": "{SCHEMA}", "expression": {source}, "value": {value},\n "stages": ['
    separator = "\n  "
    for stage in statistics.stages:
        facts = {"name": json.dumps(stage.name), "gate": f'"g{stage.gate}"', "shape": json.dumps(stage.shape)}
        facts |= {"gradient_norm": number(stage.norm), "next": json.dumps(stage.next), "ratio": number(stage.ratio)}
        counts = {"units": stage.units, "saturated": stage.saturated, "rectified": stage.rectified, "dead": stage.dead}
        yield separator + _object(facts | {name: str(count) for name, count in counts.items()})
        separator = ",\n  "
    yield '],\n "findings": ['
    pairs = ({"kind": json.dumps(kind), "message": json.dumps(message)} for kind, message in statistics.findings)
    yield ", ".join(map(_object, pairs)) + "]}\n"


def _object(parts: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": {text}' for name, text in parts.items()) + "}"


_FORMATS: dict[str, Callable[[Statistics, Look], Iterator[str]]] = {
    "table": _table,
    "markdown": _markdown,
    "csv": _csv,
}
FORMATS = (*_FORMATS, "json")


def render(statistics: Statistics, trace: Trace, format: str, look: Look) -> Iterator[str]:
    """In one of FORMATS."""
    return _json(statistics, trace) if format == "json" else _FORMATS[format](statistics, look)
