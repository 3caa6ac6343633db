"""A process that runs commands with faults, each in a fork of its own.

Strategy: the process has imported all of pcapconv, so that a run takes a few milliseconds, and thousands of faults can
be tried. It is started with the library made from `shim.c`, which each fork arms. Jobs come on stdin and answers go to
stdout, a line of JSON each. The server waits for all processes that a command has started; those that do not end are
killed and reported as hung.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, NoReturn

PATIENCE = 30.0  # seconds until a command counts as hanging
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
_BESIDE = ("json", "tempfile", "threading", "multiprocessing.pool", "concurrent.futures.process", "rich.progress")


def preload() -> str:
    """Import every module that a command may import; returns the package's folder."""
    import pcapconv

    for module in pkgutil.walk_packages(pcapconv.__path__, "pcapconv."):
        if module.name.rpartition(".")[2] not in ("__main__", "remote"):
            with contextlib.suppress(ImportError):  # compiled kernels, where there are none
                importlib.import_module(module.name)
    for name in _BESIDE:
        importlib.import_module(name)
    return os.path.join(pcapconv.__path__[0], "")


class Lines:
    """A trace function that counts the lines of pcapconv that run in the main thread, and sends a signal at one of
    them. Lines of `__main__` do not count: before they have run, the program cannot handle a signal."""

    def __init__(self, package: str, at: int, number: int) -> None:
        self.count = 0
        self._package, self._at, self._number = package, at, number
        self.where = ""

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(self._package) or name.endswith("__main__.py"):
            return None
        if event == "line":
            self.count += 1
            if self.count == self._at:
                self.where = f"{name.removeprefix(self._package)}:{frame.f_lineno}"
                os.kill(os.getpid(), self._number)
        return self


def run(job: dict[str, Any], package: str) -> int:
    """Run the command line of a job in its folder, in the fork; returns the exit status."""
    os.setsid()
    os.chdir(job["folder"])
    os.umask(0o022)
    for name, descriptor in ((os.devnull, 0), (job["stdout"], 1), (job["stderr"], 2)):
        file = os.open(name, os.O_RDWR | os.O_CREAT, 0o666)
        os.dup2(file, descriptor)
        os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["pcapconv", *job["arguments"]]
    os.environ |= job["environment"] | {"FAULTS_FIRST": str(os.getpid())}
    from pcapconv.__main__ import main

    lines = Lines(package, job["line"], job["signal"])
    ctypes.CDLL(None).faults_arm()
    try:
        if job["line"] is not None:
            sys.settrace(lines)
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.settrace(None)
        if job["line"] is not None:
            with open(job["lines"], "w") as told:
                told.write(f"{lines.count} {lines.where}")
    return 0


def end(status: int) -> NoReturn:
    """End the fork as the interpreter would, but without freeing the server's modules, which takes longer than a
    run."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()  # warns of files that were not closed
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            status = 120
            os.write(2, f"Exception ignored in: {error}".encode())
    os._exit(status)


def wait_for(child: int) -> tuple[int, bool]:
    """Wait for a child and the processes that it started; returns its status, and whether one of them had to be
    killed."""
    until = time.monotonic() + PATIENCE
    handle = os.pidfd_open(child)
    ended = bool(select.select([handle], [], [], PATIENCE)[0])
    os.close(handle)
    if not ended:
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    hung = not ended
    while True:
        try:
            other, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return os.waitstatus_to_exitcode(status), hung
        if not other:
            if time.monotonic() > until:
                hung = True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child, signal.SIGKILL)
            time.sleep(0.002)


def serve() -> None:
    """Run jobs until stdin ends."""
    package = preload()
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    gc.collect()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for line in iter(sys.stdin.readline, ""):
        job = json.loads(line)
        child = os.fork()
        if not child:
            answers.close()
            end(run(job, package))
        status, hung = wait_for(child)
        answers.write(json.dumps({"status": status, "hung": hung}) + "\n")


if __name__ == "__main__":
    serve()
