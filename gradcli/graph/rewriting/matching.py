"""Where a graph contains a pattern, written in gradcli's own language.

Enters: a graph, rules. Leaves: for a gate the rule that fits and its operands. Invariant: equal numbers are equal by
value numbers, so that a repeated subexpression is one variable; every gate keeps all forms known of it (`1/(1+exp(-x))`
is also `sigmoid(x)`, `x*x` is also `x^2`), so that a small pattern never hides a larger one. One pass, operands first.

The forms beside the written one are equal to it as real numbers: they move a sign, or write a square, a half, a root
or a reciprocal in another way. They only help to find a pattern; none is put into the graph by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gradcli.graph import ops
from gradcli.graph.graph import NO_OPERAND, Graph
from gradcli.graph.ops.layout import Settings
from gradcli.graph.rewriting.patterns import Key, Pattern, Rule, key, number_key
from gradcli.graph.rewriting.template import Place, repeated

_COMMUTATIVE = frozenset({ops.CODES["add"], ops.CODES["mul"]})
_ADD, _SUB, _MUL, _DIV, _NEG, _POW, _SQRT = (ops.CODES[n] for n in ("add", "sub", "mul", "div", "neg", "pow", "sqrt"))
_LARGEST = 24  # gates that one match may cover
_MOST = 8  # forms of one gate


class Form(NamedTuple):
    """One way to compute a gate's value, and the gates that this way does without."""

    code: int
    operands: tuple[int, ...]
    cover: frozenset[int]


class Match(NamedTuple):
    """A rule that fits a gate. operands: of the rule's variables."""

    rule: Rule
    operands: tuple[int, ...]
    cover: frozenset[int]


Found = tuple[tuple[int, ...], frozenset[int]]  # what the variables are, and the gates covered


