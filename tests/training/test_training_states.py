"""Histories that thin out, and random streams."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli.errors import DataError
from gradcli.training.results import Epoch
from gradcli.training.steps.state import MOST_ENTRIES, Log, Logged, Thinned
from gradcli.training.streams import order, rows_at, split


def grown(epochs: int) -> Thinned[Epoch]:
    history: Thinned[Epoch] = Thinned()
    for epoch in range(1, epochs + 1):
        history = history.add(Epoch(epoch, epoch, 1.0 / epoch, 0.0))
    return history


def test_a_history_keeps_everything_as_long_as_it_can() -> None:
    assert [one.epoch for one in grown(9_999).entries()] == list(range(1, 10_000))
    assert grown(0).entries() == []
    assert grown(1).entries() == [Epoch(1, 1, 1.0, 0.0)]


@pytest.mark.parametrize("epochs", [10_000, 10_001, 19_999, 20_000, 50_003])
def test_a_long_history_has_every_second_fourth_eighth_epoch_and_both_ends(epochs: int) -> None:
    history = grown(epochs)
    kept = [one.epoch for one in history.entries()]
    assert len(kept) <= MOST_ENTRIES
    assert (kept[0], kept[-1]) == (1, epochs)
    assert kept[:-1] == list(range(1, epochs, history.stride))[: len(kept) - 1]
    assert len(kept) >= MOST_ENTRIES // 2
    assert history.stride == {10_000: 2, 10_001: 2, 19_999: 4, 20_000: 4, 50_003: 8}[epochs]


def test_adding_leaves_a_history_as_it_was() -> None:
    before = grown(5)
    one, other = before.add(Epoch(6, 6, 1.0, 1.0)), before.add(Epoch(6, 6, 2.0, 2.0))
    assert len(before.entries()) == 5
    assert (one.entries()[-1].loss, other.entries()[-1].loss) == (1.0, 2.0)
    one.entries().clear()
    assert len(one.entries()) == 6
    assert one != other
    assert grown(3) == grown(3)


def test_histories_that_go_on_from_the_same_one_do_not_meet() -> None:
    before = grown(3)
    first = before.add(Epoch(4, 4, 1.0, 0.0)).add(Epoch(5, 5, 1.0, 0.0))
    second = before.add(Epoch(4, 4, 2.0, 0.0)).add(Epoch(5, 5, 2.0, 0.0))
    assert [one.loss for one in first.entries()[3:]] == [1.0, 1.0]
    assert [one.loss for one in second.entries()[3:]] == [2.0, 2.0]


def test_orders_are_frozen() -> None:
    """The order of an epoch may never change, on any machine, with any version of NumPy."""
    assert order(0, 1, 8).tolist() == [3, 7, 2, 5, 0, 6, 1, 4]
    assert order(7, 3, 8).tolist() == [2, 7, 5, 1, 4, 6, 3, 0]


def test_a_split_is_of_all_rows_in_their_order() -> None:
    columns = {"r": np.arange(40.0), "R": np.asfortranarray(np.arange(80.0).reshape(40, 2))}
    learnt, compared = split(columns, 0.25, 3)
    assert (len(learnt["r"]), len(compared["r"])) == (30, 10)
    assert sorted([*learnt["r"], *compared["r"]]) == columns["r"].tolist()
    for part in (learnt, compared):
        assert (np.diff(part["r"]) > 0).all()
        np.testing.assert_array_equal(part["R"][:, 0], part["r"] * 2)
        assert part["R"].flags.f_contiguous
    assert split(columns, 0.25, 3)[1]["r"].tolist() == compared["r"].tolist()
    assert split(columns, 0.25, 4)[1]["r"].tolist() != compared["r"].tolist()


@pytest.mark.parametrize(("share", "sizes"), [(1e-9, (4, 1)), (0.999, (1, 4))])
def test_both_parts_of_a_split_have_a_row(share: float, sizes: tuple[int, int]) -> None:
    learnt, compared = split({"r": np.arange(5.0)}, share, 0)
    assert (len(learnt["r"]), len(compared["r"])) == sizes


@pytest.mark.parametrize("rows", [0, 1])
def test_a_row_can_not_be_split(rows: int) -> None:
    with pytest.raises(DataError, match="can't be split"):
        split({"r": np.zeros(rows)}, 0.5, 0)


def test_rows_of_arrays_keep_their_layout() -> None:
    cube = np.arange(24.0).reshape(4, 3, 2)
    places = np.array([2, 0, 3])
    for one in (cube, np.asfortranarray(cube), cube[:, 0, 0]):
        np.testing.assert_array_equal(rows_at(one, places), one[places])
    assert rows_at(np.asfortranarray(cube), places).flags.f_contiguous
    assert rows_at(cube, places).flags.c_contiguous


def test_a_log_that_grows_leaves_the_one_before_as_it_was() -> None:
    """Also where two go on from one; what it costs to grow does not grow with what is there."""
    one, two, three = (Logged(np.array([x]), x, np.array([x])) for x in (1.0, 2.0, 3.0))
    first = Log([one])
    second = first.with_more([two])
    other = first.with_more([three])
    assert [[*log] for log in (first, second, other)] == [[one], [one, two], [one, three]]
    assert (len(second), second[-1], second[1:]) == (2, two, [two])
    with pytest.raises(IndexError):
        first[1]
    assert second.with_more([three])._kept is second._kept
