"""What a batch costs when it is large: which lines of a manifest are read again, and what is kept of each file."""

import json
import tracemalloc
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import wire
from folders import MANIFEST

from pcapconv import batch
from pcapconv.batching import conflicts, manifest, planning
from pcapconv.batching.actions import Action, Job
from pcapconv.batching.locations import State
from pcapconv.batching.pool import DeadProcessError

PCAP = wire.pcap_header() + wire.pcap_record(1_000, 5, b"one")


class Forgetful(Executor):
    """Does the work, and loses the first result."""

    def __init__(self) -> None:
        self._lost = False

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        result = function(*arguments, **named)
        if self._lost:
            future.set_result(result)
        else:
            future.set_exception(DeadProcessError("a process died"))
        self._lost = True
        return future


def write_captures(folder: Path, files: int, first: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(first, files):
        (folder / f"{number:04}.pcap").write_bytes(PCAP)
    return folder


def run_to_pcapng(source: Path, out: Path, **options: Any) -> Any:
    with ThreadPoolExecutor(1) as executor:
        return batch(source, out, to="pcapng", **({"executor": executor} | options))


def test_a_lost_process_costs_a_look_at_what_this_run_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = write_captures(tmp_path / "in", 40), tmp_path / "out"
    run_to_pcapng(source, out)
    write_captures(source, 43, first=40)
    told: list[int] = []
    begin = (out / MANIFEST).stat().st_size
    before = manifest.parse_line

    def tell(line: bytes) -> dict[str, Any]:
        told.append(len(line))
        return before(line)

    monkeypatch.setattr(manifest, "parse_line", tell)
    report = run_to_pcapng(source, out, resume=True, executor=Forgetful())
    assert (report.converted, report.up_to_date, report.failed) == (3, 40, 0)
    lines = (out / MANIFEST).read_bytes()[begin:].splitlines()
    assert [json.loads(line)["source"] for line in lines] == ["0040.pcap", "0041.pcap", "0042.pcap"]
    assert len(told) == 40 + 1  # --resume reads each line once, and the lost file its own


def test_a_line_of_before_the_run_is_not_looked_at(tmp_path: Path) -> None:
    source, out = write_captures(tmp_path / "in", 2), tmp_path / "out"
    run_to_pcapng(source, out)
    path = str(out / MANIFEST)
    first = json.loads(Path(path).read_bytes().splitlines()[0])
    state = State.from_json(first["target_size"], first["target_time"])
    job = Job("in", first["source"], State(first["source_size"], None), "out", first["target"], Action.CREATE)
    settings: Any = SimpleNamespace(run=first["run"], root=first["root"], options_digest=first["options"])
    found = manifest.find_outcome(path, 0, job, state, settings)
    assert found is not None
    assert {"schema": first["schema"]} | found.to_json() == first
    assert manifest.find_outcome(path, len(json.dumps(first)) + 1, job, state, settings) is None


def test_what_a_resumed_batch_keeps_of_each_file_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's job, its line of the manifest, and what tells that none is in another's way; no line as a whole."""
    files = 1000
    source, out = write_captures(tmp_path / "in", files), tmp_path / "out"
    run_to_pcapng(source, out)
    peaks: list[int] = []
    before = conflicts.check_conflicts

    def begin(*arguments: Any, **named: Any) -> None:
        before(*arguments, **named)
        peaks.append(tracemalloc.get_traced_memory()[1] // files)

    monkeypatch.setattr(planning, "check_conflicts", begin)
    tracemalloc.start()
    try:
        report = run_to_pcapng(source, out, resume=True)
        peaks.append(tracemalloc.get_traced_memory()[1] // files)
    finally:
        tracemalloc.stop()
    assert report.up_to_date == files
    assert max(peaks) < 1400
