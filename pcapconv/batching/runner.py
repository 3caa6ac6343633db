"""Runs a planned batch: hands chunks of jobs to workers, and passes their outcomes on.

Strategy: few chunks are under way at a time, so that neither they nor their results pile up. When a process dies (for
want of memory, say), the jobs of its chunk are suspects. When all other jobs are done, suspects are done again, each
alone in a process: only a job whose process dies then, too, has failed. After that come the retries: jobs that failed
for a reason that may pass are done again.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress

from pcapconv.batching import executors, index, manifest, stores
from pcapconv.batching.actions import Job
from pcapconv.batching.arguments import Arguments
from pcapconv.batching.executors import Workers, WorkersLostError
from pcapconv.batching.heartbeat import heartbeat_path
from pcapconv.batching.jobs import Stopped, run_jobs
from pcapconv.batching.lease import Lease, LeaseLostError, clear_conflicting_leases, leases_in
from pcapconv.batching.local import LOCAL, clear_away, leads_out, lies_in, state_now
from pcapconv.batching.locations import scheme_of
from pcapconv.batching.log import Log, UnrecordedError
from pcapconv.batching.manifest_names import WHOLE, is_manifest, manifest_beside, manifest_of
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.plans import BatchPlan
from pcapconv.batching.pool import DeadProcessError
from pcapconv.batching.report import BatchReport, UnfinishedError, Watcher
from pcapconv.batching.settings import Settings
from pcapconv.batching.stall_detector import StallDetector
from pcapconv.errors import FileError, UsageError
from pcapconv.io.read_write import reason_of
from pcapconv.text import counted
from pcapconv.wording import argument

_CHECK_INTERVAL = 0.2  # seconds between two checks of the progress
_CHUNK_FILES = 32  # at most
_CHUNK_BYTES = 8 * 2**20  # at most, unless the chunk is a single file
_CHUNKS_PER_WORKER = 8  # at least, so that no worker waits long for the last chunk
_LONGEST_PAUSE = 30.0  # seconds before a round of retries; the first pauses are 1, 2 and 4


def run_batch(arguments: Arguments, planned: BatchPlan, watcher: Watcher) -> BatchReport:
    """Do the jobs that are left to do, and return the report of all files. Raises UsageError, FileError,
    UnfinishedError."""
    with ExitStack() as stack:
        lease = None
        if arguments.local:
            _make_home(arguments)
        if planned.left:
            elsewhere = arguments.settings.lease is not None
            lease = Lease(arguments.manifest, arguments.settings.run, watcher.wait, elsewhere=elsewhere)
            stack.enter_context(lease)
            # Another batch may have begun since the lease was checked before planning.
            clear_conflicting_leases(arguments.manifest, watcher.wait, whole=arguments.shard is None)
        if arguments.local:
            _clear_away_local(arguments, planned.jobs)
        else:
            _clear_away_remote(arguments, planned.jobs)
            if planned.left:
                stack.callback(stores.briefly, lambda: _abort_uploads(arguments, arguments.settings.run))
        report = _run_planned_jobs(arguments, planned, watcher, lease)
        if arguments.local:
            index.write(arguments.manifest)
        return report


def _run_planned_jobs(arguments: Arguments, planned: BatchPlan, watcher: Watcher, lease: Lease | None) -> BatchReport:
    """Do the jobs in one round, and those to retry in further rounds, while stalls and a lost lease are noticed."""
    report = BatchReport(arguments.manifest)
    log = Log(report, watcher, None if arguments.local else manifest.Kept(arguments.manifest))
    log.add(planned.outcomes)
    log.begin(planned.left)
    if not planned.left:
        log.write()
        return report
    log.prove()
    jobs = planned.left if arguments.carriers.scheduler is None else [job.absolute() for job in planned.left]
    memory = "memory" in {scheme_of(arguments.home), *(scheme_of(job.source) for job in jobs)}
    job_count = len(jobs)
    done_count = outcome_count = 0
    to_retry: dict[str, Outcome] = {}  # source → its failure
    try:
        with (
            log,
            StallDetector(arguments.carriers, heartbeat_path(arguments.settings)) as stall_detector,
            _start_workers(arguments, jobs, watcher, memory=memory) as workers,
            _record_and_stop_on_error(arguments, lease, log, to_retry),
        ):

            def check_progress() -> None:
                if lease is not None:
                    lease.check()
                log.look(workers.bytes_read())
                workers.check()
                stall_detector.check(outcome_count, workers.transfers())

            for retries_left in reversed(range(arguments.retries + 1)):
                chunks = _chunks(jobs, workers.parallel_jobs)
                for outcome in _run_chunks(workers, chunks, arguments.settings, check_progress):
                    outcome_count += 1
                    to_retry.pop(outcome.source, None)
                    if lease is not None:  # never write to a manifest that another batch has taken over
                        lease.check()
                    if retries_left and outcome.retryable:
                        to_retry[outcome.source] = outcome
                        continue
                    log.add([outcome])
                    done_count += outcome.status != "failed"
                jobs = [job for job in jobs if job.name in to_retry]
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
        time.sleep(min(remaining, _CHECK_INTERVAL))
        check_progress()


@contextmanager
def _record_and_stop_on_error(
    arguments: Arguments, lease: Lease | None, log: Log, to_retry: Mapping[str, Outcome]
) -> Iterator[None]:
    """When an exception leaves the `with` block, record the failures that would have been retried, then release the
    lease, which stops the jobs that do not end with the batch."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, LeaseLostError):
            with suppress(FileError):
                log.add(to_retry.values())
                log.write()
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
        raise FileError(f"{home}: cannot create: {reason_of(error)}") from error
    if not (arguments.flags.follow_links or lies_in(arguments.manifest, os.path.realpath(home))):
        raise FileError(leads_out(arguments.manifest))
    manifest.check_location(arguments.manifest)


