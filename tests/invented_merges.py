"""Inputs of a merge that Hypothesis invents: alike in many ways, so that they have interfaces, blocks and times in
common.

Strategy: times lie on the grid of `invented_captures.py`. Interfaces come from a short list, and so do comments, names,
secrets and processes. Every number and every option that must be changed in a merge is there.
"""

import wire
from host_order import BUILDERS, HOST_ORDER
from hypothesis import strategies as st
from invented_captures import MOMENTS, START, invented_options, invented_pcap, invented_pcapng, ticks_at
from wire import BIG, LITTLE, In

PROCESS, WIRESHARK = 0x80000001, 32622
OWN_PROCESS, EFFECTIVE_PROCESS = 32769, 32771
DATA = st.integers(0, 40).map(lambda size: bytes(range(9, 9 + size)))


def described_interfaces(write: In, link_types: list[int]) -> st.SearchStrategy[bytes]:
    """Few different interfaces, some of which say what their host is, or what no other byte order can hold."""
    options = [
        [],
        [],
        [(wire.IF_TSRESOL, b"\t")],
        [(wire.IF_NAME, b"eth0"), (wire.IF_TSOFFSET, write.number(START, 8))],
        [(wire.IF_OS, b"own"), (wire.IF_SPEED, write.number(10**9, 8))],
        [(wire.IF_TSRESOL, b"\x8a"), (0x7777, b"unknown"), (wire.IF_TZONE, write.number(3600, 4))],
        [(wire.OPT_CUSTOM_BYTES, write.custom_value(32473, b"custom")), (wire.IF_IPV4ADDR, bytes(range(8)))],
    ]
    return st.builds(
        lambda link_type, snaplen, stated, reserved: write.interface(
            link_type, snaplen, options=write.options(*stated), reserved=reserved
        ),
        st.sampled_from(link_types),
        st.sampled_from([0, 30, 262144, 262144]),
        st.sampled_from(options),
        st.sampled_from([0, 0, 0, 0x0102]),
    )


def headers(write: In) -> st.SearchStrategy[bytes]:
    """Headers of a section, of few hosts, with comments."""
    each = st.sampled_from(
        [
            (wire.OPT_COMMENT, b"first"),
            (wire.OPT_COMMENT, b"second"),
            (wire.SHB_HARDWARE, b"x86"),
            (wire.SHB_HARDWARE, b"arm"),
            (wire.SHB_OS, b"Linux"),
            (wire.SHB_USERAPPL, b"dumpcap"),
            (wire.OPT_CUSTOM_TEXT, write.custom_value(32473, b"custom")),
            (wire.OPT_CUSTOM_TEXT_DO_NOT_COPY, write.custom_value(32473, b"do not")),
            (0x7777, b"unknown"),
        ]
    )
    return st.builds(
        lambda pairs, end, version, length: write.section_header(
            options=write.options(*pairs, end=end), version=version, section_length=length
        ),
        st.lists(each, max_size=3),
        st.booleans(),
        st.sampled_from([(1, 0), (1, 0), (1, 2)]),
        st.sampled_from([-1, 0, 77]),
    )


def other_blocks(write: In) -> st.SearchStrategy[bytes]:
    """Blocks of every kind, a few of each."""
    comment = write.options((wire.OPT_COMMENT, b"of a block"))
    statistics = write.options(
        (wire.ISB_STARTTIME, write.halves(2**33 + 1)), (wire.ISB_IFRECV, write.number(2**40 + 5, 8)), (0x7777, b"?")
    )
    return st.sampled_from(
        [
            write.names(wire.ipv4_name("192.0.2.1", "client.example")),
            write.names(wire.ipv4_name("192.0.2.1", "client.example"), options=comment),
            write.names(wire.ipv6_name("2001:db8::1", "six.example"), (99, b"unknown record"), end=False),
            write.secrets(wire.TLS_KEY_LOG, b"key log"),
            write.secrets(wire.WIREGUARD_KEY_LOG, b"other", options=comment),
            write.statistics(0, START * 10**6 + 3),
            write.statistics(1, 2**40 + 1, options=statistics),
            write.statistics(2, 7),
            write.journal(b"__CURSOR=1\n"),
            write.custom(wire.CUSTOM_COPY, 32473, b"copy"),
            write.custom(wire.CUSTOM_DO_NOT_COPY, 32473, b"do not"),
            write.custom(
                wire.CUSTOM_COPY,
                WIRESHARK,
                wire.number(3, 4) + wire.number(5, 4) + wire.padded(b"entry") + comment,
            ),
            write.block(0x0000_0777, b"none knows"[:8]),
        ]
    )


