"""The style sheet that comes from tables: colours as custom properties, and the looks of the graph's picture.

Leaves: CSS. Invariant: every colour is one of `render/picture/palette.py`; where a colour stands it is `var(--…)`, so
that a theme changes the custom properties alone.
"""

from __future__ import annotations

from gradcli.render.picture import sizes
from gradcli.render.picture.palette import DARK, LIGHT, Palette
from gradcli.render.picture.svg import FONTS


def palette_style() -> str:
    """The colours: light, dark where the reader's system or the page says so."""
    dark = _properties(DARK)
    return (
        f":root{{color-scheme:light dark;{_properties(LIGHT)}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
        ":root[data-theme=light]{color-scheme:light}\n"
    )


def _properties(palette: Palette) -> str:
    return ";".join(f"--{name.replace('_', '-')}:{color}" for name, color in palette._asdict().items())


def graph_style() -> str:
    """How shapes and texts of the graph look when nothing is said of them; page.css adds what happens to them."""
    rules = {
        "": f"font-family:{FONTS};text-rendering:geometricPrecision",
        "text": f"font-size:{sizes.NODE_TEXT:g}px;text-anchor:middle;fill:var(--ink)",
        ".edge-label text": f"font-size:{sizes.EDGE_TEXT:g}px",
        ".caption text": f"font-size:{sizes.CAPTION_TEXT:g}px",
        ".constant .head": f"font-size:{sizes.CONSTANT_TEXT:g}px",
        "[data-line=small]": f"font-size:{sizes.SMALL_TEXT:g}px",
        ".sign": f"font-size:{sizes.GLYPH_TEXT:g}px",
        ".name,.op": "font-weight:bold",
        ".stage": "font-style:italic",
        "[data-line=value]": "fill:var(--value)",
        "[data-line=gradient],[data-line=contribution]": "fill:var(--gradient)",
        "[data-line=local],.rule": "fill:var(--local)",
        ".caption text,.constant .head,[data-line=small]": "fill:var(--muted)",
        "text.bad": "fill:var(--bad);font-weight:bold",
        ".box": "fill:var(--gate);stroke:var(--line);stroke-linejoin:round",
        ".ring": "fill: none",
        ".input .box": "fill:var(--input);rx:8px",
        ".constant .box": "stroke-dasharray:5,2",
        ".output .box,.output .ring": "stroke:var(--ink)",
        ".warn .box": "fill:var(--warn-fill);stroke:var(--warn)",
        ".bad .box": "fill:var(--bad-fill);stroke:var(--bad)",
        ".warn .ring": "stroke:var(--warn)",
        ".bad .ring": "stroke:var(--bad)",
        ".line": "fill: none;stroke:var(--line)",
        ".tip": "fill:var(--line);stroke:var(--line)",
        ".inactive .line": "stroke-dasharray:1,5",
        ".zero .line": "stroke-dasharray:5,2",
        ".nan .line": "stroke:var(--bad)",
        ".nan .tip": "fill:var(--bad);stroke:var(--bad)",
        ".plate": "fill:var(--page);fill-opacity:.88;rx:3px",
        ".outline": "fill: none;stroke:var(--frame)",
        ".map": "fill: none",
    }
    return "".join(f"{_under(selectors)}{{{rule}}}\n" for selectors, rule in rules.items())


def _under(selectors: str) -> str:
    return ",".join(f".gradcli-graph {one}".rstrip() for one in selectors.split(","))
