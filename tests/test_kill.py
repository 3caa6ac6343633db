"""What is left when a conversion ends before its time: by a signal, by a kill, by a full disk.

Strategy: the real command reads a pipe that the test feeds. Once the pipe has swallowed far more than it can hold, the
command is surely in the middle: its output is open, and some of it is written. One SIGINT ends the pipe, and the output
is finished (`test_interrupted_pipes.py`); here it is sent until the command gives up.
"""

import contextlib
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wire
from command_line import COMMAND, default_signals, wait_until_read
from folders import file_names, nameless_files_work

WITHOUT_NAMELESS_FILES = [
    sys.executable,
    "-P",
    "-c",
    "import os, sys; vars(os).pop('O_TMPFILE', None); from pcapconv.__main__ import main; main()",
]
HEADER = wire.pcap_header()
RECORD = wire.pcap_record(1, 2, bytes(984))
MANY = RECORD * 3000  # 3 MB: much more than a pipe and the buffers of an output hold
OLD = b"what was there before"
PATIENCE = 20  # seconds until a test fails that would hang

ENDINGS = {
    signal.SIGTERM: 143,
    signal.SIGINT: 130,
    signal.SIGHUP: 129,
    signal.SIGKILL: -signal.SIGKILL,
}
every_ending = pytest.mark.parametrize("number", ENDINGS, ids=lambda number: number.name)
every_handled_ending = pytest.mark.parametrize("number", list(ENDINGS)[:3], ids=lambda number: number.name)


@contextlib.contextmanager
def in_the_middle(
    *arguments: str | Path,
    command: list[str] | None = None,
    prepare: Callable[[], None] = default_signals,
    stdout: int = subprocess.DEVNULL,
) -> Iterator["subprocess.Popen[bytes]"]:
    """The command, in the middle of reading the capture that its stdin goes on with."""
    process = subprocess.Popen(
        [*(command or [COMMAND]), "convert", *arguments],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.PIPE,
        preexec_fn=prepare,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    try:
        process.stdin.write(HEADER + MANY)
        process.stdin.flush()
        yield process
    finally:
        process.kill()
        process.wait()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stderr.close()
        if process.stdout is not None:
            process.stdout.close()


GAVE_UP = b"pcapconv: interrupted before it was done: an unfinished output file was not kept\n"
WITHOUT_A_FILE = b"pcapconv: interrupted before it was done\n"


def last_words(number: signal.Signals) -> bytes:
    return b"" if number == signal.SIGKILL else GAVE_UP


def end_of(process: "subprocess.Popen[bytes]", number: signal.Signals) -> tuple[int, bytes]:
    """The status and stderr after the signal."""
    assert process.poll() is None
    process.send_signal(number)
    while number == signal.SIGINT and process.poll() is None:  # a second one gives up, if it is not too soon after
        time.sleep(0.05)
        process.send_signal(number)
    status = process.wait(PATIENCE)
    assert process.stderr is not None
    return status, process.stderr.read()


# ---------------------------------------------------------------- signals


@every_ending
def test_a_signal_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    if number == signal.SIGKILL and not nameless_files_work(tmp_path):
        pytest.skip("files without a name do not work here")
    with in_the_middle("-", tmp_path / "out.pcapng") as process:
        assert "out.pcapng" not in file_names(tmp_path)
        assert end_of(process, number) == (ENDINGS[number], last_words(number))
    assert file_names(tmp_path) == []


@every_ending
def test_a_signal_leaves_the_old_file(number: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    out.write_bytes(OLD)
    if number == signal.SIGKILL and not nameless_files_work(tmp_path):
        pytest.skip("files without a name do not work here")
    with in_the_middle("-", out, "--force") as process:
        assert end_of(process, number) == (ENDINGS[number], last_words(number))
    assert file_names(tmp_path) == ["out.pcapng"]
    assert out.read_bytes() == OLD


@every_handled_ending
def test_a_signal_leaves_nothing_where_files_need_a_name(number: signal.Signals, tmp_path: Path) -> None:
    with in_the_middle("-", tmp_path / "out.pcapng", command=WITHOUT_NAMELESS_FILES) as process:
        (temporary,) = file_names(tmp_path)
        assert temporary.endswith(".tmp")
        assert end_of(process, number) == (ENDINGS[number], last_words(number))
    assert file_names(tmp_path) == []


def test_a_kill_leaves_the_final_name_alone_where_files_need_a_name(tmp_path: Path) -> None:
    with in_the_middle("-", tmp_path / "out.pcapng", command=WITHOUT_NAMELESS_FILES) as process:
        assert end_of(process, signal.SIGKILL) == (-signal.SIGKILL, b"")
    assert [name for name in file_names(tmp_path) if not name.endswith(".tmp")] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", [["info", "-"], ["info", "--text", "-"], ["diff", "-", os.devnull]], ids=" ".join)
def test_commands_that_write_no_file_mention_none(command: list[str], number: signal.Signals) -> None:
    process = subprocess.Popen(
        [COMMAND, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=default_signals,
    )
    assert process.stdin is not None
    process.stdin.write(HEADER)
    process.stdin.flush()
    wait_until_read(process)
    process.send_signal(number)
    assert (process.communicate(timeout=PATIENCE)[1], process.returncode) == (WITHOUT_A_FILE, 128 + number)


def test_a_signal_leaves_no_report(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with in_the_middle("-", tmp_path / "out.pcapng", "--report", report) as process:
        assert end_of(process, signal.SIGTERM) == (143, GAVE_UP)
    assert file_names(tmp_path) == []


def test_a_signal_ends_a_command_that_waits_for_a_named_pipe(tmp_path: Path) -> None:
    fifo = tmp_path / "in.pcap"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [COMMAND, "convert", fifo, tmp_path / "out.pcapng"], stderr=subprocess.PIPE, preexec_fn=default_signals
    )
    try:
        with fifo.open("wb") as feed:
            feed.write(HEADER + MANY)
            feed.flush()
            assert end_of(process, signal.SIGTERM) == (143, GAVE_UP)
    finally:
        process.kill()
        process.communicate()
    assert file_names(tmp_path) == ["in.pcap"]


def test_a_signal_ends_a_command_whose_output_nobody_reads() -> None:
    """Its thread is stuck in writing to a full pipe."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [COMMAND, "convert", "-", "-", "--to", "pcapng"],
        stdin=subprocess.PIPE,
        stdout=writing,
        stderr=subprocess.PIPE,
        preexec_fn=default_signals,
    )
    os.close(writing)
    assert process.stdin is not None
    try:
        os.set_blocking(process.stdin.fileno(), False)
        feed_until_stuck(process.stdin.fileno())
        assert end_of(process, signal.SIGTERM) == (143, WITHOUT_A_FILE)
    finally:
        os.close(reading)
        process.kill()
        process.communicate()


def feed_until_stuck(descriptor: int) -> None:
    """Write records until the reader has taken none for a while, which a reader that is not stuck does not do."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    rest = memoryview(HEADER + MANY * 10)
    enough = len(rest) - 2**20  # what remains once the reader has begun: a pipe holds no more than 1 MiB
    while rest:
        if not poll.poll(500 if len(rest) < enough else PATIENCE * 1000):
            return
        with contextlib.suppress(BlockingIOError):
            rest = rest[os.write(descriptor, rest) :]
    pytest.fail("the command reads on, though nobody takes what it writes")


def test_a_hangup_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """As under nohup."""

    def under_nohup() -> None:
        default_signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    out = tmp_path / "out.pcap"
    with in_the_middle("-", out, prepare=under_nohup) as process:
        process.send_signal(signal.SIGHUP)
        assert process.stdin is not None
        process.stdin.write(MANY)
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    assert out.read_bytes() == HEADER + MANY + MANY


# ---------------------------------------------------------------- a full disk


def small_files() -> None:
    """Let no file grow beyond 1 MB in the command's process."""
    default_signals()
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))


@pytest.mark.parametrize("command", [[COMMAND], WITHOUT_NAMELESS_FILES], ids=["nameless", "named"])
@pytest.mark.parametrize("old", [None, OLD], ids=["new", "old"])
def test_a_file_that_may_not_grow_leaves_what_was_there(command: list[str], old: bytes | None, tmp_path: Path) -> None:
    capture, out = tmp_path / "in.pcap", tmp_path / "out.pcapng"
    capture.write_bytes(HEADER + MANY)
    if old is not None:
        out.write_bytes(old)
    before = file_names(tmp_path)
    done = subprocess.run(
        [*command, "convert", capture, out, "--force"], capture_output=True, preexec_fn=small_files, timeout=PATIENCE
    )
    message = f"pcapconv: {out}: cannot write: file too large\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", message.encode())
    assert file_names(tmp_path) == before
    assert old is None or out.read_bytes() == old


