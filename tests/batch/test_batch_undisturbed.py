"""Signals that come while an output is being opened."""

from __future__ import annotations

import signal
import threading

import pytest

from gradcli.batch.single import undisturbed


def test_a_signal_waits_for_the_end_of_the_block() -> None:
    before = signal.getsignal(signal.SIGINT)
    reached = []

    def open_something() -> None:
        with undisturbed():
            signal.raise_signal(signal.SIGINT)
            reached.append(True)

    with pytest.raises(KeyboardInterrupt):
        open_something()
    assert reached
    assert signal.getsignal(signal.SIGINT) is before


def test_without_a_signal_nothing_changes() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with undisturbed():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_in_a_thread_it_is_nothing() -> None:
    reached = []

    def work() -> None:
        with undisturbed():
            reached.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert reached
