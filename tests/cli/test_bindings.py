"""Values for names: --NAME VALUE, --set, --vars, and what is said where they do not fit."""

from __future__ import annotations

import json
import math
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from outcomes import Cli, Golden, Outcome, Refused

from gradcli.cli.app import COMMANDS, app
from gradcli.cli.bindings import BindingCommand, sort_arguments
from gradcli.cli.propagate import ROWS

PRODUCT = ("(x+y)*z", "--x", "2", "--y", "3")

TRANSCRIPTS = {
    "negative": (*PRODUCT, "--z", "-4"),
    "negative-joined": (*PRODUCT, "--z=-4"),
    "infinite": ("2*z", "--z", "-inf"),
    "constant-rebound": ("e*x", "--e", "2", "--x", "3"),
    "constant": ("e^0*x", "--x", "3"),
    "expression-with-minus-first": ("-x^2", "--x", "3"),
    "expression-with-minus-last": ("--x", "3", "-x^2"),
    "expression-of-letters-with-minus": ("-x", "--x", "3"),
    "parenthesis-with-minus": ("-(o+x)", "--o", "1", "--x", "3"),
    "long-parenthesis-with-minus": ("--x", "3", "--h", "1", "-(h+x)"),
    "options-end": ("--x", "3", "--", "-x"),
    "options-end-before-double-minus": ("--x", "3", "--", "--x"),
    "value-like-an-option": ("x", "--x", "--json"),
    "option-as-binding": ("json*2", "--json", "3"),
    "option-as-binding-last": ("json*2", "--json"),
    "option-with-value-as-binding": ("of*2", "--of", "3"),
    "single-hyphen": ("x^2", "-x", "2"),
    "single-hyphen-first": ("-x", "2", "x^2"),
    "short-option-joined": ("x", "--x", "1", "-oout.txt"),
    "short-option-with-equals": ("x", "--x", "1", "-o=out.txt"),
    "dash": ("x^2", "—x", "2"),
    "no-value": ("x", "--x"),
    "no-value-of-option": ("x", "--x", "1", "--of"),
    "empty-value": ("x", "--x", ""),
    "empty-value-joined": ("x", "--x="),
    "twice": ("x", "--x", "1", "--x", "2"),
    "twice-by-set": ("x", "--x", "1", "--set", "x=1"),
    "option-twice": ("x", "--x", "1", "--wrt", "x", "--wrt", "x"),
    "missing": ("(x+y)*z", "--x", "2"),
    "missing-all": ("(x+y)*z",),
    "missing-function": ("sin+x", "--x", "2"),
    "unknown": ("x", "--x", "2", "--blood_pressure", "3"),
    "unknown-without-inputs": ("2*3", "--x", "2"),
    "unknown-near-input": ("weight*2", "--wieght", "2"),
    "unknown-near-option": ("x", "--x", "2", "--jsn", "3"),
    "misspelt-option-last": ("x", "--x", "2", "--jsn"),
    "misspelt-option-first": ("--jsn", "x", "--x", "2"),
    "misspelt-option-between": ("x", "--jsn", "--x", "2"),
    "unknown-short-option-name": ("2x", "--x", "1", "--wtr", "x"),
    "letters-for-a-product": ("xy", "--x", "1", "--y", "2"),
    "setting-without-hyphens": ("x*y", "x=1", "y=2"),
    "values-after-the-end-of-options": ("--", "-x", "--x", "1"),
    "decimal-comma": ("x", "--x", "1,5"),
    "too-large": ("x*0", "--x", "1e400"),
    "stage-given": ("q = x+1\nq*q", "--x", "2", "--q", "3"),
    "constant-not-used": ("x", "--x", "2", "--pi", "3"),
    "array": ("x", "--x", "[1, 2]"),
    "not-a-number": ("x", "--x", "two"),
    "malformed": ("x", "--x", "1/"),
    "expression-in-words": ("x", "+", "y", "--x", "1", "--y", "2"),
    "no-expression": ("--x", "1"),
    "set-without-value": ("x", "--set", "x"),
    "set-without-name": ("x", "--set", "=2"),
    "greek": ("sin(θ)*θ", "--θ", "0"),
    "subscript": ("x₁ + x1", "--x₁", "2", "--x1", "3"),
}


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_transcript(name: str, cli: Cli, golden: Golden) -> None:
    arguments = ("eval", *TRANSCRIPTS[name])
    golden(f"cli/golden/bindings/{name}.txt", cli(*arguments).transcript(arguments))


