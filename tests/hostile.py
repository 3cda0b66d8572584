"""Texts that would do harm in some output if they were not made inert, and what tells whether they were.

`TEXTS` is the one corpus: every renderer and every place of the command line that takes text is run on all of it.
"""

from __future__ import annotations

import re
import unicodedata

TEXTS = {
    # Rich's markup and emoji codes.
    "markup": "[red]x[/red]",
    "markup-unopened": "x[/]",
    "markup-escape": "\\[bold]\\",
    "markup-link": "[link=https://example.org]x[/link]",
    "emoji-code": ":smile:",
    # Terminals: colours, erasing, titles, links, the clipboard, the bell, 8-bit controls, overtyping.
    "colour": "\x1b[31mx\x1b[0m",
    "erase": "\x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;https://example.org\x1b\\x\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;eA==\x07",
    "device": "\x1bP$q\x1b\\\x1bc",
    "eight-bit": "\x9b2J\x9d0;x\x9c\x90\x85",
    "overtype": "safe\rx\b\b\x7f\x0b\x0c",
    "lines": "a\nb\r\nc",
    "nul": "a\0b",
    # Unicode that reorders, hides or splits.
    "override": "x\u202eevil\u202c",
    "isolate": "\u2066x\u2069\u2067y\u2068",
    "marks": "\u200ex\u200f\u061c",
    "zero-width": "x\u200b\u200c\u200d\u2060\ufeff\xady",
    "tags": "x\U000e0001\U000e0041\U000e007f",
    "selectors": "x\ufe0f\U000e0100\u180b",
    "fillers": "\u115f\u3164\u034f\uffa0",
    "separators": "a\u2028b\u2029c",
    "noncharacters": "a\ufffe\uffff",
    "surrogate": "\ud800x\udcff",
    "emoji": "😀👩\u200d🔬",
    "wide": "漢字ｘ",
    "combining": "e\u0301\u20dd" * 20,
    # DOT: escapes, records, ports, quotes, HTML-like labels, the end of a statement.
    "dot-escapes": "\\N\\G\\E\\T\\H\\L\\l\\r\\n",
    "dot-record": "{a|<p>b}",
    "dot-port": "a:b:c",
    "dot-quote": 'a"];x[label="',
    "dot-html": "<<b>x</b>>",
    "dot-html-whole": "<b>",
    "dot-comment": "/* x */ // y # z",
    "dot-keyword": "digraph{graph->node}",
    "backslash": "back\\",
    "backslashes": "back\\\\",
    "backslash-pipe": "a\\|b\\`c",
    # XML and HTML.
    "cdata": "]]>",
    "xml-comment": "--><!--",
    "script": "<script>alert(1)</script>",
    "title-end": "</title></text></style><script>",
    "entity": "&lt;&#35;&amp;&entity;",
    "attribute": "' onload='x' \"",
    "style": "</style>@import url(x)",
    # Spreadsheets.
    "formula": "=1+cmd|' /C calc'!A0",
    "formula-plus": "+1+1",
    "formula-minus": "-1+1",
    "formula-minus-number": "-1_0",
    "formula-at": "@SUM(A1)",
    "formula-tab": "\t=1",
    "formula-return": "\r=1",
    "formula-wide": "＝1＋1",
    "csv-quote": 'a","=1',
    # Markdown.
    "pipe": "a|b|c",
    "backtick": "`x` ``y``",
    "image": "![x](javascript:alert(1))",
    "reference": "[x](javascript:alert(1)) *a* _b_",
    "heading": "# x",
    # Mermaid.
    "mermaid-quote": '"] --> x["',
    "mermaid-code": "#quot;#35;",
    "mermaid-end": "end",
    "mermaid-click": '; click g0 "javascript:alert(1)"',
    "mermaid-directive": "%%{init: {}}%%",
    "mermaid-markdown": '"`**x**`"',
    "mermaid-mathematics": "$$\\href{javascript:alert(1)}{x}$$",
    # JSON, formats of strings, templates.
    "json": '"}],"x":"\\u0000',
    "percent": "%s%n%(x)s",
    "braces": "{0.__class__}{trace}${HOME}$(id)`id`",
    "python": "__import__('os').system('id')",
    # Paths and options.
    "path": "../../etc/passwd",
    "option": "--output=x",
    "hyphen": "-",
    "empty": "",
    "blank": "  ",
    # Length.
    "long": "x" * 10_000,
    "long-blanks": "x " * 2_000,
    "long-escapes": "\x1b" * 2_500,
}

_REORDERING = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u3164\ufe0f\uffa0\ufffe\uffff\U000e0100"
COLOR = re.compile(r"\x1b\[[0-9;]*m")


def hidden(text: str) -> set[str]:
    """The characters of text that a reader does not see or that do something to what he sees, line feeds aside."""
    return {
        character
        for character in set(text) - {"\n"}
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(character) in _REORDERING
        or character in _INVISIBLE
    }
