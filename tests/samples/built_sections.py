"""The built pcapng samples about sections, their interfaces and their packets. Each in both byte orders."""

import wire
from wire import BIG, LITTLE, In, ipv4_name

from samples.catalog import sample
from samples.content import EXAMPLE_ENTERPRISE, JOURNAL_ENTRY, START_MICROSECONDS, comment, ethernet, ipv4, linux_sll


@sample(".pcapng")
def sections(write: In) -> bytes:
    """Three sections, each with its own interfaces, names and options under the same ids."""
    ethernet_section = (
        write.interface(wire.ETHERNET, options=write.options((wire.IF_NAME, b"eth0")))
        + write.interface(wire.RAW_IP, options=write.options((wire.IF_NAME, b"tun0")))
        + write.names(ipv4_name("192.0.2.1", "first.example"))
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"first section"))
        + write.enhanced_packet(1, START_MICROSECONDS + 1, ipv4(b"first section"))
    )
    nanoseconds = write.options((wire.IF_NAME, b"wan0"), (wire.IF_TSRESOL, b"\x09"))
    nanosecond_section = (
        write.interface(wire.RAW_IP, 96, options=nanoseconds)
        + write.names(ipv4_name("192.0.2.1", "second.example"))
        + write.enhanced_packet(0, (START_MICROSECONDS + 2) * 1000 + 1, ipv4(b"second section"))
    )
    cooked_section = write.interface(wire.LINUX_SLL) + write.enhanced_packet(
        0, START_MICROSECONDS + 3, linux_sll(b"third section")
    )
    return (
        write.section_header(section_length=len(ethernet_section), options=comment(write, b"first"))
        + ethernet_section
        + write.section_header(options=comment(write, b"second"))
        + nanosecond_section
        + write.section_header()
        + cooked_section
    )


@sample(".pcapng")
def mixed_order(write: In) -> bytes:
    """Three sections whose byte order alternates; the name says the first one's."""
    other = In(BIG if write.byte_order == LITTLE else LITTLE)
    return b"".join(
        each.section_header()
        + each.interface(options=each.options((wire.IF_NAME, b"eth%d" % i)))
        + each.interface(options=each.options((wire.IF_TSRESOL, b"\x09")))
        + each.enhanced_packet(
            0, START_MICROSECONDS + i, ethernet(b"section %d" % i), options=comment(each, b"microseconds")
        )
        + each.enhanced_packet(1, (START_MICROSECONDS + i) * 1000 + 1, ethernet(b"section %d" % i))
        + each.simple_packet(ethernet(b"section %d, simple" % i))
        for i, each in enumerate([write, other, write])
    )


@sample(".pcapng")
def section_lengths(write: In) -> bytes:
    """Sections whose stated length is right, 0, too short, too long, odd or negative: never believed."""
    content = write.interface() + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"one"))
    stated = [len(content), 0, len(content) - 32, len(content) + 4, 33, -2]
    return b"".join(write.section_header(section_length=length) + content for length in stated)


@sample(".pcapng")
def version_1_2(write: In) -> bytes:
    """Version 1.2, which reads as 1.0."""
    return (
        write.section_header(version=(1, 2))
        + write.interface()
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"one"))
    )


@sample(".pcapng")
def version_unknown(write: In) -> bytes:
    """A section of version 2.0 between two of 1.0: it is skipped, the third one is read."""
    return b"".join(
        write.section_header(version=version)
        + write.interface()
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"version %d.%d" % version))
        for version in [(1, 0), (2, 0), (1, 0)]
    )


@sample(".pcapng")
def headers_only(write: In) -> bytes:
    """A section header and nothing else."""
    return write.section_header(options=comment(write, b"nothing follows"))


@sample(".pcapng")
def no_interface(write: In) -> bytes:
    """Names, a custom block and a secret, but no interface."""
    return (
        write.section_header()
        + write.names(ipv4_name("192.0.2.1", "client.example"))
        + write.custom(wire.CUSTOM_COPY, EXAMPLE_ENTERPRISE, b"alone")
        + write.secrets(wire.TLS_KEY_LOG, b"# empty key log\n")
    )


