"""gradcli sweep: grids on the command line."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import math
import shlex
import sys
import time
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outcomes import Cli, Golden, Refused
from processes import process, shell

import gradcli
from gradcli.cli import grid
from gradcli.cli.sweep import USUAL, joined
from gradcli.printable import shorten
from gradcli.sweeping import Grid

PROGRAM = ("sweep", "x^2*sin(y)")
GRID = (*PROGRAM, "--y", "{1,2,pi}", "--x", "-1..1:5")


def rows(text: str) -> tuple[list[str], list[list[float]]]:
    """The head and the numbers of CSV."""
    head, *found = csv.reader(io.StringIO(text))
    return head, [[float(cell) for cell in row] for row in found]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("table", (*GRID, "--to", "table")),
        ("csv", GRID),
        ("not-finite", ("sweep", "log(x)*y + 1/z", "--x", "-1..1:3", "--y", "2", "--z", "{0,1}")),
        ("left-out", ("sweep", "x*y", "--x", "0..1:2", "--y", "1..200:200", "--to", "table")),
        ("narrow", (*GRID, "--to", "table")),
        ("plot", (*GRID, "--plot")),
        ("plot-of-few", ("sweep", "k*x", "--x", "0..1:30", "--k", "1..20:20", "--plot")),
        ("strict", ("sweep", "relu(x) + max(x, y)", "--x", "-1..1:3", "--y", "{0,1}", "--strict", "--only")),
    ],
)
def test_what_a_person_reads(name: str, arguments: tuple[str, ...], cli: Cli, golden: Golden) -> None:
    outcome = cli(*arguments, COLUMNS="40" if name == "narrow" else "80")
    golden(f"cli/golden/sweep/{name}.txt", outcome.transcript(arguments))


def test_the_first_one_named_varies_slowest(cli: Cli) -> None:
    for order in (("x", "y"), ("y", "x")):
        texts = {"x": "2..1:3", "y": "{3,1}"}
        head, found = rows(cli(*PROGRAM, *(part for name in order for part in (f"--{name}", texts[name]))).out)
        assert head == [*order, "value", *(f"grad_{name}" for name in order)]
        numbers = {"x": [2.0, 1.5, 1.0], "y": [3.0, 1.0]}
        assert [tuple(row[:2]) for row in found] == list(itertools.product(*(numbers[name] for name in order)))


def test_numbers_are_those_of_eval(cli: Cli) -> None:
    head, found = rows(cli(*GRID).out)
    assert len(found) == 15
    for row in found:
        point = dict(zip(head, row, strict=True))
        trace = gradcli.evaluate("x^2*sin(y)", {"x": point["x"], "y": point["y"]})
        assert point["value"] == pytest.approx(trace.value, rel=1e-14)
        assert point["grad_x"] == pytest.approx(trace.gradients["x"], rel=1e-14)
        assert point["grad_y"] == pytest.approx(trace.gradients["y"], rel=1e-14)


def test_ranges(cli: Cli) -> None:
    def xs(*arguments: str) -> list[float]:
        return [row[0] for row in rows(cli("sweep", "x", *arguments).out)[1]]

    assert len(xs("--x", "-5..5")) == USUAL
    assert xs("--x", "-5..5", "--num", "3") == [-5.0, 0.0, 5.0]
    assert xs("--x", "5..-5:3") == [5.0, 0.0, -5.0]
    assert xs("--x", "0..pi/2:2") == [0.0, math.pi / 2]
    assert xs("--x=1e-1..1e1:3", "--log", "x") == [0.1, 1.0, 10.0]
    assert xs("--x", ".5..1.:2") == [0.5, 1.0]
    assert xs("--x", "{2, -inf ,max(1,3)}") == [2.0, -math.inf, 3.0]
    assert xs("--set", "x=1..0:2") == [1.0, 0.0]


@pytest.mark.parametrize(
    ("written", "y"),
    [
        ("--y {1,2,3}", [1.0, 2.0, 3.0]), ("--y={1,2,3}", [1.0, 2.0, 3.0]), ("--y {0..2}", [0.0, 1.0, 2.0]),
        ("--y '{1,2,3}'", [1.0, 2.0, 3.0]), ("--y {-1,.5}", [-1.0, 0.5]),
    ],
)  # fmt: skip
def test_braces_without_quotes_reach_us_through_a_shell(written: str, y: list[float]) -> None:
    done = shell(f'"$@" {written} --x 1..2 --num 2')
    assert done.returncode == 2  # no expression
    done = shell(f'"$@" {written} --x 1..2 --num 2', *PROGRAM)
    assert [row[0] for row in rows(done.stdout.decode())[1][::2]] == y


def test_numbers_are_joined_only_behind_a_number() -> None:
    valued = {"--num": True, "--plot": False}
    for arguments in (
        ["x", "--x", "1..2", "3"], ["--num", "3", "4"], ["--plot", "3"], ["--x", "y", "1"], ["--x"],
        ["--", "--x", "1", "2"], ["--x=1", "--y=2"], ["--x", "1", "--y", "2"],
    ):  # fmt: skip
        assert joined(arguments, valued) == arguments
    assert joined(["--x", "1", "2", "x+y", "--y=3", "--y=4"], valued) == ["--x", "{1,2}", "x+y", "--y={3,4}"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".ndjson", ".parquet", ".arrow", ".csv.gz"])
def test_formats_hold_the_same_numbers(suffix: str, cli: Cli, tmp_path: Path) -> None:
    head, expected = rows(cli(*GRID).out)
    path = tmp_path / f"grid{suffix}"
    outcome = cli(*GRID, "-o", str(path))
    assert outcome == (0, "", "")
    assert list(tmp_path.iterdir()) == [path]
    content: Any = path.read_bytes()
    if suffix == ".parquet":
        table = pq.read_table(path)
    elif suffix == ".arrow":
        table = pa.ipc.open_file(path).read_all()
    elif suffix == ".ndjson":
        table = pa.Table.from_pylist([json.loads(line) for line in content.splitlines()])
    else:
        text = (gzip.decompress(content) if suffix == ".csv.gz" else content).decode()
        assert rows(text.replace("\t", ",")) == (head, expected)
        return
    assert table.column_names == head
    assert [list(row.values()) for row in table.to_pylist()] == expected


def test_names_of_columns(cli: Cli, refused: Refused) -> None:
    def head(*arguments: str) -> str:
        return cli("sweep", *arguments).out.splitlines()[0]

    assert head("x*y", "--x", "0..1", "--y", "2") == "x,value,grad_x"
    assert head("x*y", "--x", "0..1", "--y", "2", "--wrt", "y,x") == "x,value,grad_y,grad_x"
    assert head("x*y", "--x", "0..1", "--y", "2", "--wrt", "y") == "x,value,grad_y"
    assert head("x*y", "--x", "0..1", "--y", "{1,2}", "--only", "--prefix", "d_") == "d_value,d_grad_x,d_grad_y"
    assert head("sum(w*x)", "--x", "0..1", "--w", "[1,2]", "--wrt", "x,w[1]") == "x,value,grad_x,grad_w[1]"
    assert head("value*2", "--value", "0..1", "--prefix", "p_") == "value,p_value,p_grad_value"
    for text, name in (("value*2", "value"), ("x*grad_x", "grad_x")):
        told = refused("sweep", text, f"--{name}", "0..1", *(("--x", "0..1") if "x*" in text else ()))
        assert f"two columns would be called {name}" in told
        assert "hint: write --prefix" in told
    assert head("θ*2", "--θ", "0..1") == "θ,value,grad_θ"


def test_a_grid_of_one_point(cli: Cli) -> None:
    for engine in ("numpy", "auto"):
        outcome = cli("sweep", "x*y + 0*sum(w)", "--x", "2", "--y", "3", "--w", "[1]", "--engine", engine)
        assert rows(outcome.out) == (["value", "grad_x", "grad_y", "grad_w[0]"], [[6.0, 3.0, 2.0, 0.0]])
    assert rows(cli("sweep", "log(x)", "--x", "0").out) == (["value", "grad_x"], [[-math.inf, math.inf]])
    assert rows(cli("sweep", "1 + 2").out) == (["value"], [[3.0]])


def test_stages_files_and_arrays(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "values.json").write_text('{"w": [1, 2], "unused": 3}')
    outcome = cli(
        "sweep", "q = sum(w)*x; q^2", "--of", "q", "--x", "0..1:2", "--vars", str(tmp_path / "values.json")
    )  # fmt: skip
    assert rows(outcome.out) == (["x", "value", "grad_x"], [[0.0, 0.0, 3.0], [1.0, 3.0, 3.0]])
    assert "not used by the program: unused" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--x", "5.."], "the range of x is not LOW..HIGH: 5..", "write LOW..HIGH"),
        (["--x", "..5"], "the range of x is not LOW..HIGH: ..5", "write LOW..HIGH"),
        (["--x", "1..2..3"], "the range of x is not LOW..HIGH: 1..2..3", "write LOW..HIGH"),
        (["--x", "1...5"], "the range of x is not LOW..HIGH: 1...5", "write LOW..HIGH"),
        (["--x", "1…5"], "the range of x is not LOW..HIGH: 1…5", "write LOW..HIGH"),
        (["--x", "a..b"], "the value of x is not a number: a", "a constant expression"),
        (["--x", "0..inf"], "the range of x is not finite: 0..inf", "write LOW..HIGH"),
        (["--x", "2..2"], "ends where it begins: 2..2", "write --x 2 for a number that does not vary"),
        (["--x", "0..1:1"], "the range of x can't have 1 points", "N from 2 to 1,000,000,000"),
        (["--x", "0..1:"], "the range of x can't have no points", "N from 2"),
        (["--x", "0..1:ten"], "the range of x can't have ten points", "N from 2"),
        (["--x", "{}"], "the list of x is empty", "write '{1,2,3}'"),
        (["--x", "{1,,2}"], "the list of x has a comma too many", "write '{1,2,3}'"),
        (["--x", "{1,2"], "the list of x has no end: {1,2", "write '{1,2,3}'"),
        (["--x", "{0..1,5}"], "the list of x holds a range", "write LOW..HIGH"),
        (["--x", "{1,y}"], "the value of x is not a number: y", "a constant expression"),
        (["--x", "0..1", "--log", "x"], "--log: the range of x has no logarithms: 0..1", "of one sign, and not 0"),
        (["--x", "-1..1", "--log", "x"], "--log: the range of x has no logarithms", "of one sign"),
        (["--x", "{1,2}", "--log", "x"], "--log: x has no range", "--x 1e-3..1e3 --log x"),
        (["--x", "1..2", "--log", "z"], "--log: z has no range", "--x 1e-3..1e3 --log x"),
        (["--x", "{1,2}", "--num", "5"], "--num says how many points a range has", ""),
        (["--x", "2", "--plot"], "there is nothing to draw: no input varies", "--x -5..5"),
        (["--x", "2", "--num", "5"], "--num says how many points a range has", ""),
        (["--x", "0..1", "--x", "{1,2}"], "x is given twice", ""),
        (["--x", "0..1:40000", "--z", "0..1:40000"], "the program has no input z", "inputs are x"),
        (["--x", "0..1", "--prefix", "=1"], "--prefix =1 does not begin a name", "--prefix d_"),
        (["--x", "0..1", "--prefix", "\x1b[31m"], "--prefix \\x1b[31m does not begin a name", "--prefix d_"),
        (["--x", "0..1", "--num", "1"], "--num 1: a range has 2 points or more", ""),
        (["--x", "0..1", "--engine", "gpu"], "there is no engine gpu", "auto, numpy, native"),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(
    arguments: list[str], message: str, hint: str, refused: Refused
) -> None:
    told = refused("sweep", "x^2", *arguments)
    assert message in told
    assert hint in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x^", "--x", "5.."], "an operand is missing after"),
        (["x*y", "--x", "5.."], "no value for y"),
        (["x", "--x", "5..", "--z", "1"], "the program has no input z"),
        (["--x", "5.."], "there is no expression"),
        (["num*x", "--num", "3", "--x", "0..1"], "--num is an option here and also an input"),
        (["plot*x", "--plot", "--x", "0..1"], "--plot is an option here and also an input"),
        (["x*y", "--x", "0..1:100000", "--y", "0..1:100000"], "the grid has 10,000,000,000 points"),
        (["y = x; q = 2*x; q", "--of", "y", "--x", "0..1", "--z", "{1,2}"], "the program has no input z"),
        (["[x, 2*x]", "--x", "0..1"], "the output is an array of shape 2"),
        (["x", "--x", "0..1", "--wrt", "y"], "y is not an input of the program"),
    ],
)
def test_mistakes_elsewhere_come_first(arguments: list[str], message: str, refused: Refused) -> None:
    assert message in refused("sweep", *arguments)


def test_an_input_with_the_name_of_an_option_varies_by_set(cli: Cli, refused: Refused) -> None:
    assert "--set num=VALUE" in refused("sweep", "num*x", "--num", "3", "--x", "0..1")
    outcome = cli("sweep", "num*x", "--num", "3", "--x", "0..1", "--set", "num=0..2")
    assert outcome.status == 0
    assert [row[:2] for row in rows(outcome.out)[1]] == [[x, num] for x in (0.0, 0.5, 1.0) for num in (0.0, 1.0, 2.0)]


def test_what_builds_the_graph_can_not_vary(refused: Refused) -> None:
    told = refused("sweep", "s = 1\nfor t in 0..n { s = s*x }\ns", "--x", "0..1", "--n", "{1,2}")
    assert "n can't vary: the graph is built by it" in told


def test_what_the_output_does_not_need_can_not_vary(cli: Cli) -> None:
    outcome = cli("sweep", "q = 2*x; r = q*y; r", "--of", "q", "--x", "0..1", "--y", "{1,2}")
    assert (outcome.status, outcome.out) == (2, "")
    assert "gradcli: the output does not depend on y\nhint: leave it out" in outcome.err


def test_strict(cli: Cli) -> None:
    assert cli("sweep", "x^2", "--x", "-1..1:3", "--strict").status == 0
    kinked = cli("sweep", "abs(x)", "--x", "-1..1:3", "--strict")
    assert (kinked.status, kinked.err) == (1, "gradcli: --strict: 1 point on a kink\n")
    assert len(rows(kinked.out)[1]) == 3
    odd = cli("sweep", "1/x", "--x", "-1..1:3", "--strict")
    assert odd.status == 1
    assert "--strict: 1 point that is not finite" in odd.err
    assert cli("sweep", "abs(x)", "--x", "-1..1:3", "--strict", "--plot").status == 1


def test_strict_looks_at_so_many_points_only(refused: Refused) -> None:
    """With more of them nothing is computed: it would take minutes, and up to half a day."""
    told = refused("sweep", "abs(x)*y", "--x", "-1..1:1000", "--y", "0..1:1001", "--strict")
    assert "--strict looks for kinks and ties point by point, at most at 1,000,000 points" in told
    assert "hint: the grid has 1,001,000: leave out --strict, or take fewer points" in told


def test_many_odd_points_are_followed_in_part(cli: Cli) -> None:
    """As in batch: to find the gate costs far more than to compute the point."""
    outcome = cli("sweep", "log(x)", "--x", "-1..-0.5:20001", "--only")
    assert "warning: 20,001 of 20,001 points have a value or a gradient that is not finite\n" in outcome.err
    assert outcome.err.endswith("^^^^^^ 10,000 points of the first 10,000\n")
    few = cli("sweep", "log(x)", "--x", "-1..-0.5:10000", "--only")
    assert few.err.endswith("^^^^^^ 10,000 points\n")


def test_many_columns_are_named_at_once(cli: Cli) -> None:
    """Whether two have the same name is found without holding every one against every other one."""
    names = [f"x{place}" for place in range(30_000)]
    job = grid.Job(Grid([]), cast(Any, None), {}, names, cast(Any, None))
    start = time.process_time()
    assert len(grid._names(job, only=True, prefix="")) == 30_001
    assert time.process_time() - start < 1.0


def test_a_terminal_gets_a_table_and_a_pipe_gets_csv(cli: Cli) -> None:
    assert cli(*GRID, terminal=True, COLUMNS="80").out == cli(*GRID, "--to", "table", FORCE_COLOR="1", COLUMNS="80").out
    assert "\x1b[" not in cli(*GRID, terminal=True, NO_COLOR="1").out
    assert cli(*GRID).out == cli(*GRID, "--format", "csv", terminal=True).out
    for format in ("parquet", "arrow"):
        told = cli(*GRID, "--to", format, terminal=True)
        assert (told.status, told.out) == (2, "")
        assert "is not for a terminal" in told.err


def test_a_picture_of_the_plot(cli: Cli, tmp_path: Path) -> None:
    for suffix, start in ((".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")):
        path = tmp_path / f"plot{suffix}"
        assert cli(*GRID, "--plot", "-o", str(path)) == (0, "", "")
        assert path.read_bytes().startswith(start)
    assert cli(*GRID, "--plot", "-o", str(tmp_path / "plot.txt")).status == 0
    assert (tmp_path / "plot.txt").read_text(encoding="utf-8") == cli(*GRID, "--plot").out


@pytest.mark.parametrize("name", ["grid", "grid.txt", "grid.out", "grid.dat"])
def test_a_file_whose_name_says_nothing_holds_csv(name: str, cli: Cli, tmp_path: Path) -> None:
    assert cli(*GRID, "-o", str(tmp_path / name)).status == 0
    assert (tmp_path / name).read_text(encoding="utf-8") == cli(*GRID).out


def test_a_plot_by_processes_is_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.svg"
        done = process(*GRID, "--plot", "-o", str(path), PYTHONHASHSEED=seed, MPLBACKEND="tkagg", DISPLAY="")
        assert (done.returncode, done.stderr) == (0, b"")
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_a_plot_has_colors_only_where_they_are_wanted(cli: Cli) -> None:
    assert "\x1b[3" in cli(*GRID, "--plot", terminal=True).out
    assert "\x1b" not in cli(*GRID, "--plot", terminal=True, NO_COLOR="1").out
    assert "\x1b" not in cli(*GRID, "--plot").out
    assert cli(*GRID, "--plot", encoding="ascii").out.isascii()


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["-o", "plot.csv", "--plot"], "there is no plot of the kind of plot.csv", ".svg, .png, .pdf"),
        (["-o", "plot.svg"], "plot.svg is a picture, and points are numbers", "add --plot"),
        (["-o", "grid.json"], "the name grid.json does not tell a format", "--to ndjson"),
        (["--to", "csv", "--plot"], "--to is for points, not for a plot", "leave out --to or --plot"),
        (["--only", "--plot"], "--only is for points", ""),
        (["--prefix", "d_", "--plot"], "--prefix is for points", ""),
        (["--to", "xml"], "there is no format xml", "table, csv"),
    ],
)
def test_plots_and_points_are_kept_apart(arguments: list[str], message: str, hint: str, refused: Refused) -> None:
    told = refused(*GRID, *arguments)
    assert message in told
    assert hint in told


def test_a_derivative_for_each_input_asked_for(cli: Cli, refused: Refused) -> None:
    out = cli(*GRID, "--plot", "--wrt", "y,x").out
    assert [line.strip() for line in out.splitlines() if line.strip() in ("value", "∂/∂x", "∂/∂y")] == [
        "value", "∂/∂y", "∂/∂x",
    ]  # fmt: skip
    names = "abcdf"
    values = [part for name in names[1:] for part in (f"--{name}", "1")]
    told = refused("sweep", "+".join(names), "--a", "0..1", *values, "--plot", "--wrt", ",".join(names))
    assert "a plot has room for 4 derivatives, not for 5" in told


@pytest.mark.parametrize(
    ("gone", "arguments", "what"),
    [
        ("plotille", ("--plot",), "a plot needs the extra plot"),
        ("matplotlib", ("--plot", "-o", "plot.svg"), "a plot needs the extra plot"),
    ],
)
def test_what_is_not_installed_is_named(
    gone: str, arguments: tuple[str, ...], what: str, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, gone, None)
    told = refused(*GRID, *arguments)
    assert what in told
    assert "hint: pip install" in told


def test_only_the_table_does_without_the_extra_data(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules |= dict.fromkeys(['pyarrow', 'orjson', 'matplotlib', 'plotille']);"
        "from gradcli.cli.app import run; sys.exit(run(sys.argv[1:]))"
    )
    path = tmp_path / "grid.parquet"
    for arguments, status in ((["--to", "table"], 0), (["--to", "csv"], 2), (["--to", "ndjson"], 2), (["-o", path], 2)):
        command = [sys.executable, "-c", script, *GRID, *map(str, arguments)]
        done = shell(shlex.join(command))
        assert done.returncode == status, done.stderr
        assert (b'hint: pip install "gradcli[data]"' in done.stderr) is (status == 2)
    assert list(tmp_path.iterdir()) == []


def test_names_that_hide_something_are_shown(cli: Cli) -> None:
    outcome = cli("sweep", "x + 0 # \x1b[31m red", "--x", "0..1", "--plot")
    assert "\x1b" not in outcome.out
    assert shorten("x + 0") in outcome.out


def test_a_huge_grid_can_be_left_at_any_row() -> None:
    done = shell('"$@" | head -3', "sweep", "x*y", "--x", "0..1:30000", "--y", "0..1:30000")
    assert done.stdout.decode().splitlines()[:2] == ["x,y,value,grad_x,grad_y", "0.0,0.0,0.0,0.0,0.0"]
    assert done.stderr == b""


def test_the_help_imports_nothing_large() -> None:
    script = (
        "import sys; from gradcli.cli.app import run; run(['sweep', '--help']); "
        "assert not {'numpy', 'matplotlib', 'plotille', 'pyarrow'} & {*sys.modules}"
    )
    done = shell(f"{shlex.quote(sys.executable)} -c {shlex.quote(script)}")
    assert done.returncode == 0, done.stderr


def test_quiet_leaves_notes_and_warnings_out(cli: Cli, tmp_path: Path) -> None:
    """The points are the same, and --strict still tells why the status is 1."""
    shown, drawn = ("sweep", "1/x", "--x", "-1..1", "--to", "table"), ("sweep", "1/x", "--x", "-1..1:20001", "--plot")
    unrolled = ("sweep", "sum(w)*x", "--w", "[1, 2]", "--x", "0..1")
    for arguments in (shown, drawn, unrolled):
        loud = cli(*arguments)
        assert loud.err
        for quiet in ("-q", "--quiet"):
            assert cli(*arguments, quiet) == loud._replace(err="")
    strict = cli(*shown, "--strict", "-q")
    assert strict.status == 1
    assert strict.err == "gradcli: --strict: 1 point that is not finite\n"
