"""Packets from Python: fields, times, options, edited copies; they can be kept, hashed and pickled."""

import copy
import gc
import io
import pickle
import tracemalloc
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import wire
from wire import LITTLE, In

import pcapconv
from pcapconv import Packet
from pcapconv.model import PacketBatch

T = 1_714_564_800
NANO = (wire.IF_TSRESOL, b"\x09")


def in_capture(*blocks: bytes) -> list[Packet]:
    with pcapconv.open(io.BytesIO(b"".join(blocks))) as capture:
        return list(capture)


def one_packet(write: In, *pairs: tuple[int, bytes]) -> Packet:
    """A packet with these options, in nanoseconds, of which 4 bytes of 9 were captured."""
    found = in_capture(
        write.section_header(),
        write.interface(options=write.options(NANO, (wire.IF_NAME, b"eth0"))),
        write.enhanced_packet(0, T * 10**9 + 7, b"four", original_length=9, options=write.options(*pairs)),
    )
    return found[0]


def test_the_fields_of_a_packet(write: In) -> None:
    packet = one_packet(write, (wire.OPT_COMMENT, b"seen"), (wire.EPB_DROPCOUNT, write.number(3, 8)))
    assert (packet.number, packet.data, packet.captured_length, packet.original_length) == (1, b"four", 4, 9)
    assert (packet.ticks, packet.time_ns, packet.time) == (T * 10**9 + 7, T * 10**9 + 7, Fraction(T * 10**9 + 7, 10**9))
    assert (packet.interface.name, packet.section.number, packet.comments) == ("eth0", 0, ["seen"])
    assert dict(packet.options) == {"opt_comment": "seen", "epb_dropcount": 3}
    assert packet.raw_options == write.options((wire.OPT_COMMENT, b"seen"), (wire.EPB_DROPCOUNT, write.number(3, 8)))


def test_a_packet_of_pcap() -> None:
    packet = in_capture(wire.pcap_header(), wire.pcap_record(T, 5, b"four", original_length=9))[0]
    assert (packet.time_ns, packet.datetime) == (T * 10**9 + 5000, datetime(2024, 5, 1, 12, 0, 0, 5, UTC))
    assert (packet.comments, dict(packet.options), packet.direction, packet.raw_options) == ([], {}, None, b"")


def test_repr_is_short(write: In) -> None:
    expected = "<Packet 1: 2024-05-01T12:00:00.000000007Z, 4 of 9 bytes, interface 0>"
    assert repr(one_packet(write, (wire.OPT_COMMENT, bytes(9000)))) == expected
    simple = in_capture(write.section_header(), write.interface(), write.simple_packet(b"four"))[0]
    assert repr(simple) == "<Packet 1: no time, 4 of 4 bytes, interface 0>"


def test_items_have_short_reprs(write: In) -> None:
    name = wire.IF_NAME, b"\x1b" + b"x" * 9000
    start = write.section_header() + write.interface(options=write.options(name)) + write.interface()
    packets = write.enhanced_packet(0, 7, b"a") + write.enhanced_packet(0, 8, b"b")
    order = "little" if write.byte_order == LITTLE else "big"
    with pcapconv.open(io.BytesIO(start + write.block(5, bytes(12)) + packets)) as capture:
        assert repr(capture) == "<Capture 'input', pcapng>"
        assert [repr(item) for item in capture.items()] == [
            f"<Section 0: pcapng 1.0, {order}-endian>",
            "<Interface 0 of section 0: '\\x1b" + "x" * 75 + ", ETHERNET (1)>",
            "<Interface 1 of section 0: ETHERNET (1)>",
            f"<Block Interface Statistics: 12 bytes, at offset {len(start)}>",
            "<PacketBatch: 2 packets of section 0>",
        ]


def test_options_of_other_blocks(write: In) -> None:
    options = write.options((4, write.number(7, 8)), (1, b"c"))
    others = write.block(5, bytes(12) + options), write.block(4, bytes(4) + write.options((2, b"host")))
    start = write.section_header() + write.interface()
    with pcapconv.open(io.BytesIO(start + b"".join(others) + write.block(0x4711, options))) as capture:
        found = [dict(item.options) for item in capture.items() if isinstance(item, pcapconv.Block)]
    assert found == [{"isb_ifrecv": 7, "opt_comment": "c"}, {"ns_dnsname": "host"}, {}]


