"""Every example of every help is run, and ends as it should."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from outcomes import Cli

from gradcli.cli.about.described import Command, commands, program
from gradcli.cli.app import COMMANDS, GROUPS, grouped

ROOT = Path(__file__).parents[2]
DESCRIBED = [program(), *commands()]
EXAMPLES = list(dict.fromkeys(example for command in DESCRIBED for example in command.examples))
# Examples that show how something is found wrong.
NOT_HELD = {
    'gradcli check "(1-cos(x))/x^2" --x 1e-8',
    'gradcli compare "1/(1+exp(-x))" "sigmoid(x)" --x -800..800 \\\n    --point random:50',
}
# Programs of others that examples hand their output on to: here they write down what they read.
OTHERS = ("dot", "man")
# What shows that an example has done something, where it writes nothing.
SHOWN_BY = {"source <(gradcli completion bash)": "complete -p gradcli"}
WIDEST = 73  # columns: with the man page's margin that makes 80

# The files that examples read, apart from those that `files` makes.
TEXTS = {
    "program.grad": "q = x + y\nq*z\n",
    "values.json": '{"x": 2, "y": 3, "z": -4}',
    "fitted.json": '{"parameters": {"A": 2.5, "k": 0.5, "c": 1}}',
    "network.grad": "h = tanh(W @ x)\n(sum(h) - y)^2\n",
    "points.csv": "x,y\n1,2\n3,-0.5\n",
    "xy.csv": "x,y\n0,1\n1,3.1\n2,4.9\n3,7\n",
    "in.csv": "x\n1\nbad\n2.5\n",
    "rows.ndjson": '{"a": 1, "b": 0.5}\n{"a": -2, "b": 0.25}\n',
    "rows.csv": "x[0],x[1],y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n",
    "decay.csv": "t,y,y_err\n0,2,0.1\n5,1.3,0.1\n10,0.75,0.1\n20,0.26,0.05\n",
    "periods.csv": "T,T_err\n2.007,0.003\n2.005,0.002\n",
    "labels.csv": "x,y\n-2,0\n-1,0\n0.5,1\n1,0\n2,1\n",
    "new.csv": "x\n0.5\n-1\n",
    "measured.csv": "pressure\n0.5\n-1\n",
}
MADE = (
    'gradcli train "chance = sigmoid(w*x + b); -y*log(chance) - (1-y)*log(1-chance)" --data labels.csv '
    "--param w=0 --param b=0 --epochs 20 --quiet -o model.json",
    'gradcli train "(w*x + b - y)^2" --data xy.csv --param w=0 --param b=0 --epochs 20 --quiet -o line.json',
    "mkdir trades; printf 'spot,r,t\\n100,0.05,1\\n90,0.04,2\\n' > trades.csv; "
    'gradcli batch "spot" trades.csv --quiet --wrt spot -o trades/june.parquet --prefix of_',
)


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder / "others"), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {"PATH": path, "HOME": str(folder), "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "BROWSER": "true"}
    kept = {name: value for name, value in os.environ.items() if name in ("CC", "SYSTEMROOT")}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=folder, env=kept | environment | {"TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files that examples name."""
    folder = tmp_path_factory.mktemp("files")
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / ".config/fish/completions").mkdir(parents=True)
    (folder / "others").mkdir()
    for name in OTHERS:
        (folder / "others" / name).write_text("#!/bin/sh\nexec cat > taken\n")
        (folder / "others" / name).chmod(0o755)
    for command in MADE:
        done = run(command, folder)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example[:60])
def test_the_example_works(example: str, files: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(files, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = run("\n".join([example, *([SHOWN_BY[example]] if example in SHOWN_BY else [])]), folder)
    assert done.returncode == (1 if example in NOT_HELD else 0), done.stderr
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert done.stdout or after != before, "it shows nothing, and writes nothing"


def test_the_examples_that_end_badly_are_there() -> None:
    assert {*EXAMPLES} >= {*NOT_HELD, *SHOWN_BY}


@pytest.mark.parametrize("command", DESCRIBED, ids=lambda command: command.name)
def test_every_help_has_examples(command: Command, cli: Cli) -> None:
    """Two of them at least, of that command, as narrow as the man page and a help have to be."""
    name, examples = command.name, command.examples
    assert 2 <= len(examples) <= 4
    called = "gradcli " if name == "gradcli" else f"gradcli {name}"
    help = cli("--help").out if name == "gradcli" else cli(name, "--help").out
    assert max(map(len, help.splitlines())) <= 80
    for example in examples:
        assert called in example
        for line in example.splitlines():
            assert len(line) <= WIDEST, line
            assert f"\n    {line}\n" in help


def test_every_command_stands_in_one_group(cli: Cli) -> None:
    assert [name for names in grouped().values() for name in names] == list(COMMANDS)
    assert list(grouped()) == list(GROUPS)
    help = cli("--help").out
    listed = [line.split()[0] for line in help.partition("Evaluate:")[2].splitlines() if re.match(r"  \S", line)]
    assert listed == list(COMMANDS)
    assert all(f"\n{title}:\n" in help for title in GROUPS)


def test_the_help_shows_the_shape_of_a_call(cli: Cli) -> None:
    help = cli("--help").out
    assert help.startswith("Usage: gradcli COMMAND [OPTIONS] [EXPR] [--NAME VALUE]...\n")
    assert "gradcli COMMAND --help" in help
    assert cli("eval", "--help").out.startswith("Usage: gradcli eval [OPTIONS] [EXPR] [--NAME VALUE]...\n")
    assert "--NAME" not in cli("predict", "--help").out.partition("\n")[0], "it takes no values"
