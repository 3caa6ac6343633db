"""`CaptureWriter` takes packets, batches and metadata of other captures: interfaces, options, byte orders, times."""

import io
import pickle
import tracemalloc
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import wire
from conversions import DAMAGED, Pipe, every_sample, stem
from creating import created, opened
from wire import BIG, LITTLE, In

import pcapconv
from pcapconv import CaptureWriter, Packet, PacketBatch, UsageError

NULL = 0
BYTE_ORDERS = pytest.mark.parametrize("write", [In(LITTLE), In(BIG)], ids=["little", "big"])
ONE_BY_ONE = pytest.mark.parametrize("in_batches", [False, True], ids=["packets", "batches"])


def put(capture: CaptureWriter, reading: pcapconv.Capture, in_batches: bool) -> None:
    """Write all packets of a capture, one by one or in batches."""
    if in_batches:
        for batch in reading.batches():
            capture.write_batch(batch)
    else:
        for packet in reading:
            capture.write(packet)


def copied(captures: Iterable[bytes], in_batches: bool, to: str = "pcapng", **arguments: Any) -> bytes:
    def write(capture: CaptureWriter) -> None:
        for each in captures:
            with opened(each) as reading:
                put(capture, reading, in_batches)

    return created(write, to, **arguments)


def two_interfaces(write: In) -> bytes:
    """Two interfaces, of which the second has packets first; comments and flags; no block but these."""
    return (
        write.section_header(options=write.options((1, b"of the section")))
        + write.interface(wire.ETHERNET, 96, options=write.options((2, b"eth0"), (9, b"\x09"), (8, write.number(5, 8))))
        + write.interface(NULL, 0, options=write.options((2, b"lo"), (14, write.number(7, 8))))
        + write.names(wire.ipv4_name("192.0.2.1", "host"))
        + write.enhanced_packet(
            1, 3, write.number(2, 4) + b"ip", options=write.options((1, b"one"), (2, write.number(1, 4)))
        )
        + write.enhanced_packet(0, 4, b"ether", original_length=60)
        + write.enhanced_packet(1, 5, write.number(2, 4) + b"ip")
    )


@BYTE_ORDERS
@ONE_BY_ONE
def test_interfaces_are_declared_at_their_first_packet(write: In, in_batches: bool) -> None:
    packets = [
        wire.enhanced_packet(0, 3, b"\2\0\0\0ip", options=wire.options((1, b"one"), (2, b"\1\0\0\0"))),
        wire.enhanced_packet(1, 4, b"ether", original_length=60),
        wire.enhanced_packet(0, 5, b"\2\0\0\0ip"),
    ]
    lo = wire.interface(NULL, 0, options=wire.options((2, b"lo"), (14, wire.number(7, 8))))
    eth0 = wire.interface(wire.ETHERNET, 96, options=wire.options((2, b"eth0"), (9, b"\x09"), (8, wire.number(5, 8))))
    expected = (lo, eth0, *packets) if in_batches else (lo, packets[0], eth0, *packets[1:])
    assert copied([two_interfaces(write)], in_batches) == wire.section_header() + b"".join(expected)


@ONE_BY_ONE
def test_each_capture_section_and_id_has_an_interface(in_batches: bool) -> None:
    section = wire.section_header() + wire.interface() + wire.enhanced_packet(0, 3, b"a")
    made = copied([section + section, section], in_batches)
    assert [packet.interface for packet in wire.read_pcapng(made)] == [0, 1, 2]
    assert len(wire.read_interfaces(made)) == 3


@ONE_BY_ONE
@BYTE_ORDERS
def test_pcap_becomes_pcapng_with_its_resolution(write: In, in_batches: bool) -> None:
    for magic, options in ((wire.MICROSECONDS, b""), (wire.NANOSECONDS, wire.options((9, b"\x09")))):
        capture = write.pcap_header(magic, snaplen=99) + write.pcap_record(2, 5, b"abc", original_length=8)
        ticks = 2 * (10**6 if magic == wire.MICROSECONDS else 10**9) + 5
        assert copied([capture], in_batches) == (
            wire.section_header()
            + wire.interface(snaplen=99, options=options)
            + wire.enhanced_packet(0, ticks, b"abc", original_length=8)
        )


