"""The step that encodes Simple Packets of other interfaces than 0 as Enhanced Packets: a Simple Packet Block belongs to
interface 0. Also corrects the original lengths of Simple Packets that have changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pcapconv.model import Item, PacketBatch
from pcapconv.spec.pcapng import ENHANCED_PACKET, SIMPLE_PACKET
from pcapconv.steps import Step

_MAX_UINT32 = 2**32 - 1


class EncodeSimplePackets(Step):
    """Turns Simple Packets of other interfaces than 0 into Enhanced Packets with time 0, which `losses` counts."""

    def __init__(self, losses: Counter[str]) -> None:
        super().__init__()
        self._losses = losses

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        return (self.encode(batch),)

    def encode(self, batch: PacketBatch) -> PacketBatch:
        """Return the batch with its Simple Packets encoded."""
        columns = batch.columns
        types = columns.record_type[: batch.rows].tobytes()
        row = types.find(SIMPLE_PACKET)
        while row >= 0:
            if columns.interface[row]:
                columns.record_type[row], columns.record_length[row], columns.ticks[row] = ENHANCED_PACKET, 0, 0
                batch.contiguous = False
                self._losses["packets-without-time"] += 1
            row = types.find(SIMPLE_PACKET, row + 1)
        return batch


def correct_original_lengths(batch: PacketBatch, snaplen: int, left_out: Counter[str]) -> None:
    """Replace the original length of a Simple Packet that has changed, if a reader would get the captured length wrong.
    `snaplen` is that of interface 0; `left_out` counts the lengths. Those of other interfaces are still to be encoded.

    Readers take the lesser of the original length and the interface's snaplen for the captured length (pcapng, section
    "Simple Packet Block")."""
    columns = batch.columns
    for row, record_type in enumerate(columns.record_type[: batch.rows]):
        captured = columns.captured_length[row]
        if record_type != SIMPLE_PACKET or columns.record_length[row] or columns.interface[row]:
            continue
        length_when_read = min(columns.original_length[row], snaplen or _MAX_UINT32)
        if length_when_read != captured:
            columns.original_length[row] = captured
            left_out["original-lengths"] += 1
