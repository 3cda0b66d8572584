"""Checkpoints: the same bits again, and files that are damaged, of another job, or can't be written."""

from __future__ import annotations

import json
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from losses_by_hand import Handwritten, data, logistic, plan

from gradcli.errors import DataError, StreamError, UsageError, explain
from gradcli.training.results import Epoch, Watched, WatchedParameter, WatchedStage
from gradcli.training.steps.checkpoints import SCHEMA, read, text, write
from gradcli.training.steps.loop import Plan, run, steps_of
from gradcli.training.steps.optimisers import OPTIMISERS
from gradcli.training.steps.reading import Pace
from gradcli.training.steps.schedules import read_schedule, schedule
from gradcli.training.steps.state import Best, Ended, Events, Logged, State, Thinned, begin
from gradcli.training.steps.stopping import Criteria

START = np.array([0.3, -0.2, 0.1])
JOB = {"program": "softplus(z) - y*z", "seed": 7, "rate": 0.1}
WITH_STEPS = [name for name, row in OPTIMISERS.items() if row.step is not None]


def everything(name: str, epochs: int) -> Plan:
    """A plan in which everything that a state holds matters."""
    steps = steps_of(epochs, 23, 5)
    return plan(
        name, criteria=Criteria(epochs, gradient=1e-9, loss=1e-12, step=1e-12, patience=50), batch_size=5, shuffle=True,
        seed=7, clip=0.4, clip_value=0.3, schedule=schedule(read_schedule("warmup(4)+cosine"), steps),
        lower=np.full(3, -1.5), upper=np.full(3, 1.5),
    )  # fmt: skip


def look(state: State, batch: Any) -> Watched:
    loss, gradient = logistic(state.theta, batch)
    stage = WatchedStage("z", loss, None, 0.25, np.nan, (1, 2))
    return Watched(state.epoch + 1, (stage,), (WatchedParameter("w", float(gradient[0]), 0.5),))


def trained(
    made: Plan, state: State, on_step: Callable[[State], None], stop: Callable[[], bool] = lambda: False
) -> Ended:
    events = Events(on_step, look, stop)
    return run(Handwritten(3, logistic), data(23), data(9, seed=6), made, state, events)


@pytest.mark.parametrize("name", WITH_STEPS)
def test_resumed_after_any_step_a_run_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    """Killed after each of 15 steps, most of them in the middle of an epoch, and resumed from the file."""
    made = everything(name, 3)
    memory = made.optimiser.memory
    path = tmp_path / "saved.json"
    saved: list[str] = []
    whole = trained(made, begin(START, memory), lambda state: saved.append(text(state, JOB)))
    assert (len(saved), whole.reason) == (15, "epochs")
    assert len({*saved}) == 15
    for content in saved:
        path.write_text(content)
        state = read(str(path), JOB, 3, memory)
        assert state is not None
        assert text(state, JOB) == content
        again = trained(made, state, lambda state: None)
        assert text(again.state, JOB) == text(whole.state, JOB)
        assert again.theta.tobytes() == whole.theta.tobytes()
        assert again.reason == whole.reason


@pytest.mark.parametrize("name", ["gd", "adamw"])
def test_stopped_after_every_step_and_resumed_each_time(name: str, tmp_path: Path) -> None:
    made = everything(name, 3)
    whole = trained(made, begin(START, made.optimiser.memory), lambda state: None)
    path = str(tmp_path / "saved.json")
    write(path, begin(START, made.optimiser.memory), JOB)
    reasons = []
    for _ in range(15):
        state = read(path, JOB, 3, made.optimiser.memory)
        assert state is not None
        ended = trained(made, state, lambda state: None, lambda: True)
        reasons.append(ended.reason)
        write(path, ended.state, JOB)
    assert reasons == ["interrupted"] * 14 + ["epochs"]
    assert text(ended.state, JOB) == text(whole.state, JOB)


@pytest.mark.parametrize(
    ("reason", "criteria", "batch_size"),
    [
        ("loss", Criteria(200, loss=1e-4), 12), ("step", Criteria(200, step=1e-3), None),
        ("gradient", Criteria(200, gradient=2e-2), 12), ("patience", Criteria(200, patience=3), 12),
    ],
)  # fmt: skip
def test_resumed_anywhere_a_run_ends_at_the_same_step_for_the_same_reason(
    reason: str, criteria: Criteria, batch_size: int | None, tmp_path: Path
) -> None:
    """Also from the state in which it ended: a killed process may have saved that one."""
    made = plan("momentum", 0.1, criteria, batch_size=batch_size)
    path = tmp_path / "saved.json"
    saved: list[str] = []
    whole = trained(made, begin(START, made.optimiser.memory), lambda state: saved.append(text(state, JOB)))
    assert whole.reason == reason
    for content in saved[-5:]:
        path.write_text(content)
        state = read(str(path), JOB, 3, made.optimiser.memory)
        assert state is not None
        again = trained(made, state, lambda state: None)
        assert (again.reason, text(again.state, JOB)) == (whole.reason, saved[-1])
        assert again.theta.tobytes() == whole.theta.tobytes()


