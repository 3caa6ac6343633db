"""The work of a batch: chunks of jobs go to an executor, outcomes come back.

Strategy: few chunks are under way at a time, so that neither they nor their results pile up. When a process dies (for
want of memory, say), the jobs of its chunk are suspects. When all else is done they are done again, file by file, each
with a process for itself: only what kills that one, too, fails. What failed for a reason that may pass is tried again
after that.
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
from pcapconv.batching.heartbeat import place_of
from pcapconv.batching.jobs import Stopped, run_jobs
from pcapconv.batching.lease import Lease, LeaseLostError, clear_others, leases_in
from pcapconv.batching.local import LOCAL, clear_away, leads_out, lies_in, state_now
from pcapconv.batching.locations import scheme_of
from pcapconv.batching.log import Log, UnrecordedError
from pcapconv.batching.manifest_names import WHOLE, is_manifest, manifest_beside, manifest_of
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.plans import BatchPlan
from pcapconv.batching.pool import DeadProcessError
from pcapconv.batching.report import BatchReport, UnfinishedError, Watcher
from pcapconv.batching.settings import Settings
from pcapconv.batching.stall_detector import Stall
from pcapconv.errors import FileError, UsageError
from pcapconv.io.read_write import reason_of
from pcapconv.text import counted
from pcapconv.wording import argument

_LOOK = 0.2  # seconds between two looks at how far the work is
_FILES = 32  # of a chunk at most
_BYTES = 8 * 2**20  # and what they hold, unless it is a single one
_LONGEST_PAUSE = 30.0  # seconds before files are tried again; 1, 2, 4 before the first rounds
_CHUNKS = 8  # for each worker, at least, so that none waits long for the last one


def run(arguments: Arguments, planned: BatchPlan, watcher: Watcher) -> BatchReport:
    """Do what is left to do, and say what became of each file. Raises UsageError, FileError, UnfinishedError."""
    with ExitStack() as stack:
        lease = None
        if arguments.local:
            _make_home(arguments)
        if planned.left:
            elsewhere = arguments.settings.lease is not None
            lease = Lease(arguments.manifest, arguments.settings.run, watcher.wait, elsewhere=elsewhere)
            stack.enter_context(lease)
            clear_others(arguments.manifest, watcher.wait, whole=arguments.shard is None)  # who began meanwhile
        if arguments.local:
            _clear_away(arguments, planned.jobs)
        else:
            _clear_away_there(arguments, planned.jobs)
            if planned.left:
                stack.callback(stores.briefly, lambda: _end_uploads(arguments, arguments.settings.run))
        report = _run_jobs(arguments, planned, watcher, lease)
        if arguments.local:
            index.write(arguments.manifest)
        return report


def _run_jobs(arguments: Arguments, planned: BatchPlan, watcher: Watcher, lease: Lease | None) -> BatchReport:
    report = BatchReport(arguments.manifest)
    log = Log(report, watcher, None if arguments.local else manifest.Kept(arguments.manifest))
    log.add(planned.outcomes)
    log.begin(planned.left)
    if not planned.left:
        log.write()
        return report
    log.prove()
    left = planned.left if arguments.carriers.scheduler is None else [job.absolute() for job in planned.left]
    memory = "memory" in {scheme_of(arguments.home), *(scheme_of(job.source) for job in left)}
    several = len(left)
    done = moved = 0
    again: dict[str, Outcome] = {}  # what failed and is tried again, by its source
    try:
        with (
            log,
            Stall(arguments.carriers, place_of(arguments.settings)) as stall,
            _workers(arguments, left, watcher, memory=memory) as workers,
            _stopping(arguments, lease, log, again),
        ):

            def look() -> None:
                if lease is not None:
                    lease.check()
                read = workers.read()
                log.look(read)
                workers.check()
                stall.look(moved, workers.moves())

            for tries in reversed(range(arguments.retries + 1)):
                for outcome in _outcomes(workers, _chunks(left, workers.several), arguments.settings, look):
                    moved += 1
                    again.pop(outcome.source, None)
                    if lease is not None:  # before anything is written to a manifest that may be another's
                        lease.check()
                    if tries and outcome.retryable:
                        again[outcome.source] = outcome
                        continue
                    log.add([outcome])
                    done += outcome.status != "failed"
                left = [job for job in left if job.name in again]
                if not left:
                    break
                _wait(min(2.0 ** (arguments.retries - tries), _LONGEST_PAUSE), look)
    except (WorkersLostError, UnrecordedError) as error:
        of_all = f"{done:,} of {counted(several, 'file')} {'was' if several == 1 else 'were'} done"
        message = f"{error}; {of_all}, {argument('resume', True)} goes on with the others"
        raise UnfinishedError(message, report) from error
    return report


def _wait(seconds: float, look: Callable[[], None]) -> None:
    """Let a store or a network get better."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _LOOK))
        look()


