"""One file of a batch, from its source to its line in the manifest. Runs in whatever process an executor has.

Strategy: what is said of a file is said before its target appears (see `manifest`), so that a process that is killed
leaves either nothing or a target with a line. A job may therefore be done again by another process: it finds that line.
"""

from __future__ import annotations

import copy
import hashlib
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any, NamedTuple

from pcapconv import formats
from pcapconv.batching import manifest
from pcapconv.batching.local import LOCAL, leads_out, lies_in, make_folder, state_of_open
from pcapconv.batching.places import State
from pcapconv.batching.stores import store_of
from pcapconv.conversion import OnLoss, converted
from pcapconv.errors import FileError, NotACaptureError, PcapconvError
from pcapconv.io.files import SIDECAR_SUFFIX, Source, Target, reading, there_is
from pcapconv.report import Report
from pcapconv.sidecar import SidecarOptions, Sidecars
from pcapconv.steps.plan import Plan

_MOST_DAMAGE = 10  # places of either kind that a line lists; all are counted
_ROOM = 2**18
_rooms: list[bytearray] = []  # of digests; new memory would cost as much as a small file's digest


class Stopped(BaseException):
    """Somebody wants the batch to end."""


class Settings(NamedTuple):
    """What all jobs of a batch have in common. `keys` is what the name of a target's extracted secrets ends with,
    `manifest` where lines are added, None where the batch does that, `options` a digest of all this, `root` the real
    path of the tree, None for a list, and `run` this run. `sidecars` are those that are asked for. `inside` is the real
    path of the directory that no target may lie out of, None where it may. `fsync` and `keep_snaplen` are as for
    `convert`."""

    to: str | None
    plan: Plan | None
    strict: bool
    on_loss: OnLoss
    nanoseconds: bool
    keys: str | None
    manifest: str | None
    options: str
    root: str | None
    run: str
    sidecars: SidecarOptions | None = None
    inside: str | None = None
    fsync: bool = True
    fractions: str | None = None
    keep_snaplen: bool = False


class Job(NamedTuple):
    """`source` and `target` are places, `name` and `target_name` what they are called in the tree. `state` is that of
    the source when the batch began. `force` allows to replace a target that is there, `force_keys` its key log. `taken`
    tells that there was a target that may not be replaced."""

    source: str
    name: str
    state: State | None
    target: str
    target_name: str
    force: bool
    force_keys: bool = False
    taken: bool = False

    @property
    def in_place(self) -> bool:
        """Whether the target takes the source's place."""
        return self.source == self.target


class Watch:
    """What a process of the batch's own looks at: whether it is to stop; and what it tells: bytes read."""

    def stopped(self) -> bool:
        """Whether to stop."""
        return False

    def read(self, count: int) -> None:
        """So many more bytes were read."""


watch = Watch()  # this process's; replaced where the batch has a line to it


