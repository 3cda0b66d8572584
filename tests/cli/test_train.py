"""gradcli train: what it learns, from what data, and what it gives."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outcomes import Cli
from processes import process

LINE = "(w*x + b - y)^2"


@pytest.fixture
def points(tmp_path: Path) -> str:
    """Points on y = 2x + 1, one of them beside it."""
    path = tmp_path / "points.csv"
    path.write_text("x,y\n0,1\n1,3\n2,5\n3,8\n")
    return str(path)


@pytest.fixture
def rows(tmp_path: Path) -> str:
    """Two classes, of four numbers each."""
    generator = np.random.RandomState(7)
    x = generator.normal(size=(120, 4))
    y = (x.sum(axis=1) + generator.normal(size=120) > 0).astype(int)
    path = tmp_path / "rows.csv"
    lines = [",".join([*map(repr, row.tolist()), str(label)]) for row, label in zip(x, y, strict=True)]
    path.write_text("x1,x2,x3,x4,y\n" + "\n".join(lines) + "\n")
    return str(path)


def trained(cli: Cli, *arguments: str, status: int = 0) -> dict[str, Any]:
    outcome = cli("train", *arguments, "--json", "--quiet")
    assert outcome.status == status, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    return found


STARTS = ("--param", "w=0", "--param", "b=0")


def test_one_step_is_that_by_hand(cli: Cli, points: str) -> None:
    """w = 0 - 0.1 · mean(2 (0 - y) x), b = 0 - 0.1 · mean(2 (0 - y)), by exact sums of the rows."""
    found = trained(cli, LINE, "--data", points, *STARTS, "--epochs", "1")
    xs, ys = (0, 1, 2, 3), (1, 3, 5, 8)
    slope = sum(-2 * y * x for x, y in zip(xs, ys, strict=True)) / 4
    assert found["parameters"]["w"] == pytest.approx(-0.1 * slope, rel=1e-15)
    assert found["parameters"]["b"] == pytest.approx(-0.1 * sum(-2 * y for y in ys) / 4, rel=1e-15)
    assert found["history"][0]["loss"] == pytest.approx(sum(y * y for y in ys) / 4, rel=1e-15)
    assert (found["steps"], found["epochs"], found["rows"], found["converged"]) == (1, 1, 4, False)


def test_the_step_of_one_squared_error(cli: Cli, tmp_path: Path) -> None:
    """p = 1.5 - 0.25, r = p - 2 = -0.75, so the loss is 0.5625 and its gradients are 2r·3 = -4.5 and 2r = -1.5."""
    data = tmp_path / "one.csv"
    data.write_text("x,t\n3,2\n")
    given = ("(w*x + b - t)^2", "--data", str(data), "--param", "w=0.5", "--param", "b=-0.25")
    found = trained(cli, *given, "--epochs", "1")
    assert found["parameters"] == {"w": 0.5 - 0.1 * -4.5, "b": -0.25 - 0.1 * -1.5}
    assert found["history"][0]["loss"] == 0.5625
    text = cli("train", *given, "--explain-step", "1").out
    for line in ("w = 0.5 - 0.1*(-4.5) = 0.95", f"b = -0.25 - 0.1*(-1.5) = {-0.25 - 0.1 * -1.5!r}", "0.5625"):
        assert line in text


def test_enough_steps_give_least_squares(cli: Cli, points: str) -> None:
    found = trained(cli, LINE, "--data", points, *STARTS, "--epochs", "2000")
    w, b = np.polyfit([0, 1, 2, 3], [1, 3, 5, 8], 1)
    assert found["parameters"] == pytest.approx({"w": w, "b": b}, rel=1e-12)


def test_per_row_and_whole_columns_are_one_loss(cli: Cli, points: str) -> None:
    single = trained(cli, LINE, "--data", points, *STARTS)
    whole = trained(cli, f"mean({LINE})", "--data", points, *STARTS)
    assert (single["engine"], whole["engine"]) == ("numpy", "arrays")
    assert whole["parameters"] == pytest.approx(single["parameters"], rel=1e-12)
    summed = trained(cli, LINE, "--data", points, *STARTS, "--reduce", "sum", "--lr", "0.025")
    assert summed["parameters"] == pytest.approx(single["parameters"], rel=1e-12)
    assert summed["loss"] == pytest.approx(4 * single["loss"], rel=1e-12)


def test_a_penalty_is_added_to_the_loss(cli: Cli, points: str) -> None:
    found = trained(
        cli, LINE, "--data", points, *STARTS, "--penalty", "k*w^2", "--k", "0.5", "--epochs", "3000"
    )  # fmt: skip
    x, y = np.array([0.0, 1, 2, 3]), np.array([1.0, 3, 5, 8])
    spread = x - x.mean()
    w = (spread @ y / 4) / (spread @ spread / 4 + 0.5)
    assert found["parameters"]["w"] == pytest.approx(w, rel=1e-9)
    rest = w * x + y.mean() - w * x.mean() - y
    assert found["loss"] == pytest.approx(rest @ rest / 4 + 0.5 * w * w, rel=1e-9)
    assert found["constants"] == {"k": 0.5}


def test_a_function_without_data(cli: Cli) -> None:
    found = trained(cli, "(x - 3)^2 + (y + 1)^2", "--param", "x=0", "--param", "y=0")
    assert found["parameters"] == pytest.approx({"x": 3.0, "y": -1.0}, rel=1e-6)
    assert (found["rows"], found["data"]) == (0, {})


def test_starts_of_every_kind(cli: Cli, rows: str, tmp_path: Path) -> None:
    """A number, a constant expression, an array, a file, a shape to draw; a parameter's draw is its own."""
    (tmp_path / "start.json").write_text("[1, 2, 3, 4]")
    program = "mean((x@w - y)^2)"
    columns = ("--data", rows, "--map", "x=x1,x2,x3,x4", "--epochs", "1", "--lr", "1e-300")
    for start, wanted in (
        ("[1, pi/2, 3, -4]", [1.0, math.pi / 2, 3.0, -4.0]),
        (f"@{tmp_path}/start.json", [1.0, 2.0, 3.0, 4.0]),
        ("ones(4)", [1.0] * 4),
    ):
        assert trained(cli, program, *columns, "--param", f"w={start}")["parameters"] == {"w": wanted}
    drawn = trained(cli, program, *columns, "--param", "w=normal(4)")["parameters"]["w"]
    beside = trained(cli, f"{program} + q^2", *columns, "--param", "q=normal()", "--param", "w=normal(4)")
    assert beside["parameters"]["w"] == drawn
    assert isinstance(beside["parameters"]["q"], float)
    other = trained(cli, program, *columns, "--param", "w=normal(4)", "--seed", "1")["parameters"]["w"]
    assert other != drawn


