"""Running `pcapconv batch`: as it is installed, and in this process, which is faster."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from command_line import COMMAND

from pcapconv import cli
from pcapconv.batching import executors

STRANGE = "\udcff\n\x1b[31m\uffff]]>&<.pcap"  # as a name: no UTF-8, nothing for a terminal, nothing for XML
SHOWN = "\\xff\\x0a\\x1b[31m\\uffff]]>&<.pcap"


class CommandResult(NamedTuple):
    """The exit status of a command, its stdout and its stderr."""

    status: int
    out: str
    err: str


def run_batch_command(*arguments: str | Path, stdin: bytes = b"", folder: Path | None = None) -> CommandResult:
    """Run the installed command. A file that it forgets to close is a warning on stderr."""
    done = subprocess.run(
        [COMMAND, "batch", *arguments],
        input=stdin,
        capture_output=True,
        timeout=60,
        cwd=folder,
        env=os.environ | {"PYTHONWARNINGS": "default::ResourceWarning"},
    )
    return CommandResult(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_in_process(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> CommandResult:
    """Run a `batch` command line in this process, which is faster."""
    try:
        status = cli.run(["batch", *(os.fspath(each) for each in arguments)])
    except SystemExit as end:
        status = int(end.code or 0)
    return CommandResult(status, *capfd.readouterr())


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is done by threads of this process, which start at once."""
    monkeypatch.setattr(executors, "process_workers", executors.thread_workers)


in_threads = pytest.mark.usefixtures("threads")
