"""`normalize`: the order of blocks and options, interfaces, names and secrets, in bytes."""

import pytest
import wire
from equivalent_captures import IGNORED_OPTIONS, UNKNOWN_OPTION, Option, comment
from expected_normal_form import KINDS
from normalizing import (
    IDB,
    LOCAL_OPTION,
    NANO,
    NS,
    ONE,
    PEN,
    SHB,
    UNKNOWN_BLOCK,
    UNLIKE,
    T,
    normal_interface,
    normalized,
    normalized_with_report,
    reasons_against,
)
from wire import BIG, LITTLE, In

# ---------------------------------------------------------------- the file


def test_without_packets_the_first_interface_stays(write: In) -> None:
    """In the order of the file; what reads captures by libpcap needs one."""
    name, others = write.options((wire.IF_NAME, b"first")), write.interface(7) * 2 + write.statistics(0, T)
    capture = write.section_header() * 2 + write.interface(113, 99, options=name) + others
    more = In(BIG).section_header() + In(BIG).interface(8)
    for options in ({}, {"sort": True}, {"mask_time": True}, {"keep": ["statistics"]}):
        out, report = normalized_with_report(capture + more, **options)
        assert out == SHB + normal_interface((wire.IF_NAME, b"first"), link_type=113, snaplen=99)
        assert report.left_out["interfaces"] == 3
    assert normalized(capture, to="pcap") == wire.pcap_header(wire.NANOSECONDS, snaplen=99, link_type_word=113)
    assert normalized(write.pcap_header(link_type_word=12)) == SHB + normal_interface(link_type=12, snaplen=65535)
    assert normalized(write.pcap_header(wire.MODIFIED)) == SHB + normal_interface(snaplen=65535)
    assert "interfaces" not in normalized_with_report(write.section_header() + write.interface())[1].left_out


def test_without_packets_and_interfaces_there_is_a_section_header(write: In) -> None:
    assert normalized(write.section_header()) == SHB
    assert reasons_against(SHB) == []
    out, report = normalized_with_report(write.section_header(), to="pcap")
    assert out == wire.pcap_header(wire.NANOSECONDS, snaplen=262144)
    assert [str(notice) for notice in report.warnings] == [
        "offset 0: the capture has no interface; the pcap file states Ethernet, since it has to state a link type"
    ]


def test_the_order_of_the_blocks(write: In) -> None:
    """Whatever the order in the file, and sections are one."""
    statistics = (wire.ISB_IFRECV, write.number(7, 8))
    capture = (
        write.section_header(options=write.options(comment("a")), section_length=0)
        + write.custom(wire.CUSTOM_COPY, PEN, b"cust")
        + write.interface()
        + write.statistics(0, T * 10**6, options=write.options(statistics))
        + write.enhanced_packet(0, T * 10**6, b"one")
        + write.block(UNKNOWN_BLOCK, b"body")
        + write.secrets(wire.TLS_KEY_LOG, b"key")
        + write.section_header(version=(1, 2), options=write.options(comment("b")))
        + write.interface(113)
        + write.names(wire.ipv4_name("192.0.2.1", "a"))
        + write.enhanced_packet(0, T * 10**6, b"two")
    )
    assert normalized(capture, keep=["statistics", "custom,unknown"]) == (
        wire.section_header(options=wire.options(comment("a"), comment("b")))
        + IDB
        + normal_interface(link_type=113)
        + wire.names(wire.ipv4_name("192.0.2.1", "a"))
        + wire.secrets(wire.TLS_KEY_LOG, b"key")
        + wire.custom(wire.CUSTOM_COPY, PEN, b"cust")
        + ONE
        + wire.block(UNKNOWN_BLOCK, b"body")
        + wire.enhanced_packet(1, NS, b"two")
        + wire.statistics(0, NS, options=wire.options((wire.ISB_IFRECV, wire.number(7, 8))))
    )


