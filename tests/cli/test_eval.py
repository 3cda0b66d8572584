"""gradcli eval: every format, the options, the screen."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from outcomes import Cli, Golden, Outcome, Refused

from gradcli.cli.app import COMMANDS
from gradcli.render import FORMATS

NEURON = "f = 1/(1+exp(-(w0*x0 + w1*x1 + w2)))\nf"
NEURON_INPUTS = ("--w0", "2", "--x0", "-1", "--w1", "-3", "--x1", "-2", "--w2", "-3")
PROGRAMS = {
    "product": ("(x+y)*z", "--x", "2", "--y", "3", "--z", "-4"),
    "neuron": (NEURON, *NEURON_INPUTS),
    "square": ("x*x", "--x", "3"),
    "double": ("x+x", "--x", "3"),
    "fan-out": ("x*sin(x)", "--x", "0"),
    "kinks": ("abs(x) + max(x, y) + relu(y)", "--x", "0", "--y", "0"),
    "pole": ("log(x) + 1/y", "--x", "0", "--y", "0"),
    "not-finite": ("exp(x) - exp(x) + sqrt(y)", "--x", "1000", "--y", "-1"),
    "stages": ("q = x + y  # the sum\nr = q^2\nq*r", "--x", "2", "--y", "3"),
    "of": ("q = x + y\nr = q*z\nr^2", "--x", "2", "--y", "3", "--z", "4", "--of", "q"),
    "wrt": ("(x+y)*z", "--x", "2", "--y", "3", "--z", "-4", "--wrt", "x"),
    "constant": ("2*pi", "--format", "table"),
    "minus-first": ("-x*y == -(x*y)", "--x", "2", "--y", "3"),
}
MORE = (
    ("x", "--x", "nan"),
    ("x/y", "--x", "inf", "--y", "-inf"),
    ("where(x > 0, log(x), 0)", "--x", "-1"),
    ("f(a, b) = a*b\nf(x, f(x, 2))", "--x", "3"),
    ("sigmoid(x) + tanh(x) + softplus(x) + gelu(x)", "--x", "0.5"),
    ("x^y", "--x", "-8", "--y", "0.3333333333333333"),
    ("not x and y or x <= y", "--x", "1", "--y", "2"),
    ("σ(θ) + √θ", "--θ", "4"),
    ("min(x, y, z)", "--x", "1", "--y", "1", "--z", "2"),
    ("x # a comment \u202e with [red] :smile: \x1b", "--x", "1"),
    ("-0 + x", "--x", "5e-324"),
)


@pytest.fixture
def schema(cli: Cli) -> Any:
    return json.loads(cli("schema").out)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_formats(name: str, format: str, cli: Cli, golden: Golden) -> None:
    arguments = ("eval", *PROGRAMS[name], "--format", format)
    if name == "constant":
        arguments = ("eval", PROGRAMS[name][0], "--format", format)
    golden(f"cli/golden/eval/{name}.{format}.txt", cli(*arguments).transcript(arguments))


def test_json_is_an_option_of_its_own(cli: Cli, refused: Refused) -> None:
    assert cli("eval", "x", "--x", "1", "--json") == cli("eval", "x", "--x", "1", "--format", "json")
    assert cli("eval", "x", "--x", "1", "--json", "--format=json").trace["value"] == 1.0
    assert "json and csv are different formats" in refused("eval", "x", "--x", "1", "--json", "--format", "csv")
    assert "the formats are table, tree, json" in refused("eval", "x", "--x", "1", "--format", "xml")


def test_the_schema_is_a_schema(schema: Any, cli: Cli, refused: Refused) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
    assert cli("schema", "trace").out == cli("schema").out
    assert "the schemas are trace" in refused("schema", "tracks")


@pytest.mark.parametrize("arguments", [*PROGRAMS.values(), *MORE], ids=lambda a: ascii(a[0]))
def test_json_follows_the_schema(arguments: tuple[str, ...], schema: Any, cli: Cli) -> None:
    outcome = cli("eval", *(a for a in arguments if a not in ("--format", "table")), "--json")
    assert outcome.out.isascii()

    def constant(name: str) -> None:
        pytest.fail(f"{name} is not JSON")

    document = json.loads(outcome.out, parse_constant=constant)
    Draft202012Validator(schema).validate(document)
    assert document["schema"] == "gradcli.trace/1"
    ids = [gate["id"] for gate in document["gates"]]
    assert ids == [f"g{i}" for i in range(len(ids))]
    assert document["output"] in ids
    for gate in document["gates"]:
        assert 0 <= gate["start"] <= gate["end"] <= len(document["expression"])
        assert all(int(operand["id"][1:]) < int(gate["id"][1:]) for operand in gate["operands"])
    _check_sums(document)


def _check_sums(document: dict[str, Any]) -> None:
    """A gate's global gradient is the sum of the contributions on its outgoing edges; the output's is 1."""
    sums = {gate["id"]: 0.0 for gate in document["gates"]} | {document["output"]: 1.0}
    for gate in reversed(document["gates"]):
        for operand in gate["operands"]:
            if operand["contribution"] is not None:
                sums[operand["id"]] += float(operand["contribution"])
    for gate in document["gates"]:
        if gate["global_gradient"] is not None:
            number = float(gate["global_gradient"])
            assert number == sums[gate["id"]] or (math.isnan(number) and math.isnan(sums[gate["id"]])), gate
    for name, gradient in document["gradients"].items():
        inputs = [gate for gate in document["gates"] if gate["op"] == "input" and gate["name"] == name]
        assert [gate["global_gradient"] for gate in inputs] == [gradient]


@pytest.mark.parametrize("arguments", [*PROGRAMS.values(), *MORE], ids=lambda a: ascii(a[0]))
def test_ndjson_and_csv_say_what_json_says(arguments: tuple[str, ...], cli: Cli) -> None:
    arguments = tuple(a for a in arguments if a not in ("--format", "table"))
    gates = cli("eval", *arguments, "--json").trace["gates"]
    lines = cli("eval", *arguments, "--format", "ndjson").out.splitlines()
    assert [json.loads(line) for line in lines] == gates
    rows = list(csv.DictReader(io.StringIO(cli("eval", *arguments, "--format", "csv").out, newline="")))
    expected = [(gate, operand) for gate in gates for operand in gate["operands"] or [None]]
    assert len(rows) == len(expected)
    for row, (gate, operand) in zip(rows, expected, strict=True):
        first = not operand or operand is gate["operands"][0]
        assert (row["gate"], row["op"], row["name"]) == (gate["id"], gate["op"], gate["name"] or "")
        assert _unwrapped(row["text"]) == (_unwrapped(gate["text"]) if first else "")
        assert (int(row["start"]), int(row["end"])) == (gate["start"], gate["end"])
        _same(row["value"], gate["value"])
        _same(row["global_gradient"], gate["global_gradient"])
        assert row["operand"] == (operand["id"] if operand else "")
        _same(row["local_gradient"], operand and operand["local_gradient"])
        _same(row["contribution"], operand and operand["contribution"])
        assert _unwrapped(row["rule"]) == _unwrapped((operand and operand["rule"]) or "")
        for cell in row.values():
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert not cell.startswith("-") or re.fullmatch(r"-(inf|[0-9.e+-]+)", cell)


def _unwrapped(text: str) -> str:
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def _same(cell: str, number: Any) -> None:
    if number is None:
        assert cell == ""
    elif number == "NaN":
        assert cell == "nan"
    else:
        assert repr(float(cell)) == repr(float(number))


@pytest.mark.parametrize("arguments", [*PROGRAMS.values(), *MORE], ids=lambda a: ascii(a[0]))
def test_markdown_is_a_table_and_a_list(arguments: tuple[str, ...], cli: Cli) -> None:
    arguments = tuple(a for a in arguments if a not in ("--format", "table"))
    document = cli("eval", *arguments, "--json").trace
    table, _, summary = cli("eval", *arguments, "--format", "markdown").out.partition("\n\n")
    rows = table.splitlines()
    assert len(rows) == 2 + len(document["gates"])
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 6, row
        assert row.count("`") % 2 == 0
    assert [row.split("|")[1].strip() for row in rows[2:]] == [gate["id"] for gate in document["gates"]]
    assert len(summary.splitlines()) == 1 + len(document["gradients"])
    assert all(line.startswith("- `") for line in summary.splitlines())


def test_of_and_wrt(cli: Cli, refused: Refused) -> None:
    program = ("q = x + y\nr = q*z\nr^2", "--x", "2", "--y", "3", "--z", "4")
    outcome = cli("eval", *program, "--of", "q", "--json")
    assert outcome.trace["gradients"] == {"x": 1.0, "y": 1.0}
    assert outcome.err == "note: not needed for the output and left out: r\n"
    assert cli("eval", *program, "--wrt", "z, x", "--json").trace["gradients"] == {"x": 160.0, "z": 200.0}
    assert "its stages are q, r" in refused("eval", *program, "--of", "s")
    assert "s is not an input" in refused("eval", *program, "--wrt", "x,s")
    assert "q is not an input" in refused("eval", *program, "--wrt", "q")
    assert "--wrt names no input" in refused("eval", *program, "--wrt", " , ")
    unneeded = cli("eval", *program[:5], "--of", "q", "--json")
    assert unneeded.trace["value"] == 5.0, "an input that the output does not need may be missing"


def test_max_gates(cli: Cli, refused: Refused) -> None:
    assert cli("eval", "x*x*x", "--x", "2", "--max-gates", "3").status == 0
    message = refused("eval", "x*x*x", "--x", "2", "--max-gates", "2")
    assert "the program needs more than 2 gates" in message
    assert "--max-gates" in message
    for wrong in ("0", "-1", "many"):
        assert "--max-gates" in refused("eval", "x", "--x", "2", "--max-gates", wrong)


def test_many_warnings_are_counted(cli: Cli) -> None:
    outcome = cli("eval", "+".join(f"abs(x - {i} + {i})" for i in range(30)), "--x", "0")
    lines = outcome.err.splitlines()
    assert len(lines) == 6
    assert lines[-1] == "warning: and 25 more (kink: 25); gradcli eval --json lists them"


class TestFile:
    """-o FILE: whole or not at all."""

    arguments = ("eval", "x*y", "--x", "2", "--y", "3", "--json")

    def test_the_file_holds_what_standard_output_would(self, cli: Cli, tmp_path: Path) -> None:
        for format in FORMATS:
            out = tmp_path / f"out.{format}"
            arguments = (*self.arguments[:-1], "--format", format)
            assert cli(*arguments, "--output", str(out), terminal=True, TERM="xterm", COLUMNS="20") == Outcome(
                0, "", ""
            )
            assert out.read_text(encoding="utf-8") == cli(*arguments).out
        assert cli(*self.arguments, "-o", "-") == cli(*self.arguments)

    def test_an_existing_file_is_replaced_in_place(self, cli: Cli, tmp_path: Path) -> None:
        target, link = tmp_path / "target", tmp_path / "link"
        target.write_text("old" * 1000)
        target.chmod(0o640)
        link.symlink_to(target)
        assert cli(*self.arguments, "-o", str(link)).status == 0
        assert link.is_symlink()
        assert json.loads(target.read_text())["value"] == 6.0
        assert target.stat().st_mode & 0o777 == 0o640
        assert sorted(tmp_path.iterdir()) == [link, target]

    def test_a_device_stays_a_device(self, cli: Cli, tmp_path: Path) -> None:
        pipe = tmp_path / "device"
        pipe.symlink_to(os.devnull)
        assert cli(*self.arguments, "-o", str(pipe)) == Outcome(0, "", "")
        assert pipe.is_symlink()
        assert not Path(os.devnull).is_file()

    @pytest.mark.parametrize("name", ["missing/out", "a-file/out", "", "a-directory", "n" * 300, "nul\0"])
    def test_nothing_is_left_where_it_fails(self, name: str, refused: Refused, tmp_path: Path) -> None:
        (tmp_path / "a-file").write_text("kept")
        (tmp_path / "a-directory").mkdir()
        refused(*self.arguments, "-o", f"{tmp_path}/{name}" if name else "", status=74)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a-directory", "a-file"]
        assert (tmp_path / "a-file").read_text() == "kept"

    def test_an_existing_file_survives_a_failure(
        self, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "out"
        out.write_text("old")
        for failure, status in ((OSError(28, "No space left on device"), 74), (KeyboardInterrupt(), 130)):

            def broken(*arguments: Any, failure: BaseException = failure) -> Any:
                yield "half"
                raise failure

            monkeypatch.setattr("gradcli.render.json_trace.render", broken)
            assert cli(*self.arguments, "-o", str(out)).status == status
            assert out.read_text() == "old"
            assert list(tmp_path.iterdir()) == [out]

    def test_wrong_input_leaves_an_existing_file(self, refused: Refused, tmp_path: Path) -> None:
        out = tmp_path / "out"
        out.write_text("old")
        refused("eval", "x*y", "--x", "2", "-o", str(out))
        assert out.read_text() == "old"


class TestLargeGraph:
    """Beyond some hundreds of gates the table shows the first and the last ones."""

    program = "+".join(["x"] * 1000)

    def test_what_is_left_out_is_said(self, cli: Cli) -> None:
        out = cli("eval", self.program, "--x", "1").out
        assert "… 800 gates left out: --all shows them, --json has them" in " ".join(out.split())
        assert "g99 " in out
        assert "g100 " not in re.sub(r"∂/∂\S+", "", out)
        assert "g999 " in out
        assert "g999 = 1000.0" in out
        assert "∂/∂x = 1000.0" in out

    def test_all_shows_all(self, cli: Cli) -> None:
        out = cli("eval", self.program, "--x", "1", "--all").out
        assert "left out" not in out
        for i in range(1000):
            assert f"\n g{i} " in out

    def test_many_gradients(self, cli: Cli) -> None:
        inputs = [f"x{i}" for i in range(300)]
        values = json.dumps(dict.fromkeys(inputs, 1)).encode()
        out = cli("eval", "+".join(inputs), "--vars", "-", stdin=values).out
        assert "… 100 more gradients: --all shows them, --json has them" in out

    def test_in_a_narrow_window(self, cli: Cli) -> None:
        out = cli("eval", self.program, "--x", "1", COLUMNS="20").out
        assert "… 800 gates left out" in out


def colorless(text: str) -> str:
    """text without colours, and without the blanks that a colour kept at the end of a line."""
    return re.sub(r" +$", "", re.sub(r"\x1b\[[0-9;]*m", "", text), flags=re.MULTILINE)


class TestScreen:
    """Widths, encodings, colours. No number is ever cut."""

    arguments = ("eval", "q = sin(x)*1/3\nq^3*exp(q)/7", "--x", "0.1")

    def numbers(self, cli: Cli) -> list[str]:
        found = []
        for gate in cli(*self.arguments, "--json").trace["gates"]:
            found += [gate["value"], gate["global_gradient"]]
            for operand in gate["operands"]:
                found += [operand["local_gradient"], operand["contribution"]]
        numbers = [repr(float(number)) for number in found if number is not None]
        assert max(map(len, numbers)) >= 19
        return numbers

    @pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "cp1252"])
    def test_every_number_is_whole_at_every_width(self, encoding: str, cli: Cli) -> None:
        expected = self.numbers(cli)
        widths = [*range(5, 100), 120, 200] if encoding == "utf-8" else [5, 30, 60, 80, 200]
        layouts = set()
        for width in widths:
            out = cli(*self.arguments, COLUMNS=str(width), encoding=encoding).out
            words = out.split()
            for number in expected:
                assert words.count(number) >= expected.count(number), (width, number)
            layouts.add("contribution    " in out)
            if encoding != "utf-8":
                assert out.isascii()
                assert "\\" not in out
            if width >= 65:
                assert max(map(len, out.splitlines())) <= width
        assert layouts == {True, False}, "the table and the narrow layout"

    def test_the_narrow_layout(self, cli: Cli, golden: Golden) -> None:
        arguments = ("eval", *PROGRAMS["neuron"])
        golden("cli/golden/eval/narrow.txt", cli(*arguments, COLUMNS="40").transcript(arguments))

    def test_a_window_of_80_columns(self, cli: Cli, golden: Golden) -> None:
        arguments = ("eval", *PROGRAMS["neuron"])
        outcome = cli(*arguments, COLUMNS="80")
        golden("cli/golden/eval/80-columns.txt", outcome.transcript(arguments))
        assert max(map(len, outcome.out.splitlines())) <= 80

    def test_ascii(self, cli: Cli, golden: Golden) -> None:
        arguments = ("eval", "x/y", "--x", "1", "--y", "4")
        golden("cli/golden/eval/ascii.txt", cli(*arguments, encoding="ascii").transcript(arguments))

    def test_names_that_the_encoding_does_not_have(self, cli: Cli) -> None:
        out = cli("eval", "θ*θ", "--θ", "2", encoding="ascii").out
        assert r"\u03b8 * \u03b8" in out

    def test_color(self, cli: Cli, golden: Golden) -> None:
        plain = cli(*self.arguments).out
        colored = cli(*self.arguments, terminal=True, TERM="xterm", COLUMNS="100").out
        assert "\x1b[" in colored
        assert cli(*self.arguments, FORCE_COLOR="1").out.count("\x1b[") == colored.count("\x1b[")
        assert re.sub("─+", "", colorless(colored)).split() == re.sub("─+", "", plain).split()
        golden("cli/golden/eval/color.txt", cli("eval", "x*y", "--x", "2", "--y", "3", FORCE_COLOR="1").out)

    @pytest.mark.parametrize(
        "how",
        [
            {},
            {"TERM": "xterm"},
            {"terminal": True, "NO_COLOR": "1"},
            {"terminal": True, "TERM": "dumb"},
            {"FORCE_COLOR": "1", "NO_COLOR": "1"},
            {"NO_COLOR": "1"},
        ],
        ids=str,
    )
    def test_no_color(self, how: dict[str, Any], cli: Cli) -> None:
        assert "\x1b" not in cli(*self.arguments, **how).out

    def test_a_dumb_terminal_of_any_width(self, cli: Cli) -> None:
        for width in ("30", "200"):
            out = cli(*self.arguments, TERM="dumb", FORCE_COLOR="1", COLUMNS=width).out
            assert colorless(out) == cli(*self.arguments, COLUMNS=width).out

    def test_formats_for_machines_do_not_depend_on_the_screen(self, cli: Cli) -> None:
        for format in ("json", "ndjson", "csv", "markdown"):
            arguments = (*self.arguments, "--format", format)
            outcome = cli(*arguments, terminal=True, TERM="xterm", COLUMNS="20", FORCE_COLOR="1")
            assert outcome.out == cli(*arguments).out
            assert "\x1b" not in outcome.out


def test_text_is_inert(cli: Cli, refused: Refused) -> None:
    comment = "x + 1 # \x1b[31m [red]red[/] [/] :smile: \x07 \u202e \x9b2J"
    for format in FORMATS:
        out = cli("eval", comment, "--x", "2", "--format", format).out
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out)
    for program in ("a\x1b[31mb", "x\u202e", "x + \x9b", "[red]", "x[/]", ":smile:", "\x07"):
        message = refused("eval", program, "--x", "2")
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", message)
    message = refused("eval", "x", "--x", "\x1b[31m[red]\x07")
    assert "\\x1b[31m" in message
    assert "[red]" in refused("eval", "x", "--vars", "-", stdin=b'{"x": "[red]\\u001b[0m"}')
    assert "\\x1b[31m" in refused("eval", "x", "--x", "1", "--of", "\x1b[31m")
    assert "\\x1b[31m" in refused("\x1b[31m")
    assert "\\x1b[31m" in cli("eval", "x", "--vars", "-", stdin=b'{"x": 1, "\\u001b[31m": 2}').err


def test_help(cli: Cli) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        outcome = cli(*arguments)
        assert outcome.status == 0
        assert "eval" in outcome.out
        assert "functions" in outcome.out
        assert "..." not in outcome.out.partition("Options:")[2], "every command's line is whole"
    for command in COMMANDS:
        out = cli(command, "--help").out
        assert max(map(len, out.splitlines())) <= 80
    assert '\n    gradcli eval "(x+y)*z" --x 2 --y 3 --z -4\n' in cli("eval", "--help").out
    assert cli("--version").out.startswith("gradcli ")
