"""The sidecar that a conversion or a split writes."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

from pcapconv.report import CaptureFile, Report
from pcapconv.sidecar.document import Draft, Head
from pcapconv.sidecar.file_access import THIS_MACHINE, SidecarFiles
from pcapconv.sidecar.save_step import Record

_ONLY_PCAP = ("header-fields", "record-fields", "time-notation")  # what pcapng, and so a sidecar, cannot say


class WrittenSidecar:
    """It goes to the file `name`; `stack` closes what is opened. Raises FileError."""

    def __init__(
        self,
        name: str,
        stack: ExitStack,
        files: SidecarFiles = THIS_MACHINE,
        *,
        secrets: bool,
        fingerprints: bool,
        force: bool,
    ) -> None:
        self.target = stack.enter_context(files.open_target(name, force=force, private=secrets))
        self._draft = stack.enter_context(Draft())
        self._secrets = secrets
        self._fingerprints = fingerprints
        self._clamp = False
        self._record: Record | None = None

    def clamp(self) -> bool:
        """Have times that pcap cannot hold written as the nearest that it can; whether that is something new."""
        before, self._clamp = self._clamp, True
        return not before

    def step(self) -> Record:
        """A new step for one run, behind all others."""
        self._draft.restart()
        self._record = Record(self._draft, secrets=self._secrets, fingerprints=self._fingerprints, clamp=self._clamp)
        return self._record

    def finish(self, report: Report, belongs: list[CaptureFile], before: Head | None = None) -> None:
        """Write the sidecar of a run that is done, all but its name; what it keeps is no loss in the report. What one
        that was read `before` lacked, this one lacks too, and both are of the same capture. Raises FileError."""
        record = self._record
        assert record is not None
        losses, missing = Counter(report.losses), Counter(record.missing)
        lost = losses & missing
        lost.update({kind: losses[kind] for kind in _ONLY_PCAP if losses[kind]})
        kept = dict(sorted((losses + record.kept - lost).items()))  # in an order that no batch decides
        report.losses, report.kept_in_sidecar, report.sidecar_written = dict(lost), kept, self.target.name
        damage, source_format = report.damage_total, record.source_format
        if before is not None:
            missing, damage = missing + Counter(before.missing), damage + before.damage
            source_format = before.source_format
        lacks = dict(sorted(missing.items()))
        head = Head(belongs, source_format, kept, lacks, damage, self._fingerprints, record.headers_cut)
        self._draft.write(head, self.target)
