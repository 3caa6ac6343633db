"""The built pcapng samples about time: resolutions and offsets. Each in both byte orders."""

import wire
from wire import In

from samples.catalog import sample
from samples.content import START, ethernet

PICOSECONDS = 123_456_789_012  # what follows the second
POWER_OF_TWO = 0x80  # the top bit of if_tsresol


def units(resolution: int) -> int:
    """How many ticks a second has, by the value of if_tsresol."""
    return 1 << (resolution & 0x7F) if resolution & POWER_OF_TWO else 10**resolution


def ticks_at(resolution: int, seconds: int) -> int:
    """The last tick not after the given second and `PICOSECONDS`."""
    return (seconds * 10**12 + PICOSECONDS) * units(resolution) // 10**12


def resolution_interface(write: In, resolution: int, offset: int | None = None) -> bytes:
    """An interface with if_tsresol and, if given, if_tsoffset."""
    offsets = [] if offset is None else [(wire.IF_TSOFFSET, write.number(offset, 8))]
    return write.interface(options=write.options((wire.IF_TSRESOL, bytes([resolution])), *offsets))


def frame(interface_id: int) -> bytes:
    """What the packets of these samples carry: the number of their interface."""
    return ethernet(b"interface %d" % interface_id)


@sample(".pcapng")
def time_resolutions(write: In) -> bytes:
    """One instant at 12 resolutions, of tens and of twos, from whole seconds to 10^-10 and 2^-33."""
    tens = [0, 3, 6, 7, 9, 10]
    twos = [POWER_OF_TWO | exponent for exponent in (0, 10, 20, 32, 33)]
    resolutions = tens + twos
    unstated = len(resolutions)  # the last interface leaves it to the default, microseconds
    return (
        write.section_header()
        + b"".join(resolution_interface(write, resolution) for resolution in resolutions)
        + write.interface()
        + b"".join(
            write.enhanced_packet(i, ticks_at(resolution, START), frame(i)) for i, resolution in enumerate(resolutions)
        )
        + write.enhanced_packet(unstated, ticks_at(6, START), frame(unstated))
    )


@sample(".pcapng")
def time_extremes(write: In) -> bytes:
    """The finest resolutions there are, 10^-127 and 2^-127, and fine ones that need an offset to reach the present."""
    resolutions = [12, 18, 127, POWER_OF_TWO | 60, POWER_OF_TWO | 63, POWER_OF_TWO | 127]
    last = 2**64 - 1
    return (
        write.section_header()
        + b"".join(resolution_interface(write, resolution, START) for resolution in resolutions)
        + b"".join(
            write.enhanced_packet(i, min(ticks_at(resolution, 1), last), frame(i))
            for i, resolution in enumerate(resolutions)
        )
        + b"".join(write.enhanced_packet(i, 0, frame(i)) for i in range(len(resolutions)))
    )


@sample(".pcapng")
def time_offsets(write: In) -> bytes:
    """One instant by way of if_tsoffset: positive, zero, negative, beyond 32 bits, at three resolutions."""
    offsets = [(6, START), (6, 0), (6, -3600), (9, START - 1), (9, -(2**32)), (POWER_OF_TWO | 20, START)]
    return (
        write.section_header()
        + b"".join(resolution_interface(write, *each) for each in offsets)
        + b"".join(
            write.enhanced_packet(i, ticks_at(resolution, START - offset), frame(i))
            for i, (resolution, offset) in enumerate(offsets)
        )
    )


@sample(".pcapng")
def time_before_1970(write: In) -> bytes:
    """Times before 1970 by way of a negative offset: right in pcapng, beyond what pcap holds from packet 2 on."""
    return (
        write.section_header()
        + resolution_interface(write, 6, -10)
        + resolution_interface(write, 9, -(2**63))
        + write.enhanced_packet(0, 10_000_000, frame(0))
        + write.enhanced_packet(0, 9_999_999, frame(0))
        + write.enhanced_packet(1, 0, frame(1))
    )


@sample(".pcapng")
def time_after_2106(write: In) -> bytes:
    """Times from 2^32 seconds on: right in pcapng, beyond what pcap holds from packet 2 on."""
    return (
        write.section_header()
        + write.interface()
        + resolution_interface(write, 0, 2**63 - 1)
        + write.enhanced_packet(0, 2**32 * 10**6 - 1, frame(0))
        + write.enhanced_packet(0, 2**32 * 10**6, frame(0))
        + write.enhanced_packet(0, 2**64 - 1, frame(0))
        + write.enhanced_packet(1, 2**64 - 1, frame(1))
    )


@sample(".pcapng")
def time_malformed(write: In) -> bytes:
    """if_tsresol and if_tsoffset of the wrong length on interfaces 1 to 4; interface 0 is right."""
    malformed = [
        (wire.IF_TSRESOL, b""),
        (wire.IF_TSRESOL, b"\x09\x00"),
        (wire.IF_TSOFFSET, b""),
        (wire.IF_TSOFFSET, write.number(START, 4)),
    ]
    return (
        write.section_header()
        + write.interface()
        + b"".join(write.interface(options=write.options(pair)) for pair in malformed)
        + b"".join(write.enhanced_packet(i, ticks_at(6, START), frame(i)) for i in range(1 + len(malformed)))
    )


@sample(".pcapng")
def time_twice(write: In) -> bytes:
    """if_tsresol given twice: the first one counts."""
    twice = write.options((wire.IF_TSRESOL, b"\x09"), (wire.IF_TSRESOL, b"\x06"))
    return (
        write.section_header() + write.interface(options=twice) + write.enhanced_packet(0, ticks_at(9, START), frame(0))
    )


@sample(".pcapng")
def backwards(write: In) -> bytes:
    """Time that goes backwards, within an interface and between two: the order stays."""
    return (
        write.section_header()
        + write.interface()
        + resolution_interface(write, 9)
        + write.enhanced_packet(0, ticks_at(6, START + 2), frame(0))
        + write.enhanced_packet(1, ticks_at(9, START), frame(1))
        + write.enhanced_packet(0, ticks_at(6, START + 1), frame(0))
    )
