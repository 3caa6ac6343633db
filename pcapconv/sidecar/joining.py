"""Parts of a capture, split by link type, put together again by their sidecar: `pcapconv.join`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from pcapconv import formats
from pcapconv.errors import SidecarError
from pcapconv.files import Source, Writable, open_source, open_target
from pcapconv.model import Item
from pcapconv.output import Output
from pcapconv.report import Report
from pcapconv.sidecar.digest import Digest
from pcapconv.sidecar.document import Belongs, Document
from pcapconv.sidecar.restore import Restore


def join(
    sidecar: str | os.PathLike[str],
    target: Writable,
    *,
    force: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Report:
    """Make the pcapng capture again that `split` made parts of with a sidecar.

    `sidecar` is the sidecar's path; the parts are looked for beside it, under the names that it has. `target` and
    `force` are as for `convert`, `progress` is called with the bytes of the sidecar's captures read so far. Nothing is
    written unless all parts are as they were.

    Returns a `Report`. Raises SidecarError, FileError and other `PcapconvError`s.
    """
    with ExitStack() as stack:
        document = Document(stack.enter_context(open_source(sidecar)))
        folder = os.path.dirname(os.fspath(sidecar))
        parts = [(each, stack.enter_context(_open(document, folder, each))) for each in document.head.captures]
        digests = [(each, stack.enter_context(Digest(source))) for each, source in parts]
        place = stack.enter_context(open_target(target, force=force, whole=True))
        report = Report(document.name, place.name, "pcapng")
        report.inputs = [document.name, *(source.name for _, source in parts)]
        report.source_format = "pcap"
        output = Output(place)
        stack.callback(output.close)
        writer = formats.open_writer("pcapng", output)
        restore = Restore(document)
        captures = {each.link_type: _items(source, progress) for each, source in parts if each.packets}
        for item in restore.join(captures):
            writer.write(item)
        writer.finish()
        for each, digest in digests:
            if digest.hexdigest() != each.sha256:
                raise SidecarError(f"{document.name}: {each.name} is not what it was: its SHA-256 is another one")
        report.packets_read = report.packets_written = writer.packets
        report.missing_in_sidecar = dict(restore.missing)
        place.commit()
    return report


def _open(document: Document, folder: str, part: Belongs) -> Source:
    if part.name != os.path.basename(part.name) or part.name in ("", ".", ".."):
        raise SidecarError(f"{document.name}: it belongs to {part.name!r:.80}, which is no name of a file beside it")
    source = open_source(os.path.join(folder, part.name))
    if source.size != part.bytes:
        source.__exit__()
        raise SidecarError(
            f"{document.name}: {part.name} is not what it was: {source.size} bytes instead of {part.bytes}"
        )
    return source


def _items(source: Source, progress: Callable[[int], object] | None) -> Iterator[Item]:
    for item in formats.open_reader(source).items():
        if progress is not None:
            progress(source.position)
        yield item
