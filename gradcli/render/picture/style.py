"""The style sheet of an SVG that follows the reader's system: the dark colours over the light ones."""

from __future__ import annotations

from gradcli.render.picture.palette import DARK, heat_color, text_colors
from gradcli.render.picture.sizes import HEAT_LEVELS

_OF_GROUPS = ("caption", "small", "count", "folded", "outline")  # classes of frames, folded nodes and arrays


def dark_style(groups: bool = True) -> str:
    """Without var(), which plain renderers do not know; every selector is under .gradcli-graph.

    Args:
        groups: whether the picture has frames, folded nodes or arrays.
    """
    p = DARK
    rules = {".bg": f"fill:{p.page}", ".plate": f"fill:{p.page}"}
    rules |= {f"{tag}.{kind}": f"fill:{color}" for kind, color in text_colors(p).items() for tag in ("text", "tspan")}
    rules |= {
        ".gate .box,.constant .box": f"fill:{p.gate};stroke:{p.line}",
        ".input .box": f"fill:{p.input};stroke:{p.line}",
        ".folded .box": f"fill:{p.folded};stroke:{p.line}",
        ".outline": f"stroke:{p.frame}",
        ".output .box,.output .ring": f"stroke:{p.ink}",
        ".warn .box": f"fill:{p.warn_fill};stroke:{p.warn}",
        ".warn .ring": f"stroke:{p.warn}",
        ".bad .box": f"fill:{p.bad_fill};stroke:{p.bad}",
        ".bad .ring": f"stroke:{p.bad}",
        ".line": f"stroke:{p.line}",
        ".tip": f"fill:{p.line};stroke:{p.line}",
        ".nan .line": f"stroke:{p.bad}",
        ".nan .tip": f"fill:{p.bad};stroke:{p.bad}",
    }
    for heat in range(HEAT_LEVELS + 1):
        color = heat_color(p, heat)
        rules |= {f".heat-{heat} .line": f"stroke:{color}", f".heat-{heat} .tip": f"fill:{color};stroke:{color}"}
    lines = (
        ",".join(f".gradcli-graph {part}" for part in selector.split(",")) + "{" + rule + "}"
        for selector, rule in rules.items()
        if groups or not any(f".{name}" in selector for name in _OF_GROUPS)
    )
    return "\n@media (prefers-color-scheme:dark){\n" + "\n".join(lines) + "\n}\n"