def test_sections_of_both_byte_orders() -> None:
    capture = b"".join(
        write.section_header() + write.interface(options=write.options(NANO)) + write.enhanced_packet(0, NS, b"one")
        for write in (In(BIG), In(LITTLE), In(BIG))
    )
    assert normalized(capture) == SHB + IDB + ONE * 3


def test_options_stand_by_code(write: In) -> None:
    """Comments and custom options as they stood, of any other code the first; zeros as padding, and an end mark."""
    texts = [(wire.OPT_CUSTOM_TEXT, write.custom_value(PEN, text)) for text in (b"z", b"", b"z")]
    pairs = [
        (LOCAL_OPTION, b"first"),
        (19373, write.custom_value(PEN, b"\1")),
        comment("z"),
        texts[0],
        (UNKNOWN_OPTION, b"first"),
        (2989, write.custom_value(PEN, b"b")),
        (19372, write.custom_value(PEN, b"no copy")),
        (LOCAL_OPTION, b"second"),
        comment("a"),
        texts[1],
        (UNKNOWN_OPTION, b""),
        comment("z"),
        texts[2],
        (wire.EPB_FLAGS, write.number(2, 4)),
    ]
    capture = (
        write.section_header(options=write.options(*pairs[:-1]))
        + write.interface(options=write.options(*pairs[:-1], NANO))
        + write.enhanced_packet(0, NS, b"one", options=write.options(*pairs))
    )
    head: list[Option] = [comment("z"), comment("a"), comment("z")]
    rest: list[Option] = [
        (UNKNOWN_OPTION, b"first"),
        *((wire.OPT_CUSTOM_TEXT, wire.custom_value(PEN, text)) for text in (b"z", b"", b"z")),
        (2989, wire.custom_value(PEN, b"b")),
        (19372, wire.custom_value(PEN, b"no copy")),
        (19373, wire.custom_value(PEN, b"\1")),
        (LOCAL_OPTION, b"first"),
    ]
    assert normalized(capture, keep=["custom", "unknown"]) == (
        wire.section_header(options=wire.options(*head, *rest))
        + wire.interface(options=wire.options(*head, NANO, *rest))
        + wire.enhanced_packet(0, NS, b"one", options=wire.options(*head, (wire.EPB_FLAGS, wire.number(2, 4)), *rest))
    )


@pytest.mark.parametrize("end", [b"", bytes(4), bytes(4) + b"tail"], ids=["none", "mark", "tail"])
def test_padding_and_ends_of_lists(write: In, end: bytes) -> None:
    odd = write.option(wire.OPT_COMMENT, b"c")[:-3] + b"\xaa\xbb\xcc" + end
    capture = (
        write.section_header(options=odd)
        + write.interface(options=write.option(*NANO)[:-3] + b"\xff\xff\xff" + odd)
        + write.enhanced_packet(0, NS, b"one", options=odd)
    )
    capture = capture.replace(b"one\0", b"one\xee")
    assert normalized(capture) == (
        wire.section_header(options=wire.options(comment("c")))
        + normal_interface(comment("c"))
        + wire.enhanced_packet(0, NS, b"one", options=wire.options(comment("c")))
    )


def test_options_that_cannot_be_read_to_their_end(write: In) -> None:
    """What stands before the fault is kept."""
    cut = write.option(*comment("c")) + write.option(wire.OPT_COMMENT, b"abcd", length=400)
    capture = write.section_header() + write.interface() + write.enhanced_packet(0, T * 10**6, b"one", options=cut)
    assert normalized(capture) == SHB + IDB + wire.enhanced_packet(0, NS, b"one", options=wire.options(comment("c")))


