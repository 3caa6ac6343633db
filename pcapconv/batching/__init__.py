"""Convert whole trees of captures, in parallel, and go on where a run was stopped: `pcapconv.batch`.

Strategy: a batch has three phases. Its arguments become one value (`arguments`); files are found and named, and what is
left to do is decided (`plans`); that is handed in chunks to an executor (`runner`), where `jobs` converts them. What
became of each file is an `Outcome`, a line of the manifest.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from pcapconv.batching import lease
from pcapconv.batching.arguments import Arguments, Carriers, Flags, parse_arguments
from pcapconv.batching.locations import scheme_of
from pcapconv.batching.plans import BatchPlan, plan
from pcapconv.batching.report import BatchReport, NothingFoundError, UnfinishedError, Watcher
from pcapconv.batching.runner import run_batch
from pcapconv.batching.settings import FormatOptions
from pcapconv.batching.stall_detector import run_before_jobs
from pcapconv.conversion import writer_and_steps
from pcapconv.sidecar import SidecarSettings
from pcapconv.wording import argument

if TYPE_CHECKING:
    from typing import Unpack

    from pcapconv.conversion import ConvertArguments, OnLoss


def batch(
    source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    target: str | os.PathLike[str] | None = None,
    *,
    to: str | None = None,
    in_place: bool = False,
    resume: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    jobs: int | None = None,
    scheduler: str | None = None,
    template: str | None = None,
    shard: str | None = None,
    retries: int = 0,
    executor: Executor | None = None,
    stall: str | None = None,
    force: bool = False,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    fractions: str | None = None,
    sidecar: bool = False,
    sidecar_secrets: bool = False,
    sidecar_fingerprints: bool = False,
    follow_links: bool = False,
    fsync: bool = True,
    allow_empty: bool = False,
    watcher: Watcher | None = None,
    others: Mapping[str, str] | None = None,
    **options: Unpack[ConvertArguments],
) -> BatchReport:
    """Select from, edit and convert all captures of a tree.

    `source` is a directory, a file, or a list of files; `target` the directory in which the tree is mirrored, with the
    suffix of the format `to`; without `to`, files keep format and name. Both may be URLs. `in_place` rewrites each
    file where it is instead. `include` and `exclude` are patterns as in .gitignore. `resume` goes on where an earlier
    run of the same batch stopped; `force` replaces targets that exist. `strict`, `on_loss`, `fractions`, `fsync`
    and `options` are as for `convert`, but for `extract_secrets`: the suffix of a file beside
    each target. `sidecar` writes one beside each pcap file that comes from pcapng, and reads one wherever it lies
    beside a pcap file. `follow_links` allows to write where a symbolic link in `target` leads out of it.
    Jobs run in `jobs` processes, as many as there are cores by default; on the Dask cluster of `scheduler`; or in an
    `executor` of the caller's. `stall` ends the batch when nothing has moved for so long, as in `10m`. `shard`, as in
    `3/16`, does the third of sixteen parts of the files, the same for everybody. `template` gives the names of targets
    in `target`, as in `{start:%Y/%m/%d}/{stem}.pcapng`. What may pass is tried again at the end, up to `retries` times.
    A file that cannot be converted does not stop the others; one that is no capture is left out, unless its name is
    that of one, then it failed. `watcher` looks on. `others` are paths that no file of the batch may have, by what they
    are, as in `{"the report": "report.json"}`.

    Returns a `BatchReport`. Raises a `PcapconvError` when the batch as a whole makes no sense or cannot be done, and a
    NothingFoundError, with the report, when there is no capture in the directory `source`, unless with `allow_empty`;
    an UnfinishedError, with the report, when what carries the jobs out is lost on the way.
    """
    begun = time.monotonic()
    writer, steps = writer_and_steps("", options)
    arguments = parse_arguments(
        source,
        target,
        Flags(in_place=in_place, resume=resume, force=force, strict=strict, follow_links=follow_links, fsync=fsync),
        FormatOptions(to, fractions, writer),
        SidecarSettings(beside=sidecar, secrets=sidecar_secrets, fingerprints=sidecar_fingerprints),
        Carriers(jobs=jobs, scheduler=scheduler, executor=executor, stall=stall),
        (include, exclude),
        on_loss,
        steps,
        template=template,
        shard=shard,
        retries=retries,
    )
    watcher = watcher or Watcher()
    # Read the list here, where Ctrl-C is seen: it may come from a pipe.
    arguments = arguments._replace(locations=list(arguments.locations))
    planned = run_before_jobs(arguments.carriers, lambda: _planned(arguments, others or {}, watcher))
    try:
        report = run_batch(arguments, planned, watcher)
    except UnfinishedError as error:
        error.report.seconds = round(time.monotonic() - begun, 3)
        raise
    report.seconds = round(time.monotonic() - begun, 3)
    root = arguments.root
    tree = root is not None and (scheme_of(root) is not None or os.path.isdir(root))
    if tree and not (report.captures or planned.elsewhere or allow_empty):
        allowing = argument("allow_empty", True)
        raise NothingFoundError(f"{root}: no capture was found; {allowing} lets that pass", report)
    return report


def _planned(arguments: Arguments, others: Mapping[str, str], watcher: Watcher) -> BatchPlan:
    """What is to be done, as soon as nobody else is at work there. Raises UsageError, FileError."""
    lease.clear_conflicting_leases(arguments.manifest, watcher.wait, whole=arguments.shard is None)
    lease.clear_leases([arguments.manifest], watcher.wait)
    return plan(arguments, others)
