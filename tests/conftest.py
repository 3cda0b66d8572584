"""Golden files for all tests: `pytest --renew` rewrites them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, however slow the machine; tests/fuzzing.py looks for new ones.
settings.register_profile(
    "fixed", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("fixed")

# Whoever starts the tests in the background may ignore these, and every process that a test starts would inherit that.
for _number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)

TESTS = Path(__file__).parent


@pytest.fixture(autouse=True, scope="session")
def _without_a_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test starts a browser (`view --open`), and temporary files stay in pytest's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("webbrowser.open", lambda place: True)
        patch.setattr("tempfile.tempdir", str(tmp_path_factory.getbasetemp()))
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew", action="store_true", help="rewrite the golden files instead of comparing with them")


@pytest.fixture(scope="session")
def renew(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--renew"))


@pytest.fixture(scope="session")
def golden(renew: bool) -> Callable[[str, str], None]:
    """golden("folder/file.txt", text) compares text with that file under tests/, or rewrites the file."""

    def compare(name: str, text: str) -> None:
        path = TESTS / name
        if renew:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.exists(), f"no {name}: run pytest --renew"
        assert text == path.read_text(encoding="utf-8"), f"{name} differs; if that is meant: pytest --renew"

    return compare