class Values:
    """The gates of a graph by value, and all forms known of them.

    A gate that the graph does not have but a form needs (the product k*x of -k*x) has a position after the last gate.
    """

    def __init__(self, graph: Graph, rules: Mapping[int, Sequence[Rule]]) -> None:
        self.graph, self.count, self.rules = graph, len(graph), rules
        self.numbers: dict[Key, int] = {}  # key → value number
        self.classes: list[int] = []  # gate → value number
        self.forms: dict[int, list[Form]] = {}  # gate → its forms beside the one in the graph
        self.wanted = _wanted(rules)
        self.added: list[tuple[int, tuple[int, ...], str | None]] = []  # code, operands, literal
        settings = graph.settings
        columns = zip(graph.codes, graph.operands, graph.literals, strict=True)
        for index, (code, operands, literal) in enumerate(columns):
            self._number(code, operands, literal, settings.get(index) if settings else None)

    def _number(
        self, code: int, operands: tuple[int, ...], literal: str | None, settings: Settings | None = None
    ) -> None:
        same = key(code, tuple([self.classes[operand] for operand in operands]), literal, settings)
        self.classes.append(self.numbers.setdefault(same, len(self.numbers)))

    def add(self, code: int, operands: tuple[int, ...] = (), literal: str | None = None) -> int:
        """The position of a gate that the graph does not have."""
        self._number(code, operands, literal)
        self.added.append((code, operands, literal))
        return len(self.classes) - 1

    def gate(self, index: int) -> tuple[int, tuple[int, ...], str | None]:
        """Code, operands, literal."""
        graph = self.graph
        if index >= self.count:
            return self.added[index - self.count]
        return graph.codes[index], graph.operands[index], graph.literals[index]

    def written(self, index: int) -> Form:
        """A gate as it stands."""
        code, operands, _ = self.gate(index)
        return Form(code, operands, frozenset((index,) if index < self.count else ()))

    def visit(self, index: int) -> Match | None:
        """Find the forms of a gate, whose operands have been visited, and the match that covers most."""
        if not self._worth_a_look(index):
            return None
        best: Match | None = None
        forms = [self.written(index)]
        seen = {self._same(forms[0])}
        for form in forms:
            others = [alias] if (alias := ALIASES.get(form.code, _none)(self, form)) is not None else []
            for match in self.matches(form):
                if best is None or _rank(match) > _rank(best):
                    best = match
                if match.rule.gate is not None:
                    code, variables = match.rule.gate
                    others.append(Form(code, tuple(match.operands[v] for v in variables), match.cover))
            for other in others:
                if (same := self._same(other)) not in seen and len(forms) < _MOST:
                    seen.add(same)
                    forms.append(other)
        if len(forms) > 1:
            self.forms[index] = forms[1:]
        return best

    def _worth_a_look(self, index: int) -> bool:
        """Whether an operand is of a row that a rule or another form asks for, which most are not."""
        code = self.graph.codes[index]
        wanted = self.wanted.get(code)
        if wanted is None:
            return False
        first, second = self.graph.operands.firsts[index], self.graph.operands.seconds[index]
        if code == _SUB or (code == _MUL and self.classes[first] == self.classes[second]) or second == NO_OPERAND:
            return True
        codes, forms = self.graph.codes, self.forms
        return any(codes[k] in wanted or k in forms for k in self.graph.operands[index])

    def _same(self, form: Form) -> Key:
        return form.code, *[self.classes[operand] for operand in form.operands]

    def matches(self, form: Form, rules: Mapping[int, Sequence[Rule]] | None = None) -> Iterator[Match]:
        """The rules that fit a form, each with the first way in which it does."""
        for rule in (self.rules if rules is None else rules).get(form.code, ()):
            operands = form.operands
            if len(operands) == 1 and not self._may_fit(rule.pattern.operands, operands):
                continue
            unbound = (-1,) * rule.variables
            found = next(self._fit_operands(rule.pattern, form, unbound, frozenset()), None)
            if found is not None:
                yield Match(rule, *found)

    def _fit(self, pattern: Pattern, index: int, bound: tuple[int, ...], cover: frozenset[int]) -> Iterator[Found]:
        variable = pattern.variable
        if variable >= 0:
            known = bound[variable]
            if known < 0:
                yield (*bound[:variable], index, *bound[variable + 1 :]), cover
            elif self.classes[known] == self.classes[index]:
                yield bound, cover
        elif pattern.number is not None:
            if self.numbers.get(pattern.number) == self.classes[index]:
                yield bound, cover
        else:
            if self._code(index) == pattern.code:
                yield from self._fit_operands(pattern, self.written(index), bound, cover)
            for form in self.forms.get(index, ()):
                if form.code == pattern.code:
                    yield from self._fit_operands(pattern, form, bound, cover)

    def _fit_operands(
        self, pattern: Pattern, form: Form, bound: tuple[int, ...], cover: frozenset[int]
    ) -> Iterator[Found]:
        operands = form.operands
        if len(operands) != len(pattern.operands):
            return
        cover = cover | form.cover if cover else form.cover
        if len(cover) > _LARGEST:
            return
        if self._may_fit(pattern.operands, operands):
            yield from self._fit_each(pattern.operands, operands, bound, cover)
        if form.code in _COMMUTATIVE and operands[0] != operands[1]:
            operands = operands[::-1]
            if self._may_fit(pattern.operands, operands):
                yield from self._fit_each(pattern.operands, operands, bound, cover)

    def _may_fit(self, patterns: tuple[Pattern, ...], operands: tuple[int, ...]) -> bool:
        """Whether the operands have forms of the right rows, and the right numbers: what most operands fail."""
        for pattern, index in zip(patterns, operands, strict=True):
            if pattern.variable >= 0:
                continue
            if pattern.number is not None:
                if self.numbers.get(pattern.number) != self.classes[index]:
                    return False
            elif self._code(index) != pattern.code and not self._has_form(index, pattern.code):
                return False
        return True

    def _has_form(self, index: int, code: int) -> bool:
        return index in self.forms and any(form.code == code for form in self.forms[index])

    def _code(self, index: int) -> int:
        return self.graph.codes[index] if index < self.count else self.added[index - self.count][0]

    def _fit_each(
        self, patterns: tuple[Pattern, ...], operands: tuple[int, ...], bound: tuple[int, ...], cover: frozenset[int]
    ) -> Iterator[Found]:
        if not patterns:
            yield bound, cover
            return
        for fitted in self._fit(patterns[0], operands[0], bound, cover):
            yield from self._fit_each(patterns[1:], operands[1:], *fitted)

    def put(self, match: Match, found: Graph, index: int, moved: Sequence[int], added: dict[int, int]) -> int:
        """Append what a match puts in the place of gate index.

        Args:
            moved: where the graph's own gates are.
            added: where those are that it does not have, as far as they have been appended.
        """
        place = self.graph.starts[index], self.graph.ends[index]
        operands = [self._put_operand(operand, found, place, moved, added) for operand in match.operands]
        return repeated(found, self.graph, index, match.rule.replacement.put(found, operands, place))

    def _put_operand(self, index: int, found: Graph, place: Place, moved: Sequence[int], added: dict[int, int]) -> int:
        """Where an operand is. Those that have to be appended are not nested deeper than a match may be large."""
        if index < self.count:
            return moved[index]
        if index not in added:
            code, operands, literal = self.gate(index)
            positions = tuple(self._put_operand(operand, found, place, moved, added) for operand in operands)
            added[index] = found.append(code, positions, literal, *place)
        return added[index]


