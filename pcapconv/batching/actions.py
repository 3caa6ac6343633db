"""What is to be done with one file of a batch: a job, and what its action may replace."""

from __future__ import annotations

import os
from enum import Enum, auto
from typing import NamedTuple

from pcapconv.batching.locations import State, scheme_of


class Action(Enum):
    """What a job may do. A job begins with what the caller asks for (CREATE, REPLACE_TARGET in place, REPLACE with
    force); what is there, and what the manifest says of that, leads to each of the others."""

    CREATE = auto()  # write a target where there is none, and replace nothing
    REPLACE_TARGET = auto()  # replace the target, which is this batch's; a key log beside it is somebody's, and stays
    REPLACE = auto()  # replace the target and its key log, whatever is there
    REFUSE_TARGET = auto()  # fail, since the target is somebody's; a key log beside it is this batch's
    REFUSE = auto()  # fail, since the target is somebody's
    FAIL_WITHOUT_SIDECAR = auto()  # fail, since the sidecar by which the target was made is gone
    SKIP = auto()  # do nothing: the target says what the source says now

    @property
    def replaces_target(self) -> bool:
        """Whether a target that is there may be replaced."""
        return self in (Action.REPLACE_TARGET, Action.REPLACE)

    @property
    def replaces_key_log(self) -> bool:
        """Whether a key log that is there may be replaced."""
        return self in (Action.REPLACE, Action.REFUSE_TARGET)

    @property
    def refuses(self) -> bool:
        """Whether there is a target that may not be replaced."""
        return self in (Action.REFUSE_TARGET, Action.REFUSE)


class Job(NamedTuple):
    """`source` and `target` are places, `name` and `target_name` what they are called in the tree. `state` is that of
    the source when the batch began, `sidecar` that of the sidecar beside a source behind a URL, if there is one."""

    source: str
    source_name: str
    source_state: State | None
    target: str
    target_name: str
    action: Action
    sidecar_state: State | None = None

    @property
    def in_place(self) -> bool:
        """Whether the target takes the source's place."""
        return self.source == self.target

    @property
    def size(self) -> int:
        """The size of the source, in bytes; 0 where the store does not say."""
        return (self.source_state and self.source_state.size) or 0

    def with_absolute_paths(self) -> Job:
        """The same job for a process in another directory."""
        locations = [
            location if scheme_of(location) is not None else os.path.abspath(location)
            for location in (self.source, self.target)
        ]
        return self._replace(source=locations[0], target=locations[1])
