"""Batches of `items` and `batches` own their memory: they, and views of them, stay valid, and unused memory is used
again."""

import gzip
import io
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import numpy as np
import pytest
import wire
from conversions import Pipe
from hypothesis import given
from hypothesis import strategies as st

import pcapconv
from pcapconv import PacketBatch, formats
from pcapconv.formats.batch_buffers import BatchBuffers
from pcapconv.io.source import open_source

Said = list[tuple[int, bytes, int | None, int, bytes]]


def pcap(packets: int, size: int) -> bytes:
    records = (wire.pcap_record(number, 0, number.to_bytes(4, "big") + bytes(size)) for number in range(packets))
    return wire.pcap_header() + b"".join(records)


def pcapng(packets: int, size: int) -> bytes:
    """Packets with comments, and now and then another block."""
    blocks = [wire.section_header(), wire.interface()]
    for number in range(packets):
        comment = wire.options((1, b"%d" % number)) if number % 3 else b""
        blocks.append(wire.enhanced_packet(0, number, number.to_bytes(4, "big") + bytes(size), options=comment))
        if number % 50 == 49:
            blocks.append(wire.block(5, bytes(12)))
    return b"".join(blocks)


CAPTURES = {"pcap": pcap(9000, 150), "pcapng": pcapng(9000, 150), "large": pcap(40, 100_000), "few": pcapng(3, 5)}


def said(batches: Any) -> Said:
    return [
        (packet.number, packet.data, packet.time_ns, packet.original_length, packet.raw_options)
        for batch in batches
        for packet in batch
    ]


def owned(capture: bytes, window_size: int, *, salvage: bool = False) -> Iterator[PacketBatch]:
    """The batches as `Capture.batches` gives them, through a window of another size."""
    buffers = BatchBuffers()
    with pytest.MonkeyPatch.context() as patch, open_source(io.BytesIO(capture), salvage=salvage) as source:
        patch.setattr("pcapconv.formats.window._STEP", 4096)  # else one buffer holds a small capture
        for item in formats.open_reader(source, window_size, batch_buffers=buffers).items():
            if isinstance(item, PacketBatch):
                yield buffers.owned(item)


@pytest.mark.parametrize("form", ["file", "pipe", "gzip"])
@pytest.mark.parametrize("name", CAPTURES)
def test_kept_batches_stay_valid(name: str, form: str) -> None:
    capture = CAPTURES[name]
    expected = said([list(pcapconv.open(io.BytesIO(capture)))])
    content = gzip.compress(capture, 1) if form == "gzip" else capture
    stream: Any = Pipe([content]) if form == "pipe" else io.BytesIO(content)
    with pcapconv.open(stream) as reading:
        kept = list(reading.batches())
    assert said(kept) == expected
    assert said(pickle.loads(pickle.dumps(kept))) == expected
    assert said([batch.copy() for batch in kept]) == expected


@given(
    st.lists(st.integers(3000, 9000), min_size=30, max_size=60),
    st.sampled_from([8192, 16000, 40_000]),
    st.lists(st.integers(0, 3), min_size=1, max_size=8),
    st.booleans(),
    st.booleans(),
)
def test_any_of_the_batches_are_kept(
    sizes: list[int], window_size: int, keep: list[int], is_pcap: bool, salvage: bool
) -> None:
    """Whole, as a view of their bytes, as an array of NumPy, or not at all."""
    if is_pcap:
        records = (wire.pcap_record(at, 0, bytes([at]) * size) for at, size in enumerate(sizes))
        capture = wire.pcap_header() + b"".join(records)
    else:
        blocks = (wire.enhanced_packet(0, at, bytes([at]) * size) for at, size in enumerate(sizes))
        capture = wire.section_header() + wire.interface() + b"".join(blocks)
    kept: list[tuple[Any, list[int], bytes]] = []
    for number, batch in enumerate(owned(capture, window_size, salvage=salvage)):
        used = bytes(batch.buffer)
        match keep[number % len(keep)]:
            case 0:
                kept.append((batch, list(batch.ticks), used))
            case 1:
                kept.append((memoryview(batch.buffer), [], used))
            case 2:
                kept.append((np.frombuffer(batch.buffer, "u1")[:], [], used))
    for each, ticks, used in kept:
        if isinstance(each, PacketBatch):
            assert list(each.ticks) == ticks
            assert bytes(each.buffer)[: len(used)] == used
        else:
            assert bytes(each) == used


def test_views_outlive_their_batches() -> None:
    columns, rows, views = [], [], []
    with pcapconv.open(io.BytesIO(CAPTURES["pcap"])) as reading:
        for batch in reading.batches():
            columns.append(batch.ticks)
            rows.append(batch.data(0))
            at = batch.data_at[0]
            views.append(memoryview(batch.buffer)[at : at + batch.captured_length[0]])
    assert [time for column in columns for time in column] == [number * 10**6 for number in range(9000)]
    assert [bytes(view) for view in views] == rows


@pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="batches are copied here")
def test_memory_that_nobody_needs_is_used_again() -> None:
    capture = pcap(30_000, 150)
    with pcapconv.open(io.BytesIO(capture)) as reading:
        seen = [id(batch.buffer) for batch in reading.batches()]
    assert len(seen) > 8
    assert len(set(seen[1:])) == 2
    with pcapconv.open(io.BytesIO(capture)) as reading:
        kept = list(reading.batches())
    assert len({id(batch.buffer) for batch in kept}) == len(kept)


def test_small_batches_keep_little() -> None:
    """A live capture: each packet comes alone. Nobody who keeps its batches keeps a whole buffer of each."""
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb", buffering=0) as file:
            file.write(wire.pcap_header())
            for number in range(50):
                file.write(wire.pcap_record(number, 0, bytes(100)))

    thread = Thread(target=write)
    thread.start()
    with open(reading, "rb", buffering=0) as file:
        kept = list(pcapconv.open(file).batches())
    thread.join()
    assert sum(batch.rows for batch in kept) == 50
    assert sum(len(batch.buffer) for batch in kept) <= 2 * 50 * 116


@pytest.mark.parametrize("change", [lambda reading: next(iter(reading)), lambda reading: next(reading.items())])
def test_other_ways_to_read_before(change: Callable[[pcapconv.Capture], object]) -> None:
    with pcapconv.open(io.BytesIO(CAPTURES["pcap"])) as reading:
        change(reading)
        kept = list(reading.batches())
    numbers = [number for batch in kept for number in batch.packet_numbers]
    assert numbers == list(range(9001 - len(numbers), 9001))
    assert [packet.data[:4] for batch in kept for packet in batch] == [(at - 1).to_bytes(4, "big") for at in numbers]
