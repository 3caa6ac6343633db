"""What a pcap file's header says: the flavour, the byte order, where the lengths are exchanged, the link type."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from pcapconv.model import NOTHING, Interface, Section
from pcapconv.spec import ByteOrder, pcap
from pcapconv.spec.link_types import link_type_name
from pcapconv.timestamps import NANOSECONDS, format_resolution

NEVER, WHERE_LARGER, ALWAYS = 0, 1, 2  # where a record's two lengths are exchanged


class FileHeader(NamedTuple):
    """A file header that was read. `raw` are its bytes, None where no file can begin with them and say the same.
    `swap` tells where the lengths of records are exchanged; `reserved` are bits of the link type's `word` that should
    be 0; `link_type` and `fcs_length` (in bits, None when not stated) are what that means. `odd_fields` counts what
    only this header says."""

    raw: bytes | None
    flavour: pcap.Flavour
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
        """The section that the file is."""
        return Section(
            number=0,
            byte_order=self.byte_order,
            version=self.version,
            layout="pcap",
            raw=self.raw,
            variant=self.flavour.name,
            format_only={"header-fields": self.odd_fields} if self.odd_fields else NOTHING,
        )

    @property
    def interface(self) -> Interface:
        """The interface of the file's packets."""
        return Interface(
            id=0,
            section=0,
            link_type=self.link_type,
            snaplen=self.snaplen,
            layout="pcap",
            byte_order=self.byte_order,
            ticks_per_second=self.flavour.units,
            fcs_length=self.fcs_length,
        )

    def in_nanoseconds(self) -> FileHeader:
        """The header of the same records, with fractions that are nanoseconds."""
        if self.flavour.units == NANOSECONDS:
            return self
        magic, raw = self.flavour.nanosecond_magic, self.raw
        raw = None if magic is None or raw is None else magic.to_bytes(4, self.byte_order) + raw[4:]
        return self._replace(raw=raw, flavour=self.flavour._replace(units=NANOSECONDS))

    def difference(self, other: FileHeader) -> str:
        """In what another header does not agree, so that this one cannot read its records; empty where it does."""
        for what, here, there in (
            ("byte order", self.byte_order, other.byte_order),
            ("unit of time", *(f"{format_resolution(each.flavour.units)} s" for each in (self, other))),
            ("link type", *(link_type_name(each.link_type) for each in (self, other))),
            ("FCS length", *(f"{each.fcs_length or 0} bits" for each in (self, other))),
        ):
            if here != there:
                return f"its {what} is {there}, not {here}"
        mine, its = ((each.swap, each.flavour.record_size, each.flavour.padding) for each in (self, other))
        return "" if mine == its else "its records have another layout"


def size_of_header(magic: bytes) -> int:
    """How many bytes a file header has that begins with this magic number."""
    flavour, _ = pcap.MAGICS[magic]
    return pcap.HEADER_SIZE + flavour.length_field


def read_header(raw: bytes) -> FileHeader:
    """The file header of these bytes, as many as `size_of_header` says. Raises ValueError for an unknown version."""
    flavour, order = pcap.MAGICS[raw[:4]]
    fields = Struct("<HHIIII" if order == "little" else ">HHIIII")
    major, minor, thiszone, sigfigs, snaplen, word = fields.unpack_from(raw, 4)
    if major not in (2, 3) and (major, minor) != (543, 0):
        raise ValueError(f"pcap version {major}.{minor} is not one that pcapconv reads (2.x, 3.x)")
    link_type, fcs_length, reserved = word & 0xFFFF, None, word & (pcap.RESERVED_BITS | 0xF000_0000)
    if word & pcap.FCS_PRESENT:
        fcs_length, reserved = (word >> pcap.FCS_SHIFT) * 16, word & pcap.RESERVED_BITS
    aix = flavour is pcap.MICROSECOND and (major, minor) == pcap.AIX_VERSION and word in pcap.AIX_LINK_TYPES
    if aix:
        link_type = pcap.AIX_LINK_TYPES[word]
        flavour = pcap.AIX_FDDI if link_type == pcap.FDDI else pcap.AIX
    beyond = (thiszone, sigfigs, reserved, flavour.length_field, (major, minor) != pcap.VERSION, aix)
    return FileHeader(
        raw=raw,
        flavour=flavour,
        byte_order=order,
        version=(major, minor),
        swap=_swap(major, minor),
        snaplen=snaplen,
        word=word,
        link_type=link_type,
        fcs_length=fcs_length,
        reserved=reserved,
        odd_fields=sum(map(bool, beyond)),
    )


def _swap(major: int, minor: int) -> int:
    if major == 543 or (major == 2 and minor < 3):
        return ALWAYS
    return WHERE_LARGER if (major, minor) == (2, 3) else NEVER
