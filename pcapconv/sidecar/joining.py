"""Parts of a capture, split by link type, put together again by their sidecar: `pcapconv.join`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from pcapconv import formats
from pcapconv.commit import commit
from pcapconv.convert import attempt, name_of, through
from pcapconv.errors import FileError, SidecarError, UsageError
from pcapconv.files import Source, Target, Writable, is_open_as, leads_to, open_source, open_target
from pcapconv.model import Item, PacketBatch
from pcapconv.output import Output
from pcapconv.report import Report
from pcapconv.sidecar.digest import following
from pcapconv.sidecar.document import Belongs, Document, open_document
from pcapconv.sidecar.restore import Restore
from pcapconv.steps.snaplens import Snaplens


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
    target_name = name_of(target)
    if target_name is not None and formats.format_of(target_name) == "pcap":
        raise UsageError(f"{target_name}: what join makes is pcapng; give it the suffix .pcapng")
    with ExitStack() as stack:
        document = open_document(os.fspath(sidecar), stack)
        folder = os.path.dirname(os.fspath(sidecar))
        parts = [(each, stack.enter_context(_open(document, folder, each))) for each in document.head.captures]
        read = [document.name, *(source.name for _, source in parts)]
        for other in (target, *taken):
            if leads_to(other) in map(leads_to, read) or any(is_open_as(name, other) for name in read):
                raise UsageError(f"{other}: that is one of the files that OUT would be made of; name another one")
        digests = [(each, following(source)) for each, source in parts]
        for _, digest in digests:
            stack.callback(digest.close)
        _check_link_types(document)
        place = stack.enter_context(open_target(target, force=force, whole=True))
        snaplens = Snaplens(again=True)

        def restart() -> None:
            place.restart()
            for _, source in parts:
                source.rewind()

        def run(_: bool) -> Report:
            return _run(document, parts, place, snaplens, _Progress(progress))

        report = attempt(parts[0][1], run, restart, nanoseconds=False)
        for each, digest in digests:
            if digest.hexdigest() != each.sha256:
                raise SidecarError(
                    f"{document.name}: {each.name} was edited since, and join takes parts as they were: its SHA-256 is "
                    "another one"
                )
        commit([place], fsync=fsync)
    return report


def _run(
    document: Document,
    parts: list[tuple[Belongs, Source]],
    place: Target,
    snaplens: Snaplens,
    progress: _Progress,
) -> Report:
    report = Report(document.name, place.name, "pcapng")
    report.inputs = [document.name, *(source.name for _, source in parts)]
    report.source_format = "pcap"
    output = Output(place)
    try:
        writer = formats.open_writer("pcapng", output)
        captures = {each.link_type: _items(source, progress) for each, source in parts if each.packets}
        for item in through([snaplens.step(report)], Restore(document, Counter()).join(captures)):
            writer.write(item)
        writer.finish()
    finally:
        output.close()
    for each, source in parts:
        if not each.packets and any(isinstance(item, PacketBatch) for item in _items(source, progress)):
            raise SidecarError(f"{document.name}: it says that {each.name} has no packets, which is not so")
    report.losses = dict(writer.losses)
    snaplens.count(report)
    report.packets_read = report.packets_written = writer.packets
    report.sidecar_read, report.missing_in_sidecar = document.name, dict(document.head.missing)
    report.damage_in_sidecar = document.head.damage
    return report


def _check_link_types(document: Document) -> None:
    link_types = [each.link_type for each in document.head.captures if each.packets]
    if len(set(link_types)) < len(link_types):
        raise SidecarError(f"{document.name}: two of its captures have packets of one link type")


def _open(document: Document, folder: str, part: Belongs) -> Source:
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


class _Progress:
    """Tells how far all parts were read together."""

    def __init__(self, progress: Callable[[int], object] | None) -> None:
        self._progress = progress
        self._read: dict[str, int] = {}

    def look(self, source: Source) -> None:
        """This one was read further."""
        self._read[source.name] = source.position
        if self._progress is not None:
            self._progress(sum(self._read.values()))


def _items(source: Source, progress: _Progress) -> Iterator[Item]:
    for item in formats.open_reader(source).items():
        progress.look(source)
        yield item
