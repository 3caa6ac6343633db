"""Counts the packets that are equal in two captures from the first one on; no packet is kept in memory.

Strategy: both captures are read side by side, a batch of each at a time. A kernel converts times to nanoseconds and
interface ids to ids that both captures share; then whole columns are compared. The prefix ends at the first packet that
differs, or whose time is not a whole number of nanoseconds; `alignment` aligns the packets from there on. Both captures
are always read to their end, since `ComparedCapture.survey` needs all items.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection

from pcapconv.comparing.compared_capture import ComparedCapture
from pcapconv.kernels import choose
from pcapconv.kernels.contract import MORE
from pcapconv.model import Interface, PacketBatch, Section
from pcapconv.spec.pcapng import OBSOLETE_PACKET, SIMPLE_PACKET
from pcapconv.steps.batch_rows import options_of_row
from pcapconv.steps.time_scales import TimeScales

_IS_SIMPLE = bytes(record_type == SIMPLE_PACKET for record_type in range(256))  # a table for `bytes.translate`


def common_prefix_length(a: ComparedCapture, b: ComparedCapture, ignored: Collection[str]) -> int:
    """Survey both captures, and return how many of their packets are equal from the first one on.

    Raises FormatError, FileError and TargetError, as `ComparedCapture.survey`.
    """
    interface_ids: dict[Interface, int] = {}
    a_reader, b_reader = (_PacketReader(capture, interface_ids, timeless="time" in ignored) for capture in (a, b))
    length = 0
    while a_reader.has_next() and b_reader.has_next():
        rows = min(a_reader.rows - a_reader.row, b_reader.rows - b_reader.row)
        equal = _equal_packets(a_reader, b_reader, rows, ignored)
        length += equal
        a_reader.row += equal
        b_reader.row += equal
        if equal < rows:
            break
    a_reader.read_remaining()
    b_reader.read_remaining()
    return length


class _PacketReader:
    """Reads the packets of a capture, batch by batch; `row` is the next packet's row in the current `batch`.

    `ticks` are the times of the batch in nanoseconds since 1970. `ids` are ids for its interfaces that are equal in
    both captures for interfaces with the same normal form; both readers share `interface_ids` for that. `simple` has 1
    for each Simple Packet, which has no time. `has_obsolete` tells whether the batch has obsolete Packet Blocks, whose
    options have other meanings.
    """

    def __init__(self, capture: ComparedCapture, interface_ids: dict[Interface, int], *, timeless: bool) -> None:
        self._items = capture.survey()
        self._interface_ids = interface_ids
        self._time_scales = TimeScales(timeless=timeless)
        self._at_end = False
        self.capture = capture
        self.row = self.rows = 0
        self.batch: PacketBatch
        self.ticks = array("Q")
        self.ids = array("I")
        self.simple = b""
        self.has_obsolete = False

    def has_next(self) -> bool:
        """Return whether there is another packet, and its time is a whole number of nanoseconds."""
        while self.row == self.rows and not self._at_end:
            item = next(self._items, None)
            match item:
                case None:
                    self._at_end = True
                case PacketBatch():
                    self._begin_batch(item)
                case Section():
                    self._time_scales.begin_section()
                case Interface():
                    normal = self.capture.form.interface(item)
                    self._time_scales.add_interface(
                        item, self._interface_ids.setdefault(normal, len(self._interface_ids))
                    )
                case _:
                    pass
        return self.row < self.rows

    def _begin_batch(self, batch: PacketBatch) -> None:
        columns = batch.columns.with_copies(batch.rows, "ticks", "interface")
        self.row, (self.rows, _, status) = 0, self._time_scales.to_nanoseconds(columns, 0, batch.rows, cut=False)
        self._at_end = status != MORE
        self.batch, self.ticks, self.ids = batch, columns.ticks, columns.interface
        record_types = columns.record_type[: batch.rows].tobytes()
        self.simple, self.has_obsolete = record_types.translate(_IS_SIMPLE), OBSOLETE_PACKET in record_types

    def read_remaining(self) -> None:
        """Read the remaining items, for the survey."""
        for _ in self._items:
            pass

    def options(self, row: int) -> bytes:
        """Return those of a packet's options that are compared, in the normal form."""
        return self.capture.options(self.batch, row)

    def raw_options(self, row: int) -> bytes:
        """Return a packet's options as the capture has them."""
        return options_of_row(self.batch, row)


def _equal_packets(a_reader: _PacketReader, b_reader: _PacketReader, rows: int, ignored: Collection[str]) -> int:
    """Return how many of the next `rows` packets come before the first packet that differs."""
    a, a_row, b, b_row = a_reader.batch, a_reader.row, b_reader.batch, b_reader.row
    if "time" not in ignored:
        rows = _equal_values(a_reader.ticks, a_row, b_reader.ticks, b_row, rows)
        rows = _equal_values(a_reader.simple, a_row, b_reader.simple, b_row, rows)
    if "interfaces" not in ignored:
        rows = _equal_values(a_reader.ids, a_row, b_reader.ids, b_row, rows)
    if "lengths" not in ignored:
        rows = _equal_values(a.columns.original_length, a_row, b.columns.original_length, b_row, rows)
    rows = choose().same_data(a.buffer, a.columns, a_row, b.buffer, b.columns, b_row, rows)
    if a.has_options or b.has_options:
        # Equal bytes of options mean the same only under these conditions; otherwise normal forms are compared.
        comparable = a.section.byte_order == b.section.byte_order
        comparable = comparable and not (a_reader.has_obsolete or b_reader.has_obsolete)
        comparable = comparable and a_reader.capture.processes == b_reader.capture.processes
        different_rows = (
            row
            for row in range(rows)
            if not (comparable and a_reader.raw_options(a_row + row) == b_reader.raw_options(b_row + row))
            and a_reader.options(a_row + row) != b_reader.options(b_row + row)
        )
        rows = next(different_rows, rows)
    return rows


def _equal_values(a: array[int] | bytes, a_row: int, b: array[int] | bytes, b_row: int, rows: int) -> int:
    """Return how many values are equal from two rows on, at most `rows`."""
    a_values, b_values = a[a_row : a_row + rows], b[b_row : b_row + rows]
    if a_values == b_values:
        return rows
    return next(index for index, pair in enumerate(zip(a_values, b_values)) if pair[0] != pair[1])