def process(write: In, number: int) -> bytes:
    """A process as macOS writes it."""
    return write.block(PROCESS, write.number(number, 4) + write.options((2, b"timed"), (4, bytes(range(16)))))


@st.composite
def sections(draw: st.DrawFn, link_types: list[int], *, with_processes: bool) -> bytes:
    """A section with everything that a merge treats in its own way."""
    write = In(draw(st.sampled_from([LITTLE, LITTLE, BIG])))
    blocks = [draw(headers(write)), *draw(st.lists(described_interfaces(write, link_types), min_size=1, max_size=3))]
    known: list[int] = []
    for kind in draw(st.lists(st.sampled_from("eeeeeoosbbip"), max_size=9)):
        there = wire.read_interfaces(b"".join(blocks))
        if kind == "b":
            blocks.append(draw(other_blocks(write)))
        elif kind == "i":
            blocks.append(draw(described_interfaces(write, link_types)))
        elif kind == "p" and with_processes:
            known += [number for number in [draw(st.sampled_from([77, 78, 79, 80]))] if number not in known]
            blocks += [process(write, number) for number in known[-1:] if process(write, number) not in blocks]
        elif kind == "s":
            data, snaplen = draw(DATA), there[0].snaplen
            longer = draw(st.integers(0, 9)) if snaplen and len(data) >= snaplen else 0
            blocks.append(write.simple_packet(data, original_length=len(data) + longer))
        else:
            interface = draw(st.sampled_from(there))
            ticks = ticks_at(interface, write.byte_order, START + draw(MOMENTS))
            data = draw(DATA)
            if interface.link_type in HOST_ORDER and draw(st.booleans()):
                builders = [build for link_type, build in BUILDERS.values() if link_type == interface.link_type]
                data = draw(st.sampled_from(builders))(write.byte_order)
            options = draw(invented_options(write.byte_order))
            if draw(st.booleans()) and known:
                own = OWN_PROCESS, write.number(draw(st.integers(0, len(known) - 1)), 4)
                other = draw(st.sampled_from([(wire.OPT_COMMENT, b"of it"), (EFFECTIVE_PROCESS, bytes(4))]))
                options = write.options(own, other)
            stated, original = (interface.interface, ticks, data), len(data) + draw(st.sampled_from([0, 0, 5]))
            if kind == "o":
                drops = draw(st.sampled_from([0, 3, 0xFFFF]))
                block = write.obsolete_packet(*stated, original_length=original, options=options, drops_count=drops)
            else:
                block = write.enhanced_packet(*stated, original_length=original, options=options)
            blocks.append(block)
    return b"".join(blocks)


@st.composite
def invented_inputs(draw: st.DrawFn, *, link_types: tuple[int, ...] = (1, 113, 0, 239, 276)) -> list[bytes]:
    """One to five inputs of a merge, in any format."""
    section = sections(list(link_types), with_processes=draw(st.booleans()))
    several = st.lists(section, min_size=1, max_size=3).map(b"".join)
    each = st.one_of(section, section, section, several, invented_pcap(), invented_pcapng(finest=False))
    return draw(st.lists(each, min_size=1, max_size=5))
