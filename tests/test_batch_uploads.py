"""Uploads to S3 that end early, in the middle, or without an answer: what is left of them, and what is said."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import wire
from command_line import COMMAND, default_signals
from folders import MANIFEST
from s3_server import Bucket

import pcapconv
from pcapconv import FileError
from pcapconv.batching import lease
from pcapconv.batching.jobs import Stopped
from pcapconv.batching.lease_holder import this_process
from pcapconv.batching.locations import BatchContext
from pcapconv.batching.remote import RemoteStore
from pcapconv.batching.report import BatchReport
from pcapconv.batching.shards import Shard
from pcapconv.batching.stall_detector import StallDetector
from pcapconv.batching.uploads import PART_SIZE

pytestmark = pytest.mark.slow  # an S3 server

PATIENCE = 60  # seconds until a test fails that would hang
DATA = bytes(60000)
COUNT = 3 * PART_SIZE // len(DATA)
LARGE = wire.pcap_header() + wire.pcap_record(1, 5, DATA) * COUNT
LARGE_AS_PCAPNG = (
    wire.section_header() + wire.interface(snaplen=65535) + wire.enhanced_packet(0, 10**6 + 5, DATA) * COUNT
)
OLD = b"what was there before"


def run_in_bucket(bucket: Bucket, **options: Any) -> BatchReport:
    with ThreadPoolExecutor(1) as executor:
        return pcapconv.batch(bucket.url("raw"), bucket.url("new"), to="pcapng", executor=executor, **options)


def open_uploads(bucket: Bucket) -> list[str]:
    """The keys of uploads that are under way."""
    return sorted(each["Key"] for each in bucket.s3.list_multipart_uploads(Bucket=bucket.name).get("Uploads", ()))


def upload_notes(bucket: Bucket) -> list[str]:
    return [key for key in bucket.listed() if key.startswith("new/.pcapconv-")]


# ---------------------------------------------------------------- shards that were killed

KILLED = """
import os, signal, sys, pcapconv, s3fs
from concurrent.futures import ThreadPoolExecutor

call = s3fs.S3FileSystem.call_s3

def killed(self, method, **named):
    if method == "upload_part" and named["PartNumber"] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return call(self, method, **named)

s3fs.S3FileSystem.call_s3 = killed
raw, new, shard = sys.argv[1:]
with ThreadPoolExecutor(1) as executor:
    pcapconv.batch(raw, new, to="pcapng", executor=executor, shard=shard)
"""


def names_of_shards() -> tuple[str, str]:
    """A name of a file in each of two shards."""
    names = [f"{number}.pcap" for number in range(20)]
    first, second = (next(name for name in names if Shard.parse(shard).contains(name)) for shard in ("1/2", "2/2"))
    return first, second


def test_a_whole_run_ends_the_uploads_of_shards_that_were_killed(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shard ends its own alone."""
    monkeypatch.setattr(lease, "BEHIND_URLS", lease.BEHIND_URLS._replace(stop=0.0))
    names = names_of_shards()
    bucket.fill("raw", dict.fromkeys(names, LARGE))
    targets = [f"new/{name}ng" for name in names]
    for shard in ("1/2", "2/2"):
        command = [sys.executable, "-P", "-c", KILLED, bucket.url("raw"), bucket.url("new"), shard]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert open_uploads(bucket) == sorted(targets)

    assert run_in_bucket(bucket, resume=True, shard="2/2").converted == 1
    assert open_uploads(bucket) == targets[:1]
    assert run_in_bucket(bucket, resume=True).converted == 1
    assert (open_uploads(bucket), upload_notes(bucket)) == ([], [])
    assert [bucket.get(target) for target in targets] == [LARGE_AS_PCAPNG] * 2


