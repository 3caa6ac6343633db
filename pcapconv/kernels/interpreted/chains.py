"""The interpreted kernels that search damaged bytes for chains of sound records and blocks.

A chain begins at a record, and goes on with the record that begins where the one before it ends. It has proven itself
when it has run over `reach` bytes, or, with `at_end`, exactly to `stop`, where the capture ends. With `cut`, a chain of
pcap records may also end there with a record that is cut off.

Strategy: a search tries one place after the other. Once a chain has failed, none of its records is followed again, so
that a search takes time in proportion to its bytes. The places are found by the bytes that all records and blocks have
there, with a regular expression. `compiled_chains.pxi` must do the same as this module, on any input.
"""

from __future__ import annotations

import re
from array import array
from struct import Struct
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import (
    ANY_LENGTHS,
    EARLIEST,
    ENHANCED,
    FRACTIONS,
    LATEST,
    LONGEST,
    MOST_ORIGINAL,
    OBSOLETE,
    RECORD_LIMITS,
    SIMPLE,
    TIME_BOUNDS,
    TIME_STEP,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pcapconv.columns import Columns

_RECORD = {True: Struct(">IIII"), False: Struct("<IIII")}
_TRIPLE = {True: Struct(">III"), False: Struct("<III")}
_MOST_PATTERNS = 512  # alternatives of a regular expression

_SECTION_HEADER = 0x0A0D0D0A
_INTERFACE = 1
_SHORTEST = {_SECTION_HEADER: 28, _INTERFACE: 20, OBSOLETE: 32, SIMPLE: 16, ENHANCED: 32}
_STARTS = (1, 2, 3, 4, 5, 6, 9, 10, 0xBAD, 0x40000BAD)  # block types with which a chain may begin, besides sections
_MAGIC_ORDER = {b"\x4d\x3c\x2b\x1a": False, b"\x1a\x2b\x3c\x4d": True}  # byte-order magic → whether it is big-endian


class _Records:
    """The records in `buffer[:stop]`, and what a sound one is."""

    def __init__(
        self, buffer: bytes | bytearray, stop: int, big: bool, header_size: int, swap: int, limits: array[int]
    ) -> None:
        if header_size < 16 or not 0 <= stop <= len(buffer):
            raise ValueError("the range lies outside the buffer")
        if limits.typecode != "Q" or len(limits) < RECORD_LIMITS:
            raise ValueError(f"a table of fewer than {RECORD_LIMITS} 64-bit values")
        self.buffer, self.stop, self.header_size, self.swap = buffer, stop, header_size, swap
        self.limits, self.big = limits, big
        self.unpack = _RECORD[big].unpack_from

    def lengths(self, at: int) -> tuple[int, int]:
        """Return the captured and the original length of the record at an offset."""
        _, _, captured, original = self.unpack(self.buffer, at)
        if self.swap == 2 or (self.swap == 1 and captured > original):
            return original, captured
        return captured, original

    def seconds(self, at: int) -> int:
        return int(self.unpack(self.buffer, at)[0])

    def whole_end(self, at: int) -> int:
        """Return where the record at an offset ends; -1 if it is not whole."""
        if not 0 <= at <= self.stop - self.header_size:
            return -1
        end = at + self.header_size + self.lengths(at)[0]
        return end if end <= self.stop else -1

    def sound_end(self, at: int) -> int:
        """Return where the record at an offset ends; -1 if it is not sound."""
        end, limits = self.whole_end(at), self.limits
        if end < 0:
            return -1
        seconds, fraction, *_ = self.unpack(self.buffer, at)
        captured, original = self.lengths(at)
        sound = fraction < limits[FRACTIONS] and captured <= limits[LONGEST] and original <= MOST_ORIGINAL
        sound = sound and (captured <= original or limits[ANY_LENGTHS] > 0)
        return end if sound and (seconds or fraction or captured or original) else -1

    def is_cut_off(self, at: int, previous: int) -> bool:
        """Whether the record at an offset, behind the one at `previous`, ends behind `stop`, and is sound as far as its
        header is there."""
        left, limits = self.stop - at, self.limits
        if left >= 4 and abs(self._word(at) - self.seconds(previous)) > limits[TIME_STEP]:
            return False
        if left >= 8 and self._word(at + 4) >= limits[FRACTIONS]:
            return False
        if left < 16:
            return True
        captured, original = self.lengths(at)
        if captured > limits[LONGEST] or original > MOST_ORIGINAL or (captured > original and not limits[ANY_LENGTHS]):
            return False
        return captured > left - self.header_size

    def _word(self, at: int) -> int:
        return int.from_bytes(self.buffer[at : at + 4], "big" if self.big else "little")

    def near(self, at: int, other: int) -> bool:
        """Whether the time of the record at an offset is near that of another one."""
        return bool(abs(self.seconds(at) - self.seconds(other)) <= self.limits[TIME_STEP])

    def may_begin(self, at: int) -> bool:
        """Whether the time of the record at an offset allows a chain to begin there."""
        return bool(self.limits[EARLIEST] <= self.seconds(at) <= self.limits[LATEST])

    def nested(self, at: int, end: int) -> int:
        """Return the first offset inside the record from `at` to `end` where a chain begins that ends with the record,
        or has another record after the first; -1 if there is none."""
        for inside in range(at + self.header_size, end - self.header_size + 1):
            inside_end = self.sound_end(inside) if self.may_begin(inside) else -1
            if inside_end == end >= 0:
                return inside
            if inside_end >= 0 and self.sound_end(inside_end) >= 0 and self.near(inside_end, inside):
                return inside
        return -1


def find_records(
    buffer: bytes | bytearray,
    start: int,
    scan: int,
    reach: int,
    stop: int,
    at_end: bool,
    cut: bool,
    big: bool,
    header_size: int,
    swap: int,
    limits: array[int],
) -> int:
    """Find the first chain of sound pcap records that begins at an offset from `start` up to but without `scan`, and
    proves itself. `limits` are those of the contract. Return the offset, or -1."""
    records = _Records(buffer, stop, big, header_size, swap, limits)
    if not 0 <= start <= scan <= stop or reach < 1:
        raise ValueError("the range lies outside the buffer")
    failed: set[int] = set()
    for begin in _times(records, start, scan, big):
        if begin in failed or not records.may_begin(begin):
            continue
        chain: list[int] = []
        at = begin
        while at < begin + reach and not (at_end and at == stop):
            end = -1 if at in failed else records.sound_end(at)
            if end < 0 or (chain and not records.near(at, chain[-1])):
                if at_end and cut and chain and records.is_cut_off(at, chain[-1]):
                    return begin
                failed.update(chain)
                break
            chain.append(at)
            at = end
        else:
            return begin
    return -1


def _times(records: _Records, start: int, scan: int, big: bool) -> Iterable[int]:
    """Return the offsets of possible first records, some of which have other times."""
    scan = min(scan, records.stop - records.header_size + 1)
    first, last = records.limits[EARLIEST] >> 16, min(records.limits[LATEST], 2**32 - 1) >> 16
    if last - first >= _MOST_PATTERNS:
        return range(start, scan)
    halves = (half.to_bytes(2, "big" if big else "little") for half in range(first, last + 1))
    pattern = b"(?=" + (b"" if big else b"..") + b"(?:" + b"|".join(map(re.escape, halves)) + b"))"
    found = re.compile(pattern, re.DOTALL).finditer(records.buffer, start, max(start, scan + 3))
    return (each.start() for each in found if each.start() < scan)


def follow_records(
    buffer: bytes | bytearray, start: int, until: int, stop: int, big: bool, header_size: int, swap: int, zeros: bool
) -> int:
    """Follow whole records from `start` on, sound or not. Return the offset of the first one that begins at `until` or
    behind it, or that is not whole, or, without `zeros`, whose header is zeros."""
    records = _Records(buffer, stop, big, header_size, swap, array("Q", bytes(8 * RECORD_LIMITS)))
    if not 0 <= start <= stop:
        raise ValueError("the range lies outside the buffer")
    at = start
    while at < until and (end := records.whole_end(at)) >= 0:
        if not zeros and not any(buffer[at : at + header_size]):
            break
        at = end
    return at


def find_container(
    buffer: bytes | bytearray,
    start: int,
    until: int,
    stop: int,
    big: bool,
    header_size: int,
    swap: int,
    limits: array[int],
) -> int:
    """Follow whole records from `start` on, and find the first one before `until` that holds a chain of sound records
    in its bytes. Records that hold such a chain whose records hold a chain in turn do not count. Return the offset, or
    -1."""
    records = _Records(buffer, stop, big, header_size, swap, limits)
    if not 0 <= start <= stop:
        raise ValueError("the range lies outside the buffer")
    at = start
    while at < until and (end := records.whole_end(at)) >= 0:
        inside = records.nested(at, end)
        if inside >= 0:
            while inside < end and (inside_end := records.sound_end(inside)) >= 0:
                if records.nested(inside, inside_end) >= 0:
                    break
                inside = inside_end
            else:
                return at
        at = end
    return -1


def first_unsound(
    buffer: bytes | bytearray,
    columns: Columns,
    first: int,
    stop: int,
    big: bool,
    header_size: int,
    swap: int,
    previous: int,
    limits: array[int],
) -> int:
    """Return the first row whose pcap record is not sound, or whose time is far from that of the row before it;
    `stop` if there is none. `previous` are the seconds of the record before row `first`, -1 if there is none."""
    records = _Records(buffer, len(buffer), big, header_size, swap, limits)
    if not 0 <= first <= stop <= len(columns.record_at):
        raise ValueError("the rows lie outside the columns")
    for row in range(first, stop):
        at = columns.record_at[row]
        if records.sound_end(at) < 0:
            return row
        seconds = records.seconds(at)
        if previous >= 0 and abs(seconds - previous) > limits[TIME_STEP]:
            return row
        previous = seconds
    return stop


def find_blocks(
    buffer: bytes | bytearray,
    start: int,
    scan: int,
    reach: int,
    stop: int,
    at_end: bool,
    big: bool,
    bounds: array[int],
    most: int,
) -> int:
    """Find the first chain of sound pcapng blocks that begins at an offset from `start` up to but without `scan`, and
    proves itself.

    The two lengths of a sound block agree, it has at most `most` bytes, and if it is a packet, the packet fits into it.
    `bounds` has two values for each interface that is declared: a chain whose first packet with a time, before any
    Section Header Block, has a time outside those of its interface does not count. A chain begins with a Section Header
    Block of either byte order, or with a block that the specification names. Return the offset, or -1.
    """
    if not 0 <= start <= scan <= stop <= len(buffer) or reach < 1:
        raise ValueError("the range lies outside the buffer")
    if bounds.typecode != "Q" or len(bounds) % TIME_BOUNDS:
        raise ValueError("bounds have two 64-bit values for each interface")
    types = [_SECTION_HEADER.to_bytes(4, "big"), *(each.to_bytes(4, "big" if big else "little") for each in _STARTS)]
    pattern = re.compile(b"(?=" + b"|".join(map(re.escape, types)) + b")")
    failed: tuple[set[int], set[int]] = (set(), set())
    for match in pattern.finditer(buffer, start, min(scan + 3, stop)):
        begin = match.start()
        if begin < scan and _proves_itself(buffer, begin, reach, stop, at_end, big, bounds, most, failed):
            return begin
    return -1


def _proves_itself(
    buffer: bytes | bytearray,
    begin: int,
    reach: int,
    stop: int,
    at_end: bool,
    big: bool,
    bounds: array[int],
    most: int,
    failed: tuple[set[int], set[int]],
) -> bool:
    """Whether the chain of blocks from `begin` on proves itself. `failed` are the blocks, little-endian and big-endian,
    whose chains have failed."""
    at, timed = begin, False
    chain: list[tuple[int, bool]] = []
    while at < begin + reach and not (at_end and at == stop):
        block = _block(buffer, at, stop, big, most)
        if block is None or at in failed[block[1]]:
            break
        end, big, block_type = block
        chain.append((at, big))
        if block_type == _SECTION_HEADER:
            timed = True
        if not timed and block_type in (OBSOLETE, ENHANCED):
            _, interface, high, low = _RECORD[big].unpack_from(buffer, at + 4)
            if block_type == OBSOLETE:
                interface = int.from_bytes(buffer[at + 8 : at + 10], "big" if big else "little")
            if TIME_BOUNDS * interface < len(bounds):
                lowest, highest = bounds[TIME_BOUNDS * interface : TIME_BOUNDS * (interface + 1)]
                if not lowest <= high << 32 | low <= highest:
                    break
                timed = True
        at = end
    else:
        return True
    for offset, order in chain:
        failed[order].add(offset)
    return False


def _block(buffer: bytes | bytearray, at: int, stop: int, big: bool, most: int) -> tuple[int, bool, int] | None:
    """Return the end of the block at an offset, whether it is big-endian, and its type; None if it is not sound."""
    if stop - at < 12:
        return None
    if buffer[at : at + 4] == b"\x0a\x0d\x0d\x0a":
        order = _MAGIC_ORDER.get(bytes(buffer[at + 8 : at + 12]))
        if order is None:
            return None
        big = order
    block_type, length, _ = _TRIPLE[big].unpack_from(buffer, at)
    if length % 4 or not _SHORTEST.get(block_type, 12) <= length <= min(most, stop - at):
        return None
    if buffer[at + 4 : at + 8] != buffer[at + length - 4 : at + length]:
        return None
    if (
        block_type in (OBSOLETE, ENHANCED)
        and int.from_bytes(buffer[at + 20 : at + 24], "big" if big else "little") > length - 32
    ):
        return None
    return at + length, big, block_type
