"""The plan of a batch: which file becomes which, and what is left to do."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import NamedTuple

from pcapconv import formats
from pcapconv.batching import lease, manifest
from pcapconv.batching.actions import Action, Job
from pcapconv.batching.arguments import IN_PLACE_REMOTE, Arguments
from pcapconv.batching.conflicts import check_conflicts
from pcapconv.batching.decisions import left_to_do
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.places import Found, joined, scheme_of
from pcapconv.batching.sources import listed, without_companions
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
    found = _found(arguments)
    jobs = [_job(each, arguments) for each in found]
    outcomes = [
        Outcome.without_report(job, settings, "failed" if each.failed else "left_alone", f"{each.place}: {each.reason}")
        for job, each in zip(jobs, found)
        if each.state is None
    ]
    jobs = [job for job in jobs if job.state is not None]
    check_conflicts(jobs, settings.keys, arguments.manifest, others)
    left, more = left_to_do(jobs, arguments.home, settings, known, resume=arguments.flags.resume)
    if arguments.flags.resume and any(job.action.refuses for job in left):  # an earlier run's job may have added a line
        known = manifest.read(arguments.manifest)
        left, more = left_to_do(jobs, arguments.home, settings, known, resume=True)
    return BatchPlan(jobs, left, [*outcomes, *more])


def _found(arguments: Arguments) -> list[Found]:
    """The files that the batch is about. Raises UsageError, FileError."""
    in_place, root, keys = arguments.flags.in_place, arguments.root, arguments.settings.keys
    if root is None:
        sources = listed(arguments.places)
    else:
        sources = store_of(root).find(root, None if in_place else arguments.home, links=not in_place)
    found = [
        each
        for each in sources
        if each.name != manifest.NAME and not lease.is_lease(each.name) and arguments.patterns.want(each)
    ]
    if in_place and keys is not None:  # key logs of an earlier run are no sources
        found = without_companions(found, keys)
    found = without_companions(found, SIDECAR_SUFFIX)
    remote = next((each.place for each in found if in_place and scheme_of(each.place) is not None), None)
    if remote is not None:
        raise UsageError(f"--in-place: {remote} {IN_PLACE_REMOTE}")
    return found


def _job(found: Found, arguments: Arguments) -> Job:
    """A file's job, whose action is what the caller asks for."""
    if arguments.flags.in_place:
        place, name = found.place, found.name
    else:
        name = _target_name(found.name, arguments.settings.formats.to)
        place = joined(arguments.home, name)
    action = Action.REPLACE_TARGET if arguments.flags.in_place else Action.CREATE
    return Job(found.place, found.name, found.state, place, name, Action.REPLACE if arguments.flags.force else action)


def _target_name(name: str, to: str | None) -> str:
    """What a file is called in the new tree: with the suffix of the format, in the place of another capture's suffix;
    without a change when each file keeps its format."""
    if to is None:
        return name
    stem, suffix = posixpath.splitext(name)
    return f"{stem if formats.is_suffix(suffix) else name}.{to}"
