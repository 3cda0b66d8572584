"""Names of a program as identifiers of a target.

Enters: names as people write them, with Greek letters and subscripts. Leaves: identifiers, each different from all
others and from what the target reserves. Invariant: the same names in the same order give the same identifiers.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

_SMALL = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho varsigma sigma tau upsilon phi
chi psi omega
"""
_LARGE = "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
_VARIANTS = "vartheta varphi varpi varkappa varrho varepsilon"
GREEK = dict(
    zip("αβγδεζηθικλμνξοπρςστυφχψωΓΔΘΛΞΠΣΦΨΩϑϕϖϰϱϵ", " ".join((_SMALL, _LARGE, _VARIANTS)).split(), strict=True)
)
_PLACES = {"[": "_", ",": "_", "]": ""}  # of elements: W[0,1] is W_0_1
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))


def spelt(name: str, keep_greek: bool) -> str:
    """A name in letters, digits and underscores: θ₁ is theta_1, or θ_1.

    Args:
        name: of a program.
        keep_greek: keep Greek letters that stay what they are under NFKC, as Python reads identifiers: ϑ would be θ.
    """
    pieces: list[str] = []
    for position, sign in enumerate(name):
        if sign in _SUBSCRIPTS:
            follows = position > 0 and name[position - 1] in _SUBSCRIPTS
            pieces.append(("" if follows else "_") + _SUBSCRIPTS[sign])
        elif sign.isascii() and (sign.isalnum() or sign == "_"):
            pieces.append(sign)
        elif sign in _PLACES:
            pieces.append(_PLACES[sign])
        elif sign in GREEK:
            stays = keep_greek and unicodedata.normalize("NFKC", sign) == sign
            pieces.append(sign if stays else GREEK[sign])
        else:
            pieces.append(f"u{ord(sign):04x}")
    return "".join(pieces)


class Names:
    """Gives identifiers out, each once."""

    def __init__(self, taken: Collection[str]) -> None:
        self._taken = {*taken}
        self._counts: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """The wanted identifier, with underscores behind it where it is taken."""
        while wanted in self._taken:
            wanted += "_"
        self._taken.add(wanted)
        return wanted

    def count(self, stem: str) -> str:
        """The next of a series: t1, t2 …"""
        self._counts[stem] = number = self._counts.get(stem, 0) + 1
        return self.take(f"{stem}{number}")
