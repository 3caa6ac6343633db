"""The installed command, run on a terminal."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from command_line import COMMAND

from pcapconv import kernels

_LEFT_OUT = ("COLUMNS", "LINES", "NO_COLOR")  # of the environment, since it changes what is seen
_SET = {"TERM": "xterm", "PCAPCONV_KERNELS": kernels.choose().NAME}  # of which nothing is said then


@contextlib.contextmanager
def terminal(columns: int = 80) -> Iterator[tuple[int, int]]:
    """The two ends of a terminal: what a person sees, and what a program has."""
    seen, program = pty.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    try:
        yield seen, program
    finally:
        os.close(seen)


def on_terminal(
    stream: str,
    *arguments: str | Path,
    columns: int = 80,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    command: str | Path = COMMAND,
) -> tuple[int, str]:
    """Status and what is seen of the command's `stream`, stdout or stderr, that is a terminal."""
    inherited = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    with terminal(columns) as (seen, program):
        streams: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: program}
        process = subprocess.Popen(
            [command, *arguments],
            stdin=subprocess.DEVNULL,
            env=inherited | _SET | dict(environment or {}),
            cwd=folder,
            **streams,
        )
        os.close(program)
        found = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while data := os.read(seen, 65536):
                found += data
        return process.wait(60), found.decode().replace("\r\n", "\n")


def without_colours(seen: str) -> str:
    """The text alone."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
