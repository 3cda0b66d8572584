"""What runs on a worker.

Enters: a job, one part. Leaves: the part's file, and its tally or its error. Invariant: a kernel runs in one thread at
a time, however many a worker has.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from gradcli.batch.job import Job, built
from gradcli.batch.partitions import Part, run_part
from gradcli.batch.running import Watch
from gradcli.batch.tally import Tally
from gradcli.errors import GradcliError, StreamError, UsageError
from gradcli.kernels.native.errors import NativeError
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.kernels import Kernel

_VERSIONED = ("gradcli", "numpy", "pyarrow", "orjson")  # whose versions decide about bytes


def versions() -> dict[str, str]:
    """Of what this process computes with."""
    return {name: version(name) for name in _VERSIONED if name in sys.modules}


def same(job: Job) -> Job:
    return job


def computed(job: Job, part: Part, expected: Mapping[str, str]) -> Tally | GradcliError:
    """One part. Errors of reading and writing are raised, since another try may help; others are a result."""
    import distributed

    worker = distributed.get_worker()
    try:
        for package, wanted in expected.items():  # the worker may have come after the others were asked
            if (there := version(package)) != wanted:
                raise differs(f"the worker {worker.address}", package, there, wanted)
        return run_part(job, part, _kernel(job, threading.get_ident()), _leaving(worker))
    except StreamError:
        raise
    except GradcliError as error:
        if isinstance(error, NativeError):  # of this machine, and perhaps of no other
            error.message = f"the worker {shorten(worker.address, 100)}: {error.message}"
        return error


def _leaving(worker: Any) -> Watch:
    """Ends a part that nobody wants any more: a thread can't be ended from outside, and would go on to the end."""
    key, tasks = worker.get_current_task(), worker.state.tasks

    def watch(rows: int, share: float | None) -> None:
        task = tasks.get(key)
        if task is not None and task.state == "cancelled":
            raise GradcliError("the run has ended")

    return watch


@lru_cache(maxsize=64)
def _kernel(job: Job, thread: int) -> Kernel:
    """The kernel of a job, for one thread: a kernel runs in one at a time."""
    return built(job)


def differs(who: str, module: str, there: Any, here: str) -> UsageError:
    """The error for a process that has another version, or an exception in its place."""
    has = f"no {module}" if isinstance(there, Exception) else f"{module} {shorten(str(there), 40)}"
    hint = "install the same versions everywhere, or the parts would not be the same"
    return UsageError(f"{who} has {has}, this machine {module} {here}", hint=hint)


def first_line(error: BaseException) -> str:
    return shorten((str(error) or type(error).__name__).split("\n")[0], 120)
