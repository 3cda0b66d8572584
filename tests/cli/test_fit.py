"""gradcli fit: models, targets, weights, bounds; what is told of a fit, and what is refused."""

from __future__ import annotations

import csv
import json
import math
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outcomes import Cli, Refused

SAMPLES = Path(__file__).parents[2] / "samples"
MISRA = [
    f"@{SAMPLES / 'misra1a.grad'}", "--data", str(SAMPLES / "misra1a.csv"), "--target", "y",
    "--param", "b1=500", "--param", "b2=1e-4",
]  # fmt: skip
CERTIFIED = {"b1": (238.94212918, 2.7070075241), "b2": (5.5015643181e-4, 7.2668688436e-6)}  # by NIST
ROWS = [(0.5, 3.1, 0.1), (1.0, 4.9, 0.2), (1.5, 8.4, 0.2), (2.0, 13.9, 0.5), (2.5, 21.6, 1.5), (3.0, 37.1, 1.5)]
LINE = ["log(a) + k*x", "--target", "log(y)", "--param", "a=1", "--param", "k=1"]


@pytest.fixture
def data(tmp_path: Path) -> str:
    """A growth, with its uncertainties; and columns of text and of names that mean something else."""
    path = tmp_path / "growth.csv"
    lines = [f"{x},{y},{err},run {k},7" for k, (x, y, err) in enumerate(ROWS)]
    path.write_text("\n".join(["x,y,y_err,id,pi", *lines, ""]))
    return str(path)


def fitted(cli: Cli, *arguments: str) -> dict[str, Any]:
    outcome = cli("fit", *arguments, "--json", "--quiet")
    assert outcome.err == ""
    return outcome.trace


def line(weights: Any = 1.0) -> tuple[Any, Any, float]:
    """Intercept and slope of log(y), their standard errors, and the weighted sum of squares, by linear algebra."""
    x, y, _ = np.array(ROWS).T
    design = np.stack([np.ones_like(x), x], axis=1) * np.reshape(weights * np.ones_like(x), (-1, 1))
    target = np.log(y) * weights
    found = np.linalg.solve(design.T @ design, design.T @ target)
    squares = float(np.sum((design @ found - target) ** 2))
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * squares / (len(x) - 2))
    return found, errors, squares


def test_misra1a_is_as_certified(cli: Cli) -> None:
    """Parameters to eight digits, standard deviations to six, from both starts of NIST."""
    for start in (["b1=500", "b2=1e-4"], ["b1=250", "b2=5e-4"]):
        given = [*MISRA[:5], "--param", start[0], "--param", start[1]]
        found = fitted(cli, *given)
        for name, (value, deviation) in CERTIFIED.items():
            assert math.isclose(found["parameters"][name], value, rel_tol=1e-9)
            assert math.isclose(found["standard_errors"][name], deviation, rel_tol=1e-7)
        assert math.isclose(found["residual_sum_of_squares"], 1.2455138894e-1, rel_tol=1e-9)
        assert math.isclose(found["residual_standard_deviation"], 1.0187876330e-1, rel_tol=1e-9)
        assert found["degrees_of_freedom"] == 12
        assert found["converged"] is True


def test_what_a_result_says(cli: Cli) -> None:
    found = fitted(cli, *MISRA)
    assert (found["schema"], found["kind"], found["output"]) == ("gradcli.training/1", "fit", None)
    assert found["expression"] == (SAMPLES / "misra1a.grad").read_text(encoding="utf-8")
    assert (found["rows"], found["per_row"]) == (14, True)
    assert found["data"] == {"x": ["x"], "y": ["y"]}
    assert (found["settings"]["target"], found["settings"]["sigma"]) == ("y", None)
    assert found["loss"] == found["residual_sum_of_squares"]
    assert found["covariance"]["names"] == ["b1", "b2"]
    variance = found["covariance"]["matrix"][0][0]
    assert math.isclose(math.sqrt(variance), found["standard_errors"]["b1"], rel_tol=1e-12)


