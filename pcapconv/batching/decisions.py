"""Decides the action of each job of a batch, by the files that exist under the target's name and by the manifest lines
about them.

Strategy: a manifest line belongs to a target if the line has the target's name and the same source tree (`tree_lines`).
A target on disk was written by this batch if its size and time are those of a line (`current_line`); without `resume`,
no lines are read. Such a target is up to date, and skipped, if its source, its sidecars and the options are those of
the line; otherwise it is replaced. A foreign target is never replaced without `force`. Behind a URL, the directory is
listed once, and a mark on an object counts like a line (`upload_notes`).
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
    other jobs, each made when it is needed: of files that are up to date, of targets whose sidecar has been removed,
    and, behind a URL, of foreign targets (on this machine, the jobs themselves fail). `earlier_lines` has the manifest
    lines of each target. Raises FileError."""
    listing = None if store_of(home).local else _list_targets(home)
    marked = set[str]() if listing is None or not resume else _marked_locations(jobs, settings, earlier_lines, listing)
    remaining: list[Job] = []
    decided: list[Job] = []
    results: dict[str, _Result] = {}  # target name → result, for decided jobs that are not simply up to date
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
            error = f"{job.target}: was made with {sidecar}, which is gone; {force} makes the target again without it"
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
    """List the target directory behind a URL; return an empty listing if it does not exist. Raises FileError."""
    try:
        return {file.name: file.state for file in store_of(home).find(home, None, links=False)}
    except NoSuchLocationError:
        return {}


# ---------------------------------------------------------------- lines and targets


def _lines_of_tree(lines: Sequence[DoneLine], settings: Settings) -> list[DoneLine]:
    """Return the manifest lines of a target whose source lay in the same tree."""
    return [line for line in lines if line.terms.root == settings.root]


def _current_line(lines: Sequence[DoneLine], state: State | None) -> DoneLine | None:
    """Return the last line that describes the target as it exists now, or None if there is no such line."""
    for line in reversed(lines):
        if _is_file_of_line(line.target_size, line.target_time, state):
            return line
    return None


def _is_file_of_line(size: int | None, time: int | str | None, state: State | None) -> bool:
    """Return whether a file with this state is the file that a line describes by size and time. Lines about targets
    behind URLs have no time."""
    return state is not None and size == state.size and time in (None, state.time)


def _marked_locations(jobs: Iterable[Job], settings: Settings, earlier_lines: _Lines, listing: _Listing) -> set[str]:
    """Return the locations of existing targets, and of key logs and sidecars beside them, whose marks say that a batch
    of this tree wrote them. The store is asked only about targets without a current line, whose run may have been
    killed before it wrote the line. Raises FileError."""
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
    """Return the suffixes that a job adds to the target's name: "" for the target itself, and that of a key log."""
    return ["", *([] if settings.key_log_suffix is None else [settings.key_log_suffix])]


# ---------------------------------------------------------------- actions


def _action_by_line(
    job: Job, settings: Settings, current_line: DoneLine | None, listing: _Listing | None
) -> Action | None:
    """Return SKIP or FAIL_WITHOUT_SIDECAR if the line of the existing target asks for it, otherwise None. `listing` is
    None on this machine."""
    if current_line is None:
        return None
    if _is_up_to_date(current_line, job, settings, listing):
        return Action.SKIP
    return Action.FAIL_WITHOUT_SIDECAR if _is_sidecar_lost(current_line, job, settings) else None


def _local_action(
    job: Job, settings: Settings, tree_lines: Sequence[DoneLine], current_line: DoneLine | None, state: State | None
) -> Action:
    """Return the action for a target on this machine. `state` is None if the target does not exist."""
    key_log_is_own = any(line.terms.options_digest == settings.options_digest for line in tree_lines)
    # An earlier run may have been killed between the key log and its target.
    target_is_own = current_line is not None or (state is None and bool(tree_lines))
    if target_is_own or job.action.replaces_target:
        return Action.REPLACE if key_log_is_own or job.action.replaces_key_log else Action.REPLACE_TARGET
    if state is None:
        return Action.CREATE
    return Action.REFUSE_TARGET if key_log_is_own else Action.REFUSE


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
    return job.action  # if the job writes a sidecar, it fails at the foreign one


# ---------------------------------------------------------------- up to date


def _is_up_to_date(line: DoneLine, job: Job, settings: Settings, listing: _Listing | None) -> bool:
    """Return whether the target that `line` describes needs no conversion: the options, the source, the key log and the
    sidecars are those of the line. In place, the target is the source."""
    if line.terms.options_digest != settings.options_digest or line.source != job.source_name:
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
        if source_sidecar not in (None, line.source_sidecar):  # if the sidecar is gone, a new target would have less
            return False
    return _is_source_unchanged(line, job.source_state)


def _is_source_unchanged(line: DoneLine, state: State | None) -> bool:
    """Return whether a source still has the state of its line. A size that the store does not report is not compared;
    without a time, the source counts as changed."""
    if state is None or state.time is None:
        return False
    return state.time == line.source_time and state.size in (None, line.source_size)


def _is_sidecar_lost(line: DoneLine, job: Job, settings: Settings) -> bool:
    """Return whether a target was made with a sidecar that is gone, so that a new target would have less."""
    if settings.sidecars is None or job.in_place or job.action.replaces_target or line.source_sidecar is None:
        return False
    return source_sidecar_state(job) is None
