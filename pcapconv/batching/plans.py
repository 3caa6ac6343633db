"""Which file of a batch becomes which: names, conflicts, and the order in which the work is handed out."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pcapconv import formats
from pcapconv.batching.jobs import Job, Settings, line_of
from pcapconv.batching.local import LOCAL
from pcapconv.batching.manifest import Done
from pcapconv.batching.places import (
    Found,
    NothingThereError,
    State,
    joined,
    local_path,
    real_place,
    scheme_of,
    taken,
)
from pcapconv.batching.stores import store_of
from pcapconv.errors import FileError, FormatError, PcapconvError, UsageError
from pcapconv.io.files import SIDECAR_SUFFIX

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_FILES = 32  # of a chunk at most
_BYTES = 8 * 2**20  # and what they hold, unless it is a single one
_CHUNKS = 8  # for each worker, at least, so that none waits long for the last one


def listed(places: Iterable[str]) -> Iterator[Found]:
    """The files of a list, each once, under the names that they get in a tree: relative ones stay, others lose their
    root."""
    for place in dict.fromkeys(map(_text, places)):
        scheme = scheme_of(place)
        if scheme is not None:
            name = posixpath.normpath(place.partition("://")[2]).lstrip("/")
        else:
            name = os.path.normpath(place)
            if os.path.isabs(name) or name.split(os.sep)[0] == os.pardir:
                name = os.path.abspath(name).lstrip("/")
        if not all(part not in ("", ".", "..") for part in name.split("/")):
            yield Found(place, name, None, "its name cannot be that of a file", failed=True)
            continue
        try:
            state = store_of(place).state(place)
        except FileError as error:
            yield Found(place, name, None, str(error).removeprefix(f"{place}: "), failed=True)
            continue
        reason = "" if state else "not a plain file" if os.path.lexists(place) else "there is no such file"
        yield Found(place, name, state, reason, failed=state is None)


def _text(place: object) -> str:
    """Raises UsageError for what is no path."""
    path = os.fspath(place) if isinstance(place, str | os.PathLike) else None
    if not isinstance(path, str):
        raise UsageError(f"{place!r:.80} is not a path")
    return local_path(path)


def wanted(include: Sequence[str], exclude: Sequence[str]) -> tuple[GitIgnoreSpec | None, GitIgnoreSpec]:
    """The patterns, understood: those as in .gitignore. Raises UsageError."""
    from pathspec import GitIgnoreSpec

    specs = []
    for option, patterns in (("--include", include), ("--exclude", exclude)):
        if isinstance(patterns, str) or not all(isinstance(each, str) for each in patterns or ()):
            raise UsageError(f"{option} {patterns!r:.80}: a list of patterns is wanted")
        try:
            specs.append(GitIgnoreSpec.from_lines(patterns or ()))
        except ValueError as error:
            raise UsageError(f"{option}: {error}; write one like '*.pcap' or 'lab/**'") from None
    return (specs[0] if include else None), specs[1]


def target_name(name: str, to: str | None) -> str:
    """What a file is called in the new tree: with the suffix of the format, in the place of another capture's suffix;
    without a change when each file keeps its format."""
    if to is None:
        return name
    stem, suffix = posixpath.splitext(name)
    return f"{stem if formats.is_suffix(suffix) else name}.{to}"


def jobs_for(found: Iterable[Found], home: str | None, to: str | None, *, force: bool) -> list[Job]:
    """A job for each file, below `home`, or in its own place where there is none."""
    jobs = []
    for each in found:
        name = each.name if home is None else target_name(each.name, to)
        place = each.place if home is None else joined(home, name)
        jobs.append(Job(each.place, each.name, each.state, place, name, force or home is None, force))
    return jobs


def without_companions(found: Sequence[Found], suffix: str) -> list[Found]:
    """The files without what lies beside another one under its name and `suffix`, and is not a capture."""
    names = {each.name for each in found}
    return [
        each
        for each in found
        if not (each.name.endswith(suffix) and each.name.removesuffix(suffix) in names) or _is_capture(each.place)
    ]


def left_to_do(
    jobs: Sequence[Job], home: str, settings: Settings, known: Mapping[str, Sequence[Done]], *, resume: bool
) -> tuple[list[Job], list[dict[str, Any]]]:
    """The jobs that are to be done, and the lines of the others: those that are up to date, and those that would
    replace what is not theirs where only a look beforehand can tell. `known` is what the manifest says."""
    local = store_of(home).local
    there = None if local else _all_there(home)
    left, lines = [], []
    for job in jobs:
        state = store_of(job.target).state(job.target) if there is None else there.get(job.target_name)
        ours = [each for each in known.get(job.target_name, ()) if each.root == settings.root]
        done = next((each for each in reversed(ours) if _is_target_of(each, state)), None)
        same = any(each.options == settings.options for each in ours)  # which wrote the key log that is there
        keys_there = there is not None and settings.keys is not None and job.target_name + settings.keys in there
        if done is not None and _up_to_date(done, job, settings):
            lines.append(line_of(job, settings, "up_to_date") | {"damaged_before": done.status == "damaged"})
        elif done is not None and (lost := _lost_sidecar(done, job, settings)) is not None:
            error = f"{job.target}: was made with {lost}, which is gone; --force makes it anew without"
            lines.append(line_of(job, settings, "failed", error))
        elif local:
            again = done is not None or (state is None and bool(ours))  # the key log may be there without its target
            free = again or job.force or state is None
            left.append(job._replace(force=job.force or again, force_keys=job.force_keys or same, taken=not free))
        elif (state is not None or keys_there) and not (job.force or resume):
            lines.append(line_of(job, settings, "failed", taken(job.target)))
        else:  # nobody can tell a lost worker's upload from another file
            left.append(job._replace(force=True, force_keys=True))
    return left, lines


def _all_there(home: str) -> dict[str, State | None]:
    try:
        return {each.name: each.state for each in store_of(home).find(home, None, links=False)}
    except NothingThereError:
        return {}


def _is_target_of(done: Done, there: State | None) -> bool:
    """Whether the target that is there is the one that a line is about. Of what lies behind a URL only the size is
    known beforehand."""
    if there is None or done.target_state.size != there.size:
        return False
    return done.target_state.time in (None, there.time)


def _up_to_date(done: Done, job: Job, settings: Settings) -> bool:
    """Whether a target that is there says what its source says now. In place, the target is the source."""
    if done.options != settings.options or done.source != job.name:
        return False
    if done.key_log and settings.keys is not None:
        log = job.target + settings.keys
        if store_of(log).state(log) is None:
            return False
    if job.in_place:
        return True
    if settings.sidecars is not None:
        if done.target_sidecar not in (None, LOCAL.state(job.target + SIDECAR_SUFFIX)):
            return False
        now = LOCAL.state(job.source + SIDECAR_SUFFIX)
        if now not in (None, done.source_sidecar):  # without it, the target could only lose
            return False
    return done.source_state == job.state


def _lost_sidecar(done: Done, job: Job, settings: Settings) -> str | None:
    """The sidecar by which a target was made, where it is gone since, and the target would lose by being made anew."""
    sidecar = job.source + SIDECAR_SUFFIX
    if settings.sidecars is None or job.in_place or job.force or done.source_sidecar is None:
        return None
    return sidecar if LOCAL.state(sidecar) is None else None


def check_conflicts(jobs: Sequence[Job], keys: str | None, manifest: str, others: Mapping[str, str]) -> None:
    """Raises UsageError for two captures that would have one target, for a target that is a source, and for a key log
    (its target's name with `keys` behind it), or one of the `others` (paths, by what they are), that is either, or the
    manifest."""
    real = cache(os.path.realpath)
    by_target: dict[str, list[Job]] = {}
    for job in jobs:
        by_target.setdefault(_real(job.target, real), []).append(job)
    for rivals in by_target.values():
        captures = rivals if len(rivals) == 1 else [job for job in rivals if _is_capture(job.source)]
        if len(captures) > 1:
            raise UsageError(
                f"{captures[0].source} and {captures[1].source} would both become {captures[0].target}; rename one, or "
                "leave it out with --exclude"
            )
    sources = {_real(job.source, real): job.source for job in jobs}
    logs = {_real(job.target + keys, real) for job in jobs} if keys is not None else set()
    for job in jobs:
        if not job.in_place and (there := sources.get(_real(job.target, real))) is not None:
            raise UsageError(f"{job.target}: that is a source too ({there}); name another directory")
    taken = {*by_target, *sources, _real(manifest, real)}
    if both := sorted(logs & taken):
        raise UsageError(f"--extract-secrets {keys}: {both[0]} is another file of this batch")
    for what, place in others.items():
        path = _real(place, real)
        captured = path in sources and _is_capture(sources[path])
        if captured or path in by_target or path in logs or path == _real(manifest, real):
            raise UsageError(f"{what} {place}: that is another file of this batch; give it a name of its own")


def chunks(jobs: Sequence[Job], several: int) -> list[list[Job]]:
    """The jobs in the order in which they are to be done, large ones first, small ones together."""
    ordered = sorted(jobs, key=lambda job: -size_of(job))
    most = max(1, min(_FILES, -(-len(jobs) // (_CHUNKS * several))))
    made: list[list[Job]] = []
    size = 0
    for job in ordered:
        if not made or size + size_of(job) > _BYTES or len(made[-1]) >= most:
            made.append([])
            size = 0
        made[-1].append(job)
        size += size_of(job)
    return made


def size_of(job: Job) -> int:
    """Of its source, in bytes; 0 where the store does not say."""
    return (job.state and job.state.size) or 0


def absolute(job: Job) -> Job:
    """The same job for a process in another directory."""
    places = [place if scheme_of(place) is not None else os.path.abspath(place) for place in (job.source, job.target)]
    return job._replace(source=places[0], target=places[1])


def _is_capture(place: str) -> bool:
    """Also when nobody can tell."""
    try:
        with store_of(place).open_source(place) as source:
            formats.format_at(source)
    except FormatError:
        return False
    except PcapconvError:
        pass
    return True


def _real(place: str, real_folder: Callable[[str], str]) -> str:
    if scheme_of(place) is not None:
        return real_place(place)
    if os.path.islink(place):
        return os.path.realpath(place)
    folder, name = os.path.split(place)
    return os.path.join(real_folder(folder), name)
