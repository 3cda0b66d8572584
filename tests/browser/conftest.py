"""The page in a real browser. Without Chromium or the extra these tests are skipped, unless GRADCLI_BROWSER is 1.

Every test that opens a page also holds what is true of all of them: nothing is said on the console, no script fails,
no dialog opens, and nothing is asked for but the file itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pages import made

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
REASON = "needs Chromium at /usr/bin/chromium and the extra browser"
HARMLESS = ("data:,",)  # the empty icon, which is in the file


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a process. GRADCLI_BROWSER: 1 if it must be there, 0 if another run has its turn."""
    wanted = os.environ.get("GRADCLI_BROWSER", "")
    there = CHROMIUM.exists() and all(find_spec(name) for name in ("playwright", "axe_playwright_python"))
    if wanted == "0" or not there:
        assert wanted != "1", REASON
        pytest.skip(REASON)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        yield browser
        browser.close()


class Watched:
    """Pages that are open, and all that they said, asked for and did unasked."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.found: list[str] = []
        self.contexts: list[Any] = []

    def open(self, path: Path, fragment: str = "", **settings: Any) -> Page:
        """The file in a fresh context. settings: of the context, as Playwright names them."""
        url = path.as_uri()
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        context.set_default_timeout(5_000)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self.found.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.found.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("popup", lambda other: self.found.append(f"window: {other.url}"))
        page.on("request", lambda request: self.asked(request.url, url))
        page.goto(url + fragment)
        return page

    def asked(self, url: str, own: str) -> None:
        """A request."""
        if url.partition("#")[0] != own and url not in HARMLESS:
            self.found.append(f"request: {url[:200]}")

    def close(self) -> None:
        """All of them."""
        for context in self.contexts:
            context.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """visit(path, fragment, **settings) opens a page; whatever it says, asks for or does unasked fails the test."""
    watched = Watched(browser)
    yield watched.open
    watched.close()
    assert watched.found == []


@pytest.fixture
def show(visit: Callable[..., Page], tmp_path: Path) -> Callable[..., Page]:
    """show(program, values, *options, **settings): the page that `gradcli view` makes, opened."""

    def shown(program: str, values: dict[str, Any], *options: str, fragment: str = "", **settings: Any) -> Page:
        return visit(made(tmp_path, program, values, *options), fragment, **settings)

    return shown
