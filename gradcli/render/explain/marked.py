"""An explanation in Markdown, for notes and issue trackers: every formula a code span, which shows it as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradcli.printable import printable
from gradcli.render import Look
from gradcli.render.explain import Telling
from gradcli.render.explain.flows import with_named_output
from gradcli.render.explain.steps import steps
from gradcli.render.explain.tokens import Step
from gradcli.render.explain.words import Words, trimmed
from gradcli.traces import Trace

_DEEPER = ("arrives", "local", "passes")
_LISTED = frozenset({"input", "forward", "result", "chain", "hop", "warning", *_DEEPER})


def _code(text: str) -> str:
    """A code span: backslashes are text there, so the one sign that would end it is replaced; the language has none."""
    return f"`{printable(text).replace('`', chr(39)) or ' '}`"


def _formula(step: Step, words: Words) -> str:
    written = " ".join(map(words.write, trimmed(step.formula, words.write)))
    return _code(written.replace(" : ", ": "))


def _line(step: Step, words: Words) -> str:
    if step.kind == "title":
        return f"### {step.words}"
    if step.kind == "warning":
        return f"- ⚠ {_code(step.words)}"
    if not step.formula:
        return step.words
    formula = _formula(step, words)
    if step.kind == "gate":
        return f"**{formula}**"
    return f"- {formula}" + (f" ({step.words})" if step.words else "")


def render(trace: Trace, look: Look, telling: Telling) -> Iterator[str]:
    """The explanation of a trace."""
    named = with_named_output(trace)
    yield from written(steps(named, telling, look.every_gate), Words(named, telling.short))


def written(told: Iterable[Step], words: Words, look: Look | None = None) -> Iterator[str]:
    """Titles, paragraphs and lists; a blank line wherever one of them begins."""
    listed = None
    for step in told:
        now = step.kind in _LISTED
        blank = "" if listed is None or (now and listed) else "\n"
        yield f"{blank}{_line(step, words)}\n"
        listed = now
