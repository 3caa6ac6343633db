"""Plans a batch: finds the files, names their targets, and decides which files have to be converted."""

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
from pcapconv.batching.manifest_names import is_batch_file
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.sources import NO_FILE_NAME, find_listed, without_side_files
from pcapconv.batching.stores import store_of
from pcapconv.batching.target_names import name_like_source, names_by_template
from pcapconv.errors import UsageError
from pcapconv.io.paths import SIDECAR_SUFFIX, nameless_error
from pcapconv.wording import argument


class BatchPlan(NamedTuple):
    """The plan of a batch. `jobs` are the jobs of all captures (of this shard), `remaining` the jobs that have to run.
    `outcomes` has the outcomes of the other jobs and of files that are not read, each made when it is needed.
    `of_other_shards` is the number of captures that other shards convert."""

    jobs: list[Job]
    remaining: list[Job]
    outcomes: Iterator[Outcome]
    of_other_shards: int


def plan_batch(arguments: Arguments, other_files: Mapping[str, str]) -> BatchPlan:
    """Find the files, name their targets, check that no file has two roles, and decide which jobs have to run.
    `other_files` maps descriptions of further files of the command to their paths, which no file of the batch may have.
    Raises UsageError, FileError."""
    with _without_garbage_collection():
        return _plan_batch(arguments, other_files)


def _plan_batch(arguments: Arguments, other_files: Mapping[str, str]) -> BatchPlan:
    settings = arguments.settings
    jobs, outcomes = _jobs(arguments)
    check_conflicts(jobs, settings.key_log_suffix, arguments.manifest, other_files, in_place=arguments.flags.in_place)
    job_count = len(jobs)
    if (shard := arguments.shard) is not None:
        jobs = [job for job in jobs if shard.contains(job.source_name)]
        outcomes = [outcome for outcome in outcomes if shard.contains(outcome.source)]
    resume, home = arguments.flags.resume, arguments.home
    remaining, decided = decide_actions(jobs, home, settings, _earlier_runs(arguments, jobs), resume=resume)
    if resume and any(job.action.refuses for job in remaining):  # a job of an earlier run may just have added its line
        remaining, decided = decide_actions(jobs, home, settings, _earlier_runs(arguments, jobs), resume=True)
    return BatchPlan(jobs, remaining, chain(outcomes, decided), job_count - len(jobs))


def _earlier_runs(arguments: Arguments, jobs: Iterable[Job]) -> EarlierRuns:
    """Read the manifest lines about the targets of these jobs; no lines without `resume`. Raises FileError."""
    earlier_runs = EarlierRuns({job.target_name: job.source_name for job in jobs})
    if arguments.flags.resume:
        for location in manifest.manifests_in(arguments.home):
            earlier_runs.read_manifest(location)
    return earlier_runs


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Switch off cyclic garbage collection, which would visit each of a hundred thousand jobs many times."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _jobs(arguments: Arguments) -> tuple[list[Job], list[Outcome]]:
    """Make a job for each file to convert, and an outcome for each file that is not read. Raises UsageError,
    FileError."""
    home = join_location(arguments.home, "")
    jobs, outcomes = [], []
    found, sidecar_states = _find_files(arguments)
    for file, target_name in zip(found, _target_names(found, arguments)):
        job = _job(file, target_name, arguments, home, sidecar_states)
        if file.state is not None:
            jobs.append(job)
            continue
        error = f"{file.location}: {file.reason}" if file.location else str(nameless_error(""))
        status = "failed" if file.failed else "left_alone"
        outcomes.append(Outcome.without_report(job, arguments.settings, status, error))
    return jobs, outcomes


def _find_files(arguments: Arguments) -> tuple[list[FoundFile], dict[str, State | None]]:
    """Find the source files, and the states of sidecars behind URLs by their locations. Raises UsageError,
    FileError."""
    in_place, root = arguments.flags.in_place, arguments.root
    key_log_suffix = arguments.settings.key_log_suffix
    if root is None:
        sources = list(find_listed(arguments.locations))
    else:
        home = arguments.home if scheme_of(root) is not None else real_location(arguments.home)
        sources = list(store_of(root).find(root, None if in_place else home, links=not in_place))
    sidecar_states = _remote_sidecars(sources, arguments)
    found = [file for file in sources if not is_batch_file(file.name) and arguments.patterns.match(file)]
    if in_place and key_log_suffix is not None:  # key logs of an earlier run are no sources
        found = without_side_files(found, key_log_suffix)
    found = without_side_files(found, SIDECAR_SUFFIX)
    target = store_of(arguments.home)
    if root is None or scheme_of(root) is not None:  # a directory of this machine lists only names that files can have
        found = [
            file if target.can_hold(file.name) else file._replace(state=None, reason=NO_FILE_NAME, failed=True)
            for file in found
        ]
    url = next((file.location for file in found if in_place and scheme_of(file.location) is not None), None)
    if url is not None:
        raise UsageError(f"{argument('in_place', True)}: {url} {IN_PLACE_REMOTE}", option="in_place")
    return found, sidecar_states


def _remote_sidecars(sources: Iterable[FoundFile], arguments: Arguments) -> dict[str, State | None]:
    """Return the states of sidecars behind URLs, by their locations. For a tree, they are in its listing; for a list of
    files, the store of each file is asked. Raises FileError."""
    sources = [file for file in sources if scheme_of(file.location) is not None]
    if arguments.root is not None:
        return {file.location: file.state for file in sources if file.location.endswith(SIDECAR_SUFFIX)}
    if arguments.settings.sidecars is None:
        return {}
    locations = [file.location + SIDECAR_SUFFIX for file in sources]
    return {location: store_of(location).state(location) for location in locations}


def _target_names(found: Sequence[FoundFile], arguments: Arguments) -> Iterable[str]:
    """Return the names of the targets of these files in the target tree; in place, the names of their sources."""
    format_settings, template = arguments.settings.formats, arguments.template
    if arguments.flags.in_place:
        return (file.name for file in found)
    if template is None:
        compress = format_settings.writer.compress
        return (name_like_source(file.name, format_settings.to, compress) for file in found)
    return names_by_template(template, found, format_settings)


def _job(
    file: FoundFile, target_name: str, arguments: Arguments, home: str, sidecar_states: Mapping[str, State | None]
) -> Job:
    """Return the job of a file, with the action that the arguments give. The location of each target begins with
    `home`. `sidecar_states` are the states of sidecars behind URLs."""
    target = file.location if arguments.flags.in_place else home + target_name
    action = Action.REPLACE_TARGET if arguments.flags.in_place else Action.CREATE
    action = Action.REPLACE if arguments.flags.force else action
    sidecar_state = sidecar_states.get(file.location + SIDECAR_SUFFIX)
    return Job(file.location, file.name, file.state, target, target_name, action, sidecar_state)
