"""Parts of a capture, split by link type, put together again by their sidecar: `pcapconv.join`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext

from pcapconv import formats
from pcapconv.conversion import Conversion, ConversionSettings
from pcapconv.errors import FileError, SidecarError, UsageError
from pcapconv.formats import Reader
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.paths import Writable, comparable_path, is_file_at, name_of
from pcapconv.io.source import Source, open_source
from pcapconv.io.source_digest import start_digest
from pcapconv.io.target import open_target
from pcapconv.model import Item, PacketBatch
from pcapconv.report import CaptureFile, Report
from pcapconv.sidecar import Sidecars
from pcapconv.sidecar.document import Document, open_document
from pcapconv.sidecar.restore import Restore
from pcapconv.sinks import FileSink


def join(
    sidecar: str | os.PathLike[str],
    target: Writable,
    *,
    force: bool = False,
    fsync: bool = True,
    progress: Callable[[int], object] | None = None,
    taken: Sequence[str] = (),
) -> Report:
    """Make the pcapng capture again that `split` made parts of with a sidecar.

    `sidecar` is the sidecar's path; the parts are looked for beside it, under the names that it has. `target`,
    `force` and `fsync` are as for `convert`, `progress` is called with the bytes of all parts read so far. `taken`
    are names that no file of these may have. Nothing is written unless all parts are as they were.

    Returns a `Report`. Raises SidecarError, FileError, UsageError and other `PcapconvError`s.
    """
    with ExitStack() as stack:
        document = open_document(os.fspath(sidecar), stack)
        target_name = name_of(target)
        if target_name is not None and formats.format_of(target_name) == "pcap":
            raise UsageError(f"{target_name}: what join makes is pcapng; give it the suffix .pcapng")
        folder = os.path.dirname(os.fspath(sidecar))
        parts = [(each, stack.enter_context(_open(document, folder, each))) for each in document.head.captures]
        read = [document.name, *(source.name for _, source in parts)]
        for other in (target, *taken):
            if comparable_path(other) in map(comparable_path, read) or any(is_file_at(name, other) for name in read):
                raise UsageError(f"{other}: that is one of the files that it would be made of; name another one")
        _check_link_types(document)
        settings = ConversionSettings(WriterSettings("pcapng"), fsync=fsync)
        conversion = stack.enter_context(_Joining(_Parts(document, parts, progress), settings))
        conversion.use_sidecars(_PartsSidecar(conversion.parts, stack))
        conversion.write_to(FileSink(open_target(target, force=force, whole=True)))
        report = conversion.run()
        conversion.commit()
    return report


def _check_link_types(document: Document) -> None:
    link_types = [each.link_type for each in document.head.captures if each.packets]
    if len(set(link_types)) < len(link_types):
        raise SidecarError(f"{document.name}: two of its captures have packets of one link type")


def _open(document: Document, folder: str, part: CaptureFile) -> Source:
    if part.name != os.path.basename(part.name) or part.name in ("", ".", ".."):
        raise SidecarError(f"{document.name}: it belongs to {part.name!r:.80}, which is no name of a file beside it")
    try:
        source = open_source(os.path.join(folder or os.curdir, part.name))
    except FileError as error:
        raise FileError(f"{error}; the captures of {document.name} belong beside it, under their names") from None
    if source.size != part.bytes:
        source.__exit__()
        raise SidecarError(
            f"{document.name}: {part.name} was edited since, and join takes parts as they were: it has {source.size} "
            f"bytes instead of {part.bytes}"
        )
    source.complete = True
    return source


class _Parts(Source):
    """A sidecar and its parts, to be read as one capture. `progress` is called with the bytes of all parts read so
    far."""

    def __init__(
        self,
        document: Document,
        parts: Sequence[tuple[CaptureFile, Source]],
        progress: Callable[[int], object] | None,
    ) -> None:
        super().__init__(document.source.file, document.name, owned=False)
        self.document = document
        self.parts = parts
        self._progress = progress

    def items(self, source: Source) -> Iterator[Item]:
        """The items of a part."""
        for item in formats.open_reader(source).items():
            if self._progress is not None:
                self._progress(sum(part.position for _, part in self.parts))
            yield item

    def rewind(self) -> None:
        """Back to the beginning of every part."""
        for _, source in self.parts:
            source.rewind()


class _PartsReader:
    """Reads the parts of a capture as what it was; see `formats.Reader`."""

    format = "pcap"

    def __init__(self, parts: _Parts) -> None:
        self._parts = parts
        self.losses: Counter[str] = Counter()

    def items(self) -> Iterator[Item]:
        """The capture's items."""
        parts = self._parts
        captures = {each.link_type: parts.items(source) for each, source in parts.parts if each.packets}
        return Restore(parts.document, Counter()).join(captures)


class _PartsSidecar(Sidecars):
    """The sidecar of the parts, which have to be as they were. `stack` ends what works out their digests."""

    def __init__(self, parts: _Parts, stack: ExitStack) -> None:
        super().__init__(None, None)
        self._parts = parts
        self._digests = [(each, start_digest(source)) for each, source in parts.parts]
        for _, digest in self._digests:
            stack.callback(digest.close)

    def check(self) -> None:
        """Raises SidecarError for a part that was edited."""
        document = self._parts.document
        for each, source in self._parts.parts:
            items = () if each.packets else self._parts.items(source)
            if any(isinstance(item, PacketBatch) for item in items):
                raise SidecarError(f"{document.name}: it says that {each.name} has no packets, which is not so")
        for each, digest in self._digests:
            if digest.hexdigest() != each.sha256:
                raise SidecarError(
                    f"{document.name}: {each.name} was edited since, and join takes parts as they were: its SHA-256 is "
                    "another one"
                )

    def finish(self, report: Report, files: list[CaptureFile]) -> None:  # noqa: ARG002 - none is written
        """Say in the report what was read."""
        head = self._parts.document.head
        report.inputs = [self._parts.name, *(source.name for _, source in self._parts.parts)]
        report.sidecar_read, report.missing_in_sidecar = self._parts.name, dict(head.missing)
        report.damage_in_sidecar = head.damage


class _Joining(Conversion):
    """The conversion of parts, which have no damage: they are what they were."""

    def __init__(self, parts: _Parts, settings: ConversionSettings) -> None:
        super().__init__(parts, settings)
        self.parts = parts

    def open_reader(self) -> Reader:
        """See `Conversion.open_reader`."""
        return _PartsReader(self.parts)

    def name_errors(self) -> AbstractContextManager[None]:
        """See `Conversion.name_errors`: who reads the parts names them."""
        return nullcontext()

    def note_items(self, items: Iterator[Item], report: Report) -> Iterator[Item]:
        """See `Conversion.note_items`: packets are counted, and nothing else is noted."""
        for item in items:
            if isinstance(item, PacketBatch):
                report.packets_read += item.rows
            yield item
