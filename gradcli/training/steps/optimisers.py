"""How a gradient becomes a step: one row per optimiser.

Enters: parameters, a gradient, a learning rate, and what the optimiser remembers. Leaves: the next parameters and the
next memory, in new arrays. Invariant: a row says all there is to know of an optimiser; help, docs and tests read it.

The definitions are those of PyTorch's torch.optim, which differ from some of the papers in where the rate stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np

from gradcli.errors import UsageError
from gradcli.training.layout import Vector
from gradcli.training.specs import Spec, numbers_by_name, parse_spec, unknown

Memory: TypeAlias = Mapping[str, Vector]
Settings: TypeAlias = Mapping[str, float]
Taken: TypeAlias = tuple[Vector, dict[str, Vector]]
Step: TypeAlias = Callable[[Vector, Vector, float, Settings, Memory, int], Taken]
"""step(theta, gradient, rate, settings, memory, t) -> (theta, memory); t = 1 for the first step. Pure, and number by
number: what becomes of a parameter depends on no other one."""

BLOCK = 16_384  # numbers of a long vector at once: all that a step needs of them stays in the cache
SQUARES = "squares"  # the name of a memory of squared gradients
LARGEST = 1e150  # of a gradient that can be squared


class Optimiser(NamedTuple):
    """A row of the table.

    Attributes:
        name: as it is written.
        doc: one line.
        rate: the learning rate where none is given; None where it has none.
        settings: its numbers and their defaults, in the order in which they may be written.
        memory: the names of the vectors that it remembers.
        step: None where another library takes the steps ("scipy").
        formula: of the step, in the names of the settings and of the memory; w is a parameter, g its gradient.
        source: of the formula.
        aliases: other names.
    """

    name: str
    doc: str
    rate: float | None
    settings: Mapping[str, float]
    memory: tuple[str, ...]
    step: Step | None
    formula: str
    source: str
    aliases: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What takes the steps: "steps" for those of the row, "scipy" for that library."""
        return "scipy" if self.step is None else "steps"


# Each step writes into arrays that it made itself, and makes as few as it can.


def _gd(theta: Vector, gradient: Vector, rate: float, settings: Settings, memory: Memory, t: int) -> Taken:
    move = rate * gradient
    return np.subtract(theta, move, out=move), {}


def _momentum(theta: Vector, gradient: Vector, rate: float, settings: Settings, memory: Memory, t: int) -> Taken:
    velocity = settings["momentum"] * memory["velocity"]
    velocity += gradient
    move = rate * velocity
    return np.subtract(theta, move, out=move), {"velocity": velocity}


def _nesterov(theta: Vector, gradient: Vector, rate: float, settings: Settings, memory: Memory, t: int) -> Taken:
    velocity = settings["momentum"] * memory["velocity"]
    velocity += gradient
    move = settings["momentum"] * velocity
    move += gradient
    move *= rate
    return np.subtract(theta, move, out=move), {"velocity": velocity}


def _scaled(theta: Vector, gradient: Vector, rate: float, squares: Vector, settings: Settings) -> Taken:
    """The step of adagrad and rmsprop, with their squares."""
    root = np.sqrt(squares)
    root += settings["epsilon"]
    move = np.divide(gradient, root, out=root)
    move *= rate
    return np.subtract(theta, move, out=move), {SQUARES: squares}


def _adagrad(theta: Vector, gradient: Vector, rate: float, settings: Settings, memory: Memory, t: int) -> Taken:
    squares = gradient * gradient
    squares += memory[SQUARES]
    return _scaled(theta, gradient, rate, squares, settings)


def _rmsprop(theta: Vector, gradient: Vector, rate: float, settings: Settings, memory: Memory, t: int) -> Taken:
    return _scaled(theta, gradient, rate, _averaged(memory[SQUARES], gradient, settings["decay"]), settings)


def _averaged(squares: Vector, gradient: Vector, decay: float) -> Vector:
    """decay*squares + (1 - decay)*g^2"""
    found = gradient * gradient
    found *= 1.0 - decay
    found += decay * squares
    return found


def _adam(theta: Vector, gradient: Vector, rate: float, settings: Settings, memory: Memory, t: int) -> Taken:
    beta1, beta2 = settings["beta1"], settings["beta2"]
    mean = (1.0 - beta1) * gradient
    mean += beta1 * memory["mean"]
    squares = _averaged(memory[SQUARES], gradient, beta2)
    root = squares / (1.0 - beta2**t)
    np.sqrt(root, out=root)
    root += settings["epsilon"]
    move = np.divide(mean, root, out=root)
    move *= rate / (1.0 - beta1**t)
    return np.subtract(theta, move, out=move), {"mean": mean, SQUARES: squares}


def _adamw(theta: Vector, gradient: Vector, rate: float, settings: Settings, memory: Memory, t: int) -> Taken:
    return _adam(theta * (1.0 - rate * settings["weight_decay"]), gradient, rate, settings, memory, t)


_ADAM = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
_ADAM_FORMULA = (
    "mean = beta1*mean + (1 - beta1)*g, squares = beta2*squares + (1 - beta2)*g^2,"
    " w = w - rate * mean/(1 - beta1^t) / (sqrt(squares/(1 - beta2^t)) + epsilon)"
)

