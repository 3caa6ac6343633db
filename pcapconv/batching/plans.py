"""The plan of a batch: which file becomes which, and what is left to do."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pcapconv import formats
from pcapconv.batching import manifest
from pcapconv.batching.actions import Action, Job
from pcapconv.batching.arguments import IN_PLACE_REMOTE, Arguments
from pcapconv.batching.conflicts import check_conflicts
from pcapconv.batching.decisions import left_to_do
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.places import Found, State, joined, scheme_of
from pcapconv.batching.sources import NO_FILE_NAME, listed, without_companions
from pcapconv.batching.stores import store_of
from pcapconv.errors import UsageError
from pcapconv.io.paths import SIDECAR_SUFFIX


class BatchPlan(NamedTuple):
    """The captures of a batch as `jobs`, those of them that are `left` to do, and the outcomes of the others and of
    files that are no captures to convert."""

    jobs: list[Job]
    left: list[Job]
    outcomes: list[Outcome]


def plan(arguments: Arguments, others: Mapping[str, str]) -> BatchPlan:
    """Find the files, name their targets, check that none is in another's way, and decide what is left to do. `others`
    are paths that no file of the batch may have, by what they are. Raises UsageError, FileError."""
    settings = arguments.settings
    known = manifest.read(arguments.manifest) if arguments.flags.resume else {}
    found, beside = _found(arguments)
    jobs = [_job(each, arguments, beside) for each in found]
    outcomes = [
        Outcome.without_report(job, settings, "failed" if each.failed else "left_alone", f"{each.place}: {each.reason}")
        for job, each in zip(jobs, found)
        if each.state is None
    ]
    jobs = [job for job in jobs if job.state is not None]
    check_conflicts(jobs, settings.keys, arguments.manifest, others)
    left, more = left_to_do(jobs, arguments.home, settings, known, resume=arguments.flags.resume)
    return BatchPlan(jobs, left, [*outcomes, *more])


def _found(arguments: Arguments) -> tuple[list[Found], dict[str, State | None]]:
    """The files that the batch is about, and the states of sidecars behind URLs by their places. Raises UsageError,
    FileError."""
    in_place, root, keys = arguments.flags.in_place, arguments.root, arguments.settings.keys
    if root is None:
        sources = list(listed(arguments.places))
    else:
        sources = list(store_of(root).find(root, None if in_place else arguments.home, links=not in_place))
    beside = _sidecars(sources, arguments)
    found = [each for each in sources if each.name != manifest.NAME and arguments.patterns.want(each)]
    if in_place and keys is not None:  # key logs of an earlier run are no sources
        found = without_companions(found, keys)
    found = without_companions(found, SIDECAR_SUFFIX)
    target = store_of(arguments.home)
    found = [
        each if target.can_hold(each.name) else each._replace(state=None, reason=NO_FILE_NAME, failed=True)
        for each in found
    ]
    remote = next((each.place for each in found if in_place and scheme_of(each.place) is not None), None)
    if remote is not None:
        raise UsageError(f"--in-place: {remote} {IN_PLACE_REMOTE}")
    return found, beside


def _sidecars(sources: Iterable[Found], arguments: Arguments) -> dict[str, State | None]:
    """The states of sidecars behind URLs, by their places: those that are listed, and where nothing is listed, those
    that stores tell of when they are asked for."""
    sources = [each for each in sources if scheme_of(each.place) is not None]
    if arguments.root is not None:
        return {each.place: each.state for each in sources if each.place.endswith(SIDECAR_SUFFIX)}
    if arguments.settings.sidecars is None:
        return {}
    places = [each.place + SIDECAR_SUFFIX for each in sources]
    return {place: store_of(place).state(place) for place in places}


def _job(found: Found, arguments: Arguments, beside: Mapping[str, State | None]) -> Job:
    """A file's job, whose action is what the caller asks for."""
    if arguments.flags.in_place:
        place, name = found.place, found.name
    else:
        name = _target_name(found.name, arguments.settings.formats.to)
        place = joined(arguments.home, name)
    action = Action.REPLACE_TARGET if arguments.flags.in_place else Action.CREATE
    action = Action.REPLACE if arguments.flags.force else action
    sidecar = beside.get(found.place + SIDECAR_SUFFIX)
    return Job(found.place, found.name, found.state, place, name, action, sidecar)


def _target_name(name: str, to: str | None) -> str:
    """What a file is called in the new tree: with the suffix of the format, in the place of another capture's suffix;
    without a change when each file keeps its format."""
    if to is None:
        return name
    stem, suffix = posixpath.splitext(name)
    return f"{stem if formats.is_suffix(suffix) else name}.{to}"
