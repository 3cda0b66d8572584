"""Plots on a terminal: curves as dots of braille letters, drawn by plotille; axes and names around them.

Enters: a `Plot` and what the screen can show. Leaves: text. Invariant: it is no wider than the screen; where there is
no Unicode, every sign is ASCII; curves are told apart by letters at their ends, and by colours only where there are
any; points that stand alone are bullets.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

from gradcli.printable import printable, shorten
from gradcli.render import Look
from gradcli.render.plots import MANY, Line, Panel, Plot, missing, with_ends

_COLORS = ("green", "magenta", "cyan", "yellow", "red", "blue", "bright_green", "bright_magenta")
_SCREEN, _LEAST = 80, 40  # columns
_ROWS = (10, 7)  # of the first panel, of the others
_TICKS = (5, 4)  # numbers beside them, about
_BRAILLE = 0x2800
_UPPER, _LOWER = 0x1B, 0xE4  # the dots of a letter's upper and lower half
_BULLET = "•"
_TO_ASCII = str.maketrans("┤│└─┬┄•", "||+-+-o")


class Scale(NamedTuple):
    """From the least number to the greatest one."""

    low: float
    high: float

    def place(self, x: float) -> float:
        """Where x stands, 0 being low and 1 high."""
        if math.isinf(self.high - self.low):
            return (x / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return (x - self.low) / (self.high - self.low)


Cell = tuple[str, str]  # a sign and its style


def drawn(plot: Plot, look: Look) -> str:
    """The plot as text, with colours where look has them.

    Raises:
        MissingError: plotille is not installed.
    """
    try:
        from plotille import Canvas
    except ImportError:
        raise missing() from None
    from rich.text import Text

    from gradcli.render.screen import draw

    width = max(look.width or _SCREEN, _LEAST)
    panels = [_seen(panel) for panel in plot.panels]
    scales = [_scale(panel.numbers()) for panel in panels]
    marks = [
        (_powers if panel.logarithmic else _ticks)(scale, _TICKS[min(at, 1)])
        for at, (panel, scale) in enumerate(zip(panels, scales, strict=True))
    ]
    margin = max(len(text) for ticks in marks for _, text in ticks)
    room = width - margin - 3 - max(len(_ended(panel)) for panel in panels)
    across = _across(plot)
    rows: list[list[Cell]] = [[(_told(plot.title, width, look), "bold")]]
    for at, (panel, scale) in enumerate(zip(panels, scales, strict=True)):
        height = _ROWS[min(at, 1)]
        name = f"{panel.name}, {panel.note}" if panel.note else panel.name
        rows.append([(f"{' ' * margin}   {_told(name, room, look)}", "bold")])
        cells = _cells(panel, across, scale, (room, height), Canvas)
        labels = {_row(scale.place(x), height): text for x, text in marks[at]}
        zero = _row(scale.place(0.0), height) if scale.low < 0 < scale.high and not panel.logarithmic else -1
        for row in range(height):
            axis = " ┤" if row in labels else " │"
            rows.append([(labels.get(row, "").rjust(margin) + axis, "dim"), *_lined(cells[row], row == zero, room)])
        if plot.apart and any(line.label for line in panel.lines):
            indent = margin + 3
            rows += [[(" " * indent, ""), *row] for row in _legend(panel, width - indent, look)]
    rows += _below(plot, across, margin, room, look)
    if not plot.apart and len(panels[0].lines) > 1:
        rows += _legend(panels[0], width, look)
    if not look.unicode:
        rows = [[(_ascii(sign), style) for sign, style in row] for row in rows]
    return draw([_text(row, Text) for row in rows], look, width)


def _told(text: str, limit: int, look: Look) -> str:
    """A text on one line, cut where the screen ends, whatever sign stands for the cut there."""
    told = printable(" ".join(text.split()))
    return told if len(told) <= limit else shorten(told, limit + 1 - len(look.signs("…")))


def _text(row: Sequence[Cell], text: Any) -> Any:
    found = text()
    for sign, style in row:
        found.append(sign, style)
    return found


def _scale(numbers: Sequence[float]) -> Scale:
    """From the least to the greatest; a single number, or none, in the middle of some room."""
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    if low == high:
        room = abs(low) / 2 or 1.0
        return Scale(max(low - room, -sys.float_info.max), min(low + room, sys.float_info.max))
    return Scale(low, high)


def _across(plot: Plot) -> Callable[[float], float]:
    """Where numbers stand on the x axis, from 0 to 1."""
    seen: Callable[[float], float] = math.log10 if plot.logarithmic else float
    scale = _scale([seen(x) for x in _xs(plot)])
    return lambda x: scale.place(seen(x))


def _xs(plot: Plot) -> list[float]:
    return [x for panel in plot.panels for line in panel.lines for x in line.xs]


def _seen(panel: Panel) -> Panel:
    """The panel with its heights where they are seen: at their logarithms, where it is logarithmic."""
    if not panel.logarithmic:
        return panel
    lines = [line._replace(ys=[math.log10(y) if y > 0 else math.nan for y in line.ys]) for line in panel.lines]
    return panel._replace(lines=lines)


def _ended(panel: Panel) -> list[Line]:
    """The curves with a letter at their end: all where there are several lines, but points."""
    return [line for line in panel.lines if not line.points] if len(panel.lines) > 1 else []


def _row(place: float, height: int) -> int:
    """The row of letters that a place from 0 to 1 lies in, from the top."""
    return min(height - 1, max(0, height - 1 - round(place * (4 * height - 1)) // 4))


def _cells(
    panel: Panel, across: Callable[[float], float], scale: Scale, size: tuple[int, int], canvas: Any
) -> list[list[Cell]]:
    """Rows of letters, each in the colour of the curve drawn there last; behind them the curves' own letters."""
    width, height = size
    dots = [[0] * width for _ in range(height)]
    owner = [[-1] * width for _ in range(height)]
    ends: list[list[Cell]] = [[] for _ in range(height)]
    bullets: dict[tuple[int, int], Cell] = {}
    for number, line in panel.order():
        if line.points:
            places = [_place(across(x), scale.place(y), size) for stroke in line.strokes() for x, y in stroke]
            bullets |= dict.fromkeys(places, (_BULLET, _color(number)))
            continue
        letters = _drawn(line, across, scale, canvas(width, height, 0, 0, 2 * width, 4 * height), size)
        for row, text in enumerate(letters):
            for column, letter in enumerate(text):
                if bits := ord(letter) - _BRAILLE:
                    dots[row][column] |= bits
                    owner[row][column] = number
        if len(panel.lines) > 1 and (strokes := line.strokes()):
            ends[_row(scale.place(strokes[-1][-1][1]), height)].append((_letter(number), _color(number)))
    cells = [
        [(chr(_BRAILLE + b) if b else " ", _color(n)) for b, n in zip(dots[row], owner[row], strict=True)]
        for row in range(height)
    ]
    many = sum(len(line.ys) for line in panel.lines if line.points) > MANY
    for (row, column), bullet in bullets.items():
        if not (many and dots[row][column]):
            cells[row][column] = bullet
    return [[*cells[row], *ends[row]] for row in range(height)]


