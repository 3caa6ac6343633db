"""The settings that all jobs of a batch share. They are sent with the jobs to the processes that run them."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from pcapconv.conversion import OnLoss
from pcapconv.formats.settings import WriterSettings
from pcapconv.sidecar import SidecarSettings
from pcapconv.steps.plan import Plan
from pcapconv.wording import Form, in_python


class FormatSettings(NamedTuple):
    """The formats of a batch: `to` is the target format, None if each file keeps its own; `fractions` and
    `salvage` are those of `convert`; `writer` has the settings of writers, except the format."""

    to: str | None
    fractions: str | None
    writer: WriterSettings
    salvage: bool = False

    def writer_settings(self, source_format: str) -> WriterSettings:
        """Return the settings of the writer for a source in this format."""
        return self.writer._replace(format=self.to or source_format)

    def digest_fields(self) -> dict[str, Any]:
        """Return the values of formats for the digest of a batch's options. Settings of newer versions count only if
        they differ from their defaults, so that the digests of older manifests stay valid."""
        default = WriterSettings("")
        changed = {name: value for name, value in self.writer._asdict().items() if value != getattr(default, name)}
        fields = {"to": self.to, "nanoseconds": self.writer.nanoseconds} | changed
        reading = {"fractions": self.fractions, "salvage": self.salvage}
        return fields | {name: value for name, value in reading.items() if value}


class Settings(NamedTuple):
    """The settings that all jobs of a batch share.

    `formats`, `plan`, `strict`, `on_loss` and `fsync` are those of each conversion. `key_log_suffix` is the suffix that
    the name of a key log (a target's extracted secrets) adds to the target's name, None without key logs; `sidecars` is
    None without sidecars. `manifest` is the location of the manifest: each job appends its line if `adds_lines`,
    otherwise the batch writes them. `inside` is the real path of the directory in which all targets have to lie, None
    if they may lie elsewhere. `options_digest` is a digest of all arguments that decide the bytes of targets, `root`
    the real path or URL of the source tree (None for a list of files), and `run` the id of this run, which began when
    the manifest had `manifest_begin` bytes. If jobs do not end with the batch, `lease` is the location of the lease
    without which they stop, otherwise None. `form` is the form in which messages name arguments."""

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
    options_digest: str
    root: str | None
    run: str
    manifest_begin: int = 0
    lease: str | None = None
    form: Form = in_python

    @property
    def home(self) -> str | None:
        """The directory of the manifest, which jobs do not create; None if the batch itself writes the manifest."""
        return os.path.dirname(self.manifest) if self.adds_lines else None