def test_fans_come_from_the_program(cli: Cli, rows: str) -> None:
    """he(…) draws with the deviation √(2/fan in): of W@x these are columns, of x@W rows, so the same numbers scale."""
    columns = ("--data", rows, "--map", "x=x1,x2,x3,x4", "--epochs", "1", "--lr", "1e-300", "--reduce", "mean")
    left = trained(cli, "sum((W@x - y)^2)", *columns, "--param", "W=he(2,4)")["parameters"]["W"]
    right = trained(cli, "sum((x@W - y)^2)", *columns, "--param", "W=he(4,2)")["parameters"]["W"]
    assert np.ravel(left) == pytest.approx(np.ravel(right), rel=1e-12)
    assert np.shape(left) == (2, 4)


def test_the_parameters_of_a_result_go_on(cli: Cli, points: str, tmp_path: Path) -> None:
    """10 epochs and 10 more are 20 of an optimiser that remembers nothing; --param @FILE takes all parameters."""
    model = str(tmp_path / "model.json")
    assert cli("train", LINE, "--data", points, *STARTS, "--epochs", "10", "-o", model, "--quiet").out == ""
    more = trained(cli, LINE, "--data", points, "--param", f"@{model}", "--epochs", "10")
    assert more["parameters"] == trained(cli, LINE, "--data", points, *STARTS, "--epochs", "20")["parameters"]
    value = cli("eval", "w*x + b", "--vars", model, "--x", "2", "--json").trace["value"]
    parameters = json.loads(Path(model).read_text())["parameters"]
    assert value == parameters["w"] * 2 + parameters["b"]


