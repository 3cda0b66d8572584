"""Options that several commands have, and the expression."""

from __future__ import annotations

from typing import Annotated

import typer

Expression = Annotated[
    str | None,
    typer.Argument(metavar="EXPR", show_default=False, help="The program: text, @FILE, or - for standard input."),
]
Vars = Annotated[
    str | None, typer.Option("--vars", metavar="FILE", help="Values in a JSON object; - for standard input.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A value, also for a name that is an option here."),
]
Of = Annotated[str | None, typer.Option("--of", metavar="NAME", help="Take this stage as the output.")]
Wrt = Annotated[str | None, typer.Option("--wrt", metavar="X,Y", help="Differentiate by these inputs only.")]
MaxGates = Annotated[int, typer.Option("--max-gates", metavar="N", min=1, help="Refuse programs with more gates.")]
Expand = Annotated[
    list[str] | None,
    typer.Option("--expand", metavar="F,G|all", help="Write these functions out as the gates of their definition."),
]
Fuse = Annotated[bool, typer.Option("--fuse", help="Replace known forms, such as 1/(1 + exp(-x)), by one gate each.")]
Share = Annotated[bool, typer.Option("--share", help="Make equal gates one.")]
Unroll = Annotated[bool, typer.Option("--unroll", help="Make a gate of every element of an array.")]
Shapes = Annotated[
    str | None,
    typer.Option("--shapes", metavar="W=3x4,x=4", help="Shapes of inputs that are arrays, where they have no values."),
]
Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file, whole or not at all.")
]
Digits = Annotated[
    int | None,
    typer.Option(
        "--digits",
        metavar="N",
        min=1,
        max=10_000,
        help="Compute N correct digits, from the decimals as they are written.",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="End with status 1 if there is a kink, a tie or a number that is not finite.")
]
