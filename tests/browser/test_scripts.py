"""The page's scripts are put together in one scope: a name may be given once."""

from __future__ import annotations

import re
from collections import Counter

from gradcli.page.document import SCRIPTS, asset


def test_no_two_scripts_share_a_name() -> None:
    """A second function of a name would silently replace the first."""
    declared = re.compile(r"^(?:async )?(?:function\*?|const|let|class) +([\w$]+)", re.MULTILINE)
    names = Counter(name for script, _ in SCRIPTS for name in declared.findall(asset(f"{script}.js")))
    assert len(names) > 100
    assert [name for name, count in names.items() if count > 1] == []
