"""One step of a training, written out as by hand: forward pass, cost, backward pass, update.

Enters: a `TrainingStep`. Leaves: text or Markdown. Invariant: parameters, gradients and what the optimiser remembers
are the numbers of the run; only what lies between them is computed here. What is left out is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gradcli.graph.rewriting.unroll import element_names
from gradcli.numeric.elements import elements, is_array, shape_of
from gradcli.printable import printable
from gradcli.render import Look
from gradcli.render.explain import Telling
from gradcli.render.explain.flows import with_named_output
from gradcli.render.explain.formulas import Formula, Update, computed, named, with_numbers
from gradcli.render.explain.steps import steps
from gradcli.render.explain.tokens import EQUALS, Step, Token
from gradcli.render.explain.words import Words
from gradcli.traces import Trace

WHOLE = 6  # elements of a parameter of which each one's update is shown
_FIRST, _LAST = 3, 1  # of a larger one
Values = Mapping[str, Any]  # numbers and arrays of floats by parameter, as `Layout.values` gives them


class TrainingStep(NamedTuple):
    """A step and all that it was made of.

    Attributes:
        number: which step, 1 for the first one; what Adam's corrections count by.
        trace: both passes over the step's rows, at the parameters before; without the penalty.
        loss: penalty included.
        before, after: the parameters.
        gradient: of the loss, penalty included, before any clipping.
        optimizer: its name in the table of optimisers.
        update: the formulas of its step.
        settings: of the optimiser, all of them.
        rate: the learning rate of this step.
        start_rate: that of the run, where there is a schedule.
        memory_before, memory_after: the optimiser's, by its names and the parameters'.
        clip_value: the most that a number of the gradient may be; it is cut before the norm is taken.
        clip: the largest norm of the whole gradient.
        factor: what the gradient was multiplied by for it; 1 where it was short enough.
        lower, upper: bounds of the parameters that have some.
        penalised: whether loss and gradient have a penalty in them that the trace does not have.
        rows: which rows these are, in words: "rows 33 to 64 of 150".
        examples: how many rows; 0 where there is no data.
    """

    number: int
    trace: Trace
    loss: float
    before: Values
    after: Values
    gradient: Values
    optimizer: str
    update: Update
    settings: Mapping[str, float]
    rate: float
    start_rate: float | None = None
    memory_before: Mapping[str, Values] = {}
    memory_after: Mapping[str, Values] = {}
    clip_value: float | None = None
    clip: float | None = None
    factor: float = 1.0
    lower: Mapping[str, Any] = {}
    upper: Mapping[str, Any] = {}
    penalised: bool = False
    rows: str = ""
    examples: int = 0


def explain_step(step: TrainingStep, format: str, look: Look, short: bool = False) -> Iterator[str]:
    """The step in a format, "text" or "markdown". short: numbers with four significant digits."""
    from gradcli.render.explain import marked, plain

    step = step._replace(trace=with_named_output(step.trace))
    words = Words(step.trace, short, spread=step.examples > 0)
    written = {"text": plain.written, "markdown": marked.written}[format]
    yield from written(_told(step, words, look.every_gate), words, look)


def _told(step: TrainingStep, words: Words, every: bool) -> Iterator[Step]:
    """All that is said of the step."""
    yield Step("title", words=f"Step {step.number:,}")
    yield Step("prose", words=_beginning(step, words))
    yield from _listed(step.before)
    for one in steps(step.trace, Telling(short=words.shortly, rows=step.examples), every):
        if one.kind == "title" and one.words == "Backward pass":
            yield from _cost(step)
        yield one._replace(words=one.words.partition(": --all")[0])  # that option is another command's
    yield Step("title", words="The update")
    yield from _rules(step, words)
    for name in step.before:
        yield from _parameter(step, words, name, every)
    yield Step("title", words=f"The parameters after step {step.number:,}")
    yield from _listed(step.after)


def _beginning(step: TrainingStep, words: Words) -> str:
    where = f" on {step.rows}" if step.rows else ""
    rate = f"a learning rate of {words.number(float(step.rate))}"
    if step.start_rate is not None and step.start_rate != step.rate:
        rate += f" (the schedule's; it began with {words.number(float(step.start_rate))})"
    return f"A step of {step.optimizer}{where}, with {rate}. The parameters before it:"


def _text(text: str) -> Token:
    return Token("text", text=printable(text))


def _listed(values: Values) -> Iterator[Step]:
    """The parameters, each with its number; a large array is told by what it is like."""
    for name, x in values.items():
        yield Step("input", (_text(name), EQUALS, Token("value", number=x if is_array(x) else float(x))))


def _cost(step: TrainingStep) -> Iterator[Step]:
    """What comes out of the forward pass, and what the penalty adds."""
    cost, loss = float(step.trace.value), float(step.loss)
    yield Step("title", words="The cost")
    yield Step("forward", (Token("label", step.trace.graph.output), EQUALS, Token("value", number=cost)))
    if step.penalised:
        penalty = Token("value", number=_difference(loss, cost), factor=True)
        formula = Token("value", number=cost), _PLUS, penalty, EQUALS, Token("value", number=loss)
        yield Step("forward", (_text("loss"), EQUALS, *formula), "with the penalty")


_PLUS = Token("sign", text="+")


def _difference(whole: float, part: float) -> float:
    """What must be added to the part: of the numbers that give the whole, the shortest."""
    for digits in range(1, 17):
        found = float(f"{whole - part:.{digits}g}")
        if part + found == whole:
            return found
    return whole - part


def _rules(step: TrainingStep, words: Words) -> Iterator[Step]:
    """The formulas by name, and what the names stand for that are the same for all parameters."""
    yield Step("prose", words="Of every parameter w with the gradient g:")
    rules = named(step.update, step.settings)
    for gives, text in rules:
        yield Step("forward", (_text(gives), EQUALS, _text(text)))
    used = {"t": step.number, "rate": float(step.rate), **step.settings}
    said = " ".join(text for _, text in rules).translate(_APART).split()
    for name, x in used.items():
        if name in said:
            what = {"rate": "the learning rate", "t": "the number of the step"}.get(name, "")
            yield Step("input", (_text(name), EQUALS, Token("value", number=x)), what)
    yield from _clipped(step, words)


_APART = str.maketrans("()+-*/^", " " * 7)


def _clipped(step: TrainingStep, words: Words) -> Iterator[Step]:
    """How the whole gradient was made shorter, in words."""
    if step.clip_value is not None:
        most = words.number(float(step.clip_value))
        yield Step("prose", words=f"Numbers of the gradient beyond {most} and -{most} are cut there.")
    if step.factor != 1.0 and step.clip is not None:
        most, factor = words.number(float(step.clip)), words.number(float(step.factor))
        yield Step("prose", words=f"The gradient is longer than {most}: all of it is multiplied by {factor}.")


class _Number(NamedTuple):
    """One number of a parameter: how it is called, and where it stands."""

    name: str
    parameter: str
    place: int


def _at(values: Values, one: _Number) -> float:
    """A parameter's number in values by parameter."""
    return float(elements(values[one.parameter])[one.place])


