"""Refuses captures that a transfer damaged, and says what to do: text mode, or a program that expects UTF-8.

Strategy: a text-mode transfer writes 0d 0a for each 0a. The first block type of pcapng was chosen so that this can be
recognised (`spec.pcapng.from_text_transfer`). pcap has no such protection, so the records are walked twice: as they
are, and without each 0d before an 0a. The transfer is certain if only the second walk finds one record after the other.
A program that takes a capture for UTF-8 text writes ef bf bd, the replacement character, for each byte that is not
UTF-8.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from pcapconv.errors import FormatError
from pcapconv.spec import pcap, pcapng

TEXT_MODE = (
    "{name}: a {format} capture damaged by a text-mode transfer (FTP or HTTP), which changed its line ends: {how}; "
    "transfer it again in binary mode"
)
_REPLACEMENT = "\ufffd".encode()
SECTION_HEADER_SIZE = 28  # bytes of the shortest Section Header Block
_LARGEST = 2**18  # captured bytes of a usual packet
_YEAR = 366 * 86400

_MAGICS_WITH_REPLACEMENTS = {
    replaced for magic in pcap.MAGICS if _REPLACEMENT in (replaced := magic.decode("utf-8", "replace").encode())
}


def refuse_replacement_characters(head: bytes, name: str) -> None:
    """Raise FormatError for a capture whose header has UTF-8 replacement characters in it. `name` is for messages."""
    damaged_format = _format_with_replacements(head)
    if damaged_format:
        raise FormatError(
            f"{name}: a {damaged_format} capture that some program took for UTF-8 text: it has replacement characters "
            "(ef bf bd) where other bytes were; it cannot be repaired; copy it again from its source",
            path=name,
        )


def refuse_changed_line_ends(head: bytes, name: str, *, whole: bool) -> None:
    """Raise FormatError for a pcap file that a text-mode transfer changed. `head` is the beginning of the file, or the
    whole file if `whole`; `name` is for messages."""
    if _has_changed_line_ends(head, whole=whole):
        raise FormatError(
            TEXT_MODE.format(name=name, format="pcap", how="every 0a in it has a 0d before it"), path=name
        )


def _format_with_replacements(head: bytes) -> str | None:
    """The format of a capture with replacement characters in its header; None for any other bytes."""
    if head[:4] == pcapng.SECTION_HEADER.to_bytes(4, "big"):
        return "pcapng" if head[:SECTION_HEADER_SIZE].count(_REPLACEMENT) > 1 else None
    return "pcap" if any(head.startswith(each) for each in _MAGICS_WITH_REPLACEMENTS) else None


def _has_changed_line_ends(head: bytes, *, whole: bool) -> bool:
    """Whether a transfer added the 0d before each 0a. Never true for a capture that was not changed."""
    first = head.find(b"\n")
    # the first 0a decides for nearly all captures; counting takes much longer
    if first < 0 or head[first - 1 : first] != b"\r" or head.count(b"\n") != head.count(b"\r\n"):
        return False
    given, mended = _walk_records(head), _walk_records(head.replace(b"\r\n", b"\n"))
    if mended.broken or not mended.records:
        return False
    if given.broken:
        return mended.records > given.records
    return whole and not mended.remaining and bool(head[len(head) - given.remaining :].strip())


class _Walk(NamedTuple):
    """How far whole records follow each other: their number, whether an impossible one ended the walk, and the bytes
    that remain after the last whole one."""

    records: int
    broken: bool
    remaining: int


def _walk_records(head: bytes) -> _Walk:
    variant, order = pcap.MAGICS[head[:4]]
    header = Struct("<IIII" if order == "little" else ">IIII")
    at, records, first = pcap.HEADER_SIZE + variant.length_field, 0, None
    while at + variant.record_size <= len(head):
        seconds, fraction, captured, original = header.unpack_from(head, at)
        first = seconds if first is None else first
        if fraction >= variant.ticks_per_second or captured > min(original, _LARGEST) or abs(seconds - first) > _YEAR:
            return _Walk(records, True, len(head) - at)
        if at + variant.record_size + captured > len(head):
            break
        at += variant.record_size + captured
        records += 1
    return _Walk(records, False, len(head) - at)
