"""The same packets in the many ways in which programs write them: sections, byte orders, resolutions, interfaces.

Strategy: `PacketFacts` is what a packet means. `equivalent_pcapng` draws a pcapng capture that states the facts of some
packets, and nothing else that a comparison or a normal form looks at; without packets, a normal form has the first
interface, which is number 0 then. `equivalent_plain_captures` gives packets without metadata in both formats.
"""

from typing import NamedTuple

import wire
from hypothesis import strategies as st
from wire import BIG, LITTLE, In

Option = tuple[int, bytes]

UNKNOWN_OPTION = 999


def comment(text: str) -> Option:
    return wire.OPT_COMMENT, text.encode()


# Options of interfaces that neither a comparison nor a normal form looks at.
IGNORED_OPTIONS: list[Option] = [
    (wire.IF_TSRESOL, b"\x06"),
    (wire.IF_TSOFFSET, bytes(8)),
    (wire.IF_SPEED, bytes(8)),
    (wire.IF_TZONE, bytes(4)),
    (wire.IF_TXSPEED, bytes(8)),
    (wire.IF_RXSPEED, bytes(8)),
    (wire.IF_IANA_TZNAME, b"UTC"),
    (wire.IF_OS, b"os"),
    (wire.IF_HARDWARE, b"card"),
    (wire.IF_IPV4ADDR, bytes(8)),
    (wire.IF_IPV6ADDR, bytes(17)),
    (wire.IF_MACADDR, bytes(6)),
    (wire.IF_EUIADDR, bytes(8)),
    (wire.OPT_CUSTOM_TEXT, bytes(4)),
    (UNKNOWN_OPTION, b"x"),
]


class PacketFacts(NamedTuple):
    """A packet: time in nanoseconds, which interface, data, original length, comments, direction."""

    time: int
    interface: int
    data: bytes
    original_length: int
    comments: tuple[str, ...]
    direction: int


PLAIN_PACKETS = st.builds(
    PacketFacts,
    st.integers(0, 2**40).map(lambda time: time * 1000),
    st.just(0),
    st.binary(max_size=20),
    st.integers(0, 99),
    st.just(()),
    st.just(0),
)
FULL_PACKETS = st.builds(
    PacketFacts,
    st.integers(0, 2**60),
    st.integers(0, 2),
    st.binary(max_size=20),
    st.integers(0, 99),
    st.lists(st.sampled_from(["a", "b", ""]), max_size=2).map(tuple),
    st.integers(0, 3),
)
HOSTS: list[list[Option]] = [[], [(wire.SHB_OS, b"Linux"), (wire.SHB_USERAPPL, b"dumpcap")], [(wire.SHB_HARDWARE, b"")]]
FINE_RESOLUTIONS = {9: 10**9, 12: 10**12, 10: 10**10, 15: 10**15}


@st.composite
def equivalent_pcapng(draw: st.DrawFn, packets: list[PacketFacts]) -> bytes:
    """The packets as pcapng, in sections of any byte order, by any program, with any interfaces beside theirs."""
    capture, section, rest = b"", 0, packets
    while rest or not section:
        write = In(draw(st.sampled_from([LITTLE, BIG])))
        section += 1
        here = rest[: draw(st.integers(1, len(rest)))] if rest else []
        rest = rest[len(here) :]
        order = draw(st.permutations([0, 1, 2, 3])) if packets else [0, 1, 2, 3]
        units: dict[int, tuple[int, int]] = {}
        interfaces = b""
        for which in order:
            most = max([packet.time for packet in here if packet.interface == which], default=0)
            fit = [byte for byte, unit in FINE_RESOLUTIONS.items() if most * unit // 10**9 + unit < 2**64]
            byte = draw(st.sampled_from(fit))
            lowest = min([packet.time for packet in here if packet.interface == which], default=0)
            offset = draw(st.sampled_from([0, -1, min(1, lowest // 10**9)]))
            if (most - offset * 10**9) * FINE_RESOLUTIONS[byte] // 10**9 >= 2**64:
                offset = 0
            units[which] = FINE_RESOLUTIONS[byte], offset
            pairs = [(wire.IF_NAME, b"if%d" % which), (wire.IF_TSRESOL, bytes([byte]))]
            pairs += [(wire.IF_TSOFFSET, write.number(offset, 8))] if offset else []
            pairs += draw(st.sampled_from([[], IGNORED_OPTIONS[2:7], IGNORED_OPTIONS[7:13]]))
            interfaces += write.interface(1 + which, 64 * which, options=write.options(*draw(st.permutations(pairs))))
        capture += write.section_header(
            options=write.options(*draw(st.sampled_from(HOSTS))),
            section_length=-1,
            version=draw(st.sampled_from([(1, 0), (1, 2)])),
        )
        capture += interfaces
        for packet in here:
            unit, offset = units[packet.interface]
            ticks = (packet.time - offset * 10**9) * unit // 10**9
            own: list[Option] = [comment(text) for text in packet.comments]
            flags = packet.direction | draw(st.sampled_from([0, 0b10100]))
            own += [(wire.EPB_FLAGS, write.number(flags, 4))] if flags else []
            own += draw(st.sampled_from([[], [(wire.EPB_PACKETID, bytes(8))], [(UNKNOWN_OPTION, b"x")]]))
            build = draw(st.sampled_from([write.enhanced_packet, write.enhanced_packet, write.obsolete_packet]))
            capture += build(
                order.index(packet.interface),
                ticks,
                packet.data,
                original_length=packet.original_length,
                options=write.options(*own),
            )
    return capture


def equivalent_plain_captures(packets: list[PacketFacts]) -> list[bytes]:
    """Packets without metadata, in both formats, byte orders and resolutions."""
    captures: list[bytes] = []
    for order in (LITTLE, BIG):
        write = In(order)
        for magic, unit in ((wire.MICROSECONDS, 10**6), (wire.NANOSECONDS, 10**9)):
            ticks = [packet.time * unit // 10**9 for packet in packets]
            captures.append(
                write.pcap_header(magic)
                + b"".join(
                    write.pcap_record(*divmod(tick, unit), packet.data, original_length=packet.original_length)
                    for tick, packet in zip(ticks, packets)
                )
            )
            resolution = write.options((wire.IF_TSRESOL, b"\x06" if unit == 10**6 else b"\x09"))
            captures.append(
                write.section_header()
                + write.interface(snaplen=65535, options=resolution)
                + b"".join(
                    write.enhanced_packet(0, tick, packet.data, original_length=packet.original_length)
                    for tick, packet in zip(ticks, packets)
                )
            )
    return captures
