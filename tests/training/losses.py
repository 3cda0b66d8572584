"""Losses in both styles, per row and over whole columns, with data and parameters to compute them at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gradcli.language.parser import parse
from gradcli.training.losses.forms import Form, form, penalty
from gradcli.training.losses.rows import PerRow
from gradcli.training.losses.whole import Whole


class Loss(NamedTuple):
    """A loss as a program per row and as one over whole columns, which give the same mean."""

    per_row: str
    whole: str
    columns: dict[str, tuple[int, ...]]
    parameters: dict[str, tuple[int, ...]]


LOSSES = {
    "linear": Loss("(dot(w, X) + b - y)^2", "mean((X @ w + b - y)^2)", {"X": (3,), "y": ()}, {"w": (3,), "b": ()}),
    "logistic": Loss(
        "z = dot(w, X) + b\nsoftplus(z) - y*z",
        "z = X @ w + b\nmean(softplus(z) - y*z)",
        {"X": (3,), "y": ()},
        {"w": (3,), "b": ()},
    ),
    "two layers of tanh": Loss(
        "h = tanh(W @ X + b)\np = dot(v, h) + c\n(p - y)^2",
        "h = tanh(X @ W' + b)\np = h @ v + c\nmean((p - y)^2)",
        {"X": (2,), "y": ()},
        {"W": (4, 2), "b": (4,), "v": (4,), "c": ()},
    ),
    "softmax": Loss(
        "p = softmax(X @ W + b); -dot(t, log(p))",
        "p = softmax(X @ W + b); -sum(t*log(p))/len(t)",
        {"X": (3,), "t": (4,)},
        {"W": (3, 4), "b": (4,)},
    ),
    "recurrent": Loss(
        "h = tanh(u*x[0] + b)\nfor t in 1..len(x) { h = tanh(u*x[t] + U @ h + b) }\n(dot(v, h) - y)^2",
        "x0 = x'[0]\nh = tanh(outer(x0, u) + b)\nfor t in 1..4 { h = tanh(outer(x'[t], u) + h @ U' + b) }\n"
        "mean((h @ v - y)^2)",
        {"x": (4,), "y": ()},
        {"u": (3,), "U": (3, 3), "b": (3,), "v": (3,)},
    ),
}


def read(
    text: str, columns: Mapping[str, Any], parameters: Mapping[str, Any], constants: Mapping[str, Any] = {}, **more: Any
) -> Form:
    """The form of a text."""
    return form(parse(text), columns, parameters, constants, **more)


def made(
    text: str,
    columns: Mapping[str, Any],
    parameters: Mapping[str, Any],
    constants: Mapping[str, Any] = {},
    extra: str | None = None,
    **more: Any,
) -> PerRow | Whole:
    """The objective of a text; extra: a penalty."""
    found = read(text, columns, parameters, constants, **more)
    added = None if extra is None else penalty(parse(extra), found)
    return PerRow(found, added) if found.per_row else Whole(found, added)


def data(columns: Mapping[str, tuple[int, ...]], rows: int, seed: int = 0) -> dict[str, Any]:
    """Random rows."""
    random = np.random.RandomState(seed)
    return {name: random.uniform(-1.0, 1.0, (rows, *shape)) for name, shape in columns.items()}


def point(size: int, seed: int = 1) -> Any:
    """Random parameters."""
    return np.random.RandomState(seed).uniform(-1.0, 1.0, size)


def deep(activation: str, per_row: bool, layers: int = 10) -> str:
    """A network of equal layers of 8 units and a sigmoid at the end."""
    lines, before = [], "X"
    for k in range(1, layers + 1):
        product = f"W{k}' @ {before}" if per_row else f"{before} @ W{k}"
        lines.append(f"h{k} = {activation}({product} + b{k})")
        before = f"h{k}"
    lines.append(f"p = sigmoid(dot(v, {before}) + c)" if per_row else f"p = sigmoid({before} @ v + c)")
    lines += ["loss = (p - y)^2", "loss" if per_row else "mean(loss)"]
    return "\n".join(lines)


def deep_shapes(layers: int = 10) -> dict[str, tuple[int, ...]]:
    """The parameters of `deep`, for two columns X."""
    found: dict[str, tuple[int, ...]] = {}
    for k in range(1, layers + 1):
        found |= {f"W{k}": (8 if k > 1 else 2, 8), f"b{k}": (8,)}
    return found | {"v": (8,), "c": ()}
