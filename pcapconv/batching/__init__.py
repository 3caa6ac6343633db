"""Convert whole trees of captures, in parallel, and go on where a run was stopped: `pcapconv.batch`.

Strategy: files are found and named first (`stores`, `plans`), then handed in chunks to an executor (`executors`), where
`jobs` converts them; what became of each is a line (`manifest`).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, cast

from pcapconv import formats
from pcapconv.batching import executors, manifest, plans
from pcapconv.batching.jobs import Job, Settings, line_of
from pcapconv.batching.local import clear_away, leads_out, lies_in
from pcapconv.batching.report import BatchReport, Watcher
from pcapconv.batching.runner import run
from pcapconv.batching.stores import scheme_of, store_of
from pcapconv.convert import OnLoss, check_on_loss, make_plan
from pcapconv.errors import FileError, NothingFoundError, PcapconvError, UsageError
from pcapconv.files import SIDECAR_SUFFIX, STDIO, check_fractions, read_file, reason_of
from pcapconv.sidecar import SidecarOptions
from pcapconv.steps.plan import REPEATABLE
from pcapconv.steps.secrets import parse_secrets

if TYPE_CHECKING:
    from typing import Unpack

    from pcapconv.steps.plan import StepOptions

_REMOTE = "is remote, where files cannot be rewritten safely; name a DST"


def batch(
    source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    target: str | os.PathLike[str] | None = None,
    *,
    to: str | None = None,
    in_place: bool = False,
    resume: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    jobs: int | None = None,
    scheduler: str | None = None,
    executor: Executor | None = None,
    force: bool = False,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    nanoseconds: bool = False,
    fractions: str | None = None,
    keep_snaplen: bool = False,
    sidecar: bool = False,
    sidecar_secrets: bool = False,
    sidecar_fingerprints: bool = False,
    follow_links: bool = False,
    fsync: bool = True,
    allow_empty: bool = False,
    watcher: Watcher | None = None,
    others: Mapping[str, str] | None = None,
    **options: Unpack[StepOptions],
) -> BatchReport:
    """Select from, edit and convert all captures of a tree.

    `source` is a directory, a file, or a list of files; `target` the directory in which the tree is mirrored, with the
    suffix of the format `to`; without `to`, files keep format and name. Both may be URLs. `in_place` rewrites each
    file where it is instead. `include` and `exclude` are patterns as in .gitignore. `resume` goes on where an earlier
    run of the same batch stopped; `force` replaces targets that exist. `strict`, `on_loss`, `nanoseconds`, `fractions`,
    `keep_snaplen`, `fsync` and `options` are as for `convert`, but for `extract_secrets`: the suffix of a file beside
    each target. `sidecar` writes one beside each pcap file that comes from pcapng, and reads one wherever it lies
    beside a pcap file. `follow_links` allows to write where a symbolic link in `target` leads out of it.
    Jobs run in `jobs` processes, as many as there are cores by default; on the Dask cluster of `scheduler`; or in an
    `executor` of the caller's. A file that cannot be converted does not stop the others; one that is no capture is left
    out, unless its name is that of one, then it failed. `watcher` looks on. `others` are paths that no file of the
    batch may have, by what they are, as in `{"--report": "report.json"}`.

    Returns a `BatchReport`. Raises a `PcapconvError` when the batch as a whole makes no sense or cannot be done, and a
    NothingFoundError, with the report, when there is no capture in the directory `source`, unless with `allow_empty`.
    """
    begun = time.monotonic()
    check_on_loss(on_loss)
    check_fractions(fractions)
    if to is not None:
        formats.target_format(None, to)
    if [jobs, scheduler, executor].count(None) < 2:
        raise UsageError("--jobs, --scheduler (and executor=) exclude each other")
    if jobs is not None and (isinstance(jobs, bool) or not isinstance(jobs, int) or not 1 <= jobs <= 1024):
        raise UsageError(f"--jobs {jobs}: write a whole number from 1 to 1024")
    root, home = _roots(source, target, in_place=in_place)
    sidecars = _sidecars(SidecarOptions(sidecar, None, sidecar_secrets, sidecar_fingerprints), root, home)
    settings = _settings(
        options,
        to,
        root,
        sidecars,
        in_place=in_place,
        strict=strict,
        on_loss=on_loss,
        nanoseconds=nanoseconds,
        fractions=fractions,
        keep_snaplen=keep_snaplen,
    )._replace(fsync=fsync)
    keep, drop = plans.wanted(include, exclude)
    report = BatchReport(plans.joined(home, manifest.NAME))
    local = store_of(home).local
    known = manifest.read(report.manifest) if resume else {}
    if root is None:
        sources = plans.listed(cast("Iterable[str]", source))
    else:
        sources = store_of(root).find(root, None if in_place else home, links=not in_place)
    found = [
        each
        for each in sources
        if each.name != manifest.NAME
        and (keep is None or each.folder or keep.match_file(each.name))
        and not drop.match_file(each.name + "/" if each.folder else each.name)
    ]
    if in_place and settings.keys is not None:  # key logs of an earlier run are no sources
        found = plans.without_companions(found, settings.keys)
    found = plans.without_companions(found, SIDECAR_SUFFIX)
    remote = next((each.place for each in found if in_place and scheme_of(each.place) is not None), None)
    if remote is not None:
        raise UsageError(f"--in-place: {remote} {_REMOTE}")
    all_jobs = plans.jobs_for(found, None if in_place else home, to, force=force)
    lines = [
        line_of(job, settings, "failed" if each.failed else "left_alone", f"{each.place}: {each.reason}")
        for job, each in zip(all_jobs, found)
        if each.state is None
    ]
    all_jobs = [job for job in all_jobs if job.state is not None]
    plans.check_conflicts(all_jobs, settings.keys, report.manifest, others or {})
    todo, more = plans.left_to_do(all_jobs, home, settings, known, resume=resume)
    if local:
        _make_directory(home)
        if not follow_links:
            settings = settings._replace(inside=_inside(home, report.manifest, in_place=in_place))
        if resume:
            folders = {os.path.dirname(job.target) or "." for job in all_jobs}
            clear_away(each for each in folders if settings.inside is None or lies_in(each, settings.inside))
        settings = settings._replace(manifest=os.path.abspath(report.manifest))
    log = _Log(report, watcher or Watcher(), None if local else manifest.Kept(report.manifest))
    log.add([*lines, *more])
    log.begin(todo)
    if todo:
        if scheduler is not None:
            todo = [plans.absolute(job) for job in todo]
        memory = "memory" in {scheme_of(home), *(scheme_of(job.source) for job in todo)}
        with log, _workers(jobs, scheduler, executor, memory=memory) as workers:
            for line in run(workers, plans.chunks(todo, workers.several), settings, log.look):
                log.add([line])
    else:
        log.write()
    report.seconds = round(time.monotonic() - begun, 3)
    tree = root is not None and (scheme_of(root) is not None or os.path.isdir(root))
    if tree and not (report.captures or allow_empty):
        raise NothingFoundError(f"{root}: no capture was found; --allow-empty lets that pass", report)
    return report


class _Log:
    """Where lines go that come back, and those of files that no job is about."""

    def __init__(self, report: BatchReport, watcher: Watcher, kept: manifest.Kept | None) -> None:
        self._report = report
        self._watcher = watcher
        self._kept = kept

    def begin(self, todo: Sequence[Job]) -> None:
        """So much is to be done."""
        self._watcher.begin(len(todo), sum(map(plans.size_of, todo)))

    def add(self, lines: Sequence[dict[str, Any]]) -> None:
        """Raises FileError."""
        for line in lines:
            self._report.damaged_before += line.get("damaged_before", False)
            self._report.add(line)
            self._watcher.line(line)
        new = [line for line in lines if line["status"] != "up_to_date"]
        if self._kept is not None:
            self._kept.add(new)
        elif new := [line for line in new if line["worker"] is None]:  # jobs add their own
            manifest.add(self._report.manifest, new)

    def look(self, read: int) -> None:
        """Let the watcher look."""
        self._watcher.look(self._report, read)

    def write(self) -> None:
        """Raises FileError."""
        if self._kept is not None:
            self._kept.write()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.write()
        else:
            with suppress(PcapconvError):
                self.write()


def _roots(source: Any, target: Any, *, in_place: bool) -> tuple[str | None, str]:
    """The tree's root, None for a list, and where the manifest is. Raises UsageError."""
    for place in (source, target):
        if isinstance(place, bytes) or not (place is None or isinstance(place, str | os.PathLike | Iterable)):
            raise UsageError(f"{place!r:.80} is not a path")
    root = plans.local_path(os.fspath(source)) if isinstance(source, str | os.PathLike) else None
    if in_place:
        if target is not None:
            raise UsageError("--in-place rewrites the files where they are; leave DST out")
        if root is not None and scheme_of(root) is not None:
            raise UsageError(f"--in-place: {root} {_REMOTE}")
        if root is not None and not os.path.isdir(root):
            return root, os.path.dirname(root) or "."
        return root, root if root is not None else "."
    if target is None:
        raise UsageError("there is no DST; name a directory for the new files, or rewrite them with --in-place")
    if not isinstance(target, str | os.PathLike):
        raise UsageError(f"{target!r:.80} is not a path")
    if os.fspath(target) == STDIO:
        raise UsageError("DST is a directory, and - is stdout, which holds one file; name a directory")
    home = plans.local_path(os.fspath(target))
    if root is not None and plans.same_place(root, home):
        raise UsageError(f"{home}: source and target are the same directory; name another one, or give --in-place")
    return root, home