def test_help_is_help_and_not_a_binding(cli: Cli) -> None:
    for arguments in (["--help"], ["help*2", "--help", "3"], ["x", "--x", "2", "-h"]):
        outcome = cli("eval", *arguments)
        assert outcome.status == 0
        assert outcome.out.startswith("Usage: gradcli eval")


def test_the_expression_from_standard_input(cli: Cli) -> None:
    assert cli("eval", "-", "--x", "3", "--json", stdin=b"-x^2\n").trace["value"] == -9.0
    assert cli("eval", "@-", "--x", "3", "--json", stdin=b"-x^2\r\n").trace["value"] == -9.0


def test_the_expression_from_a_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "program").write_text("\ufeffq = x*y\nq + 1\n", encoding="utf-8")
    assert cli("eval", f"@{tmp_path}/program", "--x", "3", "--y", "2", "--json").trace["value"] == 7.0


def _options(command: str) -> dict[str, bool]:
    """The long option names of a command as it really is, each with whether it takes a value."""
    built: Any = typer.main.get_command(app).get_command(None, command)  # type: ignore[attr-defined]
    found = {}
    for parameter in built.get_params(typer.Context(built)):
        for name in getattr(parameter, "opts", ()):
            if name.startswith("--"):
                found[name] = not getattr(parameter, "is_flag", False)
    return found


BINDING_COMMANDS = [
    name
    for name, place in COMMANDS.items()
    if name not in ("batch", "train", "fit")  # test_batch.py and its like: their inputs are columns
    and issubclass(getattr(import_module(place.partition(":")[0]).run, "command_class", object), BindingCommand)
]
OWN = [(command, name) for command in BINDING_COMMANDS for name in _options(command) if name[2:].isidentifier()]


def test_the_walk_over_the_options_finds_them() -> None:
    assert ("eval", "--json") in OWN
    assert ("eval", "--help") in OWN
    assert ("dot", "--rankdir") in OWN
    assert len(OWN) >= 22


def _rest(command: str, program: str) -> list[str]:
    """What a command needs beside a program and its values."""
    return {"code": ["--to", "python"], "compare": [program]}.get(command, [])


FORMATS = {
    "dot": "dot",
    "explain": "markdown",
    "diff": "unicode",
    "hessian": "table",
    "jacobian": "table",
    "sweep": "csv",
}  # one of each command's; json where there is none here


@pytest.mark.parametrize(("command", "option"), OWN)
def test_an_input_named_like_an_option_is_given_by_set(command: str, option: str, cli: Cli) -> None:
    program = f"2*{option[2:]}"
    outcome = cli(command, program, *_rest(command, program), "--set", f"{option[2:]}=3")
    assert outcome.status == 0, outcome.err
    if command in ("eval", "dot", "explain", "check"):
        assert re.search(r"\b6(\.0)?\b", outcome.out)  # a picture has short numbers
    assert outcome.out


# What else has to be given with an option.
WITH = {
    ("code", "--trace"): ["--to", "javascript"],
    ("dot", "--rules"): ["--backward"],
    ("dot", "--standalone"): ["--format", "tikz"],
}


def _stands_alone(command: str, name: str) -> bool:
    """Whether an option can be given to any program: --corr needs two inputs, and `propagate` has some for tables."""
    return name not in ("--help", "--list", "--corr") and not (command == "propagate" and name in ROWS)


@pytest.mark.parametrize(("command", "option"), [one for one in OWN if _stands_alone(*one)])
def test_an_input_named_like_an_option_and_the_option(
    command: str, option: str, cli: Cli, refused: Refused, tmp_path: Path
) -> None:
    values = {"--wrt": "x", "--of": "q", "--output": str(tmp_path / "out"), "--vars": "-", "--theme": "dark"}
    values |= {"--rankdir": "TB", "--against": "x=2", "--path": "x"}
    values |= {"--format": FORMATS.get(command, "json"), "--expand": "all", "--point": "random:2", "--gate": "x"}
    values |= {"--to": "csv" if command == "sweep" else "python", "--jvp": "x=1", "--name": "loss"}
    values |= {"--shapes": "x=number", "--contributions": "x", "--num": "3", "--log": "x", "--engine": "numpy"}
    values |= {"--prefix": "d_", "--range": "x=0..2", "--rules": "raw"}
    name, program = option[2:], f"q = x\n2*{option[2:]}*q"
    x = "1..2" if option == "--point" or command == "sweep" else "1 ± 1" if command == "propagate" else "1"
    given = ["--set", "x=1"] if option == "--set" else ["--x", x, option]
    needed = WITH[command, option] if (command, option) in WITH else _rest(command, program)
    given = [*needed, *given] if option != "--to" else given
    if _options(command)[option] and option != "--set":
        given.append(values.get(option, "1"))
    message = refused(command, program, *given, stdin=b"{}")
    assert f"{option} is an option here and also an input of the program" in message
    assert f"--set {name}=VALUE" in message
    assert not (tmp_path / "out").exists()
    both = cli(command, program, *given, "--set", f"{name}=3", stdin=b"{}")
    assert both.status == 0, both.err


