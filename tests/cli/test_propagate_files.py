"""gradcli propagate over tables: columns of values and of uncertainties in, results with uncertainties out."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from outcomes import Cli, Outcome, Refused
from processes import fails, process, shell
from uncertainties import correlated_values_norm, umath

Computed = Callable[..., Outcome]

TABLE = "x,y,x_err,y_err,name\n1.0,2.0,0.1,0.2,a\n2.0,-1.5,0.2,0,b\n3.0,0.25,0.0,0.5,c\n"
PROGRAM = "x*exp(y)"


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "table.csv"
    path.write_text(TABLE, encoding="utf-8")
    return str(path)


@pytest.fixture
def computed(cli: Cli, tmp_path: Path) -> Callable[..., Outcome]:
    """computed(*arguments, to="csv") runs gradcli propagate into a file; `out` of the outcome is what stands there."""

    def call(*arguments: str, to: str = "csv") -> Outcome:
        path = tmp_path / f"computed.{to}"
        outcome = cli("propagate", *arguments, "-o", str(path))
        assert outcome.status == 0, outcome.err
        return outcome._replace(out=path.read_text(encoding="utf-8"))

    return call


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("r", [0.0, 0.6])
def test_every_row_as_the_uncertainties_package_has_it(r: float, table: str, computed: Computed) -> None:
    outcome = computed(PROGRAM, table, "--shares", *(["--corr", f"x,y={r}"] if r else []))
    found = rows(outcome.out)
    assert list(found[0]) == [*rows(TABLE)[0], "value", "value_err", "share_x", "share_y"]
    for row, given in zip(found, rows(TABLE), strict=True):
        pairs = [(float(given[name]), float(given[f"{name}_err"]) or 1e-200) for name in "xy"]
        x, y = correlated_values_norm(pairs, [[1.0, r], [r, 1.0]])
        expected = x * umath.exp(y)
        assert float(row["value"]) == pytest.approx(expected.nominal_value, rel=1e-14)
        assert float(row["value_err"]) == pytest.approx(expected.std_dev, rel=1e-12)
        assert float(row["share_x"]) + float(row["share_y"]) == pytest.approx(1.0, rel=1e-14)
        assert {name: row[name] for name in given} == given


def test_a_row_is_a_point(table: str, cli: Cli, computed: Computed) -> None:
    outcome = computed("x*y*z", table, "--z", "3.0 ± 5%", "--corr", "y,z=0.5", to="ndjson")
    for line, given in zip(outcome.out.splitlines(), rows(TABLE), strict=True):
        if float(given["y_err"]):
            values = [item for x in "xy" for item in (f"--{x}", f"{given[x]} ± {given[x + '_err']}")]
            point = cli("propagate", "x*y*z", *values, "--z", "3.0 ± 5%", "--corr", "y,z=0.5", "--json").trace
            found = json.loads(line)
            assert found["value"] == point["value"]
            assert found["value_err"] == pytest.approx(point["uncertainty"], rel=1e-14)


def test_names_of_columns(tmp_path: Path, computed: Computed) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("width\twidth_sigma\tvalue\n2\t0.5\t7\n", encoding="utf-8")
    how = ("--map", "w=width", "--err-suffix", "_sigma", "--prefix", "p_", "--shares")
    found = computed("w^2", str(path), *how, to="tsv").out
    assert found == "width\twidth_sigma\tvalue\tp_value\tp_value_sigma\tp_share_w\n2\t0.5\t7\t4.0\t2.0\t1.0\n"
    only = computed("w^2", str(path), *how[:4], "--only", to="tsv").out
    assert only == "value\tvalue_sigma\n4.0\t2.0\n"
    kept = computed("w^2", str(path), *how[:4], "--keep", "width", to="tsv").out
    assert kept == "width\tvalue\tvalue_sigma\n2\t4.0\t2.0\n"


def test_elements_of_arrays(tmp_path: Path, computed: Computed) -> None:
    path = tmp_path / "t.csv"
    path.write_text("w[0],w[1],w[1]_err\n2,3,0.5\n", encoding="utf-8")
    outcome = computed("sum(w*v)", str(path), "--v", "[1, 10 ± 1]", "--shares", "--only")
    (row,) = rows(outcome.out)
    assert list(row) == ["value", "value_err", "share_w[1]", "share_v[1]"]
    assert [float(x) for x in row.values()] == pytest.approx([32.0, math.sqrt(25 + 9), 25 / 34, 9 / 34], rel=1e-15)


def test_a_value_given_by_hand_wins_with_its_own_uncertainty(table: str, computed: Computed) -> None:
    outcome = computed("x*y", table, "--x", "10", "--only")
    assert [float(row["value_err"]) for row in rows(outcome.out)] == [2.0, 0.0, 5.0]
    assert "note: given as a value, so the column is not used: x" in outcome.err


def test_wrt_leaves_inputs_out(table: str, computed: Computed) -> None:
    found = rows(computed("x*y", table, "--wrt", "y", "--only", "--shares").out)
    assert list(found[0]) == ["value", "value_err", "share_y"]
    assert [float(row["value_err"]) for row in found] == [0.2, 0.0, 1.5]


def test_vars_in_json(table: str, tmp_path: Path, computed: Computed) -> None:
    path = tmp_path / "vars.json"
    content = {"z": {"value": 2.0, "uncertainty": 0.5}, "w": ["1±0.25", 3], "q": "1(1)", "nothing": [1]}
    path.write_text(json.dumps(content), encoding="utf-8")
    outcome = computed("0*x*y + z*sum(w)", table, "--vars", str(path), "--shares", "--only")
    (row, *_) = rows(outcome.out)
    assert float(row["value_err"]) == math.hypot(4 * 0.5, 2 * 0.25)
    assert [name for name, share in row.items() if name.startswith("share_") and float(share)] == [
        "share_z",
        "share_w[0]",
    ]
    assert "note: not used by the program: q, nothing\n" in outcome.err


BAD = "x,x_err\n1,0.1\n2,-0.1\n3,inf\n4,\n5,many\n,0.1\n6,nan\n7,0\n"


SAME = ("--map", "a=x", "--map", "b=x", "--only")


def test_inputs_of_one_column_are_one_measurement(table: str, tmp_path: Path, computed: Computed) -> None:
    """Whatever they are called: a + b is 2*x, also as elements of an array, and a - b is exact."""
    expected = [float(row["x_err"]) for row in rows(TABLE)]
    for program, factor in (("a+b", 2.0), ("a - b", 0.0), ("a + b - x", 1.0), ("a*b/b", 1.0)):
        found = [float(row["value_err"]) for row in rows(computed(program, table, *SAME).out)]
        assert found == pytest.approx([factor * error for error in expected], rel=1e-15)
    of_elements = computed("w[0] + 2*w[1]", table, "--map", "w=x,x", "--shares", "--only")
    assert [float(row["value_err"]) for row in rows(of_elements.out)] == pytest.approx(
        [3 * error for error in expected], rel=1e-15
    )
    assert [float(row["share_w[1]"]) for row in rows(of_elements.out)][:2] == pytest.approx([2 / 3] * 2)
    by_hand = rows(computed("a + b", table, "--a", "1 ± 0.1", "--map", "b=x", "--only").out)
    assert float(by_hand[0]["value_err"]) == pytest.approx(0.1 * math.sqrt(2))


def test_what_is_known_of_one_name_of_a_column_holds_for_all(table: str, computed: Computed, refused: Refused) -> None:
    expected = [row["value_err"] for row in rows(computed("2*a + y", table, *SAME[:2], "--corr", "a,y=0.5").out)]
    for pairs in (["a,y=0.5"], ["y,b=0.5"], ["a,y=0.5", "b,y=0.5", "b,a=1"]):
        given = [word for pair in pairs for word in ("--corr", pair)]
        found = [float(row["value_err"]) for row in rows(computed("a + b + y", table, *SAME, *given).out)]
        assert found == pytest.approx([*map(float, expected)], rel=1e-15)
    for r in ("0.5", "-1", "0"):
        told = refused("propagate", "a + b", table, *SAME, "--corr", f"a,b={r}")
        assert "a and b are the same quantity, the column x: their correlation is 1, not " in told
    told = refused("propagate", "a + b + y", table, *SAME, "--corr", "a,y=0.5", "--corr", "y,b=0.25")
    assert "the correlation of a and y is 0.5, so that of y and b is not 0.25" in told


def test_any_column_may_be_in_the_data(tmp_path: Path, computed: Computed) -> None:
    path = tmp_path / "t.csv"
    path.write_text('"(gradients, not written) value",x,x_err\n7,1,0.5\n', encoding="utf-8")
    assert computed("2*x", str(path)).out.splitlines()[1] == "7,1,0.5,2.0,1.0"


def test_bad_rows(tmp_path: Path, cli: Cli, refused: Refused, computed: Computed) -> None:
    """An uncertainty that is negative or not finite is bad, as a text is; one that is missing leaves no result."""
    path, out, rejects = tmp_path / "t.csv", tmp_path / "out.csv", tmp_path / "bad.csv"
    path.write_text(BAD, encoding="utf-8")
    message = refused("propagate", "2*x", str(path), "-o", str(out))
    assert 'row 2, column x_err: negative: "-0.1"' in message
    assert not out.exists()
    outcome = cli("propagate", "2*x", str(path), "-o", str(out), "--on-error", "null", "--rejects", str(rejects))
    assert outcome.status == 0, outcome.err
    found = [(row["value"], row["value_err"]) for row in rows(out.read_text(encoding="utf-8"))]
    assert found == [("2.0", "0.2"), *[("", "")] * 6, ("14.0", "0.0")]
    assert [row["row"] for row in rows(rejects.read_text(encoding="utf-8"))] == ["2", "3", "5", "7"]
    assert "4 bad" in outcome.err
    assert "2 without a number" in outcome.err
    skipped = computed("2*x", str(path), "--on-error", "skip")
    assert len(rows(skipped.out)) == 4


def test_pipes() -> None:
    lines = b'{"x": 2, "x_err": 0.5, "tag": "a"}\n{"x": 3, "tag": "b"}\n{"x": 0, "x_err": 1}\n'
    done = process("propagate", "1/x", "-", "--from", "ndjson", stdin=lines)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["value"], one["value_err"]) for one in found] == [
        (0.5, 0.125), (None, None), ("Infinity", "Infinity"),
    ]  # fmt: skip
    assert found[0]["tag"] == "a"
    assert "1 not finite, from 1/x in 1" in done.stderr.decode()


def test_parquet(table: str, tmp_path: Path, cli: Cli) -> None:
    """The same numbers by another format; what is empty in a table is empty there."""
    parquet, back = tmp_path / "t.parquet", tmp_path / "back.csv"
    assert cli("propagate", PROGRAM, table, "-o", str(parquet)).status == 0
    assert parquet.read_bytes()[:4] == b"PAR1"
    again = cli("propagate", PROGRAM, str(parquet), "-o", str(back), "--prefix", "p_")
    assert again.status == 0, again.err
    for row in rows(back.read_text(encoding="utf-8")):
        assert (row["value"], row["value_err"]) == (row["p_value"], row["p_value_err"])


def test_many_rows_in_blocks(tmp_path: Path, computed: Computed) -> None:
    path = tmp_path / "long.csv"
    count = 150_000
    path.write_text("x,x_err\n" + "".join(f"{k},{k / 8}\n" for k in range(count)), encoding="utf-8")
    found = rows(computed("x/4", str(path), "--only").out)
    assert len(found) == count
    assert all(float(row["value_err"]) == k / 32 for k, row in enumerate(found))


REFUSED = {
    ("x*y", "--corr", "x,q=0.5"): "--corr: q is not an input of the program",
    ("x*z", "--z", "1", "--corr", "x,z=0.5"): "z has a correlation, but no uncertainty",
    ("x*y", "--corr", "x,y=2"): "the correlation of x and y is not between -1 and 1",
    ("x*y", "--corr", "x,y=.1", "--corr", "y,x=.1"): "is given twice",
    ("x*y", "--err-suffix", "_sigma"): "no input has an uncertainty",
    ("x*y", "--err-suffix", "_\x1b"): "--err-suffix _\\x1b has characters that are not to be seen",
    ("x*y", "--err-suffix", ""): "--err-suffix is empty",
    ("x*y", "--json"): "--json is for a single point, not for tables",
    ("x*y", "--second-order"): "--second-order is for a single point, not for tables",
    ("x*y", "--on-error", "ignore"): "--on-error ignore: write fail, null or skip",
    ("x*y", "--engine", "fast"): "there is no engine fast",
    ("x*y", "--rejects", "r.csv"): "--rejects needs --on-error null or skip",
    ("x*y", "-o", "out/"): "propagate writes one output",
    ("x*q",): "no column and no value for q",
    ("x*y", "--x", "2±"): "the value of x has no number after ±",
    ("sum(w[n]*x)", "--w", "[1, 2]", "--n", "1±1"): "n was used up when the graph was built",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_is_refused(arguments: tuple[str, ...], table: str, refused: Refused) -> None:
    assert REFUSED[arguments] in refused("propagate", arguments[0], table, *arguments[1:])


def test_results_are_not_called_like_columns(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,x_err,value_err\n1,1,1\n", encoding="utf-8")
    assert "value_err is a column of the data already" in refused("propagate", "x", str(path))


def test_uncertainties_are_finite_or_told(tmp_path: Path, computed: Computed) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,x_err\n0,0.1\n4,0.1\n", encoding="utf-8")
    outcome = computed("sqrt(x)", str(path), "--only")
    assert [float(row["value_err"]) for row in rows(outcome.out)] == [math.inf, 0.025]
    assert "1 not finite" in outcome.err


def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,x_err\n" + "1,1\n" * 200_000, encoding="utf-8")
    done = shell('"$@" | head -n 1; echo ${PIPESTATUS[0]} >&2', "propagate", "x^2", str(path), "--quiet")
    assert done.stdout == b"x,x_err,value,value_err\n"
    assert done.stderr == b"141\n"


def test_mistakes_in_pipes_are_told_alone() -> None:
    """Standard input is open then, and was looked at."""
    done = process("propagate", "x*y", "-", "--from", "csv", "--corr", "x,q=0.5", stdin=b"x,y,x_err\n1,2,3\n")
    fails(done, 2, "--corr: q is not an input of the program")
    same = process(
        "propagate", "x", "-", "--from", "csv", "--on-error", "null", "--rejects", "-", stdin=b"x,x_err\n1,2\n"
    )
    fails(same, 2, "--rejects and the results would go to the same file")


def values_of(outcome: Outcome, name: str = "value_err") -> list[float]:
    return [float(row[name]) for row in rows(outcome.out)]


LISTS = '{"w":[1,2],"x":2,"w_err":[0.1,0.2],"x_err":1}\n{"w":[3,4],"x":1,"w_err":[0.5,0],"x_err":0}\n'


@pytest.fixture
def lists(tmp_path: Path) -> str:
    path = tmp_path / "lists.ndjson"
    path.write_text(LISTS, encoding="utf-8")
    return str(path)


def test_a_list_of_uncertainties_beside_a_list_of_values(lists: str, computed: Computed) -> None:
    expected = [math.sqrt(3.0**2 + 0.2**2 + 0.4**2), 0.5]
    assert values_of(computed("sum(w)*x", lists, "--only")) == pytest.approx(expected, rel=1e-15)
    assert values_of(computed("sum(w)", lists, "--only", "--wrt", "w[1]")) == [0.2, 0.0]
    together = computed("sum(w)", lists, "--only", "--corr", "w[0],w[1]=1")
    assert values_of(together) == pytest.approx([0.3, 0.5], rel=1e-15)
    twice = computed("sum(a) + sum(b)", lists, "--map", "a=w", "--map", "b=w", "--only")
    assert values_of(twice) == pytest.approx([2 * math.hypot(0.1, 0.2), 1.0], rel=1e-15)
    piped = process("propagate", "sum(w)*x", "-", "--from", "ndjson", "--to", "csv", "--only", stdin=LISTS.encode())
    assert values_of(Outcome(0, piped.stdout.decode(), "")) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("odd", ["[0.1]", "[0.1, 0.2, 0.3]", "0.1", "[0.1, -0.2]", '[0.1, "many"]'])
def test_a_list_of_uncertainties_that_does_not_fit(odd: str, tmp_path: Path, refused: Refused) -> None:
    path, out = tmp_path / "lists.ndjson", str(tmp_path / "out.csv")
    path.write_text(f'{{"w":[1,2],"w_err":{odd}}}\n', encoding="utf-8")
    told = refused("propagate", "sum(w)", str(path), "-o", out)
    assert "row 1, column w_err: not a list of 2 numbers, 0 or more and finite: " in told


def test_columns_of_elements_beside_lists(tmp_path: Path, computed: Computed) -> None:
    """And a list beside columns of elements."""
    path = tmp_path / "mixed.ndjson"
    path.write_text('{"w":[1,2],"w[1]_err":0.5,"v[0]":1,"v[1]":2,"v_err":[3,4]}\n', encoding="utf-8")
    assert values_of(computed("sum(w)", str(path), "--only")) == [0.5]
    assert values_of(computed("sum(v)", str(path), "--only")) == [5.0]


NAMED = "T,temp,temp_err,u(T)\n2,2,0.5,0.25\n-4,4,0.5,0.125\n"


@pytest.fixture
def named(tmp_path: Path) -> str:
    path = tmp_path / "named.csv"
    path.write_text(NAMED, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--map", "T_err=u(T)"), [0.5, 0.25]),
        (("--T_err", "0.1"), [0.2, 0.2]),
        (("--T_err", "1%"), [0.04, 0.08]),
        (("--set", "T_err=1/8"), [0.25, 0.25]),
        (("--T_s", "1 %", "--err-suffix", "_s", "--prefix", "p_"), [0.04, 0.08]),
        (("--map", "T=temp"), [1.0, 1.0]),
        (("--map", "T=temp", "--map", "T_err=u(T)"), [0.5, 0.25]),
        (("--map", "T=temp", "--T_err", "25%"), [1.0, 2.0]),
    ],
)
def test_uncertainties_by_other_names(
    arguments: tuple[str, ...], expected: list[float], named: str, computed: Computed
) -> None:
    outcome = computed("2*T", named, *arguments, "--only")
    found = [float(error) for _, error in map(dict.values, rows(outcome.out))]
    assert found == pytest.approx(expected, rel=1e-15)


def test_the_inputs_own_name_comes_first(tmp_path: Path, computed: Computed) -> None:
    """T_err before temp_err; where there is a column T as well, T_err belongs to that one."""
    path = tmp_path / "both.csv"
    path.write_text("temp,temp_err,T_err\n1,0.5,0.25\n", encoding="utf-8")
    assert values_of(computed("T", str(path), "--map", "T=temp", "--only")) == [0.25]
    path.write_text("x,y,x_err,y_err\n1,2,0.5,0.25\n", encoding="utf-8")
    assert values_of(computed("x + 0*y", str(path), "--map", "x=y", "--map", "y=x", "--only")) == [0.25]


def test_uncertainties_of_elements_by_other_names(tmp_path: Path, lists: str, computed: Computed) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,da,db\n1,2,3,4\n", encoding="utf-8")
    how = ("--map", "w=a,b", "--only")
    assert values_of(computed("sum(w)", str(path), *how, "--map", "w_err=da,db")) == [5.0]
    assert values_of(computed("sum(w)", str(path), *how, "--map", "w[1]_err=db")) == [4.0]
    assert values_of(computed("sum(w)", str(path), *how, "--w_err", "[6, 8]")) == [10.0]
    hiding = computed("sum(w)", lists, "--w_err", "[6, 8]", "--only")
    assert values_of(hiding) == [10.0, 10.0]
    assert "note: given as a value, so the column is not used: w_err" in hiding.err


def test_an_input_with_the_name_of_an_uncertainty_is_an_input(table: str, computed: Computed) -> None:
    outcome = computed("x + x_err", table, "--x_err", "1", "--only")
    assert values_of(outcome, "value") == [2.0, 3.0, 4.0]
    assert values_of(outcome) == [0.1, 0.2, 0.0]


NAMES_REFUSED = {
    ("2*T", "--T_err", "-1"): "the uncertainty of T is negative: -1",
    ("2*T", "--T_err", "nan"): "the uncertainty of T is not a finite number",
    ("2*T", "--T_err", "many"): "the value of the uncertainty of T is not a number",
    ("2*T", "--T_err", "1(1)"): "the uncertainty of T has an uncertainty itself",
    ("2*T", "--T_err", "[1, 2]"): "the uncertainty of T has 2 elements, and T has 1",
    ("2*T", "--T_err", "1", "--set", "T_err=1"): "T_err is given twice",
    ("2*T", "--T_err", "1", "--map", "T_err=u(T)"): "T_err is given twice",
    ("2*T", "--map", "T_err=dT"): "--map T_err: there is no column dT",
    ("2*T", "--map", "T_err=temp,u(T)"): "--map T_err: 2 columns, and T is a number",
    ("T*temp", "--T", "1", "--T_err", "1"): "T_err: T is a value and no column",
    ("2*T", "--set", "T[0]_err=1"): "there is no element T[0]",
    ("T*temp", "--wrt", "T"): "no input of --wrt has an uncertainty, only temp",
    ("2*T",): "they stand in columns such as T_err, or write --map T_err=COLUMN or --T_err 1%; the data has T, temp",
}


@pytest.mark.parametrize("arguments", NAMES_REFUSED)
def test_which_uncertainties_are_refused(arguments: tuple[str, ...], named: str, refused: Refused) -> None:
    assert NAMES_REFUSED[arguments] in refused("propagate", arguments[0], named, *arguments[1:])


@pytest.mark.parametrize("cell", ["2.0(1)", "2.0 ± 0.1", "2.0 +- 0.1", "2.0+/-0.1"])
def test_cells_with_uncertainties_lead_to_columns_of_their_own(cell: str, tmp_path: Path, refused: Refused) -> None:
    path, out = tmp_path / "t.csv", str(tmp_path / "out.csv")
    path.write_text(f"T\n{cell}\n", encoding="utf-8")
    told = refused("propagate", "T*L", str(path), "--L", "1(1)", "--err-suffix", "_u", "-o", out)
    assert f'row 1, column T: not a number: "{cell}"' in told
    assert "hint: in tables uncertainties stand in columns of their own, here T_u" in told
    path.write_text("T\ntwo\n", encoding="utf-8")
    assert "of their own" not in refused("propagate", "T*L", str(path), "--L", "1(1)", "-o", out)