def test_a_target_is_an_expression(cli: Cli, data: str) -> None:
    """log(y) over a line, as linear algebra has it; log(a) has the intercept's error divided by a's slope."""
    found = fitted(cli, *LINE, "--data", data)
    (intercept, slope), errors, squares = line()
    a = found["parameters"]["a"]
    assert math.isclose(math.log(a), intercept, rel_tol=1e-12)
    assert math.isclose(found["parameters"]["k"], slope, rel_tol=1e-12)
    assert math.isclose(found["standard_errors"]["k"], errors[1], rel_tol=1e-9)
    assert math.isclose(found["standard_errors"]["a"] / a, errors[0], rel_tol=1e-9)
    assert math.isclose(found["residual_sum_of_squares"], squares, rel_tol=1e-9)
    assert found["settings"]["target"] == "log(y)"


def test_sigma_weighs_the_rows(cli: Cli, data: str) -> None:
    """By an expression of columns and constants; of the errors of log(y) only their ratios matter."""
    _, y, err = np.array(ROWS).T
    (_, slope), errors, squares = line(y / err)
    found = fitted(cli, *LINE, "--data", data, "--sigma", "y_err/y")
    assert math.isclose(found["parameters"]["k"], slope, rel_tol=1e-12)
    assert math.isclose(found["standard_errors"]["k"], errors[1], rel_tol=1e-9)
    assert math.isclose(found["residual_sum_of_squares"], squares, rel_tol=1e-9)
    other = fitted(cli, *LINE, "--data", data, "--sigma", "c*y_err/y", "--c", "100")
    assert math.isclose(other["parameters"]["k"], slope, rel_tol=1e-12)
    assert math.isclose(other["standard_errors"]["k"], errors[1], rel_tol=1e-9)
    assert other["constants"] == {"c": 100.0}
    assert other["settings"]["sigma"] == "c*y_err/y"


def test_parameters_that_are_arrays(cli: Cli, data: str) -> None:
    (intercept, slope), errors, _ = line()
    found = fitted(cli, "dot(w, [1, x])", "--data", data, "--target", "log(y)", "--param", "w=normal(2)", "--seed", "3")
    assert np.allclose(found["parameters"]["w"], [intercept, slope], rtol=1e-12)
    assert np.allclose(found["standard_errors"]["w"], errors, rtol=1e-9)
    assert found["covariance"]["names"] == ["w[0]", "w[1]"]


def test_a_stage_is_the_model(cli: Cli, data: str) -> None:
    program = "z = u + k*x; (z - log(y))^2"
    found = fitted(cli, program, "--of", "z", "--data", data, "--target", "log(y)", "--param", "u=0", "--param", "k=1")
    assert math.isclose(found["parameters"]["k"], line()[0][1], rel_tol=1e-12)
    assert found["output"] == "z"


def test_columns_are_mapped(cli: Cli, data: str) -> None:
    program = ["u + k*t", "--target", "log(v)", "--param", "u=0", "--param", "k=1", "--map", "t=x", "--map", "v=y"]
    found = fitted(cli, *program, "--data", data)
    assert math.isclose(found["parameters"]["k"], line()[0][1], rel_tol=1e-12)
    assert found["data"] == {"t": ["x"], "v": ["y"]}


def test_bounds(cli: Cli, data: str) -> None:
    found = fitted(cli, *LINE, "--data", data, "--bounds", "k=0.5..1")
    (_, slope), _, _ = line()
    assert slope < 1
    assert math.isclose(found["parameters"]["k"], slope, rel_tol=1e-9)
    found = fitted(cli, *LINE, "--data", data, "--bounds", "k=1..")
    assert found["parameters"]["k"] == 1.0
    assert found["settings"]["bounds"] == {"k": [1.0, "Infinity"]}


@pytest.mark.parametrize(
    ("more", "reason", "told"),
    [(["--epochs", "2"], "epochs", "epochs are done"), (["--max-time", "1e-9"], "time", "the time is up")],
)  # fmt: skip
def test_what_did_not_converge_is_written_and_told(more: list[str], reason: str, told: str, cli: Cli) -> None:
    outcome = cli("fit", *MISRA, *more, "--json")
    assert outcome.status == 1
    assert outcome.err.count(told) == 1
    assert f"gradcli: not converged: {'all ' if reason == 'epochs' else ''}{told}" in outcome.err
    found = json.loads(outcome.out)
    assert (found["converged"], found["reason"]) == (False, reason)


def test_parameters_that_the_data_do_not_determine(cli: Cli, data: str) -> None:
    outcome = cli("fit", "a + b + k*x", "--data", data, "--target", "y", *(f"--param={x}=1" for x in "abk"))
    assert outcome.status == 1
    assert "gradcli: not converged: the data do not determine a and b" in outcome.err
    assert "hint: fix one of these by --NAME VALUE; or other start values (--param), or --bounds" in outcome.err
    assert outcome.err.count("do not determine") == 1


