"""The columns of a batch of packets, which the kernels read and fill."""

from __future__ import annotations

from array import array
from typing import ClassVar


class Columns:
    """The packets of a batch as columns: one value for each packet, in plain arrays that NumPy can use without a copy.

    Names that end in `_at` are offsets in the batch's `buffer`. Lengths are in bytes. Columns may be longer than the
    batch has rows: the values from row `rows` on have no meaning.

    | column | type | meaning |
    |---|---|---|
    | `record_at`, `record_length` | int64, uint32 | the packet's record; length 0 if the row has no record any more |
    | `record_type` | uint8 | 0 for a pcap record, else the pcapng block type: 2 obsolete, 3 Simple, 6 Enhanced |
    | `data_at`, `captured_length`, `original_length` | int64, uint32, uint32 | the packet's bytes, and both lengths |
    | `ticks` | uint64 | the timestamp, in the interface's own time unit |
    | `interface` | uint32 | the interface's id in its section |
    | `options_at`, `options_length` | int64, uint32 | the packet's pcapng options, raw; length 0 without options |
    """

    __slots__ = (
        "captured_length",
        "data_at",
        "interface",
        "options_at",
        "options_length",
        "original_length",
        "record_at",
        "record_length",
        "record_type",
        "ticks",
    )

    TYPECODES: ClassVar = {
        "record_at": "q",
        "record_length": "I",
        "record_type": "B",
        "data_at": "q",
        "captured_length": "I",
        "original_length": "I",
        "ticks": "Q",
        "interface": "I",
        "options_at": "q",
        "options_length": "I",
    }

    record_at: array[int]
    record_length: array[int]
    record_type: array[int]
    data_at: array[int]
    captured_length: array[int]
    original_length: array[int]
    ticks: array[int]
    interface: array[int]
    options_at: array[int]
    options_length: array[int]

    def __init__(self, capacity: int) -> None:
        for name, typecode in self.TYPECODES.items():
            setattr(self, name, array(typecode, bytes(capacity * array(typecode).itemsize)))

    @property
    def capacity(self) -> int:
        """The number of packets that the columns have room for."""
        return len(self.ticks)

    def with_copies(self, rows: int, *copied: str) -> Columns:
        """New columns that share these arrays, except those named `copied`: copies of the first `rows` values, which
        the caller may change."""
        columns = Columns.__new__(Columns)  # without new arrays
        for name in self.TYPECODES:
            column = getattr(self, name)
            setattr(columns, name, column[:rows] if name in copied else column)
        return columns

    def copy(self, first: int, stop: int) -> Columns:
        """A copy of the rows from `first` up to, but not including, `stop`."""
        columns = Columns.__new__(Columns)
        for name in self.TYPECODES:
            setattr(columns, name, getattr(self, name)[first:stop])
        return columns
