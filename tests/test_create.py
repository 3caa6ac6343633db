"""`pcapconv.create` writes exactly these bytes: pcapng and pcap, interfaces, packets, names, secrets, statistics."""

import io
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import wire
from creating import TIME, TSRESOL_NS, created

import pcapconv

NS_INTERFACE = wire.interface(snaplen=0, options=wire.options(TSRESOL_NS))
START = wire.section_header() + NS_INTERFACE


def test_two_lines_make_a_pcap_file(tmp_path: Path) -> None:
    with pcapconv.create(tmp_path / "x.pcap", link_type="ethernet") as capture:
        capture.write(b"abc", time_ns=TIME)
    assert (tmp_path / "x.pcap").read_bytes() == (
        wire.pcap_header(wire.NANOSECONDS, snaplen=262144) + wire.pcap_record(1_700_000_000, 123_456_789, b"abc")
    )
    assert capture.report is not None
    assert (capture.packets, capture.report.packets_written, capture.report.losses) == (1, 1, {})
    assert capture.report.outputs == [str(tmp_path / "x.pcap")]


def test_two_lines_make_a_pcapng_file(tmp_path: Path) -> None:
    with pcapconv.create(tmp_path / "x.pcapng", link_type="ethernet") as capture:
        capture.write(b"abc", time_ns=TIME)
    assert (tmp_path / "x.pcapng").read_bytes() == START + wire.enhanced_packet(0, TIME, b"abc")


