"""Merging captures in memory."""

import io
from collections.abc import Sequence
from typing import Any, BinaryIO, cast

from conversions import Pipe, Sink

import pcapconv
from pcapconv import Report


def merged(captures: Sequence[bytes], to: str = "pcapng", **options: Any) -> tuple[bytes, Report]:
    """The merged captures, and the report."""
    target = io.BytesIO()
    report = pcapconv.merge([io.BytesIO(capture) for capture in captures], target, to=to, **options)
    return target.getvalue(), report


def merged_on_pipes(captures: Sequence[bytes], **options: Any) -> bytes:
    """The captures from pipes, merged into a pipe."""
    sink = Sink()
    pipes = [cast(BinaryIO, Pipe([capture[at : at + 97] for at in range(0, len(capture), 97)])) for capture in captures]
    pcapconv.merge(pipes, cast(BinaryIO, sink), to="pcapng", on_loss="ignore", **options)
    return bytes(sink.taken)