def _place(x: float, y: float, size: tuple[int, int]) -> tuple[int, int]:
    """The row and the column that places from 0 to 1 lie in."""
    return _row(y, size[1]), min(size[0] - 1, max(0, round(x * (2 * size[0] - 1)) // 2))


def _drawn(line: Line, across: Callable[[float], float], scale: Scale, canvas: Any, size: tuple[int, int]) -> list[str]:
    """A curve alone, as rows of letters."""
    most = 2 * size[0] - 1, 4 * size[1] - 1
    for stroke in line.strokes():
        points = [(round(across(x) * most[0]), round(scale.place(y) * most[1])) for x, y in stroke]
        canvas.point(*points[0])
        for start, end in pairwise(points):
            canvas.line(*start, *end)
    rows: list[str] = canvas.plot(linesep="\n").split("\n")
    return rows


def _lined(cells: list[Cell], zero: bool, width: int) -> list[Cell]:
    """A row of the canvas, with the line of 0 where nothing else is."""
    if not zero:
        return cells
    return [("┄", "dim") if sign == " " else (sign, style) for sign, style in cells[:width]] + cells[width:]


def _below(plot: Plot, across: Callable[[float], float], margin: int, room: int, look: Look) -> list[list[Cell]]:
    """The x axis with its numbers and its name."""
    xs = _xs(plot)
    axis, numbers = ["─"] * room, ""
    for x, text in _x_ticks(plot, xs, room):
        column = min(room - 1, round(across(x) * (2 * room - 1)) // 2)
        start = max(0, min(column - len(text) // 2, room - len(text)))
        if numbers and start <= len(numbers):
            continue
        axis[column] = "┬"
        numbers = numbers.ljust(start) + text
    name = _told(plot.x, room, look)
    indent = " " * (margin + 1)
    return [
        [(f"{indent}└{''.join(axis)}", "dim")],
        [(f"{indent} {numbers}".rstrip(), "dim")],
        [(f"{indent} {' ' * ((room - len(name)) // 2)}{name}", "bold")],
    ]


def _x_ticks(plot: Plot, xs: Sequence[float], room: int) -> list[tuple[float, str]]:
    if not plot.logarithmic:
        ticks = _ticks(_scale(xs), max(2, room // 12))
        return _whole_ticks([x for x, _ in ticks], xs, room) if plot.whole and xs else ticks
    least, greatest = math.ceil(math.log10(min(xs)) - 1e-9), math.floor(math.log10(max(xs)) + 1e-9)
    apart = max(1, math.ceil((greatest - least + 1) / max(2, room // 12)))
    powers = [(min(max(10.0**power, min(xs)), max(xs)), f"1e{power}") for power in range(least, greatest + 1, apart)]
    return powers or [(x, f"{x:.4g}") for x in (min(xs), max(xs))]


def _whole_ticks(ticks: Sequence[float], xs: Sequence[float], room: int) -> list[tuple[float, str]]:
    """Whole numbers on the x axis, the least and the greatest of them too."""
    low, high = min(xs), max(xs)
    apart = (high - low) * (len(f"{high:.0f}") + 2) / room  # a number's width and two signs
    return [(x, _written(Decimal(x))) for x in with_ends([x for x in ticks if x.is_integer()], low, high, apart)]


def _powers(scale: Scale, most: int) -> list[tuple[float, str]]:
    """Powers of ten on a scale of logarithms, each with its text; round numbers where it has fewer than two."""
    least, greatest = math.ceil(scale.low - 1e-9), math.floor(scale.high + 1e-9)
    if greatest > least:
        apart = math.ceil((greatest - least + 1) / most)
        return [(float(power), f"1e{power}") for power in range(least, greatest + 1, apart)]
    low, high = (10.0 ** max(-307.0, min(end, 308.0)) for end in scale)
    return [(math.log10(x), text) for x, text in _ticks(Scale(low, high), most) if x > 0]


def _ticks(scale: Scale, most: int) -> list[tuple[float, str]]:
    """Round numbers on a scale, not many more than `most`, each with its text."""
    apart = (Decimal(scale.high) - Decimal(scale.low)) / most
    steps = (Decimal(times).scaleb(apart.adjusted()) for times in (1, 2, 5, 10))
    step = next(step for step in steps if step >= apart * Decimal("0.999"))
    first, last = math.ceil(Decimal(scale.low) / step), math.floor(Decimal(scale.high) / step)
    return [(float(number * step), _written(number * step)) for number in range(first, last + 1)]


def _written(number: Decimal) -> str:
    """A round number: 0.25, 1500, 2e+20."""
    if not number:
        return "0"
    power = number.adjusted()
    if -5 < power < 7:
        text = f"{number:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{float(number):.12g}"


def _legend(panel: Panel, width: int, look: Look) -> list[list[Cell]]:
    """Which letter is which curve."""
    rows: list[list[Cell]] = []
    used = width + 1
    for number, line in panel.order():
        label = _told(line.label, width - 5, look)
        if used + len(label) + 5 > width:
            rows.append([])
            used = 0
        rows[-1] += [(_BULLET if line.points else _letter(number), _color(number)), (f" {label}   ", "")]
        used += len(label) + 5
    return rows


def _letter(number: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[number % 26]


def _color(number: int) -> str:
    return _COLORS[number % len(_COLORS)] if number >= 0 else ""


def _ascii(text: str) -> str:
    """Signs that every screen has: of braille letters which halves are dotted."""
    return "".join(_half(sign) for sign in text.translate(_TO_ASCII))


def _half(sign: str) -> str:
    bits = ord(sign) - _BRAILLE
    if not 0 <= bits < 256:
        return sign
    return ":" if bits & _UPPER and bits & _LOWER else "'" if bits & _UPPER else "."