@every_sample
@ONE_BY_ONE
@pytest.mark.parametrize("to", ["pcapng", "pcap"])
def test_samples_say_the_same(path: Path, in_batches: bool, to: str) -> None:
    def time(packet: Packet) -> Any:
        if packet.interface.time_error:
            return packet.ticks
        return packet.time or 0 if to == "pcap" else packet.time

    def said(reading: pcapconv.Capture) -> list[Any]:
        return [
            (
                packet.data if packet.interface.link_type else len(packet.data),
                packet.original_length,
                time(packet),
                packet.interface.link_type,
                packet.comments if to == "pcapng" else [],
            )
            for packet in reading
        ]

    original = path.read_bytes()
    if stem(path) in DAMAGED:
        pytest.skip("damaged")
    with opened(original) as reading:
        expected = said(reading)
    try:
        made = copied([original], in_batches, to)
    except pcapconv.PcapconvError as error:
        why = "holds one link type", "pcap cannot hold", "cannot be determined"
        pytest.skip(str(error)) if to == "pcap" and any(each in str(error) for each in why) else pytest.fail(str(error))
        return
    with opened(made) as reading:
        found = said(reading)
    if to == "pcap":
        expected = [(*each[:2], each[2] * 10**9 // 1, *each[3:]) for each in expected]
        found = [(*each[:2], each[2] * 10**9 // 1, *each[3:]) for each in found]
    without_time = sum(each[2] is None for each in expected)
    if without_time:  # a Simple Packet of another interface than 0 has time 0 here
        expected = [(*each[:2], each[2] or 0, *each[3:]) for each in expected]
        found = [(*each[:2], each[2] or 0, *each[3:]) for each in found]
    assert found == expected


def edited(capture: bytes, **arguments: Any) -> list[wire.Packet]:
    def write(new: CaptureWriter) -> None:
        with opened(capture) as reading:
            for packet in reading:
                new.write(packet, **arguments)

    return wire.read_pcapng(created(write))


def test_an_edited_copy() -> None:
    options = wire.options((1, b"old"), (2, b"\5\0\0\0"), (3, b"\2hash"), (5, bytes(8)))
    capture = (
        wire.section_header()
        + wire.interface(snaplen=0)
        + wire.enhanced_packet(0, 7, b"whole", options=options)
        + wire.enhanced_packet(0, 8, b"cut", original_length=60)
    )
    whole, cut = edited(capture)
    assert (whole.options, whole.ticks) == (options, 7)
    whole, cut = edited(capture, data=b"xy")
    assert (whole.data, whole.original_length, whole.ticks) == (b"xy", 2, 7)
    assert whole.options == wire.options((1, b"old"), (2, b"\5\0\0\0"), (5, bytes(8)))
    assert (cut.data, cut.original_length) == (b"xy", 60)
    whole, cut = edited(capture, data=bytes(70), original_length=80, time_ns=9_000)
    assert (whole.original_length, cut.original_length, whole.ticks, cut.ticks) == (80, 80, 9, 9)
    whole, cut = edited(capture, comments=["new"], direction="out")
    assert wire.read_options(whole.options) == [(3, b"\2hash"), (5, bytes(8)), (1, b"new"), (2, b"\6\0\0\0")]
    assert wire.read_options(cut.options) == [(1, b"new"), (2, b"\2\0\0\0")]
    whole, cut = edited(capture, comments=[], flags=3)
    assert wire.read_options(whole.options) == [(3, b"\2hash"), (5, bytes(8)), (2, b"\3\0\0\0")]


@BYTE_ORDERS
def test_replaced_data_are_written_as_data_are(write: In) -> None:
    """`write(packet, data=...)` and `write(packet.replace(data=...))` give packets the same original length."""
    lengths = (4, 4), (4, 9), (4, 2)
    capture = write.section_header() + write.interface(snaplen=0)
    for captured, original in lengths:
        capture += write.enhanced_packet(0, 7, bytes(captured), original_length=original)

    def copies(new: CaptureWriter) -> None:
        with opened(capture) as reading:
            for packet in reading:
                for data in (b"", b"xy", bytes(6), bytes(20)):
                    new.write(packet, data=data)
                    new.write(packet.replace(data=data))
                new.write(packet, comments=["c"])
                new.write(packet.replace(comments=["c"]))

    packets = wire.read_pcapng(created(copies))
    assert len(packets) == 2 * 5 * len(lengths)
    for argument, replaced in zip(packets[::2], packets[1::2]):
        assert argument == replaced
    assert [packet.original_length for packet in packets[::2]] == [0, 2, 6, 20, 4, 9, 9, 9, 20, 9, 2, 2, 6, 20, 2]


@BYTE_ORDERS
@pytest.mark.parametrize("size", [4, 4095, 4096, 70_000])
def test_headers_in_host_order_are_those_of_the_new_capture(write: In, size: int) -> None:
    data = write.number(2, 4) + bytes(size - 4)
    capture = write.section_header() + write.interface(NULL, 0) + write.enhanced_packet(0, 7, data)
    for in_batches in (False, True):
        (packet,) = wire.read_pcapng(copied([capture], in_batches))
        assert packet.data == b"\2\0\0\0" + bytes(size - 4)


def test_a_packet_moves_to_an_interface_of_the_new_capture() -> None:
    capture = wire.section_header() + wire.interface() + wire.enhanced_packet(0, 7, b"a")

    def write(new: CaptureWriter) -> None:
        own = new.add_interface("ethernet")
        with opened(capture) as reading:
            for packet in reading:
                new.write(packet.replace(interface=own))

    made = created(write)
    assert [(packet.interface, packet.ticks) for packet in wire.read_pcapng(made)] == [(0, 7000)]
    assert len(wire.read_interfaces(made)) == 1


def test_a_hash_that_no_longer_holds_is_reported() -> None:
    capture = (
        wire.section_header() + wire.interface() + wire.enhanced_packet(0, 7, b"a", options=wire.options((3, b"\2h")))
    )
    with opened(capture) as reading, pcapconv.create(io.BytesIO(), to="pcapng") as new:
        new.write(next(iter(reading)), data=b"b")
    assert new.report is not None
    assert new.report.left_out == {"packet-hashes": 1}


@pytest.mark.parametrize("replaced", [False, True])
@BYTE_ORDERS
def test_hashes_of_other_data_are_left_out(write: In, replaced: bool) -> None:
    options = write.options((3, b"\2h"), (1, b"c"), (3, b"\0x"))
    capture = write.section_header() + write.interface() + write.enhanced_packet(0, 7, b"a", options=options)

    def copies(new: CaptureWriter) -> None:
        with opened(capture) as reading:
            packet = next(iter(reading))
        for data in (b"a", b"b"):
            if replaced:
                new.write(packet.replace(data=data))
            else:
                new.write(packet, data=data)
        new.write(packet.replace(data=b"c", raw_options=options, comments=["d"]))

    same, other, stated = (wire.read_options(packet.options) for packet in wire.read_pcapng(created(copies)))
    assert same == [(3, b"\2h"), (1, b"c"), (3, b"\0x")]
    assert other == [(1, b"c")]
    assert stated == [(3, b"\2h"), (3, b"\0x"), (1, b"d")]


def test_equal_interfaces_that_are_made_anew_are_one() -> None:
    capture = wire.section_header() + wire.interface() + wire.interface() + wire.enhanced_packet(1, 7, b"a")

    def write(new: CaptureWriter) -> None:
        for _ in range(2):
            with opened(capture) as reading:
                packet = next(iter(reading))
            for number in range(3000):
                there = packet.interface._replace(snaplen=number % 3)
                new.write(packet.replace(interface=there))
            new.write(b"b", time_ns=7000, interface=packet.interface._replace(snaplen=2))
            new.write(pickle.loads(pickle.dumps(packet)))

    made = created(write)
    assert [each.snaplen for each in wire.read_interfaces(made)] == [0, 1, 2, 262144, 0, 1, 2]
    used = [packet.interface for packet in wire.read_pcapng(made)]
    assert used == [0, 1, 2] * 1000 + [2, 3] + [4, 5, 6] * 1000 + [2, 3]


def test_interfaces_that_are_made_anew_take_no_memory(tmp_path: Path) -> None:
    with opened(wire.section_header() + wire.interface() + wire.enhanced_packet(0, 7, b"a")) as reading:
        packet = next(iter(reading))
    tracemalloc.start()
    try:
        with pcapconv.create(tmp_path / "x.pcapng") as new:
            for number in range(12_000):
                if number == 2_000:
                    before, _ = tracemalloc.get_traced_memory()
                new.write(packet.replace(interface=packet.interface._replace(snaplen=number % 3)))
            after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 10_000 * 100  # an interface and where it is kept take about 400 bytes


def test_a_time_finer_than_the_packets_interface_is_refused() -> None:
    capture = wire.pcap_header() + wire.pcap_record(1, 0, b"x")

    def write(new: CaptureWriter) -> None:
        own = new.add_interface("ethernet")
        with opened(capture) as reading:
            packet = next(iter(reading))
        with pytest.raises(pcapconv.UsageError) as caught:
            new.write(packet, time_ns=1)
        assert str(caught.value) == (
            "packet 1: its time has digits finer than the 1 µs of interface 1; round it, or give interface=, one that "
            "add_interface returned"
        )
        new.write(packet, time_ns=1, interface=own)
        new.write(packet, interface=own)

    assert [(packet.interface, packet.ticks) for packet in wire.read_pcapng(created(write))] == [(0, 1), (0, 10**9)]


@ONE_BY_ONE
@pytest.mark.parametrize("to", ["pcapng", "pcap"])
def test_microseconds_take_whole_ones_of_finer_interfaces(in_batches: bool, to: str) -> None:
    def capture(ticks: int) -> bytes:
        options = wire.options((2, b"eth0"), (9, b"\x09"), (14, wire.number(3, 8)))
        packets = wire.enhanced_packet(0, 5000, b"a") + wire.simple_packet(b"") + wire.enhanced_packet(0, ticks, b"b")
        return wire.section_header() + wire.interface(snaplen=0, options=options) + packets

    made = copied([capture(7000)], in_batches, to, resolution="us")
    if to == "pcap":
        assert wire.read_pcap_header(made).magic == wire.MICROSECONDS
        assert [packet.ticks for packet in wire.read_pcap(made)] == [3_000_005, 0, 3_000_007]
    else:
        assert made == (
            wire.section_header()
            + wire.interface(snaplen=0, options=wire.options((2, b"eth0")))
            + wire.enhanced_packet(0, 3_000_005, b"a")
            + wire.simple_packet(b"")
            + wire.enhanced_packet(0, 3_000_007, b"b")
        )
    with pytest.raises(pcapconv.PcapconvError, match="packet 3: its time has digits finer than"):
        copied([capture(7001)], in_batches, to, resolution="us")


def test_finer_times_stay_in_pcapng_and_are_counted_in_pcap() -> None:
    capture = (
        wire.section_header()
        + wire.interface(options=wire.options((9, b"\x0c")))
        + wire.enhanced_packet(0, 1_000_000_000_001, b"a")
    )
    assert wire.read_pcapng(copied([capture], False))[0].ticks == 1_000_000_000_001
    target = io.BytesIO()
    with opened(capture) as reading, pcapconv.create(target, to="pcap") as new:
        put(new, reading, True)
    assert new.report is not None
    assert new.report.losses == {"time-digits": 1}


def test_a_time_that_cannot_be_determined() -> None:
    capture = wire.section_header() + wire.interface(options=wire.options((9, b""))) + wire.enhanced_packet(0, 7, b"a")

    def write(new: CaptureWriter) -> None:
        with opened(capture) as reading:
            packet = next(iter(reading))
        own = new.add_interface("ethernet", resolution="us")
        unknown = "the times of interface 0 of section 0 cannot be determined: if_tsresol has 0 bytes instead of 1"
        with pytest.raises(pcapconv.UsageError, match=f"packet 1: {unknown}; give time_ns="):
            new.write(packet, interface=own)
        with pytest.raises(pcapconv.UsageError, match=f"{unknown}; give interface=, one that add_interface returned"):
            new.write(packet, time_ns=0)
        new.write(packet)
        new.write(packet, interface=own, time_ns=8000)

    assert [(packet.interface, packet.ticks) for packet in wire.read_pcapng(created(write))] == [(1, 7), (0, 8)]


def test_packets_come_back_from_other_processes() -> None:
    """Unpickled packets have interfaces of their own, which are still one interface."""
    capture = wire.section_header() + wire.interface() + wire.enhanced_packet(0, 1, b"a") * 3
    with opened(capture) as reading:
        packets = [pickle.loads(pickle.dumps(packet)) for packet in reading]
    assert packets[0].interface is packets[1].interface is packets[2].interface

    def write(new: CaptureWriter) -> None:
        for packet in packets:
            new.write(packet)

    assert created(write) == capture


def test_simple_packets_of_another_interface_get_a_time() -> None:
    capture = wire.section_header() + wire.interface(snaplen=2) + wire.simple_packet(b"ab", original_length=9)
    for in_batches in (False, True):
        assert copied([capture], in_batches) == capture
        target = io.BytesIO()
        with opened(capture) as reading, pcapconv.create(target, to="pcapng", link_type=1) as new:
            put(new, reading, in_batches)
        assert new.report is not None
        assert new.report.losses == {"packets-without-time": 1}
        assert wire.raw_blocks(target.getvalue())[-1] == wire.enhanced_packet(1, 0, b"ab", original_length=9)


@BYTE_ORDERS
def test_a_batch_stays_as_it_is(write: In) -> None:
    with opened(two_interfaces(write)) as reading:
        batch = next(iter(reading.batches()))
    before = list(batch), bytes(batch.buffer), batch.section, batch.interfaces

    def twice(capture: CaptureWriter) -> None:
        for _ in range(2):
            capture.write_batch(batch)

    made = created(twice)
    assert (list(batch), bytes(batch.buffer), batch.section, batch.interfaces) == before
    assert [packet.ticks for packet in wire.read_pcapng(made)] == [3, 4, 5] * 2
    assert len(wire.read_interfaces(made)) == 2


def test_obsolete_packets_keep_their_drop_counts() -> None:
    write = In(BIG)
    capture = write.section_header() + write.interface() + write.obsolete_packet(0, 1, b"a", drops_count=5)
    made = copied([capture], True)
    assert wire.raw_blocks(made)[-1] == wire.enhanced_packet(0, 1, b"a", options=wire.options((4, wire.number(5, 8))))


@ONE_BY_ONE
def test_references_to_processes_are_left_out(in_batches: bool) -> None:
    options = wire.options((32769, wire.number(0, 4)), (1, b"c"))
    capture = wire.section_header() + wire.interface() + wire.enhanced_packet(0, 1, b"a", options=options)
    target = io.BytesIO()
    with opened(capture) as reading, pcapconv.create(target, to="pcapng") as new:
        put(new, reading, in_batches)
    assert new.report is not None
    assert new.report.losses == {"packet-options": 1}
    assert wire.raw_blocks(target.getvalue())[-1] == wire.enhanced_packet(0, 1, b"a", options=wire.options((1, b"c")))


def test_a_snaplen_that_was_too_low_is_a_warning() -> None:
    capture = wire.section_header() + wire.interface(snaplen=2) + wire.enhanced_packet(0, 1, b"abc") * 2
    with opened(capture) as reading, pcapconv.create(io.BytesIO(), to="pcapng") as new:
        put(new, reading, False)
    assert new.report is not None
    assert len(new.report.warnings) == 1
    assert "packet 1 has 3 bytes, more than the snaplen of 2" in str(new.report.warnings[0])


# ---------------------------------------------------------------- metadata

METADATA: list[Callable[[In], bytes]] = [
    lambda write: write.section_header(options=write.options((1, b"first"), (3, b"Linux"), (1, b"second"))),
    lambda write: write.interface(),
    lambda write: write.names(wire.ipv4_name("192.0.2.1", "host"), options=write.options((2, b"dns"))),
    lambda write: write.enhanced_packet(0, 3, b"a"),
    lambda write: write.secrets(wire.TLS_KEY_LOG, b"log", options=write.options((1, b"of the secrets"))),
    lambda write: write.statistics(0, 5),
    lambda write: write.custom(wire.CUSTOM_COPY, 1, b"data"),
]


def metadata(write: In) -> bytes:
    return b"".join(each(write) for each in METADATA)


@BYTE_ORDERS
def test_metadata_of_another_capture(write: In, tmp_path: Path) -> None:
    path = tmp_path / "other.pcapng"
    path.write_bytes(metadata(write))

    def add(capture: CaptureWriter, other: Any) -> None:
        capture.add_interface("raw")
        capture.add_metadata_of(other)
        capture.write(b"", time_ns=0)

    expected = (
        wire.section_header(options=wire.options((1, b"mine"), (1, b"first"), (1, b"second")))
        + wire.interface(wire.RAW_IP, 0, options=wire.options((9, b"\x09")))
        + wire.names(wire.ipv4_name("192.0.2.1", "host"), options=wire.options((2, b"dns")))
        + wire.secrets(wire.TLS_KEY_LOG, b"log", options=wire.options((1, b"of the secrets")))
        + wire.enhanced_packet(0, 0, b"")
    )
    others: list[Any] = [path, io.BytesIO(metadata(write))]
    for other in others:
        assert created(partial(add, other=other), comment="mine") == expected
    others[1].seek(0)
    for source in others:
        with pcapconv.open(source) as reading:
            assert next(iter(reading)).data == b"a"
            assert created(partial(add, other=reading), comment="mine") == expected
            assert list(reading) == []  # it stays where it was, behind its last packet


def test_metadata_of_a_pipe_is_refused() -> None:
    pipe: Any = Pipe([metadata(In(LITTLE))])
    with (
        pcapconv.open(pipe) as reading,
        pytest.raises(pcapconv.UsageError, match="a pipe cannot be read a second time; give a file"),
    ):
        created(lambda capture: capture.add_metadata_of(reading))


def test_damage_of_the_other_capture_is_reported() -> None:
    with pcapconv.create(io.BytesIO(), to="pcapng") as new:
        new.add_metadata_of(io.BytesIO(metadata(In(LITTLE))[:-4]))
    assert new.report is not None
    assert new.report.damage_total == 1


def test_packets_with_metadata_of_their_capture() -> None:
    capture = metadata(In(LITTLE))

    def write(new: CaptureWriter) -> None:
        with opened(capture) as reading:
            new.add_metadata_of(reading)
            for item in reading.items():
                if isinstance(item, PacketBatch):
                    new.write_batch(item)

    with opened(created(write)) as reading:
        assert [packet.data for packet in reading if isinstance(packet, Packet)] == [b"a"]


def test_comments_without_end_are_refused() -> None:
    one = wire.section_header(options=wire.options((1, b"x" * 60_000)))
    with pytest.raises(pcapconv.TargetError, match="more than 32 MiB of comments on the capture"):
        created(lambda capture: capture.add_metadata_of(io.BytesIO(one * 600)))


def test_names_without_end_take_no_memory() -> None:
    names = wire.names(wire.ipv4_name("192.0.2.1", "n" * 60_000))
    other = wire.section_header(options=wire.options((1, b"first"))) + names * 700
    made = created(lambda capture: capture.add_metadata_of(io.BytesIO(other)))
    assert made == other


def test_batches_of_ten_thousand_interfaces() -> None:
    """The time for a batch does not grow with the number of interfaces: twice as many once took four times as long."""
    capture = wire.section_header() + wire.interface(link_type=101)
    for number in range(1, 10_000):
        capture += wire.interface() + wire.enhanced_packet(number, number, b"x")
    with pcapconv.open(io.BytesIO(capture)) as reading, pcapconv.create(target := io.BytesIO(), to="pcapng") as writing:
        for batch in reading.batches():
            writing.write_batch(batch)
    with pcapconv.open(io.BytesIO(target.getvalue()), strict=True) as reading:
        assert [(packet.interface.id, packet.ticks) for packet in reading] == [(n - 1, n) for n in range(1, 10_000)]


REFUSED: list[dict[str, Any]] = [
    {"data": "text"},
    {"time_ns": -1},
    {"time_ns": 1.5},
    {"original_length": 1},
    {"original_length": "1"},
    {"comments": 1},
    {"flags": -1},
    {"direction": "up"},
    {"data": b"new", "direction": "up"},
    {"flags": 1, "direction": "in"},
]


def with_lost_options(write: In) -> bytes:
    """Two interfaces, of which the second has packets first. It and its packet have options that no new capture takes:
    those of codes that the specification does not name, in the other byte order, and references to processes."""
    unknown = [(70, b"unknown")] if write == In(BIG) else []
    lost = unknown or [(32769, write.number(0, 4))]
    return (
        write.section_header()
        + write.interface(wire.ETHERNET, options=write.options((2, b"eth0")))
        + write.interface(NULL, options=write.options((2, b"lo"), *unknown))
        + write.enhanced_packet(1, 3, write.number(2, 4) + b"ip", options=write.options((3, b"\2h"), *lost))
        + write.enhanced_packet(0, 4, b"ether")
    )


@pytest.mark.usefixtures("kernels")
@BYTE_ORDERS
@pytest.mark.parametrize("arguments", REFUSED, ids=str)
def test_a_refused_packet_leaves_nothing(arguments: dict[str, Any], write: In) -> None:
    """Neither an interface nor a count in the report."""
    with opened(with_lost_options(write)) as reading:
        first, second = reading

    def report_after(*, accepted: bool) -> pcapconv.Report:
        target = io.BytesIO()
        with pcapconv.create(target, to="pcapng") as capture:
            with pytest.raises(pcapconv.PcapconvError):
                capture.write(first, **arguments)
            assert (capture.interfaces, capture.packets) == ([], 0)
            capture.write(second)
            with pytest.raises(pcapconv.PcapconvError):
                capture.write(first, **arguments)
            assert [each.name for each in capture.interfaces] == ["eth0"]
            if accepted:
                capture.write(first)
        made = target.getvalue()
        count = 2 if accepted else 1
        assert [each.link_type for each in wire.read_interfaces(made)] == [wire.ETHERNET, NULL][:count]
        packets = [(each.data, each.interface) for each in wire.read_pcapng(made)]
        assert packets == [(b"ether", 0), (b"\2\0\0\0ip", 1)][:count]
        assert capture.report is not None
        return capture.report

    report = report_after(accepted=False)
    assert (report.losses, report.left_out) == ({}, {})
    report = report_after(accepted=True)
    of_interface = {"interface-options": 1} if write == In(BIG) else {}
    assert (report.losses, report.left_out) == ({"packet-options": 1, **of_interface}, {})


@pytest.mark.usefixtures("kernels")
@ONE_BY_ONE
def test_a_refused_packet_of_another_link_type_leaves_no_interface(in_batches: bool) -> None:
    """A pcap file goes on with the link type of the packets that it has."""
    write = In(LITTLE)
    mixed = two_interfaces(write)
    plain = write.section_header() + write.interface(NULL) + write.enhanced_packet(0, 3, write.number(2, 4) + b"on")

    def both(capture: CaptureWriter) -> None:
        with opened(mixed) as reading, pytest.raises(UsageError, match="a pcap file holds one link type"):
            put(capture, reading, in_batches)
        written = 0 if in_batches else 1  # the first packet, of the second interface
        assert (len(capture.interfaces), capture.packets) == (written, written)
        with opened(plain) as reading:
            put(capture, reading, in_batches)
        assert [each.link_type for each in capture.interfaces] == [NULL] * (written + 1)

    assert [each.data[4:] for each in wire.read_pcap(created(both, "pcap"))] == [b"ip", b"on"][in_batches:]


@pytest.mark.usefixtures("kernels")
@ONE_BY_ONE
def test_a_time_that_is_too_fine_leaves_no_interface(in_batches: bool) -> None:
    write = In(LITTLE)
    fine = (
        write.section_header()
        + write.interface(options=write.options((9, b"\x09")))
        + write.enhanced_packet(0, 1_000_001, b"fine", options=write.options((32769, write.number(0, 4))))
    )

    def both(capture: CaptureWriter) -> None:
        with opened(fine) as reading, pytest.raises(pcapconv.PcapconvError, match="digits finer than"):
            put(capture, reading, in_batches)
        assert (capture.interfaces, capture.packets) == ([], 0)

    target = io.BytesIO()
    with pcapconv.create(target, to="pcapng", resolution="us") as capture:
        both(capture)
    assert capture.report is not None
    assert capture.report.losses == {}
    assert wire.read_interfaces(target.getvalue()) == []