def _wanted(rules: Mapping[int, Sequence[Rule]]) -> dict[int, set[int]]:
    """For each row that a rule or another form begins with, the rows of operands that may make it fit."""
    found = {code: {_NEG, ops.CONSTANT} for code in ALIASES}
    for code, of_code in rules.items():
        operands = [operand for rule in of_code for operand in rule.pattern.operands if operand.variable < 0]
        found.setdefault(code, set()).update(operand.code for operand in operands)
    return found


def _rank(match: Match) -> tuple[int, int]:
    return len(match.cover), match.rule.constants


# Other ways to write what is the same number


def _none(values: Values, form: Form) -> Form | None:
    return None


def _literal(values: Values, index: int) -> str | None:
    code, _, literal = values.gate(index)
    return literal if code == ops.CONSTANT else None


def _is(values: Values, index: int, number: str) -> bool:
    return values.numbers.get((ops.CONSTANT, number_key(number))) == values.classes[index]


def negated(values: Values, index: int) -> tuple[int, frozenset[int]] | None:
    """The gate that index is the negative of, if it is written as one, and the gates that this passes over."""
    code, operands, literal = values.gate(index)
    if code == _NEG:
        return operands[0], frozenset((index,))
    if code == ops.CONSTANT and literal is not None and literal.startswith("-"):
        return values.add(ops.CONSTANT, (), literal[1:]), frozenset()
    if code != _SUB:
        for form in values.forms.get(index, ()):
            if form.code == _NEG and len(form.cover) < _LARGEST:
                return form.operands[0], form.cover
    return None


def _sum(values: Values, form: Form) -> Form | None:
    """a + (-b) and (-b) + a are a - b."""
    a, b = form.operands
    for left, right in ((a, b), (b, a)):
        if (found := negated(values, right)) is not None:
            return Form(_SUB, (left, found[0]), form.cover | found[1])
    return None


def _difference(values: Values, form: Form) -> Form | None:
    """a - (-b) is a + b, and a - b is -(b - a)."""
    a, b = form.operands
    if (found := negated(values, b)) is not None:
        return Form(_ADD, (a, found[0]), form.cover | found[1])
    return Form(_NEG, (values.add(_SUB, (b, a)),), form.cover)


def _product(values: Values, form: Form) -> Form | None:
    """x*x is x^2, 0.5*x is x/2, and (-a)*b is -(a*b)."""
    a, b = form.operands
    if values.classes[a] == values.classes[b]:
        return Form(_POW, (a, values.add(ops.CONSTANT, (), "2")), form.cover)
    for one, other in ((a, b), (b, a)):
        if _is(values, one, "0.5"):
            return Form(_DIV, (other, values.add(ops.CONSTANT, (), "2")), form.cover)
    return _signed(values, form)


def _signed(values: Values, form: Form) -> Form | None:
    """A product or quotient with a negative operand is the negative of one without."""
    for position in (0, 1):
        if (found := negated(values, form.operands[position])) is None:
            continue
        positive, other = found[0], form.operands[1 - position]
        if form.code == _MUL and _is(values, positive, "1"):
            return Form(_NEG, (other,), form.cover | found[1])
        operands = (positive, other) if position == 0 else (other, positive)
        return Form(_NEG, (values.add(form.code, operands),), form.cover | found[1])
    return None


def _power(values: Values, form: Form) -> Form | None:
    """x^-1 is 1/x, and x^0.5 the root; where the root is not (x = -inf), no pattern has one."""
    base, exponent = form.operands
    if _is(values, exponent, "-1"):
        return Form(_DIV, (values.add(ops.CONSTANT, (), "1"), base), form.cover)
    if _is(values, exponent, "0.5"):
        return Form(_SQRT, (base,), form.cover)
    return None


ALIASES = {_ADD: _sum, _SUB: _difference, _MUL: _product, _DIV: _signed, _POW: _power}