@pytest.mark.parametrize("size", [0, 1, 65534, 65535])
def test_comments_of_every_length(write: In, size: int) -> None:
    text = (wire.OPT_COMMENT, b"x" * size)
    capture = (
        write.section_header(options=write.options(text))
        + write.interface(options=write.options(NANO, text))
        + write.enhanced_packet(0, NS, b"one", options=write.options(text, (wire.EPB_PACKETID, bytes(8))))
    )
    assert normalized(capture) == (
        wire.section_header(options=wire.options(text))
        + normal_interface(text)
        + wire.enhanced_packet(0, NS, b"one", options=wire.options(text))
    )


# ---------------------------------------------------------------- interfaces


def test_interfaces_in_the_order_of_their_first_packets(write: In) -> None:
    """And none without."""
    names = [(wire.IF_NAME, bytes([letter])) for letter in b"abcd"]
    capture = write.section_header() + b"".join(write.interface(options=write.options(name, NANO)) for name in names)
    packets = [(3, NS + 3), (1, NS + 1), (3, NS), (0, NS + 2)]
    capture += b"".join(write.enhanced_packet(number, time, b"one") for number, time in packets)
    assert normalized(capture) == (
        SHB
        + b"".join(normal_interface(names[number]) for number in (3, 1, 0))
        + b"".join(wire.enhanced_packet((3, 1, 0).index(number), time, b"one") for number, time in packets)
    )
    assert normalized(capture, sort=True) == (
        SHB
        + b"".join(normal_interface(names[number]) for number in (3, 1, 0))
        + b"".join(wire.enhanced_packet(interface_id, NS + n, b"one") for n, interface_id in enumerate([0, 1, 2, 0]))
    )


def test_by_time_another_interface_may_be_the_first(write: In) -> None:
    """At the same time, the one whose packet stands first in the file."""
    capture = (
        write.section_header()
        + b"".join(write.interface(options=write.options((wire.IF_NAME, name), NANO)) for name in (b"a", b"b", b"c"))
        + b"".join(write.enhanced_packet(number, NS + late, b"one") for number, late in ((0, 2), (2, 1), (1, 1)))
    )
    assert normalized(capture, sort=True) == (
        SHB
        + b"".join(normal_interface((wire.IF_NAME, name)) for name in (b"c", b"b", b"a"))
        + b"".join(
            wire.enhanced_packet(interface_id, NS + late, b"one") for interface_id, late in ((0, 1), (1, 1), (2, 2))
        )
    )


@pytest.mark.parametrize("pair", IGNORED_OPTIONS, ids=lambda pair: str(pair[0]))
def test_interfaces_that_say_the_same_are_one(write: In, pair: Option) -> None:
    capture = (
        write.section_header()
        + write.interface()
        + write.interface(options=write.options(pair), reserved=7)
        + write.enhanced_packet(1, T * 10**6, b"one")
        + write.section_header()
        + write.interface(options=write.options(pair, pair))
        + write.enhanced_packet(0, T * 10**6, b"one") * 2
    )
    assert normalized(capture) == SHB + IDB + ONE * 3


@pytest.mark.parametrize("pair", UNLIKE, ids=str)
def test_interfaces_that_say_something_else_are_two(write: In, pair: Option) -> None:
    capture = (
        write.section_header()
        + write.interface(options=write.options(pair))
        + write.enhanced_packet(0, T * 10**6, b"one")
        + write.section_header()
        + write.interface()
        + write.enhanced_packet(0, T * 10**6, b"one")
    )
    assert normalized(capture) == SHB + normal_interface(pair) + IDB + ONE + wire.enhanced_packet(1, NS, b"one")


@pytest.mark.parametrize(("link_type", "snaplen"), [(1, 0), (1, 2**32 - 1), (65535, 262144), (0, 64)])
def test_link_type_and_snaplen_are_as_stated(write: In, link_type: int, snaplen: int) -> None:
    capture = (
        write.section_header()
        + b"".join(write.interface(*said, options=write.options(NANO)) for said in ((link_type, snaplen), ()))
        + write.enhanced_packet(1, NS, b"one")
        + write.enhanced_packet(0, NS, b"one")
    )
    assert normalized(capture) == (
        SHB + IDB + normal_interface(link_type=link_type, snaplen=snaplen) + ONE + wire.enhanced_packet(1, NS, b"one")
    )


