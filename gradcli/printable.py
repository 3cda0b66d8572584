"""User text made inert for people's eyes: control and invisible characters become visible escapes."""

from __future__ import annotations

import re

# C0 and C1 controls, DEL; line and paragraph separators, bidirectional controls; all that Unicode calls ignorable by
# default (soft hyphen, joiners, fillers, variation selectors, tags) and other invisible format characters; annotation
# signs; surrogates; the two codes that are no characters in XML either.
_HIDDEN = (  # compiled when the first text of other characters comes
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff]"
)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: str) -> str:
    """text with every character that could move the cursor, hide or reorder text written as an escape such as \\x1b."""
    return text if text.isascii() and text.isprintable() else re.sub(_HIDDEN, _escape, text)


def shorten(text: str, limit: int = 40) -> str:
    """text cut to limit characters, the cut marked with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
