"""The plan of a batch: which file becomes which, and what is left to do."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import NamedTuple

from pcapconv.batching import manifest
from pcapconv.batching.actions import Action, Job
from pcapconv.batching.arguments import IN_PLACE_REMOTE, Arguments
from pcapconv.batching.conflicts import check_conflicts
from pcapconv.batching.decisions import decide_actions
from pcapconv.batching.earlier_runs import EarlierRuns
from pcapconv.batching.locations import FoundFile, State, join_location, real_location, scheme_of
from pcapconv.batching.manifest_names import is_of_batches
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.sources import NO_FILE_NAME, find_listed, without_side_files
from pcapconv.batching.stores import store_of
from pcapconv.batching.target_names import name_like_source, names_by_template
from pcapconv.errors import UsageError
from pcapconv.io.paths import SIDECAR_SUFFIX
from pcapconv.wording import argument


class BatchPlan(NamedTuple):
    """The captures of a batch as `jobs`, those of them that are `left` to do, and the outcomes of the others and of
    files that are no captures to convert, made as they are asked for. `elsewhere` is how many other
    shards do."""

    jobs: list[Job]
    remaining: list[Job]
    outcomes: Iterator[Outcome]
    of_other_shards: int


def plan_batch(arguments: Arguments, others: Mapping[str, str]) -> BatchPlan:
    """Find the files, name their targets, check that none is in another's way, and decide what is left to do. `others`
    are paths that no file of the batch may have, by what they are. Raises UsageError, FileError."""
    with _without_collection():
        return _plan(arguments, others)


def _plan(arguments: Arguments, others: Mapping[str, str]) -> BatchPlan:
    settings = arguments.settings
    jobs, outcomes = _jobs(arguments)
    check_conflicts(jobs, settings.key_log_suffix, arguments.manifest, others, in_place=arguments.flags.in_place)
    everything = len(jobs)
    if (shard := arguments.shard) is not None:
        jobs = [job for job in jobs if shard.contains(job.source_name)]
        outcomes = [outcome for outcome in outcomes if shard.contains(outcome.source)]
    left, more = decide_actions(jobs, arguments.home, settings, _known(arguments, jobs), resume=arguments.flags.resume)
    if arguments.flags.resume and any(job.action.refuses for job in left):  # an earlier run's job may have added a line
        left, more = decide_actions(jobs, arguments.home, settings, _known(arguments, jobs), resume=True)
    return BatchPlan(jobs, left, chain(outcomes, more), everything - len(jobs))


def _known(arguments: Arguments, jobs: Iterable[Job]) -> EarlierRuns:
    """What the manifests say of the jobs' targets; nothing where no earlier run counts. Raises FileError."""
    known = EarlierRuns({job.target_name: job.source_name for job in jobs})
    if arguments.flags.resume:
        for location in manifest.manifests_in(arguments.home):
            known.read_manifest(location)
    return known


@contextmanager
def _without_collection() -> Iterator[None]:
    """Without cyclic garbage collection, which would look at each of a hundred thousand jobs many times."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _jobs(arguments: Arguments) -> tuple[list[Job], list[Outcome]]:
    """The job of each capture, and the outcomes of files that are none to convert. Raises UsageError, FileError."""
    home = join_location(arguments.home, "")
    jobs, outcomes = [], []
    found, beside = _found(arguments)
    for each, name in zip(found, _names(found, arguments)):
        job = _job(each, name, arguments, home, beside)
        if each.state is not None:
            jobs.append(job)
            continue
        status, error = "failed" if each.failed else "left_alone", f"{each.location}: {each.reason}"
        outcomes.append(Outcome.without_report(job, arguments.settings, status, error))
    return jobs, outcomes


def _found(arguments: Arguments) -> tuple[list[FoundFile], dict[str, State | None]]:
    """The files that the batch is about, and the states of sidecars behind URLs by their places. Raises UsageError,
    FileError."""
    in_place, root, keys = arguments.flags.in_place, arguments.root, arguments.settings.key_log_suffix
    if root is None:
        sources = list(find_listed(arguments.locations))
    else:
        home = arguments.home if scheme_of(root) is not None else real_location(arguments.home)
        sources = list(store_of(root).find(root, None if in_place else home, links=not in_place))
    beside = _sidecars(sources, arguments)
    found = [each for each in sources if not is_of_batches(each.name) and arguments.patterns.match(each)]
    if in_place and keys is not None:  # key logs of an earlier run are no sources
        found = without_side_files(found, keys)
    found = without_side_files(found, SIDECAR_SUFFIX)
    target = store_of(arguments.home)
    if root is None or scheme_of(root) is not None:  # what lies in a directory has a file's name
        found = [
            each if target.can_hold(each.name) else each._replace(state=None, reason=NO_FILE_NAME, failed=True)
            for each in found
        ]
    remote = next((each.location for each in found if in_place and scheme_of(each.location) is not None), None)
    if remote is not None:
        raise UsageError(f"{argument('in_place', True)}: {remote} {IN_PLACE_REMOTE}")
    return found, beside


def _sidecars(sources: Iterable[FoundFile], arguments: Arguments) -> dict[str, State | None]:
    """The states of sidecars behind URLs, by their places: those that are listed, and where nothing is listed, those
    that stores tell of when they are asked for."""
    sources = [each for each in sources if scheme_of(each.location) is not None]
    if arguments.root is not None:
        return {each.location: each.state for each in sources if each.location.endswith(SIDECAR_SUFFIX)}
    if arguments.settings.sidecars is None:
        return {}
    locations = [each.location + SIDECAR_SUFFIX for each in sources]
    return {location: store_of(location).state(location) for location in locations}


def _names(found: Sequence[FoundFile], arguments: Arguments) -> Iterable[str]:
    """What the targets of files are called in the new tree; in place, as their sources."""
    told, template = arguments.settings.formats, arguments.template
    if arguments.flags.in_place:
        return (each.name for each in found)
    if template is None:
        return (name_like_source(each.name, told.to) for each in found)
    return names_by_template(template, found, told.fractions)


def _job(found: FoundFile, name: str, arguments: Arguments, home: str, beside: Mapping[str, State | None]) -> Job:
    """A file's job, whose action is what the caller asks for. `name` is what its target is called, `home` what the
    places of targets begin with, `beside` the states of sidecars behind URLs."""
    location = found.location if arguments.flags.in_place else home + name
    action = Action.REPLACE_TARGET if arguments.flags.in_place else Action.CREATE
    action = Action.REPLACE if arguments.flags.force else action
    sidecar = beside.get(found.location + SIDECAR_SUFFIX)
    return Job(found.location, found.name, found.state, location, name, action, sidecar)
