"""Refuses a batch in which one file would have two roles: a target of two sources, or a target or key log that is also
a source, a manifest or another output."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from pcapconv.batching.actions import Job
from pcapconv.batching.locations import real_location, scheme_of
from pcapconv.batching.manifest_names import PREFIX, is_batch_file
from pcapconv.batching.sources import is_capture
from pcapconv.errors import UsageError
from pcapconv.formats import format_of
from pcapconv.io.final_names import TEMPORARY
from pcapconv.wording import argument


def check_conflicts(
    jobs: Sequence[Job], key_log_suffix: str | None, manifest: str, other_files: Mapping[str, str], *, in_place: bool
) -> None:
    """Check that no file of a batch has two roles. Raises UsageError for two captures with one target; for a target
    that is a source (unless `in_place`), a manifest, or has the name of a temporary file; and for a key log or a file
    of `other_files` that is a target, a source or a manifest. The name of a key log is that of its target, followed by
    `key_log_suffix`; `other_files` maps descriptions of further files of the command to their paths."""
    real = _RealLocations().real
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
    key_logs = {real(job.target + key_log_suffix) for job in jobs} if key_log_suffix is not None else set()
    home = os.path.dirname(real(manifest))
    for target, job in zip(targets, jobs):
        if PREFIX in target and _is_file_of_batches(target, home):
            raise UsageError(
                f"{job.target}: that is a manifest of this batch; give targets other names", path=job.target
            )
        if "/.pcapconv-" in target and TEMPORARY.fullmatch(os.path.basename(target)):
            raise UsageError(
                f"{job.target}: unfinished files have such names; give targets other names", path=job.target
            )
        if not in_place and (source := sources.get(target)) is not None:
            raise UsageError(f"{job.target}: that is a source too ({source}); name another directory", path=job.target)
    if clashing := sorted(
        path for path in key_logs if path in by_target or path in sources or _is_file_of_batches(path, home)
    ):
        raise UsageError(
            f"{argument('extract_secrets', key_log_suffix)}: {clashing[0]} is another file of this batch",
            option="extract_secrets",
        )
    for description, location in other_files.items():
        path = real(location)
        is_source = path in sources and (format_of(path) is not None or is_capture(sources[path]))
        if is_source or path in by_target or path in key_logs or _is_file_of_batches(path, home):
            raise UsageError(f"{description} {location}: that is another file of this batch; give it a name of its own")


def _is_file_of_batches(path: str, home: str) -> bool:
    """Return whether a path is the path of a manifest, a lease or an index in the directory `home`."""
    return os.path.dirname(path) == home and is_batch_file(os.path.basename(path))


class _RealLocations:
    """Finds the real locations of many files: symbolic links are looked up once in each directory, not for each
    file."""

    def __init__(self) -> None:
        self._folders: dict[str, tuple[str, frozenset[str] | None]] = {}

    def real(self, location: str) -> str:
        """Return the real path of a file, which need not exist, or the usual form of a URL."""
        if scheme_of(location) is not None:
            return real_location(location)
        folder, slash, name = location.rpartition("/")
        folder += slash
        cached = self._folders.get(folder)
        if cached is None:
            cached = self._folders[folder] = os.path.join(os.path.realpath(folder), ""), _links_in(folder or ".")
        real, links = cached
        if os.path.islink(location) if links is None else name in links:
            return os.path.realpath(location)
        return real + name


def _links_in(folder: str) -> frozenset[str] | None:
    """Return the names of the symbolic links in a directory: an empty set if there is no directory, None if it cannot
    be listed."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_symlink())
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError):
        return None
