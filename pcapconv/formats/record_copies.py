"""Writes the records of a batch as they are, for a writer of their format."""

from __future__ import annotations

from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.model import PacketBatch


def write_records(output: BufferedOutput, batch: PacketBatch) -> None:
    """Write the records of a `contiguous` batch. The output keeps the batch's buffer if it may; otherwise they are
    copied. Raises FileError."""
    begin, end = batch.span()
    if begin == 0 and batch.exchangeable is not None and batch.exchangeable is batch.buffer:
        unused = output.exchange(batch.exchangeable, end)
        if unused is not None:
            batch.exchangeable = unused
            return
    with memoryview(batch.buffer) as view, view[begin:end] as records:
        output.write(records)
