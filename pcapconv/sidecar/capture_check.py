"""Checks that a sidecar belongs to a capture: by the capture's size at first, by its SHA-256 at the end."""

from __future__ import annotations

from contextlib import ExitStack

from pcapconv.errors import FileError, SidecarError
from pcapconv.formats.compressed_captures import damage_in_words
from pcapconv.io.compression import COMPRESSIONS, split_suffix
from pcapconv.io.paths import SIDECAR_SUFFIX
from pcapconv.io.source import Source
from pcapconv.io.source_digest import Digest
from pcapconv.sidecar.document import Document, open_document
from pcapconv.sidecar.file_access import THIS_MACHINE, SidecarFiles
from pcapconv.wording import argument, call


def open_single_document(
    name: str, stack: ExitStack, files: SidecarFiles = THIS_MACHINE, named: str = "sidecar_file"
) -> Document:
    """Open the sidecar of a single capture; `stack` closes it. Messages call the argument with the file `named`. Raises
    FileError, and SidecarError if the sidecar belongs to several captures."""
    try:
        document = open_document(name, stack, files)
    except FileError as error:
        writes, other = call("pcapconv.convert", sidecar=True), _renamed_sidecar(name, files)
        which = "a different one" if other is None else "the one that is there"
        advice = f"{argument(named, other or 'FILE')} reads {which}"
        raise error.restated(f"{error}; {writes} to pcap writes one, {advice}") from None
    if len(document.header.captures) > 1:
        count = len(document.header.captures)
        raise SidecarError(
            f"{name}: it belongs to {count} captures; {call('pcapconv.join')} puts them together", path=name
        )
    return document


def _renamed_sidecar(name: str, files: SidecarFiles) -> str | None:
    """Return the name of the sidecar that the pcap file had before it was compressed or decompressed, None if there is
    none."""
    capture = name.removesuffix(SIDECAR_SUFFIX)
    if capture == name:
        return None
    stem, _ = split_suffix(capture)
    names = (each + SIDECAR_SUFFIX for each in (stem, *(stem + each.suffix for each in COMPRESSIONS)))
    return next((each for each in names if each != name and files.exists(each)), None)


def check_size(document: Document, source: Source) -> None:
    """Check that the capture has the size in the sidecar, and then set `Source.complete`: a capture of that size is
    whole, so zeros at its end belong to packets. Raises SidecarError for another size."""
    size = document.header.captures[0].bytes
    if source.size != size:
        fact = f"it has {source.size} bytes instead of {size}"
        if source.decompressed is not None and (damage := source.decompressed.damage) is not None:
            raise wrong_capture(document, source, f"{fact}; {damage_in_words(damage)}")
        raise wrong_capture(document, source, f"{fact}; {_advice(document)}")
    source.complete = True


def check_digest(document: Document, source: Source, digest: Digest) -> None:
    """Check that the capture has the SHA-256 in the sidecar; bytes that `digest` has not seen are read now. Raises
    SidecarError if the SHA-256 is another one."""
    if digest.hexdigest() != document.header.captures[0].sha256:
        raise wrong_capture(document, source, f"its SHA-256 is different; {_advice(document)}")


def wrong_capture(document: Document, source: Source, fact: str) -> SidecarError:
    """Return the error for a capture to which the sidecar does not belong; `fact` is the difference that was found."""
    return SidecarError(
        f"{document.name}: {source.name} is not the capture that it belongs to, or was edited since: {fact}",
        path=document.name,
    )


def _advice(document: Document) -> str:
    """What to do with a capture that was edited."""
    if document.header.fingerprints:
        return f"{call('pcapconv.convert', sidecar=True)} recognises its packets"
    return f"only a sidecar made with {argument('sidecar_fingerprints', True)} recognises packets"
