"""Files of a batch that would be each other: two targets, a target and a source, a key log and either."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from pcapconv.batching.actions import Job
from pcapconv.batching.places import real_place, scheme_of
from pcapconv.batching.sources import is_capture
from pcapconv.errors import UsageError


def check_conflicts(jobs: Sequence[Job], keys: str | None, manifest: str, others: Mapping[str, str]) -> None:
    """Raises UsageError for two captures that would have one target, for a target that is a source, and for a key log
    (its target's name with `keys` behind it), or one of the `others` (paths, by what they are), that is either, or the
    manifest."""
    real = cache(os.path.realpath)
    by_target: dict[str, list[Job]] = {}
    for job in jobs:
        by_target.setdefault(_real(job.target, real), []).append(job)
    for rivals in by_target.values():
        captures = rivals if len(rivals) == 1 else [job for job in rivals if is_capture(job.source)]
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
        captured = path in sources and is_capture(sources[path])
        if captured or path in by_target or path in logs or path == _real(manifest, real):
            raise UsageError(f"{what} {place}: that is another file of this batch; give it a name of its own")


def _real(place: str, real_folder: Callable[[str], str]) -> str:
    if scheme_of(place) is not None:
        return real_place(place)
    if os.path.islink(place):
        return os.path.realpath(place)
    folder, name = os.path.split(place)
    return os.path.join(real_folder(folder), name)
