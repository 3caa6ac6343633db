"""The interpreted kernel `RepeatWindow`: packets that repeat one before them."""

from __future__ import annotations

from array import array
from collections import defaultdict, deque
from struct import Struct
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import EXACT_SCALE, SIMPLE
from pcapconv.kernels.interpreted.checks import check_columns, check_table

if TYPE_CHECKING:
    from typing import Protocol

    from pcapconv.columns import Columns

    class ByteStore(Protocol):
        """Bytes by their positions, for those that a RepeatWindow does not hold in memory."""

        def write(self, position: int, data: bytes, oldest: int) -> None:
            """Store bytes behind all others. Those before the position `oldest` are no longer needed."""

        def read(self, position: int, length: int) -> bytes:
            """Return stored bytes."""


_MAX_UINT32 = 2**32 - 1
_TWO_WORDS = Struct(">QQ")
_MOST_BYTES_HELD = 2**24


class _Held:
    """A packet that a RepeatWindow holds, or all packets with the same bytes whose times are in one period. `data` is
    None if the bytes are in the store, at the position `at`."""

    __slots__ = ("at", "data", "digest", "earliest", "key", "latest", "length", "number")

    def __init__(self, digest: int, key: tuple[int, ...], data: bytes, number: int, time: int) -> None:
        self.digest, self.key, self.number = digest, key, number
        self.data: bytes | None = data
        self.length, self.at = len(data), -1
        self.earliest = self.latest = time, number


