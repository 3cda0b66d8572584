"""How a gradient becomes a step: one row per optimiser.

Enters: parameters, a gradient, a learning rate, and what the optimiser remembers. Leaves: the next parameters and the
next memory, in new arrays. Invariant: a row says all there is to know of an optimiser; its formulas are what is
computed, what `--explain-step` shows, and what help and docs say.

The definitions are those of PyTorch's torch.optim, which differ from some of the papers in where the rate stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from gradcli.render.explain.formulas import Formula, Rule, Update, named
from gradcli.training.specs import (
    BELOW_ONE,
    NOT_NEGATIVE,
    POSITIVE,
    Domain,
    Setting,
    Spec,
    numbers_by_name,
    parse_spec,
    unknown,
)

if TYPE_CHECKING:
    from gradcli.training.layout import Vector  # NumPy's; help reads the table without it

Memory: TypeAlias = "Mapping[str, Vector]"
Settings: TypeAlias = Mapping[str, float]
Taken: TypeAlias = "tuple[Vector, dict[str, Vector]]"
Step: TypeAlias = "Callable[[Vector, Vector, float, Settings, Memory, int], Taken]"
"""step(theta, gradient, rate, settings, memory, t) -> (theta, memory); t = 1 for the first step. Pure, and number by
number: what becomes of a parameter depends on no other one."""

BLOCK = 8_192  # numbers of a long vector at once: all that a step needs of them stays in the cache
SQUARES = "squares"  # the name of a memory of squared gradients
LARGEST = 1e150  # of a gradient that can be squared


class Optimiser(NamedTuple):
    """A row of the table.

    Attributes:
        name: as it is written.
        doc: one line; names the aliases.
        rate: the learning rate where none is given; None where it has none.
        takes: its settings, in the order in which they may be written.
        how: the formulas of a step; or the name of what takes the steps in another library.
        source: of the formulas.
        aliases: other names.
    """

    name: str
    doc: str
    rate: float | None
    takes: Mapping[str, Setting]
    how: Update | str
    source: str
    aliases: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What takes the steps: "steps" for those of the row, "scipy" for that library."""
        return "scipy" if isinstance(self.how, str) else "steps"

    @property
    def settings(self) -> dict[str, float]:
        """Its numbers where none are given."""
        return {name: setting.default for name, setting in self.takes.items() if setting.default is not None}

    @property
    def update(self) -> Update:
        """The formulas of a step; none where another library takes the steps."""
        return Update(()) if isinstance(self.how, str) else self.how

    @property
    def memory(self) -> tuple[str, ...]:
        """The names of the vectors that it remembers."""
        return self.update.memory

    @property
    def formula(self) -> str:
        """Of the step, in the names of the settings and of the memory; w is a parameter, g its gradient."""
        if isinstance(self.how, str):
            return self.how
        return ", ".join(f"{gives} = {text}" for gives, text in named(self.how, self.takes))

    @property
    def step(self) -> Step | None:
        """The formulas on vectors; None where another library takes the steps."""
        return None if isinstance(self.how, str) else _on_vectors(self.how)


def _on_vectors(update: Update) -> Step:
    system = vectors()

    def step(theta: Vector, gradient: Vector, rate: float, settings: Settings, memory: Memory, t: int) -> Taken:
        terms: dict[str, Any] = {"w": theta, "g": gradient, "rate": rate, "t": t, **settings, **memory}
        for formula in update.formulas:
            found = formula.rule(system, terms)
            own = found is theta or found is gradient or any(found is one for one in memory.values())
            terms[formula.gives] = found.copy() if own else found
        return terms["w"], {name: terms[name] for name in update.memory}

    return step


def _power(base: Any, exponent: Any) -> Any:
    return base * base if exponent == 2.0 else base**exponent


@cache
def vectors() -> SimpleNamespace:
    """The number system of the steps: what formulas may use beside + - *. Vectors and floats go in."""
    import numpy as np

    return SimpleNamespace(
        pow=_power, div=np.divide, sqrt=np.sqrt, abs=np.abs, max=np.maximum, min=np.minimum, sign=np.sign
    )


def _average(share: str, old: str, exponent: float) -> Rule:
    """A moving average of gradients, or of a power of theirs."""
    return lambda m, x: x[share] * x[old] + (1.0 - x[share]) * (x["g"] if exponent == 1.0 else m.pow(x["g"], exponent))


def _corrected(share: str, average: str) -> Rule:
    """An average without its start at 0."""
    return lambda m, x: m.div(x[average], 1.0 - m.pow(x[share], x["t"]))


def _descent(mean: str) -> Rule:
    """Against a mean of gradients."""
    return lambda m, x: x["w"] - x["rate"] * x[mean]


def _scaled(mean: str, square: str) -> Rule:
    """Against a mean of gradients, divided by the root of what is remembered of their squares."""
    return lambda m, x: x["w"] - m.div(x["rate"] * x[mean], m.sqrt(x[square]) + x["epsilon"])


