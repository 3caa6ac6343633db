"""An open capture goes on where it was, whoever iterates; what it gives out owns its memory."""

import io
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from threading import Event
from typing import Any

import pytest
import wire

import pcapconv
from pcapconv.model import Columns, Interface, Packet, PacketBatch, Section

PCAP = wire.pcap_header() + b"".join(wire.pcap_record(number, 0, bytes([number]) * 3) for number in range(1, 33))
COMMENT = wire.options((wire.OPT_COMMENT, b"seen"))
PCAPNG = (
    wire.section_header()
    + wire.interface()
    + b"".join(wire.enhanced_packet(0, number, bytes([number]) * 3, options=COMMENT) for number in range(1, 20))
    + wire.interface()
    + b"".join(wire.enhanced_packet(1, number, bytes([number]) * 3) for number in range(20, 33))
)
MANY = wire.pcap_header() + b"".join(wire.pcap_record(number, 0, number.to_bytes(3, "big")) for number in range(90_000))
CAPTURES = [PCAP, PCAPNG]
capture_of_32 = pytest.mark.parametrize("capture", CAPTURES, ids=["pcap", "pcapng"])


def numbers(packets: object) -> list[int]:
    return [packet.number for packet in packets]  # type: ignore[attr-defined]


def opened(capture: bytes) -> pcapconv.Capture:
    return pcapconv.open(io.BytesIO(capture))


@capture_of_32
def test_a_second_loop_goes_on_behind_the_first(capture: bytes) -> None:
    with opened(capture) as reading:
        assert next(iter(reading)).number == 1
        assert numbers(islice(reading, 2)) == [2, 3]
        for packet in reading:
            if packet.number == 5:
                break
        assert numbers(reading) == list(range(6, 33))
        assert list(reading) == []


@capture_of_32
def test_two_loops_at_once_share_the_packets(capture: bytes) -> None:
    with opened(capture) as reading:
        pairs = [(one.number, other.number) for one, other in zip(reading, reading)]
    assert pairs == [(number, number + 1) for number in range(1, 32, 2)]


@capture_of_32
def test_batches_go_on_behind_packets_and_packets_behind_batches(capture: bytes) -> None:
    with opened(capture) as reading:
        assert numbers(islice(reading, 3)) == [1, 2, 3]
        batch = next(iter(reading.batches()))
        assert numbers(batch) == list(range(4, 4 + len(batch)))
        assert batch.number(0) == 4
        assert numbers(reading) == list(range(4 + len(batch), 33))


def test_items_go_on_behind_packets() -> None:
    with opened(PCAPNG) as reading:
        assert numbers(islice(reading, 18)) == list(range(1, 19))
        items = reading.items()
        assert numbers(next(items)) == [19]
        assert isinstance(next(items), Interface)
        assert next(iter(reading)).number == 20
        assert numbers(next(items)) == list(range(21, 33))
        assert list(items) == []


def test_packets_go_on_behind_items() -> None:
    with opened(PCAPNG) as reading:
        assert [type(item) for item in islice(reading.items(), 2)] == [Section, Interface]
        assert numbers(reading) == list(range(1, 33))


@pytest.mark.parametrize("capture", [*CAPTURES, MANY], ids=["pcap", "pcapng", "many windows"])
def test_batches_own_their_memory(capture: bytes) -> None:
    packets = list(opened(capture))
    batches = list(opened(capture).batches())
    assert [packet for batch in batches for packet in batch] == packets
    for batch in batches:
        assert isinstance(batch.buffer, bytes)
        assert {name: len(getattr(batch.columns, name)) for name in Columns.TYPECODES} == dict.fromkeys(
            Columns.TYPECODES, batch.rows
        )
        assert len(batch.buffer) <= 2 * len(capture)


def test_items_own_their_memory() -> None:
    batches = [item for item in opened(MANY).items() if isinstance(item, PacketBatch)]
    assert len(batches) > 2
    data = [bytes(packet.data) for batch in batches for packet in batch]
    assert data == [number.to_bytes(3, "big") for number in range(90_000)]


def test_a_batch_that_is_kept_holds_little_more_than_its_packets() -> None:
    """Also the last of many in one window."""
    one = wire.enhanced_packet(0, 1, bytes(40))
    capture = wire.section_header() + wire.interface() + (one + wire.interface()) * 1000
    batches = list(opened(capture).batches())
    assert len(batches) == 1000
    assert sum(len(batch.buffer) for batch in batches) <= 2 * 1000 * len(one)


def test_a_buffer_is_used_again_where_the_caller_asks_for_it() -> None:
    with opened(MANY) as reading:
        kinds = {type(batch.buffer) for batch in reading.batches(reuse=True)}
    assert kinds == {bytearray}
    with opened(MANY) as reading:
        found: list[Packet] = [packet for batch in reading.batches(reuse=True) for packet in batch]
    assert found == list(opened(MANY))


def test_two_threads_that_read_at_once_both_get_an_error() -> None:
    """After the error of one of them, the loop of the other would end as if the capture ended."""
    waiting, disturbed = Event(), Event()

    class Slow(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            if self.tell() > 100_000:
                waiting.set()
                disturbed.wait(60)
            return super().readinto(buffer)

        read = None  # type: ignore[assignment]

    for packets in (lambda reading: iter(reading), lambda reading: chain.from_iterable(reading.batches())):
        waiting.clear()
        disturbed.clear()
        with pcapconv.open(Slow(MANY)) as reading, ThreadPoolExecutor(1) as pool:
            other = pool.submit(lambda: sum(1 for _ in packets(reading)))  # noqa: B023
            assert waiting.wait(60)
            with pytest.raises(
                pcapconv.UsageError, match=r"^input: several threads read this capture at once; let one"
            ):
                next(packets(reading))
            disturbed.set()
            with pytest.raises(
                pcapconv.UsageError, match=r"^input: several threads read this capture at once; let one"
            ):
                other.result(60)
