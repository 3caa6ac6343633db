"""Sections and interfaces: what the packets of a capture belong to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from pcapconv import timestamps
from pcapconv.spec import ByteOrder, link_types, option_lists, pcapng
from pcapconv.spec.decoded_options import Options

Layout = Literal["pcap", "pcapng"]  # the format of an item's raw bytes

NO_COUNTS: Mapping[str, int] = MappingProxyType({})


class Section(NamedTuple):
    """A pcapng section, or a whole pcap file (pcapng, section "Section Header Block").

    * `number`: the section's number in the capture, from 0.
    * `byte_order`: `"little"` or `"big"`.
    * `version`: the format's version, major and minor.
    * `variant`: the name of a variant of pcap, such as `"nanosecond"`; empty for pcapng.
    * `raw_options`: the options of the Section Header Block, as bytes.
    * `offset`: where the section begins in the capture, in bytes.

    For pcapconv's own modules:

    * `layout`: the format of `raw`, `"pcap"` or `"pcapng"`.
    * `raw`: the block's body, or the pcap file's header; None if an edit made those bytes wrong.
    * `format_only`: counts, by kind, what the header contains that no other format can hold.
    * `changed`: whether a step may leave out or change what follows, so that a length in `raw` may be wrong.
    """

    number: int
    byte_order: ByteOrder
    version: tuple[int, int]
    layout: Layout
    raw: bytes | None = None
    raw_options: bytes = b""
    variant: str = ""
    format_only: Mapping[str, int] = NO_COUNTS
    changed: bool = False
    offset: int = 0

    def __repr__(self) -> str:
        version = ".".join(map(str, self.version))
        return f"<Section {self.number}: {self.layout} {version}, {self.byte_order}-endian>"

    @property
    def options(self) -> Options:
        """The section's options, decoded, by name; empty for pcap. `raw_options` has their bytes."""
        return Options(self.raw_options, self.byte_order, pcapng.SECTION_HEADER)

    @property
    def comments(self) -> list[str]:
        """The section's comments; bytes that are not UTF-8 are shown as `\\xNN`."""
        return list(option_lists.OptionList(self.raw_options, self.byte_order).comments)

    def __hash__(self) -> int:
        return hash(self[:7] + self[8:])  # without the counts, which are a dictionary

    def __reduce__(self) -> tuple[object, ...]:
        return _unpickled_section, (*self[:7], tuple(self.format_only.items()), *self[8:])


class Interface(NamedTuple):
    """An interface of a section (pcapng, section "Interface Description Block"). A pcap file has one interface.

    * `id`: the interface's number in its section, from 0. `section` is the number of that section.
    * `link_type`: the number of the link type that tcpdump.org assigned: 1 is Ethernet.
    * `snaplen`: the largest captured length in bytes; 0 means no limit.
    * `byte_order`: `"little"` or `"big"`, that of the section.
    * `ticks_per_second`, `time_offset` (seconds): what the ticks of the interface's packets mean. The time is
      `ticks / ticks_per_second + time_offset` seconds since 1970.
    * `time_error`: why the times of its packets cannot be determined, in words; empty if they can.
    * `fcs_length`: the length of the frame check sequence in bits; None if the capture does not state it.
    * `raw_options`: the options of the Interface Description Block, as bytes.
    * `offset`: where the block begins in the capture, in bytes; 0 if the capture has no such block.

    For pcapconv's own modules:

    * `layout`: the format of `raw`, `"pcap"` or `"pcapng"`.
    * `reserved`: the two reserved bytes of the block.
    * `raw`: the block's body; None if the capture has no such block, or an edit made the body wrong.
    * `made_of`: the first of the section's interfaces that are one in the input, if this is a later one of them:
      packets that come out of tunnels may have another link type.
    """

    id: int
    section: int
    link_type: int
    snaplen: int
    layout: Layout
    byte_order: ByteOrder
    ticks_per_second: int = timestamps.MICROSECONDS
    time_offset: int = 0
    time_error: str = ""
    fcs_length: int | None = None
    raw_options: bytes = b""
    reserved: bytes = bytes(2)
    raw: bytes | None = None
    offset: int = 0
    made_of: Interface | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return _unpickled_interface, tuple(self)

    def __repr__(self) -> str:
        name = "" if self.name is None else f"{self.name!r:.80}, "
        return f"<Interface {self.id} of section {self.section}: {name}{self.link_type_name}>"

    @property
    def time_unit(self) -> tuple[int, int] | None:
        """The ticks in a second and the offset in seconds; None if times cannot be determined."""
        return None if self.time_error else (self.ticks_per_second, self.time_offset)

    @property
    def options(self) -> Options:
        """The interface's options, decoded, by name; empty for pcap. `raw_options` has their bytes."""
        return Options(self.raw_options, self.byte_order, pcapng.INTERFACE_DESCRIPTION)

    @property
    def name(self) -> str | None:
        """The name that the capture gives the interface (`if_name`), such as `"eth0"`; None if it gives none."""
        return self._text(pcapng.IF_NAME)

    @property
    def description(self) -> str | None:
        """The interface's description (`if_description`); None if the capture has none."""
        return self._text(pcapng.IF_DESCRIPTION)

    @property
    def link_type_name(self) -> str:
        """The link type for people: `ETHERNET (1)`, or `link type 12345` for a number without a name."""
        return link_types.link_type_name(self.link_type)

    @property
    def comments(self) -> list[str]:
        """The interface's comments; bytes that are not UTF-8 are shown as `\\xNN`."""
        return list(option_lists.OptionList(self.raw_options, self.byte_order).comments)

    def _text(self, code: int) -> str | None:
        value = option_lists.OptionList(self.raw_options, self.byte_order).first(code)
        return None if value is None else option_lists.text(value)


@lru_cache(maxsize=4096)
def _unpickled_section(*fields: Any) -> Section:
    """A section from a pickle: equal ones are one object, as all packets of a section have the same one."""
    return Section(*fields)._replace(format_only=dict(fields[7]))


@lru_cache(maxsize=4096)
def _unpickled_interface(*fields: Any) -> Interface:
    """An interface from a pickle: equal ones are one object, as all packets of an interface have the same one."""
    return Interface(*fields)
