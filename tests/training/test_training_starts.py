"""Start values: limits and moments of what is drawn, and the very numbers of one seed."""

from __future__ import annotations

from math import inf, isinf, sqrt

import numpy as np
import pytest

from gradcli.errors import GradcliError, LimitError, UsageError
from gradcli.training.specs import parse_spec
from gradcli.training.starts import STARTS, draw, is_start, shape_of_start


def drawn(text: str, name: str = "W", seed: int = 0, fans: tuple[int, int] | None = None) -> np.ndarray:
    return np.asarray(draw(parse_spec(text, "start"), name, seed, fans))


def test_the_very_numbers_of_a_seed() -> None:
    """Frozen streams: these may never change, on any machine, with any version of NumPy."""
    assert drawn("uniform(2, 2)", "W", 7).tolist() == [
        [0.24227499050036738, 0.021349271926477842],
        [0.3734899542086867, -0.1928419288845673],
    ]
    assert drawn("normal()", "w", 0).item() == 1.4835262685207355


def test_zeros_and_ones() -> None:
    assert drawn("zeros(2,3)").tolist() == [[0.0] * 3] * 2
    assert drawn("ones").item() == 1.0
    assert isinstance(draw(parse_spec("normal()", "start"), "w", 0), float)


SHAPE = (400, 500)
END = sqrt(6.0 / 900.0)
# What a start of this shape is like: its mean, its standard deviation, and the ends that it fills but never leaves.
MOMENTS: dict[str, tuple[float, float, float, float]] = {
    "zeros": (0.0, 0.0, 0.0, 0.0),
    "ones": (1.0, 0.0, 1.0, 1.0),
    "normal": (0.0, 1.0, -inf, inf),
    "normal sd=2.5": (0.0, 2.5, -inf, inf),
    "uniform": (0.0, 2.0 / sqrt(12.0), -1.0, 1.0),
    "uniform low=-3": (-1.0, 4.0 / sqrt(12.0), -3.0, 1.0),
    "uniform high=3": (1.0, 4.0 / sqrt(12.0), -1.0, 3.0),
    "glorot": (0.0, END / sqrt(3.0), -END, END),
    "he": (0.0, sqrt(2.0 / 400.0), -inf, inf),
}


@pytest.mark.parametrize("text", MOMENTS)
def test_every_start_is_distributed_as_it_says(text: str) -> None:
    name, _, setting = text.partition(" ")
    mean, deviation, low, high = MOMENTS[text]
    found = drawn(f"{name}(400, 500{', ' if setting else ''}{setting})")
    assert found.shape == SHAPE
    assert found.mean() == pytest.approx(mean, abs=0.01 * deviation)
    assert found.std() == pytest.approx(deviation, rel=0.01)
    for end, extreme in ((low, found.min()), (high, found.max())):
        assert low <= extreme <= high
        assert isinf(end) or abs(end - extreme) <= 1e-3 * deviation


def test_every_row_and_setting_has_its_moments() -> None:
    """A new one needs numbers above."""
    expected = {*STARTS} | {f"{name} {key}" for name, row in STARTS.items() for key in row.settings}
    assert {text.partition("=")[0] for text in MOMENTS} == expected


def test_a_deviation_of_0_is_a_constant() -> None:
    assert drawn("normal(3, sd=0)").tolist() == [0.0] * 3


def test_glorot_and_he_go_by_inputs_and_outputs() -> None:
    end = sqrt(6.0 / 700.0)
    found = drawn("glorot(300, 400)")
    assert 0.999 * end < abs(found).max() <= end
    assert drawn("he(300, 400)").std() == pytest.approx(sqrt(2.0 / 300.0), rel=0.01)
    assert drawn("he(300, 400)", fans=(400, 300)).std() == pytest.approx(sqrt(2.0 / 400.0), rel=0.01)
    assert drawn("he(10000)").std() == pytest.approx(sqrt(2.0 / 10000.0), rel=0.03)
    assert drawn("he(7, 300, 40)").std() == pytest.approx(sqrt(2.0 / 300.0), rel=0.01)
    assert abs(drawn("glorot(5000)")).max() <= sqrt(6.0 / 5001.0)


def test_seed_and_name_alone_decide() -> None:
    assert drawn("normal(3)", "W", 1).tolist() == drawn("normal(3)", "W", 1).tolist()
    assert drawn("normal(3)", "W", 1).tolist() != drawn("normal(3)", "W", 2).tolist()
    assert drawn("normal(3)", "W", 1).tolist() != drawn("normal(3)", "V", 1).tolist()
    assert drawn("normal(3)", "W", 2**70).shape == (3,)


def test_a_name_in_another_normal_form_is_the_same_name() -> None:
    assert drawn("normal()", "\u00e9").item() == drawn("normal()", "e\u0301").item()


def test_drawing_leaves_the_global_stream_alone() -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[union-attr, index]
    drawn("normal(3)")
    assert np.random.get_state()[1].tolist() == before  # type: ignore[union-attr, index]


@pytest.mark.parametrize(
    ("text", "shape"),
    [("normal", ()), ("normal()", ()), ("zeros(3)", (3,)), ("he(4, 2)", (4, 2)), ("ones(1,1,1)", (1,) * 3)],
)
def test_shapes(text: str, shape: tuple[int, ...]) -> None:
    assert shape_of_start(parse_spec(text, "start")) == shape
    assert drawn(text).shape == shape


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("glorrot(4,2)", "there is no start glorrot", "did you mean glorot?"),
        ("zeros(0)", "start zeros: 0 is no size", "zeros(4, 2) has four rows of two numbers"),
        ("normal(3, 0.1)", "start normal: 0.1 is no size", "normal(sd=0.1)"),
        ("normal(3, std=0.1)", "start normal has no number std", "did you mean sd?"),
        ("normal(sd=-1)", "start normal: sd is -1", "it is not negative"),
        ("uniform(low=2)", "start uniform: low is above high", None),
        ("zeros(2, sd=1)", "start zeros has no number sd", "leave it out"),
        ("zeros(100000, 100000)", "start zeros has 10,000,000,000 numbers, more than 100,000,000", None),
        ("zeros(1e300, 1e300)", "more than", None),
    ],
)
def test_what_is_wrong_with_a_start(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(GradcliError) as caught:
        shape_of_start(parse_spec(text, "start"))
    assert isinstance(caught.value, UsageError | LimitError)
    assert message in caught.value.message
    assert (hint or "") in (caught.value.hint or "")


@pytest.mark.parametrize("text", [*STARTS, "glorot(4,2)", " he (3)", "glorrot(4,2)", "Zeros(2)", "uniforn"])
def test_starts_and_near_misses_are_told(text: str) -> None:
    assert is_start(text)


@pytest.mark.parametrize(
    "text", ["0.5", "[1, 2]", "@file.json", "pi/2", "sqrt(2)", "-1", "", "nan", "inf", "e", "cos(1)"]
)
def test_values_are_no_starts(text: str) -> None:
    assert not is_start(text)


def test_every_row_says_what_it_is() -> None:
    for name, row in STARTS.items():
        assert row.name == name
        assert row.doc.endswith(".")
        assert all(default is not None and domain.holds(default) for default, domain in row.settings.values())
