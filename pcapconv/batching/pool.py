"""Processes that do the work of a batch, any of which may be killed at any time.

Strategy: processes share nothing, neither a queue nor a lock. Each has a slot of its own: a socket pair, and a thread
here that hands it work and waits for the answer. The death of a process closes its end of the socket, so that the slot
knows at once, and knows whether the work had begun: only then is it lost, otherwise a new process takes it. Processes
are interpreters started afresh, since this process may have threads.
"""

from __future__ import annotations

import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from pcapconv.batching.pool_process import FAILED, PATIENCE, READ, receive, send
from pcapconv.errors import FileError
from pcapconv.io.read_write import reason_of

_TRIES = 10  # processes in a row that may die before they begin their work
_CODE = "import sys; sys.path[:] = sys.argv[1:]; from pcapconv.batching.pool_process import main; main()"


class DeadProcessError(Exception):
    """The process that had begun the work died, or was killed."""


class _Task(NamedTuple):
    future: Future[Any]
    work: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Pool(Executor):
    """An executor with up to `several` processes, which are started as work comes. They see no signals, and end when
    this process does, however it ends."""

    def __init__(self, several: int) -> None:
        self.stopping = False
        self._several = several
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()  # None: there will be no more
        self._slots: list[_Slot] = []
        self._closed = 0  # of the slots
        self._closing = threading.Lock()
        self._shut = False

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """See `Executor.submit`. The future raises DeadProcessError, FileError when no process can be had, and
        RuntimeError with the error of the work."""
        if self._shut:
            raise RuntimeError("cannot submit work to a pool that was shut down")
        if len(self._slots) < self._several:
            self._add_slot()
        task = _Task(Future(), (function, arguments, named))
        self._tasks.put(task)
        return task.future

    def read(self) -> int:
        """How many bytes were read so far."""
        return sum(slot.read for slot in self._slots)

    def moves(self) -> int:
        """How often bytes have moved so far: read again, fetched or sent, too."""
        return sum(slot.moves for slot in self._slots)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `Executor.shutdown`."""
        self._shut = True
        if cancel_futures:
            self._cancel()
        self._tasks.put(None)
        if wait:
            for slot in self._slots:
                slot.wait(None)
            self._cancel()  # what a slot gave back when the others had ended

    def stop(self) -> None:
        """Stop what runs: at its next look, or else by force. Takes two seconds at most."""
        self.stopping = True
        self.shutdown(wait=False, cancel_futures=True)
        for end in (_Slot.ask, _Slot.kill):
            for slot in self._slots:
                end(slot)
            until = time.monotonic() + PATIENCE
            for slot in self._slots:
                slot.wait(max(0.0, until - time.monotonic()))

    def take(self) -> _Task | None:
        """The next task, as soon as there is one; None when there will be no more."""
        task = self._tasks.get()
        if task is None:
            self._tasks.put(None)  # for the other slots
        return task

    def give_back(self, task: _Task) -> bool:
        """Leave a task to the other slots, and close one; False when it is the last."""
        with self._closing:
            if self._closed + 1 == len(self._slots):
                self._several = len(self._slots)  # another one would fare no better
                return False
            self._closed += 1
        self._tasks.put(task)
        return True

    def _add_slot(self) -> None:
        """Raises RuntimeError when the system has no thread for the first one."""
        slot = _Slot(self)
        with self._closing:
            self._slots.append(slot)
            try:
                slot.start()
            except RuntimeError:
                self._slots.remove(slot)
                if not self._slots:
                    raise

    def _cancel(self) -> None:
        with suppress(Empty):
            while True:
                task = self._tasks.get_nowait()
                if task is not None and not task.future.cancel():  # a slot gave it back
                    task.future.set_exception(FileError("the pool was shut down"))


class _Slot(threading.Thread):
    """A place for one process, which is started when there is work, and anew when it died. `read` is how many bytes
    were read so far, `moves` how often any have moved."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(name="pcapconv-slot", daemon=True)
        self.read = self.moves = 0
        self._pool = pool
        self._process: _Process | None = None
        self._error: FileError | None = None  # why there can be no process

    def run(self) -> None:
        """Do tasks until there are no more, or no process can be had and other slots are left."""
        ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        signal.pthread_sigmask(signal.SIG_BLOCK, ending)  # processes that are started here inherit that
        while (task := self._pool.take()) is not None:
            future = task.future
            if not (future.running() or future.set_running_or_notify_cancel()):
                continue
            try:
                result = self._result_of(task)
            except FileError as error:
                self._error = error
                if self._pool.give_back(task):
                    break
                future.set_exception(error)
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(result)
        self._drop()

    def ask(self) -> None:
        """Have the process stop what it does, and end."""
        if (process := self._process) is not None:
            process.ask()

    def kill(self) -> None:
        """End the process by force."""
        if (process := self._process) is not None:
            process.kill()

    def wait(self, seconds: float | None) -> None:
        """Wait for the end of the slot and of its process, so long at most."""
        if self.is_alive():
            self.join(seconds)

    def _result_of(self, task: _Task) -> Any:
        """Raises as `Pool.submit` says, and what pickle does about work that cannot be sent."""
        self._begin(pickle.dumps(task.work))
        assert self._process is not None
        try:
            while True:
                kind, value = self._process.answer()
                if kind != READ:
                    break
                self.read += value[0]
                self.moves += value[1]
        except (EOFError, OSError):
            self._drop()
            raise DeadProcessError("the process that converted it died, or was killed") from None
        except BaseException:  # what the process tells next would be told of something else
            self._drop()
            raise
        if kind == FAILED:
            raise RuntimeError(value)
        return value

    def _begin(self, work: bytes) -> None:
        """Have a process begin the work. Raises FileError."""
        for _ in range(_TRIES):
            if self._error is not None:
                raise self._error
            if self._pool.stopping:
                raise FileError("the pool was stopped")
            try:
                self._process = self._process or _Process()
            except OSError as error:
                raise FileError(f"cannot start a process: {reason_of(error)}") from error
            if self._pool.stopping:  # which may have been too early to ask this process
                self._process.ask()
            with suppress(EOFError, OSError):
                self._process.begin(work)
                return
            self._drop()
        raise FileError(f"{_TRIES} processes in a row died, or were killed, before they began")

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()


class _Process:
    """A process, and this end of its socket pair."""

    def __init__(self) -> None:
        """Raises OSError."""
        path = [entry for entry in sys.path if isinstance(entry, str)]
        command = [sys.executable, *subprocess._args_from_interpreter_flags(), "-P", "-c", _CODE, *path]  # type: ignore[attr-defined]
        self._connection, far_end = socket.socketpair()
        try:
            self._popen = subprocess.Popen(command, stdin=far_end.fileno())
            self._file = self._connection.makefile("rb")
        except BaseException:
            self._connection.close()
            raise
        finally:
            far_end.close()

    def begin(self, work: bytes) -> None:
        """Send work, and wait until the process has it. Raises EOFError or OSError when it died before."""
        send(self._connection, work)
        receive(self._file)  # that it begins

    def answer(self) -> tuple[str, Any]:
        """The next thing that the process tells. Raises EOFError or OSError when it died."""
        told: tuple[str, Any] = pickle.loads(receive(self._file))
        return told

    def ask(self) -> None:
        """Have it stop what it does, and end."""
        with suppress(OSError):  # it has ended
            self._connection.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """End it by force."""
        self._popen.kill()
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)  # even the system may need long to end it

    def end(self) -> None:
        """Wait for its end, and close what belongs to it."""
        self.ask()
        try:
            self._popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(PATIENCE)
        self._file.close()
        self._connection.close()