def test_lists_of_ndjson_and_a_pipe(cli: Cli, tmp_path: Path) -> None:
    lines = [{"v": [1, 2], "y": 5}, {"v": [0, 1], "y": 2}, {"v": [3, 1], "y": 5}]
    content = "\n".join(map(json.dumps, lines))
    path = tmp_path / "lists.ndjson"
    path.write_text(content)
    given = ("(v@w - y)^2", "--param", "w=zeros(2)", "--epochs", "1000", "--lr", "0.05")
    found = trained(cli, *given, "--data", str(path))
    assert found["parameters"]["w"] == pytest.approx([1.0, 2.0], rel=1e-9)
    assert found["data"] == {"v": ["v"], "y": ["y"]}
    piped = process("train", *given, "--data", "-", "--from", "ndjson", "--json", "--quiet", stdin=content.encode())
    assert json.loads(piped.stdout) == found


def test_several_files_are_one_data_set(cli: Cli, points: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("y,x\n1,0\n3,1\n")
    (tmp_path / "b.csv").write_text("x,y\n2,5\n3,8\n")
    both = trained(cli, LINE, "--data", f"{tmp_path}/a.csv", "--data", f"{tmp_path}/b.csv", *STARTS)
    assert both == trained(cli, LINE, "--data", points, *STARTS)
    pattern = trained(cli, LINE, "--data", f"{tmp_path}/[ab].csv", *STARTS)
    assert pattern == both


BATCHES = ("--batch-size", "32", "--shuffle", "--optimizer", "adam", "--epochs", "12")
LOGISTIC = ("z = x@w + b\nsoftplus(z) - y*z", "--map", "x=x1,x2,x3,x4", "--param", "w=zeros(4)", "--param", "b=0")


def test_what_is_looked_at_does_not_change_the_result(cli: Cli, rows: str, tmp_path: Path) -> None:
    """To the byte, but for what was watched."""
    given = ("train", *LOGISTIC, "--data", rows, *BATCHES, "--validate", "0.25", "--json")
    plain = cli(*given, "--quiet").out
    assert cli(*given).out == plain
    checkpoint = ("--checkpoint", str(tmp_path / "c"), "--every", "5")
    assert cli(*given, *checkpoint).out == plain
    watched = json.loads(cli(*given, "--watch").out)
    assert len(watched.pop("watch")) == 12
    expected = json.loads(plain)
    assert {**watched, "warnings": []} == {**expected, "warnings": []}


def test_batches_of_an_epoch_hold_every_row_once(cli: Cli, rows: str) -> None:
    """With rates of next to nothing all batches see one point: the mean of their losses is that of all rows."""
    found = trained(
        cli, *LOGISTIC, "--data", rows, "--lr", "1e-300", "--batch-size", "7", "--shuffle", "--epochs", "12"
    )  # fmt: skip
    for entry in found["history"]:
        assert entry["loss"] == pytest.approx(math.log(2), rel=1e-12)
    assert found["steps"] == 12 * math.ceil(120 / 7)


def test_validation_and_patience(cli: Cli, rows: str, tmp_path: Path) -> None:
    """A file with the data's own rows gives the data's own loss; the best parameters are kept."""
    copy = tmp_path / "copy.csv"
    copy.write_text(Path(rows).read_text())
    found = trained(cli, *LOGISTIC, "--data", rows, "--validate", str(copy), "--epochs", "5")
    assert found["validation_loss"] == found["loss"]
    assert found["rows"] == 120
    share = trained(cli, *LOGISTIC, "--data", rows, "--validate", "0.25", "--epochs", "5")
    assert share["rows"] == 90
    again = trained(
        cli, *LOGISTIC, "--data", rows, "--validate", "0.25", "--patience", "2", "--lr", "40", "--epochs", "500"
    )  # fmt: skip
    assert again["reason"] == "patience"
    losses = [entry["validation_loss"] for entry in again["history"]]
    assert again["validation_loss"] == pytest.approx(min(losses), rel=1e-15)
    assert again["epochs"] == losses.index(min(losses)) + 3


def test_a_tolerance_converges_or_the_status_tells(cli: Cli, points: str) -> None:
    given = (LINE, "--data", points, *STARTS, "--tolerance", "1e-9", "--epochs")
    assert trained(cli, *given, "5000")["reason"] == "loss"
    failed = cli("train", *given, "3", "--quiet")
    assert failed.status == 1
    assert failed.err.startswith("gradcli: not converged: all epochs are done\nhint: --epochs 30, ")
    flat = trained(cli, LINE, "--data", points, *STARTS, "--gradient-tolerance", "1e-6", "--epochs", "5000")
    assert (flat["reason"], flat["converged"]) == ("gradient", True)


def test_bounds_hold(cli: Cli, points: str) -> None:
    found = trained(cli, LINE, "--data", points, *STARTS, "--bounds", "w=..1.5", "--bounds", "b=-1..")
    assert found["parameters"]["w"] == 1.5


def test_a_run_that_diverges_names_the_gate(cli: Cli, points: str, tmp_path: Path) -> None:
    """Status 1, one message with the place, and the last good parameters are written."""
    model = tmp_path / "model.json"
    given = ("e = w*x + b - y\ne^2", "--data", points, *STARTS, "--lr", "5", "-o", str(model), "--quiet")
    outcome = cli("train", *given)
    assert outcome.status == 1
    assert outcome.err.startswith("gradcli: it diverged at step ")
    assert "w*x in the stage e grew from 0 to " in outcome.err
    assert outcome.err.count("gradcli:") == 1
    found = json.loads(model.read_text())
    assert found["reason"] == "diverged"
    assert math.isfinite(found["loss"])
    assert found["warnings"][0]["kind"] == "diverged"
    nan = cli("train", "log(w*x)", "--data", points, "--param", "w=1", "--map", "x=y", "--lr", "1", "--quiet")
    assert nan.status == 1
    assert "log(w*x)" in nan.err


def test_the_history_in_every_format(cli: Cli, points: str, tmp_path: Path) -> None:
    table = tmp_path / "history.csv"
    picture = tmp_path / "loss.svg"
    given = ("--epochs", "6", "--history", str(table), "--plot", str(picture))
    found = trained(cli, LINE, "--data", points, *STARTS, *given)
    with table.open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["loss"]) for line in lines] == [entry["loss"] for entry in found["history"]]
    assert [float(line["epoch"]) for line in lines] == [1, 2, 3, 4, 5, 6]
    assert picture.read_text().lstrip().startswith("<")
    other = tmp_path / "history.parquet"
    trained(cli, LINE, "--data", points, *STARTS, "--epochs", "6", "--history", str(other))
    assert other.read_bytes()[:4] == b"PAR1"


