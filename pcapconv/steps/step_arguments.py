"""The selecting and editing arguments: their names and types, and what checks these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

from pcapconv.argument_types import check_flags
from pcapconv.errors import UsageError
from pcapconv.wording import argument

if TYPE_CHECKING:
    from datetime import timedelta

    from pcapconv.model import Packet
    from pcapconv.steps.typed_values import LengthOfTime, PacketNumbers, Time

_WHOLE_NUMBERS = {"first", "last", "snaplen", "chop"}
_LISTS = {"packets", "drop_packets"}  # which `typed_values` checks, as the next ones
_TYPED = {"after", "before", "rebase_time", "shift_time", "dedup", "dedup_skip"}
_FLAGS = {"invert", "sort", "adjust_length", "only_decapsulated"}
REPEATABLE = {
    "interface",
    "dedup_ignore",
    "decapsulate",
    "chop",
    "capture_comment",
    "packet_comment",
    "set_time",
    "set_interface",
    "strip",
    "inject_secrets",
}


class SelectingArguments(TypedDict, total=False):
    """The selecting arguments of `convert`, `split`, `batch` and `write_table`, as in `StepArguments`."""

    sort: bool
    timezone: str | None
    after: Time | None
    before: Time | None
    packets: PacketNumbers | None
    drop_packets: PacketNumbers | None
    first: int | None
    last: int | None
    interface: Sequence[str]
    comment_matches: str | None
    direction: Literal["in", "out"] | None
    filter: str | None
    where: Callable[[Packet], object] | None
    dedup: int | str | timedelta | None
    dedup_ignore: Sequence[str]
    dedup_skip: int | str | None
    invert: bool


class StepArguments(SelectingArguments, total=False):
    """The selecting and editing arguments of `convert`, `split` and `batch`; `docs/reference/python.md` describes each.

    Times, lengths of time and packet numbers are text or in Python's types, see `pcapconv.steps.typed_values`. An
    argument that may be given several times is a sequence; `set_time` may also be a mapping of times by packet number.
    """

    decapsulate: Sequence[str]
    only_decapsulated: bool
    snaplen: int | None
    chop: Sequence[int | str]
    adjust_length: bool
    shift_time: LengthOfTime | None
    rebase_time: Time | None
    set_time: Sequence[str] | Mapping[int, Time]
    capture_comment: Sequence[str]
    packet_comment: Sequence[str]
    set_interface: Sequence[str]
    link_type: str | None
    strip: Sequence[str]
    inject_secrets: Sequence[str]
    extract_secrets: str | None


def check_names(given: Iterable[str], arguments: Iterable[str]) -> None:
    """Raise TypeError for a name that is no argument, and say which one is like it."""
    for name in given:
        if name not in arguments:
            from difflib import get_close_matches  # only here, for a faster start

            alike = "".join(f"; did you mean {each}?" for each in get_close_matches(name, arguments, 1, 0.75))
            raise TypeError(f"{name!r} is no argument{alike}")


def check_types(step_arguments: StepArguments) -> None:
    """Raise TypeError for a name that is no argument, as Python does, and UsageError for a value of the wrong type."""
    check_names(step_arguments, StepArguments.__annotations__)
    check_flags(**{name: value for name, value in step_arguments.items() if name in _FLAGS})
    for name, value in step_arguments.items():
        if value is None or name in _FLAGS or name in _LISTS or (name == "set_time" and isinstance(value, Mapping)):
            continue
        if name == "where":
            if not callable(value):
                raise UsageError(f"{argument(name, value)}: must be a function of a packet", option=name)
            continue
        several = isinstance(value, list | tuple)
        expected_type: type = int if name in _WHOLE_NUMBERS else str
        if several and name not in REPEATABLE:
            raise UsageError(f"{argument(name, value)}: it can be given once only", option=name)
        if name in _TYPED:
            continue
        for each in value if isinstance(value, list | tuple) else [value]:
            if name == "chop" and isinstance(each, str):
                continue  # OFFSET:N
            if not isinstance(each, expected_type) or isinstance(each, bool):
                expected = "a whole number" if expected_type is int else "text"
                raise UsageError(f"{argument(name, each)}: must be {expected}", option=name)


def texts_of(step_arguments: StepArguments, name: str) -> Sequence[str]:
    """Return the texts of an argument that may be given several times; a single text becomes a sequence of one."""
    value = step_arguments.get(name)
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    assert isinstance(value, Sequence)
    return tuple(value)
