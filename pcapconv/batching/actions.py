"""A job of a batch, which is one file to convert, and its action: which existing files the job may replace."""

from __future__ import annotations

import os
from enum import Enum, auto
from typing import NamedTuple

from pcapconv.batching.locations import State, scheme_of


class Action(Enum):
    """The action of a job: which existing files it may replace, or that it fails or does nothing. A job starts with the
    action that the caller's arguments give (CREATE; REPLACE_TARGET in place; REPLACE with `force`). `decisions` then
    chooses the final one by the files that exist and by the manifests. A file that this batch did not write is
    foreign."""

    CREATE = auto()  # write a new target, and replace nothing
    REPLACE_TARGET = auto()  # replace the target (in place, the source), but no key log beside it, which is foreign
    REPLACE = auto()  # replace the target and its key log, whoever wrote them
    REFUSE_TARGET = auto()  # fail, since the target is foreign; a key log beside it is this batch's
    REFUSE = auto()  # fail, since the target is foreign
    FAIL_WITHOUT_SIDECAR = auto()  # fail, since the sidecar that the target was made with has been removed
    SKIP = auto()  # do nothing, since the target is up to date

    @property
    def replaces_target(self) -> bool:
        """True if an existing target may be replaced."""
        return self in (Action.REPLACE_TARGET, Action.REPLACE)

    @property
    def replaces_key_log(self) -> bool:
        """True if an existing key log may be replaced."""
        return self in (Action.REPLACE, Action.REFUSE_TARGET)

    @property
    def refuses(self) -> bool:
        """True if the job fails because a target exists that it may not replace."""
        return self in (Action.REFUSE_TARGET, Action.REFUSE)


class Job(NamedTuple):
    """One file to convert. `source` and `target` are locations; `source_name` and `target_name` are their names
    relative to the roots of the two trees, with `/`. `source_state` is the state of the source when the batch began.
    `sidecar_state` is the state of the sidecar beside a source behind a URL, None if there is no such sidecar."""

    source: str
    source_name: str
    source_state: State | None
    target: str
    target_name: str
    action: Action
    sidecar_state: State | None = None

    @property
    def in_place(self) -> bool:
        """True if the target replaces the source."""
        return self.source == self.target

    @property
    def size(self) -> int:
        """The size of the source in bytes, 0 if its store does not report the size."""
        return (self.source_state and self.source_state.size) or 0

    def with_absolute_paths(self) -> Job:
        """Return the same job for a process with another working directory."""
        locations = [
            location if scheme_of(location) is not None else os.path.abspath(location)
            for location in (self.source, self.target)
        ]
        return self._replace(source=locations[0], target=locations[1])
