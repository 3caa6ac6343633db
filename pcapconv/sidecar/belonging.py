"""Whether a capture is the one that a sidecar belongs to: by its size, and by its SHA-256 once it was read."""

from __future__ import annotations

from contextlib import ExitStack

from pcapconv.errors import FileError, SidecarError
from pcapconv.io.source import Source
from pcapconv.io.source_digest import Digest
from pcapconv.sidecar.document import Document, open_document
from pcapconv.sidecar.files import THIS_MACHINE, SidecarFiles
from pcapconv.wording import argument, call


def open_sidecar(name: str, stack: ExitStack, files: SidecarFiles = THIS_MACHINE) -> Document:
    """A sidecar of one capture. Raises FileError and SidecarError."""
    try:
        document = open_document(name, stack, files)
    except FileError as error:
        writes, names = call("pcapconv.convert", sidecar=True), argument("sidecar_file")
        raise FileError(f"{error}; {writes} to pcap writes one, {names} names another one") from None
    if len(document.head.captures) > 1:
        raise SidecarError(
            f"{name}: it belongs to {len(document.head.captures)} captures; {call('pcapconv.join')} puts them together"
        )
    return document


def check_size(document: Document, source: Source) -> None:
    """Raises SidecarError where the capture has another size. One of this size holds packets to its end."""
    size = document.head.captures[0].bytes
    if source.size != size:
        raise another(document, source, f"it has {source.size} bytes instead of {size}; {_advice(document)}")
    source.complete = True


def check_digest(document: Document, source: Source, digest: Digest) -> None:
    """Raises SidecarError where the capture that was read is another one."""
    if digest.hexdigest() != document.head.captures[0].sha256:
        raise another(document, source, f"its SHA-256 is another one; {_advice(document)}")


def another(document: Document, source: Source, fact: str) -> SidecarError:
    """The error for a capture that is another one, as this fact tells."""
    return SidecarError(
        f"{document.name}: {source.name} is not the capture that it belongs to, or was edited since: {fact}"
    )


def _advice(document: Document) -> str:
    """What to do with a capture that was edited."""
    if document.head.fingerprints:
        return f"{call('pcapconv.convert', sidecar=True)} finds its packets again"
    return f"only a sidecar made with {argument('sidecar_fingerprints', True)} knows packets again"
