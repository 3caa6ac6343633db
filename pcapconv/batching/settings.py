"""What all jobs of a batch have in common. It goes with them to whatever process does them."""

from __future__ import annotations

from typing import Any, NamedTuple

from pcapconv.conversion import OnLoss
from pcapconv.sidecar import SidecarOptions
from pcapconv.steps.plan import Plan


class FormatOptions(NamedTuple):
    """What each conversion is told of formats, by `convert`'s names; `to` is None where each file keeps its format. No
    other place in a batch lists these options, so that a new one is a field here, with a default."""

    to: str | None
    nanoseconds: bool
    fractions: str | None = None
    keep_snaplen: bool = False

    def said(self) -> dict[str, Any]:
        """What tells one set of these options from another: those without a default, and those that are not at it."""
        default = self._field_defaults
        return {name: value for name, value in self._asdict().items() if name not in default or value != default[name]}


class Settings(NamedTuple):
    """What all jobs of a batch have in common. `formats`, `plan`, `strict`, `on_loss` and `fsync` are what each
    conversion is told. `keys` is what the name of a target's extracted secrets ends with. `sidecars` are those that are
    asked for. `manifest` is where lines are added, None where the batch does that. `inside` is the real path of the
    directory that no target may lie out of, None where it may. `options` is a digest of what decides on the bytes of
    targets, `root` the real path of the tree, None for a list, and `run` this run."""

    formats: FormatOptions
    plan: Plan | None
    strict: bool
    on_loss: OnLoss
    fsync: bool
    keys: str | None
    sidecars: SidecarOptions | None
    manifest: str | None
    inside: str | None
    options: str
    root: str | None
    run: str
