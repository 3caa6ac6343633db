"""The settings of a writer, `WriterSettings`, which go from a command or library function to the writer.

A conversion reads them too: unless `keep_snaplen` is set, the step in `steps/snaplens.py` raises low snaplens.
"""

from __future__ import annotations

from typing import NamedTuple, TypedDict


class WriterArguments(TypedDict, total=False):
    """The arguments, besides the format, that functions of the library take for the writer.

    With `nanoseconds`, a pcap file has nanoseconds from its first packet on. `keep_snaplen` leaves the snaplens of a
    pcapng capture as they are, even if packets are longer. `compress` is the compression of the output: `gzip`, `zstd`,
    `xz`, `bzip2`, `lz4` or `none`; if it is None, the suffix of the output's name tells it (`.pcapng.gz`), and an
    output that replaces its input is compressed as that is. `compress_level` is a level of that compression.
    """

    nanoseconds: bool
    keep_snaplen: bool
    compress: str | None
    compress_level: int | None


WRITER_ARGUMENTS = frozenset(WriterArguments.__annotations__)


class WriterSettings(NamedTuple):
    """The settings of a writer: the `format`, one of `formats.FORMATS`, and the values of `WriterArguments`.

    For an open output, `formats.output_compression.choose_compression` has replaced `compress` and `compress_level`:
    both are None if the output is not compressed.
    """

    format: str
    nanoseconds: bool = False
    keep_snaplen: bool = False
    compress: str | None = None
    compress_level: int | None = None
