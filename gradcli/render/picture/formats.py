"""The formats of pictures: what each needs, from DOT text to bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gradcli.errors import MissingError
from gradcli.graph.graph import Graph
from gradcli.render.picture import dot, mermaid, picture, sizes
from gradcli.render.picture.palette import DARK, LIGHT, Palette
from gradcli.render.picture.parts import Drawn, Options, Picture, Selection
from gradcli.render.picture.selecting import select
from gradcli.traces import Trace


class _Laid(NamedTuple):
    picture: Picture
    rankdir: str
    drawn: str  # Graphviz's SVG


def _palette(options: Options) -> Palette:
    return DARK if options.theme == "dark" else LIGHT


def _picture(graph: Graph, traces: Sequence[Trace], options: Options, rankdir: str) -> Picture:
    if options.passes is not None:
        from gradcli.render.picture import backward

        return backward.draw(options.passes, traces, _selected(graph, options), options.clusters)
    return picture.draw(graph, traces, _selected(graph, options), rankdir == "TB", options.heat, options.page)


def _selected(graph: Graph, options: Options) -> Selection:
    return select(graph, options.path, options.depth, options.collapse, options.clusters, options.page)


def as_dot(graph: Graph, traces: Sequence[Trace], options: Options) -> Drawn:
    rankdir = options.rankdir or "LR"
    shown = _picture(graph, traces, options, rankdir)
    return Drawn(dot.render(shown, _palette(options), rankdir), shown.note)


def as_mermaid(graph: Graph, traces: Sequence[Trace], options: Options) -> Drawn:
    rankdir = options.rankdir or "LR"
    shown = _picture(graph, traces, options, rankdir)
    return Drawn(mermaid.render(shown, rankdir), shown.note)


def as_svg(graph: Graph, traces: Sequence[Trace], options: Options) -> Drawn:
    from gradcli.render.picture import paged, svg

    laid = laid_out(graph, traces, options)
    style = svg.Style(options.theme, options.legend, laid.rankdir == "TB", options.prefix)
    render = paged.render if options.page else svg.render
    return Drawn(render(laid.picture, laid.drawn, style), laid.picture.note, laid.picture)


def laid_out(graph: Graph, traces: Sequence[Trace], options: Options) -> _Laid:
    """Laid out in the direction asked for; else small graphs left to right, others whichever fits a page better."""
    count = len(_selected(graph, options).nodes)
    right = sizes.RUNS_RIGHT_ARRAYS if graph.shapes and traces else sizes.RUNS_RIGHT
    directions = [options.rankdir] if options.rankdir else ["LR"] if count <= right else ["TB", "LR"]
    if count > sizes.LABELLED:
        directions = directions[:1]
    found = [_lay_out(graph, traces, options, rankdir) for rankdir in directions]
    return min(found, key=lambda laid: abs(_ratio(laid.drawn) - sizes.BEST_RATIO))


def _lay_out(graph: Graph, traces: Sequence[Trace], options: Options, rankdir: str) -> _Laid:
    from gradcli.render.picture.far import far_arrows
    from gradcli.render.picture.layout import lay_out

    shown = _picture(graph, traces, options, rankdir)
    far = far_arrows(shown)
    source = dot.render(shown, _palette(options), rankdir, without=far)
    if far:
        where = "in the table" if options.page else "in the SVG's tooltips"
        told = f"{len(far):,} long edges are drawn over the rest"
        told += f", their numbers are {where}" if _is_labelled(shown) else ""
        plain = tuple(arrow._replace(lines=()) if arrow.id in far else arrow for arrow in shown.arrows)
        shown = shown._replace(note="; ".join(filter(None, (shown.note, told))), arrows=plain)
    return _Laid(shown, rankdir, lay_out(source, options.seconds))


def _is_labelled(shown: Picture) -> bool:
    return len(shown.nodes) <= sizes.LABELLED


def _ratio(drawn: str) -> float:
    """Width over height of Graphviz's SVG."""
    from re import search

    size = search(r'viewBox="[-0-9.]+ [-0-9.]+ ([0-9.]+) ([0-9.]+)"', drawn)
    return float(size[1]) / float(size[2]) if size else 1.0


def as_png(graph: Graph, traces: Sequence[Trace], options: Options) -> Drawn:
    """Through the SVG and resvg: the extra `images`. A PNG cannot follow the reader's system, so auto is light."""
    try:
        import resvg_py
    except ImportError:
        raise MissingError("PNG", "images") from None
    from gradcli.render.picture.fonts import fonts

    theme = "light" if options.theme == "auto" else options.theme
    made = as_svg(graph, traces, options._replace(theme=theme))
    found = fonts()
    chosen: dict[str, Any] = {}
    if found is not None:
        family = dict.fromkeys(("font_family", "sans_serif_family"), found.family)
        chosen = {"skip_system_fonts": True, "font_files": found.files, **family}
    png = resvg_py.svg_to_bytes(svg_string=str(made.content), zoom=sizes.PNG_ZOOM, **chosen)
    return Drawn(bytes(png), made.note)


def by_system(graph: Graph, traces: Sequence[Trace], options: Options, name: str) -> Drawn:
    """By the Graphviz of the system, from the same DOT."""
    from gradcli.render.picture import system

    made = as_dot(graph, traces, options)
    return Drawn(system.draw(str(made.content), name, options.seconds), made.note)
