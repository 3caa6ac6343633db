"""A pool of processes that do the work of a batch, any of which may be killed at any time.

Strategy: processes share nothing, neither a queue nor a lock. Each has a slot of its own: a socket pair, and a thread
in this process that sends work to the process and waits for the answer (`pool_process` is the other end). The death of
a process closes its end of the socket, so that the slot notices at once and knows whether the work had begun. Work that
had begun is lost; other work goes to a new process. Processes are new interpreters, not forks, since this process may
have threads.
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

from pcapconv.batching.pool_process import FAILED, PATIENCE, PROGRESS, receive, send
from pcapconv.errors import FileError
from pcapconv.io.read_write import reason_of

_MOST_FALSE_STARTS = 10  # processes in a row that may die before they begin their work
_CODE = "import sys; sys.path[:] = sys.argv[1:]; from pcapconv.batching.pool_process import main; main()"


class DeadProcessError(Exception):
    """The process that had begun the work has died, or was killed."""


class _Task(NamedTuple):
    future: Future[Any]
    work: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class ProcessPool(Executor):
    """An executor with up to `max_processes` processes, which are started when work is submitted. SIGINT, SIGTERM and
    SIGHUP are blocked in the processes. They end when this process ends, even if this process is killed."""

    def __init__(self, max_processes: int) -> None:
        self.stopping = False
        self._max_processes = max_processes
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()  # None at the end of the queue
        self._slots: list[_Slot] = []
        self._closed_slots = 0
        self._slots_lock = threading.Lock()
        self._is_shut_down = False

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """See `Executor.submit`. The future raises DeadProcessError if the process dies, FileError if no process can be
        started, and RuntimeError with the text of an error that the work raised."""
        if self._is_shut_down:
            raise RuntimeError("cannot submit work to a pool that was shut down")
        if len(self._slots) < self._max_processes:
            self._add_slot()
        task = _Task(Future(), (function, arguments, named))
        self._tasks.put(task)
        return task.future

    def bytes_read(self) -> int:
        """See `executors.Workers.bytes_read`."""
        return sum(slot.bytes_read for slot in self._slots)

    def transfers(self) -> int:
        """See `executors.Workers.transfers`."""
        return sum(slot.transfers for slot in self._slots)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `Executor.shutdown`."""
        self._is_shut_down = True
        if cancel_futures:
            self._cancel_tasks()
        self._tasks.put(None)
        if wait:
            for slot in self._slots:
                slot.wait(None)
            self._cancel_tasks()  # a slot may have returned a task after the other slots had ended

    def stop(self) -> None:
        """Stop running work: first by a request, after a second by force. Takes two seconds at most."""
        self.stopping = True
        self.shutdown(wait=False, cancel_futures=True)
        for end in (_Slot.request_stop, _Slot.kill):
            for slot in self._slots:
                end(slot)
            until = time.monotonic() + PATIENCE
            for slot in self._slots:
                slot.wait(max(0.0, until - time.monotonic()))

    def next_task(self) -> _Task | None:
        """Wait for the next task and return it; None if there will be no more tasks."""
        task = self._tasks.get()
        if task is None:
            self._tasks.put(None)  # for the other slots
        return task

    def return_task(self, task: _Task) -> bool:
        """Leave a task to the other slots, since the calling slot closes. Return False if it is the last slot."""
        with self._slots_lock:
            if self._closed_slots + 1 == len(self._slots):
                self._max_processes = len(self._slots)  # a new slot would have no process either
                return False
            self._closed_slots += 1
        self._tasks.put(task)
        return True

    def _add_slot(self) -> None:
        """Add a slot if the system can start a thread. Raises RuntimeError if it cannot even for the first slot."""
        slot = _Slot(self)
        with self._slots_lock:
            self._slots.append(slot)
            try:
                slot.start()
            except RuntimeError:
                self._slots.remove(slot)
                if not self._slots:
                    raise

    def _cancel_tasks(self) -> None:
        """Empty the queue."""
        with suppress(Empty):
            while True:
                task = self._tasks.get_nowait()
                if task is not None and not task.future.cancel():  # a slot had begun the task, and returned it
                    task.future.set_exception(FileError("the pool was shut down"))