def test_a_model_without_columns_is_the_mean(cli: Cli, data: str) -> None:
    found = fitted(cli, "m", "--data", data, "--target", "y", "--param", "m=1")
    assert math.isclose(found["parameters"]["m"], float(np.mean([y for _, y, _ in ROWS])), rel_tol=1e-14)


def test_formats(cli: Cli, data: str) -> None:
    table = cli("fit", *LINE, "--data", data)
    assert table.status == 0
    assert "residual standard deviation" in table.out
    assert "6 rows" in table.out
    rows = list(csv.DictReader(cli("fit", *LINE, "--data", data, "--format", "csv").out.splitlines()))
    assert [row["parameter"] for row in rows] == ["a", "k"]
    assert math.isclose(float(rows[1]["value"]), line()[0][1], rel_tol=1e-12)


def test_files(cli: Cli, data: str, tmp_path: Path) -> None:
    """The result by the name of its file, the history as a table, the picture."""
    out, history, plot = (str(tmp_path / name) for name in ("model.json", "history.csv", "fit.svg"))
    outcome = cli("fit", *LINE, "--data", data, "-o", out, "--history", history, "--plot", plot, "--quiet")
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    assert json.loads(Path(out).read_text())["kind"] == "fit"
    with open(history, newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]
    assert Path(plot).read_text(encoding="utf-8").lstrip().startswith("<?xml")


@pytest.mark.parametrize(
    ("model", "axis"), [("a*exp(k*x)", "x"), ("a*exp(k*t)", "x"), ("a*exp(k*x) + 0*y_err", "y by the model")]
)  # fmt: skip
def test_a_picture_on_the_terminal(model: str, axis: str, cli: Cli, data: str) -> None:
    """Over the only predictor, which is called like its column; of several what was observed over what is predicted."""
    start = ["--param", "a=1", "--param", "k=1"]
    mapped = ["--map", "t=x"] if "t" in model else []
    outcome = cli("fit", model, "--data", data, "--target", "y", *start, *mapped, "--plot", "-")
    assert outcome.status == 0
    assert outcome.out.splitlines()[-1].strip() == axis
    assert "residual standard deviation" in outcome.out