def test_packets_cannot_be_changed(write: In) -> None:
    packet = one_packet(write)
    for name in ("data", "time_ns", "captured_length", "new"):
        with pytest.raises(AttributeError):
            setattr(packet, name, b"")


def test_packets_are_equal_when_their_fields_are(write: In) -> None:
    one, other = one_packet(write), one_packet(write)
    assert (one, hash(one)) == (other, hash(other))
    assert one is not other
    for changed in (
        one.replace(data=b"FOUR"),
        one.replace(number=2),
        one.replace(original_length=8),
        one.replace(time_ns=1),
        one.replace(comments=["x"]),
        one.replace(interface=one.interface._replace(snaplen=1)),
        one.replace(section=one.section._replace(number=1)),
    ):
        assert changed != one
        assert len({one, other, changed}) == 2


# A packet of each kind: with a time, without one, and with one that is not known.
def each_kind(write: In) -> list[Packet]:
    packets = in_capture(
        wire.section_header(),
        wire.interface(),
        wire.interface(options=wire.options((wire.IF_TSRESOL, b"two"))),
        wire.enhanced_packet(0, 5, b"five", options=wire.options((wire.OPT_COMMENT, b"c"))),
        wire.simple_packet(b"none"),
        wire.enhanced_packet(1, 6, b"odd"),
    )
    return packets + in_capture(write.pcap_header(), write.pcap_record(T, 5, b"four"))


def test_packets_are_pickled(write: In) -> None:
    for packet in each_kind(write):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(packet, protocol))
            assert (again, type(again), hash(again)) == (packet, type(packet), hash(packet))
        assert copy.deepcopy(packet) == copy.copy(packet) == packet
        assert isinstance(packet, Packet)


def test_both_ways_to_a_packet_give_the_same(write: In) -> None:
    """A loop, which a kernel runs, and `packet` of a batch."""
    for packet in each_kind(write):
        assert Packet(*packet[:7]) == packet
    capture = wire.section_header() + wire.interface() + wire.enhanced_packet(0, 5, b"five") + wire.simple_packet(b"x")
    (batch,) = pcapconv.open(io.BytesIO(capture)).batches()
    assert [batch.packet(row) for row in range(2)] == list(batch)


def test_a_time_that_is_not_known_is_refused(write: In) -> None:
    packet = each_kind(write)[2]
    message = (
        "packet 3: the times of interface 1 of section 0 cannot be determined: if_tsresol has 3 bytes instead of 1"
    )
    for name in ("time_ns", "time", "datetime"):
        with pytest.raises(pcapconv.FormatError) as refused:
            getattr(packet, name)
        assert str(refused.value) == message
    assert (packet.ticks, packet.data) == (6, b"odd")


def test_a_packet_without_a_time(write: In) -> None:
    packet = each_kind(write)[1]
    assert (packet.ticks, packet.time_ns, packet.time, packet.datetime) == (None, None, None, None)


