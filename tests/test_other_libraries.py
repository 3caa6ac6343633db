"""Captures on their way to scapy, dpkt, NumPy, pandas and Polars, and back: what stays, and what those libraries lose.

The pages docs/how-to/scapy-and-dpkt.md and docs/how-to/numpy-pandas-polars.md show these ways.
"""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from creating import TIME, created, opened

import pcapconv

dpkt: Any = pytest.importorskip("dpkt")
numpy: Any = pytest.importorskip("numpy")
pandas: Any = pytest.importorskip("pandas")
polars: Any = pytest.importorskip("polars")
scapy_config: Any = pytest.importorskip("scapy.config")
pytest.importorskip("scapy.layers.inet")
scapy_utils: Any = pytest.importorskip("scapy.utils")

# Nanoseconds that a float of seconds does not hold, the last one of a second, and the first one there is.
TIMES = [TIME, TIME + 1, TIME + 130, 1_700_000_001_999_999_999, 1, 2**32 * 10**9 - 1]
FRAME = bytes.fromhex("ffffffffffff02005e00530188b5") + b"of a local experiment"
SAMPLES = Path(__file__).parent / "samples"


def capture_of_times() -> bytes:
    """A capture with a packet for each time, all with a comment and cut by one byte."""

    def write(capture: pcapconv.CaptureWriter) -> None:
        eth0 = capture.add_interface("ethernet", name="eth0")
        for number, time_ns in enumerate(TIMES):
            arguments: dict[str, Any] = {"comments": [f"number {number}"], "direction": "in"}
            capture.write(FRAME, time_ns=time_ns, interface=eth0, original_length=len(FRAME) + 1, **arguments)

    return created(write)


def times(capture: bytes) -> list[int | None]:
    with opened(capture) as packets:
        return [packet.time_ns for packet in packets]


# scapy


def frame_of(packet: pcapconv.Packet) -> Any:
    layer = scapy_config.conf.l2types.get(packet.interface.link_type, scapy_config.conf.raw_layer)
    frame = layer(packet.data)
    if packet.time_ns is not None:
        frame.time = scapy_utils.EDecimal(packet.time_ns) / 10**9
    frame.wirelen, frame.comments = packet.original_length, [comment.encode() for comment in packet.comments]
    return frame


def test_to_scapy_and_back() -> None:
    with opened(capture_of_times()) as packets:
        kept = list(packets)
    frames = [frame_of(packet) for packet in kept]

    def write(capture: pcapconv.CaptureWriter) -> None:
        for frame in frames:
            comments = [comment.decode() for comment in frame.comments]
            capture.write(bytes(frame), time=frame.time, original_length=frame.wirelen, comments=comments)

    with opened(created(write, link_type="ethernet")) as packets:
        again = list(packets)
    assert [packet.time_ns for packet in again] == TIMES
    for before, after in zip(kept, again, strict=True):
        assert after.replace(interface=before.interface, raw_options=before.raw_options) == before
        assert after.comments == before.comments


@pytest.mark.parametrize(
    "name", ["web.pcap", "web-nano.pcap", "web.pcapng", "names.pcapng", "tls.pcapng", "two-interfaces.pcapng"]
)
def test_scapy_reads_the_same_times_and_gives_the_same_bytes(name: str) -> None:
    with pcapconv.open(SAMPLES / name) as capture:
        kept = list(capture)
    reader = scapy_utils.PcapNgReader if name.endswith("ng") else scapy_utils.PcapReader
    with reader(str(SAMPLES / name)) as opened_by_scapy:
        frames = list(opened_by_scapy)
    assert [frame.time for frame in frames] == [frame_of(packet).time for packet in kept]
    assert [bytes(frame) for frame in frames] == [bytes(frame_of(packet)) for packet in kept]
    assert [bytes(frame) for frame in frames] == [packet.data for packet in kept]


