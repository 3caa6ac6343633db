"""One file of a batch, from its source to its line in the manifest. Runs in whatever process an executor has.

Strategy: what is said of a file is said before its target appears (see `manifest`), so that a process that is killed
leaves either nothing or a target with a line. A job may therefore be done again by another process: it finds that line.
"""

from __future__ import annotations

import copy
import os
import socket
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Any

from pcapconv import formats
from pcapconv.batching import manifest
from pcapconv.batching.actions import Job
from pcapconv.batching.companions import CompanionFiles, state_beside_source
from pcapconv.batching.heartbeat import beat
from pcapconv.batching.lease import sight_of
from pcapconv.batching.local import leads_out, lies_in, make_folder, state_of_open
from pcapconv.batching.locations import Batch, State, scheme_of
from pcapconv.batching.outcome import Outcome, SidecarOutcome
from pcapconv.batching.retrying import may_pass
from pcapconv.batching.settings import Settings
from pcapconv.batching.stores import store_of
from pcapconv.conversion import Conversion, ConversionSettings
from pcapconv.errors import FileError, NotACaptureError, PcapconvError
from pcapconv.io.paths import SIDECAR_SUFFIX, base_name
from pcapconv.io.read_write import TEMPORARY_FILE, reading
from pcapconv.io.source import Source
from pcapconv.io.target import Target
from pcapconv.report import LossError, Report
from pcapconv.sidecar import Sidecars, open_sidecars
from pcapconv.sinks import FileSink
from pcapconv.wording import argument, named_by


class Stopped(BaseException):
    """Somebody wants the batch to end."""


class Watch:
    """What a process of the batch's own looks at: whether it is to stop; and what it tells: bytes read, and that
    anything moves."""

    def stopped(self) -> bool:
        """Whether to stop."""
        return False

    def read(self, count: int) -> None:
        """So many more bytes were read, none when something else moved."""


_read: Counter[str] = Counter()  # run → bytes that this process has read for it
_moves: Counter[str] = Counter()  # run → how often bytes have moved for it: read again, fetched or sent, too
watch = Watch()  # this process's; replaced where the batch has a line to it


def told_so_far(run: str) -> tuple[int, int]:
    """How many bytes this process has read for a run, and how often any have moved."""
    return _read[run], _moves[run]


def run_jobs(settings: Settings, jobs: Sequence[Job]) -> list[Outcome]:
    """Do some jobs; returns what became of them. Raises Stopped."""
    with named_by(settings.form):
        return [_outcome(settings, job) for job in jobs]


def _outcome(settings: Settings, job: Job) -> Outcome:
    begun = time.perf_counter()
    known, status, passing, refused = None, "failed", None, None
    try:
        return _done_before(settings, job) or _convert(settings, job, begun)
    except NotACaptureError as error:
        meant = settings.strict or formats.format_of(job.source) is not None
        status, said, known = "failed" if meant else "skipped", str(error), error.known
    except (PcapconvError, MemoryError, OSError) as error:
        said = str(error) or "out of memory"
        said = f"{job.source}: {said}" if said.startswith(TEMPORARY_FILE) else said
        passing = may_pass(error, remote=scheme_of(job.source) is not None or scheme_of(job.target) is not None)
        with suppress(PcapconvError):
            if (done := _done_before(settings, job)) is not None:  # meanwhile
                return done
        if isinstance(error, LossError):
            refused = True
    name_in_errors: dict[str, Any] = {"known": known, "refused": refused, "seconds": _since(begun), "worker": _worker()}
    if passing is not None:
        name_in_errors["retryable"] = passing
    outcome = Outcome.without_report(job, settings, status, said, **name_in_errors)
    if settings.adds_lines:
        try:
            manifest.add(settings.manifest, [outcome.to_json()])
        except PcapconvError:
            return outcome._replace(worker=None)  # whose line the batch itself adds
    return outcome


def _done_before(settings: Settings, job: Job) -> Outcome | None:
    """What became of a target that another process wrote, of this run before it was lost, or of an earlier one that
    was still at work, and nobody could tell."""
    if not settings.adds_lines or job.action.refuses:
        return None
    store = store_of(job.target)
    state = store.state(job.target)
    if state is None or (state == job.state if job.in_place else job.action.replaces_target):
        return None
    return manifest.find(settings.manifest, settings.begin, job, state, settings)


def _convert(settings: Settings, job: Job, begun: float) -> Outcome:
    store = store_of(job.target)
    batch = _batch_of(settings)
    job = _asked_again(job)
    with ExitStack() as stack, store_of(job.source).open_source(job.source, batch.moved) as source:
        source.fractions = settings.formats.fractions
        state, known = _looked_at(settings, job, source)
        before = None if settings.sidecars is None else state_beside_source(job)
        sidecars = _sidecars(settings, job, source, known, stack)
        how = ConversionSettings(
            settings.formats.writer_of(known),
            settings.strict,
            settings.on_loss,
            settings.fsync,
            _Progress(settings),
            hashed=True,
        )
        plan = copy.copy(settings.plan)  # which remembers what it saw of a capture
        with Conversion(source, how, plan) as conversion:
            conversion.use_sidecars(sidecars)
            conversion.survey()
            if store.local:
                make_folder(job.target, settings.home)
            location = store.open_target(job.target, batch, force=job.action.replaces_target)
            conversion.write_to(FileSink(location, base_name(job.target)))
            conversion.extract_to(_open_keys(settings, job))
            report = conversion.run()
            (written,) = conversion.files
            outcome = Outcome.of(
                report,
                job._replace(state=State(source.size, state.time)),
                settings,
                source_sha256=conversion.digest_of_source(),
                target_state=_state_of_written(location, job),
                target_sha256=written.sha256,
                seconds=_since(begun),
                worker=_worker(),
                **_beside(settings, job, report, sidecars, before),
            )
            if job.in_place:
                source.check_unchanged(job.target)  # as it is again before the target appears: then there is a line
            _check(settings, now=True)
            if settings.adds_lines:
                manifest.add(settings.manifest, [outcome.to_json()])
            conversion.commit()
    return outcome


