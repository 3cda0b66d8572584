"""Where records of CSV end, against a state machine that goes character by character."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tables_read import CUTS, cut

from gradcli.tables.csv_cutting import Cutter, State


def ends(text: bytes, delimiter: int = ord(",")) -> tuple[list[int], bool]:
    """The places behind all line ends outside quoted cells, and whether the text ends inside one."""
    found, state = [], "start"
    for place, byte in enumerate(text):
        if state == "quoted":
            state = "closed" if byte == 34 else "quoted"
        elif byte == 34 and state in ("start", "closed"):
            state = "quoted"
        elif byte in (10, 13):
            found.append(place + 1)
            state = "start"
        else:
            state = "start" if byte == delimiter else "plain"
    return found, state == "quoted"


@given(st.text('a",\n\r', max_size=60).map(str.encode), CUTS)
@example(b'"a""\n"\n', [3, 4, 5])
@example(b'5" x,1\n"a\nb"\n', [4, 8])
@example(b'a,"b"c"\n"d\n"', [4])
def test_records_are_cut_where_they_end(text: bytes, places: list[int]) -> None:
    cutter, given_so_far, out = Cutter(","), 0, b""
    for piece in cut(text, places):
        out += cutter.push(piece)
        given_so_far += len(piece)
        found, quoted = ends(text[:given_so_far])
        assert out == text[: max(found, default=0)]
        assert (cutter.state is State.QUOTED) is quoted
        assert cutter.held() == given_so_far - len(out)
    assert out + cutter.rest() == text


@pytest.mark.parametrize("cell", [b"a\n" * 500_000, b'""' * 500_000, b'""\n' * 300_000, b","])
def test_long_quoted_cells_are_looked_at_once(cell: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pieces a record comes in, every byte is scanned once."""
    scanned = 0
    scan = Cutter._scan

    def counting(self: Cutter, piece: bytes) -> tuple[int, State]:
        nonlocal scanned
        scanned += len(piece)
        return scan(self, piece)

    monkeypatch.setattr(Cutter, "_scan", counting)
    text = b'x,"' + cell + b'"\nlast'
    cutter = Cutter(",")
    out = b"".join(cutter.push(text[start : start + 4096]) for start in range(0, len(text), 4096))
    assert out == text[:-4]
    assert cutter.rest() == b"last"
    assert scanned == len(text)
