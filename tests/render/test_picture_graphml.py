"""GraphML: every gate and edge with all its numbers, in a document that the published schema allows."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest
from pictures import NAMES, graph_of, sample, text

from gradcli.api import evaluate
from gradcli.graph.both_passes import both_passes
from gradcli.graph.graph import Graph
from gradcli.numeric.elements import elements, shape_of
from gradcli.render.picture import Options, backward, draw
from gradcli.render.picture.graphml import group_paths
from gradcli.traces import Trace

XML = "{http://graphml.graphdrawing.org/xmlns}"
TYPES = {"double": float, "int": int, "string": str, "boolean": lambda text: {"true": True, "false": False}[text]}


class Document(NamedTuple):
    graph: dict[str, Any]
    nodes: dict[str, dict[str, Any]]
    edges: dict[str, dict[str, Any]]


def read(source: str) -> Document:
    """By the rules of the schema: keys first, each of one type; ids are unique; edges end in nodes that are there."""
    root = ElementTree.fromstring(source)
    assert root.tag == f"{XML}graphml"
    assert [part.tag for part in root] == [f"{XML}key"] * (len(root) - 1) + [f"{XML}graph"]
    keys = {part.attrib["id"]: part.attrib for part in root[:-1]}
    assert len(keys) == len(root) - 1
    for key in keys.values():
        assert set(key) == {"id", "for", "attr.name", "attr.type"}
        assert key["for"] in ("graph", "node", "edge")
        assert key["attr.type"] in TYPES
    graph = root[-1]
    assert graph.attrib["edgedefault"] == "directed"
    found = Document(_data(graph, "graph", keys), {}, {})
    kinds = [part.tag.removeprefix(XML) for part in graph]
    assert kinds == sorted(kinds, key=["data", "node", "edge"].index)
    for part in graph.iter(f"{XML}node"):
        assert part.attrib["id"] not in found.nodes
        found.nodes[part.attrib["id"]] = _data(part, "node", keys)
    for part in graph.iter(f"{XML}edge"):
        assert part.attrib["id"] not in found.edges
        assert {part.attrib["source"], part.attrib["target"]} <= set(found.nodes)
        ends = {"source": part.attrib["source"], "target": part.attrib["target"]}
        found.edges[part.attrib["id"]] = ends | _data(part, "edge", keys)
    return found


def _data(element: ElementTree.Element, kind: str, keys: dict[str, dict[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in element.findall(f"{XML}data"):
        key = keys[part.attrib["key"]]
        assert key["for"] == kind
        assert key["attr.name"] not in found
        found[key["attr.name"]] = TYPES[key["attr.type"]](part.text or "")  # type: ignore[operator]
    return found


def same(written: dict[str, Any], name: str, x: Any) -> bool:
    """Whether a number or an array reads back as the same."""
    if not shape_of(x):
        return name in written and (written[name] == x or (written[name] != written[name] and x != x))
    flat = json.dumps(json.loads(written[f"{name}_array"])).replace("[", "").replace("]", "").split(", ")
    pairs = zip(flat, elements(x), strict=True)
    return all(float(one.strip('"')) == number or number != number for one, number in pairs)


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_every_gate_and_edge(name: str) -> None:
    trace = sample(name)
    found = read(text(trace, "graphml"))
    assert list(found.nodes) == [gate.id for gate in trace.gates]
    edges = dict(found.edges)
    for gate in trace.gates:
        node = found.nodes[gate.id]
        assert (node["op"], node["text"], node["start"], node["end"]) == (gate.op, gate.text, *gate.span)
        assert node.get("name") == gate.name
        assert json.loads(node.get("shape", "[]")) == list(gate.shape)
        assert same(node, "value", gate.value)
        if gate.global_gradient is None:
            assert not {"global_gradient", "global_gradient_array"} & set(node)
        else:
            assert same(node, "global_gradient", gate.global_gradient)
        for position, operand in enumerate(gate.operands):
            edge = edges.pop(f"{gate.id}-{position}")
            assert (edge["source"], edge["target"], edge["operand"]) == (operand.id, gate.id, position)
            assert edge.get("rule") == operand.rule
            for attribute in ("local_gradient", "contribution"):
                x = getattr(operand, attribute)
                assert not {attribute, f"{attribute}_array"} & set(edge) if x is None else same(edge, attribute, x)
    assert not edges
    assert found.graph["program"] == trace.graph.source
    assert found.graph["output"] == f"g{trace.graph.output}"
    assert same(found.graph, "value", trace.value)
    assert [name for name, node in found.nodes.items() if node.get("is_output")] == [found.graph["output"]]


def test_structure() -> None:
    found = read(text(graph_of("q = x*x\nq*2"), "graphml"))
    assert [found.edges[name].get("rule") for name in ("g1-0", "g1-1", "g3-0", "g3-1")] == ["x", "x", "2", None]
    assert not any({"value", "global_gradient"} & set(node) for node in found.nodes.values())
    assert "value" not in found.graph


def test_parallel_edges() -> None:
    edges = read(text(evaluate("x*x", x=3), "graphml")).edges
    assert [(edge["source"], edge["target"], edge["operand"], edge["contribution"]) for edge in edges.values()] == [
        ("g0", "g1", 0, 3.0),
        ("g0", "g1", 1, 3.0),
    ]


def test_what_is_not_finite_is_written_as_java_reads_it() -> None:
    """GraphML's double is Java's: Infinity, not INF. Python and C read it, too."""
    source = text(evaluate("log(x) + 1/y", x=0, y=-0.0), "graphml")
    assert ">-Infinity</data>" in source
    assert "INF" not in source
    assert math.isinf(read(source).nodes["g2"]["value"])
    nan = text(evaluate("log(x)*0", x=0), "graphml")
    assert ">NaN</data>" in nan


def test_two_points() -> None:
    first, second = evaluate("x*y", x=1, y=2), evaluate("x*y", x=3, y=2)
    found = read(str(draw(first.graph, [first, second], "graphml").content))
    assert (found.graph["value"], found.graph["value_second"]) == (2.0, 6.0)
    assert found.edges["g2-1"]["local_gradient_second"] == 3.0


def _grouped() -> Trace:
    return evaluate("f(x, w) = tanh(w*x + w); h = f(a, u); f(h, v)", a=1, u=0.5, v=-2)


def test_groups() -> None:
    found = read(text(_grouped(), "graphml"))
    assert [node.get("group") for node in found.nodes.values()] == [None] * 3 + ["h = f(…)"] * 3 + ["f(…)"] * 3


def test_groups_of_many_levels_are_bounded() -> None:
    graph = graph_of("g(a) = sin(a); f(x) = g(x)*2 + x; f(f(y))")
    paths = group_paths(graph)
    assert any(" / " in path for path in paths.values())
    assert set(paths) <= set(range(len(graph)))


def test_folded() -> None:
    found = read(text(_grouped(), "graphml", collapse=("f",)))
    assert {name: node["gates"] for name, node in found.nodes.items() if node["kind"] == "folded"} == {
        "fold3": 3,
        "fold6": 3,
    }
    assert found.edges["fold3-g1"]["operands"] == 2


def test_less_is_shown() -> None:
    made = draw((graph := graph_of("x*y + sin(z)")), [], "graphml", Options(path="z"))
    assert len(read(str(made.content)).nodes) == 3 < len(graph)
    assert made.note == "3 of 6 gates are shown"


def test_both_passes() -> None:
    trace = evaluate("(x+y)*z", x=2, y=3, z=-4)
    passes = both_passes(trace.graph)
    both = backward.values(passes, trace, {"x": 2.0, "y": 3.0, "z": -4.0})
    found = read(str(draw(passes.graph, [both], "graphml", Options(passes=passes)).content))
    assert [node["pass"] for node in found.nodes.values()] == ["forward"] * 5 + ["backward"] * 3
    assert {node["gradient_of"]: node["value"] for node in found.nodes.values() if "gradient_of" in node} == {
        "g4": 1.0,
        "g0 g1 g3": -4.0,
        "g2": 5.0,
    }
    assert not any({"rule", "contribution"} & set(edge) for edge in found.edges.values())


def test_a_document_grows_with_its_gates() -> None:
    """And no faster: a chain of thousands of gates, each in a group of its own."""

    def chain(count: int) -> Graph:
        return graph_of("\n".join(["h0 = x", *(f"h{i + 1} = sin(h{i})*w" for i in range(count)), f"h{count}"]))

    lengths = [len(text(chain(count), "graphml")) for count in (1000, 2000)]
    assert lengths[1] < 2.1 * lengths[0]