@contextmanager
def _stopping(arguments: Arguments, lease: Lease | None, log: Log, again: Mapping[str, Outcome]) -> Iterator[None]:
    """When the `with` block is left in the middle of the work: what failed, and would have been tried again, is said;
    then jobs elsewhere stop."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, LeaseLostError):
            with suppress(FileError):
                log.add(again.values())
                log.write()
        if lease is not None and arguments.settings.lease is not None:
            lease.release()
        raise


def _make_home(arguments: Arguments) -> None:
    """Have a directory on this machine for the new files. Raises FileError, also where the manifest lies out of it."""
    home = arguments.home
    try:
        os.makedirs(home, exist_ok=True)
    except (OSError, ValueError) as error:
        raise FileError(f"{home}: cannot create: {reason_of(error)}") from error
    if not (arguments.flags.follow_links or lies_in(arguments.manifest, os.path.realpath(home))):
        raise FileError(leads_out(arguments.manifest))
    manifest.check_location(arguments.manifest)


def _clear_away(arguments: Arguments, jobs: Iterable[Job]) -> None:
    """Remove what an earlier run, killed, has left among the new files."""
    inside, flags = arguments.settings.inside, arguments.flags
    if flags.resume and arguments.shard is None:  # other shards may be writing
        folders = {os.path.dirname(job.target) or "." for job in jobs}
        folders |= set() if flags.in_place else {arguments.home}
        clear_away(each for each in folders if inside is None or lies_in(each, inside))


def _clear_away_there(arguments: Arguments, jobs: Iterable[Job]) -> None:
    """Remove what earlier runs, killed, have left behind a URL: of all shards that nobody is at work on, unless this is
    one. Raises FileError."""
    flags, whole = arguments.flags, arguments.shard is None
    if not (flags.resume or flags.force):
        return
    if not whole:  # others may be writing
        _end_uploads(arguments)
        return
    at_work = {manifest_beside(lease) for lease in leases_in(arguments.home)} - {WHOLE}
    stores.remote(arguments.home).clear_away(
        arguments.home,
        lambda note: is_manifest(note.batch) and note.batch not in at_work,
        [job.target for job in jobs],
        alone=not at_work,
    )


def _end_uploads(arguments: Arguments, run: str | None = None) -> None:
    """Abort the uploads that are noted for this manifest, those of one run alone where one is given. Raises
    FileError."""
    own = manifest_of(arguments.shard)
    stores.remote(arguments.home).clear_away(arguments.home, lambda note: note.batch == own and run in (None, note.run))


def _workers(
    arguments: Arguments, left: Sequence[Job], watcher: Watcher, *, memory: bool
) -> AbstractContextManager[Workers]:
    """What carries the jobs out. `memory` tells that only this process has some of the files. Raises UsageError,
    FileError."""
    jobs, scheduler, executor, stall = arguments.carriers
    run = arguments.settings.run
    if executor is not None:
        if not hasattr(executor, "submit"):
            raise UsageError(f"{executor!r:.80} is not an executor")
        return nullcontext(executors.Given(executor, executors.cores(), run))
    if scheduler is not None:
        from pcapconv.batching.cluster import cluster  # with asyncio, as slow to import as a small batch

        return cluster(scheduler, arguments.home, left[0].source, run, watcher.warn)
    if jobs is None and stall is None and len(left) == 1 and arguments.local and 0 < left[0].size <= _BYTES:
        return nullcontext(executors.Given(executors.Here(), 1, run))  # sooner done than a process is there
    several = jobs or executors.cores()
    return executors.threads(several, run) if memory else executors.processes(several)


def _chunks(jobs: Sequence[Job], several: int) -> list[list[Job]]:
    """The jobs in the order in which they are to be done, large ones first, small ones together."""
    ordered = sorted(jobs, key=lambda job: -job.size)
    most = max(1, min(_FILES, -(-len(jobs) // (_CHUNKS * several))))
    made: list[list[Job]] = []
    size = 0
    for job in ordered:
        if not made or size + job.size > _BYTES or len(made[-1]) >= most:
            made.append([])
            size = 0
        made[-1].append(job)
        size += job.size
    return made


def _outcomes(
    workers: Workers, chunks: Iterable[list[Job]], settings: Settings, look: Callable[[], None]
) -> Iterator[Outcome]:
    """The outcomes of all jobs, as they come back. `look` is called now and then, and may raise what ends the batch."""
    waiting, suspects = deque(chunks), deque[list[Job]]()
    under_way: dict[Future[list[Outcome]], list[Job]] = {}
    alone = False  # whether what is under way are suspects
    try:
        while waiting or suspects or under_way:
            while waiting and len(under_way) < 2 * workers.several:
                _submit(workers.executor.submit, waiting.popleft(), settings, under_way)
            alone = alone or not under_way
            while alone and suspects and len(under_way) < workers.alone:
                _submit(workers.submit_alone, suspects.popleft(), settings, under_way)
            done = _first_done(under_way)
            broken: list[list[Job]] = []
            for future in done:
                jobs = under_way.pop(future)
                try:
                    yield from [_seen(outcome, job, settings) for outcome, job in zip(future.result(), jobs)]
                except BrokenExecutor:
                    broken.append(jobs)
                except (Exception, Stopped) as error:  # the executor's: a process that died, a result that got lost
                    if len(jobs) > 1 or (isinstance(error, DeadProcessError | Stopped) and not alone):
                        suspects.extend([job] for job in jobs)
                    else:
                        passing = isinstance(error, DeadProcessError | Stopped | OSError)
                        said = str(error) or type(error).__name__
                        yield from _failed(jobs, settings, said, retryable=passing)
            if broken:
                for jobs in [*broken, *under_way.values(), *suspects, *waiting]:
                    yield from _failed(jobs, settings, "the executor broke", retryable=True)
                return
            look()
    finally:
        for future in under_way:
            future.cancel()


def _first_done(under_way: Iterable[Future[list[Outcome]]]) -> set[Future[list[Outcome]]]:
    """Those that are done, after some time none."""
    try:
        return wait(under_way, timeout=_LOOK, return_when=FIRST_COMPLETED).done
    except RuntimeError as error:  # an interrupt between two steps of `wait`, which it does not expect
        if isinstance(error.__context__, Exception | None):
            raise
        raise error.__context__ from None


def _submit(
    submit: Callable[..., Future[list[Outcome]]],
    jobs: list[Job],
    settings: Settings,
    under_way: dict[Future[list[Outcome]], list[Job]],
) -> None:
    try:
        future = submit(run_jobs, settings, jobs)
    except Exception as error:  # it broke, or its owner shut it down
        future = Future()
        future.set_exception(error)
    if not isinstance(future, Future):
        raise UsageError(f"{future!r:.80} is no future of concurrent.futures, as an executor gives")
    under_way[future] = jobs


def _seen(outcome: Outcome, job: Job, settings: Settings) -> Outcome:
    """What became of a file, as far as it is seen here: a target that is not there was written somewhere else."""
    if not outcome.done or scheme_of(job.target) is not None:
        return outcome
    if outcome.target_state == LOCAL.state(job.target) or outcome.target_state == state_now(job.target):
        return outcome
    error = f"{outcome.worker} wrote it, but here it is not; the target has to be the same directory everywhere"
    return Outcome.without_report(job, settings, "failed", f"{job.target}: {error}")


def _failed(jobs: list[Job], settings: Settings, error: str, *, retryable: bool) -> list[Outcome]:
    return [
        Outcome.without_report(job, settings, "failed", f"{job.source}: {error}", retryable=retryable) for job in jobs
    ]
