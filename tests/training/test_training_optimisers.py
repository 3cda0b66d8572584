"""Optimisers against what PyTorch 2.13.0 computes of the same gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pytest

from gradcli.errors import UsageError
from gradcli.graph.describe import TEXT
from gradcli.numeric.text import Text
from gradcli.passes import FLOATS
from gradcli.render.explain.formulas import Formula, Update
from gradcli.training.specs import BELOW_ONE, Setting
from gradcli.training.steps.optimisers import BLOCK, OPTIMISERS, Optimiser, read_optimiser, take, vectors

GRADIENTS = (
    (0.5, -1.25, 3.0), (0.25, 0.75, -2.0), (-0.125, 0.0, 1e-3), (2.0, -1e-6, 0.5), (-1.5, 40.0, 0.25),
    (0.0, -0.5, -0.75), (1.0, 1.0, 1.0), (0.3, -0.2, 0.1),
)  # fmt: skip
START = (1.0, -2.0, 0.5)
WITH_STEPS = [name for name, row in OPTIMISERS.items() if row.step is not None]


class Case(NamedTuple):
    """An optimiser, what differs from its defaults, the rate, and the parameters after every step."""

    name: str
    given: Mapping[str, float]
    rate: float
    expected: tuple[tuple[float, float, float], ...]


# torch.optim of torch 2.13.0, float64, on START with GRADIENTS: SGD, Adagrad, RMSprop, Adam, AdamW.
CASES = (
    Case("gd", {}, 0.1, (
        (0.95, -1.875, 0.19999999999999998),
        (0.9249999999999999, -1.95, 0.4),
        (0.9374999999999999, -1.95, 0.39990000000000003),
        (0.7374999999999998, -1.9499999, 0.34990000000000004),
        (0.8874999999999998, -5.9499999, 0.3249),
        (0.8874999999999998, -5.8999999, 0.39990000000000003),
        (0.7874999999999999, -5.9999999, 0.29990000000000006),
        (0.7574999999999998, -5.9799999, 0.28990000000000005),
    )),
    Case("momentum", {}, 0.01, (
        (0.995, -1.9875, 0.47),
        (0.988, -1.9837500000000001, 0.46299999999999997),
        (0.98295, -1.9803750000000002, 0.45669),
        (0.958405, -1.9773374900000003, 0.446011),
        (0.9513145, -2.374603731, 0.4338999),
        (0.9449330499999999, -2.7271433479000002, 0.43049991),
        (0.929189745, -3.05442900311, 0.417439919),
        (0.9120207705, -3.3469860927990003, 0.4046859271),
    )),
    Case("momentum", {"momentum": 0.5}, 0.2, (
        (0.9, -1.75, -0.10000000000000003),
        (0.8, -1.775, -2.7755575615628914e-17),
        (0.775, -1.7874999999999999, 0.049799999999999976),
        (0.3625, -1.7937497999999998, -0.025300000000000027),
        (0.45625, -9.7968747, -0.11285000000000003),
        (0.503125, -13.69843715, -0.006625000000000014),
        (0.32656250000000003, -15.849218375, -0.15351250000000002),
        (0.17828125000000003, -16.8846089875, -0.24695625000000004),
    )),
    Case("nesterov", {}, 0.01, (
        (0.9905, -1.97625, 0.443),
        (0.9817, -1.980375, 0.4567),
        (0.978405, -1.9773375, 0.451011),
        (0.9363144999999999, -1.974603731, 0.4363999),
        (0.9449330499999999, -2.7321433479, 0.42299991),
        (0.939189745, -3.0444290031100003, 0.427439919),
        (0.9150207705, -3.3489860927990005, 0.4056859271),
        (0.89656869345, -3.6102874735191004, 0.39320733439),
    )),
    Case("nesterov", {"momentum": 0.99}, 0.05, (
        (0.95025, -1.875625, 0.20149999999999998),
        (0.9008725000000001, -1.88899375, 0.253485),
        (0.876801275, -1.8651038125000001, 0.20585065000000002),
        (0.64778326225, -1.8414526748750002, 0.10899214350000003),
        (0.6693054296275001, -5.79803809812625, 0.012977222065000033),
        (0.6163623753312251, -7.685307667144988, 0.004922449844350044),
        (0.4644487515779128, -9.677954540473538, -0.13967677465409345),
        (0.3337042640621337, -11.581274945068802, -0.24328000690755253),
    )),
    Case("adagrad", {}, 0.1, (
        (0.90000000002, -1.900000000008, 0.4000000000033333),
        (0.8552786404780043, -1.9514495755472232, 0.45547001962431777),
        (0.877100429497794, -1.9514495755472232, 0.455442284615574),
        (0.7809657466022374, -1.951449506947789, 0.44170622873942417),
        (0.8394501680593867, -2.0513831667712656, 0.4348543418986845),
        (0.8394501680593867, -2.0501340934740906, 0.4549890228289906),
        (0.8031240393257862, -2.052631460919387, 0.4290608747591107),
        (0.7922903428782022, -2.052131993660488, 0.42646893104726996),
    )),
    Case("adagrad", {"epsilon": 0.001}, 0.5, (
        (0.500998003992016, -1.5003996802557953, 0.0001666111296234618),
        (0.2777904919779986, -1.75747120835616, 0.27743980749402236),
        (0.3867092928485308, -1.75747120835616, 0.27730117090117085),
        (-0.09373318572570943, -1.7574708655941227, 0.20863975425964593),
        (0.19857495175604817, -2.257126681604167, 0.1743897071528915),
        (0.19857495175604817, -2.2508814711327876, 0.2750360920358387),
        (0.017010263503839884, -2.2633679965248796, 0.14542895641311193),
        (-0.03713866430114253, -2.2608707225957057, 0.1324725960692447),
    )),
    Case("rmsprop", {}, 0.01, (
        (0.900000019999996, -1.9000000079999995, 0.4000000033333333),
        (0.855098702557817, -1.9516397823938763, 0.4556630357832843),
        (0.8771091182397852, -1.9516397823938763, 0.45563506405812043),
        (0.780876278262122, -1.9516397128453586, 0.44171558136044864),
        (0.8395933184148938, -2.0515758137546682, 0.4347378274163436),
        (0.8395933184148938, -2.050320418186139, 0.455325839287641),
        (0.802823238998843, -2.052843055176848, 0.42873046073545035),
        (0.7918041553171036, -2.0523359925816194, 0.4260584789601732),
    )),
    Case("rmsprop", {"decay": 0.9, "epsilon": 0.0001}, 0.03, (
        (0.9051916322716015, -1.9051556641249112, 0.40514166914096716),
        (0.8609851170054749, -1.9558534934123215, 0.45968216545948365),
        (0.8836105495434149, -1.9558534934123215, 0.45965342023663147),
        (0.7915556986529321, -1.9558534183063065, 0.44469301745912837),
        (0.8492964175092679, -2.0506784783914824, 0.4368353310305946),
        (0.8492964175092679, -2.0494291573993726, 0.46087245818013445),
        (0.8103059591329334, -2.0520619416779073, 0.4290473733546768),
        (0.798079027378982, -2.051506911780159, 0.4256948297026667),
    )),
    Case("adam", {}, 0.01, (
        (0.9900000002, -1.99000000008, 0.4900000000333333),
        (0.9806782040477462, -1.9880850197463071, 0.4885547947418377),
        (0.9750415904528111, -1.9866047344013849, 0.48743587365635066),
        (0.9681846582704008, -1.985392170729651, 0.485728735982686),
        (0.966676022924239, -1.9908062016624526, 0.483914777519403),
        (0.9653757744116046, -1.9954067824574486, 0.4834371454687777),
        (0.9624763224308626, -1.9995498209324263, 0.4817180891110931),
        (0.9593973816706998, -2.003177314164736, 0.4800742626218467),
    )),
    Case("adam", {"beta1": 0.5, "beta2": 0.9, "epsilon": 0.001}, 0.3, (
        (0.7005988023952097, -1.7002398081534773, 0.20009996667777408),
        (0.44418414262711936, -1.7247753181018315, 0.23971062445047853),
        (0.37705009242488274, -1.738009422727657, 0.26099381065312316),
        (0.08036108097841477, -1.74534099465446, 0.22587115110861683),
        (0.13991659512747817, -2.0586441362693773, 0.18045338366591157),
        (0.17295555070262617, -2.228110311947873, 0.23960117113546092),
        (0.04776727145948584, -2.331159781761407, 0.1545802567967275),
        (-0.06659836190660659, -2.3855803992176505, 0.09528687197425306),
    )),
    Case("adamw", {}, 0.01, (
        (0.9899000002, -1.98980000008, 0.48995000003333333),
        (0.9804792140477262, -1.9876860397462992, 0.4884557997418344),
        (0.9747445525313864, -1.9860069857974023, 0.48728803307637314),
        (0.9677901458937229, -1.9845958214270887, 0.48553216659940085),
        (0.9661847315329718, -1.9898113927777477, 0.4836696549194579),
        (0.9647878645471841, -1.994212992433466, 0.4831436559033407),
        (0.9617919337799874, -1.9981566096092003, 0.48137628518006575),
        (0.9586168138264466, -2.001584287180549, 0.47968432106230136),
    )),
    Case("adamw", {"beta1": 0.8, "weight_decay": 0.2}, 0.1, (
        (0.880000002, -1.8600000008, 0.3900000003333333),
        (0.771031603166084, -1.809324213250606, 0.3734828890446297),
        (0.7066439769240715, -1.7633949887676474, 0.3596912297473044),
        (0.6171371612332321, -1.72068619091175, 0.3384033844153922),
        (0.5956500336910686, -1.7524675240295755, 0.3160271542131469),
        (0.5764332439057821, -1.7694565626425716, 0.31087788913467684),
        (0.5350983813100592, -1.7777193180565287, 0.2881943429188269),
        (0.4929632308674276, -1.7772851046795377, 0.26729497728339),
    )),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.rate}")
def test_every_step_is_that_of_pytorch(case: Case) -> None:
    row = OPTIMISERS[case.name]
    settings = {**row.settings, **case.given}
    theta, memory = np.array(START), {name: np.zeros(3) for name in row.memory}
    for t, (gradient, expected) in enumerate(zip(GRADIENTS, case.expected, strict=True), 1):
        theta, memory = take(row, theta, np.array(gradient), case.rate, settings, memory, t)
        np.testing.assert_allclose(theta, expected, rtol=2e-14, atol=1e-16)


def test_every_optimiser_with_steps_is_compared_at_its_defaults() -> None:
    compared = {case.name: case.rate for case in CASES if not case.given}
    assert compared == {name: OPTIMISERS[name].rate for name in WITH_STEPS}


def test_gradient_descent_by_hand() -> None:
    """(w*x + b - t)^2 at w = 0.5, x = 3, b = -0.25, t = 2: 2 * -0.75 * 3 = -4.5 by w, and -1.5 by b."""
    moved, memory = take(OPTIMISERS["gd"], np.array([0.5, -0.25]), np.array([-4.5, -1.5]), 0.1, {}, {}, 1)
    assert moved.tolist() == [0.5 - 0.1 * -4.5, -0.25 - 0.1 * -1.5]
    assert moved[0] == 0.95
    assert memory == {}


@pytest.mark.parametrize("size", [1e-6, 1.0, -3e5])
def test_adams_first_step_is_the_rate(size: float) -> None:
    row = OPTIMISERS["adam"]
    memory = {name: np.zeros(1) for name in row.memory}
    moved, _ = take(row, np.zeros(1), np.array([size]), 0.01, row.settings, memory, 1)
    assert moved[0] == pytest.approx(-0.01 * np.sign(size), rel=0.011 if abs(size) < 1e-3 else 1e-7)


@pytest.mark.parametrize("name", WITH_STEPS)
def test_a_step_changes_nothing_that_it_was_given(name: str) -> None:
    row = OPTIMISERS[name]
    random = np.random.RandomState(3)
    for size in (3, 2 * BLOCK + 5):
        theta, gradient = random.randn(size), random.randn(size)
        memory = {kept: random.rand(size) for kept in row.memory}
        before = [theta.copy(), gradient.copy(), *(one.copy() for one in memory.values())]
        after = take(row, theta, gradient, 0.1, row.settings, memory, 2)
        for one in (theta, gradient, *memory.values(), after[0], *after[1].values()):
            one.flags.writeable = False
        take(row, after[0], gradient, 0.1, row.settings, after[1], 3)
        for one, was in zip((theta, gradient, *memory.values()), before, strict=True):
            np.testing.assert_array_equal(one, was)
        mine = [after[0], *after[1].values()]
        assert not any(np.shares_memory(one, other) for one in mine for other in (theta, gradient, *memory.values()))


@pytest.mark.parametrize("name", WITH_STEPS)
def test_a_long_vector_has_the_bits_of_the_whole_step(name: str) -> None:
    row = OPTIMISERS[name]
    assert row.step is not None
    random = np.random.RandomState(4)
    size = 2 * BLOCK + 4321
    theta, gradient = random.randn(size), random.randn(size)
    memory = {kept: random.rand(size) for kept in row.memory}
    whole = row.step(theta, gradient, 0.1, row.settings, memory, 7)
    parts = take(row, theta, gradient, 0.1, row.settings, memory, 7)
    np.testing.assert_array_equal(parts[0], whole[0])
    assert {*parts[1]} == {*whole[1]} == {*row.memory}
    for kept in row.memory:
        np.testing.assert_array_equal(parts[1][kept], whole[1][kept])


def test_settings_are_read_by_place_and_by_name() -> None:
    row, settings = read_optimiser("adam(0.5, epsilon=1e-3)")
    assert row.name == "adam"
    assert settings == {"beta1": 0.5, "beta2": 0.999, "epsilon": 1e-3}
    assert read_optimiser("sgd") == (OPTIMISERS["gd"], {})
    assert read_optimiser("lbfgs(20)")[1] == {"memory": 20.0}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("adm", "there is no optimizer adm", "did you mean adam?"),
        ("Nesterow", "there is no optimizer Nesterow", "did you mean nesterov?"),
        ("adam(beta3=1)", "optimizer adam has no number beta3", "did you mean beta1 or beta2?"),
        ("gd(1)", "optimizer gd takes no numbers", None),
        ("momentum(1)", "optimizer momentum: momentum is 1", "without 1"),
        ("adam(epsilon=0)", "optimizer adam: epsilon is 0", "above 0"),
        ("adamw(weight_decay=-1)", "weight_decay is -1", "not negative"),
        ("lbfgs(2.5)", "memory is 2.5", "whole number"),
    ],
)
def test_what_is_wrong_with_an_optimiser(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        read_optimiser(text)
    assert message in caught.value.message
    assert (hint or "") in (caught.value.hint or "")


def test_every_row_says_what_it_is() -> None:
    for name, row in OPTIMISERS.items():
        assert row.name == name
        assert row.doc.endswith(".")
        assert row.formula
        assert row.source
        assert (row.kind == "steps") == (row.rate is not None) == (row.step is not None) == bool(row.update.formulas)
        assert read_optimiser(name)[1] == row.settings
        assert all(setting.domain.holds(row.settings[key]) for key, setting in row.takes.items())
        for alias in row.aliases:
            assert f"`{alias}`" in row.doc
            assert read_optimiser(alias)[0] == row


@pytest.mark.parametrize("name", WITH_STEPS)
def test_what_is_remembered_is_what_the_formulas_say(name: str) -> None:
    row = OPTIMISERS[name]
    gives = [formula.gives for formula in row.update.formulas]
    assert gives[-1] == "w"
    assert {*row.memory} <= {*gives}
    assert row.formula.count(" = ") == len(gives)


def test_the_formula_of_a_row_is_that_of_its_steps() -> None:
    assert OPTIMISERS["gd"].formula == "w = w - rate*g"
    assert OPTIMISERS["adam"].formula == (
        "mean = beta1*mean + (1 - beta1)*g, squares = beta2*squares + (1 - beta2)*g^2, "
        "mean_hat = mean/(1 - beta1^t), squares_hat = squares/(1 - beta2^t), "
        "w = w - rate*mean_hat/(sqrt(squares_hat) + epsilon)"
    )
    assert OPTIMISERS["lm"].formula == "MINPACK's lmder"


def test_a_row_is_all_that_a_new_optimiser_needs() -> None:
    """Adam with the largest gradient in place of the mean of squares (Kingma and Ba 2015, section 7.1), by hand."""
    update = Update(
        (
            Formula("mean", lambda m, x: x["beta1"] * x["mean"] + (1.0 - x["beta1"]) * x["g"]),
            Formula("largest", lambda m, x: m.max(x["beta2"] * x["largest"], m.abs(x["g"]))),
            Formula("w", lambda m, x: x["w"] - m.div(x["rate"] * m.div(x["mean"], 1.0 - m.pow(x["beta1"], x["t"])),
                                                     x["largest"])),
        ),
        ("mean", "largest"),
    )  # fmt: skip
    takes = {"beta1": Setting(0.5, BELOW_ONE), "beta2": Setting(0.25, BELOW_ONE)}
    row = Optimiser("adamax", "Adam by the largest gradient.", 0.1, takes, update, "Kingma and Ba 2015")
    memory = {name: np.zeros(2) for name in row.memory}
    theta, memory = take(row, np.array([1.0, 0.0]), np.array([2.0, -4.0]), 0.5, row.settings, memory, 1)
    assert theta.tolist() == [0.5, 0.5]
    theta, memory = take(row, theta, np.array([0.25, -4.0]), 0.5, row.settings, memory, 2)
    assert memory["largest"].tolist() == [0.5, 4.0]
    assert memory["mean"].tolist() == [0.625, -3.0]
    assert theta.tolist() == [0.5 - 0.5 * (0.625 / 0.75) / 0.5, 1.0]
    assert "largest = max(beta2*largest, abs(g))" in row.formula


def test_what_is_given_is_not_handed_on_as_memory() -> None:
    update = Update((Formula("last", lambda m, x: x["g"]), Formula("w", lambda m, x: x["w"])), ("last",))
    row = Optimiser("still", "Stays.", 0.1, {}, update, "by hand")
    theta, gradient = np.ones(2), np.zeros(2)
    moved, memory = take(row, theta, gradient, 0.1, {}, {"last": gradient}, 1)
    assert not np.shares_memory(moved, theta)
    assert not np.shares_memory(memory["last"], gradient)


def test_vectors_have_the_functions_of_floats_and_of_texts() -> None:
    """So that a formula that runs on one number system runs on all of them."""
    for name, function in vars(vectors()).items():
        two = name in ("pow", "div", "max", "min")
        for x in (2.0, 0.25, 9.0):
            given = (x, 2.0) if two else (x,)
            assert function(np.array([x]), *given[1:])[0] == getattr(FLOATS, name)(*given)
            assert getattr(TEXT, name)(*map(Text, "xy"[: len(given)])).text