@pytest.mark.parametrize(
    ("ticks", "resolution", "offset", "expected"),
    [
        (1_999_999_999, 9, 0, datetime(1970, 1, 1, 0, 0, 1, 999_999, UTC)),
        (3, 0x81, 0, datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)),
        (1, 9, -1, datetime(1969, 12, 31, 23, 59, 59, 0, UTC)),
        (999_999, 6, 253_402_300_799, datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)),
        (0, 6, -62_135_596_800, datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_datetimes_are_cut_to_microseconds(ticks: int, resolution: int, offset: int, expected: datetime) -> None:
    options = wire.options((wire.IF_TSRESOL, bytes([resolution])), (wire.IF_TSOFFSET, wire.number(offset % 2**64, 8)))
    packet = in_capture(wire.section_header(), wire.interface(options=options), wire.enhanced_packet(0, ticks, b""))[0]
    assert packet.datetime == expected
    assert packet.datetime is not None
    assert packet.datetime.tzinfo is UTC


@pytest.mark.parametrize(("ticks", "offset"), [(1_000_000, 253_402_300_799), (0, -62_135_596_801)])
def test_a_datetime_outside_the_calendar_is_refused(ticks: int, offset: int) -> None:
    options = wire.options((wire.IF_TSOFFSET, wire.number(offset % 2**64, 8)))
    packet = in_capture(wire.section_header(), wire.interface(options=options), wire.enhanced_packet(0, ticks, b""))[0]
    with pytest.raises(pcapconv.FormatError, match=r"^packet 1: its time, .* is outside the years 1 to 9999$"):
        packet.datetime  # noqa: B018
    assert packet.time_ns == (ticks + offset * 10**6) * 1000


@pytest.mark.parametrize(
    ("flags", "expected"), [(1, "in"), (2, "out"), (0, None), (3, None), (0xFFFFFFFD, "in"), (0x100, None)]
)
def test_the_direction(write: In, flags: int, expected: str | None) -> None:
    assert one_packet(write, (wire.EPB_FLAGS, write.number(flags, 4))).direction == expected


def test_flags_of_another_length_state_no_direction(write: In) -> None:
    assert one_packet(write, (wire.EPB_FLAGS, b"\1\1")).direction is None


def test_data_is_replaced(write: In) -> None:
    """A packet that was captured whole stays whole; the length of any other one stays."""
    part, whole = one_packet(write), in_capture(wire.pcap_header(), wire.pcap_record(T, 5, b"four"))[0]
    lengths = [
        (each.captured_length, each.original_length) for each in (part.replace(data=b"2!"), whole.replace(data=b""))
    ]
    assert lengths == [(2, 9), (0, 0)]
    assert whole.replace(data=bytearray(b"longer")).original_length == 6
    assert part.replace(data=memoryview(bytes(20))).original_length == 20
    assert whole.replace(data=b"x", original_length=70).original_length == 70
    short = whole.replace(original_length=2)
    assert (short.original_length, short.replace(comments=[]).original_length) == (2, 2)
    assert type(whole.replace(data=bytearray(b"x")).data) is bytes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": 5}, "data=5: has no bytes"),
        ({"data": "x"}, "data='x': has no bytes"),
        ({"raw_options": [1]}, "raw_options=[1]: has no bytes"),
        ({"original_length": -1}, "original_length=: must be a number from 0 to 4294967295"),
        ({"original_length": 2**32}, "original_length=: must be a number from 0 to 4294967295"),
        ({"original_length": True}, "original_length=True: must be a whole number"),
        ({"number": 1.0}, "number=1.0: must be a whole number"),
        ({"ticks": 2**64}, "ticks=: must be a number from 0 to 18446744073709551615"),
        ({"ticks": 1.5}, "ticks=1.5: must be a whole number"),
        (
            {"time_ns": 1.5},
            "time_ns=1.5: a float is not exact: it holds today's times in steps of 238 ns in seconds, 256 ns in "
            "nanoseconds; pass an int",
        ),
        ({"time_ns": "1"}, "time_ns='1': must be an int, the nanoseconds since 1970"),
        ({"time_ns": True}, "time_ns=True: must be an int, the nanoseconds since 1970"),
        ({"interface": 1}, "interface=1: must be of the type Interface"),
        ({"section": 1}, "section=1: must be of the type Section"),
        ({"comments": 5}, "comments=5: must be text"),
        ({"comments": ["a\0"]}, "comments=: readers end a text at its first zero byte; leave it out"),
        ({"comments": ["\ud800"]}, "comments=: has a character that UTF-8 does not have"),
    ],
)
def test_values_that_no_packet_has_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(pcapconv.UsageError) as caught:
        one_packet(In(LITTLE)).replace(**arguments)
    assert str(caught.value) == message


def test_values_of_numpy_are_replaced(write: In) -> None:
    data: Any = np.arange(4, dtype="u1")[::2]
    new = one_packet(write).replace(data=data, original_length=np.int64(9), time_ns=np.int64(8), number=np.uint8(7))
    assert (new.data, new.original_length, new.time_ns, new.number) == (b"\0\2", 9, 8, 7)
    for value in (new.original_length, new.time_ns, new.number):
        assert type(value) is int


def test_times_are_replaced(write: In) -> None:
    packet = one_packet(write)
    assert packet.replace(time_ns=8) == packet.replace(ticks=8)
    assert packet.replace(time_ns=8).time_ns == 8
    micro = packet.replace(time_ns=5000, interface=packet.interface._replace(ticks_per_second=10**6))
    assert (micro.ticks, micro.time_ns) == (5, 5000)


