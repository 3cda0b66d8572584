"""From the grammar to the parser's tables; the only module that imports Lark, and only inside functions.

Enters: grammar/gradcli.lark. Leaves: gradcli/language/tables.py (`python -m gradcli.language.grammar` rewrites it), and
`StockParser`, Lark's own parser with the same callbacks, which the tests hold the driver against.
Invariant: the tables' text depends on the grammar alone, not on the hash seed or the version of Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lark import Lark, Token
    from lark.grammar import Rule
    from lark.lexer import BasicLexer

TABLES = Path(__file__).with_name("tables.py")
END_OF_TEXT = "$END"
NO_TOKEN = ""  # the kind of a character that no token begins with

_HEADER = '''"""The LALR(1) tables of the grammar, written by `python -m gradcli.language.grammar`; not to be edited."""

# ruff: noqa
# fmt: off

'''


def grammar_path() -> Path:
    """The grammar file: inside the package when installed from a wheel, beside it in a checkout."""
    package = Path(__file__).parents[1]
    for folder in (package, package.parent):
        path = folder / "grammar" / "gradcli.lark"
        if path.is_file():
            return path
    raise FileNotFoundError(f"gradcli.lark is neither in {package} nor beside it")


def grammar_text() -> str:
    """The grammar as text."""
    return grammar_path().read_text(encoding="utf-8")


class Tables(NamedTuple):
    """What tables.py holds. Actions and gotos are flat rows: key, target, key, target, …"""

    pattern: str  # skips what is ignored, then matches one token; beyond group 1, the group's number is the kind
    terminals: list[str]  # kind → name
    signs: dict[str, int]  # what group 1 matches → kind
    words: dict[str, int]  # reserved word, which is first read as a NAME → kind
    rules: list[tuple[int, int, str, tuple[int, ...]]]  # left side, length, callback ("": none), parts it is given
    actions: list[list[int]]  # state → kind, next state | ~rule, …
    gotos: list[list[int]]  # state → left side, next state, …
    start: int
    end: int


def build_tables(grammar: str) -> Tables:
    """The tables for a grammar's text."""
    lark = _lark(grammar)
    lexer: BasicLexer = lark.parser.lexer
    pattern, terminals, signs, words = _scanner(lexer)
    kinds = {name: kind for kind, name in enumerate(terminals) if name}
    rules, sides = _rules(lark.rules, len(terminals))
    rule_numbers = {rule: number for number, rule in enumerate(lark.rules)}
    table = lark.parser.parser._parse_table
    order = _breadth_first(table.states, table.start_states["start"])
    numbers = {state: number for number, state in enumerate(order)}
    end = numbers[table.end_states["start"]]
    actions: list[list[int]] = []
    gotos: list[list[int]] = []
    for state in order:
        action_row: list[int] = []
        goto_row: list[int] = []
        for symbol, (action, target) in sorted(table.states[state].items()):
            if symbol in sides:
                goto_row += sides[symbol], numbers[target]
            elif not (symbol == END_OF_TEXT and numbers[state] == end):
                action_row += kinds[symbol], numbers[target] if action.name == "Shift" else ~rule_numbers[target]
        actions.append(action_row)
        gotos.append(goto_row)
    return Tables(pattern, terminals, signs, words, rules, actions, gotos, numbers[order[0]], end)


def _lark(grammar: str, **options: Any) -> Lark:
    from lark import Lark

    # The contextual lexer would read reserved words as names where only a name can stand.
    return Lark(grammar, parser="lalr", lexer="basic", maybe_placeholders=False, **options)


def _scanner(lexer: BasicLexer) -> tuple[str, list[str], dict[str, int], dict[str, int]]:
    """One pattern for all tokens, the names of their kinds, the signs and the reserved words.

    Lark tries its terminals one after the other, and so does the pattern, in Lark's order. But most tokens are signs,
    and most have no blank before them: hence one group for all signs, and a look at the next character before blanks.
    """
    scanner: Any = lexer.scanner
    ignored = {t.name: t.pattern.to_regexp() for t in scanner.terminals if t.name in lexer.ignore_types}
    kept = {t.name: t.pattern.to_regexp() for t in scanner.terminals if t.name not in lexer.ignore_types}
    alphabet = sorted({*map(chr, range(1, 127)), *"".join([*ignored.values(), *kept.values()])})
    signs = _signs(kept, alphabet)
    single = {t.name for t in scanner.terminals if t.pattern.max_width == 1}
    separate = {
        name: regexp
        for name, regexp in kept.items()
        if name not in single or any(re.fullmatch(regexp, c) for c in alphabet if c not in signs)
    }
    skip = "|".join(ignored.values())
    blank = "".join(c for c in alphabet if any(re.match(skip, c + d) for d in alphabet))
    groups = "".join(f"({regexp})|" for regexp in separate.values())
    pattern = f"(?:(?![{re.escape(blank)}])|(?:{skip})*)(?:([{re.escape(''.join(signs))}])|{groups}(\\Z)|((?s:.)))"
    ((_, callback),) = lexer.callback.items()  # Lark's own way: strings that NAME matches, too
    words: dict[str, str] = {t.pattern.value: t.name for t in callback.scanner.terminals}  # type: ignore[attr-defined]
    terminals = ["", "sign", *separate, END_OF_TEXT, NO_TOKEN]
    terminals += [name for name in kept if name not in terminals]
    terminals += sorted(set(words.values()) - set(terminals))
    kinds = {name: kind for kind, name in enumerate(terminals)}
    return (
        pattern,
        terminals,
        {sign: kinds[name] for sign, name in sorted(signs.items())},
        {word: kinds[name] for word, name in sorted(words.items())},
    )


