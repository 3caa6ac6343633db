"""Decides what is done with each file of a batch: each job's action, by the files that exist under its target's name
and by what the manifests say about them.

Strategy: a manifest line belongs to a target if it has its name and the same source tree (`tree_lines`). The target on
disk is this batch's if its size and time are those of a line (`current_line`); without `resume`, no lines are read. A
target that is this batch's is up to date, and skipped, if its source, its sidecars and the options are those of the
line; otherwise it is replaced. A target that is foreign is never replaced without `force`. Behind a URL, where the
directory is listed once, a mark on an object tells the same as a line (`upload_notes`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from pcapconv.batching.actions import Action, Job
from pcapconv.batching.earlier_runs import EarlierRuns
from pcapconv.batching.local import LOCAL
from pcapconv.batching.locations import NoSuchLocationError, State, exists_message
from pcapconv.batching.manifest_index import DoneLine
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.settings import Settings
from pcapconv.batching.sidecars import source_sidecar_state
from pcapconv.batching.stores import remote_store, store_of
from pcapconv.io.paths import SIDECAR_SUFFIX
from pcapconv.wording import argument

_Result = tuple[str, str | None, bool | None]  # the status, error and damaged_before of an outcome
_UP_TO_DATE: _Result = "up_to_date", None, False
_Lines = Mapping[str, Sequence[DoneLine]] | EarlierRuns  # the name of a target → its manifest lines
_Listing = Mapping[str, State | None]  # the files in a target directory behind a URL: name → state


def decide_actions(
    jobs: Sequence[Job], home: str, settings: Settings, earlier_lines: _Lines, *, resume: bool
) -> tuple[list[Job], Iterator[Outcome]]:
    """Decide the action of each job. Return the jobs that have to run, with their actions, and the outcomes of the
    others, each made when it is needed: files that are up to date, that lack the sidecar they were made with, and,
    behind a URL, whose targets are foreign (on this machine, their jobs find that out). `earlier_lines` has the
    manifest lines of each target. Raises FileError."""
    listing = None if store_of(home).local else _list_targets(home)
    marked = set[str]() if listing is None or not resume else _marked_locations(jobs, settings, earlier_lines, listing)
    remaining: list[Job] = []
    decided: list[Job] = []
    results: dict[str, _Result] = {}  # of the decided jobs that are not just up to date, by the names of their targets
    for job in jobs:
        tree_lines = _lines_of_tree(earlier_lines.get(job.target_name, ()), settings)
        state = LOCAL.state(job.target) if listing is None else listing.get(job.target_name)
        current_line = _current_line(tree_lines, state) if tree_lines else None
        action = _action_by_line(job, settings, current_line, listing) or (
            _local_action(job, settings, tree_lines, current_line, state)
            if listing is None
            else _remote_action(job, settings, tree_lines, current_line, listing, marked, resume=resume)
        )
        if action is Action.SKIP:
            if current_line is not None and current_line.terms.status == "damaged":
                results[job.target_name] = "up_to_date", None, True
        elif action is Action.FAIL_WITHOUT_SIDECAR:
            sidecar = job.source + SIDECAR_SUFFIX
            force = argument("force", True)
            error = f"{job.target}: was made with {sidecar}, which is gone; {force} makes the target anew without it"
            results[job.target_name] = "failed", error, None
        elif action is Action.REFUSE and listing is not None:
            results[job.target_name] = "failed", exists_message(job.target), None
        else:
            remaining.append(job._replace(action=action))
            continue
        decided.append(job)
    return remaining, _outcomes(decided, results, settings)


def _outcomes(jobs: Iterable[Job], results: Mapping[str, _Result], settings: Settings) -> Iterator[Outcome]:
    for job in jobs:
        status, error, damaged_before = results.get(job.target_name, _UP_TO_DATE)
        yield Outcome.without_report(job, settings, status, error, damaged_before=damaged_before)


def _list_targets(home: str) -> dict[str, State | None]:
    """List the target directory behind a URL; it may not exist yet. Raises FileError."""
    try:
        return {file.name: file.state for file in store_of(home).find(home, None, links=False)}
    except NoSuchLocationError:
        return {}


# ---------------------------------------------------------------- lines and targets


def _lines_of_tree(lines: Sequence[DoneLine], settings: Settings) -> list[DoneLine]:
    """Return those manifest lines of a target whose source lay in the same tree."""
    return [line for line in lines if line.terms.root == settings.root]


def _current_line(lines: Sequence[DoneLine], state: State | None) -> DoneLine | None:
    """Return the last line that describes the target as it exists now, None if none does."""
    for line in reversed(lines):
        if _is_file_of_line(line.target_size, line.target_time, state):
            return line
    return None


def _is_file_of_line(size: int | None, time: int | str | None, state: State | None) -> bool:
    """Return whether a file with this state is the one that a line describes by size and time. Lines about files behind
    URLs have no time."""
    return state is not None and size == state.size and time in (None, state.time)


def _marked_locations(jobs: Iterable[Job], settings: Settings, earlier_lines: _Lines, listing: _Listing) -> set[str]:
    """Return the locations of existing targets, and of key logs and sidecars beside them, whose marks say that a batch
    of this tree wrote them. Only targets without a current line are asked for: their run was killed before it wrote
    one. Raises FileError."""
    suffixes = [*_suffixes(settings), SIDECAR_SUFFIX]
    locations = [
        job.target + suffix
        for job in jobs
        for suffix in suffixes
        if job.target_name + suffix in listing and not _has_current_line(job, settings, earlier_lines, listing)
    ]
    return remote_store(locations[0]).marked(locations, settings.root) if locations else set()


def _has_current_line(job: Job, settings: Settings, earlier_lines: _Lines, listing: Mapping[str, Any]) -> bool:
    """Return whether a manifest line describes the target that exists."""
    lines = _lines_of_tree(earlier_lines.get(job.target_name, ()), settings)
    return _current_line(lines, listing.get(job.target_name)) is not None


def _suffixes(settings: Settings) -> list[str]:
    """Return the suffixes of the target's name with which a job writes files: that of the target itself, which is
    empty, and that of a key log."""
    return ["", *([] if settings.key_log_suffix is None else [settings.key_log_suffix])]


# ---------------------------------------------------------------- actions


def _action_by_line(
    job: Job, settings: Settings, current_line: DoneLine | None, listing: _Listing | None
) -> Action | None:
    """Return the action that the line of the existing target decides, None if it decides nothing. `listing` is None on
    this machine."""
    if current_line is None:
        return None
    if _is_up_to_date(current_line, job, settings, listing):
        return Action.SKIP
    return Action.FAIL_WITHOUT_SIDECAR if _is_sidecar_lost(current_line, job, settings) else None


def _local_action(
    job: Job, settings: Settings, tree_lines: Sequence[DoneLine], current_line: DoneLine | None, state: State | None
) -> Action:
    """Return the action for a target on this machine that has this state, None if it does not exist."""
    key_log_is_ours = any(line.terms.options == settings.options for line in tree_lines)
    # An earlier run may have been killed between the key log and its target.
    target_is_ours = current_line is not None or (state is None and bool(tree_lines))
    if target_is_ours or job.action.replaces_target:
        return Action.REPLACE if key_log_is_ours or job.action.replaces_key_log else Action.REPLACE_TARGET
    if state is None:
        return Action.CREATE
    return Action.REFUSE_TARGET if key_log_is_ours else Action.REFUSE


def _remote_action(
    job: Job,
    settings: Settings,
    tree_lines: Sequence[DoneLine],
    current_line: DoneLine | None,
    listing: _Listing,
    marked: Set[str],
    *,
    resume: bool,
) -> Action:
    """Return the action for a target behind a URL. `marked` are the locations of `_marked_locations`."""
    if job.action.replaces_target:
        return Action.REPLACE
    recorded = {job.target} if current_line is not None else set()
    if settings.key_log_suffix is not None and any(line.terms.key_log for line in tree_lines):
        recorded.add(job.target + settings.key_log_suffix)
    existing = {job.target + suffix for suffix in _suffixes(settings) if job.target_name + suffix in listing}
    if existing:
        return Action.REPLACE if resume and existing <= recorded | marked else Action.REFUSE
    if settings.sidecars is None or job.target_name + SIDECAR_SUFFIX not in listing:
        return Action.REPLACE
    if resume and (tree_lines or job.target + SIDECAR_SUFFIX in marked):
        return Action.REPLACE
    return job.action  # if the job writes a sidecar, it finds that a foreign one exists


# ---------------------------------------------------------------- up to date


def _is_up_to_date(line: DoneLine, job: Job, settings: Settings, listing: _Listing | None) -> bool:
    """Return whether the target that `line` describes needs no conversion: the options, the source, the key log and the
    sidecars are those of the line. In place, the target is the source."""
    if line.terms.options != settings.options or line.source != job.source_name:
        return False
    if line.terms.key_log and settings.key_log_suffix is not None:
        key_log = job.target + settings.key_log_suffix
        if store_of(key_log).state(key_log) is None:
            return False
    if job.in_place:
        return True
    if settings.sidecars is not None:
        name, location = job.target_name + SIDECAR_SUFFIX, job.target + SIDECAR_SUFFIX
        state = LOCAL.state(location) if listing is None else listing.get(name)
        if line.target_sidecar is not None and not _is_file_of_line(*line.target_sidecar, state):
            return False
        source_sidecar = source_sidecar_state(job)
        if source_sidecar not in (None, line.source_sidecar):  # if it is gone, a new target could only lose
            return False
    return _is_source_unchanged(line, job.source_state)


def _is_source_unchanged(line: DoneLine, state: State | None) -> bool:
    """Return whether a source with this state is as it was when its line was written. A size that its store does not
    report is not compared; without a time, the source may have changed."""
    if state is None or state.time is None:
        return False
    return state.time == line.source_time and state.size in (None, line.source_size)


def _is_sidecar_lost(line: DoneLine, job: Job, settings: Settings) -> bool:
    """Return whether a target was made with a sidecar that is gone, so that it would lose if it were made anew."""
    if settings.sidecars is None or job.in_place or job.action.replaces_target or line.source_sidecar is None:
        return False
    return source_sidecar_state(job) is None
