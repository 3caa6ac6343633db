"""Parses the header of a pcap file: variant, byte order, link type, and whether the lengths in records are swapped.

Old versions of pcap wrote the two lengths of a record in the other order: the original length before the captured one.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from pcapconv.model import NO_COUNTS, Interface, Section
from pcapconv.spec import ByteOrder, pcap
from pcapconv.spec.link_types import link_type_name
from pcapconv.timestamps import NANOSECONDS, format_resolution

NEVER, WHERE_LARGER, ALWAYS = 0, 1, 2  # which records have their two lengths swapped; also the index kernel's numbers


class FileHeader(NamedTuple):
    """A pcap file header that was parsed.

    `raw` is the header's bytes, None if no file header has these fields. `swap` is `NEVER`, `WHERE_LARGER` or `ALWAYS`:
    which records have their captured and original length swapped. `word` is the last word of the header, which contains
    `link_type`, `fcs_length` (in bits, None if the header does not state it) and `reserved`, the bits that should be 0.
    `odd_fields` counts the fields that no other format can hold.
    """

    raw: bytes | None
    variant: pcap.Variant
    byte_order: ByteOrder
    version: tuple[int, int]
    swap: int
    snaplen: int
    word: int
    link_type: int
    fcs_length: int | None
    reserved: int
    odd_fields: int

    @property
    def section(self) -> Section:
        """The whole file as a section."""
        return Section(
            number=0,
            byte_order=self.byte_order,
            version=self.version,
            layout="pcap",
            raw=self.raw,
            variant=self.variant.name,
            format_only={"header-fields": self.odd_fields} if self.odd_fields else NO_COUNTS,
        )

    @property
    def interface(self) -> Interface:
        """The interface of the file's packets, with id 0."""
        return Interface(
            id=0,
            section=0,
            link_type=self.link_type,
            snaplen=self.snaplen,
            layout="pcap",
            byte_order=self.byte_order,
            ticks_per_second=self.variant.ticks_per_second,
            fcs_length=self.fcs_length,
        )

    def in_nanoseconds(self) -> FileHeader:
        """The header for the same records whose fractions of a second are nanoseconds."""
        if self.variant.ticks_per_second == NANOSECONDS:
            return self
        magic, raw = self.variant.nanosecond_magic, self.raw
        raw = None if magic is None or raw is None else magic.to_bytes(4, self.byte_order) + raw[4:]
        return self._replace(raw=raw, variant=self.variant._replace(ticks_per_second=NANOSECONDS))

    def difference(self, other: FileHeader) -> str:
        """Why this header cannot be used to read records after the `other` header, in words; empty if it can."""
        for what, own_value, other_value in (
            ("byte order", self.byte_order, other.byte_order),
            ("unit of time", *(f"{format_resolution(each.variant.ticks_per_second)} s" for each in (self, other))),
            ("link type", *(link_type_name(each.link_type) for each in (self, other))),
            ("FCS length", *(f"{each.fcs_length or 0} bits" for each in (self, other))),
        ):
            if own_value != other_value:
                return f"its {what} is {other_value}, not {own_value}"
        own_layout, other_layout = (
            (each.swap, each.variant.record_size, each.variant.padding) for each in (self, other)
        )
        return "" if own_layout == other_layout else "its records have another layout"


def header_size(magic: bytes) -> int:
    """The size in bytes of a file header that begins with this magic number."""
    variant, _ = pcap.MAGICS[magic]
    return pcap.HEADER_SIZE + variant.length_field


def read_header(raw: bytes) -> FileHeader:
    """Parse a file header, which has `header_size` bytes. Raises ValueError for a version that pcapconv does not
    read."""
    variant, order = pcap.MAGICS[raw[:4]]
    fields = Struct("<HHIIII" if order == "little" else ">HHIIII")
    major, minor, thiszone, sigfigs, snaplen, word = fields.unpack_from(raw, 4)
    if major not in (2, 3) and (major, minor) != (543, 0):
        raise ValueError(f"pcap version {major}.{minor} is not one that pcapconv reads (2.x, 3.x)")
    link_type, fcs_length, reserved = word & 0xFFFF, None, word & (pcap.RESERVED_BITS | 0xF000_0000)
    if word & pcap.FCS_PRESENT:
        fcs_length, reserved = (word >> pcap.FCS_SHIFT) * 16, word & pcap.RESERVED_BITS
    aix = variant is pcap.MICROSECOND and (major, minor) == pcap.AIX_VERSION and word in pcap.AIX_LINK_TYPES
    if aix:
        link_type = pcap.AIX_LINK_TYPES[word]
        variant = pcap.AIX_FDDI if link_type == pcap.FDDI else pcap.AIX
    only_in_pcap = (thiszone, sigfigs, reserved, variant.length_field, (major, minor) != pcap.VERSION, aix)
    return FileHeader(
        raw=raw,
        variant=variant,
        byte_order=order,
        version=(major, minor),
        swap=_swap(major, minor),
        snaplen=snaplen,
        word=word,
        link_type=link_type,
        fcs_length=fcs_length,
        reserved=reserved,
        odd_fields=sum(map(bool, only_in_pcap)),
    )


def _swap(major: int, minor: int) -> int:
    """Which records have their captured and original length swapped in files of a version."""
    if major == 543 or (major == 2 and minor < 3):
        return ALWAYS
    return WHERE_LARGER if (major, minor) == (2, 3) else NEVER
