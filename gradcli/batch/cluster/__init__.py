"""Parts computed by several processes, on one machine or on many: `dask.distributed` hands them out.

Enters: a job, its parts, where the workers are. Leaves: the parts' files, each whole, and their tallies. Invariant: a
part is the same bytes whoever computes it, and however often: a worker that dies costs time, never rows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NamedTuple

from gradcli.atomic import remove_abandoned
from gradcli.batch.cluster.handing import tallies
from gradcli.batch.cluster.members import calm, foreign, own
from gradcli.batch.job import Job
from gradcli.batch.partitions import Part
from gradcli.batch.running import Watch
from gradcli.batch.tally import Tally
from gradcli.errors import GradcliError
from gradcli.printable import shorten


class Where(NamedTuple):
    """Who computes.

    Attributes:
        scheduler: the address of a running one, such as tcp://host:8786; None for processes of this machine.
        workers: how many of these.
    """

    scheduler: str | None
    workers: int = 0


class Company:
    """Those who compute. A context manager: a scheduler is called when it is entered, own workers start with the work.

    Raises:
        MissingError: Dask is not installed.
        StreamError: there is no scheduler, or it has no workers.
        UsageError: the address is none; or a worker has another version of what computes, or none.
    """

    def __init__(self, where: Where) -> None:
        self.where = where

    def __enter__(self) -> Company:
        with ExitStack() as stack:
            stack.enter_context(calm())
            self.client: Any = None
            if self.where.scheduler is not None:
                self.client = stack.enter_context(foreign(self.where.scheduler))
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *failure: Any) -> None:
        self.stack.__exit__(*failure)

    def tallies(self, job: Job, parts: Sequence[Part], watch: Watch | None = None) -> list[Tally]:
        """Compute parts, in no order.

        Args:
            watch: is told of the progress.

        Returns:
            the tally of every part, in the order of the parts.

        Raises:
            GradcliError: what a part raised; of several the first one, as if they were computed one after the other.
            StreamError: all workers are gone, or a part ended every worker that tried it.
        """
        if not parts:
            return []
        job = job._replace(threads=job.threads or 1)  # a worker for every core, as a rule
        if self.client is not None:
            given = [os.path.abspath(part.path) if _is_local(part.path) else part.path for part in parts]
            names = {path: part.path for path, part in zip(given, parts, strict=True) if path != part.path}
            try:
                return tallies(self.client, job, [_everywhere(part) for part in parts], watch)
            except GradcliError as error:
                raise _as_given(error, names) from None
        with _tidy(parts), own(min(self.where.workers, len(parts))) as client:
            return tallies(client, job, parts, watch)


# Paths


def _is_local(path: str) -> bool:
    return "://" not in path


def _everywhere(part: Part) -> Part:
    """A part with paths that mean the same in another directory. What the data are called stays."""
    own = {name: path for name, path in part._asdict().items() if name in ("path", "target", "rejects") and path}
    whole = {name: os.path.abspath(path) if _is_local(path) else path for name, path in own.items()}
    return part._replace(**whole, name=part.name or part.path)


def _as_given(error: GradcliError, names: Mapping[str, str]) -> GradcliError:
    """An error that calls files as the person called them. names: by the names that workers know."""
    for path, name in names.items():
        if error.message.startswith(shorten(path, 200)):
            error.message = shorten(name, 200) + error.message.removeprefix(shorten(path, 200))
            break
    return error


@contextmanager
def _tidy(parts: Sequence[Part]) -> Iterator[None]:
    """Take away what workers of our own have left unfinished, who are gone then."""
    try:
        yield
    except BaseException:
        own = [path for part in parts for path in (part.target, part.rejects) if path and _is_local(path)]
        for folder in {os.path.dirname(path) for path in own}:
            with suppress(OSError):
                begun = {name[1:].rpartition(".gradcli-")[0] for name in os.listdir(folder or ".") if name[0] == "."}
                for path in own:
                    if os.path.dirname(path) == folder and os.path.basename(path) in begun:
                        remove_abandoned(path)
        raise
