"""Runs jobs: converts one file after the other, from its source to its line in the manifest, in a worker's process.

Strategy: the line of a file is written before its target gets its final name (see `manifest`). So a killed process may
leave a line without its target, but never a target without its line. A job may therefore be repeated by another
process, which finds the line of a target that exists.
"""

from __future__ import annotations

import copy
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from pcapconv import formats
from pcapconv.batching import manifest
from pcapconv.batching.actions import Job
from pcapconv.batching.heartbeat import touch_heartbeat
from pcapconv.batching.lease import lease_observer
from pcapconv.batching.local import is_inside, make_directories, outside_message, state_of_open_file
from pcapconv.batching.locations import BatchContext, State, scheme_of
from pcapconv.batching.outcome import Outcome, SidecarOutcome
from pcapconv.batching.settings import Settings
from pcapconv.batching.sidecars import BatchSidecarFiles, source_sidecar_state
from pcapconv.batching.stores import store_of
from pcapconv.batching.transient_errors import is_transient
from pcapconv.conversion import Conversion, ConversionSettings
from pcapconv.errors import FileError, NotACaptureError, PcapconvError
from pcapconv.formats.compressed_captures import plain_content
from pcapconv.formats.output_compression import choose_compression
from pcapconv.io.paths import SIDECAR_SUFFIX, base_name
from pcapconv.io.read_write import TEMPORARY_FILE, reading
from pcapconv.io.source import Source
from pcapconv.io.source_digest import Digest
from pcapconv.io.target import Target
from pcapconv.report import LossError, Report
from pcapconv.sidecar import Sidecars, open_sidecars
from pcapconv.sinks import FileSink
from pcapconv.wording import argument, named_by


class Stopped(BaseException):
    """Raised inside a job when the batch stops the jobs of this process."""


class Monitor:
    """Stops the jobs of this process for the batch, and reports their progress to the batch. This base class does
    neither; `pool_process` derives a class that does both."""

    def must_stop(self) -> bool:
        """Return whether the jobs must stop."""
        return False

    def note_transfer(self, byte_count: int) -> None:
        """Note that `byte_count` more bytes were read; 0 if bytes were fetched, sent or read again."""


_bytes_read: Counter[str] = Counter()  # run → bytes that this process has read for it
_transfers: Counter[str] = Counter()  # run → how often this process has read, fetched or sent bytes for it
monitor = Monitor()  # of this process; replaced in a process of the pool


def progress_of(run: str) -> tuple[int, int]:
    """Return how many bytes this process has read for a run, and how often it has read, fetched or sent bytes."""
    return _bytes_read[run], _transfers[run]


def run_jobs(settings: Settings, jobs: Sequence[Job]) -> list[Outcome]:
    """Run jobs and return their outcomes. Raises Stopped."""
    with named_by(settings.form):
        return [_run_job(settings, job) for job in jobs]


def _run_job(settings: Settings, job: Job) -> Outcome:
    """Run a job, unless another process has finished it. An error is part of the outcome."""
    begun = time.perf_counter()
    known, status, retryable, refused = None, "failed", None, None
    try:
        return _earlier_outcome(settings, job) or _convert(settings, job, begun)
    except NotACaptureError as error:
        must_be_capture = settings.strict or formats.format_of(job.source) is not None
        status, message, known = "failed" if must_be_capture else "skipped", str(error), error.known
    except (PcapconvError, MemoryError, OSError) as error:
        message = str(error) or "out of memory"
        message = f"{job.source}: {message}" if message.startswith(TEMPORARY_FILE) else message
        retryable = is_transient(error, remote=scheme_of(job.source) is not None or scheme_of(job.target) is not None)
        with suppress(PcapconvError):
            if (earlier := _earlier_outcome(settings, job)) is not None:  # another process was faster
                return earlier
        if isinstance(error, LossError):
            refused = True
    fields: dict[str, Any] = {
        "known": known,
        "refused": refused,
        "seconds": _seconds_since(begun),
        "worker": _process_name(),
    }
    if retryable is not None:
        fields["retryable"] = retryable
    outcome = Outcome.without_report(job, settings, status, message, **fields)
    if settings.adds_lines:
        try:
            manifest.append_lines(settings.manifest, [outcome.to_json()])
        except PcapconvError:
            return outcome._replace(worker=None)  # the batch adds the line itself if there is no worker
    return outcome