def test_microseconds() -> None:
    def write(capture: pcapconv.CaptureWriter) -> None:
        capture.write(b"abc", time_ns=TIME // 1000 * 1000)
        capture.write(b"", time=Decimal("1.000001"))

    arguments: dict[str, Any] = {"link_type": 1, "resolution": "us"}
    assert created(write, **arguments) == (
        wire.section_header()
        + wire.interface(snaplen=0)
        + wire.enhanced_packet(0, TIME // 1000, b"abc")
        + wire.enhanced_packet(0, 1_000_001, b"")
    )
    assert created(write, "pcap", **arguments) == (
        wire.pcap_header(wire.MICROSECONDS, snaplen=262144)
        + wire.pcap_record(1_700_000_000, 123_456, b"abc")
        + wire.pcap_record(1, 1, b"")
    )


def test_everything_that_the_section_and_an_interface_say() -> None:
    def write(capture: pcapconv.CaptureWriter) -> None:
        capture.add_interface(
            "linux_sll",
            name="eth0",
            description="uplink",
            snaplen=96,
            comments=["first", "zweite ü"],
            ipv4addr=["192.0.2.1/24", "192.0.2.2/32"],
            ipv6addr="2001:db8::1/64",
            macaddr="02:00:5e:00:53:01",
            euiaddr="02-00-5e-ff-fe-00-53-01",
            speed=10**9,
            txspeed=1,
            rxspeed=2,
            tzone=3600,
            iana_tzname="Europe/Berlin",
            tsoffset=-5,
            filter="tcp",
            os="Linux",
            hardware="NIC",
            fcslen=32,
        )
        capture.write(b"abc", time_ns=5)

    section = wire.options((1, b"nightly run"), (1, b"two"), (2, b"board"), (3, b"Linux 6"), (4, b"probe 1"))
    interface = wire.options(
        (1, b"first"),
        (1, "zweite ü".encode()),
        (2, b"eth0"),
        (3, b"uplink"),
        (4, bytes([192, 0, 2, 1, 255, 255, 255, 0])),
        (4, bytes([192, 0, 2, 2, 255, 255, 255, 255])),
        (5, bytes.fromhex("20010db8000000000000000000000001") + b"\x40"),
        (6, bytes.fromhex("02005e005301")),
        (7, bytes.fromhex("02005efffe005301")),
        (8, wire.number(10**9, 8)),
        TSRESOL_NS,
        (10, wire.number(3600, 4)),
        (11, b"\0tcp"),
        (12, b"Linux"),
        (13, b"\x20"),
        (14, (-5).to_bytes(8, "little", signed=True)),
        (15, b"NIC"),
        (16, wire.number(1, 8)),
        (17, wire.number(2, 8)),
        (18, b"Europe/Berlin"),
    )
    arguments: dict[str, Any] = {
        "comment": ["nightly run", "two"],
        "hardware": "board",
        "os": "Linux 6",
        "application": "probe 1",
    }
    assert created(write, **arguments) == (
        wire.section_header(options=section)
        + wire.interface(wire.LINUX_SLL, 96, options=interface)
        + wire.enhanced_packet(0, 5_000_000_005, b"abc")
    )


def test_everything_that_a_packet_says() -> None:
    def write(capture: pcapconv.CaptureWriter) -> None:
        eth0 = capture.add_interface("ethernet")
        eth1 = capture.add_interface("ethernet", resolution="us")
        capture.write(b"abcd", time_ns=TIME, interface=eth0, original_length=60, comments=["a", "b"], direction="in")
        capture.write(bytearray(b"e"), time=7, interface=eth1, comments="one", direction="out")
        capture.write(memoryview(b"fg"), time_ns=9, interface=eth0, flags=0xFFFF0001)

    options = wire.options
    assert created(write) == (
        START
        + wire.interface(snaplen=0)
        + wire.enhanced_packet(
            0, TIME, b"abcd", original_length=60, options=options((1, b"a"), (1, b"b"), (2, b"\1\0\0\0"))
        )
        + wire.enhanced_packet(1, 7_000_000, b"e", options=options((1, b"one"), (2, b"\2\0\0\0")))
        + wire.enhanced_packet(0, 9, b"fg", options=options((2, b"\1\0\xff\xff")))
    )


EAST = timezone(timedelta(hours=2))
AS_TIME: list[tuple[Any, int]] = [
    (5, 5 * 10**9),
    (np.int64(5), 5 * 10**9),
    (datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC), 1_700_000_000_123_456_000),
    (datetime(2023, 11, 15, 0, 13, 20, 123456, tzinfo=EAST), 1_700_000_000_123_456_000),
    (Fraction(TIME, 10**9), TIME),
    (Decimal("1700000000.123456789"), TIME),
    (Decimal("1e9"), 10**18),
    ("1700000000.123456789", TIME),
    ("2023-11-14T22:13:20.123456789Z", TIME),
    ("2023-11-14 23:13:20.5+0100", 1_700_000_000_500_000_000),
]


@pytest.mark.parametrize(("time", "nanoseconds"), AS_TIME, ids=lambda value: repr(value))
def test_times_in_every_type(time: Any, nanoseconds: int) -> None:
    made = created(lambda capture: capture.write(b"", time=time), link_type="ethernet")
    assert made == START + wire.enhanced_packet(0, nanoseconds, b"")


def test_a_time_of_numpy_in_nanoseconds() -> None:
    times = np.array([1, TIME], dtype=np.uint64)

    def write(capture: pcapconv.CaptureWriter) -> None:
        for time in times:
            capture.write(b"", time_ns=time)

    assert created(write, link_type=1) == START + b"".join(wire.enhanced_packet(0, t, b"") for t in (1, TIME))


def test_names_secrets_and_statistics_stand_where_they_were_added() -> None:
    def write(capture: pcapconv.CaptureWriter) -> None:
        eth0 = capture.add_interface("ethernet")
        capture.add_names(
            {"192.0.2.1": ["router", "gw"], ip_address("2001:db8::1"): "six", "02:00:5e:00:53:01": ["nic"]}
        )
        capture.add_secrets("tls", b"CLIENT_RANDOM")
        capture.add_secrets(wire.ZIGBEE_NWK_KEY, "key")
        capture.write(b"a", time_ns=TIME)
        capture.write(b"b", time_ns=TIME + 1)
        capture.add_statistics(
            eth0, received=5, dropped=1, accepted=2, dropped_by_os=3, delivered=4, start=1, end="2", comments=["all"]
        )
        capture.write(b"c", time_ns=TIME + 2)
        capture.add_statistics(received=6, time_ns=17)
        capture.add_names({})

    def halves(seconds: int) -> bytes:
        return wire.halves(seconds * 10**9)

    mac = (wire.NRB_RECORD_EUI48, bytes.fromhex("02005e005301") + b"nic\0")
    counts = [(code, wire.number(value, 8)) for code, value in ((4, 5), (5, 1), (6, 2), (7, 3), (8, 4))]
    assert created(write) == (
        START
        + wire.names(wire.ipv4_name("192.0.2.1", "router", "gw"), wire.ipv6_name("2001:db8::1", "six"), mac)
        + wire.secrets(wire.TLS_KEY_LOG, b"CLIENT_RANDOM")
        + wire.secrets(wire.ZIGBEE_NWK_KEY, b"key")
        + wire.enhanced_packet(0, TIME, b"a")
        + wire.enhanced_packet(0, TIME + 1, b"b")
        + wire.statistics(0, TIME + 1, options=wire.options((1, b"all"), (2, halves(1)), (3, halves(2)), *counts))
        + wire.enhanced_packet(0, TIME + 2, b"c")
        + wire.statistics(0, 17, options=wire.options((4, wire.number(6, 8))))
    )


def test_many_names_get_several_records_and_blocks() -> None:
    names = {f"192.0.{number // 256}.{number % 256}": ["n" * 40_000] for number in range(60)}
    many = ["x" * 30_000] * 3
    made = created(lambda capture: capture.add_names({**names, "2001:db8::1": many}))
    blocks = [block for block in wire.read_blocks(made) if block.block_type == wire.NAME_RESOLUTION]
    assert len(blocks) == 3
    records = [pair for block in blocks for pair in wire.read_options(block.body)]
    assert [value.count(b"\0n") + value.count(b"x\0") for _, value in records[-2:]] == [2, 1]
    assert len(records) == 62


def test_what_pcap_cannot_hold_is_counted() -> None:
    target = io.BytesIO()
    with pcapconv.create(target, to="pcap", comment="run") as capture:
        eth0 = capture.add_interface("ethernet", name="eth0", speed=5)
        capture.write(b"a", time_ns=TIME, comments=["x", "y"], direction="in")
        capture.add_names({"192.0.2.1": ["router"], "192.0.2.2": ["host"]})
        capture.add_secrets("tls", b"x")
        capture.add_statistics(eth0, received=1)
        assert capture.report is None
    assert capture.report is not None
    assert capture.report.losses == {
        "comments": 3,
        "interface-options": 2,
        "packet-options": 1,
        "names": 2,
        "secrets": 1,
        "statistics": 1,
    }
    assert target.getvalue() == (
        wire.pcap_header(wire.NANOSECONDS, snaplen=262144) + wire.pcap_record(1_700_000_000, 123_456_789, b"a")
    )


def test_a_pcap_header_states_the_longest_packet_if_it_has_no_limit() -> None:
    made = created(lambda capture: capture.write(bytes(300_000), time_ns=0), "pcap", link_type=1)
    assert wire.read_pcap_header(made).snaplen == 300_000
    made = created(lambda capture: capture.write(bytes(60), time_ns=0), "pcap", link_type=1, snaplen=96)
    assert wire.read_pcap_header(made).snaplen == 96


def test_packets_larger_than_the_buffer_and_many_small_ones() -> None:
    packets = [bytes([number % 251]) * (number * 37 % 4000) for number in range(1500)] + [bytes(700_000), b"end"]

    def write(capture: pcapconv.CaptureWriter) -> None:
        for number, data in enumerate(packets):
            capture.write(data, time_ns=number, comments=["c"] if len(data) > 300_000 else None)
        assert capture.packets == len(packets)

    for to, read in (("pcapng", wire.read_pcapng), ("pcap", wire.read_pcap)):
        assert [packet.data for packet in read(created(write, to, link_type=1))] == packets


@pytest.mark.parametrize("suffix", ["pcapng.gz", "pcap.zst", "pcapng.xz"])
def test_the_suffix_compresses(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    with pcapconv.create(path, link_type="ethernet") as capture:
        capture.write(b"abc", time_ns=TIME)
    with pcapconv.open(path) as reading:
        assert [(packet.data, packet.time_ns) for packet in reading] == [(b"abc", TIME)]
    assert capture.report is not None
    assert capture.report.target_compression is not None


def test_file_objects_stay_open(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        with pcapconv.create(file, to="pcapng", link_type=1) as capture:
            capture.write(b"abc", time_ns=TIME)
        file.write(b"more")
    assert (tmp_path / "x").read_bytes() == START + wire.enhanced_packet(0, TIME, b"abc") + b"more"


def test_stdout(tmp_path: Path) -> None:
    script = "import pcapconv\nwith pcapconv.create('-', to='pcapng', link_type=1) as c: c.write(b'abc', time_ns=5)"
    made = subprocess.run([sys.executable, "-P", "-c", script], stdout=subprocess.PIPE, check=True, cwd=tmp_path).stdout
    assert made == START + wire.enhanced_packet(0, 5, b"abc")


@pytest.mark.parametrize("compress", ["none", "gzip", "zstd"])
def test_flushing_sends_packets_through_a_pipe(compress: str) -> None:
    reading, writing = os.pipe()
    late = io.BytesIO(wire.section_header(options=wire.options((1, b"late"))))
    with (
        open(reading, "rb", buffering=0) as source,
        open(writing, "wb") as target,
        pcapconv.create(target, to="pcapng", link_type=1, compress=compress) as capture,
    ):
        capture.flush()
        capture.write(b"abc", time_ns=5)
        capture.flush()
        packets = iter(pcapconv.open(source))
        assert next(packets).data == b"abc"
        capture.write(b"def", time_ns=6)
        capture.flush()
        assert next(packets).data == b"def"
        with pytest.raises(pcapconv.UsageError, match="comments on the capture stand before its packets"):
            capture.add_metadata_of(late)


def test_an_exception_ends_a_pipe(tmp_path: Path) -> None:
    """What was sent stays sent; with `on_loss="fail"` nothing is sent before the end."""
    script = (
        "import pcapconv, sys\nwith pcapconv.create('-', to='pcapng', link_type=1, on_loss=sys.argv[1]) as c:\n"
        "    c.write(b'abc', time_ns=5); c.flush(); c.write(b'def', time_ns=6); 1 / 0"
    )
    for on_loss, expected in (("warn", START + wire.enhanced_packet(0, 5, b"abc")), ("fail", b"")):
        command = [sys.executable, "-P", "-c", script, on_loss]
        done = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path)
        assert (done.stdout, done.returncode) == (expected, 1)
    with (tmp_path / "out").open("wb") as file:
        done = subprocess.run([*command[:-1], "warn"], stdout=file, stderr=subprocess.PIPE, check=False, cwd=tmp_path)
    assert (tmp_path / "out").read_bytes() == b""


def test_flushing_a_file_shows_nothing_before_the_end(tmp_path: Path) -> None:
    stream = io.BytesIO()
    for target in (tmp_path / "x.pcapng", stream):
        with pcapconv.create(target, to="pcapng", link_type=1) as capture:
            capture.write(b"abc", time_ns=5)
            capture.flush()
            assert (os.listdir(tmp_path), stream.getvalue()) == ([], b"")
            capture.write(b"def", time_ns=6)
        made = stream.getvalue() or (tmp_path / "x.pcapng").read_bytes()
        assert [packet.data for packet in wire.read_pcapng(made)] == [b"abc", b"def"]
        (tmp_path / "x.pcapng").unlink(missing_ok=True)


def test_threads_write_into_one_capture() -> None:
    def write(new: pcapconv.CaptureWriter) -> None:
        def many(number: int) -> None:
            for at in range(3000):
                if at % 2:
                    new.write(bytes([number]) * 50, time_ns=at)
                else:
                    new.write(bytes([number]) * 50, time_ns=at, comments=["c"])
            new.add_statistics(received=number)

        threads = [Thread(target=many, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        made = created(write, link_type=1)
    finally:
        sys.setswitchinterval(interval)
    packets = wire.read_pcapng(made)
    for number in range(4):
        own = [packet for packet in packets if packet.data == bytes([number]) * 50]
        assert [packet.ticks for packet in own] == list(range(3000))
        assert [bool(packet.options) for packet in own] == [True, False] * 1500
    assert len(packets) == 12000


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
        (np.arange(4, dtype="u1")[::2], b"\0\2"),
        (np.arange(2, dtype="<u2"), b"\0\0\1\0"),
        (np.bytes_(b"ab"), b"ab"),
    ],
    ids=["bytearray", "memoryview", "array with steps", "array of words", "bytes of NumPy"],
)
def test_bytes_of_any_object_that_has_some(data: Any, expected: bytes) -> None:
    def write(new: pcapconv.CaptureWriter) -> None:
        new.write(data, time_ns=np.int64(5), original_length=np.uint8(9), flags=np.int32(1))
        if isinstance(data, bytearray | np.ndarray):
            data[0] = 9  # the packet has a copy
        new.add_secrets(np.int64(5), data)

    made = created(write, link_type=np.uint16(1), snaplen=np.int64(7))
    (packet,) = wire.read_pcapng(made)
    assert (packet.data, packet.ticks, packet.original_length) == (expected, 5, 9)


def test_a_capture_without_packets_or_interfaces(tmp_path: Path) -> None:
    assert created(lambda _: None) == wire.section_header()
    with pcapconv.create(tmp_path / "x.pcap") as capture:
        pass
    assert (tmp_path / "x.pcap").read_bytes() == wire.pcap_header(wire.NANOSECONDS, snaplen=262144)
    assert capture.report is not None
    assert [str(each) for each in capture.report.warnings] == [
        "the capture has no interface; the pcap file states Ethernet, since it has to state a link type"
    ]


def test_secrets_of_another_capture_are_added_by_their_kinds() -> None:
    first = wire.section_header() + wire.secrets(wire.TLS_KEY_LOG, b"log") + wire.secrets(wire.ZIGBEE_NWK_KEY, b"key")
    with pcapconv.open(io.BytesIO(first)) as old:
        list(old)
        assert [secrets.kind for secrets in old.secrets] == ["tls", "0x5a4e574b"]

        def write(capture: pcapconv.CaptureWriter) -> None:
            for secrets in old.secrets:
                capture.add_secrets(secrets.kind, secrets.data)

        assert created(write)[len(wire.section_header()) :] == first[len(wire.section_header()) :]
