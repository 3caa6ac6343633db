"""Captures that a transfer changed: their bytes tell how, and what to do.

Strategy: a text-mode transfer writes 0d 0a for each 0a. The first block type of pcapng shows it (`pcapng_layout`). In
pcap nothing is made for that, so the records are walked as they are, and again without the 0d: it is certain where
only the second walk finds one record behind the other. A program that takes a capture for UTF-8 text writes ef bf bd
for each byte that is none.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from pcapconv.formats import pcap_layout, pcapng_layout

_REPLACEMENT = "\ufffd".encode()
_FIXED = 28  # bytes of a Section Header Block before its options
_LARGEST = 2**18  # captured bytes of a usual packet
_YEAR = 366 * 86400

_REPLACED = {
    replaced for magic in pcap_layout.MAGICS if _REPLACEMENT in (replaced := magic.decode("utf-8", "replace").encode())
}


def with_replacements(head: bytes) -> str | None:
    """The format of a capture whose header has UTF-8 replacement characters in it, None without."""
    if head[:4] == pcapng_layout.SECTION_HEADER.to_bytes(4, "big"):
        return "pcapng" if head[:_FIXED].count(_REPLACEMENT) > 1 else None
    return "pcap" if any(head.startswith(each) for each in _REPLACED) else None


def has_other_line_ends(head: bytes, *, whole: bool) -> bool:
    """Whether a text-mode transfer changed a pcap file that begins with these bytes, which are `whole` if these are
    all; never true of one that was not changed."""
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
    flavour, order = pcap_layout.MAGICS[head[:4]]
    header = Struct("<IIII" if order == "little" else ">IIII")
    at, records, first = pcap_layout.HEADER_SIZE + flavour.length_field, 0, None
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
