"""gradcli predict: results of train and fit over new data; and their parameters in other commands."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outcomes import Cli, Outcome, Refused
from processes import process

import gradcli

SAMPLES = Path(__file__).parents[2] / "samples"
NETWORK = "hidden = tanh(W @ x + b)\nz = dot(v, hidden) + c*scale\nloss = softplus(z) - y*z\nloss"
WEIGHTS = {"W": [[1.5, -0.5], [-1.25, 1.0], [0.25, 0.5]], "b": [0.125, -0.25, 0.5], "v": [1.0, -0.75, 0.5], "c": -0.125}
WHOLE = "logits = X @ W + b\ncross_entropy(logits, labels)"


def result(**changes: Any) -> str:
    """What train writes of a network of numbers a and b, with changes."""
    found = {
        "schema": "gradcli.training/1", "kind": "train", "expression": NETWORK, "output": None, "parameters": WEIGHTS,
        "constants": {"scale": 2.0}, "data": {"x": ["a", "b"], "y": ["y"]}, "per_row": True, "engine": "numpy",
    }  # fmt: skip
    return json.dumps(found | changes)


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "model.json"
    path.write_text(result())
    return str(path)


@pytest.fixture
def data(tmp_path: Path) -> str:
    path = tmp_path / "new.csv"
    path.write_text("id,b,a,q\nr1,0.5,-1,9\nr2,0.25,2.5,8\nr3,-3,1e-3,7\n")
    return str(path)


def rows(outcome: Outcome) -> list[dict[str, str]]:
    assert outcome.status == 0, outcome.err
    return list(csv.DictReader(io.StringIO(outcome.out)))


def piped(content: bytes, *arguments: str) -> Outcome:
    """With data from a pipe, which a process of its own has."""
    done = process(*arguments, stdin=content)
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def expected(of: str, a: float, b: float) -> Any:
    trace = gradcli.evaluate(f"{NETWORK.removesuffix('loss')}{of}", {**WEIGHTS, "scale": 2.0, "x": [a, b], "y": 1.0})
    return trace.value


def test_a_stage_of_every_row(model: str, data: str, cli: Cli) -> None:
    """With the columns by which the model was trained, wherever they stand; a target need not be there."""
    found = rows(cli("predict", model, data, "--of", "z"))
    assert [list(row) for row in found] == [["id", "b", "a", "q", "value"]] * 3
    for row in found:
        assert math.isclose(float(row["value"]), expected("z", float(row["a"]), float(row["b"])), rel_tol=1e-14)


@pytest.mark.parametrize("of", ["sigmoid(z)", "z/scale + a0*0", "hidden[1]^2", "q = 2*z; q + 1"])
def test_an_expression_of_every_row(of: str, model: str, data: str, cli: Cli) -> None:
    """Over the stages, inputs and parameters of the program."""
    of = of.replace("a0", "x[0]")
    found = rows(cli("predict", model, data, "--of", of))
    for row in found:
        assert math.isclose(float(row["value"]), expected(of, float(row["a"]), float(row["b"])), rel_tol=1e-14)


def test_a_loss_without_stages_is_predicted_by_an_expression(cli: Cli, refused: Refused, tmp_path: Path) -> None:
    table, model = tmp_path / "line.csv", str(tmp_path / "line.json")
    table.write_text("x,y\n1,3\n2,5\n3,7.5\n")
    loss = ["(w*x + b - y)^2  # of a line", "--param", "w=0", "--param", "b=0", "--optimizer", "lm"]
    assert cli("train", *loss, "--data", str(table), "-o", model, "-q").status == 0
    hint = 'write it as an expression of w, x, b, y: --of "w*x + b"'
    assert hint in refused("predict", model, str(table))
    found = [float(row["value"]) for row in rows(cli("predict", model, str(table), "--of", "w*x + b"))]
    assert np.allclose(found, np.polyval(np.polyfit([1, 2, 3], [3, 5, 7.5], 1), [1, 2, 3]), rtol=1e-9)


@pytest.mark.parametrize(
    ("of", "place"), [("z + nonsense(x)", "nonsense"), ("z + x @ [1, 2, 3]", "x @ [1, 2, 3]"), ("2*z + p", "p")]
)
def test_what_is_wrong_with_an_expression_is_shown_in_it(
    of: str, place: str, model: str, data: str, refused: Refused
) -> None:
    lines = refused("predict", model, data, "--of", of).splitlines()
    shown = next(place for place, line in enumerate(lines) if line == f"  {of}")
    assert lines[shown + 1] == f"  {' ' * of.index(place)}{'^' * len(place)}"


def test_an_expression_over_whole_columns(cli: Cli, refused: Refused, data: str) -> None:
    text = result(
        expression=WHOLE, per_row=False, engine="arrays", constants={}, data={"X": ["a", "b"], "labels": ["q"]},
        parameters={"W": [[1, 2], [3, 4]], "b": [0, 1]},
    )  # fmt: skip
    found = rows(cli("predict", "-", data, "--only", "--of", "softmax(logits)", stdin=text.encode()))
    assert all(math.isclose(sum(map(float, row.values())), 1.0, rel_tol=1e-14) for row in found)
    message = refused("predict", "-", data, "--of", "softmax(logits, axis=0)", stdin=text.encode())
    assert "here all rows are put together" in message
    assert "  softmax(logits, axis=0)\n  ^" in message
    assert "1009" not in refused("predict", "-", data, "--of", "X @ [1, 2, 3]", stdin=text.encode())


def test_rows_that_are_not_finite_are_told_by_the_expression(model: str, data: str, cli: Cli) -> None:
    assert "from log(z) in" in cli("predict", model, data, "--of", "log(z)").err


def test_arguments_that_changed_places(model: str, data: str, refused: Refused) -> None:
    message = refused("predict", data, model)
    assert "is a table, and the result of the training comes first" in message
    assert f"did you mean gradcli predict {model} {data}?" in message


def test_an_array_is_columns(model: str, data: str, cli: Cli) -> None:
    found = rows(cli("predict", model, data, "--of", "hidden", "--only", "--prefix", "h_"))
    for row, (a, b) in zip(found, [(-1.0, 0.5), (2.5, 0.25), (1e-3, -3.0)], strict=True):
        numbers = np.tanh(np.array(WEIGHTS["W"]) @ [a, b] + WEIGHTS["b"])
        assert list(row) == ["h_value[0]", "h_value[1]", "h_value[2]"]
        assert np.allclose([float(x) for x in row.values()], numbers, rtol=1e-14)


def test_the_loss_by_its_name(model: str, data: str, cli: Cli, refused: Refused) -> None:
    """It needs the target."""
    assert "there is no column y, which was y in" in refused("predict", model, data, "--of", "loss")
    found = rows(cli("predict", model, data, "--of", "loss", "--map", "y=q", "--only"))
    z = expected("z", -1.0, 0.5)
    assert math.isclose(float(found[0]["value"]), math.log1p(math.exp(z)) - 9 * z, rel_tol=1e-13)


def test_the_only_stage(cli: Cli, data: str) -> None:
    text = result(expression="p = k*b; (p - y)^2", parameters={"k": 2}, constants={}, data={"b": ["b"], "y": ["y"]})
    assert [row["value"] for row in rows(cli("predict", "-", data, stdin=text.encode()))] == ["1.0", "0.5", "-6.0"]


def test_a_model_of_fit(cli: Cli, tmp_path: Path) -> None:
    """Its result is what is predicted; data and result may come by a pipe."""
    path = str(tmp_path / "model.json")
    columns = ["--map", "t=x", "--data", str(SAMPLES / "misra1a.csv"), "--target", "y"]
    program = ["rate = b2*t; b1*(1 - exp(-rate))", "--param", "b1=250", "--param", "b2=5e-4"]
    assert cli("fit", *program, *columns, "-o", path, "--quiet").status == 0
    stored = json.loads(Path(path).read_text())["parameters"]
    found = rows(piped(b"x\n100\n0\n", "predict", path, "-", "--from", "csv"))
    assert math.isclose(float(found[0]["value"]), stored["b1"] * -math.expm1(-stored["b2"] * 100), rel_tol=1e-12)
    assert float(found[1]["value"]) == 0.0
    rates = rows(piped(b"x\n100\n", "predict", path, "-", "--from", "csv", "--of", "rate"))
    assert float(rates[0]["value"]) == stored["b2"] * 100


def test_columns_of_elements_and_of_lists(cli: Cli, tmp_path: Path) -> None:
    """W[0,1] and its like are found again as the array that they were; a column of lists is one array."""
    data = {"M": ["M[0,0]", "M[0,1]", "M[1,0]", "M[1,1]"], "u": ["u"]}
    text = result(expression="p = M @ u; sum(p)", parameters={}, constants={}, data=data)
    path = tmp_path / "rows.ndjson"
    path.write_text('{"M[1,1]": 4, "M[1,0]": 3, "M[0,1]": 2, "M[0,0]": 1, "u": [10, 100]}\n')
    outcome = cli("predict", "-", str(path), "--only", "--to", "csv", stdin=text.encode())
    assert rows(outcome) == [{"value[0]": "210.0", "value[1]": "430.0"}]


def test_other_columns(model: str, data: str, cli: Cli) -> None:
    found = rows(cli("predict", model, data, "--of", "z", "--map", "x=b,q", "--keep", "id"))
    assert list(found[0]) == ["id", "value"]
    assert math.isclose(float(found[0]["value"]), expected("z", 0.5, 9.0), rel_tol=1e-14)


def test_formats_and_files(model: str, data: str, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out.ndjson"
    outcome = cli("predict", model, data, "--of", "z", "-o", str(out))
    assert (outcome.status, outcome.out) == (0, "")
    assert "3 rows" in outcome.err
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["id"] for line in lines] == ["r1", "r2", "r3"]
    assert math.isclose(lines[2]["value"], expected("z", 1e-3, -3.0), rel_tol=1e-14)


@pytest.mark.parametrize(("how", "left"), [("null", ["r1", "r2", "r3", "r4", "r5"]), ("skip", ["r1", "r3", "r5"])])
def test_bad_rows(how: str, left: list[str], model: str, cli: Cli, refused: Refused, tmp_path: Path) -> None:
    path, rejects = tmp_path / "bad.csv", tmp_path / "rejects.csv"
    path.write_text("id,a,b\nr1,1,2\nr2,one,2\nr3,,2\nr4,1,n/a\nr5,nan,1\n")
    out = ["-o", str(tmp_path / "out.csv")]
    assert 'row 2, column a: not a number: "one"' in refused("predict", model, str(path), "--of", "z", *out)
    options = ["--of", "z", "--on-error", how, "--rejects", str(rejects)]
    outcome = cli("predict", model, str(path), *options)
    found = rows(outcome)
    assert [row["id"] for row in found] == left
    assert [row["id"] for row in found if row["value"] not in ("", "nan", "NaN")] == ["r1"]
    assert "2 bad" in outcome.err
    assert "1 not finite" in outcome.err
    assert [row["id"] for row in csv.DictReader(io.StringIO(rejects.read_text()))] == ["r2", "r4"]


def test_nulls(model: str, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "nulls.csv"
    path.write_text("a,b\n1,2\n-,2\n")
    assert [bool(row["value"]) for row in rows(cli("predict", model, str(path), "--of", "z", "--null", "-"))] == [
        True,
        False,
    ]


def test_whole_columns_block_by_block(cli: Cli, tmp_path: Path) -> None:
    """More rows than a block has: every row is what it is alone."""
    draw = np.random.RandomState(4)
    X, W, b = draw.normal(size=(150_000, 2)), draw.normal(size=(2, 3)), draw.normal(size=3)
    path = tmp_path / "many.csv"
    np.savetxt(path, X, delimiter=",", header="u,v", comments="", fmt="%.17g")
    text = result(
        expression=WHOLE, per_row=False, engine="arrays", constants={}, data={"X": ["u", "v"], "labels": ["class"]},
        parameters={"W": W.tolist(), "b": b.tolist()},
    )  # fmt: skip
    found = cli("predict", "-", str(path), "--only", stdin=text.encode())
    assert found.out.partition("\n")[0] == "value[0],value[1],value[2]"
    numbers = np.loadtxt(io.StringIO(found.out), delimiter=",", skiprows=1)
    assert np.allclose(numbers, X @ W + b, rtol=1e-12, atol=1e-14)
    assert "150,000 rows" in found.err
    assert "arrays engine" in found.err


def test_a_loss_of_whole_columns_has_no_row(refused: Refused, data: str) -> None:
    text = result(
        expression="e = X @ w - y\nloss = sum(e^2)\nloss", per_row=False, constants={}, parameters={"w": [1, 2]},
        data={"X": ["a", "b"], "y": ["q"]},
    )  # fmt: skip
    message = refused("predict", "-", data, "--of", "loss", stdin=text.encode())
    assert "the stage loss is one number for all rows together" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the loss has several stages\nhint: choose one by --of: hidden, z"),
        (["--of", "zz"], "--of: there is no stage zz in the program\nhint: its stages are hidden, z, loss; or write"),
        (["--of", "z", "--map", "w=a"], "--map: w is no input that a column binds"),
        (["--of", "z", "--map", "y=a"], "--map: y is not needed"),
        (["--of", "z", "--map", "x=a"], "x"),
        (["--of", "z", "--map", "x=a,c"], "--map x: there is no column c"),
        (["--of", "z", "--keep", "c"], "--keep: there is no column c"),
        (["--of", "z", "--prefix", "1"], "--prefix 1 does not begin a name"),
        (["--of", "z", "--to", "xls"], "xls"),
        (["--of", "z", "--on-error", "no"], "write fail, null or skip"),
        (["--of", "scale"], "what is asked for depends on no column"),
        (["--of", ""], "--of: there is no stage (empty)"),
        (["--of", "2*q"], "--of: q is neither a stage"),
        (["--of", "z +"], 'an operand is missing after "+"'),
    ],
)
def test_what_can_not_be(
    arguments: list[str], message: str, model: str, data: str, refused: Refused, tmp_path: Path
) -> None:
    assert message in refused("predict", model, data, *arguments, "-o", str(tmp_path / "out.csv"))
    assert not (tmp_path / "out.csv").exists()


def test_a_column_that_is_not_there(model: str, refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("A,b\n1,2\n")
    message = refused("predict", model, str(path), "--of", "z")
    assert f"there is no column a, which was x in {model}" in message
    assert "did you mean A?" in message
    assert "--map x=COLUMN" in message


def test_a_stage_that_depends_on_no_column(refused: Refused, data: str) -> None:
    text = result(expression="p = k^2; (p*a - b)^2", parameters={"k": 2}, constants={}, data={"a": ["a"], "b": ["b"]})
    assert "the stage p depends on no column" in refused("predict", "-", data, stdin=text.encode())


def test_a_result_that_is_called_like_a_column(model: str, refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "value.csv"
    path.write_text("a,b,value\n1,2,3\n")
    assert "value is a column of the data already" in refused("predict", model, str(path), "--of", "z")


def test_a_directory_is_no_output(model: str, data: str, refused: Refused, tmp_path: Path) -> None:
    assert "one output, not a directory" in refused("predict", model, data, "--of", "z", "-o", f"{tmp_path}/parts/")
    assert not (tmp_path / "parts").exists()


def test_the_output_is_not_the_data(model: str, data: str, refused: Refused) -> None:
    before = Path(data).read_text()
    assert "is the data itself" in refused("predict", model, data, "--of", "z", "-o", data)
    assert Path(data).read_text() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not JSON"),
        ("[1]", "is not the result of a training or a fit"),
        ('{"w": 1}', "is not the result of a training or a fit"),
        ('{"schema": "gradcli.trace/1"}', "is not the result of a training or a fit but of schema gradcli.trace/1"),
        (result(kind="test"), "kind is missing, or not what it should be"),
        (result(expression=3), "expression is missing"),
        (result(expression="p = "), "the program of standard input:"),
        (result(expression="p = q(x)\np"), "q is not a function"),
        (result(output=3), "output is missing"),
        (result(parameters=None), "parameters is missing"),
        (result(parameters={"c": "two"}), 'c is not a number but the text "two"'),
        (result(constants=[]), "constants is missing"),
        (result(data={"x": "a"}), "data is missing"),
        (result(data={"x": []}), "data is missing"),
        (result(data={}), "was trained without data"),
        (
            result(expression="(x - y)^2", data={"x": ["a"], "y": ["q"]}),
            "the loss has no stage that could be predicted",
        ),
        (result(parameters={**WEIGHTS, "W": [[1, 2, 3]]}), "x"),
    ],
)
def test_what_is_no_model(content: str, message: str, data: str, refused: Refused) -> None:
    arguments = ["--of", "p"] if "p = " in content else ["--of", "z"] if "hidden" in content else []
    assert message in refused("predict", "-", data, *arguments, stdin=content.encode())


def test_what_is_missing(model: str, data: str, refused: Refused) -> None:
    assert "there is no result" in refused("predict")
    assert "there is no data" in refused("predict", model)
    assert "No such file" in refused("predict", f"{model}.no", data, status=74)
    assert "only one of the result and the data can come from standard input" in refused("predict", "-", "-")
    assert "No such file" in refused("predict", model, f"{data}.no", "--of", "z", status=74)


# The parameters of a result in other commands


def test_parameters_of_a_result_are_values(model: str, cli: Cli) -> None:
    """Arrays and numbers; what only the training knew, as columns and constants, is given."""
    point = ["--x", "[-1, 0.5]", "--y", "1", "--scale", "2"]
    trace = cli("eval", NETWORK, "--vars", model, *point, "--json")
    assert trace.err == ""
    assert math.isclose(trace.trace["value"], expected("loss", -1.0, 0.5), rel_tol=1e-15)
    shapes = {gate["name"]: gate["shape"] for gate in trace.trace["gates"] if gate["op"] == "input"}
    assert shapes["W"] == [3, 2]
    drawn = cli("dot", NETWORK, "--vars", model, *point)
    assert drawn.status == 0
    assert "3×2" in drawn.out
    code = cli("code", NETWORK, "--to", "numpy", "--vars", model, *point, "--self-test")
    assert code.status == 0, code.err
    made: dict[str, Any] = {"__name__": "made"}
    exec(code.out, made)  # noqa: S102
    values = {name: np.array(x, dtype=float) for name, x in {**WEIGHTS, "x": [-1, 0.5], "y": 1.0, "scale": 2.0}.items()}
    value, gradients = made["f"](**values)
    assert math.isclose(value, trace.trace["value"], rel_tol=1e-14)
    assert np.allclose(gradients["W"], trace.trace["gradients"]["W"], rtol=1e-13)


def test_parameters_of_a_fit_are_values(cli: Cli, tmp_path: Path) -> None:
    path = str(tmp_path / "model.json")
    given = ["--data", str(SAMPLES / "misra1a.csv"), "--target", "y", "--param", "b1=500", "--param", "b2=1e-4"]
    assert cli("fit", f"@{SAMPLES / 'misra1a.grad'}", *given, "-o", path, "--quiet").status == 0
    stored = json.loads(Path(path).read_text())["parameters"]
    found = cli("eval", f"@{SAMPLES / 'misra1a.grad'}", "--vars", path, "--x", "77.6", "--json")
    assert found.err == ""
    inputs = {gate["name"]: gate["value"] for gate in found.trace["gates"] if gate["op"] == "input"}
    assert inputs == {**stored, "x": 77.6}
