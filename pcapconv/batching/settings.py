"""What all jobs of a batch have in common. It goes with them to whatever process does them."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from pcapconv.conversion import OnLoss
from pcapconv.formats.settings import WriterSettings
from pcapconv.sidecar import SidecarSettings
from pcapconv.steps.plan import Plan
from pcapconv.wording import Form, in_python


class FormatSettings(NamedTuple):
    """What each conversion is told of formats: `to` is None where each file keeps its format, `fractions` is as for
    `convert`, and `writer` what writers are told, but for the format."""

    to: str | None
    fractions: str | None
    writer: WriterSettings

    def writer_settings(self, known: str) -> WriterSettings:
        """What the writer of a file in a known format is told."""
        return self.writer._replace(format=self.to or known)

    def digest_fields(self) -> dict[str, Any]:
        """What tells one set of these options from another: what is new counts only where it is used."""
        default = WriterSettings("")
        told = {name: value for name, value in self.writer._asdict().items() if value != getattr(default, name)}
        said = {"to": self.to, "nanoseconds": self.writer.nanoseconds} | told
        return said if self.fractions is None else said | {"fractions": self.fractions}


class Settings(NamedTuple):
    """What all jobs of a batch have in common. `formats`, `plan`, `strict`, `on_loss` and `fsync` are what each
    conversion is told. `keys` is what the name of a target's extracted secrets ends with. `sidecars` are those that are
    asked for. `manifest` is the place of the manifest, to which each job adds its line if `adds_lines`; else the batch
    does. `inside` is the real path of the directory that no target may lie out of, None where it may. `options` is a
    digest of what decides on the bytes of targets, `root` the real path of the tree, None for a list, and `run` this
    run, which began when the manifest had `begin` bytes. `lease` is the file beside the manifest without which jobs
    stop, None where they end with the batch anyway. `form` is how messages name arguments."""

    formats: FormatSettings
    plan: Plan | None
    strict: bool
    on_loss: OnLoss
    fsync: bool
    key_log_suffix: str | None
    sidecars: SidecarSettings | None
    manifest: str
    adds_lines: bool
    inside: str | None
    options: str
    root: str | None
    run: str
    manifest_begin: int = 0
    lease: str | None = None
    form: Form = in_python

    @property
    def home(self) -> str | None:
        """The directory of the manifest, which no job makes; None where the batch writes the manifest."""
        return os.path.dirname(self.manifest) if self.adds_lines else None
