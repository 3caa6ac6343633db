"""Runs a planned batch: rounds of jobs on workers, whose outcomes go to the manifest, the report and the watcher.

Strategy: all jobs run in a first round (`chunks`). Jobs that failed with a transient error are tried again in further
rounds. Every fifth of a second, the batch checks its lease, its workers, and whether it has stalled.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress

from pcapconv.batching import executors, manifest, manifest_index, stores
from pcapconv.batching.actions import Job
from pcapconv.batching.arguments import Arguments
from pcapconv.batching.chunks import CHECK_INTERVAL, CHUNK_BYTES, make_chunks, run_chunks
from pcapconv.batching.executors import Workers, WorkersLostError
from pcapconv.batching.heartbeat import heartbeat_path
from pcapconv.batching.lease import Lease, LeaseLostError, clear_conflicting_leases
from pcapconv.batching.leftovers import abort_uploads, remove_local_leftovers, remove_remote_leftovers
from pcapconv.batching.local import is_inside, outside_message
from pcapconv.batching.locations import scheme_of
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.planning import BatchPlan
from pcapconv.batching.recording import Recorder, UnrecordedError
from pcapconv.batching.report import BatchReport, UnfinishedError, Watcher
from pcapconv.batching.stall_detector import StallDetector
from pcapconv.errors import FileError, UsageError
from pcapconv.io.read_write import reason_of
from pcapconv.text import counted
from pcapconv.wording import argument, object_text

_LONGEST_PAUSE = 30.0  # seconds before a round of retries; the first pauses are 1, 2 and 4


def run_batch(arguments: Arguments, planned: BatchPlan, watcher: Watcher) -> BatchReport:
    """Run the remaining jobs, and return the report of all files. Raises UsageError, FileError, UnfinishedError."""
    with ExitStack() as stack:
        lease = None
        if arguments.local:
            _make_home(arguments)
        if planned.remaining:
            elsewhere = arguments.settings.lease is not None
            lease = Lease(arguments.manifest, arguments.settings.run, watcher.wait, elsewhere=elsewhere)
            stack.enter_context(lease)
            # Another batch may have begun since the lease was checked before planning.
            clear_conflicting_leases(arguments.manifest, watcher.wait, whole=arguments.shard is None)
        if arguments.local:
            remove_local_leftovers(arguments, planned.jobs)
        else:
            remove_remote_leftovers(arguments, planned.jobs)
            if planned.remaining:
                stack.callback(stores.run_briefly, lambda: abort_uploads(arguments, arguments.settings.run))
        report = _run_planned_jobs(arguments, planned, watcher, lease)
        if arguments.local:
            manifest_index.update_index(arguments.manifest)
        return report


def _run_planned_jobs(arguments: Arguments, planned: BatchPlan, watcher: Watcher, lease: Lease | None) -> BatchReport:
    """Run the jobs in one round, and those to retry in further rounds; end the batch if it stalls or loses its
    lease."""
    report = BatchReport(arguments.manifest)
    recorder = Recorder(report, watcher, None if arguments.local else manifest.RewrittenManifest(arguments.manifest))
    recorder.add_outcomes(planned.outcomes)
    recorder.begin(planned.remaining)
    if not planned.remaining:
        recorder.write_manifest()
        return report
    recorder.check_writable()
    jobs = (
        planned.remaining
        if arguments.execution.scheduler is None
        else [job.with_absolute_paths() for job in planned.remaining]
    )
    memory = "memory" in {scheme_of(arguments.home), *(scheme_of(job.source) for job in jobs)}
    job_count = len(jobs)
    done_count = outcome_count = 0
    to_retry: dict[str, Outcome] = {}  # source → its last failure
    try:
        with (
            recorder,
            StallDetector(arguments.execution, heartbeat_path(arguments.settings)) as stall_detector,
            _start_workers(arguments, jobs, watcher, memory=memory) as workers,
            _record_and_stop_on_error(arguments, lease, recorder, to_retry),
        ):

            def check_progress() -> None:
                if lease is not None:
                    lease.check()
                recorder.show_progress(workers.bytes_read())
                workers.check()
                stall_detector.check(outcome_count, workers.transfers())

            for retries_left in reversed(range(arguments.retries + 1)):
                chunks = make_chunks(jobs, workers.parallel_jobs)
                for outcome in run_chunks(workers, chunks, arguments.settings, check_progress):
                    outcome_count += 1
                    to_retry.pop(outcome.source, None)
                    if lease is not None:  # never write to a manifest that another batch has taken over
                        lease.check()
                    if retries_left and outcome.retryable:
                        to_retry[outcome.source] = outcome
                        continue
                    recorder.add_outcomes([outcome])
                    done_count += outcome.status != "failed"
                jobs = [job for job in jobs if job.source_name in to_retry]
                if not jobs:
                    break
                _pause(min(2.0 ** (arguments.retries - retries_left), _LONGEST_PAUSE), check_progress)
    except (WorkersLostError, UnrecordedError) as error:
        done = f"{done_count:,} of {counted(job_count, 'file')} {'was' if job_count == 1 else 'were'} done"
        message = f"{error}; {done}, {argument('resume', True)} goes on with the others"
        raise UnfinishedError(message, report) from error
    return report


def _pause(seconds: float, check_progress: Callable[[], None]) -> None:
    """Wait before a round of retries, for a store or a network to recover."""
    until = time.monotonic() + seconds
    while (remaining := until - time.monotonic()) > 0:
        time.sleep(min(remaining, CHECK_INTERVAL))
        check_progress()


@contextmanager
def _record_and_stop_on_error(
    arguments: Arguments, lease: Lease | None, recorder: Recorder, to_retry: Mapping[str, Outcome]
) -> Iterator[None]:
    """After an exception in the `with` block, record the failures that would have been retried, then release the lease,
    which stops the jobs that do not end with the batch."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, LeaseLostError):
            with suppress(FileError):
                recorder.add_outcomes(to_retry.values())
                recorder.write_manifest()
        if lease is not None and arguments.settings.lease is not None:
            lease.release()
        raise


