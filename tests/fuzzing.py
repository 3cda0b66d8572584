"""Random input for the parser, for `gradcli.evaluate` and for the whole command line; random programs for the oracle.

`tests/test_fuzz.py` runs a little of it, always the same. The long run, with new input for every seed:

    python tests/fuzzing.py --programs 20000 --bytes 10000000 --seed 1

It prints what it has done and every finding with a small reproduction; its exit status is 1 if there was any.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import signal
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from fuzz_input import Arguments, Line, Texts, shrunk, shrunk_line
from fuzz_programs import Report, check_arrays, check_programs, fails

import gradcli
from gradcli.cli.app import run
from gradcli.graph import graph
from gradcli.graph.lower import lower
from gradcli.graph.printing import program
from gradcli.language.nodes import NAME, Program
from gradcli.numeric import arrays

MAX_GATES = 20_000
MOST_ELEMENTS = 200_000  # of an array that a program makes
SECONDS = 5.0  # of processor time that one input may take
STATUSES = {0, 1, 2, 74, 141}  # the documented ones, without those of bugs and interruptions
LONGEST_ERROR = 2000
MOST_NOTES = 40  # lines on standard error beside a result
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_VISIBLE = {
    *map(chr, range(0x600, 0x606)),
    *"\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd",
}  # of Cf: number signs


class Finding(AssertionError):
    """Something that must not happen."""


Smaller = Callable[[Any, Callable[[Any], bool]], Any]


class Outcome(NamedTuple):
    status: int
    out: bytes
    err: str


def check_message(text: str, lines: int = 4, longest: int = LONGEST_ERROR) -> None:
    """A message for people is short and moves nothing on a terminal."""
    if len(text.splitlines()) > lines or len(text) > longest:
        raise Finding(f"a message of {len(text.splitlines())} lines, {len(text)} characters")
    hidden = {sign for sign in text if sign != "\n" and unicodedata.category(sign) in _HIDDEN} - _VISIBLE
    if hidden:
        raise Finding(f"a message with the characters {hidden!r}")


class _Endless(BaseException):
    """What stops an input that does not end; nothing catches it as an error of its own."""


def _stop(*_: Any) -> None:
    raise _Endless


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    start, can_stop = time.process_time(), hasattr(signal, "setitimer")
    before = signal.signal(signal.SIGVTALRM, _stop) if can_stop else None
    larger = graph.MOST_ELEMENTS
    try:
        graph.MOST_ELEMENTS = MOST_ELEMENTS
        if can_stop:
            signal.setitimer(signal.ITIMER_VIRTUAL, max(1.0, 4 * SECONDS))
        yield
    except _Endless:
        raise Finding(f"does not end within {4 * SECONDS:.0f} s") from None
    finally:
        graph.MOST_ELEMENTS = larger
        if can_stop:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before)
    if (taken := time.process_time() - start) > SECONDS:
        raise Finding(f"took {taken:.1f} s")


# Texts


def try_text(text: str) -> str:
    """Parse, evaluate and print a program. Returns what came of it: "evaluated", or the kind of error."""
    r = Random(len(text))
    with bounded():
        try:
            parsed = gradcli.parse(text)
            given = {name: arrays.asarray(r.choice(_VALUES)) for name in _names(parsed)}
            built = lower(parsed, given, max_gates=MAX_GATES)
            built.verify()
            values = {name: given.get(name, 1.0) for name in built.free}
            gradcli.evaluate(parsed, values, max_gates=MAX_GATES).to_json()
        except gradcli.GradcliError as error:
            check_message(str(error))
            return type(error).__name__
        lower(gradcli.parse(program(built)), {name: values[name] for name in built.inputs}).verify()
    return "evaluated"


_VALUES = (0.0, 1.0, -2.5, 1e300, 0.3, 2.0, [1.0, 2.0], [0.0, -1e300], [[1.0, 0.5], [-1.0, 2.0]], [[[1.0]], [[2.0]]])


def _names(parsed: Program) -> list[str]:
    """The names in a program, but those of constants."""
    found = {
        value for kind, value in zip(parsed.nodes.kinds, parsed.nodes.values, strict=True) if kind is NAME and value
    }
    return sorted(found - {"pi", "e", "tau", "inf", "nan"})


# The command line


class _Output(io.BytesIO):
    """Standard output, on which writing may fail."""

    fault: type[OSError] | None = None

    def write(self, content: Any) -> int:
        if self.fault is not None:
            raise self.fault(28, "No space left on device")
        return super().write(content)


def invoke(line: Line) -> Outcome:
    """Run the command line in this process."""
    os.environ["BROWSER"] = "true"  # the command of that name: --open starts no browser
    before = sys.stdin, sys.stdout, sys.stderr
    raw, errors = _Output(), io.BytesIO()
    raw.fault = line.fault
    out, err = (io.TextIOWrapper(stream, encoding="utf-8", newline="\n") for stream in (raw, errors))
    try:
        sys.stdin, sys.stdout, sys.stderr = io.TextIOWrapper(io.BytesIO(line.stdin), encoding="utf-8"), out, err
        status = run(list(line.arguments))
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
        raw.fault = None  # what is left in buffers goes nowhere
    err.flush()
    return Outcome(status, raw.getvalue(), errors.getvalue().decode("utf-8"))


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _outputs(arguments: Sequence[str]) -> set[str]:
    """The files that a command line names as its output."""
    named = {after for before, after in pairwise(arguments) if before in ("-o", "--output")}
    return {os.path.normpath(name) for name in named | {a[9:] for a in arguments if a.startswith("--output=")}}


def try_line(line: Line, folder: Path) -> str:
    """Run a command line in a folder that holds its files and nothing else. Returns its status.

    Raises:
        Finding: the status is not documented, there is a traceback, standard output has a piece of a result, or a file
            was written that nobody named.
    """
    for name, content in line.files.items():
        (folder / name).write_bytes(content)
    before = _contents(folder)
    try:
        with bounded():
            outcome = invoke(line)
        after = _contents(folder)
    finally:
        for name in _contents(folder).keys() - line.files.keys():
            (folder / name).unlink()
    _check_outcome(outcome)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    if changed - (_outputs(line.arguments) if outcome.status in (0, 1) else set()):
        raise Finding(f"status {outcome.status}, and these files were written: {changed}")
    return str(outcome.status)


def _check_outcome(outcome: Outcome) -> None:
    status, out, err = outcome
    if status not in STATUSES:
        raise Finding(f"status {status}: {err[:300]}")
    if "Traceback" in err:
        raise Finding(f"a traceback: {err[-300:]}")
    if status == 2 and out:
        raise Finding(f"status 2 and {len(out)} bytes on standard output")
    if status in (2, 74):
        check_message(err)
        if not err.startswith("gradcli: ") or err.count("\ngradcli: "):
            raise Finding(f"not one message: {err[:300]!r}")
    check_message(err, MOST_NOTES, 10 * LONGEST_ERROR)
    if status == 0 and out[:1] in (b"{", b"["):
        _check_json(out)


def _check_json(out: bytes) -> None:
    """A result that looks like JSON is one document, or one on every line; a bare NaN is none."""

    def refuse(constant: str) -> Any:
        raise Finding(f"{constant} is not JSON")

    try:
        json.loads(out, parse_constant=refuse)
    except json.JSONDecodeError:
        try:
            for line in out.splitlines():
                json.loads(line, parse_constant=refuse)
        except json.JSONDecodeError as error:
            raise Finding(f"a result that is not JSON: {error}") from None


# The long run


def fuzz_texts(count: int, r: Random, report: Report) -> int:
    """Feed the parser that many bytes. Returns how many they were."""
    texts, fed = Texts(r), 0
    while fed < count:
        text = texts.text()
        fed += len(text.encode("utf-8", "surrogatepass"))
        attempt(report, "texts", try_text, text, shrunk)
    return fed


def attempt(report: Report, what: str, run: Callable[[Any], str], whole: Any, smaller: Smaller) -> None:
    """Run and count; what fails is made smaller while it fails in the same way, as the first characters tell."""
    outcome: list[str] = []
    problem = fails(lambda: outcome.append(run(whole)))
    if problem is None:
        report.count(what, outcome[0])
        return

    def still(less: Any) -> bool:
        found = fails(lambda: run(less))
        return found is not None and found[:40] == problem[:40]

    report.found(problem, repr(smaller(whole, still)))


def fuzz_lines(count: int, r: Random, report: Report, layout: float = 0.02) -> int:
    """Feed the command line that many bytes, files included. Returns how many they were."""
    fed, home = 0, Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "folder").mkdir()
        os.chdir(folder)
        try:
            source = Arguments(r, layout)
            while fed < count:
                line = source.line()
                fed += line.size
                attempt(report, "command lines", lambda less: try_line(less, folder), line, shrunk_line)
        finally:
            os.chdir(home)
    return fed


def main() -> int:
    parser = argparse.ArgumentParser(description="Random input for gradcli; see the docstring.")
    parser.add_argument("--programs", type=int, default=20_000, help="how many to check against the oracle")
    parser.add_argument("--arrays", type=int, default=6_000, help="how many programs with arrays to check")
    parser.add_argument("--bytes", type=int, default=10_000_000, help="how many to feed, half of them to the parser")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other input")
    given_ = parser.parse_args()
    report, begin = Report(), time.monotonic()

    def told(what: str, count: int, unit: str) -> None:
        found = sum((counted for name, counted in report.counts.items() if name.startswith(what)), Counter[str]())
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(found.items()))
        print(f"{time.monotonic() - begin:6.0f} s  {what}: {count:,} {unit} ({kinds})", flush=True)

    told("texts", fuzz_texts(given_.bytes // 2, Random(f"texts {given_.seed}"), report), "bytes")
    told("command lines", fuzz_lines(given_.bytes - given_.bytes // 2, Random(f"lines {given_.seed}"), report), "bytes")
    told("programs", check_programs(given_.programs, given_.seed, report), "checked against the oracle")
    told("programs with arrays", check_arrays(given_.arrays, given_.seed, report), "checked")
    print(f"seed {given_.seed}: {len(report.findings)} findings")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
