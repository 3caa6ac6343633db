"""Hands chunks of jobs to workers, and yields the outcomes as they arrive.

Strategy: few chunks are under way at a time, so that neither chunks nor outcomes pile up. If a process dies (for lack
of memory, for example), all jobs of its chunk are suspects. After all other jobs, each suspect is run again, isolated
from other jobs (`Workers.submit_isolated`). If a process dies again, the job that it ran has failed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait

from pcapconv.batching.actions import Job
from pcapconv.batching.executors import Workers
from pcapconv.batching.jobs import Stopped, run_jobs
from pcapconv.batching.local import LOCAL, fresh_state
from pcapconv.batching.locations import scheme_of
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.pool import DeadProcessError
from pcapconv.batching.settings import Settings
from pcapconv.errors import FileError, UsageError
from pcapconv.wording import object_text

CHECK_INTERVAL = 0.2  # seconds between two checks of the progress
CHUNK_BYTES = 8 * 2**20  # at most, unless the chunk is a single file
_CHUNK_FILES = 32  # at most
_CHUNKS_PER_WORKER = 8  # at least, so that no worker waits long for the last chunk


def make_chunks(jobs: Sequence[Job], worker_count: int) -> list[list[Job]]:
    """Return the jobs in chunks: largest files first, small files together."""
    ordered = sorted(jobs, key=lambda job: -job.size)
    most_files = max(1, min(_CHUNK_FILES, -(-len(jobs) // (_CHUNKS_PER_WORKER * worker_count))))
    chunks: list[list[Job]] = []
    size = 0
    for job in ordered:
        if not chunks or size + job.size > CHUNK_BYTES or len(chunks[-1]) >= most_files:
            chunks.append([])
            size = 0
        chunks[-1].append(job)
        size += job.size
    return chunks


def run_chunks(
    workers: Workers, chunks: Iterable[list[Job]], settings: Settings, check_progress: Callable[[], None]
) -> Iterator[Outcome]:
    """Run chunks of jobs, and yield the outcomes as they arrive. `check_progress` is called several times a second, and
    raises an exception to end the batch."""
    waiting, suspects = deque(chunks), deque[list[Job]]()
    under_way: dict[Future[list[Outcome]], list[Job]] = {}
    doing_suspects = False  # True once all chunks are done
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
                except (Exception, Stopped) as error:  # of the executor: a process died, or a result was lost
                    if len(jobs) > 1 or (isinstance(error, DeadProcessError | Stopped) and not doing_suspects):
                        suspects.extend([job] for job in jobs)
                    else:
                        retryable = isinstance(error, DeadProcessError | Stopped | OSError)
                        retryable = retryable and not isinstance(error, FileError)  # of the pool: it starts no process
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
    """Wait until some futures are done, for `CHECK_INTERVAL` at most, and return those that are done."""
    try:
        return wait(under_way, timeout=CHECK_INTERVAL, return_when=FIRST_COMPLETED).done
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
        raise UsageError(f"{object_text(future)} is no future of concurrent.futures, as an executor gives")
    under_way[future] = jobs


def _check_visible(outcome: Outcome, job: Job, settings: Settings) -> Outcome:
    """Return the outcome, or a failure if this process cannot see the target that was written: then a worker wrote the
    target into a directory of its own machine."""
    if not outcome.done or scheme_of(job.target) is not None:
        return outcome
    if outcome.target_state == LOCAL.state(job.target) or outcome.target_state == fresh_state(job.target):
        return outcome
    error = f"{outcome.worker} wrote it, but here it is not; the target has to be the same directory everywhere"
    return Outcome.without_report(job, settings, "failed", f"{job.target}: {error}")


def _failed_outcomes(jobs: list[Job], settings: Settings, error: str, *, retryable: bool) -> list[Outcome]:
    return [
        Outcome.without_report(job, settings, "failed", f"{job.source}: {error}", retryable=retryable) for job in jobs
    ]