def test_a_whole_run_leaves_the_upload_of_a_shard_that_begins_meanwhile(bucket: Bucket) -> None:
    """Its lease came after the whole run had looked for others, which then does nothing."""
    names = names_of_shards()
    bucket.fill("raw", dict.fromkeys(names, LARGE[: wire_length(1)]))
    key = f"new/{names[0]}ng"
    upload = bucket.s3.create_multipart_upload(Bucket=bucket.name, Key=key)["UploadId"]
    told = f'{{"batch": "pcapconv-manifest.1-of-2.jsonl", "Bucket": "{bucket.name}", "Key": "{key}", '
    bucket.put("new/.pcapconv-0123456789abcdef.tmp", f'{told}"UploadId": "{upload}"}}'.encode())
    enter = lease.Lease.__enter__

    def enter_behind(held: lease.Lease) -> lease.Lease:
        shard = this_process("1" * 16, elsewhere=False)
        bucket.put("new/pcapconv-manifest.1-of-2.lease", json.dumps(shard._asdict()).encode())
        return enter(held)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease.Lease, "__enter__", enter_behind)
        with pytest.raises(FileError, match="another batch is at work here"):
            run_in_bucket(bucket, resume=True)
    assert open_uploads(bucket) == [key]


def wire_length(packets: int) -> int:
    return len(wire.pcap_header()) + packets * len(wire.pcap_record(1, 5, DATA))


def test_a_token_of_a_killed_client_is_removed(bucket: Bucket) -> None:
    """Unless a shard is at work, whose it may be."""
    bucket.put("raw/1.pcap", LARGE[: wire_length(1)])
    token = "new/.pcapconv-0123456789abcdef.tmp"
    bucket.put(token, b"pcapconv\n")
    run_in_bucket(bucket, resume=True, shard="1/1")
    assert token in bucket.listed()
    run_in_bucket(bucket, resume=True)
    assert token not in bucket.listed()


# ---------------------------------------------------------------- Ctrl-C


@contextlib.contextmanager
def held_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """The server keeps parts to itself, but for the first one of each upload; counts those that it has."""
    backend: Any = import_module("moto.s3.models").S3Backend
    upload_part, free, came = backend.upload_part, threading.Event(), threading.Semaphore(0)

    @functools.wraps(upload_part)
    def held(self: Any, bucket_name: str, multipart_id: str, part_id: int, *more: Any, **named: Any) -> Any:
        if part_id > 1:
            came.release()
            free.wait(PATIENCE)
        return upload_part(self, bucket_name, multipart_id, part_id, *more, **named)

    monkeypatch.setattr(backend, "upload_part", held)
    try:
        yield came
    finally:
        free.set()


