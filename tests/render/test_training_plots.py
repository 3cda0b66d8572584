"""What a training looks like: on a terminal, and as pictures that are the same bytes in every run."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest
from trained import XS, YS, fitted, line, network

from gradcli.render import Look
from gradcli.render.plots import MANY, SUFFIXES, Line, Panel, Plot, with_ends
from gradcli.render.plots.figure import picture
from gradcli.render.plots.screen import drawn
from gradcli.render.training_plots import MOST_LINES, MOST_POINTS, FitPoints, fit_plot, loss_plot, on_screen, watch_plot
from gradcli.training.results import Epoch, Training

MODEL = line(*fitted().parameters.values())
POINTS = FitPoints("a*x + b", "y", YS, [*map(MODEL, XS)], "x", XS, ([1.0, 6.0], [MODEL(1.0), MODEL(6.0)]))
SEVERAL = FitPoints("a*x + b*z", "log(y)", YS, [*map(MODEL, XS)], deviations=[0.1] * 6)
PLOTS = {
    "loss": loss_plot(network()),
    "loss-fit": loss_plot(fitted()),
    "watch": watch_plot(network()),
    "fit": fit_plot(POINTS),
    "fit-several": fit_plot(SEVERAL),
}


@pytest.mark.parametrize("name", PLOTS)
def test_what_a_terminal_shows(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"render/golden/plots/training-{name}.txt", drawn(PLOTS[name], Look(80)))


@pytest.mark.parametrize("name", ["watch", "fit"])
def test_what_a_terminal_without_unicode_shows(name: str, golden: Callable[[str, str], None]) -> None:
    shown = drawn(PLOTS[name], Look(60, unicode=False))
    assert shown.isascii()
    golden(f"render/golden/plots/training-{name}-ascii.txt", shown)


@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize("width", [40, 57, 80, 200])
def test_nothing_is_wider_than_the_screen(name: str, width: int) -> None:
    shown = PLOTS[name]._replace(title="softplus(z) - y*z + " * 9)
    assert max(map(len, drawn(shown, Look(width)).splitlines())) <= width


@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize("format", SUFFIXES.values())
def test_a_picture_is_the_same_bytes_in_every_run(name: str, format: str) -> None:
    assert picture(PLOTS[name], format) == picture(PLOTS[name], format)


def test_one_epoch_is_a_dot() -> None:
    shown = drawn(loss_plot(network(1, validated=False)), Look(60))
    assert sum(0x2800 < ord(sign) < 0x2900 for sign in shown) == 1
    assert shown.count("1\n") == 1, "the epoch is the only number below"
    assert ElementTree.fromstring(picture(loss_plot(network(1)), "svg")).tag.endswith("svg")


def test_a_training_without_history_has_an_empty_plot() -> None:
    empty = network()._replace(history=[], watched=[])
    for plot in (loss_plot(empty), watch_plot(empty)):
        assert "loss" in drawn(plot, Look(60))
        assert picture(plot, "svg").startswith(b"<?xml")


def losses(*numbers: float) -> Training:
    history = [Epoch(at, at, loss, 1.0, 0.1) for at, loss in enumerate(numbers, 1)]
    return network()._replace(history=history)


def test_a_loss_is_logarithmic_where_it_goes_far_and_is_positive() -> None:
    assert loss_plot(losses(100.0, 1.0)).panels[0].logarithmic
    assert not loss_plot(losses(2.0, 1.0)).panels[0].logarithmic
    assert not loss_plot(losses(100.0, 1.0, -1e-9)).panels[0].logarithmic
    assert not loss_plot(losses(100.0, 1.0, 0.0)).panels[0].logarithmic
    assert loss_plot(losses(100.0, math.nan, math.inf, 1.0)).panels[0].logarithmic


def test_passes_over_data_are_epochs_and_others_are_iterations() -> None:
    assert loss_plot(network()).x == "epoch"
    assert loss_plot(fitted()).x == "iteration"


def test_a_program_of_several_lines_is_one_title() -> None:
    assert loss_plot(network()).title == "h1 = sigmoid(X @ W1 + b1); h2 = relu(h1 @ W2 + b2); mse(h2*scale, y)"


def test_stages_are_told_apart_and_keep_their_letters() -> None:
    plot = watch_plot(network())
    assert [panel.name for panel in plot.panels] == ["loss", "gradient norm", "update ratio", "saturated, dead share"]
    norms, shares = plot.panels[1], plot.panels[3]
    letters = {one.label: number for number, one in norms.order()}
    assert {one.label: number for number, one in shares.order()} == {
        "h1 saturated": letters["h1"], "h3 saturated": letters["h3"], "h4 saturated": letters["h4"],
        "h2 dead": letters["h2"],
    }  # fmt: skip
    assert norms.logarithmic
    assert not shares.logarithmic


def test_of_many_stages_some_are_drawn_and_that_is_said() -> None:
    plot = watch_plot(network(5, 40))
    names = [one.label for one in plot.panels[1].lines]
    assert (len(names), names[0], names[-1]) == (MOST_LINES, "h1", "h40")
    shown = " ".join(drawn(plot, Look(80)).split())
    assert "gradient norm, 12 of 40 stages" in shown
    assert "update ratio, 12 of 40 parameters" in shown
    assert "saturated, dead share, 12 of 39 lines" in shown
    numbers = [number for number, _ in plot.panels[3].order()]
    assert len({*numbers}) == len(numbers)


def test_where_no_unit_is_saturated_or_dead_there_is_no_panel_of_them() -> None:
    plot = watch_plot(network())
    fine = [
        one._replace(stages=tuple(stage._replace(saturated=0.0, dead=None) for stage in one.stages))
        for one in network().watched
    ]
    assert plot.panels[-1].name == "saturated, dead share"
    assert watch_plot(network()._replace(watched=fine)).panels[-1].name == "update ratio"


def test_a_terminal_has_room_for_two_panels_of_few_curves() -> None:
    plot = watch_plot(network(5, 40))
    shown, left = on_screen(plot)
    assert [panel.name for panel in shown.panels] == ["loss", "gradient norm"]
    assert [one.label for one in shown.panels[1].lines][::3] == ["h1", "h40"]
    assert len(shown.panels[1].lines) == 4
    assert "gradient norm, 4 of 40 stages" in drawn(shown, Look(80))
    assert left == ("not drawn here: some curves; update ratio; saturated, dead share (--plot FILE.svg has them)")
    assert on_screen(loss_plot(network())) == (loss_plot(network()), "")
    letters = [number for number, _ in shown.panels[1].order()]
    assert letters == [plot.panels[1].lines.index(line) for line in shown.panels[1].lines]


@pytest.mark.parametrize("epochs", [2, 7, 30, 173, 1000, 9999])
def test_the_first_and_the_last_epoch_are_told_whole(epochs: int) -> None:
    plot = loss_plot(network(epochs, validated=False))
    for width in (40, 80, 120):
        numbers = drawn(plot, Look(width)).splitlines()[-2].split()
        assert (numbers[0], numbers[-1]) == ("1", str(epochs))
        assert all(number.isdigit() for number in numbers)
        assert [*map(int, numbers)] == sorted({*map(int, numbers)})


def test_ticks_keep_their_distance_from_the_ends() -> None:
    assert with_ends([0.0, 2.0, 50.0, 100.0, 150.0], 1.0, 105.0, 8.0) == [1.0, 50.0, 105.0]
    assert with_ends([1.0], 1.0, 1.0, 8.0) == [1.0]


def test_a_line_between_two_ends_has_no_dots() -> None:
    """Of as few points a curve has some."""
    equal = fit_plot(SEVERAL).panels[0]
    dotted = equal._replace(lines=[equal.lines[0], equal.lines[1]._replace(marked=True)])
    svgs = [picture(fit_plot(SEVERAL)._replace(panels=[one]), "svg").decode() for one in (equal, dotted)]
    counts = [svg.count("<use ") for svg in svgs]
    assert counts[1] - counts[0] == 3, "two ends, and the legend's"


def test_a_gradient_of_0_is_a_gap_on_a_logarithmic_scale() -> None:
    found = network(3).watched
    dead = [one._replace(stages=tuple(stage._replace(gradient_norm=0.0) for stage in one.stages)) for one in found]
    assert not watch_plot(network(3)._replace(watched=dead)).panels[1].logarithmic
    some = [dead[0], *found[1:]]
    shown = watch_plot(network(3)._replace(watched=some))
    assert shown.panels[1].logarithmic
    assert "1e-" in drawn(shown, Look(80))
    assert picture(shown, "svg").startswith(b"<?xml")


def test_a_fit_of_one_column_has_points_and_a_curve() -> None:
    data, curve = fit_plot(POINTS).panels[0].lines
    assert (data.points, data.xs, data.ys) == (True, XS, YS)
    assert (curve.points, curve.xs) == (False, [1.0, 6.0])
    residuals = fit_plot(POINTS).panels[1].lines[0]
    assert residuals.ys == [y - MODEL(x) for x, y in zip(XS, YS, strict=True)]
    assert drawn(fit_plot(POINTS), Look(80)).count("•") == 6 + 6 + 1, "and one in the legend"


def test_without_a_grid_the_curve_goes_through_the_rows_in_their_order() -> None:
    mixed = [5, 0, 3, 1, 4, 2]
    xs = [XS[at] for at in mixed]
    points = POINTS._replace(xs=xs, observed=[YS[at] for at in mixed], predicted=[*map(MODEL, xs)], curve=None)
    assert fit_plot(points).panels[0].lines[1] == Line("model", XS, [*map(MODEL, XS)])


def test_a_fit_of_several_columns_shows_what_was_observed_over_what_the_model_says() -> None:
    plot = fit_plot(SEVERAL)
    data, equal = plot.panels[0].lines
    assert data.xs == [*map(MODEL, XS)]
    assert equal.xs == equal.ys == [MODEL(1.0), MODEL(6.0)]
    assert plot.panels[1].name == "residual / sigma"
    assert plot.panels[1].lines[0].ys[0] == (YS[0] - MODEL(1.0)) / 0.1


def test_rows_that_are_not_numbers_are_left_out_and_of_very_many_some_are_drawn() -> None:
    observed = [math.nan, *YS[1:]]
    assert fit_plot(POINTS._replace(observed=observed)).panels[0].lines[0].label == "observed, 5 of 6 rows"
    many = [float(at) for at in range(20_000)]
    data = fit_plot(FitPoints("x", "y", many, many, "x", many)).panels[0].lines[0]
    assert data.label == f"observed, {MOST_POINTS:,} of 20,000 rows"
    assert (data.xs[0], data.xs[-1]) == (0.0, 19_999.0)
    nothing = fit_plot(POINTS._replace(observed=[math.nan] * 6, curve=None))
    assert "residual" in drawn(nothing, Look(60))


def of(lines: list[Line], **how: bool) -> Plot:
    return Plot("f", "x", False, [Panel("value", lines, **how)], apart=True)


def test_few_points_are_in_front_of_a_curve_and_many_are_behind_it() -> None:
    curve = Line("curve", [0.0, 1.0], [0.5, 0.5])
    few = drawn(of([Line("points", [0.5], [0.5], True), curve, Line("", [0.0, 1.0], [0.0, 1.0])]), Look(60))
    assert few.count("•") == 2
    crowd = Line("points", [at / MANY for at in range(MANY + 1)], [0.5] * (MANY + 1), True)
    assert drawn(of([crowd, curve, Line("", [0.0, 1.0], [0.0, 1.0])]), Look(60)).count("•") == 1, "in the legend"


@pytest.mark.parametrize(
    "ys",
    [
        [1e-320, 1.0, 1.7e308], [5e-324, 5e-324], [1e-3, 1e3], [2.0, 3.0], [7.0], [0.0, -1.0], [1.0, 0.0, -1.0, 10.0],
        [math.nan, math.inf], [1.7e308, 1.7e308], [0.999, 1.001], [1.0, 10.0],
    ],
)  # fmt: skip
def test_logarithmic_heights_of_any_size_are_drawn(ys: list[float]) -> None:
    shown = of([Line("", [float(at) for at in range(len(ys))], ys)], logarithmic=True)
    text = drawn(shown, Look(80))
    assert any(0x2800 < ord(sign) < 0x2900 for sign in text) is any(0 < y < math.inf for y in ys)
    assert max(map(len, text.splitlines())) <= 80
    assert ElementTree.fromstring(picture(shown, "svg")).tag.endswith("svg")


def test_a_logarithmic_scale_has_powers_of_ten_at_their_places() -> None:
    rows = drawn(of([Line("", [0.0, 1.0], [1e-3, 1.0])], logarithmic=True), Look(60)).splitlines()[2:12]
    labels = {row.split("┤")[0].strip(): at for at, row in enumerate(rows) if "┤" in row}
    assert labels == {"1e0": 0, "1e-1": 3, "1e-2": 6, "1e-3": 9}


def test_more_than_eight_curves_are_dashed_where_their_colours_come_again() -> None:
    lines = [Line(f"h{at}", [0.0, 1.0], [float(at), float(at)]) for at in range(10)]
    svg = picture(of(lines), "svg")
    assert svg.count(b"stroke-dasharray") == picture(of(lines[:8]), "svg").count(b"stroke-dasharray") + 4
    assert b"stroke-dasharray" not in picture(of(lines[:8]), "svg")


def test_long_titles_end_inside_the_picture() -> None:
    """Each letter is drawn as a glyph at its place: the last one's is left of the edge, 518.4 points."""
    wide = ElementTree.fromstring(picture(of([Line("", [0.0], [0.0])])._replace(title="WWWWWW " * 30), "svg"))
    groups = [one for one in wide.iter() if one.get("id", "").startswith("text_")]
    title = max(groups, key=lambda group: len(list(group.iter("{http://www.w3.org/2000/svg}use"))))
    glyphs = [use.get("transform", "") for use in title.iter("{http://www.w3.org/2000/svg}use")]
    scale = 11 / 100  # of glyphs that are drawn at size 100
    last = max(float(one.partition("translate(")[2].split()[0].rstrip(")")) for one in glyphs if one)
    assert 300 < last * scale < 460
