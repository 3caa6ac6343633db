"""The pool of processes that a batch runs in: no work is lost that had not begun, whichever of them is killed.

Strategy: work is sent by name, so it is made of functions that every interpreter has; `exec` carries the rest. A
process that is to die at one exact moment kills itself then.
"""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pcapconv.batching.pool import DeadProcessError, ProcessPool
from pcapconv.errors import FileError

pytestmark = pytest.mark.slow  # processes that are killed

PATIENCE = 20  # seconds until a test fails that would hang
DIED = "^the process that converted it died, or was killed$"

HALF_A_MESSAGE = """
import os, signal
from pcapconv.batching import jobs
jobs.monitor._connection.sendall((1000).to_bytes(8, "little") + b"1")
os.kill(os.getpid(), signal.SIGKILL)
"""

SITE = """
import os, signal, sys
if "pcapconv.batching.pool_process" in " ".join(sys.orig_argv):
    with open({log!r}, "ab") as log:
        log.write(b".")
    if os.path.getsize({log!r}) <= {deadly}:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    """A pool with one process; nothing of it is left."""
    yield from running(1)


@pytest.fixture
def pool_of_two() -> Iterator[ProcessPool]:
    """A pool with two."""
    yield from running(2)


def running(several: int) -> Iterator[ProcessPool]:
    before = threading.active_count()
    pool = ProcessPool(several)
    try:
        yield pool
    finally:
        pool.stop()
    assert threading.active_count() == before


def result(pool: ProcessPool, function: Any, *arguments: Any) -> Any:
    return pool.submit(function, *arguments).result(PATIENCE)


def process_is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_work_is_done_by_one_process_after_another(pool: ProcessPool) -> None:
    pid = result(pool, os.getpid)
    assert pid != os.getpid()
    assert [future.result(PATIENCE) for future in [pool.submit(int, str(number)) for number in range(9)]] == [*range(9)]
    assert result(pool, os.getpid) == pid
    pool.shutdown()
    assert process_is_gone(pid)


def test_an_idle_process_that_is_killed_costs_nothing(pool: ProcessPool) -> None:
    pid = result(pool, os.getpid)
    for _ in range(3):
        os.kill(pid, signal.SIGKILL)
        pid, killed = result(pool, os.getpid), pid
        assert pid != killed
        assert process_is_gone(killed)


def test_a_process_that_dies_takes_only_its_own_work_with_it(pool_of_two: ProcessPool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "wait")
    other = pool_of_two.submit(exec, f"open({str(tmp_path / 'wait')!r}).read()")
    with pytest.raises(DeadProcessError, match=DIED):
        result(pool_of_two, os._exit, 0)
    assert result(pool_of_two, int, "17") == 17
    assert not other.done()
    (tmp_path / "wait").write_text("")
    assert other.result(PATIENCE) is None


def test_killed_in_the_middle_of_a_message(pool: ProcessPool) -> None:
    with pytest.raises(DeadProcessError, match=DIED):
        result(pool, exec, HALF_A_MESSAGE)
    assert result(pool, int, "17") == 17


def test_a_process_that_is_stopped_is_not_dead(pool: ProcessPool) -> None:
    pid = result(pool, os.getpid)
    os.kill(pid, signal.SIGSTOP)
    future = pool.submit(os.getpid)
    assert not future.done()
    os.kill(pid, signal.SIGCONT)
    assert future.result(PATIENCE) == pid


def test_a_process_that_is_stopped_ends_with_the_pool(pool: ProcessPool) -> None:
    pid = result(pool, os.getpid)
    os.kill(pid, signal.SIGSTOP)
    pool.shutdown()
    assert process_is_gone(pid)


def test_errors_of_the_work_are_told_and_the_process_lives(pool: ProcessPool) -> None:
    pid = result(pool, os.getpid)
    for function, argument, message in [
        (int, "x", r"^invalid literal for int\(\) with base 10: 'x'$"),
        (memoryview, b"", "^cannot pickle .*memoryview"),
        (exec, "raise MemoryError", "^MemoryError$"),
    ]:
        with pytest.raises(RuntimeError, match=message):
            result(pool, function, argument)
    with pytest.raises(TypeError, match=r"^cannot pickle .*memoryview"):
        result(pool, len, memoryview(b""))
    assert result(pool, os.getpid) == pid


def test_bytes_read_are_added_up(pool_of_two: ProcessPool) -> None:
    tell = "from pcapconv.batching import jobs\nfor _ in range(1000): jobs.monitor.note_transfer(3)"
    for future in [pool_of_two.submit(exec, tell) for _ in range(4)]:
        future.result(PATIENCE)
    assert pool_of_two.bytes_read() == 12000


def test_processes_share_nothing_that_would_outlive_them(pool: ProcessPool) -> None:
    """Named semaphores would; Python makes them with one module."""
    assert result(pool, exec, "import sys\nassert '_multiprocessing' not in sys.modules") is None
    code = "import sys, pcapconv.batching\nassert '_multiprocessing' not in sys.modules"
    assert subprocess.run([sys.executable, "-P", "-c", code], timeout=PATIENCE).returncode == 0


# ---------------------------------------------------------------- starting


def killed_while_starting(deadly: int, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """The first processes die before they can take work; gives a file that is as long as there were processes."""
    log = folder / "log"
    (folder / "sitecustomize.py").write_text(SITE.format(log=str(log), deadly=deadly))
    patch.setenv("PYTHONPATH", str(folder))
    return log


def test_killed_while_it_starts(pool: ProcessPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = killed_while_starting(3, tmp_path, monkeypatch)
    assert result(pool, int, "17") == 17
    assert log.stat().st_size == 4


def test_what_is_killed_again_and_again_comes_to_an_end(
    pool_of_two: ProcessPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = killed_while_starting(1000, tmp_path, monkeypatch)
    for future in [pool_of_two.submit(int, "17") for _ in range(30)]:
        with pytest.raises(FileError, match=r"^10 processes in a row died, or were killed, before they began$"):
            future.result(PATIENCE)
    assert log.stat().st_size == 20
    pool_of_two.shutdown()


@pytest.fixture
def most_processes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """So many processes can be started, and no more."""
    left = [0]

    begin = subprocess.Popen

    def popen(*arguments: Any, **named: Any) -> Any:
        if not left[0]:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        left[0] -= 1
        return begin(*arguments, **named)

    monkeypatch.setattr(subprocess, "Popen", popen)
    return left


def test_the_processes_that_there_are_do_all_work(most_processes: list[int]) -> None:
    most_processes[0] = 1
    for pool in running(4):
        pids = {future.result(PATIENCE) for future in [pool.submit(os.getpid) for _ in range(20)]}
        assert len(pids) == 1


def test_no_process_can_be_started(most_processes: list[int]) -> None:
    assert most_processes == [0]
    for pool in running(4):
        for future in [pool.submit(os.getpid) for _ in range(20)]:
            with pytest.raises(FileError, match=r"^cannot start a process: too many open files$"):
                future.result(PATIENCE)


def test_processes_find_what_this_one_finds(pool: ProcessPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_here.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert result(pool, exec, "import only_here") is None
    assert result(pool, exec, "import sys\nassert sys.stdin.read() == ''") is None


# ---------------------------------------------------------------- ending


def test_nothing_is_taken_after_the_end(pool: ProcessPool) -> None:
    futures = [pool.submit(int, str(number)) for number in range(9)]
    pool.shutdown()
    assert [future.result(0) for future in futures] == [*range(9)]
    with pytest.raises(RuntimeError, match=r"^cannot submit work to a pool that was shut down$"):
        pool.submit(int)


def test_what_has_not_begun_is_cancelled(pool: ProcessPool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")
    endless = f"import time\nopen({str(tmp_path / 'begun')!r}, 'w').close()\nwhile True: time.sleep(1)"
    first, *rest = [pool.submit(exec, endless) for _ in range(3)]
    (tmp_path / "begun").read_text()
    pool.stop()
    assert all(future.cancelled() for future in rest)
    with pytest.raises(DeadProcessError):
        first.result(0)


def test_processes_end_quietly_when_their_parent_was_killed_while_they_start(tmp_path: Path) -> None:
    """The process waits at its very beginning until the other one is dead."""
    for fifo in ("started", "go on"):
        os.mkfifo(tmp_path / fifo)
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'pcapconv.batching.pool_process' in ' '.join(sys.orig_argv):\n"
        f"    open({str(tmp_path / 'started')!r}, 'w').close()\n"
        f"    open({str(tmp_path / 'go on')!r}).close()\n"
    )
    code = "from pcapconv.batching.pool import ProcessPool; ProcessPool(1).submit(int, '17').result()"
    parent = subprocess.Popen(
        [sys.executable, "-P", "-c", code], stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(tmp_path)}
    )
    (tmp_path / "started").read_text()
    parent.kill()
    assert parent.wait() == -signal.SIGKILL
    (tmp_path / "go on").write_text("")
    assert parent.communicate(timeout=PATIENCE)[1] == b""  # which ends when the last process has
