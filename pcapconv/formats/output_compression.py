"""How an output is compressed: by what the caller's arguments say, by the suffix of its name, or as the file that it
replaces is compressed."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from pcapconv.argument_types import is_one_of
from pcapconv.errors import UsageError
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.compression import (
    COMPRESSION_NAMES,
    HEAD_SIZE,
    NO_COMPRESSION,
    Compression,
    compression_named,
    recognise_compression,
    split_suffix,
)
from pcapconv.io.paths import Writable, comparable_path, name_of
from pcapconv.io.source import Source
from pcapconv.wording import argument

if TYPE_CHECKING:
    from pcapconv.io.compressed_output import OutputCompression


def check_compression(compress: str | None, level: int | None) -> None:
    """Check the arguments `compress` and `compress_level`, as far as they can be without an output. Raises
    UsageError."""
    if compress is not None and not is_one_of(compress, COMPRESSION_NAMES):
        raise UsageError(
            f"{argument('compress', compress)}: must be one of {', '.join(COMPRESSION_NAMES)}", option="compress"
        )
    if level is not None:
        if isinstance(level, bool) or not isinstance(level, int):
            raise UsageError(f"{argument('compress_level', level)}: write a whole number", option="compress_level")
        if compress == NO_COMPRESSION:
            raise _level_without_compression(level)
        if compress is not None:
            _check_level(compression_named(compress), level)


def choose_compression(settings: WriterSettings, target: Writable, source: Source | None = None) -> WriterSettings:
    """Return the settings with the compression of this output: its name, and its level, or None for both.

    An output is compressed by the argument `compress`; without it, as the `source` is if the output replaces it, or
    else by the suffix of the output's name. Raises UsageError for invalid arguments, if `compress` contradicts the
    suffix, and for a level without a compression; FileError if the source cannot be read.
    """
    check_compression(settings.compress, settings.compress_level)
    name = _name_with_suffix(target)
    chosen = _chosen(settings.compress, name)
    if settings.compress is None and source is not None and _replaces(target, source):
        chosen = recognise_compression(source.peek(0, HEAD_SIZE)) or chosen
    level = settings.compress_level
    if chosen is None:
        if level is not None:
            raise _level_without_compression(level)
        return settings._replace(compress=None)
    if level is not None:
        _check_level(chosen, level)
    return settings._replace(compress=chosen.name, compress_level=chosen.default_level if level is None else level)


def check_suffix(compress: str | None, name: str) -> None:
    """Check that the argument `compress` does not contradict the suffix of a name. Raises UsageError if it does."""
    if compress is not None:
        _chosen(compress, name)


def output_compression(settings: WriterSettings) -> OutputCompression | None:
    """Return how an output with these settings, which `choose_compression` returned, is compressed; None if it is
    not."""
    if settings.compress is None:
        return None
    from pcapconv.io.compressed_output import OutputCompression  # a plain conversion starts faster without it

    assert settings.compress_level is not None
    return OutputCompression(compression_named(settings.compress), settings.compress_level)


def _chosen(compress: str | None, name: str | None) -> Compression | None:
    """Return the compression that an argument, or else the suffix of a name, tells. Raises UsageError if they
    contradict each other."""
    stem, by_suffix = (name, None) if name is None else split_suffix(name)
    if compress is None:
        return by_suffix
    chosen = None if compress == NO_COMPRESSION else compression_named(compress)
    if by_suffix is not None and by_suffix != chosen:
        better = f"{stem}{'' if chosen is None else chosen.suffix}"
        raise UsageError(
            f"{name}: its suffix says {by_suffix.name}, and {argument('compress', compress)} something else; name it "
            f"{better}, or leave out {argument('compress')}",
            path=name,
        )
    return chosen


def _name_with_suffix(target: Writable) -> str | None:
    """Return the name whose suffix tells the compression: that of a file. A file object that is no file of the system,
    such as one that compresses by itself, has none."""
    if isinstance(target, str | os.PathLike) or isinstance(getattr(target, "raw", target), io.FileIO):
        return name_of(target)
    return None


def _replaces(target: Writable, source: Source) -> bool:
    """Return whether an output gets the path of the source."""
    return source.plain and source.path is not None and source.path == comparable_path(target)


def _check_level(compression: Compression, level: int) -> None:
    """Check that a compression has this level. Raises UsageError if it has not."""
    levels = compression.levels
    if level not in levels:
        raise UsageError(
            f"{argument('compress_level', level)}: {compression.name} has the levels {levels[0]} to {levels[-1]}",
            option="compress_level",
        )


def _level_without_compression(level: int) -> UsageError:
    return UsageError(
        f"{argument('compress_level', level)}: the output is not compressed; give it a suffix, as in x.pcapng.gz, or "
        f"say {argument('compress', 'gzip')}",
        option="compress_level",
    )