def _clear_away_local(arguments: Arguments, jobs: Iterable[Job]) -> None:
    """Remove the temporary files that killed runs have left among the new files. A shard removes none, since other
    shards may be writing theirs."""
    inside, flags = arguments.settings.inside, arguments.flags
    if flags.resume and arguments.shard is None:
        folders = {os.path.dirname(job.target) or "." for job in jobs}
        folders |= set() if flags.in_place else {arguments.home}
        clear_away(folder for folder in folders if inside is None or lies_in(folder, inside))


def _clear_away_remote(arguments: Arguments, jobs: Iterable[Job]) -> None:
    """Remove what killed runs have left behind a URL: those of this manifest, and for a whole batch those of all shards
    that no batch is at work on. Raises FileError."""
    flags, whole = arguments.flags, arguments.shard is None
    if not (flags.resume or flags.force):
        return
    if not whole:
        _abort_uploads(arguments)
        return
    at_work = {manifest_beside(lease) for lease in leases_in(arguments.home)} - {WHOLE}
    stores.remote(arguments.home).clear_away(
        arguments.home,
        lambda note: is_manifest(note.batch) and note.batch not in at_work,
        [job.target for job in jobs],
        unshared=not at_work,
    )


def _abort_uploads(arguments: Arguments, run: str | None = None) -> None:
    """Abort the uploads that notes record for this manifest, or only those of one `run`. Raises FileError."""
    own = manifest_of(arguments.shard)
    stores.remote(arguments.home).clear_away(arguments.home, lambda note: note.batch == own and run in (None, note.run))


def _start_workers(
    arguments: Arguments, jobs: Sequence[Job], watcher: Watcher, *, memory: bool
) -> AbstractContextManager[Workers]:
    """Return the workers that do the jobs. `memory` tells that some files are in the memory of this process. Raises
    UsageError, FileError."""
    process_count, scheduler, executor, stall = arguments.carriers
    run = arguments.settings.run
    if executor is not None:
        if not hasattr(executor, "submit"):
            raise UsageError(f"{executor!r:.80} is not an executor")
        return nullcontext(executors.ExecutorWorkers(executor, executors.core_count(), run))
    if scheduler is not None:
        from pcapconv.batching.cluster import open_cluster  # imports asyncio, which takes as long as a small batch

        return open_cluster(scheduler, arguments.home, jobs[0].source, run, watcher.warn)
    if (
        process_count is None
        and stall is None
        and len(jobs) == 1
        and arguments.local
        and 0 < jobs[0].size <= _CHUNK_BYTES
    ):
        inline = executors.InlineExecutor()  # done before a process would have started
        return nullcontext(executors.ExecutorWorkers(inline, 1, run))
    worker_count = process_count or executors.core_count()
    return executors.thread_workers(worker_count, run) if memory else executors.process_workers(worker_count)


