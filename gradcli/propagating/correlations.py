"""How the errors of inputs go together: a number from -1 to 1 for a pair of them.

Enters: coefficients by pairs of names. Leaves: the same by positions, checked. Invariant: together they are a
correlation matrix: symmetric, ones on its diagonal, no negative eigenvalue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from gradcli.errors import BindingError
from gradcli.printable import shorten

Pair = tuple[str, str]
_ROUNDING = 1e-10  # of coefficients that come from other programs, as a part of a variance


def check(correlations: Mapping[Pair, float]) -> None:
    """Refuse coefficients that no quantities can have.

    Raises:
        BindingError: one is not between -1 and 1, or they contradict each other.
    """
    for pair, r in correlations.items():
        if not -1.0 <= r <= 1.0:
            what = "not a number" if r != r else "not between -1 and 1"
            raise BindingError(f"the correlation of {_named(pair)} is {what}: {r!r}")
    for names in _connected(correlations):
        if not _possible(names, correlations):
            hint = "no quantities go together like that: their correlation matrix has a negative eigenvalue"
            raise BindingError(f"the correlations of {_named(names)} contradict each other", hint=hint)


def _named(names: Sequence[str]) -> str:
    shown = [shorten(name) for name in names]
    return shorten(f"{', '.join(shown[:-1])} and {shown[-1]}", 200)


def of_quantities(correlations: Mapping[Pair, float], quantities: Mapping[str, Sequence[str]]) -> dict[Pair, float]:
    """The coefficients of names, where several names may stand for one quantity, which goes together with itself.

    Args:
        correlations: of some of the names.
        quantities: what each is called, for messages → all of its names.

    Returns:
        the same, with 1 between the names of a quantity, and for each of them what is known of one.

    Raises:
        BindingError: a coefficient says otherwise, or two of them contradict each other.
    """
    called = {name: quantity for quantity, names in quantities.items() for name in names}
    first: dict[Pair, tuple[Pair, float]] = {}
    found: dict[Pair, float] = {}
    for pair, r in correlations.items():
        one, other = (quantities[called[name]] if name in called else [name] for name in pair)
        if one == other:
            if r != 1.0:
                message = f"{_named(pair)} are the same quantity, {called[pair[0]]}: their correlation is 1, not {r!r}"
                raise BindingError(message)
            continue
        written, known = first.setdefault((min(one[0], other[0]), max(one[0], other[0])), (pair, r))
        if written != pair and known != r:
            hint = "some of these inputs are the same quantity, which has one correlation with another one"
            message = f"the correlation of {_named(written)} is {known!r}, so that of {_named(pair)} is not {r!r}"
            raise BindingError(message, hint=hint)
        found |= {(a, b): r for a in one for b in other}
    for names in quantities.values():
        found |= dict.fromkeys(combinations(names, 2), 1.0)
    return found


def neighbours(names: Sequence[str], correlations: Mapping[Pair, float]) -> list[dict[int, float]]:
    """For each of the names, the others that it goes together with, by their positions."""
    places = {name: position for position, name in enumerate(names)}
    found: list[dict[int, float]] = [{} for _ in names]
    for (one, other), r in correlations.items():
        if one in places and other in places:
            found[places[one]][places[other]] = found[places[other]][places[one]] = r
    return found


def _connected(correlations: Mapping[Pair, float]) -> list[list[str]]:
    """Names in groups that have nothing to do with each other."""
    near: dict[str, list[str]] = {}
    for one, other in correlations:
        near.setdefault(one, []).append(other)
        near.setdefault(other, []).append(one)
    groups: list[list[str]] = []
    seen: set[str] = set()
    for name in near:
        if name in seen:
            continue
        seen.add(name)
        group = [name]
        for member in group:
            new = [other for other in near[member] if other not in seen]
            seen.update(new)
            group += dict.fromkeys(new)
        groups.append(group)
    return groups


def _possible(names: Sequence[str], correlations: Mapping[Pair, float]) -> bool:
    """Whether the matrix of these names has no negative eigenvalue: Cholesky's elimination, the largest pivot first.

    Higham, Accuracy and Stability of Numerical Algorithms, 10.3: with complete pivoting what remains of a semidefinite
    matrix when the pivots have become 0 is 0 as a whole.
    """
    near = neighbours(names, correlations)
    rest = [[1.0 if i == j else near[i].get(j, 0.0) for j in range(len(names))] for i in range(len(names))]
    open_rows = [*range(len(names))]
    allowed = _ROUNDING * len(names)
    while open_rows:
        pivot = max(open_rows, key=lambda i: rest[i][i])
        if min(rest[i][i] for i in open_rows) < -allowed:
            return False
        if rest[pivot][pivot] <= allowed:
            return all(abs(rest[i][j]) <= allowed for i in open_rows for j in open_rows)
        open_rows.remove(pivot)
        row = rest[pivot]
        for i in open_rows:
            factor = row[i] / row[pivot]
            if factor:
                rest[i] = [x - factor * y for x, y in zip(rest[i], row, strict=True)]
    return True