def _parameter(step: TrainingStep, words: Words, name: str, every: bool) -> Iterator[Step]:
    """The update of a parameter, number by number; of a large array, of some."""
    names = element_names(name, shape_of(step.before[name]))
    numbers = [_Number(one, name, place) for place, one in enumerate(names)]
    if len(numbers) <= WHOLE or every:
        first, last = numbers, []
    else:
        first, last = numbers[:_FIRST], numbers[-_LAST:]
    for one in first:
        yield from _updated(step, words, one)
    if last:
        left_out = len(numbers) - _FIRST - _LAST
        yield Step("prose", words=f"… {left_out:,} more numbers of {printable(name)} in the same way")
    for one in last:
        yield from _updated(step, words, one)


def _updated(step: TrainingStep, words: Words, one: _Number) -> Iterator[Step]:
    """What becomes of a number: its gradient, what is remembered, then the number itself."""
    update, lines = step.update, [*_gradient(step, words, one)]
    terms: dict[str, float] = {"w": _at(step.before, one), "rate": float(step.rate), "t": step.number}
    terms |= {name: float(x) for name, x in step.settings.items()} | {"g": _cut(step, _at(step.gradient, one))}
    terms |= {name: _at(step.memory_before[name], one) for name in update.memory}
    after = {name: _at(step.memory_after[name], one) for name in update.memory}
    alone = len(update.formulas) == 1 and len(lines) == 1 and terms["g"] == _at(step.gradient, one)
    for place, formula in enumerate(update.formulas):
        number = after.get(formula.gives, computed(formula, terms))
        if place == len(update.formulas) - 1:
            number = _last(step, one, number)
        formula_text = with_numbers(formula, terms, words.number)
        kind, label = ("result", one.name) if alone else ("local", one.name if formula.gives == "w" else formula.gives)
        lines.append(Step(kind, (_text(label), EQUALS, _text(formula_text), EQUALS, Token("value", number=number))))
        terms[formula.gives] = number
    if alone:
        lines = lines[1:]
    else:
        yield Step("gate", (_text(one.name),))
    yield from lines
    if (moved := _at(step.after, one)) != terms["w"]:
        yield Step("result" if alone else "local", (_text(one.name), EQUALS, Token("value", number=moved)), _BOUND)