_VELOCITY = Formula("velocity", lambda m, x: x["momentum"] * x["velocity"] + x["g"])
_MOMENTUM = {"momentum": Setting(0.9, BELOW_ONE)}
_BETAS = {"beta1": Setting(0.9, BELOW_ONE), "beta2": Setting(0.999, BELOW_ONE), "epsilon": Setting(1e-8, POSITIVE)}
_ADAM = (
    Formula("mean", _average("beta1", "mean", 1.0)),
    Formula(SQUARES, _average("beta2", SQUARES, 2.0)),
    Formula("mean_hat", _corrected("beta1", "mean")),
    Formula("squares_hat", _corrected("beta2", SQUARES)),
    Formula("w", _scaled("mean_hat", "squares_hat")),
)
_SMALL_COUNT = Domain("a whole number from 1 to 1000", lambda x: 1.0 <= x <= 1_000.0 and x.is_integer())

OPTIMISERS: Mapping[str, Optimiser] = {
    row.name: row
    for row in (
        Optimiser(
            "gd", "Gradient descent, also called `sgd`.", 0.1, {}, Update((Formula("w", _descent("g")),)),
            "Cauchy 1847", ("sgd",),
        ),
        Optimiser(
            "momentum", "Gradient descent that keeps part of its velocity.", 0.01, _MOMENTUM,
            Update((_VELOCITY, Formula("w", _descent("velocity"))), ("velocity",)), "Polyak 1964",
        ),
        Optimiser(
            "nesterov", "Momentum that looks ahead.", 0.01, _MOMENTUM,
            Update(
                (
                    _VELOCITY,
                    Formula("ahead", lambda m, x: x["g"] + x["momentum"] * x["velocity"]),
                    Formula("w", _descent("ahead")),
                ),
                ("velocity",),
            ),
            "Sutskever, Martens, Dahl and Hinton 2013",
        ),
        Optimiser(
            "adagrad", "Each parameter's rate falls with the sum of its squared gradients.", 0.1,
            {"epsilon": Setting(1e-10, POSITIVE)},
            Update(
                (Formula(SQUARES, lambda m, x: x[SQUARES] + m.pow(x["g"], 2.0)), Formula("w", _scaled("g", SQUARES))),
                (SQUARES,),
            ),
            "Duchi, Hazan and Singer 2011",
        ),
        Optimiser(
            "rmsprop", "Each parameter's rate is divided by the root mean square of its late gradients.", 0.01,
            {"decay": Setting(0.99, BELOW_ONE), "epsilon": Setting(1e-8, POSITIVE)},
            Update(
                (Formula(SQUARES, _average("decay", SQUARES, 2.0)), Formula("w", _scaled("g", SQUARES))), (SQUARES,)
            ),
            "Hinton 2012, lecture 6e",
        ),
        Optimiser(
            "adam", "Momentum and rmsprop in one, without their bias towards 0.", 0.01, _BETAS,
            Update(_ADAM, ("mean", SQUARES)), "Kingma and Ba 2015, algorithm 1",
        ),
        Optimiser(
            "adamw", "Adam with decay of the parameters themselves.", 0.01,
            {**_BETAS, "weight_decay": Setting(0.01, NOT_NEGATIVE)},
            Update(
                (Formula("w", lambda m, x: x["w"] * (1.0 - x["rate"] * x["weight_decay"])), *_ADAM), ("mean", SQUARES)
            ),
            "Loshchilov and Hutter 2019, algorithm 2",
        ),
        Optimiser(
            "lbfgs", "Quasi-Newton steps with a line search; for smooth losses over all rows at once.", None,
            {"memory": Setting(10.0, _SMALL_COUNT)}, "L-BFGS-B", "Byrd, Lu, Nocedal and Zhu 1995",
        ),
        Optimiser(
            "lm", "Levenberg-Marquardt; for losses that are sums of squares.", None, {}, "MINPACK's lmder", "Moré 1978",
        ),
    )
}  # fmt: skip

_ALIASES = {alias: row.name for row in OPTIMISERS.values() for alias in row.aliases}


def read_optimiser(text: str) -> tuple[Optimiser, dict[str, float]]:
    """The row and all its numbers of a text such as adam(beta1=0.8).

    Raises:
        UsageError: there is no such optimiser, or its numbers are wrong.
    """
    spec = parse_spec(text, "optimizer")
    return optimiser(spec), settings(spec)


def optimiser(spec: Spec) -> Optimiser:
    """The row of a name.

    Raises:
        UsageError: there is none.
    """
    row = OPTIMISERS.get(_ALIASES.get(spec.name, spec.name))
    if row is None:
        raise unknown(spec.name, "optimizer", [*OPTIMISERS, *_ALIASES])
    return row


def settings(spec: Spec) -> dict[str, float]:
    """All numbers of an optimiser, those that were not given by their defaults.

    Raises:
        UsageError: there is no such optimiser, or a number is wrong.
    """
    return numbers_by_name(spec, "optimizer", optimiser(spec).takes)


def take(
    row: Optimiser, theta: Vector, gradient: Vector, rate: float, settings: Settings, memory: Memory, t: int
) -> Taken:
    """A step of an optimiser that has them; the same bits as its `step`, and faster on long vectors."""
    import numpy as np

    step = row.step
    assert step is not None, row.name
    if theta.size <= BLOCK:
        return step(theta, gradient, rate, settings, memory, t)
    moved = np.empty_like(theta)
    kept = {name: np.empty_like(theta) for name in row.memory}
    for begin in range(0, theta.size, BLOCK):
        place = slice(begin, begin + BLOCK)
        before = {name: memory[name][place] for name in row.memory}
        moved[place], after = step(theta[place], gradient[place], rate, settings, before, t)
        for name, part in after.items():
            kept[name][place] = part
    return moved, kept
