"""Salvaging captures that Hypothesis cuts, flips, widens and narrows, also captures of transferred captures: no packet
comes out that was not there."""

import io
import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import pytest
import wire
from hypothesis import given
from hypothesis import strategies as st
from wire import BIG, LITTLE, In

import pcapconv

T = 1_700_000_000
HEADERS = b"\x02\x42\xac\x11\0\2\x02\x42\xac\x11\0\3\x08\0E" + bytes(range(1, 40))  # before a packet's payload
HEADER_SIZE = 16  # bytes of a record or block that are before the packet in both formats
Packets = list[tuple[int, bytes]]  # seconds and data


class Built(NamedTuple):
    """A capture, and the offsets of its packets' records."""

    raw: bytes
    starts: list[int]


def build(write: In, form: str, packets: Packets) -> Built:
    raw = bytearray(
        write.pcap_header(snaplen=262144) if form == "pcap" else write.section_header() + write.interface(snaplen=0)
    )
    starts = []
    for seconds, data in packets:
        starts.append(len(raw))
        raw += (
            write.pcap_record(seconds, 7, data)
            if form == "pcap"
            else write.enhanced_packet(0, seconds * 10**6 + 7, data)
        )
    return Built(bytes(raw), starts)


@cache
def capture(byte_order: wire.ByteOrder, form: str, payload: str, count: int) -> Built:
    """A capture of `count` packets. Each carries a whole capture, a segment of a transferred one, or noise."""
    write, noise = In(byte_order), random.Random(count)
    begin = T - 1000 if payload == "whole captures" else T
    inner = build(write, form, [(begin + each, noise.randbytes(20 + each % 60)) for each in range(100)])
    records = [*inner.starts, len(inner.raw)]
    payloads: dict[str, Callable[[int], bytes]] = {
        "noise": lambda each: noise.randbytes(each % 200),
        "whole captures": lambda each: HEADERS + inner.raw if each % 7 == 3 else noise.randbytes(60),
        "segments": lambda each: HEADERS + inner.raw[each * 536 % len(inner.raw) :][:536],
        "records": lambda each: HEADERS + inner.raw[records[each % 100] : records[each % 100 + 1]],
    }
    return build(write, form, [(T + each, payloads[payload](each)) for each in range(count)])


EDITS = ("cut", "flip", "overwrite", "word", "insert", "delete")


class Edit(NamedTuple):
    """Bytes from `at` on, `removed` of them, that are replaced by `inserted`."""

    at: int
    removed: int
    inserted: bytes

    def apply(self, raw: bytes) -> bytes:
        return raw[: self.at] + self.inserted + raw[self.at + self.removed :]

    def place_before(self, place: int) -> int:
        """Where the byte at this place of the edited capture was before; -1 if it was inserted."""
        if place < self.at or (place == self.at and len(self.inserted) == self.removed):
            return place
        if place < self.at + len(self.inserted):
            return place if len(self.inserted) == self.removed else -1
        return place - len(self.inserted) + self.removed


@st.composite
def edits(draw: st.DrawFn, built: Built, kinds: Sequence[str] = EDITS) -> Edit:
    """An edit behind the first packet, mostly in or near the header of a record."""
    raw = built.raw
    start = draw(st.sampled_from(built.starts[1:]))
    at = draw(st.one_of(st.integers(start, min(start + 31, len(raw) - 1)), st.integers(built.starts[1], len(raw) - 1)))
    noise = st.randoms(use_true_random=False)
    match draw(st.sampled_from(kinds)):
        case "cut":
            return Edit(at, len(raw) - at, b"")
        case "flip":
            return Edit(at, 1, bytes([raw[at] ^ 1 << draw(st.integers(0, 7))]))
        case "overwrite":
            size = min(draw(st.sampled_from([1, 4, 16, 28, 512])), len(raw) - at)
            return Edit(at, size, draw(st.sampled_from([bytes(size), b"\xff" * size, draw(noise).randbytes(size)])))
        case "word":
            word = draw(st.one_of(st.integers(0, 2000), st.integers(0, 2**32 - 1)))
            field = start + draw(st.sampled_from([4, 8, 12]))
            return Edit(field, 4, word.to_bytes(4, draw(st.sampled_from(["little", "big"]))))
        case "insert":
            return Edit(at, 0, draw(noise).randbytes(draw(st.sampled_from([1, 3, 4, 16, 100]))))
        case _:
            return Edit(at, min(draw(st.sampled_from([1, 3, 4, 16, 100, 1000])), len(raw) - at), b"")


def places(raw: bytes) -> list[int]:
    """Where the records of the packets that are salvaged begin."""
    found = []
    with pcapconv.open(io.BytesIO(raw), salvage=True) as opened:
        for batch in opened.batches(reuse=True):
            shift = opened._reader.buffer_offset
            found += [shift + at for at in batch.columns.record_at[: batch.rows]]
    return found


def was_there(built: Built, edit: Edit, place: int) -> bool:
    """Whether the first byte of a record, or the last one of its header, stood where a record has it before the edit,
    or the edit met this header."""
    stood = any(edit.place_before(place + each) - each in built.starts for each in (0, HEADER_SIZE - 1))
    return stood or place - len(edit.inserted) < edit.at < place + HEADER_SIZE


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@pytest.mark.parametrize("payload", ["noise", "whole captures", "segments", "records"])
@given(data=st.data())
def test_no_packet_comes_out_that_was_not_there(form: str, payload: str, data: st.DataObject) -> None:
    built = capture(data.draw(st.sampled_from([LITTLE, BIG])), form, payload, data.draw(st.sampled_from([5, 40])))
    edit = data.draw(edits(built))
    assert [place for place in places(edit.apply(built.raw)) if not was_there(built, edit, place)] == []


def is_inside(built: Built, edit: Edit) -> bool:
    return edit.at + edit.removed < len(built.raw)


def shows_section(edit: Edit) -> bool:
    """Whether the bytes look as if a section had begun in them."""
    marks = (b"\x0a\x0d\x0d\x0a", b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a")
    return any(mark in edit.inserted for mark in marks)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@given(data=st.data())
def test_all_other_packets_come_back(form: str, data: st.DataObject) -> None:
    """Where payloads hold no captures, one edit costs the packets that it meets, and one behind them. Of pcap, that is
    true of edits that meet one of the two lengths."""
    kinds = EDITS if form == "pcapng" else ("flip", "word")
    built = capture(data.draw(st.sampled_from([LITTLE, BIG])), form, "noise", 40)
    edit = data.draw(edits(built, kinds).filter(lambda each: is_inside(built, each) and not shows_section(each)))
    ends = [*built.starts[1:], len(built.raw)]
    untouched = {start for start, end in zip(built.starts, ends) if end <= edit.at or edit.at + edit.removed <= start}
    back = {edit.place_before(place) for place in places(edit.apply(built.raw))}
    assert len(untouched - back) <= 1


@pytest.mark.usefixtures("kernels")
@given(data=st.data())
def test_two_edits_raise_nothing(data: st.DataObject) -> None:
    built = capture(LITTLE, data.draw(st.sampled_from(["pcap", "pcapng"])), "segments", 40)
    first, second = (data.draw(edits(built)) for _ in range(2))
    places(second.apply(first.apply(built.raw)))


@pytest.mark.usefixtures("kernels")
def test_undamaged_captures_are_read_as_without_salvaging() -> None:
    for form in ("pcap", "pcapng"):
        for payload in ("noise", "whole captures", "segments", "records"):
            built = capture(LITTLE, form, payload, 40)
            assert places(built.raw) == built.starts
