"""Packets' times in nanoseconds, exactly."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from pcapconv.errors import FormatError, TargetError
from pcapconv.kernels import MOST_TICKS
from pcapconv.model import SIMPLE_PACKET, Interface, PacketBatch
from pcapconv.timestamps import NANOSECONDS, ratio


class Scale(NamedTuple):
    """Nanoseconds since 1970 are ticks * `multiply` / `divide` + `add`; `error` is why nobody can tell."""

    multiply: int
    divide: int
    add: int
    error: str


def scale_of(interface: Interface, shift: int) -> Scale:
    """The scale of an interface's ticks, `shift` nanoseconds later."""
    multiply, divide = ratio(interface.ticks_per_second, NANOSECONDS)
    return Scale(multiply, divide, interface.time_offset * NANOSECONDS + shift, interface.time_error)


def nanoseconds(batch: PacketBatch, scales: Sequence[Scale], shift: int, *, cut: bool) -> tuple[array[int], int]:
    """The times of a batch's packets, as if one without were at 0, and how many were cut. Raises TargetError for a
    time that nanoseconds cannot hold: exactly, unless it may be `cut`, or at all."""
    columns, rows = batch.columns, batch.rows
    ticks, kinds = columns.ticks[:rows], columns.record_type[:rows].tobytes()
    used = set(columns.interface[:rows])
    if len(used) == 1 and SIMPLE_PACKET not in kinds:
        scale = scales[used.pop()]
        if scale.divide == 1 and not scale.error and _fits(ticks, scale):
            if scale.multiply == 1 and not scale.add:
                return ticks, 0
            return array("Q", [tick * scale.multiply + scale.add for tick in ticks]), 0
    times, inexact = array("Q"), 0
    for row, (tick, number, kind) in enumerate(zip(ticks, columns.interface, kinds)):
        scale = scales[number]
        if kind == SIMPLE_PACKET:
            scale = scale._replace(multiply=0, add=shift, error="")
        if scale.error:
            raise FormatError(f"packet {batch.number(row)}: {scale.error}")
        time, rest = divmod(tick * scale.multiply, scale.divide)
        if rest:
            inexact += 1
            if not cut:
                raise TargetError(
                    f"packet {batch.number(row)}: its time has digits finer than a nanosecond; "
                    "--on-loss ignore cuts them"
                )
        if not 0 <= time + scale.add <= MOST_TICKS:
            raise TargetError(
                f"packet {batch.number(row)}: its time would be {time + scale.add} ns since 1970; "
                f"nanoseconds hold 0 to {MOST_TICKS}"
            )
        times.append(time + scale.add)
    return times, inexact


def _fits(ticks: array[int], scale: Scale) -> bool:
    lowest, highest = min(ticks) * scale.multiply + scale.add, max(ticks) * scale.multiply + scale.add
    return lowest >= 0 and highest <= MOST_TICKS
