"""Files of a batch that would be each other: two targets, a target and a source, a key log and either."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from pcapconv.batching.actions import Job
from pcapconv.batching.locations import real_location, scheme_of
from pcapconv.batching.manifest_names import PREFIX, is_of_batches
from pcapconv.batching.sources import is_capture
from pcapconv.errors import UsageError
from pcapconv.io.final_names import TEMPORARY
from pcapconv.wording import argument


def check_conflicts(
    jobs: Sequence[Job], keys: str | None, manifest: str, others: Mapping[str, str], *, in_place: bool
) -> None:
    """Raises UsageError for two captures that would have one target, for a target that is a source, and for a key log
    (its target's name with `keys` behind it), or one of the `others` (paths, by what they are), that is either, or the
    manifest."""
    real = _RealLocations().of
    targets = [real(job.target) for job in jobs]
    by_target = dict(zip(targets, jobs))
    rivals: dict[str, list[Job]] = {}
    if len(by_target) < len(jobs):
        for target, job in zip(targets, jobs):
            rivals.setdefault(target, []).append(job)
    for several in rivals.values():
        captures = [job for job in several if is_capture(job.source)] if len(several) > 1 else []
        if len(captures) > 1:
            raise UsageError(
                f"{captures[0].source} and {captures[1].source} would both become {captures[0].target}; rename one, or "
                f"leave it out with {argument('exclude')}"
            )
    sources = {real(job.source): job.source for job in jobs}
    logs = {real(job.target + keys) for job in jobs} if keys is not None else set()
    home = os.path.dirname(real(manifest))
    for target, job in zip(targets, jobs):
        if PREFIX in target and _is_manifest(target, home):
            raise UsageError(f"{job.target}: that is a manifest of this batch; name targets otherwise")
        if "/.pcapconv-" in target and TEMPORARY.fullmatch(os.path.basename(target)):
            raise UsageError(f"{job.target}: unfinished files are called so; name targets otherwise")
        if not in_place and (there := sources.get(target)) is not None:
            raise UsageError(f"{job.target}: that is a source too ({there}); name another directory")
    if both := sorted(path for path in logs if path in by_target or path in sources or _is_manifest(path, home)):
        raise UsageError(f"{argument('extract_secrets', keys)}: {both[0]} is another file of this batch")
    for what, location in others.items():
        path = real(location)
        captured = path in sources and is_capture(sources[path])
        if captured or path in by_target or path in logs or _is_manifest(path, home):
            raise UsageError(f"{what} {location}: that is another file of this batch; give it a name of its own")


def _is_manifest(path: str, home: str) -> bool:
    """Whether that is the manifest of this batch or of a shard, in the directory `home`, or lies beside one."""
    return os.path.dirname(path) == home and is_of_batches(os.path.basename(path))


class _RealLocations:
    """Places without links: each directory is looked at once, not each file."""

    def __init__(self) -> None:
        self._folders: dict[str, tuple[str, frozenset[str] | None]] = {}

    def of(self, location: str) -> str:
        """The real path of a file, there or not, or the URL as it is always written."""
        if scheme_of(location) is not None:
            return real_location(location)
        folder, slash, name = location.rpartition("/")
        folder += slash
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = os.path.join(os.path.realpath(folder), ""), _links_in(folder or ".")
        real, links = known
        if os.path.islink(location) if links is None else name in links:
            return os.path.realpath(location)
        return real + name


def _links_in(folder: str) -> frozenset[str] | None:
    """The names of a directory's symbolic links; None where they cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_symlink())
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError):
        return None