def test_an_input_that_is_replaced_survives_a_file_that_may_not_grow(tmp_path: Path) -> None:
    capture = tmp_path / "in.pcap"
    capture.write_bytes(HEADER + MANY)
    command = [COMMAND, "convert", str(capture), str(capture), "--to", "pcapng", "--force"]
    done = subprocess.run(command, capture_output=True, preexec_fn=small_files, timeout=PATIENCE)
    assert done.returncode == 1
    assert capture.read_bytes() == HEADER + MANY
    assert file_names(tmp_path) == ["in.pcap"]


def test_bytes_that_wait_for_all_to_be_well_may_not_grow_either(tmp_path: Path) -> None:
    capture = tmp_path / "in.pcap"
    capture.write_bytes(HEADER + MANY)
    command = [COMMAND, "convert", str(capture), "-", "--to", "pcapng", "--strict"]
    done = subprocess.run(command, capture_output=True, preexec_fn=small_files, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"pcapconv: a temporary file: cannot write: file too large\n"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "pcapconv-test", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("command", [[COMMAND], WITHOUT_NAMELESS_FILES], ids=["nameless", "named"])
@pytest.mark.parametrize("old", [None, OLD], ids=["new", "old"])
def test_a_full_disk_leaves_what_was_there(
    command: list[str], old: bytes | None, small_disk: Path, tmp_path: Path
) -> None:
    capture, out = tmp_path / "in.pcap", small_disk / "out.pcapng"
    capture.write_bytes(HEADER + MANY)
    if old is not None:
        out.write_bytes(old)
    done = subprocess.run([*command, "convert", capture, out, "--force"], capture_output=True, timeout=PATIENCE)
    message = f"pcapconv: {out}: cannot write: no space left on device\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", message.encode())
    assert file_names(small_disk) == ([] if old is None else ["out.pcapng"])
    assert old is None or out.read_bytes() == old
    in_use = os.statvfs(small_disk)
    assert (in_use.f_blocks - in_use.f_bfree) * in_use.f_frsize < 100_000  # nothing without a name is left either


def test_a_report_on_a_full_disk_fails(small_disk: Path, tmp_path: Path) -> None:
    capture, report = tmp_path / "in.pcap", small_disk / "report.json"
    capture.write_bytes(HEADER + RECORD)
    with contextlib.suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
        while filler.write(bytes(4096)):
            pass
    command = [COMMAND, "convert", str(capture), str(tmp_path / "out.pcapng"), "--report", str(report)]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr == f"pcapconv: {report}: cannot write: no space left on device\n".encode()
    assert file_names(small_disk) == ["filler"]
