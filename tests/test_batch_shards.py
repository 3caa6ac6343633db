"""Batches that several processes share: `--shard`, its manifests; what is tried again, and what machines are told."""

import errno
import json
import os
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import wire
from batches import out as out
from command_line import run_command
from folders import MANIFEST

from pcapconv import FileError, FormatError, NothingFoundError, UsageError, batch
from pcapconv.batching import manifest
from pcapconv.batching.pool import DeadProcessError
from pcapconv.batching.report import UnfinishedError
from pcapconv.batching.transient_errors import is_transient
from pcapconv.cli import progress

pytestmark = pytest.mark.slow  # several batches at a time

PCAP = wire.pcap_header() + wire.pcap_record(1_000, 5, b"one")
PCAPNG = wire.section_header() + wire.interface(snaplen=65535) + wire.enhanced_packet(0, 1_000_000_005, b"one")
NAMES = [f"lab/{number:02}.pcap" for number in range(12)]
THREE = {  # the SHA-256 of each name, its first eight bytes as a number, modulo three
    1: ["lab/09.pcap"],
    2: ["lab/01.pcap", "lab/03.pcap", "lab/06.pcap", "lab/08.pcap", "lab/10.pcap"],
    3: ["lab/00.pcap", "lab/02.pcap", "lab/04.pcap", "lab/05.pcap", "lab/07.pcap", "lab/11.pcap"],
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(PCAP)
    return folder


def run_to_pcapng(source: Any, out: Any, *, executor: Executor | None = None, **options: Any) -> Any:
    with ThreadPoolExecutor(1) as own:
        return batch(source, out, to="pcapng", executor=executor or own, **options)


def lines_of(place: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in place.read_bytes().splitlines()]


def sources_in(place: Path) -> list[str]:
    return sorted(line["source"] for line in lines_of(place))


# ---------------------------------------------------------------- shards


def test_each_shard_does_its_files_the_same_on_every_machine(source: Path, out: Path) -> None:
    for number in (1, 2, 3):
        assert run_command("batch", source, out, "--to", "pcapng", "--shard", f"{number}/3", "-q").status == 0
    done = {number: sources_in(out / f"pcapconv-manifest.{number}-of-3.jsonl") for number in (1, 2, 3)}
    assert done == THREE
    assert sorted(chain(*done.values())) == NAMES
    assert {path.relative_to(out).as_posix() for path in out.rglob("*.pcapng")} == {f"{name}ng" for name in NAMES}
    assert not (out / MANIFEST).exists()


def test_a_file_that_comes_moves_no_other_to_another_shard(source: Path, out: Path) -> None:
    run_to_pcapng(source, out, shard="2/3")
    (source / "0-first.pcap").write_bytes(PCAP)
    assert run_to_pcapng(source, out, shard="2/3", resume=True).up_to_date == len(THREE[2])


def test_resuming_reads_the_manifests_of_all_shards(source: Path, out: Path) -> None:
    for shard in ("1/3", "3/3"):
        run_to_pcapng(source, out, shard=shard)
    report = run_to_pcapng(source, out, resume=True)
    assert (report.up_to_date, report.converted, report.failed) == (len(NAMES) - len(THREE[2]), len(THREE[2]), 0)
    assert sources_in(out / MANIFEST) == THREE[2]
    for shard in ("1/2", "2/2"):  # cut in another way, they know what everybody did
        report = run_to_pcapng(source, out, resume=True, shard=shard)
        assert (report.converted, report.failed) == (0, 0)
        assert report.up_to_date > 0


def test_the_manifest_that_was_changed_last_is_read_last(tmp_path: Path) -> None:
    names = ["pcapconv-manifest.2-of-3.jsonl", MANIFEST, "pcapconv-manifest.1-of-3.jsonl"]
    for second, name in enumerate([*names, "pcapconv-manifest.1-of.jsonl", "notes.jsonl"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (second, second))
    assert manifest.manifests_in(str(tmp_path)) == [str(tmp_path / name) for name in names]
    assert manifest.manifests_in(str(tmp_path / "none")) == []


def test_manifests_of_shards_are_no_captures_in_place(source: Path) -> None:
    for number in (1, 2):
        batch(source, in_place=True, chop=[1], shard=f"{number}/2", jobs=1)
    report = batch(source, in_place=True, chop=[1], resume=True, jobs=1)
    assert (report.up_to_date, report.skipped, report.left_alone) == (len(NAMES), 0, 0)


def test_a_shard_behind_a_url_has_its_manifest_there(source: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    home = "memory://shards/out"
    for number in (1, 2, 3):
        batch(source, home, to="pcapng", shard=f"{number}/3", jobs=1)
    files = fsspec.filesystem("memory")
    try:
        names = [path.rpartition("/")[2] for path in files.find("/shards/out") if path.endswith(".jsonl")]
        assert names == [f"pcapconv-manifest.{number}-of-3.jsonl" for number in (1, 2, 3)]
        assert batch(source, home, to="pcapng", resume=True, jobs=1).up_to_date == len(NAMES)
    finally:
        files.rm("/shards", recursive=True)


def test_names_that_clash_are_seen_in_every_shard(source: Path, out: Path) -> None:
    (source / "lab/00.cap").write_bytes(PCAP)
    for shard in ("1/3", "2/3", "3/3"):
        with pytest.raises(UsageError, match="would both become"):
            run_to_pcapng(source, out, shard=shard)
    assert not out.exists()


def test_a_resumed_shard_leaves_the_temporary_files_of_others(source: Path, out: Path) -> None:
    left = out / "lab" / ".pcapconv-0123456789abcdef.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"somebody writes here")
    run_to_pcapng(source, out, shard="1/3", resume=True)
    assert left.exists()
    run_to_pcapng(source, out, resume=True)
    assert not left.exists()


def test_a_shard_without_files_is_no_failure(tmp_path: Path, out: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / NAMES[0][4:]).write_bytes(PCAP)
    ends = [
        run_command("batch", tmp_path / "in", out, "--to", "pcapng", "--shard", f"{number}/5", "-q")
        for number in range(1, 6)
    ]
    assert [(end.status, end.err) for end in ends] == [(0, "")] * 5
    assert len(list(out.glob("*.pcapng"))) == 1
    (tmp_path / "none").mkdir()
    with pytest.raises(NothingFoundError):
        run_to_pcapng(tmp_path / "none", out, shard="1/5")


@pytest.mark.parametrize("shard", ["0/3", "4/3", "3", "1/0", "-1/3", "a/b", "1/3/5", "", "1/1000001", "1/ 3"])
def test_a_shard_that_makes_no_sense_is_refused(source: Path, out: Path, shard: str) -> None:
    ended = run_command("batch", source, out, f"--shard={shard}")
    said = f"pcapconv: {f'--shard {shard}'.strip()}: write I/N, the I-th of N parts from 1 on, as in 3/16\n"
    assert (ended.status, ended.err) == (2, said)
    assert not out.exists()


def test_a_report_is_no_shards_manifest(source: Path, out: Path) -> None:
    out.mkdir()
    ended = run_command("batch", source, out, "--to", "pcapng", "--report", out / "pcapconv-manifest.2-of-3.jsonl")
    assert ended.status == 2
    assert "that is another file of this batch; give it a name of its own" in ended.err


# ---------------------------------------------------------------- trying again


def caused_by(cause: BaseException | None, kind: type[Exception] = FileError) -> Exception:
    try:
        raise kind("a.pcap: cannot read") from cause
    except kind as error:
        return error


class RefusedError(Exception):
    """An error as the client of a store raises it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@pytest.mark.parametrize(
    ("error", "here", "there"),
    [
        (caused_by(OSError(errno.EIO, "")), True, True),
        (caused_by(OSError(errno.ENOSPC, "")), True, True),
        (caused_by(OSError(errno.ESTALE, "")), True, True),
        (caused_by(ConnectionResetError(errno.ECONNRESET, "")), True, True),
        (caused_by(caused_by(OSError(errno.EIO, ""))), True, True),
        (OSError(errno.EIO, ""), True, True),
        (caused_by(OSError(errno.ENOENT, "")), False, False),
        (caused_by(OSError(errno.EACCES, "")), False, False),
        (caused_by(OSError(errno.EEXIST, "")), False, False),
        (caused_by(PermissionError("AccessDenied")), False, False),
        (caused_by(TimeoutError()), False, True),
        (caused_by(RefusedError(503)), False, True),
        (caused_by(RefusedError(429)), True, True),
        (caused_by(RefusedError(403)), False, False),
        (caused_by(EOFError()), False, False),
        (caused_by(ValueError("embedded null byte")), False, False),
        (caused_by(None), False, False),
        (caused_by(OSError(errno.EIO, ""), FormatError), False, False),
        (MemoryError(), False, False),
    ],
    ids=repr,
)
def test_what_may_pass(error: BaseException, here: bool, there: bool) -> None:
    assert (is_transient(error, remote=False), is_transient(error, remote=True)) == (here, there)


class Server(ThreadingHTTPServer):
    """A server with a capture under each name, which answers the first requests for its content with 503."""

    def __init__(self, **trouble: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.trouble = {f"/{name}.pcap": count for name, count in trouble.items()}

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}.pcap"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self.answer(200)

    def do_GET(self) -> None:
        left = self.server.trouble.get(self.path, 0)
        self.server.trouble[self.path] = left - 1
        self.answer(503 if left > 0 else 200)
        self.wfile.write(PCAP)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(PCAP)))
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def flaky() -> Any:
    pytest.importorskip("aiohttp")
    with Server(a=1, b=2, c=9) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_what_may_pass_is_tried_again_at_the_end(flaky: Server, out: Path) -> None:
    urls = [flaky.url(name) for name in "abcd"]
    missing = str(out.with_name("missing.pcap"))
    report = run_to_pcapng([*urls, missing], out, retries=2)
    assert (report.converted, report.failed) == (3, 2)
    told = [(line["source"][-6:], line["status"], line.get("retryable")) for line in lines_of(out / MANIFEST)]
    assert sorted(told, key=lambda each: each[0]) == [
        *[("a.pcap", "failed", True), ("a.pcap", "converted", None)],
        *[("b.pcap", "failed", True), ("b.pcap", "failed", True), ("b.pcap", "converted", None)],
        *[("c.pcap", "failed", True)] * 3,
        ("d.pcap", "converted", None),
        ("g.pcap", "failed", False),
    ]
    assert [(line["source"][-6:], line["retryable"]) for line in report.trouble] == [
        ("g.pcap", False),
        ("c.pcap", True),
    ]


def test_nothing_is_tried_again_unless_asked_for(flaky: Server, out: Path) -> None:
    report = run_to_pcapng([flaky.url(name) for name in "ad"], out)
    assert (report.converted, report.failed) == (1, 1)
    assert report.trouble[0]["retryable"] is True


class Deadly(Executor):
    """Its processes die over a file, so many times."""

    def __init__(self, times: int) -> None:
        self.times = times

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if any(job.source_name == NAMES[3] for job in arguments[1]) and self.times:
            self.times -= 1
            future.set_exception(DeadProcessError("the process died"))
        else:
            future.set_result(function(*arguments, **named))
        return future


@pytest.mark.parametrize(("retries", "failed"), [(0, 1), (1, 0)])
def test_what_a_lost_worker_did_may_pass(source: Path, out: Path, retries: int, failed: int) -> None:
    report = run_to_pcapng(source, out, executor=Deadly(2), retries=retries)
    assert (report.converted, report.failed) == (len(NAMES) - failed, failed)
    assert [line["retryable"] for line in report.trouble] == [True] * failed


class Silent(Deadly):
    """When a file has killed two processes, it answers no more."""

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        return super().submit(function, *arguments, **named) if self.times else Future()


def test_what_was_to_be_tried_again_failed_where_the_batch_ends_before(source: Path, out: Path) -> None:
    with pytest.raises(UnfinishedError) as caught:
        run_to_pcapng(source, out, include=[NAMES[3]], executor=Silent(2), retries=1, stall="100ms")
    assert str(caught.value).endswith("; 0 of 1 file was done, resume=True goes on with the others")
    assert caught.value.report.failed == 1
    assert [(line["source"], line["status"]) for line in lines_of(out / MANIFEST)] == [(NAMES[3], "failed")]


@pytest.mark.parametrize("retries", [-1, 101, True, "2"])
def test_retries_that_make_no_sense_are_refused(source: Path, out: Path, retries: Any) -> None:
    with pytest.raises(UsageError, match=f"^retries={retries!r}: write a whole number from 0 to 100"):
        run_to_pcapng(source, out, retries=retries)


# ---------------------------------------------------------------- progress for machines


def test_progress_is_told_to_machines_as_json(source: Path, out: Path) -> None:
    (source / "bad.pcap").write_bytes(b"Dear reader, this is text\n")
    ended = run_command("batch", source, out, "--to", "pcapng", "--progress", "json")
    said = [json.loads(line) for line in ended.err.splitlines() if line.startswith("{")]
    last = said[-1]
    assert list(last) == ["schema", "files", "bytes", "done", "failed", "seconds"]
    assert last["schema"] == {"name": "pcapconv-progress", "version": 1}
    assert (last["files"], last["done"], last["failed"]) == (13, 13, 1)
    assert last["bytes"] == len(PCAP) * len(NAMES)
    assert ended.status == 1
    assert [line for line in ended.err.splitlines() if not line.startswith("{")] == [
        f"pcapconv: {source}/bad.pcap: not a pcap or pcapng capture, it begins with 'Dear reader, this is text'"
    ]


def test_progress_is_a_line_a_second(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [100.0]
    monkeypatch.setattr("pcapconv.cli.progress.time.monotonic", lambda: now[0])
    with progress.JsonProgress() as tally:
        tally.begin(20, 5000)
        for tenth in range(25):
            now[0] = 100 + tenth / 10
            tally.update(tenth // 2, tenth * 10, tenth // 20)
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(each["seconds"], each["done"], each["bytes"], each["failed"]) for each in said] == [
        (1.0, 5, 100, 0),
        (2.0, 10, 200, 1),
        (2.4, 12, 240, 1),
    ]
    assert {each["files"] for each in said} == {20}
