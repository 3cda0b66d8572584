"""`gradcli batch`: columns in, values and gradients out, in all formats."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from batch_tables import FORMATS, check, read, write
from commands import parameters
from outcomes import Cli, Refused
from pyarrow import parquet

import gradcli

PROGRAM = "q = x*y\nq + sin(z)/y"


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    r = random.Random(1)
    return [{"x": r.uniform(-3, 3), "name": f"n{i}", "y": r.uniform(-3, 3), "z": float(i)} for i in range(50)]


@pytest.mark.parametrize("sink", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_every_format_to_every_format(
    source: str, sink: str, rows: list[dict[str, Any]], cli: Cli, tmp_path: Path
) -> None:
    """Order and count are kept, columns of text pass, and every row has the numbers of `evaluate`."""
    data = write(tmp_path / f"in.{source}", rows)
    out = tmp_path / f"out.{sink}"
    outcome = cli("batch", PROGRAM, data, "-o", str(out))
    assert (outcome.status, outcome.out) == (0, "")
    assert outcome.err.startswith("50 rows ")
    check(read(out), rows, PROGRAM)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("sink", ["ndjson", "parquet", "arrow"])
def test_cells_of_text_become_numbers_where_they_bind_an_input(sink: str, cli: Cli, tmp_path: Path) -> None:
    """In a format that has types. The other columns may be numbers or not: nobody said so."""
    (tmp_path / "in.csv").write_text("code,x,y\na7,1.50,2\na8,,3\na9,oops,4\n")
    out = tmp_path / f"out.{sink}"
    outcome = cli("batch", "x*y", str(tmp_path / "in.csv"), "-o", str(out), "--on-error", "null", "--quiet")
    assert (outcome.status, outcome.err) == (0, "")
    found = [(row["code"], row["x"], row["y"], row["value"]) for row in read(out)]
    assert found == [("a7", 1.5, 2.0, 3.0), ("a8", None, 3.0, None), ("a9", None, 4.0, None)]
    if sink == "ndjson":
        assert out.read_text().startswith('{"code":"a7","x":1.5,"y":2.0,')
    else:
        table = parquet.read_table(out) if sink == "parquet" else pa.ipc.open_file(out).read_all()
        assert table.schema.types[:3] == [pa.string(), pa.float64(), pa.float64()]


def test_cells_of_text_stay_as_they_are_written_in_a_format_of_text(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("code,x\n007,1.50\n008,\n")
    out = cli("batch", "2*x", str(tmp_path / "in.csv"), "--to", "tsv", "--quiet").out
    assert out == "code\tx\tvalue\tgrad_x\n007\t1.50\t3.0\t2.0\n008\t\t\t\n"


@pytest.mark.parametrize("sink", ["csv", "tsv", "ndjson"])
def test_standard_output_has_the_format_of_the_data_or_of_to(sink: str, rows: Any, cli: Cli, tmp_path: Path) -> None:
    data = write(tmp_path / f"in.{sink}", rows)
    found = tmp_path / f"found.{sink}"
    found.write_text(cli("batch", PROGRAM, data).out)
    check(read(found), rows, PROGRAM)
    other = tmp_path / "other.ndjson"
    other.write_text(cli("batch", PROGRAM, data, "--to", "ndjson", "-o", "-").out)
    check(read(other), rows, PROGRAM)


@pytest.mark.parametrize("kind", FORMATS)
def test_no_rows(kind: str, cli: Cli, tmp_path: Path) -> None:
    data = write(tmp_path / f"in.{kind}", [], ["x", "y"])
    out = tmp_path / f"out.{kind}"
    outcome = cli("batch", "x*y", data, "-o", str(out))
    assert outcome.status == 0, outcome.err
    assert outcome.err.startswith("0 rows ")
    assert read(out) == []
    if kind == "parquet":
        assert parquet.read_schema(out).names == ["x", "y", "value", "grad_x", "grad_y"]
    if kind in ("csv", "tsv"):
        assert out.read_text().split() in (["x,y,value,grad_x,grad_y"], ["x", "y", "value", "grad_x", "grad_y"])


def test_what_is_written(cli: Cli, tmp_path: Path) -> None:
    data = write(tmp_path / "in.csv", [{"a": 2, "t": "x", "b": 3}])
    assert cli("batch", "a*b^2", data).out == "a,t,b,value,grad_a,grad_b\n2,x,3,18.0,9.0,12.0\n"
    assert cli("batch", "a*b^2", data, "--only").out == "value,grad_a,grad_b\n18.0,9.0,12.0\n"
    assert cli("batch", "a*b^2", data, "--keep", "t").out == "t,value,grad_a,grad_b\nx,18.0,9.0,12.0\n"
    assert cli("batch", "a*b^2", data, "--keep", "b, a").out == "a,b,value,grad_a,grad_b\n2,3,18.0,9.0,12.0\n"
    assert cli("batch", "a*b^2", data, "--only", "--wrt", "b").out == "value,grad_b\n18.0,12.0\n"
    assert cli("batch", "a*b^2", data, "--only", "--prefix", "d_").out == "d_value,d_grad_a,d_grad_b\n18.0,9.0,12.0\n"
    assert cli("batch", "q = a^2; q*b", data, "--only", "--of", "q").out == "value,grad_a\n4.0,4.0\n"


def test_values_of_the_command_line(cli: Cli, tmp_path: Path) -> None:
    data = write(tmp_path / "in.csv", [{"x": 2.0, "y": 3.0}])
    given = [["--c", "2*2"], ["--set", "c=4"], ["--vars", str(tmp_path / "vars.json")]]
    (tmp_path / "vars.json").write_text('{"c": 4}')
    for values in given:
        outcome = cli("batch", "c*x", data, *values)
        assert outcome.out == "x,y,value,grad_c,grad_x\n2.0,3.0,8.0,2.0,4.0\n"
        assert "note" not in outcome.err
    outcome = cli("batch", "x*y", data, "--y", "10", "--only")
    assert outcome.out == "value,grad_x,grad_y\n20.0,10.0,2.0\n"
    assert "note: given as a value, so the column is not used: y" in outcome.err
    assert cli("batch", "x*y", data, "--y", "10", "--only", "--quiet").err == ""
    assert "too large for a double" in cli("batch", "x*z", data, "--z", "1e999").err


def test_a_column_named_like_an_option_needs_no_other_name(cli: Cli, tmp_path: Path) -> None:
    data = write(tmp_path / "in.csv", [{"to": 2.0, "map": 3.0}])
    assert cli("batch", "to*map", data, "--to", "csv", "--only").out == "value,grad_to,grad_map\n6.0,3.0,2.0\n"


def test_an_option_that_is_an_input_without_a_column(refused: Refused, tmp_path: Path) -> None:
    data = write(tmp_path / "in.csv", [{"x": 2.0}])
    assert "--to is an option here and also an input" in refused("batch", "to*x", data, "--to", "csv")


def test_constants_are_no_columns_unless_map_says_so(cli: Cli, tmp_path: Path) -> None:
    data = write(tmp_path / "in.csv", [{"x": 2.0, "e": 3.0, "pi": 5.0}])
    outcome = cli("batch", "x*e", data, "--keep", "x")
    assert outcome.out == "x,value,grad_x\n2.0,5.43656365691809,2.718281828459045\n"
    assert "note: e is the constant, not the column; --map e=e takes the column" in outcome.err
    assert "pi is" not in outcome.err
    assert cli("batch", "x*e", data, "--map", "e=e", "--only").out == "value,grad_x,grad_e\n6.0,3.0,2.0\n"
    assert cli("batch", "x*e", data, "--e", "7", "--only").out == "value,grad_x,grad_e\n14.0,7.0,2.0\n"
    assert "constant" not in cli("batch", "exp(x)", data, "--keep", "x").err


def test_map(cli: Cli, tmp_path: Path) -> None:
    data = write(tmp_path / "in.csv", [{"spot price": 2.0, "k": 3.0}])
    outcome = cli("batch", "s*k", data, "--map", "s=spot price", "--only")
    assert outcome.out == "value,grad_s,grad_k\n6.0,3.0,2.0\n"
    both = cli("batch", "a*b", data, "--map", "a=k", "--map", "b=k", "--only")
    assert both.out == "value,grad_a,grad_b\n9.0,3.0,3.0\n", "one column can bind two inputs"


ARRAYS = [{"w": [1.0, 2.0], "x": [3.0, 4.0], "b": 0.5}, {"w": [-1.0, 0.25], "x": [2.0, 8.0], "b": -3.0}]


@pytest.mark.parametrize("way", ["lists in ndjson", "lists in parquet", "columns", "map"])
def test_arrays(way: str, cli: Cli, tmp_path: Path) -> None:
    """The same rows, with arrays as lists, as columns called w[0] and w[1], and as columns that --map names."""
    program, more = "tanh(sum(w*x) + b)", []
    if way.startswith("lists"):
        data = write(tmp_path / f"in.{way.split()[-1]}", ARRAYS)
    else:
        flat = [{f"{n}[{i}]": row[n][i] for n in "wx" for i in (0, 1)} | {"b": row["b"]} for row in ARRAYS]  # type: ignore[index]
        if way == "map":
            flat = [dict(zip("abcdb", row.values(), strict=True)) | {"e": row["b"]} for row in flat]
            more = ["--map", "w=a,b", "--map", "x=c,d", "--map", "b=e"]
            flat = [dict(zip("abcde", [*row["w"], *row["x"], row["b"]], strict=True)) for row in ARRAYS]  # type: ignore[misc]
        data = write(tmp_path / "in.csv", flat)
    out = tmp_path / "out.ndjson"
    outcome = cli("batch", program, data, *more, "--only", "-o", str(out))
    assert outcome.status == 0, outcome.err
    for found, row in zip(read(out), ARRAYS, strict=True):
        trace = gradcli.evaluate(program, **row)
        wanted = {"value": trace.value, "grad_b": trace.gradients["b"]}
        wanted |= {f"grad_{name}[{i}]": trace.gradients[name][i] for name in "wx" for i in (0, 1)}
        assert list(found) == ["value", "grad_w[0]", "grad_w[1]", "grad_x[0]", "grad_x[1]", "grad_b"]
        assert found == pytest.approx(wanted, rel=1e-14)


def test_an_array_as_a_value_is_differentiated_only_if_wrt_names_it(cli: Cli, tmp_path: Path) -> None:
    data = write(tmp_path / "in.csv", [{"x[0]": 1.0, "x[1]": 2.0}])
    program = ("batch", "sum(w*x)", data, "--w", "[3, 4]", "--only")
    assert cli(*program).out == "value,grad_x[0],grad_x[1]\n11.0,3.0,4.0\n"
    assert cli(*program, "--wrt", "w").out == "value,grad_w[0],grad_w[1]\n11.0,1.0,2.0\n"
    assert cli(*program, "--wrt", "w[1],x[0]").out == "value,grad_w[1],grad_x[0]\n11.0,2.0,3.0\n"


@pytest.mark.parametrize("kind", ["ndjson", "parquet"])
def test_lists_that_are_not_all_of_one_length(kind: str, refused: Refused, cli: Cli, tmp_path: Path) -> None:
    """The first one tells the length; a list of another length is a bad cell, a list that is not there is missing."""
    rows = [{"w": [1.0, 2.0]}, {"w": [1.0, 2.0, 3.0]}, {"w": None}, {"w": [3.0, 4.0]}, {"w": [5.0, None]}]
    data, out = write(tmp_path / f"in.{kind}", rows), tmp_path / "out.ndjson"
    message = refused("batch", "sum(w^2)", data, "-o", str(out))
    assert "row 2, column w: not a list of 2 numbers:" in message
    outcome = cli("batch", "sum(w^2)", data, "--on-error", "null", "--only", "-o", str(out))
    assert [row["value"] for row in read(out)] == [5.0, None, None, 25.0, None]
    assert "; 2 without a number, so without results; 1 bad, without results\n" in outcome.err


@pytest.mark.parametrize("rows", [[None, None], [[1.0, 2.0, 3.0], [4.0, 5.0]], [[], [1.0, 2.0]], [None, [4.0, 5.0]]])
def test_blocks_whose_first_list_is_another_one(rows: list[Any], cli: Cli, tmp_path: Path) -> None:
    """As where a second file begins with a row that is not as it should be."""
    first = write(tmp_path / "a.ndjson", [{"w": [1.0, 2.0]}])
    second = write(tmp_path / "b.ndjson", [{"w": row} for row in rows])
    outcome = cli("batch", "sum(w)", first, second, "--on-error", "null", "--only")
    assert outcome.status == 0, outcome.err
    wanted = [3.0, *(sum(row) if row is not None and len(row) == 2 else None for row in rows)]
    assert [json.loads(line)["value"] for line in outcome.out.splitlines()] == wanted


def test_a_loop_is_counted_by_a_value(cli: Cli, refused: Refused, tmp_path: Path) -> None:
    data = write(tmp_path / "in.csv", [{"x": 2.0}])
    outcome = cli("batch", "h = x\nfor t in 0..n { h = h*x }\nh", data, "--n", "3", "--only")
    assert outcome.out == "value,grad_x\n16.0,32.0\n", outcome.err
    message = refused("batch", "h = x\nfor t in 0..n { h = h*x }\nh", data, "--map", "n=x")
    assert "n has to be a whole number, not one without a value" in message


class TestBadRows:
    """A cell that is not a number."""

    @pytest.fixture
    def data(self, tmp_path: Path) -> str:
        path = tmp_path / "prices.csv"
        path.write_text('x,t\n1,a\n2,b\n"12,5",c\n,d\n4,e\nabc,f\n')
        return str(path)

    def test_fail_names_the_cell_and_leaves_nothing(self, data: str, refused: Refused, tmp_path: Path) -> None:
        message = refused("batch", "x^2", data, "-o", str(tmp_path / "out.csv"))
        assert f'{data}, row 3, column x: not a number: "12,5"\n' in message
        assert "--on-error" in message
        assert [path.name for path in tmp_path.iterdir()] == ["prices.csv"]

    def test_null(self, data: str, cli: Cli) -> None:
        outcome = cli("batch", "x^2", data, "--on-error", "null")
        assert outcome.out == 'x,t,value,grad_x\n1,a,1.0,2.0\n2,b,4.0,4.0\n"12,5",c,,\n,d,,\n4,e,16.0,8.0\nabc,f,,\n'
        assert outcome.err.startswith("6 rows ")
        assert "; 1 without a number, so without results; 2 bad, without results\n" in outcome.err

    def test_skip_and_rejects(self, data: str, cli: Cli, tmp_path: Path) -> None:
        rejects = tmp_path / "rejects.ndjson"
        outcome = cli("batch", "x^2", data, "--on-error", "skip", "--rejects", str(rejects))
        assert outcome.out == "x,t,value,grad_x\n1,a,1.0,2.0\n2,b,4.0,4.0\n,d,,\n4,e,16.0,8.0\n"
        assert "; 2 bad, left out\n" in outcome.err
        found = [json.loads(line) for line in rejects.read_text().splitlines()]
        assert found == [
            {"file": data, "row": 3, "column": "x", "content": "12,5", "record": {"x": "12,5", "t": "c"}},
            {"file": data, "row": 6, "column": "x", "content": "abc", "record": {"x": "abc", "t": "f"}},
        ]

    def test_rejects_appear_empty_where_nothing_is_wrong(self, cli: Cli, tmp_path: Path) -> None:
        data = write(tmp_path / "in.csv", [{"x": 1.0}])
        assert cli("batch", "x", data, "--on-error", "null", "--rejects", str(tmp_path / "bad.csv")).status == 0
        assert (tmp_path / "bad.csv").read_text().startswith("file,row,column,content")

    def test_rows_that_are_not_to_be_split(self, cli: Cli, refused: Refused, tmp_path: Path) -> None:
        path = tmp_path / "in.csv"
        path.write_text("x,y\n1,2\n3,4,5\n6,7\n")
        assert "row 2: 3 cells where the header has 2" in refused(
            "batch", "x", str(path), "-o", str(tmp_path / "o.csv")
        )
        message = refused("batch", "x", str(path), "-o", str(tmp_path / "o.csv"), "--on-error", "null")
        assert "--on-error skip" in message
        assert cli("batch", "x", str(path), "--on-error", "skip", "--only").out == "value,grad_x\n1.0,1.0\n6.0,1.0\n"

    def test_the_earlier_mistake_is_told(self, refused: Refused, tmp_path: Path) -> None:
        path = tmp_path / "in.csv"
        path.write_text("x,y\n1,2\n3,4,5\nq,7\n")
        assert "row 2" in refused("batch", "x", str(path), "-o", str(tmp_path / "o.csv"))
        path.write_text("x,y\n1,2\nq,7\n3,4,5\n")
        assert "row 2, column x" in refused("batch", "x", str(path), "-o", str(tmp_path / "o.csv"))

    def test_all_rows_bad(self, cli: Cli, tmp_path: Path) -> None:
        path = tmp_path / "in.csv"
        path.write_text("x\nq\nr\n")
        outcome = cli("batch", "x", str(path), "--on-error", "skip")
        assert outcome.out == "x,value,grad_x\n"
        assert outcome.err.startswith("2 rows ")

    def test_a_column_of_text_that_is_bound(self, refused: Refused, tmp_path: Path) -> None:
        data = write(tmp_path / "in.parquet", [{"x": 1.0, "t": "hello"}])
        message = refused("batch", "x*t", data, "-o", str(tmp_path / "out.parquet"))
        assert 'row 1, column t: not a number: "hello"' in message

    @pytest.mark.parametrize("kind", FORMATS)
    def test_nulls_in_nulls_out(self, kind: str, cli: Cli, tmp_path: Path) -> None:
        data = write(tmp_path / f"in.{kind}", [{"x": 1.0, "y": 2.0}, {"x": None, "y": 2.0}, {"x": 3.0, "y": 4.0}])
        outcome = cli("batch", "x*y", data, "-o", str(tmp_path / f"out.{kind}"))
        assert outcome.status == 0
        assert "; 1 without a number, so without results\n" in outcome.err
        found = read(tmp_path / f"out.{kind}")
        assert [row["value"] for row in found] == [2.0, None, 12.0]
        assert [row["grad_y"] for row in found] == [1.0, None, 3.0]

    def test_texts_that_mean_null(self, cli: Cli, tmp_path: Path) -> None:
        path = tmp_path / "in.csv"
        path.write_text("x\nNA\n2\n-\n")
        outcome = cli("batch", "x", str(path), "--null", "NA", "--null", "-", "--only")
        assert outcome.out == "value,grad_x\n,\n2.0,1.0\n,\n"

    def test_what_options_can_not_mean(self, refused: Refused, tmp_path: Path) -> None:
        data = write(tmp_path / "in.csv", [{"x": 1.0}])
        assert "write fail, null or skip" in refused("batch", "x", data, "--on-error", "maybe")
        assert "--rejects needs --on-error" in refused("batch", "x", data, "--rejects", "bad.csv")
        same = str(tmp_path / "same.csv")
        assert "same file" in refused("batch", "x", data, "--on-error", "skip", "--rejects", same, "-o", same)


class TestNotFinite:
    """Numbers that are not finite are results, counted, and followed to their gates."""

    def test_they_are_blamed(self, cli: Cli, tmp_path: Path) -> None:
        data = write(tmp_path / "in.csv", [{"x": x, "y": y} for x, y in [(1, 1), (-1, 1), (-2, 1), (1, 0), (3, 4)]])
        outcome = cli("batch", "log(x) + 1/y", data)
        assert outcome.status == 0
        assert "; 3 not finite, from log(x) in 2, 1/y in 1\n" in outcome.err
        assert outcome.out.splitlines()[4].startswith("1,0,inf,")

    def test_at_most_ten_thousand_rows_are_followed(self, cli: Cli, tmp_path: Path) -> None:
        path = tmp_path / "in.csv"
        path.write_text("x\n" + "-1\n" * 10_500)
        outcome = cli("batch", "log(x)", str(path), "-o", str(tmp_path / "out.csv"))
        assert "; 10,500 not finite, from log(x) in 10,000 of the first 10,000\n" in outcome.err

    def test_missing_and_bad_rows_are_not_among_them(self, cli: Cli, tmp_path: Path) -> None:
        path = tmp_path / "in.csv"
        path.write_text("x,y\n,1\nq,1\n1,1\n")
        assert "not finite" not in cli("batch", "log(x)", str(path), "--on-error", "null").err


class TestText:
    """What files of text look like in the wild."""

    def found(self, content: bytes, cli: Cli, tmp_path: Path) -> str:
        path = tmp_path / "in.csv"
        path.write_bytes(content)
        outcome = cli("batch", "x*y", str(path))
        assert outcome.status == 0, outcome.err
        return outcome.out

    def test_a_byte_order_mark_and_windows_line_ends(self, cli: Cli, tmp_path: Path) -> None:
        out = self.found(b"\xef\xbb\xbfx,y\r\n1,2\r\n3,4\r\n", cli, tmp_path)
        assert out == "x,y,value,grad_x,grad_y\n1,2,2.0,2.0,1.0\n3,4,12.0,4.0,3.0\n"

    def test_a_quoted_line_end(self, cli: Cli, tmp_path: Path) -> None:
        out = self.found(b'x,t,y\n1,"a\nb",2\n3,"say ""so""",4\n', cli, tmp_path)
        assert out == 'x,t,y,value,grad_x,grad_y\n1,"a\nb",2,2.0,2.0,1.0\n3,"say ""so""",4,12.0,4.0,3.0\n'

    def test_ndjson_stays_byte_for_byte(self, cli: Cli, tmp_path: Path) -> None:
        path = tmp_path / "in.ndjson"
        path.write_bytes(b'{ "x" : 1.50,"k":{"a":[1, 2]},  "y":2 }\n\n{"y":1e0,"x":3}')
        out = cli("batch", "x*y", str(path)).out.splitlines()
        assert out[0].startswith('{ "x" : 1.50,"k":{"a":[1, 2]},  "y":2')
        assert json.loads(out[0]) == {
            "x": 1.5, "k": {"a": [1, 2]}, "y": 2, "value": 3.0, "grad_x": 2.0, "grad_y": 1.5,
        }  # fmt: skip
        assert out[1].startswith('{"y":1e0,"x":3,"value":3.0')

    def test_a_key_that_a_row_lacks_is_missing(self, cli: Cli, tmp_path: Path) -> None:
        path = tmp_path / "in.ndjson"
        path.write_text('{"x":1,"y":2}\n{"y":2}\n')
        assert json.loads(cli("batch", "x*y", str(path)).out.splitlines()[1])["value"] is None

    def test_ten_thousand_columns(self, cli: Cli, tmp_path: Path) -> None:
        path, names = tmp_path / "in.csv", [f"c{i}" for i in range(10_000)]
        path.write_text(",".join(names) + "\n" + ",".join(map(str, range(10_000))) + "\n")
        outcome = cli("batch", "c3*c9999", str(path))
        assert outcome.out.splitlines()[1].endswith(",9999,29997.0,9999.0,3.0")
        array = cli(
            "batch", "sum(w^2)", str(path), "--map", "w=" + ",".join(names[:3000]), "--only", "--wrt", "w[2999]"
        )
        assert array.out == f"value,grad_w[2999]\n{float(sum(i * i for i in range(3000)))!r},5998.0\n"

    @pytest.mark.parametrize("keep", ["columns", "nothing"])
    def test_a_truncated_parquet_file(self, keep: str, refused: Refused, tmp_path: Path) -> None:
        data = Path(write(tmp_path / "in.parquet", [{"x": float(i)} for i in range(1000)]))
        data.write_bytes(data.read_bytes()[:-100])
        only = ["--only"] if keep == "nothing" else []
        assert "in.parquet" in refused("batch", "x", str(data), *only, "-o", str(tmp_path / "out.parquet"))
        assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


