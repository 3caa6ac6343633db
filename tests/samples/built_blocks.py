"""The built pcapng samples about block types, one after the other. Each in both byte orders."""

import wire
from wire import In, ipv4_name, ipv6_name

from samples.catalog import sample
from samples.content import EXAMPLE_ENTERPRISE, JOURNAL_ENTRY, START_MICROSECONDS, comment, ethernet, ipv4


@sample(".pcapng")
def blocks(write: In) -> bytes:
    """Every block type of the specification in one section."""
    return (
        write.section_header(options=comment(write, b"every block type"))
        + write.interface(options=write.options((wire.IF_NAME, b"eth0")))
        + write.names(ipv4_name("192.0.2.1", "client.example"), ipv6_name("2001:db8::2", "server.example"))
        + write.secrets(wire.TLS_KEY_LOG, b"CLIENT_RANDOM " + b"00" * 32 + b" " + b"11" * 48 + b"\n")
        + write.enhanced_packet(
            0, START_MICROSECONDS, ethernet(b"enhanced"), options=comment(write, b"an Enhanced Packet")
        )
        + write.simple_packet(ethernet(b"simple"))
        + write.obsolete_packet(0, START_MICROSECONDS + 1, ethernet(b"obsolete"), drops_count=3)
        + write.journal(JOURNAL_ENTRY)
        + write.custom(wire.CUSTOM_COPY, EXAMPLE_ENTERPRISE, b"may be copied")
        + write.custom(wire.CUSTOM_DO_NOT_COPY, EXAMPLE_ENTERPRISE, b"must not be copied")
        + write.enhanced_packet(0, START_MICROSECONDS + 2, ethernet(b"last"))
        + write.statistics(0, START_MICROSECONDS + 3, options=write.options((wire.ISB_IFRECV, write.number(4, 8))))
    )


@sample(".pcapng")
def simple(write: In) -> bytes:
    """Simple Packets, which have no time: whole, cut by the snaplen, empty, and of an interface without a limit."""
    frame = ethernet(bytes(100))
    return (
        write.section_header()
        + write.interface(snaplen=61)
        + write.interface(wire.RAW_IP)
        + write.simple_packet(ethernet(b"whole"))
        + write.simple_packet(frame[:61], original_length=len(frame))
        + write.simple_packet(b"")
        + write.section_header()
        + write.interface(snaplen=0)
        + write.simple_packet(frame)
    )


@sample(".pcapng")
def obsolete(write: In) -> bytes:
    """Obsolete Packet Blocks: drop count known and not, flags, hash and comment, among Enhanced Packets."""
    crc32 = b"\x02" + bytes.fromhex("01020304")
    listed = write.options(
        (wire.PACK_FLAGS, write.number(1, 4)), (wire.PACK_HASH, crc32), (wire.OPT_COMMENT, b"an obsolete Packet")
    )
    return (
        write.section_header()
        + write.interface()
        + write.interface(wire.RAW_IP)
        + write.obsolete_packet(0, START_MICROSECONDS, ethernet(b"drops unknown"))
        + write.obsolete_packet(0, START_MICROSECONDS + 1, ethernet(b"no drops"), drops_count=0)
        + write.obsolete_packet(1, START_MICROSECONDS + 2, ipv4(b"seven drops"), drops_count=7, options=listed)
        + write.enhanced_packet(0, START_MICROSECONDS + 3, ethernet(b"enhanced"))
        + write.obsolete_packet(0, START_MICROSECONDS + 4, ethernet(bytes(100))[:50], original_length=142)
    )


@sample(".pcapng")
def statistics(write: In) -> bytes:
    """Interface statistics: two of one interface, in the middle and at the end, with every option and with none."""
    every = write.options(
        (wire.ISB_STARTTIME, write.halves(START_MICROSECONDS)),
        (wire.ISB_ENDTIME, write.halves(START_MICROSECONDS + 2)),
        (wire.ISB_IFRECV, write.number(1000, 8)),
        (wire.ISB_IFDROP, write.number(3, 8)),
        (wire.ISB_FILTERACCEPT, write.number(500, 8)),
        (wire.ISB_OSDROP, write.number(2, 8)),
        (wire.ISB_USRDELIV, write.number(2, 8)),
        (wire.OPT_COMMENT, b"at the end"),
    )
    return (
        write.section_header()
        + write.interface()
        + write.interface()
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"one"))
        + write.statistics(0, START_MICROSECONDS + 1)
        + write.enhanced_packet(1, START_MICROSECONDS + 2, ethernet(b"two"))
        + write.statistics(0, START_MICROSECONDS + 3, options=every)
        + write.statistics(1, START_MICROSECONDS + 3, options=write.options((wire.ISB_IFDROP, write.number(0, 8))))
    )