def _settings(
    options: StepOptions,
    to: str | None,
    root: str | None,
    sidecars: SidecarOptions | None,
    *,
    in_place: bool,
    strict: bool,
    on_loss: OnLoss,
    nanoseconds: bool,
    fractions: str | None,
    keep_snaplen: bool,
) -> Settings:
    """Raises UsageError for options that make no sense, and FileError for a key log that cannot be read."""
    plan = make_plan(options)
    keys = options.get("extract_secrets")
    if keys is not None and (not keys.startswith(".") or "/" in keys):
        raise UsageError(
            f"--extract-secrets {keys}: a batch writes key logs beside its targets; give a suffix, as in .keys"
        )
    said: dict[str, Any] = {name: value for name, value in options.items() if value}
    for name in REPEATABLE & said.keys():
        said[name] = list(said[name]) if isinstance(said[name], list | tuple) else [said[name]]
    said |= {"to": to, "strict": strict, "fail": on_loss == "fail", "nanoseconds": nanoseconds, "in_place": in_place}
    if fractions is not None:
        said["fractions"] = fractions
    if keep_snaplen:
        said["keep_snaplen"] = True
    if sidecars is not None:
        said["sidecars"] = list(sidecars)
    injected = options.get("inject_secrets") or ()
    for text in [injected] if isinstance(injected, str) else injected:
        path = parse_secrets("--inject-secrets", text)[1]
        said[f"secrets {text}"] = hashlib.sha256(read_file(path)).hexdigest()
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
    if root is not None:
        root = plans.real_place(root)
    run = os.urandom(8).hex()
    settings = Settings(to, plan, strict, on_loss, nanoseconds, keys, None, digest, root, run, sidecars)
    return settings._replace(fractions=fractions, keep_snaplen=keep_snaplen)