def test_an_edit_by_scapy_keeps_everything_but_the_bytes() -> None:
    def write(capture: pcapconv.CaptureWriter) -> None:
        with opened(capture_of_times()) as packets:
            for packet in packets:
                frame = frame_of(packet)
                frame.dst = "02:00:5e:00:53:02"
                capture.write(packet, data=bytes(frame))

    with opened(created(write)) as after, opened(capture_of_times()) as before:
        for edited, packet in zip(after, before, strict=True):
            data = bytes.fromhex("02005e005302") + packet.data[6:]
            assert edited == packet.replace(data=data, interface=edited.interface, section=edited.section)
            assert (edited.interface.name, edited.direction) == ("eth0", "in")


def test_scapy_s_pcap_writer_keeps_nanoseconds_that_are_passed_as_integers(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    with opened(capture_of_times()) as packets, scapy_utils.PcapWriter(str(path), nano=True) as writer:
        for packet in packets:
            assert packet.time_ns is not None
            frame = frame_of(packet)
            writer.write_header(frame)
            writer.write_packet(frame, sec=packet.time_ns // 10**9, usec=packet.time_ns % 10**9)
    assert times(path.read_bytes()) == TIMES


def test_what_scapy_s_writers_make_of_exact_times(tmp_path: Path) -> None:
    """The second passes through a float, which rounds up the last nanoseconds of a second."""
    with opened(capture_of_times()) as packets:
        frames = [frame_of(packet) for packet in packets][:5]
    pcap, pcapng = tmp_path / "x.pcap", tmp_path / "x.pcapng"
    with scapy_utils.PcapWriter(str(pcap), nano=True) as writer:
        writer.write(frames)
    with scapy_utils.PcapNgWriter(str(pcapng)) as writer:
        writer.write(frames)
    late = TIMES[3] + 10**9
    assert times(pcap.read_bytes()) == [*TIMES[:3], late, 1]
    assert times(pcapng.read_bytes()) == [TIME - 789, TIME - 789, TIME + 211, 1_700_000_002 * 10**9, 0]


def test_a_frame_and_its_float_are_refused() -> None:
    frame = scapy_config.conf.l2types[1]()
    assert isinstance(frame.time, float)
    refused: tuple[tuple[Any, Any, str], ...] = (
        (frame, 1, "is neither bytes nor a pcapconv.Packet; of any other packet, give bytes(packet)"),
        (bytes(frame), frame.time, "a float is not exact"),
    )
    for data, time, message in refused:
        with pytest.raises(pcapconv.UsageError) as caught, pcapconv.create(io.BytesIO(), to="pcap", link_type=1) as new:
            new.write(data, time=time)
        assert message in str(caught.value)


# dpkt


def written_by_dpkt(capture: bytes, *, blocks: bool) -> bytes:
    """What dpkt's pcapng writer makes of a capture: with blocks, which state nanoseconds, or with times in seconds."""
    nanoseconds = dpkt.pcapng.PcapngOptionLE(code=dpkt.pcapng.PCAPNG_OPT_IF_TSRESOL, data=b"\x09")
    interface = dpkt.pcapng.InterfaceDescriptionBlockLE(
        linktype=1, snaplen=0, opts=[nanoseconds, dpkt.pcapng.PcapngOptionLE()] if blocks else []
    )
    target = io.BytesIO()
    writer = dpkt.pcapng.Writer(target, idb=interface)
    with opened(capture) as packets:
        for packet in packets:
            assert packet.time_ns is not None
            if blocks:
                writer.writepkt(
                    dpkt.pcapng.EnhancedPacketBlockLE(
                        ts_high=packet.time_ns >> 32,
                        ts_low=packet.time_ns & 0xFFFFFFFF,
                        caplen=packet.captured_length,
                        pkt_len=packet.original_length,
                        pkt_data=packet.data,
                    )
                )
            else:
                writer.writepkt(packet.data, packet.time)
    return target.getvalue()


def test_blocks_of_dpkt_keep_nanoseconds_but_not_the_original_length() -> None:
    capture = capture_of_times()
    written = written_by_dpkt(capture, blocks=True)
    assert times(written) == TIMES
    expected = dict.fromkeys(("lengths", "options"), len(TIMES))
    assert pcapconv.diff(io.BytesIO(capture), io.BytesIO(written)).fields == expected


def test_times_in_seconds_of_dpkt_s_pcapng_writer_are_microseconds() -> None:
    found = times(written_by_dpkt(capture_of_times(), blocks=False))
    assert found[:4] == [TIME + 211] * 3 + [1_700_000_002 * 10**9]


def test_dpkt_s_pcap_writer_keeps_nanoseconds() -> None:
    target = io.BytesIO()
    writer = dpkt.pcap.Writer(target, nano=True)
    with opened(capture_of_times()) as packets:
        for packet in packets:
            writer.writepkt(packet.data, packet.time)
    assert times(target.getvalue()) == TIMES


@pytest.mark.parametrize("name", ["web.pcap", "web-nano.pcap"])
def test_pairs_of_dpkt_s_pcap_reader(name: str) -> None:
    def write(capture: pcapconv.CaptureWriter) -> None:
        with open(SAMPLES / name, "rb") as file:
            for time, data in dpkt.pcap.Reader(file):
                capture.write(data, time=round(Decimal(time), 6) if isinstance(time, float) else time)

    assert times(created(write, link_type="ethernet")) == times((SAMPLES / name).read_bytes())


def test_dpkt_computes_checksums_that_are_0_again() -> None:
    """Also that of TCP, which covers the address that changes."""

    def write(capture: pcapconv.CaptureWriter) -> None:
        with pcapconv.open(SAMPLES / "web.pcap") as packets:
            packet = next(iter(packets))
            frame = dpkt.ethernet.Ethernet(packet.data)
            frame.data.src = bytes([192, 0, 2, 1])
            frame.data.sum = frame.data.data.sum = 0
            capture.write(packet, data=bytes(frame))

    with opened(created(write)) as edited:
        layers = scapy_config.conf.l2types[1](next(iter(edited)).data)
    ip, tcp = layers.getlayer(1), layers.getlayer(2)
    sums = ip.chksum, tcp.chksum
    del ip.chksum, tcp.chksum
    computed = type(layers)(bytes(layers))
    assert (ip.src, sums) == ("192.0.2.1", (computed.getlayer(1).chksum, computed.getlayer(2).chksum))
    assert 0 not in sums


# NumPy, pandas, Polars


def test_a_row_may_be_an_integer_of_numpy() -> None:
    with opened(capture_of_times()) as capture:
        (batch,) = capture.batches()
    for row in numpy.arange(len(TIMES)):
        packet = batch.packet(row)
        assert (type(packet.number), packet) == (int, batch.packet(int(row)))
        assert batch.data(row) == FRAME


def test_times_of_numpy_pandas_and_polars() -> None:
    pandas_times = pandas.to_datetime(TIMES, utc=True)
    assert [each.value for each in pandas_times] == TIMES
    series = polars.Series(TIMES).cast(polars.Datetime("ns", "UTC"))

    def write(capture: pcapconv.CaptureWriter) -> None:
        for time in pandas_times:
            capture.write(b"timestamp", time=time)
        for time_ns in numpy.array(TIMES):
            capture.write(b"integer", time_ns=time_ns)
        for time_ns in pandas.Series(pandas_times).dt.as_unit("ns").astype("int64").tolist():
            capture.write(b"pandas", time_ns=time_ns)
        for time_ns in series.dt.epoch("ns").to_list():
            capture.write(b"polars", time_ns=time_ns)
        for time_ns in numpy.array(TIMES).view("datetime64[ns]").astype(int).tolist():
            capture.write(b"datetime64", time_ns=time_ns)

    assert times(created(write, link_type="ethernet")) == TIMES * 5


def test_a_timestamp_without_a_zone_is_refused() -> None:
    with pytest.raises(pcapconv.UsageError) as caught, pcapconv.create(io.BytesIO(), to="pcap", link_type=1) as new:
        new.write(b"", time=pandas.Timestamp(TIME))
    assert "this datetime has no zone; write time.replace(tzinfo=datetime.UTC)" in str(caught.value)
