"""Text out of packets, made safe to show: decoded, escaped and cut."""

from __future__ import annotations

from pcapconv.text import shortened, shown

MOST_QUOTED = 256  # characters


def quoted(data: bytes) -> str:
    """These bytes as text that has no control characters, and at most 256 characters and a mark that more follow. Bytes
    that are not UTF-8 are shown as `\\xNN`."""
    text = shown(data[: 4 * MOST_QUOTED].decode("utf-8", "backslashreplace"))
    return shortened(text, MOST_QUOTED)
