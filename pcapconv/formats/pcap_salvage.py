"""Finds the records behind damage in a pcap file. `salvage` begins with the rules for both formats.

Strategy: nothing marks where a pcap record begins, so a wrong length leads into the middle of a packet, where any bytes
look like a record. So while salvaging, a record that is not **sound** (a fraction of a second or more, a captured
length above the original one, a time a week from that of the record before it, ...) is read only if whole records
follow it for more bytes than the longest packet has, or if eight sound ones follow it; else damage begins there.
The same is asked of a record before something else that is shorter than its original length and the snaplen state,
unless records before it were. A sound record before one that is not sound is left out, too, if a chain begins in its
data: bytes of it were lost, or it is a false one. `sound_rows` and `is_trusted` decide that. An undamaged capture is
read as without salvaging, whatever it holds, but for records of zeros among packets of other years than 1970.

`find` looks for the next record. A chain of false records, in the data of the packet whose header is damaged, ends
with the first sound record behind this packet, and nothing in the chain itself tells where. So, in this order:

1. The damaged record's own lengths count, if they lead to a chain: the original length, or the snaplen if that is
   smaller. So do those of the last packet before the stretch, whose captured length may be the wrong one, and the end
   of a record that begins in the data of that packet, of which bytes were lost. The damaged packet is one record up to
   there, and any false chain inside it has at least as many: the chain with the fewest records before the two meet is
   taken. If several of these places lead to a chain, the first one is taken; if the damaged packet may
   hold records, that is decided as in 2, and else the last one is taken.
2. Else, if the damaged packet may hold records, since the stretch has the header of a pcap file or the last 64 KiB
   before it hold packets with records inside, the chain is taken from its first record that holds such records itself:
   it is a packet of the transfer, not part of what is transferred. Without such a record it is taken from behind the
   longest packet. If less than eight packets precede the stretch, a record that holds records is looked for, too.
3. Else the chain that begins first is taken.

In 1 and 3, a chain that ends with a record that the capture's end cuts off counts only if no other one is found. It
never makes a record doubtful: the end of a capture cuts off false records, too.

If the damaged record is sound and only cut off by the capture's end, everything behind it is its data, and nothing is
taken.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from types import ModuleType

from pcapconv.formats.pcap_header import FileHeader, header_size
from pcapconv.formats.salvage import LATER, WINDOW, RecentTimes, longest_packet
from pcapconv.formats.window import Window
from pcapconv.kernels.contract import EARLIEST, LATEST, LONGEST, NOT_A_RECORD
from pcapconv.model import Columns
from pcapconv.spec import pcap

_TAIL_SIZE = 65536  # bytes of records before a stretch
_FEW = 8  # packets before a stretch that say nothing about what is in it
_SOUND_RECORDS = 8  # behind a record that is not sound
_MAGIC = re.compile(b"|".join(re.escape(each) + b"[\2\3]\0|" + re.escape(each) + b"\0[\2\3]" for each in pcap.MAGICS))
_MAGIC_SIZE = 6


class PcapSalvage:
    """Reads on behind damage in the pcap file in `window`, whose records are as `header` states."""

    def __init__(self, window: Window, header: FileHeader, kernels: ModuleType) -> None:
        self._window = window
        self._header = header
        self._kernels = kernels
        self._layout = header.byte_order == "big", header.variant.record_size, header.swap
        self._times = RecentTimes()
        self._previous = -1  # the seconds of the last record, -1 if the next one may have any time
        self._trusted_until = 0  # the offset in the capture up to which all records are read
        self._clock_trusted_from = 0  # the offset from which a set clock is believed
        self._packets = self._longest_seen = 0
        self._any_fractions = self._any_lengths = self._any_short = False
        self._last_is_short = False  # whether the last record is, which may be the one that is damaged
        self._last_at, self._last_length = -1, 0  # the last record: its offset in the capture, its length on the wire
        self._last_size = 0  # of that record
        self._tail = b""  # the last records before the window

    def sound_rows(self, columns: Columns, rows: int) -> int:
        """Return the number of rows before the first one that is neither sound nor trusted, or may be the last one
        before damage."""
        window, record_at = self._window, columns.record_at
        trusted = self._trusted_until - window.offset + window.start
        first = bisect_left(record_at, trusted, 0, rows)
        previous = self._seconds_at(record_at[first - 1]) if first else self._previous
        if first == rows:
            return rows
        limits = self._limits(anytime=True)
        sound = int(self._kernels.first_unsound(window.buffer, columns, first, rows, *self._layout, previous, limits))
        return max(first, sound - 1)

    def note(self, columns: Columns, rows: int) -> None:
        """Note the next records, which are read."""
        window, header, record_at = self._window, self._header, columns.record_at
        for row in self._times.rows(rows):
            self._times.add(columns.ticks[row] // header.variant.ticks_per_second)
        self._any_short = self._any_short or self._last_is_short or self._any_is_short(columns, rows - 1)
        self._last_is_short = self._is_short(columns, rows - 1)
        last = record_at[rows - 1]
        self._last_size = columns.record_length[rows - 1]
        end = last + self._last_size
        self._last_at, self._last_length = window.offset - window.start + last, columns.original_length[rows - 1]
        self._previous = self._seconds_at(last)
        self._packets += rows
        self._longest_seen = max(self._longest_seen, max(columns.captured_length[:rows]))
        first = bisect_left(record_at, end - _TAIL_SIZE, 0, rows)
        tail = bytes(window.buffer[record_at[first] : end]) if first < rows else b""
        self._tail = tail if first else self._tail + tail
        if len(self._tail) > _TAIL_SIZE:  # always, or what is found would depend on the size of batches
            until = len(self._tail) - _TAIL_SIZE
            self._tail = self._tail[
                self._kernels.follow_records(self._tail, 0, until, len(self._tail), *self._layout, True) :
            ]

    def is_trusted(self) -> bool:
        """Whether the record at the window's start is read, which is not sound or may be the last one before damage."""
        window = self._window
        start = window.start
        end = int(self._kernels.follow_records(window.buffer, start, start + 1, window.stop, *self._layout, True))
        if self._is_sound(window.head(end - start), self._previous) and not self._may_be_cut_short(end - start):
            return self._is_alone(end - start)
        if self._was_cut_short(end - start) or self._has_rival():
            return False
        if not (self._followed(end - start) or self._sound_records_follow(end - start)):
            return False
        self._note_oddities()
        return True

    def zeros_are_packets(self) -> bool:
        """Whether the zeros at the window's start are empty packets, or the end of the capture: the packets before them
        have to be of 1970, as they are, and the records behind them whole."""
        window, (_, size, _) = self._window, self._layout
        if window.offset < self._trusted_until:
            return True
        at_end = window.look_ahead(2 * self._longest)
        zeros = window.leading_zeros()
        if zeros == window.available and at_end:
            return True
        if not self._near_1970:
            return False
        distance = self._last_at + size + self._last_length - window.offset
        if self._last_at >= 0 and distance > 0 and self._proves(window.offset + distance, self._limits(anytime=True)):
            return False  # the last packet's captured length is wrong, and these are its data
        return zeros < self._longest and not self._has_rival() and self._followed(zeros // size * size)

    def header_is_trusted(self, magic: bytes) -> bool:
        """Whether the file header at the window's start is not the data of a packet: whole records have to follow."""
        if self._window.offset < self._trusted_until:
            return True
        size = header_size(magic)
        if self._followed(size):
            return True
        offset = self._window.offset + size
        if not self._proves(offset, self._limits(anytime=True), cut=True):
            return False
        self._trusted_until = offset + 1  # whatever the time of the first record is
        return True

    def fault(self) -> str:
        """Why the record at the window's start is not read, in words."""
        window, variant = self._window, self._header.variant
        order = self._header.byte_order
        at = window.start
        words = [int.from_bytes(window.buffer[at + each : at + each + 4], order) for each in (0, 4, 8, 12)]
        seconds, fraction, captured, original = words
        if fraction >= variant.ticks_per_second and not self._any_fractions:
            what = f"a fraction of a second of {fraction:,} units"
        elif captured > original and not self._any_lengths and not self._header.swap:
            what = f"a captured length of {captured} bytes and an original length of {original}"
        elif self._previous >= 0 and abs(seconds - self._previous) > LATER:
            what = f"a time of {seconds} seconds after one of {self._previous}"
        else:
            what = f"lengths of {captured} and {original} bytes"
        return f"a record with {what}, and no sound records where it ends"

    def find(self) -> tuple[int, bool]:
        """Pass over the bytes up to the next record that is taken, or all that remain. Return their number, and whether
        sound records are among them that are too few to be taken."""
        window, begin, longest = self._window, self._window.offset, self._longest
        window.look_ahead(WINDOW * longest)
        if self._is_cut_off():
            return window.skip_to_end(), False
        limits = self._limits()
        place = self._known_end(limits)
        first, file_header, any_sound = 1, False, False
        while place is None:
            at_end = window.look_ahead(WINDOW * longest)
            start, stop = window.start, window.stop
            scan = min(start + longest, stop)
            search, rules = self._kernels.find_records, (*self._layout, limits)
            sound = chain = search(window.buffer, min(start + first, stop), scan, 1, stop, at_end, False, *rules)
            if sound >= 0:
                chain = search(window.buffer, sound, scan, longest, stop, at_end, False, *rules)
                if chain < 0:
                    chain = search(window.buffer, sound, scan, longest, stop, at_end, True, *rules)
                any_sound |= chain != sound
            passed = scan if chain < 0 else chain
            file_header |= _MAGIC.search(window.buffer, start, min(passed + _MAGIC_SIZE, stop)) is not None
            if chain >= 0:
                place = self._first_certain(window.offset + chain - start, limits, file_header=file_header)
                any_sound |= place != window.offset + chain - start
                passed = min(chain + longest, stop)  # where the packet ends that may hold the chain
            if place is None:
                if at_end and passed == stop:
                    window.skip_to_end()
                    return window.offset - begin, any_sound
                window.take(passed - start)
            first = 0
        window.take(place - window.offset)
        self._trusted_until = place + longest
        self._previous, self._last_is_short = -1, False
        return window.offset - begin, any_sound

    @property
    def _longest(self) -> int:
        """How many bytes the record of the longest packet can have."""
        return longest_packet([self._header.snaplen], self._longest_seen) + self._layout[1]

    @property
    def _near_1970(self) -> bool:
        """Whether the packets before are of the first days of 1970, or there are none, so that zeros may be packets."""
        return self._limits()[EARLIEST] <= LATER

    def _limits(self, *, anytime: bool = False) -> array[int]:
        """What a sound record is, as the kernels take it; with `anytime`, whatever its time is."""
        earliest, latest = 0, 2**32 - 1
        bounds = None if anytime else self._times.bounds()
        if bounds is not None:
            earliest, latest = max(earliest, bounds[0]), max(0, min(latest, bounds[1]))
        fractions = 2**32 if self._any_fractions else self._header.variant.ticks_per_second
        longest = self._longest - self._layout[1]
        return array("Q", [longest, fractions, earliest, latest, LATER, self._any_lengths])

    def _any_is_short(self, columns: Columns, rows: int) -> bool:
        """Whether one of the first rows is short."""
        captured, original = columns.captured_length[:rows], columns.original_length[:rows]
        return captured != original and any(self._is_short(columns, row) for row in range(rows))

    def _is_short(self, columns: Columns, row: int) -> bool:
        """Whether fewer bytes of a packet were captured than its original length and the snaplen state."""
        original = columns.original_length[row]
        return columns.captured_length[row] < min(original, self._header.snaplen or original)

    def _seconds_at(self, at: int) -> int:
        """The seconds of the record at a place in the window's buffer."""
        return int.from_bytes(self._window.buffer[at : at + 4], self._header.byte_order)

    def _followed(self, distance: int) -> bool:
        """Whether whole records follow for more bytes than the longest packet has, or up to the capture's end, from
        `distance` bytes ahead on. Then all of them are trusted."""
        window, longest = self._window, self._longest
        at_end = window.look_ahead(distance + 2 * longest)
        start = window.start + distance
        if start > window.stop:
            return False
        zeros, until = self._near_1970, start + longest
        end = int(self._kernels.follow_records(window.buffer, start, until, window.stop, *self._layout, zeros))
        at_end = at_end and not any(window.buffer[end : window.stop])  # zeros at the end are damage of their own
        if end < until and not at_end and bytes(window.buffer[end : end + 4]) not in pcap.MAGICS:
            return False
        self._trusted_until = window.offset + end - window.start
        return True

    def _sound_records_follow(self, distance: int) -> bool:
        """Whether eight sound records follow from `distance` bytes ahead on: a clock was set. Then they are trusted.
        That is asked once for as many bytes as the longest packet has, so that a capture cannot make it take long."""
        window, columns = self._window, Columns(_SOUND_RECORDS)
        if window.offset < self._clock_trusted_from:
            return False
        self._clock_trusted_from = window.offset + self._longest
        big, size, swap = self._layout
        start = window.start + distance
        rows, end, status, _ = self._kernels.index_pcap(
            window.buffer, start, window.stop, columns, big, size, swap, self._header.variant.ticks_per_second
        )
        if rows < _SOUND_RECORDS or status == NOT_A_RECORD:
            return False
        limits = self._limits(anytime=True)
        sound = self._kernels.first_unsound(window.buffer, columns, 0, rows, *self._layout, -1, limits)
        if sound < rows:
            return False
        self._trusted_until = window.offset + end - window.start
        return True

    def _is_alone(self, size: int) -> bool:
        """Whether the sound record of this size at the window's start overlaps no other one: a sound record follows, or
        no chain begins in its data. Then it is trusted."""
        window, (_, header_size, _) = self._window, self._layout
        if not self._next_is_sound(size):
            at_end = window.look_ahead(size + WINDOW * self._longest)
            data, stop, limits = window.start + header_size, window.start + size, self._limits()
            if self._overlapping(window.buffer, data, stop, window.stop, at_end=at_end, limits=limits) is not None:
                return False
        self._trusted_until = window.offset + size
        return True

    def _next_is_sound(self, size: int) -> bool:
        """Whether the record behind the one of this size at the window's start is sound, as far as it is there, or the
        capture ends between them."""
        window, header_size = self._window, self._layout[1]
        at_end = window.look_ahead(size + header_size)
        head = bytes(window.buffer[window.start + size : min(window.stop, window.start + size + header_size)])
        if len(head) < header_size:
            return at_end and not head
        captured = self._lengths(head)[0]
        return captured <= self._longest and self._is_sound(head + bytes(captured), self._seconds_at(window.start))

    def _may_be_cut_short(self, size: int) -> bool:
        """Whether the record of this size at the window's start is shorter than its original length and the snaplen
        state, as none was before, and no sound record follows."""
        captured, original = self._lengths(self._window.head(self._layout[1]))
        short = captured < min(original, self._header.snaplen or original)
        return short and not self._any_short and not self._next_is_sound(size)

    def _was_cut_short(self, size: int) -> bool:
        """Whether the captured length of the record of this size at the window's start is wrong: zeros or the header of
        a file follow, but a sound record does behind as many bytes as the original length states."""
        window, header_size = self._window, self._layout[1]
        at, order = window.start, self._header.byte_order
        other, stated = (int.from_bytes(window.buffer[at + each : at + each + 4], order) for each in (8, 12))
        length = min(max(other, stated), self._header.snaplen or 2**32)
        if header_size + length <= size or length > self._longest:
            return False
        window.look_ahead(size + header_size)
        behind = bytes(window.buffer[window.start + size : window.stop][:header_size])
        if any(behind) and behind[:4] not in pcap.MAGICS:
            return False
        return self._proves(window.offset + header_size + length, self._limits(anytime=True))

    def _has_rival(self) -> bool:
        """Whether a chain begins in the data behind the window's start that whole records, from there on, do not meet:
        four bytes were lost in a record's header, perhaps, and the fields of all later headers are taken for others."""
        window, longest = self._window, self._longest
        at_end = window.look_ahead(WINDOW * longest)
        start, stop = window.start, window.stop
        scan = min(start + longest, stop)
        rival = self._kernels.find_records(
            window.buffer, start + 1, scan, longest, stop, at_end, False, *self._layout, self._limits()
        )
        return rival >= 0 and bool(
            self._kernels.follow_records(window.buffer, start, rival, stop, *self._layout, True) != rival
        )

    def _note_oddities(self) -> None:
        """Note that records of this capture may have large fractions, or captured lengths above the original ones."""
        at, order = self._window.start, self._header.byte_order
        fraction, captured, original = (
            int.from_bytes(self._window.buffer[at + each : at + each + 4], order) for each in (4, 8, 12)
        )
        self._any_fractions |= fraction >= self._header.variant.ticks_per_second
        self._any_lengths |= captured > original
        self._any_short |= captured < original

    def _is_cut_off(self) -> bool:
        """Whether the record at the window's start is sound, but ends behind the end of the capture."""
        window, size = self._window, self._layout[1]
        if window.available < size:
            return True
        head = window.head(size)
        captured = self._lengths(head)[0]
        room = window.available if window.remaining is None else window.remaining
        limits = self._limits()
        if size + captured <= room or captured > limits[LONGEST]:
            return False
        near = limits[EARLIEST] <= self._seconds_at(window.start) <= limits[LATEST]
        return near and self._is_sound(head + bytes(captured), -1)

    def _lengths(self, head: bytes) -> tuple[int, int]:
        """The captured and the original length in the header of a record."""
        stated, other = (int.from_bytes(head[each : each + 4], self._header.byte_order) for each in (8, 12))
        swap = self._header.swap
        return (other, stated) if swap == 2 or (swap == 1 and stated > other) else (stated, other)

    def _is_sound(self, record: bytes, previous: int) -> bool:
        """Whether a whole record is sound behind one with the seconds `previous`, -1 for any."""
        limits = self._limits(anytime=True)
        return bool(self._kernels.first_unsound(record, Columns(1), 0, 1, *self._layout, previous, limits))

    def _known_end(self, limits: array[int]) -> int | None:
        """Return the offset in the capture at which the damaged packet ends, and a chain begins; None if it is not
        known."""
        ends = self._stated_ends()
        if (end := self._end_of_overlapping(limits)) is not None:
            ends.add(end)
        proven = sorted(end for end in ends if self._proves(end, limits))
        proven = proven or sorted(end for end in ends if self._proves(end, limits, cut=True))
        if len(proven) < 2:
            return proven[0] if proven else None
        window = self._window
        holds_file = _MAGIC.search(window.buffer, window.start, window.start + proven[-1] - window.offset) is not None
        if not (holds_file or self._tail_has_records(limits)):
            return proven[0]
        return self._container(proven[0], limits) or proven[-1]

    def _stated_ends(self) -> set[int]:
        """The offsets in the capture at which the damaged packet ends if one of its lengths is right."""
        window, size = self._window, self._layout[1]
        lengths = []
        if window.available >= size:
            at, order = window.start, self._header.byte_order
            lengths += [
                (window.offset, int.from_bytes(window.buffer[at + each : at + each + 4], order)) for each in (8, 12)
            ]
        if self._last_at >= 0:
            lengths.append((self._last_at, self._last_length))
        snaplen = self._header.snaplen
        return {
            offset + size + length
            for offset, stated in lengths
            for length in (stated, min(stated, snaplen or stated))
            if length <= self._longest and offset + size + length > window.offset
        }

    def _end_of_overlapping(self, limits: array[int]) -> int | None:
        """The offset in the capture at which a record ends that begins in the data of the last packet, and is sound, as
        are those behind it: bytes of the last packet were lost. None if there is no such record."""
        window, size = self._window, self._layout[1]
        length = window.offset - self._last_at
        if self._last_at < 0 or not size < length <= len(self._tail):
            return None
        at_end = window.look_ahead(WINDOW * self._longest)
        joined = self._tail[-length:] + window.head(window.available)
        found = self._overlapping(joined, size, length, len(joined), at_end=at_end, limits=limits)
        if found is None:
            return None
        end = self._kernels.follow_records(joined, found, length, len(joined), *self._layout, True)
        return int(window.offset + end - length)

    def _overlapping(
        self, buffer: bytes | bytearray, start: int, end: int, stop: int, *, at_end: bool, limits: array[int]
    ) -> int | None:
        """Where in `buffer[:stop]` a chain begins in the data of a packet, `buffer[start:end]`, that is no data of it;
        None if there is none."""
        found = self._kernels.find_records(
            buffer, start, max(start, end), self._longest, stop, at_end, False, *self._layout, limits
        )
        if found >= 0 and self._tail_has_records(limits):  # then only a record that holds records is no data itself
            found = self._kernels.find_container(buffer, found, end, stop, *self._layout, limits)
        return int(found) if found >= 0 else None

    def _proves(self, offset: int, limits: array[int], *, cut: bool = False) -> bool:
        """Whether a chain that proves itself begins at an offset in the capture, which is in the window. With `cut`, it
        may end with a record that is cut off by the capture's end."""
        window, longest = self._window, self._longest
        at_end = window.look_ahead(WINDOW * longest)
        at = window.start + offset - window.offset
        if not window.start <= at < window.stop:
            return False
        found = self._kernels.find_records(
            window.buffer, at, at + 1, longest, window.stop, at_end, cut, *self._layout, limits
        )
        return bool(found == at)

    def _tail_has_records(self, limits: array[int]) -> bool:
        """Whether packets shortly before the stretch hold records in their data, besides the last one, whose length may
        be wrong."""
        tail, end = self._tail, max(0, len(self._tail) - self._last_size)
        return bool(self._kernels.find_container(tail, 0, end, end, *self._layout, limits) >= 0)

    def _first_certain(self, offset: int, limits: array[int], *, file_header: bool) -> int | None:
        """Return the offset of the first record that is taken of the chain that begins at an offset; None if no record
        is. `file_header` says whether the header of a file precedes it in the stretch."""
        if file_header or self._tail_has_records(limits):
            return self._certain(offset, limits)
        if self._packets < _FEW:
            return self._container(offset, limits) or offset
        return offset

    def _certain(self, offset: int, limits: array[int]) -> int | None:
        """Return the offset of the first record, in the chain that begins at an offset, that is no false record in the
        data of the damaged packet; None if there is none."""
        window, longest = self._window, self._longest
        certain = self._container(offset, limits)
        if certain is None:
            at = window.start + offset - window.offset
            end = self._kernels.follow_records(window.buffer, at, at + longest, window.stop, *self._layout, True)
            if end < at + longest:
                return None
            certain = int(window.offset + end - window.start)
        return certain if self._proves(certain, self._limits(anytime=True), cut=True) else None

    def _container(self, offset: int, limits: array[int]) -> int | None:
        """Return the offset of the first record that holds records in its data, in the chain that begins at an offset;
        None if there is none in as many bytes as the longest packet has."""
        window = self._window
        at = window.start + offset - window.offset
        found = int(
            self._kernels.find_container(window.buffer, at, at + self._longest, window.stop, *self._layout, limits)
        )
        return window.offset + found - window.start if found >= 0 else None