def _make_home(arguments: Arguments) -> None:
    """Make the directory of the new files on this machine, and check that the manifest lies inside. Raises
    FileError."""
    home = arguments.home
    try:
        os.makedirs(home, exist_ok=True)
    except (OSError, ValueError) as error:
        raise FileError(f"{home}: cannot create: {reason_of(error)}", path=home, cause=error) from error
    if not (arguments.flags.follow_links or is_inside(arguments.manifest, os.path.realpath(home))):
        raise FileError(outside_message(arguments.manifest), path=arguments.manifest)
    manifest.check_location(arguments.manifest)


def _start_workers(
    arguments: Arguments, jobs: Sequence[Job], watcher: Watcher, *, memory: bool
) -> AbstractContextManager[Workers]:
    """Return the workers that do the jobs. `memory` is True if some files are in the memory of this process. Raises
    UsageError, FileError."""
    process_count, scheduler, executor, stall = arguments.execution
    run = arguments.settings.run
    if executor is not None:
        if not hasattr(executor, "submit"):
            raise UsageError(f"{object_text(executor)} is not an executor")
        return nullcontext(executors.ExecutorWorkers(executor, executors.core_count(), run))
    if scheduler is not None:
        from pcapconv.batching.cluster import open_cluster  # imports asyncio, which takes as long as a small batch

        return open_cluster(scheduler, arguments.home, jobs[0].source, run, watcher.warn)
    if (
        process_count is None
        and stall is None
        and len(jobs) == 1
        and arguments.local
        and 0 < jobs[0].size <= CHUNK_BYTES
    ):
        inline = executors.InlineExecutor()  # faster than starting a process
        return nullcontext(executors.ExecutorWorkers(inline, 1, run))
    worker_count = process_count or executors.core_count()
    return executors.thread_workers(worker_count, run) if memory else executors.process_workers(worker_count)
