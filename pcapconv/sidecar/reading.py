"""The sidecar that is read: of the very capture that it belongs to, or of one that was edited since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pcapconv import formats
from pcapconv.errors import FileError, SidecarError
from pcapconv.files import SIDECAR_SUFFIX, Source
from pcapconv.model import Interface, Item
from pcapconv.report import Report
from pcapconv.sidecar.digest import Digest, following
from pcapconv.sidecar.document import Document, Head, open_document
from pcapconv.sidecar.restore import Restore
from pcapconv.steps import Step

if TYPE_CHECKING:
    from pcapconv.sidecar.match import Known, Match, Matches


class ReadSidecar:
    """The sidecar `name` of the capture `source`; `stack` closes what is opened. Raises FileError and SidecarError."""

    def __init__(self, name: str, source: Source, stack: ExitStack) -> None:
        self._source = source
        self._stack = stack
        self._document = document = _opened(name, stack)
        self._digest = Digest(source)
        stack.callback(lambda: self._digest.close())
        self._known: Known | None = None  # of an edited capture
        self._found: Matches | None = None
        self._lost: Counter[str] = Counter()  # of it, what only pcap can say
        if document.head.fingerprints and source.size != document.head.captures[0].bytes:
            self._find_again()
        else:
            _check_size(document, source)

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

    def follow(self) -> None:
        """Have the digest follow a run that reads the capture from its beginning, unless nobody wants it."""
        self._digest.close()
        if self._known is not None:
            self._source.follower = None
        else:
            self._digest = following(self._source)

    def items(self, items: Iterator[Item]) -> Iterator[Item]:
        """The capture as it was."""
        for step in self.steps(Counter()):
            items = step(items)
        return items

    def steps(self, left_out: Counter[str]) -> list[Step]:
        """New steps for one run, before all others. `left_out` counts what no longer holds of edited captures."""
        first = self._restoring(left_out)
        if first is None or self._found is None:
            return [] if first is None else [first]
        from pcapconv.steps.strip import DoNotCopy

        return [first, DoNotCopy(left_out)]

    def check(self) -> None:
        """See that the capture that was read is the one that the sidecar belongs to, or known to be edited. Raises
        SidecarError."""
        if self._known is None:
            _check_digest(self._document, self._source, self._digest)

    def edited(self) -> bool:
        """Whether a run has failed since the capture was edited, and another one will find its packets again."""
        if self._known is not None or not self._document.head.fingerprints:
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
        if self._found is not None and self._known is not None:
            from pcapconv.sidecar.match import summary

            report.found_in_sidecar = summary(self._found, len(self._known.prints))
        report.losses = dict(Counter(report.losses) + self._lost)

    def _restoring(self, left_out: Counter[str]) -> Restore | Match | None:
        """A new step; None where the capture says all itself."""
        self._lost = Counter()
        if self._known is None or self._found is None:
            return Restore(self._document, self._lost) if self._document.head.says_more else None
        from pcapconv.sidecar.match import Match

        return Match(self._document, self._known, self._found, left_out, self._lost)

    def _find_again(self) -> None:
        """Look which packets of an edited capture the sidecar knows."""
        from pcapconv.sidecar.match import Known, fingerprints_of, matches

        document, source = self._document, self._source
        known = Known(document, self._stack)
        prints = fingerprints_of(formats.open_reader(source).items())
        source.rewind()
        found = matches(known, prints)
        link_type, wanted = self._link_type(), document.head.captures[0].link_type
        if link_type != wanted:
            raise _another(document, source, f"its link type is {link_type} instead of {wanted}")
        if len(prints) and not any(found.known):
            raise SidecarError(
                f"{document.name}: it knows none of the {len(prints)} packets of {source.name} by time and length: it "
                "belongs to another capture, or all times or lengths were changed since (--shift-time moves times back)"
            )
        self._known, self._found = known, found

    def _link_type(self) -> int:
        """That of the capture that is read."""
        items = formats.open_reader(self._source).items()
        found = next(item.link_type for item in items if isinstance(item, Interface))
        self._source.rewind()
        return found


@contextmanager
def restored(source: Source, name: str) -> Iterator[tuple[Document, Iterator[Item]]]:
    """The sidecar beside a pcap file of this name, and the capture as it was. Raises FileError, and SidecarError where
    it does not fit, at the end too."""
    with ExitStack() as stack:
        document = _opened(name + SIDECAR_SUFFIX, stack)
        _check_size(document, source)
        digest = following(source)
        stack.callback(digest.close)
        items = formats.open_reader(source).items()
        yield document, Restore(document, Counter())(items) if document.head.says_more else items
        _check_digest(document, source, digest)


def _opened(name: str, stack: ExitStack) -> Document:
    """A sidecar of one capture. Raises FileError and SidecarError."""
    try:
        document = open_document(name, stack)
    except FileError as error:
        raise FileError(f"{error}; convert --sidecar to pcap writes one, --sidecar-file names another one") from None
    if len(document.head.captures) > 1:
        raise SidecarError(
            f"{name}: it belongs to {len(document.head.captures)} captures; pcapconv join puts them together"
        )
    return document


def _check_size(document: Document, source: Source) -> None:
    """Raises SidecarError where the capture has another size. One of this size holds packets to its end."""
    size = document.head.captures[0].bytes
    if source.size != size:
        raise _another(document, source, f"it has {source.size} bytes instead of {size}; {_advice(document)}")
    source.complete = True


def _check_digest(document: Document, source: Source, digest: Digest) -> None:
    """Raises SidecarError where the capture that was read is another one."""
    if digest.hexdigest() != document.head.captures[0].sha256:
        raise _another(document, source, f"its SHA-256 is another one; {_advice(document)}")


def _another(document: Document, source: Source, fact: str) -> SidecarError:
    return SidecarError(
        f"{document.name}: {source.name} is not the capture that it belongs to, or was edited since: {fact}"
    )


def _advice(document: Document) -> str:
    """What to do with a capture that was edited."""
    if document.head.fingerprints:
        return "convert --sidecar finds its packets again"
    return "only a sidecar made with --sidecar-fingerprints knows packets again"
