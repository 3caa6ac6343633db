"""The interpreted kernel `PacketAppender`: new packets, one at a time."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import ENHANCED
from pcapconv.kernels.interpreted.checks import check_columns

if TYPE_CHECKING:
    from pcapconv.columns import Columns
    from pcapconv.kernels.contract import BytesLike


class PacketAppender:
    """Appends packets, one at a time, to `columns` and their bytes to `buffer`; both stay where they are as long as the
    appender is used. `rows` is the number of packets so far. Several threads may append and pause."""

    def __init__(self, buffer: bytearray, columns: Columns) -> None:
        check_columns(columns, columns.capacity)
        self._buffer = memoryview(buffer)
        self._columns = columns
        self._end = 0
        self._paused = False
        self._lock = Lock()
        self.rows = 0

    def append(
        self,
        data: BytesLike,
        ticks: int,
        interface: int,
        original_length: int | None = None,
        options: BytesLike | None = None,
        record_type: int = ENHANCED,
    ) -> bool:
        """Append a packet without a record. Without `original_length`, the packet is as long as its bytes.

        Return False, and do nothing, if there is no room, or after `pause`. Raises OverflowError for a number that its
        column cannot hold, and what Python raises for objects that are not contiguous bytes.
        """
        with self._lock:
            columns, row, at = self._columns, self.rows, self._end
            packet, packed = _bytes_of(data), b"" if options is None else _bytes_of(options)
            captured, end = len(packet), at + len(packet) + len(packed)
            if self._paused or row == columns.capacity or end > len(self._buffer):
                return False
            columns.ticks[row], columns.interface[row], columns.record_type[row] = ticks, interface, record_type
            columns.original_length[row] = captured if original_length is None else original_length
            columns.data_at[row], columns.captured_length[row] = at, captured
            columns.options_at[row], columns.options_length[row] = at + captured if packed else 0, len(packed)
            self._buffer[at : at + captured], self._buffer[at + captured : end] = packet, packed
            self._end, self.rows = end, row + 1
            return True

    def pause(self) -> None:
        """Append no packets until `clear`, so that nothing changes while somebody uses the packets."""
        with self._lock:
            self._paused = True

    def clear(self) -> None:
        """Remove all packets."""
        self.rows = self._end = 0
        self._paused = False


def _bytes_of(data: BytesLike) -> bytes | bytearray:
    if isinstance(data, bytes | bytearray):
        return data
    with memoryview(data) as view:
        if not view.c_contiguous:
            raise BufferError("the bytes do not follow each other")
        return view.tobytes()
