"""What a training gives: the result, its history, pictures, a summary, warnings; and its progress meanwhile.

Enters: a `Training`, and where things go. Leaves: files, text on the streams, a status. Invariant: standard output has
the result alone; files appear together, whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.cli import streams
from gradcli.cli.progress import Progress
from gradcli.cli.signals import Leaving
from gradcli.errors import ExitStatus, GradcliError, UsageError
from gradcli.printable import printable, shorten
from gradcli.tables import SUFFIXES, format_of

if TYPE_CHECKING:
    from gradcli.render.plots import Plot
    from gradcli.training.results import Training
    from gradcli.training.steps.state import State

_SHORT = 0.5  # seconds, most of which is the start of the process
_MOST_WARNINGS = 10


class Interrupted(GradcliError):
    """Ctrl-C ended a run in order, and what it had come to is written: all that is left to say, with its status."""

    status = ExitStatus.INTERRUPTED


class Targets(NamedTuple):
    """Where things go.

    Attributes:
        format: of the result.
        output: the path of the result; None and - are standard output.
        history: the path of the table of epochs, if one is wanted.
        plot: the path of the picture, - for the terminal, None for none.
        plot_format: "text" for the terminal's.
    """

    format: str
    output: str | None
    history: str | None
    plot: str | None
    plot_format: str | None


def check_history(history: str | None) -> None:
    """Refuse a history in a format that there is not."""
    if history == "-":
        raise UsageError("a history is a file: standard output has the result", hint="write --history FILE.csv")
    if history is not None:
        try:
            format_of(history, None)
        except UsageError as error:
            error.hint = f"write --history FILE with one of these suffixes: {' '.join(SUFFIXES)}"
            raise


def check_together(targets: Targets) -> None:
    """Refuse a picture between numbers that a program reads."""
    if targets.plot == "-" and targets.format != "table" and targets.output in (None, "-"):
        hint = "write --plot FILE.svg, or -o FILE for the result"
        raise UsageError(f"--plot - draws below a table, and the result is {targets.format}", hint=hint)


def write(result: Training, pictures: Sequence[Plot], targets: Targets) -> None:
    """Write all that is asked for: files first, together, then standard output.

    Args:
        pictures: what --plot draws; a file has one of them, the last.

    Raises:
        GradcliError: something could not be written.
    """
    from gradcli.render.training import FORMATS, render
    from gradcli.tables.outputs import Outputs
    from gradcli.training.histories import write_history, write_parameters

    look = streams.look(path=targets.output)
    text = list(render(result, targets.format, look)) if targets.format in FORMATS else []
    picture = _picture(pictures, targets)
    whole = targets.output not in (None, "-")
    with Leaving(), Outputs() as outputs:
        if targets.format not in FORMATS:
            write_parameters(result, outputs.open(targets.output or "").sink, targets.format)
        elif whole:
            outputs.open(targets.output or "").sink.write("".join(text).encode("utf-8", "backslashreplace"))
        if targets.history is not None:
            write_history(result, outputs.open(targets.history).sink, format_of(targets.history, None))
        if picture is not None:
            outputs.open(targets.plot or "").sink.write(picture)
    if not whole:
        streams.emit(text)
    if targets.plot == "-":
        from gradcli.render.plots.screen import drawn
        from gradcli.render.training_plots import on_screen

        for number, plot in enumerate(pictures):
            shown, left = on_screen(plot)
            more = [f"\n{left}\n"] if left else []
            streams.emit([*(["\n"] if number or not whole else []), drawn(shown, streams.look()), *more])


def _picture(pictures: Sequence[Plot], targets: Targets) -> bytes | None:
    """The picture as the bytes of its file, if it goes to one."""
    if targets.plot in (None, "-") or targets.plot_format is None or not pictures:
        return None
    from gradcli.render.plots.figure import picture

    return picture(pictures[-1], targets.plot_format)


def warn(result: Training) -> None:
    """Tell the findings, on standard error. That it diverged is no warning: it is what the command ends with."""
    found = [one for one in result.warnings if one.kind != "diverged"]
    shown = found[:_MOST_WARNINGS]
    streams.tell(f"warning: {_when(one.epoch)}{one.message}" for one in shown)
    if len(found) > len(shown):
        streams.note(f"warning: and {len(found) - len(shown):,} more; --json lists them")


def _when(epoch: int | None) -> str:
    return "" if epoch is None else f"epoch {epoch:,}: "


def summary(result: Training, seconds: float, told: bool = False) -> str:
    """One line: how far it came, how fast, and why it ended; told: something else says that."""
    steps = "1 step" if result.steps == 1 else f"{result.steps:,} steps"
    epochs = "1 epoch" if result.epochs == 1 else f"{result.epochs:,} epochs"
    parts = [steps if result.steps == result.epochs else f"{epochs}, {steps}"]
    if result.rows:
        parts.append("1 row" if result.rows == 1 else f"{result.rows:,} rows")
    engine = f"{result.engine} engine"
    if seconds >= _SHORT:
        engine = f"{seconds:.2f} s, {engine}"
    told = told or any(result.message in one.message for one in result.warnings)
    why = "" if told else f": {printable(result.message)}"
    return f"{', '.join(parts)} ({engine}); {'sum of squares' if result.fit else 'loss'} {result.loss!r}{why}"


def status(result: Training, wanted: bool) -> ExitStatus:
    """What to end with. wanted: whether convergence was asked for."""
    if result.reason == "interrupted":
        return ExitStatus.INTERRUPTED
    if result.reason == "diverged" or (wanted and not result.converged):
        return ExitStatus.NOT_HELD
    return ExitStatus.DONE


def way_on(result: Training) -> list[str]:
    """What may help a run that ended before its tolerance was met, as lines."""
    found = [name for name in ("tolerance", "gradient_tolerance", "step_tolerance") if name in result.settings]
    if result.reason not in ("epochs", "time") or not found:
        return []
    longer = f"--epochs {10 * result.epochs}" if result.reason == "epochs" else "a longer --max-time"
    looser = " or ".join(f"--{name.replace('_', '-')}" for name in found)
    other = ", a larger learning rate (--lr) or --optimizer lbfgs" if "learning_rate" in result.settings else ""
    return [f"hint: {longer}{other} may reach it, or a larger {looser} is enough"]


class Meter(Progress):
    """Shows epoch, loss and rate on a terminal. epochs: how many there will be at most."""

    def __init__(self, wanted: bool, epochs: int | None) -> None:
        super().__init__(wanted)
        self.epochs = epochs
        self._first: int | None = None

    def at(self, state: State) -> None:
        """Show where the run is."""
        if self._first is None:
            self._first = state.step - 1
        first = self._first
        self.tell(lambda seconds: position(state, self.epochs, (state.step - first) / max(seconds, 1e-9)))


def position(state: State, epochs: int | None, rate: float) -> str:
    """epoch 12 of 100, loss 0.25, 1,234 steps/s."""
    entries: Iterable[Any] = () if state.history.last is None else (state.history.last,)
    loss = next((f"{entry.loss:.6g}" for entry in entries), "" if not state.batch else f"{state.loss:.6g}")
    epoch = min(state.epoch + 1, epochs or state.epoch + 1)
    parts = [f"epoch {epoch:,}" + (f" of {epochs:,}" if epochs else "")]
    if loss:
        parts.append(f"loss {loss}")
    return shorten(", ".join([*parts, f"{rate:,.0f} steps/s"]), 79)