def test_formats_and_where_they_go(cli: Cli, points: str, tmp_path: Path) -> None:
    given = ("train", LINE, "--data", points, *STARTS, "--epochs", "3")
    table = cli(*given)
    assert (table.status, table.err) == (0, "")
    assert "w" in table.out
    drawn = cli(*given, "--plot", "-")
    assert drawn.out.startswith(table.out)
    assert "epoch" in drawn.out[len(table.out) :]
    written = cli(*given, "-o", str(tmp_path / "model.csv"))
    assert written.out == ""
    assert written.err.startswith("3 steps, 4 rows (numpy engine); loss ")
    assert written.err.count("\n") == 1
    assert (tmp_path / "model.csv").read_text() == cli(*given, "--format", "csv").out


def test_a_step_by_hand(cli: Cli, points: str) -> None:
    """The update of step 3, with the numbers that a run of three steps ends at."""
    given = (LINE, "--data", points, *STARTS)
    outcome = cli("train", *given, "--explain-step", "3")
    assert (outcome.status, outcome.err) == (0, "")
    after = trained(cli, *given, "--epochs", "3")["parameters"]
    for name in ("w", "b"):
        assert f"= {after[name]!r}" in outcome.out
    for word in ("Forward pass", "Backward pass", "update"):
        assert word in outcome.out


def test_the_schedule_and_clipping_of_an_explained_step(cli: Cli, rows: str) -> None:
    """The step of a batch in a shuffled epoch is that of the run, whatever shapes it, but for sums' last digits."""
    shaped = ("--schedule", "warmup(3)+cosine(40)", "--clip", "0.1", "--clip-value", "0.2", "--bounds", "b=0..1")
    given = (*LOGISTIC, "--data", rows, "--batch-size", "32", "--shuffle", "--optimizer", "adam", *shaped)
    text = cli("train", *given, "--epochs", "2", "--explain-step", "8").out
    after = trained(cli, *given, "--epochs", "2")
    assert after["steps"] == 8
    told = re.findall(r"-?\d+\.\d+(?:e-?\d+)?", text.partition("The parameters after step 8")[2])
    assert [*map(float, told)] == pytest.approx([*after["parameters"]["w"], after["parameters"]["b"]], rel=1e-12)


