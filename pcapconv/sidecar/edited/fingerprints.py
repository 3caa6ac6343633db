"""Fingerprints of packets: two numbers by which packets are recognised, computed by the kernel `fingerprints`.

`docs/reference/sidecar.md` specifies both numbers. The first depends on a packet's time and original length, the second
on its bytes.
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
    """Return the concatenated fingerprints of a batch's rows; and a column with the nanoseconds of each row's time
    beyond whole microseconds, which some tools cut off, empty unless times are `finer` than microseconds. `times` are
    the batch's columns with ticks in nanoseconds since 1970."""
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
        """Append concatenated fingerprints."""
        self.time_keys.extend(_big_endian_column(fingerprints, range(6)))
        self.full_keys.extend(_big_endian_column(fingerprints, range(2, FINGERPRINT)))


class EditedFingerprints(Fingerprints):
    """The fingerprints of the packets in an edited pcap file, and the file's `link_type`. `cut` has 1 for each packet
    with fewer captured bytes than its original length. `sub_microsecond_ns` has the nanoseconds of each packet's time
    beyond whole microseconds; it is empty if the file's times are in microseconds."""

    def __init__(self, items: Iterator[Item]) -> None:
        super().__init__()
        self.link_type = 0
        self.cut = bytearray()
        self.sub_microsecond_ns = array("H")
        time_scales, finer = TimeScales(), False
        for item in items:
            if isinstance(item, Interface):
                self.link_type = item.link_type
                time_scales.add_interface(item, item.id)
                finer = finer or MICROSECONDS % item.ticks_per_second != 0
            elif isinstance(item, PacketBatch):
                self._add_batch(item, time_scales, finer=finer)

    def _add_batch(self, batch: PacketBatch, time_scales: TimeScales, *, finer: bool) -> None:
        columns = batch.columns.with_copies(batch.rows, "ticks", "interface")
        row, _, status = time_scales.to_nanoseconds(columns, 0, batch.rows, cut=True)
        if status != MORE:
            raise time_scales.refusal(batch, row, status)
        fingerprints, sub_microsecond_ns = fingerprint(batch, columns, finer=finer)
        self.append(fingerprints)
        self.sub_microsecond_ns.extend(sub_microsecond_ns)
        lengths = zip(columns.captured_length[: batch.rows], columns.original_length)
        self.cut += bytes(captured < original for captured, original in lengths)


def _big_endian_column(fingerprints: bytes | bytearray, offsets: range) -> array[int]:
    """Return, for each fingerprint, its bytes at these offsets as a big-endian number."""
    room = bytearray(len(fingerprints) // FINGERPRINT * 8)
    for at, offset in enumerate(offsets, 8 - len(offsets)):
        room[at::8] = fingerprints[offset::FINGERPRINT]
    numbers = array("Q", bytes(room))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