def test_more_epochs_go_on_where_fewer_ended() -> None:
    """Where no number of the plan depends on how many there are."""
    few, many = (plan("adam", criteria=Criteria(epochs), batch_size=5, shuffle=True) for epochs in (2, 5))
    first = trained(few, begin(START, few.optimiser.memory), lambda state: None)
    second = trained(many, first.state, lambda state: None)
    whole = trained(many, begin(START, many.optimiser.memory), lambda state: None)
    assert text(second.state, {}) == text(whole.state, {})


def odd_state() -> State:
    """A state with numbers that are hard to write."""
    history: Thinned[Epoch] = Thinned()
    for entry in (Epoch(1, 3, 5e-324, 0.1, None, np.inf), Epoch(2, 6, -0.0, 1e308, 1e-3, np.nan)):
        history = history.add(entry)
    watched = Thinned(
        [Watched(1, (WatchedStage("é", 1.0, None, None, 0.5, (0, 7)),), (WatchedParameter("w", 2.0, None),))]
    )
    watched = watched.add(Watched(2, (), ()))
    theta = np.array([0.1, -0.0, 5e-324])
    return State(
        theta, {"velocity": np.array([1.7976931348623157e308, 1 / 3, 0.0])}, 8, 2, 10, 2, 2 / 3, 1e-300, -7.0,
        theta + 1, 1.5, Best(2, -np.inf, theta * 3), history, watched,
        (Logged(theta, np.nan, theta), Logged(-theta, 1.0, theta)), 12.5,
    )  # fmt: skip


def test_a_state_comes_back_to_the_bit(tmp_path: Path) -> None:
    path = str(tmp_path / "saved.json")
    state = odd_state()
    write(path, state, JOB)
    found = read(path, JOB, 3, ("velocity",))
    assert found is not None
    assert text(found, JOB) == text(state, JOB)
    assert found.theta.tobytes() == state.theta.tobytes()
    assert found.memory["velocity"].tobytes() == state.memory["velocity"].tobytes()
    assert found.watched == state.watched
    assert found.history.entries()[0] == state.history.entries()[0]
    assert np.isnan(found.history.entries()[1].validation_loss)  # type: ignore[arg-type]
    assert found.log[1].theta.tolist() == (-state.theta).tolist()
    assert type(found.step) is int


def test_a_long_history_goes_on_thinning_as_if_it_had_never_been_saved(tmp_path: Path) -> None:
    path = str(tmp_path / "saved.json")
    history: Thinned[Epoch] = Thinned()
    resumed: Thinned[Epoch] = Thinned()
    for epoch in range(1, 20_500):
        entry = Epoch(epoch, epoch, 0.5, 0.25)
        history, resumed = history.add(entry), resumed.add(entry)
        if epoch in (9_998, 9_999, 10_000, 10_002, 20_001):
            write(path, odd_state()._replace(epoch=epoch, history=resumed), JOB)
            state = read(path, JOB, 3, ("velocity",))
            assert state is not None
            resumed = state.history
    assert history == resumed


def test_no_file_is_no_state(tmp_path: Path) -> None:
    assert read(str(tmp_path / "none.json"), JOB, 3) is None


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.pop(name)