def carry_out(settings: Settings, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """Do some jobs; returns their lines. Raises Stopped."""
    return [_line(settings, job) for job in jobs]


def line_of(job: Job, settings: Settings, status: str, error: str | None = None) -> dict[str, Any]:
    """A line with all its fields, of a file that was not converted, or not yet."""
    size, changed = job.state or State(None, None)
    return {
        "source": job.name,
        "source_size": size,
        "source_time": changed,
        "source_sha256": None,
        "target": job.target_name,
        "target_size": None,
        "target_time": None,
        "target_sha256": None,
        "status": status,
        "packets_read": 0,
        "packets_written": 0,
        "losses": {},
        "left_out": {},
        "damage": [],
        "damage_total": 0,
        "warnings": [],
        "warnings_total": 0,
        "key_log": False,
        "seconds": 0,
        "error": error,
        "options": settings.options,
        "root": settings.root,
        "run": settings.run,
        "worker": None,
    }


def _line(settings: Settings, job: Job) -> dict[str, Any]:
    begun = time.perf_counter()
    try:
        line = _done_before(settings, job) or _convert(settings, job, begun)
    except NotACaptureError as error:
        meant = settings.strict or formats.format_of(job.source) is not None
        line = line_of(job, settings, "failed" if meant else "skipped", str(error)) | {"known": error.known}
    except (PcapconvError, MemoryError, OSError) as error:
        line = line_of(job, settings, "failed", str(error) or "out of memory")
    if line["status"] not in manifest.DONE:
        line["seconds"], line["worker"] = _since(begun), _worker()
        if settings.manifest is not None:
            with suppress(PcapconvError):  # the line comes back anyway
                manifest.add(settings.manifest, [line])
    return line


def _done_before(settings: Settings, job: Job) -> dict[str, Any] | None:
    """The line of a target that another process of this run wrote, before it was lost, and nobody could tell."""
    if settings.manifest is None or job.taken:
        return None
    store = store_of(job.target)
    state = store.state(job.target)
    if state is None or (state == job.state if job.in_place else job.force):
        return None
    return manifest.find(settings.manifest, job.name, job.target_name, state, settings.run)


def _convert(settings: Settings, job: Job, begun: float) -> dict[str, Any]:
    store = store_of(job.target)
    with ExitStack() as stack, store_of(job.source).open_source(job.source) as source:
        state = state_of_open(source.file.fileno()) if store_of(job.source).local else job.state
        source.fractions = settings.fractions
        if job.in_place:
            _check_unchanged(job, state)
        _check_inside(settings, job)
        with reading(source.name):
            known = formats.format_at(source)
        beside = None if settings.sidecars is None else LOCAL.state(job.source + SIDECAR_SUFFIX)
        sidecars = _sidecars(settings, job, source, known, stack)
        with converted(
            source,
            settings.to or known,
            lambda: store.open_target(job.target, force=job.force),
            lambda: _open_keys(settings, job),
            plan=copy.copy(settings.plan),  # which remembers what it saw of a capture
            strict=settings.strict,
            on_loss=settings.on_loss,
            nanoseconds=settings.nanoseconds,
            keep_snaplen=settings.keep_snaplen,
            sidecars=sidecars,
            fsync=settings.fsync,
            progress=_Progress(),
        ) as (report, place):
            line = line_of(job._replace(state=state), settings, "converted")
            line |= _told(report)
            if settings.sidecars is None and known == "pcap" and report.target_format == "pcapng":
                line["sidecar_unused"] = LOCAL.state(job.source + SIDECAR_SUFFIX) is not None
            if settings.sidecars is not None:
                line |= _sidecars_told(report)
                line |= _state_told("source_sidecar", beside)
                written = None if sidecars is None else sidecars.target
                line |= _state_told("target_sidecar", None if written is None else state_of_open(written.file.fileno()))
            line["source_size"], line["source_sha256"] = _digest_of_source(source)
            line["target_size"], line["target_sha256"] = _digest_of_target(place)
            line["target_time"] = state_of_open(place.file.fileno()).time if store.local else None
            line["seconds"], line["worker"] = _since(begun), _worker()
            if job.in_place:
                source.check_unchanged(job.target)  # as it is again before the target appears: then there is a line
            if settings.manifest is not None:
                manifest.add(settings.manifest, [line])
    return line


def _sidecars(settings: Settings, job: Job, source: Source, known: str, stack: ExitStack) -> Sidecars | None:
    """Those of one file: written beside a pcap file that comes from pcapng, read where one lies beside a pcap file."""
    if settings.sidecars is None:
        return None
    to_pcap = (settings.to or known) == "pcap"
    there = known == "pcap" and there_is(job.source + SIDECAR_SUFFIX)
    adds = known == "pcapng" or settings.plan is not None  # what pcap cannot hold
    if not (there or (to_pcap and adds)):
        return None
    force = job.force or job.force_keys
    places = job.source, job.target
    make_folder(job.target)
    taken = [] if settings.keys is None else [job.target + settings.keys]
    return Sidecars(settings.sidecars, source, settings.to or known, places, stack, force=force, taken=taken)


def _check_unchanged(job: Job, state: State | None) -> None:
    """Raises FileError where a file is no longer what it was: another batch may edit it too, or a capture go on."""
    if state != job.state:
        raise FileError(f"{job.source}: changed since the batch began, and was left as it is; --resume looks again")


def _check_inside(settings: Settings, job: Job) -> None:
    """Raises FileError where what is written for a job would lie out of the new tree, by way of a symbolic link."""
    for suffix in ("", SIDECAR_SUFFIX, *([settings.keys] if settings.keys else [])):
        if settings.inside is not None and not lies_in(job.target + suffix, settings.inside):
            raise FileError(leads_out(job.target + suffix))


def _open_keys(settings: Settings, job: Job) -> Target | None:
    if settings.keys is None:
        return None
    return store_of(job.target).open_target(job.target + settings.keys, force=job.force_keys, private=True)


def _told(report: Report) -> dict[str, Any]:
    return {
        "status": "damaged" if report.damage else "converted",
        "packets_read": report.packets_read,
        "packets_written": report.packets_written,
        "losses": dict(report.losses),
        "left_out": dict(report.left_out),
        "damage": [damage._asdict() for damage in report.damage[:_MOST_DAMAGE]],
        "damage_total": report.damage_total,
        "warnings": [notice._asdict() for notice in report.warnings[:_MOST_DAMAGE]],
        "warnings_total": report.warnings_total,
        "key_log": bool(report.secrets_extracted),
    }


def _state_told(name: str, state: State | None) -> dict[str, Any]:
    size, when = (None, None) if state is None else state
    return {f"{name}_size": size, f"{name}_time": when}


def _sidecars_told(report: Report) -> dict[str, Any]:
    found = report.found_in_sidecar or {}
    return {
        "sidecar_written": report.sidecar_written,
        "sidecar_read": report.sidecar_read,
        "kept_in_sidecar": report.kept_in_sidecar,
        "missing_in_sidecar": report.missing_in_sidecar,
        "damage_in_sidecar": report.damage_in_sidecar,
        "found_in_sidecar": {kind: count for kind, count in found.items() if isinstance(count, int)},
    }


def _digest_of_source(source: Source) -> tuple[int, str]:
    source.rewind()
    return _digest(source.readinto)


def _digest_of_target(place: Target) -> tuple[int, str]:
    with reading(place.name):
        place.file.seek(place.start)
        return _digest(place.file.readinto)


def _digest(readinto: Callable[[memoryview], int]) -> tuple[int, str]:
    """How many bytes there are, and their SHA-256."""
    size, sha256 = 0, hashlib.sha256()
    try:
        buffer = _rooms.pop()
    except IndexError:
        buffer = bytearray(_ROOM)
    with memoryview(buffer) as room:
        while count := readinto(room):
            size += count
            sha256.update(room[:count])
            if watch.stopped():
                raise Stopped
    _rooms.append(buffer)
    return size, sha256.hexdigest()


class _Progress:
    """Tells what is read while it is read, and ends what is to stop."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, position: int) -> None:
        if watch.stopped():
            raise Stopped
        watch.read(max(0, position - self._told))
        self._told = max(position, self._told)


def _since(begun: float) -> float:
    return round(time.perf_counter() - begun, 6)


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
