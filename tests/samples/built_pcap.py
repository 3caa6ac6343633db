"""The built pcap samples: every form of the file header and of the record header, each in both byte orders."""

import wire
from wire import In

from samples.catalog import sample
from samples.content import START, ethernet, ipv4


@sample(".pcap")
def micro(write: In) -> bytes:
    """Microseconds: three packets, the last one cut to 40 bytes."""
    return (
        write.pcap_header()
        + write.pcap_record(START, 0, ethernet(b"one"))
        + write.pcap_record(START, 999_999, ethernet(b"two"))
        + write.pcap_record(START + 1, 500_000, ethernet(b"three")[:40], original_length=47)
    )


@sample(".pcap")
def nano(write: In) -> bytes:
    """Nanoseconds: the first and the last one of a second."""
    return (
        write.pcap_header(wire.NANOSECONDS)
        + write.pcap_record(START, 0, ethernet(b"first"))
        + write.pcap_record(START, 123_456_789, ethernet(b"between"))
        + write.pcap_record(START, 999_999_999, ethernet(b"last"))
    )


@sample(".pcap")
def modified(write: In) -> bytes:
    """The modified format: 24-byte record headers with three interface indices and every packet type."""
    records = [
        write.pcap_record(
            START + i, 250_000, ethernet(b"type %d" % i), extra=write.modified_extra(index, packet_type=i)
        )
        for i, index in enumerate([2, 2, 7, 7, 1])
    ]
    return write.pcap_header(wire.MODIFIED) + b"".join(records)


@sample(".pcap")
def ixia_hardware(write: In) -> bytes:
    """Ixia's hardware captures: a length field after the header."""
    return _ixia(write, wire.IXIA_HARDWARE, 123_456_789)


@sample(".pcap")
def ixia_software(write: In) -> bytes:
    """Ixia's software captures: the same length field under another magic."""
    return _ixia(write, wire.IXIA_SOFTWARE, 123_456)


def _ixia(write: In, magic: int, fraction: int) -> bytes:
    records = write.pcap_record(START, fraction, ethernet(b"ixia")) + write.pcap_record(START + 1, 5, ethernet(b"x"))
    return write.pcap_header(magic, records_length=len(records)) + records


@sample(".pcap")
def version_2_2(write: In) -> bytes:
    """Version 2.2: the original length comes first."""
    return write.pcap_header(version=(2, 2)) + _cut_and_whole(write, cut_swapped=True, whole_swapped=True)


@sample(".pcap")
def version_2_3(write: In) -> bytes:
    """Version 2.3: the two lengths of one record are swapped, those of the other are not."""
    whole = write.pcap_record(START + 1, 0, ethernet(b"in order")[:30], original_length=50)
    return write.pcap_header(version=(2, 3)) + _cut_and_whole(write, cut_swapped=True, whole_swapped=False) + whole


@sample(".pcap")
def version_543(write: In) -> bytes:
    """Version 543.0: all lengths are swapped."""
    return write.pcap_header(version=(543, 0)) + _cut_and_whole(write, cut_swapped=True, whole_swapped=True)


def _cut_and_whole(write: In, *, cut_swapped: bool, whole_swapped: bool) -> bytes:
    cut = ethernet(b"cut to thirty-two bytes")
    return write.pcap_record(
        START, 0, cut[:32], original_length=len(cut), lengths_swapped=cut_swapped
    ) + write.pcap_record(START, 500_000, ethernet(b"whole"), lengths_swapped=whole_swapped)


@sample(".pcap")
def fcs(write: In) -> bytes:
    """FCS bits in the link-type word: each frame ends with a checksum of two 16-bit words."""
    checksum = b"\xde\xad\xbe\xef"
    return (
        write.pcap_header(link_type_word=0x24000001)
        + write.pcap_record(START, 0, ethernet(b"one") + checksum)
        + write.pcap_record(START, 1, ethernet(b"two") + checksum)
    )


@sample(".pcap")
def reserved_bits(write: In) -> bytes:
    """Reserved bits set in the link-type word: the link type is in the low 16 bits."""
    return write.pcap_header(link_type_word=0x02340001) + write.pcap_record(START, 0, ethernet(b"one"))


@sample(".pcap")
def fraction_overflow(write: In) -> bytes:
    """Fractions of one second and more: the time is the sum."""
    return (
        write.pcap_header()
        + write.pcap_record(START, 999_999, ethernet(b"below"))
        + write.pcap_record(START, 1_000_000, ethernet(b"one second"))
        + write.pcap_record(START, 2_500_000, ethernet(b"more"))
        + write.pcap_record(START, 0xFFFFFFFF, ethernet(b"most"))
    )


@sample(".pcap")
def fraction_overflow_nano(write: In) -> bytes:
    """The same in nanoseconds."""
    return (
        write.pcap_header(wire.NANOSECONDS)
        + write.pcap_record(START, 1_000_000_000, ethernet(b"one second"))
        + write.pcap_record(START, 0xFFFFFFFF, ethernet(b"most"))
    )


@sample(".pcap")
def after_2038(write: In) -> bytes:
    """Seconds with the top bit set: they are unsigned and reach to 2106."""
    return (
        write.pcap_header()
        + write.pcap_record(0x7FFFFFFF, 999_999, ethernet(b"2038"))
        + write.pcap_record(0x80000000, 0, ethernet(b"2038 and a second"))
        + write.pcap_record(0xFFFFFFFF, 999_999, ethernet(b"2106"))
    )


@sample(".pcap")
def backwards(write: In) -> bytes:
    """Time that goes backwards: the order stays."""
    return (
        write.pcap_header()
        + write.pcap_record(START + 2, 0, ethernet(b"late"))
        + write.pcap_record(START, 0, ethernet(b"early"))
        + write.pcap_record(START + 1, 0, ethernet(b"between"))
    )


@sample(".pcap")
def time_zone(write: In) -> bytes:
    """`thiszone` and `sigfigs` that are not 0: no time depends on them."""
    return write.pcap_header(thiszone=-3600, sigfigs=6) + write.pcap_record(START, 1, ethernet(b"one"))


@sample(".pcap")
def snaplen_0(write: In) -> bytes:
    """Snaplen 0: no limit."""
    return write.pcap_header(snaplen=0) + write.pcap_record(START, 0, ethernet(b"one"))


@sample(".pcap")
def snaplen_max(write: In) -> bytes:
    """Snaplen 2^32-1, the largest."""
    return write.pcap_header(snaplen=0xFFFFFFFF) + write.pcap_record(START, 0, ethernet(b"one"))


@sample(".pcap")
def headers_only(write: In) -> bytes:
    """A file header and no packets."""
    return write.pcap_header()


@sample(".pcap")
def lengths(write: In) -> bytes:
    """Lengths: an empty packet, one of which nothing is left, more captured than there was, more than the snaplen."""
    return (
        write.pcap_header(snaplen=60)
        + write.pcap_record(START, 0, b"")
        + write.pcap_record(START, 1, b"", original_length=1500)
        + write.pcap_record(START, 2, ethernet(b"padded"), original_length=42)
        + write.pcap_record(START, 3, ethernet(bytes(100)))
    )


@sample(".pcap")
def raw_ip(write: In) -> bytes:
    """Link type 101: packets without a link layer."""
    return write.pcap_header(link_type_word=wire.RAW_IP) + write.pcap_record(START, 0, ipv4(b"raw"))


@sample(".pcap")
def unknown_link_type(write: In) -> bytes:
    """Link type 12345, which nobody knows: passed through as a number."""
    return write.pcap_header(link_type_word=12345) + write.pcap_record(START, 0, b"any bytes \x00\xff")
