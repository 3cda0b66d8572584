"""Plots as pictures, drawn by matplotlib.

Enters: a `Plot`. Leaves: the bytes of SVG, PNG or PDF. Invariant: no display, no settings of the user's and no clock
has a say, so that the same plot gives the same bytes; dollar signs and backslashes in names mean nothing.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Collection, Sequence
from math import isfinite, nan
from typing import TYPE_CHECKING, Any

from gradcli.printable import printable, shorten
from gradcli.render.plots import MANY, Panel, Plot, missing, with_ends

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Eight colours that people of any colour vision tell apart (Okabe and Ito, 2008; its yellow is too pale on white).
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#888888")
_FARTHEST = 1e300
_FEW = 25  # points of a curve that are marked one by one
_APART = 0.07  # of the x axis between two of its numbers
_LONG = 8  # curves in the legend of a panel, in one column
_TITLE, _TITLE_SIZE = 450, 11  # points: as wide as a title may be, and its size
_BESIDE: Any = {
    "loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0, "fontsize": 8, "title_fontsize": 8,
    "alignment": "left",
}  # fmt: skip
_METADATA: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": "gradcli"},
    "pdf": {"CreationDate": None, "Creator": "gradcli", "Producer": None},
    "png": {"Software": None},
}
_STYLE: Any = {
    "axes.axisbelow": True, "axes.edgecolor": "#666666", "axes.grid": True, "axes.linewidth": 0.8,
    "axes.spines.right": False, "axes.spines.top": False, "axes.formatter.useoffset": False, "figure.dpi": 100,
    "font.family": "DejaVu Sans", "font.size": 10, "grid.color": "#e4e4e4", "grid.linewidth": 0.8,
    "legend.frameon": False, "lines.linewidth": 1.6, "path.simplify": True, "pdf.compression": 6,
    "pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "gradcli", "text.usetex": False,
}  # fmt: skip


def picture(plot: Plot, format: str) -> bytes:
    """The plot as svg, png or pdf.

    Raises:
        MissingError: matplotlib is not installed.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its font cache
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise missing() from None
    buffer = io.BytesIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font does not have
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = Figure(figsize=(7.2, 2.4 + 1.6 * len(plot.panels)), layout="constrained", facecolor="white")
        _fill(figure, plot)
        figure.savefig(buffer, format=format, dpi=160, metadata=_METADATA[format])
    return buffer.getvalue()


def _fill(figure: Figure, plot: Plot) -> None:
    count = len(plot.panels)
    heights = [1.4, *[1.0] * (count - 1)]
    every = figure.subplots(count, 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, panel in zip(every, plot.panels, strict=True):
        if plot.logarithmic:
            axes.set_xscale("log")
        if panel.logarithmic and any(y > 0 for y in panel.numbers()):
            axes.set_yscale("log", nonpositive="mask")
        _draw(axes, panel)
    top, bottom = every[0], every[-1]
    top.set_title(
        _fitting(plot.title) if plot.apart else _told(plot.title, 90), loc="left", fontsize=11, parse_math=False
    )
    bottom.set_xlabel(_told(plot.x, 60), parse_math=False)
    if plot.whole:
        _number(bottom, {x for panel in plot.panels for line in panel.lines for x in line.xs})
    figure.align_ylabels(list(every))
    if plot.apart:
        for axes, panel in zip(every, plot.panels, strict=True):
            if any(line.label for line in panel.lines):
                ncols = 1 + (len(panel.lines) - 1) // _LONG
                _legend(axes, panel, axes, ncols=ncols, title=_told(panel.note, 30), **_BESIDE)
    elif len(plot.panels[0].lines) > 1:
        _legend(figure, plot.panels[0], top, loc="outside right upper")


def _number(axes: Axes, xs: Collection[float]) -> None:
    """Whole numbers on the x axis, the least and the greatest of them too."""
    from matplotlib.ticker import FixedLocator, MaxNLocator

    if not xs:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return
    low, high = min(xs), max(xs)
    if low == high:
        axes.set_xlim(low - 1, high + 1)
    ticks = MaxNLocator(integer=True).tick_values(low, high)
    axes.xaxis.set_major_locator(FixedLocator(with_ends([*map(float, ticks)], low, high, (high - low) * _APART)))


def _fitting(title: str) -> str:
    """A title, shortened until it is no wider than the picture."""
    from matplotlib.textpath import TextPath

    limit = 90
    while limit > 10 and TextPath((0, 0), _told(title, limit), _TITLE_SIZE).get_extents().width > _TITLE:
        limit -= 4
    return _told(title, limit)


def _legend(owner: Axes | Figure, panel: Panel, axes: Axes, **how: Any) -> None:
    """Which curve is which, beside them."""
    handles = [line for line in axes.get_lines() if not str(line.get_label()).startswith("_")]
    legend = owner.legend(handles, [_told(line.label, 40) for line in panel.lines], **how)
    for text in (*legend.get_texts(), legend.get_title()):
        text.set_parse_math(False)


def _draw(axes: Axes, panel: Panel) -> None:
    """The curves: a lonely point between gaps is a dot, and so is every point of a few."""
    axes.set_ylabel(_told(panel.name, 30), parse_math=False)
    for number, line in panel.order():
        color = COLORS[number % len(COLORS)]
        xs, ys = (_within(numbers) for numbers in (line.xs, line.ys))
        count = sum(map(isfinite, line.ys))
        marks: dict[str, Any] = {"marker": "o", "markersize": 3.5} if count <= _FEW and line.marked else {}
        if line.points:
            size, front = (3.5, 2.5) if count <= MANY else (1.5, 2.0)  # curves are at 2
            marks = {"marker": "o", "markersize": size, "linestyle": "none", "zorder": front}
        elif number >= len(COLORS):
            marks["linestyle"] = "dashed"
        axes.plot(xs, ys, color=color, label=f"curve {number}", **marks)
        lonely = [stroke[0] for stroke in line.strokes() if len(stroke) == 1]
        if lonely and not marks:
            dots = [_within(numbers) for numbers in zip(*lonely, strict=True)]
            axes.plot(*dots, color=color, linestyle="none", marker="o", markersize=3, label="_lonely")
    numbers = panel.numbers()
    if numbers and min(numbers) < 0 < max(numbers) and not panel.logarithmic:
        axes.axhline(0, color="#999999", linewidth=0.8, zorder=1.5, label="_zero")


def _within(numbers: Sequence[float]) -> list[float]:
    """Numbers that matplotlib can scale: beyond them its axes overflow."""
    return [max(-_FARTHEST, min(x, _FARTHEST)) if isfinite(x) else nan for x in numbers]


def _told(text: str, limit: int) -> str:
    return printable(shorten(" ".join(text.split()), limit))
