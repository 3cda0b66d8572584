"""gradcli train: what is wrong is told in one message, before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from outcomes import Refused

LINE = "(w*x + b - y)^2"
STARTS = ("--param", "w=0", "--param", "b=0")
DATA = {
    "points.csv": "x,y\n0,1\n1,3\n2,5\n",
    "other.csv": "x,z\n0,1\n1,3\n2,5\n",
    "text.csv": "x,y\n0,1\n1,three\n",
    "gaps.csv": "x,y\n0,1\n1,\n",
    "header.csv": "x,y\n",
    "empty.csv": "",
    "empty.ndjson": "",
    "one.csv": "x,y\n0,1\n",
    "semicolons.csv": "x;y\n0;1\n",
    "nan.csv": "x,y\n0,1\n1,NaN\n-inf,2\n2,5\n3,7\n",
    "large.ndjson": '{"x": 0, "y": 1}\n{"x": 1e400, "y": 2}\n{"x": 2, "y": 5}\n',
    "lists.ndjson": '{"x": [0, 1], "y": 1}\n{"x": [1, NaN], "y": 2}\n',
    "words.csv": "x,y\n0,1\n1,n/a\n",
    "several.csv": "X1,X2,X3,y\n0,1,2,3\n",
    "decay.json": '{"a": 1, "tau": [2, 3]}',
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data, in which commands run."""
    monkeypatch.chdir(tmp_path)
    for name, content in DATA.items():
        (tmp_path / name).write_text(content)
    return tmp_path


OUTPUTS = ("-o", "model.json", "--history", "history.csv", "--checkpoint", "run.checkpoint", "--plot", "loss.svg")

