"""Batches: the executors that do the work, and what happens when one of their processes dies."""

import os
import socket
from collections import Counter
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import wire
from batches import (
    BROKEN,
    HEADER,
    OTHER_PCAP,
    PCAP,
    TEXT,
    RecordingWatcher,
    as_pcapng,
    files_below,
    manifest_lines,
    nonzero_counts,
    run_batch,
    statuses,
)
from batches import out as out
from batches import source as source
from conversions import SAMPLES, packets
from folders import write_tree

from pcapconv import batch
from pcapconv.batching import executors
from pcapconv.batching.pool import DeadProcessError

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def test_threads_of_the_caller(tmp_path: Path, out: Path) -> None:
    """Hundreds of files, four at a time, each once."""
    captures = {f"{number // 50}/{number}.pcap": PCAP if number % 2 else OTHER_PCAP for number in range(300)}
    source = write_tree(tmp_path / "in", captures)
    with ThreadPoolExecutor(4) as executor:
        report = batch(source, out, to="pcapng", last=1, executor=executor)
        assert executor.submit(int, "17").result() == 17  # it is the caller's, and still good
    assert nonzero_counts(report) == {"converted": 300}
    assert set(files_below(out).values()) == {as_pcapng(PCAP, last=1), as_pcapng(OTHER_PCAP, last=1)}
    assert Counter(line["source"] for line in manifest_lines(out)) == Counter(list(captures))


def test_large_files_come_first(tmp_path: Path, out: Path) -> None:
    """So that none of them is what all wait for at the end."""
    record = wire.pcap_record(1, 2, bytes(984))
    sizes = {"a": 1, "b": 500, "c": 2, "d": 700, "e": 0}
    source = write_tree(tmp_path / "in", {name: HEADER + record * number for name, number in sizes.items()})
    run_batch(source, out)
    assert [line["source"] for line in manifest_lines(out)] == ["d", "b", "c", "a", "e"]


def test_an_executor_that_was_shut_down(source: Path, out: Path) -> None:
    """Whatever it says, every file has its line."""
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    report = batch(source, out, executor=executor)
    assert nonzero_counts(report) == {"failed": 3}
    assert sorted(statuses(out)) == ["a.pcap", "lab/b.cap", "lab/notes.txt"]


class Careless(Executor):
    """Does the work at once, and fails as it is told to: before some files, or after all of them for a while. Once it
    is broken, nothing comes back of what it takes."""

    def __init__(self, error: type[Exception], *deadly: str, forgets: int = 0) -> None:
        self._error = error
        self._deadly = deadly
        self._forgets = forgets
        self.broken = False

    def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        _, jobs = arguments
        if self.broken:
            return future
        if any(job.source_name in self._deadly for job in jobs):
            future.set_exception(self._error("it broke"))
            self.broken = self._error is BrokenProcessPool
            return future
        result = work(*arguments, **named)
        if self._forgets:
            self._forgets -= 1
            future.set_exception(self._error("it broke"))
        else:
            future.set_result(result)
        return future


def test_an_executor_of_the_caller_that_breaks(source: Path, out: Path) -> None:
    report = batch(source, out, executor=Careless(BrokenProcessPool, "a.pcap"))
    assert report.failed >= 1
    assert sum(nonzero_counts(report).values()) == 3
    assert statuses(out)["a.pcap"] == ("failed", f"{source}/a.pcap: the executor broke")
    assert nonzero_counts(run_batch(source, out, resume=True))["skipped"] == 1
    assert files_below(out) == {"a.pcap": PCAP, "lab/b.cap": OTHER_PCAP}