@sample(".pcapng")
def names(write: In) -> bytes:
    """Names: every record type, several for one address, an unknown record, options, no end record, two blocks."""
    server = write.options(
        (wire.NS_DNSNAME, b"resolver.example"),
        (wire.NS_DNSIP4ADDR, bytes([192, 0, 2, 53])),
        (wire.NS_DNSIP6ADDR, bytes.fromhex("20010db8000000000000000000000053")),
        (wire.OPT_COMMENT, b"asked after the capture"),
    )
    return (
        write.section_header()
        + write.interface()
        + write.names(
            ipv4_name("192.0.2.1", "client.example", "laptop.example"),
            ipv6_name("2001:db8::2", "server.example"),
            (wire.NRB_RECORD_EUI48, bytes.fromhex("02005e000001") + b"client-card\0"),
            (wire.NRB_RECORD_EUI64, bytes.fromhex("02005efffe000001") + b"sensor\0"),
            (0x1234, b"of an unknown type"),
            options=server,
        )
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"one"))
        + write.names(ipv4_name("192.0.2.2", "echo.example"), end=False)
        + write.names()
    )


@sample(".pcapng")
def secrets(write: In) -> bytes:
    """Secrets of every type, of a type nobody knows, empty, and with a comment; all made up."""
    key = b"A" * 43 + b"="
    return (
        write.section_header()
        + write.interface()
        + write.secrets(wire.TLS_KEY_LOG, b"CLIENT_RANDOM " + b"00" * 32 + b" " + b"11" * 48 + b"\n")
        + write.secrets(wire.SSH_KEY_LOG, b"00" * 16 + b" SHARED_SECRET " + b"11" * 32 + b"\n")
        + write.secrets(wire.WIREGUARD_KEY_LOG, b"LOCAL_STATIC_PRIVATE_KEY = " + key + b"\n")
        + write.secrets(wire.ZIGBEE_NWK_KEY, bytes(16) + write.number(0x1A62, 2))
        + write.secrets(wire.ZIGBEE_APS_KEY, bytes(16) + write.number(0x1A62, 2) + write.number(1, 2) + bytes(2))
        + write.secrets(0x12345678, b"\x00\xff\x00", options=comment(write, b"of an unknown type"))
        + write.secrets(wire.TLS_KEY_LOG, b"")
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"one"))
    )


@sample(".pcapng")
def custom(write: In) -> bytes:
    """Custom blocks of both types among packets: with data of every padding, without any, with options."""
    return (
        write.section_header()
        + write.interface()
        + b"".join(write.custom(wire.CUSTOM_COPY, EXAMPLE_ENTERPRISE, b"data"[:size]) for size in range(5))
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"one"))
        + write.custom(wire.CUSTOM_COPY, 0xFFFFFFFF, b"data", options=comment(write, b"of an unknown enterprise"))
        + write.custom(wire.CUSTOM_DO_NOT_COPY, EXAMPLE_ENTERPRISE, b"about these packets only")
        + write.enhanced_packet(0, START_MICROSECONDS + 1, ethernet(b"two"))
    )


@sample(".pcapng")
def unknown_blocks(write: In) -> bytes:
    """Block types nobody knows, assigned ones that are rare, and local ones (top bit set), with and without a body."""
    return (
        write.section_header()
        + write.interface()
        + write.block(0x00000007, b"an IRIG timestamp block of no known layout ".ljust(44))
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"one"))
        + write.block(0x0000CAFE, b"unknown ")
        + write.block(0x7FFFFFFF)
        + write.block(0x80000001, b"local   ")
        + write.enhanced_packet(0, START_MICROSECONDS + 1, ethernet(b"two"))
        + write.block(0xFFFFFFFF, bytes(64))
    )


@sample(".pcapng")
def journal(write: In) -> bytes:
    """systemd Journal Export Blocks: among packets, and in a section without an interface."""
    return (
        write.section_header()
        + write.interface()
        + write.journal(JOURNAL_ENTRY)
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"one"))
        + write.journal(JOURNAL_ENTRY.replace(b"up", b"down"))
        + write.section_header()
        + write.journal(JOURNAL_ENTRY)
    )