@pytest.mark.parametrize("option", ["--of", "--format", "--vars", "--wrt", "--output"])
def test_a_value_given_to_an_option_of_that_name(option: str, refused: Refused) -> None:
    message = refused("eval", f"2*{option[2:]}", option, "3")
    assert f"--set {option[2:]}=VALUE" in message


def test_a_short_option_is_not_an_input(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert cli("eval", "2*o", "--o", "3", "-o", str(out), "--json") == Outcome(0, "", "")
    assert json.loads(out.read_text())["value"] == 6.0


def test_what_follows_a_name_is_its_value() -> None:
    found = sort_arguments(["--a", "--b", "--json", "--", "--c"], {"--json": False})
    assert found.bindings == [("a", "--b")]
    assert found.options == found.given == ["--json"]
    assert found.operands == ["--c"]


def test_a_value_joined_to_its_short_option() -> None:
    joined = {"-T": ("svg", "dot")}
    found = sort_arguments(["-Tsvg", "-Tx", "-T", "-Tdot", "-Tsvg2", "--", "-Tdot"], {"-T": True}, joined)
    assert found.options == ["-T", "svg", "-T", "-Tdot"]
    assert found.given == ["-T", "-T"]
    assert found.operands == ["-Tx", "-Tsvg2", "-Tdot"]


NUMBERS = {
    "2": 2.0,
    "+2": 2.0,
    "-.5": -0.5,
    "5.": 5.0,
    "1e-3": 0.001,
    "1_000": 1000.0,
    "pi/2": math.pi / 2,
    "-2^2": -4.0,
    "sqrt(2)": math.sqrt(2),
    "inf": math.inf,
    "-inf": -math.inf,
    "1e999": math.inf,
    "−4": -4.0,
    " 3 ": 3.0,
    "9" * 400: math.inf,
}


@pytest.mark.parametrize("written", NUMBERS)
def test_values(written: str, cli: Cli) -> None:
    for arguments in (["--x", written], [f"--x={written}"], ["--set", f"x={written}"]):
        value = cli("eval", "x", "--json", *arguments).trace["value"]
        assert float(value) == NUMBERS[written]
    assert cli("eval", "x", "--json", "--x", "nan").trace["value"] == "NaN"


@pytest.mark.parametrize("written", ["0x10", "1_", "٣", "1,5", "x", "NaN", "1 2", "1;2", "true"])
def test_what_is_not_a_value(written: str, refused: Refused) -> None:
    assert "the value of x is not a number" in refused("eval", "x", "--x", written)


def test_a_value_from_a_file(cli: Cli, refused: Refused, tmp_path: Path) -> None:
    value = tmp_path / "value"
    value.write_text("  -4.5\n")
    assert cli("eval", "x", "--json", "--x", f"@{value}").trace["value"] == -4.5
    value.write_text("pi/2\n")
    assert cli("eval", "x", "--json", "--x", f"@{value}").trace["value"] == math.pi / 2
    assert cli("eval", "x", "--json", "--x", "@-", stdin=b"7").trace["value"] == 7.0
    value.write_text("")
    assert "the value of x is empty" in refused("eval", "x", "--x", f"@{value}")
    assert "No such file" in refused("eval", "x", "--x", f"@{value}.no", status=74)
    assert "the name of a file is empty" in refused("eval", "x", "--x", "@", status=74)


def test_standard_input_is_read_once(refused: Refused) -> None:
    for arguments in (["-", "--vars", "-"], ["-", "--x", "@-"], ["x*y", "--x", "@-", "--y", "@-"]):
        assert "only one of the expression, --vars and a value" in refused("eval", *arguments, stdin=b"x")


SIGNS = {"\u2126": "\u03a9", "\u00b5": "\u03bc", "\u2206": "\u0394"}  # ohm, micro, increment → Ω, μ, Δ


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_and_its_letter_are_one_name(sign: str, cli: Cli, refused: Refused) -> None:
    letter = SIGNS[sign]
    variables = ["--vars", "-"]
    for program, given in ((sign, letter), (letter, sign), (sign, sign)):
        keys = json.dumps({given: 3}).encode()
        for values in (["--" + given, "3"], ["--set", f"{given}=3"], variables):
            outcome = cli("eval", f"q = 2*{program}\nq + 1", "--json", *values, "--wrt", given, stdin=keys)
            assert outcome.trace["gradients"] == {letter: 2.0}
    stage = cli("eval", f"{letter} = 2*x\n{letter} + 1", "--x", "3", "--of", sign, "--json")
    assert stage.trace["value"] == 6.0
    assert "is given twice" in refused("eval", letter, "--" + sign, "3", "--" + letter, "3")
    assert "is given twice" in refused("eval", letter, *variables, stdin=json.dumps({sign: 1, letter: 2}).encode())


def test_missing_names_are_counted(refused: Refused) -> None:
    program = "+".join(f"x{i}" for i in range(400))
    message = refused("eval", program)
    assert "no value for x0, x1" in message
    assert "…" in message
    assert len(message) < 700


def variables(content: str) -> dict[str, Any]:
    """How to give content to --vars."""
    return {"stdin": content.encode()}


def test_values_from_json(cli: Cli, tmp_path: Path) -> None:
    content = '{"x": 2, "y": 1e-3, "z": "-Infinity"}'
    (tmp_path / "values.json").write_text(content)
    outcomes = [
        cli("eval", "x*y+z", "--json", "--vars", "-", stdin=content.encode()),
        cli("eval", "x*y+z", "--json", "--vars", "-", stdin=b"\xef\xbb\xbf" + content.encode()),
        cli("eval", "x*y+z", "--json", "--vars", str(tmp_path / "values.json")),
        cli("eval", "x*y+z", "--json", f"--vars={tmp_path}/values.json"),
    ]
    for outcome in outcomes:
        inputs = {gate["name"]: gate["value"] for gate in outcome.trace["gates"] if gate["op"] == "input"}
        assert inputs == {"x": 2.0, "y": 0.001, "z": "-Infinity"}
        assert outcome.err == ""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2", 2.0),
        ("-0", -0.0),
        ("1e400", "Infinity"),
        ("1" + "0" * 5000, "Infinity"),
        ("12345678901234567890", 12345678901234567890.0),
        ('"NaN"', "NaN"),
        ('"Infinity"', "Infinity"),
        ('"-Infinity"', "-Infinity"),
        ("NaN", "NaN"),
    ],
)
def test_numbers_in_json(written: str, expected: float | str, cli: Cli) -> None:
    outcome = cli("eval", "x", "--json", "--vars", "-", **variables(f'{{"x": {written}}}'))
    assert outcome.trace["value"] == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"x": 1, "x": 2}', "standard input: x is given twice"),
        ('{"x": {"y": 1, "y": 2}}', "standard input: y is given twice"),
        ('{"x": true}', "x is not a number but true"),
        ('{"x": null}', "x is not a number but null"),
        ('{"x": "2"}', 'x is not a number but the text "2"'),
        ('{"x": "nan"}', 'x is not a number but the text "nan"'),
        ('{"x": [1, [2]]}', "x[1] has 1 element but x[0] is a number"),
        ('{"x": {}}', "x is not a number but an object"),
        ("[1, 2]", "standard input is not a JSON object"),
        ("3", "standard input is not a JSON object"),
        ("", "standard input is not JSON"),
        ('{"x": 1', "standard input is not JSON"),
        ("{'x': 1}", "standard input is not JSON"),
        ('{"x": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
        ('{"x": "' + "long" * 1000 + '"}', "…"),
        ('{"' + "long" * 1000 + '": {}}', "…"),
    ],
)
def test_what_is_not_an_object_of_numbers(content: str, message: str, refused: Refused) -> None:
    assert message in refused("eval", "x", "--vars", "-", **variables(content))


