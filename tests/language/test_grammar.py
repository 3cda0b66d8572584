"""The tables belong to the grammar, and the driver reads them exactly as Lark does."""

from __future__ import annotations

import itertools
import logging
import os
import subprocess
import sys
from typing import Any

import lark
import pytest
from random_programs import Programs

from gradcli.language import driver, grammar

STOCK = grammar.StockParser()
CALLBACKS = {name for _, _, name, _ in driver.RULES if name}


class Trace:
    """A builder that only writes down how it is called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        assert name in CALLBACKS

        def record(*arguments: Any) -> int:
            shown = [a if isinstance(a, int) else (a[a.lastindex], a.span(a.lastindex)) for a in arguments]
            self.calls.append((name, tuple(shown)))
            return len(self.calls)

        return record


def outcome(parse: Any, text: str) -> tuple[Any, ...]:
    trace = Trace()
    try:
        result = parse(text, trace)
    except driver.Unexpected as error:
        # Lark knows no kind for a character that begins no token, hence no expected kinds either.
        return error.position, error.kind, error.expected if error.kind else None, trace.calls
    return result, trace.calls


def assert_equal(text: str) -> None:
    expected = outcome(STOCK.parse, text)
    if len(expected) == 4 and not expected[1]:
        expected = (expected[0], "", None, expected[3])
    assert outcome(driver.parse, text) == expected, repr(text)


def test_the_tables_are_those_of_the_grammar():
    text = grammar.render_tables(grammar.build_tables(grammar.grammar_text()))
    assert text == grammar.TABLES.read_text(encoding="utf-8"), "run: python -m gradcli.language.grammar"


@pytest.mark.parametrize("seed", ["1", "2024"])
def test_the_tables_do_not_depend_on_the_hash_seed(seed):
    code = "from gradcli.language import grammar as g; print(g.render_tables(g.build_tables(g.grammar_text())), end='')"
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert found.stdout.decode().replace("\r\n", "\n") == grammar.TABLES.read_text(encoding="utf-8")


def test_the_grammar_has_no_conflict(caplog):
    with caplog.at_level(logging.DEBUG, logger=lark.logger.name):
        grammar.StockParser(debug=True)
    assert "onflict" not in caplog.text


def test_the_grammar_repeats_by_recursion_alone():
    """Lark would make rules of its own for x* and x+, which no reader of the grammar sees."""
    assert not [rule for rule in STOCK.lark.rules if rule.origin.name.startswith("_")]


def test_the_grammar_file_is_found_beside_the_package_or_inside(tmp_path, monkeypatch):
    module = tmp_path / "gradcli" / "language" / "grammar.py"
    monkeypatch.setattr(grammar, "__file__", str(module))
    with pytest.raises(FileNotFoundError):
        grammar.grammar_path()
    for folder in (tmp_path, tmp_path / "gradcli"):
        (folder / "grammar").mkdir(parents=True)
        (folder / "grammar" / "gradcli.lark").write_text("")
        assert grammar.grammar_path().parent.parent == folder


def test_main_rewrites_the_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(grammar, "TABLES", tmp_path / "tables.py")
    committed = (grammar.Path(grammar.__file__).with_name("tables.py")).read_bytes()
    grammar.main()
    assert (tmp_path / "tables.py").read_bytes() == committed


# One text for each kind of token, one for a character that is none.
TOKENS = [*"²<^*/-@:,={([+'}√)];$\n", "x", "2", "2e", "..", "and", "for", "in", "not", "or", "with grad"]


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_the_driver_equals_lark_on_all_short_sequences(length):
    seen = set()
    for words in itertools.product(TOKENS, repeat=length):
        text = " ".join(words)
        assert_equal(text)
        seen.add(text)
    assert len(seen) == len(TOKENS) ** length


def test_every_kind_of_token_has_a_text():
    kinds = set(driver.TERMINALS) - {"", "sign", "$END"}
    found = set()
    for text in TOKENS:
        for token in driver.scan(text):
            kind = driver.TERMINALS[token.lastindex]
            sign = driver.SIGNS.get(token[token.lastindex])
            word = driver.WORDS.get(token[token.lastindex])
            found.add(driver.TERMINALS[sign or word or 0] or kind)
    assert kinds <= found


@pytest.mark.parametrize("seed", range(4))
def test_the_driver_equals_lark_on_random_programs(seed):
    programs = Programs(seed)
    for _ in range(1000):
        assert_equal(programs.text())
