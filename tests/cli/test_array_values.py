"""Arrays as values: as text, in files of three formats, by --vars; --shapes; and --unroll from end to end."""

from __future__ import annotations

import io
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outcomes import Cli, Refused

TOTAL = "sum(x*x)"


def given(cli: Cli, *arguments: str, **how: Any) -> Any:
    """The value of the input x as a command got it."""
    (gate,) = [gate for gate in cli("eval", TOTAL, "--json", *arguments, **how).trace["gates"] if gate["op"] == "input"]
    return gate["value"]


WRITTEN = {
    "[1, 2]": [1.0, 2.0],
    "[1,-2.5e-1,.5]": [1.0, -0.25, 0.5],
    " [ pi/2 , -1e-3 ] ": [math.pi / 2, -0.001],
    "[[1,2],[3,4]]": [[1.0, 2.0], [3.0, 4.0]],
    "[[[1],[2]]]": [[[1.0], [2.0]]],
    "[max(1, 2), log(8, 2)]": [2.0, 3.0],
    "[−4, √4]": [-4.0, 2.0],
    "[[1,\n 2],\n [3, 4]]": [[1.0, 2.0], [3.0, 4.0]],
    "[7]": [7.0],
    "[" * 8 + "1" + "]" * 8: [[[[[[[[1.0]]]]]]]],
}


@pytest.mark.parametrize("text", WRITTEN)
def test_an_array_is_written_as_nested_lists(text: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "array").write_text("\ufeff" + text + "\n", encoding="utf-8")
    for arguments in (["--x", text], [f"--x={text}"], ["--set", f"x={text}"], ["--x", f"@{tmp_path}/array"]):
        assert given(cli, *arguments) == WRITTEN[text]


NO_ARRAYS = {
    "[[1,2],[3]]": "x[1] has 1 element but x[0] has 2 elements",
    "[[1,2],3]": "x[1] is a number but x[0] has 2 elements",
    "[1,[2]]": "x[1] has 1 element but x[0] is a number",
    "[[[1],[2]],[[3],[4,5]]]": "x[1,1] has 2 elements but x[0,0] has 1 element",
    "[]": "x is an empty array",
    "[[],[]]": "x[0] is an empty array",
    "[1,,2]": "the value of x[1] is empty",
    "[1,]": "the value of x[1] is empty",
    "[1,[2": "a ] is missing",
    "[1]]": "there is more than one array",
    "[1],[2]": "there is more than one array",
    "[1,2]*2": "something stands beside an array",
    "[x[1]]": "something stands beside an array",
    "[1, two]": "the value of x[1] is not a number: two",
    "[1, NaN]": "the value of x[1] is not a number: NaN",
    "[1 2; 3 4]": "the value of x[0] is not a number",
    "[[1,2],[3,1/]]": "the value of x[1,1] is not a number",
    "[1, @file]": "the value of x[1] is not a number: @file",
    "[" * 9 + "1" + "]" * 9: "an array has at most 8 axes",
    "[" * 100_000: "an array has at most 8 axes",
    "[" + "long" * 1000 + "]": "…",
}


@pytest.mark.parametrize("text", NO_ARRAYS, ids=lambda text: text[:20])
def test_what_is_no_array_is_told_with_its_place(text: str, refused: Refused) -> None:
    message = refused("eval", TOTAL, "--x", text)
    assert NO_ARRAYS[text] in message
    assert len(message) < 500


@pytest.mark.parametrize(
    ("written", "meant"),
    [("[1 2]", "[1, 2]"), ("[1 -2]", "[1, -2]"), ("[1 2, 3]", "[1, 2, 3]"),
     ("[[1. 2.] [3. -4.]]", "[[1., 2.], [3., -4.]]"),
     ("[[1 2]\n [3 4]]", "[[1, 2], [3, 4]]")],
)  # fmt: skip
def test_an_array_without_commas_is_shown_with_them(written: str, meant: str, cli: Cli, refused: Refused) -> None:
    for exact in ([], ["--digits", "30"]):
        message = refused("eval", TOTAL, "--x", written, *exact)
        assert "commas stand between elements" in message
        assert message.rstrip().endswith(f"hint: write {meant}")
    assert cli("eval", "sum(x)", "--x", meant).status == 0


def test_an_unknown_name_stands_alone(refused: Refused) -> None:
    """Not behind the note that arrays were unrolled."""
    assert refused("check", TOTAL, "--x", "[1, 2]", "--wrt", "z").startswith("gradcli: z is not an input")


