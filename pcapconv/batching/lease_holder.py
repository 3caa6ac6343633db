"""The client that holds a lease, and whether its process is still alive."""

from __future__ import annotations

import json
import os
import socket
from typing import Any, NamedTuple


class Holder(NamedTuple):
    """The client that holds a lease. The fields have the names of the fields in the lease's JSON.

    `run` is the id of the client's run, empty for a lease that cannot be read. `host` and `pid` identify its process;
    `machine` is an id of the system (or container) within which process ids are unique; `started` is the start of the
    process in the clock ticks of that system. `elsewhere` is True if the jobs do not end with the client, as on a
    cluster.
    """

    run: str
    host: str
    pid: int
    machine: str
    started: str
    elsewhere: bool

    @property
    def description(self) -> str:
        """The host and process id, for messages."""
        return f"host {self.host} with pid {self.pid}" if self.run else "an unknown host (its lease cannot be read)"


def this_process(run: str, *, elsewhere: bool) -> Holder:
    """Return this process as the holder of a run's lease."""
    return Holder(run, socket.gethostname(), os.getpid(), _machine_id(), _start_time(os.getpid()), elsewhere)


def parse_holder(data: bytes) -> Holder:
    """Return the holder that the bytes of a lease name; a holder with an empty `run` if the bytes are malformed."""
    try:
        fields: dict[str, Any] = json.loads(data)
        holder = Holder(*(fields[name] for name in Holder._fields))
    except (ValueError, KeyError, TypeError, RecursionError):
        holder = None
    types = (str, str, int, str, str, bool)
    if holder is None or not all(isinstance(value, type_) for value, type_ in zip(holder, types)):
        return Holder("", "unknown", 0, "", "", elsewhere=True)
    return holder


def is_alive(holder: Holder) -> bool | None:
    """Return whether the holder's process is alive; None if that cannot be determined, as on another machine."""
    if holder.machine != _machine_id():
        return None
    started = _start_time(holder.pid)
    if started:
        return started == holder.started
    if os.name == "nt":  # where `kill` would end the process
        return None
    try:
        os.kill(holder.pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return None
    return None if not os.path.isdir("/proc/self") else False


def _machine_id() -> str:
    """Return an id of the system (its boot, and the container) within which process ids are unique; the host's name if
    the system is not Linux."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _start_time(pid: int) -> str:
    """Return when a living process was started, in clock ticks since the boot; "" if there is no such process, or the
    system does not report it."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *fields = file.read().rpartition(b") ")[2].split()
        return "" if state in (b"Z", b"X") else fields[18].decode()
    except (OSError, ValueError, IndexError):
        return ""