WRONG = {
    "a missing column": ((LINE, "--data", "other.csv", *STARTS), "neither a column, a parameter nor a value: y"),
    "its hint": ((LINE, "--data", "other.csv", *STARTS), "--param y=0 makes it a parameter"),
    "what there is": ((LINE, "--data", "other.csv", *STARTS), "the data has x, z"),
    "no start": ((LINE, "--data", "points.csv", "--param", "w=0"), "--param b=0 makes it a parameter"),
    "an empty start": ((LINE, "--data", "points.csv", *STARTS[:3], "b="), "the value of b is empty"),
    "no equals sign": ((LINE, "--data", "points.csv", *STARTS[:3], "b"), "--param b has no value"),
    "a parameter that is not there": ((LINE, "--data", "points.csv", *STARTS, "--param", "q=1"), "has no input q"),
    "twice": ((LINE, "--data", "points.csv", *STARTS, "--param", "w=1"), "w is given twice"),
    "a parameter and a value": ((LINE, "--data", "points.csv", *STARTS, "--w", "1"), "by --param and by --w"),
    "a parameter and a map": ((LINE, "--data", "points.csv", *STARTS, "--map", "w=x"), "by --param and by --map"),
    "a map to nothing": ((LINE, "--data", "points.csv", *STARTS, "--map", "x=q"), "there is no column q"),
    "a shape that does not fit": (
        ("sum(W@x - y)", "--data", "points.csv", "--map", "x=x,y", "--param", "W=he(2,3)"), "W@x",
    ),
    "a column that is no array": (("x@w - y", "--data", "points.csv", "--param", "w=zeros(2)"), "--map x=a,b,c"),
    "text": ((LINE, "--data", "text.csv", *STARTS), 'row 2, column y: not a number: "three"'),
    "a missing cell": ((LINE, "--data", "gaps.csv", *STARTS), "row 2, column y: there is no number"),
    "a cell that is not finite": ((LINE, "--data", "nan.csv", *STARTS), 'nan.csv, row 2, column y: not finite: "NaN"'),
    "its way out": ((LINE, "--data", "nan.csv", *STARTS), "hint: --on-error skip leaves such rows out"),
    "a number out of range": (
        (LINE, "--data", "large.ndjson", *STARTS), 'row 2, column x: not finite: "1e400"',
    ),
    "a list with such a one": (
        ("(dot(w, x) - y)^2", "--data", "lists.ndjson", "--param", "w=[1,1]"),
        'row 2, column x: not finite: "[1, NaN]"',
    ),
    "such rows to compare with": (
        (LINE, "--data", "points.csv", *STARTS, "--validate", "nan.csv"), "nan.csv, row 2, column y: not finite",
    ),
    "a word for nothing": ((LINE, "--data", "words.csv", *STARTS), "hint: --on-error skip"),
    "columns of an array": (
        ("(dot(w, X) - y)^2", "--data", "several.csv", "--param", "w=[1,1,1]"),
        "hint: did you mean --map X=X1,X2,X3?",
    ),
    "two starts of one option": ((LINE, "--data", "points.csv", "--param", "w=0", "b=0"), "did you mean --param b=0?"),
    "a file of other names": ((LINE, "--data", "points.csv", "--param", "@decay.json"), "of --param holds a, tau;"),
    "the same without data": (("w^2", "--param", "@decay.json"), "of --param holds a, tau;"),
    "a history's suffixes": (
        ("w^2", "--param", "w=1", "--history", "h.txt"), "write --history FILE with one of these suffixes: .csv",
    ),
    "a way inside": (("w^2", "--param", "w=1", "--bounds", "w=2..3"), "start it inside, as by --param w=2,"),
    "a way inside of an array": (("sum(w^2)", "--param", "w=[5, 4]", "--bounds", "w=2..4"), "inside, at 4 for one"),
    "an empty file": ((LINE, "--data", "empty.csv", *STARTS), "empty.csv is empty"),
    "no rows": ((LINE, "--data", "header.csv", *STARTS), "header.csv has no rows"),
    "no objects": ((LINE, "--data", "empty.ndjson", *STARTS), "empty.ndjson has no rows"),
    "no row left": ((LINE, "--data", "gaps.csv", *STARTS, "--map", "x=y", "--map", "y=x", "--null", "1",
                     "--on-error", "skip"), "no row is left of gaps.csv"),
    "another separator": ((LINE, "--data", "semicolons.csv", *STARTS), "separated by semicolons"),
    "no parameter": ((LINE, "--data", "points.csv", "--w", "1", "--b", "2"), "there is no parameter to train"),
    "a parameter without effect": (("q = p\nx*w", "--data", "points.csv", "--param", "p=1", "--param", "w=1"),
                                   "the loss does not depend on p"),
    "a parameter that counts": (("s = w\nfor i in 0..n { s = s + x }\ns", "--data", "points.csv", "--param", "w=1",
                                 "--param", "n=2"), "n"),
    "no column": (("w^2", "--data", "points.csv", "--param", "w=1"), "no input of the program is a column"),
    "no data": ((LINE, *STARTS), "neither a parameter nor a value: x, y"),
    "columns without data": (("w^2", "--param", "w=1", "--map", "w=x"), "there is no data"),
    "a batch without data": (("w^2", "--param", "w=1", "--batch-size", "2"), "--batch-size is for data"),
    "a penalty of columns": ((LINE, "--data", "points.csv", *STARTS, "--penalty", "w*x"), "and x is a column"),
    "a penalty of nothing": ((LINE, "--data", "points.csv", *STARTS, "--penalty", "w*q"), "nor a value: q"),
    "a program that is none": (("(w*x", "--data", "points.csv", *STARTS), "("),
    "an unknown optimizer": ((LINE, "--data", "points.csv", *STARTS, "--optimizer", "adm"), "did you mean adam?"),
    "an unknown start": ((LINE, "--data", "points.csv", *STARTS[:3], "b=normla(3)"), "did you mean normal?"),
    "an unknown schedule": ((LINE, "--data", "points.csv", *STARTS, "--schedule", "cosin"), "did you mean cosine?"),
    "an unknown reduction": ((LINE, "--data", "points.csv", *STARTS, "--reduce", "max"), "write mean or sum"),
    "an unknown engine": ((LINE, "--data", "points.csv", *STARTS, "--engine", "gpu"), "there is no engine gpu"),
    "a rate of nothing": (
        (LINE, "--data", "points.csv", *STARTS, "--lr", "0"), "--learning-rate 0: write a number above 0",
    ),
    "patience alone": ((LINE, "--data", "points.csv", *STARTS, "--patience", "3"), "--patience needs rows"),
    "a share of all": ((LINE, "--data", "points.csv", *STARTS, "--validate", "1"), "is no share of the rows"),
    "a share of one row": ((LINE, "--data", "one.csv", *STARTS, "--validate", "0.5"), "1 row can't be split"),
    "other rows' columns": ((LINE, "--data", "points.csv", *STARTS, "--validate", "other.csv"),
                            "other.csv has no column y, which points.csv has"),
    "resume from nowhere": (("w^2", "--param", "w=1", "--resume"), "--resume needs a checkpoint"),
    "every so many of nothing": (("w^2", "--param", "w=1", "--every", "3"), "--every needs a checkpoint"),
    "batches of a minimiser": ((LINE, "--data", "points.csv", *STARTS, "--optimizer", "lbfgs", "--batch-size", "2"),
                               "--batch-size is not for lbfgs"),
    "no squares": (("abs(w*x - y)", "--data", "points.csv", "--param", "w=1", "--optimizer", "lm"), "sum of squares"),
    "a tolerance of lm": ((LINE, "--data", "points.csv", *STARTS, "--optimizer", "lm", "--tolerance", "1"),
                          "--tolerance is not for lm"),
    "a file that is no option": ((LINE, "points.csv", *STARTS), "did you mean --data points.csv?"),
    "a start at nan": (("sum(w^2)", "--param", "w=[1, nan]"), "w[1] starts at nan"),
    "no range": (("w^2", "--param", "w=1", "--bounds", "w=3"), "is no range"),
    "a range reversed": (("w^2", "--param", "w=1", "--bounds", "w=3..1"), "are reversed"),
    "outside": (("w^2", "--param", "w=1", "--bounds", "w=2..3"), "w starts at 1.0, outside of its bounds"),
    "bounds of nothing": (("w^2", "--param", "w=1", "--bounds", "q=2..3"), "q is not a parameter"),
    "a history without a format": (("w^2", "--param", "w=1", "--history", "h.xyz"), "--history"),
    "a history on a pipe": (("w^2", "--param", "w=1", "--history", "-"), "a history is a file"),
    "a picture without a format": (("w^2", "--param", "w=1", "--plot", "p.xyz"), "no plot of the kind of p.xyz"),
    "a picture in JSON": (("w^2", "--param", "w=1", "--plot", "-", "--json"), "draws below a table"),
    "one file for two": (("w^2", "--param", "w=1", "-o", "a.csv", "--history", "./a.csv"), "would be the same file"),
    "the data itself": ((LINE, "--data", "points.csv", *STARTS, "-o", "points.csv"), "is the data itself"),
    "the data as a checkpoint": ((LINE, "--data", "points.csv", *STARTS, "--checkpoint", "points.csv"), "the data"),
    "the other rows": ((LINE, "--data", "points.csv", *STARTS, "--validate", "one.csv", "-o", "one.csv"), "the data"),
    "a step too far": ((LINE, "--data", "points.csv", *STARTS, "--explain-step", "101"), "there is no step 101"),
    "a step and a history": (("w^2", "--param", "w=1", "--explain-step", "1", "--history", "h.csv"), "has no effect"),
    "a step in JSON": (("w^2", "--param", "w=1", "--explain-step", "1", "--json"), "told in words"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong(name: str, refused: Refused, folder: Path) -> None:
    arguments, words = WRONG[name]
    own = {"-o", "--history", "--checkpoint", "--plot", "--explain-step"} & {*arguments}
    outputs = () if own or "--every" in arguments or "--resume" in arguments else OUTPUTS
    assert words in refused("train", *arguments, *outputs)
    assert {path.name: path.read_text() for path in folder.iterdir()} == DATA


def test_rows_that_are_not_finite_are_left_out_where_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The result is that of the other rows."""
    from gradcli.cli.app import run

    more = ("--param", "w=0", "--param", "b=0", "--epochs", "3", "--json")
    assert run(["train", LINE, "--data", "nan.csv", *more, "--on-error", "skip"]) == 0
    found = capsys.readouterr()
    assert "2 of 5 rows left out: they lack a finite number" in found.err
    Path("good.csv").write_text("x,y\n0,1\n2,5\n3,7\n")
    assert run(["train", LINE, "--data", "good.csv", *more]) == 0
    assert found.out == capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            ("--tolerance", "1e-12"),
            "hint: --epochs 50, a larger learning rate (--lr) or --optimizer lbfgs may reach it",
        ),
        (("--optimizer", "lbfgs", "--gradient-tolerance", "1e-300"), "or a larger --gradient-tolerance is enough"),
    ],
)
def test_a_tolerance_that_was_not_reached_has_a_way_on(
    more: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from gradcli.cli.app import run

    text = "log(cosh(3*w - 1)) + 1/(1 + exp(w))"
    assert run(["train", text, "--param", "w=9", "--epochs", "5", *more]) == 1
    told = capsys.readouterr().err
    assert words in told
    assert ("--lr" in told) is ("lbfgs" not in more)


def test_a_fit_refuses_them_too(refused: Refused) -> None:
    words = refused("fit", "w*x", "--data", "nan.csv", "--target", "y", "--param", "w=0")
    assert 'nan.csv, row 2, column y: not finite: "NaN"' in words


@pytest.mark.parametrize("option", ["-o", "--history", "--checkpoint", "--plot"])
def test_a_place_that_is_not_there_is_told_before_the_work(option: str, refused: Refused, folder: Path) -> None:
    """Also before the data is read: that of this run is damaged."""
    suffix = "svg" if option == "--plot" else "csv"
    path = f"no/such/folder/file.{suffix}"
    message = refused("train", LINE, "--data", "text.csv", *STARTS, option, path, status=74)
    assert f"{path}: No such file or directory" in message
    assert {path.name for path in folder.iterdir()} == {*DATA}


def test_a_checkpoint_of_another_run(refused: Refused, folder: Path) -> None:
    """What differs is named; a damaged one is refused, too."""
    from gradcli.cli.app import run

    given = (LINE, "--data", "points.csv", *STARTS, "--checkpoint", "c")
    assert run(["train", *given, "--epochs", "3", "-o", "model.json", "--quiet"]) == 0
    before = (folder / "c").read_bytes()
    for more, words in ((("--seed", "1"), "seed is 0 there and 1 here"), (("--lr", "0.2"), "learning rate")):
        assert words in refused("train", *given, "--resume", *more)
    (folder / "points.csv").write_text("x,y\n0,1\n1,3\n2,5.5\n")
    assert "data is" in refused("train", *given, "--resume")
    assert (folder / "c").read_bytes() == before
    (folder / "points.csv").write_text(DATA["points.csv"])
    (folder / "c").write_bytes(before[: len(before) // 2])
    assert "is not a whole checkpoint" in refused("train", *given, "--resume")
