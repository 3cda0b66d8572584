"""gradcli: see and trust a gradient.

    >>> import gradcli
    >>> trace = gradcli.evaluate("(x+y)*z", x=2, y=3, z=-4)
    >>> trace.value, trace.gradients
    (-20.0, {'x': -4.0, 'y': -4.0, 'z': 5.0})

Everything is imported on first use, so that the command line pays only for what it needs.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # until signals are set, which this comes before, as little as possible is imported
if TYPE_CHECKING:
    from typing import Any

    from gradcli.api import Trace, evaluate, grad, parse
    from gradcli.errors import (
        BindingError,
        GradcliError,
        LimitError,
        MissingError,
        ParseError,
        ProgramError,
        StreamError,
        UsageError,
    )

__version__ = "0.1.0"

__all__ = [
    "BindingError",
    "GradcliError",
    "LimitError",
    "MissingError",
    "ParseError",
    "ProgramError",
    "StreamError",
    "Trace",
    "UsageError",
    "__version__",
    "evaluate",
    "grad",
    "parse",
]

_API = ("Trace", "evaluate", "grad", "parse")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'gradcli' has no attribute {name!r}")
    found = getattr(import_module("gradcli.api" if name in _API else "gradcli.errors"), name)
    globals()[name] = found  # over the submodule of the same name, if one is imported
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
