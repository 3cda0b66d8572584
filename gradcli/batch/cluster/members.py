"""Who computes: a scheduler that runs already, or processes of our own.

Enters: an address, or how many workers there shall be. Leaves: a Dask client that is connected to them. Invariant:
whatever was started here ends with the block it was started for, and nobody but us says a word.

Processes are spawned, never forked: OpenMP and Arrow have threads, which a fork would lose.
"""

from __future__ import annotations

import gc
import logging
import re
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from importlib.metadata import version
from tempfile import TemporaryDirectory
from typing import Any

from gradcli.batch.cluster.worker import differs, first_line, versions
from gradcli.errors import MissingError, StreamError, UsageError
from gradcli.printable import shorten

ANSWER = 10  # seconds to wait for a scheduler
ARRIVAL = 30  # seconds to wait for the first worker
_ADDRESS = re.compile(r"(?:(?:tcp|tls|ws|wss)://)?(?:[\w.-]+|\[[0-9a-fA-F:.%\w]+\]):[0-9]{1,5}")


@contextmanager
def calm() -> Iterator[None]:
    """Within, Dask keeps quiet: our own messages say what matters. And cycles are collected: runs are long."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise MissingError("computing on workers", "dask") from None
    before, collecting = logging.root.manager.disable, gc.isenabled()
    logging.disable(logging.CRITICAL)
    gc.enable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        if not collecting:
            gc.disable()


@contextmanager
def foreign(address: str) -> Iterator[Any]:
    """A connection to a scheduler that runs already, and has the right workers."""
    import distributed

    shown = shorten(address, 100) or "(empty)"
    if not _ADDRESS.fullmatch(address):
        raise UsageError(f"{shown} is not the address of a scheduler", hint="it is tcp://HOST:8786, or tls://HOST:8786")
    try:
        client = distributed.Client(address, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError, TypeError, ImportError, RuntimeError, TimeoutError) as error:
        hint = "`dask scheduler` starts one, and says its address"
        raise StreamError(f"no scheduler answers at {shown}: {first_line(error)}", hint=hint) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=ARRIVAL)
        except TimeoutError:
            hint = "`dask worker ADDRESS` starts one"
            raise StreamError(f"the scheduler at {shown} has no workers", hint=hint) from None
        try:
            _check(client)
        except OSError as error:
            raise StreamError(f"the scheduler at {shown} has gone: {first_line(error)}") from None
        yield client


def _check(client: Any) -> None:
    """Refuse workers, and a scheduler, that would not do the same.

    The functions that are called there are Python's own: whoever has no gradcli can't be asked by one of ours.
    """
    for package, wanted in versions().items():
        found = client.run(version, package, on_error="return")
        if package == "gradcli":  # the scheduler unpacks a job, but computes nothing
            try:
                found["scheduler"] = client.run_on_scheduler(version, package)
            except Exception as error:
                found["scheduler"] = error
        for address, there in sorted(found.items()):
            if there != wanted:
                who = "the scheduler" if address == "scheduler" else f"the worker {shorten(address, 100)}"
                raise differs(who, package, there, wanted)


@contextmanager
def own(count: int) -> Iterator[Any]:
    """Workers on this machine, in processes of their own, which end with the block."""
    import dask
    import distributed

    with ExitStack() as stack:
        scratch = stack.enter_context(TemporaryDirectory(prefix="gradcli-", ignore_cleanup_errors=True))
        own = {"distributed.worker.multiprocessing-method": "spawn", "temporary-directory": scratch}
        stack.enter_context(dask.config.set(own))
        loop = stack.enter_context(_undisturbed_loop())
        # Begun without workers: what interrupts the constructor would leave them behind.
        cluster = stack.enter_context(
            distributed.LocalCluster(
                n_workers=0, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None,
                local_directory=scratch, silence_logs=logging.CRITICAL, memory_limit=None, loop=loop,
            )
        )  # fmt: skip
        client = stack.enter_context(distributed.Client(cluster, timeout=ANSWER, set_as_default=False))
        cluster.scale(count)
        try:
            client.wait_for_workers(1, timeout=ARRIVAL)
        except TimeoutError:
            raise StreamError(f"no worker has started within {ARRIVAL} seconds") from None
        yield client


@contextmanager
def _undisturbed_loop() -> Iterator[Any]:
    """Dask's thread, which starts the workers: one that Ctrl-C does not reach, and hence not them either.

    A terminal sends it to all processes. Only the main one shall tell the person, and end the others.
    """
    from distributed.utils import LoopRunner

    runner: Any = LoopRunner()
    with _without_interrupts():
        runner.start()
    try:
        yield runner.loop
    finally:
        runner.stop()


def _without_interrupts() -> AbstractContextManager[None]:
    return _masked() if hasattr(signal, "pthread_sigmask") else nullcontext()


@contextmanager
def _masked() -> Iterator[None]:
    """Within, threads are started that get no SIGINT; nor do processes that these start."""
    from multiprocessing import resource_tracker

    sys.warnoptions.append("ignore:resource_tracker")  # it would tell of a process that was killed
    try:
        resource_tracker.ensure_running()  # starting it later would take the mask away
    finally:
        sys.warnoptions.remove("ignore:resource_tracker")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
