"""Text through pipes in non-blocking mode, as node and others make them: all of it arrives.

Strategy: the pipe holds one page, and the test reads only once it is all but full, or the command has ended.
"""

import fcntl
import io
import os
import subprocess
import termios
import time
from array import array
from pathlib import Path

import pytest
import wire
from command_line import COMMAND

SETPIPE_SZ = 1031  # fcntl.F_SETPIPE_SZ
PAGE = 4096
INTERFACES = wire.section_header() + wire.interface(options=wire.options((wire.IF_NAME, b"eth" * 12))) * 300
CAPTURE = INTERFACES + wire.enhanced_packet(299, 1, bytes(600)) * 100
OTHER = INTERFACES + wire.enhanced_packet(299, 1, b"\1" * 600) * 100


def bytes_waiting_in(pipe: int) -> int:
    """How many bytes a pipe holds."""
    count = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def small_pipe() -> tuple[int, int]:
    """One that holds a page, and whose writer does not wait."""
    read, write = os.pipe()
    fcntl.fcntl(write, SETPIPE_SZ, PAGE)
    os.set_blocking(write, False)
    return read, write


def through_a_small_pipe(stream: str, *arguments: str | Path) -> tuple[int, bytes, bytes]:
    """The status of the command, what came through the pipe that was its stdout or stderr, and what it said on the
    other one of the two."""
    read, write = small_pipe()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: write}
    process = subprocess.Popen([COMMAND, *arguments], **pipes)  # type: ignore[call-overload]
    os.close(write)
    while bytes_waiting_in(read) < PAGE - 500 and process.poll() is None:
        time.sleep(0.001)
    with io.FileIO(read) as file:
        came = file.readall()
    other = process.communicate(timeout=60)[stream == "stdout"]
    return process.returncode, came, other


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.pcapng").write_bytes(CAPTURE)
    (tmp_path / "b.pcapng").write_bytes(OTHER)
    return tmp_path


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (0, "info a.pcapng"),
        (0, "info a.pcapng --json"),
        (0, "info a.pcapng --text"),
        (0, "info a.pcapng b.pcapng --text"),
        (1, "diff a.pcapng b.pcapng --show 100"),
        (1, "diff a.pcapng b.pcapng --show 100 --json"),
    ],
)
def test_text_arrives_in_a_pipe_that_makes_it_wait(
    status: int, line: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = line.split()
    monkeypatch.chdir(folder)
    plain = subprocess.run([COMMAND, *words], capture_output=True, timeout=60)
    assert (plain.returncode, plain.stderr) == (status, b"")
    assert len(plain.stdout) > PAGE
    assert through_a_small_pipe("stdout", *words) == (status, plain.stdout, b"")


def test_errors_arrive_in_a_pipe_that_makes_them_wait(tmp_path: Path) -> None:
    names = [f"{tmp_path}/none-{number}" for number in range(200)]
    sentences = "".join(f"pcapconv: {name}: cannot open: no such file or directory\n" for name in names)
    assert through_a_small_pipe("stderr", "info", *names) == (1, sentences.encode(), b"")


def test_nobody_reads_the_errors(folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    report = folder / "report.json"
    (folder / "cut.pcapng").write_bytes(CAPTURE[:-4])
    words = ["convert", str(folder / "cut.pcapng"), str(folder / "out.pcapng"), "--report", str(report)]
    done = subprocess.run([COMMAND, *words], stdout=subprocess.PIPE, stderr=write)
    os.close(write)
    assert (done.returncode, done.stdout) == (3, b"")
    assert report.exists()


def test_a_list_arrives_from_a_pipe_that_has_nothing_for_now(folder: Path) -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    out = folder / "out"
    process = subprocess.Popen(
        [COMMAND, "batch", "-", out, "--to", "pcapng", "--jobs", "1", "--quiet"],
        stdin=read,
        stderr=subprocess.PIPE,
        cwd=folder,
    )
    os.write(write, b"a.pcapng\n")
    while bytes_waiting_in(read) and process.poll() is None:
        time.sleep(0.001)
    os.write(write, b"b.pcapng\n")
    os.close(read)
    os.close(write)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert [(out / name).read_bytes() for name in ("a.pcapng", "b.pcapng")] == [CAPTURE, OTHER]
