"""A result of a training in every format: what people see, and what programs read back."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import jsonschema
import numpy as np
import pytest
from trained import fitted, network

from gradcli.render import Look
from gradcli.render.training import FORMATS, history_columns, render
from gradcli.training.results import Epoch, Training

SCHEMA = json.loads((files("gradcli") / "schemas" / "training-1.json").read_text(encoding="utf-8"))


SCREEN = Look(80)


def text(result: Training, format: str = "table", look: Look = SCREEN) -> str:
    return "".join(render(result, format, look))


def read(result: Training) -> Any:
    """The document, read strictly and held against the schema."""

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    document = json.loads(text(result, "json"), parse_constant=refuse)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def simple(**changes: Any) -> Training:
    """A training of one number, with other fields."""
    whole = network(3, watched=False)._replace(parameters={"w": 0.95}, settings={}, warnings=[])
    return whole._replace(**changes)


@pytest.mark.parametrize(
    ("name", "result", "look"),
    [
        ("fit", fitted(), Look(80)),
        ("fit-narrow", fitted(), Look(40)),
        ("fit-ascii", fitted(), Look(80, unicode=False)),
        ("network", network(), Look(80)),
        ("network-narrow", network(), Look(48)),
        ("network-colors", network(), Look(80, "standard")),
    ],
)
def test_what_a_terminal_shows(name: str, result: Training, look: Look, golden: Callable[[str, str], None]) -> None:
    golden(f"render/golden/training/{name}.txt", text(result, look=look))


@pytest.mark.parametrize(("name", "result"), [("fit", fitted()), ("network", network())])
def test_what_markdown_shows(name: str, result: Training, golden: Callable[[str, str], None]) -> None:
    golden(f"render/golden/training/{name}.md", text(result, "markdown"))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("result", [fitted(), network()], ids=["fit", "network"])
def test_the_same_result_gives_the_same_bytes(format: str, result: Training) -> None:
    assert text(result, format) == text(result, format)


@pytest.mark.parametrize("width", [48, 60, 80, 120])
@pytest.mark.parametrize("result", [fitted(), network()], ids=["fit", "network"])
def test_tables_stay_on_the_screen(width: int, result: Training) -> None:
    lines = text(result, look=Look(width)).splitlines()
    assert max(map(len, lines)) <= width
    assert text(result, look=Look(width, unicode=False)).replace("×", "x").isascii()


def test_numbers_are_never_cut() -> None:
    long = -1.2345678901234567e-300
    for width in (20, 40, 80):
        assert repr(long) in text(simple(parameters={"a_rather_long_name": long}), look=Look(width))
        shown = text(fitted(), look=Look(width))
        assert all(repr(x) in shown for x in fitted().parameters.values())
        assert all(repr(x) in shown for x in fitted().fit.standard_errors)  # type: ignore[union-attr]


def test_a_run_that_did_not_converge_is_marked() -> None:
    bad = simple(reason="diverged", message="the loss is nan since step 7", loss=math.nan)
    shown = text(bad, look=Look(80, "standard"))
    assert "\x1b[33mthe loss is nan since step 7" in shown
    assert "nan" in text(bad)
    assert "\x1b[33m" not in text(simple(), look=Look(80, "standard"))


def test_errors_that_are_not_numbers_have_no_percentage() -> None:
    fit = fitted().fit
    assert fit is not None
    shown = text(fitted()._replace(fit=fit._replace(standard_errors=(math.inf, math.nan), r_squared=math.nan)))
    assert "inf" in shown
    assert "%" not in shown
    assert "R²" not in shown


def test_many_numbers_of_a_fit_are_left_out_and_that_is_said() -> None:
    fit = fitted().fit
    assert fit is not None
    names = tuple(f"w[{at}]" for at in range(300))
    wide = fit._replace(names=names, standard_errors=(0.5,) * 300, covariance=((0.0,) * 300,) * 300)
    result = fitted()._replace(parameters={"w": np.ones(300)}, fit=wide)
    shown = text(result)
    assert "w[99]" in shown
    assert "w[100]" not in shown
    assert "w[299]" in shown
    assert "100 more left out" in shown
    assert "w[100]" in text(result, look=Look(80, every_gate=True))


def test_json_has_all_of_a_training() -> None:
    result = network()
    found = read(result)
    assert found["parameters"]["W1"] == result.parameters["W1"].tolist()
    assert found["parameters"]["scale"] == 0.95
    assert found["output"] == "L"
    assert found["data"] == {"X": ["width", "=height"], "y": ["kind"]}
    assert found["constants"] == {"lambda": 1e-4, "A": [1.0, 2.0]}
    assert found["settings"]["clip"] == "Infinity"
    assert [Epoch(**entry) for entry in found["history"]] == result.history
    assert found["watch"][10]["stages"][1]["dead_units"] == [0, 3]
    assert found["watch"][0]["parameters"][0] == {"name": "W1", "gradient_norm": 1e-3, "update_ratio": None}
    assert found["warnings"] == [one._asdict() for one in result.warnings]
    assert "standard_errors" not in found
    assert "watch" not in read(network(watched=False))


def test_json_has_all_of_a_fit() -> None:
    result = fitted()
    fit, found = result.fit, read(result)
    assert fit is not None
    assert found["standard_errors"] == dict(zip(fit.names, fit.standard_errors, strict=True))
    assert found["covariance"] == {"names": ["a", "b"], "matrix": [list(row) for row in fit.covariance]}
    for name in ("residual_sum_of_squares", "residual_standard_deviation", "degrees_of_freedom", "r_squared"):
        assert found[name] == getattr(fit, name)


def test_standard_errors_have_the_form_of_the_parameters() -> None:
    fit = fitted().fit
    assert fit is not None
    part = fit._replace(names=("W[0,0]", "W[1,1]"), standard_errors=(0.5, math.inf))
    found = read(fitted()._replace(parameters={"W": np.ones((2, 2)), "c": 3.0}, fit=part))
    assert found["standard_errors"] == {"W": [[0.5, None], [None, "Infinity"]], "c": None}


def test_json_is_ascii_and_numbers_that_are_not_finite_are_strings() -> None:
    odd = simple(parameters={"θ": math.nan, "W": np.array([[-math.inf, 5e-324]])}, loss=math.inf, message="nan – ended")
    assert text(odd, "json").isascii()
    assert read(odd)["parameters"] == {"θ": "NaN", "W": [["-Infinity", 5e-324]]}
    assert read(odd)["loss"] == "Infinity"


def test_numbers_of_numpy_are_written_as_numbers() -> None:
    found = read(simple(parameters={"w": np.float64(0.1)}, loss=np.float64(2), settings={"rate": np.float64(0.5)}))
    assert (found["parameters"]["w"], found["loss"], found["settings"]["rate"]) == (0.1, 2.0, 0.5)


@pytest.mark.parametrize(
    "change",
    [{"loss": None}, {"steps": -1}, {"extra": 1}, {"kind": "guess"}, {"covariance": {"names": [], "matrix": []}}],
)
def test_the_schema_is_strict(change: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate({**read(network(2)), **change})


def test_csv_has_a_row_per_number() -> None:
    head, *rows = csv.reader(text(network(), "csv").splitlines())
    assert head == ["parameter", "value"]
    assert len(rows) == 4 * 8 + 8 + 2 + 1
    assert rows[9] == ["W1[1,1]", repr(float(network().parameters["W1"][1, 1]))]
    assert rows[-1] == ["scale", "0.95"]
    head, *rows = csv.reader(text(fitted(), "csv").splitlines())
    assert head == ["parameter", "value", "standard_error"]
    fit = fitted().fit
    assert fit is not None
    assert [float(row[2]) for row in rows] == list(fit.standard_errors)


def test_no_cell_of_csv_is_a_formula() -> None:
    shown = text(simple(parameters={"=HYPERLINK(1)": 1.0, "@x": -2.0}), "csv")
    names = [row[0] for row in csv.reader(shown.splitlines())]
    assert names[1:] == ["(=HYPERLINK(1))", "(@x)"]


def test_names_that_hide_something_are_shown() -> None:
    odd = simple(parameters={"a\x1b[31m\u202e": 1.0}, message="bad\x1b[2J")
    for format in ("table", "markdown", "csv"):
        assert "\x1b" not in text(odd, format)
        assert "\u202e" not in text(odd, format)


def test_the_history_as_columns() -> None:
    found = history_columns(network())
    assert list(found)[:6] == ["epoch", "step", "loss", "gradient_norm", "learning_rate", "validation_loss"]
    assert {len(column) for column in found.values()} == {40}
    assert found["norm_W1"] == [1e-3] * 40
    assert found["dead_h2"][9:11] == [0.0, 0.25]
    assert math.isnan(found["update_ratio_W1"][0])
    assert found["update_ratio_W1"][1] == 0.01
    assert "saturated_h2" not in found


def test_columns_that_nobody_filled_are_left_out() -> None:
    assert list(history_columns(fitted())) == ["epoch", "step", "loss", "gradient_norm"]
    assert "validation_loss" not in history_columns(network(validated=False, watched=False))


def test_what_was_watched_stands_in_the_row_of_its_epoch() -> None:
    """The history and what was watched are thinned each by itself."""
    whole = network(9)
    found = history_columns(whole._replace(history=whole.history[::4], watched=whole.watched[1::3]))
    assert found["epoch"] == [1, 5, 9]
    assert [math.isnan(x) for x in found["norm_h1"]] == [True, False, True]
    assert found["norm_h1"][1] == whole.watched[4].stages[0].gradient_norm
