"""A Dask cluster of processes: a scheduler and workers, each of which may have another environment, or be killed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

PATIENCE = 60  # seconds until a test fails that would hang


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def on_each(address: str, expression: str) -> list[Any]:
    """The value of an expression on each worker. It travels as text, since workers cannot import the tests."""
    client: Any = import_module("distributed").Client
    with client(address, set_as_default=False) as connected:
        return list(connected.run(eval, expression).values())


def busy(address: str) -> int:
    """The number of workers that are at work; -1 if the client failed to connect, which it does when the scheduler's
    first message comes together with another one."""
    client: Any = import_module("distributed").Client
    try:
        with client(address, set_as_default=False) as connected:
            active: dict[str, int] = connected.run(lambda dask_worker: len(dask_worker.active_threads))
    except (AssertionError, OSError):
        return -1
    return sum(map(bool, active.values()))


def end_of(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for a command; return its exit status and its stderr."""
    try:
        _, said = process.communicate(timeout=2 * PATIENCE)
    finally:
        process.kill()
        process.communicate()
    return process.returncode, said


class Processes:
    """`scheduler` and `workers` are the processes, `address` is the scheduler's, `home` a folder for their files."""

    def __init__(self, home: Path, *options: str, **variables: str) -> None:
        """The options and variables are those of the scheduler and of all workers."""
        self._home = home
        self._options = options
        self._variables = variables
        self._all: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler, self.address = self._start_scheduler()

    def _start(self, program: str, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *arguments, *self._options]
        with (self._home / "log").open("ab") as log:
            variables = os.environ | self._variables | variables
            process = subprocess.Popen(command, cwd=self._home, env=variables, stdout=log, stderr=log)
        self._all.append(process)
        return process

    def _start_scheduler(self) -> tuple[subprocess.Popen[bytes], str]:
        told = self._home / "scheduler.json"
        host = ["--host", "127.0.0.1", "--port", "0"]
        process = self._start("scheduler", *host, "--no-dashboard", "--scheduler-file", str(told))
        wait_for(lambda: told.exists() and told.read_bytes().endswith(b"}"))
        return process, json.loads(told.read_bytes())["address"]

    def worker(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """A worker with one thread that nobody starts again."""
        fixed = ["--no-nanny", "--no-dashboard", "--nthreads", "1", "--local-directory", str(self._home)]
        process = self._start("worker", self.address, *fixed, *arguments, **variables)
        self.workers.append(process)
        return process

    def wait_for_workers(self, count: int) -> list[str]:
        """Wait until there are so many workers; return their addresses."""
        client: Any = import_module("distributed").Client
        with client(self.address, set_as_default=False) as connected:
            wait_for(lambda: len(connected.nthreads()) == count)
            return list(connected.nthreads())

    def end(self) -> None:
        for process in reversed(self._all):
            process.kill()
            process.wait(PATIENCE)


@contextmanager
def processes(home: Path, *options: str, **variables: str) -> Iterator[Processes]:
    running = Processes(home, *options, **variables)
    try:
        yield running
    finally:
        running.end()
