"""`pcapconv.create` in random programs: own packets, packets and batches of all samples, edits; a plain list says what
must be read back."""

import io
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest
import wire
from conversions import SAMPLES

import pcapconv
from pcapconv import CaptureWriter, Interface, Packet, PcapconvError
from pcapconv.kernels.contract import HEADERS_IN_HOST_ORDER

MOST = 2**32 * 10**9  # nanoseconds that pcap holds
TEXTS = ["", "a", "ü€𝄞", "x" * 300, "\n\t\x1b[0m", '"\\']
TIMES: list[Callable[[int], tuple[dict[str, Any], int]]] = [  # the arguments for a time in nanoseconds, and the time
    lambda time: ({"time_ns": time}, time),
    lambda time: ({"time_ns": np.int64(time)}, time),
    lambda time: ({"time": Fraction(time, 10**9)}, time),
    lambda time: ({"time": Decimal(time).scaleb(-9)}, time),
    lambda time: ({"time": f"{time // 10**9}.{time % 10**9:09d}"}, time),
    lambda time: ({"time": time // 10**9}, time // 10**9 * 10**9),
    lambda time: ({"time": in_zone(time // 1000)}, time // 1000 * 1000),
]


def in_zone(microseconds: int) -> datetime:
    zone = timezone(timedelta(minutes=microseconds % 1400 - 700))
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).astimezone(zone)


def array_of(data: bytes) -> Any:
    return np.frombuffer(data, "u1")


class Expected(NamedTuple):
    """What a packet must say. `data` is None where headers change with the byte order."""

    data: bytes | None
    time: Fraction | None
    original_length: int
    comments: list[str]
    direction: str | None
    interface: object


@cache
def samples() -> dict[str, list[Packet]]:
    """The packets of each sample whose times are known."""
    found = {}
    for path in SAMPLES:
        try:
            with pcapconv.open(path) as capture:
                packets = [packet for packet in capture if not packet.interface.time_error]
        except PcapconvError:
            continue
        if packets:
            found[str(path)] = packets
    return found


class Program:
    """Writes at random. `expected` has the packets, and `interfaces` whose each interface is."""

    def __init__(self, seed: int, capture: CaptureWriter, resolution: str) -> None:
        self.random = Random(seed)
        self.capture = capture
        self.resolution = resolution
        self.own: list[Interface] = []
        self.expected: list[Expected] = []
        self.interfaces: list[object] = []
        self.kept: list[object] = []  # sections, whose ids must stay theirs

    def run(self, steps: int) -> None:
        self.add_interface()
        weights = {self.add_interface: 1, self.write: 8, self.copy_packets: 6, self.copy_batch: 1, self.add_others: 1}
        for step in self.random.choices(list(weights), list(weights.values()), k=steps):
            step()
        if self.capture.format == "pcap":  # empty packets at time 0 would be damage at the end
            self.capture.write(b"last", time_ns=0, interface=self.own[0])
            self.expected.append(Expected(b"last", Fraction(0), 4, [], None, 0))

    def content(self) -> bytes:
        large = 300_000 if self.random.random() < 0.1 else 3
        return self.random.randbytes(self.random.choice([0, 0, 1, 1, 60, 60, 1500, large]))

    def add_interface(self) -> None:
        choose = self.random.choice
        resolution = choose([None, "us"]) if self.resolution == "us" else choose([None, "us", "ns"])
        offset = choose([None, None, -5, 7]) if self.capture.format == "pcapng" else None
        name = choose([None, "eth0", "ü"])
        self.own.append(self.capture.add_interface(1, name=name, resolution=resolution, tsoffset=offset))
        self.interfaces.append(len(self.own) - 1)

    def write(self) -> None:
        number = self.random.randrange(len(self.own))
        interface, content = self.own[number], self.content()
        time = self.random.choice([7, self.random.randrange(7, MOST // 10**9)]) * 10**9
        if interface.ticks_per_second == 10**9:
            time += self.random.randrange(10**9)
        arguments, time = self.random.choice(TIMES)(time)
        comments, length = self.random.choices(TEXTS, k=self.random.choice([0, 0, 1, 2])), len(content)
        if comments:
            arguments["comments"] = comments
        if self.random.random() < 0.3:
            length += self.random.randrange(5)
            arguments["original_length"] = length
        direction = self.random.choice([None, None, "in", "out"])
        if direction is not None:
            arguments["direction"] = direction
        as_given: Any = self.random.choice([bytes, bytearray, memoryview, array_of])
        data = as_given(content)
        self.capture.write(data, interface=interface, **arguments)
        if isinstance(data, bytearray):
            data[:] = bytes(len(data))
        self.expected.append(Expected(content, Fraction(time, 10**9), length, comments, direction, number))

    def copy_packets(self) -> None:
        path, packets = self.random.choice(list(samples().items()))
        for packet in self.random.choices(packets, k=3):
            self.copy_packet(path, packet)

    def copy_packet(self, path: str, packet: Packet) -> None:
        chance, arguments = self.random.random, dict[str, Any]()
        owner: object = path, packet.section.number, packet.interface.id
        expected = self.said(packet, owner)
        if chance() < 0.2:
            packet = pickle.loads(pickle.dumps(packet))
            owner = "pickled", packet.section[:7], packet.section.offset, packet.interface
        if chance() < 0.2:
            arguments["data"] = content = self.content()
            whole = packet.original_length == len(packet.data)
            length = len(content) if whole else max(packet.original_length, len(content))
            expected = expected._replace(data=content, original_length=length)
            if self.swaps(packet):
                expected = expected._replace(data=None)
        if chance() < 0.2:
            arguments["comments"] = ["new"]
            expected = expected._replace(comments=["new"])
        if chance() < 0.1:
            arguments["direction"] = "out"
            expected = expected._replace(direction="out")
        if chance() < 0.1 and self.own[0].link_type == packet.interface.link_type:
            arguments["interface"] = self.own[0]
            owner = 0
        declared = len(self.capture.interfaces)
        try:
            self.capture.write(packet, **arguments)
            self.expected.append(expected._replace(interface=owner))
        except pcapconv.UsageError:  # a time that is too fine, or a second link type
            pass
        except pcapconv.TargetError:  # a time before 1970, in another resolution
            if self.capture.format == "pcap":
                raise
        if len(self.capture.interfaces) > declared:
            self.interfaces.append(owner)

    def copy_batch(self) -> None:
        path = self.random.choice(list(samples()))
        with pcapconv.open(path) as capture:
            batch = next(capture.batches(reuse=self.random.random() < 0.5))
            packets = list(batch)
            used = sorted({packet.interface.id for packet in packets})
            fits = self.capture.format == "pcapng" or all(batch.interfaces[each].link_type == 1 for each in used)
            if not fits or self.resolution == "us" or any(batch.interfaces[each].time_error for each in used):
                return
            self.kept.append(batch.section)
            self.capture.write_batch(batch)
        self.interfaces += [(id(batch.section), each) for each in used]
        self.expected += [self.said(packet, (id(batch.section), packet.interface.id)) for packet in packets]

    def add_others(self) -> None:
        self.capture.add_names({"192.0.2.1": ["a", "b"], "02:00:5e:00:53:01": "m"})
        self.capture.add_secrets("tls", "CLIENT_RANDOM 00 00\n")
        self.capture.add_statistics(self.own[0], received=5)

    def swaps(self, packet: Packet) -> bool:
        return packet.section.byte_order == "big" and packet.interface.link_type in HEADERS_IN_HOST_ORDER

    def said(self, packet: Packet, owner: object) -> Expected:
        data = None if self.swaps(packet) else packet.data
        return Expected(data, packet.time, packet.original_length, packet.comments, packet.direction, owner)


@pytest.mark.parametrize("resolution", ["ns", "us"])
@pytest.mark.parametrize("to", ["pcapng", "pcap"])
@pytest.mark.parametrize("seed", range(8))
def test_random_programs(seed: int, to: str, resolution: str) -> None:
    stream = io.BytesIO()
    try:
        with pcapconv.create(stream, to=to, resolution=resolution, comment="c") as capture:
            program = Program(seed, capture, resolution)
            program.run(60)
    except pcapconv.TargetError:  # a time that pcap cannot hold
        assert to == "pcap"
        assert stream.getvalue() == b""
        return
    with pcapconv.open(io.BytesIO(stream.getvalue())) as reading:
        packets = list(reading)
    assert capture.report is not None
    assert len(packets) == len(program.expected) == capture.packets == capture.report.packets_written
    for packet, expected in zip(packets, program.expected):
        assert packet.data == expected.data or expected.data is None
        assert packet.original_length == expected.original_length
        if to == "pcapng":
            assert (packet.comments, packet.direction) == (expected.comments, expected.direction)
            assert program.interfaces[packet.interface.id] == expected.interface
            assert packet.time == expected.time or (expected.time is None and packet.ticks == 0)
        else:
            assert packet.time_ns == int((expected.time or Fraction(0)) * 10**9)
    read = wire.read_pcapng if to == "pcapng" else wire.read_pcap
    assert [each.data for each in read(stream.getvalue())] == [packet.data for packet in packets]