_BOUND = "put back on its bound"


def _last(step: TrainingStep, one: _Number, number: float) -> float:
    """The number that the run has; what its formula gives where a bound put it back."""
    for bounds, sign in ((step.lower, 1.0), (step.upper, -1.0)):
        if one.parameter in bounds and sign * number < sign * _at(bounds, one):
            return number
    return _at(step.after, one)


def _gradient(step: TrainingStep, words: Words, one: _Number) -> Iterator[Step]:
    """Where g comes from."""
    whole = _at(step.gradient, one)
    total = _text(f"∂{'loss' if step.penalised else step.trace.graph.label(step.trace.graph.output)}/∂{one.name}")
    if step.penalised:
        part = _own(step.trace, one)
        penalty = Token("gradient", number=_difference(whole, part), factor=True)
        formula = Token("gradient", number=part), _PLUS, penalty, EQUALS, Token("gradient", number=whole)
        yield Step("local", (total, EQUALS, *formula), "with the penalty's")
    cut = _cut(step, whole, scaled=False)
    if cut != whole:
        yield Step("local", (_text("g"), EQUALS, Token("gradient", number=cut)), f"{words.number(whole)} was cut")
    elif step.factor == 1.0:
        yield Step("local", (_text("g"), EQUALS, total, EQUALS, Token("gradient", number=whole)))
    if step.factor != 1.0:
        text = with_numbers(_SHORTER, {"factor": float(step.factor), "g": cut}, words.number)
        yield Step("local", (_text("g"), EQUALS, _text(text), EQUALS, Token("gradient", number=_cut(step, whole))))


_SHORTER = Formula("g", lambda m, x: x["factor"] * x["g"])


def _cut(step: TrainingStep, x: float, scaled: bool = True) -> float:
    """A number of the gradient as the optimiser gets it."""
    if step.clip_value is not None:
        x = max(-float(step.clip_value), min(x, float(step.clip_value)))
    return x * float(step.factor) if scaled and step.factor != 1.0 else x


def _own(trace: Trace, one: _Number) -> float:
    """A number's gradient in the trace, where an array is whole or is its elements; 0 where it is not there."""
    gradients = trace.gradients
    if one.name in gradients and not is_array(gradients[one.name]):
        return float(gradients[one.name])
    return _at(gradients, one) if one.parameter in gradients else 0.0
