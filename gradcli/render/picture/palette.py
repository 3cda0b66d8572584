"""The colours of pictures, light and dark.

Every text on every fill that it stands on has a contrast of at least 4.5, every line at least 3. Green leans to blue
and red to orange, so that they stay apart for colour-blind readers; colour is never the only cue.
"""

from __future__ import annotations

from typing import NamedTuple

from gradcli.render.picture.sizes import HEAT_LEVELS, HEAT_WIDTH


class Palette(NamedTuple):
    """Colours by what they are for."""

    page: str
    ink: str
    muted: str
    line: str
    gate: str
    input: str
    value: str
    gradient: str
    local: str
    warn: str
    warn_fill: str
    bad: str
    bad_fill: str
    folded: str
    frame: str  # a decoration: faint


LIGHT = Palette(
    page="#ffffff", ink="#1b1f24", muted="#5b6470", line="#8a94a3", gate="#ffffff", input="#eef3fa", value="#006d5b",
    gradient="#c8390a", local="#3f4754", warn="#8f5500", warn_fill="#fff4dc", bad="#8e24aa", bad_fill="#f9ecfc",
    folded="#f1f3f6", frame="#cfd5dd",
)  # fmt: skip
DARK = Palette(
    page="#12161c", ink="#e8ebf0", muted="#9aa5b3", line="#74808f", gate="#1a2028", input="#243042", value="#3ecfb2",
    gradient="#ff9166", local="#c3cad4", warn="#f0b64a", warn_fill="#33290f", bad="#dd8df5", bad_fill="#351c3e",
    folded="#222932", frame="#343d49",
)  # fmt: skip


QUIET = ("constant", "legend", "caption", "small", "count")


def text_colors(palette: Palette) -> dict[str, str]:
    """The colour of every kind of text."""
    p = palette
    inked = dict.fromkeys(("name", "op", "stage"), p.ink) | dict.fromkeys(QUIET, p.muted)
    return inked | {
        "value": p.value, "gradient": p.gradient, "local": p.local, "contribution": p.gradient,
        "warn": p.warn, "bad": p.bad,
    }  # fmt: skip


def heat_color(palette: Palette, heat: int) -> str:
    """Between the colour of lines and that of gradients."""
    pairs = [(int(palette.line[i : i + 2], 16), int(palette.gradient[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * heat / HEAT_LEVELS):02x}" for a, b in pairs)


def heat_width(heat: int) -> float:
    return 1.0 + HEAT_WIDTH * heat / HEAT_LEVELS
