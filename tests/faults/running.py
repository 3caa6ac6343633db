"""Runs commands with faults: builds the library of `shim.c`, starts `server.py`, and collects what a run leaves."""

import contextlib
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

HERE = Path(__file__).resolve().parent


class Point(NamedTuple):
    """A call that a run made: the `number`-th of its kind, for a path relative to the run's folder."""

    kind: str
    number: int
    path: str
    state: str  # of a file that gets a name: "dirty" if it was written to and not closed or synced since, or "settled"


class File(NamedTuple):
    """A file: its bytes, its mode, and its extended attributes (an ACL is one of them)."""

    data: bytes
    mode: int
    attributes: tuple[tuple[str, bytes], ...] = ()


Tree = dict[str, File]


class Run(NamedTuple):
    """How a command ended. `status` is negative for a signal, as in `subprocess`; `hung` tells that it was killed after
    its time. `lines` is the number of lines of pcapconv that ran, if they were counted, `where` the line at which a
    signal was sent, and `written` the number of bytes written."""

    status: int
    hung: bool
    stderr: str
    points: list[Point]
    lines: int
    where: str
    written: int


class Line(NamedTuple):
    """A signal at the `at`-th line of pcapconv that runs; with 0, lines are only counted."""

    at: int
    signal: int


def build(folder: Path) -> Path:
    """Compile the library and return its path. Raises CalledProcessError, or FileNotFoundError without a C compiler."""
    library = folder / "shim.so"
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    command = [*compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(HERE / "shim.c"), "-ldl"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return library


def environment(folder: Path, faults: str) -> dict[str, str]:
    """The environment variables of a run with `faults`: the library counts calls that concern `folder/home`."""
    return {
        "FAULTS": faults,
        "FAULTS_ROOT": str(folder / "home"),
        "FAULTS_COUNTS": str(folder / "counts"),
        "FAULTS_LOG": str(folder / "log"),
        "TMPDIR": str(folder / "home/tmp"),
    }


def prepare(folder: Path, files: Tree) -> None:
    """Make a run's folder, in which `home/` has these files and an empty `tmp/`."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "home").mkdir(parents=True)
    fill(folder / "home", files)


def fill(home: Path, files: Tree) -> None:
    """Write files into a folder, without extended attributes if the file system has none."""
    (home / "tmp").mkdir()
    for name, file in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
        path.chmod(file.mode)
        for attribute, value in file.attributes:
            with contextlib.suppress(OSError):
                os.setxattr(path, attribute, value)


def look(folder: Path) -> Tree:
    """All files of a run, and temporary folders, as `NAME/`."""
    found: Tree = {}
    for path in sorted((folder / "home").rglob("*")):
        name = path.relative_to(folder / "home").as_posix()
        there = path.lstat()
        if stat.S_ISREG(there.st_mode):
            attributes = tuple((each, os.getxattr(path, each)) for each in sorted(os.listxattr(path)))
            found[name] = File(path.read_bytes(), stat.S_IMODE(there.st_mode), attributes)
        elif ".pcapconv-" in path.name:
            found[f"{name}/"] = File(b"", stat.S_IMODE(there.st_mode))
    return found


def points_of(folder: Path) -> list[Point]:
    """The calls that a run made, in order."""
    log = folder / "log"
    fields = [line.split("\t") for line in log.read_text("utf-8", "replace").splitlines()] if log.exists() else []
    return [Point(kind, int(number), path, state) for kind, number, path, state in fields]


class Server:
    """A process of `server.py`, ended by the `with` block."""

    def __init__(self, library: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(HERE / "server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"LD_PRELOAD": str(library)},
            text=True,
        )

    def run(self, folder: Path, arguments: Sequence[str], faults: str = "", line: Line | None = None) -> Run:
        """Run one command line, in a folder that `prepare` made."""
        for name in ("counts", "log", "stderr", "lines", "home/stdout"):
            (folder / name).unlink(missing_ok=True)
        job = {
            "folder": str(folder / "home"),
            "arguments": list(arguments),
            "environment": environment(folder, faults),
            "stdout": str(folder / "home/stdout"),
            "stderr": str(folder / "stderr"),
            "lines": str(folder / "lines"),
            "line": None if line is None else line.at,
            "signal": 0 if line is None else line.signal,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        told = (folder / "lines").read_text() if line is not None and (folder / "lines").exists() else "0 "
        lines, _, where = told.partition(" ")
        stderr = (folder / "stderr").read_text("utf-8", "replace")
        written = int.from_bytes((folder / "counts").read_bytes()[:8], sys.byteorder)
        return Run(answer["status"], answer["hung"], stderr, points_of(folder), int(lines), where, written)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