def test_an_interface_says_each_of_its_options_once(write: In) -> None:
    pairs = [
        (wire.IF_FCSLEN, b"\x20"),
        (wire.IF_FILTER, b"\0udp"),
        (wire.IF_NAME, b"eth0"),
        (wire.IF_DESCRIPTION, b"card"),
        comment("b"),
        (wire.IF_NAME, b"eth1"),
        (wire.IF_FCSLEN, b"\x10"),
        comment("a"),
    ]
    capture = write.section_header() + write.interface(options=write.options(*pairs))
    once = [comment("b"), comment("a"), pairs[2], pairs[3], NANO, pairs[1], pairs[0]]
    assert normalized(capture + write.enhanced_packet(0, T * 10**6, b"one")) == (
        SHB + wire.interface(options=wire.options(*once)) + ONE
    )


@pytest.mark.parametrize(("word", "bits"), [(1, None), (0x04000001, 0), (0x24000001, 32), (0xF4000001, 240)])
def test_fcs_bits_of_pcap_are_if_fcslen(write: In, word: int, bits: int | None) -> None:
    capture = write.pcap_header(wire.NANOSECONDS, link_type_word=word, snaplen=0) + write.pcap_record(T, 5, b"one")
    pairs = [] if bits is None else [(wire.IF_FCSLEN, bytes([bits]))]
    assert normalized(capture) == SHB + normal_interface(*pairs, snaplen=0) + wire.enhanced_packet(0, NS + 5, b"one")


# ---------------------------------------------------------------- names and secrets


def test_names_are_sorted_and_none_stands_twice(write: In) -> None:
    first = write.names(
        wire.ipv6_name("2001:db8::2", "z"),
        wire.ipv4_name("192.0.2.9", "b", "a", "b"),
        (wire.NRB_RECORD_EUI64, bytes(8) + b"eui\0"),
        wire.ipv4_name("10.0.0.1", "z"),
        (wire.NRB_RECORD_EUI48, bytes(6) + b"eui\0"),
        options=write.options((wire.NS_DNSNAME, b"dns"), comment("first"), (wire.NS_DNSIP4ADDR, bytes(4))),
    )
    second = write.names(
        wire.ipv4_name("192.0.2.9", "a", "B"),
        wire.ipv4_name("192.0.2.9"),  # that has no name at all
        (wire.NRB_RECORD_IPV4, bytes([192, 0, 2, 9]) + b"unended"),
        options=write.options(comment("second"), comment("first")),
    )
    capture = write.section_header() + first + second + write.section_header() + first
    assert normalized(capture) == SHB + wire.names(
        wire.ipv4_name("10.0.0.1", "z"),
        wire.ipv4_name("192.0.2.9", "B"),
        wire.ipv4_name("192.0.2.9", "a"),
        wire.ipv4_name("192.0.2.9", "b"),
        wire.ipv4_name("192.0.2.9", "unended"),
        wire.ipv6_name("2001:db8::2", "z"),
        (wire.NRB_RECORD_EUI48, bytes(6) + b"eui\0"),
        (wire.NRB_RECORD_EUI64, bytes(8) + b"eui\0"),
        options=wire.options(comment("first"), comment("second"), comment("first"), comment("first")),
    )


def test_records_that_nobody_can_read_are_kept(write: In) -> None:
    """Types that nobody knows, and addresses cut short."""
    strange = [(9, b"b\0a\0"), (0x8001, b""), (wire.NRB_RECORD_IPV4, b"\xc0"), (9, b"a"), (9, b"b\0a\0")]
    block = write.names(*strange, wire.ipv4_name("192.0.2.1", "caf\xe9"))
    assert normalized(write.section_header() + block) == SHB + wire.names(
        (wire.NRB_RECORD_IPV4, b"\xc0"),
        wire.ipv4_name("192.0.2.1", "caf\xe9"),
        (9, b"a"),
        (9, b"b\0a\0"),
        (0x8001, b""),
    )


