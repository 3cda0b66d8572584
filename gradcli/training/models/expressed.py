"""What is to be predicted, written as an expression over a program's stages, inputs and parameters.

Enters: a program, the expression's text. Leaves: the program with the expression as its result, and errors placed in
the expression. Invariant: stages and functions of the program mean the same as before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from gradcli.errors import BindingError, GradcliError, Span
from gradcli.graph.names import resolve
from gradcli.language.nodes import Program
from gradcli.language.parser import normalise, parse
from gradcli.printable import shorten


def expressed(program: Program, text: str, known: Collection[str]) -> Program:
    """The program with this as its result.

    Args:
        known: the inputs that have a column or a value.

    Raises:
        ParseError: it is no expression.
        ProgramError: it means nothing, such as a function that there is not.
        BindingError: it has an input that is not known.
    """
    own = parse(text)
    before = program.text[: program.statements[-1].span.start]
    made = parse(f"{before}{own.text}")
    with placed(made, text):
        for name, span in resolve(made, known).inputs.items():
            if name not in known:
                message = f"--of: {shorten(name)} is neither a stage, a column's input nor a parameter"
                hint = f"there are {shorten(', '.join(map(shorten, [*resolve(made, known).stages, *known])), 200)}"
                raise BindingError(message, source=made.text, span=span, hint=hint)
    return made


@contextmanager
def placed(made: Program, text: str | None) -> Iterator[None]:
    """Errors in what `expressed` made tell their place in the expression. text: None where there is none."""
    try:
        yield
    except GradcliError as error:
        if text is not None and error.span is not None and error.source == made.text:
            own = normalise(text)
            start = len(made.text) - len(own)
            if error.span.start >= start:
                error.source, error.span = own, Span(error.span.start - start, error.span.end - start)
        raise
