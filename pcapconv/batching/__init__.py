"""Convert whole trees of captures, in parallel, and go on where a run was stopped: `pcapconv.batch`.

Strategy: a batch has three phases. Its arguments are checked and become one value. Then it is planned: the files are
found, their targets named, and each file gets a job, or an outcome if nothing has to be done. Last, chunks of jobs go
to an executor, whose processes convert the files. The outcome of each file is a line of the manifest.

Planning:
    arguments           checks the arguments of `batch`
    settings            the settings that all jobs share
    planning            the plan: files, targets, and which jobs have to run
    sources             the source files: patterns, lists
    target_names        names of targets
    conflicts           refuses files with two roles
    shards              which files belong to a shard
    actions             a job, and what it may replace
    decisions           the action of each job
    earlier_runs        what earlier runs wrote
Running:
    runner              sends chunks of jobs to an executor, collects the outcomes, tries files again
    chunks              hands chunks of jobs to workers, and jobs of a worker that died to others
    jobs                one file, from its source to its line in the manifest; runs in any process
    sidecars            the sidecars beside sources and targets
    executors           what runs the jobs: processes, threads, the caller's executor
    pool                the processes of this machine
    pool_process        what each process of the pool runs
    daemon_threads      threads that may hang without keeping the program from its end
    transient_errors    which errors are worth another try
    stall_detector      ends a batch that stands still
    heartbeat           the file that jobs elsewhere touch to show that they move
Recording:
    outcome             what became of a file
    recording           passes outcomes to report, watcher and manifest
    report              the report of a batch, its errors, the watcher
    manifest            the manifest, read and written
    manifest_index      the index beside it, for a quick `resume`
    manifest_names      names of manifests, leases and indexes
    lease               the lease that a client holds while it is at work on a manifest
    lease_storage       the file or object that is a lease
    lease_holder        which process holds a lease, and whether it lives
Where files lie:
    locations           paths and URLs, states of files, the interface of a store
    stores              which store has a location
    local               the store of this machine
    remote              the stores behind URLs
    leftovers           removes the temporary files and uploads that killed runs left
    fetching            a source behind a URL, as it is read
    uploads             a target behind a URL, as it is sent
    upload_notes        notes of uploads to S3, by which a later run cleans up after a kill
    web_servers         listings of web servers
    url_checks          checks URLs before they are used
    store_requests      errors of stores as sentences, and how long a store has not answered
    directory_tokens    files by which another process shows that it sees the same directory
Dask clusters:
    cluster             the executor for a cluster
    cluster_connection  the connection to its scheduler
    cluster_workers     its workers: which there are, and which of them fit
    worker_check        whether a worker can do the jobs
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from pcapconv.batching import lease
from pcapconv.batching.arguments import Arguments, BatchFlags, ExecutionArguments, parse_arguments
from pcapconv.batching.locations import scheme_of
from pcapconv.batching.planning import BatchPlan, plan_batch
from pcapconv.batching.report import BatchReport, NothingFoundError, UnfinishedError, Watcher
from pcapconv.batching.runner import run_batch
from pcapconv.batching.settings import FormatSettings
from pcapconv.batching.stall_detector import run_before_jobs
from pcapconv.conversion import separate_arguments
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

    `source` is a directory, a file, or a list of files; `target` is the directory in which the tree is mirrored, with
    the suffix of the format `to`; without `to`, files keep format and name. Both may be URLs. `in_place` rewrites each
    file instead. `template` names the targets in `target`, as in `{start:%Y/%m/%d}/{stem}.pcapng`. `include` and
    `exclude` are patterns as in .gitignore. A file that is no capture is skipped, or fails if its name is that of a
    capture or with `strict`. A file that cannot be converted does not stop the others.

    `resume` goes on where an earlier run of the same batch stopped; `force` replaces targets that exist. `strict`,
    `on_loss`, `fractions`, `fsync` and `options` are as for `convert`, except that `extract_secrets` is the suffix of a
    file beside each target. `sidecar` writes a sidecar beside each pcap file that comes from pcapng, and reads one if
    it lies beside a pcap file. `follow_links` writes also where a symbolic link in `target` leads out of it.

    Jobs run in `jobs` processes, by default as many as there are cores; on the Dask cluster of `scheduler`; or in an
    `executor` of the caller's. `stall` ends the batch if nothing has moved for so long, as in `10m`. `shard`, as in
    `3/16`, does the third of sixteen parts of the files, which are the same in every process. Files that failed with a
    transient error are tried again at the end, up to `retries` times. `watcher` gets the progress and each outcome.
    `others` maps descriptions to paths that no file of the batch may have, as in `{"the report": "report.json"}`.

    Returns a `BatchReport`. Raises a `PcapconvError` if the batch as a whole makes no sense or cannot be done; a
    NothingFoundError, with the report, if the directory `source` has no capture, unless `allow_empty`; and an
    UnfinishedError, with the report, if the executor or the manifest fails on the way.
    """
    begun = time.monotonic()
    writer, steps = separate_arguments("", options)
    arguments = parse_arguments(
        source,
        target,
        BatchFlags(
            in_place=in_place, resume=resume, force=force, strict=strict, follow_links=follow_links, fsync=fsync
        ),
        FormatSettings(to, fractions, writer),
        SidecarSettings(beside=sidecar, secrets=sidecar_secrets, fingerprints=sidecar_fingerprints),
        ExecutionArguments(jobs=jobs, scheduler=scheduler, executor=executor, stall=stall),
        (include, exclude),
        on_loss,
        steps,
        template=template,
        shard=shard,
        retries=retries,
    )
    watcher = watcher or Watcher()
    # The list may come from a pipe: read it in this thread, which Ctrl-C interrupts.
    arguments = arguments._replace(locations=list(arguments.locations))
    planned = run_before_jobs(arguments.execution, lambda: _plan_when_free(arguments, others or {}, watcher))
    try:
        report = run_batch(arguments, planned, watcher)
    except UnfinishedError as error:
        error.report.seconds = round(time.monotonic() - begun, 3)
        raise
    report.seconds = round(time.monotonic() - begun, 3)
    root = arguments.root
    is_tree = root is not None and (scheme_of(root) is not None or os.path.isdir(root))
    if is_tree and not (report.captures or planned.of_other_shards or allow_empty):
        allowing = argument("allow_empty", True)
        raise NothingFoundError(f"{root}: no capture was found; {allowing} lets that pass", report)
    return report


def _plan_when_free(arguments: Arguments, others: Mapping[str, str], watcher: Watcher) -> BatchPlan:
    """Plan the batch, after waiting until the jobs of clients that died have stopped. Raises UsageError, and FileError
    if another client is at work on the manifest."""
    lease.clear_conflicting_leases(arguments.manifest, watcher.wait, whole=arguments.shard is None)
    lease.clear_leases([arguments.manifest], watcher.wait)
    return plan_batch(arguments, others)
