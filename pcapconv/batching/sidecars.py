"""The sidecars of a batch, which lie beside sources and targets, on this machine or behind URLs."""

from __future__ import annotations

from pcapconv.batching.actions import Job
from pcapconv.batching.local import LOCAL
from pcapconv.batching.locations import BatchContext, State, scheme_of
from pcapconv.batching.stores import store_of
from pcapconv.io.paths import SIDECAR_SUFFIX
from pcapconv.io.source import Source
from pcapconv.io.target import Target
from pcapconv.sidecar.file_access import SidecarFiles


def source_sidecar_state(job: Job) -> State | None:
    """Return the state of the sidecar beside a job's source, None if there is no sidecar. On this machine it is the
    present state, behind a URL the state when the batch began."""
    return LOCAL.state(job.source + SIDECAR_SUFFIX) if scheme_of(job.source) is None else job.sidecar_state


class BatchSidecarFiles(SidecarFiles):
    """Opens the sidecars beside the source and the target of one job. All methods raise FileError."""

    def __init__(self, job: Job, batch: BatchContext) -> None:
        self._job = job
        self._batch = batch

    def exists(self, name: str) -> bool:
        """See `SidecarFiles.exists`."""
        if scheme_of(name) is None:
            return super().exists(name)
        return name == self._job.source + SIDECAR_SUFFIX and self._job.sidecar_state is not None

    def open_source(self, name: str) -> Source:
        """See `SidecarFiles.open_source`."""
        if scheme_of(name) is None:
            return super().open_source(name)
        return store_of(name).open_source(name, self._batch.on_transfer)

    def open_target(self, name: str, *, force: bool, private: bool) -> Target:
        """See `SidecarFiles.open_target`."""
        if scheme_of(name) is None:
            return super().open_target(name, force=force, private=private)
        return store_of(name).open_target(name, self._batch, force=force, private=private)
