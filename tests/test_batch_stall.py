"""`--stall`: a batch in which nothing moves ends, whatever carries it out."""

import multiprocessing
import os
import subprocess
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest
import wire
from batches import manifest_held
from clusters import PATIENCE, processes
from command_line import COMMAND
from folders import MANIFEST

import pcapconv
from pcapconv import UsageError
from pcapconv.batching import stall_detector
from pcapconv.batching.arguments import ExecutionArguments
from pcapconv.batching.executors import WorkersLostError
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.remote import RemoteStore
from pcapconv.batching.report import UnfinishedError, Watcher

pytestmark = pytest.mark.slow  # batches that stand still

PCAP = wire.pcap_header() + wire.pcap_record(1, 0, bytes(60))
ENDED = "for so long no file was done and no byte was read or sent"
TOLD = f"pcapconv: --stall 500ms: {ENDED}; 0 of 3 files were done, --resume goes on with the others\n"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.pcap").write_bytes(PCAP)
    return folder


def run_with_stall(raw: Path, home: Path, *more: str) -> tuple[int, str]:
    command = [COMMAND, "batch", str(raw), str(home), "--to", "pcapng", "--quiet", "--stall", "500ms", *more]
    done = subprocess.run(command, stderr=subprocess.PIPE, timeout=PATIENCE, text=True)
    return done.returncode, done.stderr


def test_processes(raw: Path, tmp_path: Path) -> None:
    home = tmp_path / "new"
    with manifest_held(home):
        status, said = run_with_stall(raw, home, "--jobs", "2")
    assert (status, said) == (1, TOLD)
    assert os.listdir(home) == [MANIFEST]
    assert pcapconv.batch(raw, home, to="pcapng", resume=True, jobs=1).converted == 3


def test_dask(raw: Path, tmp_path: Path) -> None:
    home = tmp_path / "new"
    (tmp_path / "cluster").mkdir()
    with processes(tmp_path / "cluster") as cluster:
        cluster.worker()
        cluster.wait_for_workers(1)
        with manifest_held(home):
            status, said = run_with_stall(raw, home, "--scheduler", cluster.address)
            cluster.end()
    assert (status, said) == (1, TOLD)


class Asleep(Executor):
    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        return Future()


def test_an_executor_of_somebody_else(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(UnfinishedError) as caught:
        pcapconv.batch(raw, tmp_path / "new", executor=Asleep(), stall="500ms")
    assert str(caught.value) == f"stall='500ms': {ENDED}; 0 of 3 files were done, resume=True goes on with the others"
    assert caught.value.report.converted == 0


def test_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this process, one of which waits for its source for ever."""
    fsspec.filesystem("memory").pipe({"/stall/a.pcap": PCAP, "/stall/b.pcap": PCAP})
    opened = RemoteStore.open_source
    free = threading.Event()

    def open_source(store: RemoteStore, location: str, *more: Any) -> Any:
        if location.endswith("b.pcap"):
            free.wait(PATIENCE)
        return opened(store, location, *more)

    monkeypatch.setattr(RemoteStore, "open_source", open_source)
    try:
        with pytest.raises(UnfinishedError) as caught:
            pcapconv.batch("memory://stall", tmp_path / "new", to="pcapng", stall="2s", jobs=2)
        assert not free.is_set()
    finally:
        free.set()
        fsspec.filesystem("memory").rm("/stall", recursive=True)
    assert str(caught.value) == f"stall='2s': {ENDED}; 1 of 2 files were done, resume=True goes on with the others"
    assert caught.value.report.converted == 1


def test_a_file_or_a_byte_is_a_movement(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    watched = stall_detector.StallDetector(ExecutionArguments(None, None, None, "10m"), None)
    for done, read, seconds in [(0, 0, 600), (0, 1, 1), (0, 1, 600), (1, 1, 1), (1, 1, 599), (1, 1, 1)]:
        now += seconds
        watched.check(done, read)
    now += 1
    with pytest.raises(
        WorkersLostError, match=r"^stall='10m': for so long no file was done and no byte was read or sent$"
    ):
        watched.check(1, 1)


def test_a_pulse_is_a_movement_and_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, path = 1000.0, tmp_path / "pulse"
    monkeypatch.setattr("time.monotonic", lambda: now)
    with stall_detector.StallDetector(ExecutionArguments(None, None, None, "10m"), str(path)) as watched:
        for seconds in range(5):
            now += 600
            os.utime(path, (seconds, seconds))
            watched.check(0, 0)
        now += 601
        with pytest.raises(WorkersLostError):
            watched.check(0, 0)
    assert os.listdir(tmp_path) == []
    with stall_detector.StallDetector(ExecutionArguments(None, None, None, None), str(path)):
        assert os.listdir(tmp_path) == []


class Looks(ProcessPoolExecutor):
    """Before its first job it makes the pulse old."""

    def __init__(self, home: Path) -> None:
        super().__init__(1, multiprocessing.get_context("spawn"))
        self.home = home
        self.pulse: Path | None = None

    def submit(self, *arguments: Any, **named: Any) -> Future[Any]:
        if self.pulse is None:
            (self.pulse,) = self.home.glob(".pcapconv-*.tmp")
            os.utime(self.pulse, (0, 0))
        return super().submit(*arguments, **named)


def test_processes_of_somebody_else_touch_the_pulse(raw: Path, tmp_path: Path) -> None:
    """What they read they tell nobody."""
    home = tmp_path / "new"
    touched: list[float] = []

    class Watches(Watcher):
        def line(self, _: Outcome) -> None:
            assert executor.pulse is not None
            touched.append(executor.pulse.stat().st_mtime)

    with Looks(home) as executor:
        done = pcapconv.batch(raw, home, to="pcapng", executor=executor, stall="10m", watcher=Watches())
    assert (done.converted, len(touched)) == (3, 3)
    assert min(touched) > 0
    assert sorted(os.listdir(home)) == ["a.pcapng", "b.pcapng", "c.pcapng", MANIFEST]


@pytest.mark.parametrize("text", ["0s", "soon", "-1s"])
def test_no_length_of_time(raw: Path, tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"^stall="):
        pcapconv.batch(raw, tmp_path / "new", stall=text)
    with pytest.raises(UsageError, match=r"^stall=0\.5: a float is not exact"):
        pcapconv.batch(raw, tmp_path / "new", stall=0.5)  # type: ignore[arg-type]
