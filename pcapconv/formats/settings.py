"""The settings of a writer, `WriterSettings`, which go from a command or library function to the writer.

A conversion reads them too: unless `keep_snaplen` is set, the step in `steps/snaplens.py` raises low snaplens.
"""

from __future__ import annotations

from typing import NamedTuple, TypedDict


class WriterArguments(TypedDict, total=False):
    """The arguments, besides the format, that functions of the library take for the writer; `docs/reference/python.md`
    describes each."""

    nanoseconds: bool
    keep_snaplen: bool
    compress: str | None
    compress_level: int | None


WRITER_ARGUMENTS = frozenset(WriterArguments.__annotations__)


class WriterSettings(NamedTuple):
    """The settings of a writer: the `format`, one of `formats.FORMATS`, and the values of `WriterArguments`.
    `chooses` is the argument that messages advise, if packets have several link types, to keep those of one. It is None
    if the function or command has none. `decapsulates` tells messages whether packets come out of tunnels.

    For an open output, `formats.output_compression.choose_compression` has replaced `compress` and `compress_level`:
    both are None if the output is not compressed.
    """

    format: str
    nanoseconds: bool = False
    keep_snaplen: bool = False
    chooses: str | None = "interface"
    decapsulates: bool = False
    compress: str | None = None
    compress_level: int | None = None