class _Slot(threading.Thread):
    """A thread that runs one process: starts it when there is work, and again after it has died. `bytes_read` and
    `transfers` are the sums of the progress that its processes report."""

    def __init__(self, pool: ProcessPool) -> None:
        super().__init__(name="pcapconv-slot", daemon=True)
        self.bytes_read = self.transfers = 0
        self._pool = pool
        self._process: _Process | None = None
        self._error: FileError | None = None  # why no process can be started any more

    def run(self) -> None:
        """Run tasks until the pool has no more, or until no process can be started while other slots remain."""
        if hasattr(signal, "pthread_sigmask"):  # not on Windows
            ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            signal.pthread_sigmask(signal.SIG_BLOCK, ending)  # processes inherit the mask of this thread
        while (task := self._pool.next_task()) is not None:
            future = task.future
            if not (future.running() or future.set_running_or_notify_cancel()):
                continue
            try:
                result = self._result_of(task)
            except FileError as error:
                self._error = error
                if self._pool.return_task(task):
                    break
                future.set_exception(error)
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(result)
        self._end_process()

    def request_stop(self) -> None:
        """Ask the process to stop its work and end."""
        if (process := self._process) is not None:
            process.request_stop()

    def kill(self) -> None:
        """End the process by force."""
        if (process := self._process) is not None:
            process.kill()

    def wait(self, seconds: float | None) -> None:
        """Wait for the end of the slot and its process, at most `seconds`; without a limit if that is None."""
        if self.is_alive():
            self.join(seconds)

    def _result_of(self, task: _Task) -> Any:
        """Run a task in the process, and return its result. Raises the errors of `ProcessPool.submit`, and those of
        pickle if the work cannot be sent."""
        self._start_work(pickle.dumps(task.work))
        assert self._process is not None
        try:
            while True:
                message_type, value = self._process.next_message()
                if message_type != PROGRESS:
                    break
                self.bytes_read += value[0]
                self.transfers += value[1]
        except (EOFError, OSError):
            self._end_process()
            raise DeadProcessError("the process that converted it died, or was killed") from None
        except BaseException:  # the next message would look like the answer to other work
            self._end_process()
            raise
        if message_type == FAILED:
            raise RuntimeError(value)
        return value

    def _start_work(self, work: bytes) -> None:
        """Begin the work in the process, or in a new one. Raises FileError."""
        for _ in range(_MOST_FALSE_STARTS):
            if self._error is not None:
                raise self._error
            if self._pool.stopping:
                raise FileError("the pool was stopped")
            try:
                self._process = self._process or _Process()
            except OSError as error:
                raise FileError(f"cannot start a process: {reason_of(error)}", cause=error) from error
            if self._pool.stopping:  # the request may have come before this process was started
                self._process.request_stop()
            with suppress(EOFError, OSError):
                self._process.begin(work)
                return
            self._end_process()
        raise FileError(f"{_MOST_FALSE_STARTS} processes in a row died, or were killed, before they began")

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()


class _Process:
    """A process, and this end of its socket pair."""

    def __init__(self) -> None:
        """Start the process. Raises OSError."""
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
        """Send work, and wait until the process has received it. Raises EOFError or OSError if the process has died."""
        send(self._connection, work)
        receive(self._file)  # BEGUN

    def next_message(self) -> tuple[str, Any]:
        """Wait for the next message: PROGRESS, DONE or FAILED, and its value. Raises EOFError or OSError if the process
        has died."""
        message: tuple[str, Any] = pickle.loads(receive(self._file))
        return message

    def request_stop(self) -> None:
        """Ask the process to stop its work and end."""
        with suppress(OSError):  # the process has ended
            self._connection.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """End the process by force."""
        self._popen.kill()
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)  # the system may take long to end the process

    def end(self) -> None:
        """Ask the process to end, kill it after a second, and close its socket."""
        self.request_stop()
        try:
            self._popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(PATIENCE)
        self._file.close()
        self._connection.close()