def _earlier_outcome(settings: Settings, job: Job) -> Outcome | None:
    """Return the outcome of this job if another process has written its target and line since the batch began,
    otherwise None. The other process may be a worker of this run that was lost, or one of an earlier run that was still
    at work."""
    if not settings.adds_lines or job.action.refuses:
        return None
    store = store_of(job.target)
    state = store.state(job.target)
    if state is None or (state == job.source_state if job.in_place else job.action.replaces_target):
        return None
    return manifest.find_outcome(settings.manifest, settings.manifest_begin, job, state, settings)


def _convert(settings: Settings, job: Job, begun: float) -> Outcome:
    """Convert one file: write the target without its final name, then the line of the manifest, then commit the
    target."""
    store = store_of(job.target)
    batch = _batch_of(settings)
    job = _with_source_state(job)
    with ExitStack() as stack, store_of(job.source).open_source(job.source, batch.on_transfer) as source:
        source.fractions, source.salvage = settings.formats.fractions, settings.formats.salvage
        state, source_format = _check_source(settings, job, source)
        before = None if settings.sidecars is None else source_sidecar_state(job)
        progress = _Progress(settings)
        sidecars, content = _open_sidecars(settings, job, source, source_format, stack, progress)
        conversion_settings = ConversionSettings(
            choose_compression(settings.formats.writer_settings(source_format), job.target, source),
            settings.strict,
            settings.on_loss,
            settings.fsync,
            progress,
            hashed=True,
        )
        plan = copy.copy(settings.plan)  # a plan keeps state about its capture
        with Conversion(content, conversion_settings, plan) as conversion:
            conversion.use_sidecars(sidecars)
            conversion.survey()
            if store.local:
                make_directories(job.target, settings.home)
            target = store.open_target(job.target, batch, force=job.action.replaces_target)
            conversion.write_to(FileSink(target, base_name(job.target)))
            conversion.extract_to(_open_key_log(settings, job))
            report = conversion.run()
            digest = conversion.digest_of_source() if content is source else Digest(source).hexdigest(progress)
            (written,) = conversion.files
            outcome = Outcome.from_report(
                report,
                job._replace(source_state=State(source.size, state.time)),
                settings,
                source_sha256=digest,
                target_state=_state_of_written(target, job),
                target_sha256=written.file_sha256,
                seconds=_seconds_since(begun),
                worker=_process_name(),
                **_sidecar_fields(settings, job, report, sidecars, before),
            )
            if job.in_place:
                source.check_unchanged(job.target, job.target)  # `commit` checks again, after the line is written
            _check_may_continue(settings, now=True)
            if settings.adds_lines:
                manifest.append_lines(settings.manifest, [outcome.to_json()])
            conversion.commit()
    return outcome


def _with_source_state(job: Job) -> Job:
    """Return the job with the state of its source; ask the store again if the store gave no answer when the batch
    began."""
    if job.source_state == State(None, None):
        with suppress(FileError):  # opening the source will fail, too
            return job._replace(source_state=store_of(job.source).state(job.source) or job.source_state)
    return job


def _check_source(settings: Settings, job: Job, source: Source) -> tuple[State, str]:
    """Return the state and the format of an open source. Raises FileError if the source must not be converted, and
    FormatError if it is no capture."""
    state = state_of_open_file(source.file.fileno()) if store_of(job.source).local else job.source_state
    if job.in_place and state != job.source_state:  # another batch may edit it, or it is still being captured
        again = argument("resume", True)
        raise FileError(
            f"{job.source}: changed since the batch began, and was left as it is; {again} looks again", path=job.source
        )
    _check_inside(settings, job)
    with reading(source.name):
        return state or State(None, None), formats.format_at(source)


def _state_of_written(written: Target, job: Job) -> State:
    """Return the state that the target, or a file beside it, will have under its final name; behind a URL, only the
    size is known."""
    state = state_of_open_file(written.file.fileno())
    return state if scheme_of(job.target) is None else State(state.size, None)


