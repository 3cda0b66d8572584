"""What terminals of any width, encoding and ability show: pseudo-terminals, and streams that say what they are."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Iterator

import pytest
from commands import arguments
from hostile import COLOR, hidden
from outcomes import Cli
from processes import GRADCLI, environment, process

from gradcli.cli.app import COMMANDS
from gradcli.render import FORMATS

PROGRAM = ["eval", "q = x*sin(y)\nq/3 + abs(y) + exp(-x)^1e-7", "--x", "0.1", "--y", "-7e-300"]
SCREENS = ("table", "tree")


def on_terminal(*arguments: str, columns: int, **settings: str) -> tuple[int, str]:
    """Status and output of gradcli on a real terminal of that width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    attributes = termios.tcgetattr(slave)
    attributes[1] &= ~termios.OPOST  # line feeds as they are written
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    running = subprocess.Popen(
        [*GRADCLI, *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment(**settings)
    )
    os.close(slave)
    found = b""
    try:
        while piece := os.read(master, 65_536):
            found += piece
    except OSError:  # what Linux says instead of an end
        pass
    os.close(master)
    return running.wait(60), found.decode("utf-8", "strict")


def numbers(cli: Cli) -> set[str]:
    """Every number of the program's trace, as it round-trips."""
    document = cli(*PROGRAM, "--json").trace
    found: list[float] = [document["value"], *document["gradients"].values()]
    for gate in document["gates"]:
        found += [gate["value"], gate["global_gradient"]]
        for edge in gate["operands"]:
            found += [edge["local_gradient"], edge["contribution"]]
    return {repr(number) for number in found if isinstance(number, float)}


def whole(text: str) -> set[str]:
    """The numbers that stand in a text, none of them cut by a line's end."""
    return {*re.findall(r"(?<![\w.])-?[0-9]+(?:\.[0-9]+)?(?:e[-+][0-9]+)?(?![\w.…])", COLOR.sub("", text))}


@pytest.mark.parametrize("format", SCREENS)
def test_every_number_is_whole_at_every_width(format: str, cli: Cli) -> None:
    expected = numbers(cli)
    assert len(expected) > 10
    for columns in (*range(5, 100), 120, 150, 200):
        outcome = cli(*PROGRAM, "--format", format, COLUMNS=str(columns))
        assert expected <= whole(outcome.out), columns
        assert "…" not in outcome.out


@pytest.mark.parametrize("columns", [0, 5, 33, 200])
@pytest.mark.parametrize("format", SCREENS)
def test_a_real_terminal(format: str, columns: int, cli: Cli) -> None:
    """Its own width counts; colours are there, and no other control sequence."""
    status, shown = on_terminal(*PROGRAM, "--format", format, columns=columns, TERM="xterm")
    assert status == 0
    assert COLOR.search(shown)
    assert not hidden(COLOR.sub("", shown))
    assert numbers(cli) <= whole(shown)
    if columns:
        plain = [line.rstrip() for line in COLOR.sub("", shown).splitlines()]
        assert plain == cli(*PROGRAM, "--format", format, COLUMNS=str(columns)).out.splitlines()


@pytest.mark.parametrize("columns", ["0", "1", "-5", "x", "", "99999999", "1e3"])
def test_widths_that_are_none(columns: str, cli: Cli) -> None:
    for format in SCREENS:
        outcome = cli(*PROGRAM, "--format", format, COLUMNS=columns)
        assert outcome.status == 0
        assert numbers(cli) <= whole(outcome.out)


@pytest.mark.parametrize(
    ("settings", "colors"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({}, True),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_colors_on_a_terminal(settings: dict[str, str], colors: bool) -> None:
    status, shown = on_terminal(*PROGRAM, columns=80, **settings)
    assert status == 0
    assert bool(COLOR.search(shown)) == colors
    assert not hidden(COLOR.sub("", shown))


@pytest.mark.parametrize(
    "settings", [{}, {"FORCE_COLOR": ""}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, {"TERM": "xterm"}]
)
@pytest.mark.parametrize("format", FORMATS)
def test_a_file_gets_no_colors(format: str, settings: dict[str, str], cli: Cli) -> None:
    assert "\x1b" not in cli(*PROGRAM, "--format", format, **settings).out


def test_colors_into_a_pipe_when_asked_for(cli: Cli) -> None:
    for format in SCREENS:
        assert COLOR.search(cli(*PROGRAM, "--format", format, FORCE_COLOR="1").out)
    for format in {*FORMATS} - {*SCREENS}:
        assert cli(*PROGRAM, "--format", format, FORCE_COLOR="1") == cli(*PROGRAM, "--format", format)


def _printing() -> Iterator[list[str]]:
    program = ["θ = x·y\nθ² + abs(x)", "--x", "0", "--y", "2"]
    yield from (["eval", *program, "--format", name] for name in FORMATS)
    yield from ([name, "--help"] for name in COMMANDS)
    yield from (arguments(name, *program) for name in COMMANDS if name not in ("eval", "dot", "view"))
    yield ["eval", "х + 1"]  # Cyrillic


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437"])
def test_every_encoding(encoding: str, cli: Cli) -> None:
    """What the encoding lacks is written as an escape; tables use signs that it has."""
    for written in _printing():
        outcome = cli(*written, encoding=encoding)
        assert outcome.status == (2 if "х + 1" in written else 0)
        assert outcome.out or outcome.err
        if written[-1] in SCREENS:
            assert "\\u" not in outcome.out.replace("\\u03b8", "")


@pytest.mark.parametrize(
    "settings",
    [{"LC_ALL": "C", "PYTHONUTF8": ""}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "xx_YY.Z", "PYTHONUTF8": ""}],
    ids=" ".join,
)
def test_every_locale(settings: dict[str, str]) -> None:
    done = process("eval", "θ = x·y\nθ²", "--x", "1", "--y", "2", **settings)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"4.0" in done.stdout
    refused = process("eval", "х", **settings)
    assert refused.returncode == 2
    assert b"Traceback" not in refused.stderr
    as_json = process("eval", "θ", "--θ", "1", "--json", **settings)
    assert json.loads(as_json.stdout)["gradients"] == {"θ": 1.0}


def test_a_dumb_terminal_without_unicode() -> None:
    status, shown = on_terminal(*PROGRAM, columns=60, TERM="dumb", PYTHONIOENCODING="ascii")
    assert status == 0
    assert shown.isascii()
    assert not hidden(shown)


def test_a_picture_is_not_drawn_on_a_terminal() -> None:
    status, shown = on_terminal("dot", "x*y", "-T", "png", columns=80, TERM="xterm")
    assert status == 2
    assert "is not for a terminal" in shown