class RepeatWindow:
    """Finds packets that repeat one of those before them; the packets themselves are held, those that repeat, too.

    A packet is held against the `most` packets before it. With `window`, a length of time in exact units (below), it is
    held against those whose time differs by at most that, whichever is earlier. Their number has no limit, but that of
    the different packets in a period as long as the window has: `most` are held. `first_cut` is the number of the first
    packet whose window reached farther back than what was held; 0 if there is none.

    Equal digests are compared by bytes. Bytes that memory has no room for are in `store`. `digest_bits` is how many
    bits of a digest count; tests set it to 0.

    Strategy: packets are found by their digests, and let go in the order in which they came. For windows of time, time
    is divided into periods as long as the window, and one entry stands for all packets with the same bytes in one
    period. Any two of these are in the same window; in the period before it and in the one behind it, only the latest
    and the earliest packet matter. So a packet takes three look-ups, whatever the order of times.
    """

    def __init__(self, most: int, store: ByteStore, window: int | None = None, digest_bits: int = 64) -> None:
        if not 0 < most <= 2**30:
            raise ValueError(f"a window of {most} packets")
        self._most, self._store, self._window = most, store, window
        self._digest_mask = (1 << digest_bits) - 1
        self._held: deque[_Held] = deque()
        self._chains: defaultdict[int, deque[_Held]] = defaultdict(deque)  # by digest, the latest packet first
        self._in_memory: deque[_Held] = deque()  # those of `_held` that have `data`
        self._bytes_in_memory = self._bytes_stored = 0
        self._forgotten: tuple[int, int] | None = None  # the earliest and the latest time that are not held any more
        self.first_cut = 0

    def find(
        self,
        buffer: bytes | bytearray,
        columns: Columns,
        rows: int,
        mask: bytearray,
        first_number: int,
        groups: array[int],
        scales: array[int],
        skip: int,
        any_length: bool,
        repeated: array[int],
    ) -> int:
        """Set to 0 the mask of the rows that repeat a packet before them, and hold the rows whose mask was not 0. Write
        into `repeated`, for each row, the number of a packet that it repeats, or 0. Return how many rows are done: all,
        or those before the first whose time cannot be determined.

        Packets can only be the same in interfaces of the same group; `groups` has it for each interface. The first
        `skip` bytes do not count in a packet that has more; with `any_length`, the original length does not count.

        `scales` has EXACT_SCALE values for each interface, for windows of time: the time in exact units is ticks *
        scales[0] // (scales[2] << 64 | scales[1]) + (scales[4] << 64 | scales[3]), which is signed; a divisor of 0
        means that times cannot be determined. Simple Packets have no time, repeat nothing and are not held.
        """
        check_columns(columns, rows)
        check_table(groups, 0)
        check_table(scales, EXACT_SCALE * len(groups) if self._window is not None else 0)
        check_table(repeated, rows)
        if len(mask) < rows:
            raise ValueError(f"a mask of fewer than {rows} rows")
        for row in range(rows):
            repeated[row] = 0
            if not mask[row] or (self._window is not None and columns.record_type[row] == SIMPLE):
                continue
            at, captured, interface = columns.data_at[row], columns.captured_length[row], columns.interface[row]
            if interface >= len(groups) or not 0 <= at <= len(buffer) - captured:
                raise ValueError(f"row {row} lies outside its buffer")
            time = 0
            if self._window is not None:
                factor, low, high, offset_low, offset_high = scales[EXACT_SCALE * interface :][:EXACT_SCALE]
                if not low and not high:
                    return row
                offset = int.from_bytes(_TWO_WORDS.pack(offset_high, offset_low), "big", signed=True)
                time = columns.ticks[row] * factor // (high << 64 | low) + offset
            data = bytes(buffer[at + (skip if captured > skip else 0) : at + captured])
            original = 0 if any_length else columns.original_length[row]
            key = captured, original, groups[interface] & _MAX_UINT32
            if self._window is None:
                repeated[row] = self._find_by_count(key, data, first_number + row)
            else:
                repeated[row] = self._find_in_time(key, data, first_number + row, time, self._window)
            mask[row] = not repeated[row]
        self._store_bytes()
        return rows

    def _find_by_count(self, key: tuple[int, ...], data: bytes, number: int) -> int:
        digest = hash((key, data)) & self._digest_mask
        same = self._look_up(digest, key, data)
        self._hold(_Held(digest, key, data, number, 0))
        return 0 if same is None else same.number

    def _find_in_time(self, key: tuple[int, ...], data: bytes, number: int, time: int, window: int) -> int:
        period = time // max(window, 1)
        before, here, after = (
            self._look_up(hash((each, data)) & self._digest_mask, each, data)
            for each in ((*key, period - 1), (*key, period), (*key, period + 1))
        )
        if here is not None:
            found = here.latest[1]
            if time >= here.latest[0]:
                here.latest = time, number
            if time < here.earliest[0]:
                here.earliest = time, number
            return found
        found = 0
        if before is not None and time - before.latest[0] <= window:
            found = before.latest[1]
        elif after is not None and after.earliest[0] - time <= window:
            found = after.earliest[1]
        elif self._forgotten is not None and not self.first_cut:
            earliest, latest = self._forgotten
            if earliest - window <= time <= latest + window:
                self.first_cut = number
        key = *key, period
        self._hold(_Held(hash((key, data)) & self._digest_mask, key, data, number, time))
        return found

    def _look_up(self, digest: int, key: tuple[int, ...], data: bytes) -> _Held | None:
        for held in self._chains.get(digest, ()):
            if held.key == key and held.length == len(data):
                other = self._store.read(held.at, held.length) if held.data is None else held.data
                if other == data:
                    return held
        return None

    def _hold(self, new: _Held) -> None:
        """Hold a packet; let go of the oldest one where the window is full."""
        if len(self._held) == self._most:
            old = self._held.popleft()
            chain = self._chains[old.digest]
            chain.pop()
            if not chain:
                del self._chains[old.digest]
            if old.data is not None:
                self._in_memory.popleft()
                self._bytes_in_memory -= old.length
            earliest, latest = self._forgotten or (old.earliest[0], old.latest[0])
            self._forgotten = min(earliest, old.earliest[0]), max(latest, old.latest[0])
        self._held.append(new)
        self._chains[new.digest].appendleft(new)
        self._in_memory.append(new)
        self._bytes_in_memory += new.length

    def _store_bytes(self) -> None:
        """Move bytes from memory into the store, the oldest ones first, until few enough are left."""
        while self._bytes_in_memory > _MOST_BYTES_HELD:
            held = self._in_memory.popleft()
            assert held.data is not None
            oldest = self._held[0].at if self._held[0].data is None else self._bytes_stored
            self._store.write(self._bytes_stored, held.data, oldest)
            held.at, held.data = self._bytes_stored, None
            self._bytes_stored += held.length
            self._bytes_in_memory -= held.length