OPTIMISERS: Mapping[str, Optimiser] = {
    row.name: row
    for row in (
        Optimiser(
            "gd", "Gradient descent.", 0.1, {}, (), _gd, "w = w - rate*g", "Cauchy 1847", ("sgd",),
        ),
        Optimiser(
            "momentum", "Gradient descent that keeps part of its velocity.", 0.01, {"momentum": 0.9}, ("velocity",),
            _momentum, "velocity = momentum*velocity + g, w = w - rate*velocity", "Polyak 1964",
        ),
        Optimiser(
            "nesterov", "Momentum that looks ahead.", 0.01, {"momentum": 0.9}, ("velocity",), _nesterov,
            "velocity = momentum*velocity + g, w = w - rate*(g + momentum*velocity)",
            "Sutskever, Martens, Dahl and Hinton 2013",
        ),
        Optimiser(
            "adagrad", "Each parameter's rate falls with the sum of its squared gradients.", 0.1, {"epsilon": 1e-10},
            (SQUARES,), _adagrad, "squares = squares + g^2, w = w - rate * g / (sqrt(squares) + epsilon)",
            "Duchi, Hazan and Singer 2011",
        ),
        Optimiser(
            "rmsprop", "Each parameter's rate is divided by the root mean square of its late gradients.", 0.01,
            {"decay": 0.99, "epsilon": 1e-8}, (SQUARES,), _rmsprop,
            "squares = decay*squares + (1 - decay)*g^2, w = w - rate * g / (sqrt(squares) + epsilon)",
            "Hinton 2012, lecture 6e",
        ),
        Optimiser(
            "adam", "Momentum and rmsprop in one, without their bias towards 0.", 0.01, _ADAM, ("mean", SQUARES), _adam,
            _ADAM_FORMULA, "Kingma and Ba 2015, algorithm 1",
        ),
        Optimiser(
            "adamw", "Adam with decay of the parameters themselves.", 0.01, {**_ADAM, "weight_decay": 0.01},
            ("mean", SQUARES), _adamw, "w = w*(1 - rate*weight_decay), then " + _ADAM_FORMULA,
            "Loshchilov and Hutter 2019, algorithm 2",
        ),
        Optimiser(
            "lbfgs", "Quasi-Newton steps with a line search; for smooth losses over all rows at once.", None,
            {"memory": 10.0}, (), None, "L-BFGS-B", "Byrd, Lu, Nocedal and Zhu 1995",
        ),
        Optimiser(
            "lm", "Levenberg-Marquardt; for losses that are sums of squares.", None, {}, (), None, "MINPACK's lmder",
            "Moré 1978",
        ),
    )
}  # fmt: skip

_ALIASES = {alias: row.name for row in OPTIMISERS.values() for alias in row.aliases}


def read_optimiser(text: str) -> tuple[Optimiser, dict[str, float]]:
    """The row and all its numbers of a text such as adam(beta1=0.8).

    Raises:
        UsageError: there is no such optimiser, or its numbers are wrong.
    """
    spec = parse_spec(text, "optimiser")
    return optimiser(spec), settings(spec)


def optimiser(spec: Spec) -> Optimiser:
    """The row of a name.

    Raises:
        UsageError: there is none.
    """
    row = OPTIMISERS.get(_ALIASES.get(spec.name, spec.name))
    if row is None:
        raise unknown(spec.name, "optimiser", [*OPTIMISERS, *_ALIASES])
    return row


def settings(spec: Spec) -> dict[str, float]:
    """All numbers of an optimiser, those that were not given by their defaults.

    Raises:
        UsageError: there is no such optimiser, or a number is wrong.
    """
    row = optimiser(spec)
    found = numbers_by_name(spec, "optimiser", row.settings)
    for name, value in found.items():
        if name == "memory":
            held, wanted = value >= 1.0 and value.is_integer() and value <= 1_000.0, "a whole number from 1 to 1000"
        elif name == "epsilon":
            held, wanted = value > 0.0, "above 0"
        elif name == "weight_decay":
            held, wanted = value >= 0.0, "not negative"
        else:
            held, wanted = 0.0 <= value < 1.0, "from 0 to 1, without 1"
        if not held:
            raise UsageError(f"optimiser {row.name}: {name} is {value:g}", hint=f"it is {wanted}")
    return found


def take(
    row: Optimiser, theta: Vector, gradient: Vector, rate: float, settings: Settings, memory: Memory, t: int
) -> Taken:
    """A step of an optimiser that has them; the same bits as its `step`, and faster on long vectors."""
    assert row.step is not None, row.name
    if theta.size <= BLOCK:
        return row.step(theta, gradient, rate, settings, memory, t)
    moved = np.empty_like(theta)
    kept = {name: np.empty_like(theta) for name in row.memory}
    for begin in range(0, theta.size, BLOCK):
        place = slice(begin, begin + BLOCK)
        before = {name: memory[name][place] for name in row.memory}
        moved[place], after = row.step(theta[place], gradient[place], rate, settings, before, t)
        for name, part in after.items():
            kept[name][place] = part
    return moved, kept
