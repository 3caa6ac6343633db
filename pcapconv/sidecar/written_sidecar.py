"""The sidecar that a conversion or a split writes: gives each run its saving step, and fills the file after the run."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

from pcapconv.report import CaptureFile, Report
from pcapconv.sidecar.document import DocumentWriter, Header
from pcapconv.sidecar.file_access import THIS_MACHINE, SidecarFiles
from pcapconv.sidecar.save_step import SaveToSidecar

_ONLY_PCAP = ("header-fields", "record-fields", "time-notation")  # losses that pcapng, and so a sidecar, cannot hold


class WrittenSidecar:
    """The sidecar that is written to the file `name`; `secrets` and `fingerprints` tell whether it contains them.
    `stack` closes the files. All methods raise FileError."""

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
        self._writer = stack.enter_context(DocumentWriter())
        self._secrets = secrets
        self._fingerprints = fingerprints
        self._clamp = False
        self._step: SaveToSidecar | None = None

    def clamp_times(self) -> bool:
        """Make the next runs replace each time that pcap cannot hold by the nearest time that pcap can hold. Return
        whether this is new: False if `clamp_times` was called before."""
        before, self._clamp = self._clamp, True
        return not before

    def new_step(self) -> SaveToSidecar:
        """Return a new step for one run, which has to come after all others; discard the entries of an earlier run."""
        self._writer.clear()
        self._step = SaveToSidecar(
            self._writer, secrets=self._secrets, fingerprints=self._fingerprints, clamp=self._clamp
        )
        return self._step

    def finish(self, report: Report, captures: list[CaptureFile], read_header: Header | None = None) -> None:
        """Fill the sidecar's file after a run; it does not get its final name yet. `captures` are the pcap files that
        the run wrote. In the report, metadata that the sidecar keeps are no longer losses. `read_header` is the header
        of the sidecar that the run read, or None: metadata that were missing there are missing here, too. Raises
        FileError."""
        step = self._step
        assert step is not None
        losses, missing = Counter(report.losses), Counter(step.missing)
        lost = losses & missing
        lost.update({kind: losses[kind] for kind in _ONLY_PCAP if losses[kind]})
        kept = dict(sorted((losses + step.kept - lost).items()))  # in an order that does not depend on batches
        report.losses, report.kept_in_sidecar, report.sidecar_written = dict(lost), kept, self.target.name
        damage, source_format = report.damage_total, step.source_format
        if read_header is not None:
            missing, damage = missing + Counter(read_header.missing), damage + read_header.damage
            source_format = read_header.source_format
        all_missing = dict(sorted(missing.items()))
        header = Header(captures, source_format, kept, all_missing, damage, self._fingerprints, step.headers_cut)
        self._writer.write_to(self.target, header)
