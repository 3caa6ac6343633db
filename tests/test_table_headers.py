"""Tables with what packets' headers say: stated rows, every packet as `packet.headers` has it, types, files, memory."""

import io
import random
import struct
import subprocess
import sys
from ipaddress import IPv6Address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas
import polars
import protocols
import pyarrow
import pytest
import wire
from conversions import every_sample
from hypothesis import given
from hypothesis import strategies as st
from protocols import (
    ARP,
    ETHERNET,
    IP,
    IP6,
    SERVICE_VLAN,
    TCP,
    UDP,
    VLAN,
    arp,
    ethernet,
    ipv4,
    ipv6,
    tcp,
    udp,
    vxlan,
)
from tabling import HEADERS, looped, read, read_file, rows, streamed, written

import pcapconv
from pcapconv import headers as headers_module
from pcapconv.arrow import builders
from pcapconv.header_columns import HeaderColumns
from pcapconv.kernels import choose

PACKETS = protocols.packets()
INNER = ethernet(IP, ipv4(TCP, tcp(b"12345"), source="10.0.0.1", destination="10.0.0.2", ttl=3))


def capture_of(*packets: tuple[int, bytes] | bytes) -> bytes:
    """A capture of packets of Ethernet, or of pairs of a link type and a packet."""
    pairs = [(ETHERNET, each) if isinstance(each, bytes) else each for each in packets]
    link_types = sorted({link_type for link_type, _ in pairs})
    blocks = [wire.enhanced_packet(link_types.index(link_type), 1, data) for link_type, data in pairs]
    return wire.section_header() + b"".join(map(wire.interface, link_types)) + b"".join(blocks)


EVERY = capture_of(*PACKETS.values())
CAPTURE = capture_of(
    ethernet(IP, ipv4(TCP, tcp(b"12345", flags=0x12), ttl=9)),
    ethernet(
        SERVICE_VLAN,
        protocols.vlan(7, VLAN, protocols.vlan(8, IP6, ipv6(UDP, udp(source=53), source="::ffff:1.2.3.4"))),
    ),
    ethernet(ARP, arp(2)),
    ethernet(0x88B5, b"anything"),
    (147, b"anything"),
    ethernet(IP, ipv4(UDP, vxlan(INNER), ttl=0)),
)
COLUMNS = (
    *("last_protocol", "path", "source_mac", "vlan_count", "vlan_id", "inner_vlan_id", "source_address"),
    *("destination_address", "ttl", "arp_operation", "source_port", "tcp_flags", "payload_length", "tunnel", "ended"),
)
MAC = "02:00:5e:00:00:01"
VALUES = [
    ("TCP", "eth:ip:tcp", MAC, 0, None, None, "192.0.2.1", "198.51.100.2", 9, None, 51000, 18, 5, None, "complete"),
    (
        *("UDP", "eth:ieee8021ad:vlan:ipv6:udp", MAC, 2, 7, 8, "::ffff:1.2.3.4", "2001:db8::2"),
        *(63, None, 53, None, 21, None, "complete"),
    ),
    ("ARP", "eth:arp", MAC, 0, None, None, "192.0.2.1", "198.51.100.2", None, 2, None, None, 0, None, "complete"),
    ("0x88b5", "eth", MAC, 0, *[None] * 8, 8, None, "unread"),
    (None, "", None, 0, *[None] * 8, 8, None, "unread"),
    (
        *("TCP", "eth:ip:udp:vxlan:eth:ip:tcp", MAC, 0, None, None, "192.0.2.1", "198.51.100.2"),
        *(0, None, 40000, None, len(INNER) + 8, "vxlan", "complete"),
    ),
]
IN_THE_TUNNEL = {"source_address": "10.0.0.1", "destination_address": "10.0.0.2", "ttl": 3, "source_port": 51000}
IN_THE_TUNNEL |= {"tcp_flags": 24, "payload_length": 5}
TEXTS = {"source_mac", "destination_mac", "source_address", "destination_address", "path", "last_protocol"}


