"""Removes the remains of killed runs of a batch: temporary files, and uploads that were not completed."""

from __future__ import annotations

import os
from collections.abc import Iterable

from pcapconv.batching import stores
from pcapconv.batching.actions import Job
from pcapconv.batching.arguments import Arguments
from pcapconv.batching.lease import leases_in
from pcapconv.batching.local import is_inside, remove_temporary_files
from pcapconv.batching.manifest_names import WHOLE, is_manifest, manifest_beside, manifest_name


def remove_local_leftovers(arguments: Arguments, jobs: Iterable[Job]) -> None:
    """Remove the temporary files that killed runs have left among the new files. A shard removes no files, since other
    shards may be writing theirs."""
    inside, flags = arguments.settings.inside, arguments.flags
    if flags.resume and arguments.shard is None:
        folders = {os.path.dirname(job.target) or "." for job in jobs}
        folders |= set() if flags.in_place else {arguments.home}
        remove_temporary_files(folder for folder in folders if inside is None or is_inside(folder, inside))


def remove_remote_leftovers(arguments: Arguments, jobs: Iterable[Job]) -> None:
    """Remove the uploads and temporary files that killed runs have left behind a URL: runs on this manifest, and for a
    whole batch also runs on manifests of shards that no batch is at work on. Raises FileError."""
    flags, whole = arguments.flags, arguments.shard is None
    if not (flags.resume or flags.force):
        return
    if not whole:
        abort_uploads(arguments)
        return
    at_work = {manifest_beside(lease) for lease in leases_in(arguments.home)} - {WHOLE}
    stores.remote_store(arguments.home).remove_leftovers(
        arguments.home,
        lambda note: is_manifest(note.batch) and note.batch not in at_work,
        [job.target for job in jobs],
        unshared=not at_work,
    )


def abort_uploads(arguments: Arguments, run: str | None = None) -> None:
    """Abort the uploads that notes record for this manifest, or only the uploads of one `run`. Raises FileError."""
    own = manifest_name(arguments.shard)
    stores.remote_store(arguments.home).remove_leftovers(
        arguments.home, lambda note: note.batch == own and run in (None, note.run)
    )
