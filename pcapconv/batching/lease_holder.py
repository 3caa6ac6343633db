"""Who holds a lease: the client that a lease names, and whether it lives, as far as its machine tells."""

from __future__ import annotations

import json
import os
import socket
from typing import Any, NamedTuple


class Holder(NamedTuple):
    """The client that a lease is of: its run, its host and process. `machine` tells apart what may number its processes
    alike, `started` is when the process began, in the machine's own terms. `elsewhere` tells that its jobs do not end
    with it. An unreadable lease has an empty `run`."""

    run: str
    host: str
    pid: int
    machine: str
    started: str
    elsewhere: bool

    @property
    def address(self) -> str:
        """Who that is, for people."""
        return f"host {self.host} with pid {self.pid}" if self.run else "an unknown host (its lease cannot be read)"


def this_process(run: str, *, elsewhere: bool) -> Holder:
    """This process as the holder of a run's lease."""
    return Holder(run, socket.gethostname(), os.getpid(), _machine(), _started(os.getpid()), elsewhere)


def holder_of(data: bytes) -> Holder:
    """Whom a lease with these bytes names."""
    try:
        told: dict[str, Any] = json.loads(data)
        holder = Holder(*(told[name] for name in Holder._fields))
    except (ValueError, KeyError, TypeError, RecursionError):
        holder = None
    kinds = (str, str, int, str, str, bool)
    if holder is None or not all(isinstance(value, kind) for value, kind in zip(holder, kinds)):
        return Holder("", "unknown", 0, "", "", elsewhere=True)
    return holder


def lives(holder: Holder) -> bool | None:
    """Whether a client lives, as far as its machine's processes tell; None where that is another machine, or does not
    say."""
    if holder.machine != _machine():
        return None
    started = _started(holder.pid)
    if started:
        return started == holder.started
    try:
        os.kill(holder.pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return None
    return None if not os.path.isdir("/proc/self") else False


def _machine() -> str:
    """What numbers the processes here: the system since it was started, and the container."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str:
    """When a process that lives was started; empty where there is none, or the system does not say."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *fields = file.read().rpartition(b") ")[2].split()
        return "" if state in (b"Z", b"X") else fields[18].decode()
    except (OSError, ValueError, IndexError):
        return ""
