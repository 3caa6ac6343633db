"""The names of outputs: with the suffixes of their format and compression, and in a directory with the name of their
input."""

from __future__ import annotations

import os

from pcapconv import formats
from pcapconv.errors import FileDirectoryError
from pcapconv.io.compression import COMPRESSIONS, split_suffix
from pcapconv.io.paths import STDIO, Readable, Writable, base_name, create_error


def with_suffix(name: str, to: str | None, compress: str | None = None) -> str:
    """The name with the suffix of the format `to`, which replaces a suffix that belongs to a format and is added to any
    other name; without that if `to` is None. Behind it, the suffix of a compression stays, or is that of the argument
    `compress`: a.pcap.gz becomes a.pcapng.gz."""
    stem, compression = split_suffix(name)
    ending = "" if compression is None else name[len(stem) :]
    if compress is not None and (compression is None or compression.name != compress):
        ending = next((each.suffix for each in COMPRESSIONS if each.name == compress), "")
    if to is None:
        return stem + ending
    base, suffix = os.path.splitext(stem)
    return f"{base if formats.is_suffix(suffix) else stem}.{to}{ending}"


def output_of(source: Readable, target: Writable, to: str | None, compress: str | None = None) -> Writable:
    """The path to write to: in a target that is a directory, the input's name with the suffixes of the format `to` and
    of the argument `compress`, as the command cp does; any other target as it is.

    Raises FileError if the target ends in a slash and is no directory, if the input has no name, or if the path in the
    directory is a directory too.
    """
    if not isinstance(target, str | os.PathLike) or target == STDIO:
        return target
    path = os.fspath(target)
    if not os.path.isdir(path):
        if path.endswith(os.sep):
            try:
                os.stat(path)
            except OSError as error:
                raise create_error(path, error, path.rstrip(os.sep)) from error
        return target
    name = base_name(source)
    if not name:
        raise FileDirectoryError(
            f"{path}: is a directory, and the input has no name that the output could take; name a file", path=path
        )
    inside = os.path.join(path, with_suffix(name, to, compress))
    if os.path.isdir(inside):
        raise FileDirectoryError(f"{inside}: is a directory; name another file", path=inside)
    return inside