def test_values_from_json_and_by_name(cli: Cli, refused: Refused) -> None:
    assert cli("eval", "x-y", "--json", "--vars", "-", "--y", "3", **variables('{"x": 2}')).trace["value"] == -1.0
    message = refused("eval", "x-y", "--vars", "-", "--y", "3", **variables('{"x": 2, "y": 3}'))
    assert "y is given twice: by itself and by --vars -" in message
    assert "no value for y" in refused("eval", "x-y", "--vars", "-", **variables('{"x": 2}'))


def test_keys_that_the_program_does_not_use(cli: Cli) -> None:
    outcome = cli("eval", "x", "--json", "--vars", "-", **variables('{"b": 1, "x": 2, "a": 3}'))
    assert outcome.err == "note: not used by the program: b, a\n"
    assert outcome.trace["gradients"] == {"x": 1.0}


def test_a_key_rebinds_a_constant(cli: Cli) -> None:
    outcome = cli("eval", "x*e", "--json", "--vars", "-", **variables('{"x": 2, "e": 10}'))
    assert outcome.trace["value"] == 20.0


def test_a_training_result_is_unwrapped(cli: Cli) -> None:
    result = '{"schema": "gradcli.training/1", "loss": 0.1, "parameters": {"w": 2, "b": 1}, "history": [3, 2]}'
    outcome = cli("eval", "w*x + b", "--json", "--vars", "-", "--x", "3", **variables(result))
    assert outcome.trace["value"] == 7.0
    assert outcome.err == ""
    assert cli("eval", "parameters", "--json", "--vars", "-", **variables('{"parameters": 3}')).trace["value"] == 3.0