def test_each_row() -> None:
    expected = [dict(zip(COLUMNS, values)) for values in VALUES]
    assert rows(streamed(CAPTURE, COLUMNS)) == expected
    assert rows(read(CAPTURE, ",".join(COLUMNS))) == expected
    inner = [*expected[:-1], expected[-1] | IN_THE_TUNNEL]
    assert rows(streamed(CAPTURE, COLUMNS, inner=True)) == inner
    assert rows(read(CAPTURE, COLUMNS, inner=True)) == inner


def test_types() -> None:
    names = pyarrow.dictionary(pyarrow.int8(), pyarrow.string())
    numbers = {"B": pyarrow.uint8(), "H": pyarrow.uint16(), "I": pyarrow.uint32()}
    for field in streamed(CAPTURE, HEADERS).schema:
        kind = pyarrow.string() if field.name in TEXTS else names if field.name in ("tunnel", "ended") else None
        typecode, _ = HeaderColumns.FIELDS[field.name]
        assert field.type == (kind or numbers[typecode]), field.name


@pytest.mark.parametrize("inner", [False, True])
def test_each_kind_of_packet(inner: bool) -> None:
    expected = looped(EVERY, HEADERS, inner=inner)
    assert len({row["path"] for row in expected}) > 50
    assert rows(streamed(EVERY, HEADERS, inner=inner)) == expected
    assert rows(read(EVERY, HEADERS, inner=inner)) == expected


@pytest.mark.parametrize("name", HEADERS)
def test_a_column_alone(name: str) -> None:
    assert rows(read(EVERY, [name])) == looped(EVERY, [name])


@every_sample
def test_samples(path: Path) -> None:
    capture = path.read_bytes()
    for inner in (False, True):
        try:
            expected = looped(capture, HEADERS, inner=inner)
        except pcapconv.PcapconvError:
            return
        assert rows(streamed(capture, HEADERS, inner=inner)) == expected


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(PACKETS)),
            st.lists(st.tuples(st.integers(0, 79), st.integers(0, 255)), max_size=3),
            st.one_of(st.none(), st.integers(0, 90)),
        ),
        max_size=6,
    ),
    st.permutations(HEADERS),
    st.integers(1, len(HEADERS)),
    st.booleans(),
)
def test_any_packets_and_any_columns(
    chosen: list[tuple[str, list[tuple[int, int]], int | None]], names: list[str], count: int, inner: bool
) -> None:
    packets = []
    for name, changes, cut in chosen:
        link_type, data = PACKETS[name]
        changed = bytearray(data)
        for at, value in changes:
            if at < len(changed):
                changed[at] = value
        packets.append((link_type, bytes(changed[:cut])))
    capture = capture_of(*packets)
    assert rows(streamed(capture, names[:count], inner=inner)) == looped(capture, names[:count], inner=inner)


def test_with_other_columns_and_selected() -> None:
    columns = ("number", "destination_port", "data", "last_protocol", "interface")
    assert rows(read(CAPTURE, columns, packets="1,6")) == [looped(CAPTURE, columns)[at] for at in (0, 5)]
    assert rows(read(CAPTURE, columns, filter="arp", interface=["0:0"])) == looped(CAPTURE, columns)[2:3]


def test_addresses_as_text() -> None:
    draw = random.Random(1)
    addresses = [bytes(16), bytes(15) + b"\1", bytes(12) + bytes((1, 2, 3, 4)), bytes(10) + b"\xff\xff\1\2\3\4"]
    addresses += [b"".join(draw.choice((b"\0\0", b"\0\1", b"\x0a\xbc")) for _ in range(8)) for _ in range(200)]
    addresses += [draw.randbytes(16) for _ in range(20)]
    packets = [ethernet(IP6, ipv6(UDP, udp(), source=str(IPv6Address(each)))) for each in addresses]
    texts = streamed(capture_of(*packets), ["source_address"])["source_address"].to_pylist()
    assert texts[:4] == ["::", "::1", "::102:304", "::ffff:1.2.3.4"]
    assert [IPv6Address(text).packed for text in texts] == addresses
    assert texts[4:] == [str(IPv6Address(each)) for each in addresses[4:]]


# ---------------------------------------------------------------- record batches and files


