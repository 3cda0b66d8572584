"""Output in parts, each computed by itself: a directory of files, and a manifest that says what they are parts of.

Enters: a job, the files of its data, a directory. Leaves: a file per input file, or per group of rows of Parquet files
that have several. Invariant: a part is complete exactly when it stands under its name; the manifest stands before the
first part does; the same job and data always make the same parts, whoever computes them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from gradcli.batch.job import Job, built, kept_schema, options
from gradcli.batch.looking import Data, Table
from gradcli.batch.running import Loop, Watch, overlaps, run
from gradcli.batch.single import rejecting, share_of, undisturbed
from gradcli.batch.tally import Tally
from gradcli.errors import StreamError, UsageError
from gradcli.printable import shorten
from gradcli.tables import COMPRESSIONS, SUFFIXES, format_of
from gradcli.tables.outputs import Output, Outputs
from gradcli.tables.reading import open_table
from gradcli.tables.sources import name_of
from gradcli.tables.writing import open_writer

if TYPE_CHECKING:
    from gradcli.kernels import Kernel

MANIFEST = "_gradcli.json"
SCHEMA = "gradcli.parts/1"


class Part(NamedTuple):
    """A piece of the data, and the file that it becomes.

    Attributes:
        groups: first and end of the groups of rows to read; None for the whole file.
        target: the path of the output.
        rejects: the path of the file of its bad rows; None for none.
        name: what the data are called, in messages and rejects, if not by their path.
    """

    path: str
    groups: tuple[int, int] | None
    target: str
    rejects: str | None = None
    name: str | None = None


def parts(data: Data, directory: str, sink: str, rejects: str | None = None) -> list[Part]:
    """All parts, in the order of the rows. rejects: a directory, for the rows that are not computed."""
    suffix = next(suffix for suffix, format in SUFFIXES.items() if format == sink)
    found: list[Part] = []
    for table in data.tables:
        for group in range(table.groups):
            name = f"{_stem(table)}-{len(found):05d}"
            groups = None if table.groups == 1 else (group, group + 1)
            bad = None if rejects is None else os.path.join(rejects, f"{name}.csv")
            found.append(Part(table.path, groups, os.path.join(directory, name + suffix), bad))
    return found


def _stem(table: Table) -> str:
    """A file's name without its suffixes."""
    name = PurePath("stdin" if table.path == "-" else table.path.rstrip("/")).name
    for known in (COMPRESSIONS, SUFFIXES):
        path = PurePath(name)
        if path.suffix.lower() in known:
            name = path.stem
    return name.lstrip("._") or "part"  # a hidden file, or one with an underscore, is passed over by readers


def fingerprint(job: Job, data: Data, planned: Sequence[Part]) -> str:
    """What tells whether two runs make the same parts: the job, the data as it is now, and how it is cut."""
    files = [(table.path, table.size, _changed(table.path)) for table in data.tables]
    cut = [(part.path, part.groups, os.path.basename(part.target)) for part in planned]
    # How many threads compute does not change a number.
    content = json.dumps([job._replace(threads=None), files, cut], ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def _changed(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:  # not a local file
        return None


def prepare(directory: str, job: Job, data: Data, planned: Sequence[Part], resume: bool) -> list[Part]:
    """Make the directory, leave the manifest there, and say which parts are still to be computed.

    Raises:
        UsageError: the directory holds something else, or parts and `resume` is not asked for. One that a run has
            left without a part is taken up.
        StreamError: it can't be made, read or written.
    """
    mark = fingerprint(job, data, planned)
    try:
        os.makedirs(directory, exist_ok=True)
        for rejects in {os.path.dirname(part.rejects) for part in planned if part.rejects is not None}:
            os.makedirs(rejects, exist_ok=True)
        there = {name for name in os.listdir(directory) if not name.startswith(".")}
    except OSError as error:
        raise StreamError(f"{shorten(directory, 200)}: {error.strerror}") from None
    shown = shorten(directory, 100)
    if MANIFEST in there:
        if _read(os.path.join(directory, MANIFEST)) != mark:
            hint = "take another directory; the program, the options, the data or its files have changed since"
            raise UsageError(f"{shown} holds the parts of another job", hint=hint)
        if not resume and any(os.path.basename(part.target) in there for part in planned):
            hint = "--resume goes on with it; or take another directory"
            raise UsageError(f"{shown} holds parts of this job already", hint=hint)
    elif there:
        hint = "parts go to a directory of their own, which need not exist"
        raise UsageError(f"{shown} is not empty, and no job of gradcli began it", hint=hint)
    else:
        _write(os.path.join(directory, MANIFEST), mark, planned)
    return [part for part in planned if os.path.basename(part.target) not in there]


def _read(path: str) -> str | None:
    """The fingerprint in a manifest; None if it is none."""
    try:
        with open(path, "rb") as file:
            content = json.load(file)
    except (OSError, ValueError, RecursionError):
        return None
    known = isinstance(content, dict) and content.get("schema") == SCHEMA
    return str(content.get("fingerprint")) if known else None


def _write(path: str, mark: str, planned: Sequence[Part]) -> None:
    listed = [{"name": os.path.basename(part.target), "data": part.path, "groups": part.groups} for part in planned]
    content = {"schema": SCHEMA, "fingerprint": mark, "parts": listed}
    with undisturbed(), Output(path) as output:
        output.sink.write(json.dumps(content, indent=1).encode() + b"\n")


def run_part(job: Job, part: Part, kernel: Kernel | None = None, watch: Watch | None = None) -> Tally:
    """Compute one part and write its file, whole or not at all.

    Args:
        kernel: of the job, where it is built already.

    Raises:
        GradcliError: a row is bad and the job does not say what to do, or reading or writing failed.
    """
    kernel = kernel or built(job)
    groups = None if part.groups is None else range(*part.groups)
    reader = open_table(part.path, options(job), groups)
    with Outputs() as outputs, closing(reader):
        schema = kept_schema(job, reader.schema)
        with undisturbed():
            output = outputs.open(part.target)
            rejected = rejecting(part.rejects, job, reader.schema, outputs)
        writer = open_writer(output.sink, job.sink, schema, job.names)
        blocks = reader.blocks(job.needed, job.kept)
        share = share_of(reader, 0, reader.size)
        threaded = overlaps(format_of(part.path, job.source), job.sink)
        name = name_of(part.name or part.path)
        tally = run(Loop(job, kernel, name, writer, rejected, None, threaded, watch, share), blocks)
        writer.close()
        if rejected is not None:
            rejected.close()
    return tally