def _with(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.__setitem__(name, value)


DAMAGES = {
    "other schema": (_with("schema", "gradcli.checkpoint/2"), "its schema is gradcli.checkpoint/2, not " + SCHEMA),
    "no schema": (_without("schema"), "it does not say what it is"),
    "no job": (_without("job"), "job is missing"),
    "short theta": (_with("theta", [1.0, 2.0]), "theta: a vector has 2 numbers instead of 3"),
    "nan in theta": (_with("theta", [1.0, "NaN", 2.0]), "theta: a vector's number is none"),
    "infinity in theta": (_with("theta", [1.0, 10**400, 2.0]), "theta: a vector's number is too large"),
    "true in theta": (_with("theta", [1.0, True, 2.0]), "theta: a vector's number is none"),
    "theta is an object": (_with("theta", {}), "theta: a vector is no list"),
    "no memory": (_with("memory", {}), "memory: it has not the vectors of this optimiser"),
    "long memory": (_with("memory", {"velocity": [1.0] * 4}), "memory: a vector has 4 numbers instead of 3"),
    "negative step": (_with("step", -1), "step: a count is no whole number"),
    "half a step": (_with("step", 1.5), "step: a count is no whole number"),
    "true epoch": (_with("epoch", True), "epoch: a count is no whole number"),
    "loss is a text": (_with("loss", "low"), "loss: a number is none"),
    "loss is true": (_with("loss", True), "loss: a number is none"),
    "loss is nan": (_with("loss", "NaN"), "loss: a number is not finite"),
    "loss is huge": (_with("loss", 10**400), "loss: a number is none"),
    "best is half": (_with("best", [1, 2.0]), "best: a record has too few or too many fields"),
    "history is text": (_with("history", "none"), "history: entries are none"),
    "history has stride 3": (_with("history", [3, []]), "history: entries are none"),
    "history is out of order": (
        _with("history", [1, [[2, 1, 1.0, 1.0, None, None], [1, 2, 1.0, 1.0, None, None]]]),
        "history: entries are not in their order",
    ),
    "history of another epoch": (
        _with("history", [1, [[1, 1, 1.0, 1.0, None, None]]]), "history: it ends at another epoch",
    ),
    "an entry is missing": (
        _with("history", [1, [[2, 6, 1.0, 1.0, None, None]]]), "history: entries are missing",
    ),
    "no history": (_with("history", [1, []]), "history: it ends at another epoch"),
    "best of an epoch to come": (_with("best", [3, 1.0, [1.0, 2.0, 3.0]]), "best: it is of an epoch to come"),
    "steps without a start": (_with("start_loss", None), "its counts do not fit together"),
    "an entry is short": (_with("history", [1, [[1, 1, 1.0]]]), "history: a record has too few or too many fields"),
    "row without batch": (_with("batch", 0), "its counts do not fit together"),
    "no log": (_without("log"), "log is missing"),
    "a stage without a name": (_with("watched", [1, [[1, [[None, 1.0, None, None, None, []]], []]]]), "watched: a t"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("pace", "message"),
    [
        (Pace(11, 5), None), (Pace(15, 5), None), (Pace(10, 5), "its rows are not"), (Pace(12, 4), "its rows are not"),
        (Pace(16, 5), "its counts do not fit"), (Pace(11, 5, logged=True), "log: evaluations are missing"),
    ],
)  # fmt: skip
def test_counts_have_to_be_those_of_the_data(pace: Pace, message: str | None, tmp_path: Path) -> None:
    """Two epochs of three steps and two batches of five rows."""
    path = str(tmp_path / "saved.json")
    write(path, odd_state(), JOB)
    if message is None:
        assert read(path, JOB, 3, ("velocity",), pace) is not None
    else:
        with pytest.raises(DataError, match=message):
            read(path, JOB, 3, ("velocity",), pace)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_one_message(name: str, tmp_path: Path) -> None:
    damage, message = DAMAGES[name]
    document = json.loads(text(odd_state(), JOB))
    damage(document)
    path = tmp_path / "saved.json"
    path.write_text(json.dumps(document))
    with pytest.raises(DataError) as caught:
        read(str(path), JOB, 3, ("velocity",))
    assert f"is not a whole checkpoint: {message}" in caught.value.message
    assert caught.value.status == 2
    assert len(explain(caught.value).splitlines()) == 2


def test_every_truncation_is_found(tmp_path: Path) -> None:
    content = text(odd_state(), JOB).encode()
    path = tmp_path / "saved.json"
    for end in range(0, len(content) - 1, 7):
        path.write_bytes(content[:end])
        with pytest.raises(DataError, match="it is not JSON"):
            read(str(path), JOB, 3, ("velocity",))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[1]", b"NaN", b"null", b"[" * 100_000, b'{"schema": NaN}'])
def test_what_is_no_checkpoint_at_all(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "saved.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match="is not a whole checkpoint"):
        read(str(path), JOB, 3)


def test_a_checkpoint_of_another_job_says_what_differs(tmp_path: Path) -> None:
    path = str(tmp_path / "saved.json")
    write(path, odd_state(), {**JOB, "old": None})
    with pytest.raises(UsageError) as caught:
        read(path, {"program": JOB["program"], "seed": 8, "rate": 0.1, "new": [1, 2]}, 3, ("velocity",))
    assert caught.value.message.endswith(
        "is a checkpoint of another job: seed is 7 there and 8 here; new is given here only; old is given there only"
    )
    assert caught.value.status == 2


def test_equal_jobs_are_equal_however_they_are_written(tmp_path: Path) -> None:
    path = str(tmp_path / "saved.json")
    job = {"shape": (4, 2), "start": np.array([1.0, np.nan]), "seed": 2**64 + 1, "limit": np.inf, "tiny": 1e-300}
    write(path, odd_state(), job)
    same = {"limit": np.inf, "shape": [4, 2], "start": [1.0, np.nan], "seed": 2**64 + 1, "tiny": 1e-300}
    assert read(path, same, 3, ("velocity",)) is not None
    with pytest.raises(UsageError, match="seed is 18446744073709551617 there and 18446744073709551616 here"):
        read(path, {**same, "seed": 2**64}, 3, ("velocity",))


def test_what_is_written_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "saved.json"
    there: list[bool] = []
    monkeypatch.setattr("os.fsync", lambda file: there.append(path.exists()))
    write(str(path), odd_state(), JOB)
    assert there == [False]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """The limit of a file's size stands for a full disk."""
    path = tmp_path / "saved.json"
    write(str(path), odd_state(), JOB)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(StreamError) as caught:
            write(str(path), odd_state()._replace(step=9), JOB)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.status == 74
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["saved.json"]


@pytest.mark.parametrize("name", ["none/saved.json", ".", ""])
def test_where_no_file_can_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(StreamError):
        write(str(tmp_path / name) if name else "", odd_state(), JOB)
    assert [*tmp_path.iterdir()] == []


def test_what_can_not_be_read(tmp_path: Path) -> None:
    for path in (str(tmp_path), "a\0b"):
        with pytest.raises(StreamError):
            read(path, JOB, 3)