@sample(".pcapng")
def no_packets(write: In) -> bytes:
    """Two interfaces and their statistics, but no packets."""
    return (
        write.section_header()
        + write.interface(options=write.options((wire.IF_NAME, b"eth0")))
        + write.interface(wire.RAW_IP, options=write.options((wire.IF_NAME, b"tun0")))
        + write.statistics(0, START_MICROSECONDS, options=write.options((wire.ISB_IFRECV, write.number(0, 8))))
        + write.statistics(1, START_MICROSECONDS)
    )


@sample(".pcapng")
def late_interface(write: In) -> bytes:
    """An interface declared after packets, finer than the first one, and one that never carries any."""
    return (
        write.section_header()
        + write.interface(options=write.options((wire.IF_NAME, b"eth0")))
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"before"))
        + write.interface(options=write.options((wire.IF_NAME, b"eth1"), (wire.IF_TSRESOL, b"\x09")))
        + write.enhanced_packet(1, START_MICROSECONDS * 1000 + 1001, ethernet(b"after"))
        + write.interface(wire.RAW_IP, options=write.options((wire.IF_NAME, b"idle")))
        + write.enhanced_packet(0, START_MICROSECONDS + 2, ethernet(b"first again"))
    )


@sample(".pcapng")
def before_interface(write: In) -> bytes:
    """Secrets, names, custom and unknown blocks before the first interface."""
    return (
        write.section_header()
        + write.secrets(wire.TLS_KEY_LOG, b"# empty key log\n")
        + write.names(ipv4_name("192.0.2.1", "client.example"))
        + write.custom(wire.CUSTOM_COPY, EXAMPLE_ENTERPRISE, b"early")
        + write.block(0x0000CAFE, b"unknown ")
        + write.journal(JOURNAL_ENTRY)
        + write.interface()
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"one"))
    )


@sample(".pcapng")
def undeclared_interface(write: In) -> bytes:
    """A packet and statistics of an interface that was not declared, between two good packets."""
    return (
        write.section_header()
        + write.interface()
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"good"))
        + write.enhanced_packet(1, START_MICROSECONDS + 1, ethernet(b"whose?"))
        + write.statistics(5, START_MICROSECONDS + 1)
        + write.enhanced_packet(0, START_MICROSECONDS + 2, ethernet(b"good again"))
    )


@sample(".pcapng")
def link_types(write: In) -> bytes:
    """Packets of four link types, among them two that nobody knows: more than one pcap file holds."""
    return (
        write.section_header()
        + write.interface(wire.ETHERNET)
        + write.interface(wire.RAW_IP, 0)
        + write.interface(12345)
        + write.interface(65535)
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"ethernet"))
        + write.enhanced_packet(1, START_MICROSECONDS + 1, ipv4(b"raw"))
        + write.enhanced_packet(2, START_MICROSECONDS + 2, b"any bytes \x00\xff")
        + write.enhanced_packet(3, START_MICROSECONDS + 3, b"\x00")
        + write.enhanced_packet(0, START_MICROSECONDS + 4, ethernet(b"ethernet again"))
    )


@sample(".pcapng")
def snaplens(write: In) -> bytes:
    """Interfaces of one link type with different snaplens, one of them without a limit."""
    return (
        write.section_header()
        + write.interface(snaplen=64)
        + write.interface(snaplen=0)
        + write.interface(snaplen=0xFFFFFFFF)
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(bytes(100))[:64], original_length=142)
        + write.enhanced_packet(1, START_MICROSECONDS + 1, ethernet(bytes(100)))
        + write.enhanced_packet(2, START_MICROSECONDS + 2, ethernet(b"one"))
    )


@sample(".pcapng")
def lengths(write: In) -> bytes:
    """Lengths: an empty packet, one of which nothing is left, more captured than there was, more than the snaplen."""
    return (
        write.section_header()
        + write.interface(snaplen=60)
        + write.enhanced_packet(0, START_MICROSECONDS, b"")
        + write.enhanced_packet(0, START_MICROSECONDS + 1, b"", original_length=1500)
        + write.enhanced_packet(0, START_MICROSECONDS + 2, ethernet(b"padded"), original_length=42)
        + write.enhanced_packet(0, START_MICROSECONDS + 3, ethernet(bytes(100)))
        + b"".join(write.enhanced_packet(0, START_MICROSECONDS + 4, bytes(size)) for size in range(1, 5))
    )
