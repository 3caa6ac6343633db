"""The step that encodes Simple Packets of other interfaces than 0 as Enhanced Packets: a Simple Packet Block belongs to
interface 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pcapconv.model import Item, PacketBatch
from pcapconv.spec.pcapng import ENHANCED_PACKET, SIMPLE_PACKET
from pcapconv.steps import Step


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
