"""Fingerprints of packets: two numbers by which packets are recognised, computed by the kernel `fingerprints`.

`SIDECAR.md` specifies them. The first depends on a packet's time and original length, the second on its bytes.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator

from pcapconv.kernels import choose
from pcapconv.kernels.contract import FINGERPRINT, MORE
from pcapconv.model import Columns, Interface, Item, PacketBatch
from pcapconv.steps.time_scales import TimeScales
from pcapconv.timestamps import MICROSECONDS


def fingerprint(batch: PacketBatch, times: Columns, *, finer: bool) -> tuple[bytearray, array[int]]:
    """Return the fingerprints of a batch's rows, one behind the other, and the digits of the rows' times: nanoseconds
    beyond whole microseconds, which some tools cut off; no digits unless times are `finer` than microseconds. `times`
    are the batch's columns with ticks in nanoseconds since 1970."""
    fingerprints = bytearray(FINGERPRINT * batch.rows)
    choose().fingerprints(batch.buffer, times, 0, batch.rows, fingerprints, 0)
    return fingerprints, array("H", [tick % 1000 for tick in times.ticks[: batch.rows]] if finer else ())


class Fingerprints:
    """The fingerprints of packets as two columns of numbers, by which packets are matched: `time_keys` are the same for
    packets of the same time and original length, `full_keys` for those that also have the same bytes."""

    def __init__(self) -> None:
        self.time_keys, self.full_keys = array("Q"), array("Q")

    def __len__(self) -> int:
        return len(self.time_keys)

    def append(self, fingerprints: bytes | bytearray) -> None:
        """Append fingerprints, which stand one behind the other."""
        self.time_keys.extend(_big_endian_column(fingerprints, range(6)))
        self.full_keys.extend(_big_endian_column(fingerprints, range(2, FINGERPRINT)))


class EditedFingerprints(Fingerprints):
    """The fingerprints of an edited pcap file's packets, and its `link_type`. `cut` has 1 for a packet of which fewer
    bytes were captured than its original length; `digits` are the nanoseconds of the packets' times beyond whole
    microseconds, and empty if the file's times are not that fine."""

    def __init__(self, items: Iterator[Item]) -> None:
        super().__init__()
        self.link_type = 0
        self.cut = bytearray()
        self.digits = array("H")
        units, finer = TimeScales(), False
        for item in items:
            if isinstance(item, Interface):
                self.link_type = item.link_type
                units.add_interface(item, item.id)
                finer = finer or MICROSECONDS % item.ticks_per_second != 0
            elif isinstance(item, PacketBatch):
                self._add_batch(item, units, finer=finer)

    def _add_batch(self, batch: PacketBatch, units: TimeScales, *, finer: bool) -> None:
        columns = batch.columns.with_copies(batch.rows, "ticks", "interface")
        row, _, status = units.to_nanoseconds(columns, 0, batch.rows, cut=True)
        if status != MORE:
            raise units.refusal(batch, row, status)
        fingerprints, digits = fingerprint(batch, columns, finer=finer)
        self.append(fingerprints)
        self.digits.extend(digits)
        lengths = zip(columns.captured_length[: batch.rows], columns.original_length)
        self.cut += bytes(captured < original for captured, original in lengths)


def _big_endian_column(fingerprints: bytes | bytearray, offsets: range) -> array[int]:
    """The bytes at these offsets of each fingerprint as a number in big endian."""
    room = bytearray(len(fingerprints) // FINGERPRINT * 8)
    for at, offset in enumerate(offsets, 8 - len(offsets)):
        room[at::8] = fingerprints[offset::FINGERPRINT]
    numbers = array("Q", bytes(room))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
