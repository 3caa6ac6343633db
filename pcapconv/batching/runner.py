"""The loop of a batch: chunks of jobs go to an executor, lines come back.

Strategy: few chunks are under way at a time, so that neither they nor their results pile up. When a process dies (for
want of memory, say), the jobs of its chunk are suspects, and are done again alone, file by file: only what kills its
process twice fails.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from typing import Any

from pcapconv.batching.executors import Workers
from pcapconv.batching.jobs import Job, Settings, carry_out, line_of
from pcapconv.batching.pool import DeadProcessError

_LOOK = 0.2  # seconds between two looks at how far the work is

Lines = list[dict[str, Any]]


def run(
    workers: Workers, chunks: Iterable[list[Job]], settings: Settings, look: Callable[[int], object]
) -> Iterator[dict[str, Any]]:
    """The lines of all jobs, as they come back. `look` is called now and then with the bytes read so far."""
    waiting, suspects = deque(chunks), deque[list[Job]]()
    under_way: dict[Future[Lines], list[Job]] = {}
    suspect: Future[Lines] | None = None
    try:
        while waiting or suspects or under_way:
            if suspects and not under_way:
                suspect = _submit(workers, suspects.popleft(), settings, under_way)
            while waiting and not suspects and len(under_way) < 2 * workers.several:
                _submit(workers, waiting.popleft(), settings, under_way)
            done, _ = wait(under_way, timeout=_LOOK, return_when=FIRST_COMPLETED)
            broken: list[list[Job]] = []
            for future in done:
                jobs = under_way.pop(future)
                try:
                    yield from future.result()
                except BrokenExecutor:
                    broken.append(jobs)
                except Exception as error:  # the executor's: a process that died, a result that got lost
                    if len(jobs) > 1 or (isinstance(error, DeadProcessError) and future is not suspect):
                        suspects.extend([job] for job in jobs)
                    else:
                        yield from _failed(jobs, settings, str(error) or type(error).__name__)
            if broken:
                for jobs in [*broken, *under_way.values(), *suspects, *waiting]:
                    yield from _failed(jobs, settings, "the executor broke")
                return
            look(workers.read())
    finally:
        for future in under_way:
            future.cancel()


def _submit(
    workers: Workers, jobs: list[Job], settings: Settings, under_way: dict[Future[Lines], list[Job]]
) -> Future[Lines]:
    try:
        future = workers.executor.submit(carry_out, settings, jobs)
    except RuntimeError as error:  # it broke, or its owner shut it down
        future = Future()
        future.set_exception(error)
    under_way[future] = jobs
    return future


def _failed(jobs: list[Job], settings: Settings, error: str) -> Lines:
    return [line_of(job, settings, "failed", f"{job.source}: {error}") for job in jobs]
