"""The built pcapng samples about options. Each in both byte orders."""

import wire
from wire import In

from samples.catalog import sample
from samples.content import EXAMPLE_ENTERPRISE, START_MICROSECONDS, ethernet

NOT_UTF_8 = b"caf\xe9 \xff\xfe"
CONTROLS = b"bell \a escape \x1b[31mred\x1b[0m\r\nnext line\ttab \x7f"
NUL_INSIDE = b"before\0after"
WIDE = "Messung über Nacht: 完了 ✓".encode()


@sample(".pcapng")
def options_every(write: In) -> bytes:
    """Every option of the section header, the interface and the Enhanced Packet."""
    return (
        write.section_header(options=_section_options(write))
        + write.interface(options=_interface_options(write))
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"every option"), options=_packet_options(write))
        + write.enhanced_packet(0, START_MICROSECONDS + 1, ethernet(b"no option"))
    )


def _section_options(write: In) -> bytes:
    return write.options(
        (wire.OPT_COMMENT, b"a comment"),
        (wire.SHB_HARDWARE, b"a machine"),
        (wire.SHB_OS, b"an operating system"),
        (wire.SHB_USERAPPL, b"a program"),
    )


def _interface_options(write: In) -> bytes:
    return write.options(
        (wire.IF_NAME, b"eth0"),
        (wire.IF_DESCRIPTION, b"the first card"),
        (wire.IF_IPV4ADDR, bytes([192, 0, 2, 1, 255, 255, 255, 0])),
        (wire.IF_IPV4ADDR, bytes([198, 51, 100, 1, 255, 255, 255, 0])),
        (wire.IF_IPV6ADDR, bytes.fromhex("20010db8000000000000000000000001") + b"\x40"),
        (wire.IF_MACADDR, bytes.fromhex("02005e000001")),
        (wire.IF_EUIADDR, bytes.fromhex("02005efffe000001")),
        (wire.IF_SPEED, write.number(10**9, 8)),
        (wire.IF_TSRESOL, b"\x06"),
        (wire.IF_TZONE, write.number(3600, 4)),
        (wire.IF_FILTER, b"\0udp port 7"),
        (wire.IF_OS, b"an operating system"),
        (wire.IF_FCSLEN, b"\x00"),
        (wire.IF_TSOFFSET, write.number(0, 8)),
        (wire.IF_HARDWARE, b"a card"),
        (wire.IF_TXSPEED, write.number(10**8, 8)),
        (wire.IF_RXSPEED, write.number(10**9, 8)),
        (wire.IF_IANA_TZNAME, b"Europe/Berlin"),
        (wire.OPT_COMMENT, b"a comment"),
    )


def _packet_options(write: In) -> bytes:
    inbound_unicast = 0b101
    crc32, xdp_verdict = b"\x02", b"\x02"
    return write.options(
        (wire.OPT_COMMENT, b"a comment"),
        (wire.EPB_FLAGS, write.number(inbound_unicast, 4)),
        (wire.EPB_HASH, crc32 + bytes.fromhex("01020304")),
        (wire.EPB_HASH, b"\x03" + bytes(16)),
        (wire.EPB_DROPCOUNT, write.number(17, 8)),
        (wire.EPB_PACKETID, write.number(2**40, 8)),
        (wire.EPB_QUEUE, write.number(3, 4)),
        (wire.EPB_VERDICT, xdp_verdict + write.number(2, 8)),
        (wire.EPB_PROCESSID_THREADID, write.number(1234, 4) + write.number(5678, 4)),
    )


@sample(".pcapng")
def options_custom(write: In) -> bytes:
    """The four custom options on a section, an interface and packets; two of them must not be copied."""
    every = write.options(
        (wire.OPT_CUSTOM_TEXT, write.custom_value(EXAMPLE_ENTERPRISE, b"text")),
        (wire.OPT_CUSTOM_BYTES, write.custom_value(EXAMPLE_ENTERPRISE, b"\x00\xff\x00")),
        (wire.OPT_CUSTOM_TEXT_DO_NOT_COPY, write.custom_value(EXAMPLE_ENTERPRISE, b"text, not to be copied")),
        (wire.OPT_CUSTOM_BYTES_DO_NOT_COPY, write.custom_value(EXAMPLE_ENTERPRISE, b"\x01\xff")),
        (wire.OPT_COMMENT, b"a comment"),
    )
    only = write.options((wire.OPT_CUSTOM_BYTES_DO_NOT_COPY, write.custom_value(EXAMPLE_ENTERPRISE, b"")))
    return (
        write.section_header(options=every)
        + write.interface(options=every)
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"all four"), options=every)
        + write.enhanced_packet(0, START_MICROSECONDS + 1, ethernet(b"one alone"), options=only)
    )