def test_starts_are_those_of_a_result(cli: Cli, data: str, tmp_path: Path) -> None:
    model = str(tmp_path / "model.json")
    assert cli("fit", *LINE, "--data", data, "-o", model, "--quiet").status == 0
    first = json.loads(Path(model).read_text())
    again = fitted(cli, LINE[0], "--target", "log(y)", "--data", data, "--param", f"@{model}")
    assert again["steps"] < first["steps"]
    assert math.isclose(again["parameters"]["a"], first["parameters"]["a"], rel_tol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a*x", "--param", "a=1"], "there is no target"),
        (["a*x", "--target", "y"], "neither a column, a parameter nor a value: a"),
        (["x", "--target", "y"], "there is no parameter to fit"),
        (["a*x", "--target", "y/a", "--param", "a=1"], "--target depends on the parameter a"),
        (["a*x", "--target", "y", "--sigma", "a*y_err", "--param", "a=1"], "--sigma depends on the parameter a"),
        (["a*x", "--target", "q", "--param", "a=1"], "neither a column, a parameter nor a value: q"),
        (["a*x", "--target", "log(y-5)", "--param", "a=1"], "growth.csv, row 1: --target log(y-5) is nan"),
        (["a*x", "--target", "1/(x-1)", "--param", "a=1"], "growth.csv, row 2: --target 1/(x-1) is inf"),
        (["a*x", "--target", "y", "--sigma", "x-1", "--param", "a=1"], "growth.csv, row 1: --sigma x-1 is -0.5"),
        (["a*x", "--target", "y", "--sigma", "0", "--param", "a=1"], "growth.csv, row 1: --sigma 0 is 0.0"),
        (["a*x", "--target", "y", "--sigma", "1/(x-1)^2", "--param", "a=1"], "row 2: --sigma 1/(x-1)^2 is inf"),
        (["a*x", "--target", "id", "--param", "a=1"], 'column id: not a number: "run 0"'),
        (["x*[a, 1]", "--target", "y", "--param", "a=1"], "the model is an array of shape 2 in every row"),
        (["a*x", "--target", "[y, x]", "--param", "a=1"], "--target is an array of shape 2 in every row"),
        (["a*x", "--target", "y", "--param", "a=1", "--param", "b=1"], "the program has no input b"),
        (["a*x + 0*y", "--target", "b*0 + y", "--param", "a=1", "--param", "b=1"], "--target depends on"),
        (["q = b*x; a*x", "--target", "y", "--param", "a=1", "--param", "b=1"], "the model does not depend on b"),
        (["a*x", "--target", "y", "--param", "a=1", "--bounds", "b=0..1"], "--bounds: b is not a parameter"),
        (["a*x", "--target", "y", "--param", "a=5", "--bounds", "a=0..1"], "a starts at 5.0, outside of its bounds"),
        (["a*x", "--target", "y", "--param", "a=nan"], "a starts at nan"),
        (["a*x", "--target", "y", "--param", "a=1", "--plot", "fit.txt"], "there is no plot"),
        (["a*x", "--target", "y", "--param", "a=1", "--absolute-sigma"], "--absolute-sigma is about --sigma"),
        (["a*x", "--target", "Y", "--param", "a=1"], "did you mean --target y? the data has x, y"),
        (["a*x", "--target", "y", "--param", "a=1", "--engine", "magic"], "there is no engine magic"),
        (["a*x", "--target", "y +", "--param", "a=1"], "y +"),
        (["a*x + b*x^2 + c*x^3 + d + e1*x^4 + f*x^5 + g*x^6", "--target", "y", *(f"--param={x}=1" for x in
          ("a", "b", "c", "d", "e1", "f", "g"))], "6 rows of data can't determine 7 parameters"),
        (["a*data", "--target", "y", "--param", "a=1"], "--data is an option here and also an input of the program"),
    ],
)  # fmt: skip
def test_what_can_not_be(arguments: list[str], message: str, data: str, refused: Refused, tmp_path: Path) -> None:
    """Status 2, one message, nothing written."""
    assert message in refused("fit", *arguments, "--data", data, "-o", str(tmp_path / "out.json"))
    assert not (tmp_path / "out.json").exists()


def test_a_picture_is_not_drawn_behind_json(refused: Refused, data: str) -> None:
    message = refused("fit", *LINE, "--data", data, "--json", "--plot", "-")
    assert "--plot - draws below a table, and the result is json" in message


def test_a_file_in_place_of_its_option(refused: Refused) -> None:
    message = refused("fit", "a*x", "growth.csv", "--target", "y", "--param", "a=1")
    assert "did you mean --data growth.csv?" in message


def test_without_a_model_there_is_an_example_that_works(cli: Cli, refused: Refused, tmp_path: Path) -> None:
    message = refused("fit")
    command = message.partition("write it in quotes: gradcli ")[2].strip()
    path = tmp_path / "decay.csv"
    path.write_text("t,y\n0,4.1\n5,2.4\n10,1.6\n20,0.5\n")
    outcome = cli(*shlex.split(command.replace("decay.csv", str(path))))
    assert outcome.status == 0, outcome.err