class TestSeveralFiles:
    """Their rows come one after the other."""

    def test_in_their_order(self, cli: Cli, tmp_path: Path) -> None:
        for name, x in (("b", 1.0), ("a", 2.0), ("c", 3.0)):
            write(tmp_path / f"{name}.csv", [{"x": x}])
        paths = [str(tmp_path / f"{name}.csv") for name in "bac"]
        assert cli("batch", "x^2", *paths, "--only").out == "value,grad_x\n1.0,2.0\n4.0,4.0\n9.0,6.0\n"
        inside = "value,grad_x\n4.0,4.0\n1.0,2.0\n9.0,6.0\n"
        assert cli("batch", "x^2", str(tmp_path), "--only").out == inside
        assert cli("batch", "x^2", str(tmp_path / "*.csv"), "--only").out == inside

    @pytest.mark.parametrize(
        ("kind", "other", "words"),
        [
            ("csv", {"x": 1.0}, "b.csv has no column y, which"),
            ("csv", {"x": 1.0, "y": 1.0, "z": 1.0}, "b.csv has a column z, which"),
            ("csv", {"y": 1.0, "x": 1.0}, "column 1 of"),
            ("parquet", {"x": 1.0, "y": "text"}, "b.parquet is string, that of"),
        ],
    )
    def test_columns_that_differ(
        self, kind: str, other: dict[str, Any], words: str, refused: Refused, cli: Cli, tmp_path: Path
    ) -> None:
        data = [write(tmp_path / f"a.{kind}", [{"x": 1.0, "y": 2.0}]), write(tmp_path / f"b.{kind}", [other])]
        assert words in refused("batch", "x", *data, "-o", str(tmp_path / f"out.{kind}"))
        assert len(list(tmp_path.iterdir())) == 2
        only = cli("batch", "x", *data, "--only", "--to", "csv")
        assert only.out == "value,grad_x\n1.0,1.0\n1.0,1.0\n", "nothing else of them is written"


