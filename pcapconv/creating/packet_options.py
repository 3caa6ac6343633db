"""The options of packets, with what the arguments of `CaptureWriter.write` say: comments, flags, direction."""

from __future__ import annotations

from typing import SupportsIndex

from pcapconv.creating.packed_values import ORDER, packed_number
from pcapconv.errors import UsageError
from pcapconv.spec import option_lists, pcapng
from pcapconv.spec.given_values import Texts, texts_bytes
from pcapconv.wording import argument, arguments

_DIRECTION_BITS = 3


def changed_options(
    options: bytes, comments: Texts | None, flags: SupportsIndex | None, direction: str | None, *, new_bytes: bool
) -> tuple[bytes, int]:
    """A packet's options with what the arguments replace, and how many hashes were left out, since a packet with
    `new_bytes` has another one. Raises UsageError."""
    left_out, added, hashes = set[int](), list[tuple[int, bytes]](), 0
    listed = option_lists.OptionList(options, ORDER)
    if comments is not None:
        left_out.add(option_lists.COMMENT)
        added += [(option_lists.COMMENT, text) for text in texts_bytes("comments", comments)]
    if flags is not None or direction is not None:
        left_out.add(pcapng.PACKET_FLAGS)
        added.append((pcapng.PACKET_FLAGS, _packed_flags(flags, direction, listed.first(pcapng.PACKET_FLAGS))))
    if new_bytes and (hashes := sum(option.code == pcapng.PACKET_HASH for option in listed)):
        left_out.add(pcapng.PACKET_HASH)
    if not left_out:
        return options, 0
    return option_lists.edit(options, ORDER, keep=lambda option: option.code not in left_out, add=added), hashes


def _packed_flags(flags: SupportsIndex | None, direction: str | None, old: bytes | None) -> bytes:
    """The value of a packet's flags. `old` is the value so far, of which a direction changes only its bits."""
    if direction is None:
        return packed_number("flags", flags, 4)
    if flags is not None:
        raise UsageError(
            f"{arguments(flags=None, direction=None)}: the direction is two bits of the flags; give one of them",
            option="flags",
        )
    if not isinstance(direction, str) or direction not in pcapng.DIRECTIONS:
        raise UsageError(
            f"{argument('direction', direction)}: must be one of {', '.join(pcapng.DIRECTIONS)}", option="direction"
        )
    before = int.from_bytes(old, ORDER) if old is not None and len(old) == 4 else 0
    return (before & ~_DIRECTION_BITS | pcapng.DIRECTIONS[direction]).to_bytes(4, ORDER)