def test_numbered_columns_make_an_array(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("x0,x1,x2,y\n1,2,3,4\n2,1,1,3\n")
    message = refused("fit", "sum(w*x)", "--data", str(path), "--target", "y", "--param", "w=zeros(3)")
    assert "did you mean --map x=x0,x1,x2?" in message


@pytest.mark.parametrize("quiet", [True, False])
def test_why_a_fit_did_not_converge_is_said_once(quiet: bool, cli: Cli, data: str) -> None:
    """Also where nothing else is said; the parameters have moved by as many steps as are told."""
    start = ["--param", "a=1", "--param", "k=1", "--epochs", "1", "--json"]
    outcome = cli("fit", "a*exp(k*x)", "--data", data, "--target", "y", *start, *(["--quiet"] if quiet else []))
    assert outcome.status == 1
    assert "gradcli: not converged: all epochs are done\nhint: --epochs N allows more" in outcome.err
    assert outcome.err.count("all epochs are done") == 1
    found = json.loads(outcome.out)
    assert (found["steps"], len(found["history"])) == (1, 1)
    assert found["parameters"] != {"a": 1.0, "k": 1.0}
    assert found["standard_errors"] == {"a": "NaN", "k": "NaN"}
    x, y, _ = np.array(ROWS).T
    assert math.isclose(found["history"][0]["loss"], float(np.sum((np.exp(x) - y) ** 2)), rel_tol=1e-13)


def test_errors_that_mean_nothing_are_not_in_the_table(cli: Cli, data: str) -> None:
    outcome = cli("fit", "a*exp(k*x)", "--data", data, "--target", "y", "--param=a=1", "--param=k=1", "--epochs", "1")
    assert "nan" not in outcome.out
    assert "1 step" in outcome.out


def test_a_model_that_is_no_number_at_the_start(cli: Cli, data: str) -> None:
    """The gate, the first row where it is so, its value."""
    arguments = ["fit", "log(a*(x - 1.2)) + k", "--data", data, "--target", "y", "--param", "a=1", "--param", "k=0"]
    outcome = cli(*arguments, "--quiet", "--json")
    assert outcome.status == 1
    assert f"in {data}, row 1, log(a*(x - 1.2)) is undefined at a*(x - 1.2) = -0.7" in outcome.err
    assert "in 2 of 6 rows" in outcome.err
    assert (
        "\n  log(a*(x - 1.2)) + k\n  ^^^^^^^^^^^^^^^^\nhint: give other start values (--param), or --bounds"
        in outcome.err
    )
    assert json.loads(outcome.out)["reason"] == "nonfinite"


def test_sigma_by_its_word(cli: Cli, data: str) -> None:
    """Standard errors are those of linear algebra with these uncertainties, and do not depend on the residuals."""
    x, y, err = np.array(ROWS).T
    design = np.stack([np.ones_like(x), x], axis=1) * (y / err)[:, None]
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    arguments = [*LINE, "--data", data, "--sigma", "y_err/y"]
    absolute, scaled = fitted(cli, *arguments, "--absolute-sigma"), fitted(cli, *arguments)
    assert math.isclose(absolute["standard_errors"]["k"], errors[1], rel_tol=1e-9)
    deviation = scaled["residual_standard_deviation"]
    assert math.isclose(scaled["standard_errors"]["k"], errors[1] * deviation, rel_tol=1e-9)
    assert absolute["parameters"] == scaled["parameters"]
    assert [one["settings"]["absolute_sigma"] for one in (absolute, scaled)] == [True, False]
    chi = absolute["residual_sum_of_squares"]
    for more, told in (["--absolute-sigma"], "of sigma as it is"), ([], "scaled by the residual standard deviation"):
        table = cli("fit", *arguments, *more).out
        assert re.search(rf"standard errors +{told}", table)
        assert re.search(rf"sum of squares \(χ²\) +{re.escape(repr(chi))}", table)
        assert re.search(rf"reduced χ² +{re.escape(repr(chi / 4))}", table)
    assert "χ" not in cli("fit", *LINE, "--data", data).out


def test_without_data(refused: Refused) -> None:
    assert "there is no data to fit to" in refused("fit", "a*x", "--target", "y", "--param", "a=1")


def test_a_row_is_told_by_its_place_in_the_data_where_rows_are_left_out(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n1,\n2,-1\n3,4\n")
    arguments = ["fit", "a*x", "--data", str(path), "--target", "log(y)", "--param", "a=1", "--on-error", "skip"]
    assert "row 1 of the data: --target log(y) is nan" in refused(*arguments)


def test_without_scipy(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "scipy"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert 'pip install "gradcli[fit]"' in refused("fit", *MISRA)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".ndjson", ".tsv"])
def test_parameters_as_a_table(suffix: str, cli: Cli, tmp_path: Path) -> None:
    """A row per number, with its standard error, in whatever format of tables the name says."""
    target = tmp_path / f"parameters{suffix}"
    assert cli("fit", *MISRA, "--quiet", "-o", str(target)).out == ""
    found = cli("batch", "value^2", str(target), "--wrt", "value", "--prefix", "its_", "--to", "ndjson", "--quiet")
    rows = [json.loads(one) for one in found.out.splitlines()]
    assert [row["parameter"] for row in rows] == ["b1", "b2"]
    for row, (value, deviation) in zip(rows, CERTIFIED.values(), strict=True):
        assert math.isclose(float(row["value"]), value, rel_tol=1e-9)
        assert math.isclose(float(row["standard_error"]), deviation, rel_tol=1e-6)


def test_a_table_of_parameters_is_a_file(refused: Refused) -> None:
    assert "parquet goes to a file" in refused("fit", *MISRA, "--format", "parquet")
