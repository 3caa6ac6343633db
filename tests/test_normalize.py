"""`pcapconv.normalize`: every rule of NORMAL_FORM.md in bytes, and a second implementation on all else."""

import io
import shutil
import struct
import subprocess
from fractions import Fraction
from itertools import permutations, product
from pathlib import Path
from typing import Any, BinaryIO, cast

import expected
import pytest
import wire
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made_pcap, made_pcapng
from normal import KINDS, Asked, normal
from through import DAMAGED, SAMPLES, Pipe, Sink, converted, damage_of, every_sample, stem
from wire import BIG, LITTLE, In
from written import ALIKE, FULL, PLAIN, UNKNOWN_OPTION, Option, Said, comment, plainly_written, written

import pcapconv
from pcapconv import (
    DamageError,
    FileError,
    FormatError,
    LossError,
    PcapconvError,
    Report,
    TargetError,
    UsageError,
)
from pcapconv.errors import NotACaptureError
from pcapconv.normalizing import check_normal_form

T = 1_714_564_800
NS = T * 10**9
PEN = 32473
UNKNOWN_BLOCK, LOCAL_OPTION = 0x80000123, 0x8001
NANO: Option = (wire.IF_TSRESOL, b"\x09")
SHB = wire.section_header()
IDB = wire.interface(options=wire.options(NANO))
ONE = wire.enhanced_packet(0, NS, b"one")
LARGEST = 2**64 - 1
HOLD = f"nanoseconds hold 0 to {LARGEST}; rebase_time= moves it, mask_time=True replaces it"


def normalized(capture: bytes, **options: Any) -> bytes:
    """The normal form."""
    return reported(capture, **options)[0]


def reported(capture: bytes, **options: Any) -> tuple[bytes, Report]:
    """The normal form, and the report."""
    target = io.BytesIO()
    report = pcapconv.normalize(io.BytesIO(capture), target, **options)
    return target.getvalue(), report


def checked(capture: bytes, **options: Any) -> list[str]:
    """Why it is not normal."""
    return check_normal_form(io.BytesIO(capture), **options)


def refused(capture: bytes, kind: type[PcapconvError], **options: Any) -> str:
    """What is said of a capture that has no normal form; nothing is written, and `check` says the same."""
    target = io.BytesIO()
    with pytest.raises(kind) as caught:
        pcapconv.normalize(io.BytesIO(capture), target, **options)
    with pytest.raises(kind) as again:
        checked(capture, **options)
    assert str(again.value) == str(caught.value)
    return str(caught.value)


def idb(*pairs: Option, link_type: int = 1, snaplen: int = 262144) -> bytes:
    """An interface in the normal form, its options in the order given, with if_tsresol among them."""
    listed = sorted([*pairs, NANO], key=lambda pair: pair[0])
    return wire.interface(link_type, snaplen, options=wire.options(*listed))


# ---------------------------------------------------------------- the file


def test_without_packets_the_first_interface_stays(write: In) -> None:
    """In the order of the file; what reads captures by libpcap needs one."""
    name, others = write.options((wire.IF_NAME, b"first")), write.interface(7) * 2 + write.statistics(0, T)
    capture = write.section_header() * 2 + write.interface(113, 99, options=name) + others
    more = In(BIG).section_header() + In(BIG).interface(8)
    for options in ({}, {"sort": True}, {"mask_time": True}, {"keep": ["statistics"]}):
        out, report = reported(capture + more, **options)
        assert out == SHB + idb((wire.IF_NAME, b"first"), link_type=113, snaplen=99)
        assert report.left_out["interfaces"] == 3
    assert normalized(capture, to="pcap") == wire.pcap_header(wire.NANOSECONDS, snaplen=99, link_type_word=113)
    assert normalized(write.pcap_header(link_type_word=12)) == SHB + idb(link_type=12, snaplen=65535)
    assert normalized(write.pcap_header(wire.MODIFIED)) == SHB + idb(snaplen=65535)
    assert "interfaces" not in reported(write.section_header() + write.interface())[1].left_out


def test_without_packets_and_interfaces_there_is_a_section_header(write: In) -> None:
    assert normalized(write.section_header()) == SHB
    assert checked(SHB) == []
    out, report = reported(write.section_header(), to="pcap")
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
        + idb(link_type=113)
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
        + idb(comment("c"))
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
        + idb(text)
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
        + b"".join(idb(names[number]) for number in (3, 1, 0))
        + b"".join(wire.enhanced_packet((3, 1, 0).index(number), time, b"one") for number, time in packets)
    )
    assert normalized(capture, sort=True) == (
        SHB
        + b"".join(idb(names[number]) for number in (3, 1, 0))
        + b"".join(wire.enhanced_packet(place, NS + n, b"one") for n, place in enumerate([0, 1, 2, 0]))
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
        + b"".join(idb((wire.IF_NAME, name)) for name in (b"c", b"b", b"a"))
        + b"".join(wire.enhanced_packet(place, NS + late, b"one") for place, late in ((0, 1), (1, 1), (2, 2)))
    )


UNLIKE: list[Option] = [
    (wire.IF_NAME, b"x"),
    (wire.IF_NAME, b""),
    (wire.IF_DESCRIPTION, b"x"),
    (wire.IF_FILTER, b"\0tcp"),
    (wire.IF_FCSLEN, b"\0"),
    comment("x"),
]


@pytest.mark.parametrize("pair", ALIKE, ids=lambda pair: str(pair[0]))
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
    assert normalized(capture) == SHB + idb(pair) + IDB + ONE + wire.enhanced_packet(1, NS, b"one")


