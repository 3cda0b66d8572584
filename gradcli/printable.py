"""User text made inert for people's eyes: control and invisible characters become visible escapes."""

from __future__ import annotations

import re

# C0 and C1 controls, DEL, soft hyphen, Arabic letter mark, zero-width and bidirectional characters, line and paragraph
# separators, word joiners, byte-order mark, interlinear annotation, tags, surrogates.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: str) -> str:
    """text with every character that could move the cursor, hide or reorder text written as an escape such as \\x1b."""
    return text if text.isascii() and text.isprintable() else _HIDDEN.sub(_escape, text)


def shorten(text: str, limit: int = 40) -> str:
    """text cut to limit characters, the cut marked with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