def test_an_interrupt_ends_uploads_that_are_under_way(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of processes that wait for an answer of the server and have to be ended by force."""
    bucket.fill("raw", {"1.pcap": LARGE, "2.pcap": LARGE})
    command = [COMMAND, "batch", bucket.url("raw"), bucket.url("new"), "--to", "pcapng", "--jobs", "2", "-q"]
    with held_up(monkeypatch) as came:
        process = subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=default_signals)
        try:
            for _ in range(4):
                assert came.acquire(timeout=PATIENCE)
            assert (len(open_uploads(bucket)), len(upload_notes(bucket))) == (2, 2)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            process.communicate()
        assert process.returncode == 130, said
        assert (open_uploads(bucket), upload_notes(bucket)) == ([], [])
    assert bucket.tree("new") == {}
    assert [key for key in bucket.listed() if not key.startswith("raw/")] == [f"new/{MANIFEST}"]


def test_a_process_that_dies_leaves_no_upload_when_the_batch_has_ended(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file is done by another one."""
    bucket.fill("raw", {"1.pcap": LARGE})
    command = [COMMAND, "batch", bucket.url("raw"), bucket.url("new"), "--to", "pcapng", "--jobs", "1", "-q"]
    with held_up(monkeypatch) as came:
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        try:
            assert came.acquire(timeout=PATIENCE)
            monkeypatch.undo()
            children = Path(f"/proc/{process.pid}/task").glob("*/children")
            (child,) = {int(pid) for each in children for pid in each.read_text().split()}
            os.kill(child, signal.SIGKILL)
            _, said = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == 0, said
    assert (open_uploads(bucket), upload_notes(bucket)) == ([], [])
    assert bucket.tree("new") == {"1.pcapng": LARGE_AS_PCAPNG}


# ---------------------------------------------------------------- the last answer


@pytest.mark.parametrize("when", ["after", "before"])
def test_the_answer_to_the_end_of_an_upload_gets_lost(
    bucket: Bucket, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the object is there is asked, not guessed. A client that asks again hears that there is none."""
    backend: Any = import_module("moto.s3.models").S3Backend
    errors: Any = import_module("moto.s3.exceptions")
    complete = backend.complete_multipart_upload

    def failing(backend: Any, bucket_name: str, multipart_id: str, body: Any) -> Any:
        if when == "before":
            raise errors.InvalidPart
        complete(backend, bucket_name, multipart_id, body)
        raise errors.NoSuchUpload(upload_id=multipart_id)

    monkeypatch.setattr(backend, "complete_multipart_upload", failing)
    bucket.put("raw/1.pcap", LARGE)
    bucket.put("new/1.pcapng", OLD)
    done = run_in_bucket(bucket, force=True)
    assert (open_uploads(bucket), upload_notes(bucket)) == ([], [])
    if when == "after":
        assert (done.converted, done.failed) == (1, 0)
        assert bucket.tree("new") == {"1.pcapng": LARGE_AS_PCAPNG}
        assert run_in_bucket(bucket, resume=True).up_to_date == 1
    else:
        assert (done.converted, done.failed) == (0, 1)
        assert bucket.tree("new") == {"1.pcapng": OLD}


# ---------------------------------------------------------------- what moves


def test_all_that_is_fetched_and_sent_counts_as_movement(bucket: Bucket) -> None:
    """What is read of a store, each part of a large object, and a small one."""
    bucket.put("raw/1.pcap", LARGE)
    moves: list[None] = []
    batch = BatchContext(bucket.url(f"new/{MANIFEST}"), None, "0" * 16, lambda: moves.append(None))
    store = RemoteStore(bucket.url("new"))
    with store.open_source(bucket.url("raw/1.pcap"), batch.on_transfer) as source:
        fetched = len(moves)
        assert fetched >= len(LARGE) // 2**18
        with store.open_target(bucket.url("new/large"), batch, force=False) as target:
            target.file.write(source.file.read())
            target.publish(keep_old=False)
    assert bucket.get("new/large") == LARGE
    assert len(moves) - fetched == -(-len(LARGE) // PART_SIZE)
    sent = len(moves)
    with store.open_target(bucket.url("new/small"), batch, force=False) as target:
        target.file.write(OLD)
        target.publish(keep_old=False)
    assert bucket.get("new/small") == OLD
    assert len(moves) > sent


@pytest.mark.parametrize("carrier", ["processes", "threads"])
def test_a_survey_moves(carrier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads each byte once more: what was moved is more than what was read."""
    (tmp_path / "1.pcap").write_bytes(LARGE)
    seen: list[int] = []
    check = StallDetector.check

    def looking(stall: StallDetector, done: int, moves: int) -> None:
        seen.append(moves)
        check(stall, done, moves)

    monkeypatch.setattr(StallDetector, "check", looking)
    told = []
    asked: list[dict[str, Any]] = [{}, {"last": 1}]
    for options in asked:
        seen.clear()
        if carrier == "processes":
            pcapconv.batch(tmp_path / "1.pcap", tmp_path / f"new{len(options)}", jobs=1, **options)
        else:
            with ThreadPoolExecutor(1) as executor:
                pcapconv.batch(tmp_path / "1.pcap", tmp_path / f"new{len(options)}", executor=executor, **options)
        told.append(max(seen))
    plain, surveyed = told
    assert 0 < plain < surveyed


def test_an_upload_that_was_to_stop_replaces_nothing(tmp_path: Path) -> None:
    """In a store where it arrives under a temporary name, and goes on to its end."""
    (tmp_path / "old").write_bytes(OLD)

    def moved() -> None:
        raise Stopped

    url = f"local://{tmp_path}"
    batch = BatchContext(f"{url}/{MANIFEST}", None, "0" * 16, moved)
    with RemoteStore(url).open_target(f"{url}/old", batch, force=True) as target:
        target.file.write(b"new")
        with pytest.raises(Stopped):
            target.publish(keep_old=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"old": OLD}


def test_an_upload_stops_between_two_parts(bucket: Bucket) -> None:
    """And leaves nothing."""
    moves: list[None] = []

    def moved() -> None:
        moves.append(None)
        if len(moves) == 2:
            raise Stopped

    batch = BatchContext(bucket.url(f"new/{MANIFEST}"), None, "0" * 16, moved)
    with RemoteStore(bucket.url("new")).open_target(bucket.url("new/large"), batch, force=False) as target:
        target.file.write(LARGE)
        with pytest.raises(Stopped):
            target.publish(keep_old=False)
    assert (open_uploads(bucket), bucket.listed()) == ([], [])