def test_another_interface_keeps_the_time(write: In) -> None:
    packet = one_packet(write)
    finer = packet.interface._replace(ticks_per_second=10**12, time_offset=T - 5)
    assert packet.replace(interface=finer).ticks == 5 * 10**12 + 7000
    assert packet.replace(interface=finer).time == packet.time
    coarser = packet.interface._replace(ticks_per_second=10**6)
    with pytest.raises(pcapconv.UsageError) as caught:
        packet.replace(interface=coarser)
    fact = "has digits finer than the 1 µs of interface 0"
    assert str(caught.value) == f"the time 2024-05-01T12:00:00.000000007Z {fact}"


def test_times_that_cannot_be_replaced(write: In) -> None:
    packet = one_packet(write)
    with pytest.raises(pcapconv.UsageError, match=r"^time_ns= and ticks= exclude each other$"):
        packet.replace(time_ns=1, ticks=1)
    for time in (-1, 2**64):
        with pytest.raises(pcapconv.UsageError, match="64 bits hold 0 to 18446744073709551615"):
            packet.replace(time_ns=time)
    with pytest.raises(pcapconv.UsageError, match="cannot be determined"):
        each_kind(write)[2].replace(time_ns=1)


def test_a_time_of_five_thousand_digits_is_refused(write: In) -> None:
    with pytest.raises(pcapconv.UsageError, match=r"^time_ns=<int>: must be an int"):
        one_packet(write).replace(time_ns=10**5000)


def test_the_method_of_named_tuples_replaces_what_follows_from_a_field_too(write: In) -> None:
    packet = one_packet(write)._replace(data=b"longer", ticks=5000)
    assert (packet.captured_length, packet.time_ns) == (6, one_packet(write).replace(ticks=5000).time_ns)
    with pytest.raises(TypeError):
        packet._replace(captured_length=5)  # type: ignore[call-arg]


def test_comments_are_replaced(write: In) -> None:
    flags = wire.EPB_FLAGS, write.number(1, 4)
    packet = one_packet(write, (wire.OPT_COMMENT, b"old"), flags, (wire.OPT_COMMENT, b"older"))
    changed = packet.replace(comments=["neu", "ü"])
    assert (changed.comments, changed.direction) == (["neu", "ü"], "in")
    assert changed.raw_options == write.options(flags, (wire.OPT_COMMENT, b"neu"), (wire.OPT_COMMENT, "ü".encode()))
    assert packet.replace(comments="one").comments == ["one"]
    texts: Any = np.array(["one", "two"])
    assert packet.replace(comments=texts).comments == ["one", "two"]
    assert packet.replace(comments=[]).raw_options == write.options(flags)
    with pytest.raises(pcapconv.UsageError, match=r"^comments=: has 65536 bytes; the option holds 65535$"):
        packet.replace(comments=["x" * 65536])


def test_a_kept_packet_holds_its_own_bytes_only() -> None:
    """1,000 of 100,000 packets that are kept take about as much memory as their bytes."""
    record = wire.pcap_record(T, 5, bytes(400))
    capture = io.BytesIO(wire.pcap_header() + 100_000 * record)
    tracemalloc.start()
    try:
        kept = [packet for packet in pcapconv.open(capture) if packet.number % 100 == 0]
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == 1000
    assert held < 1000 * (400 + 400) + 400_000  # and what modules took that were imported meanwhile


def test_packets_outlive_their_capture(write: In) -> None:
    capture = write.pcap_header() + b"".join(write.pcap_record(n, 0, n.to_bytes(3, "big")) for n in range(50_000))
    with pcapconv.open(io.BytesIO(capture)) as reading:
        packets = [packet for batch in reading.batches(reuse=True) for packet in batch]
    assert [packet.data for packet in packets] == [n.to_bytes(3, "big") for n in range(50_000)]


def test_numbers_of_a_batch_with_gaps() -> None:
    def batch_of(capture: bytes) -> PacketBatch:
        (batch,) = pcapconv.open(io.BytesIO(capture)).batches()
        return batch

    batch = batch_of(wire.pcap_header() + wire.pcap_record(T, 5, b"four") * 3)
    batch.numbers = [4, 9, 2]
    assert [packet.number for packet in batch] == [4, 9, 2]
    assert list(batch.packet_numbers) == [4, 9, 2]
