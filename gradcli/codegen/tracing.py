"""A function that returns every number of both passes, as statements.

Enters: a program's graph and a target. Leaves: a `File` with columns: per gate its value and its global gradient, per
edge the local gradient and the contribution. Invariant: the gates are those of `traced.py`; every gate of the program
has a name in the code, unless it is a constant, and the columns have a place for every gate and every edge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from gradcli.codegen.file import File, arrays_of, check_of, needs_of
from gradcli.codegen.functions import Functions
from gradcli.codegen.names import Names
from gradcli.codegen.rules import Rules
from gradcli.codegen.staging import Stager, Statement
from gradcli.codegen.target import Target, Text
from gradcli.codegen.traced import Traced, traced
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import MAX_GATES, has_arrays
from gradcli.graph.rewriting.unroll import element_names
from gradcli.passes import evaluate_graph

_MOST_RULES = 8  # in one comment


class Wanted(NamedTuple):
    """Of what a file is made. point: of the self-test; marked: whether kinks, poles and zeros are columns too."""

    name: str
    wrt: Collection[str] | None = None
    point: Mapping[str, Any] | None = None
    max_gates: int = MAX_GATES
    marked: bool = False
    commented: bool = True


def tracing_file(graph: Graph, target: Target, wanted: Wanted) -> File:
    """Gather what the file of a program holds."""
    check = None if wanted.point is None else check_of(evaluate_graph(graph, wanted.point, wanted.wrt))
    found = traced(graph, wanted.wrt, wanted.max_gates, marked=wanted.marked)
    functions = Functions(graph, target, wanted.name)
    names = Names(functions.taken)
    shapes = {one: graph.shapes.get(index, ()) for one, index in graph.inputs.items()}
    arrays = arrays_of(shapes, target, names, None) if has_arrays(graph) else None
    writer = _Writer(graph, found, target, names, functions)
    forward = writer.forward()
    backward = writer.backward(wanted.commented)
    columns = writer.columns()
    value = writer.number(found.places[graph.output][0])
    gradients = {}
    for name, index in graph.inputs.items():
        if wanted.wrt is None or name in wanted.wrt:
            elements = zip(element_names(name, shapes[name]), _flat(found.global_gradients[index]), strict=True)
            gradients.update({element: writer.number(place) for element, place in elements})
    statements = writer.stager.statements
    called, helpers = functions.closure(needs_of([*(one.text for one in statements), *writer.texts.values()]))
    if arrays is not None:
        arrays = arrays._replace(names={**writer.parameters, **arrays.names})
    return File(
        wanted.name, writer.parameters, forward, value, backward, gradients, "value", called, helpers, graph.source,
        check, arrays, columns=columns,
    )  # fmt: skip


def _flat(places: Any) -> Iterator[int]:
    """The positions row by row; lists in lists are no deeper than arrays have axes."""
    if isinstance(places, list):
        for one in places:
            yield from _flat(one)
    elif places is not None:
        yield places


def _all(found: Traced) -> Iterator[int]:
    """Every position that is wanted, as often as it is."""
    columns = [found.values, found.global_gradients, *found.local_gradients, *found.contributions, *(found.marks or ())]
    for column in columns:
        yield from _flat(column)


class _Writer:
    """Writes one program.

    Attributes:
        parameters: input, or its element → identifier.
        texts: gate → its number.
    """

    def __init__(self, graph: Graph, found: Traced, target: Target, names: Names, functions: Mapping[int, str]) -> None:
        self.graph, self.found, self.target, self.names = graph, found, target, names
        self.stager = Stager(found.graph, target, names, functions, _all(found))
        self.parameters: dict[str, str] = {}
        self.texts: dict[int, Text] = {}
        self._name_inputs()

    def _name_inputs(self) -> None:
        for name, index in self.found.graph.inputs.items():
            self.parameters[name] = own = self.names.take(self.target.identifier(name))
            self.stager.named[index] = own
            self.stager.written[index] = Text(own, uses=(own,))

    def _name(self, places: list[int], base: str, index: int) -> None:
        """Names for the elements of a gate's value or gradient, which they get when they are written."""
        stager = self.stager
        if not places:
            return
        for place, name in zip(places, element_names(base, self.graph.shapes.get(index, ())), strict=True):
            same = stager.same[place]
            if same not in stager.named and same not in stager.written and stager.is_nameable(same):
                stager.named[same] = self.names.take(self.target.identifier(name))

    def forward(self) -> list[Statement]:
        """The statements of all values, each gate with its name."""
        graph, found = self.graph, self.found
        for index, code in enumerate(graph.codes):
            if code > ops.CONSTANT:
                own = "value" if index == graph.output else f"g{index}"
                self._name(found.places[index], graph.stages.get(index, own), index)
            for place in found.places[index]:
                self.number(place)
        return [*self.stager.statements]

    def backward(self, commented: bool) -> list[Statement]:
        """The statements of all gradients and contributions, from the output to the inputs."""
        graph, found, stager = self.graph, self.found, self.stager
        first = len(stager.statements)
        self._name_gradients()
        rules = Rules(graph, {index: self._called(index) for index in range(len(graph))}) if commented else None
        for index in range(len(graph) - 1, -1, -1):
            gradient = found.global_gradients[index]
            if gradient is None:
                continue
            before = len(stager.statements)
            for place in _flat([gradient, found.local_gradients[index], found.contributions[index]]):
                self.number(place)
            if rules is not None and len(stager.statements) > before:
                told = self._rules(rules, index)
                stager.statements[before] = stager.statements[before]._replace(comments=told, above=True)
        for place in _flat([*(found.marks or ())]):
            self.number(place)
        return stager.statements[first:]

    def _name_gradients(self) -> None:
        """Names for all global gradients. Gates may share one, which is called after a stage if there is one."""
        graph, gradients = self.graph, self.found.global_gradients
        for index in sorted(range(len(graph)), key=lambda one: (one not in graph.stages, -one)):
            self._name([*_flat(gradients[index])], f"d_{self._called(index)}", index)

    def _rules(self, rules: Rules, index: int) -> tuple[str, ...]:
        """What the statements of a gate's backward step are about."""
        edges = [k for k, part in enumerate(self.found.contributions[index]) if part is not None]
        told = [rule for k in edges[:_MOST_RULES] if (rule := rules.rule(index, k)) is not None]
        return (*told, *(["…"] if len(edges) > _MOST_RULES else []))

    def _called(self, index: int) -> str:
        """What a gate is called in comments and in the names of its gradients."""
        graph = self.graph
        if index not in graph.shapes:
            name = self.stager.named.get(self.stager.same[self.found.places[index][0]])
            if name is not None:
                return name
        found = graph.name(index)
        return f"g{index}" if found is None else self.target.identifier(found)

    def number(self, place: int) -> Text:
        """How a gate's number is referred to; it is written now, unless it has been before."""
        found = self.texts.get(place)
        if found is None:
            found = self.texts[place] = self.stager.as_number(self.stager.refer(place))
        return found

    def columns(self) -> dict[str, list[str]]:
        """Name → the texts of each column, a text per gate."""
        found = self.found
        columns: dict[str, list[Any]] = {
            "values": found.values,
            "global_gradients": found.global_gradients,
            "local_gradients": found.local_gradients,
            "contributions": found.contributions,
        }
        marks = {} if found.marks is None else found.marks._asdict()
        return {name: [*map(self._listed, column)] for name, column in (columns | marks).items()}

    def _listed(self, places: Any) -> str:
        if isinstance(places, list):
            return f"[{', '.join(map(self._listed, places))}]"
        return "null" if places is None else self.number(places).text