def _sidecar_fields(
    settings: Settings, job: Job, report: Report, sidecars: Sidecars | None, before: State | None
) -> dict[str, Any]:
    """Return the fields of an outcome about sidecars. `before` is the state that the sidecar beside the source had
    before the conversion."""
    if settings.sidecars is not None:
        written = None if sidecars is None else sidecars.written_target
        after = None if written is None else _state_of_written(written, job)
        return {"sidecars": SidecarOutcome.from_report(report, before, after)}
    if (report.source_format, report.target_format) == ("pcap", "pcapng"):
        return {"sidecar_unused": source_sidecar_state(job) is not None}
    return {}


def _open_sidecars(
    settings: Settings,
    job: Job,
    source: Source,
    source_format: str,
    stack: ExitStack,
    progress: Callable[[int], object],
) -> tuple[Sidecars | None, Source]:
    """Open the sidecars of one file: a new one beside a pcap file that comes from pcapng, and an existing one beside a
    pcap source; None if neither is needed. Also return the source to convert: with sidecars, which are about a
    capture's own bytes, the content of a compressed one."""
    if settings.sidecars is None:
        return None, source
    target_format = settings.formats.to or source_format
    files = BatchSidecarFiles(job, _batch_of(settings))
    has_sidecar = source_format == "pcap" and files.exists(job.source + SIDECAR_SUFFIX)
    may_lose = source_format == "pcapng" or settings.plan is not None  # an edit may add what pcap cannot hold
    if not (has_sidecar or (target_format == "pcap" and may_lose)):
        return None, source
    content = plain_content(source, stack, progress)
    force = job.action.replaces_target or job.action.replaces_key_log
    locations = job.source, job.target
    if scheme_of(job.target) is None:
        make_directories(job.target, settings.home)
    other_targets = [] if settings.key_log_suffix is None else [job.target + settings.key_log_suffix]
    sidecars = open_sidecars(
        settings.sidecars, content, target_format, locations, stack, force=force, other_files=other_targets, files=files
    )
    return sidecars, content


def _check_inside(settings: Settings, job: Job) -> None:
    """Check that no file of a job would be written outside the new tree, through a symbolic link. Raises FileError."""
    for suffix in ("", SIDECAR_SUFFIX, *([settings.key_log_suffix] if settings.key_log_suffix else [])):
        if settings.inside is not None and not is_inside(job.target + suffix, settings.inside):
            raise FileError(outside_message(job.target + suffix), path=job.target + suffix)


def _open_key_log(settings: Settings, job: Job) -> Target | None:
    if settings.key_log_suffix is None:
        return None
    location, force = job.target + settings.key_log_suffix, job.action.replaces_key_log
    return store_of(location).open_target(location, _batch_of(settings), force=force, private=True)


def _check_may_continue(settings: Settings, *, now: bool = False) -> None:
    """Check that the batch has not stopped, and still holds its lease; with `now`, the lease is read even if it was
    read a moment ago. Raises Stopped."""
    if monitor.must_stop():
        raise Stopped
    if settings.lease is not None and not lease_observer(settings.lease, settings.run).is_held(now=now):
        raise Stopped(f"stopped, since the batch showed no sign of life in {settings.lease}")


def _batch_of(settings: Settings) -> BatchContext:
    """Return the values of the batch that stores need."""
    return BatchContext(settings.manifest, settings.root, settings.run, lambda: _note_transfer(settings, 0))


def _note_transfer(settings: Settings, byte_count: int) -> None:
    """Count bytes that were read, or with 0 a transfer of other bytes, and touch the heartbeat. Raises Stopped."""
    _check_may_continue(settings)
    _transfers[settings.run] += 1
    _bytes_read[settings.run] += byte_count
    monitor.note_transfer(byte_count)
    touch_heartbeat(settings)


class _Progress:
    """The progress callback of a conversion, called with the position in the source. Bytes that are read again count
    only once. Raises Stopped."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._furthest = 0

    def __call__(self, position: int) -> None:
        _note_transfer(self._settings, max(0, position - self._furthest))
        self._furthest = max(position, self._furthest)


def _seconds_since(begun: float) -> float:
    return round(time.perf_counter() - begun, 6)


def _process_name() -> str:
    """Return the host and process id of this process, for the manifest's field `worker`."""
    return f"{socket.gethostname()}:{os.getpid()}"
