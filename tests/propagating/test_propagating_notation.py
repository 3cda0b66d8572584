"""A number with its uncertainty is read as the `uncertainties` package reads it, and nothing else is taken for one."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uncertainties import ufloat_fromstr

from gradcli.cli.values import constant
from gradcli.errors import GradcliError
from gradcli.propagating.notation import measured

# Texts that both read.
SHARED = (
    "2.0±0.1", "2.0+/-0.1", "2.0 ± 0.1", "-2.0 +/- 0.1", "2.0(1)", "1.234(56)", "1.234(56)e-3", "12(3)",
    "1.20(1.10)", "-1.23(3.4)", "12.3(0.4)e-5", "169.1(15)", "169.0(7)",
    "(2.0±0.1)e-3", "(2.0+/-0.1)e+04", "(1.5±0.25)×10⁻³", "2e3±1e2", "12345.6789(12)", "(3.145+/-0.001)E10",
)  # fmt: skip


@pytest.mark.parametrize("text", SHARED)
def test_as_the_uncertainties_package_reads_it(text: str) -> None:
    found, expected = measured(text, "x", constant), ufloat_fromstr(text)
    assert found is not None
    assert found.value == pytest.approx(expected.nominal_value, rel=1e-15)
    assert found.uncertainty == pytest.approx(expected.std_dev, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "value", "uncertainty"),
    [
        ("2.0 ± 5%", 2.0, 0.1),
        ("-2.0 ± 5 %", -2.0, 0.1),
        ("0 ± 0%", 0.0, 0.0),
        ("2.0±0", 2.0, 0.0),
        ("2.0+-0.1", 2.0, 0.1),
        ("-2.0+-0.1e-3", -2.0, 1e-4),
        ("pi/2 ± 1/sqrt(12)", math.pi / 2, 1 / math.sqrt(12)),
        ("(1 + 2) ± (3 + 4)", 3.0, 7.0),
        ("(2.0 ± 0.1)", 2.0, 0.1),
        ("((1+1) ± 0.1)e2", 200.0, 10.0),
        ("(2.0 ± 5%)e3", 2000.0, 100.0),
        ("6.674 30(15)e-11", 6.6743e-11, 1.5e-15),
        ("6.674\u202f30(15) × 10^-11", 6.6743e-11, 1.5e-15),
        ("1.602(3)*10**(-19)", 1.602e-19, 3e-22),
        ("−2.0(1)", -2.0, 0.1),
        ("2.(1)", 2.0, 1.0),
        (".50(2)", 0.5, 0.02),
        ("2.0 (1)", 2.0, 0.1),
        ("2 +− 0.1", 2.0, 0.1),
        ("1.0000000(1)e-3", 1e-3, 1e-10),
        ("1.00000000(25)", 1.0, 2.5e-7),
        ("7(1)e-400", 0.0, 0.0),
        ("1e308 ± 1e307", 1e308, 1e307),
        ("nan ± 1", math.nan, 1.0),
        ("0.3(1)", 0.3, 0.1),
    ],
)
def test_more_ways_to_write_it(text: str, value: float, uncertainty: float) -> None:
    found = measured(text, "x", constant)
    assert found is not None
    assert found.value == pytest.approx(value, rel=1e-15, nan_ok=True)
    assert found.uncertainty == pytest.approx(uncertainty, rel=1e-15)


@pytest.mark.parametrize("text", ["2.0", "pi/2", "2(3+4)", "-1e-3", "1+2", "3 - 1", "sqrt(2)", "abc", "", "2.0(1"])
def test_what_has_no_uncertainty(text: str) -> None:
    """It is left to those who read plain values."""
    assert measured(text, "x", constant) is None


REFUSED = {
    "2.0±": "the value of x has no number after ±: 2.0±",
    "±0.1": "the value of x has no number before ±: ±0.1",
    "2.0 +-": "the value of x has no number after +-",
    "2±-0.1": "the uncertainty of x is negative: 2±-0.1",
    "2.0(-1)": "the uncertainty of x is negative: 2.0(-1)",
    "2±nan": "the uncertainty of x is not a finite number: 2±nan",
    "2±inf": "the uncertainty of x is not a finite number: 2±inf",
    "2(nan)": "the uncertainty of x is not a finite number: 2(nan)",
    "2±1e999": "the uncertainty of x is not a finite number: 2±1e999",
    "2±abc": "the uncertainty of x is not a number: abc",
    "abc±1": "the value of x is not a number: abc",
    "2±0.1±0.2": "the value of x has more than one uncertainty: 2±0.1±0.2",
    "3*(2±0.1)": "the value of x has an uncertainty inside parentheses: 3*(2±0.1)",
    "(2+-0.1)*3": "the value of x has an uncertainty inside parentheses: (2+-0.1)*3",
    "0 ± 5%": "the uncertainty of x is a share of 0: 0 ± 5%",
    "2 ± %": "the uncertainty of x is empty",
    "12e-3(4)": "the value of x has its power of ten first: 12e-3(4)",
    "1(1)e" + "9" * 5000: "the value of x is not a number: 1(1)e999",
    "2.0(1) ± 0.1": "the value of x has more than one uncertainty: 2.0(1) ± 0.1",
    "2.0 ± 0.1(1)": "the value of x has more than one uncertainty",
    "2.0(1)(2)": "the value of x has more than one uncertainty",
    "(2.0(1) ± 0.1)e-3": "the value of x has more than one uncertainty",
    "2 ± -5%": "the uncertainty of x is negative: 2 ± -5%",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(GradcliError) as caught:
        measured(text, "x", constant)
    assert caught.value.message.startswith(REFUSED[text])
    assert caught.value.hint


ASYMMETRIC = (
    "2.0 +0.1 -0.2", "2.0 -0.2 +0.1", "2.0+0.1-0.2", "2.0 + 0.1 − 0.2", "2.0 +0.1/-0.2", "2.0 +0.1, -0.2",
    "2.0(+0.1-0.2)", "1.23(+4-5)e-3", "(2.0 +0.1 -0.2)e-3", "-2e3 +1e2 -2e2", "2.0 +0.1 -0.2 ± 0.3",
    "2.0 ± 0.3 +0.1 -0.2", "2.0 +5% -3%",
)  # fmt: skip


@pytest.mark.parametrize("text", ASYMMETRIC)
def test_two_different_uncertainties_are_no_sum(text: str) -> None:
    with pytest.raises(GradcliError) as caught:
        measured(text, "x", constant)
    assert caught.value.message == f"the value of x has two different uncertainties: {text}"
    assert (caught.value.hint or "").startswith("gradcli has symmetric uncertainties; take the larger one, or the mean")


@pytest.mark.parametrize(
    "text",
    ["pi/2", "2 - 0.5", "2 -0.5", "2 + 0.1", "(2 + 0.1 - 0.2)", "2 + 3 + 4", "1e+3 - 1e-3", "2 + 1 - 3*4", "-2 - 3"],
)
def test_constant_expressions_stay_what_they_are(text: str) -> None:
    assert measured(text, "x", constant) is None
    assert measured(f"({text}) ± 1", "x", constant) == (constant(text, "x"), 1.0)


def outcome(text: str) -> tuple[float, float] | str | None:
    """What is read, or the message of the refusal."""
    try:
        return measured(text, "x", constant)
    except GradcliError as error:
        return error.message


@given(st.text(alphabet="0123456789.±+-/()%eE^*×⁻¹ x,−nif", max_size=25))
def test_any_text_is_read_refused_or_left_alone(text: str) -> None:
    found = outcome(text)
    if isinstance(found, str):
        assert "x" in found
    elif found is not None:
        assert found[1] >= 0
        assert math.isfinite(found[1])


@pytest.mark.parametrize(
    "text",
    [
        "1" * 100_000,
        "1 " * 50_000,
        "2±" * 50_000,
        "(" * 50_000 + "±",
        "1 +" + "1 " * 50_000 + "-" + "1 " * 50_000,
        "1" + "(1)" * 50_000 + "x",
        "1" * 100_000 + "(" + "1" * 100_000 + ")",
    ],
)
def test_long_texts_take_no_longer_than_they_are(text: str) -> None:
    start = time.perf_counter()
    found = outcome(text)
    assert time.perf_counter() - start < 5.0
    assert found is None or not isinstance(found, str) or len(found) < 500
