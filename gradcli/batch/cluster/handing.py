"""Handing parts out to workers, and collecting what they come to.

Enters: a Dask client, a job, parts. Leaves: the tallies of the parts. Invariant: what fails is told as if the parts
were computed one after the other: of several errors the first one, and all parts before it are complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from gradcli.batch.cluster.worker import computed, first_line, same, versions
from gradcli.batch.job import Job
from gradcli.batch.partitions import Part
from gradcli.batch.running import Watch
from gradcli.batch.tally import Tally
from gradcli.errors import GradcliError, StreamError

RETRIES = 3  # of a part whose reading or writing fails
ABSENCE = 30  # seconds without any worker
_TICK = 1.0  # seconds between two looks at who is there
_ANSWERED = 5.0  # seconds for a worker to tell what a part came to


def tallies(client: Any, job: Job, parts: Sequence[Part], watch: Watch | None) -> list[Tally]:
    """Hand the parts out and wait."""
    sent = client.submit(same, job, pure=False)  # once, and again if its worker dies
    expected = versions()
    futures = [
        client.submit(computed, sent, part, expected, pure=False, retries=RETRIES, priority=-place)
        for place, part in enumerate(parts)
    ]
    ended: SimpleQueue[Any] = SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    try:
        return _collected(client, futures, ended, watch)
    except BaseException:
        with suppress(Exception):  # whoever is gone needs no word
            client.cancel([sent, *futures], force=True)
        raise


def _collected(client: Any, futures: Sequence[Any], ended: SimpleQueue[Any], watch: Watch | None) -> list[Tally]:
    """Wait for all parts, or for all before the first one that fails."""
    places = {future.key: place for place, future in enumerate(futures)}
    found: dict[int, Tally] = {}
    failure: GradcliError | None = None
    wanted, rows, seen = len(futures), 0, monotonic()
    while len(found) < wanted:
        if (one := _next(ended)) is not None:
            place, result = places[one[0]], one[1]
            if place < wanted and isinstance(result, Tally):
                found[place] = result
                rows += result.rows
            elif place < wanted and isinstance(result, GradcliError):
                with suppress(OSError):  # a scheduler that has gone
                    client.cancel(list(futures[place + 1 : wanted]), force=True)
                wanted, failure = place, result
                found = {place: tally for place, tally in found.items() if place < wanted}
        if one is not None or _has_workers(client):
            seen = monotonic()
        elif monotonic() - seen > ABSENCE:
            raise StreamError("there are no workers any more", hint="--resume goes on when there are")
        if watch is not None:
            watch(rows, len(found) / len(futures))
    if failure is not None:
        raise failure
    return [found[place] for place in range(len(futures))]


def _next(ended: SimpleQueue[Any]) -> tuple[str, Tally | GradcliError] | None:
    """The key of the next part that has ended, and what it came to; None if there is none for a moment."""
    try:
        future = ended.get(timeout=_TICK)
    except Empty:
        return None
    try:
        return future.key, _result(future)
    except TimeoutError:  # its worker died before it could tell; the part is computed again
        future.add_done_callback(ended.put)
        return None


def _has_workers(client: Any) -> bool:
    try:
        return bool(client.scheduler_info()["workers"])
    except Exception:  # the scheduler is away; the connection says so in the end
        return True


def _result(future: Any) -> Tally | GradcliError:
    """What a part came to: also its error, or that of its workers."""
    import distributed

    try:
        found = future.result(timeout=_ANSWERED)
    except TimeoutError:
        raise
    except GradcliError as error:
        return error
    except (distributed.CancelledError, distributed.comm.CommClosedError):
        hint = "--resume goes on with the parts that are missing"
        return StreamError("the scheduler has gone, or has dropped the parts", hint=hint)
    except distributed.KilledWorker as error:
        hint = "is there enough memory? a worker with more of it, or smaller groups of rows, may do"
        return StreamError(f"a part ended every worker that tried it: {first_line(error)}", hint=hint)
    except Exception as error:
        hint = "do all workers have this version of gradcli, and see the same files?"
        return StreamError(f"a worker failed: {type(error).__name__}: {first_line(error)}", hint=hint)
    assert isinstance(found, Tally | GradcliError)
    return found
