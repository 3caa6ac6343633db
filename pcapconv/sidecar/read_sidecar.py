"""The sidecar that a conversion reads: it is checked against its pcap file, or matched with an edited pcap file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pcapconv import formats
from pcapconv.errors import SidecarError
from pcapconv.io.paths import SIDECAR_SUFFIX
from pcapconv.io.source import Source
from pcapconv.io.source_digest import Digest, start_digest
from pcapconv.model import Item
from pcapconv.report import Report
from pcapconv.sidecar.capture_check import check_digest, check_size, open_single_document, wrong_capture
from pcapconv.sidecar.document import Document, Header
from pcapconv.sidecar.file_access import THIS_MACHINE, SidecarFiles
from pcapconv.sidecar.restore_step import RestoreFromSidecar
from pcapconv.steps import Step
from pcapconv.wording import argument

if TYPE_CHECKING:
    from pcapconv.sidecar.edited import EditedCapture


class ReadSidecar:
    """The sidecar in the file `name`, which belongs to the pcap file that `source` reads. `stack` closes the sidecar.
    All methods raise FileError and SidecarError."""

    def __init__(
        self,
        name: str,
        source: Source,
        stack: ExitStack,
        files: SidecarFiles = THIS_MACHINE,
        named: str = "sidecar_file",
    ) -> None:
        self._source = source
        self._stack = stack
        self._document = document = open_single_document(name, stack, files, named)
        self._digest = Digest(source)
        stack.callback(lambda: self._digest.close())
        self._edited: EditedCapture | None = None
        self._lost: Counter[str] = Counter()  # counts by kind what only pcap can hold, in the last run
        if document.header.fingerprints and source.size != document.header.captures[0].bytes:
            self._match_packets()
        else:
            check_size(document, source)

    @property
    def name(self) -> str:
        """The name of the sidecar's file."""
        return self._document.name

    @property
    def file(self) -> Source:
        """The sidecar's file, open."""
        return self._document.source

    @property
    def header(self) -> Header:
        """The sidecar's header."""
        return self._document.header

    def start_digest(self) -> Digest | None:
        """Start the digest of a run that reads the capture from its beginning, and return the digest; None for an
        edited capture, whose digest is not needed."""
        self._digest.close()
        if self._edited is not None:
            self._source.observer = None
            return None
        self._digest = start_digest(self._source)
        return self._digest

    def restore_items(self, items: Iterator[Item]) -> Iterator[Item]:
        """Return the items of the restored capture, given the items of the pcap file."""
        for step in self.new_steps(Counter()):
            items = step(items)
        return items

    def new_steps(self, left_out: Counter[str]) -> list[Step]:
        """Return new steps for one run, which have to come before all others. `left_out` counts by kind the metadata
        that no longer fits an edited capture."""
        self._lost = Counter()
        if self._edited is not None:
            return self._edited.new_steps(left_out, self._lost)
        return [RestoreFromSidecar(self._document, self._lost)] if self._document.header.adds_to_pcap else []

    def check_capture(self) -> None:
        """Check the SHA-256 of the capture that was read, unless it is known to be edited. Raises SidecarError."""
        if self._edited is None:
            check_digest(self._document, self._source, self._digest)

    def adapt_to_edits(self) -> bool:
        """Match the packets if the sidecar has fingerprints and the SHA-256 of the capture shows that it was edited;
        the next run then restores the edited capture. Return whether this was done: a run that failed has to be
        repeated. Raises SidecarError if no packet can be matched."""
        if self._edited is not None or not self._document.header.fingerprints:
            return False
        try:
            self.check_capture()
        except SidecarError:
            self._source.rewind()
            self._match_packets()
            return True
        return False

    def add_to_report(self, report: Report) -> None:
        """Set the fields of a run's report about the sidecar that was read, after the run."""
        report.sidecar_read = self._document.name
        report.missing_in_sidecar = dict(self._document.header.missing)
        report.damage_in_sidecar = self._document.header.damage
        if self._edited is not None:
            report.found_in_sidecar = self._edited.summary()
        report.losses = dict(Counter(report.losses) + self._lost)

    def _match_packets(self) -> None:
        """Match the packets of an edited capture with those of the sidecar. Raises SidecarError if none can be
        matched."""
        from pcapconv.sidecar.edited import match_capture  # only needed if a sidecar has fingerprints

        document, source = self._document, self._source
        edited = match_capture(document, formats.open_reader(source).items(), self._stack)
        source.rewind()
        link_type = document.header.captures[0].link_type
        if edited.link_type != link_type:
            raise wrong_capture(document, source, f"its link type is {edited.link_type} instead of {link_type}")
        if edited.packets and edited.all_new:
            raise SidecarError(
                f"{document.name}: it knows none of the {edited.packets} packets of {source.name} by time and length: "
                "it belongs to another capture, or all times or lengths were changed since "
                f"({argument('shift_time')} moves times back)",
                path=document.name,
            )
        self._edited = edited


@contextmanager
def open_restored(source: Source, name: str) -> Iterator[tuple[Document, Iterator[Item]]]:
    """Open the sidecar beside the pcap file `name`, and yield the sidecar and the items of the restored capture. Raises
    FileError; and SidecarError if the sidecar belongs to another capture, which may show only at the end."""
    with ExitStack() as stack:
        document = open_single_document(name + SIDECAR_SUFFIX, stack)
        check_size(document, source)
        digest = start_digest(source)
        stack.callback(digest.close)
        items = formats.open_reader(source).items()
        yield document, RestoreFromSidecar(document, Counter())(items) if document.header.adds_to_pcap else items
        check_digest(document, source, digest)
