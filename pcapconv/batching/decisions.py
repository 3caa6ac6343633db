"""What is left to do of a batch: each job's action, by what is there under its target's name and what the manifest says
of that."""

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
from pcapconv.batching.sidecars import state_beside_source
from pcapconv.batching.stores import remote_store, store_of
from pcapconv.io.paths import SIDECAR_SUFFIX
from pcapconv.wording import argument

_Said = tuple[str, str | None, bool | None]  # status, error, and whether it was damaged before
_UP_TO_DATE: _Said = "up_to_date", None, False


def decide_actions(
    jobs: Sequence[Job],
    home: str,
    settings: Settings,
    known: Mapping[str, Sequence[DoneLine]] | EarlierRuns,
    *,
    resume: bool,
) -> tuple[list[Job], Iterator[Outcome]]:
    """The jobs that are to be done, each with its action, and the outcomes of the others, made as they are asked for:
    those that are up to date, and those that would replace what is not theirs where only a look beforehand can tell.
    `known` is what the manifest says."""
    there = None if store_of(home).local else _all_there(home)
    root = settings.root
    marked = set[str]() if there is None or not resume else _marked(jobs, settings, known, there)
    left: list[Job] = []
    others: list[Job] = []
    said: dict[str, _Said] = {}  # of those of the others that are not just up to date, by their targets
    for job in jobs:
        ours = [each for each in known.get(job.target_name, ()) if each.terms.root == root]
        state = LOCAL.state(job.target) if there is None else there.get(job.target_name)
        done = _done(ours, state) if ours else None
        action = _action_of_done(job, settings, done, there) or (
            _action_here(job, settings, ours, done, state)
            if there is None
            else _action_there(job, settings, ours, done, there, marked, resume=resume)
        )
        if action is Action.SKIP:
            if done is not None and done.terms.status == "damaged":
                said[job.target_name] = "up_to_date", None, True
        elif action is Action.FAIL_WITHOUT_SIDECAR:
            lost = job.source + SIDECAR_SUFFIX
            force = argument("force", True)
            error = f"{job.target}: was made with {lost}, which is gone; {force} makes it anew without"
            said[job.target_name] = "failed", error, None
        elif action is Action.REFUSE and there is not None:
            said[job.target_name] = "failed", exists_message(job.target), None
        else:
            left.append(job._replace(action=action))
            continue
        others.append(job)
    return left, _outcomes(others, said, settings)


def _outcomes(jobs: Iterable[Job], said: Mapping[str, _Said], settings: Settings) -> Iterator[Outcome]:
    for job in jobs:
        status, error, damaged = said.get(job.target_name, _UP_TO_DATE)
        yield Outcome.without_report(job, settings, status, error, damaged_before=damaged)


def _done(ours: Sequence[DoneLine], there: State | None) -> DoneLine | None:
    """The last line of the target that is there."""
    for each in reversed(ours):
        if _is_target_of(each, there):
            return each
    return None


def _action_of_done(
    job: Job, settings: Settings, done: DoneLine | None, there: Mapping[str, State | None] | None
) -> Action | None:
    """What the line of a target that is there decides, None where it decides nothing. `there` is what is behind a URL
    beside it."""
    if done is None:
        return None
    if _up_to_date(done, job, settings, there):
        return Action.SKIP
    return Action.FAIL_WITHOUT_SIDECAR if _sidecar_is_lost(done, job, settings) else None


def _action_here(
    job: Job, settings: Settings, ours: Sequence[DoneLine], done: DoneLine | None, state: State | None
) -> Action:
    """On this machine. `ours` are the lines of the target, `done` the one that the target that is there is of, and
    `state` is what is there."""
    same = any(each.terms.options == settings.options for each in ours)  # which wrote the key log that is there
    again = done is not None or (state is None and bool(ours))  # the key log may be there without its target
    if again or job.action.replaces_target:
        return Action.REPLACE if same or job.action.replaces_key_log else Action.REPLACE_TARGET
    if state is None:
        return Action.CREATE
    return Action.REFUSE_TARGET if same else Action.REFUSE


