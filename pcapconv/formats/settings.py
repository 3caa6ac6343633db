"""What can be told of how a capture is written: one value, from the front door to the writer.

A conversion looks at it too: snaplens are stated by a step in front of the writer.
"""

from __future__ import annotations

from typing import NamedTuple, TypedDict


class WriterArguments(TypedDict, total=False):
    """What the writers of captures can be told, besides the format.

    `nanoseconds` asks for a pcap file with nanoseconds from the start, `keep_snaplen` for a pcapng capture that states
    snaplens as they are, also where packets are longer.
    """

    nanoseconds: bool
    keep_snaplen: bool


WRITER_ARGUMENTS = frozenset(WriterArguments.__annotations__)


class WriterSettings(NamedTuple):
    """What a writer is told: the `format`, of `formats.FORMATS`, and the options of `WriterArguments`."""

    format: str
    nanoseconds: bool = False
    keep_snaplen: bool = False