@pytest.mark.parametrize("most_rows", [1, 2, 7, 64])
def test_record_batches_of_any_size(most_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builders, "MOST_ROWS", most_rows)
    monkeypatch.setattr("pcapconv.arrow.record_batches.MOST_ROWS", most_rows)
    expected = looped(EVERY, HEADERS)
    assert rows(streamed(EVERY, HEADERS)) == expected
    for to in ("parquet", "arrow", "arrows"):
        assert rows(read_file(written(EVERY, to, HEADERS), to)) == expected


@pytest.mark.parametrize("to", ["parquet", "arrow", "arrows"])
@pytest.mark.parametrize("inner", [False, True])
def test_files(to: str, inner: bool) -> None:
    expected = looped(EVERY, HEADERS, inner=inner)
    data = written(EVERY, to, HEADERS, inner=inner)
    assert rows(read_file(data, to)) == expected
    opened: dict[str, Any] = {
        "parquet": polars.read_parquet,
        "arrow": polars.read_ipc,
        "arrows": polars.read_ipc_stream,
    }
    frame = opened[to](io.BytesIO(data))
    assert frame.to_dicts() == expected
    assert frame.schema["destination_port"] == polars.UInt16
    assert frame.schema["source_address"] == polars.String


def test_pandas() -> None:
    frame = pandas.read_parquet(io.BytesIO(written(CAPTURE, "parquet", COLUMNS)))
    assert frame.source_address.dropna().tolist() == [values[6] for values in VALUES if values[6]]
    grouped = frame.groupby(["source_address", "destination_address"]).payload_length.sum()
    assert grouped.to_dict() == {
        ("192.0.2.1", "198.51.100.2"): 5 + 0 + len(INNER) + 8,
        ("::ffff:1.2.3.4", "2001:db8::2"): 21,
    }


def test_the_kernel_reads_once_for_each_batch_and_only_what_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels, calls = choose(), []

    def read_headers(buffer: Any, columns: Any, count: int, types: Any, out: Any, inner: bool) -> None:
        calls.append((count, out.names, inner))
        kernels.read_headers(buffer, columns, count, types, out, inner)

    monkeypatch.setattr(headers_module, "choose", lambda: SimpleNamespace(read_headers=read_headers))
    streamed(CAPTURE, ["number", "ttl", "source_port"])
    streamed(CAPTURE, ["source_mac"], inner=True)
    streamed(CAPTURE, ["last_protocol", "destination_address"])
    streamed(CAPTURE, ["number", "time", "data"])
    assert calls == [
        (6, ("ttl", "source_port"), False),
        (6, ("source_mac",), True),
        (6, ("last_protocol", "destination_address", "network_protocol"), False),
    ]


def test_interfaces_that_come_between_packets() -> None:
    blocks = [
        wire.interface(link_type) + wire.enhanced_packet(number, 1, PACKETS[name][1])
        for number, (name, (link_type, _)) in enumerate(PACKETS.items())
    ]
    capture = (wire.section_header() + b"".join(blocks)) * 2
    assert rows(streamed(capture, HEADERS)) == looped(capture, HEADERS)


def test_memory_does_not_grow_with_addresses(tmp_path: Path) -> None:
    """Ten times as many packets, each with addresses, MAC addresses and EtherType of its own."""
    code = (
        "import sys, pcapconv\n"
        "columns = 'source_address,destination_address,source_mac,last_protocol,path'\n"
        "pcapconv.write_table(sys.argv[1], sys.argv[2], columns=columns)\n"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])\n"
    )
    peaks = []
    for count in (70_000, 700_000):
        source, target = tmp_path / f"{count}.pcap", tmp_path / f"{count}.arrow"
        packet = ethernet(IP, ipv4(UDP, udp(b"")))
        with source.open("wb") as file:
            file.write(wire.pcap_header())
            for number in range(count):
                mine = struct.pack(">Q", number * 0x9E3779B97F4A7C15 & 2**64 - 1)
                data = packet[:6] + mine[:6] + packet[12:26] + mine + packet[34:]
                file.write(wire.pcap_record(1, 1, data if number % 4 else data[:12] + mine[6:]))
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, str(source), str(target)], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout) >> 10)
    assert target.stat().st_size >> 20 >= 40
    assert peaks[1] - peaks[0] < 25, peaks