def test_files_that_were_to_be_done_again_have_their_lines_when_the_executor_breaks(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Executor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(errors.pop())
            return future

    source = write_tree(tmp_path / "in", {f"{number}.pcap": PCAP for number in range(100)})
    errors = [BrokenProcessPool("it broke"), ValueError("it got lost")]
    monkeypatch.setattr(executors, "process_workers", lambda _: nullcontext(executors.ExecutorWorkers(Failing(), 1)))
    assert nonzero_counts(batch(source, out)) == {"failed": 100}
    assert not errors
    assert set(statuses(out).values()) == {
        ("failed", f"{source}/{number}.pcap: the executor broke") for number in range(100)
    }


def test_what_an_executor_says_of_a_job_is_that_jobs_error(source: Path, out: Path) -> None:
    report = batch(source, out, executor=Careless(ValueError, "a.pcap"))
    assert nonzero_counts(report) == {"converted": 1, "failed": 1, "skipped": 1}
    assert statuses(out)["a.pcap"] == ("failed", f"{source}/a.pcap: it broke")


def test_only_what_kills_its_process_fails(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captures = {f"{number}.pcap": PCAP for number in range(100)}
    source = write_tree(tmp_path / "in", captures)
    deadly = ("17.pcap", "18.pcap", "99.pcap")
    workers = executors.ExecutorWorkers(Careless(DeadProcessError, *deadly), 1)
    monkeypatch.setattr(executors, "process_workers", lambda _: nullcontext(workers))
    report = batch(source, out)
    assert nonzero_counts(report) == {"converted": 97, "failed": 3}
    status = statuses(out)
    assert {name: status[name] for name in status if status[name][0] == "failed"} == {
        name: ("failed", f"{source}/{name}: it broke") for name in deadly
    }
    assert sorted(files_below(out)) == sorted(set(captures) - set(deadly))


@pytest.mark.parametrize("options", [{}, {"resume": True}], ids=["anew", "resume"])
def test_work_whose_result_was_lost_is_not_done_again(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    source = write_tree(tmp_path / "in", {"a": PCAP, "b": OTHER_PCAP, "c": TEXT})
    workers = executors.ExecutorWorkers(Careless(DeadProcessError, forgets=2), 1)
    monkeypatch.setattr(executors, "process_workers", lambda _: nullcontext(workers))
    seen = RecordingWatcher()
    report = batch(source, out, watcher=seen, **options)
    assert nonzero_counts(report) == {"converted": 2, "skipped": 1}
    assert sorted(line["source"] for line in seen.lines) == ["a", "b", "c"]
    assert (report.packets_written, files_below(out)) == (3, {"a": PCAP, "b": OTHER_PCAP})


def test_in_place_work_whose_result_was_lost_is_not_done_again(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = executors.ExecutorWorkers(Careless(DeadProcessError, forgets=2), 1)
    monkeypatch.setattr(executors, "process_workers", lambda _: nullcontext(workers))
    assert nonzero_counts(batch(source, in_place=True, shift_time="+1s")) == {"converted": 2, "skipped": 1}
    for name, time in (("a.pcap", 1_001_000_005_000), ("lab/b.cap", 3_001_000_007_000)):
        assert packets((source / name).read_bytes())[0].time_ns == time


def test_processes_do_what_threads_do(tmp_path: Path) -> None:
    captures = {name: capture for name, (capture, _, _) in BROKEN.items()}
    captures |= {path.name: path.read_bytes() for path in SAMPLES} | {"\udcff\n.pcap": PCAP, "lab/a.cap": OTHER_PCAP}
    source = write_tree(tmp_path / "in", captures)
    options: dict[str, Any] = {"to": "pcap", "last": 2, "comment_matches": "a", "invert": True}
    options["extract_secrets"] = ".keys"
    exclude = [f"{stem}.pcap" for stem in {Path(name).stem for name in captures if name.endswith(".pcapng")}]
    reports = [
        batch(source, tmp_path / "processes", jobs=2, exclude=exclude, **options),
        run_batch(source, tmp_path / "threads", exclude=exclude, **options),
    ]
    assert files_below(tmp_path / "processes") == files_below(tmp_path / "threads")
    one, other = ({**report.as_dict(), "seconds": 0, "manifest": ""} for report in reports)
    assert one == other
    assert one["converted"] > 50
    workers = {line["worker"] for line in manifest_lines(tmp_path / "processes")}
    assert f"{socket.gethostname()}:{os.getpid()}" not in workers


class Deadly(str):
    """A name that ends the process which it is sent to."""

    def __reduce__(self) -> Any:
        return os._exit, (1,)


def test_a_process_that_dies_takes_no_other_file_with_it(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source)
    report = batch([Deadly("a.pcap"), "lab/b.cap", "lab/notes.txt"], out, jobs=1)
    assert nonzero_counts(report) == {"converted": 1, "failed": 1, "skipped": 1}
    assert statuses(out)["a.pcap"] == ("failed", "a.pcap: the process that converted it died, or was killed")
    assert files_below(out) == {"lab/b.cap": OTHER_PCAP}
