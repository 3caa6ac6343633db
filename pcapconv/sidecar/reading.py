"""The sidecar that is read: of the very capture that it belongs to, or of one that was edited since."""

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
from pcapconv.sidecar.belonging import another, check_digest, check_size, open_sidecar
from pcapconv.sidecar.document import Document, Head
from pcapconv.sidecar.files import THIS_MACHINE, SidecarFiles
from pcapconv.sidecar.restore import Restore
from pcapconv.steps import Step
from pcapconv.wording import argument

if TYPE_CHECKING:
    from pcapconv.sidecar.edited import EditedCapture


class ReadSidecar:
    """The sidecar `name` of the capture `source`; `stack` closes what is opened. Raises FileError and SidecarError."""

    def __init__(self, name: str, source: Source, stack: ExitStack, files: SidecarFiles = THIS_MACHINE) -> None:
        self._source = source
        self._stack = stack
        self._document = document = open_sidecar(name, stack, files)
        self._digest = Digest(source)
        stack.callback(lambda: self._digest.close())
        self._edited: EditedCapture | None = None
        self._lost: Counter[str] = Counter()  # of the capture, what only pcap can say
        if document.head.fingerprints and source.size != document.head.captures[0].bytes:
            self._find_again()
        else:
            check_size(document, source)

    @property
    def name(self) -> str:
        """The file's."""
        return self._document.name

    @property
    def file(self) -> Source:
        """The open file."""
        return self._document.source

    @property
    def head(self) -> Head:
        """What it says at its beginning."""
        return self._document.head

    def follow(self) -> Digest | None:
        """Have the digest follow a run that reads the capture from its beginning, and return it; None where nobody
        wants it."""
        self._digest.close()
        if self._edited is not None:
            self._source.observer = None
            return None
        self._digest = start_digest(self._source)
        return self._digest

    def items(self, items: Iterator[Item]) -> Iterator[Item]:
        """The capture as it was."""
        for step in self.steps(Counter()):
            items = step(items)
        return items

    def steps(self, left_out: Counter[str]) -> list[Step]:
        """New steps for one run, before all others. `left_out` counts what no longer holds of edited captures."""
        self._lost = Counter()
        if self._edited is not None:
            return self._edited.steps(left_out, self._lost)
        return [Restore(self._document, self._lost)] if self._document.head.says_more else []

    def check(self) -> None:
        """See that the capture that was read is the one that the sidecar belongs to, or known to be edited. Raises
        SidecarError."""
        if self._edited is None:
            check_digest(self._document, self._source, self._digest)

    def edited(self) -> bool:
        """Whether a run has failed since the capture was edited, and another one will find its packets again."""
        if self._edited is not None or not self._document.head.fingerprints:
            return False
        try:
            self.check()
        except SidecarError:
            self._source.rewind()
            self._find_again()
            return True
        return False

    def finish(self, report: Report) -> None:
        """Say in the report of a run that is done what was found."""
        report.sidecar_read = self._document.name
        report.missing_in_sidecar = dict(self._document.head.missing)
        report.damage_in_sidecar = self._document.head.damage
        if self._edited is not None:
            report.found_in_sidecar = self._edited.summary()
        report.losses = dict(Counter(report.losses) + self._lost)

    def _find_again(self) -> None:
        """Look which packets of an edited capture the sidecar knows."""
        from pcapconv.sidecar.edited import match  # only where a sidecar has fingerprints

        document, source = self._document, self._source
        found = match(document, formats.open_reader(source).items(), self._stack)
        source.rewind()
        wanted = document.head.captures[0].link_type
        if found.link_type != wanted:
            raise another(document, source, f"its link type is {found.link_type} instead of {wanted}")
        if found.packets and found.all_new:
            raise SidecarError(
                f"{document.name}: it knows none of the {found.packets} packets of {source.name} by time and length: "
                "it belongs to another capture, or all times or lengths were changed since "
                f"({argument('shift_time')} moves times back)"
            )
        self._edited = found


@contextmanager
def restored(source: Source, name: str) -> Iterator[tuple[Document, Iterator[Item]]]:
    """The sidecar beside a pcap file of this name, and the capture as it was. Raises FileError, and SidecarError where
    it does not fit, at the end too."""
    with ExitStack() as stack:
        document = open_sidecar(name + SIDECAR_SUFFIX, stack)
        check_size(document, source)
        digest = start_digest(source)
        stack.callback(digest.close)
        items = formats.open_reader(source).items()
        yield document, Restore(document, Counter())(items) if document.head.says_more else items
        check_digest(document, source, digest)
