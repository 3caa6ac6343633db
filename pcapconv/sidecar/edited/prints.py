"""Fingerprints of packets: two numbers by which a packet is known again, see the kernel `fingerprints`."""

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
    """The fingerprints of a batch's rows, one behind the other; and, where microseconds cannot hold the times and
    others are `finer`, the nanoseconds beyond them, which tools without nanoseconds cut. `times` are the batch's
    columns with ticks in nanoseconds since 1970."""
    prints = bytearray(FINGERPRINT * batch.rows)
    choose().fingerprints(batch.buffer, times, 0, batch.rows, prints, 0)
    return prints, array("H", [tick % 1000 for tick in times.ticks[: batch.rows]] if finer else ())


class Prints:
    """The fingerprints of packets, as columns of keys: `when`, of time and length; `exact`, of both and all bytes."""

    def __init__(self) -> None:
        self.when, self.exact = array("Q"), array("Q")

    def __len__(self) -> int:
        return len(self.when)

    def add(self, data: bytes | bytearray) -> None:
        """Fingerprints, one behind the other."""
        self.when.extend(_big_numbers(data, range(6)))
        self.exact.extend(_big_numbers(data, range(2, FINGERPRINT)))


class EditedPrints(Prints):
    """The fingerprints of an edited pcap file's packets, and its `link_type`. `cut` tells which have fewer bytes than
    they had on the wire; `digits` are the nanoseconds of their times beyond microseconds, if the file has such."""

    def __init__(self, items: Iterator[Item]) -> None:
        super().__init__()
        self.link_type = 0
        self.cut = bytearray()
        self.digits = array("H")
        units, finer = TimeScales(), False
        for item in items:
            if isinstance(item, Interface):
                self.link_type = item.link_type
                units.add(item, item.id)
                finer = finer or MICROSECONDS % item.ticks_per_second != 0
            elif isinstance(item, PacketBatch):
                self._add_batch(item, units, finer=finer)

    def _add_batch(self, batch: PacketBatch, units: TimeScales, *, finer: bool) -> None:
        columns = batch.columns.twin(batch.rows, "ticks", "interface")
        row, _, status = units.to_nanoseconds(columns, 0, batch.rows, cut=True)
        if status != MORE:
            raise units.refusal(batch, row, status)
        prints, digits = fingerprint(batch, columns, finer=finer)
        self.add(prints)
        self.digits.extend(digits)
        lengths = zip(columns.captured_length[: batch.rows], columns.original_length)
        self.cut += bytes(captured < original for captured, original in lengths)


def _big_numbers(data: bytes | bytearray, places: range) -> array[int]:
    """These bytes of each fingerprint as a number in big endian."""
    room = bytearray(len(data) // FINGERPRINT * 8)
    for at, place in enumerate(places, 8 - len(places)):
        room[at::8] = data[place::FINGERPRINT]
    numbers = array("Q", bytes(room))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
