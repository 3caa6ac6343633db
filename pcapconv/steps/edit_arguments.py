"""Checks the arguments that edit packets and their times, and turns them into edits for the steps.

Strategy: the places of `chop` count in the packet as it was read, so that their order does not matter. Lengths at the
same place are added up; a place at the front or at the end of packets needs no more than two lengths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pcapconv.errors import UsageError
from pcapconv.spec.given_values import whole_number
from pcapconv.steps import argument_values, typed_values
from pcapconv.steps.edit_packets import Cut, PacketEdits
from pcapconv.steps.edit_times import TimeEdits
from pcapconv.steps.relabel import encode_text
from pcapconv.wording import argument, arguments

if TYPE_CHECKING:
    from fractions import Fraction

    from pcapconv.steps.typed_values import LengthOfTime, Time
    from pcapconv.time_zones import TimeZone

_MOST_BYTES = 2**32 - 1
_MOST_COMMENTS = 16 * 2**20  # bytes of comments for one packet
_MOST_DIGITS = 20


def packet_edits(
    chop: Sequence[int | str] | int | str | None, *, adjust_length: bool, snaplen: int | None, comments: Sequence[str]
) -> PacketEdits:
    """Return what to edit in packets; `comments` are the texts `NUMBER:TEXT`. Raises UsageError."""
    lengths = _chopped(() if chop is None else [chop] if isinstance(chop, int | str) else chop)
    if adjust_length and not lengths:
        example = arguments(chop=14, adjust_length=True)
        raise UsageError(
            f"{argument('adjust_length', True)} goes with {argument('chop')}, as in {example}", option="adjust_length"
        )
    front, end = lengths.pop((0, False, True), 0), lengths.pop((0, True, False), 0)
    cuts = tuple(
        Cut(offset, from_end, 0 if behind else length, length if behind else 0)
        for (offset, from_end, behind), length in lengths.items()
    )
    if snaplen is not None:
        snaplen = argument_values.parse_count("snaplen", snaplen)
        if snaplen > 2**31 - 1:
            raise UsageError(f"{argument('snaplen', snaplen)}: must be at most {2**31 - 1}", option="snaplen")
    return PacketEdits(front, end, cuts, adjust_length, snaplen, _comments(comments))


def time_edits(
    shift: LengthOfTime | None, start: Time | None, settings: Sequence[str] | Mapping[int, Time], zone: TimeZone
) -> TimeEdits:
    """Return what to edit in times, for `shift_time` and `rebase_time`; `settings` are the texts `NUMBER:TIME`, or
    times by packet number. Times without an offset are those of the `zone`. Raises UsageError."""
    if shift is not None and start is not None:
        raise UsageError(
            f"{argument('shift_time', shift)} and {argument('rebase_time', start)} both move all packets; "
            "give one of them",
            option="shift_time",
        )
    moments: dict[int, Fraction] = {}
    if isinstance(settings, Mapping):
        for key, time in settings.items():
            number = whole_number(key)
            if number is None or not 0 < number < 10**_MOST_DIGITS:
                raise UsageError(
                    f"{argument('set_time', settings)}: write times by packet number, as in "
                    "{17: '2024-05-01T12:00Z'}; packets count from 1",
                    option="set_time",
                )
            moments[number] = _moment("set_time", time, zone)
        settings = ()
    for text in settings:
        number, time = _numbered("set_time", text, "2024-05-01T12:00Z", "NUMBER:TIME")
        if number in moments:
            raise UsageError(
                f"{argument('set_time', text)}: packet {number} has a time already; give it one", option="set_time"
            )
        moments[number] = _moment("set_time", time, zone)
    seconds = None if shift is None else typed_values.duration("shift_time", shift, signed=True)
    return TimeEdits(seconds or None, None if start is None else _moment("rebase_time", start, zone), moments)


def _chopped(values: Sequence[int | str]) -> Counter[tuple[int, bool, bool]]:
    """Return how many bytes to remove, by place: an offset, whether it counts from the end, and whether the bytes are
    behind it."""
    lengths = Counter[tuple[int, bool, bool]]()
    for value in values:
        offset, from_end, number = argument_values.parse_chop("chop", value, _MOST_BYTES)
        lengths[offset, from_end, number > 0] += abs(number)
    return Counter({place: min(length, _MOST_BYTES) for place, length in lengths.items()})


def _comments(texts: Sequence[str]) -> dict[int, list[bytes]]:
    """Return the comments for packets, encoded, by packet number. Raises UsageError."""
    comments: dict[int, list[bytes]] = {}
    for text in texts:
        number, comment = _numbered("packet_comment", text, "retry", "NUMBER:TEXT")
        comments.setdefault(number, []).append(
            encode_text(f"{argument('packet_comment')} for packet {number}", comment)
        )
    if any(sum(map(len, of_packet)) > _MOST_COMMENTS for of_packet in comments.values()):
        raise UsageError(
            f"{argument('packet_comment')}: a packet gets at most {_MOST_COMMENTS:,} bytes of comments",
            option="packet_comment",
        )
    return comments


def _numbered(name: str, text: str, example: str, form: str) -> tuple[int, str]:
    """Separate a packet number from what is behind the first colon. Raises UsageError."""
    number, colon, rest = text.partition(":")
    sound = number.isdecimal() and number.isascii() and len(number) <= _MOST_DIGITS and int(number)
    if not colon or not sound:
        raise UsageError(f"{argument(name, text)}: write {form}, as in 17:{example}; packets count from 1", option=name)
    return int(number), rest


def _moment(name: str, time: Time, zone: TimeZone) -> Fraction:
    """Parse a time that does not depend on the capture. Raises UsageError."""
    moment = typed_values.moment(name, time, zone)
    if moment.relative:
        raise UsageError(
            f"{argument(name, time)}: counts from the first packet, whose time may change; write a time, as in "
            "2024-05-01T12:00:00Z",
            option=name,
        )
    return moment.seconds