def _chunks(jobs: Sequence[Job], worker_count: int) -> list[list[Job]]:
    """The jobs in chunks, largest files first, small files together."""
    ordered = sorted(jobs, key=lambda job: -job.size)
    most_files = max(1, min(_CHUNK_FILES, -(-len(jobs) // (_CHUNKS_PER_WORKER * worker_count))))
    chunks: list[list[Job]] = []
    size = 0
    for job in ordered:
        if not chunks or size + job.size > _CHUNK_BYTES or len(chunks[-1]) >= most_files:
            chunks.append([])
            size = 0
        chunks[-1].append(job)
        size += job.size
    return chunks


def _run_chunks(
    workers: Workers, chunks: Iterable[list[Job]], settings: Settings, check_progress: Callable[[], None]
) -> Iterator[Outcome]:
    """Do chunks of jobs, and yield the outcomes as they come back. `check_progress` is called every now and then, and
    raises to end the batch."""
    waiting, suspects = deque(chunks), deque[list[Job]]()
    under_way: dict[Future[list[Outcome]], list[Job]] = {}
    doing_suspects = False  # from when all chunks are done
    try:
        while waiting or suspects or under_way:
            while waiting and len(under_way) < 2 * workers.parallel_jobs:
                _submit(workers.executor.submit, waiting.popleft(), settings, under_way)
            doing_suspects = doing_suspects or not under_way
            while doing_suspects and suspects and len(under_way) < workers.isolated_jobs:
                _submit(workers.submit_isolated, suspects.popleft(), settings, under_way)
            done = _wait_for_any(under_way)
            broken: list[list[Job]] = []
            for future in done:
                jobs = under_way.pop(future)
                try:
                    yield from [_check_visible(outcome, job, settings) for outcome, job in zip(future.result(), jobs)]
                except BrokenExecutor:
                    broken.append(jobs)
                except (Exception, Stopped) as error:  # the executor's: a process died, a result got lost
                    if len(jobs) > 1 or (isinstance(error, DeadProcessError | Stopped) and not doing_suspects):
                        suspects.extend([job] for job in jobs)
                    else:
                        retryable = isinstance(error, DeadProcessError | Stopped | OSError)
                        message = str(error) or type(error).__name__
                        yield from _failed_outcomes(jobs, settings, message, retryable=retryable)
            if broken:
                for jobs in [*broken, *under_way.values(), *suspects, *waiting]:
                    yield from _failed_outcomes(jobs, settings, "the executor broke", retryable=True)
                return
            check_progress()
    finally:
        for future in under_way:
            future.cancel()


def _wait_for_any(under_way: Iterable[Future[list[Outcome]]]) -> set[Future[list[Outcome]]]:
    """Wait until some futures are done, and return them; after `_CHECK_INTERVAL`, perhaps none."""
    try:
        return wait(under_way, timeout=_CHECK_INTERVAL, return_when=FIRST_COMPLETED).done
    except RuntimeError as error:  # Ctrl-C came in the middle of `wait`, which raised this on its way out
        if isinstance(error.__context__, Exception | None):
            raise
        raise error.__context__ from None


def _submit(
    submit: Callable[..., Future[list[Outcome]]],
    jobs: list[Job],
    settings: Settings,
    under_way: dict[Future[list[Outcome]], list[Job]],
) -> None:
    """Submit a chunk and add its future to `under_way`. Raises UsageError for an executor that returns no future."""
    try:
        future = submit(run_jobs, settings, jobs)
    except Exception as error:  # the executor broke, or was shut down
        future = Future()
        future.set_exception(error)
    if not isinstance(future, Future):
        raise UsageError(f"{future!r:.80} is no future of concurrent.futures, as an executor gives")
    under_way[future] = jobs


def _check_visible(outcome: Outcome, job: Job, settings: Settings) -> Outcome:
    """Return the outcome, or a failure if the target that it claims cannot be seen from here: a worker wrote it into a
    directory of its own machine."""
    if not outcome.done or scheme_of(job.target) is not None:
        return outcome
    if outcome.target_state == LOCAL.state(job.target) or outcome.target_state == state_now(job.target):
        return outcome
    error = f"{outcome.worker} wrote it, but here it is not; the target has to be the same directory everywhere"
    return Outcome.without_report(job, settings, "failed", f"{job.target}: {error}")


def _failed_outcomes(jobs: list[Job], settings: Settings, error: str, *, retryable: bool) -> list[Outcome]:
    return [
        Outcome.without_report(job, settings, "failed", f"{job.source}: {error}", retryable=retryable) for job in jobs
    ]