@sample(".pcapng")
def do_not_copy(write: In) -> bytes:
    """What must not survive a change of the packets: a custom block, and options of several blocks."""
    text = write.options((wire.OPT_CUSTOM_TEXT_DO_NOT_COPY, write.custom_value(EXAMPLE_ENTERPRISE, b"do not copy")))
    return (
        write.section_header(options=text)
        + write.interface(options=text)
        + write.custom(wire.CUSTOM_DO_NOT_COPY, EXAMPLE_ENTERPRISE, b"do not copy")
        + write.names(wire.ipv4_name("192.0.2.1", "client.example"), options=text)
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"one"), options=text)
        + write.obsolete_packet(0, START_MICROSECONDS + 1, ethernet(b"two"), options=text)
        + write.enhanced_packet(0, START_MICROSECONDS + 2, ethernet(b"three"))
        + write.statistics(0, START_MICROSECONDS + 3, options=text)
    )


@sample(".pcapng")
def options_unknown(write: In) -> bytes:
    """Unknown options, local ones (top bit set) and repeated ones, on every block that has options."""
    unknown = write.options(
        (0x0100, b"unknown"),
        (0x7FFF, b""),
        (0x8001, b"local"),
        (0xFFFF, b"\x00\xff"),
        (0x0100, b"unknown, again"),
        (wire.OPT_COMMENT, b"one"),
        (wire.OPT_COMMENT, b""),
        (wire.OPT_COMMENT, b"one"),
    )
    return (
        write.section_header(options=unknown)
        + write.interface(options=unknown)
        + write.names(wire.ipv4_name("192.0.2.1", "client.example"), options=unknown)
        + write.secrets(wire.TLS_KEY_LOG, b"# empty key log\n", options=unknown)
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"one"), options=unknown)
        + write.obsolete_packet(0, START_MICROSECONDS + 1, ethernet(b"two"), options=unknown)
        + write.statistics(0, START_MICROSECONDS + 2, options=unknown)
    )


@sample(".pcapng")
def options_endings(write: In) -> bytes:
    """Options without opt_endofopt, with bytes after it, with a length in it, alone; padding that is not zero."""
    text = write.option(wire.OPT_COMMENT, b"comment")
    end = write.option(wire.OPT_ENDOFOPT)
    endings = {
        b"no end": text,
        b"bytes after the end": text + end + b"after" + bytes(3),
        b"an end with a length": text + write.option(wire.OPT_ENDOFOPT, b"long"),
        b"nothing but the end": end,
        b"padding not zero": text[:-1] + b"\xff" + end,
    }
    return (
        write.section_header(options=text)
        + write.interface(options=text)
        + b"".join(
            write.enhanced_packet(0, START_MICROSECONDS, ethernet(name), options=raw) for name, raw in endings.items()
        )
    )


@sample(".pcapng")
def options_overrun(write: In) -> bytes:
    """Options that claim more bytes than their block has: the packets are fine, the options are not readable."""
    overrun = write.option(wire.OPT_COMMENT, b"cut", length=400)
    stray = write.option(wire.OPT_COMMENT, b"good") + b"\x01\x00\x00\x01"
    return (
        write.section_header()
        + write.interface()
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"overrun"), options=overrun)
        + write.enhanced_packet(0, START_MICROSECONDS + 1, ethernet(b"stray"), options=stray)
        + write.enhanced_packet(0, START_MICROSECONDS + 2, ethernet(b"good"))
    )


@sample(".pcapng")
def text(write: In) -> bytes:
    """Text to be shown with care: not UTF-8, control characters, NUL inside, wide letters, a long line."""
    texts = [NOT_UTF_8, CONTROLS, NUL_INSIDE, WIDE, b"long " * 200, b""]
    comments = write.options(*((wire.OPT_COMMENT, each) for each in texts))
    card = write.options((wire.IF_NAME, NOT_UTF_8), (wire.IF_DESCRIPTION, CONTROLS), (wire.IF_HARDWARE, NUL_INSIDE))
    program = write.options((wire.SHB_USERAPPL, NOT_UTF_8), (wire.SHB_OS, CONTROLS), (wire.OPT_COMMENT, WIDE))
    return (
        write.section_header(options=program)
        + write.interface(options=card)
        + write.interface(options=write.options((wire.IF_NAME, b"../../up/and away\0.pcap")))
        + write.names((wire.NRB_RECORD_IPV4, bytes([192, 0, 2, 1]) + NOT_UTF_8 + b"\0"))
        + write.enhanced_packet(0, START_MICROSECONDS, ethernet(b"six comments"), options=comments)
        + write.enhanced_packet(1, START_MICROSECONDS + 1, ethernet(b"no comment"))
    )