def test_a_file_with_an_array_does_not_lead_to_another_file(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "one").write_text(f"@{tmp_path}/two.json")
    (tmp_path / "two.json").write_text("[1]")
    assert "the value of x is not a number" in refused("eval", TOTAL, "--x", f"@{tmp_path}/one")


def file(tmp_path: Path, name: str, content: str | bytes) -> str:
    """How to give a file that is written here as a value."""
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return f"@{tmp_path}/{name}"


JSON = {
    "[1, 2]": [1.0, 2.0],
    "\ufeff[[1, 2e0], [3, 4]]": [[1.0, 2.0], [3.0, 4.0]],
    '["NaN", "Infinity", "-Infinity", 1]': ["NaN", "Infinity", "-Infinity", 1.0],
    "[1e400]": ["Infinity"],
    "7": 7.0,
}


@pytest.mark.parametrize("content", JSON)
def test_json_files(content: str, cli: Cli, tmp_path: Path) -> None:
    assert given(cli, "--x", file(tmp_path, "x.JSON", content)) == JSON[content]
    if not content.startswith("\ufeff"):
        assert given(cli, "--vars", "-", stdin=f'{{"x": {content}}}'.encode()) == JSON[content]


NO_JSON = {
    "[[1, 2], [3]]": "x[1] has 1 element but x[0] has 2 elements",
    '[1, "2"]': 'x[1] is not a number but the text "2"',
    "[[1], [true]]": "x[1,0] is not a number but true",
    "[{}]": "x[0] is not a number but an object",
    "[1,": "is not JSON",
    "[]": "x is an empty array",
    "[" * 9 + "1" + "]" * 9: "an array has at most 8 axes",
    "[" * 100_000: "nested too deeply",
}


@pytest.mark.parametrize("content", NO_JSON, ids=lambda text: text[:20])
def test_what_is_no_json_array(content: str, refused: Refused, tmp_path: Path) -> None:
    message = refused("eval", TOTAL, "--x", file(tmp_path, "x.json", content))
    assert NO_JSON[content] in message
    assert "x.json" in message
    message = refused("eval", TOTAL, "--vars", "-", stdin=f'{{"x": {content}}}'.encode())
    assert NO_JSON[content] in message
    assert "standard input" in message


def test_an_object_as_a_value_is_told_of_vars(refused: Refused, tmp_path: Path) -> None:
    assert "--vars" in refused("eval", TOTAL, "--x", file(tmp_path, "x.json", '{"x": 1}'))


CSV = {
    "1,2\n3,4\n": [[1.0, 2.0], [3.0, 4.0]],
    "1\n2\n3": [1.0, 2.0, 3.0],
    "a,b\n1,2\n": [[1.0, 2.0]],
    "height\n1.5\n-2e-3\n": [1.5, -0.002],
    "\ufeffa,b\r\n1,2\r\n3,4\r\n": [[1.0, 2.0], [3.0, 4.0]],
    '"a, b","c"\n"1", 2 \n': [[1.0, 2.0]],
    "1,2\n\n3,4\n\n": [[1.0, 2.0], [3.0, 4.0]],
    ",\n1,2\n": [[1.0, 2.0]],
}


@pytest.mark.parametrize("content", CSV)
def test_csv_files(content: str, cli: Cli, tmp_path: Path) -> None:
    assert given(cli, "--x", file(tmp_path, "x.csv", content)) == CSV[content]


NO_CSV = {
    "1,2\n3,abc\n": "x.csv: row 2, column 2 is not a number but abc",
    "a,b\n1,2\n3,\n": "x.csv: row 3, column 2 is empty",
    "a,b\n1,2\n3,NaN\n": "row 3, column 2 is not a number but NaN",
    "1\ninf\n": "row 2, column 1 is not a number but inf",
    "1\n1_000\n": "row 2, column 1 is not a number but 1_000",
    "1\n٣\n": "row 2, column 1 is not a number",
    "a;b\n1;2\n": "cells are separated by commas",
    "1,b\n2,3\n": "row 1, column 2 is not a number but b",
    "1,2\n3\n": "row 2 has 1 cell, the first row has 2",
    "a\nb\n1\n": "row 2, column 1 is not a number but b",
    "": "has no row of numbers",
    "a,b\n": "has no row of numbers",
    '1\n"' + "2" * 200_000 + '"\n': "is not CSV",
}


@pytest.mark.parametrize("content", NO_CSV, ids=lambda text: text[:20])
def test_what_is_no_csv_file_of_numbers(content: str, refused: Refused, tmp_path: Path) -> None:
    message = refused("eval", TOTAL, "--x", file(tmp_path, "x.csv", content))
    assert NO_CSV[content] in message


