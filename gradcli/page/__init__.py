"""The page: one HTML file that steps through both passes, and computes them anew when an input moves.

Enters: a Trace and how the page is to look. Leaves: the text of a file that needs nothing else, no network and no
library. Invariant: the picture is that of `render/picture`, the arithmetic that of `codegen`, the words those of
`render/explain`; the page's own scripts (`assets/`) only show, and never evaluate text.
"""

from __future__ import annotations

from gradcli.page.document import Page, PageOptions, page

__all__ = ["Page", "PageOptions", "page"]
