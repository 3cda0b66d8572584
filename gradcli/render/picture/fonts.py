"""Fonts for pictures that are drawn to pixels here: DejaVu Sans or Verdana of the system, else Inter, from PyPI."""

from __future__ import annotations

from importlib.resources import files
from os.path import expanduser  # Path's own fails where there is no home
from pathlib import Path
from typing import NamedTuple

_FOLDERS = (
    "/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/dejavu", "/usr/share/fonts/dejavu-sans-fonts",
    "/usr/share/fonts/TTF", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts",
    "/System/Library/Fonts/Supplemental", "/Library/Fonts", "C:/Windows/Fonts",
)  # fmt: skip
# The first two are as wide as the layout reckons; Inter is narrower, so that nothing overflows.
_DEJAVU = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSans-BoldOblique.ttf")
_VERDANA = ("verdana.ttf", "verdanab.ttf", "verdanai.ttf", "Verdana.ttf", "Verdana Bold.ttf", "Verdana Italic.ttf")
_INTER = ("Inter[opsz,wght].ttf", "Inter-Italic[opsz,wght].ttf")


class Fonts(NamedTuple):
    """A family and its files."""

    family: str
    files: list[str]


def fonts() -> Fonts | None:
    """What to draw with; None if there is nothing."""
    for family, names in (("DejaVu Sans", _DEJAVU), ("Verdana", _VERDANA)):
        for folder in _FOLDERS:
            found = [str(path) for name in names if (path := Path(expanduser(folder)) / name).is_file()]
            if found:
                return Fonts(family, found)
    return _packaged()


def _packaged() -> Fonts | None:
    try:
        folder = files("fontpkg_inter") / "files"
    except ModuleNotFoundError:
        return None
    found = [str(path) for name in _INTER if (path := Path(str(folder)) / name).is_file()]
    return Fonts("Inter", found) if found else None