def saved(array: Any, pickled: bool = False) -> bytes:
    """The content of the file that NumPy makes of an array."""
    written = io.BytesIO()
    np.save(written, array, allow_pickle=pickled)
    return written.getvalue()


@pytest.mark.parametrize(
    "kind", ["float64", "float32", "float16", "int8", "uint64", ">i4", ">f8", "bool", "longdouble"]
)
def test_npy_files_of_every_real_type(kind: str, cli: Cli, tmp_path: Path) -> None:
    content = saved(np.asfortranarray(np.array([[0, 1], [1, 1]], dtype=kind)))
    assert given(cli, "--x", file(tmp_path, "x.npy", content)) == [[0.0, 1.0], [1.0, 1.0]]
    assert given(cli, "--x", file(tmp_path, "x.npy", saved(np.array(1, dtype=kind)))) == 1.0


NO_NPY = {
    "complex": (saved(np.array([1j])), "not made of real numbers"),
    "text": (saved(np.array(["1"])), "not made of real numbers"),
    "dates": (saved(np.array(["2020-01-01"], dtype="datetime64[D]")), "not made of real numbers"),
    "records": (saved(np.zeros(2, dtype=[("a", float)])), "not made of real numbers"),
    "empty": (saved(np.zeros((2, 0))), "an empty array"),
    "axes": (saved(np.zeros((1,) * 9)), "9 axes: an array has at most 8"),
    "cut": (saved(np.zeros(5))[:-8], "x.npy is not an array of real numbers"),
    "nothing": (b"", "x.npy is not an array of real numbers"),
    "no-npy": (b"[1, 2]", "x.npy is not an array of real numbers"),
}


@pytest.mark.parametrize("name", NO_NPY)
def test_what_is_no_npy_file_of_numbers(name: str, refused: Refused, tmp_path: Path) -> None:
    content, message = NO_NPY[name]
    assert message in refused("eval", TOTAL, "--x", file(tmp_path, "x.npy", content))


