"""Convert whole trees of captures, in parallel, and resume a run that was stopped: `pcapconv.batch`.

Strategy: a batch has three phases. First, its arguments are checked and put into one value (`arguments.Arguments`).
Then the batch is planned: it finds the files and names their targets; each file gets a job, or an outcome if nothing
has to be done. Last, chunks of jobs go to an executor, whose processes convert the files. The outcome of each file is a
line of the manifest.

Planning:
    arguments           checks the arguments of `batch`
    settings            the settings that all jobs share
    planning            the plan: files, targets, and which jobs have to run
    sources             the source files: patterns, lists
    target_names        names of targets
    conflicts           refuses files with two roles
    shards              which files belong to a shard
    actions             a job, and what it may replace
    decisions           the action of each job, by the files that exist and by the manifests
    earlier_runs        the manifest lines of earlier runs
Running:
    runner              sends chunks of jobs to an executor, collects the outcomes, tries files again
    chunks              hands chunks of jobs to workers, and repeats the jobs of workers that died
    jobs                one file, from its source to its line in the manifest; runs in any process
    sidecars            the sidecars beside sources and targets
    executors           the workers of this machine (processes, threads) and of the caller's executor
    pool                the processes of this machine
    pool_process        the program of each process of the pool
    daemon_threads      threads that may hang without keeping the program from its end
    transient_errors    the errors after which `retries` tries a file again
    stall_detector      ends a batch in which nothing has been read, sent or finished for too long
    heartbeat           the file that jobs touch in processes that the batch cannot watch
Recording:
    outcome             the outcome of a file: its manifest line as a value
    recording           passes outcomes to report, watcher and manifest
    report              the report of a batch, its errors, the watcher
    manifest            the manifest, read and written
    manifest_index      the index beside it, for a quick `resume`
    manifest_names      names of manifests, leases and indexes
    lease               the lease of a manifest, by which only one client works on it
    lease_storage       reads and writes the file or object of a lease
    lease_holder        the process that holds a lease, and whether it is alive
Files and stores:
    locations           paths and URLs, states of files, the interface of a store
    stores              which store has a location
    local               the store of this machine
    remote              the stores behind URLs
    leftovers           removes the temporary files and uploads that killed runs left
    fetching            a source behind a URL, fetched while it is read
    uploads             a target behind a URL, uploaded when it is complete
    upload_notes        notes of uploads to S3, by which a later run aborts those of a killed run
    web_servers         listings of web servers
    url_checks          checks URLs before they are used
    store_requests      turns errors of stores into sentences, and measures how long a store is silent
    directory_tokens    files by which another process shows that it sees the same directory
Dask clusters:
    cluster             the executor for a cluster
    cluster_connection  the connection to its scheduler
    cluster_workers     the workers of the cluster, and which of them fit
    worker_check        whether a worker can do the jobs
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from pcapconv.argument_types import check_flags
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
    from pcapconv.steps.typed_values import LengthOfTime


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
    stall: LengthOfTime | None = None,
    force: bool = False,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    fractions: str | None = None,
    salvage: bool = False,
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

    Which files, and where to:

    * `source`: a directory, a file, or a list of files. A directory or file may be a URL.
    * `target`: the directory in which the tree is mirrored; it may be a URL.
    * `to`: the format to write, `"pcap"` or `"pcapng"`. If it is None, files keep their format and name. So they do
      with their compression, unless `compress` is given.
    * `template`: the names of files in `target`, as in `"{start:%Y/%m/%d}/{stem}.pcapng"`.
    * `in_place`: rewrite each file where it is. There is no `target` then.
    * `include`, `exclude`: patterns as in `.gitignore`, relative to the source.
    * `shard`: as in `"3/16"`, convert the third of sixteen parts of the files. The parts are the same in every process.
    * `resume`: continue an earlier run of the same batch: skip what is up to date.
    * `force`: replace targets that exist.
    * `follow_links`: write also through symbolic links in `target` that lead out of it.
    * `allow_empty`: accept a directory without a capture.
    * `others`: descriptions of paths that no file of the batch may have, as in `{"the report": "report.json"}`; the
      command passes its reports'.

    How the batch runs:

    * `jobs`: the number of processes on this machine; None for one for each core. They are interpreters of their own,
      which do not import the script that calls this function.
    * `scheduler`: the address of a Dask scheduler, whose cluster runs the jobs.
    * `executor`: an executor of the caller's, which runs the jobs.
    * `stall`: a length of time, as in `"10m"` or a `timedelta`. The batch ends if no file is done and no byte is read
      or sent for so long.
    * `retries`: how often files with a temporary failure are tried again, at the end.
    * `watcher`: a `Watcher`, which gets the progress and the outcome of each file.

    How each file is converted:

    * `strict`: let damaged captures fail, and files that are not captures. Otherwise files that are not captures are
      skipped, unless their name has the suffix of a capture.
    * `sidecar`: write a sidecar beside each pcap file that is made from pcapng, and read the sidecar of each pcap file
      that has one. `sidecar_secrets` and `sidecar_fingerprints` are as for `convert`.
    * `on_loss`, `fractions`, `salvage`, `fsync` and `options`: as for `convert`. But `extract_secrets` is the suffix of
      a file beside each target, and a loss that `on_loss` forbids lets its file fail.

    A file that cannot be converted does not stop the others. Returns a `BatchReport`. Raises a `PcapconvError` if the
    arguments contradict each other or the batch cannot begin; a `NothingFoundError` if the directory `source` has no
    capture, unless `allow_empty`; and an `UnfinishedError` if the executor or the manifest fails while jobs run.
    """
    begun = time.monotonic()
    check_flags(allow_empty=allow_empty)
    writer, steps = separate_arguments("", options)
    arguments = parse_arguments(
        source,
        target,
        BatchFlags(
            in_place=in_place, resume=resume, force=force, strict=strict, follow_links=follow_links, fsync=fsync
        ),
        FormatSettings(to, fractions, writer, salvage),
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
        raise NothingFoundError(f"{root}: no capture was found; {allowing} lets that pass", report, path=root)
    return report


def _plan_when_free(arguments: Arguments, other_files: Mapping[str, str], watcher: Watcher) -> BatchPlan:
    """Plan the batch, after waiting until the jobs of dead clients have stopped. Raises UsageError, and FileError if
    another client is at work on the manifest."""
    lease.clear_conflicting_leases(arguments.manifest, watcher.wait, whole=arguments.shard is None)
    lease.clear_leases([arguments.manifest], watcher.wait)
    return plan_batch(arguments, other_files)