@pytest.mark.parametrize(("link_type", "snaplen"), [(1, 0), (1, 2**32 - 1), (65535, 262144), (0, 64)])
def test_link_type_and_snaplen_are_as_stated(write: In, link_type: int, snaplen: int) -> None:
    capture = (
        write.section_header()
        + b"".join(write.interface(*said, options=write.options(NANO)) for said in ((link_type, snaplen), ()))
        + write.enhanced_packet(1, NS, b"one")
        + write.enhanced_packet(0, NS, b"one")
    )
    assert normalized(capture) == (
        SHB + IDB + idb(link_type=link_type, snaplen=snaplen) + ONE + wire.enhanced_packet(1, NS, b"one")
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
    assert normalized(capture) == SHB + idb(*pairs, snaplen=0) + wire.enhanced_packet(0, NS + 5, b"one")


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


# ---------------------------------------------------------------- packets


@pytest.mark.parametrize(
    ("flags", "direction"),
    [(0, 0), (1, 1), (2, 2), (3, 3), (0xFFFFFFFD, 1), (0xFFFFFFFC, 0), (0b10101, 1), (0x80000002, 2)],
)
def test_of_flags_the_direction_stays(write: In, flags: int, direction: int) -> None:
    stated = write.options((wire.EPB_FLAGS, write.number(flags, 4)), (wire.EPB_FLAGS, write.number(~flags & 3, 4)))
    capture = (
        write.section_header()
        + write.interface()
        + write.enhanced_packet(0, T * 10**6, b"one", options=stated)
        + write.obsolete_packet(0, T * 10**6, b"one", options=stated)
    )
    pairs = [(wire.EPB_FLAGS, wire.number(direction, 4))] if direction else []
    assert normalized(capture) == SHB + IDB + wire.enhanced_packet(0, NS, b"one", options=wire.options(*pairs)) * 2


@pytest.mark.parametrize("value", [b"", b"\1", b"\1\1\1", bytes([1] * 8)])
def test_flags_of_another_size_say_nothing(write: In, value: bytes) -> None:
    stated = write.options((wire.EPB_FLAGS, value))
    capture = write.section_header() + write.interface() + write.enhanced_packet(0, T * 10**6, b"one", options=stated)
    assert normalized(capture) == SHB + IDB + ONE


def test_what_differs_by_run_is_never_kept(write: In) -> None:
    pairs = [
        (wire.EPB_HASH, b"\2" + bytes(4)),
        (wire.EPB_DROPCOUNT, bytes(8)),
        (wire.EPB_PACKETID, bytes(8)),
        (wire.EPB_QUEUE, bytes(4)),
        (wire.EPB_VERDICT, b"\1" + bytes(8)),
        (wire.EPB_PROCESSID_THREADID, bytes(8)),
    ]
    capture = (
        write.section_header()
        + write.interface(options=write.options(*ALIKE[2:7]))
        + write.enhanced_packet(0, T * 10**6, b"one", options=write.options(*pairs))
        + write.obsolete_packet(0, T * 10**6, b"one", drops_count=3, options=write.options(pairs[0]))
    )
    assert normalized(capture) == SHB + IDB + ONE * 2
    assert normalized(capture, keep=KINDS) == SHB + IDB + ONE * 2


def test_lengths_and_bytes_are_as_captured(write: In) -> None:
    lengths = [(0, 0), (0, 60), (1, 2**32 - 1), (5, 3), (70_000, 70_000)]
    capture = write.section_header() + write.interface(options=write.options(NANO))
    for captured, original in lengths:
        capture += write.enhanced_packet(0, NS, b"x" * captured, original_length=original)
    assert normalized(capture) == SHB + IDB + b"".join(
        wire.enhanced_packet(0, NS, b"x" * captured, original_length=original) for captured, original in lengths
    )


def test_simple_packets_are_at_0_and_counted(write: In) -> None:
    capture = (
        write.section_header()
        + write.interface(snaplen=5)
        + write.interface(options=write.options(NANO))
        + write.simple_packet(b"12345", original_length=900)
        + write.simple_packet(b"abc")
        + write.enhanced_packet(1, 0, b"one")
    )
    out, report = reported(capture)
    assert out == (
        SHB
        + idb(snaplen=5)
        + IDB
        + wire.enhanced_packet(0, 0, b"12345", original_length=900)
        + wire.enhanced_packet(0, 0, b"abc")
        + wire.enhanced_packet(1, 0, b"one")
    )
    assert report.losses == {"packets-without-time": 2}
    assert (report.packets_read, report.packets_written, report.damage) == (3, 3, [])
    moved, _ = reported(capture, rebase_time="1.5")
    assert [packet.ticks for packet in wire.read_pcapng(moved)] == [1_500_000_000] * 3


def test_simple_packets_of_an_interface_whose_offset_counts_for_others(write: In) -> None:
    offset = write.options((wire.IF_TSOFFSET, write.number(T, 8)))
    capture = (
        write.section_header()
        + write.interface(options=offset)
        + write.enhanced_packet(0, 0, b"one")
        + write.simple_packet(b"one")
    )
    assert normalized(capture) == SHB + IDB + ONE + wire.enhanced_packet(0, 0, b"one")
    assert normalized(capture, sort=True) == SHB + IDB + wire.enhanced_packet(0, 0, b"one") + ONE


def test_obsolete_packets_are_enhanced_ones(write: In) -> None:
    stated = write.options((wire.PACK_HASH, bytes(5)), comment("c"), (wire.PACK_FLAGS, write.number(0b0110, 4)))
    capture = (
        write.section_header()
        + write.interface()
        + write.obsolete_packet(0, T * 10**6, b"one", original_length=7, drops_count=9, options=stated)
    )
    options = wire.options(comment("c"), (wire.EPB_FLAGS, wire.number(2, 4)))
    assert normalized(capture) == SHB + IDB + wire.enhanced_packet(0, NS, b"one", original_length=7, options=options)


@pytest.mark.parametrize("code", range(4, 9))
def test_an_obsolete_packets_unknown_options_do_not_become_known_ones(write: In, code: int) -> None:
    """Codes that only an Enhanced Packet Block gives a meaning: there they would be left out the second time."""
    stated = write.options((code, bytes(8)))
    capture = write.section_header() + write.interface() + write.obsolete_packet(0, 0, b"one", options=stated)
    once = normalized(capture, keep=["unknown"])
    assert normalized(once, keep=["unknown"]) == once
    assert once == SHB + IDB + wire.enhanced_packet(0, 0, b"one")


@pytest.mark.parametrize("magic", [wire.MICROSECONDS, wire.NANOSECONDS])
def test_pcap(write: In, magic: int) -> None:
    """A fraction of a second or more is time as any other."""
    units = 10**6 if magic == wire.MICROSECONDS else 10**9
    times = [(T, 0), (T, units - 1), (T, units + 5), (0, 0), (2**32 - 1, 2**32 - 1)]
    capture = write.pcap_header(magic, thiszone=3600, sigfigs=6, link_type_word=113, snaplen=99)
    capture += b"".join(write.pcap_record(*time, b"one", original_length=4) for time in times)
    assert normalized(capture) == (
        SHB
        + idb(link_type=113, snaplen=99)
        + b"".join(
            wire.enhanced_packet(0, seconds * 10**9 + fraction * (10**9 // units), b"one", original_length=4)
            for seconds, fraction in times
        )
    )


def test_modified_pcap(write: In) -> None:
    """Its interfaces say the same; of its packet types the direction stays."""
    capture = write.pcap_header(wire.MODIFIED)
    kinds = [(7, 0), (2, 4), (7, 1), (2, 2), (3, 3), (7, 9)]
    for index, kind in kinds:
        capture += write.pcap_record(T, 0, b"one", extra=write.modified_extra(index, packet_type=kind))
    directions = [1, 2, 1, 1, 1, 0]
    options = [[(wire.EPB_FLAGS, wire.number(each, 4))] if each else [] for each in directions]
    assert normalized(capture) == SHB + idb(snaplen=65535) + b"".join(
        wire.enhanced_packet(0, NS, b"one", options=wire.options(*each)) for each in options
    )


# ---------------------------------------------------------------- times

RESOLUTIONS = {  # if_tsresol: a tick count that is whole nanoseconds, and how many
    0: (T, NS),
    1: (7, 700_000_000),
    3: (1, 1_000_000),
    6: (LARGEST // 1000, LARGEST // 1000 * 1000),
    8: (3, 30),
    9: (LARGEST, LARGEST),
    10: (30, 3),
    12: (LARGEST // 1000 * 1000, LARGEST // 1000),
    18: (5 * 10**9, 5),
    0x80: (T, NS),
    0x81: (1, 500_000_000),
    0x89: (1, 1_953_125),
    0x8A: (2, 1_953_125),
    0xBF: (2**63, 10**9),
    0xBE: (2**53, 1_953_125),
}


def timed(write: In, resolution: int, offset: int | None, ticks: int) -> bytes:
    pairs = [(wire.IF_TSRESOL, bytes([resolution]))]
    pairs += [] if offset is None else [(wire.IF_TSOFFSET, write.number(offset, 8))]
    interface = write.interface(options=write.options(*pairs))
    return write.section_header() + interface + write.enhanced_packet(0, ticks, b"one")


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_every_resolution(write: In, resolution: int) -> None:
    ticks, time = RESOLUTIONS[resolution]
    assert normalized(timed(write, resolution, None, ticks)) == SHB + IDB + wire.enhanced_packet(0, time, b"one")


@pytest.mark.parametrize(("resolution", "ticks"), [(127, 0), (0xFF, 0), (19, 0), (0x80 | 64, 0)])
def test_resolutions_beyond_all_need(write: In, resolution: int, ticks: int) -> None:
    assert normalized(timed(write, resolution, T, ticks)) == SHB + IDB + ONE
    cut, report = reported(timed(write, resolution, T, 1), on_loss="ignore")
    assert (cut, report.losses) == (SHB + IDB + ONE, {"time-digits": 1})


@pytest.mark.parametrize("resolution", [3, 6, 9, 0x80])
@pytest.mark.parametrize("offset", [0, 1, -1, 2**33, T, -T])
def test_every_offset(write: In, resolution: int, offset: int) -> None:
    per_second = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    capture = timed(write, resolution, offset, (T + 1) * per_second)
    assert normalized(capture) == SHB + IDB + wire.enhanced_packet(0, (T + 1 + offset) * 10**9, b"one")


@pytest.mark.parametrize("resolution", [10, 12, 0x8A, 0x94, 0xBF])
def test_digits_finer_than_a_nanosecond_are_refused_or_cut(write: In, resolution: int) -> None:
    per_second = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    capture = timed(write, resolution, -1, per_second + 1)
    says = "input: packet 1: its time has digits finer than a nanosecond; on_loss='ignore' cuts them"
    for options in ({}, {"on_loss": "fail"}, {"sort": True}, {"rebase_time": "7"}):
        assert refused(capture, TargetError, **options) == says
    out, report = reported(capture, on_loss="ignore")
    assert out == SHB + IDB + wire.enhanced_packet(0, 10**9 // per_second, b"one")
    assert report.losses == {"time-digits": 1}
    moved, _ = reported(capture, on_loss="ignore", rebase_time="7")
    assert [packet.ticks for packet in wire.read_pcapng(moved)] == [7 * 10**9]


def test_cut_digits_cut_downwards(write: In) -> None:
    """As times before 1970 plus an offset are, and packets of the same nanosecond stay in their order."""
    pairs = [(wire.IF_TSRESOL, b"\x0a"), (wire.IF_TSOFFSET, write.number(-1, 8))]
    capture = write.section_header() + write.interface(options=write.options(*pairs))
    ticks = [10**10 + 19, 10**10 + 11, 10**10 + 9, 10**10 + 10]
    capture += b"".join(write.enhanced_packet(0, tick, bytes([n])) for n, tick in enumerate(ticks))
    out, report = reported(capture, on_loss="ignore", sort=True)
    assert out == SHB + IDB + b"".join(
        wire.enhanced_packet(0, time, bytes([n])) for n, time in ((2, 0), (0, 1), (1, 1), (3, 1))
    )
    assert report.losses == {"time-digits": 3}


def test_times_that_nanoseconds_do_not_hold_are_refused(write: In) -> None:
    early = timed(write, 6, -1, 999_999)
    assert refused(early, TargetError, on_loss="ignore") == (
        f"input: packet 1: its time would be -1000 ns since 1970; {HOLD}"
    )
    late = timed(write, 0, None, 18_446_744_074)
    assert refused(late, TargetError) == (
        f"input: packet 1: its time would be 18446744074000000000 ns since 1970; {HOLD}"
    )


def test_the_packet_that_is_refused_is_named(write: In) -> None:
    pairs = [(wire.IF_TSRESOL, b"\x0c")]
    capture = write.section_header() + write.interface() + write.interface(options=write.options(*pairs))
    capture += write.enhanced_packet(0, 1, b"one") * 2 + write.enhanced_packet(1, 1001, b"one")
    assert refused(capture, TargetError).startswith("input: packet 3: its time has digits ")


MALFORMED = [(wire.IF_TSRESOL, b""), (wire.IF_TSRESOL, b"\6\0"), (wire.IF_TSOFFSET, bytes(4))]


@pytest.mark.parametrize("pair", MALFORMED, ids=str)
def test_times_that_nobody_can_tell_are_refused(write: In, pair: Option) -> None:
    interface = write.interface(options=write.options(pair))
    capture = write.section_header() + interface + write.enhanced_packet(0, 5, b"one")
    for options in ({}, {"on_loss": "ignore"}, {"sort": True}, {"rebase_time": "0"}):
        assert refused(capture, FormatError, **options).startswith("input: packet 1: nobody can tell the times of ")
    unused = write.section_header() + interface + write.interface() + write.enhanced_packet(1, T * 10**6, b"one")
    assert normalized(unused) == SHB + IDB + ONE
    simple = write.section_header() + interface + write.simple_packet(b"one")
    assert normalized(simple) == SHB + IDB + wire.enhanced_packet(0, 0, b"one")


@pytest.mark.parametrize("pair", MALFORMED, ids=str)
def test_masked_times_need_not_be_told(write: In, pair: Option) -> None:
    interface = write.interface(options=write.options(pair))
    capture = write.section_header() + interface + write.enhanced_packet(0, 5, b"one")
    assert normalized(capture, mask_time=True) == SHB + IDB + wire.enhanced_packet(0, 1_000_000, b"one")


# ---------------------------------------------------------------- rebase, mask, sort


def three(write: In, *late: int) -> bytes:
    """Packets so many nanoseconds after T, of two interfaces."""
    capture = write.section_header()
    for pairs in ([NANO], [NANO, (wire.IF_TSOFFSET, write.number(1, 8))]):
        capture += write.interface(options=write.options((wire.IF_NAME, b"i"), *pairs))
    for number, each in enumerate(late):
        capture += write.enhanced_packet(number % 2, NS + each - number % 2 * 10**9, bytes([number]))
    return capture


def at(*times: tuple[int, int]) -> bytes:
    """The normal form of some of these packets, each with its time and number."""
    return (
        SHB
        + idb((wire.IF_NAME, b"i"))
        + b"".join(wire.enhanced_packet(0, time, bytes([number])) for number, time in times)
    )


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("0", 0),
        ("2024-05-01T12:00:00.000000001Z", NS + 1),
        ("2024-05-01T14:00:00+02:00", NS),
        ("18446744073.709551610", LARGEST - 5),
        ("12.5", 12_500_000_000),
    ],
)
def test_rebase_moves_all_with_the_first(write: In, text: str, start: int) -> None:
    assert normalized(three(write, 10, 11, 15), rebase_time=text) == at((0, start), (1, start + 1), (2, start + 5))
    assert normalized(three(write, 15, 10, 11), rebase_time=text, sort=True) == at(
        (1, start), (2, start + 1), (0, start + 5)
    )


def test_rebase_does_not_lead_out_of_range(write: In) -> None:
    low, high = three(write, 5, 4), three(write, 5, 6)
    assert refused(low, TargetError, rebase_time="0") == (
        f"input: packet 2: its time would be -1 ns since 1970; {HOLD}"
    )
    assert refused(high, TargetError, rebase_time="18446744073.709551615") == (
        f"input: packet 2: its time would be {2**64} ns since 1970; {HOLD}"
    )
    assert normalized(low, rebase_time="0", sort=True) == at((1, 0), (0, 1))


@pytest.mark.parametrize("sort", [False, True])
def test_rebase_brings_times_into_range(write: In, sort: bool) -> None:
    """Those before 1970, and those beyond what 64 bits hold."""
    for offset in (-(10**10), 2**35, -(2**40)):
        capture = timed(write, 0, offset, 3)
        assert normalized(capture, rebase_time="2", sort=sort) == (
            SHB + IDB + wire.enhanced_packet(0, 2 * 10**9, b"one")
        )


def test_rebase_without_packets(write: In) -> None:
    assert normalized(write.section_header() + write.interface(), rebase_time="12", sort=True) == SHB + IDB


@pytest.mark.parametrize(("options", "start"), [({}, 0), ({"rebase_time": "12.000000005"}, 12_000_000_005)])
def test_mask_puts_packets_a_millisecond_apart(write: In, options: dict[str, str], start: int) -> None:
    later = [start + n * 10**6 for n in (1, 2, 3)]
    assert normalized(three(write, 9, 5, 7), mask_time=True, **options) == at(*enumerate(later))
    assert normalized(three(write, 9, 5, 7), mask_time=True, sort=True, **options) == at(*zip((1, 2, 0), later))


def test_masked_times_may_be_any(write: In) -> None:
    simple = write.section_header() + write.interface() + write.simple_packet(b"one")
    captures = [timed(write, 12, None, 1), timed(write, 6, -5, 0), timed(write, 0, None, LARGEST), simple]
    for capture in captures:
        out, report = reported(capture, mask_time=True)
        assert out == SHB + IDB + wire.enhanced_packet(0, 10**6, b"one")
        assert report.losses == {}


def test_mask_goes_on_through_sections_and_batches(write: In) -> None:
    part = write.section_header() + write.interface() + write.enhanced_packet(0, 5, b"x") * 3
    part += write.block(UNKNOWN_BLOCK, b"body") + write.enhanced_packet(0, 5, b"x") * 2
    out = normalized(part * 4, mask_time=True)
    assert [packet.ticks for packet in wire.read_pcapng(out)] == [n * 10**6 for n in range(1, 21)]


def test_mask_does_not_lead_out_of_range(write: In) -> None:
    last = Fraction(LARGEST - 2 * 10**6, 10**9)
    capture = three(write, 1, 2)
    fits = normalized(capture, mask_time=True, rebase_time=expected.decimal(last))
    assert [packet.ticks for packet in wire.read_pcapng(fits)] == [LARGEST - 10**6, LARGEST]
    beyond = expected.decimal(last + Fraction(1, 10**9))
    assert refused(capture, TargetError, mask_time=True, rebase_time=beyond) == (
        "input: packet 1: mask_time=True leads beyond what nanoseconds can hold"
    )


def many(write: In, sections: int = 3) -> tuple[bytes, list[tuple[int, int, bytes, bytes]]]:
    """Packets in batches, with a few times many times over; and (time, interface, data, comment) of each."""
    capture, stated, number = b"", [], 0
    for section in range(sections):
        capture += write.section_header()
        capture += b"".join(write.interface(options=write.options((wire.IF_NAME, bytes([65 + n])))) for n in range(3))
        for _ in range(40):
            time, which = (number * 7919) % 23, (number * 31) % 3
            text = b"%d" % number if number % 5 == 0 else b""
            data = number.to_bytes(4, "big") * (number % 9)
            options = write.options((wire.OPT_COMMENT, text)) if text else b""
            capture += write.enhanced_packet(which, T * 10**6 + time, data, original_length=99, options=options)
            stated.append((NS + time * 1000, which, data, text))
            number += 1
            if number % 6 == section:
                capture += write.block(UNKNOWN_BLOCK, number.to_bytes(4, "big"))
    return capture, stated


@pytest.mark.parametrize("run", [0, 1, 700, 5000, 2**24])
def test_runs_that_do_not_fit_memory_are_merged(write: In, run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapconv.normalizing.sort._RUN", run)
    capture, stated = many(write)
    by_time = sorted(stated, key=lambda each: each[0])  # which is stable
    order = list(dict.fromkeys(each[1] for each in by_time))
    out = normalized(capture, sort=True)
    assert out == (
        SHB
        + b"".join(idb((wire.IF_NAME, bytes([65 + n]))) for n in order)
        + b"".join(
            wire.enhanced_packet(
                order.index(which),
                time,
                data,
                original_length=99,
                options=wire.options((wire.OPT_COMMENT, text)) if text else b"",
            )
            for time, which, data, text in by_time
        )
    )
    assert normalized(out, sort=True) == out == normalized(out)


@pytest.mark.parametrize("rows", [1, 2, 7, 50])
@pytest.mark.parametrize("piece", [1, 40, 150, 700])
@pytest.mark.usefixtures("kernels")
def test_runs_are_written_and_read_in_pieces(write: In, rows: int, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any size: runs, and what of each is in memory at once."""
    capture, _ = many(write)
    whole = normalized(capture, sort=True)
    monkeypatch.setattr("pcapconv.normalizing.sort._ROWS", rows)
    monkeypatch.setattr("pcapconv.normalizing.sort._PIECES", 0)
    monkeypatch.setattr("pcapconv.normalizing.sort._SMALLEST", piece)
    assert normalized(capture, sort=True) == whole


def test_batches_that_rise_each_by_itself_are_sorted(write: In) -> None:
    sections = [
        write.section_header()
        + write.interface(options=write.options(NANO))
        + b"".join(write.enhanced_packet(0, time, b"%d" % time) for time in times)
        for times in ((5, 6), (1, 2))
    ]
    packets = b"".join(wire.enhanced_packet(0, time, b"%d" % time) for time in (1, 2, 5, 6))
    assert normalized(b"".join(sections), sort=True) == SHB + IDB + packets


@given(
    times=st.lists(st.integers(0, 9), max_size=60),
    rows=st.integers(1, 20),
    piece=st.sampled_from([1, 36, 100, 300]),
)
def test_packets_of_the_same_time_stay_in_their_order(times: list[int], rows: int, piece: int) -> None:
    packets = [wire.enhanced_packet(0, time, b"%d" % number) for number, time in enumerate(times)]
    head = wire.section_header() + wire.interface(options=wire.options(NANO))
    ordered = [packets[number] for number in sorted(range(len(times)), key=times.__getitem__)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pcapconv.normalizing.sort._ROWS", rows)
        patch.setattr("pcapconv.normalizing.sort._PIECES", 0)
        patch.setattr("pcapconv.normalizing.sort._SMALLEST", piece)
        out = normalized(head + b"".join(packets), sort=True)
    assert out == SHB + IDB + b"".join(ordered)


@pytest.mark.parametrize("count", [2, 3, 7, 40])
def test_runs_of_long_packets_are_merged_a_few_at_a_time(
    write: In, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has one packet in memory at least."""
    monkeypatch.setattr("pcapconv.normalizing.sort._RUN", 1000)
    monkeypatch.setattr("pcapconv.normalizing.sort._PIECES", 2500)
    monkeypatch.setattr("pcapconv.normalizing.sort._SMALLEST", 100)
    monkeypatch.setattr("pcapconv.normalizing.sort._MOST_RUNS", 5)
    times = [number * 7 % 5 for number in range(count)]
    data = [bytes([number]) * (900 + number) for number in range(count)]
    capture = write.section_header() + write.interface(options=write.options(NANO))
    capture += b"".join(write.enhanced_packet(0, time, each) for time, each in zip(times, data))
    ordered = sorted(range(count), key=times.__getitem__)
    packets = [wire.enhanced_packet(0, times[number], data[number]) for number in ordered]
    assert normalized(capture, sort=True) == SHB + IDB + b"".join(packets)


def test_a_sorted_capture_stays_sorted_with_large_packets(write: In, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapconv.normalizing.sort._RUN", 100_000)
    capture = write.section_header() + write.interface(options=write.options(NANO))
    for number in range(12):
        capture += write.enhanced_packet(0, 11 - number, bytes([number]) * 200_000)
    packets = [wire.enhanced_packet(0, 11 - number, bytes([number]) * 200_000) for number in range(12)]
    assert normalized(capture, sort=True) == SHB + IDB + b"".join(reversed(packets))


# ---------------------------------------------------------------- kinds


def everything(write: In) -> bytes:
    """A capture with all kinds in all places."""
    said = [comment("c"), (wire.OPT_CUSTOM_TEXT, write.custom_value(PEN, b"t")), (UNKNOWN_OPTION, b"u")]
    host = [(wire.SHB_HARDWARE, b"hw"), (wire.SHB_OS, b"os"), (wire.SHB_USERAPPL, b"app")]
    return (
        write.section_header(options=write.options(*host, *said))
        + write.interface(options=write.options(*UNLIKE[:1], *ALIKE[:-2], *said))
        + write.names(wire.ipv4_name("192.0.2.1", "a"), options=write.options(comment("n")))
        + write.secrets(wire.TLS_KEY_LOG, b"key", options=write.options(*said))
        + write.custom(wire.CUSTOM_COPY, PEN, b"body")
        + write.enhanced_packet(0, T * 10**6, b"one", options=write.options(*said))
        + write.custom(wire.CUSTOM_DO_NOT_COPY, PEN, b"other")
        + write.block(UNKNOWN_BLOCK, b"body")
        + write.journal(b"a=b\n")
        + write.enhanced_packet(0, T * 10**6 + 1, b"two")
        + write.statistics(
            0,
            T * 10**6,
            options=write.options(
                comment("s"),
                (wire.ISB_USRDELIV, write.number(5, 8)),
                (wire.ISB_ENDTIME, write.halves(T * 10**6 + 1)),
                (wire.ISB_STARTTIME, write.halves(T * 10**6 - 1)),
                (wire.ISB_IFRECV, write.number(2**64 - 2, 8)),
            ),
        )
    )


def of_everything(*kinds: str, shift: int = 0, sort: bool = False) -> bytes:
    """Its normal form with these kinds."""

    def stated(*own: Option) -> bytes:
        said = {
            "comments": comment("c"),
            "custom": (wire.OPT_CUSTOM_TEXT, wire.custom_value(PEN, b"t")),
            "unknown": (UNKNOWN_OPTION, b"u"),
        }
        pairs = [pair for kind, pair in said.items() if kind in kinds]
        return wire.options(*sorted([*pairs, *own], key=lambda pair: pair[0]))

    def only(kind: str, *blocks: bytes) -> bytes:
        return b"".join(blocks) if kind in kinds else b""

    host = [(wire.SHB_HARDWARE, b"hw"), (wire.SHB_OS, b"os"), (wire.SHB_USERAPPL, b"app")]
    of_host = [(wire.IF_OS, b"os"), (wire.IF_HARDWARE, b"card")]
    addresses = [pair for pair in ALIKE if 4 <= pair[0] <= 7]
    first = wire.enhanced_packet(0, NS + shift, b"one", options=stated())
    second = wire.enhanced_packet(0, NS + shift + 1000, b"two")
    custom = only("custom", wire.custom(wire.CUSTOM_COPY, PEN, b"body"))
    others = only("custom", wire.custom(wire.CUSTOM_DO_NOT_COPY, PEN, b"other"))
    others += only("unknown", wire.block(UNKNOWN_BLOCK, b"body"), wire.journal(b"a=b\n"))
    interface = [(wire.IF_NAME, b"x"), NANO]
    interface += (of_host if "host" in kinds else []) + (addresses if "addresses" in kinds else [])
    note = [comment("n")] if "comments" in kinds else []
    counts = [
        *([comment("s")] if "comments" in kinds else []),
        (wire.ISB_STARTTIME, wire.halves(NS + shift - 1000)),
        (wire.ISB_ENDTIME, wire.halves(NS + shift + 1000)),
        (wire.ISB_IFRECV, wire.number(2**64 - 2, 8)),
        (wire.ISB_USRDELIV, wire.number(5, 8)),
    ]
    return (
        wire.section_header(options=stated(*(host if "host" in kinds else [])))
        + wire.interface(options=stated(*interface))
        + only("names", wire.names(wire.ipv4_name("192.0.2.1", "a"), options=wire.options(*note)))
        + only("secrets", wire.secrets(wire.TLS_KEY_LOG, b"key", options=stated()))
        + (first + second + custom + others if sort else custom + first + others + second)
        + only("statistics", wire.statistics(0, NS + shift, options=wire.options(*counts)))
    )


USUAL = ("comments", "names", "secrets")


@pytest.mark.usefixtures("kernels")
def test_what_is_kept_without_being_asked(write: In) -> None:
    assert normalized(everything(write)) == of_everything(*USUAL)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in USUAL])
def test_keep_adds_a_kind(write: In, kind: str) -> None:
    assert normalized(everything(write), keep=[kind]) == of_everything(*USUAL, kind)
    assert normalized(everything(write), keep=kind, strip=USUAL) == of_everything(kind)


@pytest.mark.parametrize("kind", USUAL)
def test_strip_takes_a_kind(write: In, kind: str) -> None:
    rest = [each for each in USUAL if each != kind]
    assert normalized(everything(write), strip=[kind]) == of_everything(*rest)
    every = [each for each in KINDS if each not in USUAL]
    assert normalized(everything(write), strip=kind, keep=[",".join(every)]) == of_everything(*rest, *every)


def test_keep_everything_and_nothing(write: In) -> None:
    capture = everything(write)
    assert normalized(capture, keep=KINDS) == of_everything(*KINDS)
    assert normalized(capture, strip=KINDS) == of_everything()
    assert normalized(capture, keep=["names", "host,host"], strip=["custom"]) == of_everything(*USUAL, "host")


def test_with_sort_other_blocks_stand_behind_the_packets(write: In) -> None:
    """Those before the first packet too: nothing of an order by place is left."""
    assert normalized(everything(write), keep=KINDS, sort=True) == of_everything(*KINDS, sort=True)


def test_statistics_move_as_packets_do(write: In) -> None:
    capture = everything(write)
    shifted = normalized(capture, keep=KINDS, rebase_time=str(T + 1))
    assert shifted == of_everything(*KINDS, shift=10**9)


@pytest.mark.parametrize("sort", [False, True])
def test_blocks_for_the_end_may_be_more_than_stay_in_memory(
    write: In, sort: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = ["statistics", "custom", "unknown"]
    capture = everything(write)
    blocks = [block.body for block in wire.read_blocks(normalized(capture, keep=keep, sort=sort))]
    monkeypatch.setattr("pcapconv.io.scratch_file._IN_MEMORY", 1)
    twice = [block.body for block in wire.read_blocks(normalized(capture * 2, keep=keep, sort=sort))]
    for block in set(blocks[-4:]):
        assert twice.count(block) == 2 * blocks.count(block)
    assert twice[-2:] == [blocks[-1]] * 2  # statistics


def test_more_options_than_memory_should_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapconv.normalizing.normal_form._MOST_OPTIONS", 3)
    stated = wire.options(*[comment("c")] * 4)
    head = wire.section_header() + wire.interface()
    for capture in (
        head + wire.enhanced_packet(0, 1, b"one", options=stated),
        wire.section_header(options=stated) + wire.interface(),
        head + wire.names(options=stated),
    ):
        assert "more than 3 options that are kept" in refused(capture, TargetError)
        normalized(capture, strip=["comments"])


def test_what_pcapconv_could_not_read_again_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Simple Packet's block grows when it becomes an Enhanced one."""
    limit = 2**20
    monkeypatch.setattr("pcapconv.formats.pcapng_writer.LARGEST_RECORD", limit)
    head = wire.section_header() + wire.interface(snaplen=0)
    normalized(head + wire.simple_packet(bytes(limit - 36)))
    says = f"input: packet 2: its block would have {limit + 4} bytes or so, more than the {limit} that pcapconv reads"
    assert says in refused(head + wire.simple_packet(b"q") + wire.simple_packet(bytes(limit - 32)), TargetError)


def test_statistics_of_interfaces_without_packets_go(write: In) -> None:
    capture = (
        write.section_header()
        + write.interface()
        + write.interface(options=write.options(NANO))
        + write.statistics(0, T)
        + write.statistics(1, NS)
        + write.statistics(7, NS)
        + write.enhanced_packet(1, NS, b"one")
        + write.statistics(1, NS + 1)
    )
    kept = wire.statistics(0, NS) + wire.statistics(0, NS + 1)
    assert normalized(capture, keep=["statistics"]) == SHB + IDB + ONE + kept


def test_a_comment_of_statistics_ends_before_its_first_zero_byte(write: In) -> None:
    head = write.section_header() + write.interface(options=write.options(NANO))
    capture = head + write.enhanced_packet(0, NS, b"one")
    for stated, kept in ((b"a\0b", b"a"), (b"\0", b""), (b"", b"")):
        counted = write.statistics(0, NS, options=write.options((wire.OPT_COMMENT, stated)))
        said = wire.statistics(0, NS, options=wire.options((wire.OPT_COMMENT, kept)))
        assert normalized(capture + counted, keep=["statistics"]) == SHB + IDB + ONE + said


def test_statistics_before_their_interface(write: In) -> None:
    """No sense, but a place in a file that can be."""
    interface = write.interface(options=write.options(NANO))
    capture = write.section_header() + write.statistics(0, NS) + interface + write.enhanced_packet(0, NS, b"one")
    assert normalized(capture, keep=["statistics"]) == SHB + IDB + ONE + wire.statistics(0, NS)


def test_statistics_whose_times_do_not_fit_are_refused(write: In) -> None:
    interface = write.interface(options=write.options((wire.IF_TSRESOL, b"\x0c")))
    head = write.section_header() + interface + write.enhanced_packet(0, 1000, b"one")
    fine = (wire.ISB_ENDTIME, write.halves(1001))
    says = (
        "nanoseconds cannot hold the times of this statistics block, moved as the packets are; do not keep='statistics'"
    )
    for block in (write.statistics(0, 1), write.statistics(0, 1000, options=write.options(fine))):
        capture = head + block
        assert refused(capture, TargetError, keep=["statistics"]) == f"input: offset {len(head)}: {says}"
        assert normalized(capture) == SHB + IDB + wire.enhanced_packet(0, 1, b"one")
        cut = normalized(capture, keep=["statistics"], on_loss="ignore")
        assert cut.startswith(SHB + IDB + wire.enhanced_packet(0, 1, b"one"))
        assert struct.unpack_from("<II", cut, len(cut) - len(block) + 12) in ((0, 0), (0, 1))


def test_kinds_distinguish_interfaces(write: In) -> None:
    capture = write.section_header()
    for name in (b"linux", b"other"):
        capture += write.interface(options=write.options((wire.IF_OS, name), NANO))
    capture += b"".join(write.enhanced_packet(n, NS, b"one") for n in (0, 1))
    assert normalized(capture) == SHB + IDB + ONE * 2
    assert normalized(capture, keep=["host"]) == (
        SHB + idb((wire.IF_OS, b"linux")) + idb((wire.IF_OS, b"other")) + ONE + wire.enhanced_packet(1, NS, b"one")
    )


def test_contents_of_unknown_blocks_stay_as_they_are(write: In) -> None:
    blocks = [(UNKNOWN_BLOCK, b""), (0x00000BAE, b"\1\2\3\4\5\6\7\x08"), (0xFFFFFFFF, b"\xff" * 400)]
    capture = write.section_header() + b"".join(write.block(*each) for each in blocks)
    assert normalized(capture, keep=["unknown"]) == SHB + b"".join(wire.block(*each) for each in blocks)
    assert normalized(capture) == SHB


@pytest.mark.parametrize("kind", [wire.CUSTOM_COPY, wire.CUSTOM_DO_NOT_COPY])
def test_of_custom_blocks_only_the_enterprise_number_changes_its_byte_order(write: In, kind: int) -> None:
    data = b"\1\2\3\4" + write.options(comment("in the byte order of nobody knows what"))
    capture = write.section_header() + write.custom(kind, PEN, data) + write.block(kind, b"")
    assert normalized(capture, keep=["custom"]) == SHB + wire.custom(kind, PEN, data) + wire.block(kind, b"")


# ---------------------------------------------------------------- options that make no sense


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"keep": ["host", "hosts"]},
            "keep='hosts': the kinds are comments, names, statistics, secrets, custom, unknown, host, addresses",
        ),
        (
            {"strip": "names,"},
            "strip='': the kinds are comments, names, statistics, secrets, custom, unknown, host, addresses",
        ),
        ({"keep": ["host,names"], "strip": ["names"]}, "keep= and strip='names': it can be only one of them"),
        (
            {"rebase_time": "+1h"},
            "rebase_time='+1h': write a time from 1970 on in whole nanoseconds, as in 2024-05-01T12:00:00Z",
        ),
        (
            {"rebase_time": "-1"},
            "rebase_time='-1': write a time from 1970 on in whole nanoseconds, as in 2024-05-01T12:00:00Z",
        ),
        (
            {"rebase_time": "0.0000000001"},
            "rebase_time='0.0000000001': write a time from 1970 on in whole nanoseconds, as in 2024-05-01T12:00:00Z",
        ),
        (
            {"rebase_time": "18446744073.709551616"},
            "rebase_time='18446744073.709551616': "
            "write a time from 1970 on in whole nanoseconds, as in 2024-05-01T12:00:00Z",
        ),
        (
            {"rebase_time": "noon", "mask_time": True},
            "rebase_time='noon': not a time; write 2024-05-01T12:00:00Z, 1714564800.25 or +1h30m",
        ),
        ({"to": "pcapx"}, "to='pcapx': the format is one of pcap, pcapng"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], says: str) -> None:
    assert refused(SHB + IDB + ONE, UsageError, **options) == says


def test_another_on_loss_is_refused() -> None:
    assert "on_loss='perhaps': must be one of" in refused(SHB, UsageError, on_loss="perhaps")


# ---------------------------------------------------------------- --to pcap and names of files


def test_pcap_is_little_endian_in_nanoseconds(write: In) -> None:
    for capture in (
        write.section_header() + write.interface(snaplen=99) + write.enhanced_packet(0, T * 10**6 + 3, b"one"),
        write.pcap_header(snaplen=99, thiszone=7) + write.pcap_record(T, 3, b"one"),
    ):
        out, report = reported(capture, to="pcap")
        assert out == wire.pcap_header(wire.NANOSECONDS, snaplen=99) + wire.pcap_record(T, 3000, b"one")
        assert report.losses == {}
        assert normalized(out, to="pcap") == out


def test_a_pcap_file_without_packets_counts_in_nanoseconds_too(write: In) -> None:
    for capture in (write.section_header(), write.pcap_header(), write.pcap_header(wire.NANOSECONDS)):
        out = normalized(capture, to="pcap")
        header = wire.read_pcap_header(out)
        assert (header.magic, header.byte_order, header.version, len(out)) == (
            wire.NANOSECONDS,
            LITTLE,
            (2, 4),
            24,
        )
        assert normalized(out, to="pcap") == out


def test_what_pcap_cannot_hold_is_reported(write: In) -> None:
    out, report = reported(everything(write), to="pcap")
    assert report.losses == {
        "comments": 5,
        "names": 1,
        "secrets": 1,
        "interface-options": 1,
    }
    assert [packet.ticks for packet in wire.read_pcap(out)] == [NS, NS + 1000]
    with pytest.raises(LossError):
        normalized(everything(write), to="pcap", on_loss="fail")
    assert normalized(everything(write), to="pcap", strip=USUAL) == out


def test_times_that_pcap_does_not_hold_are_refused(write: In) -> None:
    late = timed(write, 0, None, 2**32)
    assert "packet 1" in refused(late, TargetError, to="pcap")
    assert [each.ticks for each in wire.read_pcap(normalized(late, to="pcap", rebase_time="1"))] == [10**9]


def test_link_types_that_pcap_does_not_hold_are_refused(write: In) -> None:
    capture = write.section_header() + write.interface(1) + write.interface(113)
    assert wire.read_pcap(normalized(capture + write.enhanced_packet(1, 0, b"one"), to="pcap"))
    both = capture + write.enhanced_packet(1, 0, b"one") + write.enhanced_packet(0, 0, b"one")
    assert "2 link types" in refused(both, TargetError, to="pcap")


@every_sample
def test_pcap_is_the_same_capture_converted(path: Path) -> None:
    capture = path.read_bytes()
    for options in ({"sort": True}, {"mask_time": True, "strip": USUAL}):
        try:
            whole = normalized(capture, on_loss="ignore", **options)
            wanted, _ = converted(whole, "pcap", nanoseconds=True)
        except (TargetError, FormatError) as error:
            with pytest.raises(type(error)):
                normalized(capture, on_loss="ignore", to="pcap", **options)
            continue
        # Whatever else a capture says: `convert` gives the one snaplen of a capture that loses nothing back as it was.
        limits = [interface.snaplen for interface in wire.read_interfaces(whole)]
        limit = 262144 if not all(limits) else max(limits, default=int.from_bytes(wanted[16:20], "little"))
        snaplen = max(limit, *(len(packet.data) for packet in wire.read_pcapng(whole)), 0)
        wanted = wanted[:16] + wire.number(snaplen, 4) + wanted[20:]
        assert normalized(capture, on_loss="ignore", to="pcap", **options) == wanted


@pytest.mark.parametrize(("snaplen", "stated"), [(0, 262144), (3, 262144), (5, 5), (70, 70)])
@pytest.mark.parametrize("options", [b"", wire.options(comment("c"))])
def test_the_snaplen_of_pcap_depends_on_nothing_that_it_cannot_hold(snaplen: int, stated: int, options: bytes) -> None:
    capture = wire.section_header() + wire.interface(1, snaplen, options=options) + wire.enhanced_packet(0, 1, b"hello")
    assert wire.read_pcap_header(normalized(capture, to="pcap", on_loss="ignore")).snaplen == stated


@pytest.mark.parametrize(
    ("name", "to", "format_name"),
    [
        ("out.pcap", None, "pcap"),
        ("out.CAP", None, "pcap"),
        ("out.pcapng", None, "pcapng"),
        ("out.ntar", None, "pcapng"),
        ("out", None, "pcapng"),
        ("out.golden", None, "pcapng"),
        ("out.golden", "pcap", "pcap"),
        ("out.pcap", "pcapng", "pcapng"),
    ],
)
def test_the_format_is_pcapng_unless_the_name_says_pcap(
    tmp_path: Path, name: str, to: str | None, format_name: str
) -> None:
    path = tmp_path / name
    report = pcapconv.normalize(io.BytesIO(SHB + IDB + ONE), path, to=to)
    assert report.target_format == format_name
    assert expected.is_pcapng(path.read_bytes()) == (format_name == "pcapng")
    assert check_normal_form(path, to=to) == []


def test_files_as_convert_has_them(tmp_path: Path) -> None:
    source, out = tmp_path / "in.pcapng", tmp_path / "out.pcapng"
    source.write_bytes(wire.section_header(byte_order=BIG) + In(BIG).interface())
    out.write_bytes(b"old")
    with pytest.raises(FileError, match=r"exists already; force=True"):
        pcapconv.normalize(source, out)
    assert out.read_bytes() == b"old"
    pcapconv.normalize(source, out, force=True)
    assert out.read_bytes() == SHB + IDB
    pcapconv.normalize(source, source, force=True)
    assert source.read_bytes() == SHB + IDB
    with pytest.raises(FileError):
        pcapconv.normalize(tmp_path / "none", out, force=True)
    with pytest.raises(FileError):
        check_normal_form(tmp_path / "none")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.pcapng", "out.pcapng"]


# ---------------------------------------------------------------- the second implementation


def agrees(capture: bytes, asked: Asked) -> str:
    """The normal form is what the second implementation makes of it, or both refuse; which it was."""
    try:
        told = normal(capture, asked)
    except ValueError:
        with pytest.raises((TargetError, FormatError)):
            normalized(capture, **asked.options())
        return "refused"
    out, report = reported(capture, **asked.options())
    assert out == told.capture
    assert report.losses == told.losses
    assert report.packets_read == report.packets_written == len(told.packets)
    return "written"


WAYS = [
    Asked(cut=True),
    Asked(sort=True, cut=True),
    Asked(rebase=10**18, cut=True),
    Asked(rebase=10**18, sort=True, cut=True, keep=frozenset({"statistics"})),
    Asked(mask=True),
    Asked(mask=True, rebase=5, sort=True, cut=True),
    Asked(keep=frozenset(KINDS), cut=True),
    Asked(keep=frozenset({"custom", "unknown"}), sort=True, cut=True),
    Asked(strip=frozenset(KINDS)),
    Asked(keep=frozenset({"host", "addresses"}), strip=frozenset({"comments"}), cut=True),
    Asked(),
]


@every_sample
def test_samples_agree(path: Path) -> None:
    if stem(path) in DAMAGED:
        assert damage_of(reported(path.read_bytes(), on_loss="ignore")[1])
        return
    capture = path.read_bytes()
    assert {agrees(capture, asked) for asked in WAYS} >= {"written"}


def test_a_corpus_file_agrees(corpus_file: Path) -> None:
    capture = corpus_file.read_bytes()
    try:
        _, report = reported(capture, on_loss="ignore", mask_time=True)
        if report.damage:
            return
    except PcapconvError:
        return
    for asked in WAYS:
        agrees(capture, asked)


PAIRS: st.SearchStrategy[list[Option]] = st.lists(
    st.tuples(
        st.sampled_from([1, 1, *range(1, 19), 999, 2988, 2989, 19372, 19373, 0x8001, 0xFFFF]),
        st.sampled_from([b"", b"\0", b"abc", b"abcd", b"\1\0\0\0", bytes(8)]),
    ),
    max_size=4,
)
TIMING = (wire.IF_TSRESOL, wire.IF_TSOFFSET)
RECORDS = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 2, 3, 4, 9]),
        st.sampled_from([b"\xc0\0\2\1", b"\xc0", bytes(16)]),
        st.sampled_from([b"", b"a\0", b"b\0a\0", b"a\0\0b", b"\xff\0"]),
    ).map(lambda record: (record[0], record[1] + record[2])),
    max_size=4,
)
KIND_SETS = st.frozensets(st.sampled_from(KINDS))
ASKED = st.builds(
    lambda kinds, other, sort, rebase, mask, cut: Asked(kinds - other, other - kinds, sort, rebase, mask, cut),
    KIND_SETS,
    KIND_SETS,
    st.booleans(),
    st.sampled_from([None, None, 0, 10**18]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([True, True, False]),
)


@st.composite
def rich(draw: st.DrawFn) -> bytes:
    """Captures whose metadata says much, in sections of any byte order, with any options anywhere."""
    capture = b""
    for _ in range(draw(st.integers(1, 3))):
        write = In(draw(st.sampled_from([LITTLE, BIG])))

        def options(write: In = write, *own: Option, without: tuple[int, ...] = ()) -> bytes:
            pairs = [pair for pair in draw(PAIRS) if pair[0] not in without]
            return write.options(*own, *pairs, end=draw(st.booleans()))

        capture += write.section_header(options=options(), section_length=draw(st.sampled_from([-1, 0])))
        count = draw(st.integers(1, 3))
        for _ in range(count):
            timing: list[Option] = draw(
                st.sampled_from(
                    [
                        [],
                        [NANO],
                        [NANO],
                        [(wire.IF_TSRESOL, b"\x0c")],
                        [(wire.IF_TSRESOL, b"\0"), (wire.IF_TSOFFSET, write.number(-5, 8))],
                        [(wire.IF_TSOFFSET, bytes(4))],
                    ]
                )
            )
            capture += write.interface(
                draw(st.sampled_from([1, 1, 1, 113])),
                draw(st.sampled_from([262144, 262144, 0, 64])),
                reserved=draw(st.sampled_from([0, 9])),
                options=options(write, *timing, without=TIMING),
            )
        for kind in draw(st.lists(st.sampled_from("eeeeeoonnkstcu"), max_size=8)):
            place, ticks = draw(st.integers(0, count - 1)), draw(st.sampled_from([0, 1, 10**6, 10**12, 10**12 + 7]))
            if kind == "e":
                capture += write.enhanced_packet(place, ticks, b"data", options=options())
            elif kind == "o":
                capture += write.obsolete_packet(place, ticks, b"data!", drops_count=2, options=options())
            elif kind == "n":
                capture += write.names(*draw(RECORDS), options=options())
            elif kind == "k":
                log = draw(st.sampled_from([b"key", b"keys"]))
                capture += write.secrets(wire.TLS_KEY_LOG, log, options=options())
            elif kind == "s":
                capture += write.simple_packet(b"simple")
            elif kind == "t":
                capture += write.statistics(place, ticks, options=options())
            elif kind == "c":
                capture += write.custom(draw(st.sampled_from([0xBAD, 0x40000BAD])), PEN, b"data", options=options())
            else:
                capture += write.block(draw(st.sampled_from([9, 0xB0B, 0x80000001])), b"body")
    return capture


@settings(max_examples=80)
@given(capture=rich(), asked=ASKED)
def test_captures_rich_in_metadata_agree(capture: bytes, asked: Asked) -> None:
    agrees(capture, asked)


@settings(max_examples=40)
@given(capture=st.one_of(made_pcapng(finest=False), made_pcap()), asked=ASKED)
def test_made_captures_agree(capture: bytes, asked: Asked) -> None:
    agrees(capture, asked)


# ---------------------------------------------------------------- twice is once


def is_stable(capture: bytes, **options: Any) -> None:
    """Normalised once more, a normal form stays, and `check` says so. What has none is refused."""
    try:
        once, report = reported(capture, **options)
    except (TargetError, FormatError) as error:
        if isinstance(error, NotACaptureError):
            raise
        return
    twice, again = reported(once, **options)
    assert twice == once
    assert (again.packets_read, again.packets_written) == (report.packets_written, report.packets_written)
    assert again.damage == []
    if again.packets_read:  # a pcap file without has an interface all the same
        assert again.left_out == {}
    assert checked(once, **options) == []
    if once != capture and not report.damage:  # of a damaged capture, what could be read may be normal
        assert checked(capture, **options)


SWITCHES: dict[str, list[dict[str, Any]]] = {  # one of each
    **{kind: [{"keep": kind}, {"strip": kind}] for kind in KINDS},
    "sort": [{}, {"sort": True}],
    "rebase": [{}, {"rebase_time": "1234567890.5"}],
    "mask": [{}, {"mask_time": True}],
    "loss": [{"on_loss": "ignore"}, {}],
    "to": [{}, {"to": "pcap"}],
}


def combined(*choices: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {"keep": [], "strip": []}
    for choice in choices:
        for name, value in choice.items():
            if name in ("keep", "strip"):
                options[name].append(value)
            else:
                options[name] = value
    return options


EVERY = [combined(*choices) for choices in product(*SWITCHES.values())]


def covering() -> list[tuple[int, ...]]:
    """Some of all combinations, among which any two switches stand in all ways: each is the sum of other bits."""
    return [
        tuple((row & mask).bit_count() % 2 for mask in range(1, 1 + len(SWITCHES)))
        for row in range(16)  # four bits are enough for fifteen switches
    ]


PAIRWISE = [combined(*(ways[n] for ways, n in zip(SWITCHES.values(), row))) for row in covering()]


def test_any_two_switches_stand_in_all_ways() -> None:
    for one, two in permutations(range(len(SWITCHES)), 2):
        assert {(row[one], row[two]) for row in covering()} == {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("path", [path for path in SAMPLES if "-le." not in path.name], ids=lambda path: path.name)
def test_twice_is_once_for_samples(path: Path) -> None:
    """Half of the combinations for each, in turn."""
    capture = path.read_bytes()
    for options in PAIRWISE[SAMPLES.index(path) // 2 % 2 :: 2]:
        is_stable(capture, **options)


def test_twice_is_once_for_every_set_of_kinds() -> None:
    """Each with some of the other options, in turn."""
    capture = everything(In(BIG))
    kinds = list(product(*list(SWITCHES.values())[: len(KINDS)]))
    others = list(product(*list(SWITCHES.values())[len(KINDS) :]))
    for number, choices in enumerate(kinds):
        options = combined(*choices, *others[number * 5 % len(others)])
        once = normalized(capture, **options)
        assert normalized(once, **options) == once


@pytest.mark.parametrize("kinds", [{}, {"keep": KINDS}, {"strip": KINDS}], ids=["usual", "all", "none"])
def test_twice_is_once_for_every_set_of_other_options(kinds: dict[str, Any]) -> None:
    capture = everything(In(LITTLE))
    for choices in product(*list(SWITCHES.values())[len(KINDS) :]):
        options = {**combined(*choices), **kinds}
        once = normalized(capture, **options)
        assert normalized(once, **options) == once


def test_twice_is_once_for_a_corpus_file(corpus_file: Path) -> None:
    capture = corpus_file.read_bytes()
    for options in PAIRWISE:
        try:
            is_stable(capture, **options)
        except NotACaptureError:
            return


@settings(max_examples=40)
@given(capture=rich(), options=st.sampled_from(EVERY))
def test_twice_is_once_for_captures_rich_in_metadata(capture: bytes, options: dict[str, Any]) -> None:
    is_stable(capture, **options)


# ---------------------------------------------------------------- the same capture, written otherwise


def normal_of(packets: list[Said]) -> bytes:
    order = list(dict.fromkeys(packet.interface for packet in packets)) or [0]
    out = SHB + b"".join(idb((wire.IF_NAME, b"if%d" % n), link_type=1 + n, snaplen=64 * n) for n in order)
    for packet in packets:
        own: list[Option] = [comment(text) for text in packet.comments]
        own += [(wire.EPB_FLAGS, wire.number(packet.direction, 4))] if packet.direction else []
        out += wire.enhanced_packet(
            order.index(packet.interface),
            packet.time,
            packet.data,
            original_length=packet.original_length,
            options=wire.options(*own),
        )
    return out


@settings(max_examples=30)
@given(data=st.data(), packets=st.lists(FULL, max_size=6))
def test_whoever_wrote_it_the_bytes_are_the_same(data: st.DataObject, packets: list[Said]) -> None:
    capture = data.draw(written(packets))
    assert normalized(capture) == normal_of(packets)
    by_time = sorted(packets, key=lambda packet: packet.time)
    assert normalized(capture, sort=True) == normal_of(by_time)
    masked = [packet._replace(time=n * 10**6) for n, packet in enumerate(packets, 1)]
    assert normalized(capture, mask_time=True) == normal_of(masked)


@settings(max_examples=20)
@given(packets=st.lists(PLAIN, min_size=1, max_size=6))
def test_in_both_formats_and_byte_orders_the_bytes_are_the_same(packets: list[Said]) -> None:
    packets = [packet._replace(time=packet.time % (2**32 * 10**9)) for packet in packets]
    captures = plainly_written(packets)
    for to in ("pcap", "pcapng"):
        assert len({normalized(capture, to=to) for capture in captures}) == 1


OWN_ORDER = {"secrets"}  # holds a number within a key log, of which nobody can tell
TWICE = [path for path in SAMPLES if path.stem.endswith("-le") and stem(path) not in OWN_ORDER]


@pytest.mark.parametrize("path", TWICE, ids=lambda path: path.name)
def test_both_byte_orders_of_a_sample_are_the_same(path: Path) -> None:
    other = path.with_name(path.name.replace("-le.", "-be."))
    for asked in (Asked(cut=True), Asked(mask=True), Asked(cut=True, sort=True, keep=frozenset({"host", "addresses"}))):
        forms: list[bytes | str] = []
        for each in (path, other):
            try:
                forms.append(normalized(each.read_bytes(), **asked.options()))
            except (TargetError, FormatError) as error:
                forms.append(str(error))
        assert forms[0] == forms[1]


# ---------------------------------------------------------------- damage and pipes


def test_of_a_damaged_capture_the_rest_is_normalised(write: In) -> None:
    head = write.section_header() + write.interface()
    whole = head + write.enhanced_packet(0, T * 10**6, b"one") + write.enhanced_packet(0, T * 10**6, b"two")
    cut = whole[:-4]
    at = len(whole) - len(write.enhanced_packet(0, 0, b"two"))
    out, report = reported(cut)
    assert out == SHB + IDB + ONE
    assert damage_of(report) == [(at, 2, len(cut) - at)]
    target = io.BytesIO()
    with pytest.raises(DamageError, match=f"offset {at} "):
        pcapconv.normalize(io.BytesIO(cut), target, strict=True)
    assert target.getvalue() == b""
    with pytest.raises(DamageError):
        checked(cut, strict=True)
    assert checked(cut) != []


def test_a_packet_that_is_lost_leaves_the_others_and_their_interfaces(write: In) -> None:
    head = write.section_header() + write.interface() + write.interface(113)
    lost = write.enhanced_packet(1, 5, b"x", captured_length=400)
    capture = head + lost + write.enhanced_packet(0, T * 10**6, b"one") + write.enhanced_packet(5, 0, b"none")
    out, report = reported(capture, sort=True)
    assert out == SHB + IDB + ONE
    assert [each.packet_number for each in report.damage] == [1, 2]


@every_sample
def test_a_sample_cut_anywhere_ends_well(path: Path) -> None:
    capture = path.read_bytes()
    for size in {1, 7, len(capture) // 3, len(capture) // 2, len(capture) - 3, len(capture) - 40}:
        try:
            once, _ = reported(capture[: max(0, size)], keep=KINDS, on_loss="ignore")
        except PcapconvError:
            continue
        assert normalized(once, keep=KINDS, on_loss="ignore") == once


@settings(max_examples=40)
@given(data=st.data())
def test_damage_anywhere_ends_well(data: st.DataObject) -> None:
    """Whatever a byte becomes, there is a normal form, or it is refused in words."""
    capture = bytearray(everything(In(data.draw(st.sampled_from([LITTLE, BIG])))))
    for _ in range(data.draw(st.integers(1, 3))):
        capture[data.draw(st.integers(0, len(capture) - 1))] = data.draw(st.sampled_from([0, 1, 2, 4, 9, 0x7F, 0xFF]))
    options = data.draw(st.sampled_from(EVERY))
    try:
        once, _ = reported(bytes(capture), **options)
    except PcapconvError:
        return
    assert normalized(once, **options) == once


def test_what_is_not_a_capture_is_refused() -> None:
    for capture in (b"", b"some text that is no capture"):
        refused(capture, NotACaptureError)
    assert "in its first block" in refused(SHB[:8], FormatError)


@pytest.mark.parametrize("to", ["pcapng", "pcap"])
@pytest.mark.parametrize("options", [{}, {"sort": True}, {"strict": True}, {"mask_time": True, "keep": KINDS}], ids=str)
def test_pipes_carry_the_same_bytes(write: In, options: dict[str, Any], to: str) -> None:
    """A form does not depend on whether one can go back in the output."""
    said = write.options(comment("c"))
    unlimited = write.section_header() + write.interface(snaplen=0) + write.enhanced_packet(0, 5, b"x", options=said)
    short = write.pcap_header(snaplen=2) + write.pcap_record(T, 0, b"longer")
    for capture in (everything(write), unlimited, short, SHB, everything(write) + unlimited):
        pieces, sink = Pipe(capture[at : at + 97] for at in range(0, len(capture), 97)), Sink()
        report = pcapconv.normalize(cast(BinaryIO, pieces), cast(BinaryIO, sink), to=to, **options)
        assert bytes(sink.taken) == normalized(capture, to=to, **options)
        assert report.packets_written == len(expected.packets(capture))


def test_check_of_a_pipe() -> None:
    for capture, reasons in ((SHB + IDB + ONE, []), (SHB + IDB * 2, ["it has 1 interface without packets"])):
        pieces = Pipe(capture[at : at + 7] for at in range(0, len(capture), 7))
        assert check_normal_form(cast(BinaryIO, pieces)) == reasons


def test_progress_is_told() -> None:
    seen: list[int] = []
    normalized(SHB + IDB + ONE * 3, progress=seen.append)
    assert seen
    assert max(seen) <= len(SHB + IDB + ONE * 3)


# ---------------------------------------------------------------- check


def test_a_normal_form_has_no_reasons(write: In) -> None:
    assert checked(of_everything(*USUAL)) == []
    assert checked(of_everything(*KINDS), keep=KINDS) == []
    assert checked(wire.pcap_header(wire.NANOSECONDS) + wire.pcap_record(T, 0, b"one"), to="pcap") == []
    assert checked(everything(write)) != []


BIG_SHB = wire.section_header(byte_order=BIG)


@pytest.mark.parametrize(
    ("capture", "options", "reasons"),
    [
        (BIG_SHB, {}, ["it is big-endian"]),
        (wire.section_header(version=(1, 2)), {}, ["its version is 1.2"]),
        (wire.section_header(section_length=0), {}, ["it states a section length"]),
        (SHB * 3, {}, ["it has 3 sections"]),
        (
            SHB + wire.interface() * 2,
            {},
            ["times count in 10^-6 s, not in nanoseconds", "it has 1 interface without packets"],
        ),
        (
            SHB
            + wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x94")))
            + wire.enhanced_packet(0, 2**20, b"x"),
            {},
            ["times count in 2^-20 s, not in nanoseconds"],
        ),
        (
            SHB + IDB + wire.simple_packet(b"x") + wire.obsolete_packet(0, 0, b"x"),
            {},
            ["it has Simple or obsolete Packet Blocks"],
        ),
        (SHB + IDB + IDB + ONE, {}, ["it has 1 interface without packets"]),
        (
            wire.section_header(options=wire.options((wire.SHB_OS, b"x"), (wire.SHB_USERAPPL, b"x"))),
            {},
            ["it has 2 options about the host"],
        ),
        (
            of_everything(*KINDS),
            {},
            [
                "it has 1 statistics block, 6 custom blocks and options, 6 unknown blocks and options, "
                "5 options about the host, 4 interface addresses"
            ],
        ),
        (of_everything(*USUAL), {"strip": "comments"}, ["it has 5 comments"]),
        (of_everything(*USUAL), {"strip": "names,secrets"}, ["it has 1 block of names, 1 secrets block"]),
        (
            SHB + IDB + wire.enhanced_packet(0, 0, b"x", options=wire.options((wire.EPB_PACKETID, bytes(8)))),
            {},
            ["it has 1 option that differs by run"],
        ),
        (
            SHB + IDB + wire.enhanced_packet(0, 5, b"x") + wire.enhanced_packet(0, 4, b"y"),
            {"sort": True},
            ["its packets are not in the order of their times"],
        ),
        (
            SHB + wire.names(wire.ipv4_name("192.0.2.1", "a"), end=False),
            {},
            ["its bytes differ from offset 32 on: other times, another order, padding or repetition"],
        ),
        (SHB + IDB + ONE, {"to": "pcap"}, ["it is pcapng, not pcap"]),
        (wire.pcap_header(), {}, ["it is pcap, not pcapng"]),
        (
            wire.pcap_header(byte_order=BIG) + wire.pcap_record(0, 0, b"x", byte_order=BIG),
            {"to": "pcap"},
            ["it is big-endian", "times count in 10^-6 s, not in nanoseconds"],
        ),
        (SHB + IDB + ONE, {"rebase_time": str(T)}, []),
        (
            SHB + IDB + ONE,
            {"rebase_time": "0"},
            ["its first packet is at 2024-05-01T12:00:00.000000000Z, not at 1970-01-01T00:00:00.000000000Z"],
        ),
    ],
)
def test_the_reasons(capture: bytes, options: dict[str, Any], reasons: list[str]) -> None:
    assert checked(capture, **options) == reasons


def test_a_repetition_at_the_end_has_a_place() -> None:
    """Something too much, of which nothing else can be said."""
    twice = SHB + wire.secrets(wire.TLS_KEY_LOG, b"x") * 2
    assert checked(twice) == ["its bytes differ at its end: other times, another order, padding or repetition"]


def test_a_difference_far_in_has_its_offset() -> None:
    """Beyond the blocks in which files are compared."""
    packets = wire.enhanced_packet(0, 5, bytes(60_000)) * 6
    odd = wire.enhanced_packet(0, 5, b"odd").replace(b"odd\0", b"odd\1")
    capture = SHB + IDB + packets + odd
    place = len(SHB + IDB + packets) + 31
    assert checked(capture) == [
        f"its bytes differ from offset {place} on: other times, another order, padding or repetition"
    ]


def test_check_leaves_files_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    path.write_bytes(BIG_SHB)
    before = path.stat()
    assert check_normal_form(path) == ["it is big-endian"]
    assert (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes()) == (
        before.st_mtime_ns,
        before.st_ino,
        BIG_SHB,
    )
    assert list(tmp_path.iterdir()) == [path]


# ---------------------------------------------------------------- other programs

JUDGED = ("web.pcapng", "obsolete-be.pcapng", "modified-be.pcap")


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", JUDGED)
def test_wireshark_reads_the_normal_form(name: str, tmp_path: Path) -> None:
    capture = (Path(__file__).parent / "samples" / name).read_bytes()
    told = normal(capture, Asked(cut=True))
    path = tmp_path / "normal.pcapng"
    path.write_bytes(normalized(capture, on_loss="ignore"))
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.cap_len"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(int(Fraction(time) * 10**9), int(length)) for time, length in rows] == [
        (packet.time, len(packet.data)) for packet in told.packets
    ]
