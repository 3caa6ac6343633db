"""Makes one capture again from the parts of a split by link type and their sidecar: `pcapconv.join`.

Strategy: a join is a conversion whose reader takes packets from all parts in the order that the sidecar has. The parts
must not have changed: their sizes are checked when they are opened, and their digests when they have been read.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext

from pcapconv import formats
from pcapconv.argument_types import check_flags, check_functions, parse_path
from pcapconv.conversion import Conversion, ConversionSettings
from pcapconv.errors import FileError, SidecarError, UsageError
from pcapconv.formats import Reader
from pcapconv.formats.compressed_captures import damage_in_words, plain_content
from pcapconv.formats.output_compression import choose_compression
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.compression import COMPRESSIONS, split_suffix
from pcapconv.io.paths import Writable, comparable_path, is_file_at, name_of
from pcapconv.io.source import Source, open_source
from pcapconv.io.source_digest import start_digest
from pcapconv.io.target import open_target
from pcapconv.model import Item, PacketBatch
from pcapconv.report import CaptureFile, Report
from pcapconv.sidecar import Sidecars
from pcapconv.sidecar.document import Document, open_document
from pcapconv.sidecar.restore_step import RestoreFromSidecar
from pcapconv.sinks import FileSink


def join(
    sidecar: str | os.PathLike[str],
    target: Writable,
    *,
    force: bool = False,
    fsync: bool = True,
    progress: Callable[[int], object] | None = None,
    taken: Sequence[str] = (),
    compress: str | None = None,
    compress_level: int | None = None,
) -> Report:
    """Rebuild the pcapng capture from which `split` made parts with a sidecar.

    The result is the capture byte for byte, if it was not damaged, and had no secrets or was split with
    `sidecar_secrets`.

    * `sidecar`: the path of the sidecar. The parts must be beside it, under the names that `split` gave them, and
      unchanged.
    * `target`, `force`, `fsync`, `compress`, `compress_level`: as for `convert`.
    * `progress`: a function that is called with the number of bytes read so far from all parts.
    * `taken`: paths that must not belong to the sidecar or a part; the command passes its report's.

    Returns a `Report`. Raises a `PcapconvError`: SidecarError if the sidecar or a part has changed, FileError or
    UsageError.
    """
    check_flags(force=force, fsync=fsync)
    check_functions(progress=progress)
    sidecar = parse_path("sidecar", sidecar)
    with ExitStack() as stack:
        writer = choose_compression(WriterSettings("pcapng", compress=compress, compress_level=compress_level), target)
        document = open_document(sidecar, stack)
        target_name = name_of(target)
        if target_name is not None and formats.format_of(target_name) == "pcap":
            raise UsageError(f"{target_name}: what join makes is pcapng; give it the suffix .pcapng", path=target_name)
        folder = os.path.dirname(sidecar)
        parts = [(part, _open_part(document, folder, part, stack)) for part in document.header.captures]
        inputs = [document.name, *(source.name for _, source in parts)]
        for file in (target, *taken):
            if comparable_path(file) in map(comparable_path, inputs) or any(is_file_at(name, file) for name in inputs):
                raise UsageError(f"{file}: is the sidecar or one of the parts; name a different file", path=str(file))
        _check_link_types(document)
        settings = ConversionSettings(writer, fsync=fsync)
        conversion = stack.enter_context(_Joining(_Parts(document, parts, progress), settings))
        conversion.use_sidecars(_PartsSidecar(conversion.parts, stack))
        conversion.write_to(FileSink(open_target(target, force=force, whole=True)))
        report = conversion.run()
        conversion.commit()
    return report


def _check_link_types(document: Document) -> None:
    """Check that no two parts have packets of one link type. Raises SidecarError if two have."""
    link_types = [each.link_type for each in document.header.captures if each.packets]
    if len(set(link_types)) < len(link_types):
        raise SidecarError(f"{document.name}: two of its captures have packets of one link type", path=document.name)


def _open_part(document: Document, folder: str, part: CaptureFile, stack: ExitStack) -> Source:
    """Open a part beside its sidecar, or its content if it was compressed since. Raises SidecarError if its name or its
    size is wrong, or if its compressed data is damaged, and FileError."""
    if part.name != os.path.basename(part.name) or part.name in ("", ".", ".."):
        raise SidecarError(
            f"{document.name}: it belongs to {part.name!r:.80}, which is no name of a file beside it",
            path=document.name,
        )
    try:
        file = stack.enter_context(open_source(_path_of_part(os.path.join(folder or os.curdir, part.name))))
    except FileError as error:
        message = f"{error}; the captures of {document.name} belong beside it, under their names"
        raise error.restated(message) from None
    source = plain_content(file, stack)
    if source.decompressed is not None and (damage := source.decompressed.damage) is not None:
        raise SidecarError(f"{document.name}: {part.name} is damaged: {damage_in_words(damage)}", path=document.name)
    if source.size != part.bytes:
        raise SidecarError(
            f"{document.name}: {part.name} was edited since, and join takes parts as they were: it has {source.size} "
            f"bytes instead of {part.bytes}",
            path=document.name,
        )
    source.complete = True
    return source


def _path_of_part(path: str) -> str:
    """Return the path of a part: the one that the sidecar has, or the one that the part got when it was compressed,
    decompressed, or both, by programs that change the suffix."""
    if os.path.lexists(path):
        return path
    stem, _ = split_suffix(path)
    others = [stem, *(each + other.suffix for each in dict.fromkeys((path, stem)) for other in COMPRESSIONS)]
    return next(filter(os.path.lexists, others), path)


class _Parts(Source):
    """The source of a join: a sidecar and its parts, which are read as one capture. `progress` is called with the
    number of bytes read so far from all parts."""

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
        """Read the items of a part."""
        for item in formats.open_reader(source).items():
            if self._progress is not None:
                self._progress(sum(part.position for _, part in self.parts))
            yield item

    def rewind(self) -> None:
        """Go back to the beginning of every part."""
        for _, source in self.parts:
            source.rewind()


class _PartsReader:
    """Reads the parts as the capture from which they were split; see `formats.Reader`."""

    format = "pcap"
    compression: str | None = None
    buffer_offset = 0  # not known, and of no use: all parts are read to their ends

    def __init__(self, parts: _Parts) -> None:
        self._parts = parts
        self.losses: Counter[str] = Counter()

    def items(self) -> Iterator[Item]:
        """See `formats.Reader.items`."""
        parts = self._parts
        captures = {part.link_type: parts.items(source) for part, source in parts.parts if part.packets}
        return RestoreFromSidecar(parts.document, Counter()).restore_parts(captures)


class _PartsSidecar(Sidecars):
    """The sidecar of the parts, which must not have changed. `stack` ends the threads that compute their digests."""

    def __init__(self, parts: _Parts, stack: ExitStack) -> None:
        super().__init__(None, None)
        self._parts = parts
        self._digests = [(part, start_digest(source)) for part, source in parts.parts]
        for _, digest in self._digests:
            stack.callback(digest.close)

    def check_read_capture(self) -> None:
        """Check that no part was edited. Raises SidecarError if one was."""
        document = self._parts.document
        for part, source in self._parts.parts:
            items = () if part.packets else self._parts.items(source)
            if any(isinstance(item, PacketBatch) for item in items):
                raise SidecarError(
                    f"{document.name}: it says that {part.name} has no packets, but it has", path=document.name
                )
        for part, digest in self._digests:
            if digest.hexdigest() != part.sha256:
                raise SidecarError(
                    f"{document.name}: {part.name} was edited since, and join takes parts as they were: its SHA-256 is "
                    "different",
                    path=document.name,
                )

    def finish_run(self, report: Report, files: list[CaptureFile]) -> None:  # noqa: ARG002 - none is written
        """Put the sidecar and the parts that were read into the report."""
        header = self._parts.document.header
        report.inputs = [self._parts.name, *(source.name for _, source in self._parts.parts)]
        report.sidecar_read, report.missing_in_sidecar = self._parts.name, dict(header.missing)
        report.damage_in_sidecar = header.damage


class _Joining(Conversion):
    """The conversion of a join. Parts have no damage, since their bytes must be those that `split` wrote."""

    def __init__(self, parts: _Parts, settings: ConversionSettings) -> None:
        super().__init__(parts, settings)
        self.parts = parts

    def open_reader(self) -> Reader:
        """See `Conversion.open_reader`."""
        return _PartsReader(self.parts)

    def name_errors(self) -> AbstractContextManager[None]:
        """See `Conversion.name_errors`. Does nothing here: the readers put the names of parts into messages."""
        return nullcontext()

    def note_items(self, items: Iterator[Item], report: Report) -> Iterator[Item]:
        """See `Conversion.note_items`. Only packets are counted here."""
        for item in items:
            if isinstance(item, PacketBatch):
                report.packets_read += item.rows
            yield item
