"""How a capture is to be written: `WriterSettings`, one value that goes from a command or function to the writer.

A conversion reads it too: a step in front of the writer makes the snaplens hold.
"""

from __future__ import annotations

from typing import NamedTuple, TypedDict


class WriterArguments(TypedDict, total=False):
    """The arguments, besides the format, that functions of the library take for the writer.

    `nanoseconds` makes a pcap file one with nanoseconds from its first packet on. `keep_snaplen` leaves the snaplens of
    a pcapng capture as they are, even if packets are longer.
    """

    nanoseconds: bool
    keep_snaplen: bool


WRITER_ARGUMENTS = frozenset(WriterArguments.__annotations__)


class WriterSettings(NamedTuple):
    """How to write a capture: the `format`, one of `formats.FORMATS`, and the values of `WriterArguments`."""

    format: str
    nanoseconds: bool = False
    keep_snaplen: bool = False
