"""Captures that a transfer changed: their bytes tell how, and what to do.

Strategy: a text-mode transfer writes 0d 0a for each 0a. The first block type of pcapng shows it (`spec.pcapng`). In
pcap nothing is made for that, so the records are walked as they are, and again without the 0d: it is certain where
only the second walk finds one record behind the other. A program that takes a capture for UTF-8 text writes ef bf bd
for each byte that is none.
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
FIXED = 28  # bytes of a Section Header Block before its options
_LARGEST = 2**18  # captured bytes of a usual packet
_YEAR = 366 * 86400

_REPLACED = {
    replaced for magic in pcap.MAGICS if _REPLACEMENT in (replaced := magic.decode("utf-8", "replace").encode())
}


def refuse_replacements(head: bytes, name: str) -> None:
    """Raises FormatError for a capture whose header has UTF-8 replacement characters in it; `name` is for messages."""
    replaced = _with_replacements(head)
    if replaced:
        raise FormatError(
            f"{name}: a {replaced} capture that some program took for UTF-8 text: it has replacement characters "
            "(ef bf bd) where other bytes were; it is beyond repair, take it anew from where it came"
        )


def refuse_line_ends(head: bytes, name: str, *, whole: bool) -> None:
    """Raises FormatError for a pcap file that a text-mode transfer changed, by its first bytes, which
    are `whole` if these are all."""
    if _has_other_line_ends(head, whole=whole):
        raise FormatError(TEXT_MODE.format(name=name, format="pcap", how="every 0a in it has a 0d before it"))


def _with_replacements(head: bytes) -> str | None:
    """The format of the capture, None without any."""
    if head[:4] == pcapng.SECTION_HEADER.to_bytes(4, "big"):
        return "pcapng" if head[:FIXED].count(_REPLACEMENT) > 1 else None
    return "pcap" if any(head.startswith(each) for each in _REPLACED) else None


def _has_other_line_ends(head: bytes, *, whole: bool) -> bool:
    """Whether all 0d before an 0a are too many; never true of a capture that was not changed."""
    if not 0 < head.count(b"\n") == head.count(b"\r\n"):
        return False
    given, mended = _walk(head), _walk(head.replace(b"\r\n", b"\n"))
    if mended.broken or not mended.records:
        return False
    if given.broken:
        return mended.records > given.records
    return whole and not mended.left and bool(head[len(head) - given.left :].strip())


class _Walk(NamedTuple):
    """How far whole records follow each other: how many, whether one came that cannot be, and the bytes that are left
    behind the last one."""

    records: int
    broken: bool
    left: int


def _walk(head: bytes) -> _Walk:
    flavour, order = pcap.MAGICS[head[:4]]
    header = Struct("<IIII" if order == "little" else ">IIII")
    at, records, first = pcap.HEADER_SIZE + flavour.length_field, 0, None
    while at + flavour.record_size <= len(head):
        seconds, fraction, captured, original = header.unpack_from(head, at)
        first = seconds if first is None else first
        if fraction >= flavour.units or captured > min(original, _LARGEST) or abs(seconds - first) > _YEAR:
            return _Walk(records, True, len(head) - at)
        if at + flavour.record_size + captured > len(head):
            break
        at += flavour.record_size + captured
        records += 1
    return _Walk(records, False, len(head) - at)