def _signs(terminals: dict[str, str], alphabet: list[str]) -> dict[str, str]:
    """The characters that are a token by themselves, whatever follows, and that token's name."""
    names = ["", *terminals]
    match = re.compile("|".join(f"({regexp})" for regexp in terminals.values())).match
    found: dict[str, str] = {}
    for sign in alphabet:
        read = {(m[0], m.lastindex) if (m := match(sign + following)) else ("", 0) for following in ["", *alphabet]}
        if len(read) == 1 and (pair := read.pop())[0] == sign:
            found[sign] = names[pair[1] or 0]
    return found


def _rules(rules: list[Rule], width: int) -> tuple[list[tuple[int, int, str, tuple[int, ...]]], dict[str, int]]:
    """The rules, and a number for each left side: a multiple of width, so that side + kind is a key of its own."""
    sides: dict[str, int] = {}
    rows = []
    for rule in rules:
        side = sides.setdefault(rule.origin.name, width * (len(sides) + 1))
        kept = tuple(
            i
            for i, symbol in enumerate(rule.expansion)
            if rule.options.keep_all_tokens or not (symbol.is_term and symbol.filter_out)  # type: ignore[attr-defined]
        )
        callback = str(rule.alias or rule.options.template_source or rule.origin.name)
        if rule.options.expand1 and not rule.alias and len(kept) == 1:
            callback = ""
        rows.append((side, len(rule.expansion), callback, kept))
    return rows, sides


def _breadth_first(states: dict[Any, Any], start: Any) -> list[Any]:
    """The states in an order of their own: Lark numbers them by iterating over sets, which follows the hash seed."""
    order = [start]
    seen = {start}
    for state in order:
        for _, (action, target) in sorted(states[state].items()):
            if action.name == "Shift" and target not in seen:
                seen.add(target)
                order.append(target)
    return order


def render_tables(tables: Tables) -> str:
    """The source of tables.py."""
    types = {
        "PATTERN": "str",
        "TERMINALS": "tuple[str, ...]",
        "SIGNS": "dict[str, int]",
        "WORDS": "dict[str, int]",
        "RULES": "tuple[tuple[int, int, str, tuple[int, ...]], ...]",
        "ACTIONS": "tuple[tuple[int, ...], ...]",
        "GOTOS": "tuple[tuple[int, ...], ...]",
        "START": "int",
        "END": "int",
    }
    parts = [_HEADER]
    for (name, kind), value in zip(types.items(), tables, strict=True):
        parts.append(f"{name}: {kind} = {_literal(value)}\n")
    return "".join(parts)


def _literal(value: object) -> str:
    """repr, but lists of rows as tuples with one row per line (constants that Python's cache loads in one go)."""
    if not isinstance(value, list):
        return repr(value)
    if isinstance(value[0], str):
        return repr(tuple(value))
    return "(\n" + "".join(f"    {_compact(row)},\n" for row in value) + ")"


def _compact(row: list[int] | tuple[object, ...]) -> str:
    return repr(tuple(row)).replace(", ", ",").replace(",)", ",)")


class StockParser:
    """Lark's own LALR parser on the same grammar, calling the same builder: slow, and the measure of the driver."""

    def __init__(self, grammar: str | None = None, **options: Any) -> None:
        grammar = grammar_text() if grammar is None else grammar
        names = {callback for _, _, callback, _ in build_tables(grammar).rules if callback}
        self.builder: object = None
        self.filter = _Lines()
        callbacks = type("Callbacks", (), {name: self._forward(name) for name in names})()
        self.lark = _lark(grammar, transformer=callbacks, postlex=self.filter, **options)

    def _forward(self, name: str) -> Any:
        def call(parts: list[Any]) -> Any:
            method: Callable[..., Any] = getattr(self.builder, name)
            return method(*parts)

        return staticmethod(call)

    def parse(self, text: str, builder: object) -> Any:
        """Like driver.parse, down to the error."""
        from lark.exceptions import UnexpectedCharacters, UnexpectedToken

        from gradcli.language.driver import Unexpected

        self.builder = builder
        try:
            return self.lark.parse(text)
        except UnexpectedToken as error:
            place = error.token.start_pos
            if error.token.type == END_OF_TEXT:
                place = self.filter.before.end_pos if self.filter.before is not None else 0
            raise Unexpected(place or 0, error.token.type, frozenset(error.expected), None, []) from None
        except UnexpectedCharacters as error:
            raise Unexpected(error.pos_in_stream or 0, NO_TOKEN, frozenset(), None, []) from None


class _Lines:
    """Lark's hook between lexer and parser: drops newlines as the driver does, makes tokens answer like matches."""

    always_accept = ("_NEWLINE",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        from gradcli.language.driver import CLOSING, ENDING, OPENING

        place_type = _place_type()
        depth = 0
        kind = ""
        self.before: Token | None = None  # the last token that the parser has read
        for token in stream:
            before, kind = kind, token.type
            if kind == "_NEWLINE" and (depth or before not in ENDING):
                kind = before
                continue
            depth += (kind in OPENING) - (kind in CLOSING)
            token.__class__ = place_type
            yield token
            self.before = token


def _place_type() -> Any:
    from lark import Token

    class Place(Token):
        """A token with the two things that builders ask of the driver's matches: token.span(…) and token[…]."""

        __slots__ = ()
        lastindex = slice(None)

        def span(self, _: object) -> tuple[int | None, int | None]:
            return self.start_pos, self.end_pos

    return Place


def main() -> None:
    """Rewrites tables.py."""
    TABLES.write_text(render_tables(build_tables(grammar_text())), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
