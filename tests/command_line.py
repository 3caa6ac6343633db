"""Running the command: as it is installed, and in this process, which is faster."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import wire

from pcapconv import cli

_PATIENCE = 20  # seconds until a test fails that would hang
COMMAND = str(Path(sys.executable).with_name("pcapconv"))
FOLDER = Path(__file__).parent / "samples"
WEB_PCAP, WEB_PCAPNG = FOLDER / "web.pcap", FOLDER / "web.pcapng"
LOST_OF_WEB = "4 comments, 1 name record, 4 interface options, 3 section options, 1 statistics block"
HEADER = wire.pcap_header()
CUT = HEADER + wire.pcap_record(1, 2, b"four") + b"cut off"


class CommandResult(NamedTuple):
    """The exit status of a command, its stdout and its stderr."""

    status: int
    out: bytes
    err: str


def run_command(
    *arguments: str | bytes | Path, stdin: bytes = b"", shell: str = "", folder: Path | None = None, **environment: str
) -> CommandResult:
    """Run the installed command; `shell` adds redirections, and `folder` is where it runs.

    A file that it forgets to close is a warning on stderr.
    """
    command: list[str | bytes | Path] = [COMMAND, *arguments]
    if shell:
        command = ["sh", "-c", f'exec "$@" {shell}', "sh", *command]
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        timeout=60,
        cwd=folder,
        env=os.environ | {"PYTHONWARNINGS": "default::ResourceWarning"} | environment,
    )
    return CommandResult(done.returncode, done.stdout, done.stderr.decode())


@pytest.fixture(autouse=True)
def signals_stay_as_they_were() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def run_in_process(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> CommandResult:
    """Run a command line in this process, which is faster."""
    try:
        status = cli.run([os.fspath(each) for each in arguments])
    except SystemExit as end:
        status = int(end.code or 0)
    out, err = capfd.readouterr()
    return CommandResult(status, out.encode(), err)


def error_lines(*sentences: str) -> str:
    """What stderr has for these sentences: one a line, each after the command's name."""
    return "".join(f"pcapconv: {sentence}\n" for sentence in sentences)


def default_signals() -> None:
    """Have signals end the command, whatever the tests were started from: for `preexec_fn`."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def ended_at_last(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Kill the process at the end, if it still runs, and close its pipes."""
    try:
        yield
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()


def wait_until_read(process: "subprocess.Popen[bytes]") -> None:
    """Wait until the command has emptied the pipe."""
    assert process.stdin is not None
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        left = int.from_bytes(fcntl.ioctl(process.stdin, termios.FIONREAD, bytes(4)), sys.byteorder)
        if not left:
            return
        time.sleep(0.01)
    pytest.fail("the command does not read")


def wait_for_handlers(pid: int) -> None:
    """Wait until the command handles SIGTERM."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        handled = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        if int(handled.split()[1], 16) >> signal.SIGTERM - 1 & 1:
            return
        time.sleep(0.01)
    pytest.fail("the command does not start")