def test_names_blocks_without_names(write: In) -> None:
    capture = write.section_header() + write.names() + write.names(wire.ipv4_name("192.0.2.1"), end=False)
    assert normalized(capture) == SHB
    capture += write.names(options=write.options(comment("c")))
    assert normalized(capture) == SHB + wire.names(options=wire.options(comment("c")))
    assert normalized(capture, strip=["comments"]) == SHB


def test_a_name_of_the_greatest_length(write: In) -> None:
    record = (wire.NRB_RECORD_IPV4, bytes(4) + b"n" * 65530 + b"\0")
    assert normalized(write.section_header() + write.names(record)) == SHB + wire.names(record)
    once = normalized(write.section_header() + write.names((wire.NRB_RECORD_IPV4, bytes(4) + b"n" * 65531)))
    assert wire.read_options(wire.read_blocks(once)[1].body)[0][1].rstrip(b"\0") == bytes(4) + b"n" * 65531
    assert normalized(once) == once


def test_options_of_names_blocks_other_than_comments_are_never_kept(write: In) -> None:
    pairs = [
        (wire.NS_DNSNAME, b"dns"),
        (wire.NS_DNSIP6ADDR, bytes(16)),
        comment("c"),
        (wire.OPT_CUSTOM_TEXT, write.custom_value(PEN, b"x")),
        (UNKNOWN_OPTION, b"x"),
    ]
    capture = write.section_header() + write.names(wire.ipv4_name("192.0.2.1", "a"), options=write.options(*pairs))
    assert normalized(capture, keep=[",".join(KINDS)]) == SHB + wire.names(
        wire.ipv4_name("192.0.2.1", "a"), options=wire.options(comment("c"))
    )


def test_secrets_in_order_and_none_twice(write: In) -> None:
    said = write.options(comment("c"))
    blocks = [
        (wire.WIREGUARD_KEY_LOG, b"wg", b""),
        (wire.TLS_KEY_LOG, b"tls", b""),
        (wire.TLS_KEY_LOG, b"tls", said),
        (wire.SSH_KEY_LOG, b"tls", b""),
        (wire.TLS_KEY_LOG, b"", b""),
    ]
    twice = [*blocks, *blocks[::-1]]
    capture = write.section_header() + b"".join(write.secrets(*each[:2], options=each[2]) for each in twice)
    capture = capture.replace(b"tls\0", b"tls\xff")  # padding
    little = wire.options(comment("c"))
    normal_form = SHB + b"".join(wire.secrets(*each[:2], options=each[2] and little) for each in blocks)
    assert normalized(capture) == normal_form
    without = b"".join(wire.secrets(*each[:2]) for number, each in enumerate(blocks) if number != 2)
    assert normalized(capture, strip=["comments"]) == SHB + without


def test_other_options_of_secrets(write: In) -> None:
    pairs = [(UNKNOWN_OPTION, b"x"), (wire.OPT_CUSTOM_BYTES, write.custom_value(PEN, b"x")), comment("c")]
    capture = write.section_header() + write.secrets(wire.TLS_KEY_LOG, b"tls", options=write.options(*pairs))
    assert normalized(capture) == SHB + wire.secrets(wire.TLS_KEY_LOG, b"tls", options=wire.options(comment("c")))
    every = [comment("c"), (UNKNOWN_OPTION, b"x"), (wire.OPT_CUSTOM_BYTES, wire.custom_value(PEN, b"x"))]
    assert normalized(capture, keep=["unknown", "custom"]) == (
        SHB + wire.secrets(wire.TLS_KEY_LOG, b"tls", options=wire.options(*every))
    )