def _sidecars(options: SidecarOptions, *places: str | None) -> SidecarOptions | None:
    """None where none are asked for. Raises UsageError for what makes no sense, and for places that are URLs."""
    if not options.beside:
        if any(options):
            raise UsageError(f"--sidecar-{'secrets' if options.secrets else 'fingerprints'} goes with --sidecar")
        return None
    if not all(store_of(place).local for place in places if place is not None):
        raise UsageError("--sidecar: sidecars lie on this machine, not behind URLs")
    return options


def _inside(home: str, manifest: str, *, in_place: bool) -> str | None:
    """The real path of the directory that no target may lie out of; None in place, where targets lie where their
    sources do. Raises FileError where the manifest lies out of it."""
    folder = os.path.realpath(home)
    if not lies_in(manifest, folder):
        raise FileError(leads_out(manifest))
    return None if in_place else folder


def _make_directory(home: str) -> None:
    try:
        os.makedirs(home, exist_ok=True)
    except (OSError, ValueError) as error:
        raise FileError(f"{home}: cannot create: {reason_of(error)}") from error


def _workers(
    jobs: int | None, scheduler: str | None, executor: Executor | None, *, memory: bool
) -> AbstractContextManager[executors.Workers]:
    if executor is not None:
        if not hasattr(executor, "submit"):
            raise UsageError(f"{executor!r:.80} is not an executor")
        return nullcontext(executors.Given(executor, executors.cores()))
    if scheduler is not None:
        return executors.dask(scheduler)
    several = jobs or executors.cores()
    return executors.threads(several) if memory else executors.processes(several)
