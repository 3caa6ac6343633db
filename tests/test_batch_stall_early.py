"""`--stall` before the first file: a store that is asked, and answers nothing."""

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
import wire
from command_line import COMMAND
from s3_server import Bucket
from web_server import Answer, file, page, serving

import pcapconv
from pcapconv import FileError
from pcapconv.batching import stall_detector
from pcapconv.batching.arguments import ExecutionArguments
from pcapconv.batching.remote import RemoteStore
from pcapconv.batching.store_requests import Silence, current_silence, note_answer, store_request

pytestmark = pytest.mark.slow  # stores that say nothing

PATIENCE = 60  # seconds until a test fails that would hang
PCAP = wire.pcap_header() + wire.pcap_record(1, 0, bytes(60))
SAID = "--stall 1s: for so long there was no answer, and no file was begun; check that the server runs"


@contextmanager
def silent_server() -> Iterator[str]:
    """The address of a server that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def start_batch(source: object, target: object, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [COMMAND, "batch", str(source), str(target), "--to", "pcapng", "--quiet", "--stall", "1s"],
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        text=True,
        env=os.environ | environment,
    )
    return done.returncode, done.stderr


def test_a_web_server_that_says_nothing(tmp_path: Path) -> None:
    with silent_server() as address:
        assert start_batch(f"{address}/raw/", tmp_path / "new") == (1, f"pcapconv: {address}/raw/: {SAID}\n")
    assert not (tmp_path / "new").exists()


def test_a_web_server_that_says_nothing_of_its_files(tmp_path: Path) -> None:
    """By the command, which does not wait for the threads that ask."""
    free = threading.Event()

    def hang() -> Iterator[bytes]:
        free.wait(PATIENCE)
        yield PCAP

    class Hanging(dict[str, Answer]):
        def get(self, path: str, _: Any = None) -> Any:
            if path != "/raw/":
                free.wait(PATIENCE)
            return super().get(path)

    with serving() as web:
        web.answers = Hanging({"/raw/": page(*(f"{number}.pcap" for number in range(20)))})
        try:
            assert start_batch(f"{web.address}/raw/", tmp_path / "new") == (
                1,
                f"pcapconv: {web.address}/raw/: {SAID}\n",
            )
        finally:
            free.set()


def test_s3_that_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/1.pcap").write_bytes(PCAP)
    with silent_server() as address:
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        done = start_batch(tmp_path / "raw", "s3://lab/new", AWS_ENDPOINT_URL=address, NO_PROXY="*", **credentials)
        assert done == (1, f"pcapconv: s3://lab/new: {SAID}\n")


def test_a_program_goes_on_where_a_store_says_nothing(tmp_path: Path) -> None:
    """And the next batch does not have to wait for the first one."""
    with silent_server() as address, serving() as web, ThreadPoolExecutor(1) as executor:
        with pytest.raises(FileError) as raised:
            pcapconv.batch(f"{address}/raw/", tmp_path / "new", executor=executor, stall="1s")
        assert str(raised.value) == f"{address}/raw/: " + SAID.replace("--stall 1s", "stall='1s'")
        web.answers |= {"/raw/": page("1.pcap"), "/raw/1.pcap": file(PCAP)}
        done = pcapconv.batch(f"{web.address}/raw/", tmp_path / "new", executor=executor, stall="10s")
        assert done.converted == 1


def test_what_is_said_before_the_first_file_is_raised(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none: "):
        pcapconv.batch(tmp_path / "none", tmp_path / "new", stall="10m")


def test_a_list_is_read_where_signals_are_seen(tmp_path: Path) -> None:
    """It may come from a pipe that stays open."""
    (tmp_path / "1.pcap").write_bytes(PCAP)
    readers = []

    def names() -> Iterator[str]:
        readers.append(threading.current_thread())
        yield str(tmp_path / "1.pcap")

    assert pcapconv.batch(names(), tmp_path / "new", stall="10m", jobs=1).converted == 1
    assert readers == [threading.main_thread()]


def test_silence_is_of_what_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    silence = Silence()
    silence_before = current_silence.set(silence)
    try:
        assert silence.measure() == (0.0, "")
        with store_request("s3://lab", "read"):
            now += 5
            assert silence.measure() == (5.0, "s3://lab")
            note_answer()
            assert silence.measure() == (0.0, "s3://lab")
            now += 3
        now += 100
        assert silence.measure() == (0.0, "")
    finally:
        current_silence.reset(silence_before)


def test_each_page_of_a_listing_is_an_answer(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.fill("raw", {"1.pcap": PCAP, "2.pcap": PCAP})
    silence, context = Silence(), copy_context()
    told = []
    monkeypatch.setattr(silence, "note_answer", lambda: told.append(silence.measure()[1]))
    context.run(current_silence.set, silence)
    raw = bucket.url("raw")
    found = context.run(lambda: list(RemoteStore(raw).find(raw, None, links=False)))
    assert [each.name for each in found] == ["1.pcap", "2.pcap"]
    assert raw in told


def test_without_the_option_nobody_waits() -> None:
    assert (
        stall_detector.run_before_jobs(ExecutionArguments(None, None, None, None), threading.current_thread)
        is threading.current_thread()
    )
