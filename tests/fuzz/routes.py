"""The routes on which the same capture gets into pcapconv, and what comes out gets away.

A route must not show: whatever the route, the same bytes come out, the same is reported, and errors have the same text.
All sources and targets of a route have the same name, so that messages can be compared.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, BinaryIO, NamedTuple, cast

import pytest
from compressing import COMPRESS

from pcapconv import formats, kernels
from pcapconv.errors import UsageError
from pcapconv.io import buffered_output

Location = str | BinaryIO


class Route(NamedTuple):
    """How a capture is read and written, by which form of the kernels, and through windows and buffers of which size;
    0 is the usual one."""

    source: str = "bytes"
    target: str = "bytes"
    form: str = "interpreted"
    window: int = 0

    @property
    def compressed(self) -> bool:
        """Whether the source is compressed."""
        return self.source in COMPRESSED

    @property
    def pipes(self) -> bool:
        """Whether the source cannot go back."""
        return self.source in PIPES


class _Stream(io.RawIOBase):
    """A stream with a name that cannot go back, and gives at most so many bytes at a time."""

    def __init__(self, name: str, capture: bytes, most: int) -> None:
        self.name = name
        self._rest = memoryview(capture)
        self._most = most

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        count = min(len(room), self._most, len(self._rest))
        room[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class _Reader:
    """An object that has nothing but `read`, which gives less than it is asked for."""

    def __init__(self, name: str, capture: bytes) -> None:
        self.name = name
        self._file = io.BytesIO(capture)

    def read(self, count: int) -> bytes:
        return self._file.read(count // 2 + 1)


class _Short(io.BytesIO):
    """Bytes with a name that can be gone back in, of which each call gives less than it is asked for."""

    def __init__(self, name: str, capture: bytes) -> None:
        super().__init__(capture)
        self.name = name

    def readinto(self, room: Any) -> int:
        with memoryview(room) as view, view[: len(view) // 3 + 1] as part:
            return super().readinto(part)


class Bytes(io.BytesIO):
    """Bytes with a name."""

    def __init__(self, name: str, capture: bytes = b"") -> None:
        super().__init__(capture)
        self.name = name


class Sink(io.RawIOBase):
    """A stream with a name that cannot go back, and takes at most so many bytes at a time."""

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self.written = bytearray()
        self._most = most

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        with memoryview(data) as view, view[: self._most] as part:
            self.written += part
            return len(part)


PIPES = {"pipe1": 1, "pipe2": 2, "pipe3": 3, "pipe7": 7, "pipe100": 100, "reader": 0, "zstd7": 7, "lz4": 10**9}
COMPRESSED = {"gzip": "gzip", "xz": "xz", "bzip2": "bzip2", "zstd7": "zstd", "lz4": "lz4"}  # route → compression
SOURCES = ["bytes", "file", "short", *PIPES, "gzip", "xz", "bzip2"]
TARGETS = ["bytes", "file", "sink", "sink3"]
WINDOWS = [0, 0, 32, 100, 1000, 4096]


def open_source(route: Route, path: Path, capture: bytes) -> Location:
    """A capture as a route has it; a file is written at this path, everything else has it as its name."""
    name = str(path)
    if route.compressed:
        capture = COMPRESS[COMPRESSED[route.source]](capture)
    if route.source == "file":
        path.write_bytes(capture)
        return name
    if route.source == "bytes" or (route.compressed and not route.pipes):
        return Bytes(name, capture)
    if route.source == "short":
        return _Short(name, capture)
    if route.source == "reader":
        return cast(BinaryIO, _Reader(name, capture))
    return cast(BinaryIO, _Stream(name, capture, PIPES[route.source]))


def open_target(route: Route, path: Path) -> Location:
    """Where a route writes to."""
    if route.target == "file":
        return str(path)
    if route.target == "bytes":
        return Bytes(str(path))
    return cast(BinaryIO, Sink(str(path), 3 if route.target == "sink3" else 2**20))


def written(target: Location) -> bytes:
    """What is in a target now, nothing where no file is there."""
    if isinstance(target, str):
        return Path(target).read_bytes() if os.path.exists(target) else b""
    return bytes(target.written) if isinstance(target, Sink) else target.getvalue()  # type: ignore[attr-defined]


def forms() -> list[str]:
    """The forms of the kernels that are there."""
    try:
        kernels.load("compiled")
    except UsageError:
        return ["interpreted"]
    return ["interpreted", "compiled"]


def other_routes(random: Random, count: int) -> Iterator[Route]:
    """Some routes, no two of which are the same."""
    found = {Route()}
    there = forms()
    while len(found) <= count:
        route = Route(random.choice(SOURCES), random.choice(TARGETS), random.choice(there), random.choice(WINDOWS))
        if route not in found:
            found.add(route)
            yield route


@contextmanager
def on(route: Route) -> Iterator[None]:
    """The kernels and the sizes of a route, while this lasts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PCAPCONV_KERNELS", route.form)
        if route.window:
            open_reader = formats.open_reader
            patch.setattr(formats, "open_reader", lambda source, _=0, **rest: open_reader(source, route.window, **rest))
            patch.setattr(buffered_output, "BUFFER_SIZE", max(4096, route.window))
        yield