class Touching:
    """What unpickling would call."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_an_npy_file_of_objects_runs_nothing(refused: Refused, tmp_path: Path) -> None:
    content = saved(np.array([Touching(tmp_path / "touched")], dtype=object), pickled=True)
    assert "x.npy is not an array of real numbers" in refused("eval", TOTAL, "--x", file(tmp_path, "x.npy", content))
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("name", ["x.json", "x.csv", "x.npy", "x"])
def test_a_file_that_is_not_there(name: str, refused: Refused, tmp_path: Path) -> None:
    assert "No such file" in refused("eval", TOTAL, "--x", f"@{tmp_path}/{name}", status=74)


@pytest.mark.parametrize("name", ["x.json", "x.csv"])
def test_a_file_that_is_no_text(name: str, refused: Refused, tmp_path: Path) -> None:
    assert "is not UTF-8 text: byte 0" in refused("eval", TOTAL, "--x", file(tmp_path, name, b"\xff1"), status=74)


def test_elements_too_large_for_a_double_are_told(cli: Cli) -> None:
    outcome = cli("eval", "sum(0*x)", "--x", "[1, 1e400]", "--json")
    assert "warning: x = [1, 1e400] is too large for a double: it is inf" in outcome.err


def test_decimals_of_elements_are_kept_as_written(cli: Cli, tmp_path: Path) -> None:
    """0.1 + 0.2 - 0.3 is 0 in decimals and 5.6e-17 in doubles."""
    expected = cli("eval", "sum(x)", "--x", "[0.1, 0.2, -0.3]", "--digits", "30", "--json").trace["value"]
    assert float(expected) == 0.0
    for value in (file(tmp_path, "x.json", "[0.1, 0.2, -0.3]"), file(tmp_path, "x.csv", "0.1\n0.2\n-0.3\n")):
        assert cli("eval", "sum(x)", "--x", value, "--digits", "30", "--json").trace["value"] == expected
    variables = b'{"x": [0.1, 0.2, -0.3]}'
    outcome = cli("eval", "sum(x)", "--vars", "-", "--digits", "30", "--json", stdin=variables)
    assert outcome.trace["value"] == expected
    doubles = file(tmp_path, "x.npy", saved(np.array([0.1, 0.2, -0.3])))
    assert float(cli("eval", "sum(x)", "--x", doubles, "--digits", "30", "--json").trace["value"]) != 0.0


def test_numbers_do_not_load_numpy(tmp_path: Path) -> None:
    program = "import sys; from gradcli.cli.app import run; run(sys.argv[1:]); print('numpy' in sys.modules)"
    value = file(tmp_path, "y.json", "3")
    arguments = ["eval", "x*y", "--x", "2", "--y", value, "--unroll", "--json"]
    found = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert found.stdout.endswith("False\n")
    arguments = ["eval", TOTAL, "--x", "[1, 2]", "--json"]
    found = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert found.stdout.endswith("True\n")


LOOP = "h = 0; for t in 0..n { h = tanh(x[t] + h) }; h"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sum(W@x", "--W", "[1", "--y", "2"), 'this "(" is not closed'),
        (("sum(W@x)", "--W", "[1", "--y", "2"), "the program has no input y"),
        (("sum(W@x)", "--W", "[1"), "the value of W is not an array"),
        (("sum(W@x)", "--W", "[[1, 2]]"), "no value for x"),
        (("sum(W@x)", "--W", "[[1, 2]]", "--z", "[1, 2]"), "the program has no input z"),
        (("sum(W@x)", "--W", "[[1, 2]]", "--x", "[1, 2, 3]"), "do not fit together"),
        ((LOOP, "--x", "[1, 2]", "--n", "[2]"), "n has to be a whole number, not an array"),
        ((LOOP, "--x", "[1, 2]", "--n", "1.5"), "n has to be a whole number, not 1.5"),
        ((LOOP, "--n", "2"), "no value for x"),
        (("x*x", "--x", "[1, 2]", "--unroll"), "only a number has a gradient, and the output is an array of shape 2"),
        ((TOTAL, "--x", "[1, 2]", "--wrt", "x[0]"), "--unroll makes an input of every element"),
        ((TOTAL, "--x", "[1, 2]", "--wrt", "x[2]", "--unroll"), "x[2] is not an input"),
        ((TOTAL, "--x", "[1, 2]", "--jvp", "x=1", "--unroll"), "x is a number, but the program's input is of shape 2"),
        ((TOTAL, "--x", "[1, 2]", "--jvp", "x=[1]"), "x is of shape 1, but the program's input is of shape 2"),
        ((TOTAL, "--x", "[1, 2]", "--jvp", "x[0]=[1]", "--unroll"), "x[0] is of shape 1, but the program's input is a"),
    ],
)
def test_what_is_wrong_is_told_in_a_sensible_order(arguments: tuple[str, ...], message: str, refused: Refused) -> None:
    assert message in refused("eval", *arguments)


SHAPES = {
    "W=2x3,x=3": None,
    " W = 2 × 3 , x = 3 ": None,
    "W=2,3": "3 is not a name and its shape",
    "W": "W is not a name and its shape",
    "": "(empty) is not a name and its shape",
    "W=": "the shape of W can't be (empty)",
    "W=2x": "the shape of W can't be 2x",
    "W=0x3": "the shape of W can't be 0x3",
    "W=-2": "the shape of W can't be -2",
    "W=2,W=2": "the shape of W is given twice",
    "W=" + "x".join("1" * 9): "the shape of W can't be",
    "W=2x3,y=3": "the program has no input y",
    "W=3x2,x=3": "do not fit together",
}


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("command", ["diff", "dot", "code"])
def test_shapes_of_inputs_without_values(command: str, shapes: str, cli: Cli, refused: Refused) -> None:
    arguments = [
        command,
        "sum(W@x)",
        "--shapes",
        shapes,
        "--unroll",
        *(["--to", "python"] if command == "code" else []),
    ]
    message = SHAPES[shapes]
    if message is not None:
        assert message in refused(*arguments)
    else:
        outcome = cli(*arguments)
        assert outcome.status == 0, outcome.err
        assert "W[1,2]" in outcome.out


def test_shapes_and_values_have_to_agree(cli: Cli, refused: Refused) -> None:
    value = ["--x", "[1, 2]", "--unroll"]
    assert cli("diff", TOTAL, *value, "--shapes", "x=2").status == 0
    message = refused("diff", TOTAL, *value, "--shapes", "x=3")
    assert "the value of x is of shape 2, but --shapes says of shape 3" in message
    assert "is of shape 2, but --shapes says a number" in refused("diff", TOTAL, *value, "--shapes", "x=number")


def test_a_whole_number_that_the_graph_is_built_by_is_no_point(cli: Cli, refused: Refused) -> None:
    """The structure is shown though n has a value; another value makes it a point, which has to be complete."""
    loop = "h = 0; for t in 0..n { h = tanh(w*x + h) }; h"
    outcome = cli("dot", loop, "--n", "2")
    assert outcome.status == 0, outcome.err
    assert outcome.out.count("tanh") == cli("dot", loop, "--vars", "-", stdin=b'{"n": 2}').out.count("tanh") >= 2
    assert "no value for x" in refused("dot", loop, "--n", "2", "--w", "1")
    assert "no value for w, x" in refused("eval", loop, "--n", "2")


MATRICES = ("--W", "[[1, 2], [3, 4]]", "--x", "[0.5, -1]")
LAYER = "h = tanh(W@x); sum(h*h)"


def test_unrolled_gradients_are_those_of_the_arrays(cli: Cli) -> None:
    whole = cli("eval", LAYER, *MATRICES, "--json").trace
    trace = cli("eval", LAYER, *MATRICES, "--unroll", "--json").trace
    flat = {f"W[{i},{j}]": whole["gradients"]["W"][i][j] for i in (0, 1) for j in (0, 1)}
    flat |= {f"x[{j}]": whole["gradients"]["x"][j] for j in (0, 1)}
    assert trace["value"] == pytest.approx(whole["value"], rel=1e-14)
    assert trace["gradients"] == pytest.approx(flat, rel=1e-14)
    assert [gate["name"] for gate in trace["gates"] if gate["name"]] == [*flat, "h[0]", "h[1]"]


def test_by_what_is_differentiated(cli: Cli) -> None:
    def names(wrt: str) -> list[str]:
        return list(cli("eval", LAYER, *MATRICES, "--unroll", "--json", "--wrt", wrt).trace["gradients"])

    assert names("x") == ["x[0]", "x[1]"]
    assert names("W[0, 1],x[1]") == ["W[0,1]", "x[1]"]
    assert names("x[0], W") == ["W[0,0]", "W[0,1]", "W[1,0]", "W[1,1]", "x[0]"]


def test_directions_and_second_points_are_given_by_array_or_element(cli: Cli) -> None:
    whole = cli("eval", LAYER, *MATRICES, "--unroll", "--jvp", "x=[1, -2]").out.splitlines()[-1]
    parts = cli("eval", LAYER, *MATRICES, "--unroll", "--jvp", "x[0]=1", "--jvp", "x[1]=-2").out.splitlines()[-1]
    assert whole == parts
    assert "derivative = " in whole
    pictures = [
        cli("dot", LAYER, *MATRICES, "--unroll", *[part for text in against for part in ("--against", text)]).out
        for against in (["x=[2, -1]"], ["x[0]=2"], ["W[0, 0]=2"])
    ]
    assert pictures[0] == pictures[1] != pictures[2]


ALONE = {
    "hessian": ("hessian", LAYER, *MATRICES, "--json"),
    "jacobian": ("jacobian", "tanh(W@x)", *MATRICES, "--json"),
    "check": ("check", LAYER, *MATRICES, "--json"),
    "compare": ("compare", LAYER, "v = W@x; tanh(v)@tanh(v)", *MATRICES, "--json"),
    "digits": ("eval", LAYER, *MATRICES, "--json", "--digits", "20"),
}


@pytest.mark.parametrize("name", ALONE)
def test_what_works_on_numbers_unrolls_by_itself_and_says_so(name: str, cli: Cli) -> None:
    outcome = cli(*ALONE[name])
    assert outcome.status == 0, outcome.err
    assert outcome.err.count("note: arrays are unrolled here, as by --unroll") == 1
    asked = cli(*ALONE[name], "--unroll")
    assert asked.out == outcome.out
    assert "unrolled" not in asked.err


@pytest.mark.parametrize(
    "command", ["eval", "dot", "check", "explain", "diff", "hessian", "jacobian", "compare", "code"]
)
def test_unrolling_a_program_of_numbers_changes_nothing(command: str, cli: Cli) -> None:
    arguments = [command, "(x+y)*x", *(["x*x + x*y"] if command == "compare" else []), "--x", "2", "--y", "3"]
    arguments += ["--to", "c"] if command == "code" else []
    assert cli(*arguments, "--unroll") == cli(*arguments)


def test_a_jacobian_has_a_row_for_every_element(cli: Cli) -> None:
    document = json.loads(cli("jacobian", "W@x", *MATRICES, "--wrt", "x", "--json").out)
    assert [[1.0, 2.0], [3.0, 4.0]] in document.values()


def test_a_graph_that_gets_too_large_is_refused(refused: Refused) -> None:
    shapes = ["--shapes", "A=3000x3000,B=3000x3000", "--unroll"]
    assert "needs more than 5000000 gates" in refused("diff", "sum(A@B)", *shapes)
    assert "needs more than 10 gates" in refused("eval", LAYER, *MATRICES, "--unroll", "--max-gates", "10")
