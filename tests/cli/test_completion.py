"""Completion: what a shell offers is what the helps list, in every shell, and without a call of gradcli."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from outcomes import Cli, Refused

from gradcli import codegen, kernels, render, tables
from gradcli.cli import check, compare, propagate, row_options, schema, training_options
from gradcli.cli.about.described import Option, choices, commands, program, takes_file
from gradcli.cli.about.shells import names
from gradcli.cli.app import COMMANDS
from gradcli.cli.completion import SHELLS
from gradcli.render import derivatives, explain, picture
from gradcli.training.steps.optimisers import OPTIMISERS
from gradcli.training.steps.schedules import SCHEDULES

ENGINES = (*kernels.ENGINES, "auto")
PARAMETERS = (*training_options.FORMATS, *training_options.TABLES)
DATA = {"--from": tables.FORMATS}
ROWS = DATA | {"--to": tables.FORMATS, "--on-error": row_options.ON_ERROR}
TRAINED = DATA | {"--on-error": training_options.ON_ERROR, "--format": PARAMETERS, "--engine": ENGINES}
PICTURED = {"--theme": picture.THEMES, "--rankdir": picture.DIRECTIONS}
# What the options of each command can be, from where it is decided; the same words have to stand in the helps.
CHOICES: dict[str, dict[str, Iterable[str]]] = {
    "eval": {"--format": render.FORMATS},
    "explain": {"--format": explain.FORMATS},
    "dot": PICTURED | {"--format": picture.FORMATS, "--rules": ("textbook", "guarded", "raw")},
    "view": PICTURED,
    "check": {"--format": check.FORMATS},
    "compare": {"--format": compare.FORMATS},
    "diff": {"--format": derivatives.FORMATS},
    "hessian": {"--format": ("table", *derivatives.FORMATS)},
    "jacobian": {"--format": ("table", *derivatives.FORMATS)},
    "code": {"--to": codegen.TARGETS},
    "batch": ROWS | {"--engine": ENGINES},
    "sweep": {"--format": ("table", *tables.FORMATS), "--engine": ENGINES},
    "propagate": ROWS | {"--engine": ENGINES, "--format": propagate.FORMATS},
    "train": TRAINED | {"--reduce": ("mean", "sum"), "--optimizer": OPTIMISERS, "--schedule": SCHEDULES},
    "fit": TRAINED,
    "predict": ROWS,
    "schema": {"": schema.SCHEMAS},
    "man": {"--format": ("man", "markdown")},
    "completion": {"": SHELLS},
}

# Command lines up to the cursor, and all that is offered there. Folders stand without their slash.
CASES: list[tuple[str, Iterable[str]]] = [
    ("gradcli ", COMMANDS),
    ("gradcli ev", ["eval"]),
    ("gradcli --v", ["--version"]),
    ("gradcli nothing ", []),
    ("gradcli nothing --", []),
    ("gradcli eval --format=js", ["json"]),
    ("gradcli eval x --x 2 --format js", ["json"]),
    ("gradcli eval x --json --form", ["--format"]),
    ('gradcli eval "(x + y)*z" --tr', ["--tree"]),
    ("gradcli diff eval --ord", ["--order"]),
    ("gradcli eval -- --js", []),
    ("gradcli eval @sam", ["@samples"]),
    ("gradcli eval @samples/a", ["@samples/a.grad"]),
    ("gradcli eval x --W @sam", ["@samples"]),
    ("gradcli compare x @sam", ["@samples"]),
    ("gradcli eval sam", []),
    ("gradcli eval x --wrt ", []),
    ("gradcli eval x --x ", []),
    ("gradcli eval x --set ", []),
    ("gradcli eval x -o mod", ["model.json"]),
    ("gradcli eval x --output=mod", ["model.json"]),
    ("gradcli eval x --vars mod", ["model.json"]),
    ("gradcli train x --plot mod", ["model.json"]),
    ("gradcli batch mod", []),
    ("gradcli batch x mod", ["model.json"]),
    ("gradcli batch x --quiet --z 2 --to csv a.csv mod", ["model.json"]),
    ("gradcli predict mod", ["model.json"]),
    ("gradcli predict model.json sam", ["samples"]),
    ("gradcli predict model.json a.csv b.csv sam", ["samples"]),
    ("gradcli schema tra", ["trace", "training"]),
    ("gradcli schema trace ", []),
    ("gradcli completion ", SHELLS),
    ("gradcli functions s", []),
]


def _every_option() -> Iterable[tuple[str, Iterable[str]]]:
    yield "gradcli --", [name for name in names(program().options) if name.startswith("--")]
    for command in commands():
        yield f"gradcli {command.name} --", [name for name in names(command.options) if name.startswith("--")]
        for option in command.options:
            found = ["model.json", "samples"] if takes_file(option) else choices(option)
            if option.metavar:
                yield from ((f"gradcli {command.name} x {name} ", found) for name in option.names)


BASH = r"""
source "$SCRIPT"
while IFS= read -r COMP_LINE && IFS= read -r word; do
    COMP_POINT=${#COMP_LINE}
    _gradcli gradcli "$word"
    (IFS=$'\x1f'; echo "${COMPREPLY[*]}")
done
"""
# What zsh's completion system does with what it is told: it keeps the words that begin as what is there.
ZSH = r"""
compdef() { :; }
_keep() { local one; for one in "$@"; do [[ $one == "$PREFIX"* ]] && replies+=("$IPREFIX$one"); done; }
compadd() { shift; _keep "$@"; }
_describe() { local -a all=("${(@P)@[-1]}"); _keep "${(@)all%%:*}"; }
_files() { _keep "$PREFIX"*(N); }
compset() {
    case $3 in
        @) [[ $PREFIX == @* ]] || return 1; IPREFIX=$IPREFIX@ PREFIX=${PREFIX#@} ;;
        *) IPREFIX=${PREFIX%%=*}= PREFIX=${PREFIX#*=} ;;
    esac
}
source "$SCRIPT"
while IFS= read -r line && IFS= read -r word; do
    words=(${(z)line}) IPREFIX= replies=()
    [[ $line == *' ' ]] && words+=("")
    CURRENT=${#words} PREFIX=${words[-1]}
    _gradcli
    print -r -- "${(pj:\x1f:)replies}"
done
"""
FISH = r"""
source "$SCRIPT"
while read -l line; and read -l word
    string join -- \x1f (complete -C "$line" | string replace -r '\t.*' '') ''
end
"""
DRIVERS = {"bash": (["--norc", "--noprofile", "-c"], BASH), "zsh": (["-f", "-c"], ZSH), "fish": (["-N", "-c"], FISH)}


def tool(name: str) -> str:
    """A shell. Where a run must be complete, GRADCLI_ALL_TESTS makes its absence a failure."""
    found = shutil.which(name)
    if found is None:
        assert "GRADCLI_ALL_TESTS" not in os.environ, f"no {name} on PATH"
        pytest.skip(f"no {name} on PATH: its script can only be tried in it")
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with some files, and a gradcli that tells when it is called."""
    (tmp_path / "samples").mkdir()
    for name in ("model.json", "samples/a.grad", "samples/b c.grad"):
        (tmp_path / name).touch()
    return tmp_path


def offered(shell: str, script: str, lines: Iterable[str], folder: Path) -> list[set[str]]:
    """What a shell offers at the end of each line, with such a script, in a folder."""
    outside = folder.parent / f"{folder.name}-outside"
    outside.mkdir(exist_ok=True)
    (outside / "script").write_text(script, encoding="utf-8")
    (outside / "gradcli").write_text(f"#!/bin/sh\ntouch {shlex.quote(str(outside / 'called'))}\n")
    (outside / "gradcli").chmod(0o755)
    options, driver = DRIVERS[shell]
    cut = ["".join(re.split(r"[\s=:]", line)[-1:]).lstrip("\"'") for line in lines]
    done = subprocess.run(
        [tool(shell), *options, driver], cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=60,
        input="".join(f"{line}\n{word}\n" for line, word in zip(lines, cut, strict=True)), check=False,
        env={
            "PATH": f"{outside}{os.pathsep}{os.environ['PATH']}", "HOME": str(outside), "LC_ALL": "C.UTF-8",
            "SCRIPT": str(outside / "script"),
        },
    )  # fmt: skip
    assert done.stderr == ""
    assert not (outside / "called").exists(), "gradcli was called while completing"
    answers = [{*filter(None, line.split("\x1f"))} for line in done.stdout.splitlines()]
    return [{re.sub(r"^--\w+=|/$", "", one) for one in answer} for answer in answers]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_offers_what_the_helps_list(shell: str, cli: Cli, folder: Path) -> None:
    cases = [*CASES, *_every_option()]
    found = offered(shell, cli("completion", shell).out, [line for line, _ in cases], folder)
    wrong = {
        line: (there, expected) for (line, expected), there in zip(cases, found, strict=True) if there != {*expected}
    }
    assert wrong == {}
    assert len(cases) > 300


def test_bash_takes_no_folder_apart(cli: Cli, folder: Path) -> None:
    """Blanks in names, quotes, redirects and pipes, as bash hands them on."""
    lines = ["gradcli eval @samples/b", 'gradcli eval "@samples/b', "gradcli eval x --W=@sam", "gradcli eval x > mod"]
    lines += ['gradcli eval "x" -o "samples/b', "gradcli batch a\\ b mod", "gradcli eval x -T "]
    found = offered("bash", cli("completion", "bash").out, lines, folder)
    assert found == [
        {"@samples/b\\ c.grad"}, {"@samples/b c.grad"}, {"@samples"}, {"model.json"}, {"samples/b c.grad"},
        {"model.json"}, set(),
    ]  # fmt: skip


def test_choices_are_those_that_there_are() -> None:
    """What the helps list is read from them word by word; here it stands against the registries."""

    def name(option: Option) -> str:
        return next((one for one in option.names[::-1] if one in ("--format", "--optimizer")), (*option.names, "")[0])

    listed = {
        command.name: {name(one): {*choices(one)} for one in (*command.arguments, *command.options) if choices(one)}
        for command in commands()
    }
    assert {command: found for command, found in listed.items() if found} == {
        command: {option: {*values} for option, values in options.items()} for command, options in CHOICES.items()
    }


def test_a_shell_has_to_be_named(refused: Refused) -> None:
    for arguments in ((), ("tcsh",), ("",)):
        assert "the shells are bash, zsh, fish" in refused("completion", *arguments)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_starts_nothing(shell: str, cli: Cli) -> None:
    """Apart from comments the name stands where the script says what it completes, and in no command."""
    script = cli("completion", shell).out
    assert not re.search(r"\$\(gradcli|`gradcli|\(gradcli|^\s*gradcli [a-z-]", script, re.MULTILINE)
    assert script.endswith("\n")