def _asked_again(job: Job) -> Job:
    """The job with the state of its source, also where its store gave no answer when the batch began."""
    if job.state == State(None, None):
        with suppress(FileError):  # as opening it will tell
            return job._replace(state=store_of(job.source).state(job.source) or job.state)
    return job


def _looked_at(settings: Settings, job: Job, source: Source) -> tuple[State, str]:
    """The state and the format of a source that is opened. Raises FileError where it may not be converted, and
    FormatError where it is no capture."""
    state = state_of_open(source.file.fileno()) if store_of(job.source).local else job.state
    if job.in_place and state != job.state:  # another batch may edit it too, or a capture go on
        again = argument("resume", True)
        raise FileError(f"{job.source}: changed since the batch began, and was left as it is; {again} looks again")
    _check_inside(settings, job)
    with reading(source.name):
        return state or State(None, None), formats.format_at(source)


def _state_of_written(location: Target, job: Job) -> State:
    """The state that something beside the target, or the target, will have; behind a URL, only its size is known."""
    state = state_of_open(location.file.fileno())
    return state if scheme_of(job.target) is None else State(state.size, None)


def _beside(
    settings: Settings, job: Job, report: Report, sidecars: Sidecars | None, before: State | None
) -> dict[str, Any]:
    """What an outcome says of sidecars. `before` is the state, before the conversion, of the one beside the source."""
    if settings.sidecars is not None:
        written = None if sidecars is None else sidecars.target
        after = None if written is None else _state_of_written(written, job)
        return {"sidecars": SidecarOutcome.of(report, before, after)}
    if (report.source_format, report.target_format) == ("pcap", "pcapng"):
        return {"sidecar_unused": state_beside_source(job) is not None}
    return {}


def _sidecars(settings: Settings, job: Job, source: Source, known: str, stack: ExitStack) -> Sidecars | None:
    """Those of one file: written beside a pcap file that comes from pcapng, read where one lies beside a pcap file."""
    if settings.sidecars is None:
        return None
    to_pcap = (settings.formats.to or known) == "pcap"
    files = CompanionFiles(job, _batch_of(settings))
    there = known == "pcap" and files.there_is(job.source + SIDECAR_SUFFIX)
    adds = known == "pcapng" or settings.plan is not None  # what pcap cannot hold
    if not (there or (to_pcap and adds)):
        return None
    force = job.action.replaces_target or job.action.replaces_keys
    locations = job.source, job.target
    if scheme_of(job.target) is None:
        make_folder(job.target, settings.home)
    taken = [] if settings.keys is None else [job.target + settings.keys]
    return open_sidecars(
        settings.sidecars, source, settings.formats.to or known, locations, stack, force=force, taken=taken, files=files
    )


def _check_inside(settings: Settings, job: Job) -> None:
    """Raises FileError where what is written for a job would lie out of the new tree, by way of a symbolic link."""
    for suffix in ("", SIDECAR_SUFFIX, *([settings.keys] if settings.keys else [])):
        if settings.inside is not None and not lies_in(job.target + suffix, settings.inside):
            raise FileError(leads_out(job.target + suffix))


def _open_keys(settings: Settings, job: Job) -> Target | None:
    if settings.keys is None:
        return None
    location, force = job.target + settings.keys, job.action.replaces_keys
    return store_of(location).open_target(location, _batch_of(settings), force=force, private=True)


def _check(settings: Settings, *, now: bool = False) -> None:
    """Raises Stopped where the batch is to end; `now` looks at its lease even if that was looked at a moment ago."""
    if watch.stopped():
        raise Stopped
    if settings.lease is not None and not sight_of(settings.lease, settings.run).held(now=now):
        raise Stopped(f"stopped, since the batch showed no sign of life in {settings.lease}")


def _batch_of(settings: Settings) -> Batch:
    """What stores are told of the batch."""
    return Batch(settings.manifest, settings.root, settings.run, lambda: _move(settings, 0))


def _move(settings: Settings, count: int) -> None:
    """Tell that something moves, and that so many bytes were read; end what is to stop."""
    _check(settings)
    _moves[settings.run] += 1
    _read[settings.run] += count
    watch.read(count)
    beat(settings)


class _Progress:
    """Tells what is read while it is read, and ends what is to stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._told = 0

    def __call__(self, position: int) -> None:
        _move(self._settings, max(0, position - self._told))
        self._told = max(position, self._told)


def _since(begun: float) -> float:
    return round(time.perf_counter() - begun, 6)


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
