"""Seeded random programs of the whole language, and ways to spoil them."""

from __future__ import annotations

from random import Random

NAMES = [
    "x",
    "y",
    "a",
    "W",
    "θ",
    "σ",
    "x₁",
    "π",
    "sin",
    "max",
    "f",
    "e",
    "in1",
    "forx",
    "lambda",
    "grad",
    "with",
    "nota",
]
NUMBERS = ["1", "2", ".5", "5.", "1e-3", "1_000", "2e3", "0", "10.25", "1E+5"]
BETWEEN = ["", "", "", "", "", " ", " ", " ", "  ", "\t", "\n", "\n\n", " # c\n", "\xa0"]
PIECES = [
    *"()[]{}+-*/^'=,;:.<>!@#& \n\t²⁻√×éх€\x001x_",
    *["π", "for ", "in ", "and ", "not ", "or ", "with grad ", "..", "**", "2e", "0x1", "1__0", "==", "e", "5.", "2x "],
    *["_NEWLINE", "\n\n", "\n#", "≤", "µ", "ο", "₁"],
]


class Programs:
    """A source of texts that depends on the seed alone."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def blank(self) -> str:
        return self.random.choice(BETWEEN)

    def one_of(self, *choices: str) -> str:
        return self.random.choice(choices)

    def atom(self) -> str:
        return self.random.choice(self.random.choice([NAMES, NUMBERS]))

    def operand(self, depth: int) -> str:
        """Something that postfixes may follow."""
        return self.random.choice([self.random.choice(NAMES), f"({self.expression(depth)})"])

    def expression(self, depth: int) -> str:
        if depth <= 0 or self.random.random() < 0.15:
            return self.atom()
        return self.random.choice(_FORMS)(self, depth - 1 - self.random.randrange(2))

    def infix(self, depth: int, *signs: str) -> str:
        left, right = self.expression(depth), self.expression(depth)
        return left + self.blank() + self.random.choice(signs) + self.blank() + right

    def several(self, least: int, most: int, depth: int) -> str:
        return ",".join(self.expression(depth) for _ in range(self.random.randint(least, most)))

    def slot(self, depth: int) -> str:
        left, right = self.expression(depth), self.expression(depth)
        return self.one_of(left, ":", left + ":", ":" + right, left + ":" + right)

    def call(self, depth: int) -> str:
        arguments = self.several(0, 3, depth)
        if self.random.random() < 0.3:
            arguments += f"{',' if arguments else ''}{self.random.choice(NAMES)}={self.expression(depth)}"
        return f"{self.random.choice(NAMES)}{self.one_of('', ' ')}({arguments})"

    def statement(self, depth: int) -> str:
        kind = self.random.randrange(10)
        if kind < 5:
            return self.expression(depth)
        if kind < 7:
            return self.random.choice(NAMES) + self.blank() + "=" + self.blank() + self.expression(depth)
        if kind == 7:
            parameters = ", ".join(self.random.sample("abcd", self.random.randrange(4)))
            own = f" with grad ({self.several(1, 2, 2)})" if self.random.random() < 0.5 else ""
            return f"f({parameters}) = {self.expression(depth)}{own}"
        if kind == 8:
            return f"for t in 0..{self.one_of('3', 'n-1')}{self.blank()}{{{self.program(depth - 1)}}}"
        return ""

    def program(self, depth: int) -> str:
        separator = self.one_of(";", "\n", "; ", "\n\n", " # hm\n")
        return separator.join(self.statement(depth) for _ in range(self.random.randint(1, 4)))

    def corrupted(self, text: str) -> str:
        """text with one to three characters or pieces lost, replaced, inserted or repeated."""
        characters = list(text)
        for _ in range(self.random.randint(1, 3)):
            place = self.random.randint(0, len(characters))
            other = min(len(characters), place + self.random.randint(0, 8))
            new = self.random.choice([[], [self.random.choice(PIECES)], characters[max(0, place - 9) : place]])
            characters[self.random.choice([place, other]) : other] = new
        return "".join(characters)

    def text(self) -> str:
        """A program, most often a spoilt one, sometimes mere pieces."""
        chance = self.random.random()
        if chance < 0.05:
            return "".join(self.random.choice(PIECES) for _ in range(self.random.randrange(12)))
        text = self.program(self.random.randint(1, 4))
        return text if chance < 0.4 else self.corrupted(text)


_FORMS = [
    *[lambda p, d: p.infix(d, "+", "-", "−")] * 3,
    *[lambda p, d: p.infix(d, "*", "/", "·", "×", "÷", "@", "**", "^")] * 3,
    *[lambda p, d: p.one_of("+", "-", "−") + p.blank() + p.expression(d)] * 2,
    *[lambda p, d: f"({p.blank()}{p.expression(d)}{p.blank()})"] * 2,
    *[Programs.call] * 2,
    lambda p, d: f"[{p.several(1, 3, d)}]",
    lambda p, d: f"{p.operand(d)}[{','.join(p.slot(d) for _ in range(p.random.randint(1, 2)))}]",
    lambda p, d: p.operand(d) + "'",
    lambda p, d: p.one_of(p.operand(d), p.random.choice(NUMBERS)) + p.one_of("²", "³", "⁻¹", "¹⁰"),
    *[lambda p, d: p.random.choice(NUMBERS) + p.one_of("", " ") + p.one_of(p.operand(d), p.call(d), "√2")] * 2,
    lambda p, d: p.infix(d, "<", "<=", "≥", "==", "≠", " and ", " or "),
    lambda p, d: "not " + p.expression(d),
    lambda p, d: "√" + p.one_of(p.operand(d), "2"),
    lambda p, d: f"({p.expression(d)}){p.one_of('^', '**')}{p.one_of('', '-')}{p.operand(d)}",
]