def test_a_key_that_the_stages_use(refused: Refused, cli: Cli) -> None:
    """A stage's name among the keys is no input, so it is not used; by --NAME it is an error."""
    outcome = cli("eval", "q = x+1\nq*2", "--json", "--vars", "-", **variables('{"x": 2, "q": 3}'))
    assert outcome.trace["value"] == 6.0
    assert outcome.err == "note: not used by the program: q\n"
    assert "is computed by the program" in refused("eval", "q = x+1\nq*2", "--x", "2", "--q", "3")


def test_a_file_without_its_sign(refused: Refused, tmp_path: Path) -> None:
    program = tmp_path / "program.grad"
    program.write_text("x + 1")
    assert f"did you mean @{program}?" in refused("eval", str(program), "--x", "1")


@pytest.mark.parametrize(
    ("command", "option", "others"),
    [(["check", "x", "--x", "1"], ["--strict"], "eval"), (["explain", "x"], ["--json"], "eval"),
     (["eval", "x", "--x", "1"], ["--point", "random:3"], "check"), (["diff", "x"], ["--digits", "20"], "eval")],
)  # fmt: skip
def test_an_option_of_another_command(command: list[str], option: list[str], others: str, refused: Refused) -> None:
    message = refused(*command, *option)
    assert f"this command has no option {option[0]}" in message
    assert f"these have it: {others}" in message


@pytest.mark.parametrize(
    ("command", "option", "message", "hint"),
    [("dot", "--seed-gradient", "this command has no option --seed-gradient", "these have it: eval"),
     ("explain", "--seed-gradient", "this command has no option --seed-gradient", "these have it: eval"),
     ("eval", "--seed-gradeint", "there is no option --seed-gradeint", "did you mean --seed-gradient?"),
     ("code", "--self-tset", "there is no option --self-tset", "did you mean --self-test?"),
     ("dot", "--no-legnd", "there is no option --no-legnd", "did you mean --no-legend?"),
     ("explain", "--max-gate", "there is no option --max-gate", "did you mean --max-gates?"),
     ("eval", "--blood-pressure", "there is no option --blood-pressure", "a value is given as --blood_pressure")],
)  # fmt: skip
def test_an_option_with_hyphens_that_is_none(
    command: str, option: str, message: str, hint: str, cli: Cli, refused: Refused
) -> None:
    """It is refused wherever it stands; only behind -- it is an expression, and --help stays help."""
    for arguments in ([option, "3", "x"], ["x", option, "3"], ["x", f"{option}=3"], ["x", option]):
        found = refused(command, *arguments)
        assert message in found
        assert hint in found
    assert "Usage" in cli(command, "x", option, "--help").out
    assert cli("eval", "--x", "3", "--y", "1", "--json", "--", "--x-y").trace["value"] == 2


@pytest.mark.parametrize(
    ("written", "hint"),
    [("1 2 3", "write [1, 2, 3]"), ("1, 2", "write [1, 2]"), ("(1, -2.5)", "write [1, -2.5]"), ("1 2", "write [1, 2]"),
     ("1,2", "write [1, 2], or 1.2 for one number"), ("1,2,3", "write [1, 2, 3]"), ("X.csv", "did you mean @X.csv?"),
     ("data/x.json", "did you mean @data/x.json?"), ("x.NPY", "did you mean @x.NPY?")],
)  # fmt: skip
def test_a_value_that_stands_for_an_array_or_a_file(written: str, hint: str, refused: Refused) -> None:
    for exact in ([], ["--digits", "30"]):
        message = refused("eval", "sum(x)", "--x", written, *exact)
        assert "the value of x is not a number" in message
        assert message.rstrip().endswith(f"hint: {hint}")


def test_a_value_that_is_the_name_of_a_file(refused: Refused, tmp_path: Path) -> None:
    file = tmp_path / "weights"
    assert "did you mean" not in refused("eval", "x", "--x", str(file))
    file.write_text("1")
    assert f"did you mean @{file}?" in refused("eval", "x", "--x", str(file))