def test_notes_of_what_is_not_used(cli: Cli, points: str, tmp_path: Path) -> None:
    model = tmp_path / "model.json"
    model.write_text('{"parameters": {"w": 1, "x": 2, "other": 3}}')
    outcome = cli("train", "(w*x - y)^2", "--data", points, "--param", f"@{model}", "--epochs", "1", "--format", "csv")
    assert outcome.status == 0
    notes = outcome.err.splitlines()
    assert notes[0] == "note: given as a parameter, so the column is not used: x"
    assert notes[1] == "note: not used by the program: other"


def test_rows_without_a_number_are_left_out(cli: Cli, points: str, tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text("x,y\n0,1\n7,\n1,3\n2,5\n,\nq,9\n3,8\n")
    found = trained(cli, LINE, "--data", str(path), *STARTS, "--on-error", "skip")
    assert found == trained(cli, LINE, "--data", points, *STARTS)


RUNS = {
    "steps": (*BATCHES, "--watch", "--validate", "0.25", "--schedule", "step(5)"),
    "momentum": ("--optimizer", "nesterov", "--epochs", "12", "--watch", "--penalty", "0.1*sum(w^2)"),
    "lbfgs": ("--optimizer", "lbfgs", "--epochs", "12", "--watch"),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_in_pieces_is_the_run_in_one_piece(name: str, cli: Cli, rows: str, tmp_path: Path) -> None:
    """To the byte, what was watched included; a run that is done stays as it is."""
    checkpoint = ("--checkpoint", str(tmp_path / "c"), "--resume", "--json", "--quiet")
    given = ("train", *LOGISTIC, "--data", rows, *RUNS[name])
    whole = cli(*given, "--json", "--quiet").out
    for epochs in ("1", "4", "5", "12", "12"):
        short = [epochs if before == "--epochs" else word for before, word in zip(("", *given), given, strict=False)]
        piece = cli(*short, *checkpoint)
        assert piece.status in (0, 1), piece.err
    assert piece.out == whole


def test_a_minimiser_judges_itself(cli: Cli) -> None:
    """It needs no tolerance to converge; cut short, it has not."""
    valley = ("(1 - x)^2 + 100*(y - x^2)^2", "--param", "x=-1.2", "--param", "y=1", "--optimizer", "lbfgs")
    found = trained(cli, *valley)
    assert found["converged"]
    assert found["parameters"] == pytest.approx({"x": 1.0, "y": 1.0}, rel=1e-8)
    assert not trained(cli, *valley, "--epochs", "5", status=1)["converged"]
    bounded = trained(cli, *valley, "--bounds", "x=..0.5")
    assert bounded["parameters"] == pytest.approx({"x": 0.5, "y": 0.25}, rel=1e-8)


def test_least_squares_by_levenberg_and_marquardt(cli: Cli, points: str, tmp_path: Path) -> None:
    """The straight line to the last digits; resumed, it begins anew and ends at the same bytes."""
    given = ("train", LINE, "--data", points, *STARTS, "--optimizer", "lm", "--json", "--quiet")
    whole = cli(*given)
    w, b = np.polyfit([0, 1, 2, 3], [1, 3, 5, 8], 1)
    found = json.loads(whole.out)
    assert found["parameters"] == pytest.approx({"w": w, "b": b}, rel=1e-13)
    assert found["converged"]
    checkpoint = ("--checkpoint", str(tmp_path / "c"), "--every", "1", "--resume")
    assert [cli(*given, *checkpoint) for _ in range(2)] == [whole, whole]
    loose = cli(
        "train", "(u*v*x + b - y)^2", "--data", points, "--param", "u=1", "--param", "v=1", *STARTS[2:], *given[-4:]
    )
    assert loose.status == 1
    assert "do not determine u and v" in loose.err