def _action_there(
    job: Job,
    settings: Settings,
    ours: Sequence[DoneLine],
    done: DoneLine | None,
    there: Mapping[str, State | None],
    marked: Set[str],
    *,
    resume: bool,
) -> Action:
    """Behind a URL. `marked` are the places of what says itself that it is this batch's."""
    if job.action.replaces_target:
        return Action.REPLACE
    known = {job.target} if done is not None else set()
    if settings.key_log_suffix is not None and any(each.terms.key_log for each in ours):
        known.add(job.target + settings.key_log_suffix)
    in_the_way = {job.target + suffix for suffix in _suffixes(settings) if job.target_name + suffix in there}
    if in_the_way:
        return Action.REPLACE if resume and in_the_way <= known | marked else Action.REFUSE
    sidecar = SIDECAR_SUFFIX if settings.sidecars is not None and job.target_name + SIDECAR_SUFFIX in there else None
    if sidecar is None or (resume and (ours or job.target + sidecar in marked)):
        return Action.REPLACE
    return job.action  # a sidecar that is in the way is found by who writes one


def _suffixes(settings: Settings) -> list[str]:
    """What the names of files begin with a target's, and end with: of itself, and of a key log."""
    return ["", *([] if settings.key_log_suffix is None else [settings.key_log_suffix])]


def _marked(
    jobs: Iterable[Job],
    settings: Settings,
    known: Mapping[str, Sequence[DoneLine]] | EarlierRuns,
    there: Mapping[str, object],
) -> set[str]:
    """The places of what lies where jobs write, and no manifest knows, and says itself that it is this batch's: a kill
    came before its line. Raises FileError."""
    suffixes = [*_suffixes(settings), SIDECAR_SUFFIX]
    locations = [
        job.target + suffix
        for job in jobs
        for suffix in suffixes
        if job.target_name + suffix in there and not _is_known(known.get(job.target_name, ()), settings, there, job)
    ]
    return remote_store(locations[0]).marked(locations, settings.root) if locations else set()


def _is_known(lines: Sequence[DoneLine], settings: Settings, there: Mapping[str, Any], job: Job) -> bool:
    """Whether some line is of the target that is there."""
    return _done([each for each in lines if each.terms.root == settings.root], there.get(job.target_name)) is not None


def _all_there(home: str) -> dict[str, State | None]:
    try:
        return {each.name: each.state for each in store_of(home).find(home, None, links=False)}
    except NoSuchLocationError:
        return {}


def _is_target_of(done: DoneLine, there: State | None) -> bool:
    """Whether the target that is there is the one that a line is about. Of what lies behind a URL only the size is
    known beforehand."""
    return _is_there(done.target_size, done.target_time, there)


def _is_there(size: int | None, time: int | str | None, there: State | None) -> bool:
    """Whether what is there is what was written, as far as a line knows."""
    return there is not None and size == there.size and time in (None, there.time)


def _up_to_date(done: DoneLine, job: Job, settings: Settings, there: Mapping[str, State | None] | None) -> bool:
    """Whether a target that is there says what its source says now. In place, the target is the source."""
    if done.terms.options != settings.options or done.source != job.source_name:
        return False
    if done.terms.key_log and settings.key_log_suffix is not None:
        log = job.target + settings.key_log_suffix
        if store_of(log).state(log) is None:
            return False
    if job.in_place:
        return True
    if settings.sidecars is not None:
        name, location = job.target_name + SIDECAR_SUFFIX, job.target + SIDECAR_SUFFIX
        state = LOCAL.state(location) if there is None else there.get(name)
        if done.target_sidecar is not None and not _is_there(*done.target_sidecar, state):
            return False
        now = state_beside_source(job)
        if now not in (None, done.source_sidecar):  # without it, the target could only lose
            return False
    return _says_the_same(done, job.source_state)


def _says_the_same(done: DoneLine, now: State | None) -> bool:
    """Whether a source says what it said when its line was written, also where its store does not say how large it is.
    One of which its store does not say when it changed may say anything."""
    if now is None or now.time is None:
        return False
    return now.time == done.source_time and now.size in (None, done.source_size)


def _sidecar_is_lost(done: DoneLine, job: Job, settings: Settings) -> bool:
    """Whether the sidecar by which a target was made is gone since, and the target would lose by being made anew."""
    if settings.sidecars is None or job.in_place or job.action.replaces_target or done.source_sidecar is None:
        return False
    return state_beside_source(job) is None