class TestRefused:
    """What is wrong without looking at a row."""

    @pytest.fixture
    def data(self, tmp_path: Path) -> str:
        return write(tmp_path / "in.csv", [{"x": 1.0, "value": 2.0, "Strike": 3.0}])

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ((), "there is no expression"),
            (("x",), "there is no data"),
            (("x", "DATA"), "value is a column of the data already"),
            (("x", "DATA"), "--prefix"),
            (("strike*2", "DATA"), "did you mean --map strike=Strike?"),
            (("1+1", "DATA"), "no input of the program is a column of the data"),
            (("x*2", "DATA", "--x", "3"), "no column is used: --x is given, and values come before columns"),
            (("x*(", "DATA"), "an operand is missing"),
            (("[x, x]", "DATA", "--only"), "only a number has a gradient"),
            (("x", "DATA", "--only", "--wrt", "y"), "y is not an input of the program"),
            (("x", "DATA", "--only", "--y", "2"), "the program has no input y"),
            (("x", "DATA", "--only", "--engine", "gpu"), "there is no engine gpu"),
            (("x", "DATA", "--only", "--to", "xls"), "--to xls: there is no such format"),
            (("x", "DATA", "-o", "out.txt"), "does not tell a format"),
            (("x", "DATA", "--only", "--resume"), "--resume goes on with a directory of parts"),
            (("x", "-", "--vars", "-", "--from", "csv"), "only one of the expression, the data, --vars and a value"),
            (("x", "-", "-", "--from", "csv"), "can come from standard input"),
            (("x", "-"), "--from is missing"),
            (("x", "DATA", "--only", "--stats"), "this command has no option --stats"),
            (("x", "DATA", "--format", "csv"), "this command has no option --format"),
            (("x", "DATA", "-oout.csv"), "did you mean -o out.csv?"),
            (("x", "DATA", "-x"), "there is no option -x"),
            (("x", "DATA", "--only", "-o", "s3://bucket/"), "parts go to a local directory"),
            (("x", "DATA", "--only", "--prefix", "a\nb"), "does not begin a name"),
            (("x", "DATA", "--only", "--null", "\ud800"), "is no text"),
        ],
    )
    def test_on_the_command_line(self, arguments: tuple[str, ...], words: str, data: str, refused: Refused) -> None:
        assert words in refused("batch", *(data if each == "DATA" else each for each in arguments))

    def test_a_file_that_is_not_there(self, refused: Refused, tmp_path: Path) -> None:
        assert "No such file" in refused("batch", "x", str(tmp_path / "no.csv"), status=74)

    def test_a_binary_format_is_not_for_a_terminal(self, cli: Cli, tmp_path: Path) -> None:
        data = write(tmp_path / "in.parquet", [{"x": 1.0}])
        outcome = cli("batch", "x", data, terminal=True)
        assert (outcome.status, outcome.out) == (2, "")
        assert "parquet is not for a terminal" in outcome.err

    def test_a_type_that_holds_no_numbers(self, refused: Refused, tmp_path: Path) -> None:
        table = pa.table({"x": pa.array([1, 2], pa.timestamp("s"))})
        parquet.write_table(table, tmp_path / "in.parquet")
        message = refused("batch", "x", str(tmp_path / "in.parquet"), "-o", str(tmp_path / "out.parquet"))
        assert "column x" in message
        assert "timestamp" in message


def test_engines_agree(cli: Cli, tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    data = write(tmp_path / "in.csv", rows)
    for engine in ("numpy", "native"):
        out = tmp_path / f"{engine}.csv"
        outcome = cli("batch", PROGRAM, data, "--engine", engine, "--threads", "1", "-o", str(out))
        assert outcome.status == 0, outcome.err
        assert f"{engine} engine" in outcome.err
        check(read(out), rows, PROGRAM)


NAMES = [
    one[2:]
    for parameter in parameters("batch")
    if parameter.param_type_name == "option"
    for one in parameter.opts
    if one.startswith("--") and one[2:].isidentifier()
]


@pytest.mark.parametrize("name", NAMES)
def test_an_input_named_like_an_option_is_given_by_set(name: str, cli: Cli, tmp_path: Path) -> None:
    data = write(tmp_path / "in.csv", [{"x": 2.0}])
    outcome = cli("batch", f"{name}*x", data, "--set", f"{name}=3", "--only")
    assert outcome.out == f"value,grad_{name},grad_x\n6.0,2.0,3.0\n", outcome.err
