"""Random input: texts for the parser, and command lines with the files that they name, from the commands' parameters.

All of it follows from one random.Random, so that a seed gives the same input again. What fails can be made smaller.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import typer
from programs import texts

from gradcli.cli.app import COMMANDS, app
from gradcli.graph import ops
from gradcli.render import FORMATS

ROOT = Path(__file__).parent.parent


# Texts


def _corpus() -> list[str]:
    """Programs that people wrote: samples and cases."""
    found = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "samples").rglob("*")) if path.is_file()]
    for path in sorted((ROOT / "tests" / "cases").glob("*.json")):
        for cases in json.loads(path.read_text(encoding="utf-8")).values():
            if isinstance(cases, list):
                found += [case["expr"] for case in cases if isinstance(case, dict) and "expr" in case]
    return [text for text in found if len(text) < 5000] + 5 * _ARRAYS + HUGE


_NAMES = ["x", "y", "z", "q", "f", "pi", "e", "θ", "x₁", "inf", "nan", "with", "grad", "σ"]
_ARRAYS = [
    "sum(A@x + b)^2", "h = x\nfor t in 0..3 { h = tanh(A@h + x[0]) }\nnorm(h)", "cross_entropy(A'@x, [0.5, 0.5])",
    "f(v, k) = v[k] - v[-1]; f(A[0], 1)*x[0]", "sum(softmax(A, axis=0)*[[1, 2], [3, 4]])", "[x, [y, 1]]", "A@A@A",
    "mean(concat(x, [y, 2])[1:])", "for t in 0..len(x) { s = x[t]*y }\ns", "sum(reshape(A, [-1])[0:4]*[1, 2, 3, 4])",
    "max(A, axis=1, keepdims=1)[0, 0]*y", "sum(stack(x, x, axis=1)@[1, 2])",
    "for i in 0..2 { for j in 0..2 { q = A[i, j]*y } }\nq",
]  # fmt: skip
# Little text that asks for much.
HUGE = [
    "for t in 0..1000000000 {}\nx",
    "sum(broadcast_to(x, [1000000000]))",
    "y = broadcast_to(x, [100000])\nsum(outer(y, y))",
    "x[999999999999]",
    "sum(one_hot(x, 1000000000))",
    "h = x\nfor t in 0..99 { h = [h, h] }\nx",
    "[[1, 2], [3]]",
    "h = [x]\nfor t in 0..60 { h = concat(h, h) }\nsum(h)",
    "sum(scatter([x], [9e15], [0]))",
    "sum(broadcast_to(x, [1000, 1]) + broadcast_to(x, [1, 1000000, 1]))",
    f"reshape([x], [{'1, ' * 70}1])",
    "f(a) = concat(a, a, a)\nsum(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f([x]))))))))))))))))))",
    "h = x\nfor t in 0..3000000 { h = h + broadcast_to(x, [90000000]) }\nsum(h)",
]
_PARTS = [
    "[1, 2]", "[[1, 2], [3]]", "[0]", "[-1:]", "[:, 1]", "[t]", "for t in 0..3 {", "}", "for t in 0..1000000000 {",
    "axis=[0, 1]", "axis=0", "keepdims=1", ", [1000000000])", ", 1000000000)", "len(", "0..", "0:2", "A@", "A'",
    "[[x, y], [y, x]]",
]  # fmt: skip
_SIGNS = [*"+-*/^()[]{},=;:<>'√²!@#&|%$\\?", "**", "==", "<=", "!=", "..", "⁻¹", "−", "·", "≤"]
_WORDS = [" and ", " or ", " not ", " for ", " in ", " with grad ", "\n", " ", "\t", "# c\n", "1", "2.5", "1e9", ".5"]
_ODD = ["\ufeff", "\u200b", "\x00", "\x1b[31m", "\u202e", "é", "е", "１", "\ud800", "🙂", "\xa0", "0x1", "1_", "1__0"]


_EXPRESSIONS = (
    "(x+y)*z", "x*y*z", "q = x*y; q + sin(q)*z", "2x + y/z", "f(a) = a^2; f(x) + y - z", "relu(x)/y + z", "x/0*y*z",
    "h = max(x, y, z); h^2", "sqrt(x) + log(y)*z", "where(x < y, z, x)", "x + y + z + a", "θ*x₁", "1/0", "x", "2",
    "sum(A@x)*y", "tanh(A@x + x)", "x[0]*y + x[-1]", "A'@x", "norm(x)*y", "sum(A[:, 0:1])", "[x*y, y*z]",
    *_ARRAYS, *HUGE,
)  # fmt: skip
_ODD_VALUES = (
    "x",
    "x,y",
    "q",
    "x=2",
    "x = 3",
    "=",
    "",
    "auto",
    "light",
    "LR",
    "tb",
    "y=pi",
    "x=1e999",
    "nope",
    "x=[1, 0]",
    "x=2,3",
    "x=2x3",
    "x=1000000000",
    "A=2,2",
    "[1, 2]",
    "[[1, 2], [3]]",
    "x=[1, 2, 3]",
)
_NUMBERS = (
    "2",
    "-3",
    "0",
    "1e400",
    "nan",
    "-inf",
    "pi/2",
    "1/0",
    "@number",
    "-1e-5",
    "2^-3",
    "1_000",
    "[1, 2]",
    "[[1, 2], [3, 4]]",
)
_NO_NUMBERS = ("", "[[1], [2, 3]]", "[]", "[[]]", "[nan, 1e999]", "@bytes", "@-", "@", "0x1", "١", "x")
_BOUND = ["A", "x", "y", "z", "a", "θ", "x₁", "json", "of", "nope"]


class Texts:
    """A source of texts: bytes, soups of tokens, mutated programs, programs of the language."""

    def __init__(self, r: Random) -> None:
        self.random = r
        self.corpus = _corpus()
        self.words = [*_NAMES, *_SIGNS, *_WORDS, *_PARTS, *_ODD, *(f"{name}(" for name in ops.names())]
        self.language = texts(r.randrange(1 << 30))

    def bytes(self) -> bytes:
        r = self.random
        return r.randbytes(r.choice((1, 3, 10, 50, 300)))

    def soup(self) -> str:
        return "".join(self.random.choices(self.words, k=self.random.choice((2, 5, 20, 100, 400))))

    def mutated(self, text: str) -> str:
        """text with pieces lost, repeated, replaced or moved."""
        r = self.random
        for _ in range(r.choice((1, 1, 1, 2, 5))):
            i, j = sorted(r.randrange(len(text) + 1) for _ in range(2))
            j = min(j, i + r.choice((1, 2, 10, 200)))
            pieces = "", r.choice(self.words), text[i:j] * r.choice((2, 3, 40)), text[j:], r.choice(self.corpus)
            new = r.choice(pieces)
            text = (text[:i] + new + text[j:])[:5000]
        return text

    def text(self) -> str:
        kind = self.random.randrange(10)
        if kind == 0:
            return self.bytes().decode("utf-8", "surrogateescape")
        if kind == 1:
            return self.bytes().decode("latin-1")
        if kind < 5:
            return self.soup()
        return self.mutated(self.random.choice(self.corpus)) if kind < 9 else self.language()


class Line(NamedTuple):
    """A command line, what stands on standard input, the files that it may name, and what writing its result raises."""

    arguments: list[str]
    stdin: bytes
    files: dict[str, bytes]
    fault: type[OSError] | None

    @property
    def size(self) -> int:
        """The bytes of all of it."""
        return len(self.stdin) + sum(map(len, (*map(_encoded, self.arguments), *self.files.values())))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class Arguments:
    """A source of command lines, from the commands' own parameters.

    Args:
        layout: how often pictures are asked for that are laid out, which takes a hundred times longer.
    """

    def __init__(self, r: Random, layout: float) -> None:
        self.random, self.layout = r, layout
        self.texts = Texts(r)
        group: Any = typer.main.get_command(app)
        self.parameters = {name: group.get_command(None, name).params for name in COMMANDS}

    def operand(self) -> str:
        r = self.random
        kind = r.randrange(10)
        if kind < 6:
            return r.choice(_EXPRESSIONS)
        if kind < 8:
            return r.choice(("-", *(f"@{name}" for name in ("program", "bytes", "missing", "", ".", "values.json"))))
        return self.texts.text()

    def number(self) -> str:
        r = self.random
        return r.choice(_NUMBERS) if r.random() < 0.8 else r.choice((*_NO_NUMBERS, self.texts.text()))

    def value(self, parameter: Any) -> str:
        """A value for an option: fitting, or anything."""
        r = self.random
        kind, names = type(parameter.type).__name__.lower(), {*parameter.opts}
        laid_out = r.random() < self.layout
        if r.random() < 0.1:
            return self.texts.text().replace("/", "")  # no path that leads out of the folder
        if "int" in kind or "float" in kind:
            return r.choice(("1", "0", "3", "100", "-1", "1.5", "nan", "1e9", "99999999999999999999", "x", ""))
        if "--output" in names:
            ending = ".svg" if laid_out else r.choice(("", ".dot", ".txt", ".json", ".mmd"))
            return r.choice(("out", "out", "folder/out", "-", "", "missing/out", "folder")) + ending
        if "--format" in names:
            known = (*FORMATS, "dot", "mermaid", "mmd", "gv", "bogus", "")
            return "svg" if laid_out else r.choice(known)
        if "--vars" in names:
            return r.choice(("values.json", "values.json", "bytes", "-", "missing", "folder", ""))
        return r.choice(_ODD_VALUES)

    def options(self, command: str) -> list[list[str]]:
        r = self.random
        found: list[list[str]] = []
        known = [p for p in self.parameters[command] if p.param_type_name == "option"]
        for parameter in r.sample(known, min(len(known), r.choice((0, 0, 1, 1, 2, 3)))):
            name = r.choice(parameter.opts)
            if getattr(parameter, "is_flag", False):
                found.append([f"{name}={self.number()}" if r.random() < 0.05 else name])
            elif r.random() < 0.3 and name.startswith("--"):
                found.append([f"{name}={self.value(parameter)}"])
            else:
                found.append([name, self.value(parameter)] if r.random() < 0.95 else [name])
        return found

    def bindings(self) -> list[list[str]]:
        r = self.random
        if r.random() < 0.4:
            return [["--x", "1"], ["--y", "2"], ["--z", "-4"]]
        if r.random() < 0.4:
            return [["--A", "[[1, 2], [3, -4]]"], ["--x", "[0.5, 2]"], ["--y", "3"]]
        found = []
        for name in r.sample(_BOUND, r.choice((0, 1, 2, 3, 3))):
            value = self.number()
            found.append(r.choice(([f"--{name}", value], [f"--{name}={value}"], ["--set", f"{name}={value}"])))
        return found

    def arguments(self) -> list[str]:
        r = self.random
        command = r.choice(list(COMMANDS))
        parts = self.options(command)
        if any("--set" in parameter.opts for parameter in self.parameters[command]) or r.random() < 0.1:
            parts += [[self.operand()], *self.bindings()]
        elif r.random() < 0.7:
            parts.append([r.choice(("trace", "+", "not", "nope", *ops.names(), self.texts.text()))])
        if r.random() < 0.07:
            parts.append([r.choice(("--", "-h", "--help", "--version", "-x", "--no", self.texts.text()))])
        r.shuffle(parts)
        if r.random() < 0.05:
            command = r.choice(("", "evl", "--version", "-h", self.texts.text()))
        return [command, *(argument for part in parts for argument in part)]

    def line(self) -> Line:
        r, texts = self.random, self.texts
        numbers = {"x": 1.5, "y": -2, "z": 0}
        shaped = {"A": [[1, 2], [3, 4]], "x": [0.5, "-Infinity"], "y": [[1], [2, 3]] if r.random() < 0.3 else 1}
        objects = (numbers, {"parameters": numbers}, [numbers], {"x": "NaN", "y": None, "ﬁ": 1e400}, shaped)
        values = texts.text() if r.random() < 0.2 else json.dumps(r.choice(objects))
        files = {"program": texts.text(), "number": r.choice((self.number(), "2\n")), "values.json": values}
        stdin = r.choice((b"", texts.bytes(), _encoded(texts.text()), b'{"x": 1, "y": 2}', b"x*y"))
        contents = {name: _encoded(content) for name, content in files.items()} | {"bytes": texts.bytes()}
        fault = BrokenPipeError if r.random() < 0.03 else OSError if r.random() < 0.03 else None
        return Line(self.arguments(), stdin, contents, fault)


# Smaller reproductions


def shrunk(whole: Any, fails: Callable[[Any], bool]) -> Any:
    """A text or list with everything taken away, piece by piece, that the failure does not need."""
    size = max(1, len(whole) // 2)
    while True:
        place = 0
        while place < len(whole):
            less = whole[:place] + whole[place + size :]
            if fails(less):
                whole = less
            else:
                place += size
        if size == 1:
            return whole
        size = max(1, size // 2)


def _with_argument(line: Line, place: int, argument: str) -> Line:
    return line._replace(arguments=[*line.arguments[:place], argument, *line.arguments[place + 1 :]])


def _fails_with(fails: Callable[[Line], bool], line: Line, place: int, argument: str) -> bool:
    return fails(_with_argument(line, place, argument))


def shrunk_line(line: Line, fails: Callable[[Line], bool]) -> Line:
    """Fewer arguments and files, then shorter ones."""
    arguments = shrunk(line.arguments, lambda less: fails(line._replace(arguments=less)))
    line = line._replace(arguments=arguments)
    for place, whole in enumerate(arguments):
        fails_with = partial(_fails_with, fails, line, place)
        line = _with_argument(line, place, shrunk(whole, fails_with))
    for name in list(line.files):
        less = line._replace(files={**line.files, name: b""})
        line = less if fails(less) else line
    less = line._replace(stdin=b"")
    return less if fails(less) else line
